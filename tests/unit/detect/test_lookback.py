"""How far back the past is read: as far as anything looks at it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tidegate.detect import OF_VERSIONS, lookback
from tidegate.detect.history import LOOKS, WIDTHS, infer_grain
from tidegate.detect.series import SHARES, VALUES
from tidegate.model import Interval
from tidegate.scan import ScanOptions
from tidegate.scan.grain import TIMES_AS_MANY, bucket, floor, shift

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("grain", ["hour", "day", "week", "month"])
def test_a_scan_finds_again_what_was_known_of_its_window(grain: str) -> None:
    newest = bucket(floor(NOW, grain), grain)
    assert infer_grain(newest) == grain
    scanned = ScanOptions(version=1, taken_at=NOW).history_buckets * TIMES_AS_MANY.get(grain, 1)
    first = shift(newest.start, grain, 1 - max(scanned, WIDTHS[grain]))
    assert newest.start - lookback(newest) <= first


def test_it_grows_with_the_bucket() -> None:
    day = Interval(start=NOW, end=NOW + timedelta(days=1))
    assert lookback(day) < timedelta(days=130)


def test_every_number_that_is_judged_by_version_is_read() -> None:
    assert {*SHARES, *VALUES, *LOOKS, "row_count", "distinct_count", "max"} == OF_VERSIONS
