//! T-SQL cut into tokens, as SQL Server cuts it.
//!
//! Sources: Microsoft Learn, Transact-SQL reference: database identifiers, constants, comments, and
//! `sys.messages` for the errors.

use super::Failure;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word that is not quoted: a keyword or a regular identifier.
    Word(String),
    /// `[name]` or `"name"`.
    Quoted(String),
    /// `N'text'` or `'text'`.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `0x…`.
    Binary(Vec<u8>),
    /// `@name`, with the sign.
    Variable(String),
    /// Punctuation and operators.
    Sign(&'static str),
}

impl Token {
    /// The token as SQL Server's messages name it.
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Word(text) | Token::Quoted(text) | Token::Text(text) | Token::Variable(text) => {
                text.clone()
            }
            Token::Number(number) => number.to_string(),
            Token::Binary(bytes) => super::hex(bytes),
            Token::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// The longest identifier, in UTF-16 units.
const LONGEST: usize = 128;

/// Two signs come first: they must not be taken for one.
const SIGNS: &[&str] = &[
    "<>", "!=", "<=", ">=", "(", ")", ",", ";", ".", "=", "<", ">", "*", "+", "-", "/", "%", "&", "|", "^",
    "~", ":", "?", "{", "}", "\\", "!", "`", "$",
];

/// Cuts `text`.
pub(super) fn cut(text: &str) -> Result<Vec<Token>, Failure> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
        } else if rest.starts_with("--") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = after_comment(rest)?;
        } else if first == '\'' {
            let (text, after) = quoted(rest, '\'')?;
            tokens.push(Token::Text(text.chars().map(in_code_page).collect()));
            rest = after;
        } else if matches!(first, 'N' | 'n') && rest[1..].starts_with('\'') {
            let (text, after) = quoted(&rest[1..], '\'')?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if first == '[' || first == '"' {
            let (name, after) = quoted(rest, if first == '[' { ']' } else { '"' })?;
            tokens.push(Token::Quoted(identifier(name)?));
            rest = after;
        } else if rest.starts_with("0x") || rest.starts_with("0X") {
            let digits: String = rest[2..].chars().take_while(char::is_ascii_hexdigit).collect();
            rest = &rest[2 + digits.len()..];
            // An odd number of digits has a nought before the first.
            let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
            tokens.push(Token::Binary(super::unhex(&even).unwrap_or_default()));
        } else if first.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let number = rest[..end].parse().map_err(|_| Failure::near(&rest[..end]))?;
            tokens.push(Token::Number(number));
            rest = &rest[end..];
        } else if first.is_alphabetic() || matches!(first, '_' | '@' | '#') {
            let within = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$');
            let end = rest.find(|c: char| !within(c)).unwrap_or(rest.len());
            let word = identifier(rest[..end].to_owned())?;
            tokens.push(if first == '@' { Token::Variable(word) } else { Token::Word(word) });
            rest = &rest[end..];
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            return Err(Failure::near(&first.to_string()));
        }
    }
    Ok(tokens)
}

/// What stands between the quote that `text` begins with and the next `end` that is not doubled, and
/// what comes after.
fn quoted(text: &str, end: char) -> Result<(String, &str), Failure> {
    let mut inner = String::new();
    let mut rest = &text[1..];
    while let Some(at) = rest.find(end) {
        inner.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix(end) {
            Some(after) => {
                inner.push(end);
                rest = after;
            }
            None => return Ok((inner, rest)),
        }
    }
    inner.push_str(rest);
    Err(Failure::new(105, format!("Unclosed quotation mark after the character string '{inner}'.")))
}

/// What comes after the comment that `text` begins with; comments nest.
fn after_comment(text: &str) -> Result<&str, Failure> {
    let (mut depth, mut rest) = (0_usize, text);
    loop {
        if let Some(after) = rest.strip_prefix("/*") {
            (depth, rest) = (depth + 1, after);
        } else if let Some(after) = rest.strip_prefix("*/") {
            (depth, rest) = (depth - 1, after);
            if depth == 0 {
                return Ok(rest);
            }
        } else {
            let mut chars = rest.chars();
            if chars.next().is_none() {
                return Err(Failure::new(113, "Missing end comment mark '*/'."));
            }
            rest = chars.as_str();
        }
    }
}

fn identifier(name: String) -> Result<String, Failure> {
    if name.is_empty() {
        let message = "An object or column name is missing or empty. For SELECT INTO statements, verify each \
                       column has a name. For other statements, look for empty alias names.";
        return Err(Failure::new(1038, message));
    }
    if name.encode_utf16().count() > LONGEST {
        let shown: String = name.chars().take(LONGEST).collect();
        return Err(Failure::new(
            103,
            format!("The identifier that starts with '{shown}' is too long. Maximum length is {LONGEST}."),
        ));
    }
    Ok(name)
}

/// A character of a literal without `N`, which has only what the collation's code page has (taken to be
/// Latin-1 here).
fn in_code_page(c: char) -> char {
    if u32::from(c) < 0x100 { c } else { '?' }
}
