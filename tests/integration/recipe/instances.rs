//! Aliases, and which instances share what they require.

use acarecipe::diagnostic::Diagnostic;
use acarecipe::recipe::{Asked, Catalogue, Instance, Origin, Outside, bind, load};

use super::{HEAD, brief, catalogue, codes, source};

fn asked(texts: &[&str]) -> Vec<Asked> {
    texts.iter().map(|text| Asked::parse(text).unwrap_or_else(|found| panic!("{found:?}"))).collect()
}

fn instances(catalogue: &Catalogue, texts: &[&str]) -> Vec<Instance> {
    catalogue.instances(&asked(texts)).unwrap_or_else(|found| panic!("{:#?}", brief(&found)))
}

fn names(instances: &[Instance]) -> Vec<(&str, &str)> {
    instances.iter().map(|one| (one.alias.as_str(), one.recipe.name.value.as_str())).collect()
}

fn named(name: &str, body: &str) -> acarecipe::recipe::Recipe {
    load(&source(&(HEAD.replace("mine", name) + body)), Origin::BuiltIn).unwrap()
}

struct Nothing;

impl Outside for Nothing {
    fn input_variable(&self, name: &str) -> Option<String> {
        (name == "KEY_VAULT_NAME").then(|| "kv-env".to_owned())
    }
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path}"))
    }
    fn standard_input(&self) -> Result<String, String> {
        Err("none".to_owned())
    }
}

fn bound(texts: &[&str], parameters: &[&str]) -> Result<(), Vec<Diagnostic>> {
    let all = instances(&Catalogue::built_in().unwrap(), texts);
    let parameters: Vec<String> = parameters.iter().map(|text| (*text).to_owned()).collect();
    bind(&all, &parameters, &Nothing).map(|_| ())
}

/// The code and fix of the one mistake.
#[track_caller]
fn only(found: Result<(), Vec<Diagnostic>>) -> (&'static str, String, String) {
    let found = found.unwrap_err();
    assert_eq!(found.len(), 1, "{found:#?}");
    (found[0].code.0, found[0].message.clone(), found[0].fix.clone().unwrap_or_default())
}

#[test]
fn two_aliases_share_what_their_recipe_requires() {
    let catalogue = Catalogue::built_in().unwrap();
    let all = instances(&catalogue, &["key-vault-reference=b", "key-vault-reference=a"]);
    assert_eq!(
        names(&all),
        [
            ("managed_identity", "managed-identity"),
            ("a", "key-vault-reference"),
            ("b", "key-vault-reference")
        ]
    );
    let by: Vec<&str> = all[0].required_by.iter().map(|(by, _)| by.as_str()).collect();
    assert_eq!((by, all[0].asked), (vec!["a", "b"], false));

    // An alias of what is required is one of its own, and stands in for nothing.
    let all = instances(&catalogue, &["key-vault-reference=a", "managed-identity=x"]);
    assert_eq!(names(&all).len(), 3);
    assert!(all.iter().any(|one| one.alias == "managed_identity" && !one.asked));
    assert!(all.iter().any(|one| one.alias == "x" && one.required_by.is_empty()));
}

#[test]
fn a_requirement_under_a_name_is_the_instance_of_that_name() {
    let catalogue = catalogue([named("top", "requires: [{ recipe: managed-identity, as: second-id }]\n")]);
    let all = instances(&catalogue, &["top=a", "top=b", "managed-identity=second_id"]);
    assert_eq!(
        names(&all),
        [("second_id", "managed-identity"), ("a", "top"), ("b", "top")],
        "hyphens and underscores are the same"
    );
    assert!(all[0].asked && all[0].required_by.len() == 2);
    assert_eq!((all[0].name(), all[0].asked_as()), ("second_id", "managed-identity=second_id".to_owned()));
    for texts in [["key-vault-reference=second-id", "top"], ["top", "key-vault-reference=second-id"]] {
        let found = catalogue.instances(&asked(&texts)).unwrap_err();
        assert_eq!(codes(&found), ["name-taken"], "{found:#?}");
        assert!(found[0].fix.as_deref().unwrap().contains("key-vault-reference=second-id-2"), "{found:#?}");
        assert_eq!(found[0].labels.len(), 1, "where it is required");
    }
}

#[test]
fn saying_a_recipe_twice_is_saying_it_once() {
    let catalogue = Catalogue::built_in().unwrap();
    let all =
        instances(&catalogue, &["managed-identity", "managed-identity", "managed-identity=managed-identity"]);
    assert_eq!(names(&all), [("managed_identity", "managed-identity")]);
    assert_eq!(all[0].asked_as(), "managed-identity");
}

#[test]
fn a_diamond_is_walked_once() {
    let catalogue = catalogue([
        named("left", "requires: [managed-identity]\n"),
        named("right", "requires: [managed-identity]\n"),
        named("top", "requires: [left, right]\n"),
    ]);
    let all = instances(&catalogue, &["top"]);
    let order: Vec<&str> = all.iter().map(|one| one.alias.as_str()).collect();
    assert_eq!(order, ["managed_identity", "left", "right", "top"]);
    assert_eq!(all[0].required_by.len(), 2);
}

#[test]
fn aliases_that_cannot_be_meant_are_refused_with_another() {
    let catalogue = Catalogue::built_in().unwrap();
    let cases = [
        (vec!["managed-identity=Web"], "bad-name", "managed-identity=second"),
        (vec!["managed-identity=2nd"], "bad-name", "managed-identity=second"),
        (vec!["managed-identity=a.b"], "bad-name", "managed-identity=second"),
        (vec!["managed-identity=a=b"], "bad-name", "managed-identity=second"),
        (vec!["managed-identity=app"], "name-taken", "managed-identity=app-2"),
        (vec!["managed-identity=it"], "name-taken", "managed-identity=it-2"),
        (
            vec!["managed-identity=key-vault-reference"],
            "name-taken",
            "managed-identity=key-vault-reference-2",
        ),
        (
            vec!["managed-identity=key_vault_reference"],
            "name-taken",
            "managed-identity=key_vault_reference-2",
        ),
        (vec!["managed-identity=a", "managed-identity=a"], "name-taken", "managed-identity=a-2"),
        (vec!["managed-identity=my-a", "managed-identity=my_a"], "name-taken", "managed-identity=my_a-2"),
        (vec!["managed-identity=a", "key-vault-reference=a"], "name-taken", "key-vault-reference=a-2"),
    ];
    for (texts, code, fix) in cases {
        let found = catalogue.instances(&asked(&texts)).unwrap_err();
        assert_eq!(codes(&found), [code], "{texts:?}: {found:#?}");
        assert!(found[0].fix.as_deref().unwrap().contains(fix), "{texts:?}: {found:#?}");
    }
    for text in ["=a", "managed-identity="] {
        let found = Asked::parse(text).unwrap_err();
        assert_eq!(found.code.0, "bad-name", "{text}");
        assert!(found.fix.is_some());
    }
}

#[test]
fn parameters_name_the_instance() {
    let two = ["key-vault-reference=a", "key-vault-reference=b"];
    let enough = ["a.key_vault=x", "b.key-vault=y", "a.secrets.A=a", "b.secrets={\"B\": \"b\"}"];
    bound(&two, &enough).unwrap();
    let with = |parameter: &'static str| [enough.as_slice(), &[parameter]].concat();

    let (code, message, fix) = only(bound(&two, &with("replace=true")));
    assert_eq!((code, message.as_str()), ("ambiguous-input", "`replace` is an input of several recipes"));
    assert_eq!(fix, "say which: `a.replace`, `b.replace`");
    let (_, _, fix) = only(bound(&two, &with("secrets.X=x")));
    assert_eq!(fix, "say which: `a.secrets.X`, `b.secrets.X`");

    let (code, message, fix) = only(bound(&two, &with("key-vault-reference.replace=true")));
    assert_eq!(
        (code, message.as_str()),
        ("unknown-input", "key-vault-reference is in this run as `a`, `b` only")
    );
    assert_eq!(fix, "-p a.replace=…, -p b.replace=…");
    let (_, _, fix) = only(bound(&two, &with("key-vault-reference.replac=true")));
    assert_eq!(fix, "did you mean `replace`?");
    let (_, message, fix) = only(bound(&two, &with("managed-identiti.identity=create")));
    assert_eq!(message, "no recipe of this run is called `managed_identiti` or has an input of this name");
    assert_eq!(fix, "did you mean `managed-identity`?");
    let (_, message, fix) = only(bound(&two, &with("a.replac=true")));
    assert_eq!((message.as_str(), fix.as_str()), ("a has no input `replac`", "did you mean `replace`?"));
    // One that has the input alone needs no name, whatever it is called.
    bound(&["managed-identity=web"], &["identity=create"]).unwrap();
    bound(&["managed-identity=web"], &["web.identity=create"]).unwrap();
}

#[test]
fn an_alias_that_is_also_an_input_is_told_apart() {
    let names = ["key-vault-reference=secrets", "key-vault-reference=b"];
    let parameters = ["secrets.key_vault=x", "b.key_vault=y", "b.secrets.A=a", "secrets.secrets.B=b"];
    let found = bound(&names, &parameters).unwrap_err();
    let ambiguous = found.iter().find(|one| one.code.0 == "ambiguous-input").unwrap();
    assert!(ambiguous.fix.as_deref().unwrap().contains("-p b.secrets.key_vault=…"), "{ambiguous:#?}");
}

#[test]
fn variables_are_for_the_instance_without_an_alias_and_the_fix_says_so() {
    let found = bound(&["key-vault-reference", "key-vault-reference=b"], &[]).unwrap_err();
    let told: Vec<(&str, &str)> =
        found.iter().map(|one| (one.message.as_str(), one.fix.as_deref().unwrap_or_default())).collect();
    assert_eq!(
        told,
        [
            (
                "the input `key_vault` of b is not set",
                "-p b.key_vault=… ($KEY_VAULT_NAME is for key-vault-reference without an alias)"
            ),
            ("the input `secrets` of b is not set", "-p b.secrets.KEY=…"),
            ("the input `secrets` of key-vault-reference is not set", "-p key-vault-reference.secrets.KEY=…"),
        ]
    );
}
