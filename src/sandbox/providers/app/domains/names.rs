//! What DNS says, as certificates and host names need it.

use time::OffsetDateTime;

use super::super::render;
use crate::sandbox::names::{NameRecord, NameReply, answer};
use crate::sandbox::rules::Switches;
use crate::sandbox::state::State;

/// An Azure at a moment, as others see it.
#[derive(Clone, Copy)]
pub(in crate::sandbox) struct View<'a> {
    pub(super) state: &'a State,
    pub(super) rules: &'a Switches,
    pub(super) now: OffsetDateTime,
}

impl<'a> View<'a> {
    pub(in crate::sandbox) fn new(state: &'a State, rules: &'a Switches, now: OffsetDateTime) -> View<'a> {
        View { state, rules, now }
    }

    /// The records of one type that a name has, as texts: names in small letters and without a final dot. Aliases
    /// are followed, but told only where they are asked for.
    pub(super) fn records(self, name: &str, kind: &str) -> Vec<String> {
        let NameReply::Records(found) = answer(self.state, self.rules, self.now, name, kind) else {
            return Vec::new();
        };
        let text = |record: NameRecord| match record {
            NameRecord::A(address) => Some(address.to_string()),
            NameRecord::Cname { target, .. } if kind == "CNAME" => {
                Some(target.trim_end_matches('.').to_ascii_lowercase())
            }
            NameRecord::Txt(parts) => Some(parts.concat()),
            NameRecord::Caa { tag, value, .. } => Some(format!("{tag} {value}")),
            _ => None,
        };
        found.into_iter().filter_map(text).collect()
    }
}

/// Where the proof stands that a host name's owner wants it here.
pub(super) fn proof_of(host: &str) -> String {
    format!("asuid.{}", host.strip_prefix("*.").unwrap_or(host))
}

/// What it must be.
pub(super) fn verification_id(app: &str) -> String {
    render::verification_id(app)
}

/// What the service says of a CNAME record that is not there, or is one of something in between.
pub(super) fn no_cname(host: &str) -> String {
    format!("Not found CNAME of hostname '{host}' directly pointing to a default hostname.")
}

/// Whether the CAA records nearest to a name, if there are any, let Azure's authority issue for it (RFC 8659).
pub(super) fn issuer_allowed(view: View<'_>, host: &str) -> bool {
    let mut name = host.strip_prefix("*.").unwrap_or(host);
    loop {
        let found = view.records(name, "CAA");
        if !found.is_empty() {
            let issue = |record: &String| {
                let (tag, value) = record.split_once(' ')?;
                let issuer = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
                tag.eq_ignore_ascii_case("issue").then_some(issuer)
            };
            let issuers: Vec<String> = found.iter().filter_map(issue).collect();
            // Records that say nothing of issuing leave it to everybody.
            return issuers.is_empty() || issuers.iter().any(|issuer| issuer == "digicert.com");
        }
        match name.split_once('.') {
            Some((_, parent)) if parent.contains('.') => name = parent,
            _ => return true,
        }
    }
}
