"""Compare: the statements that say how one table differs between two versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from tidegate.model import Column, Dataset, DatasetRef

OLD, NEW = "old", "new"
"""The catalogs under which a comparing reader has the two versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnTotals:
    """What the two sides hold in one column: non-null counts, and whether the multiset of values is the same."""

    name: str
    old_filled: int
    new_filled: int
    same_values: bool


def totals_query(dataset: Dataset, columns: Sequence[Column]) -> str:
    """One row per side (`old` first): the side, its row count, then filled count and checksum for each column.

    The checksum is the sum of 64-bit hashes, so the order of rows does not matter; two different multisets agree by
    chance about once in 2^64.
    """
    sides = [_totals(side, dataset.ref, columns) for side in (OLD, NEW)]
    return exp.union(sides[0], sides[1], distinct=False).sql("duckdb")


def read_totals(
    columns: Sequence[Column], rows: Sequence[Sequence[object]]
) -> tuple[int, int, tuple[ColumnTotals, ...]]:
    """The rows of `totals_query` as (old row count, new row count, columns)."""
    by_side = {str(row[0]): row for row in rows}
    old, new = by_side[OLD], by_side[NEW]
    found = []
    for place, column in enumerate(columns):
        filled, checksum = 2 + 2 * place, 3 + 2 * place
        found.append(
            ColumnTotals(
                name=column.name,
                old_filled=int(str(old[filled])),
                new_filled=int(str(new[filled])),
                same_values=old[checksum] == new[checksum],
            )
        )
    return int(str(old[1])), int(str(new[1])), tuple(found)


def changes_query(dataset: Dataset, columns: Sequence[Column], key: Sequence[str]) -> str:
    """One row: keys added, keys removed, keys with a changed value, then per column how many values changed.

    Joins the two sides on the key (NULL equals NULL); the cost is one hash join of the table with itself.
    """
    rest = [c for c in columns if c.name not in set(key)]
    old_missing = _side(OLD, "present").is_(exp.null())
    new_missing = _side(NEW, "present").is_(exp.null())
    both = exp.and_(old_missing.not_(), new_missing.not_())
    differs = [exp.NullSafeNEQ(this=_side(OLD, c.name), expression=_side(NEW, c.name)) for c in rest]
    changed = exp.and_(both.copy(), exp.or_(*[d.copy() for d in differs])) if differs else exp.false()
    counts = [_count_if(old_missing.copy()), _count_if(new_missing.copy()), _count_if(changed)]
    counts += [_count_if(exp.and_(both.copy(), d)) for d in differs]
    return _joined(dataset.ref, columns, key).select(*counts).sql("duckdb")


def changed_keys_query(dataset: Dataset, columns: Sequence[Column], key: Sequence[str], *, limit: int) -> str:
    """Up to `limit` keys that were added, removed or changed: what happened, then the key's columns as text."""
    rest = [c for c in columns if c.name not in set(key)]
    old_missing = _side(OLD, "present").is_(exp.null())
    new_missing = _side(NEW, "present").is_(exp.null())
    differs = [exp.NullSafeNEQ(this=_side(OLD, c.name), expression=_side(NEW, c.name)) for c in rest]
    kind = (
        exp.Case()
        .when(old_missing.copy(), exp.Literal.string("added"))
        .when(new_missing.copy(), exp.Literal.string("removed"))
        .else_(exp.Literal.string("changed"))
    )
    keys = [
        exp.cast(exp.func("coalesce", _side(NEW, k), _side(OLD, k)), exp.DataType.Type.TEXT).as_(k, quoted=True)
        for k in key
    ]
    query = _joined(dataset.ref, columns, key).select(kind.as_("what", quoted=True), *keys)
    query = query.where(exp.or_(old_missing, new_missing, *differs))
    order = [exp.column(name, quoted=True) for name in ("what", *key)]
    return query.order_by(*order).limit(limit).sql("duckdb")


def _totals(side: str, ref: DatasetRef, columns: Sequence[Column]) -> exp.Select:
    wanted: list[exp.Expression] = [exp.Literal.string(side), exp.Count(this=exp.Star())]
    for column in columns:
        named = exp.column(column.name, quoted=True)
        hashed = exp.cast(exp.Anonymous(this="hash", expressions=[named.copy()]), "HUGEINT", dialect="duckdb")
        wanted += [exp.Count(this=named), exp.Sum(this=hashed)]
    return exp.select(*wanted).from_(_table(side, ref))


def _table(side: str, ref: DatasetRef) -> exp.Table:
    return exp.table_(ref.name, db=ref.namespace, catalog=side, quoted=True)


def _side(side: str, column: str) -> exp.Column:
    return exp.column(column, table=f"{side}_rows", quoted=True)


def _joined(ref: DatasetRef, columns: Sequence[Column], key: Sequence[str]) -> exp.Select:
    sides = []
    for side in (OLD, NEW):
        chosen = [exp.column(c.name, quoted=True) for c in columns]
        inner = exp.select(*chosen, exp.true().as_("present", quoted=True)).from_(_table(side, ref))
        sides.append(inner.subquery(exp.to_identifier(f"{side}_rows", quoted=True)))
    on = exp.and_(*[exp.NullSafeEQ(this=_side(OLD, k), expression=_side(NEW, k)) for k in key])
    return exp.Select().from_(sides[0]).join(sides[1], on=on, join_type="full outer")


def _count_if(condition: exp.Condition) -> exp.Condition:
    return exp.CountIf(this=condition)
