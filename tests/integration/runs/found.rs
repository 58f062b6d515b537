//! `match`: a resource that is known by what is in it. Played with roles on the data of a Cosmos DB account.

use acarecipe::diagnostic::codes;
use acarecipe::plan::{Standing, Status};
use acarecipe::report::PlanReport;
use acarecipe::sandbox::{Switches, seed};

use super::*;

const DATA: &str = "
requires: [managed-identity]
inputs:
  part: { default: '', description: Below the account. }
  variable: { default: COSMOS_ROLE, description: Where the app finds it. }
existing:
  account: { type: Microsoft.DocumentDB/databaseAccounts, name: cosmos-demo }
steps:
  - id: grant
    why: the identity may read and write items
    resource:
      type: Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments
      parent: \"${account}\"
      name: \"${guid(account.id, managed_identity.principal_id, inputs.part)}\"
      match: [properties.principalId, properties.roleDefinitionId, properties.scope]
      body:
        properties:
          principalId: \"${managed_identity.principal_id}\"
          roleDefinitionId: \"${account.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002\"
          scope: \"${account.id}${inputs.part}\"
  - id: env
    after: [grant]
    why: the app knows its role
    container_app:
      template:
        containers: [{ name: \"${container.name}\", env: [{ name: \"${inputs.variable}\", value: \"${inputs.part}.\" }] }]
outputs:
  assignment: \"${steps.grant.name}\"
";

fn recipes() -> tempfile::TempDir {
    folder(&[("data", DATA)])
}

fn world(folder: &tempfile::TempDir) -> World {
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    world
}

/// What the app has an identity with, whose principal is known from the start.
const NAMED: &str = "managed-identity.identity=id-demo";

fn assignments(world: &World) -> usize {
    world.sandbox.state().cosmos(seed::COSMOS).unwrap().role_assignments.len()
}

fn writes(exchanges: &[Exchange]) -> Vec<String> {
    let writes = exchanges.iter().filter(|exchange| exchange.is_write());
    writes.map(|exchange| format!("{} {}", exchange.method, exchange.path)).collect()
}

#[test]
fn it_is_made_once_the_principal_is_known_and_found_from_then_on() {
    let folder = recipes();
    let world = world(&folder);
    let run = world.apply(&["data"], &[]);
    run.ok();
    let planned = &run.planned.plan;
    assert_eq!(planned.writes.len(), 3, "identity, role, template");
    let report = serde_json::to_value(PlanReport::new(planned, Vec::new())).unwrap();
    let role = &report["writes"][1];
    assert_eq!(role["resource"], "(known after apply)");
    assert!(role["changes"].to_string().contains("(known after apply)"), "{role}");
    assert!(role["changes"].to_string().contains("properties.scope"), "{role}");
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (3, 1));
    assert_eq!(assignments(&world), 1);
    let from = world.count();
    let again = world.apply(&["data"], &[]);
    assert!(again.planned.plan.writes.is_empty() && writes(&world.exchanges_since(from)).is_empty());
    let name = again.ok().plan.outputs["data"]["assignment"].clone();
    assert!(
        world
            .sandbox
            .state()
            .cosmos(seed::COSMOS)
            .unwrap()
            .role_assignments
            .contains_key(name.as_str().unwrap())
    );
    described(&world);
}

#[test]
fn one_of_another_name_or_wider_is_found_and_a_narrower_or_other_one_is_not() {
    let container = "part=/dbs/appdb/colls/items";
    for (part, role, parameter, found) in [
        ("", seed::COSMOS_CONTRIBUTOR, "part=", true),
        ("", seed::COSMOS_CONTRIBUTOR, container, true),
        ("/dbs/appdb", seed::COSMOS_CONTRIBUTOR, container, true),
        ("/dbs/appdb/colls/items", seed::COSMOS_CONTRIBUTOR, container, true),
        ("/dbs/appdb", seed::COSMOS_CONTRIBUTOR, "part=", false),
        ("/dbs/Appdb", seed::COSMOS_CONTRIBUTOR, container, false),
        ("", seed::COSMOS_READER, container, false),
    ] {
        let folder = recipes();
        let world = world(&folder);
        let mut name = String::new();
        world
            .sandbox
            .edit(|state| name = seed::assign_data_role(state, part, role, seed::IDENTITY_PRINCIPAL));
        let run = world.apply(&["data"], &[NAMED, parameter]);
        let end = run.ok();
        let (made, output) = (assignments(&world) - 1, &end.plan.outputs["data"]["assignment"]);
        assert_eq!(made == 0, found, "{part} {role} {parameter}");
        assert_eq!(output.as_str() == Some(name.as_str()), found, "{part} {role} {parameter}");
        assert_eq!(run.applied.writes.len(), 1 + made, "{part} {role} {parameter}");
        assert!(failed_of(&run).is_empty(), "{part} {role} {parameter}");
        assert!(world.apply(&["data"], &[NAMED, parameter]).applied.writes.is_empty());
    }
}

fn failed_of(run: &Run) -> Vec<Finding> {
    run.findings().into_iter().filter(|finding| finding.status == Status::Failed).collect()
}

#[test]
fn of_several_the_first_by_name_is_meant() {
    let folder = recipes();
    let world = world(&folder);
    let mut names = Vec::new();
    world.sandbox.edit(|state| {
        for part in ["/dbs/appdb", "", "/dbs/appdb/colls/items"] {
            names.push(seed::assign_data_role(
                state,
                part,
                seed::COSMOS_CONTRIBUTOR,
                seed::IDENTITY_PRINCIPAL,
            ));
        }
    });
    names.sort();
    let plan = world.plan(&["data"], &[NAMED, "part=/dbs/appdb/colls/items"]).unwrap().plan;
    assert_eq!(plan.outputs["data"]["assignment"].as_str(), Some(names[0].as_str()));
}

#[test]
fn two_that_find_the_same_one_agree_whatever_their_scopes() {
    let folder = recipes();
    let world = world(&folder);
    world.sandbox.edit(|state| {
        seed::assign_data_role(state, "", seed::COSMOS_CONTRIBUTOR, seed::IDENTITY_PRINCIPAL);
    });
    let parameters = [NAMED, "one.part=/dbs/appdb", "two.part=/dbs/appdb/colls/items", "two.variable=OTHER"];
    let run = world.apply(&["data=one", "data=two"], &parameters);
    run.ok();
    assert_eq!((run.applied.writes.len(), assignments(&world)), (1, 1));
}

#[test]
fn two_that_make_the_same_one_make_it_once() {
    let folder = recipes();
    let world = world(&folder);
    let run = world.apply(&["data=one", "data=two"], &["two.variable=OTHER"]);
    run.ok();
    assert_eq!(run.planned.plan.writes.len(), 3, "{:#?}", run.planned.plan.writes);
    assert_eq!((run.applied.writes.len(), assignments(&world)), (3, 1));
}

/// Whether one is there cannot be told without the list: the run does not make a second one.
#[test]
fn a_list_that_may_not_be_read_is_could_not_check() {
    let folder = recipes();
    let world = without(world(&folder), "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/read");
    let planned = blocked(&world, &["data"], &[NAMED]);
    assert_eq!(planned.plan.unreadable.len(), 1, "{:#?}", planned.plan.unreadable);
    let findings = world.verify(&["data"], &[NAMED]);
    let own = of_code(&findings, codes::DESIRED_STATE);
    assert!(findings.iter().any(|one| one.status == Status::CouldNotCheck), "{own:?}");
    let right = planned.plan.rights.iter().flat_map(|scope| &scope.rights);
    let lists = right.filter(|right| right.action.ends_with("sqlRoleAssignments/read"));
    assert!(lists.into_iter().all(|right| right.standing == Standing::Lacking));
}

/// A run that ends between the role and the app's write is completed by the same command: only live state counts.
#[test]
fn a_run_that_ends_after_the_role_goes_on_from_there() {
    let folder = recipes();
    let fault = "match=PATCH:/containerApps/ nth=2 status=500 times=20".parse().unwrap();
    let mut world = World::with(Switches::default(), vec![fault]);
    world.folders = vec![folder.path().to_owned()];
    let run = world.apply(&["data"], &[]);
    assert!(run.end.is_err());
    assert_eq!((assignments(&world), run.applied.writes.len()), (1, 2));
    // Another machine, which knows nothing of the run.
    let state = world.sandbox.state().clone();
    let mut other = World::new().edited(|other| *other = state);
    other.folders.clone_from(&world.folders);
    let again = other.apply(&["data"], &[]);
    again.ok();
    assert_eq!((assignments(&other), again.applied.writes.len()), (1, 1));
}
