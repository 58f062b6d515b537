//! Putting runs back: a state folder of a test's own, and how a state is compared with the one before.

use std::sync::{Arc, Mutex};

use acarecipe::clock::Clock as _;
use acarecipe::execute::{Applied, Begun, Hook, Note, Observed, WriteEnd, WriteRecord};
use acarecipe::journal::{self, StateFolder, Writer};
use acarecipe::plan::{Selection, Status};
use acarecipe::sandbox::State;
use acarecipe::undo::{self, Options};
use acarecipe::value::Seal;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::others::{meaning, nothing_lost};
use super::world::{Run, World};

/// A state folder of a test's own.
pub struct Kept {
    _root: TempDir,
    pub folder: StateFolder,
    /// How many writes are sent; `None`: all.
    pub cut: Option<usize>,
    /// The interrupted run that the next one goes on from.
    pub continues: Option<String>,
}

impl Kept {
    pub fn new() -> Kept {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(root.path());
        Kept { _root: root, folder, cut: None, continues: None }
    }

    /// Runs a selection with a journal; the id of the run.
    #[track_caller]
    pub fn run(&self, world: &World, selection: &Selection, undoes: Option<&str>) -> (String, Run) {
        self.try_run(world, selection, undoes).unwrap_or_else(|planned| {
            let failed = planned.plan.prerequisites.iter().filter(|one| one.status == Status::Failed);
            let failed: Vec<String> = failed
                .map(|one| format!("{}: {}", one.name, one.detail.as_deref().unwrap_or_default()))
                .collect();
            panic!("blocked: {:?} {} {:?}", planned.plan.problems, failed.join("\n"), planned.plan.unreadable)
        })
    }

    pub fn try_run(
        &self,
        world: &World,
        selection: &Selection,
        undoes: Option<&str>,
    ) -> Result<(String, Run), Box<Observed>> {
        let target = world.target();
        let mut executor = world.executor();
        World::block_on(async {
            let begun = self.begun(world);
            let planned = executor.observe_once_over(&begun, selection, &target, true).await;
            let planned = planned.expect("the plan can be made");
            let planned = executor.observe_awaited(planned, selection, &target).await.expect("awaited");
            if planned.plan.blocked() {
                return Err(Box::new(planned));
            }
            let (id, writer) = self.writer(world, undoes);
            executor.hook = match self.cut {
                Some(left) => Arc::new(Cut { writer: Arc::clone(&writer), left: Mutex::new(left) }),
                None => Arc::clone(&writer) as _,
            };
            let done = Mutex::new(Applied::default());
            let applied =
                executor.apply(&planned.plan, planned.facts.clone(), selection, &target, &done).await;
            let end = match applied {
                Ok(_) => executor.observe_after(selection, &target).await,
                Err(failure) => Err(failure),
            };
            writer.end(if end.is_ok() { "ok" } else { "failed" }).unwrap();
            Ok((id, Run { planned, applied: done.into_inner().unwrap(), end }))
        })
    }

    /// What earlier runs began and did not see the end of.
    fn begun(&self, world: &World) -> Vec<Begun> {
        let journals = self.folder.runs().unwrap().journals;
        journals.iter().flat_map(|journal| journal.begun(world.clock.now())).collect()
    }

    /// A journal of a run that begins now, and its id.
    pub fn writer(&self, world: &World, undoes: Option<&str>) -> (String, Arc<Writer>) {
        let target = world.target();
        let id = self.folder.new_id(world.clock.now()).unwrap().to_string();
        let run = journal::entry::Run {
            format: journal::FORMAT,
            id: id.clone(),
            tool: "acarecipe test".to_owned(),
            at: world.clock.now(),
            command: if undoes.is_some() { "undo" } else { "apply" }.to_owned(),
            pid: 0,
            target: journal::entry::Target {
                sandbox: true,
                endpoint: "sandbox".to_owned(),
                cloud: target.cloud.name.clone(),
                tenant: target.tenant.clone(),
                subscription: target.subscription.clone(),
                resource_group: target.resource_group.clone(),
                app: Some(target.app.clone()),
                environment: None,
                location: None,
                container: None,
            },
            caller: None,
            recipes: Vec::new(),
            planned: Vec::new(),
            undoes: undoes.map(str::to_owned),
            continues: self.continues.clone(),
            correlation_id: None,
        };
        let clock = Arc::clone(&world.clock) as Arc<dyn acarecipe::clock::Clock>;
        (id, Arc::new(Writer::begin(&self.folder, run, Vec::new(), None, clock).unwrap()))
    }

    pub fn options(&self) -> Options {
        let key = self.folder.key().unwrap();
        Options {
            force: false,
            delete_data: false,
            relied: Vec::new(),
            unread: Vec::new(),
            seal: Seal(Arc::new(move |json| key.hide(json))),
            command: "acarecipe undo".to_owned(),
        }
    }

    /// What puts these runs back, which are one.
    pub fn undo_of(&self, ids: &[&str], options: &Options) -> Selection {
        let journals: Vec<journal::Journal> = ids.iter().map(|id| self.folder.journal(id).unwrap()).collect();
        let journals: Vec<&journal::Journal> = journals.iter().collect();
        undo::undo(&journals, options)
    }

    #[track_caller]
    pub fn undo(&self, world: &World, id: &str) -> Run {
        let undo = self.undo_of(&[id], &self.options());
        self.run(world, &undo, Some(id)).1
    }
}

/// A state as it is compared with that before the run. Beside what means nothing anyway these differ by nature:
/// - revisions: one never changes or goes, so the one from before is made again under another name;
/// - what a registry has built stays there, with its images and runs;
/// - the executions of a job that was there are history.
fn compared(state: &State) -> Json {
    let mut all = meaning(state);
    for app in all["apps"].as_object_mut().unwrap().values_mut() {
        let app = app.as_object_mut().unwrap();
        for gone in ["revisions", "latest_ready"] {
            app.shift_remove(gone);
        }
    }
    for registry in all["registries"].as_object_mut().unwrap().values_mut() {
        for gone in ["tasks", "repositories"] {
            registry.as_object_mut().unwrap().shift_remove(gone);
        }
    }
    for job in all["jobs"].as_object_mut().unwrap().values_mut() {
        job.as_object_mut().unwrap().shift_remove("executions");
    }
    // Azure fills in this default with the first write of the login settings, and tells it from then on.
    for config in all["auth_configs"].as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
        let login = config["properties"]["login"].as_object_mut();
        if let Some(login) =
            login.filter(|login| login.get("preserveUrlFragmentsForLogins") == Some(&Json::Bool(false)))
        {
            login.shift_remove("preserveUrlFragmentsForLogins");
        }
    }
    pruned(&mut all);
    all
}

/// Nothing, an empty list and an empty object are one to Azure.
pub fn pruned(value: &mut Json) {
    match value {
        Json::Object(members) => {
            members.values_mut().for_each(pruned);
            members.retain(|_, member| !empty(member));
        }
        Json::Array(elements) => elements.iter_mut().for_each(pruned),
        _ => {}
    }
}

fn empty(value: &Json) -> bool {
    value.is_null()
        || value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Where two states differ, with both sides.
fn differences(path: &str, one: &Json, other: &Json, all: &mut Vec<String>) {
    match (one, other) {
        (Json::Object(a), Json::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let null = Json::Null;
                let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                differences(&format!("{path}/{key}"), a, b, all);
            }
        }
        (a, b) if a == b => {}
        (a, b) => all.push(format!("{path}: {a} became {b}")),
    }
}

/// What is not as it was before the run.
pub fn changed(before: &State, after: &State) -> Vec<String> {
    let mut all = Vec::new();
    differences("", &compared(before), &compared(after), &mut all);
    all
}

#[track_caller]
pub fn same(before: &State, after: &State) {
    let all = changed(before, after);
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// What the undo of a run told that it leaves, by what each is about.
pub fn left(run: &Run) -> Vec<String> {
    let told = run
        .planned
        .plan
        .prerequisites
        .iter()
        .filter(|one| one.code == acarecipe::diagnostic::codes::NOT_PUT_BACK);
    told.map(|one| format!("{}: {}", one.name, one.detail.as_deref().unwrap_or_default())).collect()
}

/// The same for any run; `excuses`: what it cannot get back, and is told.
pub fn back_again(world: &World, selection: &Selection, excuses: &[&str]) -> Result<(), String> {
    let (before, kept) = (world.sandbox.state(), Kept::new());
    let (id, run) = kept.run(world, selection, None);
    if let Err(failure) = &run.end {
        return Err(format!("the run failed: {failure:?}"));
    }
    assert!(!run.applied.writes.is_empty(), "it writes something");
    let options = Options { delete_data: true, ..kept.options() };
    let undo = kept.undo_of(&[&id], &options);
    let (undone, back) = kept.run(world, &undo, Some(&id));
    if let Err(failure) = &back.end {
        return Err(format!("the undo failed: {failure:?}"));
    }
    let after = world.sandbox.state();
    nothing_lost(&before, &after);
    let mut all = changed(&before, &after);
    let excused = |line: &String| !left(&back).is_empty() && excuses.iter().any(|one| line.contains(one));
    all.retain(|line| !excused(line));
    if !all.is_empty() {
        return Err(format!("{}\nleft: {:#?}", all.join("\n"), left(&back)));
    }
    let again = kept.run(world, &undo, Some(&id)).1;
    if again.applied.writes.is_empty() && again.end.is_ok() {
        Ok(())
    } else {
        Err(format!("undone again it writes: {:?} {undone}", again.applied.writes))
    }
}

/// Whether a difference is one that the undo of a scenario cannot help, and told.
pub fn excused(scenario: &str, line: &str, back: &Run) -> bool {
    !left(back).is_empty() && excuses(scenario).iter().any(|one| line.contains(one))
}

/// What a scenario cannot get back, and is told.
pub fn excuses(scenario: &str) -> &'static [&'static str] {
    match scenario {
        // The value of a secret that it replaced.
        "easy-auth, a new secret restarts what uses it" => {
            &["microsoft-provider-authentication-secret", "/secrets"]
        }
        _ => &[],
    }
}

/// What stands in the way of a plan.
pub fn world_failed(planned: &Observed) -> Vec<String> {
    let failed = planned.plan.prerequisites.iter().filter(|one| one.status == Status::Failed);
    failed.map(|one| format!("{}: {}", one.name, one.detail.as_deref().unwrap_or_default())).collect()
}

/// Writes lines and lets no more than so many writes be sent.
struct Cut {
    writer: Arc<Writer>,
    left: Mutex<usize>,
}

impl Hook for Cut {
    fn before(&self, write: &WriteRecord) -> Result<(), String> {
        self.writer.before(write)?;
        let mut left = self.left.lock().unwrap();
        *left = left.checked_sub(1).ok_or("killed")?;
        Ok(())
    }

    fn after(&self, write: &WriteRecord, end: &WriteEnd) {
        self.writer.after(write, end);
    }

    fn note(&self, note: &Note) {
        self.writer.note(note);
    }
}
