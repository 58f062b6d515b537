//! Answers of Azure that are HTTP and nothing that anybody expects, in whole runs of every recipe: other types, values
//! and spellings, cut, doubled, nested, missing. Whatever is made of them, a run ends well or with one explained error,
//! in its time, and tells no secret, also in its journal; and so does the run that puts it back.
//!
//! Each case is a scenario, one of [`WAYS`], and a few changes, which are drawn from a seed: the same ones each day, for
//! each scenario one of the first way, and for every other scenario one of the other ways; with
//! `ACARECIPE_FUZZ_SECONDS=n` others for that long.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acarecipe::clock::Clock as _;
use acarecipe::plan::{Plan, Selection};
use acarecipe::report::PlanReport;
use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::{Delays, Handler, Handshake, NameReply, Sandbox, SqlBatch, SqlReply, State};
use acarecipe::undo::Options;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::{Strategy as _, ValueTree as _};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::targets::told;
use super::{KEPT, PART, Pace, println_for_the_parent, told_of, watched};
use crate::runs_faults::everywhere::judge;
use crate::runs_faults::{Stopped, attempt_with};
use crate::support::say;
use crate::support::scenarios::{SCENARIOS, Scenario};
use crate::support::undoing::Kept;
use crate::support::world::{START, World};

/// In how many processes, which run beside each other, each with scenarios of its own.
const PARTS: usize = 2;

/// What is run on the answers: the recipe, and what puts back as far as it came; the recipe again where all is in
/// place; what puts it back whole.
const WAYS: [&str; 3] = ["applied and put back", "applied again", "put back"];

/// Over how many requests changes are spread. A run of more meets them again.
const REQUESTS: usize = 40;

/// The longest that a run may take, on its own clock.
const TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// One change: in the answer to which request, where in it, to what.
type Change = (u32, u32, u8);

/// An Azure some of whose answers are changed on their way.
struct Odd {
    inner: Sandbox,
    answered: AtomicUsize,
    changed: AtomicUsize,
    changes: Vec<Change>,
}

impl Odd {
    /// Stands between the client and the sandbox of a world.
    fn on(world: &mut World, changes: &[Change]) -> Arc<Odd> {
        let odd = Arc::new(Odd {
            inner: world.sandbox.clone(),
            answered: AtomicUsize::new(0),
            changed: AtomicUsize::new(0),
            changes: changes.to_vec(),
        });
        world.between = Some(Arc::clone(&odd) as Arc<dyn Handler>);
        odd
    }
}

impl Handler for Odd {
    fn handle(&self, request: &Request) -> Reply {
        let mut reply = self.inner.handle(request);
        let at = self.answered.fetch_add(1, Ordering::Relaxed);
        if let Reply::Answer(response) = &mut reply {
            for (request, place, to) in &self.changes {
                if *request as usize % REQUESTS == at % REQUESTS {
                    response.body = changed(&response.body, *place as usize, *to);
                    self.changed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        reply
    }

    fn batch(&self, batch: &SqlBatch<'_>) -> SqlReply {
        self.inner.batch(batch)
    }

    fn name(&self, name: &str, kind: &str) -> NameReply {
        self.inner.name(name, kind)
    }

    fn resolves(&self, host: &str) -> bool {
        self.inner.resolves(host)
    }

    fn handshake(&self, host: &str) -> Option<Handshake> {
        Some(self.inner.handshake(host))
    }

    fn is_app(&self, host: &str) -> bool {
        self.inner.is_app(host)
    }
}

/// A body with one change, of the values in it or of its bytes.
fn changed(body: &[u8], place: usize, to: u8) -> Vec<u8> {
    if to >= 160 {
        return damaged(body, place, to);
    }
    let Ok(mut json) = serde_json::from_slice::<Json>(body) else { return damaged(body, place, to) };
    let mut left = place % count(&json);
    replace(&mut json, &mut left, to);
    json.to_string().into_bytes()
}

/// How many values there are.
fn count(json: &Json) -> usize {
    1 + match json {
        Json::Array(elements) => elements.iter().map(count).sum(),
        Json::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// Puts another value in the place of the one that `left` others stand before.
fn replace(json: &mut Json, left: &mut usize, to: u8) -> bool {
    if *left == 0 {
        *json = other(json, to);
        return true;
    }
    *left -= 1;
    match json {
        Json::Array(elements) => elements.iter_mut().any(|element| replace(element, left, to)),
        Json::Object(members) => members.values_mut().any(|member| replace(member, left, to)),
        _ => false,
    }
}

/// Another value.
fn other(json: &Json, to: u8) -> Json {
    let object = |members: &mut dyn Iterator<Item = (String, Json)>| Json::Object(members.collect());
    match (to % 24, json) {
        (0, _) => Json::Null,
        (1, _) => json!(true),
        (2, _) => json!(-1),
        (3, _) => json!(1.5e308),
        (4, _) => json!(u64::MAX),
        (5, _) => json!(""),
        (6, _) => json!("Unheard\u{1b}[2J\u{202e}\n::error::x ##vso[y]"),
        (7, _) => json!("é💥/../x?y#z%2f"),
        (8, _) => json!("x".repeat(20_000)),
        (9, _) => json!([]),
        (10, _) => json!({}),
        (11, _) => json!([[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]),
        (12, _) => json!({ "": { "a.b[0]": null, "*": 1, "${x}": "${y}", "\u{200b}": [] } }),
        (13, _) => Json::Array(vec![json.clone(); 3]),
        (14, _) => json!({ "value": json }),
        (15, _) => json!("2026-13-45T99:99:99Z"),
        (16, _) => json!("/subscriptions/x/resourceGroups/y/providers/Microsoft.App/containerApps/z"),
        // Spelt otherwise, in another order, as another type.
        (17, Json::String(text)) => json!(text.to_uppercase()),
        (17, Json::Array(elements)) => elements.iter().rev().cloned().collect(),
        (17, Json::Object(members)) => {
            object(&mut members.iter().map(|(key, value)| (key.to_uppercase(), value.clone())))
        }
        (17, other) => json!(other.to_string()),
        // Very often, without the first one, twice, negative.
        (18, Json::Array(elements)) => elements.iter().cycle().take(elements.len() * 50).cloned().collect(),
        (18, Json::Object(members)) => {
            object(&mut members.iter().skip(1).map(|(key, value)| (key.clone(), value.clone())))
        }
        (18, Json::String(text)) => json!(text.repeat(2)),
        (18, Json::Number(number)) => json!(-number.as_f64().unwrap_or_default()),
        (18, other) => other.clone(),
        (19, _) => json!("0"),
        // A name that nobody knows beside the others, or as each of them.
        (20, Json::Object(members)) => {
            let more = ("notInAnySchema".to_owned(), json!({ "deep": [1, null] }));
            object(&mut members.clone().into_iter().chain([more]))
        }
        (20, Json::String(text)) => json!(format!("{text}NotInAnySchema")),
        (20, other) => json!([other]),
        (21, Json::Object(members)) => object(&mut members.keys().map(|key| (key.clone(), Json::Null))),
        (21, Json::Array(elements)) => elements.iter().map(|_| Json::Null).collect(),
        (21, _) => json!("9999-12-31T23:59:59.9999999Z"),
        // A list as a map and a map as a list.
        (22, Json::Object(members)) => members.values().cloned().collect(),
        (22, Json::Array(elements)) => {
            object(&mut elements.iter().enumerate().map(|(at, one)| (at.to_string(), one.clone())))
        }
        (22, other) => json!([other, other]),
        _ => json!(i64::MIN),
    }
}

/// The bytes of a body, damaged.
fn damaged(body: &[u8], place: usize, to: u8) -> Vec<u8> {
    let mut bytes = body.to_vec();
    let at = place % (bytes.len() + 1);
    // After a colon, where a value begins; else anywhere.
    let colons: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b':').collect();
    let value = colons.get(place % colons.len().max(1)).map_or(at, |colon| colon + 1);
    let mut put = |at: usize, text: &[u8]| drop(bytes.splice(at..at, text.iter().copied()));
    match to % 16 {
        0 => bytes.truncate(at),
        1 => bytes.clear(),
        2 => bytes = b"null".to_vec(),
        3 => bytes = b"[]".to_vec(),
        4 => bytes = b"<html><head><title>502</title></head></html>".to_vec(),
        5 => put(at, b"\xff\xfe"),
        6 => put(0, b"\xef\xbb\xbf"),
        7 => put(body.len(), b" {} garbage"),
        // Deeper than any parser goes.
        8 => put(value, &b"[".repeat(10_000)),
        9 => put(
            value,
            &[b"{\"a\":".repeat(500), b"1".to_vec(), b"}".repeat(500), b",\"b\":".to_vec()].concat(),
        ),
        10 => put(value, b"1e999,\"b\":"),
        11 => put(value, &[b"1".repeat(5_000), b",\"b\":".to_vec()].concat()),
        12 => put(value, b"\"\\ud800\",\"b\":"),
        // The same key once more, before the others and after them.
        13 => {
            let key = body.split(|byte| *byte == b'"').nth(1).unwrap_or_default();
            let twice = [b"{\"", key, b"\":null,"].concat();
            drop(bytes.splice(0..1.min(body.len()), twice));
        }
        14 => {
            for key in ["properties", "value", "id", "name", "status", "error"] {
                if bytes.ends_with(b"}") {
                    bytes.pop();
                    bytes.extend_from_slice(format!(",\"{key}\":{{\"{key}\":7}}}}").as_bytes());
                }
            }
        }
        _ => bytes = format!("{:?}", String::from_utf8_lossy(body)).into_bytes(),
    }
    bytes
}

/// A scenario that ended well, with its journal: what the other ways begin with.
struct Calm {
    end: State,
    now: OffsetDateTime,
    kept: Kept,
    id: String,
}

/// Those that were needed so far.
type Calms = BTreeMap<&'static str, Calm>;

impl Calm {
    fn of<'c>(calms: &'c mut Calms, scenario: &'static Scenario) -> &'c Calm {
        calms.entry(scenario.name).or_insert_with(|| Calm::new(scenario))
    }

    fn new(scenario: &Scenario) -> Calm {
        let world = scenario.world(START, Delays::realistic());
        let kept = Kept::new();
        let (id, run) = kept.run(&world, &scenario.selection(&world), None);
        assert!(run.end.is_ok(), "{}: {:?}", scenario.name, run.end.err());
        let mut end = world.sandbox.state();
        // The clock has it.
        end.moment = None;
        Calm { end, now: world.clock.now(), kept, id }
    }
}

/// What came of the cases.
#[derive(Default)]
struct Counts {
    cases: usize,
    runs: usize,
    changed: usize,
    ends: BTreeMap<&'static str, usize>,
    slowest: Duration,
}

impl Counts {
    /// One run on an Azure whose answers are changed.
    fn run(&mut self, case: &str, world: &mut World, kept: &Kept, selection: &Selection, changes: &[Change]) {
        world.timeout = TIMEOUT;
        let (began, start) = (world.clock.now(), Instant::now());
        let odd = Odd::on(world, changes);
        let (_, writer) = kept.writer(world, None);
        let mut executor = world.executor();
        executor.hook = Arc::clone(&writer) as _;
        let end = attempt_with(world, &executor, selection).end;
        let took = world.clock.now() - began;
        assert!(took <= TIMEOUT + Duration::from_secs(180), "{case}: it ended after {took}");
        writer.end(if end.is_ok() { "ok" } else { "failed" }).unwrap();
        if let Err(Stopped::Failed(failure)) = &end {
            let diagnostic = failure.diagnostic().unwrap_or_else(|| panic!("{case}: {failure:?}"));
            told(std::slice::from_ref(diagnostic));
        }
        *self.ends.entry(judge::explained(&end, case)).or_default() += 1;
        judge::nothing_told(world, &end, case);
        self.runs += 1;
        self.changed += odd.changed.load(Ordering::Relaxed);
        self.slowest = self.slowest.max(start.elapsed());
        shown(case, &end, kept);
    }
}

/// What a command prints of a run, and the journals that it leaves: no secret.
fn shown(case: &str, end: &Result<Plan, Stopped>, kept: &Kept) {
    let mut shown = end.as_ref().map_or_else(
        |stopped| format!("{stopped:?}"),
        |plan| serde_json::to_string(&PlanReport::new(plan, Vec::new())).unwrap(),
    );
    for id in kept.folder.ids().unwrap() {
        shown.push_str(&String::from_utf8_lossy(&std::fs::read(kept.folder.path_of(&id)).unwrap()));
    }
    for secret in judge::SECRETS {
        assert!(!shown.contains(secret), "{case}: {secret} in {shown}");
    }
}

/// One case.
fn case(
    counts: &mut Counts,
    calm: &mut Calms,
    scenario: &'static Scenario,
    way: usize,
    changes: &[Change],
    case: &str,
) {
    let put_back = |kept: &Kept, id: &str| {
        let journal = kept.folder.journal(id).unwrap();
        let options = Options { delete_data: true, ..kept.options() };
        (!journal.writes().is_empty()).then(|| kept.undo_of(&[id], &options))
    };
    let again = |calm: &Calm| {
        let world = scenario.world(calm.now, Delays::realistic());
        world.sandbox.edit(|state| *state = calm.end.clone());
        world
    };
    let kept = Kept::new();
    counts.cases += 1;
    match way {
        0 => {
            let mut world = scenario.world(START, Delays::realistic());
            let selection = scenario.selection(&world);
            counts.run(case, &mut world, &kept, &selection, changes);
            let id = kept.folder.ids().unwrap()[0].to_string();
            if let Some(undo) = put_back(&kept, &id) {
                counts.run(case, &mut world, &kept, &undo, changes);
            }
        }
        1 => {
            let mut world = again(Calm::of(calm, scenario));
            let selection = scenario.selection(&world);
            counts.run(case, &mut world, &kept, &selection, changes);
        }
        _ => {
            let calm = Calm::of(calm, scenario);
            let undo = put_back(&calm.kept, &calm.id).expect("it wrote something");
            counts.run(case, &mut again(calm), &kept, &undo, changes);
        }
    }
}

/// A part of the cases. Not left out: the tests below start it, and assert how it ended.
#[test]
#[ignore = "runs in a process of its own, started by the tests below"]
fn child() {
    let part: usize =
        std::env::var(PART).expect("the test that starts this process names a part").parse().unwrap();
    let kept = PathBuf::from(std::env::var_os(KEPT).unwrap());
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().skip(part).step_by(PARTS).collect();
    let pace = Pace::new(scenarios.len() * 3 / 2);
    let mut runner = pace.runner(part);
    let changes = vec((any::<u32>(), any::<u32>(), any::<u8>()), 2..9);
    let mut calm = Calms::new();
    let mut counts = Counts::default();
    while !pace.enough(counts.cases) {
        let (round, turn) = (counts.cases / scenarios.len(), counts.cases % scenarios.len());
        let (scenario, way) = (scenarios[turn], if round == 0 { 0 } else { (turn + round) % WAYS.len() });
        let changes = changes.new_tree(&mut runner).unwrap().current();
        let what = format!("{}, {}: {changes:?}", scenario.name, WAYS[way]);
        std::fs::write(&kept, &what).unwrap();
        case(&mut counts, &mut calm, scenario, way, &changes, &what);
    }
    assert!(counts.changed > counts.cases, "hardly an answer was changed");
    assert!(counts.ends.len() > 2, "{:?}", counts.ends);
    let Counts { cases, runs, changed, ends, slowest } = counts;
    let told = format!(
        "{cases} cases, {runs} runs, {changed} answers changed, {ends:?}, the slowest run {slowest:.1?}"
    );
    println_for_the_parent(&told_of(&told, &pace));
}

fn part(part: usize) {
    let told = watched("fuzz::bodies::child", &[(PART, &part.to_string())]);
    say!("fuzz bodies, part {} of {PARTS}: {told}", part + 1);
}

#[test]
fn answers_in_whole_runs_one() {
    part(0);
}

#[test]
fn answers_in_whole_runs_two() {
    part(1);
}
