//! Whether the stages of a Dockerfile have what the native packages need, where they need it.

use std::collections::BTreeMap;

use super::{Environment, Family, Finding, Needed, Needs, Place, Severity};
use crate::dockerfile::{Base, Command, Dockerfile, Install, Instruction, Kind, Manager, Stage, Word};

/// The stages that matter, found once.
#[derive(Debug)]
pub struct Stages<'d> {
    dockerfile: &'d Dockerfile,
    /// The Dockerfile's name, as findings tell it.
    file: &'d str,
    /// The stage that the image is.
    last: &'d Stage,
    /// Where packages are installed or built: a stage, and the instruction in it. Of those that the image is made
    /// of, if there are any.
    installs: Vec<(&'d Stage, &'d Instruction)>,
    /// Whether the image is made of them.
    reached: bool,
}

/// Programs other than pip that install what a project needs, with the words that make them do it.
const INSTALLERS: &[(&str, &[&str])] = &[
    ("uv", &["sync"]),
    ("poetry", &["install"]),
    ("pipenv", &["install", "sync"]),
    ("pdm", &["install", "sync"]),
];

impl<'d> Stages<'d> {
    /// The stages of a Dockerfile; `None`: it has none.
    pub fn of(dockerfile: &'d Dockerfile, file: &'d str) -> Option<Stages<'d>> {
        let last = dockerfile.last()?;
        let mut stages = Stages { dockerfile, file, last, installs: Vec::new(), reached: true };
        for stage in &dockerfile.stages {
            let runs = stage.instructions.iter().filter(|one| !one.onbuild);
            stages
                .installs
                .extend(runs.filter(|one| commands(one).iter().any(builds)).map(|one| (stage, one)));
        }
        let of_image = stages.of_image();
        stages.reached = stages.installs.iter().any(|(stage, _)| of_image.contains(&stage.index));
        if stages.reached {
            stages.installs.retain(|(stage, _)| of_image.contains(&stage.index));
        }
        Some(stages)
    }

    /// What is no Dockerfile in it, so that what stands there is not judged.
    pub fn unread(dockerfile: &Dockerfile, file: &str) -> Vec<Finding> {
        let judged = if dockerfile.stages.is_empty() { "; nothing of the image is judged" } else { "" };
        let finding = |mistake: &crate::dockerfile::Mistake| Finding {
            rule: "dockerfile-syntax",
            severity: Severity::Error,
            message: format!("{}{judged}", super::shown(&mistake.message)),
            fix: "write it as https://docs.docker.com/reference/dockerfile/ says".to_owned(),
            place: Place { file: file.to_owned(), line: mistake.place.line.max(1) },
        };
        dockerfile.mistakes.iter().take(super::MAX_FILES).map(finding).collect()
    }

    /// The numbers of the stages that the image is made of: its own lineage, and what that copies from.
    fn of_image(&self) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = vec![self.last];
        while let Some(stage) = open.pop() {
            for one in self.dockerfile.lineage(stage) {
                if found.contains(&one.index) {
                    continue;
                }
                found.push(one.index);
                open.extend(one.instructions.iter().flat_map(|one| self.sources(one)));
            }
        }
        found
    }

    /// The stages that an instruction copies or mounts from.
    fn sources(&self, instruction: &'d Instruction) -> Vec<&'d Stage> {
        let names: Vec<&str> = match &instruction.kind {
            Kind::Copy(copy) => copy.from().into_iter().collect(),
            Kind::Run(run) => {
                let mounts = run.flags.iter().filter(|flag| flag.name == "mount");
                mounts
                    .flat_map(|flag| flag.value.split(','))
                    .filter_map(|part| part.strip_prefix("from="))
                    .collect()
            }
            _ => Vec::new(),
        };
        names.into_iter().filter_map(|name| self.dockerfile.stage(name)).collect()
    }

    /// The image at the bottom of a stage. `None`: only the build knows it, or it is empty.
    fn image(&self, stage: &'d Stage) -> Option<String> {
        match &self.dockerfile.lineage(stage).first()?.base {
            Base::Image(image) if !image.unknown => {
                Some(format!("{}:{}", image.name, image.tag.as_deref().unwrap_or_default()))
            }
            _ => None,
        }
    }

    fn environment(&self, stage: &'d Stage) -> Environment {
        let found = self.image(stage).map(|image| Environment::of_image(&image)).unwrap_or_default();
        let platform = self.dockerfile.lineage(stage).first().and_then(|stage| stage.platform.as_deref());
        match platform.filter(|platform| !platform.contains('$')) {
            Some(platform) => found.on(platform),
            None => found,
        }
    }

    /// Where packages are installed: the environment of that stage, else of the last.
    pub fn installed_in(&self) -> Environment {
        self.environment(self.installs.first().map_or(self.last, |(stage, _)| stage))
    }

    /// What the stages lack of `needs`.
    pub fn judge(&self, needs: &Needs, environment: &Environment) -> Vec<Finding> {
        let mut found = Vec::new();
        if needs.native.is_empty() && needs.build.is_empty() {
            return found;
        }
        if self.installs.is_empty() && !needs.native.is_empty() {
            let names: Vec<&str> = needs.native.iter().map(|one| one.name.as_str()).collect();
            found.push(self.finding(
                "native-install-unseen",
                Severity::Warning,
                self.last.place.line,
                format!(
                    "no stage of the image installs Python packages, as far as is seen, but {} are native",
                    names.join(", ")
                ),
                "install them with pip install -r in a stage that the image copies from",
            ));
            return found;
        }
        for (stage, instruction) in &self.installs {
            let had = self.had(stage, Some(instruction));
            for needed in needs.build.iter().filter(|needed| !had.gives(needed)) {
                let message = format!("{} to be built here", Self::lacks(needed));
                let place = instruction.place.line;
                found.push(self.missing("native-build-package", &had, needed, place, message));
            }
        }
        self.copied(&mut found);
        let had = self.had(self.last, None);
        for needed in needs.runtime.iter().filter(|needed| !had.gives(needed)) {
            let message =
                format!("{} to run, which the image's last stage does not have", Self::lacks(needed));
            found.push(self.missing("native-runtime-package", &had, needed, self.last.place.line, message));
        }
        self.compatible(needs, environment, &mut found);
        found
    }

    fn lacks(needed: &Needed) -> String {
        let verb = if needed.by.len() == 1 { "needs" } else { "need" };
        format!("{} ({}) {verb} {}", needed.by.join(", "), needed.place.at(), needed.package)
    }

    fn missing(
        &self,
        rule: &'static str,
        had: &Had,
        needed: &Needed,
        line: usize,
        message: String,
    ) -> Finding {
        let (message, severity) = match (&had.unsure, needed.certain) {
            (Some(why), _) => (format!("{message}; {why}"), Severity::Warning),
            (None, true) => (message, Severity::Error),
            (None, false) => (format!("{message}, unless there is a wheel"), Severity::Warning),
        };
        let fix = match had.family {
            Some(Family::Alpine) => format!("RUN apk add --no-cache {}", needed.package),
            // What it is called there, and by what it is installed, is not known.
            None => format!(
                "make sure that the base image has it, or install it with the package manager of that image; on Debian it is called {}",
                needed.package
            ),
            Some(Family::Debian) => format!(
                "RUN apt-get update && apt-get install -y --no-install-recommends {} && rm -rf /var/lib/apt/lists/*",
                needed.package
            ),
        };
        self.finding(rule, severity, line, message, &fix)
    }

    /// What is installed in another stage must be copied out of it.
    fn copied(&self, found: &mut Vec<Finding>) {
        let own: Vec<usize> = self.dockerfile.lineage(self.last).iter().map(|stage| stage.index).collect();
        let of_image = self.of_image();
        let mut told = Vec::new();
        for (stage, instruction) in &self.installs {
            if own.contains(&stage.index) || told.contains(&stage.index) {
                continue;
            }
            told.push(stage.index);
            let name = stage.name.as_ref().map_or_else(|| stage.index.to_string(), |name| name.text.clone());
            let copies = self.dockerfile.stages.iter().filter(|one| of_image.contains(&one.index));
            let copies: Vec<(&Stage, &Instruction)> = copies
                .flat_map(|to| to.instructions.iter().map(move |one| (to, one)))
                .filter(|(_, one)| self.sources(one).iter().any(|source| source.index == stage.index))
                .collect();
            let folders = self.folders(stage);
            let taken = copies.iter().any(|(to, one)| match &one.kind {
                Kind::Copy(copy) => copy.sources.iter().any(|source| {
                    // Variables are those of the stage that copies.
                    let text = self.dockerfile.filled(&source.text, &self.dockerfile.variables(to));
                    folders.is_empty() || text.is_none_or(|text| folders.iter().any(|one| holds(&text, one)))
                }),
                // What is mounted is used in its own way.
                _ => true,
            });
            if !taken {
                let what = folders.first().map(|folder| format!(" ({folder})")).unwrap_or_default();
                let message = format!(
                    "packages are installed in the stage {name}, but the image does not have them{what}"
                );
                let from = folders.first().map_or("/venv", String::as_str);
                let fix = format!("COPY --from={name} {from} {from}");
                found.push(self.finding(
                    "native-not-copied",
                    Severity::Error,
                    instruction.place.line,
                    message,
                    &fix,
                ));
            }
        }
    }

    /// The folders that a stage installs packages into: virtual environments, `--prefix`, `--target`, `--user`,
    /// else where the image's Python has them. None: they are packed, not installed.
    fn folders(&self, stage: &'d Stage) -> Vec<String> {
        let variables = self.dockerfile.variables(stage);
        let mut found = Vec::new();
        let mut packed = false;
        for command in self.dockerfile.instructions(stage).flat_map(commands) {
            let Some((program, words)) = command.program() else { continue };
            let text = |at: usize| words.get(at).map(|word| word.text.clone());
            let last =
                || words.iter().rev().find(|word| !word.text.starts_with('-')).map(|word| word.text.clone());
            let module = words
                .windows(2)
                .any(|two| two[0].text == "-m" && matches!(two[1].text.as_str(), "venv" | "virtualenv"));
            if (program.starts_with("python") && module) || program == "virtualenv" {
                found.extend(last());
            } else if program == "uv" && text(0).as_deref() == Some("venv") {
                found.push(
                    text(1).filter(|path| !path.starts_with('-')).unwrap_or_else(|| ".venv".to_owned()),
                );
            } else if builds(command) {
                packed |= Install::of(command).is_none();
                for (at, word) in words.iter().enumerate() {
                    match word
                        .text
                        .split_once('=')
                        .map_or((word.text.as_str(), None), |(flag, value)| (flag, Some(value)))
                    {
                        ("--prefix" | "--target" | "-t", value) => {
                            found.extend(value.map(str::to_owned).or_else(|| text(at + 1)));
                        }
                        ("--user", None) => found.push(".local".to_owned()),
                        _ => {}
                    }
                }
            }
        }
        if found.is_empty() && !packed {
            found.push("/usr/local".to_owned());
        }
        found.into_iter().filter_map(|folder| Dockerfile::expand(&folder, &variables)).collect()
    }

    /// Whether what is built in one stage can run in another.
    fn compatible(&self, needs: &Needs, environment: &Environment, found: &mut Vec<Finding>) {
        let last = self.environment(self.last);
        let mut told = Vec::new();
        for (stage, instruction) in &self.installs {
            if told.contains(&stage.index) {
                continue;
            }
            told.push(stage.index);
            let built = self.environment(stage);
            let line = instruction.place.line;
            if let (Some(a), Some(b)) = (built.family, last.family)
                && a != b
            {
                let message = format!(
                    "packages are installed on {} and run on {}: native code of one C library does not run with the other",
                    library(a),
                    library(b)
                );
                let fix = "make both stages from the same base image";
                found.push(self.finding("native-other-library", Severity::Error, line, message, fix));
            }
            if let (Some(a), Some(b)) = (built.python, last.python)
                && a != b
            {
                let message = format!(
                    "packages are installed for Python 3.{a} and run with 3.{b}: native code is made for one version"
                );
                let fix = "make both stages from the same base image";
                found.push(self.finding("native-other-python", Severity::Error, line, message, fix));
            }
            if let (Some(a), Some(b)) = (&built.release, &last.release)
                && a != b
                && needs.native.iter().any(|one| !one.wheel)
            {
                let message = format!(
                    "packages are built on {a} and run on {b}, whose libraries are of other versions"
                );
                let fix = "make both stages from the same base image";
                found.push(self.finding("native-other-release", Severity::Warning, line, message, fix));
            }
            if let (Some(a), Some(b)) = (built.python, environment.python)
                && a != b
            {
                let message =
                    format!("packages are installed for Python 3.{a}, but Python 3.{b} is asked for");
                let fix = format!("FROM python:3.{b}-…, or ask for 3.{a}");
                found.push(self.finding(
                    "native-other-python",
                    Severity::Error,
                    stage.place.line,
                    message,
                    &fix,
                ));
            }
        }
    }

    /// What a stage has of system packages: before an instruction and by it, or at its end.
    fn had(&self, stage: &'d Stage, until: Option<&Instruction>) -> Had {
        let image = self.image(stage);
        let environment = self.environment(stage);
        let mut had = Had { family: environment.family, full: environment.full, ..Had::default() };
        if environment.family.is_none() {
            let image = image.unwrap_or_else(|| "a base that only the build knows".to_owned());
            had.unsure = Some(format!("what {image} has already is not known here"));
        }
        let variables = self.dockerfile.variables(stage);
        for instruction in self.dockerfile.instructions(stage) {
            let ends = until.is_some_and(|until| std::ptr::eq(until, instruction));
            for command in commands(instruction) {
                had.take(command, &variables);
                // What is removed later in the same instruction was there for this one.
                if ends && builds(command) {
                    return had;
                }
            }
            if ends {
                break;
            }
        }
        had
    }

    fn finding(
        &self,
        rule: &'static str,
        severity: Severity,
        line: usize,
        message: String,
        fix: &str,
    ) -> Finding {
        let place = Place { file: self.file.to_owned(), line: line.max(1) };
        Finding { rule, severity, message, fix: fix.to_owned(), place }
    }
}

/// Whether copying `source` takes something of `folder`. A relative folder is looked for by its name.
fn holds(source: &str, folder: &str) -> bool {
    let (source, folder) = (source.trim_end_matches('/'), folder.trim_end_matches('/'));
    let beneath = |path: &str, above: &str| path == above || path.starts_with(&format!("{above}/"));
    if folder.starts_with('/') {
        return beneath(folder, source) || beneath(source, folder);
    }
    let name = folder.trim_start_matches("./");
    source.is_empty()
        || source.split('/').any(|part| part == name)
        || !source.rsplit('/').next().unwrap_or_default().starts_with('.')
}

fn library(family: Family) -> &'static str {
    match family {
        Family::Debian => "Debian (glibc)",
        Family::Alpine => "Alpine (musl)",
    }
}

fn commands(instruction: &Instruction) -> &[Command] {
    match &instruction.kind {
        Kind::Run(run) => &run.commands,
        _ => &[],
    }
}

/// Whether a command installs Python packages from an index or builds them. One that takes them from a folder
/// of wheels, and one that gives pip itself, does not.
fn builds(command: &Command) -> bool {
    if let Some(install) = Install::of(command).filter(|one| one.manager == Manager::Pip) {
        let offline = install.flags.iter().any(|flag| flag == "--no-index");
        let wheels = |word: &Word| {
            word.text.contains(".whl") || word.text.starts_with('/') && word.text.ends_with('*')
        };
        let tools = |word: &Word| {
            let name = super::specifier::name(&word.text).map_or("", |(name, _)| name);
            matches!(name, "pip" | "setuptools" | "wheel" | "uv" | "poetry" | "pipenv" | "pdm" | "build")
        };
        let real = install.packages.iter().any(|word| !wheels(word) && !tools(word));
        return !offline && (!install.requirements.is_empty() || real);
    }
    let Some((program, words)) = command.program() else { return false };
    let first = words.iter().find(|word| !word.text.starts_with('-')).map_or("", |word| word.text.as_str());
    let pip_wheel = || {
        let module = words
            .windows(3)
            .any(|three| three[0].text == "-m" && three[1].text == "pip" && three[2].text == "wheel");
        (program.starts_with("pip") && first == "wheel") || (program.starts_with("python") && module)
    };
    pip_wheel() || INSTALLERS.iter().any(|(name, verbs)| *name == program && verbs.contains(&first))
}

/// What a stage has.
#[derive(Default)]
struct Had {
    family: Option<Family>,
    full: bool,
    /// Each package with the name that it can be removed by (`apk add --virtual`).
    packages: Vec<(String, Option<String>)>,
    /// Why there may be more.
    unsure: Option<String>,
}

impl Had {
    fn gives(&self, needed: &Needed) -> bool {
        (self.full && needed.full) || self.packages.iter().any(|(name, _)| needed.any.contains(name))
    }

    fn take(&mut self, command: &Command, variables: &BTreeMap<String, String>) {
        let Some((program, words)) = command.program() else { return };
        let verb =
            words.iter().find(|word| !word.text.starts_with('-')).map_or("", |word| word.text.as_str());
        if let Some(install) =
            Install::of(command).filter(|one| matches!(one.manager, Manager::Apt | Manager::Apk))
        {
            // Who calls them has them.
            let family = if install.manager == Manager::Apt { Family::Debian } else { Family::Alpine };
            self.family.get_or_insert(family);
            let group = group(words);
            for word in &install.packages {
                if let Some(text) = Dockerfile::expand(&word.text, variables) {
                    let names = text.split_whitespace().map(|name| (plain(name).to_owned(), group.clone()));
                    self.packages.extend(names);
                } else {
                    let what: String = word.text.chars().take(40).collect();
                    self.unsure.get_or_insert(format!("what {what} holds is not known here"));
                }
            }
        } else if program == "xargs"
            && words.iter().any(|word| matches!(word.text.as_str(), "apt-get" | "apk"))
        {
            self.unsure.get_or_insert("what a file names is not known here".to_owned());
        } else if matches!(
            (program, verb),
            ("apk", "del") | ("apt-get" | "apt", "remove" | "purge" | "autoremove")
        ) {
            let gone: Vec<&str> = words.iter().map(|word| plain(&word.text)).collect();
            self.packages.retain(|(name, group)| {
                let by_group = group.as_deref().is_some_and(|group| gone.contains(&group));
                !by_group && !gone.contains(&name.as_str())
            });
        }
    }
}

/// The name that packages are added under as one (`--virtual .build`).
fn group(words: &[Word]) -> Option<String> {
    words.iter().enumerate().find_map(|(index, word)| match word.text.as_str() {
        "-t" | "--virtual" => words.get(index + 1).map(|word| word.text.clone()),
        text => text.strip_prefix("--virtual=").map(str::to_owned),
    })
}

/// A package without its version and architecture.
fn plain(name: &str) -> &str {
    if name.starts_with("so:") {
        return name;
    }
    name.split(['=', '~', '<', '>', ':', '@']).next().unwrap_or_default()
}
