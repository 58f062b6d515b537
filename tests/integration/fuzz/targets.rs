//! What strangers hand the program, each kind read the way the program reads it: no panic, no hang, and nothing told
//! that a terminal, a log or an agent of a pipeline would obey.
//!
//! Two runners call these: the test suite on any toolchain, and `fuzz/` with libFuzzer. Only the library's public
//! surface is used.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use acarecipe::azure::advice;
use acarecipe::azure::types;
use acarecipe::azure::{
    ArmClient, ArmError, ArmErrorKind, ArmRequest, ClientEvent, ClientSettings, Endpoint, ImageReference,
    Method, ResourceId, builds,
};
use acarecipe::clock::{Clock, VirtualClock};
use acarecipe::diagnostic::{Diagnostic, Source, json};
use acarecipe::dockerfile::{Dockerfile, rules};
use acarecipe::expression::{Expression, Scope};
use acarecipe::journal::{Entry, Journal};
use acarecipe::plan::SavedPlan;
use acarecipe::recipe::{self, Catalogue, Origin, Project, cases::Cases};
use acarecipe::render::Screen;
use acarecipe::requirements::{self, Environment};
use acarecipe::undo;
use acarecipe::value::{Data, Marks, Seal, Value, strip_control};
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Transport};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::macros::datetime;

/// A kind of input.
pub struct Target {
    /// Its name, also that of the program in `fuzz/`.
    pub name: &'static str,
    /// Reads one input of it.
    pub run: fn(&[u8]),
    /// Well-formed inputs to start from; the path is that of the repository.
    pub seeds: fn(&Path) -> Vec<Vec<u8>>,
}

/// Every kind of input.
pub const TARGETS: &[Target] = &[
    Target { name: "recipe", run: recipe, seeds: |root| files(root, "recipes", &["recipe.yaml"]) },
    Target { name: "cases", run: cases, seeds: |root| files(root, "recipes", &["tests.yaml"]) },
    Target { name: "project", run: project, seeds: |_| texts(PROJECTS) },
    Target { name: "expression", run: expression, seeds: expressions },
    Target { name: "answer", run: answer, seeds: |_| texts(ANSWERS) },
    Target {
        name: "plan_file",
        run: plan_file,
        seeds: |root| files(root, "tests/integration/fuzz", &["plan.json"]),
    },
    Target {
        name: "journal",
        run: journal,
        seeds: |root| files(root, "tests/integration/fuzz", &["journal.jsonl"]),
    },
    Target { name: "name", run: name, seeds: |_| texts(NAMES) },
    Target { name: "dockerfile", run: dockerfile, seeds: |root| files(root, "recipes", &["Dockerfile"]) },
    Target {
        name: "requirements",
        run: requirements,
        seeds: |root| files(root, "recipes", &["requirements.txt", "pyproject.toml"]),
    },
];

/// Every file of these names below a folder.
fn files(root: &Path, folder: &str, names: &[&str]) -> Vec<Vec<u8>> {
    let mut open = vec![root.join(folder)];
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| names.iter().any(|one| name == *one)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn source(bytes: &[u8]) -> Arc<Source> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Arc::new(Source { name: "input.yaml".to_owned(), text })
}

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| Catalogue::built_in().expect("the built-in recipes load"))
}

/// What may be told as it is: on one line, with nothing that steers or hides.
fn fit(what: &dyn Debug, text: &str) {
    assert_eq!(strip_control(text), text, "{what:?}");
}

/// Findings as people see them, and as machines do.
pub fn told(found: &[Diagnostic]) {
    let (screen, kept) = Screen::keeping();
    screen.diagnostics(found);
    let shown = kept.lock().expect("nobody panicked with it").text.clone();
    let shown = anstream::adapter::strip_str(&shown).to_string();
    for line in shown.lines() {
        fit(&"a line of findings", line);
        assert!(!starts_a_command(line), "{line:?}");
    }
    for one in found {
        fit(&"a finding in JSON", &unescaped(&json::to_json(one)));
    }
}

/// Every text in a document, one after the other.
fn unescaped(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(list) => list.iter().map(unescaped).collect(),
        Json::Object(map) => map.iter().map(|(key, value)| key.clone() + &unescaped(value)).collect(),
        _ => String::new(),
    }
}

/// Whether an agent of GitHub or of Azure Pipelines would take a part of the line for a command.
pub fn starts_a_command(line: &str) -> bool {
    let folded = line.to_ascii_lowercase();
    let github = folded.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
    github || folded.contains("##[") || folded.contains("##vso[")
}

/// A recipe of a stranger: loaded, validated, reviewed; its mistakes drawn.
fn recipe(bytes: &[u8]) {
    let source = source(bytes);
    match recipe::load(&source, Origin::Folder(PathBuf::from("stranger"))) {
        Err(found) => told(&found),
        Ok(recipe) => {
            told(&recipe::validate(&recipe, catalogue()));
            told(&recipe::review(&recipe, catalogue()));
        }
    }
}

fn cases(bytes: &[u8]) {
    if let Err(found) = Cases::load(&source(bytes)) {
        told(&found);
    }
}

fn project(bytes: &[u8]) {
    if let Err(found) = Project::load(&source(bytes)) {
        told(&found);
    }
}

const PROJECTS: &[&str] = &[
    "target:\n  subscription: 11111111-1111-4111-8111-111111111111\n  resource_group: rg-demo\n  name: ca-demo\n  container: app\n  environment: env\n  location: westeurope\n  cloud: AzureCloud\nrecipes:\n  - managed-identity\n  - recipe: key-vault-reference\n    as: vault\n    with: { key_vault: kv-demo, secrets: { DB_PASSWORD: db-password } }\n",
    "recipes:\n  - { recipe: redis, with: { redis: { $env: REDIS_NAME }, more: [1, 2.5, true, null, { $file: a/b }] } }\n",
    "# nothing\n",
];

/// What an expression of the fuzzer reads from.
struct Document(Value);

impl Scope for Document {
    fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value> {
        let value = self.0.get(root)?;
        match field {
            Some(field) => value.get(field).cloned(),
            None => Some(value.clone()),
        }
    }
}

/// The secret that stands in it.
const HIDDEN: &str = "correct-horse-battery";

fn document() -> Value {
    let app = json!({
        "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/web",
        "name": "web",
        "tags": { "a": "b", "é": "\u{202e}" },
        "list": [{ "name": "x", "n": 1 }, { "name": "y", "n": -2.5 }, null, "z", [[1], [2, [3]]]],
        "properties": { "big": i64::MAX, "small": 5e-324, "flag": true, "empty": "" },
    });
    let inputs = json!({ "text": "a,b,,c", "count": 3, "map": { "K": "v" }, "none": null });
    let secret = Value::from(HIDDEN).mark(Marks::SECRET);
    let roots = [("app", Value::from(app)), ("inputs", Value::from(inputs)), ("secret", secret)];
    Value::new(Data::Map(roots.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

/// An expression: parsed, looked at, evaluated; nothing made of a secret comes out unmarked.
fn expression(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let scope = Document(document());
    for parsed in [Expression::parse(&text), Expression::query(&text)] {
        match parsed {
            Err(error) => {
                let source =
                    Arc::new(Source { name: "expression".to_owned(), text: text.clone().into_owned() });
                let code = acarecipe::diagnostic::codes::USAGE;
                told(&[Diagnostic::error(code, error.message.clone()).label(&source, error.span, "here")]);
            }
            Ok(expression) => {
                let _ = (expression.literal(), expression.queries(), expression.doubts(), expression.flows());
                let _ = (expression.references(), expression.relative());
                for value in [
                    expression.evaluate(&scope),
                    expression.evaluate_on(&scope.0),
                    expression.evaluate_quoted(&scope, acarecipe::diagnostic::quote),
                ] {
                    match value {
                        Ok(value) => {
                            let shown = acarecipe::value::Redacted(&value).to_json().to_string();
                            assert!(!shown.contains(HIDDEN), "{text:?} shows the secret");
                        }
                        Err(error) => assert!(!error.message.contains(HIDDEN), "{text:?}: {error}"),
                    }
                }
            }
        }
    }
}

/// Every `${…}` of the recipes, and one call of every function.
fn expressions(root: &Path) -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = texts(&[
        "${find(app.list, 'name', 'x').n}",
        "${join('-', [app.name, to_string(inputs.count)])}",
        "${app.list[?n > `0`].name | [0]}",
        "${sort_by(app.list[:2], &n)[*].name}",
        "${if(inputs.none, 'a', guid(app.id, 'x'))}",
        "${split(inputs.text, ',')[-1:]} and $${this}",
        "${merge(app.tags, from_items(items(inputs.map)))}",
        "${root().app.properties.big}",
        "${secret || upper(secret)}",
        "${parse_id(app.id).name}",
        "${replace(trim_suffix(app.name, 'b'), 'w', 'v')}",
        "app.list[].[name, n][]",
        "max_by(app.list[?n], &n) || length(app)",
    ]);
    for text in files(root, "recipes", &["recipe.yaml"]) {
        let text = String::from_utf8_lossy(&text).into_owned();
        for (start, _) in text.match_indices("${") {
            if let Some(end) = text[start..].find('}') {
                found.push(text.as_bytes()[start..=start + end].to_vec());
            }
        }
    }
    found
}

/// A saved plan: one that is taken says the same when it is written again.
fn plan_file(bytes: &[u8]) {
    match SavedPlan::parse(bytes) {
        Ok(plan) => {
            let again = SavedPlan::parse(plan.to_text().as_bytes());
            assert!(again.is_ok_and(|again| again == plan));
        }
        Err(error) => fit(&"an unusable plan", &error.to_string()),
    }
    let _ = SavedPlan::is_one(bytes);
}

/// A journal: read as `runs` and `undo` do, and the run undone that it tells of, whatever it says that was. So that
/// what is changed at random comes further than the reader, also without the lines that it refuses.
fn journal(bytes: &[u8]) {
    let mut lines: Vec<&[u8]> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
            let written = serde_json::to_string(&entry).expect("an entry can be written");
            let again: Entry = serde_json::from_str(&written).expect("what was written can be read");
            assert_eq!(serde_json::to_string(&again).expect("an entry can be written"), written);
            if lines.is_empty() == matches!(entry, Entry::Run(_)) {
                lines.push(line);
            }
        }
    }
    lines.push(b"");
    let mut journals = Vec::new();
    for bytes in [bytes, &lines.join(&b'\n')] {
        match Journal::parse(Path::new("input.jsonl"), bytes) {
            Ok(journal) => journals.push(journal),
            Err(error) => told(&[error.to_diagnostic()]),
        }
    }
    for journal in &journals {
        for write in journal.writes() {
            let _ = (write.fate(), write.open_operation());
        }
        let _ = (journal.found().count(), journal.revisions(), journal.to_restart(), journal.end());
        let _ = (journal.was_interrupted(), undo::last(&journals), undo::whole(&journals, journal));
        for (force, delete_data) in [(false, false), (true, true)] {
            let command = "acarecipe undo".to_owned();
            let seal = Seal(Arc::new(ToString::to_string));
            let options =
                undo::Options { force, delete_data, relied: Vec::new(), unread: Vec::new(), seal, command };
            let _ = undo::undo(&journals.iter().collect::<Vec<_>>(), &options);
            let _ = undo::undo(&[journal], &options);
        }
    }
}

/// Texts as names: of resources, images, types.
fn name(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let group = ResourceId::group("11111111-1111-4111-8111-111111111111", "rg");
    for id in [ResourceId::parse(text), group.resource("Microsoft.App/containerApps/revisions", text)] {
        let Some(id) = id else { continue };
        let _ = (id.parent(), id.resource_type(), id.subscription(), id.resource_group(), id.within(&group));
        let _ = (
            id.collection("Microsoft.App/containerApps/revisions"),
            types::find(&id.resource_type()).is_some(),
        );
        arrives(&id);
    }
    if let Some(image) = ImageReference::parse(text) {
        let path = format!("/v2/{}/manifests/{}", image.repository, image.tag.as_deref().unwrap_or("latest"));
        let url = url::Url::parse(&format!("https://registry.example{path}")).expect("a URL");
        assert_eq!((url.host_str(), url.path()), (Some("registry.example"), path.as_str()), "{text:?}");
        assert!(url.query().is_none() && url.fragment().is_none(), "{text:?}");
    }
    let _ = acarecipe::azure::registry::server(".azurecr.io", text);
    let _ = builds::runs(&json!({ "value": [{ "name": text, "properties": { "runId": text } }] }));
}

/// A request for an id goes to exactly that id, or nowhere; nowhere only with what no name is made of.
fn arrives(id: &ResourceId) {
    let server = Arc::new(Server::default());
    let client = client(&server, VirtualClock::new(START));
    let request = ArmRequest::get(id.as_str(), "2026-01-01").query("$filter", id.as_str());
    let read = block_on(async { client.read(&request, START + time::Duration::seconds(30)).await });
    if let Err(error) = read {
        let refused = matches!(error.kind(), ArmErrorKind::Request { .. });
        let plain = |segment: &str| {
            !segment.is_empty() && segment.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let all_plain = id.as_str().len() < 2_000 && id.as_str().split('/').skip(1).all(plain);
        assert!(refused && !all_plain, "{error}");
        assert!(server.asked.lock().expect("nobody panicked with it").is_empty(), "it was sent");
        return;
    }
    let asked = server.asked.lock().expect("nobody panicked with it").pop().expect("a request");
    assert_eq!(asked.host_str(), Some("management.azure.com"));
    let segments: Vec<String> = asked.path_segments().into_iter().flatten().map(decoded).collect();
    assert_eq!(segments, id.as_str().split('/').skip(1).collect::<Vec<_>>());
    let pairs: Vec<_> = asked.query_pairs().into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(pairs, [pair("api-version", "2026-01-01"), pair("$filter", id.as_str())]);
}

/// A segment of a path as the server reads it.
pub fn decoded(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = |from: usize| segment.get(from..from + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex(at + 1)) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).expect("escapes of UTF-8")
}

fn dockerfile(bytes: &[u8]) {
    let file = Dockerfile::read(bytes);
    for stage in &file.stages {
        let _ = (file.lineage(stage).len(), file.user(stage), file.exposed(stage), file.start(stage));
        let _ = (file.environment(stage), file.variables(stage), stage.installs());
    }
    let asked = rules::Asked {
        dockerfile: &file,
        file: "Dockerfile",
        folder: "",
        ignore: false,
        context: None,
        sent: None,
        requirements: BTreeMap::new(),
        sources: None,
        port: Some(8000),
        health: Some("/healthz"),
    };
    let _ = (rules::judge(&asked, &[]), rules::listening(&asked));
}

fn requirements(bytes: &[u8]) {
    let environment = Environment::of_image("python:3.12-slim");
    for name in ["requirements.txt", "pyproject.toml"] {
        let files = BTreeMap::from([(name.to_owned(), bytes.to_vec())]);
        let Ok(found) = requirements::read(name, &["dev".to_owned()], requirements::from_files(&files))
        else {
            continue;
        };
        for package in &found.packages {
            let _ = (package.pinned(), package.marker.as_ref().map(|marker| marker.holds(&environment)));
        }
    }
}

/// When the clock of each input starts.
const START: OffsetDateTime = datetime!(2026-01-01 00:00:00 UTC);

/// The token that goes along. No server may make the program tell it.
const TOKEN: &str = "sandbox-owner";

/// How often an input's last answer is given before nothing answers any more.
const ANSWERED: usize = 400;

/// A server that gives one answer after the other, the last one again and again.
#[derive(Debug, Default)]
struct Server {
    answers: Vec<(u16, Headers, Vec<u8>)>,
    given: AtomicUsize,
    asked: Mutex<Vec<url::Url>>,
}

#[async_trait::async_trait]
impl HttpClient for Server {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.asked.lock().expect("nobody panicked with it").push(request.url().clone());
        let at = self.given.fetch_add(1, Ordering::Relaxed);
        if at > ANSWERED {
            let gone = azure_core::error::ErrorKind::Connection;
            return Err(azure_core::Error::with_message(gone, "nobody listens"));
        }
        let Some((status, headers, body)) = self.answers.get(at).or(self.answers.last()) else {
            return Ok(AsyncRawResponse::from_bytes(200.into(), Headers::new(), b"{}".to_vec()));
        };
        Ok(AsyncRawResponse::from_bytes((*status).into(), headers.clone(), body.clone()))
    }
}

fn client(server: &Arc<Server>, clock: VirtualClock) -> ArmClient {
    client_told(server, clock, &Arc::default())
}

fn client_told(server: &Arc<Server>, clock: VirtualClock, told: &Arc<Mutex<Vec<ClientEvent>>>) -> ArmClient {
    let transport = Transport::new(Arc::clone(server) as Arc<dyn HttpClient>);
    let mut settings = ClientSettings::new(Endpoint::sandbox(transport, "owner"), Arc::new(clock));
    let told = Arc::clone(told);
    settings.events = Arc::new(move |event| told.lock().expect("nobody panicked with it").push(event));
    ArmClient::new(settings)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// What stands between two answers of an input.
const NEXT: &str = "\n===\n";

/// The answers of an input: its first line says what is asked (`GET`, `LIST`, `PUT` …), then each answer has its
/// status, its headers line by line, an empty line and its body.
fn server_of(bytes: &[u8]) -> (String, Server) {
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (first, rest) = bytes.split_at(line);
    let mut rest = rest.get(1..).unwrap_or_default();
    let mut answers = Vec::new();
    while !rest.is_empty() && answers.len() < 12 {
        let end = rest.windows(NEXT.len()).position(|window| window == NEXT.as_bytes()).unwrap_or(rest.len());
        let (one, after) = rest.split_at(end);
        rest = after.get(NEXT.len()..).unwrap_or_default();
        let head = one.windows(2).position(|window| window == b"\n\n").unwrap_or(one.len());
        let (head, body) = one.split_at(head);
        let head = String::from_utf8_lossy(head).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.trim().parse::<u16>().ok()).unwrap_or(200);
        let mut headers = Headers::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        answers.push((status.clamp(100, 599), headers, body.get(2..).unwrap_or_default().to_vec()));
    }
    let first = String::from_utf8_lossy(first).into_owned();
    (first, Server { answers, ..Server::default() })
}

const APP: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/web";

/// Answers of Azure Resource Manager: read, listed, written and waited for.
fn answer(bytes: &[u8]) {
    let (first, server) = server_of(bytes);
    let (server, clock, events) = (Arc::new(server), VirtualClock::new(START), Arc::default());
    let client = client_told(&server, clock.clone(), &events);
    let deadline = START + time::Duration::minutes(20);
    let work = async {
        let method = match first.trim() {
            "LIST" => {
                let list = client.list(&ArmRequest::get(APP, "2026-01-01"), deadline).await?;
                let _ = builds::runs(&json!({ "value": list }));
                return Ok(());
            }
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "POST" => Method::Post,
            "DELETE" => Method::Delete,
            _ => {
                let answer = client.read(&ArmRequest::get(APP, "2026-01-01"), deadline).await?;
                let _ = (answer.provisioning_state(), format!("{answer:?}"));
                return Ok(());
            }
        };
        let request = ArmRequest::new(method, APP, "2026-01-01").body(json!({}));
        let accepted = client.write(&request, deadline).await?;
        fit(&"what was accepted", &format!("{accepted:?}").replace('\\', ""));
        if let Some(operation) = &accepted.operation {
            client.finish(operation, deadline).await?;
        }
        Ok::<(), ArmError>(())
    };
    if let Err(error) = block_on(work) {
        let shown = format!("{error} {error:?}");
        fit(&first, &error.to_string());
        assert!(!shown.contains(TOKEN), "{shown}");
        let _ = (advice::of(&error), error.is_transient(), error.is_final(), error.maybe_applied());
        told(&[error.to_diagnostic()]);
    }
    for event in events.lock().expect("nobody panicked with it").iter() {
        let shown = format!("{event:?}");
        assert!(!shown.contains(TOKEN), "{shown}");
    }
    // A last look may end a little later than the deadline.
    assert!(clock.now() <= deadline + time::Duration::minutes(3), "it ended at {}", clock.now());
    for url in server.asked.lock().expect("nobody panicked with it").iter() {
        assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("management.azure.com"), None));
        assert!(url.username().is_empty() && url.password().is_none());
    }
}

const ANSWERS: &[&str] = &[
    "GET\n200\ncontent-type: application/json\n\n{\"id\":\"/subscriptions/s\",\"properties\":{\"provisioningState\":\"Succeeded\"}}",
    "GET\n429\nretry-after: 3\n\n{\"error\":{\"code\":\"TooManyRequests\",\"message\":\"slow\"}}\n===\n200\n\n{}",
    "GET\n403\nx-ms-error-code: A\nx-ms-correlation-request-id: c\n\n{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"The client 'x' with object id 'y' does not have authorization to perform action 'Microsoft.App/containerApps/read' over scope '/subscriptions/s'\",\"details\":[{\"code\":\"B\",\"message\":\"m\",\"target\":\"t\"}],\"additionalInfo\":[{\"type\":\"PolicyViolation\",\"info\":{\"policyDefinitionDisplayName\":\"d\",\"policyAssignmentId\":\"/a\"}}],\"innererror\":{\"code\":\"C\"}}}",
    "GET\n400\n\n{\"error\":\"invalid_grant\",\"error_description\":\"Bearer sandbox-owner sandbox-owner\"}",
    "GET\n502\n\n<html><head><title>Bad Gateway</title></head></html>",
    "GET\n302\nlocation: https://evil.example/\n\n",
    "LIST\n200\n\n{\"value\":[{\"name\":\"a\"}],\"nextLink\":\"https://management.azure.com/next?x=1\"}\n===\n200\n\n{\"value\":[{\"name\":\"cb1\",\"properties\":{\"runId\":\"cb1\",\"status\":\"Succeeded\",\"outputImages\":[{\"repository\":\"r\",\"tag\":\"t\",\"digest\":\"d\"}]}}]}",
    "LIST\n200\n\n{\"value\":[],\"nextLink\":\"https://evil.example/next\"}",
    "PUT\n201\nazure-asyncoperation: https://management.azure.com/op?sig=abc\nretry-after: 1\n\n{\"properties\":{\"provisioningState\":\"InProgress\"}}\n===\n200\n\n{\"status\":\"InProgress\"}\n===\n200\n\n{\"status\":\"Failed\",\"error\":{\"code\":\"ContainerAppOperationError\",\"message\":\"it failed\"}}",
    "PATCH\n202\nlocation: https://management.azure.com/loc\nretry-after-ms: 20\n\n\n===\n202\n\n\n===\n200\n\n{\"properties\":{\"provisioningState\":\"Succeeded\"}}",
    "PATCH\n202\n\n\n===\n403\n\n{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"no\"}}\n===\n200\n\n{\"properties\":{\"provisioningState\":\"Canceled\"}}",
    "POST\n202\nazure-asyncoperation: https://management.azure.com/op\nlocation: https://management.azure.com/result\nretry-after: Wed, 21 Oct 2026 07:28:00 GMT\n\n\n===\n200\n\n{\"status\":\"Succeeded\"}\n===\n200\n\n{\"keys\":[1]}",
    "DELETE\n202\nlocation: /relative?x\n\n\n===\n204\n\n",
    "DELETE\n204\n\n",
];

const NAMES: &[&str] = &[
    "web",
    "web/web--1",
    "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.App/containerApps/web",
    "/subscriptions/s/resourcegroups/rg/providers/Microsoft.Authorization/roleAssignments/x",
    "/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Authorization/policyAssignments/p",
    "acrdemo.azurecr.io/team/app:v1@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
    "*.example.com",
    "a/../b",
    "%2e%2e%2f",
];
