//! `list` and `show`: the catalogue. Nothing here builds a client.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{arguments, refuse};
use crate::diagnostic::{Diagnostic, quote};
use crate::recipe::{Catalogue, Complexity, Goal, Recipe};
use crate::render::{self, Screen};
use crate::report::{Ending, rights};
use crate::value::strip_control;

/// Further recipes.
#[derive(Debug, Args)]
pub(super) struct Folders {
    /// A folder of further recipes (each in a folder with recipe.yaml)
    #[arg(long = "recipes", value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Let a recipe of --recipes take the place of a built-in one
    #[arg(long)]
    allow_override: bool,
}

impl Folders {
    pub(super) fn load(&self) -> Result<Catalogue, Vec<Diagnostic>> {
        Catalogue::load(&self.folders, self.allow_override)
    }

    /// The same arguments, with no recipe named.
    pub(super) fn recipes(&self) -> arguments::Recipes {
        arguments::Recipes {
            named: Vec::new(),
            parameters: Vec::new(),
            folders: self.folders.clone(),
            allow_override: self.allow_override,
        }
    }

    /// The same arguments for another command line, with a space before each.
    pub(super) fn again(&self) -> String {
        let folders =
            self.folders.iter().map(|one| format!(" --recipes {}", quote(&one.display().to_string())));
        let allowed = if self.allow_override { " --allow-override" } else { "" };
        folders.collect::<String>() + allowed
    }
}

/// What a recipe is good for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    /// Deployment safety
    Safety,
    /// Security posture
    Security,
    /// Integration velocity
    Velocity,
}

impl From<For> for Goal {
    fn from(value: For) -> Goal {
        match value {
            For::Safety => Goal::Safety,
            For::Security => Goal::Security,
            For::Velocity => Goal::Velocity,
        }
    }
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only recipes for this bottleneck
    #[arg(long = "for", value_enum, value_name = "GOAL")]
    goal: Option<For>,
    #[command(flatten)]
    folders: Folders,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The recipe
    recipe: String,
    /// Print its page instead
    #[arg(long)]
    page: bool,
    #[command(flatten)]
    folders: Folders,
}

impl List {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        let catalogue = match self.folders.load() {
            Ok(catalogue) => catalogue,
            Err(found) => return refuse(screen, "list", false, &found, Ending::Usage),
        };
        let goal = self.goal.map(Goal::from);
        let recipes: Vec<&Recipe> = catalogue
            .recipes()
            .map(AsRef::as_ref)
            .filter(|recipe: &&Recipe| goal.is_none_or(|goal| recipe.goals.contains(&goal)))
            .collect();
        if screen.for_machines() {
            let list: Vec<_> = recipes.iter().map(|recipe| summary(recipe)).collect();
            screen.document(json!(list));
        } else {
            screen.text(&render::recipe_list(recipes.into_iter()));
        }
        Ending::Ok
    }
}

impl Show {
    pub(super) fn run(self, screen: &Screen) -> Ending {
        let catalogue = match self.folders.load() {
            Ok(catalogue) => catalogue,
            Err(found) => return refuse(screen, "show", false, &found, Ending::Usage),
        };
        let recipe = match catalogue.get(&self.recipe) {
            Ok(recipe) => recipe,
            Err(found) => return refuse(screen, "show", false, &[*found], Ending::Usage),
        };
        if self.page {
            let page = match catalogue.page(recipe) {
                Ok(page) => page.unwrap_or_else(|| format!("{} has no page\n", recipe.name.value)),
                Err(found) => return refuse(screen, "show", false, &[*found], Ending::Failed),
            };
            if screen.for_machines() {
                screen.document(json!({ "name": recipe.name.value, "page": page }));
            } else {
                let lines = page.lines().map(|line| strip_control(&line.replace('\t', "    ")) + "\n");
                screen.text(&lines.collect::<String>());
            }
            return Ending::Ok;
        }
        if screen.for_machines() {
            let mut shown = summary(recipe);
            shown["requires"] =
                json!(recipe.requires.iter().map(|one| &one.recipe.value).collect::<Vec<_>>());
            shown["inputs"] = recipe
                .inputs
                .values()
                .map(|input| {
                    json!({
                        "name": input.id.written,
                        "required": input.required,
                        "secret": input.secret,
                        "env": input.env,
                        "description": input.description,
                    })
                })
                .collect();
            shown["steps"] = recipe.steps.iter().map(|step| json!(step.id.written)).collect();
            shown["rights"] = json!(rights(recipe));
            shown["outputs"] = json!(recipe.outputs.keys().collect::<Vec<_>>());
            screen.document(shown);
        } else {
            screen.text(&render::recipe_page(recipe, screen.width()));
        }
        Ending::Ok
    }
}

fn summary(recipe: &Recipe) -> serde_json::Value {
    let complexity = match recipe.complexity {
        Complexity::Low => "low",
        Complexity::Medium => "medium",
        Complexity::High => "high",
    };
    let goals: Vec<&str> = recipe
        .goals
        .iter()
        .map(|goal| match goal {
            Goal::Safety => "safety",
            Goal::Security => "security",
            Goal::Velocity => "velocity",
        })
        .collect();
    json!({
        "name": recipe.name.value,
        "title": recipe.title,
        "category": recipe.category,
        "complexity": complexity,
        "goals": goals,
        "follows": recipe.follows.iter().map(|one| &one.value).collect::<Vec<_>>(),
        "docs": recipe.docs,
    })
}
