"""Tracks: what is known of every instant, good or bad, in stretches of time; what no stretch covers is unknown."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

from tidegate.model import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of time of which the shares `good` and `bad` (0 to 1 each, together at most 1) are known; the rest is unknown."""

    interval: Interval
    good: float
    bad: float


Track: TypeAlias = tuple[Stretch, ...]
"""Stretches, oldest first, of which no two overlap; between them, and before and after them, nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Seconds of good, bad and unknown time."""

    good_s: float = 0.0
    bad_s: float = 0.0
    unknown_s: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            good_s=self.good_s + other.good_s,
            bad_s=self.bad_s + other.bad_s,
            unknown_s=self.unknown_s + other.unknown_s,
        )

    @property
    def known_s(self) -> float:
        return self.good_s + self.bad_s

    @property
    def total_s(self) -> float:
        return self.good_s + self.bad_s + self.unknown_s

    @property
    def actual(self) -> float | None:
        """The share of the known time that is good; None when nothing is known."""
        return self.good_s / self.known_s if self.known_s > 0 else None


def joined(stretches: Iterable[Stretch]) -> Track:
    """The same knowledge in as few stretches as possible; those without length are left out. They come oldest first."""
    track: list[Stretch] = []
    for stretch in stretches:
        if stretch.interval.start == stretch.interval.end:
            continue
        last = track[-1] if track else None
        if (
            last
            and last.interval.end == stretch.interval.start
            and (last.good, last.bad) == (stretch.good, stretch.bad)
        ):
            whole = Interval(start=last.interval.start, end=stretch.interval.end)
            track[-1] = Stretch(interval=whole, good=last.good, bad=last.bad)
        else:
            track.append(stretch)
    return tuple(track)


def clipped(track: Track, within: Interval) -> Track:
    """What of a track lies within an interval. Logarithmic in the track, linear in the result."""
    first = bisect_right(track, within.start, key=lambda s: s.interval.end)
    parts = []
    for stretch in track[first:]:
        if stretch.interval.start >= within.end:
            break
        start, end = max(stretch.interval.start, within.start), min(stretch.interval.end, within.end)
        parts.append(Stretch(interval=Interval(start=start, end=end), good=stretch.good, bad=stretch.bad))
    return tuple(parts)


def tally(track: Track, within: Interval) -> Tally:
    """Count good, bad and unknown time within an interval. The tallies of its parts add up to the tally of the whole."""
    good_s = bad_s = 0.0
    for stretch in clipped(track, within):
        lasted_s = seconds(stretch.interval)
        good_s += lasted_s * stretch.good
        bad_s += lasted_s * stretch.bad
    return Tally(good_s=good_s, bad_s=bad_s, unknown_s=max(0.0, seconds(within) - good_s - bad_s))


def at(track: Track, moment: datetime) -> Stretch | None:
    """The stretch that an instant lies in; None where nothing is known."""
    place = bisect_right(track, moment, key=lambda s: s.interval.end)
    found = track[place] if place < len(track) else None
    return found if found and moment in found.interval else None


def worst(tracks: Sequence[Track]) -> Track:
    """Of every instant the worst that one of the tracks says: as bad as the worst of them, and no better than any of them.

    Where nothing is known of one of them, what is good of the others is unknown, and what is bad stays bad. A track counts
    from its first stretch on: a probe that is new makes nothing unknown that was known before it.
    """
    begun = [(track[0].interval.start, track) for track in tracks if track]
    cuts = sorted({edge for track in tracks for s in track for edge in (s.interval.start, s.interval.end)})
    return joined(
        _worst_of([at(track, start) for first, track in begun if first <= start], Interval(start=start, end=end))
        for start, end in pairwise(cuts)
    )


def _worst_of(stretches: Sequence[Stretch | None], interval: Interval) -> Stretch:
    bad = max(s.bad if s else 0.0 for s in stretches)
    good = min(s.good if s else 0.0 for s in stretches)
    return Stretch(interval=interval, good=min(good, 1.0 - bad), bad=bad)


def seconds(interval: Interval) -> float:
    """How long an interval is."""
    return (interval.end - interval.start).total_seconds()
