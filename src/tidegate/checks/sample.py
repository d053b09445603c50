"""The failing rows to look at: some of them with their keys, and the SQL that gets all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.checks import failing
from tidegate.checks.catalogue import CHECKS
from tidegate.metrics import ConditionError, condition, quoted, relation, select
from tidegate.model import Check, Dataset, DatasetRef

KEY: Final = re.compile(r"^(id|key|uuid)$|_(id|key|uuid|no|number|ref)$", re.IGNORECASE)
MOST_COLUMNS: Final = 8
"""Columns that a sample shows besides those that the check is about. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleQuery:
    """`sql_sample` returns at most the limit, `sql_all` every failing row; `columns` are theirs, empty when only the
    engine knows them.
    """

    sql_sample: str
    sql_all: str
    columns: tuple[str, ...]


def sample_query(
    check: Check, catalog: Mapping[DatasetRef, Dataset], *, limit: int, keys: Sequence[str] = ()
) -> SampleQuery | None:
    """The SQL of a check's failing rows, keys first; None when rows do not fail in that kind, or it cannot be asked.

    Args:
        limit: the most rows that `sql_sample` returns.
        keys: the columns that identify a row; when empty, those whose names say so.
    """
    kind = CHECKS.get(check.kind)
    dataset = catalog.get(check.dataset)
    if kind is None or kind.failing is None:
        return None
    try:
        if dataset is None or check.kind == "sql":
            return _query(select(["*"], f"({kind.failing(check)}) AS failing"), (), limit)
        if check.kind == "accepted_values":
            return _query(kind.failing(check), ("value_field", "n_records"), limit, order=["n_records DESC", "1"])
        columns = _columns(check, dataset, keys)
        items = [quoted(name) for name in columns]
        if check.kind == "unique":
            return _query(
                _repeated(check, items), columns, limit, order=list(dict.fromkeys([failing.subject(check), *items[:1]]))
            )
        if check.kind == "relationships":
            return _query(failing.orphans(check, items), columns, limit)
        return _query(select(items, f"({kind.failing(check)}) AS failing"), columns, limit)
    except (ConditionError, failing.ArgumentError):
        return None


def _query(sql: str, columns: tuple[str, ...], limit: int, order: Sequence[str] = ()) -> SampleQuery:
    ordered = f"{sql} ORDER BY {', '.join(order)}" if order else sql
    return SampleQuery(sql_sample=f"{ordered} LIMIT {limit}", sql_all=ordered, columns=columns)


def _repeated(check: Check, items: Sequence[str]) -> str:
    """The rows that hold a repeated value, so that one sees what else they share."""
    values = select(["unique_field"], f"({failing.unique(check)}) AS repeated")
    inside = f"{failing.subject(check)} IN ({values})"
    return select(items, relation(check.dataset), where=[*failing.where(check), inside])


def _columns(check: Check, dataset: Dataset, keys: Sequence[str]) -> tuple[str, ...]:
    """Keys, the columns that the check is about, then others in their order until there are enough."""
    named = [column.name for name in keys if (column := dataset.column(name)) is not None]
    if not named:
        named = [c.name for c in dataset.columns if KEY.search(c.name) and not c.name.startswith("_")][:2]
    named += _about(check, dataset)
    shown = list(dict.fromkeys(named))
    others = [c.name for c in dataset.columns if c.name not in set(shown) and not c.name.startswith("_")]
    return tuple(shown + others[: max(0, MOST_COLUMNS - len(shown))])


def _about(check: Check, dataset: Dataset) -> list[str]:
    """The columns that the check names, in its column or in its SQL."""
    from sqlglot import expressions as x
    from sqlglot import parse_one

    name = failing.column_name(check)
    texts = [check.where, check.arguments.get("expression"), check.column if name is None else None]
    found = [dataset.column(name)] if name is not None else []
    for text in texts:
        if isinstance(text, str) and text:
            tree = parse_one(condition(text), read="duckdb")
            found += [dataset.column(column.name) for column in tree.find_all(x.Column)]
    return [column.name for column in found if column is not None]
