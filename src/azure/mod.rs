//! Azure Resource Manager: ids, clouds, credentials, client, operations, errors, resource types. Knows no recipes.

pub mod ids;
pub mod roles;
pub mod types;

pub use ids::ResourceId;
