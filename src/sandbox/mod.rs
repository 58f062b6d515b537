//! An Azure in the process: Azure Resource Manager as the tests and `--sandbox` need it.

pub mod http;

mod control;
mod inspect;
mod line;
mod metadata;
mod owner_only;
pub mod serve;
pub mod statefile;
mod tls;
mod token;
pub mod transport;
mod wire;

pub use inspect::Inspect;
pub use wire::Handler;
