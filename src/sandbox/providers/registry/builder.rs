//! What would come of a build. Nothing is run here: a Dockerfile is read as far as its instructions say what
//! cannot work, and what is only pretended is said in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use sha2::{Digest as _, Sha256};

use crate::sandbox::state::{Archive, Tasks};

/// The largest Dockerfile that is kept, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The most that is read out of an archive.
const MOST: u64 = 1024 * 1024 * 1024;

/// What an upload holds.
pub(super) fn archive(bytes: &[u8]) -> Archive {
    let mut plain = Vec::new();
    let is_compressed = bytes.starts_with(&[0x1f, 0x8b]);
    let read = if is_compressed {
        flate2::read::GzDecoder::new(bytes).take(MOST).read_to_end(&mut plain).is_ok()
    } else {
        plain.extend_from_slice(bytes);
        true
    };
    let digest = hex(&Sha256::digest(&plain));
    let (names, dockerfiles) = match contents(&plain).filter(|_| read) {
        Some((names, dockerfiles)) => (Some(names), dockerfiles),
        None => (None, BTreeMap::new()),
    };
    Archive { digest, bytes: bytes.len(), names, dockerfiles }
}

fn contents(plain: &[u8]) -> Option<(BTreeSet<String>, BTreeMap<String, String>)> {
    let mut archive = tar::Archive::new(plain);
    let (mut names, mut dockerfiles) = (BTreeSet::new(), BTreeMap::new());
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let name = entry.path().ok()?.to_string_lossy().trim_end_matches('/').to_owned();
        if entry.header().entry_type().is_file() && entry.size() <= LARGEST {
            let mut text = String::new();
            let is_text = entry.read_to_string(&mut text).is_ok();
            let from = |line: &str| line.trim_start().to_ascii_uppercase().starts_with("FROM ");
            let named =
                name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().contains("dockerfile");
            if is_text && (named || text.lines().any(from)) {
                dockerfiles.insert(name.clone(), text);
            }
        }
        names.insert(name);
    }
    // An archive of nothing is none: the end of a tar is all that an empty one has.
    (!names.is_empty()).then_some((names, dockerfiles))
}

/// A build that is asked for.
pub(super) struct Job<'a> {
    pub(super) archive: Option<&'a Archive>,
    pub(super) dockerfile: &'a str,
    pub(super) args: &'a [(String, String)],
    /// `server/repository:tag`.
    pub(super) names: &'a [String],
    /// A command in the image.
    pub(super) test: Option<&'a [String]>,
    /// Why the registry does not let the run push.
    pub(super) kept_out: Option<String>,
}

/// What comes of it.
pub(super) struct Outcome {
    pub(super) log: Vec<String>,
    /// Whether everything went well.
    pub(super) made: bool,
    pub(super) digest: String,
    pub(super) listens: Option<u16>,
}

/// Builds, in words. `another`: what is built again is another image.
pub(super) fn build(tasks: &Tasks, server: &str, run: &str, job: &Job<'_>, another: bool) -> Outcome {
    let mut log = Log { lines: Vec::new() };
    let digest = format!("sha256:{}", made(job, if another { run } else { "" }));
    let mut outcome = Outcome { log: Vec::new(), made: false, digest, listens: None };
    log.say("Downloading source code...");
    let names = job.archive.and_then(|archive| archive.names.as_ref());
    let (Some(archive), Some(names)) = (job.archive, names) else {
        log.say("failed to download source code: gzip: invalid header");
        log.failed(run);
        outcome.log = log.lines;
        return outcome;
    };
    log.say("Finished downloading source code");
    log.say(&format!("Using acb_vol_{run} as the home volume"));
    log.say("Setting up Docker configuration...");
    log.say("Successfully set up Docker configuration");
    log.say(&format!("Logging in to registry: {server}"));
    log.say(&format!("Successfully logged into {server}"));
    log.step("build");
    log.say(&format!("Sending build context to Docker daemon  {} bytes", archive.bytes));
    let Some(text) = archive.dockerfiles.get(job.dockerfile) else {
        log.say(&format!(
            "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat /workspace/{}: no such file or directory",
            job.dockerfile
        ));
        log.failed(run);
        outcome.log = log.lines;
        return outcome;
    };
    let steps = instructions(text);
    let broken = steps.iter().enumerate().find_map(|(index, step)| {
        log.say(&format!("Step {}/{} : {step}", index + 1, steps.len()));
        let why = fails(tasks, names, index, step);
        if why.is_none() {
            log.say(" ---> not run: the sandbox only pretends (simulated)");
        }
        why
    });
    if let Some(why) =
        broken.or_else(|| steps.is_empty().then(|| "the Dockerfile cannot be empty".to_owned()))
    {
        log.say(&why);
        log.failed(run);
        outcome.log = log.lines;
        return outcome;
    }
    outcome.listens = steps.iter().rev().find_map(|step| exposed(step));
    log.say(&format!("Successfully built {}", &outcome.digest[7..19]));
    for name in job.names {
        log.say(&format!("Successfully tagged {name}"));
    }
    if let Some(test) = job.test {
        log.step("test");
        if let Some(why) = test_fails(tasks, test) {
            log.say(&why);
            log.failed(run);
            outcome.log = log.lines;
            return outcome;
        }
        log.say(&format!("not run: {} is taken to end well (simulated)", test.join(" ")));
    }
    log.step("push");
    if let Some(why) = &job.kept_out {
        log.say(why);
        log.failed(run);
        outcome.log = log.lines;
        return outcome;
    }
    for name in job.names {
        log.say(&format!("Pushing image: {name}, attempt 1"));
        log.say(&format!("Successfully pushed image: {name}"));
    }
    log.say(&format!("Run ID: {run} was successful after 35s"));
    outcome.made = true;
    outcome.log = log.lines;
    outcome
}

struct Log {
    lines: Vec<String>,
}

impl Log {
    fn say(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    fn step(&mut self, id: &str) {
        self.say(&format!(
            "Executing step ID: {id}. Timeout(sec): 28800, Working directory: '', Network: ''"
        ));
        self.say(&format!("Launching container with name: {id}"));
    }

    fn failed(&mut self, run: &str) {
        self.say(&format!("Run ID: {run} failed after 12s. Error: failed during run, err: exit status 1"));
    }
}

/// The digest of what a run makes.
fn made(job: &Job<'_>, run: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(run);
    hash.update([0]);
    hash.update(job.archive.map_or("", |archive| &archive.digest));
    hash.update([0]);
    hash.update(job.dockerfile);
    for (name, value) in job.args {
        hash.update(format!("\0{name}={value}"));
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The instructions of a Dockerfile, each on one line, comments left out.
fn instructions(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part.trim_end());
            open.push(' ');
        } else {
            open.push_str(line);
            all.push(std::mem::take(&mut open));
        }
    }
    all
}

/// Why a step cannot work, in Docker's words.
fn fails(tasks: &Tasks, names: &BTreeSet<String>, index: usize, step: &str) -> Option<String> {
    let (word, rest) = step.split_once(char::is_whitespace).unwrap_or((step, ""));
    let word = word.to_ascii_uppercase();
    if index == 0 && !matches!(word.as_str(), "FROM" | "ARG") {
        return Some(format!("no build stage in current context: {word}"));
    }
    if tasks.broken_step.as_ref().is_some_and(|words| step.contains(words.as_str())) {
        return Some(format!("The command '/bin/sh -c {rest}' returned a non-zero code: 1"));
    }
    match word.as_str() {
        "RUN" if rest.contains("exit 1") || rest.trim() == "false" => {
            Some(format!("The command '/bin/sh -c {rest}' returned a non-zero code: 1"))
        }
        "COPY" | "ADD" if !rest.contains("--from") && !rest.trim_start().starts_with('[') => {
            let words: Vec<&str> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
            let sources = words.split_last().map(|(_, sources)| sources).unwrap_or_default();
            let missing = sources.iter().find(|source| {
                let plain = source.trim_start_matches("./").trim_matches('/');
                let read = !source.contains(['*', '?', '[', '$', ':']) && !plain.is_empty() && plain != ".";
                let below = format!("{plain}/");
                read && !names.contains(plain) && !names.iter().any(|name| name.starts_with(&below))
            })?;
            Some(format!(
                "COPY failed: file not found in build context or excluded by .dockerignore: stat {missing}: file does not exist"
            ))
        }
        _ => None,
    }
}

/// The last port of an `EXPOSE`.
fn exposed(step: &str) -> Option<u16> {
    let rest = step.strip_prefix("EXPOSE ").or_else(|| step.strip_prefix("expose "))?;
    rest.split_whitespace().last()?.split('/').next()?.parse().ok()
}

/// Why a test fails: it says so itself, or imports what cannot be.
fn test_fails(tasks: &Tasks, test: &[String]) -> Option<String> {
    let whole = test.join(" ");
    if whole.contains("exit 1") || test.first().is_some_and(|word| word == "false") {
        return Some("failed to run step ID: test: exit status 1".to_owned());
    }
    let words: BTreeSet<&str> = whole.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    tasks.broken_imports.iter().find(|(module, _)| words.contains(module.as_str())).map(|(module, why)| {
        format!("Traceback (most recent call last): import {module}: ImportError: {why}")
    })
}
