//! Where values of a recipe come from in the end: through its variables and outputs, its loops, and the
//! recipes it requires.

use std::collections::BTreeSet;

use crate::expression::{Expression, Flow, Node, Source, Tree};
use crate::recipe::{Catalogue, Expr, Input, Lookup, Recipe, Requirement, Step};

/// Paths followed of one value.
const MAX_STEPS: usize = 2_000;
/// Definitions followed one through the other; the walk recurses on them.
const MAX_DEPTH: usize = 50;

/// Where a value comes from in the end.
#[derive(Clone, Debug)]
pub(super) struct Leaf<'a> {
    pub(super) from: From<'a>,
    /// Whether it is made of that rather than that itself.
    pub(super) made: bool,
}

/// The ends of a trace.
#[derive(Clone, Debug)]
pub(super) enum From<'a> {
    /// An input, of this recipe or of one it requires.
    Input(&'a Input),
    /// The result of a step, and the path below it.
    Step(&'a Step, Vec<String>),
    /// What is read, by which recipe, and the path below it.
    Lookup(&'a Recipe, &'a Lookup, Vec<String>),
    /// Another root and the path below it.
    Root(Vec<String>),
    /// What is written in a recipe.
    Literal(String),
}

/// Everything that a value comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace<'a> {
    pub(super) leaves: Vec<Leaf<'a>>,
    /// What decides it beyond being there.
    pub(super) examined: Vec<Leaf<'a>>,
    /// Whether there is more than was followed.
    pub(super) vague: bool,
}

/// The trace of an expression that stands in `recipe`, below a `for_each`.
pub(super) fn trace<'a>(
    recipe: &'a Recipe,
    catalogue: &'a Catalogue,
    expression: &Expression,
    for_each: Option<&'a Expr>,
) -> Trace<'a> {
    let mut tracer = Tracer::new(catalogue);
    let stand = Stand { recipe, for_each, by: None };
    tracer.expression(&stand, expression, &[], false, Use::Value);
    tracer.trace
}

/// The trace of a tree, such as what `with` sets.
pub(super) fn trace_tree<'a>(recipe: &'a Recipe, catalogue: &'a Catalogue, tree: &'a Tree) -> Trace<'a> {
    let mut tracer = Tracer::new(catalogue);
    tracer.tree(&Stand { recipe, for_each: None, by: None }, tree, &["*".to_owned()], false, Use::Value);
    tracer.trace
}

/// Where an expression stands.
#[derive(Clone)]
struct Stand<'a> {
    recipe: &'a Recipe,
    for_each: Option<&'a Expr>,
    /// The recipe that requires this one on the way here, with the requirement.
    by: Option<(&'a Recipe, &'a Requirement)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Value,
    Examined,
}

struct Tracer<'a> {
    catalogue: &'a Catalogue,
    trace: Trace<'a>,
    /// By recipe and the requirement on the way to it: what one sets is not what the other does.
    seen: BTreeSet<(String, String, Vec<String>, bool, Use)>,
    steps: usize,
    depth: usize,
}

impl<'a> Tracer<'a> {
    fn new(catalogue: &'a Catalogue) -> Tracer<'a> {
        Tracer { catalogue, trace: Trace::default(), seen: BTreeSet::new(), steps: 0, depth: 0 }
    }

    fn leaf(&mut self, from: From<'a>, made: bool, used: Use) {
        let leaf = Leaf { from, made };
        match used {
            Use::Value => self.trace.leaves.push(leaf),
            Use::Examined => self.trace.examined.push(leaf),
        }
    }

    fn expression(
        &mut self,
        stand: &Stand<'a>,
        expression: &Expression,
        below: &[String],
        made: bool,
        used: Use,
    ) {
        let flows = expression.flows();
        self.trace.vague |= flows.vague;
        for Flow { from, made: own } in flows.value {
            match from {
                Source::Literal(text) => self.leaf(From::Literal(text), made || own, used),
                Source::Path(mut path) => {
                    if !own {
                        path.extend_from_slice(below);
                    }
                    self.path(stand, &path, made || own, used);
                }
            }
        }
        for path in flows.examined {
            self.path(stand, &path, false, Use::Examined);
        }
    }

    fn tree(&mut self, stand: &Stand<'a>, tree: &'a Tree, below: &[String], made: bool, used: Use) {
        match &tree.node {
            Node::Scalar(serde_json::Value::Null) => {}
            Node::Scalar(value) => self.leaf(From::Literal(value.to_string()), made, used),
            Node::Text(expression) => self.expression(stand, expression, below, made, used),
            Node::List(items) => {
                let rest = below.get(1..).unwrap_or(below);
                for item in items {
                    self.tree(stand, item, rest, made, used);
                }
            }
            Node::Map(members) => {
                let wanted = below.first().map_or("*", String::as_str);
                let rest = below.get(1..).unwrap_or_default();
                // Everything, however deep, is told by a `*` that stays.
                let rest = if rest.is_empty() && wanted == "*" { below } else { rest };
                for (key, _, member) in members {
                    let name = key.literal();
                    if name.is_none() {
                        // `keys` and rounds give it.
                        self.expression(stand, key, &[], true, used);
                    }
                    if wanted == "*" || name.is_none_or(|name| name == wanted) {
                        self.tree(stand, member, rest, made, used);
                    }
                }
            }
        }
    }

    fn path(&mut self, stand: &Stand<'a>, path: &[String], made: bool, used: Use) {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.depth > MAX_DEPTH {
            self.trace.vague = true;
            return;
        }
        self.depth += 1;
        self.follow(stand, path, made, used);
        self.depth -= 1;
    }

    fn follow(&mut self, stand: &Stand<'a>, path: &[String], made: bool, used: Use) {
        let recipe = stand.recipe;
        let by = stand.by.map(|(by, requirement)| format!("{}/{}", by.name.value, requirement.instance()));
        let key = (recipe.name.value.clone(), by.unwrap_or_default(), path.to_vec(), made, used);
        if !self.seen.insert(key) {
            return;
        }
        let Some((root, rest)) = path.split_first() else {
            // The document as a whole, or one of its roots.
            self.trace.vague = true;
            return;
        };
        let (name, below) = rest.split_first().map_or(("*", rest), |(name, below)| (name.as_str(), below));
        let wanted = |own: &str| name == "*" || name == own;
        match root.as_str() {
            "inputs" => {
                for input in recipe.inputs.values().filter(|input| wanted(&input.id.name)) {
                    self.input(stand, input, below, made, used);
                }
            }
            "variables" | "outputs" => {
                let definitions = if root == "variables" { &recipe.variables } else { &recipe.outputs };
                for definition in definitions.values().filter(|one| wanted(&one.id.name)) {
                    self.tree(stand, &definition.value, below, made, used);
                }
            }
            // A table is as much written by whoever wrote the recipe as what stands in the recipe.
            "data" => {
                for table in recipe.data.values().filter(|table| wanted(&table.id.name)) {
                    self.written(&table.value, made, used);
                }
            }
            "steps" => {
                for step in recipe.steps.iter().filter(|step| wanted(&step.id.name)) {
                    self.leaf(From::Step(step, below.to_vec()), made, used);
                }
            }
            // A name or a number of the round, never what is in it.
            "each" if name == "key" => self.leaf(From::Root(path.to_vec()), made, used),
            "each" => {
                if let Some(for_each) = stand.for_each {
                    let outer = Stand { for_each: None, ..stand.clone() };
                    let mut inner = vec!["*".to_owned()];
                    inner.extend_from_slice(below);
                    self.expression(&outer, &for_each.value, &inner, made, used);
                }
            }
            _ => {
                if let Some(lookup) = recipe.existing.get(root) {
                    self.leaf(From::Lookup(recipe, lookup, rest.to_vec()), made, used);
                } else if let Some(requirement) = recipe.requires.iter().find(|one| one.instance() == *root) {
                    let Ok(required) = self.catalogue.get(&requirement.recipe.value) else { return };
                    let inner = Stand { recipe: required, for_each: None, by: Some((recipe, requirement)) };
                    for definition in required.outputs.values().filter(|one| wanted(&one.id.name)) {
                        self.tree(&inner, &definition.value, below, made, used);
                    }
                } else {
                    self.leaf(From::Root(path.to_vec()), made, used);
                }
            }
        }
    }

    /// Everything that stands in a table: which part of it is read is not followed.
    fn written(&mut self, json: &serde_json::Value, made: bool, used: Use) {
        self.steps += 1;
        match json {
            _ if self.steps > MAX_STEPS => self.trace.vague = true,
            serde_json::Value::Null => {}
            serde_json::Value::Array(items) => items.iter().for_each(|one| self.written(one, made, used)),
            serde_json::Value::Object(members) => members.iter().for_each(|(key, one)| {
                // Keys can be had too, by `keys` and by rounds.
                self.leaf(From::Literal(key.clone()), made, used);
                self.written(one, made, used);
            }),
            serde_json::Value::String(text) => self.leaf(From::Literal(text.clone()), made, used),
            other => self.leaf(From::Literal(other.to_string()), made, used),
        }
    }

    /// An input: what a caller gives, or what stands in the recipes when nobody does.
    fn input(&mut self, stand: &Stand<'a>, input: &'a Input, below: &[String], made: bool, used: Use) {
        self.leaf(From::Input(input), made, used);
        if let Some(default) = &input.default {
            let stand = Stand { for_each: None, ..stand.clone() };
            self.tree(&stand, default, below, made, used);
        }
        if let Some((requiring, requirement)) = stand.by
            && let Some(definition) = requirement.with.get(&input.id.name)
        {
            let outer = Stand { recipe: requiring, for_each: None, by: None };
            self.tree(&outer, &definition.value, below, made, used);
        }
    }
}
