"""Rows without a time: no bucket has them, so what a bucket lost says nothing of where they went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tidegate.detect import snapshots, words
from tidegate.detect.history import DetectSettings, TableHistory
from tidegate.model import Band, Finding, Layer, Measurement, MetricSpec

# Chosen, not derived: beyond so many times as many as any version brought, and as were among those that came, they are news.
TIMES = 1.5

Counts = tuple[float, float]
"""Rows without a time, and all rows."""


def judge(history: TableHistory, settings: DetectSettings) -> list[Finding]:
    """Tell of rows without a time that came with this version, where earlier ones brought fewer and a smaller share.

    As many as would hold for another column that became NULL hold; a few are told where there were none.
    """
    past = [found for numbers in snapshots.past(history) if (found := counts(history, numbers)) is not None]
    now = counts(history, history.current)
    if now is None or not past:
        return []
    (fresh, brought), steps = came(past[-1], now), [came(old, new) for old, new in pairwise(past)]
    most = max((undated for undated, _ in steps), default=0.0)
    usual = sum(undated for undated, _ in (past[0], *steps)) / max(sum(rows for _, rows in (past[0], *steps)), 1.0)
    if fresh <= TIMES * most or fresh <= TIMES * usual * brought:
        return []
    enough = fresh >= settings.least_rows / 2 and fresh >= settings.least_share * brought
    if usual and not enough:
        return []
    holds = enough and (not usual or len(past) >= settings.min_history)
    return [finding(history, past, now, (fresh, brought), most, holds=holds)]


def counts(history: TableHistory, numbers: Sequence[Measurement]) -> Counts | None:
    """What a version has; None where it does not tell."""
    found = {
        m.spec.metric: float(m.value)
        for m in numbers
        if m.spec in (undated_rows(history), MetricSpec(dataset=history.dataset.ref, metric="row_count"))
        and isinstance(m.value, (int, float))
    }
    return (found["null_count"], found["row_count"]) if len(found) == 2 else None


def undated_rows(history: TableHistory) -> MetricSpec:
    """The number of rows without a time."""
    return MetricSpec(dataset=history.dataset.ref, metric="null_count", column=history.time_column)


def came(old: Counts, new: Counts) -> Counts:
    """What a version brought, as far as totals tell: at least the rows that lost their time."""
    fresh = max(0.0, new[0] - old[0])
    return fresh, max(fresh, new[1] - old[1])


def finding(
    history: TableHistory, past: Sequence[Counts], now: Counts, brought: Counts, most: float, *, holds: bool
) -> Finding:
    """The words of it; `observed` is the share in the whole table."""
    ref, time = history.dataset.ref, history.time_column
    shares = [undated / max(rows, 1.0) for undated, rows in past]
    share = brought[0] / max(brought[1], 1.0)
    before = words.buckets("version", len(past))
    return Finding(
        key=f"{ref}/nulls/{time}",
        kind="nulls",
        layer=Layer.DATA,
        dataset=ref,
        sentence=f"{ref} has {words.count(brought[0])} new rows without {time}, {words.percent(share)} of those that came:"
        f" no {history.grain or 'bucket'} has them; {before} before brought at most {words.count(most)} at once",
        holds=holds,
        column=time,
        spec=undated_rows(history),
        observed=now[0] / max(now[1], 1.0),
        expected=Band(
            low=min(shares),
            high=max(shares),
            centre=shares[-1],
            method="rule: rows that are in no bucket",
            points=len(past),
        ),
        since=f"load {', '.join(history.new_loads)}" if history.new_loads else "this version",
        hint=f"see whether the source stopped sending {time}, or a cast no longer reads it; sums by {history.grain or 'time'} lack these rows",
        affected_rows=round(brought[0]),
        affected_share=round(min(1.0, share), 4),
    )
