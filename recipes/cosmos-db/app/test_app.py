"""The app before its boundary, `Items`; and what can be said of the real side without an account.

The boundary hides CosmosClient: its requests, its consistency and retries, partition keys, and what the
account makes of the identity. No emulator is run: Microsoft's one for Linux is a container image. What
CosmosItems asks of the client is looked at through a client that writes down the calls; that the client
takes a token for the account from DefaultAzureCredential is seen where the whole image is tried.
"""

from typing import Any, cast

import pytest
from app import CosmosItems, Item, create_app, explain
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.cosmos import ContainerProxy
from azure.cosmos.exceptions import CosmosHttpResponseError
from flask.testing import FlaskClient


class Memory:
    """Items in memory, with the members that Cosmos DB adds."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.fails: Exception | None = None

    def put(self, item: Item) -> None:
        if self.fails:
            raise self.fails
        self.items[item["id"]] = {**item, "_etag": '"1"', "_ts": 1}

    def get(self, id: str) -> Item | None:
        if self.fails:
            raise self.fails
        return self.items.get(id)


@pytest.fixture(autouse=True)
def set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMOS_ENDPOINT", "https://cosmos-demo.documents.azure.com:443/")
    monkeypatch.setenv("COSMOS_DATABASE", "appdb")
    monkeypatch.setenv("COSMOS_CONTAINER", "items")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def client(memory: Memory) -> FlaskClient:
    return create_app(lambda: memory).test_client()


def error(answer: Any) -> str:
    return str(answer.get_json()["error"])


def test_an_item_is_written_and_read(client: FlaskClient, memory: Memory) -> None:
    item = {"id": "a b", "text": "hällo", "n": [1, {"deep": None}]}
    assert client.put("/items/a%20b", json={"text": "hällo", "n": [1, {"deep": None}]}).get_json() == item
    assert client.get("/items/a%20b").get_json() == item
    assert memory.items["a b"]["_etag"] == '"1"'


def test_the_id_is_that_of_the_address(client: FlaskClient, memory: Memory) -> None:
    client.put("/items/1", json={"id": "2"})
    assert list(memory.items) == ["1"]


def test_an_item_that_is_not_there_is_told(client: FlaskClient) -> None:
    answer = client.get("/items/none")
    assert (answer.status_code, error(answer)) == (404, "there is no such item")


@pytest.mark.parametrize("body", [b"", b"[1]", b'"text"', b"{"])
def test_what_is_no_object_is_refused(client: FlaskClient, memory: Memory, body: bytes) -> None:
    answer = client.put("/items/1", data=body, content_type="application/json")
    assert answer.status_code == 400 and "JSON object" in error(answer)
    assert memory.items == {}


@pytest.mark.parametrize("id", ["a%3Fb", "a%23b", "a%5Cb", "x" * 256])
def test_ids_that_cosmos_does_not_take_are_refused(client: FlaskClient, memory: Memory, id: str) -> None:
    assert client.put(f"/items/{id}", json={}).status_code == 400
    assert memory.items == {}


def test_the_client_is_made_once_and_a_failure_is_not_kept() -> None:
    made: list[Memory] = []

    def connect() -> Memory:
        made.append(Memory())
        if len(made) == 1:
            raise ServiceRequestError("secret")
        return made[-1]

    client = create_app(connect).test_client()
    assert client.get("/healthz").get_json() == {"status": "ok"} and made == []
    assert client.get("/items/1").status_code == 503
    assert [client.get("/items/1").status_code for _ in range(3)] == [404, 404, 404]
    assert len(made) == 2


@pytest.mark.parametrize("name", ["COSMOS_ENDPOINT", "COSMOS_DATABASE", "COSMOS_CONTAINER"])
def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    client = create_app().test_client()
    answer = client.get("/items/1")
    assert (answer.status_code, error(answer)) == (500, f"{name} is not set; the recipe `cosmos-db` sets it")
    assert client.get("/healthz").get_json() == {"status": "ok"}


class Refusal(CosmosHttpResponseError):
    """As the client raises it, with a message that repeats too much."""

    def __init__(self, status: int, sub_status: int | None = None) -> None:
        super().__init__(status_code=status, message="Bearer secret")  # type: ignore[no-untyped-call]
        self.sub_status = sub_status


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (Refusal(403, 5300), 502, "refused (403.5300): the identity needs the data role"),
        (Refusal(401), 502, "refused (401): the identity needs the data role"),
        (Refusal(404, 1003), 502, "no database `appdb`, or no container `items`"),
        (Refusal(400), 400, "takes no such item"),
        (Refusal(429, 3200), 503, "no request units left"),
        (Refusal(500), 502, "the account refused (500)"),
        (ClientAuthenticationError("secret"), 500, "no managed identity"),
        (ServiceRequestError("secret"), 503, "did not answer (ServiceRequestError)"),
    ],
)
def test_refusals_are_explained_without_what_the_service_said(
    client: FlaskClient, memory: Memory, error: Any, status: int, words: str
) -> None:
    memory.fails = error
    for answer in [client.get("/items/1"), client.put("/items/1", json={})]:
        assert answer.status_code == status and words in answer.get_json()["error"]
        assert "secret" not in answer.text
    assert str(explain(error)) == answer.get_json()["error"]


def test_what_is_asked_of_the_real_client() -> None:
    class Calls:
        def __init__(self) -> None:
            self.upserted: list[Item] = []
            self.queries: list[tuple[str, dict[str, Any]]] = []

        def upsert_item(self, item: Item) -> Item:
            self.upserted.append(item)
            return item

        def query_items(self, query: str, **options: Any) -> Any:
            self.queries.append((query, options))
            return iter([{"id": "1"}])

    calls = Calls()
    items = CosmosItems(cast(ContainerProxy, calls))
    items.put({"id": "1"})
    assert calls.upserted == [{"id": "1"}]
    # The id is a parameter and no part of the query's text.
    assert items.get("' OR true") == {"id": "1"}
    [(query, options)] = calls.queries
    assert query == "SELECT * FROM c WHERE c.id = @id"
    assert options == {
        "parameters": [{"name": "@id", "value": "' OR true"}],
        "enable_cross_partition_query": True,
    }
    # And the real client has what is asked of it.
    assert callable(ContainerProxy.upsert_item) and callable(ContainerProxy.query_items)
