"""Values of options that need more than argparse."""

from __future__ import annotations

import math
import re

from tidegate.errors import UsageError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
TIME = re.compile(r"([0-9]{1,8}(?:\.[0-9]+)?)([smhdw])")


def number(text: str) -> float:
    """A finite number.

    Raises:
        ValueError: not such a number.
    """
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(f"`{text}` is not finite")
    return found


def seconds(text: str) -> float:
    """`90s`, `10m`, `1h`, `7d` or `2w` as seconds.

    Raises:
        UsageError: not such a time.
    """
    found = TIME.fullmatch(text)
    if found is None:
        raise UsageError(f"`{text}` is not a time", hint="write it as 90s, 10m, 1h or 7d")
    return float(found[1]) * UNITS[found[2]]
