//! The bounds on one expression.

use std::cell::Cell;

use super::super::{ExpressionError, Span};
use super::Evaluator;

/// Steps that one expression may take. A query over a list of ten thousand resources takes a few
/// hundred thousand; nested `map` and filters over themselves would take for ever.
const MAX_STEPS: usize = 20_000_000;
/// Steps that visiting one node of the syntax tree costs; looking at one part of a value costs 1.
pub(super) const NODE: usize = 4;
/// Values (or pieces of 64 bytes of text) that one expression may make: about 300 MB at the very
/// worst. `[@, @] | [@, @] | …` doubles with every stage.
const MAX_MADE: usize = 3_000_000;

/// What is left of the bounds on one expression.
pub(super) struct Budget {
    steps: Cell<usize>,
    made: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: Cell::new(MAX_STEPS), made: Cell::new(MAX_MADE) }
    }
}

impl Evaluator<'_> {
    /// Takes work off the budget.
    pub(in crate::expression) fn work(&self, steps: usize) -> Result<(), ExpressionError> {
        self.spend(&self.budget.steps, steps)
    }

    /// Takes new values (or pieces of 64 bytes of text) off the budget.
    pub(in crate::expression) fn make(&self, values: usize) -> Result<(), ExpressionError> {
        self.spend(&self.budget.made, values)
    }

    fn spend(&self, budget: &Cell<usize>, amount: usize) -> Result<(), ExpressionError> {
        if let Some(left) = budget.get().checked_sub(amount) {
            budget.set(left);
            return Ok(());
        }
        // What is spent stays spent, also where an error is passed over.
        budget.set(0);
        let span = Span { start: self.query.start, end: self.query.end };
        let message = "this expression takes too much work or memory";
        Err(ExpressionError::new(span, message))
    }
}
