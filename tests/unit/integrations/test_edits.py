"""Mechanical repairs: lines are replaced from the end, added once, and a file's own line ends stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.doctor import Edit
from tidegate.errors import ReadOnlyError
from tidegate.integrations.edits import apply


def made(folder: Path, before: bytes, *edits: Edit) -> bytes:
    (folder / "a.txt").write_bytes(before)
    apply(folder, edits)
    return (folder / "a.txt").read_bytes()


def test_lines_are_replaced(tmp_path: Path) -> None:
    edits = (Edit(path="a.txt", first=1, last=1, lines=("x", "y")), Edit(path="a.txt", first=3, last=4, lines=("z",)))
    assert made(tmp_path, b"1\n2\n3\n4\n5\n", *edits) == b"x\ny\n2\nz\n5\n"


def test_of_two_edits_of_a_line_one_is_made(tmp_path: Path) -> None:
    edits = (Edit(path="a.txt", first=1, last=2, lines=("x",)), Edit(path="a.txt", first=2, last=2, lines=("y",)))
    assert made(tmp_path, b"1\n2\n", *edits) in {b"x\n", b"1\ny\n"}


def test_lines_are_added_once_and_only_if_they_are_not_there(tmp_path: Path) -> None:
    edits = (Edit(path="a.txt", lines=("b", "c")), Edit(path="a.txt", lines=("c",)))
    assert made(tmp_path, b"a\nb", *edits) == b"a\nb\nc\n"


def test_the_line_ends_of_windows_stay(tmp_path: Path) -> None:
    assert made(tmp_path, b"1\r\n2\r\n", Edit(path="a.txt", first=2, last=2, lines=("x",))) == b"1\r\nx\r\n"


def test_utf_16_becomes_utf_8(tmp_path: Path) -> None:
    before = "\ufeffdlt==1.4.0\r\n".encode("utf-16-le")
    assert made(tmp_path, before, Edit(path="a.txt", encoding="utf-16-le")) == b"dlt==1.4.0\r\n"


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert apply(tmp_path, [Edit(path="new/.dockerignore", lines=(".env",))]) == 1
    assert (tmp_path / "new" / ".dockerignore").read_text(encoding="utf-8") == ".env\n"


def test_nothing_to_do_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("b\n", encoding="utf-8")
    assert apply(tmp_path, [Edit(path="a.txt", lines=("b",))]) == 0


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(ReadOnlyError):
        apply(tmp_path, [Edit(path="a.txt", lines=("b",))])
