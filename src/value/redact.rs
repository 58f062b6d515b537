//! What may be shown of a value.

use std::fmt;

use serde_json::Value as Json;

use super::{Data, Value};

/// The text that stands for a secret.
const SENSITIVE: &str = "(sensitive)";
/// The text that stands for somebody else's value.
const EXISTING: &str = "(existing value)";
/// The text that stands for what a local file holds: long, and of no use in a line.
const FILE: &str = "(content of a file)";
/// The text that stands for what only a step will make known.
const UNKNOWN: &str = "(known after apply)";

/// A value as people and files may see it: secrets, foreign values and unknowns replaced by words.
#[derive(Clone, Copy, Debug)]
pub struct Redacted<'a>(pub &'a Value);

impl Redacted<'_> {
    /// The redacted JSON.
    pub fn to_json(self) -> Json {
        let value = self.0;
        if value.is_null() {
            return Json::Null;
        }
        if value.marks.secret {
            return Json::String(SENSITIVE.to_owned());
        }
        if value.marks.existing {
            return Json::String(EXISTING.to_owned());
        }
        match &value.data {
            Data::Null => Json::Null,
            Data::Bool(value) => Json::Bool(*value),
            Data::Number(number) => Json::Number(number.clone()),
            Data::String(_) if value.marks.file => Json::String(FILE.to_owned()),
            Data::String(text) => Json::String(text.clone()),
            Data::List(list) => Json::Array(list.iter().map(|item| Redacted(item).to_json()).collect()),
            Data::Map(map) => {
                Json::Object(map.iter().map(|(key, item)| (key.clone(), Redacted(item).to_json())).collect())
            }
            Data::Unknown(_) => Json::String(UNKNOWN.to_owned()),
        }
    }
}

/// Scalars as they are written in a plan: strings in quotes, stand-ins bare.
impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_unknown() {
            return f.write_str(UNKNOWN);
        }
        if value.marks.secret && !value.is_null() {
            return f.write_str(SENSITIVE);
        }
        if value.marks.existing && !value.is_null() {
            return f.write_str(EXISTING);
        }
        if value.marks.file && matches!(value.data, Data::String(_)) {
            return f.write_str(FILE);
        }
        f.write_str(&strip_control(&self.to_json().to_string()))
    }
}

/// The text without what steers a terminal or hides from a reader: for anything that came from a server or a file.
/// Tabs and newlines become spaces, so that it stays on its line; every other control character (C0 with the escape
/// that begins CSI and OSC, DEL, C1) and every [`invisible`] character is left out.
pub fn strip_control(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\t' => Some(' '),
            c if c.is_control() || invisible(c) => None,
            c => Some(c),
        })
        .collect()
}

/// Whether a character shows nothing of itself, or changes the order in which others are read: those that Unicode
/// says may be ignored (`Default_Ignorable_Code_Point` of `DerivedCoreProperties.txt`, Unicode 16: bidirectional
/// controls, zero-width space, joiners and non-joiner, soft hyphen, fillers, variation selectors, tags), line and
/// paragraph separators, and annotations. Two names that differ in one look the same, an agent that compares by
/// culture looks past them (`#\u{ad}#[` is `##[` to .NET's `IndexOf`), and a reader is shown another text than the one
/// that is there. Without a joiner some emoji and some words of Persian or Hindi look worse; they stay readable.
pub fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Marks;

    #[test]
    fn what_a_terminal_would_obey_is_gone() {
        let hostile = "a\u{1b}[31mb\u{202e}c\u{2066}d\u{61c}e\u{2028}f\u{e0041}g\nh\ti\u{7f}\u{9b}31m";
        let shown = strip_control(hostile);
        assert_eq!(shown, "a[31mbcdefg h i31m");
        for hidden in
            "\u{0}\u{8}\r\u{85}\u{ad}\u{34f}\u{200b}\u{200c}\u{200d}\u{200e}\u{2029}\u{206f}\u{3164}\u{fe0f}\u{feff}\u{fffb}"
                .chars()
        {
            assert_eq!(strip_control(&format!("a{hidden}b")), "ab", "{hidden:?}");
        }
        for shown in ["é", "e\u{301}", "💥", "\u{a0}", "نا", "✓ → …"] {
            assert_eq!(strip_control(shown), shown);
        }
    }

    #[test]
    fn hidden_values_are_words_at_every_depth() {
        let secret = Value::from("hunter2").mark(Marks::SECRET);
        let list = Value::new(Data::List(vec![secret, Value::from("seen").mark(Marks::EXISTING)]));
        let shown = Redacted(&list).to_json().to_string();
        assert_eq!(shown, r#"["(sensitive)","(existing value)"]"#);
        assert!(!Redacted(&list).to_string().contains("hunter2"));
    }
}
