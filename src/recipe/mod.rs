//! Recipes as data: model, loading, validation, catalogue, inputs, schema.

pub mod duration;
pub mod model;
mod place;
mod yaml;

pub use duration::parse_duration;
pub use model::*;
pub use place::place;
pub use yaml::MAX_BYTES;
