//! Status codes as checks name them: `200`, `200-299`.

use serde_json::Value as Json;

/// A range of HTTP status codes, both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// What holds where a check names no status: `200-399`.
    pub const SUCCESS: StatusRange = StatusRange { first: 200, last: 399 };

    /// A code (a number, or text) or a range (`200-299`). `None`: it is neither, or no code from 100 to 599.
    pub fn of_json(json: &Json) -> Option<StatusRange> {
        match json {
            Json::Number(number) => StatusRange::between(number.as_u64()?, number.as_u64()?),
            Json::String(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                let code = |part: &str| {
                    let plain = part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit());
                    plain.then(|| part.parse().ok()).flatten()
                };
                StatusRange::between(code(first)?, code(last)?)
            }
            _ => None,
        }
    }

    fn between(first: u64, last: u64) -> Option<StatusRange> {
        let code = |number: u64| u16::try_from(number).ok().filter(|code| (100..600).contains(code));
        let (first, last) = (code(first)?, code(last)?);
        (first <= last).then_some(StatusRange { first, last })
    }

    /// Whether this code is in it.
    pub fn holds(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl std::fmt::Display for StatusRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_and_ranges_are_read_and_nothing_else() {
        for (json, inside, outside) in
            [(json!(200), 200, 201), (json!("404"), 404, 200), (json!("200-399"), 399, 400)]
        {
            let range = StatusRange::of_json(&json).unwrap();
            assert!(range.holds(inside) && !range.holds(outside), "{json}");
        }
        for json in [
            json!(99),
            json!(600),
            json!(200.5),
            json!("399-200"),
            json!("2xx"),
            json!("200-"),
            json!("+20-299"),
            json!(" 200"),
            json!(null),
        ] {
            assert_eq!(StatusRange::of_json(&json), None, "{json}");
        }
    }
}
