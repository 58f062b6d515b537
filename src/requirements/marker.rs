//! Environment markers (PEP 508): `python_version < "3.13" and sys_platform == "linux"`.

use pep440_rs::{Version, VersionSpecifier};

use super::Environment;

/// How deep brackets may nest.
const MAX_DEPTH: usize = 32;
/// The most comparisons of one marker.
const MAX_TERMS: usize = 200;

/// A condition on the environment.
#[derive(Clone, Debug)]
pub enum Marker {
    /// All hold.
    And(Vec<Marker>),
    /// One holds.
    Or(Vec<Marker>),
    /// A comparison.
    Compare {
        /// The left side.
        left: Operand,
        /// `==`, `!=`, `<`, `<=`, `>`, `>=`, `~=`, `===`, `in`, `not in`.
        operator: String,
        /// The right side.
        right: Operand,
    },
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A variable of the environment.
    Variable(String),
    /// Quoted text.
    Text(String),
}

const VARIABLES: &[&str] = &[
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform_machine",
    "platform_python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
];

/// Spellings that setuptools had once and pip still takes.
const OLD: &[(&str, &str)] = &[
    ("os.name", "os_name"),
    ("sys.platform", "sys_platform"),
    ("platform.version", "platform_version"),
    ("platform.machine", "platform_machine"),
    ("platform.python_implementation", "platform_python_implementation"),
    ("python_implementation", "platform_python_implementation"),
];

impl Marker {
    /// Whether it holds. `None`: that depends on something that is not known.
    pub fn holds(&self, environment: &Environment) -> Option<bool> {
        match self {
            Marker::And(all) => decide(all, environment, false),
            Marker::Or(any) => decide(any, environment, true),
            Marker::Compare { left, operator, right } => compare(left, operator, right, environment),
        }
    }
}

/// One part that is `decisive` decides; else what is not known leaves it open.
fn decide(parts: &[Marker], environment: &Environment, decisive: bool) -> Option<bool> {
    let mut open = false;
    for part in parts {
        match part.holds(environment) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!decisive)
}

fn compare(left: &Operand, operator: &str, right: &Operand, environment: &Environment) -> Option<bool> {
    if let (Operand::Variable(name), Operand::Text(text)) = (left, right)
        && (name == "python_full_version" || name == "implementation_version")
    {
        return full_version(operator, text, environment);
    }
    let value = |operand: &Operand| match operand {
        Operand::Variable(name) => environment.value(name),
        Operand::Text(text) => Some(text.clone()),
    };
    let (a, b) = (value(left)?, value(right)?);
    let extra = [left, right].contains(&&Operand::Variable("extra".to_owned()));
    match operator {
        "in" => return Some(b.contains(&a)),
        "not in" => return Some(!b.contains(&a)),
        _ => {}
    }
    // Versions where both sides are some, else text.
    if !extra
        && let (Ok(version), Ok(specifier)) =
            (a.parse::<Version>(), format!("{operator}{b}").parse::<VersionSpecifier>())
    {
        return Some(specifier.contains(&version));
    }
    Some(match operator {
        "==" | "===" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        ">=" => a >= b,
        // `~=` of what is no version: pip fails on it; nobody writes it.
        _ => return None,
    })
}

/// `python_full_version` and `implementation_version` against a version: the patch version is not known, so only
/// what holds for the first and for a very late one is told.
fn full_version(operator: &str, text: &str, environment: &Environment) -> Option<bool> {
    let minor = environment.python?;
    let specifier: VersionSpecifier = format!("{operator}{text}").parse().ok()?;
    let holds = |patch| specifier.contains(&Version::new([3, u64::from(minor), patch]));
    let (first, last) = (holds(0), holds(9999));
    // `==3.13.2` is false at both ends and true between.
    let exact = matches!(operator, "==" | "!=" | "===" | "~=") && !text.ends_with(".*");
    let of_this = specifier.version().release().get(1) == Some(&u64::from(minor));
    (first == last && !(exact && of_this)).then_some(first)
}

/// Parses a marker.
///
/// # Errors
/// What is wrong with it, in words that do not repeat it.
pub(super) fn parse(text: &str) -> Result<Marker, String> {
    let mut parser = Parser { rest: text, terms: 0 };
    let marker = parser.any(0)?;
    parser.space();
    if parser.rest.is_empty() { Ok(marker) } else { Err("its condition goes on after its end".to_owned()) }
}

struct Parser<'a> {
    rest: &'a str,
    terms: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A word, not the beginning of a longer one.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(word);
        match rest.filter(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self, depth: usize) -> Result<Marker, String> {
        let mut parts = vec![self.all(depth)?];
        while self.word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Marker::Or(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Marker, String> {
        let mut parts = vec![self.one(depth)?];
        while self.word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Marker::And(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Marker, String> {
        self.terms += 1;
        if depth > MAX_DEPTH || self.terms > MAX_TERMS {
            return Err("its condition is too long".to_owned());
        }
        if self.take("(") {
            let marker = self.any(depth + 1)?;
            return if self.take(")") {
                Ok(marker)
            } else {
                Err("a bracket of its condition is not closed".to_owned())
            };
        }
        let left = self.operand()?;
        let operator = self.operator()?;
        let right = self.operand()?;
        Ok(Marker::Compare { left, operator, right })
    }

    fn operator(&mut self) -> Result<String, String> {
        for symbol in ["===", "==", "!=", "~=", "<=", ">=", "<", ">"] {
            if self.take(symbol) {
                return Ok(symbol.to_owned());
            }
        }
        if self.word("in") {
            return Ok("in".to_owned());
        }
        if self.word("not") && self.word("in") {
            return Ok("not in".to_owned());
        }
        Err("its condition compares nothing".to_owned())
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.space();
        for quote in ['"', '\''] {
            if let Some(rest) = self.rest.strip_prefix(quote) {
                let (text, rest) = rest.split_once(quote).ok_or("a quote of its condition is not closed")?;
                self.rest = rest;
                return Ok(Operand::Text(text.to_owned()));
            }
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let name = OLD.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new);
        if !VARIABLES.contains(&name) {
            return Err("its condition asks for something that no environment has".to_owned());
        }
        self.rest = rest;
        Ok(Operand::Variable(name.to_owned()))
    }
}
