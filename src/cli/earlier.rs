//! What journals tell a run that goes on from theirs, beside what Azure tells it.

use crate::journal::entry::{Before, Entry, Kind, Part};
use crate::journal::{Fate, Journal, Written};
use crate::plan::Earlier;

/// Where an app has its secrets.
const SECRETS: [&str; 3] = ["properties", "configuration", "secrets"];

/// What these runs did, which are one, oldest first.
pub(super) fn earlier(runs: &[&Journal]) -> Earlier {
    let mut did = Earlier::default();
    for journal in runs {
        let writes = journal.writes();
        for entry in &journal.entries {
            match entry {
                Entry::Before(before) => {
                    let written = writes.iter().find(|one| one.before.write == before.write);
                    match written.map(Written::fate) {
                        None | Some(Fate::Refused) => {}
                        Some(fate) => add(&mut did, before, fate != Fate::Unanswered),
                    }
                }
                Entry::Restart(restart) if restart.left.is_empty() => did.secrets.clear(),
                _ => {}
            }
        }
    }
    did
}

fn add(did: &mut Earlier, before: &Before, taken: bool) {
    if before.kind == Kind::Action {
        for step in &before.steps {
            *did.sent.entry(step.clone()).or_default() |= taken;
        }
        return;
    }
    did.wrote.extend(before.steps.iter().cloned());
    let parts = |at: &[Part], wanted: &[&str]| {
        wanted.iter().zip(at).all(|(wanted, part)| matches!(part, Part::Member(name) if name == wanted))
    };
    // A new revision starts with what the secrets are then.
    if before.owned.iter().any(|owned| parts(&owned.at, &["properties", "template"])) {
        return;
    }
    // Nobody used what was not there.
    let present = before.owned.iter().filter(|owned| owned.there > SECRETS.len());
    let secrets = present.filter_map(|owned| match owned.at.as_slice() {
        [above @ .., Part::Element([name]), Part::Member(value)]
            if above.len() == SECRETS.len() && value == "value" && parts(above, &SECRETS) =>
        {
            Some(name.clone())
        }
        _ => None,
    });
    did.secrets.extend(secrets);
}
