"""Render: a backtest as text for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tidegate.cli.output import Output
from tidegate.model.words import counted
from tidegate.services.backtest import Alarm, Backtest, Notch, TableReplay, a_month, answered, labels


def backtest(output: Output, found: Backtest) -> None:
    """The tables, the alarms, what each budget would have cost and caught, and what people's answers say."""
    judged = sum(t.judged for t in found.tables)
    span = f", {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}" if found.since and found.until else ""
    output.line(
        f"backtest of version {found.version}: {counted(judged, 'batch', 'batches')} of {counted(len(found.tables), 'table')}{span}, with a budget of"
        f" {found.budget:g} false alarms a month"
    )
    output.line()
    heads = ["table", "batches", "judged", "would hold", "told only", "seconds"]
    output.table(heads, [_table(t) for t in found.tables], right=(2, 3, 4, 5))
    for table in found.tables:
        if table.why_not:
            output.line(f"{table.dataset}: {table.why_not}")
    output.line()
    _alarms(output, found.alarms)
    output.line()
    notches(output, found)
    output.line(f"\nlabels    {'; '.join(labels(found.labels))}")
    for line in answered(found):
        output.line(f"answers   {line}")
    for note in found.notes:
        output.line(f"note      {note}")
    output.line(f"time      {found.seconds:.1f} s")
    output.line(f"next      {following(found)}")


def _table(found: TableReplay) -> tuple[str, ...]:
    known = counted(found.known, found.unit)
    counts = ("-", "-", "-") if found.why_not else (str(found.judged), str(found.held), str(found.told))
    return (str(found.dataset), known, *counts, f"{found.seconds:.2f}")


def _alarms(output: Output, alarms: Sequence[Alarm]) -> None:
    held, drifts = ([a for a in alarms if a.accepted is None and a.finding.holds is holds] for holds in (True, False))
    beside = f"; and {counted(len(drifts), 'slow drift')} that would hold none" if drifts else ""
    output.line((f"alarms: {len(held)}" if held else "no batch would have been held") + beside)
    for alarm in alarms:
        answer = f"  (accepted as {alarm.accepted})" if alarm.accepted else ""
        output.entry(str(day(alarm)), f"{alarm.finding.sentence}{answer}")


def day(alarm: Alarm) -> date:
    """The day of an alarm's bucket, by its middle; the day on which its version was measured."""
    span = alarm.interval
    return (alarm.at if span is None else span.start + (span.end - span.start) / 2).date()


def notches(output: Output, found: Backtest) -> None:
    """What each budget would have cost, then what it would have caught."""
    heads = ["budget", "would hold", "on days", "a month", "by chance at most", "faults caught"]
    output.table(heads, [_notch(n, found) for n in found.notches], right=(1, 2, 3, 4, 5))
    if not any(c.tried for c in found.notches[0].caught):
        output.line("\nno batch was large enough to put a fault into it")
        return
    output.line("\nfaults put into copies of the newest batches, one at a time, and caught with a budget of")
    faults = [
        [n[0].fault, *(str(c.caught) for c in n), f"of {n[0].tried}"]
        for n in zip(*(n.caught for n in found.notches), strict=True)
        if n[0].tried
    ]
    output.table(["", *(f"{n.budget:g}" for n in found.notches), ""], faults, right=range(1, len(found.notches) + 2))


def _notch(notch: Notch, found: Backtest) -> tuple[str, ...]:
    rate = a_month(notch.alarms, found.since, found.until)
    return (
        f"{notch.budget:g} a month{' (asked for)' if notch.budget == found.budget else ''}",
        str(notch.alarms),
        str(notch.days),
        "-" if rate is None else f"{rate:.1f}",
        f"{notch.expected:.1f}",
        "-" if notch.recall is None else f"{notch.recall:.0%}",
    )


def following(found: Backtest) -> str:
    """What to do now."""
    alarm = next((a for a in found.alarms if a.accepted is None), None)
    if alarm is None:
        return "tidegate backtest --budget N tries another budget; `budget:` in tidegate.yml sets it"
    return f"tidegate backtest {alarm.dataset} --html backtest.html plots every alarm"
