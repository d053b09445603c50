"""What each kind of event changes: runs, versions, publications and incidents as the ledger leaves them.

Every function looks at the present state first and raises StateError for a transition that is not allowed, so that
the transaction of the event is rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from tidegate.errors import StateError
from tidegate.model import Event, Incident, IncidentState, Role, RunStatus, VersionState
from tidegate.model.incident import ROLE_FIELDS
from tidegate.state import documents, ledger
from tidegate.state.connection import Connection

E = TypeVar("E", bound=Enum)

CANDIDATE, HELD, PUBLISHED, RETIRED, PRUNED = VersionState
OPEN, ACKNOWLEDGED, MITIGATED, RESOLVED, REVIEWED = IncidentState

VERSION_FROM: Mapping[str, frozenset[VersionState]] = {
    "version.sealed": frozenset({CANDIDATE, HELD}),
    "version.judged": frozenset({CANDIDATE, HELD, PUBLISHED, RETIRED}),
    "version.held": frozenset({CANDIDATE}),
    "version.published": frozenset({CANDIDATE, HELD, RETIRED}),
    "version.pruned": frozenset({CANDIDATE, HELD, RETIRED}),
}
"""From which states of a version an event is allowed."""

INCIDENT_MOVES: Mapping[str, tuple[frozenset[IncidentState], IncidentState | None]] = {
    "incident.seen": (frozenset({OPEN, ACKNOWLEDGED, MITIGATED}), None),
    "incident.assigned": (frozenset({OPEN, ACKNOWLEDGED, MITIGATED}), None),
    "incident.noted": (frozenset(IncidentState), None),
    "incident.suppressed": (frozenset({OPEN, ACKNOWLEDGED, MITIGATED}), None),
    "incident.acknowledged": (frozenset({OPEN}), ACKNOWLEDGED),
    "incident.mitigated": (frozenset({OPEN, ACKNOWLEDGED}), MITIGATED),
    "incident.resolved": (frozenset({OPEN, ACKNOWLEDGED, MITIGATED}), RESOLVED),
    "incident.reviewed": (frozenset({RESOLVED}), REVIEWED),
    "incident.reopened": (frozenset({MITIGATED, RESOLVED, REVIEWED}), OPEN),
}
"""From which states of an incident an event is allowed, and the state after it (None: the same)."""

LARGEST = 2**63
"""The first number that SQLite cannot hold."""

SEEN_FIELDS = ("version", "run", "findings", "severity", "reasons", "title", "next_step", "products")


EMPTY = ("DELETE FROM run", "DELETE FROM version", "DELETE FROM publication", "DELETE FROM incident")


def project(connection: Connection, event: Event) -> None:
    """Change the projections by one event; a kind that is not in the table changes nothing.

    Raises:
        StateError: the transition is not allowed, or the event lacks what it needs.
    """
    projection = PROJECTIONS.get(event.kind)
    if projection is not None:
        projection(connection, event)


def replay(connection: Connection) -> None:
    """Empty the projections and fill them again from the ledger, inside the caller's transaction.

    What was scanned refers to versions; that is checked when the transaction ends, with the versions back.
    """
    for statement in EMPTY:
        connection.execute(statement)
    for event in ledger.events(connection):
        project(connection, event)


# --- runs ------------------------------------------------------------------------------------------------------------


def _run_started(connection: Connection, event: Event) -> None:
    run = _name(event, "run")
    if _run_status(connection, run) is not None:
        raise _refusal(event, "the run started before")
    connection.execute(
        "INSERT INTO run (started_event, id, version, status, started_at) VALUES (?, ?, ?, ?, ?)",
        (event.id, run, _given(event, "version", int), RunStatus.RUNNING.value, documents.write_time(event.at)),
    )


def _run_finished(connection: Connection, event: Event) -> None:
    run, status = _name(event, "run"), _member(event, "status", RunStatus)
    _check_running(connection, event)
    if status is RunStatus.RUNNING:
        raise _refusal(event, "a run does not finish as `running`")
    connection.execute(
        "UPDATE run SET status = ?, finished_at = ?, reason = ? WHERE id = ?",
        (status.value, documents.write_time(event.at), _given(event, "reason", str), run),
    )


def _check_running(connection: Connection, event: Event) -> None:
    status = _run_status(connection, _name(event, "run"))
    if status != RunStatus.RUNNING.value:
        raise _refusal(event, "no such run" if status is None else f"the run is `{status}`")


def _run_status(connection: Connection, run: str) -> str | None:
    row = connection.execute("SELECT status FROM run WHERE id = ?", (run,)).fetchone()
    return None if row is None else str(row[0])


# --- versions --------------------------------------------------------------------------------------------------------


def _version_begun(connection: Connection, event: Event) -> None:
    number, parent, run = _number(event, "version"), _given(event, "parent", int), _given(event, "run", str)
    highest = connection.execute("SELECT coalesce(max(number), 0) FROM version").fetchone()[0]
    if number <= highest:
        raise _refusal(event, f"version numbers are never used twice, and {highest} was used")
    if parent is not None and _version_state(connection, parent) in {None, PRUNED}:
        raise _refusal(event, f"its parent `version:{parent}` is not kept")
    connection.execute(
        "INSERT INTO version (number, parent, state, run, created_at, code_revision, was_published)"
        " VALUES (?, ?, ?, ?, ?, ?, FALSE)",
        (number, parent, CANDIDATE.value, run, documents.write_time(event.at), _given(event, "code_revision", str)),
    )
    connection.execute("UPDATE run SET version = ? WHERE id = ? AND version IS NULL", (number, run))


def _version_recorded(connection: Connection, event: Event) -> None:
    number, parent = _number(event, "version"), _given(event, "parent", int)
    state = _member(event, "state", VersionState)
    if _version_state(connection, number) is not None:
        raise _refusal(event, "the version is known")
    if state is PRUNED:
        raise _refusal(event, "a pruned version is not on disk")
    if parent is not None and not parent < number:
        raise _refusal(event, "a parent is older than its child")
    if state is PUBLISHED and (published := _published(connection)) is not None:
        raise _refusal(event, f"`version:{published}` is published")
    created_at = _read(event, "created_at", documents.read_time)
    texts = [_given(event, name, str) for name in ("run", "fingerprint", "code_revision", "reason")]
    connection.execute(
        "INSERT INTO version"
        " (number, parent, state, was_published, created_at, run, fingerprint, code_revision, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number, parent, state.value, state in {PUBLISHED, RETIRED}, documents.write_time(created_at), *texts),
    )


def _version_sealed(connection: Connection, event: Event) -> None:
    number = _moving(connection, event)
    fingerprint = _needed(event, "fingerprint", str)
    connection.execute("UPDATE version SET fingerprint = ? WHERE number = ?", (fingerprint, number))


def _version_judged(connection: Connection, event: Event) -> None:
    _moving(connection, event)


def _version_held(connection: Connection, event: Event) -> None:
    _set_version(connection, _moving(connection, event), HELD, _given(event, "reason", str))


def _version_published(connection: Connection, event: Event) -> None:
    number, previous, reason = _moving(connection, event), _published(connection), _given(event, "reason", str)
    if "previous" not in event.data or event.data["previous"] != previous:
        raise _refusal(event, f"it says it follows `{event.data.get('previous')}`, but `{previous}` is published")
    if previous is not None:
        connection.execute("UPDATE version SET state = ? WHERE number = ?", (RETIRED.value, previous))
    _set_version(connection, number, PUBLISHED, reason)
    connection.execute("UPDATE version SET was_published = TRUE WHERE number = ?", (number,))
    connection.execute(
        "INSERT INTO publication (event, version, previous, kind, at, actor, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            event.id,
            number,
            previous,
            _needed(event, "kind", str),
            documents.write_time(event.at),
            event.actor,
            reason or "",
        ),
    )


def _version_pruned(connection: Connection, event: Event) -> None:
    _set_version(connection, _moving(connection, event), PRUNED, _given(event, "reason", str))


def _moving(connection: Connection, event: Event) -> int:
    """The number of the version, once it is certain that the event is allowed in its present state."""
    number = _number(event, "version")
    state = _version_state(connection, number)
    if state not in VERSION_FROM[event.kind]:
        raise _refusal(event, "no such version" if state is None else f"the version is `{state}`")
    return number


def _version_state(connection: Connection, number: int) -> VersionState | None:
    row = connection.execute("SELECT state FROM version WHERE number = ?", (number,)).fetchone()
    return None if row is None else VersionState(row[0])


def _published(connection: Connection) -> int | None:
    row = connection.execute("SELECT number FROM version WHERE state = 'published'").fetchone()
    return None if row is None else int(row[0])


def _set_version(connection: Connection, number: int, state: VersionState, reason: str | None) -> None:
    connection.execute("UPDATE version SET state = ?, reason = ? WHERE number = ?", (state.value, reason, number))


# --- incidents -------------------------------------------------------------------------------------------------------


def _incident_opened(connection: Connection, event: Event) -> None:
    number = _number(event, "incident")
    incident = _understood(event, lambda: documents.read_part(Incident, event.data))
    if incident.number != number or incident.state is not OPEN:
        raise _refusal(event, f"the data is of incident {incident.number}, {incident.state}")
    highest = connection.execute("SELECT coalesce(max(number), 0) FROM incident").fetchone()[0]
    if number <= highest:
        raise _refusal(event, f"incident numbers are never used twice, and {highest} was used")
    connection.execute(
        "INSERT INTO incident (number, state, fingerprint, version, updated_at, document) VALUES (?, ?, ?, ?, ?, ?)",
        (
            number,
            OPEN.value,
            documents.clean(incident.fingerprint),
            incident.version,
            documents.write_time(incident.updated_at),
            documents.write(incident),
        ),
    )


def _incident_moved(connection: Connection, event: Event) -> None:
    number = _number(event, "incident")
    row = connection.execute("SELECT document FROM incident WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise _refusal(event, "no such incident")
    incident = documents.read(Incident, row[0])
    allowed, target = INCIDENT_MOVES[event.kind]
    if incident.state not in allowed:
        raise _refusal(event, f"the incident is `{incident.state}`")
    changed = CHANGES.get(event.kind, _unchanged)(incident, event)
    changed = replace(changed, state=target or incident.state, updated_at=event.at)
    connection.execute(
        "UPDATE incident SET state = ?, version = ?, updated_at = ?, document = ? WHERE number = ?",
        (
            changed.state.value,
            changed.version,
            documents.write_time(changed.updated_at),
            documents.write(changed),
            number,
        ),
    )


def _unchanged(incident: Incident, event: Event) -> Incident:  # noqa: ARG001  the shape of an entry in CHANGES
    return incident


def _seen(incident: Incident, event: Event) -> Incident:
    given = [name for name in SEEN_FIELDS if name in event.data]
    changes = _understood(
        event, lambda: {name: documents.read_field(Incident, name, event.data[name]) for name in given}
    )
    again = replace(incident, seen=incident.seen + 1, **changes)
    return replace(again, suppressed_until=None) if again.severity < incident.severity else again


def _assigned(incident: Incident, event: Event) -> Incident:
    role = Role.LEAD if event.data.get("role") is None else _member(event, "role", Role)
    changes: dict[str, Any] = {dict(ROLE_FIELDS)[role]: _given(event, "assignee", str)}
    return replace(incident, **changes)


def _suppressed(incident: Incident, event: Event) -> Incident:
    return replace(incident, suppressed_until=_given(event, "until", datetime))


def _acknowledged(incident: Incident, event: Event) -> Incident:
    return replace(incident, acknowledged_at=event.at)


def _mitigated(incident: Incident, event: Event) -> Incident:
    return replace(incident, mitigated_at=event.at)


def _resolved(incident: Incident, event: Event) -> Incident:
    return replace(incident, resolution=_given(event, "resolution", str), resolved_at=event.at)


def _reopened(incident: Incident, event: Event) -> Incident:
    return replace(
        incident,
        resolution=None,
        reopened_at=event.at,
        acknowledged_at=None,
        mitigated_at=None,
        resolved_at=None,
    )


CHANGES: Mapping[str, Callable[[Incident, Event], Incident]] = {
    "incident.seen": _seen,
    "incident.assigned": _assigned,
    "incident.suppressed": _suppressed,
    "incident.acknowledged": _acknowledged,
    "incident.mitigated": _mitigated,
    "incident.resolved": _resolved,
    "incident.reopened": _reopened,
}
"""What an event changes of an incident besides its state."""


# --- what an event says ----------------------------------------------------------------------------------------------

T = TypeVar("T")


def _refusal(event: Event, because: str) -> StateError:
    return StateError(
        f"`{event.kind}` of `{event.subject}` is not allowed: {because}",
        hint="another command may have come first; look at `tidegate status` and run the command again",
    )


def _name(event: Event, noun: str) -> str:
    prefix, _, name = event.subject.partition(":")
    if prefix != noun or not name:
        raise _refusal(event, f"its subject is not `{noun}:...`")
    return name


def _number(event: Event, noun: str) -> int:
    name = _name(event, noun)
    if not (name.isascii() and name.isdigit() and 1 <= int(name) < LARGEST):
        raise _refusal(event, "its subject has no number from 1 on")
    return int(name)


def _understood(event: Event, reading: Callable[[], T]) -> T:
    try:
        return reading()
    except ValueError as error:
        raise _refusal(event, f"its data cannot be read: {error}") from error


def _read(event: Event, name: str, reading: Callable[[object], T]) -> T:
    if name not in event.data:
        raise _refusal(event, f"its data lacks `{name}`")
    return _understood(event, lambda: reading(event.data[name]))


def _needed(event: Event, name: str, kind: type[T]) -> T:
    return _read(event, name, lambda document: documents.read_part(kind, document))


def _given(event: Event, name: str, kind: type[T]) -> T | None:
    value: Any = event.data.get(name)
    return None if value is None else _needed(event, name, kind)


def _member(event: Event, name: str, members: type[E]) -> E:
    return _read(event, name, members)


PROJECTIONS: Mapping[str, Callable[[Connection, Event], None]] = {
    "run.started": _run_started,
    "run.finished": _run_finished,
    "step.started": _check_running,
    "step.finished": _check_running,
    "version.begun": _version_begun,
    "version.recorded": _version_recorded,
    "version.sealed": _version_sealed,
    "version.judged": _version_judged,
    "version.held": _version_held,
    "version.published": _version_published,
    "version.pruned": _version_pruned,
    "incident.opened": _incident_opened,
    **dict.fromkeys(INCIDENT_MOVES, _incident_moved),
}
"""By kind of event."""
