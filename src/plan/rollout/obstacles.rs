//! What stands in the way of a rollout: mostly what somebody else has under way on the app, and this run would
//! tread on. No way out that is told gives traffic to a revision that was not judged, or that failed.

use super::super::engine::Engine;
use super::super::finding::Finding;
use super::super::quote;
use super::base::Known;
use super::naming::is_ours;
use super::{Base, DOCS, revision_command, shift_command};
use crate::diagnostic::codes;

/// What stands in the way, whatever the candidate is.
pub(super) fn in_the_way(engine: &Engine<'_>, base: &Base, candidate: Option<&str>) -> Vec<Finding> {
    let target = engine.request.target;
    let label = &base.policy.label;
    let is = |name: &str, other: Option<&str>| other.is_some_and(|other| other.eq_ignore_ascii_case(name));
    let mut findings = Vec::new();
    let running = base.app.text_at(&["properties", "runningStatus"]).unwrap_or_default();
    if matches!(running, "Stopped" | "Suspended") {
        findings.push(
            Finding::failed(codes::ROLLOUT, "the app runs")
                .detail(format!("the app is {running}: no revision of it can be judged"))
                .fix(format!(
                    "az containerapp start --name {} --resource-group {}",
                    quote(&target.app),
                    quote(&target.resource_group)
                )),
        );
    }
    let third =
        base.traffic.labelled(label).filter(|name| !is(name, candidate) && !is(name, Some(&base.serving)));
    if let Some(name) = third.filter(|name| base.traffic.weight(name) > 0) {
        let weight = base.traffic.weight(name);
        findings.push(
            Finding::failed(codes::ROLLOUT, "no other rollout is under way")
                .detail(format!(
                    "{name} stands at {weight} % under the label {label}, and is not what this run would roll out; \
                     finish that with the inputs it was begun with, or put the traffic back to {} and deactivate it: {}",
                    base.serving,
                    revision_command(target, "deactivate", name)
                ))
                .fix(shift_command(target, &base.serving))
                .docs(DOCS),
        );
    } else if let Some(name) = third.filter(|name| !is_ours(name, &target.app)) {
        findings.push(
            Finding::failed(codes::ROLLOUT, format!("the label {label} is free"))
                .detail(format!(
                    "{name} carries the label {label}, and no rollout made that revision: whoever asks the label's host \
                     would be led elsewhere. Take another label, or take this one off"
                ))
                .fix(format!(
                    "az containerapp revision label remove --name {} --resource-group {} --label {}",
                    quote(&target.app),
                    quote(&target.resource_group),
                    quote(label)
                ))
                .docs(DOCS),
        );
    }
    let serves = base.revisions.iter().find(|one| one.name.eq_ignore_ascii_case(&base.serving));
    if serves.is_some_and(|one| !one.active) {
        findings.push(
            Finding::failed(codes::ROLLOUT, "the revision that has the traffic is active")
                .detail(format!("{} is deactivated", base.serving))
                .fix(revision_command(target, "activate", &base.serving)),
        );
    }
    // In Single mode nothing waits for traffic: the newest that is ready has it, and one that is not never gets
    // ready, or is replaced by what this run makes.
    let newer = base.revisions.iter().filter(|one| {
        base.multiple
            && one.active
            && !has_failed(one)
            && serves.is_some_and(|serves| serves.created < one.created)
            && !is(&one.name, candidate)
            && base.traffic.weight(&one.name) == 0
    });
    for one in newer {
        findings.push(
            Finding::failed(codes::ROLLOUT, "no newer revision waits for traffic")
                .detail(format!(
                    "{} is newer than {}, which serves, and active: somebody else deployed it, or an earlier rollout \
                     was given up; finish that with the inputs it was begun with, or deactivate it",
                    one.name, base.serving
                ))
                .fix(revision_command(target, "deactivate", &one.name))
                .docs(DOCS),
        );
    }
    findings
}

/// Whether a revision could not be provisioned or does not run, and so waits for nothing.
fn has_failed(one: &Known) -> bool {
    let text = |key| one.value.text_at(&["properties", key]).unwrap_or_default();
    text("provisioningState") == "Failed"
        || text("healthState") == "Unhealthy"
        || text("runningState") == "Failed"
}

/// The same change was taken back before.
pub(super) fn failed_before(engine: &Engine<'_>, base: &Base, name: &str) -> Finding {
    let weight = base.live.weight(name);
    if weight > 0 {
        return Finding::failed(codes::ROLLOUT, format!("{name} has no traffic"))
            .detail(format!(
                "the same change was rolled out before, and its revision deactivated while it has {weight} % of the \
                 traffic, which goes nowhere. Put it back; --retry does that too, and tries the change under a new name"
            ))
            .fix(shift_command(engine.request.target, &base.serving))
            .docs(DOCS);
    }
    let again = engine.applies(base.policy.instance, &[]);
    Finding::failed(codes::ROLLOUT, format!("{name} has not failed before"))
        .detail(
            "the same change was rolled out before and taken back: the revision is there, deactivated. Change \
             something, or try it again under a new name",
        )
        .fix(format!("{again} --retry"))
}
