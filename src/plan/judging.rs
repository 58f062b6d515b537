//! Checks: one judgement each, whether they stand below `prerequisites`, `verify` or a rollout.

use std::collections::BTreeSet;

use super::engine::{Engine, Request};
use super::finding::{Finding, Status};
use super::frame::{Frame, shown};
use super::probing::{Answer, Probe, custom_domains};
use super::{ResourcePlan, names, probing};
use crate::diagnostic::{Code, Diagnostic, Severity, codes};
use crate::facts::{Facts, Read};
use crate::recipe::{Check, CheckKind};
use crate::value::{Origin, Value};

/// Which judgements are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Before the run.
    Prerequisites,
    /// After it.
    Verification,
}

/// Checks that stand for themselves, such as the gates of a rollout.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// The instance whose names their expressions read.
    pub instance: &'a str,
    /// The checks.
    pub checks: &'a [Check],
    /// Roots that are there beside those of the recipe, such as `candidate`.
    pub roots: &'a [(&'a str, Value)],
}

/// What checks came to on the facts at hand.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// A finding for each round of each check that could be judged.
    pub findings: Vec<Finding>,
    /// What the app was asked, by finding.
    pub probes: Vec<Probe>,
    /// Reads, requests to the app among them, without which not everything is judged.
    pub missing: BTreeSet<Read>,
    /// Mistakes in the checks.
    pub problems: Vec<Diagnostic>,
    /// Whether some check asks the app.
    pub asks_app: bool,
}

impl Judged {
    fn add(&mut self, more: Judged) {
        let start = self.findings.len();
        self.findings.extend(more.findings);
        self.probes
            .extend(more.probes.into_iter().map(|probe| Probe { finding: probe.finding + start, ..probe }));
        self.asks_app |= more.asks_app;
    }
}

/// Judges checks over facts, with further roots. Pure: what is missing is told, and whoever fetches it judges
/// again. One look: [`crate::execute::Executor::gate`] fetches, asks again for as long as `within` says, and
/// counts the `successes` in a row; a rollout calls that with
/// `Gate { instance, checks: &rollout.checks, roots: &[("candidate", …)] }` and goes on only if every finding has
/// passed. A mistake in a check is in `problems`; there it has become a finding that failed.
pub fn judge(request: Request<'_>, facts: &Facts, gate: &Gate<'_>) -> Judged {
    let engine = Engine::new(Request { probing: true, ..request }, facts);
    let mut all = Judged::default();
    if let Some(instance) = engine.position(gate.instance) {
        let mut frame = engine.frame(instance);
        frame.roots = gate.roots.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        for one in gate.checks {
            all.add(gated(&frame, one));
        }
    }
    all.problems = engine.take_problems();
    all.missing = engine.asked.missing();
    all
}

/// What one check of a gate comes to. A round that cannot be judged is a finding too: nobody looks at it again
/// before the gate opens.
fn gated(frame: &Frame<'_, '_>, check: &Check) -> Judged {
    let unknown = |frame: &Frame<'_, '_>, why: &str| {
        let name = frame.text(check.name.as_ref()).unwrap_or_else(|| probing::called(frame, check));
        Finding::new(Status::CouldNotCheck, codes::VERIFICATION, name).detail(why)
    };
    let mut all = Judged::default();
    let Some(rounds) = frame.rounds(check.for_each.as_ref()) else {
        all.findings.push(unknown(frame, "what `for_each` goes over is not known"));
        return all;
    };
    for each in rounds {
        let frame = frame.with_each(each);
        let mistakes = frame.engine.mistakes();
        let mut judged = one(&frame, check, Scope::Verification, &[]);
        // A mistake is told by itself.
        let told = !judged.findings.is_empty() || frame.engine.mistakes() > mistakes;
        let when = check.when.as_ref().map(|when| frame.expression(when).truthy());
        if !told && when != Some(Some(false)) {
            judged.findings.push(unknown(&frame, "what it looks at is not known"));
        }
        all.add(judged);
    }
    all
}

/// What the checks of an instance's rollout are called, with the root `candidate`.
pub(super) fn named(engine: &Engine<'_>, instance: usize, candidate: &Value) -> Vec<String> {
    let frame = engine.frame(instance);
    let frame = frame.with_root("candidate", candidate.clone());
    let mut names = Vec::new();
    for check in frame.recipe().rollout.iter().flat_map(|rollout| &rollout.checks) {
        for each in frame.rounds(check.for_each.as_ref()).unwrap_or_default() {
            let frame = frame.with_each(each);
            if check.when.as_ref().is_none_or(|when| frame.expression(when).truthy() == Some(true)) {
                names.push(frame.text(check.name.as_ref()).unwrap_or_else(|| probing::called(&frame, check)));
            }
        }
    }
    names
}

/// Each recipe's own verifications.
pub(super) fn verifications(engine: &Engine<'_>, resources: &[ResourcePlan]) -> Judged {
    let mut all = Judged::default();
    let app = resources.iter().find(|plan| plan.id == engine.request.target.app_id());
    let coming = app.map(|plan| custom_domains(&plan.merged)).unwrap_or_default();
    for (index, bound) in engine.instances().iter().enumerate() {
        if engine.active(index).truthy() != Some(true) {
            continue;
        }
        let frame = engine.frame(index);
        for one in &frame.recipe().verify {
            let mut judged = check(&frame, one, Scope::Verification, &coming);
            judged.findings = judged.findings.into_iter().map(|one| one.of(&bound.alias)).collect();
            all.add(judged);
        }
    }
    all
}

/// What one check comes to, a finding a round. `coming`: host names that the run is to give the app.
pub(super) fn check(frame: &Frame<'_, '_>, check: &Check, scope: Scope, coming: &[String]) -> Judged {
    let mut all = Judged::default();
    for each in frame.rounds(check.for_each.as_ref()).unwrap_or_default() {
        all.add(one(&frame.with_each(each), check, scope, coming));
    }
    all
}

fn one(frame: &Frame<'_, '_>, check: &Check, scope: Scope, coming: &[String]) -> Judged {
    let mut judged = Judged::default();
    if let Some(when) = &check.when
        && frame.expression(when).truthy() != Some(true)
    {
        return judged;
    }
    let otherwise = frame.text(check.otherwise.as_ref());
    let name = frame
        .text(check.name.as_ref())
        .or_else(|| otherwise.clone())
        .unwrap_or_else(|| probing::called(frame, check));
    let code = match scope {
        Scope::Prerequisites => codes::PREREQUISITE,
        Scope::Verification => codes::VERIFICATION,
    };
    let why = check.not_exercised.as_ref().map(|why| frame.expression(why));
    if let Some(why) = why.filter(|why| why.truthy() == Some(true)) {
        let finding = Finding::new(Status::NotExercised, code, name);
        judged.findings.push(match shown(&why) {
            Some(why) => finding.detail(why),
            None => finding,
        });
        return judged;
    }
    let finding = match &check.kind {
        CheckKind::That(that) => {
            let holds = frame.expression(that);
            match holds.truthy() {
                Some(true) => Some(Finding::passed(code, name)),
                Some(false) => Some(does_not_hold(frame, check, code, name, otherwise)),
                // Known only after a step: judged again when it is.
                None => {
                    refused(&holds).map(|why| Finding::new(Status::CouldNotCheck, code, name).detail(why))
                }
            }
        }
        CheckKind::Http(_) | CheckKind::Dns(_) => {
            judged.asks_app = true;
            let ask = scope == Scope::Prerequisites || frame.engine.request.probing;
            let answer = match &check.kind {
                CheckKind::Http(http) => frame.answer(http, ask, coming),
                CheckKind::Dns(dns) => frame.dns_answer(dns, ask),
                CheckKind::That(_) => None,
            };
            answer.and_then(|answer| {
                let (finding, probe) = asked(frame, check, code, name, otherwise, answer)?;
                judged.probes.push(probe);
                Some(finding)
            })
        }
    };
    judged.findings.extend(finding.map(|finding| placed(frame, check, finding)));
    judged
}

/// What an answer comes to, and how it was come by. `None`: a mistake, which is told.
fn asked(
    frame: &Frame<'_, '_>,
    check: &Check,
    code: Code,
    name: String,
    otherwise: Option<String>,
    answer: Answer,
) -> Option<(Finding, Probe)> {
    let (held, settled, reads) = (answer.held(), answer.settled(), answer.reads().to_vec());
    let fix = match &check.kind {
        CheckKind::Dns(_) => names::advice(&answer),
        CheckKind::Http(http) => probing::advice(frame, Some(http), &answer),
        CheckKind::That(_) => probing::advice(frame, None, &answer),
    };
    let finding = match answer {
        Answer::Holds { told, .. } => Finding::passed(code, name).detail(told),
        Answer::Not { cause, .. } => {
            let otherwise = otherwise.filter(|words| *words != name);
            let told = otherwise.map_or_else(|| cause.clone(), |words| format!("{words}: {cause}"));
            does_not_hold(frame, check, code, name, Some(told))
        }
        Answer::Unseen { reason, .. } => Finding::new(Status::CouldNotCheck, code, name).detail(reason),
    };
    let finding = match fix.filter(|_| finding.fix.is_none()) {
        Some(fix) => finding.fix(fix),
        None => finding,
    };
    let (within, successes) = frame.patience(check)?;
    let failing = failing(check);
    Some((finding, Probe { finding: 0, reads, within, successes, held, settled, failing }))
}

/// The finding of a check that does not hold.
fn does_not_hold(
    frame: &Frame<'_, '_>,
    check: &Check,
    code: Code,
    name: String,
    detail: Option<String>,
) -> Finding {
    let finding = Finding::new(failing(check), code, name);
    let finding = match detail {
        Some(detail) => finding.detail(detail),
        None => finding,
    };
    match frame.command(check.fix.as_ref()) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

/// How a finding ends that does not hold.
fn failing(check: &Check) -> Status {
    match check.severity {
        Severity::Error => Status::Failed,
        Severity::Warning => Status::Warning,
    }
}

/// A finding with the place that it points to and its page.
fn placed(frame: &Frame<'_, '_>, check: &Check, finding: Finding) -> Finding {
    let finding = match frame.text(check.at.as_ref()) {
        Some(at) => finding.at(at),
        None => finding,
    };
    match &check.docs {
        Some(docs) => finding.docs(docs.clone()),
        None => finding,
    }
}

/// What Azure said when something that a value needs could not be read.
pub(super) fn refused(value: &Value) -> Option<String> {
    value.origins().into_iter().find_map(|origin| match origin {
        Origin::Refused(message) => Some(message),
        _ => None,
    })
}
