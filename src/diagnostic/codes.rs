//! The stable names of findings. A code is never renamed or reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(
    /// Kebab-case name.
    pub &'static str,
);

/// Every code with its one-line description.
pub const CODES: &[(Code, &str)] = &[
    // Recipes, project files and inputs.
    (FILE_TOO_LARGE, "a recipe or project file is larger, deeper or more repetitive than is read"),
    (BAD_YAML, "a file is not valid YAML"),
    (UNREADABLE_FILE, "a file cannot be read"),
    (DUPLICATE_KEY, "a key stands twice in one map"),
    (UNKNOWN_KEY, "a key that this place does not have"),
    (MISSING_KEY, "a key that this place needs is missing"),
    (WRONG_TYPE, "text, number, list or map where another is expected"),
    (BAD_VALUE, "a value of the right type that cannot be meant"),
    (BAD_NAME, "a name with characters that names do not have"),
    (BAD_EXPRESSION, "an expression that does not parse"),
    (UNKNOWN_REFERENCE, "an expression reads something that is not there"),
    (CYCLE, "variables, steps or recipes that need each other"),
    (NAME_TAKEN, "one name for two things"),
    (PATH_OWNED_TWICE, "two steps want different values in one place"),
    (DEFAULT_ON_REQUIRED, "a required input with a default"),
    (KNOWN_TOO_LATE, "a value that must be known at plan comes from a step"),
    (BARE_EXPRESSION, "an expression without ${}"),
    (CLOUD_SUFFIX, "a host name of one cloud, written out"),
    (FORBIDDEN_ROLE, "a role that a recipe may not give"),
    (LITERAL_PRINCIPAL, "a principal written into a recipe"),
    (BAD_DIRECTIVE, "a $patch directive of the wrong form"),
    (UNKNOWN_RECIPE, "there is no recipe of this name"),
    (RECIPE_EXISTS, "a folder has a recipe that is there already"),
    (UNKNOWN_INPUT, "there is no input of this name"),
    (MISSING_INPUT, "a required input is not set"),
    (BAD_INPUT, "an input's value has the wrong type or form"),
    (AMBIGUOUS_INPUT, "an input of several recipes, and no recipe named"),
    (SECRET_ON_ARGV, "a secret written on the command line"),
    (UNREADABLE_INPUT, "a file or variable that an input names cannot be read"),
];

// Recipes, project files and inputs.
/// A recipe or project file is larger, deeper or more repetitive than is read.
pub const FILE_TOO_LARGE: Code = Code("file-too-large");
/// A file is not valid YAML.
pub const BAD_YAML: Code = Code("bad-yaml");
/// A file cannot be read.
pub const UNREADABLE_FILE: Code = Code("unreadable-file");
/// A key stands twice in one map.
pub const DUPLICATE_KEY: Code = Code("duplicate-key");
/// A key that this place does not have.
pub const UNKNOWN_KEY: Code = Code("unknown-key");
/// A key that this place needs is missing.
pub const MISSING_KEY: Code = Code("missing-key");
/// Text, number, list or map where another is expected.
pub const WRONG_TYPE: Code = Code("wrong-type");
/// A value of the right type that cannot be meant.
pub const BAD_VALUE: Code = Code("bad-value");
/// A name with characters that names do not have.
pub const BAD_NAME: Code = Code("bad-name");
/// An expression that does not parse.
pub const BAD_EXPRESSION: Code = Code("bad-expression");
/// An expression reads something that is not there.
pub const UNKNOWN_REFERENCE: Code = Code("unknown-reference");
/// Variables, steps or recipes that need each other.
pub const CYCLE: Code = Code("cycle");
/// One name for two things.
pub const NAME_TAKEN: Code = Code("name-taken");
/// Two steps want different values in one place.
pub const PATH_OWNED_TWICE: Code = Code("path-owned-twice");
/// A required input with a default.
pub const DEFAULT_ON_REQUIRED: Code = Code("default-on-required");
/// A value that must be known at plan comes from a step.
pub const KNOWN_TOO_LATE: Code = Code("known-too-late");
/// An expression without ${}.
pub const BARE_EXPRESSION: Code = Code("bare-expression");
/// A host name of one cloud, written out.
pub const CLOUD_SUFFIX: Code = Code("cloud-suffix");
/// A role that a recipe may not give.
pub const FORBIDDEN_ROLE: Code = Code("forbidden-role");
/// A principal written into a recipe.
pub const LITERAL_PRINCIPAL: Code = Code("literal-principal");
/// A $patch directive of the wrong form.
pub const BAD_DIRECTIVE: Code = Code("bad-directive");
/// There is no recipe of this name.
pub const UNKNOWN_RECIPE: Code = Code("unknown-recipe");
/// A folder has a recipe that is there already.
pub const RECIPE_EXISTS: Code = Code("recipe-exists");
/// There is no input of this name.
pub const UNKNOWN_INPUT: Code = Code("unknown-input");
/// A required input is not set.
pub const MISSING_INPUT: Code = Code("missing-input");
/// An input's value has the wrong type or form.
pub const BAD_INPUT: Code = Code("bad-input");
/// An input of several recipes, and no recipe named.
pub const AMBIGUOUS_INPUT: Code = Code("ambiguous-input");
/// A secret written on the command line.
pub const SECRET_ON_ARGV: Code = Code("secret-on-argv");
/// A file or variable that an input names cannot be read.
pub const UNREADABLE_INPUT: Code = Code("unreadable-input");
