"""Lets in whoever shows a certificate of the allow-list, as the ingress forwards it.

curl --cert client.pem --key client.key https://APP/
"""

import datetime
import os
import re
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

HEADER = "X-Forwarded-Client-Cert"

# Envoy writes `Hash=…;Cert="…";Subject="…"`, of several certificates with commas between. The last is what
# the ingress itself saw.
CERT = re.compile(r'(?:^|[;,])Cert="([^"]*)"', re.IGNORECASE)


class Problem(Exception):
    """Why somebody is not let in, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def listed(name: str) -> set[str]:
    """The values of a variable that the recipe sets on the container."""
    return {part.strip() for part in os.environ.get(name, "").split(",") if part.strip()}


def shown(header: str | None) -> x509.Certificate:
    """The certificate that the ingress forwards: it saw the key used, and did not look at who signed."""
    found = CERT.findall(header or "")
    if not found:
        raise Problem(401, "no client certificate was shown")
    try:
        return x509.load_pem_x509_certificate(urllib.parse.unquote(found[-1]).encode())
    except ValueError:
        raise Problem(401, "the client certificate cannot be read") from None


def common_names(certificate: x509.Certificate) -> set[str]:
    """The common names of the subject; none when the subject has none."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return {str(name.value) for name in names}


def admitted(certificate: x509.Certificate, now: datetime.datetime) -> str:
    """By what a certificate is let in. Without any list nobody is."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Problem(403, "the client certificate is not good at this time")
    wanted = {thumbprint.replace(":", "").upper() for thumbprint in listed("ALLOWED_CERT_THUMBPRINTS")}
    # SHA-1 is what Azure's pages call a thumbprint. It names a certificate here; nothing is signed with it.
    kinds = (hashes.SHA1(), hashes.SHA256())  # noqa: S303
    prints = {certificate.fingerprint(kind).hex().upper() for kind in kinds}
    if prints & wanted:
        return "thumbprint"
    if common_names(certificate) & listed("ALLOWED_CERT_COMMON_NAMES"):
        return "common name"
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
