"""From measured numbers to a verdict, with dbt's rules of severity and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tidegate.checks import contract
from tidegate.checks.catalogue import CHECKS
from tidegate.checks.failing import ArgumentError, column_name, counts_rows, target
from tidegate.checks.kind import CheckKind
from tidegate.checks.plan import specs
from tidegate.checks.threshold import ThresholdError, outcome
from tidegate.metrics import ConditionError, Unmeasured
from tidegate.model import Check, CheckResult, MetricSpec, Outcome
from tidegate.model.words import Count, counted

DAY_S, HOUR_S, MINUTE_S = 86_400, 3_600, 60


@dataclass(frozen=True, slots=True)
class _Reading:
    """A number as its kind reads it: failures, and the words for the report."""

    failures: float
    measured: str
    expected: str
    told: str


class _UnknownError(Exception):
    """The number could not be had."""


def judge(check: Check, values: Mapping[MetricSpec, object], *, now: datetime) -> CheckResult:
    """The verdict on a check by its numbers.

    As in dbt: with severity `error`, a number of failures that meets `error_if` fails; else one that meets `warn_if`
    warns; severity `warn` never fails. What could not be measured ends as `error`, with the reason. When no row was
    looked at the outcome stays dbt's, and `evaluated` is 0 and the reason says so.

    Args:
        values: the numbers of `needs`, by spec; `Unmeasured` where one could not be had.
        now: for the age of data, aware.
    """
    kind = CHECKS.get(check.kind)
    if kind is None or kind.reads == "nothing":
        reason = (
            "only dbt can evaluate it" if kind else f"could not be evaluated: there is no kind of check `{check.kind}`"
        )
        return CheckResult(check=check, outcome=Outcome.SKIPPED if kind else Outcome.ERROR, reason=reason)
    try:
        main, *others = specs(check)
        evaluated = _rows(values, others[0] if others else main)
        reading = _read(check, kind, _lookup(values, main), evaluated, now)
        ended = outcome(check, reading.failures)
        sql = kind.failing(check) if kind.failing is not None else main.argument
    except (_UnknownError, ConditionError, ArgumentError, ThresholdError) as error:
        return CheckResult(check=check, outcome=Outcome.ERROR, reason=f"could not be evaluated: {error}")
    return CheckResult(
        check=check,
        outcome=ended,
        reason=_reason(ended, reading, evaluated),
        failures=int(reading.failures),
        evaluated=evaluated,
        measured=reading.measured,
        expected=reading.expected,
        sql=sql,
    )


def _reason(ended: Outcome, reading: _Reading, evaluated: int | None) -> str:
    nothing = "nothing was evaluated: 0 rows" if evaluated == 0 else ""
    if ended is Outcome.PASS and not reading.failures:
        return nothing or reading.measured + ("" if evaluated is None else f" in {counted(evaluated, 'row')}")
    return f"{reading.told}; {nothing}" if nothing else reading.told


SHOWN = 200
"""Characters of a check's arguments in a sentence. Chosen, not derived."""


def _given(check: Check) -> str:
    """The arguments in short, as dbt's YAML has them."""
    text = ", ".join(f"{name}: {value}" for name, value in check.arguments.items())
    return (text if len(text) <= SHOWN else f"{text[:SHOWN]}…") or "no arguments"


def _lookup(values: Mapping[MetricSpec, object], spec: MetricSpec) -> object:
    """A number by its spec; a query's also where it rode on another dataset's scan."""
    found = values.get(spec, _MISSING)
    if found is _MISSING and spec.metric == "query":
        same = (v for s, v in values.items() if s.metric == "query" and s.argument == spec.argument)
        found = next(same, _MISSING)
    if found is _MISSING:
        raise _UnknownError("it was not measured")
    if isinstance(found, Unmeasured):
        raise _UnknownError(found.reason)
    return found


_MISSING = object()


def _rows(values: Mapping[MetricSpec, object], spec: MetricSpec) -> int | None:
    found = values.get(spec)
    return int(found) if isinstance(found, int | float) and spec.metric == "row_count" else None


def _read(check: Check, kind: CheckKind, value: object, evaluated: int | None, now: datetime) -> _Reading:
    if kind.reads == "failures":
        return _failures(check, kind, value, evaluated)
    if kind.reads == "bounds":
        return _bounds(check, kind, value, evaluated)
    if kind.reads == "limit":
        return _limit(check, kind, value, evaluated)
    if kind.reads == "stale":
        return _stale(check, kind, value, now)
    return _age(check, kind, value, now)


def _failures(check: Check, kind: CheckKind, value: object, evaluated: int | None) -> _Reading:
    """Unknown (NULL) is no failure, but of a `fail_calc` of its own dbt wants a number; `limit` cuts what is counted."""
    if value is None and not counts_rows(check):
        raise _UnknownError(f"`fail_calc` is NULL, and dbt wants a number: {check.fail_calc}")
    failures = 0.0 if value is None else _number(value)
    if check.limit is not None and counts_rows(check):
        failures = min(failures, float(check.limit))
    places = {**check.arguments, "failures": Count(failures), "column": column_name(check) or check.column}
    places["evaluated"] = Count(evaluated)
    places["given"] = _given(check)
    places |= {name: str(target(check, name)) for name in kind.others if name in check.arguments}
    told = kind.told.format_map(places)
    expected = "0 failures" if check.error_if.replace(" ", "") == "!=0" else f"not {check.error_if} failures"
    return _Reading(failures, counted(failures, "failure"), expected, told)


def _bounds(check: Check, kind: CheckKind, value: object, evaluated: int | None) -> _Reading:
    low, high = (None if (bound := check.arguments.get(name)) is None else _number(bound) for name in ("min", "max"))
    if low is not None and high is not None:
        expected = f"{low:,.10g} to {high:,.10g}"
    else:
        expected = f"at least {low:,.10g}" if low is not None else f"at most {high:,.10g}"
    if value is None:
        if evaluated != 0:
            raise _UnknownError("the query returned NULL")
        return _Reading(0.0, "NULL", expected, f"it is NULL, expected {expected}")
    number = _number(value)
    outside = (low is not None and number < low) or (high is not None and number > high)
    shown = f"{number:,.10g}"
    return _Reading(float(outside), shown, expected, kind.told.format(value=Count(number), expected=expected))


def _limit(check: Check, kind: CheckKind, value: object, evaluated: int | None) -> _Reading:
    """A number, or its share of the rows, held against one of the contract standard's operators."""
    if value is None:
        raise _UnknownError("the query returned NULL")
    number, unit = _number(value), str(check.arguments.get("unit", "rows"))
    shared = 100 * number / evaluated if unit == contract.PERCENT and evaluated else number
    name, bound = str(check.arguments["operator"]), check.arguments.get("bound")
    noun = {"query_value": "", "duplicate_values": "value"}.get(check.kind, "row")
    share = unit == contract.PERCENT
    shown = f"{shared:,.4g} %" if share else counted(number, noun) if noun else f"{number:,.10g}"
    wanted = contract.expected(name, bound, unit)
    places = {**check.arguments, "value": shown, "expected": wanted, "column": check.column}
    places["number"] = Count(None if share else number)
    if isinstance(columns := check.arguments.get("columns"), list | tuple):
        places["columns"] = ", ".join(f"`{column}`" for column in columns)
    failures = 0.0 if contract.meets(shared, name, bound) else 1.0 if kind.failing is None else max(number, 1.0)
    return _Reading(failures, shown, wanted, kind.told.format_map(places))


def _age(check: Check, kind: CheckKind, value: object, now: datetime) -> _Reading:
    limit = _number(check.arguments["max_age_s"])
    if value is None:
        told = f"`{check.column}` has no time that is not in the future, expected one at most {duration(limit)} old"
        return _Reading(1.0, "no time", duration(limit), told)
    newest = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=_number(value))
    age = (now - newest).total_seconds()
    shown = f"{newest:%Y-%m-%d %H:%M} UTC"
    told = kind.told.format(column=check.column, value=shown, age=duration(age), expected=duration(limit))
    return _Reading(float(age > limit), f"{shown}, {duration(age)} old", f"at most {duration(limit)} old", told)


def _stale(check: Check, kind: CheckKind, value: object, now: datetime) -> _Reading:
    """How many of the two limits the age is beyond, so that dbt's thresholds tell warning and error apart."""
    limits = [(name, check.arguments.get(f"{name}_after_s")) for name in ("warn", "error")]
    known = {name: _number(limit) for name, limit in limits if limit is not None}
    expected = ", ".join(f"{duration(limit)} ({name})" for name, limit in known.items())
    if value is None:
        told = f"{_source_of_time(check)} has no time at all, expected one at most {expected} old"
        return _Reading(2.0 if "error" in known else 1.0, "no time", expected, told)
    newest = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=_number(value))
    age = (now - newest).total_seconds()
    shown = f"{newest:%Y-%m-%d %H:%M} UTC"
    told = kind.told.format(column=_source_of_time(check), value=shown, age=duration(age), expected=expected)
    beyond = [name for name, limit in known.items() if age > limit]
    return _Reading(2.0 if "error" in beyond else float(bool(beyond)), f"{shown}, {duration(age)} old", expected, told)


def _source_of_time(check: Check) -> str:
    return f"`{check.column}`" if check.column is not None else "`loaded_at_query`"


def _number(value: object) -> float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        return float(str(value)) if not isinstance(value, bool) else float(value)
    except ValueError as error:
        raise _UnknownError(f"`{value}` is not a number") from error


def duration(seconds: float) -> str:
    """A length of time in its largest fitting units: `3 d 4 h`, `25 min`, `12 s`."""
    left = round(abs(seconds))
    parts = []
    for size, unit in ((DAY_S, "d"), (HOUR_S, "h"), (MINUTE_S, "min"), (1, "s")):
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {unit}")
    return ("-" if seconds < 0 and parts else "") + (" ".join(parts[:2]) or "0 s")
