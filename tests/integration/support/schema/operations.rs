//! Which operation an exchange is, and its schemas in the api-version it used.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Value as Json, json};

use super::exceptions::Exceptions;
use super::{Record, bodies, second, skipped};

/// `METHOD /path/{placeholder}`; `{scope}` stands for one or more segments, matching ignores case.
pub struct Template<'a> {
    method: &'a str,
    segments: Vec<&'a str>,
}

impl<'a> Template<'a> {
    pub fn new(text: &'a str) -> Template<'a> {
        let (method, path) = text.split_once(' ').unwrap_or(("", text));
        Template { method, segments: path.trim_matches('/').split('/').collect() }
    }

    pub fn matches(&self, method: &str, path: &str) -> bool {
        let path: Vec<&str> = path.trim_matches('/').split('/').collect();
        self.method == method && fits(&self.segments, &path)
    }

    /// How many segments are words: the more, the better it fits.
    fn words(&self) -> usize {
        self.segments.iter().filter(|segment| !segment.starts_with('{')).count()
    }
}

fn fits(template: &[&str], path: &[&str]) -> bool {
    match (template, path) {
        ([], []) => true,
        (["{scope}", rest @ ..], [_, ..]) => (1..=path.len()).any(|taken| fits(rest, &path[taken..])),
        ([first, rest @ ..], [segment, tail @ ..]) => {
            let same = (first.starts_with('{') && !segment.is_empty()) || first.eq_ignore_ascii_case(segment);
            same && fits(rest, tail)
        }
        _ => false,
    }
}

/// One operation in one api-version.
pub struct Operation {
    key: String,
    version: String,
    method: String,
    path: String,
    /// The body's schema; `None`: takes no body.
    request: Option<Validated>,
    /// By status; `None`: answers without a body.
    responses: HashMap<String, Option<Validated>>,
}

impl Operation {
    /// `METHOD /path/{placeholder}`.
    pub fn template(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn namespace(&self) -> &str {
        self.key.split('/').next().unwrap_or_default()
    }
}

/// A schema, compiled when first used, and its source for what a validator does not say.
struct Validated {
    schema: Json,
    definitions: Arc<Json>,
    compiled: OnceLock<Validator>,
}

impl Validated {
    fn new(schema: &Json, definitions: &Arc<Json>) -> Validated {
        Validated { schema: schema.clone(), definitions: Arc::clone(definitions), compiled: OnceLock::new() }
    }

    fn validator(&self) -> &Validator {
        self.compiled.get_or_init(|| {
            let mut whole = self.schema.clone();
            whole["$defs"] = Json::clone(&self.definitions);
            jsonschema::draft202012::new(&whole).unwrap()
        })
    }

    /// What is wrong with `body`.
    fn problems(&self, body: &Json, role: bodies::Role) -> Vec<String> {
        let errors = self.validator().iter_errors(body).map(|error| {
            // Without the value: it may be a secret.
            format!("{role} body{}: {}", error.instance_path(), error.masked())
        });
        let own = bodies::findings(&self.schema, &self.definitions, body, role);
        errors.chain(own).collect()
    }
}

/// What the schemas say of an exchange.
pub enum Verdict<'a> {
    /// The operation, and what is wrong.
    Described(&'a Operation, Vec<String>),
    /// No schema, and none is expected; what is wrong with the error shape.
    Excused(Vec<String>),
    /// No schema although there should be one.
    Unknown(Vec<String>),
    /// Not judged: its api-version could not be exported.
    Skipped,
}

/// The schemas.
pub struct Specs {
    folder: PathBuf,
    newest: Vec<Operation>,
    /// By (namespace, version); empty where it could not be made.
    others: Mutex<HashMap<(String, String), &'static [Operation]>>,
}

impl Specs {
    pub(super) fn load(folder: PathBuf) -> Specs {
        Specs { newest: read(&folder.join("json-schema")), folder, others: Mutex::default() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether an operation is described.
    pub fn knows(&self, method: &str, path: &str) -> bool {
        find(&self.newest, method, path).is_some()
    }

    pub(super) fn judge(&self, record: Record<'_>, exceptions: &Exceptions) -> Verdict<'_> {
        let Some(newest) = find(&self.newest, record.method(), record.path()) else {
            if exceptions.undescribed(record.method(), record.path()) {
                return Verdict::Excused(bodies::error_shape(record.status(), record.body("response_body")));
            }
            return Verdict::Unknown(vec![
                "no schema describes this operation, and it is not excused".to_owned(),
            ]);
        };
        let version = record.version().unwrap_or_default();
        let mut found = Vec::new();
        let operation = if version == newest.version {
            newest
        } else if !exceptions.allows(newest.namespace(), version) {
            found.push(format!("api-version '{version}' where {} is the newest stable", newest.version));
            newest
        } else {
            let others = self.other(newest.namespace(), version);
            match others.iter().find(|operation| operation.key == newest.key) {
                Some(operation) => operation,
                // Said to be skipped when it was asked for.
                None => return Verdict::Skipped,
            }
        };
        found.extend(operation.problems(record));
        Verdict::Described(operation, found)
    }

    /// The operations of `namespace` in `version`, exported by the script beside the schemas.
    fn other(&self, namespace: &str, version: &str) -> &'static [Operation] {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace.to_owned(), version.to_owned());
        others.entry(key).or_insert_with(|| {
            if !second::python() {
                skipped(&format!("schema validation of {namespace} {version}: python3 is not installed"));
                return &[];
            }
            let out = tempfile::tempdir().unwrap();
            let done = Command::new("python3")
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .arg(self.folder.join("export_jsonschema.py"))
                .arg(out.path())
                .args(["--pin", &format!("{namespace}={version}")])
                .output()
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            Vec::leak(read(out.path()))
        })
    }
}

impl Operation {
    fn problems(&self, record: Record<'_>) -> Vec<String> {
        let mut found = Vec::new();
        let patch = self.method == "PATCH";
        match (&self.request, record.body("request_body")) {
            (Some(schema), Some(body)) => found.extend(schema.problems(body, bodies::Role::Request)),
            (Some(_), None) if patch || self.method == "PUT" => found.push("a body is required".to_owned()),
            (None, Some(body)) if *body != json!({}) => found.push("the operation takes no body".to_owned()),
            _ => {}
        }
        let Some(status) = record.status() else {
            return found;
        };
        let answer = record.body("response_body");
        found.extend(bodies::error_shape(Some(status), answer));
        let schema = match self.responses.get(&status.to_string()) {
            Some(schema) => schema.as_ref(),
            None if status >= 400 => self.responses.get("default").and_then(Option::as_ref),
            None => {
                found.push(format!("status {status} is not documented"));
                return found;
            }
        };
        match (schema, answer) {
            (Some(schema), Some(body)) => {
                let role = match status {
                    400.. => bodies::Role::Error,
                    // What a POST such as listSecrets answers is meant to hold secrets.
                    _ if self.method == "POST" => bodies::Role::Answer { secrets: true },
                    _ => bodies::Role::Answer { secrets: false },
                };
                found.extend(schema.problems(body, role));
            }
            (Some(_), None) if status < 400 => found.push(format!("status {status} needs its body")),
            (None, Some(_)) if status < 400 => found.push(format!("status {status} has no body")),
            _ => {}
        }
        found
    }
}

/// The operation with the most literal segments that fits.
fn find<'a>(operations: &'a [Operation], method: &str, path: &str) -> Option<&'a Operation> {
    operations
        .iter()
        .filter(|operation| operation.method == method)
        .filter_map(|operation| {
            let text = operation.template();
            let template = Template::new(&text);
            template.matches(method, path).then(|| (template.words(), operation))
        })
        .max_by_key(|(words, _)| *words)
        .map(|(_, operation)| operation)
}

/// Reads the files of one export: `<namespace>.request.json` and `<namespace>.response.json`.
fn read(folder: &Path) -> Vec<Operation> {
    let mut operations = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(namespace) = name.strip_suffix(".response.json") else {
            continue;
        };
        let load = |path: &Path, answers: bool| -> (Json, Arc<Json>) {
            let mut file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let mut definitions = file["$defs"].take();
            bodies::close(&mut definitions, answers);
            (file["operations"].take(), Arc::new(definitions))
        };
        let (answers, answer_definitions) = load(&path, true);
        let (requests, request_definitions) = load(&folder.join(format!("{namespace}.request.json")), false);
        for (key, operation) in answers.as_object().unwrap() {
            let text = |name: &str| operation[name].as_str().unwrap().to_owned();
            let responses = operation["responses"].as_object().unwrap().iter();
            operations.push(Operation {
                key: key.clone(),
                version: text("apiVersion"),
                method: text("method"),
                path: text("path"),
                request: requests
                    .get(key)
                    .and_then(|request| request.get("$ref"))
                    .map(|reference| Validated::new(&json!({ "$ref": reference }), &request_definitions)),
                responses: responses
                    .map(|(status, schema)| {
                        let schema = (!schema.is_null()).then(|| {
                            let mut schema = schema.clone();
                            bodies::close(&mut schema, true);
                            Validated::new(&schema, &answer_definitions)
                        });
                        (status.clone(), schema)
                    })
                    .collect(),
            });
        }
    }
    operations
}
