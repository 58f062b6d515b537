//! What stands beside a rollout: what it cannot stage, what others have on the app, and the runs after it.

use acarecipe::diagnostic::codes;
use acarecipe::execute::Failure;
use acarecipe::report::RolloutReport;
use acarecipe::sandbox::seed::variant;
use acarecipe::sandbox::seed::variant::answers::{self, Script};
use acarecipe::sandbox::state::Fate;
use acarecipe::sandbox::{State, seed};
use serde_json::{Value as Json, json};

use super::super::support::world::{World, failed};
use super::{app, blocked, described, folder, only_failed, text, works_and_stays};

const RECIPE: &[&str] = &["revision-validation"];
const NEW: &str = "ghcr.io/acarecipe/python-demo:2.0";
const IMAGE: &str = "revision-validation.image=ghcr.io/acarecipe/python-demo:2.0";
const FIRST: &str = "ca-demo--first01";
const OLDER: &str = "ca-demo--older00";
const BACK: &str =
    "ingress traffic set --name ca-demo --resource-group rg-demo --revision-weight ca-demo--first01=100";

/// A recipe that changes this of the app, and nothing else.
fn changing(name: &str, of_app: &str) -> (String, String) {
    (name.to_owned(), format!("steps: [{{ id: change, why: try, container_app: {of_app} }}]\n"))
}

/// The same world with these recipes beside the built-in ones.
fn with_recipes(mut world: World, recipes: &[(String, String)]) -> (World, tempfile::TempDir) {
    let recipes: Vec<(&str, &str)> = recipes.iter().map(|(name, body)| (&**name, &**body)).collect();
    let place = folder(&recipes);
    world.folders.push(place.path().to_owned());
    (world, place)
}

fn failing() -> World {
    let script = Script { status: Some(500), ..Script::default() };
    World::new().edited(|state| answers::image_answers(state, NEW, &script).unwrap())
}

/// Multiple mode with this traffic; [`OLDER`] is there too.
fn traffic(list: Json) -> impl FnOnce(&mut State) {
    move |state| {
        variant::pinned(state, 0);
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["configuration"]["ingress"]["traffic"] = list;
    }
}

fn live(world: &World) -> Json {
    app(world).configuration()["ingress"]["traffic"].clone()
}

fn newest(world: &World) -> String {
    app(world).revisions.last().unwrap().name.clone()
}

fn is_active(world: &World, name: &str) -> bool {
    app(world).revision(name).unwrap().active
}

#[test]
fn a_port_that_acts_on_what_serves_is_no_part_of_a_rollout() {
    for (change, member) in [
        (
            "{ configuration: { ingress: { targetPort: 9000 } }, template: { containers: [{ name: \"${container.name}\", env: [{ name: PORT, value: '9000' }] }] } }",
            "targetPort",
        ),
        ("{ configuration: { ingress: { transport: http2 } } }", "transport"),
        (
            "{ configuration: { ingress: { additionalPortMappings: [{ targetPort: 9001, external: false }] } } }",
            "additionalPortMappings",
        ),
    ] {
        let (world, _place) = with_recipes(World::new(), &[changing("port", change)]);
        let planned = blocked(&world, &["port", "revision-validation"], &[IMAGE]);
        let found = only_failed(&planned);
        assert_eq!(found.code, codes::ROLLOUT);
        assert!(found.name.contains(member), "{found:#?}");
        assert!(found.detail.as_ref().unwrap().contains("also on ca-demo--first01"), "{found:#?}");
        assert_eq!(found.fix.as_deref(), Some("acarecipe apply port"), "on its own, without the rollout");
    }
    // What is as it stands is no change.
    let same = "{ configuration: { ingress: { targetPort: 8000 } } }";
    let (world, _place) = with_recipes(World::new(), &[changing("port", same)]);
    world.apply(&["port", "revision-validation"], &[IMAGE]).ok();
}

#[test]
fn the_recipe_of_the_rollout_cannot_move_the_port_either() {
    let (name, steps) = changing("both", "{ configuration: { ingress: { targetPort: 9000 } } }");
    let body = steps + "rollout: { label: canary, steps: { weights: \"${[`100`]}\" } }\n";
    let (world, _place) = with_recipes(World::new(), &[(name, body)]);
    let planned = blocked(&world, &["both"], &[]);
    let fix = only_failed(&planned).fix.clone().unwrap();
    assert_eq!(
        fix,
        "az containerapp ingress update --name ca-demo --resource-group rg-demo --target-port 9000"
    );
}

#[test]
fn what_acts_at_once_is_named_before_and_after() {
    let dapr = changing("dapr", "{ configuration: { dapr: { enabled: true, appId: demo, appPort: 8000 } } }");
    let (world, _place) = with_recipes(failing(), &[dapr]);
    let recipes = &["dapr", "managed-identity", "revision-validation"];
    let planned = world.plan(recipes, &[IMAGE]).unwrap();
    let told = RolloutReport::of(&planned.plan).unwrap();
    assert_eq!(told.notes, ["acts on all revisions at once, not staged: the Dapr settings"]);
    let run = world.apply(recipes, &[IMAGE]);
    let Err(Failure::RolledBack(told)) = &run.end else { panic!("{:?}", run.end) };
    let left = told.notes.iter().find(|note| note.contains("not put back")).expect("it is told");
    assert!(left.contains("the Dapr settings") && left.contains("the app's identities"), "{left}");
    assert_eq!(app(&world).configuration()["dapr"]["enabled"], json!(true), "as it says");

    // Where nothing else was written nothing is told.
    let world = failing();
    let run = world.apply(RECIPE, &[IMAGE]);
    let Err(Failure::RolledBack(told)) = &run.end else { panic!("{:?}", run.end) };
    assert!(!told.notes.iter().any(|note| note.contains("not put back")), "{:?}", told.notes);
}

#[test]
fn nothing_is_built_on_what_was_taken_back() {
    let lab =
        "{ template: { containers: [{ name: \"${container.name}\", env: [{ name: OTHER, value: a }] }] } }";
    let image =
        format!("{{ template: {{ containers: [{{ name: \"${{container.name}}\", image: '{NEW}' }}] }} }}");
    let recipes = [changing("lab", lab), changing("same", &image)];
    let (world, _place) = with_recipes(failing(), &recipes);
    let rolled = |world: &World| {
        let inputs = [IMAGE, "revision-validation.env.RV=a"];
        assert!(matches!(world.apply(RECIPE, &inputs).end, Err(Failure::RolledBack(_))));
    };
    rolled(&world);
    let taken_back = newest(&world);
    let run = works_and_stays(&world, &["lab"], &[]);
    assert_eq!(run.applied.revisions.len(), 1);
    assert!(
        run.planned
            .plan
            .prerequisites
            .iter()
            .any(|one| text(one).contains("are counted from ca-demo--first01"))
    );
    let template = app(&world).revisions.last().unwrap().template.clone();
    let container = &template["containers"][0];
    assert_eq!(container["image"], seed::IMAGE, "nothing of what failed comes along");
    let names: Vec<&str> =
        container["env"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(names.contains(&"OTHER") && !names.contains(&"RV"), "{names:?}");
    assert_eq!(live(&world), json!([{ "revisionName": FIRST, "weight": 100 }]));
    assert!(!is_active(&world, &taken_back));
    described(&world);

    // What failed is not in place because the app shows it: it is asked for again.
    let (world, _place) = with_recipes(failing(), &recipes);
    assert!(matches!(world.apply(RECIPE, &[IMAGE]).end, Err(Failure::RolledBack(_))));
    let taken_back = newest(&world);
    let run = works_and_stays(&world, &["same"], &[]);
    assert_eq!(run.applied.revisions.len(), 1, "{:?}", run.applied.writes);
    assert_ne!(newest(&world), taken_back);
    assert_eq!(app(&world).revisions.last().unwrap().template["containers"][0]["image"], NEW);
}

#[test]
fn a_dead_candidate_that_has_traffic_is_put_back() {
    let world = failing();
    assert!(matches!(world.apply(RECIPE, &[IMAGE]).end, Err(Failure::RolledBack(_))));
    let dead = newest(&world);
    let split = json!([
        { "revisionName": FIRST, "weight": 90 }, { "revisionName": dead, "weight": 10, "label": "canary" },
    ]);
    world.sandbox.edit(|state| {
        state.app_mut(seed::APP).unwrap().model["properties"]["configuration"]["ingress"]["traffic"] = split;
    });
    // Asked for the same change, the way out is back, never more traffic.
    let planned = blocked(&world, RECIPE, &[IMAGE]);
    let fix = only_failed(&planned).fix.clone().unwrap();
    assert!(fix.ends_with(BACK), "{fix}");
    // Another change puts it back by itself, before anything else.
    let from = world.count();
    world.apply(RECIPE, &["revision-validation.env.FEATURE=on"]).ok();
    let first = world.exchanges_since(from).into_iter().find(|one| one.method == "PATCH").unwrap();
    assert_eq!(
        first.request_body.unwrap()["properties"]["configuration"]["ingress"]["traffic"],
        json!([{ "revisionName": FIRST, "weight": 100 }])
    );
    assert!(!live(&world).to_string().contains(&dead));
}

#[test]
fn no_fix_gives_traffic_to_what_was_not_judged() {
    for list in [
        json!([{ "revisionName": OLDER, "weight": 10, "label": "canary" }, { "revisionName": FIRST, "weight": 90 }]),
        json!([{ "revisionName": OLDER, "weight": 0, "label": "blue" }, { "revisionName": FIRST, "weight": 100 }]),
    ] {
        let other = list[0]["label"] == "canary";
        let world = World::new().edited(traffic(list));
        if !other {
            world.sandbox.edit(|state| {
                let app = state.app_mut(seed::APP).unwrap();
                let later = app.revisions.last().unwrap().created + time::Duration::hours(1);
                let older = app.revisions.iter_mut().find(|one| one.name == OLDER).unwrap();
                older.created = later;
            });
        }
        let planned = blocked(&world, RECIPE, &[IMAGE]);
        let said = text(only_failed(&planned));
        assert!(!said.contains("older00=100"), "{said}");
        assert!(said.contains("revision deactivate") && said.contains(OLDER), "{said}");
        assert!(said.contains("the inputs it was begun with"), "{said}");
    }
}

#[test]
fn in_single_mode_a_newer_revision_that_failed_is_replaced() {
    for fate in
        [Fate::Failed("the image cannot be pulled".to_owned()), Fate::Unhealthy("a probe fails".to_owned())]
    {
        let world = World::new().edited(|state| {
            let app = state.app_mut(seed::APP).unwrap();
            let mut bad = app.revisions.last().unwrap().clone();
            bad.name = "ca-demo--bad0001".to_owned();
            bad.created += time::Duration::minutes(1);
            bad.fate = fate;
            bad.settled = true;
            app.revisions.push(bad);
        });
        let run = world.apply(RECIPE, &[IMAGE]);
        run.ok();
        let name = newest(&world);
        assert_eq!(live(&world), json!([{ "revisionName": name, "weight": 100, "label": "canary" }]));
    }
}

#[test]
fn a_stopped_app_is_started_first() {
    let world = World::new().edited(variant::stopped);
    let planned = blocked(&world, RECIPE, &[IMAGE]);
    let found = failed(&planned.plan.prerequisites);
    let found = found.iter().find(|one| one.code == codes::ROLLOUT).expect("it is told");
    assert_eq!(found.fix.as_deref(), Some("az containerapp start --name ca-demo --resource-group rg-demo"));
}

#[test]
fn a_revision_with_somebody_s_label_stays_active() {
    let list = json!([{ "revisionName": FIRST, "weight": 100, "label": "blue" }]);
    let world = World::new().edited(traffic(list));
    let inputs = [IMAGE, "revision-validation.keep_old=false"];
    let planned = world.plan(RECIPE, &inputs).unwrap();
    let told = RolloutReport::of(&planned.plan).unwrap();
    assert!(told.notes[0].contains("stays active without traffic: it carries the label blue"), "{told:?}");
    world.apply(RECIPE, &inputs).ok();
    assert!(is_active(&world, FIRST), "the host of its label still answers");
    assert_eq!(live(&world)[0], json!({ "revisionName": FIRST, "weight": 0, "label": "blue" }));
}

#[test]
fn a_label_is_not_taken_from_somebody_unsaid() {
    let list = json!([
        { "revisionName": OLDER, "weight": 0, "label": "canary" }, { "revisionName": FIRST, "weight": 100 },
    ]);
    let world = World::new().edited(traffic(list));
    let planned = blocked(&world, RECIPE, &[IMAGE]);
    let found = only_failed(&planned);
    assert!(
        found.detail.as_ref().unwrap().contains("ca-demo--older00 carries the label canary"),
        "{found:#?}"
    );
    assert!(found.fix.as_ref().unwrap().contains("revision label remove"), "{found:#?}");
    world.apply(RECIPE, &[IMAGE, "revision-validation.label=next"]).ok();
    assert_eq!(live(&world)[0]["label"], "canary", "it stays where it was");

    // From what an earlier rollout put into service it moves, and that is said.
    let world = World::new();
    world.apply(RECIPE, &[IMAGE]).ok();
    let before = newest(&world);
    let inputs = [IMAGE, "revision-validation.env.FEATURE=on"];
    let planned = world.plan(RECIPE, &inputs).unwrap();
    let told = RolloutReport::of(&planned.plan).unwrap();
    assert_eq!(told.notes, [format!("the label canary moves there from {before}")]);
    world.apply(RECIPE, &inputs).ok();
}
