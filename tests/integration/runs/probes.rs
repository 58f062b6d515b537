//! Checks that ask the app: what they come to, how long they ask, and whom they never ask.

use std::path::Path;

use acarecipe::plan::{Finding, Status};
use acarecipe::sandbox::seed::variant::answers::{self, Script};
use acarecipe::sandbox::state::State;
use acarecipe::sandbox::{Exchange, Service};

use super::super::support::world::World;

const DOMAIN: &str = "happyfield-12345678.westeurope.azurecontainerapps.io";
const OWN: &str = "https://${app.properties.configuration.ingress.fqdn}";

/// A world with the recipe `asks`, whose `verify` is this.
fn asking(verify: &str) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), verify);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    (world, folder)
}

fn write(folder: &Path, rest: &str) {
    std::fs::create_dir_all(folder.join("asks")).unwrap();
    let head = "name: asks\ntitle: Asks\ncategory: test\ncomplexity: low\n";
    std::fs::write(folder.join("asks/recipe.yaml"), format!("{head}{rest}")).unwrap();
}

/// What the one check comes to.
fn finding(world: &World) -> Finding {
    let findings = world.verify(&["asks"], &[]);
    let mut own = findings.into_iter().filter(|finding| finding.instance.as_deref() == Some("asks"));
    let one = own.next().expect("the check is judged");
    assert!(own.next().is_none(), "only one");
    one
}

fn outcome(verify: &str, change: impl FnOnce(&mut State)) -> (Status, String, World) {
    let (world, _folder) = asking(verify);
    let world = world.edited(change);
    let found = finding(&world);
    (found.status, found.detail.unwrap_or_default(), world)
}

fn asked(world: &World) -> Vec<Exchange> {
    world.sandbox.exchanges().into_iter().filter(|one| one.service == Service::App).collect()
}

fn health(rest: &str) -> String {
    format!("verify: [{{ name: the app answers, http: {{ url: \"{OWN}/health\"{rest} }} }}]\n")
}

fn status(status: u16) -> impl FnOnce(&mut State) {
    move |state| answers::app_answers(state, &Script { status: Some(status), ..Script::default() })
}

#[test]
fn an_answer_is_judged_by_status_time_and_body() {
    let (status_, detail, world) = outcome(&health(""), |_| {});
    assert_eq!((status_, detail.as_str()), (Status::Passed, "200 (0 ms)"));
    assert_eq!(asked(&world).len(), 1);
    let (status_, detail, _) = outcome(&health(""), status(500));
    assert_eq!(status_, Status::Failed);
    assert_eq!(
        detail,
        format!(
            "https://ca-demo.{DOMAIN}/health answered 500, not 200-399: {{\"status\":\"failing\",\"revision\":\"ca-demo--first01\"}}"
        )
    );
    for (rest, holds) in [
        (", status: [500]", true),
        (", status: [200, \"500-599\"]", true),
        (", status: \"${[`500`]}\"", true),
        (", status: [503]", false),
        (", status: [500], body: \"${it.json.status == 'failing' && it.status == `500`}\"", true),
        (", status: [500], body: \"${contains(it.body, 'failing') && it.elapsed < `1000`}\"", true),
        (", status: [500], body: \"${it.headers.\\\"content-type\\\" == 'application/json'}\"", true),
        (", status: [500], body: \"${it.json.status == 'ok'}\"", false),
        (", status: [500], body: \"${it.json.nothing}\"", false),
        (", status: [500], body: \"${length(it.status) > `0`}\"", false),
    ] {
        let (came, detail, _) = outcome(&health(rest), status(500));
        assert_eq!(came == Status::Passed, holds, "{rest}: {detail}");
    }
    let slow = |state: &mut State| answers::app_answers(state, &Script { slow: 3000, ..Script::default() });
    assert_eq!(outcome(&health(""), slow).1, "200 (3000 ms)");
    let (came, detail, _) = outcome(&health(", max_time: 2s"), slow);
    assert_eq!(came, Status::Failed);
    assert!(detail.contains("no answer from ca-demo.") && detail.ends_with("within 2000 ms"), "{detail}");
}
