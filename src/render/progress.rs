//! Progress on stderr: a moving line where a person watches, plain lines in a log, at least one
//! every 30 s while something takes long.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Screen;
use crate::azure::ClientEvent;
use crate::execute::{Event, Observer};
use crate::value::strip_control;

/// How often a log is told that something still goes on.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Tells people what goes on.
pub struct Progress {
    screen: Screen,
    verbose: bool,
    bar: Option<ProgressBar>,
    state: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// What was told last of a wait, and how long it had lasted then.
    waiting: Option<(String, Duration)>,
    requests: u64,
}

impl Progress {
    /// Progress on the screen's stderr; `verbose`: every request too.
    pub fn new(screen: &Screen, verbose: bool) -> Progress {
        let bar = screen.watched().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Progress { screen: screen.clone(), verbose, bar, state: Mutex::default() }
    }

    /// Requests sent so far, every try counted.
    pub fn requests(&self) -> u64 {
        self.state.lock().map_or(0, |state| state.requests)
    }

    /// Takes the moving line away, before something else is written.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        let text = strip_control(text);
        match &self.bar {
            Some(bar) => bar.suspend(|| self.screen.status(&format!("  {text}\n"))),
            None => self.screen.status(&format!("  {text}\n")),
        }
    }

    /// Something that goes on: moves the line; in a log, once at its start and then every 30 s.
    fn waiting(&self, what: &str, elapsed: Duration) {
        let what = strip_control(what);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{what} ({} s)", elapsed.as_secs()));
            return;
        }
        let Ok(mut state) = self.state.lock() else { return };
        let due = match &state.waiting {
            Some((told, at)) => *told != what || elapsed.saturating_sub(*at) >= LOG_EVERY || elapsed < *at,
            None => true,
        };
        if due {
            state.waiting = Some((what.clone(), elapsed));
            drop(state);
            let since =
                if elapsed.as_secs() > 0 { format!(" ({} s)", elapsed.as_secs()) } else { String::new() };
            self.line(&format!("… {what}{since}"));
        }
    }

    fn client(&self, event: &ClientEvent) {
        match event {
            ClientEvent::Sent { number, method, path } => {
                if let Ok(mut state) = self.state.lock() {
                    state.requests = state.requests.max(*number);
                }
                if self.verbose {
                    self.line(&format!("> {number} {method} {path}"));
                }
            }
            ClientEvent::Answered { number, status, elapsed } if self.verbose => {
                self.line(&format!("< {number} {status} ({} ms)", elapsed.as_millis()));
            }
            ClientEvent::Unanswered { number, reason } if self.verbose => {
                self.line(&format!("< {number} {reason}"))
            }
            ClientEvent::Retrying { after, reason, .. } => {
                self.line(&format!("! {reason}; again in {} s", after.as_secs_f32().ceil()));
            }
            ClientEvent::Waiting { resource, status, elapsed, .. } => {
                let name = resource.rsplit('/').next().unwrap_or(resource);
                self.waiting(&format!("Azure works on {name}: {status}"), *elapsed);
            }
            ClientEvent::Answered { .. } | ClientEvent::Unanswered { .. } => {}
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        match event {
            Event::Reading { count } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("reading {count} facts from Azure"));
                } else if self.verbose {
                    self.line(&format!("reading {count} facts from Azure"));
                }
            }
            Event::Busy { resource, elapsed } => {
                self.waiting(&format!("{resource} has an operation in progress"), *elapsed);
            }
            Event::Settling { grant, remaining } => {
                let left = remaining.as_secs_f32().ceil();
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("waiting {left} s until the role {grant} is in force"));
                } else {
                    // The countdown of a log: told at its start, then every 30 s.
                    let passed = Duration::from_secs(600).saturating_sub(*remaining);
                    self.waiting_countdown(grant, passed, left);
                }
            }
            Event::Writing { what } => self.line(&format!("→ {what}")),
            Event::Accepted { what } => self.waiting(&format!("accepted: {what}"), Duration::ZERO),
            Event::Written { what, elapsed } => self.line(&format!("✓ {what} ({} s)", elapsed.as_secs())),
            Event::Repeating { what, reason, after } => {
                self.line(&format!("! {what}: {reason}; again in {} s", after.as_secs_f32().ceil()));
            }
            Event::Revision { name, state, elapsed } => self.waiting(&format!("{name}: {state}"), *elapsed),
            Event::Ready { name, traffic, elapsed } => {
                let share = traffic.map_or(String::new(), |share| format!(", {share} % of the traffic"));
                self.line(&format!("✓ revision {name} is ready{share} ({} s)", elapsed.as_secs()));
            }
            Event::Verifying => {
                if let Some(bar) = &self.bar {
                    bar.set_message("verifying");
                }
            }
            Event::Client(event) => self.client(event),
        }
    }
}

impl Progress {
    fn waiting_countdown(&self, grant: &str, passed: Duration, left: f32) {
        let what = format!("waiting until the role {grant} is in force");
        let Ok(mut state) = self.state.lock() else { return };
        let due = match &state.waiting {
            Some((told, at)) => *told != what || passed.saturating_sub(*at) >= LOG_EVERY,
            None => true,
        };
        if due {
            state.waiting = Some((what.clone(), passed));
            drop(state);
            self.line(&format!("… {what}: {left} s left"));
        }
    }
}
