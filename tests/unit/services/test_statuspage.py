"""The status page's conditions, on a real store and warehouse: fine only when somebody knows that it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.unit.services.site import NOW, add_version, finding, later, make_site, ref, settings_of
from tests.unit.services.test_slo import scanned, version
from tidegate import lineage
from tidegate.errors import IncidentError, NothingCheckedError
from tidegate.model import Finding, Outcome, Product, Slo
from tidegate.services import incidents, respond
from tidegate.services.publish import rollback
from tidegate.services.site import Site
from tidegate.services.statuspage import Condition, ProductPage, draft, page

HOUR = timedelta(hours=1)
SECRET = "kunde@example.com"


def site_of(folder: Path, *, freshness: float | None = None) -> Site:
    slo = Slo(freshness=None if freshness is None else timedelta(hours=freshness))
    product = Product(
        name="revenue", tables=(ref("orders"),), owner="ann@example.com", tier=1, consumers=("board",), slo=slo
    )
    return make_site(folder, replace(settings_of(folder), products=(product,)))


def good(site: Site, number: int, *, parent: int | None = None) -> None:
    version(site, number, parent=parent)
    scanned(site, number, Outcome.PASS)


def bad(site: Site, number: int, *, held: bool, found: Finding | None = None) -> None:
    """Open an incident about a version."""
    told = found or replace(finding("orders", kind="nulls"), sentence=f"e-mail of {SECRET} is missing")
    events = incidents.record(site, [told], lineage.Graph(), version=number, run=None, held=held)
    site.state.append(events)


def shown(site: Site) -> ProductPage:
    (one,) = page(site, every=HOUR).products
    return one


def test_nothing_published_is_unknown(tmp_path: Path) -> None:
    one = shown(site_of(tmp_path))
    assert (one.condition, one.since, one.published_at) == (Condition.UNKNOWN, None, None)
    assert one.what == ("Nothing is published yet.",)
    assert {d.condition for d in one.days} == {Condition.NOT_YET}


def test_checked_and_fresh_is_fine(tmp_path: Path) -> None:
    site = site_of(tmp_path, freshness=24)
    good(site, 1)
    one = shown(later(site, hours=5))
    assert (one.condition, one.since, one.published_at) == (Condition.FINE, NOW, NOW)
    assert (one.expected_by, one.is_promised) == (NOW + timedelta(hours=24), True)
    assert (one.affected, one.fine_share) == ((), 1.0)


def test_never_checked_is_unknown(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    version(site, 1)
    one = shown(later(site, hours=5))
    assert one.condition is Condition.UNKNOWN
    assert "never checked" in one.what[0]


def test_older_than_promised_is_late_since_the_limit(tmp_path: Path) -> None:
    site = site_of(tmp_path, freshness=24)
    good(site, 1)
    one = shown(later(site, hours=30))
    assert (one.condition, one.since) == (Condition.LATE, NOW + timedelta(hours=24))


def test_without_a_promise_late_is_what_is_long_overdue(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    for day in range(6):
        good(later(site, days=day), day + 1, parent=day or None)
    assert shown(later(site, days=7)).condition is Condition.FINE
    assert shown(later(site, days=7)).expected_by == NOW + timedelta(days=6)
    assert shown(later(site, days=9)).condition is Condition.LATE


def test_a_held_version_leaves_the_last_good_one(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    version(later(site, hours=5), 2, parent=1, publish=False)
    bad(later(site, hours=5), 2, held=True)
    one = shown(later(site, hours=6))
    assert (one.condition, one.since) == (Condition.HELD, NOW + timedelta(hours=5))
    assert one.affected == ("s.orders",)
    assert one.what[1].startswith("You see the last good data, of 1 March 2026, 06:00 UTC")
    assert one.next_update == NOW + timedelta(hours=7)


def test_a_failed_run_holds_back_every_product(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    bad(later(site, hours=5), 2, held=True, found=finding(None, kind="step"))
    one = shown(later(site, hours=6))
    assert one.condition is Condition.HELD
    assert "the run that should have brought new data failed" in one.what[0]


def test_a_fault_in_what_readers_see_is_wrong(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    bad(later(site, hours=5), 1, held=False)
    one = shown(later(site, hours=6))
    assert (one.condition, one.since) == (Condition.WRONG, NOW + timedelta(hours=5))
    assert one.what[0] == "Some of the data that you see is known to be wrong: values are missing that should be there."
    assert one.what[1] == "The people who look after it have been told."
    respond.acknowledge(later(site, hours=6), 1, reason="mine")
    assert shown(later(site, hours=6)).what[1] == "Somebody is working on it."


def test_after_a_rollback_it_is_held_back_and_not_wrong(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    good(later(site, hours=5), 2, parent=1)
    bad(later(site, hours=6), 2, held=False)
    rollback(later(site, hours=8), 1, reason="so", wait_s=0)
    one = shown(later(site, hours=9))
    assert (one.condition, one.since) == (Condition.HELD, NOW + timedelta(hours=8))
    assert one.fine_share == pytest.approx(6 / 9)


def test_what_could_not_be_checked_is_unknown_and_not_wrong(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    bad(later(site, hours=5), 1, held=False, found=finding("orders", kind="unchecked"))
    assert shown(later(site, hours=6)).condition is Condition.UNKNOWN


def test_a_slow_step_is_no_matter_for_readers(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    bad(later(site, hours=5), 1, held=False, found=replace(finding(None, kind="slow"), product="revenue"))
    assert shown(later(site, hours=6)).condition is Condition.FINE


def test_a_solved_incident_is_history(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    bad(later(site, hours=5), 1, held=False)
    respond.resolve(later(site, hours=7), 1, reason="so", resolution="fixed", waive="compared by hand")
    one = shown(later(site, days=2))
    assert (one.condition, one.since) == (Condition.FINE, NOW + timedelta(hours=7))
    assert [(e.incident, e.condition, e.until) for e in one.episodes] == [
        (1, Condition.WRONG, NOW + timedelta(hours=7))
    ]
    assert [(d.condition, d.not_fine) for d in one.days[-3:]] == [
        (Condition.WRONG, timedelta(hours=2)),
        (Condition.FINE, timedelta()),
        (Condition.FINE, timedelta()),
    ]
    assert len(one.days) == 90


def test_data_that_was_written_to_after_its_audit_is_unknown(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    with duckdb.connect(str(site.warehouse.public_path())) as database:
        database.execute("INSERT INTO s.orders VALUES (99)")
    one = shown(later(site, hours=1))
    assert one.condition is Condition.UNKNOWN
    assert "changed after it had been checked" in one.what[0]


def test_a_product_of_which_no_table_is_there_is_unknown(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    add_version(site, 1, "CREATE TABLE other (a INTEGER)")
    site.state.save_scan(
        1, measurements=(), results=(), findings=(), schemas={ref("other"): [("a", "INTEGER")]}, marks={"cpu_s": 1}
    )
    one = shown(later(site, hours=1))
    assert one.condition is Condition.UNKNOWN
    assert one.what == ("None of its tables is in what is published.",)


def test_the_worst_product_comes_first(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    other = Product(name="items", tables=(ref("items"),), owner=None, tier=3)
    site = replace(site, settings=replace(site.settings, products=(*site.settings.products, other)))
    good(site, 1)
    found = page(later(site, hours=1), every=HOUR)
    assert [(p.name, p.condition) for p in found.products] == [
        ("items", Condition.UNKNOWN),
        ("revenue", Condition.FINE),
    ]
    assert (found.fine, found.next_page) == (1, NOW + 2 * HOUR)


def test_without_products_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(NothingCheckedError, match="there is no product"):
        page(make_site(tmp_path), every=HOUR)


# --- drafts


def test_a_draft_tells_readers_what_to_do_and_no_value_of_the_data(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    bad(later(site, hours=5), 1, held=False)
    found = draft(later(site, hours=6), 1, every=HOUR)
    assert (found.products, found.condition) == (("revenue",), Condition.WRONG)
    assert found.text.splitlines()[0] == "**revenue: some of the data is wrong**"
    assert "- **What happened:** values are missing that should be there." in found.text
    assert "Please do not rely on what is affected." in found.text
    assert "- **Next update:** by 1 March 2026, 13:00 UTC" in found.text
    assert SECRET not in found.text
    assert "ann" not in found.text


def test_a_draft_of_what_is_over_says_so(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    good(site, 1)
    bad(later(site, hours=5), 1, held=False)
    respond.resolve(later(site, hours=7), 1, reason="so", resolution="fixed", waive="compared by hand")
    found = draft(later(site, hours=8), 1, every=HOUR)
    assert found.text.startswith("**revenue: the data is fine again**")
    assert "Next update" not in found.text


def test_a_draft_escapes_names(tmp_path: Path) -> None:
    site = site_of(tmp_path)
    (product,) = site.settings.products
    hostile = replace(product, name="[x](http://evil) **now**", consumers=("<b>us</b>",))
    site = replace(site, settings=replace(site.settings, products=(hostile,)))
    good(site, 1)
    bad(site, 1, held=False)
    text = draft(site, 1, every=HOUR).text
    assert r"\[x\]\(http://evil\) \*\*now\*\*" in text
    assert "<b>" not in text


def test_a_draft_of_no_incident_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IncidentError, match="there is no incident `7`"):
        draft(site_of(tmp_path), 7, every=HOUR)
