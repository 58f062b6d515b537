//! Which credential a run uses.

use std::fmt;

use super::env::Env;
use super::variables::{
    ACCESS_TOKEN, AUTH, CERTIFICATE, CONNECTION, CONNECTION_ID, CONNECTION_TENANT, GITHUB_TOKEN, GITHUB_URL,
    ID, IDENTITY, PIPELINES_TOKEN, PIPELINES_URL, SECRET, TENANT, TOKEN_FILE,
};

/// The sorts of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// Whom the Azure CLI has signed in.
    AzureCli,
    /// Whom the Azure Developer CLI has signed in.
    Azd,
    /// An application with a client secret or certificate, from `AZURE_*` variables.
    Environment,
    /// A federated token in a file, as Kubernetes gives it.
    WorkloadIdentity,
    /// The managed identity of the machine or app we run on.
    ManagedIdentity,
    /// An assertion of GitHub Actions.
    GithubOidc,
    /// An assertion of Azure Pipelines for a service connection.
    AzurePipelines,
    /// The token in `ACARECIPE_ACCESS_TOKEN`.
    Token,
}

const KINDS: &[(CredentialKind, &str)] = &[
    (CredentialKind::AzureCli, "azure-cli"),
    (CredentialKind::Azd, "azd"),
    (CredentialKind::Environment, "environment"),
    (CredentialKind::WorkloadIdentity, "workload-identity"),
    (CredentialKind::ManagedIdentity, "managed-identity"),
    (CredentialKind::GithubOidc, "github-oidc"),
    (CredentialKind::AzurePipelines, "azure-pipelines"),
    (CredentialKind::Token, "token"),
];

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KINDS.iter().find(|(kind, _)| kind == self).map_or("?", |(_, name)| name))
    }
}

/// A choice, and why it was made. Shown as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// The credential.
    pub kind: CredentialKind,
    /// The markers that decided.
    pub because: String,
}

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.because)
    }
}

/// Why no credential could be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// `ACARECIPE_AUTH` says something else.
    #[error("ACARECIPE_AUTH is '{word}'; it can be auto, {}", names())]
    Unknown {
        /// What it says.
        word: String,
    },
    /// A credential was chosen whose variables are incomplete.
    #[error("the {kind} credential was chosen ({because}), but {} not set", list(.missing))]
    Missing {
        /// The credential.
        kind: CredentialKind,
        /// What chose it.
        because: String,
        /// The variables it needs.
        missing: Vec<&'static str>,
    },
    /// Nothing points to a credential.
    #[error(
        "no credential found: neither az nor azd is on the PATH, and no variables of another credential are set"
    )]
    Nothing,
}

impl SelectError {
    /// What mends it.
    pub fn fix(&self) -> String {
        match self {
            SelectError::Unknown { .. } => "export ACARECIPE_AUTH=auto".to_owned(),
            SelectError::Missing { kind: CredentialKind::GithubOidc, .. } => {
                "add 'permissions: { id-token: write }' to the workflow's job, and set AZURE_CLIENT_ID and AZURE_TENANT_ID"
                    .to_owned()
            }
            SelectError::Missing { kind: CredentialKind::AzurePipelines, missing, .. } => pipeline_step(missing),
            SelectError::Missing { kind: CredentialKind::Environment, missing, .. }
                if missing.contains(&SECRET) =>
            {
                format!("set them ({CERTIFICATE} will do instead of {SECRET}), or choose another credential with {AUTH}")
            }
            SelectError::Missing { .. } => format!("set them, or choose another credential with {AUTH}"),
            SelectError::Nothing => {
                "install the Azure CLI (https://learn.microsoft.com/cli/azure/install-azure-cli) and run az login"
                    .to_owned()
            }
        }
    }
}

/// The lines of a pipeline that map what is missing. Azure Pipelines gives `System.AccessToken` to a step only
/// where its YAML says so; the rest a task that was given the service connection sets by itself.
fn pipeline_step(missing: &[&str]) -> String {
    let mapped: Vec<_> = [
        (PIPELINES_TOKEN, "$(System.AccessToken)"),
        (CONNECTION, "ID-OF-THE-SERVICE-CONNECTION"),
        (ID, "CLIENT-ID"),
        (TENANT, "TENANT-ID"),
    ]
    .into_iter()
    .filter(|(name, _)| missing.contains(name))
    .map(|(name, value)| format!("{name}: {value}"))
    .collect();
    let mut parts = Vec::new();
    if missing.contains(&PIPELINES_URL) {
        parts.push(format!("run in a job of Azure Pipelines, which sets {PIPELINES_URL}"));
    }
    if !mapped.is_empty() {
        parts.push(format!("add to the pipeline's step: env: {{ {} }}", mapped.join(", ")));
    }
    parts.push(format!("or use the sign-in of an AzureCLI@2 task: env: {{ {AUTH}: azure-cli }}"));
    parts.join("; ")
}

fn names() -> String {
    KINDS.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}

fn list(variables: &[&str]) -> String {
    let verb = if variables.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", variables.join(", "))
}

/// Chooses the credential that `ACARECIPE_AUTH` names; unset or `auto`: the first whose markers are set. The
/// markers are those of `azure_identity` and of GitHub's runners. Asks nobody for a token.
pub fn select(env: &dyn Env) -> Result<Selected, SelectError> {
    let word = env.var(AUTH).map(|word| word.trim().to_owned());
    let (kind, because) = match word.as_deref() {
        None | Some("" | "auto") => automatic(env).ok_or(SelectError::Nothing)?,
        Some(word) => match KINDS.iter().find(|(_, name)| *name == word) {
            Some((kind, _)) => (*kind, format!("ACARECIPE_AUTH={word}")),
            None => {
                return Err(SelectError::Unknown { word: crate::value::strip_control(word) });
            }
        },
    };
    let missing: Vec<_> = needs(kind)
        .iter()
        .filter(|any| any.iter().all(|name| env.var(name).is_none()))
        .filter_map(|any| any.first().copied())
        .collect();
    if missing.is_empty() {
        Ok(Selected { kind, because })
    } else {
        Err(SelectError::Missing { kind, because, missing })
    }
}

/// What a credential cannot be made without: of each group any one.
fn needs(kind: CredentialKind) -> &'static [&'static [&'static str]] {
    match kind {
        CredentialKind::AzureCli | CredentialKind::Azd | CredentialKind::ManagedIdentity => &[],
        CredentialKind::Environment => &[&[ID], &[TENANT], &[SECRET, CERTIFICATE]],
        CredentialKind::WorkloadIdentity => &[&[ID], &[TENANT], &[TOKEN_FILE]],
        CredentialKind::GithubOidc => &[&[ID], &[TENANT], &[GITHUB_URL], &[GITHUB_TOKEN]],
        CredentialKind::AzurePipelines => &[
            &[ID, CONNECTION_ID],
            &[TENANT, CONNECTION_TENANT],
            &[CONNECTION],
            &[PIPELINES_URL],
            &[PIPELINES_TOKEN],
        ],
        CredentialKind::Token => &[&[ACCESS_TOKEN]],
    }
}

fn automatic(env: &dyn Env) -> Option<(CredentialKind, String)> {
    let set = |name: &str| env.var(name).is_some();
    let application = set(ID) && set(TENANT);
    let (kind, because) = if set(TOKEN_FILE) {
        (CredentialKind::WorkloadIdentity, "AZURE_FEDERATED_TOKEN_FILE is set")
    } else if application && set(SECRET) {
        (CredentialKind::Environment, "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET are set")
    } else if application && set(CERTIFICATE) {
        (
            CredentialKind::Environment,
            "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_CERTIFICATE_PATH are set",
        )
    } else if application && set(GITHUB_URL) {
        (
            CredentialKind::GithubOidc,
            "AZURE_CLIENT_ID, AZURE_TENANT_ID and ACTIONS_ID_TOKEN_REQUEST_URL are set",
        )
    } else if set(PIPELINES_URL) {
        (CredentialKind::AzurePipelines, "SYSTEM_OIDCREQUESTURI is set")
    } else if set(IDENTITY) {
        (CredentialKind::ManagedIdentity, "IDENTITY_ENDPOINT is set")
    } else if env.has_program("az") {
        (CredentialKind::AzureCli, "az is on the PATH")
    } else if env.has_program("azd") {
        (CredentialKind::Azd, "azd is on the PATH")
    } else {
        return None;
    };
    Some((kind, because.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn env(set: &str) -> BTreeMap<String, String> {
        set.split_whitespace()
            .map(|entry| entry.split_once('=').unwrap_or((entry, "x")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn the_first_marker_decides() {
        let id = "AZURE_CLIENT_ID AZURE_TENANT_ID";
        let all = format!(
            "{id} AZURE_FEDERATED_TOKEN_FILE AZURE_CLIENT_SECRET ACTIONS_ID_TOKEN_REQUEST_URL \
             AZURE_CLIENT_CERTIFICATE_PATH ACTIONS_ID_TOKEN_REQUEST_TOKEN SYSTEM_OIDCREQUESTURI SYSTEM_ACCESSTOKEN \
             AZURESUBSCRIPTION_SERVICE_CONNECTION_ID IDENTITY_ENDPOINT program:az program:azd ACARECIPE_ACCESS_TOKEN"
        );
        // Taking the winner's marker away leads to the next one, and to nothing at last.
        let steps = [
            ("", "workload-identity"),
            ("AZURE_FEDERATED_TOKEN_FILE", "environment"),
            ("AZURE_CLIENT_SECRET", "environment"),
            ("AZURE_CLIENT_CERTIFICATE_PATH", "github-oidc"),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "azure-pipelines"),
            ("SYSTEM_OIDCREQUESTURI", "managed-identity"),
            ("IDENTITY_ENDPOINT", "azure-cli"),
            ("program:az", "azd"),
        ];
        let mut env = env(&all);
        for (gone, expected) in steps {
            env.remove(gone);
            assert_eq!(select(&env).unwrap().kind.to_string(), expected, "without {gone}");
        }
        env.remove("program:azd");
        assert_eq!(select(&env), Err(SelectError::Nothing), "a token is used only when asked for");
    }

    #[test]
    fn what_is_incomplete_is_an_error_and_never_another_credential() {
        for (set, missing) in [
            ("AZURE_FEDERATED_TOKEN_FILE program:az", "AZURE_CLIENT_ID, AZURE_TENANT_ID"),
            (
                "ACARECIPE_AUTH=environment program:az",
                "AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET",
            ),
            (
                "ACARECIPE_AUTH=github-oidc AZURE_CLIENT_ID AZURE_TENANT_ID program:az",
                "ACTIONS_ID_TOKEN_REQUEST_URL",
            ),
            (
                "AZURE_CLIENT_ID AZURE_TENANT_ID ACTIONS_ID_TOKEN_REQUEST_URL program:az",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            ),
            ("ACARECIPE_AUTH=token program:az", "ACARECIPE_ACCESS_TOKEN"),
            ("ACARECIPE_AUTH=token ACARECIPE_ACCESS_TOKEN= program:az", "ACARECIPE_ACCESS_TOKEN"),
        ] {
            let error = select(&env(set)).unwrap_err();
            assert!(error.to_string().contains(missing), "{set}: {error}");
        }
        for word in ["azurepipelines", "cli", "AUTO", "azure-cli2"] {
            let error = select(&env(&format!("ACARECIPE_AUTH={word} program:az"))).unwrap_err().to_string();
            assert!(error.contains("azure-cli, azd, environment") && error.contains("token"), "{error}");
        }
    }

    #[test]
    fn what_a_pipeline_does_not_map_is_told_with_the_lines_that_map_it() {
        let missing = |set: &str| match select(&env(set)).unwrap_err() {
            SelectError::Missing { kind: CredentialKind::AzurePipelines, missing, .. } => missing,
            other => panic!("{other}"),
        };
        // The marker alone decides: in a pipeline without a mapping nobody else's sign-in is used.
        let marker = "SYSTEM_OIDCREQUESTURI program:az IDENTITY_ENDPOINT";
        assert_eq!(missing(marker), [ID, TENANT, CONNECTION, PIPELINES_TOKEN]);
        let fix = select(&env(marker)).unwrap_err().fix();
        for line in
            ["SYSTEM_ACCESSTOKEN: $(System.AccessToken)", "AZURE_CLIENT_ID: ", "ACARECIPE_AUTH: azure-cli"]
        {
            assert!(fix.contains(line), "{fix}");
        }
        // In a task that was given the service connection only the token is not there by itself.
        let task = "SYSTEM_OIDCREQUESTURI AZURESUBSCRIPTION_CLIENT_ID AZURESUBSCRIPTION_TENANT_ID \
                    AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";
        assert_eq!(missing(task), [PIPELINES_TOKEN]);
        assert!(select(&env(&format!("{task} SYSTEM_ACCESSTOKEN"))).is_ok());
        let elsewhere = "ACARECIPE_AUTH=azure-pipelines";
        assert_eq!(missing(elsewhere), [ID, TENANT, CONNECTION, PIPELINES_URL, PIPELINES_TOKEN]);
        assert!(select(&env(elsewhere)).unwrap_err().fix().contains("in a job of Azure Pipelines"));
    }

    #[test]
    fn the_choice_is_named_in_one_line() {
        let chosen = select(&env("ACARECIPE_AUTH=managed-identity")).unwrap();
        assert_eq!(chosen.to_string(), "managed-identity (ACARECIPE_AUTH=managed-identity)");
        assert_eq!(
            select(&env("ACARECIPE_AUTH=auto program:az")).unwrap().to_string(),
            "azure-cli (az is on the PATH)"
        );
    }
}
