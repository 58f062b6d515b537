import pytest
from app import app


def test_it_says_which_image_and_revision_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_VERSION", "2.0")
    monkeypatch.setenv("CONTAINER_APP_REVISION", "ca-demo--abc1234")
    monkeypatch.setenv("CONTAINER_APP_REPLICA_NAME", "ca-demo--abc1234-0")
    assert app.test_client().get("/").get_json() == {
        "version": "2.0",
        "revision": "ca-demo--abc1234",
        "replica": "ca-demo--abc1234-0",
    }


def test_outside_of_container_apps_it_answers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["APP_VERSION", "CONTAINER_APP_REVISION", "CONTAINER_APP_REPLICA_NAME"]:
        monkeypatch.delenv(name, raising=False)
    assert app.test_client().get("/").get_json() == {"version": "unknown", "revision": None, "replica": None}
