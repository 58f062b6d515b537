//! Secrets stay secret: values that tests can recognise stand everywhere, and nothing that can be seen
//! holds one.

use std::fmt::Write as _;

use acarecipe::diagnostic::json;
use acarecipe::execute::Observed;
use acarecipe::report::{Check, PlanReport, Report};
use acarecipe::sandbox::seed::{self, variant};
use serde_json::json as object;

use super::super::support::world::{Run, World};
use super::{BOTH, EXISTING, SECRET, app, described};

/// In the vault, in a plain secret, in variables of three containers, and the one that gives way.
const MARKED: [&str; 6] = [
    "canary-vault-0001",
    "canary-plain-0002",
    "canary-own-0003",
    "canary-sidecar-0004",
    "canary-init-0005",
    "canary-replaced-0006",
];

fn marked(identity: &str) -> World {
    let world = World::new().edited(variant::sidecar_first).edited(variant::init_container).edited(|state| {
        for version in state.vault_mut(seed::VAULT).unwrap().secrets.values_mut().flatten() {
            MARKED[0].clone_into(&mut version.value);
        }
        variant::plain_secret(state, "smtp", MARKED[1]);
        variant::variable(state, object!({ "name": "OWN", "value": MARKED[2] }));
        variant::variable(state, object!({ "name": "DB_PASSWORD", "value": MARKED[5] }));
        variant::variable(state, object!({ "name": "AZURE_CLIENT_ID", "value": MARKED[5] }));
        let template = &mut state.app_mut(seed::APP).unwrap().model["properties"]["template"];
        template["containers"][0]["env"][0]["value"] = object!(MARKED[3]);
        template["initContainers"][0]["env"][0]["value"] = object!(MARKED[4]);
        let template = template.clone();
        state.app_mut(seed::APP).unwrap().revisions[0].template = template;
    });
    assert!(identity.contains("identity="));
    world
}

/// Everything that a plan lets people and files see.
fn shown_of(observed: &Observed) -> String {
    let plan = &observed.plan;
    let report = PlanReport::new(plan, Vec::new());
    let mut shown = serde_json::to_string(&report).unwrap();
    for write in &report.writes {
        for leaf in &write.changes {
            write!(shown, "{:?} {:?}", leaf.shown, leaf.path).unwrap();
        }
    }
    write!(shown, "{:?} {:?}", plan.prerequisites, plan.verifications).unwrap();
    write!(shown, "{:?} {:?}", plan.health, plan.unreadable).unwrap();
    for problem in &plan.problems {
        write!(shown, "{}", json::to_json(problem)).unwrap();
    }
    let mut whole = Report::new("apply", true);
    whole.conclude(plan);
    shown.push_str(&serde_json::to_string(&whole).unwrap());
    shown
}

/// Everything that a run lets people, files and servers see.
pub(super) fn shown(world: &World, run: &Run) -> String {
    let mut shown = shown_of(&run.planned);
    match &run.end {
        Ok(observed) => {
            shown.push_str(&shown_of(observed));
            for finding in run.findings() {
                shown.push_str(&serde_json::to_string(&Check::new(&finding, false)).unwrap());
            }
        }
        Err(failure) => {
            write!(shown, "{failure:?}").unwrap();
            if let Some(diagnostic) = failure.diagnostic() {
                write!(shown, "{}", json::to_json(diagnostic)).unwrap();
            }
        }
    }
    write!(shown, "{:?}", run.applied).unwrap();
    write!(shown, "{:?}", world.seen.events.lock().unwrap()).unwrap();
    write!(shown, "{:?}", world.seen.writes.lock().unwrap()).unwrap();
    shown
}

#[track_caller]
fn nothing_marked(shown: &str) {
    for marked in MARKED {
        if let Some(at) = shown.find(marked) {
            let from = at.saturating_sub(200);
            panic!("{marked} shows: …{}…", shown.get(from..at + 40).unwrap_or_default());
        }
    }
}

#[test]
fn no_value_shows_in_a_run() {
    for identity in ["managed-identity.identity=system", EXISTING, "managed-identity.identity=create"] {
        let world = marked(identity);
        let run = world.apply(BOTH, &[SECRET, identity]);
        run.ok();
        nothing_marked(&shown(&world, &run));
        let report = serde_json::to_string(&PlanReport::new(&run.planned.plan, Vec::new())).unwrap();
        assert!(report.contains("(existing value)"), "{report}");
        // Drift is told without the value, too.
        world.sandbox.edit(|state| {
            let app = state.app_mut(seed::APP).unwrap();
            let env = app.model["properties"]["template"]["containers"][1]["env"].as_array_mut().unwrap();
            let ours = env.iter_mut().find(|one| one["name"] == "DB_PASSWORD").unwrap();
            *ours = object!({ "name": "DB_PASSWORD", "value": MARKED[5] });
            let template = app.template().clone();
            app.revisions.last_mut().unwrap().template = template;
        });
        nothing_marked(&format!("{:?}", world.verify(BOTH, &[SECRET, identity])));
        let run = world.apply(BOTH, &[SECRET, identity]);
        run.ok();
        nothing_marked(&shown(&world, &run));
        described(&world);
    }
}

#[test]
fn no_value_shows_in_a_run_that_fails() {
    for parameters in [&["secrets.KEY=old-key", EXISTING][..], &["secrets.SMTP=smtp", EXISTING]] {
        let world = marked(EXISTING);
        match world.try_apply(BOTH, parameters) {
            Ok(run) => {
                assert!(run.end.is_err());
                nothing_marked(&shown(&world, &run));
            }
            Err(planned) => nothing_marked(&shown_of(&planned)),
        }
    }
    // An operation that fails after it was accepted: what is on the app and does not run is compared
    // with the revision's own template.
    let world = marked(EXISTING).edited(|state| {
        state.app_mut(seed::APP).unwrap().model["properties"]["template"]["containers"][1]["image"] =
            object!(seed::IMAGE_UNKNOWN);
    });
    for _ in 0..2 {
        let run = world.apply(BOTH, &[SECRET, EXISTING]);
        assert!(run.end.is_err());
        nothing_marked(&shown(&world, &run));
    }
}

#[test]
fn values_travel_only_where_azure_needs_them() {
    let world = marked(EXISTING);
    world.apply(BOTH, &[SECRET, EXISTING]).ok();
    for exchange in world.sandbox.exchanges() {
        let asked = format!("{} {:?}", exchange.path, exchange.query);
        nothing_marked(&asked);
        let body = exchange.request_body.as_ref().map(ToString::to_string).unwrap_or_default();
        // Never: what the vault holds, what gives way.
        assert!(!body.contains(MARKED[0]) && !body.contains(MARKED[5]), "{body}");
        if exchange.method != "PATCH" {
            nothing_marked(&body);
        }
        assert!(!exchange.path.contains("vault.azure.net") && !exchange.path.contains("/secrets/"));
    }
    // The plain secret went back with its value: otherwise it would be lost.
    assert_eq!(super::secret(&app(&world), "smtp")["value"], MARKED[1]);
}
