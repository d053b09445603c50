"""Versions of the warehouse and their publications."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VersionState(StrEnum):
    """Where a version stands: candidate -> held | published; published -> retired; every one but published -> pruned.

    A held or retired version can be published (again) by hand.
    """

    CANDIDATE = "candidate"
    HELD = "held"
    PUBLISHED = "published"
    RETIRED = "retired"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of the whole warehouse, numbered from 1; `parent` is the version that it was copied from."""

    number: int
    parent: int | None
    state: VersionState
    run: str | None
    created_at: datetime
    fingerprint: str | None = None
    code_revision: str | None = None
    reason: str | None = None

    @property
    def id(self) -> str:
        """The folder's name: six digits."""
        return f"{self.number:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One swap of what readers see: from `previous` to `version`; `kind` is publish, rollback or adopt."""

    version: int
    previous: int | None
    kind: str
    at: datetime
    actor: str
    reason: str
