//! The reference for people who write recipes, as Markdown: made from the tables that the reader, lint and
//! the evaluator work by, so that it says what they do.

use std::fmt::Write;

use super::grammar::{Kind, RECIPE, TYPES, Table};
use super::validate::{DIRECTIVES, ROOTS};
use crate::azure::types::{self, ListKind, Update};
use crate::diagnostic::codes;
use crate::expression::functions::FUNCTIONS;

/// What each type of input takes.
const INPUT_TYPES: &[(&str, &str)] = &[
    ("string", "text"),
    ("integer", "a whole number"),
    ("number", "a number"),
    ("boolean", "`true` or `false`"),
    ("duration", "text such as `90s`, `2m`, `1h30m`"),
    ("path", "a file or folder, relative to where the command runs"),
    (
        "file",
        "the content of a file that the caller names, of at most 1 MiB: `-p name=PATH`, which is no secret even where the \
         content is one, `@-`, `@env:NAME`; text as it is, other bytes as base64; an environment variable and the \
         default hold the path",
    ),
    ("list", "JSON, or values with commas between; `items` says of what"),
    ("map", "JSON, or key by key; `values` says of what"),
];

/// The whole page.
pub fn recipe_reference() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## Keys\n\nWhat a `recipe.yaml` can say, place by place. **Bold** keys are required.\n");
    for table in tables() {
        keys(&mut page, table);
    }
    page.push_str("\n## Types of inputs\n\n| type | takes |\n| --- | --- |\n");
    for (name, takes) in INPUT_TYPES.iter().filter(|(name, _)| TYPES.contains(name)) {
        let _ = writeln!(page, "| `{name}` | {takes} |");
    }
    page.push_str(STEPS);
    resources(&mut page);
    page.push_str(FRAGMENTS);
    for (word, meaning) in DIRECTIVES {
        let _ = writeln!(page, "| `{word}` | {meaning} |");
    }
    page.push_str("\n## Roots\n\nNames that an expression starts from; hyphens of names are underscores in expressions.\n\n");
    page.push_str("| root | where | what it holds |\n| --- | --- | --- |\n");
    for root in ROOTS.iter().filter(|root| !root.holds.is_empty()) {
        let _ = writeln!(page, "| `{}` | {} | {} |", root.name, root.place, root.holds);
    }
    page.push_str("| a name of `existing` | everywhere | what was read; null when it is optional and not there; below its own `for_each` the element of the round |\n");
    page.push_str("| an instance of `requires` | everywhere | the outputs of that recipe |\n");
    page.push_str(FUNCTIONS_HEAD);
    for function in FUNCTIONS {
        let (call, result) = function.example;
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | `` {} `` → `{}` |",
            function.usage(),
            function.returns.name(),
            function.doc.replace('|', "\\|"),
            call.replace('|', "\\|"),
            result.replace('|', "\\|"),
        );
    }
    page.push_str("\n## Findings\n\nThe codes of what the program says about recipes; `lint` shows each with its place.\n\n| code | finding |\n| --- | --- |\n");
    for (code, description) in codes::OF_RECIPES {
        let _ = writeln!(page, "| `{}` | {description} |", code.0);
    }
    page.push_str(STRANGERS);
    page
}

/// The tables, each once, the outer before those it refers to.
fn tables() -> Vec<&'static Table> {
    fn below(kind: Kind, found: &mut Vec<&'static Table>) {
        match kind {
            Kind::List(item) | Kind::Map(item) | Kind::Named(item) => below(*item, found),
            Kind::Object(table) | Kind::RecipeOr(table) | Kind::TextOr(table) | Kind::NeverOr(table) => {
                add(table, found);
            }
            _ => {}
        }
    }
    fn add(table: &'static Table, found: &mut Vec<&'static Table>) {
        if found.iter().any(|one| one.what == table.what) {
            return;
        }
        found.push(table);
        for key in table.keys {
            below(key.kind, found);
        }
    }
    let mut found = Vec::new();
    add(&RECIPE, &mut found);
    found
}

fn keys(page: &mut String, table: &Table) {
    let mut title: String = table.what.to_owned();
    if let Some(first) = title.get(..1) {
        title = first.to_ascii_uppercase() + title.get(1..).unwrap_or_default();
    }
    let _ = writeln!(page, "\n### {title}\n\n| key | holds | |\n| --- | --- | --- |");
    for key in table.keys {
        let name = if key.required { format!("**`{}`**", key.name) } else { format!("`{}`", key.name) };
        let _ = writeln!(page, "| {name} | {} | {} |", word(key.kind), key.doc);
    }
    if !table.exactly_one.is_empty() {
        let names: Vec<String> = table.exactly_one.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(page, "\nExactly one of {}.", names.join(", "));
    }
}

/// What may stand at a place, in words.
fn word(kind: Kind) -> String {
    match kind {
        Kind::RecipeName => "a recipe's name: small letters, digits, `-`".to_owned(),
        Kind::Id => "a name: small letters, digits, `-`, `_`".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Expr => "text or `${…}`".to_owned(),
        Kind::Fragment => "anything; keys and texts may hold `${…}`".to_owned(),
        Kind::Json => "anything, taken as it is".to_owned(),
        Kind::Url => "an https address".to_owned(),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Duration => "a duration: `90s`, `2m`, `1h30m`".to_owned(),
        Kind::DurationExpr => "a duration (`90s`, `2m`), or `${…}`".to_owned(),
        Kind::CountExpr => "a whole number from 1, or `${…}`".to_owned(),
        Kind::Statuses => "a list of codes and ranges (`200`, `200-299`), or `${…}`".to_owned(),
        Kind::Headers => "a map of a header's name to text or `${…}`".to_owned(),
        Kind::Regex => "a regular expression".to_owned(),
        Kind::EnvName => "an environment variable's name".to_owned(),
        Kind::ResourceType => "`Namespace/type` or `Namespace/type@version`".to_owned(),
        Kind::Action => {
            let effects: Vec<String> = types::effects().map(|name| format!("`{name}`")).collect();
            format!(
                "an action that only reads (letters, beginning with `list`, `get` or `check`), or {}",
                effects.join(", ")
            )
        }
        Kind::Question => {
            let names: Vec<String> = types::questions().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        }
        Kind::Shape => "a type, or a map of member to type (`name?` may be missing)".to_owned(),
        Kind::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Kind::List(item) => format!("a list, each {}", word(*item)),
        Kind::Map(item) => format!("a map of name to {}", word(*item)),
        Kind::Object(table) => link(table),
        Kind::RecipeOr(table) => format!("a recipe's name, or {}", link(table)),
        Kind::TextOr(table) => format!("text, or {}", link(table)),
        Kind::NeverOr(table) => format!("`never`, or {}", link(table)),
        Kind::Named(item) => format!("a map of any text to {}", word(*item)),
        Kind::Count => "a whole number from 0".to_owned(),
        Kind::Query => "one JMESPath query, without `${}`".to_owned(),
    }
}

fn link(table: &Table) -> String {
    format!("[{}](#{})", table.what, table.what.replace(' ', "-"))
}

/// What steps can write, and what is known of it.
fn resources(page: &mut String) {
    page.push_str("\n### Types of resources\n\nA step writes only types that are listed as written. A lookup reads any type; one that is not listed needs its `@version`.\n\n| type | versions | `resource` | never returned |\n| --- | --- | --- | --- |\n");
    for row in types::ALL {
        let written = match row.update {
            _ if !super::validate::is_written(row) => "",
            Update::Patch => "changed in part",
            _ => "written whole",
        };
        let versions: Vec<String> = row.versions.iter().map(|version| format!("`{version}`")).collect();
        let hidden: Vec<String> = row.write_only.iter().map(|path| format!("`{path}`")).collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {written} | {} |",
            row.name,
            versions.join(", "),
            hidden.join(", ")
        );
    }
    page.push_str("\n### Lists of an app\n\n| list | elements are told apart by |\n| --- | --- |\n");
    let app = types::find("Microsoft.App/containerApps");
    for (path, kind) in app.map_or(&[] as &[_], |app| app.lists) {
        let by = match kind {
            ListKind::Map(keys) => keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "),
            ListKind::Set => "themselves".to_owned(),
            ListKind::Atomic => "nothing: one value".to_owned(),
        };
        let _ = writeln!(page, "| `{path}` | {by} |");
    }
}

const HEAD: &str = "\
<!-- Made by the program: `acarecipe schema --reference`. To bring it up to date after a change:
     ACARECIPE_BLESS=1 cargo test reference -->
# Recipe reference

`acarecipe lint` checks all of this, `acarecipe schema` prints it as a JSON Schema for editors.
";

const STEPS: &str = "
## Steps

| kind | owns |
| --- | --- |
| `container_app` | exactly the properties of the app that its fragment names; everything else stays as it is |
| `resource` | the properties that `body` names; with an empty body, that the resource is there |
| `role_assignment` | that the principal has the role at the scope, or at a wider one |
| `action` that reads | nothing: its answer is asked for right before a write that needs it, and by no plan or verification |
| `action` with an effect | that it is sent when it is due; `steps.NAME` is its answer, in this run |
| `wait` | that something is as `until` says; `steps.NAME` is what was read |

With `match` a `resource` is found by what is in it: what is equal on these paths is the resource, of several the first by
name. Where nothing is, it is made under `name`. A write-only property, such as a key, counts as in place where the
resource is there: nothing tells whether it is the same. It is sent when the resource is written for another reason.

An action with an effect is a write: planned, shown, approved, sent once when its turn comes, after what the run writes
to the resource. When it is due is said by `when`, from what is there, so that it is not once it is done; or by
`triggered_by`: one of these steps wrote in this run, or in one before it that was interrupted or failed, as its
journal says. Azure does not tell: where there is no journal (another machine, another command) the step is in place and the
action is not sent. Where that matters, say it by `when`. An action whose answer was lost is sent again if it is still due; with
`retry: never` the run stops instead, says how to look, and the next run decides by what is there. In one run it is sent
once, even if `when` still holds right after. What it began and that failed, or of which nobody can tell how it ends, ends
the run. Where steps that want the same are one request, `retry: never` of one holds for it. Its `body` is shown and
approved like any property.

A wait costs nothing where `until` holds already. Else the run looks again and again until it does, and ends with the
reason when `fails_when` holds, the time is over, or it may not look; what comes `after` it is not done before. Each look
reads anew all that it is judged by; one that fails is made again. Where `steps.NAME` of an action says what to wait for,
and the action was sent and did not say it, the run ends; where it was not due, there is nothing to wait for. A verification does not
wait: what does not hold has failed.

Steps that refer to each other are ordered by that; `after` says the rest. What can go together goes in one write.
";

const FRAGMENTS: &str = "
## Fragments

A fragment is laid over what is there. Objects are merged by key, lists by the table above. `null` owns nothing. An
element of `containers` must be there already, unless it carries `image`. What a plain value cannot say is said by a
directive, `{ $patch: WORD, value: … }`, in the place of the value:

| `$patch` | meaning |
| --- | --- |
";

const FUNCTIONS_HEAD: &str = "
## Functions

`${…}` holds JMESPath. Alone in a text it keeps its type; within text it gives text, and null makes the whole text null.
`$${` is a literal `${`. Literals stand in backticks (`` `80` ``, `` `true` ``), raw strings in single quotes, names with a
hyphen in double quotes. Within `[?…]` names are those of the element; `root()` leads back to the document. A function
that is given null gives null.

| call | gives | | example |
| --- | --- | --- | --- |
";

const STRANGERS: &str = "
## What no recipe may do

- Put a secret input, or what others keep in a variable of an app, anywhere but in a property that Azure never returns;
  nor let what is in a secret input decide what is written. Whether one is given may count.
- Give a role, or a type's own kind of it, to a principal that stands in a recipe: it comes from the identity of the app, from a resource that the run
  writes or the caller names, or from an input.
- Give Owner, User Access Administrator, Role Based Access Control Administrator, or a role whose actions can give roles.
- Use the answer of an `action` that reads, which is always a secret, otherwise than a secret input; send an action with an effect that is not listed above.
- Write types and properties that give rights in other ways (everything below `Microsoft.Authorization` and
  `Microsoft.Resources`, federated credentials, access policies), or types that are not in the table above.
- Read environment variables that hold credentials of the caller.
- Bring files from outside its folder.
- Go round a loop more than 1000 times.

What others keep in a variable may decide what is written, though never be written: a recipe may look whether a variable
has some value. Of a type that is not in the table what looks like a secret by its name, and every value of a variable,
counts as somebody else's. A lookup that gives a principal is one whose name the caller gives or that stands in the
recipe without an id.
";
