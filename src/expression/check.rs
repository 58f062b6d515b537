//! What can be said against a query before any value is known.

use jmespath::ast::Ast;

use super::functions::{self, Function, Kind, More};
use super::parse::{Query, token_at};
use super::{ExpressionError, Span};
use crate::diagnostic::suggest::closest;

/// Levels of the syntax tree; the evaluator recurses on it, in an unoptimised build with up to 12 KiB a
/// level, and must fit the smallest stack that we run on.
const MAX_DEPTH: usize = 50;

/// Checks the names of functions, the number and form of their arguments, slices and depth. Keeps a
/// stack of its own, so that a deep tree is found before anything recurses on it.
pub(super) fn check(text: &str, query: &Query) -> Result<(), ExpressionError> {
    let at = |offset: &usize| Span {
        start: (query.start + offset).min(query.end),
        end: (query.start + offset + 1).min(query.end),
    };
    let mut pending = vec![(&query.ast, 1)];
    while let Some((ast, depth)) = pending.pop() {
        if depth > MAX_DEPTH {
            let span = Span { start: query.start, end: query.end };
            return Err(ExpressionError::new(span, "this expression is too deeply nested")
                .help("split it into variables"));
        }
        let below = match ast {
            Ast::Function { offset, name, args } => {
                let span = name_span(text, query, *offset, name);
                let function = functions::find(name).ok_or_else(|| unknown(span, name))?;
                arguments(function, args, span)?;
                args.iter()
                    .map(|arg| match arg {
                        Ast::Expref { ast, .. } => ast,
                        arg => arg,
                    })
                    .collect()
            }
            Ast::Expref { offset, .. } => {
                return Err(ExpressionError::new(
                    at(offset),
                    "`&` stands only before an argument of a function that takes an expression",
                ));
            }
            Ast::Slice { offset, step: 0, .. } => {
                return Err(ExpressionError::new(at(offset), "a slice cannot have step 0"));
            }
            ast => {
                if let Some(offset) = misread_not(ast) {
                    let message = "`!` reaches only as far as the first name, so this is always null";
                    return Err(
                        ExpressionError::new(at(offset), message).help("write `!(…)`, as in `!(a.b)`")
                    );
                }
                children(ast)
            }
        };
        pending.extend(below.into_iter().rev().map(|child| (child, depth + 1)));
    }
    Ok(())
}

/// Where a function's name stands; the tree only knows its opening parenthesis.
pub(super) fn name_span(text: &str, query: &Query, offset: usize, name: &str) -> Span {
    let open = (query.start + offset).min(query.end);
    let end = text.get(query.start..open).map_or(open, |before| query.start + before.trim_end().len());
    let start = end.saturating_sub(name.len()).max(query.start);
    match text.get(start..end) {
        Some(found) if found == name => Span { start, end },
        _ => Span { start: open, end: open + text.get(open..).map_or(0, |rest| token_at(rest).len()) },
    }
}

/// In JMESPath `!a.b` is `(!a).b`, and `!a[?b]` is `(!a)[?b]`: a boolean has neither fields nor
/// elements. Nobody means that.
fn misread_not(ast: &Ast) -> Option<&usize> {
    fn starts_with_field(ast: &Ast) -> bool {
        match ast {
            Ast::Field { .. } => true,
            Ast::Subexpr { lhs, .. } => starts_with_field(lhs),
            _ => false,
        }
    }
    let operand = match ast {
        Ast::Subexpr { lhs, rhs, .. } if starts_with_field(rhs) => lhs,
        Ast::Projection { lhs, .. } => lhs,
        Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } => node,
        _ => return None,
    };
    match operand.as_ref() {
        Ast::Not { offset, .. } => Some(offset),
        _ => None,
    }
}

fn unknown(span: Span, name: &str) -> ExpressionError {
    let error = ExpressionError::new(span, format!("there is no function `{name}`"));
    match closest(name, functions::FUNCTIONS.iter().map(|function| function.name)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn arguments(function: &Function, args: &[Ast], span: Span) -> Result<(), ExpressionError> {
    let least = function.takes.len();
    let fits = match function.more {
        More::None => args.len() == least,
        More::One(_) => args.len() == least || args.len() == least + 1,
        More::Any(_) => args.len() >= least,
    };
    if !fits {
        let expected = match (least, function.more) {
            (1, More::Any(_)) => "at least 1 argument".to_owned(),
            (least, More::Any(_)) => format!("at least {least} arguments"),
            (least, More::One(_)) => format!("{least} or {} arguments", least + 1),
            (0, More::None) => "no argument".to_owned(),
            (1, More::None) => "1 argument".to_owned(),
            (least, More::None) => format!("{least} arguments"),
        };
        let message = format!("`{}` takes {expected}, not {}", function.name, args.len());
        return Err(ExpressionError::new(span, message).help(function.usage()));
    }
    for (index, arg) in args.iter().enumerate() {
        let wanted = function.kind(index) == Kind::Expression;
        let given = matches!(arg, Ast::Expref { .. });
        if wanted != given {
            let name = function.name;
            let place = functions::ordinal(index);
            let message = if wanted {
                format!("`{name}` takes an expression as its {place} argument: put `&` before it")
            } else {
                format!("`{name}` takes a value as its {place} argument, not an expression with `&`")
            };
            return Err(ExpressionError::new(span, message).help(function.usage()));
        }
    }
    Ok(())
}

/// The nodes right below, in order of appearance.
pub(super) fn children(ast: &Ast) -> Vec<&Ast> {
    match ast {
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => vec![lhs, rhs],
        Ast::Condition { predicate, then, .. } => vec![predicate, then],
        Ast::Expref { ast: node, .. }
        | Ast::Flatten { node, .. }
        | Ast::Not { node, .. }
        | Ast::ObjectValues { node, .. } => vec![node],
        Ast::Function { args, .. } => args.iter().collect(),
        Ast::MultiList { elements, .. } => elements.iter().collect(),
        Ast::MultiHash { elements, .. } => elements.iter().map(|pair| &pair.value).collect(),
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => Vec::new(),
    }
}
