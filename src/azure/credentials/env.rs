//! The environment, injected.

use std::collections::BTreeMap;

/// What a run may know about the process it is in.
pub trait Env: Send + Sync {
    /// A variable's value. Empty counts as unset.
    fn var(&self, name: &str) -> Option<String>;
    /// Whether a program of this name is on the `PATH`.
    fn has_program(&self, name: &str) -> bool;
}

/// The process's own environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn has_program(&self, name: &str) -> bool {
        let Some(path) = std::env::var_os("PATH") else {
            return false;
        };
        let endings: &[&str] = if cfg!(windows) { &[".exe", ".cmd", ".bat"] } else { &[""] };
        std::env::split_paths(&path)
            .any(|folder| endings.iter().any(|ending| folder.join(format!("{name}{ending}")).is_file()))
    }
}

/// Variables from a map; the programs on the `PATH` are the entries `program:<name>`.
impl Env for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn has_program(&self, name: &str) -> bool {
        self.contains_key(&format!("program:{name}"))
    }
}
