//! storage and bring-your-own-storage: what they cost, what they leave alone, and where the key goes.

use acarecipe::diagnostic::codes;
use acarecipe::plan::{Plan, Status};
use acarecipe::sandbox::roles::STORAGE_BLOB_DATA_CONTRIBUTOR;
use acarecipe::sandbox::seed::{self, storage, variant};
use acarecipe::sandbox::{Exchange, Switches};
use serde_json::{Value as Json, json};

use super::super::support::world::{START, World, failed, writes};
use super::{
    EXISTING, app, blocked, described, failure, of_code, only_failed, text, variable, works_and_stays,
};

const BLOBS: &[&str] = &["storage"];
const FILES: &[&str] = &["bring-your-own-storage"];
const ALL: &[&str] = &["storage", "bring-your-own-storage"];
const SHARE: &str = "storage.share_name=uploads";
const SCRATCH: &str = "storage.scratch_path=/tmp/work";

const APP: (&str, &str) = ("PATCH", "containerApps");
const ROLE: (&str, &str) = ("PUT", "roleAssignments");
const CONTAINER: (&str, &str) = ("PUT", "containers");
const A_SHARE: (&str, &str) = ("PUT", "shares");
const REGISTRATION: (&str, &str) = ("PUT", "storages");

fn world() -> World {
    let mut world = World::new();
    world.variables.insert("STORAGE_ACCOUNT".to_owned(), seed::STORAGE_ACCOUNT.to_owned());
    world
}

/// Method and type of each accepted write.
fn sent(exchanges: &[Exchange]) -> Vec<(String, String)> {
    let kind = |path: &str| path.rsplit('/').nth(1).unwrap().to_owned();
    writes(exchanges).into_iter().map(|(method, path)| (method, kind(&path))).collect()
}

#[track_caller]
fn wrote(exchanges: &[Exchange], expected: &[(&str, &str)]) {
    let mut sent = sent(exchanges);
    let mut expected: Vec<(String, String)> =
        expected.iter().map(|(method, kind)| ((*method).to_owned(), (*kind).to_owned())).collect();
    let last = (sent.last().cloned(), expected.last().cloned());
    assert_eq!(last.0, last.1, "the app's template comes last: {sent:?}");
    // What does not depend on each other goes out at once.
    sent.sort();
    expected.sort();
    assert_eq!(sent, expected);
}

/// How often the keys of an account were asked for.
fn keys_listed(exchanges: &[Exchange]) -> usize {
    exchanges.iter().filter(|exchange| exchange.path.ends_with("/listKeys")).count()
}

/// What a run costs: writes, revisions, keys, and nothing of it a second time.
#[track_caller]
fn costs(recipes: &[&str], parameters: &[&str], expected: &[(&str, &str)], keys: usize) -> World {
    let world = world();
    let run = works_and_stays(&world, recipes, parameters);
    let exchanges = world.sandbox.exchanges();
    wrote(&exchanges, expected);
    assert_eq!(keys_listed(&exchanges), keys, "keys are asked for by what is registered");
    assert_eq!(run.applied.revisions.len(), 1);
    assert_eq!(app(&world).revisions.len(), 2);
    let from = world.count();
    let again = world.apply(recipes, parameters);
    assert!(again.applied.writes.is_empty());
    let since = world.exchanges_since(from);
    assert!(since.iter().all(|exchange| exchange.method == "GET"), "a second run only reads");
    let checked = described(&world);
    assert!(checked == 0 || checked >= 40, "only {checked} exchanges were checked");
    world
}

/// On paper: the blob container, the identity, the role on the container (after both), and the template
/// after the role; the app is written twice, because the principal of a system identity is known only
/// after the first.
#[test]
fn blobs_with_a_system_identity() {
    let world = costs(BLOBS, &[], &[APP, CONTAINER, ROLE, APP], 0);
    let app = app(&world);
    assert_eq!(
        variable(&app, seed::APP, "STORAGE_ACCOUNT_URL")["value"],
        "https://stdemo.blob.core.windows.net"
    );
    assert_eq!(variable(&app, seed::APP, "STORAGE_CONTAINER")["value"], "app-data");
}

/// The principal is known first: one write of the app.
#[test]
fn blobs_with_an_identity_that_is_there() {
    costs(BLOBS, &[EXISTING], &[CONTAINER, ROLE, APP], 0);
}

/// Two writes more, for the share and its registration, and one look at the keys; volumes, mounts and
/// variables go together.
#[test]
fn blobs_a_share_and_scratch_space_together() {
    let expected = [CONTAINER, A_SHARE, REGISTRATION, APP, ROLE, APP];
    let world = costs(BLOBS, &[SHARE, SCRATCH], &expected, 1);
    let template = app(&world).template().clone();
    let mounts = &template["containers"][0]["volumeMounts"];
    assert_eq!(mounts.as_array().map(Vec::len), Some(2), "{mounts:#}");
    costs(BLOBS, &[SHARE, SCRATCH, EXISTING], &[CONTAINER, A_SHARE, REGISTRATION, ROLE, APP], 1);
}

#[test]
fn a_share_of_ones_own() {
    let world = costs(FILES, &[], &[A_SHARE, REGISTRATION, APP], 1);
    let order = sent(&world.sandbox.exchanges());
    let order: Vec<&str> = order.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(order, ["shares", "storages", "containerApps"], "each needs the one before");
    assert!(app(&world).identity.system.is_none(), "files need no identity of the app");
}

/// storage mounts no share of its own here; the two meet in the template write only.
#[test]
fn both_recipes_together() {
    costs(ALL, &[], &[CONTAINER, A_SHARE, REGISTRATION, APP, ROLE, APP], 1);
    costs(ALL, &[EXISTING], &[CONTAINER, A_SHARE, REGISTRATION, ROLE, APP], 1);
}

/// One app, two shares, one write of it.
#[test]
fn a_second_instance_with_another_share() {
    let two = &["bring-your-own-storage", "bring-your-own-storage=second"];
    let parameters = &[
        "second.storage_account=stdemo",
        "second.share_name=reports",
        "second.storage_name=reports",
        "second.volume_name=reports",
        "second.mount_path=/mnt/reports",
        "second.access=ReadOnly",
    ];
    let world = world();
    let run = works_and_stays(&world, two, parameters);
    let exchanges = world.sandbox.exchanges();
    wrote(&exchanges, &[A_SHARE, A_SHARE, REGISTRATION, REGISTRATION, APP]);
    assert_eq!(run.applied.revisions.len(), 1);
    assert!((1..=2).contains(&keys_listed(&exchanges)));
    let template = app(&world).template().clone();
    let names: Vec<&str> =
        template["volumes"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shared-files", "reports"]);
    described(&world);

    // Two that want one name for two shares are told so, before anything is written.
    let world = self::world();
    let clash = &["second.storage_account=stdemo", "second.share_name=reports"];
    let planned = blocked(&world, two, clash);
    assert!(
        planned.plan.problems.iter().any(|one| one.code == codes::CONFLICT),
        "{:#?}",
        planned.plan.problems
    );
}

#[test]
fn the_right_to_list_keys_is_needed_only_when_something_is_registered() {
    const LIST: &str = "Microsoft.Storage/storageAccounts/listKeys/action";
    const NEW_SHARE: &str = "Microsoft.Storage/storageAccounts/fileServices/shares/write";
    let account = seed::storage_account_id(seed::STORAGE_ACCOUNT);
    let lists =
        |plan: &Plan| plan.rights.iter().flat_map(|scope| &scope.rights).any(|right| right.action == LIST);
    let world = world();
    let plan = world.plan(FILES, &[]).unwrap().plan;
    assert!(lists(&plan), "{:#?}", plan.rights);
    let all: Vec<&str> =
        plan.rights.iter().flat_map(|scope| &scope.rights).map(|right| right.action.as_str()).collect();
    assert!(all.contains(&NEW_SHARE), "{all:?}");
    assert!(all.contains(&"Microsoft.App/managedEnvironments/storages/write"), "{all:?}");

    // With the share there it is all that is lacking at the account, and there is a small role for it.
    world.sandbox.edit(|state| storage::share(state, seed::STORAGE_ACCOUNT, "aca-shared", "SMB", START));
    let mut reader = self::world();
    reader.sandbox = world.sandbox.clone();
    reader.caller = "reader".to_owned();
    let plan = reader.plan(FILES, &[]).unwrap().plan;
    let at = plan.rights.iter().find(|rights| rights.scope.as_str().eq_ignore_ascii_case(&account)).unwrap();
    let fix = at.fix.join("\n");
    assert_eq!(at.fix.len(), 1, "{fix}");
    assert!(fix.contains("'Storage Account Key Operator Service Role'") && fix.contains(&account), "{fix}");

    works_and_stays(&world, FILES, &[]);
    assert!(!lists(&world.plan(FILES, &[]).unwrap().plan));
    // A mount that is gone needs no key either.
    world.sandbox.edit(|state| {
        state.app_mut(seed::APP).unwrap().model["properties"]["template"]["volumes"] = json!([]);
        state.app_mut(seed::APP).unwrap().model["properties"]["template"]["containers"][0]["volumeMounts"] =
            json!([]);
    });
    let plan = world.plan(FILES, &[]).unwrap().plan;
    assert_eq!(plan.writes.len(), 1);
    assert!(!lists(&plan));
    // Neither do NFS and a key in a vault.
    let nfs = nfs_world();
    assert!(!lists(&nfs.plan(FILES, NFS).unwrap().plan));
    assert_eq!(keys_listed(&nfs.sandbox.exchanges()), 0);
}

const NFS: &[&str] = &["storage_account=filesdemo", "protocol=nfs"];

fn nfs_world() -> World {
    world().edited(|state| {
        storage::file_account(state, "filesdemo", false, START);
        storage::environment_in_network(state);
    })
}

#[test]
fn nfs_asks_for_no_key() {
    let world = nfs_world();
    works_and_stays(&world, FILES, NFS);
    wrote(&world.sandbox.exchanges(), &[A_SHARE, REGISTRATION, APP]);
    assert_eq!(keys_listed(&world.sandbox.exchanges()), 0);
    described(&world);
}

#[test]
fn a_reader_runs_what_is_in_place() {
    let mut world = world();
    works_and_stays(&world, ALL, &[SHARE, SCRATCH]);
    let from = world.count();
    world.caller = "reader".to_owned();
    works_and_stays(&world, ALL, &[SHARE, SCRATCH]);
    assert_eq!(keys_listed(&world.exchanges_since(from)), 0);
}

/// A key that tests can recognise, in an answer, in one body, and nowhere else.
#[test]
fn the_key_goes_from_the_account_to_the_registration_and_is_seen_nowhere_else() {
    const KEYS: [&str; 2] = ["canary-account-key-1", "canary-account-key-2"];
    let marked = || {
        world().edited(|state| {
            let account = state.storage_account_mut(seed::STORAGE_ACCOUNT).unwrap();
            account.keys = KEYS.map(str::to_owned);
        })
    };
    let world = marked();
    let run = world.apply(FILES, &[]);
    run.ok();
    let mut places = Vec::new();
    for exchange in world.sandbox.exchanges() {
        let holds = |body: &Option<Json>| {
            body.as_ref().is_some_and(|body| KEYS.iter().any(|key| body.to_string().contains(key)))
        };
        if holds(&exchange.request_body) {
            places.push(format!("to {}", exchange.path.rsplit('/').nth(1).unwrap()));
            assert!(!exchange.request_body.unwrap().to_string().contains(KEYS[1]), "one key is enough");
        }
        if holds(&exchange.response_body) {
            places.push(format!("from {}", exchange.path.rsplit('/').next().unwrap()));
        }
    }
    assert_eq!(places, ["from listKeys", "to storages"]);
    let shown = super::secrecy::shown(&world, &run);
    assert!(shown.len() > 1000);
    for key in KEYS {
        assert!(!shown.contains(key));
    }
    // Nor when the write that has it is refused, with the refusal repeating what was sent.
    for fault in ["match=PUT:/storages/ status=400", "match=PUT:/storages/ reset-after times=1000"] {
        let world = marked();
        world.sandbox.set_faults(vec![fault.parse().unwrap()]);
        let run = world.apply(FILES, &[]);
        let shown = super::secrecy::shown(&world, &run);
        for key in KEYS {
            assert!(!shown.contains(key), "{fault}");
        }
    }
}

/// What never answers; the writes that are left, and how often one of them needs a key.
type Ended = (&'static str, &'static [(&'static str, &'static str)], usize);

#[test]
fn a_run_that_ends_between_two_writes_is_completed_by_the_next() {
    let cases: [Ended; 4] = [
        ("match=PUT:/shares/ silence-before times=1000", &[A_SHARE, REGISTRATION, APP], 1),
        ("match=PUT:/storages/ silence-before times=1000", &[REGISTRATION, APP], 1),
        ("match=POST:/listKeys silence-before times=1000", &[REGISTRATION, APP], 1),
        ("match=PATCH:/containerApps/ silence-before times=1000", &[APP], 0),
    ];
    for (fault, left, keys) in cases {
        let world = world();
        world.sandbox.set_faults(vec![fault.parse().unwrap()]);
        let run = world.apply(FILES, &[]);
        assert!(run.end.is_err(), "{fault}");
        world.sandbox.set_faults(Vec::new());
        let from = world.count();
        works_and_stays(&world, FILES, &[]);
        wrote(&world.exchanges_since(from), left);
        assert_eq!(keys_listed(&world.exchanges_since(from)), keys, "{fault}");
        described(&world);
    }
}

#[test]
fn volumes_mounts_and_registrations_of_others_stay_as_they_are() {
    let world = world().edited(variant::sidecar_first).edited(|state| {
        storage::share(state, seed::STORAGE_ACCOUNT, "theirs", "SMB", START);
        storage::environment_storage(state, "theirs", seed::STORAGE_ACCOUNT, "theirs", "SMB");
        storage::mounted(state, "theirs", "theirs", "/mnt/theirs");
        let app = state.app_mut(seed::APP).unwrap();
        let template = &mut app.model["properties"]["template"];
        template["volumes"][0]["mountOptions"] = json!("uid=1000,gid=1000");
        template["volumes"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "cache", "storageType": "EmptyDir" }));
        template["containers"][0]["volumeMounts"] = json!([{ "volumeName": "cache", "mountPath": "/cache" }]);
        let template = template.clone();
        app.revisions.last_mut().unwrap().template = template;
    });
    let before = app(&world).template().clone();
    let mut world = world;
    world.container = Some(seed::APP.to_owned());
    works_and_stays(&world, ALL, &[SHARE, SCRATCH]);
    let after = app(&world).template().clone();
    assert_eq!(after["containers"][0], before["containers"][0], "the sidecar is not touched");
    for volume in before["volumes"].as_array().unwrap() {
        assert!(after["volumes"].as_array().unwrap().contains(volume), "{volume}");
    }
    let mounts = after["containers"][1]["volumeMounts"].as_array().unwrap();
    for mount in before["containers"][1]["volumeMounts"].as_array().unwrap() {
        assert!(mounts.contains(mount), "{mount}");
    }
    assert_eq!(mounts.len(), 4);
    let state = world.sandbox.state();
    let theirs = state.environment_storage(&seed::environment_id(), "theirs").unwrap();
    assert_eq!(theirs.properties["azureFile"]["shareName"], "theirs");
    described(&world);
}

#[test]
fn a_new_key_takes_a_new_name_and_the_old_registration_stays() {
    let world = world();
    works_and_stays(&world, FILES, &[]);
    let from = world.count();
    let run = works_and_stays(&world, FILES, &["storage_name=sharedfiles2", "key=key2"]);
    wrote(&world.exchanges_since(from), &[REGISTRATION, APP]);
    assert_eq!(run.applied.revisions.len(), 1);
    let state = world.sandbox.state();
    let key =
        |name: &str| state.environment_storage(&seed::environment_id(), name).unwrap().key.clone().unwrap();
    let account = state.storage_account(seed::STORAGE_ACCOUNT).unwrap();
    assert_eq!([key("sharedfiles"), key("sharedfiles2")], account.keys);
    let volumes = app(&world).template()["volumes"].as_array().unwrap().clone();
    assert_eq!(volumes.len(), 1, "the volume moves: {volumes:#?}");
    assert_eq!(volumes[0]["storageName"], "sharedfiles2");
    described(&world);
}

#[test]
fn a_registration_of_another_share_is_never_replaced() {
    let world = world().edited(|state| {
        storage::share(state, seed::STORAGE_ACCOUNT, "theirs", "SMB", START);
        storage::environment_storage(state, "sharedfiles", seed::STORAGE_ACCOUNT, "theirs", "SMB");
    });
    let planned = blocked(&world, FILES, &[]);
    let told = text(only_failed(&planned));
    assert!(told.contains("stdemo/theirs") && told.contains("storage_name=NAME"), "{told}");
    // Under another name both are there.
    works_and_stays(&world, FILES, &["storage_name=mine"]);
    let state = world.sandbox.state();
    let theirs = state.environment_storage(&seed::environment_id(), "sharedfiles").unwrap();
    assert_eq!(theirs.properties["azureFile"]["shareName"], "theirs");
}

#[test]
fn the_app_does_not_wait_for_the_role_in_force() {
    use acarecipe::clock::Clock as _;

    let world = world();
    world.apply(BLOBS, &[EXISTING]).ok();
    let waited = world.clock.now() - START;
    assert!(waited < time::Duration::minutes(2), "{waited}");
    let put = world
        .sandbox
        .exchanges()
        .into_iter()
        .find(|one| one.method == "PUT" && one.path.contains("/roleAssignments/"));
    let put = put.unwrap();
    let scope = put.path.split("/providers/Microsoft.Authorization").next().unwrap();
    assert_eq!(scope, seed::container_id(seed::STORAGE_ACCOUNT, "app-data"), "least privilege");
    let role = &put.request_body.unwrap()["properties"]["roleDefinitionId"];
    assert!(role.as_str().unwrap().ends_with(STORAGE_BLOB_DATA_CONTRIBUTOR), "{role}");
}

#[test]
fn a_mount_that_hangs_is_told_with_its_causes() {
    let world = world().edited(|state| storage::storage_closed(state, seed::STORAGE_ACCOUNT, false));
    let run = world.apply(FILES, &[]);
    let warned = &run.planned.plan.prerequisites;
    assert!(warned.iter().any(|one| one.status == Status::Warning && text(one).contains("hangs")));
    let findings = world.verify(FILES, &[]);
    let told = of_code(&findings, codes::VERIFICATION);
    assert_eq!(told.status, Status::Failed, "{findings:#?}");
    assert!(failed(&findings).len() > 1, "the revision's health says so too: {findings:#?}");
}

/// A registration that failed, and may not be looked at afterwards, is not in place: the app, which would mount
/// it, is not sent; whichever look before or after the failure is refused.
#[test]
fn what_failed_and_cannot_be_seen_again_is_not_done() {
    let mut told = Vec::new();
    for nth in 3..=6 {
        let look = format!("match=GET:/storages/sharedfiles nth={nth} times=200 status=403");
        let faults = ["match=PUT:/storages/ status=500", &look].map(|fault| fault.parse().unwrap());
        let mut world = World::with(Switches::default(), faults.to_vec());
        world.variables.insert("STORAGE_ACCOUNT".to_owned(), seed::STORAGE_ACCOUNT.to_owned());
        let run = world.apply(FILES, &[]);
        let (_, diagnostic, said) = failure(&run);
        assert!(said.contains("cannot be told"), "{nth}: {said}");
        let patches = world.sandbox.exchanges().iter().filter(|one| one.method == "PATCH").count();
        assert_eq!(patches, 0, "{nth}: what needs it is not sent");
        if diagnostic.code == codes::AZURE_REFUSED {
            assert!(said.contains("create the environment storage sharedfiles"), "{nth}: {said}");
            assert!(run.applied.writes.iter().all(|write| !write.what.contains("environment storage")));
        }
        told.push(diagnostic.code);
    }
    assert!(told.contains(&codes::AZURE_REFUSED), "the write's own error, where it was sent: {told:?}");
}
