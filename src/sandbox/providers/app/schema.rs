//! The properties a container app has, by api-version, and what of a body does not fit.
//!
//! Source: the published types of Microsoft.App 2026-01-01, compared with 2025-07-01, 2025-01-01
//! and 2024-03-01; for 2026-07-01 the models of azure-mgmt-appcontainers 5.1.0.

use serde_json::{Map, Value as Json, json};

use crate::sandbox::errors::Refusal;

/// Properties by path: name and kind (`s`tring, `n`umber, `b`oolean, `a`rray, `o`bject), `*` for
/// free names. `[]` is any element, `.*` any name.
const PROPERTIES: &[(&str, &str)] = &[
    (
        "",
        "id:s name:s type:s apiVersion:s properties:o extendedLocation:o identity:o managedBy:s kind:s tags:o location:s systemData:o",
    ),
    ("extendedLocation", "name:s type:s"),
    ("identity", "principalId:s tenantId:s type:s userAssignedIdentities:o"),
    ("identity.userAssignedIdentities", "*"),
    ("identity.userAssignedIdentities.*", "principalId:s clientId:s"),
    ("tags", "*"),
    (
        "systemData",
        "createdBy:s createdByType:s createdAt:s lastModifiedBy:s lastModifiedByType:s lastModifiedAt:s",
    ),
    (
        "properties",
        "provisioningState:s runningStatus:s managedEnvironmentId:s environmentId:s workloadProfileName:s latestRevisionName:s latestReadyRevisionName:s latestRevisionFqdn:s customDomainVerificationId:s configuration:o template:o outboundIpAddresses:a eventStreamEndpoint:s networking:o",
    ),
    ("properties.networking", "outboundVnetSubnetId:s"),
    (
        "properties.configuration",
        "secrets:a activeRevisionsMode:s ingress:o registries:a dapr:o runtime:o maxInactiveRevisions:n service:o identitySettings:a",
    ),
    ("properties.configuration.secrets[]", "name:s value:s identity:s keyVaultUrl:s"),
    (
        "properties.configuration.ingress",
        "fqdn:s external:b targetPort:n exposedPort:n transport:s traffic:a customDomains:a allowInsecure:b ipSecurityRestrictions:a stickySessions:o clientCertificateMode:s corsPolicy:o additionalPortMappings:a",
    ),
    ("properties.configuration.ingress.traffic[]", "revisionName:s weight:n latestRevision:b label:s"),
    ("properties.configuration.ingress.customDomains[]", "name:s bindingType:s certificateId:s"),
    (
        "properties.configuration.ingress.ipSecurityRestrictions[]",
        "name:s description:s ipAddressRange:s action:s",
    ),
    ("properties.configuration.ingress.stickySessions", "affinity:s"),
    (
        "properties.configuration.ingress.corsPolicy",
        "allowedOrigins:a allowedMethods:a allowedHeaders:a exposeHeaders:a maxAge:n allowCredentials:b",
    ),
    ("properties.configuration.ingress.additionalPortMappings[]", "external:b targetPort:n exposedPort:n"),
    ("properties.configuration.registries[]", "server:s username:s passwordSecretRef:s identity:s"),
    (
        "properties.configuration.dapr",
        "enabled:b appId:s appProtocol:s appPort:n httpReadBufferSize:n httpMaxRequestSize:n logLevel:s enableApiLogging:b appHealth:o maxConcurrency:n",
    ),
    (
        "properties.configuration.dapr.appHealth",
        "enabled:b path:s probeIntervalSeconds:n probeTimeoutMilliseconds:n threshold:n",
    ),
    ("properties.configuration.runtime", "java:o"),
    ("properties.configuration.runtime.java", "enableMetrics:b"),
    ("properties.configuration.service", "type:s"),
    ("properties.configuration.identitySettings[]", "identity:s lifecycle:s"),
    (
        "properties.template",
        "revisionSuffix:s terminationGracePeriodSeconds:n initContainers:a containers:a scale:o volumes:a serviceBinds:a",
    ),
    (
        "properties.template.initContainers[]",
        "image:s name:s command:a args:a env:a resources:o volumeMounts:a",
    ),
    ("properties.template.initContainers[].env[]", "name:s value:s secretRef:s"),
    ("properties.template.initContainers[].resources", "cpu:n memory:s ephemeralStorage:s"),
    ("properties.template.initContainers[].volumeMounts[]", "volumeName:s mountPath:s subPath:s"),
    (
        "properties.template.containers[]",
        "probes:a image:s name:s command:a args:a env:a resources:o volumeMounts:a",
    ),
    ("properties.template.containers[].env[]", "name:s value:s secretRef:s"),
    ("properties.template.containers[].resources", "cpu:n memory:s ephemeralStorage:s"),
    ("properties.template.containers[].volumeMounts[]", "volumeName:s mountPath:s subPath:s"),
    (
        "properties.template.containers[].probes[]",
        "failureThreshold:n httpGet:o initialDelaySeconds:n periodSeconds:n successThreshold:n tcpSocket:o terminationGracePeriodSeconds:n timeoutSeconds:n type:s",
    ),
    ("properties.template.containers[].probes[].httpGet", "host:s httpHeaders:a path:s port:n scheme:s"),
    ("properties.template.containers[].probes[].httpGet.httpHeaders[]", "name:s value:s"),
    ("properties.template.containers[].probes[].tcpSocket", "host:s port:n"),
    (
        "properties.template.scale",
        "minReplicas:n maxReplicas:n cooldownPeriod:n pollingInterval:n rules:a allowScalingRuleOverride:b",
    ),
    ("properties.template.scale.rules[]", "name:s azureQueue:o custom:o http:o tcp:o"),
    (
        "properties.template.scale.rules[].azureQueue",
        "accountName:s queueName:s queueLength:n auth:a identity:s",
    ),
    ("properties.template.scale.rules[].azureQueue.auth[]", "secretRef:s triggerParameter:s"),
    ("properties.template.scale.rules[].custom", "type:s metadata:o auth:a identity:s"),
    ("properties.template.scale.rules[].custom.metadata", "*"),
    ("properties.template.scale.rules[].custom.auth[]", "secretRef:s triggerParameter:s"),
    ("properties.template.scale.rules[].http", "metadata:o auth:a identity:s"),
    ("properties.template.scale.rules[].http.metadata", "*"),
    ("properties.template.scale.rules[].http.auth[]", "secretRef:s triggerParameter:s"),
    ("properties.template.scale.rules[].tcp", "metadata:o auth:a identity:s"),
    ("properties.template.scale.rules[].tcp.metadata", "*"),
    ("properties.template.scale.rules[].tcp.auth[]", "secretRef:s triggerParameter:s"),
    ("properties.template.volumes[]", "name:s storageType:s storageName:s secrets:a mountOptions:s"),
    ("properties.template.volumes[].secrets[]", "secretRef:s path:s"),
    ("properties.template.serviceBinds[]", "serviceId:s name:s"),
];

/// Properties that came with 2026-07-01.
const SINCE_2026_07: &[&str] =
    &["properties.networking", "properties.template.scale.allowScalingRuleOverride"];

/// Properties that came with 2025-07-01 (and stay in later versions).
const SINCE_2025_07: &[&str] =
    &["kind", "properties.configuration.dapr.appHealth", "properties.configuration.dapr.maxConcurrency"];

/// Properties that came with 2025-01-01.
const SINCE_2025_01: &[&str] = &[
    "properties.configuration.runtime",
    "properties.configuration.identitySettings",
    "properties.template.scale.cooldownPeriod",
    "properties.template.scale.pollingInterval",
    "properties.template.scale.rules[].azureQueue.accountName",
    "properties.template.scale.rules[].azureQueue.identity",
    "properties.template.scale.rules[].custom.identity",
    "properties.template.scale.rules[].http.identity",
    "properties.template.scale.rules[].tcp.identity",
];

/// Read-only properties: taken and ignored.
const READ_ONLY: &[&str] = &[
    "id",
    "name",
    "type",
    "apiVersion",
    "systemData",
    "properties.provisioningState",
    "properties.runningStatus",
    "properties.latestRevisionName",
    "properties.latestReadyRevisionName",
    "properties.latestRevisionFqdn",
    "properties.customDomainVerificationId",
    "properties.outboundIpAddresses",
    "properties.eventStreamEndpoint",
    "properties.configuration.ingress.fqdn",
    "properties.template.initContainers[].resources.ephemeralStorage",
    "properties.template.containers[].resources.ephemeralStorage",
];

fn row(path: &str) -> Option<&'static str> {
    PROPERTIES.iter().find(|(own, _)| *own == path).map(|(_, names)| *names)
}

fn known_in(path: &str, version: &str) -> bool {
    let since = |list: &[&str], first: &str| version < first && list.contains(&path);
    !since(SINCE_2026_07, "2026-07-01")
        && !since(SINCE_2025_07, "2025-07-01")
        && !since(SINCE_2025_01, "2025-01-01")
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Refuses a body with a property that `version` does not have, or of another type.
pub(in crate::sandbox) fn check(body: &Json, version: &str) -> Result<(), Refusal> {
    check_object(body, "", version)
}

fn invalid(path: &str, why: &str, version: &str) -> Refusal {
    Refusal::new(
        400,
        "ContainerAppInvalidSchema",
        format!(
            "Invalid request body for container app: property '{path}' {why} in api-version '{version}'."
        ),
    )
    .about(path)
}

fn check_object(value: &Json, path: &str, version: &str) -> Result<(), Refusal> {
    let (Some(members), Some(names)) = (value.as_object(), row(path)) else {
        return Ok(());
    };
    for (name, value) in members {
        if value.is_null() {
            continue;
        }
        if names == "*" {
            check_object(value, &join(path, "*"), version)?;
            continue;
        }
        let own = join(path, name);
        let kind = names
            .split(' ')
            .filter_map(|entry| entry.split_once(':'))
            .find(|(known, _)| known == name)
            .map(|(_, kind)| kind);
        let Some(kind) = kind.filter(|_| known_in(&own, version)) else {
            return Err(invalid(&own, "is not known", version));
        };
        let fits = match kind {
            "s" => value.is_string(),
            "n" => value.is_number(),
            "b" => value.is_boolean(),
            "a" => value.is_array(),
            _ => value.is_object(),
        };
        if !fits {
            return Err(invalid(&own, "has the wrong type", version));
        }
        if own.ends_with("customDomains[].bindingType") && value == "Auto" && version < "2025-07-01" {
            return Err(invalid(&own, "does not take 'Auto'", version));
        }
        if let Some(elements) = value.as_array() {
            for element in elements {
                let element_path = format!("{own}[]");
                if row(&element_path).is_some() && !element.is_object() {
                    return Err(invalid(&own, "has an element of the wrong type", version));
                }
                check_object(element, &element_path, version)?;
            }
        } else {
            check_object(value, &own, version)?;
        }
    }
    Ok(())
}

/// The body without read-only properties.
pub(super) fn writable(body: &Json) -> Json {
    strip(body, "")
}

fn strip(value: &Json, path: &str) -> Json {
    match value {
        Json::Object(members) => Json::Object(
            members
                .iter()
                .filter(|(name, _)| !READ_ONLY.contains(&join(path, name).as_str()))
                .map(|(name, value)| (name.clone(), strip(value, &join(path, name))))
                .collect(),
        ),
        Json::Array(elements) => {
            let path = format!("{path}[]");
            Json::Array(elements.iter().map(|element| strip(element, &path)).collect())
        }
        other => other.clone(),
    }
}

/// Adds every property of `properties` that is not there as null, as answers with
/// `unset-left-out` flipped have them. Environment variables stay as they are.
pub(super) fn spell_out(properties: &mut Json) {
    fill(properties, "properties");
    if let Some(template) = properties["template"].as_object_mut()
        && template.get("revisionSuffix").is_none_or(Json::is_null)
    {
        template.insert("revisionSuffix".to_owned(), json!(""));
    }
}

fn fill(value: &mut Json, path: &str) {
    let (Some(members), Some(names)) = (value.as_object_mut(), row(path)) else {
        return;
    };
    if names == "*" || path.ends_with(".env[]") || path.ends_with("secrets[]") {
        return;
    }
    for (name, _) in names.split(' ').filter_map(|entry| entry.split_once(':')) {
        let own = join(path, name);
        // An answer does not know for which version it is, and a property that older ones lack would
        // be one too many there.
        if SINCE_2026_07.contains(&own.as_str()) {
            continue;
        }
        let member = members.entry(name.to_owned()).or_insert(Json::Null);
        match member {
            Json::Array(elements) => {
                for element in elements {
                    fill(element, &format!("{own}[]"));
                }
            }
            other => fill(other, &own),
        }
    }
}

/// A JSON merge patch (RFC 7396): objects merge, null removes, everything else is replaced.
pub(in crate::sandbox) fn merge(target: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Json::Object(Map::new());
    }
    let Some(members) = target.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            members.shift_remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Json::Null), value);
        }
    }
}

/// The value without null members, at any depth.
pub(in crate::sandbox) fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(members) => Json::Object(
            members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect(),
        ),
        Json::Array(elements) => Json::Array(elements.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_patch_follows_the_rfc() {
        // Cases of RFC 7396, appendix A.
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut value = target;
            merge(&mut value, &patch);
            assert_eq!(value, result);
        }
    }

    #[test]
    fn properties_are_known_by_version() {
        let kind = json!({"kind": "functionapp"});
        assert!(check(&kind, "2025-07-01").is_ok());
        assert_eq!(check(&kind, "2025-01-01").unwrap_err().code, "ContainerAppInvalidSchema");
        let misspelt = json!({"properties": {"template": {"containers": [{"environment": []}]}}});
        let refusal = check(&misspelt, "2026-01-01").unwrap_err();
        assert_eq!(refusal.target.as_deref(), Some("properties.template.containers[].environment"));
        let number =
            json!({"properties": {"template": {"containers": [{"env": [{"name": "A", "value": 1}]}]}}});
        assert!(check(&number, "2026-01-01").is_err());
        let newest = json!({"properties": {"template": {"scale": {"allowScalingRuleOverride": true}}}});
        assert!(check(&newest, "2026-07-01").is_ok());
        assert!(check(&newest, "2026-01-01").is_err());
    }
}
