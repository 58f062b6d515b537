//! Reading a journal: what a run was, what it wrote, how it ended.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::entry::{Answer, Before, Done, End, Found, Operation, Run};
use super::{Entry, FORMAT, JournalError, Key, seal};

/// No journal comes near this; a larger file is none.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// How the first line begins.
const FIRST: &str = r#"{"entry":"run""#;

/// What a run did, as its journal has it.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The file.
    pub path: PathBuf,
    /// What the run was.
    pub run: Run,
    /// Everything after that, in order.
    pub entries: Vec<Entry>,
    /// The bytes that this was read from: how many, and their SHA-256.
    read: (usize, [u8; 32]),
}

/// One write of a run, with all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Written<'j> {
    /// As it was about to be sent.
    pub before: &'j Before,
    /// What came of sending it; `None`: the run ended first, and it may have taken effect or not.
    pub answer: Option<&'j Answer>,
    /// The end of what Azure began with it.
    pub done: Option<&'j Done>,
}

/// What is known of a write's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Azure took it, and what it began did not fail as far as is known.
    Taken,
    /// Azure took it, and what it began failed: some of it may be there.
    TakenAndFailed,
    /// It has had no effect.
    Refused,
    /// Nobody knows: it was sent, and no answer came.
    Unanswered,
}

impl Written<'_> {
    /// What is known of its effect.
    pub fn fate(&self) -> Fate {
        match (self.answer, self.done) {
            (Some(Answer::Accepted(_)), Some(Done { ok: false, .. })) => Fate::TakenAndFailed,
            (Some(Answer::Accepted(_)), _) => Fate::Taken,
            (Some(Answer::Failed(failed)), _) if !failed.maybe_applied => Fate::Refused,
            _ => Fate::Unanswered,
        }
    }

    /// The operation that nobody saw the end of.
    pub fn open_operation(&self) -> Option<&Operation> {
        match self.answer {
            Some(Answer::Accepted(accepted)) if self.done.is_none() => accepted.operation.as_ref(),
            _ => None,
        }
    }
}

impl Journal {
    /// Reads the journal in `path`. A last line that is cut off is left out: the run was killed while it wrote it.
    ///
    /// # Errors
    /// The file is no journal, one of a newer format, or damaged.
    pub fn read(path: &Path) -> Result<Journal, JournalError> {
        Journal::parse(path, &bytes_of(path)?)
    }

    /// What the run in `path` was: its first line alone, which never changes.
    ///
    /// # Errors
    /// The file is no journal, one of a newer format, or its first line is damaged.
    pub fn run_of(path: &Path) -> Result<Run, JournalError> {
        let failed = |source| JournalError::io(path, source);
        let file = File::open(path).map_err(failed)?;
        let mut line = Vec::new();
        BufReader::new(file.take(MAX_BYTES)).read_until(b'\n', &mut line).map_err(failed)?;
        Ok(Journal::parse(path, &line)?.run)
    }

    /// Whether every line is one that a run with this key wrote, after just those before it. What is only shown need
    /// not be; what says what is to be written to Azure must. What is looked at is what was read then: lines that came
    /// since are no matter.
    ///
    /// # Errors
    /// A line is not; the file cannot be read, or begins with something else by now.
    pub fn vouched(&self, key: &Key) -> Result<(), JournalError> {
        let reason =
            || "it is not as a run wrote it: the key of the state folder does not vouch for it".to_owned();
        let damaged = |line, reason| JournalError::Damaged { path: self.path.clone(), line, reason };
        let bytes = bytes_of(&self.path)?;
        let same =
            bytes.get(..self.read.0).filter(|bytes| <[u8; 32]>::from(Sha256::digest(bytes)) == self.read.1);
        let Some(bytes) = same else {
            return Err(damaged(1, "it is another one than a moment ago".to_owned()));
        };
        match seal::broken(key, bytes) {
            None => Ok(()),
            Some(line) => Err(damaged(line, reason())),
        }
    }

    /// The journal that `bytes` are; `path` is only named.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Journal, JournalError> {
        let path = || path.to_owned();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (bytes, cut) = bytes.split_at(whole);
        if bytes.is_empty() {
            let begun = cut.starts_with(FIRST.as_bytes()) || FIRST.as_bytes().starts_with(cut);
            return Err(if begun {
                JournalError::Cut { path: path() }
            } else {
                JournalError::Foreign { path: path() }
            });
        }
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let run = first_line(first, path)?;
        let mut entries = Vec::new();
        for (line, text) in (2..).zip(lines) {
            let damaged = |reason: String| JournalError::Damaged { path: path(), line, reason };
            match serde_json::from_slice(text) {
                Ok(Entry::Run(_)) => return Err(damaged("a second run begins".to_owned())),
                Ok(entry) => entries.push(entry),
                Err(error) => return Err(damaged(reason(&error))),
            }
        }
        let read = (bytes.len(), Sha256::digest(bytes).into());
        Ok(Journal { path: path(), run, entries, read })
    }

    /// The writes, in order.
    pub fn writes(&self) -> Vec<Written<'_>> {
        let number = |wanted: u32| {
            move |entry: &&Entry| match entry {
                Entry::After(after) => after.write == wanted,
                Entry::Done(done) => done.write == wanted,
                _ => false,
            }
        };
        let before = self.entries.iter().filter_map(|entry| match entry {
            Entry::Before(before) => Some(&**before),
            _ => None,
        });
        let whole = before.map(|before| {
            let (mut answer, mut done) = (None, None);
            for entry in self.entries.iter().filter(number(before.write)) {
                match entry {
                    Entry::After(after) => answer = Some(&after.answer),
                    Entry::Done(end) => done = Some(end),
                    _ => {}
                }
            }
            Written { before, answer, done }
        });
        whole.collect()
    }

    /// What the run found in place.
    pub fn found(&self) -> impl Iterator<Item = &Found> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Found(found) => Some(found),
            _ => None,
        })
    }

    /// The revisions that came of it.
    pub fn revisions(&self) -> Vec<&str> {
        let names = self.entries.iter().filter_map(|entry| match entry {
            Entry::Revision(revision) => Some(revision.name.as_str()),
            _ => None,
        });
        names.collect()
    }

    /// The revisions that still had to be restarted when the run ended.
    pub fn to_restart(&self) -> &[String] {
        let last = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Restart(restart) => Some(restart.left.as_slice()),
            _ => None,
        });
        last.unwrap_or_default()
    }

    /// How it ended, as it said last; `None`: it was killed, or is still at work.
    pub fn end(&self) -> Option<&End> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::End(end) => Some(end),
            _ => None,
        })
    }

    /// Whether it was killed or interrupted, and no later run went on from it.
    pub fn was_interrupted(&self) -> bool {
        self.end().is_none_or(|end| {
            matches!(end.status.as_str(), "interrupted" | "terminated") && end.continued_by.is_none()
        })
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, JournalError> {
    let failed = |source| JournalError::io(path, source);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    Ok(bytes)
}

fn first_line(line: &[u8], path: impl Fn() -> PathBuf) -> Result<Run, JournalError> {
    let foreign = || JournalError::Foreign { path: path() };
    let json: Json = serde_json::from_slice(line).map_err(|_| foreign())?;
    if json.get("entry").and_then(Json::as_str) != Some("run") {
        return Err(foreign());
    }
    match json.get("format").and_then(Json::as_u64) {
        Some(format) if format > u64::from(FORMAT) => {
            return Err(JournalError::Newer { path: path(), format });
        }
        Some(format) if format == u64::from(FORMAT) => {}
        _ => return Err(foreign()),
    }
    match serde_json::from_value(json) {
        Ok(Entry::Run(run)) => Ok(*run),
        Ok(_) => Err(foreign()),
        Err(error) => Err(JournalError::Damaged { path: path(), line: 1, reason: reason(&error) }),
    }
}

/// What is wrong with a line, without anything of what it holds.
fn reason(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "it lacks a part, or has one of the wrong kind",
        serde_json::error::Category::Eof => "it is cut off",
        _ => "it is not JSON",
    }
    .to_owned()
}
