//! What the validation excuses: `tests/schema-exceptions.json`.

use std::sync::OnceLock;

use serde::Deserialize;

use super::operations::Template;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    /// Api-versions in use beside the newest stable one.
    pub versions: Vec<OtherVersion>,
    /// Operations that no schema describes. Their errors must still have ARM's error shape.
    pub operations: Vec<Undescribed>,
    /// Findings that stand.
    pub findings: Vec<Finding>,
}

/// An api-version that is not the newest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherVersion {
    /// The provider namespace.
    pub namespace: String,
    /// The api-version.
    pub version: String,
    /// Why it is in use.
    pub reason: String,
}

/// An operation without a schema.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undescribed {
    /// `METHOD /path/{placeholder}`; `{scope}` stands for one or more segments.
    pub operation: String,
    /// Why it has none.
    pub reason: String,
}

/// A finding that is right about the schema and wrong about Azure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The operation, as in the schemas.
    pub operation: String,
    /// A part of the finding's text.
    pub contains: String,
    /// Why it stands.
    pub reason: String,
}

impl Exceptions {
    /// The file, read once.
    pub fn get() -> &'static Exceptions {
        static FILE: OnceLock<Exceptions> = OnceLock::new();
        FILE.get_or_init(|| serde_json::from_str(include_str!("../../../schema-exceptions.json")).unwrap())
    }

    /// Whether an operation may go without a schema.
    pub(super) fn undescribed(&self, method: &str, path: &str) -> bool {
        self.operations.iter().any(|entry| Template::new(&entry.operation).matches(method, path))
    }

    /// Whether a finding stands.
    pub(super) fn excuse(&self, operation: &str, finding: &str) -> bool {
        self.findings.iter().any(|entry| entry.operation == operation && finding.contains(&entry.contains))
    }

    /// Whether `version` may be used in `namespace` although a newer one exists.
    pub(super) fn allows(&self, namespace: &str, version: &str) -> bool {
        self.versions
            .iter()
            .any(|entry| entry.namespace.eq_ignore_ascii_case(namespace) && entry.version == version)
    }
}
