//! What the native packages among requirements need of the system.

use std::collections::BTreeMap;

use pep440_rs::{Version, VersionSpecifiers};

use super::table::{Row, Since};
use super::{Environment, Family, Finding, Options, Origin, Package, Place, Requirements, Severity, Table};

/// A native package that is installed.
#[derive(Clone, Debug)]
pub struct Native {
    /// Its name, as indexes compare it.
    pub name: String,
    /// The module to import; from the table, never from the file.
    pub import: String,
    /// System packages to build it; none when a wheel makes that unnecessary.
    pub build: Vec<String>,
    /// System packages to run it.
    pub runtime: Vec<String>,
    /// Whether nothing has to be compiled.
    pub wheel: bool,
    /// Whether that is known; otherwise the table ends before this Python, or nothing says which Python it is.
    pub certain: bool,
    /// Why it is built or not, in a few words.
    pub why: String,
    /// Where it stands.
    pub place: Place,
    /// The page that says so.
    pub docs: Option<String>,
}

/// A system package that an image must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Its name; of several that would do, the first.
    pub package: String,
    /// All that would do, itself among them.
    pub any: Vec<String>,
    /// Whether a full image has it already.
    pub full: bool,
    /// The Python packages that need it.
    pub by: Vec<String>,
    /// Whether one of them is certain to.
    pub certain: bool,
    /// Where the first of them stands.
    pub place: Place,
}

/// What the stages of an image need.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The native packages.
    pub native: Vec<Native>,
    /// Where packages are installed.
    pub build: Vec<Needed>,
    /// Where the app runs.
    pub runtime: Vec<Needed>,
    /// What is to be said of the packages themselves.
    pub findings: Vec<Finding>,
}

/// What the native packages of `requirements` need in an environment. A family that is not known counts as
/// Debian.
pub fn judge(requirements: &Requirements, table: &Table, environment: &Environment) -> Needs {
    let mut needs = Needs::default();
    let family = environment.family.unwrap_or(Family::Debian);
    let installed = || {
        requirements.packages.iter().filter(|one| {
            !one.constraint
                && one.marker.as_ref().is_none_or(|marker| marker.holds(environment) != Some(false))
        })
    };
    let mut seen = std::collections::BTreeSet::new();
    for package in installed() {
        for (name, row) in rows(table, package) {
            if row.satisfied_by.iter().any(|other| installed().any(|one| one.name == *other)) {
                continue;
            }
            if !seen.insert(name.to_owned()) {
                continue;
            }
            let specifiers = specifiers(requirements, &package.name, environment);
            let (wheel, certain, why) =
                decide(name, row, package, &specifiers, &requirements.options, environment);
            let of = |map: &BTreeMap<Family, Vec<String>>| map.get(&family).cloned().unwrap_or_default();
            let mut runtime = of(&row.always);
            let mut build = Vec::new();
            if !wheel {
                build = of(&row.build);
                for one in of(&row.runtime) {
                    if !runtime.contains(&one) {
                        runtime.push(one);
                    }
                }
                only_binary(&mut needs, requirements, package, name, &why, certain);
                if row.no_sources && package.origin == Origin::Index {
                    needs.findings.push(Finding {
                        rule: "native-no-wheel",
                        severity: if certain { Severity::Error } else { Severity::Warning },
                        message: format!("{name} is published as wheels only, and {why}"),
                        fix: format!("allow a version of {name} with a wheel, or use another base image"),
                        place: package.place.clone(),
                    });
                }
            }
            if let Some(advice) = &row.advice {
                needs.findings.push(Finding {
                    rule: "native-advice",
                    severity: Severity::Info,
                    message: format!("{name}: {advice}"),
                    fix: row.docs.as_ref().map(|page| format!("see {page}")).unwrap_or_default(),
                    place: package.place.clone(),
                });
            }
            let native = Native {
                name: name.to_owned(),
                import: row.import.clone(),
                wheel,
                certain,
                why,
                place: package.place.clone(),
                docs: row.docs.clone(),
                build: build.iter().map(|entry| first(entry)).collect(),
                runtime: runtime.iter().map(|entry| first(entry)).collect(),
            };
            for (entries, into) in [(&build, &mut needs.build), (&runtime, &mut needs.runtime)] {
                for entry in entries {
                    need(into, table, family, entry, &native);
                }
            }
            needs.native.push(native);
        }
    }
    needs.findings.extend(without_hash(requirements, environment));
    for package in installed().filter(|one| one.origin == Origin::Repository) {
        fetched(&mut needs.build, package);
    }
    needs.native.sort_by(|a, b| a.name.cmp(&b.name));
    needs.build.sort_by(|a, b| a.package.cmp(&b.package));
    needs.runtime.sort_by(|a, b| a.package.cmp(&b.package));
    needs
}

/// The rows that count for a package: its own, or those that its extras put in its place.
fn rows<'t>(table: &'t Table, package: &'t Package) -> Vec<(&'t str, &'t Row)> {
    let Some(row) = table.row(&package.name) else { return Vec::new() };
    let others: Vec<_> = package
        .extras
        .iter()
        .filter_map(|extra| row.extras.get(extra))
        .filter_map(|other| Some((other.as_str(), table.row(other)?)))
        .collect();
    if others.is_empty() { vec![(package.name.as_str(), row)] } else { others }
}

/// All that the files ask of a package's version together.
fn specifiers(requirements: &Requirements, name: &str, environment: &Environment) -> Vec<VersionSpecifiers> {
    requirements
        .packages
        .iter()
        .filter(|one| one.name == name)
        .filter(|one| one.marker.as_ref().is_none_or(|marker| marker.holds(environment) != Some(false)))
        .map(|one| one.specifiers.clone())
        .collect()
}

/// Whether a wheel is installed, whether that is known, and why.
fn decide(
    name: &str,
    row: &Row,
    package: &Package,
    specifiers: &[VersionSpecifiers],
    options: &Options,
    environment: &Environment,
) -> (bool, bool, String) {
    if row.pure {
        return (true, true, "it has no code to compile, but loads libraries of the system".to_owned());
    }
    match package.origin {
        Origin::Wheel => return (true, true, "the file names a wheel".to_owned()),
        Origin::Sources | Origin::Repository | Origin::Folder => {
            return (false, true, "the file names its sources".to_owned());
        }
        Origin::Index => {}
    }
    let covers = |all: bool, names: &std::collections::BTreeSet<String>, other: &super::Choice| {
        names.contains(name) || (all && !other.names.contains(name))
    };
    if covers(options.no_binary.all, &options.no_binary.names, &options.only_binary) {
        return (false, true, "--no-binary forbids its wheel".to_owned());
    }
    let Some(wheels) = &row.wheels else {
        return (false, true, "it has no wheels for Linux".to_owned());
    };
    let since = match wheels.since(environment) {
        Since::Version(since) => since,
        Since::Never(why) => return (false, true, why),
        Since::Unknown(why) => return (false, false, why),
    };
    let known = environment.python.is_some();
    if allows_from(specifiers, &since) {
        return (true, true, format!("from {since} on there is a wheel"));
    }
    let where_ = match (environment.python, environment.family) {
        (Some(minor), Some(Family::Alpine)) => format!(" for Python 3.{minor} on Alpine"),
        (Some(minor), _) => format!(" for Python 3.{minor}"),
        (None, _) => " for every Python".to_owned(),
    };
    (
        false,
        known,
        format!("the version that is asked for is older than {since}, the first with a wheel{where_}"),
    )
}

/// Whether a version from `since` on is allowed. pip takes the newest that is, so that one is enough. The
/// candidates are the bounds that the specifiers name, each also a little above, and a very late version.
fn allows_from(specifiers: &[VersionSpecifiers], since: &Version) -> bool {
    let named = specifiers.iter().flat_map(|one| one.iter()).map(|one| one.version().clone());
    let candidates: Vec<Version> = named
        .flat_map(|version| {
            let mut release = version.release().to_vec();
            release.extend([0, 0, 1]);
            [version, Version::new(release)]
        })
        .chain([since.clone(), Version::new([99_999])])
        .filter(|version| version >= since)
        .collect();
    candidates.iter().any(|version| specifiers.iter().all(|one| one.contains(version)))
}

fn only_binary(
    needs: &mut Needs,
    requirements: &Requirements,
    package: &Package,
    name: &str,
    why: &str,
    certain: bool,
) {
    let options = &requirements.options;
    let covered = options.only_binary.names.contains(name)
        || (options.only_binary.all && !options.no_binary.names.contains(name));
    if covered && package.origin == Origin::Index {
        needs.findings.push(Finding {
            rule: "native-only-binary",
            severity: if certain { Severity::Error } else { Severity::Warning },
            message: format!("--only-binary allows {name} as a wheel only, but {why}"),
            fix: format!("allow a version with a wheel, or add --no-binary {name}"),
            place: package.place.clone(),
        });
    }
}

/// pip gets a repository with git.
fn fetched(build: &mut Vec<Needed>, package: &Package) {
    let by = if package.name.is_empty() { "a repository".to_owned() } else { package.name.clone() };
    match build.iter_mut().find(|one| one.package == "git") {
        Some(have) if have.by.contains(&by) => {}
        Some(have) => have.by.push(by),
        None => build.push(Needed {
            package: "git".to_owned(),
            any: vec!["git".to_owned()],
            full: true,
            by: vec![by],
            certain: true,
            place: package.place.clone(),
        }),
    }
}

fn first(entry: &str) -> String {
    entry.split('|').next().unwrap_or_default().trim().to_owned()
}

fn need(into: &mut Vec<Needed>, table: &Table, family: Family, entry: &str, native: &Native) {
    let package = first(entry);
    if let Some(have) = into.iter_mut().find(|one| one.package == package) {
        if !have.by.contains(&native.name) {
            have.by.push(native.name.clone());
        }
        have.certain |= native.certain;
        return;
    }
    let mut any = Vec::new();
    for name in entry.split('|').map(str::trim) {
        for giver in table.givers(family, name) {
            if !any.contains(&giver) {
                any.push(giver);
            }
        }
    }
    into.push(Needed {
        full: table.full_has(family, &any),
        package,
        any,
        by: vec![native.name.clone()],
        certain: native.certain,
        place: native.place.clone(),
    });
}

/// With `--require-hashes`, or one hash, pip takes no package without. It leaves out what a marker leaves out before
/// it looks at hashes.
fn without_hash(requirements: &Requirements, environment: &Environment) -> Vec<Finding> {
    let installed = |package: &Package| match &package.marker {
        _ if package.constraint => Some(false),
        Some(marker) => marker.holds(environment),
        None => Some(true),
    };
    let packages: Vec<_> = requirements
        .packages
        .iter()
        .map(|one| (one, installed(one)))
        .filter(|one| one.1 != Some(false))
        .collect();
    if !requirements.options.require_hashes && !packages.iter().any(|(package, _)| package.hashes > 0) {
        return Vec::new();
    }
    let without = packages.into_iter().filter(|(package, _)| package.hashes == 0).take(super::MAX_FILES);
    without
        .map(|(package, installed)| Finding {
            rule: "requirement-without-hash",
            severity: if installed.is_some() { Severity::Error } else { Severity::Warning },
            message: format!("{} has no hash, and pip takes none without once one has a hash", package.name),
            fix: "pin all of them with hashes: pip-compile --generate-hashes, or uv pip compile --generate-hashes"
                .to_owned(),
            place: package.place.clone(),
        })
        .collect()
}
