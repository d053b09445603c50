"""The state store in a database: the ledger, what it amounts to, and what was measured."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tidegate.errors import StateError
from tidegate.model import (
    CheckResult,
    DatasetRef,
    Event,
    Finding,
    Grid,
    Incident,
    IncidentState,
    Interval,
    LedgerBreak,
    Measurement,
    MetricSpec,
    Probed,
    Publication,
    Run,
    RunStatus,
    Version,
    VersionState,
)
from tidegate.ports.state import NewEvent, StateStore
from tidegate.state import documents, history, inspection, ledger, lineage, measurements, probes, projections, scans
from tidegate.state.connection import EVERYTHING, Database
from tidegate.state.measurements import NOTHING
from tidegate.state.outbox import StateOutbox

VERSIONS = "SELECT number, parent, state, run, created_at, fingerprint, code_revision, reason FROM version"
RUNS = "SELECT id, version, status, started_at, finished_at, reason FROM run"
IN_STATES = "state IN (SELECT value FROM json_each(:states))"
OF_CAUSES = "fingerprint IN (SELECT value FROM json_each(:fingerprints))"
OF_VERSIONS = "version IN (SELECT CAST(value AS BIGINT) FROM json_each(:versions))"
CHANGED = "updated_at >= :since"


class DatabaseStateStore(StateStore):
    """A state store in a database, whichever engine keeps it. Threads may share a store; they take turns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._outbox = StateOutbox(database)

    @property
    def outbox(self) -> StateOutbox:
        return self._outbox

    def copy_to(self, path: Path) -> None:
        self._database.copy_to(path)

    # --- the ledger

    def append(self, events: Sequence[NewEvent]) -> tuple[Event, ...]:
        with self._database.writing() as connection:
            accepted = []
            for new in events:
                event = ledger.accept(connection, new)
                projections.project(connection, event)
                self._outbox.enter(connection, event)
                accepted.append(event)
            return tuple(accepted)

    def events(
        self,
        *,
        after: int = 0,
        subject: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Event, ...]:
        begin = None if since is None else documents.write_time(since)
        with self._database.reading() as connection:
            return tuple(ledger.events(connection, after=after, subject=subject, since=begin, limit=limit))

    def head(self) -> tuple[int, str]:
        with self._database.reading() as connection:
            return ledger.head(connection)

    def breaks(self) -> tuple[LedgerBreak, ...]:
        with self._database.reading() as connection:
            return tuple(ledger.breaks(connection))

    def rebuild(self) -> None:
        """Throw the projections away and replay the ledger into them, in one transaction. Linear in the events."""
        with self._database.writing() as connection:
            projections.replay(connection)

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the store, one sentence each; empty when it is whole. Reads all of it."""
        with self._database.reading() as connection:
            return (*self._database.damage(connection), *inspection.problems(connection))

    # --- its projections

    def next_version(self) -> int:
        return self._one("SELECT coalesce(max(number), 0) + 1 FROM version")

    def next_incident(self) -> int:
        return self._one("SELECT coalesce(max(number), 0) + 1 FROM incident")

    def versions(self, *, states: Collection[VersionState] = (), limit: int | None = None) -> tuple[Version, ...]:
        if not states:
            return self._versions("ORDER BY number DESC LIMIT ?", _limit(limit))
        chosen = json.dumps([state.value for state in states])
        of_states = "WHERE state IN (SELECT value FROM json_each(?))"
        return self._versions(f"{of_states} ORDER BY number DESC LIMIT ?", chosen, _limit(limit))

    def version(self, number: int) -> Version | None:
        return next(iter(self._versions("WHERE number = ?", number)), None)

    def published(self) -> Version | None:
        return next(iter(self._versions("WHERE state = 'published'")), None)

    def publications(self, *, limit: int | None = None) -> tuple[Publication, ...]:
        query = "SELECT version, previous, kind, at, actor, reason FROM publication ORDER BY event DESC LIMIT ?"
        with self._database.reading() as connection:
            return tuple(_publication(*row) for row in connection.execute(query, (_limit(limit),)))

    def runs(self, *, limit: int | None = None) -> tuple[Run, ...]:
        return self._runs("ORDER BY started_event DESC LIMIT ?", _limit(limit))

    def unfinished_runs(self) -> tuple[Run, ...]:
        return self._runs("WHERE finished_at IS NULL ORDER BY started_event DESC")

    def lineage(self, number: int) -> tuple[int, ...]:
        with self._database.reading() as connection:
            return lineage.lineage(connection, number)

    def incidents(
        self,
        *,
        states: Sequence[IncidentState] = (),
        fingerprints: Collection[str] | None = None,
        versions: Collection[int] | None = None,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Incident, ...]:
        clauses = {
            IN_STATES: json.dumps([s.value for s in states]) if states else None,
            OF_CAUSES: None if fingerprints is None else json.dumps(list(fingerprints)),
            OF_VERSIONS: None if versions is None else json.dumps(list(versions)),
            CHANGED: None if since is None else documents.write_time(since),
        }
        given = {clause: value for clause, value in clauses.items() if value is not None}
        chosen = " AND ".join(given) or "TRUE"
        values = {clause.rpartition(":")[2].rstrip(")"): value for clause, value in given.items()}
        numbers = f"SELECT number FROM incident WHERE {chosen} ORDER BY number DESC LIMIT :limit"
        query = f"SELECT document FROM incident WHERE number IN ({numbers}) ORDER BY number DESC"
        with self._database.reading() as connection:
            rows = connection.execute(query, {**values, "limit": _limit(limit)})
            return tuple(documents.read(Incident, row[0]) for row in rows)

    def count_incidents(self, states: Sequence[IncidentState] = ()) -> int:
        chosen = json.dumps([state.value for state in states or IncidentState])
        with self._database.reading() as connection:
            return int(
                connection.execute(f"SELECT count(*) FROM incident WHERE {IN_STATES}", {"states": chosen}).fetchone()[0]
            )

    def incident(self, number: int) -> Incident | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT document FROM incident WHERE number = ?", (number,)).fetchone()
            return None if row is None else documents.read(Incident, row[0])

    # --- what was measured and judged

    def save_scan(
        self,
        version: int,
        *,
        measurements: Iterable[Measurement],
        results: Iterable[CheckResult],
        findings: Iterable[Finding],
        schemas: Mapping[DatasetRef, Sequence[tuple[str, str]]],
        marks: Mapping[str, object],
        vanished: Mapping[DatasetRef, Collection[tuple[MetricSpec, Interval]]] = NOTHING,
    ) -> None:
        numbers, judged, told = tuple(measurements), tuple(results), tuple(findings)
        with self._database.writing() as connection:
            if connection.execute("SELECT 1 FROM version WHERE number = ?", (version,)).fetchone() is None:
                raise StateError(f"the ledger has no version {version}, so its scan cannot be kept")
            _save_measurements(connection, version, numbers, vanished)
            scans.begin(connection, version, marks)
            scans.save_results(connection, version, judged)
            scans.save_findings(connection, version, told)
            scans.save_schemas(connection, version, schemas)

    def measurements(self, version: int, dataset: DatasetRef) -> tuple[Measurement, ...]:
        with self._database.reading() as connection:
            return history.as_of(connection, version, dataset)

    def numbers(self, version: int, dataset: DatasetRef) -> tuple[Measurement, ...]:
        with self._database.reading() as connection:
            return history.whole(connection, version, dataset)

    def grid(
        self,
        version: int,
        dataset: DatasetRef,
        *,
        since: datetime | None = None,
        ages: tuple[float, float] | None = None,
    ) -> Grid:
        with self._database.reading() as connection:
            return history.grid(connection, version, dataset, since, ages)

    def newest_bucket(self, version: int, dataset: DatasetRef) -> Interval | None:
        with self._database.reading() as connection:
            return history.newest_bucket(connection, version, dataset)

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
        with self._database.reading() as connection:
            return history.published(connection, version, dataset, limit, metrics=metrics, segments=segments, told=told)

    def first_seen(
        self,
        version: int,
        dataset: DatasetRef,
        *,
        ages: tuple[float, float] | None = None,
        since: datetime | None = None,
    ) -> tuple[Measurement, ...]:
        with self._database.reading() as connection:
            return history.first_seen(connection, version, dataset, ages, since)

    def words(self, version: int, spec: MetricSpec) -> tuple[Measurement, ...]:
        with self._database.reading() as connection:
            return history.words(connection, version, spec)

    def schemas(self, version: int) -> Mapping[DatasetRef, tuple[tuple[str, str], ...]]:
        with self._database.reading() as connection:
            return scans.schemas(connection, version)

    def results(self, version: int) -> tuple[CheckResult, ...]:
        with self._database.reading() as connection:
            return scans.results(connection, version)

    def results_of(self, versions: Collection[int]) -> Mapping[int, tuple[CheckResult, ...]]:
        with self._database.reading() as connection:
            return scans.results_of(connection, versions)

    def tables_of(self, versions: Collection[int]) -> Mapping[int, frozenset[DatasetRef]]:
        with self._database.reading() as connection:
            return scans.tables_of(connection, versions)

    def findings(self, version: int) -> tuple[Finding, ...]:
        with self._database.reading() as connection:
            return scans.findings(connection, version)

    def marks(self, version: int) -> Mapping[str, object]:
        with self._database.reading() as connection:
            return scans.marks(connection, version)

    def save_probed(self, probed: Iterable[Probed]) -> None:
        with self._database.writing() as connection:
            probes.save(connection, probed)

    def forget_probed(self, before: datetime) -> int:
        with self._database.writing() as connection:
            return probes.forget(connection, before)

    def probed(self, *, since: datetime) -> tuple[Probed, ...]:
        with self._database.reading() as connection:
            return probes.since(connection, since)

    def close(self) -> None:
        self._database.close()

    # --- rows

    def _one(self, query: str) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(query).fetchone()[0])

    def _versions(self, clause: str, *values: object) -> tuple[Version, ...]:
        with self._database.reading() as connection:
            rows = connection.execute(f"{VERSIONS} {clause}", values)
            return tuple(_version(*row) for row in rows)

    def _runs(self, clause: str, *values: object) -> tuple[Run, ...]:
        with self._database.reading() as connection:
            rows = connection.execute(f"{RUNS} {clause}", values)
            return tuple(_run(*row) for row in rows)


_save_measurements = measurements.save  # inside the class the name is a method's


def _limit(limit: int | None) -> int:
    return EVERYTHING if limit is None else limit


def _version(
    number: int,
    parent: int | None,
    state: str,
    run: str | None,
    created_at: str,
    fingerprint: str | None,
    code_revision: str | None,
    reason: str | None,
) -> Version:
    return Version(
        number=number,
        parent=parent,
        state=VersionState(state),
        run=run,
        created_at=documents.read_time(created_at),
        fingerprint=fingerprint,
        code_revision=code_revision,
        reason=reason,
    )


def _run(
    run: str, version: int | None, status: str, started_at: str, finished_at: str | None, reason: str | None
) -> Run:
    return Run(
        id=run,
        version=version,
        status=RunStatus(status),
        started_at=documents.read_time(started_at),
        finished_at=None if finished_at is None else documents.read_time(finished_at),
        reason=reason,
    )


def _publication(version: int, previous: int | None, kind: str, at: str, actor: str, reason: str) -> Publication:
    return Publication(
        version=version, previous=previous, kind=kind, at=documents.read_time(at), actor=actor, reason=reason
    )
