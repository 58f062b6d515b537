//! `dockerfile`: what a local Dockerfile says, and what is wrong with it. The judgement is
//! [`crate::dockerfile::rules`]'; here is what it is told: facts, asked for all at once.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::frame::{Frame, shown};
use crate::context::Ignore;
use crate::dockerfile::rules::{self, Asked, Entry, Found, Requirement};
use crate::dockerfile::{Base, Dockerfile, Install, Manager, Stage};
use crate::facts::{Content, Fact, LocalPath, Read};
use crate::recipe::{DockerfileLookup, Expr};
use crate::requirements::{Unreadable, read};
use crate::value::{Data, Origin, Value, strip_control};

/// The most Python files that are searched.
const MAX_SOURCES: usize = 200;

/// What a lookup asks for, as far as it is known.
struct Wanted {
    context: LocalPath,
    file: String,
    port: Option<u16>,
    health: Option<String>,
    accept: Vec<String>,
}

/// A file as it could be had; `None`: it is not there.
type Bytes = Result<Option<Vec<u8>>, String>;

impl Frame<'_, '_> {
    /// `{findings, accepted, stages, user, port, exposed}`; null when no context is named.
    pub(super) fn dockerfile(&self, lookup: &DockerfileLookup) -> Value {
        let wanted = match self.wanted(lookup) {
            Ok(wanted) => wanted,
            Err(value) => return value,
        };
        let mut files = Files { frame: self, context: &wanted.context, pending: false };
        // All that does not hang on another's content in one round.
        let dockerfile = files.bytes(Content::Dockerfile, &wanted.file);
        let own_ignore = files.bytes(Content::Ignore, &format!("{}.dockerignore", wanted.file));
        let ignore = files.bytes(Content::Ignore, ".dockerignore");
        let listed = files.listed();
        if files.pending {
            return Value::unknown(Origin::Read);
        }
        let folder = folder_of(wanted.context.written());
        let name = format!("{folder}{}", wanted.file);
        let dockerfile = match dockerfile {
            Ok(Some(bytes)) => Dockerfile::read(&bytes),
            Ok(None) => {
                let why = "there is no such file, and an image is built from one";
                return Value::from(told(&rules::missing(&name, why, &wanted.accept), None, None));
            }
            Err(why) => {
                let why = format!("the file {why}");
                return Value::from(told(&rules::missing(&name, &why, &wanted.accept), None, None));
            }
        };
        let entries = listed.as_deref();
        let requirements = files.requirements(&dockerfile, entries.unwrap_or_default());
        let sources = entries.and_then(|entries| files.sources(entries));
        if files.pending {
            return Value::unknown(Origin::Read);
        }
        let (ignored, sent) = sent(entries, &wanted.file, own_ignore, ignore);
        let asked = Asked {
            dockerfile: &dockerfile,
            file: &name,
            folder: &folder,
            ignore: ignored,
            context: entries,
            sent: sent.as_deref(),
            requirements,
            sources,
            port: wanted.port,
            health: wanted.health.as_deref(),
        };
        let found = rules::judge(&asked, &wanted.accept);
        Value::from(told(&found, Some(&dockerfile), rules::listening(&asked)))
    }

    fn wanted(&self, lookup: &DockerfileLookup) -> Result<Wanted, Value> {
        let known = |expression: &Expr| {
            let value = self.expression(expression);
            if value.is_unknown() {
                return Err(value);
            }
            // It stands in messages, and opens files.
            if self.hides(value.marks, expression.span, "part of the reading of a Dockerfile") {
                return Err(Value::null());
            }
            Ok(value)
        };
        let optional = |expression: &Option<Expr>| expression.as_ref().map_or(Ok(Value::null()), known);
        let text = |value: &Value| shown(value).filter(|text| !text.is_empty());
        let port = match optional(&lookup.port)?.data {
            Data::Number(number) => number.as_u64().and_then(|port| u16::try_from(port).ok()),
            Data::String(text) => text.parse().ok(),
            _ => None,
        };
        Ok(Wanted {
            context: self.local_path(&lookup.context)?,
            file: text(&optional(&lookup.file)?).unwrap_or_else(|| "Dockerfile".to_owned()),
            port,
            health: text(&optional(&lookup.health)?),
            accept: optional(&lookup.accept)?
                .as_list()
                .unwrap_or_default()
                .iter()
                .filter_map(shown)
                .collect(),
        })
    }
}

/// The files of a context, as facts.
struct Files<'a, 'f, 'e> {
    frame: &'a Frame<'f, 'e>,
    context: &'a LocalPath,
    /// Whether something is not read yet.
    pending: bool,
}

impl Files<'_, '_, '_> {
    fn fact(&mut self, read: &Read) -> Option<&Fact> {
        let fact = self.frame.engine.asked.ask(read);
        self.pending |= fact.is_none();
        fact
    }

    fn bytes(&mut self, content: Content, name: &str) -> Bytes {
        match self.fact(&Read::file(self.context, content, name)) {
            None | Some(Fact::Absent { .. }) => Ok(None),
            Some(Fact::Failed { message, .. } | Fact::Refused { message }) => Err(message.clone()),
            Some(fact) => Ok(fact.bytes()),
        }
    }

    /// What lies in the context; `None`: not all of it is known.
    fn listed(&mut self) -> Option<Vec<Entry>> {
        let value = self.fact(&Read::folder(self.context))?.value()?.clone();
        value.get("complete").and_then(Value::truthy).filter(|complete| *complete)?;
        let entry = |entry: &Value| {
            Some(Entry {
                path: entry.text_at(&["path"])?.to_owned(),
                folder: entry.text_at(&["kind"]) == Some("folder"),
            })
        };
        Some(value.get("entries")?.as_list()?.iter().filter_map(entry).collect())
    }

    /// What the requirements files name that the Dockerfile installs.
    fn requirements(&mut self, file: &Dockerfile, entries: &[Entry]) -> BTreeMap<String, Vec<Requirement>> {
        let words = file
            .stages
            .iter()
            .flat_map(Stage::installs)
            .filter(|install| install.manager == Manager::Pip)
            .flat_map(|install| install.requirements);
        let mut found = BTreeMap::new();
        for word in words {
            let Some(path) = in_context(&word.text, entries) else { continue };
            let all = read(&path, &[], |name| match self.bytes(Content::Requirements, name) {
                Ok(Some(bytes)) => Ok(bytes),
                Ok(None) => Err(Unreadable::Absent),
                Err(why) => Err(Unreadable::Refused(why)),
            });
            let Ok(all) = all else { continue };
            let packages = all.packages.iter().filter(|package| !package.constraint);
            let requirement = |package: &crate::requirements::Package| Requirement {
                name: strip_control(&package.name),
                file: package.place.file.clone(),
                line: package.place.line,
                pinned: package.pinned(),
                hashed: package.hashes > 0,
            };
            found.insert(word.text.clone(), packages.map(requirement).collect());
        }
        found
    }

    /// The texts of the Python files; `None`: there are too many, or one cannot be read.
    fn sources(&mut self, entries: &[Entry]) -> Option<Vec<String>> {
        let is_source = |entry: &&Entry| !entry.folder && entry.path.rsplit('.').next() == Some("py");
        let sources: Vec<&Entry> = entries.iter().filter(is_source).collect();
        if sources.len() > MAX_SOURCES {
            return None;
        }
        let texts: Vec<_> = sources.iter().map(|entry| self.bytes(Content::Python, &entry.path)).collect();
        texts.into_iter().map(|bytes| Some(String::from_utf8_lossy(&bytes.ok()??).into_owned())).collect()
    }
}

/// Whether there is an ignore file, and what it lets through of the context; `None`: it is not known. That of the
/// Dockerfile counts before that of the folder, as `BuildKit` has it.
fn sent(entries: Option<&[Entry]>, file: &str, own: Bytes, folder: Bytes) -> (bool, Option<Vec<Entry>>) {
    let bytes = match (own, folder) {
        (Ok(None), Ok(None)) => return (false, entries.map(<[Entry]>::to_vec)),
        (Ok(Some(bytes)), _) | (Ok(None), Ok(Some(bytes))) => bytes,
        (Err(_), _) | (_, Err(_)) => return (true, None),
    };
    // What is no pattern stops the build, which says so.
    let Ok(ignore) = Ignore::parse(&String::from_utf8_lossy(&bytes)) else { return (true, None) };
    let goes = |entry: &&Entry| entry.path == file || !ignore.excludes(&entry.path);
    (true, entries.map(|entries| entries.iter().filter(goes).cloned().collect()))
}

/// The file of the context that a word of `pip -r` means: the one with the same path from its end on.
fn in_context(word: &str, entries: &[Entry]) -> Option<String> {
    let word = word.trim_start_matches("./").trim_start_matches('/');
    let mut rest = word;
    loop {
        if let Some(entry) = entries.iter().find(|entry| !entry.folder && entry.path == rest) {
            return Some(entry.path.clone());
        }
        rest = rest.split_once('/')?.1;
    }
}

/// What the names of a context's files begin with, as the caller would write them.
fn folder_of(context: &str) -> String {
    match context.trim_end_matches('/') {
        "." => String::new(),
        "" => "/".to_owned(),
        folder => format!("{folder}/"),
    }
}

fn told(found: &Found, file: Option<&Dockerfile>, listening: Option<rules::Listening>) -> Json {
    let findings: Vec<Json> = found
        .findings
        .iter()
        .map(|one| {
            json!({
                "rule": one.rule,
                "severity": one.severity.name(),
                "acceptable": rules::acceptable(one.rule),
                "message": strip_control(&one.message),
                "fix": strip_control(&one.fix),
                "docs": one.docs,
                "file": strip_control(&one.file),
                "line": one.place.map(|place| place.line),
                "column": one.place.map(|place| place.column),
                "at": strip_control(&one.at()),
            })
        })
        .collect();
    let port = listening.and_then(|listening| match listening.port {
        rules::Port::Known(port) => Some(port),
        rules::Port::Elsewhere => None,
    });
    let last = file.and_then(Dockerfile::last);
    let of = |what: &dyn Fn(&Dockerfile, &Stage) -> Json| match (file, last) {
        (Some(file), Some(last)) => what(file, last),
        _ => Json::Null,
    };
    json!({
        "findings": findings,
        "accepted": found.accepted,
        "stages": file.map_or_else(Vec::new, |file| file.stages.iter().map(|stage| stage_told(file, stage)).collect()),
        "user": of(&|file, last| json!(file.user(last).map(|user| strip_control(&user.text)))),
        "port": port,
        "exposed": of(&|file, last| file.exposed(last).iter().map(|(port, _)| *port).collect()),
    })
}

fn stage_told(file: &Dockerfile, stage: &Stage) -> Json {
    let base = match &stage.base {
        Base::Image(image) => strip_control(&image.written.text),
        Base::Scratch => "scratch".to_owned(),
        Base::Stage(index) => {
            let name = file.stages.get(*index).and_then(|stage| stage.name.as_ref());
            name.map_or_else(|| index.to_string(), |name| strip_control(&name.text))
        }
    };
    let packages: Vec<String> = stage
        .installs()
        .iter()
        .filter(|install| install.manager != Manager::Pip)
        .flat_map(Install::names)
        .map(strip_control)
        .collect();
    json!({
        "name": stage.name.as_ref().map(|name| strip_control(&name.text)),
        "base": base,
        "user": file.user(stage).map(|user| strip_control(&user.text)),
        "packages": packages,
    })
}
