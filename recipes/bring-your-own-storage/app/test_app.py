"""The app on a mounted file system of its own: a tmpfs where the tests may mount one (as root).

Elsewhere the machine's own tmpfs, /dev/shm, serves, and what needs the mount to be read-only, full or away is
skipped; the run says which it was. A tmpfs is no SMB and no NFS: what a share's server does is not tried.
"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import app as sample
import pytest
from app import create_app
from flask.testing import FlaskClient


@dataclass
class Mounted:
    path: Path
    # Whether it is the tests' own, to be remounted and filled as they like.
    own: bool

    def mine(self) -> None:
        if not self.own:
            pytest.skip("the mount is the machine's")

    def remount(self, options: str) -> None:
        self.mine()
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True)

    def hidden(self) -> list[str]:
        return [name for name in os.listdir(self.path) if name.startswith(".writing-")]


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[Mounted]:
    """A mounted file system of one megabyte, or the machine's."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "acarecipe-test", folder]
        own = subprocess.run(command, capture_output=True).returncode == 0
        mounted = Mounted(Path(folder) if own else Path("/dev/shm"), own)
        with capture.global_and_fixture_disabled():
            kind = "a tmpfs of its own" if own else "/dev/shm, as none could be mounted"
            print(f"\nthe mount of these tests: {kind}")
        try:
            yield mounted
        finally:
            if own:
                subprocess.run(["umount", folder], check=True)


@pytest.fixture
def mounted(place: Mounted, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mounted]:
    before = set(os.listdir(place.path))
    monkeypatch.setenv("MOUNT_PATH", str(place.path))
    yield place
    if place.own:
        place.remount("rw")
    for name in set(os.listdir(place.path)) - before:
        (place.path / name).unlink()


@pytest.fixture
def client(mounted: Mounted) -> FlaskClient:
    return create_app().test_client()


def error(answer: Any) -> str:
    return str(answer.get_json()["error"])


def test_a_file_is_written_read_and_listed(client: FlaskClient, mounted: Mounted) -> None:
    body = bytes(range(256))
    answer = client.put("/files/acarecipe-first.bin", data=body)
    assert answer.get_json() == {"name": "acarecipe-first.bin", "bytes": 256}
    answer = client.get("/files/acarecipe-first.bin")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, body, "application/octet-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "acarecipe-first.bin" in client.get("/files").get_json()["files"]
    written = mounted.path / "acarecipe-first.bin"
    assert written.read_bytes() == body
    # Other apps run as other users.
    assert written.stat().st_mode & 0o044 == 0o044
    assert mounted.hidden() == []


def test_health_says_where_and_whether_writable(client: FlaskClient, mounted: Mounted) -> None:
    answer = client.get("/healthz")
    assert answer.get_json() == {"status": "ok", "mount": str(mounted.path), "writable": True}


def test_a_reader_never_sees_half_a_file(client: FlaskClient, mounted: Mounted) -> None:
    bodies = [b"a" * 100_000, b"b" * 50_000]
    client.put("/files/acarecipe-shared", data=bodies[0])
    done = threading.Event()

    def write() -> None:
        with create_app().test_client() as other:
            for turn in range(60):
                other.put("/files/acarecipe-shared", data=bodies[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    # Another app reads the file itself, as fast as it can.
    seen = set()
    while not done.is_set():
        seen.add((mounted.path / "acarecipe-shared").read_bytes())
    writer.join()
    assert seen <= set(bodies), sorted(map(len, seen))


def test_a_write_that_fails_half_way_leaves_the_file_and_nothing_else(
    client: FlaskClient, mounted: Mounted
) -> None:
    mounted.mine()
    client.put("/files/acarecipe-kept", data=b"as it was")
    client.put("/files/acarecipe-filler", data=b"x" * 600_000)
    answer = client.put("/files/acarecipe-kept", data=b"y" * 900_000)
    assert (answer.status_code, error(answer)) == (507, "the share is full")
    assert client.get("/files/acarecipe-kept").data == b"as it was"
    assert mounted.hidden() == []


def test_a_read_only_mount_is_told(client: FlaskClient, mounted: Mounted) -> None:
    client.put("/files/acarecipe-kept", data=b"readable")
    mounted.remount("ro")
    answer = client.put("/files/acarecipe-kept", data=b"other")
    assert (answer.status_code, error(answer)) == (
        502,
        "the share is mounted read-only: the environment's storage says ReadOnly",
    )
    assert client.get("/files/acarecipe-kept").data == b"readable"
    assert client.get("/healthz").get_json()["writable"] is False


def test_a_folder_that_is_no_mount_is_told_and_not_written_to(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOUNT_PATH", str(tmp_path))
    for answer in [client.get("/healthz"), client.put("/files/a", data=b"a"), client.get("/files")]:
        assert (answer.status_code, error(answer)) == (
            503,
            f"{tmp_path} is a folder of the container: the share is not mounted",
        )
    assert os.listdir(tmp_path) == []


def test_a_path_that_is_not_there_is_told(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOUNT_PATH", "/no/such/path")
    answer = client.get("/healthz")
    assert answer.status_code == 503 and error(answer).startswith("there is no /no/such/path:")
    # Unset, it is the recipe's own default.
    monkeypatch.delenv("MOUNT_PATH")
    assert "/mnt/shared" in error(client.get("/healthz"))


def test_a_share_that_hangs_is_told_within_a_second(
    client: FlaskClient, mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hang(path: Path) -> None:
        released.wait()

    monkeypatch.setattr(os, "statvfs", hang)
    threads = threading.active_count()
    start = time.monotonic()
    answer = client.get("/healthz")
    assert time.monotonic() - start < 1
    assert (answer.status_code, error(answer)) == (503, "the share does not answer within 0.5 s")
    # However often it is asked, only so many wait; further ones are told at once.
    monkeypatch.setattr(sample, "HEALTH_SECONDS", 0.01)
    for _ in range(2 * sample.THREADS):
        assert client.get("/healthz").status_code == 503
    assert threading.active_count() <= threads + sample.THREADS
    released.set()


@pytest.mark.parametrize("name", ["..", ".hidden", "%2e%2e%2fetc%2fpasswd", "a%00b", "a b", "x" * 101])
def test_names_that_lead_elsewhere_are_refused(client: FlaskClient, name: str) -> None:
    for answer in [client.get(f"/files/{name}"), client.put(f"/files/{name}", data=b"a")]:
        # What is no single segment is no route at all.
        assert answer.status_code in (400, 404, 405), name


def test_links_and_pipes_of_others_are_no_files(client: FlaskClient, mounted: Mounted) -> None:
    (mounted.path / "acarecipe-link").symlink_to("/etc/passwd")
    os.mkfifo(mounted.path / "acarecipe-pipe")
    for name in ["acarecipe-link", "acarecipe-pipe", "acarecipe-none"]:
        answer = client.get(f"/files/{name}")
        assert (answer.status_code, error(answer)) == (404, "there is no such file"), name


def test_a_link_is_replaced_and_not_followed(client: FlaskClient, mounted: Mounted, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (mounted.path / "acarecipe-link").symlink_to(outside)
    assert client.put("/files/acarecipe-link", data=b"theirs").status_code == 200
    assert outside.read_text() == "mine"


def test_too_much_is_refused(client: FlaskClient) -> None:
    assert client.put("/files/acarecipe-large", data=b"x" * 1_000_001).status_code == 413
