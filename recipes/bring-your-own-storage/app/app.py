"""Keeps files on a share that is mounted into the container and that other replicas and apps see too.

`curl -X PUT --data-binary hello https://APP/files/greeting` writes one, `curl https://APP/files/greeting`
reads it, `curl https://APP/files` lists them.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

T = TypeVar("T")

MAX_BYTES = 1_000_000
# A share whose server is gone blocks whoever asks, for minutes and beyond any signal. So the mount is asked
# from threads of its own that are waited for this long, and of which there are only so many.
HEALTH_SECONDS = 0.5
FILE_SECONDS = 20.0
THREADS = 16


class Problem(Exception):
    """What stands in the way, in words for whoever asked, and the status of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def mount() -> Path:
    """Where the recipe mounts the share: its `mount_path`, which MOUNT_PATH names if it is another."""
    path = Path(os.environ.get("MOUNT_PATH") or "/mnt/shared")
    if not path.is_dir():
        raise Problem(503, f"there is no {path}: the share is not mounted, or MOUNT_PATH is another path")
    if not os.path.ismount(path):
        # What is written there would be seen by nobody else and end with the container.
        raise Problem(503, f"{path} is a folder of the container: the share is not mounted")
    return path


def file(name: str) -> Path:
    """The path of a file; only plain names, so that none leads out of the share or to a hidden file."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", name):
        raise Problem(400, "a name has up to 100 letters, digits, points, hyphens and underscores")
    return mount() / name


def write(name: str, body: bytes) -> None:
    """All of it or nothing: whoever reads meanwhile sees the file as it was or as it will be."""
    path = file(name)
    # As other apps may read it; mkstemp would make it readable for this one's user alone.
    temporary = path.with_name(f".writing-{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read(name: str) -> bytes:
    # Others write to the share: a link of theirs is not followed, a pipe of theirs not waited for.
    handle = os.open(file(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as it:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileNotFoundError
        return it.read(MAX_BYTES)


def names() -> list[str]:
    return sorted(entry.name for entry in os.scandir(mount()) if entry.name[0] != "." and entry.is_file())


def health() -> dict[str, object]:
    path = mount()
    # Asks the server of the share; writes nothing.
    read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return {"status": "ok", "mount": str(path), "writable": not read_only}


def explain(error: OSError) -> Problem:
    """What the operating system's refusal means for a share."""
    if error.errno in (errno.ENOENT, errno.ELOOP) or isinstance(error, FileNotFoundError):
        return Problem(404, "there is no such file")
    if error.errno == errno.EROFS:
        return Problem(502, "the share is mounted read-only: the environment's storage says ReadOnly")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Problem(502, f"user {os.getuid()} of the container may not do this on the share")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(507, "the share is full")
    return Problem(503, f"the share failed ({errno.errorcode.get(error.errno or 0, type(error).__name__)})")


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    slots = threading.BoundedSemaphore(THREADS)

    def within(seconds: float, work: Callable[[], T]) -> T:
        silent = Problem(503, f"the share does not answer within {seconds:g} s")
        if not slots.acquire(blocking=False):
            raise silent
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)
            finally:
                slots.release()

        # A daemon: one that hangs does not keep the process from ending.
        threading.Thread(target=run, daemon=True).start()
        try:
            return answer.result(timeout=seconds)
        except TimeoutError:
            raise silent from None

    @app.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        return jsonify(error=str(error)), error.status

    @app.errorhandler(OSError)
    def failed(error: OSError) -> ResponseReturnValue:
        return problem(explain(error))

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        # For a readiness probe: a replica without its share gets no requests.
        return jsonify(within(HEALTH_SECONDS, health))

    @app.get("/files")
    def listing() -> ResponseReturnValue:
        return jsonify(files=within(FILE_SECONDS, names))

    @app.put("/files/<name>")
    def put(name: str) -> ResponseReturnValue:
        body = request.get_data()
        within(FILE_SECONDS, lambda: write(name, body))
        return jsonify(name=name, bytes=len(body))

    @app.get("/files/<name>")
    def get(name: str) -> ResponseReturnValue:
        body = within(FILE_SECONDS, lambda: read(name))
        # Whatever was written, a browser must not run it as a page of this app.
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(body, mimetype="application/octet-stream", headers=headers)

    return app


app = create_app()

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
