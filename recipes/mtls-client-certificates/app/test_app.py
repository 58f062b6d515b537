"""The app behind a header as Envoy writes it, with real certificates. Run with pytest."""

import datetime
import urllib.parse

import pytest
from app import create_app
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from flask.testing import FlaskClient

DAY = datetime.timedelta(days=1)


def certificate(name: str | None, start: int = -1, end: int = 1) -> x509.Certificate:
    """A self-signed certificate, good from `start` to `end` days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []
    subject = x509.Name(attributes)
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + start * DAY)
        .not_valid_after(now + end * DAY)
        .sign(key, hashes.SHA256())
    )


def header(shown: x509.Certificate) -> dict[str, str]:
    pem = shown.public_bytes(serialization.Encoding.PEM).decode()
    parts = [f"Hash={shown.fingerprint(hashes.SHA256()).hex()}", f'Cert="{urllib.parse.quote(pem, safe="")}"']
    return {"X-Forwarded-Client-Cert": ";".join([*parts, f'Subject="{shown.subject.rfc4514_string()}"'])}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    for name in ["ALLOWED_CERT_COMMON_NAMES", "ALLOWED_CERT_THUMBPRINTS"]:
        monkeypatch.delenv(name, raising=False)
    return create_app().test_client()


def test_a_thumbprint_of_the_list_is_let_in(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = certificate("client.example")
    for kind in (hashes.SHA1(), hashes.SHA256()):
        digits = shown.fingerprint(kind).hex()
        colons = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
        for written in [digits, digits.upper(), colons]:
            monkeypatch.setenv("ALLOWED_CERT_THUMBPRINTS", f"00, {written}")
            answer = client.get("/", headers=header(shown))
            assert answer.status_code == 200
            assert answer.get_json() == {"common_names": ["client.example"], "admitted_by": "thumbprint"}
    # Another certificate of the same name is another one.
    assert client.get("/", headers=header(certificate("client.example"))).status_code == 403


def test_a_common_name_of_the_list_is_let_in(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", "other.example,client.example")
    assert client.get("/", headers=header(certificate("client.example"))).status_code == 200
    for name in ["client.example.evil", "CLIENT.example", "client.example,other.example", None]:
        assert client.get("/", headers=header(certificate(name))).status_code == 403


def test_without_a_list_nobody_is_let_in(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ["", " , "]:
        monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", value)
        assert client.get("/", headers=header(certificate(None))).status_code == 403
        assert client.get("/", headers=header(certificate("client.example"))).status_code == 403


@pytest.mark.parametrize(("start", "end"), [(-2, -1), (1, 2)])
def test_a_certificate_out_of_its_time_is_not_let_in(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, start: int, end: int
) -> None:
    monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", "client.example")
    answer = client.get("/", headers=header(certificate("client.example", start, end)))
    assert (answer.status_code, answer.get_json()["error"]) == (
        403,
        "the client certificate is not good at this time",
    )


@pytest.mark.parametrize("value", [None, "", "Hash=00", 'Cert=""', 'Cert="hunter2"', 'XCert="x"'])
def test_what_is_no_certificate_is_not_let_in(client: FlaskClient, value: str | None) -> None:
    headers = {} if value is None else {"X-Forwarded-Client-Cert": value}
    answer = client.get("/", headers=headers)
    assert answer.status_code == 401
    assert "hunter2" not in answer.text


def test_of_several_the_last_counts(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", "client.example")
    first, last = header(certificate("client.example")), header(certificate("other.example"))
    both = f"{first['X-Forwarded-Client-Cert']},{last['X-Forwarded-Client-Cert']}"
    assert client.get("/", headers={"X-Forwarded-Client-Cert": both}).status_code == 403


def test_probes_show_no_certificate(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
