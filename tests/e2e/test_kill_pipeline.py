"""`kill -9` while the real dlt and the real dbt are at work: their processes end, readers see nothing, the next run is whole."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.small_project import SmallProject
from tidegate.model import RunStatus, VersionState
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses import process

pytestmark = pytest.mark.slow

PATIENCE_S = 180.0
SOLD_AT_ONCE = 10
TRIES = 6
"""How often a step is aimed at until it is hit; a machine may be slow in one run and fast in the next."""

LOAD = """
import dlt, json, pathlib

@dlt.resource(write_disposition="append")
def orders(at=dlt.sources.incremental("at")):
    yield json.loads(pathlib.Path(__file__).with_name("orders.json").read_text())

if __name__ == "__main__":
    dlt.pipeline("shop", destination="duckdb", dataset_name="raw").run(orders())
"""

FILES = {
    "tidegate.yml": """\
version: 1
warehouse: {database: shop.duckdb}
learned: "off"
retention: {versions: 1, days: 0}
steps:
  - {name: load, dlt: load.py}
  - {name: transform, dbt: transform}
""",
    "load.py": LOAD,
    "transform/dbt_project.yml": "name: shop\nprofile: shop\nflags: {send_anonymous_usage_stats: false}\n",
    "transform/profiles.yml": """\
shop:
  target: dev
  outputs: {dev: {type: duckdb, path: ../shop.duckdb, schema: marts, threads: 1}}
""",
    "transform/models/sales.sql": """\
{{ config(materialized="incremental") }}
select id from raw.orders
{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
""",
    "transform/models/total.sql": 'select count(*) as orders, max(id) as last from {{ ref("sales") }}\n',
}


@dataclass
class Pipeline:
    """The project, and how many orders the source has and readers saw last."""

    small: SmallProject
    sold: int = 0
    shown: int = 0
    wall_s: dict[str, float] = field(default_factory=dict)

    def sell(self) -> None:
        self.sold += SOLD_AT_ONCE
        rows = [{"id": n, "at": n} for n in range(1, self.sold + 1)]
        (self.small.root / "orders.json").write_text(json.dumps(rows))

    def complete(self) -> None:
        told = self.small.cli("run")
        assert told.status == 0, told
        self.shown = self.sold
        self.assert_readers_see_all_that_was_shown()
        with self.state() as state:
            assert state.problems() == ()
            assert RunStatus.RUNNING not in {r.status for r in state.runs()}
            self.learn(state)
            kept = {v.id for v in state.versions() if v.state is not VersionState.PRUNED}
        assert {p.name for p in (self.small.root / "warehouse" / "versions").iterdir()} == kept

    def learn(self, state: SQLiteStateStore) -> None:
        """How long each step took last: the next shot aims by it."""
        for event in state.events():
            if event.kind == "step.finished":
                self.wall_s[str(event.data["step"])] = float(str(event.data["wall_s"]))

    def assert_readers_see_all_that_was_shown(self) -> None:
        all_once = [(n,) for n in range(1, self.shown + 1)]
        assert self.small.query("select id from raw.orders order by id") == all_once
        assert self.small.query("select id from marts.sales order by id") == all_once
        assert self.small.query("select orders, last from marts.total") == [(self.shown, self.shown)]

    def kill(self, step: str, part: float) -> bool:
        """Start a run and kill it when `part` of what its step took before is over, more or less. Everything of the run must
        end. False when another step was hit, or none.
        """
        before, published = self.logs(), self.published()
        with self.small.started("run") as running:
            wait_for(
                lambda: any((p / f"{step}.log").exists() for p in self.logs() - before) or running.poll() is not None
            )
            time.sleep(part * self.wall_s[step])
            holder = self.holder()
            running.kill()
            running.communicate()
        if "step_group" in holder:
            leader, started = int(holder["step_group"]), str(holder["step_started"])
            wait_for(lambda: not process.is_running(leader, started))
            wait_for(lambda: not members(leader))
        if self.published() != published:  # it was through before the kill, or even ended
            self.shown = self.sold
            self.sell()
        self.assert_readers_see_all_that_was_shown()
        with self.state() as state:
            assert state.problems() == ()
            self.learn(state)
            last = state.events()[-1]
        return running.returncode == -signal.SIGKILL and (last.kind, last.data.get("step")) == ("step.started", step)

    def published(self) -> str:
        """The version that readers see."""
        return str((self.small.root / "warehouse" / "live").readlink())

    def logs(self) -> set[Path]:
        """A folder per run."""
        return set((self.small.root / ".tidegate" / "logs").iterdir())

    def holder(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads((self.small.root / "warehouse" / "lock").read_text())
            return found
        return {}

    def state(self) -> AbstractContextManager[SQLiteStateStore]:
        return closing(SQLiteStateStore(self.small.root / ".tidegate" / "state.db"))


def members(group: int) -> list[int]:
    """The living processes of a group, as far as the system tells."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, 0)
        return [p.pid for p in map(process.find, numbers()) if p and p.group == group and not p.is_zombie]
    return []


def numbers() -> Iterator[int]:
    proc = Path("/proc")
    return (int(p.name) for p in proc.iterdir() if p.name.isdecimal()) if proc.exists() else iter(())


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    root = tmp_path_factory.mktemp("pipeline") / "shop"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_DATA_HOME"):
            patch.setenv(name, str(root.parent / "home"))
        made = Pipeline(small=SmallProject(root=root))
        made.sell()
        made.complete()
        yield made


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_killed_while_dlt_and_then_dbt_are_at_work(pipeline: Pipeline, part: float) -> None:
    """Each by itself, the second one before anything could recover from the first; then a run is let through."""
    pipeline.sell()
    for step in ("load", "transform"):
        hit = any(pipeline.kill(step, part) for _ in range(TRIES))
        assert hit, f"`{step}` was never at work when the run was killed"
    pipeline.complete()
