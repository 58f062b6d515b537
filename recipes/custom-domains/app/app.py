"""Answers under its own domain only, and makes links that work behind the ingress."""

import os

from flask import Flask, Response, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
# The ingress ends TLS and says in one header each what the client asked for. It is the only proxy: what a
# client sends of these headers itself, the ingress has replaced.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=0)  # type: ignore[method-assign]


def hosts() -> set[str]:
    """The names that the app answers under: those it was told, and the one that Azure gave it."""
    told = [name.strip().lower() for name in os.environ.get("ALLOWED_HOSTS", "").split(",")]
    own, suffix = os.environ.get("CONTAINER_APP_NAME"), os.environ.get("CONTAINER_APP_ENV_DNS_SUFFIX")
    azure = [f"{own}.{suffix}".lower()] if own and suffix else []
    return {name for name in [*told, *azure] if name}


@app.before_request
def checked() -> ResponseReturnValue | None:
    # Probes of the platform come by address, not by name.
    if request.path == "/healthz":
        return None
    allowed = hosts()
    # A link made from any Host header could lead whoever follows it anywhere.
    if allowed and request.host.split(":")[0].lower() not in allowed:
        return jsonify(error="this host is not served here"), 421
    if request.scheme == "http" and request.headers.get("X-Forwarded-Proto"):
        return redirect(request.url.replace("http://", "https://", 1), code=308)
    return None


@app.after_request
def strict(response: Response) -> Response:
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    return jsonify(status="ok")


@app.get("/")
def hello() -> ResponseReturnValue:
    return jsonify(host=request.host, scheme=request.scheme, link=url_for("hello", _external=True))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
