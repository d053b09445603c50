"""Short ways to say what happened, for the tests of state stores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tidegate.model import (
    Band,
    Check,
    CheckResult,
    DatasetRef,
    Finding,
    Incident,
    IncidentState,
    Interval,
    Layer,
    Measurement,
    MetricSpec,
    Outcome,
    Sample,
    Segment,
    Severity,
    Slice,
)
from tidegate.ports.state import NewEvent, StateStore

NOW = datetime(2026, 6, 1, 4, 0, 0, 123456, tzinfo=UTC)
ORDERS = DatasetRef(namespace="raw", name="orders")
CUSTOMERS = DatasetRef(namespace="raw", name="customers")
ROWS = MetricSpec(dataset=ORDERS, metric="row_count")
NULLS = MetricSpec(dataset=ORDERS, metric="null_count", column="total")


class Opener(Protocol):
    """Opens the store of this test; a second call opens it once more."""

    def __call__(self, *, create: bool = True) -> StateStore: ...


def event(kind: str, subject: str, /, at: datetime = NOW, actor: str = "ci", **data: object) -> NewEvent:
    return NewEvent(at=at, kind=kind, subject=subject, actor=actor, data=data)


def begun(number: int, parent: int | None = None, run: str | None = None) -> NewEvent:
    return event("version.begun", f"version:{number}", parent=parent, run=run, code_revision="abc")


def published(number: int, previous: int | None = None, kind: str = "publish", reason: str = "all passed") -> NewEvent:
    return event("version.published", f"version:{number}", previous=previous, kind=kind, reason=reason)


def publish_chain(store: StateStore, count: int) -> None:
    """Begin and publish the versions 1 to `count`, each a copy of the one before."""
    for number in range(1, count + 1):
        before = number - 1 or None
        store.append([begun(number, before), published(number, before)])


def opened(number: int = 1, **changes: object) -> NewEvent:
    return event("incident.opened", f"incident:{number}", **whole(incident(number, **changes)))


def whole(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}


def incident(number: int = 1, **changes: object) -> Incident:
    given: dict[str, object] = {
        "number": number,
        "fingerprint": "volume:raw.orders",
        "title": "raw.orders lost rows",
        "state": IncidentState.OPEN,
        "severity": Severity.SEV2,
        "reasons": ("tier 1", "14 % of the rows"),
        "version": 3,
        "run": "r3",
        "opened_at": NOW,
        "updated_at": NOW,
        "findings": (finding(),),
        "next_step": "look at the loader",
    }
    return Incident(**(given | changes))


def day(number: int) -> Interval:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return Interval(start=start, end=start + timedelta(days=1))


def finding(**changes: object) -> Finding:
    given: dict[str, object] = {
        "key": "volume:raw.orders",
        "kind": "volume",
        "layer": Layer.DATA,
        "dataset": ORDERS,
        "sentence": "raw.orders has 86 rows where 95 to 105 were expected",
        "holds": True,
        "column": "total",
        "spec": MetricSpec(dataset=ORDERS, metric="row_count", segment=Segment(column="country", value=None)),
        "observed": 86.0,
        "expected": Band(low=95, high=105.5, centre=100.0, method="mad", points=30),
        "slice": Slice(segment=Segment(column="country", value="FR"), share=0.9, observed=0.0, expected=14.0),
        "interval": day(3),
        "since": "load 42",
        "rarity": 6.5,
        "sql": "SELECT 1",
        "hint": "look at the loader",
        "affected_rows": 14,
        "affected_share": 0.14,
    }
    return Finding(**(given | changes))


def check(**changes: object) -> Check:
    given: dict[str, object] = {
        "id": "test.shop.not_null_orders_total",
        "name": "not_null_orders_total",
        "dataset": ORDERS,
        "kind": "not_null",
        "column": "total",
        "arguments": {"values": ["a", 1, 2.5, None, True], "between": (0, 10), "nested": {"deep": {"x": ()}}},
        "where": "total > 0",
        "limit": 100,
        "declared_in": "models/schema.yml:12",
    }
    return Check(**(given | changes))


def result(**changes: object) -> CheckResult:
    given: dict[str, object] = {
        "check": check(),
        "outcome": Outcome.FAIL,
        "reason": "2 rows fail",
        "failures": 2,
        "evaluated": 100,
        "measured": "2",
        "expected": "0",
        "sample": Sample(columns=("id", "total"), rows=(("1", None), ("2", "x")), masked=("total",), total=2, sql="S"),
        "sql": "SELECT count(*) FROM raw.orders WHERE total IS NULL",
    }
    return CheckResult(**(given | changes))


def number(
    version: int, value: float | str | None, spec: MetricSpec = ROWS, bucket: Interval | None = None, **changes: object
) -> Measurement:
    given: dict[str, object] = {"unit": "rows", "taken_at": NOW} | changes
    return Measurement(spec=spec, value=value, version=version, interval=bucket, **given)


def buckets(version: int, values: Mapping[int, object], spec: MetricSpec = ROWS) -> list[Measurement]:
    return [number(version, value, spec, day(start)) for start, value in values.items()]


def save(
    store: StateStore,
    version: int,
    measurements: Iterable[Measurement] = (),
    *,
    results: Iterable[CheckResult] = (),
    findings: Iterable[Finding] = (),
    schemas: Mapping[DatasetRef, Sequence[tuple[str, str]]] | None = None,
    marks: Mapping[str, object] | None = None,
    vanished: Mapping[DatasetRef, Collection[tuple[MetricSpec, Interval]]] | None = None,
) -> None:
    store.save_scan(
        version,
        measurements=measurements,
        results=results,
        findings=findings,
        schemas=schemas or {},
        marks=marks or {},
        vanished=vanished or {},
    )


def said(store: StateStore, version: int, spec: MetricSpec = ROWS) -> dict[int, object]:
    """What the store says of each day's bucket of a number, by the day's number."""
    first = day(0).start
    return {
        (m.interval.start - first).days: m.value
        for m in store.measurements(version, spec.dataset)
        if m.interval is not None and m.spec == spec
    }
