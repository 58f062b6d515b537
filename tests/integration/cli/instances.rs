//! `recipe=alias` at the prompt and in the project file.

use super::place::{Outcome, Place};

const TWO: &str = "key-vault-reference=a key-vault-reference=b --sandbox -p a.key_vault=kv-demo -p a.secrets.DB_PASSWORD=db-password -p b.key_vault=kv-shared -p b.secrets.TOKEN=shared-token";

#[track_caller]
fn says(outcome: &Outcome, words: &[&str]) {
    let told = format!("{}\n{}", outcome.stdout, outcome.stderr);
    for word in words {
        assert!(told.contains(word), "no `{word}` in:\n{told}");
    }
}

#[test]
fn two_instances_are_applied_and_verified() {
    let place = Place::new();
    let outcome = place.line(&format!("apply {TWO}")).code(0);
    says(
        &outcome,
        &["DB_PASSWORD comes from the vault", "TOKEN comes from the vault", "4 writes, 1 new revision"],
    );
    says(&outcome, &["a.vault_uri = https://kv-demo.", "b.vault_uri = https://kv-shared."]);
    says(&place.line(&format!("verify {TWO}")).code(0), &["a: ", "b: "]);
    let outcome = place.line(&format!("apply {TWO}")).code(0);
    says(&outcome, &["No changes.", "0 writes"]);
}

#[test]
fn what_cannot_be_an_alias_is_a_usage_error() {
    let place = Place::new();
    for (line, words) in [
        ("plan managed-identity=app --sandbox", ["cannot be an alias", "managed-identity=app-2"]),
        ("plan managed-identity=Web --sandbox", ["`Web` is not an alias", "managed-identity=second"]),
        ("plan managed-identity= --sandbox", ["has no alias", "managed-identity=second"]),
        ("plan =web --sandbox", ["for no recipe", "RECIPE=ALIAS"]),
        ("plan managed-identity=a managed-identity=a --sandbox", ["two instances", "managed-identity=a-2"]),
        ("plan key-vault-reference key_vault=kv-demo --sandbox", ["no recipe `key_vault`", "-p key_vault=…"]),
        (
            "plan managed-identiti=a --sandbox",
            ["no recipe `managed-identiti`", "did you mean `managed-identity`?"],
        ),
    ] {
        says(&place.line(line).code(2), &words);
    }
    // A value without -p may be a secret: it is not repeated.
    let outcome = place.line("plan key-vault-reference key_vault=hunter2-hunter2 --sandbox").code(2);
    assert!(!format!("{}{}", outcome.stdout, outcome.stderr).contains("hunter2-hunter2"), "{outcome:?}");
}

/// A place with a project file, so far from Azure that a run ends after what it finds in files.
fn project(text: &str) -> Place {
    let place = Place::new();
    place.write("acarecipe.yaml", text);
    place
}

const ENTRIES: &str = "\
recipes:
  - recipe: key-vault-reference
    as: first
    with: { key_vault: kv-demo }
  - recipe: key-vault-reference
    as: second
    with: { key_vault: kv-shared, secrets: { TOKEN: shared-token } }
  - { recipe: managed-identity, with: { identity: [create] } }
";

#[test]
fn a_run_picks_entries_of_the_project_file_by_alias_or_recipe() {
    let place = project(ENTRIES);
    // What is not set tells which instances are there.
    let missing = |line: &str| {
        let outcome = place.line(line).code(3);
        let first = outcome.stderr.contains("the input `secrets` of first is not set");
        let plain = outcome.stderr.contains("the input `secrets` of key-vault-reference is not set");
        (first, plain)
    };
    assert_eq!(missing("plan first"), (true, false));
    assert_eq!(missing("plan second"), (false, false));
    assert_eq!(missing("plan key-vault-reference"), (true, false));
    assert_eq!(missing("plan second first"), (true, false));
    assert_eq!(missing("plan"), (true, false));
    // Typed in full it is what is typed, with what the file says of it.
    assert_eq!(missing("plan key-vault-reference=first"), (true, false));
    assert_eq!(missing("plan key-vault-reference=key-vault-reference"), (false, true));
    says(
        &place.line("plan secnd").code(2),
        &["no recipe `secnd`", "did you mean `second`?", "`first`, `second`"],
    );
    // An alias of the file for another recipe is not picked, and not in the way.
    says(
        &place.line("plan managed-identity=first -p first.identty=x").code(2),
        &["did you mean `identity`?"],
    );
}

#[test]
fn one_name_for_two_entries_is_told_with_both_lines() {
    let place = project(
        "recipes:\n  - { recipe: managed-identity, as: web }\n  - { recipe: key-vault-reference, as: web }\n",
    );
    let outcome = place.line("plan").code(2);
    says(&outcome, &["acarecipe.yaml:3", "2 |", "3 |", "first here", "as: web-2"]);
    let place = project(
        "recipes:\n  - { recipe: managed-identity, with: { identity: [system] } }\n  - { recipe: managed-identity, with: { identity: [create] } }\n",
    );
    says(&place.line("plan").code(2), &["two instances of managed-identity", "as: managed-identity-2"]);
}
