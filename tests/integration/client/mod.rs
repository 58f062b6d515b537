//! The ARM client against a server that answers by script, and against sockets that record what arrives.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod budget;
mod certificate;
mod credentials;
mod hostile;
mod ids;
mod links;
mod lists;
mod operations;
mod pipelines;
mod reads;
mod registries;
mod script;
mod writes;
