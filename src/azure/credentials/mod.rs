//! Credentials: which one is used, and why; how it is made; who has to be asked again when.

mod run;

pub(crate) use run::RunCredential;
