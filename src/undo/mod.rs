//! Undoing a run: from its journal to a run of a recipe that is made in memory.
//!
//! The recipe has one step for each write of the run, in reverse order: what was begun after a write had ended may
//! rely on it, and goes first. So plan, diff, approval, rights, waits, health and journal are those of every run, and
//! an interrupted undo goes on from live state as any other. A resource that the run created is one step, however
//! often the run wrote it.
//!
//! Pure: the journal says what was there and what the run made of it, live state what is there now. A write without an
//! answer may or may not have happened, and needs no word of its own: what is as it was is in place.

mod choice;
mod recipe;
mod writes;

use std::collections::BTreeMap;
use std::str::FromStr;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::azure::ResourceId;
use crate::azure::sql::Name;
use crate::azure::types;
use crate::journal::Journal;
use crate::journal::entry::{Before, Identity, Kept, Kind, OwnedPath, SYSTEM};
use crate::merge::{place, word_set};
use crate::plan::{DELIVERS, Selection, delivers};
use crate::recipe::{PutBack, Relied, Removal, Service, SqlRemoval, StepKind};
use crate::value::{Path, Seal, Segment, Was, Written};

use writes::{Made, writes};

pub use choice::{UNDO, apart, last, lost, relied, undone, unread, whole, wrote};
pub use recipe::works_on;

/// How a run is put back.
#[derive(Clone, Debug)]
pub struct Options {
    /// What somebody changed since goes back all the same.
    pub force: bool,
    /// What may hold data of others by now goes, too.
    pub delete_data: bool,
    /// What runs that came later found in place, and rely on.
    pub relied: Vec<Relied>,
    /// Those of them whose journals cannot be read, by id.
    pub unread: Vec<String>,
    /// Makes the seals of values that are not in the journal.
    pub seal: Seal,
    /// The command that puts the run back, for advice.
    pub command: String,
}

/// What the run did that nothing takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stays {
    /// What, in a few words.
    what: String,
    /// Why.
    why: &'static str,
}

/// The recipe that puts back the runs whose journals are `runs`, oldest first: a run that was interrupted and those
/// that went on from it are one.
pub fn undo(runs: &[&Journal], options: &Options) -> Selection {
    let made = writes(runs);
    let mut stays: Vec<Stays> = Vec::new();
    let grants: Vec<ResourceId> = made
        .iter()
        .filter(|one| one.before.create)
        .filter_map(|one| ResourceId::parse(&one.before.path))
        .filter(|id| id.resource_type().eq_ignore_ascii_case("Microsoft.Authorization/roleAssignments"))
        .collect();
    let mut by_resource: BTreeMap<ResourceId, Vec<usize>> = BTreeMap::new();
    for (index, one) in made.iter().enumerate() {
        if let (Kind::Resource | Kind::Rollout, Some(id)) = (one.before.kind, written_to(one.before)) {
            by_resource.entry(id).or_default().push(index);
        }
    }
    let mut steps: Vec<Part> = Vec::new();
    for (id, of_it) in &by_resource {
        steps.extend(of_resource(id, of_it, &made, &grants, options));
    }
    for (index, one) in made.iter().enumerate() {
        match one.before.kind {
            Kind::Database => match of_database(one.before) {
                Some(removal) => {
                    let kind = StepKind::Removal(Box::new(removal));
                    steps.push(Part { index, of: None, place: Place::Rest, kind });
                }
                None => stays.push(stay(one.before, "the journal does not say which user it made")),
            },
            Kind::Build => stays.push(stay(one.before, "the image stays in its registry")),
            Kind::Resource if written_to(one.before).is_none() => {
                stays.push(stay(one.before, "what was removed is not made anew: apply its recipe again"));
            }
            // What is left made a change take effect, or says whether a revision is active: see `services`.
            Kind::Resource | Kind::Rollout | Kind::Restart => {}
            Kind::Action if service_of(one.before).is_some() => {}
            Kind::Action => stays.push(stay(one.before, "what it set off cannot be taken back")),
            Kind::Other => stays.push(stay(one.before, "a newer version did it, and can undo it")),
        }
    }
    stays.dedup();
    steps.extend(services(runs, &made, &steps));
    steps.sort_by_key(|part| std::cmp::Reverse((part.index, part.place.clone())));
    recipe::selection(runs, &made, steps, &stays)
}

fn stay(before: &Before, why: &'static str) -> Stays {
    Stays { what: before.what.clone(), why }
}

/// What puts back a write, or a part of it.
#[derive(Clone, Debug)]
struct Part {
    /// The position of the write.
    index: usize,
    /// The resource; `None`: a database.
    of: Option<ResourceId>,
    /// Which part of the write.
    place: Place,
    /// How.
    kind: StepKind,
}

/// The parts of what puts back a write, the last of which goes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// What nothing below stands for.
    Rest,
    /// What the run took away, of that which templates refer to.
    Brings,
    /// A revision that the run made is put out of service: what it refers to can go then.
    Retires(String),
    /// What says which revisions there are and which of them serve.
    Delivers,
    /// A revision that the run put out of service runs again, since it is to serve.
    Revives(String),
}

/// The revisions that are put out of service, or into it again.
///
/// In Single mode Azure does that by itself. In Multiple mode a revision that the run made would go on running, and
/// hold what it refers to; and traffic would go to one that the run put out of service.
fn services(runs: &[&Journal], made: &[Made<'_>], parts: &[Part]) -> Vec<Part> {
    let of_app = |part: &&Part| part.place == Place::Delivers;
    let Some(app) = parts.iter().find(of_app).and_then(|part| part.of.clone()) else { return Vec::new() };
    let written: Vec<&Written> = parts
        .iter()
        .filter(of_app)
        .filter_map(|part| match &part.kind {
            StepKind::PutBack(back) => Some(&back.written),
            _ => None,
        })
        .flatten()
        .collect();
    let first = |at: &str| written.iter().find(|one| one.path == Path::members(at)).map(|one| &one.first);
    let single = |was: &Was| !matches!(was, Was::Value(mode) if mode == "Multiple");
    let single_again = first(DELIVERS[1]).is_some_and(single);
    let service = |index: usize, place: Place, revision: &str, active: bool| Part {
        index,
        of: Some(app.clone()),
        place,
        kind: StepKind::Service(Box::new(Service {
            app: app.clone(),
            revision: revision.to_owned(),
            active,
            shifts: first(DELIVERS[2]).is_some(),
        })),
    };
    let mut all: Vec<Part> = Vec::new();
    let own = if single_again { Vec::new() } else { writes::revisions(runs) };
    for (at, revision) in own {
        let by = made.iter().rposition(|one| one.begun < at && written_to(one.before).as_ref() == Some(&app));
        all.extend(by.map(|index| service(index, Place::Retires(revision.to_owned()), revision, false)));
    }
    let serves = |revision: &str| match first(DELIVERS[2]) {
        Some(Was::Value(traffic)) => traffic.as_array().is_some_and(|entries| {
            entries.iter().any(|entry| {
                let gets = entry["weight"].as_u64() != Some(0) || entry["label"].is_string();
                gets && entry["revisionName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(revision))
            })
        }),
        _ => false,
    };
    for (index, one) in made.iter().enumerate() {
        if let Some((revision, "deactivate")) = service_of(one.before)
            && serves(revision)
        {
            all.push(service(index, Place::Revives(revision.to_owned()), revision, true));
        }
    }
    all
}

/// The revision that a request puts into service or out of it, and the verb.
fn service_of(before: &Before) -> Option<(&str, &str)> {
    let mut parts = before.path.rsplit('/');
    let (verb, revision, of) = (parts.next()?, parts.next()?, parts.next()?);
    let one = before.method == "POST" && of.eq_ignore_ascii_case("revisions");
    (one && matches!(verb, "activate" | "deactivate")).then_some((revision, verb))
}

/// The resource that a write changed; `None`: it made one go, or asked it to do something.
fn written_to(before: &Before) -> Option<ResourceId> {
    matches!(before.method.as_str(), "PUT" | "PATCH").then(|| ResourceId::parse(&before.path)).flatten()
}

/// The steps that put back what was done to a resource, each with the position of its write.
fn of_resource(
    id: &ResourceId,
    of_it: &[usize],
    made: &[Made<'_>],
    grants: &[ResourceId],
    options: &Options,
) -> Vec<Part> {
    let writes: Vec<Vec<Written>> = chains(id, of_it, made);
    let places: Vec<Path> = writes.iter().flatten().map(|one| one.path.clone()).collect();
    let Some(first) = of_it.first().copied() else { return Vec::new() };
    let step = |index: usize, created: bool, written: Vec<Written>| {
        let before = made[index].before;
        let own = Some(before.api_version.clone()).filter(|version| !is_usual(id, version));
        let back = PutBack {
            id: id.clone(),
            version: own,
            created,
            written,
            places: places.clone(),
            revisions: revisions_before(before),
            principal: if created { principal_of(id, of_it, made) } else { None },
            made: if created { dated(of_it, made) } else { None },
            over: of_it.last().filter(|_| created).and_then(|last| made[*last].seen),
            grants: grants.to_vec(),
            relied: options.relied.clone(),
            unread: options.unread.clone(),
            seal: options.seal.clone(),
            force: options.force,
            delete_data: options.delete_data,
            command: options.command.clone(),
        };
        Part { index, of: Some(id.clone()), place: Place::Rest, kind: StepKind::PutBack(Box::new(back)) }
    };
    if made[first].before.create {
        let mut all: Vec<Written> = Vec::new();
        for one in writes.into_iter().flatten() {
            if !all.iter().any(|have| have.path == one.path) {
                all.push(one);
            }
        }
        return vec![step(first, true, all)];
    }
    let is_app = id.resource_type().eq_ignore_ascii_case("Microsoft.App/containerApps");
    let mut steps = Vec::new();
    for (index, written) in of_it.iter().zip(writes) {
        // What the template refers to is there before anything runs that does, and goes once nothing does any more.
        let place_of = |one: &Written| match one {
            one if is_app && delivers(&one.path) => Place::Delivers,
            one if is_app && taken(one) => Place::Brings,
            _ => Place::Rest,
        };
        for place in [Place::Delivers, Place::Brings, Place::Rest] {
            let part: Vec<Written> = written.iter().filter(|one| place_of(one) == place).cloned().collect();
            if !part.is_empty() {
                steps.push(Part { place, ..step(*index, false, part) });
            }
        }
    }
    steps
}

/// The revisions that say what was there before a write: the newest first.
fn revisions_before(before: &Before) -> Vec<String> {
    let mut all: Vec<String> = before.latest.iter().chain(&before.serving).cloned().collect();
    all.dedup();
    all
}

/// The principal that Azure gave an identity which the run made, or the identity of what it made.
fn principal_of(id: &ResourceId, of_it: &[usize], made: &[Made<'_>]) -> Option<String> {
    let shown = of_it.iter().rev().filter_map(|index| made[*index].accepted);
    let own = |one: &&Identity| one.id == SYSTEM || ResourceId::parse(&one.id).as_ref() == Some(id);
    shown.flat_map(|accepted| &accepted.identities).find(own).map(|one| one.principal.clone())
}

/// When Azure made what the run created, as the first answer that says so dates it.
fn dated(of_it: &[usize], made: &[Made<'_>]) -> Option<OffsetDateTime> {
    of_it.iter().find_map(|index| made[*index].accepted?.created_at)
}

/// Whether a write took something away.
fn taken(one: &Written) -> bool {
    let of_words = one.path == Path::members("identity.type");
    let words = |was: &Was| match was {
        Was::Value(json) => word_set(json.as_str().unwrap_or_default()),
        _ => Vec::new(),
    };
    if of_words {
        let (before, after) = (words(&one.before), words(&one.after));
        return before.iter().any(|word| !after.contains(word));
    }
    one.after == Was::Absent && one.before != Was::Absent
}

/// Whether an api-version is one that the type is used with anyway.
fn is_usual(id: &ResourceId, version: &str) -> bool {
    types::find(&id.resource_type()).is_some_and(|kind| kind.versions.contains(&version))
}

/// What each write of a resource changed, with what other writes of the run made of the same places.
fn chains(id: &ResourceId, of_it: &[usize], made: &[Made<'_>]) -> Vec<Vec<Written>> {
    let kind = types::find(&id.resource_type());
    let spelled = |path: &Path| kind.map_or_else(|| path.clone(), |kind| place(kind, path));
    let mut seen: BTreeMap<Path, Vec<Was>> = BTreeMap::new();
    for one in of_it.iter().flat_map(|index| &made[*index].before.owned) {
        let values = seen.entry(spelled(&path_of(one))).or_default();
        values.extend([was(&one.before), was(&one.after)]);
    }
    let written = |index: &usize| {
        let owned = made[*index].before.owned.iter();
        let one = |owned: &OwnedPath| {
            let path = path_of(owned);
            let values = seen.get(&spelled(&path)).cloned().unwrap_or_default();
            Written {
                there: owned.there,
                before: was(&owned.before),
                after: was(&owned.after),
                first: values.first().cloned().unwrap_or(Was::Unknown),
                values,
                path,
            }
        };
        owned.map(one).collect()
    };
    of_it.iter().map(written).collect()
}

pub(in crate::undo) fn path_of(owned: &OwnedPath) -> Path {
    Path(owned.at.iter().map(Segment::from).collect())
}

fn was(kept: &Kept) -> Was {
    match kept {
        Kept::Absent => Was::Absent,
        Kept::Value(json) => Was::Value(json.clone()),
        Kept::Hidden(seal) => Was::Hidden(seal.clone()),
        Kept::Unknown => Was::Unknown,
    }
}

/// What takes back what a script made of a user.
fn of_database(before: &Before) -> Option<Removal> {
    let database = before.database.as_ref()?;
    let added = |owned: &&OwnedPath| owned.before == Kept::Absent;
    let mut roles = Vec::new();
    let mut user = false;
    for owned in before.owned.iter().filter(added) {
        match path_of(owned).0.as_slice() {
            [Segment::Key(key)] if key == "clientId" => user = true,
            [Segment::Key(key), Segment::Element(role)] if key == "roles" => {
                roles.push(Name::new(role).ok()?);
            }
            _ => {}
        }
    }
    Some(Removal::Sql(SqlRemoval {
        server: ResourceId::parse(&database.server)?,
        database: database.name.clone(),
        name: Name::new(&database.user).ok()?,
        client_id: Uuid::from_str(database.client_id.as_deref()?).ok()?,
        roles,
        user,
    }))
}
