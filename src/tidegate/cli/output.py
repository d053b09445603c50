"""Output: stdout is data and stderr is everything else; this module alone writes to either."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import Enum
from pathlib import Path

from tidegate.errors import StorageError, TidegateError
from tidegate.model import DatasetRef
from tidegate.model.words import inert

STYLES = {"bold": "1", "red": "1;31", "green": "1;32"}

LEAST_FOLD = 16
"""No column of a table is folded to less than this: a moment to the minute, the head of a sentence. Chosen, not derived."""

CONTROL = re.compile(rf"\x1b(?!\[(?:0|{'|'.join(STYLES.values())})m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")
"""Every control character but tab, line feed and the styles above."""

SCHEMA_VERSION = 1
"""The version of every `--json` document; raised when a field is removed or changes its meaning."""


class ReaderLeftError(Exception):
    """The program that reads stdout went away, such as `head`; there is nobody to tell it."""


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

    @property
    def unicode(self) -> bool:
        """Whether stdout takes characters beyond ASCII, so that a plot may be drawn with blocks."""
        try:
            "▁█░·".encode(sys.stdout.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def document(self, kind: str, body: object) -> None:
        """Write one JSON document: `schema_version`, `kind` and the body's fields."""
        _write(document(kind, body))

    def whole(self, text: str) -> None:
        """Write a text as it is to stdout: a document in a format of its own, which says itself what must be escaped."""
        _write(text)

    def line(self, text: str = "") -> None:
        """Write one plain line to stdout."""
        _write(harmless(text) + "\n")

    def entry(self, label: str, text: str) -> None:
        """Write a label and its text, indented; on a terminal the text is wrapped under itself, in a pipe it is one line."""
        lead = f"  {label:<10} "
        if not sys.stdout.isatty():
            self.line(lead + text)
            return
        width = max(shutil.get_terminal_size().columns, 40)
        for line in textwrap.wrap(harmless(text), width - len(lead), break_long_words=False) or [""]:
            self.line(lead + line)
            lead = " " * len(lead)

    def aside(self, text: str) -> None:
        """Write one plain line to stderr, unless `quiet`."""
        if not self.quiet:
            _tell(harmless(text) + "\n")

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """Write a table to stdout; `right` are the columns that are aligned to the right.

        As wide as the terminal, or 120 columns in a pipe; what does not fit is folded inside its column. A terminal that is too
        narrow for that gets one row after the other, a line for each column.
        """
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        tty, drawn = sys.stdout.isatty(), io.StringIO()
        width = None if tty else 120
        console = Console(
            file=drawn,
            force_terminal=tty,
            no_color=not self.color,
            width=width,
            highlight=False,
            markup=False,
            emoji=False,  # or rich loads the names of all emojis to look for them in the heads
        )
        cells = [[harmless(cell) for cell in row] for row in rows]
        narrow = tty and _needed([heads, *cells]) > console.width
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_header=not narrow)
        for place, head in enumerate(("", "") if narrow else heads):
            table.add_column(head, justify="right" if place in right and not narrow else "left", overflow="fold")
        for number, row in enumerate(cells):
            if not narrow:
                table.add_row(*map(Text, row))
                continue
            if number:
                table.add_row()
            for head, cell in zip(heads, row, strict=True):
                table.add_row(Text(head, style="bold", no_wrap=True), Text(cell))
        console.print(table)
        _write(inert(drawn.getvalue()))  # a cell that is folded begins lines of its own

    def error(self, error: TidegateError) -> None:
        """Write an error and its hint to stderr; as a JSON document on stdout too, when one was asked for."""
        _tell(harmless(f"error: {error}\nhint: {error.hint}\n"))
        if self.json:
            self.document("error", {"code": error.code, "message": str(error), "hint": error.hint})


def _needed(rows: Sequence[Sequence[str]]) -> int:
    """The least width at which no column of a table is folded to less than `LEAST_FOLD`."""
    widths = [min(max(map(len, column)), LEAST_FOLD) for column in zip(*rows, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def document(kind: str, body: object) -> str:
    """One JSON document as text."""
    plain = to_json(body)
    content = plain if isinstance(plain, dict) else {"items": plain}
    said = {"schema_version": SCHEMA_VERSION, "kind": kind, **content}
    text = json.dumps(said, indent=2, ensure_ascii=False, allow_nan=False)
    return text.replace("##[", r"#\u0023[") + "\n"  # the same text to JSON, and no command to a runner


def harmless(text: str) -> str:
    """The text with control characters and a runner's commands written out, so that data cannot steer a terminal or a job;
    our own styles stay.
    """
    return inert(CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text))


def prepare() -> None:
    """Let both streams take whatever is written: a character that they have no code for is escaped, and a stream that was
    closed before Tidegate began swallows everything.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write(text: str) -> None:
    """Write to stdout, to its end.

    Raises:
        ReaderLeftError: the program that reads it went away.
        StorageError: it cannot be written for another reason.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer goes there
        if isinstance(error, BrokenPipeError):
            raise ReaderLeftError from error
        hint = "free space on the disk that it goes to; what the command did is done, `tidegate status` shows it"
        raise StorageError(f"`stdout` cannot be written: {error.strerror}", hint=hint) from error


def _tell(text: str) -> None:
    """Write to stderr; when that is closed or full there is nobody to tell it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def wants_color(*, disabled: bool) -> bool:
    """Whether stdout may be coloured: not with `--no-color`, `NO_COLOR` or `TERM=dumb`."""
    return not (disabled or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")


def to_json(value: object) -> object:
    """A noun as JSON values: datasets as `schema.name`, times as ISO 8601 in UTC, zones by their names, NaN and infinities as text."""
    if isinstance(value, DatasetRef):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value) if f.metadata.get("json", True)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tzinfo):
        return str(value)
    if isinstance(value, Mapping):
        return {str(to_json(k)): to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return str(value) if isinstance(value, Path) else value
