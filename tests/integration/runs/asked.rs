//! `action`: an answer that is asked for when a write needs it. Played with the key of a storage account, which
//! an environment is given to mount a share; and what a type does that is only written whole.

use acarecipe::diagnostic::codes;
use acarecipe::report::PlanReport;
use acarecipe::sandbox::state::EnvironmentStorage;
use acarecipe::sandbox::{Switches, seed};

use super::*;

const FILES: &str = "
inputs:
  share_name: { default: shared, description: The share. }
  storage_name: { default: sharedfiles, description: Its name in the environment. }
  volume: { default: files, description: The volume. }
  mode: { default: ReadWrite, description: How it is mounted. }
existing:
  account: { type: Microsoft.Storage/storageAccounts, name: stdemo }
  shares: { type: Microsoft.Storage/storageAccounts/fileServices/shares, parent: \"${account}\", list: true }
steps:
  - id: share
    why: there is a share
    resource:
      type: Microsoft.Storage/storageAccounts/fileServices/shares
      parent: \"${account}\"
      name: \"default/${inputs.share_name}\"
      body: {}
  - id: keys
    why: the key of the account
    action: { resource: \"${account.id}\", name: listKeys }
  - id: storage
    why: the environment knows the share
    after: [share]
    resource:
      type: Microsoft.App/managedEnvironments/storages
      parent: \"${environment}\"
      name: \"${inputs.storage_name}\"
      body:
        properties:
          azureFile:
            accountName: \"${account.name}\"
            accountKey: \"${find(steps.keys.keys, 'keyName', 'key1').value}\"
            shareName: \"${inputs.share_name}\"
            accessMode: \"${inputs.mode}\"
  - id: mount
    why: the container mounts it
    container_app:
      template:
        volumes: [{ name: \"${inputs.volume}\", storageType: AzureFile, storageName: \"${inputs.storage_name}\" }]
        containers: [{ name: \"${container.name}\", volumeMounts: [{ volumeName: \"${inputs.volume}\", mountPath: \"/mnt/${inputs.volume}\" }] }]
outputs:
  shares: \"${count(shares)}\"
  share: \"${steps.share.id}\"
";

/// Owns how a share is mounted, and nothing else.
const READ_ONLY: &str = "
steps:
  - id: storage
    why: the share is only read
    resource:
      type: Microsoft.App/managedEnvironments/storages
      parent: \"${environment}\"
      name: sharedfiles
      body: { properties: { azureFile: { accessMode: ReadOnly } } }
verify:
  - that: \"${environment.properties.provisioningState == 'Succeeded'}\"
    name: the environment is there
";

fn recipes() -> tempfile::TempDir {
    folder(&[("files", FILES), ("read-only", READ_ONLY)])
}

fn world(folder: &tempfile::TempDir) -> World {
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    world
}

fn key(world: &World) -> String {
    world.sandbox.state().storage_account(seed::STORAGE_ACCOUNT).unwrap().keys[0].clone()
}

fn storage(world: &World, name: &str) -> EnvironmentStorage {
    world.sandbox.state().environment_storage(&seed::environment_id(), name).unwrap().clone()
}

fn asked(exchanges: &[Exchange]) -> usize {
    exchanges.iter().filter(|exchange| exchange.path.ends_with("/listKeys")).count()
}

fn writes(exchanges: &[Exchange]) -> Vec<String> {
    let writes =
        exchanges.iter().filter(|exchange| exchange.is_write() && !exchange.path.ends_with("/listKeys"));
    writes.map(|exchange| format!("{} {}", exchange.method, exchange.path)).collect()
}

/// The environment knows another share of the account under the name, and no app mounts it.
fn points_elsewhere(world: &World) {
    let key = key(world);
    world.sandbox.edit(|state| {
        state.add_environment_storage(EnvironmentStorage {
            id: seed::environment_storage_id("sharedfiles"),
            properties: serde_json::json!({ "azureFile": {
                "accountName": seed::STORAGE_ACCOUNT, "shareName": "other", "accessMode": "ReadWrite",
            } }),
            key: Some(key),
            key_reaches: None,
        });
    });
}

#[test]
fn it_is_asked_once_right_before_the_write_and_never_again() {
    let folder = recipes();
    let world = world(&folder);
    let run = works_and_stays(&world, &["files"], &[]);
    let exchanges = world.sandbox.exchanges();
    assert_eq!(asked(&exchanges), 1);
    let order: Vec<&str> = exchanges
        .iter()
        .filter(|one| one.is_write() || one.path.ends_with("/listKeys"))
        .map(|one| one.path.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(order, ["shared", "listKeys", "sharedfiles", "ca-demo"], "share, key, storage, app");
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (3, 1));
    assert_eq!(storage(&world, "sharedfiles").key, Some(key(&world)));
    let end = run.ok();
    assert_eq!(
        end.plan.outputs["files"]["share"].as_str(),
        Some(seed::share_id("stdemo", "shared").as_str())
    );
    assert_eq!(end.plan.outputs["files"]["shares"].to_json(), Some(1.into()));
    described(&world);
}

#[test]
fn no_plan_and_no_verification_asks_and_the_right_is_needed_only_for_a_write_that_needs_it() {
    let folder = recipes();
    let world = world(&folder);
    let rights = |world: &World| {
        let plan = world.plan(&["files"], &[]).unwrap().plan;
        let all: Vec<String> =
            plan.rights.iter().flat_map(|scope| &scope.rights).map(|right| right.action.clone()).collect();
        all.contains(&"Microsoft.Storage/storageAccounts/listKeys/action".to_owned())
    };
    assert!(rights(&world));
    assert_eq!(asked(&world.sandbox.exchanges()), 0);
    world.apply(&["files"], &[]).ok();
    assert!(!rights(&world));
    let from = world.count();
    world.verify(&["files"], &[]);
    assert!(world.apply(&["files"], &[]).applied.writes.is_empty());
    assert_eq!(asked(&world.exchanges_since(from)), 0);
    // A change of the app alone needs no key.
    world.sandbox.edit(|state| {
        state.app_mut(seed::APP).unwrap().model["properties"]["template"]["volumes"] = serde_json::json!([]);
    });
    assert!(!rights(&world));
}

#[test]
fn the_key_is_in_nothing_that_is_told() {
    let folder = recipes();
    let world = world(&folder);
    let run = world.apply(&["files"], &[]);
    let end = run.ok();
    let told = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?}",
        world.seen.events.lock().unwrap(),
        world.seen.writes.lock().unwrap(),
        run.applied,
        run.planned.plan,
        end.plan,
        end.facts,
    );
    assert!(!told.contains(&key(&world)));
    assert!(told.contains("sensitive"));
    let sent = world.sandbox.exchanges();
    let carries = |one: &&Exchange| format!("{one:?}").contains(&key(&world));
    let with_key: Vec<&str> =
        sent.iter().filter(carries).map(|one| one.path.rsplit('/').next().unwrap()).collect();
    assert_eq!(with_key, ["listKeys", "sharedfiles"]);
}

#[test]
fn two_that_need_the_same_answer_share_one_request_and_two_that_own_the_same_one_write() {
    let folder = recipes();
    let first = world(&folder);
    let run = first.apply(&["files=one", "files=two"], &["two.storage_name=second", "two.volume=second"]);
    run.ok();
    let exchanges = first.sandbox.exchanges();
    assert_eq!(asked(&exchanges), 1);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (4, 1), "share, two storages, app");
    let second = world(&folder);
    let run = second.apply(&["files=one", "files=two"], &[]);
    run.ok();
    assert_eq!(asked(&second.sandbox.exchanges()), 1);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (3, 1), "share, storage, app");
}

#[test]
fn two_that_want_different_keys_under_one_name_are_told_so() {
    let other = FILES.replace("'key1'", "'key2'");
    let folder = folder(&[("files", FILES), ("files-two", &other)]);
    let world = world(&folder);
    let planned = blocked(&world, &["files", "files-two"], &[]);
    let problem = &planned.plan.problems[0];
    assert_eq!(problem.code, codes::CONFLICT);
    assert!(problem.message.contains("accountKey"), "{problem:?}");
}

/// That all that is said of it means nothing set does not mean that it is there.
#[test]
fn a_resource_of_which_only_defaults_are_wanted_is_made() {
    const BLOBS: &str = "
existing:
  account: { type: Microsoft.Storage/storageAccounts, name: stdemo }
  made: { type: Microsoft.Storage/storageAccounts/blobServices/containers, parent: \"${account}\", name: default/data, optional: true }
steps:
  - id: blobs
    why: there is a container
    resource:
      type: Microsoft.Storage/storageAccounts/blobServices/containers
      parent: \"${account}\"
      name: default/data
      body: { properties: { publicAccess: WANTED } }
verify:
  - { name: it is there, that: \"${made}\", otherwise: it is not }
outputs: { id: \"${steps.blobs.id}\" }
";
    for wanted in ["None", "{ $patch: default, value: None }"] {
        let folder = folder(&[("blobs", &BLOBS.replace("WANTED", wanted))]);
        let world = world(&folder);
        let run = works_and_stays(&world, &["blobs"], &[]);
        assert_eq!(run.applied.writes.len(), 1);
        let id = run.planned.plan.outputs["blobs"]["id"].clone();
        assert_eq!(id.as_str(), Some(seed::container_id(seed::STORAGE_ACCOUNT, "data").as_str()));
        described(&world);
    }
}

/// What Azure does not return goes along when the resource is written whole, and drift of it is not seen.
#[test]
fn a_resource_that_is_only_written_whole_keeps_what_is_not_returned() {
    let folder = recipes();
    let world = world(&folder);
    points_elsewhere(&world);
    let run = world.apply(&["files"], &[]);
    run.ok();
    let exchanges = world.sandbox.exchanges();
    assert_eq!((asked(&exchanges), writes(&exchanges).len()), (1, 3), "share, storage, app");
    let told = serde_json::to_string(&PlanReport::new(&run.planned.plan, Vec::new())).unwrap();
    assert!(
        told.contains("azureFile.shareName") && !told.contains("accountKey"),
        "only what differs: {told}"
    );
    let storage = storage(&world, "sharedfiles");
    assert_eq!(storage.properties["azureFile"]["shareName"], "shared");
    assert_eq!(storage.key, Some(key(&world)));
    world.sandbox.edit(|state| state.storage_account_mut(seed::STORAGE_ACCOUNT).unwrap().rotate());
    assert!(world.apply(&["files"], &[]).applied.writes.is_empty(), "nothing tells that the key is old");
}

#[test]
fn a_write_that_would_lose_the_key_is_refused_before_anything_is_sent() {
    let folder = recipes();
    let world = world(&folder);
    points_elsewhere(&world);
    let planned = blocked(&world, &["read-only"], &[]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::SECRET_UNAVAILABLE);
    let said = text(finding);
    assert!(said.contains("accountKey") && said.contains("sharedfiles"), "{said}");
    // Together with who gives the key it can be had, if they agree.
    let run = world.apply(&["files", "read-only"], &["files.mode=ReadOnly"]);
    run.ok();
    assert_eq!(storage(&world, "sharedfiles").key, Some(key(&world)));
}

#[test]
fn an_action_that_fails_ends_the_run_before_the_write() {
    let folder = recipes();
    for (status, codes) in [(403, ["listKeys"]), (500, ["listKeys"])] {
        let fault = format!("match=POST:/listKeys status={status} times=40").parse().unwrap();
        let mut world = World::with(Switches::default(), vec![fault]);
        world.folders = vec![folder.path().to_owned()];
        let run = world.apply(&["files"], &[]);
        let (_, _, said) = failure(&run);
        assert!(codes.iter().all(|word| said.contains(word)), "{said}");
        assert!(said.contains("stdemo"), "{said}");
        assert!(world.sandbox.state().environment_storage(&seed::environment_id(), "sharedfiles").is_none());
        assert_eq!(run.applied.writes.len(), 1, "the share, which needs no key");
    }
}

/// It reads: an answer that was lost is asked for again.
#[test]
fn an_answer_that_is_lost_is_asked_for_again() {
    for kind in ["reset-after", "truncated-body", "status=429 retry-after=2", "silence-before"] {
        let folder = recipes();
        let fault = format!("match=POST:/listKeys {kind}").parse().unwrap();
        let mut world = World::with(Switches::default(), vec![fault]);
        world.folders = vec![folder.path().to_owned()];
        world.apply(&["files"], &[]).ok();
        assert_eq!(storage(&world, "sharedfiles").key, Some(key(&world)), "{kind}");
    }
}

#[test]
fn without_the_right_the_plan_says_which_and_what_gives_it() {
    let folder = recipes();
    let world = without(world(&folder), "Microsoft.Storage/storageAccounts/listKeys/action");
    let planned = blocked(&world, &["files"], &[]);
    let said = text(only_failed(&planned));
    assert!(said.contains("Microsoft.Storage/storageAccounts/listKeys/action on"), "{said}");
    assert!(said.contains("az role assignment create"), "{said}");
    assert_eq!(asked(&world.sandbox.exchanges()), 0);
}
