//! `graph`: the map of the catalogue, and with `--live` how far an app has come on it.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::catalogue::Folders;
use super::context::{Context, Flags, Named};
use super::signals::until_signal;
use super::surroundings::Surroundings;
use super::{arguments, judge, recipes, refuse};
use crate::diagnostic::{Diagnostic, codes};
use crate::execute::{Failure, Observed};
use crate::facts::Facts;
use crate::plan::Selection;
use crate::recipe::{Asked, Catalogue, Graph, Instance, Origin, Project, Recipe, bind};
use crate::render::{self, Screen};
use crate::report::{Ending, StandingReport};
use crate::verify::{Standing, standing};

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// What the map looks like
    #[arg(long = "format", id = "graph_format", value_enum, default_value_t, value_name = "FORMAT")]
    map: GraphFormat,
    /// Say of each recipe how much of it is in place on the app; its inputs come from the environment, the
    /// project file and -p
    #[arg(long)]
    live: bool,
    /// Recipes that are looked at though they are not built in, beside those of the project file: RECIPE or
    /// RECIPE=ALIAS
    #[arg(value_name = "RECIPE", requires = "live")]
    named: Vec<String>,
    /// An input: recipe.name[.key]=value; as for plan
    #[arg(short, long = "param", value_name = "NAME=VALUE", requires = "live")]
    parameters: Vec<String>,
    #[command(flatten)]
    folders: Folders,
    #[command(flatten)]
    target: arguments::Target,
    #[command(flatten)]
    sandbox: arguments::SandboxRun,
    #[command(flatten)]
    waiting: arguments::Waiting,
    #[command(flatten)]
    probing: arguments::Probing,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum GraphFormat {
    /// A tree
    #[default]
    Text,
    /// A Mermaid flowchart
    Mermaid,
}

impl GraphArgs {
    /// Whether an app is asked for.
    pub(super) fn live(&self) -> bool {
        self.live
    }

    /// The map alone. Builds no client.
    pub(super) fn draw(self, screen: &Screen) -> Ending {
        if self.sandbox.sandbox
            || self.target.all_apps
            || self.target.resource_group.is_some()
            || !self.target.name.is_empty()
        {
            let found = Diagnostic::error(codes::USAGE, "the map alone has no app")
                .fix("acarecipe graph --live shows what is in place on one");
            return refuse(screen, "graph", self.sandbox.sandbox, &[found], Ending::Usage);
        }
        match self.folders.load() {
            Ok(catalogue) => {
                show(screen, self.map, &catalogue.graph(), None);
                Ending::Ok
            }
            Err(found) => refuse(screen, "graph", false, &found, Ending::Usage),
        }
    }

    /// The map with what is in place.
    pub(super) async fn run(self, output: &arguments::Output, screen: &Screen) -> Ending {
        let sandbox = self.sandbox.sandbox;
        let catalogue = match self.folders.load() {
            Ok(catalogue) => catalogue,
            Err(found) => return refuse(screen, "graph", sandbox, &found, Ending::Usage),
        };
        if self.target.several() {
            let found = Diagnostic::error(codes::USAGE, "the map is of one app").fix("name one with -n");
            return refuse(screen, "graph", sandbox, &[found], Ending::Usage);
        }
        if let Some(found) = self.nobodys(&catalogue) {
            return refuse(screen, "graph", sandbox, &[found], Ending::Usage);
        }
        let meant = match self.meant(&catalogue) {
            Ok(meant) => meant,
            Err(found) => return refuse(screen, "graph", sandbox, &found, Ending::Usage),
        };
        let on = arguments::OnApp {
            recipes: self.folders.recipes(),
            target: self.target.clone(),
            sandbox: self.sandbox.clone(),
            waiting: self.waiting.clone(),
            probing: self.probing.clone(),
        };
        let flags = Flags { command: "graph", on: &on, verbose: output.verbose > 0, recipes: Named::Never };
        let context = match judge::open(&flags, screen).await {
            Ok(context) => context,
            Err(ending) => return ending,
        };
        let selections = self.selections(&catalogue, &meant);
        let foreign: BTreeSet<String> =
            selections.values().flatten().flat_map(|one| recipes::foreign(&one.selection)).collect();
        // Before anything is asked for them.
        for one in &foreign {
            context.progress.clear();
            screen.status(&render::foreign(one));
        }
        let work = Self::look(&context, selections);
        let standings = match until_signal(&context.interrupt, work).await {
            Ok(Ok(Ok(standings))) => standings,
            Ok(Ok(Err(observed))) => {
                let mut report = context.report("graph");
                let ending = judge::verification(&context, screen, &mut report, &observed, false);
                return context.close(screen, report, ending);
            }
            Ok(Err(failure)) => {
                return judge::failed::<()>(&context, screen, context.report("graph"), Ok(Err(failure)));
            }
            Err(ending) => {
                return judge::failed::<()>(&context, screen, context.report("graph"), Err(ending));
            }
        };
        context.progress.clear();
        let live = Live { standings: &standings, sandbox, foreign: &foreign };
        show(screen, self.map, &catalogue.graph(), Some(&live));
        Ending::Ok
    }

    /// A parameter that no recipe has an input for.
    fn nobodys(&self, catalogue: &Catalogue) -> Option<Diagnostic> {
        let lost = self
            .parameters
            .iter()
            .find(|text| !catalogue.recipes().any(|one| concerns(text, &one.name.value, one)))?;
        // The value may be a secret.
        let name = lost.split_once('=').map_or(lost.as_str(), |(name, _)| name);
        let message = format!("no recipe has an input `{}`", crate::value::strip_control(name));
        Some(
            Diagnostic::error(codes::UNKNOWN_INPUT, message)
                .fix("-p recipe.name=value; acarecipe show RECIPE lists inputs"),
        )
    }

    /// What is looked at of each recipe: as it is named, else as the project file has it, else as it is. One that
    /// is not built in only when somebody named it: what it reads and asks for is its author's choice.
    ///
    /// # Errors
    /// Recipes that are not there.
    fn meant(&self, catalogue: &Catalogue) -> Result<Meant, Vec<Diagnostic>> {
        let project = recipes::project(self.sandbox.sandbox)?;
        let entries = project.as_ref().map_or(&[] as &[_], |project| project.recipes.as_slice());
        let mut named: Vec<Asked> = Vec::new();
        if !self.named.is_empty() {
            let all = arguments::Recipes { named: self.named.clone(), ..self.folders.recipes() };
            named = recipes::asked(&all, project.as_ref())?;
        }
        let unknown = named.iter().filter_map(|one| Some(*catalogue.get(&one.recipe).err()?));
        let unknown: Vec<Diagnostic> = unknown.collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let own: BTreeSet<String> = named.iter().chain(entries).map(|one| one.recipe.clone()).collect();
        let recipes = catalogue.recipes().map(|recipe| {
            let name = &recipe.name.value;
            let mut asked: Vec<Asked> = named.iter().filter(|one| one.recipe == *name).cloned().collect();
            if asked.is_empty() {
                asked = recipes::picked(Asked { recipe: name.clone(), ..Asked::default() }, entries);
            }
            (name.clone(), asked)
        });
        Ok(Meant { recipes: recipes.collect(), named: own, project })
    }

    /// What is planned of each recipe, or why nothing is.
    fn selections(&self, catalogue: &Catalogue, meant: &Meant) -> BTreeMap<String, Result<Looked, Standing>> {
        let looked = |name: &str, asked: &[Asked]| {
            let instances = recipes::instances(catalogue, asked, meant.project.as_ref())
                .map_err(|found| Standing::refused(&found, false))?;
            // What a recipe requires is as much its author's as the recipe.
            let mut strange = instances
                .iter()
                .filter(|one| one.recipe.origin != Origin::BuiltIn)
                .map(|one| one.recipe.name.value.as_str())
                .filter(|_| !meant.named.contains(name))
                .collect::<BTreeSet<_>>();
            let itself = strange.remove(name);
            if itself || !strange.is_empty() {
                let first = strange.first().filter(|_| !itself);
                let why = first.map_or_else(String::new, |first| format!("{first} is "));
                return Err(Standing::Unknown(format!("{why}not built in; name it")));
            }
            let aliases = asked.iter().map(Asked::instance).collect();
            match self.bound(instances) {
                Ok(selection) => Ok(Looked { selection, aliases }),
                Err(found) => Err(Standing::refused(&found, recipes::only_missing(&found))),
            }
        };
        meant.recipes.iter().map(|(name, asked)| (name.clone(), looked(name, asked))).collect()
    }

    /// How each recipe stands, on shared facts; the observation itself when there is no app to look at.
    ///
    /// # Errors
    /// Azure could not be asked.
    async fn look(
        context: &Context,
        selections: BTreeMap<String, Result<Looked, Standing>>,
    ) -> Result<Result<BTreeMap<String, Standing>, Box<Observed>>, Failure> {
        let app = context.executor.observe(&context.selection, &context.target, false).await?;
        if app.plan.app.is_null() || app.plan.app.is_unknown() {
            return Ok(Err(Box::new(app)));
        }
        let mut facts: Facts = app.facts;
        let mut standings = BTreeMap::new();
        for (name, looked) in selections {
            let Looked { selection, aliases } = match looked {
                Ok(looked) => looked,
                Err(known) => {
                    standings.insert(name, known);
                    continue;
                }
            };
            let observed = context.executor.observe_from(facts, &selection, &context.target, false).await?;
            standings.insert(name, standing(&observed.plan, &aliases));
            facts = observed.facts;
        }
        Ok(Ok(standings))
    }

    /// One recipe as the environment, the project file and `-p` set it.
    ///
    /// # Errors
    /// Inputs that are missing or wrong.
    fn bound(&self, instances: Vec<Instance>) -> Result<Selection, Vec<Diagnostic>> {
        let own = |text: &&String| instances.iter().any(|one| concerns(text, &one.alias, &one.recipe));
        let parameters: Vec<String> = self.parameters.iter().filter(own).cloned().collect();
        let inputs = bind(&instances, &parameters, &Surroundings { sandbox: self.sandbox.sandbox })?;
        Ok(Selection { instances, inputs })
    }
}

/// What is looked at.
struct Meant {
    /// Each recipe of the catalogue, with the instances that are looked at.
    recipes: Vec<(String, Vec<Asked>)>,
    /// The recipes that somebody named.
    named: BTreeSet<String>,
    project: Option<Project>,
}

/// One recipe that is planned.
struct Looked {
    selection: Selection,
    /// Under which names it stands in it.
    aliases: Vec<String>,
}

/// What is in place, and of whom.
struct Live<'l> {
    standings: &'l BTreeMap<String, Standing>,
    sandbox: bool,
    /// Recipes that are not built in, as a plan names them.
    foreign: &'l BTreeSet<String>,
}

/// Whether a parameter is for a recipe under this name.
fn concerns(text: &str, alias: &str, recipe: &Recipe) -> bool {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    let first = crate::recipe::snake(name.split('.').next().unwrap_or_default());
    first == crate::recipe::snake(alias) || recipe.inputs.contains_key(&first)
}

/// Shows the map, with what is in place where that is known.
fn show(screen: &Screen, map: GraphFormat, graph: &Graph, live: Option<&Live<'_>>) {
    let told: BTreeMap<&str, StandingReport> = live
        .iter()
        .flat_map(|live| live.standings.iter())
        .map(|(name, standing)| (name.as_str(), StandingReport::from(standing)))
        .collect();
    if screen.for_machines() {
        let mut document = json!({ "nodes": graph.nodes, "edges": graph.edges });
        if let Some(live) = live {
            document["live"] = json!(told);
            document["sandbox"] = json!(live.sandbox);
            if !live.foreign.is_empty() {
                document["foreignRecipes"] = json!(live.foreign);
            }
        }
        screen.document(document);
        return;
    }
    let note = |node: &str| told.get(node).map(render::standing);
    screen.text(&match map {
        GraphFormat::Text => graph.text(note),
        GraphFormat::Mermaid => graph.mermaid(note),
    });
}
