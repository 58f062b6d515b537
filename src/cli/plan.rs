//! `plan`: what applying would change.

use clap::Args;

use super::arguments;
use super::context::{Context, Flags, Named};
use super::judge;
use super::signals::until_signal;
use crate::render::Screen;
use crate::report::Ending;

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    on: arguments::OnApp,
    /// Exit with 5 when there is something to change
    #[arg(long)]
    exit_code: bool,
    /// Plan a change again that was rolled out before and taken back, under a new name
    #[arg(long)]
    retry: bool,
}

impl PlanArgs {
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        let flags =
            Flags { command: "plan", on: &self.on, verbose: output.verbose > 0, recipes: Named::Needed };
        let mut context = match judge::open(&flags, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        context.executor.retry = self.retry;
        plan(&context, screen, self.exit_code).await
    }
}

/// `plan` in an open context.
pub(super) async fn plan(context: &Context, screen: &Screen, exit_code: bool) -> Ending {
    let mut report = context.report("plan");
    let work = context.executor.observe_idle(&context.selection, &context.target, true);
    let observed = match until_signal(&context.interrupt, work).await {
        Ok(Ok(observed)) => observed,
        other => return judge::failed(context, screen, report, other),
    };
    let ending = judge::prerequisites(context, screen, &mut report, &observed);
    judge::plan(context, screen, &mut report, &observed);
    let ending = match ending {
        Ending::Ok if exit_code && observed.plan.has_changes() => Ending::ChangesFound,
        other => other,
    };
    context.close(screen, report, ending)
}
