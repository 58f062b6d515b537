//! The state file between two commands.

use std::sync::Arc;

use acarecipe::sandbox::Handler as _;
use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::statefile::{Saved, StateFile, StateFileError, read};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::support::served::Scripted;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    apps: Vec<String>,
}

fn state(app: &str) -> State {
    State { apps: vec![app.to_owned()] }
}

#[test]
fn what_was_saved_is_loaded_by_the_next_process_and_seen_by_a_reader_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("sandbox.json");
    assert_eq!(read::<State>(&path).unwrap(), None);
    let file = StateFile::open(&path).unwrap();
    assert_eq!(file.load::<State>().unwrap(), None);
    file.save(&state("web")).unwrap();
    file.save(&state("api")).unwrap();
    assert_eq!(read::<State>(&path).unwrap(), Some(state("api")));
    drop(file);
    let file = StateFile::open(&path).unwrap();
    assert_eq!(file.load::<State>().unwrap(), Some(state("api")));
    file.reset().unwrap();
    file.reset().unwrap();
    assert_eq!(file.load::<State>().unwrap(), None);
    // Nothing half-written stays behind.
    let names: Vec<_> =
        std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["sandbox.json.lock"]);
}

/// Nobody ever reads a half of it: the new file takes the place of the old one, which stays as it was.
#[test]
fn what_is_saved_takes_the_place_of_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("sandbox.json"), folder.path().join("old.json"));
    let file = StateFile::open(&path).unwrap();
    file.save(&state("web")).unwrap();
    std::fs::hard_link(&path, &old).unwrap();
    file.save(&state("api")).unwrap();
    assert_eq!(read::<State>(&path).unwrap(), Some(state("api")));
    assert_eq!(read::<State>(&old).unwrap(), Some(state("web")));
}

#[test]
fn two_processes_cannot_hold_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.json");
    let held = StateFile::open(&path).unwrap();
    let refused = StateFile::open(&path).unwrap_err();
    assert!(matches!(refused, StateFileError::InUse { .. }), "{refused}");
    drop(held);
    StateFile::open(&path).unwrap();
}

#[test]
fn a_file_that_is_not_a_state_is_one_clear_error_and_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.json");
    let file = StateFile::open(&path).unwrap();
    file.save(&state("web")).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let newer = good.replace("\"version\":1", "\"version\":2");
    assert_ne!(good, newer);
    for (content, wanted) in [
        (&good[..good.len() / 2], "damaged"),
        ("", "damaged"),
        (&good.replace("[\"web\"]", "7"), "damaged"),
        ("{}", "not a state file"),
        ("[1,2]", "not a state file"),
        (&newer, "newer acarecipe (layout 2"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = file.load::<State>().unwrap_err().to_string();
        assert!(error.contains(wanted), "{content:?}: {error}");
        assert!(error.contains("sandbox.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_any_of_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own").join("sandbox.json");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "{}").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = StateFile::open(&path).unwrap();
    file.save(&state("web")).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("json.lock")), 0o600);
    let new = folder.path().join("new").join("sandbox.json");
    StateFile::open(&new).unwrap();
    assert_eq!(mode(new.parent().unwrap()), 0o700);
}

#[test]
fn a_change_is_in_the_file_before_its_answer_and_a_read_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.json");
    let azure = Scripted::new(|_| Reply::Reset);
    let saved = Saved::new(Arc::clone(&azure), StateFile::open(&path).unwrap());
    let ask = |method: &str| saved.handle(&Request { method: method.to_owned(), ..Request::default() });
    ask("GET");
    assert_eq!(read::<State>(&path).unwrap(), None);
    *azure.state.lock().unwrap() = json!({ "apps": ["web"] });
    // Even a request whose answer is lost has been saved.
    assert_eq!(ask("PATCH"), Reply::Reset);
    assert_eq!(read::<State>(&path).unwrap(), Some(state("web")));
}

#[cfg(unix)]
#[test]
fn a_state_that_cannot_be_saved_is_told_instead_of_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox.json");
    let saved = Saved::new(Scripted::content(), StateFile::open(&path).unwrap());
    // A folder in the file's place: nobody can rename a file onto it, root included.
    std::fs::create_dir(&path).unwrap();
    let reply = saved.handle(&Request { method: "PUT".to_owned(), ..Request::default() });
    let Reply::Answer(response) = reply else { panic!("{reply:?}") };
    let body: Json = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, &body["error"]["code"]), (500, &json!("SandboxStateNotSaved")));
}
