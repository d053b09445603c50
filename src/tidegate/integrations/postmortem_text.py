"""Write a postmortem as Markdown, and its proposals as files that somebody takes over."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tidegate.integrations.markdown import plain
from tidegate.model import Check, Drill
from tidegate.model.words import counted, lasting
from tidegate.services.aftermath import Burnt, Impact
from tidegate.services.postmortem import Postmortem, Span
from tidegate.services.telling import Proposal

SAID = {
    "timeToDetect": "from the first bad row to the alarm",
    "timeToNotify": "from the alarm until somebody was told",
    "timeToRepair": "from the alarm until readers had sound data",
}
SHOWN = 10
TO_PEOPLE = ("tell ", "runbook ")
"""How the reasons begin that say whom to tell: a postmortem names no person."""

READ_BY = "it is read by "
"""How the reason begins that names consumers."""

ASKED = (
    "What made the fault possible, beyond the change that set it off?",
    "What let it get as far as it did? Which check, contract or review could have stopped it earlier?",
    "What helped to notice and to repair it, and should stay?",
    "Where were we lucky?",
)
"""What people fill in. It asks after circumstances, not after persons."""


def render(found: Postmortem) -> str:
    """The whole page."""
    incident = found.incident
    lines = [
        f"# Incident {incident.number}: {plain(incident.title)}",
        "",
        f"{incident.severity} because {plain('; '.join(r for r in incident.reasons if not r.startswith(TO_PEOPLE)))}.",
        f"State: {incident.state}" + (f" as {incident.resolution}." if incident.resolution else "."),
        "",
        "## Timeline (UTC)",
        "",
        "| when | what | who | |",
        "|---|---|---|---|",
    ]
    if found.began is not None:
        lines.append(f"| {_time(found.began)} | first bad row | | |")
    lines += [f"| {_time(m.at)} | {plain(m.what)} | {m.role} | {plain(m.said)} |" for m in found.timeline]
    lines += ["", "| time | took | promised | |", "|---|---|---|---|", *map(_span, found.spans)]
    for part in (_impact, _caught, _follow_ups):
        lines += ["", *part(found)]
    lines += ["", "## Contributing factors", "", *(f"- {question}\n  - " for question in ASKED)]
    return "\n".join(lines) + "\n"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _span(span: Span) -> str:
    took = "not yet, or not known" if span.took_s is None else lasting(timedelta(seconds=span.took_s))
    promised = "-" if span.promised_s is None else lasting(timedelta(seconds=span.promised_s))
    return f"| {span.name} | {took}{' (**missed**)' if span.is_missed else ''} | {promised} | {SAID[span.name]} |"


def _impact(found: Postmortem) -> Iterator[str]:
    yield from ("## Impact", "")
    if found.exposures:
        for seen in found.exposures:
            until = "and still do" if seen.until is None else f"until {_time(seen.until)}"
            yield f"- Readers saw version {seen.version} from {_time(seen.since)} {until}."
    else:
        yield "- No reader saw it: no version with the fault was published."
    yield f"- Tables: {', '.join(f'`{ref}`' for ref in found.tables) or 'none in particular'}."
    if found.incident.products:
        yield f"- Products: {plain(', '.join(found.incident.products))}."
    yield from (f"- It {plain(r.removeprefix('it '))}." for r in found.incident.reasons if r.startswith(READ_BY))
    for finding in found.incident.findings[:SHOWN]:
        rows = "" if finding.affected_rows is None else f" ({counted(finding.affected_rows, 'row')})"
        yield f"- {plain(finding.sentence)}{rows}"
    if (more := len(found.incident.findings) - SHOWN) > 0:
        yield f"- and {counted(more, 'further finding')}."
    yield from _amounts(found)
    yield from _budgets(found)


def _amounts(found: Postmortem) -> Iterator[str]:
    """How the bad version and the sound one differ."""
    if not found.impact:
        why = "no sound version is kept" if found.sound is None else "the two versions could not be compared"
        yield from ("", f"How many rows and how much value that was is not counted: {why}.")
        return
    bad = found.incident.version
    yield from ("", f"Version {bad}, which had the fault, beside version {found.sound}, which had not:", "")
    yield from ("| table | rows bad | rows sound | keys that differ | sums, bad and sound |", "|---|--:|--:|---|---|")
    yield from map(_amount, found.impact)


def _amount(one: Impact) -> str:
    words = (
        ("added", "missing in the bad one"),
        ("removed", "only in the bad one"),
        ("changed", "other values"),
        ("copies", "too often"),
    )
    least = "" if one.complete else "at least "
    keys = ", ".join(f"{least}{one.keys[k]:,} {said}" for k, said in words if one.keys.get(k)) or "none"
    by = f" (by {', '.join(one.key)})" if one.key else " (whole rows)"
    sums = "; ".join(f"{s.column} {s.old or 'none'}, {s.new or 'none'}" for s in one.sums) or "equal"
    return f"| `{one.table}` | {one.bad_rows:,} | {one.sound_rows:,} | {keys}{by} | {plain(sums)} |"


def _budgets(found: Postmortem) -> Iterator[str]:
    """What the incident cost of error budgets."""
    if not found.burnt:
        return
    yield from ("", "Error budget burnt, from the alarm until it was mitigated and while readers saw the fault:", "")
    yield from ("| product | objective | bad time | of a window's budget |", "|---|---|--:|--:|")
    yield from map(_budget, found.burnt)


def _budget(one: Burnt) -> str:
    share = f"{one.share:.0%}" if math.isfinite(one.share) else "all of it (none is allowed)" if one.bad_s else "0%"
    return f"| {plain(one.product)} | {plain(one.objective)} | {lasting(timedelta(seconds=one.bad_s))} | {share} |"


def _caught(found: Postmortem) -> Iterator[str]:
    yield from ("## What caught it, and what did not", "")
    root = found.incident.findings[0]
    if root.kind == "check":
        yield f"A declared check caught it: {plain(root.sentence)}"
    elif root.expected is not None:
        yield f"No rule was written for it. A learned band caught it ({root.expected.method}, {counted(root.expected.points, 'past value')})."
    else:
        yield f"It was told as a finding of kind `{root.kind}`; no number had to be learned for it."
    if found.silent:
        yield ""
        yield f"{counted(len(found.silent), 'check')} looked at the same tables in version {found.incident.version} and passed:"
        yield ""
        yield from (f"- `{r.check.name}` on `{r.check.dataset}`" for r in found.silent[:SHOWN])
        if (more := len(found.silent) - SHOWN) > 0:
            yield f"- and {more} more"
    yield from _should_have(found)


def _should_have(found: Postmortem) -> Iterator[str]:
    """What would have caught it earlier: checks that only warned, and checks that nobody had."""
    if found.warned:
        yield from ("", "These failed too, and may hold nothing:", "")
        yield from (f"- `{r.check.name}` on `{r.check.dataset}`: {plain(r.reason)}" for r in found.warned[:SHOWN])
    if found.earlier:
        yield from (
            "",
            f"Replayed on both, these tell version {found.incident.version} from version {found.sound}, and nobody had them:",
            "",
        )
        yield from (f"- {plain(p.check.name)}, {_bounds(p.check)}" for p in found.earlier)
    if found.similar:
        yield from ("", "It was not the first of its kind here:", "")
        yield from (
            f"- incident {i.number}, {i.opened_at:%Y-%m-%d}, {i.state}"
            + (f" as {i.resolution}" if i.resolution else "")
            for i in found.similar
        )


def _bounds(check: Check) -> str:
    return f"from {check.arguments['min']} to {check.arguments['max']}"


def _follow_ups(found: Postmortem) -> Iterator[str]:
    yield from ("## Proposed follow-ups", "")
    proven = _proven(found)
    if not (found.proposals or found.earlier):
        yield "- No number was strange that a check could hold on to; say below what would have told."
    for proposal in (*found.proposals, *found.earlier):
        yield f"- A check on {plain(proposal.check.name)} (`{proposal.check.dataset}`): {_proof(proposal)}"
    if proven:
        yield from ("", "In `tidegate.yml`:", "", "```yaml", checks(found).rstrip("\n"), "```")
        yield from ("", "In the contract of the table:", "", "```yaml", quality(found).rstrip("\n"), "```")
    if found.drill is not None:
        yield from (
            "",
            f"The same again, as a drill. `tidegate incidents postmortem {found.incident.number} --follow-ups .` writes `drills/{found.drill.name}.yml`, and `tidegate drill run {found.drill.name}` lets it happen:",
            "",
        )
        yield from ("```yaml", drill(found.drill).rstrip("\n"), "```")


def _proof(proposal: Proposal) -> str:
    if proposal.is_proven:
        return "tried: it fails on the bad version and passes on a good one."
    if proposal.bad is None:
        return "not tried, because the bad version is not kept any more."
    bad, good = proposal.bad.value, "there is none" if proposal.good is None else proposal.good.value
    return f"tried, and of no use: bad version {bad}, the good one {good}."


def checks(found: Postmortem) -> str:
    """The proven checks for `checks:` in `tidegate.yml`; empty when none was proven."""
    return entries([p.check for p in _proven(found)])


def _proven(found: Postmortem) -> list[Proposal]:
    return [p for p in (*found.proposals, *found.earlier) if p.is_proven]


def drill(said: Drill) -> str:
    """A drill as its file."""
    fields = {
        "version": 1,
        "fault": said.fault,
        "table": str(said.table),
        "column": said.column,
        "where": said.where,
        "value": said.value,
        "magnitude": said.magnitude,
        "because": said.because,
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items() if value is not None]
    return "\n".join(lines) + "\n"


def entries(checks: Sequence[Check]) -> str:
    """Checks on a number as `checks:` of `tidegate.yml`; empty when there are none."""
    return "checks:\n" + "\n".join(map(_entry, checks)) + "\n" if checks else ""


def _entry(check: Check) -> str:
    """JSON texts are YAML texts that nothing in them can break out of."""
    low, high = check.arguments["min"], check.arguments["max"]
    sql = json.dumps(check.arguments["sql"], ensure_ascii=False)
    return f"  - name: {json.dumps(check.name, ensure_ascii=False)}\n    metric: {sql}\n    min: {low}\n    max: {high}"


def quality(found: Postmortem) -> str:
    """The same as `quality` of an ODCS contract; empty when none was proven."""
    lines = []
    for proposal in _proven(found):
        check = proposal.check
        lines += [
            f"- name: {json.dumps(check.name, ensure_ascii=False)}",
            "  type: sql",
            f"  query: {json.dumps(check.arguments['sql'], ensure_ascii=False)}",
            f"  mustBeBetween: [{check.arguments['min']}, {check.arguments['max']}]",
        ]
    return "quality:\n" + "\n".join(f"  {line}" for line in lines) + "\n" if lines else ""
