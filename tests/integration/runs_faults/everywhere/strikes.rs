//! Which faults a request can meet.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Who is asked: a service, or the domain name system.
    of: String,
    /// Whether the request is a write; which number it has.
    write: bool,
    request: usize,
    /// What the request is, for people.
    about: String,
}

/// What makes strikes alike: who is asked, what goes wrong, and whether it stays.
pub type Kind = (String, String, What);

/// The number of a scenario, and that of one of its strikes.
type Place = (usize, usize);

/// Sorts of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

    /// What it is, wherever it strikes.
    pub fn kind(&self) -> Kind {
        (self.of.clone(), self.word().to_owned(), self.what)
    }

    /// The fault without whom it is about.
    pub fn word(&self) -> &str {
        if self.what == What::Edited { "edited" } else { &self.fault }
    }

    /// Whether an operation fails by it.
    pub fn fails_operation(&self) -> bool {
        self.fault == "operation-fails"
    }

    /// Whether by it something cannot be seen that is there.
    pub fn hides(&self) -> bool {
        self.fault == "denied"
    }

    /// Whether something is deleted by it that a run makes anew where there is none.
    pub fn takes_what_is_made_anew(&self) -> bool {
        let kinds = ["/Microsoft.App/jobs/", "/daprComponents/", "/authConfigs/"];
        self.what == What::Gone && kinds.iter().any(|kind| self.about.contains(kind))
    }

    /// Whether an environment, or what is kept in it, is deleted by it.
    pub fn takes_an_environment(&self) -> bool {
        self.what == What::Gone && self.about.contains("/managedEnvironments/")
    }

    /// Whether it strikes the restart of what uses a secret.
    pub fn hits_a_restart(&self) -> bool {
        let refused = matches!(self.what, What::Once | What::Lasting);
        refused && self.about.starts_with("POST ") && self.about.ends_with("/restart")
    }

    /// The revision whose restart it strikes.
    pub fn restarted(&self) -> Option<&str> {
        let (rest, _) = self.about.rsplit_once('/')?;
        self.hits_a_restart().then(|| rest.rsplit('/').next()).flatten()
    }

    /// Whether a role holds late by it.
    pub fn delays_a_role(&self) -> bool {
        self.fault.starts_with("role-slow")
    }

    /// Whether an identity is deleted by it.
    pub fn takes_an_identity(&self) -> bool {
        self.what == What::Gone && self.about.contains("/userAssignedIdentities/")
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
                of: format!("{:?}", exchange.service),
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
                of: "names".to_owned(),
                write: false,
                request: index + 1,
                about: "a question".to_owned(),
            });
        }
    }
    strikes
}

/// The part for every day, of the scenarios of one recipe: of each kind one. Which scenario meets it, and at which of
/// its requests, goes in turn from kind to kind and from recipe to recipe (`number`); what reads and writes can meet is
/// met by each of both in turn.
pub fn part(scenarios: Vec<Vec<Strike>>, number: usize) -> Vec<Vec<Strike>> {
    let mut places: BTreeMap<Kind, Vec<Place>> = BTreeMap::new();
    for (scenario, strikes) in scenarios.iter().enumerate() {
        for (index, strike) in strikes.iter().enumerate() {
            places.entry(strike.kind()).or_default().push((scenario, index));
        }
    }
    let mut chosen = BTreeSet::new();
    for (turn, places) in (number..).zip(places.values()) {
        let met: BTreeSet<usize> = places.iter().map(|(scenario, _)| *scenario).collect();
        let scenario = met.iter().nth(turn % met.len());
        let there = places.iter().filter(|(one, _)| Some(one) == scenario);
        let write = (turn / met.len()).is_multiple_of(2);
        let (like, unlike): (Vec<Place>, Vec<Place>) =
            there.copied().partition(|(scenario, index)| scenarios[*scenario][*index].write == write);
        let there = if like.is_empty() { unlike } else { like };
        chosen.insert(there[turn * 7 % there.len()]);
    }
    let of = |scenario: usize, strikes: Vec<Strike>| -> Vec<Strike> {
        let strikes = strikes.into_iter().enumerate();
        strikes.filter(|(index, _)| chosen.contains(&(scenario, *index))).map(|(_, strike)| strike).collect()
    };
    scenarios.into_iter().enumerate().map(|(scenario, strikes)| of(scenario, strikes)).collect()
}

/// The words of every fault that something can meet.
pub fn words() -> BTreeSet<String> {
    let all = [
        ANY,
        WRITES,
        LASTING,
        ELSEWHERE,
        DATABASES,
        NAMES,
        SLOW,
        &["page-loop", "principal-unknown", "gone", "edited"],
    ];
    all.concat().into_iter().map(str::to_owned).collect()
}
