"""The product's detection behind the interface of a detection benchmark: batches in, verdicts out.

What is measured is what `scan.watch` lists, by the catalogue's own SQL; what is judged is judged by `detect.alarm`. Only
the cutting of the data differs from a run: here the batches come cut, in a run they are buckets of a table. Beside what a
run asks of a bucket, quantiles, the most frequent value, pairs, sketches, and what rows tell of others (`detection_keyed`)
are measured.
"""

from __future__ import annotations

import importlib
import itertools
import math
import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import duckdb
import numpy as np

from bench.detection_agree import Agreeing
from bench.detection_given import Parts
from bench.detection_keyed import Memory, Others, others, timed
from bench.detection_regular import Exact
from bench.detection_sequences import Counting
from tidegate.detect.alarm import Opinion, Pool, Study, known, looked_through
from tidegate.detect.panel import SEASONS
from tidegate.detect.traits import SKETCH, WARM, Profile, Traits, traits
from tidegate.detect.walk import walk
from tidegate.metrics import aggregate, family_of, quoted
from tidegate.model import Column, DatasetRef, Family, MetricSpec, Segment
from tidegate.scan import watch

REF = DatasetRef(namespace="bench", name="t")
OWN = ("_k", "_p", "_at")
LENGTHS = {"hour": 3_600, "day": 86_400, "week": 604_800}
LONGEST = {"hour": 7_200, "day": 36 * 3_600, "week": 10 * 86_400, "month": 45 * 86_400}
"""A usual gap between batches of a grain is no longer than this."""
CATEGORIES, CATEGORY_VALUES, CUT_BY, MEASURES, NAMED = 12, 60, 3, 12, 8
CHUNK = 100


class Verdict(NamedTuple):
    score: float
    alarm: bool
    reasons: list[str]


def pool() -> Pool:
    """The constants that ship, or those of another module: `TIDEGATE_POOL=module` leaves a table out."""
    return importlib.import_module(os.environ.get("TIDEGATE_POOL", "tidegate.detect.pooled")).POOL


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is measured of every batch, fixed after the first ones."""

    columns: tuple[Column, ...]
    specs: tuple[MetricSpec, ...]
    categories: tuple[Column, ...]
    measures: tuple[Column, ...]

    @property
    def texts(self) -> list[Column]:
        return [c for c in self.columns if c.family is Family.TEXT]


@dataclass(slots=True, kw_only=True)
class Measured:
    """Numbers and sketches of batches: (spec, batch)."""

    values: dict[MetricSpec, np.ndarray]
    sketches: dict[MetricSpec, list[frozenset[int] | None]]


class Gauge:
    """Measures batches with DuckDB."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        self.db.execute("SET threads = 1")
        self.relations: tuple[Memory, Others] | None = None
        self.timed: Others | None = None
        self.parts: Parts | None = None
        self.agreement: Agreeing | None = None
        self.exact: Exact | None = None
        self.counting: Counting | None = None

    def load(self, batches: Sequence[tuple[datetime, Any]], positions: Sequence[int] | None = None) -> None:
        """Take in batches in whatever form DuckDB reads (Arrow, pandas), numbered from 0 in the column `_k`.

        `_p` is how many batches came before each: its number where nothing else is said. `_at` is each one's nominal time.
        """
        for k, (when, batch) in enumerate(batches):
            self.db.register("arrived", batch)
            kept = "INSERT INTO rows BY NAME" if k else "CREATE OR REPLACE TABLE rows AS"
            at = k if positions is None else positions[k]
            own = f"{k}::INTEGER AS _k, {at}::INTEGER AS _p, TIMESTAMP '{when.isoformat(sep=' ')}' AS _at"
            self.db.execute(f"{kept} SELECT *, {own} FROM arrived")
            self.db.unregister("arrived")

    def columns(self) -> tuple[Column, ...]:
        found = self.db.execute("DESCRIBE rows").fetchall()
        return tuple(Column(name=n, type=t, family=family_of(t)) for n, t, *_ in found if n not in OWN)

    def recipe(self) -> Recipe:
        """Look at the first batches."""
        columns = self.columns()
        measures = tuple(c for c in columns if c.family is Family.NUMBER)
        first = f"FROM rows WHERE _k < {WARM}"
        asked = ", ".join(f"COUNT(DISTINCT {quoted(c.name)}), COUNT({quoted(c.name)})" for c in columns)
        counts = self.db.execute(f"SELECT {asked}, COUNT(*) {first}").fetchone()
        distinct = {c.name: counts[2 * i] for i, c in enumerate(columns)}
        filled = {c.name: counts[2 * i + 1] for i, c in enumerate(columns)}
        categories = [
            c
            for c in columns
            if c.family is Family.TEXT
            and 2 <= distinct[c.name] <= CATEGORY_VALUES
            and filled[c.name] > 0.3 * counts[-1]
        ]
        categories += [c for c in measures if 2 <= distinct[c.name] <= CATEGORY_VALUES / 2 and self.regular(c, first)]
        measures = tuple(c for c in measures if distinct[c.name] >= 3)
        asked = ", ".join(aggregate(spec(c, "mean"), c) for c in measures) or "1"
        means = self.db.execute(f"SELECT {asked} {first}").fetchone() or ()
        sizes = {c.name: m for c, m in zip(measures, means, strict=False) if m is not None and math.isfinite(m)}
        specs = [MetricSpec(dataset=REF, metric="row_count")]
        specs += [s for c in columns for s in watch.of_column(REF, c)] + watch.of_pairs(REF, sizes)
        return Recipe(columns=columns, specs=tuple(specs), categories=tuple(categories[:CATEGORIES]), measures=measures)

    def remember(self, recipe: Recipe, batches: int) -> None:
        """Keep of the batches that are loaded what later ones are held against, row by row."""
        rest = others(self.db, recipe.columns, batches)
        self.relations = (Memory(self.db, recipe.columns), rest)
        self.parts = Parts(self.db, recipe.columns, rest, batches)
        self.exact = Exact(self.db, recipe.columns)
        self.counting = Counting(self.db, recipe.columns)
        self.agreement = Agreeing(self.db, recipe.columns, self.relations[0].keys)
        rest.follow = {i: usual for i, usual in rest.follow.items() if rest.names[i] not in self.parts.chosen}
        told = {*self.parts.chosen, *(rest.names[i] for i in rest.follow)}
        self.timed = timed(self.db, recipe.columns, batches, told)

    def regular(self, column: Column, first: str) -> bool:
        """Whether an integer stands for a category: every early batch has the same values."""
        name = quoted(column.name)
        if column.type in ("DOUBLE", "FLOAT"):
            return False
        sets = f"SELECT LIST_SORT(LIST(DISTINCT {name})) AS s {first} GROUP BY _k"
        return self.db.execute(f"SELECT COUNT(DISTINCT s) FROM ({sets})").fetchone()[0] == 1

    def measure(self, recipe: Recipe, batches: int) -> Measured:
        """Measure all rows that are loaded."""
        values = {s: np.full(batches, np.nan) for s in recipe.specs}
        byname = {c.name: c for c in recipe.columns}
        for start in range(0, len(recipe.specs), CHUNK):
            part = recipe.specs[start : start + CHUNK]
            asked = ", ".join(aggregate(s, byname.get(s.column or "")) for s in part)
            for k, *row in self.db.execute(f"SELECT _k, {asked} FROM rows GROUP BY _k").fetchall():
                for s, value in zip(part, row, strict=True):
                    values[s][k] = np.nan if value is None else float(value)
        counted = values[recipe.specs[0]]
        for s in recipe.specs:
            if s.metric == "top_count":
                values[s] = np.where(np.isnan(values[s]) & (counted > 0), 0.0, values[s])
        sketches = self.sketches(recipe, batches, values)
        for column in recipe.categories:
            self.segments(recipe, column, batches, values)
        if self.relations is not None:
            memory, rest = self.relations
            values |= memory.measure(batches) | rest.measure(self.db, batches)
        if self.timed is not None:
            values |= self.timed.measure(self.db, batches)
        if self.parts is not None:
            values |= self.parts.measure(self.db, batches)
        for rows in (self.agreement, self.exact, self.counting):
            values |= rows.measure(batches) if rows is not None else {}
        return Measured(values=values, sketches=sketches)

    def sketches(self, recipe: Recipe, batches: int, values: dict[MetricSpec, np.ndarray]) -> dict[MetricSpec, list]:
        asked = [watch.copies_sql(recipe.columns), watch.rows_sketch_sql(recipe.columns, SKETCH)]
        asked += [watch.values_sketch_sql(c, SKETCH) for c in recipe.texts]
        copies = MetricSpec(dataset=REF, metric="duplicate_rows")
        specs = [MetricSpec(dataset=REF, metric="rows_sketch"), *(spec(c, "values_sketch") for c in recipe.texts)]
        found: dict[MetricSpec, list] = {s: [None] * batches for s in specs}
        values[copies] = np.full(batches, np.nan)
        for k, again, *kept in self.db.execute(f"SELECT _k, {', '.join(asked)} FROM rows GROUP BY _k").fetchall():
            values[copies][k] = again
            for s, hashes in zip(specs, kept, strict=True):
                found[s][k] = frozenset(hashes or ())
        return found

    def segments(self, recipe: Recipe, column: Column, batches: int, values: dict[MetricSpec, np.ndarray]) -> None:
        """Rows by category; for the first categories the means of numbers too."""
        cut = column in recipe.categories[:CUT_BY]
        measures = [m for m in recipe.measures if m != column][:MEASURES] if cut else []
        means = "".join(f", {aggregate(spec(m, 'mean'), m)}" for m in measures)
        name = quoted(column.name)
        sql = f"SELECT _k, CAST({name} AS TEXT), COUNT(*){means} FROM rows WHERE {name} IS NOT NULL GROUP BY 1, 2"
        for k, value, count, *row in self.db.execute(sql).fetchall():
            segment = Segment(column=column.name, value=value)
            specs = [MetricSpec(dataset=REF, metric="row_count", segment=segment)]
            specs += [replace(spec(m, "mean"), segment=segment) for m in measures]
            for s, number in zip(specs, [count, *row], strict=True):
                if s not in values:
                    values[s] = np.full(batches, np.nan)
                values[s][k] = np.nan if number is None else float(number)


def spec(column: Column, metric: str) -> MetricSpec:
    return MetricSpec(dataset=REF, metric=metric, column=column.name)


class Detector:
    """One table's detector."""

    def __init__(self, budget: float) -> None:
        self.limit = -math.log10(budget)
        self.gauge = Gauge()

    def learn(self, batches: list[tuple[datetime, Any]]) -> None:
        self.look_at(batches)
        self.study = self.studied()

    def look_at(self, batches: list[tuple[datetime, Any]]) -> None:
        """Measure the stream."""
        self.gauge.load(batches)
        self.recipe = self.gauge.recipe()
        self.gauge.remember(self.recipe, len(batches))
        self.measured = self.gauge.measure(self.recipe, len(batches))
        self.times = [when.replace(tzinfo=UTC).timestamp() for when, _ in batches]
        self.grain = grain(self.times)
        self.places = places(self.times, self.grain)
        self.profile = self.laid_out()

    def clean(self, position: int) -> Verdict:
        at = self.places[position]
        column = self.study.found
        batch = replace(column, y=column.y[:, at : at + 1], floor=column.floor[:, at : at + 1])
        return self.said(self.study.judge(batch, at))

    def judge(self, position: int, when: datetime, batch: Any) -> Verdict:
        return self.said(self.opinion(position, when, batch))

    def judge_sequence(self, position: int, batches: Sequence[tuple[datetime, Any]]) -> list[Verdict]:
        """Each replacement joins the past of the next one, unless it was alarmed."""
        whole, out = self.profile, []
        study = self.study
        for step, (when, batch) in enumerate(batches):
            at = self.place(position + step, when)
            there = self.up_to(at)
            changed = there.with_batch(position + step, when, batch, known=position)
            verdict = self.said(there.study.judge(traits(changed, slice(at, at + 1)), at))
            out.append(verdict)
            if verdict.alarm:
                blank = changed.values.copy()
                blank[:, at] = np.nan
                sketches = {s: [*kept[:at], None] for s, kept in changed.sketches.items()}
                changed = replace(changed, values=blank, sketches=sketches)
            self.profile = self.extended(changed, whole, at)
            self.study = self.studied()
        self.profile, self.study = whole, study
        return out

    def extended(self, changed: Profile, whole: Profile, at: int) -> Profile:
        """The changed past, and the clean batches after it, so that places stay."""
        specs = {s: i for i, s in enumerate(whole.specs)}
        rest = np.full((len(changed.specs), max(whole.values.shape[1] - at - 1, 0)), np.nan)
        for i, s in enumerate(changed.specs):
            if s in specs:
                rest[i] = whole.values[specs[s], at + 1 :]
        values = np.concatenate([changed.values, rest], axis=1)
        sketches = {s: [*kept, *whole.sketches[s][at + 1 :]] for s, kept in changed.sketches.items()}
        return replace(changed, values=values, at=np.concatenate([changed.at, whole.at[at + 1 :]]), sketches=sketches)

    def studied(self) -> Study:
        found = traits(self.profile, slice(0, self.profile.values.shape[1]))
        return looked_through(found, walk(found.y, SEASONS.get(self.grain, ())), pool(), known(self.profile))

    def opinion(self, position: int, when: datetime, batch: Any) -> Opinion:
        at = self.place(position, when)
        there = self.up_to(at)
        return there.study.judge(there.made(position, when, batch), at)

    def up_to(self, at: int) -> Detector:
        """The same, with places for the batches that are missing between the last known one and one that comes later."""
        past, missing = self.profile, at - self.profile.values.shape[1]
        if missing <= 0:
            return self
        later = copy(self)
        later.profile = replace(
            past,
            values=np.pad(past.values, ((0, 0), (0, missing)), constant_values=np.nan),
            at=np.pad(past.at, (0, missing)),
            sketches={s: [*kept, *([None] * missing)] for s, kept in past.sketches.items()},
        )
        later.study = later.studied()
        return later

    def made(self, position: int, when: datetime, batch: Any) -> Traits:
        at = self.place(position, when)
        return traits(self.with_batch(position, when, batch), slice(at, at + 1))

    def with_batch(self, position: int, when: datetime, batch: Any, known: int | None = None) -> Profile:
        """What was known before a position, and another batch; of rows, only what those before `known` had."""
        self.gauge.load([(when, batch)], [position if known is None else known])
        return self.joined(position, when, self.gauge.measure(self.recipe, 1), 0)

    def joined(self, position: int, when: datetime, came: Measured, batch: int) -> Profile:
        """What was known before a position, and one of the batches that were measured."""
        past, at = self.profile, self.place(position, when)
        specs = tuple(dict.fromkeys([*past.specs, *came.values]))
        values = np.full((len(specs), at + 1), np.nan)
        values[: len(past.specs), :at] = past.values[:, :at]
        for i, s in enumerate(specs):
            values[i, at] = came.values[s][batch] if s in came.values else np.nan
        if np.isnan(values[0, at]):  # a batch without rows is a batch
            values[0, at] = 0.0
        sketches = {s: [*kept[:at], came.sketches[s][batch]] for s, kept in past.sketches.items()}
        seconds = when.replace(tzinfo=UTC).timestamp()
        return replace(past, specs=specs, values=values, at=np.append(past.at[:at], seconds), sketches=sketches)

    def place(self, position: int, when: datetime) -> int:
        if position < len(self.places):
            return self.places[position]
        return places([*self.times, when.replace(tzinfo=UTC).timestamp()], self.grain)[-1]

    def laid_out(self) -> Profile:
        """The batches on one axis of time, with gaps where there was none."""
        width = self.places[-1] + 1
        specs = tuple(self.measured.values)
        values = np.full((len(specs), width), np.nan)
        for i, s in enumerate(specs):
            values[i, self.places] = self.measured.values[s]
        at = np.zeros(width)
        at[self.places] = self.times
        sketches = {}
        for s, kept in self.measured.sketches.items():
            row: list[frozenset[int] | None] = [None] * width
            for place, sketch in zip(self.places, kept, strict=True):
                row[place] = sketch
            sketches[s] = row
        times = frozenset(c.name for c in self.recipe.columns if c.family is Family.TIME)
        return Profile(specs=specs, values=values, at=at, times=times, sketches=sketches)

    def said(self, opinion: Opinion) -> Verdict:
        """The strongest reason of each column, strongest column first."""
        reasons: dict[str, str] = {}
        for r in opinion.reasons:
            name = r.spec.column or (r.spec.segment.column if r.spec.segment else "rows")
            reasons.setdefault(name, f"{name}: {r.kind} ({r.rarity:.1f})")
        return Verdict(opinion.score, opinion.score > self.limit, list(reasons.values()))


def grain(times: Sequence[float]) -> str:
    """Hour, day, week or month, by the usual gap between the first batches; beyond that each batch is the next version."""
    gaps = np.diff(times[: WARM + 1])
    usual = float(np.median(gaps)) if len(gaps) else 86_400.0
    return next((name for name, longest in LONGEST.items() if usual <= longest), "version")


MOST_GAP = 31


def places(times: Sequence[float], grain: str) -> list[int]:
    """The place of each batch on an axis of time; two batches never share one, and a gap has an end."""
    out = [0]
    for before, now in itertools.pairwise(times):
        out.append(out[-1] + min(MOST_GAP, max(1, apart(before, now, grain))))
    return out[: len(times)]


def apart(before: float, now: float, grain: str) -> int:
    """How many batches of a grain lie between two times, the later one included."""
    if grain == "version":
        return 1
    if grain == "month":
        one, other = (datetime.fromtimestamp(at, UTC) for at in (before, now))
        return 12 * (other.year - one.year) + other.month - one.month
    return round((now - before) / LENGTHS[grain])
