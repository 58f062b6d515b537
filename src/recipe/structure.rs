//! Checks a file against the grammar's tables, collecting every mistake.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::grammar::{FILE_TYPE, Kind, TYPES, Table};
use super::suggest::{did_you_mean, list};
use super::yaml::{Key, Node, Yaml};
use super::{StatusRange, parse_duration, place, reads, snake};
use crate::azure::types;
use crate::diagnostic::{Code, Diagnostic, Source, Span, codes};
use crate::expression::Expression;

/// What the check found.
pub(super) struct Structure<'a> {
    source: &'a Arc<Source>,
    /// The mistakes, in the order of the file.
    pub(super) found: Vec<Diagnostic>,
    /// Whether something is missing or of the wrong type, so that no model can be made.
    pub(super) broken: bool,
}

impl<'a> Structure<'a> {
    /// Checks `yaml` as a whole file of this kind.
    pub(super) fn of(source: &'a Arc<Source>, yaml: &Yaml, table: &'static Table) -> Structure<'a> {
        let mut structure = Structure { source, found: Vec::new(), broken: false };
        structure.duplicates(yaml);
        structure.object(yaml, table);
        let start = |diagnostic: &Diagnostic| diagnostic.labels.first().map(|label| label.span.start);
        structure.found.sort_by_key(start);
        structure
    }

    /// Only looks for keys that stand twice.
    pub(super) fn of_table(source: &'a Arc<Source>, yaml: &Yaml) -> Structure<'a> {
        let mut structure = Structure { source, found: Vec::new(), broken: false };
        structure.duplicates(yaml);
        structure
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>, beside: impl Into<String>) {
        self.found.push(Diagnostic::error(code, message).label(self.source, span, beside));
    }

    fn fatal(&mut self, code: Code, span: Span, message: impl Into<String>, beside: impl Into<String>) {
        self.broken = true;
        self.report(code, span, message, beside);
    }

    fn wrong_type(&mut self, yaml: &Yaml, wanted: &str) {
        let found = yaml.describe();
        self.fatal(codes::WRONG_TYPE, yaml.span, format!("expected {wanted}, found {found}"), "");
        let quotable = matches!(yaml.node, Node::Bool(_) | Node::Number(_)) && wanted.contains("text");
        if let (true, Some(last)) = (quotable, self.found.last_mut()) {
            last.fix = Some("put it in quotes".to_owned());
        }
    }

    fn duplicates(&mut self, yaml: &Yaml) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for (key, value) in yaml.members() {
            let first = *seen.entry(&key.text).or_insert(key.span);
            if first != key.span {
                let diagnostic =
                    Diagnostic::error(codes::DUPLICATE_KEY, format!("`{}` stands here twice", key.text))
                        .label(self.source, key.span, "")
                        .label(self.source, first, "first here");
                self.found.push(diagnostic);
            }
            self.duplicates(value);
        }
        yaml.elements().iter().for_each(|element| self.duplicates(element));
    }

    fn check(&mut self, yaml: &Yaml, kind: Kind) {
        match kind {
            Kind::List(item) => match &yaml.node {
                Node::List(elements) => elements.iter().for_each(|element| self.check(element, *item)),
                _ => self.wrong_type(yaml, "a list"),
            },
            Kind::Map(item) => self.map(yaml, *item),
            Kind::Object(table) => self.object(yaml, table),
            Kind::RecipeOr(_) if yaml.text().is_some() => self.check(yaml, Kind::RecipeName),
            Kind::RecipeOr(table) => match yaml.node {
                Node::Map(_) => self.object(yaml, table),
                _ => self.wrong_type(yaml, "a recipe's name as text, or a map"),
            },
            Kind::NeverOr(_) if yaml.text().is_some() => self.check(yaml, Kind::Word(&["never"])),
            Kind::NeverOr(table) => match yaml.node {
                Node::Map(_) => self.object(yaml, table),
                _ => self.wrong_type(yaml, "`never`, or a map"),
            },
            Kind::TextOr(_) if yaml.text().is_some() => {}
            Kind::TextOr(table) => match yaml.node {
                Node::Map(_) => self.object(yaml, table),
                _ => self.wrong_type(yaml, "text, or a map"),
            },
            Kind::Named(item) => match &yaml.node {
                Node::Map(members) => members.iter().for_each(|(_, value)| self.check(value, *item)),
                _ => self.wrong_type(yaml, "a map"),
            },
            Kind::Count => {
                if !matches!(&yaml.node, Node::Number(number) if number.is_u64()) {
                    self.wrong_type(yaml, "a whole number from 0");
                }
            }
            Kind::CountExpr => self.count(yaml),
            Kind::Statuses => self.statuses(yaml),
            Kind::Headers => self.headers(yaml),
            Kind::Fragment => self.fragment(yaml),
            Kind::Json => {}
            Kind::Shape => self.shape(yaml),
            Kind::Flag => {
                if !matches!(yaml.node, Node::Bool(_)) {
                    self.wrong_type(yaml, "true or false");
                }
            }
            _ => match yaml.text() {
                Some(text) => self.scalar(yaml, text, kind),
                None => self.wrong_type(yaml, "text"),
            },
        }
    }

    fn scalar(&mut self, yaml: &Yaml, text: &str, kind: Kind) {
        let span = yaml.span;
        match kind {
            Kind::Expr => self.expression(text, span),
            Kind::Query => {
                if let Err(error) = Expression::query(text) {
                    let at = place(self.source, span, text, error.span);
                    self.report(codes::BAD_EXPRESSION, at, error.message, error.help.unwrap_or_default());
                }
            }
            Kind::RecipeName => self.name(text, span, false),
            Kind::Id => self.name(text, span, true),
            Kind::DurationExpr if text.contains("${") => self.expression(text, span),
            Kind::Duration | Kind::DurationExpr if parse_duration(text).is_none() => {
                self.report(
                    codes::BAD_VALUE,
                    span,
                    format!("`{text}` is not a duration"),
                    "such as `90s`, `2m` or `1h30m`",
                );
            }
            Kind::Url if !is_url(text) => {
                self.report(codes::BAD_VALUE, span, format!("`{text}` is not an https address"), "");
            }
            Kind::Regex => {
                if let Err(error) = regex_lite::Regex::new(text) {
                    self.report(codes::BAD_VALUE, span, format!("not a regular expression: {error}"), "");
                }
            }
            Kind::EnvName if of_credential(text) => self.report(
                codes::CREDENTIAL_VARIABLE,
                span,
                format!("`{text}` holds a credential of the caller, which no recipe may read"),
                "",
            ),
            Kind::EnvName if !is_env_name(text) => self.report(
                codes::BAD_NAME,
                span,
                format!("`{text}` is not the name of an environment variable"),
                "capitals, digits and underscores",
            ),
            Kind::ResourceType if !is_resource_type(text) => self.report(
                codes::BAD_VALUE,
                span,
                format!("`{text}` is not a resource type"),
                "such as `Microsoft.KeyVault/vaults` or `Microsoft.App/jobs@2025-07-01`",
            ),
            Kind::Action if !is_reading_action(text) && !types::effects().any(|one| one == text) => {
                let near = did_you_mean(text, types::effects());
                let known: Vec<&str> = types::effects().collect();
                let beside =
                    format!("one that begins with `list`, `get` or `check`, or {}", list(known.into_iter()));
                self.report(
                    codes::BAD_VALUE,
                    span,
                    format!("`{text}` is not an action that only reads, nor one that a step may send"),
                    if near.is_empty() { beside } else { near },
                );
            }
            Kind::Question if !types::questions().any(|one| one == text) => {
                let near = did_you_mean(text, types::questions());
                let known: Vec<&str> = types::questions().collect();
                let beside =
                    if near.is_empty() { format!("there is {}", list(known.into_iter())) } else { near };
                self.report(
                    codes::BAD_VALUE,
                    span,
                    format!("`{text}` is not an action that a lookup may ask"),
                    beside,
                );
                if let Some(last) = self.found.last_mut() {
                    last.notes.push(
                        "what could have an effect or answer with a secret is a step: a plan asks for nothing of it"
                            .to_owned(),
                    );
                }
            }
            Kind::Word(words) if !words.contains(&text) => self.report(
                codes::BAD_VALUE,
                span,
                format!("`{text}` is none of {}", list(words.iter().copied())),
                did_you_mean(text, words.iter().copied()),
            ),
            _ => {}
        }
    }

    fn name(&mut self, text: &str, span: Span, underscores: bool) {
        if !is_name(text, underscores) {
            let beside = if underscores {
                "small letters, digits, `_` and `-`, a letter first"
            } else {
                "small letters, digits and `-`, a letter first"
            };
            self.fatal(codes::BAD_NAME, span, format!("`{text}` is not a name"), beside);
        }
    }

    fn expression(&mut self, text: &str, span: Span) {
        if let Err(error) = Expression::parse(text) {
            let at = place(self.source, span, text, error.span);
            self.report(codes::BAD_EXPRESSION, at, error.message, error.help.unwrap_or_default());
        }
    }

    fn count(&mut self, yaml: &Yaml) {
        match &yaml.node {
            Node::Number(number) if number.as_u64().is_some_and(|count| count > 0) => {}
            Node::Text(text) if text.contains("${") => self.expression(text, yaml.span),
            _ => self.wrong_type(yaml, "a whole number from 1"),
        }
    }

    fn statuses(&mut self, yaml: &Yaml) {
        match &yaml.node {
            Node::Text(text) if text.contains("${") => self.expression(text, yaml.span),
            Node::List(elements) if elements.is_empty() => {
                self.report(codes::BAD_VALUE, yaml.span, "no status would ever hold", "");
            }
            Node::List(elements) => {
                for element in elements {
                    match &element.node {
                        Node::Text(text) if text.contains("${") => self.expression(text, element.span),
                        Node::Text(_) | Node::Number(_)
                            if StatusRange::of_json(&element.to_json()).is_none() =>
                        {
                            let message = format!("{} is no status", element.to_json());
                            self.report(
                                codes::BAD_VALUE,
                                element.span,
                                message,
                                "such as 200 or \"200-299\"",
                            );
                        }
                        Node::Text(_) | Node::Number(_) => {}
                        _ => self.wrong_type(element, "a status such as 200 or \"200-299\""),
                    }
                }
            }
            _ => self.wrong_type(yaml, "a list of status codes and ranges"),
        }
    }

    fn headers(&mut self, yaml: &Yaml) {
        let Node::Map(members) = &yaml.node else {
            self.wrong_type(yaml, "a map");
            return;
        };
        for (key, value) in members {
            if let Some(why) = refused_header(&key.text) {
                self.report(codes::BAD_NAME, key.span, format!("`{}` {why}", key.text), "");
            }
            self.check(value, Kind::Expr);
        }
    }

    fn fragment(&mut self, yaml: &Yaml) {
        match &yaml.node {
            Node::Text(text) => self.expression(text, yaml.span),
            Node::List(elements) => elements.iter().for_each(|element| self.fragment(element)),
            Node::Map(members) => {
                for (key, value) in members {
                    self.expression(&key.text, key.span);
                    self.fragment(value);
                }
            }
            _ => {}
        }
    }

    fn shape(&mut self, yaml: &Yaml) {
        match &yaml.node {
            Node::Text(text) if text == FILE_TYPE => {
                let message = "`file` is the type of an input, not of what is in one";
                self.report(codes::BAD_VALUE, yaml.span, message, "an input for each file");
            }
            Node::Text(text) => self.scalar(yaml, text, Kind::Word(TYPES)),
            Node::Map(members) => {
                for (key, value) in members {
                    // A trailing `?` says that the member may be missing.
                    self.member_name(key.text.strip_suffix('?').unwrap_or(&key.text), key.span);
                    self.shape(value);
                }
            }
            _ => self.wrong_type(yaml, "a type's name as text, or a map of members"),
        }
    }

    /// Members of a record keep the spelling of the data, such as `keyVaultUrl`.
    fn member_name(&mut self, text: &str, span: Span) {
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            self.fatal(codes::BAD_NAME, span, format!("`{text}` is not a member's name"), "");
        }
    }

    fn map(&mut self, yaml: &Yaml, item: Kind) {
        let Node::Map(members) = &yaml.node else {
            self.wrong_type(yaml, "a map");
            return;
        };
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (key, value) in members {
            self.name(&key.text, key.span, true);
            let first = *seen.entry(snake(&key.text)).or_insert(&key.text);
            if first != key.text {
                let message = format!("`{first}` and `{}` are one name in expressions", key.text);
                self.report(codes::NAME_TAKEN, key.span, message, "");
            }
            if matches!(value.node, Node::Null)
                && !matches!(item, Kind::Fragment | Kind::Json | Kind::Object(_))
            {
                self.wrong_type(value, "a value");
            } else if !matches!(value.node, Node::Null) {
                self.check(value, item);
            } else if let Kind::Object(table) = item {
                self.required(&key.span, &[], table);
            }
        }
    }

    fn object(&mut self, yaml: &Yaml, table: &'static Table) {
        let Node::Map(members) = &yaml.node else {
            self.wrong_type(yaml, &format!("{} as a map", table.what));
            return;
        };
        for (key, value) in members {
            match table.keys.iter().find(|known| known.name == key.text) {
                Some(_) if matches!(value.node, Node::Null) => {}
                Some(known) => self.check(value, known.kind),
                None => self.unknown(key, table),
            }
        }
        self.required(&yaml.span, members, table);
    }

    fn unknown(&mut self, key: &Key, table: &Table) {
        let message = format!("{} has no key `{}`", table.what, key.text);
        let known = || table.keys.iter().map(|known| known.name);
        let beside = did_you_mean(&key.text, known());
        let mut diagnostic =
            Diagnostic::error(codes::UNKNOWN_KEY, message).note(format!("the keys are {}", list(known())));
        if let Some((words, reason)) = table.refused {
            let folded = key.text.to_ascii_lowercase();
            if words.iter().any(|word| folded.contains(word)) {
                diagnostic = diagnostic.note(reason);
            }
        }
        self.found.push(diagnostic.label(self.source, key.span, beside));
    }

    fn required(&mut self, span: &Span, members: &[(Key, Yaml)], table: &Table) {
        let has = |name: &str| {
            members.iter().any(|(key, value)| key.text == name && !matches!(value.node, Node::Null))
        };
        for key in table.keys.iter().filter(|key| key.required && !has(key.name)) {
            self.fatal(codes::MISSING_KEY, *span, format!("{} needs `{}`", table.what, key.name), "");
        }
        let choices = table.exactly_one;
        let chosen: Vec<&(Key, Yaml)> =
            members.iter().filter(|(key, _)| choices.contains(&key.text.as_str())).collect();
        match chosen.as_slice() {
            [] if !choices.is_empty() => self.fatal(
                codes::MISSING_KEY,
                *span,
                format!("{} needs one of {}", table.what, list(choices.iter().copied())),
                "",
            ),
            [_, (second, _), ..] => self.report(
                codes::UNKNOWN_KEY,
                second.span,
                format!("{} is only one of {}", table.what, list(choices.iter().copied())),
                "",
            ),
            _ => {}
        }
        let (beside, keys) = table.only_with.unwrap_or_default();
        if !beside.is_empty() && !beside.iter().any(|key| has(key)) && !chosen.is_empty() {
            let beside = list(beside.iter().copied());
            for (key, _) in members.iter().filter(|(key, _)| keys.contains(&key.text.as_str())) {
                let message = format!("`{}` has a meaning beside {beside} only", key.text);
                self.report(codes::UNKNOWN_KEY, key.span, message, "");
            }
        }
    }
}

/// Whether the text is a name: small letters, digits and `-` (and `_`), a letter first.
/// By ARM's habit the POST actions that have no effect are called `list…`, `get…` or `check…`. It stands in an
/// address, so that it has letters only.
fn is_reading_action(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphabetic()) && reads(text)
}

/// Headers that carry credentials, name another host, address or caller, make another method of the request, or
/// are the connection's.
const REFUSED_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-client-ip",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// How more of these begin. The edge tells apps who is signed in by `x-ms-client-principal…`
/// (<https://learn.microsoft.com/azure/container-apps/authentication>).
const REFUSED_STARTS: &[&str] = &["proxy-", "x-forwarded-", "x-ms-client-", "x-ms-token-"];

/// Why no probe carries a header of this name.
fn refused_header(name: &str) -> Option<&'static str> {
    let folded = name.to_ascii_lowercase();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        Some("is not a header's name")
    } else if REFUSED_HEADERS.contains(&folded.as_str())
        || REFUSED_STARTS.iter().any(|start| folded.starts_with(start))
    {
        Some(
            "is no header of a check: it carries no credential, and names no host, caller or method but its own",
        )
    } else {
        None
    }
}

pub(super) fn is_name(text: &str, underscores: bool) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (underscores && c == '_'))
}

fn is_env_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Starts of the names of variables that hold credentials of the caller: those this program takes, and
/// those that pipelines and other tools for clouds set. A recipe that lists one would get it as an input.
pub(super) const CREDENTIALS: &[&str] = &[
    "ACARECIPE_",
    "ACTIONS_ID_TOKEN_",
    "ACTIONS_RUNTIME_TOKEN",
    "ARM_ACCESS_KEY",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_SECRET",
    "ARM_OIDC_",
    "ARM_SAS_TOKEN",
    "AWS_",
    "AZURE_ACCESS_TOKEN",
    "AZURE_CLIENT_CERTIFICATE",
    "AZURE_CLIENT_SECRET",
    "AZURE_DEVOPS_EXT_PAT",
    "AZURE_FEDERATED_TOKEN",
    "AZURE_PASSWORD",
    "DOCKER_AUTH_CONFIG",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GOOGLE_",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "MSI_",
    "NPM_TOKEN",
    "SSH_",
    "SYSTEM_ACCESSTOKEN",
    "SYSTEM_OIDC",
    "VAULT_TOKEN",
];

fn of_credential(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    CREDENTIALS.iter().any(|start| name.starts_with(start))
}

fn is_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.host_str().is_some())
}

fn is_resource_type(text: &str) -> bool {
    let (kind, version) = text.split_once('@').unwrap_or((text, "2000-01-01"));
    let parts: Vec<&str> = kind.split('/').collect();
    // A letter or digit first: `..` would climb in the path of a request.
    let word = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
    };
    let date = version.get(..10).unwrap_or_default();
    parts.len() >= 2
        && parts.iter().all(word)
        && parts
            .first()
            .is_some_and(|space| space.contains('.') && space.split('.').all(|part| !part.is_empty()))
        && date.chars().enumerate().all(
            |(index, c)| {
                if matches!(index, 4 | 7) { c == '-' } else { c.is_ascii_digit() }
            },
        )
        && date.len() == 10
        && matches!(version.get(10..), Some("" | "-preview"))
}
