"""Numbers beside the others of their row: which follow from these, and how many rows of a bucket no longer do.

Told from the first buckets, and kept. What is left of a number after the others is worked out from a sample of rows, by the relation that
the buckets before had (`detect.others`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tidegate.metrics import kind_of, quoted, relation, select
from tidegate.model import Grid, Interval
from tidegate.scan import infer
from tidegate.scan.again import any_of, within
from tidegate.scan.choice import kept_choice
from tidegate.scan.content import stretches
from tidegate.scan.grain import within_sql
from tidegate.scan.options import Plan, Rows
from tidegate.scan.relations import FIRST, teaching
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window, rows_within

if TYPE_CHECKING:
    from tidegate.detect.forecast import Floats

MOST_NUMBERS: Final = 20
"""Numbers that are looked at together. Chosen, not derived, as what follows."""

ROWS_AT_FIRST: Final = 5_000
"""Rows of the first buckets from which it is chosen."""

ROWS_OF_A_BUCKET: Final = 400
"""About so many rows of each bucket are looked at for what is left of a number."""

LEFT: Final = ("rest_count", "rest_median", "rest_far_count")
"""What is measured here by a sample of rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """`follow` has of each number that follows from the others how much is usually left of it. `names` are all numbers that are
    looked at together, with their `middle` and spread (`wide`); none where none follows.
    """

    follow: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    middle: tuple[float, ...] = ()
    wide: tuple[float, ...] = ()

    def __str__(self) -> str:
        """As it is kept."""
        said = {"follow": dict(self.follow), "names": self.names, "middle": self.middle, "wide": self.wide}
        return json.dumps(said, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Beside:
        """The same from what was kept."""
        said = json.loads(text)
        return cls(follow=said["follow"], **{name: tuple(said[name]) for name in ("names", "middle", "wide")})


def kept_beside(known: Grid | None) -> Beside | None:
    """What was chosen in the version that this one began as; None when nothing was."""
    written = kept_choice(known, "beside")
    return None if written is None else Beside.read(written)


def beside(tally: Tally, span: Window, found: Sequence[Interval]) -> Plan[Beside | None]:
    """What was chosen, else what the first buckets tell; None while these are too few.

    Args:
        found: the buckets with rows, oldest first.
    """
    able = [column.name for column in infer.measures(tally)]
    names = able[:MOST_NUMBERS]
    if len(able) > len(names):
        tally.notes.append(
            f"{tally.dataset.ref}: {len(able) - len(names)} of {len(able)} numbers are not looked at beside the others of their"
            f" row, which is done for the first {MOST_NUMBERS}"
        )
    before = kept_beside(tally.options.known)
    if before is not None and {*before.names} <= {*able}:
        return before
    first = teaching(tally, found)
    if len(first) < FIRST:
        return None
    if len(names) < 2:
        return Beside()
    rows = yield tally.statement("numbers: first buckets", _first_sql(tally, span, first, names))
    return _chosen(names, rows, [int(interval.start.timestamp()) for interval in first])


def _first_sql(tally: Tally, span: Window, first: Sequence[Interval], names: Sequence[str]) -> str:
    """Some of the rows of the first buckets, the same ones each time."""
    interval = Interval(start=first[0].start, end=first[-1].end)
    inside = within_sql(span.column.name, kind_of(span.column), interval, tally.dialect)
    order = [_draw(tally, span, names), "1", *(str(at + 2) for at in range(len(names)))]
    return select(
        _cells(tally, span, names),
        relation(tally.dataset.ref, tally.dialect),
        where=[inside],
        order=order,
        limit=ROWS_AT_FIRST,
        dialect=tally.dialect,
    )


def _cells(tally: Tally, span: Window, names: Sequence[str]) -> list[str]:
    return [span.key(tally.dialect), *(f"CAST({quoted(name, tally.dialect)} AS DOUBLE)" for name in names)]


def _draw(tally: Tally, span: Window, names: Sequence[str]) -> str:
    return f"HASH({', '.join(quoted(name, tally.dialect) for name in (span.column.name, *names))})"


def _chosen(names: Sequence[str], rows: Rows, starts: Sequence[int]) -> Beside:
    import numpy as np

    from tidegate.detect import others

    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(names) + 1)
    table = table[np.isin(table[:, 0], starts)]
    batch, cells = np.searchsorted(np.array(starts), table[:, 0]), _numbers(table[:, 1:])
    able = others.able(cells)
    early = others.whole(cells[:, able])
    if len(able) < 2 or not len(early):
        return Beside()
    scale = others.scale(early)
    there = np.isfinite(cells[:, able]).all(axis=1)
    follow = others.followers(scale.even(early), batch[there])
    if not follow:
        return Beside()
    return Beside(
        follow={names[able[at]]: usual for at, usual in follow.items()},
        names=tuple(names[at] for at in able),
        middle=tuple(scale.middle.tolist()),
        wide=tuple(scale.wide.tolist()),
    )


def _numbers(cells: Floats) -> Floats:
    """Without infinities, and without numbers whose square would be one."""
    import numpy as np

    return np.where(np.abs(np.nan_to_num(cells, nan=0.0)) < 1e150, cells, np.nan)


def left(tally: Tally, span: Window, spans: Sequence[Window], found: Sequence[Interval], chosen: Beside) -> Plan[None]:
    """Measure what is left of each number that follows from others, in the buckets that lie in `spans`."""
    targets = within(spans, found)
    if not chosen.follow or not targets:
        return
    from tidegate.detect import others

    taught = [at for at, i in enumerate(found) if not any(i.overlaps(u) for u in tally.options.untaught)]
    before = {at: [t for t in taught if t < at] for at in targets}
    judged = {at: past[-others.BACK :] for at, past in before.items() if len(past) >= others.FIRST}
    needed = sorted({*judged, *(at for past in judged.values() for at in past)})
    if needed:
        rows = yield tally.statement("numbers", _sample_sql(tally, span, [found[at] for at in needed], chosen.names))
        _add_left(tally, found, judged, chosen, rows)


def _sample_sql(tally: Tally, span: Window, needed: Sequence[Interval], names: Sequence[str]) -> str:
    nth = rows_within(tally, span) // (ROWS_OF_A_BUCKET * span.buckets)
    where = [f"({any_of([span.cut(one) for one in stretches(needed)], tally.dialect)})"]
    where += [f"{_draw(tally, span, names)} % {nth} = 0"] if nth > 1 else []
    source = relation(tally.dataset.ref, tally.dialect)
    return select(_cells(tally, span, names), source, where=where, dialect=tally.dialect)


def _add_left(
    tally: Tally, found: Sequence[Interval], judged: Mapping[int, Sequence[int]], chosen: Beside, rows: Rows
) -> None:
    import numpy as np

    from tidegate.detect import others

    scale = others.Scale(np.array(chosen.middle), np.array(chosen.wide))
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(chosen.names) + 1)
    starts, even = table[:, 0], scale.even(table[:, 1:])
    of = {at: even[starts == interval.start.timestamp()] for at, interval in enumerate(found)}
    square = {at: others.products(of[at]) for at in {t for past in judged.values() for t in past}}
    for at, past in judged.items():
        relation_before = sum((square[t] for t in past), np.zeros((len(chosen.names) + 1,) * 2))
        for name, usual in chosen.follow.items():
            weights = others.solved(relation_before, chosen.names.index(name))
            told = others.left_of(of[at], weights, usual)
            if told is not None:
                tally.add_buckets([tally.spec(metric, name) for metric in LEFT], told, found[at])
