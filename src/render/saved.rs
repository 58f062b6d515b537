//! What people read of saved plans.

/// Where a plan was saved, and what to do with it.
pub fn saved_plan(file: &str) -> String {
    format!("\nSaved in {file}: apply it with the same recipes, inputs and target, and --plan {file}\n")
}

/// That a plan is what was approved at `made_at`; `done` of its `of` changes are in place already.
pub fn approved(file: &str, made_at: &str, done: usize, of: usize) -> String {
    let left = match done {
        0 => String::new(),
        done => format!("; {done} of its {of} changes are in place already"),
    };
    format!("\nApproved by {file}, saved at {made_at}{left}\n")
}
