"""What several tests do through Microsoft's clients: an identity for the app, a role for that identity."""

import uuid

from azure.mgmt.appcontainers.models import ContainerApp, ManagedServiceIdentity
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters

from served import APP, GROUP, SUBSCRIPTION_ID, Served


def identified(azure: Served) -> str:
    """Gives the app a system identity; its principal."""
    patch = ContainerApp({"identity": ManagedServiceIdentity(type="SystemAssigned")})
    app = azure.apps().container_apps.begin_update(GROUP, APP, patch).result()
    assert app.identity is not None
    return str(app.identity.principal_id)


def role_id(azure: Served, name: str) -> str:
    """The id of the role of that name."""
    [found] = azure.roles().role_definitions.list(SUBSCRIPTION_ID, filter=f"roleName eq '{name}'")
    assert found.role_name == name
    return str(found.id)


def grant(azure: Served, role: str, scope: str, principal: str) -> None:
    """Gives `principal` the role at `scope`."""
    wanted = RoleAssignmentCreateParameters(
        role_definition_id=role_id(azure, role), principal_id=principal, principal_type="ServicePrincipal"
    )
    azure.roles().role_assignments.create(scope, str(uuid.uuid4()), wanted)
