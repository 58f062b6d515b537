//! `image_build` steps under the facts at hand: what would be sent, and whether the registry has made it already.

use super::finding::{Finding, Status};
use super::frame::{Frame, step_origins};
use super::quote;
use super::stepping::usable;
use crate::azure::builds::VERSION;
use crate::azure::image::{is_digest, is_repository, is_tag};
use crate::azure::{ResourceId, builds};
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::facts::{Fact, LocalPath, Read};
use crate::recipe::{ImageBuild as Wanted, Step};
use crate::steps::{Folder, Found, ImageBuild, Outcome, Platform, image_build, shell_word};
use crate::value::{Origin, Value};

/// Where a page says what of tasks a closed registry lets in.
const CLOSED: &str =
    "https://learn.microsoft.com/azure/container-registry/allow-access-trusted-services#example-acr-tasks";

/// Where a page says how tasks sign in where roles are given for repositories.
const BY_REPOSITORY: &str = "https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions";

/// The most build arguments, and the most bytes of one.
const MOST_ARGS: usize = 100;
const LONGEST_ARG: usize = 4096;

/// What an `image_build` step comes to.
#[derive(Default)]
pub(super) struct Built {
    pub(super) outcome: Option<Outcome>,
    /// What stands in its way, or may.
    pub(super) findings: Vec<Finding>,
    /// The values that it stands or falls with.
    pub(super) uses: Vec<Value>,
}

impl Frame<'_, '_> {
    pub(super) fn image_build(&self, step: &Step, key: &str, wanted: &Wanted) -> Built {
        let mut built = Built::default();
        let registry = self.expression(&wanted.registry);
        let texts: Vec<Value> = wanted.expressions().skip(1).map(|one| self.expression(one)).collect();
        let trees: Vec<Value> = wanted.trees().map(|one| self.tree(one)).collect();
        built.uses = [registry.clone()].into_iter().chain(texts.clone()).chain(trees.clone()).collect();
        // All of it is shown, or ends in the image.
        let spans =
            wanted.expressions().skip(1).map(|one| one.span).chain(wanted.trees().map(|one| one.span));
        let hidden = texts
            .iter()
            .chain(&trees)
            .zip(spans)
            .any(|(value, span)| self.hides(all_marks(value), span, "part of an image build"));
        if hidden {
            return Built::default();
        }
        for known in &built.uses {
            self.must_be_known(step, known);
        }
        let read = |value: &Value| !value.is_unknown() || !step_origins(value).is_empty();
        if !built.uses.iter().all(usable) || !built.uses.iter().all(read) || self.engine.place_is_missing() {
            return built;
        }
        let Ok(context) = self.local_path(&wanted.context) else { return built };
        let dockerfile = match &wanted.dockerfile {
            Some(path) => self.expression(path).as_str().unwrap_or("Dockerfile").to_owned(),
            None => "Dockerfile".to_owned(),
        };
        let fact = self.engine.asked.value(&Read::context(&context, &dockerfile));
        if fact.is_unknown() {
            built.uses.push(fact);
            return built;
        }
        if let Some(reason) = fact.text_at(&["refused"]) {
            let finding =
                Finding::failed(codes::CONTEXT, format!("what {} holds can be sent", context.written()))
                    .detail(reason.to_owned());
            built.findings.push(match fact.text_at(&["fix"]) {
                Some(fix) => finding.fix(fix.to_owned()),
                None => finding,
            });
            return built;
        }
        let Some(mut build) = self.build(wanted, &registry, folder(context, &fact), dockerfile) else {
            return built;
        };
        build.found = match self.built_already(&registry, &build) {
            Known::Unread(unknown) => {
                built.uses.push(unknown);
                return built;
            }
            Known::Yes(found) => Some(found),
            Known::No => None,
        };
        match image_build(&build, key) {
            Ok(outcome) => {
                built.findings.extend(left_out(&build));
                if build.found.is_none() {
                    built.findings.extend(obstacles(&build, &registry));
                }
                built.outcome = Some(outcome);
            }
            Err(error) => self.wrong(&error.to_string(), wanted.span),
        }
        built
    }

    fn wrong(&self, message: &str, span: Span) {
        let problem = Diagnostic::error(codes::BAD_VALUE, message);
        self.engine.problem(problem.label(&self.recipe().source, span, ""));
    }

    /// The build in definite terms; `None`: a problem was reported.
    fn build(
        &self,
        wanted: &Wanted,
        registry: &Value,
        folder: Folder,
        dockerfile: String,
    ) -> Option<ImageBuild> {
        let id = registry.text_at(&["id"]).and_then(ResourceId::parse)?;
        let server = registry.text_at(&["properties", "loginServer"])?.to_owned();
        let repository = self.expression(&wanted.repository).as_str().unwrap_or_default().to_owned();
        if !is_repository(&repository) {
            let message = format!("`{repository}` cannot be the name of a repository");
            self.wrong(&message, wanted.repository.span);
            return None;
        }
        let platform = match &wanted.platform {
            None => "linux/amd64".to_owned(),
            Some(one) => self.expression(one).as_str().unwrap_or("linux/amd64").to_owned(),
        };
        let Some(platform) = Platform::parse(&platform) else {
            let message =
                format!("`{platform}` is no platform that a registry builds for, such as linux/amd64");
            self.wrong(&message, wanted.platform.as_ref().map_or(wanted.span, |one| one.span));
            return None;
        };
        let span =
            |tree: &Option<crate::expression::Tree>| tree.as_ref().map_or(wanted.span, |tree| tree.span);
        let words = |tree: &Option<crate::expression::Tree>, what: &str| {
            let value = tree.as_ref().map_or_else(Value::null, |tree| self.tree(tree));
            let words = words(&value);
            if words.is_none() {
                self.wrong(&format!("a build's `{what}` is a list of texts"), span(tree));
            }
            words
        };
        let tags = words(&wanted.tags, "tags")?;
        if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
            self.wrong(&format!("`{tag}` cannot be a tag"), span(&wanted.tags));
            return None;
        }
        let test = words(&wanted.test, "test")?;
        let args = wanted.args.as_ref().map_or_else(Value::null, |tree| self.tree(tree));
        let args = match arguments(&args) {
            Ok(args) => args,
            Err(message) => {
                self.wrong(&message, span(&wanted.args));
                return None;
            }
        };
        let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        if let Some(program) = test.first().filter(|program| !plain(program)) {
            self.wrong(&format!("`{program}` cannot be the program of a test"), span(&wanted.test));
            return None;
        }
        // Where there is a test all of it becomes a command line.
        if !test.is_empty() {
            let words = test.iter().chain(args.iter().flat_map(|(name, value)| [name, value]));
            if let Some(word) = words.chain([&dockerfile]).find(|word| shell_word(word).is_none()) {
                let message = format!(
                    "`{word}` cannot stand in a build with a test: the language of registry tasks reads `$`, `{{{{`, backticks, backslashes and line ends"
                );
                self.wrong(&message, span(&wanted.test));
                return None;
            }
        }
        Some(ImageBuild {
            registry: id,
            server,
            by_repository: registry
                .text_at(&["properties", "roleAssignmentMode"])
                .is_some_and(|mode| mode.eq_ignore_ascii_case("AbacRepositoryPermissions")),
            folder,
            dockerfile,
            repository,
            tags,
            platform,
            args,
            test,
            found: None,
        })
    }

    /// Whether the registry has the image: by its own word, or, when it may not or cannot be asked, by the runs
    /// that made it.
    fn built_already(&self, registry: &Value, build: &ImageBuild) -> Known {
        let mut digest = None;
        let mut missing = Vec::new();
        for tag in build.all_tags() {
            let refused = match self.askable(registry, &build.repository, &tag) {
                Err(_) => true,
                Ok(id) => {
                    let value = self.engine.asked.value(&Read::manifest(&id, &build.repository, &tag));
                    match (value.text_at(&["digest"]), value.is_unknown()) {
                        (_, true) => return Known::Unread(value),
                        (Some(found), _) => {
                            if digest.get_or_insert_with(|| found.to_owned()) != found {
                                missing.push(tag);
                            }
                            false
                        }
                        (None, _) if value.text_at(&["refused"]).is_some() => true,
                        (None, _) if digest.is_none() => return Known::No,
                        (None, _) => {
                            missing.push(tag);
                            false
                        }
                    }
                }
            };
            if refused {
                return self.run_already(build);
            }
        }
        digest.map_or(Known::No, |digest| Known::Yes(Found { digest, missing, reachable: true }))
    }

    fn run_already(&self, build: &ImageBuild) -> Known {
        let read = Read::runs(&build.registry, "status eq 'Succeeded'", VERSION);
        let runs = match self.engine.asked.ask(&read) {
            None => return Known::Unread(Value::unknown(Origin::Read)),
            Some(Fact::Found(runs)) => runs.to_json().unwrap_or_default(),
            Some(Fact::Absent { .. }) => return Known::No,
            Some(Fact::Refused { message } | Fact::Failed { message, .. }) => {
                return Known::Unread(Value::unknown(Origin::Refused(message.clone())));
            }
        };
        let runs = builds::runs(&runs);
        // The newest run says what a tag stands for.
        let made = |tag: &str| {
            runs.iter().find_map(|run| run.made(&build.repository, tag)).filter(|digest| is_digest(digest))
        };
        let Some(digest) = made(&build.tag()).map(str::to_owned) else { return Known::No };
        let further = build.all_tags().into_iter().skip(1);
        let missing = further.filter(|tag| made(tag) != Some(digest.as_str())).collect();
        Known::Yes(Found { digest, missing, reachable: false })
    }
}

/// Whether an image is there.
enum Known {
    Yes(Found),
    No,
    /// What was asked has no answer, or not yet.
    Unread(Value),
}

fn folder(path: LocalPath, fact: &Value) -> Folder {
    let number = |name: &str| {
        let json = fact.get(name).and_then(Value::to_json);
        json.and_then(|json| json.as_u64()).unwrap_or_default()
    };
    let digest = fact.text_at(&["digest"]).unwrap_or_default().to_owned();
    Folder { path, digest, files: number("files"), bytes: number("bytes") }
}

/// The marks of a value and of all that is in it.
fn all_marks(value: &Value) -> crate::value::Marks {
    use crate::value::Data;

    match &value.data {
        Data::Map(members) => members.values().map(all_marks).fold(value.marks, crate::value::Marks::union),
        Data::List(items) => items.iter().map(all_marks).fold(value.marks, crate::value::Marks::union),
        _ => value.marks,
    }
}

/// The texts of a list, nulls left out; of null none. `None`: it is something else.
fn words(value: &Value) -> Option<Vec<String>> {
    if value.is_null() {
        return Some(Vec::new());
    }
    let items = value.as_list()?.iter().filter(|item| !item.is_null());
    items.map(|item| item.as_str().filter(|text| !text.is_empty()).map(str::to_owned)).collect()
}

/// The build arguments in the order of their names, nulls left out.
fn arguments(value: &Value) -> Result<Vec<(String, String)>, String> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let members = value.as_map().ok_or("a build's `args` is a map")?;
    let mut all = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if name.is_empty() || !letters || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("`{name}` cannot be the name of a build argument"));
        }
        let text = match (value.as_str(), value.to_json()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(json)) if json.is_number() || json.is_boolean() => json.to_string(),
            _ => return Err(format!("the build argument `{name}` is no text")),
        };
        if text.len() > LONGEST_ARG || text.chars().any(char::is_control) {
            return Err(format!(
                "the build argument `{name}` has line ends, or more than {LONGEST_ARG} bytes"
            ));
        }
        all.push((name.clone(), text));
    }
    if all.len() > MOST_ARGS {
        return Err(format!("more than {MOST_ARGS} build arguments"));
    }
    all.sort();
    Ok(all)
}

/// Tags that the image that is there does not get, because its registry cannot be told from here.
fn left_out(build: &ImageBuild) -> Option<Finding> {
    let found = build.found.as_ref().filter(|found| !found.reachable && !found.missing.is_empty())?;
    let (server, repository, digest) = (&build.server, &build.repository, &found.digest);
    let tags = found.missing.join(", ");
    let tag = found.missing.first()?;
    let finding =
        Finding::new(Status::Warning, codes::IMAGE_BUILD, format!("{repository} has the tag {tags}"));
    Some(
        finding
            .detail(format!(
                "the image is built already ({digest}), and its registry cannot be asked from here to give it a further tag: {tags} is left as it is; what runs is named by digest"
            ))
            .fix(format!(
                "az acr import --name {} --source {server}/{repository}@{digest} --image {repository}:{tag} --force",
                quote(build.registry.name())
            )),
    )
}

/// What keeps a registry from building, as far as it shows.
fn obstacles(build: &ImageBuild, registry: &Value) -> Vec<Finding> {
    let name = build.registry.name();
    let lower = |keys: &[&str]| registry.text_at(keys).map(str::to_ascii_lowercase);
    let closed = lower(&["properties", "publicNetworkAccess"]).as_deref() == Some("disabled")
        || lower(&["properties", "networkRuleSet", "defaultAction"]).as_deref() == Some("deny");
    let let_in = registry
        .at(&["properties", "networkRuleBypassAllowedForTasks"])
        .and_then(Value::to_json)
        .and_then(|json| json.as_bool());
    let mut findings = Vec::new();
    if closed && let_in != Some(true) {
        findings.push(
            Finding::failed(codes::IMAGE_BUILD, "the registry lets its tasks in")
                .detail(format!(
                    "the registry {name} is closed to public networks, and its network rules hold for its own tasks too, so that they could not push what they build"
                ))
                .fix(format!(
                    "az resource update --ids {} --set properties.networkRuleBypassAllowedForTasks=true, or build elsewhere and give the image instead",
                    quote(build.registry.as_str())
                ))
                .docs(CLOSED),
        );
    }
    if build.by_repository {
        // Whether the caller has it cannot be seen: it may hold under a condition.
        findings.push(
            Finding::new(Status::Warning, codes::IMAGE_BUILD, format!("the caller may push to {}", build.repository))
                .detail(format!(
                    "{name} gives roles for repositories, and a task there signs in as whoever starts it: you need Container Registry Repository Writer for {}; whether you have it cannot be seen from here",
                    build.repository
                ))
                .fix(format!(
                    "az role assignment create --assignee-object-id OBJECT_ID --role 'Container Registry Repository Writer' --scope {}",
                    quote(build.registry.as_str())
                ))
                .docs(BY_REPOSITORY),
        );
    }
    findings
}
