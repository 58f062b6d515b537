"""Recorded exchanges before Microsoft's schemas: the judge is their own validator, not of this project."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from served import HANG, PROJECT

# Versions that Microsoft's clients send and that the schemas do not have: judged as the newest there.
STAND_INS = {
    "2026-07-01": "2026-01-01",  # azure-mgmt-appcontainers
    "2026-05-15": "2026-02-01",  # azure-mgmt-keyvault
    "2016-02-01": "2025-04-01",  # azure-mgmt-core, when it registers a provider
}


def pattern(operation: str) -> re.Pattern[str]:
    """`METHOD /path/{placeholder}`; `{scope}` is one or more segments."""
    text = re.escape(operation).replace(r"\{scope\}", ".+")
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", text), re.IGNORECASE)


class Records:
    """What a run recorded."""

    def __init__(self) -> None:
        folder = os.environ.get("ACARECIPE_ARM_SPECS")
        self.validator = Path(folder) / "validate.py" if folder else None
        required = os.environ.get("ACARECIPE_REQUIRE_SPECS") == "1"
        assert not required or (self.validator and self.validator.is_file()), (
            "ACARECIPE_ARM_SPECS must name the folder with Microsoft's schemas"
        )
        excused = json.loads((PROJECT / "tests" / "schema-exceptions.json").read_text())
        self.undescribed = [pattern(entry["operation"]) for entry in excused["operations"]]
        self.findings = [(pattern(entry["operation"]), entry["contains"]) for entry in excused["findings"]]
        self.records: list[dict[str, Any]] = []

    def add(self, test: str, exchanges: list[dict[str, Any]]) -> None:
        """Takes the exchanges that Azure accepted. A refused request is wrong on purpose: of it only
        the answer's shape counts."""
        for exchange in exchanges:
            status = exchange.get("status")
            if status is None or exchange["fault"] is not None:
                continue
            if status >= 400:
                error = exchange["response_body"]["error"]
                assert error["code"] and error["message"], exchange
                continue
            query = exchange["query"]
            stand_in = STAND_INS.get(query["api-version"], query["api-version"])
            exchange["query"] = query | {"api-version": stand_in}
            exchange["id"] = f"{test} {exchange['id']}"
            self.records.append(exchange)

    def problems(self) -> list[str]:
        """What the validator finds, warnings too, but for what the project excuses."""
        if self.validator is None or not self.records:
            return []
        # One run for each api-version, which is pinned for the namespace that it belongs to.
        runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for record in self.records:
            call = f"{record['method']} {record['path']}"
            if not any(operation.fullmatch(call) for operation in self.undescribed):
                namespace = record["path"].rpartition("/providers/")[2].split("/")[0]
                runs.setdefault((namespace, record["query"]["api-version"]), []).append(record)
        return [line for pin, records in runs.items() for line in self.run(pin, records)]

    def run(self, pin: tuple[str, str], records: list[dict[str, Any]]) -> list[str]:
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
            file.flush()
            answer = subprocess.run(
                [sys.executable, "-B", str(self.validator), file.name, "--strict", "--pin", "=".join(pin)],
                check=False,
                capture_output=True,
                text=True,
                timeout=HANG * 8,
            )
        assert f"{len(records)} records, " in answer.stderr, answer.stderr
        return [line for line in answer.stdout.splitlines() if not self.excused(line, records)]

    def excused(self, line: str, records: list[dict[str, Any]]) -> bool:
        record = records[int(line.split(":")[0]) - 1]
        call = f"{record['method']} {record['path']}"
        return any(operation.fullmatch(call) and part in line for operation, part in self.findings)
