//! Paths of this computer that recipes read: whose they are. A recipe may come from a stranger, who is not to have
//! files read or sent that the caller did not name.

use super::frame::Frame;
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::LocalPath;
use crate::recipe::inputs::BoundValue;
use crate::recipe::{Expr, Origin, Shape, stays_inside};

impl Frame<'_, '_> {
    /// The path that an expression gives, and what it must lie in: what a caller gave to any input of the type
    /// `path` may lead anywhere, what a recipe set stays where the command runs, and what it wrote out stays in
    /// its folder. `None`: there is none, or it was told what is wrong with it.
    pub(super) fn local_path(&self, expression: &Expr) -> Option<LocalPath> {
        let value = self.expression(expression);
        if self.hides(value.marks, expression.span, "a path") {
            return None;
        }
        let text = value.as_str()?.to_owned();
        if self.typed_path(&text) {
            return Some(LocalPath::Typed(text));
        }
        let written = expression.value.literal().is_some();
        let path = match (&self.recipe().origin, written) {
            (Origin::Folder(folder), true) => LocalPath::Beneath { folder: folder.clone(), path: text },
            _ => LocalPath::Working(text),
        };
        if stays_inside(path.written()) {
            return Some(path);
        }
        let message = format!("the recipe names {}, which only a caller may name", path.written());
        let problem = Diagnostic::error(codes::OUTSIDE_FOLDER, message)
            .fix("give the path to the input yourself: -p NAME=PATH")
            .label(&self.recipe().source, expression.span, "");
        self.engine.problem(problem);
        None
    }

    /// Whether the caller gave this very path to an input that takes one.
    fn typed_path(&self, path: &str) -> bool {
        self.engine.instances().iter().any(|instance| {
            let inputs = instance.recipe.inputs.values().filter(|input| input.shape == Shape::Path);
            let mut given = inputs.filter_map(|input| {
                match &self.engine.request.selection.inputs.get(&instance.alias, &input.id.name)?.value {
                    BoundValue::Given(value) => value.as_str(),
                    _ => None,
                }
            });
            given.any(|given| given == path)
        })
    }
}
