//! sandbox.

mod schema;
mod serve_azure;
mod serve_guards;
mod serve_wire;
mod statefile;
mod transport;
