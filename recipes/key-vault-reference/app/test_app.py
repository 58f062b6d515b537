import pytest
from app import app


def test_that_the_secret_is_there_is_said_and_never_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "correct horse")
    answer = app.test_client().get("/")
    assert answer.get_json() == {"db_password_length": 13}
    assert "horse" not in answer.text


@pytest.mark.parametrize("value", [None, ""])
def test_a_secret_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("DB_PASSWORD", raising=False)
    if value is not None:
        monkeypatch.setenv("DB_PASSWORD", value)
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.get_json()) == (500, {"error": "DB_PASSWORD is not set"})
