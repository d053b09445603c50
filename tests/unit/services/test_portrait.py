"""When buckets are complete, and how a table is described."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.unit.detect.days import REF as ORDERS
from tests.unit.detect.days import START, Day, bucket, measured, shop, spec, whole
from tests.unit.services.site import add_version, make_site
from tidegate.errors import NothingPublishedError
from tidegate.model import DatasetRef, Measurement
from tidegate.services.baseline import Answers
from tidegate.services.portrait import SEEN_YOUNG, lateness, portrait, quoted_key
from tidegate.services.replay import rows_line
from tidegate.services.site import Site
from tidegate.services.tables import past_of, profiled


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = make_site(tmp_path)
    yield found
    found.state.close()


def word(at: int, value: float | None, age_days: float, *, version: int = 1) -> Measurement:
    interval = bucket(at)
    taken = interval.end + timedelta(days=age_days)
    return Measurement(
        spec=spec("row_count"), value=value, unit="rows", version=version, taken_at=taken, interval=interval
    )


def ripening(days: int, *, late: float = 2.0, first: float = 0.9) -> list[Measurement]:
    """Nine tenths when a day has just ended, all of it `late` days after."""
    return [w for at in range(days) for w in (word(at, 1000 * first, 0.2), word(at, 1000, late, version=2))]


def test_a_bucket_counts_as_complete_when_most_were() -> None:
    found = lateness(ripening(10))
    assert (found.complete_after, found.seen) == (2.0, 10)
    curve = {a.age: a.share for a in found.curve}
    assert (curve[0.25], curve[1.0], curve[2.0], curve[14.0]) == (0.9, 0.9, 1.0, 1.0)
    assert all(b.share >= a.share for a, b in zip(found.curve, found.curve[1:], strict=False))


def test_rows_that_are_there_at_once_make_a_bucket_complete_at_its_first_look() -> None:
    found = lateness([word(at, 500, 0.2) for at in range(6)])
    assert (found.complete_after, found.curve[0].share) == (0.25, 1.0)


def test_a_backfilled_past_says_nothing_of_lateness() -> None:
    history = [word(at, 1000, 30 - at) for at in range(28)]
    assert lateness(history).seen == 0
    few = lateness(ripening(SEEN_YOUNG - 1))
    assert (few.complete_after, few.curve, few.seen) == (None, (), SEEN_YOUNG - 1)


def test_a_table_that_is_delivered_two_days_late_ripens_too() -> None:
    begun = bucket(9).end + timedelta(days=2.25)
    past = [replace(word(at, 1000, 0), taken_at=begun) for at in range(10)]
    late = [w for at in range(10, 20) for w in (word(at, 950, 2.25, version=at), word(at, 1000, 3.25, version=at + 1))]
    found = lateness(sorted([*past, *late], key=lambda w: w.interval.start if w.interval else w.taken_at))
    assert (found.seen, found.complete_after) == (10, 5.0)
    assert {a.age: a.share for a in found.curve} == {3.0: 0.95, 5.0: 1.0, 7.0: 1.0, 14.0: 1.0}


def test_one_straggler_in_ten_does_not_count_and_two_do() -> None:
    words = [w for at in range(20) for w in ripening(1, late=9.0 if at < 2 else 1.0) for w in [replace_day(w, at)]]
    assert lateness(words).complete_after == 1.0
    words = [w for at in range(20) for w in ripening(1, late=9.0 if at < 3 else 1.0) for w in [replace_day(w, at)]]
    assert lateness(words).complete_after == 14.0


def replace_day(one: Measurement, at: int) -> Measurement:
    assert one.interval is not None
    moved = timedelta(days=at)
    return replace(one, interval=bucket(at), taken_at=one.taken_at + moved)


def test_numbers_that_cannot_be_shares_are_left_out() -> None:
    words = [word(at, None, 0.2) for at in range(5)] + [word(9, 0, 0.2)]
    assert lateness(words).complete_after is None


@pytest.mark.parametrize("name", ["orders", "two words", "it's", "a: b", "x{y}", "Größe"])
def test_a_name_is_a_key_of_yaml(name: str) -> None:
    ref = DatasetRef(namespace="raw", name=name)
    line = f"tables: {{{quoted_key(ref)}: {{grain: day}}}}"
    assert yaml.safe_load(line) == {"tables": {str(ref): {"grain": "day"}}}


def test_after_another_grain_was_said_the_history_is_told_in_it(site: Site) -> None:
    """Days that were kept before say nothing of hours; the season is that of hours."""
    add_version(site, 1, "create schema raw; create table raw.orders as select now()::timestamp as at")
    numbers = list(whole({("row_count", None, None): 99}, version=1, at=START + timedelta(days=60))[1])
    for buckets, hours, first in ((40, 24, 0), (240, 1, 41)):
        rows = [{("row_count", None, None): 100 + at % 3} for at in range(buckets)]
        numbers += measured(rows, hours=hours, start=START + timedelta(days=first))
    marks = {"tables": {"raw.orders": {"time_column": "at", "grain": "hour"}}}
    schemas = {ORDERS: (("at", "TIMESTAMP"),)}
    site.state.save_scan(1, measurements=numbers, results=(), findings=(), schemas=schemas, marks=marks)
    found = portrait(site, "raw.orders").outlook
    assert (found.unit, found.points) == ("hour", 240)


def test_nothing_published_is_refused(site: Site) -> None:
    with pytest.raises(NothingPublishedError):
        portrait(site, "raw.orders")


TABLE = "create schema if not exists raw; create or replace table raw.orders as select 1 as id"
ROWS = ("row_count", None, None)


def pasts() -> dict[str, tuple[list[Day], datetime]]:
    """Some days, and when the last scan was: gaps, a day whose rows were not counted, one that has not ended, none at all."""
    days: list[Day] = list(shop(70))
    days[20], days[21] = {}, {}
    days[40] = {name: value for name, value in days[40].items() if name != ROWS}
    days[41] = {**days[41], ROWS: None}
    young = START + timedelta(days=69, hours=12)
    return {
        "days": (days, young),
        "one day": (days[:1], young),
        "not ended": (days[69:], START),
        "versions": ([], young),
    }


@pytest.mark.parametrize("name", list(pasts()))
def test_the_line_is_that_of_the_whole_past(name: str, site: Site) -> None:
    days, taken_at = pasts()[name]
    for number in (1, 2):
        add_version(site, number, TABLE, parent=number - 1 or None)
        _, whole_table = whole({ROWS: 40 + number, ("mean", "id", None): 2}, version=number, at=taken_at)
        numbers = [*measured(days, version=number, taken_at=taken_at), *whole_table]
        site.state.save_scan(number, measurements=numbers, results=(), findings=(), schemas={}, marks={})
    dataset = profiled(site, 2)[DatasetRef(namespace="raw", name="orders")]
    found = portrait(site, "raw.orders").line
    assert found == rows_line(past_of(site, 2, dataset, Answers(site.state, 2)))
    assert len(found) == {"days": 60, "one day": 1}.get(name, 2)
    if name == "days":
        assert (found[-1].at, [found[at].value for at in (11, 12, 31, 32)]) == (bucket(68).start, [0, 0, 0, None])
