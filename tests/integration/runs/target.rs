//! What must hold of the target before the first write.

use acarecipe::diagnostic::codes;
use acarecipe::plan::Status;
use acarecipe::sandbox::Switches;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::fold;

use super::super::support::world::{World, failed};
use super::{BOTH, IDENTITY, SECRET, blocked, of_code, only_failed, text, works_and_stays};

#[test]
fn a_read_only_lock_is_found_before_the_write() {
    for scope in [seed::app_id(), seed::group_id(seed::GROUP), seed::subscription_id()] {
        let world = World::new().edited(|state| variant::lock(state, &scope, "ReadOnly"));
        let planned = blocked(&world, IDENTITY, &[]);
        let finding = only_failed(&planned);
        assert_eq!(finding.code, codes::LOCKED);
        assert!(
            text(finding).contains("az lock delete --ids") && text(finding).contains(&scope),
            "{finding:#?}"
        );
    }
    let world = World::new().edited(|state| variant::lock(state, &seed::app_id(), "CanNotDelete"));
    works_and_stays(&world, IDENTITY, &[]);
    // With nothing to write a lock is in nobody's way.
    world.sandbox.edit(|state| variant::lock(state, &seed::app_id(), "ReadOnly"));
    works_and_stays(&world, IDENTITY, &[]);
}

#[test]
fn a_provider_that_is_not_registered() {
    for (namespace, recipes, parameters) in [
        ("Microsoft.App", IDENTITY, vec![]),
        ("Microsoft.KeyVault", BOTH, vec![SECRET]),
        ("Microsoft.ManagedIdentity", IDENTITY, vec!["identity=create"]),
    ] {
        let world = World::new().edited(|state| {
            state.providers.insert(namespace.to_owned(), "NotRegistered".to_owned());
        });
        let planned = blocked(&world, recipes, &parameters);
        let failed = failed(&planned.plan.prerequisites);
        let told = failed.iter().find(|one| one.code == codes::PROVIDER).unwrap();
        assert!(text(told).contains(&format!("az provider register --namespace {namespace}")), "{told:#?}");
    }
}

#[test]
fn a_target_that_is_not_there_is_told_once_with_its_fix() {
    let world = World::new().edited(|state| {
        state.apps.clear();
    });
    let planned = blocked(&world, BOTH, &[SECRET]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::APP);
    assert!(
        text(finding).contains("az containerapp list --resource-group rg-demo")
            && text(finding).contains("APP_NAME")
    );

    let world = World::new().edited(|state| {
        state.apps.clear();
        state.groups.remove(&fold(&seed::group_id(seed::GROUP)));
    });
    let planned = blocked(&world, BOTH, &[SECRET]);
    let group = of_code(&planned.plan.prerequisites, codes::RESOURCE_GROUP);
    assert!(group.status == Status::Failed && text(group).contains("export RG="), "{group:#?}");

    let world = World::new().edited(|state| state.subscriptions.clear());
    let planned = blocked(&world, BOTH, &[SECRET]);
    let subscription = of_code(&planned.plan.prerequisites, codes::SUBSCRIPTION);
    assert!(subscription.status == Status::Failed, "{:#?}", planned.plan.prerequisites);
    assert!(text(subscription).contains("az account list"), "{subscription:#?}");

    let world = World::new().edited(|state| state.subscriptions[0].state = "Disabled".to_owned());
    let planned = blocked(&world, BOTH, &[SECRET]);
    assert!(text(only_failed(&planned)).contains("Disabled"));
}

#[test]
fn an_identity_that_is_not_there() {
    let by_name = ("id-nowhere".to_owned(), "az identity create --name id-nowhere");
    let by_id = (seed::identity_id("id-nowhere"), "az resource show --ids");
    for (name, fix) in [by_name, by_id] {
        let planned = blocked(&World::new(), IDENTITY, &[&format!("identity={name}")]);
        let finding = only_failed(&planned);
        assert!(finding.code == codes::RESOURCE && text(finding).contains(fix), "{finding:#?}");
        let planned = blocked(&World::new(), IDENTITY, &[&format!("identity=system,{name}")]);
        assert!(text(only_failed(&planned)).contains(fix));
    }
}

#[test]
fn everything_that_is_missing_is_told_together() {
    let mut world = World::new().edited(|state| {
        state.providers.insert("Microsoft.KeyVault".to_owned(), "NotRegistered".to_owned());
        variant::lock(state, &seed::app_id(), "ReadOnly");
    });
    world.variables.insert("KEY_VAULT_NAME".to_owned(), "kv-policies".to_owned());
    let planned = blocked(&world, BOTH, &[SECRET]);
    let told: Vec<_> = failed(&planned.plan.prerequisites).iter().map(|one| one.code).collect();
    for code in [codes::PROVIDER, codes::LOCKED, codes::PREREQUISITE] {
        assert!(told.contains(&code), "{told:?}");
    }
}

#[test]
fn words_that_nobody_knows_are_told_and_break_nothing() {
    let world = World::new().edited(|state| {
        state.app_mut(seed::APP).unwrap().provisioning_state = "Rehydrating".to_owned();
    });
    let findings = world.verify(&[], &[]);
    let health = of_code(&findings, codes::APP_HEALTH);
    assert_eq!(health.status, Status::Warning, "{health:#?}");
    assert!(text(health).contains("Rehydrating"));
    assert_eq!(of_code(&findings, codes::REVISION_HEALTH).status, Status::Passed, "the revision decides");
    world.apply(IDENTITY, &[]).ok();

    // In every answer, the operation's too.
    let mut world =
        World::with(Switches::default(), vec!["match=*:/ unknown-enum times=100000".parse().unwrap()]);
    world.timeout = std::time::Duration::from_secs(5 * 60);
    let run = world.apply(IDENTITY, &[]);
    if let Err(failure) = &run.end {
        assert!(failure.diagnostic().is_some(), "{failure:?}");
    }
}
