//! `plan`: what applying would change.

use std::path::PathBuf;

use clap::Args;

use super::context::{Context, Flags, Named};
use super::many::Many;
use super::saved::Out;
use super::signals::until_signal;
use super::{arguments, judge, refuse};
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
    /// Save the plan as an approval for `apply --plan`; it holds no secret
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl PlanArgs {
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        if let Some(found) = arguments::one_app(&self.on.target, self.out.is_some(), "--out") {
            return refuse(screen, "plan", self.on.sandbox.sandbox, &[found], Ending::Usage);
        }
        let out = match self.out.as_deref().map(Out::at).transpose() {
            Ok(out) => out,
            Err(found) => {
                return refuse(screen, "plan", self.on.sandbox.sandbox, &[*found], Ending::Usage);
            }
        };
        let flags =
            Flags { command: "plan", on: &self.on, verbose: output.verbose > 0, recipes: Named::Needed };
        let mut context = match judge::open(&flags, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        context.executor.retry = self.retry;
        if let Some(many) = Many::of(&context, &self.on, "plan", screen) {
            let work = async |context: Context, screen: Screen| {
                Box::pin(plan(&context, &screen, self.exit_code, None)).await
            };
            return many.run(&self.on.target, work).await;
        }
        Box::pin(plan(&context, screen, self.exit_code, out.as_ref())).await
    }
}

/// `plan` in an open context. `out`: where it is saved, unless something stands in its way.
pub(super) async fn plan(context: &Context, screen: &Screen, exit_code: bool, out: Option<&Out>) -> Ending {
    let mut report = context.report("plan");
    let work = Box::pin(context.executor.observe_idle(&context.selection, &context.target, true));
    let observed = match until_signal(&context.interrupt, work).await {
        Ok(Ok(observed)) => observed,
        other => return judge::failed(context, screen, report, other),
    };
    let ending = judge::prerequisites(context, screen, &mut report, &observed);
    judge::plan(context, screen, &mut report, &observed);
    if let (Some(out), Ending::Ok) = (out, ending) {
        if let Err(found) = out.save(context, &observed) {
            report.diagnose([&*found]);
            screen.diagnostics(&[*found]);
            return context.close(screen, report, Ending::Failed);
        }
        report.plan_file = Some(out.name());
        screen.text(&crate::render::saved_plan(&out.name()));
    }
    let ending = match ending {
        Ending::Ok if exit_code && observed.plan.has_changes() => Ending::ChangesFound,
        other => other,
    };
    context.close(screen, report, ending)
}
