"""What an entry of the doctor's catalogue is made of, and what a rule finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.doctor.facts import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One mechanical repair of one file: lines `first` to `last`, from 1 and both inside, become `lines`.

    With `first` 0 the lines are added at the end; a file that is not there is made. `encoding` asks for the whole file
    to be written again as UTF-8.
    """

    path: str
    first: int = 0
    last: int = 0
    lines: tuple[str, ...] = ()
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place where a rule is broken: `path` relative to the project, `line` from 1, `message` with the value in it.

    `fix` is what to do here, where the rule's own words are too general.
    """

    path: str
    line: int
    message: str
    fix: str | None = None
    edit: Edit | None = None


Judge = Callable[["Project"], Iterable[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: its stable `code`, how grave a breach is (`error`, `warning`, `note`), what it says, why it matters, the fix.

    `judge` looks at the facts and returns what it found. It is None where something must be run or read that a pure
    function cannot: `needs` then says what (`--deep`, or the extra `doctor`).
    """

    code: str
    level: str
    says: str
    why: str
    fix: str
    judge: Judge | None = None
    needs: str | None = None
    mechanical: bool = False
