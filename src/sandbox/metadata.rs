//! `GET /metadata/endpoints`: how tools learn what else belongs to an ARM endpoint.

use serde_json::{Value as Json, json};

use super::http::Response;
use super::token::respond;

/// The name by which tools may register the sandbox as a cloud.
const CLOUD: &str = "AcarecipeSandbox";

/// The description of the sandbox's cloud in the shape that `api_version` has in Azure: one flat
/// object up to 2018 (as Azure Stack serves it and `az cloud register` reads it), a list of clouds
/// from 2019 on, one cloud from 2022-09-01 on (read by the Go and Terraform clients).
///
/// Every address is the sandbox's own: a client that follows one it should not have needed stays here.
/// Source: the answers of `https://management.azure.com/metadata/endpoints`, and the readers of it in
/// Azure/azure-cli (`cloud.py`) and hashicorp/go-azure-sdk (`environments`).
pub(super) fn endpoints(endpoint: &str, api_version: Option<&str>) -> Response {
    match api_version {
        None => {
            let error = json!({ "error": {
                "code": "MissingApiVersionParameter",
                "message": "The api-version query parameter (?api-version=) is required for all requests.",
            }});
            respond(400, &error, &[])
        }
        Some(version) if version < "2019" => respond(200, &flat(endpoint), &[]),
        Some(version) if version < "2022" => respond(200, &json!([cloud(endpoint)]), &[]),
        Some(_) => respond(200, &cloud(endpoint), &[]),
    }
}

/// The shape of 2015-01-01.
fn flat(endpoint: &str) -> Json {
    json!({
        "galleryEndpoint": format!("{endpoint}/"),
        "graphEndpoint": format!("{endpoint}/"),
        "portalEndpoint": format!("{endpoint}/"),
        "authentication": {
            "loginEndpoint": format!("{endpoint}/"),
            "audiences": audiences(endpoint),
        },
    })
}

/// One cloud in the shape of 2019-05-01 and later.
fn cloud(endpoint: &str) -> Json {
    json!({
        "name": CLOUD,
        "portal": endpoint,
        "resourceManager": endpoint,
        "authentication": {
            "loginEndpoint": endpoint,
            "audiences": audiences(endpoint),
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graph": format!("{endpoint}/"),
        "graphAudience": format!("{endpoint}/"),
        "microsoftGraphResourceId": format!("{endpoint}/"),
        "gallery": format!("{endpoint}/"),
        "suffixes": {
            "acrLoginServer": "azurecr.io",
            "keyVaultDns": "vault.azure.net",
            "sqlServerHostname": "database.windows.net",
            "storage": "core.windows.net",
        },
    })
}

/// The audiences that the sandbox's tokens are for.
fn audiences(endpoint: &str) -> [String; 2] {
    [format!("{endpoint}/"), endpoint.to_owned()]
}
