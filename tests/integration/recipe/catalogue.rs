//! Which recipes there are, and which a run has.

use std::path::PathBuf;

use acarecipe::recipe::{Asked, Catalogue, Origin};

use super::{HEAD, brief, catalogue, codes, recipe};

fn named(name: &str, body: &str) -> acarecipe::recipe::Recipe {
    let text = HEAD.replace("mine", name) + body;
    acarecipe::recipe::load(&super::source(&text), Origin::BuiltIn).unwrap()
}

fn ask(recipes: &[&str]) -> Vec<Asked> {
    let asked = |name: &&str| Asked { recipe: (*name).to_owned(), ..Asked::default() };
    recipes.iter().map(asked).collect()
}

fn aliases(catalogue: &Catalogue, asked: &[Asked]) -> Vec<String> {
    let instances = catalogue.instances(asked).unwrap_or_else(|found| panic!("{:#?}", brief(&found)));
    instances.into_iter().map(|instance| instance.alias).collect()
}

#[test]
fn what_is_required_comes_first_and_once() {
    let catalogue =
        catalogue([named("top", "requires: [key-vault-reference, managed-identity]\n"), named("alone", "")]);
    assert_eq!(
        aliases(&catalogue, &ask(&["alone", "top", "managed-identity"])),
        ["alone", "managed_identity", "key_vault_reference", "top"]
    );
    let instances = catalogue.instances(&ask(&["key-vault-reference"])).unwrap();
    assert!(!instances[0].asked && instances[1].asked);
    assert_eq!(instances[0].required_by[0].0, "key_vault_reference");
}

#[test]
fn an_alias_is_an_instance_of_its_own() {
    let catalogue = catalogue([named("top", "requires: [{ recipe: managed-identity, as: second-id }]\n")]);
    assert_eq!(
        aliases(&catalogue, &ask(&["managed-identity", "top"])),
        ["managed_identity", "second_id", "top"]
    );
}

#[test]
fn what_cannot_be_a_run_is_refused() {
    let catalogue = catalogue([
        named("a", "requires: [b]\n"),
        named("b", "requires: [c]\n"),
        named("c", "requires: [a]\n"),
        named(
            "d",
            "requires: [{ recipe: managed-identity, as: key-vault-reference }, key-vault-reference]\n",
        ),
        named("e", "requires: [managed-identiti]\n"),
    ]);
    let refused = |name: &str| catalogue.instances(&ask(&[name])).unwrap_err();
    let circle = refused("a");
    assert_eq!(brief(&circle), [r#"cycle 5 "a" required here"#]);
    assert_eq!(circle[0].message, "recipes require each other: a → b → c → a");
    assert_eq!(codes(&refused("d")), ["name-taken"]);
    let unknown = refused("e");
    assert_eq!(brief(&unknown), [r#"unknown-recipe 5 "managed-identiti" required here"#]);
    assert_eq!(unknown[0].fix.as_deref(), Some("did you mean `managed-identity`?"));
    assert_eq!(codes(&refused("nowhere")), ["unknown-recipe"]);
}

#[test]
fn folders_add_recipes_but_take_no_name_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let add = |sub: &str, text: String| {
        std::fs::create_dir_all(folder.path().join(sub)).unwrap();
        std::fs::write(folder.path().join(sub).join("recipe.yaml"), text).unwrap();
    };
    add("x", HEAD.to_owned() + "follows: [managed-identity]\n");
    std::fs::create_dir_all(folder.path().join("not-a-recipe")).unwrap();
    let folders = [folder.path().to_owned()];
    let catalogue = Catalogue::load(&folders, false).unwrap();
    let mine = catalogue.get("mine").unwrap();
    assert_eq!(mine.origin, Origin::Folder(folder.path().join("x")));
    assert_eq!(catalogue.page(mine).unwrap(), None);

    add("y", HEAD.replace("mine", "managed-identity"));
    assert_eq!(
        brief(&Catalogue::load(&folders, false).unwrap_err()),
        [r#"recipe-exists 1 "managed-identity""#]
    );
    let overridden = Catalogue::load(&folders, true).unwrap();
    assert!(matches!(overridden.get("managed-identity").unwrap().origin, Origin::Folder(_)));

    // Two of a folder never share a name, and a stranger's recipe is validated before it can run.
    add("y", HEAD.to_owned());
    add(
        "z",
        HEAD.replace("mine", "greedy")
            + "steps: [{ id: a, role_assignment: { role: Owner, principal: \"${app.identity.principalId}\", scope: \"${app.id}\" } }]\n",
    );
    assert_eq!(
        brief(&Catalogue::load(&folders, true).unwrap_err()),
        [r#"recipe-exists 1 "mine""#, r#"forbidden-role 5 "Owner""#]
    );
    let nowhere = [PathBuf::from("/no/such/folder")];
    assert_eq!(codes(&Catalogue::load(&nowhere, false).unwrap_err()), ["unreadable-file"]);
}

#[test]
fn the_map_is_drawn_from_the_baseline() {
    let mut catalogue = Catalogue::default();
    for recipe in [
        named("storage", ""),
        named("identity", ""),
        named("vault", "follows: [identity]\n"),
        named("both", "follows: [storage, identity, not-built-yet]\n"),
        named("last", "follows: [both]\n"),
    ] {
        catalogue.insert(recipe);
    }
    let graph = catalogue.graph();
    assert_eq!(
        graph.text(|_| None),
        "\
baseline
├── storage
│   └── both
│       └── last
└── identity
    ├── vault
    └── both (above)
"
    );
    assert_eq!(
        graph.mermaid(|_| None),
        "\
flowchart TD
    baseline --> storage
    baseline --> identity
    identity --> vault
    storage --> both
    identity --> both
    both --> last
"
    );
    // `mine` follows itself: drawn nowhere, never endless.
    let mut odd = Catalogue::default();
    odd.insert(recipe("follows: [mine]\n"));
    assert_eq!(odd.graph().text(|_| None), "baseline\n");
}
