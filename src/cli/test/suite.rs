//! From files to suites: a recipe with its cases, everything in them that can be known beforehand
//! checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::azure::{Azure, Enclosed, refused};
use crate::cli::arguments;
use crate::cli::target::{self, Resolved};
use crate::diagnostic::suggest::closest;
use crate::diagnostic::{Code, Diagnostic, Severity, Source, Span, codes};
use crate::plan::Selection;
use crate::recipe::cases::{CASES_FILE, Case, CaseRun, Cases, Edit};
use crate::recipe::{
    Asked, Catalogue, Instance, Origin, Recipe, Target as Wanted, With, bind, lint, load, read_source, snake,
};
use crate::sandbox::seed::CALLERS;
use crate::sandbox::{Fault, Switch, Switches, edit};

/// The file's name of a recipe in its folder.
const RECIPE_FILE: &str = "recipe.yaml";

/// A recipe with its cases.
pub(super) struct Suite {
    /// The recipe's name.
    pub(super) recipe: String,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its cases.
    pub(super) cases: Cases,
    /// Where its recipe and those that it requires are found.
    pub(super) catalogue: Arc<Catalogue>,
}

/// The suites of these files and folders, with warnings.
///
/// # Errors
/// Every mistake in the recipes and their cases.
pub(super) fn open(
    files: &[PathBuf],
    folders: &[PathBuf],
    allow_override: bool,
) -> Result<(Vec<Suite>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut paths: Vec<(PathBuf, PathBuf)> = Vec::new();
    for file in files {
        let pair = pair(file);
        if !paths.contains(&pair) {
            paths.push(pair);
        }
    }
    let catalogue = Catalogue::load(folders, allow_override)?;
    let recipe_files: Vec<PathBuf> = paths.iter().map(|(recipe, _)| recipe.clone()).collect();
    let mut found = lint(&recipe_files, &catalogue);
    if found.iter().any(|one| one.severity == Severity::Error) {
        return Err(found);
    }
    let recipes = recipe_files.iter().map(|file| recipe(file)).collect::<Result<Vec<_>, _>>()?;
    let mut catalogue = catalogue;
    for recipe in &recipes {
        catalogue.insert(recipe.clone());
    }
    let catalogue = Arc::new(catalogue);
    let mut suites = Vec::new();
    let mut mistakes = Vec::new();
    for (recipe, (file, cases)) in recipes.into_iter().zip(paths) {
        match source(&cases).and_then(|source| Cases::load(&source)) {
            Ok(cases) => {
                let suite = Suite {
                    recipe: recipe.name.value.clone(),
                    folder: folder_of(&file),
                    cases,
                    catalogue: Arc::clone(&catalogue),
                };
                mistakes.extend(suite.check(&recipe));
                suites.push(suite);
            }
            Err(more) => mistakes.extend(more),
        }
    }
    if mistakes.is_empty() {
        return Ok((suites, found));
    }
    found.extend(mistakes);
    Err(found)
}

/// `recipe.yaml` and `tests.yaml` of a folder, a recipe file, or a file of cases beside one.
fn pair(path: &Path) -> (PathBuf, PathBuf) {
    // What is not there and has no ending is meant as a folder.
    if path.is_dir() || (path.extension().is_none() && !path.exists()) {
        (path.join(RECIPE_FILE), path.join(CASES_FILE))
    } else if path.file_name().is_some_and(|name| name == RECIPE_FILE) {
        (path.to_owned(), path.with_file_name(CASES_FILE))
    } else {
        (path.with_file_name(RECIPE_FILE), path.to_owned())
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn recipe(file: &Path) -> Result<Recipe, Vec<Diagnostic>> {
    let source = read_source(file).map_err(|mistake| vec![*mistake])?;
    load(&source, Origin::Folder(folder_of(file)))
}

fn source(file: &Path) -> Result<Arc<Source>, Vec<Diagnostic>> {
    read_source(file).map_err(|mistake| {
        let missing = !file.exists();
        let help = format!("write {CASES_FILE} beside the recipe; acarecipe schema --tests has its form");
        vec![if missing { mistake.fix(help) } else { *mistake }]
    })
}

impl Suite {
    /// The recipes of a run of `case`: the one whose case it is, with these inputs, and the others.
    pub(super) fn asked(&self, case: &Case, with: &With) -> Vec<Asked> {
        let own = Asked { recipe: self.recipe.clone(), with: with.clone(), ..Asked::default() };
        std::iter::once(own).chain(case.recipes.iter().cloned()).collect()
    }

    /// The instances of a run with their inputs.
    ///
    /// # Errors
    /// Every mistake in them.
    pub(super) fn selection(
        &self,
        case: &Case,
        run: &CaseRun,
        with: &With,
    ) -> Result<Selection, Vec<Diagnostic>> {
        let instances = self.catalogue.instances(&self.asked(case, with))?;
        let outside = Enclosed { variables: &run.given.variables, folder: self.folder.clone() };
        let inputs = bind(&instances, &[], &outside)?;
        Ok(Selection { instances, inputs })
    }

    /// The target of a case: the sandbox's own, as far as the case does not say another.
    ///
    /// # Errors
    /// Names that Azure does not take.
    pub(super) fn target(case: &Case, wanted: Wanted) -> Result<Resolved, Vec<Diagnostic>> {
        let text =
            |text: &Option<crate::recipe::Spanned<String>>| text.as_ref().map(|text| text.value.clone());
        let flags = arguments::Target {
            resource_group: text(&case.target.resource_group),
            name: text(&case.target.name).into_iter().collect(),
            container: text(&case.target.container),
            environment: text(&case.target.environment),
            location: text(&case.target.location),
            ..arguments::Target::default()
        };
        target::resolve(&flags, None, None, true, wanted)
    }

    /// Mistakes that show before anything is run.
    fn check(&self, recipe: &Recipe) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for case in &self.cases.cases {
            let mut here = Here { source: &self.cases.source, found: Vec::new() };
            for name in case.switches.iter().chain(case.flipped.iter().map(|one| &one.switch)) {
                if Switches::flip(name).is_err() {
                    let known = Switch::ALL.iter().map(|switch| switch.name());
                    here.unknown("switch", name, name.span, known, "acarecipe sandbox rules");
                }
            }
            if let Err(mistakes) = Suite::target(case, Wanted::App) {
                here.all(mistakes, case.name.span);
            }
            let mut with = With::new();
            for run in &case.runs {
                if let Some(given) = &run.with {
                    with.clone_from(given);
                }
                self.check_run(&mut here, recipe, case, run, &with);
            }
            here.start(case);
            found.extend(here.found);
        }
        found.sort_by_key(|one| one.labels.first().map(|label| label.span.start));
        found
    }

    fn check_run(&self, here: &mut Here<'_>, recipe: &Recipe, case: &Case, run: &CaseRun, with: &With) {
        if let Some(caller) = &run.given.caller
            && !CALLERS.iter().any(|(name, _)| *name == caller.value)
        {
            here.unknown("caller", caller, caller.span, CALLERS.iter().map(|(name, _)| *name), "");
        }
        for fault in &run.given.faults {
            if let Err(error) = fault.parse::<Fault>() {
                here.say(codes::SANDBOX_OPTION, fault.span, error.why);
            }
        }
        for edit in &run.given.state {
            if let Edit::Variant { name, with } = &edit.value
                && let Err(error) = edit::variant(name).and_then(|variant| variant.check(with))
            {
                here.found.push(*refused(&error, here.source, name.span));
            }
        }
        let instances = match self.catalogue.instances(&self.asked(case, with)) {
            Ok(instances) => instances,
            Err(mistakes) => return here.all(mistakes, case.name.span),
        };
        let outside = Enclosed { variables: &run.given.variables, folder: self.folder.clone() };
        if let Err(mistakes) = bind(&instances, &[], &outside) {
            // Other mistakes in inputs are what a case may want to see.
            let unknown = mistakes.into_iter().filter(|one| one.code == codes::UNKNOWN_INPUT);
            here.all(unknown.collect(), case.name.span);
        }
        for (name, _) in &run.expect.outputs {
            if !recipe.outputs.contains_key(&name.value) {
                let known = recipe.outputs.keys().map(String::as_str);
                here.unknown("output", name, name.span, known, "");
            }
        }
        for one in run.expect.findings.iter().flat_map(|list| &list.value) {
            if let Some(name) = &one.recipe
                && !instances.iter().any(|instance: &Instance| instance.alias == snake(name))
            {
                let known = instances.iter().map(|instance| instance.alias.as_str());
                here.unknown("recipe in this run", name, one.span, known, "");
            }
        }
    }
}

/// Findings in one file.
struct Here<'a> {
    source: &'a Arc<Source>,
    found: Vec<Diagnostic>,
}

impl Here<'_> {
    /// Changes of the state before the first run, which is always the same.
    fn start(&mut self, case: &Case) {
        let Some(first) = case.runs.first().filter(|_| self.found.is_empty()) else { return };
        if let Err(found) = Azure::new(Switches::default()).edit(self.source, &first.given.state) {
            self.found.push(*found);
        }
    }

    fn say(&mut self, code: Code, span: Span, message: String) {
        self.found.push(Diagnostic::error(code, message).label(self.source, span, ""));
    }

    fn unknown<'k>(
        &mut self,
        what: &str,
        name: &str,
        span: Span,
        known: impl Iterator<Item = &'k str> + Clone,
        fix: &str,
    ) {
        let near = closest(name, known.clone());
        let beside = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let list = known.collect::<Vec<_>>().join(", ");
        let found = Diagnostic::error(codes::BAD_VALUE, format!("there is no {what} `{name}`")).label(
            self.source,
            span,
            beside,
        );
        let found = if list.is_empty() { found } else { found.note(format!("there are {list}")) };
        self.found.push(if fix.is_empty() { found } else { found.fix(fix) });
    }

    /// Takes over findings; one without a place points at the case.
    fn all(&mut self, found: Vec<Diagnostic>, case: Span) {
        for one in found {
            let one = if one.labels.is_empty() { one.label(self.source, case, "in this case") } else { one };
            // Runs of one case say the same again.
            let place = |one: &Diagnostic| one.labels.first().map(|label| label.span);
            if !self.found.iter().any(|have| have.message == one.message && place(have) == place(&one)) {
                self.found.push(one);
            }
        }
    }
}
