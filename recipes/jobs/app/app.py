"""Takes messages off a Service Bus queue, works on each, and ends: what one execution of a job does.

Signed in as the job's managed identity: no key, no connection string. It ends with 0 when the queue is empty
or enough was done, with 1 when a message could not be worked on and waits in the queue again, with 2 when
nothing can be received at all, and with 143 when it was told to stop. Logs are lines of JSON on standard
output; what is in a message is never logged.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import FrameType
from typing import Protocol

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential
from azure.servicebus import ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
    ServiceBusError,
)

DONE, FAILED, UNUSABLE, STOPPED = 0, 1, 2, 128 + signal.SIGTERM

log = logging.getLogger("job")


class Message(Protocol):
    """A message as this job sees it."""

    @property
    def id(self) -> str: ...

    @property
    def body(self) -> bytes: ...


class Queue(Protocol):
    """The queue as this job uses it: what the tests stand in for."""

    def receive(self, seconds: float) -> Message | None:
        """The next message, locked for this job; none when none comes within so many seconds."""

    def complete(self, message: Message) -> None:
        """It is done, and goes."""

    def abandon(self, message: Message) -> None:
        """It waits again, for this job's next try or another one."""

    def dead_letter(self, message: Message, reason: str) -> None:
        """It can never be worked on, and is set aside."""


class Problem(Exception):
    """What stands in the way of receiving anything."""


class Unreadable(Exception):
    """A message that no try will ever succeed with."""


class Lines(logging.Formatter):
    """One JSON object a line: Log Analytics makes columns of its members."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {"level": record.levelname.lower(), "message": record.getMessage()}
        line.update(getattr(record, "fields", {}))
        return json.dumps(line)


def tell(level: int, message: str, **fields: object) -> None:
    log.log(level, message, extra={"fields": fields})


class Stop:
    """Whether somebody stops the execution: SIGTERM comes first, SIGKILL after the grace period."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self.ask)

    def ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def setting(name: str) -> str:
    """A variable that the recipe sets on the container."""
    if value := os.environ.get(name):
        return value
    raise Problem(f"{name} is not set; the recipe `jobs` sets it when a queue is named")


def number(name: str, default: int) -> int:
    """A variable that may be set to a whole number above 0."""
    text = os.environ.get(name, str(default))
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise Problem(f"{name} is {text!r}, which is no number above 0")


def work(body: bytes) -> None:
    """The work on one message. Doing it twice must be the same as once: a message can come again."""
    try:
        order = json.loads(body)
    except ValueError as error:
        raise Unreadable("it is no JSON") from error
    if not isinstance(order, dict) or not isinstance(order.get("id"), str):
        raise Unreadable("it has no id")
    # Here the real work would stand; `seconds` and `fail` show how a long and a failing one look.
    time.sleep(float(order.get("seconds", 0)))
    if order.get("fail"):
        raise RuntimeError("the work on it failed")


def drain(queue: Queue, stop: Stop, most: int, seconds: float, work: Callable[[bytes], None] = work) -> int:
    """Works on messages one after the other; returns what the process ends with."""
    done = 0
    while done < most and not stop.asked:
        message = queue.receive(seconds)
        if message is None:
            break
        if stop.asked:
            queue.abandon(message)
            break
        begun = time.monotonic()
        try:
            work(message.body)
        except Unreadable as error:
            queue.dead_letter(message, str(error))
            tell(logging.ERROR, "a message was set aside", id=message.id, reason=str(error))
            continue
        except Exception as error:
            # The queue counts deliveries and sets aside what fails again and again.
            queue.abandon(message)
            tell(logging.ERROR, "a message failed and waits again", id=message.id, error=type(error).__name__)
            return FAILED
        queue.complete(message)
        done += 1
        took = round(time.monotonic() - begun, 3)
        tell(logging.INFO, "a message was worked on", id=message.id, seconds=took)
    if stop.asked:
        tell(logging.WARNING, "stopped before the queue was empty", done=done)
        return STOPPED
    tell(logging.INFO, "nothing more to do", done=done)
    return DONE


class Received:
    """A message of Service Bus."""

    def __init__(self, message: ServiceBusReceivedMessage) -> None:
        self.message = message

    @property
    def id(self) -> str:
        return str(self.message.message_id)

    @property
    def body(self) -> bytes:
        return b"".join(part if isinstance(part, bytes) else bytes(part) for part in self.message.body)


class ServiceBusQueue:
    """A queue of Service Bus, received with locks, so that what is not completed comes again."""

    def __init__(self, receiver: ServiceBusReceiver) -> None:
        self.receiver = receiver

    def receive(self, seconds: float) -> Message | None:
        messages = self.receiver.receive_messages(max_message_count=1, max_wait_time=seconds)
        return Received(messages[0]) if messages else None

    def complete(self, message: Message) -> None:
        self.receiver.complete_message(self.own(message))

    def abandon(self, message: Message) -> None:
        self.receiver.abandon_message(self.own(message))

    def dead_letter(self, message: Message, reason: str) -> None:
        self.receiver.dead_letter_message(self.own(message), reason=reason)

    def own(self, message: Message) -> ServiceBusReceivedMessage:
        assert isinstance(message, Received)  # noqa: S101
        return message.message


@contextlib.contextmanager
def service_bus() -> Iterator[Queue]:
    """The queue that the variables name."""
    host, queue = setting("SERVICEBUS_HOST"), setting("SERVICEBUS_QUEUE")
    # It takes the identity that AZURE_CLIENT_ID names, else the system identity.
    credential = DefaultAzureCredential()
    with (
        ServiceBusClient(host, credential, retry_total=2) as client,
        client.get_queue_receiver(queue) as receiver,
    ):
        yield ServiceBusQueue(receiver)


def explain(error: Exception) -> str:
    """What a refusal means here, without what the service said: that may name tokens."""
    if isinstance(error, CredentialUnavailableError):
        return "no token: the job has no managed identity, or AZURE_CLIENT_ID names another one"
    if isinstance(error, ClientAuthenticationError):
        return "no token: the identity was refused one for Service Bus"
    if isinstance(error, ServiceBusAuthenticationError | ServiceBusAuthorizationError):
        return "the queue refused: the identity needs Azure Service Bus Data Receiver, in force after minutes"
    if isinstance(error, MessagingEntityNotFoundError):
        return "there is no such queue"
    return f"Service Bus did not answer ({type(error).__name__})"


def main(open_queue: Callable[[], AbstractContextManager[Queue]] = service_bus) -> int:
    """One execution; `open_queue` stands in for Service Bus in tests."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    log.setLevel(logging.INFO)
    # What the SDK logs of failures may be long and is not this job's to say.
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    stop = Stop()
    try:
        most, seconds = number("MAX_MESSAGES", 100), number("WAIT_SECONDS", 5)
        with open_queue() as queue:
            return drain(queue, stop, most, seconds)
    except Problem as problem:
        tell(logging.ERROR, str(problem))
    except (ServiceBusError, ClientAuthenticationError) as error:
        tell(logging.ERROR, explain(error))
    return UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
