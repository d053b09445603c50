"""A made-up shop as bucketed measurements: 60 days of orders, with the faults that tests put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from tidegate.detect import DetectSettings, TableHistory, judge_table
from tidegate.model import Column, Dataset, DatasetRef, Family, Finding, Interval, Measurement, MetricSpec, Segment

REF = DatasetRef(namespace="raw", name="orders")
START = datetime(2026, 6, 1, tzinfo=UTC)
"""A Monday, and no holiday for ten weeks but 4 July."""
SETTINGS = DetectSettings()
COUNTRIES = {"DE": 0.35, "FR": 0.25, "NL": 0.2, "AT": 0.1, "BE": 0.1}
WEEK = (1.04, 0.94, 0.92, 0.94, 0.98, 1.12, 1.2)
DATASET = Dataset(
    ref=REF,
    columns=tuple(
        Column(name=name, type="VARCHAR", family=Family.OTHER)
        for name in ("order_id", "country", "total", "shipping", "coupon", "created_at")
    ),
)

Name = tuple[str, str | None, Segment | str | None]
Day = Mapping[Name, float | None]
Change = Callable[[dict[Name, float | None]], None]


def segment(value: str, column: str = "country") -> Segment:
    return Segment(column=column, value=value)


def spec(metric: str, column: str | None = None, part: Segment | str | None = None) -> MetricSpec:
    """A number's name; a text is the argument of a number of all rows."""
    if isinstance(part, str):
        return MetricSpec(dataset=REF, metric=metric, column=column, argument=part)
    return MetricSpec(dataset=REF, metric=metric, column=column, segment=part)


def bucket(at: int, *, hours: int = 24, start: datetime = START) -> Interval:
    return Interval(start=start + timedelta(hours=hours * at), end=start + timedelta(hours=hours * (at + 1)))


def shop_day(at: int, *, orders: float = 1200, seed: int = 0) -> dict[Name, float | None]:
    rng = np.random.default_rng([seed, at])
    parts = {c: int(rng.poisson(orders * share * WEEK[at % 7])) for c, share in COUNTRIES.items()}
    rows = sum(parts.values())
    day: dict[Name, float | None] = {
        ("row_count", None, None): rows,
        ("duplicate_rows", None, None): 0,
        ("null_count", "total", None): 0,
        ("null_count", "coupon", None): int(rng.binomial(rows, 0.8)),
        ("mean", "total", None): float(rng.normal(70, 1.5)),
        ("mean", "shipping", None): float(rng.normal(5, 0.1)),
        ("distinct_count", "country", None): len(COUNTRIES),
    }
    for country, count in parts.items():
        day[("row_count", None, segment(country))] = count
        day[("mean", "total", segment(country))] = float(rng.normal(70, 4))
    return day


def shop(days: int = 60, *, orders: float = 1200, seed: int = 0) -> list[dict[Name, float | None]]:
    return [shop_day(at, orders=orders, seed=seed) for at in range(days)]  # keywords as in shop_day


def measured(
    days: Sequence[Day], *, hours: int = 24, start: datetime = START, version: int = 1, taken_at: datetime | None = None
) -> list[Measurement]:
    """One measurement for each number of each day; a day without rows has none."""
    specs = {name: spec(*name) for day in days for name in day}
    out = []
    for at, day in enumerate(days):
        interval = bucket(at, hours=hours, start=start)
        seen = taken_at or interval.end + timedelta(hours=5)
        out += [
            Measurement(spec=specs[name], value=value, unit="", version=version, taken_at=seen, interval=interval)
            for name, value in day.items()
        ]
    return out


def history(days: Sequence[Day], *, before: Sequence[Day] | None = None, **more: object) -> TableHistory:
    """The newest day is new: the base has the ones before it, or `before`."""
    known = days[:-1] if before is None else before
    plain = TableHistory(dataset=DATASET, current=measured(days), base=measured(known), grain="day")
    return replace(plain, **more)  # type: ignore[arg-type]  # any field of it, whatever its type


def evening(days: Sequence[Day]) -> datetime:
    """The moment of the run: five hours after the newest day."""
    return START + timedelta(days=len(days), hours=5)


def judged(days: Sequence[Day], *, before: Sequence[Day] | None = None, **more: object) -> tuple[Finding, ...]:
    return judge_table(history(days, before=before, **more), now=evening(days), settings=SETTINGS)


def scaled(day: dict[Name, float | None], factor: float) -> None:
    """Every count of rows times a factor."""
    for name, value in day.items():
        if name[0] in ("row_count", "null_count") and value is not None:
            day[name] = round(value * factor)


def without(day: dict[Name, float | None], country: str) -> None:
    """A country's rows are missing; their share of NULLs too."""
    lost = day.pop(("row_count", None, segment(country))) or 0
    day.pop(("mean", "total", segment(country)))
    rows = day[("row_count", None, None)] or 0
    scaled_nulls = (day[("null_count", "coupon", None)] or 0) * (rows - lost) / rows
    day[("row_count", None, None)] = rows - lost
    day[("null_count", "coupon", None)] = round(scaled_nulls)


def whole(
    numbers: Mapping[Name, float | None], *, version: int, at: datetime | None = None
) -> tuple[int, tuple[Measurement, ...]]:
    """Whole-table numbers of one version."""
    seen = at or START + timedelta(days=version)
    return version, tuple(
        Measurement(spec=spec(*name), value=value, unit="", version=version, taken_at=seen)
        for name, value in numbers.items()
    )
