//! Built-in authentication ("Easy Auth") of a container app.

use super::table::NONE;
use super::{Compare, ListKind, ResourceType, Update};

/// Who is let in to an app, and by which identity providers. There is PUT and no PATCH; no secret stands in it, only
/// names of the app's secrets.
///
/// Members and what an unset flag means: the generated types of 2025-01-01 to 2026-01-01, which agree. Flags that were
/// never set come back as `false` (Azure/terraform-azurerm-avm-res-app-containerapp#126).
pub(super) const AUTH_CONFIG: ResourceType = ResourceType {
    name: "Microsoft.App/containerApps/authConfigs",
    noun: "auth config",
    versions: &["2026-01-01", "2025-07-01", "2025-01-01"],
    update: Update::Put,
    lists: &[
        ("properties.globalValidation.excludedPaths", ListKind::Set),
        ("properties.identityProviders.azureActiveDirectory.validation.allowedAudiences", ListKind::Set),
        (
            "properties.identityProviders.azureActiveDirectory.validation.jwtClaimChecks.allowedGroups",
            ListKind::Set,
        ),
        (
            "properties.identityProviders.azureActiveDirectory.validation.jwtClaimChecks.allowedClientApplications",
            ListKind::Set,
        ),
        (
            "properties.identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy.allowedApplications",
            ListKind::Set,
        ),
        (
            "properties.identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy.allowedPrincipals.groups",
            ListKind::Set,
        ),
        (
            "properties.identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy.allowedPrincipals.identities",
            ListKind::Set,
        ),
        ("properties.identityProviders.google.validation.allowedAudiences", ListKind::Set),
        ("properties.identityProviders.google.login.scopes", ListKind::Set),
        ("properties.identityProviders.gitHub.login.scopes", ListKind::Set),
        ("properties.identityProviders.apple.login.scopes", ListKind::Set),
        ("properties.identityProviders.facebook.login.scopes", ListKind::Set),
        ("properties.login.allowedExternalRedirectUrls", ListKind::Set),
        // `loginParameters` are `name=value`, of which a name may stand once: adding one that differs would leave two.
        // So it is one value. Lists of OpenID Connect providers stand below a name of the recipe's.
    ],
    compare: &[
        // Microsoft's samples write `azureactivedirectory` and `azureActiveDirectory`.
        ("properties.globalValidation.redirectToProvider", Compare::IgnoreCase),
        ("properties.identityProviders.azureActiveDirectory.registration.clientId", Compare::IgnoreCase),
        ("properties.identityProviders.azureActiveDirectory.registration.openIdIssuer", Compare::Url),
    ],
    defaults: &[
        ("properties.platform.enabled", "false"),
        ("properties.identityProviders.azureActiveDirectory.enabled", "true"),
        ("properties.identityProviders.azureActiveDirectory.isAutoProvisioned", "false"),
        ("properties.identityProviders.azureActiveDirectory.login.disableWWWAuthenticate", "false"),
        ("properties.identityProviders.apple.enabled", "true"),
        ("properties.identityProviders.facebook.enabled", "true"),
        ("properties.identityProviders.gitHub.enabled", "true"),
        ("properties.identityProviders.google.enabled", "true"),
        ("properties.identityProviders.twitter.enabled", "true"),
        ("properties.login.preserveUrlFragmentsForLogins", "false"),
        ("properties.login.tokenStore.enabled", "false"),
        ("properties.login.nonce.validateNonce", "true"),
        ("properties.httpSettings.requireHttps", "true"),
    ],
    fields: FIELDS,
    write_action: "Microsoft.App/containerApps/authConfigs/write",
    ..NONE
};

/// Members of its objects, but for what stands below the name of an `OpenID` Connect provider.
const FIELDS: &[(&str, &[&str])] = &[
    ("", &["id", "name", "type", "systemData", "properties"]),
    (
        "properties",
        &["platform", "globalValidation", "identityProviders", "login", "httpSettings", "encryptionSettings"],
    ),
    ("properties.platform", &["enabled", "runtimeVersion"]),
    ("properties.globalValidation", &["unauthenticatedClientAction", "redirectToProvider", "excludedPaths"]),
    (
        "properties.identityProviders",
        &[
            "azureActiveDirectory",
            "facebook",
            "gitHub",
            "google",
            "twitter",
            "apple",
            "azureStaticWebApps",
            "customOpenIdConnectProviders",
        ],
    ),
    (
        "properties.identityProviders.azureActiveDirectory",
        &["enabled", "registration", "login", "validation", "isAutoProvisioned"],
    ),
    (
        "properties.identityProviders.azureActiveDirectory.registration",
        &[
            "openIdIssuer",
            "clientId",
            "clientSecretSettingName",
            "clientSecretCertificateThumbprint",
            "clientSecretCertificateSubjectAlternativeName",
            "clientSecretCertificateIssuer",
        ],
    ),
    (
        "properties.identityProviders.azureActiveDirectory.login",
        &["loginParameters", "disableWWWAuthenticate"],
    ),
    (
        "properties.identityProviders.azureActiveDirectory.validation",
        &["jwtClaimChecks", "allowedAudiences", "defaultAuthorizationPolicy"],
    ),
    (
        "properties.identityProviders.azureActiveDirectory.validation.jwtClaimChecks",
        &["allowedGroups", "allowedClientApplications"],
    ),
    (
        "properties.identityProviders.azureActiveDirectory.validation.defaultAuthorizationPolicy",
        &["allowedPrincipals", "allowedApplications"],
    ),
    ("properties.identityProviders.google", &["enabled", "registration", "login", "validation"]),
    ("properties.identityProviders.google.registration", &["clientId", "clientSecretSettingName"]),
    ("properties.identityProviders.google.login", &["scopes"]),
    ("properties.identityProviders.google.validation", &["allowedAudiences"]),
    ("properties.identityProviders.gitHub", &["enabled", "registration", "login"]),
    ("properties.identityProviders.gitHub.registration", &["clientId", "clientSecretSettingName"]),
    ("properties.identityProviders.gitHub.login", &["scopes"]),
    ("properties.identityProviders.apple", &["enabled", "registration", "login"]),
    ("properties.identityProviders.apple.registration", &["clientId", "clientSecretSettingName"]),
    ("properties.identityProviders.apple.login", &["scopes"]),
    ("properties.identityProviders.twitter", &["enabled", "registration"]),
    ("properties.identityProviders.twitter.registration", &["consumerKey", "consumerSecretSettingName"]),
    (
        "properties.login",
        &[
            "routes",
            "tokenStore",
            "preserveUrlFragmentsForLogins",
            "allowedExternalRedirectUrls",
            "cookieExpiration",
            "nonce",
        ],
    ),
    ("properties.login.tokenStore", &["enabled", "tokenRefreshExtensionHours", "azureBlobStorage"]),
    ("properties.login.tokenStore.azureBlobStorage", &["sasUrlSettingName"]),
    ("properties.httpSettings", &["requireHttps", "routes", "forwardProxy"]),
    (
        "properties.encryptionSettings",
        &["containerAppAuthEncryptionSecretName", "containerAppAuthSigningSecretName"],
    ),
];
