//! Progress on stderr: a moving line where a person watches, plain lines in a log, at least one
//! every 30 s while something takes long.

use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::{Screen, counted};
use crate::azure::ClientEvent;
use crate::execute::{Event, Observer};
use crate::value::strip_control;

/// The age at which a role counts as in force: no countdown starts higher.
const LONGEST_SETTLE: Duration = Duration::from_secs(600);
/// More than any share stands: what is left is counted from here, so that it grows as time passes.
const LONGEST_BAKE: Duration = Duration::from_secs(8 * 24 * 3600);
/// How often a log is told that something still goes on.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Tells people what goes on.
pub struct Progress {
    screen: Screen,
    verbose: bool,
    /// Whether a person watches: then a line moves.
    watched: bool,
    state: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The moving line, while something goes on.
    bar: Option<ProgressBar>,
    /// What was told last of a wait, and how long it had lasted then.
    waiting: Option<(String, Duration)>,
    requests: u64,
}

impl Progress {
    /// Progress on the screen's stderr; `verbose`: every request too.
    pub fn new(screen: &Screen, verbose: bool) -> Progress {
        Progress { screen: screen.clone(), verbose, watched: screen.watched(), state: Mutex::default() }
    }

    /// Progress of the same kind for a run within this one's.
    #[must_use]
    pub fn within(&self, screen: &Screen) -> Progress {
        Progress::new(screen, self.verbose)
    }

    /// Requests sent so far, every try counted.
    pub fn requests(&self) -> u64 {
        self.state.lock().map_or(0, |state| state.requests)
    }

    /// Takes the moving line away, before something else is written.
    pub fn clear(&self) {
        let bar = self.state.lock().ok().and_then(|mut state| state.bar.take());
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    /// Moves the line, if a person watches; the first message draws it.
    fn moving(&self, message: &str) {
        if !self.watched {
            return;
        }
        let Ok(mut state) = self.state.lock() else { return };
        let bar = state.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(strip_control(message));
    }

    /// Writes a line above the moving one.
    fn line(&self, text: &str) {
        let text = strip_control(text);
        tracing::debug!("{text}");
        let bar = self.state.lock().ok().and_then(|state| state.bar.clone());
        match bar {
            Some(bar) => bar.suspend(|| self.screen.status(&format!("  {text}\n"))),
            None => self.screen.status(&format!("  {text}\n")),
        }
    }

    /// Something that goes on: moves the line; in a log, once at its start and then every 30 s.
    fn waiting(&self, what: &str, elapsed: Duration) {
        let since = if elapsed.as_secs() > 0 { format!(" ({} s)", elapsed.as_secs()) } else { String::new() };
        self.moving(&format!("{what}{since}"));
        if !self.watched && self.due(what, elapsed) {
            self.line(&format!("… {what}{since}"));
        }
    }

    /// Requests that the budget holds back: how many there are changes all the time and is no news of its own.
    fn throttled(&self, waiting: usize, elapsed: Duration) {
        let text = format!("throttled: {waiting} waiting");
        self.moving(&text);
        if !self.watched && self.due("throttled", elapsed) {
            self.line(&format!("… {text}"));
        }
    }

    /// Whether a log is told again of something that has gone on for `elapsed`.
    fn due(&self, what: &str, elapsed: Duration) -> bool {
        let Ok(mut state) = self.state.lock() else { return false };
        let due = match &state.waiting {
            Some((told, at)) => told != what || elapsed.saturating_sub(*at) >= LOG_EVERY || elapsed < *at,
            None => true,
        };
        if due {
            state.waiting = Some((what.to_owned(), elapsed));
        }
        due
    }

    fn client(&self, event: &ClientEvent) {
        match event {
            ClientEvent::Sent { number, method, path } => {
                if let Ok(mut state) = self.state.lock() {
                    state.requests += 1;
                }
                if self.verbose {
                    self.line(&format!("> {number} {method} {path}"));
                }
            }
            ClientEvent::Answered { number, status, elapsed } if self.verbose => {
                self.line(&format!("< {number} {status} ({} ms)", elapsed.as_millis()));
            }
            ClientEvent::Unanswered { number, reason } if self.verbose => {
                self.line(&format!("< {number} {reason}"));
            }
            ClientEvent::Retrying { after, reason, .. } => {
                self.line(&format!("! {reason}; again in {} s", after.as_secs_f32().ceil()));
            }
            ClientEvent::Waiting { resource, status, elapsed, .. } => {
                let name = resource.rsplit('/').next().unwrap_or(resource);
                self.waiting(&format!("Azure works on {name}: {status}"), *elapsed);
            }
            ClientEvent::Throttled { waiting, elapsed } => self.throttled(*waiting, *elapsed),
            ClientEvent::Answered { .. } | ClientEvent::Unanswered { .. } => {}
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        tracing::trace!(?event);
        match event {
            Event::Reading { count } => {
                let text = format!("reading {} from Azure", counted(*count, "fact"));
                self.moving(&text);
                if self.verbose && !self.watched {
                    self.line(&text);
                }
            }
            Event::Busy { resource, elapsed } => {
                self.waiting(&format!("{resource} has an operation in progress"), *elapsed);
            }
            Event::Settling { grant, remaining } => {
                let text = format!("waiting until the role {grant} is in force");
                let left = remaining.as_secs_f32().ceil();
                self.moving(&format!("{text}: {left} s left"));
                // The countdown of a log: told at its start, then every 30 s.
                let passed = LONGEST_SETTLE.saturating_sub(*remaining);
                if !self.watched && self.due(&text, passed) {
                    self.line(&format!("… {text}: {left} s left"));
                }
            }
            Event::Writing { what } => {
                self.line(&format!("→ {what}"));
                self.moving(what);
            }
            Event::Accepted { what } => self.moving(what),
            Event::Written { what, elapsed } => self.line(&format!("✓ {what} ({} s)", elapsed.as_secs())),
            Event::Repeating { what, reason, after } => {
                self.line(&format!("! {what}: {reason}; again in {} s", after.as_secs_f32().ceil()));
            }
            Event::Revision { name, state, elapsed }
            | Event::Probing { name, state, elapsed }
            | Event::Awaiting { name, state, elapsed } => {
                self.waiting(&format!("{name}: {state}"), *elapsed);
            }
            Event::Ready { name, traffic, elapsed } => {
                let share = traffic.map_or(String::new(), |share| format!(", {share} % of the traffic"));
                self.line(&format!("✓ revision {name} is ready{share} ({} s)", elapsed.as_secs()));
            }
            Event::Probed { method, url, answer } => {
                if self.verbose {
                    self.line(&format!("? {method} {url}: {answer}"));
                }
            }
            Event::LookedUp { name, kind, answer } => {
                if self.verbose {
                    self.line(&format!("? {name} {kind}: {answer}"));
                }
            }
            Event::Baking { revision, weight, remaining } => {
                let text = format!("{revision} stands at {weight} % of the traffic");
                let left = remaining.as_secs_f32().ceil();
                self.moving(&format!("{text}: {left} s left"));
                let passed = LONGEST_BAKE.saturating_sub(*remaining);
                if !self.watched && self.due(&text, passed) {
                    self.line(&format!("… {text}: {left} s left"));
                }
            }
            Event::Judged { revision, weight, passed, of } => {
                let mark = if passed == of { "✓" } else { "✗" };
                self.line(&format!("{mark} {revision} at {weight} %: {passed} of {}", counted(*of, "check")));
            }
            Event::RollingBack { revision } => self.line(&format!("! {revision} failed; it is taken back")),
            Event::Uploading { what, bytes } => {
                self.line(&format!("↑ {what} ({} KB compressed)", bytes.div_ceil(1024)));
            }
            Event::Sending { what, elapsed } => self.waiting(&format!("sending {what}"), *elapsed),
            Event::Joining { run, what } => self.line(&format!("… run {run} is on already: {what}")),
            Event::Run { run, state, elapsed } => self.waiting(&format!("run {run}: {state}"), *elapsed),
            Event::Log { line } => self.line(&format!("│ {line}")),
            Event::Apps { seen, unwell } => {
                let text = format!("{} looked at, {unwell} of them not healthy", counted(*seen, "app"));
                self.moving(&text);
                if self.verbose && !self.watched {
                    self.line(&text);
                }
            }
            Event::Verifying => self.moving("verifying"),
            Event::Client(event) => self.client(event),
        }
    }
}
