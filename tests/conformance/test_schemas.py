"""The judge judges: what is right passes, and what is wrong is found."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.mgmt.appcontainers.models import ContainerApp

from schemas import Records
from served import APP, GROUP, Served

Exchange = dict[str, Any]


def secret_shown(exchange: Exchange) -> None:
    exchange["response_body"]["properties"]["configuration"]["secrets"] = [{"name": "own", "value": "x"}]


def id_missing(exchange: Exchange) -> None:
    del exchange["response_body"]["id"]


def unknown_property(exchange: Exchange) -> None:
    exchange["response_body"]["properties"]["colour"] = "red"


def wrong_type(exchange: Exchange) -> None:
    exchange["response_body"]["properties"]["template"]["containers"][0]["env"] = "none"


def wrong_version(exchange: Exchange) -> None:
    exchange["query"]["api-version"] = "2020-01-01"


@pytest.mark.parametrize(
    "damage",
    [secret_shown, id_missing, unknown_property, wrong_type, wrong_version],
    ids=lambda it: it.__name__,
)
def test_damage_is_found(azure: Served, damage: Callable[[Exchange], None]) -> None:
    judge = Records()
    if judge.validator is None:
        pytest.skip("ACARECIPE_ARM_SPECS names no folder with Microsoft's schemas")
    apps = azure.apps().container_apps
    apps.begin_update(GROUP, APP, ContainerApp({"tags": {"team": "blue"}})).result()
    apps.get(GROUP, APP)
    exchanges = azure.exchanges()
    judge.add("right", exchanges)
    assert len(judge.records) == len(exchanges) > 2
    assert judge.problems() == []
    wrong = Records()
    damage(exchanges[-1])
    wrong.add("wrong", exchanges)
    assert wrong.problems() != []
