//! `requirements`: what a local Python project installs, what its native packages need of the system, and
//! whether a Dockerfile gives it to them.

use serde_json::json;

use super::finding::Finding;
use super::frame::{Frame, shown};
use crate::diagnostic::{Diagnostic, codes};
use crate::dockerfile::Dockerfile;
use crate::facts::{Content, Fact, LocalPath, Read};
use crate::recipe::{Expr, Lookup, RequirementsLookup};
use crate::requirements::{
    Environment, MAX_FILES, Needed, Needs, Place, Requirements, Stages, Table, Unreadable, judge, path, read,
};
use crate::value::{Origin, Value, strip_control};

/// What a lookup asks for, as far as it is known.
struct Asked {
    context: LocalPath,
    file: String,
    dockerfile: Option<String>,
    groups: Vec<String>,
    python: Option<String>,
    platform: Option<String>,
    table: Table,
}

impl Frame<'_, '_> {
    /// `{packages, native, needs, findings, files}`; null when the file, or the Dockerfile, is not there.
    pub(super) fn requirements(&self, lookup: &RequirementsLookup) -> Value {
        let asked = match self.requirements_asked(lookup) {
            Ok(asked) => asked,
            Err(value) => return value,
        };
        let mut pending = false;
        let mut load =
            |content, name: &str| match self.engine.asked.ask(&Read::file(&asked.context, content, name)) {
                None => {
                    pending = true;
                    Err(Unreadable::Absent)
                }
                Some(fact) => bytes(fact),
            };
        // Both are asked for in one round.
        let dockerfile = asked.dockerfile.as_deref().map(|name| (name, load(Content::Dockerfile, name)));
        let found = read(&asked.file, &asked.groups, |name| load(Content::Requirements, name));
        if pending {
            return Value::unknown(Origin::Read);
        }
        let Ok(found) = found else { return Value::null() };
        let dockerfile = match dockerfile {
            Some((name, Ok(bytes))) => Some((name, Dockerfile::read(&bytes))),
            Some((_, Err(_))) => return Value::null(),
            None => None,
        };
        let stages = dockerfile.as_ref().and_then(|(name, model)| Stages::of(model, name));
        let mut environment = stages.as_ref().map(Stages::installed_in).unwrap_or_default();
        if let Some(python) = &asked.python {
            environment = environment.with_python(python);
        }
        if let Some(platform) = &asked.platform {
            environment = environment.on(platform);
        }
        let mut needs = judge(&found, &asked.table, &environment);
        if let Some((name, model)) = &dockerfile {
            needs.findings.extend(Stages::unread(model, name));
        }
        if let Some(stages) = stages {
            let of_image = stages.judge(&needs, &environment);
            needs.findings.extend(of_image);
        }
        Value::from(told(&found, &needs, &environment))
    }

    fn requirements_asked(&self, lookup: &RequirementsLookup) -> Result<Asked, Value> {
        let text = |expression: &Expr| {
            let value = self.expression(expression);
            if value.is_unknown() {
                return Err(value);
            }
            // It stands in messages, and opens files.
            if self.hides(value.marks, expression.span, "the name of a local file") {
                return Err(Value::null());
            }
            Ok(shown(&value))
        };
        let optional = |expression: &Option<Expr>| expression.as_ref().map_or(Ok(None), text);
        let groups = match &lookup.groups {
            Some(groups) => match self.expression(groups) {
                value if value.is_unknown() => return Err(value),
                value => value.as_list().unwrap_or_default().iter().filter_map(shown).collect(),
            },
            None => Vec::new(),
        };
        let table = self.expression(&lookup.packages);
        let Some(table) = table.to_json() else { return Err(table) };
        let table = Table::read(&table).map_err(|wrong| {
            let message = format!("this is no table of packages: {wrong}");
            self.engine.problem(Diagnostic::error(codes::EXPRESSION_FAILED, message).label(
                &self.recipe().source,
                lookup.packages.span,
                "",
            ));
            Value::null()
        })?;
        Ok(Asked {
            context: self.local_path(&lookup.context)?,
            file: text(&lookup.file)?.ok_or_else(Value::null)?,
            dockerfile: optional(&lookup.dockerfile)?,
            groups,
            python: optional(&lookup.python)?,
            platform: optional(&lookup.platform)?,
            table,
        })
    }

    /// Whether the files of a lookup that must be there are. `None`: they are not read yet, or nothing says which.
    pub(super) fn requirements_read(
        &self,
        lookup: &Lookup,
        requirements: &RequirementsLookup,
    ) -> Option<Finding> {
        let asked = self.requirements_asked(requirements).ok()?;
        let value = self.found(lookup);
        let name = format!("requirements {}", strip_control(&asked.file));
        if let Some(packages) = value.get("packages").and_then(Value::as_list) {
            let native = value.get("native").and_then(Value::as_list).map_or(0, <[Value]>::len);
            let detail = format!("{}, {native} of them native", plural(packages.len(), "package"));
            return Some(Finding::passed(codes::LOCAL_FILE, name).detail(detail));
        }
        let files =
            [(Content::Requirements, Some(&asked.file)), (Content::Dockerfile, asked.dockerfile.as_ref())];
        let missing = files.into_iter().filter_map(|(content, file)| Some((content, file?))).find_map(
            |(content, file)| {
                let named = in_folder(asked.context.written(), file);
                let asked_as = if content == Content::Requirements { path(file) } else { Some(file.clone()) };
                let Some(asked_as) = asked_as else {
                    return Some((
                        None,
                        format!("{file} leads out of the folder {}", asked.context.written()),
                    ));
                };
                let why = match self.engine.asked.have(&Read::file(&asked.context, content, &asked_as))? {
                    Fact::Absent { code } if code == "FolderNotFound" => {
                        format!("there is no folder {}", asked.context.written())
                    }
                    Fact::Absent { .. } => format!("there is no {named}"),
                    Fact::Failed { message, .. } | Fact::Refused { message } => format!("{named} {message}"),
                    Fact::Found(_) => return None,
                };
                Some((Some(named), why))
            },
        );
        let (named, why) = missing.unwrap_or_else(|| {
            let named = in_folder(asked.context.written(), &asked.file);
            let why = format!("{named} is no file beneath the folder");
            (Some(named), why)
        });
        if value.is_unknown() {
            return None;
        }
        let finding = Finding::failed(codes::LOCAL_FILE, name).detail(strip_control(&why));
        let own = self.command(lookup.fix.as_ref());
        let fix = own.or_else(|| Some(format!("ls -l {}", super::quote(&strip_control(&named?)))));
        Some(match fix {
            Some(fix) => finding.fix(fix),
            None => finding,
        })
    }
}

/// As the caller would write it.
fn in_folder(folder: &str, file: &str) -> String {
    if folder == "." { file.to_owned() } else { format!("{}/{file}", folder.trim_end_matches('/')) }
}

fn plural(many: usize, what: &str) -> String {
    if many == 1 { format!("1 {what}") } else { format!("{many} {what}s") }
}

fn bytes(fact: &Fact) -> Result<Vec<u8>, Unreadable> {
    match fact {
        Fact::Absent { .. } => Err(Unreadable::Absent),
        Fact::Refused { message } | Fact::Failed { message, .. } => Err(Unreadable::Refused(message.clone())),
        Fact::Found(_) => fact.bytes().ok_or(Unreadable::Absent),
    }
}

/// As recipes read it.
fn told(found: &Requirements, needs: &Needs, environment: &Environment) -> serde_json::Value {
    let at = |place: &Place| (strip_control(&place.file), place.line, strip_control(&place.at()));
    let packages: Vec<_> = found
        .packages
        .iter()
        .filter(|package| !package.constraint)
        .map(|package| {
            let (file, line, at) = at(&package.place);
            json!({
                "name": package.name, "extras": package.extras, "specifier": strip_control(&package.specifier),
                "pinned": package.pinned(), "hashes": package.hashes, "editable": package.editable,
                "file": file, "line": line, "at": at,
            })
        })
        .collect();
    let native: Vec<_> = needs
        .native
        .iter()
        .map(|native| {
            let (file, line, at) = at(&native.place);
            json!({
                "name": native.name, "import": native.import, "build": native.build, "runtime": native.runtime,
                "wheel": native.wheel, "certain": native.certain, "why": native.why, "docs": native.docs,
                "file": file, "line": line, "at": at,
            })
        })
        .collect();
    let findings: Vec<_> = found
        .findings
        .iter()
        .chain(&needs.findings)
        .map(|finding| {
            let (file, line, at) = at(&finding.place);
            json!({
                "rule": finding.rule, "severity": finding.severity.name(),
                "message": strip_control(&finding.message), "fix": strip_control(&finding.fix),
                "file": file, "line": line, "at": at,
            })
        })
        .collect();
    let names = |needed: &[Needed]| needed.iter().map(|one| one.package.clone()).collect::<Vec<_>>();
    json!({
        "packages": packages,
        "native": native,
        "needs": {
            "family": environment.family.map(crate::requirements::Family::name),
            "python": environment.python.map(|minor| format!("3.{minor}")),
            "build": names(&needs.build),
            "runtime": names(&needs.runtime),
        },
        "findings": findings,
        "files": found.files.iter().take(MAX_FILES).map(|file| strip_control(file)).collect::<Vec<_>>(),
    })
}
