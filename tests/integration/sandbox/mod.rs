//! The sandbox, driven through its public surface.

mod core;
//! sandbox.

mod schema;
mod serve_guards;
mod serve_wire;
mod statefile;
mod transport;
