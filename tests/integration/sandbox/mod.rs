//! The sandbox, driven through its public surface.

mod core;
mod schema;
mod serve_azure;
mod serve_guards;
mod serve_wire;
mod statefile;
mod transport;
