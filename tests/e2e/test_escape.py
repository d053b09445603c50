"""What is written past the candidate is told: by a step at once, by others at the next look at what is published."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import pytest

from tests.e2e.small_project import SmallProject, make

pytestmark = pytest.mark.slow

CONFIGURATION = ('learned: "off"',)
INTRUDE = (
    "import duckdb\nwith duckdb.connect({path!r}) as database:\n    database.execute('create table x as select 1')\n"
)
LOAD = """
import dlt
to = dlt.destinations.duckdb({path!r})
dlt.pipeline("shop", destination=to, dataset_name="raw").run([{{"id": 1}}], table_name="orders")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """Version 1 is published."""
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    small = make(tmp_path / "shop", *CONFIGURATION)
    told = small.cli("run")
    assert told.status == 0, told
    return small


def command(project: SmallProject, script: str) -> None:
    """From now on the step is this script."""
    (project.root / "intrude.py").write_text(script)
    step = {"name": "load", "run": f"{sys.executable} intrude.py"}
    project.configure(*CONFIGURATION, step=f"- {json.dumps(step)}")


def dlt_script(project: SmallProject, path: Path, *more: str) -> None:
    """From now on the step is a dlt script that has a path in its code."""
    (project.root / "load.py").write_text(LOAD.format(path=str(path)))
    project.configure(*more, *CONFIGURATION, step="- {name: load, dlt: load.py}")


def assert_escaped(project: SmallProject, before: dict[str, bytes | str], *, naming: Path) -> None:
    """The run is refused for the right reason, and nothing that readers see, or the user owns, is different."""
    told = project.cli("run", "--json")
    assert told.status == 2, told
    assert told.document["code"] == "step-escaped", told
    assert str(naming) in told.document["message"]
    after = project.content()
    assert {k: v for k, v in after.items() if k in before} == before
    assert not [name for name in set(after) - set(before) if name.startswith("warehouse/")]
    assert project.versions() == {1: "published", 2: "pruned"}
    assert project.query("select count(*) from raw.orders") == [(100,)]


@pytest.mark.parametrize("path", ["warehouse/live/shop.duckdb", "warehouse/versions/000001/shop.duckdb"])
def test_a_command_that_opens_the_published_file(project: SmallProject, path: str) -> None:
    command(project, INTRUDE.format(path=str(project.root / path)))
    assert_escaped(project, project.content(), naming=project.live.resolve().parent)


def test_a_dlt_script_with_the_published_file_in_its_code(project: SmallProject) -> None:
    dlt_script(project, project.live)
    assert_escaped(project, project.content(), naming=project.live.resolve().parent)


def test_a_dlt_script_with_the_database_of_the_profile_in_its_code(project: SmallProject) -> None:
    other = project.root / "other.duckdb"
    with duckdb.connect(str(other)) as database:
        database.execute("create table kept as select 1 as x")
    transform = project.root / "transform"
    transform.mkdir()
    (transform / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    profile = {"shop": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": "../other.duckdb"}}}}
    (transform / "profiles.yml").write_text(json.dumps(profile))
    dlt_script(project, other, "  - {name: transform, dbt: transform}")
    assert_escaped(project, project.content(), naming=other)
    assert project.query("show tables", other) == [("kept",)]


def test_a_dlt_script_with_a_database_of_its_own_in_its_code(project: SmallProject) -> None:
    own = project.root / "own.duckdb"
    dlt_script(project, own)
    assert_escaped(project, project.content(), naming=own)
    assert own.exists(), "it could be written, and was told of: nobody removes a file of the user"


def test_a_command_that_writes_bytes_is_told_of(project: SmallProject) -> None:
    """A user who may write every file can do so, and only the file's mode stands against others; but it is noticed."""
    assert project.live.stat().st_mode & 0o222 == 0
    command(project, "with open('warehouse/live/shop.duckdb', 'ab') as file:\n    file.write(b'x')\n")
    project.live.chmod(0o644)
    told = project.cli("run", "--json")
    assert (told.status, told.document["code"]) == (2, "step-escaped")
    assert project.versions() == {1: "published", 2: "pruned"}


def test_a_command_that_writes_into_the_travelling_state_is_told_of(project: SmallProject) -> None:
    """Such as a dlt pipeline with `pipelines_dir` in its code: its cursor is ahead of the data, and would skip rows."""
    command(project, "from pathlib import Path\nPath('warehouse/live/state/cursor').write_text('9')\n")
    cursor = project.live.resolve().parent / "state" / "cursor"
    told = project.cli("run", "--json")
    assert (told.status, told.document["code"]) == (2, "step-escaped"), told
    assert f"`{cursor}` appeared" in told.document["message"]
    assert "`tidegate rollback`" in told.document["hint"]
    project.configure(*CONFIGURATION)
    assert "unaudited  somebody wrote to the state that travels with it" in project.cli("status").out
    held = project.cli("run")
    assert held.status == 1, held
    assert "the state that travels with it is not what was audited" in held.out
    cursor.unlink()
    assert project.cli("run").status == 0, "as it was audited again"
    assert project.versions() == {1: "retired", 2: "pruned", 3: "held", 4: "published"}


def write_behind(project: SmallProject) -> bytes:
    """What an analyst does who repairs a number where it is read. Returns the file's bytes."""
    live = project.live.resolve()
    live.chmod(0o644)
    with duckdb.connect(str(live)) as database:
        database.execute("update raw.orders set amount = 0 where order_id = 7")
    return live.read_bytes()


def test_what_is_written_between_two_runs_holds_the_next_one(project: SmallProject) -> None:
    """Readers see what nobody audited: no command is silent about it, and nothing of it is lost or spread."""
    assert project.cli("run").status == 0
    clean = project.cli("status")
    assert "unaudited" not in clean.out
    written, live = write_behind(project), project.live.resolve()
    looked = project.cli("status", "--json")
    assert (looked.status, looked.document["altered"]) == (0, ["its database"])
    assert "unaudited  somebody wrote to its database" in project.cli("status").out
    held = project.cli("run", "--json")
    assert held.status == 1, held
    (found,) = (f for f in held.document["findings"] if f["holds"])
    assert found["sentence"].startswith("version 2, which readers see, was written after it was published")
    (incident,) = held.document["incidents"]
    assert incident["severity"] == "sev2"
    assert incident["reasons"] == ["readers already see this data"]
    assert "`tidegate rollback`" in incident["next_step"]
    assert '`tidegate publish 3 --reason "..."`' in incident["next_step"]
    checked = project.cli("check", "--json")
    assert checked.status == 1
    assert [(i["number"], i["seen"]) for i in checked.document["incidents"]] == [(incident["number"], 2)]
    assert live.read_bytes() == written
    assert project.versions() == {1: "retired", 2: "published", 3: "held"}


def test_what_was_written_can_be_taken_back(project: SmallProject) -> None:
    assert project.cli("run").status == 0
    written = write_behind(project)
    assert project.cli("run").status == 1
    assert project.cli("rollback").status == 0
    assert project.query("select amount from raw.orders where order_id = 7") == [(10.5,)]
    assert "unaudited" not in project.cli("status").out
    assert project.cli("run").status == 0
    assert project.versions() == {1: "retired", 2: "retired", 3: "held", 4: "published"}
    assert (project.root / "warehouse" / "versions" / "000002" / "shop.duckdb").read_bytes() == written
    told = project.cli("rollback", "2")
    assert told.status == 2
    assert "somebody wrote to its database" in told.err
    assert [i["state"] for i in project.cli("incidents", "--json").document["incidents"]] == ["mitigated"]


def test_what_was_written_can_be_accepted(project: SmallProject) -> None:
    project.load("insert into raw.orders values (100, 'x', 1)")
    write_behind(project)
    assert project.cli("run").status == 1
    assert project.cli("publish", "2", "--reason", "the source was wrong").status == 0
    assert project.query("select amount from raw.orders where order_id = 7") == [(0,)]
    assert "unaudited" not in project.cli("status").out
    assert project.cli("incidents", "--json").document["incidents"] == []
    assert project.cli("run").status == 0


def test_a_tool_that_kept_the_path_of_the_candidate_finds_nothing_there(project: SmallProject) -> None:
    """Neither while a version is held, nor after a run that failed, nor after one that was published."""
    candidate = project.root / "warehouse" / "candidate"
    project.configure(*CONFIGURATION, "checks:", "  - {table: raw.orders, row_count: {max: 1}}")
    assert project.cli("run").status == 1
    held = project.root / "warehouse" / "versions" / "000002" / "shop.duckdb"
    before = held.read_bytes()
    for _ in range(2):
        assert not candidate.is_symlink()
        with pytest.raises(duckdb.IOException):
            duckdb.connect(str(candidate / "shop.duckdb"))
        command(project, "import sys; sys.exit(1)")
        assert project.cli("run").status == 2
    assert held.read_bytes() == before
    assert project.query("select count(*) from raw.orders", held) == [(100,)], "it can be looked into by its own path"
    assert project.cli("diff", "1", "2").status == 0
    assert project.cli("publish", "2", "--reason", "to see it").status == 0
    assert not candidate.is_symlink()


def test_a_command_that_shows_its_own_candidate(project: SmallProject) -> None:
    command(
        project,
        "import os\nos.symlink('versions/000002', 'warehouse/mine')\nos.replace('warehouse/mine', 'warehouse/live')\n",
    )
    assert_escaped(project, project.content(), naming=project.live.parent)


def test_a_kept_version_that_was_written_is_not_put_back(project: SmallProject) -> None:
    first = project.live.resolve()
    assert project.cli("run").status == 0
    first.chmod(0o644)
    with duckdb.connect(str(first)) as database:
        database.execute("delete from raw.orders")
    before = project.content()
    told = project.cli("rollback", "--reason", "to try", "--json")
    assert told.status == 2, told
    assert "is not what was audited" in told.err
    assert project.content() == before
    assert project.versions() == {1: "retired", 2: "published"}
