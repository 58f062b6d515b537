//! Inputs that those who require an instance set for it.

use super::{BoundValue, Problem, Wanted, problem};
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::{Node, Tree};
use crate::recipe::{Input, Instance};
use std::sync::Arc;

/// What the requirements of an instance set `input` to; `None`: none of them does.
///
/// # Errors
/// Two that take part whatever happens want different plain values. What hangs on expressions or
/// conditions is compared when it is planned.
pub(super) fn required(
    instances: &[Instance],
    instance: &Instance,
    input: &Input,
) -> Result<Option<BoundValue>, Problem> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for (requirement, (by, required)) in instance.required_by.iter().enumerate() {
        let Some(definition) = required.with.get(&input.id.name) else { continue };
        let Some(requiring) = instances.iter().find(|one| one.alias == *by) else { continue };
        wanted.push(Wanted {
            tree: definition.value.clone(),
            by: by.clone(),
            requirement,
            source: Arc::clone(&requiring.recipe.source),
            span: definition.value.span,
        });
    }
    let always = |wanted: &&Wanted| {
        let required = &instance.required_by[wanted.requirement].1;
        let asked = instances.iter().any(|one| one.alias == wanted.by && one.asked);
        asked && required.when.is_none() && plain(&wanted.tree)
    };
    let mut plainly = wanted.iter().filter(always);
    if let Some(first) = plainly.next()
        && let Some(other) = plainly.find(|other| !same(&first.tree, &other.tree))
    {
        return Err(problem(disagreement(instances, instance, input, first, other)));
    }
    Ok((!wanted.is_empty()).then(|| BoundValue::Required { wanted, default: input.default.clone() }))
}

/// The finding that two requirements set one input to different values.
pub(crate) fn disagreement(
    instances: &[Instance],
    instance: &Instance,
    input: &Input,
    first: &Wanted,
    second: &Wanted,
) -> Diagnostic {
    let name = |alias: &str| {
        let known = instances.iter().find(|one| one.alias == alias);
        known.map_or_else(|| alias.to_owned(), |one| one.name().to_owned())
    };
    let written = &input.id.written;
    let message = format!(
        "{} and {} want different values of `{written}` of {}",
        name(&first.by),
        name(&second.by),
        instance.name()
    );
    Diagnostic::error(codes::BAD_INPUT, message)
        .note("they share one instance of it, and what a caller sets counts above both")
        .fix(format!("set it: -p {}.{written}={}", instance.name(), super::naming::sample(input)))
        .label(&first.source, first.span, format!("for {}", name(&first.by)))
        .label(&second.source, second.span, format!("for {}", name(&second.by)))
}

/// Whether a tree is the same whatever it is evaluated in.
fn plain(tree: &Tree) -> bool {
    tree.references().is_empty()
}

/// Whether two trees are written alike.
fn same(a: &Tree, b: &Tree) -> bool {
    match (&a.node, &b.node) {
        (Node::Scalar(a), Node::Scalar(b)) => a == b,
        (Node::Text(a), Node::Text(b)) => a.text() == b.text(),
        (Node::List(a), Node::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Node::Map(a), Node::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|((a_key, _, a), (b_key, _, b))| a_key.text() == b_key.text() && same(a, b))
        }
        _ => false,
    }
}
