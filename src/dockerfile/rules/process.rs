//! What runs: how it is started, where it listens, whether it can be asked for its health.

use super::listening::{self, Listening, Port};
use super::{Asked, Findings};
use crate::dockerfile::{Base, Kind, Place, Stage, Start};

pub(super) fn check(asked: &Asked<'_>, findings: &mut Findings<'_>) {
    let file = asked.dockerfile;
    let Some(last) = file.last() else { return };
    for one in file.instructions(last) {
        if let Kind::Healthcheck { none: false } = one.kind {
            let message = "Container Apps does not run a HEALTHCHECK of the image; it has probes of its own";
            findings.push("healthcheck", one.place, message, "take it out; the recipe sets probes");
        }
    }
    health(asked, findings);
    let Some(start) = file.start(last) else { return no_command(asked, last, findings) };
    form(&start, findings);
    port(asked, last, &start, findings);
}

/// The base images of Python start its prompt, which ends at once.
fn no_command(asked: &Asked<'_>, last: &Stage, findings: &mut Findings<'_>) {
    let lineage = asked.dockerfile.lineage(last);
    if let Some(Base::Image(image)) = lineage.first().map(|stage| &stage.base)
        && image.name.rsplit('/').next() == Some("python")
    {
        let message = "there is no CMD: the image starts the prompt of Python, which ends at once";
        findings.push(
            "no-command",
            last.place,
            message,
            "CMD [\"gunicorn\", \"--bind=0.0.0.0:8000\", \"app:app\"]",
        );
    }
}

fn form(start: &Start, findings: &mut Findings<'_>) {
    if !start.exec {
        let message = "a shell is the first process and does not pass SIGTERM on, so that the app is killed in the middle \
                       of requests when a replica ends";
        return findings.push(
            "shell-form",
            start.place,
            message,
            "CMD [\"program\", \"word\"], or CMD exec program …",
        );
    }
    let is_variable = |text: &str| {
        text.split('$')
            .skip(1)
            .any(|rest| rest.starts_with(|one: char| one == '{' || one == '_' || one.is_ascii_uppercase()))
    };
    // `CMD exec program $PORT` is a shell's, and expanded.
    let json = start.words.iter().find(|word| is_variable(&word.text) && start.literal);
    if let Some(word) = json {
        findings.push(
            "variable-in-exec-form",
            word.place,
            format!(
                "nothing fills in the variable in `{}`: this form is run without a shell",
                shown(&word.text)
            ),
            "write the value, or CMD exec program … $NAME without the brackets",
        );
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn port(asked: &Asked<'_>, last: &Stage, start: &Start, findings: &mut Findings<'_>) {
    let file = asked.dockerfile;
    let exposed = file.exposed(last);
    let listens = listening(asked, last);
    if let Some(Listening { local: true, because, .. }) = &listens {
        findings.push(
            "localhost",
            start.place,
            format!("the app listens on 127.0.0.1, where no request from outside of the container arrives ({because})"),
            "listen on all addresses: gunicorn --bind=0.0.0.0:8000, uvicorn --host=0.0.0.0",
        );
    }
    let known = match &listens {
        Some(Listening { port: Port::Known(port), because, .. }) => Some((*port, because.as_str())),
        _ => None,
    };
    match (known, asked.port) {
        (Some((port, because)), Some(target)) if port != target => findings.push(
            "port",
            start.place,
            format!("the app listens on {port} ({because}), but requests come to the target port {target}"),
            format!("listen on {target}, or set target_port to {port}"),
        ),
        (None, Some(target)) if !exposed.iter().any(|(port, _)| *port == target) => {
            let because = match &listens {
                Some(listens) => listens.because.clone(),
                None => "the program is none that is known".to_owned(),
            };
            findings.push(
                "port-unknown",
                start.place,
                format!(
                    "could not tell on which port the app listens ({because}); requests come to {target}"
                ),
                format!("EXPOSE {target} says that it is meant"),
            );
        }
        _ => {}
    }
    if let (Some((port, _)), Some((_, place))) = (known, exposed.first())
        && !exposed.iter().any(|(exposed, _)| *exposed == port)
    {
        let message = format!("EXPOSE does not name {port}, where the app listens");
        findings.push("port-exposed", *place, message, format!("EXPOSE {port}"));
    }
    privileged(asked, last, known.map(|(port, _)| port), start.place, findings);
}

/// Where the program of a stage's image listens; `None`: it is none that is known.
pub(super) fn listening(asked: &Asked<'_>, last: &Stage) -> Option<Listening> {
    let file = asked.dockerfile;
    // A gunicorn.conf.py where it starts is read by itself.
    let configured = asked
        .context
        .is_none_or(|entries| entries.iter().any(|entry| entry.path.ends_with("gunicorn.conf.py")));
    listening::of(&file.start(last)?, &file.environment(last), configured)
}

fn privileged(asked: &Asked<'_>, last: &Stage, port: Option<u16>, place: Place, findings: &mut Findings<'_>) {
    let user = asked.dockerfile.user(last);
    let root = user.as_ref().is_none_or(|user| matches!(user.text.split(':').next(), Some("root" | "0")));
    if let Some(port) = port.filter(|port| *port < 1024 && !root) {
        let message = format!(
            "only root may listen on a port below 1024 such as {port} where the kernel is not told otherwise"
        );
        findings.push("port-privileged", place, message, "listen on 8000, and set the target port to it");
    }
}

/// Whether some source has the path of the probes as a text of its own.
fn health(asked: &Asked<'_>, findings: &mut Findings<'_>) {
    let (Some(path), Some(sources), Some(last)) = (asked.health, &asked.sources, asked.dockerfile.last())
    else {
        return;
    };
    if sources.is_empty() || path == "/" {
        return;
    }
    let name = path.trim_end_matches('/');
    let quoted = [format!("\"{name}\""), format!("'{name}'"), format!("\"{name}/\""), format!("'{name}/'")];
    if !sources.iter().any(|source| quoted.iter().any(|text| source.contains(text))) {
        let message = format!("no Python file has the route {name}, which the probes ask for");
        let fix = format!("@app.get(\"{name}\"), or set health_path to the route it has");
        findings.push("health-route", last.place, message, fix);
    }
}
