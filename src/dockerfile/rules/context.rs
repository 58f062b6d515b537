//! What the build context gives away.

use super::secrets::{is_environment, is_secret};
use super::{Asked, Findings};

pub(super) fn check(asked: &Asked<'_>, findings: &mut Findings<'_>) {
    if !asked.ignore {
        let message = "there is no .dockerignore: everything in the folder is sent to the registry, .git and what an editor \
                       or a test left there, too";
        findings.elsewhere(
            "dockerignore",
            ".dockerignore",
            None,
            message,
            "printf '*\\n!app.py\\n!requirements.txt\\n' > .dockerignore",
        );
    }
    let Some(entries) = asked.sent else { return };
    let mut told: Vec<String> = Vec::new();
    for entry in entries {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        if !entry.folder && is_secret(name) {
            let message = "the file is sent with the build context: who may read the registry's tasks, or pull the image if it \
                           is copied, reads it";
            findings.elsewhere("secret-in-context", &entry.path, None, message, leave_out(name));
            continue;
        }
        let tools = name == ".git" || name == "__pycache__" || is_environment(name);
        if asked.ignore && entry.folder && tools && !told.iter().any(|told| told == name) {
            told.push(name.to_owned());
            let message = ".dockerignore does not leave it out: it is sent with every build, and makes each build another one";
            findings.elsewhere("dockerignore", &entry.path, None, message, leave_out(name));
        }
    }
}

/// The command that adds a name to the ignore file. The name may hold what ends a quote.
fn leave_out(name: &str) -> String {
    format!("echo '**/{}' >> .dockerignore", name.replace('\'', r"'\''"))
}
