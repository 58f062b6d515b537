//! What people read, so that no agent of a pipeline takes a part of it for a command.

/// What starts a command where an agent looks for it anywhere in a line: `##[…]` and, in Azure Pipelines,
/// `##vso[…]` (<https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands>).
const ANYWHERE: [&str; 2] = ["##", "##vso"];

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
        if matches!(c, '\n' | '\r') {
            (beginning, tail) = (true, String::new());
            out.push(c);
            continue;
        }
        let command = c == '[' && ANYWHERE.iter().any(|start| tail.ends_with(start));
        // `::: ` is how a second place is told of: whatever follows, no command begins with a colon and a space.
        let place = || {
            let mut next = chars.clone();
            next.next() == Some(':') && next.next() == Some(' ')
        };
        if command || (beginning && c == ':' && tail == ":" && !place()) {
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

#[cfg(test)]
mod tests {
    use super::no_command;

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
        ] {
            assert_eq!(no_command(text), shown);
        }
        for plain in [
            "a::b ## [x] #[y] a: :b",
            "::: mine/recipe.yaml:7:5",
            "\u{1b}[1mbold\u{1b}[0m",
            "# title\n## [link](x)\n",
            ": a\n:\n:b",
        ] {
            assert_eq!(no_command(plain), plain);
        }
    }
}
