//! Exact numbers: reads, rounds, writes, revisions, secrets read.
//!
//! What a plan reads is derived from the recipes here, and asserted below. A read in a later round
//! needs the answer to one of an earlier round.
//!
//! | round | read | when |
//! |---|---|---|
//! | 1 | subscription, group, provider Microsoft.App, app | always: 4 |
//! | 1 | provider of each further type that a recipe looks up | its versions, and that it is registered |
//! | 1 | each user-assigned identity that is named or to be created; the vault; the registry | by name in the group |
//! | 2 | environment, newest revision | their names stand in the app: 2 |
//! | 2 | system identity | named first and there already: the only place of its client id |
//! | 2 | role assignments at the vault, at the registry | the principal is known |
//! | 2 | the image in the registry | an image is asked for: 1, of 3 requests |
//! | 2 | permissions, locks, deny assignments: app; locks: its group | something is to be written to it: 4 |
//! | 2 | permissions: environment | the app is to be written; whether Azure then asks for the right to join its environment is not confirmed |
//! | 2 | permissions, locks: group | an identity is to be created: 2 (its deny assignments are told where those of the app are: at or above it) |
//! | 2 | permissions: identity | it is to enter the app |
//! | 2 or 3 | permissions, locks, deny assignments: vault, registry | a role is to be granted: 3 each (its group is the app's here); round 3 where only the role assignments show that |
//!
//! Deny assignments take one read a scope that is written to, and cannot be spared where the caller has
//! every right: it is then that only they refuse.
//!
//! So a first run with both recipes and a system identity reads, in round 1, 4 + the providers
//! `ManagedIdentity` and `KeyVault` + the vault = 7, in round 2 environment and revision + 5 for the app
//! and 3 for the vault (a principal that does not exist has no assignments) = 10, so 17 in 2 rounds. Its
//! second run writes nothing and asks for no right: 7 + environment, revision, system identity and
//! role assignments = 11 in 2 rounds.
//!
//! A third recipe adds to the first run a provider and the registry in round 1 and 3 for the registry in
//! round 2, to the second run a provider, the registry, and its role assignments; and to the writes one role.

use acarecipe::sandbox::seed::{self, variant};

use super::super::support::world::{START, World, failed, writes};
use super::{BOTH, EXISTING, IDENTITY, SECRET, app, described, secrets_listed};

/// What a run costs.
pub(super) struct Cost {
    pub(super) recipes: &'static [&'static str],
    pub(super) parameters: &'static [&'static str],
    /// Reads and rounds of the first plan.
    pub(super) first: (usize, usize),
    /// Method and type of each accepted write.
    pub(super) writes: &'static [(&'static str, &'static str)],
    pub(super) revisions: usize,
    /// Reads and rounds of the plan after it.
    pub(super) again: (usize, usize),
}

pub(super) const APP: (&str, &str) = ("PATCH", "containerApps");
const ROLE: (&str, &str) = ("PUT", "roleAssignments");
const NEW_IDENTITY: (&str, &str) = ("PUT", "userAssignedIdentities");

/// Runs twice, on an app without secrets of its own.
#[track_caller]
pub(super) fn costs(cost: &Cost) -> World {
    let world = World::new().edited(|state| {
        seed::add_identity(
            state,
            "id-two",
            "55555555-5555-4555-8555-000000000001",
            "55555555-5555-4555-8555-000000000002",
            START,
        );
    });
    let run = world.apply(cost.recipes, cost.parameters);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    assert_eq!((run.planned.reads, run.planned.rounds), cost.first, "reads and rounds of the first plan");

    let exchanges = world.sandbox.exchanges();
    let sent: Vec<(String, String)> = writes(&exchanges)
        .into_iter()
        .map(|(method, path)| {
            let kind = path.rsplit('/').nth(1).unwrap().to_owned();
            (method, kind)
        })
        .collect();
    let sent: Vec<(&str, &str)> =
        sent.iter().map(|(method, kind)| (method.as_str(), kind.as_str())).collect();
    assert_eq!(sent, cost.writes);
    assert_eq!(run.applied.writes.len(), cost.writes.len());
    assert_eq!(run.applied.revisions.len(), cost.revisions);
    assert_eq!(app(&world).revisions.len(), 1 + cost.revisions);
    assert_eq!(secrets_listed(&exchanges), 0, "there is no secret to send back");

    let from = world.count();
    let again = world.plan(cost.recipes, cost.parameters).unwrap();
    assert!(!again.plan.blocked() && again.plan.writes.is_empty());
    assert_eq!((again.reads, again.rounds), cost.again, "reads and rounds of the second plan");
    assert!(again.rounds <= 3);
    let requests = world.exchanges_since(from);
    assert_eq!(requests.len(), again.reads, "a read is one request");
    assert!(requests.iter().all(|request| request.method == "GET"));
    let run = world.apply(cost.recipes, cost.parameters);
    assert!(run.applied.writes.is_empty() && failed(&run.findings()).is_empty());
    assert_eq!(writes(&world.exchanges_since(from)), []);
    world
}

#[test]
fn a_system_identity_on_a_bare_app() {
    let world = costs(&Cost {
        recipes: IDENTITY,
        parameters: &[],
        first: (5 + 7, 2),
        writes: &[APP],
        revisions: 0,
        again: (5 + 3, 2),
    });
    let checked = described(&world);
    assert!(checked == 0 || checked >= 30, "only {checked} exchanges of managed-identity were checked");
}

#[test]
fn both_recipes_with_a_system_identity() {
    let world = costs(&Cost {
        recipes: BOTH,
        parameters: &[SECRET],
        first: (7 + 10, 2),
        writes: &[APP, ROLE, APP],
        revisions: 1,
        again: (7 + 4, 2),
    });
    let checked = described(&world);
    assert!(checked == 0 || checked >= 60, "only {checked} exchanges of key-vault-reference were checked");
}

#[test]
fn both_recipes_with_an_existing_identity() {
    let world = costs(&Cost {
        recipes: BOTH,
        parameters: &[SECRET, EXISTING],
        // The role assignments, and with them that one is missing, are known after round 2.
        first: (8 + 9 + 3, 3),
        writes: &[ROLE, APP],
        revisions: 1,
        again: (8 + 3, 2),
    });
    described(&world);
}

#[test]
fn both_recipes_with_an_identity_to_be_created() {
    let world = costs(&Cost {
        recipes: BOTH,
        parameters: &[SECRET, "managed-identity.identity=create"],
        // The right to assign it is looked up at the group, which is read anyway.
        first: (8 + 11, 2),
        writes: &[NEW_IDENTITY, ROLE, APP],
        revisions: 1,
        again: (8 + 3, 2),
    });
    described(&world);
}

/// All recipes there are.
const THREE: &[&str] = &["managed-identity", "key-vault-reference", "container-registry"];

#[test]
fn a_registry_with_a_system_identity() {
    let world = costs(&Cost {
        recipes: &["container-registry"],
        parameters: &[],
        first: (7 + 10, 2),
        writes: &[APP, ROLE, APP],
        revisions: 0,
        again: (7 + 4, 2),
    });
    let checked = described(&world);
    assert!(checked == 0 || checked >= 60, "only {checked} exchanges of container-registry were checked");
}

#[test]
fn three_recipes_with_a_system_identity() {
    let world = costs(&Cost {
        recipes: THREE,
        parameters: &[SECRET],
        first: (9 + 13, 2),
        writes: &[APP, ROLE, ROLE, APP],
        revisions: 1,
        again: (9 + 5, 2),
    });
    described(&world);
}

#[test]
fn three_recipes_with_an_existing_identity() {
    let world = costs(&Cost {
        recipes: THREE,
        parameters: &[SECRET, EXISTING],
        // That roles are missing is known after round 2.
        first: (10 + 10 + 6, 3),
        writes: &[ROLE, ROLE, APP],
        revisions: 1,
        again: (10 + 4, 2),
    });
    described(&world);
}

#[test]
fn an_image_is_one_read_of_three_requests_and_no_further_write() {
    let parameters = &[SECRET, EXISTING, "container-registry.image=python-demo:2.0"];
    let world = World::new();
    let run = world.apply(THREE, parameters);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    // The registry is known after round 1.
    assert_eq!((run.planned.reads, run.planned.rounds), (10 + 11 + 6, 3));
    let sent: Vec<String> =
        writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(sent, ["PUT", "PUT", "PATCH"]);
    assert_eq!(run.applied.revisions.len(), 1);
    let from = world.count();
    let again = world.plan(THREE, parameters).unwrap();
    assert!(again.plan.writes.is_empty());
    assert_eq!((again.reads, again.rounds), (10 + 5, 2));
    assert_eq!(world.exchanges_since(from).len(), again.reads + 2);
    described(&world);
}

#[test]
fn an_existing_identity_alone() {
    costs(&Cost {
        recipes: IDENTITY,
        parameters: &["identity=id-demo"],
        first: (6 + 8, 2),
        writes: &[APP],
        revisions: 1,
        again: (6 + 2, 2),
    });
}

#[test]
fn an_identity_to_be_created_alone() {
    costs(&Cost {
        recipes: IDENTITY,
        parameters: &["identity=create"],
        first: (6 + 8, 2),
        writes: &[NEW_IDENTITY, APP],
        revisions: 1,
        again: (6 + 2, 2),
    });
}

#[test]
fn two_user_assigned_identities() {
    let world = costs(&Cost {
        recipes: IDENTITY,
        parameters: &["identity=id-demo,id-two"],
        first: (7 + 9, 2),
        writes: &[APP],
        revisions: 1,
        again: (7 + 2, 2),
    });
    let app = app(&world);
    assert!(app.identity.system.is_none());
    assert_eq!(app.identity.user, [seed::identity_id("id-demo"), seed::identity_id("id-two")]);
    assert_eq!(super::variable(&app, seed::APP, "AZURE_CLIENT_ID")["value"], seed::IDENTITY_CLIENT);
    described(&world);
}

#[test]
fn system_and_then_a_user_assigned_identity() {
    let world = costs(&Cost {
        recipes: IDENTITY,
        parameters: &["identity=system,id-demo"],
        first: (6 + 8, 2),
        writes: &[APP],
        revisions: 0,
        again: (6 + 3, 2),
    });
    let app = app(&world);
    assert!(app.identity.system.is_some());
    assert_eq!(app.identity.user, [seed::identity_id("id-demo")]);
    assert!(
        super::variable(&app, seed::APP, "AZURE_CLIENT_ID").is_null(),
        "the system identity is the default"
    );
    described(&world);
}

#[test]
fn a_user_assigned_identity_and_then_system() {
    let world = costs(&Cost {
        recipes: IDENTITY,
        parameters: &["identity=id-demo,system"],
        first: (6 + 8, 2),
        writes: &[APP],
        revisions: 1,
        again: (6 + 2, 2),
    });
    let app = app(&world);
    assert!(app.identity.system.is_some());
    assert_eq!(super::variable(&app, seed::APP, "AZURE_CLIENT_ID")["value"], seed::IDENTITY_CLIENT);
}

#[test]
fn several_secrets_and_roles_cost_no_further_write_of_the_app() {
    let scope = format!("roles=[{{\"role\":\"Reader\",\"scope\":\"{}\"}}]", seed::group_id(seed::GROUP));
    let world = World::new();
    let run = world.apply(BOTH, &[SECRET, "secrets.API_KEY=api-key", &format!("managed-identity.{scope}")]);
    assert_eq!(failed(&run.findings()).len(), 0, "{:#?}", run.findings());
    let sent = writes(&world.sandbox.exchanges());
    assert_eq!(sent.iter().filter(|(method, _)| method == "PATCH").count(), 2, "{sent:#?}");
    assert_eq!(sent.iter().filter(|(_, path)| path.contains("/roleAssignments/")).count(), 2);
    assert_eq!(run.applied.revisions.len(), 1);
    described(&world);
}

#[test]
fn secret_values_are_read_once_and_only_to_be_sent_back() {
    let plain = || World::new().edited(|state| variant::plain_secret(state, "smtp-password", "own-value"));

    let world = plain();
    world.apply(IDENTITY, &[]).ok();
    world.apply(IDENTITY, &["identity=id-demo"]).ok();
    assert_eq!(secrets_listed(&world.sandbox.exchanges()), 0, "no secret is written");

    let world = plain();
    world.apply(BOTH, &[SECRET]).ok();
    assert_eq!(secrets_listed(&world.sandbox.exchanges()), 1, "the array is sent once");
    assert_eq!(super::secret(&app(&world), "smtp-password")["value"], "own-value");
    let from = world.count();
    world.apply(BOTH, &[SECRET]).ok();
    assert_eq!(secrets_listed(&world.exchanges_since(from)), 0);
    described(&world);

    // A reference goes back as a reference.
    let world = World::new().edited(|state| {
        variant::user_identity(state, &seed::identity_id(seed::IDENTITY));
        seed::assign_role(
            state,
            &seed::vault_id(seed::VAULT),
            acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER,
            seed::IDENTITY_PRINCIPAL,
            START,
        );
        let url = "https://kv-demo.vault.azure.net/secrets/api-key";
        variant::reference(state, "api-key", url, &seed::identity_id(seed::IDENTITY), "sandbox-api-key");
    });
    world.apply(BOTH, &[SECRET]).ok();
    assert_eq!(secrets_listed(&world.sandbox.exchanges()), 0, "there is no value to send back");
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
