//! The stable names of findings. A code is never renamed or reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(
    /// Kebab-case name.
    pub &'static str,
);

/// Declares each code once: its constant and its row in [`CODES`] cannot drift apart.
macro_rules! codes {
    ($($constant:ident = $name:literal, $description:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description, ".")]
            pub const $constant: Code = Code($name);
        )*

        /// Every code with its one-line description.
        pub const CODES: &[(Code, &str)] = &[$(($constant, $description)),*];
    };
}

/// The codes of what is said about recipes, with their descriptions: those from [`BAD_EXPRESSION`] on.
pub const OF_RECIPES: &[(Code, &str)] = {
    let mut start = 0;
    // A string cannot be compared in a constant; its place can be counted to.
    while !is(CODES[start].0.0, BAD_EXPRESSION.0) {
        start += 1;
    }
    CODES.split_at(start).1
};

const fn is(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

codes! {
    // The command line.
    USAGE = "usage", "an argument that the command line does not take";
    MISSING_VARIABLE = "missing-variable", "a part of the target is not given";
    BAD_TARGET = "bad-target", "a name of the target that Azure does not take";
    UNKNOWN_CLOUD = "unknown-cloud", "a cloud that is not in the table";
    NO_RECIPE = "no-recipe", "a command that needs a recipe got none";
    NOT_CONFIRMED = "not-confirmed", "there is nobody to confirm a plan";
    SANDBOX_OPTION = "sandbox-option", "a caller, rule or fault that the sandbox does not have";
    SANDBOX_STATE = "sandbox-state", "the sandbox's state file cannot be used";
    NO_CASES = "no-cases", "there is no case to run";
    CASE_FAILED = "case-failed", "a case ended otherwise than it expects";
    BAD_EDIT = "bad-edit", "a change of the sandbox's state that does not fit it";
    SANDBOX_SERVE = "sandbox-serve", "the sandbox cannot be served";
    NO_SAMPLE = "no-sample", "a recipe without a sample app";
    FILE_EXISTS = "file-exists", "something is in the place of a file that would be written";
    NOT_WRITTEN = "not-written", "a file cannot be written";
    PLAN_FILE = "plan-file", "a file that is no saved plan of this program, or not as it was saved";
    PLAN_FOR_OTHER = "plan-for-other", "a saved plan for another target, recipe or input";
    PLAN_DIFFERS = "plan-differs", "what would be changed now is not what a saved plan approves";
    INTERNAL = "internal", "a mistake of this program";

    // The journal.
    STATE_FOLDER = "state-folder", "the folder of journals, or a file in it, cannot be used";
    JOURNAL = "journal", "a file that is no journal, or one that cannot be understood";
    NO_SUCH_RUN = "no-such-run", "a run of which there is no journal";
    RUN_IN_PROGRESS = "run-in-progress", "another run is at work on the same target";

    // Planning.
    CONFLICT = "conflict", "two steps own one property and give it different values";
    DOES_NOT_FIT = "does-not-fit", "a fragment that cannot be laid over the live resource";
    CLAIMED = "claimed", "a property that a step claims has another value, which is not taken over";
    NOT_KNOWN_AT_PLAN = "not-known-at-plan", "a condition or name that only a step would make known";
    NO_SUCH_ROLE = "no-such-role", "a role that does not exist at its scope";
    BAD_SCOPE = "bad-scope", "a scope that is not a resource id";
    NO_PRINCIPAL = "no-principal", "a role for a principal that is not there";

    // Prerequisites.
    SUBSCRIPTION = "subscription", "the subscription is there and takes writes";
    PROVIDER = "provider", "a resource provider is registered";
    RESOURCE_GROUP = "resource-group", "the resource group is there";
    ENVIRONMENT = "environment", "the Container Apps environment is there";
    APP = "app", "the container app is there and readable";
    CONTAINER = "container", "it is clear which container is meant";
    RESOURCE = "resource", "a resource that a recipe names is there";
    IMAGE = "image", "an image that a recipe names is in its registry";
    LOCAL_FILE = "local-file", "a local file that a recipe reads is there";
    CONTEXT = "context", "the files that an image is built from can be read and sent";
    IMAGE_BUILD = "image-build", "a registry can build an image, and has built it";
    IMAGE_TEST = "image-test", "the test in an image passes, so that it is pushed";
    PREREQUISITE = "prerequisite", "a recipe's own prerequisite";
    PERMISSION = "permission", "the caller has a right that a planned write needs";
    LOCKED = "locked", "no lock refuses a planned write";
    DENIED = "denied", "no deny assignment forbids a planned write";
    POLICY = "policy", "no Azure Policy forbids a write";
    REGION = "region", "Azure lets the subscription write in the region";
    DUPLICATE_VARIABLE = "duplicate-variable", "a container has an environment variable once";
    SECRET_MISSING = "secret-missing", "an environment variable's secret is there";
    CONDITIONAL_ROLE = "conditional-role", "a role that is assigned holds without a condition";
    DATABASE = "database", "a database lets the caller see what it is asked";
    SQL_USER = "sql-user", "a database user's name belongs to the identity it is for";
    ROLLOUT = "rollout", "the traffic is such that a revision can be rolled out, and none is half way";
    VOLUME = "volume", "volumes, their mounts and the shares behind them fit together";
    IDENTITY_MISSING = "identity-missing", "an identity in use is assigned to the app";

    // Execution.
    DEADLINE = "deadline", "something was not done before the deadline";
    CHANGED_MEANWHILE = "changed-meanwhile", "an owned property changed after the plan was approved";
    CHANGED_SINCE = "changed-since", "what a run wrote was changed by somebody since, and is not put back";
    NOT_PUT_BACK = "not-put-back", "something that a run did and undoing it leaves";
    OTHERS_WROTE = "others-wrote", "somebody else wrote what the run wrote, at the same time";
    GATE = "gate", "a check that a new revision must pass before it gets more of the traffic";
    ROLLED_BACK = "rolled-back", "a new revision failed, and the traffic was put back";
    NOT_TAKEN = "not-taken", "an accepted write did not take effect";
    UNANSWERED = "unanswered", "an action of which it is not known whether Azure took it";
    WAIT_FAILED = "wait-failed", "what a step waits for will not come";
    NOT_RECORDED = "not-recorded", "a write could not be recorded and was not sent";
    SECRET_UNAVAILABLE = "secret-unavailable", "a secret that must be sent back has no readable value";

    // Azure Resource Manager, credentials and endpoints.
    AZURE_REFUSED = "azure-refused", "Azure refused a request, or an operation of it failed";
    AZURE_UNREACHABLE = "azure-unreachable", "no complete answer came from Azure";
    AZURE_CREDENTIAL = "azure-credential", "the credential gives no token, or none was chosen";
    AZURE_ENDPOINT = "azure-endpoint", "the endpoint cannot be used, or not with this credential";
    CA_FILE = "ca-file", "the certificate authorities in SSL_CERT_FILE cannot be used";
    RESOLVE = "resolve", "a `--resolve` or `--cacert` that cannot be meant";
    PROXY = "proxy", "a variable names a proxy that cannot be used";
    AZURE_PROFILE = "azure-profile", "the files in which az keeps its selection cannot be read";

    // Verification.
    VERIFICATION = "verification", "a recipe's own verification";
    DESIRED_STATE = "desired-state", "what a recipe owns is as it wants it";
    APP_HEALTH = "app-health", "the app's own state";
    REVISION_HEALTH = "revision-health", "the revision is provisioned, healthy and gets traffic";

    // Expressions.
    BAD_EXPRESSION = "bad-expression", "an expression that is not JMESPath as recipes write it";
    EXPRESSION_FAILED = "expression-failed", "an expression that could not be evaluated on the values it met";
    // Recipes, project files and inputs.
    FILE_TOO_LARGE = "file-too-large", "a recipe or project file is larger, deeper or more repetitive than is read";
    BAD_YAML = "bad-yaml", "a file is not valid YAML";
    UNREADABLE_FILE = "unreadable-file", "a file cannot be read";
    OUTSIDE_FOLDER = "outside-folder", "a file that leads out of the folder of its recipe";
    DUPLICATE_KEY = "duplicate-key", "a key stands twice in one map";
    UNKNOWN_KEY = "unknown-key", "a key that this place does not have";
    MISSING_KEY = "missing-key", "a key that this place needs is missing";
    WRONG_TYPE = "wrong-type", "text, number, list or map where another is expected";
    BAD_VALUE = "bad-value", "a value of the right type that cannot be meant";
    CREDENTIAL_VARIABLE = "credential-variable", "an environment variable with a credential of the caller";
    BAD_NAME = "bad-name", "a name with characters that names do not have";
    UNKNOWN_REFERENCE = "unknown-reference", "an expression reads something that is not there";
    CYCLE = "cycle", "variables, steps or recipes that need each other";
    NAME_TAKEN = "name-taken", "one name for two things";
    PATH_OWNED_TWICE = "path-owned-twice", "two steps want different values in one place";
    DEFAULT_ON_REQUIRED = "default-on-required", "a required input with a default";
    KNOWN_TOO_LATE = "known-too-late", "a value that must be known at plan comes from a step";
    BARE_EXPRESSION = "bare-expression", "an expression without ${}";
    CLOUD_SUFFIX = "cloud-suffix", "a host name of one cloud, written out";
    FORBIDDEN_ROLE = "forbidden-role", "a role that a recipe may not give";
    FORBIDDEN_TYPE = "forbidden-type", "a type of resource that no recipe may write";
    LITERAL_PRINCIPAL = "literal-principal", "a principal written into a recipe";
    BAD_DIRECTIVE = "bad-directive", "a $patch directive of the wrong form";
    READ_ONLY = "read-only-property", "a property that Azure sets, in a fragment";
    MISSING_LIST_KEY = "missing-list-key", "an element without the member that tells it apart";
    SECRET_EXAMINED = "secret-examined", "what is in a secret decides what is written, or what may not be shown what is asked";
    SECRET_DEFAULT = "secret-default", "a secret input with its value in the recipe";
    NOT_AN_ELEMENT = "not-an-element", "a lookup with `for_each`, read outside its loop as if it were one";
    OUT_OF_REACH = "out-of-reach", "a root named within a filter, where names are those of the element";
    NEVER_TRUE = "never-true", "a comparison or name that always comes out the same";
    NO_APP = "no-app", "something of an app in a recipe that works on none";
    OWNS_NOTHING = "owns-nothing", "a step or property without a value";
    NO_OBSERVED_EFFECT = "no-observed-effect", "a recipe whose checks look at nothing that Azure made";
    BAD_FIX = "bad-fix", "a `fix` that cannot be pasted as one command";
    BAD_DEFAULT = "bad-default", "a default that the input itself does not allow";
    TWO_REVISIONS = "two-revisions", "a change of the template that must precede another one";
    UNKNOWN_FIELD = "unknown-field", "a property that the type table does not know";
    UNUSED = "unused", "an input, variable or lookup that nothing reads";
    UNDESCRIBED = "undescribed", "words that people need are missing";
    YAML_WORD = "yaml-word", "a word that other readers of YAML take for a boolean";
    YAML_NUMBER = "yaml-number", "a number that is not read as it is written";
    SECRET_MISPLACED = "secret-misplaced", "a secret would go where it can be read";
    FOREIGN_HOST = "foreign-host", "a check of a host that is not the app's own";
    FOREIGN_NAME = "foreign-name", "a name that is asked for, and that neither the caller nor Azure gave";
    TOO_MANY_ROUNDS = "too-many-rounds", "a `for_each` over more than a run can take";
    UNKNOWN_TYPE = "unknown-type", "a type of resource that the type table does not have";
    ROLE_REFUSED = "role-refused", "a role that could give roles away";
    UNKNOWN_RECIPE = "unknown-recipe", "there is no recipe of this name";
    RECIPE_EXISTS = "recipe-exists", "a folder has a recipe that is there already";
    UNKNOWN_INPUT = "unknown-input", "there is no input of this name";
    MISSING_INPUT = "missing-input", "a required input is not set";
    BAD_INPUT = "bad-input", "an input's value has the wrong type or form";
    AMBIGUOUS_INPUT = "ambiguous-input", "an input of several recipes, and no recipe named";
    SECRET_ON_ARGV = "secret-on-argv", "a secret written on the command line";
    UNREADABLE_INPUT = "unreadable-input", "a file or variable that an input names cannot be read";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CODES;

    #[test]
    fn codes_are_unique_kebab_case_and_described() {
        let mut seen = BTreeSet::new();
        for (code, description) in CODES {
            assert!(seen.insert(code), "{} twice", code.0);
            let words_are_plain = code.0.split('-').all(|word| {
                !word.is_empty()
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            });
            assert!(words_are_plain, "{} is not kebab-case", code.0);
            assert!(description.len() > 10, "{} is not described", code.0);
            assert!(!description.ends_with('.'), "{} ends with a full stop", code.0);
        }
    }
}
