//! What is written, so that no agent of a pipeline takes a part of it for a command, and no terminal obeys it.

use std::fmt::Write as _;

use crate::value::invisible;

/// What starts a command where an agent looks for it anywhere in a line: `##[…]` and, in Azure Pipelines,
/// `##vso[…]` (<https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands>).
const ANYWHERE: [&str; 2] = ["##", "##vso"];

/// A text as it may be written: nothing in it steers a terminal, hides, or starts a command. What people read is
/// cleaned where it is put together; this is the net under that, at the one place where it leaves.
pub(super) fn fit_text(text: &str) -> String {
    no_command(&plain(text))
}

/// `text` without what steers or hides, but for line ends and the colours that the program itself writes.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            let (own, after) = rest.split_at(length);
            out.push_str(own);
            rest = after;
            continue;
        }
        match c {
            '\n' => out.push(c),
            '\t' => out.push(' '),
            c if c.is_control() || invisible(c) => {}
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// How long the colour (SGR) is that a text begins with: bold, dim, italic, underlined, a letter's colour, and back.
/// None that hides letters or moves anything.
fn colour(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let end = inner.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    let own = |number: &str| {
        number.is_empty()
            || number
                .parse()
                .is_ok_and(|number: u8| matches!(number, 0..=4 | 22..=24 | 30..=37 | 39 | 90..=97))
    };
    let (numbers, after) = inner.split_at(end);
    // One of 256 colours.
    let one_of_many = numbers.strip_prefix("38;5;").is_some_and(|number| number.parse::<u8>().is_ok());
    (after.starts_with('m') && (one_of_many || numbers.split(';').all(own))).then_some(end + 3)
}

/// `text` with a space in each `##[` and `##vso[`, and in each `::` that begins a line, after white space: there the
/// runner of GitHub takes a command
/// (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>). Colours count for nothing,
/// since they are taken away where nobody sees them. What servers and files say is shown all the same.
pub(super) fn no_command(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // What is seen of the line so far: nothing but colons, and the last few letters of any.
    let (mut beginning, mut tail) = (true, String::new());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            out.push(c);
            // A control sequence: up to its final letter.
            if chars.next_if_eq(&'[').is_some() {
                out.push('[');
                for next in chars.by_ref() {
                    out.push(next);
                    if ('\u{40}'..='\u{7e}').contains(&next) {
                        break;
                    }
                }
            }
            continue;
        }
        // An agent that compares by culture looks past them.
        if invisible(c) {
            out.push(c);
            continue;
        }
        if matches!(c, '\n' | '\r') {
            (beginning, tail) = (true, String::new());
            out.push(c);
            continue;
        }
        let command = c == '[' && ANYWHERE.iter().any(|start| tail.ends_with(start));
        if command || (beginning && c == ':' && tail == ":") {
            out.push(' ');
        }
        out.push(c);
        if beginning && c.is_whitespace() && tail.is_empty() {
            continue;
        }
        beginning = beginning && tail.is_empty();
        tail.push(c.to_ascii_lowercase());
        if tail.chars().count() > 8 {
            tail.remove(0);
        }
    }
    out
}

/// A JSON document in which nothing steers a terminal, hides, or starts a command: the same document, since all of
/// that can only stand within strings, where an escape says the same.
pub(super) fn fit_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut tail = String::new();
    for c in json.chars() {
        let command = c == '[' && ANYWHERE.iter().any(|start| tail.ends_with(start));
        // Line ends and spaces are the document's own: within a string the writer has escaped them.
        if command || invisible(c) || (c.is_control() && c != '\n') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        if invisible(c) {
            continue;
        }
        tail.push(c.to_ascii_lowercase());
        if tail.chars().count() > 8 {
            tail.remove(0);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{fit_json, fit_text, no_command};

    #[test]
    fn a_document_starts_no_command_and_stays_the_same() {
        let hostile = serde_json::json!({
            "##vso[task.setvariable variable=A]b": ["##[group]x", "##\u{ad}[x]", "a\u{202e}b\u{9b}c\u{1b}[0m\u{e0041}"],
            "list": [[], ["#", "##"], "é 💥"],
        });
        let written = fit_json(&format!("{hostile:#}"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), hostile);
        assert!(!written.to_lowercase().contains("##vso[") && !written.contains("##["), "{written}");
        assert!(
            written.chars().all(|c| c == '\n' || !(c.is_control() || crate::value::invisible(c))),
            "{written}"
        );
        assert!(written.contains("é 💥"), "{written}");
    }

    #[test]
    fn a_text_keeps_its_colours_and_lines_and_nothing_else_that_steers() {
        for (text, shown) in [
            ("a\u{1b}]0;title\u{7}b", "a]0;titleb"),
            ("a\u{1b}[2Jb\u{9b}2J\u{85}\u{8}\u{7f}c\rd\te", "a[2Jb2Jcd e"),
            ("a\u{202e}b\u{2066}c\u{200b}d\u{2028}e", "abcde"),
            // Hidden, blinking, in another background; not ended; another sequence.
            ("\u{1b}[8ma\u{1b}[5mb\u{1b}[41mc\u{1b}[1;8md", "[8ma[5mb[41mc[1;8md"),
            ("\u{1b}[31", "[31"),
            ("\u{1b}", ""),
            ("\u{1b}[1\u{1b}[31mx", "[1\u{1b}[31mx"),
            ("\u{1b}[38;5;999mx", "[38;5;999mx"),
            // What is left out joins nothing to a command.
            ("#\u{7}#\u{7}[error]x\n:\u{8}:error::y", "## [error]x\n: :error::y"),
        ] {
            assert_eq!(fit_text(text), shown);
        }
        for plain in
            ["a\nb\n", "\u{1b}[1m\u{1b}[31mx\u{1b}[0m", "\u{1b}[m\u{1b}[38;5;12mx\u{1b}[1;94my", "é 💥 → ✓"]
        {
            assert_eq!(fit_text(plain), plain);
        }
    }

    #[test]
    fn no_part_of_a_text_starts_a_command() {
        for (text, shown) in [
            ("a ##vso[task.setvariable variable=X]y", "a ##vso [task.setvariable variable=X]y"),
            ("x##VSO[a]##[group]b", "x##VSO [a]## [group]b"),
            ("###[a]", "### [a]"),
            ("#\u{1b}[1m#\u{1b}[0m[error]", "#\u{1b}[1m#\u{1b}[0m [error]"),
            ("::error::a", ": :error::a"),
            ("  \t::add-mask::a\n\u{a0}::b\r::c", "  \t: :add-mask::a\n\u{a0}: :b\r: :c"),
            ("\u{1b}[2m:\u{1b}[0m:stop-commands::", "\u{1b}[2m:\u{1b}[0m :stop-commands::"),
            (":::a", ": ::a"),
            (":::error:: a", ": ::error:: a"),
            // The runner takes this for a command named `:`.
            ("::: a::b/recipe.yaml:7:5", ": :: a::b/recipe.yaml:7:5"),
            (":\u{200d}:error::a", ":\u{200d} :error::a"),
            ("\u{feff}::error::a", "\u{feff}: :error::a"),
            ("#\u{ad}#[a]##\u{200b}vso[b]", "#\u{ad}# [a]##\u{200b}vso [b]"),
        ] {
            assert_eq!(no_command(text), shown);
        }
        for plain in
            ["a::b ## [x] #[y] a: :b", "\u{1b}[1mbold\u{1b}[0m", "# title\n## [link](x)\n", ": a\n:\n:b"]
        {
            assert_eq!(no_command(plain), plain);
        }
    }
}
