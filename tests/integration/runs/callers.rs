//! Every recipe, called by everyone: who may, does; who may not is told what is missing before the
//! first write, and what to ask for.

use acarecipe::diagnostic::codes;
use acarecipe::plan::{Finding, Status};
use acarecipe::sandbox::roles::{KEY_VAULT_SECRETS_USER, MANAGED_IDENTITY_OPERATOR};
use acarecipe::sandbox::seed;

use super::super::support::world::{START, World, failed};
use super::{BOTH, EXISTING, IDENTITY, SECRET, app, blocked, described, text, works_and_stays};

const CREATE: &str = "managed-identity.identity=create";

fn called_by(caller: &str) -> World {
    World::new().called_by(caller)
}

/// The rights that are missing.
fn missing(findings: &[Finding]) -> Vec<&Finding> {
    let failed = failed(findings);
    assert!(failed.iter().all(|one| one.code == codes::PERMISSION), "only rights are missing: {failed:#?}");
    failed
}

fn only_missing(world: &World, recipes: &[&str], parameters: &[&str]) -> String {
    let planned = blocked(world, recipes, parameters);
    assert!(planned.plan.unreadable.is_empty(), "{:#?}", planned.plan.unreadable);
    let missing = missing(&planned.plan.prerequisites);
    assert_eq!(missing.len(), 1, "{missing:#?}");
    text(missing[0])
}

/// What an administrator types.
fn role_line(principal: &str) -> String {
    format!(
        "az role assignment create --assignee-object-id {principal} --assignee-principal-type \
         ServicePrincipal --role 'Key Vault Secrets User' --scope {}",
        seed::vault_id(seed::VAULT)
    )
}

#[test]
fn an_owner_may_everything() {
    for parameters in [&[SECRET][..], &[SECRET, EXISTING], &[SECRET, CREATE]] {
        works_and_stays(&called_by("owner"), BOTH, parameters);
    }
}

#[test]
fn an_owner_of_the_group_only_may_everything_in_it() {
    for parameters in [&[SECRET][..], &[SECRET, EXISTING], &[SECRET, CREATE]] {
        let world = called_by("group-scoped");
        let run = works_and_stays(&world, BOTH, parameters);
        // What cannot be seen from there is told and stops nothing.
        let told = &run.planned.plan.prerequisites;
        assert!(
            told.iter().any(|one| one.code == codes::PROVIDER && one.status == Status::CouldNotCheck),
            "{told:#?}"
        );
        described(&world);
    }
    // A vault outside: by its id it is refused, by its name it cannot even be searched for. Neither is
    // the same as missing.
    for vault in [seed::SHARED_VAULT.to_owned(), seed::vault_id(seed::SHARED_VAULT)] {
        let mut world = called_by("group-scoped");
        world.variables.insert("KEY_VAULT_NAME".to_owned(), vault);
        let planned = blocked(&world, BOTH, &["secrets.TOKEN=shared-token"]);
        assert!(failed(&planned.plan.prerequisites).is_empty(), "{:#?}", planned.plan.prerequisites);
        let unreadable = &planned.plan.unreadable;
        assert!(
            !unreadable.is_empty() && unreadable.iter().all(|step| step.message.contains("authorization")),
            "{unreadable:#?}"
        );
    }
}

#[test]
fn a_contributor_may_all_but_give_roles() {
    // managed-identity needs no role right.
    for parameters in [&[][..], &["identity=id-demo"], &["identity=create"]] {
        works_and_stays(&called_by("contributor"), IDENTITY, parameters);
    }

    // A principal that is not there yet: first make it, which this caller may.
    let world = called_by("contributor");
    let told = only_missing(&world, BOTH, &[SECRET]);
    assert!(told.contains("acarecipe apply managed-identity first"), "{told}");
    assert!(only_missing(&world, BOTH, &[SECRET, CREATE]).contains("acarecipe apply managed-identity first"));
    works_and_stays(&world, IDENTITY, &[]);
    // Then there is a line for an administrator.
    let principal = app(&world).identity.system.unwrap().principal_id;
    let told = only_missing(&world, BOTH, &[SECRET]);
    assert!(told.contains(&role_line(&principal)), "{told}");
    // Who types it, at the vault or wider; and the run completes.
    world.sandbox.edit(|state| {
        seed::assign_role(state, &seed::group_id(seed::GROUP), KEY_VAULT_SECRETS_USER, &principal, START);
    });
    works_and_stays(&world, BOTH, &[SECRET]);
    described(&world);

    // The identity that is there already has a principal at once.
    let told = only_missing(&called_by("contributor"), BOTH, &[SECRET, EXISTING]);
    assert!(told.contains(&role_line(seed::IDENTITY_PRINCIPAL)), "{told}");
}

#[test]
fn a_contributor_of_the_app_only() {
    works_and_stays(&called_by("app-scoped"), IDENTITY, &[]);

    // It may not see the identity, nor the vault: neither is taken for missing, and nothing is written.
    for (recipes, parameters) in
        [(IDENTITY, &["identity=id-demo"][..]), (BOTH, &[SECRET]), (BOTH, &[SECRET, EXISTING])]
    {
        let world = called_by("app-scoped");
        let planned = blocked(&world, recipes, parameters);
        assert!(!planned.plan.unreadable.is_empty());
        assert!(failed(&planned.plan.prerequisites).is_empty(), "{:#?}", failed(&planned.plan.prerequisites));
        assert!(planned.plan.problems.is_empty(), "{:#?}", planned.plan.problems);
    }
    // To create one, it cannot look whether it is there.
    let planned = blocked(&called_by("app-scoped"), IDENTITY, &["identity=create"]);
    assert!(planned.plan.blocked());

    // With the right to read and assign that identity, it may.
    let world = called_by("app-scoped").edited(|state| {
        let caller = state.callers["app-scoped"].principal.clone();
        seed::assign_role(
            state,
            &seed::identity_id(seed::IDENTITY),
            MANAGED_IDENTITY_OPERATOR,
            &caller,
            START,
        );
    });
    works_and_stays(&world, IDENTITY, &["identity=id-demo"]);
    described(&world);
}

#[test]
fn a_reader_may_look_and_is_told_which_rights_are_missing() {
    let told = only_missing(&called_by("reader"), IDENTITY, &[]);
    assert!(told.contains("Microsoft.App/containerApps/write"), "{told}");
    assert!(told.contains("Container Apps Contributor") && told.contains(&seed::app_id()), "{told}");

    // All that is missing, at once.
    for (parameters, rights) in [
        (&[SECRET][..], &["containerApps/write", "roleAssignments/write"][..]),
        (
            &[SECRET, EXISTING],
            &["containerApps/write", "roleAssignments/write", "userAssignedIdentities/assign/action"],
        ),
        (
            &[SECRET, CREATE],
            &[
                "containerApps/write",
                "roleAssignments/write",
                "userAssignedIdentities/write",
                "userAssignedIdentities/assign/action",
            ],
        ),
    ] {
        let planned = blocked(&called_by("reader"), BOTH, parameters);
        let missing = missing(&planned.plan.prerequisites);
        assert_eq!(missing.len(), rights.len(), "{missing:#?}");
        for right in rights {
            assert!(missing.iter().any(|one| text(one).contains(right)), "{right}: {missing:#?}");
        }
        assert!(missing.iter().all(|one| one.fix.is_some()));
    }

    // Sending another secret back needs a right of its own.
    let world = called_by("reader").edited(|state| seed::variant::plain_secret(state, "other", "value"));
    let planned = blocked(&world, BOTH, &[SECRET, EXISTING]);
    let missing = missing(&planned.plan.prerequisites);
    assert!(missing.iter().any(|one| text(one).contains("containerApps/listSecrets/action")), "{missing:#?}");
}

#[test]
fn with_nothing_to_change_a_reader_may_apply_and_verify() {
    for (recipes, parameters) in [
        (IDENTITY, &[][..]),
        (IDENTITY, &["identity=id-demo"]),
        (IDENTITY, &["identity=create"]),
        (BOTH, &[SECRET]),
        (BOTH, &[SECRET, EXISTING]),
        (BOTH, &[SECRET, CREATE]),
    ] {
        let world = World::new();
        world.apply(recipes, parameters).ok();
        let world = world.called_by("reader");
        let from = world.count();
        let run = works_and_stays(&world, recipes, parameters);
        assert!(run.applied.writes.is_empty());
        assert!(world.exchanges_since(from).iter().all(|exchange| !exchange.is_write()));
    }
}

#[test]
fn the_owner_of_the_app_alone_verifies_what_it_may_see() {
    let world = World::new();
    world.apply(BOTH, &[SECRET]).ok();
    let world = world.called_by("app-scoped");
    let findings = world.verify(BOTH, &[SECRET]);
    assert!(failed(&findings).is_empty(), "what cannot be seen has not failed: {findings:#?}");
    let unseen: Vec<_> = findings.iter().filter(|one| one.status == Status::CouldNotCheck).collect();
    assert!(!unseen.is_empty());
    assert!(
        unseen.iter().all(|one| one.detail.as_deref().is_some_and(|told| told.contains("authorization"))),
        "{unseen:#?}"
    );
}
