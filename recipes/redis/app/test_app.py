"""The app against a real redis-server with TLS and an ACL user, as Azure has one for an identity.

Run with pytest; needs the command redis-server. What Redis in Azure does beyond that is played by changing
the user's password: the server there takes any valid token of the object id, this one exactly one.
"""

import datetime
import ipaddress
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app as sample
import pytest
import redis
from app import create_app
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient

OBJECT_ID = "22222222-2222-4222-8222-222222222222"
LONG = 3600


class Identity:
    """Stands in for DefaultAzureCredential: `token` is what it gives, for `lifetime` seconds."""

    def __init__(self, token: str = "first-token", lifetime: float = LONG) -> None:
        self.token = token
        self.lifetime = lifetime
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes.extend(scopes)
        return AccessToken(self.token, int(time.time() + self.lifetime))


@dataclass
class Server:
    port: int
    certificate: Path
    admin: "redis.Redis"

    def allow(self, token: str, *rights: str) -> None:
        """The user of the object id has this password and may do these kinds of things."""
        self.admin.acl_setuser(
            OBJECT_ID,
            enabled=True,
            reset=True,
            passwords=f"+{token}",
            keys=["*"],
            categories=rights or ("+@all", "-@dangerous"),
        )

    def calls(self, name: str) -> int:
        """How often a command succeeded so far."""
        told = self.admin.info("commandstats").get(f"cmdstat_{name}", {"calls": 0})
        return int(told["calls"]) - int(told.get("failed_calls", 0))

    def connections(self) -> list[str]:
        """The ids of the user's open connections."""
        return [str(it["id"]) for it in self.admin.client_list() if it["user"] == OBJECT_ID]


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    command = shutil.which("redis-server")
    assert command, "no redis-server (Debian: redis-server)"
    folder = tmp_path_factory.mktemp("redis")
    certificate, key = certify(folder)
    port = free_port()
    arguments = [
        "--port",
        "0",
        "--tls-port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    arguments += ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"]
    arguments += ["--requirepass", "of-the-admin"]
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen([command, *arguments], stdout=out, stderr=out)
    admin = redis.Redis(
        host="127.0.0.1",
        port=port,
        ssl=True,
        ssl_ca_certs=str(certificate),
        password="of-the-admin",
        decode_responses=True,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                admin.ping()
                break
            except redis.ConnectionError:
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield Server(port, certificate, admin)
    finally:
        admin.close()
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


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def server(started: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server without data, its user allowed in with `first-token`, and the variables that name it."""
    started.admin.flushall()
    started.allow("first-token")
    monkeypatch.setenv("REDIS_HOST", "127.0.0.1")
    monkeypatch.setenv("REDIS_PORT", str(started.port))
    monkeypatch.setenv("REDIS_OBJECT_ID", OBJECT_ID)
    monkeypatch.setenv("SSL_CERT_FILE", str(started.certificate))
    return started


@pytest.fixture
def client(server: Server) -> FlaskClient:
    return create_app(Identity()).test_client()


def error(answer: Any) -> str:
    return str(answer.get_json()["error"])


def test_visits_are_counted(client: FlaskClient, server: Server) -> None:
    assert client.get("/visits").get_json() == {"visits": 0}
    assert [client.post("/visits").get_json()["visits"] for _ in range(3)] == [1, 2, 3]
    assert client.get("/visits").get_json() == {"visits": 3}
    assert server.admin.get("visits") == "3"


def test_redis_is_asked_with_a_token_for_redis(server: Server) -> None:
    identity = Identity()
    assert create_app(identity).test_client().get("/visits").status_code == 200
    assert set(identity.scopes) == {"https://redis.azure.com/.default"}


def test_a_user_of_another_name_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_OBJECT_ID", "33333333-3333-4333-8333-333333333333")
    answer = create_app(Identity()).test_client().post("/visits")
    assert answer.status_code == 502 and "Redis refused the identity" in error(answer)
    assert "first-token" not in answer.text


def test_a_token_that_is_not_the_users_is_refused(server: Server) -> None:
    answer = create_app(Identity("of-somebody-else")).test_client().post("/visits")
    assert answer.status_code == 502 and "Redis refused the identity" in error(answer)
    assert "of-somebody-else" not in answer.text


def test_a_policy_that_only_reads_is_told_apart(server: Server) -> None:
    server.allow("first-token", "+@read", "+@connection")
    client = create_app(Identity()).test_client()
    assert client.get("/visits").status_code == 200
    answer = client.post("/visits")
    assert (answer.status_code, error(answer)) == (502, "the identity's access policy does not allow this")


def test_an_open_connection_authenticates_again_before_its_token_expires(server: Server) -> None:
    # A token that is due for renewal a second from now.
    identity = Identity(lifetime=sample.RENEW_BEFORE_SECONDS + 1)
    client = create_app(identity, retry=0.01).test_client()
    assert client.post("/visits").status_code == 200
    before, connections = server.calls("auth"), server.connections()
    assert len(connections) == 1
    # The server goes on with the next token alone. The connection that is open does not notice ...
    server.allow("second-token")
    identity.token, identity.lifetime = "second-token", LONG
    # ... and is authenticated by the renewal, not by a request.
    until(lambda: server.calls("auth") > before)
    assert server.connections() == connections
    assert client.post("/visits").get_json() == {"visits": 2}
    assert server.connections() == connections


def test_the_renewal_is_more_than_three_minutes_early() -> None:
    # And later than azure-identity begins to give a new token, else it would give the old one again.
    assert 180 < sample.RENEW_BEFORE_SECONDS < 300


def test_a_renewal_that_fails_is_tried_again(server: Server) -> None:
    class Stumbling(Identity):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            super().get_token(*scopes)
            # The second and third time there is none.
            if len(self.scopes) in (2, 3):
                raise ClientAuthenticationError("not now")
            return AccessToken(self.token, int(time.time() + self.lifetime))

    identity = Stumbling(lifetime=sample.RENEW_BEFORE_SECONDS)
    client = create_app(identity, retry=0.01).test_client()
    assert client.post("/visits").status_code == 200
    before = server.calls("auth")
    server.allow("second-token")
    identity.token, identity.lifetime = "second-token", LONG
    until(lambda: server.calls("auth") > before)
    assert len(identity.scopes) >= 4


def test_a_connection_that_was_cut_is_opened_with_the_token_of_now(server: Server) -> None:
    identity = Identity()
    client = create_app(identity).test_client()
    assert client.post("/visits").status_code == 200
    server.allow("second-token")
    identity.token = "second-token"
    # What Redis does in Azure when a token has expired.
    for connection in server.connections():
        server.admin.client_kill_filter(_id=connection)
    assert client.post("/visits").get_json() == {"visits": 2}


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, _ = certify(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    before = server.calls("auth")
    answer = create_app(Identity()).test_client().post("/visits")
    assert (answer.status_code, error(answer)) == (503, "Redis did not answer (ConnectionError)")
    assert server.calls("auth") == before


def test_a_certificate_for_another_host_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # It is made for the address, not for this name of it.
    monkeypatch.setenv("REDIS_HOST", "localhost")
    answer = create_app(Identity()).test_client().post("/visits")
    assert (answer.status_code, error(answer)) == (503, "Redis did not answer (ConnectionError)")


def test_without_a_token_the_identity_is_named(server: Server) -> None:
    class Nobody(Identity):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            raise ClientAuthenticationError("secret")

    answer = create_app(Nobody()).test_client().post("/visits")
    assert answer.status_code == 500 and "no managed identity" in error(answer)
    assert "secret" not in answer.text


@pytest.mark.parametrize("name", ["REDIS_HOST", "REDIS_PORT", "REDIS_OBJECT_ID"])
def test_an_unset_variable_is_named(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    answer = client.get("/visits")
    assert (answer.status_code, error(answer)) == (500, f"{name} is not set; the recipe `redis` sets it")
    assert client.get("/healthz").get_json() == {"status": "ok"}
