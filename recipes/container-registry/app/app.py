"""Says which image it runs from, so that a rollout can be seen from outside."""

import os

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

app = Flask(__name__)


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    return jsonify(status="ok")


@app.get("/")
def ready() -> ResponseReturnValue:
    # The app needs nothing for the pull: Container Apps does it before the container starts. The
    # revision and the replica are set by the platform, the version by whoever builds the image.
    return jsonify(
        version=os.environ.get("APP_VERSION", "unknown"),
        revision=os.environ.get("CONTAINER_APP_REVISION"),
        replica=os.environ.get("CONTAINER_APP_REPLICA_NAME"),
    )


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
