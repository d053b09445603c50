"""The ledger's entry: every transition, once, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

SYSTEM = "system"
"""The role in which Tidegate itself acts: a run, a check, a repair after a crash."""

OPERATOR = "operator"
"""The role of a person who has none in the incident, or whose command is about no incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One accepted transition.

    `id` counts from 1 without gaps; `kind` is `noun.verb`, such as `version.published`; `subject` names the thing
    (`version:42`, `run:20260601T040000-1a2b`, `incident:7`); `data` is JSON and enough to rebuild the projections.
    `hash` is over the event and the hash of the one before it, so that no event can be changed unseen.
    """

    id: int
    at: datetime
    actor: str
    role: str
    kind: str
    subject: str
    data: Mapping[str, object]
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBreak:
    """A place at which the chain of the ledger does not hold: from which event on, and what is wrong there, in a sentence."""

    event: int
    what: str
