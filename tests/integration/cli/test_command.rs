//! `acarecipe test`: what it runs, what it finds, and that nothing is green by accident.

use std::fmt::Write;

use acarecipe::sandbox::edit::VARIANTS;
use acarecipe::sandbox::seed::CALLERS;

use super::place::{Outcome, Place};

/// A recipe that owns one variable.
const GREETING: &str = "\
name: greeting
title: A greeting
category: test
complexity: low
inputs:
  text: { default: hello, env: [GREETING_TEXT], description: What it says. }
steps:
  - id: set
    why: the app greets with ${inputs.text}
    container_app:
      template:
        containers:
          - name: \"${container.name}\"
            env:
              - { name: GREETING, value: \"${inputs.text}\" }
outputs:
  said: \"${inputs.text}\"
";

const VARIABLE: &str = "apps[ca-demo].model.properties.template.containers[ca-demo].env[GREETING]";

fn place(cases: &str) -> Place {
    let place = Place::new();
    place.write("greeting/recipe.yaml", GREETING);
    place.write("greeting/tests.yaml", cases);
    place
}

/// How the cases of a recipe made of `steps` end.
fn steps(steps: &str, cases: &str) -> Outcome {
    let place = place(cases);
    let head = GREETING.split("steps:").next().unwrap();
    place.write("greeting/recipe.yaml", format!("{head}steps:\n{steps}"));
    place.line("test greeting")
}

#[test]
fn cases_that_pass_are_a_line_each() {
    let place = place(&format!(
        "\
cases:
  - name: a fresh app
    expect:
      writes: 1
      revisions: 1
      findings: []
      diagnostics: []
      changes: [\"template.containers[ca-demo].env[GREETING].value\"]
      outputs: {{ said: hello }}
      state: [\"apps.*.model.properties.template.containers[0].env[1].value | [0] == 'hello'\"]
  - name: a drift
    with: {{ text: hej }}
    then:
      - given: {{ state: [{{ merge: {{ \"{VARIABLE}\": {{ value: bye }} }} }}] }}
        run: verify
        expect: {{ status: verification-failed, findings: [the app greets with hej] }}
      - expect: {{ writes: 1, outputs: {{ said: hej }} }}
      - run: check
      - with: {{ text: again }}
        run: plan
        expect: {{ writes: 1, revisions: 1 }}
"
    ));
    let outcome = place.line("test greeting").code(0);
    assert_eq!(
        outcome.stdout,
        "greeting/tests.yaml [sandbox]\n  ✓ a fresh app\n  ✓ a drift\n\n2 passed, 0 failed [sandbox]\n"
    );
    assert_eq!(outcome.stderr, "");
    // The recipe's file, its cases and its folder are the same thing.
    for line in ["test greeting/recipe.yaml", "test greeting/tests.yaml", "test greeting greeting/"] {
        assert_eq!(place.line(line).code(0).stdout, outcome.stdout, "{line}");
    }
}

#[test]
fn each_expectation_can_fail_and_says_where_and_how() {
    for (expect, told, caret) in [
        ("{ status: failed }", "apply ended ok, not failed", "ok"),
        ("{ writes: 2 }", "1 write was made, not 2 writes", "1"),
        ("{ writes: 0 }", "1 write was made, not 0 writes", "1"),
        ("{ writes: 1, revisions: 0 }", "1 new revision was made, not 0 new revisions", "1"),
        (
            "{ changes: [] }",
            "the plan changes `template.containers[ca-demo].env[GREETING].value`, which is not listed",
            "",
        ),
        (
            "{ changes: [tags.x, \"template.containers[ca-demo].env[GREETING].value\"] }",
            "the plan does not change `tags.x`",
            "",
        ),
        ("{ findings: [{ name: nothing, status: passed }] }", "no finding named `nothing` is passed", ""),
        (
            "{ findings: [{ code: app-health, status: warning }] }",
            "no finding with code app-health is warning",
            "",
        ),
        ("{ diagnostics: [azure-refused] }", "no diagnostic azure-refused", ""),
        ("{ outputs: { said: bye } }", "the output `said` is not \"bye\"", "\"hello\""),
        ("{ state: [\"apps.*.stopped | [0]\"] }", "not true of the state: apps.*.stopped | [0]", "false"),
        ("{ state: [\"length(apps)\"] }", "not true of the state: length(apps)", "1"),
    ] {
        let place = place(&format!("cases:\n  - name: one\n    expect: {expect}\n  - name: other\n"));
        let outcome = place.line("test greeting").code(1);
        assert_eq!(outcome.stdout.matches("error[case-failed]").count(), 1, "{expect}\n{}", outcome.stdout);
        assert!(
            outcome.stdout.contains(&format!("error[case-failed]: {told}\n")),
            "{expect}\n{}",
            outcome.stdout
        );
        assert!(outcome.stdout.contains("--> greeting/tests.yaml:3:"), "{expect}\n{}", outcome.stdout);
        let caret = outcome.stdout.lines().any(|line| line.contains('^') && line.trim_end().ends_with(caret));
        assert!(caret, "{expect}\n{}", outcome.stdout);
        // What the run told stands below, and the other case is not taken along.
        assert!(
            outcome.stdout.contains("    | Plan: 1 write, 1 new revision\n"),
            "{expect}\n{}",
            outcome.stdout
        );
        assert!(
            outcome.stdout.ends_with("  ✓ other\n\n1 passed, 1 failed [sandbox]\n"),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn what_is_not_listed_fails_too() {
    let place = place(
        "\
cases:
  - name: a finding
    given: { caller: reader }
    expect: { status: prerequisites-missing, findings: [{ code: permission }, { code: locked }] }
  - name: another finding
    given: { caller: reader, state: [{ variant: lock, with: { scope: ca-demo, level: ReadOnly } }] }
    expect: { status: prerequisites-missing, findings: [{ code: permission }] }
  - name: a diagnostic
    given: { faults: [\"match=PATCH:/containerApps/ status=500 times=50\"] }
    expect: { status: failed, diagnostics: [] }
",
    );
    let outcome = place.line("test greeting").code(1);
    for told in [
        "no finding with code locked is failed",
        "is failed, which is not listed",
        "error[azure-refused] is not listed: ",
    ] {
        assert_eq!(outcome.stdout.matches(told).count(), 1, "{told}\n{}", outcome.stdout);
    }
    assert!(outcome.stdout.ends_with("0 passed, 3 failed [sandbox]\n"), "{}", outcome.stdout);
}

#[test]
fn recipes_that_are_wrong_are_caught() {
    let plain = "cases: [{ name: fresh }]\n";
    // A property that does not exist, and one that follows its own change.
    for (recipe, why) in [
        (
            "  - { id: a, container_app: { template: { containers: [{ name: \"${container.name}\", evn: [{ name: X, value: y }] }] } } }\n",
            "ContainerAppInvalidSchema",
        ),
        (
            "  - { id: a, container_app: { tags: { last: \"${app.properties.latestRevisionName}\" }, template: { containers: [{ name: \"${container.name}\", env: [{ name: X, value: y }] }] } } }\n",
            "error[changed-meanwhile]",
        ),
    ] {
        let outcome = steps(recipe, plain).code(1);
        assert!(
            outcome.stdout.contains("error[case-failed]: apply ended failed, not ok"),
            "{}",
            outcome.stdout
        );
        assert!(outcome.stdout.contains(why), "{why}:\n{}", outcome.stdout);
    }
    // What lint finds, in a recipe that loads or in one that does not, is told as lint tells it; no case is run.
    for (recipe, why) in [
        ("  - { id: a, container_ap: {} }\n", "error[unknown-key]"),
        (
            "  - { id: a, container_app: { configuration: { ingress: { fqdn: my.example.com } } } }\n",
            "error[read-only-property]",
        ),
    ] {
        let outcome = steps(recipe, plain).code(2);
        assert!(outcome.stderr.contains(why) && outcome.stdout.is_empty(), "{}", outcome.stderr);
    }
}

#[test]
fn an_apply_that_ended_ok_is_applied_again_and_verified() {
    let place = place(
        "\
cases:
  - { name: both, then: [{ with: { text: x } }] }
  - { name: neither, again: false }
  - { name: not after a refusal, given: { caller: reader }, expect: { status: prerequisites-missing } }
  - { name: not after a plan, run: plan }
",
    );
    let report = place.line("test greeting -o json").code(0).json();
    let runs = |case: usize| {
        let runs = report["cases"][case]["runs"].as_array().unwrap().iter();
        runs.fold(String::new(), |mut text, run| {
            let mark = if run["automatic"] == true { "*" } else { "" };
            let _ = write!(text, "{}{mark}:{} ", run["command"].as_str().unwrap(), run["writes"]);
            text
        })
    };
    assert_eq!(runs(0), "apply:1 apply*:0 verify*:0 apply:1 apply*:0 verify*:0 ");
    assert_eq!(runs(1), "apply:1 ");
    assert_eq!(runs(2), "apply:0 ");
    assert_eq!(runs(3), "plan:0 ");
}

#[test]
fn the_report_for_machines() {
    let place = place("cases:\n  - name: good\n  - { name: bad, expect: { writes: 7 } }\n");
    let report = place.line("test greeting -o json").code(1).json();
    assert_eq!(
        (&report["command"], &report["status"], &report["exitCode"], &report["sandbox"]),
        (&"test".into(), &"failed".into(), &1.into(), &true.into())
    );
    assert_eq!(report["recipes"], serde_json::json!(["greeting"]));
    let (good, bad) = (&report["cases"][0], &report["cases"][1]);
    assert_eq!(
        (&good["name"], &good["status"], &good["line"]),
        (&"good".into(), &"passed".into(), &2.into())
    );
    assert_eq!(good.get("failedRun"), None);
    assert_eq!((&bad["status"], &bad["file"]), (&"failed".into(), &"greeting/tests.yaml".into()));
    assert_eq!(bad["failures"][0]["message"], "1 write was made, not 7 writes");
    assert_eq!((&bad["failures"][0]["line"], &bad["failures"][0]["column"]), (&3.into(), &36.into()));
    assert_eq!(
        (&bad["failedRun"]["command"], &bad["failedRun"]["counts"]["writes"]),
        (&"apply".into(), &1.into())
    );
    let names = place.line("test greeting --query cases[?status=='failed'].name").code(1).json();
    assert_eq!(names, serde_json::json!(["bad"]));
}

#[test]
fn cases_can_be_chosen_and_choosing_none_is_an_error() {
    let place = place("cases:\n  - name: fresh app\n  - name: drift of it\n  - name: a drift\n");
    let outcome = place.line("test greeting --case drift").code(0);
    assert!(outcome.stdout.ends_with("  ✓ drift of it\n  ✓ a drift\n\n2 passed, 0 failed [sandbox]\n"));
    let outcome = place.line("test greeting --case fresh --case a").code(0);
    assert!(outcome.stdout.contains("2 passed"), "{}", outcome.stdout);
    let outcome = place.line("test greeting --case drfit").code(2);
    assert!(
        outcome.stderr.contains("error[no-cases]: no case has `drfit` in its name"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("fresh app, drift of it, a drift") && outcome.stdout.is_empty());
    assert_eq!(place.line("test greeting --case nope -o json").code(2).json()["status"], "usage");
}

#[test]
fn verbose_shows_every_run() {
    let place = place("cases: [{ name: fresh }]\n");
    let outcome = place.line("test greeting -v").code(0);
    assert_eq!(outcome.stdout.matches("    | Verification\n").count(), 3, "{}", outcome.stdout);
    assert_eq!(outcome.stdout.matches(", by the runner itself\n").count(), 2, "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("> 1 GET "), "{}", outcome.stdout);
    let outcome = place.line("test greeting -vv").code(0);
    assert!(outcome.stdout.contains("|   > 1 GET /subscriptions/"), "{}", outcome.stdout);
}

#[test]
fn a_case_sees_nothing_of_the_machine() {
    let cases = "\
cases:
  - name: its own variables only
    expect: { outputs: { said: hello } }
  - name: a variable of its own
    given: { variables: { GREETING_TEXT: from the case } }
    expect: { outputs: { said: from the case } }
  - name: a variable of the machine
    with: { text: { $env: HOME } }
    expect: { status: usage, diagnostics: [unreadable-input] }
  - name: a file beside it
    with: { text: { $file: text.txt } }
    expect: { outputs: { said: from the file } }
  - name: a file outside
    with: { text: { $file: ../secret.txt } }
    expect: { status: usage, diagnostics: [{ code: unreadable-input, contains: not beneath the recipe's folder }] }
";
    let place = place(cases)
        .with("GREETING_TEXT", "from the machine")
        .with("RG", "hostile!")
        .with("HTTPS_PROXY", "http://127.0.0.1:9")
        .with("ACARECIPE_ARM_ENDPOINT", "hostile!");
    place.write("greeting/text.txt", "from the file\n");
    place.write("secret.txt", "secret\n");
    place.write("acarecipe.yaml", "target: { name: [not, a, name]\n");
    let outcome = place.line("test greeting");
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
    // It leaves nothing behind either: no state of the sandbox is kept.
    let home = place.work().parent().unwrap().join("home");
    assert_eq!(std::fs::read_dir(home).unwrap().count(), 0);
}

#[test]
fn time_passes_in_no_time_and_faults_strike_one_run() {
    let place = place(
        "\
cases:
  - name: hours and refusals
    given: { after: 72h, faults: [\"match=PATCH:/containerApps/ status=429 retry-after=3600\"] }
    expect: { status: failed }
    then:
      - given: { after: 1h }
        expect: { writes: 1, state: [\"starts_with(moment, '2026-03-04T1')\"] }
",
    );
    let started = std::time::Instant::now();
    let outcome = place.line("test greeting");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    assert!(started.elapsed().as_secs() < 60);
}

#[test]
fn every_assumption_turned_round_must_end_in_the_same_status() {
    let cases = "\
cases:
  - name: fresh
  - name: about one of them
    given: { switches: [ids-as-written] }
";
    let outcome = place(cases).line("test greeting --switches").code(0);
    assert!(outcome.stdout.contains("  ✓ fresh  also under "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("  ✓ about one of them\n"), "{}", outcome.stdout);
    // Only under those that its runs ask about: the others make no difference to them.
    let report = place(cases).line("test greeting --switches -o json").code(0).json();
    let flipped = |name: &str| report["cases"].as_array().unwrap().iter().any(|case| case["flipped"] == name);
    assert!(flipped("patch-location-only") && flipped("revision-listed-at-once"), "{report}");
    assert!(!flipped("firewall-stops-apps") && !flipped("policy-changes-in-place"), "{report}");
    // A case that ends otherwise says which assumption it was, unless it is said with its reason.
    let stopped = |flipped: &str| {
        format!(
            "\
cases:
  - name: a stopped app
    given: {{ state: [{{ variant: stopped }}] }}
    expect: {{ status: verification-failed }}
{flipped}"
        )
    };
    let outcome = place(&stopped("")).line("test greeting --switches").code(1);
    assert_eq!(outcome.stdout.matches("error[case-failed]").count(), 1, "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("  ✗ a stopped app, with write-keeps-stopped flipped\n"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("apply ended ok, not verification-failed"), "{}", outcome.stdout);
    let excepted = "    flipped: { write-keeps-stopped: { status: STATUS, because: the write starts it } }\n";
    let _ = place(&stopped(&excepted.replace("STATUS", "ok"))).line("test greeting --switches").code(0);
    let _ = place(&stopped(&excepted.replace("STATUS", "usage"))).line("test greeting --switches").code(1);
    // An exception that is not needed any more is told, too; and a case that fails anyway is told once.
    let needless = excepted.replace("STATUS", "usage").replace("write-keeps-stopped", "ids-as-written");
    let outcome = place(&stopped(&needless)).line("test greeting --switches").code(1);
    assert!(outcome.stdout.contains("no run ends usage under `ids-as-written`"), "{}", outcome.stdout);
    let wrong = place("cases: [{ name: one, expect: { status: failed } }]\n");
    let outcome = wrong.line("test greeting --switches").code(1);
    assert!(outcome.stdout.ends_with("\n0 passed, 1 failed [sandbox]\n"), "{}", outcome.stdout);
}

/// A file of cases that is refused, with what is said of it.
fn refused(cases: &str, told: &[&str]) {
    let outcome = place(cases).line("test greeting");
    assert_eq!(outcome.code, Some(2), "{cases}\n{}\n{}", outcome.stdout, outcome.stderr);
    for part in told {
        assert!(outcome.stderr.contains(part), "{part}\nis not told of\n{cases}\n{}", outcome.stderr);
    }
    assert!(
        outcome.stderr.contains("--> greeting/tests.yaml:") && outcome.stdout.is_empty(),
        "{}",
        outcome.stderr
    );
}

#[test]
fn mistakes_in_a_file_of_cases_are_told_with_their_place() {
    let case = |body: &str| format!("cases:\n  - name: one\n    {body}\n");
    for nothing in ["", "cases: []\n", "# nothing yet\n"] {
        refused(nothing, &["error[no-cases]"]);
    }
    refused(
        "case: []\n",
        &["error[unknown-key]: a file of cases has no key `case`", "did you mean `cases`?"],
    );
    refused("cases: [{ run: plan }]\n", &["error[missing-key]: a case needs `name`"]);
    refused("cases: [{ name: a }, { name: b }, { name: a }]\n", &["two cases are named `a`", "first here"]);
    for (body, told) in [
        ("exepct: {}", &["a case has no key `exepct`", "did you mean `expect`?"][..]),
        ("run: aply", &["`aply` is none of", "did you mean `apply`?"]),
        ("with: { txt: x }", &["error[unknown-input]: greeting has no input `txt`", "did you mean `text`?"]),
        (
            "recipes: [managed-identty]",
            &["error[unknown-recipe]", "did you mean `managed-identity`?", "in this case"],
        ),
        (
            "recipes: [{ recipe: managed-identity, with: { identiy: [] } }]",
            &["managed-identity has no input `identiy`"],
        ),
        ("given: { caller: raeder }", &["there is no caller `raeder`", "did you mean `reader`?"]),
        (
            "given: { switches: [ids-as-writen] }",
            &["there is no switch `ids-as-writen`", "did you mean `ids-as-written`?"],
        ),
        ("flipped: { nope: { status: ok, because: x } }", &["there is no switch `nope`"]),
        ("flipped: { ids-as-written: { status: ok } }", &["an exception needs `because`"]),
        ("given: { faults: [\"request=1 explode\"] }", &["`explode` is no kind of fault"]),
        (
            "given: { state: [{ variant: sidecar-frist }] }",
            &["no variant `sidecar-frist`", "did you mean `sidecar-first`?"],
        ),
        ("given: { state: [{ variant: tag, with: { name: x } }] }", &["the variant `tag` needs `value`"]),
        (
            "given: { state: [{ remove: x, with: { name: x } }] }",
            &["`with` has a meaning beside `variant` only"],
        ),
        (
            "given: { state: [{ merge: { \"apps[ca-dmo]\": {} } }] }",
            &["no `[ca-dmo]`", "did you mean `ca-demo`?"],
        ),
        (
            "given: { state: [{ merge: { \"apps[ca-demo]\": { stoped: true } } }] }",
            &["stoped`, so that the change would be lost"],
        ),
        ("given: { state: [{ remove: \"vaults[kv-nowhere]\" }] }", &["no `[kv-nowhere]`"]),
        ("given: { state: [{ variant: stopped }, { variant: stopped }] }", &["it changes nothing"]),
        ("given: { after: soon }", &["`soon` is not a duration"]),
        ("target: { name: \"a/b\" }", &["error[bad-target]"]),
        ("expect: { status: fine }", &["`fine` is none of"]),
        ("expect: { status: changes-found }", &["`changes-found` is none of"]),
        ("expect: { writes: -1 }", &["expected a whole number from 0"]),
        ("expect: { writes: 1, revisions: 2 }", &["more revisions than writes"]),
        (
            "expect: { findings: [{ code: permision }] }",
            &["there is no code `permision`", "did you mean `permission`?"],
        ),
        ("expect: { findings: [something] }", &["no run with a finding that failed ends ok"]),
        ("expect: { diagnostics: [azure-refusd] }", &["did you mean `azure-refused`?"]),
        ("expect: { outputs: { siad: x } }", &["there is no output `siad`", "did you mean `said`?"]),
        ("expect: { state: [\"apps[?\"] }", &["error[bad-expression]"]),
        (
            "expect: { status: failed, findings: [{ name: x, recipe: other }] }",
            &["there is no recipe in this run `other`"],
        ),
    ] {
        refused(&case(body), told);
    }
    for (run, expect) in [
        ("check", "writes: 1"),
        ("verify", "writes: 0"),
        ("verify", "changes: []"),
        ("check", "revisions: 0"),
        ("plan", "outputs: { said: x }"),
        ("plan", "status: verification-failed"),
    ] {
        refused(&case(&format!("run: {run}\n    expect: {{ {expect} }}")), &[&format!("`{run}` never ")]);
    }
    // All at once.
    refused(&case("given: { caller: x, switches: [y] }"), &["no caller `x`", "no switch `y`"]);
}

#[test]
fn files_that_are_not_there_are_told() {
    let place = Place::new();
    place.write("greeting/recipe.yaml", GREETING);
    let outcome = place.line("test greeting").code(2);
    assert!(outcome.stderr.contains("greeting/tests.yaml cannot be read"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("acarecipe schema --tests"), "{}", outcome.stderr);
    let outcome = place.line("test nowhere").code(2);
    assert!(outcome.stderr.contains("recipe.yaml cannot be read"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("[sandbox]"), "{}", outcome.stderr);
}

#[test]
fn recipes_that_a_recipe_requires_are_found() {
    let place =
        place("cases: [{ name: fresh, expect: { writes: 1, revisions: 1, outputs: { said: hi } } }]\n");
    let greeting = GREETING.replace("inputs:", "requires: [tagged, managed-identity]\ninputs:");
    place.write("greeting/recipe.yaml", greeting.replace("default: hello", "default: hi"));
    place.write(
        "more/tagged/recipe.yaml",
        "name: tagged\ntitle: T\ncategory: t\ncomplexity: low\nsteps: [{ id: a, container_app: { tags: { a: b } } }]\n",
    );
    let _ = place.line("test greeting").code(2);
    let _ = place.line("test greeting --recipes more").code(0);
    // Recipes that are tested together find each other too.
    place.write("more/tagged/tests.yaml", "cases: [{ name: tag, expect: { writes: 1, revisions: 0 } }]\n");
    let outcome = place.line("test greeting more/tagged").code(0);
    assert!(outcome.stdout.contains("more/tagged/tests.yaml [sandbox]\n  ✓ tag\n"), "{}", outcome.stdout);
}

#[test]
fn what_cases_can_name_is_listed() {
    let place = Place::new();
    let outcome = place.line("sandbox variants").code(0);
    for name in CALLERS.iter().map(|(name, _)| *name).chain(VARIANTS.iter().map(|variant| variant.name)) {
        assert!(outcome.stdout.contains(&format!("  {name}")), "{name}\n{}", outcome.stdout);
    }
    let json = place.line("sandbox variants -o json").code(0).json();
    assert_eq!(json["variants"].as_array().unwrap().len(), VARIANTS.len());
    let schema = place.line("schema --tests").code(0).json();
    assert_eq!(schema["title"], "acarecipe cases");
}
