//! `requires` under a name, a condition and with inputs of whoever requires it.

use acarecipe::diagnostic::codes;
use acarecipe::sandbox::seed;

use super::*;

/// A blob container in an account that must be named, and a volume of the same name.
const FILES: &str = "
inputs:
  account: { required: true, description: The account. }
  share_name: { default: shared, description: The share. }
existing:
  account_found: { type: Microsoft.Storage/storageAccounts, name: \"${inputs.account}\" }
prerequisites:
  - that: \"${account_found.properties.allowSharedKeyAccess != `false`}\"
    name: the account takes its keys
    otherwise: it does not
steps:
  - id: share
    why: there is a share
    resource:
      type: Microsoft.Storage/storageAccounts/fileServices/shares
      parent: \"${account_found}\"
      name: \"default/${inputs.share_name}\"
      body: {}
  - id: keys
    action: { resource: \"${account_found}\", name: listKeys }
  - id: storage
    why: the environment knows the share
    resource:
      type: Microsoft.App/managedEnvironments/storages
      parent: \"${environment}\"
      name: \"${inputs.share_name}\"
      body:
        properties:
          azureFile:
            accountName: \"${account_found.name}\"
            accountKey: \"${steps.keys.keys[0].value}\"
            shareName: \"${inputs.share_name}\"
            accessMode: ReadWrite
    after: [share]
  - id: mount
    why: the container mounts it
    container_app:
      template:
        volumes: [{ name: files, storageType: AzureFile, storageName: \"${inputs.share_name}\" }]
        containers: [{ name: \"${container.name}\", volumeMounts: [{ volumeName: files, mountPath: /mnt/files }] }]
outputs:
  volume: files
";

/// A recipe that has the other one as an option.
const APP: &str = "
requires:
  - { recipe: files, as: share, when: \"${inputs.mount}\", with: { share_name: \"${inputs.name}\" } }
inputs:
  mount: { type: boolean, default: false, description: Whether files are mounted. }
  name: { default: mine, description: The share. }
  variable: { default: FILES, description: The variable. }
steps:
  - id: env
    why: the app knows where
    container_app:
      template:
        containers: [{ name: \"${container.name}\", env: [{ name: \"${inputs.variable}\", value: \"${share.volume || 'none'}\" }] }]
";

fn world(folder: &tempfile::TempDir) -> World {
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    world
}

fn recipes() -> tempfile::TempDir {
    folder(&[("files", FILES), ("with-files", APP)])
}

fn of_storage(exchanges: &[Exchange]) -> Vec<&str> {
    let about = |path: &&str| path.contains("Microsoft.Storage") || path.contains("/storages/");
    exchanges.iter().map(|exchange| exchange.path.as_str()).filter(about).collect()
}

#[test]
fn what_is_switched_off_is_neither_read_nor_checked_nor_asked_for() {
    let folder = recipes();
    let world = world(&folder);
    let run = works_and_stays(&world, &["with-files"], &[]);
    assert_eq!(of_storage(&world.sandbox.exchanges()), [""; 0]);
    let steps: Vec<&str> = run.planned.plan.steps.iter().map(|step| step.key.as_str()).collect();
    assert_eq!(steps, ["with_files.env"]);
    let said = format!("{:?} {:?}", run.planned.plan.prerequisites, run.findings());
    assert!(!said.contains("takes its keys"), "{said}");
    assert_eq!(variable(&app(&world), "ca-demo", "FILES")["value"], "none");
}

#[test]
fn what_is_switched_on_asks_for_what_it_needs() {
    let folder = recipes();
    let world = world(&folder);
    let planned = blocked(&world, &["with-files"], &["mount=true"]);
    let problem = &planned.plan.problems[0];
    assert_eq!(problem.code, codes::MISSING_INPUT, "{problem:?}");
    assert!(problem.message.contains("`account` of share"), "{problem:?}");
    assert_eq!(problem.fix.as_deref(), Some("-p share.account=…"));
    let run = works_and_stays(&world, &["with-files"], &["mount=true", "share.account=stdemo"]);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (3, 1), "share, storage, app");
    assert!(world.sandbox.state().environment_storage(&seed::environment_id(), "mine").is_some());
    assert_eq!(variable(&app(&world), "ca-demo", "FILES")["value"], "files");
}

#[test]
fn one_that_is_required_and_one_that_is_asked_for_own_the_same_things_together() {
    let folder = recipes();
    let world = world(&folder);
    let parameters = ["mount=true", "share.account=stdemo", "files.account=STDEMO", "files.share_name=mine"];
    let run = works_and_stays(&world, &["with-files", "files"], &parameters);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (3, 1), "share, storage, app");
    let asked = world.sandbox.exchanges().iter().filter(|one| one.path.ends_with("/listKeys")).count();
    assert_eq!(asked, 1);
}

#[test]
fn two_that_require_it_share_it_and_one_of_them_is_enough() {
    let folder = recipes();
    let world = world(&folder);
    let recipes = ["with-files=one", "with-files=two"];
    let parameters = ["share.account=stdemo", "one.mount=true", "two.name=other", "two.variable=TOO"];
    let run = works_and_stays(&world, &recipes, &parameters);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (3, 1));
    assert!(world.sandbox.state().environment_storage(&seed::environment_id(), "mine").is_some());
    assert!(world.sandbox.state().environment_storage(&seed::environment_id(), "other").is_none());
    // Both want it, and disagree.
    let planned = blocked(&world, &recipes, &[&parameters[..], &["two.mount=true"]].concat());
    assert_eq!(planned.plan.problems[0].code, codes::BAD_INPUT);
}
