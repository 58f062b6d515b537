//! Words of an instruction.

use super::lines::{Char, text, trim};
use super::{Flag, Place, Variable, Word};

/// The words of a text, divided by white space outside of quotes. `raw`: with their quotes and escapes.
pub(super) fn words(chars: &[Char], escape: char, raw: bool) -> Vec<Word> {
    let mut found = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote: Option<char> = None;
    let mut at = 0;
    while let Some(one) = chars.get(at) {
        at += 1;
        if quote.is_none() && one.char.is_whitespace() {
            found.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(|| Word { text: String::new(), place: one.place });
        let escapes = one.char == escape && quote != Some('\'');
        let next = chars.get(at).filter(|_| escapes);
        match (quote, one.char, next) {
            (_, _, Some(next)) => {
                at += 1;
                // Within double quotes only what has a meaning there loses its escape.
                if raw || (quote.is_some() && !matches!(next.char, '"' | '$') && next.char != escape) {
                    word.text.push(one.char);
                }
                word.text.push(next.char);
            }
            (Some(open), char, _) if open == char => {
                quote = None;
                word.text.extend(raw.then_some(char));
            }
            (None, char @ ('"' | '\''), _) => {
                quote = Some(char);
                word.text.extend(raw.then_some(char));
            }
            (_, char, _) => word.text.push(char),
        }
    }
    found.extend(word);
    found
}

/// The flags at the beginning (`--name=value`), and what follows them.
pub(super) fn flags(mut chars: &[Char]) -> (Vec<Flag>, &[Char]) {
    let mut found = Vec::new();
    loop {
        chars = trim(chars);
        let is_flag = chars.len() > 2 && chars[0].char == '-' && chars[1].char == '-';
        if !is_flag {
            return (found, chars);
        }
        let end = chars.iter().position(|one| one.char.is_whitespace()).unwrap_or(chars.len());
        let written = text(&chars[2..end]);
        let (name, value) = written.split_once('=').unwrap_or((&written, ""));
        let value = value.trim_matches('"').to_owned();
        found.push(Flag { name: name.to_ascii_lowercase(), value, place: chars[0].place });
        chars = &chars[end..];
    }
}

/// A JSON array of strings, as words; `None`: it is none.
pub(super) fn array(chars: &[Char]) -> Option<Vec<Word>> {
    let chars = trim(chars);
    chars.first().filter(|first| first.char == '[')?;
    let texts: Vec<String> = serde_json::from_str(&text(chars)).ok()?;
    // It is an array of strings, so that a quote outside of a string begins one.
    let mut places: Vec<Place> = Vec::new();
    let (mut inside, mut escaped) = (false, false);
    for one in chars {
        match one.char {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => {
                if !inside {
                    places.push(one.place);
                }
                inside = !inside;
            }
            _ => {}
        }
    }
    Some(texts.into_iter().zip(places).map(|(text, place)| Word { text, place }).collect())
}

/// The variables that `ENV` sets: `name=value …`, or the old `name value`.
pub(super) fn variables(chars: &[Char], escape: char) -> Vec<Variable> {
    let raw = words(chars, escape, true);
    let old = raw.first().is_some_and(|first| !first.text.contains('='));
    if old {
        let name = raw[0].text.clone();
        let length = name.chars().count();
        let value = text(trim(chars.get(length..).unwrap_or_default()));
        return vec![Variable { name, value: Some(value), place: raw[0].place }];
    }
    arguments(chars, escape)
}

/// The variables that `ARG` declares: `name`, `name=value`.
pub(super) fn arguments(chars: &[Char], escape: char) -> Vec<Variable> {
    let variable = |word: Word| match word.text.split_once('=') {
        Some((name, value)) => {
            Variable { name: name.to_owned(), value: Some(value.to_owned()), place: word.place }
        }
        None => Variable { name: word.text, value: None, place: word.place },
    };
    words(chars, escape, false).into_iter().map(variable).collect()
}
