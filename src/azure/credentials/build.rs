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

use super::answers::readable;
use super::certificate::{Certificate, CertificateError};
use super::client_assertion::SignedAssertion;
use super::env::Env;
use super::oidc::OidcAssertion;
use super::select::{CredentialKind, SelectError, Selected};
use super::tool::Tool;
use super::variables::{
    ACCESS_TOKEN, AUTH, CERTIFICATE, CERTIFICATE_CHAIN, CONNECTION, CONNECTION_ID, CONNECTION_TENANT,
    GITHUB_TOKEN, GITHUB_URL, ID, PIPELINES_TOKEN, PIPELINES_URL, SECRET, TENANT, TOKEN_FILE, secrets,
};
use crate::azure::clouds::Cloud;
use crate::azure::endpoint::{CustomEndpoint, Endpoint, EndpointError};
use crate::azure::errors::{CREDENTIAL, ENDPOINT, chain};
use crate::azure::network::Network;
use crate::azure::text;
use crate::clock::{Clock, SystemClock};
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
    /// The time that assertions are signed for.
    pub clock: Arc<dyn Clock>,
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
            clock: Arc::new(SystemClock),
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
            transport: Some(readable(self.transport(proxy))),
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
    /// The client certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
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
            CredentialError::Certificate(error) => finding(CREDENTIAL).fix(error.fix()),
            CredentialError::Unusable { .. } => finding(CREDENTIAL)
                .fix(format!("check the credential's variables, or choose another one with {AUTH}")),
        }
    }
}

/// The endpoint of a run: of the cloud, or the one the caller named, with the chosen credential. Sends nothing
/// and starts no program; reads the federated token's file or the certificate's.
pub fn open(
    selected: &Selected,
    custom: Option<CustomEndpoint>,
    parts: &Parts<'_>,
) -> Result<Endpoint, CredentialError> {
    let endpoint = if selected.kind == CredentialKind::Token {
        let token = Secret::new(required(selected.kind, parts.env, &[ACCESS_TOKEN])?.trim().to_owned());
        match custom {
            Some(custom) => custom.with_token(parts.cloud, token)?,
            None => Endpoint::for_cloud_with_token(parts.cloud, token)?,
        }
    } else {
        // Before the credential is made: an untrusted endpoint should not even cause a file to be read.
        if let Some(custom) = &custom {
            custom.may_take_credentials()?;
        }
        let credential = build(selected.kind, parts)?;
        match custom {
            Some(custom) => custom.with_credential(parts.cloud, credential)?,
            None => Endpoint::for_cloud(parts.cloud, credential),
        }
    };
    Ok(endpoint.hiding(secrets(parts.env)))
}

/// The first of these variables that is set. `select` has seen to it that one is.
fn required(kind: CredentialKind, env: &dyn Env, names: &[&'static str]) -> Result<String, CredentialError> {
    names.iter().find_map(|name| env.var(name)).ok_or_else(|| {
        CredentialError::Select(SelectError::Missing {
            kind,
            because: "it needs them".to_owned(),
            missing: names.iter().copied().take(1).collect(),
        })
    })
}

fn build(kind: CredentialKind, parts: &Parts<'_>) -> Result<Arc<dyn TokenCredential>, CredentialError> {
    let unusable = |reason: String| CredentialError::Unusable { kind, reason: text::clean(&reason, &[]) };
    let failed = |error: azure_core::Error| unusable(chain(&error));
    let any = |names: &[&'static str]| required(kind, parts.env, names);
    let variable = |name: &'static str| any(&[name]);
    let assertions = || ClientAssertionCredentialOptions { client_options: parts.options(true) };
    let executor = Some(parts.executor.clone().unwrap_or_else(|| Arc::new(Tool)));
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
        CredentialKind::Environment if parts.env.var(SECRET).is_none() => {
            let (tenant, client_id) = (variable(TENANT)?, variable(ID)?);
            let certificate = Certificate::read(variable(CERTIFICATE)?.as_ref(), parts.clock.now())?;
            let chain = parts.env.var(CERTIFICATE_CHAIN).unwrap_or_default();
            let assertion = SignedAssertion {
                certificate,
                send_chain: chain == "1" || chain.eq_ignore_ascii_case("true"),
                client_id: client_id.clone(),
                audience: format!("{}/{tenant}/oauth2/v2.0/token", parts.cloud.authority),
                clock: Arc::clone(&parts.clock),
            };
            ClientAssertionCredential::new(tenant, client_id, assertion, Some(assertions()))
                .map_err(failed)?
        }
        CredentialKind::Environment => {
            let options = ClientSecretCredentialOptions { client_options: parts.options(true) };
            let secret = Secret::new(variable(SECRET)?);
            ClientSecretCredential::new(&variable(TENANT)?, variable(ID)?, secret, Some(options))
                .map_err(failed)?
        }
        CredentialKind::WorkloadIdentity => {
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: assertions(),
                client_id: Some(variable(ID)?),
                tenant_id: Some(variable(TENANT)?),
                token_file_path: Some(variable(TOKEN_FILE)?.into()),
            }))
            .map_err(failed)?
        }
        CredentialKind::ManagedIdentity => {
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                // The one variable that Microsoft's libraries read for it. A resource or object id has no usual
                // one, and the SDK takes no resource id for the endpoint that Container Apps has.
                user_assigned_id: parts.env.var(ID).map(UserAssignedId::ClientId),
                // Plain http on the machine itself: a proxy would read the identity's header and its token.
                client_options: parts.options(false),
            }))
            .map_err(failed)?
        }
        CredentialKind::GithubOidc => {
            let assertion = OidcAssertion::github(
                &variable(GITHUB_URL)?,
                Secret::new(variable(GITHUB_TOKEN)?),
                parts.cloud.assertion_audience,
                parts.transport(true),
            )
            .map_err(unusable)?;
            ClientAssertionCredential::new(variable(TENANT)?, variable(ID)?, assertion, Some(assertions()))
                .map_err(failed)?
        }
        CredentialKind::AzurePipelines => {
            let assertion = OidcAssertion::pipelines(
                &variable(PIPELINES_URL)?,
                Secret::new(variable(PIPELINES_TOKEN)?),
                &variable(CONNECTION)?,
                parts.transport(true),
            )
            .map_err(unusable)?;
            let (tenant, id) = (any(&[TENANT, CONNECTION_TENANT])?, any(&[ID, CONNECTION_ID])?);
            ClientAssertionCredential::new(tenant, id, assertion, Some(assertions())).map_err(failed)?
        }
    };
    Ok(credential)
}
