//! `removal` steps under the facts at hand, and what goes before what: whoever refers to something lets go of it before
//! it goes, so that nothing that runs is left with a name that means nothing.

use super::database::{Database, unseen_user};
use super::finding::{Finding, Status};
use super::frame::Frame;
use super::stepping::StepRun;
use super::{StepPlan, Write};
use crate::azure::types::{self, Compare, ResourceType};
use crate::azure::{ResourceId, roles, sql};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::Read;
use crate::merge::{Body, word_set};
use crate::recipe::{Removal, SqlRemoval};
use crate::steps::{self, Leaving, Outcome, Removed, SqlGone};
use crate::value::{Data, Path, Segment, Value};

const ROLE_ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// What a step that refers to what goes changes first: what runs.
const RUNS: &[&str] = &["Microsoft.App/containerApps", "Microsoft.App/jobs"];

impl Frame<'_, '_> {
    /// The outcome of a removal, and the values that it stands or falls with.
    pub(super) fn removal(&self, run: &mut StepRun, removal: &Removal) -> (Option<Outcome>, Vec<Value>) {
        match removal {
            Removal::Resource { id, version } => self.resource_removal(id, version.as_deref()),
            Removal::Sql(wanted) => {
                let Database { outcome, by_hand, uses } = self.sql_removal(run, wanted);
                run.by_hand = by_hand;
                (outcome, uses)
            }
        }
    }

    fn resource_removal(&self, id: &ResourceId, version: Option<&str>) -> (Option<Outcome>, Vec<Value>) {
        let Some(kind) = types::find(&id.resource_type()) else {
            let message = format!("resources of the type {} are not removed", id.resource_type());
            self.engine.problem(Diagnostic::error(codes::UNKNOWN_TYPE, message).resource(id));
            return (None, Vec::new());
        };
        let version = version.map_or_else(|| self.engine.version(kind.name), str::to_owned);
        let live = self.engine.asked.value(&Read::one(id, kind.name, &version));
        let removed = Removed { what: what(kind, id, &live), follows: follows(kind, &live) };
        let uses = if live.is_unknown() { vec![live.clone()] } else { Vec::new() };
        (Some(steps::removal(kind, id, live, removed)), uses)
    }

    fn sql_removal(&self, run: &mut StepRun, wanted: &SqlRemoval) -> Database {
        let suffixes = &self.engine.request.target.cloud.suffixes;
        let suffix = suffixes.iter().find(|(name, _)| name == "sql").map_or("", |(_, suffix)| suffix);
        let host = sql::host(suffix, wanted.server.name()).unwrap_or_default();
        let name = wanted.name.as_str().replace('/', "%2F");
        let id = wanted.server.child("databases", &wanted.database).child("users", &name);
        let sid = sql::sid(&wanted.client_id);
        let read = Read::sql_user(&id, &wanted.server, &wanted.database, wanted.name.as_str(), &sid);
        let fact = self.engine.asked.value(&read);
        if fact.is_unknown() {
            return Database { uses: vec![fact], ..Database::default() };
        }
        if let Some(reason) = fact.text_at(&["unseen"]) {
            let fix = fact.text_at(&["fix"]).map(str::to_owned);
            return unseen_user(&run.key, wanted, &host, reason.to_owned(), fix);
        }
        let users = serde_json::from_value(fact.to_json().unwrap_or_default()).unwrap_or_default();
        let gone = SqlGone {
            server: &wanted.server,
            host: &host,
            database: &wanted.database,
            name: &wanted.name,
            client_id: wanted.client_id,
            roles: &wanted.roles,
            user: wanted.user,
        };
        match steps::sql_removal(gone, id, &users) {
            Leaving::Known(outcome, others) => {
                if wanted.user && !others.is_empty() {
                    let user = outcome.user.as_ref().map(steps::DatabaseUser::title).unwrap_or_default();
                    let name = format!("nobody else uses the {user}");
                    let detail = format!("it is in the role {} as well, so that it stays", others.join(", "));
                    run.findings.push(Finding::new(Status::Warning, codes::SQL_USER, name).detail(detail));
                }
                Database { outcome: Some(*outcome), ..Database::default() }
            }
            Leaving::Unseen => {
                let reason = format!(
                    "the caller may log in to {}, but not see all its users and roles (VIEW DEFINITION)",
                    wanted.database
                );
                let fix = super::administrators(&wanted.server);
                unseen_user(&run.key, wanted, &host, reason, Some(fix))
            }
        }
    }
}

/// What it is, for people.
fn what(kind: &ResourceType, id: &ResourceId, live: &Value) -> String {
    if kind.name == ROLE_ASSIGNMENT
        && let Some(definition) = live.text_at(&["properties", "roleDefinitionId"])
    {
        let guid = definition.rsplit('/').next().unwrap_or_default();
        let role = roles::find(guid).map_or(guid, |(name, _)| name);
        let scope = id.parent().unwrap_or_else(|| id.clone());
        return format!("{} {role} on {}", kind.noun, scope.name());
    }
    format!("{} {}", kind.noun, id.name())
}

/// What goes with it, or ends.
fn follows(kind: &ResourceType, live: &Value) -> Vec<String> {
    let mut told = Vec::new();
    if !kind.holds.is_empty() {
        told.push(format!("deletes {} for good", kind.holds));
    }
    if kind.name == IDENTITY
        && let Some(principal) = live.text_at(&["properties", "principalId"])
    {
        told.push(ends_grants(principal));
    }
    told
}

/// What ends with an identity, whoever gave it.
pub(crate) fn ends_grants(principal: &str) -> String {
    format!(
        "ends every right of the principal {principal}, whoever gave it; an identity that is made anew is another principal"
    )
}

/// The write of what goes: nothing is sent but that it is to go.
pub(super) fn write_of(steps: &[StepPlan], members: &[usize], after: Vec<usize>) -> Write {
    let outcome = &steps[members[0]].outcome;
    let user = outcome.user.as_ref();
    Write {
        id: outcome.resource.clone(),
        kind: outcome.kind,
        version: members.iter().find_map(|index| steps[*index].version.clone()),
        create: false,
        // Who only leaves roles stays.
        remove: user.is_none_or(|user| user.goes),
        steps: members.to_vec(),
        after,
        body: Some(Body { json: serde_json::Value::Null, resend: Vec::new() }),
        asks: std::collections::BTreeSet::new(),
        resends: 0,
        consequences: std::collections::BTreeSet::new(),
        settles: Vec::new(),
    }
}

/// Whether the change `first` comes before `second`, at least one of which takes something away.
pub(super) fn goes_first(first: &Outcome, second: &Outcome) -> bool {
    let same = first.resource.is_some() && first.resource == second.resource;
    if same || (first.removed.is_none() && second.removed.is_none()) {
        return false;
    }
    match (&first.removed, &second.removed) {
        (Some(_), Some(_)) => refers(first, second),
        // What runs lets go of everything first, but for its own identity, which goes after what that may do.
        (None, Some(_)) => RUNS.contains(&first.kind.name) && !ends(first, second) || refers(first, second),
        (Some(_), None) => ends(second, first),
        (None, None) => false,
    }
}

/// Whether what is there of `one` stands in `other`, names it, or gives its principal rights.
fn refers(one: &Outcome, other: &Outcome) -> bool {
    let Some(id) = &other.resource else { return false };
    // What a resource is given when it is made; of what only names a principal these are others'.
    let own = |path: &&&str| path.ends_with("principalId") || path.ends_with("clientId");
    let computed = other.kind.computed.iter().filter(own);
    let principals = computed
        .filter_map(|path| steps::value_at(&other.live, &Path::members(path)).and_then(Value::as_str));
    let named = Named { kind: other.kind, id, principals: principals.collect() };
    // A database knows an identity by its client id.
    let database = one.user.as_ref().and_then(|user| user.client_id).map(|id| id.to_string());
    one.resource.as_ref().is_some_and(|own| own.within(id))
        || named.stands_in(one.kind, &Path::root(), &one.live)
        || database.is_some_and(|client| named.is_principal(&client))
}

struct Named<'a> {
    kind: &'a ResourceType,
    id: &'a ResourceId,
    principals: Vec<&'a str>,
}

impl Named<'_> {
    fn is_principal(&self, text: &str) -> bool {
        self.principals.iter().any(|own| own.eq_ignore_ascii_case(text))
    }

    fn is_id(&self, text: &str) -> bool {
        text.starts_with('/') && ResourceId::parse(text).is_some_and(|other| other.within(self.id))
    }

    /// Whether it is spoken of anywhere in a live resource of the type `of`.
    fn stands_in(&self, of: &ResourceType, path: &Path, value: &Value) -> bool {
        match &value.data {
            Data::String(text) => {
                let named = text.eq_ignore_ascii_case(self.id.name())
                    && of.names.contains(&(path.pattern().as_str(), self.kind.name));
                named || self.is_id(text) || self.is_principal(text)
            }
            Data::List(items) => items.iter().any(|item| self.stands_in(of, &path.element(""), item)),
            Data::Map(members) => members
                .iter()
                .any(|(key, member)| self.is_id(key) || self.stands_in(of, &path.key(key), member)),
            _ => false,
        }
    }
}

/// Whether `user` takes the system-assigned identity away whose rights `grant` is.
fn ends(user: &Outcome, grant: &Outcome) -> bool {
    let Some(principal) = user.live.text_at(&["identity", "principalId"]) else { return false };
    let leaves = user.owned.iter().any(|owned| !owned.in_place && takes_system_identity(user.kind, owned));
    let path =
        if grant.kind.name == ROLE_ASSIGNMENT { "properties.principalId" } else { grant.kind.principal };
    let given = || steps::value_at(&grant.live, &Path::members(path)).and_then(Value::as_str);
    leaves && !path.is_empty() && given().is_some_and(|given| given.eq_ignore_ascii_case(principal))
}

/// Whether a change of a resource takes its system-assigned identity away.
pub(crate) fn takes_system_identity(kind: &ResourceType, owned: &crate::merge::Owned) -> bool {
    let has =
        |value: &Value| word_set(value.as_str().unwrap_or_default()).contains(&"systemassigned".to_owned());
    let at_type = kind.comparison(&owned.path.pattern()) == Some(Compare::WordSet)
        && owned.path.0.first() == Some(&Segment::Key("identity".to_owned()));
    at_type && has(&owned.live) && !has(&owned.wanted)
}
