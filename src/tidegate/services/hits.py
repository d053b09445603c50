"""Hits: which rows of a version a drill damages, in which column: those that the version before did not have."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.errors import UsageError
from tidegate.metrics import ConditionError, condition, literal, quoted
from tidegate.model import Column, Dataset, DatasetRef, Drill
from tidegate.ports import HIT, Damage, Fault, Reader

NEW = "tidegate_new"
OWN = ("_dlt_", "_tidegate_")
"""How the columns begin that tools keep for themselves: an accident of the data does not happen to them."""

MOST_CATEGORIES = 50
USUAL_SHARE = (0.05, 0.6)
"""A category is one of at most so many values; lost is one that has such a share of the rows. Chosen, not derived."""

PARTS = 10_000
"""A share of the rows is taken by hash, in ten-thousandths, so that the same drill hits the same rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a drill does, settled: the drill with its column, value and magnitude, the rows in all, new, and hit, and the
    SELECT that gives the table after the accident, from the catalogs `old` and `new`.
    """

    drill: Drill
    fault: Fault
    dataset: Dataset
    rows: int
    new_rows: int
    hit_rows: int
    sql: str


def aim(
    reader: Reader, old: Sequence[Dataset], new: Sequence[Dataset], drill: Drill, fault: Fault, key: Sequence[str]
) -> Target:
    """Settle what a drill does. Reads the table's columns a few times.

    Args:
        reader: over the version before as the catalog `old`, and the one to be damaged as `new`.
        key: the columns that are known to identify a row.

    Raises:
        UsageError: no such table or column, the fault cannot happen to it, or no row is hit.
    """
    dataset = _dataset(new, drill.table)
    before = next((d for d in old if d.ref == drill.table and not d.is_view), None)
    rows = _marked(dataset, before)
    column = _column(reader, dataset, rows, drill, fault, key)
    magnitude = fault.magnitude if drill.magnitude is None else drill.magnitude
    if fault.unit == "share" and not 0 < magnitude <= 1:
        raise UsageError(f"a share is above 0 and at most 1; found `{magnitude:g}`", hint="correct the magnitude")
    value = drill.value
    if fault.loses_category and column is not None and value is None:
        value = _category(reader, rows, column, drill)
    settled = dataclasses.replace(drill, column=column.name if column else None, value=value, magnitude=magnitude)
    hit = _hit(rows, dataset, settled, fault)
    counts = f"SELECT count(*), count_if({NEW}), count_if({HIT}) FROM {hit}"  # noqa: S608 quoted names, the user's condition
    total, fresh, struck = (int(str(n)) for n in reader.query(counts).rows[0])
    if not struck:
        where = f" for which `{drill.where}` is true" if drill.where else ""
        raise UsageError(f"`{drill.table}` has no row{where} that could be hit", hint="choose another table or `where`")
    select = fault.select(Damage(rows=hit, columns=dataset.columns, column=column, magnitude=magnitude))
    return Target(drill=settled, fault=fault, dataset=dataset, rows=total, new_rows=fresh, hit_rows=struck, sql=select)


def _dataset(catalog: Sequence[Dataset], ref: DatasetRef) -> Dataset:
    found = next((d for d in catalog if d.ref == ref and not d.is_view), None)
    if found is None:
        known = ", ".join(str(d.ref) for d in catalog if not d.is_view and not d.ref.name.startswith("_"))
        raise UsageError(f"there is no table `{ref}` in the published version", hint=f"there are: {known or 'none'}")
    return found


def _marked(dataset: Dataset, before: Dataset | None) -> str:
    """The rows with NEW: those that the version before has not; all, where nothing is new or there was no such table."""
    name = f"{quoted(dataset.ref.namespace)}.{quoted(dataset.ref.name)}"
    if before is None:
        return f"(SELECT *, true AS {NEW} FROM new.{name})"  # noqa: S608 only quoted names
    shared = {c.name for c in before.columns}
    columns = ", ".join(quoted(c.name) for c in dataset.columns if c.name in shared) or "1"
    fresh = f"hash({columns}) NOT IN (SELECT hash({columns}) FROM old.{name})"  # noqa: S608 only quoted names
    return (
        f"(SELECT * REPLACE ({NEW} OR NOT bool_or({NEW}) OVER () AS {NEW})"  # noqa: S608 only quoted names
        f" FROM (SELECT *, {fresh} AS {NEW} FROM new.{name}))"
    )


def _hit(rows: str, dataset: Dataset, drill: Drill, fault: Fault) -> str:
    parts = [NEW]
    if drill.where is not None:
        try:
            parts.append(f"coalesce(({condition(drill.where)}), false)")
        except ConditionError as error:
            raise UsageError(str(error), hint="write a SQL predicate, such as `country = 'DE'`") from error
    if drill.value is not None and drill.column is not None:
        parts.append(f"CAST({quoted(drill.column)} AS VARCHAR) IS NOT DISTINCT FROM {literal(drill.value)}")
    if fault.unit == "share" and drill.magnitude is not None and drill.magnitude < 1:
        columns = ", ".join(quoted(c.name) for c in dataset.columns)
        parts.append(f"hash({columns}, 'drill') % {PARTS} < {drill.magnitude * PARTS:.0f}")
    return f"(SELECT *, {' AND '.join(parts)} AS {HIT} FROM {rows})"  # noqa: S608 quoted names, the user's condition


def _column(
    reader: Reader, dataset: Dataset, rows: str, drill: Drill, fault: Fault, key: Sequence[str]
) -> Column | None:
    if not fault.suits:
        return None
    if drill.column is not None:
        column = dataset.column(drill.column)
        if column is None:
            known = ", ".join(c.name for c in dataset.columns)
            raise UsageError(f"`{dataset.ref}` has no column `{drill.column}`", hint=f"it has {known}")
        if column.family not in fault.suits:
            kinds = " or ".join(fault.suits)
            raise UsageError(
                f"`{fault.name}` happens to a {kinds} column, and `{column.name}` is `{column.type}`",
                hint="name another column, or none",
            )
        return column
    able = [c for c in dataset.columns if c.family in fault.suits and not c.name.startswith(OWN)]
    counts = _distinct(reader, rows, able)
    varied = [c for c in able if counts[c.name] > 1] or able
    usual = sorted(varied, key=lambda c: _liking(c, counts, fault, key))
    if fault.loses_category:
        usual = [c for c in usual if counts[c.name] <= MOST_CATEGORIES]
    if not usual:
        raise UsageError(
            f"`{dataset.ref}` has no column to which `{fault.name}` can happen", hint="name a column, or another table"
        )
    return usual[0]


def _distinct(reader: Reader, rows: str, columns: Sequence[Column]) -> dict[str, int]:
    if not columns:
        return {}
    items = ", ".join(f"count(DISTINCT {quoted(c.name)})" for c in columns)
    answer = reader.query(f"SELECT {items} FROM {rows} WHERE {NEW}").rows[0]  # noqa: S608 only quoted names
    return {c.name: int(str(n)) for c, n in zip(columns, answer, strict=True)}


def _liking(column: Column, counts: dict[str, int], fault: Fault, key: Sequence[str]) -> tuple[bool, bool, int, int]:
    """Keys for the faults of keys and not for others; then what it suits best; then what has most values, or fewest for a
    category.
    """
    is_key = column.name in key or column.name.lower().endswith(("_id", "_key")) or column.name.lower() == "id"
    wants_key = fault.name.startswith("keys-")
    most = counts[column.name] if fault.loses_category else -counts[column.name]
    return (
        is_key is not wants_key,
        wants_key and (column.name in key) is not (fault.name == "keys-repeated"),
        fault.suits.index(column.family),
        most,
    )


def _category(reader: Reader, rows: str, column: Column, drill: Drill) -> str:
    """The largest category with a usual share of the new rows; the one whose share comes nearest where none has."""
    name = quoted(column.name)
    parts = [NEW, f"{name} IS NOT NULL"]
    counted = f"SELECT CAST({name} AS VARCHAR), count(*) FROM {rows} WHERE {' AND '.join(parts)} GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608 only quoted names
    found = [(str(v), int(str(n))) for v, n in reader.query(counted).rows]
    if not found:
        raise UsageError(f"`{drill.table}.{column.name}` has no value in the new rows", hint="name another column")
    total = sum(n for _, n in found)
    low, high = USUAL_SHARE
    usual = [v for v, n in found if low * total <= n <= high * total]
    return usual[0] if usual else found[-1][0]
