//! What people read of a job: it has no replicas that wait for a restart, and no revisions.

use super::place::Place;

const PLAIN: &str = "--sandbox -p job_name=job-demo -p image=ghcr.io/acarecipe/sidecar:1.0";
const NEXT: &str = "what runs already does not have the identity; the next execution has it";

#[test]
fn a_new_identity_is_told_as_a_jobs() {
    let place = Place::new();
    let made = place.line(&format!("plan jobs {PLAIN}")).code(0).stdout;
    assert!(made.contains("identity.type"), "{made}");
    assert!(
        !made.contains("replicas see") && !made.contains(NEXT),
        "one that is made runs nothing yet: {made}"
    );

    let _ = place.line(&format!("apply jobs --yes {PLAIN}")).code(0);
    let given = place.line(&format!("plan jobs {PLAIN} -p identity=id-demo")).code(0).stdout;
    assert!(given.contains(NEXT) && !given.contains("replicas see"), "{given}");
}
