"""Keeps items in a Cosmos DB container, signed in as the app's managed identity: no account key.

`curl -X PUT --json '{"text": "hello"}' https://APP/items/1` writes one, `curl https://APP/items/1` reads it.
An item needs the member that the container's partition key names, unless that is /id.
"""

import functools
import os
from collections.abc import Callable
from typing import Any, Protocol

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.cosmos import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import CosmosHttpResponseError
from azure.identity import DefaultAzureCredential
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

MAX_BYTES = 1_000_000
Item = dict[str, Any]


class Problem(Exception):
    """What stands in the way, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Items(Protocol):
    """All that the app wants of a container. Both raise AzureError."""

    def put(self, item: Item) -> None:
        """Writes the item, or writes over the one of its id and partition key."""

    def get(self, id: str) -> Item | None:
        """The item of this id; of several in different partitions, one of them."""


class CosmosItems:
    """The items of a real container. To make a client of it reads the account, with a token."""

    def __init__(self, container: ContainerProxy) -> None:
        self._container = container

    def put(self, item: Item) -> None:
        self._container.upsert_item(item)

    def get(self, id: str) -> Item | None:
        # A query finds it whatever the partition key is. Where that is known, a point read (read_item) is
        # cheaper: one request to one partition.
        found = self._container.query_items(
            "SELECT * FROM c WHERE c.id = @id",
            parameters=[{"name": "@id", "value": id}],
            enable_cross_partition_query=True,
        )
        return next(iter(found), None)


def setting(name: str) -> str:
    """A variable that the recipe sets on the container."""
    if value := os.environ.get(name):
        return value
    raise Problem(500, f"{name} is not set; the recipe `cosmos-db` sets it")


def connect() -> Items:
    """The items of the container that the variables name, as the identity that AZURE_CLIENT_ID names, else
    as the system identity."""
    endpoint, database, container = (
        setting(name) for name in ("COSMOS_ENDPOINT", "COSMOS_DATABASE", "COSMOS_CONTAINER")
    )
    client = CosmosClient(endpoint, DefaultAzureCredential(), connection_timeout=5, retry_total=2)
    return CosmosItems(client.get_database_client(database).get_container_client(container))


def explain(error: AzureError) -> Problem:
    """What a refusal means here. What the service says repeats requests and ids, so only its code is told."""
    if isinstance(error, CosmosHttpResponseError):
        code = f"{error.status_code}" + (f".{error.sub_status}" if error.sub_status else "")
        if error.status_code in (401, 403):
            return Problem(
                502,
                f"the account refused ({code}): the identity needs the data role Cosmos DB Built-in Data "
                "Contributor, which is a role of the account and not of Azure, or the network is closed",
            )
        if error.status_code == 404:
            database, container = setting("COSMOS_DATABASE"), setting("COSMOS_CONTAINER")
            return Problem(502, f"there is no database `{database}`, or no container `{container}` in it")
        if error.status_code == 400:
            return Problem(400, f"the container takes no such item ({code})")
        if error.status_code == 429:
            return Problem(503, "the container has no request units left; try again later")
        return Problem(502, f"the account refused ({code})")
    if isinstance(error, ClientAuthenticationError):
        return Problem(500, "no token: the app has no managed identity, or AZURE_CLIENT_ID names another one")
    return Problem(503, f"the account did not answer ({type(error).__name__})")


def create_app(connect: Callable[[], Items] = connect) -> Flask:
    """The app; `connect` stands in for the account in tests."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    # One client for the process: it keeps connections and tokens. Made when first asked, so that an unset
    # variable is an answer and not a container that does not start; a failure is not kept.
    items = functools.cache(connect)

    @app.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        return jsonify(error=str(error)), error.status

    @app.errorhandler(AzureError)
    def refused(error: AzureError) -> ResponseReturnValue:
        return problem(explain(error))

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        # That the process answers. An account that does not would not be mended by a restart.
        return jsonify(status="ok")

    @app.put("/items/<id>")
    def write(id: str) -> ResponseReturnValue:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise Problem(400, "an item is a JSON object, sent as application/json")
        if "\\" in id or "?" in id or "#" in id or len(id) > 255:
            raise Problem(400, "Cosmos DB takes ids of up to 255 characters without / \\ ? #")
        item: Item = {**body, "id": id}
        items().put(item)
        return jsonify(item)

    @app.get("/items/<id>")
    def read(id: str) -> ResponseReturnValue:
        item = items().get(id)
        if item is None:
            raise Problem(404, "there is no such item")
        # What Cosmos DB adds (_etag, _ts, ...) is its own.
        return jsonify({name: value for name, value in item.items() if not name.startswith("_")})

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
