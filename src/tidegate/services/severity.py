"""Severity: how urgent a cause is, and why; every part of the sum is one of the reasons that are printed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from tidegate.detect import DRIFT
from tidegate.lineage import Graph
from tidegate.model import DatasetRef, Finding, Product, Severity
from tidegate.model.words import lasting

START = 3.0
MANY_READERS = 5
SMALL, LARGE = 0.01, 0.5
NEARLY_MISSED = 0.25
HELD_AT_MOST = 2
"""A level is a severity: 1 wakes somebody up. A part of the sum is a whole level, or half of one where it alone should not
change it. What is held is never sev1, because readers still have the last good version. Chosen, not derived.
"""

EFFORT = frozenset({"slow", "memory"})
"""Kinds of findings about what a step cost; the data itself is sound."""

PROMISE = "slo"
"""The kind of the finding that a product misses what it promises, or that its error budget burns too fast."""

OF_THE_RUN = frozenset({"step", "unchecked"})
"""Kinds of findings that, about no table, concern everything that the run should have brought."""

AMOUNTS = frozenset({"row_count", "sum"})
"""Metrics of which the distance to the expected value, as a share of it, is a share of the rows or of the value."""


def severity(
    findings: Sequence[Finding],
    graph: Graph,
    below: Collection[DatasetRef],
    hit: Sequence[Product],
    *,
    held: bool,
    age: timedelta | None = None,
) -> tuple[Severity, tuple[str, ...]]:
    """How urgent a group of findings is, with the reasons, the weightiest first.

    From sev3 on: a level up when readers already see the data, or an error budget burns fast, for a product of tier 1, and for a freshness that is
    missed while the version is held; half a level up for many readers, for half of the rows or the value, and when little
    time is left; a level down for tier 4, for less than 1 % of the rows or the value, and when only a step's cost is unusual.

    Args:
        below: the tables of the findings, and everything derived from them.
        hit: the products among them, those that matter most first (`reached`).
        age: how old what readers see is; None when nothing is published.
    """
    seen = not held and not all(f.kind in EFFORT for f in findings)
    parts = [
        _who_sees(findings, held=held),
        *_tier(hit),
        *_readers(hit, graph, below),
        *_share(findings),
        *(_time_left(hit, age) if held else ()),
    ]  # fmt: skip
    level = math.floor(START + sum(weight for weight, _ in parts) + 0.5)
    worst = 1 if seen else HELD_AT_MOST
    return Severity(f"sev{min(4, max(worst, level))}"), (*(reason for _, reason in parts), *_whom(hit))


def _who_sees(findings: Sequence[Finding], *, held: bool) -> tuple[float, str]:
    if all(f.kind in EFFORT for f in findings):
        return (1.0, "only a step's cost is unusual, the data is sound")
    if all(f.kind == DRIFT for f in findings):
        return (1.0, "a slow drift: no single batch left its band")
    if held:
        return (0.0, "readers do not see this version")
    if findings[0].kind == PROMISE:
        urgent = findings[0].urgent
        return (-1.0, "its error budget burns fast") if urgent else (0.0, "its error budget burns, or is spent")
    return (-1.0, "readers already see this data")


def reached(
    findings: Sequence[Finding], below: Collection[DatasetRef], products: Sequence[Product]
) -> tuple[Product, ...]:
    """The products that a cause reaches, the ones that matter most first; what concerns the whole run reaches each.

    Args:
        below: the tables of the findings, and everything derived from them.
    """
    if any(f.dataset is None and f.kind in OF_THE_RUN for f in findings):
        hit = list(products)
    else:
        named = {f.product for f in findings}
        hit = [p for p in products if p.name in named or any(p.covers(ref) for ref in below)]
    return tuple(sorted(hit, key=lambda p: (p.tier, p.name)))


def _tier(hit: Sequence[Product]) -> list[tuple[float, str]]:
    if not hit:
        return []
    tier = hit[0].tier
    names = ", ".join(f"{p.name} (tier {p.tier})" for p in hit)
    what = "product" if len(hit) == 1 else "products"
    return [({1: -1.0, 4: 1.0}.get(tier, 0.0), f"it reaches the {what} {names}")]


def _readers(hit: Sequence[Product], graph: Graph, below: Collection[DatasetRef]) -> list[tuple[float, str]]:
    """Consumers of the products, and dbt's exposures below."""
    readers = sorted(
        {n.name for ref in below for n in graph.readers.get(ref, ())} | {c for p in hit for c in p.consumers}
    )
    if not readers:
        return []
    return [(-0.5 if len(readers) >= MANY_READERS else 0.0, "it is read by " + ", ".join(readers))]


def _share(findings: Iterable[Finding]) -> list[tuple[float, str]]:
    """How much of the rows, or of the value, is affected at most."""
    rows, values = 0.0, 0.0
    known = False
    for finding in findings:
        if finding.affected_share is not None:
            rows, known = max(rows, finding.affected_share), True
        elif (off := _off(finding)) is not None:
            values, known = max(values, off), True
    if not known:
        return []
    most = max(rows, values)
    what = "of the rows under test are affected" if rows >= values else "is missing or too much of what was expected"
    if most < SMALL:
        return [(1.0, f"at most {100 * most:.2f} % {what}")]
    return [(-0.5 if most >= LARGE else 0.0, f"up to {100 * most:.0f} % {what}")]


def _off(finding: Finding) -> float | None:
    """How far an amount is from what was expected, as a share of that; None for a number that is no amount."""
    spec, expected, observed = finding.spec, finding.expected, finding.observed
    if spec is None or spec.metric not in AMOUNTS or spec.segment is not None or expected is None or observed is None:
        return None
    if not expected.centre or not math.isfinite(expected.centre) or not math.isfinite(observed):
        return None
    return min(1.0, abs(observed - expected.centre) / abs(expected.centre))


def _time_left(hit: Sequence[Product], age: timedelta | None) -> list[tuple[float, str]]:
    """How long what readers see is still as fresh as it is promised to be: of the product that has least time left."""
    if age is None:
        return []
    promised = [(p.slo.freshness - age, p.slo.freshness, p.name) for p in hit if p.slo.freshness is not None]
    if not promised:
        return []
    left, freshness, name = min(promised)
    if left <= timedelta(0):
        return [(-1.0, f"{name} promises data of at most {lasting(freshness)}, which is missed since {lasting(-left)}")]
    said = f"{lasting(left)} of the {lasting(freshness)} are left in which {name} promises new data"
    return [(-0.5 if left < NEARLY_MISSED * freshness else 0.0, said)]


def _whom(hit: Sequence[Product]) -> tuple[str, ...]:
    """Whom to tell, and what to read: no part of the sum."""
    owners, runbooks = sorted({p.owner for p in hit if p.owner}), sorted({p.runbook for p in hit if p.runbook})
    told = ["tell " + ", ".join(owners)] if owners else []
    return (*told, *(["runbook " + ", ".join(runbooks)] if runbooks else []))
