"""Rows of a bucket that one shortly before has too, but for their times: what came again under new dates.

Of each bucket the 256 least hashes of its rows are asked, without times and the loader's own columns, and held against those of
the three buckets with rows before it. Nothing of them is kept: the hashes of earlier buckets are asked again, of as few as it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
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
"""Rows times columns up to which rows are looked for again: 6 ns each. Chosen, not derived."""

BEFORE: Final = 3
"""So many buckets before each are looked through, as the judgement does."""

SHORTLY: Final = 7
"""The statement that shows such rows looks back so many lengths of a bucket, for there may be days without rows."""

AGAIN: Final = ("sampled_count", "again_count")
"""What is measured here."""


def telling(tally: Tally, span: Window, measured: frozenset[str]) -> list[Column]:
    """The columns that tell rows apart: those whose values tell whether a bucket changed, without times. None of a table
    that is too large, which is noted.
    """
    load = infer.load_column(tally)
    columns = [
        c
        for c in tally.dataset.columns
        if c.name in measured and c.family is not Family.TIME and c != load and not infer.LOADERS_OWN.search(c.name)
    ]
    if rows_within(tally, span) * len(columns) <= MOST_VALUES:
        return columns
    tally.notes.append(
        f"{tally.dataset.ref}: whether rows come again under new dates is not looked at, for it has more than"
        f" {MOST_VALUES // len(columns):,} rows since {span.interval.start:%Y-%m-%d}"
    )
    return []


def again(
    tally: Tally, span: Window, spans: Sequence[Window], found: Sequence[Interval], columns: Sequence[Column]
) -> Plan[None]:
    """Measure the buckets that lie in `spans`, of all that are `found` (oldest first)."""
    targets = within(spans, found)
    if not columns or not targets:
        return
    from tidegate.detect.traits import SKETCH, overlap

    needed = stretches(found[at] for target in targets for at in range(max(0, target - BEFORE), target + 1))
    sql = select(
        [span.key(tally.dialect), watch.rows_sketch_sql(columns, SKETCH)],
        relation(tally.dataset.ref, tally.dialect),
        where=[any_of([span.cut(one) for one in needed], tally.dialect)],
        group=["1"],
        dialect=tally.dialect,
    )
    rows = yield tally.statement("rows again", sql)
    known = {bucket_of(key, span): frozenset(cast("Sequence[int]", hashes)) for key, hashes in rows}
    sketches = [known.get(interval) for interval in found]
    specs = [tally.spec(metric) for metric in AGAIN]
    for target in targets:
        size = len(sketches[target] or ())
        tally.add_buckets(specs, [size, size * overlap(sketches, target)] if size else [0, None], found[target])


def again_sql(dataset: Dataset, interval: Interval, time: Column, *, dialect: str = "duckdb") -> str | None:
    """The rows of a bucket that came shortly before with other times; None of a table that has nothing but times."""
    columns = [c for c in dataset.columns if c.family is not Family.TIME and not infer.LOADERS_OWN.search(c.name)]
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
