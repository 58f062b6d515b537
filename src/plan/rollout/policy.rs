//! What a recipe says of its rollout, with the inputs of the run.

use std::time::Duration;

use super::super::engine::Engine;
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::recipe::{Expr, Rollout as Asked, parse_duration};
use crate::value::{Data, Marks, Value};

/// How long a share stands when the recipe does not say.
const BAKE: Duration = Duration::from_secs(60);

/// What the recipe says of its rollout.
#[derive(Clone, Debug)]
pub(in crate::plan) struct Policy {
    /// The position of the instance.
    pub(in crate::plan) instance: usize,
    pub(in crate::plan) span: Span,
    pub(in crate::plan) label: String,
    pub(in crate::plan) weights: Vec<u32>,
    pub(in crate::plan) bake: Duration,
    pub(in crate::plan) rolls_back: bool,
    /// Whether what was replaced stays active.
    pub(in crate::plan) keep: bool,
}

/// Two recipes that each want to put the one revision into service their own way.
pub(super) fn two(engine: &Engine<'_>, first: usize, second: usize) {
    let place = |index: usize| {
        let recipe = engine.recipe(index);
        recipe.rollout.as_ref().map(|rollout| (&recipe.source, rollout.span))
    };
    let name = |index: usize| engine.instances()[index].name().to_owned();
    let mut diagnostic = Diagnostic::error(
        codes::CONFLICT,
        format!(
            "both {} and {} say how the run's new revision is put into service",
            name(first),
            name(second)
        ),
    )
    .fix("apply one of the two without the other");
    for place in [place(first), place(second)].into_iter().flatten() {
        diagnostic = diagnostic.label(place.0, place.1, "");
    }
    engine.problem(diagnostic);
}

/// What the recipe says; `Ok(None)`: not known yet, `Err`: told as a problem.
pub(super) fn policy(engine: &Engine<'_>, instance: usize, asked: &Asked) -> Result<Option<Policy>, ()> {
    let frame = engine.frame(instance);
    let source = &engine.recipe(instance).source;
    let wrong = |span: Span, message: String| {
        engine.problem(Diagnostic::error(codes::BAD_INPUT, message).label(source, span, ""));
    };
    let value = |expr: &Expr| frame.expression(expr);
    let optional = |expr: &Option<Expr>| {
        expr.as_ref().map_or_else(|| (Value::null(), asked.span), |expr| (value(expr), expr.span))
    };
    let label = value(&asked.label);
    let weights = value(&asked.weights);
    let (bake, bake_at) = optional(&asked.bake);
    let (on_failure, on_failure_at) = optional(&asked.on_failure);
    let (keep, keep_at) = optional(&asked.keep);
    for (one, span) in [
        (&label, asked.label.span),
        (&weights, asked.weights.span),
        (&bake, bake_at),
        (&on_failure, on_failure_at),
        (&keep, keep_at),
    ] {
        if one.contains_hidden() && frame.hides(hidden_marks(one), span, "a part of how traffic is shifted") {
            return Err(());
        }
        if !one.origins().is_empty() {
            return Ok(None);
        }
    }
    let name = label.as_str().unwrap_or_default();
    let mut sound = true;
    if !is_label(name) {
        wrong(
            asked.label.span,
            format!(
                "`{name}` is no label: small letters, digits and single dashes, a letter first and no dash last"
            ),
        );
        sound = false;
    }
    let shares: Option<Vec<u32>> = weights.as_list().and_then(|list| list.iter().map(number).collect());
    let grows = |shares: &Vec<u32>| {
        shares.last() == Some(&100)
            && shares.first().is_some_and(|first| *first >= 1)
            && shares.windows(2).all(|pair| pair.first() < pair.last())
    };
    if !shares.as_ref().is_some_and(grows) {
        let told = weights.to_json().unwrap_or_default();
        wrong(
            asked.weights.span,
            format!("the weights {told} are none: whole numbers from 1 that grow and end with 100"),
        );
        sound = false;
    }
    let lasts = if bake.is_null() { Some(BAKE) } else { bake.as_str().and_then(parse_duration) };
    if lasts.is_none() {
        let told = bake.to_json().unwrap_or_default();
        wrong(bake_at, format!("{told} is not how long a share can stand, such as 2m"));
        sound = false;
    }
    let rolls_back = match on_failure.as_str() {
        None if on_failure.is_null() => Some(true),
        Some("rollback") => Some(true),
        Some("keep") => Some(false),
        _ => None,
    };
    if rolls_back.is_none() {
        let told = on_failure.to_json().unwrap_or_default();
        wrong(on_failure_at, format!("what follows a failure is `rollback` or `keep`, not {told}"));
        sound = false;
    }
    let keeps =
        if keep.is_null() { Some(1) } else { number(&keep).or_else(|| keep.as_bool().map(u32::from)) };
    if keeps.is_none_or(|keeps| keeps > 1) {
        let told = keep.to_json().unwrap_or_default();
        wrong(keep_at, format!("of what was replaced 0 or 1 revision is kept, not {told}"));
        sound = false;
    }
    match (sound, shares, lasts, rolls_back, keeps) {
        (true, Some(weights), Some(bake), Some(rolls_back), Some(keeps)) => Ok(Some(Policy {
            instance,
            span: asked.span,
            label: name.to_owned(),
            weights,
            bake,
            rolls_back,
            keep: keeps > 0,
        })),
        _ => Err(()),
    }
}

fn hidden_marks(value: &Value) -> Marks {
    if value.contains_secret() { Marks::SECRET } else { Marks::EXISTING }
}

fn number(value: &Value) -> Option<u32> {
    match &value.data {
        Data::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Data::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// As the suffix of a revision is spelled (MicrosoftDocs/azure-docs#113399); that labels are is not confirmed.
fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= 64
        && text.chars().all(plain)
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}
