"""What goes to stdout and stderr: strict JSON, tables, colours only where they are wanted, and streams that fail."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TextIO

import pytest

from tidegate.cli.output import Output, ReaderLeftError, prepare, to_json, wants_color
from tidegate.errors import ConfigError, StorageError
from tidegate.model import DatasetRef


class Colour(Enum):
    RED = "red"


@dataclass
class Noun:
    name: str
    inner: object


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("ü\n", "ü\n"),
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        (DatasetRef(namespace="raw", name="a.b"), "raw.a.b"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (timedelta(minutes=1.5), 90.0),
        ({1: (Colour.RED,)}, {"1": ["red"]}),
        ({DatasetRef(namespace="a", name="b"): frozenset({1})}, {"a.b": [1]}),
        (Noun(name="x", inner=Noun(name="y", inner=None)), {"name": "x", "inner": {"name": "y", "inner": None}}),
    ],
)
def test_every_value_has_a_form_in_json(value: object, wanted: object) -> None:
    assert to_json(value) == wanted
    json.dumps(to_json(value), allow_nan=False)


def test_a_document_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=True).document("list", [1, 2])
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "kind": "list", "items": [1, 2]}


def test_an_error_goes_to_stderr_and_into_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    Output().error(ConfigError("`a` is wrong", hint="correct it"))
    Output(json=True, quiet=True).error(ConfigError("`b` is wrong", hint="correct it"))
    shown = capsys.readouterr()
    assert shown.err == "error: `a` is wrong\nhint: correct it\nerror: `b` is wrong\nhint: correct it\n"
    assert json.loads(shown.out)["code"] == "config-invalid"


def test_quiet_is_about_asides(capsys: pytest.CaptureFixture[str]) -> None:
    Output(quiet=True).aside("a")
    Output().aside("b")
    assert capsys.readouterr().err == "b\n"


def test_a_table_keeps_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["[red]x[/]", "1"], ["y" * 300, "22"], ["", "333"]]
    Output().table(["name", "n"], rows, right=(1,))
    shown = capsys.readouterr().out
    assert "[red]x[/]" in shown
    assert shown.count("y") == 300
    assert max(len(line) for line in shown.splitlines()) <= 120
    assert "\x1b" not in shown


WIDE = (
    ["incident", "state", "opened (UTC)", "what"],
    [["7", "mitigated", "2026-11-23 13:24", "rows came twice " * 3]] * 2,
)


def drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, columns: int, tty: bool = True
) -> list[str]:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    Output(color=False).table(*WIDE, right=(0,))
    return [line.rstrip() for line in re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()]


def test_a_terminal_that_is_too_narrow_for_a_table_gets_a_line_for_each_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = drawn(monkeypatch, capsys, columns=50)
    assert lines[:4] == [
        "incident      7",
        "state         mitigated",
        "opened (UTC)  2026-11-23 13:24",
        "what          rows came twice rows came twice rows",
    ]
    assert lines[4:7] == ["              came twice", "", "incident      7"]
    assert len(lines) == 11


def test_one_that_is_wide_enough_and_a_pipe_get_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for columns, tty in ((56, True), (20, False)):
        head, first, *_ = drawn(monkeypatch, capsys, columns=columns, tty=tty)
        assert head == "incident  state      opened (UTC)      what"
        assert first.startswith("       7  mitigated  2026-11-23 13:24  rows came twice")


@pytest.mark.parametrize(
    ("environment", "disabled", "wanted"),
    [({}, False, True), ({}, True, False), ({"NO_COLOR": "1"}, False, False), ({"TERM": "dumb"}, False, False)],
)
def test_when_colour_is_wanted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], disabled: bool, wanted: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_color(disabled=disabled) is wanted


def test_strong_is_plain_where_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Output().strong("HELD", "red") == "HELD"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert Output().strong("HELD", "red") == "\x1b[1;31mHELD\x1b[0m"
    assert Output(color=False).strong("HELD", "red") == "HELD"


STEERING = "\x1b]0;title\x07 \x1b[2J \x9b31m \r over \x00 \x7f"


def test_data_does_not_steer_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for is_terminal in (False, True):
        monkeypatch.setattr(sys.stdout, "isatty", lambda is_terminal=is_terminal: is_terminal, raising=False)
        output = Output()
        output.line(output.strong(f"HELD {STEERING}\tü", "red"))
        output.table([output.strong("head")], [[STEERING]])
        output.aside(STEERING)
        output.error(ConfigError(STEERING, hint=STEERING))
        shown = capsys.readouterr()
        styles = re.compile(r"\x1b\[(?:0|1|1;31|1;32)m")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", styles.sub("", shown.out + shown.err))
        assert r"\x1b]0;title\x07 \x1b[2J \x9b31m \x0d over \x00 \x7f" in shown.out
        assert "\tü" in shown.out
        assert ("\x1b[1;31mHELD" in shown.out) == is_terminal


def test_a_document_keeps_control_characters_as_json_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    Output(json=True).document("text", {"value": STEERING})
    assert json.loads(capsys.readouterr().out)["value"] == STEERING


class Refusing(io.StringIO):
    """A stream that can no longer be written; its descriptor is that of an open file."""

    def __init__(self, code: int, descriptor: int) -> None:
        super().__init__()
        self.code, self.descriptor = code, descriptor

    def write(self, text: str) -> int:
        raise OSError(self.code, os.strerror(self.code))

    def fileno(self) -> int:
        return self.descriptor


@pytest.fixture
def descriptor(tmp_path: Path) -> TextIO:
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        yield file


def test_a_reader_that_left_is_no_storage_error(monkeypatch: pytest.MonkeyPatch, descriptor: TextIO) -> None:
    monkeypatch.setattr(sys, "stdout", Refusing(errno.EPIPE, descriptor.fileno()))
    with pytest.raises(ReaderLeftError):
        Output().line("a")


def test_a_stdout_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, descriptor: TextIO) -> None:
    monkeypatch.setattr(sys, "stdout", Refusing(errno.ENOSPC, descriptor.fileno()))
    for write in (
        lambda: Output().line("a"),
        lambda: Output().table(["a"], [["b"]]),
        lambda: Output().document("a", {}),
    ):
        with pytest.raises(StorageError, match="`stdout` cannot be written: No space left on device"):
            write()


@pytest.mark.parametrize("code", [errno.EPIPE, errno.ENOSPC])
def test_a_stderr_that_cannot_be_written_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, descriptor: TextIO, code: int
) -> None:
    from tidegate.cli.progress import StderrProgress

    stream = Refusing(code, descriptor.fileno())
    monkeypatch.setattr(sys, "stderr", stream)
    Output().aside("a")
    Output().error(ConfigError("`a` is wrong"))
    for is_terminal in (False, True):
        stream.isatty = lambda is_terminal=is_terminal: is_terminal
        progress = StderrProgress(quiet=False)
        progress.stage("scan")
        progress.advance(1, 2, "raw.orders")
        progress.advance(2, 2)
        progress.say("so")


def test_streams_take_what_they_have_no_code_for(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    monkeypatch.setattr(sys, "stderr", None)
    prepare()
    Output().line("größer … \udc80")
    Output().aside("nobody hears it")
    assert raw.getvalue() == b"gr\\xf6\\xdfer \\u2026 \\udc80\n"
