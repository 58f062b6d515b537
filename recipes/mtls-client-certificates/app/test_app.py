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


Made = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def made(name: str | None, start: int = -1, end: int = 1, by: Made | None = None) -> Made:
    """A certificate, good from `start` to `end` days from now, and its key; signed `by` another or itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    now = datetime.datetime.now(datetime.UTC)
    issuer = by[0].subject if by else subject
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + start * DAY)
        .not_valid_after(now + end * DAY)
        .sign(by[1] if by else key, hashes.SHA256())
    ), key


def certificate(name: str | None, start: int = -1, end: int = 1, by: Made | None = None) -> x509.Certificate:
    return made(name, start, end, by)[0]


def pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def header(shown: x509.Certificate) -> dict[str, str]:
    parts = [
        f"Hash={shown.fingerprint(hashes.SHA256()).hex()}",
        f'Cert="{urllib.parse.quote(pem(shown), safe="")}"',
        f'Subject="{shown.subject.rfc4514_string()}"',
        "URI=",
    ]
    return {"X-Forwarded-Client-Cert": ";".join(parts)}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    for name in ["ALLOWED_CERT_COMMON_NAMES", "ALLOWED_CERT_THUMBPRINTS", "ALLOWED_CERT_ISSUERS"]:
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


def test_a_common_name_is_let_in_when_the_issuer_signed(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, other = made("Our CA"), made("Other CA")
    monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", "other.example,client.example")
    monkeypatch.setenv("ALLOWED_CERT_ISSUERS", pem(other[0], ours[0]))
    answer = client.get("/", headers=header(certificate("client.example", by=ours)))
    assert answer.status_code == 200
    assert answer.get_json() == {"common_names": ["client.example"], "admitted_by": "common name and issuer"}
    for name in ["client.example.evil", "CLIENT.example", "client.example,other.example", None]:
        assert client.get("/", headers=header(certificate(name, by=ours))).status_code == 403


def test_a_common_name_alone_lets_nobody_in(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", "client.example")
    ours = made("Our CA")
    of_ours = certificate("client.example", by=ours)
    # Nobody says whose word is taken.
    for shown in [certificate("client.example"), of_ours]:
        assert client.get("/", headers=header(shown)).status_code == 403
    # The right name, signed by itself, by somebody else, and by somebody who only calls himself so.
    monkeypatch.setenv("ALLOWED_CERT_ISSUERS", pem(ours[0]))
    for by in [None, made("Other CA"), made("Our CA")]:
        answer = client.get("/", headers=header(certificate("client.example", by=by)))
        assert (answer.status_code, answer.get_json()) == (
            403,
            {"error": "the client certificate is not in the allow-list"},
        )
    assert client.get("/", headers=header(of_ours)).status_code == 200
    # The authority itself is over.
    past = made("Our CA", -2, -1)
    monkeypatch.setenv("ALLOWED_CERT_ISSUERS", pem(past[0]))
    assert client.get("/", headers=header(certificate("client.example", by=past))).status_code == 403


@pytest.mark.parametrize(
    "value", ["hunter2", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_an_issuer_that_cannot_be_read_lets_nobody_in(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", "client.example")
    monkeypatch.setenv("ALLOWED_CERT_ISSUERS", value)
    answer = client.get("/", headers=header(certificate("client.example")))
    assert answer.status_code == 500
    assert answer.get_json() == {"error": "ALLOWED_CERT_ISSUERS is no certificate"}


def test_without_a_list_nobody_is_let_in(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ["", " , "]:
        monkeypatch.setenv("ALLOWED_CERT_COMMON_NAMES", value)
        assert client.get("/", headers=header(certificate(None))).status_code == 403
        assert client.get("/", headers=header(certificate("client.example"))).status_code == 403


@pytest.mark.parametrize(("start", "end"), [(-2, -1), (1, 2)])
def test_a_certificate_out_of_its_time_is_not_let_in(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, start: int, end: int
) -> None:
    shown = certificate("client.example", start, end)
    monkeypatch.setenv("ALLOWED_CERT_THUMBPRINTS", shown.fingerprint(hashes.SHA256()).hex())
    answer = client.get("/", headers=header(shown))
    assert (answer.status_code, answer.get_json()["error"]) == (
        403,
        "the client certificate is not good at this time",
    )


@pytest.mark.parametrize(
    "value", [None, "", "Hash=00", 'Cert=""', 'Hash=00;Cert="hunter2"', 'XCert="x"', ";", "hunter2"]
)
def test_what_is_no_certificate_is_not_let_in(client: FlaskClient, value: str | None) -> None:
    headers = {} if value is None else {"X-Forwarded-Client-Cert": value}
    answer = client.get("/", headers=headers)
    assert answer.status_code == 401
    assert "hunter2" not in answer.text


def test_what_a_client_wrote_into_its_certificate_is_no_certificate(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, own = certificate("client.example"), certificate("evil.example")
    monkeypatch.setenv("ALLOWED_CERT_THUMBPRINTS", good.fingerprint(hashes.SHA256()).hex())
    of_good, of_own = (header(one)["X-Forwarded-Client-Cert"] for one in (good, own))
    hash_of_good, cert_of_good = of_good.split(";")[:2]
    assert client.get("/", headers={"X-Forwarded-Client-Cert": of_good}).status_code == 200
    for value in [
        # A name in the certificate with marks of the header in it, not quoted.
        f"{of_own}x;{cert_of_good}",
        f"{of_own}x,{of_good}",
        f"{of_good},{of_own}",
        f"{of_own}x;{hash_of_good};{cert_of_good}",
        # Another certificate than the one that was seen.
        f"{of_own.split(';')[0]};{cert_of_good}",
        cert_of_good,
        # What is quoted is no mark.
        f'Subject="CN=x\\";{hash_of_good};{cert_of_good}',
    ]:
        answer = client.get("/", headers={"X-Forwarded-Client-Cert": value})
        assert answer.status_code == 401, value
    quoted = f'Subject="CN=a\\",b;Cert=c";{hash_of_good};{cert_of_good}'
    assert client.get("/", headers={"X-Forwarded-Client-Cert": quoted}).status_code == 200


def test_probes_show_no_certificate(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
