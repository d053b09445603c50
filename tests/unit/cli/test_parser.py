"""Command lines: what is understood, the nearest command or option for what is not, and errors in a sentence."""

from __future__ import annotations

import argparse
import errno
import os

import pytest

from tidegate.cli import INTERRUPTED
from tidegate.cli.output import Output, ReaderLeftError
from tidegate.cli.parser import COMMANDS, Invocation, build, explained, parse
from tidegate.errors import ConfigError, DiskFullError, ReadOnlyError, StorageError, TidegateError


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        parse(words)
    assert stop.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["stats"], "error: there is no command `stats`\nhint: did you mean `status`? `tidegate --help`"),
        (["incidents", "resolv"], "error: there is no command `resolv`\nhint: did you mean `resolve`?"),
        (["xyzzy"], "error: there is no command `xyzzy`\nhint: `tidegate --help` lists what is allowed"),
        (["run", "--statments"], "error: unknown option `--statments`\nhint: did you mean `--statements`?"),
        (["rollback", "--yes"], "error: unknown option `--yes`\nhint: other commands have it, this one has not"),
        (["status", "--jsn"], "error: unknown option `--jsn`\nhint: did you mean `--json`?"),
        (["status", "--runs"], "expected one argument\nhint: `tidegate status --help`"),
        (["status", "--runs", "many"], "invalid int value: `many`\nhint: `tidegate status --help`"),
        (["publish", "--reason", "x"], "required: VERSION\nhint: `tidegate publish --help`"),
        (["demo", "--data", "shops"], "`shops`"),
        ([], "required: COMMAND\nhint: `tidegate --help`"),
    ],
)
def test_what_is_not_understood(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in refused(words, capsys)


NEEDED = {
    "init": ["--provider", "github"], "load": ["ci.duckdb"],
    "resolve": ["1", "--reason", "x", "--as", "fixed"], "show": ["1"], "ack": ["1"], "diff": ["a", "b"],
    "postmortem": ["1"], "assign": ["1"], "note": ["1", "seen"], "suppress": ["1", "--for", "7d", "--reason", "x"],
}  # fmt: skip
"""What an inner command cannot do without."""


def test_every_command_has_a_handler_that_can_be_loaded() -> None:
    window = ["--from", "2026-05-20", "--to", "2026-05-23"]
    required = {"publish": ["1", "--reason", "x"], "explain": [], "backfill": window, "recover": ["1"]}
    for command in COMMANDS:
        assert callable(parse([command.name, *required.get(command.name, [])]).handler)
        for inner in command.commands:
            assert callable(parse([command.name, inner.name, *NEEDED.get(inner.name, [])]).handler)


@pytest.mark.parametrize("said", ["false-alarm", "false alarm"])
def test_an_answer_may_be_written_with_a_space(said: str) -> None:
    found = parse(["incidents", "resolve", "1", "--reason", "x", "--as", said])
    assert found.arguments.resolution == "false-alarm"


def test_whoever_resolves_is_asked_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: --as" in refused(["incidents", "resolve", "1", "--reason", "x"], capsys)


@pytest.mark.parametrize(
    "words", [["--json", "list"], ["list", "--json"], ["--json", "--all", "list"], ["list", "--all", "--json"]]
)
def test_options_count_before_and_behind_the_inner_command(words: list[str]) -> None:
    found = parse(["incidents", *words])
    assert found.output.json
    assert found.arguments.all == ("--all" in words)
    assert found.arguments.project == "."


def test_what_follows_two_dashes_is_the_command() -> None:
    found = build().parse_args(["run", "--wait", "5s", "--", "dbt", "build", "--json", "-s", "x"])
    assert (found.wait, found.json) == ("5s", False)
    assert [w for w in found.command if w != "--"] == ["dbt", "build", "--json", "-s", "x"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import tidegate

    with pytest.raises(SystemExit) as stop:
        parse(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"tidegate {tidegate.__version__}\n"


# --- errors while a command runs


def run(error: BaseException, *, verbose: bool = False, json: bool = False) -> int:
    def handler(arguments: argparse.Namespace, output: Output) -> int:
        raise error

    return Invocation(handler=handler, arguments=argparse.Namespace(), output=Output(verbose=verbose, json=json)).run()


def test_an_expected_error_becomes_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ConfigError("`a` is wrong", hint="correct it")) == 2
    assert capsys.readouterr().err == "error: `a` is wrong\nhint: correct it\n"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, DiskFullError),
        (errno.EDQUOT, DiskFullError),
        (errno.EROFS, ReadOnlyError),
        (errno.EACCES, ReadOnlyError),
        (errno.EIO, StorageError),
        (errno.EPIPE, StorageError),
    ],
)
def test_what_the_file_system_says_is_told_as_such(code: int, kind: type[TidegateError]) -> None:
    told = explained(OSError(code, os.strerror(code), "/some/file"))
    assert type(told) is kind
    assert "`/some/file`" in str(told)


def test_a_fault_of_our_own_is_told_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(KeyError("gone"), json=True) == 2
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    assert "unforeseen `KeyError` at `test_parser.py:" in shown.err
    assert "run again with `--verbose`" in shown.err
    assert '"code": "failed"' in shown.out


@pytest.mark.parametrize("error", [ConfigError("a"), KeyError("b"), OSError(errno.ENOSPC, "c")])
def test_verbose_shows_the_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        run(error, verbose=True)


@pytest.mark.parametrize("error", [ReaderLeftError(), KeyboardInterrupt(), SystemExit(3)])
def test_what_is_no_error_of_a_command_goes_through(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(type(error)):
        run(error)
    told = capsys.readouterr().err
    assert told == ("interrupted: readers keep the published version\n" if isinstance(error, KeyboardInterrupt) else "")


def test_ctrl_c_has_the_status_that_shells_know() -> None:
    assert INTERRUPTED == 128 + 2
