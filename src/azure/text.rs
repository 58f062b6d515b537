//! Text that came from a server or a tool, made fit to be shown.

use azure_core::credentials::Secret;

use crate::value::strip_control;

/// The most characters of one foreign text that are shown.
const LONGEST: usize = 2000;
/// What stands where a token stood.
pub(crate) const TOKEN: &str = "(token)";

/// `text` on one line, without control characters, without anything that looks like a token or is one of
/// `secrets`, cut to a bearable length.
pub(crate) fn clean(text: &str, secrets: &[Secret]) -> String {
    let mut text = strip_control(&text.replace('\r', ""));
    for secret in secrets {
        // A very short secret is no secret; replacing it would eat the message.
        if secret.secret().len() >= 8 {
            text = text.replace(secret.secret(), TOKEN);
        }
    }
    let text = without_tokens(text.trim());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What stands where a value stood that nobody may see.
const HIDDEN: &str = "(hidden)";
/// From this length on a value of letters alone is hidden inside a longer word, too.
const NO_WORD: usize = 8;

/// `said` without `values`. A short value of letters alone may be a part of any word (`info` is of
/// `information`) and is hidden where no letter is beside it; every other value is hidden wherever it stands.
pub(crate) fn without(said: &str, values: &[String]) -> String {
    let mut values: Vec<&str> = values.iter().map(String::as_str).filter(|value| !value.is_empty()).collect();
    // A value may begin with another: the longer one first, or its rest would stay.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.into_iter().fold(said.to_owned(), |said, value| {
        if value.chars().count() < NO_WORD && value.chars().all(char::is_alphabetic) {
            without_word(&said, value)
        } else {
            said.replace(value, HIDDEN)
        }
    })
}

/// `said` without `value` where it is not a part of a longer word.
fn without_word(said: &str, value: &str) -> String {
    let mut out = String::with_capacity(said.len());
    let mut before = None;
    let mut rest = said;
    while let Some(c) = rest.chars().next() {
        let after = rest.strip_prefix(value).filter(|after| !after.starts_with(char::is_alphabetic));
        if let Some(after) = after.filter(|_| !before.is_some_and(char::is_alphabetic)) {
            out.push_str(HIDDEN);
            before = value.chars().last();
            rest = after;
        } else {
            out.push(c);
            before = Some(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// Replaces what looks like a JWT (`eyJ….….…`) and what follows the word `Bearer`.
fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_bearer = false;
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_alphanumeric() || "._-~+/=".contains(c) {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            let jwt = word.find("eyJ").filter(|at| word.get(*at..).is_some_and(|rest| rest.len() > 20));
            match jwt {
                _ if after_bearer && word.len() >= 8 => out.push_str(TOKEN),
                Some(at) => {
                    out.push_str(word.get(..at).unwrap_or_default());
                    out.push_str(TOKEN);
                }
                None => out.push_str(&word),
            }
            after_bearer = word.eq_ignore_ascii_case("bearer");
            word.clear();
        }
        out.push(c);
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_control_characters_never_pass() {
        let secret = Secret::new("opaque-token-1");
        let text = "no\r\n\u{1b}[31m Authorization: Bearer abcdefgh12 or eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.c2ln \
                    or opaque-token-1\u{202e}";
        let shown = clean(text, &[secret]);
        assert_eq!(shown, "no [31m Authorization: Bearer (token) or (token) or (token)");
    }

    #[test]
    fn a_hidden_word_leaves_longer_words_alone() {
        let hide = |said: &str, values: &[&str]| {
            without(said, &values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(hide("For more information: 'info'", &["info"]), "For more information: '(hidden)'");
        assert_eq!(hide("info info2 _info_ ainfo", &["info"]), "(hidden) (hidden)2 _(hidden)_ ainfo");
        // No word: beside letters it is still the secret.
        assert_eq!(hide("xp4ssx", &["p4ss"]), "x(hidden)x");
        assert_eq!(hide("valuecorrecthorse", &["correcthorse"]), "value(hidden)");
        // The longer of two that begin alike, in whatever order.
        assert_eq!(hide("got p4ss-word", &["p4ss", "p4ss-word"]), "got (hidden)");
        assert_eq!(hide("étéé été", &["été"]), "étéé (hidden)");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let shown = clean(&"é".repeat(5000), &[]);
        assert_eq!(shown.chars().count(), LONGEST + 1);
    }
}
