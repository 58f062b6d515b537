//! The catalogue's map: which recipe follows which.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::Recipe;

/// The node that stands for an app before any recipe.
pub const BASELINE: &str = "baseline";

/// Recipes and what each follows; those that follow nothing follow the baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// All nodes: the baseline, then the recipes in the catalogue's order.
    pub nodes: Vec<String>,
    /// `(before, after)`, in the order of `after`.
    pub edges: Vec<(String, String)>,
}

impl Graph {
    /// The graph of these recipes. A name under `follows` that is not among them is left out.
    pub fn of<'a>(recipes: impl Iterator<Item = &'a Recipe>) -> Graph {
        let recipes: Vec<&Recipe> = recipes.collect();
        let mut nodes = vec![BASELINE.to_owned()];
        nodes.extend(recipes.iter().map(|recipe| recipe.name.value.clone()));
        let mut edges = Vec::new();
        for recipe in recipes {
            let known = recipe.follows.iter().filter(|name| nodes.contains(&name.value));
            let mut before: Vec<String> = known.map(|name| name.value.clone()).collect();
            if before.is_empty() {
                before.push(BASELINE.to_owned());
            }
            edges.extend(before.into_iter().map(|before| (before, recipe.name.value.clone())));
        }
        Graph { nodes, edges }
    }

    /// The graph as a tree of lines from the baseline. A recipe that follows several stands below
    /// each, its own followers only the first time. `note`: what to say beside a recipe.
    pub fn text(&self, note: impl Fn(&str) -> Option<String>) -> String {
        let mut text = format!("{BASELINE}\n");
        let widest = self.widest(BASELINE, 0, &mut BTreeSet::from([BASELINE]));
        self.below(
            BASELINE,
            "",
            &mut BTreeSet::from([BASELINE]),
            &|node, column| {
                let gap = widest.saturating_sub(column);
                note(node).map_or_else(String::new, |note| format!("{:gap$}  {note}", ""))
            },
            &mut text,
        );
        text
    }

    /// The column in which the longest line of the tree ends.
    fn widest<'a>(&'a self, node: &str, depth: usize, seen: &mut BTreeSet<&'a str>) -> usize {
        let after = self.edges.iter().filter(|(before, _)| before == node);
        let mut widest = 0;
        for (_, name) in after {
            let below = if seen.insert(name) { self.widest(name, depth + 1, seen) } else { 0 };
            widest = widest.max(below).max((depth + 1) * 4 + name.chars().count());
        }
        widest
    }

    fn below<'a>(
        &'a self,
        node: &str,
        indent: &str,
        seen: &mut BTreeSet<&'a str>,
        note: &dyn Fn(&str, usize) -> String,
        text: &mut String,
    ) {
        let after: Vec<&'a str> =
            self.edges.iter().filter(|(before, _)| before == node).map(|(_, after)| after.as_str()).collect();
        for (index, name) in after.iter().enumerate() {
            let last = index + 1 == after.len();
            let (branch, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
            let first_time = seen.insert(name);
            let mark = if first_time {
                note(name, indent.chars().count() + 4 + name.chars().count())
            } else {
                " (above)".to_owned()
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{indent}{branch}{name}{mark}");
            if first_time {
                self.below(name, &format!("{indent}{below}"), seen, note, text);
            }
        }
    }

    /// The graph as a mermaid flowchart. `note`: what to say in a recipe's node.
    pub fn mermaid(&self, note: impl Fn(&str) -> Option<String>) -> String {
        let mut text = String::from("flowchart TD\n");
        for node in &self.nodes {
            if let Some(note) = note(node) {
                // In quotes mermaid takes everything but a quote.
                let _ = writeln!(text, "    {node}[\"{node}<br>{}\"]", note.replace('"', "#quot;"));
            }
        }
        for (before, after) in &self.edges {
            // Names have small letters, digits and hyphens only, which mermaid takes as they are.
            let _ = writeln!(text, "    {before} --> {after}");
        }
        text
    }
}
