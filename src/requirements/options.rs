//! The options of a requirements file.

use super::Choice;
use super::specifier::normalise;

/// One option, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// `-r FILE`
    Requirements(String),
    /// `-c FILE`
    Constraints(String),
    /// `-e TARGET`
    Editable(String),
    /// An index, or a page of links.
    Index(String),
    /// `--no-binary`
    NoBinary(String),
    /// `--only-binary`
    OnlyBinary(String),
    /// `--prefer-binary`
    PreferBinary,
    /// `--require-hashes`
    RequireHashes,
    /// `--trusted-host`
    TrustedHost,
    /// `--hash` of a package.
    Hash,
    /// How a package is built.
    OfBuild,
    /// One that says nothing about packages.
    Other,
}

/// Names, the short form, whether a value follows, and what it makes.
type Row = (&'static str, Option<char>, bool, fn(String) -> Said);

const OPTIONS: &[Row] = &[
    ("--requirement", Some('r'), true, Said::Requirements),
    ("--constraint", Some('c'), true, Said::Constraints),
    ("--editable", Some('e'), true, Said::Editable),
    ("--index-url", Some('i'), true, Said::Index),
    ("--pypi-url", None, true, Said::Index),
    ("--extra-index-url", None, true, Said::Index),
    ("--find-links", Some('f'), true, Said::Index),
    ("--no-binary", None, true, Said::NoBinary),
    ("--only-binary", None, true, Said::OnlyBinary),
    ("--prefer-binary", None, false, |_| Said::PreferBinary),
    ("--require-hashes", None, false, |_| Said::RequireHashes),
    ("--trusted-host", None, true, |_| Said::TrustedHost),
    ("--hash", None, true, |_| Said::Hash),
    ("--config-settings", Some('C'), true, |_| Said::OfBuild),
    ("--config-setting", None, true, |_| Said::OfBuild),
    ("--global-option", None, true, |_| Said::OfBuild),
    ("--no-index", None, false, |_| Said::Other),
    ("--pre", None, false, |_| Said::Other),
    ("--use-feature", None, true, |_| Said::Other),
];

/// Reads the options in these words.
///
/// # Errors
/// One that pip does not know, or whose value is missing, in words that do not repeat it.
pub(super) fn parse(words: &[String]) -> Result<Vec<Said>, String> {
    let mut said = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (row, inline) = find(word)
            .ok_or_else(|| "this is no option that pip takes in a file, and no package".to_owned())?;
        let (name, _, takes, make) = row;
        let value = match (takes, inline) {
            (true, Some(value)) => value.to_owned(),
            (true, None) => words.next().ok_or_else(|| format!("{name} needs a value"))?.clone(),
            (false, Some(_)) => return Err(format!("{name} takes no value")),
            (false, None) => String::new(),
        };
        said.push(make(value));
    }
    Ok(said)
}

/// The row of a word, and the value that stands in the same word.
fn find(word: &str) -> Option<(&'static Row, Option<&str>)> {
    if word.starts_with("--") {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let exact = OPTIONS.iter().find(|(long, ..)| *long == name);
        // Like pip, which takes the beginning of a name when it is clear.
        let mut begun = OPTIONS.iter().filter(|(long, ..)| name.len() > 3 && long.starts_with(name));
        let row = exact.or_else(|| begun.next().filter(|_| begun.next().is_none()))?;
        return Some((row, value));
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    let rest = letters.as_str();
    let row = OPTIONS.iter().find(|(_, short, ..)| *short == Some(letter))?;
    Some((row, (!rest.is_empty()).then_some(rest)))
}

/// Adds names to one of the two choices and takes them from the other (`:all:`, `:none:`, `a,b`), as pip does:
/// the last word on a package counts.
pub(super) fn choose(target: &mut Choice, other: &mut Choice, list: &str) {
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            ":all:" => {
                *other = Choice::default();
                *target = Choice { all: true, ..Choice::default() };
            }
            ":none:" => *target = Choice::default(),
            name => {
                let name = normalise(name);
                other.names.remove(&name);
                target.names.insert(name);
            }
        }
    }
}
