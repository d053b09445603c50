"""How rows go into quarantine in DuckDB: which ones fail is found beside the candidate, then they move in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from tidegate.errors import QueryError
from tidegate.metrics import literal, quoted, select
from tidegate.model import DatasetRef, Quarantined
from tidegate.model.quarantine import quarantine_table
from tidegate.ports import ROW, Mark, Suspicion

Ask: TypeAlias = Callable[[str], list[tuple[object, ...]]]

ASIDE = "tidegate_rows"
"""A database in memory, attached beside the candidate: what finds the failing rows leaves no trace in the candidate."""

FOUND = f'{ASIDE}.main."failing rows"'
REASONS = f'{ASIDE}.main."because of"'
SUSPECTS = f'{ASIDE}.main."rows and reasons"'
"""Objects there. The view of the table has the table's own name, so that a rule may say `orders.amount`."""

OWN_NAMES = frozenset({"rowid", ROW})
"""With such a column a table hides what DuckDB knows its rows by."""

MARKS = {
    "_tidegate_check": "VARCHAR",
    "_tidegate_reason": "VARCHAR",
    "_tidegate_run": "VARCHAR",
    "_tidegate_version": "BIGINT",
    "_tidegate_load": "VARCHAR",
    "_tidegate_at": "TIMESTAMP",
}
"""The columns beside a row's own, with their types."""


def move(
    ask: Ask, catalog: str, ref: DatasetRef, suspicions: Sequence[Suspicion], *, mark: Mark, most: float
) -> Quarantined:
    """Move the rows that fail; see `ports.Warehouse.quarantine`. `catalog` is the candidate's name in the session.

    Raises:
        QueryError: the engine refused a statement, or the rows that went out are not those that came in.
    """
    table, into = _named(catalog, ref), quarantine_table(ref)
    columns = _columns(ask, catalog, ref)
    _demand_free(columns, ref)
    by_check = _find(ask, table, ref, suspicions)
    ((rows,),) = ask(select(["COUNT(*)"], table))
    ((failing,),) = ask(select(["COUNT(DISTINCT row_id)"], FOUND))
    found = Quarantined(
        dataset=ref, into=into, rows=_int(rows), failing=_int(failing), by_check=by_check, moved=False, again=0
    )
    if not found.failing or found.failing > most * found.rows:
        return found
    ask("BEGIN TRANSACTION")
    try:
        _prepare(ask, catalog, into, columns, mark.version)
        again = found.failing - _copy(ask, table, _named(catalog, into), tuple(columns), mark)
        ((gone,),) = ask(f"DELETE FROM {table} WHERE rowid IN (SELECT row_id FROM {SUSPECTS})")  # noqa: S608 only quoted names
        if gone != found.failing:
            raise QueryError(f"{gone} rows went out where {found.failing} fail", sql=table)
        ask("COMMIT")
    except QueryError:
        with suppress(QueryError):  # a commit that fails has ended the transaction
            ask("ROLLBACK")
        raise
    return Quarantined(
        dataset=ref, into=into, rows=found.rows, failing=found.failing, by_check=by_check, moved=True, again=again
    )


def _named(catalog: str, ref: DatasetRef) -> str:
    return f"{quoted(catalog)}.{quoted(ref.namespace)}.{quoted(ref.name)}"


def _columns(ask: Ask, catalog: str, ref: DatasetRef) -> dict[str, str]:
    """Names and types; empty when there is no such table."""
    where = {"database_name": catalog, "schema_name": ref.namespace, "table_name": ref.name}
    same = [f"lower({column}) = lower({literal(value)})" for column, value in where.items()]
    found = ask(select(["column_name", "data_type"], "duckdb_columns()", where=same, order=["column_index"]))
    return {str(name): str(type_text) for name, type_text in found}


def _demand_free(columns: dict[str, str], ref: DatasetRef) -> None:
    """Refuse a table whose columns have names that are needed here."""
    for name in columns:
        if name.casefold() in {*OWN_NAMES, *MARKS}:
            raise QueryError(f"{ref} has a column `{name}`, which quarantine needs for itself", sql=str(ref))


def _find(ask: Ask, table: str, ref: DatasetRef, suspicions: Sequence[Suspicion]) -> dict[str, int]:
    """Note which rows fail which check. Returns how many fail each."""
    view = DatasetRef(namespace=ASIDE, name=ref.name)
    ask(f"ATTACH ':memory:' AS {ASIDE}")
    ask(f"CREATE VIEW {ASIDE}.main.{quoted(ref.name)} AS SELECT *, rowid AS {ROW} FROM {table}")  # noqa: S608 only quoted names
    ask(f"CREATE TABLE {FOUND} (row_id BIGINT, place INTEGER)")
    ask(f"CREATE TABLE {REASONS} (place INTEGER, id VARCHAR, reason VARCHAR)")
    counts: dict[str, int] = {}
    for place, suspicion in enumerate(suspicions):
        failing = select([f"DISTINCT {ROW}", str(place)], f"({suspicion.failing(view)}) AS failing")
        ((count,),) = ask(f"INSERT INTO {FOUND} {failing}")
        because = ", ".join([str(place), literal(suspicion.check), literal(suspicion.reason)])
        ask(f"INSERT INTO {REASONS} VALUES ({because})")  # noqa: S608 only quoted literals
        counts[suspicion.check] = _int(count)
    texts = [f"string_agg({column}, '; ' ORDER BY place) AS {column}" for column in ("id", "reason")]
    joined = select(["row_id", *texts], f"{FOUND} JOIN {REASONS} USING (place)", group=["row_id"])
    ask(f"CREATE TABLE {SUSPECTS} AS {joined}")
    return counts


def _prepare(ask: Ask, catalog: str, into: DatasetRef, columns: dict[str, str], version: int) -> None:
    """Make the quarantine table, or let it have every column that the rows have."""
    target = _named(catalog, into)
    present = {name.casefold(): type_text for name, type_text in _columns(ask, catalog, into).items()}
    if any(present.get(name.casefold(), type_text) != type_text for name, type_text in columns.items()):
        ask(f"ALTER TABLE {target} RENAME TO {quoted(f'{into.name}__until_{version}')}")
        present = {}
    if not present:
        ask(f"CREATE SCHEMA IF NOT EXISTS {quoted(catalog)}.{quoted(into.namespace)}")
        made = ", ".join(f"{quoted(name)} {type_text}" for name, type_text in {**columns, **MARKS}.items())
        ask(f"CREATE TABLE {target} ({made})")
        return
    for name, type_text in columns.items():
        if name.casefold() not in present:
            ask(f"ALTER TABLE {target} ADD COLUMN {quoted(name)} {type_text}")


def _copy(ask: Ask, table: str, target: str, columns: Sequence[str], mark: Mark) -> int:
    """Copy the rows that are not kept yet because of the same checks. Returns how many."""
    names = [quoted(name) for name in columns]
    own = [f"rows_of.{name}" for name in names]
    arrived = select(
        [*own, "suspect.id"], f"{table} AS rows_of JOIN {SUSPECTS} AS suspect ON rows_of.rowid = suspect.row_id"
    )
    kept = select([*names, "_tidegate_check"], target)
    reasons = select(["id", "any_value(reason) AS reason"], SUSPECTS, group=["id"])
    values = [literal(mark.run), str(mark.version), literal(mark.load), f"TIMESTAMP '{mark.at:%Y-%m-%d %H:%M:%S.%f}'"]
    new = select(
        [*(f"new_rows.c{place}" for place in range(len(names))), "new_rows.because", "reasons.reason", *values],
        f"({arrived} EXCEPT ALL {kept}) AS new_rows({_places(len(names))}because)"
        f" JOIN ({reasons}) AS reasons ON reasons.id = new_rows.because",
    )
    ((count,),) = ask(f"INSERT INTO {target} ({', '.join([*names, *MARKS])}) {new}")
    return _int(count)


def _places(count: int) -> str:
    return "".join(f"c{place}, " for place in range(count))


def _int(value: object) -> int:
    return int(str(value))
