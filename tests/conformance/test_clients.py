"""How Microsoft's clients behave: polling, paging, errors, throttling, versions, callers."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.mgmt.appcontainers import ContainerAppsAPIClient
from azure.mgmt.appcontainers.models import (
    Configuration,
    Container,
    ContainerApp,
    ContainerAppProperties,
    Template,
)
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.msi.models import Identity

from served import (
    APP,
    APP_ID,
    ENVIRONMENT_ID,
    FIRST_REVISION,
    GROUP,
    GROUP_ID,
    IMAGE,
    LOCATION,
    VAULT,
    Served,
)

TAGS = ContainerApp({"tags": {"team": "blue"}})


def new_app() -> ContainerApp:
    return ContainerApp(
        location=LOCATION,
        properties=ContainerAppProperties(
            environment_id=ENVIRONMENT_ID,
            configuration=Configuration(active_revisions_mode="Single"),
            template=Template(containers=[Container(name="web", image=IMAGE)]),
        ),
    )


READER_ROLE = "acdd72a7-3385-48ef-bd42-f606fba81ae7"

STATUSES = "containerappOperationStatuses"
RESULTS = "containerappOperationResults"


# A write takes a second; the client asks every 200 ms, as it is told to.
SLOW = ("--operation-delay=1s", "--retry-after-ms=200")


def polls(azure: Served) -> list[str]:
    """Which kind of operation URL was asked, in order."""
    paths = [exchange["path"] for exchange in azure.exchanges() if exchange["method"] == "GET"]
    return [kind for path in paths for kind in (STATUSES, RESULTS) if f"/{kind}/" in path]


def refused(call: Callable[[], Any]) -> tuple[int | None, str | None]:
    """Status and code of the refusal that `call` meets."""
    with pytest.raises(HttpResponseError) as caught:
        call()
    assert caught.value.error is not None, caught.value
    return caught.value.status_code, caught.value.error.code


@pytest.mark.parametrize(
    ("flips", "asked"),
    [
        ([], RESULTS),
        (["patch-location-only"], STATUSES),
        (["patch-answer-empty"], RESULTS),
        (["patch-answer-empty", "patch-location-only"], STATUSES),
        (["unset-left-out"], RESULTS),
    ],
)
def test_a_patch_is_polled_to_its_end(serve: Callable[..., Served], flips: list[str], asked: str) -> None:
    azure = serve(*SLOW, *(f"--flip={name}" for name in flips))
    poller = azure.apps().container_apps.begin_update(GROUP, APP, TAGS)
    app = poller.result()
    assert poller.status() == "Succeeded"
    assert app.tags == {"team": "blue"}
    assert app.properties is not None and app.properties.provisioning_state == "Succeeded"
    assert polls(azure).count(asked) > 1


def test_an_app_is_made_stopped_started_and_deleted(serve: Callable[..., Served]) -> None:
    azure = serve(*SLOW)
    apps = azure.apps().container_apps
    made = apps.begin_create_or_update(GROUP, "ca-second", new_app()).result()
    assert set(polls(azure)) == {STATUSES}
    assert made.name == "ca-second" and made.properties is not None
    assert made.properties.provisioning_state == "Succeeded"
    assert made.properties.latest_ready_revision_name == made.properties.latest_revision_name
    stopped = apps.begin_stop(GROUP, "ca-second").result()
    assert stopped.properties is not None and stopped.properties.running_status == "Stopped"
    started = apps.begin_start(GROUP, "ca-second").result()
    assert started.properties is not None and started.properties.running_status == "Running"
    apps.begin_delete(GROUP, "ca-second").result()
    with pytest.raises(ResourceNotFoundError):
        apps.get(GROUP, "ca-second")
    # Deleting what is not there is done already.
    apps.begin_delete(GROUP, "ca-second").result()


def test_a_write_that_changes_nothing_needs_no_polling(azure: Served) -> None:
    apps = azure.apps().container_apps
    app = apps.get(GROUP, APP)
    poller = apps.begin_create_or_update(GROUP, APP, app)
    assert poller.result().system_data == app.system_data
    assert polls(azure) == []


@pytest.mark.parametrize("flips", [[], ["patch-location-only"]])
def test_a_failed_operation_tells_why(serve: Callable[..., Served], flips: list[str]) -> None:
    azure = serve(
        "--fault=match=*:/containerApps/ operation-fails times=2", *(f"--flip={name}" for name in flips)
    )
    apps = azure.apps().container_apps
    for begin, body in ((apps.begin_update, TAGS), (apps.begin_create_or_update, new_app())):
        with pytest.raises(HttpResponseError) as failed:
            begin(GROUP, APP, body).result()
        assert failed.value.error is not None
        assert failed.value.error.code == "ContainerAppOperationError"
        assert "Operation expired" in str(failed.value.error.message)


def test_an_operation_goes_on_in_another_client(serve: Callable[..., Served]) -> None:
    azure = serve(*SLOW)
    poller = azure.apps().container_apps.begin_update(GROUP, APP, TAGS)
    token = poller.continuation_token()
    other = azure.apps().container_apps.begin_update(GROUP, APP, TAGS, continuation_token=token)
    assert other.result().tags == {"team": "blue"}
    patches = [exchange for exchange in azure.exchanges() if exchange["method"] == "PATCH"]
    assert len(patches) == 1


def test_lists_come_in_pages(azure: Served) -> None:
    apps = azure.apps()
    apps.container_apps.begin_create_or_update(GROUP, "ca-second", new_app()).result()
    azure.edit(page_size=1)
    before = len(azure.exchanges())
    assert [it.name for it in apps.container_apps.list_by_resource_group(GROUP)] == [APP, "ca-second"]
    assert len(azure.exchanges()) == before + 2
    pages = list(apps.container_apps.list_by_subscription().by_page())
    assert [[it.name for it in page] for page in pages] == [[APP], ["ca-second"]]
    assert [it.name for it in azure.vaults().vaults.list_by_resource_group(GROUP)] == [
        "kv-demo",
        "kv-policies",
    ]
    owners = azure.roles().role_assignments.list_for_scope(GROUP_ID, filter="atScope()")
    assert len(list(owners)) == 4
    names = [it.role_name for it in azure.roles().role_definitions.list(GROUP_ID)]
    assert len(names) == len(set(names)) > 5
    azure.identities().user_assigned_identities.create_or_update(GROUP, "id-own", Identity(location=LOCATION))
    identities = azure.identities().user_assigned_identities.list_by_subscription()
    assert [it.name for it in identities] == ["id-demo", "id-own"]
    environments = apps.managed_environments.list_by_resource_group(GROUP)
    assert [it.id for it in environments] == [ENVIRONMENT_ID]


def test_throttling_is_waited_out(serve: Callable[..., Served]) -> None:
    azure = serve("--fault=match=PATCH:/containerApps/ status=429 retry-after=1 times=2")
    start = time.monotonic()
    app = azure.apps().container_apps.begin_update(GROUP, APP, TAGS).result()
    assert app.tags == {"team": "blue"}
    assert time.monotonic() - start >= 2
    patches = [exchange["status"] for exchange in azure.exchanges() if exchange["method"] == "PATCH"]
    assert patches == [429, 429, 202]


def test_a_provider_is_registered_by_the_client_itself(
    azure: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client waits 10 s before it asks whether the registration is done.
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    providers = azure.control("GET", "state")["providers"]
    azure.edit(providers=providers | {"Microsoft.ManagedIdentity": "NotRegistered"})

    def make(caller: str) -> Any:
        return azure.identities(caller).user_assigned_identities.create_or_update(
            GROUP, "id-own", Identity(location=LOCATION)
        )

    # Registering is for the subscription, which the owner of a group is not.
    assert refused(lambda: make("group-scoped")) == (409, "MissingSubscriptionRegistration")
    assert make("contributor").name == "id-own"
    assert azure.control("GET", "state")["providers"]["Microsoft.ManagedIdentity"] == "Registered"


def patch(properties: dict[str, Any]) -> Callable[[ContainerAppsAPIClient], Any]:
    return lambda client: client.container_apps.begin_update(
        GROUP, APP, ContainerApp({"properties": properties})
    )


@pytest.mark.parametrize(
    ("call", "kind", "code"),
    [
        (lambda it: it.container_apps.get(GROUP, "nope"), ResourceNotFoundError, "ResourceNotFound"),
        (lambda it: it.container_apps.get("rg-nope", APP), ResourceNotFoundError, "ResourceGroupNotFound"),
        (lambda it: it.container_apps_revisions.get_revision(GROUP, APP, "x"), ResourceNotFoundError, "ResourceNotFound"),
        (lambda it: it.container_apps.begin_create_or_update(GROUP, APP, ContainerApp(location="northeurope")), ResourceExistsError, "InvalidResourceLocation"),
        (lambda it: it.container_apps.begin_update(GROUP, APP, ContainerApp({"colour": "red"})), HttpResponseError, "ContainerAppInvalidSchema"),
        (patch({"template": {"containers": [{"name": "web"}]}}), HttpResponseError, "InvalidParameterValueInContainerTemplate"),
        (patch({"configuration": {"secrets": [{"name": "own"}]}}), HttpResponseError, "ContainerAppSecretInvalid"),
        (patch({"configuration": {"secrets": [{"name": "x", "keyVaultUrl": "https://elsewhere.example/s", "identity": "system"}]}}), HttpResponseError, "ContainerAppSecretKeyVaultUrlInvalid"),
        (patch({"template": {"containers": [{"name": APP, "image": IMAGE, "env": [{"name": "A", "secretRef": "none"}]}]}}), HttpResponseError, "ContainerAppSecretRefNotFound"),
        (lambda it: it.dapr_components.get(GROUP, "cae-demo", "x"), ResourceNotFoundError, "DaprComponentNotFound"),
    ],
)  # fmt: skip
def test_refusals_have_azures_codes(
    azure: Served, call: Callable[[ContainerAppsAPIClient], Any], kind: type[HttpResponseError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        call(azure.apps())
    assert caught.value.error is not None, caught.value
    assert caught.value.error.code == code
    assert caught.value.error.message
    assert [it.name for it in azure.apps().container_apps_revisions.list_revisions(GROUP, APP)] == [
        FIRST_REVISION
    ]


def test_one_operation_at_a_time(serve: Callable[..., Served]) -> None:
    azure = serve("--operation-delay", "1h")
    apps = azure.apps().container_apps
    apps.begin_update(GROUP, APP, TAGS, polling=False)
    for second in (
        lambda: apps.begin_update(GROUP, APP, TAGS),
        lambda: apps.begin_delete(GROUP, APP),
        lambda: apps.begin_stop(GROUP, APP),
    ):
        assert refused(second) == (409, "ContainerAppOperationInProgress")


def test_versions_that_are_not_there(azure: Served) -> None:
    apps = azure.apps(api_version="2022-03-01").container_apps
    assert refused(lambda: apps.get(GROUP, APP)) == (400, "NoRegisteredProviderFound")
    vaults = azure.vaults(api_version="2015-06-01").vaults
    assert refused(lambda: vaults.get(GROUP, VAULT)) == (400, "NoRegisteredProviderFound")
    roles = azure.roles(api_version="2015-07-01").role_assignments
    assert refused(lambda: roles.get(APP_ID, "x")) == (400, "InvalidApiVersionParameter")


def test_a_token_that_nobody_has(azure: Served) -> None:
    with pytest.raises(ClientAuthenticationError) as caught:
        azure.apps("nobody").container_apps.get(GROUP, APP)
    assert caught.value.error is not None
    assert caught.value.error.code == "InvalidAuthenticationToken"


def test_callers_may_what_their_roles_say(azure: Served) -> None:
    identity = str(azure.identities().user_assigned_identities.get(GROUP, "id-demo").id)
    assign = ContainerApp({"identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}})
    role = RoleAssignmentCreateParameters(
        role_definition_id=f"{GROUP_ID}/providers/Microsoft.Authorization/roleDefinitions/{READER_ROLE}",
        principal_id="33333333-3333-4333-8333-000000000001",
        principal_type="ServicePrincipal",
    )

    def grant(caller: str) -> Any:
        name = "a0000000-0000-4000-8000-000000000009"
        return azure.roles(caller).role_assignments.create(GROUP_ID, name, role)

    reader = azure.apps("reader")
    assert reader.container_apps.get(GROUP, APP).name == APP
    assert [it.name for it in reader.container_apps.list_by_subscription()] == [APP]
    for write in (
        lambda: reader.container_apps.begin_update(GROUP, APP, TAGS),
        lambda: reader.container_apps.begin_delete(GROUP, APP),
        lambda: reader.container_apps.list_secrets(GROUP, APP),
        lambda: reader.container_apps_revisions.restart_revision(GROUP, APP, FIRST_REVISION),
        lambda: grant("reader"),
    ):
        assert refused(write) == (403, "AuthorizationFailed")

    scoped = azure.apps("app-scoped").container_apps
    assert scoped.get(GROUP, APP).name == APP
    assert scoped.begin_update(GROUP, APP, TAGS).result().tags == {"team": "blue"}
    assert refused(lambda: scoped.begin_update(GROUP, APP, assign)) == (403, "LinkedAuthorizationFailed")
    assert refused(lambda: list(scoped.list_by_resource_group(GROUP))) == (403, "AuthorizationFailed")
    assert refused(lambda: azure.vaults("app-scoped").vaults.get(GROUP, VAULT)) == (
        403,
        "AuthorizationFailed",
    )

    assert azure.apps("contributor").container_apps.begin_update(GROUP, APP, assign).result().identity
    assert refused(lambda: grant("contributor")) == (403, "AuthorizationFailed")
    assert grant("group-scoped").scope == GROUP_ID
    subscription = azure.apps("group-scoped").container_apps.list_by_subscription()
    assert refused(lambda: list(subscription)) == (403, "AuthorizationFailed")
