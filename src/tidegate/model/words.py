"""Words: a number beside its noun, as people write it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

COMMAND: Final = re.compile(r"^(\s*):(?=:[^\n]*::)|#(?=#\[)", re.MULTILINE)
"""What a runner of GitHub Actions obeys in a log: `::name::` at the beginning of a line, after any blanks, and `##[name]` anywhere."""


def inert(text: str) -> str:
    """The text without commands to the runner that logs it: data may not mask a log or stop its commands."""
    return COMMAND.sub(lambda found: rf"{found[1]}\x3a" if found[1] is not None else r"\x23", text)


def counted(count: float, one: str, many: str | None = None) -> str:
    """A number and its noun: `1 row`, `1,180 rows`; `many` is for nouns that an `s` does not make many."""
    return f"{count:,.10g} {one if count == 1 else many or one + 's'}"


def figure(value: float) -> str:
    """A number with four digits, from a thousand on without a fraction: `0.1235`, `364.3`, `1,478,260`; an exponent only where nobody reads it otherwise."""
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e15 else f"{value:.4g}"


def lasting(span: timedelta) -> str:
    """A stretch of time for a person, in its largest unit: `3 days`, `36 hours`, `12 minutes`."""
    spent = span.total_seconds()
    for unit, one, many in (("day", 86_400, 2), ("hour", 3_600, 1), ("minute", 60, 1)):
        if spent >= many * one:
            return counted(int(spent // one), unit)
    return counted(round(spent), "second")


@dataclass(frozen=True, slots=True)
class Count:
    """A number in a `str.format` template, which also chooses the words that go with it.

    `{n}` is the number, `?` where it is not known; `{n:has|have}` is the first word for one, else the second.
    """

    value: float | None

    def __format__(self, spec: str) -> str:
        if not spec:
            return "?" if self.value is None else f"{self.value:,.10g}"
        one, _, many = spec.partition("|")
        return one if self.value == 1 else many
