"""A small app that is ready for production: it tells its health, and ends without breaking off requests.

curl https://APP/
curl https://APP/health
"""

import os
import time

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

MAX_SECONDS = 20.0

app = Flask(__name__)


@app.get("/health")
def health() -> ResponseReturnValue:
    # That the process answers. What it depends on is not asked: a restart would not mend that, and all
    # replicas would be restarted at once.
    return jsonify(status="ok")


@app.get("/")
def home() -> ResponseReturnValue:
    # Set by the platform.
    return jsonify(
        revision=os.environ.get("CONTAINER_APP_REVISION"),
        replica=os.environ.get("CONTAINER_APP_REPLICA_NAME"),
    )


@app.get("/slow")
def slow() -> ResponseReturnValue:
    """Answers after some seconds: ask, end the replica, and see the answer still come."""
    seconds = request.args.get("seconds", default=1.0, type=float)
    if not 0 <= seconds <= MAX_SECONDS:
        return jsonify(error=f"seconds is a number from 0 to {MAX_SECONDS:.0f}"), 400
    time.sleep(seconds)
    return jsonify(seconds=seconds)
