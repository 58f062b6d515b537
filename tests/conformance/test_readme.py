"""The Python of the README, run as it stands there."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from served import APP, GROUP, HANG, PROJECT, Served, environment

PAGE = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_readme_shows_python() -> None:
    assert BLOCKS
    assert "$ acarecipe sandbox serve --port 8480 --https --ca-file sandbox-ca.pem\n" in PAGE


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block(serve: Callable[..., Served], tmp_path: Path, block: str) -> None:
    azure = serve("--ca-file", str(tmp_path / "sandbox-ca.pem"))
    assert "https://127.0.0.1:8480" in block
    done = subprocess.run(
        [sys.executable, "-c", block.replace("https://127.0.0.1:8480", azure.endpoint)],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    app = azure.apps().container_apps.get(GROUP, APP)
    assert app.identity is not None and app.identity.principal_id
    assert done.stdout == f"{APP} {app.identity.principal_id}\n"
