//! The recipes that come with the program: what their expressions say on apps as Azure shows them.

use acarecipe::expression::{Scope, Tree};
use acarecipe::recipe::{Catalogue, Check, Recipe, StepKind, validate};
use acarecipe::value::{Data, Value};
use serde_json::{Value as Json, json};

#[test]
fn built_in_recipes_load_and_mean_something() {
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    for recipe in catalogue.recipes() {
        let mistakes = validate(recipe, &catalogue);
        assert!(mistakes.is_empty(), "{:#?}", super::brief(&mistakes));
        assert!(catalogue.page(recipe).unwrap().is_some_and(|page| page.starts_with("# ")));
    }
}

/// A recipe on a document: variables and outputs are evaluated, everything else is looked up.
struct World<'a> {
    recipe: &'a Recipe,
    document: &'a Json,
    each: Option<(String, Json)>,
}

impl Scope for World<'_> {
    fn lookup(&self, root: &str, field: Option<&str>) -> Option<Value> {
        let tree =
            |tree: &Tree| tree.evaluate(self).unwrap_or_else(|error| panic!("{root}.{field:?}: {error}"));
        match (root, field) {
            ("variables", Some(name)) => self.recipe.variables.get(name).map(|one| tree(&one.value)),
            ("outputs", Some(name)) => self.recipe.outputs.get(name).map(|one| tree(&one.value)),
            ("each", None) => {
                let (key, value) = self.each.clone()?;
                Some(Value::from(json!({ "key": key, "value": value })))
            }
            ("each", Some(_)) => self.lookup(root, None)?.get(field?).cloned(),
            (root, None) => self.document.get(root).cloned().map(Value::from),
            (root, Some(field)) => self.document.get(root)?.get(field).cloned().map(Value::from),
        }
    }
}

impl World<'_> {
    fn json(&self, tree: &Tree) -> Json {
        tree.evaluate(self).unwrap().to_json().unwrap()
    }

    fn output(&self, name: &str) -> Json {
        self.lookup("outputs", Some(name)).unwrap().to_json().unwrap()
    }

    /// Every element of `for_each`, as a world of its own; without it this one.
    fn elements(&self, for_each: Option<&acarecipe::recipe::Expr>) -> Vec<World<'_>> {
        let world = |each| World { recipe: self.recipe, document: self.document, each };
        let Some(for_each) = for_each else {
            return vec![world(None)];
        };
        match for_each.evaluate(self).unwrap().data {
            Data::List(list) => list
                .iter()
                .enumerate()
                .map(|(index, value)| world(Some((index.to_string(), value.to_json().unwrap()))))
                .collect(),
            Data::Map(map) => {
                map.iter().map(|(key, value)| world(Some((key.clone(), value.to_json().unwrap())))).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn holds(&self, expression: Option<&acarecipe::recipe::Expr>) -> bool {
        expression.is_none_or(|expression| expression.evaluate(self).unwrap().truthy().unwrap())
    }

    /// The names of prerequisites that fail, once for each element.
    fn failing(&self) -> Vec<String> {
        let fails = |check: &&Check| {
            let count = self
                .elements(check.for_each.as_ref())
                .iter()
                .filter(|world| world.holds(check.when.as_ref()) && !world.holds(Some(check.subject())))
                .map(|world| {
                    let words = check.otherwise.as_ref().unwrap().evaluate(world).unwrap();
                    assert!(words.as_str().is_some(), "{:?} has a null part", check.otherwise);
                    if let Some(fix) = &check.fix {
                        assert!(fix.evaluate(world).unwrap().as_str().is_some(), "{fix:?} has a null part");
                    }
                })
                .count();
            count > 0
        };
        let names = self.recipe.prerequisites.iter().filter(fails);
        names.map(|check| check.name.as_ref().unwrap().text().to_owned()).collect()
    }

    /// The fragments of the app that apply, by step.
    fn fragments(&self) -> Vec<(String, Json)> {
        let mut all = Vec::new();
        for step in &self.recipe.steps {
            for world in self.elements(step.for_each.as_ref()) {
                if let (StepKind::ContainerApp(fragment), true) =
                    (&step.kind, world.holds(step.when.as_ref()))
                {
                    all.push((step.id.written.clone(), world.json(fragment)));
                }
            }
        }
        all
    }
}

fn with<T>(recipe: &str, document: &Json, run: impl FnOnce(&World<'_>) -> T) -> T {
    let catalogue = Catalogue::built_in().unwrap();
    let recipe = catalogue.get(recipe).unwrap();
    run(&World { recipe, document, each: None })
}

fn identity(identity: Json) -> Json {
    json!({
        "inputs": { "identity": identity, "roles": [] },
        "target": { "app": "web", "resource_group": "rg", "location": "westeurope" },
        "app": { "id": "/app" },
        "container": { "name": "main", "env": [{ "name": "AZURE_CLIENT_ID", "value": "" }] },
        "steps": {
            "system": { "identity": { "principalId": "system principal" } },
            "create": { "id": "/id-web", "properties": { "principalId": "created principal", "clientId": "created client" } }
        },
        "named": { "id": "/one", "properties": { "principalId": "one principal", "clientId": "one client" } },
        "other": { "id": "/two" },
        "system_identity": { "properties": { "clientId": "system client" } }
    })
}

#[test]
fn a_system_identity_touches_no_template() {
    with("managed-identity", &identity(json!(["system"])), |world| {
        assert_eq!(world.failing(), [] as [&str; 0]);
        assert_eq!(
            world.fragments(),
            [("system".to_owned(), json!({ "identity": { "type": "SystemAssigned" } }))]
        );
        assert_eq!(world.output("principal_id"), "system principal");
        assert_eq!(world.output("client_id"), "system client");
        assert_eq!(world.output("identity"), "system");
    });
}

#[test]
fn the_first_identity_is_the_one_for_the_variable_and_the_outputs() {
    let user =
        |id: &str| json!({ "identity": { "type": "UserAssigned", "userAssignedIdentities": { id: {} } } });
    let chosen = |id: &str, client: &str| {
        let mut fragment = user(id);
        fragment["template"] = json!({ "containers": [{ "name": "main", "env": [{ "name": "AZURE_CLIENT_ID", "value": client }] }] });
        fragment
    };
    let system = json!({ "identity": { "type": "SystemAssigned" } });
    let cases = [
        (json!(["one"]), vec![("user", chosen("/one", "one client"))], "/one"),
        (json!(["create"]), vec![("user", chosen("/id-web", "created client"))], "/id-web"),
        (
            json!(["one", "two", "system", "create"]),
            vec![
                ("system", system.clone()),
                ("user", chosen("/one", "one client")),
                ("assign-created", user("/id-web")),
                ("assign-others", user("/two")),
            ],
            "/one",
        ),
        (
            json!(["create", "two"]),
            vec![("user", chosen("/id-web", "created client")), ("assign-others", user("/two"))],
            "/id-web",
        ),
        (
            json!(["system", "two", "create"]),
            vec![("system", system), ("assign-created", user("/id-web")), ("assign-others", user("/two"))],
            "system",
        ),
    ];
    for (input, fragments, output) in cases {
        let expected: Vec<(String, Json)> =
            fragments.into_iter().map(|(step, fragment)| (step.to_owned(), fragment)).collect();
        with("managed-identity", &identity(input.clone()), |world| {
            assert_eq!(world.fragments(), expected, "{input}");
            assert_eq!(world.output("identity"), output, "{input}");
        });
    }
}

#[test]
fn managed_identity_says_what_is_wrong() {
    let mut document = identity(json!([]));
    with("managed-identity", &document, |world| {
        assert_eq!(world.failing(), ["an identity is named"]);
    });
    document = identity(json!(["system"]));
    document["container"]["env"] = json!([{ "name": "AZURE_CLIENT_ID", "value": "some client" }]);
    document["inputs"]["roles"] = json!([{ "role": "Reader", "scope": "storage" }]);
    with("managed-identity", &document, |world| {
        assert_eq!(
            world.failing(),
            ["the scope of each role is a resource id", "AZURE_CLIENT_ID does not name another identity"]
        );
    });
    document["inputs"]["identity"] = json!(["one"]);
    document["inputs"]["roles"] = json!([]);
    with("managed-identity", &document, |world| {
        assert_eq!(world.failing(), [] as [&str; 0]);
    });
}

fn vault(secrets: Json) -> Json {
    json!({
        "inputs": { "key_vault": "kv", "secrets": secrets, "replace": false },
        "target": { "app": "web", "resource_group": "rg", "location": "westeurope" },
        "app": { "properties": { "configuration": {} } },
        "container": { "name": "main" },
        "managed_identity": { "principal_id": "p", "identity": "system" },
        "vault": {
            "id": "/kv", "name": "kv",
            "properties": { "vaultUri": "https://kv.vault.azure.net/", "enableRbacAuthorization": true }
        }
    })
}

#[test]
fn a_reference_is_a_secret_and_a_variable() {
    let version = "0123456789abcdef0123456789abcdef";
    let secrets =
        json!({ "DB_PASSWORD": "Db-Password", "KEY": format!("key/{version}"), "SAME": "Db-Password" });
    with("key-vault-reference", &vault(secrets), |world| {
        assert_eq!(world.failing(), [] as [&str; 0]);
        let fragments = world.fragments();
        assert_eq!(fragments.len(), 3);
        assert_eq!(
            fragments[0].1,
            json!({
                "configuration": { "secrets": [{
                    "name": "db-password",
                    "keyVaultUrl": "https://kv.vault.azure.net/secrets/Db-Password",
                    "identity": "system"
                }] },
                "template": { "containers": [{ "name": "main", "env": [{ "name": "DB_PASSWORD", "secretRef": "db-password" }] }] }
            })
        );
        let second = &fragments[1].1["configuration"]["secrets"][0];
        assert_eq!(second["name"], "key");
        assert_eq!(second["keyVaultUrl"], format!("https://kv.vault.azure.net/secrets/key/{version}"));
    });
}

#[test]
fn secrets_that_collapse_are_refused() {
    for secrets in [json!({ "A": "key", "B": "Key" }), json!({ "A": "key", "B": "key/1" })] {
        with("key-vault-reference", &vault(secrets), |world| {
            assert_eq!(world.failing(), ["each secret of the app stands for one secret of the vault"]);
        });
    }
}

#[test]
fn secrets_of_the_app_are_not_lost_unasked() {
    let mut document = vault(json!({ "A": "key" }));
    let held = |document: &mut Json, secret: Json| {
        document["app"]["properties"]["configuration"]["secrets"] = json!([{ "name": "another" }, secret]);
    };
    held(&mut document, json!({ "name": "key" }));
    with("key-vault-reference", &document, |world| {
        assert_eq!(world.failing(), ["no secret of the app is overwritten"]);
    });
    document["inputs"]["replace"] = json!(true);
    with("key-vault-reference", &document, |world| {
        assert_eq!(world.failing(), ["no secret of the app is lost"]);
    });
    document["inputs"]["replace"] = json!(false);
    held(
        &mut document,
        json!({ "name": "key", "keyVaultUrl": "https://KV.vault.azure.net/secrets/key/old" }),
    );
    with("key-vault-reference", &document, |world| {
        assert_eq!(world.failing(), [] as [&str; 0]);
    });
    for url in ["https://other.vault.azure.net/secrets/key", "https://kv.vault.azure.net/secrets/key-two"] {
        held(&mut document, json!({ "name": "key", "keyVaultUrl": url }));
        with("key-vault-reference", &document, |world| {
            assert_eq!(world.failing(), ["no reference to another secret is moved"], "{url}");
        });
    }
}

#[test]
fn a_vault_without_roles_or_behind_a_firewall_is_told() {
    let mut document = vault(json!({ "A": "key" }));
    document["vault"]["properties"]["enableRbacAuthorization"] = json!(false);
    with("key-vault-reference", &document, |world| {
        assert_eq!(world.failing(), ["the vault uses role assignments"]);
    });
    let closed = [
        json!({ "publicNetworkAccess": "disabled" }),
        json!({ "publicNetworkAccess": "Enabled", "networkAcls": { "defaultAction": "Deny" } }),
    ];
    for properties in closed {
        let mut document = vault(json!({ "A": "key" }));
        for (key, value) in properties.as_object().unwrap() {
            document["vault"]["properties"][key] = value.clone();
        }
        with("key-vault-reference", &document, |world| {
            assert_eq!(world.failing(), ["the vault can be reached"], "{properties}");
        });
    }
}
