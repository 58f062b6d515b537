//! A principal that the directory does not know: waited for as long as it may be new, and no longer.

use std::time::Duration;

use acarecipe::sandbox::Switches;
use acarecipe::sandbox::seed;

use crate::support::world::{START, World};

#[test]
fn one_that_never_comes_is_told_long_before_the_deadline() {
    // Azure refuses it even though the type is given, and for good.
    let mut world = World::with(Switches::flip("principal-type-suffices").unwrap(), Vec::new());
    world.timeout = Duration::from_secs(60 * 60);
    world.sandbox.edit(|state| {
        let identity = state.identities.values().find(|one| one.id.ends_with("/id-demo"));
        let principal = identity.unwrap().principal_id.clone();
        state.principals.remove(&principal);
    });
    let role =
        format!(r#"roles=[{{"role":"Key Vault Secrets User","scope":"{}"}}]"#, seed::vault_id("kv-demo"));
    let run = world.apply(&["managed-identity"], &["identity=id-demo", &role]);
    let failure = run.end.expect_err("the principal is not there");
    let told = format!("{:?}", failure.diagnostic());
    assert!(told.contains("PrincipalNotFound"), "{told}");
    let waited = acarecipe::clock::Clock::now(&*world.clock) - START;
    assert!(waited > time::Duration::minutes(9) && waited < time::Duration::minutes(20), "{waited}");
}
