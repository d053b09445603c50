"""What tidegate.yml says of tables that are not like that: refused or held with the name that was meant, never looked past."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.services.site import settings_of
from tidegate.errors import ConfigError
from tidegate.model import Column, Dataset, DatasetRef, Family, Settings, TableSettings
from tidegate.services.overrides import refuse, unknown_tables, wrong_time, wrong_times

REF = DatasetRef(namespace="raw", name="orders")
ORDERS = Dataset(
    ref=REF,
    columns=(
        Column(name="ordered_at", type="TIMESTAMP", family=Family.TIME),
        Column(name="day", type="DATE", family=Family.TIME),
        Column(name="country", type="VARCHAR", family=Family.TEXT),
    ),
)


def said(ref: DatasetRef = REF, *, time_column: str | None = None, grain: str | None = None) -> Settings:
    table = TableSettings(ref=ref, time_column=time_column, grain=grain)
    return replace(settings_of(Path("nowhere")), tables={ref: table})


@pytest.mark.parametrize(
    ("more", "what", "hint"),
    [
        ({"time_column": "orderd_at"}, "`orderd_at` is no column of raw.orders", "did you mean `ordered_at`?"),
        ({"time_column": "country"}, "`country` is a column of the type VARCHAR, which is no time", "times there: ordered_at, day"),
        ({"time_column": "day", "grain": "hour"}, "`day` is a date and has no hours", "say `day`"),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_is_refused_and_holds(more: dict[str, str], what: str, hint: str) -> None:
    settings = said(**more)
    with pytest.raises(ConfigError) as refused:
        refuse(ORDERS, settings)
    assert (what in str(refused.value), hint in str(refused.value.hint)) == (True, True)
    (found,) = wrong_times({REF: ORDERS}, {REF}, settings)
    assert (found.holds, found.dataset, what in found.sentence, hint in str(found.hint)) == (True, REF, True, True)


@pytest.mark.parametrize(
    "more", [{}, {"time_column": ""}, {"time_column": "day"}, {"time_column": "ordered_at", "grain": "hour"}]
)
def test_a_time_that_is_there_is_right(more: dict[str, str]) -> None:
    assert wrong_time(ORDERS, said(**more)) is None


def test_a_table_that_is_not_profiled_is_left_alone() -> None:
    settings = said(time_column="nope")
    assert list(wrong_times({REF: ORDERS}, set(), settings)) == []
    assert list(wrong_times({}, set(), settings)) == []


def test_a_table_that_is_not_there_is_told_with_the_nearest() -> None:
    (told,) = unknown_tables([REF], said(DatasetRef(namespace="raw", name="ordrs")))
    assert "`tables.raw.ordrs`" in told
    assert "did you mean `raw.orders`?" in told
    assert unknown_tables([REF], said()) == []
