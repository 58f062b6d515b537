//! What a run leaves to a person.

use serde::Serialize;

use crate::plan::{ByHand, Cause};
use crate::value::strip_control;

/// One thing that a person is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ByHandReport {
    /// The recipe's instance.
    pub recipe: String,
    /// The step, with its round.
    pub step: String,
    /// What is to be done, in a few words.
    pub what: String,
    /// `asked`, `unseen`, `no-right`, `other-identity`.
    pub cause: &'static str,
    /// The reason in words.
    pub reason: String,
    /// What would let the run do it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The host of the server.
    pub host: String,
    /// The database.
    pub database: String,
    /// T-SQL for an administrator of the database; absent while it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

impl From<&ByHand> for ByHandReport {
    fn from(by_hand: &ByHand) -> ByHandReport {
        let lines =
            |script: &String| script.lines().map(|line| strip_control(line) + "\n").collect::<String>();
        ByHandReport {
            recipe: by_hand.instance.clone(),
            step: strip_control(&by_hand.key),
            what: strip_control(&by_hand.what),
            cause: match by_hand.cause {
                Cause::Asked => "asked",
                Cause::Unseen => "unseen",
                Cause::NoRight => "no-right",
                Cause::OtherIdentity => "other-identity",
            },
            reason: strip_control(&by_hand.reason),
            fix: by_hand.fix.as_deref().map(strip_control),
            host: strip_control(&by_hand.host),
            database: strip_control(&by_hand.database),
            script: by_hand.script.as_ref().map(lines),
        }
    }
}
