"""Lets in whoever shows a certificate of the allow-list, as the ingress forwards it.

curl --cert client.pem --key client.key https://APP/
"""

import datetime
import os
import re
import urllib.parse

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

HEADER = "X-Forwarded-Client-Cert"

# Envoy writes `Hash=…;Cert="…";Chain="…"`: one element a certificate, with commas between. What has such
# marks in it is quoted, with `\"` for a quote in it; of `URI=` and `DNS=`, that is not sure.
PAIR = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)\s*')


class Problem(Exception):
    """Why somebody is not let in, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def listed(name: str) -> set[str]:
    """The values of a variable that the recipe sets on the container."""
    return {part.strip() for part in os.environ.get(name, "").split(",") if part.strip()}


def element(header: str) -> list[tuple[str, str]]:
    """The pairs of the header's one element, names in small letters.

    The ingress takes away what the client sent and writes one element. Whatever else is there may be words of
    the client's, such as a name in its certificate with a comma in it: then nobody is let in.
    """
    pairs, at = [], 0
    while True:
        found = PAIR.match(header, at)
        if not found:
            break
        pairs.append((found[1].lower(), found[2].removeprefix('"').removesuffix('"')))
        at = found.end()
        if at == len(header):
            return pairs
        if header[at] != ";":
            break
        at += 1
    raise Problem(401, "the forwarded client certificate is not in the ingress's form")


def shown(header: str | None) -> x509.Certificate:
    """The certificate that the ingress forwards: it saw the key used, and did not look at who signed."""
    if not header:
        raise Problem(401, "no client certificate was shown")
    pairs = element(header)
    certs, hashed = ([value for name, value in pairs if name == wanted] for wanted in ("cert", "hash"))
    if len(certs) != 1 or len(hashed) != 1:
        raise Problem(401, "the forwarded client certificate is not in the ingress's form")
    try:
        certificate = x509.load_pem_x509_certificate(urllib.parse.unquote(certs[0]).encode())
    except ValueError:
        raise Problem(401, "the client certificate cannot be read") from None
    if certificate.fingerprint(hashes.SHA256()).hex() != hashed[0].lower():
        raise Problem(401, "the client certificate is not the one that the ingress saw")
    return certificate


def common_names(certificate: x509.Certificate) -> set[str]:
    """The common names of the subject; none when the subject has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return {str(name.value) for name in names}


def good(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    """Whether a certificate is good at this time."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def issuers() -> list[x509.Certificate]:
    """The authorities whose word on a name is taken: the certificates that sign those of clients."""
    pem = os.environ.get("ALLOWED_CERT_ISSUERS", "").strip()
    try:
        return x509.load_pem_x509_certificates(pem.encode()) if pem else []
    except ValueError:
        raise Problem(500, "ALLOWED_CERT_ISSUERS is no certificate") from None


def signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's own key has signed the certificate."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def admitted(certificate: x509.Certificate, now: datetime.datetime) -> str:
    """By what a certificate is let in. Without any list nobody is."""
    if not good(certificate, now):
        raise Problem(403, "the client certificate is not good at this time")
    wanted = {thumbprint.replace(":", "").upper() for thumbprint in listed("ALLOWED_CERT_THUMBPRINTS")}
    # SHA-1 is what Azure's pages call a thumbprint. It names a certificate here; nothing is signed with it.
    kinds = (hashes.SHA1(), hashes.SHA256())  # noqa: S303
    prints = {certificate.fingerprint(kind).hex().upper() for kind in kinds}
    if prints & wanted:
        return "thumbprint"
    # Anybody can write a name into a certificate of their own: it counts when an authority says so.
    if common_names(certificate) & listed("ALLOWED_CERT_COMMON_NAMES") and any(
        good(issuer, now) and signed(certificate, issuer) for issuer in issuers()
    ):
        return "common name and issuer"
    raise Problem(403, "the client certificate is not in the allow-list")


def create_app() -> Flask:
    """The app."""
    app = Flask(__name__)

    @app.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        return jsonify(error=str(error)), error.status

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        # For probes, which show no certificate.
        return jsonify(status="ok")

    @app.get("/")
    def who() -> ResponseReturnValue:
        certificate = shown(request.headers.get(HEADER))
        by = admitted(certificate, datetime.datetime.now(datetime.UTC))
        return jsonify(common_names=sorted(common_names(certificate)), admitted_by=by)

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
