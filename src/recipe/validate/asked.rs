//! What somebody else sees of a question: a name that is asked for is seen by whoever keeps its zone, and a POST
//! that only reads may have Azure ask for one. Both happen at `check` and `plan`, before anybody agreed to anything.
//! So nothing that may not be shown decides whether, how often and for what is asked; and in a recipe that is not
//! built in a name is one that the caller gives or Azure tells, so that it carries nothing of the target.

use std::collections::BTreeSet;

use super::Findings;
use super::hidden::{Hidden, Position};
use super::trace::{From, Leaf, Trace, trace, trace_tree};
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::expression::{Expression, Node, Tree};
use crate::recipe::{
    Catalogue, Check, CheckKind, DnsLookup, Expr, Input, Lookup, LookupKind, Origin, Recipe, StepKind,
};

/// Checks every question of the recipe, and what it sets in recipes that ask some.
pub(super) fn check(recipe: &Recipe, catalogue: &Catalogue, findings: &mut Findings<'_>) {
    let hidden = Hidden { recipe, catalogue };
    let foreign = recipe.origin != Origin::BuiltIn;
    for question in questions(recipe) {
        for (expression, span, position) in &question.parts {
            let told = hidden.told_by(expression, question.for_each, *position);
            refuse(findings, *span, told.as_deref());
        }
        let Some(name) = question.name.filter(|_| foreign) else { continue };
        match given(recipe, catalogue, &name.value, question.for_each) {
            Err(why) => name_is(findings, name.span, &why),
            Ok(trace) if is_written(&trace) => {
                for decides in &question.decide {
                    callers(recipe, catalogue, decides, question.for_each, findings);
                }
            }
            Ok(_) => {}
        }
    }
    let own = questions(recipe).next().is_some();
    for requirement in &recipe.requires {
        let Ok(required) = catalogue.get(&requirement.recipe.value) else { continue };
        let asks = asks(required, catalogue, &mut BTreeSet::new());
        if let Some(when) = requirement.when.as_ref().filter(|_| own || asks) {
            refuse(findings, when.span, hidden.told_by(&when.value, None, Position::Condition).as_deref());
        }
        if !asks {
            continue;
        }
        let names = names(required, catalogue, &mut BTreeSet::new());
        if let Some(when) = requirement.when.as_ref().filter(|_| foreign && !names.is_empty()) {
            callers(recipe, catalogue, when, None, findings);
        }
        for (key, definition) in &requirement.with {
            let Some(input) = required.inputs.get(key) else { continue };
            let told = hidden.told_by_tree(&definition.value, Position::Given { hidden: is_hidden(input) });
            refuse(findings, definition.value.span, told.as_deref());
            if foreign && names.iter().any(|name| std::ptr::eq(*name, input)) {
                texts(&definition.value, &mut |expression, span| {
                    if let Err(why) = given(recipe, catalogue, expression, None) {
                        name_is(findings, span, &why);
                    }
                });
            }
        }
    }
}

/// Something that is asked, and all that decides it.
struct Question<'a> {
    for_each: Option<&'a Expr>,
    parts: Vec<(&'a Expression, Span, Position)>,
    /// The name, of the domain name system.
    name: Option<&'a Expr>,
    /// Whether and how often it is asked.
    decide: Vec<&'a Expr>,
}

impl<'a> Question<'a> {
    fn new(when: Option<&'a Expr>, for_each: Option<&'a Expr>) -> Question<'a> {
        let mut question = Question { for_each, parts: Vec::new(), name: None, decide: Vec::new() };
        question.one(when, Position::Condition);
        question.one(for_each, Position::Value);
        question.decide.extend(when.into_iter().chain(for_each));
        question
    }

    fn one(&mut self, expr: Option<&'a Expr>, position: Position) {
        self.parts.extend(expr.map(|expr| (&expr.value, expr.span, position)));
    }

    fn tree(&mut self, tree: Option<&'a Tree>) {
        if let Some(tree) = tree {
            texts(tree, &mut |expression, span| self.parts.push((expression, span, Position::Value)));
        }
    }

    /// What a lookup that asks says; `None`: it asks nothing that others see.
    fn lookup(mut self, lookup: &'a Lookup) -> Option<Question<'a>> {
        match &lookup.kind {
            LookupKind::Dns(dns) => self.dns(dns),
            LookupKind::Action(action) => {
                self.one(Some(&action.resource), Position::Resource);
                self.tree(action.query.as_ref());
                self.tree(action.body.as_ref());
            }
            LookupKind::Resource(_)
            | LookupKind::Manifest(_)
            | LookupKind::Certificate(_)
            | LookupKind::Dockerfile(_)
            | LookupKind::Requirements(_) => return None,
        }
        Some(self)
    }

    fn dns(&mut self, dns: &'a DnsLookup) {
        self.one(Some(&dns.name), Position::Value);
        self.name = Some(&dns.name);
    }
}

/// Every question of a recipe.
fn questions(recipe: &Recipe) -> impl Iterator<Item = Question<'_>> {
    let lookups = recipe.existing.values();
    let lookups =
        lookups.filter_map(|one| Question::new(one.when.as_ref(), one.for_each.as_ref()).lookup(one));
    let waits = recipe.steps.iter().filter_map(|step| {
        let StepKind::Wait(wait) = &step.kind else { return None };
        let mut question = Question::new(step.when.as_ref(), step.for_each.as_ref()).lookup(&wait.lookup)?;
        // It is asked again until then.
        question.one(Some(&wait.until), Position::Condition);
        question.one(wait.fails_when.as_ref(), Position::Condition);
        Some(question)
    });
    let gates = recipe.rollout.iter().flat_map(|rollout| &rollout.checks);
    let checks = recipe.prerequisites.iter().chain(gates).chain(&recipe.verify).filter_map(asked_by);
    lookups.chain(waits).chain(checks)
}

/// What a check asks; `None`: nothing.
fn asked_by(check: &Check) -> Option<Question<'_>> {
    let mut question = Question::new(check.when.as_ref(), check.for_each.as_ref());
    match &check.kind {
        CheckKind::That(_) => return None,
        CheckKind::Dns(dns) => {
            question.dns(&dns.of);
            question.one(Some(&dns.expect), Position::Condition);
            question.one(check.within.as_ref(), Position::Value);
            question.tree(check.successes.as_ref());
        }
        // The app alone sees it, whose owner the caller trusts with the target: its request only.
        CheckKind::Http(http) => {
            question = Question::new(None, None);
            question.for_each = check.for_each.as_ref();
            question.one(Some(&http.url), Position::Value);
            question.tree(http.headers.as_ref());
        }
    }
    Some(question)
}

/// Whether the recipe, or one that it requires, asks anything.
fn asks(recipe: &Recipe, catalogue: &Catalogue, seen: &mut BTreeSet<String>) -> bool {
    if !seen.insert(recipe.name.value.clone()) {
        return false;
    }
    let mut required = recipe.requires.iter().filter_map(|one| catalogue.get(&one.recipe.value).ok());
    questions(recipe).next().is_some() || required.any(|one| asks(one, catalogue, seen))
}

/// The inputs that names come from: of the recipe, and of those that it requires.
fn names<'a>(recipe: &'a Recipe, catalogue: &'a Catalogue, seen: &mut BTreeSet<String>) -> Vec<&'a Input> {
    let mut found: Vec<&Input> = Vec::new();
    if !seen.insert(recipe.name.value.clone()) {
        return found;
    }
    let mut add = |trace: Trace<'a>| {
        found.extend(trace.leaves.iter().chain(&trace.examined).filter_map(|leaf| match leaf.from {
            From::Input(input) => Some(input),
            _ => None,
        }));
    };
    for question in questions(recipe) {
        for part in question.name.into_iter().chain(question.for_each.filter(|_| question.name.is_some())) {
            add(trace(recipe, catalogue, &part.value, question.for_each));
        }
    }
    for requirement in &recipe.requires {
        let Ok(required) = catalogue.get(&requirement.recipe.value) else { continue };
        let inner = names(required, catalogue, seen);
        for (key, definition) in &requirement.with {
            let set = required.inputs.get(key);
            if set.is_some_and(|set| inner.iter().any(|name| std::ptr::eq(*name, set))) {
                found.extend(trace_tree(recipe, catalogue, &definition.value).leaves.iter().filter_map(
                    |leaf| match leaf.from {
                        From::Input(input) => Some(input),
                        _ => None,
                    },
                ));
            }
        }
        found.extend(inner);
    }
    found
}

fn is_hidden(input: &Input) -> bool {
    input.secret || input.shape == crate::recipe::Shape::File
}

fn texts<'a>(tree: &'a Tree, see: &mut impl FnMut(&'a Expression, Span)) {
    match &tree.node {
        Node::Scalar(_) => {}
        Node::Text(expression) => see(expression, tree.span),
        Node::List(items) => items.iter().for_each(|item| texts(item, see)),
        Node::Map(members) => {
            for (key, span, member) in members {
                see(key, *span);
                texts(member, see);
            }
        }
    }
}

/// Tells of what would be told, unless the same place is told of as a secret's already.
fn refuse(findings: &mut Findings<'_>, span: Span, told: Option<&str>) {
    let Some(told) = told else { return };
    let known = findings.all.iter().any(|one| {
        [codes::SECRET_EXAMINED, codes::SECRET_MISPLACED].contains(&one.code)
            && one.labels.first().is_some_and(|label| label.span == span)
    });
    if !known {
        let message = format!("{told} decides what is asked, which tells of it");
        findings.error(codes::SECRET_EXAMINED, span, message, "others see what is asked");
    }
}

fn name_is(findings: &mut Findings<'_>, span: Span, why: &str) {
    let message = format!("a name that is asked for {why}");
    let diagnostic = Diagnostic::error(codes::FOREIGN_NAME, message)
        .note("whoever keeps its zone sees it: it is written out, or an input or a host name of Azure's, with fixed text before it at most (`asuid.${inputs.domain}`)")
        .label(findings.source, span, "");
    findings.push(diagnostic);
}

/// What a name comes from, without the text before what is filled in.
///
/// # Errors
/// Why it carries more than the caller or Azure gave as a name.
fn given<'a>(
    recipe: &'a Recipe,
    catalogue: &'a Catalogue,
    expression: &Expression,
    for_each: Option<&'a Expr>,
) -> Result<Trace<'a>, String> {
    let trace = if expression.literal().is_some() {
        trace(recipe, catalogue, expression, for_each)
    } else {
        let text = expression.text();
        let filled = match expression.queries()[..] {
            [one] if text.get(one.end..) == Some("}") => text.get(one.start.saturating_sub(2)..),
            _ => return Err("has something behind what is filled in".to_owned()),
        };
        let filled = Expression::parse(filled.unwrap_or_default()).map_err(|error| error.to_string())?;
        trace(recipe, catalogue, &filled, for_each)
    };
    if trace.vague {
        return Err("comes from more than can be followed".to_owned());
    }
    made_up(&trace).map_or(Ok(trace), Err)
}

fn made_up(trace: &Trace<'_>) -> Option<String> {
    trace.leaves.iter().chain(&trace.examined).find_map(|leaf| match &leaf.from {
        _ if leaf.made => Some("is put together from other values".to_owned()),
        From::Literal(_) | From::Input(_) => None,
        // The answer to another question holds nothing that was not asked.
        From::Lookup(_, lookup, _) if matches!(lookup.kind, LookupKind::Dns(_)) => None,
        From::Lookup(_, lookup, path) => {
            let resource = lookup.resource().is_some();
            (!(resource && is_host(path)))
                .then(|| format!("comes from `{}.{}`", lookup.id.written, path.join(".")))
        }
        From::Step(step, path) => {
            let resource = matches!(step.kind, StepKind::ContainerApp(_) | StepKind::Resource(_));
            (!(resource && is_host(path)))
                .then(|| format!("comes from `steps.{}.{}`", step.id.written, path.join(".")))
        }
        From::Root(path) => {
            let known = path.first().is_some_and(|root| matches!(root.as_str(), "app" | "environment"));
            let own = known && is_host(path.get(1..).unwrap_or_default());
            (!own).then(|| format!("comes from `{}`", path.join(".")))
        }
    })
}

/// Host names that Azure gives, or has the owner prove.
const HOSTS: &[&str] = &[
    "properties.configuration.ingress.fqdn",
    "properties.configuration.ingress.customDomains.name",
    "properties.latestRevisionFqdn",
    "properties.defaultDomain",
    "properties.customDomainConfiguration.dnsSuffix",
    "properties.fqdn",
    "properties.hostName",
    "properties.fullyQualifiedDomainName",
    "properties.loginServer",
];

fn is_host(path: &[String]) -> bool {
    let plain: Vec<&str> = path.iter().map(String::as_str).filter(|one| *one != "*").collect();
    HOSTS.contains(&plain.join(".").as_str())
}

/// Whether a name, or what stands in its place, is written in the recipe.
fn is_written(trace: &Trace<'_>) -> bool {
    trace.leaves.iter().any(|leaf| matches!(leaf, Leaf { from: From::Literal(_), made: false }))
}

/// Whether a name that the recipe chose is asked for is the caller's to say: which of several are asked for
/// would carry what decides it.
fn callers(
    recipe: &Recipe,
    catalogue: &Catalogue,
    decides: &Expr,
    for_each: Option<&Expr>,
    findings: &mut Findings<'_>,
) {
    let mut from = BTreeSet::new();
    Hidden { recipe, catalogue }.reach(&decides.value, &mut from);
    let trace = trace(recipe, catalogue, &decides.value, for_each);
    let leaf = trace.leaves.iter().chain(&trace.examined).find_map(|leaf| match &leaf.from {
        From::Literal(_) | From::Input(_) => None,
        From::Root(path) if path.first().is_some_and(|root| root == "each") => None,
        From::Root(path) => Some(path.join(".")),
        From::Step(step, _) => Some(format!("steps.{}", step.id.written)),
        From::Lookup(_, lookup, _) => Some(lookup.id.written.clone()),
    });
    // What these come from is among the others.
    let plain = |root: &String| matches!(root.as_str(), "each" | "data") || root.starts_with("variables.");
    let beside = from.into_iter().find(|root| !plain(root));
    let vague = trace.vague.then(|| "more than can be followed".to_owned());
    if let Some(what) = leaf.or(beside).or(vague) {
        let message = format!("whether a name that the recipe chose is asked for hangs on `{what}`");
        let diagnostic = Diagnostic::error(codes::FOREIGN_NAME, message)
            .note("whoever keeps its zone would learn that; inputs alone may decide it")
            .label(findings.source, decides.span, "");
        findings.push(diagnostic);
    }
}
