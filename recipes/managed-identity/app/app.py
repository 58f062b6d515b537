"""Shows which identity the app runs as: gets a token and reads who it was issued to."""

import base64
import json
import os
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

# A token for Azure Resource Manager can be had without any role.
SCOPE = "https://management.azure.com/.default"


def claims(token: str) -> dict[str, Any]:
    """What a token says of itself; its signature is for whoever is to trust it, and not checked here."""
    payload = token.split(".")[1]
    parsed = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return parsed if isinstance(parsed, dict) else {}


def create_app(credential: TokenCredential | None = None) -> Flask:
    """The app; `credential` stands in for the identity in tests."""
    app = Flask(__name__)
    # One credential for the process: it caches tokens and picks the identity named by AZURE_CLIENT_ID,
    # else the system identity.
    identity = credential or DefaultAzureCredential()

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return jsonify(status="ok")

    @app.get("/")
    def whoami() -> ResponseReturnValue:
        try:
            token = identity.get_token(SCOPE).token
        except AzureError:
            # The message names every credential that was tried; the log has it.
            app.logger.exception("no token")
            told = "no token: the app has no managed identity, or AZURE_CLIENT_ID names another one"
            return jsonify(error=told), 500
        said = claims(token)
        # The token itself is a secret and is never returned; these two claims are not.
        return jsonify(
            principal_id=said.get("oid"),
            client_id=said.get("appid"),
            client_id_from_environment=os.environ.get("AZURE_CLIENT_ID"),
        )

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
