"""A drill runs the steps behind the load on the damaged data: what they build from it shows the fault, or they break off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.unit.services.site import add_version, make_site
from tidegate.app.drill import fault, sandbox
from tidegate.errors import StepError, UsageError
from tidegate.model import Check, DatasetRef, Drill, Node, PipelineFacts, StepReport, StepStatus
from tidegate.model.settings import Promotion
from tidegate.ports import Progress, StepContext
from tidegate.services import drill
from tidegate.services.drill import Drilled
from tidegate.services.site import Site

ORDERS, DAYS = (DatasetRef(namespace=s, name=n) for s, n in (("raw", "orders"), ("marts", "days")))
LOAD = "create schema if not exists raw; create or replace table raw.orders as select i as id, 5 as amount from range({}) t(i)"
BUILD = "create schema if not exists marts; create or replace table marts.days as select sum(amount) as revenue from raw.orders"
NODES = (
    Node(id="source.orders", kind="source", name="orders", dataset=ORDERS),
    Node(id="model.days", kind="model", name="days", dataset=DAYS),
)
DEAR = Check(id="dear", name="dear", dataset=DAYS, kind="rule", arguments={"expression": "revenue < 100000"})


class Builds:
    """A step as dbt's: it builds a mart from what was loaded, in this process."""

    kind = "dbt"
    name = "transform"

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    def prepare(self, project: Path) -> None: ...

    def databases(self, project: Path) -> Sequence[Path]:
        return ()

    def environment(self, context: StepContext) -> dict[str, str]:
        return {}

    def facts(self, project: Path, state: Path) -> PipelineFacts:
        return PipelineFacts(nodes=NODES, edges=(("source.orders", "model.days"),))

    def run(self, context: StepContext, progress: Progress) -> StepReport:
        said, status = "1 success", StepStatus.SUCCESS
        with duckdb.connect(str(context.stable_database)) as database:
            try:
                database.execute("nonsense" if self.broken else BUILD)
            except duckdb.Error as error:
                said, status = str(error).splitlines()[0], StepStatus.FAILED
        return StepReport(
            name=self.name,
            kind=self.kind,
            status=status,
            exit_code=0,
            wall_s=0.1,
            cpu_s=0.1,
            log="log",
            command=(),
            summary=said,
            facts=self.facts(context.project, context.state),
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Version 2 has 20 orders, 10 of them new; a mart of at most 100,000 is demanded."""
    site = make_site(tmp_path)
    site = replace(site, settings=replace(site.settings, learned="off", checks=(DEAR,)), steps=(Builds(),))
    add_version(site, 1, *LOAD.format(10).split(";"), *BUILD.split(";"))
    add_version(site, 2, *LOAD.format(20).split(";"), *BUILD.split(";"), parent=1)
    return site


def played(site: Site, name: str, *, quick: bool = False, **more: object) -> Drilled:
    with sandbox(site) as stage:
        return drill.play(stage, Drill(name=name, fault=name, table=ORDERS, **more), fault(name), quick=quick)


def test_what_is_built_from_it_shows_the_fault(site: Site) -> None:
    found = played(site, "values-times", column="amount", magnitude=10_000.0)
    assert (found.outcome, found.hit_rows, found.rows, found.rebuilt) == ("held", 10, 20, ("transform",))
    assert "dear on marts.days" in found.by[0]
    assert found.right_table is False, "it was noticed in the mart alone"
    assert found.note is None


def test_without_the_steps_only_the_table_does(site: Site) -> None:
    found = played(site, "values-times", column="amount", magnitude=10_000.0, quick=True)
    assert (found.outcome, found.rebuilt) == ("missed", ())
    assert found.note is not None
    assert "as asked" in found.note
    assert found.proposals, "and the check that would have held it is told"


def test_a_step_that_breaks_off_has_noticed_it(site: Site) -> None:
    found = played(site, "column-dropped", column="amount")
    assert (found.outcome, found.caught, found.rebuilt) == ("failed", True, ("transform",))
    assert "step `transform` failed" in found.by[0]


def test_a_step_that_breaks_anyway_has_noticed_nothing(site: Site) -> None:
    broken = replace(site, steps=(Builds(broken=True),))
    with pytest.raises(StepError, match="`transform` failed"):
        played(broken, "column-dropped", column="amount")


def test_several_drills_do_not_see_each_other(site: Site) -> None:
    with sandbox(site) as stage:
        names = ("rows-twice", "values-times", "rows-twice", "column-dropped", "rows-twice")
        found = [
            drill.play(stage, Drill(name=n, fault=n, table=ORDERS, column=None, magnitude=None), fault(n))
            for n in names
        ]
    assert [f.hit_rows for f in found] == [10] * 5
    assert len({f.outcome for f in found[::2]}) == 1
    assert site.state.published().number == 2
    assert site.warehouse.kept() == (1, 2)


def test_of_a_table_that_dbt_builds_the_table_alone_is_damaged(site: Site) -> None:
    with sandbox(site) as stage:
        found = drill.play(stage, Drill(name="x", fault="nulls", table=DAYS, magnitude=1.0), fault("nulls"))
    assert found.note == "dbt builds marts.days itself, so no step was run: only that table shows the fault"


def test_a_step_that_may_do_anything_is_not_run(site: Site) -> None:
    class Anything(Builds):
        kind = "command"
        name = "export"

    found = played(replace(site, steps=(Builds(), Anything(broken=True))), "rows-lost")
    assert found.note is not None
    assert "because `export` may do anything" in found.note


@pytest.mark.parametrize(("promoted", "rebuilt"), [("abc", ()), ("def", ("transform",))])
def test_code_that_was_not_promoted_runs_no_step(site: Site, promoted: str, rebuilt: tuple[str, ...]) -> None:
    only = Promotion(source="staging", only_promoted_code=True)
    site = replace(site, settings=replace(site.settings, promotion=only, environment="prod"), revision="def")
    site.state.append([site.event("promotion.revision", f"revision:{promoted}", {"reason": "the release"})])
    found = played(site, "values-times", column="amount", magnitude=10_000.0)
    assert found.rebuilt == rebuilt
    assert found.outcome == ("held" if rebuilt else "missed")
    assert (found.note is None) == bool(rebuilt)
    assert rebuilt or "because this code was not promoted to `prod`" in str(found.note)
    assert site.warehouse.kept() == (1, 2)


def test_what_a_person_published_although_it_is_wrong_is_no_detection(site: Site) -> None:
    """The undamaged version has the finding too."""
    strict = replace(
        site, settings=replace(site.settings, checks=(replace(DEAR, arguments={"expression": "revenue < 1"}),))
    )
    with sandbox(strict) as stage:
        undamaged = drill.play(stage, Drill(name="x", fault="rows-twice", table=ORDERS), fault("rows-twice"))
        known = replace(stage, known={f.key: f for f in undamaged.incident.findings})
        assert (
            drill.play(known, Drill(name="x", fault="other-case", table=ORDERS), fault("rows-twice")).outcome
            == "missed"
        )


def test_no_fault_of_that_name() -> None:
    with pytest.raises(UsageError, match="no fault `storm`"):
        fault("storm")
