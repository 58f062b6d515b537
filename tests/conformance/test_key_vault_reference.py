"""What the recipe key-vault-reference does, through Microsoft's clients."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.appcontainers.models import (
    Configuration,
    ContainerApp,
    ContainerAppProperties,
    EnvironmentVar,
    Secret,
    Template,
)

from served import APP, FIRST_REVISION, GROUP, VAULT, VAULT_ID, Served
from steps import grant, identified

URL = f"https://{VAULT}.vault.azure.net/secrets/db-password"


def reference(app: ContainerApp, *more: Secret) -> ContainerApp:
    """A patch: the secret as a reference, and a variable that takes it; the rest of `app` as it is."""
    assert app.properties is not None and app.properties.template is not None
    containers = app.properties.template.containers
    assert containers is not None and containers[0].env is not None
    containers[0].env.append(EnvironmentVar(name="DB_PASSWORD", secret_ref="db-password"))
    secrets = [*more, Secret(name="db-password", key_vault_url=URL, identity="system")]
    properties = ContainerAppProperties(
        configuration=Configuration(secrets=secrets), template=Template(containers=containers)
    )
    return ContainerApp({"properties": properties})


def test_the_vault_is_read(azure: Served) -> None:
    vaults = azure.vaults().vaults
    vault = vaults.get(GROUP, VAULT)
    assert vault.properties.enable_rbac_authorization is True
    assert vault.properties.vault_uri == f"https://{VAULT}.vault.azure.net/"
    assert vault.id == VAULT_ID
    in_group = [it.name for it in vaults.list_by_resource_group(GROUP)]
    in_subscription = [it.name for it in vaults.list_by_subscription()]
    assert in_group == ["kv-demo", "kv-policies"]
    assert in_subscription == [*in_group, "kv-shared"]


@pytest.mark.parametrize("version", ["2026-02-01", "2025-05-01"])
def test_the_vault_is_read_by_older_clients(azure: Served, version: str) -> None:
    assert azure.vaults(api_version=version).vaults.get(GROUP, VAULT).name == VAULT


def test_a_secret_by_reference(azure: Served, version: dict[str, Any]) -> None:
    grant(azure, "Key Vault Secrets User", VAULT_ID, identified(azure))
    client = azure.apps(**version)
    apps, revisions = client.container_apps, client.container_apps_revisions
    written = apps.begin_update(
        GROUP, APP, reference(apps.get(GROUP, APP), Secret(name="own", value="s3cret"))
    ).result()
    assert written.properties is not None and written.properties.configuration is not None
    assert written.properties.provisioning_state == "Succeeded"
    assert written.properties.configuration.secrets == [
        Secret(name="own"),
        Secret(name="db-password", key_vault_url=URL, identity="system"),
    ]

    # GET tells no value; listSecrets tells all of them, also what a reference led to.
    assert "s3cret" not in str(apps.get(GROUP, APP).as_dict())
    assert {it.name: (it.value, it.key_vault_url) for it in apps.list_secrets(GROUP, APP).value} == {
        "own": ("s3cret", None),
        "db-password": ("sandbox-db-password-2", URL),
    }

    # One new revision, healthy, with all the traffic; the old one rests.
    listed = {it.name: it.properties for it in revisions.list_revisions(GROUP, APP, filter="")}
    name = str(written.properties.latest_revision_name)
    assert set(listed) == {FIRST_REVISION, name}
    new, old = listed[name], listed[FIRST_REVISION]
    assert new is not None and old is not None
    assert (new.provisioning_state, new.health_state, new.running_state) == (
        "Provisioned",
        "Healthy",
        "Running",
    )
    assert (new.active, new.traffic_weight, new.replicas) == (True, 100, 1)
    assert (old.active, old.traffic_weight) == (False, 0)
    assert revisions.get_revision(GROUP, APP, name).properties == new
    assert new.template is not None and new.template.containers is not None
    assert new.template.containers[0].env is not None
    assert new.template.containers[0].env[-1].secret_ref == "db-password"
    replicas = client.container_apps_revision_replicas
    [replica] = replicas.list_replicas(GROUP, APP, name).value
    assert replica.properties is not None and replica.properties.containers is not None
    assert replica.properties.running_state == "Running"
    assert [(it.name, it.ready) for it in replica.properties.containers] == [(APP, True)]
    assert replicas.get_replica(GROUP, APP, name, str(replica.name)).properties == replica.properties

    # Restarting it makes other replicas of the same revision.
    revisions.restart_revision(GROUP, APP, name)
    [restarted] = replicas.list_replicas(GROUP, APP, name).value
    assert restarted.name != replica.name


def test_read_modify_write_turns_no_reference_into_a_copy(azure: Served) -> None:
    grant(azure, "Key Vault Secrets User", VAULT_ID, identified(azure))
    apps = azure.apps().container_apps
    apps.begin_update(GROUP, APP, reference(apps.get(GROUP, APP))).result()
    app = apps.get(GROUP, APP)
    app.tags = {"team": "blue"}
    written = apps.begin_create_or_update(GROUP, APP, app).result()
    assert written.tags == {"team": "blue"}
    assert written.identity == app.identity
    assert written.properties is not None and written.properties.configuration is not None
    assert written.properties.configuration.secrets == [
        Secret(name="db-password", key_vault_url=URL, identity="system")
    ]


def test_a_reference_without_the_role_is_refused(azure: Served) -> None:
    identified(azure)
    apps = azure.apps().container_apps
    with pytest.raises(HttpResponseError) as refused:
        apps.begin_update(GROUP, APP, reference(apps.get(GROUP, APP)))
    assert refused.value.error is not None
    assert refused.value.error.code == "InvalidParameterValueInContainerTemplate"
    assert "db-password" in str(refused.value.error.message)
    assert [it.name for it in azure.apps().container_apps_revisions.list_revisions(GROUP, APP)] == [
        FIRST_REVISION
    ]


def test_traffic_is_split_between_revisions(azure: Served) -> None:
    client = azure.apps()
    apps, revisions = client.container_apps, client.container_apps_revisions
    apps.begin_update(
        GROUP, APP, ContainerApp({"properties": {"configuration": {"activeRevisionsMode": "Multiple"}}})
    ).result()
    app = apps.get(GROUP, APP)
    assert app.properties is not None and app.properties.template is not None
    app.properties.template.revision_suffix = "second"
    assert app.properties.configuration is not None and app.properties.configuration.ingress is not None
    traffic = [
        {"revisionName": FIRST_REVISION, "weight": 80},
        {"latestRevision": True, "weight": 20, "label": "next"},
    ]
    patch = {
        "properties": {
            "configuration": {"ingress": {"traffic": traffic}},
            "template": app.properties.template.as_dict(),
        }
    }
    app = apps.begin_update(GROUP, APP, ContainerApp(patch)).result()
    assert app.properties is not None and app.properties.configuration is not None
    assert app.properties.latest_revision_name == f"{APP}--second"
    ingress = app.properties.configuration.ingress
    assert ingress is not None and ingress.traffic is not None
    assert [(it.revision_name, it.latest_revision, it.weight) for it in ingress.traffic] == [
        (FIRST_REVISION, None, 80),
        (None, True, 20),
    ]
    weights = {
        it.name: it.properties.traffic_weight
        for it in revisions.list_revisions(GROUP, APP)
        if it.properties is not None
    }
    assert weights == {FIRST_REVISION: 80, f"{APP}--second": 20}
    revisions.deactivate_revision(GROUP, APP, FIRST_REVISION)
    old = revisions.get_revision(GROUP, APP, FIRST_REVISION).properties
    assert old is not None and old.active is False
    revisions.activate_revision(GROUP, APP, FIRST_REVISION)
    old = revisions.get_revision(GROUP, APP, FIRST_REVISION).properties
    assert old is not None and old.active is True
