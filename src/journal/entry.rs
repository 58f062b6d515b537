//! The lines of a journal: one JSON object each, told apart by `entry`.
//!
//! Fields may be added; a reader ignores those that it does not know, and whole entries as well. What an older
//! reader must not ignore raises [`FORMAT`]. Nothing in them is a secret or the value of an environment variable:
//! such values are there as their HMAC, which says whether a value is still the same and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use time::OffsetDateTime;

use crate::value::Segment;

/// The version of the format, on the first line of each journal.
pub const FORMAT: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// The first line: what the run is.
    Run(Box<Run>),
    /// Something of what the run wants was there before its first write.
    Found(Found),
    /// A write is about to be sent.
    Before(Box<Before>),
    /// It was answered, or is known not to have been.
    After(After),
    /// What Azure began with it is over.
    Done(Done),
    /// A revision came of it.
    Revision(Revision),
    /// Revisions have to be restarted, or have been.
    Restart(Restart),
    /// How the run ended. A later run may add one to a run that could not: it says by which.
    End(End),
    /// An entry of a newer version that an older one may ignore.
    #[serde(other)]
    Other,
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// [`FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The run's id: `20261126T083000Z-3f9a1c`. Ids sort by time.
    pub id: String,
    /// `acarecipe` and its version.
    pub tool: String,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `apply` or `undo`.
    pub command: String,
    /// The process that runs it, for who finds it locked.
    #[serde(default)]
    pub pid: u32,
    /// Where it works.
    pub target: Target,
    /// Who calls, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The instances of recipes that take part.
    #[serde(default)]
    pub recipes: Vec<Instance>,
    /// The planned writes, in words.
    #[serde(default)]
    pub planned: Vec<String>,
    /// The run that this one puts back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The interrupted run that this one goes on from: what both wrote is one change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<String>,
    /// ARM's correlation id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// Where a run works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Whether it is the sandbox in the process.
    #[serde(default)]
    pub sandbox: bool,
    /// The host (and port, if it is not the usual one) of the ARM endpoint.
    pub endpoint: String,
    /// `AzureCloud`, …
    pub cloud: String,
    /// The tenant's GUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The subscription's GUID.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// The app; none in a run that works on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The environment, when the caller named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The region, when the caller named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The container, when the caller named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// One recipe of a run, with what it was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// The recipe.
    pub recipe: String,
    /// Its alias, the name space of its steps.
    #[serde(rename = "as")]
    pub alias: String,
    /// Whether the caller asked for it; else another recipe requires it.
    #[serde(default)]
    pub asked: bool,
    /// Its inputs as they were bound, defaults among them.
    #[serde(default)]
    pub with: BTreeMap<String, Kept>,
}

/// A value as a journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "KeptForm", into = "KeptForm")]
pub enum Kept {
    /// Nothing is there: `{"absent": true}`.
    Absent,
    /// In the open: `{"value": …}`; never null.
    Value(Json),
    /// `{"hidden": "…"}`: the HMAC-SHA-256 (lower hex) of a secret, of an environment variable, or of something
    /// that one of these is in, with the key of the state folder.
    Hidden(String),
    /// Not known when it was written down: only the write makes it, or it could not be read: `{"unknown": true}`.
    Unknown,
}

/// [`Kept`] as JSON.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct KeptForm {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    absent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unknown: bool,
}

impl From<Kept> for KeptForm {
    fn from(kept: Kept) -> KeptForm {
        match kept {
            Kept::Absent | Kept::Value(Json::Null) => KeptForm { absent: true, ..KeptForm::default() },
            Kept::Value(value) => KeptForm { value: Some(value), ..KeptForm::default() },
            Kept::Hidden(hmac) => KeptForm { hidden: Some(hmac), ..KeptForm::default() },
            Kept::Unknown => KeptForm { unknown: true, ..KeptForm::default() },
        }
    }
}

impl TryFrom<KeptForm> for Kept {
    type Error = &'static str;

    fn try_from(form: KeptForm) -> Result<Kept, &'static str> {
        match form {
            KeptForm { absent: true, value: None, hidden: None, unknown: false } => Ok(Kept::Absent),
            KeptForm { absent: false, value: Some(value), hidden: None, unknown: false } => {
                Ok(Kept::Value(value))
            }
            KeptForm { absent: false, value: None, hidden: Some(hmac), unknown: false } => {
                Ok(Kept::Hidden(hmac))
            }
            KeptForm { absent: false, value: None, hidden: None, unknown: true } => Ok(Kept::Unknown),
            _ => Err("a kept value is one of absent, value, hidden and unknown"),
        }
    }
}

/// What a step of the run found in place: undoing the run leaves it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The resource's id.
    pub resource: String,
    /// The key of the step that found it.
    pub step: String,
}

/// What kind of request a write is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A resource of ARM is created, changed or removed.
    Resource,
    /// An action with an effect (POST).
    Action,
    /// A restart of a revision after a secret changed.
    Restart,
    /// A rollout shifts traffic or puts a revision out of service.
    Rollout,
    /// A script in a database makes or changes a user; [`Before::database`] says where.
    Database,
    /// An image is built, or given tags.
    Build,
    /// One of a newer version.
    #[serde(other)]
    Other,
}

/// A write, right before it is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// Its number within the run, from 1. One that is sent again has a new one.
    pub write: u32,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What it is.
    pub kind: Kind,
    /// `PUT`, `PATCH`, `POST`, `DELETE`.
    pub method: String,
    /// The path of the request: the resource's id, or an action's path.
    pub path: String,
    /// The api-version.
    #[serde(default)]
    pub api_version: String,
    /// Keys of the steps in it: `managed_identity.grant`, `key_vault_reference.reference["DB"]`.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What it does, in a few words.
    #[serde(default)]
    pub what: String,
    /// Nothing was there.
    #[serde(default)]
    pub create: bool,
    /// The revision that served before, by name, where the write is one of the app. A revision never changes, so
    /// its template is what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<String>,
    /// The newest revision before, by name, likewise: the app's own template is this one's, whoever serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
    /// What the write changes.
    #[serde(default)]
    pub owned: Vec<OwnedPath>,
    /// The identities that the resource had before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// The database of a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
}

/// One owned property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnedPath {
    /// Where: `properties.template.containers[web].env[A].value`. For people; [`OwnedPath::at`] is exact.
    pub path: String,
    /// The same, part by part: a member by its name, an element of a list as a list of its key.
    pub at: Vec<Part>,
    /// How many of these parts led to something before the write. What came as a whole is removed as a whole.
    pub there: usize,
    /// What was there.
    pub before: Kept,
    /// What is wanted.
    pub after: Kept,
}

/// One part of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// A member of an object.
    Member(String),
    /// An element of a list, by its key.
    Element([String; 1]),
}

impl From<&Segment> for Part {
    fn from(segment: &Segment) -> Part {
        match segment {
            Segment::Key(key) => Part::Member(key.clone()),
            Segment::Element(key) => Part::Element([key.clone()]),
        }
    }
}

impl From<&Part> for Segment {
    fn from(part: &Part) -> Segment {
        match part {
            Part::Member(key) => Segment::Key(key.clone()),
            Part::Element([key]) => Segment::Element(key.clone()),
        }
    }
}

/// How the identity that is a resource's own is called.
pub const SYSTEM: &str = "system";

/// An identity, by what roles are granted to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The resource id of a user-assigned one; `system` for the resource's own.
    pub id: String,
    /// The principal's object id.
    pub principal: String,
}

/// Where a script runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// The server's id.
    pub server: String,
    /// The database's name.
    pub name: String,
    /// The user's name.
    pub user: String,
    /// The identity's client id, by which the database knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// What came of sending a write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct After {
    /// The number of the write.
    pub write: u32,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    #[serde(flatten)]
    pub answer: Answer,
}

/// Azure's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It took the write.
    Accepted(Accepted),
    /// It refused, or it is not known whether the write arrived.
    Failed(Failed),
}

/// A write that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The HTTP status.
    pub status: u16,
    /// What Azure works on since; `None`: it was done with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// The id that Azure gave what was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The identities that the answer shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// When the resource was created, by Azure's clock (`systemData.createdAt`), where the answer says so.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    pub created_at: Option<OffsetDateTime>,
}

/// An operation of Azure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// How its state is read.
    pub by: OperationBy,
    /// Where; none for [`OperationBy::Resource`], nor in a copy. Asked only at the ARM endpoint of the run that reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// How the state of an operation is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationBy {
    /// `Azure-AsyncOperation`.
    Status,
    /// `Location`.
    Location,
    /// The resource's `provisioningState`; also what a newer version may have written.
    #[serde(other)]
    Resource,
}

/// A write that was not taken, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// Azure's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether it may have taken effect all the same.
    #[serde(default)]
    pub maybe_applied: bool,
}

/// The end of what a write began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// The number of the write.
    pub write: u32,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Whether it succeeded.
    pub ok: bool,
    /// Azure's code when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A new revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its name.
    pub name: String,
    /// When it was seen.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Revisions that run with an old secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Those that have to be restarted from here on; an empty list: none is left.
    pub left: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The `status` of the JSON report: `ok`, `failed`, `interrupted`, …
    pub status: String,
    /// The run that found this one without an end and went on from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continued_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        "\\PC{0,12}"
    }

    fn maybe() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(text())
    }

    fn at() -> impl Strategy<Value = OffsetDateTime> {
        (0_i64..4_000_000_000, 0_i64..1_000_000_000).prop_map(|(seconds, nanos)| {
            OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds) + time::Duration::nanoseconds(nanos)
        })
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            text().prop_map(Json::from)
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    fn kept() -> impl Strategy<Value = Kept> {
        prop_oneof![
            Just(Kept::Absent),
            Just(Kept::Unknown),
            json().prop_map(Kept::Value),
            "[0-9a-f]{64}".prop_map(Kept::Hidden)
        ]
    }

    fn target() -> impl Strategy<Value = Target> {
        (any::<bool>(), text(), text(), (maybe(), maybe(), maybe(), maybe(), maybe())).prop_map(
            |(sandbox, endpoint, subscription, (tenant, app, environment, location, container))| Target {
                sandbox,
                endpoint,
                cloud: "AzureCloud".to_owned(),
                tenant,
                subscription,
                resource_group: "rg".to_owned(),
                app,
                environment,
                location,
                container,
            },
        )
    }

    fn run() -> impl Strategy<Value = Entry> {
        let instance = (text(), any::<bool>(), proptest::collection::btree_map(text(), kept(), 0..3))
            .prop_map(|(alias, asked, with)| Instance { recipe: "storage".to_owned(), alias, asked, with });
        let texts = proptest::collection::vec(text(), 0..3);
        let options = (maybe(), maybe(), maybe(), maybe());
        (at(), any::<u32>(), target(), proptest::collection::vec(instance, 0..3), texts, options).prop_map(
            |(at, pid, target, recipes, planned, (caller, undoes, continues, correlation_id))| {
                Entry::Run(Box::new(Run {
                    format: FORMAT,
                    id: "20261126T083000Z-3f9a1c".to_owned(),
                    tool: "acarecipe 0.1.0".to_owned(),
                    at,
                    command: "apply".to_owned(),
                    pid,
                    target,
                    caller,
                    recipes,
                    planned,
                    undoes,
                    continues,
                    correlation_id,
                }))
            },
        )
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Resource),
            Just(Kind::Action),
            Just(Kind::Restart),
            Just(Kind::Rollout),
            Just(Kind::Database),
            Just(Kind::Build),
        ]
    }

    fn identities() -> impl Strategy<Value = Vec<Identity>> {
        let one = (text(), text()).prop_map(|(id, principal)| Identity { id, principal });
        proptest::collection::vec(one, 0..3)
    }

    fn before() -> impl Strategy<Value = Entry> {
        let owned = (text(), text(), kept(), kept()).prop_map(|(path, key, before, after)| OwnedPath {
            at: vec![Part::Member(path.clone()), Part::Element([key])],
            path,
            there: 1,
            before,
            after,
        });
        let database = proptest::option::of((text(), text()).prop_map(|(server, name)| Database {
            server,
            name,
            user: "user".to_owned(),
            client_id: None,
        }));
        let owned = proptest::collection::vec(owned, 0..4);
        (any::<u32>(), at(), kind(), text(), any::<bool>(), maybe(), owned, identities(), database).prop_map(
            |(write, at, kind, path, create, serving, owned, identities, database)| {
                Entry::Before(Box::new(Before {
                    write,
                    at,
                    kind,
                    method: "PUT".to_owned(),
                    path,
                    api_version: "2025-01-01".to_owned(),
                    steps: vec!["a.b".to_owned()],
                    what: "create it".to_owned(),
                    create,
                    latest: serving.clone(),
                    serving,
                    owned,
                    identities,
                    database,
                }))
            },
        )
    }

    fn after() -> impl Strategy<Value = Entry> {
        let by =
            prop_oneof![Just(OperationBy::Status), Just(OperationBy::Location), Just(OperationBy::Resource)];
        let operation = proptest::option::of((by, maybe()).prop_map(|(by, url)| Operation { by, url }));
        let answer = prop_oneof![
            (any::<u16>(), operation, maybe(), identities(), proptest::option::of(at())).prop_map(
                |(status, operation, id, identities, created_at)| Answer::Accepted(Accepted {
                    status,
                    operation,
                    id,
                    identities,
                    created_at
                })
            ),
            (maybe(), any::<bool>())
                .prop_map(|(code, maybe_applied)| Answer::Failed(Failed { code, maybe_applied })),
        ];
        (any::<u32>(), at(), answer).prop_map(|(write, at, answer)| Entry::After(After { write, at, answer }))
    }

    fn rest() -> impl Strategy<Value = Entry> {
        prop_oneof![
            (text(), text()).prop_map(|(resource, step)| Entry::Found(Found { resource, step })),
            (any::<u32>(), at(), any::<bool>(), maybe())
                .prop_map(|(write, at, ok, code)| Entry::Done(Done { write, at, ok, code })),
            (text(), at()).prop_map(|(name, at)| Entry::Revision(Revision { name, at })),
            (at(), proptest::collection::vec(text(), 0..3))
                .prop_map(|(at, left)| Entry::Restart(Restart { at, left })),
            (at(), text(), maybe()).prop_map(|(at, status, continued_by)| Entry::End(End {
                at,
                status,
                continued_by
            })),
        ]
    }

    proptest! {
        #[test]
        fn every_entry_is_one_line_and_reads_as_it_was_written(
            entry in prop_oneof![run(), before(), after(), rest()]
        ) {
            let line = serde_json::to_string(&entry).unwrap();
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry);
        }
    }

    #[test]
    fn what_a_newer_version_adds_is_ignored() {
        let line = r#"{"entry":"end","at":"2026-11-26T08:30:00Z","status":"ok","weather":{"rain":true}}"#;
        assert!(matches!(serde_json::from_str(line), Ok(Entry::End(End { continued_by: None, .. }))));
        assert_eq!(
            serde_json::from_str::<Entry>(r#"{"entry":"weather","rain":true}"#).unwrap(),
            Entry::Other
        );
        let line = r#"{"entry":"after","write":1,"at":"2026-11-26T08:30:00Z","rain":1,"accepted":{"status":201,"rain":1}}"#;
        let Ok(Entry::After(After { answer: Answer::Accepted(accepted), .. })) = serde_json::from_str(line)
        else {
            panic!("not read: {line}");
        };
        assert_eq!(accepted, Accepted { status: 201, ..Accepted::default() });
    }

    #[test]
    fn a_kept_value_is_one_thing() {
        for (kept, form) in [
            (Kept::Absent, json!({ "absent": true })),
            (Kept::Unknown, json!({ "unknown": true })),
            (Kept::Value(json!(false)), json!({ "value": false })),
            (Kept::Hidden("ab".to_owned()), json!({ "hidden": "ab" })),
        ] {
            assert_eq!(serde_json::to_value(&kept).unwrap(), form);
        }
        assert_eq!(serde_json::to_value(Kept::Value(Json::Null)).unwrap(), json!({ "absent": true }));
        for wrong in [json!({}), json!({ "absent": true, "value": 1 }), json!({ "value": null })] {
            assert!(serde_json::from_value::<Kept>(wrong).is_err());
        }
    }
}
