//! Vaults and roles, wherever and however they are there already.

use acarecipe::diagnostic::codes;
use acarecipe::execute::Failure;
use acarecipe::plan::Status;
use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
use acarecipe::sandbox::seed;
use acarecipe::sandbox::state::State;
use serde_json::json;

use super::super::support::world::{START, World, writes};
use super::{
    BOTH, EXISTING, SECRET, app, blocked, described, failure, only_failed, secret, text, works_and_stays,
};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

fn with_vault(name: &str) -> World {
    let mut world = World::new();
    world.variables.insert("KEY_VAULT_NAME".to_owned(), name.to_owned());
    world
}

fn roles_written(world: &World) -> usize {
    writes(&world.sandbox.exchanges()).iter().filter(|(_, path)| path.contains("/roleAssignments/")).count()
}

#[test]
fn a_vault_in_another_group_is_found_by_name_or_id() {
    for name in [seed::SHARED_VAULT.to_owned(), "KV-Shared".to_owned(), seed::vault_id(seed::SHARED_VAULT)] {
        let world = with_vault(&name);
        works_and_stays(&world, BOTH, &["secrets.TOKEN=shared-token"]);
        let url = secret(&app(&world), "shared-token")["keyVaultUrl"].clone();
        assert_eq!(url, "https://kv-shared.vault.azure.net/secrets/shared-token");
        let granted = writes(&world.sandbox.exchanges());
        assert!(granted.iter().any(|(_, path)| path.starts_with(&seed::vault_id(seed::SHARED_VAULT))));
        described(&world);
    }
}

#[test]
fn a_vault_that_is_not_there_is_told_with_the_command_that_makes_it() {
    let world = with_vault("kv-nowhere");
    let planned = blocked(&world, BOTH, &[SECRET]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::RESOURCE);
    assert!(text(finding).contains("az keyvault create --name kv-nowhere"), "{finding:#?}");
    let id = seed::vault_id("kv-nowhere");
    assert_eq!(only_failed(&blocked(&with_vault(&id), BOTH, &[SECRET])).code, codes::RESOURCE);
}

#[test]
fn a_role_at_a_wider_scope_holds() {
    for scope in [seed::group_id(seed::GROUP), seed::subscription_id()] {
        let world = World::new().edited(|state| {
            seed::assign_role(
                state,
                &scope,
                KEY_VAULT_SECRETS_USER,
                seed::IDENTITY_PRINCIPAL,
                START - time::Duration::DAY,
            );
        });
        let run = works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
        assert_eq!((roles_written(&world), run.applied.writes.len()), (0, 1));
        // Long in force: nothing to wait for.
        let waited = world.seen.events.lock().unwrap();
        assert!(!waited.iter().any(|event| matches!(event, acarecipe::execute::Event::Settling { .. })));
    }
}

#[test]
fn a_role_under_another_name_is_taken() {
    // The seed's assignments have names of their own, not the one that we would derive.
    let world = World::new().edited(|state| {
        seed::assign_role(
            state,
            &seed::vault_id(seed::VAULT),
            KEY_VAULT_SECRETS_USER,
            seed::IDENTITY_PRINCIPAL,
            START,
        );
    });
    works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
    assert_eq!(roles_written(&world), 0);
    assert!(world.sandbox.exchanges().iter().all(|exchange| exchange.status != Some(409)));
}

#[test]
fn a_role_that_does_not_hold_there_is_not_taken() {
    let elsewhere: &[fn(&mut State)] = &[
        // At another vault, for another principal, another role.
        |state| {
            drop(seed::assign_role(
                state,
                &seed::vault_id(seed::SHARED_VAULT),
                KEY_VAULT_SECRETS_USER,
                seed::IDENTITY_PRINCIPAL,
                START,
            ));
        },
        |state| {
            let (principal, _) = state.new_principal(START);
            seed::assign_role(state, &seed::vault_id(seed::VAULT), KEY_VAULT_SECRETS_USER, &principal, START);
        },
        |state| {
            drop(seed::assign_role(
                state,
                &seed::vault_id(seed::VAULT),
                OWNER,
                seed::IDENTITY_PRINCIPAL,
                START,
            ));
        },
    ];
    for give in elsewhere {
        let world = World::new().edited(give);
        works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
        assert_eq!(roles_written(&world), 1);
    }
}

#[test]
fn a_vault_with_access_policies_is_refused_with_its_fix() {
    let world = with_vault(seed::POLICY_VAULT);
    let planned = blocked(&world, BOTH, &[SECRET]);
    let finding = only_failed(&planned);
    assert!(text(finding).contains("az keyvault update --name kv-policies --enable-rbac-authorization true"));
    assert!(text(finding).contains("access policies"), "{finding:#?}");
}

#[test]
fn a_closed_vault_is_a_warning_and_its_refusal_explained() {
    let closings = [
        json!({ "publicNetworkAccess": "Disabled" }),
        json!({ "networkAcls": { "defaultAction": "Deny", "bypass": "AzureServices" } }),
    ];
    for closing in closings {
        let world = World::new().edited(|state| {
            let properties = &mut state.vault_mut(seed::VAULT).unwrap().properties;
            for (member, value) in closing.as_object().unwrap() {
                properties[member] = value.clone();
            }
        });
        let run = world.apply(BOTH, &[SECRET, EXISTING]);
        let warned = run.planned.plan.prerequisites.iter().find(|one| one.status == Status::Warning).unwrap();
        assert!(text(warned).contains("closed to public networks"), "{warned:#?}");
        let (failure, _, said) = failure(&run);
        assert!(matches!(failure, Failure::Azure(_)), "{failure:?}");
        assert!(said.contains("db-password") && said.contains("firewall"), "{said}");
        // Neither the variable nor the secret is half there.
        assert!(secret(&app(&world), "db-password").is_null());
        assert!(super::variable(&app(&world), seed::APP, "DB_PASSWORD").is_null());
        // Opened, the same command completes it.
        world.sandbox.edit(|state| {
            let properties = &mut state.vault_mut(seed::VAULT).unwrap().properties;
            properties["publicNetworkAccess"] = json!("Enabled");
            properties["networkAcls"]["defaultAction"] = json!("Allow");
        });
        let run = works_and_stays(&world, BOTH, &[SECRET, EXISTING]);
        assert_eq!(run.applied.writes.len(), 1);
    }
}

#[test]
fn a_secret_that_is_disabled_or_missing_is_explained() {
    for name in ["old-key", "no-such-secret"] {
        let world = World::new();
        let run = world.apply(BOTH, &[&format!("secrets.KEY={name}"), EXISTING]);
        let (failure, diagnostic, said) = failure(&run);
        assert!(matches!(failure, Failure::Azure(_)), "{failure:?}");
        assert!(said.contains(name) && said.contains("disabled"), "{said}");
        assert!(
            diagnostic.correlation_id.is_some() && diagnostic.fix.is_some() && diagnostic.docs.is_some(),
            "{diagnostic:#?}"
        );
    }
}
