//! What strangers hand the program, mangled: every kind of input ([`targets`]) is read thousands of times, in a
//! process of its own, from well-formed ones of the repository that are changed at random.
//!
//! The same functions are driven by libFuzzer (`fuzz/`, see CONTRIBUTING.md), which looks for new paths. This runner
//! needs no other toolchain; it runs a stated number of inputs each time, the same ones as long as nothing changes,
//! and with `ACARECIPE_FUZZ_SECONDS=n` for that long, other ones each time: `ACARECIPE_FUZZ_SEED`, which is printed,
//! repeats them. A process of its own, because what overflows the stack, hangs or takes all memory must be told, too:
//! the input at hand is kept in a file. So it is with whole runs on answers that nobody expects ([`bodies`]).

mod bodies;
mod targets;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::say;
use targets::{TARGETS, Target};

/// What the child is told by.
const TARGET: &str = "ACARECIPE_TEST_FUZZ_TARGET";
/// The file in which it keeps the input at hand.
const KEPT: &str = "ACARECIPE_TEST_FUZZ_KEPT";
/// Which part of the cases a child goes through.
const PART: &str = "ACARECIPE_TEST_FUZZ_PART";
/// For how long, and not for how many inputs.
const SECONDS: &str = "ACARECIPE_FUZZ_SECONDS";
/// What the inputs are drawn from.
const SEED: &str = "ACARECIPE_FUZZ_SEED";

/// The longest that one input may take in a debug build on a machine with much to do, and a hang for sure.
const HANG: Duration = Duration::from_secs(60);
/// The most memory that a process may have taken at its end, in kB: all inputs together.
const MEMORY: u64 = 1024 * 1024;
/// The longest input, in bytes.
const LONGEST: usize = 64 * 1024;

/// How many inputs without `ACARECIPE_FUZZ_SECONDS`: a second or two of a debug build.
fn inputs(target: &Target) -> usize {
    match target.name {
        "recipe" => 200,
        "cases" => 150,
        "project" | "answer" | "requirements" => 600,
        _ => 1_500,
    }
}

/// How much is tried, drawn from what.
struct Pace {
    start: Instant,
    limit: Option<Duration>,
    number: usize,
    seed: u64,
}

impl Pace {
    /// As the variables say: for so long, with another seed each time; else so many, with the same one.
    fn new(number: usize) -> Pace {
        let variable = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let limit = variable(SECONDS).map(Duration::from_secs);
        let other = || limit.map_or(1, |_| uuid::Uuid::new_v4().as_u64_pair().0 >> 16);
        Pace { start: Instant::now(), limit, number, seed: variable(SEED).unwrap_or_else(other) }
    }

    /// What draws the inputs of a part.
    fn runner(&self, part: usize) -> TestRunner {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&(part as u64).to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng)
    }

    fn enough(&self, count: usize) -> bool {
        self.limit.map_or(count >= self.number, |limit| self.start.elapsed() >= limit)
    }
}

/// What was counted, with how long it took, from which seed and in how much memory, which is bounded.
fn told_of(counted: &str, pace: &Pace) -> String {
    let mut told = format!("{counted}, in {:.1?}, seed {}", pace.start.elapsed(), pace.seed);
    if let Some(memory) = peak() {
        assert!(memory < MEMORY, "{memory} kB");
        write!(told, ", at most {} MB", memory / 1024).unwrap();
    }
    if let Some(limit) = pace.limit {
        write!(told, ", {SECONDS}={}", limit.as_secs()).unwrap();
    }
    told
}

fn fuzz(name: &str) {
    let told = watched("fuzz::child", &[(TARGET, name)]);
    say!("fuzz {name}: {told}");
}

/// Runs an ignored test in a process of its own, and sees to it that it ends; what it tells.
fn watched(child: &str, variables: &[(&str, &str)]) -> String {
    let kept = tempfile::NamedTempFile::new().unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .env(KEPT, kept.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever fills a pipe that nobody reads waits for ever.
    let read = |mut from: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = from.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let out = read(Box::new(process.stdout.take().unwrap()));
    let err = read(Box::new(process.stderr.take().unwrap()));
    let (mut input, mut since) = (Vec::new(), Instant::now());
    let ended = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break Some(status);
        }
        let now = std::fs::read(kept.path()).unwrap();
        if now != input {
            (input, since) = (now, Instant::now());
        }
        if since.elapsed() > HANG {
            process.kill().unwrap();
            process.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    let input = std::fs::read(kept.path()).unwrap();
    let shown = || format!("{variables:?}: of the input {:?}\n{out}\n{err}", String::from_utf8_lossy(&input));
    let Some(status) = ended else { panic!("it hangs: {}", shown()) };
    assert!(status.success(), "{status}: {}", shown());
    let told = out.lines().find_map(|line| line.split_once("FUZZED ").map(|(_, told)| told));
    told.unwrap_or_else(|| panic!("nothing was read: {}", shown())).to_owned()
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test] fn $name() { fuzz(stringify!($name)); })*

        #[test]
        fn every_kind_of_input_is_fuzzed() {
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, [$(stringify!($name)),*]);
            // And each has its program for libFuzzer.
            for name in all {
                let program = root().join("fuzz/fuzz_targets").join(format!("{name}.rs"));
                assert!(program.is_file(), "{}", program.display());
            }
        }
    };
}

targets!(recipe, cases, project, expression, answer, plan_file, journal, name, dockerfile, requirements);

/// Writes what each target starts from into `fuzz/corpus`. No test: `.ci/fuzz` starts it before libFuzzer, and `cargo test`
/// is to leave nothing in the project.
#[test]
#[ignore = "writes the corpus for libFuzzer; started by .ci/fuzz"]
fn seeds() {
    for target in TARGETS {
        let corpus = root().join("fuzz/corpus").join(target.name);
        std::fs::create_dir_all(&corpus).unwrap();
        for (number, seed) in (target.seeds)(&root()).into_iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number:04}")), seed).unwrap();
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Reads inputs of one kind until there are enough. Not left out: the test of each target starts it, and asserts how it
/// ended; a hang or too much memory ends a process, not a thread.
#[test]
#[ignore = "runs in a process of its own, started by the test of each target"]
fn child() {
    let name = std::env::var(TARGET).expect("the test that starts this process names a target");
    let kept = PathBuf::from(std::env::var_os(KEPT).unwrap());
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let seeds = (target.seeds)(&root());
    assert!(!seeds.is_empty(), "{name}: nothing to start from");
    let pace = Pace::new(inputs(target));
    let mut runner = pace.runner(0);
    let decisions = vec((any::<u8>(), any::<u32>(), any::<u32>()), 0..7);
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while !pace.enough(count) {
        // First those that are as they should be.
        let input = seeds.get(count).cloned().unwrap_or_else(|| {
            let decisions = decisions.new_tree(&mut runner).unwrap().current();
            mangled(&seeds[(count * 7919) % seeds.len()], &seeds, &decisions)
        });
        std::fs::write(&kept, &input).unwrap();
        let began = Instant::now();
        (target.run)(&input);
        slowest = slowest.max(began.elapsed());
        count += 1;
    }
    println_for_the_parent(&told_of(&format!("{count} inputs, the slowest {slowest:.0?}"), &pace));
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn println_for_the_parent(told: &str) {
    println!("\nFUZZED {told}");
}

/// The most memory that this process has had, in kB, where that can be known.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok())
}

/// What parsers trip over.
const PIECES: &[&str] = &[
    "",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "\"",
    "'",
    "`",
    "\\",
    "$",
    "${",
    "}",
    "$${",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ":",
    "::",
    "-",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "%",
    "%2f",
    "..",
    "../",
    "/",
    "//",
    "?",
    "#",
    "@",
    "|",
    ",",
    "=",
    "null",
    "~",
    "true",
    "[*]",
    "[?",
    "[::-1]",
    "[0:9223372036854775807]",
    "&@",
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{ad}",
    "\u{feff}",
    "\u{0}",
    "\u{85}",
    "\u{2028}",
    "é",
    "💥",
    "İ",
    "ß",
    "\u{301}",
    "::error::x",
    "##vso[task.x]",
    "##[group]",
    "\n::set-output name=a::b",
    "\n===\n",
    "HTTP/1.1",
    "nextLink",
    "error",
    "value",
    "https://evil.example/",
    "//evil.example",
    "http://management.azure.com",
    "https://user@management.azure.com",
    "sandbox-owner",
    "Bearer sandbox-owner",
    "{\"a\":",
    "[[[[[[[[",
    "{{{{{{{{",
    "((((((((",
    "!!!!!!!!",
    "Retry-After: 0",
    "retry-after: -1",
    "retry-after: 99999999999",
    "retry-after: 999999999999",
    "retry-after-ms: 9223372036854775807",
    "FROM ",
    "RUN <<EOF\n",
    "ARG a=${a:-${a}}",
    "-r ",
    "-e ",
    "; python_version<'3'",
    "[a,b]",
];

/// The seed after these changes.
fn mangled(seed: &[u8], seeds: &[Vec<u8>], decisions: &[(u8, u32, u32)]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (what, one, other) in decisions {
        let (one, other) = (*one as usize, *other as usize);
        let at = one % (bytes.len() + 1);
        let end = (at + 1 + other % 64).min(bytes.len());
        let piece = || PIECES[other % PIECES.len()].as_bytes();
        match what % 11 {
            0 if at < bytes.len() => bytes[at] ^= 1 << (other % 8),
            1 if at < bytes.len() => bytes[at] = other.to_le_bytes()[0],
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, piece().iter().copied())),
            4 => drop(bytes.splice(at..end, piece().iter().copied())),
            // A part once more, or very often.
            5 => {
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
            6 => {
                let part = bytes[at..(at + 8).min(bytes.len())].repeat(other % 2_000);
                drop(bytes.splice(at..at, part));
            }
            7 => {
                let part = piece().repeat(other / PIECES.len() % 2_000);
                drop(bytes.splice(at..at, part));
            }
            8 => bytes.truncate(at),
            // The end of another one.
            9 => {
                let other_seed = &seeds[other % seeds.len()];
                bytes.truncate(at);
                bytes.extend_from_slice(&other_seed[(other / 7) % (other_seed.len() + 1)..]);
            }
            // A line moved.
            _ => {
                let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                let (from, to) = (one % lines.len(), other % lines.len());
                lines.swap(from, to);
                bytes = lines.join(&b'\n');
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
