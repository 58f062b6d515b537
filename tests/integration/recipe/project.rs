//! The project file.

use acarecipe::recipe::Project;

use super::{brief, source};

#[test]
fn a_target_and_recipes_are_read() {
    let text = "\
target: { resource_group: rg, name: web, cloud: AzureCloud }
recipes:
  - managed-identity
  - { recipe: key-vault-reference, as: second, with: { key-vault: kv, secrets: { A: a } } }
";
    let project = Project::load(&source(text)).unwrap();
    assert_eq!(project.target.resource_group.as_ref().unwrap().value, "rg");
    assert!(project.target.location.is_none());
    assert_eq!(project.recipes[0].recipe, "managed-identity");
    let second = &project.recipes[1];
    assert_eq!(second.alias.as_deref(), Some("second"));
    let vault = &second.with["key_vault"];
    assert_eq!(vault.value, "kv");
    assert_eq!(&vault.source.text[vault.span.start..vault.span.end], "key-vault");
    assert!(Project::load(&source("# nothing yet\n")).unwrap().recipes.is_empty());
}

#[test]
fn a_project_file_cannot_say_where_tokens_go() {
    let text = "\
arm-endpoint: https://evil.example
target: { resource-group: rg, client_secret: x, cloud: azurecloud }
recipes: [{ recipe: a, alias: b }]
";
    let found = Project::load(&source(text)).unwrap_err();
    assert_eq!(
        brief(&found),
        [
            r#"unknown-key 1 "arm-endpoint""#,
            r#"unknown-key 2 "resource-group" did you mean `resource_group`?"#,
            r#"unknown-key 2 "client_secret""#,
            r#"bad-value 2 "azurecloud" did you mean `AzureCloud`?"#,
            r#"unknown-key 3 "alias""#,
        ]
    );
    let refused =
        |index: usize| found[index].notes.iter().any(|note| note.contains("never come from a project file"));
    assert!(refused(0) && !refused(1) && refused(2));
}
