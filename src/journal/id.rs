//! The names of runs.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// The time in an id.
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// `20261126T083000Z-3f9a1c`: when the run began (UTC) and what tells it from others of that second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// A new id that sorts after `newest`, whatever the clock says.
    pub(super) fn new(now: OffsetDateTime, newest: Option<&RunId>) -> RunId {
        let mut time = now.to_offset(time::UtcOffset::UTC);
        if let Some(last) = newest.and_then(RunId::time) {
            time = time.max(last.saturating_add(time::Duration::SECOND));
        }
        let random = uuid::Uuid::new_v4().simple().to_string();
        // The format has no part that a time lacks.
        RunId(format!("{}-{}", time.format(TIME).unwrap_or_default(), &random[..6]))
    }

    /// The id that `text` is.
    pub fn parse(text: &str) -> Option<RunId> {
        let (time, random) = text.split_once('-')?;
        let hex = random.len() == 6 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = RunId(text.to_owned());
        (hex && time.is_ascii() && id.time().is_some()).then_some(id)
    }

    /// The time in it.
    pub(super) fn time(&self) -> Option<OffsetDateTime> {
        let time = self.0.split_once('-')?.0;
        time::PrimitiveDateTime::parse(time, TIME).ok().map(time::PrimitiveDateTime::assume_utc)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ids_sort_by_time_also_within_a_second_and_when_a_clock_goes_back() {
        let now = datetime!(2026-11-26 08:30:00.7 UTC);
        let first = RunId::new(now, None);
        assert!(first.as_str().starts_with("20261126T083000Z-"), "{first}");
        assert_eq!(RunId::parse(first.as_str()).as_ref(), Some(&first));
        let second = RunId::new(now, Some(&first));
        let third = RunId::new(datetime!(2020-01-01 00:00 UTC), Some(&second));
        assert!(first < second && second < third, "{first} {second} {third}");
    }

    #[test]
    fn only_ids_are_ids() {
        for text in [
            "",
            "x",
            "../20261126T083000Z-3f9a1c",
            "20261126T083000Z-3F9A1C",
            "20261126T083000Z-3f9a1c/..",
            "20261326T083000Z-3f9a1c",
            "20261126T083000Z-3f9a1",
            "20261126T083000Z",
        ] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
    }
}
