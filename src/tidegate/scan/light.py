"""The light scan: every plain aggregate of every column, and the conditions of checks on the same statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from tidegate.errors import QueryError
from tidegate.metrics import METRICS, Atoms, ConditionError, conditions, kind_of, relation, select, taken_apart
from tidegate.metrics.predicate import condition
from tidegate.model import Column, MetricSpec
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally, groups

PROFILE: Final = (
    "null_count",
    "distinct_count",
    "min",
    "max",
    "min_exact",
    "max_exact",
    "sum",
    "mean",
    "stddev",
    "nan_count",
    "infinite_count",
    "newest",
    "distinct_days",
    "empty_count",
    "min_length",
    "max_length",
    "mean_length",
    "true_count",
)
"""What is measured of every column to which it applies."""

EXACT: Final = frozenset({"min_exact", "max_exact"})
WANTED_PER_STATEMENT: Final = 200
"""Chosen, not derived: a statement stays readable, and rides on few passes."""


@dataclass(frozen=True, slots=True)
class Ask:
    """An aggregate on its way: the spec and its SQL, taken apart; `users` tells that the user wrote part of it."""

    spec: MetricSpec
    atoms: Atoms
    users: bool = False


def light(tally: Tally, wanted: Sequence[MetricSpec]) -> Plan[None]:
    """Measure the profile of every column and the wanted aggregates, about 50 columns a statement."""
    profiled = tally.dataset.columns if tally.options.profile else ()
    riding = _wanted(tally, wanted)
    for number, columns in enumerate(groups(profiled, tally.options.columns_per_statement)):
        asks = [ask for column in columns for ask in _profile(tally, column)]
        if number == 0:
            rows = tally.spec("row_count")
            asks = [Ask(rows, taken_apart(rows, None, dialect=tally.dialect)), *asks, *riding[:WANTED_PER_STATEMENT]]
        yield from _measure(tally, asks)
    for at in range(WANTED_PER_STATEMENT, len(riding), WANTED_PER_STATEMENT):
        yield from _measure(tally, riding[at : at + WANTED_PER_STATEMENT])


def _profile(tally: Tally, column: Column) -> list[Ask]:
    kind = kind_of(column)
    found = []
    for metric in PROFILE:
        if METRICS[metric].applies_to(kind, column.family):
            spec = tally.spec(metric, column.name)
            found.append(Ask(spec, taken_apart(_limited(tally, spec), column, dialect=tally.dialect)))
    return found


def _limited(tally: Tally, spec: MetricSpec) -> MetricSpec:
    """Times more than a day after the scan are no events that happened: plans, or `9999-12-31` for "no end"."""
    if spec.metric != "newest" or spec.argument is not None:
        return spec
    return replace(spec, argument=(tally.options.taken_at + timedelta(days=1)).isoformat())


def _wanted(tally: Tally, wanted: Sequence[MetricSpec]) -> list[Ask]:
    """Those of the wanted numbers that are plain aggregates; what cannot be one is noted with its reason."""
    asks: list[Ask] = []
    for spec in dict.fromkeys(wanted):
        metric = METRICS.get(spec.metric)
        if metric is None:
            tally.unmeasured[spec] = f"there is no metric `{spec.metric}`"
        elif metric.aggregate is not None and spec.metric != "quantile" and not _profiled(tally, spec):
            ask = _ask(tally, spec)
            if ask is not None:
                asks.append(ask)
    return asks


def _profiled(tally: Tally, spec: MetricSpec) -> bool:
    """Whether the profile measures exactly that number anyway."""
    if spec == tally.spec("row_count"):
        return True
    column = tally.dataset.column(spec.column or "")
    return (
        tally.options.profile
        and column is not None
        and spec.metric in PROFILE
        and METRICS[spec.metric].applies_to(kind_of(column), column.family)
        and spec == tally.spec(spec.metric, column.name)
    )


def _ask(tally: Tally, spec: MetricSpec) -> Ask | None:
    column = tally.dataset.column(spec.column) if spec.column is not None else None
    metric = METRICS[spec.metric]
    if metric.families:
        if column is None:
            tally.unmeasured[spec] = f"{tally.dataset.ref} has no column `{spec.column}`"
            return None
        if not metric.applies_to(kind_of(column), column.family):
            tally.unmeasured[spec] = f"`{spec.metric}` means nothing for `{column.name}`, which is {column.type}"
            return None
    try:
        users = spec.where is not None or (metric.argument_as == "sql" and spec.argument is not None)
        return Ask(spec, taken_apart(_limited(tally, spec), column, dialect=tally.dialect), users)
    except ConditionError as error:
        tally.unmeasured[spec] = str(error)
        return None


def _measure(tally: Tally, asks: Sequence[Ask]) -> Plan[None]:
    """Ask for all at once; when the engine refuses, ask for ours at once and for the user's one by one."""
    parts = list(dict.fromkeys(part for ask in asks for part in ask.atoms.parts))
    try:
        rows = yield tally.statement("profile", _sql(tally, parts), specs=[ask.spec for ask in asks])
    except QueryError:
        users = [ask for ask in asks if ask.users]
        if not users:
            raise
        ours = [ask for ask in asks if not ask.users]
        if ours:
            yield from _measure(tally, ours)
        for ask in users:
            yield from _measure_alone(tally, ask)
        return
    values = dict(zip(parts, rows[0], strict=True))
    for ask in asks:
        raw = ask.atoms.combine([values[part] for part in ask.atoms.parts])
        if ask.spec.metric in EXACT and ask.spec.column is not None and _fits_double(raw):
            continue
        tally.add(ask.spec, raw)


def _measure_alone(tally: Tally, ask: Ask) -> Plan[None]:
    """One of the user's conditions by itself; rows are counted by WHERE, which allows more SQL than an aggregate does."""
    sql = _sql(tally, ask.atoms.parts)
    if ask.spec.metric in ("failing_rows", "row_count"):
        unmet = [f"NOT ({condition(ask.spec.argument, tally.dialect)})"] if ask.spec.argument else []
        where = [*conditions(ask.spec, dialect=tally.dialect), *unmet]
        sql = select(["COUNT(*)"], relation(tally.dataset.ref, tally.dialect), where=where, dialect=tally.dialect)
    try:
        rows = yield tally.statement("condition", sql, specs=[ask.spec])
    except QueryError as error:
        tally.unmeasured[ask.spec] = str(error)
    else:
        tally.add(ask.spec, ask.atoms.combine(rows[0]))


def _sql(tally: Tally, parts: Sequence[str]) -> str:
    return select(parts, relation(tally.dataset.ref, tally.dialect), dialect=tally.dialect)


def _fits_double(raw: object) -> bool:
    """Whether a double holds every digit of the number."""
    return raw is None or Decimal(repr(float(str(raw)))) == Decimal(str(raw))
