"""Make `tidegate/detect/pooled.py`: what many tables teach about tails, and how much each family of surprises weighs.

    python -m bench.detection_pool --harness DIR --tables FOLDER[:WEIGHT] ... [--leave-out NAME] [--out FILE]

Tables are Parquet files as the harness has them (`_batch`, `_date`); its faults are put into single batches. Weights are
fitted by logistic regression (clean against altered batches), drawn to one. `--leave-out` makes the constants of a table
that teaches nothing, for leave-one-table-out numbers: import the file with `TIDEGATE_POOL=module`. Every table is begun
again every five weeks, as if it were new there, so that young tables teach as much as old ones.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.detection_adapter import Detector
from tidegate.detect import alarm
from tidegate.detect.alarm import CLASSES, Pool, combined, heard, strongest
from tidegate.detect.forecast import Floats
from tidegate.detect.panel import SEASONS
from tidegate.detect.tails import MOST, OVER, Tail, Trust, age, calibrated, peaks
from tidegate.detect.traits import Traits, traits
from tidegate.detect.walk import Walk, surprise, walk

CLEAN_WEIGHT = 10.0
PULL = 0.002
STEPS = 1_200
LEAST_WEIGHT = 0.8
"""No family weighs less: what adds little to these faults may be all there is of others. Costs nothing, measured."""
STRANGE = Tail(chance=np.array([0.0, 0.1]), height=np.array([0.6, 0.1]))
"""How much what scores of young and of grown tables are worth goes by tables that taught nothing: how often they go beyond one in ten, and how far. Chosen: each step up
costs recall and saves false alarms."""
CAP = 2_000.0
OF_FAMILY = (100.0, 3.0)
"""How much a family's own tail is drawn to that of all: as so many batches and peaks. Chosen; what four tables never did, the fifth one does."""
FIRST_RESTART, RESTART = 20, 35
"""Where a table is begun again first, and how many batches each such beginning has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    fault: str
    magnitude: str
    position: int
    at: int
    column: str | None
    surprises: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A table looked through, before any constant is applied. `usual` masks batches that are clean and old enough."""

    name: str
    found: Traits
    past: Walk
    there: np.ndarray
    usual: np.ndarray
    places: list[int]
    surprises: Floats
    trials: tuple[Trial, ...]


def example(path: Path, harness: Any, faults: Any, per_class: int, seed: int) -> Example:
    changes_file = path.parent / "known_changes.json"
    changes = json.loads(changes_file.read_text()).get(path.stem, []) if changes_file.exists() else []
    stream = harness.read_stream(path, changes)
    cases = [c for c in harness.cases(stream, list(faults.FAULTS), per_class, seed) if len(c.batches) == 1]
    return looked_at(stream, cases)


def beginnings(path: Path, harness: Any) -> list[Example]:
    """The table as if it were new at several places, without faults."""
    changes_file = path.parent / "known_changes.json"
    changes = json.loads(changes_file.read_text()).get(path.stem, []) if changes_file.exists() else []
    stream = harness.read_stream(path, changes)
    found = []
    for start in range(FIRST_RESTART, len(stream) - RESTART + 1, RESTART):
        cut = slice(start, start + RESTART)
        young = replace(
            stream,
            times=stream.times[cut],
            tables=stream.tables[cut],
            frames=stream.frames[cut],
            changes=frozenset(c - start for c in stream.changes),
        )
        found.append(looked_at(young, ()))
    return found


def looked_at(stream: Any, cases: Sequence[Any]) -> Example:
    detector = Detector(0.01)
    detector.look_at(stream.batches)
    width = detector.profile.values.shape[1]
    found = traits(detector.profile, slice(0, width))
    past = walk(found.y, SEASONS.get(detector.grain, ()))
    usual = np.zeros(width, dtype=bool)
    usual[[p for i, p in enumerate(detector.places) if i >= 7 and i not in stream.changes]] = True
    return Example(
        name=stream.name,
        found=found,
        past=past,
        there=alarm.known(detector.profile),
        usual=usual,
        places=detector.places,
        surprises=surprise(found, past, slice(0, width)),
        trials=tuple(altered(detector, past, cases)) if cases else (),
    )


def altered(detector: Detector, past: Walk, cases: Sequence[Any]) -> Iterator[Trial]:
    """Measure altered batches, and say how surprising each number is."""
    detector.gauge.load([case.batches[0] for case in cases], [case.position for case in cases])
    measured = detector.gauge.measure(detector.recipe, len(cases))
    for number, case in enumerate(cases):
        at = detector.places[case.position]
        batch = traits(detector.joined(case.position, case.batches[0][0], measured, number), slice(at, at + 1))
        yield Trial(
            fault=case.fault,
            magnitude=case.magnitude,
            position=case.position,
            at=at,
            column=case.column,
            surprises=surprise(batch, past, slice(at, at + 1))[:, 0],
        )


def tail(
    items: Sequence[tuple[np.ndarray, Floats, np.ndarray, float]],
    cells: int,
    parent: np.ndarray,
    prior: tuple[float, float],
) -> Tail:
    """Chance and mean height of peaks by cell, drawn to those of the parent cell. Items: (cell, surprise, mask, weight)."""
    of, over, height = np.zeros(cells), np.zeros(cells), np.zeros(cells)
    for cell, surprises, mask, weight in items:
        cell, surprises = np.broadcast_to(cell, surprises.shape)[mask], surprises[mask]
        n = np.bincount(cell, minlength=cells).astype(float)
        share = weight * np.minimum(1.0, CAP / np.maximum(n, 1.0))
        of += share * n
        over += share * np.bincount(cell, weights=surprises > OVER, minlength=cells)
        height += share * np.bincount(cell, weights=np.clip(surprises - OVER, 0, MOST), minlength=cells)
    group = [np.bincount(parent, weights=part, minlength=parent.max() + 1) for part in (of, over, height)]
    chance = (group[1] + 0.5) / (group[0] + 20.0)
    mean = (group[2] + 0.434 * 5) / (group[1] + 5)
    batches, some = prior
    return Tail((over + batches * chance[parent]) / (of + batches), (height + some * mean[parent]) / (over + some))


def fit(examples: Sequence[tuple[Example, float]]) -> Pool:
    """All constants; what scores are worth is told in part by tables that taught none of those they are scored with."""
    pool, strange = fitted(examples), []
    for name in dict.fromkeys(e.name for e, _ in examples):
        rest = [(e, weight) for e, weight in examples if e.name != name]
        if any(e.trials for e, _ in rest):
            strange.append((fitted(rest), [(e, weight) for e, weight in examples if e.name == name]))
    return replace(pool, worth=between(pool.worth, worth(strange))) if strange else pool


def between(own: Tail, strange: Tail) -> Tail:
    """What lies between two tails, nearer to the first."""
    chance = (1 - STRANGE.chance) * own.chance + STRANGE.chance * strange.chance
    return Tail(chance, (1 - STRANGE.height) * own.height + STRANGE.height * strange.height)


def fitted(examples: Sequence[tuple[Example, float]]) -> Pool:
    """All constants by the same tables, one level after the other."""
    kinds = {k: i for i, k in enumerate(sorted({k for e, _ in examples for k in e.found.kinds}), start=1)}
    families = {f: i for i, f in enumerate(sorted({f for e, _ in examples for f in e.found.families}), start=1)}
    groups = 2 * (len(families) + 1)
    empty = Tail(np.zeros(0), np.zeros(0))
    pool = Pool(
        kinds=kinds, families=families, series=empty, groups=empty, table=empty, worth=empty, weights=np.ones(groups)
    )
    cells = 2 * (len(kinds) + 1) * CLASSES
    series = tail(
        [
            (
                alarm.kinds(e.found, e.past, pool, slice(0, len(e.usual))),
                e.surprises,
                np.isfinite(e.found.y) & e.usual,
                weight,
            )
            for e, weight in examples
        ],
        cells,
        np.arange(cells) % (2 * CLASSES),
        (100.0, 3.0),
    )
    pool = replace(pool, series=series)
    grouped = [by_group(e, pool) for e, _ in examples]

    def cell(e: Example) -> np.ndarray:
        return np.arange(groups)[:, None] * CLASSES + age(np.arange(len(e.usual)))[None, :]

    level = tail(
        [
            (cell(e), g, np.broadcast_to(e.usual, g.shape), weight)
            for (e, weight), g in zip(examples, grouped, strict=True)
        ],
        groups * CLASSES,
        np.arange(groups * CLASSES) % CLASSES,
        OF_FAMILY,
    )
    pool = replace(pool, groups=level)
    said = [
        (calibrated_groups(e, g, pool), trial_groups(e, g, pool)) for (e, _), g in zip(examples, grouped, strict=True)
    ]
    weights = weigh([(c[:, e.usual], t, w) for (e, w), (c, t) in zip(examples, said, strict=True) if e.trials])
    pool = replace(pool, weights=weights)
    scores = [combined(c, pool) for c, _ in said]
    table = tail(
        [(age(np.arange(len(e.usual))), s, e.usual, w) for (e, w), s in zip(examples, scores, strict=True)],
        CLASSES,
        np.arange(CLASSES),
        (50.0, 10.0),
    )
    pool = replace(pool, table=table)
    return replace(pool, worth=worth([(pool, examples)]))


def worth(judged: Sequence[tuple[Pool, Sequence[tuple[Example, float]]]]) -> Tail:
    """How far the finished scores of clean batches went beyond one in ten: (chance, mean height) of young and of grown tables."""
    chance, mean = [], []
    for grown in (False, True):
        over, height, of = 0.5, 0.434 * 3, 5.0
        for pool, examples in judged:
            for e, weight in examples:
                said = clean_scores(e, pool, grown)
                over += weight * (said > OVER).sum()
                height += weight * np.maximum(said - OVER, 0.0).sum()
                of += weight * len(said)
        chance.append(over / of)
        mean.append(height / (over + 2.5))
    return Tail(np.array(chance), np.array(mean))


def clean_scores(e: Example, pool: Pool, grown: bool) -> Floats:
    """What is said of the clean batches of a young or a grown table, before it is put in terms of its worth."""
    raw = combined(calibrated_groups(e, by_group(e, pool), pool), pool)
    clean = e.usual & ((np.arange(len(e.usual)) >= alarm.GROWN) == grown)
    return np.asarray(alarm.weighed(raw, peaks(raw, e.there), pool, slice(0, len(raw)))[clean])


def by_group(e: Example, pool: Pool) -> Floats:
    everywhere = slice(0, len(e.usual))
    before = peaks(e.surprises, e.there)
    place = alarm.kinds(e.found, e.past, pool, everywhere)
    series = calibrated(
        e.surprises, before.at(everywhere), Tail(pool.series.chance[place], pool.series.height[place]), Trust()
    )
    return strongest(series, alarm.members(e.found, e.past, pool, everywhere), len(pool.weights))


def calibrated_groups(e: Example, grouped: Floats, pool: Pool) -> Floats:
    everywhere = slice(0, len(e.usual))
    return alarm.judged_groups(grouped, peaks(grouped, e.there), pool, everywhere)


def trial_groups(e: Example, grouped: Floats, pool: Pool) -> Floats:
    """(trial, group)."""
    before, second = peaks(e.surprises, e.there), peaks(grouped, e.there)
    out = []
    for trial in e.trials:
        at = slice(trial.at, trial.at + 1)
        place = alarm.kinds(e.found, e.past, pool, at)
        tails = Tail(pool.series.chance[place], pool.series.height[place])
        series = calibrated(trial.surprises[:, None], before.at(at), tails, Trust())
        best = strongest(series, alarm.members(e.found, e.past, pool, at), len(pool.weights))
        out.append(alarm.judged_groups(best, second, pool, at)[:, 0])
    return np.array(out).reshape(-1, len(pool.weights))


def weigh(tables: Sequence[tuple[Floats, Floats, float]]) -> Floats:
    """Logistic regression with weights that are not negative: one per family, and a little for still series apart."""
    x = np.concatenate([part for clean, altered, _ in tables for part in (heard(clean).T, heard(altered))])
    y = np.concatenate([part for c, a, _ in tables for part in (np.zeros(c.shape[1]), np.ones(len(a)))])
    share = np.concatenate(
        [
            part
            for c, a, w in tables
            for part in (np.full(c.shape[1], w * CLEAN_WEIGHT / c.shape[1]), np.full(len(a), w / max(1, len(a))))
        ]
    )
    share /= share.sum()
    families = x.shape[1] // 2
    state = np.concatenate([np.ones(families), np.zeros(2 * families), [-3.0]])
    first, second = np.zeros_like(state), np.zeros_like(state)
    for step in range(1, STEPS + 1):
        weights = np.maximum(np.repeat(state[:families], 2) + state[families:-1], 0.0)
        off = share * (1 / (1 + np.exp(-(x @ weights + state[-1]))) - y)
        slope = (x.T @ off) * (weights > 0)
        gradient = np.concatenate(
            [
                slope.reshape(families, 2).sum(axis=1) + PULL * (state[:families] - 1),
                slope + 3 * PULL * state[families:-1],
                [off.sum()],
            ]
        )
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        state -= 0.05 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-9)
        state[:families] = np.maximum(state[:families], 0.0)
    return np.maximum(np.repeat(state[:families], 2) + state[families:-1], LEAST_WEIGHT)


def scores(e: Example, pool: Pool) -> tuple[Floats, Floats]:
    """-log10 p of every batch, and of every trial."""
    study = alarm.looked_through(e.found, e.past, pool, e.there)
    grouped = by_group(e, pool)
    said = []
    for trial, groups in zip(e.trials, trial_groups(e, grouped, pool), strict=True):
        at = slice(trial.at, trial.at + 1)
        raw = combined(groups[:, None], pool)
        said.append(float(alarm.finished(raw, study.third, pool, at)[0]))
    return study.scores, np.array(said)


def written(pool: Pool) -> str:
    """The constants as a module."""

    def numbers(values: Floats) -> str:
        return "np.array([" + ", ".join(f"{v:.4g}" for v in values) + "])"

    def tails(t: Tail) -> str:
        return f"Tail(\n        {numbers(t.chance)},\n        {numbers(t.height)},\n    )"

    def names(places: Mapping[str, int]) -> str:
        return json.dumps(dict(places))

    return f'''"""What many tables teach about surprises; written by `python -m bench.detection_pool`, never by hand."""

from __future__ import annotations

from typing import Final

import numpy as np

from tidegate.detect.alarm import Pool
from tidegate.detect.tails import Tail

POOL: Final = Pool(
    kinds={names(pool.kinds)},
    families={names(pool.families)},
    series={tails(pool.series)},
    groups={tails(pool.groups)},
    table={tails(pool.table)},
    worth={tails(pool.worth)},
    weights={numbers(pool.weights)},
)
'''


def read(arguments: argparse.Namespace) -> Iterator[tuple[Example, float]]:
    sys.path.insert(0, str(arguments.harness))
    import faults
    import harness

    for said in arguments.tables:
        folder, _, weight = said.partition(":")
        for path in sorted(Path(folder).glob("*.parquet")):
            if path.stem == arguments.leave_out:
                continue
            kept = arguments.cache / f"{path.stem}_{arguments.per_class}.pickle" if arguments.cache else None
            if kept and kept.exists():
                made = pickle.loads(kept.read_bytes())
            else:
                made = [example(path, harness, faults, arguments.per_class, arguments.seed), *beginnings(path, harness)]
                if kept:
                    kept.write_bytes(pickle.dumps(made))
            whole = made[0]
            print(f"{path.stem}: {len(whole.usual)} batches, {len(whole.trials)} trials", file=sys.stderr, flush=True)
            yield from ((one, float(weight or 1)) for one in made)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--harness", type=Path, required=True)
    parser.add_argument("--tables", nargs="+", required=True)
    parser.add_argument("--leave-out", default="")
    parser.add_argument("--per-class", type=int, default=6)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, default=Path("src/tidegate/detect/pooled.py"))
    arguments = parser.parse_args()
    arguments.out.write_text(written(fit(list(read(arguments)))))
    return 0


if __name__ == "__main__":
    from bench.detection_pool import main as run  # so that what is kept can be read under one name

    sys.exit(run())
