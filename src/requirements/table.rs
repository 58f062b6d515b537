//! The table of native packages: what each needs of the system to be built and to run, and from which version
//! on a wheel makes building unnecessary.

use std::collections::BTreeMap;
use std::fmt;

use pep440_rs::Version;
use serde_json::{Map, Value as Json};

use super::{Environment, Family, normalise};

/// A table, read and checked: every name in it can stand in a command.
#[derive(Clone, Debug, Default)]
pub struct Table {
    images: BTreeMap<Family, Image>,
    packages: BTreeMap<String, Row>,
}

/// Why something is no table: the path in it, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// `packages.numpy.wheels`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for TableError {}

/// What is known of the system packages of a family of images.
#[derive(Clone, Debug, Default)]
struct Image {
    /// Those that the full image has (`python:3.13`, made from `buildpack-deps`).
    full: Vec<String>,
    /// A package and those that come with it.
    includes: BTreeMap<String, Vec<String>>,
}

/// What is known of a Python package.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// The module that its code is in.
    pub(super) import: String,
    /// To build it; each entry as in Debian's `Depends`: `a | b` is either.
    pub(super) build: BTreeMap<Family, Vec<String>>,
    /// To run what was built.
    pub(super) runtime: BTreeMap<Family, Vec<String>>,
    /// To run it, wheel or not.
    pub(super) always: BTreeMap<Family, Vec<String>>,
    /// Since when there are wheels; `None`: never.
    pub(super) wheels: Option<Wheels>,
    /// With this extra another row counts, under this one's versions.
    pub(super) extras: BTreeMap<String, String>,
    /// Any of these in the files makes it need nothing itself.
    pub(super) satisfied_by: Vec<String>,
    /// Published as wheels only.
    pub(super) no_sources: bool,
    /// Has no native code of its own, only loads libraries: there is nothing to build.
    pub(super) pure: bool,
    /// What its own documentation says to those who deploy it.
    pub(super) advice: Option<String>,
    /// The page that the row is from.
    pub(super) docs: Option<String>,
}

/// Since when a package has wheels.
#[derive(Clone, Debug, Default)]
pub(super) struct Wheels {
    /// By minor version of Python; the flag: for all later ones too (the stable ABI).
    python: BTreeMap<u32, (Version, bool)>,
    /// On glibc and arm64.
    aarch64: Option<Version>,
    /// On musl.
    musllinux: Option<Version>,
    /// On musl and arm64.
    musllinux_aarch64: Option<Version>,
}

/// Whether there are wheels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// From this version on.
    Version(Version),
    /// There are none, for this reason.
    Never(String),
    /// The table does not say.
    Unknown(String),
}

impl Wheels {
    pub(super) fn since(&self, environment: &Environment) -> Since {
        let row = match environment.python {
            Some(python) => match self.python.range(..=python).next_back() {
                Some((minor, (version, later))) if *minor == python || *later => version,
                _ => return Since::Unknown(format!("no wheel for Python 3.{python} is known of here")),
            },
            // Whatever the Python is, from the latest of them on there is a wheel for each in the table.
            None => match self.python.values().map(|(version, _)| version).max() {
                Some(version) => version,
                None => return Since::Unknown("no wheel is known of here".to_owned()),
            },
        };
        let arm = environment.machine == "aarch64";
        let alpine = environment.family == Some(Family::Alpine);
        let platform = match (alpine, arm) {
            (true, false) => self.musllinux.as_ref(),
            (true, true) => self.musllinux_aarch64.as_ref(),
            (false, true) => self.aarch64.as_ref(),
            (false, false) => Some(row),
        };
        match platform {
            Some(platform) => Since::Version(std::cmp::max(row, platform).clone()),
            None if arm => Since::Unknown("no wheel for arm64 is known of here".to_owned()),
            None => Since::Never("it has no wheels for musl (Alpine)".to_owned()),
        }
    }
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// The first thing in it that has not its form.
    pub fn read(json: &Json) -> Result<Table, TableError> {
        let top = At { path: String::new(), json };
        let mut table = Table::default();
        for (key, part) in top.members()? {
            match key {
                "images" => {
                    for (family, image) in part.members()? {
                        table.images.insert(part.family(family)?, read_image(&image)?);
                    }
                }
                "packages" => {
                    for (name, row) in part.members()? {
                        if normalise(name) != name {
                            return Err(row.wrong("is not written as package indexes compare names"));
                        }
                        table.packages.insert(name.to_owned(), read_row(&row)?);
                    }
                }
                _ => return Err(part.wrong("is no part of a table of packages")),
            }
        }
        for (name, row) in &table.packages {
            for other in row.extras.values() {
                if !table.packages.contains_key(other) {
                    let path = format!("packages.{name}.extras");
                    return Err(TableError { path, message: format!("there is no package {other}") });
                }
            }
        }
        Ok(table)
    }

    /// The names of its packages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.packages.keys().map(String::as_str)
    }

    pub(super) fn row(&self, name: &str) -> Option<&Row> {
        self.packages.get(name)
    }

    /// Every system package that gives `name`, itself first.
    pub(super) fn givers(&self, family: Family, name: &str) -> Vec<String> {
        let mut givers = vec![name.to_owned()];
        if let Some(image) = self.images.get(&family) {
            // Those that come with what comes with it, too.
            let mut next = 0;
            while let Some(have) = givers.get(next).cloned() {
                for (giver, given) in &image.includes {
                    if given.contains(&have) && !givers.contains(giver) {
                        givers.push(giver.clone());
                    }
                }
                next += 1;
            }
        }
        givers
    }

    /// Whether a full image has one of these.
    pub(super) fn full_has(&self, family: Family, names: &[String]) -> bool {
        self.images.get(&family).is_some_and(|image| names.iter().any(|name| image.full.contains(name)))
    }
}

fn read_image(at: &At<'_>) -> Result<Image, TableError> {
    let mut image = Image::default();
    for (key, part) in at.members()? {
        match key {
            "full" => image.full = part.system()?,
            "includes" => {
                for (name, given) in part.members()? {
                    image.includes.insert(given.checked(name, is_system)?, given.system()?);
                }
            }
            _ => return Err(part.wrong("is no part of a family of images")),
        }
    }
    Ok(image)
}

fn read_row(at: &At<'_>) -> Result<Row, TableError> {
    let mut row = Row::default();
    for (key, part) in at.members()? {
        match key {
            "import" => row.import = part.checked(part.text()?, is_module)?,
            "build" => row.build = part.by_family()?,
            "runtime" => row.runtime = part.by_family()?,
            "always" => row.always = part.by_family()?,
            "wheels" => row.wheels = Some(read_wheels(&part)?),
            "extras" => {
                for (extra, other) in part.members()? {
                    row.extras.insert(normalise(extra), other.text()?.to_owned());
                }
            }
            "sources" => row.no_sources = !part.flag()?,
            "satisfied_by" => row.satisfied_by = part.texts()?,
            "pure" => row.pure = part.flag()?,
            "advice" => row.advice = Some(part.text()?.to_owned()),
            "docs" => {
                row.docs = Some(part.checked(part.text()?, |text| text.starts_with("https://"))?);
            }
            _ => return Err(part.wrong("is no part of a package")),
        }
    }
    if row.import.is_empty() {
        return Err(at.wrong("has no `import`"));
    }
    if row.pure && (row.wheels.is_some() || !row.build.is_empty()) {
        return Err(at.wrong("is `pure`, so that there is nothing to build"));
    }
    Ok(row)
}

fn read_wheels(at: &At<'_>) -> Result<Wheels, TableError> {
    let mut wheels = Wheels::default();
    for (key, part) in at.members()? {
        match key {
            "python" => {
                for (python, version) in part.members()? {
                    let (number, later) = match python.strip_suffix('+') {
                        Some(number) => (number, true),
                        None => (python, false),
                    };
                    let minor = number.strip_prefix("3.").and_then(|minor| minor.parse().ok());
                    let minor =
                        minor.ok_or_else(|| version.wrong("stands under no Python such as `3.13`"))?;
                    wheels.python.insert(minor, (version.version()?, later));
                }
            }
            "aarch64" => wheels.aarch64 = Some(part.version()?),
            "musllinux" => wheels.musllinux = Some(part.version()?),
            "musllinux_aarch64" => wheels.musllinux_aarch64 = Some(part.version()?),
            _ => return Err(part.wrong("is no part of `wheels`")),
        }
    }
    if wheels.python.is_empty() { Err(at.wrong("has no `python`")) } else { Ok(wheels) }
}

/// A part of a table and where it stands.
struct At<'a> {
    path: String,
    json: &'a Json,
}

impl<'a> At<'a> {
    fn wrong(&self, message: &str) -> TableError {
        let path = if self.path.is_empty() { "the table".to_owned() } else { self.path.clone() };
        TableError { path, message: message.to_owned() }
    }

    fn members(&self) -> Result<impl Iterator<Item = (&'a str, At<'a>)> + use<'a>, TableError> {
        let map: &'a Map<String, Json> = self.json.as_object().ok_or_else(|| self.wrong("is no map"))?;
        let path = self.path.clone();
        Ok(map.iter().map(move |(key, json)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            (key.as_str(), At { path, json })
        }))
    }

    fn text(&self) -> Result<&'a str, TableError> {
        self.json.as_str().ok_or_else(|| self.wrong("is no text"))
    }

    fn flag(&self) -> Result<bool, TableError> {
        self.json.as_bool().ok_or_else(|| self.wrong("is neither true nor false"))
    }

    fn texts(&self) -> Result<Vec<String>, TableError> {
        let list = self.json.as_array().ok_or_else(|| self.wrong("is no list"))?;
        list.iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| self.wrong("holds what is no text")))
            .collect()
    }

    fn checked(&self, text: &str, good: impl Fn(&str) -> bool) -> Result<String, TableError> {
        if good(text) { Ok(text.to_owned()) } else { Err(self.wrong("is not in the form that stands here")) }
    }

    fn version(&self) -> Result<Version, TableError> {
        let text = self.text().map_err(|_| self.wrong("is no text; a version stands in quotes"))?;
        text.parse().map_err(|_| self.wrong("is no version"))
    }

    fn family(&self, name: &str) -> Result<Family, TableError> {
        match name {
            "debian" => Ok(Family::Debian),
            "alpine" => Ok(Family::Alpine),
            _ => Err(self.wrong("has a family that is neither `debian` nor `alpine`")),
        }
    }

    /// Names of system packages, each perhaps with others in its place (`a | b`).
    fn system(&self) -> Result<Vec<String>, TableError> {
        let all = self.texts()?;
        let good = |entry: &String| entry.split('|').all(|name| is_system(name.trim()));
        if all.iter().all(good) {
            Ok(all)
        } else {
            Err(self.wrong("holds what is no name of a system package"))
        }
    }

    fn by_family(&self) -> Result<BTreeMap<Family, Vec<String>>, TableError> {
        self.members()?.map(|(name, part)| Ok((part.family(name)?, part.system()?))).collect()
    }
}

/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#source>; Alpine's names fit it too.
fn is_system(name: &str) -> bool {
    // Alpine's packages can be named by a library that they have.
    let name = name.strip_prefix("so:").unwrap_or(name);
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '.' | '-' | '_'))
}

fn is_module(name: &str) -> bool {
    name.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
