//! What tests and tools may look at and change behind the sandbox's back.

use serde_json::Value as Json;

/// The inside of a sandbox, as JSON: what the control API of the served sandbox shows and the state
/// file keeps.
pub trait Inspect: Send + Sync {
    /// The whole state.
    fn state_json(&self) -> serde_json::Result<Json>;

    /// Puts `state` in the place of the present one. Nothing changes when it is not a state.
    fn replace_state(&self, state: Json) -> serde_json::Result<()>;

    /// Every exchange so far, one record each: `method`, `path`, `query`, `request_body`, `status`,
    /// `response_body`, `response_headers`.
    fn exchange_records(&self) -> Vec<Json>;
}

impl<I: Inspect + ?Sized> Inspect for std::sync::Arc<I> {
    fn state_json(&self) -> serde_json::Result<Json> {
        (**self).state_json()
    }

    fn replace_state(&self, state: Json) -> serde_json::Result<()> {
        (**self).replace_state(state)
    }

    fn exchange_records(&self) -> Vec<Json> {
        (**self).exchange_records()
    }
}
