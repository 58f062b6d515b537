//! `.dockerignore`, as Docker reads it.

use std::path::Path;

use super::ContextError;
use super::pattern::Pattern;

/// A line that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}` is no pattern: {reason}")]
pub struct IgnoreError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    /// `!`: what matches is sent after all.
    negated: bool,
}

/// What is left out.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
    /// Sent whatever the rules say.
    always: Vec<String>,
}

/// The longest ignore file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

impl Ignore {
    /// The rules for a Dockerfile: `<Dockerfile>.dockerignore` beside it, as `BuildKit` has it, else
    /// `.dockerignore` in the context. Dockerfile and ignore file are always sent.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no pattern.
    pub fn beside(root: &Path, dockerfile: &str) -> Result<Ignore, ContextError> {
        for name in [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()] {
            let path = root.join(&name);
            if !path.is_file() {
                continue;
            }
            let unreadable = |reason: String| ContextError::Unreadable { path: name.clone(), reason };
            let inside = path.canonicalize().is_ok_and(|path| path.starts_with(root));
            if !inside {
                return Err(unreadable("it leads out of the context".to_owned()));
            }
            let length = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?.len();
            if length > LONGEST {
                return Err(unreadable("it has more than 1 MB".to_owned()));
            }
            let bytes = std::fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
            let mut ignore =
                Ignore::parse(&text).map_err(|error| ContextError::Ignore { file: name.clone(), error })?;
            ignore.always = vec![dockerfile.to_owned(), name];
            return Ok(ignore);
        }
        Ok(Ignore { rules: Vec::new(), always: vec![dockerfile.to_owned()] })
    }

    /// Reads the text of an ignore file.
    ///
    /// # Errors
    /// A line that is no pattern.
    pub fn parse(text: &str) -> Result<Ignore, IgnoreError> {
        let mut rules = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            // A comment's sign is the very first of its line.
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (negated, written) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let wrong = |reason| IgnoreError { line: index + 1, text: line.to_owned(), reason };
            if written.is_empty() {
                if negated {
                    return Err(wrong("nothing stands after `!`"));
                }
                continue;
            }
            let clean = clean(written);
            // The context itself cannot be left out.
            if clean.is_empty() {
                continue;
            }
            rules.push(Rule { pattern: Pattern::parse(&clean).map_err(wrong)?, negated });
        }
        Ok(Ignore { rules, always: Vec::new() })
    }

    /// Whether a path, with `/` between its names, is left out: the last pattern that matches it or a folder
    /// above it decides.
    pub fn excludes(&self, path: &str) -> bool {
        if self.always.iter().any(|always| always == path) {
            return false;
        }
        let mut excluded = false;
        for rule in &self.rules {
            if rule.negated == excluded && above(path).any(|path| rule.pattern.matches(path)) {
                excluded = !rule.negated;
            }
        }
        excluded
    }

    /// Whether something below a folder that is left out may be sent after all.
    pub fn may_hold(&self, folder: &str) -> bool {
        let reaches = |fixed: &str| {
            let (fixed, folder) = (format!("{fixed}/"), format!("{folder}/"));
            fixed == "/" || fixed.starts_with(&folder) || folder.starts_with(&fixed)
        };
        self.always.iter().any(|always| always.starts_with(&format!("{folder}/")))
            || self.rules.iter().filter(|rule| rule.negated).any(|rule| reaches(&rule.pattern.fixed()))
    }
}

/// The path and every folder above it, the highest first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at);
    slashes.chain([path.len()]).map(|end| &path[..end])
}

/// A pattern as Docker cleans it: no `.`, no `..` that can be resolved, no slashes at either end.
fn clean(pattern: &str) -> String {
    let rooted = pattern.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in pattern.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            // Above the root of a file system is nothing; above the context is what no path of it matches.
            ".." if rooted => {}
            name => names.push(name),
        }
    }
    names.join("/")
}
