//! `-p [recipe.]name[.key]=value`.

use super::{Problem, problem};
use crate::diagnostic::{Diagnostic, codes};

/// A parameter, split.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    /// What stands before `=`, at its dots.
    pub(super) keys: Vec<String>,
    /// What stands after it.
    pub(super) value: String,
}

/// Splits a parameter at its first `=`.
pub(super) fn split(text: &str) -> Result<Parameter, Problem> {
    let Some((name, value)) = text.split_once('=') else {
        // What was typed is not repeated: it may be a secret without its name.
        return Err(malformed("a parameter has no `=`"));
    };
    let keys: Vec<String> = name.split('.').map(str::to_owned).collect();
    if keys.iter().any(String::is_empty) {
        return Err(malformed(&format!("`{name}` is not the name of an input")));
    }
    Ok(Parameter { keys, value: value.to_owned() })
}

fn malformed(message: &str) -> Problem {
    problem(Diagnostic::error(codes::BAD_INPUT, message).fix("write -p name=value, or -p recipe.name=value"))
}
