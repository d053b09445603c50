"""Write the doctor's mechanical repairs into a project's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tidegate.doctor import Edit
from tidegate.errors import ReadOnlyError


def apply(root: Path, edits: Sequence[Edit]) -> int:
    """Make the edits, those of a file from its end to its start; return the number of files that changed.

    An edit whose lines are there already changes nothing; of two edits of one line the first is made.

    Raises:
        ReadOnlyError: a file cannot be written.
    """
    files: dict[str, list[Edit]] = {}
    for edit in edits:
        files.setdefault(edit.path, []).append(edit)
    return sum(_file(root / path, said) for path, said in files.items())


def _file(file: Path, edits: Sequence[Edit]) -> bool:
    try:
        data = file.read_bytes() if file.exists() else b""
        encoding = next((e.encoding for e in edits if e.encoding), "utf-8")
        before = data.decode(encoding)
        after = _edited(before.removeprefix("\ufeff"), edits)
        if after.encode() == data:
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(after.encode())
    except UnicodeDecodeError:
        return False
    except OSError as error:
        raise ReadOnlyError(f"`{file}` cannot be written: {error.strerror}") from None
    return True


def _edited(text: str, edits: Sequence[Edit]) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    taken: set[int] = set()
    for edit in sorted((e for e in edits if e.first), key=lambda e: -e.first):
        span = set(range(edit.first, edit.last + 1))
        if not span & taken:
            taken |= span
            lines[edit.first - 1 : edit.last] = edit.lines
    for edit in (e for e in edits if not e.first):
        lines += [line for line in edit.lines if line not in lines]
    return end.join(lines) + end if lines else ""
