"""Rows of a bucket that one shortly before has too, but for their times: what came again under new dates.

Of each bucket the 256 least hashes of its rows are asked, without times and the loader's own columns, and held against those of
the three buckets with rows before it; once more without ids, which a source that numbers its rows anew gives them. Nothing of
them is kept: the hashes of earlier buckets are asked again, of as few as it takes.
What a scan reads is limited, and not how large the table is: of many buckets at once the newest are asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from tidegate.metrics import kind_of, quoted, relation, select
from tidegate.model import Column, Dataset, Family, Interval
from tidegate.scan import infer, watch
from tidegate.scan.content import bucket_of, stretches
from tidegate.scan.grain import within_sql
from tidegate.scan.options import Plan
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window, rows_within

MOST_VALUES: Final = 50_000_000
"""Rows times columns up to which rows are looked for again, beyond the newest bucket and those before it: 8 ns each. Chosen, not derived."""

BEFORE: Final = 3
"""So many buckets before each are looked through, as the judgement does."""

SHORTLY: Final = 7
"""The statement that shows such rows looks back so many lengths of a bucket, for there may be days without rows."""

AGAIN: Final = ("sampled_count", "again_count")
"""What is measured here."""


OF_AN_ID: Final = 0.5
"""A key with so many different values, as a share of the rows, numbers rows (or orders of a few) and is an id. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """The columns that tell rows apart, without times; `ids` are those of them that number the rows."""

    columns: Sequence[Column] = ()
    ids: Sequence[Column] = ()

    @property
    def written(self) -> list[str]:
        """What of it changes the numbers of a bucket."""
        return [*(c.name for c in self.columns), *([without(self.ids)] if self.ids else ())]

    def looks(self, size: int) -> list[tuple[str | None, str]]:
        """The ways to look at rows, by the argument of their numbers, each with the least `size` hashes: whole, and without ids where something else is left.

        The hash without ids is part of the other one, so that the engine works it out once.
        """
        rest = [c for c in self.columns if c not in self.ids]
        if not (self.ids and rest):
            return [(None, watch.rows_sketch_sql(self.columns, size))]
        of_rest = f"HASH({', '.join(quoted(c.name) for c in rest)})"
        whole = f"HASH({', '.join([of_rest, *(quoted(c.name) for c in self.ids)])})"
        return [(None, f"MIN({whole}, {size})"), (without(self.ids), f"MIN({of_rest}, {size})")]


def without(ids: Sequence[Column]) -> str:
    """What a number is called that leaves ids out."""
    return json.dumps([c.name for c in ids], ensure_ascii=False)


def telling(tally: Tally, measured: frozenset[str]) -> Telling:
    """The columns that tell rows apart: those whose values tell whether a bucket changed, without times."""
    load = infer.load_column(tally)
    columns = [
        c
        for c in tally.dataset.columns
        if c.name in measured and c.family is not Family.TIME and c != load and not infer.LOADERS_OWN.search(c.name)
    ]
    return Telling(columns=columns, ids=[c for c in columns if _is_id(tally, c)])


def _is_id(tally: Tally, column: Column) -> bool:
    distinct = tally.number("distinct_count", column.name) or 0.0
    return infer.is_key(tally, column) and distinct >= OF_AN_ID * max(tally.rows - tally.nulls(column), 1)


def again(tally: Tally, span: Window, spans: Sequence[Window], found: Sequence[Interval], rows: Telling) -> Plan[None]:
    """Measure the buckets that lie in `spans`, of all that are `found` (oldest first)."""
    targets = newest(
        tally,
        span,
        found,
        within(spans, found),
        len(rows.columns),
        most=MOST_VALUES,
        looked="whether rows come again under new dates is looked at",
        read=lambda some: len(_read(some)),
    )
    if not rows.columns or not targets:
        return
    from tidegate.detect.traits import SKETCH, overlap

    looks = rows.looks(SKETCH)
    needed = stretches(found[at] for at in _read(targets))
    sql = select(
        [span.key(tally.dialect), *(sketch for _, sketch in looks)],
        relation(tally.dataset.ref, tally.dialect),
        where=[any_of([span.cut(one) for one in needed], tally.dialect)],
        group=["1"],
        dialect=tally.dialect,
    )
    asked = yield tally.statement("rows again", sql)
    for place, (left_out, _) in enumerate(looks):
        known = {bucket_of(row[0], span): frozenset(cast("Sequence[int]", row[1 + place])) for row in asked}
        sketches = [known.get(interval) for interval in found]
        specs = [tally.spec(metric, argument=left_out) for metric in AGAIN]
        for target in targets:
            size = len(sketches[target] or ())
            tally.add_buckets(specs, [size, size * overlap(sketches, target)] if size else [0, None], found[target])


def _read(targets: Sequence[int]) -> set[int]:
    """The places of the buckets that it takes: each, and those before it."""
    return {at for target in targets for at in range(max(0, target - BEFORE), target + 1)}


def newest(
    tally: Tally,
    span: Window,
    found: Sequence[Interval],
    targets: Sequence[int],
    columns: int,
    *,
    most: int,
    looked: str,
    read: Callable[[Sequence[int]], int] = len,
) -> Sequence[int]:
    """As many of the newest buckets as can be asked for, one at least; that older ones are not is noted.

    Args:
        most: rows times columns that may be read.
        looked: what is looked at, for the note.
        read: how many buckets it takes to measure some.
    """
    of_a_bucket = rows_within(tally, span) * columns / max(1, len(found))
    first = 0
    while len(targets) - first > 1 and read(targets[first:]) * of_a_bucket > most:
        first += 1
    if first:
        tally.notes.append(
            f"{tally.dataset.ref}: {looked} since {found[targets[first]].start:%Y-%m-%d}, for before that are more than"
            f" {most // columns:,} rows"
        )
    return targets[first:]


def again_sql(
    dataset: Dataset, interval: Interval, time: Column, left_out: str | None = None, *, dialect: str = "duckdb"
) -> str | None:
    """The rows of a bucket that came shortly before with other times; None of a table that has nothing but times.

    Args:
        left_out: the columns beside times that may differ, as `without` writes them.
    """
    ids = frozenset(json.loads(left_out)) if left_out else frozenset()
    columns = [c for c in dataset.columns if c.family is not Family.TIME and not infer.LOADERS_OWN.search(c.name)]
    columns = [c for c in columns if c.name not in ids]
    if not columns:
        return None
    row = f"HASH({', '.join(quoted(c.name, dialect) for c in columns)})"
    source, kind = relation(dataset.ref, dialect), kind_of(time)
    shortly = Interval(start=interval.start - SHORTLY * (interval.end - interval.start), end=interval.start)
    before, inside = (within_sql(time.name, kind, span, dialect) for span in (shortly, interval))
    had = select([row], source, where=[before], dialect=dialect)
    return select(["*"], source, where=[inside, f"{row} IN ({had})"], dialect=dialect)


def within(spans: Sequence[Window], found: Sequence[Interval]) -> list[int]:
    """The places of the buckets that lie in some stretches."""
    return [at for at, interval in enumerate(found) if any(interval.start in span.interval for span in spans)]


def any_of(spans: Sequence[Window], dialect: str) -> str:
    """The SQL condition that a row lies in one of some stretches."""
    return " OR ".join(f"({span.condition(dialect)})" for span in spans)
