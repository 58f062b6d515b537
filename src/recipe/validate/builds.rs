//! `image_build`: what is built where, and of which folder. A recipe may come from a stranger, who is not to
//! have folders of the caller's sent away that the caller did not name.

use super::{Findings, names_registry};
use crate::diagnostic::codes;
use crate::expression::{Node, Tree};
use crate::recipe::{Expr, Origin, PathSource, Recipe, StepKind, is_relative, path_source, stays_inside};

/// Checks every image build of the recipe.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for step in &recipe.steps {
        let StepKind::ImageBuild(build) = &step.kind else { continue };
        if !names_registry(recipe, &build.registry.value) {
            let message = "a build's `registry` is a lookup of a container registry";
            findings.error(codes::BAD_VALUE, build.registry.span, message, "such as \"${registry}\"");
        }
        local(recipe, &build.context, "context", findings);
        if let Some(path) = build.dockerfile.as_ref().and_then(|path| path.value.literal())
            && !stays_inside(&path)
        {
            let span = build.dockerfile.as_ref().map_or(build.span, |path| path.span);
            findings.error(codes::OUTSIDE_FOLDER, span, "the Dockerfile is not in the context", "");
        }
        for (tree, what) in [(&build.tags, "tags"), (&build.test, "test")] {
            let fits = |tree: &Tree| matches!(tree.node, Node::List(_) | Node::Text(_));
            if let Some(tree) = tree.as_ref().filter(|tree| !fits(tree) || is_plain(tree)) {
                findings.error(codes::WRONG_TYPE, tree.span, format!("a build's `{what}` is a list"), "");
            }
        }
        let fits = |tree: &Tree| matches!(tree.node, Node::Map(_) | Node::Text(_));
        if let Some(tree) = build.args.as_ref().filter(|tree| !fits(tree) || is_plain(tree)) {
            findings.error(codes::WRONG_TYPE, tree.span, "a build's `args` is a map", "");
        }
    }
}

/// Whether it is text without an expression, which can be no list and no map.
fn is_plain(tree: &Tree) -> bool {
    matches!(&tree.node, Node::Text(text) if text.literal().is_some())
}

/// Checks that a path of this computer is one that the caller names, or leads to something beneath the recipe's
/// folder.
pub(super) fn local(recipe: &Recipe, path: &Expr, what: &str, findings: &mut Findings<'_>) {
    match path_source(recipe, &path.value) {
        Some(PathSource::Written(_)) if recipe.origin == Origin::BuiltIn => {
            let message =
                format!("a recipe that is built in has no folder, so that its `{what}` is an input");
            findings.error(codes::BAD_VALUE, path.span, message, "");
        }
        Some(PathSource::Written(written)) if !is_relative(&written) => {
            let message = format!("this `{what}` leads out of the recipe's folder");
            let help = "let an input of the type `path` name it";
            findings.error(codes::OUTSIDE_FOLDER, path.span, message, help);
        }
        Some(_) => {}
        None => {
            let message = format!("a `{what}` is an input of the type `path`, or a path written out");
            findings.error(codes::BAD_VALUE, path.span, message, "such as \"${inputs.context}\"");
        }
    }
}
