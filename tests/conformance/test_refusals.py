"""What the sandbox refuses, asked with curl: over https with its certificate, and over http."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from served import APP_ID, GROUP_ID, HANG, SUBSCRIPTION_ID, Served

OWNER = "authorization: Bearer sandbox-owner"
READER = "authorization: Bearer sandbox-reader"
JSON = "content-type: application/json"
APP = f"{APP_ID}?api-version=2026-01-01"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


def curl(azure: Served, path: str, *arguments: str, headers: tuple[str, ...] = (OWNER,)) -> Answer:
    """Runs curl as a person would, with the certificate of the sandbox and nothing of the caller's."""
    command = ["curl", "--disable", "--silent", "--show-error", "--noproxy", "*"]
    command += ["--max-time", str(HANG), "--write-out", "\n%{http_code}\n%{header_json}"]
    if azure.ca is not None:
        command += ["--cacert", azure.ca]
    for header in headers:
        command += ["--header", header]
    command += [*arguments, azure.endpoint + path]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANG)
    assert done.returncode == 0, done.stderr
    body, status, shown = done.stdout.split("\n", 2)
    headers_shown = {name: values[-1] for name, values in json.loads(shown).items()}
    return Answer(int(status), headers_shown, json.loads(body) if body else None)


def send(method: str, body: str) -> tuple[str, ...]:
    return ("--request", method, "--header", JSON, "--data", body)


class Refusal(NamedTuple):
    name: str
    path: str
    status: int
    code: str
    arguments: tuple[str, ...] = ()
    headers: tuple[str, ...] = (OWNER,)


REFUSALS = [
    Refusal("no token", APP, 401, "AuthenticationFailed", headers=()),
    Refusal("an unknown token", APP, 401, "InvalidAuthenticationToken", headers=("authorization: Bearer x",)),
    Refusal("another scheme", APP, 401, "InvalidAuthenticationToken", headers=("authorization: Basic eDp5",)),
    Refusal("a foreign host", APP, 421, "SandboxHostRefused", headers=(OWNER, "host: evil.example")),
    Refusal("a web page", APP, 403, "SandboxOriginRefused", headers=(OWNER, "origin: https://evil.example")),
    Refusal("a local web page", APP, 403, "SandboxOriginRefused", headers=(OWNER, "origin: null")),
    Refusal("control without its token", "/_sandbox/state", 403, "SandboxControlRefused"),
    Refusal("no version", APP_ID, 400, "MissingApiVersionParameter"),
    Refusal("a wrong version", f"{APP_ID}?api-version=2020-01-01", 400, "NoRegisteredProviderFound"),
    Refusal(
        "a wrong version of ARM", f"{GROUP_ID}?api-version=2026-01-01", 400, "InvalidApiVersionParameter"
    ),
    Refusal(
        "an unknown provider",
        f"{GROUP_ID}/providers/Contoso.App/gadgets/x?api-version=2026-01-01",
        404,
        "InvalidResourceNamespace",
    ),
    Refusal(
        "an unknown type",
        f"{GROUP_ID}/providers/Microsoft.App/gadgets/x?api-version=2026-01-01",
        404,
        "InvalidResourceType",
    ),
    Refusal(
        "an unknown app",
        f"{GROUP_ID}/providers/Microsoft.App/containerApps/x?api-version=2026-01-01",
        404,
        "ResourceNotFound",
    ),
    Refusal("an unknown group", APP.replace("rg-demo", "rg-x"), 404, "ResourceGroupNotFound"),
    Refusal("an unknown subscription", APP.replace("1111-4111", "2222-4222"), 404, "SubscriptionNotFound"),
    Refusal("an unknown path", "/elsewhere?api-version=2026-01-01", 404, "NotFound"),
    Refusal(
        "a method that is not there",
        f"{APP_ID}/revisions?api-version=2026-01-01",
        405,
        "MethodNotAllowed",
        send("PUT", "{}"),
    ),
    Refusal("no JSON", APP, 400, "InvalidRequestContent", send("PATCH", "{no")),
    Refusal("no object", APP, 400, "InvalidRequestContent", send("PATCH", "[]")),
    Refusal("nothing at all", APP, 400, "InvalidRequestContent", ("--request", "PATCH")),
    Refusal("no location", APP, 400, "LocationRequired", send("PUT", "{}")),
    Refusal("an unknown property", APP, 400, "ContainerAppInvalidSchema", send("PATCH", '{"colour": "red"}')),
    Refusal(
        "a secret without a value",
        APP,
        400,
        "ContainerAppSecretInvalid",
        send("PATCH", '{"properties": {"configuration": {"secrets": [{"name": "own"}]}}}'),
    ),
    Refusal(
        "a reader's write",
        APP,
        403,
        "AuthorizationFailed",
        send("PATCH", '{"tags": {"a": "b"}}'),
        headers=(READER,),
    ),
    Refusal(
        "a reader's look at secrets",
        f"{APP_ID}/listSecrets?api-version=2026-01-01",
        403,
        "AuthorizationFailed",
        ("--request", "POST"),
        headers=(READER,),
    ),
]


@pytest.fixture(scope="module", params=["https", "http"])
def untouched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One sandbox for all refusals: none of them may change anything."""
    served = Served(tmp_path_factory.mktemp("served"), https=request.param == "https")
    before = served.control("GET", "state")["apps"]
    yield served
    after = served.control("GET", "state")["apps"]
    served.close()
    assert after == before


def is_azures(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.body["error"]["code"]) == (status, code), answer
    assert set(answer.body) == {"error"}
    assert set(answer.body["error"]) <= {"code", "message", "target", "details", "innererror"}
    assert answer.body["error"]["message"]
    assert answer.headers["content-type"].startswith("application/json")
    if not code.startswith("Sandbox") and status != 413:
        assert answer.headers["x-ms-request-id"] and answer.headers["x-ms-correlation-request-id"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name.replace(" ", "-"))
def test_a_refusal(untouched: Served, refusal: Refusal) -> None:
    answer = curl(untouched, refusal.path, *refusal.arguments, headers=refusal.headers)
    is_azures(answer, refusal.status, refusal.code)


def test_a_body_that_is_too_large(untouched: Served, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 5_000_000)
    answer = curl(untouched, APP, "--request", "PATCH", "--header", JSON, "--data-binary", f"@{body}")
    is_azures(answer, 413, "RequestContentTooLarge")


def test_a_server_whose_certificate_is_not_known(azure: Served) -> None:
    command = ["curl", "--disable", "--silent", "--noproxy", "*", azure.endpoint + APP]
    # 60: the peer's certificate cannot be verified.
    assert subprocess.run(command, check=False, timeout=HANG, capture_output=True).returncode == 60


@pytest.mark.parametrize("https", [True, False], ids=["https", "http"])
def test_a_write_during_an_operation(serve: Callable[..., Served], https: bool) -> None:
    azure = serve("--operation-delay=1h", https=https)
    patch = send("PATCH", '{"tags": {"a": "b"}}')
    first = curl(azure, APP, *patch)
    assert first.status == 202
    assert first.headers["location"].startswith(azure.endpoint + SUBSCRIPTION_ID)
    is_azures(curl(azure, APP, *patch), 409, "ContainerAppOperationInProgress")
    assert curl(azure, APP).body["properties"]["provisioningState"] == "InProgress"
    followed = curl(azure, first.headers["location"].removeprefix(azure.endpoint))
    assert (followed.status, followed.body) == (202, None)


def test_what_is_right_is_answered(untouched: Served) -> None:
    answer = curl(untouched, f"{SUBSCRIPTION_ID}?api-version=2022-12-01")
    assert (answer.status, answer.body["displayName"]) == (200, "Sandbox")
