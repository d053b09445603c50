"""The arguments of a check as SQL: each becomes a quoted name, a literal, or the user's own expression in parentheses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tidegate.checks.failing import PLAIN_NAME, ArgumentError, restriction, target, unpasted, where
from tidegate.metrics import condition, literal, quoted, relation, select
from tidegate.model import Check

NO_COLUMNS: Final = frozenset(
    """
    current_catalog current_date current_role current_schema current_time current_timestamp current_user false localtime
    localtimestamp null session_user true user
    """.split()
)
"""Words that are a value without parentheses; as a name they would be a column."""

DATE_PARTS: Final = frozenset("year quarter month week day hour minute second millisecond microsecond".split())
NOW: Final = "CAST(NOW() AS TIMESTAMP)"
"""The time of the scan in UTC, whose session a reader has; dbt's is in the zone of the machine that it runs on."""

STEPS: Final = {"week": (7, "DAY"), "quarter": (3, "MONTH")}
"""Parts of a date that DuckDB's intervals do not have, as dbt-duckdb writes them."""


def given(check: Check, name: str, default: object = None) -> object:
    """The argument, or the default where it is missing or null."""
    value = check.arguments.get(name)
    return default if value is None else value


def expression(value: object) -> str:
    """A value that dbt pastes as SQL: a number, or the user's expression in parentheses.

    Raises:
        ConditionError: it is not one expression.
        ArgumentError: it is neither a number nor a text.
    """
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float | str):
        return f"({condition(str(value))})"
    raise ArgumentError(f"`{value}` is neither a number nor SQL")


def expression_of(check: Check, name: str) -> str:
    """An argument that dbt pastes as SQL.

    Raises:
        ConditionError, ArgumentError: it is missing or not one expression.
    """
    value = given(check, name)
    if value is None:
        raise ArgumentError(f"`{name}` is missing")
    return expression(value)


def column(text: object) -> str:
    """A column that an argument names, quoted, or the expression in its place.

    Raises:
        ConditionError, ArgumentError: it is no text, or not one expression.
    """
    if not isinstance(text, str) or not text.strip():
        raise ArgumentError(f"`{text}` is not a column")
    name = text.strip()
    if PLAIN_NAME.fullmatch(name) and name.casefold() not in NO_COLUMNS:
        return quoted(name)
    return f"({condition(name)})"


def column_of(check: Check, name: str) -> str:
    """The column that an argument names."""
    return column(given(check, name))


def columns(check: Check, name: str) -> list[str]:
    """The columns that an argument lists; none where it is missing. With `quote_columns` each is a name as it is.

    Raises:
        ConditionError, ArgumentError: it is no list, or an item is no column.
    """
    return [quoted(text) if given(check, "quote_columns") else column(text) for text in texts(check, name)]


def texts(check: Check, name: str) -> list[str]:
    """An argument that is a list of texts; none where it is missing.

    Raises:
        ArgumentError: it is no list of texts.
    """
    found = [] if given(check, name) is None else items(check, name)
    if not all(isinstance(value, str) for value in found):
        raise ArgumentError(f"`{name}` is not a list of texts")
    return [str(value) for value in found]


def items(check: Check, name: str) -> Sequence[object]:
    """An argument that is a list.

    Raises:
        ArgumentError: it is not.
    """
    value = check.arguments.get(name)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ArgumentError(f"`{name}` is not a list")
    return value


def pasted(check: Check, value: object) -> str:
    """A value that dbt puts between quotes without escaping it: who needs a quote in it writes it twice already.

    Raises:
        ArgumentError: in dbt a quote would end the text.
    """
    return literal(unpasted(value) if check.source == "dbt" else str(value).replace("''", "'"))


def values(check: Check, name: str, *, quote: str = "quote_values", as_text: bool = False) -> list[str]:
    """The values of a set, as texts, or with the argument `quote` false as the user's SQL.

    Raises:
        ConditionError, ArgumentError: it is no list, empty, or an item is not one expression.
    """
    listed = items(check, name)
    if not listed:
        raise ArgumentError(f"`{name}` is empty")
    if given(check, quote, True):
        return [f"CAST({pasted(check, value)} AS TEXT)" if as_text else pasted(check, value) for value in listed]
    return [expression(value) for value in listed]


def between(value: str, check: Check, *, strict: bool) -> str:
    """The condition that a value is not outside `min_value` and `max_value`; unknown (NULL) is neither.

    Raises:
        ArgumentError: neither bound is given.
    """
    more, less = (">", "<") if strict else (">=", "<=")
    bounds = [(more, given(check, "min_value")), (less, given(check, "max_value"))]
    parts = [f"{value} {operator} {expression(bound)}" for operator, bound in bounds if bound is not None]
    if not parts:
        raise ArgumentError("it needs `min_value`, `max_value` or both")
    return " AND ".join(parts)


def choice(check: Check, name: str, default: str, allowed: Sequence[str]) -> str:
    """An argument that is one of a few words.

    Raises:
        ArgumentError: it is another.
    """
    value = str(given(check, name, default))
    if value not in allowed:
        raise ArgumentError(f"`{name}` is `{value}`, not one of {', '.join(allowed)}")
    return value


def date_part(check: Check, name: str, default: str | None = None) -> str:
    """An argument that names a part of a date.

    Raises:
        ArgumentError: it does not.
    """
    value = str(given(check, name, default)).strip("'\" ").lower()
    if value not in DATE_PARTS:
        raise ArgumentError(f"`{name}` is `{value}`, which is no part of a date")
    return value


def later(moment: str, count: str, part: str) -> str:
    """A moment `count` parts of a date later."""
    size, unit = STEPS.get(part, (1, part.upper()))
    times = "" if size == 1 else f" * {size}"
    return f"({moment} + (CAST({count} AS BIGINT){times}) * INTERVAL 1 {unit})"


def parts_between(start: str, end: str, part: str) -> str:
    """How many borders of a part of a date lie between two moments, as dbt-duckdb counts them."""
    if part != "week":
        return f"DATE_DIFF('{part}', {start}, {end})"
    whole = f"(DATE_DIFF('day', {start}, {end}) // 7)"
    same = f"CASE WHEN {start} <= {end} THEN 0 ELSE -1 END"
    over = f"CASE WHEN {start} <= {end} THEN 1 ELSE 0 END"
    return f"({whole} + CASE WHEN DAYOFWEEK({start}) <= DAYOFWEEK({end}) THEN {same} ELSE {over} END)"


def source(check: Check) -> str:
    """The rows that a check is about: its table, or those of it that its conditions leave."""
    table = relation(check.dataset)
    return f"({select(['*'], table, where=where(check))}) AS tidegate_rows" if restriction(check) else table


def other(check: Check, name: str, limits: str | None = None) -> str:
    """The rows of the other table that an argument names.

    Raises:
        ArgumentError: the argument is missing or no name.
    """
    table = relation(target(check, name))
    return f"({select(['*'], table, where=[f'({limits})'])}) AS tidegate_others" if limits else table
