//! The recipe in memory.

use std::sync::Arc;

use indexmap::IndexMap;

use super::writes::Made;
use super::{Part, Place, Stays, UNDO};
use crate::diagnostic::{Severity, Source, Span};
use crate::expression::Expression;
use crate::journal::{self, Journal};
use crate::plan::Selection;
use crate::recipe::{
    Bound, Check, CheckKind, Complexity, Instance, Origin, Recipe, Spanned, Step, StepKind, Target,
};

/// The name of the recipe and of its only instance.
const NAME: &str = UNDO;

/// A run of the recipe whose steps these are, each with the position of the write that it puts back.
pub(super) fn selection(
    runs: &[&Journal],
    made: &[Made<'_>],
    steps: Vec<Part>,
    stays: &[Stays],
) -> Selection {
    let target = runs.first().map_or(Target::App, |journal| works_on(&journal.run.target));
    let name_of = |part: &Part| {
        let number = part.index + 1;
        match &part.place {
            Place::Rest => format!("write-{number}"),
            Place::Brings => format!("write-{number}-needed"),
            Place::Delivers => format!("write-{number}-revision"),
            Place::Retires(revision) => format!("write-{number}-retires-{revision}"),
            Place::Revives(revision) => format!("write-{number}-revives-{revision}"),
        }
    };
    let after = |part: &Part| -> Vec<Spanned<String>> {
        // What began when this was over may rely on it.
        let later = |other: &Part| made[other.index].begun > made[part.index].over;
        let goes_first = |other: &&Part| {
            let same = other.of.is_some() && other.of == part.of;
            match (&part.place, &other.place) {
                // Which revisions serve waits for nothing that goes: it may be held by one that serves now.
                (Place::Delivers, Place::Delivers | Place::Brings) | (Place::Brings, Place::Brings) => {
                    later(other)
                }
                (Place::Delivers, Place::Revives(_))
                | (Place::Retires(_), Place::Delivers | Place::Revives(_)) => true,
                (Place::Revives(_) | Place::Delivers | Place::Retires(_) | Place::Brings, _) => false,
                (Place::Rest, Place::Retires(_) | Place::Revives(_)) if same => true,
                (Place::Rest, Place::Delivers) if same && other.index == part.index => true,
                (Place::Rest, _) => later(other),
            }
        };
        steps.iter().filter(goes_first).map(|other| spanned(name_of(other))).collect()
    };
    let named: Vec<(String, Vec<Spanned<String>>)> =
        steps.iter().map(|part| (name_of(part), after(part))).collect();
    let steps = steps.into_iter().zip(named).map(|(Part { index, kind, .. }, (name, after))| {
        let why = match &kind {
            StepKind::Service(service) if service.active => {
                format!("puts back: the revision {} serves again", service.revision)
            }
            StepKind::Service(service) => {
                format!("puts back: the revision {}, which the run made, is out of service", service.revision)
            }
            _ => format!("puts back: {}", made[index].before.what),
        };
        Step { after, why: literal(&why), ..Step::made(&name, kind) }
    });
    let recipe = Recipe {
        source: Arc::new(Source { name: NAME.to_owned(), text: String::new() }),
        origin: Origin::BuiltIn,
        name: spanned(NAME.to_owned()),
        title: "Put back what a run changed".to_owned(),
        category: String::new(),
        complexity: Complexity::Low,
        concept: None,
        goals: Vec::new(),
        docs: Vec::new(),
        target,
        follows: Vec::new(),
        requires: Vec::new(),
        inputs: IndexMap::new(),
        data: IndexMap::new(),
        existing: IndexMap::new(),
        variables: IndexMap::new(),
        prerequisites: stays.iter().filter_map(told).collect(),
        steps: steps.collect(),
        rollout: None,
        verify: Vec::new(),
        outputs: IndexMap::new(),
        notes: None,
    };
    let instance = Instance {
        recipe: Arc::new(recipe),
        alias: NAME.to_owned(),
        written: NAME.to_owned(),
        with: IndexMap::new(),
        asked: true,
        required_by: Vec::new(),
    };
    Selection { instances: vec![instance], inputs: Bound::default() }
}

/// What a run on this target worked on.
pub fn works_on(target: &journal::entry::Target) -> Target {
    match (&target.app, &target.environment) {
        (Some(_), _) => Target::App,
        (None, Some(_)) => Target::Environment,
        (None, None) => Target::ResourceGroup,
    }
}

/// What stays, as a check that never holds and stops nothing.
fn told(stays: &Stays) -> Option<Check> {
    Some(Check {
        // An empty text is as good as false.
        kind: CheckKind::That(literal("")?),
        name: literal(&format!("nothing is left of what the run did: {}", stays.what)),
        otherwise: literal(stays.why),
        fix: None,
        severity: Severity::Warning,
        not_exercised: None,
        when: None,
        for_each: None,
        within: None,
        successes: None,
        at: None,
        docs: None,
        span: nowhere(),
    })
}

fn nowhere() -> Span {
    Span::default()
}

fn spanned(value: String) -> Spanned<String> {
    Spanned { value, span: nowhere() }
}

/// Text of a journal, in which nothing is an expression.
fn literal(text: &str) -> Option<Spanned<Expression>> {
    let value = Expression::parse(&text.replace("${", "$${")).ok()?;
    Some(Spanned { value, span: nowhere() })
}
