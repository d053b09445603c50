"""What every test session has: no skip that nobody allowed, no telemetry, nothing of the developer's own shell, scratch space in
memory, and what takes long first.

What is expensive to make is made once for a module, by a fixture of that scope; `make test` keeps a module on one worker.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

MAY_SKIP: dict[str, str] = {
    "tests/unit/app/test_docker.py::test_compose_itself": "docker-compose is a system package; the schema is checked everywhere",
    "tests/unit/bench/test_bench.py::test_every_module_is_imported[detection_faults]": "it extends a benchmark that lies beside the project",
}
"""How the id of a test starts that CI may skip, and why a fresh machine cannot run it.

Without `CI` in the environment any test may be skipped; with it, one that is not listed here fails the session.
"""

LONG = (
    "tests/e2e/test_demo_shop.py",
    "tests/e2e/test_ci.py",
    "tests/e2e/test_incident_stories.py",
    "tests/e2e/test_kill.py",
    "tests/e2e/test_demo_flights.py",
    "tests/e2e/test_aws_iot.py",
    "tests/e2e/test_aws_iot_plans.py",
    "tests/e2e/test_doctor.py",
    "tests/e2e/test_steps_dbt.py",
    "tests/e2e/test_quarantine.py",
    "tests/e2e/test_backfill.py",
    "tests/e2e/test_kill_pipeline.py",
    "tests/e2e/test_bad_input.py",
    "tests/e2e/selection/test_like_dbt.py",
    "tests/differential/test_verdicts.py",
    "tests/conformance/scan/test_pieces.py",
    "tests/e2e/test_ci_report.py",
    "tests/unit/bench/test_bench.py",
    "tests/conformance/warehouse/test_crash.py",
    "tests/properties/test_run_machine.py",
    "tests/unit/services/test_backtest.py",
    "tests/e2e/test_recover.py",
    "tests/e2e/test_samples_and_report.py",
    "tests/e2e/test_notify.py",
    "tests/e2e/test_readers.py",
    "tests/properties/test_sample.py",
)
"""The modules that take longest, the longest first: begun last, one of them would leave the other worker idle."""

CORNERS: dict[str, str] = {
    "tests/e2e/test_aws_iot.py": "the template aws-iot on local AWS with Terraform; tests/unit/kit/aws_iot holds its parts",
    "tests/e2e/test_aws_iot_plans.py": "the template's Terraform modules and what their own tests catch",
    "tests/e2e/test_ci.py::test_every_job": "a workflow from end to end; test_ci_data.py runs its stages on a small project",
    "tests/e2e/test_ci_report.py": "a report of two real builds; tests/unit/services hold what is compared and told",
    "tests/e2e/test_demo_flights.py": "the demo on real flights; tests/e2e/test_demo_shop.py plays the other one",
    "tests/e2e/test_doctor.py::test_deep_finds_nothing": "a sound project for `doctor --deep`; its other test finds what is wrong in one",
    "tests/e2e/test_kill_pipeline.py": "`kill -9` while dlt and dbt work; tests/e2e/test_kill.py kills steps of its own",
    "tests/e2e/test_incident_stories.py": "the demo's failures to their postmortems; tests/e2e/test_recover.py recovers small projects",
}
"""How the id of a test starts that takes many seconds and guards what few changes touch, and what is left without it.

They carry the marker `corner`: `make test` leaves them out, `make test-all` and CI run them. No more than bring `make test`
safely below ten minutes on two cores.
"""

OWN_PREFIXES = ("TIDEGATE_", "DBT_")
OWN_NAMES = ("FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PYTHONWARNINGS")
SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 << 30
"""Free memory from which on scratch space is kept there, many times what a run fills: the shop's demo, the largest, has 0.2 GB."""

QUIET = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "RUNTIME__DLTHUB_TELEMETRY": "false", "DO_NOT_TRACK": "1"}

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)


class HonestSkips:
    """Fails the session when a test was skipped that `MAY_SKIP` does not list; runs on the controller only."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail") or report.nodeid.startswith(tuple(MAY_SKIP)):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        self.refused[report.nodeid] = reason

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.refused and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.refused:
            return
        terminalreporter.section("skipped, though CI must run it", red=True, bold=True)
        for nodeid, reason in sorted(self.refused.items()):
            terminalreporter.line(f"{nodeid}: {reason}", red=True)
        terminalreporter.line("hint: make it run on a fresh machine, or list it in MAY_SKIP of tests/conftest.py")


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


def has_room(folder: Path) -> bool:
    """Whether a whole run fits into a folder in memory, where programs may be started, without the machine beginning to swap."""
    if not os.access(folder, os.W_OK):
        return False
    there = os.statvfs(folder)
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    free = min(there.f_bavail * there.f_frsize, int(memory["MemAvailable"].split()[0]) << 10)
    return free >= ROOM_BYTES and not there.f_flag & os.ST_NOEXEC


def pytest_configure(config: pytest.Config) -> None:
    for name in list(os.environ):
        if name.startswith(OWN_PREFIXES) or name in OWN_NAMES:
            del os.environ[name]
    os.environ.update(QUIET)
    if "not soak" in config.option.markexpr and has_room(
        SHARED_MEMORY
    ):  # thousands of small databases wait for no disk
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(SHARED_MEMORY))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("ci" if in_ci() else "local")
    is_worker = hasattr(config, "workerinput")
    if in_ci() and not is_worker:
        config.pluginmanager.register(HonestSkips(), "honest-skips")


def pytest_itemcollected(item: pytest.Item) -> None:
    if item.nodeid.startswith(tuple(CORNERS)):
        item.add_marker("corner")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put `LONG` before the rest, which stays in the random order that it has."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


def pytest_collection_finish() -> None:
    """Eight thousand tests and what they import stay to the end: no collection of garbage looks through them again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """What was frozen is given back: else DuckDB's binding says at the end that it was leaked."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this session; whoever asks takes a schema of his own there."""
    from tests.postgres_server import server

    with server() as address:
        yield address
