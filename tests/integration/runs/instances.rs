//! Several recipes, and several instances of one, in a run.

use std::cell::RefCell;

use acarecipe::execute::Observed;
use acarecipe::report::PlanReport;
use acarecipe::sandbox::seed;
use acarecipe::value::Redacted;
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::TestRunner;

use super::super::support::world::{World, failed, writes};
use super::{EXISTING, app, described, folder, secret, variable, works_and_stays};

/// Two vaults for one app.
const TWO: &[&str] = &["key-vault-reference=a", "key-vault-reference=b"];
const TWO_VAULTS: &[&str] = &[
    "a.key_vault=kv-demo",
    "a.secrets.DB_PASSWORD=db-password",
    "b.key_vault=kv-shared",
    "b.secrets.TOKEN=shared-token",
];

/// Method and type of each accepted write.
fn sent(world: &World) -> Vec<(String, String)> {
    let kind = |path: &str| path.rsplit('/').nth(1).unwrap().to_owned();
    writes(&world.sandbox.exchanges()).into_iter().map(|(method, path)| (method, kind(&path))).collect()
}

#[track_caller]
fn wrote(world: &World, expected: &[(&str, &str)]) {
    let sent = sent(world);
    let sent: Vec<(&str, &str)> =
        sent.iter().map(|(method, kind)| (method.as_str(), kind.as_str())).collect();
    assert_eq!(sent, expected);
}

const APP: (&str, &str) = ("PATCH", "containerApps");
const ROLE: (&str, &str) = ("PUT", "roleAssignments");

#[test]
fn two_vaults_cost_one_template_write_and_one_revision() {
    let world = World::new();
    let run = works_and_stays(&world, TWO, TWO_VAULTS);
    wrote(&world, &[APP, ROLE, ROLE, APP]);
    assert_eq!(run.applied.revisions.len(), 1);
    let app = app(&world);
    assert_eq!(app.revisions.len(), 2);
    for (vault, name) in [("kv-demo", "db-password"), ("kv-shared", "shared-token")] {
        let url = format!("https://{vault}.vault.azure.net/secrets/{name}");
        assert_eq!(secret(&app, name)["keyVaultUrl"], url.as_str());
    }
    assert_eq!(variable(&app, seed::APP, "DB_PASSWORD")["secretRef"], "db-password");
    assert_eq!(variable(&app, seed::APP, "TOKEN")["secretRef"], "shared-token");
    let granted = writes(&world.sandbox.exchanges());
    for vault in ["kv-demo", "kv-shared"] {
        let roles = granted.iter().filter(|(_, path)| path.starts_with(&seed::vault_id(vault)));
        assert_eq!(roles.count(), 1, "{vault}");
    }
    described(&world);
}

#[test]
fn two_vaults_with_an_identity_that_is_there_cost_one_write_of_the_app() {
    let world = World::new();
    let parameters = [TWO_VAULTS, &[EXISTING]].concat();
    let run = works_and_stays(&world, TWO, &parameters);
    wrote(&world, &[ROLE, ROLE, APP]);
    assert_eq!(run.applied.revisions.len(), 1);
    described(&world);
}

/// Reads and rounds: the table in `counts.rs`, with a second vault. In the group it is not found (1,
/// round 1), so the subscription's vaults are listed (1, round 2); its rights, locks and deny assignments,
/// and the locks of its group, come in round 3 (4).
#[test]
fn two_vaults_are_read_in_three_rounds() {
    let world = World::new();
    let planned = world.plan(TWO, TWO_VAULTS).unwrap();
    assert_eq!((planned.reads, planned.rounds), (17 + 1 + 1 + 4, 3));
    world.apply(TWO, TWO_VAULTS).ok();
    let again = world.plan(TWO, TWO_VAULTS).unwrap();
    // 11 of one vault; the second one's look-ups (2) and role assignments (1).
    assert_eq!((again.reads, again.rounds, again.plan.writes.len()), (11 + 2 + 1, 3, 0));
}

#[test]
fn one_vault_under_two_names_is_granted_once() {
    for identity in ["managed-identity.identity=system", "managed-identity.identity=create", EXISTING] {
        let world = World::new();
        let parameters = [
            "a.key_vault=kv-demo",
            "a.secrets.DB_PASSWORD=db-password",
            "b.key_vault=KV-DEMO",
            "b.secrets.API_KEY=api-key",
            identity,
        ];
        let planned = world.plan(TWO, &parameters).unwrap();
        let roles = |plan: &acarecipe::plan::Plan| {
            plan.writes.iter().filter(|write| write.kind.noun == "role assignment").count()
        };
        assert_eq!(roles(&planned.plan), 1, "{identity}: {:#?}", planned.plan.writes);
        let run = works_and_stays(&world, TWO, &parameters);
        assert_eq!(sent(&world).iter().filter(|(_, kind)| kind == "roleAssignments").count(), 1);
        assert_eq!(run.applied.revisions.len(), 1);
        described(&world);
    }
}

#[test]
fn several_that_require_an_identity_cost_one_write_of_it() {
    let folder = folder(&RECIPES);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let run = works_and_stays(&world, &["store", "cache", "key-vault-reference"], &[SECRET_OF_ONE]);
    // The identity, three roles, and everything else.
    wrote(&world, &[APP, ROLE, ROLE, ROLE, APP]);
    assert_eq!(run.applied.revisions.len(), 1);
}

const SECRET_OF_ONE: &str = "secrets.DB_PASSWORD=db-password";

/// Small recipes: alone, requiring the identity, and requiring one of those.
const RECIPES: [(&str, &str); 4] = [
    (
        "greeting",
        "inputs: { text: { default: hello } }\nsteps:\n  - id: set\n    container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: GREETING, value: \"${inputs.text}\" }] }] } }\n",
    ),
    (
        "store",
        "requires: [managed-identity]\nsteps:\n  - id: grant\n    role_assignment: { role: Reader, principal: \"${managed_identity.principal_id}\", scope: \"/subscriptions/${target.subscription}/resourceGroups/${target.resource_group}\" }\n  - id: set\n    after: [grant]\n    container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: STORE, value: \"yes\" }] }] } }\n",
    ),
    (
        "cache",
        "requires: [managed-identity]\nsteps:\n  - id: grant\n    role_assignment: { role: Reader, principal: \"${managed_identity.principal_id}\", scope: \"${app.id}\" }\n  - id: set\n    after: [grant]\n    container_app: { tags: { cache: \"yes\" }, template: { containers: [{ name: \"${container.name}\", env: [{ name: CACHE, value: \"yes\" }] }] } }\n",
    ),
    (
        "whole",
        "requires: [store, { recipe: greeting, as: whole-greeting, with: { text: hello } }]\nsteps:\n  - id: set\n    container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: WHOLE, value: \"yes\" }] }] } }\n",
    ),
];

/// Everything that a plan would do and tell, as text.
fn told(planned: &Observed) -> String {
    let plan = &planned.plan;
    let writes: Vec<_> = plan
        .writes
        .iter()
        .map(|write| {
            let body = write.body.as_ref().map(|body| (body.json.to_string(), body.resend.clone()));
            let steps: Vec<&str> = write.steps.iter().map(|step| plan.steps[*step].key.as_str()).collect();
            (write.id.clone(), steps, write.after.clone(), body, write.consequences.clone())
        })
        .collect();
    let outputs: Vec<String> = plan
        .outputs
        .iter()
        .flat_map(|(name, outputs)| {
            outputs.iter().map(move |(output, value)| format!("{name}.{output}={}", Redacted(value)))
        })
        .collect();
    format!(
        "{writes:#?} {outputs:#?} {:#?} {:#?} {:#?} {:#?}",
        plan.approval(),
        plan.prerequisites,
        plan.problems,
        plan.notes
    )
}

#[test]
fn the_order_of_the_recipes_means_nothing() {
    let folder = folder(&RECIPES);
    let all = vec![
        "managed-identity",
        "managed-identity=other",
        "key-vault-reference",
        "key-vault-reference=b",
        "greeting",
        "greeting=second",
        "store",
        "cache",
        "whole",
    ];
    let count = all.len();
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let shuffled = subsequence(all, 1..=count)
        .prop_flat_map(|chosen| (Just(chosen.clone()), Just(chosen).prop_shuffle()));
    let changes = RefCell::new(0);
    let end = TestRunner::new(config).run(&shuffled, |(in_order, shuffled)| {
        let mut parameters = Vec::new();
        for (name, own) in [
            ("key-vault-reference", vec!["key-vault-reference.secrets.DB_PASSWORD=db-password"]),
            ("key-vault-reference=b", vec!["b.key_vault=kv-shared", "b.secrets.TOKEN=shared-token"]),
            ("greeting=second", vec!["second.text=hello"]),
        ] {
            if in_order.contains(&name) {
                parameters.extend(own);
            }
        }
        // Twice is once, wherever it stands.
        let mut twice = shuffled.clone();
        twice.extend(shuffled.iter().copied().filter(|name| !name.contains('=')));
        let one = world.plan(&in_order, &parameters).unwrap();
        let other = world.plan(&twice, &parameters).unwrap();
        prop_assert!(failed(&one.plan.prerequisites).is_empty(), "{:#?}", one.plan.prerequisites);
        prop_assert!(one.plan.problems.is_empty(), "{:#?}", one.plan.problems);
        prop_assert!(one.plan.writes.iter().filter(|write| write.kind.noun == "container app").count() <= 2);
        *changes.borrow_mut() += one.plan.writes.len();
        prop_assert_eq!(told(&one), told(&other));
        Ok(())
    });
    if let Err(error) = end {
        panic!("{error}");
    }
    assert!(changes.into_inner() > 100, "most of them change something");
}

/// A recipe that sets an input of what it requires from its own, and one that does so on a condition.
const SETTING: [(&str, &str); 3] = [
    RECIPES[0],
    (
        "mid",
        "requires: [{ recipe: greeting, with: { text: \"${inputs.text}\" } }]\ninputs: { text: { default: hello } }\n",
    ),
    (
        "perhaps",
        "requires: [{ recipe: greeting, when: \"${inputs.on}\", with: { text: perhaps } }]\ninputs: { on: { type: boolean, default: false } }\n",
    ),
];

#[test]
fn what_two_requirers_set_is_compared_by_value() {
    let folder = folder(&SETTING);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let two = ["mid=a", "mid=b"];
    let problems =
        |recipes: &[&str], parameters: &[&str]| world.plan(recipes, parameters).unwrap().plan.problems;
    assert_eq!(problems(&two, &[]).len(), 0, "both say hello");
    let found = problems(&two, &["a.text=x", "b.text=y"]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].message, "a and b want different values of `text` of greeting");
    assert_eq!(found[0].fix.as_deref(), Some("set it: -p greeting.text=…"));
    let lines: Vec<usize> =
        found[0].labels.iter().map(|label| label.source.line_col(label.span.start).0).collect();
    assert_eq!(lines, [5, 5], "the line of each");
    // What the fix says really works.
    let run = works_and_stays(&world, &two, &["a.text=x", "b.text=y", "greeting.text=z"]);
    assert_eq!(run.applied.revisions.len(), 1);
    assert_eq!(variable(&app(&world), seed::APP, "GREETING")["value"], "z");
    // A requirement that does not hold wants nothing, and leaves out nothing that is asked for.
    assert_eq!(problems(&["mid", "perhaps"], &[]).len(), 0);
    assert_eq!(problems(&["mid", "perhaps"], &["on=true"]).len(), 1);
    assert!(world.plan(&["perhaps"], &[]).unwrap().plan.steps.is_empty());
    assert_eq!(world.plan(&["perhaps", "greeting"], &[]).unwrap().plan.steps.len(), 1);
}

#[test]
fn recipes_whose_values_need_each_other_are_told_so() {
    let folder = folder(&[
        ("bottom", "inputs: { text: {} }\noutputs: { echo: \"${inputs.text}\" }\n"),
        (
            "top",
            "requires: [{ recipe: bottom, with: { text: \"${variables.back}\" } }]\nvariables: { back: \"${bottom.echo}\" }\nsteps:\n  - id: set\n    container_app: { tags: { back: \"${bottom.echo}\" } }\n",
        ),
    ]);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    let plan = world.plan(&["top"], &[]).unwrap().plan;
    assert!(plan.contradicts_itself() && plan.writes.is_empty());
    assert_eq!(plan.problems[0].code.0, "cycle", "{:#?}", plan.problems);
    let told = &plan.problems[0].notes[0];
    assert!(
        told.contains("the input `text` of bottom") && told.contains("the variable `back` of top"),
        "{told}"
    );
    assert!(world.plan(&["top"], &["bottom.text=x"]).unwrap().plan.problems.is_empty());
}

#[test]
fn what_mends_an_instance_is_typed_for_it() {
    let world = World::new();
    world.apply(TWO, TWO_VAULTS).ok();
    world.sandbox.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        app.model["properties"]["template"]["containers"][0]["env"] = serde_json::json!([]);
    });
    let found = world.verify(TWO, TWO_VAULTS);
    let fixes: Vec<&str> = failed(&found).iter().filter_map(|one| one.fix.as_deref()).collect();
    let typed = |name: &str, vault: &str, secret: &str| {
        format!(
            "acarecipe apply key-vault-reference={name} -p {name}.key_vault={vault} -p {name}.secrets.{secret}"
        )
    };
    let (a, b) =
        (typed("a", "kv-demo", "DB_PASSWORD=db-password"), typed("b", "kv-shared", "TOKEN=shared-token"));
    assert!(fixes.contains(&a.as_str()) && fixes.contains(&b.as_str()), "{fixes:#?}");
    for (fix, name) in [(&a, "DB_PASSWORD"), (&b, "TOKEN")] {
        // The command does what it says.
        let words: Vec<&str> = fix.split(' ').collect();
        let parameters: Vec<&str> = words[3..].iter().copied().filter(|word| *word != "-p").collect();
        world.apply(&words[2..3], &parameters).ok();
        assert!(!variable(&app(&world), seed::APP, name).is_null());
    }
}

#[test]
fn advice_of_a_recipe_is_typed_for_the_instance() {
    let world = World::new()
        .edited(|state| acarecipe::sandbox::seed::variant::plain_secret(state, "shared-token", "own-value"));
    let planned = world.plan(TWO, TWO_VAULTS).unwrap().plan;
    let found = failed(&planned.prerequisites);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0].fix.as_deref(),
        Some(
            "acarecipe apply key-vault-reference=b -p b.key_vault=kv-shared -p b.secrets.TOKEN=shared-token -p b.replace=true"
        )
    );
}

#[test]
fn an_identity_of_its_own_beside_the_required_one_takes_no_further_write() {
    let recipes = &["container-registry", "managed-identity=other"];
    let parameters = &["other.identity=id-demo"];
    let world = World::new();
    let plan = world.plan(recipes, parameters).unwrap().plan;
    let report = PlanReport::new(&plan, Vec::new());
    let types: Vec<(String, String)> = report
        .writes
        .iter()
        .flat_map(|write| &write.changes)
        .filter(|leaf| leaf.place == "identity.type")
        .map(|leaf| leaf.shown.clone())
        .collect();
    let told = |before: &str, after: &str| (format!("\"{before}\""), format!("\"{after}\""));
    // Each write says what it adds; the role between them needs the first.
    assert_eq!(
        types,
        [told("None", "SystemAssigned"), told("SystemAssigned", "SystemAssigned, UserAssigned")]
    );
    let run = works_and_stays(&world, recipes, parameters);
    assert_eq!((run.applied.writes.len(), run.applied.revisions.len()), (3, 1));
}
