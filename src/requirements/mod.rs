//! What a Python project installs: pip's requirements files and the dependencies of a `pyproject.toml`, and
//! what the native ones among them need of the system.
//!
//! Nothing here opens a file: whoever calls gives a function that does ([`read`]), so that a plan stays pure and
//! the one place that reads files also says where they may lie. Whatever the bytes are, the answer is a list of
//! packages and findings, each with file and line; length, nesting and number are bounded.
//!
//! The requirement grammar (PEP 508) is parsed here, versions (PEP 440) by `pep440_rs`. The crate that has both,
//! `pep508_rs`, is no longer developed on its own and brings a second regular expression engine; its successor is
//! an internal part of uv. pip's file format around it, which is most of the work, is in neither.
//!
//! Sources: <https://pip.pypa.io/en/stable/reference/requirements-file-format/>,
//! <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>.

mod decode;
mod environment;
mod file;
mod image;
mod lines;
mod marker;
mod native;
mod options;
mod pyproject;
mod scaffold;
mod specifier;
mod table;
mod url;

use std::collections::BTreeMap;

pub use crate::dockerfile::rules::Severity;
pub use environment::{Environment, Family};
pub use file::{Unreadable, path, read};
pub use image::Stages;
pub use marker::Marker;
pub use native::{Native, Needed, Needs, judge};
pub use scaffold::Scaffold;
pub use specifier::normalise;
pub use table::{Table, TableError};

use pep440_rs::VersionSpecifiers;

/// The longest file that is read, in bytes: two hundred packages with thirty hashes each are half of it.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Whether a file may be read for its requirements, by the last part of its path.
pub fn is_named_so(name: &str) -> bool {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    (matches!(end, "txt" | "in") || name == "pyproject.toml") && !crate::dockerfile::rules::is_secret(name)
}

/// The same in words.
pub const NAMES: &str = "*.txt, *.in or pyproject.toml";

/// The most files that are read.
pub const MAX_FILES: usize = 32;
/// How deep files may name each other.
const MAX_DEPTH: usize = 8;
/// The most packages that are kept.
const MAX_PACKAGES: usize = 5000;
/// The most findings that are kept.
const MAX_FINDINGS: usize = 200;
/// The longest piece of a file that a message repeats, in characters.
const MAX_SHOWN: usize = 80;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, relative to the folder that all of them lie beneath, with slashes.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl Place {
    /// `file:line`.
    pub fn at(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Something to say of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, which is never renamed; by it a finding is accepted.
    pub rule: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is so, and why that matters. Never a credential.
    pub message: String,
    /// What to do.
    pub fix: String,
    /// Where it stands.
    pub place: Place,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A package index.
    Index,
    /// A built wheel at a URL or path.
    Wheel,
    /// An archive of sources at a URL or path.
    Sources,
    /// A repository.
    Repository,
    /// A folder.
    Folder,
}

/// One requirement.
#[derive(Clone, Debug)]
pub struct Package {
    /// The name as indexes compare it (PEP 503): small letters, single hyphens.
    pub name: String,
    /// The extras, as names are compared, sorted.
    pub extras: Vec<String>,
    /// The versions that are allowed; all when nothing is said.
    pub specifiers: VersionSpecifiers,
    /// The same as it is written.
    pub specifier: String,
    /// When it is installed at all.
    pub marker: Option<Marker>,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it is installed from its place (`-e`).
    pub editable: bool,
    /// How many hashes stand with it.
    pub hashes: usize,
    /// Only bounds what others ask for (`-c`).
    pub constraint: bool,
    /// Where it stands.
    pub place: Place,
}

impl Package {
    /// Whether only one build of it can be meant: an exact version, or a place.
    pub fn pinned(&self) -> bool {
        use pep440_rs::Operator;
        self.origin != Origin::Index
            || self.specifier.split(',').any(|one| one.trim_start().starts_with("==="))
            || self
                .specifiers
                .iter()
                .any(|one| matches!(one.operator(), Operator::Equal | Operator::ExactEqual))
    }
}

/// For which packages a rule of pip holds (`--no-binary`, `--only-binary`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// For all but those that the other rule names.
    pub all: bool,
    /// Names, as they are compared.
    pub names: std::collections::BTreeSet<String>,
}

/// What the files say to pip beside packages.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Never a wheel for these.
    pub no_binary: Choice,
    /// Only wheels for these.
    pub only_binary: Choice,
    /// A wheel of an older version before sources of a newer.
    pub prefer_binary: bool,
    /// Every package must have a hash.
    pub require_hashes: bool,
    /// Hosts of package indexes beside the usual one.
    pub indexes: Vec<String>,
}

/// All that the files say.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    /// The packages, in the order of the files.
    pub packages: Vec<Package>,
    /// Options.
    pub options: Options,
    /// What is wrong with the files.
    pub findings: Vec<Finding>,
    /// The files that were read, in order, the first one first.
    pub files: Vec<String>,
}

impl Requirements {
    fn find(&mut self, rule: &'static str, severity: Severity, place: &Place, message: String, fix: &str) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding {
                rule,
                severity,
                message,
                fix: fix.to_owned(),
                place: place.clone(),
            });
        }
    }

    fn wrong(&mut self, place: &Place, message: String, fix: &str) {
        self.find("requirement-syntax", Severity::Error, place, message, fix);
    }

    fn add(&mut self, package: Package) {
        if self.packages.len() < MAX_PACKAGES {
            self.packages.push(package);
        } else if !self.findings.iter().any(|one| one.rule == "requirements-too-many") {
            let place = package.place;
            let message = format!("there are more than the {MAX_PACKAGES} packages that are looked at");
            self.find("requirements-too-many", Severity::Error, &place, message, "split the project");
        }
    }
}

/// Files by name, as a loader for [`read`].
pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> impl FnMut(&str) -> Result<Vec<u8>, Unreadable> {
    |name| files.get(name).cloned().ok_or(Unreadable::Absent)
}

/// A piece of a file as a message may repeat it: short, on one line, without what a URL hides in it.
fn shown(text: &str) -> String {
    let text = url::without_credentials(text);
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SHOWN).collect();
    if text.chars().count() > MAX_SHOWN {
        short.push('…');
    }
    short
}
