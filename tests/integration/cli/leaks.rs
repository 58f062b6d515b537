//! Secrets stay secret, whatever happens: every recipe, by the program as people run it, on an Azure whose every
//! secret can be told from any other text, ending well and in each kind of failure. Nothing that the program writes
//! holds one in any spelling: both streams at the highest level of telling, the JSON documents, and every file that is
//! left behind: journals, those of `undo` too, and saved plans.
//!
//! Each run is a process of a debug build, so the part for every day is this: every recipe ends well, is undone, and
//! meets two of the faults, one of them by turns, with text and JSON by turns; one recipe ([`WHOLE`]) is run in every
//! way and in both formats, with the same two faults. With `ACARECIPE_ALL_FAULTS` in the environment every recipe is
//! run in every way and meets every fault.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use acarecipe::sandbox::{State, edit, seed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seed::variant;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::place::Place;
use crate::support::certificates::made;
use crate::support::say;

/// What every planted secret begins with. Its letters are the same within JSON, a URL and a form.
const MARK: &str = "Zanzibar";

/// A secret that can be recognised, with what has to be escaped somewhere.
fn planted(what: &str) -> String {
    format!("{MARK}-{what}/1+\"x\" é")
}

/// The texts by which a planted secret, or one that the sandbox makes itself, is recognised.
fn marks() -> Vec<String> {
    let mut marks: Vec<String> = [
        MARK,
        &MARK.to_lowercase(),
        &MARK.to_uppercase(),
        "sig=",
        "sandbox-owner",
        "sandbox-acr-",
        "-key-1",
        "-key-2",
        "PRIVATE KEY",
    ]
    .iter()
    .map(|mark| (*mark).to_owned())
    .collect();
    // In Base64 at each of the three places that it can have among others, without what its neighbours change.
    for before in 0..3 {
        let encoded = STANDARD.encode(format!("{}{MARK}", "\0".repeat(before)));
        marks.push(encoded[[0, 2, 3][before]..10].to_owned());
    }
    marks.push(u64::from_be_bytes(MARK.as_bytes().try_into().unwrap()).to_string());
    marks.push(format!("{:x}", u64::from_be_bytes(MARK.as_bytes().try_into().unwrap())));
    marks.push(STANDARD.encode("sandbox-owner").trim_end_matches('=').to_owned());
    marks
}

/// A variable that no recipe owns.
const FOREIGN: &str = "OTHERS";

/// One that some recipe owns, of each recipe that owns any: it gives way to the recipe's value.
const OWNED: [&str; 9] = [
    "SQL_SERVER",
    "DB_PASSWORD",
    "AZURE_CLIENT_ID",
    "COSMOS_ENDPOINT",
    "STORAGE_ACCOUNT_URL",
    "REDIS_HOST",
    "ALLOWED_CERT_THUMBPRINTS",
    "SERVICEBUS_HOST",
    "GREETING",
];

/// An Azure in which everything that is secret, or another's, is planted.
fn plant(state: &mut State) {
    for vault in state.vaults.values_mut() {
        for (name, versions) in &mut vault.secrets {
            for version in versions {
                version.value = planted(&format!("vault-{name}"));
            }
        }
    }
    variant::sidecar_first(state);
    variant::init_container(state);
    variant::plain_secret(state, "smtp", &planted("plain-secret"));
    for name in [FOREIGN].into_iter().chain(OWNED) {
        variant::variable(state, json!({ "name": name, "value": planted(&format!("variable-{name}")) }));
    }
    // The component has the secret already, with another value.
    let component = json!({
        "name": "statestore", "type": "state.redis", "scopes": "ca-demo",
        "metadata": "redisHost=redis:6379,redisPassword=@redis-password",
        "secrets": format!("redis-password={}", planted("component")),
    });
    edit::variant("dapr-component").unwrap().apply(state, component.as_object().unwrap()).unwrap();
    let app = state.app_mut(seed::APP).unwrap();
    let template = &mut app.model["properties"]["template"];
    template["containers"][0]["env"][0]["value"] = json!(planted("sidecar"));
    template["initContainers"][0]["env"][0]["value"] = json!(planted("init"));
    let template = template.clone();
    for revision in &mut app.revisions {
        revision.template = template.clone();
    }
    for job in state.jobs.values_mut() {
        for secret in job.model["properties"]["configuration"]["secrets"].as_array_mut().into_iter().flatten()
        {
            secret["value"] = json!(planted("job"));
        }
        for container in
            job.model["properties"]["template"]["containers"].as_array_mut().into_iter().flatten()
        {
            for name in [FOREIGN].into_iter().chain(OWNED) {
                let variable = json!({ "name": name, "value": planted(&format!("job-{name}")) });
                match container["env"].as_array_mut() {
                    Some(variables) => variables.push(variable),
                    None => container["env"] = json!([variable]),
                }
            }
        }
    }
    for registry in state.registries.values_mut() {
        registry.passwords = [planted("registry-1"), planted("registry-2")];
    }
}

/// A run of a recipe.
struct Case {
    recipe: &'static str,
    parameters: Vec<String>,
    /// Where secrets are, besides Azure: variables.
    variables: Vec<(&'static str, String)>,
    /// Files.
    files: Vec<(&'static str, Vec<u8>)>,
    /// Standard input.
    input: String,
    /// Which of [`OWNED`] it sets, in the place of what is planted there.
    owns: &'static [&'static str],
    /// What it asks for whose answer is secret: words of requests.
    asks: &'static [&'static str],
    /// Whether a run takes long (a debug build opens a PFX file in seconds): then only the least part of it all is run.
    slow: bool,
}

fn case(recipe: &'static str, parameters: &[&str]) -> Case {
    Case {
        recipe,
        parameters: parameters.iter().map(|one| format!("{recipe}.{one}")).collect(),
        variables: Vec::new(),
        files: Vec::new(),
        input: String::new(),
        owns: &[],
        asks: &[],
        slow: false,
    }
}

fn sample(recipe: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(recipe).join("app").display().to_string()
}

impl Case {
    fn variable(mut self, name: &'static str, value: String) -> Case {
        self.variables.push((name, value));
        self
    }

    fn file(mut self, name: &'static str, bytes: Vec<u8>) -> Case {
        self.files.push((name, bytes));
        self
    }

    fn owns(mut self, names: &'static [&'static str]) -> Case {
        self.owns = names;
        self
    }

    fn asks(mut self, words: &'static [&'static str]) -> Case {
        self.asks = words;
        self
    }

    fn slow(mut self) -> Case {
        self.slow = true;
        self
    }

    fn reads(mut self, input: String) -> Case {
        self.input = input;
        self
    }
}

/// The recipe that is run in every way on every day.
const WHOLE: &str = "key-vault-reference";

/// How a run goes wrong. The first one ends every run; with the others some get on, and some never meet them.
const FAULTS: &[&str] = &[
    "match=GET:/Microsoft.App/ echo times=40",
    "match=*: echo",
    "match=GET:/containerApps/ nth=2 echo",
    "match=PATCH: echo times=9",
    "match=PUT: echo times=9",
    "match=POST: echo times=9",
    "match=PATCH: truncated-body",
    "match=PUT: html-body",
    "match=PATCH: operation-fails",
    "match=POST: status=500 times=40",
    "match=GET: unknown-enum times=40",
];

/// The runs of one recipe, each looked at.
struct Runs<'c> {
    case: &'c Case,
    place: Place,
    /// The Azure that each begins with that is not to go on from the one before.
    planted: Vec<u8>,
    /// What every file held when it was looked at last.
    seen: BTreeMap<PathBuf, Vec<u8>>,
    /// The id of the run that left the newest journal.
    last: String,
    count: usize,
    failed: usize,
    bytes: usize,
}

impl<'c> Runs<'c> {
    fn new(case: &'c Case) -> Runs<'c> {
        let mut place = Place::new();
        for (name, value) in &case.variables {
            place = place.with(name, value);
        }
        for (name, bytes) in &case.files {
            place.write(name, bytes);
        }
        place.sandbox("planted.json", |state| {
            plant(state);
            if case.recipe == WHOLE {
                variant::sibling(state, "rg-demo", SECOND);
            }
        });
        let planted = std::fs::read(place.work().join("planted.json")).unwrap();
        let runs = Runs {
            case,
            place,
            planted,
            seen: BTreeMap::new(),
            last: String::new(),
            count: 0,
            failed: 0,
            bytes: 0,
        };
        runs.afresh();
        runs
    }

    fn afresh(&self) {
        std::fs::write(self.place.work().join("state.json"), &self.planted).unwrap();
    }

    /// Runs a command of the recipe.
    fn recipe(&mut self, command: &str, more: &[&str]) -> (Option<i32>, String) {
        let case = self.case;
        let mut line = vec![command, case.recipe];
        for parameter in &case.parameters {
            line.extend(["-p", parameter]);
        }
        line.extend(more);
        self.line(&line)
    }

    /// Runs a line, and looks at all that it wrote.
    fn line(&mut self, line: &[&str]) -> (Option<i32>, String) {
        let mut line = line.to_vec();
        line.extend(["--sandbox", "--sandbox-state", "state.json"]);
        let output = self.place.command().args(&line).write_stdin(self.case.input.clone()).output().unwrap();
        let told = [&output.stdout[..], &output.stderr[..]].concat();
        let what = format!("{line:?}");
        search(&what, &told);
        // What was given, and the state of an Azure, are no output.
        let mut given = vec!["planted.json", "state.json"];
        given.extend(self.case.files.iter().map(|(name, _)| *name));
        for (path, held) in self.place.files(&given) {
            if !is_lock(&path) && self.seen.get(&path) != Some(&held) {
                search(&format!("{what}: {}", path.display()), &held);
                self.bytes += held.len();
                if path.extension().is_some_and(|end| end == "jsonl") && !path.ends_with("copy.jsonl") {
                    self.last = path.file_stem().unwrap().to_string_lossy().into_owned();
                }
                self.seen.insert(path, held);
            }
        }
        self.count += 1;
        self.bytes += told.len();
        let code = output.status.code();
        let text = String::from_utf8_lossy(&told).into_owned();
        assert!(code.is_some_and(|code| code <= 6), "{what}: {code:?}\n{text}");
        self.failed += usize::from(code != Some(0));
        (code, text)
    }

    /// The same, where it must end well.
    fn well(&mut self, command: &str, more: &[&str]) -> String {
        let (code, told) = self.recipe(command, more);
        assert_eq!(code, Some(0), "{} {command}: {told}", self.case.recipe);
        told
    }

    /// What the last run wrote goes back.
    fn undo(&mut self, more: &[&str]) {
        // By its id: without an app in the target, as with jobs, the last run is not found without.
        let last = self.last.clone();
        let line: Vec<&str> = ["undo", &last, "--yes"].into_iter().chain(more.iter().copied()).collect();
        let (code, told) = self.line(&line);
        // What holds data of others stays, and is told.
        assert!(matches!(code, Some(0 | 3)), "{}: {told}", self.case.recipe);
    }

    /// Which of the variables that are planted have another value now, in the app or a job, by their names.
    fn replaced(&self) -> Vec<&'static str> {
        let bytes = std::fs::read(self.place.work().join("state.json")).unwrap();
        let whole: Json = serde_json::from_slice(&bytes).unwrap();
        let state = if whole.get("apps").is_some() { &whole } else { &whole["state"] };
        let models =
            ["apps", "jobs"].into_iter().flat_map(|table| state[table].as_object().unwrap().values());
        let mut variables = Vec::new();
        for model in models {
            variables_of(&model["model"], &mut variables);
        }
        let other = |name: &&str| {
            let mut values = variables.iter().filter(|variable| variable["name"] == **name).peekable();
            assert!(values.peek().is_some(), "{name} is gone");
            values.any(|variable| !variable["value"].as_str().is_some_and(|value| value.starts_with(MARK)))
        };
        [FOREIGN].into_iter().chain(OWNED).filter(other).collect()
    }

    fn strike(&mut self, fault: &str, more: &[&str]) -> Option<i32> {
        self.afresh();
        let mut line = vec!["--yes", "--timeout", "5m", "--sandbox-fault", fault];
        line.extend(more);
        self.recipe("apply", &line).0
    }

    /// How many files were written whose name ends so.
    fn files(&self, end: &str) -> usize {
        self.seen.keys().filter(|path| path.to_string_lossy().ends_with(end)).count()
    }
}

/// Every variable of containers below.
fn variables_of<'j>(json: &'j Json, found: &mut Vec<&'j Json>) {
    match json {
        Json::Object(members) => {
            found.extend(members.get("env").and_then(Json::as_array).into_iter().flatten());
            members.values().for_each(|member| variables_of(member, found));
        }
        Json::Array(elements) => elements.iter().for_each(|element| variables_of(element, found)),
        _ => {}
    }
}

const TEXT: &[&str] = &["-vvv"];
const JSON: &[&str] = &["-o", "json", "-vvv"];

/// Runs the recipe, the `turn`th of all, and looks at all that it wrote.
fn nothing_shows(turn: usize, case: &Case) {
    let all = std::env::var_os("ACARECIPE_ALL_FAULTS").is_some();
    let whole = (all && !case.slow) || case.recipe == WHOLE;
    let (one, other) = if turn.is_multiple_of(2) { (TEXT, JSON) } else { (JSON, TEXT) };
    let mut runs = Runs::new(case);
    if whole {
        runs.well("check", TEXT);
        runs.recipe("plan", TEXT);
        runs.recipe("plan", &["--out", "saved.plan", "-vvv"]);
        runs.recipe("plan", &["--out", "saved-too.plan", "-o", "json", "-vvv"]);
        assert_eq!(runs.files(".plan"), 2, "no plan was saved");
    }
    let told = runs.well("apply", &[one, &["--yes", "--journal", "copy.jsonl"]].concat());
    assert_eq!(runs.files("copy.jsonl"), 1, "no copy of the journal");
    // What was planted was met: values gave way to the recipe's, and the rest was asked for.
    assert_eq!(runs.replaced(), case.owns, "{}: which variables it set", case.recipe);
    for word in case.asks {
        assert!(told.contains(word), "{}: {word} is not asked for: {told}", case.recipe);
    }
    if whole {
        for format in [TEXT, JSON] {
            runs.line(&[&["runs", "show"], format].concat());
        }
        runs.recipe("verify", JSON);
        runs.recipe("apply", &[JSON, &["--yes"]].concat());
        runs.line(&[&["graph", "--live"], TEXT].concat());
    }
    runs.undo(other);
    assert!(runs.files(".jsonl") >= 1, "{}: no journal was searched", case.recipe);
    if whole {
        for format in [TEXT, JSON] {
            runs.line(&[&["runs", "show"], format].concat());
        }
    }
    let before = runs.failed;
    for (at, fault) in FAULTS.iter().enumerate() {
        let met = at == 0 || at == 1 + turn % (FAULTS.len() - 1);
        if met || (all && !case.slow) {
            let formats = if whole { &[TEXT, JSON][..] } else { &[[TEXT, JSON][(turn / 2 + at) % 2]] };
            for format in formats {
                let code = runs.strike(fault, format);
                assert!(at > 0 || code != Some(0), "{}: {fault} did not strike", case.recipe);
            }
        }
    }
    assert!(runs.failed > before, "no fault ended a run");
    if case.recipe == WHOLE {
        in_every_way(&mut runs);
    }
    let Runs { count, failed, bytes, .. } = runs;
    say!("{}: {count} runs, {failed} of them failed, {bytes} bytes searched, no secret", case.recipe);
}

/// Rolled back, approved by a file, undone while Azure says back what it was sent, and on several apps at once.
fn in_every_way(runs: &mut Runs<'_>) {
    for format in [TEXT, JSON] {
        let rolled_back =
            ["--on-failure", "rollback", "--sandbox-fault", "match=PATCH: nth=2 operation-fails", "--yes"];
        runs.afresh();
        let (code, told) = runs.recipe("apply", &[&rolled_back[..], format].concat());
        assert_eq!(code, Some(6), "{told}");
        runs.line(&[&["runs", "show"], format].concat());
        runs.line(&[&["runs"], format].concat());

        runs.afresh();
        let file = if format == TEXT { "approved.plan" } else { "approved-too.plan" };
        runs.recipe("plan", &[&["--out", file][..], format].concat());
        runs.well("apply", &[&["--plan", file][..], format].concat());
        let last = runs.last.clone();
        for fault in ["match=GET:/Microsoft.App/ echo times=40", "match=PATCH: echo times=40"] {
            let struck = ["undo", &last, "--yes", "--timeout", "5m", "--sandbox-fault", fault];
            let (code, told) = runs.line(&[&struck[..], format].concat());
            assert_ne!(code, Some(0), "{fault}: {told}");
        }

        runs.afresh();
        let journals = runs.files(".jsonl");
        for command in ["plan", "apply", "verify"] {
            let yes: &[&str] = if command == "apply" { &["--yes"] } else { &[] };
            let two = ["-n", seed::APP, "-n", SECOND, "--container", "ca-demo"];
            runs.well(command, &[&two[..], yes, format].concat());
        }
        assert_eq!(runs.files(".jsonl"), journals + 2, "each of two apps has a journal");
        runs.line(&[&["verify", "--all-apps", "--deep"][..], format].concat());
        runs.afresh();
        let echo = ["--sandbox-fault", "match=GET:/containerApps/ echo times=40", "--all-apps", "--yes"];
        let (code, told) = runs.recipe("apply", &[&echo[..], &["--timeout", "5m"], format].concat());
        assert_ne!(code, Some(0), "{told}");
    }
}

/// Another app, as planted as the first one.
const SECOND: &str = "ca-second";

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
}

#[track_caller]
fn search(what: &str, told: &[u8]) {
    let told = String::from_utf8_lossy(told);
    for mark in marks() {
        if let Some(at) = told.find(&mark) {
            let from = (at.saturating_sub(300)..=at).find(|from| told.is_char_boundary(*from)).unwrap_or(at);
            let to = (at + 60..told.len()).find(|to| told.is_char_boundary(*to)).unwrap_or(told.len());
            panic!("{what}: {mark} shows: …{}…", &told[from..to]);
        }
    }
}

macro_rules! recipes {
    ($($turn:literal $name:ident = $case:expr;)*) => {
        $(#[test] fn $name() { nothing_shows($turn, &$case); })*

        #[test]
        fn every_recipe_is_searched() {
            let mut all: Vec<&str> = vec![$($case.recipe),*];
            all.sort_unstable();
            all.dedup();
            let built_in = acarecipe::recipe::Catalogue::built_in().unwrap();
            let mut names: Vec<&str> = built_in.recipes().map(|recipe| recipe.name.value.as_str()).collect();
            names.sort_unstable();
            assert_eq!(all, names);
        }
    };
}

recipes! {
    0 azure_sql = case("azure-sql", &["sql_server=sql-demo", "sql_database=appdb"]).owns(&["SQL_SERVER"]);
    1 bring_your_own_storage = case("bring-your-own-storage", &["storage_account=stdemo"]).asks(&["listKeys"]);
    2 container_registry = case("container-registry", &["acr_name=acrdemo", "image=python-demo:2.0"]).asks(&["oauth2/token"]);
    3 cosmos_db = case("cosmos-db", &["cosmos_account=cosmos-demo", "cosmos_database=appdb", "cosmos_container=items"]).owns(&["COSMOS_ENDPOINT"]);
    4 custom_container = case("custom-container", &["acr_name=acrdemo", &format!("context={}", sample("custom-container"))]).asks(&["oauth2/token", "listBuildSourceUploadUrl", "listLogSasUrl"]);
    5 custom_domains = case("custom-domains", &["custom_domain=shop.contoso.example", "dns_zone=contoso.example", "dns_rg=rg-shared"]);
    6 custom_domains_with_a_file = case(
        "custom-domains",
        &["custom_domain=shop.contoso.example", "dns_zone=contoso.example", "dns_rg=rg-shared", "certificate=file",
          "certificate_file=own.pfx", "certificate_password=@env:PFX_PASSWORD"],
    )
    .slow()
    .variable("PFX_PASSWORD", planted("pfx-password"))
    .file("own.pfx", made(&["shop.contoso.example"], OffsetDateTime::now_utc(), 300).pfx(&planted("pfx-password")));
    7 dapr_integration = case(
        "dapr-integration",
        &[r#"components=[{"name":"statestore","type":"state.redis","metadata":{"redisHost":"redis:6379","redisPassword":{"secretRef":"redis-password"}}}]"#,
          r#"secrets={"statestore/redis-password":{"$env":"REDIS_PASSWORD"}}"#],
    )
    .variable("REDIS_PASSWORD", planted("dapr")).asks(&["daprComponents/statestore/listSecrets"]);
    8 dapr_integration_by_file = case(
        "dapr-integration",
        &[r#"components=[{"name":"statestore","type":"state.redis","metadata":{"redisHost":"redis:6379","redisPassword":{"secretRef":"redis-password"}}}]"#,
          r#"secrets={"statestore/redis-password":{"$file":"password.txt"}}"#],
    )
    .file("password.txt", planted("dapr-file").into_bytes()).asks(&["daprComponents/statestore/listSecrets"]);
    9 easy_auth = case("easy-auth", &["client_id=55555555-5555-4555-8555-555555555555"])
        .variable("MICROSOFT_PROVIDER_AUTHENTICATION_SECRET", planted("entra"))
        .variable("ENTRA_TENANT_ID", "22222222-2222-4222-8222-222222222222".to_owned()).asks(&["listSecrets"]);
    10 easy_auth_by_standard_input = case(
        "easy-auth",
        &["provider=google", "client_id=123-abc.apps.googleusercontent.com", "client_secret=@-", "token_store=true", "token_store_sas_url=@env:SAS"],
    )
    .reads(planted("google"))
    .variable("SAS", format!("https://stdemo.blob.core.windows.net/tokens?sv=2024-11-04&sig={MARK}%2Fx")).asks(&["listSecrets"]);
    11 jobs = case("jobs", &["job_name=job-demo", "image=ghcr.io/acarecipe/sidecar:2.0", "env.GREETING=hello", "start=true"]).owns(&["SERVICEBUS_HOST", "GREETING"]);
    12 key_vault_reference = case("key-vault-reference", &["key_vault=kv-demo", "secrets.DB_PASSWORD=db-password"]).owns(&["DB_PASSWORD"]).asks(&["listSecrets"]);
    13 managed_identity = case("managed-identity", &["identity=create"]).owns(&["AZURE_CLIENT_ID"]);
    14 mtls_client_certificates = case(
        "mtls-client-certificates",
        &["thumbprints=[\"0123456789ABCDEF0123456789ABCDEF01234567\"]", "client_cert=client.pem", "client_key=client.key"],
    )
    .file("client.pem", shipped("client.pem"))
    .file("client.key", shipped("client.key")).owns(&["ALLOWED_CERT_THUMBPRINTS"]);
    15 native_dependencies = case("native-dependencies", &["acr_name=acrdemo", &format!("context={}", sample("native-dependencies")), "deploy=true"]).asks(&["oauth2/token", "listBuildSourceUploadUrl", "listLogSasUrl"]);
    16 redis = case("redis", &["redis_name=redis-demo"]).owns(&["REDIS_HOST"]);
    17 revision_validation = case("revision-validation", &["image=ghcr.io/acarecipe/python-demo:2.0", "env.GREETING=hello"]).owns(&["GREETING"]);
    18 storage = case("storage", &["storage_account=stdemo"]).owns(&["STORAGE_ACCOUNT_URL"]);
}

fn shipped(file: &str) -> Vec<u8> {
    let folder: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/mtls-client-certificates/tests");
    std::fs::read(folder.join(file)).unwrap()
}

/// A panic tells where it came about, never what it was about.
#[test]
fn a_panic_tells_no_value() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cli::leaks::panics", "--ignored", "--nocapture"])
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap();
    let told = [&output.stdout[..], &output.stderr[..]].concat();
    search("a panic", &told);
    let told = String::from_utf8_lossy(&told);
    assert_eq!(told.matches("error[internal]: a mistake of this program, at ").count(), 4, "{told}");
    assert!(told.contains("leaks.rs:") && told.contains("a text of the program"), "{told}");
    assert!(output.status.success(), "{told}");
}

// Not left out: the test above starts it and reads what it said. What tells of panics is one for a whole process.
#[test]
#[ignore = "runs in a process of its own, started by the test above"]
fn panics() {
    // The command line of the test harness is none of the program's, but from here on it tells of panics.
    let _ = acarecipe::cli::main();
    let secret = planted("panic");
    let panics: [Box<dyn FnOnce() + Send>; 4] = [
        Box::new({
            let secret = secret.clone();
            move || assert!(secret.parse::<u32>().unwrap() > 0)
        }),
        Box::new({
            let secret = secret.clone();
            // Within the é.
            move || drop(secret[..secret.len() - 1].to_owned())
        }),
        Box::new(move || assert_eq!(secret, "")),
        Box::new(|| panic!("a text of the program")),
    ];
    for one in panics {
        assert!(std::thread::spawn(one).join().is_err());
    }
}
