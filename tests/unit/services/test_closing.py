"""What an incident's reconciliation compares, and what it takes to close one as fixed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.unit.services.site import add_version, finding, later, make_site, ref, settings_of
from tidegate.errors import IncidentError
from tidegate.lineage import Graph
from tidegate.model import IncidentState, Layer, Measurement, MetricSpec, TableSettings
from tidegate.services import closing, incidents, respond
from tidegate.services.site import Site

ORDERS = "create or replace table s.orders as select i as id from range({}) r(i)"


def shop(folder: Path, **said: str) -> Site:
    """Version 1 is good, and an incident is about version 2, which is held."""
    table = TableSettings(ref=ref("orders"), key=("id",), **said)  # type: ignore[arg-type]  # only texts are given
    site = make_site(folder, settings_of(folder, {ref("orders"): table}))
    add_version(site, 1, "create schema s", ORDERS.format(10))
    add_version(site, 2, ORDERS.format(5), parent=1, publish=False)
    site.state.append(incidents.record(site, [finding("orders")], Graph(), version=2, run=None, held=True))
    return site


def repaired(site: Site, *statements: str, number: int = 3, measured: bool = True) -> Site:
    """A later version is published, and was measured."""
    after = later(site, hours=1)
    add_version(after, number, *statements, parent=1)
    if measured:
        spec = MetricSpec(dataset=ref("orders"), metric="row_count")
        told = Measurement(spec=spec, value=10, unit="rows", version=number, taken_at=after.clock.now())
        after.state.save_scan(number, measurements=[told], results=[], findings=[], schemas={}, marks={})
    return after


def said(site: Site) -> dict[str, bool | None]:
    return {c.what: c.passes for c in closing.reconciliation(site, 1).compared}


def test_nothing_was_published_since(tmp_path: Path) -> None:
    site = shop(tmp_path)
    assert said(site)["readers"] is False
    with pytest.raises(IncidentError, match="no version was published since") as refused:
        respond.resolve(site, 1, reason="so", resolution="fixed")
    assert "--waive" in refused.value.hint
    assert site.state.incident(1).state is IncidentState.OPEN  # type: ignore[union-attr]  # it is there
    assert [e.kind for e in site.state.events(subject="incident:1")][-1] == "incident.reconciled", "the refusal is kept"


def test_it_passes_when_everything_is_there_again(tmp_path: Path) -> None:
    site = repaired(shop(tmp_path), ORDERS.format(12))
    assert said(site) == {"readers": True, "s.orders measured": True, "s.orders before and after": True}
    assert respond.resolve(site, 1, reason="so", resolution="fixed").state is IncidentState.RESOLVED
    assert site.state.events(subject="incident:1")[-1].data["reconciled"] == 3


@pytest.mark.parametrize(
    ("statements", "what"),
    [([ORDERS.format(9)], "s.orders before and after"), ([ORDERS.format(10), "insert into s.orders values (3)"], "s.orders before and after")],
    ids=["lost", "twice"],
)  # fmt: skip
def test_what_was_there_must_still_be_there_once(tmp_path: Path, statements: list[str], what: str) -> None:
    assert said(repaired(shop(tmp_path), *statements))[what] is False


def test_what_is_in_quarantine_is_not_lost(tmp_path: Path) -> None:
    kept = ["create schema tidegate_quarantine", "create table tidegate_quarantine.s__orders as select 9 as id"]
    assert said(repaired(shop(tmp_path), ORDERS.format(9), *kept))["s.orders before and after"] is True


def test_what_nobody_measured_does_not_pass(tmp_path: Path) -> None:
    site = repaired(shop(tmp_path), ORDERS.format(10), measured=False)
    assert said(site)["s.orders measured"] is None
    assert not closing.reconciliation(site, 1).passes


def test_a_source_counts_instead_of_the_past(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id\n" + "\n".join(map(str, range(9))), encoding="utf-8")
    site = shop(tmp_path, source="orders.csv")
    assert said(repaired(site, ORDERS.format(9))) == {
        "readers": True,
        "s.orders measured": True,
        "s.orders and its source": True,
    }
    assert said(repaired(site, ORDERS.format(10), number=4))["s.orders and its source"] is False
    (tmp_path / "orders.csv").unlink()
    assert said(site)["s.orders and its source"] is None, "what cannot be compared does not pass"


@pytest.mark.parametrize("resolution", ["expected", "false alarm"])
def test_an_answer_that_nothing_is_wrong_needs_no_reconciliation(tmp_path: Path, resolution: str) -> None:
    respond.resolve(shop(tmp_path), 1, reason="so", resolution=resolution)


def test_somebody_waives_it_and_says_why(tmp_path: Path) -> None:
    site = shop(tmp_path)
    respond.resolve(site, 1, reason="so", resolution="fixed", waive="the table is gone")
    kinds = [e.kind for e in site.state.events(subject="incident:1")]
    assert kinds[-2:] == ["incident.reconciled", "incident.resolved"]
    last = site.state.events(subject="incident:1")[-1]
    assert (last.data["waived"], last.actor) == ("the table is gone", "ann")


def test_what_is_about_the_machinery_alone_has_nothing_to_compare(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    step = dataclasses.replace(finding(None, kind="step"), layer=Layer.TECHNICAL)
    site.state.append(incidents.record(site, [step], Graph(), version=1, run=None, held=True))
    assert respond.resolve(site, 1, reason="so", resolution="fixed").state is IncidentState.RESOLVED
