//! Every assumption can be turned round, and that can be seen from outside.

use acarecipe::sandbox::http::Reply;
use acarecipe::sandbox::roles::{ACR_PULL, KEY_VAULT_SECRETS_USER};
use acarecipe::sandbox::{Switch, Switches, seed};
use serde_json::{Value as Json, json};

use super::{
    START, World, auth, cosmos, dapr, dns, domains, env, hosts, image, jobs, path_of, redis, registries,
    registry_api, secrets_body, sql_batches, tasks, traffic, volumes,
};

const BROWSER: &str = "Mozilla/5.0";
const URL: &str = "https://kv-demo.vault.azure.net/secrets/db-password";

/// What a client sees of the behaviour behind the switch.
fn observe(name: &str, world: &World) -> Json {
    let change = env(&json!([{ "name": "NEW", "value": "1" }]));
    let id = seed::identity_id(seed::IDENTITY);
    let has_identity = |world: &World| {
        world.edit(|state| {
            seed::variant::user_identity(state, &id);
            seed::assign_role(
                state,
                &seed::vault_id(seed::VAULT),
                KEY_VAULT_SECRETS_USER,
                seed::IDENTITY_PRINCIPAL,
                START,
            );
        });
    };
    let reference = |value: Option<&str>| {
        let mut entry = json!({ "name": "db", "keyVaultUrl": URL, "identity": id });
        if let Some(value) = value {
            entry["value"] = json!(value);
        }
        secrets_body(&json!([entry]))
    };
    let assign = |kind: &str, id: &str| json!({ "identity": { "type": kind, "userAssignedIdentities": { (id): {} } } });
    let status_and_code = |got: &super::Got| json!([got.status, got.code()]);
    match name {
        "empty-auth-lists-left-out" => {
            let mut body = auth::entra("Return401");
            body["properties"]["globalValidation"]["excludedPaths"] = json!([]);
            auth::guarded(world, &body)["properties"]["globalValidation"]["excludedPaths"].clone()
        }
        "login-page-needs-provider" => {
            let body = json!({ "properties": {
                "platform": { "enabled": true },
                "globalValidation": { "unauthenticatedClientAction": "RedirectToLoginPage" },
            } });
            let got = world.send("PUT", &auth::current(), Some(&body));
            json!([got.status, got.code(), auth::ask(world, "/", BROWSER).0])
        }
        "other-auth-name-kept" => {
            auth::guarded(world, &auth::entra("Return401"));
            let other = auth::current().replace("current", "other");
            status_and_code(&world.send("PUT", &other, Some(&auth::entra("Return401"))))
        }
        "login-by-own-host" => {
            auth::guarded(world, &auth::entra("RedirectToLoginPage"));
            json!(auth::ask(world, "/", BROWSER))
        }
        "excluded-path-exact" => {
            let mut body = auth::entra("Return401");
            body["properties"]["globalValidation"]["excludedPaths"] = json!(["/health"]);
            auth::guarded(world, &body);
            json!(["/health", "/health/deep", "/healthy"].map(|path| auth::ask(world, path, BROWSER).0))
        }
        "login-needs-secret" => {
            auth::guarded(world, &auth::entra("Return401"));
            world.patched(&secrets_body(&json!([])));
            json!(auth::ask(world, "/.auth/login/aad", BROWSER).0)
        }
        "patch-location-only" => json!(world.patch(&change).header("azure-asyncoperation").is_some()),
        "patch-answer-empty" => world.patch(&change).body["name"].clone(),
        "patch-unchanged-accepted" => json!(world.patch(&json!({})).status),
        "revision-listed-at-once" => {
            world.patch(&change).ok(202);
            let early = world.revisions().len();
            world.settle();
            assert_eq!(world.newest()["healthState"], "Healthy");
            json!(early)
        }
        "failed-pull-no-revision" => {
            world.patch(&image(seed::IMAGE_UNKNOWN)).ok(202);
            world.settle();
            assert_eq!(world.app()["properties"]["provisioningState"], "Failed");
            json!([world.revisions().len(), world.newest()["provisioningState"]])
        }
        "refused-identity-expires" => {
            world.patch(&registries::pulls(seed::REGISTRY, "python-demo:1.0")).ok(202);
            world.settle();
            world.app()["properties"]["provisioningState"].clone()
        }
        "refused-pull-is-final" => {
            world.edit(|state| {
                registries::grant(state, seed::REGISTRY, ACR_PULL);
                let young = START + time::Duration::minutes(2);
                state.role_assignments.values_mut().for_each(|role| {
                    if role.role == ACR_PULL {
                        role.in_force_from = young;
                    }
                });
            });
            world.patch(&registries::pulls(seed::REGISTRY, "python-demo:1.0")).ok(202);
            world.pass(1000);
            world.app()["properties"]["provisioningState"].clone()
        }
        "username-beside-identity-kept" => {
            world.edit(|state| {
                seed::variant::plain_secret(state, "acr-password", "wrong");
                registries::grant(state, seed::REGISTRY, ACR_PULL);
            });
            let mut body = registries::pulls(seed::REGISTRY, "python-demo:1.0");
            let entry = &mut body["properties"]["configuration"]["registries"][0];
            entry["username"] = json!("acrdemo");
            entry["passwordSecretRef"] = json!("acr-password");
            let got = world.patch(&body);
            world.settle();
            json!([got.status, world.app()["properties"]["provisioningState"]])
        }
        "credentials-frozen" => {
            world.edit(|state| {
                seed::variant::admin_credentials(state, seed::REGISTRY, "python-demo:1.0");
                state.registry_mut(seed::REGISTRY).unwrap().passwords = ["rotated".to_owned(), String::new()];
            });
            let rotated = json!([{ "name": "acr-password", "value": "rotated" }]);
            world.patched(&secrets_body(&rotated));
            let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
            world.send("POST", &format!("{}/revisions/{name}/restart", seed::app_id()), None).ok(200);
            world.newest()["healthState"].clone()
        }
        "registry-update-at-once" => {
            let body = json!({ "properties": { "adminUserEnabled": true } });
            let got = world.send("PATCH", &seed::registry_id(seed::REGISTRY), Some(&body));
            if let Some(url) = got.header("azure-asyncoperation") {
                let path = path_of(url).to_owned();
                assert_eq!(world.get(&path).ok(200)["status"], "InProgress");
                world.settle();
                assert_eq!(world.get(&path).ok(200)["status"], "Succeeded");
            }
            let registry = world.get(&seed::registry_id(seed::REGISTRY)).ok(200);
            assert_eq!(registry["properties"]["provisioningState"], "Succeeded");
            assert_eq!(registry["properties"]["adminUserEnabled"], true);
            json!(got.status)
        }
        "registry-unknown-refused" => {
            let path = format!("{}?api-version=2025-04-01", seed::registry_id(seed::REGISTRY));
            let body = json!({ "properties": { "roleAssignmentMode": "AbacRepositoryPermissions" } });
            json!(world.send("PATCH", &path, Some(&body)).status)
        }
        "keys-listed-when-off" => {
            world.edit(|state| seed::storage::shared_key_off(state, "stdemo"));
            let path = format!("{}/listKeys", seed::storage_account_id("stdemo"));
            status_and_code(&world.send("POST", &path, None))
        }
        "kind-says-feature" => {
            world.edit(|state| {
                "BlobStorage".clone_into(&mut state.storage_account_mut("stdemo").unwrap().kind);
            });
            json!(world.send("PUT", &seed::share_id("stdemo", "any"), Some(&json!({}))).code())
        }
        "nfs-share-though-secure" => {
            world.edit(|state| seed::storage::file_account(state, "stfiles", true, START));
            let body = json!({ "properties": { "enabledProtocols": "NFS", "shareQuota": 100 } });
            json!(world.send("PUT", &seed::share_id("stfiles", "nfs"), Some(&body)).status)
        }
        "storage-put-is-200" => {
            let id = seed::environment_storage_id("sharedfiles");
            json!(world.send("PUT", &id, Some(&volumes::registration("k"))).status)
        }
        "storage-key-required" => {
            world.edit(volumes::registered);
            let mut body = volumes::registration("k");
            body["properties"]["azureFile"]["accountKey"] = Json::Null;
            let status = world.send("PUT", &seed::environment_storage_id("sharedfiles"), Some(&body)).status;
            // Where it is accepted, the entry still works.
            world.patched(&volumes::mounted());
            assert_eq!(world.newest()["healthState"], "Healthy");
            json!(status)
        }
        "storage-reference-fetched" => {
            let mut body = volumes::registration("k");
            body["properties"]["azureFile"]["accountKey"] = Json::Null;
            body["properties"]["azureFile"]["accountKeyVaultProperties"] =
                json!({ "identity": "system", "keyVaultUrl": URL });
            let status = world.send("PUT", &seed::environment_storage_id("sharedfiles"), Some(&body)).status;
            if status == 200 {
                world.edit(volumes::with_share);
                world.patched(&volumes::mounted());
                world.pass(600);
                assert_eq!(world.newest()["provisioningState"], "Provisioning");
            }
            json!(status)
        }
        "unused-storage-replaced" => {
            world.edit(volumes::registered);
            let mut body = volumes::registration("k");
            body["properties"]["azureFile"]["accessMode"] = json!("ReadOnly");
            json!(world.send("PUT", &seed::environment_storage_id("sharedfiles"), Some(&body)).status)
        }
        "key-update-misses-others" => {
            world.edit(volumes::registered);
            world.edit(|state| seed::storage::keys_rotated(state, "stdemo"));
            let body = volumes::registration("sandbox-stdemo-key-1-rotated");
            world.send("PUT", &seed::environment_storage_id("sharedfiles"), Some(&body)).ok(200);
            world.patched(&volumes::mounted());
            world.newest()["provisioningState"].clone()
        }
        "storage-type-checked" => {
            world.edit(volumes::registered);
            let mut body = volumes::mounted();
            body["properties"]["template"]["volumes"][0]["storageType"] = json!("NfsAzureFile");
            let status = world.patch(&body).status;
            world.pass(600);
            json!([status, world.newest()["provisioningState"]])
        }
        "duplicate-mount-refused" => {
            let mount = json!({ "volumeName": "v", "mountPath": "/a" });
            let body = json!({ "properties": { "template": {
                "volumes": [{ "name": "v", "storageType": "EmptyDir" }],
                "containers": [{ "name": seed::APP, "image": seed::IMAGE, "volumeMounts": [mount, mount] }],
            } } });
            let status = world.patch(&body).status;
            world.pass(600);
            json!([status, world.newest()["provisioningState"]])
        }
        "mount-hangs-revision-only" => {
            world.edit(volumes::registered);
            world.edit(|state| seed::storage::shared_key_off(state, "stdemo"));
            world.patch(&volumes::mounted()).ok(202);
            world.pass(1000);
            assert_eq!(world.newest()["provisioningState"], "Provisioning");
            world.app()["properties"]["provisioningState"].clone()
        }
        "mount-reason-hidden" => {
            world.edit(volumes::registered);
            world.edit(|state| seed::storage::shared_key_off(state, "stdemo"));
            world.patched(&volumes::mounted());
            let name = world.app()["properties"]["latestRevisionName"].as_str().unwrap().to_owned();
            let replicas = world.get(&format!("{}/revisions/{name}/replicas", seed::app_id())).ok(200);
            json!(replicas.to_string().contains("mount error(13): Permission denied"))
        }
        "expired-says-why" => {
            let got = world.patch(&registries::pulls(seed::REGISTRY, "python-demo:1.0"));
            let location = path_of(got.header("location").unwrap()).to_owned();
            world.pass(1000);
            json!(world.get(&location).message())
        }
        "unknown-repository-is-manifest" => {
            world.edit(|state| registries::grant(state, seed::REGISTRY, ACR_PULL));
            let got = world.patch(&registries::pulls(seed::REGISTRY, "nothing:1.0"));
            let location = path_of(got.header("location").unwrap()).to_owned();
            world.settle();
            json!(world.get(&location).message())
        }
        "exchange-needs-right" => {
            json!(registry_api::exchange(&world.by("contributor"), seed::ABAC_REGISTRY).status)
        }
        "token-needs-right" => {
            // Allowed while the token was exchanged, and no longer.
            let refresh = registry_api::exchange(world, seed::REGISTRY).ok(200)["refresh_token"].clone();
            world.edit(|state| state.role_assignments.clear());
            json!(registry_api::token(world, seed::REGISTRY, &refresh, "python-demo").status)
        }
        "index-needs-accept" => {
            let token = registry_api::access(world, seed::REGISTRY, "python-demo");
            let head = registry_api::manifest(world, seed::REGISTRY, "python-demo", "2.0", &token, "*/*");
            json!(head.status)
        }
        "registry-firewall-stops-apps" | "private-endpoint-suffices" => {
            world.edit(|state| {
                registries::grant(state, seed::REGISTRY, ACR_PULL);
                let registry = state.registry_mut(seed::REGISTRY).unwrap();
                registry.properties["publicNetworkAccess"] = json!("Disabled");
                registry.private_for_apps = name == "private-endpoint-suffices";
                if registry.private_for_apps {
                    registry.properties["networkRuleBypassOptions"] = json!("None");
                }
            });
            world.patch(&registries::pulls(seed::REGISTRY, "python-demo:1.0")).ok(202);
            world.pass(1000);
            world.app()["properties"]["provisioningState"].clone()
        }
        "job-start-accepted"
        | "job-start-location-only"
        | "job-image-unchecked"
        | "job-pull-tried-on"
        | "job-timeout-is-final"
        | "job-trigger-changeable"
        | "job-other-trigger-refused"
        | "receiver-may-scale" => jobs::observe(name, world),
        "cosmos-names-have-case" => {
            json!(world.get(&format!("{}/sqlDatabases/AppDB", seed::cosmos_id(seed::COSMOS))).status)
        }
        "cosmos-assignment-queued" => {
            let got = cosmos::put(world, cosmos::NAME, &cosmos::body(seed::COSMOS_READER, ""));
            world.settle();
            world.get(&cosmos::path(cosmos::NAME)).ok(200);
            json!(got.status)
        }
        "cosmos-scope-unchecked" => {
            json!(cosmos::put(world, cosmos::NAME, &cosmos::body(seed::COSMOS_READER, "/dbs/nope")).status)
        }
        "cosmos-duplicate-refused" => {
            let body = cosmos::body(seed::COSMOS_READER, "");
            cosmos::put(world, cosmos::NAME, &body).ok(202);
            world.settle();
            json!(cosmos::put(world, cosmos::OTHER, &body).status)
        }
        "crash-is-provisioned" => {
            world.patched(&image(seed::IMAGE_CRASHING));
            world.newest()["provisioningState"].clone()
        }
        "details-on-replicas-only" => {
            world.patched(&image(seed::IMAGE_CRASHING));
            world.newest()["runningStateDetails"].clone()
        }
        "latest-weight-waits" => {
            world.edit(|state| {
                let model = &mut state.app_mut(seed::APP).unwrap().model;
                model["properties"]["configuration"]["activeRevisionsMode"] = json!("Multiple");
            });
            world.patch(&change).ok(202);
            let early = world.newest()["trafficWeight"].clone();
            world.settle();
            assert_eq!(world.newest()["trafficWeight"], 100);
            early
        }
        "zero-replicas-running" => {
            world.edit(seed::variant::scaled_to_zero);
            json!([world.newest()["runningState"], world.app()["properties"]["runningStatus"]])
        }
        "write-keeps-stopped" => {
            world.edit(seed::variant::stopped);
            world.patch(&change).ok(202);
            world.settle();
            world.app()["properties"]["runningStatus"].clone()
        }
        "used-suffix-refused" => {
            world.edit(|state| seed::variant::suffix(state, "v1"));
            let got = world.patch(&change);
            json!([got.status, world.revisions().len()])
        }
        "suffix-removal-no-revision" => {
            world.edit(|state| seed::variant::suffix(state, "v1"));
            world.patched(&json!({ "properties": { "template": { "revisionSuffix": null } } }));
            json!(world.revisions().len())
        }
        "resent-template-runs" => {
            world.edit(|state| {
                let app = state.app_mut("ca-demo").unwrap();
                app.model["properties"]["template"]["scale"]["maxReplicas"] = json!(7);
            });
            world.patched(&json!({ "tags": { "again": "yes" } }));
            json!(world.revisions().len())
        }
        "identity-type-is-whole" => {
            world.patched(&json!({ "identity": { "type": "SystemAssigned" } }));
            world.patched(&assign("UserAssigned", &id))["identity"]["type"].clone()
        }
        "identity-map-merges" => {
            world.edit(|state| {
                seed::variant::user_identity(state, &id);
                seed::add_identity(
                    state,
                    "id-other",
                    "33333333-3333-4333-8333-000000000003",
                    "33333333-3333-4333-8333-000000000004",
                    START,
                );
            });
            let app = world.patched(&assign("UserAssigned", &seed::identity_id("id-other")));
            json!(app["identity"]["userAssignedIdentities"].as_object().unwrap().len())
        }
        "linked-right-when-new" => {
            has_identity(world);
            status_and_code(&world.by("app-scoped").patch(&assign("UserAssigned", &id)))
        }
        "reference-refused-at-once" => {
            let got = world.patch(&reference(None));
            world.settle();
            json!([got.status, world.app()["properties"]["provisioningState"]])
        }
        "reference-cause-hidden" => json!(world.patch(&reference(None)).message()),
        "references-fetched-again" => {
            world.edit(|state| {
                seed::variant::user_identity(state, &id);
                seed::variant::reference(state, "db", URL, &id, "earlier");
            });
            json!(world.patch(&reference(None)).status)
        }
        "value-makes-copy" => {
            has_identity(world);
            world.patched(&reference(Some("copied")))["properties"]["configuration"]["secrets"].clone()
        }
        "inactive-frees-secret" => {
            world.edit(|state| {
                seed::variant::plain_secret(state, "token", "1");
                seed::variant::variable(state, json!({ "name": "T", "secretRef": "token" }));
            });
            world.patched(&change);
            status_and_code(&world.patch(&secrets_body(&json!([]))))
        }
        "firewall-stops-apps" => {
            has_identity(world);
            world.edit(|state| {
                state.vault_mut(seed::VAULT).unwrap().properties["networkAcls"] =
                    json!({ "defaultAction": "Deny", "bypass": "AzureServices" });
            });
            json!(world.patch(&reference(None)).status)
        }
        "principal-type-suffices" => {
            let made = world
                .send("PUT", &seed::identity_id("id-new"), Some(&json!({ "location": "westeurope" })))
                .ok(201);
            let path = format!(
                "{}/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-4000-8000-000000000001",
                seed::vault_id(seed::VAULT)
            );
            let body = json!({ "properties": {
                "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{KEY_VAULT_SECRETS_USER}"),
                "principalId": made["properties"]["principalId"],
                "principalType": "ServicePrincipal",
            } });
            status_and_code(&world.send("PUT", &path, Some(&body)))
        }
        "operation-url-open" => {
            let scoped = world.by("app-scoped");
            let location = path_of(scoped.patch(&change).header("location").unwrap()).to_owned();
            json!(scoped.get(&location).status)
        }
        "failed-location-is-error" => {
            let location =
                path_of(world.patch(&image(seed::IMAGE_UNKNOWN)).header("location").unwrap()).to_owned();
            world.settle();
            json!(world.get(&location).status)
        }
        "sql-unknown-database-told" => {
            json!(sql_batches::at(world, "nodb", "owner", "SELECT 1").unwrap_err().0)
        }
        "sql-batch-goes-on" => {
            let text = "ALTER ROLE [none] ADD MEMBER [a]; CREATE USER [a] \
                        WITH SID = 0x000000000000000000000000000000AA, TYPE = E";
            assert!(sql_batches::at(world, seed::SQL_DATABASE, "owner", text).is_err());
            let server = world.edit(|state| state.sql_server(seed::SQL_SERVER).unwrap().clone());
            json!(server.databases[seed::SQL_DATABASE].users.len())
        }
        "sql-empty-hex-converts" => {
            let text = "SELECT CONVERT(varbinary(85), N'', 1)";
            json!(sql_batches::at(world, seed::SQL_DATABASE, "owner", text).is_ok())
        }
        "label-at-once" => {
            let (first, _) = traffic::two_revisions(world);
            let labelled = json!([{ "revisionName": first, "weight": 100, "label": "next" }]);
            world.patch(&traffic::body(&labelled));
            json!(hosts::status(world, "ca-demo---next"))
        }
        "edge-says-404" => json!(hosts::status(world, "no-such-app")),
        "internal-name-unresolved" => {
            json!(world.sandbox.resolves(&format!("ca-demo.internal.{}", hosts::DOMAIN)))
        }
        "client-certificate-refused-by-alert" | "client-certificate-required-everywhere" => {
            world.edit(|state| {
                let app = state.app_mut(seed::APP).unwrap();
                app.model["properties"]["configuration"]["ingress"]["clientCertificateMode"] =
                    json!("require");
            });
            let shown = world.sandbox.handshake(&format!("ca-demo.{}", hosts::DOMAIN)).client;
            json!([format!("{shown:?}"), hosts::status(world, "ca-demo")])
        }
        "edge-answers-for-crash" => {
            world.edit(seed::variant::answers::app_crashes);
            json!(matches!(hosts::ask(world, "ca-demo", "/"), Reply::Answer(_)))
        }
        "alias-excludes-records" => json!(dns::alias_with_records(world).status),
        "cname-checked-at-once"
        | "order-stays-pending"
        | "validation-follows-redirect"
        | "subject-without-cn"
        | "certificate-must-cover"
        | "sni-needs-certificate"
        | "chain-order-checked"
        | "certificate-replaced" => domains::observe(name, world),
        "label-twice-refused" => {
            let (first, second) = traffic::two_revisions(world);
            let both = traffic::body(&json!([
                { "revisionName": first, "weight": 100, "label": "blue" },
                { "revisionName": second, "weight": 0, "label": "blue" },
            ]));
            json!(world.patch(&both).status)
        }
        "label-name-checked" => {
            let (first, _) = traffic::two_revisions(world);
            let body = traffic::body(&json!([{ "revisionName": first, "weight": 100, "label": "Blue" }]));
            json!(world.patch(&body).status)
        }
        "busy-revision-deactivated" => {
            let (first, _) = traffic::two_revisions(world);
            json!(
                world.send("POST", &format!("{}/revisions/{first}/deactivate", seed::app_id()), None).status
            )
        }
        "ids-as-written" => world.app()["id"].clone(),
        "unset-left-out" => json!(world.app()["properties"]["template"].get("revisionSuffix")),
        "permissions-need-read" => {
            let path =
                format!("{}/providers/Microsoft.Authorization/permissions", seed::vault_id(seed::VAULT));
            json!(world.by("app-scoped").get(&path).status)
        }
        "join-when-named" => json!(world.by("app-scoped").patch(&change).status),
        "subscription-seen-from-below" => json!(world.by("app-scoped").get(&seed::subscription_id()).status),
        "hyphens-refused" => {
            let body = redis::for_managed("default", seed::IDENTITY_PRINCIPAL);
            json!(world.send("PUT", &redis::managed_assignment("my-app"), Some(&body)).status)
        }
        "managed-name-keeps-object" => {
            world.edit(|state| {
                seed::redis::assignment(state, seed::REDIS, "app", seed::IDENTITY_PRINCIPAL, "default");
            });
            let body = redis::for_managed("default", seed::IDENTITY_CLIENT);
            json!(world.send("PUT", &redis::managed_assignment("app"), Some(&body)).status)
        }
        "policy-changes-in-place" => {
            world.edit(|state| {
                seed::redis::assignment(state, seed::CACHE, "app", seed::IDENTITY_PRINCIPAL, "Data Reader");
            });
            let body = redis::for_cache("Data Owner", seed::IDENTITY_PRINCIPAL);
            json!(world.send("PUT", &redis::cache_assignment("app"), Some(&body)).status)
        }
        "entra-off-refused" => {
            world.edit(|state| {
                let cache = state.redis_mut(seed::CACHE).unwrap();
                cache.properties["redisConfiguration"]["aad-enabled"] = json!("False");
            });
            let body = redis::for_cache("Data Owner", seed::IDENTITY_PRINCIPAL);
            json!(world.send("PUT", &redis::cache_assignment("app"), Some(&body)).status)
        }
        "unknown-policy-refused" => {
            let body = redis::for_cache("default", seed::IDENTITY_PRINCIPAL);
            json!(world.send("PUT", &redis::cache_assignment("app"), Some(&body)).status)
        }
        "failed-assignment-gone" => {
            world
                .sandbox
                .set_faults(vec!["match=PUT:/accessPolicyAssignments/ operation-fails".parse().unwrap()]);
            let path = redis::managed_assignment("app");
            let body = redis::for_managed("default", seed::IDENTITY_PRINCIPAL);
            world.send("PUT", &path, Some(&body)).ok(201);
            world.settle();
            json!(world.get(&path).status)
        }
        "images-named-at-end" => {
            let run = tasks::scheduled(world, seed::REGISTRY, &tasks::archive(tasks::DOCKERFILE)).ok(200);
            world.get(run["id"].as_str().unwrap()).ok(200)["properties"]["outputImages"].clone()
        }
        "rebuilt-is-another" => {
            let digest = || {
                let run = tasks::scheduled(world, seed::REGISTRY, &tasks::archive(tasks::DOCKERFILE)).ok(200);
                world.settle();
                let run = world.get(run["id"].as_str().unwrap()).ok(200);
                run["properties"]["outputImages"][0]["digest"].clone()
            };
            json!(digest() == digest())
        }
        "full-is-bad-request" => {
            world.edit(|state| state.registry_mut(seed::REGISTRY).unwrap().tasks.full = true);
            let refused = tasks::scheduled(world, seed::REGISTRY, &tasks::archive(tasks::DOCKERFILE));
            json!(refused.status)
        }
        "closed-registry-stops-tasks" => {
            world.edit(|state| seed::variant::network_closed(state, seed::REGISTRY, false));
            let run = tasks::scheduled(world, seed::REGISTRY, &tasks::archive(tasks::DOCKERFILE)).ok(200);
            world.settle();
            world.get(run["id"].as_str().unwrap()).ok(200)["properties"]["status"].clone()
        }
        "dapr-app-scope" => {
            world.patched(&dapr::on(seed::APP));
            assert_eq!(world.newest()["healthState"], "Healthy");
            json!(world.revisions().len())
        }
        "dapr-secrets-told" => {
            world.send("PUT", &dapr::id(), Some(&dapr::statestore())).ok(200);
            world.send("POST", &format!("{}/listSecrets", dapr::id()), None).ok(200)
        }
        "dapr-put-is-whole" => {
            world.send("PUT", &dapr::id(), Some(&dapr::statestore())).ok(200);
            let bare = json!({ "properties": { "componentType": "state.redis", "version": "v1" } });
            world.send("PUT", &dapr::id(), Some(&bare)).ok(200)["properties"].clone()
        }
        "dapr-secrets-complete" => {
            let mut body = dapr::statestore();
            body["properties"]["secrets"] = json!([{ "name": "redis-password" }]);
            status_and_code(&world.send("PUT", &dapr::id(), Some(&body)))
        }
        "dapr-secret-ref-checked" => {
            let mut body = dapr::statestore();
            body["properties"]["secrets"] = Json::Null;
            let status = world.send("PUT", &dapr::id(), Some(&body)).status;
            world.patched(&dapr::on(seed::APP));
            json!([status, world.newest()["healthState"]])
        }
        "dapr-store-or-secrets" => {
            world.edit(dapr::broken);
            let mut body = dapr::statestore();
            body["properties"]["secretStoreComponent"] = json!("statestore");
            status_and_code(&world.send("PUT", &dapr::id(), Some(&body)))
        }
        "dapr-store-unchecked" => {
            let mut body = dapr::statestore();
            body["properties"]["secrets"] = Json::Null;
            body["properties"]["secretStoreComponent"] = json!("vault");
            status_and_code(&world.send("PUT", &dapr::id(), Some(&body)))
        }
        "dapr-names-checked" => {
            let status = world.patch(&dapr::on("Not_A_Name")).status;
            world.settle();
            json!([status, world.newest()["healthState"]])
        }
        "dapr-loaded-at-start" => {
            world.patched(&dapr::on(seed::APP));
            world.send("PUT", &dapr::id(), Some(&dapr::statestore())).ok(200);
            world.edit(dapr::broken);
            let body = json!({ "properties": { "componentType": "state.in-memory", "version": "v1" } });
            world.send("PUT", &format!("{}2", dapr::id()), Some(&body)).ok(200);
            world.newest()["healthState"].clone()
        }
        "dapr-reason-hidden" => {
            world.edit(dapr::broken);
            world.patched(&dapr::on(seed::APP));
            world.newest()["provisioningError"].clone()
        }
        "dapr-waits-for-port" => {
            let mut body = dapr::on(seed::APP);
            body["properties"]["configuration"]["dapr"]["appPort"] = json!(9000);
            world.patched(&body);
            world.newest()["healthState"].clone()
        }
        "dapr-sidecar-listed" => {
            let app = world.patched(&dapr::on(seed::APP));
            let name = app["properties"]["latestRevisionName"].as_str().unwrap();
            let replicas = world.get(&format!("{}/revisions/{name}/replicas", seed::app_id())).ok(200);
            replicas["value"][0]["properties"]["containers"].clone()
        }
        "request-buckets" => {
            let left = |got: &super::Got| {
                got.header("x-ms-ratelimit-remaining-subscription-reads").map(str::to_owned)
            };
            let first = world.get(&seed::app_id());
            let refused = (1..300).find(|_| world.get(&seed::app_id()).status == 429);
            json!([left(&first), refused])
        }
        other => panic!("the switch `{other}` is not observed"),
    }
}

#[test]
fn every_flipped_switch_can_be_seen() {
    assert_eq!(Switches::all_flips().len(), Switch::ALL.len());
    for (name, _) in Switches::all_flips() {
        let (usual, flipped) = (observe(name, &World::new()), observe(name, &World::flipped(name)));
        assert_ne!(usual, flipped, "{name}");
    }
}

#[test]
fn what_unset_members_are_written_as_does_not_matter_to_a_client_that_sends_them_back() {
    let world = World::flipped("unset-left-out");
    let app = world.app();
    assert!(app["properties"]["configuration"]["secrets"].is_null());
    let containers = app["properties"]["template"]["containers"].clone();
    world.patched(
        &json!({ "properties": { "template": { "containers": containers, "revisionSuffix": "" } } }),
    );
    assert_eq!(world.revisions().len(), 1);
}
