//! An Azure in the process: Azure Resource Manager as the tests and `--sandbox` need it.

pub mod http;
