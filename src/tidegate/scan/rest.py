"""What is left of numbers in the rows of buckets, after the other numbers of their row or after their category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tidegate.metrics import relation, select
from tidegate.model import Interval
from tidegate.scan import clocks
from tidegate.scan.again import any_of, within
from tidegate.scan.beside import Beside, ByCategory, Together
from tidegate.scan.content import stretches
from tidegate.scan.drawn import Asked, Sample
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window, rows_within

if TYPE_CHECKING:
    from tidegate.detect.forecast import Floats
    from tidegate.detect.given import Codes

ROWS_OF_A_BUCKET: Final = 400
"""About so many rows of each bucket are looked at for what is left of a number."""

LEFT: Final = ("rest_count", "rest_median", "rest_far_count", "rest_most", "rest_wide")
"""What is measured here by a sample of rows."""

UNJUDGED: Final = "rest_unknown_count"
"""Rows of the sample whose category is too rare to judge them by, or new."""


def left(tally: Tally, span: Window, spans: Sequence[Window], found: Sequence[Interval], chosen: Beside) -> Plan[None]:
    """Measure what is left of each number that follows from others or from a category, in the buckets that lie in `spans`."""
    targets = within(spans, found)
    if not chosen.size or not targets:
        return
    from tidegate.detect import others

    taught = [at for at, i in enumerate(found) if not any(i.overlaps(u) for u in tally.options.untaught)]
    before = {at: [t for t in taught if t < at] for at in targets}
    judged = {at: past[-others.BACK :] for at, past in before.items() if len(past) >= others.FIRST}
    near = clocks.around(tally.options.zone, found, {at: before[at] for at in judged if chosen.has_times})
    if needed := _read(judged, {at: one.past for at, one in near.items()}):
        asked = Asked(chosen.measured, chosen.categories)
        rows = yield tally.statement("numbers", _sample_sql(tally, span, [found[at] for at in needed], asked))
        starts = [int(interval.start.timestamp()) for interval in found]
        sample = Sample.of(rows, asked, starts)
        for group in chosen.together:
            mine = near if group is chosen.times else {}
            _add_left(tally, found, judged, mine, group, sample.only(asked.places(group.names)))
        for name, by in chosen.by_category.items():
            _add_given(tally, found, judged, _Column.of(sample, asked, name, by))


def _sample_sql(tally: Tally, span: Window, needed: Sequence[Interval], asked: Asked) -> str:
    nth = rows_within(tally, span) // (ROWS_OF_A_BUCKET * span.buckets)
    where = [f"({any_of([span.cut(one) for one in stretches(needed)], tally.dialect)})"]
    where += [f"{asked.draw(tally, span)} % {nth} = 0"] if nth > 1 else []
    source = relation(tally.dataset.ref, tally.dialect)
    return select(asked.cells(tally, span), source, where=where, dialect=tally.dialect)


def _add_left(
    tally: Tally,
    found: Sequence[Interval],
    judged: Mapping[int, Sequence[int]],
    near: Mapping[int, clocks.Around],
    chosen: Together,
    sample: Sample,
) -> None:
    import numpy as np

    from tidegate.detect import others

    scale = others.Scale(np.array(chosen.middle), np.array(chosen.wide))
    group = _Group(chosen, scale.even(sample.cells), sample.batch)
    hours = clocks.hours(tally.dataset.columns, chosen.names, scale.wide)
    for at, past in judged.items():
        rows, weights = group.rows(at), group.weights(past)
        if at in near:
            rows, weights, moved = group.around(at, past, near[at], hours)
            if moved and at == len(found) - 1:
                clocks.told(tally, near[at], [chosen.names[i] for i in moved])
        for (name, usual), own in zip(chosen.follow.items(), weights, strict=True):
            told = others.left_of(rows, own, usual)
            if told is not None:
                tally.add_buckets([tally.spec(metric, name) for metric in LEFT], told, found[at])


@dataclass(frozen=True, slots=True)
class _Group:
    """Columns that are looked at together: their rows on an even scale, and what each bucket tells of their relation, worked out once."""

    chosen: Together
    even: Floats
    batch: Codes
    square: dict[int, Floats] = field(default_factory=dict)

    def rows(self, at: int) -> Floats:
        """The rows of a bucket."""
        found: Floats = self.even[self.batch == at]
        return found

    def weights(self, past: Sequence[int]) -> list[Floats]:
        """Of each that follows, what leads to expect it by the relation that some buckets had."""
        import numpy as np

        from tidegate.detect import others

        for at in past:
            if at not in self.square:
                self.square[at] = others.products(self.rows(at))
        size = len(self.chosen.names) + 1
        before = sum((self.square[at] for at in past), np.zeros((size, size)))
        return [others.solved(before, self.chosen.names.index(name)) for name in self.chosen.follow]

    def around(
        self, at: int, past: Sequence[int], near: clocks.Around, hours: Floats
    ) -> tuple[Floats, list[Floats], tuple[int, ...]]:
        """The rows of a bucket near a change of clocks, put right where that explains what is left, the weights to hold them against, and which times
        were an hour off.
        """
        import numpy as np

        from tidegate.detect import others

        rows, plain, other = self.rows(at), self.weights(past), self.weights(near.past)
        if not np.isfinite(other).all():
            return rows, plain, ()
        usual = list(self.chosen.follow.values())
        put, moved = others.without_hour(rows, other, usual, hours) if near.change is not None else (rows, ())
        before, after = (others.burden(*one, usual).sum() for one in ((rows, plain), (put, other)))
        return (put, other, moved) if after < others.EXPLAINED * before else (rows, plain, ())


def _read(*judged: Mapping[int, Sequence[int]]) -> list[int]:
    """The places of the buckets whose rows are needed, ascending."""
    return sorted({at for one in judged for place, past in one.items() for at in (place, *past)})


class _Column(NamedTuple):
    """The rows of a number and of the category that it follows from, in the order of their buckets."""

    name: str
    by: ByCategory
    batch: Codes
    codes: Codes
    even: Floats

    @classmethod
    def of(cls, sample: Sample, asked: Asked, name: str, by: ByCategory) -> _Column:
        """What was read of them, on the scale that was chosen."""
        import numpy as np

        from tidegate.detect import given

        order = np.argsort(sample.batch, kind="stable")
        codes = sample.codes[asked.categories.index(by.column)]
        even = given.bent(sample.cells[:, asked.numbers.index(name)], by.size)
        return cls(name, by, sample.batch[order], codes[order], even[order])


def _add_given(tally: Tally, found: Sequence[Interval], judged: Mapping[int, Sequence[int]], column: _Column) -> None:
    import numpy as np

    from tidegate.detect import given

    categories, places = int(column.codes.max(initial=-1)) + 1, np.arange(len(found) + 1)
    starts = np.searchsorted(column.batch, places)
    specs = [tally.spec(metric, column.name, argument=column.by.column) for metric in (*LEFT, UNJUDGED)]
    for at, past in judged.items():
        before = np.concatenate([np.arange(starts[t], starts[t + 1]) for t in past])
        usual = given.usual(
            column.codes[before], column.even[before], categories, least=given.LEAST_BEFORE, size=column.by.size
        )
        now = slice(starts[at], starts[at + 1])
        told = given.left_of(column.codes[now], column.even[now], usual)
        if told.left is not None:
            tally.add_buckets(specs, [*told.left, told.unjudged], found[at])
        elif told.unjudged:
            tally.add_buckets(specs[-1:], [told.unjudged], found[at])
