"""The past that a table without times holds in its loads: the same numbers of each of the newest loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tidegate.metrics import METRICS, aggregate, kind_of, quoted, relation, select
from tidegate.model import Column, Family, Measurement, MetricSpec, Segment
from tidegate.scan import infer
from tidegate.scan.categories import grouped
from tidegate.scan.duplicates import newest_loads, of_loads
from tidegate.scan.options import Counts, Loads, Plan
from tidegate.scan.tally import Tally, groups

LEAST: Final = 10
"""With fewer loads there is nothing to learn from: eight, the first one, and the newest."""

OF_A_LOAD: Final = {
    Family.NUMBER: ("mean", "stddev", "nan_count"),
    Family.TEXT: ("mean_length", "empty_count"),
    Family.BOOLEAN: ("true_count",),
}
"""What is asked of the columns of each load beside its rows and NULLs."""


def loads(tally: Tally, load: Column, counts: Counts) -> Plan[Loads]:
    """Measure the newest loads; nothing where there are too few. Reads the rows of these loads twice."""
    newest = newest_loads(tally, load)
    if len(newest) < LEAST:
        return ()
    where, found = [of_loads(load, newest, tally.dialect)], dict[str, list[Measurement]]()
    key = f"CAST({quoted(load.name, tally.dialect)} AS TEXT)"
    for asks in groups(_asks(tally), 2 * tally.options.columns_per_statement):
        columns = [tally.dataset.column(spec.column or "") for spec in asks]
        items = [aggregate(spec, column, dialect=tally.dialect) for spec, column in zip(asks, columns, strict=True)]
        source = relation(tally.dataset.ref, tally.dialect)
        rows = yield tally.statement(
            "loads", select([key, *items], source, where=where, group=["1"], dialect=tally.dialect)
        )
        for name, *values in rows:
            found.setdefault(str(name), []).extend(map(tally.measurement, asks, values))
    segments = infer.segment_columns(tally, {name: len(values) for name, values in counts.items()}, len(newest))
    if segments:
        yield from _by_segment(tally, key, where, segments, found)
    return tuple((name, tuple(found[name])) for name in sorted(found))


def _asks(tally: Tally) -> list[MetricSpec]:
    measures = {column.name for column in infer.measures(tally)}
    asks = [tally.spec("row_count")]
    for column in tally.dataset.columns:
        if infer.LOADERS_OWN.search(column.name):
            continue
        asks.append(tally.spec("null_count", column.name))
        if column.family is not Family.NUMBER or column.name in measures:
            of = OF_A_LOAD.get(column.family, ())
            asks += [tally.spec(m, column.name) for m in of if METRICS[m].applies_to(kind_of(column), column.family)]
    return asks


def _by_segment(
    tally: Tally, key: str, where: Sequence[str], segments: Sequence[Column], found: dict[str, list[Measurement]]
) -> Plan[None]:
    names = [quoted(column.name, tally.dialect) for column in segments]
    items = [key, f"GROUPING({', '.join(names)})", *(f"CAST({name} AS TEXT)" for name in names), "COUNT(*)"]
    sets = [[key, name] for name in names]
    source = relation(tally.dataset.ref, tally.dialect)
    rows = yield tally.statement(
        "loads by segment", select(items, source, where=where, sets=sets, dialect=tally.dialect)
    )
    for name, mask, *values, count in rows:
        at = grouped(int(str(mask)), len(segments))
        value = values[at]
        segment = Segment(column=segments[at].name, value=None if value is None else str(value))
        found[str(name)].append(tally.measurement(replace(tally.spec("row_count"), segment=segment), count))
