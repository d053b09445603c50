"""The page about CI is true: its commands are understood, and it lists every method and every format."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tidegate.cli import reports
from tidegate.cli.parser import COMMANDS as COMMANDS_OF_TIDEGATE
from tidegate.cli.parser import build
from tidegate.lineage import INDIRECT
from tidegate.lineage.select import METHODS, read
from tidegate.services.stages import STAGES, TOOLS

PAGE = (Path(__file__).parents[3] / "docs" / "ci-reports.md").read_text(encoding="utf-8")
STAGES_PAGE = (Path(__file__).parents[3] / "docs" / "ci.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {found.strip() for found in re.findall(r"^[ \-]*(?:run: )?(tidegate [^#\n]*)", PAGE + STAGES_PAGE, re.MULTILINE)}
)


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 8


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str) -> None:
    arguments = build().parse_args(shlex.split(line.partition(" > ")[0])[1:])
    if "select" in arguments:
        for spec in (*arguments.select, *arguments.exclude):
            for text in spec.replace(",", " ").split():
                read(text)
        reports.targets(arguments.format, arguments.output, json=arguments.json)


def test_the_indirect_selections_are_those_that_are_understood() -> None:
    (check,) = [command for command in COMMANDS_OF_TIDEGATE if command.name == "check"]
    (said,) = [said for names, said in check.options if "--indirect-selection" in names]
    assert said["choices"] == INDIRECT


def test_every_method_is_listed() -> None:
    listed = PAGE.partition("- Methods: ")[2].partition(". Before")[0]
    assert {name.removesuffix(".*") for name in re.findall(r"`([\w.*]+)`", listed)} == set(METHODS)


def test_every_format_is_listed() -> None:
    assert tuple(re.findall(r"^\| `(\w+)` \| [A-Za-z]", PAGE, re.MULTILINE)) == reports.FORMATS


def test_every_stage_and_every_tool_is_listed() -> None:
    assert re.findall(r"^\| `(\w+)` \|", STAGES_PAGE, re.MULTILINE) == list(STAGES)
    assert [t.program for t in TOOLS.values() if t.program not in STAGES_PAGE] == []
