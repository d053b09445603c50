"""An outcome of `tidegate check` with everything that a report must get right, made by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from tidegate.model import Check, CheckResult, DatasetRef, Finding, Layer, Outcome, Sample, StatementCost
from tidegate.services.check import CheckOutcome, count
from tidegate.services.report import Report, report

ORDERS = DatasetRef(namespace="raw", name="orders")
MART = DatasetRef(namespace="analytics", name="fct_orders")
NASTY = "a]]>&<b>\x00\x1b[31m::error::`|*\U0001f600"
"""What data may hold: it must neither break a document nor speak in it."""

SAMPLE = Sample(
    columns=("order_id", "email"),
    rows=(("7", "***"), (NASTY, None)),
    masked=("email",),
    total=19,
    sql="SELECT order_id, email FROM raw.orders",
)


def check(name: str, dataset: DatasetRef = ORDERS, kind: str = "not_null", **more) -> Check:
    return Check(
        **{
            "id": f"test.shop.{name}" if more.get("source") == "dbt" else f"{dataset}/{name}",
            "name": name,
            "dataset": dataset,
            "kind": kind,
            "declared_in": "tidegate.yml:4",
            **more,
        }
    )


def result(check: Check, outcome: Outcome = Outcome.PASS, reason: str = "0 failures in 19 rows", **more) -> CheckResult:
    more = {"failures": 0, "evaluated": 19, **more} if outcome not in {Outcome.ERROR, Outcome.SKIPPED} else more
    return CheckResult(check=check, outcome=outcome, reason=reason, **more)


DBT = {"source": "dbt", "declared_in": "transform/models/marts.yml:12"}
RESULTS = (
    result(check("unique_id", kind="unique", column="order_id", **DBT)),
    result(
        check("email filled", column="email"),
        Outcome.FAIL,
        f"19 of 19 rows have no {NASTY}",
        failures=19,
        sample=SAMPLE,
        sql="SELECT order_id FROM raw.orders WHERE email IS NULL -- ::error::]]>",
    ),
    result(check("positive", MART, "rule", **DBT), Outcome.WARN, "3 rows", failures=3),
    result(check("no such column", MART), Outcome.ERROR, "could not be evaluated: there is no column `x`"),
    result(check("add up", MART, "dbt", arguments={"test": "singular"}, **DBT), Outcome.SKIPPED, "dbt did not run it"),
    result(check("lenient", MART, blocking=False), Outcome.FAIL, "1 row", failures=1),
    result(check("empty", MART), reason="nothing was evaluated: 0 rows", evaluated=0),
)


def finding(kind: str, dataset: DatasetRef | None, *, holds: bool) -> Finding:
    return Finding(
        key=f"{dataset}/{kind}",
        kind=kind,
        layer=Layer.DATA,
        dataset=dataset,
        sentence=f"{kind} of {dataset} is strange, 100% & <b>",
        holds=holds,
        hint="look",
    )


FINDINGS = (
    Finding(
        key="raw.orders/check/raw.orders/email filled",
        kind="check",
        layer=Layer.DATA,
        dataset=ORDERS,
        sentence="email filled on raw.orders",
        holds=True,
        hint="look at the rows",
    ),
    finding("volume", ORDERS, holds=True),
    finding("written", None, holds=False),
)
COSTS = (
    StatementCost(dataset=ORDERS, purpose="profile", sql="SELECT 1", cpu_s=0.1, wall_s=0.3, rows=1),
    StatementCost(dataset=ORDERS, purpose="unique", sql="SELECT 2", cpu_s=0.1, wall_s=0.3, rows=1),
)


def outcome(results: tuple[CheckResult, ...] = RESULTS, findings: tuple[Finding, ...] = FINDINGS) -> CheckOutcome:
    return CheckOutcome(
        version=7,
        counts=count(results, declared=9),
        checked_at=datetime(2026, 3, 1, 6, tzinfo=UTC),
        seconds=1.25,
        results=results,
        findings=findings,
        notes=(),
        incidents=(),
        costs=COSTS,
        tables=2,
    )


def made(below: str = "") -> Report:
    return report(outcome(), below=below)
