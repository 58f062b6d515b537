//! acarecipe: integration recipes for Azure Container Apps.
//!
//! How to use the program stands in the README; this page is how it is built.
//!
//! # What it promises
//!
//! 1. **Own little.** A run changes only the paths its recipes declare.
//! 2. **Twice is free.** Applying again writes nothing, whatever Azure made of what was sent.
//! 3. **One revision.** What can go together goes in one write, whichever recipe wants it.
//! 4. **Ready means healthy.** Success is a finished operation, a healthy revision with traffic, and a
//!    verification that holds; a failure names its cause.
//! 5. **Interrupted anywhere, nothing lost.** The same command again goes on from live state alone.
//! 6. **Secrets stay secret**: in output, logs, errors, and on the way to the right host.
//! 7. **Try it with nothing.** The sandbox is an Azure in the process.
//! 8. **Know before you start.** What is missing is told all at once, before the first write.
//!
//! Most of what follows is a consequence of these: a plan is a value, because it must be shown, asked
//! about and compared; nothing is remembered between runs, because only what Azure has counts; marks sit
//! on values, because a secret must be found out where it is *printed*, not where it is read.
//!
//! # From a command to a report
//!
//! ```text
//! recipe.yaml ── recipe::load ──▶ Recipe ── recipe::bind (inputs) ──▶ Selection
//! Selection × Facts ── plan::plan (pure) ──▶ Plan { missing reads, steps, writes, prerequisites, health }
//!        ▲                                        │ missing? execute::observe fetches all of it at once
//!        └──────────── Facts ◀────────────────────┘ (one round), and everything is planned again
//! Plan ── execute (writes in order, Events) ──▶ facts forgotten, observed anew, planned anew
//! Plan on fresh facts ── verify::findings (pure) ──▶ report::Report ── render ──▶ text, JSON
//! ```
//!
//! **Facts come in rounds.** [`plan::plan`] asks for a fact by its [`facts::Read`]. What is not there yet
//! is an unknown value and is noted as missing; whoever does the I/O fetches all that is missing in
//! parallel and plans again. A read whose id depends on another read's answer simply turns up one round
//! later. So there is one function that says what is needed and what follows from it, and the two cannot
//! disagree. A second run of a recipe takes a few rounds, however many reads it has.
//!
//! **Unknowns make the graph.** An expression over something that only a write will tell gives an unknown
//! [`value::Value`] that carries its [`value::Origin`]: the step it waits for. A step whose desired state
//! holds such values must come after those steps. Nobody declares that, and `inputs.x || steps.y.z` has no
//! edge when `x` is set. `after` adds the edges that no value shows.
//!
//! **A merge owns leaves.** [`merge::merge`] lays a step's fragment over the live resource by the type's
//! rules ([`azure::types`]: which lists are maps by key, sets or one value; defaults; write-only parts) and
//! returns the merged resource with each [`merge::Owned`] leaf: path, live value, wanted value, whether the
//! two mean the same. Plan lines, "no changes", verification, conflicts between recipes and what is sent
//! all come from that one list.
//!
//! **Writes are grouped.** [`plan::schedule`]: for a resource each change has an index, the longest chain
//! before it, counted by how often the chain leaves the resource. Equal index, one write. Indices are then
//! raised as far as they go, so that what costs a revision comes last and once. With a system identity that
//! is identity → role → everything else; with a user-assigned one, whose principal is known first, role →
//! one write.
//!
//! **After each write everything is planned anew** on fresh facts. There is no "rest of the plan" that
//! could be stale: unknowns have become values, changes of others outside the owned paths are taken over,
//! and a difference on an owned path stops the run. It is also why a killed run needs no journal to go on.
//!
//! **A write** ([`execute`]) waits until the roles it relies on are old enough, reads the resource again,
//! merges into that, and sends the smallest body; `secrets` only when one changes, then built by name
//! from that read, references as references. Then it waits: operation, revision, traffic.
//!
//! **The window** (`execute/last_read`). ARM has no `If-Match` here, so what others write between that read and the write
//! is lost, as far as the write replaces it as a whole: lists of an app, all of what is only written whole. Nothing
//! else is asked in between: other reads and the values of secrets that are sent back come before it, and are taken only
//! if the resource is still as it was then. So the window is one request; whatever moved before it, `lastModifiedAt` or not,
//! is planned again, and a path of the run's own that moved since it was approved stops the run. `execute/others` tells
//! afterwards what shows of somebody who wrote meanwhile.
//!
//! **Which resource a step is about** is found by its id, or, with `match`, by what is in it: of a collection
//! the element that is equal on these paths, or a wider scope where the type says that it covers ([`merge`]'s
//! equality is not symmetric there). A step that found one owns it as it is; a name that hangs on an unknown is
//! told from others by what it is made of, so that two recipes that make the same thing make it once.
//!
//! **A POST that only reads** is a fact as any other where the type table says that its answer is no secret
//! ([`facts::Shape::Question`]). Who may not ask gets `{refused}`, and all else of the answer is as unknown as what
//! may not be read: a check over it could not be checked.
//!
//! **An answer that a write needs** (`listKeys`) is an unknown that orders nothing, until the write that needs
//! it is next: then it is asked for ([`execute`]), becomes a fact as any read, and everything is planned anew.
//! Nothing else ever asks, so a plan, a verification and a second run need no right to it. What Azure never
//! returns is compared by presence, and a resource that can only be written whole is refused where that would
//! lose it (`plan/preflight`).
//!
//! **What a replica started with** is told nowhere. A secret with a value is compared with what is stored, and so is in
//! place in a run after one that ended before its restart: then `plan/started` says which replicas are older than the
//! app's last write. A value that could not be compared is neither in place nor a change ([`plan::StepPlan::kept`]).
//!
//! **An action with an effect** (`restart`) is planned, shown and approved as a write, and after it everything is
//! planned anew. What a run has done that live state does not tell ([`plan::SoFar`]: which steps wrote, what actions
//! answered) is the one thing that a plan is a function of beside its facts; it ends with the run. So an action is sent
//! once in a run, and the next run decides by what is there. A run that was interrupted hands on by its journal what is
//! due and does not show ([`plan::Earlier`]): an action that its step triggers, a secret whose users were not restarted.
//!
//! **A wait is a node of the graph** that writes nothing: where `until` holds on the facts it is in place as any step,
//! else its turn comes, and the executor looks again and plans anew until it is. Approvals and counts leave it out.
//!
//! **A run has what its recipes need** ([`recipe::Target::of_run`]): an app only if one of them works on one, else an
//! environment or a resource group. What is not needed is not asked for and not looked at, and no health is judged.
//!
//! **A registry is asked beside Azure.** [`azure::registry`] exchanges the caller's token for a repository's and
//! asks for a manifest, only at the registry's own name below the cloud's suffix; [`azure::image`] takes
//! references apart. `plan/image` turns the answer into a digest, `plan/by_host` finds a registry by its login
//! server in any subscription, `plan/pull` says why a pull failed from what the run has read.
//!
//! **A database is asked beside Azure, too.** [`azure::sql`] has its T-SQL and the way there: one batch reads a
//! user, a script whose every statement looks first makes it. The token goes to the server's own name below the
//! cloud's suffix, within TLS that shows that name. A user is no resource of Azure, but its parts are merged, shown,
//! approved and written as those of a resource are. What the run may, can or shall not do is
//! [`plan::ByHand`]: never "missing" when it could not be seen, and told with the script for whoever may.
//!
//! **The app is asked beside Azure, without anything of the caller's.** A check of the kind `http` is a read like any
//! other ([`facts::Shape::Probe`]), but no plan of writes asks for it: only prerequisites and, after everything else,
//! verifications and gates do. [`azure::probe`] carries it by a client of its own that has no token, no cookie and
//! follows no redirect; `plan/hosts` says which hosts are the app's, and a redirect to one of these is one more read.
//! How often and how long is asked is the executor's (`execute/probe`), what an answer means is the plan's. An answer is good
//! for one look: a verification and a gate forget what was answered before them.
//!
//! **Names and handshakes are facts, too.** A question to the domain name system ([`facts::Shape::Dns`]) goes to a resolver
//! of the program's own ([`azure::dns`]), past the caches of this computer: that there is no such name is an answer, that
//! nobody could be asked is `{refused}`. The handshake belongs to a request's answer: the prober tells what the server
//! showed and how it refused, and `plan/handshake` judges at the time of the run, so that an alert is a refusal, while a 403,
//! which any app may say, is one only beside what the ingress is set to and what the same request with a certificate got.
//! A client certificate tells reads apart by its digest; its key signs in the prober and is in no fact.
//!
//! **A local file is a fact as well.** It is read beneath its base, part by part, and no link is followed out of it
//! (`execute/local`). Whose path it is decides the base (`recipe/paths`): what the caller typed leads anywhere, the
//! default of a built-in recipe is where the command runs, and what somebody else's recipe writes down stays in that
//! recipe's folder. Only files named like what is read are opened, and none of the text of one that is not understood is
//! told. [`dockerfile`] and [`requirements`] judge what was read.
//!
//! **An image is built beside Azure, as well.** [`context`] makes the same archive of the same files, and the tag comes
//! from it: `plan/build` asks the registry, or its runs, whether it is there, so that an unchanged folder is neither
//! built nor deployed again. [`azure::builds`] has the runs and the storage beside them, whose links are as good as
//! tokens and shown nowhere; [`execute`] sends the archive, follows the run and its log.
//!
//! **A rollout is how the one template write is delivered**, whichever recipes it comes from, and all of it follows
//! from live state. Everything is laid over, and compared with, the template of the revision that *serves*: after a
//! rollout that failed, the app's own template is the one that failed (`plan/rollout`). Mode and pinned traffic are a
//! step as any other, in a write before the template's (`plan/delivery`), since a new revision takes the weight of the
//! latest at once. The candidate's name is made of the serving revision's and of the owned leaves: a revision never
//! changes, so the two say its whole template, and no value of others gets into a name that everybody sees. Then label,
//! gates and weights are stages, each one write (`execute/rollout`), after which everything is planned anew; the weight
//! that stands says where a run that was killed goes on.
//!
//! **How much is sent** is one budget's ([`azure::Budget`]), which all clones of a client share: token buckets below
//! Azure's that follow what its answers say is left. It waits on the client's clock before a request is sent, never
//! within the time that an answer has.
//!
//! **Several apps are several runs** (`cli/many`): each with a context, an outcome and a report of its own, over one
//! client. What two of them write at the same time they write in turns ([`execute`]'s `turns`), and whoever comes second reads
//! it again first. The health of a fleet is judged page by page from its list ([`verify`]'s `fleet`); a row is kept of an app.
//!
//! **A share that cannot be mounted is told nowhere**, so `plan/mount` says what is known of it: before the first
//! write whether volumes, mounts and what the environment knows fit together, and while a revision hangs, which
//! share it waits for and why that may be.
//!
//! **Undoing is a run of a recipe that is made in memory** ([`undo`]): up to three steps for each write of a journal, in reverse,
//! each of a kind that no file can name ([`recipe::StepKind::PutBack`], [`recipe::StepKind::Removal`]). A step looks at
//! every property on its own, beside what is live ([`steps::put_back`]): as it was, it is in place; as the run left it,
//! it goes back; anything else is somebody's, and named. What is not written down (variables) comes from the revision
//! that served before, and counts only if its seal is the one in the journal. So there is no second planner, diff or
//! executor, and an undo that is cut off goes on as any run does. A revision never changes, so a template goes back as a
//! new one, in Multiple mode too: to point traffic at the old one would pin it. There the revisions that the run made are
//! put out of service before what they refer to goes, unless somebody gave them traffic ([`recipe::Service`]).
//!
//! **Verifying is planning again** ([`verify`]): what is not in place has failed, in the recipe's words,
//! beside the health of app and revision, which Azure says and we do not.
//!
//! **A saved plan is compared, and nothing else** (`plan/saved`): its file holds what [`plan::Plan::approval`] gives, as marks
//! where nobody may see it, and what was asked for. Nothing of it reaches the executor, which gets the plan that was just
//! made. What is in place as approved may be missing from that one: so a run that was killed goes on by the same file.
//!
//! # The layers
//!
//! A layer imports only layers above it in this list; a test holds that.
//!
//! | module | what | knows nothing of |
//! | --- | --- | --- |
//! | [`clock`] | time that can be virtual | everything |
//! | [`context`] | the folder that an image is built from, as a tar | everything |
//! | [`value`] | JSON with marks (unknown, secret, existing), paths, redaction | everything |
//! | [`diagnostic`] | findings with a stable code, place, cause, fix | what they are about |
//! | [`azure`] | ids, clouds, resource types, credentials, the client, operations, errors | recipes |
//! | [`expression`] | `${…}`: JMESPath over marked values | where values come from |
//! | [`dockerfile`] | what a Dockerfile says, with places, and what is wrong with it | who reads files |
//! | [`requirements`] | what a Python project installs and needs of the system, from texts | who reads files |
//! | [`recipe`] | the file format, its mistakes, the catalogue, inputs | Azure's answers |
//! | [`facts`] | what was read and what is missing | who reads |
//! | [`merge`] | fragments over resources, bodies | steps |
//! | [`steps`] | one pure function per step kind | other steps |
//! | [`plan`] | the engine, schedule, prerequisites, rights, health | any I/O, any clock |
//! | [`execute`] | the interpreter: reads, writes, waits, events | recipes, output |
//! | [`journal`] | what a run did, kept: entries, state folder, lock | recipes, plans, output |
//! | [`undo`] | from a journal to a recipe in memory that puts a run back | any I/O |
//! | [`verify`] | findings of a plan on fresh facts | any I/O |
//! | [`report`] | the frozen JSON shape | how it is shown |
//! | [`render`] | text, progress, diagnostics; the only place that prints | what to do |
//! | [`cli`] | one file per command | |
//!
//! [`sandbox`] stands apart. It imports nothing of the above but [`azure::ResourceId`], and nothing above
//! imports it but [`cli`], which puts it under the client as a transport and runs the cases of recipes in
//! it, and `render`, which lists its rules and variants. Its apps answer over HTTP as they are scripted. It judges what the client sends by what Azure is known to do; a belief shared with the planner
//! would be confirmed by its own mirror. Each of its rules has a source, and each that is only assumed has
//! a switch for the opposite.
//!
//! # Errors
//!
//! Inside a layer errors are enums that say what happened. What a person reads is a
//! [`diagnostic::Diagnostic`] with a code of [`diagnostic::codes`] that is never renamed. Mistakes are
//! gathered and told together. [`report::Ending`] is the exit code and the `status` of the JSON.
//!
//! # Where to add
//!
//! - **A recipe**: a folder below `recipes/` with `recipe.yaml`, `tests.yaml`, `README.md` and `app/`. No
//!   Rust. `acarecipe lint` says what is wrong with it, `acarecipe test` runs its cases: the commands
//!   themselves ([`cli`]) in the sandbox, told to a screen that writes nowhere, and compared.
//! - **A key of the language**: a row in `recipe/grammar.rs`, from which schema and reference follow, and its line in
//!   `recipe/read.rs`. Its expressions
//!   go into `recipe/validate/places.rs`, and from there every rule of lint sees them.
//! - **A resource type**: a row in `azure/types/table.rs`: versions, list kinds, what is read-only, what
//!   follows from a change. Its behaviour in the sandbox: a file in `sandbox/providers/`, with rules.
//! - **A step kind**: a variant of [`recipe::StepKind`], a pure file in `steps/`, its call in
//!   `plan/stepping.rs`; a new verb of ARM would go into `execute/write.rs`.
//! - **A command**: a file in `cli/` and a line in its `Command`; what it tells is a [`report::Report`].
//! - **A fact about Azure**: where it is used, with its source; in `sandbox/rules/` if the sandbox plays it.
//!
//! # Where this differs from the usual design
//!
//! - A step does not list what it reads, and nothing visits a dependency graph of reads: planning is run
//!   again until it misses nothing. It is fast enough to be run dozens of times (`cargo bench`).
//! - Merging is below steps, not in the executor: the diff that is shown and the body that is sent are made
//!   by one function, and the executor only repeats it on a fresher read.
//! - There is no state file. Owned paths are in the recipes, everything else is in Azure.
//! - Rights are derived from the planned writes, not declared by recipes.
//! - Which actions with an effect a step may send, and which POSTs a lookup may ask, stands in the type table: a
//!   recipe may come from a stranger. The answer of an `action` that reads is always a secret, whatever it is.
//! - A type's own kind of role (Cosmos DB's, Redis') is a `resource` step; the type table says where its
//!   principal stands, and lint looks at it as at a role's.
//! - The candidate of a rollout is named by a hash of the serving revision's name and the owned leaves, not of the
//!   whole template: that says the same, and foreign values stay out of a name. The pin of the traffic is a step that
//!   the policy brings along, not one that its recipe has to write.
//! - The lookup `requirements` looks at the Dockerfile itself, and `dockerfile` has no `needs`: which system packages
//!   a Python package needs depends on the image that it is installed in, so each would have needed the other's answer.
//! - Inputs of the type `path` take no expression as their default, and no variable in a recipe of somebody else's: it is
//!   the caller who says which of his folders is read.
//! - A check's `http` sends GET, HEAD or OPTIONS over https at 443 only: verifying has no effect.

pub mod azure;
pub mod cli;
pub mod clock;
pub mod context;
pub mod diagnostic;
pub mod dockerfile;
pub mod execute;
pub mod expression;
pub mod facts;
pub mod journal;
pub mod merge;
pub mod plan;
pub mod recipe;
pub mod render;
pub mod report;
pub mod requirements;
pub mod sandbox;
pub mod steps;
pub mod undo;
pub mod value;
pub mod verify;
