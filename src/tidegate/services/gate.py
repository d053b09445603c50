"""Gate: publish exactly what was audited, or hold it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tidegate.model import Action, CheckResult, Decision, Finding, Outcome
from tidegate.model.words import counted


def decide(
    version: int, results: Sequence[CheckResult], findings: Sequence[Finding], *, tables: int, now: datetime
) -> Decision:
    """Hold when a finding closes the gate, or when nothing was measured; else publish.

    Pure. `tables` is how many datasets were really scanned: zero holds, because what was not audited is not published.
    """
    because = [f.sentence for f in findings if f.holds]
    if tables == 0:
        because.append("no table was measured: the candidate holds nothing to audit")
    if because:
        return Decision(version=version, action=Action.HOLD, because=tuple(because), decided_at=now)
    passed = sum(r.outcome is Outcome.PASS for r in results)
    moved = sum(f.affected_rows or 0 for f in findings if f.kind == "quarantine")
    taken = f", {counted(moved, 'row')} in quarantine" if moved else ""
    others = f", {counted(len(findings), 'finding')} told" if findings else ""
    reason = f"{counted(tables, 'table')} measured, {passed} of {counted(len(results), 'check')} passed{taken}{others}"
    return Decision(version=version, action=Action.PUBLISH, because=(reason,), decided_at=now)
