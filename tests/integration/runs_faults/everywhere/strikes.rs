//! Which faults a request can meet.

use std::collections::BTreeMap;
use std::fmt;

use acarecipe::sandbox::{Exchange, Service};

/// One fault at one place.
pub struct Strike {
    /// Where: `request=7`, or `match=METHOD:PATH nth=2`, and how often.
    place: String,
    /// What, in the notation of faults.
    fault: String,
    /// What sort of thing it is.
    pub what: What,
    /// Whether the request is a write; which number it has.
    write: bool,
    request: usize,
    /// What the request is, for people.
    about: String,
}

/// Sorts of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It strikes once.
    Once,
    /// It strikes the request and every later one like it, until somebody sets it right.
    Lasting,
    /// The resource is deleted.
    Gone,
    /// Somebody edits the app or job.
    Edited,
}

impl Strike {
    pub fn notation(&self) -> String {
        format!("{} {}", self.place, self.fault)
    }

    /// Whether an operation fails by it.
    pub fn fails_operation(&self) -> bool {
        self.fault == "operation-fails"
    }

    /// Whether by it something cannot be seen that is there.
    pub fn hides(&self) -> bool {
        self.fault == "denied"
    }

    /// Whether it strikes a question about a name, which is no exchange.
    pub fn is_name(&self) -> bool {
        self.place.starts_with("match=DNS:")
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at request {} ({})", self.notation(), self.request, self.about)
    }
}

/// What any request to Azure Resource Manager can meet.
const ANY: &[&str] = &[
    "status=429",
    "status=429 retry-after=7",
    "status=500",
    "status=503",
    "reset-before",
    "silence-before",
    "truncated-body",
    "html-body",
    "details-null",
    "unknown-enum",
    "denied",
];

/// What differs from those only where a request has an effect.
const WRITES: &[&str] = &[
    "reset-after",
    "silence-after",
    "operation-fails",
    "operation-hangs",
    "operation-url=403",
    "operation-url=404",
    "foreign-location",
    "busy",
];

/// What stays until somebody removes it.
const LASTING: &[&str] = &["denied", "policy", "locked"];

/// What a registry, the storage beside it and apps can do.
const ELSEWHERE: &[&str] = &[
    "status=429 retry-after=7",
    "status=500",
    "status=503",
    "reset-before",
    "silence-before",
    "truncated-body",
    "html-body",
];

/// What a database can do.
const DATABASES: &[&str] =
    &["status=500", "reset-before", "silence-before", "reset-after", "silence-after", "denied"];

/// What a question about a name can come to.
const NAMES: &[&str] = &["status=503", "status=403", "silence-before"];

/// How long a slow role takes: longer than any wait for one, and shorter than a run; and longer than a run.
const SLOW: &[&str] = &["role-slow=400", "role-slow=7200"];

/// Everything that the requests of a run, and its questions about names, can meet; `edited`: the app or job that
/// somebody else edits.
pub fn of(exchanges: &[Exchange], questions: &[(String, String)], edited: &str) -> Vec<Strike> {
    let mut strikes = Vec::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let write = exchange.is_write() || matches!(exchange.method.as_str(), "PUT" | "PATCH");
        let mut push = |place: String, fault: &str, what| {
            strikes.push(Strike {
                place,
                fault: fault.to_owned(),
                what,
                write,
                request: exchange.number,
                about: format!("{} {}", exchange.method, exchange.path),
            });
        };
        let here = format!("request={}", exchange.number);
        let same = |other: &&Exchange| {
            other.method == exchange.method
                && other.path.to_ascii_lowercase().contains(&exchange.path.to_ascii_lowercase())
        };
        let nth = exchanges.iter().take(index + 1).filter(same).count();
        let lasting = format!("match={}:{} nth={nth} times=1000000", exchange.method, exchange.path);
        let once: Vec<&str> = match exchange.service {
            Service::ResourceManager => {
                let list = exchange.response_body.as_ref().is_some_and(|body| body["value"].is_array());
                let more = if write { WRITES } else { &[] };
                let page: &[&str] = if list { &["page-loop"] } else { &[] };
                [ANY, more, page].concat()
            }
            Service::Registry => {
                let more: &[&str] = if write { &["reset-after", "silence-after"] } else { &[] };
                [ELSEWHERE, more, &["denied"]].concat()
            }
            Service::Storage => {
                let more: &[&str] = if write { &["reset-after", "silence-after"] } else { &[] };
                [ELSEWHERE, more].concat()
            }
            Service::App => ELSEWHERE.to_vec(),
            Service::Sql => DATABASES.to_vec(),
        };
        for fault in once {
            push(here.clone(), fault, What::Once);
        }
        // A path of a fault has no spaces.
        let can_last = !exchange.path.contains(' ');
        match exchange.service {
            Service::ResourceManager if can_last && write => {
                for fault in LASTING {
                    push(lasting.clone(), fault, What::Lasting);
                }
            }
            Service::Storage | Service::App => {}
            _ if can_last => push(lasting.clone(), "denied", What::Lasting),
            _ => {}
        }
        if exchange.method == "PUT" && exchange.path.contains("/Microsoft.Authorization/roleAssignments/") {
            for fault in SLOW.iter().chain(&["principal-unknown"]) {
                push(here.clone(), fault, What::Once);
            }
        }
        if exchange.service != Service::Storage && !exchange.path.is_empty() {
            push(here.clone(), "gone", What::Gone);
        }
        // Who edits the app does so at a request to Azure; the sandbox lets nobody in between two batches.
        if exchange.service != Service::Sql {
            push(here, &format!("edited={edited}"), What::Edited);
        }
    }
    for (index, (name, kind)) in questions.iter().enumerate() {
        let same = |other: &&(String, String)| other.0.contains(name.as_str()) && other.1 == *kind;
        let nth = questions.iter().take(index + 1).filter(same).count();
        for fault in NAMES {
            strikes.push(Strike {
                place: format!("match=DNS:/{name}/{kind} nth={nth}"),
                fault: (*fault).to_owned(),
                what: What::Once,
                write: false,
                request: index + 1,
                about: "a question".to_owned(),
            });
        }
    }
    strikes
}

/// The most strikes of one scenario on an ordinary day: a run costs up to a second of a debug build.
const A_DAY: usize = 8;

/// The part for every day: what strikes once, but for a refusal by rights; a write meets every sixth of these, and every
/// sixth read one of its own. Which, goes in turn from request to request and from scenario to scenario (`number`), so
/// that every such kind is met somewhere; of a long scenario [`A_DAY`] of these, spread over it. What lasts, is gone, is
/// edited or stays unseen is for the whole.
pub fn part(strikes: Vec<Strike>, number: usize) -> Vec<Strike> {
    let strikes: Vec<Strike> =
        strikes.into_iter().filter(|strike| strike.what == What::Once && !strike.hides()).collect();
    let mut counts = BTreeMap::new();
    for strike in &strikes {
        *counts.entry((strike.is_name(), strike.request)).or_insert(0_usize) += 1;
    }
    let mut seen = BTreeMap::new();
    let mut chosen = |strike: &Strike| {
        let key = (strike.is_name(), strike.request);
        let position = seen.entry(key).or_insert(0_usize);
        *position += 1;
        let turn = strike.request + number;
        if strike.write {
            (*position + turn).is_multiple_of(6)
        } else {
            turn.is_multiple_of(6) && (*position + turn / 6).is_multiple_of(counts[&key])
        }
    };
    let chosen: Vec<Strike> = strikes.into_iter().filter(|strike| chosen(strike)).collect();
    let step = chosen.len().div_ceil(A_DAY).max(1);
    chosen.into_iter().skip(number % step).step_by(step).collect()
}
