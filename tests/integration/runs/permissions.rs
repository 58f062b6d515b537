//! Rights: exactly those that the planned writes need, the roles that hold them, and what an
//! administrator types. That is typed here, and then it works.

use acarecipe::azure::roles::guid;
use acarecipe::diagnostic::codes;
use acarecipe::execute::Failure;
use acarecipe::plan::{Plan, ScopeRights, Standing, Status};
use acarecipe::sandbox::roles::{
    CONTAINER_APPS_CONTRIBUTOR, CONTRIBUTOR, KEY_VAULT_SECRETS_USER, RBAC_ADMINISTRATOR, READER,
};
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::{State, Switches};

use super::super::support::world::{START, World, failed, writes};
use super::{BOTH, EXISTING, IDENTITY, SECRET, blocked, described, failure, of_code, text, works_and_stays};

const CREATE: &str = "managed-identity.identity=create";
const WRITE: &str = "Microsoft.App/containerApps/write";
const LIST: &str = "Microsoft.App/containerApps/listSecrets/action";
const JOIN: &str = "Microsoft.App/managedEnvironments/join/action";

fn at<'p>(plan: &'p Plan, scope: &str) -> &'p ScopeRights {
    let found = plan.rights.iter().find(|rights| rights.scope.as_str().eq_ignore_ascii_case(scope));
    found.unwrap_or_else(|| panic!("nothing is needed at {scope}: {:#?}", plan.rights))
}

/// The actions needed at a scope, but for those that only read.
fn needed(plan: &Plan, scope: &str) -> Vec<String> {
    let rights = at(plan, scope).rights.iter();
    rights.map(|right| right.action.clone()).filter(|action| !action.ends_with("/read")).collect()
}

#[test]
fn exactly_the_actions_of_the_planned_writes_and_the_smallest_roles_for_them() {
    const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
    const GRANT: &str = "Microsoft.Authorization/roleAssignments/write";
    let (app, vault, group) = (seed::app_id(), seed::vault_id(seed::VAULT), seed::group_id(seed::GROUP));
    let identity = seed::identity_id(seed::IDENTITY);
    let world = World::new().edited(|state| variant::plain_secret(state, "other", "value-of-another"));

    let plan = world.plan(BOTH, &[SECRET, EXISTING]).unwrap().plan;
    assert_eq!(needed(&plan, &app), [WRITE, LIST]);
    assert_eq!(at(&plan, &app).roles, ["Container Apps Contributor"]);
    assert_eq!(needed(&plan, &identity), [ASSIGN]);
    assert_eq!(at(&plan, &identity).roles, ["Managed Identity Operator"]);
    assert_eq!(needed(&plan, &vault), [GRANT]);
    assert_eq!(at(&plan, &vault).roles, ["Role Based Access Control Administrator"]);
    assert_eq!(needed(&plan, &seed::environment_id()), [JOIN]);
    assert!(at(&plan, &seed::environment_id()).rights.iter().all(|right| right.optional));
    assert!(plan.rights.iter().all(|scope| scope.fix.is_empty()), "an owner lacks nothing");
    // What is looked up has been read, with the right to do that.
    let reads: Vec<&str> = at(&plan, &vault).rights.iter().map(|right| right.action.as_str()).collect();
    assert!(reads.contains(&"Microsoft.KeyVault/vaults/read"), "{reads:?}");
    assert!(reads.contains(&"Microsoft.Authorization/roleAssignments/read"), "{reads:?}");

    let plan = world.plan(BOTH, &[SECRET, CREATE]).unwrap().plan;
    let create = "Microsoft.ManagedIdentity/userAssignedIdentities/write";
    assert_eq!(
        needed(&plan, &group),
        [create, ASSIGN],
        "an identity that is not there has its group's rights"
    );
    assert_eq!(at(&plan, &group).roles, ["Managed Identity Contributor", "Managed Identity Operator"]);

    // A changed secret and nothing else restarts, which is a right too; nothing to write needs none.
    world.apply(BOTH, &[SECRET, EXISTING]).ok();
    let plan = world.plan(BOTH, &[SECRET, EXISTING]).unwrap().plan;
    assert!(plan.rights.iter().flat_map(|scope| &scope.rights).all(|right| right.action.ends_with("/read")));
    let plan =
        world.plan(BOTH, &["secrets.DB_PASSWORD=db-password/0123456789abcdef0123456789abcdef", EXISTING]);
    let restart = "Microsoft.App/containerApps/revisions/restart/action";
    assert_eq!(needed(&plan.unwrap().plan, &app), [WRITE, LIST, restart]);
}

/// Types what a plan says for an administrator; whether there was anything.
fn administrate(world: &World, plan: &Plan) -> bool {
    let lines: Vec<&String> = plan.rights.iter().flat_map(|scope| &scope.fix).collect();
    for line in &lines {
        assert!(!line.contains('<'), "nothing is left to fill in: {line}");
        let words = shlex(line);
        let after = |flag: &str| {
            let at = words.iter().position(|word| word == flag).unwrap_or_else(|| panic!("{flag}: {line}"));
            words[at + 1].clone()
        };
        assert_eq!(words[..4], ["az", "role", "assignment", "create"]);
        let role = after("--role");
        let (principal, kind) = (after("--assignee-object-id"), after("--assignee-principal-type"));
        let role = guid(&role).unwrap_or_else(|| panic!("no role {role}"));
        world.sandbox.edit(|state| {
            assert_eq!(state.principals[&principal].kind, kind, "{line}");
            seed::assign_role(state, &after("--scope"), role, &principal, START);
        });
    }
    !lines.is_empty()
}

/// The words of a command line in single quotes or none.
fn shlex(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// A caller, what was made of the sandbox before, recipes, parameters.
type Case<'c> = (&'c str, &'c dyn Fn(&mut State), &'c [&'c str], &'c [&'c str]);

#[test]
fn what_is_said_to_be_lacking_is_given_and_then_the_run_works() {
    let nobody = |state: &mut State| variant::caller_with(state, "reader", &[], None);
    let as_seeded = |_: &mut State| {};
    let cases: [Case<'_>; 7] = [
        ("reader", &as_seeded, BOTH, &[SECRET, EXISTING]),
        ("reader", &as_seeded, BOTH, &[SECRET, CREATE]),
        ("reader", &as_seeded, BOTH, &[SECRET]),
        ("app-scoped", &as_seeded, IDENTITY, &["identity=create"]),
        ("app-scoped", &as_seeded, BOTH, &[SECRET, EXISTING]),
        ("reader", &nobody, IDENTITY, &[]),
        ("reader", &nobody, BOTH, &[SECRET, EXISTING]),
    ];
    let mut typed = 0;
    for (whose, start, recipes, parameters) in cases {
        let world = World::new()
            .edited(|state| {
                variant::plain_secret(state, "other", "value-of-another");
                start(state);
            })
            .called_by(whose);
        let mut rounds = 0;
        loop {
            let planned = world.plan(recipes, parameters).unwrap();
            if !planned.plan.blocked() {
                break;
            }
            rounds += 1;
            assert!(rounds < 6, "{whose} {parameters:?}: {:#?}", failed(&planned.plan.prerequisites));
            if administrate(&world, &planned.plan) {
                typed += 1;
                continue;
            }
            // Only roles for a principal that is not there yet are missing.
            let told = failed(&planned.plan.prerequisites).iter().map(|one| text(one)).collect::<String>();
            assert!(
                told.contains("acarecipe apply managed-identity first"),
                "{whose} {parameters:?}: {told}"
            );
            let own: Vec<String> = parameters
                .iter()
                .filter_map(|one| one.strip_prefix("managed-identity.").map(str::to_owned))
                .collect();
            world.apply(IDENTITY, &own.iter().map(String::as_str).collect::<Vec<_>>()).ok();
        }
        let run = world.apply(recipes, parameters);
        assert!(failed(&run.findings()).is_empty(), "{whose} {parameters:?}: {:#?}", run.findings());
    }
    assert!(typed > 7, "{typed}");
}

#[test]
fn what_a_role_takes_away_another_may_give() {
    let app = seed::app_id();
    let with = |listing: bool| {
        World::new().called_by("reader").edited(|state| {
            variant::plain_secret(state, "other", "value-of-another");
            let most =
                variant::custom_role(state, "App deployer", &["Microsoft.App/*"], &["*/listSecrets/action"]);
            let rest = variant::custom_role(state, "Secret lister", &["Microsoft.App/*/LISTSECRETS/*"], &[]);
            let (group, subscription) = (seed::group_id(seed::GROUP), seed::subscription_id());
            let mut roles = vec![(subscription.as_str(), READER), (&group, most.as_str())];
            if listing {
                roles.push((&app, &rest));
            }
            variant::caller_with(state, "reader", &roles, None);
            // The identity has its role already, so that only the app is written.
            variant::user_identity(state, &seed::identity_id(seed::IDENTITY));
            let vault = seed::vault_id(seed::VAULT);
            seed::assign_role(state, &vault, KEY_VAULT_SECRETS_USER, seed::IDENTITY_PRINCIPAL, START);
        })
    };
    let world = with(false);
    works_and_stays(&world, IDENTITY, &["identity=id-demo"]);
    let planned = blocked(&world, BOTH, &[SECRET, EXISTING]);
    let missing = failed(&planned.plan.prerequisites);
    assert!(missing.len() == 1 && text(missing[0]).contains(LIST), "{missing:#?}");
    let lacking: Vec<_> = at(&planned.plan, &app)
        .rights
        .iter()
        .filter(|right| right.standing == Standing::Lacking)
        .map(|right| right.action.as_str())
        .collect();
    assert_eq!(lacking, [LIST]);
    works_and_stays(&with(true), BOTH, &[SECRET, EXISTING]);
}

#[test]
fn a_condition_on_the_right_to_give_roles_is_seen_only_at_the_write() {
    let world = |role: &str| {
        let condition = format!(
            "((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/write'}})) OR \
             (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{role}}}))"
        );
        World::new().called_by("reader").edited(|state| {
            variant::caller_with(
                state,
                "reader",
                &[(&seed::vault_id(seed::VAULT), RBAC_ADMINISTRATOR)],
                Some(&condition),
            );
            let caller = state.callers["reader"].principal.clone();
            seed::assign_role(state, &seed::subscription_id(), CONTRIBUTOR, &caller, START);
        })
    };
    works_and_stays(&world(KEY_VAULT_SECRETS_USER), BOTH, &[SECRET, EXISTING]);

    let world = world(READER);
    let run = world.apply(BOTH, &[SECRET, EXISTING]);
    let grant = at(&run.planned.plan, &seed::vault_id(seed::VAULT)).rights[0].clone();
    assert_eq!(grant.standing, Standing::Held, "permissions show no condition");
    let (_, diagnostic, said) = failure(&run);
    assert_eq!(diagnostic.code, codes::PERMISSION);
    assert!(said.contains("under a condition"), "{said}");
    let line = format!(
        "--assignee-object-id {} --assignee-principal-type ServicePrincipal",
        seed::IDENTITY_PRINCIPAL
    );
    assert!(said.contains(&line) && said.contains("'Key Vault Secrets User'"), "{said}");
    assert!(run.applied.writes.is_empty() && writes(&world.sandbox.exchanges()).is_empty());
    let tries =
        world.sandbox.exchanges().iter().filter(|one| one.status == Some(403) && one.method == "PUT").count();
    assert_eq!(tries, 1, "a refusal is not repeated");
    described(&world);
}

#[test]
fn the_right_to_join_the_environment_may_be_asked_for() {
    let deployer = |state: &mut State| {
        let app = seed::app_id();
        let subscription = seed::subscription_id();
        variant::caller_with(
            state,
            "reader",
            &[(&app, CONTAINER_APPS_CONTRIBUTOR), (&subscription, READER)],
            None,
        );
    };
    // It is not asked for: told, and the run goes on.
    let world = World::new().edited(deployer).called_by("reader");
    let planned = world.plan(IDENTITY, &[]).unwrap();
    let told = of_code_with(&planned.plan, Status::Warning);
    assert!(told.contains(JOIN) && told.contains("not confirmed"), "{told}");
    works_and_stays(&world, IDENTITY, &[]);

    // It is asked for: the refusal says what is missing where, and after that it works.
    let flipped = Switches::flip("join-when-named").unwrap();
    let world = World::with(flipped, Vec::new()).edited(deployer).called_by("reader");
    let run = world.apply(IDENTITY, &[]);
    let (_, diagnostic, said) = failure(&run);
    assert_eq!(diagnostic.code, codes::PERMISSION, "{said}");
    let line = format!(
        "az role assignment create --assignee-object-id {} --role 'Container Apps Contributor' --scope {}",
        world.sandbox.state().callers["reader"].principal,
        seed::environment_id()
    );
    assert!(said.contains(&line), "{said}");
    assert!(run.applied.writes.is_empty());
    world.sandbox.edit(|state| {
        let caller = state.callers["reader"].principal.clone();
        seed::assign_role(state, &seed::environment_id(), CONTAINER_APPS_CONTRIBUTOR, &caller, START);
    });
    works_and_stays(&world, IDENTITY, &[]);
}

fn of_code_with(plan: &Plan, status: Status) -> String {
    plan.prerequisites.iter().filter(|one| one.status == status).map(text).collect()
}

#[test]
fn a_right_that_goes_between_plan_and_write_is_explained_at_the_write() {
    let world = World::new().called_by("app-scoped");
    let planned = world.plan(IDENTITY, &[]).unwrap();
    let (selection, target) = (world.selection(IDENTITY, &[]), world.target());
    world.sandbox.edit(|state| {
        let (app, subscription) = (seed::app_id(), seed::subscription_id());
        variant::caller_with(state, "app-scoped", &[(&app, READER), (&subscription, READER)], None);
    });
    let done = std::sync::Mutex::default();
    let end =
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(
            world.executor().apply(&planned.plan, planned.facts.clone(), &selection, &target, &done),
        );
    let Err(Failure::Azure(diagnostic)) = end else { panic!("it is refused: {end:?}") };
    assert_eq!(diagnostic.code, codes::PERMISSION);
    let fix = diagnostic.fix.as_deref().unwrap();
    assert!(fix.contains("'Container Apps Contributor'") && fix.contains(&seed::app_id()), "{fix}");
    let _ = of_code(&planned.plan.prerequisites, codes::PERMISSION);
}

#[test]
fn what_is_not_there_is_read_by_the_right_on_what_it_would_be_in() {
    // The vault is looked for in the app's group first, and found in another.
    let world = World::new();
    let plan = world.plan(BOTH, &["key_vault=kv-shared", "secrets.TOKEN=shared-token"]).unwrap().plan;
    let scopes: Vec<&str> = plan.rights.iter().map(|rights| rights.scope.as_str()).collect();
    let nowhere = format!("{}/providers/Microsoft.KeyVault/vaults/kv-shared", seed::group_id(seed::GROUP));
    assert!(!scopes.iter().any(|scope| scope.eq_ignore_ascii_case(&nowhere)), "{scopes:#?}");
    let rights = &at(&plan, &seed::group_id(seed::GROUP)).rights;
    assert!(rights.iter().any(|right| right.action == "Microsoft.KeyVault/vaults/read"), "{rights:#?}");
    at(&plan, &seed::vault_id(seed::SHARED_VAULT));
}
