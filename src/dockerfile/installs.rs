//! Packages that a command installs.

use super::{Command, Place, Word};

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian's: `apt-get`, `apt`, `aptitude`.
    Apt,
    /// Alpine's: `apk`.
    Apk,
    /// Red Hat's: `dnf`, `microdnf`, `yum`, `tdnf`.
    Dnf,
    /// Python's: `pip`, `python -m pip`, `uv pip`, whose `sync` takes files.
    Pip,
}

/// An install command.
#[derive(Clone, Debug)]
pub struct Install {
    /// Whose it is.
    pub manager: Manager,
    /// What it installs, as it is written: names with versions, for pip also paths and URLs.
    pub packages: Vec<Word>,
    /// Its flags as they are written, those before the word `install` included; a value that stands as a word of
    /// its own is not among them.
    pub flags: Vec<String>,
    /// The files that `pip -r` names.
    pub requirements: Vec<Word>,
    /// Where the command begins.
    pub place: Place,
}

/// Flags with a value as a word of its own.
const APT_VALUES: &[&str] =
    &["-t", "--target-release", "--default-release", "-o", "--option", "-c", "--config-file", "-a"];
const APK_VALUES: &[&str] =
    &["-t", "--virtual", "-X", "--repository", "-p", "--root", "--keys-dir", "--arch"];
const DNF_VALUES: &[&str] = &[
    "-x",
    "--exclude",
    "--enablerepo",
    "--disablerepo",
    "--repo",
    "--releasever",
    "--installroot",
    "--setopt",
    "-c",
];
const PIP_VALUES: &[&str] = &[
    "-c",
    "--constraint",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--prefix",
    "--root",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--only-binary",
    "--no-binary",
    "--trusted-host",
    "--cert",
    "--client-cert",
    "--proxy",
    "--timeout",
    "--retries",
    "--cache-dir",
    "--log",
    "--src",
    "--upgrade-strategy",
    "--progress-bar",
    "--root-user-action",
    "-C",
    "--config-settings",
    "--global-option",
    "--use-feature",
    "--report",
    "-p",
    "--python",
    "--build-constraint",
    "-b",
];

impl Install {
    /// What a command installs; `None`: nothing.
    pub fn of(command: &Command) -> Option<Install> {
        let (program, words) = command.program()?;
        let (manager, verbs, values, words): (_, &[&str], _, _) = match program {
            "apt-get" | "apt" | "aptitude" => (Manager::Apt, &["install"], APT_VALUES, words),
            "apk" => (Manager::Apk, &["add"], APK_VALUES, words),
            "dnf" | "microdnf" | "yum" | "tdnf" => (Manager::Dnf, &["install"], DNF_VALUES, words),
            "uv" if words.first().is_some_and(|word| word.text == "pip") => {
                (Manager::Pip, &["install", "sync"], PIP_VALUES, &words[1..])
            }
            name if is_pip(name) => (Manager::Pip, &["install"], PIP_VALUES, words),
            name if name.starts_with("python") => {
                let at = words.iter().position(|word| word.text == "-m")?;
                words.get(at + 1).filter(|word| word.text == "pip")?;
                (Manager::Pip, &["install"], PIP_VALUES, &words[at + 2..])
            }
            _ => return None,
        };
        let mut found = Install {
            manager,
            packages: Vec::new(),
            flags: Vec::new(),
            requirements: Vec::new(),
            place: command.place(),
        };
        let (mut installs, mut files) = (false, false);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let text = word.text.as_str();
            let (flag, value) =
                text.split_once('=').map_or((text, None), |(flag, value)| (flag, Some(value)));
            if manager == Manager::Pip && matches!(flag, "-r" | "--requirement" | "--requirements") {
                match value {
                    Some(value) => {
                        found.requirements.push(Word { text: value.to_owned(), place: word.place });
                    }
                    None => found.requirements.extend(rest.next().cloned()),
                }
            } else if let Some(file) =
                text.strip_prefix("-r").filter(|file| manager == Manager::Pip && !file.is_empty())
            {
                found.requirements.push(Word { text: file.to_owned(), place: word.place });
            } else if manager == Manager::Pip && matches!(text, "-e" | "--editable") {
                found.packages.extend(rest.next().cloned());
            } else if text.starts_with('-') && text.len() > 1 {
                found.flags.push(text.to_owned());
                if value.is_none() && values.contains(&flag) {
                    rest.next();
                }
            } else if is_redirection(text) {
                // `> file`: the file is no package.
                if text.ends_with(['>', '<']) {
                    rest.next();
                }
            } else if installs {
                found.packages.push(word.clone());
            } else {
                // The first word is the manager's verb.
                if !verbs.contains(&text) {
                    return None;
                }
                installs = true;
                files = text == "sync";
            }
        }
        if files {
            found.requirements.append(&mut found.packages);
        }
        installs.then_some(found)
    }

    /// Whether a flag is among those given, in one of these spellings, with or without a value.
    pub fn has(&self, spellings: &[&str]) -> bool {
        self.flags.iter().any(|flag| {
            let name = flag.split_once('=').map_or(flag.as_str(), |(name, _)| name);
            spellings.contains(&name)
        })
    }

    /// The packages' names, without versions, releases and architectures.
    pub fn names(&self) -> Vec<&str> {
        let ends: &[char] = match self.manager {
            Manager::Apt => &['=', '/', ':'],
            Manager::Apk => &['=', '<', '>', '~', '@'],
            Manager::Dnf => &[],
            Manager::Pip => &['=', '<', '>', '~', '!', '[', ';', ' ', '@'],
        };
        let name = |word: &'_ Word| -> usize { word.text.find(ends).unwrap_or(word.text.len()) };
        self.packages.iter().map(|word| &word.text[..name(word)]).collect()
    }
}

fn is_pip(name: &str) -> bool {
    name.strip_prefix("pip").is_some_and(|rest| rest.chars().all(|one| one.is_ascii_digit() || one == '.'))
}

fn is_redirection(text: &str) -> bool {
    let rest = text.trim_start_matches(|one: char| one.is_ascii_digit() || one == '&');
    rest.starts_with(['>', '<']) && (text.starts_with(['>', '<', '&']) || rest.len() < text.len())
}
