//! What a candidate is called. A revision never changes, so the name of the one that serves and what the
//! recipes own of the template say which template comes out: the same change has the same name in every run.
//! What others have in the template is in none of it: the name is public.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::base::Known;
use crate::merge::Owned;

/// How often the same change can be tried anew.
const ATTEMPTS: u32 = 64;

/// Which revision a change is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// One to be made.
    New(String),
    /// One that is there, and active: a rollout goes on.
    Active(String),
    /// One that was there, and was taken back.
    Failed(String),
}

/// What tells a change from others; `None` while a part of it is not known.
pub(super) fn seed(serving: &str, leaves: &[&Owned]) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for owned in leaves {
        if owned.wanted.origins().iter().next().is_some() {
            return None;
        }
        let value = if owned.wanted.contains_hidden() {
            "hidden".to_owned()
        } else {
            owned.wanted.to_json().unwrap_or_default().to_string()
        };
        lines.push(format!("{}={value}", owned.path));
    }
    lines.sort();
    lines.dedup();
    let mut seed = serving.to_ascii_lowercase();
    for line in lines {
        let _ = write!(seed, "\n{line}");
    }
    Some(seed)
}

/// The name of the `attempt`th revision for a change: at most 54 characters with the app's name, of which that
/// has 32 (microsoft/azure-container-apps#1443).
pub(super) fn name(app: &str, seed: &str, attempt: u32) -> String {
    let seed = if attempt == 0 { seed.to_owned() } else { format!("{seed}\nattempt {attempt}") };
    let digest = Sha256::digest(seed.as_bytes());
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    // A suffix begins with a letter.
    format!("{app}--r{number:08x}")
}

/// Whether a revision is one of those for a change.
pub(super) fn made_by(revision: &str, app: &str, seed: &str) -> bool {
    (0..ATTEMPTS).any(|attempt| name(app, seed, attempt).eq_ignore_ascii_case(revision))
}

/// Whether a revision has a name of the kind that rollouts give.
pub(super) fn is_ours(revision: &str, app: &str) -> bool {
    let digits = revision.len().checked_sub(8).filter(|at| revision.is_char_boundary(*at));
    digits.is_some_and(|at| {
        let (before, digits) = revision.split_at(at);
        before.eq_ignore_ascii_case(&format!("{app}--r")) && digits.chars().all(|c| c.is_ascii_hexdigit())
    })
}

/// The revision for a change, among those that are there. `again`: one that was taken back is tried under the
/// next name. `renew`: a name was sent, and no revision came of it.
pub(super) fn pick(known: &[Known], app: &str, seed: &str, again: bool, renew: bool) -> Pick {
    let find = |name: &str| known.iter().find(|one| one.name.eq_ignore_ascii_case(name));
    let made: Vec<(u32, &Known)> =
        (0..ATTEMPTS).filter_map(|attempt| Some((attempt, find(&name(app, seed, attempt))?))).collect();
    if let Some((_, active)) = made.iter().rfind(|(_, one)| one.active) {
        return Pick::Active(active.name.clone());
    }
    match made.last() {
        None => Pick::New(name(app, seed, u32::from(renew))),
        Some((attempt, _)) if again || renew => {
            Pick::New(name(app, seed, attempt + 1 + u32::from(again && renew)))
        }
        Some((_, failed)) => Pick::Failed(failed.name.clone()),
    }
}
