"""Rows of one batch that share a key and agree, by the scan's own SQL and choice."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb
import numpy as np

from tidegate.detect.traits import WARM
from tidegate.metrics import quoted
from tidegate.model import Column, DatasetRef, Family, MetricSpec
from tidegate.scan.agreement import AGREED, VALUES, Agreement, Shared, agreeing, shared_sql
from tidegate.scan.relations import UNLIKE_ANY, Pair

REF = DatasetRef(namespace="bench", name="t")


class Agreeing:
    """What goes with the keys of batches that are in the table `rows`, as batch `_k`; chosen in the first ones."""

    def __init__(self, db: duckdb.DuckDBPyConnection, columns: Sequence[Column], apart: Collection[str]) -> None:
        self.db = db
        self.chosen = Agreement(pairs=tuple(agreeing(self.told(columns, apart))))

    def told(self, columns: Sequence[Column], apart: Collection[str]) -> dict[Pair, list[Shared]]:
        """What the first batches tell of each pair of columns that is tried."""
        values = [c for c in columns if c.family in VALUES and self.recurs(c)]
        able = (c for c in values if c.family is Family.TEXT or (c.family is Family.NUMBER and "INT" in c.type))
        keys = [c for c in able if c.name not in apart]
        found: dict[Pair, list[Shared]] = {}
        for key in keys:
            others = [c.name for c in values if c != key]
            sql = shared_sql(f"{rows(key.name, others)} AND _k < {WARM}", len(others), various=True)
            for _, *cells in self.db.execute(sql).fetchall():
                for other, one in zip(others, Shared.of_values(cells, len(others)), strict=True):
                    found.setdefault(Pair(key.name, other), []).append(one)
        return found

    def recurs(self, column: Column) -> bool:
        """Whether a column does not tell each row from every other one."""
        counted = f"SELECT COUNT(DISTINCT {quoted(column.name)}), COUNT(*) FROM rows WHERE _k < {WARM}"
        different, of = self.db.execute(counted).fetchone()
        return bool(different <= UNLIKE_ANY * of)

    def measure(self, batches: int) -> dict[MetricSpec, np.ndarray]:
        """Of all batches that are loaded: (batch,) for each number."""
        out: dict[MetricSpec, np.ndarray] = {}
        for key, values in self.chosen.by_key.items():
            specs = [
                [MetricSpec(dataset=REF, metric=m, column=value, argument=key) for m in AGREED] for value in values
            ]
            out |= {spec: np.full(batches, np.nan) for both in specs for spec in both}
            for k, *cells in self.db.execute(shared_sql(rows(key, values), len(values))).fetchall():
                for (of, split), one in zip(specs, Shared.of_values(cells, len(values)), strict=True):
                    if one.keys:
                        out[of][k], out[split][k] = one.keys, one.split
        return out


def rows(key: str, values: Sequence[str]) -> str:
    """The rows as `shared_sql` takes them."""
    hashes = "".join(f", HASH({quoted(value)}) AS v{at}" for at, value in enumerate(values))
    return f"SELECT _k AS b, {quoted(key)} AS k{hashes} FROM rows WHERE {quoted(key)} IS NOT NULL"
