//! Dapr components, and the sidecars of apps.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "dapr-restarts-all",
        "Dapr settings are of the app, not of a revision: a change makes no revision and restarts all active ones",
        "Microsoft Learn, Enable Dapr on your container app; microsoft/azure-container-apps#132, #857",
    ),
    assumed(
        "dapr-app-scope",
        Switch::DaprAppScope,
        "that holds for every Dapr setting",
        "a changed setting makes a new revision",
        "an older page of Microsoft Learn lists Dapr among the changes of revisions",
    ),
    confirmed(
        "dapr-scopes",
        "a component without scopes is loaded by every app with Dapr of the environment, one with scopes by the app ids in it",
        "Microsoft Learn, Dapr components in Azure Container Apps; microsoft/azure-container-apps#147",
    ),
    confirmed(
        "dapr-secrets-hidden",
        "GET of a component shows the names of its secrets, never values",
        "Microsoft.App ManagedEnvironmentsDaprComponents.json, its examples",
    ),
    assumed(
        "dapr-secrets-told",
        Switch::DaprSecretsTold,
        "listSecrets of a component tells values",
        "it tells names only",
        "Microsoft.App CommonDefinitions.json has a value, the example of the operation has none",
    ),
    assumed(
        "dapr-put-is-whole",
        Switch::DaprPutIsWhole,
        "PUT describes the whole component: a secret that is left out goes",
        "secrets that are left out, or sent without a value, stay",
        "not confirmed; as for apps, microsoft/azure-container-apps#957",
    ),
    assumed(
        "dapr-secrets-complete",
        Switch::DaprSecretsComplete,
        "a secret entry without value and keyVaultUrl is refused",
        "it is taken, and the secret is empty",
        "not confirmed; as for apps, microsoft/azure-container-apps#259",
    ),
    assumed(
        "dapr-secret-ref-checked",
        Switch::DaprSecretRefChecked,
        "a secretRef without its secret, and without a secret store, is refused",
        "it is taken, and the sidecars that load the component crash",
        "not confirmed; the code is made up",
    ),
    assumed(
        "dapr-store-or-secrets",
        Switch::DaprStoreOrSecrets,
        "secrets beside a secretStoreComponent are refused",
        "they are taken, and are of no use",
        "Microsoft Learn, Dapr components, shows them as two ways; a refusal was not seen",
    ),
    assumed(
        "dapr-store-unchecked",
        Switch::DaprStoreUnchecked,
        "a secretStoreComponent that is not there is taken, and the sidecars that load the component crash",
        "it is refused",
        "dapr/dapr#2790: the runtime finds out; whether the service does first is not confirmed",
    ),
    assumed(
        "dapr-names-checked",
        Switch::DaprNamesChecked,
        "app ids and names of components that are no names for Kubernetes are refused",
        "they are taken, and a sidecar with such an app id crashes",
        "dapr/dapr validates app ids when it injects a sidecar; whether the service does first is not confirmed",
    ),
    assumed(
        "dapr-loaded-at-start",
        Switch::DaprLoadedAtStart,
        "running sidecars keep what they have loaded until their revision restarts",
        "sidecars start again when a component of theirs changes",
        "Microsoft Learn, Dapr component resiliency, asks to restart apps; dapr/docs#5234 does for secrets",
    ),
    confirmed(
        "dapr-component-crashes",
        "a component that cannot be initialised and has no ignoreErrors ends the sidecar: daprdContainerCrashing",
        "microsoft/azure-container-apps#354; docs.dapr.io, Component spec",
    ),
    assumed(
        "dapr-reason-hidden",
        Switch::DaprReasonHidden,
        "why stands in the sidecar's log only",
        "the revision's words have it too",
        "microsoft/azure-container-apps#354 shows the bare word",
    ),
    assumed(
        "dapr-waits-for-port",
        Switch::DaprWaitsForPort,
        "a sidecar whose app does not listen on appPort never gets ready",
        "it does",
        "docs.dapr.io, Sidecar health; what the service makes of it is not confirmed",
    ),
    assumed(
        "dapr-sidecar-listed",
        Switch::DaprSidecarListed,
        "the sidecar is listed among the containers of a replica, as daprd",
        "only the app's own containers are",
        "microsoft/vscode-azurecontainerapps#33: system sidecars might appear",
    ),
    confirmed(
        "dapr-resiliency-preview",
        "resiliency policies of components exist in preview versions only",
        "Azure/bicep-types-az; Microsoft Learn, Dapr component resiliency (preview)",
    ),
];
