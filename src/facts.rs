//! What was read from Azure and of local files, and what still has to be.
//!
//! Planning is a pure function of facts: it asks for a fact by its [`Read`], gets the answer if there
//! is one, and otherwise an unknown, while the read is noted as missing. Whoever does the I/O fetches
//! what is missing, all at once, and plans again: that is one round. When nothing is missing, the plan
//! is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value as Json;

use crate::azure::ResourceId;
use crate::azure::dns::RecordType;
use crate::azure::probe::ClientIdentity;
use crate::azure::types::{self, IMAGE, ResourceType};
use crate::value::{Data, Marks, Origin, Path, Value};

/// One request that only reads, in full: two equal reads are sent once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    /// One resource, all pages of a collection, or an image of a registry.
    pub shape: Shape,
    /// The id path, as ids are compared (lower case), so that one resource is read once.
    pub key: String,
    /// The id path as it is sent.
    pub path: String,
    /// The api-version.
    pub api_version: String,
    /// Further query parameters.
    pub query: Vec<(String, String)>,
    /// The type of what is read, as in the type table; decides the marks of the answer.
    pub kind: String,
    /// The certificate that a request to the app shows of itself.
    pub client: Option<ClientIdentity>,
}

/// What is sent with a [`Shape::Action`] or [`Shape::Question`], as JSON.
pub const BODY: &str = "body";
/// Stands before the name of each parameter of the query of a [`Shape::Question`].
pub const PARAMETER: &str = "parameter ";

/// The parameters of a [`Shape::Manifest`].
pub const REPOSITORY: &str = "repository";
/// See [`REPOSITORY`].
pub const REFERENCE: &str = "reference";

/// The parameters of a [`Shape::SqlUser`].
pub const SERVER: &str = "server";
/// See [`SERVER`].
pub const DATABASE: &str = "database";
/// See [`SERVER`].
pub const USER: &str = "user";
/// See [`SERVER`].
pub const SID: &str = "sid";

/// The parameters of a [`Shape::File`]: its path in the folder, with slashes.
pub const FILE: &str = "file";
/// See [`FILE`]: the name of a [`Content`].
pub const CONTENT: &str = "content";
/// The parameters of a [`Shape::Probe`]; each header has [`HEADER`] before its name.
pub const METHOD: &str = "method";
/// See [`METHOD`]; in milliseconds.
pub const MAX_TIME: &str = "max_time";
/// See [`METHOD`].
pub const HEADER: &str = "header ";
/// See [`METHOD`]: the digest of a client certificate.
const CLIENT: &str = "client certificate";
/// The parameters of a [`Shape::Dns`].
pub const RECORD_TYPE: &str = "record type";
/// See [`RECORD_TYPE`]; there when each name above is asked, too.
pub const CLIMB: &str = "climb";
/// The parameters of a [`Shape::Context`]; the folder also of the other reads of local files.
pub const FOLDER: &str = "folder";
/// See [`FOLDER`].
pub const DOCKERFILE: &str = "dockerfile";
/// See [`FOLDER`]: what the folder must lie in.
pub const WITHIN: &str = "within";

/// Who chose a [`FOLDER`].
const CALLER: &str = "caller";
const WORKING: &str = "working";
const RECIPE: &str = "recipe";

/// What a local file is read as. A recipe chooses the file, also in a folder that the caller named, so that nothing is
/// opened that is called otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Requirements of a Python project.
    Requirements,
    /// A Dockerfile.
    Dockerfile,
    /// What is left out of a build context.
    Ignore,
    /// A Python program.
    Python,
}

impl Content {
    const ALL: [Content; 4] = [Content::Requirements, Content::Dockerfile, Content::Ignore, Content::Python];

    /// As [`CONTENT`] has it.
    pub fn name(self) -> &'static str {
        match self {
            Content::Requirements => "requirements",
            Content::Dockerfile => "dockerfile",
            Content::Ignore => "ignore",
            Content::Python => "python",
        }
    }

    /// What a [`Shape::File`] is read as.
    pub fn of(read: &Read) -> Option<Content> {
        Content::ALL.into_iter().find(|one| one.name() == read.parameter(CONTENT))
    }
}

/// A path of this computer, and who may have chosen it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalPath {
    /// The caller did: it may lead anywhere. Relative to where the command runs.
    Typed(String),
    /// A recipe did: it must lie where the command runs, to which it is relative.
    Working(String),
    /// A recipe did: it must lie in the recipe's folder, to which it is relative.
    Beneath {
        /// The recipe's folder.
        folder: std::path::PathBuf,
        /// The path in it.
        path: String,
    },
}

impl LocalPath {
    /// As it was written.
    pub fn written(&self) -> &str {
        match self {
            LocalPath::Typed(path) | LocalPath::Working(path) | LocalPath::Beneath { path, .. } => path,
        }
    }

    /// Where it is, seen from `working`, where the command runs, and what it must lie in.
    pub fn place(&self, working: &std::path::Path) -> (std::path::PathBuf, Option<std::path::PathBuf>) {
        let working = if working.as_os_str().is_empty() { std::path::Path::new(".") } else { working };
        match self {
            LocalPath::Typed(path) => (working.join(path), None),
            LocalPath::Working(path) => (working.join(path), Some(working.to_owned())),
            LocalPath::Beneath { folder, path } => (folder.join(path), Some(folder.clone())),
        }
    }
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// One resource.
    One,
    /// `{value: […], nextLink}`, all pages.
    Many,
    /// What a registry says of an image: `{digest}`, or `{refused}` with the reason when it cannot be asked.
    Manifest,
    /// What a database says of a user, or `{unseen}` with the reason when it cannot be asked.
    SqlUser,
    /// What a folder would be sent as: `{digest, files, bytes}`, or `{refused, fix}` with the reason.
    Context,
    /// The answer of a POST that only reads, and may be a secret: no plan asks for it.
    Action,
    /// The answer of a POST that only reads, and is no secret.
    Question,
    /// What a POST tells of the secrets of a resource, to compare what is wanted with it: `{value: [{name, value}]}`.
    Stored,
    /// A local file beneath a folder.
    File,
    /// What lies beneath a local folder: `{entries: [{path, kind}], complete}`, see [`Read::folder`].
    Folder,
    /// What the app answers at an address of its own, or `{failed, reason}` when it does not.
    Probe,
    /// What the domain name system says of a name: `{name, records, owner, refused}`.
    Dns,
}

impl Read {
    /// A read of one resource.
    pub fn one(id: &ResourceId, kind: &str, api_version: &str) -> Read {
        Read::new(Shape::One, id.as_str(), kind, api_version)
    }

    /// A read of the collection at `path`.
    pub fn many(path: &str, kind: &str, api_version: &str) -> Read {
        Read::new(Shape::Many, path, kind, api_version)
    }

    /// A read of the image `reference` (a tag or a digest) in a repository of a registry.
    pub fn manifest(registry: &ResourceId, repository: &str, reference: &str) -> Read {
        Read::new(Shape::Manifest, registry.as_str(), "", "")
            .with(REPOSITORY, repository)
            .with(REFERENCE, reference)
    }

    /// A read of a database's users: the one of this name, the one with this sid (none: the empty
    /// string). `id` is what they go by among facts: no id, since a name may have anything in it.
    pub fn sql_user(id: &ResourceId, server: &ResourceId, database: &str, name: &str, sid: &str) -> Read {
        Read::new(Shape::SqlUser, id.as_str(), "", "")
            .with(SERVER, server.as_str())
            .with(DATABASE, database)
            .with(USER, name)
            .with(SID, sid)
    }

    /// A read of a folder that an image is to be built from, with the Dockerfile at a path in it.
    pub fn context(folder: &LocalPath, dockerfile: &str) -> Read {
        Read::local(Shape::Context, folder).with(DOCKERFILE, dockerfile)
    }

    /// What a read of local files begins at.
    pub fn local_path(&self) -> LocalPath {
        let path = self.parameter(FOLDER).to_owned();
        match self.parameter(WITHIN).split_once(':') {
            Some((RECIPE, folder)) => LocalPath::Beneath { folder: folder.into(), path },
            _ if self.parameter(WITHIN) == CALLER => LocalPath::Typed(path),
            // The narrower one, whatever else it says.
            _ => LocalPath::Working(path),
        }
    }

    /// A read of the newest task runs of a registry that stand as the filter says: one page of them.
    pub fn runs(registry: &ResourceId, filter: &str, api_version: &str) -> Read {
        Read::new(Shape::One, &format!("{registry}/runs"), "", api_version)
            .with("$filter", filter)
            .with("$top", "100")
    }

    /// A POST that only reads: the action `name` of a resource of the type `kind`.
    pub fn action(id: &ResourceId, name: &str, kind: &str, api_version: &str, body: Option<&Json>) -> Read {
        let read = Read::new(Shape::Action, &format!("{id}/{name}"), kind, api_version);
        match body {
            Some(body) => read.with(BODY, body.to_string()),
            None => read,
        }
    }

    /// As [`Read::action`], of one that a plan may ask, with parameters of the query.
    pub fn question(
        id: &ResourceId,
        name: &str,
        kind: &str,
        api_version: &str,
        query: &[(String, String)],
        body: Option<&Json>,
    ) -> Read {
        let read = Read::new(Shape::Question, &format!("{id}/{name}"), kind, api_version);
        let read =
            query.iter().fold(read, |read, (name, value)| read.with(&format!("{PARAMETER}{name}"), value));
        match body {
            Some(body) => read.with(BODY, body.to_string()),
            None => read,
        }
    }

    /// What the POST `name` tells of the secrets of a resource of the type `kind`.
    pub fn stored(id: &ResourceId, name: &str, kind: &str, api_version: &str) -> Read {
        Read::new(Shape::Stored, &format!("{id}/{name}"), kind, api_version)
    }

    /// A read of the local file `name` (with slashes) beneath a folder; links are not followed out of it. It is opened
    /// only if it is called as such a file is ([`Content`]).
    pub fn file(folder: &LocalPath, content: Content, name: &str) -> Read {
        Read::local(Shape::File, folder).with(CONTENT, content.name()).with(FILE, name)
    }

    /// A read of the names beneath a local folder: `kind` is `file`, `folder` or `other` (links are not followed).
    /// What lies in a repository of Git or a virtual environment is left out. `complete` is false when there
    /// is more than is listed.
    pub fn folder(folder: &LocalPath) -> Read {
        Read::local(Shape::Folder, folder)
    }

    /// Names of files differ by case, keys do not.
    fn local(shape: Shape, folder: &LocalPath) -> Read {
        let within = match folder {
            LocalPath::Typed(_) => CALLER.to_owned(),
            LocalPath::Working(_) => WORKING.to_owned(),
            LocalPath::Beneath { folder, .. } => format!("{RECIPE}:{}", folder.display()),
        };
        Read::new(shape, "", "", "").with(FOLDER, folder.written()).with(WITHIN, within)
    }

    /// A request to the app. `headers` are no secrets; `max_time`: how long one answer may take.
    pub fn probe(url: &str, method: &str, headers: &[(String, String)], max_time: Duration) -> Read {
        let mut read = Read::new(Shape::Probe, url, "", "");
        // Other than an id an address has case.
        url.clone_into(&mut read.key);
        let read = read.with(METHOD, method).with(MAX_TIME, max_time.as_millis().to_string());
        headers.iter().fold(read, |read, (name, value)| read.with(&format!("{HEADER}{name}"), value))
    }

    /// The same request, which shows this certificate of itself.
    #[must_use]
    pub fn showing(self, client: ClientIdentity) -> Read {
        // What tells it from others is the certificate; the key is never looked at.
        let read = self.with(CLIENT, client.digest());
        Read { client: Some(client), ..read }
    }

    /// A question to the domain name system. `name`: as [`crate::azure::dns::ascii_name`] has it.
    pub fn dns(name: &str, kind: RecordType, climb: bool) -> Read {
        let read = Read::new(Shape::Dns, name, "", "").with(RECORD_TYPE, kind.name());
        if climb { read.with(CLIMB, "yes") } else { read }
    }

    /// The value of a query parameter; empty when there is none.
    pub fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value)
    }

    fn new(shape: Shape, path: &str, kind: &str, api_version: &str) -> Read {
        Read {
            shape,
            key: path.to_ascii_lowercase(),
            path: path.to_owned(),
            api_version: api_version.to_owned(),
            query: Vec::new(),
            kind: kind.to_owned(),
            client: None,
        }
    }

    /// The same read with a query parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Read {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    fn same(&self) -> Same {
        (self.shape, self.key.clone(), self.api_version.clone(), self.query.clone())
    }
}

/// The answer to a read.
#[derive(Clone, Debug)]
pub enum Fact {
    /// It is there.
    Found(Value),
    /// Azure says that it is not there (404), with its code: `ResourceNotFound`,
    /// `ResourceGroupNotFound`, `SubscriptionNotFound`.
    Absent {
        /// Azure's code.
        code: String,
    },
    /// The caller may not read it: never the same as absent.
    Refused {
        /// What Azure said.
        message: String,
    },
    /// It could not be read for another reason.
    Failed {
        /// What went wrong.
        message: String,
        /// Azure's code, if it gave one.
        code: Option<String>,
        /// ARM's correlation id.
        correlation_id: Option<String>,
    },
}

impl Fact {
    /// The answer to `read` as a fact: what may not be shown of it is marked by the type table.
    pub fn found(kind: &str, shape: Shape, json: Json) -> Fact {
        let value = Value::from(json);
        // What an action answers is no resource of the type.
        let Some(kind) = types::find(kind).filter(|_| shape != Shape::Question) else {
            return Fact::Found(guarded(value));
        };
        Fact::Found(match (shape, value.data) {
            (Shape::Many, Data::List(items)) => Value::new(Data::List(
                items.into_iter().map(|item| mark(kind, &Path::root(), item)).collect(),
            )),
            (_, data) => mark(kind, &Path::root(), Value::new(data)),
        })
    }

    /// The answer to an action with an effect, in which what looks like a secret counts as somebody else's.
    pub fn answer(json: Json) -> Fact {
        Fact::Found(guarded(Value::from(json)))
    }

    /// The answer to a [`Shape::Action`] or [`Shape::Stored`]: a secret as a whole.
    pub fn answered(json: Json) -> Fact {
        Fact::Found(Value::from(json).mark(Marks::SECRET))
    }

    /// The content of a [`Shape::File`]. A file may hold a secret, so that it counts as one.
    pub fn content(bytes: &[u8]) -> Fact {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        Fact::Found(Value::from(text).mark(Marks::SECRET))
    }

    /// The bytes of a [`Shape::File`], when it is there.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        base64::engine::general_purpose::STANDARD.decode(self.value()?.as_str()?).ok()
    }

    /// The value, when it is there.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Fact::Found(value) => Some(value),
            _ => None,
        }
    }
}

/// The type of zones, in small letters.
const DNS_ZONES: &str = "microsoft.network/dnszones";

/// A resource of which the type table knows nothing: what looks like a secret counts as somebody else's,
/// and so do values of environment variables, wherever they stand.
fn guarded(value: Value) -> Value {
    let data = match value.data {
        Data::Map(members) => {
            let variable = members.contains_key("name") && members.contains_key("value");
            let guard = |(name, member): (String, Value)| {
                let hide = (variable && name == "value") || types::is_telling(&name);
                let member = if hide { member.mark(Marks::EXISTING) } else { guarded(member) };
                (name, member)
            };
            Data::Map(members.into_iter().map(guard).collect())
        }
        Data::List(items) => Data::List(items.into_iter().map(guarded).collect()),
        data => data,
    };
    Value { data, marks: value.marks }
}

fn mark(kind: &ResourceType, path: &Path, value: Value) -> Value {
    let pattern = path.pattern();
    if kind.write_only.contains(&pattern.as_str()) {
        return value.mark(Marks::SECRET);
    }
    if kind.foreign.contains(&pattern.as_str()) {
        return value.mark(Marks::EXISTING);
    }
    let data = match value.data {
        Data::Map(members) => Data::Map(
            members
                .into_iter()
                .map(|(key, member)| {
                    let member = mark(kind, &path.key(&key), member);
                    (key, member)
                })
                .collect(),
        ),
        Data::List(items) => {
            let below = path.element("");
            Data::List(items.into_iter().map(|item| mark(kind, &below, item)).collect())
        }
        data => data,
    };
    Value { data, marks: value.marks }
}

/// What makes two reads one: shape, id as compared, api-version, query.
type Same = (Shape, String, String, Vec<(String, String)>);

/// All answers so far, and what was asked for in vain.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    answers: BTreeMap<Same, (Read, Fact)>,
}

impl Facts {
    /// The answer to `read`, if there is one.
    pub fn get(&self, read: &Read) -> Option<&Fact> {
        self.answers.get(&read.same()).map(|(_, fact)| fact)
    }

    /// Takes in the answer to `read`.
    pub fn insert(&mut self, read: &Read, fact: Fact) {
        self.answers.insert(read.same(), (read.clone(), fact));
    }

    /// Forgets everything at or below `id`, and every collection of its type, wherever it was listed
    /// (a role that is given above shows in the list below): after a write. What an action answered stays: it
    /// is asked for once; that of a lookup goes, since what it says may hang on more than its resource (on DNS).
    pub fn forget(&mut self, id: &ResourceId) {
        let below = format!("{}/", id.folded());
        let kind = id.resource_type().to_ascii_lowercase();
        let leaf = format!("/{}", kind.rsplit('/').next().unwrap_or_default());
        // What was built shows where the registry was asked for it.
        let built = id.resource_type().eq_ignore_ascii_case(IMAGE.name);
        // A record that was written is answered anew.
        let names = kind.starts_with(DNS_ZONES);
        let registry = id.folded().split("/runs/").next().filter(|_| built).map(str::to_owned);
        self.answers.retain(|(shape, key, _, _), _| {
            let asked = registry.as_ref().is_some_and(|registry| {
                (*shape == Shape::Manifest && key == registry) || *key == format!("{registry}/runs")
            });
            let touched = *key == id.folded() || key.starts_with(&below) || asked;
            let lists_it = *shape == Shape::Many && key.ends_with(&leaf);
            let renamed = names && *shape == Shape::Dns;
            *shape == Shape::Action || (*shape != Shape::Question && !touched && !lists_it && !renamed)
        });
    }

    /// As [`Facts::forget`], but what tells of `id` itself stays: what is to be read last, right before a write.
    pub fn forget_rest(&mut self, id: &ResourceId) {
        let own = self.own_keys(id);
        let kept: Vec<_> = own
            .into_iter()
            .filter_map(|key| self.answers.get(&key).cloned().map(|answer| (key, answer)))
            .collect();
        self.forget(id);
        self.answers.extend(kept);
    }

    /// Forgets what tells of `id` itself; how many answers that were.
    pub fn forget_own(&mut self, id: &ResourceId) -> usize {
        let own = self.own_keys(id);
        for key in &own {
            self.answers.remove(key);
        }
        own.len()
    }

    /// What tells of `id` itself, as far as anything has.
    pub fn own(&self, id: &ResourceId) -> Option<&Value> {
        let key = self.own_keys(id).into_iter().next()?;
        self.answers.get(&key)?.1.value()
    }

    /// What tells of `id` itself: its own answer; where it was only seen in the list of its collection, that list.
    fn own_keys(&self, id: &ResourceId) -> Vec<Same> {
        let own = id.folded();
        let collection =
            own.rsplit_once('/').map(|(collection, _)| collection.to_owned()).unwrap_or_default();
        let keys = |wanted: Shape, path: &str| -> Vec<Same> {
            self.answers
                .keys()
                .filter(|(shape, key, _, _)| *shape == wanted && key == path)
                .cloned()
                .collect()
        };
        let one = keys(Shape::One, &own);
        if one.is_empty() { keys(Shape::Many, &collection) } else { one }
    }

    /// Forgets everything but what actions and the app answered.
    pub fn forget_all(&mut self) {
        self.answers.retain(|(shape, ..), _| matches!(shape, Shape::Action | Shape::Probe));
    }

    /// Forgets what the app answered, and name servers.
    pub fn forget_probes(&mut self) {
        self.answers.retain(|(shape, ..), _| !matches!(shape, Shape::Probe | Shape::Dns));
    }

    /// Every read with its answer.
    pub fn iter(&self) -> impl Iterator<Item = (&Read, &Fact)> {
        self.answers.values().map(|(read, fact)| (read, fact))
    }

    /// Forgets the answer to one read.
    pub fn forget_read(&mut self, read: &Read) {
        self.answers.remove(&read.same());
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there is no answer yet.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

/// A view of facts that notes what is asked for and missing.
#[derive(Debug)]
pub struct Asked<'a> {
    facts: &'a Facts,
    /// Of reads with the same answer (an id has no case) one.
    missing: std::cell::RefCell<BTreeMap<Same, Read>>,
}

impl<'a> Asked<'a> {
    /// A view of `facts` with nothing missing yet.
    pub fn new(facts: &'a Facts) -> Asked<'a> {
        Asked { facts, missing: std::cell::RefCell::default() }
    }

    /// The answer to `read`; when there is none, the read is noted as missing.
    pub fn ask(&self, read: &Read) -> Option<&'a Fact> {
        let fact = self.facts.get(read);
        if fact.is_none() {
            self.missing.borrow_mut().entry(read.same()).or_insert_with(|| read.clone());
        }
        fact
    }

    /// The answer to `read` if it is there; nobody is to fetch it.
    pub fn have(&self, read: &Read) -> Option<&'a Fact> {
        self.facts.get(read)
    }

    /// All that is known.
    pub fn all(&self) -> impl Iterator<Item = (&'a Read, &'a Fact)> {
        self.facts.iter()
    }

    /// The answer as a value: null when absent, unknown when not read yet or not readable.
    pub fn value(&self, read: &Read) -> Value {
        match self.ask(read) {
            None => Value::unknown(Origin::Read),
            Some(Fact::Found(value)) => value.clone(),
            Some(Fact::Absent { .. }) => Value::null(),
            Some(Fact::Refused { message } | Fact::Failed { message, .. }) => {
                Value::unknown(Origin::Refused(message.clone()))
            }
        }
    }

    /// What was asked for and is missing.
    pub fn missing(&self) -> BTreeSet<Read> {
        self.missing.borrow().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Redacted;

    #[test]
    fn values_of_variables_are_hidden_wherever_a_template_is_read() {
        let template = serde_json::json!({
            "containers": [{ "name": "web", "env": [{ "name": "DB_PASSWORD", "value": "hunter2" }] }],
            "initContainers": [{ "name": "migrate", "env": [{ "name": "DB_PASSWORD", "value": "hunter2" }] }],
        });
        let resource = serde_json::json!({ "properties": { "template": template } });
        for kind in ["Microsoft.App/containerApps", "Microsoft.App/containerApps/revisions"] {
            for (shape, json) in
                [(Shape::One, resource.clone()), (Shape::Many, serde_json::json!([resource]))]
            {
                let fact = Fact::found(kind, shape, json);
                let shown = Redacted(fact.value().unwrap()).to_json().to_string();
                assert!(!shown.contains("hunter2"), "{kind} {shape:?}");
                assert!(shown.contains("DB_PASSWORD"), "{kind} {shape:?}");
            }
        }
    }
}
