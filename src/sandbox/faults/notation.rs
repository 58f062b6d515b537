//! Faults as words.

use std::fmt;
use std::str::FromStr;

use super::{Fault, FaultError, FaultKind, Matcher};

const DEFAULT_HUGE: usize = 64 * 1024 * 1024;
const DEFAULT_FOREIGN: &str = "elsewhere.example";
const DEFAULT_SLOW: u64 = 1800;

/// The words that need no value.
const PLAIN: &[(&str, FaultKind)] = &[
    ("reset-before", FaultKind::ResetBefore),
    ("reset-after", FaultKind::ResetAfter),
    ("silence-before", FaultKind::SilenceBefore),
    ("silence-after", FaultKind::SilenceAfter),
    ("truncated-body", FaultKind::TruncatedBody),
    ("html-body", FaultKind::HtmlBody),
    ("operation-fails", FaultKind::OperationFails),
    ("operation-hangs", FaultKind::OperationHangs),
    ("details-null", FaultKind::DetailsNull),
    ("echo", FaultKind::Echo),
    ("unknown-enum", FaultKind::UnknownEnum),
    ("page-loop", FaultKind::PageLoop),
    ("busy", FaultKind::Busy),
    ("denied", FaultKind::Denied),
    ("policy", FaultKind::Policy),
    ("locked", FaultKind::Locked),
    ("principal-unknown", FaultKind::PrincipalUnknown),
    ("gone", FaultKind::Gone),
];

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Fault, FaultError> {
        parse(text).map_err(|why| FaultError { text: text.to_owned(), why })
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let (mut when, mut nth, mut times, mut kind, mut retry_after) = (None, None, None, None, None);
    for word in text.split_whitespace() {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (word, None),
        };
        let number = || -> Result<usize, String> {
            let value = value.unwrap_or_default();
            value
                .parse::<usize>()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("`{key}` takes a whole number from 1, as in `{key}=2`"))
        };
        match key {
            "request" => once(&mut when, key, Matcher::Number(number()?))?,
            "match" => once(&mut when, key, path_matcher(value)?)?,
            "nth" => once(&mut nth, key, number()?)?,
            "times" => once(&mut times, key, number()?)?,
            "retry-after" => once(&mut retry_after, key, number()?)?,
            _ => once(&mut kind, "a kind", parse_kind(key, value)?)?,
        }
    }
    let mut when = when.ok_or("it does not say when: `request=N` or `match=METHOD:PATH`")?;
    let mut kind = kind.ok_or_else(|| format!("it does not say what happens: one of {}", kinds()))?;
    if let Some(seconds) = retry_after {
        match &mut kind {
            FaultKind::Status { retry_after, .. } => *retry_after = u64::try_from(seconds).ok(),
            _ => return Err("`retry-after` goes with `status=N` only".to_owned()),
        }
    }
    match (&mut when, nth) {
        (Matcher::Path { nth, .. }, Some(given)) => *nth = given,
        (Matcher::Number(_), Some(_)) => return Err("`nth` goes with `match=` only".to_owned()),
        (_, None) => {}
    }
    Ok(Fault { when, times: times.unwrap_or(1), kind })
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), String> {
    if slot.replace(value).is_some() {
        return Err(format!("{name} is given twice"));
    }
    Ok(())
}

fn path_matcher(value: Option<&str>) -> Result<Matcher, String> {
    let (method, path) = value
        .and_then(|value| value.split_once(':'))
        .ok_or("`match` takes METHOD:PATH, as in `match=PATCH:/containerApps/`; `*` is any method")?;
    if method.is_empty() {
        return Err("`match` names no method; `*` is any".to_owned());
    }
    Ok(Matcher::Path { method: method.to_ascii_uppercase(), path: path.to_owned(), nth: 1 })
}

fn parse_kind(key: &str, value: Option<&str>) -> Result<FaultKind, String> {
    if let Some((_, kind)) = PLAIN.iter().find(|(name, _)| *name == key) {
        return match value {
            None => Ok(kind.clone()),
            Some(_) => Err(format!("`{key}` takes no value")),
        };
    }
    let status = |allowed: std::ops::RangeInclusive<u16>| {
        value.and_then(|value| value.parse::<u16>().ok()).filter(|status| allowed.contains(status))
    };
    match key {
        "status" => Ok(FaultKind::Status {
            status: status(400..=599).ok_or("`status` takes 400 to 599, as in `status=429`")?,
            retry_after: None,
        }),
        "operation-url" => Ok(FaultKind::OperationUrl(
            status(400..=499).ok_or("`operation-url` takes 400 to 499, as in `operation-url=403`")?,
        )),
        "huge-body" => match value {
            None => Ok(FaultKind::HugeBody(DEFAULT_HUGE)),
            Some(bytes) => bytes
                .parse()
                .map(FaultKind::HugeBody)
                .map_err(|_| "`huge-body` takes a number of bytes".to_owned()),
        },
        "role-slow" => match value {
            None => Ok(FaultKind::RoleSlow(DEFAULT_SLOW)),
            Some(seconds) => seconds
                .parse()
                .map(FaultKind::RoleSlow)
                .map_err(|_| "`role-slow` takes a number of seconds".to_owned()),
        },
        "edited" => value
            .filter(|name| !name.is_empty())
            .map(|name| FaultKind::Edited(name.to_owned()))
            .ok_or_else(|| "`edited` takes the name of an app or a job, as in `edited=ca-demo`".to_owned()),
        "foreign-location" => Ok(FaultKind::ForeignLocation(value.unwrap_or(DEFAULT_FOREIGN).to_owned())),
        _ => Err(format!("`{key}` is no kind of fault; the kinds are {}", kinds())),
    }
}

fn kinds() -> String {
    let mut names: Vec<&str> = PLAIN.iter().map(|(name, _)| *name).collect();
    names.extend([
        "status=N",
        "operation-url=N",
        "huge-body",
        "foreign-location",
        "role-slow",
        "edited=NAME",
    ]);
    names.join(", ")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.when {
            Matcher::Number(number) => write!(f, "request={number}")?,
            Matcher::Path { method, path, nth } => {
                write!(f, "match={method}:{path}")?;
                if *nth != 1 {
                    write!(f, " nth={nth}")?;
                }
            }
        }
        write!(f, " {}", self.kind)?;
        if self.times != 1 {
            write!(f, " times={}", self.times)?;
        }
        Ok(())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Status { status, retry_after } => {
                write!(f, "status={status}")?;
                retry_after.map_or(Ok(()), |seconds| write!(f, " retry-after={seconds}"))
            }
            FaultKind::OperationUrl(status) => write!(f, "operation-url={status}"),
            FaultKind::HugeBody(DEFAULT_HUGE) => f.write_str("huge-body"),
            FaultKind::HugeBody(bytes) => write!(f, "huge-body={bytes}"),
            FaultKind::RoleSlow(DEFAULT_SLOW) => f.write_str("role-slow"),
            FaultKind::RoleSlow(seconds) => write!(f, "role-slow={seconds}"),
            FaultKind::Edited(name) => write!(f, "edited={name}"),
            FaultKind::ForeignLocation(host) if host == DEFAULT_FOREIGN => f.write_str("foreign-location"),
            FaultKind::ForeignLocation(host) => write!(f, "foreign-location={host}"),
            plain => f.write_str(PLAIN.iter().find(|(_, kind)| kind == plain).map_or("", |(name, _)| *name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_round_trips() {
        for text in [
            "request=7 silence-before",
            "match=PATCH:/containerApps/ nth=2 status=429 retry-after=2 times=3",
            "match=*:/revisions page-loop",
            "match=*: echo",
            "request=1 huge-body=1000",
            "request=1 foreign-location=evil.example",
            "match=PUT:/roleAssignments/ operation-url=404",
            "match=PUT:/roleAssignments/ role-slow",
            "match=PUT:/roleAssignments/ role-slow=90",
            "request=3 edited=ca-demo",
            "request=3 gone",
            "match=DNS:/app.example.com/TXT busy",
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [
            ("silence-before", "does not say when"),
            ("request=3", "does not say what happens"),
            ("request=0 reset-after", "whole number from 1"),
            ("request=1 nth=2 reset-after", "`nth` goes with `match=` only"),
            ("request=1 reset-after reset-before", "given twice"),
            ("request=1 explode", "`explode` is no kind of fault"),
            ("request=1 status=200", "400 to 599"),
            ("request=1 edited", "the name of an app or a job"),
            ("request=1 role-slow=soon", "number of seconds"),
            ("request=1 gone=x", "takes no value"),
            ("request=1 reset-after=3", "takes no value"),
            ("match=/x reset-after", "METHOD:PATH"),
            ("request=1 reset-after retry-after=3", "`status=N` only"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
