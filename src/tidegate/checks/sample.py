"""The failing rows to look at: some of them with their keys, and the SQL that gets all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tidegate.checks import failing
from tidegate.checks.catalogue import CHECKS
from tidegate.metrics import ConditionError, condition, quoted, relation, select
from tidegate.model import Check, Dataset, DatasetRef

KEY: Final = re.compile(r"^(id|key|uuid)$|_(id|key|uuid|no|number|ref)$", re.IGNORECASE)
MOST_COLUMNS: Final = 8
"""Columns that a sample shows besides those that the check is about. Chosen, not derived."""


QUERIES: Final = ("sql", "compiled")
"""Kinds whose failing rows are what the user's query returns."""

NAMED: Final = ("accepted_values", "unique", "relationships")
"""Kinds whose sample is put together below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleQuery:
    """`sql_sample` returns at most the limit, `sql_all` every failing row; `columns` are theirs, empty when only the
    engine knows them. `stands_for` tells of what is shown under another name which columns of the table it is made of.
    """

    sql_sample: str
    sql_all: str
    columns: tuple[str, ...]
    stands_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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
        if not may_show(check):
            return None
        if dataset is None or check.kind in QUERIES:
            return _query(select(["*"], f"({kind.failing(check)}) AS failing"), (), limit)
        if check.kind == "accepted_values":
            shown = _query(kind.failing(check), ("value_field", "n_records"), limit, order=["n_records DESC", "1"])
            return replace(shown, stands_for={"value_field": _behind(check)})
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


def may_show(check: Check) -> bool:
    """Whether failing rows come with the names of the table's columns: what was renamed could not be masked by name."""
    if check.kind == "compiled":
        return check.arguments.get("test") == "singular"
    return CHECKS[check.kind].whole_rows or check.kind in (*QUERIES, *NAMED)


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
    """The columns that the check names, in its column, in its arguments or in its SQL."""
    name = failing.column_name(check)
    found = [dataset.column(name)] if name is not None else []
    for argument in check.arguments.values():
        names = argument if isinstance(argument, list | tuple) else [argument]
        found += [dataset.column(one) for one in names if isinstance(one, str)]
    expression = check.arguments.get("expression") if check.column is None else None
    for text in (failing.restriction(check), expression, check.column if name is None else None):
        if isinstance(text, str) and text:
            found += [dataset.column(one) for one in _columns_in(text)]
    return [column.name for column in found if column is not None]


def _behind(check: Check) -> tuple[str, ...]:
    """The columns that the value which a check is about is made of."""
    name = failing.column_name(check)
    return (name,) if name is not None else tuple(_columns_in(check.column or ""))


def _columns_in(text: str) -> list[str]:
    """The columns that an expression names.

    Raises:
        ConditionError: it is not one expression.
    """
    from sqlglot import expressions as x
    from sqlglot import parse_one

    return [column.name for column in parse_one(condition(text), read="duckdb").find_all(x.Column)]
