//! Where the value of an expression can come from, said without any value: for what must hold of a
//! recipe before anybody runs it.

use std::collections::BTreeSet;

use jmespath::ast::Ast;

use super::functions::{self, Gives};
use super::parse::{Part, Query};

/// Sources kept of one value; an expression with more is called vague.
const MAX_SOURCES: usize = 100;
/// Names kept of one path.
const MAX_PATH: usize = 16;

/// One thing that a value can come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// What it is.
    pub from: Source,
    /// Whether it is made of that (joined, cut, replaced, within text) rather than that itself.
    pub made: bool,
}

/// What a value can come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A path from a root; `*` stands for some element or member.
    Path(Vec<String>),
    /// What is written there, a string as it is, anything else as JSON.
    Literal(String),
}

/// Everything that the value of an expression can come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// What the value can be, or be made of.
    pub value: BTreeSet<Flow>,
    /// Paths whose content decides it, beyond being there: compared, counted, searched, or cut up to see what is left.
    pub examined: BTreeSet<Vec<String>>,
    /// Whether there is more than was followed.
    pub vague: bool,
}

/// The flows of a parsed string.
pub(super) fn of(parts: &[Part]) -> Flows {
    let mut walk = Walk::default();
    let mut value = BTreeSet::new();
    let alone = parts.len() == 1;
    for part in parts {
        match part {
            Part::Text(text) => {
                value.insert(Flow { from: Source::Literal(text.clone()), made: !alone });
            }
            Part::Query(Query { ast, .. }) => {
                for flow in plain(walk.visit(ast, &[Place::Document])) {
                    value.insert(Flow { made: flow.made || !alone, ..flow });
                }
            }
        }
    }
    Flows { value, examined: walk.examined, vague: walk.vague }
}

/// What a node looks at, or gives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Document,
    Flow(Flow),
    /// An object that the expression itself makes.
    Object(Vec<(String, Vec<Place>)>),
}

#[derive(Default)]
struct Walk {
    examined: BTreeSet<Vec<String>>,
    vague: bool,
}

impl Walk {
    fn visit(&mut self, ast: &Ast, current: &[Place]) -> Vec<Place> {
        // Made where that is something, and as often as it is (`split(…)[1].['yes']`): like a condition.
        if matches!(
            ast,
            Ast::Literal { .. } | Ast::MultiList { .. } | Ast::MultiHash { .. } | Ast::Function { .. }
        ) {
            self.examine_made(current);
        }
        match ast {
            Ast::Identity { .. } | Ast::Slice { .. } => current.to_vec(),
            Ast::Literal { value, .. } => match value.as_ref() {
                jmespath::Variable::Null => Vec::new(),
                jmespath::Variable::String(text) => literal(text.clone()),
                other => literal(other.to_string()),
            },
            Ast::Field { name, .. } => self.field(current, name),
            Ast::Index { .. } => self.elements(current),
            Ast::Subexpr { lhs, rhs, .. } => {
                let left = self.visit(lhs, current);
                self.visit(rhs, &left)
            }
            Ast::Flatten { node, .. } => self.visit(node, current),
            Ast::ObjectValues { node, .. } => {
                let object = self.visit(node, current);
                members(object)
            }
            Ast::Projection { lhs, rhs, .. } => {
                let list = self.visit(lhs, current);
                let element = self.elements(&list);
                self.visit(rhs, &element)
            }
            Ast::Condition { predicate, then, .. } => {
                self.condition(predicate, current);
                self.visit(then, current)
            }
            Ast::Comparison { lhs, rhs, .. } => {
                let (left, right) = (self.visit(lhs, current), self.visit(rhs, current));
                // Against null: only whether it is there.
                if left.is_empty() || right.is_empty() {
                    self.examine_made(&left);
                    self.examine_made(&right);
                } else {
                    self.examine(&left);
                    self.examine(&right);
                }
                Vec::new()
            }
            Ast::Or { lhs, rhs, .. } => {
                let mut either = self.condition(lhs, current);
                either.extend(self.visit(rhs, current));
                self.bounded(either)
            }
            Ast::And { lhs, rhs, .. } => {
                self.condition(lhs, current);
                self.visit(rhs, current)
            }
            Ast::Not { node, .. } => {
                self.condition(node, current);
                Vec::new()
            }
            Ast::MultiList { elements, .. } => {
                let all = elements.iter().flat_map(|element| self.visit(element, current)).collect();
                self.bounded(all)
            }
            Ast::MultiHash { elements, .. } => {
                let member = |walk: &mut Walk, pair: &jmespath::ast::KeyValuePair| {
                    (pair.key.clone(), walk.visit(&pair.value, current))
                };
                vec![Place::Object(elements.iter().map(|pair| member(self, pair)).collect())]
            }
            Ast::Function { name, args, .. } => self.function(name, args, current),
            Ast::Expref { ast, .. } => self.visit(ast, current),
        }
    }

    fn function(&mut self, name: &str, args: &[Ast], current: &[Place]) -> Vec<Place> {
        match (name, args) {
            ("root", _) => return vec![Place::Document],
            ("if", [condition, branches @ ..]) => {
                self.condition(condition, current);
                let all = branches.iter().flat_map(|branch| self.visit(branch, current)).collect();
                return self.bounded(all);
            }
            ("map", [expression, list]) => {
                let list = self.visit(list, current);
                let element = self.elements(&list);
                return self.visit(expression, &element);
            }
            ("sort_by" | "max_by" | "min_by", [list, expression]) => {
                let list = self.visit(list, current);
                let element = self.elements(&list);
                let by = self.visit(expression, &element);
                self.examine(&by);
                return if name == "sort_by" { list } else { element };
            }
            ("member", [object, name]) => {
                let object = self.visit(object, current);
                let name = self.visit(name, current);
                self.examine(&name);
                let (made, others): (Vec<Place>, Vec<Place>) =
                    object.into_iter().partition(|place| matches!(place, Place::Object(_)));
                let mut any = members(made);
                any.extend(self.elements(&others));
                return self.bounded(any);
            }
            ("find", [list, field, wanted]) => {
                let list = self.visit(list, current);
                let element = self.elements(&list);
                let mut by = self.visit(wanted, current);
                if let Ast::Literal { value, .. } = field
                    && let Some(path) = value.as_string()
                {
                    by.extend(path.split('.').fold(element.clone(), |at, name| self.field(&at, name)));
                }
                self.examine(&by);
                return element;
            }
            _ => {}
        }
        let given: Vec<Place> = args.iter().flat_map(|arg| self.visit(arg, current)).collect();
        let given = self.bounded(given);
        match (name, functions::find(name).map(|function| function.gives)) {
            ("type", _) => {
                self.examine_made(&given);
                Vec::new()
            }
            ("not_null", _) => {
                self.examine_made(&given);
                given
            }
            ("values", _) => members(given),
            ("max" | "min", _) => {
                self.examine(&given);
                self.elements(&given)
            }
            ("count" | "length", _) | (_, Some(Gives::Fact)) => {
                self.examine(&given);
                Vec::new()
            }
            ("keys" | "items" | "from_items", _) | (_, Some(Gives::Made)) => {
                plain(given).into_iter().map(|flow| Place::Flow(Flow { made: true, ..flow })).collect()
            }
            _ => given,
        }
    }

    /// What decides by being there, or true.
    fn condition(&mut self, ast: &Ast, current: &[Place]) -> Vec<Place> {
        let places = self.visit(ast, current);
        self.examine_made(&places);
        places
    }

    /// Whether a thing is there tells nothing of it; whether something is left of what was cut from it does.
    fn examine_made(&mut self, places: &[Place]) {
        let made = |place: &Place| matches!(place, Place::Flow(Flow { made: true, .. }));
        let made: Vec<Place> = places.iter().filter(|place| made(place)).cloned().collect();
        self.examine(&made);
    }

    fn examine(&mut self, places: &[Place]) {
        for flow in plain(places.to_vec()) {
            if let Source::Path(path) = flow.from {
                self.examined.insert(path);
            }
        }
    }

    fn field(&mut self, current: &[Place], name: &str) -> Vec<Place> {
        let mut found = Vec::new();
        for place in current {
            match place {
                Place::Document => found.push(path(vec![name.to_owned()])),
                Place::Object(members) => {
                    let own = members.iter().filter(|(key, _)| key == name);
                    found.extend(own.flat_map(|(_, value)| value.clone()));
                }
                Place::Flow(flow) => found.push(self.below(flow, name)),
            }
        }
        self.bounded(found)
    }

    fn elements(&mut self, current: &[Place]) -> Vec<Place> {
        let found = current
            .iter()
            .map(|place| match place {
                Place::Flow(flow) => self.below(flow, "*"),
                other => other.clone(),
            })
            .collect();
        self.bounded(found)
    }

    /// What is below something that is made cannot be told from it.
    fn below(&mut self, flow: &Flow, name: &str) -> Place {
        match &flow.from {
            Source::Path(names) if !flow.made => {
                if names.len() >= MAX_PATH {
                    self.vague = true;
                    return Place::Flow(flow.clone());
                }
                let mut names = names.clone();
                names.push(name.to_owned());
                path(names)
            }
            _ => Place::Flow(flow.clone()),
        }
    }

    fn bounded(&mut self, mut places: Vec<Place>) -> Vec<Place> {
        places.sort();
        places.dedup();
        if places.len() > MAX_SOURCES {
            self.vague = true;
            places.truncate(MAX_SOURCES);
        }
        places
    }
}

fn path(names: Vec<String>) -> Place {
    Place::Flow(Flow { from: Source::Path(names), made: false })
}

fn literal(text: String) -> Vec<Place> {
    vec![Place::Flow(Flow { from: Source::Literal(text), made: false })]
}

/// An object's values, whatever their names.
fn members(places: Vec<Place>) -> Vec<Place> {
    places
        .into_iter()
        .flat_map(|place| match place {
            Place::Object(members) => members.into_iter().flat_map(|(_, value)| value).collect(),
            other => vec![other],
        })
        .collect()
}

/// The flows in all of this; the document as a whole is every root.
fn plain(places: Vec<Place>) -> Vec<Flow> {
    let mut flows = Vec::new();
    for place in places {
        match place {
            Place::Document => flows.push(Flow { from: Source::Path(Vec::new()), made: false }),
            Place::Flow(flow) => flows.push(flow),
            Place::Object(members) => {
                for (_, value) in members {
                    flows.extend(plain(value));
                }
            }
        }
    }
    flows
}
