"""What a run measures of a table's buckets is what the detection benchmark measures of the same rows in batches, number by number."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from bench.detection_adapter import Gauge, Measured
from tests.conformance.scan.engine import NOW, Engine, engines
from tidegate.detect.traits import overlap
from tidegate.model import MetricSpec
from tidegate.scan import ScanOptions, scan_table

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 16
ORDERS = f"""
create table t as select 'O' || (d * 1000 + i) as order_id, timestamp '2026-03-01' + to_days(d::int) + to_minutes((i * 9)::int) as sold_at,
    'S' || k as shop, case when i % 11 > 0 then 'city ' || (k % 7) end as city, ['web', 'Shop', 'fair'][1 + (hash(i, d) % 3)::int] as channel,
    case when i % 13 = d % 13 then ' é n/a' when i % 17 = 0 then '' else upper('note ' || (hash(d, i, 4) % 90)) end as note,
    'B' || d || '-' || i // 4 as basket, case when d > 9 and i % 40 = d then 'nobody' else 'buyer ' || (hash(d, i // 4, 5) % 900) end as buyer,
    case when i % 11 > 0 and (d < 10 or i % 9 > 0) then timestamp '2026-01-01' + to_hours((i * d)::int) end as moved_at,
    (hash(d, i, 1) % 9)::int - 1 as pieces, case when d > 9 and i % 15 = 7 then net / 1.19 else net end as net, tax, net + tax as total,
    (i * 9 // 60)::int as clock,
    timestamp '2026-03-01' + to_days(d::int) + to_minutes((i * 9 + 300 + hash(i, d, 6) % 60)::int) as sent_at
from (select d, i, case when i < 20 then i else (hash(d, i) % 20)::int end as k, (hash(d, i, 2) % 9000)::double / 100 as net,
    (hash(d, i, 3) % 2000)::double / 100 as tax from range({DAYS}) a(d), range(110 + d % 5) b(i))
"""
STALE = (
    "delete from t where sold_at::date = date '2026-03-13'",
    "insert into t select * replace (sold_at + interval 1 day as sold_at) from t where sold_at::date = date '2026-03-12'",
)
MEASURES = ("net", "pieces", "tax", "total", "clock")
ALONE = {
    "needs memory for every value, or found nothing": {
        *((metric, None, None) for metric in ("quantile", "top_count", "both_count", "less_count", "equal_count")),
        *(("distinct_count", name, None) for name in (*MEASURES, "moved_at", "sold_at", "sent_at")),
    },
    "rows at 1970-01-01 have a bucket of their own in a run": {("epoch_count", "sold_at", None)},
    "a run cuts by categories of fewer values, and no number": {
        *(("mean", name, "shop") for name in MEASURES),
        *(("row_count", None, name) for name in ("shop", "pieces", "clock")),
    },
    "its values are counted one by one": {(f"{m}_count", "channel", None) for m in ("unknown", "regular", "gone")},
}
"""What the benchmark measures and a run does not, by why: (metric, column, category), None for any. Sketches are compared apart."""
Name = tuple[str, str | None, str | None, str | None]
Numbers = Mapping[Name, Mapping[int, float]]


def name_of(spec: MetricSpec) -> Name:
    segment = f"{spec.segment.column}={spec.segment.value}" if spec.segment else None
    return spec.metric, spec.column, spec.argument, segment


@pytest.fixture(scope="module")
def orders() -> Engine:
    for engine in engines():
        engine.run(ORDERS)
        for sql in STALE:
            engine.run(sql)
        yield engine


@pytest.fixture(scope="module")
def in_a_run(orders: Engine) -> Numbers:
    options = ScanOptions(version=1, taken_at=NOW, time_column="sold_at", grain="day")
    scan = orders.drive(scan_table(orders.dataset("t"), (), options))
    told: dict[Name, dict[int, float]] = defaultdict(dict)
    for m in scan.measurements:
        if m.interval is not None and not isinstance(m.value, str) and m.value is not None:
            told[name_of(m.spec)][(m.interval.start - START).days] = float(m.value)
    return told


@pytest.fixture(scope="module")
def benchmark_says(orders: Engine) -> Measured:
    columns = [c.name for c in orders.dataset("t").columns]
    batches: list[tuple[datetime, Any]] = []
    for day in range(DAYS):
        when = START + timedelta(days=day)
        rows = orders.run(f"select * from t where sold_at::date = date '{when.date()}'")
        batches.append((when.replace(tzinfo=None), pd.DataFrame(rows, columns=columns)))
    gauge = Gauge()
    gauge.load(batches)
    recipe = gauge.recipe()
    gauge.remember(recipe, DAYS)
    return gauge.measure(recipe, DAYS)


@pytest.fixture(scope="module")
def in_the_benchmark(benchmark_says: Measured) -> Numbers:
    return {
        name_of(s): {day: float(v) for day, v in enumerate(values) if math.isfinite(v)}
        for s, values in benchmark_says.values.items()
    }


def test_what_only_the_benchmark_measures_is_known(in_a_run: Numbers, in_the_benchmark: Numbers) -> None:
    listed = set().union(*ALONE.values())
    alone = {
        (metric, None, None)
        if (metric, None, None) in listed
        else (metric, column, segment and segment.partition("=")[0])
        for (metric, column, argument, segment), values in in_the_benchmark.items()
        if values and not in_a_run.get((metric, column, argument, segment))
    }
    assert alone == listed, "what users do not get, a figure of the benchmark must not stand on unsaid"


def test_every_number_of_both_is_the_same_in_every_bucket(in_a_run: Numbers, in_the_benchmark: Numbers) -> None:
    shared = {name for name in in_a_run if name in in_the_benchmark}
    assert {name[0] for name in shared} >= {
        *("row_count", "null_count", "distinct_count", "mean", "stddev", "padded_count", "mean_length", "min"),
        *("unknown_count", "regular_count", "gone_count", "known_key_count", "new_pair_count"),
        *("rest_count", "rest_median", "rest_far_count", "rest_most", "rest_wide"),
        *("shared_key_count", "split_count"),
        *("finer_count", "lone_null_count"),
        *("due_count", "gap_count", "next_count", "break_count"),
    }
    differ = {
        (name, day): (value, in_the_benchmark[name].get(day))
        for name in shared
        for day, value in in_a_run[name].items()
        if in_the_benchmark[name].get(day) != pytest.approx(value, rel=1e-9, abs=1e-9)
    }
    assert differ == {}
    assert sum(len(in_a_run[name]) for name in shared) > 1_000


def test_times_follow_from_numbers_and_other_times_in_both(in_a_run: Numbers, in_the_benchmark: Numbers) -> None:
    for numbers in (in_a_run, in_the_benchmark):
        assert {name[1] for name in numbers if name[0] == "rest_most"} >= {"total", "clock", "sold_at", "sent_at"}


def test_rows_that_come_again_are_the_share_that_the_sketches_tell(in_a_run: Numbers, benchmark_says: Measured) -> None:
    kept = next(k for s, k in benchmark_says.sketches.items() if s.metric == "rows_sketch")
    sampled, again = (in_a_run[metric, None, None, None] for metric in ("sampled_count", "again_count"))
    shares = {day: again[day] / sampled[day] for day in sampled}
    assert shares == pytest.approx({day: overlap(kept, day) for day in shares})
    assert shares[12] == 1.0
    assert len(shares) == DAYS
