"""How comparisons, plans and recoveries look as text."""

from __future__ import annotations

from tidegate.cli.output import Output
from tidegate.model.words import counted
from tidegate.services.bisect import Key, What
from tidegate.services.closing import Reconciliation
from tidegate.services.reconcile import Comparison, KeyDifference, TableComparison
from tidegate.services.recover import Plan, Recovered, in_words

SUMS_SHOWN = 10
WORDS = {
    What.ADDED: "only in the new",
    What.REMOVED: "only in the old",
    What.CHANGED: "other values",
    What.COPIES: "copies",
}


def comparison(output: Output, found: Comparison) -> None:
    """What was compared, table by table, and what differs."""
    verdict = output.strong("equal", "green") if found.same else output.strong("differ", "red")
    output.line(f"{found.old} and {found.new}: {verdict}")
    rows = [
        (
            t.table,
            "equal" if t.same else "differs",
            f"{t.old_rows:,}",
            f"{t.new_rows:,}",
            _counts(t),
            ", ".join(t.key) or "whole rows",
            f"{t.moved.hashes + t.moved.rows:,}",
        )
        for t in found.tables
    ]
    if rows:
        output.line()
        heads = ["table", "verdict", "rows old", "rows new", "keys - / + / changed / copies", "key", "rows moved"]
        output.table(heads, rows, right=(2, 3, 6))
    for name in found.missing:
        output.line(f"  {name}")
    for table in found.tables:
        _details(output, table)
    for note in found.notes:
        output.line(f"note: {note}")


def _counts(table: TableComparison) -> str:
    order = (What.REMOVED, What.ADDED, What.CHANGED, What.COPIES)
    more = "" if table.complete else " at least"
    return " / ".join(f"{table.counts.get(what.value, 0):,}" for what in order) + more


def _details(output: Output, table: TableComparison) -> None:
    lines = [f"{s.column}{_group(s.group)}: {s.old or 'NULL'} -> {s.new or 'NULL'}" for s in table.sums[:SUMS_SHOWN]]
    lines += [f"and {len(table.sums) - SUMS_SHOWN:,} more sums"] if len(table.sums) > SUMS_SHOWN else []
    lines += [f"column {name}: {counted(n, 'key')} with other values" for name, n in table.by_column.items()]
    lines += [f"column {name} is only in the old" for name in table.only_old]
    lines += [f"column {name} is only in the new" for name in table.only_new]
    lines += [_sample(s) for s in table.samples]
    lines += [f"note: {note}" for note in table.notes]
    if lines:
        output.line(f"\n{table.table}")
        for line in lines:
            output.line(f"  {line}")


def _group(group: Key) -> str:
    return f" of {_key(group)}" if group else ""


def _key(key: Key) -> str:
    return ", ".join("NULL" if value is None else value for value in key)


def _sample(found: KeyDifference) -> str:
    if found.what is What.COPIES or (found.what is What.CHANGED and not found.columns):
        return f"{_key(found.key)}: {found.old_rows:,} -> {counted(found.new_rows, 'row')}"
    columns = f" in {', '.join(found.columns)}" if found.columns else ""
    return f"{_key(found.key)}: {WORDS[found.what]}{columns}"


def plan(output: Output, found: Plan, *, following: str, asked: bool) -> None:
    """What a recovery would do, what it costs and what it changes, and the command that does it; `asked` for no more than that."""
    output.line(f"incident {found.incident}: {found.because}")
    if not found.steps:
        output.line("nothing is to be done: readers see a version without it")
        return
    output.line(f"plan, which {in_words(found)}:" if not found.id else f"plan {found.id}, begun:")
    for number, step in enumerate(found.steps, start=1):
        mark = " (done)" if number <= found.done else " (takes something away: needs --yes)" if step.destructive else ""
        output.line(f"  {number}. {step.sentence}{mark}")
        for change in step.changes:
            output.line(f"     changes {change}")
    output.line("this is the plan; the next command carries it out" if asked else "nothing was done")
    output.line(f"next  {following}")


def recovered(output: Output, done: Recovered, found: Reconciliation) -> None:
    """What was done, and whether the incident is reconciled."""
    for sentence in done.done:
        output.line(f"done  {sentence}")
    if done.ended is not None:
        output.line(output.strong(f"stopped  {done.ended}", "red"))
    elif not done.plan.steps:
        output.line("nothing was to be done")
    reconciliation(output, found)
    if done.ended is not None:
        output.line(
            f"next  tidegate recover {found.incident}, once what holds it is repaired; another way: --by WAY --plan"
        )
    elif found.passes:
        output.line(f'next  tidegate incidents resolve {found.incident} --as fixed --reason "..."')


def reconciliation(output: Output, found: Reconciliation) -> None:
    """What was compared for an incident."""
    verdict = output.strong("passes", "green") if found.passes else output.strong("does not pass", "red")
    output.line(f"reconciliation of incident {found.incident}: {verdict}")
    for one in found.compared:
        output.line(f"  {'ok' if one.passes else 'NO' if one.passes is False else '??'}  {one.sentence}")
