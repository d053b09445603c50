"""Rows without a time are told when a version brings them, and not where some always come."""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.detect import DetectSettings, TableHistory
from tidegate.detect.undated import judge
from tidegate.model import Dataset, DatasetRef, Finding, Measurement, MetricSpec

REF = DatasetRef(namespace="raw", name="orders")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def numbers(version: int, undated: int, rows: int) -> list[Measurement]:
    specs = {MetricSpec(dataset=REF, metric="row_count"): rows}
    specs |= {MetricSpec(dataset=REF, metric="null_count", column=c): n for c, n in (("at", undated), ("note", 7))}
    return [Measurement(spec=s, value=v, unit="rows", version=version, taken_at=NOW) for s, v in specs.items()]


def told(*versions: tuple[int, int]) -> list[Finding]:
    """(rows without a time, rows) of each version, the last one under test."""
    *past, now = [numbers(at, *one) for at, one in enumerate(versions, 1)]
    history = TableHistory(
        dataset=Dataset(ref=REF, columns=()),
        current=now,
        versions=tuple(enumerate(past, 1)),
        time_column="at",
        grain="day",
    )
    return judge(history, DetectSettings())


def test_the_first_ones_hold_where_they_are_a_part_of_what_came() -> None:
    (found,) = told((0, 1000), (0, 1100), (30, 1200))
    assert found.holds
    assert found.sentence.startswith(
        "raw.orders has 30 new rows without at, 30 % of those that came: no day has them; "
    )
    assert (found.key, found.observed, found.affected_rows) == ("raw.orders/nulls/at", 30 / 1200, 30)


def test_a_few_are_told() -> None:
    (found,) = told((0, 1000), (0, 1100), (2, 1200))
    assert not found.holds


def test_rows_that_lose_their_time_are_told_too() -> None:
    (found,) = told((0, 1000), (0, 1000), (40, 1000))
    assert found.holds


def test_what_always_came_is_no_news() -> None:
    usual = [(10 * n, 1000 * n) for n in range(1, 12)]
    assert not told(*usual, (120, 12_000))
    assert not told(*usual, (170, 17_000)), "several days at once"
    assert not told(*usual, (120, 11_200)), "as many of fewer rows"
    (found,) = told(*usual, (310, 12_000))
    assert found.holds


def test_nothing_is_said_of_a_first_version_or_of_one_that_says_nothing() -> None:
    assert not told((30, 1000))
    history = TableHistory(dataset=Dataset(ref=REF, columns=()), current=(), base=numbers(1, 0, 9), time_column="at")
    assert not judge(history, DetectSettings())
