//! Every expression of a recipe, with what is asked of it where it stands.

use super::references::{ANSWER, DNS_ANSWER};
use crate::diagnostic::Span;
use crate::expression::{Expression, Node, Tree};
use crate::recipe::{Check, CheckKind, Definition, Expr, LookupKind, Recipe, StepKind};

/// An expression and what its place asks of it.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) expression: &'a Expression,
    pub(super) span: Span,
    /// What it belongs to.
    pub(super) owner: Owner<'a>,
    pub(super) role: Role,
    /// The loop it stands below; then `each` is there.
    pub(super) for_each: Option<&'a Expr>,
    /// What `it` has, where an answer is judged; elsewhere there is no `it`.
    pub(super) it: Option<&'static [&'static str]>,
    /// Whether what a step waits for is judged there; then `it` is, too.
    pub(super) found: bool,
    /// Whether it stands in a check of a rollout; then `candidate` is there.
    pub(super) on_candidate: bool,
}

/// What an expression belongs to, by name as expressions spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Owner<'a> {
    Variable(&'a str),
    Output(&'a str),
    Step(&'a str),
    Lookup(&'a str),
    /// Checks, notes, defaults, requirements: nothing refers to them.
    Leaf,
}

/// What a place asks of its expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// `when`, `for_each`, `that`, `not_exercised`: a value that no plain text can be; the first two known at plan.
    Condition { at_plan: bool },
    /// Known at plan.
    Plan,
    /// Any value.
    Value,
    /// Part of a request to the app.
    Request,
    /// What only this computer sees: the key of a client certificate.
    Credential,
    /// Words for people.
    Words,
}

impl Role {
    pub(super) fn at_plan(self) -> bool {
        matches!(self, Role::Plan | Role::Condition { at_plan: true })
    }
}

/// All expressions of the recipe, in the order of the model.
pub(super) fn places(recipe: &Recipe) -> Vec<Place<'_>> {
    let mut all = Collector {
        places: Vec::new(),
        owner: Owner::Leaf,
        for_each: None,
        found: false,
        on_candidate: false,
    };
    let condition = Role::Condition { at_plan: true };
    for requirement in &recipe.requires {
        all.one(requirement.when.as_ref(), condition);
        all.definitions(requirement.with.values(), |_| Owner::Leaf);
    }
    for input in recipe.inputs.values() {
        if let Some(default) = &input.default {
            all.tree(default);
        }
    }
    for lookup in recipe.existing.values() {
        all.enter(Owner::Lookup(&lookup.id.name), lookup.for_each.as_ref());
        all.one(lookup.when.as_ref(), condition);
        all.lookup(&lookup.kind, Role::Plan);
        all.one(lookup.fix.as_ref(), Role::Words);
    }
    all.enter(Owner::Leaf, None);
    all.definitions(recipe.variables.values(), Owner::Variable);
    all.checks(&recipe.prerequisites);
    for step in &recipe.steps {
        all.enter(Owner::Step(&step.id.name), step.for_each.as_ref());
        all.one(step.when.as_ref(), condition);
        all.one(step.why.as_ref(), Role::Words);
        match &step.kind {
            StepKind::ContainerApp(fragment) => all.tree(fragment),
            StepKind::Resource(resource) => {
                // Found by what is in it, it needs a name only when it is made.
                let name = if resource.matches.is_empty() { Role::Plan } else { Role::Value };
                all.one(Some(&resource.name), name);
                all.one(resource.parent.as_ref(), Role::Plan);
                all.one(resource.scope.as_ref(), Role::Plan);
                all.tree(&resource.body);
                if let Some(guard) = &resource.guard {
                    all.one(Some(&guard.when), condition);
                    all.one(Some(&guard.otherwise), Role::Words);
                    all.one(guard.fix.as_ref(), Role::Words);
                }
            }
            StepKind::RoleAssignment(assignment) => {
                all.one(Some(&assignment.role), Role::Value);
                all.one(Some(&assignment.principal), Role::Value);
                all.one(Some(&assignment.scope), Role::Plan);
            }
            StepKind::Sql(user) => {
                for key in [&user.server, &user.database] {
                    all.one(Some(key), Role::Plan);
                }
                for key in [&user.name, &user.client_id] {
                    all.one(Some(key), Role::Value);
                }
                for key in [Some(&user.roles), user.mode.as_ref()] {
                    all.one(key, Role::Plan);
                }
            }
            StepKind::ImageBuild(build) => {
                for key in build.expressions() {
                    all.one(Some(key), Role::Plan);
                }
                for tree in build.trees() {
                    all.tree_at_plan(tree);
                }
            }
            // Nothing in it is an expression.
            StepKind::Removal(_) | StepKind::PutBack(_) | StepKind::Service(_) => {}
            StepKind::Wait(wait) => {
                all.lookup(&wait.lookup.kind, Role::Value);
                all.found = true;
                all.one(Some(&wait.until), Role::Condition { at_plan: false });
                all.one(wait.fails_when.as_ref(), Role::Condition { at_plan: false });
                all.one(wait.reason.as_ref(), Role::Words);
                all.found = false;
            }
            StepKind::Action(action) => {
                all.one(Some(&action.resource), Role::Plan);
                if let Some(body) = &action.body {
                    all.tree(body);
                }
            }
        }
    }
    all.enter(Owner::Leaf, None);
    if let Some(rollout) = &recipe.rollout {
        all.one(Some(&rollout.label), Role::Plan);
        all.one(Some(&rollout.weights), Role::Plan);
        for key in [&rollout.bake, &rollout.on_failure, &rollout.keep] {
            all.one(key.as_ref(), Role::Plan);
        }
        all.on_candidate = true;
        all.checks(&rollout.checks);
        all.on_candidate = false;
    }
    all.checks(&recipe.verify);
    all.definitions(recipe.outputs.values(), Owner::Output);
    all.enter(Owner::Leaf, None);
    all.one(recipe.notes.as_ref(), Role::Words);
    all.places
}

struct Collector<'a> {
    places: Vec<Place<'a>>,
    owner: Owner<'a>,
    for_each: Option<&'a Expr>,
    found: bool,
    on_candidate: bool,
}

impl<'a> Collector<'a> {
    /// Goes on with the expressions of `owner`; its `for_each` itself has no `each`.
    fn enter(&mut self, owner: Owner<'a>, for_each: Option<&'a Expr>) {
        self.owner = owner;
        self.for_each = None;
        self.one(for_each, Role::Condition { at_plan: true });
        self.for_each = for_each;
    }

    fn one(&mut self, expr: Option<&'a Expr>, role: Role) {
        if let Some(expr) = expr {
            self.push(&expr.value, expr.span, role);
        }
    }

    fn push(&mut self, expression: &'a Expression, span: Span, role: Role) {
        let Collector { owner, for_each, found, on_candidate, .. } = *self;
        self.places.push(Place { expression, span, owner, role, for_each, it: None, found, on_candidate });
    }

    fn tree(&mut self, tree: &'a Tree) {
        self.tree_as(tree, Role::Value);
    }

    fn tree_at_plan(&mut self, tree: &'a Tree) {
        self.tree_as(tree, Role::Plan);
    }

    fn tree_as(&mut self, tree: &'a Tree, role: Role) {
        match &tree.node {
            Node::Scalar(_) => {}
            Node::Text(expression) => self.push(expression, tree.span, role),
            Node::List(elements) => elements.iter().for_each(|element| self.tree_as(element, role)),
            Node::Map(members) => {
                for (key, span, value) in members {
                    self.push(key, *span, Role::Plan);
                    self.tree_as(value, role);
                }
            }
        }
    }

    /// What a lookup says; `place`: what is asked of where it looks.
    fn lookup(&mut self, kind: &'a LookupKind, place: Role) {
        match kind {
            LookupKind::Resource(resource) => {
                self.one(resource.name.as_ref(), Role::Value);
                for key in [&resource.parent, &resource.scope, &resource.resource_group] {
                    self.one(key.as_ref(), place);
                }
            }
            LookupKind::Requirements(requirements) => {
                for key in requirements.expressions() {
                    self.one(Some(key), Role::Value);
                }
            }
            LookupKind::Dockerfile(dockerfile) => {
                for key in dockerfile.expressions() {
                    self.one(Some(key), Role::Value);
                }
            }
            LookupKind::Certificate(of) => {
                for key in [Some(&of.file), of.password.as_ref(), of.host.as_ref()] {
                    self.one(key, Role::Value);
                }
            }
            LookupKind::Action(action) => {
                self.one(Some(&action.resource), Role::Value);
                for tree in [&action.query, &action.body].into_iter().flatten() {
                    self.tree(tree);
                }
            }
            LookupKind::Dns(dns) => self.one(Some(&dns.name), Role::Value),
            LookupKind::Manifest(manifest) => {
                for key in [&manifest.registry, &manifest.repository, &manifest.reference] {
                    self.one(Some(key), Role::Value);
                }
            }
        }
    }

    fn definitions(
        &mut self,
        all: impl Iterator<Item = &'a Definition>,
        owner: impl Fn(&'a str) -> Owner<'a>,
    ) {
        for definition in all {
            self.enter(owner(&definition.id.name), None);
            self.tree(&definition.value);
        }
        self.enter(Owner::Leaf, None);
    }

    fn checks(&mut self, checks: &'a [Check]) {
        for check in checks {
            self.enter(Owner::Leaf, check.for_each.as_ref());
            self.one(check.when.as_ref(), Role::Condition { at_plan: true });
            match &check.kind {
                CheckKind::That(that) => self.one(Some(that), Role::Condition { at_plan: false }),
                CheckKind::Http(http) => {
                    self.one(Some(&http.url), Role::Request);
                    for tree in [&http.headers, &http.status].into_iter().flatten() {
                        self.tree_as(tree, Role::Request);
                    }
                    self.one(http.max_time.as_ref(), Role::Request);
                    for key in [&http.tls_name, &http.client_certificate] {
                        self.one(key.as_ref(), Role::Request);
                    }
                    if let Some(days) = &http.min_days {
                        self.tree_as(days, Role::Request);
                    }
                    self.one(http.client_key.as_ref(), Role::Credential);
                    self.one(http.body.as_ref(), Role::Condition { at_plan: false });
                    if let (Some(_), Some(last)) = (&http.body, self.places.last_mut()) {
                        last.it = Some(ANSWER);
                    }
                }
                CheckKind::Dns(dns) => {
                    self.one(Some(&dns.of.name), Role::Request);
                    self.one(Some(&dns.expect), Role::Condition { at_plan: false });
                    if let Some(last) = self.places.last_mut() {
                        last.it = Some(DNS_ANSWER);
                    }
                }
            }
            self.one(check.within.as_ref(), Role::Request);
            if let Some(successes) = &check.successes {
                self.tree_as(successes, Role::Request);
            }
            self.one(check.not_exercised.as_ref(), Role::Condition { at_plan: false });
            for words in [&check.name, &check.otherwise, &check.fix, &check.at] {
                self.one(words.as_ref(), Role::Words);
            }
        }
        self.enter(Owner::Leaf, None);
    }
}
