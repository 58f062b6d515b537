//! The journal by itself: what is read, what is kept, what must not be in it, and what a disk that fills up stops.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use acarecipe::clock::Clock;
use acarecipe::diagnostic::codes;
use acarecipe::execute::{Applied, Executor, Failure, Hook};
use acarecipe::journal::entry::{End, Run, Target};
use acarecipe::journal::{
    Entry, Fate, Journal, JournalError, Kept, LOOKED_AT, RunId, Sink, StateFolder, Writer,
};
use acarecipe::sandbox::seed::{self, variant};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::support::world::World;

const ID: &str = "20261126T083000Z-3f9a1c";
const NOW: OffsetDateTime = datetime!(2026-11-26 08:30 UTC);

fn target(app: &str) -> Target {
    Target {
        endpoint: "management.azure.com".to_owned(),
        cloud: "AzureCloud".to_owned(),
        subscription: seed::SUBSCRIPTION.to_owned(),
        resource_group: "rg-demo".to_owned(),
        app: Some(app.to_owned()),
        ..Target::default()
    }
}

fn run(id: &str, app: &str, at: OffsetDateTime) -> Run {
    Run {
        format: acarecipe::journal::FORMAT,
        id: id.to_owned(),
        tool: "acarecipe 0.1.0".to_owned(),
        at,
        command: "apply".to_owned(),
        pid: 1,
        target: target(app),
        caller: None,
        recipes: Vec::new(),
        planned: Vec::new(),
        undoes: None,
        continues: None,
        correlation_id: None,
    }
}

fn line(entry: &Entry) -> String {
    format!("{}\n", serde_json::to_string(entry).unwrap())
}

fn first() -> String {
    line(&Entry::Run(Box::new(run(ID, "ca-demo", NOW))))
}

fn ended(at: OffsetDateTime) -> String {
    line(&Entry::End(End { at, status: "ok".to_owned(), continued_by: None }))
}

fn parse(text: &str) -> Result<Journal, JournalError> {
    Journal::parse(Path::new("x.jsonl"), text.as_bytes())
}

#[test]
fn a_journal_cut_off_anywhere_is_read_as_far_as_it_goes() {
    let text = first() + &ended(NOW);
    for length in 0..=text.len() {
        match parse(&text[..length]) {
            Ok(journal) => {
                assert!(length >= first().len());
                assert_eq!(journal.end().is_some(), length == text.len());
                assert_eq!(journal.was_interrupted(), length < text.len());
            }
            Err(JournalError::Cut { .. }) => assert!(length < first().len()),
            Err(other) => panic!("cut at {length}: {other}"),
        }
    }
}

#[test]
fn what_is_damaged_foreign_or_newer_is_one_clear_error() {
    let newer = first().replace("\"format\":1", "\"format\":2");
    let code = |text: &str| {
        let error = parse(text).unwrap_err();
        let told = error.to_diagnostic();
        assert!(told.fix.is_some(), "{error}");
        assert_eq!(told.code, codes::JOURNAL);
        error
    };
    assert!(matches!(code("hello\n"), JournalError::Foreign { .. }));
    assert!(matches!(code("hello"), JournalError::Foreign { .. }));
    assert!(matches!(code("{\"entry\":\"end\"}\n"), JournalError::Foreign { .. }));
    assert!(matches!(code(&newer), JournalError::Newer { format: 2, .. }));
    assert!(matches!(code(&(first() + "\0\0\0\n")), JournalError::Damaged { line: 2, .. }));
    assert!(matches!(code(&(first() + "{\"entry\":\"end\"}\n")), JournalError::Damaged { line: 2, .. }));
    assert!(matches!(code(&(first() + &first())), JournalError::Damaged { line: 2, .. }));
    let secret = code(&(first() + "{\"entry\":\"end\",\"status\":\"hunter2\n"));
    assert!(!secret.to_string().contains("hunter2"), "{secret}");
}

#[test]
fn an_unreadable_journal_hides_no_other_and_stays_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    std::fs::create_dir(place.path().join("runs")).unwrap();
    let write =
        |id: &str, text: &str| std::fs::write(folder.path_of(&RunId::parse(id).unwrap()), text).unwrap();
    write(ID, &(first() + &ended(NOW)));
    write("20261126T083001Z-000000", "something else\n");
    write("20261126T083002Z-000000", "{\"entry\":\"ru");
    std::fs::write(place.path().join("runs/notes.txt"), "mine").unwrap();
    let runs = folder.runs().unwrap();
    assert_eq!((runs.journals.len(), runs.unreadable.len()), (1, 1));
    folder.prune(NOW + time::Duration::days(1000)).unwrap();
    assert_eq!(folder.ids().unwrap().len(), 3);
    assert!(matches!(folder.journal("20261126T083009Z-000000"), Err(JournalError::NoSuchRun { .. })));
    assert!(matches!(folder.journal("../../etc/passwd"), Err(JournalError::NoSuchRun { .. })));
}

#[test]
fn old_runs_go_but_never_the_last_of_a_target_nor_one_without_an_end() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    std::fs::create_dir(place.path().join("runs")).unwrap();
    let write = |day: u32, app: &str, end: bool| {
        let at = NOW + time::Duration::days(day.into());
        let id = format!(
            "{}{:02}{:02}T083000Z-00000{}",
            at.year(),
            u8::from(at.month()),
            at.day(),
            app.len() % 10
        );
        let text =
            line(&Entry::Run(Box::new(run(&id, app, at)))) + &if end { ended(at) } else { String::new() };
        std::fs::write(folder.path_of(&RunId::parse(&id).unwrap()), text).unwrap();
        id
    };
    let old = write(0, "a", true);
    let open = write(1, "a", false);
    let young = write(60, "a", true);
    let last = write(100, "a", true);
    let other = write(0, "other", true);
    assert_eq!(folder.prune(NOW + time::Duration::days(120)).unwrap(), 1);
    let left: Vec<String> = folder.ids().unwrap().iter().map(ToString::to_string).collect();
    assert!(!left.contains(&old));
    for kept in [open, young, last, other] {
        assert!(left.contains(&kept), "{kept} of {left:?}");
    }
}

#[test]
fn no_more_than_200_runs_of_a_target_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    std::fs::create_dir(place.path().join("runs")).unwrap();
    for number in 0..203_u32 {
        let id = format!("20261126T083000Z-{number:06x}");
        let app = if number == 0 { "other" } else { "a" };
        let text = line(&Entry::Run(Box::new(run(&id, app, NOW)))) + &ended(NOW);
        std::fs::write(folder.path_of(&RunId::parse(&id).unwrap()), text).unwrap();
    }
    assert_eq!(folder.prune(NOW).unwrap(), 2);
    let left = folder.ids().unwrap();
    assert_eq!(left.last().unwrap().as_str(), "20261126T083000Z-000000", "the last of its target");
    assert_eq!(left[left.len() - 2].as_str(), "20261126T083000Z-000003", "the oldest of the others went");
}

#[test]
fn a_lock_is_gone_with_its_holder_and_targets_do_not_hold_up_each_other() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    let id = RunId::parse(ID).unwrap();
    let held = folder.lock(&target("a"), &id).unwrap();
    assert!(folder.is_locked(&target("A")));
    let refused = folder.lock(&target("A"), &id).unwrap_err();
    if cfg!(unix) {
        assert!(refused.to_string().contains(ID), "{refused}");
    }
    folder.lock(&target("b"), &id).unwrap();
    drop(held);
    assert!(!folder.is_locked(&target("a")));
    folder.lock(&target("a"), &id).unwrap();
}

/// A disk that takes so many lines and a half.
struct Disk(usize, Arc<Mutex<Vec<u8>>>);

impl Sink for Disk {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let full = self.0 == 0;
        let taken = if full { &line[..line.len() / 2] } else { line };
        self.1.lock().unwrap().extend_from_slice(taken);
        self.0 = self.0.saturating_sub(1);
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// Applies `recipes` with a journal on a disk that takes `lines` lines; what is on it then.
fn apply(
    world: &World,
    recipes: &[&str],
    parameters: &[&str],
    lines: usize,
) -> (Result<(), Failure>, String) {
    let text = Arc::new(Mutex::new(Vec::new()));
    let end = apply_to(world, recipes, parameters, Box::new(Disk(lines, Arc::clone(&text))));
    let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
    (end, text)
}

/// Applies `recipes` with a journal on this disk.
fn apply_to(
    world: &World,
    recipes: &[&str],
    parameters: &[&str],
    disk: Box<dyn Sink>,
) -> Result<(), Failure> {
    let place = tempfile::tempdir().unwrap();
    let key = StateFolder::at(place.path()).key().unwrap();
    let sinks: Vec<(_, Box<dyn Sink>)> = vec![("disk".into(), disk)];
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let writer = Writer::to(sinks, run(ID, "ca-demo", NOW), Vec::new(), key, clock).unwrap();
    let hook = Arc::new(writer) as Arc<dyn Hook>;
    let executor = Executor { hook, ..world.executor() };
    let (selection, target) = (world.selection(recipes, parameters), world.target());
    let end = World::block_on(async {
        let planned = executor.observe_idle(&selection, &target, true).await?;
        assert!(!planned.plan.blocked(), "{:#?}", planned.plan.problems);
        let done = Mutex::new(Applied::default());
        executor.apply(&planned.plan, planned.facts.clone(), &selection, &target, &done).await
    });
    end.map(drop)
}

#[test]
fn what_cannot_be_recorded_is_not_sent() {
    let whole = World::new();
    let (end, text) = apply(&whole, &["managed-identity"], &["identity=create"], usize::MAX);
    end.unwrap();
    let lines = text.lines().count();
    let written = |world: &World| crate::support::world::writes(&world.sandbox.exchanges()).len();
    for full in 1..lines {
        let world = World::new();
        let (end, text) = apply(&world, &["managed-identity"], &["identity=create"], full);
        let journal = parse(&text).unwrap();
        let sent = journal.writes().len();
        assert_eq!(written(&world), sent, "with {full} lines: {text}");
        if sent < written(&whole) {
            let Err(Failure::Azure(told)) = end else { panic!("{end:?}") };
            assert_eq!(told.code, codes::NOT_RECORDED);
        }
    }
}

/// A disk on which one line is not taken whole, and all others are.
struct Hiccup(usize, Arc<Mutex<Vec<u8>>>);

impl Sink for Hiccup {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let now = self.0 == 0;
        self.0 = self.0.wrapping_sub(1);
        let taken = if now { &line[..line.len() / 2] } else { line };
        self.1.lock().unwrap().extend_from_slice(taken);
        if now { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn after_a_part_of_a_line_nothing_is_written_nor_sent_although_there_is_room_again() {
    let end = |lines: usize| {
        let (world, text) = (World::new(), Arc::new(Mutex::new(Vec::new())));
        let disk: Box<dyn Sink> = Box::new(Hiccup(lines, Arc::clone(&text)));
        let end = apply_to(&world, &["managed-identity"], &["identity=create"], disk);
        let text = String::from_utf8(text.lock().unwrap().clone()).unwrap();
        (end, text, crate::support::world::writes(&world.sandbox.exchanges()).len())
    };
    let (whole, text, all) = end(usize::MAX - 1);
    whole.unwrap();
    for line in 1..text.lines().count() {
        let (end, text, written) = end(line);
        assert_eq!(text.lines().count(), line + 1, "nothing follows the part: {text}");
        assert_eq!(parse(&text).unwrap().writes().len(), written);
        assert!(written == all || end.is_err(), "{line}");
    }
}

#[test]
fn every_write_is_in_it_with_its_answer_and_no_secret() {
    const PLANTED: [&str; 3] = ["planted-plain-0001", "planted-vault-0002", "planted-own-0003"];
    let world = World::new().edited(|state| {
        for version in state.vault_mut(seed::VAULT).unwrap().secrets.values_mut().flatten() {
            PLANTED[1].clone_into(&mut version.value);
        }
        variant::plain_secret(state, "smtp", PLANTED[0]);
        variant::variable(state, json!({ "name": "DB_PASSWORD", "value": PLANTED[2] }));
    });
    let (end, text) =
        apply(&world, &["key-vault-reference"], &["secrets.DB_PASSWORD=db-password"], usize::MAX);
    end.unwrap();
    for planted in PLANTED {
        assert!(!text.contains(planted), "{planted} is in it: {text}");
    }
    let journal = parse(&text).unwrap();
    let writes = journal.writes();
    let sent = crate::support::world::writes(&world.sandbox.exchanges());
    let recorded: Vec<(String, String)> =
        writes.iter().map(|write| (write.before.method.clone(), write.before.path.clone())).collect();
    assert_eq!(recorded, sent);
    assert!(writes.iter().all(|write| write.fate() == Fate::Taken && write.open_operation().is_none()));
    let owned: Vec<_> = writes.iter().flat_map(|write| &write.before.owned).collect();
    let variable = owned.iter().find(|one| one.path.ends_with("env[DB_PASSWORD].value"));
    assert!(
        variable.is_some_and(|one| matches!(one.before, Kept::Hidden(_)) && one.after == Kept::Absent),
        "{owned:#?}"
    );
    assert!(
        owned.iter().any(|one| matches!(&one.after, Kept::Value(value) if *value == json!("db-password")))
    );
    assert!(!journal.revisions().is_empty());
    assert!(writes.iter().any(|write| !write.before.identities.is_empty()), "{writes:#?}");
}

/// Journals of `apps` apps, `runs` each, in a fresh folder; the paths by app.
fn of_many(folder: &StateFolder, apps: u32, runs: u32) -> Vec<Vec<std::path::PathBuf>> {
    std::fs::create_dir(folder.root().join("runs")).unwrap();
    let one = |app: u32, number: u32| {
        let id = format!("202611{:02}T083000Z-{app:06x}", number + 1);
        let at = NOW - time::Duration::days(25) + time::Duration::days(number.into());
        let text = line(&Entry::Run(Box::new(run(&id, &format!("ca-{app}"), at)))) + &ended(at);
        let path = folder.path_of(&RunId::parse(&id).unwrap());
        std::fs::write(&path, text).unwrap();
        path
    };
    (0..apps).map(|app| (0..runs).map(|number| one(app, number)).collect()).collect()
}

/// Of the journals of other targets the first line is read, and that once: whatever stands further down is not looked
/// at, and what is known of one is not read again.
#[test]
fn the_runs_of_a_target_cost_the_first_line_of_others_once() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    let paths = of_many(&folder, 5, 4);
    let foreign = || paths[1..].iter().flatten();
    for path in foreign() {
        let text = std::fs::read_to_string(path).unwrap();
        let first = text.lines().next().unwrap();
        std::fs::write(path, format!("{first}\nnothing that a run wrote\n")).unwrap();
    }
    let own = folder.runs_on(&target("CA-0")).unwrap();
    assert_eq!((own.journals.len(), own.unreadable.len()), (4, 0), "{:?}", own.unreadable);
    assert_eq!(folder.newest_on(&target("ca-0"), 1).unwrap()[0].path, paths[0][3]);
    // Their own are damaged.
    let other = folder.runs_on(&target("ca-1")).unwrap();
    assert_eq!((other.journals.len(), other.unreadable.len()), (0, 4));
    // In the place of a file there is a folder now: whoever opened it would have to say so.
    for path in foreign() {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    }
    let again = folder.clone().runs_on(&target("ca-0")).unwrap();
    assert_eq!((again.journals.len(), again.unreadable.len()), (4, 0), "{:?}", again.unreadable);
    let anew = StateFolder::at(place.path()).runs_on(&target("ca-0")).unwrap();
    assert_eq!((anew.journals.len(), anew.unreadable.len()), (4, 16), "who has not seen them opens each");
}

/// The last run of a target says whether it is to be gone on from; what stands before it is not read.
#[test]
fn the_newest_run_of_a_target_is_found_without_those_before_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    let paths = of_many(&folder, 1, 3);
    for path in &paths[0][..2] {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    }
    assert_eq!(folder.newest_on(&target("ca-0"), 1).unwrap()[0].path, paths[0][2]);
    let many = tempfile::tempdir().unwrap();
    let folder_of_many = StateFolder::at(many.path());
    of_many(&folder_of_many, 1, 25);
    // As the program asks.
    assert_eq!(folder_of_many.newest_on(&target("ca-0"), LOOKED_AT).unwrap().len(), 20);
    std::fs::write(&paths[0][2], "something else\n").unwrap();
    assert_eq!(folder.clone().newest_on(&target("ca-1"), 1).unwrap().len(), 0);
    assert_eq!(StateFolder::at(place.path()).runs_on(&target("ca-0")).unwrap().unreadable.len(), 3);
}

/// One that cannot be read does not stand for the last that can.
#[test]
fn the_last_run_of_a_target_that_can_be_read_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    let paths = of_many(&folder, 1, 3);
    let text = std::fs::read_to_string(&paths[0][2]).unwrap();
    std::fs::write(&paths[0][2], text.lines().next().unwrap().to_owned() + "\ndamaged\n").unwrap();
    assert_eq!(folder.prune(NOW + time::Duration::days(1000)).unwrap(), 1);
    assert!(!paths[0][0].exists() && paths[0][1].exists() && paths[0][2].exists());
}

#[test]
fn what_is_vouched_for_is_what_was_read() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    let key = folder.key().unwrap();
    let clock = || Arc::clone(&World::new().clock) as Arc<dyn Clock>;
    let other = "20261126T083001Z-3f9a1c";
    let of = |id: &str| Writer::begin(&folder, run(id, "ca-demo", NOW), Vec::new(), None, clock()).unwrap();
    let (writer, _) = (of(ID), of(other));
    let journal = folder.journal(ID).unwrap();
    journal.vouched(&key).unwrap();
    // Lines that came since are no matter.
    writer.end("ok").unwrap();
    journal.vouched(&key).unwrap();
    folder.journal(ID).unwrap().vouched(&key).unwrap();
    // Another one in its place is, though a run of this folder wrote that, too.
    std::fs::copy(&folder.journal(other).unwrap().path, &journal.path).unwrap();
    assert!(matches!(journal.vouched(&key), Err(JournalError::Damaged { .. })));
}
