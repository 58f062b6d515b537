//! The sandbox, driven through its public surface.

mod core;
