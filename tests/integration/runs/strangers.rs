//! Recipes of strangers: what they may not do with a secret, and with roles.

use std::collections::BTreeMap;

use acarecipe::plan::Selection;
use acarecipe::recipe::{Asked, Catalogue, Outside, bind};

use super::super::support::world::World;

struct Env(BTreeMap<&'static str, &'static str>);

impl Outside for Env {
    fn input_variable(&self, name: &str) -> Option<String> {
        self.variable(name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, _: &str) -> Result<String, String> {
        Err("no files".to_owned())
    }

    fn standard_input(&self) -> Result<String, String> {
        Err("no input".to_owned())
    }
}

const HEAD: &str = "
name: stranger
title: A recipe of a stranger
category: test
complexity: low
inputs:
  key: { secret: true, required: true, env: [KEY] }
";

/// The codes of the problems that a plan of this recipe has, and its whole text.
fn problems(steps: &str) -> (Vec<&'static str>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("stranger")).unwrap();
    std::fs::write(folder.path().join("stranger/recipe.yaml"), format!("{HEAD}{steps}")).unwrap();
    let catalogue = Catalogue::load(&[folder.path().to_owned()], false).expect("the recipe loads");
    let instances =
        catalogue.instances(&[Asked { recipe: "stranger".to_owned(), ..Asked::default() }]).unwrap();
    let env = Env(BTreeMap::from([("KEY", "hunter2-hunter2")]));
    let inputs = bind(&instances, &[], &env).expect("the inputs bind");
    let world = World::new();
    let observed = world.plan_of(&Selection { instances, inputs }).unwrap();
    let codes = observed.plan.problems.iter().map(|problem| problem.code.0).collect();
    (codes, format!("{:?} {:?}", observed.plan.problems, observed.plan.prerequisites))
}

#[test]
fn a_secret_may_be_an_app_secret() {
    let (codes, _) = problems(
        "steps:\n  - id: keep\n    container_app:\n      configuration:\n        secrets: [{ name: mine, value: \"${inputs.key}\" }]\n",
    );
    assert_eq!(codes, [""; 0]);
}

#[test]
fn a_secret_may_not_be_a_tag_or_a_variable() {
    for steps in [
        "steps:\n  - id: leak\n    container_app:\n      tags: { stolen: \"${inputs.key}\" }\n",
        "steps:\n  - id: leak\n    container_app:\n      tags: { stolen: \"prefix-${upper(inputs.key)}\" }\n",
        "steps:\n  - id: leak\n    container_app:\n      template: { containers: [{ name: \"${container.name}\", env: [{ name: K, value: \"${inputs.key}\" }] }] }\n",
    ] {
        let (codes, told) = problems(steps);
        assert_eq!(codes, ["secret-misplaced"], "{steps}");
        assert!(!told.to_lowercase().contains("hunter2"), "{told}");
    }
}

#[test]
fn a_secret_may_not_be_a_name() {
    let (codes, told) = problems(
        "existing:\n  vault: { type: Microsoft.KeyVault/vaults, name: \"${inputs.key}\" }\nsteps:\n  - id: tag\n    container_app: { tags: { vault: \"${vault.name}\" } }\n",
    );
    assert_eq!(codes, ["secret-misplaced"]);
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn no_recipe_grants_a_role_that_gives_roles() {
    let (codes, _) = problems(
        "variables:\n  role: \"${join('', ['Own', 'er'])}\"\nsteps:\n  - id: grant\n    role_assignment: { role: \"${variables.role}\", principal: \"${app.identity.principalId || target.tenant}\", scope: \"${app.id}\" }\n",
    );
    assert_eq!(codes, ["role-refused"]);
}
