"""The alarm of a whole table: all surprises of a batch put into one score, and the score into how often chance brings it.

Three times the same step (`tails.calibrated`): for each series, for each family of series, for the table. In between
the strongest of a family speaks for it, after Bonferroni, and the three strongest families add up, each with its weight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tidegate.detect.forecast import Floats
from tidegate.detect.tails import AGES, Peaks, Tail, Trust, age, calibrated, peaks
from tidegate.detect.traits import RELATIONS, Profile, Traits, traits
from tidegate.detect.walk import Walk, surprise, walk
from tidegate.model import MetricSpec

QUIET: Final = 2.0
"""What a family says below this (1 in 100) is hardly heard. Chosen by walk-forward, as are the three that follow."""

ONSET: Final = 3.0
"""How abruptly families begin to be heard there: from one in 200 to one in 50. Several that nearly speak count before one."""

LOUD: Final = 4.0
"""Beyond this, what it says counts as a logarithm."""

SPEAKERS: Final = 3
"""How many families are added up."""

UNHEARD: Final = 0.1
"""The weight of what families say beside what is heard, so that scores keep an order where all are quiet."""

TOGETHER: Final = np.sqrt(np.arange(1, SPEAKERS + 1))[:, None]
"""By what the sum of so many families is divided when all are quiet: independent voices add up like noise."""

SILENCE: Final = math.log1p(math.exp(-ONSET * QUIET)) / ONSET
"""What a soft onset makes of nothing."""

CLASSES: Final = len(AGES) + 1
"""Classes of age."""

OF_TABLE: Final = Trust(batches=80.0)
"""A table's score goes by the pool for long: a few peaks of its own tell little of how often others come."""

GROWN: Final = 14
"""Before this batch a score is worth less than the same one later: tables begin in more ways than they go on."""

ASIDE: Final = 0.3
"""What a relation weighs as a reason: it tells that rows are wrong, and not on which side, so a column's own number is named first."""

BEHIND: Final = 4
"""To this power goes what a number says beside the strongest of its family, when columns are named. Chosen, as the next."""

FADING: Final = (1.0, 0.8, 0.64)
"""What a column's strongest family, its second and its third count when columns are named."""

FAINT: Final = 0.01
"""The weight of a number by itself where its family is quiet, so that columns keep an order."""

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What many tables taught: tails by (kind, still, age), by (family, still, age) and by age; a weight per (family, still).

    `worth` are two tails: how often, and how far, finished scores of young and of grown tables went beyond one in ten.
    `still` is 1 for series that have never moved before. A kind or family that the pool does not know has place 0.
    """

    kinds: Mapping[str, int]
    families: Mapping[str, int]
    series: Tail
    groups: Tail
    table: Tail
    worth: Tail
    weights: Floats


@dataclass(frozen=True, slots=True)
class Reason:
    """One number that speaks for an alarm: `rarity` is -log10 of how often chance alone does that."""

    spec: MetricSpec
    kind: str
    rarity: float
    observed: float
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What is thought of one batch: `score` is -log10 of the share of clean batches that score as high; one reason a column,
    the strongest column first. `also` is what else speaks of the first column, the loudest first.
    """

    score: float
    reasons: tuple[Reason, ...]
    also: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A table's past, looked through once: for every batch what was known before it."""

    found: Traits
    past: Walk
    pool: Pool
    first: Peaks
    second: Peaks
    third: Peaks
    scores: Floats

    def judge(self, batch: Traits, at: int) -> Opinion:
        """Judge a batch that stands at `at`, with what was known before it; `batch` has one column, made with `traits`."""
        column = slice(at, at + 1)
        series = _series(surprise(batch, self.past, column), self, column)
        member = self.members(column)
        groups = judged_groups(strongest(series, member, len(self.pool.weights)), self.second, self.pool, column)
        score = finished(combined(groups, self.pool), self.third, self.pool, column)
        first, also = self._reasons(batch, at, series[:, 0], groups[:, 0], member[:, 0])
        return Opinion(score=float(score[0]), reasons=tuple(first), also=tuple(also))

    def members(self, at: slice) -> Places:
        """To which group each series belongs at some batches: its family, and whether it has stood still."""
        return members(self.found, self.past, self.pool, at)

    def _reasons(
        self, batch: Traits, at: int, series: Floats, groups: Floats, member: Places
    ) -> tuple[Sequence[Reason], Sequence[Reason]]:
        loud = voices(series, heard(groups) * self.pool.weights, member)
        loud = np.where([f in RELATIONS for f in batch.families], ASIDE * loud, loud)
        columns = [column(s) for s in batch.specs]
        first = leading(columns, member, loud)
        same = [int(i) for i in np.argsort(-loud, kind="stable") if first and columns[i] == columns[first[0]]]

        def reason(i: int) -> Reason:
            centre = float(self.past.centre[i, at])
            return Reason(batch.specs[i], batch.kinds[i], float(series[i]), float(batch.y[i, 0]), centre)

        return [reason(i) for i in first], [reason(i) for i in same if i != first[0] and loud[i] > 0]


def column(spec: MetricSpec) -> str | None:
    """The column that a number is about; None for the rows."""
    return spec.column or (spec.segment.column if spec.segment is not None else None)


def voices(series: Floats, families: Floats, member: Places) -> Floats:
    """What each series says of what its family says (both by what is heard, weighted): the less the farther it is behind the strongest."""
    most = np.zeros(len(families))
    np.maximum.at(most, member, series)
    behind = series / np.maximum(most[member], 1e-12)
    return np.asarray(families[member] * behind**BEHIND + FAINT * series)


def leading(columns: Sequence[str | None], member: Places, loud: Floats) -> list[int]:
    """The loudest series of each column, those columns first whose three loudest families say most together; no silent ones."""
    number = {name: i for i, name in enumerate(dict.fromkeys(columns))}
    of = np.array([number[name] for name in columns])
    said = np.zeros((len(number), int(member.max()) + 1))
    np.maximum.at(said, (of, member), loud)
    together = -np.sort(-said, axis=1)[:, : len(FADING)] @ np.array(FADING[: said.shape[1]])
    order = np.lexsort((-loud, -together[of]))
    first: dict[int, int] = {}
    for i in order[loud[order] > 0].tolist():
        first.setdefault(int(of[i]), i)
    return list(first.values())


def study(profile: Profile, seasons: Sequence[tuple[int, str]], pool: Pool, found: Traits | None = None) -> Study:
    """Look through a table's past; `found` are its traits where they are at hand.

    Raises:
        ValueError: the profile has no row count.
    """
    found = traits(profile, slice(None)) if found is None else found
    past = walk(found.y, seasons)
    return looked_through(found, past, pool, known(profile))


def known(profile: Profile) -> NDArray[np.bool_]:
    """Which batches were there."""
    return np.asarray(~np.isnan(profile.values).all(axis=0))


def looked_through(found: Traits, past: Walk, pool: Pool, there: NDArray[np.bool_]) -> Study:
    """Calibrate the surprises of every batch by those before it, three times."""
    batches = slice(0, found.y.shape[1])
    surprises = surprise(found, past, batches)
    first = peaks(surprises, there)
    place = kinds(found, past, pool, batches)
    series = calibrated(surprises, first.at(batches), _tail(pool.series, place), Trust())
    grouped = strongest(series, members(found, past, pool, batches), len(pool.weights))
    second = peaks(grouped, there)
    scores = combined(judged_groups(grouped, second, pool, batches), pool)
    third = peaks(scores, there)
    return Study(
        found=found,
        past=past,
        pool=pool,
        first=first,
        second=second,
        third=third,
        scores=finished(scores, third, pool, batches),
    )


def kinds(found: Traits, past: Walk, pool: Pool, at: slice) -> Places:
    """The pool's cell of each series at some batches."""
    kind = np.array([pool.kinds.get(k, 0) for k in found.kinds])[:, None]
    return (2 * kind + past.still[:, at]) * CLASSES + age(past.points[:, at])


def members(found: Traits, past: Walk, pool: Pool, at: slice) -> Places:
    """The group of each series at some batches."""
    family = np.array([pool.families.get(f, 0) for f in found.families])[:, None]
    return np.asarray(2 * family + past.still[:, at], dtype=np.int64)


def _tail(tail: Tail, place: Places) -> Tail:
    return Tail(tail.chance.take(place), tail.height.take(place))


def _ages(at: slice) -> Places:
    return age(np.arange(at.start, at.stop))


def weighed(scores: Floats, before: Peaks, pool: Pool, at: slice) -> Floats:
    """How rare a table's combined scores are at some batches, by its own past and the pool's."""
    return calibrated(scores, before.at(at), _tail(pool.table, _ages(at)), OF_TABLE)


def finished(scores: Floats, before: Peaks, pool: Pool, at: slice) -> Floats:
    """The same, once more by what such scores turned out to be worth: -log10 of the share of clean batches beyond."""
    nothing = np.zeros(1)
    grown = (np.arange(at.start, at.stop) >= GROWN).astype(np.int64)
    return calibrated(
        weighed(scores, before, pool, at), Peaks(nothing, nothing, nothing), _tail(pool.worth, grown), Trust()
    )


def _series(surprises: Floats, known_before: Study, at: slice) -> Floats:
    place = kinds(known_before.found, known_before.past, known_before.pool, at)
    return calibrated(surprises, known_before.first.at(at), _tail(known_before.pool.series, place), Trust())


def judged_groups(grouped: Floats, before: Peaks, pool: Pool, at: slice) -> Floats:
    """How rare each group's strongest surprise is at some batches: (group, batch)."""
    place = np.arange(len(grouped))[:, None] * CLASSES + _ages(at)[None, :]
    return calibrated(grouped, before.at(at), _tail(pool.groups, place), Trust())


def strongest(series: Floats, member: Places, groups: int) -> Floats:
    """Of each group the strongest series, divided among all of the group (Bonferroni): (group, batch)."""
    shape = (groups, series.shape[1])
    place = (member * shape[1] + np.arange(shape[1])).ravel()
    best, size = np.zeros(groups * shape[1]), np.bincount(place, minlength=groups * shape[1])
    with np.errstate(invalid="ignore"):
        np.maximum.at(best, place, series.ravel())
    return np.asarray(np.maximum(best - np.log10(np.maximum(size, 1)), 0.0)).reshape(shape)


def heard(groups: Floats) -> Floats:
    """What is heard of each family: little while it is quiet, nothing of what says nothing, and far out its logarithm."""
    far = np.where(groups < LOUD, groups, LOUD + np.log1p(np.maximum(groups - LOUD, 0.0)))
    soft = np.log1p(np.exp(ONSET * (far - QUIET))) / ONSET
    return np.asarray(np.maximum(soft - SILENCE, 0.0))


def combined(groups: Floats, pool: Pool) -> Floats:
    """The weighted sum of the strongest families of each batch; where all are quiet, the best of the sums of the k loudest by the root of k."""
    spoken = -np.sort(-heard(groups) * pool.weights[:, None], axis=0)[:SPEAKERS]
    quiet = np.cumsum(-np.sort(-groups, axis=0)[:SPEAKERS], axis=0) / TOGETHER[: len(groups)]
    return np.asarray(spoken.sum(axis=0) + UNHEARD * quiet.max(axis=0))
