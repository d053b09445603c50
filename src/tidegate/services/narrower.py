"""Narrower: whether what is demanded now leaves no value that was refused before. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from tidegate.checks.listed import instant, number

UPPER: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
LOWER: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
EXCLUSIVE: Final[Mapping[str, str]] = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
"""The two names that a bound of each side has."""

End = tuple[float, int]
"""An end of a range, and which way it is moved from there where it is not in the range itself: 1 up, -1 down."""

Range = tuple[End, End]
BEGIN: Final[End] = (-math.inf, 0)
END: Final[End] = (math.inf, 0)

RANGES: Final[Mapping[str, Callable[[float, float], tuple[Range, ...]]]] = {
    "mustBe": lambda low, _: (((low, 0), (low, 0)),),
    "mustNotBe": lambda low, _: ((BEGIN, (low, -1)), ((low, 1), END)),
    "mustBeGreaterThan": lambda low, _: (((low, 1), END),),
    "mustBeGreaterOrEqualTo": lambda low, _: (((low, 0), END),),
    "mustBeLessThan": lambda low, _: ((BEGIN, (low, -1)),),
    "mustBeLessOrEqualTo": lambda low, _: ((BEGIN, (low, 0)),),
    "mustBeBetween": lambda low, high: (((low, 0), (high, 0)),),
    "mustNotBeBetween": lambda low, high: ((BEGIN, (low, -1)), ((high, 1), END)),
}
"""The numbers that meet each of the standard's operators, as ranges."""


def is_narrower_demand(old: tuple[str | None, object], new: tuple[str | None, object]) -> bool:
    """Whether every number that meets an operator and its bound met those of before; False where nobody can tell."""
    before, after = _ranges(*old), _ranges(*new)
    if before is None or after is None:
        return False
    return all(any(wide[0] <= part[0] and part[1] <= wide[1] for wide in before) for part in after)


def _ranges(operator: str | None, bound: object) -> tuple[Range, ...] | None:
    ends = bound if isinstance(bound, list) else [bound, bound]
    if (
        operator is None
        or operator not in RANGES
        or len(ends) != 2
        or not all(isinstance(end, int | float) for end in ends)
    ):
        return None
    return RANGES[operator](float(ends[0]), float(ends[1]))


def is_same_option(name: str, old: object, new: object) -> bool:
    """Whether two values of an option say the same, as times in two zones may."""
    before, after = _comparable(old, new)
    return old == new or (name in UPPER | LOWER and before is not None and before == after)


def is_narrower_option(name: str, old: object, new: object) -> bool:
    """Whether a logical type option leaves no value that it refused before; False where nobody can tell."""
    if isinstance(old, bool) and isinstance(new, bool):
        return name == "uniqueItems" and new
    before, after = _comparable(old, new)
    if before is None or after is None:
        return False
    if name == "multipleOf":
        return bool(before > 0 and after % before == 0)
    return bool(after <= before if name in UPPER else after >= before) and name in UPPER | LOWER


def is_narrower_bound(old: tuple[str, object], new: tuple[str, object]) -> bool:
    """The same of a lower or upper bound that was in the range and is not now, or the other way."""
    before, after = _comparable(old[1], new[1])
    if before is None or after is None:
        return False
    return bool(after < before if new[0] in UPPER else after > before) or (
        before == after and new[0] in EXCLUSIVE.values()
    )


def _comparable(old: object, new: object) -> tuple[Any, Any]:
    """Two bounds as numbers or as times; None and None where they are neither, or not alike."""
    read = instant if isinstance(old, str) and isinstance(new, str) else number
    if isinstance(old, str) is not isinstance(new, str):
        return None, None
    return read(old), read(new)
