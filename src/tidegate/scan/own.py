"""Wanted numbers that need a statement of their own: repeated values, orphans, values outside a list, user queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.errors import QueryError
from tidegate.metrics import (
    METRICS,
    ConditionError,
    Kind,
    accepted,
    aggregate,
    conditions,
    kind_of,
    query,
    quoted,
    relation,
    select,
)
from tidegate.model import Column, DatasetRef, Family, MetricSpec
from tidegate.scan.categories import Counts
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally

Answers = Plan[object]


@dataclass(frozen=True, slots=True)
class Wish:
    """A wanted number: its spec, the column it is about, and the counts of categories that are known already."""

    spec: MetricSpec
    column: Column
    counts: Counts


NO_COLUMN: Final = Column(name="", type="", family=Family.OTHER)


def own(tally: Tally, wanted: Sequence[MetricSpec], counts: Counts) -> Plan[None]:
    """Measure the wanted numbers that no shared statement carries; a failing one is noted and the others go on."""
    for spec in dict.fromkeys(wanted):
        ask = ASKS.get(spec.metric)
        if ask is None or spec in tally.unmeasured or spec in tally.measured:
            continue
        column = tally.dataset.column(spec.column) if spec.column is not None else None
        if METRICS[spec.metric].families and column is None:
            tally.unmeasured[spec] = f"{tally.dataset.ref} has no column `{spec.column}`"
            continue
        try:
            value = yield from ask(tally, Wish(spec, column or NO_COLUMN, counts))
        except (QueryError, ConditionError, ValueError, KeyError, TypeError) as error:
            tally.unmeasured[spec] = str(error)
        else:
            tally.add(spec, value)


def _one(tally: Tally, purpose: str, sql: str) -> Answers:
    rows = yield tally.statement(purpose, sql)
    return rows[0][0] if rows and rows[0] else None


def _repeated(tally: Tally, wish: Wish) -> Answers:
    """Repeated values: a proof that there are none where one is cheap, else the exact count.

    A table that was loaded by its key has it in ascending order: comparing each integer with the one stored before it
    costs 2 ns a row where grouping costs 110, and when it holds for all nothing can repeat. Hashes instead of values
    would save grouping a tenth, and miss what a column's collation takes for equal.
    """
    where = [*conditions(wish.spec, dialect=tally.dialect), f"{quoted(wish.column.name, tally.dialect)} IS NOT NULL"]
    orderly = kind_of(wish.column) is Kind.INTEGER and not tally.dataset.is_view
    if orderly and (yield from _ascending(tally, wish.column, where)):
        return 0
    key = quoted(wish.column.name, tally.dialect)
    table = relation(tally.dataset.ref, tally.dialect)
    inner = select(["1"], table, where=where, group=[key], having="COUNT(*) > 1", dialect=tally.dialect)
    return (yield from _one(tally, "unique", select(["COUNT(*)"], f"({inner}) AS repeated", dialect=tally.dialect)))


def _ascending(tally: Tally, column: Column, where: Sequence[str]) -> Plan[bool]:
    """Whether each value is greater than the one before it, in whatever order the rows are read."""
    name, table = quoted(column.name, tally.dialect), relation(tally.dataset.ref, tally.dialect)
    steps = select([f"{name} AS v", f"LAG({name}) OVER () AS p"], table, where=where, dialect=tally.dialect)
    sql = select(["COUNT(*)"], f"({steps}) AS steps", where=["v <= p"], dialect=tally.dialect)
    return (yield from _one(tally, "unique: order", sql)) == 0


def _unaccepted(tally: Tally, wish: Wish) -> Answers:
    """Different values outside the list; texts whose counts are known already are compared here."""
    argument = json.loads(wish.spec.argument or "{}")
    counted = wish.counts.get(wish.column.name) if wish.spec.where is None else None
    if counted is not None and wish.column.family is Family.TEXT and argument["quote"]:
        known = {str(value) for value in argument["values"]}
        return sum(value is not None and value not in known for value in counted)
    name = quoted(wish.column.name, tally.dialect)
    values = accepted(wish.spec.argument or "{}", dialect=tally.dialect)
    inner = select(
        ["1"],
        relation(tally.dataset.ref, tally.dialect),
        where=conditions(wish.spec, dialect=tally.dialect),
        group=[name],
        having=f"{name} NOT IN ({', '.join(values)})",
        dialect=tally.dialect,
    )
    sql = select(["COUNT(*)"], f"({inner}) AS unaccepted", dialect=tally.dialect)
    return (yield from _one(tally, "accepted values", sql))


def _orphans(tally: Tally, wish: Wish) -> Answers:
    """Rows without a partner in the other dataset, by an anti join."""
    argument = json.loads(wish.spec.argument or "{}")
    namespace, name = argument["to"]
    parent = relation(DatasetRef(namespace=namespace, name=name), tally.dialect)
    child = quoted(wish.column.name, tally.dialect)
    field = quoted(argument["field"], tally.dialect)
    children = select(
        [f"{child} AS v"],
        relation(tally.dataset.ref, tally.dialect),
        where=[*conditions(wish.spec, dialect=tally.dialect), f"{child} IS NOT NULL"],
        dialect=tally.dialect,
    )
    partner = select(["1"], f"{parent} AS parent", where=[f"parent.{field} = child.v"], dialect=tally.dialect)
    sql = select(["COUNT(*)"], f"({children}) AS child", where=[f"NOT EXISTS ({partner})"], dialect=tally.dialect)
    return (yield from _one(tally, "relationships", sql))


def _quantile(tally: Tally, wish: Wish) -> Answers:
    """An exact quantile, unlike the profile's."""
    item = aggregate(wish.spec, wish.column, dialect=tally.dialect)
    sql = select([item], relation(tally.dataset.ref, tally.dialect), dialect=tally.dialect)
    return (yield from _one(tally, "quantile", sql))


def _query(tally: Tally, wish: Wish) -> Answers:
    """The user's query, which returns one number."""
    return (yield from _one(tally, "query", query(wish.spec.argument or "", tally.dialect)))


ASKS: Final[Mapping[str, Callable[[Tally, Wish], Answers]]] = {
    "repeated_values": _repeated,
    "unaccepted_values": _unaccepted,
    "orphan_rows": _orphans,
    "query": _query,
    "quantile": _quantile,
}
"""How each metric is measured that is no aggregate, or that holds all values in memory."""
