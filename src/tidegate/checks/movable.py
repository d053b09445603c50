"""Which checks fail by single rows of their table, and the SELECT of those rows from anything that stands for the table."""

from __future__ import annotations

from dataclasses import replace

from tidegate.checks import failing
from tidegate.checks.catalogue import CHECKS
from tidegate.metrics import accepted, relation, select
from tidegate.model import Check, DatasetRef

BY_VALUE = ("accepted_values", "relationships")
"""Kinds whose failures are values or keys, as dbt shows them, each of which still is in rows that can be told."""


def is_movable(check: Check) -> bool:
    """Whether the failures of that kind are rows, so that they can be moved out of the table."""
    kind = CHECKS.get(check.kind)
    return kind is not None and kind.reads == "failures" and (kind.whole_rows or check.kind in BY_VALUE)


def failing_rows(check: Check, ref: DatasetRef) -> str:
    """The SELECT of the rows of `ref` that fail, with all their columns; `ref` stands for the check's own table.

    The other table that an argument names stays what it is, also where that is the check's own.

    Raises:
        ConditionError, ArgumentError: the check cannot be evaluated.
    """
    kind = CHECKS[check.kind]
    others = {name: failing.target(check, name) for name in kind.others if name in check.arguments}
    named = {name: [other.namespace, other.name] for name, other in others.items()}
    there = replace(check, dataset=ref, arguments={**check.arguments, **named})
    if check.kind == "accepted_values":
        outside = f"{failing.subject(there)} NOT IN ({', '.join(accepted(failing.listed(there)))})"
        return select(["*"], relation(ref), where=[*failing.where(there), outside])
    if check.kind == "relationships":
        return failing.orphans(there, ["*"])
    if kind.failing is None:
        raise failing.ArgumentError(f"the failures of `{check.kind}` are no rows")
    return kind.failing(there)
