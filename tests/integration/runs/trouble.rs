//! A new revision that does not get well: the run ends, and says why.

use acarecipe::diagnostic::codes;
use acarecipe::execute::Failure;
use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
use acarecipe::sandbox::seed::{self, variant};
use serde_json::json;

use super::super::support::world::{START, World, failed};
use super::{BOTH, EXISTING, IDENTITY, SECRET, app, failure, of_code, text, works_and_stays};

/// An app whose next revision runs this image; its role on the vault long in force.
fn with_image(image: &str) -> World {
    World::new().edited(|state| {
        let vault = seed::vault_id(seed::VAULT);
        seed::assign_role(
            state,
            &vault,
            KEY_VAULT_SECRETS_USER,
            seed::IDENTITY_PRINCIPAL,
            START - time::Duration::DAY,
        );
        state.app_mut(seed::APP).unwrap().model["properties"]["template"]["containers"][0]["image"] =
            json!(image);
    })
}

#[test]
fn an_image_that_cannot_be_pulled() {
    for (image, word, cause) in [
        (seed::IMAGE_UNAUTHORIZED, "UNAUTHORIZED", "pull"),
        (seed::IMAGE_UNKNOWN, "MANIFEST_UNKNOWN", "not in the registry"),
    ] {
        let world = with_image(image);
        let run = world.apply(BOTH, &[SECRET, EXISTING]);
        let (_, diagnostic, said) = failure(&run);
        assert!(said.contains(word) && said.contains(cause), "{said}");
        assert!(diagnostic.fix.is_some() && diagnostic.docs.is_some(), "{diagnostic:#?}");
        assert_eq!(
            diagnostic.resource.as_deref().map(str::to_lowercase),
            Some(seed::app_id().to_lowercase())
        );
        // Mended, the same command completes it.
        world.sandbox.edit(|state| {
            state.app_mut(seed::APP).unwrap().model["properties"]["template"]["containers"][0]["image"] =
                json!(seed::IMAGE);
        });
        world.sandbox.edit(|state| {
            let app = state.app_mut(seed::APP).unwrap();
            app.provisioning_state = "Succeeded".to_owned();
        });
        let run = world.apply(BOTH, &[SECRET, EXISTING]);
        assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    }
}

#[test]
fn a_container_that_crashes() {
    let world = with_image(seed::IMAGE_CRASHING);
    let run = world.apply(BOTH, &[SECRET, EXISTING]);
    let (failure, diagnostic, said) = failure(&run);
    assert!(matches!(failure, Failure::Unhealthy(_)), "{failure:?}");
    let newest = app(&world).latest().unwrap().name.clone();
    assert!(said.contains(&newest) && said.contains("exit code 1"), "{said}");
    assert!(
        said.contains("container ends soon after its start") && said.contains("az containerapp logs show"),
        "{said}"
    );
    assert_eq!(diagnostic.code, codes::REVISION_HEALTH);
    // The write itself was accepted, and what it did is known.
    assert_eq!(run.applied.revisions, [newest]);
    // Verification says the same.
    let findings = world.verify(BOTH, &[SECRET, EXISTING]);
    let revision = of_code(&findings, codes::REVISION_HEALTH);
    assert!(text(revision).contains("exit code 1"), "{revision:#?}");
    assert!(!failed(&findings).is_empty());
}

#[test]
fn a_port_nobody_listens_on() {
    let world = with_image(seed::IMAGE_OTHER_PORT);
    let run = world.apply(BOTH, &[SECRET, EXISTING]);
    let (failure, _, said) = failure(&run);
    assert!(matches!(failure, Failure::Unhealthy(_)), "{failure:?}");
    assert!(said.contains("TargetPort 8000") && said.contains("3000"), "{said}");
    assert!(said.contains("does not listen on the target port"), "{said}");
}

#[test]
fn a_revision_that_never_ends_being_provisioned_ends_the_run_in_time() {
    let mut world = with_image(seed::IMAGE);
    world.timeout = std::time::Duration::from_secs(15 * 60);
    world.sandbox.edit(|state| {
        // Duplicate names are accepted and wedge the revision; here in a container that is not ours,
        // put there between the look and the write.
        variant::sidecar_first(state);
    });
    let run = world.apply(IDENTITY, &[]);
    assert!(failed(&run.findings()).is_empty());
    world.sandbox.edit(|state| {
        let app = state.app_mut(seed::APP).unwrap();
        let revision = app.revisions.last_mut().unwrap();
        revision.settled = false;
        revision.fate = acarecipe::sandbox::state::Fate::Stuck;
    });
    let findings = world.verify(IDENTITY, &[]);
    let revision = of_code(&findings, codes::REVISION_HEALTH);
    assert!(text(revision).contains("not ready in time"), "{revision:#?}");
}

#[test]
fn an_app_that_was_unhealthy_before_does_not_stand_in_the_way() {
    let world = World::new().edited(|state| variant::unhealthy(state, "1/1 Container crashing: ca-demo"));
    let run = world.apply(IDENTITY, &[]);
    assert_eq!(run.applied.writes.len(), 1);
    let findings = run.findings();
    let revision = of_code(&findings, codes::REVISION_HEALTH);
    assert_eq!(revision.status, acarecipe::plan::Status::Failed, "and it is still told: {revision:#?}");
    // With a new revision that runs well all is well.
    works_and_stays(&world, BOTH, &[SECRET]);
}
