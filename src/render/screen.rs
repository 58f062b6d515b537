//! Where output goes: results to stdout, everything else to stderr. A reader that went away (a closed
//! pipe) is no error.

use std::io::{IsTerminal, Write};

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use super::diagnostics;
use super::tsv;
use super::workflow::{fit_json, fit_text};
use crate::diagnostic::Diagnostic;
use crate::expression::Expression;
use crate::report::Report;
use crate::value::{Redacted, Value, strip_control};

/// How wide text is where nobody says (a log, a file), in columns.
const WIDTH: usize = 100;

/// What results look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// Tab-separated values, a line for each app or element.
    Tsv,
}

/// Whether output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal that shows colours.
    #[default]
    #[value(help = "On a terminal, unless NO_COLOR or TERM=dumb is set")]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The two streams and how to write on them.
#[derive(Clone, Debug)]
pub struct Screen {
    /// Text or JSON.
    pub format: Format,
    /// Errors only, besides results.
    pub quiet: bool,
    colour: anstream::ColorChoice,
    /// What of the JSON document is printed.
    query: Option<Arc<Expression>>,
    /// Whether a moving line may be drawn.
    moving: bool,
    /// Where everything goes instead of the streams; with a label only what goes to stdout.
    kept: Option<Arc<Mutex<Kept>>>,
    /// What every line on stderr begins with: the one of several apps that it is about.
    label: Option<Arc<str>>,
    /// Where the report of a run within another goes, of whose document it is a part.
    within: Option<Arc<Mutex<Option<Report>>>>,
}

/// What a screen was told that writes nowhere.
#[derive(Debug, Default)]
pub struct Kept {
    /// What both streams would have shown, in order, coloured.
    pub text: String,
    /// The report at the end.
    pub report: Option<Report>,
}

impl Screen {
    /// A screen for this format.
    pub fn new(format: Format, quiet: bool, colour: Colour) -> Screen {
        let colour = match colour {
            Colour::Auto => anstream::ColorChoice::Auto,
            Colour::Always => anstream::ColorChoice::Always,
            Colour::Never => anstream::ColorChoice::Never,
        };
        Screen { format, quiet, colour, query: None, moving: true, kept: None, label: None, within: None }
    }

    /// A screen that writes nowhere, and what it is told: text for people, and the report.
    pub fn keeping() -> (Screen, Arc<Mutex<Kept>>) {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let screen = Screen::new(Format::Text, false, Colour::Always).watched_by_a_person(false);
        (Screen { kept: Some(Arc::clone(&kept)), ..screen }, kept)
    }

    /// A screen beside this one for one app of several. Lines on stderr are written at once and say which app they
    /// are about; results and the report are kept, so that those of one app stand together.
    pub fn of_app(&self, app: &str) -> (Screen, Arc<Mutex<Kept>>) {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (label, screen) = (Some(Arc::from(strip_control(app))), self.clone());
        (Screen { kept: Some(Arc::clone(&kept)), label, moving: false, ..screen }, kept)
    }

    /// The same screen for a run within another: all of it is shown but its last lines and its document, which is kept.
    pub fn within(&self) -> (Screen, Arc<Mutex<Option<Report>>>) {
        let kept = Arc::default();
        (Screen { within: Some(Arc::clone(&kept)), ..self.clone() }, kept)
    }

    /// Whether it is the screen of a run within another.
    pub fn is_within(&self) -> bool {
        self.within.is_some()
    }

    /// Keeps the text, if that is what this screen does.
    fn keep(&self, text: &str) -> bool {
        let Some(kept) = &self.kept else { return false };
        kept.lock().unwrap_or_else(PoisonError::into_inner).text.push_str(text);
        true
    }

    /// The same screen, which prints what `query` finds in the JSON document.
    #[must_use]
    pub fn with_query(mut self, query: Expression) -> Screen {
        self.query = Some(Arc::new(query));
        self
    }

    /// The same screen; without a moving line when other lines would cut through it.
    #[must_use]
    pub fn watched_by_a_person(mut self, moving: bool) -> Screen {
        self.moving = moving;
        self
    }

    /// Writes a result to stdout.
    pub fn result(&self, text: &str) {
        if self.keep(text) {
            return;
        }
        let mut out = anstream::AutoStream::new(std::io::stdout(), self.colour).lock();
        // A closed pipe ends the output, not the run.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Writes a result that only people read: left out when the format is JSON.
    pub fn text(&self, text: &str) {
        if self.format == Format::Text {
            self.result(&fit_text(text));
        }
    }

    /// Writes what a person must see before being asked: on stderr when stdout is for a machine.
    pub fn before_asking(&self, text: &str) {
        if self.for_machines() {
            self.complain(text);
        }
    }

    /// Whether results are for a machine: no text, but a document at the end.
    pub fn for_machines(&self) -> bool {
        self.format != Format::Text
    }

    /// Whether the document at the end is wanted whole, or something that a query finds in it; else of each app of several
    /// only what a line needs.
    pub fn wants_documents(&self) -> bool {
        self.format == Format::Json || self.for_machines() && self.query.is_some()
    }

    /// Writes the whole report when the format is for machines.
    pub fn report(&self, report: &Report) {
        if let Some(within) = &self.within {
            *within.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
            return;
        }
        if let Some(kept) = &self.kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).report = Some(report.clone());
        }
        // One of several is a part of their document.
        if self.for_machines() && self.label.is_none() {
            if self.query.is_some() && report.sandbox {
                // The document says it; what a query takes out of it does not.
                self.complain("[sandbox]\n");
            }
            match serde_json::to_value(report) {
                Ok(json) if self.format == Format::Tsv && self.query.is_none() => {
                    self.result(&tsv::report(&json));
                }
                Ok(json) => self.document(json),
                Err(error) => self.status(&format!("the report could not be written: {error}\n")),
            }
        }
    }

    /// Writes one document, or what the query finds in it.
    pub fn document(&self, json: Json) {
        let json = match &self.query {
            None => json,
            Some(query) => match query.evaluate_on(&Value::from(json)) {
                Ok(value) => Redacted(&value).to_json(),
                Err(error) => {
                    self.complain(&format!("error: --query: {}\n", error.message));
                    Json::Null
                }
            },
        };
        match self.format {
            Format::Tsv => self.result(&tsv::document(&json)),
            Format::Text | Format::Json => self.result(&fit_json(&format!("{json:#}\n"))),
        }
    }

    /// Writes what goes on to stderr.
    pub fn status(&self, text: &str) {
        if self.quiet {
            return;
        }
        self.complain(text);
    }

    /// Writes errors and warnings to stderr, also when quiet.
    pub fn diagnostics(&self, found: &[Diagnostic]) {
        if found.is_empty() {
            return;
        }
        let coloured = self.stderr_coloured();
        self.complain(&diagnostics::render(found, coloured, self.width()));
    }

    /// Asks something, on stderr, also when quiet: an answer is needed.
    pub fn ask(&self, question: &str) {
        self.complain(question);
    }

    /// Writes what is wrong with the command line. What was typed may come from elsewhere (a branch's name, the title
    /// of a pull request): where an argument of `typed` holds what steers or hides, of it all only what shows stays,
    /// without colours, which could not be told from it.
    pub fn usage(&self, error: &clap::Error, mut typed: impl Iterator<Item = String>) {
        let text = error.render();
        if typed.any(|one| strip_control(&one) != one) {
            let text = text.to_string();
            let lines: Vec<String> = text.split('\n').map(strip_control).collect();
            self.complain(&lines.join("\n"));
        } else {
            self.complain(&text.ansi().to_string());
        }
    }

    fn complain(&self, text: &str) {
        let text = &match &self.label {
            Some(label) => fit_text(&labelled(label, text)),
            None => fit_text(text),
        };
        if self.label.is_none() && self.keep(text) {
            return;
        }
        let mut out = anstream::AutoStream::new(std::io::stderr(), self.colour).lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Whether a person watches stderr, on a terminal that can move a line.
    pub fn watched(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        self.moving && !self.quiet && !dumb && std::io::stderr().is_terminal()
    }

    /// Whether errors are coloured.
    pub fn stderr_coloured(&self) -> bool {
        match self.colour {
            anstream::ColorChoice::Never => false,
            anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi => true,
            anstream::ColorChoice::Auto => {
                anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
            }
        }
    }

    /// The width that texts are wrapped to, in columns: the terminal's within reason.
    pub fn width(&self) -> usize {
        match terminal_size::terminal_size() {
            Some((terminal_size::Width(columns), _)) => usize::from(columns).clamp(40, 120),
            None => WIDTH,
        }
    }
}

/// Every line that says something, behind the label.
fn labelled(label: &str, text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.fold(String::new(), |text, line| text + label + " | " + line + "\n")
}

/// Where the program's own trace goes: stderr, as what people read.
#[derive(Clone, Copy, Debug)]
pub struct Trace;

impl Write for Trace {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = fit_text(&String::from_utf8_lossy(bytes));
        std::io::stderr().lock().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
