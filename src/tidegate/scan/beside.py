"""Numbers and times beside the rest of their row: which follow from the others or from a category, and how many rows of a bucket no longer do.

Told from the first buckets, and kept. A time is a number too, of hours from the beginning of its row's bucket. What is left of a number is worked out from a sample of rows, by the relation to the others that
the buckets before had (`detect.others`), or by what its category had in them (`detect.given`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from tidegate.metrics import Kind, is_personal, kind_of, relation, select
from tidegate.model import Column, Family, Grid, Interval
from tidegate.scan import infer
from tidegate.scan.choice import kept_choice
from tidegate.scan.drawn import Asked, Sample
from tidegate.scan.grain import within_sql
from tidegate.scan.options import Plan
from tidegate.scan.relations import FIRST, teaching
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window

if TYPE_CHECKING:
    from tidegate.detect.forecast import Floats
    from tidegate.detect.others import Follows, Scale

MOST_NUMBERS: Final = 20
"""Numbers and times that are looked at together, numbers first. Chosen, not derived, as what follows."""

MOST_CATEGORIES: Final = 12
"""Columns that are tried as what a number follows from, those with the fewest values."""

MOST_VALUES: Final = 200
"""A category has at most so many different values, and no text longer than:"""

LONGEST: Final = 200

ROWS_AT_FIRST: Final = 5_000
"""Rows of the first buckets from which it is chosen."""


@dataclass(frozen=True, slots=True)
class ByCategory:
    """The column that a number follows from, and up to which size its logarithmic scale is straight; 0 for a straight scale."""

    column: str
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Columns that are looked at together. `follow` has of each that follows from the others how much is usually left of it; `names` are
    all of them, with their `middle` and spread (`wide`); none where none follows.
    """

    follow: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    middle: tuple[float, ...] = ()
    wide: tuple[float, ...] = ()

    @property
    def written(self) -> dict[str, object]:
        """As it is kept."""
        return {"follow": dict(self.follow), "names": self.names, "middle": self.middle, "wide": self.wide}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """The same from what was kept."""
        names, middle, wide = (tuple(said[name]) for name in ("names", "middle", "wide"))
        return cls(follow=said["follow"], names=names, middle=middle, wide=wide)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside(Together):
    """What is looked at beside the rest of its row, each column in one way.

    Its own columns are numbers alone. `times` are times, and numbers of which only times among the others leave little; `given` has the
    numbers that follow from a category. None says that it was not asked yet: it was chosen before times, or categories, were looked at.
    """

    times: Together | None = None
    given: Mapping[str, ByCategory] | None = None

    def __str__(self) -> str:
        """As it is kept."""
        said = self.written
        if self.given is not None:
            said["given"] = {name: [by.column, by.size] for name, by in self.given.items()}
        if self.times is not None:
            said["times"] = self.times.written
        return json.dumps(said, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Beside:
        """The same from what was kept, by any release."""
        said = json.loads(text)
        given = {name: ByCategory(*by) for name, by in said["given"].items()} if "given" in said else None
        times = Together.of(said["times"]) if "times" in said else None
        return replace(cls.of(said), times=times, given=given)

    @property
    def together(self) -> tuple[Together, ...]:
        """The groups of columns in which some follow from the others."""
        return tuple(group for group in (self, self.times) if group is not None and group.follow)

    @property
    def has_times(self) -> bool:
        """Whether something is looked at beside times."""
        return self.times is not None and bool(self.times.follow)

    @property
    def following(self) -> list[str]:
        """What follows from the others of its row."""
        return [name for group in self.together for name in group.follow]

    @property
    def size(self) -> int:
        """How many columns are looked at."""
        return len(self.following) + len(self.by_category)

    @property
    def by_category(self) -> Mapping[str, ByCategory]:
        """The numbers that follow from a category; none where that was not asked yet."""
        return self.given if self.given is not None else {}

    @property
    def measured(self) -> list[str]:
        """All numbers and times whose values are read."""
        return list(dict.fromkeys([*(name for group in self.together for name in group.names), *self.by_category]))

    @property
    def categories(self) -> list[str]:
        """All categories whose values are read."""
        return list(dict.fromkeys(by.column for by in self.by_category.values()))

    def is_of(self, numbers: Sequence[str], columns: Sequence[str]) -> bool:
        """Whether all that was chosen is still there."""
        return {*self.measured} <= {*numbers} and {*self.categories} <= {*columns}


def kept_beside(known: Grid | None) -> Beside | None:
    """What was chosen in the version that this one began as; None when nothing was."""
    written = kept_choice(known, "beside")
    return None if written is None else Beside.read(written)


def beside(tally: Tally, span: Window, found: Sequence[Interval]) -> Plan[Beside | None]:
    """What was chosen, else what the first buckets tell; None while these are too few.

    What was chosen before categories or times were looked at stays, and what follows from these is added.

    Args:
        found: the buckets with rows, oldest first.
    """
    measures = [column.name for column in infer.measures(tally)]
    able = [*measures, *(column.name for column in infer.times(tally))]
    names = _first_ones(tally, able)
    numbers = names[: len(measures)]
    before = kept_beside(tally.options.known)
    if before is not None and not before.is_of(able, [column.name for column in tally.dataset.columns]):
        before = None
    first = teaching(tally, found)
    if (before is not None and None not in (before.given, before.times)) or len(first) < FIRST:
        return before
    by = _categories(tally, span) if numbers else []
    if len(names) + len(by) < 2:
        chosen = before or Beside()
        return replace(chosen, given=chosen.by_category, times=chosen.times or Together())
    asked = Asked(names, by)
    rows = yield tally.statement("numbers: first buckets", _first_sql(tally, span, first, asked))
    sample = Sample.of(rows, asked, [int(interval.start.timestamp()) for interval in first])
    sample = sample._replace(cells=_numbers(sample.cells))
    chosen = _chosen(before, numbers, by, sample.only(range(len(numbers))))
    if chosen.times is not None:
        return chosen
    return replace(chosen, times=_timed(chosen, names, sample) if len(names) > len(numbers) else Together())


def _first_ones(tally: Tally, able: Sequence[str]) -> Sequence[str]:
    names = able[:MOST_NUMBERS]
    if len(able) > len(names):
        tally.notes.append(
            f"{tally.dataset.ref}: {len(able) - len(names)} of {len(able)} numbers and times are not looked at beside the others of"
            f" their row, which is done for the first {MOST_NUMBERS}"
        )
    return names


def _categories(tally: Tally, span: Window) -> list[str]:
    """The columns that a number may follow from, those with the fewest values first: texts, booleans and whole numbers."""
    able = [
        (distinct, column.name)
        for column in tally.dataset.columns
        if column != span.column
        and _is_category(column)
        and not (infer.LOADERS_OWN.search(column.name) or is_personal(column.name))
        and 2 <= (distinct := tally.number("distinct_count", column.name) or 2) <= MOST_VALUES
        and (tally.number("max_length", column.name) or 0) <= LONGEST
        and tally.nulls(column) < tally.rows
    ]
    return [name for _, name in sorted(able)[:MOST_CATEGORIES]]


def _is_category(column: Column) -> bool:
    return column.family in (Family.TEXT, Family.BOOLEAN) or kind_of(column) is Kind.INTEGER


def _first_sql(tally: Tally, span: Window, first: Sequence[Interval], asked: Asked) -> str:
    """Some of the rows of the first buckets, the same ones each time."""
    interval = Interval(start=first[0].start, end=first[-1].end)
    inside = within_sql(span.column.name, kind_of(span.column), interval, tally.dialect)
    items = asked.cells(tally, span)
    return select(
        items,
        relation(tally.dataset.ref, tally.dialect),
        where=[inside],
        order=[asked.draw(tally, span), *(str(at + 1) for at in range(len(items)))],
        limit=ROWS_AT_FIRST,
        dialect=tally.dialect,
    )


def _chosen(before: Beside | None, names: Sequence[str], by: Sequence[str], sample: Sample) -> Beside:
    """Each number with what leaves least of it: the others, or a category; of what was chosen before, what is missing."""
    from tidegate.detect.given import CLEARLY

    if before is not None and before.given is not None:
        return before
    more = _given(names, by, sample)
    if before is None:
        found = _Found.of(names, sample)
        best = [n for n, one in found.follow.items() if n not in more or more[n][1] > CLEARLY * one.share]
        before = Beside.of(found.only(best).written)
    given = {name: one for name, (one, _) in more.items() if name not in before.follow}
    return replace(before, given=given)


def _timed(chosen: Beside, names: Sequence[str], sample: Sample) -> Together:
    """The times that follow from numbers and other times, and the numbers that nothing else explains."""
    found = _Found.of(names, sample)
    return found.only([name for name in found.follow if name not in (*chosen.follow, *chosen.by_category)])


class _Found(NamedTuple):
    """Columns that can be looked at together, on which scale, and which of them follow from the others."""

    names: Sequence[str]
    scale: Scale | None
    follow: Mapping[str, Follows]

    @classmethod
    def of(cls, names: Sequence[str], sample: Sample) -> _Found:
        import numpy as np

        from tidegate.detect import others

        able = others.able(sample.cells)
        early = others.whole(sample.cells[:, able])
        if len(able) < 2 or not len(early):
            return cls((), None, {})
        scale = others.scale(early)
        there = np.isfinite(sample.cells[:, able]).all(axis=1)
        found = others.followers(scale.even(early), sample.batch[there])
        known = [names[at] for at in able]
        return cls(known, scale, {known[at]: one for at, one in found.items()})

    def only(self, follow: Collection[str]) -> Together:
        """As it is kept, with some of those that follow."""
        if self.scale is None or not follow:
            return Together()
        return Together(
            follow={name: one.usual for name, one in self.follow.items() if name in follow},
            names=tuple(self.names),
            middle=tuple(self.scale.middle.tolist()),
            wide=tuple(self.scale.wide.tolist()),
        )


def _given(names: Sequence[str], by: Sequence[str], sample: Sample) -> dict[str, tuple[ByCategory, float]]:
    """By number, the category that leaves least of it, and how much."""
    from tidegate.detect import given

    found: dict[str, tuple[ByCategory, float]] = {}
    for at, name in enumerate(names):
        values = sample.cells[:, at]
        if not given.is_able(values):
            continue
        for codes, column in zip(sample.codes, by, strict=True):
            told = given.follows(codes, values, sample.batch) if column != name else None
            if told is not None and (name not in found or told.share < found[name][1]):
                found[name] = ByCategory(column, told.size), told.share
    return found


def _numbers(cells: Floats) -> Floats:
    """Without infinities, and without numbers whose square would be one."""
    import numpy as np

    return np.where(np.abs(np.nan_to_num(cells, nan=0.0)) < 1e150, cells, np.nan)
