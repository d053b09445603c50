"""What Tidegate asks of its memory: an append-only ledger, projections of it, and the measurements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tidegate.model import (
    CheckResult,
    DatasetRef,
    Delivery,
    DeliveryState,
    Event,
    Finding,
    Grid,
    Incident,
    IncidentState,
    Interval,
    LedgerBreak,
    Measurement,
    MetricSpec,
    Notice,
    Probed,
    Publication,
    Run,
    Version,
    VersionState,
)
from tidegate.model.event import SYSTEM


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A transition to be accepted; the store gives it its id. `at` is aware UTC.

    `data` is JSON; nouns in it are written as objects of their fields, times as ISO 8601, tuples as arrays.
    """

    at: datetime
    kind: str
    subject: str
    actor: str
    role: str = SYSTEM
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message to be sent, and the moments of its incidents that it tells: (incident, moment). `counts` tells that
    it is a new message to its readers, and no change of one.
    """

    target: str
    notice: Notice
    moments: tuple[tuple[int, str], ...]
    due_at: datetime
    counts: bool = True


class Outbox(Protocol):
    """What must be told and was not yet. An event of an incident enters it in the transaction that accepts the event;
    it leaves when every target's share of it is planned. A planned message leaves when it was sent or is dead.
    """

    @property
    def fresh(self) -> bool:
        """Whether an event entered it through this object."""

    def waiting(self) -> tuple[tuple[int, int], ...]:
        """(event, incident) of everything that is not settled, ascending."""

    def told(self, incidents: Collection[int]) -> Mapping[tuple[str, int], Collection[str]]:
        """By (target, incident) the moments that are planned, sent or waived."""

    def threads(self, incidents: Collection[int]) -> Mapping[tuple[str, int], str]:
        """By (target, incident) the thread that tells of it."""

    def members(self, target: str, thread: str) -> tuple[int, ...]:
        """The incidents that a thread tells of."""

    def recent(self, since: datetime) -> Mapping[str, int]:
        """By target how many messages that count were planned since then."""

    def plan(
        self,
        planned: Sequence[Planned],
        *,
        waived: Sequence[tuple[str, int, str]],
        settled: Collection[int],
        now: datetime,
    ) -> int:
        """Keep messages to be sent, the (target, incident, moment) that are not to be told, and take events out, in one
        transaction; returns how many are new. A message of which another process planned a moment is left out.
        """

    def claim(self, now: datetime, *, lease_s: float, without: Collection[str]) -> Delivery | None:
        """Take the next message that is due, of a target not in `without`; the try is written down before it is made.

        Messages of one thread come in their order. What a process took and did not answer for within its lease is
        taken again.
        """

    def sent(self, key: str, *, receipt: Mapping[str, str], now: datetime, events: Sequence[NewEvent]) -> None:
        """A message arrived; the events are accepted in the same transaction."""

    def failed(self, key: str, *, error: str, next_at: datetime | None, events: Sequence[NewEvent] = ()) -> None:
        """A try failed; the message is dead when there is no next one. The events are accepted with it."""

    def deliveries(self, states: Sequence[DeliveryState], *, limit: int | None = None) -> tuple[Delivery, ...]:
        """Oldest first."""

    def forget(self, before: datetime) -> int:
        """Remove messages that were planned before a moment and are through: sent, or given up. What was told, and in which
        thread, is kept, so nothing is told again. Returns how many they were.
        """

    def revive(self, now: datetime) -> int:
        """Put dead messages back to be tried from now on; returns how many."""


class StateStore(Protocol):
    """One transaction per `append`: the events and what they change in the projections, or nothing.

    Every event kind that the store projects, with its subject and data (all times ISO 8601, UTC):

    - `run.started` run:ID {version?} · `run.finished` run:ID {status, reason}
    - `step.started` run:ID {step, kind} · `step.finished` run:ID {step, kind, status, exit_code, wall_s, cpu_s, peak_bytes?, summary, log}
    - `version.begun` version:N {parent, run, code_revision} (state candidate) · `version.sealed` version:N {fingerprint}
    - `version.judged` version:N {action, because} (no state change)
    - `version.held` version:N {reason}
    - `version.published` version:N {previous, kind, reason} (makes `previous`, which must be what is published, retired)
    - `version.pruned` version:N {reason}
    - `version.recorded` version:N {parent, run, state, created_at, fingerprint, code_revision, reason}: found on disk, unknown to the ledger
    - `incident.opened` incident:N {the whole incident} · `incident.seen` incident:N {version, run, findings, severity, reasons, title, next_step}
    - `incident.acknowledged` / `.mitigated` / `.resolved` / `.reopened` incident:N {reason, resolution?}
    - `incident.assigned` incident:N {assignee, role?, reason?} (no role: the lead; assignee None: nobody any more)
    - `incident.noted` incident:N {note}, in every state · `incident.reviewed` incident:N {reason}
    - `incident.suppressed` incident:N {until, reason} (until None: told again from now on)
    - any other kind is kept and projected nowhere.

    An event of an incident enters the outbox in the same transaction.
    """

    @property
    def outbox(self) -> Outbox:
        """What must be told and was not yet."""

    def append(self, events: Sequence[NewEvent]) -> tuple[Event, ...]:
        """Accept events, in order, all or none.

        Raises:
            StateError: a transition that is not allowed (a version published that was pruned, ...).
        """

    def events(
        self,
        *,
        after: int = 0,
        subject: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Event, ...]:
        """The ledger after id `after`, ascending; of one subject, and of the moment `since` or later, when these are given."""

    def copy_to(self, path: Path) -> None:
        """Write everything that is committed into a new file, a store of its own. Linear in the size of the store."""

    def head(self) -> tuple[int, str]:
        """The id and the hash of the last event; 0 and an empty text when there is none."""

    def breaks(self) -> tuple[LedgerBreak, ...]:
        """Every place at which the ledger is not the chain that was written, in order; empty when it is whole. Linear."""

    def problems(self) -> tuple[str, ...]:
        """What else is wrong with the store, one sentence each: damaged pages, projections that are not a replay of the
        ledger. Linear in the ledger.
        """

    def next_version(self) -> int:
        """One more than the highest version number that was ever used."""

    def next_incident(self) -> int:
        """One more than the highest incident number that was ever used."""

    def versions(self, *, states: Collection[VersionState] = (), limit: int | None = None) -> tuple[Version, ...]:
        """Newest first. Of these states; of every state when none is given, and then all that ever were: their number grows
        with every run.
        """

    def version(self, number: int) -> Version | None: ...

    def published(self) -> Version | None:
        """What the ledger says readers see; the warehouse's link may lag behind after a crash."""

    def publications(self, *, limit: int | None = None) -> tuple[Publication, ...]:
        """Newest first."""

    def runs(self, *, limit: int | None = None) -> tuple[Run, ...]:
        """Newest first."""

    def unfinished_runs(self) -> tuple[Run, ...]:
        """Runs that started and never finished."""

    def lineage(self, number: int) -> tuple[int, ...]:
        """The version and its ancestors, newest first."""

    def save_scan(
        self,
        version: int,
        *,
        measurements: Iterable[Measurement],
        results: Iterable[CheckResult],
        findings: Iterable[Finding],
        schemas: Mapping[DatasetRef, Sequence[tuple[str, str]]],
        marks: Mapping[str, object],
        vanished: Mapping[DatasetRef, Collection[tuple[MetricSpec, Interval]]] = ...,
    ) -> None:
        """Keep what was measured and judged of one version, in one transaction, replacing an earlier try.

        Bucketed measurements are kept only where the value differs from what the parent's lineage already says. A bucket
        that the lineage has and the scan has not has vanished, if it is not before the earliest bucket that the scan
        brought of the same metric (all segment values of it together); a whole-table row count of 0 empties every bucket.
        A dataset in `vanished` was scanned in part: of its buckets only what came and what is listed there changed.
        What descendants say stays as it is.
        `schemas` are (column, type) per dataset; `marks` is any JSON about the scan (cost, statements).
        """

    def measurements(self, version: int, dataset: DatasetRef) -> tuple[Measurement, ...]:
        """Every number of a dataset as of a version: its own whole-table numbers, and for each bucket the latest that
        its lineage wrote (bitemporal: for which bucket, written by which version).
        """

    def numbers(self, version: int, dataset: DatasetRef) -> tuple[Measurement, ...]:
        """The whole-table numbers of a dataset in one version."""

    def grid(
        self,
        version: int,
        dataset: DatasetRef,
        *,
        since: datetime | None = None,
        ages: tuple[float, float] | None = None,
    ) -> Grid:
        """The bucketed numbers as `measurements` gives them, in columns, of the buckets that start at `since` or later;
        oldest bucket first. Several times cheaper. With `ages` its `first` is what `first_seen` gives, from its first bucket on.
        """

    def newest_bucket(self, version: int, dataset: DatasetRef) -> Interval | None:
        """The last bucket that a lineage has a number of; None when it has none."""

    def history(
        self,
        version: int,
        dataset: DatasetRef,
        *,
        limit: int = 60,
        metrics: Collection[str] | None = None,
        segments: bool = True,
        told: Collection[tuple[str, str | None]] = (),
    ) -> tuple[tuple[int, tuple[Measurement, ...]], ...]:
        """Whole-table numbers of the last `limit` versions of a lineage that were ever published, oldest first,
        `version` itself included when it was. A version that has no number of the dataset is there with an empty tuple.
        Of `metrics` where some are named, without those of categories where `segments` is False, and without each metric
        of a column that is `told` already.
        """

    def first_seen(
        self,
        version: int,
        dataset: DatasetRef,
        *,
        ages: tuple[float, float] | None = None,
        since: datetime | None = None,
    ) -> tuple[Measurement, ...]:
        """For each bucketed number of a lineage, the value of the version that first saw its bucket; of buckets that
        start at `since` or later.

        With `ages` only words count that were taken when the bucket had been over for so many of its own lengths, from
        the first to the second: what a young bucket looked like, which a backfilled history does not tell.
        """

    def words(self, version: int, spec: MetricSpec) -> tuple[Measurement, ...]:
        """Everything that a lineage ever said of one number in its buckets, oldest bucket first and then oldest version first:
        what a bucket was, and when it became what it is.
        """

    def schemas(self, version: int) -> Mapping[DatasetRef, tuple[tuple[str, str], ...]]: ...

    def results(self, version: int) -> tuple[CheckResult, ...]: ...

    def results_of(self, versions: Collection[int]) -> Mapping[int, tuple[CheckResult, ...]]:
        """The results of several versions, without their samples; many times cheaper than one by one."""

    def tables_of(self, versions: Collection[int]) -> Mapping[int, frozenset[DatasetRef]]:
        """The datasets of which `schemas` knows the columns, for several versions."""

    def findings(self, version: int) -> tuple[Finding, ...]: ...

    def marks(self, version: int) -> Mapping[str, object]: ...

    def save_probed(self, probed: Iterable[Probed]) -> None:
        """Keep what probes answered, in one transaction; the same probe at the same instant is kept once."""

    def forget_probed(self, before: datetime) -> int:
        """Remove the answers of probes before a moment. Returns how many they were. Linear in all answers."""

    def probed(self, *, since: datetime) -> tuple[Probed, ...]:
        """What probes answered at `since` or later, by product, probe and time."""

    def incidents(
        self,
        *,
        states: Sequence[IncidentState] = (),
        fingerprints: Collection[str] | None = None,
        versions: Collection[int] | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Incident, ...]:
        """Newest first. Of these states (every state when none is given), of these fingerprints and versions, and changed
        at `since` or later, where these are given. Costs as much as what it returns, not as much as the store holds.
        """

    def count_incidents(self, states: Sequence[IncidentState] = ()) -> int:
        """How many there are in these states; in every state when none is given."""

    def incident(self, number: int) -> Incident | None: ...

    def close(self) -> None: ...


class AnswerStore(Protocol):
    """What earlier scans found out about pieces of tables that have not changed since; forgetting it costs time only.

    A piece is known by a name that no piece with other rows has, in any version; a question by its digest.
    """

    def known(self, dataset: DatasetRef, pieces: Collection[str]) -> Mapping[str, Mapping[str, bytes | memoryview]]:
        """The answers about those pieces of which there are any. One that is lost in the meantime is not found."""

    def keep(self, dataset: DatasetRef, answers: Mapping[str, Mapping[str, bytes]], *, used: Collection[str]) -> None:
        """Add answers, in one transaction. Pieces that are not `used`, nor were in the last scans, are forgotten."""

    def close(self) -> None: ...
