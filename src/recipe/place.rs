//! From a place in a string's value to the place in the file.

use crate::diagnostic::{Source, Span};

/// The bytes of the file that hold the part `inner` of the value `text` of the scalar at `scalar`.
/// Plain, quoted and one-line scalars are followed character by character; where folding or an
/// escape makes that a guess, the answer is the start of the scalar.
pub fn place(source: &Source, scalar: Span, text: &str, inner: Span) -> Span {
    let start_only = Span { start: scalar.start, end: first_line_end(source, scalar) };
    let Some(raw) = source.text.get(scalar.start..scalar.end) else {
        return start_only;
    };
    let (offset, quote) = match raw.chars().next() {
        Some('"') if raw.len() > 1 && raw.ends_with('"') => (1, Some('"')),
        Some('\'') if raw.len() > 1 && raw.ends_with('\'') => (1, Some('\'')),
        _ => (0, None),
    };
    let mut raw_chars = raw.char_indices().skip(offset).peekable();
    let mut start = None;
    for (index, wanted) in text.char_indices().chain([(text.len(), '\0')]) {
        let here = raw_chars.peek().map_or(raw.len(), |(at, _)| *at);
        if index == inner.start {
            start = Some(here);
        }
        if let (Some(start), true) = (start, index >= inner.end) {
            return Span { start: scalar.start + start, end: scalar.start + here };
        }
        let Some((_, mut found)) = raw_chars.next() else {
            return start_only;
        };
        match (quote, found) {
            (Some('\''), '\'') => {
                raw_chars.next();
            }
            (Some('"'), '\\') => {
                found = match raw_chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, 't')) => '\t',
                    Some((_, plain @ ('"' | '\\' | '/'))) => plain,
                    _ => return start_only,
                };
            }
            _ => {}
        }
        if found != wanted {
            return start_only;
        }
    }
    start_only
}

/// One past the last byte of the scalar's first line.
fn first_line_end(source: &Source, scalar: Span) -> usize {
    let raw = source.text.get(scalar.start..scalar.end).unwrap_or_default();
    scalar.start + raw.find('\n').unwrap_or(raw.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed<'a>(file: &'a str, raw: &str, text: &str, part: &str) -> &'a str {
        let source = Source { name: String::new(), text: file.to_owned() };
        let start = file.find(raw).unwrap();
        let scalar = Span { start, end: start + raw.len() };
        let inner = text.find(part).unwrap();
        let span = place(&source, scalar, text, Span { start: inner, end: inner + part.len() });
        &file[span.start..span.end]
    }

    #[test]
    fn follows_quotes_and_escapes() {
        assert_eq!(placed("k: ä${bad}", "ä${bad}", "ä${bad}", "bad"), "bad");
        assert_eq!(placed("k: 'it''s ${bad}'", "'it''s ${bad}'", "it's ${bad}", "bad"), "bad");
        let raw = r#""${\"a-b\".bad}""#;
        assert_eq!(placed(raw, raw, r#"${"a-b".bad}"#, "bad"), "bad");
        assert_eq!(placed(raw, raw, r#"${"a-b".bad}"#, r#""a-b""#), r#"\"a-b\""#);
    }

    #[test]
    fn stays_at_the_start_where_it_would_guess() {
        assert_eq!(placed("k: >\n  one\n  ${bad}\n", "one\n  ${bad}\n", "one ${bad}\n", "bad"), "one");
        assert_eq!(placed(r#"k: "\x41${bad}""#, r#""\x41${bad}""#, "A${bad}", "bad"), r#""\x41${bad}""#);
    }
}
