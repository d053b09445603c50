"""What every use case works with: the project's settings and its adapters, handed over by the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidegate.model import Settings
from tidegate.model.event import SYSTEM
from tidegate.ports import AnswerStore, Clock, NewEvent, Progress, Sides, StateStore, Step, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One project at work. `actor` is who acts, `revision` the code revision (None outside version control).

    `sides` opens what is compared with the warehouse. Without `answers` every scan reads all of every table.
    """

    settings: Settings
    warehouse: Warehouse
    state: StateStore
    steps: Sequence[Step]
    clock: Clock
    progress: Progress
    sides: Sides
    actor: str
    answers: AnswerStore | None = None
    revision: str | None = None

    def event(
        self, kind: str, subject: str, data: Mapping[str, object] | None = None, *, role: str = SYSTEM
    ) -> NewEvent:
        """Make an event of now, by this actor, who acts in that role."""
        said = dict(data or {})
        return NewEvent(at=self.clock.now(), kind=kind, subject=subject, actor=self.actor, role=role, data=said)
