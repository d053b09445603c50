"""Cheaper aggregates from which a number mostly follows; where their values leave it open, the number itself is asked.

A profile of 23 columns asks for 140 aggregates. Without those below, of which nearly every table needs none, it takes
three quarters of the time: the squares of integers cost 0.4 ns a row where Welford's method costs 8, and are exact.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tidegate.metrics.atoms import Atoms, Combine
from tidegate.metrics.fragments import quoted
from tidegate.metrics.kinds import TIMES, Kind, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tidegate.model import Column, Dataset

OPEN: Final = object()
"""What `combine` returns when the values do not tell."""

NARROW: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "INT", "UTINYINT", "USMALLINT", "INT1", "INT2", "INT4"})
"""Types of integers whose squares fit 64 bits."""

SQUARED_DIGITS: Final = 9
"""Decimals up to this precision have squares of 18 digits, which is all that DuckDB gives a product of such."""

CANCELS: Final = 0.01
"""Below this share of the mean square, the variance by sums of doubles loses digits: six are left of sixteen when two go here
and eight in adding up 10⁸ squares, at the worst. Chosen, not derived."""

GREATEST_SQUARED: Final = 1e150
"""As in the catalogue: squares of doubles beyond are infinite."""


def shortcut(metric: str, column: Column, name: str, *, limit: float | None = None) -> Atoms | None:
    """The cheaper way to a number of all rows, None where there is none.

    Args:
        name: the column's name, quoted.
        limit: for `newest`, in seconds since 1970-01-01 UTC.
    """
    kind = kind_of(column)
    if metric == "stddev":
        return _deviation(kind, column.type.strip().upper(), name)
    if kind is Kind.FLOAT and metric in OF_FLOATS:
        return OF_FLOATS[metric](name)
    if kind in TIMES and metric in OF_TIMES:
        return OF_TIMES[metric](name)
    if kind in TIMES and metric == "newest" and limit is not None:
        return _extreme_time("MAX", name, limit)
    if kind in (Kind.TEXT, Kind.LABEL) and metric == "empty_count":
        text = name if kind is Kind.TEXT else f"CAST({name} AS TEXT)"
        return Atoms((f"MIN(LENGTH({text}))",), _none_is_empty)
    return None


def in_range(text: str, dataset: Dataset) -> Atoms | None:
    """How many rows fail a condition that only bounds columns of integers or decimals, or lengths of texts: none, when their
    extremes meet it. Of use where the extremes are asked anyway: both together cost twice what counting does. None where
    the condition is anything else.
    """
    found: list[tuple[str, str, Fraction]] = []
    for test in _AND.split(_BETWEEN.sub(r"\1 >= \2 AND \1 <= \3", text)):
        said = _BOUND.fullmatch(test)
        operand = _bounded(said, dataset) if said is not None else None
        if said is None or operand is None:
            return None
        found.append((operand, said["sign"], Fraction(said["number"])))
    operands = list(dict.fromkeys(operand for operand, _, _ in found))

    def combined(values: Sequence[object]) -> object:
        ends = dict(zip(operands, zip(values[::2], values[1::2], strict=True), strict=True))
        held = (_MET[sign](end, number) for operand, sign, number in found for end in ends[operand])
        return 0 if all(held) else OPEN

    return Atoms(tuple(f"{which}({o})" for o in operands for which in ("MIN", "MAX")), combined)


def _bounded(said: re.Match[str], dataset: Dataset) -> str | None:
    """The operand of a bound as SQL, None where its extremes do not tell."""
    column = dataset.column(said["quoted"] or said["word"])
    if column is None:
        return None
    kind, name = kind_of(column), quoted(column.name)
    if said["length"]:
        return f"LENGTH({name})" if kind is Kind.TEXT else None
    return name if kind in (Kind.INTEGER, Kind.DECIMAL) else None


_NUMBER: Final = r"-?(?=[0-9.]{1,16}(?![0-9.]))[0-9]+(?:\.[0-9]+)?"
"""At most 15 digits: with more, the engine may refuse to compare."""

_NAME: Final = r"""(?:(?P<word>[a-z_][a-z0-9_]*)|"(?P<quoted>[^"]+)")"""
_BOUND: Final = re.compile(
    rf"\s*(?P<length>LENGTH\s*\(\s*)?{_NAME}(?(length)\s*\))\s*(?P<sign><=|>=|<|>|=)\s*(?P<number>{_NUMBER})\s*",
    re.IGNORECASE | re.ASCII,
)
_BETWEEN: Final = re.compile(
    rf"""((?:LENGTH\s*\(\s*)?(?:\b[a-z_][a-z0-9_]*|"[^"]+")\s*\)?)\s*\bBETWEEN\s+({_NUMBER})\s+AND\s+({_NUMBER})""",
    re.IGNORECASE | re.ASCII,
)
_AND: Final = re.compile(r"\bAND\b", re.IGNORECASE)


def _met(compare: Callable[[Fraction, Fraction], bool]) -> Callable[[object, Fraction], bool]:
    """Whether an extreme meets a bound; where there is no value nothing fails."""
    return lambda end, number: end is None or (isinstance(end, int | Decimal) and compare(Fraction(end), number))


_MET: Final[Mapping[str, Callable[[object, Fraction], bool]]] = MappingProxyType(
    {
        "<=": _met(operator.le),
        ">=": _met(operator.ge),
        "<": _met(operator.lt),
        ">": _met(operator.gt),
        "=": _met(operator.eq),
    }
)


def extreme_of(part: str) -> str | None:
    """Which of COUNT, SUM, MIN and MAX a part of a shortcut is; each can be put together from those of stretches of rows."""
    found = _OUTER.match(part)
    return found[1] if found is not None else None


_OUTER: Final = re.compile(r"(?:(?:COALESCE\()?EPOCH\()?(COUNT|SUM|MIN|MAX)\(")


def _none_is_empty(values: Sequence[object]) -> object:
    return OPEN if values[0] == 0 else 0


def _deviation(kind: Kind, type_text: str, name: str) -> Atoms | None:
    double = f"CAST({name} AS DOUBLE)"
    doubled = f"SUM({double} * {double})"
    if kind is Kind.FLOAT:
        parts = (f"COUNT({name})", f"SUM({double})", doubled, f"MIN({name})", f"MAX({name})")
        return Atoms(parts, _if_tame(_deviation_of_doubles, GREATEST_SQUARED))
    if kind is Kind.INTEGER and type_text in NARROW:
        whole = f"CAST({name} AS BIGINT)"
        return Atoms((f"COUNT({name})", f"SUM({name})", f"SUM({whole} * {whole})"), _deviation_of_sums)
    if kind is Kind.DECIMAL and _digits(type_text) <= SQUARED_DIGITS:
        return Atoms((f"COUNT({name})", f"SUM({name})", f"SUM({name} * {name})"), _deviation_of_sums)
    if kind in (Kind.INTEGER, Kind.DECIMAL):
        return Atoms((f"COUNT({name})", f"SUM({name})", doubled), _deviation_of_doubles)
    return None


def _digits(type_text: str) -> int:
    return int(re.findall(r"\d+", type_text)[0])


def _deviation_of_sums(values: Sequence[object], *, least: float = 0.0) -> object:
    """(n Σx² - (Σx)²) / (n (n - 1)), in fractions; open where less than that share of n Σx² is left."""
    count, *sums = values
    if not isinstance(count, int) or count < 2:
        return None
    if any(isinstance(value, float) and not math.isfinite(value) for value in sums):
        return OPEN
    total, squares = (Fraction(value) if isinstance(value, int | float | Decimal) else None for value in sums)
    if total is None or squares is None:
        return OPEN
    spread = count * squares - total * total
    if least and spread < Fraction(least) * count * squares:
        return OPEN
    return math.sqrt(spread / (count * (count - 1)))


def _deviation_of_doubles(values: Sequence[object]) -> object:
    return _deviation_of_sums(values, least=CANCELS)


def _if_tame(combine: Combine, below: float = math.inf) -> Combine:
    """Answer only where the last two values, least and greatest, are finite numbers below a bound, or there is no value."""

    def combined(values: Sequence[object]) -> object:
        *rest, low, high = values
        if low is None and high is None:
            return combine(rest)
        tame = isinstance(low, float) and isinstance(high, float) and -below < low <= high < below
        return combine(rest) if tame else OPEN

    return combined


def _with_extremes(name: str, parts: tuple[str, ...], combine: Combine) -> Atoms:
    return Atoms((*parts, f"MIN({name})", f"MAX({name})"), _if_tame(combine))


def _total(values: Sequence[object]) -> object:
    """A sum of finite doubles that is infinite itself is left to the catalogue."""
    return OPEN if isinstance(values[0], float) and not math.isfinite(values[0]) else values[0]


def _mean(values: Sequence[object]) -> object:
    total, count = _total(values), values[1]
    if total is OPEN:
        return OPEN
    return total / count if isinstance(total, float) and isinstance(count, int) and count else None


def _extreme_float(which: str, name: str) -> Atoms:
    def combined(values: Sequence[object]) -> object:
        (found,) = values
        return OPEN if isinstance(found, float) and not math.isfinite(found) else found

    return Atoms((f"{which}({name})",), combined)


def _extreme_time(which: str, name: str, limit: float | None = None) -> Atoms:
    """Open where it is infinite, or lies beyond the limit."""

    def combined(values: Sequence[object]) -> object:
        (found,) = values
        if not isinstance(found, float):
            return None
        return OPEN if not math.isfinite(found) or (limit is not None and found > limit) else found

    return Atoms((_seconds(which, name),), combined)


def _seconds(which: str, name: str) -> str:
    """An extreme of times in seconds. An infinite one has none, for the engine: it is an infinite number here, of either sign as it
    outlasts all others when those of stretches of rows are put together.
    """
    infinite = {"MIN": "-infinity", "MAX": "infinity"}[which]
    count = f"CASE WHEN COUNT({name}) > 0 THEN CAST('{infinite}' AS DOUBLE) END"
    return f"COALESCE(EPOCH({which}({name})), {count})"


def _infinite_times(name: str) -> Atoms:
    def combined(values: Sequence[object]) -> object:
        return OPEN if any(isinstance(end, float) and not math.isfinite(end) for end in values) else 0

    return Atoms((_seconds("MIN", name), _seconds("MAX", name)), combined)


def _nothing(values: Sequence[object]) -> object:  # noqa: ARG001 - what tells is looked at before
    return 0


OF_FLOATS: Final[Mapping[str, Callable[[str], Atoms]]] = MappingProxyType(
    {
        "min": lambda name: _extreme_float("MIN", name),
        "max": lambda name: _extreme_float("MAX", name),
        "nan_count": lambda name: _with_extremes(name, (), _nothing),
        "infinite_count": lambda name: _with_extremes(name, (), _nothing),
        "finite_count": lambda name: _with_extremes(name, (f"COUNT({name})",), lambda values: values[0]),
        "sum": lambda name: _with_extremes(name, (f"SUM(CAST({name} AS DOUBLE))",), _total),
        "mean": lambda name: _with_extremes(name, (f"SUM(CAST({name} AS DOUBLE))", f"COUNT({name})"), _mean),
    }
)
"""Where neither the least nor the greatest value is infinite or NaN, which is the greatest of all, no value is."""

OF_TIMES: Final[Mapping[str, Callable[[str], Atoms]]] = MappingProxyType(
    {
        "min": lambda name: _extreme_time("MIN", name),
        "max": lambda name: _extreme_time("MAX", name),
        "infinite_count": _infinite_times,
    }
)
