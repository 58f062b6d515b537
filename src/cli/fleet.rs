//! `verify --all-apps` without a recipe: the health of every app of a group or a subscription.

use futures::StreamExt as _;
use serde_json::Value as Json;

use super::context::Context;
use super::judge;
use super::signals::until_signal;
use crate::azure::ResourceId;
use crate::diagnostic::Diagnostic;
use crate::execute::{Event, Failure, Fleet, Observer as _};
use crate::plan::Target;
use crate::render::{self, Screen};
use crate::report::{Ending, FleetReport};
use crate::verify::{AppHealth, AppState, listed};

/// How many apps are looked at closer at the same time. Each asks for a few things at once.
pub(super) const PARALLEL: usize = 8;

/// What is known of a fleet so far; a row is kept of each app, and nothing else.
#[derive(Default)]
struct Seen {
    pages: usize,
    apps: Vec<AppHealth>,
    /// Why the list broke off.
    cut: Option<Diagnostic>,
}

/// The health of the target's apps. `deep`: of all of them by their revisions, else only of those that their list
/// does not show to be healthy. `strict`: what is on its way or could not be checked fails, too.
pub(super) async fn verify(context: &Context, screen: &Screen, deep: bool, strict: bool) -> Ending {
    let mut report = context.report("verify");
    let mut seen = Seen::default();
    let end = until_signal(&context.interrupt, look(context, deep, &mut seen)).await;
    context.progress.clear();
    let unwell = seen.apps.iter().any(|app| match app.state {
        AppState::Healthy => false,
        AppState::Unhealthy => true,
        AppState::Progressing | AppState::Unknown => strict,
    });
    let failed = seen.apps.iter().any(|app| app.failed);
    let complete = matches!(end, Ok(Ok(()))) && seen.cut.is_none();
    report.fleet = Some(FleetReport::new(&context.target, seen.pages, &seen.apps, complete));
    if let Some(fleet) = &report.fleet {
        screen.text(&render::fleet(fleet));
    }
    match end {
        Ok(Ok(())) => {}
        other => return judge::failed(context, screen, report, other),
    }
    let mut ending = if unwell { Ending::VerificationFailed } else { Ending::Ok };
    if failed {
        ending = ending.or_worse(Ending::Failed);
    }
    if let Some(cut) = seen.cut {
        report.diagnose([&cut]);
        screen.diagnostics(&[cut]);
        ending = ending.or_worse(Ending::Failed);
    }
    context.close(screen, report, ending)
}

async fn look(context: &Context, deep: bool, seen: &mut Seen) -> Result<(), Failure> {
    let target = &context.target;
    let group = Some(target.resource_group.as_str()).filter(|group| !group.is_empty());
    let mut fleet = context.executor.fleet(&target.subscription, group).await?;
    while let Some(page) = fleet.next_page().await {
        let page = match page {
            Ok(page) => page,
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            // What the pages before it held is told all the same.
            Err(failure) => {
                seen.cut = failure.diagnostic().cloned();
                break;
            }
        };
        let rows = futures::stream::iter(page).map(|app| row(&fleet, target, app, deep));
        let mut rows = rows.buffered(PARALLEL);
        while let Some(row) = rows.next().await {
            seen.apps.push(row?);
        }
        drop(rows);
        seen.pages = fleet.pages();
        let unwell = seen.apps.iter().filter(|app| app.state != AppState::Healthy).count();
        context.progress.event(&Event::Apps { seen: seen.apps.len(), unwell });
    }
    Ok(())
}

/// What is kept of one app.
async fn row(fleet: &Fleet<'_>, target: &Target, app: Json, deep: bool) -> Result<AppHealth, Failure> {
    let Some((id, health)) = listed(&app) else {
        return Ok(AppHealth::unreadable());
    };
    if health.state == AppState::Healthy && !deep {
        return Ok(health);
    }
    match Box::pin(fleet.look(app, &of_app(target, &id))).await {
        Ok(observed) => Ok(health.judged(&observed.plan)),
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        Err(failure) => {
            let why = failure.diagnostic().map(|one| one.message.clone()).unwrap_or_default();
            Ok(health.unknown(&why))
        }
    }
}

/// The same target, with the app that `id` names.
pub(super) fn of_app(target: &Target, id: &ResourceId) -> Target {
    let group = id.resource_group().unwrap_or_default().to_owned();
    Target { resource_group: group, app: id.name().to_owned(), ..target.clone() }
}
