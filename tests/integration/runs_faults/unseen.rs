//! Somebody takes away the right to read the app while a run goes on: nothing of it can be planned any more, which is not
//! that nothing is left to do.

use std::time::Duration;

use acarecipe::clock::Clock as _;
use acarecipe::execute::Failure;
use acarecipe::sandbox::seed;

use super::{Stopped, attempt};
use crate::support::others::meaning;
use crate::support::world::World;

const RECIPE: &[&str] = &["key-vault-reference"];
const PARAMETERS: &[&str] = &["secrets.DB_PASSWORD=db-password"];

#[test]
fn a_run_that_cannot_read_its_app_any_more_does_not_end_well() {
    let calm = World::new();
    assert!(attempt(&calm, RECIPE, PARAMETERS).end.is_ok());
    World::block_on(calm.clock.sleep(Duration::from_secs(600)));
    let wanted = meaning(&calm.sandbox.state());
    let app = seed::app_id();
    let of_app = |path: &str| path.to_ascii_lowercase().contains(&app.to_ascii_lowercase());
    let reads =
        calm.sandbox.exchanges().iter().filter(|one| one.method == "GET" && of_app(&one.path)).count();
    assert!(reads > 3, "{reads}");
    let (mut stopped, mut done) = (0, 0);
    for nth in 1..=reads {
        let world = World::new();
        world
            .sandbox
            .set_faults(vec![format!("match=GET:{app} nth={nth} times=1000000 denied").parse().unwrap()]);
        let run = attempt(&world, RECIPE, PARAMETERS);
        match &run.end {
            Ok(_) => {
                // It may not have seen what became of its revision.
                World::block_on(world.clock.sleep(Duration::from_secs(600)));
                let done_so = meaning(&world.sandbox.state()) == wanted;
                assert!(done_so, "read {nth}: it ended well, and is not done");
                done += 1;
            }
            Err(Stopped::Failed(Failure::Changed(told))) => {
                assert_eq!(told.code.0, "changed-meanwhile", "read {nth}");
                assert!(told.message.contains("cannot be told"), "read {nth}: {told:?}");
                assert!(told.fix.is_some() && !told.notes.is_empty(), "read {nth}: {told:?}");
                stopped += usize::from(told.message.contains("is in place cannot be told"));
            }
            Err(other) => assert!(run.applied.writes.len() < 3, "read {nth}: {other:?}"),
        }
        // What was taken away is given back.
        world.sandbox.set_faults(Vec::new());
        assert!(attempt(&world, RECIPE, PARAMETERS).end.is_ok(), "read {nth}, then again");
        World::block_on(world.clock.sleep(Duration::from_secs(600)));
        assert!(meaning(&world.sandbox.state()) == wanted, "read {nth}, then again");
    }
    assert!(stopped > 0 && done > 0, "{stopped} stopped, {done} done, of {reads}");
}
