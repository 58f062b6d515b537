"""The T-SQL of database users, read by a second parser: the files that tests/integration/tsql.rs holds to."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

TSQL = Path(__file__).parent.parent / "tsql"


def test_the_batch_that_reads_is_five_queries() -> None:
    statements = sqlglot.parse((TSQL / "read.sql").read_text(encoding="utf-8"), dialect="tsql")
    assert [type(one) for one in statements] == [exp.Select] * 5
    parameters = {one.name for select in statements if select for one in select.find_all(exp.Parameter)}
    assert parameters == {"P1", "P2"}


@pytest.mark.parametrize(
    ("file", "user", "roles"),
    [
        ("create.sql", "ca-demo", {"db_datareader", "db_datawriter"}),
        ("recreate.sql", "ca-demo", {"db_datareader"}),
        ("quotes.sql", "x]; DROP USER [dbo]; --' 应用", {"o'role]"}),
    ],
)
def test_names_in_scripts_are_whole(file: str, user: str, roles: set[str]) -> None:
    # Its parser knows no CREATE USER and no ALTER ROLE; its tokenizer knows what a name is.
    tokens = sqlglot.tokenize((TSQL / file).read_text(encoding="utf-8"), dialect="tsql")
    columns = {"name", "sid", "role_principal_id", "member_principal_id"}
    assert {one.text for one in tokens if one.token_type is TokenType.IDENTIFIER} == columns | {user} | roles
    literals = {one.text for one in tokens if one.token_type is TokenType.NATIONAL_STRING}
    assert literals == {"The user of this name belongs to another identity.", user} | roles
    # One statement a name cannot add: each ends with a semicolon of its own.
    expected = 2 + len(roles) + (file == "recreate.sql")
    assert sum(one.token_type is TokenType.SEMICOLON for one in tokens) == expected
