"""Buckets tile time: each starts where the one before ends, whatever the grain."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.metrics import Kind
from tidegate.model import Interval
from tidegate.scan.grain import SECONDS, bucket, bucket_sql, floor, moment, shift, within_sql

YEAR_S = 31_556_952
MOMENTS = st.integers(-70 * YEAR_S, 230 * YEAR_S).map(moment)


@given(MOMENTS, st.sampled_from(list(SECONDS)))
def test_a_moment_lies_in_its_bucket(at, grain):
    interval = bucket(floor(at, grain), grain)
    assert at in interval
    assert floor(interval.end, grain) == interval.end
    assert floor(interval.end - timedelta(microseconds=1), grain) == interval.start


@given(MOMENTS, st.sampled_from(list(SECONDS)), st.integers(-500, 500))
def test_shifting_there_and_back(at, grain, buckets):
    start = floor(at, grain)
    assert shift(shift(start, grain, buckets), grain, -buckets) == start


@pytest.mark.parametrize("grain", SECONDS)
def test_the_ends_of_time_hold(grain):
    assert shift(datetime(1, 1, 1, tzinfo=UTC), grain, -5).year == 1
    assert shift(datetime(9999, 12, 1, tzinfo=UTC), grain, 10_000).year == 9999


def test_weeks_start_on_monday():
    assert floor(datetime(2026, 5, 3, 23, tzinfo=UTC), "week") == datetime(2026, 4, 27, tzinfo=UTC)


def test_moments():
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment(-62135596800.0) == datetime(1, 1, 1, tzinfo=UTC)
    assert moment(1e18) is None


def test_sql_of_a_zoned_time_does_not_depend_on_the_session():
    assert (
        bucket_sql("t", Kind.TIMESTAMP_TZ, "day", "duckdb")
        == """CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("t")))) AS BIGINT)"""
    )
    day = Interval(start=datetime(26, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 2, tzinfo=UTC))
    sql = within_sql("t", Kind.TIMESTAMP_TZ, day, "duckdb")
    assert (
        sql
        == """"t" >= CAST('0026-01-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "t" < CAST('2026-01-02 00:00:00+00:00' AS TIMESTAMPTZ)"""
    )
