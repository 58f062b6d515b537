//! `put_back` steps under the facts at hand: what a run did to one resource, beside what is there now.

use indexmap::IndexMap;

use super::StepPlan;
use super::finding::{Finding, Status};
use super::frame::Frame;
use super::resources::Needs;
use super::rollout::revision_command;
use super::schedule::Node;
use super::started::uses;
use super::stepping::{StepRun, refusal};
use super::traffic::is_multiple;
use super::whose::is_the_runs;
use crate::azure::ResourceId;
use crate::azure::types::{self, ResourceType, Update};
use crate::diagnostic::codes;
use crate::facts::Read;
use crate::merge::{MergeError, Owned, find, place, word_set};
use crate::recipe::{PutBack, Removal, Step};
use crate::steps::{self, Outcome, Wanted, WrittenTo};
use crate::value::{Data, Path, Redacted, Segment, Value, Was, Written, strip_control};

const APP: &str = "Microsoft.App/containerApps";
const REVISIONS: &str = "Microsoft.App/containerApps/revisions";
pub(super) const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const MODE: &str = "properties.configuration.activeRevisionsMode";

impl Frame<'_, '_> {
    /// The outcome of putting back what a run did to a resource, and the values that it stands or falls with.
    pub(super) fn put_back(
        &self,
        step: &Step,
        run: &mut StepRun,
        back: &PutBack,
    ) -> (Option<Outcome>, Vec<Value>) {
        let Some(kind) = types::find(&back.id.resource_type()) else {
            let name = format!("the {} {} goes back", back.id.resource_type(), back.id.name());
            let why = "this version does not know resources of its type";
            run.findings.push(stays(name, why));
            return (None, Vec::new());
        };
        let is_app = kind.name == APP && back.id == self.engine.request.target.app_id();
        let live = if is_app {
            self.engine.app()
        } else {
            let version = back.version.clone().unwrap_or_else(|| self.engine.version(kind.name));
            self.engine.asked.value(&Read::one(&back.id, kind.name, &version))
        };
        if live.is_unknown() || refusal(&live).is_some() {
            return (None, vec![live]);
        }
        if back.created {
            return self.taken_away(run, kind, &live, back);
        }
        if live.is_null() {
            let name = format!("{} goes back", what(kind, &back.id));
            run.findings.push(stays(name, "it is not there any more"));
            return (None, Vec::new());
        }
        if kind.update == Update::Put
            && kind.told_by.is_none()
            && let Some(hidden) = kind.write_only.iter().chain(kind.presence).next()
        {
            let why = format!(
                "a {} is written as a whole, and Azure does not return its {hidden}: it would be lost",
                kind.noun
            );
            run.findings.push(stays(format!("{} goes back", what(kind, &back.id)), &why));
            return (None, Vec::new());
        }
        let asked = is_app && steps::needs_earlier(kind, &live, &back.written);
        let mut earlier: Vec<Value> = Vec::new();
        for name in back.revisions.iter().filter(|_| asked) {
            let revision = self.engine.revision_named(name);
            if revision.is_unknown() && refusal(&revision).is_none() {
                return (None, vec![revision]);
            }
            earlier.push(revision);
            // Most often the newest has all of it.
            let shown = WrittenTo {
                kind,
                live: &live,
                written: &back.written,
                places: &[],
                earlier: &earlier,
                stored: None,
                seal: &back.seal,
                force: back.force,
            };
            if steps::all_shown(&shown) {
                break;
            }
        }
        let (written, waits) = self.without_used_identity(run, kind, &live, back);
        if let Some(waits) = waits {
            return (None, vec![waits]);
        }
        let (written, waits) = match self.without_held(step, run, kind, &live, back, written) {
            Ok(written) => (written, None),
            Err(read) => (Vec::new(), Some(read)),
        };
        if let Some(waits) = waits {
            return (None, vec![waits]);
        }
        let stored = match self.told_secrets(run, kind, &live, back) {
            Ok(stored) => stored,
            Err(read) => return (None, vec![read]),
        };
        let request = WrittenTo {
            kind,
            live: &live,
            written: &written,
            places: &places(kind, &back.places),
            earlier: &earlier,
            stored: stored.as_ref(),
            seal: &back.seal,
            force: back.force,
        };
        let judged = steps::put_back(&request);
        for (path, now) in &judged.changed {
            run.findings.push(changed(kind, back, path, now));
        }
        for (path, why) in &judged.stays {
            let name = format!("{} of {} goes back", path.short(), what(kind, &back.id));
            run.findings.push(stays(strip_control(&name), why));
        }
        if judged.fragment.is_null() && judged.as_before.is_empty() {
            return (None, Vec::new());
        }
        let nothing = || Value::new(Data::Map(IndexMap::new()));
        let fragment = if judged.fragment.is_null() { nothing() } else { judged.fragment };
        let mut outcome = if is_app {
            self.container_app(step, &run.key, &fragment)
        } else {
            let wanted = Wanted {
                id: Some(back.id.clone()),
                above: back.id.parent(),
                matched: None,
                live: live.clone(),
                body: fragment,
            };
            let merged: Result<Outcome, MergeError> = steps::resource(kind, &run.key, wanted);
            self.merged(step, merged)
        };
        if let Some(outcome) = &mut outcome {
            // An empty fragment says nothing.
            outcome.owned.retain(|owned| !owned.path.0.is_empty());
            let said = |path: &Path| {
                outcome.owned.iter().any(|owned| path.contains(&owned.path) || owned.path.contains(path))
            };
            let rest: Vec<Path> = judged.as_before.into_iter().filter(|path| !said(path)).collect();
            outcome.owned.extend(rest.into_iter().map(|path| in_place(kind, &live, path)));
        }
        (outcome, Vec::new())
    }

    /// What the run created goes, if it is as the run left it, holds no data of others and lets in nobody else.
    fn taken_away(
        &self,
        run: &mut StepRun,
        kind: &'static ResourceType,
        live: &Value,
        back: &PutBack,
    ) -> (Option<Outcome>, Vec<Value>) {
        let mut goes = true;
        if !live.is_null() {
            let stored = match self.told_secrets(run, kind, live, back) {
                Ok(stored) => stored,
                Err(read) => return (None, vec![read]),
            };
            let request = WrittenTo {
                kind,
                live,
                written: &back.written,
                places: &places(kind, &back.places),
                earlier: &[],
                stored: stored.as_ref(),
                seal: &back.seal,
                force: back.force,
            };
            // Some can only be made and deleted: nobody changed them.
            let changes =
                if kind.update == Update::Never { Vec::new() } else { steps::changed_since(&request) };
            for (path, now) in changes {
                run.findings.push(changed(kind, back, &path, &now));
                goes &= back.force;
            }
            let added = if kind.update == Update::Never { Vec::new() } else { steps::added_since(&request) };
            for path in added {
                run.findings.push(added_to(kind, back, &path));
                goes &= back.force;
            }
            goes &= is_the_runs(run, kind, live, back);
            if let Some(other) = back.relied.iter().find(|other| other.resource == back.id) {
                let why = format!(
                    "run {} on {} found it in place and relies on it: undo that one first",
                    other.run, other.target
                );
                run.findings.push(stays(format!("{} goes", what(kind, &back.id)), &why));
                goes = false;
            }
            if kind.name == IDENTITY {
                match self.is_free(run, kind, back) {
                    Ok(free) => goes &= free,
                    Err(reads) => return (None, reads),
                }
            }
            if !kind.holds.is_empty() && !back.delete_data {
                let why = format!("it may hold data of others by now ({})", kind.holds);
                let name = format!("{} goes", what(kind, &back.id));
                run.findings.push(stays(name, &why).fix(format!("{} --delete-data", back.command)));
                goes = false;
            }
            let principals = [["properties", "principalId"], ["identity", "principalId"]];
            let own = kind.principal.is_empty() && kind.name != "Microsoft.Authorization/roleAssignments";
            for principal in principals.iter().filter(|_| own).filter_map(|path| live.text_at(path)) {
                match self.other_grants(principal, back) {
                    Grants::Waits(read) => return (None, vec![read]),
                    Grants::Only => {}
                    Grants::More(others) => {
                        let name = format!("{} goes", what(kind, &back.id));
                        run.findings.push(stays(name, &others_of(principal, &others)));
                        goes = false;
                    }
                    Grants::Unseen(why) => run.findings.push(unseen(kind, back, principal, &why)),
                }
            }
        }
        if !goes {
            return (None, Vec::new());
        }
        let removal = Removal::Resource { id: back.id.clone(), version: back.version.clone() };
        self.removal(run, &removal)
    }

    /// What was written, without a system-assigned identity whose principal others have given rights to; or the read
    /// that is still to come.
    fn without_used_identity(
        &self,
        run: &mut StepRun,
        kind: &ResourceType,
        live: &Value,
        back: &PutBack,
    ) -> (Vec<Written>, Option<Value>) {
        let mut written = back.written.clone();
        let Some(principal) = live.text_at(&["identity", "principalId"]) else { return (written, None) };
        let Some(at) = written.iter().position(brings_system_identity) else { return (written, None) };
        match self.other_grants(principal, back) {
            Grants::Waits(read) => return (written, Some(read)),
            Grants::Only => {}
            Grants::More(others) => {
                let name = format!("the system-assigned identity of {} goes", what(kind, &back.id));
                run.findings.push(stays(name, &others_of(principal, &others)));
                written.remove(at);
            }
            Grants::Unseen(why) => run.findings.push(unseen(kind, back, principal, &why)),
        }
        (written, None)
    }

    /// What was written, without secrets and registries of an app in Multiple mode that revisions refer to which stay
    /// active, others than those of the run that go out of service before: Azure removes none of these. Otherwise the revision that comes puts the others out of service.
    ///
    /// # Errors
    /// The read that is still to come.
    fn without_held(
        &self,
        step: &Step,
        run: &mut StepRun,
        kind: &ResourceType,
        live: &Value,
        back: &PutBack,
        written: Vec<Written>,
    ) -> Result<Vec<Written>, Value> {
        let brought = |one: &Written| held_by(&one.path).filter(|held| one.there < held.0.len());
        let single_again = back.places.iter().any(|place| *place == Path::members(MODE));
        if kind.name != APP
            || !is_multiple(live)
            || single_again
            || !written.iter().any(|one| brought(one).is_some())
        {
            return Ok(written);
        }
        let list = Read::many(&format!("{}/revisions", back.id), REVISIONS, &self.engine.version(REVISIONS));
        let list = self.engine.asked.value(&list);
        if list.is_unknown() && refusal(&list).is_none() {
            return Err(list);
        }
        let active: Vec<(&str, serde_json::Value)> = list
            .as_list()
            .unwrap_or_default()
            .iter()
            .filter(|one| one.at(&["properties", "active"]).and_then(Value::as_bool) == Some(true))
            .filter_map(|one| {
                Some((one.text_at(&["name"])?, one.at(&["properties", "template"])?.to_json()?))
            })
            .filter(|(name, _)| !self.retires(step, name))
            .collect();
        let mut told: Vec<Path> = Vec::new();
        let mut kept = Vec::new();
        for one in written {
            let holder = brought(&one).and_then(|held| {
                let found = active.iter().find(|(_, template)| refers(template, &held))?;
                Some((held, found.0.to_owned()))
            });
            let Some((held, revision)) = holder else {
                kept.push(one);
                continue;
            };
            if !told.contains(&held) {
                let name = format!("{} of {} goes", held.short(), what(kind, &back.id));
                let why = format!("the revision {revision}, which is active, refers to it");
                let fix = revision_command(self.engine.request.target, "deactivate", &revision);
                run.findings.push(stays(strip_control(&name), &why).fix(fix));
                told.push(held);
            }
        }
        // A reference that stays is read by the identity that came with it.
        let identity = |one: &Written| Path::members("identity").contains(&one.path);
        if !told.is_empty() && kept.iter().any(identity) {
            let name = format!("the identity of {} goes", what(kind, &back.id));
            run.findings.push(stays(strip_control(&name), "what stays, above, may need it"));
            kept.retain(|one| !identity(one));
        }
        Ok(kept)
    }

    /// The secrets of a resource with their values, where the run wrote some; or the read that is still to come. Where
    /// they may not be read, that is told: nobody can say whether somebody gave one another value since.
    fn told_secrets(
        &self,
        run: &mut StepRun,
        kind: &'static ResourceType,
        live: &Value,
        back: &PutBack,
    ) -> Result<Option<Value>, Value> {
        let Some((_, action)) = kind.told_by.filter(|_| steps::needs_stored(kind, live, &back.written))
        else {
            return Ok(None);
        };
        let version = back.version.clone().unwrap_or_else(|| self.engine.version(kind.name));
        let answer = self.engine.asked.value(&Read::stored(&back.id, action, kind.name, &version));
        if let Some(why) = refusal(&answer) {
            let name = format!("the secrets of {} are as the run left them", what(kind, &back.id));
            let finding = Finding::new(Status::CouldNotCheck, codes::NOT_PUT_BACK, name);
            run.findings.push(finding.detail(format!("their values may not be read: {why}")));
            return Ok(None);
        }
        if answer.is_unknown() {
            return Err(answer);
        }
        Ok(answer.get("value").cloned())
    }

    /// Which rights a principal has beside those that the run gave it, as far as Azure's own roles say.
    fn other_grants(&self, principal: &str, back: &PutBack) -> Grants {
        let subscription = ResourceId::subscription_id(&self.engine.request.target.subscription);
        let version = self.engine.version("Microsoft.Authorization/roleAssignments");
        let read = steps::role_assignments_read(&subscription, principal, &version);
        let list = self.engine.asked.value(&read);
        if let Some(why) = refusal(&list) {
            return Grants::Unseen(why);
        }
        let Some(all) = list.as_list() else {
            return if list.is_unknown() { Grants::Waits(list) } else { Grants::Only };
        };
        let ours = |id: &str| {
            ResourceId::parse(id)
                .is_some_and(|id| back.grants.iter().any(|own| own.name().eq_ignore_ascii_case(id.name())))
        };
        let others: Vec<String> = all
            .iter()
            .filter(|one| one.text_at(&["id"]).is_some_and(|id| !ours(id)))
            .filter_map(|one| one.text_at(&["properties", "scope"]))
            .map(str::to_owned)
            .collect();
        if others.is_empty() { Grants::Only } else { Grants::More(others) }
    }
}

/// Puts a node between what changes the app's template and what takes away secrets or registries, so that these are
/// two writes: Azure removes neither while a revision that is active refers to it. Its position, if there is one.
pub(super) fn barrier(
    steps: &[StepPlan],
    pending: &[usize],
    needs: &Needs,
    nodes: &mut Vec<Node>,
    edges: &mut Vec<(usize, usize)>,
) -> Option<usize> {
    let of_app = |node: &usize| steps[pending[*node]].outcome.kind.name == APP;
    let changes = |node: &usize, is: fn(&Owned) -> bool| {
        steps[pending[*node]].outcome.owned.iter().any(|owned| !owned.in_place && is(owned))
    };
    let nodes_of = |is: fn(&Owned) -> bool| -> Vec<usize> {
        (0..pending.len()).filter(of_app).filter(|node| changes(node, is)).collect()
    };
    let takes = nodes_of(takes_away);
    let needs_one = |node: &usize| {
        let own = needs.get(&steps[pending[*node]].key);
        takes.iter().any(|take| own.is_some_and(|own| own.contains(&steps[pending[*take]].key)))
    };
    let template: Vec<usize> = nodes_of(|owned| delivers(&owned.path))
        .into_iter()
        .filter(|node| !takes.contains(node) && !needs_one(node))
        .collect();
    if takes.is_empty() || template.is_empty() {
        return None;
    }
    let barrier = nodes.len();
    let name = "put-back".to_owned();
    nodes.push(Node { key: name.clone(), resource: name, by_others: false, waits: false });
    edges.extend(template.into_iter().map(|node| (node, barrier)));
    edges.extend(takes.into_iter().map(|node| (barrier, node)));
    Some(barrier)
}

/// What says which revisions of an app are there and which of them serve: the template, the mode, the traffic.
pub(crate) const DELIVERS: [&str; 3] =
    ["properties.template", MODE, "properties.configuration.ingress.traffic"];

/// Whether a path is in what says which revisions are there and which of them serve.
pub(crate) fn delivers(path: &Path) -> bool {
    DELIVERS.iter().any(|above| Path::members(above).contains(path))
}

/// What templates refer to.
const HELD: &[&str] = &["properties.configuration.secrets[]", "properties.configuration.registries[]"];

/// The secret or registry that a path is in.
fn held_by(path: &Path) -> Option<Path> {
    let element = Path(path.0.get(..4)?.to_vec());
    HELD.contains(&element.pattern().as_str()).then_some(element)
}

/// Whether a template refers to this secret or registry.
fn refers(template: &serde_json::Value, held: &Path) -> bool {
    let Some(Segment::Element(name)) = held.0.last() else { return false };
    if held.pattern() == HELD[0] {
        return uses(template, name);
    }
    let images = ["containers", "initContainers"].into_iter().filter_map(|list| template[list].as_array());
    let host = format!("{}/", name.to_ascii_lowercase());
    images
        .flatten()
        .filter_map(|one| one["image"].as_str())
        .any(|image| image.to_ascii_lowercase().starts_with(&host))
}

/// Whether a change takes away something that templates refer to.
fn takes_away(owned: &Owned) -> bool {
    owned.wanted.is_null() && !owned.live.is_null() && HELD.contains(&owned.path.pattern().as_str())
}

/// What is as it was, and of which nothing needs to be said to Azure.
fn in_place(kind: &ResourceType, live: &Value, path: Path) -> Owned {
    let live = find(kind, live, &path).cloned().unwrap_or_else(Value::null);
    Owned { path, wanted: live.clone(), live, in_place: true, default: false }
}

/// What a principal may do beside what the run gave it.
enum Grants {
    /// That is still to be read.
    Waits(Value),
    /// Nothing.
    Only,
    /// Something, at these scopes.
    More(Vec<String>),
    /// It could not be seen.
    Unseen(String),
}

fn places(kind: &ResourceType, paths: &[Path]) -> Vec<Path> {
    paths.iter().map(|path| place(kind, path)).collect()
}

/// Whether a write gave its resource an identity of its own.
fn brings_system_identity(one: &Written) -> bool {
    let has = |was: &Was| match was {
        Was::Value(json) => {
            word_set(json.as_str().unwrap_or_default()).contains(&"systemassigned".to_owned())
        }
        _ => false,
    };
    one.path == Path::members("identity.type") && has(&one.after) && !has(&one.before)
}

pub(super) fn what(kind: &ResourceType, id: &ResourceId) -> String {
    format!("the {} {}", kind.noun, id.name())
}

fn others_of(principal: &str, scopes: &[String]) -> String {
    format!(
        "its principal {principal} has rights that the run did not give, on {}: they would end with it",
        strip_control(&scopes.join(", "))
    )
}

fn unseen(kind: &ResourceType, back: &PutBack, principal: &str, why: &str) -> Finding {
    Finding::new(
        Status::CouldNotCheck,
        codes::NOT_PUT_BACK,
        format!("nobody else relies on the identity of {}", what(kind, &back.id)),
    )
    .detail(format!("what else its principal {principal} may do cannot be seen, and ends with it: {why}"))
}

/// What is not put back, and why.
pub(super) fn stays(name: String, why: &str) -> Finding {
    Finding::new(Status::Warning, codes::NOT_PUT_BACK, name).detail(strip_control(why))
}

/// What somebody changed since.
pub(super) fn changed(kind: &ResourceType, back: &PutBack, path: &Path, now: &Value) -> Finding {
    let name = format!("{} of {} is as the run left it", path.short(), what(kind, &back.id));
    let now = if now.is_null() { "not there".to_owned() } else { strip_control(&Redacted(now).to_string()) };
    let status = if back.force { Status::Warning } else { Status::Failed };
    let finding = Finding::new(status, codes::CHANGED_SINCE, strip_control(&name));
    if back.force {
        return finding.detail(format!("it is {now}; it goes back all the same, as --force says"));
    }
    finding
        .detail(format!("it is {now}: somebody changed it since, and nothing is put back"))
        .fix(format!("{} --force puts it back all the same", back.command))
}

/// What somebody put into a resource that the run created.
pub(super) fn added_to(kind: &ResourceType, back: &PutBack, path: &Path) -> Finding {
    let name = format!("{} of {} is as the run left it", path.short(), what(kind, &back.id));
    let status = if back.force { Status::Warning } else { Status::Failed };
    let finding = Finding::new(status, codes::CHANGED_SINCE, strip_control(&name));
    if back.force {
        return finding.detail("it was added since; it goes with the rest, as --force says");
    }
    finding
        .detail("somebody added it since, and it would go with the rest: nothing is put back")
        .fix(format!("{} --force removes it all the same", back.command))
}
