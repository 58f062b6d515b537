//! Durations as recipes and flags write them: `90s`, `2m`, `1h30m`.

use std::time::Duration;

/// Ten years, in seconds.
const LONGEST: u64 = 10 * 365 * 24 * 3600;

/// Reads a duration: whole numbers, each with one of the units `s`, `m` and `h`, largest first
/// (`1h30m`), ten years at most, so that it can be added to any time. `None` for anything else, a bare number included,
/// since its unit would be a guess.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    let mut last_unit = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        let mut after = rest.get(digits..)?.chars();
        let unit = match after.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return None,
        };
        if unit >= last_unit {
            return None;
        }
        last_unit = unit;
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = after.as_str();
    }
    (last_unit != u64::MAX && seconds <= LONGEST).then(|| Duration::from_secs(seconds))
}

/// Writes a duration the way [`parse_duration`] reads it; fractions of a second are dropped.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_guesses() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("2m", 120), ("1h30m", 5400), ("1h0m5s", 3605)] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "m",
            "5d",
            "5m5m",
            "5s1m",
            "-1s",
            "1.5m",
            "99999999999999999999h",
            "99999999999999h",
            "87601h",
            "1m ",
            "١m",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(format_duration(Duration::from_secs(5400)), "1h30m");
        assert_eq!(format_duration(Duration::from_millis(900)), "0s");
    }
}
