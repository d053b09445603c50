"""A postmortem says what the ledger says: a comparison that did not pass is not called a reconciliation."""

from __future__ import annotations

from pathlib import Path

from tests.unit.services.site import add_version, finding, later, make_site
from tidegate.lineage import Graph
from tidegate.services import incidents, respond
from tidegate.services.postmortem import postmortem
from tidegate.services.site import Site


def test_the_times_are_those_of_the_last_time_that_it_came(tmp_path: Path) -> None:
    """It came, was repaired after an hour, came back two days later, and was repaired after two hours."""
    site = make_site(tmp_path)
    add_version(site, 1, "create table t (id int)")

    def comes(at: Site) -> None:
        at.state.append(incidents.record(at, [finding("orders")], Graph(), version=1, run=None, held=True))

    comes(site)
    respond.resolve(later(site, hours=1), 1, reason="so", resolution="fixed", waive="no table")
    comes(later(site, days=2))
    respond.acknowledge(later(site, days=2, hours=1), 1, reason="looking")
    respond.resolve(later(site, days=2, hours=2), 1, reason="so", resolution="fixed", waive="no table")
    spans = {span.name: span.took_s for span in postmortem(site, 1).spans}
    assert spans["timeToRepair"] == 2 * 3600


def test_a_waived_close_is_not_told_as_reconciled(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    add_version(site, 1, "create table t (id int)")
    site.state.append(incidents.record(site, [finding("orders")], Graph(), version=1, run=None, held=False))
    respond.resolve(site, 1, reason="so", resolution="fixed", waive="the table is gone")
    told = {moment.what: moment.said for moment in postmortem(site, 1).timeline}
    assert list(told) == ["detected", "compared, and not equal", "resolved"]
    assert told["resolved"] == "as fixed; waived: the table is gone; so"
