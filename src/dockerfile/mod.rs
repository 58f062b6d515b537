//! What a Dockerfile says, with the place of each part, and what is wrong with it ([`rules`]). No I/O.
//!
//! ```text
//! bytes ── lines ──▶ logical lines ── parse ──▶ instructions, stages ── shell, installs ──▶ commands, packages
//! ```
//!
//! **Why a reader of our own.** Of the crates that read Dockerfiles, the well-kept one (`parse-dockerfile`)
//! takes only a here-document that stands at the start of a `RUN`, so that `RUN cat <<EOF > file` becomes a
//! mistake; it stops at the first mistake; and it leaves out the words of `ENV` and `ARG` and the commands of a
//! shell form, which is most of what an analysis needs. `dockerfile-parser-rs` has no places, and
//! `dockerfile-parser` neither here-documents nor directives. The rules followed are those of `BuildKit`
//! (<https://docs.docker.com/reference/dockerfile/>).
//!
//! Reading never fails: what cannot be understood is one of [`Dockerfile::mistakes`], and the rest is read on.
//! Text, stages and the values of variables are bounded, and nothing recurses.

mod expand;
mod installs;
mod lines;
mod parse;
pub mod rules;
mod shell;
mod words;

use std::collections::BTreeMap;

pub use installs::{Install, Manager};
pub use shell::Command;

/// The longest text that is read, in bytes; no Dockerfile that a person wrote comes near it.
pub const MAX_BYTES: usize = 256 * 1024;

/// Whether a file may be read as a Dockerfile, by the last part of its path.
pub fn is_named_so(name: &str) -> bool {
    let folded = name.to_ascii_lowercase();
    (folded.contains("dockerfile") || folded.contains("containerfile")) && !rules::is_secret(name)
}

/// The same in words.
pub const NAMES: &str = "Dockerfile or Containerfile, with anything before or after it";

/// The most stages that are read.
const MAX_STAGES: usize = 256;

/// A place in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A word without its quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The text; variables stand as they are written.
    pub text: String,
    /// Where it begins.
    pub place: Place,
}

/// What is no Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in a few words.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// A Dockerfile.
#[derive(Clone, Debug, Default)]
pub struct Dockerfile {
    /// The frontend that the directive `# syntax=` names.
    pub syntax: Option<String>,
    /// Every `ARG` before the first `FROM`.
    pub arguments: Vec<Variable>,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// What is no Dockerfile, in order.
    pub mistakes: Vec<Mistake>,
    /// What takes the meaning from a `$` behind it: `\` unless the directive `escape` says otherwise.
    escape: char,
}

/// What a `FROM` begins.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its number, from 0.
    pub index: usize,
    /// The name after `AS`.
    pub name: Option<Word>,
    /// What it is made from.
    pub base: Base,
    /// The value of `--platform`, as it is written.
    pub platform: Option<String>,
    /// Where its `FROM` stands.
    pub place: Place,
    /// Its instructions, without the `FROM`.
    pub instructions: Vec<Instruction>,
}

/// What a stage is made from.
#[derive(Clone, Debug)]
pub enum Base {
    /// An earlier stage, by its number.
    Stage(usize),
    /// Nothing (`FROM scratch`).
    Scratch,
    /// An image.
    Image(Image),
}

/// A reference to an image, its arguments filled in with their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// As it is written.
    pub written: Word,
    /// The name, with the registry's host if there is one, without tag and digest.
    pub name: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<String>,
    /// Whether it holds an argument without a default, so that only the build knows it.
    pub unknown: bool,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// Where it begins.
    pub place: Place,
    /// What it does.
    pub kind: Kind,
    /// Whether it is kept for images made from this one (`ONBUILD`), and does nothing here.
    pub onbuild: bool,
}

/// What an instruction does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `RUN`.
    Run(Run),
    /// `COPY`.
    Copy(Copy),
    /// `ADD`.
    Add(Copy),
    /// `ENV`.
    Env(Vec<Variable>),
    /// `ARG`.
    Arg(Vec<Variable>),
    /// `USER`: user and group, as they are written.
    User(Word),
    /// `EXPOSE`.
    Expose(Vec<Word>),
    /// `CMD`.
    Cmd(Form),
    /// `ENTRYPOINT`.
    Entrypoint(Form),
    /// `WORKDIR`.
    Workdir(Word),
    /// `HEALTHCHECK`; `NONE` switches off what the base has.
    Healthcheck {
        /// Whether it is `NONE`.
        none: bool,
    },
    /// `SHELL`.
    Shell(Vec<Word>),
    /// One that nothing here looks into: its name in capitals.
    Other(String),
}

/// A `RUN`.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Its flags (`--mount=…`).
    pub flags: Vec<Flag>,
    /// Whether it is in exec form.
    pub exec: bool,
    /// Its commands, here-documents included, in the order they are written.
    pub commands: Vec<Command>,
}

/// A `COPY` or an `ADD`.
#[derive(Clone, Debug, Default)]
pub struct Copy {
    /// Its flags (`--from=…`, `--chown=…`).
    pub flags: Vec<Flag>,
    /// What is copied; a here-document is none of them.
    pub sources: Vec<Word>,
    /// Where to.
    pub destination: Word,
}

impl Copy {
    /// The stage or image of `--from`; `None`: the build context.
    pub fn from(&self) -> Option<&str> {
        self.flags.iter().find(|flag| flag.name == "from").map(|flag| flag.value.as_str())
    }
}

/// A flag of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its name, without the hyphens, in small letters.
    pub name: String,
    /// Its value; empty without one.
    pub value: String,
    /// Where it begins.
    pub place: Place,
}

/// A variable that `ENV` or `ARG` sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, as it is written but for the quotes; `None`: an `ARG` without a default.
    pub value: Option<String>,
    /// Where it begins.
    pub place: Place,
}

/// How a `CMD` or `ENTRYPOINT` is written.
#[derive(Clone, Debug)]
pub enum Form {
    /// A JSON array: run as it is, nothing expands variables.
    Exec(Vec<Word>),
    /// A text for a shell, which stays the container's first process unless it is told to `exec`.
    Shell(Vec<Command>),
}

/// What the image is started with.
#[derive(Clone, Debug)]
pub struct Start {
    /// The words of the program that is started in the end: those of an exec form, or of the last command of a
    /// shell form.
    pub words: Vec<Word>,
    /// Whether the first process is the program itself, so that it gets the signal to end.
    pub exec: bool,
    /// Whether the words are taken as they are: no shell fills in variables.
    pub literal: bool,
    /// Where the instruction stands that names the program.
    pub place: Place,
}

impl Dockerfile {
    /// Reads a file's bytes; what is no UTF-8 is taken for a character of its own.
    pub fn read(bytes: &[u8]) -> Dockerfile {
        Dockerfile::parse(&String::from_utf8_lossy(bytes.get(..=MAX_BYTES).unwrap_or(bytes)))
    }

    /// Reads a file's text. One that is longer than [`MAX_BYTES`] is not read, which is a mistake.
    pub fn parse(text: &str) -> Dockerfile {
        if text.len() > MAX_BYTES {
            let message = format!("the file is longer than {MAX_BYTES} bytes");
            let mistake = Mistake { message, place: Place { line: 1, column: 1 } };
            return Dockerfile { mistakes: vec![mistake], ..Dockerfile::default() };
        }
        parse::parse(text)
    }

    /// The stage that the image is made of: the last.
    pub fn last(&self) -> Option<&Stage> {
        self.stages.last()
    }

    /// The stage of this name or number, as `--from` names it.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        let by_name =
            |stage: &&Stage| stage.name.as_ref().is_some_and(|word| word.text.eq_ignore_ascii_case(name));
        self.stages.iter().find(by_name).or_else(|| self.stages.get(name.parse::<usize>().ok()?))
    }

    /// A stage and those that it is made from, the first of them first: what is set in one holds in the next.
    pub fn lineage<'a>(&'a self, stage: &'a Stage) -> Vec<&'a Stage> {
        let mut line = vec![stage];
        while let Some(Base::Stage(index)) = line.last().map(|stage| &stage.base) {
            // A stage is made from an earlier one only, so that this ends.
            let current = line.last().map_or(0, |stage| stage.index);
            match self.stages.get(*index).filter(|below| below.index < current) {
                Some(below) => line.push(below),
                None => break,
            }
        }
        line.reverse();
        line
    }

    /// The instructions that make a stage, from the first stage of its lineage on, those of `ONBUILD` left out.
    pub fn instructions<'a>(&'a self, stage: &'a Stage) -> impl Iterator<Item = &'a Instruction> {
        let stages = self.lineage(stage);
        stages.into_iter().flat_map(|stage| &stage.instructions).filter(|one| !one.onbuild)
    }

    /// The user that a stage's image runs as, by the last `USER`, its variables filled in; `None`: that of the
    /// base image, which is root unless the image says otherwise.
    pub fn user(&self, stage: &Stage) -> Option<Word> {
        let word = self
            .instructions(stage)
            .filter_map(|one| match &one.kind {
                Kind::User(word) => Some(word),
                _ => None,
            })
            .last()?;
        let variables = self.variables(stage);
        let text = expand::expand(&word.text, self.escape, &|name| variables.get(name).cloned());
        Some(Word { text: text.unwrap_or_else(|| word.text.clone()), place: word.place })
    }

    /// What `ENV` sets for the container that a stage's image starts, variables filled in; a value that only the
    /// build knows is left out.
    pub fn environment(&self, stage: &Stage) -> BTreeMap<String, String> {
        self.set(stage, false)
    }

    /// What `ENV` and `ARG` set while a stage is built.
    pub fn variables(&self, stage: &Stage) -> BTreeMap<String, String> {
        self.set(stage, true)
    }

    /// `ENV` wins over an `ARG` of the same name, wherever each stands. Values of one instruction see what stood
    /// before it, not each other.
    fn set(&self, stage: &Stage, arguments: bool) -> BTreeMap<String, String> {
        let globals = self.globals();
        let (mut set, mut given) = (BTreeMap::new(), BTreeMap::new());
        for one in self.instructions(stage) {
            let (variables, is_argument) = match &one.kind {
                Kind::Env(variables) => (variables, false),
                Kind::Arg(variables) => (variables, true),
                _ => continue,
            };
            let value = |variable: &Variable| match &variable.value {
                Some(written) => expand::expand(written, self.escape, &|name| {
                    set.get(name).or_else(|| given.get(name)).cloned()
                }),
                None => globals.get(&variable.name).cloned(),
            };
            let values: Vec<_> = variables.iter().map(|one| (one.name.clone(), value(one))).collect();
            let into = if is_argument { &mut given } else { &mut set };
            for (name, value) in values {
                match value {
                    Some(value) => drop(into.insert(name, value)),
                    None => drop(into.remove(&name)),
                }
            }
        }
        if arguments {
            given.extend(set);
            given
        } else {
            set
        }
    }

    /// The arguments before the first `FROM` that have a value; of two of a name the last counts.
    fn globals(&self) -> BTreeMap<String, String> {
        let mut known = BTreeMap::new();
        for Variable { name, value, .. } in &self.arguments {
            let value = value
                .as_ref()
                .and_then(|value| expand::expand(value, self.escape, &|name| known.get(name).cloned()));
            match value {
                Some(value) => drop(known.insert(name.clone(), value)),
                None => drop(known.remove(name)),
            }
        }
        known
    }

    /// The ports of `EXPOSE`, each as a number where it is one, with its place.
    pub fn exposed(&self, stage: &Stage) -> Vec<(u16, Place)> {
        let variables = self.variables(stage);
        self.instructions(stage)
            .filter_map(|one| match &one.kind {
                Kind::Expose(words) => Some(words),
                _ => None,
            })
            .flatten()
            .filter_map(|word| {
                let text = expand::expand(&word.text, self.escape, &|name| variables.get(name).cloned())?;
                let (port, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
                let tcp = protocol.eq_ignore_ascii_case("tcp");
                Some((port.parse().ok().filter(|_| tcp)?, word.place))
            })
            .collect()
    }

    /// What a stage's image is started with; `None`: what the base image has.
    pub fn start(&self, stage: &Stage) -> Option<Start> {
        let (mut entrypoint, mut cmd) = (None, None);
        let mut bash = false;
        for stage in self.lineage(stage) {
            let mut own = false;
            for one in stage.instructions.iter().filter(|one| !one.onbuild) {
                match &one.kind {
                    Kind::Cmd(form) => {
                        cmd = Some((form, one.place));
                        own = true;
                    }
                    // It forgets the CMD of the stage below, not one before it in its own.
                    Kind::Entrypoint(form) => {
                        entrypoint = Some((form, one.place));
                        cmd = cmd.filter(|_| own);
                    }
                    Kind::Shell(words) => {
                        let name = words.first().and_then(|word| word.text.rsplit('/').next());
                        bash = name == Some("bash");
                    }
                    _ => {}
                }
            }
        }
        let (form, place) = entrypoint.or(cmd)?;
        let words = match form {
            // A shell ignores what CMD adds.
            Form::Shell(commands) => return Some(started(commands, place, bash)),
            Form::Exec(words) => words.clone(),
        };
        let added = match cmd.filter(|_| entrypoint.is_some()) {
            Some((Form::Exec(added), _)) => added.as_slice(),
            Some((Form::Shell(commands), _)) => {
                commands.last().map(|command| command.words.as_slice()).unwrap_or_default()
            }
            None => &[],
        };
        Some(executed(words.into_iter().chain(added.iter().cloned()).collect(), place))
    }

    /// A text for a shell with variables filled in; `None` when one is not known.
    pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
        expand::expand(text, '\\', &|name| variables.get(name).cloned())
    }

    /// A text of an instruction of this file with variables filled in; `None` when one is not known.
    pub fn filled(&self, text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
        expand::expand(text, self.escape, &|name| variables.get(name).cloned())
    }
}

impl Stage {
    /// The packages that its `RUN`s install, in order.
    pub fn installs(&self) -> Vec<Install> {
        let runs = self.instructions.iter().filter(|one| !one.onbuild).filter_map(|one| match &one.kind {
            Kind::Run(run) => Some(run),
            _ => None,
        });
        runs.flat_map(|run| run.commands.iter().filter_map(Install::of)).collect()
    }
}

impl Instruction {
    /// The name of the instruction, in capitals.
    pub fn keyword(&self) -> &str {
        match &self.kind {
            Kind::Run(_) => "RUN",
            Kind::Copy(_) => "COPY",
            Kind::Add(_) => "ADD",
            Kind::Env(_) => "ENV",
            Kind::Arg(_) => "ARG",
            Kind::User(_) => "USER",
            Kind::Expose(_) => "EXPOSE",
            Kind::Cmd(_) => "CMD",
            Kind::Entrypoint(_) => "ENTRYPOINT",
            Kind::Workdir(_) => "WORKDIR",
            Kind::Healthcheck { .. } => "HEALTHCHECK",
            Kind::Shell(_) => "SHELL",
            Kind::Other(name) => name,
        }
    }
}

/// What an exec form starts; `sh -c TEXT` is a shell form in other words.
fn executed(words: Vec<Word>, place: Place) -> Start {
    let script = words.split_first().and_then(|(program, rest)| shell::script(&program.text, rest));
    match script {
        Some((name, text)) => {
            let commands = shell::commands(&lines::placed(&text.text, text.place));
            started(&commands, place, name == "bash")
        }
        None => Start { words, exec: true, literal: true, place },
    }
}

/// `replaces`: the shell is bash, which puts a single command in its own place. Debian's `dash` 0.5.12 does not (seen on
/// Debian 12); of other shells it is not known.
fn started(commands: &[Command], place: Place, replaces: bool) -> Start {
    let last = commands.last().map(|command| command.words.as_slice()).unwrap_or_default();
    let exec = last.first().is_some_and(|word| word.text == "exec");
    let alone = replaces && commands.len() == 1;
    Start { words: last[usize::from(exec)..].to_vec(), exec: exec || alone, literal: false, place }
}
