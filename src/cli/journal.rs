//! The journal of a command that may write: its folder, the target's lock, and the lines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::arguments;
use super::context::Context;
use crate::azure::Cloud;
use crate::diagnostic::{Diagnostic, codes, quote};
use crate::execute::{Begun, Executor, Hook, described, marked, rollout_stages};
use crate::journal::entry::{End, Found, Instance, Kept, Run, Target};
use crate::journal::{FORMAT, Journal, JournalError, Key, LOOKED_AT, Lock, RunId, StateFolder, Writer};
use crate::plan::{Earlier, Plan, Selection};
use crate::recipe::{BoundInput, BoundValue, InputOrigin};
use crate::render::Screen;
use crate::report::Ending;
use crate::undo;
use crate::value::{Data, Marks, Value, strip_control};

/// Names the state folder, in runs against Azure.
const STATE_DIR: &str = "ACARECIPE_STATE_DIR";

/// What ends the name of the folder beside a sandbox's state file.
const BESIDE: &str = ".runs";

/// The state folder of a command: what the flag says; in the sandbox the one beside its state file, else the
/// variable's or the user's.
///
/// # Errors
/// There is no home folder.
pub(super) fn folder(flag: Option<&Path>, sandbox: Option<&Path>) -> Result<StateFolder, JournalError> {
    if let Some(folder) = flag {
        return Ok(StateFolder::at(folder));
    }
    if let Some(state) = sandbox {
        return Ok(StateFolder::at(beside(state)));
    }
    match std::env::var_os(STATE_DIR).filter(|value| !value.is_empty()) {
        Some(folder) => Ok(StateFolder::at(folder)),
        None => StateFolder::of_user(),
    }
}

/// Where the journals of the sandbox are whose state is in `state`.
pub(super) fn beside(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(BESIDE);
    PathBuf::from(name)
}

/// The journals of a command: the runs on its apps share one folder, and what was read of it.
#[derive(Debug, Default)]
pub(super) struct Journals {
    folder: OnceLock<StateFolder>,
    /// Whether a run has written one.
    grown: AtomicBool,
}

impl Journals {
    /// Removes the journals that are not kept any longer, once for all runs of the command, where one has added to
    /// them; tells what could not be done.
    pub(super) fn prune(&self, now: time::OffsetDateTime, screen: &Screen) {
        let Some(folder) = self.folder.get().filter(|_| self.grown.load(Ordering::Relaxed)) else { return };
        let Err(error) = folder.prune(now) else { return };
        let message = format!("journals that are not kept any longer could not be removed: {error}");
        screen.diagnostics(&[Diagnostic::warning(codes::STATE_FOLDER, message)]);
    }
}

/// What says where a run is found again, as flags with a space before each.
pub(super) fn flags_of(target: &Target, state_dir: Option<&Path>, sandbox_state: Option<&Path>) -> String {
    let mut line = String::new();
    let mut add = |flag: &str, value: &str| {
        for part in [" ", flag, " ", &quote(value)] {
            line.push_str(part);
        }
    };
    if !target.sandbox {
        let cloud = Cloud::named(&target.cloud);
        if cloud.is_none_or(|cloud| cloud.name != Cloud::public().name) {
            add("--cloud", &target.cloud);
        }
        let own = cloud.and_then(|cloud| cloud.resource_manager.strip_prefix("https://"));
        if own.is_none_or(|own| !own.eq_ignore_ascii_case(&target.endpoint)) {
            add("--arm-endpoint", &format!("https://{}", target.endpoint));
        }
        add("--subscription", &target.subscription);
    }
    add("-g", &target.resource_group);
    for (flag, value) in
        [("-n", &target.app), ("--environment", &target.environment), ("--container", &target.container)]
    {
        if let Some(value) = value {
            add(flag, value);
        }
    }
    for (flag, path) in [("--state-dir", state_dir), ("--sandbox-state", sandbox_state)] {
        if let Some(path) = path {
            add(flag, &path.display().to_string());
        }
    }
    if target.sandbox {
        line.push_str(" --sandbox");
    }
    strip_control(&line)
}

/// A run that may write: its target is locked from here on, its journal begins with the first write.
pub(super) struct Recording {
    pub(super) folder: StateFolder,
    pub(super) target: Target,
    id: RunId,
    copy: Option<PathBuf>,
    /// Earlier runs on the target that were cut off or did not see the end of what they began, newest first; those that
    /// were put back are not among them.
    open: Vec<Open>,
    /// Earlier runs on the target that failed by themselves, newest first, where no later one wrote what they did or goes
    /// on from them.
    failed: Vec<Journal>,
    /// Whether something that an earlier run left undone is left so: its journal stays open.
    leaves: AtomicBool,
    /// The id of the last run on the target, where its journal is not as a run wrote it.
    edited: Option<String>,
    writer: OnceLock<Arc<Writer>>,
    lock: Arc<Lock>,
}

/// An earlier run that did not come to its end.
struct Open {
    journal: Journal,
    /// Whether it was the last run on the target.
    last: bool,
    /// Whether the runs that came after it left alone what it wrote.
    apart: bool,
}

/// What a run says of itself beside its plan.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// `apply` or `undo`.
    pub(super) command: &'static str,
    /// The run that it puts back.
    pub(super) undoes: Option<String>,
}

impl Recording {
    /// Takes the target of `context`. `None`: a sandbox of which no file is kept has no journal either.
    ///
    /// # Errors
    /// Another run is at work on the target; the state folder cannot be used.
    pub(super) fn open(
        context: &Context,
        flags: &arguments::Journal,
    ) -> Result<Option<Recording>, Box<Diagnostic>> {
        let told = |error: JournalError| Box::new(error.to_diagnostic());
        let state = context.sandbox.as_ref().map(|run| run.path());
        let folder = match (&flags.state_dir, state) {
            (None, Some(None)) => return Ok(None),
            (flag, state) => {
                if let Some(shared) = context.journals.folder.get() {
                    shared.clone()
                } else {
                    let own = folder(flag.as_deref(), state.flatten()).map_err(told)?;
                    context.journals.folder.get_or_init(|| own).clone()
                }
            }
        };
        let target = target(context);
        let id = folder.new_id(context.executor.clock.now()).map_err(told)?;
        let lock = folder.lock(&target, &id).map_err(told)?;
        let copy = flags.journal.clone();
        // One that cannot be read is told by `runs`; what is in Azure says enough to go on.
        let runs = folder.newest_on(&target, LOOKED_AT).map_err(told)?;
        let key = folder.key().map_err(told)?;
        let (open, edited) = open_runs(&runs, &key, context.executor.clock.now());
        let failed = failed_runs(&runs, &key);
        Ok(Some(Recording {
            folder,
            target,
            id,
            copy,
            open,
            failed,
            leaves: AtomicBool::new(false),
            edited,
            writer: OnceLock::new(),
            lock: Arc::new(lock),
        }))
    }

    /// The run's id.
    pub(super) fn id(&self) -> &RunId {
        &self.id
    }

    /// The record of a run that puts this one back, on the same target and under the same lock; and the journals that it
    /// puts back, oldest first. Nothing where this one has written nothing.
    ///
    /// # Errors
    /// The state folder cannot be read.
    pub(super) fn to_put_back(
        &self,
        now: time::OffsetDateTime,
    ) -> Result<Option<(Recording, Vec<Journal>)>, JournalError> {
        if self.writer.get().is_none() {
            return Ok(None);
        }
        let runs = self.folder.runs_on(&self.target)?.journals;
        let own = self.folder.journal(self.id.as_str())?;
        if !undo::wrote(&own) {
            return Ok(None);
        }
        let whole = undo::whole(&runs, &own).into_iter().cloned().collect();
        let id = self.folder.new_id(now)?;
        let back = Recording {
            folder: self.folder.clone(),
            target: self.target.clone(),
            id,
            copy: None,
            open: vec![Open { journal: own, last: true, apart: true }],
            failed: Vec::new(),
            leaves: AtomicBool::new(false),
            edited: None,
            writer: OnceLock::new(),
            lock: Arc::clone(&self.lock),
        };
        Ok(Some((back, whole)))
    }

    /// Begins the journal, right before the first write of `plan`; an executor whose every write passes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn begin(
        &self,
        context: &Context,
        selection: &Selection,
        plan: &Plan,
        about: About,
    ) -> Result<Executor, Box<Diagnostic>> {
        let told = |error: JournalError| Box::new(error.to_diagnostic());
        let key = self.folder.key().map_err(told)?;
        let recipes = instances(selection, &key, &hidden_texts(plan));
        let about_apply = about.undoes.is_none();
        let continues = self.interrupted_with(selection, &key).filter(|_| about_apply);
        let mut planned = described(plan);
        planned.extend(rollout_stages(plan));
        let run = Run {
            format: FORMAT,
            id: self.id.to_string(),
            tool: concat!("acarecipe ", env!("CARGO_PKG_VERSION")).to_owned(),
            at: context.executor.clock.now(),
            command: about.command.to_owned(),
            pid: std::process::id(),
            target: self.target.clone(),
            caller: context.target_report.caller.clone(),
            recipes,
            planned,
            undoes: about.undoes,
            continues: continues.map(|earlier| earlier.run.id.clone()),
            correlation_id: Some(context.executor.client.correlation_id().to_string()),
        };
        let clock = Arc::clone(&context.executor.clock);
        let writer =
            Writer::begin(&self.folder, run, found(plan), self.copy.as_deref(), clock).map_err(told)?;
        let writer = Arc::clone(self.writer.get_or_init(|| Arc::new(writer)));
        context.journals.grown.store(true, Ordering::Relaxed);
        let failed = self.handed_by(selection, &key).filter(|_| about_apply);
        let failed = failed.filter(|one| continues.is_none_or(|other| other.run.id != one.run.id));
        let done = continues.into_iter().chain(failed);
        for earlier in done.filter(|_| !self.leaves.load(Ordering::Relaxed)) {
            let status = earlier.end().map_or("interrupted", |end| end.status.as_str()).to_owned();
            let at = context.executor.clock.now();
            let end = End { at, status, continued_by: Some(self.id.to_string()) };
            // This run says so too.
            let _ = self.folder.conclude(earlier, end);
        }
        Ok(Executor { hook: writer as Arc<dyn Hook>, ..context.executor.clone() })
    }

    /// What earlier runs on the target began and did not see the end of.
    pub(super) fn begun(&self, now: time::OffsetDateTime) -> Vec<Begun> {
        self.open.iter().flat_map(|open| open.journal.begun(now)).collect()
    }

    /// The run that this one has to say of that it goes on from it: the interrupted one with the same recipes, else
    /// the last one on the target, where that did not come to its end.
    pub(super) fn earlier(&self, selection: &Selection) -> Option<&Journal> {
        let last = || self.open.first().filter(|open| open.last).map(|open| &open.journal);
        let key = self.folder.key().ok();
        key.and_then(|key| self.interrupted_with(selection, &key)).or_else(last)
    }

    /// The last run on the target, where nothing of its journal is gone by.
    pub(super) fn edited(&self) -> Option<&str> {
        self.edited.as_deref()
    }

    /// The newest run on the target that was interrupted and had these recipes and inputs, if no later one wrote what it
    /// did.
    fn interrupted_with(&self, selection: &Selection, key: &Key) -> Option<&Journal> {
        let all = instances(selection, key, &BTreeSet::new());
        let open = self.open.iter().filter(|open| open.apart).map(|open| &open.journal);
        open.filter(|one| one.was_interrupted()).find(|one| is_of(one, &all, key))
    }

    /// The run that leaves to this one what it has not done: as [`Recording::interrupted_with`], or one that failed.
    fn handed_by(&self, selection: &Selection, key: &Key) -> Option<&Journal> {
        let all = instances(selection, key, &BTreeSet::new());
        let failed = self.failed.iter().find(|one| is_of(one, &all, key));
        // Ids sort by time.
        self.interrupted_with(selection, key).into_iter().chain(failed).max_by_key(|one| &one.run.id)
    }

    /// What the run did that leaves to this one what it has not done, and those that it went on from; and its id.
    pub(super) fn earlier_did(&self, selection: &Selection, app: &str) -> (Earlier, Option<&str>) {
        let nothing = (Earlier::default(), None);
        let Ok(key) = self.folder.key() else { return nothing };
        let Some(last) = self.handed_by(selection, &key) else { return nothing };
        let runs = self.folder.runs_on(&self.target).map(|runs| runs.journals).unwrap_or_default();
        let line = handed_down(&runs, last).into_iter().filter(|one| one.vouched(&key).is_ok());
        (super::earlier::earlier(&line.collect::<Vec<_>>(), app), Some(&last.run.id))
    }

    /// That something which an earlier run left undone is left so by this one: no journal is closed for it.
    pub(super) fn leaves_undone(&self) {
        self.leaves.store(true, Ordering::Relaxed);
    }

    /// The same command again found nothing left to do: the interrupted run has reached its end.
    fn nothing_left(&self, context: &Context, ending: Ending) {
        if self.leaves.load(Ordering::Relaxed) {
            return;
        }
        let Ok(key) = self.folder.key() else { return };
        let earlier = self.interrupted_with(&context.selection, &key);
        if let Some(earlier) = earlier.filter(|_| ending == Ending::Ok) {
            let end = End {
                at: context.executor.clock.now(),
                status: ending.word().to_owned(),
                continued_by: None,
            };
            // Where it cannot be said, the next run looks again.
            let _ = self.folder.conclude(earlier, end);
        }
    }

    /// Adds how the run ended; what of it could not be done.
    pub(super) fn end(&self, context: &Context, ending: Ending) -> Option<Diagnostic> {
        let Some(writer) = self.writer.get() else {
            self.nothing_left(context, ending);
            return None;
        };
        let error = writer.end(ending.word()).err()?;
        let message = format!("the journal of run {} could not be ended: {error}", self.id);
        Some(
            Diagnostic::warning(codes::STATE_FOLDER, message)
                .note("what was written to Azure stays as it is"),
        )
    }
}

/// Of the runs on a target, newest first, those that did not come to their end; and the id of the last one, where that
/// is such a run and its journal is not as a run wrote it. Nothing is taken from one like that.
fn open_runs(runs: &[Journal], key: &Key, now: time::OffsetDateTime) -> (Vec<Open>, Option<String>) {
    let undone = undo::undone(runs);
    let (mut open, mut edited) = (Vec::new(), None);
    for (index, run) in runs.iter().enumerate() {
        let unended = run.end().is_none_or(|end| end.status != "ok") && !run.begun(now).is_empty();
        if undone.contains(run.run.id.as_str()) || !(run.was_interrupted() || unended) {
            continue;
        }
        let last = index == 0;
        if run.vouched(key).is_ok() {
            let apart = undo::apart(run, &runs[..index]);
            open.push(Open { journal: run.clone(), last, apart });
        } else if last {
            edited = Some(run.run.id.clone());
        }
    }
    (open, edited)
}

/// Of the runs on a target, newest first, those that failed by themselves, where no later one wrote what they did, put
/// it back or goes on from them. A rollout that was taken back has left nothing undone.
fn failed_runs(runs: &[Journal], key: &Key) -> Vec<Journal> {
    let undone = undo::undone(runs);
    let failed = |run: &Journal| {
        run.end().is_some_and(|end| {
            let done = matches!(end.status.as_str(), "ok" | "verification-failed" | "rolled-back");
            !done && end.continued_by.is_none() && !run.was_interrupted()
        })
    };
    let left = runs.iter().enumerate().filter(|(index, run)| {
        failed(run)
            && !undone.contains(run.run.id.as_str())
            && undo::apart(run, &runs[..*index])
            && run.vouched(key).is_ok()
    });
    left.map(|(_, run)| run.clone()).collect()
}

/// A run with those that it went on from, failed ones too, oldest first.
fn handed_down<'j>(runs: &'j [Journal], last: &'j Journal) -> Vec<&'j Journal> {
    let mut line = vec![last];
    while let Some(run) = line.last() {
        let before = runs.iter().find(|one| {
            let to = one.end().and_then(|end| end.continued_by.as_ref());
            to == Some(&run.run.id) || run.run.continues.as_ref() == Some(&one.run.id)
        });
        match before {
            // A journal may say anything: never round in a circle.
            Some(one) if line.iter().all(|have| have.run.id != one.run.id) => line.push(one),
            _ => break,
        }
    }
    line.reverse();
    line
}

/// Whether a run was an `apply` of these recipes with these inputs. What of the inputs stands in the open depends on the
/// plan, so each is compared in the form that the journal has.
fn is_of(earlier: &Journal, all: &[Instance], key: &Key) -> bool {
    let mut now = all.to_vec();
    for (now, then) in now.iter_mut().zip(&earlier.run.recipes) {
        for (name, kept) in &mut now.with {
            if let (Kept::Value(json), Some(Kept::Hidden(_))) = (&*kept, then.with.get(name)) {
                *kept = Kept::Hidden(key.hide(json));
            }
        }
    }
    earlier.run.command == "apply" && earlier.run.recipes == now
}

/// Where a run works, as journals have it.
pub(super) fn target(context: &Context) -> Target {
    let target = &context.target;
    let url = context.executor.client.endpoint().url();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Target {
        sandbox: context.sandbox.is_some(),
        endpoint: format!("{}{port}", url.host_str().unwrap_or_default()),
        cloud: target.cloud.name.clone(),
        tenant: context.target_report.tenant.clone(),
        subscription: target.subscription.clone(),
        resource_group: target.resource_group.clone(),
        app: target.has_app().then(|| target.app.clone()),
        environment: target.environment.clone(),
        location: target.location.clone(),
        container: target.container.clone(),
    }
}

/// The recipes of a run with what they were given. In the open is only what no environment variable of the app can
/// hold: see [`open`].
fn instances(selection: &Selection, key: &Key, hidden: &BTreeSet<String>) -> Vec<Instance> {
    let one = |instance: &crate::recipe::Instance| {
        let typed: Vec<(&str, &str)> = selection.inputs.typed(&instance.alias).collect();
        let inputs = selection.inputs.of(&instance.alias).into_iter().flatten();
        let given = inputs.filter_map(|(name, input)| match &input.value {
            BoundValue::Given(value) => {
                let elsewhere = typed.iter().any(|(own, text)| own == name && text.contains("=@"));
                let open = open(input, value, hidden) && !elsewhere;
                let marks = if open { Marks::NONE } else { Marks::SECRET };
                Some((name.clone(), key.keep(&value.clone().mark_leaves(marks))))
            }
            _ => None,
        });
        Instance {
            recipe: instance.recipe.name.value.clone(),
            alias: instance.alias.clone(),
            asked: instance.asked,
            with: given.collect(),
        }
    };
    selection.instances.iter().map(one).collect()
}

/// Whether an input may stand in the journal as it is: no secret, not taken from a variable or file, neither a map nor
/// a list of such (people give environment variables that way), and nothing that the plan puts where nobody may see.
fn open(input: &BoundInput, value: &Value, hidden: &BTreeSet<String>) -> bool {
    let outside = matches!(input.origin, InputOrigin::Environment(_) | InputOrigin::File(_));
    let parts = value.as_list().unwrap_or(std::slice::from_ref(value));
    let plain = |part: &Value| {
        let nested = part.as_map().is_some() || part.as_list().is_some();
        let text = text_of(part);
        // Within a longer text a single letter is everywhere.
        let inside = |other: &String| *other == text || text.len() > 3 && other.contains(&text);
        !nested && !hidden.iter().any(inside)
    };
    !input.secret && !outside && parts.iter().all(plain)
}

/// Every text that the plan puts where nobody may see it: values of environment variables, and secrets.
fn hidden_texts(plan: &Plan) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for outcome in plan.steps.iter().map(|step| &step.outcome) {
        for owned in &outcome.owned {
            let wanted = marked(outcome.kind, &owned.path, owned.wanted.clone());
            hidden_in(&wanted, false, &mut texts);
        }
    }
    texts
}

fn hidden_in(value: &Value, above: bool, texts: &mut BTreeSet<String>) {
    let hidden = above || value.marks.secret || value.marks.existing;
    match &value.data {
        Data::Map(members) => members.values().for_each(|one| hidden_in(one, hidden, texts)),
        Data::List(all) => all.iter().for_each(|one| hidden_in(one, hidden, texts)),
        _ if hidden && !value.is_null() && !value.is_unknown() => {
            texts.insert(text_of(value));
        }
        _ => {}
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json().unwrap_or_default().to_string(), str::to_owned)
}

/// What the steps of a plan found in place.
fn found(plan: &Plan) -> Vec<Found> {
    let in_place = plan.steps.iter().filter(|step| !step.outcome.pending() && !step.outcome.creates());
    let found = in_place.filter_map(|step| {
        let resource = step.outcome.resource.as_ref()?.to_string();
        Some(Found { resource, step: step.key.clone() })
    });
    found.collect()
}
