//! The instances of a run: what was asked for and everything it requires, each under one name.
//!
//! Without an alias an instance goes by its recipe's name. What a recipe requires is the instance of
//! that name, or of the name that its `as` gives, whoever requires it: two aliases of one recipe share
//! what the recipe requires. An alias never stands in for what others require under another name.

use std::sync::Arc;

use indexmap::IndexMap;

use super::structure::is_name;
use super::validate::ROOTS;
use super::{Catalogue, Instance, Requirement, With, snake};
use crate::diagnostic::{Code, Diagnostic, Source, Span, codes};

/// A recipe somebody asked for, on the command line or in a project file.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The recipe's name.
    pub recipe: String,
    /// The instance's name; without it the recipe's.
    pub alias: Option<String>,
    /// Inputs set beside it.
    pub with: With,
    /// Where it stands in a project file; `None` for the command line.
    pub place: Option<(Arc<Source>, Span)>,
}

impl Asked {
    /// Reads `recipe` or `recipe=alias`. Whether there is such a recipe, and whether the alias is free,
    /// only [`Catalogue::instances`] can say.
    ///
    /// # Errors
    /// Nothing before or after the `=`.
    pub fn parse(text: &str) -> Result<Asked, Box<Diagnostic>> {
        let (recipe, alias) = match text.split_once('=') {
            Some((recipe, alias)) => (recipe, Some(alias)),
            None => (text, None),
        };
        let refused = |message: String, fix: String| {
            Err(Box::new(Diagnostic::error(codes::BAD_NAME, message).fix(fix)))
        };
        match (recipe, alias) {
            ("", Some(alias)) => refused(
                format!("the alias `{alias}` is for no recipe"),
                "write RECIPE=ALIAS, such as key-vault-reference=second".to_owned(),
            ),
            (recipe, Some("")) => refused(
                format!("`{recipe}=` has no alias"),
                format!("leave out the `=`, or name it: {recipe}=second"),
            ),
            (recipe, alias) => {
                Ok(Asked { recipe: recipe.to_owned(), alias: alias.map(str::to_owned), ..Asked::default() })
            }
        }
    }

    /// The instance's name as expressions spell it.
    pub fn instance(&self) -> String {
        snake(self.written())
    }

    /// The instance's name as it is written.
    fn written(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.recipe)
    }

    /// Whether it goes by another name than its recipe's.
    fn aliased(&self) -> bool {
        self.instance() != snake(&self.recipe)
    }

    fn mistake(&self, code: Code, message: String, fix: String) -> Diagnostic {
        self.label(Diagnostic::error(code, message).fix(fix), "")
    }

    fn label(&self, diagnostic: Diagnostic, text: &str) -> Diagnostic {
        match &self.place {
            Some((source, span)) => diagnostic.label(source, *span, text),
            None => diagnostic,
        }
    }

    /// How the caller would write it under another name.
    fn renamed(&self, alias: &str) -> String {
        if self.place.is_some() { format!("as: {alias}") } else { format!("{}={alias}", self.recipe) }
    }
}

impl Catalogue {
    /// The instances of a run: those asked for and everything they require, each after all it
    /// requires, otherwise by name, so that the order in which they are asked for means nothing. One
    /// that is both asked for and required is one instance, and so is a recipe asked for twice
    /// without an alias.
    ///
    /// # Errors
    /// Unknown recipes, aliases that cannot be meant, one instance name for two recipes, recipes that
    /// require each other.
    pub fn instances(&self, asked: &[Asked]) -> Result<Vec<Instance>, Vec<Diagnostic>> {
        let mut mistakes = self.aliases(asked);
        let mut sorted: Vec<&Asked> = asked.iter().collect();
        sorted.sort_by_key(|one| one.instance());
        let mut closure =
            Closure { catalogue: self, done: IndexMap::new(), chain: Vec::new(), mistakes: Vec::new() };
        for one in sorted {
            let alias = one.instance();
            closure.add(&one.recipe, &alias, one.written(), None);
            if let Some(instance) = closure.done.get_mut(&alias) {
                instance.asked = true;
                one.written().clone_into(&mut instance.written);
                instance.with.extend(one.with.clone());
            }
        }
        mistakes.extend(closure.mistakes);
        if mistakes.is_empty() { Ok(closure.done.into_values().collect()) } else { Err(mistakes) }
    }

    /// What is wrong with the names of those asked for.
    fn aliases(&self, asked: &[Asked]) -> Vec<Diagnostic> {
        let mut mistakes = Vec::new();
        let mut taken: IndexMap<String, &Asked> = IndexMap::new();
        for one in asked {
            let (name, written) = (one.instance(), one.written());
            if one.aliased() {
                mistakes.extend(self.alias(one, &name, written));
            }
            match taken.get(&name) {
                Some(first) if !one.same(first) => mistakes.push(first.twice(one)),
                Some(_) => {}
                None => {
                    taken.insert(name, one);
                }
            }
        }
        mistakes
    }

    /// Why `written` cannot be an alias.
    fn alias(&self, one: &Asked, name: &str, written: &str) -> Option<Diagnostic> {
        let recipe = &one.recipe;
        if !is_name(written, true) {
            let message =
                format!("`{written}` is not an alias: small letters, digits, `_` and `-`, a letter first");
            return Some(one.mistake(codes::BAD_NAME, message, format!("such as {}", one.renamed("second"))));
        }
        let fix = || format!("choose another alias, such as {}", one.renamed(&format!("{written}-2")));
        if ROOTS.iter().any(|root| root.name == name) {
            let message =
                format!("`{written}` has a meaning of its own in every recipe; it cannot be an alias");
            return Some(one.mistake(codes::NAME_TAKEN, message, fix()));
        }
        let other = self.recipes().find(|other| snake(&other.name.value) == name)?;
        let message = format!("`{written}` is the name of a recipe; it cannot be an alias of {recipe}");
        let asked = &other.name.value;
        Some(
            one.mistake(codes::NAME_TAKEN, message, fix()).note(format!(
                "{asked} without an alias is what other recipes mean when they require {asked}"
            )),
        )
    }
}

impl Asked {
    /// Whether two that have one name are one and the same: said twice without an alias, or the same
    /// entry of the project file.
    fn same(&self, other: &Asked) -> bool {
        let entry = |one: &Asked| one.place.as_ref().map(|(source, span)| (Arc::as_ptr(source), *span));
        if self.recipe != other.recipe {
            return false;
        }
        if self.place.is_some() && entry(self) == entry(other) {
            return true;
        }
        !self.aliased() && self.with.is_empty() && other.with.is_empty()
    }

    /// The finding that `second` has the same name.
    fn twice(&self, second: &Asked) -> Diagnostic {
        let name = second.written();
        let message = if self.recipe == second.recipe {
            format!("two instances of {} are named `{name}`", self.recipe)
        } else {
            format!("`{name}` would be both {} and {}", self.recipe, second.recipe)
        };
        let fix = format!("give one of them another name: {}", second.renamed(&format!("{name}-2")));
        let diagnostic = second.label(Diagnostic::error(codes::NAME_TAKEN, message).fix(fix), "");
        self.label(diagnostic, "first here")
    }
}

/// The walk along `requires`.
struct Closure<'a> {
    catalogue: &'a Catalogue,
    done: IndexMap<String, Instance>,
    chain: Vec<String>,
    mistakes: Vec<Diagnostic>,
}

impl Closure<'_> {
    fn add(&mut self, name: &str, alias: &str, written: &str, by: Option<(&Instance, &Requirement)>) {
        if let Some(start) = self.chain.iter().position(|other| other == alias) {
            let mut chain = self.chain[start..].to_vec();
            chain.push(alias.to_owned());
            let message = format!("recipes require each other: {}", chain.join(" → "));
            self.mistakes.push(at(Diagnostic::error(codes::CYCLE, message), by));
            return;
        }
        if !self.done.contains_key(alias) {
            let recipe = match self.catalogue.get(name) {
                Ok(recipe) => Arc::clone(recipe),
                Err(mistake) => {
                    self.mistakes.push(at(*mistake, by));
                    return;
                }
            };
            let instance = Instance {
                recipe,
                alias: alias.to_owned(),
                written: written.to_owned(),
                with: With::new(),
                asked: false,
                required_by: Vec::new(),
            };
            self.chain.push(alias.to_owned());
            for requirement in &instance.recipe.requires {
                let name = &requirement.recipe.value;
                let written = requirement.alias.as_ref().map_or(name, |alias| &alias.written);
                self.add(name, &requirement.instance(), written, Some((&instance, requirement)));
            }
            self.chain.pop();
            self.done.insert(alias.to_owned(), instance);
        }
        let Some(instance) = self.done.get_mut(alias) else {
            return;
        };
        if instance.recipe.name.value == name {
            if let Some((requiring, requirement)) = by {
                instance.required_by.push((requiring.alias.clone(), requirement.clone()));
            }
            return;
        }
        let taken = Taken {
            name: alias.to_owned(),
            recipes: (instance.recipe.name.value.clone(), name.to_owned()),
            asked: instance.asked,
            required: instance.required_by.first().cloned(),
        };
        let mistake = self.taken(&taken, by);
        self.mistakes.extend(mistake);
    }

    /// The finding that one name is two recipes; two that are *asked* for were told of before.
    fn taken(&self, taken: &Taken, by: Option<(&Instance, &Requirement)>) -> Option<Diagnostic> {
        let Taken { name, recipes: (first, second), asked, required } = taken;
        let mut mistake = at(
            Diagnostic::error(codes::NAME_TAKEN, format!("`{name}` would be both {first} and {second}")),
            by,
        );
        if let Some((alias, requirement)) = required {
            let known = self.done.get(alias).map(|instance| &instance.recipe.source);
            let walked = by.filter(|(instance, _)| instance.alias == *alias);
            if let Some(source) = known.or(walked.map(|(instance, _)| &instance.recipe.source)) {
                mistake = mistake.label(source, requirement.recipe.span, "required here");
            }
        }
        match (by, asked) {
            (Some(_), false) => Some(mistake.fix("give one of them another name with `as:`")),
            (None, true) => None,
            _ => {
                let recipe = if by.is_some() { first } else { second };
                Some(
                    mistake
                        .note(format!(
                            "`{name}` is an alias that was asked for, and a name that a recipe requires"
                        ))
                        .fix(format!("choose another alias, such as {recipe}={}-2", name.replace('_', "-"))),
                )
            }
        }
    }
}

/// One name of two recipes.
struct Taken {
    name: String,
    /// The recipe that has it, and the one that would get it.
    recipes: (String, String),
    /// Whether whoever has it was asked for.
    asked: bool,
    /// Why whoever has it is there, when others require it.
    required: Option<(String, Requirement)>,
}

/// The finding at the requirement it comes from, if any.
fn at(diagnostic: Diagnostic, by: Option<(&Instance, &Requirement)>) -> Diagnostic {
    match by {
        Some((instance, requirement)) => {
            diagnostic.label(&instance.recipe.source, requirement.recipe.span, "required here")
        }
        None => diagnostic,
    }
}
