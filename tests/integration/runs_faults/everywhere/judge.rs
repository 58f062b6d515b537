//! What must hold whatever became of a run.

use std::time::Duration;

use acarecipe::clock::Clock as _;
use acarecipe::diagnostic::codes::{CODES, DEADLINE};
use acarecipe::plan::{Plan, Status};
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
    if strike.what == What::Edited || strike.hides() {
        // Another one may have been made from what could be seen.
        for meaning in [&mut have, &mut wanted] {
            without_history(meaning);
        }
    }
    if strike.fails_operation() {
        // What is sent again may restart replicas, which then know of a secret that they do not use.
        for meaning in [&mut have, &mut wanted] {
            without_known_secrets(meaning);
        }
    }
    let differences = differences(&have, &wanted);
    assert!(differences.is_empty(), "{case}: {differences:#?}");
}

/// Whether it means the same to the letter.
pub fn means(end: &State, wanted: &Json) -> bool {
    meaning(end) == *wanted
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
            members.retain(|name, value| name != "tags" || *value != Json::Object(serde_json::Map::new()));
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
            elements
                .retain(|one| one["principal"].as_str().is_none_or(|principal| wanted.contains(principal)));
            for element in elements {
                without_orphans(element, wanted);
            }
        }
        _ => {}
    }
}

/// Without what each revision's replicas know of secrets.
fn without_known_secrets(value: &mut Json) {
    for app in value["apps"].as_object_mut().into_iter().flat_map(|apps| apps.values_mut()) {
        for revision in app["revisions"].as_array_mut().into_iter().flatten() {
            revision.as_object_mut().map(|members| members.remove("secrets"));
        }
    }
}

/// Puts back what was there before the run and is not any more.
pub fn put_back(state: &mut State, start: &State) {
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
