"""Incidents: findings with one cause, and the way to their close."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.model.judgement import Finding, Layer, Severity


class IncidentState(StrEnum):
    """open -> acknowledged -> mitigated -> resolved -> reviewed; one whose cause returns soon is open again."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    REVIEWED = "reviewed"


class Role(StrEnum):
    """What somebody does in an incident: leads it, tells the people who are affected, or answers for the data."""

    LEAD = "incident lead"
    COMMUNICATIONS = "communications"
    DATA_OWNER = "data owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One cause and all that it did.

    `fingerprint` is the key of the root finding that opened it. `findings` has the root first. `reasons` say why the
    severity is what it is. `resolution` is fixed, expected or false alarm once resolved. `seen` counts the runs in which the
    cause showed. `next_step` is what a person on call does now. `assignee` is the incident lead. `products` names the data products that it reaches, the ones that matter most first. Until `suppressed_until`
    nobody is told of it, unless it gets more severe. The moments of the acknowledgement, the mitigation and the resolution
    are those since it was opened last: all are None again when its cause returns.
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
    communications: str | None = None
    data_owner: str | None = None
    suppressed_until: datetime | None = None
    reopened_at: datetime | None = None
    acknowledged_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    products: tuple[str, ...] = ()

    @property
    def layer(self) -> Layer:
        """Where its cause lives: that of the root finding."""
        return self.findings[0].layer

    @property
    def urgency(self) -> tuple[bool, Severity, int]:
        """Sorts what a person has to look at first to the front: not mitigated, most severe, and of equals the one opened first."""
        return self.state is IncidentState.MITIGATED, self.severity, self.number

    def is_suppressed(self, now: datetime) -> bool:
        """Whether somebody asked for silence about it, until a moment that is still to come."""
        return self.suppressed_until is not None and now < self.suppressed_until

    def role_of(self, person: str) -> Role | None:
        """The role that a person has in it, the highest one if there are several."""
        return next((role for role, field in ROLE_FIELDS if getattr(self, field) == person), None)


ROLE_FIELDS = ((Role.LEAD, "assignee"), (Role.COMMUNICATIONS, "communications"), (Role.DATA_OWNER, "data_owner"))
"""Each role, and the field of an incident that names who has it."""
