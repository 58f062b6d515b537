"""What the recipe container-registry does, through Microsoft's clients."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.appcontainers.models import (
    Configuration,
    Container,
    ContainerApp,
    ContainerAppProperties,
    RegistryCredentials,
    Template,
)

from served import APP, FIRST_REVISION, GROUP, GROUP_ID, SUBSCRIPTION_ID, Served
from steps import grant, identified

REGISTRY_ID = f"{GROUP_ID}/providers/Microsoft.ContainerRegistry/registries/acrdemo"
ABAC_ID = (
    f"{SUBSCRIPTION_ID}/resourceGroups/rg-shared/providers/Microsoft.ContainerRegistry/registries/acrabac"
)
SERVER = "acrdemo.azurecr.io"
CENTRAL_SUBSCRIPTION = "55555555-5555-4555-8555-555555555555"


def run(image: str, server: str = SERVER) -> ContainerApp:
    """A patch: the image, pulled from its server as the app itself."""
    properties = ContainerAppProperties(
        configuration=Configuration(registries=[RegistryCredentials(server=server, identity="system")]),
        template=Template(containers=[Container(name=APP, image=f"{server}/{image}")]),
    )
    return ContainerApp({"properties": properties})


def fails(azure: Served, patch: ContainerApp) -> str:
    """The message of the operation that `patch` begins."""
    with pytest.raises(HttpResponseError) as failed:
        azure.apps().container_apps.begin_update(GROUP, APP, patch).result()
    assert failed.value.error is not None
    assert failed.value.error.code == "ContainerAppOperationError"
    return str(failed.value.error.message)


def test_registries_are_read(azure: Served) -> None:
    registries = azure.registries().registries
    registry = registries.get(GROUP, "acrdemo")
    assert registry.id == REGISTRY_ID and registry.sku.name
    properties = registry.properties
    assert properties is not None and properties.policies is not None
    assert (properties.login_server, properties.provisioning_state) == (SERVER, "Succeeded")
    assert properties.role_assignment_mode == "LegacyRegistryPermissions"
    policy = properties.policies.azure_ad_authentication_as_arm_policy
    assert policy is not None and policy.status == "enabled"
    assert [it.name for it in registries.list_by_resource_group(GROUP)] == ["acrdemo"]
    modes = {it.name: it.properties.role_assignment_mode for it in registries.list() if it.properties}
    assert modes == {"acrdemo": "LegacyRegistryPermissions", "acrabac": "AbacRepositoryPermissions"}
    with pytest.raises(ResourceNotFoundError):
        registries.get(GROUP, "acrnone")


def test_registries_of_another_subscription_are_read(azure: Served) -> None:
    central = azure.registries(subscription=CENTRAL_SUBSCRIPTION).registries
    assert [it.name for it in central.list()] == ["acrcentral"]


@pytest.mark.parametrize("version", ["2025-04-01", "2023-07-01"])
def test_older_clients_do_not_see_what_came_later(azure: Served, version: str) -> None:
    registry = azure.registries(api_version=version).registries.get(GROUP, "acrdemo")
    assert registry.properties is not None and registry.properties.policies is not None
    assert registry.properties.role_assignment_mode is None
    policy = registry.properties.policies.azure_ad_authentication_as_arm_policy
    assert (policy is None) == (version == "2023-07-01")


def test_an_image_is_pulled_as_the_app(azure: Served, version: dict[str, Any]) -> None:
    grant(azure, "AcrPull", REGISTRY_ID, identified(azure))
    client = azure.apps(**version)
    app = client.container_apps.begin_update(GROUP, APP, run("python-demo:2.0")).result()
    assert app.properties is not None and app.properties.configuration is not None
    # Azure fills in the two members that an identity makes needless.
    assert app.properties.configuration.registries == [
        RegistryCredentials(server=SERVER, identity="system", username="", password_secret_ref="")
    ]
    name = str(app.properties.latest_revision_name)
    assert name != FIRST_REVISION and app.properties.latest_ready_revision_name == name
    revision = client.container_apps_revisions.get_revision(GROUP, APP, name).properties
    assert revision is not None and revision.template is not None
    assert (revision.health_state, revision.traffic_weight) == ("Healthy", 100)
    containers = revision.template.containers
    assert containers is not None and containers[0].image == f"{SERVER}/python-demo:2.0"


def test_without_the_role_nothing_is_pulled_and_the_old_revision_serves(azure: Served) -> None:
    principal = identified(azure)
    apps, revisions = azure.apps().container_apps, azure.apps().container_apps_revisions
    assert "UNAUTHORIZED" in fails(azure, run("python-demo:2.0"))
    app = apps.get(GROUP, APP).properties
    assert app is not None and app.provisioning_state == "Failed"
    assert app.latest_ready_revision_name == FIRST_REVISION
    old = revisions.get_revision(GROUP, APP, FIRST_REVISION).properties
    assert old is not None and (old.traffic_weight, old.running_state) == (100, "Running")

    grant(azure, "AcrPull", REGISTRY_ID, principal)
    mended = apps.begin_update(GROUP, APP, run("python-demo:2.0")).result().properties
    assert mended is not None
    assert mended.provisioning_state == "Succeeded"
    assert mended.latest_ready_revision_name == mended.latest_revision_name != FIRST_REVISION


def test_a_tag_that_is_not_there(azure: Served) -> None:
    grant(azure, "AcrPull", REGISTRY_ID, identified(azure))
    assert "MANIFEST_UNKNOWN" in fails(azure, run("python-demo:none"))


def test_an_abac_registry_asks_for_another_role(azure: Served) -> None:
    registry = azure.registries().registries.get("rg-shared", "acrabac")
    assert registry.properties is not None
    patch = run("python-demo:1.0", str(registry.properties.login_server))
    principal = identified(azure)
    grant(azure, "AcrPull", ABAC_ID, principal)
    assert "UNAUTHORIZED" in fails(azure, patch)
    grant(azure, "Container Registry Repository Reader", ABAC_ID, principal)
    app = azure.apps().container_apps.begin_update(GROUP, APP, patch).result()
    assert app.properties is not None and app.properties.provisioning_state == "Succeeded"


def test_a_registry_that_takes_no_tokens_of_arm(azure: Served) -> None:
    grant(azure, "AcrPull", REGISTRY_ID, identified(azure))
    registries = azure.control("GET", "state")["registries"]
    policies = registries[REGISTRY_ID.lower()]["properties"]["policies"]
    policies["azureADAuthenticationAsArmPolicy"]["status"] = "disabled"
    azure.edit(registries=registries)
    registry = azure.registries().registries.get(GROUP, "acrdemo")
    assert registry.properties is not None and registry.properties.policies is not None
    policy = registry.properties.policies.azure_ad_authentication_as_arm_policy
    assert policy is not None and policy.status == "disabled"
    assert "UNAUTHORIZED" in fails(azure, run("python-demo:2.0"))
