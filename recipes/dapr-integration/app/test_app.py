"""The app beside a local sidecar that speaks Dapr's HTTP API: both are servers, and call each other.

Run with pytest; needs nothing else.
"""

import http.client
import json
import re
import threading
import urllib.parse
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from app import PUBSUB, STORE, TOPIC, create_app
from werkzeug.serving import make_server

TOKEN = "sidecar-token-that-must-not-be-shown"


def call(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body=sent, headers={"content-type": "application/json"} | names)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, json.loads(content) if content else None


class Dapr(ThreadingHTTPServer):
    """A sidecar with a state store and a broker, as https://docs.dapr.io/reference/api describes them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state: dict[str, Any] = {}
        self.components = {STORE, PUBSUB}
        self.subscriptions: list[dict[str, Any]] = []
        self.app_port = 0
        self.calls: list[tuple[str, str]] = []
        self.broken: tuple[int, bytes] | None = None
        self.answers: list[Any] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def find_app(self, port: int) -> None:
        """What a sidecar does once its app listens: it asks for the subscriptions."""
        self.app_port = port
        status, self.subscriptions = call(port, "GET", "/dapr/subscribe")
        assert status == 200

    def deliver(self, topic: str, data: Any, identifier: str | None = None) -> None:
        event = {
            "id": identifier or str(uuid.uuid4()),
            "specversion": "1.0",
            "type": "com.dapr.event.sent",
            "source": "orders",
            "datacontenttype": "application/json",
            "pubsubname": PUBSUB,
            "topic": topic,
            "data": data,
        }
        for one in self.subscriptions:
            if (one["pubsubname"], one["topic"]) == (PUBSUB, topic):
                self.answers.append(call(self.app_port, "POST", one["route"], event))


class Handler(BaseHTTPRequestHandler):
    server: Dapr

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, status: int, body: Any = None) -> None:
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle_any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.calls.append((self.command, self.path))
        if self.headers.get("dapr-api-token") != TOKEN:
            return self.answer(401, {"errorCode": "ERR_API_TOKEN", "message": "invalid api token"})
        if self.server.broken:
            return self.answer(*self.server.broken)
        if match := re.fullmatch(r"/v1\.0/state/([^/]+)(?:/([^/]+))?", self.path):
            return self.state(match[1], match[2], sent)
        if match := re.fullmatch(r"/v1\.0/publish/([^/]+)/([^/]+)", self.path):
            if match[1] not in self.server.components:
                told = f"{match[1]} not found"
                return self.answer(404, {"errorCode": "ERR_PUBSUB_NOT_FOUND", "message": told})
            self.server.deliver(match[2], json.loads(sent))
            return self.answer(204)
        return self.answer(404, {"errorCode": "ERR_NOT_FOUND"})

    def state(self, store: str, key: str | None, sent: bytes) -> None:
        if store not in self.server.components:
            code = "ERR_STATE_STORE_NOT_FOUND"
            return self.answer(400, {"errorCode": code, "message": f"state store {store} is not found"})
        if self.command == "POST" and key is None:
            self.server.state.update({one["key"]: one["value"] for one in json.loads(sent)})
            return self.answer(204)
        kept = self.server.state.get(urllib.parse.unquote(key or ""))
        return self.answer(204) if kept is None else self.answer(200, kept)

    do_GET = do_POST = do_PUT = handle_any


@pytest.fixture
def dapr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dapr]:
    sidecar = Dapr()
    thread = threading.Thread(target=sidecar.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("DAPR_HTTP_PORT", str(sidecar.port))
    monkeypatch.setenv("DAPR_API_TOKEN", TOKEN)
    # A proxy of the environment is not for the sidecar.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    yield sidecar
    sidecar.shutdown()
    sidecar.server_close()
    thread.join()


@pytest.fixture
def port(dapr: Dapr) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    dapr.find_app(server.server_port)
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_order_is_kept_and_heard_of(port: int, dapr: Dapr) -> None:
    assert dapr.subscriptions == [{"pubsubname": PUBSUB, "topic": TOPIC, "route": "/events/orders"}]
    order = {"item": "tea", "count": 2}
    assert call(port, "PUT", "/orders/1", order) == (201, {"order": "1"})
    assert dapr.state == {"1": order}
    assert dapr.calls == [("POST", f"/v1.0/state/{STORE}"), ("POST", f"/v1.0/publish/{PUBSUB}/{TOPIC}")]
    assert call(port, "GET", "/orders/1") == (200, order)
    assert call(port, "GET", "/heard") == (200, {"orders": ["1"]})
    assert dapr.answers == [(200, {"status": "SUCCESS"})]


def test_an_order_that_is_not_there(port: int) -> None:
    assert call(port, "GET", "/orders/none") == (404, {"error": "there is no such order"})


@pytest.mark.parametrize("body", [b"not json", b"[1]", b""])
def test_what_is_no_order_is_not_kept(port: int, dapr: Dapr, body: bytes) -> None:
    assert call(port, "PUT", "/orders/1", body)[0] == 400
    assert call(port, "PUT", "/orders/a.b", {})[0] == 400
    assert call(port, "PUT", "/orders/" + "x" * 65, {})[0] == 400
    assert dapr.calls == []


def test_an_event_twice_is_heard_once(port: int, dapr: Dapr) -> None:
    for identifier in ("same", "same", "other"):
        dapr.deliver(TOPIC, {"order": "7"}, identifier)
    assert call(port, "GET", "/heard")[1] == {"orders": ["7", "7"]}


@pytest.mark.parametrize("data", [None, "text", {}, {"order": 1}, {"order": "../x"}])
def test_an_event_that_means_nothing_is_dropped(port: int, dapr: Dapr, data: Any) -> None:
    dapr.deliver(TOPIC, data)
    assert dapr.answers == [(200, {"status": "DROP"})]
    assert call(port, "GET", "/heard")[1] == {"orders": []}


def test_only_the_sidecar_delivers_events() -> None:
    client = create_app().test_client()
    for method, path in (("GET", "/dapr/subscribe"), ("POST", "/events/orders")):
        answer = client.open(path, method=method, environ_overrides={"REMOTE_ADDR": "10.0.0.4"})
        assert answer.status_code == 403


@pytest.mark.parametrize(("gone", "words"), [(STORE, "no state store"), (PUBSUB, "no broker")])
def test_a_component_that_is_not_there_is_told(port: int, dapr: Dapr, gone: str, words: str) -> None:
    dapr.components.discard(gone)
    status, answer = call(port, "PUT", "/orders/1", {"item": "tea"})
    assert status == 502
    assert words in answer["error"] and gone in answer["error"]


@pytest.mark.parametrize(
    "broken",
    [
        (500, b'{"errorCode": "ERR_STATE_SAVE", "message": "NOAUTH secret-connection-string"}'),
        (500, b'{"errorCode": "secret-connection-string"}'),
        (500, b"secret-connection-string"),
        (500, b'["secret-connection-string"]'),
    ],
)
def test_what_the_sidecar_says_is_not_repeated(port: int, dapr: Dapr, broken: tuple[int, bytes]) -> None:
    dapr.broken = broken
    status, answer = call(port, "PUT", "/orders/1", {"item": "tea"})
    assert status == 502
    assert "secret-connection-string" not in answer["error"] and TOKEN not in answer["error"]


def test_an_app_without_a_sidecar_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    client = create_app().test_client()
    monkeypatch.delenv("DAPR_HTTP_PORT", raising=False)
    answer = client.put("/orders/1", json={"item": "tea"})
    assert (answer.status_code, "no Dapr sidecar" in answer.get_json()["error"]) == (500, True)
    # Nobody listens there.
    monkeypatch.setenv("DAPR_HTTP_PORT", "9")
    assert client.get("/orders/1").status_code == 503
    assert client.get("/healthz").get_json() == {"status": "ok"}
