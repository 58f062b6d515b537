//! What a query says that nobody means: comparisons that always come out the same, and names that stand
//! where they are out of reach. All of it is valid JMESPath and silently null or false.

use jmespath::ast::{Ast, Comparator};

use super::Span;
use super::functions::{self, Returns};
use super::parse::{Part, Query};

/// A doubt about a part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Where it stands in the expression's text.
    pub span: Span,
    /// What is doubtful.
    pub message: String,
    /// What may have been meant.
    pub help: String,
}

/// The doubts about a parsed string, in order of appearance.
pub(super) fn of(parts: &[Part]) -> Vec<Doubt> {
    let mut found = Vec::new();
    for part in parts {
        if let Part::Query(query) = part {
            visit(query, &query.ast, &mut found);
        }
    }
    found.sort_by_key(|doubt| doubt.span.start);
    found
}

fn visit(query: &Query, ast: &Ast, found: &mut Vec<Doubt>) {
    match ast {
        Ast::Comparison { comparator, lhs, rhs, offset } => {
            if let Some((message, help)) = constant(comparator, lhs, rhs) {
                let start = (query.start + offset).min(query.end);
                let end = (start + comparator_width(comparator)).min(query.end);
                found.push(Doubt { span: Span { start, end }, message, help });
            }
        }
        Ast::Field { offset, name } if matches!(name.as_str(), "true" | "false" | "null") => {
            let start = (query.start + offset).min(query.end);
            let span = Span { start, end: (start + name.len()).min(query.end) };
            let message = format!("`{name}` is read as a field of this name");
            found.push(Doubt { span, message, help: format!("a literal stands in backticks: `{name}`") });
        }
        _ => {}
    }
    for child in super::check::children(ast) {
        visit(query, child, found);
    }
}

fn comparator_width(comparator: &Comparator) -> usize {
    match comparator {
        Comparator::LessThan | Comparator::GreaterThan => 1,
        _ => 2,
    }
}

/// Why a comparison always comes out the same, and what to do.
fn constant(comparator: &Comparator, lhs: &Ast, rhs: &Ast) -> Option<(String, String)> {
    let (left, right) = (returns(lhs), returns(rhs));
    if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        let (left, right) = (left?, right?);
        if left == right {
            return None;
        }
        let outcome = if *comparator == Comparator::Equal { "false" } else { "true" };
        let message =
            format!("{} never equals {}, so this is always {outcome}", left.article(), right.article());
        let help = match (left, right) {
            (Returns::Number, Returns::Text) | (Returns::Text, Returns::Number) => {
                "compare with a number in backticks, or `to_number(…)` of the text"
            }
            _ => "compare values of one type",
        };
        return Some((message, help.to_owned()));
    }
    let other = [left, right].into_iter().flatten().find(|one| *one != Returns::Number)?;
    let message = format!("only numbers have an order; with {} this is always null", other.article());
    Some((message, "sort with `sort` or `max`, or compare numbers: `to_number(…)`".to_owned()))
}

/// The type of a node's value, when it is sure (and not null).
fn returns(ast: &Ast) -> Option<Returns> {
    match ast {
        Ast::Literal { value, .. } => match value.as_ref() {
            jmespath::Variable::String(_) => Some(Returns::Text),
            jmespath::Variable::Bool(_) => Some(Returns::Truth),
            jmespath::Variable::Number(_) => Some(Returns::Number),
            jmespath::Variable::Array(_) => Some(Returns::List),
            jmespath::Variable::Object(_) => Some(Returns::Object),
            _ => None,
        },
        Ast::Not { .. } => Some(Returns::Truth),
        Ast::MultiList { .. } => Some(Returns::List),
        Ast::MultiHash { .. } => Some(Returns::Object),
        Ast::Function { name, .. } => {
            functions::find(name).map(|function| function.returns).filter(|one| *one != Returns::Any)
        }
        _ => None,
    }
}
