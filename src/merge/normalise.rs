//! When two values mean the same to Azure: `""` = absent, unset = default, ids in any case, sets in
//! any order.

use super::scope;
use crate::azure::types::{Compare, ListKind, ResourceType};
use crate::value::{Data, Path, Value};

/// Whether `value` means "nothing is set" at `path`: null, the empty string (what the API returns
/// for cleared registry credentials, Azure/terraform-azurerm-avm-res-app-containerapp#125), a list of
/// nothing, which comes back as none or the other way round, or the default of the type table.
pub fn absent(kind: &ResourceType, path: &Path, value: &Value) -> bool {
    match &value.data {
        Data::Null => true,
        Data::String(text) => text.is_empty() || kind.default_at(&path.pattern()) == Some(text.as_str()),
        Data::Bool(flag) => kind.default_at(&path.pattern()) == Some(if *flag { "true" } else { "false" }),
        Data::Number(number) => kind.default_at(&path.pattern()) == Some(number.to_string().as_str()),
        Data::List(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether `live` and `wanted` mean the same at `path`, or the live value is a scope that the wanted one lies
/// in. An unknown equals nothing.
pub fn equal(kind: &ResourceType, path: &Path, live: &Value, wanted: &Value) -> bool {
    if live.is_unknown() || wanted.is_unknown() {
        return false;
    }
    let (no_live, no_wanted) = (absent(kind, path, live), absent(kind, path, wanted));
    if no_live || no_wanted {
        return no_live && no_wanted;
    }
    match (&live.data, &wanted.data) {
        (Data::String(have), Data::String(want)) => match kind.comparison(&path.pattern()) {
            None => have == want,
            Some(Compare::IgnoreCase) => have.eq_ignore_ascii_case(want),
            Some(Compare::CommonName) => common_name(have).eq_ignore_ascii_case(common_name(want)),
            Some(Compare::Url) => fold_url(have) == fold_url(want),
            Some(Compare::HostName) => fold_host(have) == fold_host(want),
            Some(Compare::WordSet) => word_set(have) == word_set(want),
            Some(Compare::Covers) => scope::covers(have, want),
        },
        (Data::Number(have), Data::Number(want)) => have == want || have.as_f64() == want.as_f64(),
        (Data::Map(have), Data::Map(want)) => have.keys().chain(want.keys()).all(|key| {
            let null = Value::null();
            equal(kind, &path.key(key), have.get(key).unwrap_or(&null), want.get(key).unwrap_or(&null))
        }),
        (Data::List(have), Data::List(want)) => equal_lists(kind, path, have, want),
        (have, want) => have == want,
    }
}

fn equal_lists(kind: &ResourceType, path: &Path, have: &[Value], want: &[Value]) -> bool {
    let below = path.element("");
    match kind.list_kind(&path.pattern()) {
        ListKind::Atomic => {
            have.len() == want.len()
                && have.iter().zip(want).all(|(have, want)| equal(kind, &below, have, want))
        }
        ListKind::Set | ListKind::Map(_) => {
            let found = |one: &Value, all: &[Value]| all.iter().any(|other| equal(kind, &below, other, one));
            have.iter().all(|one| found(one, want)) && want.iter().all(|one| found(one, have))
        }
    }
}

/// `value` at `path` in the one spelling that all values equal to it share: what is stored to be
/// compared later.
pub fn canonical(kind: &ResourceType, path: &Path, value: &Value) -> Value {
    let data = match &value.data {
        Data::String(text) => Data::String(match kind.comparison(&path.pattern()) {
            None => text.clone(),
            Some(Compare::IgnoreCase) => text.to_ascii_lowercase(),
            Some(Compare::CommonName) => common_name(text).to_ascii_lowercase(),
            Some(Compare::Url) => fold_url(text),
            Some(Compare::HostName) => fold_host(text),
            Some(Compare::WordSet) => word_set(text).join(","),
            Some(Compare::Covers) => scope::folded(text),
        }),
        Data::List(items) => {
            let below = path.element("");
            Data::List(items.iter().map(|item| canonical(kind, &below, item)).collect())
        }
        Data::Map(members) => Data::Map(
            members
                .iter()
                .map(|(key, member)| (key.clone(), canonical(kind, &path.key(key), member)))
                .collect(),
        ),
        other => other.clone(),
    };
    Value { data, marks: value.marks }
}

/// The subject of a certificate without the `CN=` that may stand before it.
pub(super) fn common_name(subject: &str) -> &str {
    let subject = subject.trim();
    match subject.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("CN=") => subject.get(3..).unwrap_or_default().trim(),
        _ => subject,
    }
}

/// Scheme and host in lower case, no trailing slash: `https://KV.vault.azure.net/secrets/a/`.
fn fold_url(text: &str) -> String {
    let text = text.trim_end_matches('/');
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            format!("{}://{}/{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
        }
        None => text.to_owned(),
    }
}

/// In lower case, no final dot.
fn fold_host(text: &str) -> String {
    text.trim_end_matches('.').to_ascii_lowercase()
}

/// The words of a comma-separated set, without `None`, in lower case and order.
pub fn word_set(text: &str) -> Vec<String> {
    let mut words: Vec<String> = words(text).map(str::to_ascii_lowercase).collect();
    words.sort();
    words.dedup();
    words
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("None"))
}

/// `live` with the words of `wanted` added, as Azure writes it, and whether all were there already.
pub fn add_words(live: &str, wanted: &str) -> (String, bool) {
    let mut all: Vec<&str> = words(live).collect();
    let before = all.len();
    for word in words(wanted) {
        if !all.iter().any(|have| have.eq_ignore_ascii_case(word)) {
            all.push(word);
        }
    }
    // The service writes `SystemAssigned, UserAssigned` in this order.
    all.sort_by_key(|word| word.to_ascii_lowercase());
    let complete = all.len() == before;
    (all.join(", "), complete)
}

/// `live` without these words, as Azure writes it, and whether none was there. A set of nothing is `None`.
pub fn remove_words(live: &str, gone: &[&str]) -> (String, bool) {
    let is_gone = |word: &&str| gone.iter().any(|one| one.eq_ignore_ascii_case(word));
    let kept: Vec<&str> = words(live).filter(|word| !is_gone(word)).collect();
    let complete = kept.len() == words(live).count();
    let text = if kept.is_empty() { "None".to_owned() } else { kept.join(", ") };
    (text, complete)
}
