"""What it costs to judge one table, and a thousand, and to read of the state what that takes: CPU and peak memory, without the scan.

A table of orders as a daily run finds it: every number that a run measures of a bucket, a year of days or what a run looks at
of it, each day as it was known first and as it is now; the newest day is judged. Or a first run, that has nothing known.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np

from bench.scan import cpu_s
from tidegate.detect import (
    OF_VERSIONS_BESIDE_TIME,
    DetectSettings,
    TableHistory,
    ages,
    judge_table,
    just_ended,
    lookback,
    unlike,
)
from tidegate.model import (
    Column,
    Dataset,
    DatasetRef,
    Family,
    Finding,
    Grid,
    Interval,
    Measurement,
    MetricSpec,
    Segment,
)
from tidegate.ports.state import NewEvent
from tidegate.state.sqlite import SQLiteStateStore

SETTINGS = DetectSettings()
NEWEST = datetime(2026, 3, 11, tzinfo=UTC)
"""A Wednesday, and no holiday."""
DAY = timedelta(days=1)
COUNTRIES = ("DE", "FR", "NL", "AT", "BE", "IT", "ES", "PL", "CZ", "DK", "SE", "PT")
NUMBERS = (
    "null_count",
    "distinct_count",
    "min",
    "max",
    "mean",
    "stddev",
    "sum",
    "zero_count",
    "negative_count",
    "whole_count",
)
TEXTS = (
    "null_count", "distinct_count", "min_length", "max_length", "mean_length", "upper_count", "lower_count", "padded_count",
    "non_ascii_count", "empty_count", "placeholder_count",
)  # fmt: skip


def specs(ref: DatasetRef, series: int) -> Iterator[MetricSpec]:
    """The first so many numbers of a table: its rows, its countries, then column after column, numbers and texts in turn."""
    yield from (MetricSpec(dataset=ref, metric=name) for name in ("row_count", "duplicate_rows"))
    parts = [Segment(column="country", value=country) for country in COUNTRIES]
    yield from (MetricSpec(dataset=ref, metric="row_count", segment=part) for part in parts)
    yield from (MetricSpec(dataset=ref, metric="mean", column="c0", segment=part) for part in parts)
    for n in range(series):
        yield from (MetricSpec(dataset=ref, metric=m, column=f"c{n}") for m in (TEXTS if n % 2 else NUMBERS))


def past(wanted: tuple[MetricSpec, ...], buckets: int, *, seed: int) -> list[list[float]]:
    """A value for each bucket and number: a week, noise by the kind of number, now and then a NULL or a day of its own."""
    rng = np.random.default_rng(seed)
    week = np.tile((1.04, 0.94, 0.92, 0.94, 0.98, 1.12, 1.2), buckets // 7 + 1)[:buckets]
    rows = np.rint(5000 * week * np.exp(0.04 * rng.standard_t(5, buckets)))
    columns = []
    for spec in wanted:
        level, noise = float(rng.uniform(0.01, 0.6)), float(rng.uniform(0.0, 0.05))
        if spec.metric == "row_count":
            column = rows if spec.segment is None else rng.binomial(rows.astype(int), 1 / len(COUNTRIES))
        elif spec.metric.endswith("_count"):
            column = rng.binomial(rows.astype(int), level) if noise > 0.02 else np.zeros(buckets)
        elif spec.metric in ("duplicate_rows", "min_length"):
            column = np.zeros(buckets)
        else:
            column = 100 * level * np.exp(noise * rng.standard_t(5, buckets))
        columns.append(np.asarray(column, dtype=float))
    return np.array(columns).T.tolist()


def table(series: int, buckets: int, *, seed: int = 0, first_run: bool = False) -> tuple[TableHistory, datetime]:
    """A table's history, and when it is judged: five hours after its newest day."""
    ref = DatasetRef(namespace="raw", name=f"orders_{seed}")
    wanted = tuple(spec for spec, _ in zip(specs(ref, series), range(series), strict=False))
    begin = NEWEST - DAY * (buckets - 1)
    intervals = tuple(Interval(start=begin + DAY * n, end=begin + DAY * (n + 1)) for n in range(buckets))
    days = past(wanted, buckets, seed=seed)
    names = dict.fromkeys(s.column for s in wanted if s.column)
    columns = tuple(Column(name=name, type="VARCHAR", family=Family.OTHER) for name in names)
    made = [
        [_measured(s, v, at) for s, v in zip(wanted, day, strict=True)] for day, at in zip(days, intervals, strict=True)
    ]
    now = intervals[-1].end + timedelta(hours=5)
    plain = TableHistory(
        dataset=Dataset(ref=ref, columns=columns), current=[m for day in made for m in day], grain="day"
    )
    if first_run:
        return plain, now
    whole = [replace(m, interval=None) for m in made[-2]]
    looked_at = [m for day in made[-1 - lookback(intervals[-1]) // DAY : -1] for m in day]
    return replace(
        plain,
        current=[*made[-1], *(replace(m, interval=None) for m in made[-1])],
        base=whole,
        known=Grid.of(looked_at),
        reopened=frozenset(intervals[-1:]),
        first=just_ended(looked_at),
        versions=[(n, [m for m in whole if m.spec.metric in OF_VERSIONS_BESIDE_TIME]) for n in range(1, 31)],
    ), now


def _measured(spec: MetricSpec, value: float | str, interval: Interval) -> Measurement:
    seen = interval.end + timedelta(hours=5)
    return Measurement(spec=spec, value=value, unit="", version=1, taken_at=seen, interval=interval)


def main(argv: list[str]) -> int:
    """Print two tables: one table judged, and many, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m bench judge")
    parser.add_argument("--series", type=int, default=300)
    parser.add_argument("--buckets", type=int, nargs="+", default=[120, 365])
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=9)
    asked = parser.parse_args(argv)
    print("| | CPU ms | of them the batch as a whole | peak memory, MB |\n|---|--:|--:|--:|")
    for what, days, first_run in (
        *(("daily run", n, False) for n in asked.buckets),
        ("first run", asked.buckets[0], True),
    ):
        history, now = table(asked.series, days, first_run=first_run)
        spent = one(history, now, runs=asked.runs)
        print(
            f"| {what}, {asked.series} series, {days} days | {spent[0]:.0f} | {spent[1]:.0f} | {spent[2]:.0f} |",
            flush=True,
        )
    read = reading(asked.series, max(asked.buckets), runs=asked.runs)
    print(
        f"| reading the state of {asked.series} series, {max(asked.buckets)} days | {read[0]:.0f} | | {read[1]:.0f} |"
    )
    total = sum(many(asked.tables, asked.series, asked.buckets[0]))
    print(f"\n{asked.tables:,} tables of {asked.series} series and {asked.buckets[0]} days: {total:.1f} CPU s")
    return 0


def one(history: TableHistory, now: datetime, *, runs: int) -> tuple[float, float, float]:
    """CPU ms of a judgement, those that judge the batch as a whole, and the peak of memory in MB; medians."""
    once = partial(judge_table, history, now=now, settings=SETTINGS)
    once()
    taken = statistics.median(cpu_s(once) for _ in range(runs))
    whole = statistics.median(of_whole(once) for _ in range(runs))
    return 1e3 * taken, 1e3 * whole, peak_mb(once)


RUNS: Final = 60
"""So many daily runs wrote the state that is read; the first one found all the days before."""


def reading(series: int, days: int, *, runs: int) -> tuple[float, float]:
    """CPU ms to read what a daily run reads of a table, and the peak of memory in MB; medians."""
    ref = DatasetRef(namespace="raw", name="orders_0")
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(SQLiteStateStore(Path(folder) / "s.db", create=True)) as state,
    ):
        for version, found in enumerate(scanned(ref, series, days), start=1):
            subject, data = f"version:{version}", {"parent": version - 1 or None, "run": None, "code_revision": None}
            state.append([NewEvent(at=NEWEST, kind="version.begun", subject=subject, actor="bench", data=data)])
            published = {"previous": version - 1 or None, "kind": "publish", "reason": "bench"}
            state.append(
                [NewEvent(at=NEWEST, kind="version.published", subject=subject, actor="bench", data=published)]
            )
            numbers = [replace(m, version=version) for m in found]
            state.save_scan(version, measurements=numbers, results=(), findings=(), schemas={}, marks={})
        once = partial(read_once, state, ref, min(RUNS, days - 1))
        once()
        taken = statistics.median(cpu_s(once) for _ in range(runs))
        return 1e3 * taken, peak_mb(once)


def scanned(ref: DatasetRef, series: int, days: int) -> Iterator[list[Measurement]]:
    """What each run writes: its new day, every third time the day before again, and the whole table's numbers."""
    wanted = tuple(spec for spec, _ in zip(specs(ref, series), range(series), strict=False))
    values = past(wanted, days, seed=0)
    runs = min(RUNS, days - 1)
    for run in range(runs):
        last = days - runs + run
        found = [last] if run % 3 else [last - 1, last]
        numbers = []
        for n in found if run else range(last + 1):
            at = Interval(start=NEWEST - DAY * (days - 1 - n), end=NEWEST - DAY * (days - 2 - n))
            numbers += [_measured(s, v, at) for s, v in zip(wanted, values[n], strict=True)]
            numbers.append(_measured(MetricSpec(dataset=ref, metric="content"), f"{n} {run}", at))
        yield numbers + [replace(_measured(s, v, at), interval=None) for s, v in zip(wanted, values[last], strict=True)]


def read_once(state: SQLiteStateStore, ref: DatasetRef, newest_version: int) -> None:
    """As a run does before its scan, and before it judges."""
    newest = state.newest_bucket(newest_version, ref)
    if newest is None:
        raise ValueError("nothing was kept")
    known = state.grid(newest_version, ref, since=newest.start - lookback(newest), ages=ages(0.0))
    told = {(s.metric, s.column) for s in known.specs if s.segment is None} - {("row_count", None)}
    state.numbers(newest_version, ref)
    state.history(newest_version, ref, metrics=OF_VERSIONS_BESIDE_TIME, segments=False, told=told)


def peak_mb(once: Callable[[], object]) -> float:
    """The most memory that Python had while it did something, in MB."""
    tracemalloc.start()
    once()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def of_whole(once: Callable[[], object]) -> float:
    """CPU seconds of a judgement that go to the batch as a whole."""
    spent = []

    def timed(*given: Any) -> list[Finding]:
        start = time.process_time()
        found = judge_whole(*given)
        spent.append(time.process_time() - start)
        return found

    judge_whole = unlike.judge
    with patch.object(unlike, "judge", timed):
        once()
    return sum(spent)


def many(tables: int, series: int, days: int) -> Iterator[float]:
    """CPU seconds of the judgement of each table; their histories are made one at a time."""
    for seed in range(tables):
        history, now = table(series, days, seed=seed)
        yield cpu_s(partial(judge_table, history, now=now, settings=SETTINGS))
