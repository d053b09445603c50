"""Columns of batches that count up, by the scan's own SQL and choice."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from tidegate.detect.traits import WARM
from tidegate.model import Column, DatasetRef, MetricSpec
from tidegate.scan.sequences import (
    GAPS,
    Able,
    Sequences,
    counting,
    gaps_sql,
    may_count,
    number_sql,
    numbers_items,
    spread_items,
    spreads_sql,
    told_of,
    told_sql,
    worth_trying,
)

REF = DatasetRef(namespace="bench", name="t")
FIRST = f"_k < {WARM}"


class Counting:
    """What counts up in batches that are in the table `rows`, as batch `_k`; chosen in the first ones."""

    def __init__(self, db: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> None:
        self.db = db
        self.columns = {column.name: column for column in columns}
        able, told = Able.of(columns), {}
        sql = spreads_sql(f"SELECT {', '.join(['_k AS b', *spread_items(able)])} FROM rows WHERE {FIRST}", able)
        rows = db.execute(sql).fetchall()
        spreads, fullest = [cells for _, *cells in rows], max(rows, key=lambda row: row[1], default=(0,))[0]
        for tried in worth_trying(able, spreads) if able.columns and spreads else ():
            for inside in (f"_k = {fullest}", FIRST):
                asked = told_sql(self.numbers(*tried.names, inside), is_time=tried.is_time)
                told[tried] = told_of(db.execute(asked).fetchall()[0])
                if not may_count(tried, told[tried]):
                    break
        self.chosen = Sequences(tuple(counting(told)))

    def numbers(self, column: str, key: str | None, inside: str = "true") -> str:
        number = number_sql(self.columns[column])
        items = ["_k AS b", *numbers_items(number, key)]
        return f"SELECT {', '.join(items)} FROM rows WHERE {inside} AND {number} IS NOT NULL"

    def measure(self, batches: int) -> dict[MetricSpec, np.ndarray]:
        """Of all batches that are loaded: (batch,) for each number."""
        out: dict[MetricSpec, np.ndarray] = {}
        for one in self.chosen.counting:
            specs = [MetricSpec(dataset=REF, metric=m, column=one.column, argument=one.argument) for m in GAPS]
            out |= {spec: np.full(batches, np.nan) for spec in specs}
            for k, *cells in self.db.execute(gaps_sql(self.numbers(one.column, one.key), one.step)).fetchall():
                for spec, cell in zip(specs, cells, strict=True):
                    out[spec][k] = cell
        return out
