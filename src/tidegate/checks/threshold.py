"""dbt's `warn_if` and `error_if`: whether a number of failures meets a condition such as `> 10` or `between 1 and 5`."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tidegate.model import Check, Outcome

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
SIMPLE: Final = re.compile(r"\s*(==|=|!=|<>|>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*")


def outcome(check: Check, failures: float) -> Outcome:
    """How a check with so many failures ends, as dbt has it: `error_if` fails, else `warn_if` warns.

    Raises:
        ThresholdError: one of the two cannot be understood.
    """
    if check.severity.casefold() == "error" and meets(failures, check.error_if):
        return Outcome.FAIL
    return Outcome.WARN if meets(failures, check.warn_if) else Outcome.PASS


def examine(check: Check) -> None:
    """Hold the check's own thresholds against what they may be.

    Raises:
        ThresholdError: `warn_if` or `error_if` cannot be understood, or `limit` is negative.
    """
    rule(check.warn_if)
    rule(check.error_if)
    if check.limit is not None and check.limit < 0:
        raise ThresholdError(f"`limit` is `{check.limit}`, less than 0")


class ThresholdError(ValueError):
    """A `warn_if`, `error_if` or `limit` that cannot be understood."""


def meets(number: float, condition: str) -> bool:
    """Whether the number of failures meets the condition.

    Raises:
        ThresholdError: neither an operator with a number nor a SQL condition on the number alone.
    """
    return rule(condition)(number)


@lru_cache(maxsize=512)
def rule(condition: str) -> Callable[[float], bool]:
    """The condition as a function of the number of failures.

    Raises:
        ThresholdError: it cannot be understood.
    """
    simple = SIMPLE.fullmatch(condition)
    if simple is not None:
        compare, bound = OPERATORS[simple[1]], float(simple[2])
        return lambda number: compare(number, bound)
    return _general(condition)


def _general(condition: str) -> Callable[[float], bool]:
    """What else SQL allows after a number: BETWEEN, IN, IS, AND, OR, NOT, and arithmetic."""
    import sqlglot
    from sqlglot import expressions as x
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(f"failures {condition}", read="duckdb")
    except SqlglotError as error:
        raise ThresholdError(f"`{condition}` is not a condition on the number of failures") from error
    grammar = (x.Paren, x.Not, x.Between, x.In, x.Neg, x.Is, x.Null, x.Boolean)
    known: tuple[type[x.Expr], ...] = (*grammar, *_comparisons(), *_arithmetic())
    for node in tree.walk():
        column = isinstance(node, x.Column) and node.name.casefold() == "failures" and not node.table
        leaf = isinstance(node, x.Identifier) or (isinstance(node, x.Literal) and node.is_number)
        if not (column or leaf or isinstance(node, known)) or _is_read_otherwise(node):
            raise ThresholdError(f"`{condition}` is not a condition on the number of failures")
    if not isinstance(tree, x.Condition) or isinstance(tree, x.Column):
        raise ThresholdError(f"`{condition}` is not a condition on the number of failures")
    return lambda number: bool(_value(tree, number))


def _is_read_otherwise(node: Expr) -> bool:
    """Whether DuckDB has another meaning: a NULL that is compared, a divisor that may be 0, `> 5 is true` without
    parentheses, which sqlglot reads as `> (5 is true)`.
    """
    from sqlglot import expressions as x

    if isinstance(node, x.Is):
        return isinstance(node.parent, tuple(kind for kind in _comparisons() if kind not in {x.And, x.Or}))
    if isinstance(node, x.Null):
        return not isinstance(node.parent, x.Is | x.NullSafeEQ | x.NullSafeNEQ)
    divisor = node.args.get("expression")
    divides = isinstance(node, x.Div | x.IntDiv | x.Mod)
    return divides and not (isinstance(divisor, x.Literal) and divisor.is_number and float(divisor.this) != 0)


def _comparisons() -> dict[type[Expr], Callable[[float, float], bool]]:
    from sqlglot import expressions as x

    return {
        x.EQ: operator.eq,
        x.NEQ: operator.ne,
        x.GT: operator.gt,
        x.GTE: operator.ge,
        x.LT: operator.lt,
        x.LTE: operator.le,
        x.And: lambda one, other: bool(one and other),
        x.Or: lambda one, other: bool(one or other),
        x.NullSafeEQ: operator.eq,
        x.NullSafeNEQ: operator.ne,
    }


def _arithmetic() -> dict[type[Expr], Callable[[float, float], float]]:
    from sqlglot import expressions as x

    return {
        x.Add: operator.add,
        x.Sub: operator.sub,
        x.Mul: operator.mul,
        x.Div: operator.truediv,
        x.IntDiv: operator.floordiv,
        x.Mod: math.fmod,
    }


def _value(node: Expr, number: float) -> float:
    """The value of a checked tree; truth is 1 and 0."""
    from sqlglot import expressions as x

    match node:
        case x.Column():
            return number
        case x.Literal() | x.Boolean():
            return float(node.this)
        case x.Null():
            return math.nan
        case x.Is():
            return float(_is(_value(node.this, number), node.args["expression"]))
        case x.Neg():
            return -_value(node.this, number)
        case x.Paren():
            return _value(node.this, number)
        case x.Not():
            return float(not _value(node.this, number))
        case x.Between():
            low, high = _value(node.args["low"], number), _value(node.args["high"], number)
            return float(low <= _value(node.this, number) <= high)
        case x.In():
            return float(any(_value(item, number) == _value(node.this, number) for item in node.expressions))
        case _:
            combine = (_comparisons() | _arithmetic())[type(node)]
            return float(combine(_value(node.this, number), _value(node.args["expression"], number)))


def _is(value: float, wanted: Expr) -> bool:
    """SQL's IS: the number of failures is never NULL, and any but 0 is true."""
    from sqlglot import expressions as x

    if isinstance(wanted, x.Null):
        return math.isnan(value)
    return bool(value) == bool(_value(wanted, value))
