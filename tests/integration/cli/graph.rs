//! The map of the catalogue, and what of it is in place on an app.

use serde_json::{Value as Json, json};

use super::place::Place;

/// The catalogue's map: who follows whom. What is not after anything follows the app as it is.
const MAP: [(&str, &str); 16] = [
    ("baseline", "custom-container"),
    ("baseline", "dapr-integration"),
    ("baseline", "easy-auth"),
    ("baseline", "jobs"),
    ("baseline", "managed-identity"),
    ("baseline", "mtls-client-certificates"),
    ("baseline", "native-dependencies"),
    ("baseline", "redis"),
    ("baseline", "revision-validation"),
    ("baseline", "storage"),
    ("managed-identity", "azure-sql"),
    ("managed-identity", "container-registry"),
    ("managed-identity", "cosmos-db"),
    ("managed-identity", "key-vault-reference"),
    ("revision-validation", "custom-domains"),
    ("storage", "bring-your-own-storage"),
];

/// What `graph --live -o json` says of the sandbox's app.
fn live(place: &Place, more: &[&str]) -> Json {
    place.run([&["graph", "--live", "--sandbox", "-o", "json"][..], more].concat()).code(0).json()
}

#[test]
fn the_map_is_the_catalogues() {
    let map = Place::new().line("graph -o json").code(0).json();
    let mut edges: Vec<(String, String)> = serde_json::from_value(map["edges"].clone()).unwrap();
    edges.sort();
    assert_eq!(edges.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>(), MAP);
    let nodes: Vec<String> = serde_json::from_value(map["nodes"].clone()).unwrap();
    assert_eq!(nodes.len(), MAP.len() + 1, "{nodes:?}");
}

#[test]
fn recipes_are_chosen_by_bottleneck() {
    let named = |goal: &str| -> Vec<String> {
        let list = Place::new().run(["list", "--for", goal, "--query", "[].name"]).code(0).json();
        serde_json::from_value(list).unwrap()
    };
    let (safety, security, velocity) = (named("safety"), named("security"), named("velocity"));
    assert!(safety.contains(&"revision-validation".to_owned()), "{safety:?}");
    for one in ["managed-identity", "key-vault-reference"] {
        assert!(security.contains(&one.to_owned()), "{security:?}");
    }
    for one in ["azure-sql", "cosmos-db", "redis", "storage"] {
        assert!(velocity.contains(&one.to_owned()), "{velocity:?}");
    }
    assert!(!safety.contains(&"redis".to_owned()) && !velocity.contains(&"revision-validation".to_owned()));
}

#[test]
fn what_is_in_place_is_told_recipe_by_recipe() {
    let place = Place::new();
    let before = live(&place, &[]);
    assert_eq!(before["sandbox"], json!(true));
    assert_eq!(before["live"]["managed-identity"], json!({ "state": "absent" }));
    assert_eq!(before["live"]["redis"]["state"], json!("absent"));
    // What nobody set is what is missing.
    let vault = &before["live"]["key-vault-reference"];
    assert_eq!(vault["state"], json!("missing"));
    assert!(vault["reasons"][0].as_str().unwrap().contains("`secrets`"), "{vault}");
    // Every recipe on the map is told of, and nothing was written by looking.
    let nodes = before["nodes"].as_array().unwrap();
    assert_eq!(before["live"].as_object().unwrap().len(), nodes.len() - 1);
    assert_eq!(live(&place, &[])["live"], before["live"]);

    let _ = place.line("apply redis --sandbox").code(0);
    let after = live(&place, &["-p", "key-vault-reference.secrets.DB_PASSWORD=db-password"]);
    assert_eq!(after["live"]["redis"], json!({ "state": "in-place" }));
    // What redis requires is in place by that; what nobody applied is as it was.
    assert_eq!(after["live"]["managed-identity"], json!({ "state": "in-place" }));
    assert_eq!(after["live"]["key-vault-reference"], json!({ "state": "absent" }));
    assert_eq!(after["live"]["azure-sql"], before["live"]["azure-sql"]);

    let text = place.line("graph --live --sandbox").code(0).stdout;
    let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    assert!(line(" redis ").ends_with("✓ in place"), "{text}");
    assert!(line(" azure-sql ").ends_with("not in place"), "{text}");
    assert!(text.starts_with("AzureCloud") && text.contains("[sandbox]"), "{text}");
    let drawn = place.line("graph --live --sandbox --format mermaid").code(0).stdout;
    assert!(drawn.contains("    redis[\"redis<br>✓ in place\"]\n"), "{drawn}");
}

#[test]
fn half_of_a_recipe_is_told_as_half() {
    let place = Place::new();
    let _ = place.line("apply key-vault-reference --sandbox -p secrets.A=db-password").code(0);
    let both = ["-p", "key-vault-reference.secrets={\"A\": \"db-password\", \"B\": \"api-key\"}"];
    let vault = &live(&place, &both)["live"]["key-vault-reference"];
    assert_eq!(vault, &json!({ "state": "partly", "inPlace": 2, "of": 3 }));
}

/// A recipe of `--recipes` that asks for a name, as nobody but its author wanted it.
fn strange(name: &str, rest: &str) -> String {
    format!(
        "name: {name}\ntitle: Strange\ncategory: test\ncomplexity: low\n{rest}prerequisites: [{{ that: \"${{asked.records}}\", otherwise: o }}]\n"
    ) + &format!(
        "existing: {{ asked: {{ dns: {{ name: {name}.contoso.example, type: TXT }} }} }}\nsteps: [{{ id: tag, why: w, container_app: {{ tags: {{ {name}: b }} }} }}]\n"
    )
}

/// What `-vv` tells of names that were asked for.
fn asked(place: &Place, line: &str, name: &str) -> (Json, bool, String) {
    let outcome = place.line(&format!("{line} -o json -v")).code(0);
    let json = outcome.json();
    let told = outcome.stderr.contains(&format!("{name}.contoso.example"));
    (json, told, outcome.stderr)
}

#[test]
fn a_recipe_that_is_not_built_in_is_looked_at_only_when_it_is_named() {
    let place = Place::new();
    place.write("strange/first/recipe.yaml", strange("first", ""));
    place.write("strange/second/recipe.yaml", strange("second", "requires: [first]\n"));
    let unknown = json!({ "state": "unknown", "reasons": ["not built in; name it"] });
    let (map, told, stderr) = asked(&place, "graph --live --sandbox --recipes strange", "first");
    assert!(!told, "{stderr}");
    assert_eq!(map["live"]["first"], unknown);
    assert_eq!(map["live"]["second"], unknown);
    assert_eq!(map["live"]["managed-identity"]["state"], json!("absent"));
    assert_eq!(map["foreignRecipes"], Json::Null);

    let (map, told, stderr) = asked(&place, "graph first --live --sandbox --recipes strange", "first");
    assert!(told && !stderr.contains("second.contoso.example"), "{stderr}");
    assert_eq!(map["live"]["first"]["state"], json!("missing"));
    assert_eq!(map["live"]["second"], unknown);
    let foreign = map["foreignRecipes"][0].as_str().unwrap();
    assert!(
        foreign.starts_with("first is not built in; it comes from ") && foreign.ends_with("first"),
        "{foreign}"
    );
    assert!(stderr.find(foreign).unwrap() < stderr.find("first.contoso.example").unwrap(), "{stderr}");

    // What it requires is named with it.
    let (map, told, _) = asked(&place, "graph second --live --sandbox --recipes strange", "first");
    assert!(told);
    assert_eq!(map["live"]["first"], unknown);
    assert_eq!(map["foreignRecipes"].as_array().unwrap().len(), 2);
}

/// In the place of a built-in recipe it is what others require.
#[test]
fn what_a_built_in_recipe_requires_may_be_a_strangers() {
    let place = Place::new();
    place.write("strange/managed-identity/recipe.yaml", strange("managed-identity", ""));
    let live = live(&place, &["--recipes", "strange", "--allow-override"]);
    assert_eq!(live["live"]["managed-identity"]["reasons"][0], json!("not built in; name it"));
    let redis = &live["live"]["redis"];
    assert_eq!(redis["reasons"][0], json!("managed-identity is not built in; name it"), "{redis}");
}

#[test]
fn names_are_asked_of_the_resolver_that_is_given() {
    let outcome = Place::new().line("graph --live --resolver x.example").code(2);
    assert!(outcome.stderr.contains("--resolver x.example"), "{}", outcome.stderr);
    let outcome = Place::new().line("graph nobodys --live --sandbox").code(2);
    assert!(outcome.stderr.contains("nobodys"), "{}", outcome.stderr);
    let outcome = Place::new().line("graph redis").code(2);
    assert!(outcome.stderr.contains("--live"), "{}", outcome.stderr);
}

#[test]
fn without_an_app_there_is_nothing_to_tell() {
    let outcome = Place::new().line("graph --live --sandbox -n ca-none -o json").code(3);
    assert_eq!(outcome.json()["status"], json!("prerequisites-missing"));
    assert!(outcome.json()["verification"].as_array().is_none_or(Vec::is_empty));
    let outcome = Place::new().line("graph --live").code(3);
    assert!(outcome.stderr.contains("export RG="), "{}", outcome.stderr);
}

#[test]
fn the_map_alone_takes_no_app() {
    let outcome = Place::new().line("graph --sandbox").code(2);
    assert!(outcome.stderr.contains("graph --live"), "{}", outcome.stderr);
    let outcome = Place::new().line("graph --live --sandbox -p nobodys=secret-text").code(2);
    assert!(outcome.stderr.contains("`nobodys`") && !outcome.stderr.contains("secret-text"));
}
