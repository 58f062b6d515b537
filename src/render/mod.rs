//! One file per output; the only place that prints.

mod cases;
mod catalogue;
pub mod diagnostics;
mod fleet;
mod panic;
mod permissions;
mod progress;
mod rollout;
mod runs;
mod saved;
mod scaffold;
mod screen;
mod text;
mod tsv;
mod workflow;

pub use cases::{case, case_failures, case_run, cases_ending, cases_of};
pub use catalogue::{recipe_list, recipe_page, rules, standing, variants};
pub use fleet::fleet;
pub use panic::tell_panics;
pub use permissions::permissions;
pub use progress::Progress;
pub use runs::{run, runs};
pub use saved::{approved, saved_plan};
pub use scaffold::scaffolded;
pub use screen::{Colour, Format, Kept, Screen, Trace};
pub use text::{action_required, checks, counted, ending, foreign, header, outputs, plan, refusal};
