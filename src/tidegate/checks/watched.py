"""Numbers beside those that a check is judged by: they tell whether it could have failed at all."""

from __future__ import annotations

from tidegate.checks.arguments import columns
from tidegate.checks.catalogue import CHECKS
from tidegate.checks.failing import column_name, restriction, target, where
from tidegate.checks.kind import Blind
from tidegate.metrics import Vouched, relation, select
from tidegate.model import Check, MetricSpec

GROUPINGS = ("group_by", "group_by_columns")


def watched(check: Check) -> tuple[MetricSpec, ...]:
    """How many rows the other tables have, in how many the column is NULL or the demand known, how many meet a condition that blinds the
    check, and how many groups there are.

    Raises:
        ConditionError, ArgumentError: an argument cannot be used.
    """
    kind = CHECKS[check.kind]
    found = [
        MetricSpec(dataset=target(check, name), metric="row_count") for name in kind.others if name in check.arguments
    ]
    blinding = (rows_of(check, fault) for fault in kind.blind if fault.when(check))
    return (*found, *(spec for spec in (nulls(check), known(check), groups(check), *blinding) if spec is not None))


def nulls(check: Check) -> MetricSpec | None:
    """In how many rows there is no value, where such rows pass."""
    name = column_name(check)
    if not CHECKS[check.kind].null_passes or name is None:
        return None
    return MetricSpec(dataset=check.dataset, metric="null_count", column=name, where=restriction(check))


def known(check: Check) -> MetricSpec | None:
    """In how many rows it can be told whether they are as demanded, where those pass in which it cannot."""
    demand = CHECKS[check.kind].demand
    if demand is None:
        return None
    return MetricSpec(
        dataset=check.dataset, metric="known_rows", argument=Vouched(demand(check)), where=restriction(check)
    )


def groups(check: Check) -> MetricSpec | None:
    """How many groups there are, where a check looks at each of them: one that is gone passes."""
    known = CHECKS[check.kind].arguments
    keys = [key for name in GROUPINGS if name in known for key in columns(check, name)]
    if not keys:
        return None
    inner = select(["1"], relation(check.dataset), where=where(check), group=keys)
    counted = Vouched(select(["COUNT(*)"], f"({inner}) AS tidegate_groups"))
    return MetricSpec(dataset=check.dataset, metric="query", argument=counted)


def rows_of(check: Check, fault: Blind) -> MetricSpec | None:
    """How many rows, or what else is counted, make the fault possible; None where the arguments alone do.

    A condition is met by the rows for which its contrary is false.
    """
    if fault.rows is not None:
        contrary = Vouched(f"NOT ({fault.rows(check)})")
        return MetricSpec(dataset=check.dataset, metric="failing_rows", argument=contrary, where=restriction(check))
    if fault.counted is not None:
        return MetricSpec(dataset=check.dataset, metric="query", argument=Vouched(fault.counted(check)))
    return None
