"""Columns with few values: how many rows each value has, and each load, in one statement of grouping sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidegate.metrics import quoted, relation, select
from tidegate.model import Column, Segment
from tidegate.scan import infer
from tidegate.scan.merging import Item, Merge
from tidegate.scan.options import Counts, Plan, Rows
from tidegate.scan.pieces import table
from tidegate.scan.tally import Tally, groups

LOADS_IN_SETS: Final = 1_000
"""With more loads than this, the newest are fetched by a statement of their own. Chosen, not derived."""


def categories(tally: Tally, load: Column | None) -> Plan[Counts]:
    """Measure the rows of every value of every category, and of the newest loads.

    Returns every value's count, the rare values included.
    """
    columns = infer.categories(tally)
    in_sets = load is not None and (tally.number("distinct_count", load.name) or 0) <= LOADS_IN_SETS
    if load is not None and in_sets:
        columns = [*(c for c in columns if c != load), load]
    counts: Counts = {}
    for group in groups(columns, tally.options.columns_per_statement) if columns else ():
        rows = yield from _grouped(tally, group)
        counts |= read_sets(group, rows)
    loads = counts.pop(load.name, {}) if load is not None else {}
    if load is not None and not in_sets:
        loads = yield from _newest_loads(tally, load)
    for name, values in counts.items():
        ranked = sorted(values, key=lambda v: (v is not None, -values[v], v or ""))
        _add(tally, name, ranked[: tally.options.top_values + 1], values)
    if load is not None:
        newest = sorted((v for v in loads if v is not None), reverse=True)[: tally.options.loads]
        _add(tally, load.name, newest, loads)
    return counts


def _grouped(tally: Tally, columns: Sequence[Column]) -> Plan[Rows]:
    """How many rows each value of each column has: of what is kept of pieces, if the table is cut into any."""
    if not tally.options.pieces:
        return (yield tally.statement("categories", grouping_sql(tally, columns)))
    names = [quoted(column.name, tally.dialect) for column in columns]
    keys = [f"GROUPING({', '.join(names)})", *(f"CAST({name} AS TEXT)" for name in names)]
    items = [*(Item(key, Merge.KEY) for key in keys), Item("COUNT(*)", Merge.SUM)]
    source = relation(tally.dataset.ref, tally.dialect)
    return (yield from table(tally, "categories", items, source, sets=[[name] for name in names]))


def _add(tally: Tally, name: str, values: Sequence[str | None], counts: dict[str | None, int]) -> None:
    for value in values:
        tally.add(tally.spec("row_count", segment=Segment(column=name, value=value)), counts[value])


def grouping_sql(tally: Tally, columns: Sequence[Column]) -> str:
    """Count the rows of each value of each column; one set per column, told apart by GROUPING."""
    names = [quoted(column.name, tally.dialect) for column in columns]
    items = [f"GROUPING({', '.join(names)})", *(f"CAST({name} AS TEXT)" for name in names), "COUNT(*)"]
    source = relation(tally.dataset.ref, tally.dialect)
    return select(items, source, sets=[[name] for name in names], dialect=tally.dialect)


def read_sets(columns: Sequence[Column], rows: Sequence[tuple[object, ...]]) -> Counts:
    """The counts that `grouping_sql` brought."""
    counts: Counts = {column.name: {} for column in columns}
    for mask, *values, count in rows:
        at = grouped(int(str(mask)), len(columns))
        value = values[at]
        counts[columns[at].name][None if value is None else str(value)] = int(str(count))
    return counts


def grouped(mask: int, size: int) -> int:
    """Which of `size` columns a row is grouped by: the one whose bit in GROUPING is 0; the first has the highest bit."""
    return size - 1 - (~mask & ((1 << size) - 1)).bit_length() + 1


def _newest_loads(tally: Tally, load: Column) -> Plan[dict[str | None, int]]:
    name = quoted(load.name, tally.dialect)
    sql = select(
        [f"CAST({name} AS TEXT)", "COUNT(*)"],
        relation(tally.dataset.ref, tally.dialect),
        where=[f"{name} IS NOT NULL"],
        group=[name],
        order=[f"{name} DESC"],
        limit=tally.options.loads,
        dialect=tally.dialect,
    )
    rows = yield tally.statement("loads", sql)
    return {str(value): int(str(count)) for value, count in rows}
