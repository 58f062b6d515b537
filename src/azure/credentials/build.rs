//! From a choice to an endpoint that can be used.

use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, Executor, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};

use super::env::Env;
use super::github_oidc::GithubAssertion;
use super::select::{CredentialKind, SelectError, Selected};
use crate::azure::clouds::Cloud;
use crate::azure::endpoint::{CustomEndpoint, Endpoint, EndpointError};
use crate::azure::errors::{CREDENTIAL, ENDPOINT, chain};
use crate::azure::network::Network;
use crate::azure::text;
use crate::diagnostic::Diagnostic;

/// What credentials are made with.
pub struct Parts<'a> {
    /// The cloud: its authority issues the tokens.
    pub cloud: &'static Cloud,
    /// The tenant of the subscription, if known; the CLIs are asked for its tokens.
    pub tenant: Option<String>,
    /// The cloud that az has selected, if known. Its tokens are for that cloud only.
    pub az_cloud: Option<String>,
    /// The variables.
    pub env: &'a dyn Env,
    /// Runs `az` and `azd`; `None`: as child processes.
    pub executor: Option<Arc<dyn Executor>>,
    /// How authorities are reached.
    pub network: Network,
    /// Answers in place of the network.
    pub transport: Option<Transport>,
}

impl<'a> Parts<'a> {
    /// Everything but cloud and variables at its default.
    pub fn new(cloud: &'static Cloud, env: &'a dyn Env) -> Parts<'a> {
        Parts {
            cloud,
            tenant: None,
            az_cloud: None,
            env,
            executor: None,
            network: Network::default(),
            transport: None,
        }
    }

    fn transport(&self, proxy: bool) -> Transport {
        match &self.transport {
            Some(transport) => transport.clone(),
            None => Network { proxy: proxy && self.network.proxy, ..self.network.clone() }.transport(),
        }
    }

    fn options(&self, proxy: bool) -> ClientOptions {
        let mut authority = CustomConfiguration::default();
        // Named always: without it the SDK takes the authority from the environment.
        self.cloud.authority.clone_into(&mut authority.authority_host);
        ClientOptions {
            transport: Some(self.transport(proxy)),
            // The client repeats reads whose token failed for a reason that passes.
            retry: RetryOptions::none(),
            cloud: Some(Arc::new(CloudConfiguration::Custom(authority))),
            ..ClientOptions::default()
        }
    }
}

/// Why there is no usable pair of endpoint and credential. Found before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// None could be chosen.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The endpoint does not take it.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// az is signed in to another cloud.
    #[error("az has {selected} selected, but the target is in {wanted}")]
    OtherCloud {
        /// The cloud az has selected.
        selected: String,
        /// The cloud of the target.
        wanted: &'static str,
    },
    /// It could not be made.
    #[error("the {kind} credential cannot be used: {reason}")]
    Unusable {
        /// The credential.
        kind: CredentialKind,
        /// Why.
        reason: String,
    },
}

impl CredentialError {
    /// The finding.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let finding = |code| Diagnostic::error(code, self.to_string());
        match self {
            CredentialError::Select(error) => finding(CREDENTIAL).fix(error.fix()),
            CredentialError::Endpoint(_) => finding(ENDPOINT),
            CredentialError::OtherCloud { wanted, .. } => {
                finding(CREDENTIAL).fix(format!("az cloud set --name {wanted} && az login"))
            }
            CredentialError::Unusable { .. } => finding(CREDENTIAL),
        }
    }
}

/// The endpoint of a run: of the cloud, or the one the caller named, with the chosen credential. Sends nothing
/// and starts no program; reads the federated token's file.
pub fn open(
    selected: &Selected,
    custom: Option<CustomEndpoint>,
    parts: &Parts<'_>,
) -> Result<Endpoint, CredentialError> {
    if selected.kind == CredentialKind::Token {
        let token =
            Secret::new(required(selected.kind, parts.env, "ACARECIPE_ACCESS_TOKEN")?.trim().to_owned());
        return Ok(match custom {
            Some(custom) => custom.with_token(parts.cloud, token)?,
            None => Endpoint::for_cloud_with_token(parts.cloud, token)?,
        });
    }
    // Before the credential is made: an untrusted endpoint should not even cause a file to be read.
    if let Some(custom) = &custom {
        custom.may_take_credentials()?;
    }
    let credential = build(selected.kind, parts)?;
    Ok(match custom {
        Some(custom) => custom.with_credential(parts.cloud, credential)?,
        None => Endpoint::for_cloud(parts.cloud, credential),
    })
}

fn required(kind: CredentialKind, env: &dyn Env, name: &'static str) -> Result<String, CredentialError> {
    env.var(name).ok_or_else(|| {
        CredentialError::Select(SelectError::Missing {
            kind,
            because: "it needs them".to_owned(),
            missing: vec![name],
        })
    })
}

fn build(kind: CredentialKind, parts: &Parts<'_>) -> Result<Arc<dyn TokenCredential>, CredentialError> {
    let unusable = |reason: String| CredentialError::Unusable { kind, reason: text::clean(&reason, &[]) };
    let failed = |error: azure_core::Error| unusable(chain(&error));
    let variable = |name: &'static str| required(kind, parts.env, name);
    let executor = parts.executor.clone();
    let tenant_id = parts.tenant.clone();
    let credential: Arc<dyn TokenCredential> = match kind {
        CredentialKind::Token => return Err(unusable("it is no credential of Entra ID".to_owned())),
        CredentialKind::AzureCli => {
            if let Some(selected) =
                parts.az_cloud.clone().filter(|cloud| !cloud.eq_ignore_ascii_case(parts.cloud.name))
            {
                return Err(CredentialError::OtherCloud { selected, wanted: parts.cloud.name });
            }
            let options = AzureCliCredentialOptions { tenant_id, executor, ..Default::default() };
            AzureCliCredential::new(Some(options)).map_err(failed)?
        }
        CredentialKind::Azd => {
            let options = AzureDeveloperCliCredentialOptions { tenant_id, executor };
            AzureDeveloperCliCredential::new(Some(options)).map_err(failed)?
        }
        CredentialKind::Environment => {
            let options = ClientSecretCredentialOptions { client_options: parts.options(true) };
            let secret = Secret::new(variable("AZURE_CLIENT_SECRET")?);
            ClientSecretCredential::new(
                &variable("AZURE_TENANT_ID")?,
                variable("AZURE_CLIENT_ID")?,
                secret,
                Some(options),
            )
            .map_err(failed)?
        }
        CredentialKind::WorkloadIdentity => {
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options: parts.options(true) },
                client_id: Some(variable("AZURE_CLIENT_ID")?),
                tenant_id: Some(variable("AZURE_TENANT_ID")?),
                token_file_path: Some(variable("AZURE_FEDERATED_TOKEN_FILE")?.into()),
            }))
            .map_err(failed)?
        }
        CredentialKind::ManagedIdentity => {
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: parts.env.var("AZURE_CLIENT_ID").map(UserAssignedId::ClientId),
                // Plain http on the machine itself: a proxy would read the identity's header and its token.
                client_options: parts.options(false),
            }))
            .map_err(failed)?
        }
        CredentialKind::GithubOidc => {
            let assertion = GithubAssertion::new(
                &variable("ACTIONS_ID_TOKEN_REQUEST_URL")?,
                Secret::new(variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?),
                parts.cloud.assertion_audience,
                parts.transport(true),
            )
            .map_err(unusable)?;
            let options = ClientAssertionCredentialOptions { client_options: parts.options(true) };
            ClientAssertionCredential::new(
                variable("AZURE_TENANT_ID")?,
                variable("AZURE_CLIENT_ID")?,
                assertion,
                Some(options),
            )
            .map_err(failed)?
        }
    };
    Ok(credential)
}
