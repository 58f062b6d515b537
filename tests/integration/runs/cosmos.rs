//! cosmos-db: the account found, its own role for data (found under another name or at a wider scope), the
//! variables after it.
//!
//! What a run costs, on paper; the rounds are those of `counts`.
//!
//! | round | read | when |
//! |---|---|---|
//! | 1 | subscription, group, provider Microsoft.App, app | always: 4 |
//! | 1 | providers `ManagedIdentity` and `DocumentDB`; the account in the group | 3 |
//! | 1 | the identity | named: 1 |
//! | 2 | environment, newest revision; database, container | 4 |
//! | 2 | the account's role assignments | the principal is known: 1 |
//! | 2 | system identity | there already: 1 |
//! | 2 | the app's four, the environment's one | the app is to be written: 5 |
//! | 2 | permissions: identity | it is to enter the app: 1 |
//! | 2 or 3 | permissions, locks, deny assignments: account | the role is to be given: 3; in round 3 where only the assignments show that |
//!
//! A bare app: 7 + (4 + 5 + 3) in 2 rounds, then 7 + (4 + 1 + 1) in 2. An identity that is there:
//! 8 + (4 + 1 + 5 + 1) + 3 in 3 rounds, then 8 + (4 + 1) in 2.

use std::time::Duration;

use acarecipe::clock::Clock as _;
use acarecipe::diagnostic::codes;
use acarecipe::execute::Failure;
use acarecipe::plan::{Finding, Status};
use acarecipe::sandbox::roles::{CONTAINER_APPS_CONTRIBUTOR, MANAGED_IDENTITY_OPERATOR, READER};
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::{SqlRoleAssignment, State};
use acarecipe::sandbox::{Delays, Options, Sandbox, Switches};
use serde_json::json;

use super::super::support::world::{World, failed, writes};
use super::{EXISTING, app, blocked, described, failure, only_failed, text, variable, works_and_stays};

const RECIPE: &[&str] = &["cosmos-db"];
const ITEMS: &str = "/dbs/appdb/colls/items";

fn world() -> World {
    let mut world = World::new();
    named(&mut world);
    world
}

/// What the shell of the caller has exported.
fn named(world: &mut World) {
    for (name, value) in [
        ("COSMOS_ACCOUNT", seed::COSMOS),
        ("COSMOS_DATABASE", seed::COSMOS_DATABASE),
        ("COSMOS_CONTAINER", seed::COSMOS_CONTAINER),
    ] {
        world.variables.insert(name.to_owned(), value.to_owned());
    }
}

/// The data roles of the account: role and the part of the account, by the principal.
fn given(world: &World, principal: &str) -> Vec<(String, String)> {
    let state = world.sandbox.state();
    let account = state.cosmos(seed::COSMOS).unwrap();
    let own = account.role_assignments.values().filter(|one| one.principal == principal);
    own.map(|one| (one.role.clone(), one.scope.strip_prefix(&account.id).unwrap().to_owned())).collect()
}

fn system_principal(world: &World) -> String {
    app(world).identity.system.unwrap().principal_id
}

/// Method and type of each accepted write.
fn sent(world: &World) -> Vec<(String, String)> {
    writes(&world.sandbox.exchanges())
        .into_iter()
        .map(|(method, path)| (method, path.rsplit('/').nth(1).unwrap().to_owned()))
        .collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

const APP: (&str, &str) = ("PATCH", "containerApps");
const ROLE: (&str, &str) = ("PUT", "sqlRoleAssignments");

fn told(world: &World) -> [serde_json::Value; 3] {
    let app = app(world);
    ["COSMOS_ENDPOINT", "COSMOS_DATABASE", "COSMOS_CONTAINER"]
        .map(|name| variable(&app, seed::APP, name)["value"].clone())
}

#[test]
fn a_bare_app_gets_identity_role_and_variables_in_this_order() {
    let world = world();
    let run = works_and_stays(&world, RECIPE, &[]);
    assert_eq!((run.planned.reads, run.planned.rounds), (7 + 12, 2), "reads and rounds of the first plan");
    assert_eq!(sent(&world), pairs(&[APP, ROLE, APP]));
    assert_eq!(run.applied.revisions.len(), 1);
    assert_eq!(
        told(&world),
        [json!("https://cosmos-demo.documents.azure.com:443/"), json!("appdb"), json!("items")]
    );
    let role = [(seed::COSMOS_CONTRIBUTOR, ITEMS)];
    assert_eq!(given(&world, &system_principal(&world)), pairs(&role), "the container and no more");
    let again = world.plan(RECIPE, &[]).unwrap();
    assert_eq!((again.reads, again.rounds), (7 + 6, 2), "reads and rounds of the second plan");
    let before = world.count();
    assert!(world.apply(RECIPE, &[]).applied.writes.is_empty());
    assert_eq!(writes(&world.exchanges_since(before)), []);
    // Nothing of the run needed a key, or told one.
    assert!(world.sandbox.exchanges().iter().all(|one| !one.path.to_ascii_lowercase().ends_with("keys")));
    let checked = described(&world);
    assert!(checked == 0 || checked >= 60, "only {checked} exchanges of cosmos-db were checked");

    let outputs = &run.ok().plan.outputs["cosmos_db"];
    assert_eq!(outputs["local_auth"].as_str(), Some("enabled"));
    assert_eq!(outputs["endpoint"].as_str(), told(&world)[0].as_str());
    let id = outputs["role_assignment_id"].as_str().unwrap();
    assert!(id.starts_with(&format!("{}/sqlRoleAssignments/", seed::cosmos_id(seed::COSMOS))), "{id}");
}

#[test]
fn an_identity_that_is_there_costs_one_write_of_the_app() {
    let world = world();
    let run = works_and_stays(&world, RECIPE, &[EXISTING]);
    assert_eq!((run.planned.reads, run.planned.rounds), (8 + 11 + 3, 3));
    assert_eq!(sent(&world), pairs(&[ROLE, APP]));
    assert_eq!(run.applied.revisions.len(), 1);
    let again = world.plan(RECIPE, &[EXISTING]).unwrap();
    assert_eq!((again.reads, again.rounds), (8 + 5, 2));
    described(&world);
}

/// Gives the seeded identity a data role beforehand.
fn with_role(part: &'static str, role: &'static str) -> World {
    world().edited(|state| {
        seed::assign_data_role(state, part, role, seed::IDENTITY_PRINCIPAL);
    })
}

#[test]
fn an_assignment_under_another_name_or_at_a_wider_scope_is_in_place() {
    let all = ["scope=container", "scope=database", "scope=account"];
    for (part, enough_for) in [(ITEMS, &all[..1]), ("/dbs/appdb", &all[..2]), ("", &all[..])] {
        for scope in all {
            let world = with_role(part, seed::COSMOS_CONTRIBUTOR);
            works_and_stays(&world, RECIPE, &[EXISTING, scope]);
            let writes = if enough_for.contains(&scope) { pairs(&[APP]) } else { pairs(&[ROLE, APP]) };
            assert_eq!(sent(&world), writes, "{part:?} for {scope}");
            let has = given(&world, seed::IDENTITY_PRINCIPAL);
            assert!(
                has.contains(&(seed::COSMOS_CONTRIBUTOR.to_owned(), part.to_owned())),
                "it stays: {has:?}"
            );
        }
    }
}

#[test]
fn what_only_looks_like_it_is_not_enough() {
    type Change = fn(&mut State);
    let cases: [(&str, Change); 5] = [
        ("another container whose name begins so", |state| {
            seed::assign_data_role(
                state,
                "/dbs/appdb/colls/items2",
                seed::COSMOS_CONTRIBUTOR,
                seed::IDENTITY_PRINCIPAL,
            );
        }),
        ("a database whose name begins so", |state| {
            seed::assign_data_role(state, "/dbs/app", seed::COSMOS_CONTRIBUTOR, seed::IDENTITY_PRINCIPAL);
        }),
        // Names of databases have case in the data plane.
        ("a database in other letters", |state| {
            seed::assign_data_role(state, "/dbs/AppDB", seed::COSMOS_CONTRIBUTOR, seed::IDENTITY_PRINCIPAL);
        }),
        ("a reader", |state| {
            seed::assign_data_role(state, "", seed::COSMOS_READER, seed::IDENTITY_PRINCIPAL);
        }),
        ("an Azure role", |state| {
            seed::assign_role(
                state,
                &seed::cosmos_id(seed::COSMOS),
                acarecipe::sandbox::roles::OWNER,
                seed::IDENTITY_PRINCIPAL,
                super::super::support::world::START,
            );
        }),
    ];
    for (name, change) in cases {
        let world = world().edited(change);
        works_and_stays(&world, RECIPE, &[EXISTING]);
        assert_eq!(sent(&world), pairs(&[ROLE, APP]), "{name}");
    }
}

#[test]
fn an_id_in_other_letters_is_the_same() {
    let world = world().edited(|state| {
        let account = state.cosmos_mut(seed::COSMOS).unwrap();
        let scope =
            account.id.replace("resourceGroups", "resourcegroups").replace("cosmos-demo", "Cosmos-Demo");
        let name = "aaaaaaaa-0000-4000-8000-00000000000a".to_owned();
        let assignment = SqlRoleAssignment {
            name: name.clone(),
            role: seed::COSMOS_CONTRIBUTOR.to_owned(),
            principal: seed::IDENTITY_PRINCIPAL.to_uppercase(),
            scope,
        };
        account.role_assignments.insert(name, assignment);
    });
    works_and_stays(&world, RECIPE, &[EXISTING]);
    assert_eq!(sent(&world), pairs(&[APP]));
}

#[test]
fn a_reader_beside_a_contributor_is_given_and_the_rest_is_told() {
    let world = with_role("/dbs/appdb", seed::COSMOS_CONTRIBUTOR);
    let parameters = &[EXISTING, "cosmos-db.access=reader"];
    let run = works_and_stays(&world, RECIPE, parameters);
    assert_eq!(sent(&world), pairs(&[ROLE, APP]));
    let told = warnings(&run.planned.plan.prerequisites);
    assert!(told.iter().any(|one| one.contains("it is a data contributor of")), "{told:#?}");
    // A contributor of something else is none of it.
    for part in ["/dbs/app", "/dbs/appdb/colls/items2"] {
        let world = with_role(part, seed::COSMOS_CONTRIBUTOR);
        let told = warnings(&world.plan(RECIPE, parameters).unwrap().plan.prerequisites);
        assert!(!told.iter().any(|one| one.contains("data contributor of")), "{part}: {told:#?}");
    }
}

fn warnings(findings: &[Finding]) -> Vec<String> {
    findings.iter().filter(|one| one.status == Status::Warning).map(text).collect()
}

#[test]
fn a_run_that_dies_between_role_and_app_is_completed_by_the_next() {
    let world = world();
    // The app refuses, finally, once the role is there.
    let mut broken = World { sandbox: world.sandbox.clone(), ..self::world() };
    broken.clock = std::sync::Arc::clone(&world.clock);
    world.sandbox.set_faults(vec!["match=PATCH:/containerApps/ operation-fails".parse().unwrap()]);
    let run = broken.apply(RECIPE, &[EXISTING]);
    assert!(run.end.is_err());
    assert_eq!(given(&world, seed::IDENTITY_PRINCIPAL).len(), 1, "the role was given");
    world.sandbox.set_faults(Vec::new());
    let before = world.count();
    works_and_stays(&world, RECIPE, &[EXISTING]);
    assert_eq!(given(&world, seed::IDENTITY_PRINCIPAL).len(), 1, "and not twice");
    let later = writes(&world.exchanges_since(before));
    assert!(later.iter().all(|(_, path)| !path.contains("sqlRoleAssignments")), "{later:?}");
}

#[test]
fn an_answer_that_is_lost_does_not_give_the_role_twice() {
    for fault in ["reset-after", "silence-after"] {
        let world = world();
        world.sandbox.set_faults(vec![format!("match=PUT:/sqlRoleAssignments/ {fault}").parse().unwrap()]);
        works_and_stays(&world, RECIPE, &[EXISTING]);
        assert_eq!(given(&world, seed::IDENTITY_PRINCIPAL).len(), 1, "{fault}");
    }
}

#[test]
fn a_busy_account_is_waited_for() {
    let world = world();
    let until = world.clock.now() + time::Duration::minutes(3);
    world.sandbox.edit(|state| variant::cosmos_busy(state, until));
    works_and_stays(&world, RECIPE, &[EXISTING]);
    let refused = world.sandbox.exchanges().iter().filter(|one| one.status == Some(412)).count();
    assert!(refused >= 2 && world.clock.now() > until, "{refused}");
    assert_eq!(given(&world, seed::IDENTITY_PRINCIPAL).len(), 1);
}

/// A world whose directory takes that long to know a new principal.
fn slow_directory(takes: Duration) -> World {
    let mut world = world();
    let clock = std::sync::Arc::clone(&world.clock);
    let delays = Delays { principal: takes, ..Delays::realistic() };
    let options = Options { delays, ..Options::new(std::sync::Arc::new(move || clock.now())) };
    world.sandbox = Sandbox::from_state(world.sandbox.state(), options);
    world.timeout = Duration::from_secs(60 * 60);
    world
}

#[test]
fn a_principal_that_is_new_to_the_directory_is_waited_for_and_one_that_stays_unknown_is_told() {
    let world = slow_directory(Duration::from_secs(4 * 60));
    works_and_stays(&world, RECIPE, &[]);
    assert_eq!(given(&world, &system_principal(&world)).len(), 1);
    described(&world);

    let world = slow_directory(Duration::from_secs(40 * 60));
    let run = world.apply(RECIPE, &[]);
    let (_, _, said) = failure(&run);
    assert!(said.contains("was not found in the AAD tenant(s)"), "{said}");
    assert!(told(&world)[0].is_null(), "the app is not told of data that it may not read");
    // Once it is known the same command completes it.
    world.sandbox.edit(|state| {
        for principal in state.principals.values_mut() {
            principal.known_from = super::super::support::world::START;
        }
    });
    works_and_stays(&world, RECIPE, &[]);
}

#[test]
fn who_may_what() {
    // Data roles are no Azure roles: a contributor may give them.
    for caller in ["contributor", "group-scoped"] {
        let world = world().called_by(caller);
        works_and_stays(&world, RECIPE, &[]);
        assert_eq!(sent(&world), pairs(&[APP, ROLE, APP]), "{caller}");
        described(&world);
    }
    // Who may not see the account is not told that it is missing.
    let planned = blocked(&world().called_by("app-scoped"), RECIPE, &[]);
    assert!(!planned.plan.unreadable.is_empty() && failed(&planned.plan.prerequisites).is_empty());

    // Who may change the app and read, but not give data roles, is told the smallest role for that.
    let limited = || {
        let world = world().edited(|state| {
            let group = seed::group_id(seed::GROUP);
            let roles = [
                (group.as_str(), READER),
                (&group, CONTAINER_APPS_CONTRIBUTOR),
                (&group, MANAGED_IDENTITY_OPERATOR),
            ];
            variant::caller_with(state, "app-scoped", &roles, None);
        });
        world.called_by("app-scoped")
    };
    let planned = blocked(&limited(), RECIPE, &[EXISTING]);
    let told = text(only_failed(&planned));
    assert!(told.contains("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write"), "{told}");
    assert!(told.contains("DocumentDB Account Contributor"), "{told}");
    assert!(told.contains(&seed::cosmos_id(seed::COSMOS)), "on the account and no wider: {told}");
    // With the role in place nothing of it is needed.
    let world = limited().edited(|state| {
        seed::assign_data_role(state, ITEMS, seed::COSMOS_CONTRIBUTOR, seed::IDENTITY_PRINCIPAL);
    });
    works_and_stays(&world, RECIPE, &[EXISTING]);

    // With nothing to change a reader may apply and verify.
    let world = self::world();
    works_and_stays(&world, RECIPE, &[]);
    let world = world.called_by("reader");
    assert!(works_and_stays(&world, RECIPE, &[]).applied.writes.is_empty());
}

#[test]
fn locks_and_denials_on_the_account_are_told_before_the_first_write() {
    let world = world().edited(|state| variant::lock(state, &seed::cosmos_id(seed::COSMOS), "ReadOnly"));
    let told = text(only_failed(&blocked(&world, RECIPE, &[EXISTING])));
    assert!(told.contains("lock"), "{told}");
    let world = self::world().edited(|state| {
        variant::deny(state, &seed::cosmos_id(seed::COSMOS), &["Microsoft.DocumentDB/*/write"]);
    });
    let told = text(only_failed(&blocked(&world, RECIPE, &[EXISTING])));
    assert!(told.contains("deny assignment") || told.contains("denyAssignments"), "{told}");
    // A policy shows at the write.
    let world = self::world().edited(|state| {
        let kind = "microsoft.documentdb/databaseaccounts/sqlroleassignments";
        variant::policy(state, &seed::cosmos_id(seed::COSMOS), kind, "");
    });
    let run = world.apply(RECIPE, &[EXISTING]);
    let (ended, diagnostic, said) = failure(&run);
    assert!(matches!(ended, Failure::Azure(_)) && diagnostic.code == codes::POLICY, "{diagnostic:?}");
    assert!(said.contains("house-rules"), "{said}");
    assert!(told_nothing(&world));
}

fn told_nothing(world: &World) -> bool {
    told(world).iter().all(serde_json::Value::is_null)
}

#[test]
fn names_are_written_as_the_account_has_them_whatever_azure_makes_of_case() {
    let mut world = World::with(Switches::flip("cosmos-names-have-case").unwrap(), Vec::new());
    named(&mut world);
    let parameters = &["cosmos_database=AppDB", "cosmos_container=ITEMS"];
    works_and_stays(&world, RECIPE, parameters);
    assert_eq!(told(&world)[1..], [json!("appdb"), json!("items")]);
    assert_eq!(given(&world, &system_principal(&world)), pairs(&[(seed::COSMOS_CONTRIBUTOR, ITEMS)]));
    // Where case counts the database is not there.
    let planned = blocked(&self::world(), RECIPE, parameters);
    assert_eq!(failed(&planned.plan.prerequisites).len(), 2, "{:#?}", failed(&planned.plan.prerequisites));
}

#[test]
fn the_cores_run_holds_under_every_assumption_about_cosmos() {
    for (name, rules) in Switches::all_flips() {
        if !name.starts_with("cosmos-") && name != "operation-url-open" {
            continue;
        }
        let mut world = World::with(rules, Vec::new());
        named(&mut world);
        works_and_stays(&world, RECIPE, &[]);
        works_and_stays(&world, RECIPE, &[EXISTING, "cosmos-db.scope=account"]);
    }
}

#[test]
fn what_is_wrong_with_the_account_is_told_alone_and_before_the_first_write() {
    for api in ["Mongo", "Cassandra", "Gremlin", "Table"] {
        let world = world().edited(|state| variant::cosmos_api(state, api));
        let told = text(only_failed(&blocked(&world, RECIPE, &[])));
        assert!(told.contains("is of another API"), "{api}: {told}");
    }
    let world = world().edited(|state| variant::cosmos_closed(state, false));
    let told = warnings(&world.plan(RECIPE, &[]).unwrap().plan.prerequisites);
    assert!(told.iter().any(|one| one.contains("no approved private endpoint")), "{told:#?}");
    works_and_stays(&world, RECIPE, &[]);
    let world = self::world().edited(|state| variant::cosmos_closed(state, true));
    let told = warnings(&world.plan(RECIPE, &[]).unwrap().plan.prerequisites);
    assert!(!told.iter().any(|one| one.contains("no approved private endpoint")), "{told:#?}");
    assert!(told.iter().any(|one| one.contains("lets in only some networks")), "{told:#?}");
}
