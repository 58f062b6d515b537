//! From text to parts: finds `${…}` and hands what is inside to the jmespath crate.

use jmespath::ast::Ast;
use jmespath::{ErrorReason, JmespathError};

use super::{ExpressionError, check};
use crate::diagnostic::Span;

/// Bytes in one query. The longest in any recipe has a few hundred.
const MAX_LENGTH: usize = 16 * 1024;
/// Levels of recursion of the crate's parser, which must fit the smallest stack that we run on (the
/// main thread has 1 MiB on Windows; an unoptimised build takes up to 8 KiB a level).
const MAX_NESTING: usize = 50;
/// Operators in one query: each may make the syntax tree deeper, and dropping the tree recurses.
const MAX_OPERATORS: usize = 500;

/// A stretch of a string.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Literal text.
    Text(String),
    /// What stands in `${…}`.
    Query(Query),
}

/// JMESPath at a place of an expression's text.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// The syntax tree; its offsets count from `start`.
    pub(super) ast: Ast,
    /// Where the JMESPath starts in the expression's text.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

/// The parts of a string of a recipe.
pub(super) fn template(text: &str) -> Result<Vec<Part>, ExpressionError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('$') {
        let dollar = at + found;
        literal.push_str(&text[at..dollar]);
        let rest = &text[dollar..];
        if rest.starts_with("$${") {
            literal.push_str("${");
            at = dollar + 3;
        } else if rest.starts_with("${") {
            let start = dollar + 2;
            let end = scan(text, start, Some(dollar))?;
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Query(parse(text, start, end)?));
            at = end + 1;
        } else {
            literal.push('$');
            at = dollar + 1;
        }
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// The one part of a text that is JMESPath throughout.
pub(super) fn query(text: &str) -> Result<Part, ExpressionError> {
    let end = scan(text, 0, None)?;
    Ok(Part::Query(parse(text, 0, end)?))
}

/// Finds where JMESPath that starts at `start` ends: at the `}` that closes the `${` at `opened`, or
/// at the end of the text. Refuses what would be too much for the parser.
fn scan(text: &str, start: usize, opened: Option<usize>) -> Result<usize, ExpressionError> {
    let bytes = text.as_bytes();
    let mut nesting = Nesting::default();
    let mut operators = 0;
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        let mut width = 1;
        match byte {
            b'\'' | b'"' | b'`' => {
                let end = quoted(text, at)?;
                if let (Some(_), Some(nested)) = (opened, text[at..end].find("${")) {
                    return Err(nested_at(at + nested));
                }
                width = end - at;
            }
            b'$' if opened.is_some() && next == Some(&b'{') => return Err(nested_at(at)),
            b'}' if opened.is_some() && nesting.braces == 0 => return Ok(at),
            b'(' | b'[' | b'{' => nesting.open(*byte),
            b')' | b']' | b'}' => nesting.close(*byte),
            b',' => nesting.restart(),
            b'|' | b'=' | b'<' | b'>' => {
                nesting.restart();
                operators += 1;
            }
            b'&' | b'!' if next == Some(&b'&') || next == Some(&b'=') => {
                nesting.restart();
                operators += 1;
                width = 2;
            }
            b'&' | b'!' | b'*' => nesting.depth += 1,
            b'.' => operators += 1,
            _ => {}
        }
        at += width;
        if nesting.depth > MAX_NESTING || operators > MAX_OPERATORS || at - start > MAX_LENGTH {
            let message = "this expression is too long or too deeply nested";
            return Err(
                ExpressionError::new(Span { start, end: at }, message).help("split it into variables")
            );
        }
    }
    match opened {
        None => Ok(text.len()),
        Some(dollar) => {
            let span = Span { start: dollar, end: text.len() };
            Err(ExpressionError::new(span, "this `${` is not closed").help("write `$${` for a literal `${`"))
        }
    }
}

/// How deep the crate's parser is in recursion, at most: it recurses on brackets, on prefix operators,
/// and on each projection that follows another (`[*][*]`); a comma or infix operator returns to the
/// level of the bracket around it.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// The depth before each bracket that is open.
    around: Vec<usize>,
    braces: usize,
}

impl Nesting {
    fn open(&mut self, bracket: u8) {
        self.around.push(self.depth);
        self.depth += 1;
        self.braces += usize::from(bracket == b'{');
    }

    fn close(&mut self, bracket: u8) {
        let before = self.around.pop().unwrap_or_default();
        // `]` may have closed a projection, which what follows is still within.
        self.depth = before + usize::from(bracket == b']');
        self.braces = self.braces.saturating_sub(usize::from(bracket == b'}'));
    }

    fn restart(&mut self) {
        self.depth = self.around.last().map_or(1, |before| before + 2);
    }
}

/// One past the quote that closes the one at `start`; in all three kinds a backslash takes away the
/// meaning of what follows.
fn quoted(text: &str, start: usize) -> Result<usize, ExpressionError> {
    let bytes = text.as_bytes();
    let quote = bytes.get(start);
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            _ if Some(byte) == quote => return Ok(at + 1),
            _ => 1,
        };
    }
    let span = Span { start, end: text.len() };
    Err(ExpressionError::new(span, "this quote is not closed"))
}

fn nested_at(start: usize) -> ExpressionError {
    let span = Span { start, end: start + 2 };
    ExpressionError::new(span, "`${` within `${…}`")
        .help("name the value itself: `${join('-', [inputs.a, inputs.b])}`")
}

fn parse(text: &str, start: usize, end: usize) -> Result<Query, ExpressionError> {
    let query = &text[start..end];
    if query.trim().is_empty() {
        return Err(ExpressionError::new(Span { start, end }, "the expression is empty"));
    }
    let ast = jmespath::parse(query).map_err(|error| syntax_error(query, start, &error))?;
    let query = Query { ast, start, end };
    check::check(text, &query)?;
    Ok(query)
}

/// The crate's finding in words for people: its own text prints the parser's token types.
fn syntax_error(query: &str, start: usize, error: &JmespathError) -> ExpressionError {
    let mut offset = error.offset.min(query.len());
    while !query.is_char_boundary(offset) {
        offset -= 1;
    }
    let token = token_at(&query[offset..]);
    let span = Span { start: start + offset, end: start + offset + token.len() };
    let reason = match &error.reason {
        ErrorReason::Parse(reason) => reason.as_str(),
        ErrorReason::Runtime(_) => "cannot be evaluated",
    };
    let (reason, found) = match reason.split_once(" -- found ") {
        Some((reason, _)) if token.is_empty() => (reason, "the end of the expression".to_owned()),
        Some((reason, _)) => (reason, format!("`{token}`")),
        None => (reason, String::new()),
    };
    let reason = match reason {
        "Unexpected nud token" => "a value is expected".to_owned(),
        "Unexpected led token" | "Did not parse the complete expression" => {
            "an operator is expected".to_owned()
        }
        _ => reason
            .strip_prefix("Expected ")
            .map_or_else(|| reason.to_owned(), |expected| format!("{expected} is expected")),
    };
    let message = if found.is_empty() {
        format!("bad JMESPath: {reason}")
    } else {
        format!("bad JMESPath: {reason}, not {found}")
    };
    let error = ExpressionError::new(span, message);
    match token.chars().next() {
        Some('-') => error.help("a name with a hyphen needs double quotes: \"my-name\""),
        Some('=') => error.help("equality is `==`"),
        Some(digit) if digit.is_ascii_digit() => error.help("a literal number needs backticks: `80`"),
        Some('+' | '/' | '%') => error.help("JMESPath has no arithmetic"),
        Some('?') => error.help("use `if(condition, then, otherwise)`"),
        _ => error,
    }
}

/// The identifier, number or single character at the start of `text`.
pub(super) fn token_at(text: &str) -> &str {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    match text.chars().next() {
        None => "",
        Some(first) if word(first) => text.split(|c| !word(c)).next().unwrap_or_default(),
        Some(first) => &text[..first.len_utf8()],
    }
}
