"""Write what a change does to data: as Markdown for a comment, as SARIF and as JUnit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tidegate.integrations import sarif
from tidegate.integrations.fitted import COMMENT, Section, code_units, fit, utf8_bytes
from tidegate.integrations.junit import xml_text
from tidegate.integrations.markdown import plain
from tidegate.model.words import counted
from tidegate.services.change import (
    BREAKING,
    COMPATIBLE,
    NONE,
    Change,
    ChangedContract,
    ColumnBeforeAfter,
    CostChange,
    differing,
    headline,
)
from tidegate.services.diff import TableDiff
from tidegate.services.doctor import Breach

VERDICTS = {
    BREAKING: "❌ **breaking**: readers can rely on less than before",
    COMPATIBLE: "✅ compatible",
    NONE: "✅ nothing that is promised differs",
    None: "❔ could not be told",
}
MARKS = {"error": "❌", "warning": "⚠️", "note": "💬"}
MOST_NAMES = 5
"""How many names a cell lists; the others are counted. Chosen, not derived."""


def comment(told: Change, *, room: int = COMMENT) -> str:
    """The text of a comment, within what GitHub takes; `room` is in UTF-16 code units."""
    return fit(_lead(told), sections(told), limit=room, measure=code_units)


def summary(told: Change, *, room: int) -> str:
    """The Markdown for a step's summary; `room` is in bytes of UTF-8."""
    return fit(_lead(told), sections(told), limit=room, measure=utf8_bytes)


def _cell(text: object) -> str:
    """Data in a cell: no Markdown, no HTML, and nobody is called by it."""
    return plain(str(text)).replace("@", "@\u200b")


def _lead(told: Change) -> list[str]:
    return ["## What this change does to the data", "", headline(told), "", "| | |", "|---|---|", *_verdicts(told)]


def _verdicts(told: Change) -> Iterator[str]:
    none = "there is none" if not told.promises and told.verdict is not None else ""
    yield f"| contract | {none or VERDICTS[told.verdict]} |"
    yield f"| data | {_data(told)} |"
    stops = sum(f.blocking for f in told.failed)
    failing = f"❌ {counted(len(told.failed), 'check')} failing that did not, {stops} of which would hold a version"
    yield f"| checks | {failing if told.failed else '✅ none fails that did not'}; {_checks(told)} |"
    if told.findings is None:
        yield "| doctor | ❔ could not be told |"
    else:
        found = counted(len(told.findings), "new finding")
        yield f"| doctor | {'⚠️' if told.findings else '✅'} {found} |"
    yield f"| states | {_cell(told.base)} → {_cell(told.head)} |"


def _data(told: Change) -> str:
    code = ", ".join(f"{len(ids)} {what}" for what, ids in told.code.items() if ids)
    return f"{differing(told)}; models: {code}" if code else f"{differing(told)}; no model is modified"


def _checks(told: Change) -> str:
    counts = {what: sum(c.what == what for c in told.checks) for what in ("removed", "changed", "added")}
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "none added or removed"


def sections(told: Change) -> list[Section]:
    """The parts that have something to say, the most important first."""
    made = [
        Section(title="Could not be told", rows=tuple(f"- {_cell(t)}" for t in told.untold), noun="what"),
        _contracts(told, breaking=True),
        Section(
            title="Checks that fail now",
            head=("| check | table | why | declared in |", "|---|---|---|---|"),
            rows=tuple(
                f"| {'❌' if f.blocking else '⚠️'} {_cell(f.name)} | {_cell(f.table)} | {_cell(f.reason)} | {_cell(f.declared_in or '')} |"
                for f in told.failed
            ),
            noun="checks",
        ),
        Section(
            title="Doctor's new findings",
            head=("| | where | what | fix |", "|---|---|---|---|"),
            rows=tuple(_breach(b) for b in sorted(told.findings or (), key=_gravity)),
            noun="findings",
        ),
        Section(
            title="Tables",
            head=("| table | rows | keys | columns |", "|---|--:|---|---|"),
            rows=tuple(map(_table, told.tables)),
            noun="tables",
        ),
        Section(
            title="Columns, before → after",
            head=("| column | filled | rows changed | numbers |", "|---|--:|--:|---|"),
            rows=tuple(map(_column, told.columns)),
            noun="columns",
        ),
        Section(
            title="Who is downstream",
            head=("| what | owner | made from |", "|---|---|---|"),
            rows=tuple(f"| {_cell(r.kind)} {_cell(r.name)} | {_cell(r.owner or '')} | {_names(r.of)} |" for r in told.reached),
            noun="tables and exposures",
        ),
        Section(
            title="Checks added and removed",
            head=("| | check | table | declared in |", "|---|---|---|---|"),
            rows=tuple(
                f"| {'⚠️ ' if c.what == 'removed' else ''}{c.what} | {_cell(c.name)} | {_cell(c.table)} | {_cell(c.declared_in or '')} |"
                for c in told.checks
            ),
            noun="checks",
        ),
        _contracts(told, breaking=False),
        Section(
            title="Cost",
            head=("| | before | after | |", "|---|--:|--:|--:|"),
            rows=tuple(map(_cost, told.costs)),
            noun="costs",
        ),
    ]  # fmt: skip
    return [section for section in made if section.rows]


def _contracts(told: Change, *, breaking: bool) -> Section:
    changes = [(one, c) for one in told.contracts for c in one.changes if c.breaking is breaking]
    return Section(
        title="Breaking changes of contracts" if breaking else "Other changes of contracts",
        head=("| contract | where | what | |", "|---|---|---|---|"),
        rows=tuple(
            f"| {_cell(_version(o))} | {_cell(c.where)} | {_cell(c.what)} | {_cell(c.reason)} |" for o, c in changes
        ),
        noun="changes",
    )


def _version(one: ChangedContract) -> str:
    moved = " → ".join(dict.fromkeys(v for v in (one.old_version, one.new_version) if v))
    asked = f", write {one.suggested_version}" if one.suggested_version not in {None, one.new_version} else ""
    return f"{one.id} {moved}{asked}".strip()


def _breach(breach: Breach) -> str:
    where = f"{breach.path}:{breach.line}"
    return f"| {MARKS[breach.level]} {_cell(breach.code)} | {_cell(where)} | {_cell(breach.message)} | {_cell(breach.fix)} |"


def _gravity(breach: Breach) -> int:
    return list(MARKS).index(breach.level)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(_cell, names[:MOST_NAMES])) + more


def _table(table: TableDiff) -> str:
    old, new = table.old_rows, table.new_rows
    if table.state in {"added", "removed"}:
        rows = f"{(new if new is not None else old) or 0:,}"
        return f"| {'⚠️ ' if table.state == 'removed' else ''}{_cell(table.ref)} | {rows} | | table {table.state} |"
    counts = "" if old is None or new is None else f"{old:,} → {new:,}" + (f" ({new - old:+,})" if new != old else "")
    keys = {"added": table.added, "removed": table.removed, "changed": table.changed}
    told = ", ".join(f"{n:,} {what}" for what, n in keys.items() if n)
    return f"| {_cell(table.ref)} | {counts} | {told} | {'; '.join(_shape(table))} |"


def _shape(table: TableDiff) -> Iterator[str]:
    if table.removed_columns:
        yield f"⚠️ removed: {_names(table.removed_columns)}"
    if table.retyped:
        yield "retyped: " + _names([f"{name} {old} → {new}" for name, old, new in table.retyped])
    if table.added_columns:
        yield f"added: {_names(table.added_columns)}"
    if table.columns:
        yield f"other values: {_names([c.name for c in table.columns])}"


def _column(one: ColumnBeforeAfter) -> str:
    filled = f"{one.old_filled:,} → {one.new_filled:,}" if one.old_filled != one.new_filled else f"{one.new_filled:,}"
    numbers = ", ".join(f"{_cell(n.metric)} {_cell(_short(n.old))} → {_cell(_short(n.new))}" for n in one.numbers)
    changed = "" if one.changed is None else f"{one.changed:,}"
    return f"| {_cell(one.table)}.{_cell(one.column)} | {filled} | {changed} | {numbers} |"


def _short(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _cost(one: CostChange) -> str:
    share = f"{100 * (one.new - one.old) / one.old:+.0f} %" if one.old else ""
    old, new = (f"{v:,.0f}" if one.unit == "bytes" else f"{v:,.2f} s" for v in (one.old, one.new))
    return f"| {_cell(one.what)} | {old} | {new} | {share} |"


# --- for programs ----------------------------------------------------------------------------------------------------


def as_sarif(told: Change, *, below: str, ended: datetime) -> str:
    """What somebody has to do something about, at its place: breaking changes, checks that fail now, new findings."""
    cases = list(_cases(told, below))
    rules = tuple(dict.fromkeys(case["rule"] for case in cases))
    return sarif.document(
        rules=[
            {"id": r, "name": r, "shortDescription": {"text": RULES.get(r, f"the rule `{r}` of doctor")}} for r in rules
        ],
        results=[_result(case, rules) for case in cases],
        category="tidegate-ci-report/",
        ended=ended,
        exit_code=int(told.stops),
        properties={"verdict": told.verdict, "untold": list(told.untold)},
    )


RULES = {
    "contract-breaking": "what is promised about data is taken back",
    "check-failing": "a check fails that did not before the change",
}


def _cases(told: Change, below: str) -> Iterator[Mapping[str, str]]:
    lead = f"{below}/" if below else ""
    for one in told.contracts:
        for c in one.changes:
            if c.breaking:
                text = f"{one.id}: {c.where}: {c.what} ({c.reason})"
                yield {"rule": "contract-breaking", "level": "error", "text": text, "place": f"{lead}tidegate.yml"}
    for f in told.failed:
        text = f"{f.name} on {f.table}: {f.reason}"
        level = "error" if f.blocking else "warning"
        yield {"rule": "check-failing", "level": level, "text": text, "place": lead + (f.declared_in or "tidegate.yml")}
    for b in told.findings or ():
        yield {"rule": b.code, "level": b.level, "text": f"{b.message} ({b.fix})", "place": f"{lead}{b.path}:{b.line}"}


def _result(case: Mapping[str, str], rules: Sequence[str]) -> Mapping[str, object]:
    file, _, line = case["place"].partition(":")
    number = line.partition(":")[0]
    identity = f"{case['rule']}\n{file}\n{case['text']}"
    return {
        "ruleId": case["rule"],
        "ruleIndex": rules.index(case["rule"]),
        "level": case["level"],
        "message": {"text": case["text"]},
        "locations": [{"physicalLocation": sarif.location(file, int(number) if number.isdecimal() else 1)}],
        "partialFingerprints": {"tidegate/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }


def as_junit(told: Change) -> str:
    """A suite for each part: what stops is a failure, what could not be told an error, and a case that passes says that
    somebody looked.
    """
    root = Element("testsuites", name="tidegate ci report")
    broken = [f"{o.id}: {c.where}: {c.what} ({c.reason})" for o in told.contracts for c in o.changes if c.breaking]
    unknown = {} if told.verdict is not None else {"contracts": "could not be told"}
    _suite(root, "contracts", failures=broken, errors=list(unknown.values()))
    _suite(
        root, "checks", failures=[f"{f.name} on {f.table}: {f.reason}" for f in told.failed if f.blocking], errors=[]
    )
    errors = [f"{b.path}:{b.line}: {b.message}" for b in told.findings or () if b.level == "error"]
    _suite(root, "doctor", failures=errors, errors=[] if told.findings is not None else ["could not be told"])
    if told.untold:
        _suite(root, "not looked at", failures=[], errors=list(told.untold))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str, *, failures: Sequence[str], errors: Sequence[str]) -> None:
    cases = max(1, len(failures) + len(errors))
    counts = {"tests": str(cases), "failures": str(len(failures)), "errors": str(len(errors)), "skipped": "0"}
    suite = SubElement(root, "testsuite", {"name": name, **counts})
    for kind, texts in (("failure", failures), ("error", errors)):
        for place, text in enumerate(texts, 1):
            case = SubElement(suite, "testcase", classname=f"tidegate.report.{name}", name=f"{kind} {place}")
            SubElement(case, kind, message=xml_text(text))
    if not failures and not errors:
        SubElement(suite, "testcase", classname=f"tidegate.report.{name}", name="nothing new")
