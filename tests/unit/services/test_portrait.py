"""When buckets are complete, and how a table is described."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from tests.unit.detect.days import bucket, spec
from tests.unit.services.site import make_site
from tidegate.errors import NothingPublishedError
from tidegate.model import DatasetRef, Measurement
from tidegate.services.portrait import SEEN_YOUNG, lateness, portrait, quoted_key
from tidegate.services.site import Site


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


def test_nothing_published_is_refused(site: Site) -> None:
    with pytest.raises(NothingPublishedError):
        portrait(site, "raw.orders")
