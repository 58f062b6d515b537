"""The job as a process: its exit codes, its signals, its log. Run with pytest.

The queue is a folder of files that stands in for Service Bus behind the interface of app.py; everything else
is the real process. What Service Bus itself refuses is told apart by what `explain` makes of SDK errors.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from app import Message, Queue, ServiceBusQueue, explain, main
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError
from azure.servicebus import ServiceBusMessage, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    ServiceBusAuthorizationError,
    ServiceBusConnectionError,
)

HERE = Path(__file__).parent


@dataclass
class File:
    """A message: a file of the folder `waiting`, moved to `locked` while somebody is at work on it."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def body(self) -> bytes:
        return self.path.read_bytes()


class Folder:
    """A queue with locks: what is neither completed nor set aside can be found in it again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ["waiting", "locked", "done", "dead"]:
            (folder / name).mkdir(exist_ok=True)

    def receive(self, seconds: float) -> Message | None:
        waiting = sorted((self.folder / "waiting").iterdir())
        return File(waiting[0].rename(self.folder / "locked" / waiting[0].name)) if waiting else None

    def move(self, message: Message, to: str) -> None:
        (self.folder / "locked" / message.id).rename(self.folder / to / message.id)

    def complete(self, message: Message) -> None:
        self.move(message, "done")

    def abandon(self, message: Message) -> None:
        self.move(message, "waiting")

    def dead_letter(self, message: Message, reason: str) -> None:
        self.move(message, "dead")

    def names(self) -> dict[str, list[str]]:
        return {one.name: sorted(file.name for file in one.iterdir()) for one in self.folder.iterdir()}


@contextlib.contextmanager
def opened() -> Iterator[Queue]:
    yield Folder(Path(os.environ["TEST_QUEUE"]))


class Job:
    """The job's process and its queue."""

    def __init__(self, folder: Path) -> None:
        self.queue = Folder(folder)

    def put(self, name: str, **order: object) -> None:
        (self.queue.folder / "waiting" / name).write_text(json.dumps({"id": name, **order}))

    def start(self, **variables: str) -> subprocess.Popen[str]:
        environment = {"PATH": os.environ["PATH"], "TEST_QUEUE": str(self.queue.folder), **variables}
        command = [sys.executable, "-c", "import sys, app, test_app; sys.exit(app.main(test_app.opened))"]
        return subprocess.Popen(command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True)

    def run(self, **variables: str) -> tuple[int, list[dict[str, Any]]]:
        return ended(self.start(**variables))


def ended(process: subprocess.Popen[str]) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and what was logged: every line of it one object."""
    out, _ = process.communicate(timeout=60)
    return process.returncode, [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_it_works_until_the_queue_is_empty_and_ends_well(job: Job) -> None:
    job.put("first", secret="hidden")
    job.put("second")
    code, lines = job.run()
    assert code == 0
    assert job.queue.names() == {"waiting": [], "locked": [], "done": ["first", "second"], "dead": []}
    assert [line["message"] for line in lines] == ["a message was worked on"] * 2 + ["nothing more to do"]
    assert [line.get("id") for line in lines] == ["first", "second", None]
    assert {line["level"] for line in lines} == {"info"} and lines[-1]["done"] == 2
    assert "hidden" not in json.dumps(lines)


def test_an_empty_queue_is_no_failure(job: Job) -> None:
    assert job.run() == (0, [{"level": "info", "message": "nothing more to do", "done": 0}])


def test_it_takes_no_more_than_it_shall(job: Job) -> None:
    for name in ["a", "b", "c"]:
        job.put(name)
    code, _ = job.run(MAX_MESSAGES="2")
    assert code == 0 and job.queue.names()["waiting"] == ["c"]


def test_a_message_that_fails_waits_again_and_the_execution_has_failed(job: Job) -> None:
    job.put("bad", fail=True, secret="hidden")
    job.put("good")
    code, lines = job.run()
    assert code == 1
    assert job.queue.names() == {"waiting": ["bad", "good"], "locked": [], "done": [], "dead": []}
    assert lines == [
        {
            "level": "error",
            "message": "a message failed and waits again",
            "id": "bad",
            "error": "RuntimeError",
        }
    ]


@pytest.mark.parametrize(("body", "why"), [("not json", "it is no JSON"), ("{}", "it has no id")])
def test_what_nobody_can_read_is_set_aside_and_the_rest_goes_on(job: Job, body: str, why: str) -> None:
    (job.queue.folder / "waiting" / "a").write_text(body)
    job.put("b")
    code, lines = job.run()
    assert code == 0
    assert job.queue.names() == {"waiting": [], "locked": [], "done": ["b"], "dead": ["a"]}
    assert lines[0] == {"level": "error", "message": "a message was set aside", "id": "a", "reason": why}


def test_told_to_stop_it_finishes_what_it_has_and_leaves_the_rest(job: Job) -> None:
    job.put("a", seconds=2)
    job.put("b")
    process = job.start()
    deadline = time.monotonic() + 30
    while job.queue.names()["locked"] != ["a"]:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    code, lines = ended(process)
    # As a process that SIGTERM ended: neither done nor failed.
    assert code == 143
    assert job.queue.names() == {"waiting": ["b"], "locked": [], "done": ["a"], "dead": []}
    assert lines[-1] == {"level": "warning", "message": "stopped before the queue was empty", "done": 1}


def test_killed_it_loses_nothing(job: Job) -> None:
    job.put("a", seconds=30)
    process = job.start()
    deadline = time.monotonic() + 30
    while job.queue.names()["locked"] != ["a"]:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait(timeout=30) == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()
    # Service Bus lets go of the lock after its time; here it is still held, and nothing counts as done.
    assert job.queue.names() == {"waiting": [], "locked": ["a"], "done": [], "dead": []}


@pytest.mark.parametrize("value", ["0", "-1", "many", ""])
def test_a_limit_that_is_none_is_told(job: Job, value: str) -> None:
    job.put("a")
    code, lines = job.run(MAX_MESSAGES=value)
    assert (code, lines[0]["message"]) == (2, f"MAX_MESSAGES is {value!r}, which is no number above 0")
    assert job.queue.names()["waiting"] == ["a"]


@pytest.mark.parametrize("name", ["SERVICEBUS_HOST", "SERVICEBUS_QUEUE"])
def test_the_command_of_the_image_names_a_variable_that_is_not_set(name: str) -> None:
    variables = {"SERVICEBUS_HOST": "sb-demo.servicebus.localhost", "SERVICEBUS_QUEUE": "orders"}
    del variables[name]
    environment = {"PATH": os.environ["PATH"], **variables}
    command = [sys.executable, "app.py"]
    code, lines = ended(
        subprocess.Popen(command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True)
    )
    assert code == 2
    assert lines == [
        {
            "level": "error",
            "message": f"{name} is not set; the recipe `jobs` sets it when a queue is named",
        }
    ]


def test_the_recipe_sets_the_variables_that_are_read() -> None:
    recipe = (HERE.parent / "recipe.yaml").read_text()
    assert all(f"name: {name}" in recipe for name in ["SERVICEBUS_HOST", "SERVICEBUS_QUEUE"])


def test_the_queue_of_service_bus_is_used_with_locks() -> None:
    class Receiver(ServiceBusReceiver):
        def __init__(self) -> None:
            self.calls: list[str] = []

        def receive_messages(
            self, max_message_count: int | None = 1, max_wait_time: float | None = None
        ) -> Any:
            self.calls.append(f"receive {max_message_count} {max_wait_time}")
            return [ServiceBusMessage(b'{"id": "a"}', message_id="a")]

        def complete_message(self, message: Any) -> None:
            self.calls.append(f"complete {message.message_id}")

        def abandon_message(self, message: Any) -> None:
            self.calls.append(f"abandon {message.message_id}")

        def dead_letter_message(
            self, message: Any, reason: str | None = None, error_description: str | None = None
        ) -> None:
            self.calls.append(f"dead {message.message_id} {reason}")

        def __del__(self) -> None:
            pass

    receiver = Receiver()
    queue = ServiceBusQueue(receiver)
    message = queue.receive(5)
    assert message is not None and (message.id, message.body) == ("a", b'{"id": "a"}')
    queue.complete(message)
    queue.abandon(message)
    queue.dead_letter(message, "why")
    assert receiver.calls == ["receive 1 5", "complete a", "abandon a", "dead a why"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CredentialUnavailableError("secret"), "no managed identity"),
        (ClientAuthenticationError("secret"), "refused one for Service Bus"),
        (ServiceBusAuthorizationError(message="secret"), "needs Azure Service Bus Data Receiver"),
        (MessagingEntityNotFoundError(message="secret"), "no such queue"),
        (ServiceBusConnectionError(message="secret"), "did not answer (ServiceBusConnectionError)"),
    ],
)
def test_refusals_are_explained_without_what_the_service_said(error: Exception, words: str) -> None:
    assert words in explain(error) and "secret" not in explain(error)


def test_what_cannot_be_received_from_ends_as_unusable(caplog: pytest.LogCaptureFixture) -> None:
    @contextlib.contextmanager
    def closed() -> Iterator[Queue]:
        raise ServiceBusAuthorizationError(message="secret")
        yield

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert main(closed) == 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "needs Azure Service Bus Data Receiver" in caplog.text and "secret" not in caplog.text
