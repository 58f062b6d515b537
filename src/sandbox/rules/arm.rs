//! Identities, roles, and what ARM does for every type.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
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
        "request-buckets",
        Switch::RequestBuckets,
        "a caller has in a subscription 250 reads and 25 more a second, 200 writes and 200 deletes and 10 more a second; an empty bucket refuses with 429 and Retry-After, and every answer says what is left",
        "half of that",
        "Microsoft Learn, how Azure Resource Manager throttles requests: might be smaller for free or trial customers; sizes not seen in traces, except 200 writes",
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
