//! Azure Resource Manager: ids, clouds, credentials, client, operations, errors, resource types. Knows no recipes.

pub mod advice;
pub mod az_profile;
pub mod client;
pub mod clouds;
pub mod credentials;
pub mod endpoint;
mod envelope;
pub mod errors;
pub mod events;
pub mod ids;
pub mod image;
pub mod network;
pub mod operations;
mod paging;
pub mod permissions;
mod policies;
pub mod registry;
pub mod request;
mod retry;
pub mod roles;
mod text;
mod tries;
pub mod types;
pub mod whoami;

pub use client::{ArmClient, ClientSettings, Limits};
pub use clouds::Cloud;
pub use endpoint::{CustomEndpoint, Endpoint, EndpointError, EndpointKind};
pub use errors::{ArmError, ArmErrorKind};
pub use events::ClientEvent;
pub use ids::ResourceId;
pub use image::ImageReference;
pub use operations::Operation;
pub use registry::Manifest;
pub use request::{Accepted, ArmRequest, ArmResponse, Method};
pub use whoami::Caller;
