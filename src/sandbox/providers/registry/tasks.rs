//! The task runs of a registry: a place for what is built, runs, and links to their logs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use time::Duration;

use super::builder::{self, Job};
use super::{KIND, existing, pull};
use crate::sandbox::errors::{self, Refusal};
use crate::sandbox::exchange::find;
use crate::sandbox::router::{Address, Answer, Context, Handled};
use crate::sandbox::rules::Switch;
use crate::sandbox::state::{Registry, TaskRun, Upload, fold, stamp};

/// The host of the storage that registries of the public cloud have their sources and logs in.
pub(in crate::sandbox) const BLOB_HOST: &str = "sandboxacrtasks.blob.core.windows.net";
/// Where it is for those who reach the sandbox by a name of its own.
pub(in crate::sandbox) const BLOB_PATH: &str = "/sandbox-blobs";

/// How many places are kept.
const KEPT: usize = 20;

/// The version in which a run says as whom it signs in.
const AS_CALLER_SINCE: &str = "2025-03-01-preview";

/// How long a link is good.
const GOOD_FOR: Duration = Duration::hours(1);

/// The address that the agents of tasks come from.
const AGENTS: &str = "20.62.0.1";

/// `POST …/listBuildSourceUploadUrl`.
pub(super) fn upload_url(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/listBuildSourceUploadUrl/action"), &address.id(1))?;
    context.unlocked(&address.id(1))?;
    existing(context, address)?;
    let (now, origin) = (context.now, context.origin.to_owned());
    let Some(registry) = context.state.registries.get_mut(&fold(&address.id(1))) else {
        return Err(errors::resource_not_found(KIND, address.name(0), ""));
    };
    let many = registry.tasks.uploads.len() + registry.tasks.runs.len();
    let path = format!("source/{}{many:04}/context.tar.gz", now.unix_timestamp());
    let key = secret(&registry.id, &format!("upload/{path}"));
    let url = link(&origin, &format!("{}/{path}", registry.name()), &key, "cw");
    if registry.tasks.uploads.len() == KEPT {
        registry.tasks.uploads.remove(0);
    }
    registry.tasks.uploads.push(Upload { path: path.clone(), key, until: now + GOOD_FOR, archive: None });
    Ok(Answer::new(200, json!({ "uploadUrl": url, "relativePath": path })))
}

/// `POST …/scheduleRun`.
pub(super) fn schedule(context: &mut Context<'_>, address: &Address) -> Handled {
    let id = address.id(1);
    context.require(&format!("{KIND}/scheduleRun/action"), &id)?;
    context.unlocked(&id)?;
    let body = context.object()?;
    let registry = existing(context, address)?;
    let name = registry.name().to_owned();
    if registry.tasks.forbidden {
        let subscription = id.split('/').nth(2).unwrap_or_default();
        return Err(Refusal::new(
            400,
            "TasksOperationsNotAllowed",
            format!(
                "ACR Tasks requests for the registry {name} and {subscription} are not permitted. Please file an Azure support request at http://aka.ms/azuresupport for assistance."
            ),
        ));
    }
    if registry.tasks.full {
        let usual = context.rules.holds(Switch::FullIsBadRequest);
        let (status, code) = if usual { (400, "RunQuotaExceeded") } else { (409, "TooManyRuns") };
        return Err(Refusal::new(
            status,
            code,
            format!("The registry {name} has reached the number of runs that may be queued."),
        ));
    }
    let asked = asked(&body, registry.login_server())?;
    let kept_out = kept_out(context, registry, &body, &asked.names);
    let archive = registry
        .tasks
        .uploads
        .iter()
        .find(|upload| upload.path == asked.source)
        .and_then(|upload| upload.archive.as_ref());
    let run = format!("cb{}", registry.tasks.runs.len() + 1);
    let job = Job {
        archive,
        dockerfile: &asked.dockerfile,
        args: &asked.args,
        names: &asked.names,
        test: asked.test.as_deref(),
        kept_out,
    };
    let again = context.rules.holds(Switch::RebuiltIsAnother);
    let outcome = builder::build(&registry.tasks, registry.login_server(), &run, &job, again);
    let server = format!("{}/", registry.login_server());
    let images = asked.names.iter().filter_map(|name| {
        let (repository, tag) = name.strip_prefix(&server)?.rsplit_once(':')?;
        Some((repository.to_owned(), tag.to_owned()))
    });
    let starts = context.now + context.delays.operation / 10;
    let made = TaskRun {
        id: run.clone(),
        kind: asked.kind.to_owned(),
        platform: body["platform"].clone(),
        created: context.now,
        starts,
        ends: starts + context.delays.operation + context.delays.revision,
        images: images.collect(),
        digest: outcome.digest,
        listens: outcome.listens,
        log: outcome.log,
        end: if outcome.made { "Succeeded" } else { "Failed" }.to_owned(),
        error: None,
        key: secret(&registry.id, &format!("log/{run}")),
        pushed: false,
    };
    let (now, flat) = (context.now, context.rules.holds(Switch::ImagesNamedAtEnd));
    let Some(registry) = context.state.registries.get_mut(&fold(&id)) else {
        return Err(errors::resource_not_found(KIND, &name, ""));
    };
    registry.tasks.runs.push(made);
    registry.settle_runs(now);
    let answer = registry.tasks.runs.last().map(|made| shown(registry, made, now, flat));
    Ok(Answer::new(200, answer.unwrap_or_default()))
}

/// Why what a run makes cannot be pushed.
fn kept_out(context: &Context<'_>, registry: &Registry, body: &Json, names: &[String]) -> Option<String> {
    let refused = |why: &str| names.first().map(|name| format!("failed to push {name}: {why}"));
    let let_in = registry.properties["networkRuleBypassAllowedForTasks"] == json!(true);
    let bypass = let_in || !context.rules.holds(Switch::ClosedRegistryStopsTasks);
    if !pull::reachable(registry, AGENTS) && !bypass {
        return refused(&format!(
            "denied: client with IP '{AGENTS}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
        ));
    }
    let as_caller = body["credentials"]["sourceRegistry"]["identity"] == json!("[caller]")
        && context.api_version >= AS_CALLER_SINCE;
    if registry.abac()
        && !(as_caller && pull::may_push(context.state, context.now, registry, &context.caller.principal))
    {
        return refused(
            "unauthorized: authentication required, visit https://aka.ms/acr/authorization for more information.",
        );
    }
    None
}

/// `GET …/runs`.
pub(super) fn list(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/runs/read"), &address.id(1))?;
    let (now, late) = (context.now, context.rules.holds(Switch::ImagesNamedAtEnd));
    let filter = find(context.query, "$filter").unwrap_or_default().to_owned();
    let most = find(context.query, "$top").and_then(|top| top.parse::<usize>().ok()).unwrap_or(usize::MAX);
    // `status eq 'A' or status eq 'B'`: the words in quotes.
    let words: Vec<&str> = filter.split('\'').skip(1).step_by(2).collect();
    let registry = existing(context, address)?;
    let runs = registry.tasks.runs.iter().rev();
    let asked = runs.filter(|run| words.is_empty() || words.contains(&run.status(now)));
    let shown = asked.take(most).map(|run| shown(registry, run, now, late)).collect();
    context.page(shown)
}

/// `GET …/runs/ID`.
pub(super) fn get(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/runs/read"), &address.id(1))?;
    let registry = existing(context, address)?;
    let run = named(registry, address)?;
    Ok(Answer::new(200, shown(registry, run, context.now, context.rules.holds(Switch::ImagesNamedAtEnd))))
}

/// `POST …/runs/ID/listLogSasUrl`.
pub(super) fn log_url(context: &mut Context<'_>, address: &Address) -> Handled {
    context.require(&format!("{KIND}/runs/listLogSasUrl/action"), &address.id(1))?;
    let registry = existing(context, address)?;
    let run = named(registry, address)?;
    let path = format!("{}/logs/{}/rawtext.log", registry.name(), run.id);
    Ok(Answer::new(200, json!({ "logLink": link(context.origin, &path, &run.key, "r") })))
}

fn named<'a>(registry: &'a Registry, address: &Address) -> Result<&'a TaskRun, Refusal> {
    let id = address.name(1);
    let found = registry.tasks.runs.iter().find(|run| run.id == id);
    found.ok_or_else(|| Refusal::new(404, "RunNotFound", format!("The run '{id}' is not found.")))
}

fn shown(registry: &Registry, run: &TaskRun, now: time::OffsetDateTime, late: bool) -> Json {
    let status = run.status(now);
    let mut properties = json!({
        "runId": run.id,
        "status": status,
        "lastUpdatedTime": stamp(now.min(run.ends)),
        "runType": run.kind,
        "createTime": stamp(run.created),
        "platform": run.platform,
        "agentConfiguration": { "cpu": 2 },
        "provisioningState": match status { "Succeeded" | "Failed" => status, _ => "Creating" },
        "isArchiveEnabled": false,
    });
    if now >= run.starts {
        properties["startTime"] = json!(stamp(run.starts));
    }
    if now >= run.ends {
        properties["finishTime"] = json!(stamp(run.ends));
    }
    let over = status == "Succeeded";
    if over || (!late && now < run.ends) {
        let images = run.images.iter().map(|(repository, tag)| {
            let mut image =
                json!({ "registry": registry.login_server(), "repository": repository, "tag": tag });
            if over {
                image["digest"] = json!(run.digest);
            }
            image
        });
        properties["outputImages"] = images.collect();
    }
    json!({
        "id": format!("{}/runs/{}", registry.id, run.id),
        "name": run.id,
        "type": format!("{KIND}/runs"),
        "properties": properties,
    })
}

/// What a request asks for.
struct Asked {
    kind: &'static str,
    source: String,
    dockerfile: String,
    args: Vec<(String, String)>,
    names: Vec<String>,
    test: Option<Vec<String>>,
}

fn asked(body: &Json, server: &str) -> Result<Asked, Refusal> {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let missing = |name: &str| {
        errors::invalid_content(format!("The request content was invalid: '{name}' is required."))
    };
    if body["platform"]["os"].as_str().is_none() {
        return Err(missing("platform.os"));
    }
    if text("sourceLocation").is_empty() {
        return Err(missing("sourceLocation"));
    }
    // What the specification gives as the least and the most.
    let timeout = &body["timeout"];
    if !timeout.is_null() && !timeout.as_u64().is_some_and(|seconds| (300..=28_800).contains(&seconds)) {
        return Err(errors::invalid_content(
            "The request content was invalid: 'timeout' must be from 300 to 28800.".to_owned(),
        ));
    }
    let is_name = |name: &str| {
        let part = |text: &str, more: &str, upper: bool| {
            !text.is_empty()
                && text.chars().all(|c| {
                    c.is_ascii_lowercase()
                        || c.is_ascii_digit()
                        || (upper && c.is_ascii_uppercase())
                        || more.contains(c)
                })
        };
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        part(repository, "._-/", false)
            && part(tag, "._-", true)
            && tag.len() <= 128
            && !tag.starts_with(['.', '-'])
    };
    let bad_name = |names: &[String]| {
        let short = |name: &String| name.strip_prefix(&format!("{server}/")).unwrap_or(name).to_owned();
        names.iter().map(short).find(|name| !is_name(name)).map(|name| {
            errors::invalid_content(format!("The request content was invalid: '{name}' is no image name."))
        })
    };
    let read = asked_for(body, server, &text, &missing)?;
    bad_name(&read.names).map_or(Ok(read), Err)
}

fn asked_for(
    body: &Json,
    server: &str,
    text: &dyn Fn(&str) -> String,
    missing: &dyn Fn(&str) -> Refusal,
) -> Result<Asked, Refusal> {
    match body["type"].as_str() {
        Some("DockerBuildRequest") => {
            let words = |name: &str| body[name].as_array().cloned().unwrap_or_default();
            Ok(Asked {
                kind: "QuickBuild",
                source: text("sourceLocation"),
                dockerfile: Some(text("dockerFilePath"))
                    .filter(|path| !path.is_empty())
                    .ok_or_else(|| missing("dockerFilePath"))?,
                args: words("arguments")
                    .iter()
                    .map(|one| {
                        let part = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                        (part("name"), part("value"))
                    })
                    .collect(),
                // What is not pushed gets no name in the registry.
                names: words("imageNames")
                    .iter()
                    .filter(|_| body["isPushEnabled"] != json!(false))
                    .filter_map(Json::as_str)
                    .map(
                        |name| {
                            if name.starts_with(server) {
                                name.to_owned()
                            } else {
                                format!("{server}/{name}")
                            }
                        },
                    )
                    .collect(),
                test: None,
            })
        }
        Some("EncodedTaskRunRequest") => {
            let task = STANDARD
                .decode(text("encodedTaskContent"))
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let task = task.and_then(|text| serde_saphyr::from_str::<Json>(&text).ok());
            let task = task
                .ok_or_else(|| Refusal::new(400, "InvalidTaskContent", "The task content cannot be read."))?;
            Ok(of_task(&task, server, text("sourceLocation")))
        }
        _ => Err(missing("type")),
    }
}

/// The steps of a task, as far as the sandbox plays them: one that builds, commands, one that pushes.
fn of_task(task: &Json, server: &str, source: String) -> Asked {
    let mut asked = Asked {
        kind: "QuickRun",
        source,
        dockerfile: "Dockerfile".to_owned(),
        args: Vec::new(),
        names: Vec::new(),
        test: None,
    };
    let known = |text: &str| text.replace("$Registry", server).replace("{{.Run.Registry}}", server);
    for step in task["steps"].as_array().into_iter().flatten() {
        if let Some(line) = step["build"].as_str() {
            let words = words(&known(line));
            for pair in words.windows(2) {
                match pair[0].as_str() {
                    "-f" => asked.dockerfile.clone_from(&pair[1]),
                    "--build-arg" => {
                        let (name, value) = pair[1].split_once('=').unwrap_or((&pair[1], ""));
                        asked.args.push((name.to_owned(), value.to_owned()));
                    }
                    _ => {}
                }
            }
        }
        if let Some(line) = step["cmd"].as_str() {
            let own = step["entryPoint"].as_str().map(str::to_owned);
            let command = words(&known(line)).into_iter().skip(1);
            asked.test = Some(own.into_iter().chain(command).collect());
        }
        let pushed = step["push"].as_array().into_iter().flatten().filter_map(Json::as_str);
        asked.names.extend(pushed.map(known));
    }
    asked
}

/// The words of a line as a shell takes them apart.
fn words(line: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                open.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => all.extend(open.take()),
            (_, c) => open.get_or_insert_default().push(c),
        }
    }
    all.extend(open);
    all
}

/// What opens something, made of what only the state knows.
fn secret(registry: &str, what: &str) -> String {
    let half = |half: &str| {
        let text = format!("{registry}/{what}/{half}");
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string()
    };
    format!("{}{}", half("first"), half("second"))
}

/// A link to a blob, at the host that whoever asked can reach.
fn link(origin: &str, path: &str, key: &str, rights: &str) -> String {
    let base = if origin.ends_with("//management.azure.com") {
        format!("https://{BLOB_HOST}")
    } else {
        format!("{origin}{BLOB_PATH}")
    };
    format!("{base}/{path}?sv=2024-11-04&sr=b&sp={rights}&sig={key}")
}
