"""What is left of numbers in the rows of buckets, after the other numbers of their row or after their category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tidegate.metrics import relation, select
from tidegate.model import Interval
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
    if needed := _read(judged):
        asked = Asked(chosen.measured, chosen.categories)
        rows = yield tally.statement("numbers", _sample_sql(tally, span, [found[at] for at in needed], asked))
        starts = [int(interval.start.timestamp()) for interval in found]
        sample = Sample.of(rows, asked, starts)
        for group in chosen.together:
            _add_left(tally, found, judged, group, sample.only(asked.places(group.names)))
        for name, by in chosen.by_category.items():
            _add_given(tally, found, judged, _Column.of(sample, asked, name, by))


def _sample_sql(tally: Tally, span: Window, needed: Sequence[Interval], asked: Asked) -> str:
    nth = rows_within(tally, span) // (ROWS_OF_A_BUCKET * span.buckets)
    where = [f"({any_of([span.cut(one) for one in stretches(needed)], tally.dialect)})"]
    where += [f"{asked.draw(tally, span)} % {nth} = 0"] if nth > 1 else []
    source = relation(tally.dataset.ref, tally.dialect)
    return select(asked.cells(tally, span), source, where=where, dialect=tally.dialect)


def _add_left(
    tally: Tally, found: Sequence[Interval], judged: Mapping[int, Sequence[int]], chosen: Together, sample: Sample
) -> None:
    import numpy as np

    from tidegate.detect import others

    scale = others.Scale(np.array(chosen.middle), np.array(chosen.wide))
    even = scale.even(sample.cells)
    of = {at: even[sample.batch == at] for at in _read(judged)}
    square = {at: others.products(of[at]) for at in {t for past in judged.values() for t in past}}
    for at, past in judged.items():
        relation_before = sum((square[t] for t in past), np.zeros((len(chosen.names) + 1,) * 2))
        for name, usual in chosen.follow.items():
            weights = others.solved(relation_before, chosen.names.index(name))
            told = others.left_of(of[at], weights, usual)
            if told is not None:
                tally.add_buckets([tally.spec(metric, name) for metric in LEFT], told, found[at])


def _read(judged: Mapping[int, Sequence[int]]) -> list[int]:
    """The places of the buckets whose rows are needed, ascending."""
    return sorted({*judged, *(at for past in judged.values() for at in past)})


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
