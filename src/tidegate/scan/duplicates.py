"""Rows that came twice: equal in every column but the loader's own, counted by a 64-bit hash of the row.

Only the newest buckets (or loads) are searched, and those that the newest load brought rows into, so memory stays
bounded. Ids of the source are part of the row: a file
that is delivered twice repeats them, and two orders that happen to be alike do not. Two different rows share a hash with
probability n² / 2⁶⁵: 3 in 100 million for a million rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tidegate.metrics import aggregate, literal, quoted, relation, select
from tidegate.model import Column, Dataset, Segment
from tidegate.scan.grain import moment
from tidegate.scan.infer import LOADERS_OWN
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window

WHOLE_TABLE: Final = 1_000_000
"""Rows up to which a table without a time column is searched as a whole."""


def duplicates(tally: Tally, span: Window | None, starts: Sequence[datetime], load: Column | None) -> Plan[None]:
    """Measure the further copies of rows per bucket and per load; of a small table without time, in all."""
    columns = [column for column in tally.dataset.columns if not LOADERS_OWN.search(column.name) and column != load]
    loads = newest_loads(tally, load)[: tally.options.recent_buckets] if load is not None else []
    recent = span.last(tally.options.recent_buckets) if span is not None else None
    if span is not None and recent is not None and load is not None:
        recent = yield from _with_newest_load(tally, span, recent, load, loads)
    where = _where(tally, recent, load, loads)
    if not columns or where is None:
        return
    rows = yield tally.statement("duplicates", _sql(tally, columns, recent, load, where))
    by_bucket, by_load = Counter[int](), Counter[str]()
    for key, name, copies in rows:
        by_bucket[int(str(key or 0))] += int(str(copies))
        if name is not None:
            by_load[str(name)] += int(str(copies))
    _add(tally, recent, starts, by_bucket)
    if load is not None:
        for value in loads:
            tally.add(tally.spec("duplicate_rows", segment=Segment(column=load.name, value=value)), by_load[value])


def _with_newest_load(tally: Tally, span: Window, recent: Window, load: Column, loads: Sequence[str]) -> Plan[Window]:
    """The recent window, opened to the oldest row of the newest load: an old file may have been delivered again.

    A load of more than a million rows fills the table rather than adds to it, and is not followed.
    """
    rows = (
        tally.measured.get(tally.spec("row_count", segment=Segment(column=load.name, value=loads[0])))
        if loads
        else None
    )
    if rows is None or len(loads) < 2 or not isinstance(rows.value, int) or rows.value > WHOLE_TABLE:
        return recent
    oldest = aggregate(tally.spec("min", span.column.name), span.column, dialect=tally.dialect)
    where = [of_loads(load, loads[:1], tally.dialect), span.condition(tally.dialect)]
    sql = select([oldest], relation(tally.dataset.ref, tally.dialect), where=where, dialect=tally.dialect)
    found = yield tally.statement("newest load", sql)
    first = moment(float(str(found[0][0]))) if found[0][0] is not None else None
    return span.since(min(recent.interval.start, span.floor(first))) if first is not None else recent


def newest_loads(tally: Tally, load: Column) -> list[str]:
    """The loads that were counted, newest first."""
    counted = (s.segment for s in tally.measured if s.metric == "row_count" and s.where is None)
    found = [segment.value for segment in counted if segment is not None and segment.column == load.name]
    return sorted((value for value in found if value is not None), reverse=True)


def _where(tally: Tally, recent: Window | None, load: Column | None, loads: Sequence[str]) -> list[str] | None:
    """Which rows are searched; None when they would be too many."""
    if recent is not None:
        return [recent.condition(tally.dialect)]
    if tally.rows <= WHOLE_TABLE:
        return []
    if load is None or not loads:
        tally.notes.append(
            f"{tally.dataset.ref}: not searched for duplicates, for it has more than {WHOLE_TABLE:,} rows"
            " and no time or load to cut them by"
        )
        return None
    return [of_loads(load, loads, tally.dialect)]


def of_loads(load: Column, loads: Sequence[str], dialect: str) -> str:
    """The SQL condition that a row came with one of some loads."""
    values = ", ".join(literal(value, dialect) for value in loads)
    return f"CAST({quoted(load.name, dialect)} AS TEXT) IN ({values})"


def _sql(
    tally: Tally, columns: Sequence[Column], recent: Window | None, load: Column | None, where: Sequence[str]
) -> str:
    """Copies by bucket and by the newest load among them; a bucket is part of the row, so copies share it."""
    dialect = tally.dialect
    key = recent.key(dialect) if recent is not None else "0"
    newest = f"CAST(MAX({quoted(load.name, dialect)}) AS TEXT)" if load is not None else "NULL"
    row = f"HASH({', '.join(quoted(column.name, dialect) for column in columns)})"
    inner = select(
        [f"{key} AS b", f"{row} AS h", f"{newest} AS l", "COUNT(*) AS n"],
        relation(tally.dataset.ref, dialect),
        where=where,
        group=["1", "2"],
        having="COUNT(*) > 1",
        dialect=dialect,
    )
    return select(["b", "l", "CAST(SUM(n - 1) AS BIGINT)"], f"({inner}) AS copies", group=["1", "2"], dialect=dialect)


def copies_sql(dataset: Dataset, where: Sequence[str], *, share: bool, dialect: str) -> str | None:
    """The statement that counts further copies of rows, or their share; None of a table that has only its loader's own columns."""
    columns = [quoted(c.name, dialect) for c in dataset.columns if not LOADERS_OWN.search(c.name)]
    if not columns:
        return None
    row = f"HASH({', '.join(columns)}) AS h"
    inner = select([row, "COUNT(*) AS n"], relation(dataset.ref, dialect), where=where, group=["1"], dialect=dialect)
    value = "1.0 * SUM(n - 1) / SUM(n)" if share else "SUM(n - 1)"
    return select([value], f"({inner}) AS copies", dialect=dialect)


def _add(tally: Tally, recent: Window | None, starts: Sequence[datetime], by_bucket: Counter[int]) -> None:
    spec = tally.spec("duplicate_rows")
    if recent is None:
        if tally.rows <= WHOLE_TABLE:
            tally.add(spec, by_bucket.total())
        return
    for start in starts:
        if start in recent.interval:
            tally.add_buckets([spec], [by_bucket[int(start.timestamp())]], recent.bucket(start))
