//! `--sandbox` takes nothing from its surroundings, and says so everywhere.

use super::place::Place;

/// Everything that a run on real Azure would read, set to what would break or betray it.
fn hostile() -> Place {
    let place = Place::new();
    place.write("acarecipe.yaml", "target: { name: [not, a, name]\nrecipes: 7\n");
    place.write("azure/azureProfile.json", "{ not json");
    place.write("azure/clouds.config", "\u{0}\u{0}");
    let azure = place.work().join("azure").display().to_string();
    let mut place = place.with("AZURE_CONFIG_DIR", azure);
    for name in [
        "RG",
        "AZURE_RESOURCE_GROUP",
        "APP_NAME",
        "ENVIRONMENT_NAME",
        "ACA_ENV_NAME",
        "LOCATION",
        "AZURE_LOCATION",
        "AZURE_SUBSCRIPTION_ID",
        "AZURE_TENANT_ID",
        "KEY_VAULT_NAME",
        "KEYVAULT_NAME",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "IDENTITY_ENDPOINT",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACARECIPE_AUTH",
        "ACARECIPE_ACCESS_TOKEN",
        "ACARECIPE_ARM_ENDPOINT",
        "ACARECIPE_TRY_TIMEOUT_MS",
        "SSL_CERT_FILE",
        "ACARECIPE_SANDBOX",
    ] {
        place = place.with(name, "hostile!");
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        // Nothing listens there: whoever uses it fails.
        place = place.with(name, "http://127.0.0.1:9");
    }
    place
}

#[test]
fn a_hostile_environment_changes_nothing() {
    for line in [
        "check managed-identity --sandbox",
        "plan managed-identity --sandbox",
        "apply key-vault-reference --sandbox -p secrets.DB_PASSWORD=db-password",
        "verify --sandbox",
    ] {
        let (clean, hostile) = (Place::new().line(line).code(0), hostile().line(line).code(0));
        assert_eq!(hostile.scrubbed(), clean.scrubbed(), "{line}");
        assert_eq!(hostile.scrubbed_stderr(), clean.scrubbed_stderr(), "{line}");
        assert!(!hostile.stdout.contains("hostile") && !hostile.stderr.contains("hostile"));
    }
    // The same surroundings do break a run that is not in the sandbox.
    assert_ne!(hostile().line("plan managed-identity").code, Some(0));
}

#[test]
fn no_variable_switches_it_on() {
    let place = Place::new().with("ACARECIPE_SANDBOX", "1").with("SANDBOX", "true");
    let outcome = place.line("plan managed-identity").code(3);
    assert!(!outcome.stdout.contains("sandbox"));
}

#[test]
fn every_output_says_sandbox() {
    let place = Place::new();
    for (line, code) in [
        ("check managed-identity --sandbox", 0),
        ("plan managed-identity --sandbox", 0),
        ("plan managed-identity --sandbox --sandbox-caller reader", 3),
        ("apply managed-identity --sandbox", 0),
        ("apply managed-identity --sandbox", 0),
        ("verify --sandbox", 0),
        ("verify managed-identity --sandbox", 0),
        ("plan managed-identity --sandbox --quiet", 0),
        ("plan managed-identity --sandbox -n no-such-app", 3),
    ] {
        let outcome = place.line(line).code(code);
        let (first, last) = (outcome.stdout.lines().next(), outcome.stdout.contains(" [sandbox]\n"));
        assert!(first.is_some_and(|line| line.ends_with("[sandbox]")) && last, "{line}:\n{}", outcome.stdout);
        let report = place.line(&format!("{line} -o json")).json();
        assert_eq!(report["sandbox"], true, "{line}");
    }
    for line in ["plan nothing --sandbox", "apply key-vault-reference --sandbox", "sandbox show --state /"] {
        let outcome = place.line(line);
        assert!(outcome.stderr.contains("[sandbox]"), "{line}: {}", outcome.stderr);
        assert_eq!(place.line(&format!("{line} -o json")).json()["sandbox"], true, "{line}");
    }
}

#[test]
fn it_never_asks_and_keeps_its_state() {
    let place = Place::new();
    let first = place.line("apply managed-identity --sandbox").code(0);
    assert!(first.stdout.contains("1 write"), "{}", first.stdout);
    let second = place.line("apply managed-identity --sandbox").code(0);
    assert!(second.stdout.contains("No changes.") && second.stdout.contains("0 writes"), "{}", second.stdout);
    let _ = place.line("sandbox reset").code(0);
    let third = place.line("apply managed-identity --sandbox").code(0);
    assert!(third.stdout.contains("1 write"), "{}", third.stdout);
}

#[test]
fn the_log_shows_requests_but_only_our_own_traces() {
    let place = Place::new();
    let outcome = place.line("plan managed-identity --sandbox -v").code(0);
    assert!(outcome.stderr.contains("> 1 GET /subscriptions/"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("DEBUG"), "{}", outcome.stderr);
    let traced = place.line("plan managed-identity --sandbox -vvv").code(0);
    assert!(traced.stderr.contains("DEBUG acarecipe::"), "{}", traced.stderr);
    let foreign = traced
        .stderr
        .lines()
        .filter(|line| [" DEBUG ", " TRACE ", " INFO ", " WARN "].iter().any(|level| line.contains(level)))
        .find(|line| !line.contains(" acarecipe::"));
    assert_eq!(foreign, None);
}

#[test]
fn what_a_query_takes_out_of_the_document_says_sandbox_beside_it() {
    let outcome = Place::new().line("apply managed-identity --sandbox --query counts.writes").code(0);
    assert_eq!(outcome.stdout, "1\n");
    assert!(outcome.stderr.ends_with("[sandbox]\n"), "{}", outcome.stderr);
}
