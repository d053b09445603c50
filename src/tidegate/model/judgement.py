"""What is thought of the numbers: checks and their results, bands, findings, and the decision of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from tidegate.model.dataset import DatasetRef, Interval
from tidegate.model.measurement import MetricSpec, Segment

NO_ARGUMENTS: Mapping[str, object] = MappingProxyType({})


class Outcome(StrEnum):
    """How a check ended. `error` means that it could not tell, which holds like `fail`."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    SKIPPED = "skipped"


class Layer(StrEnum):
    """Where a finding lives: the machinery, the data, or the people who use it."""

    TECHNICAL = "technical"
    DATA = "data"
    BUSINESS = "business"


class Severity(StrEnum):
    """How urgent an incident is; sev1 wakes somebody up."""

    SEV1 = "sev1"
    SEV2 = "sev2"
    SEV3 = "sev3"
    SEV4 = "sev4"


class Action(StrEnum):
    """What the gate does with a candidate."""

    PUBLISH = "publish"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A demand on a dataset, whoever declared it.

    `kind` is a name in the catalogue of checks (`tidegate.checks`); `arguments` are its parameters by name.
    `warn_if`, `error_if` and `fail_calc` are dbt's. `blocking` tells whether a fail or error holds publication;
    with `quarantine` too, the rows that fail are moved out of the table, and what cannot be moved holds.
    `declared_in` is where the user can edit it, `path:line` where the line is known. `tags` are those of `tidegate.yml`;
    dbt's are with what a selection can name. `stored_in` is where dbt keeps the rows that fail (`store_failures`).
    """

    id: str
    name: str
    dataset: DatasetRef
    kind: str
    column: str | None = None
    arguments: Mapping[str, object] = field(default_factory=lambda: NO_ARGUMENTS)
    where: str | None = None
    severity: str = "error"
    warn_if: str = "!= 0"
    error_if: str = "!= 0"
    fail_calc: str = "count(*)"
    limit: int | None = None
    blocking: bool = True
    quarantine: bool = False
    source: str = "tidegate.yml"
    declared_in: str | None = None
    tags: tuple[str, ...] = ()
    stored_in: DatasetRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some of the failing rows: at most the cap, masked, with the SQL that gets all of them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    masked: tuple[str, ...]
    total: int
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How one check ended on one version.

    `failures` is dbt's number; `evaluated` counts the rows that were looked at (0 is reported, never green);
    both are None when the check could not be evaluated.
    """

    check: Check
    outcome: Outcome
    reason: str
    failures: int | None = None
    evaluated: int | None = None
    measured: str | None = None
    expected: str | None = None
    sample: Sample | None = None
    sql: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What was expected of a number: [low, high], both included, learned by `method` from `points` past values."""

    low: float
    high: float
    centre: float
    method: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The part of the rows that explains a finding: `share` (0 to 1) of the difference lies in `segment`, and there in
    `within`, where two columns together tell it better than one.
    """

    segment: Segment
    share: float
    observed: float
    expected: float
    within: Segment | None = None

    @property
    def name(self) -> str:
        """`country = DE`, or `country = DE and channel = web`."""
        return f"{self.segment} and {self.within}" if self.within is not None else str(self.segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A result or an anomaly worth telling; `sentence` explains it, with expected and observed, in one sentence.

    `kind` names what it is about: check, volume, freshness, schema, nulls, distinct, location, scale, share,
    duplicates, segment, unlike, drift, step, unchecked, written, quarantine, slow, memory, slo, budget. `holds` tells whether it closes the gate. `key` identifies the cause from
    run to run, so that the same cause tomorrow is the same incident. `interval` is the stretch of time that it is about, and
    `bucket` the one in it that `observed`, `expected` and `sql` are of, where it has several. `rarity` is -log10 of how often chance alone
    brings so strange a number, None where no chance is involved. `spread` names the columns of which no value explains it. `since` says from which load, bucket or version on.
    `product` is the one whose promise it is about. `urgent` tells that somebody is needed now, whatever else is known.
    """

    key: str
    kind: str
    layer: Layer
    dataset: DatasetRef | None
    sentence: str
    holds: bool
    column: str | None = None
    spec: MetricSpec | None = None
    observed: float | None = None
    expected: Band | None = None
    slice: Slice | None = None
    spread: tuple[str, ...] = ()
    interval: Interval | None = None
    bucket: Interval | None = None
    since: str | None = None
    rarity: float | None = None
    sql: str | None = None
    hint: str | None = None
    affected_rows: int | None = None
    affected_share: float | None = None
    product: str | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate decided on a version, when, and because of what."""

    version: int
    action: Action
    because: tuple[str, ...]
    decided_at: datetime
