"""What the recipe managed-identity does, through Microsoft's clients."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.mgmt.appcontainers.models import (
    ContainerApp,
    ContainerAppProperties,
    EnvironmentVar,
    ManagedServiceIdentity,
    Secret,
    Template,
    UserAssignedIdentity,
)
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.msi.models import Identity

from served import APP, APP_ID, FIRST_REVISION, GROUP, LOCATION, VAULT_ID, Served
from steps import identified, role_id

FIRST_NAME = "a0000000-0000-4000-8000-000000000001"
OTHER_NAME = "a0000000-0000-4000-8000-000000000002"


def revisions(azure: Served) -> list[str]:
    return [str(it.name) for it in azure.apps().container_apps_revisions.list_revisions(GROUP, APP)]


def test_a_system_identity_by_patch_makes_no_revision(azure: Served, version: dict[str, Any]) -> None:
    apps = azure.apps(**version).container_apps
    before = apps.get(GROUP, APP)
    patch = ContainerApp(location=LOCATION, identity=ManagedServiceIdentity(type="SystemAssigned"))
    written = apps.begin_update(GROUP, APP, patch).result()
    read = apps.get(GROUP, APP)
    assert written.as_dict() == read.as_dict()
    assert read.identity is not None and read.identity.type == "SystemAssigned"
    assert read.identity.principal_id and read.identity.tenant_id
    assert read.properties == before.properties
    assert revisions(azure) == [FIRST_REVISION]
    shown = azure.identities().system_assigned_identities.get_by_scope(APP_ID)
    assert shown.principal_id == read.identity.principal_id and shown.client_id
    # Written again it stays the same identity.
    again = apps.begin_update(GROUP, APP, patch).result()
    assert again.identity == read.identity


def test_a_system_identity_by_read_modify_write(azure: Served, version: dict[str, Any]) -> None:
    apps = azure.apps(**version).container_apps
    # An app with a secret of its own: a PUT must send its value, which GET does not tell.
    app = apps.get(GROUP, APP)
    assert app.properties is not None and app.properties.configuration is not None
    app.properties.configuration.secrets = [Secret(name="own", value="s3cret")]
    app = apps.begin_create_or_update(GROUP, APP, app).result()
    assert app.properties is not None and app.properties.configuration is not None
    assert app.properties.configuration.secrets == [Secret(name="own")]

    app.identity = ManagedServiceIdentity(type="SystemAssigned")
    with pytest.raises(HttpResponseError) as refused:
        apps.begin_create_or_update(GROUP, APP, app)
    assert refused.value.error is not None
    assert refused.value.error.code == "ContainerAppSecretInvalid"

    secrets = apps.list_secrets(GROUP, APP).value
    app.properties.configuration.secrets = [Secret(name=it.name, value=it.value) for it in secrets]
    written = apps.begin_create_or_update(GROUP, APP, app).result()
    assert written.identity is not None and written.identity.principal_id
    assert written.properties is not None
    assert written.properties.template == app.properties.template
    assert revisions(azure) == [FIRST_REVISION]
    assert apps.list_secrets(GROUP, APP).value[0].value == "s3cret"


def test_a_user_assigned_identity_is_made_assigned_and_named(azure: Served, version: dict[str, Any]) -> None:
    identities = azure.identities().user_assigned_identities
    made = identities.create_or_update(GROUP, "id-own", Identity(location=LOCATION))
    assert made.id and made.principal_id and made.client_id
    assert identities.get(GROUP, "id-own").as_dict() == made.as_dict()
    assert {it.name for it in identities.list_by_resource_group(GROUP)} == {"id-demo", "id-own"}

    apps = azure.apps(**version).container_apps
    app = apps.get(GROUP, APP)
    assert app.properties is not None and app.properties.template is not None
    containers = app.properties.template.containers
    assert containers is not None and containers[0].env is not None
    containers[0].env.append(EnvironmentVar(name="AZURE_CLIENT_ID", value=made.client_id))
    patch = ContainerApp(
        location=LOCATION,
        identity=ManagedServiceIdentity(
            type="UserAssigned", user_assigned_identities={made.id: UserAssignedIdentity()}
        ),
        properties=ContainerAppProperties(template=Template(containers=containers)),
    )
    read = apps.begin_update(GROUP, APP, patch).result()
    assert read.identity is not None and read.identity.user_assigned_identities is not None
    assert read.identity.type == "UserAssigned"
    [(identity, entry)] = read.identity.user_assigned_identities.items()
    assert identity == made.id
    assert (entry.principal_id, entry.client_id) == (made.principal_id, made.client_id)
    assert read.properties is not None and read.properties.template is not None
    kept = read.properties.template.containers
    assert kept is not None and kept[0].env is not None
    assert {it.name: it.value for it in kept[0].env} == {
        "LOG_LEVEL": "info",
        "AZURE_CLIENT_ID": made.client_id,
    }
    assert len(revisions(azure)) == 2

    # An identity is deleted with whatever uses it left as it is.
    identities.delete(GROUP, "id-own")
    assert [it.name for it in identities.list_by_subscription()] == ["id-demo"]


def test_a_role_for_the_identity(azure: Served) -> None:
    principal = identified(azure)
    assignments = azure.roles().role_assignments
    wanted = RoleAssignmentCreateParameters(
        role_definition_id=role_id(azure, "Key Vault Secrets User"),
        principal_id=principal,
        principal_type="ServicePrincipal",
        description="reads secrets",
    )
    made = assignments.create(VAULT_ID, FIRST_NAME, wanted)
    assert (made.scope, made.principal_id, made.principal_type, made.description) == (
        VAULT_ID,
        principal,
        "ServicePrincipal",
        "reads secrets",
    )
    assert assignments.get(VAULT_ID, FIRST_NAME) == made
    assert made.id is not None and assignments.get_by_id(made.id) == made
    query = f"principalId eq '{principal}'"
    assert list(assignments.list_for_scope(VAULT_ID, filter=query)) == [made]
    assert list(assignments.list_for_subscription(filter=query)) == [made]

    # The same triple under another name.
    with pytest.raises(ResourceExistsError) as exists:
        assignments.create(VAULT_ID, OTHER_NAME, wanted)
    assert exists.value.error is not None and exists.value.error.code == "RoleAssignmentExists"
    assert FIRST_NAME.replace("-", "") in str(exists.value.error.message)
    # The same name for another principal.
    other = azure.identities().user_assigned_identities.get(GROUP, "id-demo")
    wanted.principal_id = str(other.principal_id)
    with pytest.raises(HttpResponseError) as fixed:
        assignments.create(VAULT_ID, FIRST_NAME, wanted)
    assert fixed.value.error is not None
    assert fixed.value.error.code == "RoleAssignmentUpdateNotPermitted"

    assert assignments.delete(VAULT_ID, FIRST_NAME) is not None
    assert assignments.delete(VAULT_ID, FIRST_NAME) is None
    assert list(assignments.list_for_scope(VAULT_ID, filter=query)) == []


def test_a_principal_that_is_not_there(azure: Served) -> None:
    wanted = RoleAssignmentCreateParameters(
        role_definition_id=role_id(azure, "Key Vault Secrets User"),
        principal_id="b0000000-0000-4000-8000-000000000000",
    )
    with pytest.raises(HttpResponseError) as refused:
        azure.roles().role_assignments.create(VAULT_ID, FIRST_NAME, wanted)
    assert refused.value.error is not None and refused.value.error.code == "PrincipalNotFound"
