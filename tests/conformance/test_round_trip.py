"""What Microsoft's clients wrote, acarecipe finds in place; what acarecipe wrote, they read back."""

import json
import subprocess
from typing import Any

from azure.mgmt.appcontainers.models import (
    Container,
    ContainerApp,
    EnvironmentVar,
    RegistryCredentials,
    Secret,
    Template,
)
from azure.mgmt.msi.models import Identity

from served import (
    APP,
    GROUP,
    HANG,
    LOCATION,
    SUBSCRIPTION,
    VAULT,
    VAULT_ID,
    Served,
    binary,
    environment,
)
from steps import grant, identified, role_id
from test_container_registry import REGISTRY_ID, SERVER, run
from test_key_vault_reference import URL, reference

REFERENCE = ["key-vault-reference", "-p", "secrets.DB_PASSWORD=db-password"]


def acarecipe(azure: Served, command: str, *arguments: str) -> dict[str, Any]:
    """Runs acarecipe against the sandbox as it would against another Azure; its report."""
    assert azure.ca is not None
    done = subprocess.run(
        [binary(), command, *arguments, "--arm-endpoint", azure.endpoint, "-o", "json"],
        check=False,
        capture_output=True,
        timeout=HANG,
        cwd=azure.folder,
        env=environment(
            azure.folder,
            SSL_CERT_FILE=azure.ca,
            ACARECIPE_AUTH="token",
            ACARECIPE_ACCESS_TOKEN="sandbox-owner",
            AZURE_SUBSCRIPTION_ID=SUBSCRIPTION,
            RG=GROUP,
            APP_NAME=APP,
            KEY_VAULT_NAME=VAULT,
            ACR_NAME="acrdemo",
        ),
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, report["status"]) == (0, "ok"), (report, done.stderr)
    assert report["sandbox"] is False
    return report


def in_place(azure: Served, *arguments: str, warnings: int = 0, unexercised: int = 0) -> None:
    """acarecipe has nothing to write, and every check passes, but for so many that warn or that nothing used."""
    plan = acarecipe(azure, "plan", *arguments, "--exit-code")
    assert plan["plan"]["empty"] is True
    # What nothing has used yet is a failure where --strict asks for certainty.
    strict = [] if unexercised else ["--strict"]
    report = acarecipe(azure, "verify", *arguments, *strict)
    assert report["counts"]["writes"] == 0
    statuses = [check["status"] for check in report["verification"]]
    assert statuses.count("warning") == warnings
    assert statuses.count("not-exercised") == unexercised
    assert statuses.count("passed") == len(statuses) - warnings - unexercised > 0


def test_an_identity_that_the_sdk_gave(azure: Served) -> None:
    identified(azure)
    in_place(azure, "managed-identity")


def test_an_identity_and_a_role_that_the_sdk_made(azure: Served) -> None:
    made = azure.identities().user_assigned_identities.create_or_update(
        GROUP, "id-own", Identity(location=LOCATION)
    )
    apps = azure.apps().container_apps
    app = apps.get(GROUP, APP)
    assert app.properties is not None and app.properties.template is not None
    containers = app.properties.template.containers
    assert containers is not None and containers[0].env is not None
    containers[0].env.append(EnvironmentVar(name="AZURE_CLIENT_ID", value=made.client_id))
    apps.begin_update(
        GROUP,
        APP,
        ContainerApp(
            {
                "identity": {"type": "UserAssigned", "userAssignedIdentities": {made.id: {}}},
                "properties": {"template": {"containers": containers}},
            }
        ),
    ).result()
    grant(azure, "Key Vault Secrets User", VAULT_ID, str(made.principal_id))
    role = json.dumps([{"role": "Key Vault Secrets User", "scope": VAULT_ID}])
    in_place(azure, "managed-identity", "-p", "identity=id-own", "-p", f"roles={role}")


def test_a_reference_that_the_sdk_wrote(azure: Served) -> None:
    grant(azure, "Key Vault Secrets User", VAULT_ID, identified(azure))
    apps = azure.apps().container_apps
    apps.begin_update(GROUP, APP, reference(apps.get(GROUP, APP))).result()
    in_place(azure, *REFERENCE)


def test_a_reference_that_acarecipe_wrote(azure: Served) -> None:
    # Something of others in every place that the run writes to.
    client = azure.apps()
    apps = client.container_apps
    apps.begin_update(
        GROUP,
        APP,
        ContainerApp(
            {
                "tags": {"team": "blue"},
                "properties": {"configuration": {"secrets": [{"name": "own", "value": "s3cret"}]}},
            }
        ),
    ).result()
    before = apps.get(GROUP, APP)
    report = acarecipe(azure, "apply", *REFERENCE, "--yes", "--role-wait", "0s")
    assert report["counts"]["revisions"] == 1

    app = apps.get(GROUP, APP)
    assert app.tags == before.tags
    assert app.identity is not None and app.identity.type == "SystemAssigned"
    assert app.properties is not None and app.properties.configuration is not None
    assert app.properties.configuration.secrets == [
        Secret(name="own"),
        Secret(name="db-password", key_vault_url=URL, identity="system"),
    ]
    assert before.properties is not None and before.properties.configuration is not None
    assert app.properties.configuration.ingress == before.properties.configuration.ingress
    assert {it.name: it.value for it in apps.list_secrets(GROUP, APP).value} == {
        "own": "s3cret",
        "db-password": "sandbox-db-password-2",
    }
    assert app.properties.template is not None and app.properties.template.containers is not None
    assert app.properties.template.containers[0].env == [
        EnvironmentVar(name="LOG_LEVEL", value="info"),
        EnvironmentVar(name="DB_PASSWORD", secret_ref="db-password"),
    ]
    roles = azure.roles()
    [assignment] = roles.role_assignments.list_for_scope(
        VAULT_ID, filter=f"principalId eq '{app.identity.principal_id}'"
    )
    role = role_id(azure, "Key Vault Secrets User")
    assert (assignment.role_definition_id, assignment.principal_type) == (role, "ServicePrincipal")
    revision = client.container_apps_revisions.get_revision(
        GROUP, APP, str(app.properties.latest_revision_name)
    ).properties
    assert revision is not None
    assert (revision.health_state, revision.traffic_weight) == ("Healthy", 100)


def test_a_pull_that_the_sdk_arranged(azure: Served) -> None:
    grant(azure, "AcrPull", REGISTRY_ID, identified(azure))
    azure.apps().container_apps.begin_update(GROUP, APP, run("python-demo:2.0")).result()
    # It pulls, but no image is asked for, so nobody can say what it was pulled with.
    in_place(azure, "container-registry", unexercised=1)
    # By tag, of which it warns: behind an endpoint that is not Azure's no registry is asked for a digest.
    in_place(azure, "container-registry", "-p", "image=python-demo:2.0", warnings=1)


def test_a_pull_that_acarecipe_arranged(azure: Served) -> None:
    apps = azure.apps().container_apps
    before = apps.get(GROUP, APP).properties
    report = acarecipe(azure, "apply", "container-registry", "--yes", "--role-wait", "0s")
    assert report["counts"]["revisions"] == 0
    app = apps.get(GROUP, APP)
    assert app.identity is not None and app.identity.principal_id
    assert app.properties is not None and app.properties.configuration is not None
    assert before is not None and app.properties.template == before.template
    assert app.properties.configuration.registries == [
        RegistryCredentials(server=SERVER, identity="system", username="", password_secret_ref="")
    ]
    [assignment] = azure.roles().role_assignments.list_for_scope(
        REGISTRY_ID, filter=f"principalId eq '{app.identity.principal_id}'"
    )
    assert assignment.role_definition_id == role_id(azure, "AcrPull")
    # With it the image can be changed by whoever deploys.
    image = Template(containers=[Container(name=APP, image=f"{SERVER}/python-demo:1.0")])
    apps.begin_update(GROUP, APP, ContainerApp({"properties": {"template": image}})).result()
    in_place(azure, "container-registry", unexercised=1)
