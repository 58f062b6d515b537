//! Every recorded exchange against Microsoft's published schemas.
//!
//! Two judges, each with its own reading of Microsoft's files: the `jsonschema` crate on their export
//! to JSON Schema (with our own look at read-only, secret, unknown and missing properties), and, where
//! Python 3 is installed, the validator that comes with the schemas. Both must find nothing but what
//! `tests/schema-exceptions.json` excuses, each entry with its reason.
//!
//! The schemas are not part of the project. `ACARECIPE_ARM_SPECS` names their folder; where it is
//! absent the checks say so on stderr and pass, unless `ACARECIPE_REQUIRE_SPECS=1` (as `.ci/run` sets).

mod bodies;
mod exceptions;
mod operations;
mod second;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use acarecipe::sandbox::{Exchange, Service};
use serde_json::{Value as Json, json};

use exceptions::Exceptions;
use operations::{Specs, Verdict};

/// Checks what a sandbox answered. An answer that a fault spoiled is not Azure's: of such an exchange
/// only the request is checked. Returns how many were checked (0 when the schemas are absent), or every
/// problem as `METHOD path (version): what`.
pub fn check(exchanges: &[Exchange]) -> Result<usize, Vec<String>> {
    let record = |exchange: &Exchange| {
        let mut record = exchange.to_record();
        if exchange.fault.is_some() {
            record["status"] = Json::Null;
        }
        record
    };
    // A registry's own API is not ARM's, and no schema here describes it.
    let managed = exchanges.iter().filter(|exchange| exchange.service == Service::ResourceManager);
    check_records(&managed.map(record).collect::<Vec<_>>())
}

/// Checks recorded exchanges. Returns how many were checked (0 when the schemas are absent), or every
/// problem as `METHOD path (version): what`.
pub fn check_records(records: &[Json]) -> Result<usize, Vec<String>> {
    // An exchange that passed once in this process passes again: many tests begin alike.
    static PASSED: OnceLock<Mutex<HashSet<String>>> = OnceLock::new();

    let Some(specs) = specs() else {
        return Ok(0);
    };
    let exceptions = Exceptions::get();
    let passed = PASSED.get_or_init(Mutex::default);
    let new: Vec<(String, Record<'_>)> = {
        let passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
        records
            .iter()
            .map(|json| (Record { json }.judged(), Record { json }))
            .filter(|(text, _)| !passed.contains(text))
            .collect()
    };
    let mut problems = Vec::new();
    let mut described = Vec::new();
    let mut judged = Vec::new();
    let mut unjudged = 0;
    for (text, record) in new {
        match specs.judge(record, exceptions) {
            Verdict::Described(operation, found) => {
                described.push((record, operation.template()));
                let found = found.into_iter().filter(|what| !exceptions.excuse(&operation.template(), what));
                problems.extend(found.map(|what| record.problem(&what)));
            }
            Verdict::Excused(found) | Verdict::Unknown(found) => {
                problems.extend(found.into_iter().map(|what| record.problem(&what)));
            }
            Verdict::Skipped => {
                unjudged += 1;
                continue;
            }
        }
        judged.push(text);
    }
    problems.extend(second::opinion(specs.folder(), &described, exceptions));
    if problems.is_empty() {
        let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.extend(judged);
        Ok(records.len() - unjudged)
    } else {
        problems.sort();
        problems.dedup();
        Err(problems)
    }
}

/// What `tests/schema-exceptions.json` says.
pub fn exceptions() -> &'static Exceptions {
    Exceptions::get()
}

/// The versions of `Microsoft.App` that can be checked here: the older one needs Python.
pub fn app_versions() -> &'static [&'static str] {
    if second::python() { &["2026-01-01", "2025-07-01"] } else { &["2026-01-01"] }
}

/// The schemas, or `None` (said once on stderr) when their folder is absent and need not be there.
pub fn specs() -> Option<&'static Specs> {
    static SPECS: OnceLock<Option<Specs>> = OnceLock::new();
    SPECS
        .get_or_init(|| {
            let folder = match std::env::var_os("ACARECIPE_ARM_SPECS") {
                Some(folder) => PathBuf::from(folder),
                None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/arm-specs"),
            };
            if folder.join("json-schema").is_dir() {
                return Some(Specs::load(folder));
            }
            let missing = format!(
                "Microsoft's schemas are not in {}; ACARECIPE_ARM_SPECS names their folder",
                folder.display()
            );
            let required = std::env::var("ACARECIPE_REQUIRE_SPECS").is_ok_and(|value| value == "1");
            assert!(!required, "{missing}");
            skipped(&format!("schema validation: {missing}"));
            None
        })
        .as_ref()
}

/// Says on stderr what was not checked.
#[expect(clippy::print_stderr, reason = "a skipped check must be seen, not only be in a report")]
fn skipped(what: &str) {
    eprintln!("skipped: {what}");
}

/// One recorded exchange: `method`, `path`, `query`, `request_body`, `status`, `response_body`,
/// `response_headers`.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    json: &'a Json,
}

impl<'a> Record<'a> {
    /// All that the judges look at: two records that agree in it are judged alike.
    fn judged(self) -> String {
        let polled = self.json["response_headers"].as_object().is_some_and(|headers| {
            headers.contains_key("location") || headers.contains_key("azure-asyncoperation")
        });
        let parts = ["method", "path", "query", "request_body", "status", "response_body"];
        json!([parts.map(|part| &self.json[part]), polled]).to_string()
    }

    fn text(self, key: &str) -> &'a str {
        self.json[key].as_str().unwrap_or_default()
    }

    fn method(self) -> &'a str {
        self.text("method")
    }

    fn path(self) -> &'a str {
        self.text("path")
    }

    fn version(self) -> Option<&'a str> {
        let query = self.json["query"].as_object()?;
        let (_, version) = query.iter().find(|(name, _)| name.eq_ignore_ascii_case("api-version"))?;
        version.as_str()
    }

    /// The status, or `None` for an exchange whose answer never came.
    fn status(self) -> Option<u64> {
        self.json["status"].as_u64()
    }

    /// A body; `None` for an empty one.
    fn body(self, key: &str) -> Option<&'a Json> {
        Some(&self.json[key]).filter(|body| !body.is_null())
    }

    fn problem(self, what: &str) -> String {
        format!("{} {} ({}): {what}", self.method(), self.path(), self.version().unwrap_or("no api-version"))
    }
}
