//! Whole runs in which something goes wrong: every fault at every request, and other people at work.

mod crashes;
pub mod everywhere;
mod held_back;
mod interleaving;
mod left;
mod others_at_work;
mod principal;
mod scenarios;
mod undone;
mod unseen;
mod waits;

use std::sync::Mutex;
use std::time::Duration;

use acarecipe::execute::{Applied, Executor, Failure};
use acarecipe::plan::{Plan, Selection};

use crate::support::world::{World, failed};

/// The real time that one run may take: reached only by a hang.
const HANG: Duration = Duration::from_secs(60);

/// How a run ended that may fail.
pub struct Attempt {
    pub applied: Applied,
    pub end: Result<Plan, Stopped>,
}

/// Why a run stopped.
#[derive(Debug)]
pub enum Stopped {
    /// Before the first write, by what it found.
    Blocked(String),
    /// On the way.
    Failed(Failure),
    /// At its end the verification did not hold.
    NotVerified(String),
}

/// Plans, applies and looks again as the command does, but stops where the command would.
pub fn attempt(world: &World, recipes: &[&str], parameters: &[&str]) -> Attempt {
    attempt_with(world, &world.executor(), &world.selection(recipes, parameters))
}

/// The same by an executor that the test has prepared.
pub fn attempt_with(world: &World, executor: &Executor, selection: &Selection) -> Attempt {
    let done = Mutex::new(Applied::default());
    let work = as_the_command(world, executor, selection, &done);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let end = runtime.block_on(async { tokio::time::timeout(HANG, work).await }).expect("the run hangs");
    Attempt { applied: done.into_inner().unwrap(), end }
}

/// What the command does, up to where it stops.
pub async fn as_the_command(
    world: &World,
    executor: &Executor,
    selection: &Selection,
    done: &Mutex<Applied>,
) -> Result<Plan, Stopped> {
    let target = world.target();
    let planned = executor.observe_idle(selection, &target, true).await.map_err(Stopped::Failed)?;
    let planned = executor.observe_awaited(planned, selection, &target).await.map_err(Stopped::Failed)?;
    if planned.plan.blocked() || !planned.plan.unreadable.is_empty() {
        let findings = failed(&planned.plan.prerequisites);
        let (problems, unreadable) = (&planned.plan.problems, &planned.plan.unreadable);
        return Err(Stopped::Blocked(format!("{findings:?} {problems:?} {unreadable:?}")));
    }
    executor.apply(&planned.plan, planned.facts, selection, &target, done).await.map_err(Stopped::Failed)?;
    let after = executor.observe_after(selection, &target).await.map_err(Stopped::Failed)?;
    let after = executor.observe_probed(after, selection, &target).await.map_err(Stopped::Failed)?;
    let findings = acarecipe::verify::findings(&after.plan, true);
    if acarecipe::verify::holds(&findings, false) {
        Ok(after.plan)
    } else {
        Err(Stopped::NotVerified(format!("{:?}", failed(&findings))))
    }
}
