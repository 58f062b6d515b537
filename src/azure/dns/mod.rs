//! What the domain name system says of a name: asked of the system's resolver or of one that the caller gave, with
//! nothing of the caller's beside the name.
//!
//! A name that is not there and one without records of the type are the same here: no records. Everything else than
//! an answer (SERVFAIL, a refusal, silence) is told apart from that: it says nothing of the name.

mod name;
mod network;
mod server;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use time::OffsetDateTime;

use super::client::ArmClient;
use super::retry;
use crate::clock::within;
use crate::value::strip_control;

pub use name::{NameError, ascii_name};
pub use network::NetworkResolver;
pub use server::{ServerError, name_server};

/// The most records of one answer that are read, and the most characters of a text.
const MAX_RECORDS: usize = 100;
const MAX_TEXT: usize = 4096;

/// The most names that are asked on the way up to the root.
const MAX_CLIMB: usize = 20;

/// How long one look may take, climbing included.
const LIMIT: Duration = Duration::from_secs(20);

/// The types of records that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// IPv4 addresses, at the end of aliases too.
    A,
    /// IPv6 addresses, at the end of aliases too.
    Aaaa,
    /// The alias at the very name.
    Cname,
    /// Texts, at the end of aliases too.
    Txt,
    /// Who may issue certificates, at the end of aliases too (RFC 8659).
    Caa,
    /// The start of a zone, at the very name.
    Soa,
}

impl RecordType {
    /// Every one.
    pub const ALL: [RecordType; 6] = [
        RecordType::A,
        RecordType::Aaaa,
        RecordType::Cname,
        RecordType::Txt,
        RecordType::Caa,
        RecordType::Soa,
    ];

    /// As the domain name system spells it: `AAAA`.
    pub fn name(self) -> &'static str {
        match self {
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
            RecordType::Cname => "CNAME",
            RecordType::Txt => "TXT",
            RecordType::Caa => "CAA",
            RecordType::Soa => "SOA",
        }
    }

    /// The one that is spelled so.
    pub fn of(name: &str) -> Option<RecordType> {
        RecordType::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether only records at the very name count, and none at the end of an alias.
    pub fn at_the_name(self) -> bool {
        matches!(self, RecordType::Cname | RecordType::Soa)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// An address, a name in small letters without its final dot, or a text, its parts joined.
    Text(String),
    /// Who may issue certificates.
    Caa {
        /// 128: an issuer that does not know the tag must not issue.
        flags: u8,
        /// `issue`, `issuewild`, `iodef`, …
        tag: String,
        /// The authority, or what else the tag speaks of.
        value: String,
    },
    /// The start of a zone.
    Soa {
        /// The zone's first name server.
        mname: String,
        /// The mailbox of whoever keeps it, as a name.
        rname: String,
        /// Its version.
        serial: u32,
    },
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Text(text) => f.write_str(text),
            Record::Caa { flags, tag, value } => write!(f, "{flags} {tag} \"{value}\""),
            Record::Soa { mname, rname, serial } => write!(f, "{mname} {rname} {serial}"),
        }
    }
}

/// Why a resolver said nothing of a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// Whoever answers for names: a resolver on the network, or a sandbox in this process.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The records of a type at `name` (ASCII, small letters, no final dot); none when there is no such name, or
    /// nothing of the type at it. Whoever asks limits the time.
    ///
    /// # Errors
    /// Why there is no answer.
    async fn records(&self, name: &str, kind: RecordType) -> Result<Vec<Record>, Unanswered>;
}

/// What a look at a name came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookedUp {
    /// The name that was asked for: ASCII, small letters, no final dot.
    pub name: String,
    /// The records, in order; none when there are none.
    pub records: Vec<Record>,
    /// The name at which they were found: another one only after climbing. For SOA the zone's apex.
    pub owner: Option<String>,
    /// Why nothing is known of the name.
    pub refused: Option<String>,
}

impl LookedUp {
    fn refused(name: &str, reason: String) -> LookedUp {
        LookedUp { name: name.to_owned(), records: Vec::new(), owner: None, refused: Some(reason) }
    }
}

impl fmt::Display for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.refused, &self.records[..]) {
            (Some(reason), _) => f.write_str(reason),
            (None, []) => f.write_str("no records"),
            (None, records) => {
                let all: Vec<String> = records.iter().map(ToString::to_string).collect();
                f.write_str(&all.join(", "))
            }
        }
    }
}

impl ArmClient {
    /// Asks for the records of a type at `name` (see [`ascii_name`]), with `climb` at each name above it until some
    /// are found. No answer is waited for beyond a limit of its own and `deadline`.
    pub async fn look_up(
        &self,
        name: &str,
        kind: RecordType,
        climb: bool,
        deadline: OffsetDateTime,
    ) -> LookedUp {
        let inner = &*self.inner;
        let left = retry::remaining(inner.clock.now(), deadline).unwrap_or_default();
        let limit = left.min(LIMIT);
        let work = climbed(&*inner.resolver, name, kind, climb);
        match within(&*inner.clock, limit, work).await {
            Some(Ok(found)) => found,
            Some(Err(Unanswered(reason))) => LookedUp::refused(name, strip_control(&reason)),
            None => LookedUp::refused(name, format!("no answer within {} s", limit.as_secs())),
        }
    }
}

async fn climbed(
    resolver: &dyn Resolver,
    name: &str,
    kind: RecordType,
    climb: bool,
) -> Result<LookedUp, Unanswered> {
    let mut at = Some(name);
    let mut asked = 0;
    while let Some(owner) = at {
        if asked == MAX_CLIMB {
            // What was not asked is not absent.
            return Err(Unanswered(format!("more than {MAX_CLIMB} names would have to be asked")));
        }
        asked += 1;
        let records = resolver.records(owner, kind).await?;
        if !records.is_empty() {
            return Ok(LookedUp {
                name: name.to_owned(),
                records: bounded(records)?,
                owner: Some(owner.to_owned()),
                refused: None,
            });
        }
        at = owner.split_once('.').map(|(_, above)| above).filter(|_| climb);
    }
    Ok(LookedUp { name: name.to_owned(), records: Vec::new(), owner: None, refused: None })
}

/// What is taken of an answer: nothing that a terminal would obey, in one order whatever order a server likes.
///
/// # Errors
/// More records than any recipe needs: a part of them would not be the answer.
fn bounded(records: Vec<Record>) -> Result<Vec<Record>, Unanswered> {
    if records.len() > MAX_RECORDS {
        return Err(Unanswered(format!("there are {} records, more than are read", records.len())));
    }
    let clean = |text: String| strip_control(&text).chars().take(MAX_TEXT).collect::<String>();
    let mut records: Vec<Record> = records
        .into_iter()
        .map(|record| match record {
            Record::Text(text) => Record::Text(clean(text)),
            Record::Caa { flags, tag, value } => Record::Caa { flags, tag: clean(tag), value: clean(value) },
            Record::Soa { mname, rname, serial } => {
                Record::Soa { mname: clean(mname), rname: clean(rname), serial }
            }
        })
        .collect();
    records.sort();
    records.dedup();
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Names with texts; `None`: no answer.
    struct Zone(BTreeMap<&'static str, Option<&'static str>>);

    #[async_trait]
    impl Resolver for Zone {
        async fn records(&self, name: &str, _: RecordType) -> Result<Vec<Record>, Unanswered> {
            match self.0.get(name) {
                Some(Some(text)) => Ok(text.split(' ').map(|one| Record::Text(one.to_owned())).collect()),
                Some(None) => Err(Unanswered("SERVFAIL".to_owned())),
                None => Ok(Vec::new()),
            }
        }
    }

    fn look(zone: &Zone, name: &str, climb: bool) -> Result<LookedUp, Unanswered> {
        futures::executor::block_on(climbed(zone, name, RecordType::Caa, climb))
    }

    #[test]
    fn climbing_ends_at_the_first_name_with_records() {
        let zone = Zone(BTreeMap::from([("b.example", Some("b a a")), ("example", Some("top"))]));
        let found = look(&zone, "x.a.b.example", true).unwrap();
        assert_eq!(found.owner.as_deref(), Some("b.example"));
        assert_eq!(found.records, [Record::Text("a".to_owned()), Record::Text("b".to_owned())]);
        assert_eq!(look(&zone, "x.a.b.example", false).unwrap().owner, None);
        assert_eq!(look(&zone, "x.c.example", true).unwrap().owner.as_deref(), Some("example"));
        assert_eq!(look(&zone, "a.test", true).unwrap().records, []);
        // Nor does what was not asked, above more names than are.
        let deep = |above: usize| "x.".repeat(above) + "b.example";
        assert_eq!(look(&zone, &deep(19), true).unwrap().owner.as_deref(), Some("b.example"));
        assert!(look(&zone, &deep(20), true).is_err());
        // What is above a name that could not be asked says nothing of it.
        let zone = Zone(BTreeMap::from([("a.b", None), ("b", Some("top"))]));
        assert!(look(&zone, "x.a.b", true).is_err());
    }

    #[test]
    fn an_answer_is_bounded_and_clean() {
        let many = |count: usize| (0..count).map(|index| Record::Text(format!("{index:03}"))).collect();
        assert_eq!(bounded(many(MAX_RECORDS)).unwrap().len(), MAX_RECORDS);
        // Which of them a server sends first is chance.
        assert!(bounded(many(MAX_RECORDS + 1)).is_err());
        let long = bounded(vec![Record::Text("\u{1b}[31m".to_owned() + &"x".repeat(9000))]).unwrap();
        let Record::Text(text) = &long[0] else { panic!("{long:?}") };
        assert!(text.len() == MAX_TEXT && !text.contains('\u{1b}'));
    }
}
