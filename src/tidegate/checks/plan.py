"""Which numbers a check needs, or why it cannot be evaluated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidegate.checks.arguments import items
from tidegate.checks.catalogue import CHECKS
from tidegate.checks.failing import (
    PLAIN_NAME,
    ArgumentError,
    column_name,
    counts_rows,
    failures_query,
    restriction,
    target,
    text_argument,
    where,
)
from tidegate.checks.kind import CheckKind
from tidegate.checks.listed import written
from tidegate.checks.threshold import ThresholdError, examine
from tidegate.checks.watched import watched
from tidegate.metrics import METRICS, ConditionError, column_names, is_light, kind_of
from tidegate.model import Check, CheckResult, Dataset, DatasetRef, Family, MetricSpec, Outcome


def needs(check: Check, catalog: Mapping[DatasetRef, Dataset]) -> tuple[MetricSpec, ...] | CheckResult:
    """The numbers to measure: first the one that is judged, then the rows looked at, then those that are watched.

    A `CheckResult` instead when that is clear beforehand: `error` when the kind, the table, the column or an argument
    does not exist or is wrong (the reason names the nearest one), `skipped` for what only dbt can evaluate.
    """
    kind = CHECKS.get(check.kind)
    if kind is None:
        return _error(check, f"there is no kind of check `{check.kind}`{nearest(check.kind, CHECKS)}")
    if kind.decided is not None:
        return kind.decided(check, catalog)
    if kind.reads == "nothing":
        return CheckResult(check=check, outcome=Outcome.SKIPPED, reason="only dbt can evaluate it")
    try:
        _examine(check, kind, catalog)
        found = (*specs(check), *watched(check))
    except (ConditionError, ArgumentError, ThresholdError) as error:
        return _error(check, str(error))
    home = _home(check, catalog)
    if home is None:
        return _error(check, f"there is no table `{check.dataset}`{nearest(str(check.dataset), map(str, catalog))}")
    present = (spec for spec in found if spec.dataset in catalog or spec.metric == "query")
    return tuple(spec if spec.dataset in catalog else _moved(spec, home) for spec in present)


def specs(check: Check) -> tuple[MetricSpec, ...]:
    """The numbers that a check is judged by, the catalogue aside.

    Raises:
        ConditionError, ArgumentError: the check cannot be evaluated.
    """
    kind = CHECKS[check.kind]
    rows = MetricSpec(dataset=check.dataset, metric="row_count", where=restriction(check))
    main = kind.number(check)
    if kind.failing is not None and (not counts_rows(check) or (kind.needs_column and column_name(check) is None)):
        main = MetricSpec(dataset=check.dataset, metric="query", argument=failures_query(check, kind.failing(check)))
    return (main, rows) if main != rows else (main,)


def refusal(check: Check) -> str:
    """Why a check's arguments cannot be used, whatever the tables are; empty when they can."""
    try:
        specs(check)
        where(check)
    except (ConditionError, ArgumentError) as error:
        return str(error)
    return ""


def _examine(check: Check, kind: CheckKind, catalog: Mapping[DatasetRef, Dataset]) -> None:
    """Hold the check against the catalogue.

    Raises:
        ArgumentError, ConditionError, ThresholdError: something is missing or wrong; the message names it.
    """
    for name in kind.required:
        if check.arguments.get(name) is None:
            raise ArgumentError(f"`{check.kind}` needs `{name}`: {kind.arguments[name]}")
    if kind.reads == "bounds" and check.arguments.get("min") is None and check.arguments.get("max") is None:
        raise ArgumentError(f"`{check.kind}` needs `min`, `max` or both")
    examine(check)
    where(check)
    dataset = catalog.get(check.dataset)
    if dataset is None:
        if kind.needs_dataset:
            raise ArgumentError(f"there is no table `{check.dataset}`{nearest(str(check.dataset), map(str, catalog))}")
        return
    if kind.failing is not None:
        kind.failing(check)
    if kind.needs_column:
        _has(dataset, column_name(check), check)
    for name in (name for text in _expressions(check) for name in column_names(text)):
        _has(dataset, name, None)
    _has_values(check, dataset)
    _examine_others(check, kind, dataset, catalog)


def _has_values(check: Check, dataset: Dataset) -> None:
    """A listed number that the column cannot hold would be rounded to another one by the engine; dbt's tests have that."""
    column = dataset.column(check.column) if check.column is not None else None
    if (
        check.kind != "accepted_values"
        or check.source == "dbt"
        or column is None
        or not check.arguments.get("quote", True)
    ):
        return
    if column.family is Family.NUMBER:
        for value in items(check, "values"):
            if value is not None and written(value, column) is None:
                raise ArgumentError(f"`{value}` in `values` can be no value of `{column.name}`, which is {column.type}")


def _examine_others(check: Check, kind: CheckKind, dataset: Dataset, catalog: Mapping[DatasetRef, Dataset]) -> None:
    for name, field in kind.others.items():
        if name in check.arguments:
            _has_other(check, target(check, name), field, catalog)
            if kind.same_columns and check.arguments.get("compare_columns") is None:
                _has_same(check, dataset, catalog[target(check, name)])


def _expressions(check: Check) -> list[str]:
    """The SQL that the user wrote about the check's own table; dbt has bound its own already."""
    if check.source == "dbt":
        return []
    said = [check.where, check.arguments.get("expression") if check.kind == "rule" else None]
    aggregate = check.arguments.get("sql") if check.kind == "metric" else None
    if isinstance(aggregate, str) and is_light(aggregate):
        said.append(aggregate)
    return [text for text in said if isinstance(text, str)]


def _has_other(check: Check, ref: DatasetRef, field: str | None, catalog: Mapping[DatasetRef, Dataset]) -> None:
    """The other table exists, and the column of it that an argument names, unless that is an expression."""
    parent = catalog.get(ref)
    if parent is None:
        raise ArgumentError(f"there is no table `{ref}`{nearest(str(ref), map(str, catalog))}")
    if field is not None and (check.source != "dbt" or PLAIN_NAME.fullmatch(text_argument(check, field))):
        _has(parent, text_argument(check, field), None)


def _has_same(check: Check, dataset: Dataset, other: Dataset) -> None:
    """The other table has every column of this one, those aside that are left out."""
    said = check.arguments.get("exclude_columns")
    left_out = {str(name).casefold() for name in said} if isinstance(said, list | tuple) else set()
    for column in dataset.columns:
        if column.name.casefold() not in left_out:
            _has(other, column.name, None)


def _has(dataset: Dataset, name: str | None, check: Check | None) -> None:
    if name is None:
        return
    column = dataset.column(name)
    if column is None:
        raise ArgumentError(f"{dataset.ref} has no column `{name}`{nearest(name, (c.name for c in dataset.columns))}")
    if (
        check is not None
        and check.kind == "freshness"
        and not METRICS["newest"].applies_to(kind_of(column), column.family)
    ):
        raise ArgumentError(f"`{column.name}` is {column.type}, not a time")


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the most similar known name, else nothing."""
    names = {candidate.casefold(): candidate for candidate in known}
    import difflib

    close = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    return f"; did you mean `{names[close[0]]}`?" if close else ""


def _home(check: Check, catalog: Mapping[DatasetRef, Dataset]) -> DatasetRef | None:
    """The dataset whose scan carries the check; a query that names none of its own rides on the first that it reads."""
    if check.dataset in catalog:
        return check.dataset
    from sqlglot import expressions as x
    from sqlglot import parse_one

    tables = {
        (t.db.casefold(), t.name.casefold())
        for t in parse_one(text_argument(check, "sql"), read="duckdb").find_all(x.Table)
    }
    for ref in catalog:
        if (ref.namespace.casefold(), ref.name.casefold()) in tables or ("", ref.name.casefold()) in tables:
            return ref
    return next(iter(catalog), None)


def _moved(spec: MetricSpec, home: DatasetRef) -> MetricSpec:
    return MetricSpec(dataset=home, metric=spec.metric, argument=spec.argument)


def _error(check: Check, reason: str) -> CheckResult:
    return CheckResult(check=check, outcome=Outcome.ERROR, reason=f"could not be evaluated: {reason}")
