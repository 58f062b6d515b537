//! From a checked tree to the model. A part that does not have its form is left out here, because
//! the structure check has reported it.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::yaml::{Node as YamlNode, Yaml};
use super::{
    ActionLookup, ActionStep, CertificateLookup, Check, CheckKind, Complexity, DataFile, Definition,
    DnsCheck, DnsLookup, DockerfileLookup, Expr, Field, Goal, Guard, HttpCheck, Id, ImageBuild, Input,
    Lookup, LookupKind, ManifestLookup, Origin, Recipe, Requirement, RequirementsLookup, ResourceLookup,
    ResourceStep, ResourceType, Retry, RoleAssignment, Rollout, Search, Shape, Spanned, SqlUser, Step,
    StepKind, Target, WaitStep, parse_duration, snake,
};
use crate::azure::dns::RecordType;
use crate::diagnostic::{Severity, Source};
use crate::expression::{Expression, Node, Tree};

/// How long a step repeats a refusal it names itself.
const RETRY_TIMEOUT: Duration = Duration::from_secs(600);

/// The recipe in a file; `None` when something it cannot be without is missing.
pub(super) fn recipe(source: &Arc<Source>, origin: Origin, yaml: &Yaml) -> Option<Recipe> {
    Some(Recipe {
        source: Arc::clone(source),
        origin,
        name: text_at(yaml, "name")?,
        title: text_at(yaml, "title")?.value,
        category: text_at(yaml, "category")?.value,
        complexity: match word(yaml, "complexity") {
            Some("medium") => Complexity::Medium,
            Some("high") => Complexity::High,
            _ => Complexity::Low,
        },
        concept: text_at(yaml, "concept").map(|text| text.value),
        goals: texts(yaml, "goals").iter().filter_map(goal_of).collect(),
        docs: values(texts(yaml, "docs")),
        target: match word(yaml, "target") {
            Some("environment") => Target::Environment,
            Some("resource_group") => Target::ResourceGroup,
            _ => Target::App,
        },
        follows: texts(yaml, "follows"),
        requires: elements(yaml, "requires").filter_map(requirement).collect(),
        inputs: named(yaml, "inputs", |id, yaml| Some(input(id, yaml))),
        data: named(yaml, "data", |id, yaml| {
            let file = Spanned { value: yaml.text()?.to_owned(), span: yaml.span };
            Some(DataFile { id, file, value: Arc::default() })
        }),
        existing: named(yaml, "existing", lookup),
        variables: definitions(yaml, "variables"),
        prerequisites: elements(yaml, "prerequisites").filter_map(check).collect(),
        steps: elements(yaml, "steps").filter_map(step).collect(),
        rollout: yaml.get("rollout").and_then(rollout),
        verify: elements(yaml, "verify").filter_map(check).collect(),
        outputs: definitions(yaml, "outputs"),
        notes: expr(yaml, "notes"),
    })
}

fn goal_of(text: &Spanned<String>) -> Option<Goal> {
    match text.value.as_str() {
        "safety" => Some(Goal::Safety),
        "security" => Some(Goal::Security),
        "velocity" => Some(Goal::Velocity),
        _ => None,
    }
}

fn requirement(yaml: &Yaml) -> Option<Requirement> {
    if let Some(name) = yaml.text() {
        return Some(Requirement {
            recipe: spanned(name.to_owned(), yaml),
            alias: None,
            when: None,
            with: IndexMap::new(),
            span: yaml.span,
        });
    }
    Some(Requirement {
        recipe: text_at(yaml, "recipe")?,
        alias: text_at(yaml, "as").map(id),
        when: expr(yaml, "when"),
        with: definitions(yaml, "with"),
        span: yaml.span,
    })
}

fn input(id: Id, yaml: &Yaml) -> Input {
    let held = |key: &str| Box::new(yaml.get(key).map_or(Shape::Any, shape));
    Input {
        id,
        shape: match word(yaml, "type").unwrap_or("string") {
            "list" => Shape::List(held("items")),
            "map" => Shape::Map(held("values")),
            name => simple_shape(name),
        },
        env: values(texts(yaml, "env")),
        default: yaml.get("default").map(tree),
        required: flag(yaml, "required"),
        secret: flag(yaml, "secret"),
        one_of: elements(yaml, "one_of").map(Yaml::to_json).collect(),
        // Anchored: a pattern that matches somewhere inside says nothing.
        pattern: word(yaml, "pattern").and_then(|text| regex_lite::Regex::new(&format!("^(?:{text})$")).ok()),
        description: text_at(yaml, "description").map(|text| text.value),
    }
}

fn shape(yaml: &Yaml) -> Shape {
    match &yaml.node {
        YamlNode::Text(name) => simple_shape(name),
        YamlNode::Map(members) => Shape::Record(
            members
                .iter()
                .map(|(key, value)| {
                    let name = key.text.strip_suffix('?');
                    let field = Field { shape: shape(value), optional: name.is_some() };
                    (name.unwrap_or(&key.text).to_owned(), field)
                })
                .collect(),
        ),
        _ => Shape::Any,
    }
}

fn simple_shape(name: &str) -> Shape {
    match name {
        "string" => Shape::String,
        "integer" => Shape::Integer,
        "number" => Shape::Number,
        "boolean" => Shape::Boolean,
        "duration" => Shape::Duration,
        "path" => Shape::Path,
        "file" => Shape::File,
        "list" => Shape::List(Box::new(Shape::Any)),
        "map" => Shape::Map(Box::new(Shape::Any)),
        _ => Shape::Any,
    }
}

fn lookup(id: Id, yaml: &Yaml) -> Option<Lookup> {
    Some(Lookup {
        id,
        kind: lookup_kind(yaml)?,
        optional: flag(yaml, "optional"),
        when: expr(yaml, "when"),
        for_each: expr(yaml, "for_each"),
        after: texts(yaml, "after"),
        fix: expr(yaml, "fix"),
        docs: text_at(yaml, "docs").map(|text| text.value),
        span: yaml.span,
    })
}

fn lookup_kind(yaml: &Yaml) -> Option<LookupKind> {
    if let Some(manifest) = yaml.get("manifest") {
        return Some(LookupKind::Manifest(ManifestLookup {
            registry: expr(manifest, "registry")?,
            repository: expr(manifest, "repository")?,
            reference: expr(manifest, "reference")?,
        }));
    }
    if let Some(action) = yaml.get("action") {
        return Some(LookupKind::Action(Box::new(ActionLookup {
            resource: expr(action, "resource")?,
            name: text_at(action, "name")?,
            query: action.get("query").map(tree),
            body: action.get("body").map(tree),
        })));
    }
    if let Some(requirements) = yaml.get("requirements") {
        return Some(LookupKind::Requirements(Box::new(RequirementsLookup {
            context: expr(requirements, "context")?,
            file: expr(requirements, "file")?,
            packages: expr(requirements, "packages")?,
            groups: expr(requirements, "groups"),
            dockerfile: expr(requirements, "dockerfile"),
            python: expr(requirements, "python"),
            platform: expr(requirements, "platform"),
        })));
    }
    if let Some(certificate) = yaml.get("certificate") {
        return Some(LookupKind::Certificate(CertificateLookup {
            file: expr(certificate, "file")?,
            password: expr(certificate, "password"),
            host: expr(certificate, "host"),
        }));
    }
    if let Some(dockerfile) = yaml.get("dockerfile") {
        return Some(LookupKind::Dockerfile(Box::new(DockerfileLookup {
            context: expr(dockerfile, "context")?,
            file: expr(dockerfile, "file"),
            port: expr(dockerfile, "port"),
            health: expr(dockerfile, "health"),
            accept: expr(dockerfile, "accept"),
        })));
    }
    if let Some(dns) = yaml.get("dns") {
        return Some(LookupKind::Dns(dns_lookup(dns)?));
    }
    Some(LookupKind::Resource(ResourceLookup {
        kind: resource_type(yaml)?,
        name: expr(yaml, "name"),
        parent: expr(yaml, "parent"),
        scope: expr(yaml, "scope"),
        resource_group: expr(yaml, "resource_group"),
        search: if yaml.get("search").is_some() { Search::Subscription } else { Search::Group },
        list: flag(yaml, "list"),
    }))
}

fn check(yaml: &Yaml) -> Option<Check> {
    Some(Check {
        kind: match (yaml.get("http"), yaml.get("dns")) {
            (Some(http), _) => CheckKind::Http(Box::new(http_check(http)?)),
            (None, Some(dns)) => {
                CheckKind::Dns(Box::new(DnsCheck { of: dns_lookup(dns)?, expect: expr(dns, "expect")? }))
            }
            (None, None) => CheckKind::That(expr(yaml, "that")?),
        },
        name: expr(yaml, "name"),
        otherwise: expr(yaml, "otherwise"),
        fix: expr(yaml, "fix"),
        severity: match word(yaml, "severity") {
            Some("warning") => Severity::Warning,
            _ => Severity::Error,
        },
        not_exercised: expr(yaml, "not_exercised"),
        when: expr(yaml, "when"),
        for_each: expr(yaml, "for_each"),
        within: expr(yaml, "within"),
        successes: yaml.get("successes").map(tree),
        at: expr(yaml, "at"),
        docs: text_at(yaml, "docs").map(|text| text.value),
        span: yaml.span,
    })
}

fn dns_lookup(yaml: &Yaml) -> Option<DnsLookup> {
    Some(DnsLookup {
        name: expr(yaml, "name")?,
        kind: RecordType::of(word(yaml, "type")?)?,
        climb: flag(yaml, "climb"),
    })
}

fn http_check(yaml: &Yaml) -> Option<HttpCheck> {
    Some(HttpCheck {
        url: expr(yaml, "url")?,
        method: match word(yaml, "method") {
            Some("HEAD") => "HEAD",
            Some("OPTIONS") => "OPTIONS",
            _ => "GET",
        },
        headers: yaml.get("headers").map(tree),
        status: yaml.get("status").map(tree),
        body: expr(yaml, "body"),
        max_time: expr(yaml, "max_time"),
        follow_redirects: flag(yaml, "follow_redirects"),
        refused: word(yaml, "expect") == Some("refused"),
        tls_name: expr(yaml, "tls_name"),
        min_days: yaml.get("min_days").map(tree),
        client_certificate: expr(yaml, "client_certificate"),
        client_key: expr(yaml, "client_key"),
    })
}

fn rollout(yaml: &Yaml) -> Option<Rollout> {
    let steps = yaml.get("steps")?;
    Some(Rollout {
        label: expr(yaml, "label")?,
        checks: elements(yaml, "checks").filter_map(check).collect(),
        weights: expr(steps, "weights")?,
        bake: expr(steps, "bake"),
        on_failure: expr(yaml, "on_failure"),
        keep: expr(yaml, "keep"),
        span: yaml.span,
    })
}

fn step(yaml: &Yaml) -> Option<Step> {
    Some(Step {
        id: id(text_at(yaml, "id")?),
        kind: step_kind(yaml)?,
        when: expr(yaml, "when"),
        for_each: expr(yaml, "for_each"),
        after: texts(yaml, "after"),
        why: expr(yaml, "why"),
        triggered_by: texts(yaml, "triggered_by"),
        retry: yaml.get("retry").filter(|retry| retry.text().is_none()).map(retry),
        never: yaml.get("retry").filter(|retry| retry.text().is_some()).map(|retry| retry.span),
        timeout: duration(yaml, "timeout"),
        span: yaml.span,
    })
}

fn guard(yaml: &Yaml) -> Option<Guard> {
    Some(Guard {
        when: expr(yaml, "when")?,
        otherwise: expr(yaml, "otherwise")?,
        fix: expr(yaml, "fix"),
        docs: yaml.get("docs").and_then(Yaml::text).map(str::to_owned),
    })
}

fn step_kind(yaml: &Yaml) -> Option<StepKind> {
    if let Some(fragment) = yaml.get("container_app") {
        return Some(StepKind::ContainerApp(tree(fragment)));
    }
    if let Some(resource) = yaml.get("resource") {
        return Some(StepKind::Resource(ResourceStep {
            kind: resource_type(resource)?,
            name: expr(resource, "name")?,
            parent: expr(resource, "parent"),
            scope: expr(resource, "scope"),
            matches: texts(resource, "match"),
            body: tree(resource.get("body")?),
            guard: resource.get("guard").and_then(guard),
        }));
    }
    if let Some(sql) = yaml.get("sql") {
        let user = sql.get("user")?;
        return Some(StepKind::Sql(SqlUser {
            server: expr(sql, "server")?,
            database: expr(sql, "database")?,
            name: expr(user, "name")?,
            client_id: expr(user, "client_id")?,
            roles: expr(sql, "roles")?,
            mode: expr(sql, "mode"),
        }));
    }
    if let Some(build) = yaml.get("image_build") {
        return Some(StepKind::ImageBuild(Box::new(ImageBuild {
            registry: expr(build, "registry")?,
            context: expr(build, "context")?,
            dockerfile: expr(build, "dockerfile"),
            repository: expr(build, "repository")?,
            tags: build.get("tags").map(tree),
            platform: expr(build, "platform"),
            args: build.get("args").map(tree),
            test: build.get("test").map(tree),
            span: build.span,
        })));
    }
    if let Some(action) = yaml.get("action") {
        return Some(StepKind::Action(ActionStep {
            resource: expr(action, "resource")?,
            name: text_at(action, "name")?,
            body: action.get("body").map(tree),
        }));
    }
    if let Some(wait) = yaml.get("wait") {
        return Some(StepKind::Wait(Box::new(WaitStep {
            lookup: lookup(id(text_at(yaml, "id")?), wait.get("for")?)?,
            until: expr(wait, "until")?,
            fails_when: expr(wait, "fails_when"),
            reason: expr(wait, "reason"),
        })));
    }
    let assignment = yaml.get("role_assignment")?;
    Some(StepKind::RoleAssignment(RoleAssignment {
        role: expr(assignment, "role")?,
        principal: expr(assignment, "principal")?,
        scope: expr(assignment, "scope")?,
        settle: duration(assignment, "settle"),
    }))
}

fn retry(yaml: &Yaml) -> Retry {
    Retry {
        error_matches: texts(yaml, "error_matches")
            .iter()
            .filter_map(|text| regex_lite::Regex::new(text).ok())
            .collect(),
        timeout: duration(yaml, "timeout").unwrap_or(RETRY_TIMEOUT),
    }
}

fn resource_type(yaml: &Yaml) -> Option<Spanned<ResourceType>> {
    let text = text_at(yaml, "type")?;
    let (kind, version) = match text.value.split_once('@') {
        Some((kind, version)) => (kind.to_owned(), Some(version.to_owned())),
        None => (text.value, None),
    };
    Some(Spanned { value: ResourceType { kind, version }, span: text.span })
}

/// A tree of expressions. Text that does not parse stands as empty text: it is reported already.
pub(super) fn tree(yaml: &Yaml) -> Tree {
    let node = match &yaml.node {
        YamlNode::Text(text) => parsed(text).map_or(Node::Scalar(serde_json::Value::Null), Node::Text),
        YamlNode::List(elements) => Node::List(elements.iter().map(tree).collect()),
        YamlNode::Map(members) => Node::Map(
            members
                .iter()
                .filter_map(|(key, value)| Some((parsed(&key.text)?, key.span, tree(value))))
                .collect(),
        ),
        _ => Node::Scalar(yaml.to_json()),
    };
    Tree { node, span: yaml.span }
}

fn parsed(text: &str) -> Option<Expression> {
    Expression::parse(text).or_else(|_| Expression::parse("")).ok()
}

fn expr(yaml: &Yaml, key: &str) -> Option<Expr> {
    let yaml = yaml.get(key)?;
    Some(spanned(parsed(yaml.text()?)?, yaml))
}

fn definitions(yaml: &Yaml, key: &str) -> IndexMap<String, Definition> {
    named(yaml, key, |id, yaml| Some(Definition { id, value: tree(yaml) }))
}

/// The members of the map at `key`, by name as expressions spell it; of a repeated name the first.
fn named<T>(yaml: &Yaml, key: &str, read: impl Fn(Id, &Yaml) -> Option<T>) -> IndexMap<String, T> {
    let mut all = IndexMap::new();
    for (key, value) in yaml.get(key).map_or(&[] as &[_], Yaml::members) {
        let id = Id { name: snake(&key.text), written: key.text.clone(), span: key.span };
        if !all.contains_key(&id.name) {
            let name = id.name.clone();
            all.extend(read(id, value).map(|part| (name, part)));
        }
    }
    all
}

pub(super) fn id(text: Spanned<String>) -> Id {
    Id { name: snake(&text.value), span: text.span, written: text.value }
}

fn spanned<T>(value: T, yaml: &Yaml) -> Spanned<T> {
    Spanned { value, span: yaml.span }
}

pub(super) fn elements<'a>(yaml: &'a Yaml, key: &str) -> impl Iterator<Item = &'a Yaml> {
    yaml.get(key).map_or(&[] as &[Yaml], Yaml::elements).iter()
}

pub(super) fn text_at(yaml: &Yaml, key: &str) -> Option<Spanned<String>> {
    let yaml = yaml.get(key)?;
    Some(spanned(yaml.text()?.to_owned(), yaml))
}

fn texts(yaml: &Yaml, key: &str) -> Vec<Spanned<String>> {
    elements(yaml, key).filter_map(|element| Some(spanned(element.text()?.to_owned(), element))).collect()
}

fn values(texts: Vec<Spanned<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

fn word<'a>(yaml: &'a Yaml, key: &str) -> Option<&'a str> {
    yaml.get(key)?.text()
}

fn flag(yaml: &Yaml, key: &str) -> bool {
    matches!(yaml.get(key), Some(Yaml { node: YamlNode::Bool(true), .. }))
}

fn duration(yaml: &Yaml, key: &str) -> Option<Duration> {
    parse_duration(word(yaml, key)?)
}
