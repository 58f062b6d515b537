//! Recipes as data: model, loading, validation, catalogue, inputs, schema.

mod catalogue;
pub mod duration;
mod grammar;
mod graph;
mod load;
pub mod model;
mod place;
mod read;
mod structure;
mod suggest;
mod validate;
mod yaml;

pub use catalogue::{Asked, Catalogue};
pub use duration::{format_duration, parse_duration};
pub use graph::{BASELINE, Graph};
pub use load::{load, read_source};
pub use model::*;
pub use place::place;
pub use validate::{forbidden_role, lint, validate};
pub use yaml::MAX_BYTES;
