//! `tests.yaml`: the cases of a recipe, as data. Who runs them, and what callers, variants, switches
//! and faults there are, is not known here.

mod checks;
mod read;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::grammar::CASES;
use super::structure::Structure;
use super::yaml;
use super::{Asked, ProjectTarget, Spanned, With};
use crate::diagnostic::{Diagnostic, Source};
use crate::expression::Expression;

/// The file's name beside `recipe.yaml`.
pub const CASES_FILE: &str = "tests.yaml";

/// A file of cases.
#[derive(Clone, Debug)]
pub struct Cases {
    /// The file, for pointing into it.
    pub source: Arc<Source>,
    /// Its cases, at least one.
    pub cases: Vec<Case>,
}

/// One case: runs on an Azure of its own, one after the other.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows; unique in its file.
    pub name: Spanned<String>,
    /// The target, as far as it is said.
    pub target: ProjectTarget,
    /// Recipes and instances of its runs besides the recipe itself.
    pub recipes: Vec<Asked>,
    /// Assumptions of the sandbox that it turns round.
    pub switches: Vec<Spanned<String>>,
    /// Its runs, at least one.
    pub runs: Vec<CaseRun>,
    /// Assumptions under whose opposite a run of it ends otherwise.
    pub flipped: Vec<Flipped>,
}

/// A switch under which a run of a case ends otherwise.
#[derive(Clone, Debug)]
pub struct Flipped {
    /// The switch.
    pub switch: Spanned<String>,
    /// How the run ends then, in the word of reports.
    pub status: Spanned<String>,
    /// Why.
    pub because: String,
}

/// The command of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseCommand {
    /// `check`.
    Check,
    /// `plan`.
    Plan,
    /// `apply`.
    Apply,
    /// `verify`.
    Verify,
}

impl CaseCommand {
    /// The command's name.
    pub fn name(self) -> &'static str {
        match self {
            CaseCommand::Check => "check",
            CaseCommand::Plan => "plan",
            CaseCommand::Apply => "apply",
            CaseCommand::Verify => "verify",
        }
    }
}

/// One run of a case.
#[derive(Clone, Debug)]
pub struct CaseRun {
    /// The recipe's inputs; `None`: those of the run before.
    pub with: Option<With>,
    /// What comes before it.
    pub given: Given,
    /// The command, with the place of the word or, without one, of the run.
    pub command: Spanned<CaseCommand>,
    /// Whether an apply that ended well is repeated and verified.
    pub again: bool,
    /// How it ends.
    pub expect: Expect,
}

/// What comes before a run.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Who calls from now on.
    pub caller: Option<Spanned<String>>,
    /// What is changed, in order.
    pub state: Vec<Spanned<Edit>>,
    /// What goes wrong, in the sandbox's notation.
    pub faults: Vec<Spanned<String>>,
    /// Environment variables.
    pub variables: Vec<(String, String)>,
    /// Time that has passed.
    pub after: Duration,
}

/// A change of the sandbox's state.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A named one, with what it takes.
    Variant {
        /// Its name.
        name: Spanned<String>,
        /// What it takes.
        with: Map<String, Json>,
    },
    /// JSON merge patches (RFC 7396), each with the place it is laid over.
    Merge(Vec<(Spanned<String>, Json)>),
    /// The place of what goes.
    Remove(Spanned<String>),
}

/// How a run is to end. What is `None` is not looked at.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The word of reports; `ok` unless it is said.
    pub status: Spanned<String>,
    /// Accepted writes; of a plan, those planned.
    pub writes: Option<Spanned<u64>>,
    /// New revisions.
    pub revisions: Option<Spanned<u64>>,
    /// Exactly what the plan changes.
    pub changes: Option<Spanned<Vec<Spanned<String>>>>,
    /// Exactly the judgements that did not pass.
    pub findings: Option<Spanned<Vec<Spanned<FindingLike>>>>,
    /// Exactly the errors and warnings.
    pub diagnostics: Option<Spanned<Vec<Spanned<DiagnosticLike>>>>,
    /// Outputs of the recipe, by name as expressions spell it.
    pub outputs: Vec<(Spanned<String>, Json)>,
    /// Queries over the state that the run leaves.
    pub state: Vec<Spanned<Expression>>,
}

/// What a judgement looks like. What is `None` may be anything.
#[derive(Clone, Debug, Default)]
pub struct FindingLike {
    /// Its name.
    pub name: Option<String>,
    /// Its code.
    pub code: Option<String>,
    /// How it ended, in the word of reports.
    pub status: String,
    /// Part of its name, detail or fix.
    pub contains: Option<String>,
    /// The instance it belongs to, as expressions spell it.
    pub recipe: Option<String>,
}

/// What an error or warning looks like. What is `None` may be anything.
#[derive(Clone, Debug, Default)]
pub struct DiagnosticLike {
    /// Its code.
    pub code: Option<String>,
    /// Part of its message, notes or fix.
    pub contains: Option<String>,
}

impl Cases {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// Every mistake of form in it, as [`super::load`]; no case at all; two cases of one name; an
    /// expectation that no run can meet.
    pub fn load(source: &Arc<Source>) -> Result<Cases, Vec<Diagnostic>> {
        let tree = yaml::parse(source).map_err(|mistake| vec![*mistake])?;
        if matches!(tree.node, yaml::Node::Null) {
            return Err(vec![checks::no_cases(source, tree.span)]);
        }
        let structure = Structure::of(source, &tree, &CASES);
        if !structure.found.is_empty() {
            return Err(structure.found);
        }
        let cases = Cases { source: Arc::clone(source), cases: read::cases(source, &tree) };
        let found = checks::all(&cases, &tree);
        if found.is_empty() { Ok(cases) } else { Err(found) }
    }
}
