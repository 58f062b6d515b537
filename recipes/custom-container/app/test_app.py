import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from app import app

HERE = Path(__file__).parent


def test_it_says_that_it_lives() -> None:
    answer = app.test_client().get("/health")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_it_says_which_replica_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_APP_REVISION", "ca-demo--abc1234")
    monkeypatch.delenv("CONTAINER_APP_REPLICA_NAME", raising=False)
    assert app.test_client().get("/").get_json() == {"revision": "ca-demo--abc1234", "replica": None}


@pytest.mark.parametrize("seconds", ["-1", "21", "nan", "inf"])
def test_a_slow_answer_has_a_limit(seconds: str) -> None:
    answer = app.test_client().get(f"/slow?seconds={seconds}")
    assert (answer.status_code, answer.get_json()) == (400, {"error": "seconds is a number from 0 to 20"})


def test_a_request_in_progress_is_answered_when_the_replica_ends() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    lines = (HERE / "Dockerfile").read_text().splitlines()
    command: list[str] = json.loads(lines[-1].removeprefix("CMD "))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    # As the image has it, and HTTP only to this machine.
    environment |= {"PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    server = subprocess.Popen(command, cwd=HERE, env=environment)
    try:
        answers: list[Any] = []

        def ask() -> None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/slow?seconds=2", timeout=30) as answer:
                answers.append(json.load(answer))

        wait_for(port, server)
        asking = threading.Thread(target=ask)
        asking.start()
        # The request is in progress: it takes two seconds.
        time.sleep(0.7)
        server.send_signal(signal.SIGTERM)
        asking.join(timeout=30)
        assert server.wait(timeout=30) == 0
        assert answers == [{"seconds": 2.0}]
    finally:
        server.kill()
        server.wait()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
