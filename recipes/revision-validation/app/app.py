"""Says which revision it is and whether it is ready, so that a rollout can judge it."""

import os

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

app = Flask(__name__)


def missing() -> list[str]:
    """Names of the variables that the app needs and does not have."""
    needed = os.environ.get("REQUIRED_VARIABLES", "")
    return [name for name in needed.split(",") if name and not os.environ.get(name)]


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    # The process lives: for a liveness probe, which restarts what does not answer.
    return jsonify(status="ok")


@app.get("/health")
def health() -> ResponseReturnValue:
    # A rollout asks here, under the label of the new revision. What would make the app useless must make
    # this fail: a process that runs is not enough.
    lacking = missing()
    answer = jsonify(
        status="unready" if lacking else "ok",
        missing=lacking,
        revision=os.environ.get("CONTAINER_APP_REVISION"),
    )
    return answer, 503 if lacking else 200


@app.get("/")
def hello() -> ResponseReturnValue:
    return jsonify(
        version=os.environ.get("APP_VERSION", "unknown"),
        revision=os.environ.get("CONTAINER_APP_REVISION"),
    )


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
