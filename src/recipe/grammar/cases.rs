//! The grammar of `tests.yaml`: the cases of a recipe.

use super::{Kind, Table, may, need, table};

/// A file of cases.
pub(in crate::recipe) static CASES: Table = table(
    "a file of cases",
    &[need("cases", Kind::List(&Kind::Object(&CASE)), "The cases, each on an Azure of its own.")],
);

/// The words of reports for how a run can end here.
const STATUSES: &[&str] =
    &["ok", "failed", "usage", "prerequisites-missing", "verification-failed", "rolled-back"];

const WITH: super::Key =
    may("with", Kind::Map(&Kind::Json), "Inputs of the recipe; later runs keep those of the run before.");
const RUN: super::Key =
    may("run", Kind::Word(&["check", "plan", "apply", "verify"]), "The command; without it apply.");
const AGAIN: super::Key = may(
    "again",
    Kind::Flag,
    "Whether an apply that ended well is applied again, which must write nothing, and verified; without it true.",
);
const EXPECTED: super::Key =
    may("expect", Kind::Object(&EXPECT), "How the run ends; without it with status ok.");
const CALLER: super::Key =
    may("caller", Kind::Text, "Who calls, from this run on; without it owner (acarecipe sandbox variants).");
static EDITS: Kind = Kind::Object(&EDIT);
const STATE: super::Key = may("state", Kind::List(&EDITS), "What is changed before the run, in order.");
const FAULTS: super::Key =
    may("faults", Kind::List(&Kind::Text), "What goes wrong in this run, as --sandbox-fault says it.");
const VARIABLES: super::Key =
    may("variables", Kind::Named(&Kind::Text), "Environment variables of this run; there are no others.");
const AFTER: super::Key = may("after", Kind::Duration, "Time that has passed before the run.");

static CASE: Table = table(
    "a case",
    &[
        need("name", Kind::Text, "What it shows, in a few words."),
        WITH,
        may(
            "recipes",
            Kind::List(&Kind::RecipeOr(&CASE_RECIPE)),
            "Further recipes and instances of its runs.",
        ),
        may(
            "target",
            Kind::Object(&CASE_TARGET),
            "The target, as the flags are named; without it the sandbox's.",
        ),
        may(
            "given",
            Kind::Object(&GIVEN),
            "The Azure it starts from; without it the sandbox as it is seeded.",
        ),
        RUN,
        AGAIN,
        EXPECTED,
        may("then", Kind::List(&Kind::Object(&RUN_TABLE)), "Further runs on the same Azure, in order."),
        may(
            "flipped",
            Kind::Named(&Kind::Object(&FLIPPED)),
            "Assumptions of the sandbox under whose opposite (--switches) a run of the case ends otherwise.",
        ),
    ],
);

static CASE_RECIPE: Table = table(
    "a recipe of a case",
    &[
        need("recipe", Kind::RecipeName, "The recipe's name."),
        may("as", Kind::Id, "The instance's name; without it the recipe's."),
        may("with", Kind::Map(&Kind::Json), "Its inputs."),
    ],
);

static CASE_TARGET: Table = table(
    "a target",
    &[
        may("resource_group", Kind::Text, "The resource group."),
        may("name", Kind::Text, "The app."),
        may("container", Kind::Text, "The container of the app."),
        may("environment", Kind::Text, "The environment."),
        may("location", Kind::Text, "The region of what is made."),
    ],
);

static GIVEN: Table = table(
    "what is given",
    &[
        CALLER,
        STATE,
        may("switches", Kind::List(&Kind::Text), "Assumptions turned round (acarecipe sandbox rules)."),
        FAULTS,
        VARIABLES,
        AFTER,
    ],
);

static RUN_TABLE: Table = table(
    "a further run",
    &[WITH, may("given", Kind::Object(&CHANGED), "What happens before it."), RUN, AGAIN, EXPECTED],
);

static CHANGED: Table =
    table("what happens before a further run", &[CALLER, STATE, FAULTS, VARIABLES, AFTER]);

static EDIT: Table = Table {
    what: "a change of the state",
    keys: &[
        may("variant", Kind::Text, "A named change (acarecipe sandbox variants)."),
        may("with", Kind::Named(&Kind::Json), "What the variant takes."),
        may(
            "merge",
            Kind::Named(&Kind::Json),
            "JSON merge patches by the place in the state that each is laid over: `apps[ca-demo].model.tags`.",
        ),
        may("remove", Kind::Text, "The place of what is taken away."),
    ],
    exactly_one: &["variant", "merge", "remove"],
    only_with: Some((&["variant"], &["with"])),
    refused: None,
};

static EXPECT: Table = table(
    "an expectation",
    &[
        may("status", Kind::Word(STATUSES), "How the run ends; without it ok."),
        may("writes", Kind::Count, "Writes that were accepted; of a plan, those it would send."),
        may("revisions", Kind::Count, "New revisions; of a plan, those it would make."),
        may(
            "changes",
            Kind::List(&Kind::Text),
            "Exactly what the plan changes: properties as it shows them, and the title of each resource it creates or action it sends.",
        ),
        may(
            "findings",
            Kind::List(&Kind::TextOr(&FINDING)),
            "Exactly the prerequisites and verifications that did not pass; text is the name of one that failed.",
        ),
        may(
            "diagnostics",
            Kind::List(&Kind::TextOr(&DIAGNOSTIC)),
            "Exactly the errors and warnings; text is a code.",
        ),
        may(
            "outputs",
            Kind::Map(&Kind::Json),
            "Outputs of the recipe with their values; there may be others.",
        ),
        may(
            "state",
            Kind::List(&Kind::Query),
            "JMESPath queries over the state that the run leaves (acarecipe sandbox show); each must give true.",
        ),
    ],
);

static FINDING: Table = table(
    "a finding",
    &[
        may("name", Kind::Text, "Its name."),
        may("code", Kind::Text, "Its code."),
        may(
            "status",
            Kind::Word(&[
                "passed",
                "warning",
                "failed",
                "not-exercised",
                "could-not-check",
                "action-required",
            ]),
            "How it ended; without it failed.",
        ),
        may("contains", Kind::Text, "Part of its name, detail or fix."),
        may("recipe", Kind::Text, "The recipe or instance it belongs to."),
    ],
);

static DIAGNOSTIC: Table = table(
    "a diagnostic",
    &[
        may("code", Kind::Text, "Its code."),
        may("contains", Kind::Text, "Part of its message, notes or fix."),
    ],
);

static FLIPPED: Table = table(
    "an exception",
    &[
        need("status", Kind::Word(STATUSES), "How the run that ends otherwise ends then."),
        need("because", Kind::Text, "Why."),
    ],
);
