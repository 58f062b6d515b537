//! Every behaviour of Azure that the sandbox plays, with its source; every one that is only
//! assumed has a switch for the opposite, so that nothing relies on a guess.

use std::collections::BTreeSet;
use std::fmt;

/// One behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, and for an assumed one the name of its switch.
    pub id: &'static str,
    /// The behaviour in one line.
    pub fact: &'static str,
    /// Where that is said.
    pub source: &'static str,
    /// How sure it is.
    pub standing: Standing,
}

/// How sure a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The source says so.
    Confirmed,
    /// Taken for granted; the opposite can be switched on.
    Assumed {
        /// What tells this rule in the code.
        switch: Switch,
        /// What the sandbox does instead when it is flipped.
        flipped: &'static str,
    },
}

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// An assumption in the code. Not flipped: the rule's fact holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Switch { $($(#[$doc])* $name),+ }

        impl Switch {
            /// Every one.
            pub const ALL: &[Switch] = &[$(Switch::$name),+];
        }
    };
}

switches! {
    /// `patch-location-only`
    PatchLocationOnly,
    /// `patch-answer-empty`
    PatchAnswerEmpty,
    /// `patch-unchanged-accepted`
    PatchUnchangedAccepted,
    /// `revision-listed-at-once`
    RevisionListedAtOnce,
    /// `failed-pull-no-revision`
    FailedPullNoRevision,
    /// `refused-identity-expires`
    RefusedIdentityExpires,
    /// `refused-pull-is-final`
    RefusedPullIsFinal,
    /// `expired-says-why`
    ExpiredSaysWhy,
    /// `unknown-repository-is-manifest`
    UnknownRepositoryIsManifest,
    /// `registry-firewall-stops-apps`
    RegistryFirewallStopsApps,
    /// `private-endpoint-suffices`
    PrivateEndpointSuffices,
    /// `exchange-needs-right`
    ExchangeNeedsRight,
    /// `token-needs-right`
    TokenNeedsRight,
    /// `index-needs-accept`
    IndexNeedsAccept,
    /// `username-beside-identity-kept`
    UsernameBesideIdentityKept,
    /// `credentials-frozen`
    CredentialsFrozen,
    /// `registry-update-at-once`
    RegistryUpdateAtOnce,
    /// `registry-unknown-refused`
    RegistryUnknownRefused,
    /// `crash-is-provisioned`
    CrashIsProvisioned,
    /// `details-on-replicas-only`
    DetailsOnReplicasOnly,
    /// `latest-weight-waits`
    LatestWeightWaits,
    /// `zero-replicas-running`
    ZeroReplicasRunning,
    /// `write-keeps-stopped`
    WriteKeepsStopped,
    /// `used-suffix-refused`
    UsedSuffixRefused,
    /// `suffix-removal-no-revision`
    SuffixRemovalNoRevision,
    /// `resent-template-runs`
    ResentTemplateRuns,
    /// `identity-type-is-whole`
    IdentityTypeIsWhole,
    /// `identity-map-merges`
    IdentityMapMerges,
    /// `linked-right-when-new`
    LinkedRightWhenNew,
    /// `join-when-named`
    JoinWhenNamed,
    /// `reference-refused-at-once`
    ReferenceRefusedAtOnce,
    /// `reference-cause-hidden`
    ReferenceCauseHidden,
    /// `references-fetched-again`
    ReferencesFetchedAgain,
    /// `value-makes-copy`
    ValueMakesCopy,
    /// `inactive-frees-secret`
    InactiveFreesSecret,
    /// `firewall-stops-apps`
    FirewallStopsApps,
    /// `principal-type-suffices`
    PrincipalTypeSuffices,
    /// `operation-url-open`
    OperationUrlOpen,
    /// `failed-location-is-error`
    FailedLocationIsError,
    /// `ids-as-written`
    IdsAsWritten,
    /// `unset-left-out`
    UnsetLeftOut,
    /// `permissions-need-read`
    PermissionsNeedRead,
    /// `subscription-seen-from-below`
    SubscriptionSeenFromBelow,
}

impl Switch {
    /// The rule's id, which is the switch's name.
    pub fn name(self) -> &'static str {
        RULES
            .iter()
            .find(|rule| matches!(rule.standing, Standing::Assumed { switch, .. } if switch == self))
            .map_or("", |rule| rule.id)
    }
}

/// Which assumptions are turned round. Default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches(BTreeSet<Switch>);

/// There is no switch of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox has no switch `{name}`; the assumed rules are: {}", known())]
pub struct UnknownSwitch {
    /// What was asked for.
    pub name: String,
}

fn known() -> String {
    let names: Vec<&str> = Switch::ALL.iter().map(|switch| switch.name()).collect();
    names.join(", ")
}

impl Switches {
    /// Only the switch `name` flipped.
    pub fn flip(name: &str) -> Result<Switches, UnknownSwitch> {
        Switches::default().and_flip(name)
    }

    /// The same with the switch `name` flipped too.
    pub fn and_flip(mut self, name: &str) -> Result<Switches, UnknownSwitch> {
        let switch = Switch::ALL
            .iter()
            .find(|switch| switch.name() == name)
            .ok_or_else(|| UnknownSwitch { name: name.to_owned() })?;
        self.0.insert(*switch);
        Ok(self)
    }

    /// One setting per switch with just that one flipped, by name.
    pub fn all_flips() -> Vec<(&'static str, Switches)> {
        Switch::ALL.iter().map(|switch| (switch.name(), Switches(BTreeSet::from([*switch])))).collect()
    }

    /// Whether the rule behind `switch` holds as its fact says.
    pub fn holds(&self, switch: Switch) -> bool {
        !self.0.contains(&switch)
    }

    /// The names of the flipped ones.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|switch| switch.name()).collect()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standing {
            Standing::Confirmed => write!(f, "{}: {} [{}]", self.id, self.fact, self.source),
            Standing::Assumed { flipped, .. } => {
                write!(f, "{}: {} (assumed; flipped: {flipped}) [{}]", self.id, self.fact, self.source)
            }
        }
    }
}

const fn confirmed(id: &'static str, fact: &'static str, source: &'static str) -> Rule {
    Rule { id, fact, source, standing: Standing::Confirmed }
}

const fn assumed(
    id: &'static str,
    switch: Switch,
    fact: &'static str,
    flipped: &'static str,
    source: &'static str,
) -> Rule {
    Rule { id, fact, source, standing: Standing::Assumed { switch, flipped } }
}

/// The rule table.
pub const RULES: &[Rule] = &[
    confirmed(
        "patch-replaces-arrays",
        "PATCH of an app is a JSON merge patch: objects merge, arrays are replaced whole, null removes",
        "Microsoft.App ContainerApps.json (Patches a Container App using JSON Merge Patch); RFC 7396; microsoft/vscode-azurecontainerapps#132",
    ),
    confirmed(
        "put-is-whole",
        "PUT describes the whole app: a section that is left out goes",
        "microsoft/azure-container-apps#957, #1429",
    ),
    confirmed(
        "put-201",
        "PUT of an app answers 201 with Azure-AsyncOperation, 200 when nothing changes; PATCH answers 202 with Location",
        "Azure/azure-cli containerapp/_clients.py; Microsoft.App ContainerApps.json",
    ),
    assumed(
        "patch-location-only",
        Switch::PatchLocationOnly,
        "the 202 of a PATCH carries Location only",
        "it carries Azure-AsyncOperation too",
        "Azure/azure-cli polls Azure-AsyncOperation if present, else Location",
    ),
    assumed(
        "patch-answer-empty",
        Switch::PatchAnswerEmpty,
        "the 202 of a PATCH has no body",
        "its body is the app",
        "Microsoft.App ContainerApps.json declares no schema for 202; the service was not asked",
    ),
    assumed(
        "patch-unchanged-accepted",
        Switch::PatchUnchangedAccepted,
        "a PATCH that changes nothing is an operation like any other",
        "it answers 200 with the app at once",
        "Microsoft.App ContainerApps.json declares 200 and 202 for PATCH",
    ),
    confirmed(
        "one-operation",
        "a write during an active operation of the app is refused: 409 ContainerAppOperationInProgress",
        "microsoft/azure-container-apps#1731",
    ),
    confirmed(
        "unknown-property",
        "a property that the api-version does not know is an error (ContainerAppInvalidSchema)",
        "microsoft/azure-container-apps#810, #1395",
    ),
    confirmed(
        "secrets-hidden",
        "GET shows names, keyVaultUrl and identity of secrets, never values; listSecrets shows values",
        "Azure/bicep-types-az Secret.value write-only; hashicorp/terraform-provider-azurerm#31199",
    ),
    confirmed(
        "secrets-complete",
        "a secret entry without value or keyVaultUrl and identity is refused: ContainerAppSecretInvalid",
        "microsoft/azure-container-apps#259, #654; pulumi/pulumi-azure-native#2673",
    ),
    confirmed(
        "secret-ref-exists",
        "a secretRef to a missing secret is refused: ContainerAppSecretRefNotFound",
        "yeongseon/azure-container-apps-practical-guide, live-validated",
    ),
    confirmed(
        "secret-in-use",
        "a secret that an active revision refers to cannot be removed",
        "microsoft/azure-container-apps#395, #654",
    ),
    assumed(
        "inactive-frees-secret",
        Switch::InactiveFreesSecret,
        "an inactive revision does not hold its secrets",
        "it does",
        "Microsoft Learn, Container Apps deployment errors, says deactivate; microsoft/azure-container-apps#654 says it still blocked",
    ),
    confirmed(
        "secret-no-restart",
        "a changed secret makes no revision and restarts nothing; replicas keep the old value until restarted",
        "Microsoft Learn, Container Apps deployment errors; microsoft/azure-container-apps#691",
    ),
    confirmed(
        "reference-unfetchable",
        "a Key Vault reference that cannot be fetched is refused: 400 InvalidParameterValueInContainerTemplate, also for a firewall or a missing role",
        "microsoft/azure-container-apps#1174, #1159, #739",
    ),
    assumed(
        "reference-refused-at-once",
        Switch::ReferenceRefusedAtOnce,
        "that refusal answers the write itself",
        "the write is accepted and its operation fails",
        "microsoft/azure-container-apps#1159 shows status 400, through a client that also polls",
    ),
    assumed(
        "reference-cause-hidden",
        Switch::ReferenceCauseHidden,
        "its message does not say why the vault refused",
        "it ends with the vault's own inner code",
        "messages quoted in microsoft/azure-container-apps#1174",
    ),
    assumed(
        "references-fetched-again",
        Switch::ReferencesFetchedAgain,
        "every reference in a written secrets array is fetched, unchanged ones too",
        "only new and changed ones",
        "not confirmed",
    ),
    assumed(
        "value-makes-copy",
        Switch::ValueMakesCopy,
        "a secret entry with a value and a keyVaultUrl becomes a plain secret",
        "it stays a reference",
        "not confirmed; listSecrets returns both members together",
    ),
    assumed(
        "firewall-stops-apps",
        Switch::FirewallStopsApps,
        "a vault with default action Deny refuses apps although it lets trusted Azure services by",
        "bypass AzureServices lets apps in",
        "microsoft/azure-container-apps#739: the firewall was the cause",
    ),
    confirmed(
        "empty-value-left-out",
        "GET leaves out the value of an environment variable whose value is the empty string",
        "requests of Azure CLI 2.91, which puts it back",
    ),
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
    confirmed(
        "revision-on-template",
        "only a changed template makes a revision; its name is app--suffix, the suffix made up when none is given",
        "Microsoft Learn, Container Apps revisions; MicrosoftDocs/azure-docs#114161",
    ),
    assumed(
        "used-suffix-refused",
        Switch::UsedSuffixRefused,
        "a changed template with the suffix of an existing revision is refused",
        "the write succeeds and no revision is made",
        "Azure/terraform-azurerm-avm-res-app-containerapp#115; the opposite: microsoft/azure-container-apps#650",
    ),
    assumed(
        "suffix-removal-no-revision",
        Switch::SuffixRemovalNoRevision,
        "removing the suffix and nothing else makes no revision",
        "it makes one",
        "not confirmed",
    ),
    assumed(
        "resent-template-runs",
        Switch::ResentTemplateRuns,
        "a template left by a failed operation gets its revision when the app is written again",
        "it does not, unless the write changes it",
        "not confirmed",
    ),
    assumed(
        "revision-listed-at-once",
        Switch::RevisionListedAtOnce,
        "the new revision is listed as soon as the write is accepted",
        "when its operation ends",
        "not confirmed",
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
    confirmed(
        "succeeded-is-not-healthy",
        "the operation succeeds although the container crashes or fails its probes; the revision says so",
        "Azure/azure-cli-extensions#6251; microsoft/azure-container-apps#1011",
    ),
    assumed(
        "crash-is-provisioned",
        Switch::CrashIsProvisioned,
        "a revision whose container crashes is Provisioned and Unhealthy",
        "its provisioningState is Failed",
        "not confirmed",
    ),
    assumed(
        "details-on-replicas-only",
        Switch::DetailsOnReplicasOnly,
        "a revision tells its trouble in provisioningError, replicas in runningStateDetails",
        "the revision has runningStateDetails too",
        "Azure/bicep-types-az 2025-07-01 has no such property on revisions; the docs speak of one",
    ),
    confirmed(
        "wrong-port-shows-late",
        "a port nobody listens on fails the default startup probe after 240 tries of 1 s",
        "Microsoft Learn, Container Apps deployment errors; yeongseon/azure-container-apps-practical-guide: 261 s",
    ),
    confirmed(
        "duplicate-env-wedges",
        "duplicate environment variable names are accepted and the revision never gets ready",
        "microsoft/azure-container-apps#1273",
    ),
    confirmed(
        "single-mode-keeps-old",
        "in Single mode traffic stays on the old revision until the new one is ready",
        "Microsoft Learn, Container Apps revisions",
    ),
    confirmed(
        "latest-takes-weight",
        "a traffic entry with latestRevision moves its weight to any new revision; pinned entries do not",
        "microsoft/azure-container-apps#688",
    ),
    assumed(
        "latest-weight-waits",
        Switch::LatestWeightWaits,
        "that weight moves when the new revision is ready",
        "it moves at once",
        "not confirmed for Multiple mode",
    ),
    assumed(
        "zero-replicas-running",
        Switch::ZeroReplicasRunning,
        "a revision scaled to zero says Running with 0 replicas, its app Running",
        "it says ScaledToZero, its app Ready",
        "the docs use words that are not in the schema's enum",
    ),
    assumed(
        "write-keeps-stopped",
        Switch::WriteKeepsStopped,
        "a write to a stopped app leaves it stopped",
        "it starts the app",
        "not confirmed",
    ),
    confirmed(
        "identity-type-spelling",
        "identity.type of both kinds comes back with a space, a missing identity as None",
        "requests of Azure CLI 2.91",
    ),
    assumed(
        "identity-type-is-whole",
        Switch::IdentityTypeIsWhole,
        "identity.type says what the app has afterwards: a kind that is not named goes",
        "a kind that is not named stays",
        "general ARM behaviour; not confirmed for PATCH of apps",
    ),
    assumed(
        "identity-map-merges",
        Switch::IdentityMapMerges,
        "userAssignedIdentities of a PATCH adds to what is there",
        "it replaces what is there",
        "JSON merge patch; not confirmed for identities",
    ),
    assumed(
        "linked-right-when-new",
        Switch::LinkedRightWhenNew,
        "assign/action is needed for identities that are new on the app",
        "for every identity that a write names",
        "not confirmed",
    ),
    confirmed(
        "join-for-environment",
        "a write of an app that names its environment needs managedEnvironments/join/action there, also when the app is in it already: 403 LinkedAuthorizationFailed",
        "Microsoft Learn, Azure permissions for Compute; Azure-Samples troubleshooting of GitHub Actions; a refused template deployment over existing apps",
    ),
    assumed(
        "join-when-named",
        Switch::JoinWhenNamed,
        "a PATCH that leaves the environment out does not need it",
        "every write of an app needs it",
        "not confirmed",
    ),
    confirmed(
        "principal-replicates",
        "a role for a principal made moments ago is refused: 400 PrincipalNotFound",
        "Microsoft Learn, Azure RBAC troubleshooting; Azure/azure-cli#32943",
    ),
    assumed(
        "principal-type-suffices",
        Switch::PrincipalTypeSuffices,
        "principalType ServicePrincipal avoids that refusal",
        "it does not",
        "Microsoft Learn, Azure RBAC troubleshooting, says so; clients report retries all the same",
    ),
    confirmed(
        "role-exists",
        "the same scope, principal and role under another name: 409 RoleAssignmentExists with the id in 32 hex digits",
        "Azure/azure-dev#7250; yeongseon/azure-container-apps-practical-guide",
    ),
    confirmed(
        "role-name-fixed",
        "the same name with other content: 400 RoleAssignmentUpdateNotPermitted",
        "Microsoft Learn, Azure RBAC troubleshooting",
    ),
    confirmed(
        "role-in-force-later",
        "an assignment is listed at once and holds some time later, which nothing shows",
        "Microsoft Learn, Azure RBAC troubleshooting: up to 10 minutes",
    ),
    confirmed(
        "role-filter-scopes",
        "a list at a scope has assignments above, at and below it; atScope() leaves out those below",
        "Microsoft Learn, list Azure role assignments using the REST API",
    ),
    assumed(
        "permissions-need-read",
        Switch::PermissionsNeedRead,
        "the list of a caller's permissions needs permissions/read at the scope, else 403",
        "without rights it is empty",
        "the action exists in Microsoft.Authorization; not confirmed for callers without rights",
    ),
    assumed(
        "subscription-seen-from-below",
        Switch::SubscriptionSeenFromBelow,
        "a subscription can be read by whoever has a role anywhere in it",
        "only with a role at the subscription",
        "general knowledge; not confirmed",
    ),
    assumed(
        "operation-url-open",
        Switch::OperationUrlOpen,
        "an operation's URL answers any caller who may use ARM",
        "it needs a right at the subscription",
        "microsoft/azure-container-apps#607 tells of the opposite for certificates",
    ),
    assumed(
        "failed-location-is-error",
        Switch::FailedLocationIsError,
        "Location of a failed operation answers with the error",
        "it answers 200 with the app, whose provisioningState is Failed",
        "not confirmed",
    ),
    assumed(
        "ids-as-written",
        Switch::IdsAsWritten,
        "ids come back in the case in which they were written",
        "with resourcegroups and containerapps in lower case",
        "hashicorp/terraform-provider-azurerm#20537 shows containerapps, microsoft/azure-container-apps#930 resourcegroups",
    ),
    assumed(
        "unset-left-out",
        Switch::UnsetLeftOut,
        "members that are not set are left out of answers",
        "they are null, revisionSuffix is an empty string",
        "output of Azure CLI shows nulls; the wire was not seen",
    ),
    confirmed(
        "locks",
        "a lock at the scope or above refuses: CanNotDelete DELETE, ReadOnly every write and POST (409 ScopeLocked)",
        "Microsoft Learn, lock resources",
    ),
    confirmed(
        "deny-assignments",
        "a deny assignment at the scope or above refuses its actions to its principals, whatever their roles: 403 DenyAssignmentAuthorizationFailed; on a linked resource LinkedAuthorizationFailed",
        "Microsoft Learn, Understand Azure deny assignments; REST deny-assignments list-for-scope; Azure/ARO-RP#423",
    ),
    confirmed(
        "policies",
        "a policy whose effect is deny refuses a write: 403 RequestDisallowedByPolicy with additionalInfo of type PolicyViolation",
        "Microsoft Learn, RequestDisallowedByPolicy error; Azure/azure-cli#8058",
    ),
    confirmed(
        "region-policy",
        "a region that the subscription may not use is refused: 403 RequestDisallowedByAzure",
        "messages quoted by users of several public repositories; aka.ms/locationineligible",
    ),
    confirmed(
        "disabled-subscription",
        "a write in a disabled subscription is refused: 409 ReadOnlyDisabledSubscription",
        "Microsoft Learn, Azure subscription states; messages quoted in public issues",
    ),
    confirmed(
        "conditions-hidden",
        "a role assignment with a condition on roleAssignments/write shows in a caller's permissions as if it had none, and refuses other roles: 403 AuthorizationFailed",
        "Microsoft Learn, Azure RBAC troubleshooting; REST permissions list-for-resource has no member for it",
    ),
    confirmed(
        "provider-registered",
        "a write to a provider that is not registered is refused: 409 MissingSubscriptionRegistration",
        "Microsoft Learn, resource provider registration errors",
    ),
    confirmed(
        "provider-register",
        "POST of register registers a provider for whoever has its register/action at the subscription",
        "Microsoft.Resources resources.json (Providers_Register); azure-mgmt-core does it for its user",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_belongs_to_one_rule() {
        for switch in Switch::ALL {
            let rules = RULES
                .iter()
                .filter(
                    |rule| matches!(rule.standing, Standing::Assumed { switch: own, .. } if own == *switch),
                )
                .count();
            assert_eq!(rules, 1, "{switch:?}");
        }
        let mut ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), RULES.len(), "rule ids are unique");
        assert!(RULES.iter().all(|rule| !rule.source.is_empty()));
    }

    #[test]
    fn an_unknown_switch_is_told_which_there_are() {
        let error = Switches::flip("patch-body").unwrap_err().to_string();
        assert!(error.contains("`patch-body`") && error.contains("patch-answer-empty"), "{error}");
    }
}
