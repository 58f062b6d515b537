//! What two steps cannot both have, told with the place of each.

use std::sync::Arc;

use super::StepPlan;
use super::engine::Engine;
use super::resources::{Needs, ordered};
use crate::azure::types::ResourceType;
use crate::diagnostic::{Diagnostic, Source, Span, codes};
use crate::expression::{Node, Tree};
use crate::merge::{self, Claim, Says};
use crate::recipe::{Instance, StepKind};
use crate::value::{Redacted, Segment, strip_control};

/// One of two sides.
struct Side<'a> {
    step: &'a StepPlan,
    claim: &'a Claim,
    instance: Option<&'a Instance>,
}

/// Reports every pair of steps whose claims on a resource exclude each other, each pair of places once.
/// Two values of ordered steps of one instance are stages, not a conflict.
pub(super) fn report(
    engine: &Engine<'_>,
    kind: &ResourceType,
    steps: &[StepPlan],
    members: &[usize],
    needs: &Needs,
) {
    let claims: Vec<(usize, Vec<Claim>)> =
        members.iter().map(|index| (*index, merge::claims(kind, &steps[*index].outcome.fragment))).collect();
    let instance = |step: &StepPlan| engine.instances().iter().find(|one| one.alias == step.instance);
    for (position, (first, ours)) in claims.iter().enumerate() {
        for (second, theirs) in &claims[position + 1..] {
            let (one, other) = (&steps[*first], &steps[*second]);
            if ordered(one, other, needs) || ordered(other, one, needs) {
                continue;
            }
            let pairs: Vec<(&Claim, &Claim)> = ours
                .iter()
                .flat_map(|a| theirs.iter().filter(|b| a.conflicts(kind, b)).map(move |b| (a, b)))
                .collect();
            for (a, b) in &pairs {
                // That an element and each of its members cannot be had is one conflict.
                let told_above = pairs.iter().any(|(above, beside)| {
                    let same = above.path == a.path && beside.path == b.path;
                    !same && above.path.contains(&a.path) && beside.path.contains(&b.path)
                });
                if told_above {
                    continue;
                }
                let sides = [
                    Side { step: one, claim: a, instance: instance(one) },
                    Side { step: other, claim: b, instance: instance(other) },
                ];
                engine.problem(told(&sides));
            }
        }
    }
}

fn told(sides: &[Side<'_>; 2]) -> Diagnostic {
    let [one, other] = sides;
    let (a, b) = (one.who(other), other.who(one));
    // The deeper of the two places is what both speak of.
    let deeper = if one.claim.path.0.len() < other.claim.path.0.len() { other } else { one };
    let path = deeper.claim.path.short();
    let message = match (&one.claim.says, &other.claim.says) {
        _ if !one.claim.path.contains(&other.claim.path)
            && !other.claim.path.contains(&one.claim.path)
            && one.claim.path.0.len() == other.claim.path.0.len()
            && !one.claim.path.short().eq_ignore_ascii_case(&other.claim.path.short()) =>
        {
            format!(
                "{} of {a} and {} of {b} exclude each other",
                one.claim.path.short(),
                other.claim.path.short()
            )
        }
        (Says::Absent, _) => format!("{path} is removed by {a} and set by {b}"),
        (_, Says::Absent) => format!("{path} is set by {a} and removed by {b}"),
        _ => format!("{path} is given different values by {a} and {b}"),
    };
    let mut diagnostic = Diagnostic::error(codes::CONFLICT, strip_control(&message));
    if one.unknown() || other.unknown() {
        diagnostic =
            diagnostic.note("a value that is known only after apply agrees only with the very same property");
    }
    for side in sides {
        if let Some((source, span)) = side.place() {
            diagnostic = diagnostic.label(&source, span, side.wants(&side.who_in_full()));
        }
    }
    diagnostic.fix(fix(one, other))
}

fn fix(one: &Side<'_>, other: &Side<'_>) -> String {
    let (Some(a), Some(b)) = (one.instance, other.instance) else {
        return "give one of the two another value".to_owned();
    };
    if a.alias == b.alias {
        return format!(
            "change an input of {} (-p {}.…), or let one of the two steps come `after` the other",
            a.name(),
            a.name()
        );
    }
    let left_out: Vec<String> =
        [a, b].iter().filter(|one| one.asked).map(|one| format!("`{}`", one.asked_as())).collect();
    let inputs = [a, b]
        .iter()
        .filter(|one| !one.recipe.inputs.is_empty())
        .map(|one| format!("-p {}.…", one.name()))
        .collect::<Vec<_>>();
    match (inputs.is_empty(), left_out.is_empty()) {
        // Both are here because others require them, and neither can be told anything.
        (true, true) => "leave out one of the recipes that require them".to_owned(),
        (true, false) => format!("leave one of them out: {}", left_out.join(" or ")),
        (false, true) => format!("set inputs that agree: {}", inputs.join(", ")),
        (false, false) => {
            format!("set inputs that agree ({}), or leave out {}", inputs.join(", "), left_out.join(" or "))
        }
    }
}

impl Side<'_> {
    /// Who it is, beside the other: by its step where both are of one instance.
    fn who(&self, other: &Side<'_>) -> String {
        let name = self.instance.map_or(self.step.instance.as_str(), Instance::name);
        if self.step.instance == other.step.instance {
            format!("step {} of {name}", self.step.step)
        } else {
            name.to_owned()
        }
    }

    fn who_in_full(&self) -> String {
        self.instance.map_or_else(|| self.step.instance.clone(), Instance::asked_as)
    }

    fn unknown(&self) -> bool {
        matches!(&self.claim.says, Says::Value(value) if value.is_unknown())
    }

    /// What it says there, without a value that nobody may see.
    fn wants(&self, who: &str) -> String {
        let said = match &self.claim.says {
            Says::Value(value) if value.is_null() => "removes it".to_owned(),
            Says::Value(value) => {
                let text = strip_control(&Redacted(value).to_string());
                if text.chars().count() > 60 {
                    format!("wants {}…", text.chars().take(60).collect::<String>())
                } else {
                    format!("wants {text}")
                }
            }
            Says::Absent => "removes it".to_owned(),
            Says::There => "wants it there".to_owned(),
            Says::Words(words) => format!("wants {} in it", strip_control(words)),
        };
        format!("{who}: {said}")
    }

    /// Where it stands in the recipe's file.
    fn place(&self) -> Option<(Arc<Source>, Span)> {
        let instance = self.instance?;
        let step = instance.recipe.step_written(&self.step.step)?;
        let span = match &step.kind {
            StepKind::ContainerApp(tree) => locate(tree, &self.claim.path.0),
            StepKind::Resource(resource) => locate(&resource.body, &self.claim.path.0),
            StepKind::RoleAssignment(_)
            | StepKind::Sql(_)
            | StepKind::ImageBuild(_)
            | StepKind::Action(_)
            | StepKind::Wait(_)
            | StepKind::Removal(_)
            | StepKind::PutBack(_)
            | StepKind::Service(_) => step.span,
        };
        Some((Arc::clone(&instance.recipe.source), span))
    }
}

/// The part of a fragment that gives a path its value, as near as it can be told: names that are
/// expressions are known only where a list or map has one of them.
fn locate(tree: &Tree, path: &[Segment]) -> Span {
    let Some((first, rest)) = path.split_first() else { return tree.span };
    match (&tree.node, first) {
        (Node::Map(members), Segment::Key(key)) => {
            let named = members.iter().find(|(name, ..)| name.literal().as_ref() == Some(key));
            if named.is_none() && key == "properties" {
                // Recipes leave out what ARM puts around an app's parts.
                return locate(tree, rest);
            }
            let mut computed = members.iter().filter(|(name, ..)| name.literal().is_none());
            let only = computed.next().filter(|_| computed.next().is_none());
            named.or(only).map_or(tree.span, |(.., member)| locate(member, rest))
        }
        (Node::List(items), Segment::Element(key)) => {
            let named = items.iter().find(|item| literals(item).contains(key));
            let mut computed = items.iter().filter(|item| has_expression(item));
            let only = computed.next().filter(|_| computed.next().is_none());
            named.or(only).map_or(tree.span, |item| locate(item, rest))
        }
        _ => tree.span,
    }
}

/// The plain texts of an element: one of them is its key.
fn literals(item: &Tree) -> Vec<String> {
    match &item.node {
        Node::Text(text) => text.literal().into_iter().collect(),
        Node::Map(members) => members
            .iter()
            .filter_map(|(_, _, member)| match &member.node {
                Node::Text(text) => text.literal(),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether an element's key may be an expression.
fn has_expression(item: &Tree) -> bool {
    match &item.node {
        Node::Text(text) => text.literal().is_none(),
        Node::Map(members) => members
            .iter()
            .any(|(_, _, member)| matches!(&member.node, Node::Text(text) if text.literal().is_none())),
        _ => false,
    }
}
