//! container-registry: the registry found, the role by its mode, the entry, the image.

use acarecipe::clock::Clock as _;
use acarecipe::diagnostic::codes;
use acarecipe::plan::Status;
use acarecipe::sandbox::roles::{ACR_PULL, READER, REPOSITORY_READER};
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::{Registry, State};
use acarecipe::sandbox::{Delays, Options, Sandbox, Switches};
use serde_json::{Value as Json, json};

use super::super::support::world::{START, World, failed, writes};
use super::{
    BOTH, EXISTING, SECRET, app, blocked, described, failure, of_code, only_failed, secret, text,
    works_and_stays,
};

const RECIPE: &[&str] = &["container-registry"];
const THREE: &[&str] = &["managed-identity", "key-vault-reference", "container-registry"];
const SYSTEM: &str = "managed-identity.identity=system";

/// An Azure with another `$ACR_NAME`.
fn with_registry(name: &str) -> World {
    let mut world = World::new();
    world.variables.insert("ACR_NAME".to_owned(), name.to_owned());
    world
}

fn world() -> World {
    World::new()
}

fn registry<'s>(state: &'s mut State, name: &str) -> &'s mut Registry {
    state.registry_mut(name).unwrap()
}

/// The app's entry for a seeded registry, as the store has it.
fn entry(world: &World, name: &str) -> Json {
    let app = app(world);
    let entries = app.configuration()["registries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut own = entries.iter().filter(|one| one["server"] == seed::login_server(name));
    let found = own.next().cloned().unwrap_or_default();
    assert!(own.next().is_none(), "{entries:#?}");
    found
}

/// The app's entries for registries, changed behind everybody's back.
fn set_entries(state: &mut State, entries: Json) {
    state.app_mut(seed::APP).unwrap().model["properties"]["configuration"]["registries"] = entries;
}

/// The image of the app's container, as the store has it.
fn image(world: &World) -> String {
    app(world).template()["containers"][0]["image"].as_str().unwrap().to_owned()
}

/// GUIDs of the roles that were given, and where.
fn roles_given(world: &World) -> Vec<(String, String)> {
    let puts = world.sandbox.exchanges().into_iter().filter(|one| one.method == "PUT");
    puts.filter_map(|one| {
        let (scope, _) = one.path.split_once("/providers/Microsoft.Authorization/roleAssignments/")?;
        let body = one.request_body.as_ref()?;
        let guid = body["properties"]["roleDefinitionId"].as_str()?.rsplit('/').next()?;
        Some((guid.to_owned(), scope.to_owned()))
    })
    .collect()
}

#[test]
fn the_entry_comes_after_the_role_and_the_image_stays() {
    let world = world();
    let run = works_and_stays(&world, RECIPE, &[]);
    let entry = entry(&world, seed::REGISTRY);
    assert_eq!(entry["identity"], "system");
    assert_eq!(image(&world), seed::IMAGE, "no image was asked for");
    assert_eq!(run.applied.revisions.len(), 0, "registries are no part of a revision");
    let sent: Vec<String> =
        writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(sent, ["PATCH", "PUT", "PATCH"], "identity, role, entry");
    assert_eq!(roles_given(&world), [(ACR_PULL.to_owned(), seed::registry_id(seed::REGISTRY))]);
    let waited = world.clock.now() - START;
    assert!(waited >= time::Duration::minutes(2), "the role settles before the app is told: {waited}");

    let findings = run.findings();
    let pull = of_code(&findings, codes::VERIFICATION);
    assert_eq!(pull.status, Status::NotExercised, "{pull:?}");
    assert!(text(pull).contains("no image was asked for"), "{pull:?}");
    let outputs = &run.ok().plan.outputs["container_registry"];
    assert_eq!(outputs["server"].as_str(), Some("acrdemo.azurecr.io"));
    assert_eq!(outputs["registry_id"].as_str(), Some(seed::registry_id(seed::REGISTRY).as_str()));
    assert!(outputs["image"].is_null() && outputs["digest"].is_null());
    described(&world);
}

#[test]
fn with_an_identity_that_is_there_it_is_one_write_of_the_app() {
    let world = world();
    let run = works_and_stays(&world, RECIPE, &[EXISTING]);
    let sent: Vec<String> =
        writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(sent, ["PUT", "PATCH"], "role, everything else");
    assert_eq!(run.applied.revisions.len(), 1, "AZURE_CLIENT_ID is part of the template");
    let identity = entry(&world, seed::REGISTRY)["identity"].as_str().unwrap().to_owned();
    assert!(identity.eq_ignore_ascii_case(&seed::identity_id(seed::IDENTITY)), "{identity}");
    described(&world);
}

#[test]
fn a_password_goes_in_the_same_write_and_others_keep_theirs() {
    let world = world().edited(|state| {
        variant::plain_secret(state, "acr-password", "a-registry-password");
        let other = json!({ "server": "ghcr.io", "username": "bot", "passwordSecretRef": "acr-password" });
        let own = json!({
            "server": "AcrDemo.azurecr.io", "username": "acrdemo", "passwordSecretRef": "acr-password",
        });
        set_entries(state, json!([other, own]));
    });
    works_and_stays(&world, RECIPE, &[]);
    let app = app(&world);
    let entries = app.configuration()["registries"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 2, "{entries:#?}");
    assert_eq!(entries[0]["username"], "bot");
    assert_eq!(entries[0]["passwordSecretRef"], "acr-password");
    assert_eq!(entries[1]["identity"], "system");
    let absent = |value: &Json| value.is_null() || value == "";
    assert!(absent(&entries[1]["username"]) && absent(&entries[1]["passwordSecretRef"]), "{entries:#?}");
    assert_eq!(secret(&app, "acr-password")["value"], "a-registry-password", "it is not ours to remove");
    let to_app: Vec<_> = world
        .sandbox
        .exchanges()
        .into_iter()
        .filter(|one| one.method == "PATCH" && one.path == seed::app_id())
        .collect();
    let entries = to_app.iter().filter(|one| {
        one.request_body
            .as_ref()
            .is_some_and(|body| !body["properties"]["configuration"]["registries"].is_null())
    });
    assert_eq!(entries.count(), 1, "the identity enters as the password leaves");
    assert_eq!(super::secrets_listed(&world.sandbox.exchanges()), 0, "no secret is sent for it");
    described(&world);
}

#[test]
fn the_mode_of_the_registry_decides_the_role() {
    let world = with_registry(seed::ABAC_REGISTRY);
    works_and_stays(&world, RECIPE, &[]);
    assert_eq!(roles_given(&world), [(REPOSITORY_READER.to_owned(), seed::registry_id(seed::ABAC_REGISTRY))]);
    assert_eq!(entry(&world, seed::ABAC_REGISTRY)["identity"], "system", "the server is not NAME and suffix");
    described(&world);

    // An answer that does not say: AcrPull, and a word about it.
    let world = self::world().edited(|state| {
        let properties = registry(state, seed::REGISTRY).properties.as_object_mut().unwrap();
        properties.remove("roleAssignmentMode");
    });
    let run = works_and_stays(&world, RECIPE, &[]);
    assert_eq!(roles_given(&world)[0].0, ACR_PULL);
    let told = &run.planned.plan.prerequisites;
    let warned = told.iter().find(|one| one.status == Status::Warning).unwrap();
    assert!(text(warned).contains("does not tell its role assignment mode"), "{warned:?}");
}

#[test]
fn a_registry_is_found_by_name_login_server_or_id_in_any_case() {
    let id = seed::registry_id(seed::REGISTRY);
    for name in ["ACRdemo", "acrdemo.azurecr.io", "ACRDEMO.AZURECR.IO", id.as_str()] {
        let world = with_registry(name);
        works_and_stays(&world, RECIPE, &[]);
        assert_eq!(entry(&world, seed::REGISTRY)["identity"], "system", "{name}");
        described(&world);
    }
    // By name in another group of the subscription; by a login server that its name does not tell.
    for name in ["acrabac".to_owned(), seed::login_server(seed::ABAC_REGISTRY)] {
        let world = with_registry(&name);
        works_and_stays(&world, RECIPE, &[]);
        assert_eq!(entry(&world, seed::ABAC_REGISTRY)["identity"], "system", "{name}");
    }
}

#[test]
fn a_registry_in_another_subscription_is_found_by_login_server_or_id() {
    let server = seed::login_server(seed::CENTRAL_REGISTRY);
    for name in [server.to_uppercase(), seed::registry_id(seed::CENTRAL_REGISTRY)] {
        // The app's subscription need not know the provider for that.
        let world = with_registry(&name).edited(|state| {
            state.providers.insert("Microsoft.ContainerRegistry".to_owned(), "NotRegistered".to_owned());
        });
        works_and_stays(&world, RECIPE, &[]);
        assert_eq!(roles_given(&world), [(ACR_PULL.to_owned(), seed::registry_id(seed::CENTRAL_REGISTRY))]);
        described(&world);
    }
    let world = with_registry(seed::CENTRAL_REGISTRY);
    let planned = blocked(&world, RECIPE, &[]);
    let finding = only_failed(&planned);
    assert!(
        text(finding).contains("in the resource group or the subscription"),
        "a name is not looked for elsewhere"
    );
}

#[test]
fn a_login_server_of_nobody_is_told_with_where_it_was_looked_for() {
    let planned = blocked(&with_registry("nobody.azurecr.io"), RECIPE, &[]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::RESOURCE);
    assert!(text(finding).contains("in 2 subscriptions of the tenant"), "{finding:?}");
    assert!(!text(finding).contains("not all"), "{finding:?}");

    // One that cannot be looked into is passed over, and that is told.
    let world = with_registry("nobody.azurecr.io").edited(|state| {
        let central = seed::central_subscription_id();
        state.role_assignments.retain(|_, one| !one.scope.eq_ignore_ascii_case(&central));
        let group = format!("{central}/resourceGroups/{}", seed::CENTRAL_GROUP);
        let owner = state.callers["owner"].principal.clone();
        seed::assign_role(state, &group, READER, &owner, START);
    });
    let planned = blocked(&world, RECIPE, &[]);
    let finding = only_failed(&planned);
    assert!(text(finding).contains("not all could be looked into: Sandbox Central"), "{finding:?}");
}

#[test]
fn input_combinations_that_do_not_fit_are_explained() {
    let cases: &[(&[&str], &str)] = &[
        (&["image_tag=1.0"], "image_name is not"),
        (&["image_name=python-demo"], "image_tag is not"),
        (&["image=python-demo"], "is no image of a registry"),
        (&["image=Python-Demo:1.0"], "is no image of a registry"),
        (&["image_name=python-demo:1.0", "image_tag=2.0"], "is no image of a registry"),
        (&["image=ghcr.io/acarecipe/python-demo:1.0"], "names the server ghcr.io"),
    ];
    for (parameters, said) in cases {
        let planned = blocked(&world(), RECIPE, parameters);
        let finding = only_failed(&planned);
        assert_eq!(finding.code, codes::PREREQUISITE);
        assert!(text(finding).contains(said), "{parameters:?}: {finding:?}");
        assert!(finding.fix.is_some(), "{parameters:?}");
    }
}

#[test]
fn a_registry_that_refuses_arm_tokens_stops_the_run() {
    let world = world().edited(|state| {
        registry(state, seed::REGISTRY).properties["policies"]["azureADAuthenticationAsArmPolicy"]["status"] =
            json!("disabled");
    });
    let planned = blocked(&world, RECIPE, &[]);
    let told = text(only_failed(&planned));
    assert!(
        told.contains("az acr config authentication-as-arm update --registry acrdemo --status enabled"),
        "{told}"
    );
}

#[test]
fn a_closed_network_is_a_warning_that_names_what_is_needed() {
    let closings: [fn(&mut Registry); 2] = [
        |registry| registry.properties["publicNetworkAccess"] = json!("Disabled"),
        |registry| registry.properties["networkRuleSet"]["defaultAction"] = json!("Deny"),
    ];
    for close in closings {
        let world = world().edited(|state| close(registry(state, seed::REGISTRY)));
        let run = works_and_stays(&world, RECIPE, &[]);
        let told = &run.planned.plan.prerequisites;
        let warned = told.iter().find(|one| one.status == Status::Warning).unwrap();
        for part in [
            "private endpoint",
            "privatelink.azurecr.io",
            "acrdemo.azurecr.io",
            "acrdemo.westeurope.data.azurecr.io",
        ] {
            assert!(text(warned).contains(part), "{part}: {warned:?}");
        }
    }
}

/// What was damaged, how, and the checks that fail of it.
type Drift = (&'static str, fn(&mut State), &'static [&'static str]);

const ENTRY: &str = "images of acrdemo.azurecr.io are pulled with the identity";
const ROLE: &str = "the identity may pull from acrdemo";

#[test]
fn each_thing_it_owns_is_missed_and_mended() {
    let drifts: &[Drift] = &[
        ("the entry is gone", |state| set_entries(state, json!([])), &[ENTRY]),
        (
            "another identity",
            |state| {
                variant::user_identity(state, &seed::identity_id(seed::IDENTITY));
                let other = seed::identity_id(seed::IDENTITY);
                set_entries(state, json!([{ "server": "acrdemo.azurecr.io", "identity": other }]));
            },
            &[ENTRY],
        ),
        (
            "a password is back",
            |state| {
                variant::plain_secret(state, "acr-password", "a-registry-password");
                let entry = json!({
                    "server": "acrdemo.azurecr.io", "username": "acrdemo", "passwordSecretRef": "acr-password",
                });
                set_entries(state, json!([entry]));
            },
            &[ENTRY],
        ),
        (
            "the role is gone",
            |state| {
                let scope = seed::registry_id(seed::REGISTRY);
                state.role_assignments.retain(|_, one| one.scope != scope);
            },
            &[ROLE],
        ),
    ];
    for (name, damage, checks) in drifts {
        let world = world();
        works_and_stays(&world, RECIPE, &[SYSTEM]);
        world.sandbox.edit(damage);
        let findings = world.verify(RECIPE, &[SYSTEM]);
        let failing: Vec<&str> = failed(&findings).iter().map(|one| one.name.as_str()).collect();
        assert_eq!(failing, *checks, "{name}: {findings:#?}");
        works_and_stays(&world, RECIPE, &[SYSTEM]);
        described(&world);
    }
}

#[test]
fn an_entry_with_an_identity_that_the_app_does_not_have_is_seen_before_the_write() {
    let world = world().edited(|state| {
        let stranger = seed::identity_id("id-of-somebody");
        set_entries(state, json!([{ "server": "other.azurecr.io", "identity": stranger }]));
    });
    let planned = blocked(&world, RECIPE, &[]);
    let finding = only_failed(&planned);
    assert_eq!(finding.code, codes::IDENTITY_MISSING);
    assert!(text(finding).contains("other.azurecr.io"), "{finding:?}");
    // One without an identity, as Azure returns it for a password, names none.
    let world = self::world().edited(|state| {
        variant::plain_secret(state, "token", "a-registry-password");
        let entry =
            json!({ "server": "ghcr.io", "username": "bot", "passwordSecretRef": "token", "identity": "" });
        set_entries(state, json!([entry]));
    });
    works_and_stays(&world, RECIPE, &[]);
}

#[test]
fn three_recipes_share_identity_and_template_write() {
    let world = world();
    let run = works_and_stays(&world, THREE, &[SECRET]);
    let sent: Vec<String> =
        writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(sent, ["PATCH", "PUT", "PUT", "PATCH"]);
    assert_eq!(run.applied.revisions.len(), 1);
    // Without the third nothing of it is touched.
    works_and_stays(&world, BOTH, &[SECRET]);
    assert_eq!(entry(&world, seed::REGISTRY)["identity"], "system");
}

const IMAGE: &str = "image=python-demo:2.0";

/// The digest of `python-demo:2.0` in a seeded registry.
fn digest(world: &World, name: &str) -> String {
    let state = world.sandbox.state();
    state.registry(name).unwrap().repositories[seed::REPOSITORY].tags["2.0"].clone()
}

/// Whether a registry was asked.
fn asked(world: &World) -> usize {
    world.sandbox.exchanges().iter().filter(|one| one.path == "/oauth2/exchange").count()
}

#[test]
fn a_tag_becomes_its_digest_and_is_told_with_it() {
    let world = world();
    let run = works_and_stays(&world, RECIPE, &[IMAGE]);
    let digest = digest(&world, seed::REGISTRY);
    assert_eq!(image(&world), format!("acrdemo.azurecr.io/python-demo@{digest}"));
    assert_eq!(run.applied.revisions.len(), 1);
    let step = run.planned.plan.steps.iter().find(|step| step.step == "run").unwrap();
    assert_eq!(step.why.as_deref(), Some(format!("the container runs python-demo:2.0 → {digest}").as_str()));
    let told = of_code(&run.planned.plan.prerequisites, codes::IMAGE);
    assert_eq!((told.status, told.detail.as_deref()), (Status::Passed, Some(digest.as_str())));
    let findings = run.findings();
    assert_eq!(of_code(&findings, codes::VERIFICATION).status, Status::Passed, "the pull has happened");
    let outputs = &run.ok().plan.outputs["container_registry"];
    assert_eq!(outputs["image"].as_str(), Some(image(&world).as_str()));
    assert_eq!(outputs["digest"].as_str(), Some(digest.as_str()));
    described(&world);

    // The same image in every other notation is in place.
    let server = "image=ACRdemo.azurecr.io/python-demo:2.0";
    let pinned = format!("image=python-demo@{digest}");
    let parts = format!("image_tag={digest}");
    for parameters in [
        &[server][..],
        &[pinned.as_str()],
        &["image_name=python-demo", "image_tag=2.0"],
        &["image_name=python-demo", parts.as_str()],
    ] {
        let planned = world.plan(RECIPE, parameters).unwrap().plan;
        assert!(!planned.blocked() && planned.writes.is_empty(), "{parameters:?}: {:#?}", planned.writes);
    }
    // `image` wins over the variables of a shell.
    let mut world = self::world();
    world.variables.insert("IMAGE_NAME".to_owned(), "python-demo".to_owned());
    world.variables.insert("IMAGE_TAG".to_owned(), "1.0".to_owned());
    works_and_stays(&world, RECIPE, &[IMAGE]);
    assert_eq!(image(&world), format!("acrdemo.azurecr.io/python-demo@{digest}"));
}

#[test]
fn a_tag_that_moved_and_an_image_that_was_changed_are_mended_in_one_revision() {
    let world = world();
    works_and_stays(&world, RECIPE, &[IMAGE]);
    let before = image(&world);
    world.sandbox.edit(|state| {
        let repository = registry(state, seed::REGISTRY).repositories.get_mut(seed::REPOSITORY).unwrap();
        let first = repository.tags["1.0"].clone();
        repository.tags.insert("2.0".to_owned(), first);
    });
    let findings = world.verify(RECIPE, &[IMAGE]);
    let failing: Vec<String> = failed(&findings).iter().map(|one| one.name.clone()).collect();
    assert_eq!(failing.len(), 1, "{findings:#?}");
    assert!(failing[0].starts_with("the container runs python-demo:2.0 →"), "{failing:?}");
    let run = works_and_stays(&world, RECIPE, &[IMAGE]);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (1, 1));
    assert_ne!(image(&world), before);

    let wanted = image(&world);
    world.sandbox.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["template"]["containers"][0]["image"] = json!(seed::IMAGE);
        let template = app.template().clone();
        app.revisions.last_mut().unwrap().template = template;
    });
    assert_eq!(failed(&world.verify(RECIPE, &[IMAGE])).len(), 1);
    works_and_stays(&world, RECIPE, &[IMAGE]);
    assert_eq!(image(&world), wanted);
}

#[test]
fn an_image_that_is_not_there_stops_the_run_before_the_first_write() {
    let missing = format!("image=python-demo@sha256:{}", "0".repeat(64));
    for (parameter, said) in [
        ("image=python-demo:9.9", "has no 9.9 (MANIFEST_UNKNOWN)"),
        (missing.as_str(), "(MANIFEST_UNKNOWN)"),
        ("image=no-such:1.0", "no-such"),
    ] {
        let planned = blocked(&world(), RECIPE, &[parameter]);
        let finding = only_failed(&planned);
        assert_eq!(finding.code, codes::IMAGE);
        assert!(text(finding).contains(said), "{finding:?}");
        assert!(
            text(finding).contains("az acr repository show-tags --name acrdemo --repository"),
            "{finding:?}"
        );
    }
}

/// The warning about a tag that could not be looked up.
#[track_caller]
fn by_tag(world: &World, parameters: &[&str], why: &str) {
    let planned = world.plan(RECIPE, parameters).unwrap().plan;
    assert!(!planned.blocked(), "{:#?}", failed(&planned.prerequisites));
    let warned: Vec<String> =
        planned.prerequisites.iter().filter(|one| one.status == Status::Warning).map(text).collect();
    let told = warned.iter().find(|one| one.contains("could not be found out"));
    let told = told.unwrap_or_else(|| panic!("{warned:#?}"));
    assert!(told.contains(why) && told.contains("@sha256:DIGEST"), "{told}");
    assert!(!told.contains("sandbox-"), "a token: {told}");
}

#[test]
fn a_registry_that_cannot_be_asked_leaves_the_image_by_tag_with_a_warning() {
    // The login server of a domain name label is another host than the name gives: nothing goes there.
    let labelled = with_registry(seed::ABAC_REGISTRY);
    by_tag(&labelled, &[IMAGE], "tokens go to acrabac.azurecr.io only");
    works_and_stays(&labelled, RECIPE, &[IMAGE]);
    assert_eq!(image(&labelled), seed::image_in(seed::ABAC_REGISTRY, "python-demo:2.0"));
    assert_eq!(asked(&labelled), 0);

    // So does one that somebody wrote into the resource.
    let moved = world().edited(|state| {
        registry(state, seed::REGISTRY).properties["loginServer"] = json!("evil.example");
    });
    by_tag(&moved, &[IMAGE], "its login server is evil.example");
    assert_eq!(asked(&moved), 0);

    // A closed network; a mode in which the caller has no role for the repository.
    let closed = world().edited(|state| {
        registry(state, seed::REGISTRY).properties["publicNetworkAccess"] = json!("Disabled");
    });
    by_tag(&closed, &[IMAGE], "acrdemo.azurecr.io: ");
    let abac = world().edited(|state| {
        registry(state, seed::REGISTRY).properties["roleAssignmentMode"] = json!("AbacRepositoryPermissions");
    });
    by_tag(&abac, &[IMAGE], "UNAUTHORIZED");
    works_and_stays(&abac, RECIPE, &[IMAGE]);
    assert_eq!(image(&abac), seed::image_in(seed::REGISTRY, "python-demo:2.0"));

    // A digest needs nobody's word.
    let pinned = format!("image=python-demo@{}", digest(&abac, seed::REGISTRY));
    let planned = abac.plan(RECIPE, &[pinned.as_str()]).unwrap().plan;
    assert!(
        planned.prerequisites.iter().all(|one| one.status != Status::Warning),
        "{:#?}",
        planned.prerequisites
    );
}

/// Both ways in which Azure tells of a pull that failed: the operation, or the revision that it made; and
/// the two words for a pull that was tried in vain until its time was over.
fn in_every_way() -> Vec<(&'static str, World)> {
    let mut worlds = vec![("as it is", World::new())];
    for flip in ["failed-pull-no-revision", "refused-identity-expires", "expired-says-why"] {
        worlds.push((flip, World::with(Switches::flip(flip).unwrap(), Vec::new())));
    }
    worlds
}

#[test]
fn a_wrong_tag_is_explained_and_the_failed_app_is_mended_by_applying_again() {
    for (name, world) in in_every_way() {
        // The caller may not ask the registry, the app may pull from it.
        world.sandbox.edit(|state| {
            let registry = registry(state, seed::REGISTRY);
            registry.properties["publicNetworkAccess"] = json!("Disabled");
            registry.private_for_apps = true;
        });
        let run = world.apply(RECIPE, &["image=python-demo:9.9"]);
        let (_, _, said) = failure(&run);
        assert!(said.contains("MANIFEST_UNKNOWN"), "{name}: {said}");
        assert!(
            said.contains("the identity may pull from acrdemo, but the image is not there"),
            "{name}: {said}"
        );
        assert!(said.contains("az acr repository show-tags --name acrdemo"), "{name}: {said}");
        works_and_stays(&world, RECIPE, &[IMAGE]);
        assert_eq!(image(&world), seed::image_in(seed::REGISTRY, "python-demo:2.0"), "{name}");
        assert_eq!(app(&world).provisioning_state, "Succeeded", "{name}");
    }
}

#[test]
fn a_role_that_is_not_in_force_is_explained_with_what_is_known_of_it() {
    for (name, world) in in_every_way() {
        let mut world = world;
        world.role_wait = Some(std::time::Duration::ZERO);
        let clock = std::sync::Arc::clone(&world.clock);
        let rules = Switches::flip(name).unwrap_or_default();
        let role = std::time::Duration::from_secs(45 * 60);
        let delays = Delays { role, ..Delays::realistic() };
        let options = Options { rules, delays, ..Options::new(std::sync::Arc::new(move || clock.now())) };
        world.sandbox = Sandbox::from_state(world.sandbox.state(), options);
        world.timeout = std::time::Duration::from_secs(2 * 60 * 60);
        let run = world.apply(RECIPE, &[IMAGE]);
        let (_, _, said) = failure(&run);
        let unauthorized = said.contains("UNAUTHORIZED") || name == "expired-says-why";
        assert!(unauthorized, "{name}: {said}");
        assert!(said.contains("the role AcrPull on acrdemo"), "{name}: {said}");
        assert!(said.contains("python-demo:2.0 is there (sha256:"), "{name}: {said}");
        // Once it is, the same command completes it.
        world.sandbox.edit(|state| {
            for assignment in state.role_assignments.values_mut() {
                assignment.in_force_from = assignment.created;
            }
        });
        works_and_stays(&world, RECIPE, &[IMAGE]);
    }
}

#[test]
fn who_may_what() {
    // The owner of the group sees nothing of the subscription; the registry is in the group.
    for name in [seed::REGISTRY.to_owned(), seed::login_server(seed::REGISTRY)] {
        let world = with_registry(&name).called_by("group-scoped");
        works_and_stays(&world, RECIPE, &[IMAGE]);
        assert_eq!(
            image(&world),
            format!("acrdemo.azurecr.io/python-demo@{}", digest(&world, seed::REGISTRY))
        );
        described(&world);
    }

    // A contributor may all but give roles, and is told the line for somebody who may.
    let contributor = || world().called_by("contributor");
    let planned = blocked(&contributor(), RECIPE, &[IMAGE]);
    assert!(text(only_failed(&planned)).contains("acarecipe apply managed-identity first"));
    let world = contributor();
    let planned = blocked(&world, RECIPE, &[IMAGE, EXISTING]);
    let told = text(only_failed(&planned));
    let line = format!(
        "az role assignment create --assignee-object-id {} --assignee-principal-type ServicePrincipal --role \
         AcrPull --scope {}",
        seed::IDENTITY_PRINCIPAL,
        seed::registry_id(seed::REGISTRY)
    );
    assert!(told.contains(&line), "{told}");
    world.sandbox.edit(|state| {
        let scope = seed::registry_id(seed::REGISTRY);
        seed::assign_role(state, &scope, ACR_PULL, seed::IDENTITY_PRINCIPAL, START);
    });
    works_and_stays(&world, RECIPE, &[IMAGE, EXISTING]);

    // Who may not see the registry is not told that it is missing.
    let planned = blocked(&self::world().called_by("app-scoped"), RECIPE, &[]);
    assert!(!planned.plan.unreadable.is_empty() && failed(&planned.plan.prerequisites).is_empty());

    // A reader is told all that is missing, and with nothing to change may apply and verify.
    let planned = blocked(&self::world().called_by("reader"), RECIPE, &[IMAGE]);
    let missing: Vec<String> = failed(&planned.plan.prerequisites).into_iter().map(text).collect();
    assert!(missing.iter().any(|one| one.contains("roleAssignments/write")), "{missing:#?}");
    assert!(missing.iter().any(|one| one.contains("containerApps/write")), "{missing:#?}");
    let world = self::world();
    works_and_stays(&world, RECIPE, &[IMAGE]);
    let world = world.called_by("reader");
    assert!(works_and_stays(&world, RECIPE, &[IMAGE]).applied.writes.is_empty());
}

#[test]
fn no_token_and_no_password_is_told() {
    let world = world().edited(|state| {
        variant::plain_secret(state, "acr-password", "a-registry-password");
        let own = json!({
            "server": "acrdemo.azurecr.io", "username": "acrdemo", "passwordSecretRef": "acr-password",
        });
        set_entries(state, json!([own]));
    });
    let run = works_and_stays(&world, RECIPE, &[IMAGE]);
    let mut secrets = vec!["a-registry-password".to_owned(), "sandbox-owner".to_owned()];
    for exchange in world.sandbox.exchanges().iter().filter(|one| one.path.starts_with("/oauth2/")) {
        let body = exchange.response_body.as_ref().unwrap();
        let token = body["refresh_token"].as_str().or_else(|| body["access_token"].as_str());
        secrets.push(token.unwrap().to_owned());
    }
    assert!(secrets.len() > 4, "{secrets:?}");
    let told = format!(
        "{:?} {:?} {:?} {:?}",
        world.seen.events.lock().unwrap(),
        world.seen.writes.lock().unwrap(),
        run.planned.plan,
        run.findings()
    );
    for secret in &secrets {
        assert!(!told.contains(secret.as_str()), "{secret}");
    }
}
