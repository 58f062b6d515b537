//! One file per output; the only place that prints.

mod catalogue;
pub mod diagnostics;
mod permissions;
mod progress;
mod screen;
mod text;

pub use catalogue::{recipe_list, recipe_page, rules};
pub use permissions::permissions;
pub use progress::Progress;
pub use screen::{Colour, Format, Screen};
pub use text::{checks, counted, ending, header, outputs, plan, refusal};
