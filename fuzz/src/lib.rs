//! The targets of the test suite, for libFuzzer.

#[path = "../../tests/integration/fuzz/targets.rs"]
mod targets;

pub use targets::TARGETS;

/// Runs the target of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    (target.run)(bytes);
}
