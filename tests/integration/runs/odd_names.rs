//! Names that come from elsewhere, in every input of every recipe: each is one segment of the path that it is meant in,
//! or nothing is asked with it.
//!
//! Every day each value meets each recipe, at one of its inputs or another, by turns; with `ACARECIPE_ALL_FAULTS` in
//! the environment all of them meet those inputs that are required, and a quarter of them every other.

use std::collections::BTreeSet;

use acarecipe::azure::ClientEvent;
use acarecipe::execute::Event;
use acarecipe::plan::Selection;
use acarecipe::recipe::{Asked, Catalogue, Shape, bind};

use crate::support::say;
use crate::support::world::World;

/// What a name would be that leads elsewhere: each has `evil` where it would come to stand alone.
const ODD: &[&str] = &[
    "x/evil",
    "x/../evil",
    "../evil",
    "..",
    ".",
    "//evil",
    "/evil",
    "x/evil/y/evil",
    "x%2fevil",
    "%2e%2e%2fevil",
    "x?evil",
    "x?a=b&evil=c",
    "x#evil",
    r"x\evil",
    r"..\..\evil",
    "x evil",
    "x\nevil",
    "x\tevil",
    "x;evil",
    "@evil",
    "x@evil",
    "x:y:evil",
    "x' or evil eq 'x",
    "x\"evil\"",
    "é\u{301}vil",
    "\u{202e}evil",
    "\u{200b}",
    "ｘ／evil",
    "x\u{0}evil",
    "*",
    "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg-demo/../evil",
    "/subscriptions/11111111-1111-4111-8111-111111111111/evil",
    "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg-demo/providers/Microsoft.App/x?evil",
    "https://evil.example/x",
    "evil.example",
    "acrdemo.azurecr.io/x/../evil",
    "acrdemo.azurecr.io.evil.example",
    "acrdemo.azurecr.io@evil.example/x:1",
    "evil.example/python-demo:1",
];

/// What the recipes need beside the one that is odd.
const GIVEN: &[(&str, &[&str])] = &[
    ("azure-sql", &["sql_server=sql-demo", "sql_database=appdb"]),
    ("bring-your-own-storage", &["storage_account=stdemo"]),
    ("container-registry", &["acr_name=acrdemo", "image=python-demo:2.0"]),
    ("cosmos-db", &["cosmos_account=cosmos-demo", "cosmos_database=appdb", "cosmos_container=items"]),
    ("custom-container", &["acr_name=acrdemo", "image=python-demo:2.0"]),
    (
        "custom-domains",
        &["custom_domain=shop.contoso.example", "dns_zone=contoso.example", "dns_rg=rg-shared"],
    ),
    ("dapr-integration", &[]),
    ("easy-auth", &["client_id=55555555-5555-4555-8555-555555555555"]),
    ("jobs", &["job_name=job-demo", "image=ghcr.io/acarecipe/sidecar:2.0"]),
    ("key-vault-reference", &["key_vault=kv-demo", "secrets.DB_PASSWORD=db-password"]),
    ("managed-identity", &[]),
    ("mtls-client-certificates", &[]),
    ("native-dependencies", &["acr_name=acrdemo"]),
    ("redis", &["redis_name=redis-demo"]),
    ("revision-validation", &["image=ghcr.io/acarecipe/python-demo:2.0"]),
    ("storage", &["storage_account=stdemo"]),
];

/// Whether everything is looked at.
fn all() -> bool {
    std::env::var_os("ACARECIPE_ALL_FAULTS").is_some()
}

/// The inputs of a recipe that take text, each with how one is given.
fn inputs(catalogue: &Catalogue, recipe: &str) -> Vec<(String, &'static str)> {
    let recipe = catalogue.get(recipe).unwrap();
    let mut found = Vec::new();
    for (name, input) in &recipe.inputs {
        match &input.shape {
            Shape::String if !input.secret && input.one_of.is_empty() => {
                found.push((name.clone(), "NAME=VALUE"));
            }
            Shape::List(of) if **of == Shape::String => found.push((name.clone(), "NAME=[VALUE]")),
            Shape::Map(of) if **of == Shape::String && !input.secret => {
                found.push((name.clone(), "NAME.KEY=VALUE"));
            }
            _ => {}
        }
    }
    found
}

/// The selection, where the inputs take what is given.
fn selected(world: &World, catalogue: &Catalogue, recipe: &str, parameters: &[String]) -> Option<Selection> {
    let asked = Asked { recipe: recipe.to_owned(), ..Asked::default() };
    let instances = catalogue.instances(&[asked]).unwrap();
    let inputs = bind(&instances, parameters, world).ok()?;
    Some(Selection { instances, inputs })
}

/// The parts of a path, as the server reads them.
fn segments(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(str::to_owned).collect()
}

#[track_caller]
fn nothing_leads_elsewhere(what: &str, world: &World) {
    for event in world.seen.events.lock().unwrap().iter() {
        if let Event::Client(ClientEvent::Sent { path, .. }) = event {
            for escape in ["%2f", "%5c", "%2e", "%3f", "%23", "%25", "%00", "%0a"] {
                assert!(!path.to_lowercase().contains(escape), "{what}: {path}");
            }
            for segment in segments(path) {
                let own = !segment.is_empty() && segment != "." && segment != "..";
                assert!(own && segment != "evil", "{what}: {path}");
            }
        }
        if let Event::LookedUp { name, .. } = event {
            // A wildcard is a name in DNS, and nothing else.
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._*".contains(c);
            assert!(name.chars().all(plain), "{what}: {name}");
        }
    }
    for exchange in world.sandbox.exchanges() {
        for (name, value) in &exchange.query {
            assert!(!name.contains("evil"), "{what}: {name}={value}");
            if name == "$filter" {
                let mut outside = String::new();
                let mut within = false;
                for c in value.chars() {
                    within ^= c == '\'';
                    if !within {
                        outside.push(c);
                    }
                }
                assert!(!within && !outside.contains("evil"), "{what}: {value}");
            }
        }
    }
}

/// One recipe of each `of` stays in each part, so that they share the cores.
fn odd_names(part: usize, of: usize) {
    let catalogue = Catalogue::built_in().unwrap();
    let names: BTreeSet<&str> = catalogue.recipes().map(|recipe| recipe.name.value.as_str()).collect();
    assert_eq!(names, GIVEN.iter().map(|(name, _)| *name).collect());
    let (mut plans, mut refused, mut inputs_seen, mut sent) = (0, 0, 0, 0);
    for (recipe, given) in GIVEN.iter().skip(part).step_by(of) {
        let inputs = inputs(&catalogue, recipe);
        let of_inputs = inputs.len().max(1);
        for (at, (input, form)) in inputs.into_iter().enumerate() {
            inputs_seen += 1;
            let required = given.iter().any(|one| one.starts_with(&format!("{input}=")));
            let turn = |value: usize| {
                if all() { required || value % 4 == at % 4 } else { value % of_inputs == at % of_inputs }
            };
            let values = ODD.iter().enumerate().filter(|(value, _)| turn(*value));
            let long = "x".repeat(5_000);
            for value in values.map(|(_, value)| *value).chain(["", long.as_str()]) {
                let mut parameters: Vec<String> = given
                    .iter()
                    .filter(|one| {
                        !one.starts_with(&format!("{input}=")) && !one.starts_with(&format!("{input}."))
                    })
                    .map(|one| format!("{recipe}.{one}"))
                    .collect();
                let value = if form.contains('[') {
                    serde_json::json!([value]).to_string()
                } else {
                    value.to_owned()
                };
                let parameter =
                    form.replace("[VALUE]", "VALUE").replace("NAME", &input).replace("VALUE", &value);
                parameters.push(format!("{recipe}.{parameter}"));
                let mut world = World::new();
                // Nothing but what is given.
                world.variables.clear();
                let what: String = format!("{recipe} {parameters:?}").chars().take(400).collect();
                let Some(selection) = selected(&world, &catalogue, recipe, &parameters) else {
                    refused += 1;
                    continue;
                };
                // Whatever comes of it: a plan, or a failure that is told.
                let _ = world.plan_of(&selection);
                plans += 1;
                sent += world.count();
                nothing_leads_elsewhere(&what, &world);
            }
        }
    }
    say!("odd names: {inputs_seen} inputs, {plans} plans with {sent} requests, {refused} refused before");
    assert!(plans > 30 && refused > 10 && sent > 200);
}

#[test]
fn odd_names_stay_in_their_place_1() {
    odd_names(0, 3);
}

#[test]
fn odd_names_stay_in_their_place_2() {
    odd_names(1, 3);
}

#[test]
fn odd_names_stay_in_their_place_3() {
    odd_names(2, 3);
}

/// The same from a recipe of a stranger, in every place of a lookup, a step and an action.
#[test]
fn odd_names_in_a_recipe_stay_in_their_place() {
    let (mut plans, mut requests) = (0, 0);
    for (turn, odd) in ODD.iter().enumerate() {
        let value = serde_json::Value::from(*odd).to_string();
        let head = format!(
            "name: odd\ntitle: T\ncategory: test\ncomplexity: low\ninputs:\n  odd: {{ default: {value} }}\n"
        );
        let tag = "steps:\n  - id: tag\n    why: a tag\n    container_app: { tags: { a: \"${found.name || 'none'}\" } }\n";
        for (at, lookup) in [
            "{ type: Microsoft.KeyVault/vaults, name: \"${inputs.odd}\", optional: true }",
            "{ type: Microsoft.KeyVault/vaults, name: kv-demo, resource_group: \"${inputs.odd}\", optional: true }",
            "{ type: Microsoft.KeyVault/vaults, resource_group: \"${inputs.odd}\", list: true, optional: true }",
            "{ type: Microsoft.KeyVault/vaults, name: \"${inputs.odd}\", search: subscription, optional: true }",
            "{ type: Microsoft.App/containerApps/revisions, name: \"${inputs.odd}\", parent: \"${app.id}\", optional: true }",
            "{ type: Microsoft.ContainerRegistry/registries, name: \"${inputs.odd}\", search: subscription, optional: true }",
            "{ dns: { name: \"${inputs.odd}\", type: TXT } }",
        ]
        .into_iter()
        .enumerate()
        {
            // Every day each value in one or two of the places.
            if !all() && turn % 4 != at % 4 {
                continue;
            }
            let text = format!("{head}existing:\n  found: {lookup}\n{tag}");
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("odd")).unwrap();
            std::fs::write(folder.path().join("odd/recipe.yaml"), &text).unwrap();
            let world = World::new();
            // One that is refused where it is read asks nothing either.
            let Ok(catalogue) = Catalogue::load(&[folder.path().to_owned()], false) else { continue };
            if let Some(selection) = selected(&world, &catalogue, "odd", &[]) {
                let _ = world.plan_of(&selection);
                nothing_leads_elsewhere(&format!("{odd:?} in {lookup}"), &world);
                plans += 1;
                requests += world.count();
            }
        }
    }
    assert!(plans > ODD.len() / 2 && requests > 3 * plans, "{plans} plans, {requests} requests");
}

/// What an app says of itself is foreign, too: the name of its revision enters a path.
#[test]
fn names_that_azure_tells_stay_in_their_place() {
    for odd in ODD.iter().step_by(if all() { 1 } else { 3 }) {
        let world = World::new().edited(|state| {
            let app = state.app_mut(acarecipe::sandbox::seed::APP).unwrap();
            app.model["properties"]["environmentId"] = serde_json::json!(odd);
            app.model["properties"]["managedEnvironmentId"] = serde_json::json!(odd);
            if let Some(revision) = app.revisions.last_mut() {
                revision.name = (*odd).to_owned();
            }
        });
        let selection =
            world.selection(&["managed-identity", "storage"], &["storage.storage_account=stdemo"]);
        let _ = world.plan_of(&selection);
        nothing_leads_elsewhere(&format!("{odd:?}"), &world);
        assert!(world.count() > 3, "{odd:?}: {} requests", world.count());
    }
}
