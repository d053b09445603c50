"""Freshness: buckets that are over and have no rows yet, compared with how late rows were at earlier runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from tidegate.detect import snapshots, words
from tidegate.detect.excuse import excuse
from tidegate.detect.forecast import Flags
from tidegate.detect.history import DetectSettings, TableHistory, infer_grain
from tidegate.detect.panel import Panel, made_up, made_up_after, place
from tidegate.model import Band, Finding, Grid, Interval, Layer, Measurement

RESTS = 0.25
"""A weekday (an hour) that had rows in no more than this share of its last weeks (days) is one on which the table rests."""

CYCLES = 3
"""So many of a season must be known before the table is said to rest in a part of it. Chosen, not derived, like both others."""

SOME_RUNS = 8
"""From this many earlier runs on, the latest of them is believed; before, gaps in the table's own past are allowed for."""


AHEAD = 1
"""The bucket that goes on is so far after the newest one that is over; a row that lies further ahead lies in the future."""


@dataclass(frozen=True, slots=True)
class Working:
    """In which parts of the week (or day) a table has rows at all: `parts` by place modulo its length."""

    parts: Flags

    @classmethod
    def of(cls, panel: Panel, total: int) -> Working:
        """Look at the longest season of which enough is known; where there is none, the table never rests."""
        filled = panel.values[total] > 0
        last = place(panel.intervals[-1], panel.grain, panel.offset)
        known = filled[panel.first_known :]
        for length in sorted((length for length, _ in panel.seasons), reverse=True):
            if known.size >= CYCLES * length:
                at = (last - np.arange(known.size)[::-1]) % length
                came = np.bincount(at, weights=known, minlength=length)
                parts = came > RESTS * np.bincount(at, minlength=length)
                return cls(parts) if parts.any() else cls(np.ones(1, dtype=bool))
        return cls(np.ones(1, dtype=bool))

    def is_at(self, at: int) -> bool:
        """Whether rows are usual at a place."""
        return bool(self.parts[at % self.parts.size])

    def after(self, first: int, last: int) -> int:
        """How many places after the first, up to the last, usually have rows; 0 where there are none. O(length of the season)."""
        if last <= first:
            return 0
        cycles, rest = divmod(last - first, self.parts.size)
        return cycles * int(self.parts.sum()) + sum(self.is_at(at) for at in range(last - rest + 1, last + 1))


def judge(panel: Panel, history: TableHistory, *, now: datetime, settings: DetectSettings) -> list[Finding]:
    """One finding when more closed buckets are empty than at any earlier run; nothing on the first run.

    Not counted are buckets in which the table rests: a day without rows is missed on the day after it, weekends or not.
    """
    total = panel.row("row_count")
    if total is None:
        return []
    working = Working.of(panel, total)
    before, unknown = lags(panel, history, working)
    if not before and not unknown:
        return []
    start = max(panel.first_known, panel.values.shape[1] - settings.most_points)
    first = place(panel.intervals[start], panel.grain, panel.offset)
    past = panel.values[total, start:]
    past = past[[working.is_at(first + n) for n in range(past.size)]]
    known = past[~np.isnan(past)]
    usual = float(np.median(known)) if known.size else 0.0
    if panel.values.shape[1] - panel.first_known < settings.min_history or usual < settings.least_rows / 4:
        return []
    lag = working.after(newest_place(panel, history, now), closed_place(now, panel))
    allowed = max(before, default=0)
    if len(before) < SOME_RUNS:
        allowed = max(allowed, min(before, default=0) + longest_gap(past))
    missing = lag - allowed
    return [finding(panel, history, working, lag, allowed, usual, len(before), settings)] if missing >= 1 else []


def lags(panel: Panel, history: TableHistory, working: Working) -> tuple[list[int], int]:
    """At each earlier run: how many closed buckets that usually have rows lay after the newest row; and at how many runs that
    is not known, because the newest row lay in the future.
    """
    out, unknown = [], 0
    for numbers in snapshots.past(history)[-30:]:
        found = next((m for m in numbers if m.spec.metric == "max" and is_newest(m, history)), None)
        if found is None:
            continue
        newest, closed = time_place(float(found.value or 0), panel), closed_place(found.taken_at, panel)
        if newest > closed + AHEAD:
            unknown += 1
        else:
            out.append(working.after(newest, closed))
    return out, unknown


def is_newest(m: Measurement, history: TableHistory) -> bool:
    """Whether a measurement is the time of the newest row."""
    return is_end(m, history, "max")


def is_oldest(m: Measurement, history: TableHistory) -> bool:
    """Whether a measurement is the time of the oldest row."""
    return is_end(m, history, "min")


def is_end(m: Measurement, history: TableHistory, metric: str) -> bool:
    """Whether a measurement is the one or other end of the whole table's times."""
    spec = m.spec
    end = spec.metric == metric and spec.column == history.time_column and spec.segment is None
    return end and m.interval is None and isinstance(m.value, (int, float)) and math.isfinite(m.value)


def newest_place(panel: Panel, history: TableHistory, now: datetime) -> int:
    """The bucket of the candidate's newest row; of the newest closed one where that lies in the future, which tells of no delivery."""
    found = next((m for m in history.current if is_newest(m, history)), None)
    last = place(panel.intervals[-1], panel.grain, panel.offset)
    newest = last if found is None else time_place(float(found.value or 0), panel)
    return last if newest > closed_place(now, panel) + AHEAD else max(last, newest)


def time_place(seconds: float, panel: Panel) -> int:
    """The place of the bucket that an instant lies in; local days keep the offset of the table's own buckets."""
    limit = 253_370_764_800.0  # the year 9999
    at = datetime.fromtimestamp(min(max(seconds, 0.0), limit), tz=UTC)
    return moment_place(at, panel)


def moment_place(at: datetime, panel: Panel) -> int:
    """The place of an instant, counted from the start of the newest bucket."""
    newest = panel.intervals[-1]
    if panel.grain == "month":
        shifted = at - timedelta(seconds=newest.start.hour * 3600 - 86_400 if newest.start.day > 20 else 0)
        return shifted.year * 12 + shifted.month - 1
    width = {"hour": 3_600, "day": 86_400, "week": 604_800}[panel.grain]
    apart = (at - newest.start).total_seconds() // width
    return place(newest, panel.grain, panel.offset) + int(apart)


def closed_place(now: datetime, panel: Panel) -> int:
    """The newest bucket that is over."""
    return moment_place(now, panel) - 1


def longest_gap(past: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> int:
    """The longest run of empty buckets: a table may rest at weekends."""
    longest = run = 0
    for empty in past == 0:
        run = run + 1 if empty else 0
        longest = max(longest, run)
    return longest


def missing_first(panel: Panel, working: Working) -> Interval:
    """The first bucket after the newest one that usually has rows."""
    first = made_up_after(panel, panel.intervals[-1])
    for _ in range(working.parts.size):
        if working.is_at(place(first, panel.grain, panel.offset)):
            break
        first = made_up(place(first, panel.grain, panel.offset) + 1, panel.grain, panel.offset)
    return first


def finding(
    panel: Panel,
    history: TableHistory,
    working: Working,
    lag: int,
    allowed: int,
    usual: float,
    runs: int,
    settings: DetectSettings,
) -> Finding:
    """No rows where there should be some."""
    ref = history.dataset.ref
    last = panel.intervals[-1]
    first = missing_first(panel, working)
    day = (first.start + timedelta(hours=12)).date()
    why = excuse(panel, day, -math.inf, settings) if lag - allowed == 1 else None
    excused = f"; {why}, so this is told and does not hold" if why else ""
    resting = "" if working.parts.all() else f" and usually {'has' if lag == 1 else 'have'} rows"
    at_most = f"at most {allowed}" if allowed else "none"
    earlier = f"at {runs} earlier {'run' if runs == 1 else 'runs'}" if runs else "in a row before"
    return Finding(
        key=f"{ref}/freshness",
        kind="freshness",
        layer=Layer.DATA,
        dataset=ref,
        column=history.time_column,
        sentence=f"{ref} has no rows after {words.bucket(last, panel.grain)}: {words.buckets(panel.grain, lag)} that"
        f" {'is' if lag == 1 else 'are'} over{resting} {'has' if lag == 1 else 'have'} none, {earlier} it was {at_most};"
        f" usual are {words.count(usual)} rows per {panel.grain}{excused}",
        holds=not excused,
        observed=float(lag),
        expected=Band(
            low=0.0,
            high=float(allowed),
            centre=float(allowed),
            method=f"lateness of {runs} runs" if runs else "longest gap before",
            points=runs,
        ),
        interval=Interval(start=first.start, end=max(first.end, first.start)),
        since=words.bucket(first, panel.grain),
        affected_rows=round(usual * (lag - allowed)),
        affected_share=1.0,
        hint="see whether the source delivers and whether the load asks for new rows",
    )


def moved_away(panel: Panel | None, history: TableHistory, *, now: datetime, settings: DetectSettings) -> list[Finding]:
    """One finding when all that was published by time is gone, and nothing that is over came after it: times that were read wrongly."""
    if panel is not None and history.reopened is None and np.isfinite(panel.base).any():
        return []
    grid = history.known if history.known is not None else Grid.of(history.base)
    published = sorted((i for i in grid.intervals if i.end <= now), key=lambda i: i.end)
    came = {m.interval for m in history.current if m.interval is not None}
    if not came or len(published) < settings.min_history:
        return []
    first, last = published[0], published[-1]
    oldest = next((m.value for m in history.current if is_oldest(m, history)), None)
    if history.reopened is not None and not (isinstance(oldest, (int, float)) and oldest >= last.end.timestamp()):
        came |= set(grid.intervals) - history.reopened
    if any(first.start < i.end <= now for i in came):
        return []
    ref, grain = history.dataset.ref, history.grain or infer_grain(last)
    over = max((i for i in came if i.end <= now), key=lambda i: i.end, default=None)
    where = (
        f"its newest rows up to now are of {words.bucket(over, grain)}"
        if over
        else f"none of its rows lies in a {grain} that is over"
    )
    return [
        Finding(
            key=f"{ref}/freshness",
            kind="freshness",
            layer=Layer.DATA,
            dataset=ref,
            column=history.time_column,
            sentence=f"{ref} has rows in none of the {words.buckets(grain, len(published))} up to {words.bucket(last, grain)} in which"
            f" the published version has some: by {history.time_column}, {where}",
            holds=True,
            interval=Interval(start=first.start, end=last.end),
            since="this version",
            affected_rows=history.dataset.rows or 0,
            affected_share=1.0,
            hint=f"see whether {history.time_column} is still read as it was: its unit, its format, its century",
        )
    ]
