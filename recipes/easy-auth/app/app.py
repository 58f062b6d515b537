"""Tells who signed in, from the headers that Container Apps puts on a request after its sign-in.

curl https://APP/healthz
curl https://APP/            in a browser: the sign-in, then who you are
curl https://APP/admin       only with the app role `admin`

Without built-in authentication before it, anybody could send these headers. So nothing in them counts until
TRUST_EASY_AUTH is `true`, which is set once `acarecipe verify easy-auth` has passed.
"""

import base64
import binascii
import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import Headers

PRINCIPAL = "X-MS-CLIENT-PRINCIPAL"
ID = "X-MS-CLIENT-PRINCIPAL-ID"
NAME = "X-MS-CLIENT-PRINCIPAL-NAME"
PROVIDER = "X-MS-CLIENT-PRINCIPAL-IDP"

# More than any identity provider sends; a header is at most some kilobytes.
MAX_HEADER = 64 * 1024


class Refused(Exception):
    """Why somebody is not let in, in words for them, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class User:
    """Who signed in."""

    id: str
    name: str
    provider: str
    roles: frozenset[str]
    claims: tuple[tuple[str, str], ...]


def user_of(headers: Headers) -> User:
    """Who the platform says has signed in."""
    if os.environ.get("TRUST_EASY_AUTH") != "true":
        raise Refused(503, "TRUST_EASY_AUTH is not set: nothing stands for the headers of a sign-in")
    encoded = headers.get(PRINCIPAL, "")
    if not encoded:
        raise Refused(401, "nobody has signed in")
    principal = decoded(encoded)
    claims = tuple(
        (entry["typ"], entry["val"])
        for entry in principal["claims"]
        if isinstance(entry, dict) and isinstance(entry.get("typ"), str) and isinstance(entry.get("val"), str)
    )
    kinds = {kind for kind in (principal.get("role_typ"), "roles") if isinstance(kind, str)}
    user = User(
        id=headers.get(ID, ""),
        name=headers.get(NAME, ""),
        provider=str(principal.get("auth_typ") or headers.get(PROVIDER, "")),
        roles=frozenset(value for kind, value in claims if kind in kinds),
        claims=claims,
    )
    # The id is what tells one person from another; a name can be changed, or be somebody else's tomorrow.
    if not user.id:
        raise Refused(401, "the sign-in has no id")
    return user


def decoded(encoded: str) -> dict[str, Any]:
    """The principal: base64 of JSON, `{auth_typ, name_typ, role_typ, claims: [{typ, val}]}`."""
    if len(encoded) > MAX_HEADER:
        raise Refused(431, "the sign-in is too large")
    try:
        # Whoever sends it may leave out what pads it.
        value = json.loads(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Refused(400, f"{PRINCIPAL} is not what the platform sends") from error
    if not isinstance(value, dict) or not isinstance(value.get("claims"), list):
        raise Refused(400, f"{PRINCIPAL} is not what the platform sends")
    return value


def only(role: str) -> Callable[[Callable[[User], ResponseReturnValue]], Callable[[], ResponseReturnValue]]:
    """A view for those who have this app role."""

    def guarded(view: Callable[[User], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
        @functools.wraps(view)
        def call() -> ResponseReturnValue:
            user = user_of(request.headers)
            if role not in user.roles:
                raise Refused(403, f"the role `{role}` is needed")
            return view(user)

        return call

    return guarded


app = Flask(__name__)


@app.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    return jsonify(error=str(error), sign_in="/.auth/login/aad"), error.status


@app.get("/healthz")
def health() -> ResponseReturnValue:
    # For excluded_paths: it tells nothing that somebody who has not signed in should not know.
    return jsonify(status="ok")


@app.get("/")
def home() -> ResponseReturnValue:
    user = user_of(request.headers)
    return jsonify(
        id=user.id,
        name=user.name,
        provider=user.provider,
        roles=sorted(user.roles),
        # Which claims there are, not what is in them.
        claims=sorted({kind for kind, _ in user.claims}),
        sign_out="/.auth/logout",
    )


@app.get("/admin")
@only("admin")
def admin(user: User) -> ResponseReturnValue:
    return jsonify(welcome=user.name)


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
