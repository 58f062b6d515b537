"""The app before its boundary, `Connection`; and of the driver what can be tried without a server.

Behind the boundary stands SQLite, so that the statements are run and not only compared; they are in the part
of SQL that both have, and `dbo` is an attached database. What that hides: T-SQL itself, the login, the roles,
and the driver's pool. The driver is real where it is asked to connect to a port where nobody listens, and
where it says how a token is packed; its errors are made by its own table.
"""

import socket
import sqlite3
import struct
import time
from collections.abc import Iterator
from typing import Any

import app as sample
import mssql_python
import pytest
from app import Connection, Problem, connection_string, create_app, explain, packed, scope
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from flask.testing import FlaskClient
from mssql_python.auth import AADAuth
from mssql_python.exceptions import sqlstate_to_exception


class Database:
    """A database in memory; each connection is one of it, and ends with what it did not commit."""

    def __init__(self) -> None:
        self.path = f"file:{id(self)}?mode=memory&cache=shared"
        self.kept = sqlite3.connect(self.path, uri=True)
        self.kept.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        self.open = 0

    def connect(self, credential: TokenCredential) -> Connection:
        return Opened(self)


class Opened:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.sqlite = sqlite3.connect(":memory:")
        self.sqlite.execute("ATTACH ? AS dbo", [database.path])
        self.sqlite.create_function("USER_NAME", 0, lambda: "my-app")
        self.sqlite.create_function("DB_NAME", 0, lambda: "appdb")
        database.open += 1

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        try:
            return self.sqlite.execute(statement, parameters)
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            raise raised("42S02", "[Microsoft][SQL Server]Invalid object name 'dbo.notes'.") from error

    def commit(self) -> None:
        self.sqlite.commit()

    def close(self) -> None:
        self.sqlite.close()
        self.database.open -= 1


def raised(state: str, said: str) -> mssql_python.Error:
    """The error that the driver makes of an SQLSTATE."""
    error = sqlstate_to_exception(state, said)
    assert isinstance(error, mssql_python.Error)
    return error


class Identity:
    """Stands in for DefaultAzureCredential."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes.extend(scopes)
        return AccessToken("a-token", int(time.time()) + 3600)


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    assert made.open == 0, "a connection was not closed"
    made.kept.close()


@pytest.fixture
def client(database: Database) -> FlaskClient:
    return create_app(database.connect).test_client()


def error(answer: Any) -> str:
    return str(answer.get_json()["error"])


def test_notes_are_written_and_read(client: FlaskClient) -> None:
    assert client.post("/notes", json={"body": "first"}).get_json() == {"notes": 1}
    assert client.post("/notes", json={"body": "zweite ✓"}).get_json() == {"notes": 2}
    assert client.get("/notes").get_json() == {
        "notes": [{"id": 2, "body": "zweite ✓"}, {"id": 1, "body": "first"}]
    }


def test_a_note_is_a_parameter_and_no_part_of_the_statement(client: FlaskClient) -> None:
    text = "'); DROP TABLE dbo.notes; --"
    client.post("/notes", json={"body": text})
    assert client.get("/notes").get_json()["notes"][0]["body"] == text


def test_it_says_as_whom(client: FlaskClient) -> None:
    assert client.get("/").get_json() == {"user": "my-app", "database": "appdb"}


@pytest.mark.parametrize(
    "body", [None, [], {}, {"body": ""}, {"body": 1}, {"body": "x" * 401}, {"body": "😀" * 201}]
)
def test_what_is_no_note_is_refused(client: FlaskClient, body: Any) -> None:
    assert client.post("/notes", json=body).status_code == 400
    assert client.get("/notes").get_json() == {"notes": []}


def test_without_the_table_the_file_that_makes_it_is_named(database: Database) -> None:
    database.kept.execute("DROP TABLE notes")
    client = create_app(database.connect).test_client()
    for answer in [client.get("/notes"), client.post("/notes", json={"body": "a"})]:
        assert answer.status_code == 502 and "schema.sql" in error(answer)


def test_the_token_is_packed_byte_for_byte() -> None:
    # msodbcsql.h, ACCESSTOKEN: a DWORD with the size in bytes, then the token with a zero after each byte.
    assert packed("ab.C") == b"\x08\x00\x00\x00a\x00b\x00.\x00C\x00"
    assert packed("") == b"\x00\x00\x00\x00"
    long = "e" * 2000
    assert struct.unpack_from("<I", packed(long)) == (4000,) and len(packed(long)) == 4004
    # And as Microsoft's own driver packs it when it gets the token itself.
    for token in ["ab.C", long]:
        assert packed(token) == AADAuth.get_token_struct(token)


def test_a_token_is_for_the_cloud_of_the_server() -> None:
    assert scope("sql-demo.database.windows.net") == "https://database.windows.net/.default"
    assert scope("sql-demo.database.usgovcloudapi.net") == "https://database.usgovcloudapi.net/.default"
    assert scope("sql-demo.database.chinacloudapi.cn") == "https://database.chinacloudapi.cn/.default"
    for server in ["sql-demo", "", "127.0.0.1", "database.windows.net"]:
        with pytest.raises(Problem, match="no full host name"):
            scope(server)


def test_a_name_adds_no_key_to_the_connection_string() -> None:
    text = connection_string("s.database.windows.net", "a};Encrypt=no;x={")
    assert text == (
        "Server={tcp:s.database.windows.net,1433};Database={a}};Encrypt=no;x={};"
        "Encrypt=yes;TrustServerCertificate=no"
    )


def test_the_real_driver_gets_the_token_and_an_encrypted_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def connect(text: str, **options: Any) -> Any:
        seen.append((text, options))
        raise raised("08001", "secret")

    monkeypatch.setattr(mssql_python, "connect", connect)
    monkeypatch.setenv("SQL_SERVER", "sql-demo.database.windows.net")
    monkeypatch.setenv("SQL_DATABASE", "appdb")
    identity = Identity()
    with pytest.raises(mssql_python.OperationalError):
        sample.connect(identity)
    assert identity.scopes == ["https://database.windows.net/.default"]
    [(text, options)] = seen
    assert "Server={tcp:sql-demo.database.windows.net,1433};Database={appdb}" in text
    assert "Encrypt=yes;TrustServerCertificate=no" in text
    assert options["attrs_before"] == {1256: packed("a-token")}


def test_the_real_driver_takes_what_it_is_given_and_finds_nobody() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    # The words of the string are the driver's own: an unknown one would be another error.
    text = connection_string("127.0.0.1", "a};b").replace(",1433", f",{port}")
    with pytest.raises(mssql_python.OperationalError) as failed:
        mssql_python.connect(text, attrs_before={1256: packed("a-token")}, timeout=2)
    told = explain(failed.value)
    assert (told.status, str(told)) == (
        503,
        "the server did not answer (Client unable to establish connection)",
    )


@pytest.mark.parametrize("name", ["SQL_SERVER", "SQL_DATABASE"])
def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SQL_SERVER", "sql-demo.database.windows.net")
    monkeypatch.setenv("SQL_DATABASE", "appdb")
    monkeypatch.delenv(name)
    client = create_app().test_client()
    answer = client.get("/")
    assert (answer.status_code, error(answer)) == (500, f"{name} is not set; the recipe `azure-sql` sets it")
    assert client.get("/healthz").get_json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (
            raised(
                "28000", "[Microsoft][SQL Server]Login failed for user '<token-identified principal>'. secret"
            ),
            502,
            "has no user for the identity",
        ),
        (
            raised(
                "42000", "Client with IP address '203.0.113.9' is not allowed to access the server. secret"
            ),
            502,
            "firewall",
        ),
        (
            raised("42000", "The INSERT permission was denied on the object. secret"),
            502,
            "roles in the database",
        ),
        (raised("42S02", "Invalid object name 'dbo.notes'. secret"), 502, "schema.sql"),
        (raised("08S01", "secret"), 503, "did not answer (Communication link failure)"),
        (raised("HYT00", "secret"), 503, "did not answer (Timeout expired)"),
        (raised("22003", "secret"), 502, "the database refused (Numeric value out of range)"),
        (ClientAuthenticationError("secret"), 500, "no managed identity"),
    ],
)
def test_refusals_are_explained_without_what_the_server_said(
    error: Exception, status: int, words: str
) -> None:
    def connect(credential: TokenCredential) -> Connection:
        raise error

    answer = create_app(connect).test_client().get("/notes")
    assert answer.status_code == status and words in answer.get_json()["error"]
    assert "secret" not in answer.text and "203.0.113.9" not in answer.text
