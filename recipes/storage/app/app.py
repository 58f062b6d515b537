"""Keeps files as blobs, signed in as the app's managed identity: no key, no connection string.

curl -X PUT --data-binary hello https://APP/files/greeting
curl https://APP/files/greeting
curl https://APP/files
"""

import functools
import os

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential
from azure.storage.blob import ContainerClient, LinearRetry
from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

MAX_BYTES = 1_000_000


class Problem(Exception):
    """What stands in the way, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def setting(name: str) -> str:
    """A variable that the recipe sets on the container."""
    if value := os.environ.get(name):
        return value
    raise Problem(500, f"{name} is not set; the recipe `storage` sets it")


def explain(error: AzureError) -> Problem:
    """What a refusal means here. What the service says may name keys and tokens, so only its code is told."""
    if isinstance(error, CredentialUnavailableError):
        return Problem(500, "no token: the app has no managed identity, or AZURE_CLIENT_ID names another one")
    if isinstance(error, HttpResponseError):
        code = str(getattr(error, "error_code", None) or error.status_code or "no code")
        if code == "ContainerNotFound":
            return Problem(502, f"there is no container `{setting('STORAGE_CONTAINER')}` in the account")
        if code == "BlobNotFound":
            return Problem(404, "there is no such file")
        if isinstance(error, ClientAuthenticationError) or error.status_code == 403:
            return Problem(
                502, f"the account refused ({code}): the identity needs Storage Blob Data Contributor"
            )
        return Problem(502, f"the account refused ({code})")
    return Problem(503, f"the account did not answer ({type(error).__name__})")


def create_app(credential: TokenCredential | None = None) -> Flask:
    """The app; `credential` stands in for the identity in tests."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES

    # One client for the process: it keeps connections and tokens. Made when first asked, so that an unset
    # variable is an answer and not a container that does not start.
    @functools.cache
    def container() -> ContainerClient:
        return ContainerClient(
            setting("STORAGE_ACCOUNT_URL"),
            setting("STORAGE_CONTAINER"),
            # It takes the identity that AZURE_CLIENT_ID names, else the system identity.
            credential or DefaultAzureCredential(),
            connection_timeout=5,
            read_timeout=20,
            retry_policy=LinearRetry(backoff=1, retry_total=2, random_jitter_range=1),
        )

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

    @app.get("/files")
    def names() -> ResponseReturnValue:
        return jsonify(files=list(container().list_blob_names()))

    @app.put("/files/<path:name>")
    def write(name: str) -> ResponseReturnValue:
        body = request.get_data()
        container().upload_blob(name, body, overwrite=True)
        return jsonify(name=name, bytes=len(body))

    @app.get("/files/<path:name>")
    def read(name: str) -> ResponseReturnValue:
        blob = container().download_blob(name)
        # Whatever was uploaded, a browser must not run it as a page of this app.
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(blob.readall(), mimetype="application/octet-stream", headers=headers)

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
