//! What of a recipe's values may not be shown, as far as the file tells it: secrets, values that belong to somebody
//! else or are only ever written, and what stands in files of the caller.

use std::collections::BTreeSet;

use super::trace::{From, Leaf, Trace, trace, trace_tree};
use crate::azure::types::{self, ResourceType};
use crate::expression::{Expression, Node, Tree};
use crate::recipe::{Catalogue, Expr, Lookup, LookupKind, Recipe, Shape, Step, StepKind};

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// It is sent, or gone through.
    Value,
    /// It is a resource, of which the id counts.
    Resource,
    /// It is true or not.
    Condition,
    /// It is given to an input, which may be one of what is not shown.
    Given {
        /// Whether it is.
        hidden: bool,
    },
}

/// A recipe, seen for what in it may not be shown.
#[derive(Clone, Copy)]
pub(super) struct Hidden<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) catalogue: &'a Catalogue,
}

impl Hidden<'_> {
    /// What that may not be shown an expression would tell of, in words.
    pub(super) fn told_by(
        self,
        expression: &Expression,
        for_each: Option<&Expr>,
        position: Position,
    ) -> Option<String> {
        if expression.literal().is_some() {
            return None;
        }
        let own = of_trace(&trace(self.recipe, self.catalogue, expression, for_each), position);
        own.or_else(|| self.found_by(expression))
    }

    /// The same of a tree.
    pub(super) fn told_by_tree(self, tree: &Tree, position: Position) -> Option<String> {
        let own = of_trace(&trace_tree(self.recipe, self.catalogue, tree), position);
        own.or_else(|| {
            let mut roots = BTreeSet::new();
            self.reach_tree(tree, &mut roots);
            self.decided(&roots)
        })
    }

    /// Whether something is found, or a step runs, tells of what decides that.
    fn found_by(self, expression: &Expression) -> Option<String> {
        let mut roots = BTreeSet::new();
        self.reach(expression, &mut roots);
        self.decided(&roots)
    }

    fn decided(self, roots: &BTreeSet<String>) -> Option<String> {
        let lookups = roots.iter().filter_map(|root| self.recipe.existing.get(root));
        let steps = roots.iter().filter_map(|root| self.recipe.step(root.strip_prefix("steps.")?));
        let looked = lookups.flat_map(|lookup| {
            let parts = addresses(lookup).map(|part| (part, Position::Given { hidden: false }));
            let each = lookup.for_each.as_ref();
            parts.chain(conditions(lookup.when.as_ref(), each)).map(move |(part, at)| (part, at, each))
        });
        let run = steps.flat_map(|step| {
            let each = step.for_each.as_ref();
            conditions(step.when.as_ref(), each).map(move |(part, at)| (part, at, each))
        });
        looked.chain(run).find_map(|(part, position, each)| {
            of_trace(&trace(self.recipe, self.catalogue, &part.value, each), position)
        })
    }

    /// The lookups (`name`), steps (`steps.name`) and other roots that an expression reads, through variables,
    /// defaults, and through what these hang on themselves. Inputs that have no default are the caller's, and none.
    pub(super) fn reach(self, expression: &Expression, roots: &mut BTreeSet<String>) {
        for reference in expression.references() {
            let name = |at: usize| reference.path.get(at).map(String::as_str);
            match (name(0), name(1)) {
                (Some("variables"), field) => {
                    let all = self.recipe.variables.values();
                    for one in all.filter(|one| field.is_none_or(|field| field == one.id.name)) {
                        if roots.insert(format!("variables.{}", one.id.name)) {
                            self.reach_tree(&one.value, roots);
                        }
                    }
                }
                (Some("inputs"), field) => {
                    let all = self.recipe.inputs.values();
                    for one in all.filter(|one| field.is_none_or(|field| field == one.id.name)) {
                        if let Some(default) = &one.default {
                            self.reach_tree(default, roots);
                        }
                    }
                }
                (Some("steps"), field) => {
                    let all = self.recipe.steps.iter();
                    for one in all.filter(|one| field.is_none_or(|field| field == one.id.name)) {
                        if roots.insert(format!("steps.{}", one.id.name)) {
                            let parts = one.when.iter().chain(&one.for_each);
                            parts.for_each(|part| self.reach(&part.value, roots));
                        }
                    }
                }
                (Some(root), _) => {
                    if roots.insert(root.to_owned())
                        && let Some(lookup) = self.recipe.existing.get(root)
                    {
                        let parts = addresses(lookup).chain(&lookup.when).chain(&lookup.for_each);
                        parts.for_each(|part| self.reach(&part.value, roots));
                    }
                }
                (None, _) => {}
            }
        }
    }

    fn reach_tree(self, tree: &Tree, roots: &mut BTreeSet<String>) {
        match &tree.node {
            Node::Scalar(_) => {}
            Node::Text(expression) => self.reach(expression, roots),
            Node::List(items) => items.iter().for_each(|item| self.reach_tree(item, roots)),
            Node::Map(members) => {
                for (key, _, member) in members {
                    self.reach(key, roots);
                    self.reach_tree(member, roots);
                }
            }
        }
    }
}

fn conditions<'e>(
    when: Option<&'e Expr>,
    for_each: Option<&'e Expr>,
) -> impl Iterator<Item = (&'e Expr, Position)> {
    let when = when.map(|when| (when, Position::Condition));
    when.into_iter().chain(for_each.map(|each| (each, Position::Condition)))
}

/// Where a lookup looks.
fn addresses(lookup: &Lookup) -> impl Iterator<Item = &Expr> {
    let parts: Vec<&Expr> = match &lookup.kind {
        LookupKind::Resource(of) => {
            [&of.name, &of.parent, &of.scope, &of.resource_group].into_iter().flatten().collect()
        }
        LookupKind::Manifest(of) => vec![&of.repository, &of.reference],
        LookupKind::Action(of) => vec![&of.resource],
        LookupKind::Dns(of) => vec![&of.name],
        // These read what the caller named, and give what is hidden as that.
        LookupKind::Certificate(_) | LookupKind::Dockerfile(_) | LookupKind::Requirements(_) => Vec::new(),
    };
    parts.into_iter()
}

/// What a value with this trace tells of.
fn of_trace(trace: &Trace<'_>, position: Position) -> Option<String> {
    if trace.vague {
        return Some("more than can be followed".to_owned());
    }
    let examined = trace.examined.iter().find_map(|leaf| of_leaf(leaf, false));
    examined.or_else(|| {
        trace.leaves.iter().find_map(|leaf| match position {
            Position::Value => of_leaf(leaf, false),
            Position::Resource => of_leaf(leaf, true),
            // Whether it is there tells nothing of it; whether something is left of it does.
            Position::Condition => of_leaf(leaf, false).filter(|_| leaf.made),
            Position::Given { hidden } => of_leaf(leaf, true).filter(|_| !hidden),
        })
    })
}

/// What a leaf holds that may not be shown. `id`: of a resource as a whole its id alone counts.
fn of_leaf(leaf: &Leaf<'_>, id: bool) -> Option<String> {
    let whole = |path: &[String]| {
        let mut path = path.to_vec();
        if id && !leaf.made && path.iter().all(|one| one == "*") {
            path.push("id".to_owned());
        }
        path
    };
    match &leaf.from {
        From::Input(input) if input.secret => Some(format!("what is in the secret `{}`", input.id.written)),
        From::Input(input) if input.shape == Shape::File => {
            Some(format!("what is in the file `{}`", input.id.written))
        }
        From::Input(_) | From::Literal(_) => None,
        From::Step(step, path) => of_step(step, &whole(path)),
        From::Lookup(_, lookup, path) => of_lookup(lookup, &whole(path)),
        From::Root(path) => {
            let (root, below) = path.split_first()?;
            let below = whole(below);
            match root.as_str() {
                "app" => of_type("Microsoft.App/containerApps", &below, "the app"),
                "container" => {
                    let above = ["properties", "template", "containers", "*"].map(str::to_owned);
                    let below = if below == ["id"] { below } else { [&above[..], &below].concat() };
                    of_type("Microsoft.App/containerApps", &below, "the app")
                }
                "candidate" => {
                    let below = below.get(1..).unwrap_or(&[]);
                    let named = path.get(1).is_some_and(|name| name == "url");
                    if named {
                        None
                    } else {
                        of_type("Microsoft.App/containerApps/revisions", below, "the app")
                    }
                }
                "environment" => of_type("Microsoft.App/managedEnvironments", &below, "the environment"),
                _ => None,
            }
        }
    }
}

fn of_step(step: &Step, path: &[String]) -> Option<String> {
    let name = step.id.written.as_str();
    match &step.kind {
        StepKind::Action(action) if action.reads() => Some(format!("what `{name}` answers")),
        StepKind::Action(_) => guarded(path).then(|| format!("what `{name}` answers")),
        StepKind::ContainerApp(_) => of_type("Microsoft.App/containerApps", path, name),
        StepKind::Resource(resource) => of_type(&resource.kind.kind, path, name),
        StepKind::RoleAssignment(_)
        | StepKind::Sql(_)
        | StepKind::ImageBuild(_)
        | StepKind::Wait(_)
        | StepKind::Removal(_)
        | StepKind::PutBack(_)
        | StepKind::Service(_) => None,
    }
}

fn of_lookup(lookup: &Lookup, path: &[String]) -> Option<String> {
    let name = lookup.id.written.as_str();
    match &lookup.kind {
        LookupKind::Resource(resource) => of_type(&resource.kind.kind, path, name),
        LookupKind::Action(_) => guarded(path).then(|| format!("what `{name}` answers")),
        LookupKind::Certificate(_) => {
            let value = path.first().is_none_or(|first| matches!(first.as_str(), "value" | "*"));
            value.then(|| format!("what is in the file of `{name}`"))
        }
        LookupKind::Dockerfile(_) | LookupKind::Requirements(_) => {
            Some(format!("what is in the files of `{name}`"))
        }
        LookupKind::Manifest(_) | LookupKind::Dns(_) => None,
    }
}

fn of_type(kind: &str, path: &[String], of: &str) -> Option<String> {
    let held = match types::find(kind) {
        Some(row) => holds(row, path),
        None => guarded(path),
    };
    held.then(|| format!("what is in `{}` of {of}", path.join(".")))
}

/// Whether a path of a resource holds, or is within, what the type table says is somebody else's or never returned.
fn holds(row: &ResourceType, path: &[String]) -> bool {
    row.foreign.iter().chain(row.write_only).any(|pattern| {
        let names: Vec<&str> = pattern
            .split('.')
            .map(|name| name.trim_end_matches("[]"))
            .filter(|name| !name.is_empty())
            .collect();
        meets(path, &names, false)
    })
}

/// Whether one leads to the other; `*` may stand for any number of names and elements. `guessed`: the last name
/// was taken for one; then it holds a text, which has no members.
fn meets(path: &[String], names: &[&str], guessed: bool) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let Some((name, below)) = names.split_first() else {
        return !guessed || path.iter().all(|one| one == "*");
    };
    if first == "*" {
        meets(rest, names, guessed) || meets(path, below, true)
    } else {
        first == name && meets(rest, below, false)
    }
}

/// The same for what has no row in the type table: see [`types::is_telling`].
fn guarded(path: &[String]) -> bool {
    path.last().is_none_or(|last| last == "*" || last == "value")
        || path.iter().any(|name| types::is_telling(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_a_hidden_value_holds_it() {
        let row = types::find("Microsoft.App/containerApps").unwrap();
        for (path, held) in [
            ("properties.template.containers.*.env.*.value", true),
            ("properties.template.containers.*.env", true),
            ("properties", true),
            ("", true),
            ("properties.template.*.containers.*.*.env.*.*.value.x", true),
            ("*.*.*.*.value", true),
            ("properties.template.containers.*.env.*.name", false),
            ("properties.template.containers.*.name", false),
            ("properties.configuration.ingress.*.name", false),
            ("properties.configuration.secrets.*.value", true),
            ("id", false),
        ] {
            let names: Vec<String> =
                path.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            assert_eq!(holds(row, &names), held, "{path}");
        }
    }
}
