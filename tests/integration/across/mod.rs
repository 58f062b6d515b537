//! The real program against a sandbox in another process: killed, signalled, cut off.

mod builds;
mod crash;
#[cfg(feature = "sql")]
mod databases;
mod limits;
mod names;
mod probes;
mod process;
#[cfg(unix)]
mod proxies;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod signed_in;
#[cfg(unix)]
mod wire;
