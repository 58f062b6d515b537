"""Counts visits in Redis, signed in as the app's managed identity: no access key.

`curl -X POST https://APP/visits` counts one and answers with the number; `curl https://APP/visits` reads it.
"""

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from redis.auth.token import SimpleToken
from redis.backoff import ExponentialBackoff
from redis.credentials import StreamingCredentialProvider
from redis.retry import Retry

SCOPE = "https://redis.azure.com/.default"
# Redis ends a connection whose token has expired, and wants the next one at least three minutes before.
# azure-identity gives a new token from five minutes before; so four.
RENEW_BEFORE_SECONDS = 240
RETRY_SECONDS = 20
KEY = "visits"


class Problem(Exception):
    """What stands in the way, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def setting(name: str) -> str:
    """A variable that the recipe sets on the container."""
    if value := os.environ.get(name):
        return value
    raise Problem(500, f"{name} is not set; the recipe `redis` sets it")


class EntraCredentials(StreamingCredentialProvider):
    """The object id as user name and a token as password, for new connections and, before the token
    expires, for those that are open."""

    def __init__(self, credential: TokenCredential, object_id: str, retry: float = RETRY_SECONDS) -> None:
        self._credential = credential
        self._object_id = object_id
        self._retry = retry
        self._renewed: Callable[[Any], None] | None = None
        self._lock = threading.Lock()
        self._renewing: threading.Thread | None = None

    def get_credentials(self) -> tuple[str, str]:
        token = self._credential.get_token(SCOPE)
        with self._lock:
            if self._renewing is None:
                # Here and not earlier: gunicorn forks its workers, and threads do not survive that.
                self._renewing = threading.Thread(target=self._renew, args=[token], daemon=True)
                self._renewing.start()
        return self._object_id, token.token

    def _renew(self, token: AccessToken) -> None:
        while True:
            time.sleep(max(self._retry, token.expires_on - RENEW_BEFORE_SECONDS - time.time()))
            try:
                fresh = self._credential.get_token(SCOPE)
                if fresh.token == token.token:
                    continue
                if self._renewed:
                    claims = {"oid": self._object_id}
                    now = time.time() * 1000
                    self._renewed(SimpleToken(fresh.token, fresh.expires_on * 1000, now, claims))
                token = fresh
            except (AzureError, redis.RedisError):
                # Tried again; a connection that expires meanwhile is opened anew with the next request.
                continue

    def on_next(self, callback: Callable[[Any], None]) -> None:
        """The pool says how it authenticates its open connections again."""
        self._renewed = callback

    def on_error(self, callback: Callable[[Exception], None]) -> None:
        """Nobody is told: the next attempt follows by itself."""

    def is_streaming(self) -> bool:
        return self._renewing is not None


def create_app(credential: TokenCredential | None = None, retry: float = RETRY_SECONDS) -> Flask:
    """The app; `credential` stands in for the identity in tests."""
    app = Flask(__name__)

    # One client for the process: it keeps connections. Made when first asked, so that an unset variable is
    # an answer and not a container that does not start.
    @functools.cache
    def client() -> redis.Redis:
        host, port, object_id = setting("REDIS_HOST"), setting("REDIS_PORT"), setting("REDIS_OBJECT_ID")
        # The credential takes the identity that AZURE_CLIENT_ID names, else the system identity. The object
        # id is the same identity's: Redis compares it with the token.
        credentials = EntraCredentials(credential or DefaultAzureCredential(), object_id, retry)
        return redis.Redis(
            host=host,
            port=int(port),
            ssl=True,
            ssl_check_hostname=True,
            credential_provider=credentials,
            socket_connect_timeout=5,
            socket_timeout=5,
            retry=Retry(ExponentialBackoff(cap=1, base=0.1), retries=2),
            decode_responses=True,
        )

    @app.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        return jsonify(error=str(error)), error.status

    @app.errorhandler(AzureError)
    def no_token(error: AzureError) -> ResponseReturnValue:
        told = "no token: the app has no managed identity, or AZURE_CLIENT_ID names another one"
        return problem(Problem(500, told))

    # What the server says may repeat what it was sent, so it is not told.
    @app.errorhandler(redis.RedisError)
    def refused(error: redis.RedisError) -> ResponseReturnValue:
        if isinstance(error, redis.AuthenticationError):
            told = "Redis refused the identity: REDIS_OBJECT_ID has no access policy there, or is another's"
            return problem(Problem(502, told))
        if isinstance(error, redis.exceptions.NoPermissionError):
            return problem(Problem(502, "the identity's access policy does not allow this"))
        if isinstance(error, redis.ConnectionError | redis.TimeoutError):
            return problem(Problem(503, f"Redis did not answer ({type(error).__name__})"))
        return problem(Problem(502, f"Redis refused ({type(error).__name__})"))

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        # That the process answers. A Redis that does not would not be mended by a restart.
        return jsonify(status="ok")

    @app.post("/visits")
    def count() -> ResponseReturnValue:
        return jsonify(visits=client().incr(KEY))

    @app.get("/visits")
    def read() -> ResponseReturnValue:
        return jsonify(visits=int(client().get(KEY) or 0))

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
