//! A folder to run the program in. The process gets an empty environment (no variable of the
//! developer's, whatever it is called), its own home, and its own state of the sandbox.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use acarecipe::sandbox::State;
use assert_cmd::Command;
use serde_json::Value as Json;
use tempfile::TempDir;

/// Longer than any command takes; reached only by a hang.
const HANG: Duration = Duration::from_secs(300);

/// A fresh home and working folder.
pub struct Place {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

/// How a command ended and what it wrote.
#[derive(Debug)]
#[must_use]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    dir: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for folder in ["home", "work"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder");
        }
        Place { dir, variables: Vec::new() }
    }

    /// The same place with one more environment variable.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Place {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// The folder that commands run in.
    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Writes a file below the working folder.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.work().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Writes the state of a sandbox to a file below the working folder: a fresh one, changed behind everybody's back.
    /// Its moment is that of a sandbox that was just made.
    pub fn sandbox(&self, file: &str, change: impl FnOnce(&mut State)) {
        let _ = self.run(["sandbox", "show", "--state", file]);
        let _ = self.run(["verify", "--sandbox", "--sandbox-state", file]);
        let path = self.work().join(file);
        let mut whole: Json =
            serde_json::from_slice(&std::fs::read(&path).expect("a state file")).expect("a state in JSON");
        let inner = ["", "/state"]
            .into_iter()
            .find(|at| whole.pointer(at).is_some_and(|one| one.get("apps").is_some()));
        let inner = whole.pointer_mut(inner.expect("a state with apps")).expect("the same");
        let mut state: State = serde_json::from_value(inner.clone()).expect("a state");
        change(&mut state);
        *inner = serde_json::to_value(&state).expect("a state in JSON");
        std::fs::write(&path, whole.to_string()).expect("a state file");
    }

    /// Every file below the home and the working folder but these, each with what it holds.
    pub fn files(&self, but: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
        let mut open = vec![self.dir.path().to_owned()];
        let mut found = Vec::new();
        let but: Vec<PathBuf> = but.iter().map(|name| self.work().join(name)).collect();
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if !but.contains(&path) {
                    found.push((path.clone(), std::fs::read(&path).unwrap_or_default()));
                }
            }
        }
        found
    }

    /// The environment of every command, complete.
    pub fn environment(&self) -> Vec<(String, String)> {
        let home = self.dir.path().join("home");
        let at = |folder: &str| home.join(folder).display().to_string();
        let mut all = vec![
            ("HOME".to_owned(), home.display().to_string()),
            ("XDG_STATE_HOME".to_owned(), at("state")),
            ("XDG_CONFIG_HOME".to_owned(), at("config")),
            ("XDG_DATA_HOME".to_owned(), at("data")),
            ("XDG_CACHE_HOME".to_owned(), at("cache")),
            // Windows: the folders of the user, and what every program needs there.
            ("USERPROFILE".to_owned(), home.display().to_string()),
            ("APPDATA".to_owned(), at("roaming")),
            ("LOCALAPPDATA".to_owned(), at("local")),
        ];
        if let Ok(root) = std::env::var("SystemRoot") {
            all.push(("SystemRoot".to_owned(), root));
        }
        all.extend(self.variables.iter().cloned());
        all
    }

    /// The program, ready to get arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_acarecipe"));
        command.env_clear().envs(self.environment()).current_dir(self.work()).timeout(HANG);
        command
    }

    /// Runs the program with these arguments and no standard input.
    pub fn run<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Outcome {
        let output = self.command().args(arguments).output().expect("the program starts");
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
            dir: self.dir.path().to_owned(),
        }
    }

    /// Runs a command line that has no quoting in it.
    pub fn line(&self, line: &str) -> Outcome {
        self.run(line.split_whitespace())
    }

    /// The program as a plain process, for tests that hold its streams.
    pub fn process(&self) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_acarecipe"));
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.work())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Outcome {
    /// The same outcome, which must be this exit code.
    pub fn code(self, code: i32) -> Outcome {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on stdout.
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON document ({error}):\n{}", self.stdout))
    }

    /// stdout without what differs from run to run.
    pub fn scrubbed(&self) -> String {
        scrub(&self.stdout, &self.dir)
    }

    /// stderr without what differs from run to run.
    pub fn scrubbed_stderr(&self) -> String {
        scrub(&self.stderr, &self.dir)
    }
}

/// Ids, digests and folders as words: what is left is the same in every run.
pub fn scrub(text: &str, dir: &Path) -> String {
    let text = text.replace(&dir.display().to_string(), "[PLACE]");
    let replace = |text: &str, pattern: &str, by: &str| {
        regex_lite::Regex::new(pattern).expect("a pattern").replace_all(text, by).into_owned()
    };
    let text = replace(&text, r"11111111-1111-4111-8111-111111111111", "[SUBSCRIPTION]");
    let text = replace(&text, r"22222222-2222-4222-8222-222222222222", "[TENANT]");
    let text = replace(&text, r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[GUID]");
    let text = replace(&text, r"ca-demo--[0-9a-f]{7}\b", "ca-demo--[SUFFIX]");
    // What a run costs is asserted where it is promised; here it would only be noise.
    let text = replace(&text, r"\(\d+ m?s\)", "([TIME])");
    let text = replace(&text, r"\d+ requests?", "[COUNT] requests");
    // Each run has an id of its own; what it is for is asserted where `undo` is.
    let text = replace(&text, r"  To put it back: acarecipe undo .*\n", "");
    text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}
