//! `wait`: something that is looked at until it is as it is to be.

use indexmap::IndexMap;

use super::Outcome;
use crate::azure::types::WAIT;
use crate::merge::Owned;
use crate::value::{Data, Path, Value};

/// What is waited for, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// What it is, in a few words: `execution job-x7k2p of job`.
    pub what: String,
    /// What is looked at, for people; empty while it is not known.
    pub resource: String,
    /// Whether it will never be as it is to be.
    pub failed: bool,
    /// Why it is not, in the recipe's words.
    pub reason: Option<String>,
}

impl Wait {
    /// What is waited for and why it is not there yet, in a few words.
    pub fn told(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{}: {reason}", self.what),
            None => format!("{}: not yet", self.what),
        }
    }
}

/// The outcome of a wait; `it`: what was read, `holds`: whether it is as it is to be.
pub fn wait(wait: Wait, it: Value, holds: bool) -> Outcome {
    let live = Value::from(holds);
    let path = Path::members("until");
    let owned =
        Owned { path, live: live.clone(), wanted: Value::from(true), in_place: holds, default: false };
    let nothing = Value::new(Data::Map(IndexMap::new()));
    Outcome { owned: vec![owned], result: it, wait: Some(wait), ..Outcome::of(&WAIT, live, nothing) }
}
