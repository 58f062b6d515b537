//! What a case expects of a run and what came. Pure.

use serde_json::Value as Json;

use crate::diagnostic::Span;
use crate::recipe::cases::{CaseCommand, DiagnosticLike, Expect, FindingLike};
use crate::render::counted;
use crate::report::{Action, Check, Ending, Report};
use crate::value::Value;

/// One thing that is otherwise.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// What it is, in one line.
    pub(super) message: String,
    /// The expectation in `tests.yaml`.
    pub(super) span: Span,
    /// What came, beside the caret.
    pub(super) beside: String,
}

/// Everything in which a run ended otherwise. `state` is the state that it left, `own` the instance of
/// the recipe whose case it is.
pub(super) fn compare(
    expect: &Expect,
    command: CaseCommand,
    report: &Report,
    state: &Json,
    own: &str,
) -> Vec<Mismatch> {
    let mut found = Vec::new();
    found.extend(status(expect, command, report));
    let plan = report.plan.as_ref();
    let (writes, revisions) = if command == CaseCommand::Plan {
        plan.map_or((0, 0), |plan| {
            let writes = plan.rollout.as_ref().map_or(plan.writes.len(), |rollout| rollout.writes);
            (writes, plan.new_revisions)
        })
    } else {
        (report.counts.writes, report.counts.revisions)
    };
    for (wanted, came, noun) in
        [(&expect.writes, writes, "write"), (&expect.revisions, revisions, "new revision")]
    {
        if let Some(wanted) = wanted
            && wanted.value != came as u64
        {
            let wants = counted(usize::try_from(wanted.value).unwrap_or(usize::MAX), noun);
            let message = format!("{} {}, not {wants}", counted(came, noun), made(command, came));
            found.push(Mismatch { message, span: wanted.span, beside: came.to_string() });
        }
    }
    found.extend(changes(expect, report));
    found.extend(findings(expect, report));
    found.extend(diagnostics(expect, report));
    for (name, wanted) in &expect.outputs {
        let came = report.outputs.get(own).and_then(|outputs| outputs.get(&name.value));
        if came != Some(wanted) {
            let message = format!("the output `{}` is not {wanted}", name.value);
            let beside = came.map_or_else(|| "there is none".to_owned(), shortened);
            found.push(Mismatch { message, span: name.span, beside });
        }
    }
    let document = Value::from(state.clone());
    for query in &expect.state {
        let beside = match query.value.evaluate_on(&document) {
            Ok(value) if value.as_bool() == Some(true) => continue,
            Ok(value) => value.to_json().as_ref().map_or_else(String::new, shortened),
            Err(error) => error.message,
        };
        let message = format!("not true of the state: {}", query.value.text());
        found.push(Mismatch { message, span: query.span, beside });
    }
    found
}

/// The word of reports for how a run ended.
pub(super) fn status_word(report: &Report) -> String {
    serde_json::to_value(report.status)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// What is wrong with a second apply: it ends well and writes nothing.
pub(super) fn second_apply(report: &Report) -> Option<String> {
    if report.status != Ending::Ok {
        return Some(format!("applied a second time, it ended {}", status_word(report)));
    }
    let writes = report.counts.writes;
    let written = report.applied.iter().flat_map(|applied| &applied.writes).map(String::as_str);
    let written = written.collect::<Vec<_>>().join(", ");
    (writes > 0).then(|| format!("applied a second time, it wrote {}: {written}", counted(writes, "time")))
}

fn status(expect: &Expect, command: CaseCommand, report: &Report) -> Option<Mismatch> {
    let came = status_word(report);
    (came != expect.status.value).then(|| Mismatch {
        message: format!("{} ended {came}, not {}", command.name(), expect.status.value),
        span: expect.status.span,
        beside: came,
    })
}

fn made(command: CaseCommand, count: usize) -> &'static str {
    match (command, count) {
        (CaseCommand::Plan, 1) => "is planned",
        (CaseCommand::Plan, _) => "are planned",
        (_, 1) => "was made",
        _ => "were made",
    }
}

/// What the plan changes: of a resource that is created or removed its title, of an action what it does, of another the properties.
fn changed(report: &Report) -> Vec<String> {
    let writes = report.plan.iter().flat_map(|plan| &plan.writes);
    writes
        .flat_map(|write| match write.action {
            Action::Create | Action::Act | Action::Remove => vec![write.title.clone()],
            Action::Update => write.changes.iter().map(|leaf| leaf.place.clone()).collect(),
        })
        .collect()
}

fn changes(expect: &Expect, report: &Report) -> Vec<Mismatch> {
    let Some(wanted) = &expect.changes else { return Vec::new() };
    let mut rest = changed(report);
    let mut found = Vec::new();
    for one in &wanted.value {
        match rest.iter().position(|came| *came == one.value) {
            Some(index) => drop(rest.remove(index)),
            None => found.push(Mismatch {
                message: format!("the plan does not change `{}`", one.value),
                span: one.span,
                beside: String::new(),
            }),
        }
    }
    found.extend(rest.into_iter().map(|came| Mismatch {
        message: format!("the plan changes `{came}`, which is not listed"),
        span: wanted.span,
        beside: String::new(),
    }));
    found
}

fn findings(expect: &Expect, report: &Report) -> Vec<Mismatch> {
    let Some(wanted) = &expect.findings else { return Vec::new() };
    let came: Vec<&Check> = report.prerequisites.iter().chain(&report.verification).collect();
    let mut found = Vec::new();
    for one in &wanted.value {
        if !came.iter().any(|check| finding_is(&one.value, check)) {
            found.push(Mismatch {
                message: format!("no finding {}", finding_like(&one.value)),
                span: one.span,
                beside: String::new(),
            });
        }
    }
    let listed = |check: &Check| wanted.value.iter().any(|one| finding_is(&one.value, check));
    found.extend(came.into_iter().filter(|check| check.status != "passed" && !listed(check)).map(|check| {
        let detail = check.detail.as_ref().map_or(String::new(), |detail| format!(": {detail}"));
        Mismatch {
            message: format!("`{}` is {}, which is not listed{detail}", check.name, check.status),
            span: wanted.span,
            beside: String::new(),
        }
    }));
    found
}

fn finding_is(wanted: &FindingLike, check: &Check) -> bool {
    let texts = [Some(&check.name), check.detail.as_ref(), check.fix.as_ref()];
    wanted.status == check.status
        && wanted.name.as_ref().is_none_or(|name| *name == check.name)
        && wanted.code.as_ref().is_none_or(|code| code == check.code)
        && wanted.recipe.as_ref().is_none_or(|recipe| check.recipe.as_ref() == Some(recipe))
        && wanted
            .contains
            .as_ref()
            .is_none_or(|part| texts.into_iter().flatten().any(|text| text.contains(part)))
}

fn finding_like(wanted: &FindingLike) -> String {
    let named = wanted.name.as_ref().map(|name| format!("named `{name}`"));
    let coded = wanted.code.as_ref().map(|code| format!("with code {code}"));
    let holding = wanted.contains.as_ref().map(|part| format!("that says `{part}`"));
    let of = wanted.recipe.as_ref().map(|recipe| format!("of {recipe}"));
    let mut parts: Vec<String> = [named, coded, of, holding].into_iter().flatten().collect();
    parts.push(format!("is {}", wanted.status));
    parts.join(" ")
}

fn diagnostics(expect: &Expect, report: &Report) -> Vec<Mismatch> {
    let Some(wanted) = &expect.diagnostics else { return Vec::new() };
    let mut found = Vec::new();
    for one in &wanted.value {
        if !report.diagnostics.iter().any(|came| diagnostic_is(&one.value, came)) {
            let code = one.value.code.as_ref().map_or(String::new(), |code| format!(" {code}"));
            let holding =
                one.value.contains.as_ref().map_or(String::new(), |part| format!(" that says `{part}`"));
            let message = format!("no diagnostic{code}{holding}");
            found.push(Mismatch { message, span: one.span, beside: String::new() });
        }
    }
    let listed = |came: &Json| wanted.value.iter().any(|one| diagnostic_is(&one.value, came));
    found.extend(report.diagnostics.iter().filter(|came| !listed(came)).map(|came| {
        let text = |key: &str| came[key].as_str().unwrap_or_default();
        Mismatch {
            message: format!("{}[{}] is not listed: {}", text("severity"), text("code"), text("message")),
            span: wanted.span,
            beside: String::new(),
        }
    }));
    found
}

fn diagnostic_is(wanted: &DiagnosticLike, came: &Json) -> bool {
    let says = |part: &String| {
        let notes = came["notes"].as_array().into_iter().flatten();
        [&came["message"], &came["fix"]]
            .into_iter()
            .chain(notes)
            .any(|text| text.as_str().is_some_and(|text| text.contains(part)))
    };
    wanted.code.as_ref().is_none_or(|code| came["code"] == code.as_str())
        && wanted.contains.as_ref().is_none_or(says)
}

/// A value for beside a caret.
fn shortened(value: &Json) -> String {
    const LONGEST: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::diagnostic::{Code, Diagnostic, Source, codes};
    use crate::plan::Finding;
    use crate::recipe::cases::Cases;
    use crate::report::AppliedReport;

    /// What a run that made one write and found one failure and one error lacks of `expect`.
    fn mismatches(expect: &str) -> Vec<String> {
        let text = format!("cases: [{{ name: one, expect: {{ status: failed, {expect} }} }}]\n");
        let source = Arc::new(Source { name: "tests.yaml".to_owned(), text });
        let cases = Cases::load(&source).unwrap();
        let mut report = Report::new("apply", true);
        report.end(Ending::Failed);
        report.counts.writes = 1;
        report.prerequisites = vec![
            Check::new(&Finding::passed(codes::APP, "the app"), false),
            Check::new(&Finding::failed(codes::LOCKED, "no lock").detail("held by team").of("mine"), false),
        ];
        report.diagnose([&Diagnostic::error(Code("azure-refused"), "no").note("because").fix("do")]);
        report.outputs.entry("mine".to_owned()).or_default().insert("id".to_owned(), json!(7));
        let state = json!({ "apps": { "a": { "stopped": true } } });
        let run = &cases.cases[0].runs[0];
        let found = compare(&run.expect, run.command.value, &report, &state, "mine");
        found.into_iter().map(|one| one.message).collect()
    }

    #[test]
    fn what_is_as_expected_or_not_said_is_no_mismatch() {
        for expect in [
            "",
            "writes: 1, revisions: 0, changes: []",
            "findings: [no lock], diagnostics: [azure-refused]",
            "findings: [{ code: locked, recipe: mine, contains: team }, { name: the app, status: passed }]",
            "diagnostics: [{ contains: because }, { code: azure-refused, contains: do }]",
            "outputs: { id: 7 }, state: [\"apps.a.stopped\"]",
        ] {
            assert_eq!(mismatches(expect), Vec::<String>::new(), "{expect}");
        }
    }

    #[test]
    fn every_kind_of_expectation_can_fail() {
        for (expect, count) in [
            ("writes: 0", 1),
            ("writes: 2, revisions: 1", 2),
            ("changes: [tags.a]", 1),
            ("findings: []", 1),
            ("findings: [{ code: locked, status: warning }]", 2),
            ("findings: [{ contains: nobody }]", 2),
            ("findings: [{ recipe: other }]", 2),
            ("findings: [no lock, no lock at all]", 1),
            ("diagnostics: []", 1),
            ("diagnostics: [{ contains: nothing }]", 2),
            ("outputs: { id: 8, other: 1 }", 2),
            ("state: [\"apps.a.name\", \"!(apps.a.stopped)\", \"length(apps)\"]", 3),
        ] {
            let found = mismatches(expect);
            assert_eq!(found.len(), count, "{expect}: {found:?}");
        }
    }

    #[test]
    fn a_second_apply_ends_well_and_writes_nothing() {
        let mut report = Report::new("apply", true);
        report.applied = Some(AppliedReport::default());
        assert_eq!(second_apply(&report), None);
        report.counts.writes = 2;
        report.applied =
            Some(AppliedReport { writes: vec!["a".to_owned(), "b".to_owned()], ..AppliedReport::default() });
        assert_eq!(second_apply(&report).unwrap(), "applied a second time, it wrote 2 times: a, b");
        report.end(Ending::VerificationFailed);
        assert_eq!(second_apply(&report).unwrap(), "applied a second time, it ended verification-failed");
    }
}
