//! Known error codes: what is behind them, what mends it, where it is written.

use super::errors::{ArmError, ArmErrorKind};

/// What is known about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The cause, in one sentence.
    pub cause: &'static str,
    /// The command or edit that mends it.
    pub fix: Option<&'static str>,
    /// Microsoft's page, or the public report.
    pub docs: Option<&'static str>,
}

/// A row: the code, the cause, the fix, the page.
type Row = (&'static str, &'static str, Option<&'static str>, Option<&'static str>);

const RBAC: Option<&str> =
    Some("https://learn.microsoft.com/azure/role-based-access-control/troubleshooting");
const ACA_ERRORS: Option<&str> = Some("https://learn.microsoft.com/azure/container-apps/deployment-errors");
const REGISTER: Option<&str> = Some(
    "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider",
);
const MOUNTS: Option<&str> = Some("https://learn.microsoft.com/azure/container-apps/storage-mounts");
const LOGIN: Option<&str> = Some("az login");
const CLI: Option<&str> = Some("https://learn.microsoft.com/cli/azure/authenticate-azure-cli");
const FEDERATION: Option<&str> =
    Some("https://learn.microsoft.com/entra/workload-id/workload-identity-federation");

/// Codes of Azure Resource Manager and of the providers.
const CODES: &[Row] = &[
    (
        "AuthorizationFailed",
        "the caller has no role that allows this action on this resource; a role given in the last minutes may not be in force yet",
        Some("ask an administrator for the role, or sign in again after it was given: az login"),
        RBAC,
    ),
    (
        "LinkedAuthorizationFailed",
        "the write refers to another resource (an identity, an environment) that the caller may not use",
        Some("ask for a role on the resource that the message names, such as Managed Identity Operator"),
        RBAC,
    ),
    (
        "DenyAssignmentAuthorizationFailed",
        "a deny assignment forbids the action, whatever roles the caller has",
        Some(
            "az rest --url SCOPE/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01 shows it",
        ),
        Some("https://learn.microsoft.com/azure/role-based-access-control/deny-assignments"),
    ),
    (
        "ScopeLocked",
        "a management lock on the resource, its group or its subscription forbids the write",
        Some("az lock list, then az lock delete by somebody who may"),
        Some("https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources"),
    ),
    (
        "RequestDisallowedByPolicy",
        "an Azure Policy assignment forbids this setting; the message names it",
        Some("change the setting, or ask the policy's owner for an exemption"),
        Some(
            "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-policy-requestdisallowedbypolicy",
        ),
    ),
    (
        "RequestDisallowedByAzure",
        "the subscription may not create this in this region: the region takes no new customers, or the subscription is kept to other regions; no role changes that",
        Some(
            "choose another region: --location, or LOCATION; az policy assignment list --query \"[?name=='sys.regionrestriction'].parameters\" shows which the subscription is kept to",
        ),
        Some("https://learn.microsoft.com/troubleshoot/azure/general/region-access-request-process"),
    ),
    (
        "MissingSubscriptionRegistration",
        "the resource provider is not registered in this subscription",
        Some("az provider register --wait --namespace Microsoft.App"),
        REGISTER,
    ),
    (
        "NoRegisteredProviderFound",
        "the provider does not offer this type or api-version in this location",
        Some(
            "az provider show --namespace Microsoft.App --query \"resourceTypes[].{type:resourceType,locations:locations}\"",
        ),
        REGISTER,
    ),
    (
        "SubscriptionNotRegistered",
        "the resource provider is not registered in this subscription",
        Some("az provider register --wait --namespace Microsoft.App"),
        REGISTER,
    ),
    (
        "SubscriptionNotFound",
        "the subscription does not exist, is in another tenant or cloud, or the caller has no role in it",
        Some("az account list --output table, then az account set --subscription ID"),
        Some("https://learn.microsoft.com/cli/azure/manage-azure-subscriptions-azure-cli"),
    ),
    ("InvalidSubscriptionId", "the subscription id is not a GUID", Some("az account show --query id"), None),
    (
        "ReadOnlyDisabledSubscription",
        "the subscription is disabled; nothing can be written",
        Some(
            "re-enable it: https://portal.azure.com, Subscriptions (a spending limit, an unpaid bill or its owner disabled it)",
        ),
        Some("https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-disabled"),
    ),
    (
        "ResourceGroupNotFound",
        "there is no resource group of this name in the subscription",
        Some("az group list --output table"),
        None,
    ),
    (
        "InvalidAuthenticationTokenTenant",
        "the token was issued by another tenant than the subscription's",
        Some("az login --tenant TENANT"),
        CLI,
    ),
    (
        "ExpiredAuthenticationToken",
        "the token has expired",
        Some("az login, or a fresh ACARECIPE_ACCESS_TOKEN"),
        CLI,
    ),
    (
        "InvalidAuthenticationToken",
        "Azure Resource Manager does not accept the token: wrong audience, wrong cloud, expired or damaged",
        Some("az login, or a fresh ACARECIPE_ACCESS_TOKEN"),
        CLI,
    ),
    (
        "AuthenticationFailed",
        "Azure does not accept the token",
        Some("az login, or a fresh ACARECIPE_ACCESS_TOKEN"),
        CLI,
    ),
    (
        "ContainerAppOperationInProgress",
        "another operation works on it; only one can at a time",
        Some("wait until it is done and run the command again"),
        Some("https://github.com/microsoft/azure-container-apps/issues/1731"),
    ),
    (
        "ContainerAppLockConflict",
        "another modification of this app is in progress",
        Some("run the command again"),
        Some("https://github.com/microsoft/azure-container-apps/issues/175"),
    ),
    (
        "ManagedEnvironmentOperationInProgress",
        "another operation works on the environment",
        Some("wait until it is done and run the command again"),
        Some("https://github.com/microsoft/azure-container-apps/issues/701"),
    ),
    (
        "InvalidParameterValueInContainerTemplate",
        "Container Apps could not take the template over: an image that cannot be pulled, or a Key Vault secret that the identity cannot fetch (missing role, firewall, wrong name, disabled secret)",
        Some(
            "check the identity's role on the registry or vault and the network rules in between, then run again",
        ),
        ACA_ERRORS,
    ),
    (
        "ContainerAppSecretInvalid",
        "a secret was sent without a value and without a Key Vault reference",
        None,
        Some("https://github.com/microsoft/azure-container-apps/issues/259"),
    ),
    (
        "ContainerAppSecretRefNotFound",
        "a variable or a scale rule refers to a secret that is not there",
        Some(SECRETS_OF_APP),
        ACA_ERRORS,
    ),
    (
        "RoleAssignmentExists",
        "the same principal has the same role at the same scope already, under another name",
        None,
        RBAC,
    ),
    (
        "RoleAssignmentUpdateNotPermitted",
        "a role assignment of this name exists for another principal, role or scope; assignments cannot be changed",
        Some("az role assignment delete --ids ID, then run again"),
        RBAC,
    ),
    (
        "RoleAssignmentLimitExceeded",
        "the subscription has as many role assignments as it may have",
        Some(
            "remove assignments of deleted principals: az role assignment list --all --query \"[?principalName=='']\"",
        ),
        RBAC,
    ),
    (
        "PrincipalNotFound",
        "Microsoft Entra ID does not know the principal yet; a new identity takes a while to reach every region",
        Some("run the command again in a minute"),
        RBAC,
    ),
    (
        "ManagedEnvironmentStorageNotFound",
        "the environment knows no storage of this name, or not of the volume's type",
        Some("acarecipe apply bring-your-own-storage"),
        MOUNTS,
    ),
    (
        "ManagedEnvironmentStorageUpdateBadRequest",
        "apps use this storage of the environment, and then only its key can be changed",
        Some(
            "register the share under another name: acarecipe apply bring-your-own-storage -p storage_name=NAME",
        ),
        Some("https://github.com/microsoft/azure-container-apps/issues/1255"),
    ),
    (
        "ContainerAppInvalidVolumeMount",
        "a container mounts a volume that the app does not have",
        Some("add the volume, or take the mount away"),
        MOUNTS,
    ),
    (
        "ContainerAppInvalidMountPath",
        "a mount path is empty, `/`, or has a colon",
        Some("mount the volume at another path"),
        MOUNTS,
    ),
    (
        "FeatureNotSupportedForAccount",
        "this kind of storage account does not have what was asked of it; NFS shares need kind FileStorage",
        Some("use an account of another kind: az storage account create --kind"),
        Some("https://learn.microsoft.com/azure/storage/common/storage-account-overview"),
    ),
    (
        "KeyBasedAuthenticationNotPermitted",
        "the storage account refuses its keys",
        Some("az storage account update --name ACCOUNT --allow-shared-key-access true"),
        Some("https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent"),
    ),
    (
        "StorageAccountOperationInProgress",
        "another operation on the storage account is running",
        Some("run the command again when it has ended"),
        None,
    ),
    (
        "StorageAccountIsNotProvisioned",
        "the storage account is still being made",
        Some("run the command again in a minute"),
        None,
    ),
    (
        "TooManyRequests",
        "Azure asks for fewer requests",
        Some("wait and run the command again"),
        Some(
            "https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling",
        ),
    ),
    (
        "SubscriptionRequestsThrottled",
        "the subscription's requests are throttled",
        Some("wait and run the command again"),
        Some(
            "https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling",
        ),
    ),
    (
        "TasksOperationsNotAllowed",
        "ACR Tasks are not allowed on this kind of subscription (many free, trial and student ones); no role changes that",
        Some("build the image elsewhere and push it"),
        None,
    ),
];

/// Where to see which secrets there are.
const SECRETS_OF_APP: &str = "az containerapp secret list --name APP --resource-group RG";

/// Codes of Microsoft Entra ID, found anywhere in a message.
/// learn.microsoft.com/entra/identity-platform/reference-error-codes
const ENTRA: &[Row] = &[
    ("AADSTS700082", "the sign-in has expired through inactivity", LOGIN, CLI),
    ("AADSTS70043", "the sign-in has expired by the tenant's sign-in frequency", LOGIN, CLI),
    ("AADSTS50173", "the sign-in was revoked, often by a changed password", LOGIN, CLI),
    ("AADSTS50076", "the tenant demands multi-factor authentication", Some("az login --tenant TENANT"), CLI),
    ("AADSTS50079", "the tenant demands multi-factor authentication", Some("az login --tenant TENANT"), CLI),
    (
        "AADSTS53003",
        "a conditional access policy forbids the sign-in",
        Some("sign in from a device and place the policy allows"),
        CLI,
    ),
    ("AADSTS50020", "the account does not exist in this tenant", Some("az login --tenant TENANT"), CLI),
    (
        "AADSTS90002",
        "there is no such tenant in this cloud",
        Some("check AZURE_TENANT_ID and the cloud: az account show --query tenantId"),
        CLI,
    ),
    (
        "AADSTS900023",
        "the tenant id is neither a GUID nor a domain name",
        Some("check AZURE_TENANT_ID"),
        None,
    ),
    (
        "AADSTS700016",
        "the application does not exist in this tenant",
        Some("check AZURE_CLIENT_ID and AZURE_TENANT_ID"),
        None,
    ),
    (
        "AADSTS7000215",
        "the client secret is wrong; its value is needed, not its id",
        Some("az ad app credential reset --id CLIENT_ID"),
        None,
    ),
    (
        "AADSTS7000222",
        "the client secret has expired",
        Some("az ad app credential reset --id CLIENT_ID"),
        None,
    ),
    (
        "AADSTS700024",
        "the federated assertion has expired (GitHub's live about five minutes)",
        Some("run the command again"),
        Some("https://github.com/Azure/login/issues/372"),
    ),
    (
        "AADSTS700027",
        "the application does not know the certificate that signed the assertion, or this machine's clock is wrong",
        Some("az ad app credential reset --id CLIENT_ID --cert @cert.pem --append"),
        Some("https://learn.microsoft.com/entra/identity-platform/certificate-credentials"),
    ),
    (
        "AADSTS700212",
        "no federated credential of the application names the audience of the assertion; each cloud has its own",
        Some("az ad app federated-credential list --id CLIENT_ID, and compare issuer, subject and audience"),
        FEDERATION,
    ),
    (
        "AADSTS700213",
        "no federated credential of the application matches the subject of the assertion",
        Some("az ad app federated-credential list --id CLIENT_ID, and compare issuer, subject and audience"),
        FEDERATION,
    ),
    (
        "AADSTS70021",
        "no federated credential of the application matches the assertion",
        Some("az ad app federated-credential list --id CLIENT_ID, and compare issuer, subject and audience"),
        FEDERATION,
    ),
    (
        "AADSTS500011",
        "the tenant does not know the resource: the wrong cloud, or an untrusted custom endpoint",
        Some("check --cloud and --arm-endpoint"),
        None,
    ),
];

/// Phrases of tools and of the machine.
const PHRASES: &[Row] = &[
    (
        "az not found on PATH",
        "the Azure CLI is not installed, or not on the PATH",
        Some("install it and run az login, or choose another credential with ACARECIPE_AUTH"),
        Some("https://learn.microsoft.com/cli/azure/install-azure-cli"),
    ),
    (
        "azd not found on PATH",
        "the Azure Developer CLI is not installed, or not on the PATH",
        Some("install it and run azd auth login, or choose another credential with ACARECIPE_AUTH"),
        Some("https://learn.microsoft.com/azure/developer/azure-developer-cli/install-azd"),
    ),
    (
        "expires_on field not found",
        "the Azure CLI is older than 2.54 and does not say how long its token lasts",
        Some("az upgrade"),
        Some("https://learn.microsoft.com/cli/azure/update-azure-cli"),
    ),
    ("azd auth login", "nobody is signed in to the Azure Developer CLI", Some("azd auth login"), None),
    ("az login", "nobody is signed in to the Azure CLI, or the sign-in has expired", LOGIN, CLI),
    (
        "identity has not been assigned",
        "the compute resource has no managed identity, or not the one AZURE_CLIENT_ID names",
        Some("check AZURE_CLIENT_ID and the resource's identities"),
        None,
    ),
    (
        "GitHub gave no assertion",
        "GitHub's endpoint did not give the job an assertion",
        Some("add 'permissions: { id-token: write }' to the workflow's job"),
        FEDERATION,
    ),
    (
        "Azure Pipelines gave no assertion",
        "Azure Pipelines did not give the job an assertion for the service connection",
        Some(
            "check the connection's id, that this pipeline may use it, and env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }",
        ),
        FEDERATION,
    ),
    (
        "ManagedIdentityCredential",
        "the managed identity's endpoint gave no token",
        Some("check that this machine or app has the identity, and AZURE_CLIENT_ID if it has several"),
        Some("https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview"),
    ),
    (
        "AzureDeveloperCliCredential",
        "the Azure Developer CLI gave no token",
        Some("azd auth login, and azd auth token to see what it says"),
        None,
    ),
    (
        "AzureCliCredential",
        "the Azure CLI gave no token",
        Some("az login, and az account get-access-token to see what it says"),
        CLI,
    ),
];

const UNKNOWN_AUTHORITY: &str = "the server's certificate comes from an authority that is not known here: that of a proxy that looks into the traffic, or one of your own";
const KNOWN_BY: Option<&str> =
    Some("export SSL_CERT_FILE=/path/to/ca.pem, with the certificates of all authorities that are needed");

/// What keeps a connection from coming about, of Azure Resource Manager or of an authority. The words are those of
/// rustls and of hyper-util.
const CONNECTION: &[Row] = &[
    ("UnknownIssuer", UNKNOWN_AUTHORITY, KNOWN_BY, None),
    (
        "No CA certificates",
        "neither the system nor SSL_CERT_FILE or SSL_CERT_DIR has a certificate authority",
        KNOWN_BY,
        None,
    ),
    // Another authority of the same name.
    ("BadSignature", UNKNOWN_AUTHORITY, KNOWN_BY, None),
    (
        "certificate expired",
        "the server's certificate has expired, or this machine's clock is wrong",
        Some("check the clock with date -u, then the server or proxy that answers"),
        None,
    ),
    (
        "certificate not valid yet",
        "the server's certificate is not in force yet, or this machine's clock is wrong",
        Some("check the clock with date -u"),
        None,
    ),
    (
        "certificate not valid for name",
        "another server answers under this name",
        Some("check the endpoint, the name server and the proxy"),
        None,
    ),
    (
        "proxy authorization required",
        "the proxy asks for a user and a password",
        Some("export HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, both percent-encoded"),
        None,
    ),
    (
        "dns error",
        "the name cannot be resolved here: no network, or one that is left through a proxy only",
        Some("check the network, or export HTTPS_PROXY=http://HOST:PORT"),
        None,
    ),
    (
        "through the proxy",
        "the proxy did not make the connection",
        Some("check HTTPS_PROXY, or name the host in NO_PROXY if it is reached without one"),
        None,
    ),
];

/// What is said of a credential that fails in a way nobody has met.
const ANY_CREDENTIAL: Advice = Advice {
    cause: "the credential gave no token",
    fix: Some("check the credential's variables, or choose another one with ACARECIPE_AUTH"),
    docs: None,
};

fn find(rows: &'static [Row], matches: impl Fn(&str) -> bool) -> Option<Advice> {
    rows.iter().find(|(code, ..)| matches(code)).map(|(_, cause, fix, docs)| Advice {
        cause,
        fix: *fix,
        docs: *docs,
    })
}

/// What is known about an ARM code, without regard to case.
pub fn of_code(code: &str) -> Option<Advice> {
    find(CODES, |known| known.eq_ignore_ascii_case(code))
}

/// What is known about a message of Microsoft Entra ID or of a credential's tool.
pub fn of_message(message: &str) -> Option<Advice> {
    // `AADSTS70021` is the beginning of `AADSTS700213`: the code must end there.
    let stands = |code: &str| {
        message
            .match_indices(code)
            .any(|(at, _)| !message[at + code.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    find(ENTRA, stands)
        .or_else(|| of_connection(message))
        .or_else(|| find(PHRASES, |phrase| message.contains(phrase)))
}

fn of_connection(reason: &str) -> Option<Advice> {
    find(CONNECTION, |phrase| reason.contains(phrase))
}

/// What is known about an error: by its code, by a detail's code, by its text.
pub fn of(error: &ArmError) -> Option<Advice> {
    let mut advice = of_any(error)?;
    // Jobs answer with the codes of apps, and have commands of their own.
    if error.is_about_job() {
        advice.fix = advice.fix.map(|fix| match fix {
            SECRETS_OF_APP => "az containerapp job secret list --name JOB --resource-group RG",
            other => other,
        });
    }
    Some(advice)
}

fn of_any(error: &ArmError) -> Option<Advice> {
    let error = error.innermost();
    if let ArmErrorKind::Connection { reason, .. } | ArmErrorKind::Certificate { reason } = error.kind() {
        return of_connection(reason);
    }
    if let ArmErrorKind::Credential { reason, .. } = error.kind() {
        let mut advice = of_message(reason).unwrap_or(ANY_CREDENTIAL);
        // The two tools keep sign-ins of their own.
        if reason.contains("AzureDeveloperCliCredential") {
            advice.fix = advice.fix.map(|fix| match fix {
                "az login" => "azd auth login",
                "az login --tenant TENANT" => "azd auth login --tenant-id TENANT",
                other => other,
            });
        }
        return Some(advice);
    }
    let details = error.details().iter().filter_map(|detail| detail.code.as_deref());
    error
        .code()
        .into_iter()
        .chain(details)
        .find_map(of_code)
        .or_else(|| error.message().and_then(of_message))
        .or_else(|| error.is_throttled().then(|| of_code("TooManyRequests")).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_begins_another_is_told_apart() {
        let by_subject = of_message("AADSTS700213: no matching record").unwrap();
        let general = of_message("x AADSTS70021: no").unwrap();
        assert!(by_subject.cause.contains("subject"));
        assert_ne!(by_subject, general);
        assert!(of_message("AADSTS7002139").is_none());
    }
}
