"""The failing rows of each kind of check, as one SELECT with dbt's column names, so that dbt's `fail_calc` fits it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from tidegate.metrics import Vouched, accepted, condition, quoted, relation, select
from tidegate.metrics import query as checked_query
from tidegate.model import Check, DatasetRef

PLAIN_NAME: Final = re.compile(r"[^\W\d][\w$]*")
QUOTED_NAME: Final = re.compile(r'"((?:[^"]|"")+)"')


class ArgumentError(ValueError):
    """An argument of a check that is missing or cannot be used."""


def column_name(check: Check) -> str | None:
    """The name of the column that the check is about; None where there is none, or where dbt has an expression there."""
    return None if check.column is None else _name(check, check.column)


def field_name(check: Check) -> str | None:
    """The name of the other table's column; None where dbt has an expression there.

    Raises:
        ArgumentError: it is missing or no text.
    """
    return _name(check, text_argument(check, "field"))


def _name(check: Check, text: str) -> str | None:
    """A column's name; dbt may have it in quotes, or an expression in its place."""
    if check.source != "dbt" or PLAIN_NAME.fullmatch(text):
        return text
    found = QUOTED_NAME.fullmatch(text.strip())
    return found[1].replace('""', '"') if found else None


def subject(check: Check) -> str:
    """The SQL of what the check is about: the column quoted, or dbt's expression in its place.

    Raises:
        ConditionError: dbt's expression is not one expression.
        ArgumentError: the check names no column.
    """
    name = column_name(check)
    if name is not None:
        return quoted(name)
    if check.column is None:
        raise ArgumentError("it names no column")
    return f"({condition(check.column)})"


def restriction(check: Check) -> str | None:
    """The condition on the rows that a check looks at: its `where`, and the `row_condition` of a dbt_expectations test.

    Raises:
        ConditionError: one of them is not one expression.
    """
    narrowed = [text for text in (check.where, check.arguments.get("row_condition")) if isinstance(text, str) and text]
    if len(narrowed) < 2:
        return narrowed[0] if narrowed else None
    return Vouched(" AND ".join(f"({condition(text)})" for text in narrowed))


def where(check: Check) -> list[str]:
    """The condition on the check's rows, ready to be one of several."""
    limits = restriction(check)
    return [f"({condition(limits)})"] if limits else []


def text_argument(check: Check, name: str) -> str:
    """An argument that must be a text.

    Raises:
        ArgumentError: it is missing or no text.
    """
    value = check.arguments.get(name)
    if not isinstance(value, str) or not value:
        raise ArgumentError(f"`{name}` is missing")
    return value


def target(check: Check, name: str = "to") -> DatasetRef:
    """The other dataset that an argument names; without a schema it is the check's own.

    Raises:
        ArgumentError: it is missing or no name.
    """
    match check.arguments.get(name):
        case DatasetRef() as ref:
            return ref
        case [str() as namespace, str() as name]:
            return DatasetRef(namespace=namespace, name=name)
        case str() as text if text.strip():
            schema, dot, table = text.strip().partition(".")
            return DatasetRef(namespace=schema if dot else check.dataset.namespace, name=table if dot else schema)
        case _:
            raise ArgumentError(f"`{name}` is missing: the name of the other table")


def listed(check: Check) -> str:
    """The accepted values as the argument of the metric.

    Raises:
        ArgumentError: `values` is no list, or empty.
    """
    values = check.arguments.get("values")
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise ArgumentError("`values` is not a list of accepted values")
    simple = [value if isinstance(value, str | int | float | bool) else str(value) for value in values]
    quote = bool(check.arguments.get("quote", True))
    texts = [unpasted(value) if quote and check.source == "dbt" else str(value) for value in simple]
    return json.dumps({"values": texts, "quote": quote})


def unpasted(value: object) -> str:
    """What a text means that dbt puts between quotes: who needs a quote in it writes it twice.

    Raises:
        ArgumentError: a quote stands alone, where dbt's text would end.
    """
    parts = str(value).split("''")
    if any("'" in part for part in parts):
        raise ArgumentError(f"`{value}` has a quote that is not written twice")
    return "'".join(parts)


def not_null(check: Check) -> str:
    """Rows without a value."""
    return select(["*"], relation(check.dataset), where=[*where(check), f"{subject(check)} IS NULL"])


def unique(check: Check) -> str:
    """Each repeated value with its number of rows."""
    key = subject(check)
    return select(
        [f"{key} AS unique_field", "COUNT(*) AS n_records"],
        relation(check.dataset),
        where=[*where(check), f"{key} IS NOT NULL"],
        group=[key],
        having="COUNT(*) > 1",
    )


def accepted_values(check: Check) -> str:
    """Each value outside the list with its number of rows."""
    key = subject(check)
    return select(
        [f"{key} AS value_field", "COUNT(*) AS n_records"],
        relation(check.dataset),
        where=where(check),
        group=[key],
        having=f"{key} NOT IN ({', '.join(accepted(listed(check)))})",
    )


def relationships(check: Check) -> str:
    """The value of each row that the other dataset lacks."""
    return _orphans(check, ["tidegate_value AS from_field"], [f"{subject(check)} AS tidegate_value"])


def orphans(check: Check, columns: Sequence[str]) -> str:
    """The rows whose value the other dataset lacks, with their columns."""
    return _orphans(check, columns, ["*", f"{subject(check)} AS tidegate_value"])


def _orphans(check: Check, shown: Sequence[str], kept: Sequence[str]) -> str:
    """An anti join: no partner whose field is the row's value; kept from the child is what may be shown."""
    child = select(kept, relation(check.dataset), where=[*where(check), f"{subject(check)} IS NOT NULL"])
    name, parents = field_name(check), relation(target(check))
    if name is None:
        field = f"({condition(text_argument(check, 'field'))}) AS tidegate_field"
        parents, name = f"({select([field], parents)})", "tidegate_field"
    partner = select(["1"], f"{parents} AS parent", where=[f"parent.{quoted(name)} = child.tidegate_value"])
    return select(shown, f"({child}) AS child", where=[f"NOT EXISTS ({partner})"])


def rule(check: Check) -> str:
    """Rows for which the expression is false."""
    expression = condition(text_argument(check, "expression"))
    return select(["*"], relation(check.dataset), where=[*where(check), f"NOT ({expression})"])


def sql(check: Check) -> str:
    """What the user's query returns."""
    return checked_query(text_argument(check, "sql"))


def failures_query(check: Check, failing: str) -> str:
    """dbt's own wrapping: `fail_calc` over the failing rows, cut to `limit`.

    Raises:
        ConditionError: `fail_calc` is not one expression.
    """
    rows = failing if check.limit is None else select(["*"], f"({failing}) AS failing", limit=check.limit)
    calculated = "count(*)" if counts_rows(check) else condition(check.fail_calc)
    return select([calculated], f"({rows}) AS dbt_internal_test")


def counts_rows(check: Check) -> bool:
    """Whether `fail_calc` is dbt's default, the number of failing rows."""
    return check.fail_calc.replace(" ", "").casefold() in {"count(*)", "count(1)"}
