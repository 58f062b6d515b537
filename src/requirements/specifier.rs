//! One requirement (PEP 508): `name[extra] >=1,<2 ; marker`, or `name @ url`.

use pep440_rs::VersionSpecifiers;

use super::Marker;
use super::marker;

/// What a requirement says.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) name: String,
    pub(super) extras: Vec<String>,
    pub(super) specifiers: VersionSpecifiers,
    pub(super) specifier: String,
    pub(super) url: Option<String>,
    pub(super) marker: Option<Marker>,
}

/// A name as indexes compare it (PEP 503): small letters, runs of `-`, `_` and `.` as one hyphen.
pub fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.push(c.to_ascii_lowercase());
        }
    }
    out
}

/// A name at the start, and what follows it.
pub(super) fn name(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    (edge(name.chars().next()) && edge(name.chars().next_back())).then_some((name, rest))
}

/// Parses a requirement.
///
/// # Errors
/// What is wrong with it, in words that do not repeat it.
pub(super) fn parse(text: &str) -> Result<Parsed, String> {
    let text = text.trim();
    let (own, rest) = name(text).ok_or("it does not begin with the name of a package")?;
    let (extras, rest) = extras(rest.trim_start())?;
    let rest = rest.trim_start();
    let mut parsed = Parsed {
        name: normalise(own),
        extras,
        specifiers: VersionSpecifiers::empty(),
        specifier: String::new(),
        url: None,
        marker: None,
    };
    let condition = if let Some(url) = rest.strip_prefix('@') {
        // A semicolon may stand in a URL; one after a space ends it.
        let url = url.trim_start();
        let end = url.find(char::is_whitespace).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        if url.is_empty() {
            return Err("there is no URL after the `@`".to_owned());
        }
        parsed.url = Some(url.to_owned());
        match after.trim_start() {
            "" => None,
            after => Some(after.strip_prefix(';').ok_or("after a URL comes a `;` and a condition")?),
        }
    } else {
        let (versions, condition) = match rest.split_once(';') {
            Some((versions, condition)) => (versions, Some(condition)),
            None => (rest, None),
        };
        let versions = versions.trim();
        let inner =
            versions.strip_prefix('(').map(|rest| rest.strip_suffix(')').ok_or("a bracket is not closed"));
        let versions = inner.transpose()?.unwrap_or(versions).trim();
        // The grammar allows a comma at the end.
        let versions = versions.strip_suffix(',').map_or(versions, str::trim_end);
        if !versions.is_empty() {
            // `===` compares texts, which may be no versions.
            let is_text = |one: &&str| {
                let text = one.trim().strip_prefix("===").map(str::trim);
                text.is_some_and(|text| !text.is_empty() && !text.contains(char::is_whitespace))
                    && one.parse::<VersionSpecifiers>().is_err()
            };
            let compared = versions.split(',').filter(|one| !is_text(one)).collect::<Vec<_>>().join(",");
            compared.parse::<VersionSpecifiers>().map(|found| parsed.specifiers = found).map_err(|_| {
                if versions.starts_with(['<', '>', '=', '!', '~']) {
                    "its versions are not in the form of PEP 440, such as `>=1.4,<2`"
                } else {
                    "after the name come versions such as `==1.4.2`"
                }
            })?;
            versions.clone_into(&mut parsed.specifier);
        }
        condition
    };
    parsed.marker = condition.map(marker::parse).transpose()?;
    Ok(parsed)
}

/// `[a, b]` at the start, as names are compared, sorted.
pub(super) fn extras(text: &str) -> Result<(Vec<String>, &str), String> {
    let Some(rest) = text.strip_prefix('[') else { return Ok((Vec::new(), text)) };
    let (inner, rest) = rest.split_once(']').ok_or("the `[` of its extras is not closed")?;
    let mut extras = Vec::new();
    for extra in inner.split(',').map(str::trim).filter(|extra| !extra.is_empty()) {
        match name(extra) {
            Some((extra, "")) => extras.push(normalise(extra)),
            _ => return Err("what stands in `[…]` are no names of extras".to_owned()),
        }
    }
    if extras.is_empty() && !inner.trim().is_empty() {
        return Err("what stands in `[…]` are no names of extras".to_owned());
    }
    extras.sort();
    extras.dedup();
    Ok((extras, rest))
}
