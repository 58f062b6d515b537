//! What forbids a write beside roles: locks, deny assignments, policies, the region, the subscription.
//! Each is found beforehand where that can be, and explained at the write where it cannot.

use acarecipe::diagnostic::{Code, codes};
use acarecipe::execute::Failure;
use acarecipe::plan::{Finding, Status};
use acarecipe::sandbox::roles::READER;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::{State, Switches};

use super::super::support::world::{Run, World, failed, writes};
use super::{
    BOTH, EXISTING, IDENTITY, SECRET, blocked, described, failure, only_failed, text, works_and_stays,
};

const EVERYTHING: &[&str] = &["*"];

fn denied_at(scope: &str, actions: &[&str]) -> World {
    World::new().edited(|state| {
        variant::deny(state, scope, actions);
    })
}

fn scopes() -> [String; 3] {
    [seed::app_id(), seed::group_id(seed::GROUP), seed::subscription_id()]
}

/// Who may do everything but look at locks and deny assignments.
fn blind(state: &mut State) {
    let role = variant::custom_role(
        state,
        "Blind owner",
        EVERYTHING,
        &["Microsoft.Authorization/locks/read", "Microsoft.Authorization/denyAssignments/read"],
    );
    variant::caller_with(state, "reader", &[(&seed::subscription_id(), &role)], None);
}

/// The run was refused at a write: the code, what is said; nothing was repeated.
#[track_caller]
fn refused(world: &World, run: &Run, code: Code) -> String {
    let (failure, diagnostic, said) = failure(run);
    assert!(matches!(failure, Failure::Azure(_)), "{failure:?}");
    assert_eq!(diagnostic.code, code, "{said}");
    assert!(diagnostic.fix.is_some() && diagnostic.docs.is_some(), "{diagnostic:#?}");
    let refused: Vec<_> = world
        .sandbox
        .exchanges()
        .into_iter()
        .filter(|one| one.is_write() && one.status.is_some_and(|status| status >= 400))
        .collect();
    assert_eq!(refused.len(), 1, "a refusal is final: {refused:#?}");
    described(world);
    said
}

fn could_not_check(findings: &[Finding], code: Code) -> bool {
    findings.iter().any(|one| one.code == code && one.status == Status::CouldNotCheck)
}

#[test]
fn a_deny_assignment_is_found_before_the_first_write() {
    for scope in scopes() {
        for actions in [&["*/write", "*/action"][..], &["Microsoft.App/containerApps/write"], &["*/WRITE"]] {
            let world = denied_at(&scope, actions);
            let planned = blocked(&world, IDENTITY, &[]);
            let finding = only_failed(&planned);
            assert_eq!(finding.code, codes::DENIED);
            let said = text(finding);
            for words in
                ["Deployment Stack 'demo'", &scope, "az rest --method get --url", "change the container app"]
            {
                assert!(said.contains(words), "{words}: {said}");
            }
            assert!(finding.docs.as_deref().is_some_and(|docs| docs.contains("deny-assignments")));
            described(&world);
        }
    }
    // At the vault it stands in the way of the role, and the rest is told with it.
    let world = denied_at(&seed::vault_id(seed::VAULT), &["*/write"]);
    let planned = blocked(&world, BOTH, &[SECRET, EXISTING]);
    assert!(text(only_failed(&planned)).contains("grant Key Vault Secrets User on kv-demo"));
    // With nothing to write it is in nobody's way.
    let world = World::new();
    world.apply(BOTH, &[SECRET, EXISTING]).ok();
    world.sandbox.edit(|state| variant::deny(state, &seed::app_id(), &["*/write", "*/action"]));
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
}

#[test]
fn a_deny_assignment_that_means_something_else_is_in_nobodys_way() {
    type Change = fn(&mut State, &str);
    let owner = |state: &State| state.callers["owner"].principal.clone();
    let change: [(&str, Change); 5] = [
        ("other actions", |state, id| {
            state.deny_assignments.get_mut(id).unwrap().actions = vec!["*/delete".into()];
        }),
        ("let through again", |state, id| {
            state.deny_assignments.get_mut(id).unwrap().not_actions =
                vec!["Microsoft.App/containerApps/*".into()];
        }),
        ("excepted", |state, id| {
            let who = state.callers["owner"].principal.clone();
            state.deny_assignments.get_mut(id).unwrap().excluded = vec![(who, "User".into())];
        }),
        ("somebody else", |state, id| {
            let who = state.callers["reader"].principal.clone();
            state.deny_assignments.get_mut(id).unwrap().principals = vec![(who, "User".into())];
        }),
        ("only the group itself", |state, id| state.deny_assignments.get_mut(id).unwrap().only_there = true),
    ];
    for (what, change) in change {
        let world = World::new().edited(|state| {
            let id = variant::deny(state, &seed::group_id(seed::GROUP), &["*/write"]);
            change(state, &id);
        });
        let run = works_and_stays(&world, IDENTITY, &[]);
        let told = &run.planned.plan.prerequisites;
        assert!(told.iter().all(|one| one.code != codes::DENIED), "{what}: {told:#?}");
    }
    // Named by the caller's own id it holds.
    let world = World::new().edited(|state| {
        let who = owner(state);
        let id = variant::deny(state, &seed::app_id(), &["*/write"]);
        state.deny_assignments.get_mut(&id).unwrap().principals = vec![(who, "User".into())];
    });
    assert_eq!(only_failed(&blocked(&world, IDENTITY, &[])).code, codes::DENIED);
}

#[test]
fn a_deny_assignment_that_cannot_be_seen_is_explained_at_the_write() {
    for scope in scopes() {
        let world = World::new()
            .edited(|state| {
                blind(state);
                variant::deny(state, &scope, &["*/write"]);
            })
            .called_by("reader");
        let run = world.apply(IDENTITY, &[]);
        assert!(could_not_check(&run.planned.plan.prerequisites, codes::DENIED));
        let said = refused(&world, &run, codes::DENIED);
        assert!(said.contains("created by Deployment Stack 'demo'") && said.contains(&scope), "{said}");
        assert!(run.applied.writes.is_empty());
    }
}

#[test]
fn a_deny_assignment_of_a_group_may_or_may_not_be_meant() {
    for member in [false, true] {
        let world = World::new().edited(|state| {
            let who = state.callers["owner"].principal.clone();
            let group = state.new_guid("group");
            state.members.insert(group.clone(), if member { vec![who] } else { Vec::new() });
            let id = variant::deny(state, &seed::app_id(), &["*/write"]);
            state.deny_assignments.get_mut(&id).unwrap().principals = vec![(group, "Group".into())];
        });
        let planned = world.plan(IDENTITY, &[]).unwrap();
        let told = planned.plan.prerequisites.iter().find(|one| one.code == codes::DENIED).unwrap();
        assert_eq!(told.status, Status::Warning);
        assert!(text(told).contains("cannot be told"), "{told:#?}");
        if member {
            let run = world.apply(IDENTITY, &[]);
            refused(&world, &run, codes::DENIED);
        } else {
            works_and_stays(&world, IDENTITY, &[]);
        }
    }
}

#[test]
fn a_deny_assignment_on_what_a_write_refers_to_is_explained_at_the_write() {
    let identity = seed::identity_id(seed::IDENTITY);
    let world = denied_at(&identity, &["*/assign/action"]);
    let run = world.apply(IDENTITY, &["identity=id-demo"]);
    let said = refused(&world, &run, codes::DENIED);
    assert!(said.contains(&identity), "{said}");
}

#[test]
fn a_policy_is_named_with_its_assignment_and_stops_the_run_where_it_stands() {
    let app = "microsoft.app/containerapps";
    let world = World::new().edited(|state| {
        variant::policy(state, &seed::group_id(seed::GROUP), app, "/properties/configuration/secrets");
    });
    // Another write of the same app is none of its business.
    works_and_stays(&world, IDENTITY, &["identity=id-demo"]);
    let from = world.count();
    let run = world.apply(BOTH, &[SECRET, EXISTING]);
    let said = refused(&world, &run, codes::POLICY);
    for words in [
        "House rules for apps",
        "/providers/Microsoft.Authorization/policyAssignments/house-rules",
        "az policy exemption create",
        &seed::app_id(),
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // The role was given before; it is told as done, and nothing came after the refusal.
    assert_eq!(run.applied.writes.len(), 1);
    assert!(run.applied.writes[0].what.starts_with("grant Key Vault Secrets User"));
    assert_eq!(writes(&world.exchanges_since(from)).len(), 1);
    assert!(world.exchanges_since(from).last().unwrap().status.is_none_or(|status| status >= 400));
    // Without the policy the same command goes on.
    world.sandbox.edit(|state| state.policies.clear());
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
}

#[test]
fn a_policy_is_final_whatever_it_is_called_while_a_role_is_young() {
    // Its name holds the word by which a pull is refused when a role is not in force yet.
    let app = "microsoft.app/containerapps";
    let world = World::new().edited(|state| {
        let id =
            variant::policy(state, &seed::group_id(seed::GROUP), app, "/properties/configuration/secrets");
        state.policies.get_mut(&id).unwrap().definition = "No unauthorized secrets".to_owned();
    });
    let run = world.apply(BOTH, &[SECRET, EXISTING]);
    let said = refused(&world, &run, codes::POLICY);
    assert!(said.contains("No unauthorized secrets"), "{said}");
}

#[test]
fn a_region_that_the_subscription_may_not_use() {
    let world = World::new().edited(|state| {
        let kind = "microsoft.managedidentity/userassignedidentities";
        let id = variant::policy(state, &seed::subscription_id(), kind, "");
        state.policies.get_mut(&id).unwrap().of_azure = true;
    });
    let run = world.apply(IDENTITY, &["identity=create"]);
    let said = refused(&world, &run, codes::REGION);
    assert!(said.contains("region") && run.applied.writes.is_empty(), "{said}");
}

#[test]
fn a_disabled_subscription_that_cannot_be_seen_is_explained_at_the_write() {
    let world = World::with(Switches::flip("subscription-seen-from-below").unwrap(), Vec::new())
        .edited(|state| state.subscriptions[0].state = "Disabled".to_owned())
        .called_by("group-scoped");
    let run = world.apply(IDENTITY, &[]);
    assert!(could_not_check(&run.planned.plan.prerequisites, codes::SUBSCRIPTION));
    refused(&world, &run, codes::SUBSCRIPTION);
    // Seen, it is found before.
    let world = World::new().edited(|state| state.subscriptions[0].state = "Disabled".to_owned());
    assert_eq!(only_failed(&blocked(&world, IDENTITY, &[])).code, codes::SUBSCRIPTION);
}

#[test]
fn a_lock_that_cannot_be_seen_is_explained_at_the_write() {
    for scope in scopes() {
        let world = World::new()
            .edited(|state| {
                blind(state);
                variant::lock(state, &scope, "ReadOnly");
            })
            .called_by("reader");
        let run = world.apply(IDENTITY, &[]);
        assert!(could_not_check(&run.planned.plan.prerequisites, codes::LOCKED));
        let said = refused(&world, &run, codes::LOCKED);
        assert!(said.contains(&format!("az lock delete --ids {scope}")), "{said}");
    }
}

#[test]
fn all_that_forbids_is_told_together() {
    let world = World::new().called_by("reader").edited(|state| {
        variant::lock(state, &seed::app_id(), "ReadOnly");
        variant::deny(state, &seed::group_id(seed::GROUP), &["*/write"]);
        variant::caller_with(state, "reader", &[(&seed::subscription_id(), READER)], None);
    });
    let planned = blocked(&world, IDENTITY, &[]);
    let told: Vec<Code> = failed(&planned.plan.prerequisites).iter().map(|one| one.code).collect();
    assert_eq!(told, [codes::PERMISSION, codes::LOCKED, codes::DENIED]);
}
