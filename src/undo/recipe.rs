//! The recipe in memory.

use std::sync::Arc;

use indexmap::IndexMap;

use super::writes::Made;
use crate::diagnostic::{Source, Span};
use crate::expression::Expression;
use crate::journal::Journal;
use crate::plan::Selection;
use crate::recipe::{
    Bound, Complexity, Id, Instance, Origin, Recipe, Spanned, Step, StepKind, Target,
};

/// The name of the recipe and of its only instance.
pub(super) const NAME: &str = "undo";

/// A run of the recipe whose steps these are, each with the position of the write that it puts back.
pub(super) fn selection(runs: &[&Journal], made: &[Made<'_>], steps: Vec<(usize, StepKind)>) -> Selection {
    let target = match runs.first().map(|journal| &journal.run.target) {
        Some(target) if target.app.is_some() => Target::App,
        Some(target) if target.environment.is_some() => Target::Environment,
        Some(_) => Target::ResourceGroup,
        None => Target::App,
    };
    let names: Vec<(usize, String)> =
        steps.iter().map(|(index, _)| (*index, format!("write-{}", index + 1))).collect();
    let steps = steps.into_iter().map(|(index, kind)| {
        // What began when this was over may rely on it, and goes first.
        let relies = |other: &&(usize, String)| made[other.0].begun > made[index].over;
        let after = names.iter().filter(relies).map(|(_, name)| spanned(name.clone())).collect();
        let name = format!("write-{}", index + 1);
        let why = format!("puts back: {}", made[index].before.what);
        Step {
            id: Id { name: crate::recipe::snake(&name), written: name, span: nowhere() },
            kind,
            when: None,
            for_each: None,
            after,
            why: literal(&why),
            triggered_by: Vec::new(),
            retry: None,
            never: None,
            timeout: None,
            span: nowhere(),
        }
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
        prerequisites: Vec::new(),
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

fn nowhere() -> Span {
    Span { start: 0, end: 0 }
}

fn spanned(value: String) -> Spanned<String> {
    Spanned { value, span: nowhere() }
}

/// Text of a journal, in which nothing is an expression.
fn literal(text: &str) -> Option<Spanned<Expression>> {
    let value = Expression::parse(&text.replace("${", "$${")).ok()?;
    Some(Spanned { value, span: nowhere() })
}
