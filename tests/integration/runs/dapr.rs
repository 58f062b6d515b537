//! dapr-integration, and what components promise whoever shares them: nobody's secret, metadata or scope is lost.

use acarecipe::azure::types::{self, ResourceType};
use acarecipe::diagnostic::codes;
use acarecipe::merge::{MergeError, body_for, merge, merge_all};
use acarecipe::sandbox::seed::{self, variant::dapr};
use acarecipe::sandbox::{Exchange, Switches};
use acarecipe::value::Value;
use serde_json::{Value as Json, json};

use super::super::support::world::{World, writes};
use super::{app, blocked, described, failure, works_and_stays};

const RECIPE: &[&str] = &["dapr-integration"];
const THEIRS: dapr::Component<'_> = dapr::Component {
    name: "statestore",
    kind: "state.redis",
    scopes: "ca-other",
    metadata: "redisHost=redis:6379,redisPassword=@theirs",
    secrets: "theirs=sandbox-theirs,more=sandbox-more",
    store: "",
    unreachable: "",
};
const JOINED: &str =
    r#"components=[{"name": "statestore", "type": "state.redis", "metadata": {"redisHost": "redis:6379"}}]"#;

fn kind() -> &'static ResourceType {
    types::find("Microsoft.App/managedEnvironments/daprComponents").unwrap()
}

fn component(scopes: Json) -> Value {
    let mut live = json!({ "properties": { "componentType": "state.redis", "version": "v1" } });
    if !scopes.is_null() {
        live["properties"]["scopes"] = scopes;
    }
    Value::from(live)
}

fn scoped(scopes: &Json) -> Value {
    Value::from(json!({ "properties": { "scopes": scopes } }))
}

fn scopes_of(value: &Value) -> Json {
    value.to_json().unwrap()["properties"]["scopes"].clone()
}

#[test]
fn nobody_in_scopes_is_everybody_and_is_never_narrowed() {
    for everybody in [Json::Null, json!([])] {
        let live = component(everybody.clone());
        for fragment in [
            scoped(&json!(["a"])),
            scoped(&json!({ "$patch": "default", "value": ["a"] })),
            scoped(&json!({ "$patch": "claim", "value": ["a"] })),
        ] {
            let merged = merge(kind(), &live, &fragment).unwrap();
            assert!(merged.owned.iter().all(|owned| owned.in_place), "{:?}", merged.owned);
            assert_eq!(scopes_of(&merged.value), everybody);
            // What is sent for another reason has none either.
            let sent = body_for(kind(), &live, &merged.value).body.unwrap().json;
            assert!(sent["properties"]["scopes"].as_array().is_none_or(Vec::is_empty), "{sent}");
        }
        let whole = scoped(&json!({ "$patch": "replace", "value": ["a"] }));
        let refused = merge(kind(), &live, &whole).unwrap_err();
        assert!(matches!(refused, MergeError::Narrows { .. }), "{refused:?}");
        // Whatever was laid over it before, by this run.
        let other = Value::from(json!({ "properties": { "initTimeout": "30s" } }));
        let both = merge_all(kind(), &live, &[&other, &scoped(&json!(["a"])), &scoped(&json!(["b"]))]);
        assert_eq!(scopes_of(&both), everybody);
    }
    let some = merge(kind(), &component(json!(["a"])), &scoped(&json!(["b"]))).unwrap();
    assert_eq!(scopes_of(&some.value), json!(["a", "b"]));
    // One that is made has what all who make it want.
    let made = merge_all(
        kind(),
        &Value::null(),
        &[&component(Json::Null), &scoped(&json!(["a"])), &scoped(&json!(["b"]))],
    );
    assert_eq!(scopes_of(&made), json!(["a", "b"]));
}

fn secrets(world: &World) -> std::collections::BTreeMap<String, String> {
    let state = world.sandbox.state();
    state.dapr_component(&seed::environment_id(), "statestore").unwrap().values.clone()
}

fn listed(exchanges: &[Exchange]) -> usize {
    exchanges.iter().filter(|one| one.path.ends_with("/listSecrets")).count()
}

#[test]
fn a_component_of_others_keeps_its_secrets_when_it_is_written() {
    let world = World::new().edited(|state| dapr::component(state, THEIRS));
    let run = works_and_stays(&world, RECIPE, &[JOINED]);
    let told: Vec<_> = writes(&world.sandbox.exchanges()).into_iter().map(|(method, _)| method).collect();
    assert_eq!(told, ["PUT", "PATCH"], "the component, then the sidecar");
    assert_eq!(run.planned.plan.writes[0].resends, 2);
    assert_eq!(secrets(&world)["theirs"], "sandbox-theirs");
    assert_eq!(secrets(&world)["more"], "sandbox-more");
    assert!(run.applied.revisions.is_empty());
    assert_eq!(app(&world).revisions.len(), 1, "settings make no revision");
    // Only the write asks for values, and nothing of them is told.
    assert_eq!(listed(&world.sandbox.exchanges()), 1);
    assert!(!format!("{:?} {:?}", run.planned.plan, run.applied).contains("sandbox-theirs"));
    described(&world);
}

#[test]
fn where_their_values_cannot_be_had_nothing_is_written() {
    // Names only: a write would empty them.
    let world = World::with(Switches::flip("dapr-secrets-told").unwrap(), Vec::new())
        .edited(|state| dapr::component(state, THEIRS));
    let run = world.apply(RECIPE, &[JOINED]);
    let (_, diagnostic, told) = failure(&run);
    assert_eq!(diagnostic.code, codes::SECRET_UNAVAILABLE);
    assert!(told.contains("of the Dapr component statestore cannot be had"), "{told}");
    assert!(writes(&world.sandbox.exchanges()).is_empty());
    assert_eq!(secrets(&world).len(), 2);

    // And a caller without the right is told before.
    let world = World::new().edited(|state| {
        dapr::component(state, THEIRS);
        let role = seed::variant::custom_role(
            state,
            "Dapr without secrets",
            &["*"],
            &["Microsoft.App/managedEnvironments/daprComponents/listSecrets/action"],
        );
        seed::variant::caller_with(state, "contributor", &[(&seed::subscription_id(), &role)], None);
    });
    let world = world.called_by("contributor");
    let planned = blocked(&world, RECIPE, &[JOINED]);
    let told = format!("{:?}", planned.plan.prerequisites);
    assert!(told.contains("daprComponents/listSecrets/action"), "{told}");
    assert!(writes(&world.sandbox.exchanges()).is_empty());
}

#[test]
fn an_app_id_is_looked_for_in_every_group_of_the_environment() {
    let world = World::new().edited(|state| {
        dapr::dapr_app(state, "ca-other", "ca-demo");
        let (at, _) = state.apps.iter().find(|(_, app)| app.id.ends_with("/ca-other")).unwrap();
        let mut app = state.apps.remove(&at.clone()).unwrap();
        app.id = app.id.replace("/resourceGroups/rg-demo/", "/resourceGroups/rg-other/");
        state.apps.insert(app.id.to_ascii_lowercase(), app);
    });
    let planned = blocked(&world, RECIPE, &[]);
    let told = format!("{:?}", planned.plan.prerequisites);
    assert!(told.contains("no app of another group has the app id") && told.contains("ca-other"), "{told}");
    assert!(writes(&world.sandbox.exchanges()).is_empty());
    // Whoever may not see the other groups is told nothing of them, and goes on.
    let world = World::new().called_by("group-scoped");
    works_and_stays(&world, RECIPE, &[]);
}
