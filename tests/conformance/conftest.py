"""A sandbox for each test; at its end what went over the wire goes before Microsoft's schemas."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import Records
from served import Served

JUDGED = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    records = Records()
    yield records
    problems = records.problems()
    assert not problems, "\n".join(problems)
    request.config.stash[JUDGED] = (
        "ACARECIPE_ARM_SPECS is not set: no exchange was held against Microsoft's schemas"
        if records.validator is None
        else f"{len(records.records)} exchanges are as Microsoft's schemas have them"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.write_line(config.stash.get(JUDGED, ""))


@pytest.fixture
def serve(
    tmp_path: Path, records: Records, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Served]]:
    """Starts a sandbox with these flags."""
    started: list[Served] = []

    def start(*flags: str, https: bool = True) -> Served:
        started.append(Served(tmp_path, *flags, https=https))
        return started[-1]

    yield start
    for served in started:
        # An assumption turned round may be one that the schemas speak for.
        if not any(flag.startswith("--flip") for flag in served.flags):
            records.add(request.node.name, served.exchanges())
        served.close()


@pytest.fixture
def azure(serve: Callable[..., Served]) -> Served:
    """A sandbox in which everything is done at once."""
    return serve()


@pytest.fixture(params=[None, "2026-01-01", "2025-07-01"], ids=["newest", "2026-01-01", "2025-07-01"])
def version(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The api-version of Microsoft.App: the client's own, and those that acarecipe itself sends."""
    return {} if request.param is None else {"api_version": request.param}
