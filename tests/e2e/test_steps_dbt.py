"""The dbt and command steps with the real dbt: one small project, whose first version every test goes on from.

A run of dbt costs seconds, so the tests share the project and its first version; each makes a version of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

import tidegate
from tests.conformance.step.worlds import Quiet
from tidegate.integrations.command import CommandStep
from tidegate.integrations.dbt import DbtStep
from tidegate.model import DatasetRef, StepReport, StepStatus
from tidegate.ports import Step, StepContext

pytestmark = [pytest.mark.slow]

ORDERS = "id,amount,status\n1,10,paid\n2,20,open\n"
FILES = {
    "dbt_project.yml": """
name: shop
version: "1.0"
profile: shop
models: {shop: {+schema: marts, no_such_folder: {+materialized: table}}}
""",
    "profiles.yml": """
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev: {type: duckdb, path: shop.duckdb, schema: main, threads: 2}
""",
    "models/orders.sql": """
{{ config(materialized='incremental') }}
select *, '{{ invocation_id }}' as loaded_by from read_csv('orders.csv')
{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
""",
    "models/totals.sql": "select status, sum(amount) as amount from {{ ref('orders') }} group by all",
    "models/endless.sql": """
{{ config(materialized='table', enabled=var('endless', false)) }}
select count(*) as n from range(100000000000) a where a.range % 7 = 1
""",
    "models/schema.yml": """
models:
  - name: orders
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: status
        data_tests:
          - accepted_values: {arguments: {values: [paid, open]}, config: {severity: warn, where: "id > 0"}}
          - relationships: {arguments: {to: ref('totals'), field: status}}
  - name: ghost
    columns: [{name: id, data_tests: [not_null]}]
""",
    "tests/amounts_are_positive.sql": "select * from {{ ref('totals') }} where amount < 0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A project with versions as the DuckDB warehouse makes them, each a copy of the first one."""

    project: Path

    @property
    def transform(self) -> Path:
        return self.project / "transform"

    def version(self, number: int) -> StepContext:
        folder = self._folder(number)
        if number == 1:
            (folder / "state").mkdir(parents=True)
        else:
            shutil.copytree(self._folder(1), folder)
        stable = self.project / "warehouse" / "candidate"
        stable.unlink(missing_ok=True)
        stable.symlink_to(folder)
        return StepContext(
            project=self.project,
            database=folder / "shop.duckdb",
            stable_database=stable / "shop.duckdb",
            state=folder / "state",
            work=self.project / ".tidegate" / "work",
            logs=self.project / ".tidegate" / "logs" / str(number),
            timeout_s=120.0,
            on_start=lambda _: None,
        )

    def run(self, number: int, step: Step, orders: str = ORDERS) -> StepReport:
        (self.transform / "orders.csv").write_text(orders)
        step.prepare(self.project)
        return step.run(self.version(number), Quiet())

    def rows(self, number: int, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self._folder(number) / "shop.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def dbt_log(self, number: int) -> str:
        return (self.project / ".tidegate" / "logs" / str(number) / "transform" / "dbt.log").read_text()

    def _folder(self, number: int) -> Path:
        return self.project / "warehouse" / "versions" / f"{number:06}"


def transform(options: Mapping[str, object] | None = None) -> DbtStep:
    return DbtStep("transform", "transform", {"tests": "dbt", **(options or {})})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return made(tmp_path_factory.mktemp("site"))


def made(project: Path) -> Site:
    for name, text in FILES.items():
        file = project / "transform" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Site(project=project)


@pytest.fixture(scope="module")
def first(site: Site) -> StepReport:
    return site.run(1, transform())


def test_the_first_version_is_built_and_described(site: Site, first: StepReport) -> None:
    assert first.status is StepStatus.SUCCESS, first.summary
    assert first.summary == "2 success, 5 pass"
    assert first.cpu_s > 1
    assert site.rows(1, "select count(*) from main_marts.orders") == [(2,)]
    assert not (site.transform / "shop.duckdb").exists()
    assert not (site.transform / "target").exists()
    facts = first.facts
    orders = DatasetRef(namespace="main_marts", name="orders")
    assert {n.id: n.dataset for n in facts.nodes}["model.shop.orders"] == orders
    assert facts.edges == (("model.shop.orders", "model.shop.totals"),)
    assert facts.executed_nodes == 7
    checks = {(c.kind, c.column, c.severity, c.where): c for c in facts.checks}
    assert ("unique", "id", "error", None) in checks
    assert checks["accepted_values", "status", "warn", "id > 0"].arguments == {
        "values": ["paid", "open"],
        "quote": True,
    }
    related = checks["relationships", "status", "error", None]
    assert (related.dataset, related.arguments) == (orders, {"to": ["main_marts", "totals"], "field": "status"})
    singular = next(c for c in facts.checks if c.kind == "compiled")
    assert singular.name == "amounts_are_positive"
    assert '"main_marts"."totals"' in str(singular.arguments["sql"])
    assert facts.located(singular).declared_in == "transform/tests/amounts_are_positive.sql:1"


def test_what_green_output_hides_is_told(first: StepReport) -> None:
    notes = "\n".join(first.facts.notes)
    assert "dbt never runs test `not_null_ghost_id` (transform/models/schema.yml): it names `ghost`" in notes
    assert "1 of 6 declared dbt tests was not executed: not_null_ghost_id" in notes
    assert "There are 1 unused configuration paths: - models.shop.no_such_folder" in notes
    ghost = next(c for c in first.facts.checks if c.name == "not_null_ghost_id")
    assert ghost.dataset.name == "ghost"


def test_the_next_version_goes_on_and_its_failing_tests_are_findings(site: Site, first: StepReport) -> None:
    report = site.run(2, transform(), ORDERS + "3,5,paid\n3,5,paid\n4,1,lost\n")
    assert (report.status, report.exit_code) == (StepStatus.FINDINGS, 1)
    assert {t.id.split(".")[2]: (t.status, t.failures) for t in report.facts.tests}["unique_orders_id"] == ("fail", 1)
    assert "warn" in {t.status for t in report.facts.tests}
    # incremental: the two old rows are still those of the first run
    assert site.rows(2, "select count(*) from main_marts.orders group by loaded_by order by 1") == [(2,), (3,)]
    # the last parse travelled with the version, although its folder is another one
    assert "Partial parsing enabled, no changes found, skipping parsing" in site.dbt_log(2)
    assert "Unable to do partial parsing" not in site.dbt_log(2)
    # and what dbt says only when it parses is told all the same
    assert any("it names `ghost`" in note for note in report.facts.notes)


def test_dbt_need_not_run_what_the_scan_answers(site: Site, first: StepReport) -> None:
    report = site.run(7, transform({"tests": "tidegate"}), ORDERS + "3,5,paid\n3,5,paid\n")
    assert (report.status, report.summary) == (StepStatus.SUCCESS, "2 success, 1 pass, 5 tests left to the scan")
    assert [t.id for t in report.facts.tests] == ["test.shop.amounts_are_positive"]
    names = ("unique", "not_null", "accepted_values", "relationships")
    assert report.command[-5:] == ("--exclude", *(f"test_name:{name}" for name in names))
    assert not any("was not executed" in note or "were not executed" in note for note in report.facts.notes)


def test_a_test_that_meanwhile_only_dbt_can_evaluate_is_run_by_dbt(site: Site, first: StepReport) -> None:
    own = site.transform / "macros" / "own.sql"
    own.parent.mkdir()
    own.write_text("{% macro default__test_unique(model, column_name) %} select 1 where 1 = 0 {% endmacro %}\n")
    try:
        report = site.run(8, transform({"tests": "tidegate"}))
    finally:
        shutil.rmtree(own.parent)
    # three, not four: what dbt reads again of a changed project lacks the test on the missing model
    assert (report.status, report.summary) == (StepStatus.SUCCESS, "2 success, 2 pass, 3 tests left to the scan")
    tests = {t.id.split(".")[2]: t.status for t in report.facts.tests}
    assert tests == {"amounts_are_positive": "pass", "unique_orders_id": "pass"}
    mine = next(c for c in report.facts.checks if c.name == "unique_orders_id")
    assert (mine.kind, "select 1 where 1 = 0" in str(mine.arguments["sql"])) == ("compiled", True)
    assert site.rows(8, "select count(*) from main_marts.orders group by loaded_by") == [(2,)]  # built once


def test_a_selection_of_nothing_but_tests_is_run_by_dbt(site: Site, first: StepReport) -> None:
    report = site.run(9, transform({"tests": "tidegate", "select": "test_name:unique"}))
    assert (report.status, report.summary) == (StepStatus.SUCCESS, "1 pass, 4 tests left to the scan")


def test_a_failing_model_is_a_failure_with_its_message(site: Site, first: StepReport) -> None:
    report = site.run(3, transform(), "id,status\n9,paid\n")
    assert (report.status, report.exit_code) == (StepStatus.FAILED, 1)
    assert report.summary.startswith("model.shop.orders (models/orders.sql): Runtime Error in model orders")
    assert "amount" in report.summary
    assert any(note.startswith("dbt did not build 1 node ") for note in report.facts.notes)


def test_a_selection_that_matches_nothing_is_no_green(site: Site, first: StepReport) -> None:
    report = site.run(4, transform({"args": "--select no_such_model"}))
    assert (report.status, report.facts.executed_nodes) == (StepStatus.SUCCESS, 0)
    assert any("does not match any enabled nodes" in note for note in report.facts.notes)


def test_a_wrapped_dbt_hits_the_candidate_and_is_read(site: Site, first: StepReport) -> None:
    step = CommandStep("wrapped", "dbt build -s orders --profiles-dir .", {"alongside": [transform()]})
    report = site.run(5, step, "id,amount,status\n10,1,paid\n")
    assert report.facts.executed_nodes == 5
    assert site.rows(5, "select count(*) from main_marts.orders where id = 10") == [(1,)]
    assert not (site.transform / "shop.duckdb").exists()
    assert any("unused configuration paths" in note for note in report.facts.notes)  # from dbt's log file
    assert "Starting full parse" not in Path(report.log).read_text()


def test_a_script_that_runs_two_dbt_projects_is_read_of_both(tmp_path: Path) -> None:
    site, finance = made(tmp_path), tmp_path / "finance"
    (finance / "models").mkdir(parents=True)
    (finance / "dbt_project.yml").write_text('name: finance\nversion: "1.0"\nprofile: books\n')
    (finance / "profiles.yml").write_text("books: {outputs: {default: {type: duckdb, path: books.duckdb}}}\n")
    (finance / "models" / "ledger.sql").write_text("select 1 as id")
    (finance / "models" / "schema.yml").write_text(
        "models: [{name: ledger, columns: [{name: id, data_tests: [unique]}]}]"
    )
    dbt = Path(sys.executable).with_name("dbt")
    script = f"cd transform && '{dbt}' run && cd ../finance && '{dbt}' build"
    steps = [transform(), DbtStep("finance", "finance", {})]
    report = site.run(1, CommandStep("wrapped", ["sh", "-c", script], {"alongside": steps}))
    assert report.status is StepStatus.SUCCESS, report.summary
    assert {"model.shop.totals", "model.finance.ledger"} <= {n.id for n in report.facts.nodes}
    assert [t.id.split(".")[2] for t in report.facts.tests] == ["unique_ledger_id"]
    assert report.facts.executed_nodes == 4
    assert site.rows(1, "select id from main.ledger") == [(1,)]
    assert not (finance / "books.duckdb").exists()


def test_kill_9_of_tidegate_leaves_no_dbt(site: Site, first: StepReport) -> None:
    (site.transform / "orders.csv").write_text(ORDERS)
    context = site.version(6)
    code = f"""
import pathlib
from tests.conformance.step.worlds import Quiet
from tests.e2e.test_steps_dbt import transform
from tidegate.ports import StepContext
from pathlib import PosixPath
note = lambda group: pathlib.Path({str(site.project / "group")!r}).write_text(str(group))
endless = transform(dict(args="--select endless", vars=dict(endless=True)))
endless.run(StepContext(**{dict(_fields(context))!r}, on_start=note), Quiet())
"""
    path = os.pathsep.join((str(Path(tidegate.__file__).parents[1]), str(Path(__file__).parents[2])))
    parent = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path})
    log = context.logs / "transform.log"
    try:
        wait_for(lambda: log.exists() and "START sql table model main_marts.endless" in log.read_text())
        group = int((site.project / "group").read_text())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        wait_for(lambda: not _exists(group), within_s=30)
    finally:
        parent.kill()
        parent.wait()
    with duckdb.connect(str(context.database)):  # nobody holds its lock
        pass


def wait_for(true: object, within_s: float = 60.0) -> None:
    assert callable(true)
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it never came to it"
        time.sleep(0.05)


def _fields(context: StepContext) -> list[tuple[str, object]]:
    names = ("project", "database", "stable_database", "state", "work", "logs", "timeout_s")
    return [(name, getattr(context, name)) for name in names]


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
