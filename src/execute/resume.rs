//! What an earlier run began and did not see the end of: waited for where its journal says, before anything is read.

use super::{Event, Executor, Failure};
use crate::azure::operations::Link;
use crate::azure::{ArmRequest, Operation};

/// An operation that an earlier run was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// What the write was, in a few words.
    pub what: String,
    /// The resource's id.
    pub resource: String,
    /// The api-version that it was written with.
    pub api_version: String,
    /// The header and the address that the answer named; `None`: the resource says how it stands.
    pub link: Option<(Link, String)>,
}

impl Executor {
    /// Waits until what an earlier run began is over. How it ended is not judged: what is there then says what is
    /// missing. An address that is not at this run's endpoint is not asked; the resource is.
    ///
    /// # Errors
    /// The run was interrupted.
    pub async fn await_earlier(&self, begun: &[Begun]) -> Result<(), Failure> {
        for one in begun {
            // As a read: a resource that is not there is over with.
            let request = ArmRequest::get(one.resource.clone(), one.api_version.clone());
            let link = one.link.as_ref().map(|(link, address)| (*link, address.as_str()));
            let operation = Operation::recorded(&self.client, &request, link)
                .or_else(|_| Operation::recorded(&self.client, &request, None));
            let Ok(operation) = operation else { continue };
            self.observer.event(&Event::Accepted { what: one.what.clone() });
            let end = self.interrupt.or(self.client.wait(&operation, self.deadline)).await;
            let _ = end.ok_or(Failure::Interrupted)?;
        }
        Ok(())
    }
}
