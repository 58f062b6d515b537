//! What several areas of the suite need.

pub mod others;
pub mod schema;
pub mod served;
pub mod world;
