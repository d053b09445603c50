"""What was judged of a version: results of checks, findings, column lists, and notes about the scan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tidegate.model import Check, CheckResult, DatasetRef, Finding, Outcome
from tidegate.state import documents
from tidegate.state.connection import Connection
from tidegate.state.lineage import as_json
from tidegate.state.series import Catalogue

RESULT_COLUMNS = ("outcome", "reason", "failures", "evaluated", "measured", "expected")


def begin(connection: Connection, version: int, marks: Mapping[str, object]) -> None:
    """Note that a version was scanned; what an earlier scan of it brought is removed."""
    connection.execute("DELETE FROM scan WHERE version = ?", (version,))
    connection.execute("INSERT INTO scan (version, marks) VALUES (?, ?)", (version, documents.write_loose(marks)))


def save_results(connection: Connection, version: int, results: Sequence[CheckResult]) -> None:
    """Keep how the checks ended, in their order."""
    for position, result in enumerate(results):
        parts = documents.write_part(result)
        definition = {"check": parts["check"], "sql": parts.get("sql")}
        sample = parts.get("sample")
        connection.execute(
            "INSERT INTO result (version, position, definition, sample,"
            " outcome, reason, failures, evaluated, measured, expected) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                version,
                position,
                _kept_once(connection, documents.dumps(definition)),
                None if sample is None else documents.dumps(sample),
                *(parts.get(name) for name in RESULT_COLUMNS),
            ),
        )


def results(connection: Connection, version: int) -> tuple[CheckResult, ...]:
    """How the checks of a version ended, in the order in which they were saved."""
    rows = connection.execute(
        "SELECT body, sample, outcome, reason, failures, evaluated, measured, expected"
        " FROM result JOIN document ON document.id = result.definition WHERE version = ? ORDER BY position",
        (version,),
    )
    return tuple(_result(*row) for row in rows)


def results_of(connection: Connection, versions: Collection[int]) -> dict[int, tuple[CheckResult, ...]]:
    """How the checks of several versions ended, without samples; each check is read once, however many versions have it."""
    rows = connection.execute(
        "SELECT version, definition, outcome, reason, failures, evaluated, measured, expected FROM result"
        " WHERE version IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) ORDER BY version, position",
        (as_json(tuple(versions)),),
    )
    checks: dict[int, tuple[Check, str | None]] = {}
    found: dict[int, list[CheckResult]] = {version: [] for version in versions}
    for version, definition, outcome, *columns in rows:
        if definition not in checks:
            checks[definition] = _definition(connection, definition)
        check, sql = checks[definition]
        parts = dict(zip(RESULT_COLUMNS[1:], columns, strict=True))
        found[version].append(CheckResult(check=check, sql=sql, outcome=Outcome(outcome), **parts))
    return {version: tuple(ended) for version, ended in found.items()}


def _definition(connection: Connection, number: int) -> tuple[Check, str | None]:
    ((body,),) = connection.execute("SELECT body FROM document WHERE id = ?", (number,)).fetchall()
    parts = documents.loads(body)
    return documents.read_part(Check, parts["check"]), parts["sql"]


def tables_of(connection: Connection, versions: Collection[int]) -> dict[int, frozenset[DatasetRef]]:
    """Which datasets were measured in each of several versions."""
    rows = connection.execute(
        "SELECT version, namespace, name FROM dataset_shape JOIN dataset ON dataset.id = dataset_shape.dataset"
        " WHERE version IN (SELECT CAST(value AS BIGINT) FROM json_each(?))",
        (as_json(tuple(versions)),),
    )
    found: dict[int, set[DatasetRef]] = {version: set() for version in versions}
    for version, namespace, name in rows:
        found[version].add(DatasetRef(namespace=namespace, name=name))
    return {version: frozenset(refs) for version, refs in found.items()}


def _result(definition: str, sample: str | None, *columns: object) -> CheckResult:
    parts = documents.loads(definition) | dict(zip(RESULT_COLUMNS, columns, strict=True))
    return documents.read_part(CheckResult, parts | {"sample": None if sample is None else documents.loads(sample)})


def save_findings(connection: Connection, version: int, findings: Sequence[Finding]) -> None:
    """Keep the findings, in their order."""
    connection.executemany(
        "INSERT INTO finding (version, position, document) VALUES (?, ?, ?)",
        [(version, position, documents.write(finding)) for position, finding in enumerate(findings)],
    )


def findings(connection: Connection, version: int) -> tuple[Finding, ...]:
    """The findings of a version, in the order in which they were saved."""
    rows = connection.execute("SELECT document FROM finding WHERE version = ? ORDER BY position", (version,))
    return tuple(documents.read(Finding, document) for (document,) in rows)


def save_schemas(connection: Connection, version: int, schemas: Mapping[DatasetRef, Sequence[tuple[str, str]]]) -> None:
    """Keep the columns of each dataset, in their order."""
    catalogue = Catalogue(connection)
    for dataset, columns in schemas.items():
        shape = documents.dumps([[documents.clean(name), documents.clean(kind)] for name, kind in columns])
        connection.execute(
            "INSERT INTO dataset_shape (version, dataset, shape) VALUES (?, ?, ?)",
            (version, catalogue.dataset(dataset), _kept_once(connection, shape)),
        )


def schemas(connection: Connection, version: int) -> dict[DatasetRef, tuple[tuple[str, str], ...]]:
    """The (column, type) pairs of each dataset of a version, by name of the dataset."""
    rows = connection.execute(
        "SELECT namespace, name, body FROM dataset_shape JOIN dataset ON dataset.id = dataset_shape.dataset"
        " JOIN document ON document.id = dataset_shape.shape WHERE version = ? ORDER BY namespace, name",
        (version,),
    )
    return {DatasetRef(namespace=namespace, name=name): _columns(shape) for namespace, name, shape in rows}


def _columns(shape: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, kind) for name, kind in documents.loads(shape))


def marks(connection: Connection, version: int) -> Mapping[str, object]:
    """What was noted about the scan of a version; empty when it was not scanned."""
    row = connection.execute("SELECT marks FROM scan WHERE version = ?", (version,)).fetchone()
    found: dict[str, Any] = {} if row is None else documents.read_loose(row[0])
    return found


def _kept_once(connection: Connection, document: str) -> int:
    row = connection.execute("SELECT id FROM document WHERE body = ?", (document,)).fetchone()
    if row is not None:
        return int(row[0])
    return int(connection.execute("INSERT INTO document (body) VALUES (?) RETURNING id", (document,)).fetchone()[0])
