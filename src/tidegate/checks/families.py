"""How entries of the catalogue are made: from a condition on rows, one on aggregates, a SELECT, or the table's shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tidegate.checks import arguments, failing, threshold
from tidegate.checks.kind import Blind, Catalog, CheckKind
from tidegate.checks.threshold import ThresholdError, outcome
from tidegate.metrics import Vouched, relation, select
from tidegate.model import Check, CheckResult, MetricSpec, Outcome
from tidegate.model.words import counted

Sql = Callable[[Check], str]

ROW_CONDITION: Final = {"row_condition": "only rows for which this is true are looked at"}
GROUP_BY: Final = {"group_by": "the columns whose groups are looked at one by one"}
GROUP_BY_COLUMNS: Final = {"group_by_columns": "the columns whose groups are looked at one by one"}
BOUNDS: Final = {
    "min_value": "the least value, a number or SQL",
    "max_value": "the greatest value, a number or SQL",
    "strictly": "whether the bounds themselves are outside",
}


def spec(
    check: Check, metric: str, *, column: str | None = None, argument: str | None = None, where: str | None = None
) -> MetricSpec:
    """A number of the check's own dataset."""
    return MetricSpec(dataset=check.dataset, metric=metric, column=column, argument=argument, where=where or None)


def failures(check: Check, selected: str) -> MetricSpec:
    """dbt's number of failures of a SELECT."""
    return spec(check, "query", argument=Vouched(failing.failures_query(check, selected)))


def on_rows(
    condition: Sql,
    *,
    says: str,
    arguments: Mapping[str, str] | None = None,
    required: tuple[str, ...] = (),
    column: bool = True,
    null_passes: bool = True,
    blind: tuple[Blind, ...] = (),
) -> CheckKind:
    """A condition on each row that must not be false; it rides on the table's light scan."""

    def number(check: Check) -> MetricSpec:
        argument = Vouched(condition(check))
        return spec(check, "failing_rows", argument=argument, where=failing.restriction(check))

    def rows(check: Check) -> str:
        unmet = f"NOT ({condition(check)})"
        return select(["*"], relation(check.dataset), where=[*failing.where(check), unmet])

    return CheckKind(
        says=says,
        reads="failures",
        number=number,
        told="{failures} of {evaluated} {evaluated:row|rows} {failures:fails|fail}: " + says + " ({given})",
        arguments=arguments or {},
        required=required,
        needs_column=column,
        null_passes=column and null_passes,
        demand=None if column else condition,
        failing=rows,
        whole_rows=True,
        blind=blind,
    )


def on_totals(
    condition: Sql,
    *,
    says: str,
    arguments: Mapping[str, str] | None = None,
    required: tuple[str, ...] = (),
    column: bool = True,
    groups: Callable[[Check], list[str]] = lambda check: [],
    in_memory: bool = False,
    blind: tuple[Blind, ...] = (),
) -> CheckKind:
    """A condition on aggregates of the table, or of each group, that must not be false.

    Without groups and conditions it rides on the light scan, unless the aggregate holds all values `in_memory`.
    """

    def number(check: Check) -> MetricSpec:
        if groups(check):
            return failures(check, rows(check))
        if in_memory or failing.restriction(check):
            total = f"CAST(NOT ({condition(check)}) AS INT)"
            return spec(
                check, "query", argument=Vouched(select([total], relation(check.dataset), where=failing.where(check)))
            )
        return spec(check, "failing_total", argument=Vouched(condition(check)))

    def rows(check: Check) -> str:
        keys = groups(check)
        shown = [*(f"{key} AS col_{place}" for place, key in enumerate(keys, 1)), f"({condition(check)}) AS expression"]
        inner = select(shown, relation(check.dataset), where=failing.where(check), group=keys)
        return select(["*"], f"({inner}) AS tidegate_totals", where=["NOT expression"])

    return CheckKind(
        says=says,
        reads="failures",
        number=number,
        told="{failures} of the table or its groups {failures:fails|fail}: " + says + " ({given})",
        arguments=arguments or {},
        required=required,
        needs_column=column,
        null_passes=column,
        failing=rows,
        blind=blind,
    )


def selected(
    rows: Sql,
    *,
    says: str,
    arguments: Mapping[str, str] | None = None,
    required: tuple[str, ...] = (),
    column: bool = True,
    whole_rows: bool = False,
    null_passes: bool = False,
    others: Mapping[str, str | None] | None = None,
    same_columns: bool = False,
    fail_calc: str = "count(*)",
    blind: tuple[Blind, ...] = (),
) -> CheckKind:
    """A SELECT of failures that is a statement of its own: groups, windows, joins."""
    return CheckKind(
        says=says,
        reads="failures",
        number=lambda check: failures(check, rows(check)),
        told="{failures} {failures:failure|failures} in {evaluated} {evaluated:row|rows}: " + says + " ({given})",
        arguments=arguments or {},
        required=required,
        needs_column=column,
        null_passes=null_passes,
        failing=rows,
        whole_rows=whole_rows,
        others=others or {},
        same_columns=same_columns,
        fail_calc=fail_calc,
        blind=blind,
    )


def on_shape(
    shape: Callable[[Check, Catalog], int],
    *,
    says: str,
    arguments: Mapping[str, str] | None = None,
    required: tuple[str, ...] = (),
    column: bool = False,
    others: Mapping[str, str | None] | None = None,
    examine: Callable[[Check], object] = lambda check: None,
    blind: tuple[Blind, ...] = (),
) -> CheckKind:
    """Columns and their types: failures are counted from the catalogue, without reading data.

    `examine` reads the arguments, so that what they cannot be is known before there is a catalogue.
    """

    def decided(check: Check, catalog: Catalog) -> CheckResult:
        try:
            if lacking := [name for name in required if check.arguments.get(name) is None]:
                raise failing.ArgumentError(f"`{check.kind}` needs `{lacking[0]}`")
            for ref in (check.dataset, *(failing.target(check, name) for name in others or {})):
                if ref not in catalog:
                    raise failing.ArgumentError(f"there is no table `{ref}`")
            threshold.examine(check)
            found = shape(check, catalog)
            found = found if check.limit is None else min(found, check.limit)
            ended = outcome(check, found)
        except (failing.ArgumentError, ThresholdError) as error:
            return CheckResult(check=check, outcome=Outcome.ERROR, reason=f"could not be evaluated: {error}")
        given = {"column": check.column} if check.column is not None else {}
        said = ", ".join(f"{name}: {value}" for name, value in {**given, **check.arguments}.items())
        failures = counted(found, "failure")
        reason = f"{failures}: {says}" + (f" ({said})" if said else "") if found else says
        return CheckResult(check=check, outcome=ended, reason=reason, failures=found, measured=failures)

    def number(check: Check) -> MetricSpec:
        examine(check)
        if not failing.counts_rows(check):
            raise failing.ArgumentError(
                f"`fail_calc` of it is `{check.fail_calc}`, and it has no rows to calculate with"
            )
        return spec(check, "row_count")

    return CheckKind(
        says=says,
        reads="nothing",
        number=number,
        told=says,
        arguments=arguments or {},
        required=required,
        needs_column=column,
        others=others or {},
        decided=decided,
        blind=blind,
    )


def by(name: str) -> Callable[[Check], list[str]]:
    """The groups that an argument names."""
    return lambda check: arguments.columns(check, name)
