//! The old value of a variable that becomes a reference appears nowhere.

use acarecipe::report::PlanReport;

use super::super::support::world::World;

#[test]
fn a_replaced_value_is_shown_nowhere() {
    let world = World::new().edited(|state| {
        acarecipe::sandbox::seed::variant::variable(
            state,
            serde_json::json!({ "name": "DB_PASSWORD", "value": "hunter2-old" }),
        );
    });
    let run = world.apply(&["key-vault-reference"], &["secrets.DB_PASSWORD=db-password"]);
    run.ok();
    let report = serde_json::to_string(&PlanReport::new(&run.planned.plan, Vec::new())).unwrap();
    let told =
        format!("{report} {:?} {:?}", world.seen.writes.lock().unwrap(), world.seen.events.lock().unwrap());
    assert!(told.contains("(existing value)"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}
