//! `dns`: what the domain name system is asked, and what its answer comes to.

use super::frame::Frame;
use super::judging::refused;
use super::probing::Answer;
use super::target::object;
use crate::azure::dns::ascii_name;
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{Fact, Read};
use crate::recipe::{DnsCheck, DnsLookup};
use crate::value::{Origin, Redacted, Value, strip_control};

/// How much of an answer is shown, in characters.
const SHOWN: usize = 300;

impl Frame<'_, '_> {
    /// The answer of a lookup; null without a name. What hangs on records that nobody told is not judged.
    pub(super) fn dns(&self, lookup: &DnsLookup) -> Value {
        let read = match self.name_asked(lookup) {
            Ok(read) => read,
            Err(value) => return value,
        };
        let found = self.engine.asked.value(&read);
        match found.text_at(&["refused"]) {
            Some(reason) => {
                let unknown = || Value::unknown(Origin::Refused(reason.to_owned()));
                object([
                    ("name", Value::from(read.path.clone())),
                    ("records", unknown()),
                    ("owner", unknown()),
                    ("refused", Value::from(reason.to_owned())),
                ])
            }
            None => found,
        }
    }

    /// What a check comes to. `None`: not known yet, not asked, or a mistake, which is told.
    pub(super) fn dns_answer(&self, check: &DnsCheck, ask: bool) -> Option<Answer> {
        let never = |reason: String| Answer::Unseen { reason, settled: true, reads: Vec::new() };
        let read = match self.name_asked(&check.of) {
            Ok(read) => read,
            Err(value) if value.is_unknown() => {
                let why =
                    refused(&value).unwrap_or_else(|| "the name to ask for is not known yet".to_owned());
                return ask.then(|| never(why));
            }
            // A mistake is told; no name at all is nothing to ask.
            Err(_) if self.expression(&check.of.name).is_null() => {
                return ask.then(|| never("there is no name to ask for".to_owned()));
            }
            Err(_) => return None,
        };
        if !ask {
            return None;
        }
        let Fact::Found(found) = self.engine.asked.ask(&read)? else { return None };
        let (name, kind) = (read.path.clone(), check.of.kind.name());
        if let Some(reason) = found.text_at(&["refused"]) {
            // A server that says nothing may answer the next time.
            let reason = reason.to_owned();
            return Some(Answer::Unseen { reason, settled: false, reads: vec![read] });
        }
        let told = told(found, &name, kind);
        let frame = self.with_root("it", found.clone());
        let why = match check.expect.value.evaluate(&frame) {
            Ok(value) if value.truthy() == Some(true) => {
                return Some(Answer::Holds { told, reads: vec![read] });
            }
            Ok(value) if value.is_unknown() => {
                let reason = refused(&value)?;
                return Some(Answer::Unseen { reason, settled: false, reads: vec![read] });
            }
            Ok(_) => String::new(),
            Err(error) => format!(", which cannot be judged: {}", error.message),
        };
        Some(Answer::Not { cause: format!("{told}{why}"), reads: vec![read] })
    }

    /// The question.
    ///
    /// # Errors
    /// What stands in its place: an unknown value, or null when there is no name, or a mistake was told.
    pub(super) fn name_asked(&self, lookup: &DnsLookup) -> Result<Read, Value> {
        let value = self.expression(&lookup.name);
        if value.is_unknown() {
            return Err(value);
        }
        // Whoever keeps a name's zone sees who asks for it.
        if value.is_null() || self.tells(&value, lookup.name.span, "a name that is asked for") {
            return Err(Value::null());
        }
        let name = value.as_str().ok_or_else(|| "is no text".to_owned());
        let name = name.and_then(|name| ascii_name(name).map_err(|error| error.to_string()));
        match name {
            Ok(name) => Ok(Read::dns(&name, lookup.kind, lookup.climb)),
            Err(why) => {
                let message = format!("the name {} {why}", Redacted(&value));
                let problem = Diagnostic::error(codes::BAD_VALUE, message);
                self.engine.problem(problem.label(&self.recipe().source, lookup.name.span, ""));
                Err(Value::null())
            }
        }
    }
}

/// What was found, for people.
fn told(found: &Value, name: &str, kind: &str) -> String {
    let records = found.get("records").and_then(Value::as_list).unwrap_or_default();
    if records.is_empty() {
        return format!("{name} has no {kind} record");
    }
    let one = |record: &Value| {
        if let Some(text) = record.as_str() {
            text.to_owned()
        } else {
            let parts = record.as_map().into_iter().flat_map(|members| members.values());
            let parts =
                parts.map(|part| part.as_str().map_or_else(|| Redacted(part).to_string(), str::to_owned));
            parts.collect::<Vec<_>>().join(" ")
        }
    };
    let all: Vec<String> = records.iter().map(one).collect();
    let at = found.text_at(&["owner"]).unwrap_or(name);
    let all = strip_control(&all.join(", "));
    let shown: String = all.chars().take(SHOWN).collect();
    let rest = if shown.len() < all.len() { "…" } else { "" };
    format!("{at} {kind} {shown}{rest}")
}

/// What people do when a name cannot be asked for, where the check itself does not say.
pub(super) fn advice(answer: &Answer) -> Option<String> {
    let asked = matches!(answer, Answer::Unseen { reads, .. } if !reads.is_empty());
    asked.then(|| "ask another resolver: --resolver ADDRESS".to_owned())
}
