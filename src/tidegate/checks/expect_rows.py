"""Those tests of dbt_expectations that are a condition on each row: they ride on the table's light scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.checks.arguments import (
    between,
    choice,
    column_of,
    columns,
    expression,
    expression_of,
    given,
    items,
    pasted,
    values,
)
from tidegate.checks.failing import ArgumentError, subject, where
from tidegate.checks.families import BOUNDS, ROW_CONDITION, failures, on_rows
from tidegate.checks.kind import Blind, CheckKind
from tidegate.metrics import literal, relation, select
from tidegate.model import Check

MISSING: Final = {"all_values_are_missing": " AND ", "any_value_is_missing": " OR "}
SET: Final = {"value_set": "the values", "quote_values": "whether they are texts (the default) or SQL"} | ROW_CONDITION
REGEX: Final = {"flags": "options of the pattern", "is_raw": "of no meaning on DuckDB"} | ROW_CONDITION
MATCH_ON: Final = {"match_on": "whether any pattern (the default) or all of them"}
PAIR: Final = {"column_A": "the one column", "column_B": "the other"}
COLUMNS: Final = {
    "column_list": "the columns",
    "quote_columns": "whether they are names as they are",
    "ignore_row_if": "which rows to leave out: all_values_are_missing (the default) or any_value_is_missing",
}
MEETS_ALL: Final = "with `match_on: any` only a value that meets every pattern fails"


def ignored(check: Check) -> str:
    """The condition that a row is left out because its columns have no values."""
    joint = MISSING[choice(check, "ignore_row_if", "all_values_are_missing", tuple(MISSING))]
    return joint.join(f"{key} IS NULL" for key in columns(check, "column_list"))


def _in_set(check: Check) -> str:
    """Value by value, as the join does that dbt_expectations makes."""
    return " OR ".join(f"{subject(check)} = {value}" for value in values(check, "value_set", as_text=True))


def _known(check: Check) -> str:
    return f"COALESCE({_in_set(check)}, FALSE)"


def _not_in_set(check: Check) -> str:
    return f"NOT ({_in_set(check)})"


def _in_bounds(check: Check) -> str:
    return between(subject(check), check, strict=bool(given(check, "strictly")))


def _length_in_bounds(check: Check) -> str:
    return between(f"LENGTH({subject(check)})", check, strict=bool(given(check, "strictly")))


def _length(check: Check) -> str:
    return f"LENGTH({subject(check)}) = {expression_of(check, 'value')}"


def _flags(check: Check) -> str:
    flags = str(given(check, "flags", ""))
    if not set(flags) <= set("cipelngms"):
        raise ArgumentError(f"`flags` is `{flags}`, which DuckDB does not know")
    return literal(flags)


def _regex(check: Check, pattern: object) -> str:
    return f"REGEXP_MATCHES({subject(check)}, {pasted(check, pattern)}, {_flags(check)})"


def _like(check: Check, pattern: object) -> str:
    return f"{subject(check)} LIKE {pasted(check, pattern)}"


def _matches(match: Callable[[Check, object], str], name: str, *, positive: bool) -> Callable[[Check], str]:
    """The condition that a value meets a pattern, or some or all patterns of a list; or that it does not."""

    def condition(check: Check) -> str:
        patterns = items(check, name) if name.endswith("_list") else [given(check, name)]
        if not patterns or None in patterns:
            raise ArgumentError(f"`{name}` is missing")
        joint = " AND " if choice(check, "match_on", "any", ("any", "all")) == "all" else " OR "
        sign = "" if positive else "NOT "
        return joint.join(f"{sign}({match(check, pattern)})" for pattern in patterns)

    return condition


def _any_of_many(name: str) -> tuple[Blind, ...]:
    def when(check: Check) -> bool:
        return given(check, "match_on", "any") == "any" and len(items(check, name)) > 1

    return (Blind(says=MEETS_ALL, when=when),)


def _patterns(
    match: Callable[[Check, object], str], argument: str, arguments: dict[str, str], shown: str
) -> dict[str, CheckKind]:
    """The four tests of one way to match: positive and negative, one pattern and a list."""
    found = {}
    for sign, positive in (("", True), ("not_", False)):
        does = "matches" if positive else "does not match"
        found[f"expect_column_values_to_{sign}match_{argument}"] = on_rows(
            _matches(match, argument, positive=positive),
            says=f"every text {does} {shown}, NULL aside",
            arguments={argument: "the pattern"} | arguments,
            required=(argument,),
        )
        found[f"expect_column_values_to_{sign}match_{argument}_list"] = on_rows(
            _matches(match, f"{argument}_list", positive=positive),
            says=f"every text {does} one of several ({shown}), or all of them, NULL aside",
            arguments={f"{argument}_list": "the patterns"} | MATCH_ON | arguments,
            required=(f"{argument}_list",),
            blind=() if positive else _any_of_many(f"{argument}_list"),
        )
    return found


def _pair_in_set(check: Check) -> str:
    one, two = column_of(check, "column_A"), column_of(check, "column_B")
    pairs = items(check, "value_pairs_set")
    if not pairs:
        raise ArgumentError("`value_pairs_set` is empty")
    found = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ArgumentError(f"`{pair}` in `value_pairs_set` is no pair")
        found.append(f"({one} = {expression(pair[0])} AND {two} = {expression(pair[1])})")
    return " OR ".join(found)


def _greater(check: Check) -> str:
    sign = ">=" if given(check, "or_equal") else ">"
    return f"{column_of(check, 'column_A')} {sign} {column_of(check, 'column_B')}"


def _equal(check: Check) -> str:
    return f"{column_of(check, 'column_A')} = {column_of(check, 'column_B')}"


def _all_different(check: Check) -> str:
    """Compared by their texts; NULL is no value, so a row that has one beside values has fewer than columns."""
    keys = columns(check, "column_list")
    if not keys:
        raise ArgumentError("`column_list` is empty")
    found = ", ".join(f"CAST({key} AS TEXT)" for key in keys)
    return f"({ignored(check)}) OR LEN(LIST_DISTINCT([{found}])) >= {len(keys)}"


def _outside_set() -> CheckKind:
    """A value that the set lists twice counts twice, for dbt_expectations joins the rows with the set."""
    plain = on_rows(
        _not_in_set, says="no value is in a set, NULL aside", arguments=SET, required=("value_set",), column=True
    )

    def joined(check: Check) -> str:
        listed = ", ".join(f"({value})" for value in values(check, "value_set", as_text=True))
        rows = select(["*", f"{subject(check)} AS tidegate_value"], relation(check.dataset), where=where(check))
        return select(
            ["tidegate_rows.*"], f"({rows}) AS tidegate_rows JOIN (VALUES {listed}) AS s(v) ON tidegate_value = s.v"
        )

    def repeats(check: Check) -> bool:
        listed = [str(value) for value in items(check, "value_set")]
        return len(set(listed)) < len(listed)

    return CheckKind(
        says=plain.says,
        reads=plain.reads,
        number=lambda check: failures(check, joined(check)) if repeats(check) else plain.number(check),
        told=plain.told,
        arguments=plain.arguments,
        required=plain.required,
        needs_column=True,
        null_passes=True,
        failing=joined,
        whole_rows=True,
    )


KINDS: Final[dict[str, CheckKind]] = {
    "expect_column_values_to_be_null": on_rows(
        lambda check: f"{subject(check)} IS NULL", says="no row has a value", arguments=ROW_CONDITION, null_passes=False
    ),
    "expect_column_values_to_not_be_null": on_rows(
        lambda check: f"{subject(check)} IS NOT NULL",
        says="every row has a value",
        arguments=ROW_CONDITION,
        null_passes=False,
    ),
    "expect_column_values_to_be_in_set": on_rows(
        _known, says="every value is in a set; NULL is not", arguments=SET, required=("value_set",), null_passes=False
    ),
    "expect_column_values_to_not_be_in_set": _outside_set(),
    "expect_column_values_to_be_between": on_rows(
        _in_bounds, says="every value lies between bounds, NULL aside", arguments=BOUNDS | ROW_CONDITION
    ),
    "expect_column_value_lengths_to_be_between": on_rows(
        _length_in_bounds, says="the length of every text lies between bounds", arguments=BOUNDS | ROW_CONDITION
    ),
    "expect_column_value_lengths_to_equal": on_rows(
        _length,
        says="every text has one length",
        arguments={"value": "the length"} | ROW_CONDITION,
        required=("value",),
    ),
    **_patterns(_regex, "regex", REGEX, "a regular expression"),
    **_patterns(_like, "like_pattern", ROW_CONDITION, "a pattern of LIKE"),
    "expect_column_pair_values_A_to_be_greater_than_B": on_rows(
        _greater,
        says="one column is greater than another in every row, NULL aside",
        arguments=PAIR | {"or_equal": "whether they may be equal"} | ROW_CONDITION,
        required=("column_A", "column_B"),
        column=False,
    ),
    "expect_column_pair_values_to_be_equal": on_rows(
        _equal,
        says="two columns are equal in every row, NULL aside",
        arguments=PAIR | ROW_CONDITION,
        required=("column_A", "column_B"),
        column=False,
    ),
    "expect_column_pair_values_to_be_in_set": on_rows(
        _pair_in_set,
        says="the pair of two columns is in a set in every row",
        arguments=PAIR | {"value_pairs_set": "the pairs, in SQL"} | ROW_CONDITION,
        required=("column_A", "column_B", "value_pairs_set"),
        column=False,
    ),
    "expect_select_column_values_to_be_unique_within_record": on_rows(
        _all_different,
        says="the values of several columns differ from one another in every row",
        arguments=COLUMNS | ROW_CONDITION,
        required=("column_list",),
        column=False,
    ),
}
"""Each test by its name in dbt_expectations."""
