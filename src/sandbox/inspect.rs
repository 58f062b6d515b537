//! What tests and tools may look at and change behind the sandbox's back.

use serde_json::{Value as Json, json};

use super::faults::FaultError;
use super::{Fault, Sandbox};

/// The inside of a sandbox, as JSON: what the control API of the served sandbox shows and the state
/// file keeps.
pub trait Inspect: Send + Sync {
    /// The whole state.
    fn state_json(&self) -> serde_json::Result<Json>;

    /// Puts `state` in the place of the present one. Nothing changes when it is not a state.
    fn replace_state(&self, state: Json) -> serde_json::Result<()>;

    /// Every exchange so far, one record each: `method`, `path`, `query`, `request_body`, `status`,
    /// `response_body`, `response_headers`; with `caller` and `fault`.
    fn exchange_records(&self) -> Vec<Json>;

    /// Replaces what will go wrong; each fault in the notation of the flags.
    fn replace_faults(&self, faults: &[String]) -> Result<(), FaultError>;
}

impl Inspect for Sandbox {
    fn state_json(&self) -> serde_json::Result<Json> {
        serde_json::to_value(self.state())
    }

    fn replace_state(&self, state: Json) -> serde_json::Result<()> {
        let state = serde_json::from_value(state)?;
        self.edit(|present| *present = state);
        Ok(())
    }

    fn exchange_records(&self) -> Vec<Json> {
        let record = |exchange: &super::Exchange| {
            let mut record = exchange.to_record();
            record["caller"] = json!(exchange.caller);
            record["fault"] = json!(exchange.fault);
            record["header_names"] = json!(exchange.header_names);
            record
        };
        self.exchanges().iter().map(record).collect()
    }

    fn replace_faults(&self, faults: &[String]) -> Result<(), FaultError> {
        let faults: Vec<Fault> = faults.iter().map(|fault| fault.parse()).collect::<Result<_, _>>()?;
        self.set_faults(faults);
        Ok(())
    }
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
    fn replace_faults(&self, faults: &[String]) -> Result<(), FaultError> {
        (**self).replace_faults(faults)
    }
}
