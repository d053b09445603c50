"""How drills look as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from tidegate.cli.output import Output
from tidegate.integrations import postmortem_text
from tidegate.model import Drill
from tidegate.model.words import counted, lasting
from tidegate.ports import Fault
from tidegate.services.drill import Drilled, Past, Told
from tidegate.services.notify import Tried

SHOWN = 3
"""How many of the sentences that noticed a drill are shown. Chosen, not derived."""

WORDS = {
    "held": "held: readers would not have seen it",
    "quarantined": "quarantined: the rows that fail were taken out, the rest published",
    "failed": "a step broke off: nothing would have been published",
    "told": "published: it was told, and readers would have seen it",
    "missed": "published: nobody would have noticed",
}


def listing(output: Output, drills: Sequence[Drill], last: Mapping[str, Past], faults: Sequence[Fault]) -> None:
    """The project's drills, and the faults that there are."""
    if drills:
        rows = [(d.name, d.fault, str(d.table), d.column or "-", _last(last.get(d.name))) for d in drills]
        output.table(["drill", "fault", "table", "column", "last"], rows)
        output.line()
    known = [(f.name, _magnitude(f), " or ".join(f.suits) or "rows", f.summary) for f in faults]
    output.table(["fault", "magnitude", "happens to", "what it is"], known)
    output.line("\nplay one: tidegate drill run FAULT --table SCHEMA.TABLE; keep one: a file in drills/")


def _last(past: Past | None) -> str:
    return "never played" if past is None else f"{past.data.get('outcome')} on {past.at:%Y-%m-%d}"


def _magnitude(fault: Fault) -> str:
    return "-" if fault.unit == "columns" else f"{fault.unit} {fault.magnitude:g}"


def played(output: Output, drills: Sequence[Drilled], sent: Sequence[Tried]) -> None:
    """Every drill that was played; several end with a score."""
    for drilled in drills:
        _one(output, drilled)
        output.line()
    if len(drills) > 1:
        rows = [
            (d.drill.name, str(d.drill.table), d.drill.column or "-", d.outcome, str(d.severity or "-"), _right(d))
            for d in drills
        ]
        output.table(["drill", "table", "column", "outcome", "severity", "names"], rows)
        output.line(f"\n{sum(d.caught for d in drills)} of {counted(len(drills), 'drill')} kept from readers")
    for tried in sent:
        output.line(f"told {tried.target}" if tried.error is None else f"could not tell {tried.target}: {tried.error}")


def _right(drilled: Drilled) -> str:
    words = {True: "right", False: "wrong", None: "-"}
    return f"table {words[drilled.right_table]}, column {words[drilled.right_column]}"


def _one(output: Output, drilled: Drilled) -> None:
    drill = drilled.drill
    colour = "green" if drilled.caught else "red"
    output.line(f"{output.strong(drill.name)}  {output.strong(WORDS[drilled.outcome], colour)}")
    output.entry("damage", _damage(drilled))
    for sentence in drilled.by[:SHOWN]:
        output.entry("noticed", sentence)
    if (more := len(drilled.by) - SHOWN) > 0:
        output.entry("", f"and {counted(more, 'more finding')}")
    if drilled.by:
        output.entry("names", _right(drilled))
    if drilled.severity is not None:
        output.entry("severity", f"{drilled.severity} because {'; '.join(drilled.reasons)}")
        output.entry("time", f"{drilled.seconds:.1f} s from the damaged data to the alarm")
    for told in drilled.told:
        output.entry("tells", _told(told))
    if drilled.incident is not None and not drilled.told:
        output.entry("tells", "nobody: no target of `notify:` is about it")
    if drilled.note is not None:
        output.entry("note", drilled.note)
    elif drilled.rebuilt:
        output.entry("built", f"{', '.join(drilled.rebuilt)} ran on the damaged data")
    _proposed(output, drilled)


def _damage(drilled: Drilled) -> str:
    drill = drilled.drill
    where = str(drill.table) + (f".{drill.column}" if drill.column else "")
    what = f"{drill.fault} on {where}" + (f" = {drill.value}" if drill.value else "")
    return (
        f"{what}: {drilled.hit_rows:,} of {counted(drilled.rows, 'row')} hit"
        f" ({drilled.new_rows:,} are new in version {drilled.version})"
    )


def _told(told: Told) -> str:
    after = "at once" if not told.after_s else f"after {lasting(timedelta(seconds=told.after_s))} without an answer"
    return f"{told.target} ({told.kind}) {after}" + (f", but waits: {told.waits}" if told.waits else "")


def _proposed(output: Output, drilled: Drilled) -> None:
    if drilled.caught:
        return
    if not drilled.proposals:
        output.entry(
            "check", "no number that is tried here tells it from the sound data; write a rule that relates columns"
        )
        return
    output.entry("check", "this would have held it (it was tried on the damaged data and on the sound one):")
    for line in postmortem_text.entries([p.check for p in drilled.proposals]).splitlines():
        output.line(f"      {line}")


def history(output: Output, found: Sequence[Past]) -> None:
    """What came of one drill, the newest first."""
    rows = [
        (
            f"{p.at:%Y-%m-%d %H:%M}",
            str(p.data.get("outcome")),
            str(p.data.get("table")) + (f".{p.data['column']}" if p.data.get("column") else ""),
            str(p.data.get("severity") or "-"),
            f"{float(str(p.data.get('seconds', 0))):.1f} s",
            "; ".join(map(str, _list(p.data.get("by"))[:1])) or "-",
        )
        for p in found
    ]
    output.table(["when", "outcome", "hit", "severity", "alarm after", "noticed by"], rows)


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()
