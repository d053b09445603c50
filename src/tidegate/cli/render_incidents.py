"""Render: what the ledger tells of many incidents, and whether the ledger itself is whole."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tidegate.cli.output import Output
from tidegate.model.words import counted

if TYPE_CHECKING:
    from tidegate.app.runbooks import Shown
    from tidegate.services.ledger import LedgerAudit
    from tidegate.services.stats import Duration, Stats

DURATIONS = {
    "timeToDetect": "from the fault to the alarm",
    "timeToAcknowledge": "from the alarm until somebody took it",
    "timeToRepair": "from the alarm until the data was sound again",
}
"""What each duration runs over; two of the names are those of the Open Data Contract Standard."""


def more(output: Output, *, shown: int, total: int) -> None:
    """After a list that was cut."""
    if total > shown:
        output.line(f"\n{total - shown:,} older ones are not shown; `--limit {total}` lists all {total:,}")


def runbook(output: Output, found: Shown) -> None:
    """What the runbooks say to it, each section with the place where it can be edited."""
    for section in found.sections:
        output.line(f"\nrunbook  {output.strong(section.title)}  ({section.source}:{section.line})")
        for line in section.text.splitlines():
            output.line(f"  {line}".rstrip())
    for problem in found.problems:
        output.line(f"\nrunbook  {problem}")


def stats(output: Output, found: Stats) -> None:
    """Noise first, then speed."""
    weeks = len(found.weeks)
    over = "within" if found.is_within_budget else "over"
    output.line(f"alarms     {found.alarms} in {counted(weeks, 'week')}, {found.alarms_per_week:.1f} a week")
    output.line(
        f"noise      {found.false_alarms_per_month:.1f} false alarms a month, {over} the budget of {found.budget:g}"
    )
    said = ", ".join(f"{count} {name}" for name, count in found.answers.items())
    output.line(f"answers    {said}; {found.unanswered} not answered yet")
    output.line(f"precision  {_precision(found)}")
    played = (
        f"{found.caught} of {counted(found.drills, 'drill')} caught"
        if found.drills
        else "none was played: `tidegate drill list`"
    )
    output.line(f"drills     {played}")
    output.line()
    output.table(
        ["week from (UTC)", "alarms", "false alarms"],
        [(f"{w.start:%Y-%m-%d}", str(w.alarms), str(w.false_alarms)) for w in found.weeks],
        right=(1, 2),
    )
    output.line()
    output.table(
        ["time", "alarms", "mean", "median", "longest", "which runs"],
        [_duration(d) for d in found.durations],
        right=(1, 2, 3, 4),
    )
    if found.unanswered:
        output.line(
            '\nnext  tidegate incidents resolve N --as fixed --reason "...", or as expected or false-alarm: every answer makes'
            " this truer"
        )


def _precision(found: Stats) -> str:
    closed = sum(found.answers.values())
    if found.precision is None:
        return "nobody knows: no alarm is answered yet"
    return f"{100 * found.precision:.0f} % of {counted(closed, 'answered alarm')} were faults"


def _duration(one: Duration) -> tuple[str, ...]:
    spans = (one.mean_s, one.median_s, one.longest_s)
    return (one.name, str(one.count), *("-" if s is None else _span(s) for s in spans), DURATIONS[one.name])


def _span(seconds: float) -> str:
    """Hours and minutes, or days and hours; less than a minute in seconds."""
    spent = timedelta(seconds=round(seconds))
    if spent < timedelta(minutes=1):
        return f"{spent.total_seconds():.0f} s"
    minutes = int(spent.total_seconds() // 60)
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def audit(output: Output, found: LedgerAudit) -> None:
    """Whether the ledger is whole, and where it is not."""
    for broken in found.breaks:
        output.line(f"broken   {broken.what}")
    for problem in found.problems:
        output.line(f"problem  {problem}")
    if found.is_whole:
        noted = f", as {counted(found.anchors, 'version')} on disk {'notes' if found.anchors == 1 else 'note'} too"
        output.line(
            f"whole    {counted(found.events, 'event')}, each as it was written{noted if found.anchors else ''}"
        )
    else:
        first = f", from event {min(b.event for b in found.breaks):,} on" if found.breaks else ""
        output.line(f"the ledger of {counted(found.events, 'event')} is not the one that was written{first}")
    output.line(f"head     {found.head}")
    if found.is_whole:
        output.line(
            "next     keep the head elsewhere: `tidegate audit verify --head HEAD` proves later that nothing is gone"
        )
