//! The lookup `action`: what a POST that only reads answers. Played with whether a name in an environment is free.

use acarecipe::diagnostic::codes;
use acarecipe::sandbox::Switches;
use acarecipe::sandbox::state::EnvironmentStorage;

use super::*;

/// A tag says whether the name is free; a step, a prerequisite and a verification read the answer.
const NAMES: &str = "
inputs:
  storage: { default: sharedfiles, description: The name. }
existing:
  free:
    action:
      resource: \"${environment}\"
      name: checkNameAvailability
      body: { name: \"${inputs.storage}\", type: Microsoft.App/managedEnvironments/storages }
    optional: true
prerequisites:
  - that: \"${free.nameAvailable}\"
    name: the name is free
    otherwise: \"${join('', ['it is not: ', free.message])}\"
    severity: warning
steps:
  - id: tag
    why: the app says what it uses
    container_app: { tags: { storage: \"${inputs.storage}\" } }
verify:
  - that: \"${free.nameAvailable}\"
    name: the name is still free
    severity: warning
outputs:
  free: \"${free}\"
  why: \"${free.refused}\"
";

fn world() -> (tempfile::TempDir, World) {
    let folder = folder(&[("names", NAMES)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    (folder, world)
}

fn asked(exchanges: &[Exchange]) -> usize {
    exchanges.iter().filter(|one| one.path.ends_with("/checkNameAvailability")).count()
}

fn named<'f>(findings: &'f [Finding], name: &str) -> &'f Finding {
    findings.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no {name} in {findings:#?}"))
}

#[test]
fn an_answer_is_a_fact_and_no_write() {
    let (_folder, world) = world();
    let run = works_and_stays(&world, &["names"], &[]);
    assert_eq!(run.applied.writes.len(), 1, "the tag");
    let plan = &run.planned.plan;
    assert_eq!(plan.outputs["names"]["free"].to_json().unwrap()["nameAvailable"], true);
    assert!(plan.outputs["names"]["why"].is_null());
    assert_eq!(named(&plan.prerequisites, "the name is free").status, Status::Passed);
    let exchanges = world.sandbox.exchanges();
    assert!(asked(&exchanges) > 0);
    assert!(exchanges.iter().all(|one| !one.path.ends_with("/checkNameAvailability") || !one.is_write()));
    described(&world);
}

/// It is asked once a look, and anew once something was written: what it says may hang on anything.
#[test]
fn it_is_asked_anew_after_a_write() {
    let (_folder, world) = world();
    world.plan(&["names"], &[]).unwrap();
    assert_eq!(
        asked(&world.sandbox.exchanges()),
        1,
        "the prerequisite, the verification and the output share it"
    );
    // Between one write and the next.
    let identity = "steps:
  - id: identity
    why: there is an identity
    resource: { type: Microsoft.ManagedIdentity/userAssignedIdentities, name: id-names, body: { location: \"${target.location}\" } }
";
    let tag = "why: the app says what it uses\n    after: [identity]";
    let body = NAMES.replace("steps:\n", identity).replace("why: the app says what it uses", tag);
    let folder = folder(&[("names", &body)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    world.apply(&["names"], &[]).ok();
    let sent = world.sandbox.exchanges();
    let writes: Vec<usize> = (0..sent.len()).filter(|index| sent[*index].is_write()).collect();
    assert_eq!(writes.len(), 2);
    assert!(asked(&sent[..writes[0]]) > 0 && asked(&sent[writes[0]..writes[1]]) > 0);
}

#[test]
fn what_it_says_is_judged() {
    let (_folder, world) = world();
    let world = world.edited(|state| {
        state.add_environment_storage(EnvironmentStorage {
            id: seed::environment_storage_id("sharedfiles"),
            properties: serde_json::json!({ "azureFile": { "accountName": "a", "shareName": "s" } }),
            key: None,
            key_reaches: None,
        });
    });
    let plan = world.plan(&["names"], &[]).unwrap().plan;
    let finding = named(&plan.prerequisites, "the name is free");
    assert_eq!(finding.status, Status::Warning);
    assert!(text(finding).contains("already in use"), "{finding:#?}");
}

/// A Reader has no right to any POST: what hangs on the answer could not be checked, and all else goes on.
#[test]
fn whoever_may_not_ask_verifies_what_can_be_seen() {
    let (_folder, world) = world();
    world.apply(&["names"], &[]).ok();
    let world = world.called_by("reader");
    let findings = world.verify(&["names"], &[]);
    assert!(failed(&findings).is_empty(), "{findings:#?}");
    let finding = named(&findings, "the name is still free");
    assert_eq!(finding.status, Status::CouldNotCheck);
    assert!(text(finding).contains("authorization"), "{finding:#?}");
    // Nor is it a reason not to apply what is in place, or a right that is asked for.
    let from = world.count();
    let run = world.apply(&["names"], &[]);
    let plan = &run.ok().plan;
    assert!(run.applied.writes.is_empty());
    assert!(plan.outputs["names"]["why"].as_str().is_some_and(|why| why.contains("authorization")));
    assert_eq!(named(&run.planned.plan.prerequisites, "the name is free").status, Status::CouldNotCheck);
    assert!(asked(&world.exchanges_since(from)) > 0);
}

#[test]
fn the_right_to_ask_is_optional_and_told() {
    let (_folder, world) = world();
    let right = "Microsoft.App/managedEnvironments/checkNameAvailability/action";
    let world = without(world, "Microsoft.App/managedEnvironments/checknameavailability/action");
    let run = world.apply(&["names"], &[]);
    run.ok();
    assert_eq!(run.applied.writes.len(), 1);
    let rights = run.planned.plan.rights.iter().flat_map(|scope| &scope.rights);
    let told: Vec<_> = rights.filter(|one| one.action == right).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].optional && told[0].standing == acarecipe::plan::Standing::Lacking, "{told:#?}");
    let findings = &run.planned.plan.prerequisites;
    assert!(findings.iter().all(|one| one.code != codes::PERMISSION || !text(one).contains(right)));
}

/// One that must be there and may not be asked is told as that, and what hangs on it as not to be judged.
#[test]
fn one_that_is_not_optional_is_told() {
    let body = NAMES.replace("    optional: true\n", "");
    let folder = folder(&[("names", &body)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let world = without(world, "Microsoft.App/managedEnvironments/checknameavailability/action");
    let plan = world.plan(&["names"], &[]).unwrap().plan;
    let told = plan.prerequisites.iter().filter(|one| one.status == Status::CouldNotCheck);
    assert!(
        told.into_iter().any(|one| one.name.contains("checkNameAvailability")),
        "{:#?}",
        plan.prerequisites
    );
    assert!(failed(&plan.prerequisites).is_empty(), "{:#?}", plan.prerequisites);
}

#[test]
fn one_that_fails_says_so_and_one_that_is_late_is_asked_again() {
    for (fault, answered) in [
        ("match=POST:/checkNameAvailability status=400 times=9", false),
        ("match=POST:/checkNameAvailability status=429 retry-after=2", true),
        ("match=POST:/checkNameAvailability reset-after", true),
    ] {
        let folder = folder(&[("names", NAMES)]);
        let mut world = World::with(Switches::default(), vec![fault.parse().unwrap()]);
        world.folders = vec![folder.path().to_owned()];
        let plan = world.plan(&["names"], &[]).unwrap().plan;
        let status = named(&plan.prerequisites, "the name is free").status;
        assert_eq!(status, if answered { Status::Passed } else { Status::CouldNotCheck }, "{fault}");
        assert_eq!(plan.outputs["names"]["why"].is_null(), answered, "{fault}");
    }
}

/// The name of an action fits some type; whether it fits this one is seen in the plan.
#[test]
fn a_type_that_has_no_such_action_is_a_mistake() {
    let body = NAMES.replace("\"${environment}\"", "\"${app}\"");
    let folder = folder(&[("names", &body)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let planned = blocked(&world, &["names"], &[]);
    assert_eq!(planned.plan.problems[0].code, codes::UNKNOWN_TYPE);
    assert_eq!(asked(&world.sandbox.exchanges()), 0);
}
