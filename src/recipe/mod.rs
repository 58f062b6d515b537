//! Recipes as data: model, loading, validation, catalogue, inputs, schema.

pub mod duration;
pub mod model;

pub use duration::parse_duration;
pub use model::*;
