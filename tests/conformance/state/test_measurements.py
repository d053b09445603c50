"""Numbers: as of a version, over the published versions, and when they were first seen. All worked out by hand."""

from __future__ import annotations

import dataclasses
import math
from array import array
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.state.stories import (
    CUSTOMERS,
    NOW,
    NULLS,
    ORDERS,
    ROWS,
    begun,
    buckets,
    day,
    event,
    number,
    publish_chain,
    published,
    said,
    save,
)
from tidegate.model import DatasetRef, Grid, Interval, MetricSpec, Segment, Value
from tidegate.ports.state import StateStore
from tidegate.scan import Relations, kept
from tidegate.scan.relations import Pair

LONG = 10_000.0
"""So many days after its end a bucket is young, for some tests."""


@pytest.fixture
def chain(store: StateStore) -> StateStore:
    """Five published versions, each a copy of the one before."""
    publish_chain(store, 5)
    return store


def country(value: str | None) -> MetricSpec:
    return MetricSpec(dataset=ORDERS, metric="row_count", segment=Segment(column="country", value=value))


VALUES = [
    0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30, 0.0, 1.0, 0.1, 1e300, 5e-324, math.inf, -math.inf, True,
    "", "text", "NaN", "12", "ünï😀", "a\0b", None,
]  # fmt: skip


@pytest.mark.parametrize("bucket", [None, day(3)], ids=["whole", "bucketed"])
def test_values_round_trip_exactly(chain: StateStore, bucket: Interval | None):
    specs = [MetricSpec(dataset=ORDERS, metric="m", column=f"c{position}") for position in range(len(VALUES))]
    given = [number(1, value, spec, bucket) for value, spec in zip(VALUES, specs, strict=True)]
    save(chain, 1, given)
    kept = {m.spec: m for m in chain.measurements(1, ORDERS)}
    assert [kept[spec] for spec in specs] == given
    assert [type(kept[spec].value) for spec in specs] == [int if value is True else type(value) for value in VALUES]


def test_nan_round_trips(chain: StateStore):
    save(chain, 1, [number(1, math.nan), number(1, math.nan, bucket=day(1))])
    assert all(isinstance(m.value, float) and math.isnan(m.value) for m in chain.measurements(1, ORDERS))
    save(chain, 2, [number(2, math.nan, bucket=day(1))])
    assert [m.version for m in chain.measurements(2, ORDERS)] == [1]


def test_every_part_of_a_number_round_trips(chain: StateStore):
    odd = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    month = Interval(start=datetime(2026, 2, 1, tzinfo=UTC), end=datetime(2026, 3, 1, tzinfo=UTC))
    given = [
        number(1, 1.5, MetricSpec(dataset=ORDERS, metric="quantile", column="total", argument="0.95"), unit="EUR"),
        number(1, 1.5, MetricSpec(dataset=ORDERS, metric="quantile", column="total", argument="0.5"), error=0.02),
        number(1, 1.5, MetricSpec(dataset=ORDERS, metric="quantile", column="total", where="a > 1"), taken_at=odd),
        number(1, 1.5, MetricSpec(dataset=ORDERS, metric="quantile", column=None, where="")),
        number(1, 1.5, MetricSpec(dataset=ORDERS, metric="quantile", column="", argument=None)),
        number(1, 1.5, country(None), month, unit=""),
        number(1, 1.5, country(""), month),
        number(1, 1.5, country("FR"), Interval(start=odd, end=NOW)),
        number(1, 1.5, country("FR"), Interval(start=odd, end=odd), error=0.5, taken_at=odd),
        number(1, 1.5, country("FR")),
    ]
    save(chain, 1, given)
    assert set(chain.measurements(1, ORDERS)) == set(given)
    assert len(chain.measurements(1, ORDERS)) == len(given)
    assert all(m.taken_at.tzinfo is UTC for m in chain.measurements(1, ORDERS))


def test_a_number_keeps_its_own_unit_and_bound_in_each_version(chain: StateStore):
    for version, unit, error in ((1, "rows", 0.0), (2, "", 0.1), (3, "rows", 0.2)):
        save(chain, version, [number(version, 7, unit=unit, error=error), *buckets(version, {0: 7})])
    assert [(m.unit, m.error) for v in (1, 2, 3) for m in chain.measurements(v, ORDERS) if m.interval is None] == [
        ("rows", 0.0),
        ("", 0.1),
        ("rows", 0.2),
    ]


def test_whole_numbers_come_first_then_buckets_oldest_first(chain: StateStore):
    save(chain, 1, [*buckets(1, {2: 5, 0: 3, 1: 4}), number(1, 12)])
    assert [m.value for m in chain.measurements(1, ORDERS)] == [12, 3, 4, 5]


def test_datasets_are_apart_even_when_their_names_run_together(chain: StateStore):
    one, other = DatasetRef(namespace="a", name="b.c"), DatasetRef(namespace="a.b", name="c")
    save(
        chain,
        1,
        [number(1, 1, MetricSpec(dataset=one, metric="m")), number(1, 2, MetricSpec(dataset=other, metric="m"))],
    )
    assert [m.value for m in chain.measurements(1, one)] == [1]
    assert [m.value for m in chain.measurements(1, other)] == [2]
    assert chain.measurements(1, ORDERS) == ()


# --- buckets: what a lineage says ------------------------------------------------------------------------------------


def written(store: StateStore, version: int) -> dict[int, int]:
    """Which version wrote what `version` says of each day."""
    first = day(0).start
    return {(m.interval.start - first).days: m.version for m in store.measurements(version, ORDERS) if m.interval}


def test_a_bucket_is_written_only_by_the_versions_that_saw_another_value(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11, 2: 12}))
    save(chain, 2, buckets(2, {0: 10, 1: 11, 2: 99, 3: 13}))
    save(chain, 3, buckets(3, {0: 10, 1: 11, 2: 99, 3: 13}))
    assert said(chain, 1) == {0: 10, 1: 11, 2: 12}
    assert said(chain, 2) == said(chain, 3) == {0: 10, 1: 11, 2: 99, 3: 13}
    assert written(chain, 3) == {0: 1, 1: 1, 2: 2, 3: 2}


def test_a_value_that_goes_back_is_written_again(chain: StateStore):
    for version, value in ((1, 10), (2, 20), (3, 10)):
        save(chain, version, buckets(version, {0: value}))
    assert [said(chain, version)[0] for version in (1, 2, 3)] == [10, 20, 10]
    assert written(chain, 3) == {0: 3}


@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (1.0, 1.0 + 1e-10, False),
        (1.0, 1.0 + 1e-8, True),
        (1e20, 1e20 * (1 + 1e-10), False),
        (0.0, 1e-300, True),
        (10**12, 10**12 + 1, True),
        (1, 1.0, True),
        (math.inf, math.inf, False),
        (math.inf, -math.inf, True),
        (math.nan, 0.0, True),
        (None, 0, True),
        (None, None, False),
        ("a", "a", False),
        ("a", "b", True),
        (10**30, 10**30, False),
        (10**30, 10**30 + 1, True),
    ],
)
def test_what_counts_as_another_value(chain: StateStore, before: float, after: float, differs: bool):
    save(chain, 1, [number(1, before, bucket=day(0))])
    save(chain, 2, [number(2, after, bucket=day(0), taken_at=NOW + timedelta(days=1))])
    assert written(chain, 2) == {0: 2 if differs else 1}


def test_another_unit_or_bound_is_another_value(chain: StateStore):
    save(chain, 1, [number(1, 5, bucket=day(0))])
    save(chain, 2, [number(2, 5, bucket=day(0), unit="EUR")])
    save(chain, 3, [number(3, 5, bucket=day(0), unit="EUR", error=0.1)])
    assert written(chain, 3) == {0: 3}
    assert [(m.unit, m.error) for m in chain.measurements(3, ORDERS)] == [("EUR", 0.1)]


def test_a_branch_does_not_see_what_its_sibling_wrote(store: StateStore):
    publish_chain(store, 1)
    store.append([begun(2, 1), begun(3, 1)])
    save(store, 1, buckets(1, {0: 10}))
    save(store, 2, buckets(2, {0: 20, 1: 21}))
    save(store, 3, buckets(3, {0: 10, 1: 31}))
    assert said(store, 2) == {0: 20, 1: 21}
    assert said(store, 3) == {0: 10, 1: 31}


def test_ancestors_count_whatever_became_of_them(store: StateStore):
    publish_chain(store, 3)
    store.append([begun(4, 3), event("version.pruned", "version:1", reason="old")])
    save(store, 1, buckets(1, {0: 10}))
    save(store, 4, buckets(4, {0: 10, 1: 11}))
    assert said(store, 4) == {0: 10, 1: 11}
    assert written(store, 4) == {0: 1, 1: 4}


def test_a_version_without_a_scan_says_what_its_parent_says(chain: StateStore):
    save(chain, 1, [*buckets(1, {0: 10}), number(1, 10)])
    assert said(chain, 4) == {0: 10}
    assert [m.value for m in chain.measurements(4, ORDERS)] == [10]  # the bucket; whole-table numbers are its own


# --- buckets that vanished -------------------------------------------------------------------------------------------


def test_a_bucket_that_the_scan_did_not_find_has_vanished(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11, 2: 12, 3: 13}))
    save(chain, 2, buckets(2, {0: 10, 2: 12}))
    assert said(chain, 2) == {0: 10, 2: 12}
    assert said(chain, 1) == {0: 10, 1: 11, 2: 12, 3: 13}
    save(chain, 3, buckets(3, {0: 10, 1: 11, 2: 12}))
    assert said(chain, 3) == {0: 10, 1: 11, 2: 12}
    assert written(chain, 3) == {0: 1, 1: 3, 2: 1}


def test_a_scan_of_the_newest_buckets_leaves_the_closed_ones_alone(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11, 2: 12, 3: 13}))
    save(chain, 2, buckets(2, {2: 12}))
    assert said(chain, 2) == {0: 10, 1: 11, 2: 12}


def test_a_number_that_was_not_asked_for_stays(chain: StateStore):
    save(chain, 1, [*buckets(1, {0: 10, 1: 11}), *buckets(1, {0: 1, 1: 2}, NULLS)])
    save(chain, 2, buckets(2, {0: 10, 1: 11}))
    assert said(chain, 2, NULLS) == {0: 1, 1: 2}
    save(chain, 3, [number(3, 21)])
    assert said(chain, 3) == {0: 10, 1: 11}


def test_a_segment_that_the_scan_did_not_find_has_vanished(chain: StateStore):
    save(chain, 1, [*buckets(1, {0: 5, 1: 6}, country("FR")), *buckets(1, {0: 7, 1: 8}, country(None))])
    save(chain, 2, buckets(2, {1: 9}, country(None)))
    assert said(chain, 2, country(None)) == {0: 7, 1: 9}
    assert said(chain, 2, country("FR")) == {0: 5}


def test_a_table_without_a_row_has_no_bucket(chain: StateStore):
    save(chain, 1, [number(1, 21), *buckets(1, {0: 10, 1: 11}), *buckets(1, {0: 1}, NULLS)])
    save(chain, 2, [number(2, 0, NULLS)])  # no NULLs is not: no rows
    assert said(chain, 2) == {0: 10, 1: 11}
    save(chain, 3, [number(3, 0)])
    assert said(chain, 3) == said(chain, 3, NULLS) == {}
    save(chain, 4, [number(4, 5), *buckets(4, {1: 5})])
    assert said(chain, 4) == {1: 5}
    assert said(chain, 2, NULLS) == {0: 1}


def test_another_grain_replaces_the_one_before(chain: StateStore):
    save(chain, 1, buckets(1, {0: 48, 1: 24}))
    hours = [
        Interval(start=day(0).start + timedelta(hours=h), end=day(0).start + timedelta(hours=h + 1)) for h in range(48)
    ]
    save(chain, 2, [number(2, 1, bucket=hour) for hour in hours])
    assert {m.interval for m in chain.measurements(2, ORDERS)} == set(hours)
    assert said(chain, 1) == {0: 48, 1: 24}


def test_a_week_that_begins_before_the_days_takes_no_day_along(chain: StateStore):
    week = Interval(start=day(0).start, end=day(7).start)
    save(chain, 1, [*buckets(1, {0: 10, 1: 11, 5: 15}), number(1, 36, NULLS, week)])
    save(chain, 2, [*buckets(2, {5: 16}), number(2, 37, NULLS, week)])
    assert said(chain, 2) == {0: 10, 1: 11, 5: 16}


# --- a second try, with versions built upon the first ----------------------------------------------------------------


def test_a_second_try_is_compared_with_the_ancestors_only(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11}))
    save(chain, 2, buckets(2, {0: 20, 1: 11}))
    save(chain, 2, buckets(2, {0: 10, 1: 99}))
    assert said(chain, 2) == {0: 10, 1: 99}
    assert written(chain, 2) == {0: 1, 1: 2}


def test_a_second_try_leaves_what_descendants_say(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11, 2: 12}))
    save(chain, 2, buckets(2, {0: 20, 1: 11, 2: 12}))
    save(chain, 4, buckets(4, {0: 20, 1: 11, 2: 44}))  # 3 was never scanned
    before = {version: said(chain, version) for version in (4, 5)}
    save(chain, 2, buckets(2, {0: 10, 2: 77, 3: 33}))
    assert said(chain, 2) == said(chain, 3) == {0: 10, 2: 77, 3: 33}
    assert {version: said(chain, version) for version in (4, 5)} == before
    assert said(chain, 1) == {0: 10, 1: 11, 2: 12}


def test_a_late_first_try_leaves_what_descendants_say(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10}))
    save(chain, 3, buckets(3, {0: 10, 1: 11}))
    save(chain, 2, buckets(2, {0: 22}))
    assert said(chain, 2) == {0: 22}
    assert said(chain, 3) == {0: 10, 1: 11}


# --- history and first sight -----------------------------------------------------------------------------------------


def test_history_is_of_versions_that_were_ever_published_oldest_first(store: StateStore):
    publish_chain(store, 3)
    store.append([
        begun(4, 3), event("version.held", "version:4", reason="x"), begun(5, 4), published(5, 3), begun(6, 5),
        event("version.pruned", "version:1", reason="old"), event("version.pruned", "version:4", reason="old"),
    ])  # fmt: skip
    for version in range(1, 7):
        save(store, version, [number(version, version * 10), *buckets(version, {0: version})])
    history = store.history(6, ORDERS)
    assert [(version, [m.value for m in numbers]) for version, numbers in history] == [
        (1, [10]), (2, [20]), (3, [30]), (5, [50]),
    ]  # fmt: skip
    assert [version for version, _ in store.history(5, ORDERS)] == [1, 2, 3, 5]
    assert [version for version, _ in store.history(6, ORDERS, limit=2)] == [3, 5]
    assert [version for version, _ in store.history(2, ORDERS)] == [1, 2]


def test_history_has_an_empty_place_where_a_dataset_was_not_measured(chain: StateStore):
    save(chain, 1, [number(1, 5)])
    save(chain, 3, [number(3, 7)])
    assert [(version, len(numbers)) for version, numbers in chain.history(3, ORDERS)] == [(1, 1), (2, 0), (3, 1)]
    assert [numbers for _, numbers in chain.history(3, CUSTOMERS)] == [(), (), ()]


def test_a_rolled_back_branch_is_not_history(store: StateStore):
    publish_chain(store, 2)
    store.append([published(1, previous=2, kind="rollback"), begun(3, 1)])
    for version in (1, 2, 3):
        save(store, version, [number(version, version)])
    assert [version for version, _ in store.history(3, ORDERS)] == [1]


def test_first_seen_is_the_first_word_on_each_bucket(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11}))
    save(chain, 2, buckets(2, {0: 20, 1: 11, 2: 12}))
    save(chain, 3, [*buckets(3, {0: 20, 2: 32}), number(3, 52)])
    first = {
        (m.interval.start - day(0).start).days: (m.version, m.value) for m in chain.first_seen(3, ORDERS) if m.interval
    }
    assert first == {0: (1, 10), 1: (1, 11), 2: (2, 12)}
    assert {m.spec for m in chain.first_seen(3, ORDERS)} == {ROWS}
    assert len(chain.first_seen(1, ORDERS)) == 2


def test_versions_found_on_disk_are_history_when_they_were_published(store: StateStore):
    facts = {"created_at": NOW, "run": None, "fingerprint": None, "code_revision": None, "reason": "found on disk"}
    for version, state in ((4, "retired"), (5, "held"), (6, "published")):
        parent = version - 1 if version > 4 else None
        store.append([event("version.recorded", f"version:{version}", parent=parent, state=state, **facts)])
        save(store, version, [number(version, version)])
    assert [version for version, _ in store.history(6, ORDERS)] == [4, 6]


def test_first_seen_at_an_age_takes_the_first_word_on_a_bucket_that_was_over_and_young(chain: StateStore):
    length = day(0).end - day(0).start
    early, young, late = (day(0).end + length * n for n in (-0.5, 0.5, 9))
    for version, (value, taken_at) in enumerate([(4, early), (10, young), (12, late)], start=1):
        word = dataclasses.replace(number(version, value, ROWS, day(0)), taken_at=taken_at)
        save(chain, version, [word])
    assert [m.value for m in chain.first_seen(3, ORDERS)] == [4]
    assert [m.value for m in chain.first_seen(3, ORDERS, ages=(0, 1.5))] == [10]
    assert [m.value for m in chain.first_seen(3, ORDERS, ages=(8.5, 9.5))] == [12], "of a table that is delivered late"
    assert chain.first_seen(1, ORDERS, ages=(0, 1.5)) == ()
    for ages in ((0, 1.5), (8.5, 9.5), (2, 3)):
        words = {(m.spec, m.interval, m.value) for m in chain.first_seen(3, ORDERS, ages=ages)}
        first = chain.grid(3, ORDERS, ages=ages).first
        assert first is not None
        assert {*first.cells()} == words


def test_the_grid_has_what_was_first_seen_of_young_buckets_beside_it(chain: StateStore):
    """Three words on a day: before it was over, while it was young, and late; a day of which none was young, and one that vanished."""
    name = dataclasses.replace(ROWS, metric="max", column="name")
    moments = [day(0).end + (day(0).end - day(0).start) * n for n in (-0.5, 0.5, 9)]
    for version, taken_at in enumerate(moments, start=1):
        numbers = [number(version, 10 * version, ROWS, day(0)), number(version, f"v{version}", name, day(0))]
        numbers += [number(version, 7, ROWS, day(5))] if version == 3 else [number(version, math.nan, ROWS, day(1))]
        save(chain, version, [dataclasses.replace(m, taken_at=taken_at) for m in numbers])
    for version, since in ((1, None), (2, None), (3, None), (3, day(1).start)):
        plain, both = chain.grid(version, ORDERS, since=since), chain.grid(version, ORDERS, since=since, ages=(0, 1.5))
        assert (plain.first, repr(dataclasses.replace(both, first=None))) == (None, repr(plain))
        assert both.first is not None
        begin = min(i.start for i in both.intervals)
        young = chain.first_seen(version, ORDERS, ages=(0, 1.5), since=begin)
        assert [*map(repr, both.first.cells())] == [repr((m.spec, m.interval, m.value)) for m in young]
    assert [value for _, _, value in chain.grid(2, ORDERS, ages=(0, 1.5)).first.cells()] == [20, "v2"]
    assert chain.grid(2, CUSTOMERS, ages=(0, 1.5)).first == Grid(series=array("q"), buckets=array("q"), values=[])


def test_the_grid_is_what_is_known_of_the_buckets_in_columns(chain: StateStore):
    save(chain, 1, [number(1, 5), *buckets(1, {0: 10, 1: 11, 2: math.nan})])
    save(chain, 2, [number(2, 6), *buckets(2, {1: 21})])
    grid = chain.grid(2, ORDERS)
    assert {interval: value for _, interval, value in grid.cells()} == {day(0): 10, day(1): 21}
    assert grid.specs == (ROWS,)
    first = chain.grid(1, ORDERS)
    assert [interval for _, interval, _ in first.cells()] == [day(0), day(1), day(2)]
    assert math.isnan(first.values[2])
    assert [interval for _, interval, _ in chain.grid(1, ORDERS, since=day(1).start).cells()] == [day(1), day(2)]
    assert list(chain.grid(2, CUSTOMERS).cells()) == []


def test_columns_have_the_last_word_or_the_first_and_no_number_that_vanished(chain: StateStore):
    """A category is counted, then not, then again; a name beside it comes once."""
    part = dataclasses.replace(ROWS, segment=Segment(column="country", value="FR"))
    name = dataclasses.replace(ROWS, metric="max", column="name")
    save(chain, 1, [number(1, 7, part, day(0)), number(1, "abc", name, day(0)), *buckets(1, {0: 10})])
    save(chain, 2, [number(2, "abd", name, day(0)), number(2, 8, part, day(1)), *buckets(2, {0: 11, 1: 3})])
    save(chain, 3, [number(3, 9, part, day(0)), *buckets(3, {0: 12, 1: 3})])

    def told(grid: Grid) -> set[tuple[MetricSpec, Interval, Value]]:
        return {*grid.cells()}

    for version in (1, 2, 3):
        words = {(m.spec, m.interval, m.value) for m in chain.measurements(version, ORDERS) if m.interval}
        first = {(m.spec, m.interval, m.value) for m in chain.first_seen(version, ORDERS, ages=(0, LONG))}
        grid = chain.grid(version, ORDERS, ages=(0, LONG))
        assert told(grid) == words
        assert told(grid.first or Grid()) == first
    assert {value for _, interval, value in words if interval == day(0)} >= {9, 12}
    assert {value for _, interval, value in first if interval == day(0)} == {7, 10, "abc"}


def test_the_newest_bucket_is_the_lineages(chain: StateStore):
    assert chain.newest_bucket(3, ORDERS) is None
    save(chain, 1, buckets(1, {0: 10, 1: 11}))
    save(chain, 2, buckets(2, {0: 10, 1: 11, 7: 12}))
    assert [chain.newest_bucket(version, ORDERS) for version in (1, 2, 3)] == [day(1), day(7), day(7)]
    assert chain.newest_bucket(2, CUSTOMERS) is None


def test_whole_numbers_alone(chain: StateStore):
    save(chain, 1, [number(1, 5), *buckets(1, {0: 10})])
    assert [m.value for m in chain.numbers(1, ORDERS)] == [5]
    assert chain.numbers(2, ORDERS) == ()


def test_history_of_some_metrics_and_without_categories(chain: StateStore):
    least, part = (
        dataclasses.replace(ROWS, metric="min"),
        dataclasses.replace(ROWS, segment=Segment(column="country", value="DE")),
    )
    save(chain, 1, [number(1, 5), number(1, 2, least), number(1, 3, part)])
    ((_, found),) = chain.history(1, ORDERS, metrics={"row_count"})
    assert {m.spec for m in found} == {ROWS, part}
    ((_, found),) = chain.history(1, ORDERS, metrics={"row_count"}, segments=False)
    assert {m.spec for m in found} == {ROWS}
    ((_, found),) = chain.history(1, ORDERS, told={("row_count", None)})
    assert found
    assert all(m.spec.metric != "row_count" or m.spec.column for m in found)
    ((_, found),) = chain.history(1, ORDERS, segments=False)
    assert {m.spec for m in found} == {ROWS, least}


def test_a_scan_in_part_leaves_other_buckets_alone(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11, 2: 12, 3: 13}))
    save(chain, 2, buckets(2, {1: 21}), vanished={ORDERS: [(ROWS, day(2)), (ROWS, day(9))]})
    assert days_of(chain, 2) == {0: 10, 1: 21, 3: 13}
    save(chain, 3, [], vanished={ORDERS: []})
    assert days_of(chain, 3) == {0: 10, 1: 21, 3: 13}


def days_of(store: StateStore, version: int) -> dict[int, object]:
    return {(interval.start - day(0).start).days: value for _, interval, value in store.grid(version, ORDERS).cells()}


def test_every_word_on_a_number_is_kept_in_order(chain: StateStore):
    save(chain, 1, buckets(1, {0: 10, 1: 11}))
    save(chain, 2, buckets(2, {0: 20, 1: 11, 2: 12}))
    save(chain, 3, [*buckets(3, {0: 20, 2: 32}), number(3, 52)])
    assert [(m.version, m.value) for m in chain.words(3, ROWS)] == [(1, 10), (2, 20), (1, 11), (2, 12), (3, 32)]
    assert [(m.version, m.value) for m in chain.words(1, ROWS)] == [(1, 10), (1, 11)]
    assert chain.words(3, dataclasses.replace(ROWS, column="never")) == ()


def test_what_was_chosen_of_a_tables_columns_is_the_lineages(store: StateStore):
    """A held version's choice is neither its parent's nor that of what is made from the parent afterwards."""
    publish_chain(store, 1)
    store.append([begun(2, 1), begun(3, 1)])
    odd = Relations(keys=('it\'s a "key"', "Straße\n"), pairs=(Pair('it\'s a "key"', "{}"),))
    other = Relations(keys=("other",))
    for version, told in ((1, odd), (2, other)):
        spec = MetricSpec(dataset=ORDERS, metric="relations", argument=str(told))
        save(store, version, [number(version, 2, spec, day(version)), number(version, 5, bucket=day(9))])
    assert [kept(store.grid(version, ORDERS)) for version in (1, 2, 3)] == [odd, other, odd]
    assert kept(store.grid(1, CUSTOMERS)) is None
