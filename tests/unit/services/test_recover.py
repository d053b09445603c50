"""Which way out of an incident a plan takes, when tables that are built from others show the same fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, finding, make_site, ref
from tidegate.errors import IncidentError
from tidegate.model import Check, CheckResult, Finding, Outcome
from tidegate.model.pipeline import Node, PipelineFacts, StepReport
from tidegate.ports import Progress, StepContext
from tidegate.services.recover import Way, Wish, propose
from tidegate.services.site import Site

TWICE = "create table s.orders as select i % 5 as id from range(8) t(i)"
COPY = "create table s.staged as select * from s.orders"
VIEW = "create view s.staged as select * from s.orders"


class Dbt:
    """A step of dbt that builds one table, `s.staged`."""

    name = "transform"
    kind = "dbt"

    def prepare(self, project: Path) -> None: ...

    def databases(self, project: Path) -> Sequence[Path]:
        return ()

    def environment(self, context: StepContext) -> dict[str, str]:
        return {}

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        raise AssertionError("a plan runs nothing")

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        source = Node(id="source.orders", kind="source", name="orders", dataset=ref("orders"))
        staged = Node(id="model.staged", kind="model", name="staged", dataset=ref("staged"), materialized="table")
        exposure = Node(id="exposure.board", kind="exposure", name="board")
        edges = (("source.orders", "model.staged"), ("model.staged", "exposure.board"))
        return PipelineFacts(nodes=(source, staged, exposure), edges=edges)


def incident(folder: Path, *findings: Finding, statements: Sequence[str] = (TWICE, COPY), dbt: bool = True) -> Site:
    """Version 2 is held for what was found in it."""
    site = replace(make_site(folder), steps=(Dbt(),) if dbt else ())
    add_version(site, 1, "create schema s")
    add_version(site, 2, "create schema s", *statements, publish=False)
    data = {
        "number": 1, "fingerprint": findings[0].key, "title": "t", "state": "open", "severity": "sev3",
        "reasons": [], "version": 2, "run": None, "opened_at": NOW, "updated_at": NOW, "findings": list(findings),
    }  # fmt: skip
    site.state.append([site.event("incident.opened", "incident:1", data)])
    return site


def test_copies_go_from_the_loaded_table_and_the_model_follows(tmp_path: Path) -> None:
    site = incident(tmp_path, finding("orders", kind="duplicates"), finding("staged", kind="duplicates"))
    (step,) = propose(site, 1, Wish()).steps
    assert (step.way, step.rows) == (Way.COPIES, 3)
    assert [c for c in step.changes if "s.staged" in c] == []
    assert "run transform" in step.sentence


@pytest.mark.parametrize("dbt", [True, False], ids=["of dbt", "of a script"])
def test_copies_that_a_view_shows_go_from_its_table(tmp_path: Path, dbt: bool) -> None:
    site = incident(
        tmp_path,
        finding("staged", kind="duplicates"),
        finding("orders", kind="duplicates"),
        statements=(TWICE, VIEW),
        dbt=dbt,
    )
    (step,) = propose(site, 1, Wish()).steps
    assert (step.way, step.rows) == (Way.COPIES, 3)


def test_copies_that_only_a_model_has_are_built_anew(tmp_path: Path) -> None:
    site = incident(tmp_path, finding("staged", kind="duplicates"))
    assert [s.way for s in propose(site, 1, Wish()).steps] == [Way.RERUN]
    with pytest.raises(IncidentError, match="no row of version `2` is to be moved") as refused:
        propose(site, 1, Wish(way=Way.COPIES))
    assert "--by rerun" in str(refused.value.hint)


@pytest.mark.parametrize(("table", "way"), [("staged", Way.RERUN), ("orders", Way.ROWS)])
def test_rows_that_fail_a_check_go_unless_dbt_builds_them(tmp_path: Path, table: str, way: Way) -> None:
    check = Check(id="small", name="small", dataset=ref(table), kind="rule", arguments={"expression": "id < 4"})
    site = incident(tmp_path, replace(finding(table), key=f"s.{table}/check/small"))
    result = CheckResult(check=check, outcome=Outcome.FAIL, reason="2 rows")
    site.state.save_scan(2, measurements=(), results=(result,), findings=(), schemas={}, marks={})
    assert [s.way for s in propose(site, 1, Wish()).steps] == [way]


def test_a_version_that_is_gone_has_no_rows_to_lose(tmp_path: Path) -> None:
    site = incident(tmp_path, finding("orders", kind="duplicates"))
    site.warehouse.discard(2)
    assert [s.way for s in propose(site, 1, Wish()).steps] == [Way.RERUN]
