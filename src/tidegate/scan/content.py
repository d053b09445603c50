"""Which time buckets changed since a table was last scanned, told by a hash of each bucket's rows: only those are read
again for the history.

The hash of a bucket is the sum of 64-bit hashes of its rows, modulo a prime below 2⁶³; that two different sets of rows
share it has a probability of 1 in 9 × 10¹⁸. It is kept as a number of the bucket, together with a digest of
what is measured there: when that changes, every bucket is scanned again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, TypeAlias

from tidegate.metrics import quoted, relation, select
from tidegate.model import Grid, Interval, MetricSpec
from tidegate.scan import infer
from tidegate.scan.grain import moment
from tidegate.scan.merging import Item, Merge
from tidegate.scan.options import Plan
from tidegate.scan.pieces import table
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window

PRIME: Final = 9_223_372_036_854_775_783
"""The greatest below 2⁶³, so that every store can keep the sum."""

MOST_STRETCHES: Final = 8
"""Stretches of time that one statement asks for; the narrowest gaps are closed until there are no more. Chosen, not derived."""

EVER: Final = Interval(start=datetime(1000, 1, 1, tzinfo=UTC), end=datetime(9999, 1, 1, tzinfo=UTC))
"""The buckets of which hashes are kept of pieces, whatever the window is at the time."""

EVER_IN_NANOSECONDS: Final = Interval(start=datetime(1678, 1, 1, tzinfo=UTC), end=datetime(2262, 1, 1, tzinfo=UTC))
"""The same where times are kept in nanoseconds, of which 64 bits hold no more."""

OVERTAKEN: Final = -1
"""The hash of a bucket of which other numbers were measured since, by another recipe: no rows have it, so that the old one, come back, measures it anew."""

Contents: TypeAlias = Mapping[Interval, int]


def recipe(parts: Iterable[str]) -> str:
    """A short digest of the SQL that measures a bucket."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


def filled(tally: Tally, span: Window) -> Plan[Sequence[Interval]]:
    """The buckets that have rows, oldest first: a pass over the times alone, once in a scan."""
    if tally.filled is not None:
        return tally.filled
    sql = select(
        [f"DISTINCT {span.key(tally.dialect)}"],
        relation(tally.dataset.ref, tally.dialect),
        where=[span.condition(tally.dialect)],
        order=["1"],
        dialect=tally.dialect,
    )
    rows = yield tally.statement("buckets", sql)
    tally.filled = [bucket_of(key, span) for (key,) in rows]
    return tally.filled


def contents(tally: Tally, span: Window, measured: Container[str]) -> Plan[dict[Interval, int]]:
    """Ask the hash of every bucket that has rows, oldest first.

    A column counts with its values where numbers of a bucket are `measured` from them, else with its NULLs where it has
    some; the loader's own only with NULLs. Hashing a text costs 30 ns, so that many of them would cost what they save.
    """
    parts = []
    for column in tally.dataset.columns:
        name, own = quoted(column.name, tally.dialect), infer.LOADERS_OWN.search(column.name)
        if column == span.column or (column.name in measured and not own):
            parts.append(name)
        elif 0 < tally.nulls(column) < tally.rows:
            parts.append(f"{name} IS NULL")
    row = f"HASH({', '.join(parts)})"
    total = f"CAST(SUM(CAST({row} AS HUGEINT)) % {PRIME} AS BIGINT)"
    source = relation(tally.dataset.ref, tally.dialect)
    if tally.options.pieces:
        nanoseconds = span.column.type.upper() == "TIMESTAMP_NS"
        items = [Item(span.key(tally.dialect), Merge.KEY), Item(total, Merge.SUM)]
        ever = span.cut(EVER_IN_NANOSECONDS if nanoseconds else EVER)
        kept = yield from table(tally, "contents", items, source, where=[ever.condition(tally.dialect)])
        found = {bucket_of(key, span): int(str(value)) % PRIME for key, value in kept}
        return {one: found[one] for one in sorted(found) if one.start in span.interval}
    sql = select(
        [span.key(tally.dialect), total],
        source,
        where=[span.condition(tally.dialect)],
        group=["1"],
        order=["1"],
        dialect=tally.dialect,
    )
    rows = yield tally.statement("contents", sql)
    return {bucket_of(key, span): int(str(value)) for key, value in rows}


def bucket_of(key: object, span: Window) -> Interval:
    """The bucket that the engine named by the seconds of its start."""
    start = moment(float(str(key)))
    if start is None:
        raise ValueError(f"the engine put a row outside the window, at {key}")
    return span.bucket(start)


def reopened(found: Contents, known: Grid | None, spec: MetricSpec, span: Window) -> frozenset[Interval] | None:
    """The buckets whose rows changed, came or went since the window's start; None when nothing comparable is known."""
    before = _contents_in(known, spec)
    if not before:
        return None
    changed = {interval for interval, value in found.items() if before.get(interval) != value}
    went = {interval for interval in before if interval not in found and interval.start >= span.interval.start}
    return frozenset(changed | went)


def overtaken(
    known: Grid | None, spec: MetricSpec, opened: Iterable[Interval]
) -> Iterator[tuple[MetricSpec, Interval]]:
    """What earlier recipes are known to have found in buckets that are measured by another one now."""
    of_others = [] if known is None else [one for one in known.specs if one.metric == spec.metric and one != spec]
    buckets = frozenset(opened)
    for one in of_others:
        yield from ((one, i) for i, value in _contents_in(known, one).items() if i in buckets and value != OVERTAKEN)


def _contents_in(known: Grid | None, spec: MetricSpec) -> dict[Interval, object]:
    if known is None or spec not in known.specs:
        return {}
    place = known.specs.index(spec)
    return {
        known.intervals[bucket]: value
        for series, bucket, value in zip(known.series, known.buckets, known.values, strict=True)
        if series == place
    }


def stretches(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time in as few stretches as touch, and at most MOST_STRETCHES: the narrowest gaps are closed."""
    joined: list[Interval] = []
    for interval in sorted(intervals, key=lambda i: i.start):
        if joined and interval.start <= joined[-1].end:
            joined[-1] = Interval(start=joined[-1].start, end=max(joined[-1].end, interval.end))
        else:
            joined.append(interval)
    while len(joined) > MOST_STRETCHES:
        gaps = [after.start - before.end for before, after in pairwise(joined)]
        at = gaps.index(min(gaps))
        joined[at : at + 2] = [Interval(start=joined[at].start, end=joined[at + 1].end)]
    return joined


def vanished(
    tally: Tally, scanned: frozenset[Interval], starts: Sequence[datetime]
) -> tuple[tuple[MetricSpec, Interval], ...]:
    """The numbers that were known of buckets that were scanned again, and did not come.

    Copies of rows are looked for in the newest buckets only, so they vanish with their bucket's rows alone.
    """
    known = tally.options.known
    if known is None:
        return ()
    came = {(m.spec, m.interval) for m in tally.bucketed if m.interval in scanned}
    filled = frozenset(starts)
    again = {at for at, interval in enumerate(known.intervals) if interval in scanned}
    cells = (
        (known.specs[s], known.intervals[b]) for s, b in zip(known.series, known.buckets, strict=True) if b in again
    )
    return tuple(
        (spec, interval)
        for spec, interval in cells
        if (spec, interval) not in came and not (spec.metric == "duplicate_rows" and interval.start in filled)
    )
