"""How often clean data alarms in a run: batches of real and made tables, each as a new version, through a run's scan, state and judgement.

Tables are Parquet files as the detection benchmark has them (`_batch`, `_date`). A run judges more than the benchmark asks: tables without a
column of times, their first versions, days of rest, parts of large tables. What alarms is counted, published all the same, and teaches.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Final
from unittest.mock import patch

import duckdb

from bench.ours import Silent
from tidegate.detect import ages, lookback
from tidegate.lineage import Graph
from tidegate.model import DatasetRef, Finding, Grid, PipelineFacts, Settings, TableSettings, WarehouseSettings
from tidegate.ports.state import NewEvent
from tidegate.scan import again, thinning
from tidegate.services.baseline import DAYS_A_MONTH
from tidegate.services.judge import judge
from tidegate.services.measure import measure
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses.duckdb import DuckDBReader

REF: Final = DatasetRef(namespace="main", name="t")
SMALL: Final[tuple[tuple[ModuleType, str, int], ...]] = (
    (thinning, "MOST_VALUES", 20_000),
    (thinning, "FEW", 500),
    (thinning, "MOST_READ", 400_000),
    (again, "MOST_VALUES", 200_000),
)
"""Limits with which these tables are large ones."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a table comes: with its column of times or without, all batches or the newest alone, how many there are at first."""

    name: str
    timed: bool = True
    whole: bool = True
    rests: bool = False
    begin: int = 60
    large: bool = False


WAYS: Final = (
    Way("days of a table"),
    Way("the first days", begin=8),
    Way("days, none at weekends", rests=True),
    Way("days of a large table", large=True),
    Way("days, each an extract of its own", whole=False, begin=20),
    Way("versions, each a new extract", timed=False, whole=False, begin=1),
    Way("versions, rows are added", timed=False, begin=1),
)


@dataclass(frozen=True, slots=True)
class Walk:
    """One table on one way."""

    path: Path
    way: Way
    changes: frozenset[int]
    budget: float

    def days(self, steps: int) -> Iterator[tuple[date, list[int]]]:
        """Each day on which a run comes, with the batches that are there by then, oldest first: the first run's are many."""
        with duckdb.connect() as db:
            found = db.execute(f"select _batch, min(_date)::date from '{self.path}' group by 1 order by 1").fetchall()
        kept = [(n, day) for n, day in found if not (self.way.rests and day.weekday() > 4)]
        there = [n for n, _ in kept[: self.way.begin]]
        yield kept[self.way.begin - 1][1], list(there)
        last = kept[self.way.begin - 1][1]
        for number, day in kept[self.way.begin : self.way.begin + steps]:
            for gap in range(1, (day - last).days if self.way.rests else 1):
                yield last + timedelta(days=gap), list(there)
            there.append(number)
            yield day, list(there)
            last = day

    def told(self, steps: int) -> Iterator[tuple[int, tuple[Finding, ...]]]:
        """What each run after the first one finds, with its newest batch; changes that were real are left out."""
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(SQLiteStateStore(Path(folder) / "s.db", create=True)) as state,
        ):
            for version, (day, there) in enumerate(self.days(steps), start=1):
                found = self.run(state, version, day, there)
                if version > 1 and there[-1] not in self.changes:
                    yield there[-1], found

    def run(self, state: SQLiteStateStore, version: int, day: date, there: list[int]) -> tuple[Finding, ...]:
        """Scan and judge one version, and publish it."""
        now = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=6)
        parent = version - 1 or None
        table = TableSettings(
            ref=REF, time_column=None if self.way.timed else "", false_alarms_per_month=self.budget * DAYS_A_MONTH
        )
        settings = Settings(
            root=Path(),
            warehouse=WarehouseSettings(type="duckdb", path=Path(), database="memory.duckdb"),
            steps=(),
            tables={REF: table},
        )
        of = "in" if self.way.whole else "not in"
        batches = there if self.way.whole else there[:-1]
        with duckdb.connect(config={"threads": 1}) as db:
            db.execute(
                f"create table t as select * exclude (_batch, _date) from '{self.path}'"
                f" where _batch <= {there[-1]} and _batch {of} ({', '.join(map(str, batches or [-1]))})"
            )

            def known(ref: DatasetRef) -> Grid | None:
                newest = state.newest_bucket(parent, ref) if parent else None
                if parent is None or newest is None:
                    return None
                return state.grid(parent, ref, since=newest.start - lookback(newest), ages=ages(0.0))

            measured = measure(
                DuckDBReader(db, "memory"),
                (),
                version=version,
                settings=settings,
                now=now,
                progress=Silent(),
                known=known,
            )
            verdict = judge(measured, PipelineFacts(), Graph(), parent=parent, state=state, settings=settings, now=now)
        said: tuple[dict[str, object], ...] = (
            {"parent": parent, "run": None, "code_revision": None},
            {"previous": parent, "kind": "publish", "reason": ""},
        )
        for kind, data in zip(("version.begun", "version.published"), said, strict=True):
            state.append([NewEvent(at=now, kind=kind, subject=f"version:{version}", actor="bench", data=data)])
        schemas = {ref: tuple((c.name, c.type) for c in d.columns) for ref, d in measured.catalog.items()}
        state.save_scan(
            version,
            measurements=measured.measurements,
            results=(),
            findings=(),
            schemas=schemas,
            marks={},
            vanished=measured.vanished,
        )
        return tuple(f for f in verdict.findings if f.kind not in ("unchecked", "schema", "drift"))


def name_of(finding: Finding) -> str:
    """What found it: the kind, and of a batch that is unlike its past the number that says most."""
    metric = f": {finding.spec.metric}" if finding.kind == "unlike" and finding.spec is not None else ""
    return finding.kind + metric


def main(argv: list[str]) -> int:
    """Print what alarmed, by way and by what found it."""
    parser = argparse.ArgumentParser(prog="python -m bench clean", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--budget", type=float, default=0.01)
    parser.add_argument("--ways", type=int, nargs="*", default=list(range(len(WAYS))))
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args(argv)
    print("| way | runs | hold | told only | what held, and what was told only |\n|---|--:|--:|--:|---|", flush=True)
    for way in (WAYS[n] for n in asked.ways):
        runs, held, told, names = 0, 0, 0, Counter[str]()
        with ExitStack() as limits:
            for module, name, value in SMALL if way.large else ():
                limits.enter_context(patch.object(module, name, value))
            for folder in asked.folders:
                kept = folder / "known_changes.json"
                changes = json.loads(kept.read_text()) if kept.exists() else {}
                for path in sorted(folder.glob("*.parquet")):
                    walk = Walk(path, way, frozenset(changes.get(path.stem, ())), asked.budget)
                    for batch, findings in walk.told(asked.steps):
                        runs += 1
                        held += any(f.holds for f in findings)
                        told += bool(findings) and not any(f.holds for f in findings)
                        names.update(("" if f.holds else "(told) ") + name_of(f) for f in findings)
                        if asked.verbose:
                            for f in findings:
                                print(
                                    f"  {way.name} {path.stem} {batch} {'HOLDS' if f.holds else 'told'} {f.sentence}",
                                    flush=True,
                                )
        said = ", ".join(f"{name} {n}" for name, n in names.most_common())
        print(f"| {way.name} | {runs} | {held} | {told} | {said} |", flush=True)
    return 0
