//! Removals: what is to be absent is planned, shown, approved, allowed and waited for as every write is. No recipe file
//! can ask for one; what puts a run back makes the steps in memory, as here.

use std::sync::Arc;

use acarecipe::azure::sql::Name;
use acarecipe::azure::{Method, ResourceId};
use acarecipe::diagnostic::{Source, codes};
use acarecipe::execute::{Failure, WriteEnd};
use acarecipe::plan::{Cause, Plan, Selection, Status};
use acarecipe::recipe::{Instance, Origin, Removal, SqlRemoval, Step, StepKind, load};
use acarecipe::render;
use acarecipe::report::{Action, PlanReport};
use acarecipe::sandbox::roles::{KEY_VAULT_SECRETS_USER, READER};
use acarecipe::sandbox::seed::variant::{dapr, domains};
use acarecipe::sandbox::seed::{self, jobs, redis, storage, variant};
use acarecipe::sandbox::state::SqlUser;
use acarecipe::sandbox::{Exchange, Fault, Service, State, Switches};

use super::super::support::world::{Run, START, World, failed, writes};

/// A run of these steps, beside what a recipe file can say.
fn run_of(yaml: &str, removals: Vec<Step>) -> Selection {
    let text = format!("name: back\ntitle: Back\ncategory: test\ncomplexity: low\n{yaml}");
    let source = Arc::new(Source { name: "recipe.yaml".to_owned(), text });
    let mut recipe = load(&source, Origin::BuiltIn).unwrap_or_else(|found| panic!("{found:#?}"));
    recipe.steps.extend(removals);
    let instance = Instance {
        recipe: Arc::new(recipe),
        alias: "back".to_owned(),
        written: "back".to_owned(),
        with: indexmap::IndexMap::new(),
        asked: true,
        required_by: Vec::new(),
    };
    Selection { instances: vec![instance], ..Selection::default() }
}

fn step(name: &str, id: &str) -> Step {
    let id = ResourceId::parse(id).unwrap();
    Step::made(name, StepKind::Removal(Box::new(Removal::Resource { id, version: None })))
}

/// A run that removes these.
fn removal(ids: &[&str]) -> Selection {
    run_of("", ids.iter().enumerate().map(|(at, id)| step(&format!("gone-{at}"), id)).collect())
}

fn world(change: impl FnOnce(&mut State)) -> World {
    World::new().edited(change)
}

#[track_caller]
fn removed(world: &World, selection: &Selection) -> (Run, Vec<Exchange>) {
    let before = world.count();
    let run = world.try_apply_of(selection).unwrap_or_else(|planned| {
        let plan = planned.plan;
        panic!("blocked: {:#?} {:#?}", plan.problems, failed(&plan.prerequisites))
    });
    (run, world.exchanges_since(before))
}

fn is_there(world: &World, id: &str) -> bool {
    !world.plan_of(&removal(&[id])).unwrap().plan.writes.is_empty()
}

fn role(state: &mut State) -> String {
    let vault = seed::vault_id(seed::VAULT);
    seed::assign_role(state, &vault, KEY_VAULT_SECRETS_USER, seed::IDENTITY_PRINCIPAL, START);
    let last = state.role_assignments.values().find(|one| one.principal == seed::IDENTITY_PRINCIPAL);
    last.unwrap().id.clone()
}

/// One of each type that a recipe can make, with the id of it.
fn every_type() -> Vec<(&'static str, World, String)> {
    let mut all = Vec::new();
    let mut with = |noun: &'static str, make: &dyn Fn(&mut State) -> String| {
        let world = World::new();
        let mut id = String::new();
        world.sandbox.edit(|state| id = make(state));
        all.push((noun, world, id));
    };
    with("blob container", &|state| {
        storage::container(state, seed::STORAGE_ACCOUNT, "data", START);
        seed::container_id(seed::STORAGE_ACCOUNT, "data")
    });
    with("file share", &|state| {
        storage::share(state, seed::STORAGE_ACCOUNT, "files", "SMB", START);
        seed::share_id(seed::STORAGE_ACCOUNT, "files")
    });
    with("environment storage", &|state| {
        storage::share(state, seed::STORAGE_ACCOUNT, "files", "SMB", START);
        storage::environment_storage(state, "files", seed::STORAGE_ACCOUNT, "files", "SMB");
        seed::environment_storage_id("files")
    });
    with("role assignment", &role);
    with("user-assigned identity", &|_| seed::identity_id(seed::IDENTITY));
    with("Cosmos DB role assignment", &|state| {
        let name = seed::assign_data_role(state, "", seed::COSMOS_READER, seed::IDENTITY_PRINCIPAL);
        format!("{}/sqlRoleAssignments/{name}", seed::cosmos_id(seed::COSMOS))
    });
    with("access policy assignment", &|state| {
        redis::assignment(state, seed::CACHE, "app", seed::IDENTITY_PRINCIPAL, "Data Owner");
        format!("{}/accessPolicyAssignments/app", seed::cache_id(seed::CACHE))
    });
    with("access policy assignment", &|state| {
        redis::assignment(state, seed::REDIS, "app", seed::IDENTITY_PRINCIPAL, "default");
        format!("{}/databases/default/accessPolicyAssignments/app", seed::redis_id(seed::REDIS))
    });
    with("job", &|state| {
        jobs::job(state, "other", seed::IMAGE, START);
        seed::job_id("other")
    });
    with("DNS record set", &|state| {
        seed::dns_record(state, "TXT", "asuid.www", &["proof"], START);
        format!("{}/TXT/asuid.www", seed::dns_zone_id(seed::DNS_ZONE))
    });
    with("Dapr component", &|state| {
        dapr::component(
            state,
            dapr::Component { name: "pubsub", kind: "pubsub.redis", ..dapr::Component::default() },
        );
        dapr::component_id("pubsub")
    });
    with("certificate", &|state| domains::certificate(state, "own", "www.contoso.example", START, 90));
    with("managed certificate", &|state| {
        domains::managed_certificate(state, "free", "www.contoso.example", "Succeeded", START)
    });
    with("auth config", &|state| {
        variant::auth_config(state, "microsoft", "").unwrap();
        format!("{}/authConfigs/current", seed::app_id())
    });
    all
}

#[test]
fn every_type_that_a_recipe_can_make_goes_by_one_delete_and_twice_is_free() {
    for (noun, world, id) in every_type() {
        let selection = removal(&[&id]);
        let (run, exchanges) = removed(&world, &selection);
        let plan = &run.planned.plan;
        let report = PlanReport::new(plan, Vec::new());
        let [write] = report.writes.as_slice() else { panic!("{noun}: {:#?}", report.writes) };
        assert!(write.title.starts_with(noun), "{noun}: {}", write.title);
        assert_eq!((write.action, write.changes.len()), (Action::Remove, 1), "{noun}");
        assert_eq!(write.changes[0].after, serde_json::Value::Null, "{noun}");
        assert_eq!(plan.approval().len(), 1, "{noun}: what goes is approved");
        run.ok();
        let sent = writes(&exchanges);
        assert_eq!(sent.len(), 1, "{noun}: {sent:?}");
        assert_eq!(sent[0].0, "DELETE", "{noun}");
        assert!(sent[0].1.eq_ignore_ascii_case(&id), "{noun}: {sent:?}");
        assert_eq!(run.applied.writes.len(), 1, "{noun}");
        assert!(run.applied.writes[0].what.starts_with("remove the "), "{:?}", run.applied.writes);
        let seen = world.seen.writes.lock().unwrap();
        let (record, end) = seen.first().unwrap();
        assert_eq!((record.method, record.steps.len(), record.owned.len()), (Method::Delete, 1, 1), "{noun}");
        assert!(matches!(end, Some(WriteEnd::Accepted { .. })), "{noun}: {end:?}");
        drop(seen);
        let before = world.count();
        let again = world.try_apply_of(&selection).unwrap();
        assert!(!again.planned.plan.has_changes(), "{noun}");
        assert_eq!(writes(&world.exchanges_since(before)), [], "{noun}");
        let findings = again.findings();
        assert!(findings.iter().all(|finding| finding.status != Status::Failed), "{noun}: {findings:#?}");
    }
}

#[test]
fn no_recipe_file_can_ask_for_one() {
    for key in ["removal", "remove", "delete", "absent"] {
        let text = format!(
            "name: mine\ntitle: Mine\ncategory: test\ncomplexity: low\nsteps:\n  - id: gone\n    {key}: {{ id: {} }}\n",
            seed::app_id()
        );
        let source = Arc::new(Source { name: "recipe.yaml".to_owned(), text });
        let found = load(&source, Origin::BuiltIn).unwrap_err();
        assert!(found.iter().any(|one| one.code == codes::UNKNOWN_KEY), "{key}: {found:#?}");
    }
}

#[test]
fn the_plan_says_what_goes_and_what_goes_with_it() {
    let world = world(|state| storage::container(state, seed::STORAGE_ACCOUNT, "data", START));
    let container = seed::container_id(seed::STORAGE_ACCOUNT, "data");
    let identity = seed::identity_id(seed::IDENTITY);
    let plan = world.plan_of(&removal(&[&container, &identity])).unwrap().plan;
    let report = PlanReport::new(&plan, Vec::new());
    let text = anstream::adapter::strip_str(&render::plan(&report, true)).to_string();
    assert!(text.contains("- blob container data will be removed"), "{text}");
    assert!(text.contains("deletes every blob in it for good"), "{text}");
    let ends = format!("ends every right of the principal {}", seed::IDENTITY_PRINCIPAL);
    assert!(text.contains(&ends), "{text}");
    assert!(text.contains("2 writes"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["writes"][0]["action"], "remove");
    assert_eq!(json["writes"][0]["changes"][0]["action"], "remove");
    assert_eq!(json["writes"][0]["changes"][0]["before"], container);
}

fn lacking(plan: &Plan) -> Vec<String> {
    let all = plan.rights.iter().flat_map(|scope| {
        scope
            .rights
            .iter()
            .filter(|right| !right.read)
            .map(move |right| format!("{} on {}", right.action, scope.scope))
    });
    all.collect()
}

#[test]
fn it_needs_the_right_to_delete_and_nothing_else() {
    for (noun, world, id) in every_type() {
        let plan = world.plan_of(&removal(&[&id])).unwrap().plan;
        let needed = lacking(&plan);
        let kind = ResourceId::parse(&id).unwrap().resource_type();
        assert_eq!(needed.len(), 1, "{noun}: {needed:?}");
        let action = format!("{kind}/delete on ");
        assert!(
            needed[0].to_ascii_lowercase().starts_with(&action.to_ascii_lowercase()),
            "{noun}: {needed:?}"
        );
        assert!(plan.rights.iter().all(|scope| !scope.roles.is_empty()), "{noun}: no role holds it");
        // A reader is told, and nothing is sent.
        let reader = world.called_by("reader");
        let before = reader.count();
        let Err(planned) = reader.try_apply_of(&removal(&[&id])) else { panic!("{noun}: it was tried") };
        let found = failed(&planned.plan.prerequisites);
        assert!(found.iter().any(|one| one.code == codes::PERMISSION), "{noun}: {found:#?}");
        assert_eq!(writes(&reader.exchanges_since(before)), [], "{noun}");
    }
}

#[test]
fn a_lock_that_only_forbids_deleting_is_found_before_the_first_write() {
    let group = seed::group_id(seed::GROUP);
    for level in ["CanNotDelete", "ReadOnly"] {
        for (noun, world, id) in every_type() {
            let own = ResourceId::parse(&id).unwrap();
            let holder = own.parent().unwrap();
            let inside = own.within(&ResourceId::parse(&group).unwrap());
            for scope in [Some(&own), Some(&holder)].into_iter().flatten().filter(|_| inside) {
                // A role assignment is locked by what it is on.
                if noun == "role assignment" && *scope == own {
                    continue;
                }
                let saved = world.sandbox.state();
                world.sandbox.edit(|state| variant::lock(state, scope.as_str(), level));
                let Err(planned) = world.try_apply_of(&removal(&[&id])) else {
                    panic!("{noun}: a {level} lock on {scope} was not seen")
                };
                let found = failed(&planned.plan.prerequisites);
                assert!(found.iter().any(|one| one.code == codes::LOCKED), "{noun}: {found:#?}");
                world.sandbox.edit(|state| *state = saved);
            }
        }
    }
    // One that is made after the plan is Azure's refusal, with its own code.
    let world = world(|state| storage::container(state, seed::STORAGE_ACCOUNT, "data", START));
    let id = seed::container_id(seed::STORAGE_ACCOUNT, "data");
    let (selection, target, executor) = (removal(&[&id]), world.target(), world.executor());
    let planned = World::block_on(executor.observe_idle(&selection, &target, true)).unwrap();
    world.sandbox.edit(|state| variant::lock(state, &group, "CanNotDelete"));
    let done = std::sync::Mutex::default();
    let end = World::block_on(executor.apply(&planned.plan, planned.facts, &selection, &target, &done));
    let Err(Failure::Azure(diagnostic)) = end else { panic!("{end:?}") };
    assert_eq!(diagnostic.code, codes::LOCKED);
}

#[test]
fn a_deny_assignment_that_forbids_deleting_is_found() {
    let world = world(|state| {
        storage::container(state, seed::STORAGE_ACCOUNT, "data", START);
        let account = seed::storage_account_id(seed::STORAGE_ACCOUNT);
        variant::deny(state, &account, &["Microsoft.Storage/*/delete"]);
    });
    let id = seed::container_id(seed::STORAGE_ACCOUNT, "data");
    let Err(planned) = world.try_apply_of(&removal(&[&id])) else { panic!("it was not seen") };
    let found = failed(&planned.plan.prerequisites);
    assert!(found.iter().any(|one| one.code == codes::DENIED), "{found:#?}");
}

/// A fault of the request that deletes.
fn at_delete(kind: &str) -> World {
    let fault: Fault =
        format!("match=DELETE:/containers/ {kind}").parse().unwrap_or_else(|error| panic!("{error}"));
    World::with(Switches::default(), vec![fault])
        .edited(|state| storage::container(state, seed::STORAGE_ACCOUNT, "data", START))
}

#[test]
fn what_may_have_been_taken_is_looked_at_before_it_is_sent_again() {
    let id = seed::container_id(seed::STORAGE_ACCOUNT, "data");
    for (kind, deletes) in [
        ("reset-before", 2),
        ("reset-after", 1),
        ("silence-before", 2),
        ("silence-after", 1),
        ("status=500", 2),
        ("status=503", 2),
        ("status=429 retry-after=7", 2),
        ("html-body", 1),
    ] {
        let world = at_delete(kind);
        let (run, exchanges) = removed(&world, &removal(&[&id]));
        run.ok();
        let sent = exchanges.iter().filter(|one| one.method == "DELETE").count();
        assert_eq!(sent, deletes, "{kind}");
        assert!(!is_there(&world, &id), "{kind}");
        assert_eq!(run.applied.unanswered, [], "{kind}");
        assert_eq!(run.applied.writes.len(), 1, "{kind}: {:?}", run.applied.writes);
    }
}

#[test]
fn what_somebody_else_removes_meanwhile_is_gone_all_the_same() {
    let world = world(|state| storage::container(state, seed::STORAGE_ACCOUNT, "data", START));
    let id = seed::container_id(seed::STORAGE_ACCOUNT, "data");
    let (selection, target, executor) = (removal(&[&id]), world.target(), world.executor());
    let planned = World::block_on(executor.observe_idle(&selection, &target, true)).unwrap();
    assert_eq!(planned.plan.writes.len(), 1);
    let other = world.try_apply_of(&selection).unwrap();
    other.ok();
    let before = world.count();
    let done = std::sync::Mutex::default();
    let end = World::block_on(executor.apply(&planned.plan, planned.facts, &selection, &target, &done));
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(writes(&world.exchanges_since(before)), []);
}

#[test]
fn an_identity_goes_last_its_roles_before_it_and_what_runs_lets_go_first() {
    let mut grant = String::new();
    let identity = seed::identity_id(seed::IDENTITY);
    let world = world(|state| {
        grant = role(state);
        variant::user_identity(state, &identity);
    });
    // In the order that is least apt.
    let app = format!(
        "steps:\n  - id: app\n    container_app:\n      identity: {{ userAssignedIdentities: {{ \"{identity}\": {{ $patch: delete }} }} }}\n"
    );
    let mut selection = run_of(&app, Vec::new());
    let recipe = Arc::make_mut(&mut selection.instances[0].recipe);
    recipe.steps.insert(0, step("identity", &identity));
    recipe.steps.insert(1, step("role", &grant));
    let plan = world.plan_of(&selection).unwrap().plan;
    let order: Vec<&str> = plan.writes.iter().map(|write| plan.steps[write.steps[0]].step.as_str()).collect();
    assert_eq!(order, ["app", "role", "identity"]);
    assert!(
        plan.writes[2].after.contains(&0) && plan.writes[2].after.contains(&1),
        "{:?}",
        plan.writes[2].after
    );
}

#[test]
fn who_removes_and_who_sets_exclude_each_other() {
    let id = seed::container_id(seed::STORAGE_ACCOUNT, "data");
    let account = seed::storage_account_id(seed::STORAGE_ACCOUNT);
    let yaml = format!(
        "steps:\n  - id: made\n    resource:\n      type: Microsoft.Storage/storageAccounts/blobServices/containers\n      parent: {account}\n      name: default/data\n      body: {{ properties: {{ publicAccess: Blob }} }}\n"
    );
    let plan = World::new().plan_of(&run_of(&yaml, vec![step("gone", &id)])).unwrap().plan;
    assert!(plan.problems.iter().any(|problem| problem.code == codes::CONFLICT), "{:#?}", plan.problems);
}

#[test]
fn what_a_reader_may_not_see_is_not_taken_for_gone() {
    let id = seed::container_id(seed::STORAGE_ACCOUNT, "data");
    let world = world(|state| {
        storage::container(state, seed::STORAGE_ACCOUNT, "data", START);
        variant::caller_with(state, "reader", &[(&seed::app_id(), READER)], None);
    })
    .called_by("reader");
    let plan = world.plan_of(&removal(&[&id])).unwrap().plan;
    assert_eq!(plan.unreadable.len(), 1, "{:#?}", plan.steps);
    assert!(plan.blocked());
}

/// The sid of the seeded identity's client id.
const SID: &str = "0x33333333333333438333000000000002";

/// A run that takes the seeded identity's user out of these roles, and away if it `goes`.
fn leaving(roles: &[&str], goes: bool) -> Selection {
    let removal = Removal::Sql(SqlRemoval {
        server: ResourceId::parse(&seed::sql_server_id(seed::SQL_SERVER)).unwrap(),
        database: seed::SQL_DATABASE.to_owned(),
        name: Name::new("ca-demo").unwrap(),
        client_id: seed::IDENTITY_CLIENT.parse().unwrap(),
        roles: roles.iter().map(|role| Name::new(role).unwrap()).collect(),
        user: goes,
    });
    run_of("", vec![Step::made("user", StepKind::Removal(Box::new(removal)))])
}

fn user(world: &World) -> Option<SqlUser> {
    let state = world.sandbox.state();
    state.sql_server(seed::SQL_SERVER).unwrap().databases[seed::SQL_DATABASE].users.get("ca-demo").cloned()
}

fn scripts(exchanges: &[Exchange]) -> usize {
    exchanges.iter().filter(|one| one.service == Service::Sql && one.is_write()).count()
}

fn roles(world: &World) -> Vec<String> {
    user(world).map(|user| user.roles.into_iter().collect()).unwrap_or_default()
}

#[test]
fn a_user_leaves_the_roles_that_a_run_gave_and_keeps_the_others() {
    let world = world(|state| variant::sql_user(state, "ca-demo", SID, &["db_datareader", "db_datawriter"]));
    let selection = leaving(&["db_datawriter", "db_ddladmin"], false);
    let (run, exchanges) = removed(&world, &selection);
    let report = PlanReport::new(&run.planned.plan, Vec::new());
    assert_eq!((report.writes.len(), report.writes[0].action), (1, Action::Update));
    let places: Vec<&str> = report.writes[0].changes.iter().map(|leaf| leaf.path.as_str()).collect();
    assert_eq!(places, ["roles[db_datawriter]"], "only what it is in");
    run.ok();
    assert_eq!(scripts(&exchanges), 1);
    assert_eq!(roles(&world), ["db_datareader"]);
    let before = world.count();
    assert!(!world.try_apply_of(&selection).unwrap().planned.plan.has_changes());
    assert_eq!(scripts(&world.exchanges_since(before)), 0);
}

#[test]
fn a_user_that_a_run_made_goes_unless_somebody_gave_it_more() {
    let roles_of_run = ["db_datareader"];
    let world = world(|state| variant::sql_user(state, "ca-demo", SID, &roles_of_run));
    let (run, exchanges) = removed(&world, &leaving(&roles_of_run, true));
    let report = PlanReport::new(&run.planned.plan, Vec::new());
    assert_eq!(report.writes[0].action, Action::Remove);
    assert_eq!(report.writes[0].title, "sql user ca-demo in appdb");
    run.ok();
    assert_eq!((scripts(&exchanges), user(&world)), (1, None));
    assert!(!world.try_apply_of(&leaving(&roles_of_run, true)).unwrap().planned.plan.has_changes());

    let world =
        self::world(|state| variant::sql_user(state, "ca-demo", SID, &["db_datareader", "db_ddladmin"]));
    let (run, _) = removed(&world, &leaving(&roles_of_run, true));
    run.ok();
    assert_eq!(roles(&world), ["db_ddladmin"]);
    let warned =
        run.planned.plan.prerequisites.iter().find(|finding| finding.code == codes::SQL_USER).unwrap();
    assert_eq!(warned.status, Status::Warning);
    assert!(warned.detail.as_ref().unwrap().contains("db_ddladmin"), "{warned:?}");
}

#[test]
fn a_user_of_that_name_for_another_identity_is_not_touched() {
    let other = "0x00000000000000000000000000000001";
    let world = world(|state| variant::sql_user(state, "ca-demo", other, &["db_datareader"]));
    let run = world.try_apply_of(&leaving(&["db_datareader"], true)).unwrap();
    assert!(!run.planned.plan.has_changes());
    assert_eq!(roles(&world), ["db_datareader"]);
    // One that takes the name after the plan was made is met by the script's own look.
    let world = self::world(|state| variant::sql_user(state, "ca-demo", SID, &["db_datareader"]));
    let (selection, target, executor) = (leaving(&["db_datareader"], true), world.target(), world.executor());
    let planned = World::block_on(executor.observe_idle(&selection, &target, true)).unwrap();
    world.sandbox.edit(|state| variant::sql_user(state, "ca-demo", other, &["db_datareader"]));
    let done = std::sync::Mutex::default();
    let end = World::block_on(executor.apply(&planned.plan, planned.facts, &selection, &target, &done));
    assert!(end.is_ok() || matches!(end, Err(Failure::Changed(_))), "{end:?}");
    assert_eq!(roles(&world), ["db_datareader"]);
}

#[test]
fn who_may_not_log_in_gets_the_script_that_takes_back() {
    let world =
        world(|state| variant::sql_user(state, "ca-demo", SID, &["db_datareader"])).called_by("contributor");
    let plan = world.plan_of(&leaving(&["db_datareader"], true)).unwrap().plan;
    assert_eq!((plan.by_hand.len(), plan.by_hand[0].cause), (1, Cause::Unseen));
    let script = plan.by_hand[0].script.clone().unwrap();
    let host = "sql-demo.database.windows.net";
    world.sandbox.sql(host, seed::SQL_DATABASE, "sandbox-owner", &script, &[]).unwrap();
    assert_eq!(user(&world), None);
    world.sandbox.sql(host, seed::SQL_DATABASE, "sandbox-owner", &script, &[]).unwrap();
}

#[test]
fn assignments_of_one_account_go_one_after_the_other() {
    let mut ids = Vec::new();
    let world = world(|state| {
        for part in ["", "/dbs/appdb", "/dbs/appdb/colls/items"] {
            let name = seed::assign_data_role(state, part, seed::COSMOS_READER, seed::IDENTITY_PRINCIPAL);
            ids.push(format!("{}/sqlRoleAssignments/{name}", seed::cosmos_id(seed::COSMOS)));
        }
    });
    let all: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (run, exchanges) = removed(&world, &removal(&all));
    run.ok();
    assert_eq!(writes(&exchanges).len(), 3);
    assert!(exchanges.iter().any(|one| one.status == Some(412)), "they met");
    assert!(!is_there(&world, all[0]) && !is_there(&world, all[2]));
}

#[test]
fn what_is_in_use_is_tried_for_a_while_and_then_explained() {
    let id = seed::environment_storage_id("files");
    let world = world(|state| {
        storage::share(state, seed::STORAGE_ACCOUNT, "files", "SMB", START);
        storage::environment_storage(state, "files", seed::STORAGE_ACCOUNT, "files", "SMB");
        storage::mounted(state, "files", "files", "/mnt/files");
    });
    let (run, _) = removed(&world, &removal(&[&id]));
    let Err(Failure::Azure(diagnostic)) = &run.end else { panic!("{:?}", run.end) };
    assert!(diagnostic.message.contains("still in use"), "{diagnostic:?}");
    assert!(is_there(&world, &id));
    assert_eq!(run.applied.writes, [], "what was refused is no write");
}

#[test]
fn what_was_removed_can_be_made_again_at_once() {
    let mut world = World::new();
    world.variables.insert("STORAGE_ACCOUNT".to_owned(), seed::STORAGE_ACCOUNT.to_owned());
    world.apply(&["storage"], &[]).ok();
    let made = world.sandbox.state().storage_account(seed::STORAGE_ACCOUNT).unwrap().containers.clone();
    let (name, _) = made.first_key_value().expect("the recipe makes a container");
    removed(&world, &removal(&[&seed::container_id(seed::STORAGE_ACCOUNT, name)])).0.ok();
    world.apply(&["storage"], &[]).ok();
    let now = world.sandbox.state().storage_account(seed::STORAGE_ACCOUNT).unwrap().containers.clone();
    assert!(now.contains_key(name));
}

#[test]
fn what_is_deleted_is_waited_for_until_it_is_gone() {
    // Azure works on it, and its operation tells nothing.
    for fault in ["operation-url=403", "operation-url=404"] {
        let fault: Fault = format!("match=DELETE:/accessPolicyAssignments/ {fault}").parse().unwrap();
        let world = World::with(Switches::default(), vec![fault]).edited(|state| {
            redis::assignment(state, seed::CACHE, "app", seed::IDENTITY_PRINCIPAL, "Data Owner");
        });
        let id = format!("{}/accessPolicyAssignments/app", seed::cache_id(seed::CACHE));
        let (run, _) = removed(&world, &removal(&[&id]));
        run.ok();
        assert!(!is_there(&world, &id));
    }
    let fault: Fault = "match=DELETE:/accessPolicyAssignments/ operation-fails".parse().unwrap();
    let world = World::with(Switches::default(), vec![fault]).edited(|state| {
        redis::assignment(state, seed::CACHE, "app", seed::IDENTITY_PRINCIPAL, "Data Owner");
    });
    let id = format!("{}/accessPolicyAssignments/app", seed::cache_id(seed::CACHE));
    let (run, _) = removed(&world, &removal(&[&id]));
    assert!(matches!(run.end, Err(Failure::Azure(_))), "{:?}", run.end);
    assert!(is_there(&world, &id));
}
