"""Shows which identity the app runs as: gets a token and reads who it was issued to."""

import base64
import json
import os

from azure.identity import DefaultAzureCredential
from flask import Flask, jsonify

app = Flask(__name__)
# One credential for the process: it caches tokens and picks the identity named by AZURE_CLIENT_ID,
# else the system identity.
credential = DefaultAzureCredential()


@app.get("/")
def whoami():
    token = credential.get_token("https://management.azure.com/.default").token
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    # The token itself is a secret and is never returned; these two claims are not.
    return jsonify(
        principal_id=claims.get("oid"),
        client_id=claims.get("appid"),
        client_id_from_environment=os.environ.get("AZURE_CLIENT_ID"),
    )


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(os.environ.get("PORT", "8000")))
