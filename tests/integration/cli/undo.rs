//! `undo` as a person meets it.

use acarecipe::sandbox::seed::variant;
use serde_json::{Value as Json, json};

use super::place::Place;

const KEY_VAULT: &str =
    "apply key-vault-reference --sandbox -p key_vault=kv-demo -p secrets.DB_PASSWORD=db-password -o json";

/// The sandbox's app, as `sandbox show` has it.
fn app(place: &Place) -> Json {
    place.line("sandbox show -o json").code(0).json()
}

fn run_of(report: &Json) -> String {
    report["run"].as_str().expect("it wrote").to_owned()
}

#[test]
fn the_last_run_goes_back_and_then_there_is_none() {
    let place = Place::new();
    let _ = place.line("plan managed-identity --sandbox").code(0);
    let before = app(&place);
    let applied = place.line(KEY_VAULT).code(0).json();
    assert_ne!(app(&place), before);
    let undone = place.line("undo --sandbox -o json").code(0).json();
    assert_eq!((undone["command"].as_str(), undone["status"].as_str()), (Some("undo"), Some("ok")));
    assert_eq!(undone["counts"]["writes"], json!(4), "{undone:#}");
    assert_eq!(undone["counts"]["revisions"], json!(1));
    assert_ne!(run_of(&undone), run_of(&applied), "it is a run of its own");
    // Named, it is found to be back.
    let again = place.line(&format!("undo {} --sandbox -o json", run_of(&applied))).code(0).json();
    assert_eq!(again["counts"]["writes"], json!(0), "{again:#}");
    let nothing = place.line("undo --sandbox -o json").code(3).json();
    assert_eq!(nothing["diagnostics"][0]["code"], "no-such-run");
    assert_eq!(nothing["counts"]["writes"], json!(0));
    let nothing = place.line("undo --sandbox").code(3);
    assert!(!nothing.stdout.contains("Mend what is marked"), "nothing is: {}", nothing.stdout);
}

#[test]
fn a_run_says_how_it_is_undone_and_undo_what_it_does() {
    let place = Place::new();
    let applied = place.line("apply managed-identity --sandbox").code(0);
    let line = applied.stdout.lines().last().unwrap_or_default().trim().to_owned();
    let command = line.strip_prefix("To put it back: acarecipe ").expect("the last line says how");
    let undone = place.line(command).code(0);
    for told in ["puts back: change the container app ca-demo", "identity.type", "Done: 1 write"] {
        assert!(undone.stdout.contains(told), "{told}:\n{}", undone.stdout);
    }
    assert!(!undone.stdout.contains("To put it back"));
}

#[test]
fn without_a_terminal_it_needs_yes_and_sends_nothing() {
    let place = Place::new();
    let refused = place.line("undo -g rg-demo -n ca-demo -o json").code(2).json();
    assert_eq!(refused["diagnostics"][0]["code"], "not-confirmed");
    assert_eq!(refused["counts"]["requests"], json!(0));
}

#[test]
fn what_is_no_run_of_this_target_is_one_clear_error() {
    let place = Place::new();
    let _ = place.line(KEY_VAULT).code(0);
    for wrong in ["20200101T000000Z-000000", "../../etc/passwd", "x"] {
        let refused = place.line(&format!("undo {wrong} --sandbox -o json")).code(1).json();
        assert_eq!(refused["diagnostics"][0]["code"], "no-such-run", "{wrong}");
    }
    let other = place.line("undo --sandbox -n ca-other -o json").code(3).json();
    assert_eq!(other["diagnostics"][0]["code"], "no-such-run");
    let folder = place.work().parent().unwrap().join("home/state/acarecipe/sandbox.json.runs/runs");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let id = file.file_stem().unwrap().to_str().unwrap().to_owned();
    let elsewhere = place.line(&format!("undo {id} --sandbox -n ca-other -o json")).code(2).json();
    assert!(elsewhere["diagnostics"][0]["fix"].as_str().unwrap().contains("-n ca-demo"), "{elsewhere:#}");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1] = "{";
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    for named in [String::new(), id] {
        let damaged = place.line(&format!("undo {named} --sandbox -o json")).code(1).json();
        assert_eq!(damaged["diagnostics"][0]["code"], "journal", "{damaged:#}");
    }
}

/// The journals of the sandbox of a place, oldest first.
fn journals(place: &Place) -> Vec<std::path::PathBuf> {
    let folder = place.work().parent().unwrap().join("home/state/acarecipe/sandbox.json.runs/runs");
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|one| one.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn a_journal_that_was_edited_puts_nothing_back() {
    let place = Place::new();
    let _ = place.line("apply managed-identity --sandbox -p identity=create").code(0);
    let file = &journals(&place)[0];
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without =
        lines[..2].iter().chain(&lines[3..]).copied().flat_map(|line| [line, "\n"]).collect::<String>();
    for edited in [
        text.replace("/id-ca-demo", "/id-demo"),
        text.replacen("\"create\":true", "\"create\":false", 1),
        without,
    ] {
        assert_ne!(edited, text);
        std::fs::write(file, edited).unwrap();
        let refused = place.line("undo --sandbox -o json").code(1).json();
        assert_eq!(refused["diagnostics"][0]["code"], "journal", "{refused:#}");
        assert_eq!(refused["counts"]["writes"], json!(0));
        let _ = place.line("runs show --sandbox").code(0);
    }
    std::fs::write(file, text).unwrap();
    let _ = place.line("undo --sandbox").code(0);
}

#[test]
fn a_run_of_which_a_part_is_damaged_or_gone_is_not_put_back_by_half() {
    let place = Place::new();
    let _ = place.line(KEY_VAULT).code(0);
    let file = journals(&place).remove(0);
    // As if it had been killed before its last lines.
    let text = std::fs::read_to_string(&file).unwrap();
    let end = text.lines().position(|line| line.starts_with(r#"{"entry":"end""#)).unwrap();
    let cut: String = text.lines().take(end).flat_map(|line| [line, "\n"]).collect();
    std::fs::write(&file, cut).unwrap();
    // Something of it is taken away, so that the same command writes again.
    let _ = place.line("undo --sandbox -o json").code(0);
    let undo = journals(&place).pop().unwrap();
    std::fs::remove_file(undo).unwrap();
    let _ = place.line(KEY_VAULT).code(0);
    let newest = journals(&place).pop().unwrap();
    assert!(std::fs::read_to_string(&newest).unwrap().contains("\"continues\""), "it goes on");
    std::fs::remove_file(&file).unwrap();
    let refused = place.line("undo --sandbox -o json").code(1).json();
    assert_eq!(refused["diagnostics"][0]["code"], "journal", "{refused:#}");
    let id = file.file_stem().unwrap().to_str().unwrap();
    assert!(refused["diagnostics"][0]["message"].as_str().unwrap().contains(id));
    assert_eq!(refused["counts"]["writes"], json!(0));
}

#[test]
fn no_journal_holds_what_may_be_the_value_of_an_environment_variable() {
    let place = Place::new().with("WORD", "planted-by-variable-0003");
    let map = r#"apply revision-validation --sandbox -p env={"API_TOKEN":"planted-plain-0001"}"#;
    let _ = place.line(map).code(0);
    let _ = place
        .line("apply easy-auth --sandbox -p provider=github -p client_id=an-app-of-github -p client_secret=@env:WORD")
        .code(0);
    assert_eq!(journals(&place).len(), 2);
    for file in journals(&place) {
        assert!(!std::fs::read_to_string(&file).unwrap().contains("planted-"), "{}", file.display());
    }
    let shown = place.line("runs show --sandbox -o json").code(0);
    assert!(!shown.stdout.contains("planted-"), "{}", shown.stdout);
}

#[test]
fn what_a_run_may_rely_on_whose_journal_cannot_be_read_goes_only_by_force() {
    let place = Place::new();
    let applied = place.line("apply managed-identity --sandbox -p identity=create -o json").code(0).json();
    let run = run_of(&applied);
    let folder = journals(&place)[0].parent().unwrap().to_owned();
    std::fs::write(folder.join("20991126T083000Z-3f9a1c.jsonl"), "something else\n").unwrap();
    // One from before relies on nothing that came later.
    std::fs::write(folder.join("20001126T083000Z-3f9a1c.jsonl"), "something else\n").unwrap();
    let refused = place.line(&format!("undo {run} --sandbox -o json")).code(3).json();
    let told: Vec<&Json> = refused["prerequisites"].as_array().unwrap().iter().collect();
    let told: Vec<&&Json> = told.iter().filter(|one| one["code"] == "changed-since").collect();
    assert_eq!(told.len(), 1, "{refused:#}");
    let detail = told[0]["detail"].as_str().unwrap();
    assert!(detail.contains("20991126T083000Z-3f9a1c") && !detail.contains("20001126"), "{detail}");
    let fix = told[0]["fix"].as_str().unwrap();
    assert!(fix.starts_with("acarecipe runs show 20991126T083000Z-3f9a1c;"), "{fix}");
    assert!(
        fix.contains("moved aside") && fix.contains("also overwrites"),
        "what --force does as well: {fix}"
    );
    assert_eq!(refused["counts"]["writes"], json!(0));
    let forced = place.line(&format!("undo {run} --sandbox --force -o json")).code(0).json();
    assert_eq!(forced["counts"]["writes"], json!(2), "{forced:#}");
    assert!(forced["prerequisites"].to_string().contains("20991126T083000Z-3f9a1c"), "it is told");
}

#[test]
fn of_a_damaged_journal_the_first_line_says_whether_its_run_may_rely_on_anything_here() {
    let place = Place::new();
    let applied = place.line("apply managed-identity --sandbox -p identity=create -o json").code(0).json();
    let run = run_of(&applied);
    let own = journals(&place).remove(0);
    let text = std::fs::read_to_string(&own).unwrap();
    let damaged = |day: u32, change: &dyn Fn(&mut Json)| {
        let id = format!("209911{day:02}T083000Z-3f9a1c");
        let mut first: Json = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        first["id"] = json!(id);
        change(&mut first);
        let path = own.with_file_name(format!("{id}.jsonl"));
        std::fs::write(&path, format!("{first}\nnothing that a run wrote\n")).unwrap();
        path
    };
    damaged(1, &|first| first["target"]["sandbox"] = json!(false));
    damaged(2, &|first| first["command"] = json!("undo"));
    damaged(3, &|first| {
        assert!(first["target"]["tenant"].is_string(), "{first:#}");
        first["target"]["tenant"] = json!("99999999-9999-4999-8999-999999999999");
    });
    // Of another app, but it may have found in place what this run made.
    let counts = damaged(4, &|first| first["target"]["app"] = json!("ca-else"));
    let refused = place.line(&format!("undo {run} --sandbox -o json")).code(3).json();
    let told = refused["prerequisites"].to_string();
    assert!(told.contains("20991104T") && !told.contains("20991101T"), "{told}");
    assert!(!told.contains("20991102T") && !told.contains("20991103T"), "{told}");
    std::fs::remove_file(counts).unwrap();
    let undone = place.line(&format!("undo {run} --sandbox -o json")).code(0).json();
    assert_eq!(undone["counts"]["writes"], json!(2), "{undone:#}");
}

#[test]
fn an_identity_stays_where_not_even_the_group_can_be_looked_through() {
    let place = Place::new();
    let applied = place.line("apply managed-identity --sandbox -p identity=create -o json").code(0).json();
    let run = run_of(&applied);
    let undo = |flags: &[&str]| {
        let fault = "match=GET:/providers/Microsoft.App/jobs denied times=9";
        let all = ["undo", &run, "--sandbox", "-o", "json", "--sandbox-fault", fault];
        place.run(all.iter().chain(flags)).code(0).json()["prerequisites"].to_string()
    };
    let has = || app(&place)["identities"].to_string().contains("id-ca-demo");
    let told = undo(&[]);
    assert!(told.contains("whether another has it cannot be seen") && told.contains("--force"), "{told}");
    assert!(has());
    let told = undo(&["--force"]);
    assert!(told.contains("jobs cannot be listed"), "{told}");
    assert!(!has());
}

#[test]
fn a_copy_of_a_journal_under_another_name_is_no_run() {
    let place = Place::new();
    let _ = place.line("apply managed-identity --sandbox").code(0);
    let own = journals(&place).remove(0);
    let copy = "20991130T000000Z-bbbbbb";
    std::fs::copy(&own, own.with_file_name(format!("{copy}.jsonl"))).unwrap();
    let listed = place.line("runs --sandbox -o json").code(0).json();
    assert_eq!(listed["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["diagnostics"][0]["code"], "journal", "{listed:#}");
    let refused = place.line(&format!("undo {copy} --sandbox -o json")).code(1).json();
    assert_eq!(refused["diagnostics"][0]["code"], "journal", "{refused:#}");
    // Which run was the last cannot be told, but it can be named.
    let _ = place.line("undo --sandbox").code(1);
    let named = own.file_stem().unwrap().to_str().unwrap();
    let _ = place.line(&format!("undo {named} --sandbox")).code(0);
    // After a run at the end of time there can be none.
    std::fs::rename(
        own.with_file_name(format!("{copy}.jsonl")),
        own.with_file_name("99991231T235959Z-ffffff.jsonl"),
    )
    .unwrap();
    let refused = place.line("apply managed-identity --sandbox -o json").code(1).json();
    assert_eq!(refused["diagnostics"][0]["code"], "journal", "{refused:#}");
}

#[test]
fn a_revision_that_may_not_be_read_is_not_said_to_be_gone() {
    let place = Place::new();
    place.sandbox("old.json", |state| {
        variant::variable(state, json!({ "name": "AZURE_CLIENT_ID", "value": "of-before" }));
        let template = state.app("ca-demo").unwrap().template().clone();
        state.app_mut("ca-demo").unwrap().revisions.last_mut().unwrap().template = template;
    });
    let _ =
        place.line("apply managed-identity --sandbox --sandbox-state old.json -p identity=id-demo").code(0);
    let undo = ["undo", "--sandbox", "--sandbox-state", "old.json"];
    let fault = ["--sandbox-fault", "match=GET:/revisions/ denied times=99"];
    let told = place.run(undo.iter().chain(&fault));
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("the revision that had it may not be read"), "{told}");
    assert!(!told.contains("is gone"), "{told}");
}
