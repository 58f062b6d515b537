//! Secrets and what else must not get into an image.

use super::{Asked, Findings};
use crate::dockerfile::{Kind, Variable};

/// Ends of the names of variables that hold a secret.
const TELLING: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "ACCOUNT_KEY",
    "PRIVATE_KEY",
    "SECRET_KEY",
    "CONNECTION_STRING",
    "CONNECTIONSTRING",
    "CREDENTIALS",
    "SAS",
];

/// Folders that are virtual environments by their name.
const ENVIRONMENTS: &[&str] = &[".venv", "venv", "env", ".virtualenv", "virtualenv"];

pub(super) fn check(asked: &Asked<'_>, findings: &mut Findings<'_>) {
    for variable in &asked.dockerfile.arguments {
        argument(variable, findings);
    }
    for one in asked.dockerfile.stages.iter().flat_map(|stage| &stage.instructions) {
        match &one.kind {
            Kind::Env(variables) => variables.iter().for_each(|variable| environment(variable, findings)),
            Kind::Arg(variables) => variables.iter().for_each(|variable| argument(variable, findings)),
            Kind::Copy(copy) | Kind::Add(copy) if copy.from().is_none() => {
                for source in &copy.sources {
                    let name = source.text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                    if is_secret(name) {
                        findings.push(
                            "secret-copied",
                            source.place,
                            format!("{name} is copied into the image, where whoever can pull it reads it"),
                            "leave it out; give the app a secret of the container app: acarecipe show key-vault-reference",
                        );
                    } else if ENVIRONMENTS.contains(&name) {
                        findings.push(
                            "environment-copied",
                            source.place,
                            format!("{name} is a virtual environment of another machine: its paths and native parts fit there only"),
                            "install from requirements.txt in the image",
                        );
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    TELLING.iter().any(|end| name == *end || name.strip_suffix(end).is_some_and(|start| start.ends_with('_')))
}

fn environment(variable: &Variable, findings: &mut Findings<'_>) {
    // A path names the file that holds it.
    let given = variable.value.as_deref().is_some_and(|value| !value.is_empty() && !value.starts_with('/'));
    if given && is_telling(&variable.name) {
        findings.push(
            "secret-in-environment",
            variable.place,
            format!("{} is set in the image, where whoever can pull it reads it", variable.name),
            "take it out; set it as a secret of the container app: acarecipe show key-vault-reference",
        );
    }
}

fn argument(variable: &Variable, findings: &mut Findings<'_>) {
    if !is_telling(&variable.name) {
        return;
    }
    if variable.value.as_deref().is_some_and(|value| !value.is_empty()) {
        findings.push(
            "secret-in-environment",
            variable.place,
            format!("{} has a value in the Dockerfile, and stays in the image's history", variable.name),
            "take it out; if the build needs it, RUN --mount=type=secret",
        );
    } else {
        findings.push(
            "secret-in-argument",
            variable.place,
            format!("the value of {} stays in the image's history", variable.name),
            "RUN --mount=type=secret",
        );
    }
}

/// Whether a file holds a secret, by its name. A certificate or a bundle of them is none.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let example = ["example", "sample", "template", "dist"].iter().any(|word| name.contains(word));
    let environment = name == ".env" || (name.starts_with(".env.") && !example);
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let key = ["key", "pfx", "p12"].contains(&end)
        || (end == "pem" && (name.contains("key") || name.contains("priv")))
        || matches!(name.as_str(), "id_rsa" | "id_ed25519" | "id_ecdsa");
    environment
        || (key && !name.contains("pub"))
        || matches!(name.as_str(), ".netrc" | ".pypirc" | ".pgpass" | ".git-credentials")
}

/// Whether a folder is a virtual environment, by its name.
pub(super) fn is_environment(name: &str) -> bool {
    ENVIRONMENTS.contains(&name) && name != "env"
}
