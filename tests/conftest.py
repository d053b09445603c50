"""What every test session has: no skip that nobody allowed, no telemetry, nothing of the developer's own shell, and what takes
long first.

What is expensive to make is made once for a module, by a fixture of that scope; `make test` keeps a module on one worker.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

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

OWN_PREFIXES = ("TIDEGATE_", "DBT_")
OWN_NAMES = ("FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PYTHONWARNINGS")
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


def pytest_configure(config: pytest.Config) -> None:
    for name in list(os.environ):
        if name.startswith(OWN_PREFIXES) or name in OWN_NAMES:
            del os.environ[name]
    os.environ.update(QUIET)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.load_profile("ci" if in_ci() else "local")
    is_worker = hasattr(config, "workerinput")
    if in_ci() and not is_worker:
        config.pluginmanager.register(HonestSkips(), "honest-skips")


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
