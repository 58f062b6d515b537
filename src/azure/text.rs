//! Text that came from a server or a tool, made fit to be shown.

use azure_core::credentials::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::value::strip_control;

/// The most characters of one foreign text that are shown.
const LONGEST: usize = 2000;
/// What stands where a token stood.
pub(crate) const TOKEN: &str = "(token)";

/// `text` on one line, without control characters, without anything that looks like a token or is one of
/// `secrets` in whatever spelling, cut to a bearable length.
pub(crate) fn clean(text: &str, secrets: &[Secret]) -> String {
    let mut text = strip_control(&text.replace('\r', ""));
    for secret in secrets {
        // A very short secret is no secret; replacing it would eat the message.
        if secret.secret().len() >= 8 {
            for spelling in spellings(secret.secret()) {
                text = text.replace(&spelling, TOKEN);
            }
        }
    }
    let text = without_tokens(text.trim());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{CUT}", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// From this length on what is made of a value is looked for, too: a shorter one is a part of many words.
const SPELT: usize = 6;
/// From this length on a line of a value with several (a key in PEM) is as good as all of it.
const LINE: usize = 16;

/// A value as a server may say it back: as it is, on one line, each of its lines, within JSON, within a URL, within
/// a form, in Base64. The longest first, so that no rest of one stays.
fn spellings(value: &str) -> Vec<String> {
    let mut all = vec![value.to_owned()];
    if value.len() >= SPELT {
        let json = serde_json::Value::from(value).to_string();
        all.push(json.trim_matches('"').to_owned());
        let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        all.push(form.replace('+', "%20"));
        all.push(form);
        all.push(STANDARD_NO_PAD.encode(value));
        all.push(URL_SAFE_NO_PAD.encode(value));
        all.extend(value.lines().map(str::trim).filter(|line| line.len() >= LINE).map(str::to_owned));
    }
    // What is looked through has been put on one line.
    let flat: Vec<String> = all.iter().map(|one| strip_control(&one.replace('\r', ""))).collect();
    all.extend(flat);
    all.retain(|one| !one.trim().is_empty());
    all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    all.dedup();
    all
}

/// From this length on a value that is no token is told from a name by chance.
const NO_NAME: usize = 16;

/// Whether a link repeats one of `secrets` or `values`, however it is spelt.
pub(super) fn tells(link: &str, secrets: &[Secret], values: &[String]) -> bool {
    let secrets = secrets.iter().map(Secret::secret).filter(|secret| secret.len() >= 8);
    let values = values.iter().map(String::as_str).filter(|value| value.len() >= NO_NAME);
    let mut read = String::new();
    for (name, value) in url::form_urlencoded::parse(link.as_bytes()) {
        read.extend([name, value]);
    }
    secrets
        .chain(values)
        .any(|one| spellings(one).iter().any(|spelling| link.contains(spelling) || read.contains(spelling)))
}

/// What stands where a value stood that nobody may see.
const HIDDEN: &str = "(hidden)";
/// From this length on a value of letters alone is hidden inside a longer word, too.
const NO_WORD: usize = 8;

/// `said` without `values`, however they are spelt. A short value of letters alone may be a part of any word (`info`
/// is of `information`) and is hidden where no letter is beside it; every other value is hidden wherever it stands, and
/// so is its beginning where the text was cut.
pub(crate) fn without(said: &str, values: &[String]) -> String {
    let mut values: Vec<String> =
        values.iter().filter(|value| !value.is_empty()).flat_map(|value| spellings(value)).collect();
    // A value may begin with another: the longer one first, or its rest would stay.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let said = values.iter().fold(said.to_owned(), |said, value| {
        if value.chars().count() < NO_WORD && value.chars().all(char::is_alphabetic) {
            without_word(&said, value)
        } else {
            said.replace(value.as_str(), HIDDEN)
        }
    });
    match said.strip_suffix(CUT) {
        Some(kept) => format!("{}{CUT}", without_end(kept, &values)),
        None => said,
    }
}

/// What ends a text that was cut.
const CUT: char = '…';
/// The shortest beginning of a value that is taken for one.
const BEGINNING: usize = 4;

/// `kept` without the beginning of a value at its end.
fn without_end(kept: &str, values: &[String]) -> String {
    let begun = |value: &String| {
        let ends = value.char_indices().map(|(at, _)| at).filter(|at| *at >= BEGINNING);
        ends.filter(|at| kept.ends_with(&value[..*at])).max()
    };
    match values.iter().filter_map(begun).max() {
        Some(length) => format!("{}{HIDDEN}", &kept[..kept.len() - length]),
        None => kept.to_owned(),
    }
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
    fn a_value_is_hidden_however_it_is_spelt() {
        let value = "Cörrect \"horse\"\nbattery/staple+0001";
        let values = [value.to_owned()];
        let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        for said in [
            value.to_owned(),
            strip_control(value),
            serde_json::json!({ "value": value }).to_string(),
            format!("https://x/?a={form}&b"),
            format!("https://x/?a={}&b", form.replace('+', "%20")),
            format!("Basic {}==", STANDARD_NO_PAD.encode(value)),
            URL_SAFE_NO_PAD.encode(value),
            "it has the line battery/staple+0001".to_owned(),
        ] {
            for told in [without(&said, &values), without(&strip_control(&said), &values)] {
                assert!(told.contains(HIDDEN), "{told}");
                for part in ["horse", "battery", "staple", "%22", "Q8O2cnJlY3"] {
                    assert!(!told.contains(part), "{told}");
                }
            }
            let told = clean(&said, &[Secret::new(value)]);
            assert!(told.contains(TOKEN) && !told.contains("staple") && !told.contains("horse"), "{told}");
        }
    }

    #[test]
    fn no_beginning_of_a_value_stays_where_a_text_was_cut() {
        let value = "correct-horse-battery";
        for begun in 4..value.len() {
            let said = clean(&format!("{}{value}", "x".repeat(LONGEST - begun)), &[]);
            assert!(said.ends_with(&format!("{}…", &value[..begun])));
            let told = without(&said, &[value.to_owned()]);
            assert!(told.ends_with("x(hidden)…"), "{told}");
        }
        assert_eq!(without("it is corr…", &["correct-horse".to_owned()]), "it is (hidden)…");
        assert_eq!(without("it is co…", &["correct-horse".to_owned()]), "it is co…");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let shown = clean(&"é".repeat(5000), &[]);
        assert_eq!(shown.chars().count(), LONGEST + 1);
    }
}
