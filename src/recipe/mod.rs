//! Recipes as data: model, loading, validation, catalogue, inputs, schema.

pub mod cases;
mod catalogue;
pub mod duration;
mod files;
mod grammar;
mod graph;
pub mod inputs;
mod instances;
mod load;
pub mod model;
mod place;
mod project;
mod read;
mod reference;
mod sample;
mod schema;
mod structure;
mod suggest;
mod traps;
mod validate;
mod yaml;

pub use catalogue::{Catalogue, recipe_folders};
pub use duration::{format_duration, parse_duration};
pub use files::{read_beneath, read_source, stays_inside};
pub use graph::{BASELINE, Graph};
pub use inputs::{Bound, BoundInput, BoundValue, InputOrigin, Outside, bind};
pub use instances::Asked;
pub use load::load;
pub use model::*;
pub use place::place;
pub use project::{PROJECT_FILE, Project, ProjectTarget};
pub use reference::recipe_reference;
pub use sample::SampleFile;
pub use schema::{cases_schema, project_schema, recipe_schema};
pub use validate::{forbidden_role, lint, review, validate};
pub use yaml::MAX_BYTES;
