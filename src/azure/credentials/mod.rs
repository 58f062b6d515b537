//! Credentials: which one is used and why, how it is made, how its tokens are kept.
//!
//! [`select`] decides by variables alone and never falls through: a credential that was meant and fails is an
//! error, not a reason to act as somebody else. [`open`] joins the choice with an address.

mod answers;
mod build;
mod certificate;
mod client_assertion;
mod env;
mod oidc;
mod run;
mod select;
mod tool;
mod variables;

pub use build::{CredentialError, Parts, open};
pub use certificate::CertificateError;
pub use env::{Env, ProcessEnv};
pub(crate) use run::RunCredential;
pub use select::{CredentialKind, SelectError, Selected, select};
