import io

from app import LONGEST_SIDE, app
from PIL import Image


def picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (200, 30, 30, 128)).save(out, "PNG")
    return out.getvalue()


def test_every_native_library_answers() -> None:
    answer = app.test_client().get("/").get_json()
    assert set(answer) == {"libjpeg", "libpq", "openssl"}
    assert answer["libjpeg"] and answer["libpq"] >= 160000
    assert answer["openssl"].startswith("OpenSSL ")


def test_a_picture_becomes_a_small_jpeg() -> None:
    answer = app.test_client().post("/thumbnail", data=picture(640, 320))
    assert (answer.status_code, answer.mimetype) == (200, "image/jpeg")
    with Image.open(io.BytesIO(answer.data)) as small:
        assert (small.format, small.size) == ("JPEG", (LONGEST_SIDE, LONGEST_SIDE // 2))


def test_what_is_no_picture_is_refused() -> None:
    for data in [b"", b"no picture", picture(64, 64)[:40]]:
        answer = app.test_client().post("/thumbnail", data=data)
        assert answer.status_code == 415
        assert answer.get_json() == {"error": "this is no picture that can be read"}


def test_what_is_too_long_is_not_read() -> None:
    answer = app.test_client().post("/thumbnail", data=b"x" * (8 * 1024 * 1024 + 1))
    assert answer.status_code == 413
