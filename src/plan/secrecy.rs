//! Where a secret may go: into properties that Azure never returns, and nowhere else. What others keep in
//! variables counts as a secret too. Recipes may come from strangers, who would like to see it in a tag.

use super::frame::Frame;
use crate::azure::types::ResourceType;
use crate::diagnostic::{Diagnostic, codes};
use crate::recipe::Step;
use crate::steps::Outcome;
use crate::value::{Data, Marks, Path, Value};

impl Frame<'_, '_> {
    /// Whether the step puts nothing hidden where it can be read, and gives no right past
    /// `role_assignment`, also under a name that only the plan shows. What does is reported, and is no
    /// part of a plan: its very path could tell the secret.
    pub(super) fn confined(&self, step: &Step, outcome: &Outcome) -> bool {
        let mut confined = true;
        let mut report = |diagnostic: Diagnostic| {
            confined = false;
            self.engine.problem(diagnostic.label(&self.recipe().source, step.span, ""));
        };
        for path in outcome.kind.gives_rights {
            let keys: Vec<&str> = path.split('.').collect();
            if written(&outcome.fragment, &keys) {
                let message = format!("a recipe may not write {path}: it gives rights as a role does");
                report(Diagnostic::error(codes::FORBIDDEN_TYPE, message));
            }
        }
        let mut misplaced = Vec::new();
        find(outcome.kind, &Path::root(), &outcome.fragment, &mut misplaced);
        for (path, marks) in misplaced {
            let what = if marks.secret { "a secret" } else { "a value of somebody else" };
            let message =
                format!("{what} would stand in {path}, where everybody who may read the resource sees it");
            let diagnostic = Diagnostic::error(codes::SECRET_MISPLACED, message);
            report(diagnostic.fix("put it into a secret of the app and refer to that"));
        }
        confined
    }
}

/// Whether a fragment has something at this path; ARM takes names in any case.
fn written(fragment: &Value, keys: &[&str]) -> bool {
    let Some((first, rest)) = keys.split_first() else {
        return !fragment.is_null();
    };
    let members = fragment.as_map().into_iter().flatten();
    members.filter(|(key, _)| key.eq_ignore_ascii_case(first)).any(|(_, member)| written(member, rest))
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
