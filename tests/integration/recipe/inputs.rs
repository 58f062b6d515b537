//! From flags, variables, files and defaults to values.

use std::collections::HashMap;

use acarecipe::diagnostic::Diagnostic;
use acarecipe::recipe::{
    Asked, Bound, BoundValue, Catalogue, Input, InputOrigin, Instance, Origin, Outside, Project, bind, load,
};
use serde_json::{Value as Json, json};

use super::{HEAD, brief, codes, source};

/// Variables and files of a test.
#[derive(Default)]
struct World {
    variables: HashMap<&'static str, &'static str>,
    files: HashMap<&'static str, &'static str>,
}

impl Outside for World {
    fn input_variable(&self, name: &str) -> Option<String> {
        self.variable(name)
    }
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|text| (*text).to_owned())
    }
    fn file(&self, path: &str) -> Result<String, String> {
        self.files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    }
    fn standard_input(&self) -> Result<String, String> {
        self.file("-")
    }
}

const INPUTS: &str = "\
inputs:
  text: { env: [TEXT, OTHER_TEXT], default: \"${target.app}\" }
  whole: { type: integer }
  number: { type: number }
  flag: { type: boolean }
  time: { type: duration }
  names: { type: list, items: string, env: [NAMES], pattern: '[a-z]+' }
  numbers: { type: list, items: integer }
  pairs: { type: map, values: string, env: [PAIRS] }
  roles: { type: list, items: { role: string, scope?: string } }
  choice: { one_of: [one, two] }
  key: { secret: true, env: [KEY] }
  keys: { type: map, values: string, secret: true }
";

fn instances(texts: &[String]) -> Vec<Instance> {
    let mut catalogue = Catalogue::default();
    let mut asked = Vec::new();
    for text in texts {
        let recipe =
            load(&source(text), Origin::BuiltIn).unwrap_or_else(|found| panic!("{:#?}", brief(&found)));
        asked.push(Asked { recipe: recipe.name.value.clone(), ..Asked::default() });
        catalogue.insert(recipe);
    }
    catalogue.instances(&asked).unwrap()
}

fn mine() -> Vec<Instance> {
    instances(&[HEAD.to_owned() + INPUTS])
}

fn bound(parameters: &[&str], world: &World) -> Result<Bound, Vec<Diagnostic>> {
    let parameters: Vec<String> = parameters.iter().map(|text| (*text).to_owned()).collect();
    bind(&mine(), &parameters, world)
}

fn given(bound: &Bound, input: &str) -> (Json, InputOrigin) {
    let input = bound.get("mine", input).unwrap();
    match &input.value {
        BoundValue::Given(value) => (value.to_json().unwrap(), input.origin.clone()),
        other => panic!("{other:?}"),
    }
}

fn set(parameters: &[&str], input: &str) -> Json {
    let world = World {
        variables: HashMap::from([("NAME", "from env"), ("NUMBER", "7")]),
        files: HashMap::from([
            ("f.txt", "from file\r\n"),
            ("p.json", "{\"a\": \"b\"}\n"),
            ("-", "from stdin\n"),
        ]),
    };
    let bound = bound(parameters, &world).unwrap_or_else(|found| panic!("{found:#?}"));
    given(&bound, input).0
}

#[test]
fn values_take_the_shape_of_their_input() {
    let cases = [
        ("text=a=b ", "text", json!("a=b ")),
        ("text=@f.txt", "text", json!("from file")),
        ("text=@-", "text", json!("from stdin")),
        ("text=@env:NAME", "text", json!("from env")),
        ("mine.text=7", "text", json!("7")),
        ("whole=-7", "whole", json!(-7)),
        ("whole=@env:NUMBER", "whole", json!(7)),
        ("number=1.5", "number", json!(1.5)),
        ("flag=true", "flag", json!(true)),
        ("time=2m", "time", json!("2m")),
        ("names=a, b,,c", "names", json!(["a", "b", "c"])),
        ("names=[\"a\"]", "names", json!(["a"])),
        ("names=", "names", json!([])),
        ("numbers=1,2", "numbers", json!([1, 2])),
        ("pairs={\"a\": \"b\"}", "pairs", json!({"a": "b"})),
        ("pairs=@p.json", "pairs", json!({"a": "b"})),
        (
            "pairs={\"a\": {\"$env\": \"NAME\"}, \"b\": {\"$file\": \"f.txt\"}}",
            "pairs",
            json!({"a": "from env", "b": "from file"}),
        ),
        ("pairs.x.y=@env:NAME", "pairs", json!({"x.y": "from env"})),
        ("numbers=[{\"$env\": \"NUMBER\"}]", "numbers", json!([7])),
        ("roles=[{\"role\": \"Reader\"}]", "roles", json!([{"role": "Reader"}])),
        ("choice=two", "choice", json!("two")),
        ("key=@f.txt", "key", json!("from file")),
        ("keys={\"a\": {\"$env\": \"NAME\"}}", "keys", json!({"a": "from env"})),
    ];
    for (parameter, input, value) in cases {
        assert_eq!(set(&[parameter], input), value, "{parameter}");
    }
    assert_eq!(
        set(&["pairs={\"a\": \"1\"}", "pairs.b=2", "pairs.a=3"], "pairs"),
        json!({"a": "3", "b": "2"})
    );
    assert_eq!(set(&["pairs.b=2", "pairs={\"a\": \"1\"}"], "pairs"), json!({"a": "1"}));
    assert_eq!(set(&["names.0=a", "names.1=b"], "names"), json!(["a", "b"]));
}

#[test]
fn values_of_another_shape_are_refused() {
    let cases = [
        ("whole=1.5", "bad-input", "`whole` of mine, from -p: is `1.5`, not a whole number"),
        ("flag=yes", "bad-input", "`flag` of mine, from -p: is `yes`, not true or false"),
        ("time=5", "bad-input", "`time` of mine, from -p: is `5`, not a duration such as 2m"),
        ("names=A", "bad-input", "`names` of mine, from -p: `A` does not have its form"),
        ("numbers=1,x", "bad-input", "`numbers` of mine, from -p: is `x`, not a whole number"),
        ("pairs=a", "bad-input", "`pairs` of mine, from -p: is not JSON: line 1, column 1"),
        ("pairs={\"a\": 1}", "bad-input", "`pairs` of mine, from -p: a: expected text, found a number"),
        (
            "roles=[{\"rol\": \"x\"}]",
            "bad-input",
            "`roles` of mine, from -p: 0: has no `rol`: did you mean `role`?",
        ),
        ("roles=[{}]", "bad-input", "`roles` of mine, from -p: 0: needs `role`"),
        ("choice=three", "bad-input", "`choice` of mine, from -p: is none of \"one\", \"two\""),
        ("text.x=1", "bad-input", "`text.x` of mine, from -p: has no keys"),
        ("names.1=a", "bad-input", "`names.1` of mine, from -p: the next element of the list is 0"),
        ("text=@gone", "unreadable-input", "`text` of mine: the file gone cannot be read: no such file"),
        ("text=@env:GONE", "unreadable-input", "`text` of mine: the environment variable GONE is not set"),
        ("tex=1", "unknown-input", "no recipe of this run has an input `tex`"),
        ("mine.tex=1", "unknown-input", "mine has no input `tex`"),
        ("hunter2", "bad-input", "a parameter has no `=`"),
        (".x=1", "bad-input", "`.x` is not the name of an input"),
    ];
    for (parameter, code, message) in cases {
        let found = bound(&[parameter], &World::default()).unwrap_err();
        assert_eq!(codes(&found), [code], "{parameter}");
        assert_eq!(found[0].message, message);
    }
}

#[test]
fn a_secret_never_stands_on_the_command_line() {
    for parameter in ["key=hunter2", "keys.a=hunter2", "keys={\"a\": \"hunter2\"}"] {
        let found = bound(&[parameter], &World::default()).unwrap_err();
        assert_eq!(codes(&found), ["secret-on-argv"], "{parameter}");
        assert!(!format!("{found:?}").contains("hunter2"), "{parameter}");
    }
    let world = World { variables: HashMap::from([("KEY", "hunter2")]), ..World::default() };
    let bound = bound(&[], &world).unwrap();
    let key = bound.get("mine", "key").unwrap();
    assert_eq!(key.origin, InputOrigin::Environment("KEY".to_owned()));
    let BoundValue::Given(value) = &key.value else { panic!("{key:?}") };
    assert!(value.contains_secret());
}

#[test]
fn the_order_is_flag_environment_file_requirement_default() {
    let required = HEAD.to_owned() + INPUTS;
    let requiring = HEAD.replace("mine", "top")
        + "requires: [{ recipe: mine, with: { text: \"${target.environment}\" } }]\n";
    let project = Project::load(&source(
        "recipes: [{ recipe: mine, with: { text: from project, pairs: { a: { $env: TEXT } } } }]\n",
    ))
    .unwrap();
    let mut all = instances(&[required, requiring]);
    let resolve = |all: &[Instance], parameters: &[&str], variables: &[(&'static str, &'static str)]| {
        let parameters: Vec<String> = parameters.iter().map(|text| (*text).to_owned()).collect();
        let world = World { variables: variables.iter().copied().collect(), ..World::default() };
        let bound = bind(all, &parameters, &world).unwrap_or_else(|found| panic!("{found:#?}"));
        let input = bound.get("mine", "text").unwrap();
        let value = match &input.value {
            BoundValue::Given(value) => value.as_str().unwrap().to_owned(),
            BoundValue::Expression { scope, .. } => format!("expression of {scope}"),
            BoundValue::Required { wanted, .. } => format!("wanted by {}", wanted[0].by),
            BoundValue::Unset => "unset".to_owned(),
        };
        format!("{value} by {}", input.origin)
    };
    assert_eq!(resolve(&mine(), &[], &[("TEXT", "")]), "expression of mine by default");
    assert_eq!(resolve(&all, &[], &[]), "wanted by top by top");
    all[0].with = project.recipes[0].with.clone();
    let from_file = [("TEXT", ""), ("OTHER_TEXT", "")];
    assert_eq!(resolve(&all, &[], &from_file), "from project by recipe.yaml");
    let both = [("TEXT", ""), ("OTHER_TEXT", "from env")];
    assert_eq!(resolve(&all, &[], &both), "from env by $OTHER_TEXT");
    assert_eq!(resolve(&all, &["text=flag"], &both), "flag by -p");
}

#[test]
fn two_requirements_must_agree() {
    let requiring = |name: &str, value: &str| {
        HEAD.replace("mine", name) + &format!("requires: [{{ recipe: mine, with: {{ text: {value} }} }}]\n")
    };
    let base = HEAD.to_owned() + INPUTS;
    let agree = instances(&[base.clone(), requiring("a", "x"), requiring("b", "x")]);
    assert!(bind(&agree, &[], &World::default()).is_ok());
    let differ = instances(&[base, requiring("a", "x"), requiring("b", "y")]);
    let found = bind(&differ, &[], &World::default()).unwrap_err();
    assert_eq!(found[0].message, "a and b want different values of `text` of mine");
    assert!(bind(&differ, &["text=z".to_owned()], &World::default()).is_ok());
}

#[test]
fn everything_wrong_is_reported_at_once_with_its_fix() {
    let catalogue = Catalogue::built_in().unwrap();
    let asked = [Asked { recipe: "key-vault-reference".to_owned(), ..Asked::default() }];
    let instances = catalogue.instances(&asked).unwrap();
    let parameters = ["replace=maybe", "identiti=create"].map(str::to_owned);
    let found = bind(&instances, &parameters, &World::default()).unwrap_err();
    let fixes: Vec<_> =
        found.iter().map(|one| (one.code.0, one.fix.as_deref().unwrap_or_default())).collect();
    assert_eq!(
        fixes,
        [
            ("unknown-input", "did you mean `identity`?"),
            ("missing-input", "export KEY_VAULT_NAME=…, or -p key_vault=…"),
            ("missing-input", "-p secrets.KEY=…"),
            ("bad-input", ""),
        ]
    );
    for name in ["Db_Password", "-a", "a/1", "a/b/c"] {
        let parameter = format!("secrets.X={name}");
        let found = bind(&instances, &[parameter, "key_vault=kv".to_owned()], &World::default()).unwrap_err();
        assert_eq!(codes(&found), ["bad-input"], "{name}");
    }
}

#[test]
fn a_name_of_two_recipes_needs_the_recipe() {
    let other = HEAD.replace("mine", "other-one") + "inputs: { text: {} }\n";
    let all = instances(&[HEAD.to_owned() + INPUTS, other]);
    let found = bind(&all, &["text=1".to_owned()], &World::default()).unwrap_err();
    assert_eq!(codes(&found), ["ambiguous-input"]);
    assert_eq!(found[0].fix.as_deref(), Some("say which: `mine.text`, `other-one.text`"));
    let bound = bind(&all, &["other-one.text=1".to_owned()], &World::default()).unwrap();
    assert!(matches!(bound.get("other_one", "text").unwrap().value, BoundValue::Given(_)));
    assert!(matches!(bound.get("mine", "text").unwrap().value, BoundValue::Expression { .. }));
}

#[test]
fn variables_feed_only_the_instance_without_alias() {
    let mut all = mine();
    all[0].alias = "second".to_owned();
    let world = World { variables: HashMap::from([("TEXT", "x")]), ..World::default() };
    let bound = bind(&all, &[], &world).unwrap();
    assert_eq!(bound.get("second", "text").unwrap().origin, InputOrigin::Default);
}

#[test]
fn every_input_of_the_built_in_recipes_says_what_it_is_for() {
    let catalogue = Catalogue::built_in().unwrap();
    let undescribed = |input: &&Input| input.description.is_none();
    for recipe in catalogue.recipes() {
        assert!(!recipe.inputs.values().any(|input| undescribed(&input)), "{}", recipe.name.value);
    }
}
