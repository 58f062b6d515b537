//! Where a secret may go: into properties that Azure never returns, and nowhere else. What others keep in
//! variables counts as a secret too. Recipes may come from strangers, who would like to see it in a tag.

use super::StepPlan;
use super::engine::Engine;
use crate::azure::types::ResourceType;
use crate::diagnostic::{Diagnostic, codes};
use crate::value::{Data, Marks, Path, Value};

/// Reports every secret that a step would put where it can be read.
pub(super) fn report(engine: &Engine<'_>, steps: &[StepPlan]) {
    for step in steps {
        let mut misplaced = Vec::new();
        find(step.outcome.kind, &Path::root(), &step.outcome.fragment, &mut misplaced);
        for (path, marks) in misplaced {
            let what = if marks.secret { "a secret" } else { "a value of somebody else" };
            let message =
                format!("{what} would stand in {path}, where everybody who may read the resource sees it");
            let mut diagnostic = Diagnostic::error(codes::SECRET_MISPLACED, message)
                .fix("put it into a secret of the app and refer to that");
            if let Some(instance) = engine.instances().iter().find(|one| one.alias == step.instance) {
                diagnostic = diagnostic.label(&instance.recipe.source, step.span, "");
            }
            engine.problem(diagnostic);
        }
    }
}

/// The places below `value` where something hidden would be seen. A secret that became a key marks the
/// object it is a key of; the key members of list elements are values here.
fn find(kind: &ResourceType, path: &Path, value: &Value, misplaced: &mut Vec<(Path, Marks)>) {
    if kind.write_only.contains(&path.pattern().as_str()) {
        return;
    }
    if value.marks.hidden() {
        misplaced.push((path.clone(), value.marks));
        return;
    }
    match &value.data {
        Data::Map(members) => {
            members.iter().for_each(|(key, member)| find(kind, &path.key(key), member, misplaced));
        }
        Data::List(items) => items.iter().for_each(|item| find(kind, &path.element(""), item, misplaced)),
        _ => {}
    }
}
