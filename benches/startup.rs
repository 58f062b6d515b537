//! How long the program takes to start: the commands that need no Azure must not build a client for it.

use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

/// Commands that answer from what is in the binary.
const COMMANDS: [(&str, &[&str]); 3] =
    [("help", &["--help"]), ("list", &["list"]), ("show", &["show", "managed-identity"])];

/// The program with `arguments`, silent, in a folder without a project file.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acarecipe"));
    command
        .args(arguments)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn startup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("startup");
    for (name, arguments) in COMMANDS {
        // A command that fails fast would look splendid.
        let works = command(arguments).status().is_ok_and(|status| status.success());
        assert!(works, "`acarecipe {}` fails", arguments.join(" "));
        group.bench_function(name, |bencher| bencher.iter(|| command(arguments).status()));
    }
    group.finish();
}

criterion_group!(benches, startup);
criterion_main!(benches);
