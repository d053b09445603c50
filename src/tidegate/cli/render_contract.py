"""Render: what the commands about contracts found, as text for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tidegate.cli.output import Output
from tidegate.model import CheckResult, Contract, ContractChange, Outcome, Remark
from tidegate.model.words import counted

if TYPE_CHECKING:  # `lint` must not load what scans and judges
    from tidegate.services.contract import ContractTest

STYLES = {"error": "red", "warning": "bold"}


def remarks(output: Output, found: Sequence[Remark], *, files: int) -> None:
    """Each remark with its place first, so that an editor can follow it, and the hint below."""
    for remark in found:
        level = output.strong(remark.level, STYLES[remark.level])
        output.line(f"{remark.file}:{remark.line}:{remark.column}: {level}: {remark.message}")
        if remark.hint:
            output.line(f"  hint: {remark.hint}")
    levels = Counter(remark.level for remark in found)
    output.line(
        f"{counted(files, 'file')}, {counted(levels['error'], 'error')}, {counted(levels['warning'], 'warning')}"
    )


def changes(output: Output, old: Contract, new: Contract, found: Sequence[ContractChange], needed: str) -> None:
    """What breaks first, each change with its reason, then how the version must move."""
    from tidegate.services import compatibility

    for change in sorted(found, key=lambda c: not c.breaking):
        word = output.strong("breaking  ", "red") if change.breaking else "compatible"
        output.line(f"{word}  {change.where}: {change.what} ({change.reason})")
    if not found:
        output.line("nothing that is promised differs")
    moved = compatibility.bumped(old.version, new.version)
    enough = compatibility.BUMPS.index(moved) >= compatibility.BUMPS.index(needed)
    verdict = f"it went from {old.version} to {new.version}"
    if not enough:
        verdict += f": write {compatibility.next_version(old.version, needed)}"
    asked = "no bump needed" if needed == "none" else f"{needed} bump needed"
    output.line(f"version     {asked}; {verdict}")


def tested(output: Output, told: ContractTest) -> None:
    """What is not kept, what nobody looked at, and the counts."""
    for result in told.results:
        if result.outcome is Outcome.PASS and result.evaluated != 0:
            continue
        if result.outcome is not Outcome.SKIPPED:
            output.line(_line(output, result))
    for what in told.carried:
        output.line(f"carried   {what}")
    ended = Counter[Outcome](result.outcome for result in told.results)
    del ended[Outcome.SKIPPED]
    counts = ", ".join(f"{ended[outcome]} {outcome}" for outcome in Outcome if ended[outcome])
    carried = f"; {len(told.carried)} carried, not evaluated" if told.carried else ""
    files = ", ".join(told.contracts)
    word = output.strong("BROKEN", "red") if told.broken else output.strong("KEPT", "green")
    output.line(f"{word}  version {told.version} against {files}: {counts}{carried}")


def _line(output: Output, result: CheckResult) -> str:
    check = result.check
    where = f" ({check.declared_in})" if check.declared_in else ""
    nothing = result.outcome is Outcome.PASS
    word = "nothing" if nothing else str(result.outcome)
    style = "red" if result.outcome in {Outcome.FAIL, Outcome.ERROR} else "bold"
    return f"{output.strong(f'{word:<8}', style)}  {check.name} on {check.dataset}: {result.reason}{where}"
