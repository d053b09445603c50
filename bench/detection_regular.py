"""What rows of batches keep to exactly, by the scan's own SQL and choice."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from tidegate.detect.traits import WARM
from tidegate.metrics import aggregate, quoted
from tidegate.model import Column, DatasetRef, MetricSpec
from tidegate.scan.infer import LOADERS_OWN
from tidegate.scan.regular import MOST_COLUMNS, Regular, decimals_of, finer_items, finest_of, patterns_sql, together

REF = DatasetRef(namespace="bench", name="t")
FIRST = f"_k < {WARM}"


class Exact:
    """What batches keep to that are in the table `rows`, as batch `_k`; chosen in the first ones."""

    def __init__(self, db: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> None:
        self.db = db
        self.columns = {column.name: column for column in columns}
        self.chosen = Regular(decimals=self.decimals(), nulls=self.nulls())

    def decimals(self) -> dict[str, int]:
        able = [column for column in self.columns.values() if finest_of(column) > 0]
        items = [item for column in able for item in finer_items(REF, column)]
        return decimals_of(able, self.row(items)) if able else {}

    def nulls(self) -> dict[str, str]:
        able = [name for name in self.columns if not LOADERS_OWN.search(name)]
        counted = self.row([f"COUNT(*) - COUNT({quoted(name)})" for name in able])
        names = [name for name, nulls in zip(able, counted, strict=True) if nulls][:MOST_COLUMNS]
        if len(names) < 2:
            return {}
        return together(names, self.db.execute(patterns_sql(names, "rows", FIRST)).fetchall())

    def row(self, items: Sequence[str]) -> tuple[int, ...]:
        found = self.db.execute(f"SELECT {', '.join(items)} FROM rows WHERE {FIRST}").fetchone()
        return found or ()

    def measure(self, batches: int) -> dict[MetricSpec, np.ndarray]:
        """Of all batches that are loaded: (batch,) for each number."""
        specs = self.chosen.asked(REF)
        out = {spec: np.full(batches, np.nan) for spec in specs}
        items = [aggregate(spec, self.columns[spec.column or ""]) for spec in specs]
        if not items:
            return out
        for k, *cells in self.db.execute(f"SELECT _k, {', '.join(items)} FROM rows GROUP BY _k").fetchall():
            for spec, cell in zip(specs, cells, strict=True):
                out[spec][k] = cell
        return out
