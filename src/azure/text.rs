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
    fn long_text_is_cut_between_characters() {
        let shown = clean(&"é".repeat(5000), &[]);
        assert_eq!(shown.chars().count(), LONGEST + 1);
    }
}
