"""The app with an identity that is played; DefaultAzureCredential is at work where the image is tried."""

import base64
import json
import time
from typing import Any

import pytest
from app import create_app
from azure.core.credentials import AccessToken
from azure.identity import CredentialUnavailableError


class Identity:
    """Stands in for DefaultAzureCredential: a token with these claims."""

    def __init__(self, claims: dict[str, str]) -> None:
        self.claims = claims
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes.extend(scopes)
        payload = base64.urlsafe_b64encode(json.dumps(self.claims).encode()).decode().rstrip("=")
        return AccessToken(f"header.{payload}.signature", int(time.time()) + 3600)


# Of three lengths, as base64 is padded in three ways.
@pytest.mark.parametrize("more", ["", "x", "xx"])
def test_it_says_as_whom_and_nothing_else(monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", "the-client")
    identity = Identity({"oid": "the-principal", "appid": "the-client", "other": "unsaid" + more})
    answer = create_app(identity).test_client().get("/")
    assert answer.get_json() == {
        "principal_id": "the-principal",
        "client_id": "the-client",
        "client_id_from_environment": "the-client",
    }
    assert identity.scopes == ["https://management.azure.com/.default"]


def test_without_an_identity_it_says_so() -> None:
    class Nobody(Identity):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            raise CredentialUnavailableError("of many words")

    client = create_app(Nobody({})).test_client()
    answer = client.get("/")
    assert answer.status_code == 500 and "no managed identity" in answer.get_json()["error"]
    assert "of many words" not in answer.text
    assert client.get("/healthz").get_json() == {"status": "ok"}
