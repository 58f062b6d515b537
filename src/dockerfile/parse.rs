//! Logical lines to instructions and stages.

use std::collections::BTreeMap;

use super::expand::expand;
use super::lines::{Char, Line, Lines, delimiter, lines, text, trim};
use super::shell::{Command, commands, within};
use super::words::{arguments, array, flags, variables, words};
use super::{
    Base, Copy, Dockerfile, Form, Image, Instruction, Kind, MAX_STAGES, Mistake, Place, Run, Stage, Variable,
    Word,
};

/// Instructions that nothing looks into.
const OTHERS: &[&str] = &["LABEL", "MAINTAINER", "STOPSIGNAL", "VOLUME"];

pub(super) fn parse(source: &str) -> Dockerfile {
    let Lines { escape, syntax, all: lines, mistakes } = lines(source);
    let file = Dockerfile { syntax, mistakes, escape, ..Dockerfile::default() };
    let mut reader = Reader { escape, file, known: BTreeMap::new() };
    for line in &lines {
        if reader.file.stages.len() > MAX_STAGES {
            reader.mistake(format!("there are more than {MAX_STAGES} stages"), None);
            break;
        }
        reader.line(line);
    }
    if reader.file.stages.is_empty() {
        reader.mistake(
            "there is no FROM",
            lines.last().and_then(|line| line.text.first()).map(|one| one.place),
        );
    }
    reader.file.mistakes.sort_by_key(|mistake| mistake.place);
    reader.file
}

struct Reader {
    escape: char,
    file: Dockerfile,
    /// The arguments before the first `FROM` that have a value.
    known: BTreeMap<String, String>,
}

impl Reader {
    fn mistake(&mut self, message: impl Into<String>, place: Option<Place>) {
        let place = place.unwrap_or(Place { line: 1, column: 1 });
        self.file.mistakes.push(Mistake { message: message.into(), place });
    }

    fn line(&mut self, line: &Line) {
        let Some(first) = line.text.first() else { return };
        let (keyword, rest) = keyword(&line.text);
        match keyword.as_str() {
            "FROM" => self.from(first.place, rest),
            "ONBUILD" => {
                let (keyword, rest) = self::keyword(trim(rest));
                if matches!(keyword.as_str(), "ONBUILD" | "FROM" | "MAINTAINER" | "") {
                    let what = if keyword.is_empty() { "nothing" } else { &keyword };
                    return self.mistake(format!("ONBUILD cannot be followed by {what}"), Some(first.place));
                }
                self.instruction(first.place, &keyword, rest, line, true);
            }
            _ => self.instruction(first.place, &keyword, rest, line, false),
        }
    }

    fn from(&mut self, place: Place, rest: &[Char]) {
        let (flags, rest) = flags(rest);
        let platform = flags.into_iter().find(|flag| flag.name == "platform").map(|flag| flag.value);
        let mut found = words(rest, self.escape, false).into_iter();
        let Some(written) = found.next() else {
            return self.mistake("FROM names no image", Some(place));
        };
        let name = match (found.next(), found.next(), found.next()) {
            (None, ..) => None,
            (Some(word), Some(name), None) if word.text.eq_ignore_ascii_case("as") => Some(name),
            _ => {
                self.mistake("FROM takes `image` or `image AS name`", Some(place));
                None
            }
        };
        if let Some(name) = &name
            && self.file.stages.iter().any(|stage| {
                stage.name.as_ref().is_some_and(|have| have.text.eq_ignore_ascii_case(&name.text))
            })
        {
            self.mistake(format!("there are two stages named {}", name.text), Some(name.place));
        }
        let base = self.base(written);
        let index = self.file.stages.len();
        self.file.stages.push(Stage { index, name, base, platform, place, instructions: Vec::new() });
    }

    fn base(&self, written: Word) -> Base {
        let filled = expand(&written.text, self.escape, &|name| self.known.get(name).cloned());
        let reference = filled.as_deref().unwrap_or(&written.text);
        if let Some(stage) =
            self.file.stages.iter().find(|stage| {
                stage.name.as_ref().is_some_and(|name| name.text.eq_ignore_ascii_case(reference))
            })
        {
            return Base::Stage(stage.index);
        }
        if reference == "scratch" {
            return Base::Scratch;
        }
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (reference, None),
        };
        // A colon before the last slash belongs to the registry's port, one within `${…}` to a default.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains(['/', '}']) => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        Base::Image(Image { name: name.to_owned(), tag, digest, unknown: filled.is_none(), written })
    }

    fn instruction(&mut self, place: Place, keyword: &str, rest: &[Char], line: &Line, onbuild: bool) {
        if keyword == "ARG" && self.file.stages.is_empty() && !onbuild {
            let found = arguments(rest, self.escape);
            if found.is_empty() {
                self.mistake("ARG needs an argument", Some(place));
            }
            for Variable { name, value, .. } in &found {
                let value = value
                    .as_ref()
                    .and_then(|value| expand(value, self.escape, &|name| self.known.get(name).cloned()));
                match value {
                    Some(value) => drop(self.known.insert(name.clone(), value)),
                    None => drop(self.known.remove(name)),
                }
            }
            return self.file.arguments.extend(found);
        }
        let kind = match self.kind(keyword, rest, line) {
            Ok(kind) => kind,
            Err(message) => return self.mistake(message, Some(place)),
        };
        match self.file.stages.last_mut() {
            Some(stage) => stage.instructions.push(Instruction { place, kind, onbuild }),
            None => self.mistake(format!("{keyword} stands before the first FROM"), Some(place)),
        }
    }

    fn kind(&self, keyword: &str, rest: &[Char], line: &Line) -> Result<Kind, String> {
        let needs = |what: &str| format!("{keyword} needs {what}");
        let rest = trim(rest);
        if rest.is_empty() && keyword != "CMD" && keyword != "ENTRYPOINT" {
            let known = matches!(
                keyword,
                "RUN"
                    | "COPY"
                    | "ADD"
                    | "ENV"
                    | "ARG"
                    | "USER"
                    | "EXPOSE"
                    | "WORKDIR"
                    | "HEALTHCHECK"
                    | "SHELL"
            ) || OTHERS.contains(&keyword);
            return Err(if known { needs("an argument") } else { UNKNOWN.to_owned() });
        }
        let word = || words(rest, self.escape, false).into_iter().next().ok_or_else(|| needs("an argument"));
        Ok(match keyword {
            "RUN" => run(rest, line),
            "COPY" => Kind::Copy(self.copy(rest).ok_or_else(|| needs("a source and a destination"))?),
            "ADD" => Kind::Add(self.copy(rest).ok_or_else(|| needs("a source and a destination"))?),
            "ENV" => Kind::Env(variables(rest, self.escape)),
            "ARG" => Kind::Arg(arguments(rest, self.escape)),
            "USER" => Kind::User(word()?),
            "EXPOSE" => Kind::Expose(words(rest, self.escape, false)),
            "CMD" => Kind::Cmd(form(rest)),
            "ENTRYPOINT" => Kind::Entrypoint(form(rest)),
            "WORKDIR" => Kind::Workdir(word()?),
            "HEALTHCHECK" => {
                let (_, rest) = flags(rest);
                let none = text(rest).trim().eq_ignore_ascii_case("none");
                Kind::Healthcheck { none }
            }
            "SHELL" => Kind::Shell(array(rest).ok_or_else(|| needs("a JSON array"))?),
            _ if OTHERS.contains(&keyword) => Kind::Other(keyword.to_owned()),
            _ => return Err(UNKNOWN.to_owned()),
        })
    }

    fn copy(&self, rest: &[Char]) -> Option<Copy> {
        let (flags, rest) = flags(rest);
        let mut sources = array(rest).unwrap_or_else(|| words(rest, self.escape, false));
        let destination = sources.pop()?;
        if sources.is_empty() {
            return None;
        }
        sources.retain(|source| delimiter(&source.text).is_none());
        Some(Copy { flags, sources, destination })
    }
}

fn run(rest: &[Char], line: &Line) -> Kind {
    let (flags, rest) = flags(rest);
    if let Some(words) = array(rest) {
        return Kind::Run(Run { flags, exec: true, commands: within(vec![Command { words }]) });
    }
    let mut found = commands(rest);
    // A here-document is the script when nothing but it (and perhaps a shell) is run, else some program's
    // input; taking that for commands, too, finds a little more than runs.
    for document in &line.documents {
        let program = found.first().and_then(Command::program).map(|(program, _)| program.to_owned());
        let script = match program.as_deref() {
            Some(program) => {
                delimiter(program).is_some() || matches!(program, "sh" | "bash" | "ash" | "dash")
            }
            None => true,
        };
        if script {
            found.extend(commands(&document.body));
        }
    }
    Kind::Run(Run { flags, exec: false, commands: within(found) })
}

fn form(rest: &[Char]) -> Form {
    array(rest).map_or_else(|| Form::Shell(commands(rest)), Form::Exec)
}

fn keyword(chars: &[Char]) -> (String, &[Char]) {
    let end = chars.iter().position(|one| one.char.is_whitespace()).unwrap_or(chars.len());
    (text(&chars[..end]).to_uppercase(), &chars[end..])
}

/// Without the word: what is no Dockerfile may be anything, a password too.
const UNKNOWN: &str = "this line begins with no instruction of a Dockerfile";
