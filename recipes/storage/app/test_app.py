"""The app against Azurite, Microsoft's emulator of Blob storage, over TLS and with tokens.

Run with pytest; needs the command azurite-blob (npm install azurite), or AZURITE_BLOB with its path.

Azurite with `--oauth basic` demands a bearer token over TLS and looks at the token's issuer, audience and
times. It does not check the signature, and knows no roles: whoever has a token may do everything. So a
missing role is told apart only by what `explain` makes of the account's answer.
"""

import base64
import datetime
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app import create_app, explain
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from azure.storage.blob import ContainerClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient

AUDIENCE = "https://storage.azure.com"


class Identity:
    """Stands in for DefaultAzureCredential: tokens as Entra makes them, but for the signature."""

    def __init__(self, audience: str = AUDIENCE) -> None:
        self.audience = audience
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes.extend(scopes)
        now = int(time.time())
        times = {"iat": now - 60, "nbf": now - 60, "exp": now + 3600}
        issuer = "https://sts.windows.net/00000000-0000-4000-8000-000000000000/"
        parts: list[dict[str, Any]] = [
            {"alg": "RS256", "typ": "JWT"},
            {"aud": self.audience, "iss": issuer, **times},
        ]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return AccessToken(".".join([*encoded, "c2lnbmF0dXJl"]), now + 3600)


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an account with one container, `app-data`; its certificate is trusted meanwhile."""
    azurite = shutil.which(os.environ.get("AZURITE_BLOB", "azurite-blob"))
    assert azurite, "no azurite-blob (npm install azurite), and AZURITE_BLOB names none"
    folder = tmp_path_factory.mktemp("azurite")
    certificate, key = certify(folder)
    port = free_port()
    command = [
        azurite,
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--location",
        str(folder / "data"),
    ]
    command += ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]
    command += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(port, certificate, server, folder / "log")
        address = f"https://127.0.0.1:{port}/devstoreaccount1"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
            with ContainerClient(address, "app-data", Identity()) as container:
                container.create_container()
            yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, valid for an hour, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return files


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(port: int, certificate: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    context = ssl.create_default_context(cafile=certificate)
    deadline = time.monotonic() + 60
    while True:
        try:
            plain = socket.create_connection(("127.0.0.1", port), timeout=5)
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
            return
        except OSError:
            said = log.read_text(errors="replace")
            assert server.poll() is None and time.monotonic() < deadline, f"Azurite does not answer: {said}"
            time.sleep(0.1)


@pytest.fixture
def set_up(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_ACCOUNT_URL", account)
    monkeypatch.setenv("STORAGE_CONTAINER", "app-data")


@pytest.fixture
def client(set_up: None) -> FlaskClient:
    return create_app(Identity()).test_client()


def error(answer: Any) -> str:
    return str(answer.get_json()["error"])


def test_a_file_is_written_read_and_listed(client: FlaskClient) -> None:
    body = bytes(range(256))
    answer = client.put("/files/reports/first.bin", data=body)
    assert answer.get_json() == {"name": "reports/first.bin", "bytes": 256}
    answer = client.get("/files/reports/first.bin")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, body, "application/octet-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "reports/first.bin" in client.get("/files").get_json()["files"]


def test_a_file_is_written_over(client: FlaskClient) -> None:
    client.put("/files/twice", data=b"a longer first text")
    client.put("/files/twice", data=b"second")
    assert client.get("/files/twice").data == b"second"


def test_the_account_is_asked_with_a_token_for_storage(set_up: None) -> None:
    identity = Identity()
    assert create_app(identity).test_client().get("/files").status_code == 200
    assert set(identity.scopes) == {"https://storage.azure.com/.default"}


def test_what_is_not_there_is_told_apart(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = client.get("/files/none")
    assert (answer.status_code, error(answer)) == (404, "there is no such file")
    monkeypatch.setenv("STORAGE_CONTAINER", "no-such-container")
    other = create_app(Identity()).test_client()
    for answer in [other.get("/files"), other.put("/files/a", data=b"a"), other.get("/files/a")]:
        assert (answer.status_code, error(answer)) == (
            502,
            "there is no container `no-such-container` in the account",
        )


def test_a_token_for_something_else_is_refused_and_not_shown(set_up: None) -> None:
    identity = Identity(audience="https://management.azure.com")
    answer = create_app(identity).test_client().put("/files/a", data=b"a")
    assert answer.status_code == 502
    assert "the account refused" in error(answer)
    assert "eyJ" not in answer.text and "Bearer" not in answer.text


@pytest.mark.parametrize("name", ["STORAGE_ACCOUNT_URL", "STORAGE_CONTAINER"])
def test_an_unset_variable_is_named(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    answer = client.get("/files")
    assert (answer.status_code, error(answer)) == (500, f"{name} is not set; the recipe `storage` sets it")
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_too_much_is_refused(client: FlaskClient) -> None:
    assert client.put("/files/large", data=b"x" * 1_000_001).status_code == 413


def refusal(status: int, code: str | None) -> HttpResponseError:
    kind = ClientAuthenticationError if status == 401 else HttpResponseError
    error = kind("says too much: sig=secret")
    error.status_code = status
    error.error_code = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        # What the account answers to an identity without the role, and to any key or token when it is closed.
        (refusal(403, "AuthorizationPermissionMismatch"), 502, "needs Storage Blob Data Contributor"),
        (refusal(403, "AuthorizationFailure"), 502, "(AuthorizationFailure)"),
        (refusal(401, None), 502, "(401)"),
        (refusal(500, "InternalError"), 502, "the account refused (InternalError)"),
        (CredentialUnavailableError("secret"), 500, "no managed identity"),
        (ServiceRequestError("secret"), 503, "did not answer (ServiceRequestError)"),
    ],
)
def test_refusals_are_explained_without_what_the_service_said(error: Any, status: int, words: str) -> None:
    told = explain(error)
    assert told.status == status and words in str(told)
    assert "secret" not in str(told)
