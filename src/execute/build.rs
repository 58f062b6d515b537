//! An image that a registry builds: the folder is sent, a run started and followed. A run that is on already for
//! the same image is waited for, and none is started twice because an answer was lost.

use std::collections::BTreeSet;
use std::fs::File;
use std::pin::pin;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use super::ledger::{Done, Ledger};
use super::log::Log;
use super::send::Tried;
use super::{Event, Executor, Failure, WriteEnd, WriteKind, WriteRecord};
use crate::azure::builds::{BlobLink, BuildRequest, LogPart, Run, RunState, VERSION};
use crate::azure::{ArmError, ArmErrorKind, ArmRequest, Method};
use crate::clock::within;
use crate::context::{Context, ContextError};
use crate::diagnostic::{Diagnostic, codes};
use crate::facts::{DOCKERFILE, Fact, LocalPath, Read};
use crate::plan::{Plan, Write, quote};
use crate::steps::{ImageBuild, shell_word};
use crate::value::{Value, strip_control};

/// How often a run is looked at: at first, and at most.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LAST_LOOK: Duration = Duration::from_secs(5);

/// How long a run may take when neither the step nor the deadline says less
/// (Azure's own default, `DockerBuildRequest.timeout`).
const LONGEST: Duration = Duration::from_secs(3600);

/// How long a run is waited for that may build the same image and does not say.
const PATIENCE: time::Duration = time::Duration::minutes(10);

/// The names of a task's steps.
const BUILD: &str = "build";
const TEST: &str = "test";
const PUSH: &str = "push";

/// Where a page says how registries build.
const DOCS: &str = "https://learn.microsoft.com/azure/container-registry/container-registry-tasks-overview";

/// How often it is told that something is still being sent.
const TICK: Duration = Duration::from_secs(30);

/// How a run that was followed ended.
enum End {
    Made,
    Failed(Failure),
}

impl Executor {
    /// What a folder would be sent as. That it cannot be sent is a fact too.
    pub(super) async fn context(&self, read: &Read) -> Fact {
        let (folder, dockerfile) = (read.local_path(), read.parameter(DOCKERFILE).to_owned());
        let opened = self.with_folder(folder, dockerfile, |context| {
            let digest = context.digest()?;
            Ok(json!({ "digest": digest.0, "files": context.files(), "bytes": context.bytes() }))
        });
        let refused = |error: &ContextError| json!({ "refused": strip_control(&error.to_string()), "fix": error.fix().map(|fix| strip_control(&fix)) });
        Fact::Found(Value::from(opened.await.unwrap_or_else(|error| refused(&error))))
    }

    /// Works on a folder where waiting for a disk keeps nobody else from going on.
    async fn with_folder<T: Send + 'static>(
        &self,
        folder: LocalPath,
        dockerfile: String,
        work: impl FnOnce(Context) -> Result<T, ContextError> + Send + 'static,
    ) -> Result<T, ContextError> {
        let (path, within) = folder.place(&self.folder);
        let open = move || work(Context::open(&path, &dockerfile, within.as_deref())?);
        let done = tokio::task::spawn_blocking(open).await;
        done.unwrap_or_else(|error| Err(ContextError::NotWritten(error.to_string())))
    }

    /// Has the registry build what the write says, unless it is at it already; ends once the image is there.
    ///
    /// `others`: the runs that were on right before the request was first sent, kept from try to try. A run does not
    /// say whose it is, and may name no image before its end; of those only one that was not there before can be ours.
    pub(super) async fn send_build(
        &self,
        ledger: Ledger<'_>,
        plan: &Plan,
        write: &Write,
        build: &ImageBuild,
        done: &Done,
        others: &mut Option<BTreeSet<String>>,
    ) -> Result<(), Tried> {
        let limit =
            write.steps.iter().filter_map(|index| plan.steps[*index].timeout).max().unwrap_or(LONGEST);
        let deadline = self.deadline.min(self.clock.now() + limit);
        if self.underway(build, done, others.as_ref(), deadline).await? {
            ledger.in_place(done);
            return Ok(());
        }
        let (archive, length) = self.pack(build).await?;
        let place = self.or_stop(self.client.apart().upload_place(&build.registry, deadline)).await?;
        self.observer.event(&Event::Uploading { what: build.told(), bytes: length });
        self.or_stop(self.uploaded(build, &place.link, archive, length, deadline)).await?;
        if others.is_none() {
            *others = Some(self.on(build, deadline).await?.into_iter().map(|run| run.id).collect());
        }

        let left = u64::try_from((deadline - self.clock.now()).whole_seconds()).unwrap_or_default();
        let names: Vec<String> =
            build.all_tags().iter().map(|tag| format!("{}:{tag}", build.repository)).collect();
        let task = task(build);
        let request = BuildRequest {
            registry: &build.registry,
            source: &place.path,
            dockerfile: &build.dockerfile,
            names: &names,
            os: build.platform.os,
            architecture: build.platform.architecture,
            variant: build.platform.variant,
            args: &build.args,
            task: task.as_deref(),
            as_caller: build.by_repository,
            timeout: left,
        }
        .to_request();
        let record = WriteRecord::of(plan, write, &request, WriteKind::Build, &done.what);
        ledger.sent(done);
        let answer = self.request(&record, &request, &done.what, None).await;
        ledger.answered(done, &answer);
        let (accepted, _) = answer.map_err(|tried| match tried {
            Tried::Azure(error) => explained(error, build, done),
            failed @ Tried::Failed(_) => failed,
        })?;
        self.observer.event(&Event::Accepted { what: done.what.clone() });
        let run = match Run::read(&accepted.body) {
            Some(run) => run,
            // It was accepted without its name: one that makes the image is it.
            None if self.underway(build, done, others.as_ref(), deadline).await? => return Ok(()),
            None => return Err(unnamed(build, done).into()),
        };
        match self.follow(build, &run.id, done, deadline).await? {
            End::Made => Ok(()),
            End::Failed(failure) => Err(failure.into()),
        }
    }

    /// Gives the image that is there the tags it does not have.
    pub(super) async fn give_tags(
        &self,
        ledger: Ledger<'_>,
        plan: &Plan,
        write: &Write,
        build: &ImageBuild,
        done: &Done,
    ) -> Result<(), Tried> {
        let Some(found) = &build.found else { return Ok(()) };
        // The request is one of the registry's own protocol; it is recorded under the name that plans give it.
        let request = ArmRequest::new(Method::Put, build.id().to_string(), VERSION);
        let record = self.announce(&WriteRecord::of(plan, write, &request, WriteKind::Build, &done.what))?;
        self.observer.event(&Event::Writing { what: done.what.clone() });
        ledger.sent(done);
        let mut end = WriteEnd::done(201);
        let mut answer = Ok(());
        for tag in found.to_give() {
            let (repository, digest) = (&build.repository, &found.digest);
            let given = self.client.give_tag(&build.registry, repository, digest, tag, self.deadline);
            if let Err(reason) = self.interrupt.or(given).await.ok_or(Failure::Interrupted)? {
                end = WriteEnd::Failed { code: None, maybe_applied: true };
                answer = Err(not_tagged(build, tag, &reason, done).into());
                break;
            }
        }
        if answer.is_ok() {
            ledger.accepted(done);
        }
        self.hook.after(&record, &end);
        answer
    }

    /// Sends the archive, and says now and then that it is at it.
    async fn uploaded(
        &self,
        build: &ImageBuild,
        link: &BlobLink,
        archive: File,
        length: u64,
        deadline: OffsetDateTime,
    ) -> Result<(), ArmError> {
        let start = self.clock.now();
        let mut upload = pin!(self.client.upload(link, archive, length, deadline));
        loop {
            if let Some(end) = within(&*self.clock, TICK, upload.as_mut()).await {
                return end;
            }
            let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
            self.observer.event(&Event::Sending { what: build.told(), elapsed });
        }
    }

    /// Waits for a run that is on for the same image; whether it made it. One that does not say what it makes is
    /// waited for only if a request of ours may have started it: its log is not shown, and its failure is not ours.
    async fn underway(
        &self,
        build: &ImageBuild,
        done: &Done,
        others: Option<&BTreeSet<String>>,
        deadline: OffsetDateTime,
    ) -> Result<bool, Tried> {
        let patience = deadline.min(self.clock.now() + PATIENCE);
        let tag = build.tag();
        let (sure, rest): (Vec<Run>, Vec<Run>) =
            self.on(build, deadline).await?.into_iter().partition(|run| run.makes(&build.repository, &tag));
        let may_be_ours = |run: &Run| {
            run.quick && run.images.is_empty() && others.is_some_and(|others| !others.contains(&run.id))
        };
        for run in sure.into_iter().chain(rest.into_iter().filter(may_be_ours)) {
            if run.makes(&build.repository, &tag) {
                self.observer.event(&Event::Joining { run: run.id.clone(), what: done.what.clone() });
                return match self.follow(build, &run.id, done, deadline).await? {
                    End::Made => Ok(true),
                    End::Failed(failure) => Err(failure.into()),
                };
            }
            let start = self.clock.now();
            let mut pause = FIRST_LOOK;
            while self.clock.now() < patience {
                let now = self.or_stop(self.client.run(&build.registry, &run.id, deadline)).await?;
                if now.made(&build.repository, &tag).is_some() {
                    return Ok(true);
                }
                if now.state != RunState::On || !now.images.is_empty() {
                    break;
                }
                let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
                let state = format!("{}, and may build the same image", now.word);
                self.observer.event(&Event::Run { run: run.id.clone(), state, elapsed });
                self.pause(pause).await?;
                pause = (pause * 2).min(LAST_LOOK);
            }
        }
        Ok(false)
    }

    /// Runs that are on.
    async fn on(&self, build: &ImageBuild, deadline: OffsetDateTime) -> Result<Vec<Run>, Tried> {
        let filter = "status eq 'Running' or status eq 'Started' or status eq 'Queued'";
        let runs = self.or_stop(self.client.runs(&build.registry, filter, deadline)).await?;
        Ok(runs.into_iter().filter(|run| run.state == RunState::On).collect())
    }

    /// The answer of a request, unless somebody asked to stop before.
    async fn or_stop<T>(&self, request: impl Future<Output = Result<T, ArmError>>) -> Result<T, Tried> {
        match self.interrupt.or(request).await {
            Some(answer) => Ok(answer?),
            None => Err(Failure::Interrupted.into()),
        }
    }

    /// The archive in a file without a name, once it is sure that it is what the plan was made of.
    async fn pack(&self, build: &ImageBuild) -> Result<(File, u64), Tried> {
        let packing = self.with_folder(build.folder.path.clone(), build.dockerfile.clone(), |context| {
            let file = tempfile::tempfile().map_err(|error| ContextError::NotWritten(error.to_string()))?;
            let packed = context.compress(&file)?;
            Ok((file, packed))
        });
        let told = build.folder.path.written();
        let (file, packed) = packing.await.map_err(|error| {
            let message = strip_control(&error.to_string());
            let diagnostic = Diagnostic::error(codes::CONTEXT, message).note("nothing was sent");
            Failure::Changed(Box::new(match error.fix() {
                Some(fix) => diagnostic.fix(strip_control(&fix)),
                None => diagnostic,
            }))
        })?;
        if packed.digest.0 != build.folder.digest {
            let message = format!("what {told} holds changed after the plan was made");
            return Err(Failure::Changed(Box::new(
                Diagnostic::error(codes::CHANGED_MEANWHILE, message)
                    .note("nothing was sent: the image would be another one than was approved")
                    .fix("run the same command again once nothing writes there any more"),
            ))
            .into());
        }
        Ok((file, packed.bytes))
    }

    /// Follows a run and its log to its end.
    async fn follow(
        &self,
        build: &ImageBuild,
        run: &str,
        done: &Done,
        deadline: OffsetDateTime,
    ) -> Result<End, Tried> {
        let start = self.clock.now();
        let mut pause = FIRST_LOOK;
        let mut log = Log::default();
        let mut link = None;
        loop {
            let now = self.or_stop(self.client.run(&build.registry, run, deadline)).await?;
            let over = now.state != RunState::On;
            // Its log may not be there before it has begun.
            if over || now.word == "Running" {
                self.read_log(build, run, &mut link, &mut log, over, deadline).await?;
            }
            match now.state {
                RunState::Succeeded => return Ok(End::Made),
                RunState::Ended => return Ok(End::Failed(failed(build, &now, &log, done))),
                RunState::On => {}
            }
            let elapsed = (self.clock.now() - start).try_into().unwrap_or_default();
            let state = strip_control(&now.word);
            self.observer.event(&Event::Run { run: run.to_owned(), state, elapsed });
            if self.clock.now() + pause >= deadline {
                return Ok(End::Failed(late(build, run, done)));
            }
            self.pause(pause).await?;
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// What is new in a log. That it cannot be read is no failure of the run: it is told once, and the run goes on.
    async fn read_log(
        &self,
        build: &ImageBuild,
        run: &str,
        link: &mut Option<BlobLink>,
        log: &mut Log,
        over: bool,
        deadline: OffsetDateTime,
    ) -> Result<(), Tried> {
        let mut renewed = false;
        loop {
            let known = match link.as_ref() {
                Some(known) => known.clone(),
                None => match self.or_stop(self.client.log_link(&build.registry, run, deadline)).await {
                    Ok(new) => link.insert(new).clone(),
                    Err(Tried::Azure(error)) => {
                        self.unread(run, &error, over);
                        return Ok(());
                    }
                    Err(stopped) => return Err(stopped),
                },
            };
            match self.or_stop(self.client.log_part(&known, log.read, deadline)).await {
                Ok(LogPart::More(more)) if more.is_empty() => break,
                Ok(LogPart::More(more)) => {
                    for line in log.take(&more) {
                        self.observer.event(&Event::Log { line });
                    }
                }
                // It is good for an hour or so.
                Ok(LogPart::Expired) if !renewed => {
                    renewed = true;
                    *link = None;
                }
                Ok(LogPart::Expired) => break,
                Err(Tried::Azure(error)) => {
                    self.unread(run, &error, over);
                    return Ok(());
                }
                Err(stopped) => return Err(stopped),
            }
        }
        if over && let Some(line) = log.end() {
            self.observer.event(&Event::Log { line });
        }
        Ok(())
    }

    fn unread(&self, run: &str, error: &ArmError, over: bool) {
        if over {
            let line = format!("the log of run {run} cannot be read: {}", error.kind());
            self.observer.event(&Event::Log { line: super::log::shown(&line) });
        }
    }
}

fn unnamed(build: &ImageBuild, done: &Done) -> Failure {
    let message = format!("the registry took the request to {}, but did not name the run", done.what);
    Failure::Azure(Box::new(
        Diagnostic::error(codes::IMAGE_BUILD, message)
            .fix(format!("az acr task list-runs --registry {}", quote(build.registry.name())))
            .docs(DOCS),
    ))
}

fn not_tagged(build: &ImageBuild, tag: &str, reason: &str, done: &Done) -> Failure {
    let message = format!("{} could not be given the tag {tag}", build.reference());
    Failure::Azure(Box::new(
        Diagnostic::error(codes::IMAGE_BUILD, message)
            .note(strip_control(reason))
            .note("the image itself is there, and what runs it names it by its digest")
            .fix(format!(
                "leave the tag out, or: az role assignment create --assignee-object-id OBJECT_ID --role {} --scope {}",
                if build.by_repository { "'Container Registry Repository Writer'" } else { "AcrPush" },
                quote(build.registry.as_str())
            ))
            .resource(&done.resource),
    ))
}

/// A task that builds, tests in the image, and pushes only then. `None`: there is no test, and a plain build does.
///
/// Every word is quoted for the shell that runs a step, and every line is a string of JSON, which is one of YAML.
fn task(build: &ImageBuild) -> Option<String> {
    if build.test.is_empty() {
        return None;
    }
    let word = |text: &str| shell_word(text).unwrap_or_default();
    let names: Vec<String> =
        build.all_tags().iter().map(|tag| format!("$Registry/{}:{tag}", build.repository)).collect();
    let mut line = String::new();
    for name in &names {
        line.extend(["-t ", name, " "]);
    }
    for (name, value) in &build.args {
        line.extend(["--build-arg ", &word(&format!("{name}={value}")), " "]);
    }
    line.extend(["-f ", &word(&build.dockerfile), " ."]);
    let test: Vec<String> = build.test.iter().map(|text| word(text)).collect();
    let first = names.first()?;
    let text = |text: &str| json!(text).to_string();
    // The words are a command of their own, whatever the image starts with, and run where the image runs: by
    // default a step has the context as its folder, and a test would find there what is missing in the image.
    let program = build.test.first()?;
    let command = format!("{first} {}", test[1..].join(" "));
    Some(format!(
        "version: v1.1.0\nsteps:\n  - id: {BUILD}\n    build: {}\n  - id: {TEST}\n    cmd: {}\n    entryPoint: {}\n    disableWorkingDirectoryOverride: true\n  - id: {PUSH}\n    push: {}\n",
        text(&line),
        text(command.trim_end()),
        text(program),
        json!(names),
    ))
}

/// What a run that failed says.
fn failed(build: &ImageBuild, run: &Run, log: &Log, done: &Done) -> Failure {
    let id = &run.id;
    let name = build.reference();
    let in_test = !build.test.is_empty() && log.was_at(TEST);
    let (code, message) = if in_test {
        (codes::IMAGE_TEST, format!("the test in the image {name} failed; nothing was pushed"))
    } else {
        match (run.word.as_str(), log.step()) {
            ("Failed", Some(step)) => (codes::IMAGE_BUILD, format!("{name} could not be built: {step}")),
            ("Timeout", _) => (codes::IMAGE_BUILD, format!("{name} was not built in time")),
            ("Canceled", _) => (codes::IMAGE_BUILD, format!("somebody canceled the run that builds {name}")),
            _ => (codes::IMAGE_BUILD, format!("{name} could not be built")),
        }
    };
    let mut diagnostic = Diagnostic::error(code, strip_control(&message))
        .note(format!("run {id} of {} ended as {}", build.registry.name(), strip_control(&run.word)))
        .resource(&done.resource);
    if let Some(error) = &run.error {
        diagnostic = diagnostic.note(super::log::shown(error));
    }
    for line in log.last() {
        diagnostic = diagnostic.note(format!("| {line}"));
    }
    let logs = format!("az acr task logs --registry {} --run-id {id}", quote(build.registry.name()));
    let fix = match (in_test, run.word.as_str()) {
        (true, _) => "make the test pass, then run the same command again: it builds anew".to_owned(),
        (_, "Timeout") => "run it again with a longer --timeout, or make the build shorter".to_owned(),
        (_, "Canceled") => "run the same command again".to_owned(),
        _ if log.last().any(kept_out) => format!(
            "let the registry's tasks in: az resource update --ids {} --set properties.networkRuleBypassAllowedForTasks=true",
            quote(build.registry.as_str())
        ),
        _ => format!("mend that step, then run the same command again; the whole log: {logs}"),
    };
    Failure::Azure(Box::new(diagnostic.fix(fix).docs(DOCS)))
}

/// The words with which a registry's firewall refuses.
fn kept_out(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("client with ip") || line.contains("aka.ms/acr/firewall")
}

fn late(build: &ImageBuild, run: &str, done: &Done) -> Failure {
    Failure::Deadline(Box::new(
        Diagnostic::error(codes::DEADLINE, format!("not done in time: {}", done.what))
            .note(format!("run {run} of {} goes on", build.registry.name()))
            .fix("once that run is over, run the same command again: it takes what the run made; --timeout gives it longer"),
    ))
}

/// A refusal of the registry to build at all, with its way out.
fn explained(error: Box<ArmError>, build: &ImageBuild, done: &Done) -> Tried {
    let code = error.code().unwrap_or_default().to_owned();
    let told = |message: String, fix: &str| {
        let mut diagnostic = Diagnostic::error(codes::IMAGE_BUILD, message)
            .note(format!("{}, while trying to {}", error, done.what))
            .fix(fix)
            .docs(DOCS)
            .resource(&build.registry);
        if let Some(id) = error.correlation_id() {
            diagnostic = diagnostic.note(format!("correlation id {id}"));
        }
        Tried::Failed(Failure::Azure(Box::new(diagnostic)))
    };
    let name = build.registry.name();
    if code.eq_ignore_ascii_case("TasksOperationsNotAllowed") {
        let message =
            format!("the subscription of {name} may not use registry tasks, as is so of free and trial ones");
        return told(
            message,
            "no role mends that: ask Azure's support for it, or build with Docker (docker build, az acr login, docker push) and give the image by -p",
        );
    }
    let quota = ["quota", "limitexceeded", "toomanyruns"];
    if matches!(error.kind(), ArmErrorKind::Http(_))
        && !error.is_throttled()
        && quota.iter().any(|word| code.to_ascii_lowercase().contains(word))
    {
        let message = format!("{name} takes no more runs at present");
        return told(
            message,
            "run the same command again once other runs are over: az acr task list-runs --run-status Running --registry NAME",
        );
    }
    Tried::Azure(error)
}
