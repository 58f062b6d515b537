//! Crash points with real processes: the program is killed (SIGKILL) before a request takes effect, after its effect but
//! before its answer, and after its answer, while the sandbox lives on in another process; the same command then ends
//! where the uninterrupted run does. In half of the cases the state folder is lost, as if it ran on another machine.
//!
//! Every request that writes, or each nth point of these, of the runs below, at least one of every recipe; and the first run
//! of each recipe is put back after a kill in its middle. With `ACARECIPE_ALL_CRASHES` in the environment: every request of
//! all of these runs (one point of one that only reads), and each is put back after a kill at every request that writes.
//! `runs_faults/crashes` and `undone` do every request of every scenario in one process.

mod crashing;

use acarecipe::recipe::Catalogue;

use super::process::{Server, Start, home};
use crate::support::say;
use crashing::{Counts, Crashing, writes};

/// How a scenario runs so.
struct Across {
    name: &'static str,
    /// Each nth of its crash points is one of every day; no multiple of three, so that each kind of point is among them.
    every: usize,
    /// What it takes beside the scenario's parameters, and which of these it goes without.
    with: &'static [&'static str],
    without: &'static [&'static str],
}

const fn run(name: &'static str, every: usize) -> Across {
    Across { name, every, with: &[], without: &[] }
}

/// Which value of a secret a replica runs with nothing tells but the journal: without it the run says so.
const RESTART_TOLD: &str = "easy-auth, a new secret restarts what uses it";

/// No share of the traffic is left to stand for a minute of the machine's clock, and none is asked three times.
const AT_ONCE: &[&str] = &["revision-validation.bake=0s", "revision-validation.successes=1"];

/// The runs.
///
/// - At an endpoint of one's own no database is asked: `azure-sql` gives the script to a person, and writes what stands
///   before and after it. The batches themselves are crash points in one process only.
/// - The served sandbox asks for no certificate in the handshake: a request with one is not made.
const ACROSS: &[Across] = &[
    run("managed-identity, system", 1),
    run("managed-identity, created, with a role", 1),
    run("key-vault-reference, system", 1),
    run("container-registry, system, with an image", 1),
    run("cosmos-db, system", 1),
    run("cosmos-db, an identity that is there", 1),
    run("redis, system, Azure Managed Redis", 1),
    run("redis, an identity that is there, Azure Cache for Redis", 1),
    run("storage, system", 1),
    run("storage, an identity that is there, share and scratch space", 1),
    run("dapr-integration, components with a secret", 1),
    run("dapr-integration, a component with the app's identity and its role", 1),
    run("dapr-integration, a component of others, with policies", 1),
    run("custom-domains, records and a managed certificate", 1),
    run("custom-domains, a domain itself", 1),
    run("custom-domains, a certificate of one's own", 1),
    run("custom-domains, another certificate was bound", 1),
    run("azure-sql, an identity that is there", 4),
    run("azure-sql, system", 4),
    run("bring-your-own-storage, by its key", 4),
    run("bring-your-own-storage, the key from a vault", 4),
    run("bring-your-own-storage, NFS", 4),
    run("custom-container, built from a folder", 4),
    run("custom-container, an image of elsewhere", 4),
    run("native-dependencies, built, tested and deployed", 4),
    run("easy-auth, Entra ID", 4),
    run(RESTART_TOLD, 1),
    run("easy-auth, an identity that is trusted", 4),
    run("easy-auth, Google beside GitHub", 4),
    run("jobs, a private image, started", 4),
    run("jobs, a public image", 4),
    run("jobs, by messages, an identity that is there", 4),
    run("jobs, one that is there is changed and started", 4),
    Across {
        without: &["mtls-client-certificates.client_cert=", "mtls-client-certificates.client_key="],
        ..run("mtls-client-certificates, required", 4)
    },
    run("mtls-client-certificates, asked for", 4),
    Across { with: AT_ONCE, ..run("revision-validation, a new image by steps", 4) },
    Across { with: AT_ONCE, ..run("revision-validation, a variable at once, and the old revision goes", 4) },
];

/// The recipes, each test's beside the others'.
const RECIPES: [&[&str]; 5] = [
    &["managed-identity", "key-vault-reference", "container-registry"],
    &["azure-sql", "bring-your-own-storage", "cosmos-db", "redis", "storage"],
    &["custom-domains", "dapr-integration"],
    &["custom-container", "jobs", "native-dependencies"],
    &["easy-auth", "mtls-client-certificates", "revision-validation"],
];

fn of(recipes: &[&str]) {
    let all = std::env::var_os("ACARECIPE_ALL_CRASHES").is_some();
    let (mut killed, mut undone) = (Counts::default(), Counts::default());
    for recipe in recipes {
        let runs = ACROSS.iter().filter(|one| one.name.split([',', ' ']).next() == Some(recipe));
        for (number, across) in runs.enumerate() {
            let crashing = Crashing::new(across);
            killed.add(crashing.everywhere());
            if all || number == 0 {
                undone.add(crashing.put_back());
            }
        }
    }
    let names = recipes.join(", ");
    say!("killed processes, {names}: {killed}; half without the state folder");
    say!("killed processes put back, {names}: {undone}");
    killed.were_killed();
    undone.were_killed();
}

#[test]
fn identities_secrets_and_images_complete_after_a_kill_anywhere() {
    of(RECIPES[0]);
}

#[test]
fn databases_and_storage_complete_after_a_kill_anywhere() {
    of(RECIPES[1]);
}

#[test]
fn domains_and_dapr_complete_after_a_kill_anywhere() {
    of(RECIPES[2]);
}

#[test]
fn jobs_and_what_is_built_complete_after_a_kill_anywhere() {
    of(RECIPES[3]);
}

#[test]
fn who_may_come_in_and_rollouts_complete_after_a_kill_anywhere() {
    of(RECIPES[4]);
}

#[test]
fn every_recipe_is_killed() {
    for recipe in Catalogue::built_in().unwrap().recipes() {
        let recipe = recipe.name.value.as_str();
        assert!(RECIPES.iter().any(|some| some.contains(&recipe)), "{recipe} has no test");
        let runs = |one: &Across| one.name.split([',', ' ']).next() == Some(recipe);
        assert!(ACROSS.iter().any(runs), "{recipe} has no run");
    }
    assert!(ACROSS.iter().all(|one| one.every % 3 != 0));
}

#[test]
fn what_was_killed_anywhere_is_undone() {
    let across = ACROSS.iter().find(|one| one.name == "managed-identity, created, with a role").unwrap();
    let undone = Crashing::new(across).put_back_everywhere();
    say!("killed processes put back everywhere: {undone}; half after they had gone on");
    undone.were_killed();
}

#[test]
fn after_a_kill_the_recorded_address_of_the_operation_is_asked_before_anything_is_decided() {
    let apply = ["apply", "managed-identity", "--yes"];
    let server = Server::start(&[]);
    let hangs = "match=PATCH:/containerApps/ operation-hangs";
    let asked = "match=GET:/containerappOperation nth=2 silence-before";
    server.faults(&[hangs, asked]);
    let home = home();
    let client = Start::new(&server.endpoint, &apply).at_home(&home).spawn();
    server.silence();
    client.kill();
    let before = server.exchanges();
    let polled = before.iter().rev().find_map(|one| one["path"].as_str());
    let polled = polled.filter(|path| path.to_lowercase().contains("containerappoperation"));
    let polled = polled.expect("it was waiting for the operation").to_owned();
    // Azure gets done with it.
    let mut state = server.state();
    for operation in state.operations.values_mut() {
        operation.due = Some(operation.started);
    }
    server.replace(&state);
    server.faults(&[]);
    let ended = Start::new(&server.endpoint, &apply).at_home(&home).run();
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let after = server.exchanges().split_off(before.len());
    let at = |wanted: &dyn Fn(&str) -> bool| {
        after.iter().rposition(|one| one["method"] == "GET" && one["path"].as_str().is_some_and(wanted))
    };
    // A first look says that the run has to do with it; what it goes by is read once that is over.
    let asked = at(&|path| path == polled).expect("the address is asked");
    let app = at(&|path| path.to_lowercase().ends_with("/containerapps/ca-demo")).unwrap();
    assert!(asked < app, "{after:#?}");
    assert!(!after.iter().any(writes), "it is in place");
}
