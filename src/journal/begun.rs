//! What a run began and did not see the end of, for whoever comes next.

use time::{Duration, OffsetDateTime};

use super::entry::{Before, Kind, OperationBy};
use super::{Fate, Journal};
use crate::azure::operations::Link;
use crate::azure::{ResourceId, types};
use crate::execute::Begun;

/// How old an operation may be that is still asked for. Azure says nowhere how long one may take; the longest that are
/// known (certificates that wait for a record) end within hours.
const OPERATIONS_END: Duration = Duration::days(1);

impl Journal {
    /// What the run began and did not see the end of, as of `now`: operations, and what it may have created without an
    /// answer, where a read tells that only once it is made.
    pub fn begun(&self, now: OffsetDateTime) -> Vec<Begun> {
        let writes = self.writes();
        let recent = writes.iter().filter(|write| now - write.before.at < OPERATIONS_END);
        let begun = recent.filter_map(|write| {
            let before = write.before;
            if let Some(operation) = write.open_operation() {
                let address = operation.url.clone();
                let link = match operation.by {
                    OperationBy::Status => address.map(|address| (Link::Status, address)),
                    OperationBy::Location => address.map(|address| (Link::Location, address)),
                    OperationBy::Resource => None,
                };
                return Some(one(before, link, None));
            }
            (write.fate() == Fate::Unanswered && shows_late(before))
                .then(|| one(before, None, Some(before.at)))
        });
        begun.collect()
    }
}

fn one(before: &Before, link: Option<(Link, String)>, sent: Option<OffsetDateTime>) -> Begun {
    // An action is called on a resource.
    let path = &before.path;
    let above = path.rsplit_once('/').map_or(path.as_str(), |(above, _)| above);
    let resource = if before.method == "POST" { above } else { path };
    Begun {
        what: before.what.clone(),
        resource: resource.to_owned(),
        api_version: before.api_version.clone(),
        link,
        sent,
    }
}

/// Whether a write creates something that a read may not show before it is made.
fn shows_late(before: &Before) -> bool {
    let kind = || types::find(&ResourceId::parse(&before.path)?.resource_type());
    before.create && before.kind == Kind::Resource && kind().is_some_and(|kind| kind.shows_late)
}
