//! Where secret inputs go, as far as the file shows it; what only a plan can see is found there.

use std::collections::BTreeSet;

use super::Findings;
use super::fragments::{self, What};
use super::places::{Owner, Place, Role, places};
use super::trace::{From, Leaf, trace};
use crate::diagnostic::{Span, codes};
use crate::expression::{Expression, Node};
use crate::recipe::{Catalogue, Expr, LookupKind, Recipe, Step, StepKind};

/// Checks that secret inputs reach only properties that Azure never returns, and that nothing which is
/// written is decided by what is in them: each such decision would tell a part of the secret.
pub(super) fn check(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    defaults(recipe, findings);
    let mut told: Vec<Span> = Vec::new();
    for step in &recipe.steps {
        let Some((row, _)) = fragments::of(step) else { continue };
        fragments::walk(step, &mut |spot| {
            let (expression, span) = match spot.what {
                What::Key(expression, span) | What::Text(expression, span) => (expression, span),
                What::Scalar(..) | What::Element(_) => return,
            };
            let is_key = matches!(spot.what, What::Key(..));
            let open = is_key || row.is_none_or(|row| !row.write_only.contains(&spot.pattern));
            let for_each = step.for_each.as_ref();
            let place = if is_key { "the name of a property" } else { spot.pattern };
            let at = At { open: open.then_some(place), written: true, condition: false, span };
            judge(recipe, catalogue, expression, for_each, &at, findings);
            told.push(span);
        });
    }
    for here in &places(recipe) {
        asked_too_early(recipe, catalogue, here, findings);
    }
    for here in places(recipe).iter().filter(|here| !told.contains(&here.span)) {
        let Place { expression, span, owner, role, for_each, .. } = here;
        let written = matches!(owner, Owner::Step(_) | Owner::Lookup(_)) || *role == Role::Request;
        let place = match (role, owner) {
            (Role::Words, _) => Some("text that people read"),
            (Role::Request, _) => Some("a request to the app"),
            (Role::Condition { .. } | Role::Credential, _) => None,
            (_, Owner::Step(_)) => Some(asked_of(recipe, *span)),
            (_, Owner::Lookup(name)) if reads_certificate(recipe, name, *span) => continue,
            (_, Owner::Lookup(_)) => Some("the address of a resource"),
            _ => continue,
        };
        let condition = matches!(role, Role::Condition { .. });
        let at = At { open: place, written, condition, span: *span };
        judge(recipe, catalogue, expression, *for_each, &at, findings);
    }
}

/// Whether it is the file of a certificate, or its password: these go nowhere.
fn reads_certificate(recipe: &Recipe, lookup: &str, span: Span) -> bool {
    recipe.existing.values().filter(|one| one.id.name == lookup).any(|one| match &one.kind {
        LookupKind::Certificate(of) => {
            of.file.span == span || of.password.as_ref().is_some_and(|password| password.span == span)
        }
        _ => false,
    })
}

/// What part of a step's address stands there.
fn asked_of(recipe: &Recipe, span: Span) -> &'static str {
    let role = recipe.steps.iter().any(|step| match &step.kind {
        StepKind::RoleAssignment(role) => {
            [role.role.span, role.principal.span, role.scope.span].contains(&span)
        }
        _ => false,
    });
    let user = recipe.steps.iter().any(|step| match &step.kind {
        StepKind::Sql(user) => user.expressions().any(|one| one.span == span),
        _ => false,
    });
    let build = recipe.steps.iter().any(|step| match &step.kind {
        StepKind::ImageBuild(build) => build.span.start <= span.start && span.end <= build.span.end,
        _ => false,
    });
    match (role, user, build) {
        (true, ..) => "a role assignment",
        (_, true, _) => "a database user",
        (.., true) => "an image build, whose arguments end in the image's history",
        _ => "the address of a resource",
    }
}

/// Where an expression stands.
struct At<'p> {
    /// Where its value could be read.
    open: Option<&'p str>,
    /// Whether it decides what is written or sent.
    written: bool,
    /// Whether only its truth counts.
    condition: bool,
    /// The place in the file.
    span: Span,
}

fn judge<'a>(
    recipe: &'a Recipe,
    catalogue: &'a Catalogue,
    expression: &Expression,
    for_each: Option<&'a Expr>,
    at: &At<'_>,
    findings: &mut Findings<'_>,
) {
    let At { open, written, condition, span } = *at;
    // Most recipes have no secret.
    if expression.literal().is_some() {
        return;
    }
    let trace = trace(recipe, catalogue, expression, for_each);
    let secret = |leaves: &[Leaf<'a>]| {
        leaves.iter().find_map(|leaf| match leaf.from {
            From::Input(input) if input.secret => Some(input.id.written.clone()),
            From::Step(step, _) if is_secret(step) => Some(step.id.written.clone()),
            _ => None,
        })
    };
    if let (Some(place), Some(name)) = (open, secret(&trace.leaves)) {
        let message = format!("the secret `{name}` would stand in {place}, where it can be read");
        findings.error(
            codes::SECRET_MISPLACED,
            span,
            message,
            "a secret goes only into properties that Azure never returns",
        );
        return;
    }
    if let (true, true, Some(name)) =
        (trace.vague, written || open.is_some(), any_secret(recipe, catalogue, &mut BTreeSet::new()))
    {
        let message =
            format!("this comes from more than can be followed, and may tell of the secret `{name}`");
        findings.error(codes::SECRET_EXAMINED, span, message, "split it into parts that read less");
        return;
    }
    let mut examined = told_apart(trace.examined);
    if condition {
        // Whether it is given may count; whether something of it is left tells of it.
        examined.extend(trace.leaves.into_iter().filter(|leaf| leaf.made));
    }
    if let (true, Some(name)) = (written, secret(&examined)) {
        let message = format!("what is in the secret `{name}` decides what is written, which tells of it");
        findings.error(codes::SECRET_EXAMINED, span, message, "only whether it is given may count");
    }
}

/// The name of a secret that the recipe, or one that it requires, has.
fn any_secret(recipe: &Recipe, catalogue: &Catalogue, seen: &mut BTreeSet<String>) -> Option<String> {
    if !seen.insert(recipe.name.value.clone()) {
        return None;
    }
    let inputs = recipe.inputs.values().filter(|input| input.secret).map(|input| &input.id);
    let steps = recipe.steps.iter().filter(|step| is_secret(step)).map(|step| &step.id);
    let own = inputs.chain(steps).next().map(|id| id.written.clone());
    own.or_else(|| {
        let required = recipe.requires.iter().filter_map(|one| catalogue.get(&one.recipe.value).ok());
        required.into_iter().find_map(|one| any_secret(one, catalogue, seen))
    })
}

/// Whether a step's result is a secret.
fn is_secret(step: &Step) -> bool {
    matches!(&step.kind, StepKind::Action(action) if action.reads())
}

/// What is examined, without the names by which the values of an answer are told apart (`keyName` of
/// `listKeys`): these stand in Azure's documentation.
fn told_apart(leaves: Vec<Leaf<'_>>) -> Vec<Leaf<'_>> {
    let is_name = |leaf: &Leaf<'_>| match &leaf.from {
        From::Step(step, path) => {
            is_secret(step) && path.last().is_some_and(|last| matches!(last.as_str(), "keyName" | "name"))
        }
        _ => false,
    };
    leaves.into_iter().filter(|leaf| !is_name(leaf)).collect()
}

/// An answer is there only when a write needs it: nothing else may read it.
fn asked_too_early(recipe: &Recipe, catalogue: &Catalogue, here: &Place<'_>, findings: &mut Findings<'_>) {
    let fragment = matches!((here.owner, here.role), (Owner::Step(_), Role::Value));
    if fragment || matches!(here.owner, Owner::Variable(_)) || here.expression.literal().is_some() {
        return;
    }
    let trace = trace(recipe, catalogue, here.expression, here.for_each);
    let asked = trace.leaves.iter().chain(&trace.examined).find_map(|leaf| match leaf.from {
        From::Step(step, _) if is_secret(step) => Some(step),
        _ => None,
    });
    // What was not followed may be any of them.
    let vague = trace.vague.then(|| recipe.steps.iter().find(|step| is_secret(step))).flatten();
    let asked = asked.or(vague);
    if let Some(step) = asked {
        let message = format!("what `{}` answers is known only when a write needs it", step.id.written);
        let beside = "only what a step writes may hold it";
        findings.error(codes::KNOWN_TOO_LATE, here.span, message, beside);
    }
}

/// A default stands in a file that everybody reads.
fn defaults(recipe: &Recipe, findings: &mut Findings<'_>) {
    for input in recipe.inputs.values().filter(|input| input.secret) {
        let Some(default) = &input.default else { continue };
        let written = match &default.node {
            Node::Scalar(value) => !value.is_null(),
            Node::Text(text) => text.literal().is_some_and(|text| !text.is_empty()),
            Node::List(items) => !items.is_empty(),
            Node::Map(members) => !members.is_empty(),
        };
        if written {
            let message = format!("the default of the secret `{}` stands in the recipe", input.id.written);
            findings.error(codes::SECRET_DEFAULT, default.span, message, "leave it to whoever runs it");
        }
    }
}
