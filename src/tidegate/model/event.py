"""The ledger's entry: every transition, once, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One accepted transition.

    `id` counts from 1 without gaps; `kind` is `noun.verb`, such as `version.published`; `subject` names the thing
    (`version:42`, `run:20260601T040000-1a2b`, `incident:7`); `data` is JSON and enough to rebuild the projections.
    """

    id: int
    at: datetime
    actor: str
    role: str
    kind: str
    subject: str
    data: Mapping[str, object]
