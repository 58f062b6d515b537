"""Uses a secret that Container Apps put into an environment variable; the app knows no vault."""

import os

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

app = Flask(__name__)


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    return jsonify(status="ok")


@app.get("/")
def ready() -> ResponseReturnValue:
    # The value is there when the container starts. A new version in the vault reaches the app by a
    # restart, so that reading it once per process would do as well.
    password = os.environ.get("DB_PASSWORD", "")
    if not password:
        return jsonify(error="DB_PASSWORD is not set"), 500
    # That it is there, never what it is.
    return jsonify(db_password_length=len(password))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
