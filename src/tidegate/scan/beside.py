"""Numbers beside the rest of their row: which follow from the other numbers or from a category, and how many rows of a bucket no longer do.

Told from the first buckets, and kept. What is left of a number is worked out from a sample of rows, by the relation to the others that
the buckets before had (`detect.others`), or by what its category had in them (`detect.given`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

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

MOST_NUMBERS: Final = 20
"""Numbers that are looked at together. Chosen, not derived, as what follows."""

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
class Beside:
    """`follow` has of each number that follows from the others how much is usually left of it. `names` are all numbers that are
    looked at together, with their `middle` and spread (`wide`); none where none follows. `given` has the numbers that follow from a
    category, and is None where that was not asked yet: it was chosen before categories were looked at.
    """

    follow: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    middle: tuple[float, ...] = ()
    wide: tuple[float, ...] = ()
    given: Mapping[str, ByCategory] | None = None

    def __str__(self) -> str:
        """As it is kept."""
        said: dict[str, object] = {"follow": dict(self.follow), "names": self.names}
        said |= {"middle": self.middle, "wide": self.wide}
        if self.given is not None:
            said["given"] = {name: [by.column, by.size] for name, by in self.given.items()}
        return json.dumps(said, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Beside:
        """The same from what was kept, by any release."""
        said = json.loads(text)
        given = {name: ByCategory(*by) for name, by in said["given"].items()} if "given" in said else None
        return cls(
            follow=said["follow"], given=given, **{name: tuple(said[name]) for name in ("names", "middle", "wide")}
        )

    @property
    def by_category(self) -> Mapping[str, ByCategory]:
        """The numbers that follow from a category; none where that was not asked yet."""
        return self.given if self.given is not None else {}

    @property
    def numbers(self) -> list[str]:
        """All numbers whose values are read."""
        return list(dict.fromkeys([*self.names, *self.by_category]))

    @property
    def categories(self) -> list[str]:
        """All categories whose values are read."""
        return list(dict.fromkeys(by.column for by in self.by_category.values()))

    def is_of(self, numbers: Sequence[str], columns: Sequence[str]) -> bool:
        """Whether all that was chosen is still there."""
        return {*self.numbers} <= {*numbers} and {*self.categories} <= {*columns}


def kept_beside(known: Grid | None) -> Beside | None:
    """What was chosen in the version that this one began as; None when nothing was."""
    written = kept_choice(known, "beside")
    return None if written is None else Beside.read(written)


def beside(tally: Tally, span: Window, found: Sequence[Interval]) -> Plan[Beside | None]:
    """What was chosen, else what the first buckets tell; None while these are too few.

    What was chosen before categories were looked at stays, and what follows from these is added.

    Args:
        found: the buckets with rows, oldest first.
    """
    able = [column.name for column in infer.measures(tally)]
    names = _first_ones(tally, able)
    before = kept_beside(tally.options.known)
    if before is not None and not before.is_of(able, [column.name for column in tally.dataset.columns]):
        before = None
    first = teaching(tally, found)
    if (before is not None and before.given is not None) or len(first) < FIRST:
        return before
    by = _categories(tally, span)
    if not names or len(names) + len(by) < 2:
        return replace(before or Beside(), given={})
    asked = Asked(names, by)
    rows = yield tally.statement("numbers: first buckets", _first_sql(tally, span, first, asked))
    sample = Sample.of(rows, asked, [int(interval.start.timestamp()) for interval in first])
    sample = sample._replace(cells=_numbers(sample.cells))
    if before is None:
        return _chosen(names, by, sample)
    more = _given(names, by, sample)
    return replace(before, given={name: one for name, (one, _) in more.items() if name not in before.follow})


def _first_ones(tally: Tally, able: Sequence[str]) -> Sequence[str]:
    names = able[:MOST_NUMBERS]
    if len(able) > len(names):
        tally.notes.append(
            f"{tally.dataset.ref}: {len(able) - len(names)} of {len(able)} numbers are not looked at beside the others of their"
            f" row, which is done for the first {MOST_NUMBERS}"
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


def _chosen(names: Sequence[str], by: Sequence[str], sample: Sample) -> Beside:
    """Each number with what leaves least of it: the others, or a category."""
    import numpy as np

    from tidegate.detect import others
    from tidegate.detect.given import CLEARLY

    more = _given(names, by, sample)
    able = others.able(sample.cells)
    early = others.whole(sample.cells[:, able])
    if len(able) < 2 or not len(early):
        return Beside(given={name: one for name, (one, _) in more.items()})
    scale = others.scale(early)
    there = np.isfinite(sample.cells[:, able]).all(axis=1)
    found = others.followers(scale.even(early), sample.batch[there])
    follow = {names[able[at]]: one for at, one in found.items()}
    best = {name: one.usual for name, one in follow.items() if name not in more or more[name][1] > CLEARLY * one.share}
    return Beside(
        follow=best,
        names=tuple(names[at] for at in able) if best else (),
        middle=tuple(scale.middle.tolist()) if best else (),
        wide=tuple(scale.wide.tolist()) if best else (),
        given={name: one for name, (one, _) in more.items() if name not in best},
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
