import pytest
from app import app


def test_a_revision_that_has_what_it_needs_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRED_VARIABLES", "DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db")
    monkeypatch.setenv("CONTAINER_APP_REVISION", "ca-demo--r1")
    answer = app.test_client().get("/health")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "missing": [], "revision": "ca-demo--r1"}


def test_a_revision_that_lacks_something_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRED_VARIABLES", "DATABASE_URL,CACHE_URL")
    monkeypatch.setenv("CACHE_URL", "redis://cache")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    answer = app.test_client().get("/health")
    assert answer.status_code == 503
    assert answer.get_json()["missing"] == ["DATABASE_URL"]


def test_it_says_which_version_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_VERSION", "2.0")
    monkeypatch.setenv("CONTAINER_APP_REVISION", "ca-demo--r1")
    assert app.test_client().get("/").get_json() == {"version": "2.0", "revision": "ca-demo--r1"}


def test_outside_of_container_apps_it_answers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["APP_VERSION", "CONTAINER_APP_REVISION", "REQUIRED_VARIABLES"]:
        monkeypatch.delenv(name, raising=False)
    assert app.test_client().get("/").get_json() == {"version": "unknown", "revision": None}
    assert app.test_client().get("/health").get_json()["status"] == "ok"
