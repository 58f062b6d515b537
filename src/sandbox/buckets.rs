//! How many requests a caller may send: token buckets as Azure Resource Manager has them.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::errors::Refusal;
use super::http::Request;
use super::rules::{Switch, Switches};

/// One request, in the thousandths that buckets count in.
const ONE: i64 = 1000;
/// What all principals have together, in buckets of one.
const GLOBAL: i64 = 15;

/// The buckets of all callers. They are full at the start: no state file keeps them.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<(String, String, &'static str), (i64, OffsetDateTime)>);

/// What is left, as the headers of an answer say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// `reads`, `writes` or `deletes`.
    pub(super) kind: &'static str,
    /// Of the caller's.
    pub(super) own: i64,
    /// Of everybody's.
    pub(super) global: i64,
}

/// Which bucket, how many requests it holds, and how many a second it is filled with.
fn bucket(method: &str, rules: &Switches) -> (&'static str, i64, i64) {
    let (kind, size, refill) = match method {
        "GET" | "HEAD" => ("reads", 250, 25),
        "DELETE" => ("deletes", 200, 10),
        _ => ("writes", 200, 10),
    };
    if rules.holds(Switch::RequestBuckets) { (kind, size, refill) } else { (kind, size / 2, refill / 2) }
}

/// The subscription that a path names; the tenant's bucket has none.
fn subscription(path: &str) -> String {
    let mut segments = path.split('/').skip(1);
    match (segments.next(), segments.next()) {
        (Some(first), Some(id)) if first.eq_ignore_ascii_case("subscriptions") => id.to_ascii_lowercase(),
        _ => String::new(),
    }
}

impl Buckets {
    /// Takes one request of `who`, or refuses it.
    pub(super) fn take(
        &mut self,
        who: &str,
        request: &Request,
        rules: &Switches,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        let (kind, size, refill) = bucket(&request.method, rules);
        let key = (who.to_owned(), subscription(&request.path), kind);
        let (tokens, at) = self.0.entry(key).or_insert((size * ONE, now));
        let passed = i64::try_from((now - *at).whole_milliseconds()).unwrap_or(i64::MAX).max(0);
        *tokens = tokens.saturating_add(passed.saturating_mul(refill)).min(size * ONE);
        *at += time::Duration::milliseconds(passed);
        if *tokens >= ONE {
            *tokens -= ONE;
            return Ok(());
        }
        let seconds = (ONE - *tokens).unsigned_abs().div_ceil(refill.unsigned_abs() * 1000).max(1);
        let mut refusal = Refusal::new(
            429,
            "SubscriptionRequestsThrottled",
            format!(
                "Number of requests for subscription '{}' and operation '{}' exceeded the limit. Please try again \
                 after '{seconds}' seconds.",
                subscription(&request.path),
                request.method
            ),
        );
        refusal.headers.push(("retry-after".to_owned(), seconds.to_string()));
        Err(refusal)
    }

    /// What `who` has left; a full bucket before the first request.
    pub(super) fn left(&self, who: Option<&str>, request: &Request, rules: &Switches) -> Left {
        let (kind, size, _) = bucket(&request.method, rules);
        let key = (who.unwrap_or_default().to_owned(), subscription(&request.path), kind);
        let own = self.0.get(&key).map_or(size, |(tokens, _)| tokens / ONE);
        Left { kind, own, global: size * GLOBAL - (size - own) }
    }
}
