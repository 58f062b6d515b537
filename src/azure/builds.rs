//! Images that a registry builds: its task runs, which are Azure Resource Manager's, and the storage beside them
//! that takes what is built and gives the log.
//!
//! That storage is reached by links which open it to whoever has them, as a token would. They go nowhere but to
//! the host they name, which must be storage of the chosen cloud or the caller's own endpoint; no token is sent
//! along, and no text, event or error shows them.

mod storage;

use azure_core::credentials::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::client::ArmClient;
use super::errors::{ArmError, ArmErrorKind};
use super::ids::ResourceId;
use super::request::{ArmRequest, Method};

pub use storage::LogPart;

/// The newest stable api-version that has task runs.
pub const VERSION: &str = "2019-04-01";

/// The one that says as whom a run signs in to its own registry. Where a registry gives roles for repositories, a
/// run may do nothing there unless it says so
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-tasks-abac>).
pub const VERSION_AS_CALLER: &str = "2025-03-01-preview";

/// What a caller needs to be allowed on the registry
/// (<https://learn.microsoft.com/azure/role-based-access-control/permissions/containers>).
pub const BUILD_ACTIONS: &[&str] = &[
    "Microsoft.ContainerRegistry/registries/scheduleRun/action",
    "Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action",
    "Microsoft.ContainerRegistry/registries/runs/read",
    "Microsoft.ContainerRegistry/registries/runs/listLogSasUrl/action",
];

/// What a caller needs to be allowed on the registry to give an image a tag, where roles are given for registries
/// (<https://learn.microsoft.com/azure/role-based-access-control/permissions/containers>).
pub const PUSH_ACTION: &str = "Microsoft.ContainerRegistry/registries/push/write";

/// A task run of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its name: `cb1`.
    pub id: String,
    /// Where it stands.
    pub state: RunState,
    /// Azure's word for that.
    pub word: String,
    /// Whether somebody started it by hand, as this program does, and not a trigger.
    pub quick: bool,
    /// The images it made, or makes.
    pub images: Vec<RunImage>,
    /// What went wrong before it began.
    pub error: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It is not over; so is one of which Azure says something that nobody knows.
    On,
    /// It is over, and did what it was to do.
    Succeeded,
    /// It is over, and did not.
    Ended,
}

/// An image of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunImage {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest, once there is one.
    pub digest: Option<String>,
}

impl Run {
    /// The run in a resource of Azure Resource Manager; `None`: it has no name.
    pub fn read(json: &Json) -> Option<Run> {
        let text = |pointer: &str| json.pointer(pointer).and_then(Json::as_str);
        let word = text("/properties/status").unwrap_or_default();
        let images = json.pointer("/properties/outputImages").and_then(Json::as_array);
        let image = |image: &Json| {
            let text = |name: &str| image.get(name).and_then(Json::as_str).map(str::to_owned);
            Some(RunImage { repository: text("repository")?, tag: text("tag")?, digest: text("digest") })
        };
        Some(Run {
            id: text("/properties/runId").or_else(|| text("/name")).filter(|id| is_run_id(id))?.to_owned(),
            state: match word {
                "Succeeded" => RunState::Succeeded,
                "Failed" | "Canceled" | "Error" | "Timeout" => RunState::Ended,
                _ => RunState::On,
            },
            word: word.to_owned(),
            quick: text("/properties/runType").is_none_or(|kind| kind.starts_with("Quick")),
            images: images.into_iter().flatten().filter_map(image).collect(),
            error: text("/properties/runErrorMessage").filter(|text| !text.is_empty()).map(str::to_owned),
        })
    }

    /// Whether it says that it makes this image.
    pub fn makes(&self, repository: &str, tag: &str) -> bool {
        self.images.iter().any(|image| image.repository == repository && image.tag == tag)
    }

    /// The digest of an image that it made.
    pub fn made(&self, repository: &str, tag: &str) -> Option<&str> {
        let mut own = self.images.iter().filter(|image| image.repository == repository && image.tag == tag);
        own.find_map(|image| image.digest.as_deref()).filter(|_| self.state == RunState::Succeeded)
    }
}

/// A name that can stand in a path.
fn is_run_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// The runs in a page of them, the newest first, as Azure Resource Manager lists them.
pub fn runs(page: &Json) -> Vec<Run> {
    page.get("value").and_then(Json::as_array).into_iter().flatten().filter_map(Run::read).collect()
}

/// What a run builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRequest<'a> {
    /// The registry.
    pub registry: &'a ResourceId,
    /// Where the archive was put, as the registry knows it.
    pub source: &'a str,
    /// The Dockerfile's path in it.
    pub dockerfile: &'a str,
    /// `repository:tag` of each name it gets.
    pub names: &'a [String],
    /// `Linux`, `Windows`.
    pub os: &'a str,
    /// `amd64`, `x86`, `arm`.
    pub architecture: &'a str,
    /// Of `arm`.
    pub variant: Option<&'a str>,
    /// Build arguments.
    pub args: &'a [(String, String)],
    /// The task that builds, tests and pushes, instead of a plain build.
    pub task: Option<&'a str>,
    /// Whether the run signs in to its registry as whoever starts it.
    pub as_caller: bool,
    /// How long it may take, in seconds.
    pub timeout: u64,
}

impl BuildRequest<'_> {
    /// The request that starts it.
    pub fn to_request(&self) -> ArmRequest {
        let mut platform = json!({ "os": self.os, "architecture": self.architecture });
        if let Some(variant) = self.variant {
            platform["variant"] = json!(variant);
        }
        // What Azure takes (2019-04-01, `timeout`).
        let timeout = self.timeout.clamp(300, 28_800);
        let mut body = match self.task {
            Some(task) => json!({
                "type": "EncodedTaskRunRequest",
                "encodedTaskContent": STANDARD.encode(task),
                "platform": platform,
                "sourceLocation": self.source,
                "timeout": timeout,
            }),
            None => json!({
                "type": "DockerBuildRequest",
                "imageNames": self.names,
                "isPushEnabled": true,
                "dockerFilePath": self.dockerfile,
                "arguments": self.args.iter()
                    .map(|(name, value)| json!({ "name": name, "value": value, "isSecret": false }))
                    .collect::<Vec<_>>(),
                "platform": platform,
                "sourceLocation": self.source,
                "timeout": timeout,
            }),
        };
        if self.as_caller {
            body["credentials"] = json!({ "sourceRegistry": { "identity": "[caller]" } });
        }
        let version = if self.as_caller { VERSION_AS_CALLER } else { VERSION };
        ArmRequest::new(Method::Post, format!("{}/scheduleRun", self.registry), version).body(body)
    }
}

/// A link that opens a blob to whoever has it. Its `Debug` form shows nothing of it.
#[derive(Clone)]
pub struct BlobLink(Secret);

impl std::fmt::Debug for BlobLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BlobLink")
    }
}

/// Where an archive goes.
#[derive(Clone, Debug)]
pub struct UploadPlace {
    /// The link.
    pub link: BlobLink,
    /// What the registry calls the place.
    pub path: String,
}

impl ArmClient {
    /// The newest runs that stand as the filter says, one page of them.
    ///
    /// # Errors
    /// As [`ArmClient::read`].
    pub async fn runs(
        &self,
        registry: &ResourceId,
        filter: &str,
        deadline: OffsetDateTime,
    ) -> Result<Vec<Run>, ArmError> {
        let request = ArmRequest::get(format!("{registry}/runs"), VERSION);
        let request = request.query("$filter", filter).query("$top", "100");
        Ok(runs(&self.read(&request, deadline).await?.body))
    }

    /// One run.
    ///
    /// # Errors
    /// As [`ArmClient::read`]; the answer is no run.
    pub async fn run(
        &self,
        registry: &ResourceId,
        id: &str,
        deadline: OffsetDateTime,
    ) -> Result<Run, ArmError> {
        let path = format!("{registry}/runs/{id}");
        let answer = self.read(&ArmRequest::get(path.clone(), VERSION), deadline).await?;
        Run::read(&answer.body).ok_or_else(|| unreadable(Method::Get, &path, "it is no run"))
    }

    /// A place for an archive.
    ///
    /// # Errors
    /// As [`ArmClient::read`]; the link leads to a host that is not the cloud's.
    pub async fn upload_place(
        &self,
        registry: &ResourceId,
        deadline: OffsetDateTime,
    ) -> Result<UploadPlace, ArmError> {
        let path = format!("{registry}/listBuildSourceUploadUrl");
        let request = ArmRequest::new(Method::Post, path.clone(), VERSION);
        let answer = self.read(&request, deadline).await?;
        let text = |name: &str| answer.body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        match (text("uploadUrl"), text("relativePath")) {
            (Some(link), Some(relative)) => Ok(UploadPlace {
                link: self.blob_link("uploadUrl", link).map_err(|error| error.on(Method::Post, path))?,
                path: relative.to_owned(),
            }),
            _ => Err(unreadable(Method::Post, &path, "it names no place")),
        }
    }

    /// The link to a run's log.
    ///
    /// # Errors
    /// As [`ArmClient::upload_place`].
    pub async fn log_link(
        &self,
        registry: &ResourceId,
        run: &str,
        deadline: OffsetDateTime,
    ) -> Result<BlobLink, ArmError> {
        let path = format!("{registry}/runs/{run}/listLogSasUrl");
        let request = ArmRequest::new(Method::Post, path.clone(), VERSION);
        let answer = self.read(&request, deadline).await?;
        match answer.body.get("logLink").and_then(Json::as_str) {
            Some(link) => self.blob_link("logLink", link).map_err(|error| error.on(Method::Post, path)),
            None => Err(unreadable(Method::Post, &path, "it names no log")),
        }
    }
}

fn unreadable(method: Method, path: &str, reason: &str) -> ArmError {
    ArmError::new(ArmErrorKind::BadBody { status: 200, reason: reason.to_owned() }).on(method, path)
}
