"""What `tidegate config check` finds out before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.app.compose import demand_readable
from tidegate.config import load
from tidegate.errors import ConfigError


def readable(folder: Path, text: str) -> None:
    (folder / "tidegate.yml").write_text(f"version: 1\n{text}\n", encoding="utf-8")
    demand_readable(load(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("checks:\n  - {table: raw.a, rule: 'amount >='}", "tidegate.yml:3: `amount >=` does not parse"),
        ("checks:\n  - {table: raw.a, rule: 'select 1'}", "tidegate.yml:3: `select 1` is not a condition"),
        ("checks:\n  - {table: raw.a, not_null: id, where: 'day ='}", "tidegate.yml:3: `day =` does not parse"),
        ("checks:\n  - {metric: 'select sum( from raw.a', min: 1}", "tidegate.yml:3: `select sum( from raw.a` "),
        ("holidays: XX", "there is no country `XX`"),
    ],
)
def test_what_cannot_be_read_is_told_before_a_run(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        readable(tmp_path, text)
    assert message in str(caught.value)
    assert caught.value.hint


def test_what_can_be_read_is_right(tmp_path: Path) -> None:
    readable(
        tmp_path,
        "holidays: DE-BY\n"
        "checks:\n"
        "  - {table: raw.a, rule: 'amount >= 0 -- never less', where: \"day > date '2026-01-01'\"}\n"
        "  - {metric: 'select sum(amount) from raw.a', min: 1}\n"
        "  - {table: raw.a, test: dbt_utils.recency, arguments: {field: day, datepart: day, interval: 1}}",
    )
