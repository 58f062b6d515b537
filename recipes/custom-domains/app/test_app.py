"""The sample behind a custom domain, as the ingress calls it."""

from collections.abc import Iterator

import pytest
from app import app
from flask.testing import FlaskClient

HOST = "shop.contoso.example"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setenv("ALLOWED_HOSTS", f"{HOST}, www.contoso.example")
    monkeypatch.setenv("CONTAINER_APP_NAME", "ca-demo")
    monkeypatch.setenv("CONTAINER_APP_ENV_DNS_SUFFIX", "happyfield.westeurope.azurecontainerapps.io")
    with app.test_client() as client:
        yield client


def over(scheme: str, host: str = HOST) -> dict[str, str]:
    return {"Host": host, "X-Forwarded-Proto": scheme}


def test_links_have_the_name_and_scheme_of_the_visitor(client: FlaskClient) -> None:
    answer = client.get("/", headers=over("https"))
    assert answer.status_code == 200
    assert answer.get_json()["link"] == f"https://{HOST}/"
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_http_is_sent_on_to_https_once(client: FlaskClient) -> None:
    answer = client.get("/?page=2", headers=over("http"))
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://{HOST}/?page=2")
    assert "Strict-Transport-Security" not in answer.headers


def test_a_request_without_the_header_is_no_visitors(client: FlaskClient) -> None:
    # From within the environment or a probe: nothing is known of its scheme, so that nothing can loop.
    assert client.get("/", headers={"Host": HOST}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "shop.contoso.example.evil.example", ""])
def test_another_host_is_refused(client: FlaskClient, host: str) -> None:
    answer = client.get("/", headers=over("https", host))
    assert answer.status_code == 421
    assert "evil" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "host",
    ["SHOP.contoso.example", "www.contoso.example", "ca-demo.happyfield.westeurope.azurecontainerapps.io"],
)
def test_its_own_names_are_served_in_any_case(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers=over("https", host)).status_code == 200


def test_a_host_that_a_client_forwards_itself_counts_for_nothing(client: FlaskClient) -> None:
    answer = client.get("/", headers={**over("https"), "X-Forwarded-Host": "evil.example"})
    assert answer.get_json()["host"] == HOST


def test_probes_come_by_address(client: FlaskClient) -> None:
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_without_names_every_host_is_served(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["ALLOWED_HOSTS", "CONTAINER_APP_NAME"]:
        monkeypatch.delenv(name)
    assert client.get("/", headers=over("https", "any.example")).status_code == 200
