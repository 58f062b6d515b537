"""Keeps notes in a table of an Azure SQL database, signed in as the app's managed identity: no password.

`curl https://APP/` says as whom, `curl --json '{"body": "hello"}' https://APP/notes` writes a note and
`curl https://APP/notes` reads the last ones. The table is made once by an administrator: schema.sql.
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import mssql_python
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

# ODBC's number of the attribute that takes a token (msodbcsql.h).
SQL_COPT_SS_ACCESS_TOKEN = 1256
# How long the driver tries to connect: a serverless database that sleeps takes up to a minute to wake.
LOGIN_SECONDS = int(os.environ.get("SQL_LOGIN_SECONDS", "15"))
MAX_LENGTH = 400


class Problem(Exception):
    """What stands in the way, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Rows(Protocol):
    def fetchall(self) -> Sequence[Iterable[Any]]:
        """All rows of the answer."""


class Connection(Protocol):
    """All that the app wants of a database; as in DB-API 2.0, with `?` for parameters."""

    def execute(self, statement: str, /, *parameters: Any) -> Rows: ...
    def commit(self) -> None: ...
    def close(self) -> None: ...


def setting(name: str) -> str:
    """A variable that the recipe sets on the container."""
    if value := os.environ.get(name):
        return value
    raise Problem(500, f"{name} is not set; the recipe `azure-sql` sets it")


def scope(server: str) -> str:
    """What a token must be for: the service of the server's cloud, as https://database.windows.net/.default."""
    _, _, service = server.partition(".")
    if not service.startswith("database."):
        raise Problem(500, "SQL_SERVER is no full host name such as NAME.database.windows.net")
    return f"https://{service}/.default"


def packed(token: str) -> bytes:
    """The token as the driver takes it: length in bytes (32 bits, little-endian), then UTF-16LE."""
    encoded = token.encode("utf-16-le")
    return struct.pack("<I", len(encoded)) + encoded


def connection_string(server: str, database: str) -> str:
    """Braces around the values, so that none becomes a key of its own."""
    name = database.replace("}", "}}")
    return f"Server={{tcp:{server},1433}};Database={{{name}}};Encrypt=yes;TrustServerCertificate=no"


def connect(credential: TokenCredential) -> Connection:
    """A connection from the driver's pool, which keeps those of one token together."""
    server, database = setting("SQL_SERVER"), setting("SQL_DATABASE")
    token = credential.get_token(scope(server)).token
    return mssql_python.connect(
        connection_string(server, database),
        attrs_before={SQL_COPT_SS_ACCESS_TOKEN: packed(token)},
        timeout=LOGIN_SECONDS,
    )


def explain(error: mssql_python.Error) -> Problem:
    """What the driver's error means here. The server's own text may repeat values, so it is not told."""
    kind = str(getattr(error, "driver_error", type(error).__name__))
    said = str(getattr(error, "ddbc_error", ""))
    if kind == "Base table or view not found" or "Invalid object name" in said:
        return Problem(502, "there is no table dbo.notes: an administrator makes it with schema.sql")
    if "is not allowed to access the server" in said:
        return Problem(502, "the server's firewall does not let the app in")
    if kind == "Invalid authorization specification" or "Login failed" in said:
        return Problem(502, "the database has no user for the identity: acarecipe apply azure-sql makes one")
    if "permission was denied" in said:
        return Problem(502, "the identity's roles in the database do not allow this")
    if isinstance(error, mssql_python.OperationalError):
        return Problem(503, f"the server did not answer ({kind})")
    return Problem(502, f"the database refused ({kind})")


def create_app(connect: Callable[[TokenCredential], Connection] = connect) -> Flask:
    """The app; `connect` stands in for the server in tests."""
    app = Flask(__name__)
    # It takes the identity that AZURE_CLIENT_ID names, else the system identity, and keeps tokens.
    credential = DefaultAzureCredential()

    @contextmanager
    def connection() -> Iterator[Connection]:
        opened = connect(credential)
        try:
            yield opened
        finally:
            # Back into the pool, with whatever was not committed undone.
            opened.close()

    @app.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        return jsonify(error=str(error)), error.status

    @app.errorhandler(AzureError)
    def no_token(error: AzureError) -> ResponseReturnValue:
        told = "no token: the app has no managed identity, or AZURE_CLIENT_ID names another one"
        return problem(Problem(500, told))

    @app.errorhandler(mssql_python.Error)
    def refused(error: mssql_python.Error) -> ResponseReturnValue:
        return problem(explain(error))

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        # That the process answers. A server that does not would not be mended by a restart.
        return jsonify(status="ok")

    @app.get("/")
    def whoami() -> ResponseReturnValue:
        with connection() as database:
            [[user, name]] = database.execute("SELECT USER_NAME(), DB_NAME()").fetchall()
        return jsonify(user=user, database=name)

    @app.post("/notes")
    def write() -> ResponseReturnValue:
        body = request.get_json(silent=True)
        text = body.get("body") if isinstance(body, dict) else None
        if not isinstance(text, str) or not 0 < len(text.encode("utf-16-le")) <= 2 * MAX_LENGTH:
            raise Problem(400, f'a note is {{"body": TEXT}} of up to {MAX_LENGTH} characters')
        with connection() as database:
            database.execute("INSERT INTO dbo.notes (body) VALUES (?)", text)
            [[count]] = database.execute("SELECT COUNT(*) FROM dbo.notes").fetchall()
            database.commit()
        return jsonify(notes=count)

    @app.get("/notes")
    def read() -> ResponseReturnValue:
        statement = "SELECT id, body FROM dbo.notes WHERE id > ? ORDER BY id DESC"
        with connection() as database:
            [[last]] = database.execute("SELECT COALESCE(MAX(id), 0) FROM dbo.notes").fetchall()
            rows = database.execute(statement, last - 20).fetchall()
        return jsonify(notes=[{"id": id, "body": body} for id, body in rows])

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
