//! Which app: from flags, the environment, the project file, and what az has selected.

use super::arguments;
use crate::azure::Cloud;
use crate::azure::az_profile::AzProfile;
use crate::diagnostic::{Diagnostic, codes};
use crate::plan;
use crate::recipe::{Project, ProjectTarget, Target as Wanted};
use crate::sandbox::seed;

/// The target, and what a person is told of it.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) target: plan::Target,
    pub(super) cloud: &'static Cloud,
    /// Where the subscription came from.
    pub(super) subscription_from: String,
}

/// A value and where it came from.
struct Found {
    value: String,
    from: String,
}

/// Finds the target, as far as the recipes of the run need it.
///
/// # Errors
/// Every variable that is missing, each with the line that sets it.
pub(super) fn resolve(
    flags: &arguments::Target,
    project: Option<&Project>,
    az: Option<&AzProfile>,
    sandbox: bool,
    wanted: Wanted,
) -> Result<Resolved, Vec<Diagnostic>> {
    let mut missing = Vec::new();
    let file = project.map(|project| &project.target);
    let of_file = |member: fn(&ProjectTarget) -> Option<String>| file.and_then(member);
    let look = |flag: &Option<String>, flag_name: &str, variables: &[&str], in_file: Option<String>| {
        if let Some(value) = flag {
            return Some(Found { value: value.clone(), from: flag_name.to_owned() });
        }
        for name in variables {
            let value = if sandbox {
                seed::DEFAULTS.iter().find(|(have, _)| have == name).map(|(_, value)| (*value).to_owned())
            } else {
                std::env::var(name).ok().filter(|value| !value.is_empty())
            };
            if let Some(value) = value {
                let from = if sandbox { "sandbox".to_owned() } else { format!("${name}") };
                return Some(Found { value, from });
            }
        }
        in_file.map(|value| Found { value, from: crate::recipe::PROJECT_FILE.to_owned() })
    };
    let mut need = |found: Option<Found>, what: &str, flag: &str, variable: &str, example: &str| {
        if let Some(found) = found {
            return found.value;
        }
        missing.push(
            Diagnostic::error(codes::MISSING_VARIABLE, format!("{what} is not set"))
                .fix(format!("export {variable}={example} (or {flag} {example})")),
        );
        String::new()
    };

    let group = look(
        &flags.resource_group,
        "-g",
        // The sandbox has few groups: without -g it is all of them that are meant.
        if sandbox && flags.all_apps { &[] } else { &["RG", "AZURE_RESOURCE_GROUP"] },
        of_file(|file| file.resource_group.as_ref().map(|text| text.value.clone())),
    );
    let resource_group = match group {
        None if flags.all_apps => String::new(),
        group => need(group, "the resource group", "-g", "RG", "my-group"),
    };
    let names = flags.names();
    let app = look(
        &names.first().cloned(),
        "-n",
        &["APP_NAME"],
        of_file(|file| file.name.as_ref().map(|text| text.value.clone())),
    );
    // A run that needs no app has none, even if one is named.
    let app = if wanted == Wanted::App && !flags.several() {
        need(app, "the container app", "-n", "APP_NAME", "my-app")
    } else {
        String::new()
    };
    let subscription = look(
        &flags.subscription,
        "--subscription",
        &["AZURE_SUBSCRIPTION_ID"],
        of_file(|file| file.subscription.as_ref().map(|text| text.value.clone())),
    )
    .or_else(|| {
        let selected = az?.subscription.as_ref()?;
        Some(Found { value: selected.id.clone(), from: "az".to_owned() })
    });
    let subscription_from = subscription.as_ref().map(|found| found.from.clone()).unwrap_or_default();
    let subscription = need(
        subscription,
        "the subscription",
        "--subscription",
        "AZURE_SUBSCRIPTION_ID",
        "$(az account show --query id -o tsv)",
    );
    let value = |found: Option<Found>| found.map(|found| found.value);
    let environment = look(
        &flags.environment,
        "--environment",
        // The sandbox's own environment is the app's; asking for it says nothing.
        if sandbox && wanted == Wanted::App { &[] } else { &["ENVIRONMENT_NAME", "ACA_ENV_NAME"] },
        of_file(|file| file.environment.as_ref().map(|text| text.value.clone())),
    );
    let environment = match wanted {
        Wanted::App => value(environment),
        Wanted::Environment => {
            Some(need(environment, "the environment", "--environment", "ENVIRONMENT_NAME", "my-environment"))
        }
        Wanted::ResourceGroup => None,
    };
    let location = value(look(
        &flags.location,
        "--location",
        if sandbox { &[] } else { &["LOCATION", "AZURE_LOCATION"] },
        of_file(|file| file.location.as_ref().map(|text| text.value.clone())),
    ));
    let container = value(look(
        &flags.container,
        "--container",
        &[],
        of_file(|file| file.container.as_ref().map(|text| text.value.clone())),
    ));

    let cloud_name = flags
        .cloud
        .clone()
        .or_else(|| of_file(|file| file.cloud.as_ref().map(|text| text.value.clone())))
        .or_else(|| az.filter(|_| !sandbox).map(|az| az.cloud.clone()))
        .unwrap_or_else(|| Cloud::public().name.to_owned());
    let cloud = Cloud::named(&cloud_name).unwrap_or_else(|| {
        missing.push(
            Diagnostic::error(codes::UNKNOWN_CLOUD, format!("there is no cloud `{cloud_name}` in our table"))
                .note(format!("the clouds are {}", Cloud::names()))
                .fix("--cloud AzureCloud"),
        );
        Cloud::public()
    });
    // A part that is missing is told already; one that was given must be a name.
    let given = |flag: &Option<String>, text: &str| flag.is_some() || !text.is_empty();
    let parts = [
        (
            "the resource group",
            &flags.resource_group,
            Some(&resource_group).filter(|group| !flags.all_apps || !group.is_empty()),
        ),
        ("the subscription", &flags.subscription, Some(&subscription)),
        ("the environment", &flags.environment, environment.as_ref()),
        ("the region", &flags.location, location.as_ref()),
        ("the container", &flags.container, container.as_ref()),
    ];
    let apps: Vec<Option<String>> =
        if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
    let apps = apps.iter().map(|flag| {
        let name = flag.as_ref().unwrap_or(&app);
        ("the container app", flag, Some(name).filter(|_| wanted == Wanted::App && !flags.all_apps))
    });
    for (what, flag, text) in parts.into_iter().chain(apps) {
        if let Some(text) = text
            && given(flag, text)
            && !plain(text)
        {
            missing.push(
                Diagnostic::error(
                    codes::BAD_TARGET,
                    format!("{what} `{}` is no name that Azure takes", shortened(text)),
                )
                .fix("give the name alone, not an id or a URL"),
            );
        }
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let tenant = if sandbox {
        Some(seed::TENANT.to_owned())
    } else {
        az.and_then(|az| az.subscription.as_ref())
            .filter(|selected| selected.id.eq_ignore_ascii_case(&subscription))
            .map(|selected| selected.tenant.clone())
            .or_else(|| std::env::var("AZURE_TENANT_ID").ok().filter(|value| !value.is_empty()))
    };
    Ok(Resolved {
        target: plan::Target {
            cloud: plan::Cloud {
                name: cloud.name.to_owned(),
                authority: cloud.authority.to_owned(),
                suffixes: cloud.suffixes.confirmed(),
            },
            tenant,
            subscription,
            resource_group,
            app,
            environment,
            location,
            container,
        },
        cloud,
        subscription_from,
    })
}

/// The longest name that any of these may have: a resource group's.
const LONGEST_NAME: usize = 90;

/// What ARM takes in one segment of an id (a group's name has the widest set).
fn plain(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.chars().count())
        && name.chars().all(|c| c.is_alphanumeric() || "-_.()".contains(c))
        && name != "."
        && name != ".."
}

/// The start of a text that may be of any length.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
