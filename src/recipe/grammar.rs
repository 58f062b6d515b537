//! The grammar as tables: which keys a place has, and what may stand there. The reader's checks and
//! the published JSON Schema are both made from these, so that they cannot disagree.

mod cases;

pub(super) use cases::CASES;

/// What may stand at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A recipe's name: `[a-z][a-z0-9-]*`.
    RecipeName,
    /// A name inside a recipe: `[a-z][a-z0-9_-]*`.
    Id,
    /// Plain text.
    Text,
    /// Text that may hold `${…}`.
    Expr,
    /// Any JSON whose keys and strings may hold `${…}`.
    Fragment,
    /// Any JSON, taken as it is.
    Json,
    /// An https address.
    Url,
    /// `true` or `false`.
    Flag,
    /// `90s`, `2m`, `1h30m`.
    Duration,
    /// A duration, or `${…}` that gives one.
    DurationExpr,
    /// A whole number from 1, or `${…}` that gives one.
    CountExpr,
    /// Status codes and ranges of them, or `${…}` that gives such a list.
    Statuses,
    /// Headers of a request: a name to text that may hold `${…}`.
    Headers,
    /// A regular expression.
    Regex,
    /// The name of an environment variable.
    EnvName,
    /// `Namespace/type[@version]`.
    ResourceType,
    /// The name of an action of a step: one that only reads (letters, beginning with `list`, `get` or `check`), or one
    /// with an effect that the type table lists.
    Action,
    /// The name of an action that a lookup may ask: one that the type table lists.
    Question,
    /// The shape of an input's elements: a type's name, or a map of such by member.
    Shape,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these.
    List(&'static Kind),
    /// A map from ids to these.
    Map(&'static Kind),
    /// A map with these keys.
    Object(&'static Table),
    /// A recipe's name, or a map with these keys.
    RecipeOr(&'static Table),
    /// Text, or a map with these keys.
    TextOr(&'static Table),
    /// `never`, or a map with these keys.
    NeverOr(&'static Table),
    /// A map from any text to these.
    Named(&'static Kind),
    /// A whole number from 0.
    Count,
    /// One JMESPath query, without `${}`.
    Query,
}

/// The keys of a place.
#[derive(Debug)]
pub(super) struct Table {
    /// What has these keys, with its article.
    pub(super) what: &'static str,
    /// The keys.
    pub(super) keys: &'static [Key],
    /// Exactly one of these keys must be there; empty: no such rule.
    pub(super) exactly_one: &'static [&'static str],
    /// Keys, and those that stand only beside one of them.
    pub(super) only_with: Option<(&'static [&'static str], &'static [&'static str])>,
    /// Why keys like these are refused on purpose: words that occur in the key, the reason.
    pub(super) refused: Option<(&'static [&'static str], &'static str)>,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// Shown by editors.
    pub(super) doc: &'static str,
}

const fn need(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, required: true, doc }
}

const fn may(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, required: false, doc }
}

const fn table(what: &'static str, keys: &'static [Key]) -> Table {
    Table { what, keys, exactly_one: &[], only_with: None, refused: None }
}

const WHEN: Key = may("when", Kind::Expr, "Only when this holds. Must be known at plan.");
const FOR_EACH: Key = may(
    "for_each",
    Kind::Expr,
    "Once for each member or element, read as `each.key` and `each.value`. Must be known at plan.",
);
const PARENT: Key = may("parent", Kind::Expr, "The resource this is a child of, or its id.");
const SCOPE: Key = may("scope", Kind::Expr, "The resource this extends, or its id.");
const DOCS: Key = may("docs", Kind::Url, "A documentation page.");

/// The types an input can have.
pub(super) const TYPES: &[&str] =
    &["string", "integer", "number", "boolean", "duration", "path", "file", "list", "map"];

/// The one of [`TYPES`] that only an input itself can have: where it may lead is decided for it alone.
pub(super) const FILE_TYPE: &str = "file";

/// A recipe file.
pub(super) static RECIPE: Table = table(
    "a recipe",
    &[
        need("name", Kind::RecipeName, "The recipe's name."),
        need("title", Kind::Text, "One line for lists."),
        need("category", Kind::Text, "The catalogue's group."),
        need("complexity", Kind::Word(&["low", "medium", "high"]), "How much it asks of a reader."),
        may("concept", Kind::Text, "The idea behind it, in a few words."),
        may("goals", Kind::List(&Kind::Word(&["safety", "security", "velocity"])), "What it is good for."),
        may("docs", Kind::List(&Kind::Url), "Documentation pages."),
        may(
            "target",
            Kind::Word(&["app", "environment", "resource_group"]),
            "What the recipe works on; without it `app`. With `environment` it needs no app, and with `resource_group` no \
             environment either: what is not needed is not asked for, not looked at and no root of expressions.",
        ),
        may(
            "follows",
            Kind::List(&Kind::RecipeName),
            "Recipes before it on the catalogue's map; never executed.",
        ),
        may(
            "requires",
            Kind::List(&Kind::RecipeOr(&REQUIREMENT)),
            "Recipes that are planned and applied with it.",
        ),
        may("inputs", Kind::Map(&Kind::Object(&INPUT)), "What a caller can set."),
        may("data", Kind::Map(&Kind::Text), "Tables: YAML files beside the recipe."),
        may(
            "existing",
            Kind::Map(&Kind::Object(&LOOKUP)),
            "What is read, and must be there unless optional.",
        ),
        may("variables", Kind::Map(&Kind::Fragment), "Derived values."),
        may("prerequisites", Kind::List(&Kind::Object(&CHECK)), "What must hold before the first write."),
        may("steps", Kind::List(&Kind::Object(&STEP)), "The desired state."),
        may("rollout", Kind::Object(&ROLLOUT), "How the run's one new revision is put into service."),
        may("verify", Kind::List(&Kind::Object(&CHECK)), "Behaviour to look at afterwards."),
        may("outputs", Kind::Map(&Kind::Fragment), "What other recipes and people can use."),
        may("notes", Kind::Expr, "What to do next."),
    ],
);

static REQUIREMENT: Table = table(
    "a required recipe",
    &[
        need("recipe", Kind::RecipeName, "The recipe's name."),
        may("as", Kind::Id, "The instance's name; without it the recipe's."),
        WHEN,
        may("with", Kind::Map(&Kind::Fragment), "Its inputs, above its own defaults."),
    ],
);

static INPUT: Table = table(
    "an input",
    &[
        may("type", Kind::Word(TYPES), "The type of its value; without it string."),
        may("items", Kind::Shape, "What a list holds."),
        may("values", Kind::Shape, "What a map holds."),
        may(
            "env",
            Kind::List(&Kind::EnvName),
            "Environment variables that set it; the first that is set counts.",
        ),
        may("default", Kind::Fragment, "Its value when nobody sets it."),
        may("required", Kind::Flag, "A run without it is refused."),
        may("secret", Kind::Flag, "Never on the command line, never shown."),
        may("one_of", Kind::List(&Kind::Json), "The only values allowed."),
        may("pattern", Kind::Regex, "What the whole text (or each text of a list or map) must match."),
        may("description", Kind::Text, "For people."),
    ],
);

static LOOKUP: Table = Table {
    what: "a lookup",
    keys: &[
        may("type", Kind::ResourceType, "`Namespace/type`, with `@version` if one api-version is meant."),
        may("manifest", Kind::Object(&MANIFEST), "An image in a registry instead of a resource."),
        may("action", Kind::Object(&QUESTION), "What a POST that only reads answers."),
        may(
            "requirements",
            Kind::Object(&REQUIREMENTS),
            "What a local Python project installs, and what that needs of the system.",
        ),
        may(
            "dockerfile",
            Kind::Object(&DOCKERFILE),
            "What a local Dockerfile says, and what is wrong with it.",
        ),
        may("dns", Kind::Object(&DNS_LOOKUP), "What the domain name system says of a name."),
        may(
            "certificate",
            Kind::Object(&CERTIFICATE),
            "What the file of a certificate says, and what is wrong with it.",
        ),
        may("name", Kind::Expr, "Its name, full resource id, or host name where the type has one."),
        PARENT,
        SCOPE,
        may("resource_group", Kind::Expr, "The group to look in; without it the target's."),
        may(
            "search",
            Kind::Word(&["subscription"]),
            "Look in the whole subscription after the group; for a host name in all of the tenant.",
        ),
        may("list", Kind::Flag, "The collection instead of one element."),
        may("optional", Kind::Flag, "Null instead of an error when it is not there."),
        WHEN,
        FOR_EACH,
        may("after", Kind::List(&Kind::Id), "Steps that must have run before it can be read."),
        may("fix", Kind::Expr, "The command that makes it."),
        DOCS,
    ],
    exactly_one: &["type", "manifest", "action", "requirements", "dockerfile", "dns", "certificate"],
    only_with: Some((&["type"], &["name", "parent", "scope", "resource_group", "search", "list"])),
    refused: None,
};

static QUESTION: Table = table(
    "an action that only reads",
    &[
        need(
            "resource",
            Kind::Expr,
            "The resource that is asked, or its id. The result is the answer, or `{refused}` with the reason when it \
             may not be asked; then all else of it is as unknown as what may not be read.",
        ),
        need("name", Kind::Question, "The action, such as `listCustomHostNameAnalysis`."),
        may("query", Kind::Named(&Kind::Expr), "Parameters of the query."),
        may("body", Kind::Fragment, "What is sent."),
    ],
);

static MANIFEST: Table = table(
    "a manifest",
    &[
        need(
            "registry",
            Kind::Expr,
            "The registry, as another lookup read it. The result is `{digest}`, or `{refused}` with the reason \
             when the registry cannot be asked.",
        ),
        need("repository", Kind::Expr, "The repository."),
        need("reference", Kind::Expr, "The tag or digest."),
    ],
);

static REQUIREMENTS: Table = table(
    "a reading of requirements",
    &[
        need(
            "context",
            Kind::Expr,
            "The folder that everything lies beneath: an input of the type `path`, or a folder beneath the \
             recipe's, written out. The result is `{packages, native, needs, findings, files}`.",
        ),
        need(
            "file",
            Kind::Expr,
            "The requirements file or `pyproject.toml` in it; what it names is read too. Read are only files called \
             `*.txt`, `*.in` or `pyproject.toml`.",
        ),
        need(
            "packages",
            Kind::Expr,
            "The table of native packages: what each needs to be built and to run, and since when it has wheels.",
        ),
        may("groups", Kind::Expr, "Optional groups of a `pyproject.toml`, as a list."),
        may(
            "dockerfile",
            Kind::Expr,
            "The Dockerfile in the folder: tells what packages are installed in, and must have what they need. Its \
             name has `Dockerfile` or `Containerfile` in it.",
        ),
        may("python", Kind::Expr, "The version of Python; without it the one of the base image."),
        may("platform", Kind::Expr, "`os/architecture`; without it `linux/amd64`."),
    ],
);

static DOCKERFILE: Table = table(
    "a reading of a Dockerfile",
    &[
        need(
            "context",
            Kind::Expr,
            "The build context: an input of the type `path`, or a folder beneath the recipe's, written out. The result \
             is `{findings: [{rule, severity, acceptable, message, fix, docs, file, line, column, at}], accepted, stages: [{name, \
             base, user, packages}], user, port, exposed}`.",
        ),
        may(
            "file",
            Kind::Expr,
            "The Dockerfile, as a path in the context, with `Dockerfile` or `Containerfile` in its name; without it \
             `Dockerfile`.",
        ),
        may("port", Kind::Expr, "The port that requests come to."),
        may("health", Kind::Expr, "The path that probes ask for."),
        may("accept", Kind::Expr, "The rules whose findings are left out, as a list."),
    ],
);

static CERTIFICATE: Table = table(
    "a reading of a certificate",
    &[
        need(
            "file",
            Kind::Expr,
            "The content of a PFX or PEM file, from an input of the type `file`. The result is `{subject, issuer, names, \
             not_before, not_after, thumbprint, has_key, chain, findings: [{rule, severity, message, fix}], value}`; \
             `value` is what Azure takes, and a secret. Null when there is no file.",
        ),
        may("password", Kind::Expr, "The password of a PFX file."),
        may("host", Kind::Expr, "The host name that it is to be for."),
    ],
);

static CHECK: Table = Table {
    what: "a check",
    keys: &[
        may("that", Kind::Expr, "Holds when this is true."),
        may("http", Kind::Object(&HTTP), "Holds when the app answers so."),
        may("dns", Kind::Object(&DNS_CHECK), "Holds when the domain name system answers so."),
        may("name", Kind::Expr, "What is checked, in a few words."),
        may("otherwise", Kind::Expr, "What is wrong when it does not hold."),
        may("fix", Kind::Expr, "The command that mends it."),
        may("severity", Kind::Word(&["error", "warning"]), "Whether the run stops."),
        may(
            "not_exercised",
            Kind::Expr,
            "Why nothing has used yet what is checked: with a text the check ends as `not exercised`, with null \
             it is judged.",
        ),
        WHEN,
        FOR_EACH,
        may(
            "within",
            Kind::DurationExpr,
            "How long it is asked again until it holds: a `dns` check, or an `http` check below `verify`; without it \
             once. Before the first write `apply` alone waits.",
        ),
        may(
            "successes",
            Kind::CountExpr,
            "How many times in a row an `http` or `dns` check below `verify` has to hold; without it once.",
        ),
        may("at", Kind::Expr, "The place that the finding points to, as `file:line:column`."),
        DOCS,
    ],
    exactly_one: CHECK_KINDS,
    only_with: Some((&["http", "dns"], &["within", "successes"])),
    refused: None,
};

/// The keys of a check that say what is looked at.
pub(super) const CHECK_KINDS: &[&str] = &["that", "http", "dns"];

const DNS_NAME: Key = need(
    "name",
    Kind::Expr,
    "The name; one that is not ASCII is asked for in its ASCII form. The result is `{name, records, owner}`: names in \
     small letters without their final dot; A, AAAA, CNAME and TXT records are texts, CAA records `{flags, tag, value}`, \
     SOA records `{mname, rname, serial}`. A name that is not there has the records `[]`. When it cannot be asked, the \
     result is `{name, refused}` with the reason, and what is judged over its records could not be checked. Whoever \
     keeps the name's zone sees that it is asked for: secrets, values of somebody else's (of environment variables, say) \
     and what is in files decide neither the name nor whether it is asked for. In a recipe that is not built in the name \
     is written out, or is an input, a host name that Azure tells (`fqdn`, `defaultDomain`, those of custom domains) or a \
     record of another dns lookup, each as it is, with fixed text before it at most (`asuid.${inputs.domain}`); whether \
     one that is written out is asked for hangs on inputs alone. An honest recipe for whose name that is too strict takes \
     the whole name as an input.",
);
const DNS_TYPE: Key = need(
    "type",
    Kind::Word(&["A", "AAAA", "CNAME", "TXT", "CAA", "SOA"]),
    "The type of records. CNAME and SOA: those at the very name; the others follow aliases.",
);
const DNS_CLIMB: Key = may(
    "climb",
    Kind::Flag,
    "Ask each name above, too, until one has records: `owner`. With SOA that is the zone's apex.",
);

static DNS_LOOKUP: Table = table("a dns lookup", &[DNS_NAME, DNS_TYPE, DNS_CLIMB]);

static DNS_CHECK: Table = table(
    "a dns check",
    &[
        DNS_NAME,
        DNS_TYPE,
        DNS_CLIMB,
        need("expect", Kind::Expr, "What has to hold of the answer, `it`: `name`, `records`, `owner`."),
    ],
);

static HTTP: Table = table(
    "an http check",
    &[
        need(
            "url",
            Kind::Expr,
            "The https address, at one of the app's own hosts: its `fqdn`, those of its revisions and labels, \
             custom domains bound to it.",
        ),
        may("method", Kind::Word(&["GET", "HEAD", "OPTIONS"]), "The method; without it GET."),
        may(
            "headers",
            Kind::Headers,
            "Headers of the request. None that carries a credential or names a host.",
        ),
        may("status", Kind::Statuses, "The codes and ranges (`200-299`) that hold; without it `200-399`."),
        may(
            "body",
            Kind::Expr,
            "What has to hold of the answer, `it`: `status`, `headers` (names in small letters), `body` (text), \
             `json` (null when it is none), `elapsed` (milliseconds), `tls` (the server's certificate: `names`, `not_after`, `days` \
             left, `issuer`; null where it is not known).",
        ),
        may("max_time", Kind::DurationExpr, "How long one answer may take; without it 30s."),
        may("follow_redirects", Kind::Flag, "Whether a redirect to one of the app's own hosts is followed."),
        may(
            "expect",
            Kind::Word(&["answer", "refused"]),
            "`refused`: holds when the handshake is ended by an alert. 401 and 403, which an app may say as well, hold of a \
             request without a certificate only where the ingress requires one and the same request with a certificate, \
             if a check makes it, is answered; else, and where there is no answer at all, it could not be checked. \
             Without it `answer`.",
        ),
        may("tls_name", Kind::Expr, "The host name that the server's certificate is good for."),
        may("min_days", Kind::CountExpr, "How many days that certificate is good for, at least."),
        may(
            "client_certificate",
            Kind::Expr,
            "The certificate that the request shows of itself: PEM, from an input of the type `file`; with null the request \
             shows none.",
        ),
        may(
            "client_key",
            Kind::Expr,
            "The key of that certificate: PEM, not encrypted. The one place beside write-only properties where a secret \
             may go; it never leaves this computer.",
        ),
    ],
);

static ROLLOUT: Table = table(
    "a rollout",
    &[
        need(
            "label",
            Kind::Expr,
            "The label under which the new revision, the candidate, answers before it has any traffic.",
        ),
        may(
            "checks",
            Kind::List(&Kind::Object(&CHECK)),
            "What must hold of the candidate before its share of the traffic grows, and after the last time.",
        ),
        need("steps", Kind::Object(&ROLLOUT_STEPS), "How its share grows."),
        may(
            "on_failure",
            Kind::Expr,
            "`rollback` (the default) puts the weights back and deactivates the candidate; `keep` leaves all as it \
             stands.",
        ),
        may(
            "keep",
            Kind::Expr,
            "How many replaced revisions stay active without traffic, to go back to: `1` (the default) or `0`.",
        ),
    ],
);

static ROLLOUT_STEPS: Table = table(
    "the steps of a rollout",
    &[
        need("weights", Kind::Expr, "Shares of the traffic in percent: a list that grows and ends with 100."),
        may(
            "bake",
            Kind::Expr,
            "How long each share stands before it is judged, such as `2m`; without it 1m.",
        ),
    ],
);

static STEP: Table = Table {
    what: "a step",
    keys: &[
        need("id", Kind::Id, "Its name."),
        may(
            "container_app",
            Kind::Fragment,
            "A fragment of the app: `identity`, `configuration`, `template`, `tags`.",
        ),
        may("resource", Kind::Object(&RESOURCE), "Any other ARM resource, wholly or in part."),
        may("role_assignment", Kind::Object(&ROLE_ASSIGNMENT), "A role for a principal."),
        may("sql", Kind::Object(&SQL), "A user of a database for an identity, with its roles there."),
        may(
            "image_build",
            Kind::Object(&IMAGE_BUILD),
            "An image that the registry builds from a local folder.",
        ),
        may(
            "action",
            Kind::Object(&ACTION),
            "A POST: one that answers with something that writes need, such as `listKeys`, sent only right before a \
             write that needs it; or one with an effect, such as `restart`, which counts as a write.",
        ),
        may("wait", Kind::Object(&WAIT), "Something that is looked at until it is as it is to be."),
        WHEN,
        FOR_EACH,
        may("after", Kind::List(&Kind::Id), "Steps before it, beyond those it refers to."),
        may("why", Kind::Expr, "What it is for, shown in the plan."),
        may(
            "triggered_by",
            Kind::List(&Kind::Id),
            "Of an action with an effect: only if one of these steps wrote in this run.",
        ),
        may(
            "retry",
            Kind::NeverOr(&RETRY),
            "Refusals to be repeated; `never`, of an action with an effect: when it is not known whether Azure took it, \
             it is not sent again.",
        ),
        may("timeout", Kind::Duration, "How long its operation may take, or a `wait` lasts."),
    ],
    exactly_one: STEP_KINDS,
    only_with: None,
    refused: None,
};

/// The keys of a step that say what it wants.
pub(super) const STEP_KINDS: &[&str] =
    &["container_app", "resource", "role_assignment", "sql", "image_build", "action", "wait"];

static RESOURCE: Table = table(
    "a resource",
    &[
        need("type", Kind::ResourceType, "`Namespace/type`, with `@version` if one api-version is meant."),
        need("name", Kind::Expr, "Its name."),
        PARENT,
        SCOPE,
        may(
            "match",
            Kind::List(&Kind::Text),
            "Paths of `body`: what is equal on all of them is the resource, whatever its name; else it is created \
             under `name`, which may then be unknown at plan.",
        ),
        need("body", Kind::Fragment, "The paths it owns."),
        may(
            "guard",
            Kind::Object(&GUARD),
            "When it may change nothing, though all of it may be in place already.",
        ),
    ],
);

static GUARD: Table = table(
    "a guard",
    &[
        need(
            "when",
            Kind::Expr,
            "While this holds, whatever the step would change stops the run before its first write, what only a write \
             will tell included. Over what is there, which is read anew before each write.",
        ),
        need("otherwise", Kind::Expr, "Why it may not; what would change is told with it."),
        may("fix", Kind::Expr, "A command that mends it, ready to paste."),
        may("docs", Kind::Text, "A documentation page."),
    ],
);

static ACTION: Table = table(
    "an action",
    &[
        need("resource", Kind::Expr, "The resource that it is sent to, or its id."),
        need("name", Kind::Action, "The action, such as `listKeys` or `restart`."),
        may("body", Kind::Fragment, "What is sent."),
    ],
);

static WAIT: Table = table(
    "a wait",
    &[
        need(
            "for",
            Kind::Object(&LOOKUP),
            "What is looked at: a lookup of a resource, of `dns`, or of an `action`. One whose name is null is not waited for.",
        ),
        need(
            "until",
            Kind::Expr,
            "Holds once it is as it is to be: over `it`, what was read, null while it is not there.",
        ),
        may("fails_when", Kind::Expr, "Holds when it will never be: then the run ends at once."),
        may("reason", Kind::Expr, "Why it is not, in words, over `it`."),
    ],
);

static ROLE_ASSIGNMENT: Table = table(
    "a role assignment",
    &[
        need("role", Kind::Expr, "The role's name or GUID."),
        need("principal", Kind::Expr, "The principal's object id."),
        need("scope", Kind::Expr, "The resource id it is given for."),
        may("settle", Kind::Duration, "How old it must be before a write that would cost a revision."),
    ],
);

static SQL: Table = table(
    "a database user",
    &[
        need("server", Kind::Expr, "The Azure SQL server, as a lookup read it."),
        need("database", Kind::Expr, "The name of the database on it."),
        need("user", Kind::Object(&SQL_USER), "The identity that becomes a contained user."),
        need("roles", Kind::Expr, "The names of the database roles that the user shall be in, as a list."),
        may(
            "mode",
            Kind::Expr,
            "`run` (the default) asks the database and writes to it; `print` gives an administrator the script \
             and writes nothing.",
        ),
    ],
);

static SQL_USER: Table = table(
    "the identity of a database user",
    &[
        need("name", Kind::Expr, "The name the user gets: the identity's."),
        need(
            "client_id",
            Kind::Expr,
            "The identity's client id (application id), by which the database knows it.",
        ),
    ],
);

static IMAGE_BUILD: Table = table(
    "an image build",
    &[
        need("registry", Kind::Expr, "The registry whose task builds the image, as a lookup read it."),
        need(
            "context",
            Kind::Expr,
            "The folder that is sent, less what its `.dockerignore` leaves out: an input of the type `path`, or \
             a folder beneath the recipe's, written out.",
        ),
        may("dockerfile", Kind::Expr, "The Dockerfile, as a path in the context; without it `Dockerfile`."),
        need("repository", Kind::Expr, "The repository that gets the image."),
        may(
            "tags",
            Kind::Fragment,
            "Further tags, as a list; those that are null are left out. One that is made from what is built is \
             always set, and what stands under it is taken for built: a repository that nobody else pushes to.",
        ),
        may("platform", Kind::Expr, "`os/architecture[/variant]`; without it `linux/amd64`."),
        may(
            "args",
            Kind::Fragment,
            "Build arguments by name; those that are null are left out. They end in the image's history: nothing \
             secret.",
        ),
        may(
            "test",
            Kind::Fragment,
            "A command and its arguments, as a list: run in the image before it is pushed. If it fails, nothing \
             is pushed.",
        ),
    ],
);

static RETRY: Table = table(
    "a retry",
    &[
        need("error_matches", Kind::List(&Kind::Regex), "What the message of such a refusal matches."),
        may("timeout", Kind::Duration, "How long to go on."),
    ],
);

/// A project file.
pub(super) static PROJECT: Table = Table {
    what: "a project file",
    keys: &[
        may("target", Kind::Object(&TARGET), "The target, as the flags are named."),
        may("recipes", Kind::List(&Kind::RecipeOr(&PROJECT_RECIPE)), "The recipes of a run that names none."),
    ],
    exactly_one: &[],
    only_with: None,
    refused: NO_CREDENTIALS,
};

/// A project file comes with a checkout; whoever can change it must not be able to say where
/// tokens go.
const NO_CREDENTIALS: Option<(&[&str], &str)> = Some((
    &["endpoint", "credential", "token", "auth", "secret", "password", "trust"],
    "endpoints and credentials never come from a project file: use flags or the environment",
));

static TARGET: Table = Table {
    what: "a target",
    keys: &[
        may("subscription", Kind::Text, "The subscription's id."),
        may("resource_group", Kind::Text, "The resource group."),
        may("name", Kind::Text, "The app."),
        may("container", Kind::Text, "The container of the app."),
        may("environment", Kind::Text, "The environment."),
        may("location", Kind::Text, "The region of what is made."),
        may("cloud", Kind::Word(&["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"]), "The cloud."),
    ],
    exactly_one: &[],
    only_with: None,
    refused: NO_CREDENTIALS,
};

static PROJECT_RECIPE: Table = table(
    "a recipe of the project",
    &[
        need("recipe", Kind::RecipeName, "The recipe's name."),
        may("as", Kind::Id, "The instance's name; without it the recipe's."),
        may("with", Kind::Map(&Kind::Json), "Its inputs."),
    ],
);
