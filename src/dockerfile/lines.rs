//! Physical lines to logical ones: directives, comments, continuations, here-documents.

use super::words::words;
use super::{Mistake, Place};

/// A character with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Char {
    pub(super) char: char,
    pub(super) place: Place,
}

/// One instruction's text.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The text, its continuations joined and comments left out.
    pub(super) text: Vec<Char>,
    /// The bodies of its here-documents.
    pub(super) documents: Vec<Document>,
}

/// A here-document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) body: Vec<Char>,
}

/// The logical lines of a file.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) escape: char,
    pub(super) syntax: Option<String>,
    pub(super) all: Vec<Line>,
    pub(super) mistakes: Vec<Mistake>,
}

/// Instructions that take here-documents.
const WITH_DOCUMENTS: &[&str] = &["RUN", "COPY", "ADD"];

/// The characters of a text that begins at `place` and has no line break of the file in it.
pub(super) fn placed(text: &str, place: Place) -> Vec<Char> {
    let column = |offset: usize| Place { line: place.line, column: place.column + offset };
    text.chars().enumerate().map(|(offset, char)| Char { char, place: column(offset) }).collect()
}

pub(super) fn text(chars: &[Char]) -> String {
    chars.iter().map(|one| one.char).collect()
}

pub(super) fn trim(chars: &[Char]) -> &[Char] {
    let start = chars.iter().position(|one| !one.char.is_whitespace()).unwrap_or(chars.len());
    let end = chars.iter().rposition(|one| !one.char.is_whitespace()).map_or(start, |last| last + 1);
    &chars[start..end]
}

pub(super) fn lines(text: &str) -> Lines {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let physical: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut read = Lines { escape: '\\', syntax: None, all: Vec::new(), mistakes: Vec::new() };
    let mut at = read.directives(&physical);
    let mut current: Vec<Char> = Vec::new();
    while let Some(line) = physical.get(at) {
        let chars = placed(line, Place { line: at + 1, column: 1 });
        at += 1;
        let trimmed = trim(&chars);
        // Also within a continuation: Docker takes a comment or an empty line there for none.
        if trimmed.first().is_none_or(|first| first.char == '#') {
            if at < physical.len() || current.is_empty() {
                continue;
            }
        } else {
            let (part, goes_on) = read.continued(&chars);
            current.extend_from_slice(part);
            if goes_on && at < physical.len() {
                continue;
            }
        }
        let mut line = Line { text: trim(&current).to_vec(), documents: Vec::new() };
        current.clear();
        if line.text.is_empty() {
            continue;
        }
        read.documents(&mut line, &physical, &mut at);
        read.all.push(line);
    }
    read
}

impl Lines {
    /// Reads `# key=value` at the top; gives the number of the first line after them.
    fn directives(&mut self, physical: &[&str]) -> usize {
        let mut seen: Vec<String> = Vec::new();
        for (index, line) in physical.iter().enumerate() {
            let Some((key, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('='))
            else {
                return index;
            };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            if !matches!(key.as_str(), "syntax" | "escape" | "check") || seen.contains(&key) {
                return index;
            }
            match (key.as_str(), value) {
                ("syntax", value) => self.syntax = Some(value.to_owned()),
                ("escape", "\\") => {}
                ("escape", "`") => self.escape = '`',
                ("escape", _) => self.mistakes.push(Mistake {
                    message: "the directive `escape` takes \\ or `".to_owned(),
                    place: Place { line: index + 1, column: 1 },
                }),
                _ => {}
            }
            seen.push(key);
        }
        physical.len()
    }

    /// The line without the escape character at its end, and whether there was one.
    fn continued<'a>(&self, chars: &'a [Char]) -> (&'a [Char], bool) {
        let blank = |one: &Char| matches!(one.char, ' ' | '\t');
        let end = chars.iter().rposition(|one| !blank(one)).map_or(0, |last| last + 1);
        let (Some(last), before) = (end.checked_sub(1), end.checked_sub(2)) else { return (chars, false) };
        let doubled = before.is_some_and(|before| chars[before].char == self.escape);
        if chars[last].char == self.escape && !doubled { (&chars[..last], true) } else { (chars, false) }
    }

    /// Takes the here-documents that a line opens.
    fn documents(&mut self, line: &mut Line, physical: &[&str], at: &mut usize) {
        let all = words(&line.text, self.escape, true);
        let name =
            |index: usize| all.get(index).map(|word| word.text.to_ascii_uppercase()).unwrap_or_default();
        let keyword = if name(0) == "ONBUILD" { name(1) } else { name(0) };
        if !WITH_DOCUMENTS.contains(&keyword.as_str()) {
            return;
        }
        for word in &all {
            let Some((delimiter, strip)) = delimiter(&word.text) else { continue };
            let mut body = Vec::new();
            let ended = loop {
                let Some(text) = physical.get(*at) else { break false };
                *at += 1;
                let tabs = if strip { text.len() - text.trim_start_matches('\t').len() } else { 0 };
                if text[tabs..] == delimiter {
                    break true;
                }
                body.extend(placed(&text[tabs..], Place { line: *at, column: tabs + 1 }));
                body.push(Char { char: '\n', place: Place { line: *at, column: text.chars().count() + 1 } });
            };
            if !ended {
                self.mistakes.push(Mistake {
                    message:
                        "the here-document that begins here has no line at its end that is its delimiter"
                            .to_owned(),
                    place: word.place,
                });
            }
            line.documents.push(Document { body });
        }
    }
}

/// The delimiter of a word that opens a here-document (`<<EOF`, `<<-"EOF"`, `3<<EOF`), and whether its lines
/// lose their tabs.
pub(super) fn delimiter(raw: &str) -> Option<(String, bool)> {
    let rest = raw.trim_start_matches(|one: char| one.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, strip) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    if rest.contains('<') {
        return None;
    }
    let name: String = rest.chars().filter(|one| !matches!(one, '"' | '\'')).collect();
    (!name.is_empty()).then_some((name, strip))
}
