//! When a read is sent again, and after how long.

use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::errors::{ArmError, ArmErrorKind};

/// Tries of a read whose failures look passing (5xx, reset, no answer).
const TRIES: u32 = 7;
/// Tries when no connection came about: a wrong host name or no network does not mend itself.
const CONNECT_TRIES: u32 = 4;
/// Tries when a complete answer could not be read; a proxy's page does not mend itself either.
const UNREADABLE_TRIES: u32 = 3;
/// The longest wait between tries when the server names none.
const LONGEST: Duration = Duration::from_secs(30);

/// The longest wait that is taken from a server: whoever works here has gone long before, and a time that far
/// ahead can still be told.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a read that failed `attempt` times (counted from 1), last with `error`, is sent again.
/// Throttling is patient: only the deadline ends it.
pub(crate) fn again(error: &ArmError, attempt: u32) -> bool {
    if !error.is_transient() {
        return false;
    }
    match error.kind() {
        _ if error.is_throttled() => true,
        ArmErrorKind::Connection { maybe_sent: false, .. } | ArmErrorKind::Credential { .. } => {
            attempt < CONNECT_TRIES
        }
        ArmErrorKind::BadBody { .. } => attempt < UNREADABLE_TRIES,
        _ => attempt < TRIES,
    }
}

/// The wait before the next try: what the server asks for, else `first`, doubled with every attempt, up to 30 s.
pub(crate) fn pause(error: &ArmError, attempt: u32, first: Duration) -> Duration {
    error
        .retry_after()
        .unwrap_or_else(|| first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST))
}

const DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// The wait the server asks for: `retry-after-ms` and `x-ms-retry-after-ms` (milliseconds), else `Retry-After`
/// (seconds, or an HTTP date seen from `now`). These are the three that az honours (Azure/azure-cli). A day at most.
pub(crate) fn retry_after(headers: &Headers, now: OffsetDateTime) -> Option<Duration> {
    asked(headers, now).map(|wait| wait.min(LONGEST_ASKED))
}

fn asked(headers: &Headers, now: OffsetDateTime) -> Option<Duration> {
    for name in ["retry-after-ms", "x-ms-retry-after-ms"] {
        let value = headers.get_optional_str(&HeaderName::from_static(name));
        if let Some(wait) = value.and_then(|value| value.trim().parse().ok()) {
            return Some(Duration::from_millis(wait));
        }
    }
    let value = headers.get_optional_str(&HeaderName::from_static("retry-after"))?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = time::PrimitiveDateTime::parse(value, DATE).ok()?.assume_utc();
    Some(Duration::try_from(at - now).unwrap_or_default())
}

/// How long it is from `now` to `deadline`; `None` when it has passed.
pub(crate) fn remaining(now: OffsetDateTime, deadline: OffsetDateTime) -> Option<Duration> {
    Duration::try_from(deadline - now).ok().filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn wait(name: &'static str, value: &'static str) -> Option<Duration> {
        let mut headers = Headers::new();
        headers.insert(name, value);
        retry_after(&headers, datetime!(2026-01-01 00:00:00 UTC))
    }

    #[test]
    fn the_server_s_wait_is_read_in_every_form() {
        assert_eq!(wait("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("retry-after", "0"), Some(Duration::ZERO));
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(wait("x-ms-retry-after-ms", "300"), Some(Duration::from_millis(300)));
        assert_eq!(wait("retry-after", "Thu, 01 Jan 2026 00:01:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("retry-after", "Wed, 31 Dec 2025 00:01:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "-1", "soon", "99999999999999999999999", "Thu, 99 Jan 2026 00:01:00 GMT"] {
            assert_eq!(wait("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn no_wait_is_too_long_to_be_added_to_a_time() {
        for (name, value) in [
            ("retry-after", "86401"),
            ("retry-after", "999999999999"),
            ("retry-after", "9223372036854775807"),
            ("retry-after", "18446744073709551615"),
            ("retry-after-ms", "18446744073709551615"),
            ("x-ms-retry-after-ms", "999999999999999"),
            ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(wait(name, value), Some(LONGEST_ASKED), "{name}: {value}");
        }
    }
}
