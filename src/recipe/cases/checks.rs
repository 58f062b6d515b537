//! What the grammar cannot say: no case at all, two of one name, expectations that no run can meet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Case, CaseCommand, CaseRun, Cases};
use crate::diagnostic::{Diagnostic, Source, Span, codes};
use crate::recipe::suggest::did_you_mean;
use crate::recipe::yaml::Yaml;

/// A file in which nothing is tested must not pass.
pub(super) fn no_cases(source: &Arc<Source>, span: Span) -> Diagnostic {
    Diagnostic::error(codes::NO_CASES, "the file holds no case")
        .label(source, span, "")
        .fix("write one: `cases: [{ name: a fresh app, expect: { writes: 1 } }]`")
}

/// Every mistake in cases that have their form, in the order of the file.
pub(super) fn all(cases: &Cases, tree: &Yaml) -> Vec<Diagnostic> {
    let source = &cases.source;
    if cases.cases.is_empty() {
        return vec![no_cases(source, tree.span)];
    }
    let mut found = Vec::new();
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for case in &cases.cases {
        if let Some(first) = names.insert(&case.name, case.name.span) {
            found.push(
                Diagnostic::error(codes::NAME_TAKEN, format!("two cases are named `{}`", case.name.value))
                    .label(source, case.name.span, "")
                    .label(source, first, "first here"),
            );
        }
        found.extend(case.runs.iter().flat_map(|run| never(run, source)));
        found.extend(stale(case, source));
    }
    found.sort_by_key(|one| one.labels.first().map(|label| label.span.start));
    found
}

/// Expectations of a run that it can never meet.
fn never(run: &CaseRun, source: &Arc<Source>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut say = |span: Span, message: String, beside: String| {
        found.push(Diagnostic::error(codes::BAD_VALUE, message).label(source, span, beside));
    };
    let (command, expect) = (run.command.value, &run.expect);
    let plans = matches!(command, CaseCommand::Plan | CaseCommand::Apply);
    let verifies = matches!(command, CaseCommand::Verify | CaseCommand::Apply);
    let mut without = |span: Option<Span>, possible: bool, what: &str| {
        if let (Some(span), false) = (span, possible) {
            say(span, format!("`{}` never has {what}", command.name()), String::new());
        }
    };
    without(expect.writes.as_ref().map(|writes| writes.span), plans, "writes");
    without(expect.revisions.as_ref().map(|revisions| revisions.span), plans, "new revisions");
    without(expect.changes.as_ref().map(|changes| changes.span), plans, "changes");
    without(expect.outputs.first().map(|(name, _)| name.span), verifies, "outputs");
    if expect.status.value == "verification-failed" && !verifies {
        say(expect.status.span, format!("`{}` never ends so", command.name()), String::new());
    }
    if let (Some(writes), Some(revisions)) = (&expect.writes, &expect.revisions)
        && revisions.value > writes.value
    {
        say(
            revisions.span,
            "more revisions than writes".to_owned(),
            "a revision comes of a write".to_owned(),
        );
    }
    let findings = expect.findings.iter().flat_map(|list| &list.value);
    let diagnostics = expect.diagnostics.iter().flat_map(|list| &list.value);
    let all = (findings.map(|one| (one.span, one.code.as_deref())))
        .chain(diagnostics.map(|one| (one.span, one.code.as_deref())));
    for (span, code) in all {
        if let Some(code) = code
            && !codes::CODES.iter().any(|(known, _)| known.0 == code)
        {
            let near = did_you_mean(code, codes::CODES.iter().map(|(known, _)| known.0));
            say(span, format!("there is no code `{code}`"), near);
        }
    }
    if expect.status.value == "ok" {
        for one in expect.findings.iter().flat_map(|list| &list.value).filter(|one| one.status == "failed") {
            say(
                one.span,
                "no run with a finding that failed ends ok".to_owned(),
                "say `status` too".to_owned(),
            );
        }
    }
    found
}

/// Exceptions to runs that do not happen.
fn stale(case: &Case, source: &Arc<Source>) -> Vec<Diagnostic> {
    let Some(first) = case.flipped.first().filter(|_| !case.switches.is_empty()) else { return Vec::new() };
    let message = "a case that turns assumptions round itself is not run under others";
    vec![Diagnostic::error(codes::BAD_VALUE, message).label(source, first.switch.span, "")]
}
