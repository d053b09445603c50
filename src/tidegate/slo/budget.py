"""Budgets: how much of the bad time that an objective allows is spent, how fast, and until when it lasts.

The method is that of Google's Site Reliability Workbook, chapter 5, "Alerting on SLOs", section 6, multiwindow,
multi-burn-rate alerts: https://sre.google/workbook/alerting-on-slos/. A burn rate of 1 spends the budget exactly in the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from tidegate.model import Interval, Objective
from tidegate.slo.track import Tally, Track, at, clipped, tally

CELLS = 30
"""Into how many parts a window is cut for the plot: a day each in a window of 30 days."""

LEAST_KNOWN = 0.5
"""An objective of whose time less than this share is known is neither met nor missed by what is known. Chosen, not derived."""

EXACT = 1e-9
"""Sums of seconds that differ by this share are the same."""


class Standing(StrEnum):
    """How an objective stands: kept, missed (more bad time than it allows), or nobody can tell."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alarm: it goes off when the shares `long` and `short` of the window both burn at least `spends / long` as fast as
    allowed, so that within the long one the share `spends` of the budget is gone. `pages` tells a page from a ticket.
    """

    spends: float
    long: float
    short: float
    pages: bool

    @property
    def rate(self) -> float:
        return self.spends / self.long


RULES = (
    Rule(spends=0.02, long=1 / 720, short=1 / 8640, pages=True),
    Rule(spends=0.05, long=1 / 120, short=1 / 1440, pages=True),
    Rule(spends=0.10, long=1 / 10, short=1 / 120, pages=False),
)
"""Table 5-8 of the workbook, with its hours as shares of 30 days: 14.4 over 1 h and 5 min, 6 over 6 h and 30 min, 1 over
3 days and 6 h. A short window is a twelfth of the long one, so that an alarm ends soon after its cause.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """How fast the budget burns over a long and a short stretch until now, against the rate at which that is an alarm.

    A rate is None when nothing is known of the stretch; unknown time burns nothing. `fires` tells whether both reach `limit`.
    """

    long: timedelta
    short: timedelta
    limit: float
    over_long: float | None
    over_short: float | None
    pages: bool
    fires: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of an objective in its window until now.

    `window` begins with what is known at all, so it is shorter while a product is young; the budget is that of the whole
    window. `actual` is the good share of the known time, None when nothing is known. `spent` is the share of the budget that is
    gone (1 is all of it, infinite when none was granted), `left` what is left, at most that when some time is unknown.
    `bad_since` is None when it is not bad now. `exhausted_at` is when the budget is spent if the pace of the last tenth of the window goes on, None when it lasts.
    `cells` are equal parts of the full window, oldest first.
    """

    objective: Objective
    now: datetime
    window: Interval
    tally: Tally
    actual: float | None
    standing: Standing
    spent: float
    left: float
    burns: tuple[Burn, ...]
    bad_since: datetime | None
    known_now: bool
    exhausted_at: datetime | None
    cells: tuple[Tally, ...]

    @property
    def alarm(self) -> Burn | None:
        """The most urgent alarm that goes off now."""
        return next((burn for burn in self.burns if burn.fires), None)

    @property
    def is_fine(self) -> bool:
        """Whether it is met, and no alarm goes off."""
        return self.standing is Standing.MET and self.alarm is None


def account(track: Track, objective: Objective, now: datetime) -> Account:
    """Settle an objective at an instant; what the track says of later instants does not count."""
    full = Interval(start=now - objective.window, end=now)
    known = clipped(track, full)
    window = Interval(start=known[0].interval.start if known else now, end=now)
    found = tally(known, window)
    allowed_s = (1.0 - objective.target) * objective.window.total_seconds()
    last = known[-1] if known and known[-1].interval.end == now else None
    known_now = last is not None and last.good + last.bad > 0
    missed = found.bad_s > allowed_s * (1 + EXACT)
    is_known = known_now and found.known_s >= LEAST_KNOWN * found.total_s
    return Account(
        objective=objective,
        now=now,
        window=window,
        tally=found,
        actual=found.actual,
        standing=Standing.MISSED if missed else Standing.MET if is_known else Standing.UNKNOWN,
        spent=_share(found.bad_s, allowed_s),
        left=max(0.0, 1.0 - _share(found.bad_s, allowed_s)),
        burns=tuple(_burn(known, rule, objective, now) for rule in RULES),
        bad_since=_bad_since(known, now),
        known_now=known_now,
        exhausted_at=_exhausted_at(known, objective, found.bad_s, allowed_s, now),
        cells=tuple(tally(known, cell) for cell in _cells(full)),
    )


def _share(part: float, whole: float) -> float:
    if whole > 0:
        return part / whole
    return math.inf if part > 0 else 0.0


def rate(track: Track, objective: Objective, within: Interval) -> float | None:
    """How many times as fast as allowed the budget burns within an interval; None when nothing of it is known.

    Unknown time is in the whole and not in the part that is bad, so that the burnt shares of parts add up.
    """
    found = tally(track, within)
    return _share(found.bad_s, (1.0 - objective.target) * found.total_s) if found.known_s > 0 else None


def _burn(track: Track, rule: Rule, objective: Objective, now: datetime) -> Burn:
    long, short = objective.window * rule.long, objective.window * rule.short
    over_long = rate(track, objective, Interval(start=now - long, end=now))
    over_short = rate(track, objective, Interval(start=now - short, end=now))
    reached = [over is not None and over >= rule.rate * (1 - EXACT) for over in (over_long, over_short)]
    return Burn(
        long=long,
        short=short,
        limit=rule.rate,
        over_long=over_long,
        over_short=over_short,
        pages=rule.pages,
        fires=all(reached),
    )


def _bad_since(track: Track, now: datetime) -> datetime | None:
    since = None
    expected_end = now
    for stretch in reversed(track):
        if stretch.interval.end != expected_end or stretch.bad <= 0:
            break
        since = expected_end = stretch.interval.start
    return since


def _exhausted_at(track: Track, objective: Objective, bad_s: float, allowed_s: float, now: datetime) -> datetime | None:
    """When the bad time exceeds what is allowed, if the pace goes on while the oldest time leaves the window."""
    if bad_s > allowed_s:
        return now
    recent = objective.window * RULES[-1].long
    pace = tally(track, Interval(start=now - recent, end=now)).bad_s / recent.total_seconds()
    if pace <= 0:
        return None
    spent = bad_s
    for ahead, leaving in _leaving(track, Interval(start=now - objective.window, end=now)):
        gain = pace - leaving
        lasted_s = (ahead.end - ahead.start).total_seconds()
        if gain > 0 and spent + gain * lasted_s > allowed_s:
            return ahead.start + objective.window + timedelta(seconds=(allowed_s - spent) / gain)
        spent += gain * lasted_s
    return None


def _leaving(track: Track, window: Interval) -> Iterator[tuple[Interval, float]]:
    """The parts of a window in the order in which they leave it, each with the share of it that is bad."""
    edges = {edge for s in track for edge in (s.interval.start, s.interval.end)}
    cuts = sorted({window.start, window.end} | edges)
    for start, end in pairwise(cuts):
        stretch = at(track, start)
        yield Interval(start=start, end=end), stretch.bad if stretch else 0.0


def _cells(window: Interval) -> Iterable[Interval]:
    step = (window.end - window.start) / CELLS
    edges = [*(window.start + step * place for place in range(CELLS)), window.end]
    return [Interval(start=start, end=end) for start, end in pairwise(edges)]
