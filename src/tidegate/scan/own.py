"""Wanted numbers that need a statement of their own: repeated values, orphans, values outside a list, user queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from tidegate.errors import QueryError
from tidegate.metrics import (
    METRICS,
    ConditionError,
    Kind,
    Vouched,
    accepted,
    aggregate,
    conditions,
    is_pure,
    kind_of,
    query,
    quoted,
    relation,
    select,
)
from tidegate.model import Column, DatasetRef, Family, MetricSpec
from tidegate.scan.merging import Item, Merge
from tidegate.scan.options import Counts, Plan
from tidegate.scan.pieces import TooManyRowsError
from tidegate.scan.pieces import columns as whole_columns
from tidegate.scan.pieces import table as whole_table
from tidegate.scan.prints import no_repeats
from tidegate.scan.tally import Tally

Answers = Plan[object]


@dataclass(frozen=True, slots=True)
class Wish:
    """A wanted number: its spec, the column it is about, and the counts of categories that are known already."""

    spec: MetricSpec
    column: Column
    counts: Counts


LEAST_HASHED: Final = 200_000
"""Rows from which hashes are worth a statement of their own. Chosen, not derived."""

MOST_HASHED: Final = 100_000_000
"""Rows up to which all hashes are held in memory, 16 bytes each while they are sorted. Chosen, not derived."""

MOST_LISTED: Final = 1_000
"""Different values outside a list that are kept of a piece of a table; with more they are counted. Chosen, not derived."""

UNLIKE_HASHES: Final = "VARIANT"
"""The type, also of a part of a structure, whose equal values may have different hashes: 1 and 1.0."""

NO_COLUMN: Final = Column(name="", type="", family=Family.OTHER)


def own(tally: Tally, wanted: Sequence[MetricSpec], counts: Counts) -> Plan[None]:
    """Measure the wanted numbers that no shared statement carries; a failing one is noted and the others go on.

    Repeated rows come last: one column of them without repeats proves that there are none.
    """
    for spec in sorted(dict.fromkeys(wanted), key=lambda spec: spec.metric == "repeated_rows"):
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


def _one(tally: Tally, purpose: str, sql: str, spec: MetricSpec, *, repeats: bool = False) -> Answers:
    rows = yield tally.statement(purpose, sql, specs=[spec], repeats=repeats)
    return rows[0][0] if rows and rows[0] else None


def _repeated(tally: Tally, wish: Wish) -> Answers:
    """Repeated values: a proof that there are none where one is cheap, else the exact count.

    A table that was loaded by its key has it in ascending order: comparing each integer with the one stored before it
    costs 2 ns a row where grouping costs 185, and when it holds for all nothing can repeat.
    """
    name = quoted(wish.column.name, tally.dialect)
    where = [*conditions(wish.spec, dialect=tally.dialect), f"{name} IS NOT NULL"]
    orderly = kind_of(wish.column) is Kind.INTEGER and not tally.dataset.is_view
    if orderly and (yield from _ascending(tally, wish, where)):
        return 0
    return (yield from _counted(tally, wish, [wish.column], where, "unique"))


def _repeated_rows(tally: Tally, wish: Wish) -> Answers:
    """Repeated combinations of columns, NULL being a value: none where one of the columns has neither repeats nor NULLs."""
    names = [str(name) for name in json.loads(wish.spec.argument or "[]")]
    columns = [column for name in names if (column := tally.dataset.column(name)) is not None]
    if len(columns) < len(names) or not columns:
        raise KeyError(f"{tally.dataset.ref} lacks one of the columns {', '.join(names)}")
    if any(_is_key(tally, column, wish.spec.where) for column in columns):
        return 0
    return (yield from _counted(tally, wish, columns, conditions(wish.spec, dialect=tally.dialect), "unique rows"))


def _is_key(tally: Tally, column: Column, where: str | None) -> bool:
    """Whether it is known by now that a column has no NULLs and no repeats; under a condition, as among all rows."""
    for limits in dict.fromkeys((None, where)):
        specs = [replace(tally.spec(metric, column.name), where=limits) for metric in ("null_count", "repeated_values")]
        found = [tally.measured.get(spec) for spec in specs]
        if all(m is not None and m.value == 0 for m in found):
            return True
    return False


def _counted(tally: Tally, wish: Wish, columns: Sequence[Column], where: Sequence[str], purpose: str) -> Answers:
    """How many values, or combinations, come more than once: by their hashes first where the table is large.

    Sorting 64-bit hashes costs 45 ns a row where grouping costs 185; when none repeats, no value does. When some do, the
    values are grouped, for two of them may share a hash.
    """
    keys = [quoted(column.name, tally.dialect) for column in columns]
    table = relation(tally.dataset.ref, tally.dialect)
    row, size = f"HASH({', '.join(keys)})", tally.dataset.rows or 0
    alike = tally.dataset.collated or any(UNLIKE_HASHES in column.type.upper() for column in columns)
    able = size <= MOST_HASHED and not alike
    if able and tally.options.pieces and _lasts(tally, wish):
        if (yield from no_repeats(tally, purpose, row, where, wish.spec)):
            return 0
    elif able and size >= LEAST_HASHED:
        hashes = select([f"{row} AS h"], table, where=where, dialect=tally.dialect)
        if (yield from _one(tally, f"{purpose}: hashes", hashes, wish.spec, repeats=True)) == 0:
            return 0
    inner = select(["1"], table, where=where, group=keys, having="COUNT(*) > 1", dialect=tally.dialect)
    counted = select(["COUNT(*)"], f"({inner}) AS repeated", dialect=tally.dialect)
    return (yield from _one(tally, purpose, counted, wish.spec))


def _ascending(tally: Tally, wish: Wish, where: Sequence[str]) -> Plan[bool]:
    """Whether each value is greater than the one before it, in whatever order the rows are read."""
    name, rows = quoted(wish.column.name, tally.dialect), relation(tally.dataset.ref, tally.dialect)
    if tally.options.pieces and _lasts(tally, wish):
        return (yield from _ascending_pieces(tally, wish, where))
    steps = select([f"{name} AS v", f"LAG({name}) OVER () AS p"], rows, where=where, dialect=tally.dialect)
    sql = select(["COUNT(*)"], f"({steps}) AS steps", where=["v <= p"], dialect=tally.dialect)
    return (yield from _one(tally, "unique: order", sql, wish.spec)) == 0


def _lasts(tally: Tally, wish: Wish) -> bool:
    """Whether what is asked of a row stays the same as long as the row does."""
    return wish.spec.where is None or is_pure(wish.spec.where, [column.name for column in tally.dataset.columns])


def _ascending_pieces(tally: Tally, wish: Wish, where: Sequence[str]) -> Plan[bool]:
    """Whether each value is greater than the one before it in each piece of the table, and no two pieces reach into one
    another, in whatever order they are.
    """
    name, rows = quoted(wish.column.name, tally.dialect), relation(tally.dataset.ref, tally.dialect)

    def steps(cut: Sequence[str]) -> str:
        items = [f"{name} AS v", f"LAG({name}) OVER () AS p"]
        return f"({select(items, rows, where=[*cut, *where], dialect=tally.dialect)}) AS steps"

    items = [
        Item("MIN(v)", Merge.KEY),
        Item("MAX(v)", Merge.KEY),
        Item("COUNT(CASE WHEN v <= p THEN 1 END)", Merge.SUM),
        Item("1", Merge.SUM),
    ]
    found = yield from whole_table(tally, "unique: order", items, steps, grouped=False, specs=[wish.spec])
    ranges = sorted((int(str(low)), int(str(high))) for low, high, _, _ in found if low is not None)
    orderly = all(not back and (pieces == 1 or low is None) for low, _, back, pieces in found)
    return orderly and all(before[1] < after[0] for before, after in pairwise(ranges))


def _unaccepted(tally: Tally, wish: Wish) -> Answers:
    """Different values outside the list; texts whose counts are known already are compared here."""
    argument = json.loads(wish.spec.argument or "{}")
    counted = wish.counts.get(wish.column.name) if wish.spec.where is None else None
    if counted is not None and wish.column.family is Family.TEXT and argument["quote"]:
        known = {str(value) for value in argument["values"]}
        return sum(value is not None and value not in known for value in counted)
    name = quoted(wish.column.name, tally.dialect)
    rows = relation(tally.dataset.ref, tally.dialect)
    values = accepted(wish.spec.argument or "{}", dialect=tally.dialect)
    outside = f"{name} NOT IN ({', '.join(values)})"
    if tally.options.pieces and argument["quote"] and _lasts(tally, wish) and _is_told_by_text(tally, wish.column):
        where = [*conditions(wish.spec, dialect=tally.dialect), outside]
        items = [Item(f"CAST({name} AS TEXT)", Merge.KEY)]
        with suppress(TooManyRowsError):
            few = yield from whole_table(
                tally, "accepted values", items, rows, where=where, specs=[wish.spec], most=MOST_LISTED
            )
            return len(few)
    inner = select(
        ["1"],
        rows,
        where=conditions(wish.spec, dialect=tally.dialect),
        group=[name],
        having=outside,
        dialect=tally.dialect,
    )
    sql = select(["COUNT(*)"], f"({inner}) AS unaccepted", dialect=tally.dialect)
    return (yield from _one(tally, "accepted values", sql, wish.spec))


def _is_told_by_text(tally: Tally, column: Column) -> bool:
    """Whether two values are equal where their texts are, and only there."""
    return kind_of(column) in (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN) and not tally.dataset.collated


def _orphans(tally: Tally, wish: Wish) -> Answers:
    """Rows without a partner in the other dataset: none if its integers have no gap and all of ours lie between their
    ends, else by an anti join.
    """
    argument = json.loads(wish.spec.argument or "{}")
    namespace, name = argument["to"]
    parent = relation(DatasetRef(namespace=namespace, name=name), tally.dialect)
    child = quoted(wish.column.name, tally.dialect)
    field = quoted(argument["field"], tally.dialect)
    if kind_of(wish.column) is Kind.INTEGER and (yield from _is_within(tally, wish, field, parent)):
        return 0
    children = select(
        [f"{child} AS v"],
        relation(tally.dataset.ref, tally.dialect),
        where=[*conditions(wish.spec, dialect=tally.dialect), f"{child} IS NOT NULL"],
        dialect=tally.dialect,
    )
    partner = select(["1"], f"{parent} AS parent", where=[f"parent.{field} = child.v"], dialect=tally.dialect)
    sql = select(["COUNT(*)"], f"({children}) AS child", where=[f"NOT EXISTS ({partner})"], dialect=tally.dialect)
    return (yield from _one(tally, "relationships", sql, wish.spec))


def _is_within(tally: Tally, wish: Wish, field: str, parent: str) -> Plan[bool]:
    """Whether all values lie between the ends of a field of integers without a gap; a condition on our rows is left out.

    Two extremes of our column cost a fifth of an anti join, and are known already where it is profiled.
    """
    ends = select([f"MIN({field})", f"MAX({field})", f"COUNT({field})"], parent, dialect=tally.dialect)
    low, high, count = (yield tally.statement("relationships: ends", ends, specs=[wish.spec]))[0]
    if not (isinstance(low, int) and isinstance(high, int) and isinstance(count, int)) or high - low >= count:
        return False
    own_low, own_high = yield from _ends(tally, wish)
    if own_low is not None and own_high is not None and not low <= own_low <= own_high <= high:
        return False
    gaps = select([f"COUNT(DISTINCT {field})"], parent, dialect=tally.dialect)
    return (yield from _one(tally, "relationships: gaps", gaps, wish.spec)) == high - low + 1


def _ends(tally: Tally, wish: Wish) -> Plan[tuple[int | None, int | None]]:
    """The least and the greatest value of an integer column, None where it has none."""
    name, rows = quoted(wish.column.name, tally.dialect), relation(tally.dataset.ref, tally.dialect)
    items = [Item(f"MIN({name})", Merge.MIN), Item(f"MAX({name})", Merge.MAX)]
    if tally.options.pieces:
        found = yield from whole_columns(tally, "relationships: own ends", items, rows, [wish.spec])
    else:
        sql = select([item.sql for item in items], rows, dialect=tally.dialect)
        found = (yield tally.statement("relationships: own ends", sql, specs=[wish.spec]))[0]
    low, high = (value if isinstance(value, int) else None for value in found)
    return low, high


def _quantile(tally: Tally, wish: Wish) -> Answers:
    """An exact quantile, unlike the profile's."""
    item = aggregate(wish.spec, wish.column, dialect=tally.dialect)
    sql = select([item], relation(tally.dataset.ref, tally.dialect), dialect=tally.dialect)
    return (yield from _one(tally, "quantile", sql, wish.spec))


def _query(tally: Tally, wish: Wish) -> Answers:
    """The user's query, which returns one number; of one that returns more nothing is chosen.

    Raises:
        ValueError: it returns several rows or columns.
    """
    asked = wish.spec.argument or ""
    sql = query(asked, tally.dialect)
    if not isinstance(asked, Vouched):
        sql = select(["*"], f"({sql}) AS asked", limit=2, dialect=tally.dialect)
    rows = yield tally.statement("query", sql, specs=[wish.spec])
    if len(rows) > 1 or (rows and len(rows[0]) != 1):
        found = "more than one row" if len(rows) > 1 else f"{len(rows[0])} columns"
        raise ValueError(f"the query returned {found}, and one number is wanted")
    return rows[0][0] if rows else None


ASKS: Final[Mapping[str, Callable[[Tally, Wish], Answers]]] = {
    "repeated_values": _repeated,
    "repeated_rows": _repeated_rows,
    "unaccepted_values": _unaccepted,
    "orphan_rows": _orphans,
    "query": _query,
    "quantile": _quantile,
}
"""How each metric is measured that is no aggregate, or that holds all values in memory."""
