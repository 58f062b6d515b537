//! acarecipe: integration recipes for Azure Container Apps.

pub mod azure;
pub mod cli;
pub mod clock;
pub mod diagnostic;
pub mod execute;
pub mod expression;
pub mod facts;
pub mod merge;
pub mod plan;
pub mod recipe;
pub mod render;
pub mod report;
pub mod sandbox;
pub mod steps;
pub mod value;
pub mod verify;
