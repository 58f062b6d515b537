//! What two recipes cannot both have, and what they can.

use acarecipe::azure::types::{self, ResourceType};
use acarecipe::diagnostic::{Diagnostic, codes};
use acarecipe::merge::{Claim, claims, merge, merge_all};
use acarecipe::plan::Plan;
use acarecipe::sandbox::seed;
use acarecipe::value::Value;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value as Json, json};

use super::super::support::world::{World, writes};
use super::generated::apps;
use super::{app, folder, variable, works_and_stays};

/// A step on the app's own container.
fn container(id: &str, members: &str) -> String {
    format!(
        "  - id: {id}\n    container_app: {{ template: {{ containers: [{{ name: \"${{container.name}}\", {members} }}] }} }}\n"
    )
}

/// The plan of these two recipes, each given by its steps, in both orders, which must be one.
#[track_caller]
fn planned(one: &str, two: &str) -> (World, Plan) {
    let text = |steps: &str| format!("requires: []\nsteps:\n{steps}");
    let folder = folder(&[("one", &text(one)), ("two", &text(two))]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let plan = world.plan(&["one", "two"], &[]).unwrap().plan;
    let other = world.plan(&["two", "one"], &[]).unwrap().plan;
    let messages = |plan: &Plan| plan.problems.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
    assert_eq!(messages(&plan), messages(&other));
    // The recipes' files are read; the folder may go.
    drop(folder);
    (world, plan)
}

/// The one conflict between two recipes, which names both by file and line.
#[track_caller]
fn conflict(one: &str, two: &str) -> Diagnostic {
    let (world, plan) = planned(one, two);
    assert_eq!(plan.problems.len(), 1, "{:#?}", plan.problems);
    let problem = plan.problems[0].clone();
    assert_eq!(problem.code, codes::CONFLICT);
    assert!(plan.blocked() && plan.contradicts_itself());
    assert!(problem.fix.is_some());
    let files: Vec<&str> = problem.labels.iter().map(|label| label.source.name.as_str()).collect();
    assert!(
        files.len() == 2 && files[0].contains("one/recipe.yaml") && files[1].contains("two/recipe.yaml"),
        "{files:?}"
    );
    assert!(problem.labels[0].text.starts_with("one: ") && problem.labels[1].text.starts_with("two: "));
    assert!(writes(&world.sandbox.exchanges()).is_empty());
    problem
}

/// What the two labels of a conflict point at.
fn pointed(problem: &Diagnostic) -> Vec<&str> {
    problem.labels.iter().map(|label| &label.source.text[label.span.start..label.span.end]).collect()
}

/// Both can be had, in one write.
#[track_caller]
fn agree(one: &str, two: &str) -> (World, Plan) {
    let (world, plan) = planned(one, two);
    assert!(plan.problems.is_empty(), "{:#?}", plan.problems);
    (world, plan)
}

#[test]
fn one_value_is_owned_by_both_and_shown_once() {
    let one = container("a", "env: [{ name: X, value: \"1\" }]")
        .replace("    container_app", "    why: for one\n    container_app");
    let two = container("b", "env: [{ name: X, value: 1 }]")
        .replace("    container_app", "    why: for two\n    container_app");
    let (_, plan) = agree(&one, &two);
    assert_eq!(plan.writes.len(), 1);
    let report = acarecipe::report::PlanReport::new(&plan, Vec::new());
    let leaves = &report.writes[0].changes;
    assert_eq!(leaves.len(), 1, "{leaves:#?}");
    assert_eq!(leaves[0].why, ["for one", "for two"]);
}

#[test]
fn two_values_of_one_variable_are_told_with_both_lines() {
    let problem = conflict(
        &container("a", "env: [{ name: X, value: first }]"),
        &container("b", "env: [{ name: X, value: second }]"),
    );
    assert_eq!(
        problem.message,
        "template.containers[ca-demo].env[X].value is given different values by one and two"
    );
    assert_eq!(pointed(&problem), ["first", "second"]);
    assert_eq!(problem.labels[0].text, "one: wants \"first\"");
    assert_eq!(problem.fix.as_deref(), Some("leave one of them out: `one` or `two`"));
}

#[test]
fn what_cannot_be_had_together_is_a_conflict() {
    let tags = |value: &str| format!("  - id: tag\n    container_app: {{ tags: {value} }}\n");
    let variables = |list: &str| container("set", &format!("env: {list}"));
    let ids = |case: &str, value: &str| {
        format!(
            "  - id: i\n    container_app: {{ identity: {{ userAssignedIdentities: {{ \"/subscriptions/{{s}}/{case}\": {value} }} }} }}\n"
        )
    };
    let registry = |server: &str, identity: &str| {
        format!(
            "  - id: r\n    container_app: {{ configuration: {{ registries: [{{ server: {server}, identity: {identity} }}] }} }}\n"
        )
    };
    let pairs = [
        // `delete` against a value, beside it, above it and below it.
        (tags("{ a: x }"), tags("{ a: { $patch: delete } }")),
        (tags("{ a: x }"), tags("{ $patch: delete }")),
        (variables("[{ name: X, value: x }]"), variables("[{ name: X, value: { $patch: delete } }]")),
        (variables("[{ name: X, value: x }]"), variables("{ $patch: delete }")),
        // `replace` against what is not in it, or is in it otherwise.
        (tags("{ a: x }"), tags("{ $patch: replace, value: { b: y } }")),
        (tags("{ a: x }"), tags("{ $patch: replace, value: { a: y } }")),
        (
            variables("[{ name: X, value: x }]"),
            variables("{ $patch: replace, value: [{ name: Y, value: y }] }"),
        ),
        (
            variables("{ $patch: replace, value: [] }"),
            variables("{ $patch: replace, value: [{ name: Y, value: y }] }"),
        ),
        // Two members of which only one may be set.
        (variables("[{ name: X, value: x }]"), variables("[{ name: X, secretRef: x }]")),
        (variables("[{ name: X, value: \"\" }]"), variables("[{ name: X, secretRef: x }]")),
        (
            variables("{ $patch: replace, value: [{ name: X, value: x }] }"),
            variables("[{ name: X, secretRef: x }]"),
        ),
        // `claim` is a value like any other.
        (tags("{ a: { $patch: claim, value: x } }"), tags("{ a: y }")),
        // Spelled otherwise, the same.
        (tags("{ Team: x }"), tags("{ team: y }")),
        (registry("x.registry.example", "system"), registry("X.Registry.Example", "other")),
        (ids("id-A", "{}"), ids("ID-a", "{ $patch: delete }")),
    ];
    for (one, two) in &pairs {
        conflict(one, two);
        conflict(two, one);
    }
}

#[test]
fn what_can_be_had_together_is_none() {
    let tags = |value: &str| format!("  - id: tag\n    container_app: {{ tags: {value} }}\n");
    let variables = |list: &str| container("set", &format!("env: {list}"));
    let words = |word: &str| format!("  - id: i\n    container_app: {{ identity: {{ type: {word} }} }}\n");
    let registry = |server: &str, identity: &str| {
        format!(
            "  - id: r\n    container_app: {{ configuration: {{ registries: [{{ server: {server}, identity: {identity} }}] }} }}\n"
        )
    };
    let pairs = [
        (tags("{ a: x }"), tags("{ b: y }")),
        (tags("{ a: x }"), tags("{ a: { $patch: default, value: y } }")),
        (tags("{ a: { $patch: default, value: z } }"), tags("{ a: { $patch: default, value: y } }")),
        (tags("{ a: { $patch: delete } }"), tags("{ a: { $patch: default, value: y } }")),
        (tags("{ a: { $patch: delete } }"), tags("{ $patch: delete }")),
        (tags("{ a: { $patch: delete } }"), tags("{ $patch: replace, value: { b: x } }")),
        (tags("{ a: x }"), tags("{ $patch: replace, value: { a: x, b: y } }")),
        (tags("{ a: x }"), tags("{ a: { $patch: claim, value: x } }")),
        (
            variables("[{ name: X, value: x }]"),
            variables("{ $patch: replace, value: [{ name: X, value: x }] }"),
        ),
        (variables("[{ name: X, value: x }]"), variables("[{ name: X, secretRef: { $patch: delete } }]")),
        (variables("[{ name: X, value: x }]"), variables("[{ name: x, value: y }]")),
        (words("SystemAssigned"), words("\"SystemAssigned, UserAssigned\"")),
        (registry("x.registry.example", "system"), registry("X.registry.example", "System")),
    ];
    for (one, two) in &pairs {
        agree(one, two);
    }
}

#[test]
fn a_default_gives_way_to_a_value_and_is_not_wanted_afterwards() {
    let (one, two) = (
        container("a", "env: [{ name: X, value: { $patch: default, value: mine } }]"),
        container("b", "env: [{ name: X, value: theirs }]"),
    );
    let text = |steps: &str| format!("steps:\n{steps}");
    let folder = folder(&[("one", &text(&one)), ("two", &text(&two))]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let run = world.apply(&["one", "two"], &[]);
    run.ok();
    assert_eq!(variable(&app(&world), seed::APP, "X")["value"], "theirs");
    assert_eq!(run.applied.writes.len(), 1);
    assert!(world.plan(&["one", "two"], &[]).unwrap().plan.writes.is_empty());
}

#[test]
fn secrets_that_differ_are_told_without_their_values() {
    let body = "inputs: { key: { secret: true, required: true } }\nsteps:\n  - id: keep\n    container_app: { configuration: { secrets: [{ name: shared, value: \"${inputs.key}\" }] } }\n";
    let folder = folder(&[("keep", body)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    world.variables.insert("ONE".to_owned(), "hunter2-one".to_owned());
    world.variables.insert("TWO".to_owned(), "hunter2-two".to_owned());
    let plan = |two: &str| {
        let two = format!("b.key=@env:{two}");
        world.plan(&["keep=a", "keep=b"], &["a.key=@env:ONE", &two]).unwrap().plan
    };
    let differ = plan("TWO");
    assert_eq!(differ.problems.len(), 1, "{:#?}", differ.problems);
    let told = format!("{:?}", differ.problems);
    assert!(told.contains("keep=a: wants (sensitive)") && !told.contains("hunter2"), "{told}");
    assert!(plan("ONE").problems.is_empty(), "the same secret is one value");
}

#[test]
fn two_identities_on_one_app_conflict_in_the_variable_that_picks_one() {
    let world = World::new().edited(|state| {
        let (principal, client) = state.new_principal(super::super::support::world::START);
        seed::add_identity(state, "id-two", &principal, &client, super::super::support::world::START);
    });
    let recipes = ["managed-identity=web", "managed-identity=batch"];
    let plan = world.plan(&recipes, &["web.identity=id-demo", "batch.identity=id-two"]).unwrap().plan;
    assert_eq!(plan.problems.len(), 1, "{:#?}", plan.problems);
    let problem = &plan.problems[0];
    assert_eq!(
        problem.message,
        "template.containers[ca-demo].env[AZURE_CLIENT_ID].value is given different values by batch and web"
    );
    assert!(problem.labels[0].text.starts_with("managed-identity=batch: wants"), "{problem:#?}");
    assert!(problem.labels[1].text.starts_with("managed-identity=web: wants"), "{problem:#?}");
    assert_eq!(pointed(problem), ["\"${variables.chosen.properties.clientId}\""; 2]);
    let fix = problem.fix.as_deref().unwrap();
    assert!(fix.contains("-p batch.…, -p web.…") && fix.contains("`managed-identity=batch`"), "{fix}");
    // The recipe's own way: the second is assigned only.
    works_and_stays(&world, &recipes, &["web.identity=id-demo", "batch.identity=id-demo,id-two"]);
    let app = app(&world);
    assert_eq!(app.identity.user, [seed::identity_id("id-demo"), seed::identity_id("id-two")]);
}

#[test]
fn values_known_only_after_apply_agree_when_they_are_one_property() {
    let text = |name: &str, output: &str| {
        (
            name.to_owned(),
            format!(
                "requires: [managed-identity]\nsteps:\n{}",
                container(
                    "set",
                    &format!("env: [{{ name: WHO, value: \"${{managed_identity.{output}}}\" }}]")
                )
            ),
        )
    };
    let plan = |first: &str, second: &str, run: bool| {
        let recipes = [text("one", first), text("two", second)];
        let recipes: Vec<(&str, &str)> =
            recipes.iter().map(|(name, body)| (name.as_str(), body.as_str())).collect();
        let folder = folder(&recipes);
        let mut world = World::new();
        world.folders = vec![folder.path().to_owned()];
        let create = ["managed-identity.identity=create"];
        if run {
            works_and_stays(&world, &["one", "two"], &create);
        }
        world.plan(&["one", "two"], &create).unwrap().plan
    };
    assert!(plan("client_id", "client_id", true).problems.is_empty());
    let problems = plan("client_id", "principal_id", false).problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].notes[0].contains("only after apply"), "{problems:#?}");
    assert_eq!(problems[0].labels[0].text, "one: wants (known after apply)");
    // The same text made of the same property, and another text.
    assert!(plan("client_id}/x${''", "client_id}/x${''", false).problems.is_empty());
    assert_eq!(plan("client_id}/x${''", "client_id}/y${''", false).problems.len(), 1);
}

#[test]
fn ordered_steps_of_one_instance_are_stages() {
    let set = |id: &str, value: &str, after: &str| {
        format!("  - id: {id}\n    after: [{after}]\n    container_app: {{ tags: {{ stage: {value} }} }}\n")
    };
    let role = "  - id: between\n    after: [first]\n    role_assignment: { role: Reader, principal: \"${inputs.who}\", scope: \"${app.id}\" }\n";
    let head = "inputs: { who: { required: true } }\nsteps:\n".to_owned();
    let who = format!("who={}", seed::IDENTITY_PRINCIPAL);
    let text = head + &set("last", "two", "between") + role + &set("first", "one", "");
    let plain = format!("steps:\n{}{}", set("b", "two", "a"), set("a", "one", ""));
    let unordered = format!("steps:\n{}{}", set("b", "\"${target.app}\"", ""), set("a", "one", ""));
    let folder = folder(&[("staged", &text), ("plain", &plain), ("unordered", &unordered)]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    world.role_wait = Some(std::time::Duration::ZERO);

    let run = works_and_stays(&world, &["staged"], &[&who]);
    let sent: Vec<String> =
        writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(
        (sent, run.applied.writes.len()),
        (vec!["PATCH".to_owned(), "PUT".to_owned(), "PATCH".to_owned()], 3)
    );
    assert_eq!(app(&world).model["tags"]["stage"], "two");

    // Nothing between: one write, the last value.
    world.sandbox.edit(|state| state.app_mut(seed::APP).unwrap().model["tags"] = json!({}));
    let run = works_and_stays(&world, &["plain"], &[]);
    assert_eq!((run.applied.writes.len(), &app(&world).model["tags"]["stage"]), (1, &json!("two")));

    let plan = world.plan(&["unordered"], &[]).unwrap().plan;
    assert_eq!(plan.problems.len(), 1);
    assert!(plan.problems[0].message.contains("step b of unordered"), "{:?}", plan.problems);
    // Stages of two instances are no stages.
    assert!(world.plan(&["plain", "staged"], &[&who]).unwrap().plan.contradicts_itself());
}

fn kind() -> &'static ResourceType {
    types::find("Microsoft.App/containerApps").unwrap()
}

/// A leaf's value in every way a fragment can say it.
fn said(values: Vec<Json>) -> impl Strategy<Value = Json> {
    (select(values), 0..6).prop_map(|(value, way)| match way {
        0 => json!({ "$patch": "delete" }),
        1 => json!({ "$patch": "default", "value": value }),
        2 => json!({ "$patch": "claim", "value": value }),
        3 => json!(null),
        _ => value,
    })
}

/// Fragments that meet in few places, so that most pairs have something to do with each other.
fn fragments() -> impl Strategy<Value = Json> {
    let texts = || vec![json!("x"), json!("y"), json!("")];
    let tags = prop_oneof![
        4 => (said(texts()), said(texts()), any::<bool>()).prop_map(|(a, b, capital)| {
            if capital { json!({ "A": a, "b": b }) } else { json!({ "a": a, "b": b }) }
        }),
        1 => Just(json!({ "$patch": "delete" })),
        1 => select(vec![json!({ "a": "x" }), json!({ "b": "y" }), json!({})])
            .prop_map(|value| json!({ "$patch": "replace", "value": value })),
        1 => Just(json!({ "$patch": "default", "value": { "a": "x", "c": "z" } })),
    ];
    let variable = |name: &'static str| {
        prop_oneof![
            3 => said(texts()).prop_map(move |value| json!({ "name": name, "value": value })),
            2 => said(vec![json!("plain-0"), json!("plain-1")])
                .prop_map(move |secret| json!({ "name": name, "secretRef": secret })),
            1 => Just(json!({ "name": name, "$patch": "delete" })),
            1 => Just(json!({ "name": name })),
        ]
    };
    let list = (variable("X"), variable("Y")).prop_flat_map(|(x, y)| subsequence(vec![x, y], 0..=2));
    let env = prop_oneof![
        6 => list.prop_map(Json::Array),
        1 => Just(json!({ "$patch": "delete" })),
        1 => select(vec![json!([]), json!([{ "name": "X", "value": "x" }])])
            .prop_map(|value| json!({ "$patch": "replace", "value": value })),
    ];
    let identity = select(vec![
        json!(null),
        json!({ "type": "SystemAssigned" }),
        json!({ "type": "UserAssigned", "userAssignedIdentities": { "/subscriptions/s/resourceGroups/g/providers/N/t/id-a": {} } }),
        json!({ "userAssignedIdentities": { "/subscriptions/s/resourceGroups/g/providers/N/t/ID-A": {} } }),
        json!({ "userAssignedIdentities": { "/subscriptions/s/resourceGroups/g/providers/N/t/id-a": { "$patch": "delete" } } }),
        json!({ "$patch": "delete" }),
    ]);
    let scale = said(vec![json!(1), json!(2)]);
    (tags, env, identity, scale).prop_map(|(tags, env, identity, scale)| {
        json!({
            "tags": tags,
            "identity": identity,
            "properties": { "template": {
                "containers": [{ "name": seed::APP, "env": env }],
                "scale": { "minReplicas": scale },
            } },
        })
    })
}

/// Lists by what is in them, without what means nothing.
fn meaning(value: &Json) -> Json {
    match value {
        Json::Object(members) => Json::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), meaning(value)))
                .filter(|(_, value)| {
                    !value.is_null() && *value != json!("") && *value != json!([]) && *value != json!({})
                })
                .map(|(key, value)| {
                    let key = if key.starts_with('/') || key.len() == 1 { key.to_lowercase() } else { key };
                    (key, value)
                })
                .collect(),
        ),
        Json::Array(elements) => {
            let mut elements: Vec<Json> = elements.iter().map(meaning).collect();
            elements.sort_by_key(ToString::to_string);
            Json::Array(elements)
        }
        other => other.clone(),
    }
}

fn conflicts(one: &[Claim], two: &[Claim]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for a in one {
        for b in two.iter().filter(|b| a.conflicts(kind(), b)) {
            found.push((a.path.to_string(), b.path.to_string()));
        }
    }
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conflicts_are_symmetric_and_without_one_the_order_means_nothing(
        one in fragments(), two in fragments(), generated in apps(),
    ) {
        let (a, b) = (Value::from(one), Value::from(two));
        let (ours, theirs) = (claims(kind(), &a), claims(kind(), &b));
        let forth = conflicts(&ours, &theirs);
        let mut back: Vec<(String, String)> =
            conflicts(&theirs, &ours).into_iter().map(|(one, two)| (two, one)).collect();
        back.sort();
        prop_assert_eq!(&forth, &back);
        prop_assert!(conflicts(&ours, &ours).is_empty(), "nothing is at odds with itself");
        let live = Value::from(generated.model().clone());
        // What does not fit the app is told on its own, such as a claim on what is set.
        let fit = |fragment: &Value| merge(kind(), &live, fragment).is_ok();
        if forth.is_empty() && fit(&a) && fit(&b) {
            let merged = |fragments: &[&Value]| merge_all(kind(), &live, fragments);
            let (first, second) = (merged(&[&a, &b]), merged(&[&b, &a]));
            prop_assert_eq!(meaning(&first.to_json().unwrap()), meaning(&second.to_json().unwrap()));
            // Both have what they want: laid over it again, neither changes anything.
            let again = merge_all(kind(), &first, &[&a, &b]);
            prop_assert_eq!(meaning(&again.to_json().unwrap()), meaning(&first.to_json().unwrap()));
        }
    }
}
