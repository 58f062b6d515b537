//! One file per output; the only place that prints.

pub mod diagnostics;
