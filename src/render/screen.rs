//! Where output goes: results to stdout, everything else to stderr. A reader that went away (a closed
//! pipe) is no error.

use std::io::{IsTerminal, Write};

use super::diagnostics;
use crate::diagnostic::Diagnostic;
use crate::report::Report;

/// What results look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Whether output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Colour {
    /// When stdout is a terminal and neither `NO_COLOR` nor `TERM=dumb` is set.
    #[default]
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
}

impl Screen {
    /// A screen for this format.
    pub fn new(format: Format, quiet: bool, colour: Colour) -> Screen {
        let colour = match colour {
            Colour::Auto => anstream::ColorChoice::Auto,
            Colour::Always => anstream::ColorChoice::Always,
            Colour::Never => anstream::ColorChoice::Never,
        };
        Screen { format, quiet, colour }
    }

    /// Writes a result to stdout.
    pub fn result(&self, text: &str) {
        let mut out = anstream::AutoStream::new(std::io::stdout(), self.colour).lock();
        // A closed pipe ends the output, not the run.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Writes a result that only people read: left out when the format is JSON.
    pub fn text(&self, text: &str) {
        if self.format == Format::Text {
            self.result(text);
        }
    }

    /// Writes the whole report when the format is JSON.
    pub fn report(&self, report: &Report) {
        if self.format == Format::Json {
            match serde_json::to_string_pretty(report) {
                Ok(json) => self.result(&format!("{json}\n")),
                Err(error) => self.status(&format!("the report could not be written: {error}\n")),
            }
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

    fn complain(&self, text: &str) {
        let mut out = anstream::AutoStream::new(std::io::stderr(), self.colour).lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Whether a person watches stderr.
    pub fn watched(&self) -> bool {
        std::io::stderr().is_terminal() && !self.quiet
    }

    /// Whether errors are coloured.
    pub fn stderr_coloured(&self) -> bool {
        anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
            && self.colour != anstream::ColorChoice::Never
            || self.colour == anstream::ColorChoice::Always
    }

    /// The width that texts are wrapped to, in columns.
    pub fn width(&self) -> usize {
        100
    }
}
