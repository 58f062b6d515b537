"""Makes thumbnails, and says which libraries its native packages brought: three packages with native code."""

import io
import os

import psycopg
from cryptography.hazmat.backends.openssl import backend
from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue
from PIL import Image, UnidentifiedImageError, features

app = Flask(__name__)
# A picture is read into memory as a whole.
app.config["MAX_CONTENT_LENGTH"] = 8 * 1024 * 1024
LONGEST_SIDE = 128


@app.get("/healthz")
def healthz() -> ResponseReturnValue:
    return jsonify(status="ok")


@app.get("/")
def libraries() -> ResponseReturnValue:
    # None of these is Python: that they answer shows that the image has what they need.
    return jsonify(
        libjpeg=features.version("jpg"),
        libpq=psycopg.pq.version(),
        openssl=backend.openssl_version_text(),
    )


@app.post("/thumbnail")
def thumbnail() -> ResponseReturnValue:
    try:
        with Image.open(io.BytesIO(request.get_data())) as picture:
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            small = io.BytesIO()
            picture.convert("RGB").save(small, "JPEG")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError):
        return jsonify(error="this is no picture that can be read"), 415
    return Response(small.getvalue(), mimetype="image/jpeg")


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
