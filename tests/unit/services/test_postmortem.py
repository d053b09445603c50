"""A postmortem says what the ledger says: a comparison that did not pass is not called a reconciliation."""

from __future__ import annotations

from pathlib import Path

from tests.unit.services.site import add_version, finding, make_site
from tidegate.lineage import Graph
from tidegate.services import incidents, respond
from tidegate.services.postmortem import postmortem


def test_a_waived_close_is_not_told_as_reconciled(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    add_version(site, 1, "create table t (id int)")
    site.state.append(incidents.record(site, [finding("orders")], Graph(), version=1, run=None, held=False))
    respond.resolve(site, 1, reason="so", resolution="fixed", waive="the table is gone")
    told = {moment.what: moment.said for moment in postmortem(site, 1).timeline}
    assert list(told) == ["detected", "compared, and not equal", "resolved"]
    assert told["resolved"] == "as fixed; waived: the table is gone; so"
