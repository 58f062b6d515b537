//! The real program against a sandbox in another process: killed, signalled, cut off.

mod crash;
mod limits;
mod process;
mod proxies;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod signed_in;
mod wire;
