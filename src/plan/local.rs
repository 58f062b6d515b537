//! Paths of this computer that recipes read: whose they are. A recipe may come from a stranger, who is not to have
//! files read or sent that the caller did not name. Lint and binding say the same; here it is decided, by following
//! each path to whoever wrote it.

use super::engine::Engine;
use super::frame::Frame;
use crate::diagnostic::{Diagnostic, codes};
use crate::expression::{Node, Tree};
use crate::facts::LocalPath;
use crate::recipe::inputs::{BoundValue, InputOrigin, Wanted, disagreement};
use crate::recipe::{Expr, Origin, PathSource, is_relative, path_source, path_source_of};
use crate::value::Value;

/// Who said where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Whose {
    /// The caller.
    Caller,
    /// The recipe of this instance, with these words.
    Recipe(usize, String),
    /// Nobody: there is none.
    Nobody,
}

/// Something that could lead anywhere.
struct Anywhere;

impl Frame<'_, '_> {
    /// The path that an expression gives: what a caller gave to an input of the type `path` may lead anywhere, what a
    /// recipe wrote out stays in its folder, what a built-in one did where the command runs.
    ///
    /// # Errors
    /// What stands in its place: an unknown value, or null when there is no path, or a problem was told.
    pub(super) fn local_path(&self, expression: &Expr) -> Result<LocalPath, Value> {
        let value = self.expression(expression);
        if value.is_unknown() {
            return Err(value);
        }
        // It stands in messages, and opens files.
        if self.hides(value.marks, expression.span, "a path") {
            return Err(Value::null());
        }
        let whose = match path_source(self.recipe(), &expression.value) {
            Some(PathSource::Written(text)) => Ok(Whose::Recipe(self.instance, text)),
            Some(PathSource::Input(name)) => self.engine.whose(self.instance, &name),
            None => Err(Anywhere),
        };
        let path = match whose {
            Ok(Whose::Caller) => value.as_str().map(|path| LocalPath::Typed(path.to_owned())),
            Ok(Whose::Recipe(by, path)) if is_relative(&path) => Some(match &self.engine.recipe(by).origin {
                Origin::BuiltIn => LocalPath::Working(path),
                Origin::Folder(folder) => LocalPath::Beneath { folder: folder.clone(), path },
            }),
            Ok(Whose::Nobody) => None,
            Ok(Whose::Recipe(..)) | Err(Anywhere) => {
                let message = "a recipe sets this path to what only a caller may name".to_owned();
                let problem = Diagnostic::error(codes::OUTSIDE_FOLDER, message)
                    .fix("give the path to the input yourself: -p NAME=PATH")
                    .label(&self.recipe().source, expression.span, "");
                self.engine.problem(problem);
                None
            }
        };
        path.ok_or_else(Value::null)
    }
}

impl Engine<'_> {
    /// Who said where an input of the type `path` leads.
    fn whose(&self, instance: usize, name: &str) -> Result<Whose, Anywhere> {
        let Some(input) = self.request.selection.inputs.get(&self.instances()[instance].alias, name) else {
            return Ok(Whose::Nobody);
        };
        match &input.value {
            BoundValue::Given(_) => match input.origin {
                // Anybody can list `HOME`.
                InputOrigin::Environment(_) if self.recipe(instance).origin != Origin::BuiltIn => {
                    Err(Anywhere)
                }
                _ => Ok(Whose::Caller),
            },
            BoundValue::Expression { tree, scope } => {
                self.written(self.position(scope).unwrap_or(instance), tree)
            }
            BoundValue::Required { wanted, default } => {
                match self.set_by_requirement(instance, name, wanted)? {
                    Some(whose) => Ok(whose),
                    None => default.as_ref().map_or(Ok(Whose::Nobody), |tree| self.written(instance, tree)),
                }
            }
            BoundValue::Unset => Ok(Whose::Nobody),
        }
    }

    /// Who set it, of those that require the instance and take part.
    fn set_by_requirement(
        &self,
        instance: usize,
        name: &str,
        wanted: &[Wanted],
    ) -> Result<Option<Whose>, Anywhere> {
        let mut set: Option<(&Wanted, Whose)> = None;
        for one in wanted.iter().filter(|one| self.wants(instance, one.requirement).truthy() == Some(true)) {
            let by = self.position(&one.by).unwrap_or(instance);
            let whose = match path_source_of(self.recipe(by), &one.tree) {
                // Requirements have no circles: the catalogue refuses them.
                Some(PathSource::Input(name)) => self.whose(by, &name)?,
                _ => self.written(by, &one.tree)?,
            };
            match &set {
                None => set = Some((one, whose)),
                Some((_, first)) if *first == whose => {}
                // The same words in two folders are two paths.
                Some((first, _)) => {
                    let bound = &self.instances()[instance];
                    if let Some(input) = bound.recipe.inputs.get(name) {
                        self.problem(disagreement(self.instances(), bound, input, first, one));
                    }
                }
            }
        }
        Ok(set.map(|(_, whose)| whose))
    }

    /// A path that the recipe of an instance wrote out.
    fn written(&self, instance: usize, tree: &Tree) -> Result<Whose, Anywhere> {
        match path_source_of(self.recipe(instance), tree) {
            Some(PathSource::Written(text)) => Ok(Whose::Recipe(instance, text)),
            None if matches!(&tree.node, Node::Scalar(value) if value.is_null()) => Ok(Whose::Nobody),
            _ => Err(Anywhere),
        }
    }
}
