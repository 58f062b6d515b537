//! What must hold whatever became of a run.

use std::time::Duration;

use acarecipe::clock::Clock as _;
use acarecipe::diagnostic::codes::{CODES, DEADLINE};
use acarecipe::plan::{Finding, Plan, Status};
use acarecipe::sandbox::{State, seed};
use serde_json::Value as Json;

use super::strikes::{Strike, What};
use crate::runs_faults::Stopped;
use crate::support::others::{differences, meaning, nothing_lost};
use crate::support::world::{START, World};

/// What no failure and no event may tell.
pub const SECRETS: &[&str] = &[
    "sandbox-owner",
    "sandbox-db-password",
    "sandbox-api-key",
    "plain-smtp-password",
    "sandbox-client-secret",
    "sandbox-redis-password",
    "sandbox-stdemo-key",
    "PRIVATE KEY",
    "sig=",
];

/// The tag and the variable that an edit leaves.
const EDITED: &str = "EDITED_BY_OTHERS";

/// It ended by its deadline; a last look may end a little later.
pub fn in_time(world: &World, case: &str) {
    let took = world.clock.now() - START;
    assert!(took <= world.timeout + Duration::from_secs(10), "{case}: ended after {took}");
}

/// No secret in what was told, on the way or in the end.
pub fn nothing_told(world: &World, end: &Result<Plan, Stopped>, case: &str) {
    let told =
        format!("{:?} {:?} {:?}", end.as_ref().err(), world.seen.events.lock(), world.seen.writes.lock());
    for secret in SECRETS {
        assert!(!told.contains(secret), "{case}: {secret} in {told}");
    }
}

/// It ended well, or with one explained error: how.
pub fn explained(end: &Result<Plan, Stopped>, case: &str) -> &'static str {
    match end {
        Ok(_) => "ended well",
        Err(Stopped::Blocked(why) | Stopped::NotVerified(why)) => {
            assert!(why.len() > 20, "{case}: {why}");
            "told before or after"
        }
        Err(Stopped::Failed(failure)) => {
            let diagnostic = failure.diagnostic().unwrap_or_else(|| panic!("{case}: {failure:?}"));
            assert!(CODES.iter().any(|(code, _)| *code == diagnostic.code), "{case}: {diagnostic:?}");
            assert!(diagnostic.message.len() > 20, "{case}: {diagnostic:?}");
            // What was not done in time stands in the message.
            let cause = !diagnostic.notes.is_empty() || diagnostic.code == DEADLINE;
            assert!(cause, "{case}: no cause: {diagnostic:?}");
            assert!(diagnostic.fix.is_some(), "{case}: no fix: {diagnostic:?}");
            "failed with an explanation"
        }
    }
}

/// Everything of others is there, but for what the case's own others did.
pub fn kept(start: &State, end: &State) {
    let mut end = end.clone();
    if let Some(app) = end.app_mut(seed::APP)
        && let Some(tags) = app.model["tags"].as_object_mut()
    {
        tags.remove(EDITED);
    }
    nothing_lost(start, &end);
}

/// What somebody else set is there, whatever we wrote after it.
pub fn edit_survives(end: &State, case: &str) {
    let app = end.app(seed::APP).map(|app| &app.model);
    let models = app.into_iter().chain(end.jobs.values().map(|job| &job.model));
    let edited: Vec<&Json> = models.filter(|model| model["tags"][EDITED] == "yes").collect();
    assert!(!edited.is_empty(), "{case}: the tag is gone");
    for model in edited {
        for container in model["properties"]["template"]["containers"].as_array().unwrap() {
            let variables = container["env"].as_array().unwrap();
            assert!(variables.iter().any(|one| one["name"] == EDITED), "{case}: the variable is gone");
        }
    }
}

/// The state means what it means after a run without faults.
pub fn same(end: &State, start: &State, wanted: &Json, strike: &Strike, case: &str) {
    let mut end = end.clone();
    let mut wanted = wanted.clone();
    if strike.what == What::Gone {
        // Assignments to a principal that went with its resource stay behind, as in Azure.
        let (principals, before) = (&end.principals, &start.role_assignments);
        let known = |id: &str| principals.contains_key(&id.to_ascii_lowercase());
        end.role_assignments.retain(|key, role| known(&role.principal) || before.contains_key(key));
    }
    let mut have = meaning(&end);
    if strike.what == What::Gone {
        without_orphans(&mut have, &wanted.to_string());
    }
    // An identity that is made anew has another client id, which a variable names, of which a revision comes.
    let renamed = strike.takes_an_identity() && revisions(&have) > revisions(&wanted);
    if strike.what == What::Edited || strike.hides() || renamed {
        // Another one may have been made from what could be seen.
        for meaning in [&mut have, &mut wanted] {
            without_history(meaning);
        }
    }
    if strike.fails_operation() {
        // What is sent again may restart replicas, which then know of a secret that they do not use.
        for meaning in [&mut have, &mut wanted] {
            without_unused_secrets(meaning);
        }
        without_further_secrets(&mut have, &wanted);
    }
    if let Some(name) = strike.restarted() {
        // A run that finds the secret in place restarts nothing, as `restart_is_told` says.
        let number = end.app(seed::APP).and_then(|app| app.revisions.iter().position(|one| one.name == name));
        for meaning in [&mut have, &mut wanted] {
            without_known_secrets(meaning, number);
        }
    }
    if strike.delays_a_role() {
        // What was started too early has failed, and stays in the list of what was.
        for job in have["jobs"].as_object_mut().into_iter().flat_map(|jobs| jobs.values_mut()) {
            if let Some(executions) = job["executions"].as_array_mut() {
                executions.retain(|one| one["ending"]["Failed"].is_null());
            }
        }
    }
    let differences = differences(&have, &wanted);
    assert!(differences.is_empty(), "{case}: {differences:#?}");
}

/// Whether it means the same to the letter.
pub fn means(end: &State, wanted: &Json) -> bool {
    meaning(end) == *wanted
}

/// Whoever was not restarted may have the old value, which nobody can see: the run that could not restart it says what
/// does, and so does the next one, to which the secret is in place.
pub fn restart_is_told(first: &Result<Plan, Stopped>, again: &Plan, case: &str) {
    const COMMAND: &str = "az containerapp revision restart";
    let told = |fix: Option<&String>| fix.is_some_and(|fix| fix.contains(COMMAND));
    if let Err(Stopped::Failed(failure)) = first {
        let diagnostic = failure.diagnostic();
        assert!(told(diagnostic.and_then(|one| one.fix.as_ref())), "{case}: {diagnostic:?}");
    }
    let findings = acarecipe::verify::findings(again, true);
    let of_it = |one: &Finding| one.status == Status::CouldNotCheck && told(one.fix.as_ref());
    assert!(findings.iter().any(of_it), "{case}: nothing says that it may have the old value: {findings:#?}");
}

/// A run that ended well although it could not see something says so.
pub fn unseen_is_told(plan: &Plan, case: &str) {
    let told = [Status::CouldNotCheck, Status::ActionRequired, Status::NotExercised, Status::Warning];
    let findings = acarecipe::verify::findings(plan, true);
    let all = findings.iter().chain(&plan.prerequisites);
    assert!(
        all.into_iter().any(|finding| told.contains(&finding.status)),
        "{case}: ended well in another state, and nothing says so: {findings:#?}"
    );
}

/// Without what somebody else's edit leaves, and without the revisions that it made.
fn without_history(value: &mut Json) {
    match value {
        Json::Object(members) => {
            // Which revision is the latest, and gets the traffic, is another one.
            let history = ["revisions", "revisionSuffix", "latest", "latest_ready", "traffic", EDITED];
            for name in history {
                members.remove(name);
            }
            members.values_mut().for_each(without_history);
            let empty = |value: &Json| {
                value.as_object().is_some_and(serde_json::Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty)
            };
            members.retain(|name, value| !(matches!(name.as_str(), "tags" | "env") && empty(value)));
        }
        Json::Array(elements) => {
            elements.retain(|element| element["name"] != EDITED);
            elements.iter_mut().for_each(without_history);
        }
        _ => {}
    }
}

/// Without assignments to a principal that nobody has any more, in the lists that other services keep.
fn without_orphans(value: &mut Json, wanted: &str) {
    match value {
        Json::Object(members) => members.values_mut().for_each(|member| without_orphans(member, wanted)),
        Json::Array(elements) => {
            // Redis keeps it under another name.
            let principal = |one: &Json| {
                one["principal"].as_str().or_else(|| one["object_id"].as_str()).map(str::to_owned)
            };
            elements.retain(|one| principal(one).is_none_or(|principal| wanted.contains(&principal)));
            for element in elements {
                without_orphans(element, wanted);
            }
        }
        _ => {}
    }
}

/// How many revisions there are.
fn revisions(meaning: &Json) -> usize {
    let apps = meaning["apps"].as_object().into_iter().flat_map(|apps| apps.values());
    apps.filter_map(|app| app["revisions"].as_array()).map(Vec::len).sum()
}

/// Without what the replicas of each revision know of secrets that neither its template nor a sign-in names.
fn without_unused_secrets(value: &mut Json) {
    let sign_in = value["auth_configs"].to_string();
    for app in value["apps"].as_object_mut().into_iter().flat_map(|apps| apps.values_mut()) {
        for revision in app["revisions"].as_array_mut().into_iter().flatten() {
            let template = revision["template"].to_string();
            let used =
                |name: &str| [&template, &sign_in].iter().any(|one| one.contains(&format!("{name:?}")));
            if let Some(secrets) = revision["secrets"].as_object_mut() {
                secrets.retain(|name, _| used(name));
            }
        }
    }
}

/// Without the secrets that replicas know in `have` and those of the same revision in `wanted` do not: who was restarted once
/// more knows more, and nothing else of it.
fn without_further_secrets(have: &mut Json, wanted: &Json) {
    for (id, app) in have["apps"].as_object_mut().into_iter().flatten() {
        for (number, revision) in app["revisions"].as_array_mut().into_iter().flatten().enumerate() {
            let known = &wanted["apps"][id]["revisions"][number]["secrets"];
            if let Some(secrets) = revision["secrets"].as_object_mut() {
                secrets.retain(|name, _| known.get(name).is_some());
            }
        }
    }
}

/// Without what the replicas of the revision of this number know of secrets.
fn without_known_secrets(value: &mut Json, number: Option<usize>) {
    for app in value["apps"].as_object_mut().into_iter().flat_map(|apps| apps.values_mut()) {
        let revision = number.and_then(|number| app["revisions"].get_mut(number));
        revision.and_then(Json::as_object_mut).map(|members| members.remove("secrets"));
    }
}

/// Puts back what was there before the run and is not any more.
pub fn put_back(state: &mut State, start: &State, strike: &Strike) {
    if strike.takes_what_is_made_anew() {
        // The run may have made another one in its place, which gives way.
        state.auth_configs.extend(start.auth_configs.clone());
        state.dapr_components.extend(start.dapr_components.clone());
        for (key, job) in &start.jobs {
            let other = state.jobs.insert(key.clone(), job.clone());
            if let Some(system) = other.and_then(|other| other.identity.system) {
                state.principals.remove(&system.principal_id.to_ascii_lowercase());
            }
        }
    }
    let mut now = serde_json::to_value(&*state).unwrap();
    let before = serde_json::to_value(start).unwrap();
    for (name, table) in before.as_object().unwrap() {
        let (Some(have), Some(table)) = (now[name].as_object_mut(), table.as_object()) else { continue };
        for (key, value) in table {
            have.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    *state = serde_json::from_value(now).unwrap();
}

/// The revision that somebody's edit made and that is newer than the one that serves: a rollout tells of it, and goes
/// over nobody's.
pub fn another_revision(strike: &Strike, again: &Result<Plan, Stopped>) -> Option<String> {
    const COMMAND: &str =
        "az containerapp revision deactivate --name ca-demo --resource-group rg-demo --revision ";
    let Err(Stopped::Blocked(why)) = again else { return None };
    if strike.what != What::Edited || !why.contains("somebody else deployed it") {
        return None;
    }
    let (_, name) = why.split_once(COMMAND)?;
    Some(name.chars().take_while(|one| one.is_ascii_alphanumeric() || *one == '-').collect())
}

/// Deactivates a revision that has no traffic, as the command does that is told.
pub fn deactivate(state: &mut State, name: &str) {
    let app = state.app_mut(seed::APP).unwrap();
    app.revisions.iter_mut().find(|one| one.name == name).unwrap().active = false;
}

/// Whether the certificate that the run had bound went with its environment: what is bound then is not the one asked
/// for, which is told, and not taken over without `replace`.
pub fn another_certificate(strike: &Strike, again: &Result<Plan, Stopped>) -> bool {
    let told = |why: &String| why.contains("is bound already") && why.contains("replace=true");
    strike.takes_an_environment() && matches!(again, Err(Stopped::Blocked(why)) if told(why))
}

/// Whether the app, or the identity, came back with another principal than the one that a database user is for: that
/// is told, and not taken over.
pub fn another_principal(start: &State, end: &State, again: &Result<Plan, Stopped>) -> bool {
    let users = |state: &State| {
        state
            .sql_servers
            .values()
            .flat_map(|server| server.databases.values())
            .map(|one| one.users.len())
            .sum::<usize>()
    };
    users(end) > users(start) && matches!(again, Err(Stopped::Blocked(_)))
}
