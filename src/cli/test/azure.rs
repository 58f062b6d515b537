//! The Azure of a case: a sandbox in memory on a clock that only waiting moves.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use crate::cli::sandbox_run::SandboxRun;
use crate::cli::surroundings::{bounded, bounded_bytes};
use crate::clock::{Clock, VirtualClock};
use crate::diagnostic::suggest::closest;
use crate::diagnostic::{Diagnostic, Source, Span, codes};
use crate::recipe::cases::Edit;
use crate::recipe::{Outside, Spanned};
use crate::sandbox::edit::{self, EditError, VARIANTS};
use crate::sandbox::{Fault, Options, Sandbox, State, Switches};

/// When every case begins.
const START: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

/// The Azure of one case, between and during its runs.
pub(super) struct Azure {
    clock: Arc<VirtualClock>,
    rules: Switches,
    sandbox: Sandbox,
}

impl Azure {
    /// As it is seeded, with these assumptions turned round.
    pub(super) fn new(rules: Switches) -> Azure {
        let clock = Arc::new(VirtualClock::new(START));
        let options = options(&clock, &rules, Vec::new());
        Azure { clock, rules, sandbox: Sandbox::new(options) }
    }

    /// The assumptions that its runs so far have asked about.
    pub(super) fn asked(&self) -> BTreeSet<&'static str> {
        self.rules.asked()
    }

    /// Lets time pass.
    pub(super) async fn wait(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    /// Changes the state.
    ///
    /// # Errors
    /// The first change that cannot be made, with its place in `source`.
    pub(super) fn edit(
        &mut self,
        source: &Arc<Source>,
        edits: &[Spanned<Edit>],
    ) -> Result<(), Box<Diagnostic>> {
        let mut state = self.sandbox.state();
        for edit in edits {
            apply(&mut state, source, edit)?;
        }
        self.begin(state, Vec::new());
        Ok(())
    }

    /// A run by `caller` in which these faults strike; requests are counted from its first one.
    pub(super) fn run(&mut self, caller: &str, faults: Vec<Fault>) -> SandboxRun {
        let state = self.sandbox.state();
        self.begin(state, faults);
        SandboxRun::unsaved(self.sandbox.clone(), Arc::clone(&self.clock) as Arc<dyn Clock>, caller)
    }

    /// The state at the present moment.
    pub(super) fn state(&self) -> State {
        self.sandbox.state()
    }

    fn begin(&mut self, state: State, faults: Vec<Fault>) {
        self.sandbox = Sandbox::from_state(state, options(&self.clock, &self.rules, faults));
    }
}

fn options(clock: &Arc<VirtualClock>, rules: &Switches, faults: Vec<Fault>) -> Options {
    let time = Arc::clone(clock);
    Options { rules: rules.clone(), faults, ..Options::new(Arc::new(move || time.now())) }
}

/// Changes a state; the finding points at the part of the edit that is wrong.
fn apply(state: &mut State, source: &Arc<Source>, edit: &Spanned<Edit>) -> Result<(), Box<Diagnostic>> {
    match &edit.value {
        Edit::Variant { name, with } => edit::variant(name)
            .and_then(|variant| variant.apply(state, with))
            .map_err(|error| refused(&error, source, name.span)),
        Edit::Merge(patches) => patches.iter().try_for_each(|(path, patch)| {
            edit::merge(state, path, patch).map_err(|error| refused(&error, source, path.span))
        }),
        Edit::Remove(path) => edit::remove(state, path).map_err(|error| refused(&error, source, path.span)),
    }
}

/// The finding for a change that cannot be made.
pub(super) fn refused(error: &EditError, source: &Arc<Source>, span: Span) -> Box<Diagnostic> {
    let near = |word: &str, known: &[&str]| {
        closest(word, known.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"))
    };
    let found = Diagnostic::error(codes::BAD_EDIT, error.to_string());
    let (beside, note, fix) = match error {
        EditError::NotThere { part, known, .. } => {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let shown = names.iter().take(20).copied().collect::<Vec<_>>().join(", ");
            let note = if shown.is_empty() {
                "nothing stands there".to_owned()
            } else {
                format!("there are {shown}")
            };
            (near(part.trim_matches(['[', ']']), &names), Some(note), Some("acarecipe sandbox show"))
        }
        EditError::UnknownVariant(name) => {
            let names: Vec<&str> = VARIANTS.iter().map(|variant| variant.name).collect();
            (
                near(name, &names),
                Some(format!("the variants are {}", names.join(", "))),
                Some("acarecipe sandbox variants"),
            )
        }
        EditError::Arguments { .. } => (String::new(), None, Some("acarecipe sandbox variants")),
        EditError::Several { .. } => {
            (String::new(), None, Some("pick one with `[member=text]`, or give the whole id"))
        }
        _ => (String::new(), None, None),
    };
    let found = found.label(source, span, beside);
    let found = match note {
        Some(note) => found.note(note),
        None => found,
    };
    Box::new(match fix {
        Some(fix) => found.fix(fix),
        None => found,
    })
}

/// What a case sees of the world: its own variables, and files beneath its recipe's folder.
pub(super) struct Enclosed<'c> {
    pub(super) variables: &'c [(String, String)],
    pub(super) folder: PathBuf,
}

impl Outside for Enclosed<'_> {
    fn input_variable(&self, name: &str) -> Option<String> {
        self.variable(name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        let found = self.variables.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        bounded(self.open(path)?)
    }

    fn content(&self, path: &str) -> Result<Vec<u8>, String> {
        bounded_bytes(self.open(path)?)
    }

    fn standard_input(&self) -> Result<String, String> {
        Err("a case has none".to_owned())
    }
}

impl Enclosed<'_> {
    /// Opens a file beneath the recipe's folder.
    fn open(&self, path: &str) -> Result<std::fs::File, String> {
        let folder = std::fs::canonicalize(&self.folder).map_err(|error| error.to_string())?;
        let file = std::fs::canonicalize(folder.join(path)).map_err(|error| error.to_string())?;
        if !file.starts_with(&folder) {
            return Err("it is not beneath the recipe's folder".to_owned());
        }
        if !file.is_file() {
            return Err("it is no file".to_owned());
        }
        std::fs::File::open(file).map_err(|error| error.to_string())
    }
}
