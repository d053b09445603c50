"""Baseline: which of a lineage's numbers teach, and what people answered: one home for runs, backtests and explanations."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from tidegate.detect import DRIFT, LOUDEST, DetectSettings, Normal
from tidegate.detect.history import LOAD_COLUMN
from tidegate.model import DatasetRef, Finding, Incident, IncidentState, Interval, MetricSpec, Settings, VersionState
from tidegate.model.settings import NO_HOLIDAYS
from tidegate.ports import StateStore

Excluded: TypeAlias = tuple[MetricSpec | None, Interval]
"""A number, None for all of a table, in a stretch of time: it does not teach."""

SOLVED: Final = (IncidentState.RESOLVED, IncidentState.REVIEWED)
ACCEPTING: Final = frozenset({"expected", "false alarm"})
"""Answers that say that the data is as it should be."""

FURTHER: Final = 1.25
"""What lies further out than this many times what was accepted is not what was accepted. Chosen, not derived."""


QUIETER, LOUDER = 1 / 8, 2.0
"""How far answers change the budget of a kind of finding. Chosen, not derived: the stated budget is at most doubled by them."""

DAYS_A_MONTH: Final = 30
"""The budget is a project's per month; detection takes one per table and batch, at one run a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The false alarms a month that a table may make, and what says so: a table, a product, or the project."""

    false_alarms_per_month: float
    said_by: str

    @property
    def per_batch(self) -> float:
        """The same for one batch, at one run a day."""
        return min(LOUDEST, self.false_alarms_per_month / DAYS_A_MONTH)


def budget_of(settings: Settings, ref: DatasetRef, tables: Collection[DatasetRef], *, times: float = 1.0) -> Budget:
    """A table's own budget; else its part of the smallest one of its products; else its part of the project's.

    A budget of a table or product comes beside the project's, which the tables without one share. O(tables).

    Args:
        tables: all that are profiled.
        times: by how much every budget is taken.
    """
    if (own := settings.table(ref).false_alarms_per_month) is not None:
        return Budget(false_alarms_per_month=own * times, said_by=f"tables: {ref}")
    free = [t for t in tables if settings.table(t).false_alarms_per_month is None] or [ref]
    parts = [
        Budget(
            false_alarms_per_month=p.false_alarms_per_month * times / max(1, sum(p.covers(t) for t in free)),
            said_by=f"products: {p.name}",
        )
        for p in settings.products
        if p.false_alarms_per_month is not None and p.covers(ref)
    ]
    if parts:
        return min(parts, key=lambda b: b.false_alarms_per_month)
    shared = [p for p in settings.products if p.false_alarms_per_month is not None]
    sharing = sum(not any(p.covers(t) for p in shared) for t in free)
    return Budget(
        false_alarms_per_month=settings.false_alarms_per_month * times / max(1, sharing), said_by="the project"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What people answered to findings of one kind in one table: real ones were resolved as fixed."""

    kind: str
    real: int
    false: int

    @property
    def factor(self) -> float:
        """By what the kind's budget is multiplied: a false alarm halves it, two real ones double it, from 1/8 to 2."""
        return min(LOUDER, max(QUIETER, float(2.0 ** (self.real / 2 - self.false))))


def knobs(
    settings: Settings,
    ref: DatasetRef,
    tables: Collection[DatasetRef],
    *,
    times: float = 1.0,
    feedback: Collection[Feedback] = (),
) -> DetectSettings:
    """What detection is told of one table: its part of the budget, its calendar, and what people answered."""
    said = settings.table(ref)
    return DetectSettings(
        budget=budget_of(settings, ref, tables, times=times).per_batch,
        holidays=said.holidays != NO_HOLIDAYS,
        named_days=settings.named_days.get(said.holidays),
        weekend=said.weekend,
        seasonality=said.seasonality,
        louder={f.kind: f.factor for f in feedback},
    )


class Answers:
    """What people said, and did not say yet, of what was strange in a lineage.

    Counted are incidents of the version, of its ancestors, and of versions that were held and had been made from one of these.
    One query; made once for all tables.
    """

    def __init__(self, state: StateStore, number: int | None, *, under_test: int | None = None) -> None:
        lineage = set(state.lineage(number)) if number is not None else set()
        held = {v.number for v in state.versions(states=[VersionState.HELD]) if v.parent in lineage}
        self._lineage = lineage
        around = lineage | held | ({under_test} if under_test is not None else set())
        self._incidents = state.incidents(versions=around) if around else ()

    def excluded(self, ref: DatasetRef) -> tuple[Excluded, ...]:
        """What never teaches: what incidents of published versions are about, but for those that a person accepted."""
        return tuple(
            (finding.spec, finding.interval)
            for incident, finding in self._about(ref)
            if finding.interval is not None and finding.kind != DRIFT and self._unaccepted(incident)
        )

    def loads(self, ref: DatasetRef) -> tuple[tuple[MetricSpec, None], ...]:
        """Numbers of single loads that never teach, for the same reason."""
        return tuple(
            (finding.spec, None)
            for incident, finding in self._about(ref)
            if finding.spec is not None and _is_of_load(finding.spec) and self._unaccepted(incident)
        )

    def drifts(self, ref: DatasetRef) -> tuple[Excluded, ...]:
        """Slow drifts that nobody accepted: no bucket left its band, so they teach bands, and no reference of drifts."""
        return tuple(
            (finding.spec, finding.interval)
            for incident, finding in self._about(ref)
            if finding.interval is not None and finding.kind == DRIFT and self._unaccepted(incident)
        )

    def _unaccepted(self, incident: Incident) -> bool:
        return incident.version in self._lineage and not _accepts(incident)

    def normals(self, ref: DatasetRef) -> tuple[Normal, ...]:
        """What was called expected, oldest first: it teaches, and so may its level."""
        found = [
            Normal.of(finding, version=incident.version)
            for incident, finding in self._about(ref)
            if incident.resolution == "expected" and _accepts(incident)
        ]
        return tuple(dict.fromkeys(reversed(found)))

    def to(self, finding: Finding) -> str | None:
        """What a person said of the same cause in the same stretch of time, where that accepts it."""
        if finding.dataset is None:
            return None
        for incident, known in self._about(finding.dataset):
            if _accepts(incident) and known.key == finding.key and _same_time(known, finding):
                timed = known.interval is not None or known.observed is not None
                if timed and no_further(finding, known):
                    return incident.resolution
        return None

    def feedback(self, ref: DatasetRef) -> tuple[Feedback, ...]:
        """What was answered about a table, by the kind of the finding that opened the incident."""
        said: dict[str, list[str]] = {}
        for incident in self.of(ref):
            root = incident.findings[0]
            if incident.state in SOLVED and root.dataset == ref and incident.resolution in {"fixed", "false alarm"}:
                said.setdefault(root.kind, []).append(incident.resolution)
        return tuple(
            Feedback(kind=kind, real=answers.count("fixed"), false=answers.count("false alarm"))
            for kind, answers in sorted(said.items())
        )

    def of(self, ref: DatasetRef) -> tuple[Incident, ...]:
        """The incidents that a table is part of, newest first."""
        return tuple(dict.fromkeys(incident for incident, _ in self._about(ref)))

    def _about(self, ref: DatasetRef) -> Iterator[tuple[Incident, Finding]]:
        return (
            (incident, finding)
            for incident in self._incidents
            for finding in incident.findings
            if finding.dataset == ref
        )


def _is_of_load(spec: MetricSpec) -> bool:
    return spec.segment is not None and spec.segment.column == LOAD_COLUMN


def _same_time(known: Finding, finding: Finding) -> bool:
    """The same stretch of time; a drift goes on, so what it overlaps is the same."""
    if finding.kind == DRIFT and known.interval is not None and finding.interval is not None:
        return known.interval.overlaps(finding.interval)
    return known.interval == finding.interval


def _accepts(incident: Incident) -> bool:
    return incident.state in SOLVED and incident.resolution in ACCEPTING


def no_further(now: Finding, accepted: Finding) -> bool:
    """Whether a number lies on the same side as the one that was accepted, of what is expected now too, and hardly further out; True where none is told."""
    if now.observed is None or accepted.observed is None or accepted.expected is None:
        return True
    came, said = (one.observed - accepted.expected.centre for one in (now, accepted) if one.observed is not None)
    if now.expected is not None and (now.observed - now.expected.centre) * said < 0:
        return False  # what went up and was accepted has come down again
    return came * said >= 0 and abs(came) <= FURTHER * abs(said)
