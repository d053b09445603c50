"""A project whose commands are killed, and what must hold of it after every kill and after every command that ends."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from tests.e2e.harness.attempts import SPOILED, ballast, strays
from tests.e2e.harness.driver import Driver, Order, Report
from tidegate.model import Event, Incident, Publication, Run, RunStatus, Version, VersionState
from tidegate.state.sqlite import SQLiteStateStore

CONFIGURATION = """\
version: 1
warehouse: {database: shop.duckdb}
learned: "off"
quarantine_limit: 1
retention: {versions: 2, days: 0}
checks:
  - {table: main.b, rule: "not bad"}
  - {table: main.a, rule: "batch < 1000000", on_fail: quarantine}
"""

KEPT = {VersionState.PUBLISHED, VersionState.RETIRED, VersionState.HELD}
MOVING = {"record", "swap"}
"""The stages in which the ledger may be ahead of what readers see."""

Rows = list[tuple[object, ...]]

ADOPTED: Rows = [(-1, 0), (0, 0)]
"""What the database that is adopted holds in `a`, from before any batch, when it is adopted for the first time."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What the state store says, read from a copy of its files, so that the next command finds what the kill left."""

    events: tuple[Event, ...]
    versions: dict[int, Version]
    publications: tuple[Publication, ...]
    runs: tuple[Run, ...]
    incidents: dict[int, Incident]

    @property
    def published(self) -> int | None:
        return next((n for n, v in self.versions.items() if v.state is VersionState.PUBLISHED), None)

    def of(self, kind: str) -> list[Event]:
        return [e for e in self.events if e.kind == kind]

    def in_state(self, *states: VersionState) -> list[int]:
        return sorted(n for n, v in self.versions.items() if v.state in states)

    def ancestors(self, number: int) -> list[int]:
        """The version and what it was copied from, oldest first."""
        found = [number]
        while (parent := self.versions[found[-1]].parent) is not None:
            found.append(parent)
        return found[::-1]


EMPTY = Ledger(events=(), versions={}, publications=(), runs=(), incidents={})


@dataclass
class Rig:
    """A project, the ledger as it was last seen, and what is known of every version that was ever shown or held."""

    root: Path
    driver: Driver
    adopts: bool = False
    links_back: bool = False
    original_rows: Rows = field(default_factory=lambda: [*ADOPTED])
    adopted_rows: dict[int, Rows] = field(default_factory=dict)
    ledger: Ledger = EMPTY
    kills: int = 0
    bytes_of: dict[int, str] = field(default_factory=dict)
    may_lag: bool = False
    lagged: int = 0
    stages: set[str] = field(default_factory=set)
    killed_at: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION
        if self.adopts:
            back = str(self.links_back).lower()
            text = text.replace("warehouse: {", f"warehouse: {{adopt: old/shop.duckdb, link_back: {back}, ")
            self.original.parent.mkdir()
            with duckdb.connect(str(self.original)) as database:
                database.execute("CREATE TABLE a (batch INTEGER, version INTEGER)")
                database.executemany("INSERT INTO a VALUES (?, ?)", ADOPTED)
                database.execute("CREATE TABLE b AS SELECT *, false AS bad FROM a")
                database.execute("CREATE VIEW latest AS SELECT max(batch) AS batch FROM b")
        (self.root / "tidegate.yml").write_text(text)

    # --- what is done

    def order(self, do: str, **more: Any) -> Order:
        return Order(do=do, root=str(self.root), **more)

    def give(self, order: Order) -> Report:
        """Have an order carried out, and look at everything afterwards."""
        report = self.driver.give(order)
        ballast(self.root).unlink(missing_ok=True)
        assert report.strays == (), "whoever took the lock over left a step of the dead owner running"
        self.stages |= set(report.stages)
        if report.was_killed:
            self.kills += 1
            self.killed_at[report.stages[-1] if report.stages else "before the first stage"] += 1
        self._examine(report)
        return report

    def complete(self, order: Order) -> Report:
        """Have an order carried out to its end; nothing that a crash left may be there afterwards."""
        before = self.ledger
        report = self.give(order)
        assert report.error is None, report
        assert report.code == 0
        self._assert_clean()
        if order.do == "run":
            self._assert_one_more_batch(before, report)
        elif order.do != "check":
            assert self.live == order.version
        return report

    def write_original(self) -> None:
        """What the user's own tools do, which know its path only and nothing of versions."""
        row = (-len(self.original_rows), 0)
        with duckdb.connect(str(self.original)) as database:
            database.execute("INSERT INTO a VALUES (?, ?)", [*row])
            database.execute("INSERT INTO b VALUES (?, ?, false)", [*row])
        self.original_rows.append(row)

    def look(self) -> None:
        """Take note of what others did meanwhile."""
        self.ledger = self._read_ledger()

    def close(self) -> None:
        """Stop steps that outlived their owners and that no later command stopped."""
        for pid in strays(self.root):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    # --- what is there

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def original(self) -> Path:
        """The database that is adopted."""
        return self.root / "old" / "shop.duckdb"

    @property
    def live(self) -> int | None:
        """The version that readers see."""
        link = self.warehouse / "live"
        return int(link.resolve().name) if link.is_symlink() else None

    @property
    def kept(self) -> list[int]:
        versions = self.warehouse / "versions"
        return sorted(int(p.name) for p in versions.iterdir() if p.name.isdecimal()) if versions.exists() else []

    def content(self) -> tuple[Rows, Rows, Rows]:
        """What a reader sees who opens the live database anew: both tables and the view."""
        return self.content_of(self.warehouse / "live" / "shop.duckdb")

    def content_of(self, database: Path) -> tuple[Rows, Rows, Rows]:
        """The same of any file."""
        with duckdb.connect(str(database), read_only=True) as connection:
            return content_in(connection)

    def seen(self) -> tuple[tuple[Rows, Rows, Rows], Rows]:
        """What such a reader sees, and the rows in quarantine beside it."""
        with duckdb.connect(str(self.warehouse / "live" / "shop.duckdb"), read_only=True) as connection:
            content = content_in(connection)
            try:
                kept = "SELECT batch, version, _tidegate_version FROM tidegate_quarantine.main__a ORDER BY ALL"
                return content, connection.execute(kept).fetchall()
            except (
                duckdb.CatalogException
            ):  # nothing went there yet; to look for the table costs as much as all the rest
                return content, []

    def expected(self, number: int) -> tuple[Rows, Rows, Rows]:
        """What version `number` holds according to the ledger: a batch for each of its ancestors and for itself."""
        rows: Rows = sorted(self.adopted_rows.get(self.ledger.ancestors(number)[0], ()))
        rows += [(batch, n) for batch, n in enumerate(self._built(number), start=1)]
        was_held = any(e.subject == f"version:{number}" for e in self.ledger.of("version.held"))
        return rows, [(*row, was_held and row[1] == number) for row in rows], [(rows[-1][0],)]

    def _built(self, number: int) -> list[int]:
        """The ancestors that runs built; one that was adopted is none of them."""
        return [n for n in self.ledger.ancestors(number) if self.ledger.versions[n].run is not None]

    def _read_ledger(self) -> Ledger:
        copy = self.root / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in ("state.db", "state.db-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(self.root / ".tidegate" / name, copy / name)
        if not (copy / "state.db").exists():
            return EMPTY
        with closing(SQLiteStateStore(copy / "state.db")) as store:
            assert store.problems() == ()
            return Ledger(
                events=store.events(),
                versions={v.number: v for v in store.versions()},
                publications=store.publications(),
                runs=store.runs(),
                incidents={i.number: i for i in store.incidents()},
            )

    # --- what must hold

    def _examine(self, report: Report) -> None:
        before, self.ledger = self.ledger, self._read_ledger()
        for number in (n for n, v in self.ledger.versions.items() if v.run is None and v.parent is None):
            self.adopted_rows.setdefault(number, [*self.original_rows])  # nobody writes to it but between commands
        self._assert_nothing_lost(before, report)
        self._assert_nothing_doubled(before, report)
        self._assert_runs_tell_what_became_of_them()
        self._assert_readers_are_right(report)
        self._assert_bytes_unchanged()

    def _assert_nothing_lost(self, before: Ledger, report: Report) -> None:
        events = self.ledger.events
        assert [e.id for e in events] == list(range(1, len(events) + 1))
        assert events[: len(before.events)] == before.events
        assert set(report.accepted) <= {(e.id, e.kind, e.subject) for e in events}
        unheard = len(events) - len(before.events) - len(report.accepted)
        assert unheard == 0 or report.was_killed, "an event came from nowhere"

    def _assert_nothing_doubled(self, before: Ledger, report: Report) -> None:
        once = ("run.started", "run.finished", "version.begun", "version.sealed", "version.held", "version.pruned")
        for kind in once:
            subjects = Counter(e.subject for e in self.ledger.of(kind))
            assert max(subjects.values(), default=1) == 1, (kind, subjects)
        steps = Counter((e.kind, e.subject, e.data["step"]) for e in self.ledger.events if e.kind.startswith("step."))
        assert max(steps.values(), default=1) == 1, steps
        shown = self.ledger.publications
        assert len(shown) == len(self.ledger.of("version.published"))
        assert [p.previous for p in shown] == [*(p.version for p in shown[1:]), *([None] if shown else [])]
        new = sum(p.kind != "adopt" for p in shown[: len(shown) - len(before.publications)])
        assert new in ({0, 1} if report.was_killed else {int(report.ended in {"publish", "published"})})

    def _assert_runs_tell_what_became_of_them(self) -> None:
        """A run ends as published or held in the same instant as its version."""
        shown = {p.version for p in self.ledger.publications}
        held = {int(e.subject.removeprefix("version:")) for e in self.ledger.of("version.held")}
        built = [(r.version, r.status) for r in self.ledger.runs if r.version is not None]
        assert {n for n, status in built if status is RunStatus.HELD} == held
        assert {n for n, status in built if status is RunStatus.PUBLISHED} == {n for n, _ in built} & (shown - held)

    def _assert_readers_are_right(self, report: Report) -> None:
        """Readers see what the ledger says was published; only between ledger and swap the version before."""
        if report.stages:  # what an earlier kill left is repaired before a command reaches its first stage
            self.may_lag = report.was_killed and report.stages[-1] in MOVING
        elif not report.was_killed:
            self.may_lag = False
        if self.live != self.ledger.published:
            self.lagged += 1
            assert self.may_lag, (self.live, self.ledger.published, report)
            assert self.live == self.ledger.publications[0].previous
        if self.live is not None:
            content, quarantined = self.seen()
            assert content == self.expected(self.live)
            spoiled = [(SPOILED + batch, n, n) for batch, n in enumerate(self._built(self.live), start=1)]
            assert quarantined == spoiled, "each batch brings one row that goes into quarantine, once"
            travelling = self.warehouse / "live" / "state"
            state = {p.name: p.read_text() for p in travelling.iterdir()}
            batches = len(self._built(self.live))
            assert state == ({"cursor": str(batches)} if batches else {})

    def _assert_bytes_unchanged(self) -> None:
        """A version that was shown or held once never changes again, and is there as long as the ledger says so."""
        assert set(self.ledger.in_state(*KEPT)) <= set(self.kept)
        for number in self.kept:
            if self.ledger.versions.get(number) and self.ledger.versions[number].state in KEPT:
                found = digest(self.warehouse / "versions" / f"{number:06d}" / "shop.duckdb")
                assert self.bytes_of.setdefault(number, found) == found, f"version {number} was written"

    def _assert_clean(self) -> None:
        """Nothing of an interrupted command is left, and retention was kept."""
        assert not self.may_lag
        assert self.live == self.ledger.published
        assert {r.status for r in self.ledger.runs} <= set(RunStatus) - {RunStatus.RUNNING}
        assert self.ledger.in_state(VersionState.CANDIDATE) == []
        assert self.kept == self.ledger.in_state(*KEPT)
        assert {p.name for p in (self.warehouse / "versions").iterdir()} == {f"{n:06d}" for n in self.kept}
        links = {"live"} if self.live else set()
        assert {p.name for p in self.warehouse.iterdir()} == {"versions", *links}
        if self.links_back:
            self._assert_linked_back()
        assert {p.name for p in (self.root / ".tidegate").iterdir()} <= {"state.db", "logs", "work"}

    def _assert_one_more_batch(self, before: Ledger, report: Report) -> None:
        """The new version is what was published before and one batch more, whatever was killed in between."""
        number = int(report.facts["version"])
        version = self.ledger.versions[number]
        adopted = [p.version for p in self.ledger.publications if p.kind == "adopt"]
        assert version.parent == before.published or [version.parent] == adopted[:1]
        assert len(adopted) == (len({len(self.adopted_rows[n]) for n in adopted}) if self.links_back else self.adopts)
        assert version.state is (VersionState.HELD if report.order.bad else VersionState.PUBLISHED)
        assert report.ended == ("hold" if report.order.bad else "publish")
        assert (self.live == number) == (not report.order.bad)

    def _assert_linked_back(self) -> None:
        """The path that everybody knows leads to the live file, and the original is beside it as it was last."""
        assert self.original.is_symlink()
        assert self.original.samefile(self.warehouse / "live" / "shop.duckdb")
        (kept,) = self.original.parent.glob("shop.duckdb.before-tidegate*")
        assert self.content_of(kept)[0] == sorted(self.original_rows)
        assert not list(self.warehouse.glob("versions/*/adopted.json"))


def content_in(connection: duckdb.DuckDBPyConnection) -> tuple[Rows, Rows, Rows]:
    return (
        connection.execute("SELECT batch, version FROM a ORDER BY ALL").fetchall(),
        connection.execute("SELECT batch, version, bad FROM b ORDER BY ALL").fetchall(),
        connection.execute("SELECT batch FROM latest").fetchall(),
    )


def digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes()).hexdigest()
