"""Incidents: findings with one cause, and the way to their close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.model.judgement import Finding, Severity


class IncidentState(StrEnum):
    """open -> acknowledged -> mitigated -> resolved -> reviewed; one whose cause returns soon is open again."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One cause and all that it did.

    `fingerprint` is the key of the root finding. `findings` has the root first. `reasons` say why the severity is what
    it is. `resolution` is fixed, expected or false alarm once resolved. `seen` counts the runs in which the cause showed. `next_step` is what a person on call does now.
    """

    number: int
    fingerprint: str
    title: str
    state: IncidentState
    severity: Severity
    reasons: tuple[str, ...]
    version: int
    run: str | None
    opened_at: datetime
    updated_at: datetime
    findings: tuple[Finding, ...]
    seen: int = 1
    next_step: str = ""
    assignee: str | None = None
    resolution: str | None = None
