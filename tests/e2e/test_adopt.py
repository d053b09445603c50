"""A database that becomes a link: whoever knows its path sees every version, whatever happens in between."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import duckdb
import pytest

from tests.e2e.small_project import SmallProject, make

pytestmark = pytest.mark.slow

WAREHOUSE = "warehouse: {database: shop.duckdb, adopt: old.duckdb, link_back: true}"


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    """`old.duckdb` has one order; the step adds one in each run."""
    small = make(tmp_path / "shop", sql="insert into raw.orders select max(order_id) + 1 from raw.orders")
    configure(small)
    with duckdb.connect(str(old(small))) as database:
        database.execute("create schema raw; create table raw.orders as select 1 as order_id")
    return small


def configure(project: SmallProject, warehouse: str = WAREHOUSE) -> None:
    step = json.dumps({"name": "load", "run": f"{sys.executable} load.py"})
    text = f'version: 1\n{warehouse}\nsteps:\n  - {step}\nlearned: "off"\n'
    (project.root / "tidegate.yml").write_text(text, encoding="utf-8")


def old(project: SmallProject) -> Path:
    return project.root / "old.duckdb"


def orders(project: SmallProject, database: Path | None = None) -> int:
    ((count,),) = project.query("select count(*) from raw.orders", database)
    return int(count)


def interrupt(project: SmallProject) -> None:
    """As if the machine had died when the first version was live and the link not made yet."""
    assert project.cli("check").status == 0
    kept = old(project).with_name("old.duckdb.before-tidegate")
    old(project).unlink()
    kept.rename(old(project))
    status = old(project).stat()
    noted = {"original": str(old(project)), "size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    folder = project.root / "warehouse" / "versions" / "000001"
    (folder / "adopted.json").write_text(json.dumps(noted), encoding="utf-8")


def test_the_path_leads_to_every_version(project: SmallProject) -> None:
    for expected in (2, 3):
        assert project.cli("run").status == 0
        assert old(project).is_symlink()
        assert orders(project, old(project)) == expected
    assert project.cli("rollback").status == 0
    assert orders(project, old(project)) == 2
    assert orders(project, old(project).with_name("old.duckdb.before-tidegate")) == 1


def test_a_link_that_was_not_made_is_made(project: SmallProject) -> None:
    interrupt(project)
    told = project.cli("run")
    assert told.status == 0, told
    assert f"repaired  `{old(project)}` is a link to the live version now" in told.out
    assert orders(project, old(project)) == 2
    assert project.versions() == {1: "retired", 2: "published"}


def test_what_was_written_meanwhile_is_adopted_and_told(project: SmallProject) -> None:
    interrupt(project)
    with duckdb.connect(str(old(project))) as database:
        database.execute("insert into raw.orders values (7)")
    told = project.cli("run")
    assert told.status == 0, told
    assert "was written after version 1 was copied from it: what it holds is version 2" in told.out
    assert orders(project, old(project)) == 3
    assert orders(project, old(project).with_name("old.duckdb.before-tidegate")) == 2
    assert project.versions() == {1: "retired", 2: "retired", 3: "published"}
    assert project.cli("run").status == 0


def test_a_program_that_writes_now_is_waited_for_by_the_user(project: SmallProject) -> None:
    interrupt(project)
    with duckdb.connect(str(old(project))):
        told = project.process("run")
        assert told.status == 2
        who = f"process {os.getpid()} (" if sys.platform == "linux" else "another process has "
        assert told.err.startswith(f"error: {who}")
        assert f" has `{old(project)}` open for writing" in told.err
    assert project.cli("run").status == 0
    assert old(project).is_symlink()


@pytest.mark.parametrize("now", ["no database", "not asked for"])
def test_what_cannot_or_shall_not_be_adopted_again_is_left_alone(project: SmallProject, now: str) -> None:
    interrupt(project)
    if now == "no database":
        old(project).write_bytes(b"a note")
        said = "is not a DuckDB database"
    else:
        configure(project, WAREHOUSE.replace("link_back: true", "link_back: false"))
        said = "stays as it is, because `link_back` is off now"
    before = old(project).read_bytes()
    told = project.cli("run")
    assert told.status == 0, told
    assert said in told.out
    assert old(project).read_bytes() == before
    assert not old(project).is_symlink()
    assert orders(project) == 2
    assert "repaired" not in project.cli("run").out


def test_a_link_that_leads_nowhere_does_not_keep_anybody_from_going_back(project: SmallProject) -> None:
    for _ in range(2):
        assert project.cli("run").status == 0
    shutil.rmtree(project.live.resolve().parent)
    assert not old(project).exists()
    told = project.cli("rollback")
    assert told.status == 0, told
    assert orders(project, old(project)) == 2


@pytest.mark.parametrize("command", ["run", "check"])
def test_who_writes_to_the_original_as_before_is_told_that_nobody_reads_it(project: SmallProject, command: str) -> None:
    configure(project, WAREHOUSE.replace(", link_back: true", ""))
    said = f"`{old(project)}` was written at "
    assert said not in project.cli("run").out
    with duckdb.connect(str(old(project))) as database:
        database.execute("insert into raw.orders values (7)")
    told = project.cli(command)
    assert told.status == 0, told
    assert said in told.out
    assert "after version 1 was copied from it: readers do not see that" in told.out
