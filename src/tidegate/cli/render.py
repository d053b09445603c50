"""Render: outcomes of use cases as text for a person; every line comes from a value that was handed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.cli.output import Output, to_json
from tidegate.model import (
    Action,
    CheckResult,
    Delivery,
    DeliveryState,
    Event,
    Finding,
    Incident,
    IncidentState,
    Outcome,
    Role,
    StatementCost,
    Version,
)
from tidegate.model.event import OPERATOR, SYSTEM
from tidegate.model.incident import ROLE_FIELDS
from tidegate.model.words import counted, figure, lasting

if TYPE_CHECKING:  # `status` must not load what scans and judges
    from tidegate.services.check import CheckOutcome
    from tidegate.services.diff import ColumnChange, TableDiff
    from tidegate.services.plan import ScanPlan
    from tidegate.services.run import RunOutcome
    from tidegate.services.status import ProductStatus, Status

MARKS = {Action.PUBLISH: ("green", "PUBLISHED"), Action.HOLD: ("red", "HELD")}
SHOWN_FINDINGS = 6
"""How many findings of an incident are listed by `run`; `incidents show` has all."""


def size(count: float) -> str:
    """Bytes for a person: 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def when(moment: datetime | None) -> str:
    """A moment for a person, in UTC, to the minute."""
    return "-" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def lasted(start: datetime, end: datetime | None) -> str:
    """A duration for a person."""
    if end is None:
        return "-"
    spent: timedelta = end - start
    return f"{spent.total_seconds():.1f} s"


def run(output: Output, outcome: RunOutcome, *, public: Path) -> None:
    """What happened in a run, the decision first."""
    colour, word = MARKS[outcome.decision.action]
    seen = outcome.version if outcome.decision.action is Action.PUBLISH else outcome.parent
    readers = f"readers see version {seen}: {public}" if seen else "nothing is published yet"
    output.line(f"{output.strong(word, colour)}  version {outcome.version}; {readers}")
    for reason in _reasons(outcome):
        output.line(f"because   {reason}")
    for line in outcome.repaired:
        output.line(f"repaired  {line}")
    for found in outcome.incidents:
        output.line()
        incident_summary(output, found)
    output.line()
    for finding in _told(outcome.findings, outcome.incidents):
        output.line(f"told      {finding.sentence}")
    for step in outcome.steps:
        loads = f", load {', '.join(step.facts.load_ids)}" if step.facts.load_ids else ""
        output.line(f"step      {step.name} ({step.kind}): {step.summary}, {step.wall_s:.1f} s{loads}")
    _measured(output, outcome.tables, outcome.costs)
    _checks(output, outcome.results)
    _notes(output, outcome.notes)
    spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in outcome.seconds.items())
    copied = f"; copied {size(outcome.copied_bytes)} ({outcome.copy_method})" if outcome.parent is not None else ""
    output.line(f"time      {spent}{copied}")
    for line in _next_after(outcome):
        output.line(f"next      {line}")


def _reasons(outcome: RunOutcome) -> list[str]:
    """Why a version is held, where no finding says it."""
    said = {f.sentence for f in outcome.findings}
    return [r for r in outcome.decision.because if r not in said] if outcome.decision.action is Action.HOLD else []


def _told(findings: Sequence[Finding], opened: Sequence[Incident]) -> list[Finding]:
    """The findings that no incident names."""
    named = {f.key for i in opened for f in i.findings}
    return [f for f in findings if f.key not in named]


def _next_after(outcome: RunOutcome) -> list[str]:
    shown = [f"tidegate incidents show {outcome.incidents[0].number}"] if outcome.incidents else []
    if outcome.parent is not None:
        return [*shown, f"tidegate diff {outcome.parent} {outcome.version}"]
    return shown or ["tidegate status"]


def incident_summary(output: Output, incident: Incident) -> None:
    """An incident in a few lines: what, where, since when, why so severe, what to do."""
    again = f", seen {incident.seen} times" if incident.seen > 1 else ""
    output.line(f"{output.strong(f'incident {incident.number}')} ({incident.severity}{again})")
    output.entry("what", incident.title)
    root = incident.findings[0]
    if root.slice is not None:
        part = root.slice
        values = f", {figure(part.observed)} instead of {figure(part.expected)}"
        output.entry("slice", f"{part.name}: {100 * part.share:.0f} % of the difference{values}")
    if root.spread:
        none = "none" if root.slice is None else "but"
        output.entry("slice", f"{none}: it is spread over all values of {', '.join(root.spread)}")
    if root.since:
        output.entry("since", root.since)
    others = incident.findings[1:]
    for other in others[:SHOWN_FINDINGS]:
        output.entry("also", other.sentence)
    if len(others) > SHOWN_FINDINGS:
        output.entry("also", counted(len(others) - SHOWN_FINDINGS, "more finding"))
    output.entry("severity", f"{incident.severity} because {'; '.join(incident.reasons)}")
    output.entry("do", incident.next_step)


def _measured(output: Output, tables: int, costs: Sequence[StatementCost]) -> None:
    spent = sum(c.cpu_s for c in costs)
    looked = counted(tables, "table or view", "tables and views")
    output.line(f"measured  {looked} in {counted(len(costs), 'statement')}, {spent:.2f} s CPU")


def _checks(output: Output, results: Sequence[CheckResult]) -> None:
    count = Counter(map(_counts_as, results))
    said = ", ".join(f"{count[o]} {WORDS[o]}" for o in Outcome if count[o]) or "no declared one was to be judged"
    empty = sum(r.evaluated == 0 for r in results)
    nothing = f"; {empty} of them looked at 0 rows" if empty else ""
    output.line(f"checks    {len(results)}: {said}{nothing}")
    for result in results:
        if result.outcome in {Outcome.FAIL, Outcome.ERROR}:
            place = f" ({result.check.declared_in})" if result.check.declared_in else ""
            output.line(f"  {_counts_as(result)}  {result.check.name}: {result.reason}{place}")


def _counts_as(result: CheckResult) -> Outcome:
    """A check that may not hold a version (`on_fail: warn`) warns, as in every report."""
    lenient = not result.check.blocking and result.outcome in {Outcome.FAIL, Outcome.ERROR}
    return Outcome.WARN if lenient else result.outcome


WORDS = {
    Outcome.PASS: "passed",
    Outcome.WARN: "warned",
    Outcome.FAIL: "failed",
    Outcome.ERROR: "could not be evaluated",
    Outcome.SKIPPED: "skipped",
}


def _notes(output: Output, notes: Sequence[str]) -> None:
    for note in dict.fromkeys(notes):
        output.line(f"note      {note}")


def check(output: Output, outcome: CheckOutcome) -> None:
    """What the published version looks like now."""
    bad = [f for f in outcome.findings if f.holds]
    output.line(
        f"version {outcome.version}, as readers see it: {counted(len(bad), 'finding')} that would hold it today"
    )
    for found in outcome.incidents:
        incident_summary(output, found)
    for finding in outcome.findings:
        if not finding.holds:
            output.line(f"told      {finding.sentence}")
    _measured(output, outcome.tables, outcome.costs)
    _checks(output, outcome.results)
    output.line(f"counts    {outcome.counts}")
    _notes(output, outcome.notes)
    if outcome.incidents:
        output.line(f"next      tidegate incidents show {outcome.incidents[0].number}")


def plan(output: Output, found: ScanPlan, *, statements: bool) -> None:
    """What a check asks of which table; with `statements` also the SQL and what it cost."""
    heads, right = ["#", "table", "purpose", "columns", "rows", "cells"], [0, 3, 4, 5]
    rows = [
        [str(place), str(s.dataset), s.purpose, str(len(s.columns)), _rows(s.rows), _rows(s.cells)]
        + ([f"{s.cpu_s:.3f}"] if statements else [])
        for place, s in enumerate(found.statements, start=1)
    ]
    output.table([*heads, "CPU s"] if statements else heads, rows, right=[*right, 6] if statements else right)
    cells = sum(s.cells or 0 for s in found.statements)
    output.line(
        f"\nversion {found.version}: {counted(len(found.statements), 'statement')} read about {counted(cells, 'cell')} (rows times columns)"
        f" for the profile and {len(found.checks)} of {found.declared} checks; nothing was judged"
    )
    for check in found.checks:
        asks = ", ".join(check.numbers) or f"nothing: {check.reason}"
        rides = f", in #{', #'.join(map(str, check.statements))}" if check.statements else ""
        output.line(f"  {check.name} on {check.dataset} asks for {asks}{rides}")
    for statement in found.statements if statements else ():
        columns = ", ".join(statement.columns) or "no column"
        output.line(f"\n-- {statement.dataset}: {statement.purpose}; reads {columns}\n{statement.sql};")


def statements(output: Output, costs: Sequence[StatementCost]) -> None:
    """Every statement of a scan, with what it cost."""
    output.line()
    rows = [(str(c.dataset), c.purpose, f"{c.cpu_s:.3f}", str(c.rows)) for c in costs]
    output.table(["table", "purpose", "CPU s", "rows"], rows, right=(2, 3))
    for cost in costs:
        output.line(f"\n-- {cost.dataset}: {cost.purpose}\n{cost.sql};")


def status(output: Output, found: Status) -> None:
    """What readers see, the last runs, the open incidents."""
    version = found.published
    if version is None:
        output.line("nothing is published yet; `tidegate run` builds the first version")
    else:
        code = f", code {version.code_revision}" if version.code_revision else ""
        output.line(f"published  version {version.number}, built {when(version.created_at)} UTC{code}")
        output.line(f"readers    {found.public}")
    if found.missing:
        output.line(
            "missing    its data is gone, so readers see nothing: `tidegate rollback` puts the version before back"
        )
    elif found.behind:
        output.line("repair     readers do not see it yet, as after a crash; `tidegate check` or a run repairs that")
    _audited(output, found)
    if found.runs:
        output.line()
        rows = [
            (
                r.id,
                str(r.version or "-"),
                str(r.status),
                when(r.started_at),
                lasted(r.started_at, r.finished_at),
                short(r.reason),
            )
            for r in found.runs
        ]
        output.table(["run", "version", "status", "started (UTC)", "took", "because"], rows, right=(1, 4))
    _products(output, found.products)
    output.line()
    if found.incidents:
        incidents(output, found.incidents, now=found.now)
        first = min(found.incidents, key=lambda i: i.urgency)
        output.line(f"\nnext  tidegate incidents show {first.number}")
    else:
        output.line("no open incident")
    _undelivered(output, found.undelivered)


def _undelivered(output: Output, found: Sequence[Delivery]) -> None:
    """What people were not told, by target; nothing when they were told everything."""
    for target in dict.fromkeys(d.target for d in found):
        mine = [d for d in found if d.target == target]
        dead = sum(d.state is DeliveryState.DEAD for d in mine)
        said = f"{counted(len(mine), 'message')} could not be delivered, {dead} of them for good"
        output.line(f"\nuntold     {target}: {said}; the last error: {mine[-1].error}")
    if found:
        output.line("next       tidegate notify --list")


def _products(output: Output, found: Sequence[ProductStatus]) -> None:
    """How the data products stand, the ones that matter most first."""
    if not found:
        return
    rows = [
        (
            p.name,
            str(p.tier),
            p.owner or "-",
            "-" if p.age is None else lasting(p.age),
            "-" if p.freshness is None else lasting(p.freshness) + (", missed" if p.is_late else ""),
            ", ".join(map(str, p.incidents)) or "none",
        )
        for p in found
    ]
    output.line()
    output.table(["product", "tier", "owner", "age", "at most", "incidents"], rows, right=(1,))
    for product in found:
        for name in product.unknown:
            output.line(f"unknown    the product {product.name} names `{name}`, and there is no such table")


def _audited(output: Output, found: Status) -> None:
    """Whether what readers see is still what was audited; nothing when it is."""
    if found.altered is None:
        output.line("unaudited  it cannot be read, so nobody can tell whether it is what was audited")
    elif found.altered:
        output.line(
            f"unaudited  somebody wrote to {' and '.join(found.altered)} after it was published: `tidegate check` judges"
            " it as it is, `tidegate rollback` puts the version before back"
        )


def short(text: str | None, limit: int = 90) -> str:
    """Text cut to a length, with an ellipsis."""
    text = text or ""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def versions(output: Output, found: Sequence[Version], sizes: Mapping[int, int]) -> None:
    """The versions, newest first."""
    rows = [
        (
            str(v.number),
            str(v.state),
            str(v.parent or "-"),
            when(v.created_at),
            size(sizes[v.number]) if v.number in sizes else "-",
            v.code_revision or "-",
            short(v.reason, 60),
        )
        for v in found
    ]
    if not rows:
        output.line("there is no version yet; `tidegate run` builds the first one")
        return
    output.table(["version", "state", "parent", "built (UTC)", "size", "code", "because"], rows, right=(0, 2, 4))


def diff(output: Output, old: int, new: int, tables: Sequence[TableDiff]) -> None:
    """How two versions differ."""
    differences(output, f"version {old} -> {new}", tables)


def differences(output: Output, what: str, tables: Sequence[TableDiff]) -> None:
    """In which tables two sides differ, and how; `what` says which sides."""
    same = [t for t in tables if t.state == "same"]
    changed = [t for t in tables if t.state != "same"]
    output.line(
        f"{what}: {counted(len(changed), 'table differs', 'tables differ')}, {len(same)} {'is' if len(same) == 1 else 'are'} the same"
    )
    if not changed:
        return
    output.line()
    rows = [
        (str(t.ref), t.state, _rows(t.old_rows), _rows(t.new_rows), _keys(t), ", ".join(t.key) or "-") for t in changed
    ]
    heads = ["table", "state", "rows before", "rows after", "keys + / - / changed", "key"]
    output.table(heads, rows, right=(2, 3))
    for table in changed:
        _diff_details(output, table)


def _diff_details(output: Output, table: TableDiff) -> None:
    lines = [f"column {c} added" for c in table.added_columns]
    lines += [f"column {c} removed" for c in table.removed_columns]
    lines += [f"column {c} was {a}, is {b}" for c, a, b in table.retyped]
    lines += [line for column in table.columns if (line := _column(column, table))]
    lines += [f"{what} {key}" for what, key in table.sample]
    if lines:
        output.line(f"\n{table.ref}")
        for line in lines:
            output.line(f"  {line}")


def _column(column: ColumnChange, table: TableDiff) -> str | None:
    """What became of a column beyond the rows that came and went; None when that is all."""
    told = [f"{counted(column.changed, 'value')} changed"] if column.changed else []
    if table.old_rows is not None and table.new_rows is not None:
        old, new = table.old_rows - column.old_filled, table.new_rows - column.new_filled
        told += [f"{old:,} -> {new:,} NULL"] if old != new else []
    if not told and table.added is None and table.old_rows == table.new_rows:
        return f"{column.name}: other values"
    return f"{column.name}: {', '.join(told)}" if told else None


def _rows(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _keys(table: TableDiff) -> str:
    if table.added is None:
        return "no key known" if table.state == "changed" else "-"
    return f"{table.added:,} / {table.removed:,} / {table.changed:,}"


def published(output: Output, version: Version, public: Path, *, resolved: Sequence[Incident] = ()) -> None:
    """After a publication by hand, which resolved some incidents."""
    if output.json:
        output.document("version", version)
    else:
        output.line(f"published  version {version.number}; readers see it: {public}")
        for incident in resolved:
            output.line(f"resolved   incident {incident.number} as {incident.resolution}: {incident.title}")
        output.line("next       tidegate status")


def incidents(output: Output, found: Sequence[Incident], *, now: datetime) -> None:
    """Incidents, newest first."""
    if not found:
        output.line("no open incident")
        return
    rows = [
        (
            str(i.number),
            str(i.severity),
            f"{i.state}, suppressed" if i.is_suppressed(now) else str(i.state),
            i.assignee or "-",
            str(i.version),
            when(i.opened_at),
            i.title,
        )
        for i in found
    ]
    output.table(["incident", "severity", "state", "lead", "version", "opened (UTC)", "what"], rows, right=(0, 4))


def incident(
    output: Output, found: Incident, timeline: Sequence[Event], results: Sequence[CheckResult], *, now: datetime
) -> None:
    """One incident, whole."""
    incident_summary(output, found)
    output.entry("state", f"{found.state}" + (f" as {found.resolution}" if found.resolution else ""))
    if found.is_suppressed(now):
        output.entry("silent", f"until {when(found.suppressed_until)} UTC, unless it gets more severe")
    if found.state is IncidentState.MITIGATED:
        output.entry("close", f'tidegate incidents resolve {found.number} --as fixed --reason "..."')
    elif not found.resolution:
        output.entry("recover", f"tidegate recover {found.number} --plan")
    output.entry("layer", str(found.layer))
    for role, field in ROLE_FIELDS:
        if person := getattr(found, field):
            output.entry("who", f"{person}, {role}")
    output.entry("version", f"{found.version}" + (f", run {found.run}" if found.run else ""))
    for finding in found.findings:
        output.line()
        _finding(output, finding)
    _samples(output, found, results)
    output.line("\ntimeline (UTC)")
    for event in timeline:
        acting = "" if event.role in {SYSTEM, OPERATOR} else f", {event.role}"
        verb = event.kind.removeprefix("incident.")
        output.line(f"  {event.at:%Y-%m-%d %H:%M:%S}  {verb} by {event.actor}{acting}  {_said(event)}".rstrip())


def _said(event: Event) -> str:
    """What an event says besides its kind: to whom, until when, and why."""
    data = event.data
    parts = [f"{data.get('role') or Role.LEAD}: {data['assignee']}"] if data.get("assignee") else []
    parts += [f"as {data['resolution']}"] if data.get("resolution") else []
    parts += [f"until {str(data['until'])[:16].replace('T', ' ')}"] if data.get("until") else []
    parts += [f"{data.get('kind')} to {data.get('target')}"] if event.kind.startswith("notification.") else []
    parts += [str(data[name]) for name in ("way", "result") if data.get(name)]
    parts += ["passes" if data["passes"] else "does not pass"] if "passes" in data else []
    parts += [f"not reconciled: {data['waived']}"] if data.get("waived") else []
    return "  ".join([*parts, str(data.get("note") or data.get("reason") or data.get("error") or "")])


def _finding(output: Output, finding: Finding) -> None:
    output.entry(finding.kind, finding.sentence + ("" if finding.holds else "  (told, does not hold)"))
    if finding.expected is not None and finding.observed is not None:
        band = finding.expected
        output.entry("", f"observed {figure(finding.observed)}, expected {figure(band.low)} to {figure(band.high)}")
        output.entry("", f"learned by {band.method} from {counted(band.points, 'past value')}")
    if finding.rarity is not None:
        output.entry("", f"by chance {_chance(finding.rarity)}")
    if finding.sql:
        output.entry("", finding.sql)


def _chance(rarity: float) -> str:
    return "less often than once in a million" if rarity > 6 else f"about once in {10**rarity:,.0f}"


def _samples(output: Output, found: Incident, results: Sequence[CheckResult]) -> None:
    keys = {f.key for f in found.findings}
    for result in results:
        sample = result.sample
        if sample is None or f"{result.check.dataset}/check/{result.check.id}" not in keys:
            continue
        output.line(f"\n{result.check.name}: {counted(sample.total, 'failure')}; rows shown: {len(sample.rows)}")
        output.table(sample.columns, [[v if v is not None else "NULL" for v in row] for row in sample.rows])
        if sample.masked:
            output.line(f"masked: {', '.join(sample.masked)}")
        output.line(f"all of them: {sample.sql}")


def changed(output: Output, found: Incident) -> None:
    """After a transition of an incident."""
    if output.json:
        output.document("incident", {"incident": to_json(found)})
    else:
        output.line(
            f"incident {found.number} is {found.state}" + (f" as {found.resolution}" if found.resolution else "")
        )
        if found.state is IncidentState.ACKNOWLEDGED:
            output.line(f"next  tidegate recover {found.number} --plan")
        elif found.resolution == "fixed":
            output.line(f"next  tidegate incidents postmortem {found.number} --follow-ups .")
