//! Container registries, and what apps pull from them.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "registry-empty-strings",
        "a registry with an identity comes back with username and passwordSecretRef as empty strings",
        "Azure/terraform-azurerm-avm-res-app-containerapp#125",
    ),
    confirmed(
        "registry-identity-assigned",
        "an identity that registries name must be one of the app's",
        "hashicorp/terraform-provider-azurerm#20675",
    ),
    assumed(
        "username-beside-identity-kept",
        Switch::UsernameBesideIdentityKept,
        "a registry entry may have username and passwordSecretRef beside identity: they are kept, and the identity pulls",
        "such an entry is refused",
        "microsoft/azure-container-apps#261 shows both in an answer of 2022; which of them pulls is not confirmed",
    ),
    confirmed(
        "registry-in-use",
        "the entry of a registry from which an active revision has an image cannot be dropped: 409 ContainerAppRegistryInUse",
        "the service's message quoted in public deployment logs",
    ),
    confirmed(
        "activation-needs-registry",
        "a revision whose registry has no entry any more cannot be activated: RevisionOperationError",
        "Azure/azure-powershell#22607",
    ),
    assumed(
        "credentials-frozen",
        Switch::CredentialsFrozen,
        "a revision pulls with the entries in registries, and their passwords, of when it was made",
        "with those that the app has when replicas start",
        "public incident reports on an expired password; the docs call registries application-scope",
    ),
    assumed(
        "failed-pull-no-revision",
        Switch::FailedPullNoRevision,
        "when the image cannot be pulled the operation fails and no revision is made",
        "a revision in state Failed is left",
        "Microsoft Learn, Container Apps deployment errors; yeongseon/azure-container-apps-practical-guide",
    ),
    confirmed(
        "pull-needs-entry",
        "an app pulls from a registry with what its entry in registries for that server says, and without an entry as nobody",
        "Microsoft Learn, Container Apps image pull with managed identity",
    ),
    confirmed(
        "pull-needs-action",
        "a registry in classic mode asks for registries/pull/read: AcrPull, AcrPush, Reader, Contributor and Owner have it",
        "Microsoft Learn, Container Registry roles and permissions",
    ),
    confirmed(
        "abac-needs-data-action",
        "in mode AbacRepositoryPermissions only data actions count: Container Registry Repository Reader, not AcrPull, not Owner",
        "Microsoft Learn, container-registry-rbac-abac-repository-permissions",
    ),
    confirmed(
        "arm-tokens-needed",
        "a registry whose policy azureADAuthenticationAsArmPolicy is disabled refuses the identities of apps",
        "Microsoft Learn, Container Apps image pull with managed identity; container-registry-disable-authentication-as-arm",
    ),
    confirmed(
        "unauthorized-masks",
        "without the right to pull the answer is UNAUTHORIZED whether or not the tag exists; with it a wrong tag is MANIFEST_UNKNOWN",
        "Microsoft Learn, Container Apps deployment errors; yeongseon/azure-container-apps-practical-guide",
    ),
    confirmed(
        "pull-at-start",
        "an image is pulled when replicas start; a running revision does not notice that it could not be pulled again",
        "yeongseon/azure-container-apps-practical-guide, live-validated",
    ),
    assumed(
        "refused-identity-expires",
        Switch::RefusedIdentityExpires,
        "a pull that the registry refuses the app's identity is tried for minutes, then the operation ends with Operation expired",
        "it fails as soon as any other",
        "microsoft/azure-container-apps#646 (8 to 15 minutes); hashicorp/terraform-provider-azurerm#22432; Microsoft Learn, deployment errors, shows it at once",
    ),
    assumed(
        "refused-pull-is-final",
        Switch::RefusedPullIsFinal,
        "a role that comes into force during those minutes does not help",
        "the pull works as soon as it does, and the operation ends well",
        "public logs show the exchange tried dozens of times; whether a later one would have worked is not confirmed",
    ),
    assumed(
        "expired-says-why",
        Switch::ExpiredSaysWhy,
        "that error ends with the registry's answer",
        "it says Operation expired and nothing more",
        "Microsoft Learn, deployment errors, shows UNAUTHORIZED; hashicorp/terraform-provider-azurerm#22432 shows nothing more",
    ),
    assumed(
        "unknown-repository-is-manifest",
        Switch::UnknownRepositoryIsManifest,
        "a manifest of a repository that is not there is MANIFEST_UNKNOWN",
        "it is NAME_UNKNOWN",
        "both are codes of the OCI distribution specification; the service was not asked",
    ),
    assumed(
        "registry-firewall-stops-apps",
        Switch::RegistryFirewallStopsApps,
        "a registry closed to the public refuses apps although it lets trusted Azure services by",
        "networkRuleBypassOptions AzureServices lets apps in",
        "Microsoft Learn, allow-access-trusted-services, does not list Container Apps",
    ),
    assumed(
        "private-endpoint-suffices",
        Switch::PrivateEndpointSuffices,
        "a private endpoint with DNS in the environment's network lets apps pull",
        "the platform's token exchange comes over the public endpoint and is denied",
        "Microsoft Learn, Container Apps with private registries; the opposite: yeongseon/azure-container-apps-practical-guide, acr-network-path-dns-forwarder-bypass",
    ),
    confirmed(
        "registry-name-unique",
        "registry names are unique in the world: 409 AlreadyInUse",
        "Microsoft.ContainerRegistry containerregistry.json (checkNameAvailability); the service's message in public logs",
    ),
    confirmed(
        "registry-operation-right",
        "the URL of a registry's operation is below the registry and needs registries/operationStatuses/read",
        "an AuthorizationFailed quoted in public deployment logs",
    ),
    assumed(
        "registry-update-at-once",
        Switch::RegistryUpdateAtOnce,
        "an update of a registry answers 200 with the result",
        "it answers 201 with Azure-AsyncOperation and provisioningState Updating",
        "Microsoft.ContainerRegistry containerregistry.json declares both",
    ),
    assumed(
        "registry-unknown-refused",
        Switch::RegistryUnknownRefused,
        "a property of a registry that the api-version does not have is refused",
        "it is ignored",
        "not confirmed",
    ),
    confirmed(
        "registry-tokens",
        "a registry's API takes its own access tokens only: an Entra token is exchanged for a refresh token, that for an access token of a repository",
        "Azure/acr docs/AAD-OAuth.md",
    ),
    confirmed(
        "registry-firewall",
        "a registry closed to an address answers every request from there with 403 DENIED, which names the address",
        "Microsoft Learn, troubleshoot registry; docker/build-push-action#1214",
    ),
    assumed(
        "exchange-needs-right",
        Switch::ExchangeNeedsRight,
        "the exchange of a token is refused (401) to a caller without any right to pull",
        "it gives a refresh token to every caller of the tenant",
        "answers of 401 to identities without a role, quoted in public logs; Azure/acr docs/AAD-OAuth.md does not say",
    ),
    assumed(
        "token-needs-right",
        Switch::TokenNeedsRight,
        "no access token is given (401) for a repository that the caller may not pull from",
        "one is given that opens nothing, and the manifest answers 401",
        "the token specification of CNCF distribution allows both; not confirmed for Container Registry",
    ),
    assumed(
        "index-needs-accept",
        Switch::IndexNeedsAccept,
        "a manifest that is an OCI index is MANIFEST_UNKNOWN to a request whose Accept does not name its type",
        "it is answered whatever Accept says",
        "CNCF distribution, on which registries build; not confirmed for Container Registry",
    ),
];
