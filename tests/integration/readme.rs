//! Every command of the README and of the recipes' pages is run, in order, as a reader would.
//!
//! A block marked `console` holds commands (`$ …`, continued with `\`) and lines that they print; a
//! block marked `yaml` whose first line is `# FILE` is that file, written where the commands run; the
//! `run:` lines of a workflow are commands too. `cargo run --release --` stands for the program. What a
//! reader would run against Azure runs against a served sandbox, by the variables set here. Blocks
//! marked `python` are run by tests/conformance, which has the packages for it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use acarecipe::sandbox::seed;
use acarecipe::sandbox::serve::ServeOptions;

use crate::cli::place::Place;
use crate::support::served::{Running, prompt_azure};

/// Commands that are not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("cargo test", "it is what runs this test"),
    ("cargo install --path . --locked", "it builds the program that is being tested once more"),
    ("cargo doc --open", "it opens a browser"),
    ("az ", "it is the Azure CLI, which talks to Azure only"),
];

/// Commands that end with another code than 0, and why.
const OTHER_CODE: &[(&str, i32, &str)] = &[
    ("managed-identity=batch", 2, "two values for one variable are refused, which is what the command shows"),
    ("--sandbox-caller reader", 3, "a reader may not write, which is what the command shows"),
];

/// A command, the lines it is said to print, and where it stands.
struct Step {
    line: usize,
    command: String,
    prints: Vec<String>,
}

/// What a page holds for a reader who types along.
#[derive(Default)]
struct Page {
    steps: Vec<Step>,
    files: Vec<(String, String)>,
}

fn parse(text: &str) -> Page {
    let mut page = Page::default();
    let mut lines = text.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let Some(tag) = line.strip_prefix("```") else { continue };
        let block: Vec<(usize, &str)> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
        match tag {
            "console" => console(&block, &mut page.steps),
            "yaml" => yaml(&block, &mut page),
            "mermaid" | "python" => {}
            other => panic!("line {}: a block of kind `{other}`, which nothing tests", block[0].0),
        }
    }
    page
}

fn console(block: &[(usize, &str)], steps: &mut Vec<Step>) {
    let mut continued = false;
    for (number, text) in block {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step { line: number + 1, command: command.to_owned(), prints: Vec::new() });
        } else if continued {
            let step = steps.last_mut().expect("a command before its continuation");
            step.command = format!("{} {}", step.command.trim_end_matches('\\').trim_end(), text.trim());
        } else {
            let step = steps.last_mut().expect("a command before what it prints");
            step.prints.push((*text).to_owned());
        }
        continued = text.ends_with('\\');
    }
}

fn yaml(block: &[(usize, &str)], page: &mut Page) {
    let (number, first) = block[0];
    let name = first.strip_prefix("# ").unwrap_or_else(|| panic!("line {number}: which file is this?"));
    let text: Vec<&str> = block.iter().skip(1).map(|(_, line)| *line).collect();
    if name.starts_with(".github/workflows/") {
        for (number, line) in block {
            if let Some(command) = line.trim().strip_prefix("- run: ") {
                page.steps.push(Step { line: number + 1, command: command.to_owned(), prints: Vec::new() });
            }
        }
    }
    page.files.push((name.to_owned(), text.join("\n") + "\n"));
}

/// A reader at a prompt.
struct Reader {
    place: Place,
    tools: PathBuf,
    exported: BTreeMap<String, String>,
    served: Option<(Child, String)>,
}

impl Reader {
    fn new(endpoint: &str) -> Reader {
        let place = Place::new()
            .with("ACARECIPE_ARM_ENDPOINT", endpoint)
            .with("ACARECIPE_AUTH", "token")
            .with("ACARECIPE_ACCESS_TOKEN", "sandbox-owner")
            .with("AZURE_SUBSCRIPTION_ID", seed::SUBSCRIPTION);
        // The program under the name that the pages use.
        let tools = place.work().join("bin");
        std::fs::create_dir(&tools).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_acarecipe"), tools.join("acarecipe")).unwrap();
        Reader { place, tools, exported: BTreeMap::new(), served: None }
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        shell
            .args(["-c", command])
            .env_clear()
            .envs(self.place.environment())
            .envs(&self.exported)
            .env("PATH", format!("{}:{path}", self.tools.display()))
            .current_dir(self.place.work())
            .stdin(Stdio::null());
        shell
    }

    fn run(&mut self, step: &Step, page: &Path) {
        let at = format!("{}:{}: {}", page.display(), step.line, step.command);
        if NOT_RUN.iter().any(|(start, _)| step.command.starts_with(start)) {
            return;
        }
        let command = step.command.replace("cargo run --release --", "acarecipe");
        if let Some(pairs) = command.strip_prefix("export ") {
            for pair in pairs.split(' ') {
                let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{at}: no variable"));
                self.exported.insert(name.to_owned(), value.to_owned());
            }
            return;
        }
        if command.starts_with("acarecipe sandbox serve ") {
            self.serve(&command);
            return;
        }
        let command = match &self.served {
            Some((_, authority)) => command.replace("127.0.0.1:8480", authority),
            None => command,
        };
        if command.starts_with("curl ")
            && self.shell("curl --version >/dev/null").status().is_ok_and(|it| !it.success())
        {
            eprintln!("skipped, without curl: {at}");
            return;
        }
        let expected =
            OTHER_CODE.iter().find(|(part, ..)| command.contains(part)).map_or(0, |(_, code, _)| *code);
        let asks = command.starts_with("acarecipe apply ")
            && !["--yes", "--plan", "--sandbox"].iter().any(|answered| command.contains(answered));
        if asks {
            // A reader answers; here nobody can, which has an exit code of its own.
            let refused = self.shell(&command).output().unwrap();
            assert_eq!(refused.status.code(), Some(2), "{at}");
        }
        let command = if asks { format!("{command} --yes") } else { command };
        // The served sandbox has every role in force at once: nobody waits two minutes for it here.
        let waits = command.starts_with("acarecipe apply ") && !command.contains("--sandbox");
        let command = if waits { format!("{command} --role-wait 0s") } else { command };
        let output = self.shell(&command).output().unwrap();
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(expected), "{at}\n{told}");
        let mut rest = told.as_str();
        for line in step.prints.iter().map(|line| line.trim_end()) {
            let found = rest
                .find(line)
                .unwrap_or_else(|| panic!("{at}\ndoes not print, in this order:\n{line}\nbut:\n{told}"));
            rest = &rest[found + line.len()..];
        }
    }

    /// Starts a server on a free port and waits until it is ready; it ends with the reader.
    fn serve(&mut self, command: &str) {
        use std::io::{BufRead, BufReader};

        let command = command.replace("--port 8480", "--port 0");
        let mut child = self.shell(&format!("exec {command}")).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let endpoint = ready["endpoint"].as_str().unwrap();
        let authority = endpoint.split_once("://").unwrap().1.to_owned();
        self.served = Some((child, authority));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.served {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn type_along(page: &Path, at_least: usize, exports: &[(&str, &str)]) {
    let text = std::fs::read_to_string(page).unwrap();
    let parsed = parse(&text);
    assert!(parsed.steps.len() >= at_least, "{}: only {} commands found", page.display(), parsed.steps.len());
    let server = Running::start(prompt_azure(), ServeOptions::default());
    let mut reader = Reader::new(server.endpoint());
    reader.exported.extend(exports.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    for (name, file) in &parsed.files {
        // The project file would name recipes for commands that stand before it on the page.
        if name != acarecipe::recipe::PROJECT_FILE {
            reader.place.write(name, file);
        }
    }
    for step in &parsed.steps {
        reader.run(step, page);
    }
    if let Some((name, file)) = parsed.files.iter().find(|(name, _)| name == acarecipe::recipe::PROJECT_FILE)
    {
        reader.place.write(name, file);
        reader.run(&Step { line: 0, command: "acarecipe plan".to_owned(), prints: Vec::new() }, page);
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_readme_works_as_written() {
    type_along(&root().join("README.md"), 30, &[]);
}

/// The page of every folder that holds a recipe.
fn recipe_pages() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("recipes")).unwrap().map(|entry| entry.unwrap().path());
    folders
        .filter(|folder| folder.join("recipe.yaml").exists())
        .map(|folder| folder.join("README.md"))
        .collect()
}

#[test]
fn the_pages_of_the_recipes_work_as_written() {
    let mut pages = 0;
    for page in recipe_pages() {
        // The pages start where the README's section on variables ends.
        type_along(&page, 4, &[("RG", seed::GROUP), ("APP_NAME", seed::APP), ("LOCATION", seed::LOCATION)]);
        pages += 1;
    }
    assert!(pages >= 2);
}

#[test]
fn links_within_the_project_lead_somewhere() {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    pages.extend(recipe_pages());
    let link = regex_lite::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut found = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in link.captures_iter(&text).map(|captures| captures[1].to_owned()) {
            if target.starts_with("https://") || target.starts_with('#') {
                continue;
            }
            let path = page.parent().unwrap().join(target.split('#').next().unwrap());
            assert!(path.exists(), "{} links to {target}, which is not there", page.display());
            found += 1;
        }
    }
    assert!(found >= 4, "{found} links");
}
