//! Requirements files and what they name, read one after the other.

use super::lines::{Line, lines, words};
use super::options::{self, Said};
use super::specifier::{self, Parsed, normalise};
use super::{
    MAX_BYTES, MAX_DEPTH, MAX_FILES, Origin, Package, Place, Requirements, Severity, decode, pyproject,
    shown, url,
};

/// Why a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not there.
    Absent,
    /// For another reason, in a few words that go on after "the file …": `is not a file`.
    Refused(String),
}

/// What is to be had of files that have no place of their own to be told at.
struct Reader<'l> {
    load: &'l mut dyn FnMut(&str) -> Result<Vec<u8>, Unreadable>,
    out: Requirements,
    /// The files that are being read, the first one first.
    open: Vec<String>,
}

/// Reads the file `name` and all that it names. `load` gives a file's bytes by its name, relative to the folder
/// that all of them lie beneath, with slashes, never with `..`. `Err`: the file itself cannot be had.
///
/// A file called `pyproject.toml` is read as one, with these of its optional groups.
pub fn read(
    name: &str,
    groups: &[String],
    mut load: impl FnMut(&str) -> Result<Vec<u8>, Unreadable>,
) -> Result<Requirements, Unreadable> {
    let Some(name) = path(name) else {
        return Err(Unreadable::Refused("leads out of the folder".to_owned()));
    };
    let bytes = load(&name)?;
    let mut reader = Reader { load: &mut load, out: Requirements::default(), open: Vec::new() };
    if name.rsplit('/').next() == Some("pyproject.toml") {
        reader.out.files.push(name.clone());
        reader.project(&name, &bytes, groups);
    } else {
        reader.file(&name, &bytes, false);
    }
    Ok(reader.out)
}

/// A file's name as [`read`] asks for it: without `.` and `..`; `None`: it leads out.
pub fn path(name: &str) -> Option<String> {
    resolved("", name)
}

/// The name of a file that another one in `folder` names; `None`: it lies outside.
fn resolved(folder: &str, name: &str) -> Option<String> {
    if name.is_empty()
        || name.starts_with('/')
        || name.contains('\\')
        || name.contains('\0')
        || name.contains(':')
    {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Reader<'_> {
    fn text<'b>(&mut self, name: &str, bytes: &'b [u8]) -> Option<std::borrow::Cow<'b, str>> {
        let first = Place { file: name.to_owned(), line: 1 };
        if bytes.len() > MAX_BYTES {
            let message = format!("{name} has more than the {} KiB that are read", MAX_BYTES / 1024);
            self.out.wrong(&first, message, "split it");
            return None;
        }
        match decode::text(bytes) {
            Ok(text) => Some(text),
            Err(why) => {
                self.out.wrong(&first, format!("{} {why}", shown(name)), "save it as UTF-8 text");
                None
            }
        }
    }

    fn file(&mut self, name: &str, bytes: &[u8], constraint: bool) {
        self.out.files.push(name.to_owned());
        let Some(text) = self.text(name, bytes) else { return };
        self.open.push(name.to_owned());
        for line in lines(&text) {
            self.line(name, &line, constraint);
        }
        self.open.pop();
    }

    fn line(&mut self, file: &str, line: &Line, constraint: bool) {
        let place = Place { file: file.to_owned(), line: line.number };
        // What comes before the first word with a hyphen is a requirement, the rest are options.
        let mut end = line.text.len();
        let mut at = 0;
        for word in line.text.split(' ') {
            if word.starts_with('-') {
                end = at;
                break;
            }
            at += word.len() + 1;
        }
        let end = end.min(line.text.len());
        let (requirement, options) = line.text.split_at(end);
        let requirement = requirement.trim();
        let Some(words) = words(options) else {
            let fix = "close the quote";
            self.out.wrong(&place, "a quote is not closed".to_owned(), fix);
            return;
        };
        let said = match options::parse(&words) {
            Ok(said) => said,
            Err(why) => {
                let fix = "see https://pip.pypa.io/en/stable/reference/requirements-file-format/";
                self.out.wrong(&place, why, fix);
                return;
            }
        };
        if requirement.is_empty() {
            for one in said {
                self.option(&place, one, constraint);
            }
            return;
        }
        let hashes = said.iter().filter(|one| matches!(one, Said::Hash)).count();
        if said.iter().any(|one| !matches!(one, Said::Hash | Said::OfBuild)) {
            let message = "an option of the whole file stands in the line of a package".to_owned();
            self.out.wrong(&place, message, "put it on a line of its own");
        }
        self.requirement(&place, requirement, Asked { hashes, constraint, editable: false });
    }

    fn option(&mut self, place: &Place, said: Said, constraint: bool) {
        let options = &mut self.out.options;
        match said {
            // As pip does it: what a constraints file names with -r is installed.
            Said::Requirements(name) => self.include(place, &name, false),
            Said::Constraints(name) => self.include(place, &name, true),
            Said::Editable(target) => {
                self.requirement(place, &target, Asked { hashes: 0, constraint, editable: true });
            }
            Said::Index(url) => self.index(place, &url),
            Said::NoBinary(list) => options::choose(&mut options.no_binary, &mut options.only_binary, &list),
            Said::OnlyBinary(list) => {
                options::choose(&mut options.only_binary, &mut options.no_binary, &list);
            }
            Said::PreferBinary => options.prefer_binary = true,
            Said::RequireHashes => options.require_hashes = true,
            Said::TrustedHost => {
                let message =
                    "--trusted-host switches off the check of a package index's certificate".to_owned();
                let fix = "remove it, and give the image the certificate authority instead";
                self.out.find("index-not-secure", Severity::Warning, place, message, fix);
            }
            Said::Hash | Said::OfBuild => {
                let message = "an option of a package stands without one".to_owned();
                self.out.wrong(
                    place,
                    message,
                    "put it behind its package; a line that goes on ends with a backslash",
                );
            }
            Said::Other => {}
        }
    }

    fn index(&mut self, place: &Place, text: &str) {
        self.credential(place, text, true);
        if text.starts_with("http://") {
            let message = format!("packages come from {} without TLS", shown(text));
            self.out.find("index-not-secure", Severity::Warning, place, message, "use https");
        }
        if let Some(host) = url::host(text)
            && !self.out.options.indexes.contains(&host)
            && self.out.options.indexes.len() < MAX_FILES
        {
            self.out.options.indexes.push(host);
        }
    }

    /// A credential ends up in the image's history and in the repository.
    fn credential(&mut self, place: &Place, text: &str, index: bool) {
        if url::has_credential(text, index) {
            let host = url::host(text).unwrap_or_else(|| "a host".to_owned());
            let message =
                format!("a credential for {host} stands in the file; whoever has the image has it too");
            let fix = "take it out and make it invalid; pip reads one from ${NAME} in the URL or from a file that RUN --mount=type=secret shows";
            self.out.find("requirement-credential", Severity::Error, place, message, fix);
        }
    }

    fn include(&mut self, place: &Place, name: &str, constraint: bool) {
        let found = |reader: &mut Self, rule, message, fix: &str| {
            reader.out.find(rule, Severity::Error, place, message, fix);
        };
        if url::is_url(name) {
            self.credential(place, name, false);
            let message = format!("{} is not looked at: only files of the build context are", shown(name));
            let fix = "keep a copy of it in the build context";
            self.out.find("requirements-elsewhere", Severity::Warning, place, message, fix);
            return;
        }
        if url::has_variable(name) {
            let message = format!("what {} means is known to pip only: it is not looked at", shown(name));
            let fix = "write the name itself";
            self.out.find("requirements-elsewhere", Severity::Warning, place, message, fix);
            return;
        }
        let Some(path) = resolved(folder(&place.file), name) else {
            let message = format!(
                "{} leads out of the build context, which the image's build does not see",
                shown(name)
            );
            return found(self, "requirements-outside", message, "move it into the build context");
        };
        if self.open.contains(&path) {
            let message = format!("{} names itself: {} → {path}", shown(&path), self.open.join(" → "));
            return found(self, "requirements-cycle", message, "take one of the lines out");
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!("files name each other more than {MAX_DEPTH} deep");
            return found(self, "requirements-too-deep", message, "name it further up");
        }
        if self.out.files.len() >= MAX_FILES {
            let message = format!("there are more than the {MAX_FILES} files that are read");
            return found(self, "requirements-too-many", message, "put them together");
        }
        match (self.load)(&path) {
            Ok(bytes) => self.file(&path, &bytes, constraint),
            Err(Unreadable::Absent) => {
                let message = format!("there is no {}", shown(&path));
                found(self, "requirements-missing", message, "write it, or take the line out");
            }
            Err(Unreadable::Refused(why)) => {
                let message = format!("{} {}", shown(&path), shown(&why));
                found(
                    self,
                    "requirements-outside",
                    message,
                    "put a file there that lies beneath the build context",
                );
            }
        }
    }

    fn project(&mut self, name: &str, bytes: &[u8], groups: &[String]) {
        let Some(text) = self.text(name, bytes) else { return };
        let place = |line| Place { file: name.to_owned(), line };
        match pyproject::dependencies(&text, groups) {
            Ok(found) => {
                for (line, requirement) in found.dependencies {
                    let asked = Asked { hashes: 0, constraint: false, editable: false };
                    self.requirement(&place(line), &requirement, asked);
                }
                for (line, message, fix) in found.mistakes {
                    self.out.wrong(&place(line), message, fix);
                }
            }
            Err((line, message)) => self.out.wrong(&place(line), message, "correct the TOML"),
        }
    }

    fn requirement(&mut self, place: &Place, text: &str, asked: Asked) {
        self.credential(place, text, false);
        if let Some(package) = elsewhere(place, text, asked) {
            match package {
                Ok(package) => {
                    if asked.editable {
                        let message = "it is installed from its folder (-e); a stage that only copies the packages does not have it".to_owned();
                        let fix = "install it without -e in an image";
                        self.out.find("requirement-editable", Severity::Warning, place, message, fix);
                    }
                    if !asked.editable && !url::is_url(text) {
                        let message =
                            "it is installed from the build context, which must have it before".to_owned();
                        let fix = "copy it into the stage that installs it, before pip runs";
                        self.out.find("requirement-local", Severity::Info, place, message, fix);
                    }
                    // A folder without a name is this project's own code.
                    if !package.name.is_empty() {
                        self.out.add(package);
                    }
                }
                Err(why) => self.out.wrong(place, why, "write it as name @ URL"),
            }
            return;
        }
        match specifier::parse(text) {
            Ok(parsed) => {
                let package = package(place, parsed, asked);
                self.out.add(package);
            }
            Err(why) => {
                let fix = "write name[extra]==version ; condition, see https://packaging.python.org/en/latest/specifications/dependency-specifiers/";
                // Without its text: what is no requirement may be anything, a password too.
                self.out.wrong(place, format!("this is no requirement: {why}"), fix);
            }
        }
    }
}

/// How a requirement is asked for.
#[derive(Clone, Copy)]
struct Asked {
    hashes: usize,
    constraint: bool,
    editable: bool,
}

fn package(place: &Place, parsed: Parsed, asked: Asked) -> Package {
    Package {
        origin: parsed.url.as_deref().map_or(Origin::Index, origin),
        name: parsed.name,
        extras: parsed.extras,
        specifiers: parsed.specifiers,
        specifier: parsed.specifier,
        marker: parsed.marker,
        editable: asked.editable,
        hashes: asked.hashes,
        constraint: asked.constraint,
        place: place.clone(),
    }
}

fn origin(url: &str) -> Origin {
    let file = url::file_name(url);
    if url::is_repository(url) {
        Origin::Repository
    } else if wheel(file) {
        Origin::Wheel
    } else if archive(file) {
        Origin::Sources
    } else {
        Origin::Folder
    }
}

fn wheel(file: &str) -> bool {
    ends(file, &[".whl"])
}

fn archive(file: &str) -> bool {
    ends(file, &[".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar"])
}

/// Without regard to case, as pip looks at them.
fn ends(file: &str, all: &[&str]) -> bool {
    let file = file.to_ascii_lowercase();
    all.iter().any(|end| file.ends_with(end))
}

/// A requirement that is a URL, a path or an archive instead of a name; `None`: it is none of them.
fn elsewhere(place: &Place, text: &str, asked: Asked) -> Option<Result<Package, String>> {
    // `./wheels/x.whl ; condition`, `./folder[extra]`.
    let (target, condition) = match text.split_once(" ;").or_else(|| text.split_once("; ")) {
        Some((target, condition)) => (target.trim(), Some(condition)),
        None => (text, None),
    };
    let named = specifier::name(target).is_some_and(|(_, rest)| rest.trim_start().starts_with('@'));
    let file = url::file_name(target).to_ascii_lowercase();
    let path = target.starts_with('.') || target.contains('/') || archive(&file) || wheel(&file);
    if named || !(url::is_url(target) || path || asked.editable) {
        return None;
    }
    let marker = match condition.map(super::marker::parse).transpose() {
        Ok(marker) => marker,
        Err(why) => return Some(Err(why)),
    };
    let (name, extras) = match url::egg(target) {
        Some(egg) => {
            match specifier::name(egg).map(|(name, rest)| (normalise(name), specifier::extras(rest))) {
                Some((name, Ok((extras, _)))) => (name, extras),
                _ => return Some(Err("what stands after `#egg=` is no name of a package".to_owned())),
            }
        }
        None => (named_by(&file), Vec::new()),
    };
    Some(Ok(Package {
        name,
        extras,
        specifiers: pep440_rs::VersionSpecifiers::empty(),
        specifier: String::new(),
        marker,
        origin: origin(target),
        editable: asked.editable,
        hashes: asked.hashes,
        constraint: asked.constraint,
        place: place.clone(),
    }))
}

/// The package in a file's name: `numpy-2.1.0-cp313-….whl`, `numpy-2.1.0.tar.gz`; empty when none.
fn named_by(file: &str) -> String {
    if !(wheel(file) || archive(file)) {
        return String::new();
    }
    let version = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let mut name: Vec<&str> = Vec::new();
    for part in file.split('-') {
        if version(part) {
            return normalise(&name.join("-"));
        }
        name.push(part);
    }
    String::new()
}
