//! Recipes that work on an environment or a resource group: no app is asked for, looked at or judged.

use super::place::Place;

/// An identity in the region of what the run works on.
fn recipe(name: &str, target: &str, verify: &str) -> String {
    format!(
        "name: {name}\ntitle: T\ncategory: test\ncomplexity: low\ntarget: {target}
existing:
  made: {{ type: Microsoft.ManagedIdentity/userAssignedIdentities, name: id-{name}, optional: true }}
steps:
  - id: identity
    why: there is an identity
    resource: {{ type: Microsoft.ManagedIdentity/userAssignedIdentities, name: id-{name}, body: {{ location: \"${{target.location}}\" }} }}
verify:
  - {{ that: \"${{{verify}}}\", name: it is there, otherwise: it is not }}
outputs: {{ group: \"${{target.resource_group}}\" }}\n"
    )
}

fn place() -> Place {
    let place = Place::new();
    let environment = "environment.properties.provisioningState == 'Succeeded' && made";
    place.write("mine/of-env/recipe.yaml", recipe("of-env", "environment", environment));
    place.write(
        "mine/of-group/recipe.yaml",
        recipe("of-group", "resource_group", "made.properties.principalId"),
    );
    place
}

const MINE: &str = "--recipes mine --sandbox";

#[test]
fn the_whole_way_without_an_app() {
    for (recipe, environment) in [("of-env", Some("cae-demo")), ("of-group", None)] {
        let place = place();
        for command in ["check", "plan", "apply --yes", "verify"] {
            let line = format!("{command} {recipe} {MINE} -v");
            let outcome = place.line(&line).code(0);
            let told = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!told.contains("/containerApps") && !told.contains(", app "), "{told}");
            assert!(!told.contains("ca-demo") && !told.to_lowercase().contains("revision ca"), "{told}");
            let place =
                environment.map_or("group rg-demo, as".to_owned(), |name| format!("environment {name}, as"));
            assert!(told.contains(&place), "{told}");
        }
        let json = place.line(&format!("apply {recipe} {MINE} --yes -o json")).code(0).json();
        assert!(json["target"]["app"].is_null(), "{json:#}");
        assert_eq!(json["target"]["environment"].as_str(), environment);
        assert_eq!((json["counts"]["writes"].as_u64(), json["app"].is_null()), (Some(0), true), "{json:#}");
        let names: Vec<&str> = json["verification"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["there is an identity", "it is there"], "no health of an app");
        assert!(place.line("sandbox show").code(0).stdout.contains("westeurope"));
    }
}

/// A run of recipes has the widest need.
#[test]
fn beside_a_recipe_of_an_app_an_app_is_needed() {
    let place = place();
    let json =
        place.line(&format!("apply of-env of-group managed-identity {MINE} --yes -o json")).code(0).json();
    assert_eq!(json["target"]["app"], "ca-demo");
    assert!(json["target"]["environment"].is_null());
    let names = json["verification"].to_string();
    assert!(names.contains("revision ca-demo") && names.contains("there is an identity"), "{names}");
}

#[test]
fn what_is_not_needed_is_not_asked_for() {
    let place =
        place().with("AZURE_SUBSCRIPTION_ID", "11111111-1111-4111-8111-111111111111").with("RG", "rg");
    for (recipes, wanted, unwanted) in [
        ("of-env", "export ENVIRONMENT_NAME=", "APP_NAME"),
        ("of-group managed-identity", "export APP_NAME=", "ENVIRONMENT_NAME"),
        ("of-env of-group", "export ENVIRONMENT_NAME=", "APP_NAME"),
    ] {
        let outcome = place.line(&format!("plan {recipes} --recipes mine")).code(3);
        assert!(outcome.stderr.contains(wanted) && !outcome.stderr.contains(unwanted), "{}", outcome.stderr);
    }
    // Here nothing of the target is missing: what is, is a credential.
    let outcome = place.line("plan of-group --recipes mine");
    assert!(
        !outcome.stderr.contains("APP_NAME") && !outcome.stderr.contains("ENVIRONMENT_NAME"),
        "{}",
        outcome.stderr
    );
    // A wrong input has no app asked for either.
    let outcome = place.line("plan of-env --recipes mine -p of-env.nothing=1");
    assert!(outcome.stderr.contains("nothing") && !outcome.stderr.contains("APP_NAME"), "{}", outcome.stderr);
}

#[test]
fn an_environment_that_is_not_there_is_told_once_with_its_fix() {
    for (command, code) in [("check", 3), ("plan", 3), ("apply --yes", 3), ("verify", 3)] {
        let place = place();
        let outcome = place.line(&format!("{command} of-env {MINE} --environment nope")).code(code);
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(told.contains("environment nope") && told.contains("az containerapp env list"), "{told}");
        assert_eq!(told.matches('✗').count(), 1 + usize::from(told.contains("marked ✗")), "{told}");
    }
}

/// Its cases run without an app, too.
#[test]
fn cases_of_such_a_recipe() {
    let place = place();
    place.write(
        "mine/of-env/tests.yaml",
        "cases:
  - { name: fresh, expect: { writes: 1, revisions: 0 } }
  - { name: no app at all, given: { state: [{ remove: \"apps[ca-demo]\" }] }, expect: { writes: 1 } }
  - { name: another place, target: { environment: nope }, expect: { status: prerequisites-missing } }
",
    );
    let outcome = place.line("test mine/of-env");
    assert_eq!(outcome.code, Some(0), "{}{}", outcome.stdout, outcome.stderr);
}
