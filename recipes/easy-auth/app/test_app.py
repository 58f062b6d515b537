"""The app with the headers that Container Apps sends, as Microsoft documents them.

Run with pytest. The principal below has the claim types of tokens of Entra ID, and the members of
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities.
"""

import base64
import json
from typing import Any

import pytest
from app import ID, NAME, PRINCIPAL, PROVIDER, app
from flask.testing import FlaskClient

OBJECT = "00000000-0000-4000-8000-00000000000a"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def entra(*roles: str, **changes: Any) -> dict[str, Any]:
    claims = [
        {"typ": "aud", "val": "55555555-5555-4555-8555-555555555555"},
        {"typ": "iss", "val": "https://login.microsoftonline.com/22222222-2222-4222-8222-222222222222/v2.0"},
        {"typ": "name", "val": "Jörg Ünal"},
        {"typ": OBJECT_ID, "val": OBJECT},
        {"typ": "preferred_username", "val": "joerg@contoso.com"},
        *({"typ": ROLE, "val": role} for role in roles),
    ]
    return {"auth_typ": "aad", "claims": claims, "name_typ": EMAIL, "role_typ": ROLE} | changes


def encoded(principal: Any) -> str:
    return base64.b64encode(json.dumps(principal, ensure_ascii=False).encode()).decode()


def headers(principal: Any, **changes: str) -> dict[str, str]:
    usual = {PRINCIPAL: encoded(principal), ID: OBJECT, NAME: "joerg@contoso.com", PROVIDER: "aad"}
    return usual | {name.replace("_", "-"): value for name, value in changes.items()}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setenv("TRUST_EASY_AUTH", "true")
    return app.test_client()


def test_who_signed_in_is_told_without_what_is_in_the_claims(client: FlaskClient) -> None:
    answer = client.get("/", headers=headers(entra("reader", "admin")))
    assert answer.status_code == 200
    assert answer.get_json() == {
        "id": OBJECT,
        "name": "joerg@contoso.com",
        "provider": "aad",
        "roles": ["admin", "reader"],
        "claims": sorted({"aud", "iss", "name", OBJECT_ID, "preferred_username", ROLE}),
        "sign_out": "/.auth/logout",
    }
    assert "55555555" not in answer.text


def test_headers_have_no_case(client: FlaskClient) -> None:
    small = {name.lower(): value for name, value in headers(entra()).items()}
    assert client.get("/", headers=small).get_json()["id"] == OBJECT


@pytest.mark.parametrize(
    ("principal", "roles"),
    [
        # GitHub and Google: no roles, and claims with names of their own.
        (
            {
                "auth_typ": "github",
                "claims": [{"typ": "urn:github:login", "val": "octocat"}],
                "name_typ": "name",
            },
            [],
        ),
        ({"auth_typ": "google", "claims": [{"typ": "email", "val": "a@example.com"}]}, []),
        # Tokens of version 2 have `roles`.
        (
            {
                "auth_typ": "aad",
                "claims": [{"typ": "roles", "val": "admin"}],
                "name_typ": "name",
                "role_typ": "roles",
            },
            ["admin"],
        ),
    ],
)
def test_every_provider_is_read(client: FlaskClient, principal: dict[str, Any], roles: list[str]) -> None:
    told = client.get("/", headers=headers(principal)).get_json()
    assert (told["provider"], told["roles"]) == (principal["auth_typ"], roles)


def test_a_role_lets_in_and_nothing_else_does(client: FlaskClient) -> None:
    welcome = client.get("/admin", headers=headers(entra("admin"))).get_json()
    assert welcome == {"welcome": "joerg@contoso.com"}
    assert client.get("/admin", headers=headers(entra("reader"))).status_code == 403
    # A claim of another kind with that value is no role.
    named = entra(claims=[{"typ": "name", "val": "admin"}])
    assert client.get("/admin", headers=headers(named)).status_code == 403
    assert client.get("/admin").status_code == 401


def test_without_a_sign_in_nobody_is_known(client: FlaskClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.get_json()["sign_in"]) == (401, "/.auth/login/aad")
    # The name alone is nothing that counts.
    assert client.get("/", headers={NAME: "admin", ID: OBJECT}).status_code == 401
    assert client.get("/healthz").get_json() == {"status": "ok"}


@pytest.mark.parametrize("value", [None, "", "false", "TRUE", "1"])
def test_nothing_is_trusted_before_that_is_said(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("TRUST_EASY_AUTH", raising=False)
    if value is not None:
        monkeypatch.setenv("TRUST_EASY_AUTH", value)
    client = app.test_client()
    answer = client.get("/admin", headers=headers(entra("admin")))
    assert (answer.status_code, "TRUST_EASY_AUTH" in answer.text) == (503, True)
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        "not base64!",
        base64.b64encode(b"no json").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        encoded([]),
        encoded({"auth_typ": "aad"}),
        encoded({"claims": {"typ": "roles", "val": "admin"}}),
        base64.b64encode(b"[" * 40_000).decode(),
    ],
)
def test_what_the_platform_does_not_send_is_refused(client: FlaskClient, value: str) -> None:
    answer = client.get("/", headers={PRINCIPAL: value, ID: OBJECT})
    assert answer.status_code == 400
    assert value[:20] not in answer.text


def test_claims_that_are_none_are_passed_over(client: FlaskClient) -> None:
    strange = entra(claims=["admin", {"typ": ROLE}, {"typ": ROLE, "val": 7}, {"typ": ROLE, "val": "reader"}])
    assert client.get("/", headers=headers(strange)).get_json()["roles"] == ["reader"]


def test_a_principal_without_padding_is_read_and_one_too_large_is_not(client: FlaskClient) -> None:
    whole = headers(entra())
    bare = whole | {PRINCIPAL: whole[PRINCIPAL].rstrip("=")}
    assert client.get("/", headers=bare).status_code == 200
    assert client.get("/", headers={PRINCIPAL: "a" * 70_000, ID: OBJECT}).status_code == 431


def test_a_sign_in_without_an_id_is_none(client: FlaskClient) -> None:
    assert client.get("/", headers=headers(entra(), X_MS_CLIENT_PRINCIPAL_ID="")).status_code == 401
