//! Exact numbers: writes, revisions, secrets read, rounds.

use super::super::support::world::{World, failed, writes};

const BOTH: &[&str] = &["key-vault-reference"];
const SECRETS: &[&str] = &["secrets.DB_PASSWORD=db-password"];

#[test]
fn managed_identity_on_a_bare_app_is_one_write() {
    let world = World::new();
    let run = world.apply(&["managed-identity"], &[]);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    assert_eq!(run.applied.writes.len(), 1);
    assert_eq!(run.applied.revisions.len(), 0);
    let from = world.count();
    let again = world.apply(&["managed-identity"], &[]);
    assert!(again.planned.plan.writes.is_empty());
    assert_eq!(writes(&world.exchanges_since(from)), []);
}

#[test]
fn both_recipes_with_a_system_identity() {
    let world = World::new();
    let run = world.apply(BOTH, SECRETS);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    let sent = writes(&world.sandbox.exchanges());
    let methods: Vec<&str> = sent.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["PATCH", "PUT", "PATCH"]);
    assert_eq!(run.applied.revisions.len(), 1);
    let from = world.count();
    let again = world.apply(BOTH, SECRETS);
    assert!(again.planned.plan.writes.is_empty());
    assert!(again.planned.rounds <= 3, "{} rounds", again.planned.rounds);
    assert_eq!(writes(&world.exchanges_since(from)), []);
}

#[test]
fn an_identity_that_is_made_comes_before_the_app_that_gets_it() {
    let world = World::new();
    let run = world.apply(&["managed-identity"], &["identity=system,create"]);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    let sent = writes(&world.sandbox.exchanges());
    assert!(sent[0].1.ends_with("/userAssignedIdentities/id-ca-demo"), "{sent:?}");
    assert_eq!(sent.len(), 2, "{sent:?}");
}
