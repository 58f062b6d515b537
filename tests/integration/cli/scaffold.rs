//! `scaffold`: the sample of a recipe, written out whole, into its folder and nowhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::place::Place;

const RECIPE: &str = "name: mine\ntitle: Mine\ncategory: test\ncomplexity: low\nsteps:\n  - { id: tag, why: a tag, container_app: { tags: { a: b } } }\n";

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes")
}

/// Every file below a folder by its path; folders that are empty count too.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, within: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{within}{}", entry.file_name().into_string().unwrap());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                found.insert(format!("{name}/"), Vec::new());
                walk(&entry.path(), &format!("{name}/"), found);
            } else if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).unwrap();
                found.insert(name, format!("-> {}", target.display()).into_bytes());
            } else {
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, "", &mut found);
    found
}

/// What git has of a folder: caches that tools leave there are not in it.
fn kept(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = tree(folder);
    all.retain(|path, _| !path.split('/').any(|name| name == "__pycache__" || name.ends_with("_cache")));
    all
}

/// A place with a recipe of its own, whose sample has a file in a folder.
fn with_own_recipe() -> Place {
    let place = Place::new();
    place.write("more/mine/recipe.yaml", RECIPE);
    place.write("more/mine/app/app.py", "print('mine')\n");
    place.write("more/mine/app/static/style.css", [0xff_u8, 0x00]);
    place
}

#[test]
fn every_sample_is_written_whole() {
    let place = Place::new();
    let mut samples = 0;
    for entry in std::fs::read_dir(recipes()).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("recipe.yaml").exists() {
            continue;
        }
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let _ = place.run(["scaffold", &name, &format!("out/{name}")]).code(0);
        let written = tree(&place.work().join("out").join(&name));
        assert_eq!(written.keys().collect::<Vec<_>>(), kept(&folder.join("app")).keys().collect::<Vec<_>>());
        assert_eq!(written, kept(&folder.join("app")), "{name}");
        for file in
            ["app.py", "requirements.in", "requirements.txt", "Dockerfile", ".dockerignore", "test_app.py"]
        {
            assert!(written.contains_key(file), "{name} has no {file}");
        }
        samples += 1;
    }
    assert!(samples >= 3);
    // Nothing but the folders that were named.
    assert_eq!(tree(&place.work()).keys().filter(|path| !path.starts_with("out/")).count(), 0);
}

#[test]
fn without_a_folder_it_is_named_after_the_recipe() {
    let place = Place::new();
    let outcome = place.line("scaffold managed-identity").code(0);
    assert_eq!(outcome.stderr, "");
    let files = kept(&recipes().join("managed-identity/app"));
    assert_eq!(tree(&place.work().join("managed-identity-app")), files);
    for path in files.keys() {
        assert!(outcome.stdout.contains(&format!("created    {path}\n")), "{}", outcome.stdout);
    }
    let end = format!(
        "\n{} files in managed-identity-app\n\nNext:\n\n  az containerapp up --name \"$APP_NAME\" --resource-group \"$RG\" \
         --source managed-identity-app --ingress external --target-port 8000\n  acarecipe apply managed-identity\n",
        files.len()
    );
    assert!(outcome.stdout.ends_with(&end), "{}", outcome.stdout);
}

#[test]
fn the_report_says_what_was_written() {
    let place = with_own_recipe();
    let report = place.line("scaffold mine --recipes more -o json").code(0).json();
    assert_eq!(report["command"], "scaffold");
    assert_eq!(report["recipes"], json!(["mine"]));
    assert_eq!(
        report["scaffold"],
        json!({
            "folder": "mine-app",
            "files": [
                { "path": "app.py", "status": "created" },
                { "path": "static/style.css", "status": "created" },
            ],
            "next": [
                "az containerapp up --name \"$APP_NAME\" --resource-group \"$RG\" --source mine-app --ingress external --target-port 8000",
                "acarecipe apply mine --recipes more",
            ],
        })
    );
}

#[test]
fn twice_writes_nothing() {
    let place = with_own_recipe();
    let _ = place.line("scaffold mine there --recipes more").code(0);
    let at = |path: &str| place.work().join("there").join(path).metadata().unwrap().modified().unwrap();
    let before = at("app.py");
    let report = place.line("scaffold mine there --recipes more -o json").code(0).json();
    assert_eq!(report["scaffold"]["files"][0]["status"], "unchanged");
    assert_eq!(report["scaffold"]["files"][1]["status"], "unchanged");
    assert_eq!(at("app.py"), before);
}

#[test]
fn other_files_are_named_and_kept_unless_forced() {
    let place = with_own_recipe();
    place.write("there/app.py", "mine");
    place.write("there/notes.txt", "mine");
    place.write("there/static/style.css", "mine");
    let before = tree(&place.work());
    let outcome = place.line("scaffold mine there --recipes more").code(2);
    assert_eq!(tree(&place.work()), before);
    for words in [
        "error[file-exists]: there has files that would be replaced",
        "there/app.py",
        "there/static/style.css",
        "acarecipe scaffold mine there --recipes more --force",
    ] {
        assert!(outcome.stderr.contains(words), "no `{words}` in:\n{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("notes.txt"), "{}", outcome.stderr);

    let report = place.line("scaffold mine there --recipes more --force -o json").code(0).json();
    assert_eq!(report["scaffold"]["files"][0]["status"], "replaced");
    assert_eq!(std::fs::read_to_string(place.work().join("there/app.py")).unwrap(), "print('mine')\n");
    assert_eq!(std::fs::read_to_string(place.work().join("there/notes.txt")).unwrap(), "mine");
}

#[test]
fn a_missing_file_beside_others_is_added_only_when_none_is_in_the_way() {
    let place = with_own_recipe();
    place.write("there/app.py", "mine");
    let _ = place.line("scaffold mine there --recipes more").code(2);
    assert_eq!(tree(&place.work().join("there")).keys().collect::<Vec<_>>(), ["app.py"]);
}

#[test]
fn a_recipe_that_is_not_there_is_refused_with_the_nearest() {
    let place = Place::new();
    let outcome = place.line("scaffold manged-identity").code(2);
    assert!(outcome.stderr.contains("error[unknown-recipe]"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("managed-identity"), "{}", outcome.stderr);
    assert_eq!(tree(&place.work()), BTreeMap::new());
}

#[test]
fn a_recipe_without_a_sample_says_so() {
    let place = Place::new();
    place.write("more/mine/recipe.yaml", RECIPE);
    let outcome = place.line("scaffold mine --recipes more").code(2);
    assert!(outcome.stderr.contains("error[no-sample]: the recipe `mine` has no sample app"));
    assert!(!place.work().join("mine-app").exists());
}

#[test]
fn folders_of_tools_are_no_part_of_a_sample() {
    let place = with_own_recipe();
    place.write("more/mine/app/__pycache__/app.pyc", "x");
    place.write("more/mine/app/.git/config", "[core] fsmonitor = rm");
    place.write("more/mine/app/.dockerignore", "*\n");
    let _ = place.line("scaffold mine there --recipes more").code(0);
    let written = tree(&place.work().join("there"));
    assert_eq!(
        written.keys().collect::<Vec<_>>(),
        [".dockerignore", "app.py", "static/", "static/style.css"]
    );
}

#[test]
fn what_cannot_be_written_is_told_and_leaves_nothing() {
    let place = with_own_recipe();
    place.write("file", "");
    // A file where a folder would be.
    let outcome = place.line("scaffold mine file --recipes more").code(2);
    assert!(outcome.stderr.contains("error[file-exists]: file is no folder"), "{}", outcome.stderr);
    let outcome = place.line("scaffold mine file/there --recipes more").code(1);
    assert!(
        outcome.stderr.contains("error[not-written]: file cannot be written: not a directory"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stderr.matches("error").count(), 1, "{}", outcome.stderr);
    // A way that leads back over a folder which is made for it.
    let _ = place.line("scaffold mine made/../beside --recipes more").code(0);
    assert!(place.work().join("beside/app.py").exists());
    // A folder where a file would be: no --force replaces that.
    place.write("there/app.py/keep", "mine");
    let outcome = place.line("scaffold mine there --recipes more --force").code(2);
    assert!(outcome.stderr.contains("there/app.py is a folder"), "{}", outcome.stderr);
    assert_eq!(std::fs::read_to_string(place.work().join("there/app.py/keep")).unwrap(), "mine");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_disk_that_is_full_half_way_leaves_everything_as_it_was() {
        let place = with_own_recipe();
        place.write("more/mine/app/z.bin", vec![b'z'; 200_000]);
        place.write("there/app.py", "as it was");
        let before = tree(&place.work());
        // The system refuses to let any file grow beyond 64 KiB, as it does on a full disk.
        let run = |line: &str| {
            let program = env!("CARGO_BIN_EXE_acarecipe");
            let mut command = std::process::Command::new("sh");
            command.env_clear().envs(place.environment()).current_dir(place.work());
            command.args(["-c", &format!("trap '' XFSZ; ulimit -f 128; exec {program} {line}")]);
            command.output().unwrap()
        };
        for line in ["scaffold mine there --force --recipes more", "scaffold mine new/inner --recipes more"] {
            let output = run(line);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("error[not-written]"), "{said}");
            assert!(said.contains("z.bin cannot be written:"), "{said}");
            assert_eq!(tree(&place.work()), before, "{line}");
        }
    }

    #[test]
    fn a_folder_without_the_right_to_write_is_told() {
        let place = with_own_recipe();
        std::fs::create_dir(place.work().join("locked")).unwrap();
        let locked = place.work().join("locked");
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
        if std::fs::write(locked.join("probe"), "").is_ok() {
            // Whoever may write everywhere (root) is refused nowhere.
            return;
        }
        let outcome = place.line("scaffold mine locked --recipes more").code(1);
        assert!(outcome.stderr.contains("error[not-written]"), "{}", outcome.stderr);
        assert_eq!(tree(&locked), BTreeMap::new());
    }

    #[test]
    fn a_link_in_the_place_of_a_folder_is_not_followed() {
        let place = with_own_recipe();
        std::fs::create_dir(place.work().join("elsewhere")).unwrap();
        symlink("elsewhere", place.work().join("mine-app")).unwrap();
        std::fs::create_dir(place.work().join("there")).unwrap();
        symlink("../elsewhere", place.work().join("there/static")).unwrap();
        for (line, link) in [
            ("scaffold mine --recipes more --force", "mine-app is a link"),
            ("scaffold mine there --recipes more --force", "there/static is a link"),
        ] {
            let outcome = place.line(line).code(2);
            assert!(outcome.stderr.contains(link), "{}", outcome.stderr);
        }
        assert_eq!(tree(&place.work().join("elsewhere")), BTreeMap::new());
        assert_eq!(tree(&place.work().join("there")).len(), 1);
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_replaced_and_not_written_through() {
        let place = with_own_recipe();
        place.write("outside", "mine");
        place.write("there/notes", "");
        symlink("../outside", place.work().join("there/app.py")).unwrap();
        // One that leads nowhere is in the way too.
        std::fs::create_dir(place.work().join("there/static")).unwrap();
        symlink("/none/at/all", place.work().join("there/static/style.css")).unwrap();
        let outcome = place.line("scaffold mine there --recipes more").code(2);
        for name in ["there/app.py", "there/static/style.css"] {
            assert!(outcome.stderr.contains(name), "{}", outcome.stderr);
        }
        let _ = place.line("scaffold mine there --recipes more --force").code(0);
        assert_eq!(std::fs::read_to_string(place.work().join("outside")).unwrap(), "mine");
        assert!(place.work().join("there/app.py").symlink_metadata().unwrap().is_file());
        assert!(place.work().join("there/static/style.css").symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn a_sample_that_reaches_out_of_its_recipe_is_refused() {
        for link in ["app/secret", "app"] {
            let place = Place::new();
            place.write("more/mine/recipe.yaml", RECIPE);
            place.write("outside/secret", "of the caller");
            if link != "app" {
                place.write("more/mine/app/app.py", "");
            }
            let target = if link == "app" { "../../outside" } else { "../../../outside/secret" };
            symlink(target, place.work().join("more/mine").join(link)).unwrap();
            let outcome = place.line("scaffold mine there --recipes more").code(2);
            assert!(outcome.stderr.contains("error[outside-folder]"), "{}", outcome.stderr);
            assert!(!place.work().join("there").exists());
        }
    }

    #[test]
    fn a_sample_with_a_pipe_or_without_end_is_refused() {
        let place = with_own_recipe();
        let pipe = place.work().join("more/mine/app/pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let outcome = place.line("scaffold mine there --recipes more").code(2);
        assert!(outcome.stderr.contains("is not a file"), "{}", outcome.stderr);
        std::fs::remove_file(pipe).unwrap();
        for file in 0..201 {
            place.write(&format!("more/mine/app/many/{file}"), "");
        }
        let outcome = place.line("scaffold mine there --recipes more").code(2);
        assert!(outcome.stderr.contains("error[file-too-large]"), "{}", outcome.stderr);
        assert!(!place.work().join("there").exists());
    }

    #[test]
    fn new_files_have_the_rights_of_new_files() {
        let place = with_own_recipe();
        let _ = place.line("scaffold mine there --recipes more").code(0);
        place.write("reference", "");
        let mode = |path: &str| place.work().join(path).metadata().unwrap().mode();
        assert_eq!(mode("there/app.py"), mode("reference"));
    }
}

#[test]
fn names_are_printed_without_what_moves_a_terminal() {
    let place = with_own_recipe();
    if !cfg!(windows) {
        place.write("more/mine/app/\u{1b}[2Jevil", "");
        let outcome = place.line("scaffold mine there --recipes more").code(0);
        assert!(!outcome.stdout.contains('\u{1b}'), "{}", outcome.stdout);
    }
}
