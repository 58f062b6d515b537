//! Undoing a run: from its journal to a run of a recipe that is made in memory.
//!
//! The recipe has one step for each write of the run, in reverse order: what was begun after a write had ended may
//! rely on it, and goes first. So plan, diff, approval, rights, waits, health and journal are those of every run, and
//! an interrupted undo goes on from live state as any other. A resource that the run created is one step, however
//! often the run wrote it.
//!
//! Pure: the journal says what was there and what the run made of it, live state what is there now. A write without an
//! answer may or may not have happened, and needs no word of its own: what is as it was is in place.

mod recipe;
mod writes;

use std::collections::BTreeMap;
use std::str::FromStr;

use uuid::Uuid;

use crate::azure::ResourceId;
use crate::azure::sql::Name;
use crate::azure::types;
use crate::journal::Journal;
use crate::journal::entry::{Before, Kept, Kind, OwnedPath, Part};
use crate::merge::place;
use crate::plan::Selection;
use crate::recipe::{PutBack, Removal, SqlRemoval, StepKind};
use crate::value::{Path, Seal, Segment, Was, Written};

use writes::{Made, writes};

/// How a run is put back.
#[derive(Clone, Debug)]
pub struct Options {
    /// What somebody changed since goes back all the same.
    pub force: bool,
    /// What may hold data of others by now goes, too.
    pub delete_data: bool,
    /// Makes the seals of values that are not in the journal.
    pub seal: Seal,
    /// The command that puts the run back, for advice.
    pub command: String,
}

/// What undoing a run comes to.
#[derive(Clone, Debug)]
pub struct Undo {
    /// The recipe that puts it back.
    pub selection: Selection,
    /// What the run did that nothing takes back, in a few words each.
    pub stays: Vec<String>,
}

/// What puts back the runs whose journals are `runs`, oldest first: a run that was interrupted and those that went on
/// from it are one.
pub fn undo(runs: &[&Journal], options: &Options) -> Undo {
    let made = writes(runs);
    let mut stays: Vec<String> = Vec::new();
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
    let mut steps: Vec<(usize, StepKind)> = Vec::new();
    for (id, of_it) in &by_resource {
        steps.extend(of_resource(id, of_it, &made, &grants, options));
    }
    for (index, one) in made.iter().enumerate() {
        match one.before.kind {
            Kind::Resource | Kind::Rollout if written_to(one.before).is_some() => {}
            Kind::Database => match of_database(one.before) {
                Some(removal) => steps.push((index, StepKind::Removal(Box::new(removal)))),
                None => stays.push(one.before.what.clone()),
            },
            // It only made a change take effect.
            Kind::Restart => {}
            _ if stays.contains(&one.before.what) => {}
            _ => stays.push(one.before.what.clone()),
        }
    }
    steps.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
    Undo { selection: recipe::selection(runs, &made, steps), stays }
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
) -> Vec<(usize, StepKind)> {
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
            serving: before.serving.clone(),
            grants: grants.to_vec(),
            seal: options.seal.clone(),
            force: options.force,
            delete_data: options.delete_data,
            command: options.command.clone(),
        };
        (index, StepKind::PutBack(Box::new(back)))
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
    of_it.iter().zip(writes).map(|(index, written)| step(*index, false, written)).collect()
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
        let values = seen.entry(spelled(&path_of(&one.at))).or_default();
        values.extend([was(&one.before), was(&one.after)]);
    }
    let written = |index: &usize| {
        let owned = made[*index].before.owned.iter();
        let one = |owned: &OwnedPath| {
            let path = path_of(&owned.at);
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

fn path_of(parts: &[Part]) -> Path {
    Path(parts.iter().map(Segment::from).collect())
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
        match path_of(&owned.at).0.as_slice() {
            [Segment::Key(key)] if key == "clientId" => user = true,
            [Segment::Key(key), Segment::Element(role)] if key == "roles" => roles.push(Name::new(role).ok()?),
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
