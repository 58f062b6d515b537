"""What holds for the image of every sample; SAMPLE names the folder of one.

There is no Docker here: the Dockerfile is read, and the command that it ends with is run as it stands, in an
environment that has what the sample pins and with the variables of a container app. Its identity endpoint is
played, so that DefaultAzureCredential itself asks for the token.
"""

import base64
import contextlib
import datetime
import http.client
import ipaddress
import json
import os
import re
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SAMPLE = Path(os.environ["SAMPLE"])
RECIPE = SAMPLE.parent.name
CLIENT_ID = "11111111-1111-4111-8111-111111111111"
PAYLOAD = base64.urlsafe_b64encode(b'{"oid": "the-principal"}').decode().rstrip("=")
TOKEN = f"header.{PAYLOAD}.must-not-be-shown"

# For each sample that signs in: what its recipe sets (PORT: that of a service on this machine which speaks
# TLS and says nothing), a request that needs a token, and the resource that the token is for.
SIGNS_IN: dict[str, tuple[dict[str, str], str, str, str]] = {
    "azure-sql": (
        # Nobody listens at port 1433 of this machine, and every name below localhost is its own.
        {
            "SQL_SERVER": "sql-demo.database.localhost",
            "SQL_DATABASE": "appdb",
            "SQL_LOGIN_SECONDS": "1",
        },
        "GET",
        "/",
        "https://database.localhost",
    ),
    "cosmos-db": (
        {
            "COSMOS_ENDPOINT": "https://127.0.0.1:PORT/",
            "COSMOS_DATABASE": "appdb",
            "COSMOS_CONTAINER": "items",
        },
        "GET",
        "/items/1",
        "https://127.0.0.1",
    ),
    "managed-identity": ({}, "GET", "/", "https://management.azure.com"),
    "redis": (
        {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": "PORT", "REDIS_OBJECT_ID": "object-id"},
        "POST",
        "/visits",
        "https://redis.azure.com",
    ),
    "storage": (
        {"STORAGE_ACCOUNT_URL": "https://127.0.0.1:PORT", "STORAGE_CONTAINER": "app-data"},
        "GET",
        "/files",
        "https://storage.azure.com",
    ),
}


# Samples that serve nothing: their process ends, and their own tests run it to its end.
ENDS = RECIPE == "jobs"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with what follows them."""
    text = (SAMPLE / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined)]


def values(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


def command() -> list[str]:
    parsed = json.loads(values("CMD")[-1])
    assert isinstance(parsed, list)
    return [str(word) for word in parsed]


def test_the_image_has_two_stages_on_a_pinned_base() -> None:
    stages = values("FROM")
    assert len(stages) == 2 and stages[0].endswith(" AS build"), stages
    for stage in stages:
        assert re.fullmatch(r"python:3\.\d+(\.\d+)?-slim-[a-z]+( AS build)?", stage), stage
    assert any(rest.startswith("--from=build ") for rest in values("COPY"))


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    words = [word for word, _ in instructions()]
    assert words.index("USER") > max(at for at, word in enumerate(words) if word in {"FROM", "RUN", "COPY"})
    for user in values("USER"):
        assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), user


def test_the_image_installs_what_is_pinned_and_keeps_no_cache() -> None:
    installs = [rest for rest in values("RUN") if "pip install" in rest]
    assert len(installs) == 1
    for flag in ["--no-cache-dir", "--require-hashes", "--only-binary :all:", "-r requirements.txt"]:
        assert flag in installs[0], flag
    for run in values("RUN"):
        if "apt-get install" in run:
            assert "--no-install-recommends" in run and run.endswith("rm -rf /var/lib/apt/lists/*")


def test_nothing_but_what_is_copied_is_sent_to_the_build() -> None:
    ignore = (SAMPLE / ".dockerignore").read_text().splitlines()
    rules = [line for line in ignore if line and not line.startswith("#")]
    copied = {name for rest in values("COPY") if not rest.startswith("--from=") for name in rest.split()[:-1]}
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules[1:]} == copied
    assert all((SAMPLE / name).is_file() for name in copied)


def test_every_package_is_pinned_with_hashes() -> None:
    wanted = (SAMPLE / "requirements.in").read_text().splitlines()
    names = {line for line in wanted if line and not line.startswith("#")}
    text = (SAMPLE / "requirements.txt").read_text().replace("\\\n", " ")
    pinned = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    for line in pinned:
        assert re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line
    assert names <= {line.partition("==")[0] for line in pinned}


def test_the_recipe_sets_what_the_sample_reads() -> None:
    read = set(re.findall(r'"((?:COSMOS|REDIS|SQL|STORAGE)_[A-Z_]+)"', (SAMPLE / "app.py").read_text()))
    # The sample's own, with a default.
    read -= {"SQL_LOGIN_SECONDS"}
    written = set(re.findall(r"name: ([A-Z_]+)\b", (SAMPLE.parent / "recipe.yaml").read_text()))
    assert read <= written, read - written
    # And the test below gives it nothing else.
    given = set(SIGNS_IN[RECIPE][0]) if RECIPE in SIGNS_IN else set()
    assert given - {"SQL_LOGIN_SECONDS"} == read


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def running(variables: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """The port of the image's own command, run as a container app runs it."""
    port = free_port()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PORT": str(port),
        "HOME": str(tmp_path),
        **variables,
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(command(), cwd=SAMPLE, env=environment, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
        yield port
        server.send_signal(signal.SIGTERM)
        # A container is given 30 seconds to end.
        assert server.wait(timeout=30) == 0, log.read_text()
        assert TOKEN not in log.read_text()
    finally:
        server.kill()
        server.wait()


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.skipif(ENDS, reason="it listens at no port")
def test_it_starts_with_no_variable_set_and_says_that_it_lives(tmp_path: Path) -> None:
    with running({}, tmp_path) as port:
        # The path that the recipe's probes ask for.
        path = "/health" if RECIPE == "custom-container" else "/healthz"
        status, body = ask(port, "GET", path)
        # The health of this one is its mount, and there is none.
        if RECIPE == "bring-your-own-storage":
            assert status == 503 and "not mounted" in json.loads(body)["error"]
        else:
            assert (status, json.loads(body)) == (200, {"status": "ok"})


@pytest.fixture
def identity_endpoint() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """The identity endpoint of a container app, and the queries that it got."""
    asked: list[dict[str, str]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = urllib.parse.urlsplit(self.path).query
            asked.append(dict(urllib.parse.parse_qsl(query)) | {"header": self.headers["X-IDENTITY-HEADER"]})
            token = {
                "access_token": TOKEN,
                "expires_on": str(int(time.time()) + 3600),
                "resource": asked[-1].get("resource"),
                "token_type": "Bearer",
            }
            body = json.dumps(token).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/msi/token", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """The port of a service that ends each connection at its first byte, and the certificate it has."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(addresses, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    both = tmp_path / "both.pem"
    form = serialization.PrivateFormat.PKCS8
    both.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + certificate.read_bytes()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)

    class Silent(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            # Whoever comes without TLS is sent away the same.
            with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as it:
                it.recv(1)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(not ENDS, reason="it serves until it is told to end")
def test_it_ends_with_a_code_and_a_word_when_a_variable_is_missing(tmp_path: Path) -> None:
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    ended = subprocess.run(
        command(), cwd=SAMPLE, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2 and "SERVICEBUS_HOST is not set" in ended.stdout, ended


@pytest.mark.skipif(RECIPE not in SIGNS_IN, reason="signs in to nothing")
@pytest.mark.parametrize("client_id", [CLIENT_ID, None])
def test_it_signs_in_as_the_identity_that_azure_client_id_names(
    client_id: str | None,
    identity_endpoint: tuple[str, list[dict[str, str]]],
    silent: tuple[int, Path],
    tmp_path: Path,
) -> None:
    endpoint, asked = identity_endpoint
    settings, method, path, resource = SIGNS_IN[RECIPE]
    service, certificate = silent
    variables = {name: value.replace("PORT", str(service)) for name, value in settings.items()}
    variables |= {"IDENTITY_ENDPOINT": endpoint, "IDENTITY_HEADER": "from-the-platform"}
    variables |= {"SSL_CERT_FILE": str(certificate), "REQUESTS_CA_BUNDLE": str(certificate)}
    if client_id:
        variables["AZURE_CLIENT_ID"] = client_id
    with running(variables, tmp_path) as port:
        status, body = ask(port, method, path)
        if RECIPE == "managed-identity":
            # It goes nowhere with the token, and says whose it is.
            assert status == 200 and json.loads(body)["principal_id"] == "the-principal", body
        else:
            assert status == 503 and "did not answer" in json.loads(body)["error"], body
        assert TOKEN not in body
    assert asked and asked[0]["header"] == "from-the-platform"
    assert {query["resource"].rstrip("/") for query in asked} == {resource}
    assert {query.get("client_id") for query in asked} == {client_id}
