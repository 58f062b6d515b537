//! `image_build`: an image that a registry builds, under a tag that is made from what it is built from.

use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::{Outcome, StepResult};
use crate::azure::ResourceId;
use crate::azure::types::IMAGE;
use crate::facts::LocalPath;
use crate::merge::merge;
use crate::value::{Data, Value};

/// What tags of ours begin with.
const TAG: &str = "ctx-";

/// The folder that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: LocalPath,
    /// The digest of its archive.
    pub digest: String,
    /// How many files are sent.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// What an image is built for, in the words of Azure Resource Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `Linux`, `Windows`.
    pub os: &'static str,
    /// `amd64`, `x86`, `arm`.
    pub architecture: &'static str,
    /// `v6`, `v7`, `v8`; of `arm` only.
    pub variant: Option<&'static str>,
}

impl Platform {
    /// Reads `os/architecture[/variant]`, as Docker writes it.
    pub fn parse(text: &str) -> Option<Platform> {
        let mut parts = text.split('/');
        let os = match parts.next()? {
            "linux" => "Linux",
            "windows" => "Windows",
            _ => return None,
        };
        let (architecture, variant) = match (parts.next()?, parts.next()) {
            ("amd64", None) => ("amd64", None),
            ("386", None) => ("x86", None),
            ("arm64", None | Some("v8")) => ("arm", Some("v8")),
            ("arm", None | Some("v7")) => ("arm", Some("v7")),
            ("arm", Some("v6")) => ("arm", Some("v6")),
            _ => return None,
        };
        parts.next().is_none().then_some(Platform { os, architecture, variant })
    }
}

/// An image to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageBuild {
    /// The registry.
    pub registry: ResourceId,
    /// Its login server.
    pub server: String,
    /// Whether it gives roles for repositories (ABAC).
    pub by_repository: bool,
    /// What is sent.
    pub folder: Folder,
    /// The Dockerfile's path in it.
    pub dockerfile: String,
    /// The repository.
    pub repository: String,
    /// Tags beside the one that is made from what is built.
    pub tags: Vec<String>,
    /// What it is built for.
    pub platform: Platform,
    /// Build arguments, by name.
    pub args: Vec<(String, String)>,
    /// A command in the image; empty: none.
    pub test: Vec<String>,
    /// What the registry has of it already; `None`: it is to be built.
    pub found: Option<Found>,
}

impl ImageBuild {
    /// The tag that is made from everything that the image depends on. Where it goes is no part of it.
    pub fn tag(&self) -> String {
        let Platform { os, architecture, variant } = &self.platform;
        let mut hash = Sha256::new();
        // Each part with its length, so that no two lists of parts read alike.
        let mut part = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text.as_bytes());
        };
        for text in
            ["2", &self.folder.digest, &self.dockerfile, os, architecture, variant.unwrap_or_default()]
        {
            part(text);
        }
        // And each list with its length, so that no argument reads as a word of the test.
        part(&self.args.len().to_string());
        for (name, value) in &self.args {
            part(name);
            part(value);
        }
        part(&self.test.len().to_string());
        self.test.iter().for_each(|word| part(word));
        let digest = hash.finalize();
        let hex = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
        format!("{TAG}{}", hex.collect::<String>())
    }

    /// Every tag that the image gets, the made one first.
    pub fn all_tags(&self) -> Vec<String> {
        let mut all = vec![self.tag()];
        for tag in &self.tags {
            if !all.contains(tag) {
                all.push(tag.clone());
            }
        }
        all
    }

    /// The image as it is pulled by its tag, without the server.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag())
    }

    /// The name under which facts and writes speak of it: a run's that makes it, since Azure Resource Manager
    /// knows no images.
    pub fn id(&self) -> ResourceId {
        self.registry.child("runs", &format!("{}:{}", self.repository.replace('/', "%2F"), self.tag()))
    }

    /// What is done for it: `build the image web:ctx-…`, `tag the image web:ctx-… as v2`.
    pub fn what(&self) -> String {
        match &self.found {
            Some(found) => format!("tag the image {} as {}", self.reference(), found.to_give().join(", ")),
            None => format!("build the image {}", self.reference()),
        }
    }

    /// `app: 12 files, 34 KB`.
    pub fn told(&self) -> String {
        let Folder { path, files, bytes, .. } = &self.folder;
        let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        format!("{}: {files}, {} KB", path.written(), bytes.div_ceil(1024))
    }
}

/// What the registry has of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The digest of its manifest.
    pub digest: String,
    /// Tags of the step that it does not have, or that stand for another image.
    pub missing: Vec<String>,
    /// Whether the registry itself can be asked from here, and so be told to give a tag.
    pub reachable: bool,
}

impl Found {
    /// The tags that it is given: none where the registry cannot be told.
    pub fn to_give(&self) -> &[String] {
        if self.reachable { &self.missing } else { &[] }
    }
}

/// The outcome by what was found of it.
///
/// # Errors
/// As for every fragment; this one fits.
pub fn image_build(build: &ImageBuild, key: &str) -> StepResult {
    let image = format!("{}/{}", build.server, build.reference());
    let tags = |but: &[String]| {
        let tags = build.all_tags().into_iter().skip(1).filter(|tag| !but.contains(tag));
        Value::new(Data::List(tags.map(Value::from).collect()))
    };
    let described = |tags: Value| {
        let mut members = IndexMap::from([
            ("image".to_owned(), Value::from(image.as_str())),
            ("context".to_owned(), Value::from(build.told())),
        ]);
        if tags.as_list().is_some_and(|tags| !tags.is_empty()) {
            members.insert("tags".to_owned(), tags);
        }
        Value::new(Data::Map(members))
    };
    let fragment = described(tags(&[]));
    // A tag that is missing is given to the image that is there: another build would be another image.
    let there = build.found.as_ref();
    let live = there.map_or_else(Value::null, |found| described(tags(found.to_give())));
    let merged = merge(&IMAGE, &live, &fragment)?;
    let told = |property: &str, value: Option<String>| match value {
        Some(value) => Value::from(value),
        None => Value::computed(key, format!("{key}.{property}")),
    };
    let digest = there.map(|found| found.digest.clone());
    let pulled = digest.as_ref().map(|digest| format!("{}/{}@{digest}", build.server, build.repository));
    let result = Value::new(Data::Map(IndexMap::from([
        ("image".to_owned(), told("image", pulled)),
        ("digest".to_owned(), told("digest", digest)),
        ("tag".to_owned(), Value::from(build.tag())),
        ("repository".to_owned(), Value::from(build.repository.as_str())),
        ("server".to_owned(), Value::from(build.server.as_str())),
    ])));
    Ok(Outcome {
        resource: Some(build.id()),
        above: Some(build.registry.clone()),
        owned: merged.owned,
        result,
        build: Some(build.clone()),
        ..Outcome::of(&IMAGE, live, fragment)
    })
}

/// A word of a command line as the shell takes it that runs a task's steps. `None`: the language of tasks would
/// read something into it: `$` names what it knows, `{{` is a template's, and a line ends the command
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-tasks-reference-yaml>).
pub fn shell_word(text: &str) -> Option<String> {
    if text.contains(['$', '`', '\\'])
        || text.contains("{{")
        || text.contains("}}")
        || text.chars().any(char::is_control)
    {
        return None;
    }
    Some(format!("'{}'", text.replace('\'', r#"'"'"'"#)))
}
