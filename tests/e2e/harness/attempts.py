"""One command of Tidegate in a process that is to be killed: the real services, warehouse and state store, tapped.

The steps are made for being killed: each is a process of its own that writes with the real DuckDB, stops for a moment
at named points, and may outlive the process that started it, as a step would whose supervisor was killed with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from tests.e2e.harness.site import make_site
from tidegate.errors import TidegateError
from tidegate.model import Event, PipelineFacts, StepReport, StepStatus
from tidegate.ports import NewEvent, Progress, StepContext
from tidegate.services.check import check
from tidegate.services.publish import publish_by_hand, rollback
from tidegate.services.run import run
from tidegate.services.site import Site
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses import process

WATCHED = ("open", "os.", "shutil.", "fcntl.", "sqlite3.")
"""The audit events of Python that come right before a change of the file system, or a look at it."""

PIDS = "steps.txt"
"""In the project's folder: every step process that was ever let loose, as `pid<TAB>start time`."""

SPOILED = 1_000_000
"""Every batch brings a further row whose number is larger by this; a check puts it into quarantine."""

OUTLIVE_S = 60.0
"""How long a step without an owner goes on, if nobody stops it."""

PR_SET_PDEATHSIG = 1
OPEN_FILES = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is to do, and when it is killed.

    `do` is run, publish, rollback or check, `version` the one to publish or put back. With `bad` the run's data breaks
    the project's rule; with `outlive` its steps go on when their owner is dead, and write. The process kills itself
    when it reaches the `occurrence`-th stage called `stage`, or right before its `deed`-th watched event, counted from
    that stage on if one is given; or it is killed from outside `after_s` seconds after its beginning. With `room` the disk
    is filled at that stage instead, so that as many bytes are left.
    """

    do: str
    root: str
    version: int | None = None
    bad: bool = False
    outlive: bool = False
    stage: str | None = None
    occurrence: int = 1
    deed: int | None = None
    after_s: float | None = None
    room: int | None = None

    def dumps(self) -> str:
        return json.dumps(asdict(self))

    def dying(self, **how: Any) -> Order:
        """The same, killed in another way."""
        return replace(self, **how)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fill(root: Path, room: int) -> None:
    """Leave `room` bytes on the disk of the project, which is a small one of its own."""
    disk = os.statvfs(root)
    size = disk.f_bavail * disk.f_frsize - room
    if size > 0:
        with ballast(root).open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def ballast(root: Path) -> Path:
    """What fills the disk, beside the project."""
    return root.with_name(f"{root.name}.ballast")


class Tap:
    """Hears every stage, tells it at once, and kills this process when it is time; it is the `Progress` of the site."""

    def __init__(self, order: Order, tell: Callable[[Mapping[str, object]], None]) -> None:
        self._order, self._tell = order, tell
        self._passed: dict[str, int] = {}
        self._die_at = order.deed if order.stage is None else None
        self.deeds = 0

    def stage(self, name: str, detail: str = "") -> None:
        if not self._passed:
            self._tell({"strays": strays(Path(self._order.root))})
        self._passed[name] = self._passed.get(name, 0) + 1
        self._tell({"stage": name, "deeds": self.deeds})
        if (name, self._passed[name]) == (self._order.stage, self._order.occurrence):
            if self._order.room is not None:
                fill(Path(self._order.root), self._order.room)
                return
            if self._order.deed is None:
                die()
            self._die_at = self.deeds + (self._order.deed or 0)

    def advance(self, done: int, total: int, what: str = "") -> None: ...

    def say(self, line: str) -> None: ...

    def count_deeds(self) -> None:
        """From now on every watched event counts; there is no way back."""
        me = os.getpid()

        def heard(event: str, _: object) -> None:
            if event.startswith(WATCHED) and os.getpid() == me:
                self.deeds += 1
                if self.deeds == self._die_at:
                    die()

        sys.addaudithook(heard)


class TappedStore(SQLiteStateStore):
    """The real store; what it accepted is told as soon as `append` has returned."""

    tell: Callable[[Mapping[str, object]], None]

    def append(self, events: Sequence[NewEvent]) -> tuple[Event, ...]:
        accepted = super().append(events)
        self.tell({"accepted": [[e.id, e.kind, e.subject] for e in accepted]})
        return accepted


def strays(root: Path) -> list[int]:
    """Step processes of earlier commands that still run. Whoever holds the writer's lock must find none."""
    path = root / PIDS
    lines = path.read_text().splitlines() if path.exists() else []
    found = [line.split("\t") for line in lines]
    return [int(pid) for pid, started in found if process.is_running(int(pid), started)]


# --- steps -----------------------------------------------------------------------------------------------------------

Point = Callable[[str], None]


def load_batch(context: StepContext, *, bad: bool, point: Point) -> None:
    """Append the batch after the cursor, then move the cursor: what dlt does, in small."""
    cursor = context.state / "cursor"
    batch = (int(cursor.read_text()) if cursor.exists() else 0) + 1
    with duckdb.connect(str(context.stable_database)) as database:
        database.execute("CREATE TABLE IF NOT EXISTS a (batch INTEGER, version INTEGER)")
        point("load:begun")
        database.execute("INSERT INTO a VALUES (?, ?)", [batch, number_of(context)])
        database.execute("INSERT INTO a VALUES (?, ?)", [SPOILED + batch, number_of(context)])
        point("load:inserted")
    point("load:closed")
    cursor.write_text(str(batch))
    point("load:cursor")


def transform(context: StepContext, *, bad: bool, point: Point) -> None:
    """Build `b` anew from `a`; only rows of this version are bad, and only when asked for."""
    with duckdb.connect(str(context.stable_database)) as database:
        point("transform:begun")
        database.execute(
            f"CREATE OR REPLACE TABLE b AS SELECT *, version = {number_of(context)} AND {bad} AS bad FROM a"
        )
        point("transform:built")
        database.execute("CREATE OR REPLACE VIEW latest AS SELECT max(batch) AS batch FROM b")
    point("transform:closed")


def number_of(context: StepContext) -> int:
    return int(context.stable_database.parent.resolve().name)


class ForkedStep:
    """A step whose work is done by a fork of this process in a session of its own."""

    kind = "forked"

    def __init__(self, name: str, work: Callable[..., None], order: Order, tap: Tap) -> None:
        self.name = name
        self._work, self._order, self._tap = work, order, tap

    def prepare(self, project: Path) -> None: ...

    def databases(self, project: Path) -> Sequence[Path]:
        return ()

    def environment(self, context: StepContext) -> dict[str, str]:
        return {}

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        return PipelineFacts()

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        began = time.monotonic()
        points, told = os.pipe()
        go, word = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._be_the_step(context, told, go)
        os.close(told)
        os.close(go)
        context.on_start(pid)
        with os.fdopen(points) as lines, os.fdopen(word, "w", buffering=1) as answers:
            with suppress(BrokenPipeError):
                answers.write("go\n")
            for line in lines:
                self._tap.stage(line.strip())
                with suppress(BrokenPipeError):
                    answers.write("on\n")
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return StepReport(
            name=self.name,
            kind=self.kind,
            status=StepStatus.FAILED if code else StepStatus.SUCCESS,
            exit_code=code,
            wall_s=time.monotonic() - began,
            cpu_s=0.0,
            log="",
            command=(),
            summary=f"ended with {code}",
        )

    def _be_the_step(self, context: StepContext, told: int, go: int) -> None:
        """Never returns. What a program that is executed does not inherit is closed: the locks of the owner's files."""
        code = 1
        try:
            os.setsid()
            kept = {told, go, 2}
            for descriptor in [int(path.name) for path in OPEN_FILES.iterdir()]:
                if descriptor not in kept:
                    with suppress(OSError):  # the one that the listing itself needed is closed already
                        os.close(descriptor)
            if not self._order.outlive and sys.platform == "linux":
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            with os.fdopen(told, "w", buffering=1) as points, os.fdopen(go) as answers:
                if answers.readline() == "go\n":
                    self._note_pid()
                    self._work(context, bad=self._order.bad, point=self._pointer(context, points, answers))
                    code = 0
        finally:
            os._exit(code)

    def _note_pid(self) -> None:
        me = process.find(os.getpid())
        with Path(self._order.root, PIDS).open("a") as file:
            file.write(f"{os.getpid()}\t{me.started if me else ''}\n")

    def _pointer(self, context: StepContext, points: Any, answers: Any) -> Point:
        def point(name: str) -> None:
            with suppress(BrokenPipeError):
                points.write(f"{name}\n")
                if answers.readline() == "on\n":
                    return
            if not self._order.outlive:
                os._exit(1)
            write_on(context)

        return point


def write_on(context: StepContext) -> None:
    """The owner is dead: write into the candidate as long as nobody stops this process."""
    until = time.monotonic() + OUTLIVE_S
    while time.monotonic() < until:
        with suppress(OSError), (context.database.parent / "state" / "stray").open("a") as file:
            file.write("still here\n")
        with suppress(OSError), context.stable_database.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(b"still here")
        time.sleep(0.002)
    os._exit(1)


# --- commands --------------------------------------------------------------------------------------------------------


def obey(order: Order, tell: Callable[[Mapping[str, object]], None]) -> None:
    """Carry out an order; everything that happens is told at once, one fact at a time."""
    tap = Tap(order, tell)
    root = Path(order.root)
    tell({"began": True})
    tap.count_deeds()
    with closing(TappedStore(root / ".tidegate" / "state.db", create=True)) as state:
        state.tell = tell
        steps = [ForkedStep("load", load_batch, order, tap), ForkedStep("transform", transform, order, tap)]
        site = make_site(root, state, tap, steps)
        try:
            tell(DEEDS[order.do](site, order))
        except TidegateError as error:
            tell({"error": error.code, "message": str(error)})
    tell({"deeds": tap.deeds})


def _run(site: Site, order: Order) -> Mapping[str, object]:
    outcome = run(site, site.steps)
    return {"ended": outcome.decision.action.value, "version": outcome.version, "repaired": list(outcome.repaired)}


def _publish(site: Site, order: Order) -> Mapping[str, object]:
    version = publish_by_hand(site, order.version or 0, reason="a test says so", wait_s=0.0)
    return {"ended": version.state.value, "version": version.number}


def _rollback(site: Site, order: Order) -> Mapping[str, object]:
    version = rollback(site, order.version, reason="a test says so", wait_s=0.0)
    return {"ended": version.state.value, "version": version.number}


def _check(site: Site, order: Order) -> Mapping[str, object]:
    outcome = check(site)
    return {"ended": "checked", "version": outcome.version, "findings": [f.key for f in outcome.findings if f.holds]}


DEEDS: Mapping[str, Callable[[Site, Order], Mapping[str, object]]] = {
    "run": _run,
    "publish": _publish,
    "rollback": _rollback,
    "check": _check,
}
