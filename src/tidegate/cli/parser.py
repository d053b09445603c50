"""The commands and their options, as data; handlers are imported only when they run."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

import tidegate
from tidegate.cli.command import Command, option
from tidegate.cli.groups.ci import CI
from tidegate.cli.groups.environments import ENVIRONMENTS, PROMOTE
from tidegate.cli.groups.sample import SAMPLE
from tidegate.cli.options import number
from tidegate.cli.output import Output, ReaderLeftError, wants_color
from tidegate.errors import TidegateError, UsageError

EXIT_STATUS = "exit status: 0 fine, 1 findings or gate closed, 2 could not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A parsed command line, ready to run."""

    handler: Callable[[argparse.Namespace, Output], int]
    arguments: argparse.Namespace
    output: Output

    def run(self) -> int:
        """Run the command; an error is written with its hint and becomes its exit status."""
        try:
            return self._handled()
        except KeyboardInterrupt:
            self.output.aside("interrupted: readers keep the published version")
            raise
        except Exception as error:  # the last one who can tell it in a sentence; `--verbose` shows it whole
            if self.output.verbose or isinstance(error, ReaderLeftError):
                raise
            told = explained(error)
            self.output.error(told)
            return told.exit_status

    def _handled(self) -> int:
        chosen = getattr(self.arguments, "environment", None)
        if chosen is None:
            return self.handler(self.arguments, self.output)
        from tidegate.config.environments import choose

        with choose(chosen):
            return self.handler(self.arguments, self.output)


def explained(error: Exception) -> TidegateError:
    """The error itself, the file system's refusal, or a fault of Tidegate's own with the place where it happened."""
    if isinstance(error, TidegateError):
        return error
    if isinstance(error, OSError):
        from tidegate.warehouses.storage import refusal

        return refusal(error, "finish the command")
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    place = f"{Path(frame.f_code.co_filename).name}:{line}"
    return TidegateError(
        f"unforeseen `{type(error).__name__}` at `{place}`: {error}",
        hint="this is a fault of tidegate's: nothing was published; run again with `--verbose` and report what it prints",
    )


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """100 columns wide unless COLUMNS says otherwise, so that help looks the same everywhere."""

    def __init__(self, prog: str) -> None:
        said = os.environ.get("COLUMNS", "")
        width = int(said) if said.isdecimal() else 0
        super().__init__(prog, width=width or 100, max_help_position=26)


class _ArgumentParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """argparse's words with values in backticks, and the nearest command or option."""
        message = re.sub(r"'([^']*)'", r"`\1`", message).removeprefix("argument COMMAND: ")
        hint = f"`{self.prog} --help` lists what is allowed"
        known: list[str] = []
        if wrong := re.match(r"invalid choice: `(.*?)`", message):
            message, known = f"there is no command `{wrong[1]}`", [c.name for c in _all(COMMANDS) if c.name != wrong[1]]
        elif wrong := re.match(r"unrecognized arguments: (\S+)", message):
            message, known = f"unknown option `{wrong[1]}`", sorted(_options())
        if wrong and wrong[1] in known:
            hint = f"other commands have it, this one has not; {hint}"
        elif wrong and (near := difflib.get_close_matches(wrong[1], known, n=1)):
            hint = f"did you mean `{near[0]}`? {hint}"
        Output().error(UsageError(message, hint=hint))
        raise SystemExit(UsageError.exit_status)

    def _print_message(self, message: str, file: object = None) -> None:  # noqa: ARG002  what is asked for goes to stdout
        """`--help` and `--version`; argparse itself would not notice that nobody reads them."""
        Output().line(message.rstrip("\n"))


def _all(commands: Sequence[Command]) -> Iterator[Command]:
    for command in commands:
        yield command
        yield from _all(command.commands)


def _options() -> set[str]:
    """Every option of every command."""
    own = {name for command in _all(COMMANDS) for names, _ in command.options for name in names}
    return {"--project", "--environment", "--help", *(f"--{name}" for name in SWITCHES)} | {
        n for n in own if n.startswith("-")
    }


WAIT = option("--wait", metavar="TIME", default="0s", help="wait this long for another run's lock, such as 10m")
REASON = option("--reason", metavar="TEXT", required=True, help="why; kept in the ledger")
VERSION = option("version", type=int, metavar="VERSION", help="a version's number")
FILES = option("file", nargs="*", default=[], metavar="FILE", help="default: the project's contracts")
NUMBER = option("number", type=int, metavar="INCIDENT", help="an incident's number")

SPECS = {"nargs": "+", "action": "extend", "default": [], "metavar": "SPEC"}
SELECTION = (
    option("--select", "-s", **SPECS, help="only these checks, in dbt's node selection syntax"),
    option("--exclude", **SPECS, help="but not these"),
    option(
        "--selector", metavar="NAME", help="only what a selector of dbt's selectors.yml means, without the two above"
    ),
    option("--state", metavar="DIR", help="the artifacts that `state:`, `result:` and `source_status:` compare with"),
    option(
        "--indirect-selection",
        choices=("eager", "cautious", "buildable", "empty"),
        default="eager",
        help="dbt's: what becomes of tests of which not all parents are selected (default: eager)",
    ),
)
IOT = (
    option("--devices", type=int, metavar="N", default=50, help="how many devices send"),
    option("--rate", type=number, metavar="R", default=50.0, help="readings a second; 0: as fast as it goes"),
    option("--duration", metavar="TIME", help="such as 2m; default: until Ctrl-C"),
    option("--faults", metavar="LIST", default="all", help="all, none, or stuck=0.02,silent=0.05 (shares of devices)"),
    option("--seed", type=int, metavar="N", default=7, help="another fleet"),
)
IOT_NESTED = tuple((names, {**said, "default": argparse.SUPPRESS}) for names, said in IOT)
FORMAT_HELP = "text (default), json, junit, sarif, github or markdown, to stdout or a file; may be repeated"
DOCTOR_FORMAT_HELP = "text (default), json, sarif, github or markdown, to stdout or a file; may be repeated"

SWITCHES = {
    "json": "one JSON document on stdout",
    "quiet": "no progress on stderr",
    "no-color": "no colour; NO_COLOR is honoured too",
    "verbose": "show the traceback of an error",
}

COMMANDS: tuple[Command, ...] = (
    Command(
        name="demo",
        help="show the main job on a shop that is made here, with real dlt and dbt",
        handler="demo:demo",
        options=(
            option("--data", choices=("shop", "flights"), default="shop", help="made shop (default) or real flights"),
            option("--keep", metavar="DIR", help="leave the project in this folder, for exploring"),
            option("--seed", type=int, default=7, metavar="N", help="another shop"),
        ),
    ),
    Command(
        name="init",
        help="find the dbt project and dlt scripts here and write tidegate.yml, or a project from a template",
        handler="init:init",
        options=(
            option("--template", choices=("aws-iot",), help="write this whole project into --project DIR"),
            option("--adopt", action="store_true", help="replace the existing database by a link to the live version"),
            option(
                "--docker", action="store_true", help="write Dockerfile, compose.yaml and what belongs to them as well"
            ),
            option("--force", action="store_true", help="overwrite existing files of these names"),
        ),
    ),
    Command(
        name="run",
        help="build a candidate, measure, judge, and publish it or hold it",
        handler="run:run",
        options=(
            WAIT,
            option("--statements", action="store_true", help="print every statement of the scan and its cost"),
            option("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="run this instead of the steps"),
        ),
    ),
    Command(
        name="check",
        help="judge what is published, without running a step",
        handler="check:check",
        options=(
            *SELECTION,
            option("--format", action="append", default=[], metavar="FORMAT[=FILE]", help=FORMAT_HELP),
            option("--output", metavar="FILE", help="where the one format without a file of its own goes"),
            option("--run-results", metavar="FILE", help="write dbt's run_results.json of dbt's own tests there"),
            option("--plan", action="store_true", help="explain what is asked of which table; nothing is judged"),
            WAIT,
            option("--statements", action="store_true", help="print every statement of the scan and its cost"),
        ),
    ),
    Command(
        name="backtest",
        help="which alarms would have come in the past, and what each budget costs and catches",
        handler="backtest:backtest",
        options=(
            option("table", nargs="*", metavar="TABLE", help="default: every table that a run profiles"),
            option("--budget", type=float, metavar="N", help="false alarms a month; default: the project's"),
            option("--days", type=int, metavar="N", help="how far back to judge (default: 90)"),
            option("--html", metavar="FILE", help="write a page with a plot of every alarm there"),
        ),
    ),
    Command(
        name="status",
        help="what readers see, the last runs, and the open incidents",
        handler="status:status",
        options=(option("--runs", type=int, default=5, metavar="N", help="how many runs to list"),),
    ),
    Command(
        name="versions",
        help="the versions of the warehouse",
        handler="versions:versions",
        options=(option("--all", action="store_true", help="list pruned versions too"),),
    ),
    Command(
        name="diff",
        help="how two versions differ: schema, rows, columns, keys",
        handler="versions:diff",
        options=(
            option("old", type=int, nargs="?", metavar="A", help="default: the published version's parent"),
            option("new", type=int, nargs="?", metavar="B", help="default: the published version"),
        ),
    ),
    Command(
        name="publish",
        help="publish a held version because you say so",
        handler="versions:publish",
        options=(VERSION, REASON, WAIT),
    ),
    Command(
        name="rollback",
        help="put back a version that was published before, with the pipeline's state",
        handler="versions:rollback",
        options=(
            option("version", type=int, nargs="?", metavar="VERSION", help="default: the one before the present one"),
            option("--reason", metavar="TEXT", default="rolled back by hand", help="why; kept in the ledger"),
            WAIT,
        ),
    ),
    PROMOTE,
    ENVIRONMENTS,
    Command(
        name="recover",
        help="propose a way out of an incident and carry it out, step by step",
        handler="recover:recover",
        options=(
            NUMBER,
            option("--plan", action="store_true", help="only print the plan, what it costs and what it changes"),
            option("--yes", action="store_true", help="carry out steps that take something away"),
            option(
                "--by",
                dest="way",
                choices=("rollback", "copies", "load", "rows", "rerun", "backfill", "accept", "publish"),
                help="another way than the cause suggests",
            ),
            option("--load", metavar="ID", help="quarantine the rows of this dlt load"),
            option("--from", dest="start", metavar="TIME", help="backfill from when on"),
            option("--to", dest="end", metavar="TIME", help="backfill until when"),
            option("--full-refresh", action="store_true", help="let dbt build incremental models from nothing"),
            option("--reason", metavar="TEXT", default="recovered", help="why; kept in the ledger"),
            WAIT,
        ),
    ),
    Command(
        name="backfill",
        help="build a stretch of time again, and publish it or hold it",
        handler="backfill:backfill",
        options=(
            option(
                "target",
                nargs="?",
                metavar="TABLE|STEP",
                help="only this table and what is below, or from this step on",
            ),
            option(
                "--from", dest="start", metavar="TIME", required=True, help="from when on, such as 2026-05-20 (UTC)"
            ),
            option(
                "--to", dest="end", metavar="TIME", required=True, help="until when; this instant is not part of it"
            ),
            option("--full-refresh", action="store_true", help="let dbt build incremental models from nothing"),
            option("--reason", metavar="TEXT", default="", help="why; kept in the ledger"),
            WAIT,
        ),
    ),
    Command(
        name="reconcile",
        help="compare source and warehouse, or two versions: counts, sums, keys, rows; 1 when they differ",
        handler="reconcile:reconcile",
        options=(
            option(
                "old", nargs="?", metavar="OLD", help="live, a version, FILE[::TABLE] or a URL; default: each `source:`"
            ),
            option("new", nargs="?", default="live", metavar="NEW", help="the other side (default: live)"),
            option("--incident", type=int, metavar="INCIDENT", help="what must be equal before this one is resolved"),
            option("--table", action="append", default=[], metavar="TABLE", help="only this one; may be repeated"),
            option("--key", metavar="COLUMNS", help="what identifies a row, as A,B; default: what is known as its key"),
            option("--columns", metavar="COLUMNS", help="only these columns and the key"),
            option("--without", metavar="COLUMNS", help="not these columns"),
            option("--by", metavar="COLUMNS", help="compare counts and sums of each group of these columns"),
            option("--where", metavar="SQL", help="only rows for which this holds, on both sides"),
            option(
                "--tolerance", type=number, metavar="N", help="doubles are equal within N (default: a part in 10^9)"
            ),
            option(
                "--limit", type=int, default=10_000, metavar="N", help="stop after N differing keys (default: 10000)"
            ),
        ),
    ),
    Command(
        name="incidents",
        help="the incidents: list (default), show, ack, assign, note, suppress, resolve, stats, postmortem",
        handler="incidents:list_",
        options=(
            option("--all", action="store_true", help="solved ones too"),
            option("--limit", type=int, default=50, metavar="N", help="the newest N (default: 50)"),
        ),
        commands=(
            Command(
                name="list",
                help="the unsolved ones, or all",
                handler="incidents:list_",
                options=(
                    option("--all", action="store_true", default=argparse.SUPPRESS, help="solved ones too"),
                    option(
                        "--limit", type=int, default=argparse.SUPPRESS, metavar="N", help="the newest N (default: 50)"
                    ),
                ),
            ),
            Command(name="show", help="one incident, whole", handler="incidents:show", options=(NUMBER,)),
            Command(
                name="ack",
                help="say that you are on it",
                handler="incidents:ack",
                options=(
                    NUMBER,
                    option("--reason", metavar="TEXT", default="acknowledged by hand", help="a note for the ledger"),
                ),
            ),
            Command(
                name="assign",
                help="give somebody a role in it",
                handler="incidents:assign",
                options=(
                    NUMBER,
                    option("person", nargs="?", metavar="PERSON", help="default: you"),
                    option(
                        "--role",
                        choices=("lead", "communications", "data-owner"),
                        default="lead",
                        help="leads it (default), tells those who are affected, or answers for the data",
                    ),
                    option("--reason", metavar="TEXT", default="assigned by hand", help="why; kept in the ledger"),
                ),
            ),
            Command(
                name="note",
                help="write something into its timeline",
                handler="incidents:note",
                options=(NUMBER, option("text", metavar="TEXT", help="what you found out")),
            ),
            Command(
                name="suppress",
                help="tell nobody of it for a time; it still holds what it holds",
                handler="incidents:suppress",
                options=(
                    NUMBER,
                    REASON,
                    option(
                        "--for", dest="lasts", metavar="TIME", help="how long, such as 12h or 7d; then it is told again"
                    ),
                    option("--off", action="store_true", help="end it now"),
                ),
            ),
            Command(
                name="resolve",
                help="close it, and say what it was",
                handler="incidents:resolve",
                options=(
                    NUMBER,
                    REASON,
                    option(
                        "--as",
                        dest="resolution",
                        required=True,
                        type=lambda said: said.replace(" ", "-"),
                        choices=("fixed", "expected", "false-alarm"),
                        help="what it was; baseline, backtest and statistics learn from the answer",
                    ),
                    option("--waive", metavar="TEXT", help="why it need not be reconciled; kept in the ledger"),
                ),
            ),
            Command(
                name="stats",
                help="alarms a week against the budget, precision, times to detect and to repair",
                handler="incidents:stats",
                options=(option("--weeks", type=int, default=8, metavar="N", help="how far back (default: 8)"),),
            ),
            Command(
                name="postmortem",
                help="timeline, times, impact, what caught it and what should have, as Markdown",
                handler="incidents:postmortem",
                options=(
                    NUMBER,
                    option("--output", metavar="FILE", help="write it there instead of to stdout"),
                    option(
                        "--follow-ups",
                        metavar="DIR",
                        help="write the proposed checks, contract changes and the drill there, ready to be taken over",
                    ),
                ),
            ),
        ),
    ),
    Command(
        name="drill",
        help="let a fault happen to a copy of the last run: is it caught, by what, and who would be told?",
        handler="drill:list_",
        commands=(
            Command(
                name="list", help="the drills of the project, and the faults that there are", handler="drill:list_"
            ),
            Command(
                name="run",
                help="play drills on a throw-away copy; 1 when one is not caught",
                handler="drill:run",
                options=(
                    option("name", nargs="*", metavar="NAME", help="a drill or a fault; default: every drill"),
                    option("--table", metavar="TABLE", help="faults: the table that they happen to"),
                    option("--column", metavar="COLUMN", help="faults: the column; default: one that fits"),
                    option("--where", metavar="SQL", help="faults: only rows for which this holds"),
                    option("--value", metavar="TEXT", help="category-lost: the category; default: a usual one"),
                    option(
                        "--magnitude", type=number, metavar="N", help="faults: a share, a factor, ...; see `drill list`"
                    ),
                    option("--all-faults", action="store_true", help="every fault that can happen to the table"),
                    option("--quick", action="store_true", help="run no step on the damaged data; look at it alone"),
                    option("--notify", action="store_true", help="tell the targets that are marked `test: true`"),
                ),
            ),
            Command(
                name="show",
                help="what came of a drill, each time it was played",
                handler="drill:show",
                options=(option("name", metavar="NAME", help="a drill or a fault"),),
            ),
        ),
    ),
    Command(
        name="audit",
        help="the ledger: verify (default) that nobody changed it",
        handler="audit:verify",
        options=(option("--head", metavar="ID:HASH", help="a head that was noted before; it must still be there"),),
        commands=(
            Command(
                name="verify",
                help="read all of it and say where an event was altered, removed, inserted or moved",
                handler="audit:verify",
                options=(
                    option(
                        "--head",
                        metavar="ID:HASH",
                        default=argparse.SUPPRESS,
                        help="a head that was noted before; it must still be there",
                    ),
                ),
            ),
        ),
    ),
    Command(
        name="notify",
        help="who is told of incidents: list (default), send what waits, test a target, mute",
        handler="notify:notify",
        options=(
            option("--list", action="store_true", help="the targets, what is due, what waits and what is muted"),
            option("--flush", action="store_true", help="send what is due or waits, as from cron"),
            option("--retry", action="store_true", help="flush, and try what was given up once more"),
            option(
                "--test", nargs="?", const="", metavar="TARGET", help="send a marked message there; default: to all"
            ),
            option(
                "--mute", metavar="WHAT", help="tell nobody of an incident, a table (`raw.*`), or one target nothing"
            ),
            option("--for", dest="duration", metavar="TIME", default="4h", help="mute: how long (default: 4h)"),
            option("--reason", metavar="TEXT", default="", help="mute: why; kept in the ledger"),
            option("--unmute", metavar="WHAT", help="end a mute before its time"),
        ),
    ),
    Command(
        name="slo",
        help="service levels: promised and actual, error budget, burn rates",
        handler="slo:slo",
        options=(
            option("product", nargs="*", metavar="PRODUCT", help="default: every product"),
            option("--probe", action="store_true", help="first run the HTTP and SQL probes, and keep what they answer"),
        ),
    ),
    Command(
        name="statuspage",
        help="write a page for the people who read the data: how each product stands, in plain words",
        handler="statuspage:statuspage",
        options=(
            option("--output", metavar="FILE", help="write the HTML there; default: stdout"),
            option("--badges", metavar="DIR", help="write a badge (SVG) for each product into this folder"),
            option(
                "--every", metavar="TIME", default="1h", help="how often you write it; later it calls itself outdated"
            ),
            option("--draft", type=int, metavar="INCIDENT", help="instead: an update about this incident, in Markdown"),
        ),
    ),
    Command(
        name="contract",
        help="data contracts (ODCS): test the published version (default), lint, export, diff",
        handler="contract:test",
        commands=(
            Command(
                name="lint",
                help="what is wrong with contract files, with line, column and hint",
                handler="contract:lint",
                options=(FILES,),
            ),
            Command(
                name="export",
                help="write a contract from what the published version holds",
                handler="contract:export",
                options=(
                    option("table", nargs="*", metavar="TABLE", help="default: every table of yours"),
                    option("--output", metavar="FILE", help="write it there; default: stdout"),
                    option("--force", action="store_true", help="overwrite the file"),
                ),
            ),
            Command(
                name="diff",
                help="what changed between two contracts, and what of it breaks readers",
                handler="contract:diff",
                options=(
                    option("old", metavar="OLD", help="the contract before"),
                    option("new", metavar="NEW", help="the contract after"),
                ),
            ),
            Command(
                name="test",
                help="judge the published version against contracts alone",
                handler="contract:test",
                options=(FILES,),
            ),
        ),
    ),
    Command(
        name="doctor",
        help="what green checks hide in a dlt and dbt project: a static audit, no credentials needed",
        handler="doctor:doctor",
        options=(
            option("--fix", action="store_true", help="repair what is mechanical, then look again"),
            option("--deep", action="store_true", help="also import, build and run a copy of the project, twice"),
            option("--format", action="append", default=[], metavar="FORMAT[=FILE]", help=DOCTOR_FORMAT_HELP),
            option("--output", metavar="FILE", help="where the one format without a file of its own goes"),
            option("--only", action="append", default=[], metavar="CODE", help="only this rule; may be repeated"),
            option("--ignore", metavar="FILE", help="the ignore file (default: .tidegate-ignore.yml of the project)"),
            option(
                "--no-history", action="store_true", help="look for secrets in the files only, not in older commits"
            ),
        ),
    ),
    SAMPLE,
    CI,
    Command(
        name="iot",
        help="the streaming system of `init --template aws-iot`, on this machine: up (default)",
        handler="iot:up",
        options=IOT,
        commands=(
            Command(
                name="up",
                help="start local AWS, apply the Terraform, stream through the real handler, show it live",
                handler="iot:up",
                options=IOT_NESTED,
            ),
        ),
    ),
    Command(
        name="config",
        help="tidegate.yml: check it (default), list its values, print its JSON Schema",
        handler="config:check",
        commands=(
            Command(name="check", help="check the file and say what it means", handler="config:check"),
            Command(name="values", help="every value in force, and where it comes from", handler="config:values"),
            Command(name="schema", help="print the JSON Schema of the file", handler="config:schema"),
        ),
    ),
    Command(
        name="explain",
        help="an alarm, a table as detection sees it, or an error code: what it is and what to do",
        handler="explain:explain",
        options=(
            option(
                "subject",
                nargs="?",
                metavar="SUBJECT",
                help="an incident's number, a finding's key, an error code, else a table; default: list all error codes",
            ),
            option(
                "--plot",
                nargs="?",
                const="-",
                metavar="FILE",
                help="draw the number's past, its band and the point; into a .png or .svg, default: here",
            ),
        ),
    ),
)


def parse(argv: Sequence[str]) -> Invocation:
    """Parse a command line. Raises SystemExit for `--help`, `--version` and for what cannot be understood."""
    arguments = build().parse_args(argv)
    output = Output(
        json=arguments.json or "json" in getattr(arguments, "format", ()),
        quiet=arguments.quiet,
        color=wants_color(disabled=arguments.no_color),
        verbose=arguments.verbose,
    )
    module, _, function = arguments.handler.partition(":")
    handler = getattr(importlib.import_module(f"tidegate.cli.commands.{module}"), function)
    return Invocation(handler=handler, arguments=arguments, output=output)


@cache
def build() -> argparse.ArgumentParser:
    """The whole parser, made once in a process."""
    root = _ArgumentParser(
        prog="tidegate",
        description="Your pipeline is green and the number is wrong. Tidegate publishes a run's data or holds it back.",
        epilog=f"{EXIT_STATUS}\nstart with `tidegate demo`, or with `tidegate init` in your own project",
        formatter_class=_Formatter,
    )
    root.add_argument("--version", action="version", version=f"tidegate {tidegate.__version__}")
    _add(root, COMMANDS, nested=False)
    return root


def _common(*, nested: bool) -> _ArgumentParser:
    """The options of every command. Below a group they have no defaults, so that the group's own values stay."""

    def default(value: object) -> object:
        return argparse.SUPPRESS if nested else value

    common = _ArgumentParser(add_help=False)
    shared = common.add_argument_group("every command")
    where = "the folder of tidegate.yml, or one below it"
    shared.add_argument("--project", metavar="DIR", default=default("."), help=where)
    chosen = "one of `environments` in tidegate.yml (default: TIDEGATE_ENVIRONMENT, else none)"
    shared.add_argument("--environment", metavar="NAME", default=default(None), help=chosen)
    for name, said in SWITCHES.items():
        shared.add_argument(f"--{name}", action="store_true", default=default(False), help=said)
    return common


def _add(
    parser: argparse.ArgumentParser,
    commands: Sequence[Command],
    *,
    nested: bool,
) -> None:
    below = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=not nested, parser_class=_ArgumentParser
    )
    common = _common(nested=nested)
    for command in commands:
        child = below.add_parser(
            command.name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
            epilog=EXIT_STATUS,
            parents=[common],
            formatter_class=_Formatter,
        )
        for names, said in command.options:
            child.add_argument(*names, **said)  # type: ignore[arg-type]  # options are argparse's own keywords, as data
        child.set_defaults(handler=command.handler)
        if command.commands:
            _add(child, command.commands, nested=True)
