"""Buckets on and shortly after a change of clocks: an hour between a time and the rest of its row is no news there.

An hour of local clocks beside a time in UTC is an hour off what all earlier rows lead to expect, from that day on for good. So where it leaves
little, such a bucket is held against those since the change; until these are enough, against those before it, with an hour put right in its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from tidegate.metrics import TIMES, Kind, kind_of
from tidegate.model import Column, Interval
from tidegate.scan.tally import Tally

if TYPE_CHECKING:
    from tidegate.detect.clocks import Change
    from tidegate.detect.forecast import Floats


class Around(NamedTuple):
    """The places of the buckets that one around a change of clocks may be held against instead; with the change where these are all before it."""

    past: Sequence[int]
    change: Change | None


def around(zone: tzinfo | None, found: Sequence[Interval], judged: Mapping[int, Sequence[int]]) -> dict[int, Around]:
    """By the place of a bucket that lies on or shortly after a change of clocks.

    Args:
        zone: the one of the calendar.
        found: all buckets, oldest first.
        judged: by the places of the buckets under test those of all before it that teach.
    """
    from tidegate.detect import others
    from tidegate.detect.clocks import changes

    near: dict[int, Around] = {}
    clocks = changes(Interval(start=found[0].start, end=found[-1].end), zone) if judged else []
    for at, before in judged.items():
        begun = [change for change in clocks if change.span.start < found[at].end]
        if not begun or found[before[-others.BACK :][0]].start >= begun[-1].span.end:
            continue
        since = [t for t in before if found[t].start >= begun[-1].span.end]
        until = [t for t in before if found[t].end <= begun[-1].span.start]
        clear = [t for t in until if len(begun) == 1 or found[t].start >= begun[-2].span.end]
        past = next((some for some in (since, clear, until) if len(some) >= others.FIRST), [])
        if past:
            near[at] = Around(past[-others.BACK :], begun[-1] if past is not since else None)
    return near


def hours(columns: Sequence[Column], names: Sequence[str], wide: Floats) -> Floats:
    """What an hour is on the scale on which the spread of each name is one; 0 of what is no time of a day."""
    import numpy as np

    times = {c.name for c in columns if (kind := kind_of(c)) in TIMES and kind is not Kind.DATE}
    return np.where([name in times for name in names], 1 / wide, 0.0)


def told(tally: Tally, near: Around, moved: Sequence[str]) -> None:
    """Say that a change of clocks explains what would else be told."""
    if near.change is not None:
        at = near.change.span.start.astimezone(tally.options.zone or UTC)
        tally.notes.append(
            f"{tally.dataset.ref}: clocks changed in {near.change.where} on {at:%A} {at:%Y-%m-%d}, which explains an hour between"
            f" {', '.join(moved)} and the rest of the row"
        )
