"""Which slice is said to explain a strange number: the one whose share of the difference exceeds its share of the rows."""

import itertools
from datetime import UTC, datetime, timedelta

from tidegate.model import Interval, Segment
from tidegate.scan import SliceRow
from tidegate.services.explain import BASELINE_BUCKETS, before, best_slice


def row(
    column: str, value: str | None, rows: tuple[float, float], values: tuple[float | None, float | None]
) -> SliceRow:
    return SliceRow(
        segment=Segment(column=column, value=value),
        observed_rows=rows[0],
        expected_rows=rows[1],
        observed_value=values[0],
        expected_value=values[1],
    )


def test_a_mean_that_moved_in_one_category_is_found() -> None:
    found = best_slice(
        [
            row("origin", "EWR", (300, 300), (270.0, 5.0)),
            row("origin", "JFK", (310, 300), (5.0, 5.0)),
            row("origin", "LGA", (290, 300), (4.0, 5.0)),
        ],
        by_mean=True,
    )
    assert found is not None
    assert found.segment == Segment(column="origin", value="EWR")
    assert found.share == 1.0
    assert (found.observed, found.expected) == (270.0, 5.0)


def test_rows_that_are_missing_in_one_category_are_found_without_a_value() -> None:
    found = best_slice(
        [row("country", "DE", (0, 350), (None, None)), row("country", "FR", (180, 178), (None, None))], by_mean=False
    )
    assert found is not None
    assert found.segment.value == "DE"
    assert (found.observed, found.expected) == (0.0, 350.0)


def test_a_difference_that_is_everywhere_has_no_slice() -> None:
    rows = [row("origin", name, (300, 300), (150.0, 5.0)) for name in ("EWR", "JFK", "LGA")]
    assert best_slice(rows, by_mean=False) is None


def test_nothing_to_compare_has_no_slice() -> None:
    assert best_slice([], by_mean=True) is None
    assert best_slice([row("a", None, (0, 0), (None, None))], by_mean=True) is None
    assert best_slice([row("a", "x", (5, 5), (1.0, 1.0))], by_mean=True) is None


def test_the_baseline_lies_before_and_does_not_overlap() -> None:
    start = datetime(2026, 5, 23, tzinfo=UTC)
    day = Interval(start=start, end=start + timedelta(days=1))
    spans = before(day)
    assert len(spans) == BASELINE_BUCKETS
    assert spans[0].end == start
    assert not any(s.overlaps(day) for s in spans)
    assert all(a.start == b.end for a, b in itertools.pairwise(spans))
