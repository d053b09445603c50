"""Every `--help` as users see it; `UPDATE_SNAPSHOTS=1` writes it again. Read the difference before committing it."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tidegate.cli import main
from tidegate.cli.parser import COMMANDS, Command

FOLDER = Path(__file__).parent / "help"


def command_lines(commands: Sequence[Command] = COMMANDS, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not above:
        yield ()
    for command in commands:
        yield (*above, command.name)
        yield from command_lines(command.commands, (*above, command.name))


LINES = {" ".join(("tidegate", *words)): words for words in command_lines()}


def help_of(words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "100")
    with contextlib.redirect_stdout(io.StringIO()) as shown, pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    return shown.getvalue()


@pytest.mark.parametrize("line", LINES)
def test_help(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, shown = FOLDER / f"{line.replace(' ', '-')}.txt", help_of(LINES[line], monkeypatch)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


def test_no_help_is_left_of_a_command_that_is_gone() -> None:
    assert {p.stem for p in FOLDER.iterdir()} == {line.replace(" ", "-") for line in LINES}


@pytest.mark.parametrize("line", LINES)
def test_help_says_where_to_go_and_fits(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = help_of(LINES[line], monkeypatch)
    assert shown.startswith(f"usage: {line}")
    assert max(len(row) for row in shown.splitlines()) <= 100
    assert "exit status: 0 fine, 1 findings or gate closed, 2 could not run" in shown
    if line != "tidegate":
        for option in ("--project DIR", "--json", "--quiet", "--no-color", "--verbose"):
            assert option in shown


@pytest.mark.parametrize("columns", ["", "0", "wide", "-5", "12"])
def test_any_width_is_survived(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with contextlib.redirect_stdout(io.StringIO()) as shown, pytest.raises(SystemExit) as stop:
        main(["run", "--help"])
    assert stop.value.code == 0
    assert "--project" in shown.getvalue()
