//! What an app answers over HTTP, as its image or one revision of it is scripted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A script. What it does not say is as in a healthy app: 200 at `/` and `/health`, 404 elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// By path. What stands here goes before everything below.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub paths: BTreeMap<String, PathAnswer>,
    /// The status at every path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long every answer takes, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub slow_ms: u64,
    /// After so many requests everything is a 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fails_after: Option<u64>,
    /// The process dies while it answers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub crashes: bool,
    /// Nothing is ever answered, and the connection stays.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

/// What is answered at one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PathAnswer {
    /// The status.
    pub status: u16,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Headers, names in small letters.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How long it takes, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub slow_ms: u64,
}

impl Default for PathAnswer {
    fn default() -> PathAnswer {
        PathAnswer { status: 200, body: None, headers: BTreeMap::new(), slow_ms: 0 }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}
