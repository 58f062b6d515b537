//! What is installed, and what stays behind of it.

use super::{Asked, Findings};
use crate::dockerfile::{Command, Install, Kind, Manager, Place, Run, Stage};

/// Packages that only a build needs.
const TOOLS: &[&str] = &[
    "autoconf",
    "automake",
    "build-base",
    "build-essential",
    "cargo",
    "clang",
    "cmake",
    "g++",
    "gcc",
    "git",
    "gfortran",
    "libtool",
    "make",
    "ninja-build",
    "pkg-config",
    "python3-dev",
    "rustc",
    "gcc-c++",
    "python3-devel",
];

/// What pip itself is made of: an upgrade of it changes nothing of the app.
const OWN: &[&str] = &["pip", "setuptools", "wheel", "uv", "virtualenv", "pipx"];

pub(super) fn check(asked: &Asked<'_>, findings: &mut Findings<'_>) {
    let file = asked.dockerfile;
    for stage in &file.stages {
        for install in stage.installs().iter().filter(|install| install.manager == Manager::Pip) {
            unpinned(install, findings);
            requirements(asked, install, findings);
        }
        order(stage, findings);
    }
    // Only what is in the image that runs makes it larger.
    let Some(last) = file.last() else { return };
    let quiet =
        file.variables(last).get("PIP_NO_CACHE_DIR").is_some_and(|value| !matches!(value.as_str(), "" | "0"));
    for run in file.lineage(last).into_iter().flat_map(runs) {
        for install in run.commands.iter().filter_map(Install::of) {
            left_behind(run, &install, quiet, findings);
        }
    }
}

fn runs(stage: &Stage) -> impl Iterator<Item = &Run> {
    stage.instructions.iter().filter(|one| !one.onbuild).filter_map(|one| match &one.kind {
        Kind::Run(run) => Some(run),
        _ => None,
    })
}

fn unpinned(install: &Install, findings: &mut Findings<'_>) {
    for (word, name) in install.packages.iter().zip(install.names()) {
        let text = &word.text;
        let elsewhere =
            text.contains(['/', '$']) || text.contains("==") || text.contains('@') || text.starts_with('.');
        if !(elsewhere || name.is_empty() || OWN.contains(&name)) {
            findings.push(
                "packages-unpinned",
                word.place,
                format!("pip installs whatever version of {name} is newest when it is built"),
                format!("{name}==VERSION, or a requirements file with versions and hashes"),
            );
        }
    }
}

fn requirements(asked: &Asked<'_>, install: &Install, findings: &mut Findings<'_>) {
    for named in &install.requirements {
        let all = asked.requirements.get(&named.text).map(Vec::as_slice).unwrap_or_default();
        let fix =
            "uv pip compile --universal --generate-hashes requirements.in --output-file requirements.txt";
        let loose: Vec<_> = all.iter().filter(|one| !one.pinned).collect();
        if let Some(first) = loose.first() {
            let names: Vec<&str> = loose.iter().take(5).map(|one| one.name.as_str()).collect();
            let more = if loose.len() > names.len() { " and others" } else { "" };
            let place = Some(Place { line: first.line, column: 1 });
            let message =
                format!("{}{more} may be any version that is newest when it is built", names.join(", "));
            findings.elsewhere("requirements-unpinned", &first.file, place, message, fix);
        } else if let Some(first) = all.iter().find(|one| !one.hashed) {
            let place = Some(Place { line: first.line, column: 1 });
            let message = format!(
                "{} has no hash, so that nothing shows when a package index serves something else under its version",
                first.name
            );
            findings.elsewhere("requirements-unhashed", &first.file, place, message, fix);
        }
    }
}

/// Whether everything is copied before what changes rarely is installed.
fn order(stage: &Stage, findings: &mut Findings<'_>) {
    let mut everything: Option<Place> = None;
    for one in stage.instructions.iter().filter(|one| !one.onbuild) {
        match &one.kind {
            Kind::Copy(copy) | Kind::Add(copy) if copy.from().is_none() => {
                let all =
                    copy.sources.iter().any(|source| matches!(source.text.as_str(), "." | "./" | "/" | "*"));
                everything = everything.or(all.then_some(one.place));
            }
            Kind::Run(run) => {
                let installs = run
                    .commands
                    .iter()
                    .filter_map(Install::of)
                    .any(|install| install.manager == Manager::Pip && !install.requirements.is_empty());
                if let Some(place) = everything.filter(|_| installs) {
                    let message = "everything is copied before the requirements are installed, so that any change of the \
                                   source installs them anew";
                    let fix = "COPY requirements.txt . first, install, then COPY the source";
                    return findings.push("cache-order", place, message, fix);
                }
            }
            _ => {}
        }
    }
}

fn left_behind(run: &Run, install: &Install, quiet: bool, findings: &mut Findings<'_>) {
    let cached = run.flags.iter().any(|flag| flag.name == "mount" && flag.value.contains("type=cache"));
    match install.manager {
        Manager::Apt => {
            tools(run, install, findings);
            if !cached && !removes_lists(run) {
                let fix = "in the same RUN: && rm -rf /var/lib/apt/lists/*";
                findings.push("apt-lists", install.place, "the package lists of apt stay in the image", fix);
            }
        }
        Manager::Apk | Manager::Dnf => tools(run, install, findings),
        Manager::Pip => {
            let kept = install.has(&["--no-cache-dir", "--no-cache"]) || removes_pip_cache(run);
            if !(cached || quiet || kept) {
                let fix = "pip install --no-cache-dir …";
                findings.push("pip-cache", install.place, "what pip downloaded stays in the image", fix);
            }
        }
    }
}

fn tools(run: &Run, install: &Install, findings: &mut Findings<'_>) {
    // Removed under the name of the group that they were installed as, or all that a variable names.
    let group = install.has(&["--virtual", "-t"]);
    let removed = |name: &str| {
        let words = run.commands.iter().filter_map(removal).flatten();
        words.into_iter().any(|word| word == name || word.starts_with('$') || group)
    };
    for (word, name) in install.packages.iter().zip(install.names()) {
        if TOOLS.contains(&name) && !removed(name) {
            findings.push(
                "build-tools",
                word.place,
                format!("{name} is in the image that runs: it is only needed to build, and helps whoever breaks in"),
                "install it in a stage of its own, and COPY --from= what it built",
            );
            return;
        }
    }
}

/// The packages that a command removes.
fn removal(command: &Command) -> Option<Vec<&str>> {
    let (program, words) = command.program()?;
    let verbs: &[&str] = match program {
        "apt-get" | "apt" | "aptitude" => &["remove", "purge"],
        "apk" => &["del"],
        "dnf" | "microdnf" | "yum" | "tdnf" => &["remove", "erase"],
        _ => return None,
    };
    let mut texts = words.iter().map(|word| word.text.as_str()).filter(|word| !word.starts_with('-'));
    let verb = texts.next()?;
    verbs.contains(&verb).then(|| texts.collect())
}

fn removes_lists(run: &Run) -> bool {
    run.commands.iter().any(|command| {
        let Some((program, words)) = command.program() else { return false };
        match program {
            "rm" => words.iter().any(|word| word.text.contains("/var/lib/apt")),
            // Debian's distribution images run this by themselves, but it keeps the lists.
            "apt-get" | "apt" => {
                words.iter().any(|word| word.text == "dist-clean" || word.text == "distclean")
            }
            _ => false,
        }
    })
}

fn removes_pip_cache(run: &Run) -> bool {
    run.commands.iter().any(|command| match command.program() {
        Some(("rm", words)) => words.iter().any(|word| word.text.contains(".cache")),
        Some((program, words)) if program.starts_with("pip") => {
            words.first().is_some_and(|word| word.text == "cache")
        }
        _ => false,
    })
}
