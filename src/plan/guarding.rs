//! What others rely on: what a step would change of it, though it may not.

use super::finding::Finding;
use super::frame::Frame;
use crate::diagnostic::codes;
use crate::recipe::Guard;
use crate::steps::Outcome;

impl Frame<'_, '_> {
    /// What stands in the way when a step would change what its guard keeps; `None`: it keeps nothing now, all is in
    /// place, or what is there is still to be read. A value that only a write will tell is a change: nobody can say
    /// that it is the one that is there.
    pub(super) fn guarded(&self, guard: &Guard, outcome: &Outcome) -> Option<Finding> {
        if outcome.live.is_unknown() || self.expression(&guard.when).truthy() != Some(true) {
            return None;
        }
        let open: Vec<String> =
            outcome.owned.iter().filter(|owned| !owned.in_place).map(|owned| owned.path.short()).collect();
        if open.is_empty() {
            return None;
        }
        let resource = outcome.resource.as_ref().map(|id| id.name().to_owned()).unwrap_or_default();
        let name = format!("the {} {resource} stays as it is for others", outcome.kind.noun);
        let why = self.text(Some(&guard.otherwise)).unwrap_or_default();
        let finding = Finding::failed(codes::PREREQUISITE, name)
            .detail(format!("{why} It would change {}.", open.join(", ")));
        let finding = match self.command(guard.fix.as_ref()) {
            Some(fix) => finding.fix(fix),
            None => finding,
        };
        Some(match &guard.docs {
            Some(docs) => finding.docs(docs.clone()),
            None => finding,
        })
    }
}
