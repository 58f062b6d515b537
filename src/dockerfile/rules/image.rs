//! What the image is made of: bases and the user.

use super::{Asked, Findings};
use crate::dockerfile::{Base, Image, Kind, Stage};

pub(super) fn check(asked: &Asked<'_>, findings: &mut Findings<'_>) {
    for stage in &asked.dockerfile.stages {
        if let Base::Image(image) = &stage.base {
            pinned(image, findings);
        }
    }
    if let Some(last) = asked.dockerfile.last() {
        user(asked, last, findings);
    }
}

fn pinned(image: &Image, findings: &mut Findings<'_>) {
    // What only the build knows cannot be judged.
    if image.unknown || image.digest.is_some() {
        return;
    }
    let (name, place) = (&image.name, image.written.place);
    let fix = format!("name a version: FROM {name}:VERSION");
    match image.tag.as_deref() {
        None | Some("latest") => findings.push(
            "base-unpinned",
            place,
            format!("the base {} is whatever is newest when it is built, so that a build of the same files may give another image", image.written.text),
            fix,
        ),
        Some(tag) if moves(name, tag) => findings.push(
            "base-moves",
            place,
            format!("the tag {tag} of the base moves from one version to the next"),
            fix,
        ),
        Some(_) => {}
    }
}

/// Whether a tag goes from version to version: it has no number, or of Python only the 3.
fn moves(name: &str, tag: &str) -> bool {
    let is_python = name.rsplit('/').next() == Some("python");
    let version = tag.split('-').next().unwrap_or_default();
    !tag.contains(|one: char| one.is_ascii_digit()) || (is_python && version.parse::<u32>().is_ok())
}

fn user(asked: &Asked<'_>, last: &Stage, findings: &mut Findings<'_>) {
    let fix = "before CMD: USER 10001:10001";
    match asked.dockerfile.user(last) {
        Some(user) => {
            let name = user.text.split(':').next().unwrap_or_default();
            if name == "root" || (!name.is_empty() && name.chars().all(|one| one == '0')) {
                findings.push(
                    "root-user",
                    user.place,
                    "the app runs as root: who breaks into it owns the container",
                    fix,
                );
            }
        }
        None if runs_as_other(asked, last) => {}
        None => {
            let place = start_place(last).unwrap_or(last.place);
            let message =
                "there is no USER, so that the app runs as root: who breaks into it owns the container";
            findings.push("root-user", place, message, fix);
        }
    }
}

/// Bases that say in their tag that their user is not root.
fn runs_as_other(asked: &Asked<'_>, last: &Stage) -> bool {
    let first = asked.dockerfile.lineage(last).first().map(|stage| &stage.base);
    match first {
        Some(Base::Image(image)) => {
            image.unknown || image.tag.as_deref().is_some_and(|tag| tag.contains("nonroot"))
        }
        _ => false,
    }
}

fn start_place(stage: &Stage) -> Option<crate::dockerfile::Place> {
    let starts = |kind: &Kind| matches!(kind, Kind::Cmd(_) | Kind::Entrypoint(_));
    stage.instructions.iter().find(|one| starts(&one.kind) && !one.onbuild).map(|one| one.place)
}
