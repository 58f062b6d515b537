//! The one integration-test binary: everything here goes through the public surface.

mod client;
mod expression;
mod recipe;
mod sandbox;
mod support;
