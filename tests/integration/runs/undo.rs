//! Undoing a run: apply and undo is the start, for every recipe.

use acarecipe::clock::Clock as _;
use acarecipe::journal;
use acarecipe::sandbox::{Delays, State, seed};
use acarecipe::undo::{self, Options};
use serde_json::{Value as Json, json};

use super::undo_revisions::{multiple, seeded_with, serving};
use super::*;
use crate::support::scenarios::{SCENARIOS, Scenario};
use crate::support::undoing::{Kept, back_again, excuses, left, same, world_failed};
use crate::support::world::{START, writes};

/// Applies a scenario and puts it back; once more there is nothing left to do.
fn there_and_back(scenario: &Scenario) -> Result<(), String> {
    let world = scenario.world(START, Delays::realistic());
    back_again(&world, &scenario.selection(&world), excuses(scenario.name))
}

/// Every scenario of a recipe, there and back.
#[track_caller]
fn of(recipe: &str) {
    let all = SCENARIOS.iter().filter(|one| one.about() == recipe);
    let all: Vec<&Scenario> = all.collect();
    assert!(!all.is_empty(), "{recipe} has scenarios");
    let failed: Vec<String> = all
        .iter()
        .filter_map(|scenario| {
            let case = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| there_and_back(scenario)));
            let why = match case {
                Ok(Ok(())) => return None,
                Ok(Err(why)) => why,
                Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_default(),
            };
            Some(format!("== {}\n{why}", scenario.name))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), all.len(), failed.join("\n"));
}

/// One test a recipe, so that they run beside each other.
macro_rules! recipes {
    ($($test:ident $recipe:literal),+ $(,)?) => {
        $(#[test]
        fn $test() {
            of($recipe);
        })+

        #[test]
        fn every_recipe_is_put_back() {
            let tested = [$($recipe),+];
            let catalogue = acarecipe::recipe::Catalogue::built_in().unwrap();
            let names: Vec<String> = catalogue.recipes().map(|recipe| recipe.name.value.clone()).collect();
            assert_eq!(names.len(), tested.len());
            assert!(names.iter().all(|name| tested.contains(&name.as_str())), "{names:?}");
        }
    };
}

recipes! {
    azure_sql "azure-sql",
    bring_your_own_storage "bring-your-own-storage",
    container_registry "container-registry",
    cosmos_db "cosmos-db",
    custom_container "custom-container",
    custom_domains "custom-domains",
    dapr_integration "dapr-integration",
    easy_auth "easy-auth",
    jobs "jobs",
    key_vault_reference "key-vault-reference",
    managed_identity "managed-identity",
    mtls_client_certificates "mtls-client-certificates",
    native_dependencies "native-dependencies",
    redis "redis",
    revision_validation "revision-validation",
    storage "storage",
}

/// A world in which a value of others stands in the place that managed-identity writes.
fn with_old_client() -> World {
    World::new().edited(|state| {
        seed::variant::variable(state, json!({ "name": "AZURE_CLIENT_ID", "value": OLD }));
        let template = state.app(seed::APP).unwrap().template().clone();
        let app = state.app_mut(seed::APP).unwrap();
        app.revisions.last_mut().unwrap().template = template;
    })
}

const OLD: &str = "a-value-that-nobody-may-see";

fn client_id(world: &World) -> Json {
    let state = world.sandbox.state();
    let env = state.app(seed::APP).unwrap().template()["containers"][0]["env"].clone();
    env.as_array().unwrap().iter().find(|one| one["name"] == "AZURE_CLIENT_ID").cloned().unwrap_or_default()
}

#[test]
fn a_value_that_the_journal_must_not_hold_comes_from_the_revision_before() {
    let (world, kept) = (with_old_client(), Kept::new());
    let before = world.sandbox.state();
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    let text = std::fs::read_to_string(&kept.folder.journal(&id).unwrap().path).unwrap();
    assert!(text.contains("AZURE_CLIENT_ID") && !text.contains(OLD));
    assert_ne!(client_id(&world)["value"], OLD);
    let back = kept.undo(&world, &id);
    assert!(!format!("{:?}", back.planned.plan).contains(OLD), "it is shown to nobody");
    assert_eq!(client_id(&world)["value"], OLD);
    same(&before, &world.sandbox.state());

    // Without that revision nothing has it.
    let world = with_old_client();
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    world.sandbox.edit(|state| {
        state.app_mut(seed::APP).unwrap().revisions.remove(0);
    });
    let back = kept.undo(&world, &id);
    assert!(left(&back).iter().any(|told| told.contains("AZURE_CLIENT_ID")), "{:?}", left(&back));
    assert!(world.sandbox.state().app(seed::APP).unwrap().identity.user.is_empty(), "the rest is done");
}

#[test]
fn what_somebody_changed_since_is_named_and_nothing_is_written() {
    let (world, kept) = (World::new(), Kept::new());
    let before = world.sandbox.state();
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    world.sandbox.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        for variable in app.model["properties"]["template"]["containers"][0]["env"].as_array_mut().unwrap() {
            if variable["name"] == "AZURE_CLIENT_ID" {
                variable["value"] = json!("of-somebody");
            }
        }
        let template = app.template().clone();
        app.revisions.last_mut().unwrap().template = template;
    });
    let requests = world.count();
    let undo = kept.undo_of(&[&id], &kept.options());
    let Err(planned) = kept.try_run(&world, &undo, Some(&id)) else { panic!("it was written") };
    let failed = world_failed(&planned);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("AZURE_CLIENT_ID") && !failed[0].contains("of-somebody"), "{failed:?}");
    assert!(writes(&world.exchanges_since(requests)).is_empty());

    let forced = Options { force: true, ..kept.options() };
    let (_, back) = kept.run(&world, &kept.undo_of(&[&id], &forced), Some(&id));
    assert!(back.end.is_ok(), "{:?}", back.end);
    same(&before, &world.sandbox.state());
}

#[test]
fn an_identity_that_others_rely_on_stays_and_is_told() {
    for (identity, name) in [("system", "system-assigned"), ("create", "user-assigned")] {
        let (world, kept) = (World::new(), Kept::new());
        let parameter = format!("identity={identity}");
        let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[&parameter]), None);
        world.sandbox.edit(|state| {
            let app = state.app(seed::APP).unwrap().clone();
            let created = || state.identities.values().find(|one| one.id.ends_with("id-ca-demo")).unwrap();
            let principal = match &app.identity.system {
                Some(system) => system.principal_id.clone(),
                None => created().principal_id.clone(),
            };
            let reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
            seed::assign_role(state, &seed::vault_id(seed::VAULT), reader, &principal, START);
        });
        let back = kept.undo(&world, &id);
        assert!(back.end.is_ok(), "{:?}", back.end);
        let told = left(&back);
        assert!(told.len() == 1 && told[0].contains(name) && told[0].contains("kv-demo"), "{told:?}");
        let state = world.sandbox.state();
        let app = state.app(seed::APP).unwrap();
        let stays = app.identity.system.is_some()
            || state.identities.values().any(|one| one.id.ends_with("id-ca-demo"));
        assert!(stays && app.identity.user.is_empty(), "the assignment to the app goes");
    }
}

#[test]
fn data_of_others_goes_only_when_that_is_said() {
    let (world, kept) = (World::new(), Kept::new());
    let before = world.sandbox.state();
    let (id, _) =
        kept.run(&world, &world.selection(&["bring-your-own-storage"], &["storage_account=stdemo"]), None);
    let shares = |state: &State| state.storage_accounts.values().map(|one| one.shares.len()).sum::<usize>();
    let made = shares(&world.sandbox.state());
    assert_eq!(made, shares(&before) + 1, "it makes a share");
    let back = kept.undo(&world, &id);
    assert!(left(&back).iter().any(|told| told.contains("share")), "{:?}", left(&back));
    assert_eq!(shares(&world.sandbox.state()), made);
    let options = Options { delete_data: true, ..kept.options() };
    let (_, back) = kept.run(&world, &kept.undo_of(&[&id], &options), Some(&id));
    assert!(back.end.is_ok());
    same(&before, &world.sandbox.state());
}

#[test]
fn a_run_that_was_cut_off_anywhere_is_put_back() {
    let mut cuts = 0;
    for parameters in [vec![NAMED], vec![NAMED, "managed-identity.identity=create"]] {
        for sent in 0.. {
            let (world, mut kept) = (World::new(), Kept::new());
            let before = world.sandbox.state();
            kept.cut = Some(sent);
            let selection = world.selection(&["key-vault-reference", "container-registry"], &parameters);
            let (id, run) = kept.run(&world, &selection, None);
            kept.cut = None;
            let back = kept.undo(&world, &id);
            assert!(back.end.is_ok(), "{sent}: {:?}", back.end);
            same(&before, &world.sandbox.state());
            assert!(kept.undo(&world, &id).applied.writes.is_empty(), "{sent}: twice is free");
            cuts += 1;
            if run.end.is_ok() {
                break;
            }
        }
    }
    assert!(cuts > 6, "{cuts}");
}

pub const NAMED: &str = "key-vault-reference.secrets.DB_PASSWORD=db-password";

#[test]
fn the_last_run_that_wrote_and_was_not_put_back_is_meant() {
    let (world, kept) = (World::new(), Kept::new());
    let journals = || kept.folder.runs().unwrap().journals;
    let chosen =
        |all: &[journal::Journal]| undo::last(all).iter().map(|one| one.run.id.clone()).collect::<Vec<_>>();
    assert!(chosen(&journals()).is_empty());
    let (first, _) = kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    let (second, _) =
        kept.run(&world, &world.selection(&["mtls-client-certificates"], &["mode=accept"]), None);
    // One that found all in place.
    kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    assert_eq!(chosen(&journals()), std::slice::from_ref(&second));
    kept.undo(&world, &second);
    assert_eq!(chosen(&journals()), std::slice::from_ref(&first));
    kept.undo(&world, &first);
    assert!(chosen(&journals()).is_empty());
}

#[test]
fn what_others_added_beside_it_stays() {
    let (world, kept) = (World::new(), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    let others = world
        .sandbox
        .state()
        .identities
        .values()
        .find(|one| !one.id.ends_with("id-demo"))
        .map(|one| one.id.clone());
    let others = others.unwrap_or_else(|| {
        let (principal, client) =
            ("55555555-5555-4555-8555-000000000011", "55555555-5555-4555-8555-000000000012");
        world.sandbox.edit(|state| {
            seed::add_identity(state, "id-others", principal, client, START);
        });
        seed::identity_id("id-others")
    });
    world.sandbox.edit(|state| seed::variant::user_identity(state, &others));
    let back = kept.undo(&world, &id);
    assert!(back.end.is_ok(), "{:?}", back.end);
    let state = world.sandbox.state();
    let left = &state.app(seed::APP).unwrap().identity.user;
    assert!(left.len() == 1 && left[0].eq_ignore_ascii_case(&others), "{left:?}");
}

#[test]
fn every_path_that_went_back_is_found_there() {
    let (world, kept) = (World::new(), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["key-vault-reference"], &[EXISTING, NAMED]), None);
    let owned: Vec<String> = kept
        .folder
        .journal(&id)
        .unwrap()
        .writes()
        .iter()
        .filter(|write| write.before.path.ends_with("/ca-demo"))
        .flat_map(|write| write.before.owned.iter().map(|one| one.path.clone()))
        .collect();
    assert!(owned.len() > 3, "{owned:?}");
    let back = kept.undo(&world, &id);
    let findings = acarecipe::verify::findings(&back.end.unwrap().plan, true);
    let told: Vec<&str> = findings
        .iter()
        .filter(|one| one.name.starts_with("puts back") && one.status == Status::Passed)
        .filter_map(|one| one.detail.as_deref())
        .collect();
    for (at, found) in [
        ("env[DB_PASSWORD]", true),
        ("secrets[", true),
        ("AZURE_CLIENT_ID", true),
        ("identity.type", true),
        ("scale", false),
    ] {
        assert_eq!(told.iter().any(|one| one.contains(at)), found, "{at} of {owned:?}: {told:#?}");
    }
}

#[test]
fn an_undo_is_undone() {
    for multiple_mode in [false, true] {
        let world = seeded_with(|state| {
            if multiple_mode {
                multiple(state);
            }
        });
        let kept = Kept::new();
        let selection =
            world.selection(&["managed-identity", "mtls-client-certificates"], &[EXISTING, "mode=accept"]);
        let before = world.sandbox.state();
        let (id, _) = kept.run(&world, &selection, None);
        let applied = world.sandbox.state();
        let (undone, _) = kept.run(&world, &kept.undo_of(&[&id], &kept.options()), Some(&id));
        same(&before, &world.sandbox.state());
        let (again, _) = kept.run(&world, &kept.undo_of(&[&undone], &kept.options()), Some(&undone));
        same(&applied, &world.sandbox.state());
        assert_eq!(serving(&world.sandbox.state()), serving(&applied));
        // Back and forth.
        kept.undo(&world, &again);
        same(&before, &world.sandbox.state());
    }
}

#[test]
fn what_an_undo_removed_is_not_made_anew_and_that_is_told() {
    let (world, kept) = (World::new(), Kept::new());
    let created = "managed-identity.identity=create";
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[created]), None);
    let (undone, _) = kept.run(&world, &kept.undo_of(&[&id], &kept.options()), Some(&id));
    let undo = kept.undo_of(&[&undone], &kept.options());
    let planned = match kept.try_run(&world, &undo, Some(&undone)) {
        Ok((_, run)) => run.planned,
        Err(planned) => *planned,
    };
    let told = planned.plan.prerequisites.iter().filter_map(|one| one.detail.as_deref());
    assert!(told.clone().any(|one| one.contains("not made anew")), "{:?}", told.collect::<Vec<_>>());
}

#[test]
fn a_run_that_went_on_from_an_interrupted_one_goes_back_with_it() {
    let mut cuts = 0;
    for sent in 1.. {
        let (world, mut kept) = (World::new(), Kept::new());
        let before = world.sandbox.state();
        let parameters = [NAMED, "managed-identity.identity=create"];
        let selection = world.selection(&["key-vault-reference", "container-registry"], &parameters);
        kept.cut = Some(sent);
        let (first, run) = kept.run(&world, &selection, None);
        if run.end.is_ok() {
            break;
        }
        (kept.cut, kept.continues) = (None, Some(first.clone()));
        let (second, _) = kept.run(&world, &selection, None);
        kept.continues = None;
        let journals = kept.folder.runs().unwrap().journals;
        let meant: Vec<String> = undo::last(&journals).iter().map(|one| one.run.id.clone()).collect();
        assert_eq!(meant, [first.clone(), second.clone()], "both are one");
        let undo = kept.undo_of(&[&first, &second], &kept.options());
        let (_, back) = kept.run(&world, &undo, Some(&second));
        assert!(back.end.is_ok(), "{sent}: {:?}", back.end);
        same(&before, &world.sandbox.state());
        assert!(
            undo::last(&kept.folder.runs().unwrap().journals).is_empty(),
            "{sent}: nothing is left to undo"
        );
        cuts += 1;
    }
    assert!(cuts > 2, "{cuts}");
}

/// What the undo of a run says when it is refused, without a write.
#[track_caller]
fn refused(world: &World, kept: &Kept, id: &str) -> Vec<String> {
    let requests = world.count();
    let Err(planned) = kept.try_run(world, &kept.undo_of(&[id], &kept.options()), Some(id)) else {
        panic!("it was written")
    };
    assert!(writes(&world.exchanges_since(requests)).is_empty());
    world_failed(&planned)
}

#[test]
fn what_others_put_into_what_the_run_created_is_named_and_stays() {
    let (world, kept) = (World::new(), Kept::new());
    let before = world.sandbox.state();
    let component = r#"components=[{"name":"pubsub","type":"pubsub.redis","metadata":{"redisHost":"redis:6379"},"scopes":["ca-demo","orders","billing"]}]"#;
    let (id, run) = kept.run(&world, &world.selection(&["dapr-integration"], &[component]), None);
    assert!(run.end.is_ok(), "{:?}", run.end);
    world.sandbox.edit(|state| {
        let one = state.dapr_components.values_mut().find(|one| one.id.ends_with("/pubsub")).unwrap();
        one.properties["scopes"].as_array_mut().unwrap().push(json!("shipping"));
        one.properties["metadata"].as_array_mut().unwrap().push(json!({ "name": "of-others", "value": "1" }));
        one.properties["ignoreErrors"] = json!(true);
    });
    let failed = refused(&world, &kept, &id);
    assert_eq!(failed.len(), 3, "{failed:?}");
    for added in ["shipping", "of-others", "ignoreErrors"] {
        assert!(failed.iter().any(|one| one.contains(added)), "{added}: {failed:?}");
    }
    let forced = Options { force: true, ..kept.options() };
    let (_, back) = kept.run(&world, &kept.undo_of(&[&id], &forced), Some(&id));
    assert!(back.end.is_ok(), "{:?}", back.end);
    same(&before, &world.sandbox.state());
}

#[test]
fn an_identity_of_another_app_stays_and_is_told() {
    for group in [seed::GROUP, "rg-two"] {
        let (world, kept) = (World::new(), Kept::new());
        let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[CREATED]), None);
        world.sandbox.edit(|state| seed::variant::sibling(state, group, "ca-two"));
        let back = kept.undo(&world, &id);
        assert!(back.end.is_ok(), "{:?}", back.end);
        let told = left(&back);
        assert!(told.len() == 1 && told[0].contains("ca-two"), "{told:?}");
        assert!(has_created(&world));
    }
}

const CREATED: &str = "identity=create";

/// Whether the identity that a run makes is there.
fn has_created(world: &World) -> bool {
    world.sandbox.state().identities.values().any(|one| one.id.ends_with("id-ca-demo"))
}

#[test]
fn who_may_not_list_the_subscription_is_told_how_far_was_looked() {
    let (mut world, kept) = (World::new(), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[CREATED]), None);
    world.caller = "group-scoped".to_owned();
    let back = kept.undo(&world, &id);
    assert!(back.end.is_ok(), "{:?}", back.end);
    let told = left(&back);
    for kind in ["containerApps", "jobs"] {
        let bound = format!("{kind} of other resource groups cannot be listed");
        assert!(told.iter().any(|one| one.contains(&bound)), "{told:?}");
    }
    assert!(!has_created(&world));

    // In the group it is still seen.
    let (mut world, kept) = (World::new(), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[CREATED]), None);
    world.sandbox.edit(|state| seed::variant::sibling(state, seed::GROUP, "ca-two"));
    world.caller = "group-scoped".to_owned();
    assert!(left(&kept.undo(&world, &id)).iter().any(|one| one.contains("ca-two has it")));
    assert!(has_created(&world));
}

/// Undone it is refused with a word of this, and goes when that is said.
#[track_caller]
fn goes_only_by_force(world: &World, kept: &Kept, id: &str, word: &str) {
    let failed = refused(world, kept, id);
    assert!(failed.len() == 1 && failed[0].contains(word), "{failed:?}");
    let forced = Options { force: true, ..kept.options() };
    let (_, back) = kept.run(world, &kept.undo_of(&[id], &forced), Some(id));
    assert!(back.end.is_ok(), "{:?}", back.end);
}

#[test]
fn an_identity_that_somebody_outside_signs_in_as_is_named_and_stays() {
    let (world, kept) = (World::new(), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[CREATED]), None);
    world.sandbox.edit(|state| {
        let own = state.identities.values_mut().find(|one| one.id.ends_with("id-ca-demo")).unwrap();
        own.federated.push(acarecipe::sandbox::state::FederatedCredential {
            name: "of-a-pipeline".to_owned(),
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            subject: "repo:somebody/something:ref:refs/heads/main".to_owned(),
        });
    });
    goes_only_by_force(&world, &kept, &id, "of-a-pipeline");
    assert!(!has_created(&world));
}

#[test]
fn an_identity_that_was_made_anew_since_is_not_the_runs() {
    let (world, kept) = (World::new(), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &[CREATED]), None);
    world.sandbox.edit(|state| {
        let (principal, _) = state.new_principal(START);
        let own = state.identities.values_mut().find(|one| one.id.ends_with("id-ca-demo")).unwrap();
        own.principal_id = principal;
    });
    goes_only_by_force(&world, &kept, &id, "principalId");
    assert!(!has_created(&world));
}

#[test]
fn what_was_made_anew_later_is_not_the_runs() {
    let scenario = SCENARIOS.iter().find(|one| one.name == "easy-auth, Entra ID").unwrap();
    let (world, kept) = (scenario.world(START, Delays::realistic()), Kept::new());
    let (id, _) = kept.run(&world, &scenario.selection(&world), None);
    let made_after = |passed: time::Duration| {
        world.sandbox.edit(|state| {
            let own = state.auth_configs.values_mut().next().unwrap();
            own.created = Some(START + passed);
        });
    };
    made_after(time::Duration::DAY);
    goes_only_by_force(&world, &kept, &id, "made at 2026-03-02");
    assert!(world.sandbox.state().auth_configs.is_empty());
}

/// What this machine's clock said is not compared with Azure's where Azure's own time is known, else not closely.
#[test]
fn a_clock_that_is_behind_takes_nothing_for_made_anew() {
    let scenario = SCENARIOS.iter().find(|one| one.name == "easy-auth, Entra ID").unwrap();
    let apply = || {
        let (world, kept) = (scenario.world(START, Delays::realistic()), Kept::new());
        let (id, _) = kept.run(&world, &scenario.selection(&world), None);
        let path = kept.folder.journal(&id).unwrap().path;
        (world, kept, id, path)
    };
    let (world, kept, id, path) = apply();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"createdAt\":"), "{text}");
    std::fs::write(&path, text.replace("\"at\":\"2026-03-01", "\"at\":\"2026-02-27")).unwrap();
    assert!(kept.undo(&world, &id).end.is_ok());
    assert!(world.sandbox.state().auth_configs.is_empty());

    // An older version kept no time of Azure's.
    for (minutes, goes) in [(45, true), (120, false)] {
        let (world, kept, id, path) = apply();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"createdAt\":", "\"unknown\":")).unwrap();
        world.sandbox.edit(|state| {
            let own = state.auth_configs.values_mut().next().unwrap();
            own.created = Some(world.clock.now() + time::Duration::minutes(minutes));
        });
        if goes {
            assert!(kept.undo(&world, &id).end.is_ok());
        } else {
            goes_only_by_force(&world, &kept, &id, "made at");
        }
        assert!(world.sandbox.state().auth_configs.is_empty());
    }
}

#[test]
fn a_run_is_apart_from_those_that_left_alone_what_it_wrote() {
    let (world, kept) = (World::new(), Kept::new());
    let mut ids = Vec::new();
    for (recipe, parameter) in [
        ("managed-identity", CREATED),
        ("mtls-client-certificates", "mode=accept"),
        ("managed-identity", "identity=system"),
    ] {
        ids.push(kept.run(&world, &world.selection(&[recipe], &[parameter]), None).0);
    }
    let run = |index: usize| kept.folder.journal(&ids[index]).unwrap();
    assert!(undo::apart(&run(0), [&run(1)]));
    assert!(!undo::apart(&run(0), [&run(1), &run(2)]));
    // Whoever removes what it made has touched it.
    kept.undo(&world, &ids[2]);
    kept.undo(&world, &ids[0]);
    let newest = kept.folder.runs().unwrap().journals.remove(0);
    assert!(!undo::apart(&run(0), [&newest]));
}

#[test]
fn what_a_later_run_found_in_place_stays_until_that_is_undone() {
    let (world, kept) = (World::new(), Kept::new());
    let (id, _) = kept.run(&world, &world.selection(&["managed-identity"], &["identity=create"]), None);
    let (later, _) =
        kept.run(&world, &world.selection(&["mtls-client-certificates"], &["mode=accept"]), None);
    let identity = seed::identity_id("id-ca-demo");
    // As `apply` writes it down.
    let file = kept.folder.journal(&later).unwrap().path;
    let found = json!({ "entry": "found", "resource": identity, "step": "managed_identity.identity" });
    let text = std::fs::read_to_string(&file).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    std::fs::write(&file, format!("{first}\n{found}\n{rest}")).unwrap();
    let journals = || kept.folder.runs().unwrap().journals;
    let options = || {
        let own = kept.folder.journal(&id).unwrap();
        Options { relied: undo::relied(&journals(), &[&own]), ..kept.options() }
    };
    assert_eq!(options().relied.len(), 1);
    let undo = kept.undo_of(&[&id], &options());
    let (_, back) = kept.run(&world, &undo, Some(&id));
    assert!(left(&back).iter().any(|told| told.contains(&later)), "{:?}", left(&back));
    kept.undo(&world, &later);
    assert!(options().relied.is_empty(), "an undone run relies on nothing");
}

#[test]
fn a_secret_that_somebody_rotated_since_is_named_and_stays() {
    let google = SCENARIOS.iter().find(|one| one.name == "easy-auth, Google beside GitHub").unwrap();
    let (world, kept) = (google.world(START, Delays::realistic()), Kept::new());
    let before = world.sandbox.state();
    let (id, _) = kept.run(&world, &google.selection(&world), None);
    let own = |state: &State| {
        let app = state.app(seed::APP).unwrap();
        let secrets = app.model["properties"]["configuration"]["secrets"].as_array().unwrap().clone();
        let of = |one: &&Json| one["name"].as_str().is_some_and(|name| name.contains("google"));
        secrets.iter().find(of).and_then(|one| one["name"].as_str()).map(str::to_owned)
    };
    let name = own(&world.sandbox.state()).expect("it made a secret");
    let rotated = |value: &str| {
        world.sandbox.edit(|state| {
            let app = state.app_mut(seed::APP).unwrap();
            for secret in app.model["properties"]["configuration"]["secrets"].as_array_mut().unwrap() {
                if secret["name"] == name {
                    secret["value"] = json!(value);
                }
            }
        });
    };
    rotated("of-somebody-else");
    let failed = refused(&world, &kept, &id);
    assert!(failed.len() == 1 && failed[0].contains(&name), "{failed:?}");
    assert!(!failed[0].contains("of-somebody"), "{failed:?}");
    let forced = Options { force: true, ..kept.options() };
    let (_, back) = kept.run(&world, &kept.undo_of(&[&id], &forced), Some(&id));
    assert!(back.end.is_ok(), "{:?}", back.end);
    same(&before, &world.sandbox.state());
}

#[test]
fn an_undo_that_was_undone_does_not_count() {
    let (world, kept) = (World::new(), Kept::new());
    let (_, _) = kept.run(&world, &world.selection(&["managed-identity"], &[EXISTING]), None);
    let (second, _) =
        kept.run(&world, &world.selection(&["mtls-client-certificates"], &["mode=accept"]), None);
    let undo = kept.undo_of(&[&second], &kept.options());
    let (undone, _) = kept.run(&world, &undo, Some(&second));
    kept.undo(&world, &undone);
    let journals = kept.folder.runs().unwrap().journals;
    let last: Vec<&str> = undo::last(&journals).iter().map(|one| one.run.id.as_str()).collect();
    assert_eq!(last, [second]);
}

#[test]
fn a_reference_to_a_vault_whose_identity_the_run_changed_goes_back() {
    let (world, kept) = (World::new(), Kept::new());
    kept.run(&world, &world.selection(&["key-vault-reference"], &[NAMED]), None);
    let before = world.sandbox.state();
    let parameters = [NAMED, "managed-identity.identity=create"];
    let (id, run) = kept.run(&world, &world.selection(&["key-vault-reference"], &parameters), None);
    assert!(run.end.is_ok(), "{:?}", run.end);
    let back = kept.undo(&world, &id);
    assert!(left(&back).is_empty(), "{:?}", left(&back));
    same(&before, &world.sandbox.state());
}
