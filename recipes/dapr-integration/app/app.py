"""Keeps orders in a state store and hears of them by a topic, through Dapr's HTTP API: no client library.

curl -X PUT --json '{"item": "tea", "count": 2}' https://APP/orders/1
curl https://APP/orders/1
curl https://APP/heard
"""

import collections
import http.client
import json
import os
import re
import threading
import urllib.parse
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

# The names of the components; the recipe `dapr-integration` makes what its `components` say.
STORE = "statestore"
PUBSUB = "pubsub"
TOPIC = "orders"
MAX_BYTES = 100_000
TIMEOUT_SECONDS = 10
ORDER = re.compile(r"[A-Za-z0-9-]{1,64}")


class Problem(Exception):
    """What stands in the way, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Sidecar:
    """The Dapr sidecar of this replica, which answers at a port of the same machine."""

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of an answer; components that are not there are told in the recipe's words."""
        port = os.environ.get("DAPR_HTTP_PORT", "")
        if not port.isdigit():
            raise Problem(
                500, "DAPR_HTTP_PORT is not set: the app has no Dapr sidecar; see `dapr-integration`"
            )
        headers = {"content-type": "application/json"}
        if token := os.environ.get("DAPR_API_TOKEN"):
            headers["dapr-api-token"] = token
        # http.client takes no proxy from the environment: the sidecar is next door.
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_SECONDS)
        try:
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, path, body=sent, headers=headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read(MAX_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Problem(503, f"the sidecar did not answer ({type(error).__name__})") from error
        finally:
            connection.close()
        if status >= 400:
            raise Problem(502, explain(status, content))
        if len(content) > MAX_BYTES:
            raise Problem(502, "the sidecar answered with more than this app reads")
        return status, content

    def save(self, key: str, value: Any) -> None:
        """Keeps a value under the app's id and this key."""
        self.call("POST", f"/v1.0/state/{STORE}", [{"key": key, "value": value}])

    def get(self, key: str) -> Any:
        """The value under this key; `None` when there is none."""
        status, content = self.call("GET", f"/v1.0/state/{STORE}/{urllib.parse.quote(key, safe='')}")
        return None if status == 204 else json.loads(content)

    def publish(self, event: Any) -> None:
        """Tells every app that has subscribed to the topic."""
        self.call("POST", f"/v1.0/publish/{PUBSUB}/{TOPIC}", event)


def explain(status: int, content: bytes) -> str:
    """What a refusal means here. The sidecar may repeat what it was sent, so only its code is told."""
    try:
        told = json.loads(content)
        code = str(told.get("errorCode", "")) if isinstance(told, dict) else ""
    except ValueError:
        code = ""
    if code.startswith("ERR_STATE_STORE"):
        return f"the sidecar has no state store `{STORE}`: not there, or its scopes do not contain this app"
    if code.startswith("ERR_PUBSUB_NOT_") or code == "ERR_PUBSUB_EMPTY":
        return f"the sidecar has no broker `{PUBSUB}`: not there, or its scopes do not contain this app"
    known = code if re.fullmatch(r"ERR_[A-Z_]+", code) else "no code"
    return f"the sidecar answered {status} ({known})"


def create_app(sidecar: Sidecar | None = None) -> Flask:
    """The app."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    dapr = sidecar or Sidecar()
    heard: collections.deque[str] = collections.deque(maxlen=100)
    seen: collections.deque[str] = collections.deque(maxlen=1000)
    lock = threading.Lock()

    def by_sidecar() -> None:
        # The app's ingress leads to these paths, too; the sidecar calls from the same machine. So does
        # the container of Easy Auth: behind that it must let nobody in without a sign-in.
        if request.remote_addr not in ("127.0.0.1", "::1"):
            raise Problem(403, "only the sidecar calls this")

    @app.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        return jsonify(error=str(error)), error.status

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        # That the process answers. The sidecar waits for the app, so the app must not wait for it here.
        return jsonify(status="ok")

    @app.put("/orders/<name>")
    def put(name: str) -> ResponseReturnValue:
        if not ORDER.fullmatch(name):
            raise Problem(400, "an order has up to 64 letters, digits and hyphens")
        order = request.get_json(silent=True)
        if not isinstance(order, dict):
            raise Problem(400, "an order is a JSON object")
        dapr.save(name, order)
        dapr.publish({"order": name})
        return jsonify(order=name), 201

    @app.get("/orders/<name>")
    def get(name: str) -> ResponseReturnValue:
        if not ORDER.fullmatch(name):
            raise Problem(400, "an order has up to 64 letters, digits and hyphens")
        order = dapr.get(name)
        if order is None:
            raise Problem(404, "there is no such order")
        return jsonify(order)

    @app.get("/heard")
    def all_heard() -> ResponseReturnValue:
        # Of this replica since its start.
        with lock:
            return jsonify(orders=list(heard))

    @app.get("/dapr/subscribe")
    def subscribe() -> ResponseReturnValue:
        """The sidecar asks once, when it has found the app."""
        by_sidecar()
        return jsonify([{"pubsubname": PUBSUB, "topic": TOPIC, "route": "/events/orders"}])

    @app.post("/events/orders")
    def event() -> ResponseReturnValue:
        """A CloudEvent. Any other answer than 2xx, and the broker delivers it again."""
        by_sidecar()
        sent = request.get_json(silent=True, force=True)
        cloud_event: dict[str, Any] = sent if isinstance(sent, dict) else {}
        data = cloud_event.get("data")
        order = data.get("order") if isinstance(data, dict) else None
        if not isinstance(order, str) or not ORDER.fullmatch(order):
            # Delivered again it would be no better.
            return jsonify(status="DROP")
        identifier = str(cloud_event.get("id", ""))
        with lock:
            # At least once: the same event may come twice.
            if not identifier or identifier not in seen:
                seen.append(identifier)
                heard.append(order)
        return jsonify(status="SUCCESS")

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
