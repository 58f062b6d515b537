//! The handshake of a request to the app: what the server's certificate must be, what the request shows of itself, and
//! what a refusal is. Judging is pure: the time is given.

use time::OffsetDateTime;

use super::frame::Frame;
use super::probing::Answer;
use crate::azure::dns::ascii_name;
use crate::azure::probe::{ClientIdentity, days_left, names_host};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{Read, Shape};
use crate::recipe::HttpCheck;
use crate::value::{Data, Marks, Redacted, Value};

/// What the server's certificate must be.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsWanted {
    /// Good for this name.
    name: Option<String>,
    /// For so many days at least.
    days: Option<i64>,
}

/// A mistake that is told already.
pub(super) struct Told;

/// Why a certificate is not as it is to be.
pub(super) enum Unfit {
    /// It is another.
    Not(String),
    /// It is not known.
    Unseen(String),
}

impl TlsWanted {
    /// Judges the certificate that came with an answer.
    pub(super) fn judged(&self, url: &str, found: &Value, now: OffsetDateTime) -> Result<(), Unfit> {
        if self.name.is_none() && self.days.is_none() {
            return Ok(());
        }
        let Some(tls) = found.get("tls").filter(|tls| !tls.is_null()) else {
            return Err(Unfit::Unseen(format!("the certificate of {url} is not known")));
        };
        let names: Vec<&str> = tls
            .get("names")
            .and_then(Value::as_list)
            .unwrap_or_default()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if let Some(name) = &self.name
            && !names.iter().any(|pattern| names_host(pattern, name))
        {
            let cause =
                format!("{url} shows a certificate for {}, which is not good for {name}", names.join(", "));
            return Err(Unfit::Not(crate::value::strip_control(&cause)));
        }
        let Some(least) = self.days else { return Ok(()) };
        let not_after = tls.text_at(&["not_after"]).unwrap_or_default();
        match days_left(not_after, now) {
            Some(days) if days >= least => Ok(()),
            Some(days) if days < 0 => {
                Err(Unfit::Not(format!("{url} shows a certificate that was good until {not_after}")))
            }
            Some(days) => Err(Unfit::Not(format!(
                "{url} shows a certificate that is good for {days} more days (until {not_after}), not for {least}"
            ))),
            None => Err(Unfit::Unseen(format!("until when the certificate of {url} is good is not known"))),
        }
    }
}

/// How it is told that a refusal may be another's.
pub(super) const OWN_WORD: &str = "which may be the app itself";

/// What the edge says of an app that is stopped, with 403 or 404
/// (microsoft/azure-container-apps#755, #1613).
const STOPPED: &str = "This Container App is stopped";

/// Alerts that say nothing of who asks: of a name that the server does not know, of a server that is broken.
const NO_REFUSALS: [&str; 3] = ["UnrecognizedName", "InternalError", "ProtocolVersion"];

/// What it means for a check that wants to be refused that no answer came: an alert is a refusal, silence is not.
pub(super) fn refusal(hidden: Option<&'static str>, cause: &str, reason: &str, reads: Vec<Read>) -> Answer {
    match (cause, hidden) {
        ("alert", _) if !NO_REFUSALS.iter().any(|alert| reason.contains(alert)) => {
            Answer::Holds { told: reason.to_owned(), reads }
        }
        (_, Some(hidden)) => {
            let settled = matches!(cause, "name" | "proxy");
            Answer::Unseen { reason: format!("{hidden} ({reason})"), settled, reads }
        }
        (_, None) => Answer::Unseen { reason: reason.to_owned(), settled: cause == "setup", reads },
    }
}

fn number(value: &Value) -> Option<u64> {
    match &value.data {
        Data::Number(number) => number.as_u64(),
        _ => None,
    }
}

impl Frame<'_, '_> {
    /// What a refusal by 401 or 403 comes to. An app says the same, whatever its ingress asks for: so it counts of a
    /// request without a certificate only where the ingress requires one, and where the same request with a certificate,
    /// if some check made it, was answered.
    pub(super) fn refused_by_answer(
        &self,
        url: &str,
        status: u16,
        found: &Value,
        required: bool,
        reads: Vec<Read>,
    ) -> Answer {
        let unseen = |why: &str, reads| Answer::Unseen {
            reason: format!("{url} answered {status}{why}"),
            settled: false,
            reads,
        };
        if found.text_at(&["body"]).is_some_and(|body| body.contains(STOPPED)) {
            return unseen(", as the ingress does for an app that is stopped", reads);
        }
        let told = format!("refused with {status}");
        let Some(asked) = reads.last().filter(|read| read.client.is_none()) else {
            return Answer::Holds { told, reads };
        };
        if !required {
            return unseen(&format!(", {OWN_WORD}: its ingress requires no client certificate"), reads);
        }
        let with = self.engine.asked.all().filter(|(read, _)| {
            read.shape == Shape::Probe && read.client.is_some() && read.path == asked.path
        });
        let with: Vec<Option<u64>> = with
            .filter_map(|(_, fact)| fact.value())
            .map(|found| found.get("status").and_then(number))
            .collect();
        let answered = |status: &Option<u64>| status.is_some_and(|status| !matches!(status, 401 | 403));
        if with.is_empty() || with.iter().any(answered) {
            return Answer::Holds { told, reads };
        }
        unseen(&format!(", {OWN_WORD}: with a certificate it does not answer either"), reads)
    }

    /// What a check asks of the server's certificate. `None`: a mistake, which is told.
    pub(super) fn tls_wanted(&self, http: &HttpCheck) -> Option<TlsWanted> {
        let mut wanted = TlsWanted::default();
        if let Some(expression) = &http.tls_name {
            let value = self.expression(expression);
            if self.hides(value.marks, expression.span, "a name of a certificate") {
                return None;
            }
            match value.as_str().map(ascii_name) {
                Some(Ok(name)) => wanted.name = Some(name),
                None if value.is_null() => {}
                _ if value.is_unknown() => return None,
                _ => {
                    self.unfit(
                        expression.span,
                        &format!("`tls_name` is {}, not a host name", Redacted(&value)),
                    );
                    return None;
                }
            }
        }
        if let Some(tree) = &http.min_days {
            let value = self.tree(tree);
            match &value.data {
                Data::Number(number) if number.as_i64().is_some_and(|days| (1..=3650).contains(&days)) => {
                    wanted.days = number.as_i64();
                }
                Data::Null => {}
                _ => {
                    self.unfit(tree.span, "`min_days` is not a whole number from 1 to 3650");
                    return None;
                }
            }
        }
        Some(wanted)
    }

    /// What the request shows of itself; nothing when no certificate is given.
    ///
    /// # Errors
    /// A mistake, which is told.
    pub(super) fn client_identity(&self, http: &HttpCheck) -> Result<Option<ClientIdentity>, Told> {
        let (Some(certificate), Some(key)) = (&http.client_certificate, &http.client_key) else {
            if let Some(alone) = http.client_certificate.as_ref().or(http.client_key.as_ref()) {
                self.unfit(alone.span, "`client_certificate` and `client_key` stand together");
                return Err(Told);
            }
            return Ok(None);
        };
        let (shown, value) = (self.expression(certificate), self.expression(key));
        // The certificate is shown to whoever answers; the key signs, here, and goes nowhere.
        let others = Marks { secret: false, ..value.marks };
        if self.hides(shown.marks, certificate.span, "shown to the app")
            || self.hides(others, key.span, "the key of a client certificate")
        {
            return Err(Told);
        }
        if shown.is_null() && value.is_null() {
            return Ok(None);
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match ClientIdentity::new(&text(&shown), &text(&value)) {
            Ok(identity) => Ok(Some(identity)),
            Err(why) => {
                let problem = Diagnostic::error(codes::BAD_VALUE, why);
                self.engine.problem(problem.label(&self.recipe().source, certificate.span, ""));
                Err(Told)
            }
        }
    }
}
