"""Numbers that follow from a category of their row, for the benchmark: chosen in the first batches, and what is left of them after."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from bench.detection_keyed import Others, numbers, spec
from tidegate.detect import given
from tidegate.detect.others import BACK, FIRST
from tidegate.detect.traits import WARM
from tidegate.metrics import quoted
from tidegate.model import Column, Family, MetricSpec
from tidegate.scan.beside import MOST_CATEGORIES, MOST_VALUES
from tidegate.scan.rest import LEFT


class Parts:
    """Numbers that follow from a category of their row, by what that had in the batches before.

    Of each such number, (codes, values) of every batch that is remembered; a category has the same code in all batches.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection, columns: Sequence[Column], rest: Others, batches: int) -> None:
        self.codes: dict[str, dict[object, int]] = {}
        self.best: dict[str, tuple[str, float, float]] = {}
        self.before: dict[tuple[int, str], given.Usual] = {}
        names = [c.name for c in columns if c.family is Family.NUMBER]
        rows, batch, _ = numbers(db, names) if names else (np.zeros((0, 0)), np.zeros(0, dtype=int), None)
        early = batch < WARM
        for by in self.categories(db, columns):
            codes = self.coded(db, by)
            for i, name in enumerate(names):
                if name != by and given.is_able(rows[early, i]):
                    self.try_out(name, by, given.follows(codes[early], rows[early, i], batch[early]))
        told = {rest.names[i]: share for i, share in rest.share.items()}
        self.chosen = {
            n: (by, size) for n, (by, size, share) in self.best.items() if share <= given.CLEARLY * told.get(n, np.inf)
        }
        self.past = self.rows(db, batches)

    def categories(self, db: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> list[str]:
        """Texts, booleans and whole numbers of few values, those with the fewest first."""
        found = []
        for c in columns:
            if c.family in (Family.TEXT, Family.BOOLEAN) or (c.family is Family.NUMBER and "INT" in c.type):
                asked = f"SELECT COUNT(DISTINCT {quoted(c.name)}) FROM rows WHERE _k < {WARM}"
                if 2 <= (n := db.execute(asked).fetchall()[0][0]) <= MOST_VALUES:
                    found.append((n, c.name))
        return [name for _, name in sorted(found)[:MOST_CATEGORIES]]

    def try_out(self, name: str, by: str, told: given.Given | None) -> None:
        if told is not None and (name not in self.best or told.share < self.best[name][2]):
            self.best[name] = by, told.size, told.share

    def coded(self, db: duckdb.DuckDBPyConnection, by: str) -> np.ndarray:
        """The code of each row's category; new ones get the next, so that they are known to be new."""
        places = self.codes.setdefault(by, {None: -1})
        found = db.execute(f"SELECT CAST({quoted(by)} AS TEXT) FROM rows").fetchall()
        return np.array([places.setdefault(v, len(places) - 1) for (v,) in found], dtype=np.int64)

    def rows(self, db: duckdb.DuckDBPyConnection, batches: int) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
        """Of each number that follows, the codes and values on its scale of each batch that is loaded."""
        found = {}
        for name, (by, size) in self.chosen.items():
            values, batch, _ = numbers(db, [name])
            codes, even = self.coded(db, by), given.bent(values[:, 0], size)
            found[name] = [(codes[batch == k], even[batch == k]) for k in range(batches)]
        return found

    def measure(self, db: duckdb.DuckDBPyConnection, batches: int) -> dict[MetricSpec, np.ndarray]:
        found = {spec(m, n, by): np.full(batches, np.nan) for n, (by, _) in self.chosen.items() for m in LEFT}
        if not self.chosen:
            return found
        position = dict(db.execute("SELECT DISTINCT _k, _p FROM rows").fetchall())
        for name, of in self.rows(db, batches).items():
            for k, at in position.items():
                if at >= FIRST:
                    left, _ = given.left_of(*of[k], self.usual(at, name))
                    for metric, number in zip(LEFT, left or (), strict=False):
                        found[spec(metric, name, self.chosen[name][0])][k] = number
        return found

    def usual(self, at: int, name: str) -> given.Usual:
        """What each category had before a position; those that came since have nothing."""
        if (at, name) not in self.before:
            past, size = self.past[name][max(0, at - BACK) : at], self.chosen[name][1]
            codes, even = (np.concatenate([one[i] for one in past]) for i in (0, 1))
            categories = 1 + int(codes.max(initial=-1))
            self.before[at, name] = given.usual(codes, even, categories, least=given.LEAST_BEFORE, size=size)
        return self.before[at, name]
