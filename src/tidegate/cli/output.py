"""Output: stdout is data and stderr is everything else; this module alone writes to either."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.model import DatasetRef

STYLES = {"bold": "1", "red": "1;31", "green": "1;32"}

SCHEMA_VERSION = 1
"""The version of every `--json` document; raised when a field is removed or changes its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a command writes: `json` asks for one document on stdout, `quiet` for no progress on stderr."""

    json: bool = False
    quiet: bool = False
    color: bool = True
    verbose: bool = False

    def strong(self, text: str, style: str = "bold") -> str:
        """The text emphasised (`bold`, `red`, `green`), where stdout is a terminal that may be coloured."""
        if not self.color or not sys.stdout.isatty():
            return text
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m"

    def document(self, kind: str, body: object) -> None:
        """Write one JSON document: `schema_version`, `kind` and the body's fields."""
        plain = to_json(body)
        content = plain if isinstance(plain, dict) else {"items": plain}
        text = json.dumps({"schema_version": SCHEMA_VERSION, "kind": kind, **content}, indent=2, ensure_ascii=False)
        sys.stdout.write(text + "\n")

    def line(self, text: str = "") -> None:
        """Write one plain line to stdout."""
        sys.stdout.write(text + "\n")

    def aside(self, text: str) -> None:
        """Write one plain line to stderr, unless `quiet`."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """Write a table to stdout; `right` are the columns that are aligned to the right.

        As wide as the terminal, or 120 columns in a pipe; what does not fit is folded inside its column.
        """
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for place, head in enumerate(heads):
            table.add_column(head, justify="right" if place in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*[Text(cell) for cell in row])
        width = None if sys.stdout.isatty() else 120
        Console(file=sys.stdout, no_color=not self.color, highlight=False, width=width).print(table)

    def error(self, error: TidegateError) -> None:
        """Write an error and its hint to stderr; as a JSON document on stdout too, when one was asked for."""
        sys.stderr.write(f"error: {error}\nhint: {error.hint}\n")
        sys.stderr.flush()
        if self.json:
            self.document("error", {"code": error.code, "message": str(error), "hint": error.hint})


def wants_color(*, disabled: bool) -> bool:
    """Whether stdout may be coloured: not with `--no-color`, `NO_COLOR` or `TERM=dumb`."""
    return not (disabled or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")


def to_json(value: object) -> object:
    """A noun as JSON values: datasets as `schema.name`, times as ISO 8601 in UTC, NaN and infinities as text."""
    if isinstance(value, DatasetRef):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(to_json(k)): to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return str(value) if isinstance(value, Path) else value
