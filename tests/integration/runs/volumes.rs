//! Volumes: what is seen to be wrong before the first write, and what is said of a revision that hangs.

use std::time::Duration;

use acarecipe::diagnostic::codes;
use acarecipe::execute::{Event, Failure};
use acarecipe::plan::Status;
use acarecipe::sandbox::Switches;
use acarecipe::sandbox::seed::{self, storage, variant};
use acarecipe::sandbox::state::{App, State};
use serde_json::json;

use super::super::support::world::{START, World, failed, writes};
use super::{app, blocked, described, failure, folder, of_code, only_failed, text, works_and_stays};

/// Mounts what the environment knows as `sharedfiles`.
const MOUNT: &str = "
existing:
  account: { type: Microsoft.Storage/storageAccounts, name: stdemo }
steps:
  - id: mount
    container_app:
      template:
        volumes: [{ name: shared-files, storageType: AzureFile, storageName: sharedfiles }]
        containers: [{ name: \"${container.name}\", volumeMounts: [{ volumeName: shared-files, mountPath: /mnt/shared }] }]
";

/// Makes the share and registers it under that name.
const REGISTER: &str = "
existing:
  account: { type: Microsoft.Storage/storageAccounts, name: stdemo }
steps:
  - id: share
    resource: { type: Microsoft.Storage/storageAccounts/fileServices/shares, parent: \"${account}\", name: default/aca-shared, body: { properties: { shareQuota: 100 } } }
  - id: keys
    action: { resource: \"${account.id}\", name: listKeys }
  - id: storage
    after: [share]
    resource:
      type: Microsoft.App/managedEnvironments/storages
      parent: \"${environment}\"
      name: sharedfiles
      body:
        properties:
          azureFile:
            accountName: \"${account.name}\"
            shareName: aca-shared
            accessMode: ReadWrite
            accountKey: \"${find(steps.keys.keys, 'keyName', 'key1').value}\"
";

/// Sets a variable, so that the app is written.
const OTHER: &str = "
steps:
  - id: other
    container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: X, value: y }] }] } }
";

/// Names a volume with a dot.
const DOT: &str = "
steps:
  - id: dot
    container_app: { template: { volumes: [{ name: a.b, storageType: EmptyDir }] } }
";

/// A world that knows these recipes.
fn with(rules: Switches) -> (World, tempfile::TempDir) {
    let capitals = MOUNT.replace("storageName: sharedfiles", "storageName: SharedFiles");
    let folder = folder(&[
        ("mount", MOUNT),
        ("capitals", &capitals),
        ("register", REGISTER),
        ("other", OTHER),
        ("dot", DOT),
    ]);
    let mut world = World::with(rules, Vec::new());
    world.folders = vec![folder.path().to_owned()];
    world.timeout = Duration::from_secs(5 * 60);
    (world, folder)
}

fn world() -> (World, tempfile::TempDir) {
    with(Switches::default())
}

fn registered(state: &mut State) {
    storage::share(state, "stdemo", "aca-shared", "SMB", START);
    storage::environment_storage(state, "sharedfiles", "stdemo", "aca-shared", "SMB");
}

/// The app's template and its newest revision's, changed alike.
fn template(state: &mut State, change: impl FnOnce(&mut serde_json::Value)) {
    let app: &mut App = state.app_mut(seed::APP).unwrap();
    change(&mut app.model["properties"]["template"]);
    let template = app.template().clone();
    app.revisions.last_mut().unwrap().template = template;
}

fn keys_listed(world: &World, from: usize) -> usize {
    world.exchanges_since(from).iter().filter(|one| one.path.ends_with("/listKeys")).count()
}

#[test]
fn a_share_is_made_registered_and_mounted_in_one_run_and_its_key_is_asked_for_once() {
    let (world, _folder) = world();
    let run = works_and_stays(&world, &["register", "mount"], &[]);
    assert_eq!(keys_listed(&world, 0), 1, "the second run needs no key");
    assert_eq!(run.applied.revisions.len(), 1);
    let sent: Vec<String> =
        writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(sent, ["PUT", "PUT", "PATCH"], "share, storage, app");
    let state = world.sandbox.state();
    let storage = state.environment_storage(&seed::environment_id(), "sharedfiles").unwrap();
    assert_eq!(storage.key.as_deref(), Some("sandbox-stdemo-key-1"));
    assert_eq!(app(&world).latest().unwrap().template["volumes"][0]["storageName"], "sharedfiles");
    // The key is in no event and in no plan.
    let said = format!("{:?} {:?}", world.seen.events.lock().unwrap(), run.ok().plan);
    assert!(!said.contains("sandbox-stdemo-key"), "the key is told");
    described(&world);
}

#[test]
fn a_volume_without_its_storage_is_told_before_the_first_write() {
    let (world, _folder) = world();
    let planned = blocked(&world, &["mount"], &[]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::VOLUME);
    let said = text(finding);
    assert!(said.contains("knows no storage `sharedfiles`"), "{said}");
    assert!(
        said.contains("az containerapp env storage list --name cae-demo --resource-group rg-demo"),
        "{said}"
    );
    described(&world);
}

#[test]
fn the_name_of_a_storage_has_no_case() {
    let (world, _folder) = world();
    let world = world.edited(registered);
    works_and_stays(&world, &["capitals"], &[]);
    let sent = writes(&world.sandbox.exchanges()).len();
    let run = world.apply(&["mount"], &[]);
    assert!(run.ok().plan.writes.is_empty(), "{:?}", run.ok().plan.writes);
    assert_eq!(writes(&world.sandbox.exchanges()).len(), sent);
    assert_eq!(app(&world).latest().unwrap().template["volumes"][0]["storageName"], "SharedFiles");
    described(&world);
}

#[test]
fn a_storage_is_made_before_what_mounts_it_in_another_case() {
    let (world, _folder) = world();
    let run = works_and_stays(&world, &["capitals", "register"], &[]);
    assert_eq!(run.applied.revisions.len(), 1);
    let sent: Vec<String> =
        writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(sent, ["PUT", "PUT", "PATCH"], "share, storage, app");
}

#[test]
fn a_volume_of_another_type_than_its_storage_is_told_before_the_first_write() {
    let (world, _folder) = world();
    let world = world.edited(|state| {
        storage::file_account(state, "stfiles", false, START);
        storage::share(state, "stfiles", "nfs", "NFS", START);
        storage::environment_storage(state, "sharedfiles", "stfiles", "nfs", "NFS");
    });
    let planned = blocked(&world, &["mount"], &[]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::VOLUME);
    assert!(text(finding).contains("storageType must be NfsAzureFile"), "{finding:?}");
}

#[test]
fn mounts_that_do_not_fit_are_told_before_the_first_write() {
    let scratch = || json!([{ "name": "scratch", "storageType": "EmptyDir" }]);
    for (recipe, volumes, mounts, words) in [
        ("other", scratch(), json!([{ "volumeName": "gone", "mountPath": "/a" }]), "no volume `gone`"),
        (
            "other",
            scratch(),
            json!([
                { "volumeName": "scratch", "mountPath": "/a" },
                { "volumeName": "scratch", "mountPath": "/a/" },
            ]),
            "two mounts at /a",
        ),
        ("dot", scratch(), json!([]), "no dot"),
    ] {
        let (world, _folder) = world();
        let world = world.edited(|state| {
            template(state, |template| {
                template["volumes"] = volumes;
                template["containers"][0]["volumeMounts"] = mounts;
            });
        });
        let planned = blocked(&world, &[recipe], &[]);
        let finding = only_failed(&planned);
        assert_eq!(finding.code, codes::VOLUME, "{words}");
        assert!(text(finding).contains(words), "{words}: {finding:?}");
        assert!(finding.fix.is_some() && finding.docs.is_some(), "{finding:?}");
    }
}

#[test]
fn storages_that_may_not_be_read_stop_nothing() {
    let (world, _folder) = world();
    let world = world.called_by("app-scoped");
    let planned = world.plan(&["mount"], &[]).unwrap();
    let volumes = planned.plan.prerequisites.iter().filter(|finding| finding.code == codes::VOLUME);
    assert_eq!(volumes.count(), 0, "{:#?}", failed(&planned.plan.prerequisites));
}

/// Spoils the mount, and the words that must be said then.
type Spoiled = (fn(&mut State), &'static [&'static str]);

#[test]
fn a_revision_that_hangs_for_a_share_is_explained_by_what_was_read() {
    let spoiled: [Spoiled; 4] = [
        (
            |state| state.storage_account_mut("stdemo").unwrap().shares.clear(),
            &["the share aca-shared is not there", "az storage share-rm create --storage-account stdemo"],
        ),
        (
            |state| storage::shared_key_off(state, "stdemo"),
            &[
                "stdemo refuses its keys",
                "az storage account update --name stdemo --allow-shared-key-access true",
            ],
        ),
        (
            |state| storage::storage_closed(state, "stdemo", false),
            &["stdemo is closed to public networks", "port 445", "az storage account network-rule list"],
        ),
        (
            |state| storage::keys_rotated(state, "stdemo"),
            &["a new key is taken up under a new storage name", "az containerapp logs show", "--type system"],
        ),
    ];
    for (spoil, words) in spoiled {
        let (world, _folder) = world();
        let world = world.edited(registered).edited(spoil);
        let run = world.apply(&["mount"], &[]);
        let (failure, diagnostic, said) = failure(&run);
        assert!(matches!(failure, Failure::Unhealthy(_)), "{failure:?}");
        assert_eq!(diagnostic.code, codes::REVISION_HEALTH);
        for words in
            [words, &["it mounts the share aca-shared of stdemo (sharedfiles)", "storage-mounts"]].concat()
        {
            assert!(said.contains(words), "{words}: {said}");
        }
        // Before the deadline it says what it waits for.
        let events = world.seen.events.lock().unwrap();
        let waited = events.iter().filter_map(|event| match event {
            Event::Revision { state, .. } => Some(state.as_str()),
            _ => None,
        });
        let waited: Vec<&str> = waited.collect();
        assert!(
            waited.len() > 2 && waited.iter().any(|state| state.contains("the share aca-shared")),
            "{waited:?}"
        );
        described(&world);
        drop(events);
        // And so does a look at it afterwards.
        let found = world.verify(&["mount"], &[]);
        let health = of_code(&found, codes::REVISION_HEALTH);
        assert_eq!(health.status, Status::Failed, "{health:?}");
        assert!(text(health).contains(words[0]), "{health:?}");
    }
}

#[test]
fn a_share_that_comes_back_ends_the_wait() {
    let (world, _folder) = world();
    let world = world.edited(registered).edited(|state| storage::shared_key_off(state, "stdemo"));
    let run = world.apply(&["mount"], &[]);
    assert!(run.end.is_err());
    world.sandbox.edit(|state| {
        state.storage_account_mut("stdemo").unwrap().properties["allowSharedKeyAccess"] = json!(true);
    });
    works_and_stays(&world, &["mount"], &[]);
    assert_eq!(app(&world).revisions.len(), 2, "it is the revision that hung");
}

#[test]
fn the_words_of_mount_are_told_where_replicas_have_them() {
    let (world, _folder) = with(Switches::flip("mount-reason-hidden").unwrap());
    let world = world.edited(registered).edited(|state| storage::keys_rotated(state, "stdemo"));
    let run = world.apply(&["mount"], &[]);
    let (_, _, said) = failure(&run);
    assert!(said.contains("mount error(13): Permission denied"), "{said}");
    assert!(said.contains("a share cannot be mounted"), "{said}");
}

#[test]
fn an_operation_that_expires_while_a_share_is_mounted_says_so() {
    let (mut world, _folder) = with(Switches::flip("mount-hangs-revision-only").unwrap());
    world.timeout = Duration::from_secs(30 * 60);
    let world = world.edited(registered).edited(|state| storage::keys_rotated(state, "stdemo"));
    let run = world.apply(&["mount"], &[]);
    let (_, _, said) = failure(&run);
    assert!(said.contains("Operation expired"), "{said}");
    assert!(said.contains("the app mounts a share") && said.contains("--type system"), "{said}");
}

#[test]
fn others_volumes_and_mounts_are_kept() {
    let (world, _folder) = world();
    let world = world.edited(registered).edited(|state| {
        storage::environment_storage(state, "theirs", "stdemo", "aca-shared", "SMB");
        storage::mounted(state, "theirs", "their-files", "/theirs");
        variant::sidecar_first(state);
    });
    let before = app(&world).template().clone();
    works_and_stays(&world, &["mount"], &[]);
    let after = app(&world).template().clone();
    assert_eq!(after["volumes"][0], before["volumes"][0]);
    assert_eq!(after["containers"][0], before["containers"][0], "the sidecar is as it was");
    assert_eq!(after["containers"][1]["volumeMounts"][0], before["containers"][1]["volumeMounts"][0]);
    assert_eq!(after["containers"][1]["volumeMounts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_state_with_storage_is_the_same_after_a_file() {
    let (world, _folder) = world();
    let world = world.edited(registered).edited(|state| {
        storage::environment_identity(state, "system", START);
        storage::keys_rotated(state, "stdemo");
        storage::container(state, "stdemo", "app-data", START);
    });
    let _ = world.apply(&["mount"], &[]);
    let state = world.sandbox.state();
    assert!(
        state
            .app(seed::APP)
            .unwrap()
            .revisions
            .iter()
            .any(|one| format!("{:?}", one.fate).contains("Mounting"))
    );
    let text = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
}

/// [`REGISTER`] with an api-version of its own.
fn pinned(version: &str) -> String {
    REGISTER.replace("managedEnvironments/storages\n", &format!("managedEnvironments/storages@{version}\n"))
}

#[test]
fn the_api_version_that_a_step_names_is_that_of_its_reads_and_of_its_write() {
    let folder = folder(&[("register", &pinned("2025-07-01"))]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let run = works_and_stays(&world, &["register"], &[]);
    assert_eq!(run.applied.writes.len(), 2, "{:?}", run.applied);
    let exchanges = world.sandbox.exchanges();
    let about: Vec<_> =
        exchanges.iter().filter(|exchange| exchange.path.ends_with("/storages/sharedfiles")).collect();
    assert!(about.iter().any(|exchange| exchange.method == "PUT"));
    for exchange in about {
        let version = exchange.query.iter().find(|(name, _)| name == "api-version").unwrap();
        assert_eq!(version.1, "2025-07-01", "{} {}", exchange.method, exchange.path);
    }
}

#[test]
fn two_api_versions_for_one_resource_are_refused() {
    let folder = folder(&[("one", &pinned("2025-07-01")), ("two", &pinned("2026-01-01"))]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let planned = blocked(&world, &["one", "two"], &[]);
    let told = planned.plan.problems.iter().find(|one| one.message.contains("several api-versions")).unwrap();
    assert_eq!(told.code, codes::CONFLICT);
    assert!(told.message.contains("2025-07-01 (one.storage), 2026-01-01 (two.storage)"), "{}", told.message);
    assert!(planned.plan.contradicts_itself());
}
