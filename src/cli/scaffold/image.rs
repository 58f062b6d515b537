//! `scaffold RECIPE --requirements FILE`: a Dockerfile for a project of the caller's own.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::diagnostic::{Diagnostic, codes, quote};
use crate::recipe::{LookupKind, Recipe, SampleFile, read_bytes_beneath};
use crate::requirements::{
    Environment, Finding, Requirements, Scaffold, Severity, Stages, Table, Unreadable, judge, read,
};
use crate::value::strip_control;

/// What a Dockerfile is written for.
#[derive(Debug, Args)]
pub(super) struct Image {
    /// Write a Dockerfile for the project with this requirements file, beside it or into FOLDER above it
    #[arg(long, value_name = "FILE")]
    pub(super) requirements: Option<PathBuf>,
    /// The version of Python [default: 3.13]
    #[arg(long, value_name = "VERSION", requires = "requirements")]
    python: Option<String>,
    /// The distribution of the image
    #[arg(long, value_enum, default_value_t = Base::Slim, requires = "requirements")]
    base: Base,
    /// Take wheels only, so that nothing is ever built
    #[arg(long, requires = "requirements")]
    only_binary: bool,
    /// The port that the app listens on [default: 8000]
    #[arg(long, value_name = "PORT", requires = "requirements", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Base {
    /// Debian
    Slim,
    /// Alpine
    Alpine,
}

/// Rules about what lies in the context, which a Dockerfile written without knowing it would not copy.
const OF_CONTEXT: &[&str] = &["requirement-local", "requirement-editable"];

impl Image {
    /// The folder that is the build context, and the files to write into it.
    ///
    /// # Errors
    /// The file cannot be read, or no Dockerfile can install what it says.
    pub(super) fn files(
        &self,
        file: &Path,
        folder: Option<&Path>,
        recipe: &Recipe,
    ) -> Result<(PathBuf, Vec<SampleFile>), Vec<Diagnostic>> {
        let one = |code, message: String| vec![Diagnostic::error(code, message)];
        let table = table(recipe).ok_or_else(|| {
            let message = format!("the recipe `{}` reads no requirements", recipe.name.value);
            vec![
                Diagnostic::error(codes::NO_SAMPLE, message)
                    .fix("acarecipe scaffold native-dependencies --requirements FILE"),
            ]
        })?;
        let environment = match &self.python {
            Some(text) => Environment::default().with_python(text),
            None => Environment::default(),
        };
        if self.python.is_some() && environment.python.is_none() {
            return Err(one(codes::BAD_VALUE, "--python takes a version such as 3.13".to_owned()));
        }
        let beside = || file.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.or_else(beside).map_or_else(|| PathBuf::from("."), PathBuf::from);
        let name = within(&folder, file).ok_or_else(|| {
            let message = format!("{} does not lie beneath {}", file.display(), folder.display());
            one(codes::OUTSIDE_FOLDER, message)
        })?;
        if name.rsplit('/').next() == Some("pyproject.toml") {
            let message = format!("{name} names what is asked for, not what is installed");
            return Err(vec![Diagnostic::error(codes::LOCAL_FILE, message).fix(
                "uv pip compile --generate-hashes pyproject.toml --output-file requirements.txt, then --requirements requirements.txt",
            )]);
        }
        let requirements = read(&name, &[], |name| load(&folder, name)).map_err(|why| {
            let why = match why {
                Unreadable::Absent => "is not there".to_owned(),
                Unreadable::Refused(why) => why,
            };
            one(codes::LOCAL_FILE, format!("{} {}", file.display(), strip_control(&why)))
        })?;
        let (files, folders) = own(&folder, &requirements);
        let scaffold = Scaffold {
            requirements: &requirements,
            table: &table,
            environment: Environment {
                family: Some(match self.base {
                    Base::Slim => crate::requirements::Family::Debian,
                    Base::Alpine => crate::requirements::Family::Alpine,
                }),
                ..environment
            },
            files: &files,
            folders: &folders,
            only_binary: self.only_binary,
            port: self.port.unwrap_or(8000),
        };
        let text = scaffold.dockerfile();
        let wrong = self.wrong(&scaffold, &text);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let file =
            |name: &str, text: String| SampleFile { path: PathBuf::from(name), bytes: text.into_bytes() };
        let mut all = vec![file("Dockerfile", text)];
        // One that is there says what its owner wants.
        if folder.join(".dockerignore").symlink_metadata().is_err() {
            all.push(file(".dockerignore", scaffold.dockerignore()));
        }
        Ok((folder, all))
    }

    /// What stands in the way of an image that works.
    fn wrong(&self, scaffold: &Scaffold<'_>, text: &str) -> Vec<Diagnostic> {
        let mut requirements = scaffold.requirements.clone();
        if self.only_binary {
            requirements.options.only_binary.all = true;
        }
        let needs = judge(&requirements, scaffold.table, &scaffold.environment());
        let model = crate::dockerfile::Dockerfile::parse(text);
        let of_image = Stages::of(&model, "Dockerfile")
            .map(|stages| stages.judge(&needs, &scaffold.environment()))
            .unwrap_or_default();
        let stops = |one: &&Finding| one.severity == Severity::Error || OF_CONTEXT.contains(&one.rule);
        requirements
            .findings
            .iter()
            .chain(&needs.findings)
            .chain(&of_image)
            .filter(stops)
            .map(|one| {
                let message = format!("{}: {}", one.place.at(), one.message);
                Diagnostic::error(codes::LOCAL_FILE, strip_control(&message)).fix(strip_control(&one.fix))
            })
            .collect()
    }

    /// The flags of this run, as they are typed again.
    pub(super) fn again(&self) -> String {
        let Some(requirements) = &self.requirements else { return String::new() };
        let mut flags = format!(" --requirements {}", quote(&requirements.display().to_string()));
        if let Some(python) = &self.python {
            flags.push_str(" --python ");
            flags.push_str(&quote(python));
        }
        if self.base == Base::Alpine {
            flags += " --base alpine";
        }
        if self.only_binary {
            flags += " --only-binary";
        }
        if let Some(port) = self.port {
            flags.push_str(" --port ");
            flags.push_str(&port.to_string());
        }
        flags
    }
}

/// The table of native packages of a recipe that reads requirements.
fn table(recipe: &Recipe) -> Option<Table> {
    recipe.existing.values().find_map(|lookup| {
        let LookupKind::Requirements(requirements) = &lookup.kind else { return None };
        let text = requirements.packages.value.text();
        let (_, table) = recipe.data.iter().find(|(name, _)| text == format!("${{data.{name}}}"))?;
        Table::read(&table.value).ok()
    })
}

/// The name of a file beneath a folder, with slashes.
fn within(folder: &Path, file: &Path) -> Option<String> {
    let real = |path: &Path| path.canonicalize().ok();
    // Of the file only the folder is resolved: a link stays the name that it has.
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let path = real(parent)?.strip_prefix(real(folder)?).ok()?.join(file.file_name()?);
    let names: Option<Vec<&str>> = path.iter().map(|name| name.to_str()).collect();
    names.map(|names| names.join("/"))
}

fn load(folder: &Path, name: &str) -> Result<Vec<u8>, Unreadable> {
    if folder.join(name).symlink_metadata().is_err() {
        return Err(Unreadable::Absent);
    }
    read_bytes_beneath(folder, name).map_err(|found| Unreadable::Refused(found.message))
}

/// The app's own code beside the Dockerfile: modules and packages, without what tests and builds it.
fn own(folder: &Path, requirements: &Requirements) -> (Vec<String>, Vec<String>) {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        // A name with another character would need quotes, in two files that quote differently.
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let Ok(kind) = entry.file_type() else { continue };
        if !plain || name.starts_with('.') || requirements.files.contains(&name) {
            continue;
        }
        let test = name.starts_with("test_") || name == "tests" || name.ends_with("_test.py");
        let of_tools = matches!(name.as_str(), "conftest.py" | "setup.py" | "noxfile.py" | "tasks.py");
        let python = Path::new(&name).extension().is_some_and(|extension| extension == "py");
        if kind.is_file() && python && !test && !of_tools {
            files.push(name);
        } else if kind.is_dir() && !test {
            let package = entry.path().join("__init__.py").is_file();
            if package || matches!(name.as_str(), "templates" | "static") {
                folders.push(name);
            }
        }
    }
    files.sort();
    folders.sort();
    if files.is_empty() && folders.is_empty() {
        files.push("app.py".to_owned());
    }
    (files, folders)
}
