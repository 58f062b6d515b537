//! The lines of a requirements file as pip joins them: a backslash at the end goes on in the next line, a
//! comment ends a line and a continuation.

/// A line, joined and without its comment, and the number of the first of its lines, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
}

/// The lines that say something.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::new();
    let mut open: Option<Line> = None;
    for (index, line) in split(text).into_iter().enumerate() {
        let comment_only = line.trim_start().starts_with('#');
        let more = line.strip_suffix('\\').filter(|_| !comment_only);
        let part = more.unwrap_or(line);
        match open.as_mut() {
            Some(have) => {
                // pip puts a space before a comment, so that it is seen as one.
                if comment_only {
                    have.text.push(' ');
                }
                have.text.push_str(part);
            }
            None => open = Some(Line { number: index + 1, text: part.to_owned() }),
        }
        if more.is_none() {
            joined.extend(open.take());
        }
    }
    joined.extend(open);
    joined
        .into_iter()
        .map(|line| Line { text: uncommented(&line.text).trim().to_owned(), ..line })
        .filter(|line| !line.text.is_empty())
        .collect()
}

/// As Python's `str.splitlines` does it, which pip uses: it knows more ends of a line than `\n`.
fn split(text: &str) -> Vec<&str> {
    let end = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(end) {
        lines.push(&rest[..at]);
        let after = &rest[at..];
        let mut chars = after.chars();
        chars.next();
        rest = after.strip_prefix("\r\n").unwrap_or(chars.as_str());
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Without a comment: a `#` at the start or after a space. One within a word is part of a URL.
fn uncommented(text: &str) -> &str {
    let mut before = None;
    for (index, c) in text.char_indices() {
        if c == '#' && before.is_none_or(char::is_whitespace) {
            return &text[..index];
        }
        before = Some(c);
    }
    text
}

/// The words of a line as a shell splits them; `None`: a quote is not closed.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}
