//! The schedules that jobs take: five fields, in UTC.

use time::OffsetDateTime;

/// A schedule: for each field the values that it holds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: Vec<u8>,
    hours: Vec<u8>,
    days: Vec<u8>,
    months: Vec<u8>,
    weekdays: Vec<u8>,
    /// Whether the day of the month, and that of the week, says anything.
    by_day: bool,
    by_weekday: bool,
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Cron {
    /// `None` for what is no schedule: other than five fields, or a field with something else than `*`, numbers,
    /// names, ranges, steps and lists of these.
    pub(super) fn parse(text: &str) -> Option<Cron> {
        let mut fields = text.split_ascii_whitespace();
        let (minute, hour, day, month, weekday) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() {
            return None;
        }
        let mut weekdays = field(weekday, 0, 7, WEEKDAYS, 0)?;
        for day in &mut weekdays {
            *day %= 7;
        }
        Some(Cron {
            minutes: field(minute, 0, 59, &[], 0)?,
            hours: field(hour, 0, 23, &[], 0)?,
            days: field(day, 1, 31, &[], 0)?,
            months: field(month, 1, 12, MONTHS, 1)?,
            weekdays,
            by_day: !day.starts_with('*'),
            by_weekday: !weekday.starts_with('*'),
        })
    }

    /// Whether it holds for the minute in which `time` is. Where both kinds of day are given, one suffices, as
    /// in every cron.
    pub(super) fn holds(&self, time: OffsetDateTime) -> bool {
        let day = self.days.contains(&time.day());
        let weekday = self.weekdays.contains(&time.weekday().number_days_from_sunday());
        let on_day = if self.by_day && self.by_weekday { day || weekday } else { day && weekday };
        self.minutes.contains(&time.minute())
            && self.hours.contains(&time.hour())
            && self.months.contains(&u8::from(time.month()))
            && on_day
    }
}

fn field(text: &str, least: u8, most: u8, names: &[&str], first: u8) -> Option<Vec<u8>> {
    let number = |text: &str| -> Option<u8> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(index) => u8::try_from(index).ok()? + first,
            None if text.chars().all(|c| c.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (least..=most).contains(&value).then_some(value)
    };
    let mut values = Vec::new();
    for part in text.split(',') {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let step: u8 = match step {
            Some(step) => step.parse().ok().filter(|step| *step > 0)?,
            None => 1,
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None if part.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        values.extend((from..=to).step_by(usize::from(step)));
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_schedule_holds_for_its_minutes() {
        // A Sunday.
        let time = datetime!(2026-03-01 02:30 UTC);
        for (text, holds) in [
            ("* * * * *", true),
            ("30 2 * * *", true),
            ("*/15 * * * *", true),
            ("*/20 * * * *", false),
            ("10/20 * * * *", true),
            ("0,30 1-3 * * *", true),
            ("30 2 1 * *", true),
            ("30 2 2 * *", false),
            ("30 2 * mar sun", true),
            ("30 2 * 3 7", true),
            ("30 2 * * mon-fri", false),
            ("30 2 2 * sun", true),
        ] {
            assert_eq!(Cron::parse(text).unwrap().holds(time), holds, "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "@daily",
            "60 * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1, * * * *",
        ] {
            assert_eq!(Cron::parse(text), None, "{text}");
        }
    }
}
