"""The dlt step with the real dlt: unmodified scripts hit the candidate, and their cursors travel with the version."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.conformance.step.worlds import Quiet
from tidegate.integrations.dlt import DltStep
from tidegate.model import StepReport, StepStatus
from tidegate.ports import StepContext

pytestmark = [pytest.mark.slow]

INCREMENTAL = """
import dlt, json, pathlib

@dlt.resource(primary_key="id", write_disposition="append")
def orders(ts=dlt.sources.incremental("ts")):
    yield json.loads((pathlib.Path(__file__).parent / "orders.json").read_text())

if __name__ == "__main__":
    dlt.pipeline("shop", destination="duckdb", dataset_name="raw").run(orders())
"""

OTHERS = """
import dlt
rows = [{"a": 1}]
named = dlt.destinations.duckdb(destination_name="wh")
dlt.pipeline("named-x", destination=named, dataset_name="named").run(rows, table_name="t")
dlt.pipeline("by_type", destination=dlt.destination("second", destination_type="duckdb")).run(rows, table_name="t")
dlt.pipeline("coded", destination=dlt.destinations.duckdb("shop.duckdb"), dataset_name="coded").run(
    rows, table_name="t")
"""

FAILED_JOB = """
import dlt
from dlt.common.destination.exceptions import DestinationTerminalException
from dlt.destinations.insert_job_client import InsertValuesLoadJob

def run(self):
    raise DestinationTerminalException("no room for rows")

InsertValuesLoadJob.run = run
dlt.pipeline("shop", destination="duckdb", dataset_name="raw").run([{"a": 1}], table_name="t")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose own configuration says everything that could beat ours, in the places where dlt looks first."""
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt" / "config.toml").write_text(f'[pipelines.shop]\npipelines_dir = "{tmp_path / "own-state"}"\n')
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        '[destination.duckdb]\ncredentials = "own.duckdb"\n'
        '[shop.destination.duckdb.credentials]\ndatabase = "shops-own.duckdb"\n'
    )
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path


def context(project: Path, number: int, parent: int | None = None) -> StepContext:
    folder = project / "warehouse" / "versions" / f"{number:06}"
    if parent is not None:
        shutil.copytree(folder.with_name(f"{parent:06}"), folder)
    (folder / "state").mkdir(parents=True, exist_ok=True)
    stable = project / "warehouse" / "candidate"
    stable.unlink(missing_ok=True)
    stable.symlink_to(folder)
    return StepContext(
        project=project,
        database=folder / "shop.duckdb",
        stable_database=stable / "shop.duckdb",
        state=folder / "state",
        work=project / ".tidegate" / "work",
        logs=project / ".tidegate" / "logs" / str(number),
        timeout_s=60.0,
        on_start=lambda _: None,
    )


def run(project: Path, where: StepContext, text: str, **options: object) -> StepReport:
    (project / "load.py").write_text(text)
    step = DltStep("load", "load.py", options)
    step.prepare(project)
    return step.run(where, Quiet())


def rows(where: StepContext, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(where.database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def databases(project: Path) -> list[str]:
    return sorted(str(p.relative_to(project)) for p in project.rglob("*.duckdb"))


def test_cursors_travel_with_the_version_and_come_back_with_it(project: Path) -> None:
    (project / "orders.json").write_text('[{"id": 1, "ts": 1}, {"id": 2, "ts": 2}]')
    first = context(project, 1)
    report = run(project, first, INCREMENTAL)
    assert (report.status, report.summary) == (StepStatus.SUCCESS, "1 load"), report.summary
    assert rows(first, "select distinct _dlt_load_id from raw.orders") == [(report.facts.load_ids[0],)]
    assert [str(n.dataset) for n in report.facts.nodes] == ["raw.orders"]

    (project / "orders.json").write_text('[{"id": 2, "ts": 2}, {"id": 3, "ts": 3}]')
    second = context(project, 2, parent=1)
    assert run(project, second, INCREMENTAL).status is StepStatus.SUCCESS
    assert rows(second, "select id from raw.orders order by id") == [(1,), (2,), (3,)]

    again = context(project, 3, parent=1)  # the second version was held: its row is loaded again, once
    assert len(run(project, again, INCREMENTAL).facts.load_ids) == 1
    assert rows(again, "select id from raw.orders order by id") == [(1,), (2,), (3,)]

    assert databases(project) == [f"warehouse/versions/00000{n}/shop.duckdb" for n in (1, 2, 3)]
    assert not (project / "own-state").exists()
    kept = list((second.state / "dlt" / "shop" / "load" / "loaded").glob("*/completed_jobs/*"))
    assert kept == []  # loaded files do not travel with every version


def test_named_and_hard_coded_destinations_hit_the_candidate(project: Path) -> None:
    where = context(project, 1)
    report = run(project, where, OTHERS)
    assert (report.status, report.summary) == (StepStatus.SUCCESS, "3 loads"), report.summary
    assert databases(project) == ["warehouse/versions/000001/shop.duckdb"]
    schemas = {str(row[0]) for row in rows(where, "select distinct table_schema from information_schema.tables")}
    assert {"named", "coded", "by_type_dataset"} <= schemas
    assert sorted(p.name for p in (where.state / "dlt").iterdir()) == ["by_type", "coded", "named-x"]


def test_a_hard_coded_path_escapes_and_is_said(project: Path) -> None:
    outside = project / "outside.duckdb"
    text = (
        f"import dlt\ndlt.pipeline('shop', destination=dlt.destinations.duckdb('{outside}')).run([1], table_name='t')"
    )
    (project / "load.py").write_text(text)
    assert outside in DltStep("load", "load.py", {}).databases(project)
    report = run(project, context(project, 1), text)
    assert any(f"has the database `{outside}` in the code" in note for note in report.facts.notes)
    assert outside.exists()  # the guard of the warehouse refuses the run because of it


def test_a_failing_source_is_a_failure_with_its_cause(project: Path) -> None:
    (project / "orders.json").write_text("[")
    report = run(project, context(project, 1), INCREMENTAL)
    assert report.status is StepStatus.FAILED
    assert "Expecting value" in report.summary or "JSONDecodeError" in report.summary


def test_a_load_with_failed_jobs_is_a_failure_though_the_script_ends_well(project: Path) -> None:
    report = run(project, context(project, 1), FAILED_JOB, env={"LOAD__RAISE_ON_FAILED_JOBS": "false"})
    assert (report.status, report.exit_code) == (StepStatus.FAILED, 0)
    assert "has failed jobs:" in report.summary
    assert "t: dlt.common.destination.exceptions.DestinationTerminalException: no room for rows" in report.summary


def test_the_users_global_configuration_still_counts(project: Path) -> None:
    """PIPELINES_DIR moves the state alone; dlt's own DLT_DATA_DIR once moved the global configuration with it."""
    place = Path("/var/dlt") if os.geteuid() == 0 else project / "home" / ".dlt"
    text = "import dlt\nfrom dlt.common.runtime.run_context import active\nprint('global:', active().global_dir)\n"
    (project / "home").mkdir()
    report = run(project, context(project, 1), text, pipelines=["shop"])
    assert f"global: {place}" in Path(report.log).read_text()
