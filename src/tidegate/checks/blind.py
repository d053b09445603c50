"""What a green check cannot see: it looked at nothing, or its kind lets a fault pass that its arguments or rows allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.checks.catalogue import CHECKS
from tidegate.checks.failing import ArgumentError, column_name, target
from tidegate.checks.kind import Catalog
from tidegate.checks.plan import specs
from tidegate.checks.watched import groups, known, nulls, rows_of
from tidegate.metrics import ConditionError
from tidegate.model import CheckResult, MetricSpec, Outcome
from tidegate.model.words import Count, counted

Values = Mapping[MetricSpec, object]


def blind_spots(result: CheckResult, catalog: Catalog, values: Values, before: Values) -> tuple[str, ...]:
    """Why a check that passed could not have failed, or cannot see a fault that it is there for; empty when it can.

    Args:
        values: the numbers of all scans, by spec.
        before: the same of the version before, as far as they are kept.
    """
    if result.outcome is not Outcome.PASS or result.check.kind not in CHECKS:
        return ()
    try:
        return tuple(dict.fromkeys(_spots(result, catalog, values, before)))
    except (ArgumentError, ConditionError):
        return ()


def _spots(result: CheckResult, catalog: Catalog, values: Values, before: Values) -> Iterator[str]:
    check = result.check
    kind = CHECKS[check.kind]
    for fault in kind.blind:
        if not fault.when(check):
            continue
        number = rows_of(check, fault)
        if number is None:
            yield fault.says
        elif rows := values.get(number):
            yield fault.says.format(rows=Count(float(str(rows))))
    if kind.decided is not None:
        yield from _missing(result, catalog)
        return
    yield from _nothing(result, values)
    yield from _vanished(result, values, before)
    for name in kind.others:
        if name in check.arguments and values.get(MetricSpec(dataset=target(check, name), metric="row_count")) == 0:
            yield f"{target(check, name)} has no rows to compare with"


def _nothing(result: CheckResult, values: Values) -> Iterator[str]:
    """There are rows, and none of them could be told right from wrong."""
    if not result.evaluated:
        return
    main, empty, told = specs(result.check)[0], nulls(result.check), known(result.check)
    if main.metric in {"failing_total", "query"} and values.get(main, 0) is None:
        yield "what it compares is NULL, which passes"
    elif empty is not None and values.get(empty) == result.evaluated:
        yield f"`{empty.column}` is NULL in {result.evaluated:,} of {counted(result.evaluated, 'row')}, and NULL passes"
    elif told is not None and values.get(told) == 0:
        yield f"what it demands is unknown (NULL) in all of {counted(result.evaluated, 'row')}, and unknown passes"


def _vanished(result: CheckResult, values: Values, before: Values) -> Iterator[str]:
    """Groups that the version before had; a group that came in the place of another is not told from it."""
    number = groups(result.check)
    if number is None:
        return
    now, then = values.get(number), before.get(number)
    if isinstance(now, int | float) and isinstance(then, int | float) and now < then:
        gone = f"{then - now:,.0f} of {counted(then, 'group')} {'is' if then - now == 1 else 'are'} gone"
        yield f"{gone} since the version before, and a group that is gone passes"


def _missing(result: CheckResult, catalog: Catalog) -> Iterator[str]:
    """A demand on a column that does not exist."""
    check = result.check
    dataset, name = catalog.get(check.dataset), column_name(check)
    if check.source == "dbt" and dataset is not None and name is not None and dataset.column(name) is None:
        yield f"{check.dataset} has no column `{name}`, and a column that does not exist passes"
