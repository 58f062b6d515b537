//! Built-in authentication ("Easy Auth").

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "auth-setting-needs-secret",
        "an auth config that names a secret which the app has not is refused: AuthConfigSecretRefNotFound",
        "Azure/azure-cli#29068, which quotes it",
    ),
    confirmed(
        "auth-token-store-needs-sas",
        "in the stable versions a token store that is enabled needs sasUrlSettingName: AuthConfigInvalidRequest",
        "microsoft/azure-container-apps#995; Microsoft Learn, Enable an authentication token store in Azure Container Apps",
    ),
    confirmed(
        "auth-flags-come-back",
        "a flag of an auth config that was never set comes back as false",
        "Azure/terraform-azurerm-avm-res-app-containerapp#126",
    ),
    confirmed(
        "auth-id-in-small-letters",
        "the id and the type of an auth config come back with authconfigs in small letters",
        "Microsoft's examples for AuthConfigs_Get (azure-rest-api-specs)",
    ),
    assumed(
        "empty-auth-lists-left-out",
        Switch::EmptyAuthListsLeftOut,
        "a list of an auth config that was sent empty does not come back",
        "it comes back empty",
        "not confirmed",
    ),
    assumed(
        "login-page-needs-provider",
        Switch::LoginPageNeedsProvider,
        "RedirectToLoginPage without an identity provider, or with a redirectToProvider that is not set up, is refused: AuthConfigInvalidRequest",
        "it is accepted, and anonymous requests get 401",
        "microsoft/azure-container-apps#1015 shows the 401; that the service checks it is not confirmed",
    ),
    assumed(
        "other-auth-name-kept",
        Switch::OtherAuthNameKept,
        "an auth config under another name than current is kept and has no effect",
        "it is refused: AuthConfigInvalidRequest",
        "the published description takes any name; every sample and az use current",
    ),
    confirmed(
        "auth-beside-every-replica",
        "authentication stands before the app on every host, and owns the paths below /.auth",
        "Microsoft Learn, Authentication and authorization in Azure Container Apps",
    ),
    confirmed(
        "login-page-for-browsers",
        "with RedirectToLoginPage a browser is redirected to the login of a provider, every other client gets 401",
        "Microsoft Learn, as above (a native app gets 401); microsoft/azure-container-apps#1193 (User-Agent)",
    ),
    assumed(
        "login-by-own-host",
        Switch::LoginByOwnHost,
        "the redirect leads to /.auth/login/PROVIDER on the app's host, and that to the provider",
        "it leads to the provider at once",
        "Microsoft Learn, as above, says the first; addresses seen in reports are the second",
    ),
    assumed(
        "excluded-path-exact",
        Switch::ExcludedPathExact,
        "an excluded path lets through what is called just so, and one that ends in /* all below",
        "it lets through all below it as well",
        "MicrosoftDocs/azure-docs#86514 for /*; the rest is not confirmed",
    ),
    assumed(
        "login-needs-secret",
        Switch::LoginNeedsSecret,
        "without the secret that a provider names its login answers 500",
        "it redirects, and the sign-in fails later",
        "Azure/azure-dev#3214 says that login breaks; how is not confirmed",
    ),
];
