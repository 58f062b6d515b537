//! What apps answer, for tests: of the newest revision, or of every revision that an image makes.

use serde_json::json;

use super::with_app;
use crate::sandbox::seed::APP;
use crate::sandbox::state::{Answers, PathAnswer, State};

/// What is to be answered otherwise than in a healthy app.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The status, at `path` or everywhere.
    pub status: Option<u16>,
    /// The path that `status`, `body` and `location` are about; none: every path.
    pub path: Option<String>,
    /// The body at the path.
    pub body: Option<String>,
    /// Where the path redirects to.
    pub location: Option<String>,
    /// How long every answer takes, in milliseconds.
    pub slow: u64,
    /// After so many requests every answer is a 500.
    pub after: Option<u64>,
}

impl Script {
    fn write(&self, answers: &mut Answers) {
        match &self.path {
            Some(path) => {
                let headers = self.location.iter().map(|to| ("location".to_owned(), to.clone()));
                answers.paths.insert(
                    path.clone(),
                    PathAnswer {
                        status: self.status.unwrap_or(200),
                        body: self.body.clone(),
                        headers: headers.collect(),
                        slow_ms: 0,
                    },
                );
            }
            None => answers.status = self.status.or(answers.status),
        }
        answers.slow_ms = answers.slow_ms.max(self.slow);
        answers.fails_after = self.after.or(answers.fails_after);
    }
}

/// The newest revision answers so.
pub fn app_answers(state: &mut State, script: &Script) {
    if let Some(revision) = state.app_mut(APP).and_then(|app| app.revisions.last_mut()) {
        script.write(revision.answers.get_or_insert_default());
    }
}

/// The process of the newest revision dies whenever it is asked.
pub fn app_crashes(state: &mut State) {
    if let Some(revision) = state.app_mut(APP).and_then(|app| app.revisions.last_mut()) {
        revision.answers.get_or_insert_default().crashes = true;
    }
}

/// The newest revision takes requests and never answers.
pub fn app_silent(state: &mut State) {
    if let Some(revision) = state.app_mut(APP).and_then(|app| app.revisions.last_mut()) {
        revision.answers.get_or_insert_default().silent = true;
    }
}

/// Every revision with this image (`server/repository:tag`, or a digest) answers so. An image that is in no
/// registry of the sandbox becomes one that can be pulled and listens on the app's port.
///
/// # Errors
/// The registry is the sandbox's, and does not have it.
pub fn image_answers(state: &mut State, reference: &str, script: &Script) -> Result<(), String> {
    let (server, rest) = reference.split_once('/').unwrap_or_default();
    let registry =
        state.registries.values_mut().find(|registry| registry.login_server().eq_ignore_ascii_case(server));
    if let Some(registry) = registry {
        let (repository, reference) =
            rest.split_once('@').or_else(|| rest.rsplit_once(':')).unwrap_or((rest, "latest"));
        let repository = registry.repositories.get_mut(repository);
        let manifest = repository.and_then(|repository| {
            let digest = repository.tags.get(reference).cloned().unwrap_or_else(|| reference.to_owned());
            repository.manifests.get_mut(&digest)
        });
        let manifest = manifest.ok_or_else(|| format!("knows no image `{rest}` in {server}"))?;
        script.write(manifest.answers.get_or_insert_default());
        return Ok(());
    }
    let port = state.app(APP).and_then(|app| app.configuration()["ingress"]["targetPort"].as_u64());
    let image = state.images.entry(reference.to_owned()).or_default();
    image.listens = image.listens.or(port.and_then(|port| u16::try_from(port).ok()));
    script.write(image.answers.get_or_insert_default());
    Ok(())
}

/// The app's ingress closed to the outside.
pub fn ingress_internal(state: &mut State) {
    with_app(state, |app| {
        app.model["properties"]["configuration"]["ingress"]["external"] = json!(false);
    });
}

/// The app without ingress.
pub fn no_ingress(state: &mut State) {
    with_app(state, |app| {
        if let Some(configuration) = app.model["properties"]["configuration"].as_object_mut() {
            configuration.shift_remove("ingress");
        }
    });
}
