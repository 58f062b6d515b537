//! The real program against a sandbox in another process: killed, signalled, cut off.

mod crash;
mod limits;
mod process;
#[cfg(unix)]
mod signals;
