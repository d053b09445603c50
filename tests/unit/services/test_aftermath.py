"""What an incident did and cost, worked out by hand; and which drill is like it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, finding, later, make_site, ref, settings_of
from tidegate.lineage import Graph
from tidegate.model import Band, Finding, Interval, MetricSpec, Product, Segment, Slice, Slo, TableSettings
from tidegate.services import aftermath, incidents
from tidegate.services.site import Site
from tidegate.services.telling import proposals

BAND = Band(low=90, high=110, centre=100, method="median", points=9)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Version 1 good, 2 bad and held, 3 good again; of three orders the bad one lacks one and has another twice."""
    made = settings_of(tmp_path, {ref("orders"): TableSettings(ref=ref("orders"), key=("id",))})
    product = Product(name="shop", tables=(ref("orders"),), owner=None, tier=2, slo=Slo(freshness=timedelta(hours=1)))
    site = make_site(tmp_path, dataclasses.replace(made, products=(product,)))
    rows = "create schema if not exists s; create or replace table s.orders as select * from (values {}) t(id, amount)"
    add_version(site, 1, rows.format("(1, 10), (2, 20)"))
    add_version(site, 2, rows.format("(1, 10), (2, 2000), (2, 2000)"), parent=1, publish=False)
    site.state.append(incidents.record(site, [finding("orders")], Graph(), version=2, run=None, held=True))
    add_version(site, 3, rows.format("(1, 10), (2, 20), (3, 30)"), parent=1)
    return site


def test_the_sound_version_is_the_first_one_after_it(site: Site) -> None:
    incident = incidents.find(site, 1)
    assert aftermath.sound_version(site, incident, {2}) == 3
    assert aftermath.sound_version(site, incident, {2, 3}) == 1, "else the newest before"
    assert aftermath.sound_version(site, incident, {1, 2, 3}) is None


def test_rows_keys_and_sums(site: Site) -> None:
    (found,) = aftermath.impact(site, incidents.find(site, 1), 3)
    assert (found.table, found.bad_rows, found.sound_rows, found.key) == ("s.orders", 3, 3, ("id",))
    assert found.keys == {"added": 1, "changed": 1}
    assert [(s.column, s.old, s.new) for s in found.sums] == [("amount", "4010", "60")], "and no sum of keys"
    assert found.complete
    assert aftermath.impact(site, incidents.find(site, 1), None) == ()


def test_a_budget_burns_while_what_readers_see_is_too_old(site: Site) -> None:
    """The first version is an hour old from NOW + 1 h on; the alarm came at NOW and nobody mitigated it for 3 hours."""
    waiting = later(site, hours=3)
    incident = dataclasses.replace(incidents.find(waiting, 1), products=("shop",))
    (one,) = aftermath.burnt(waiting, incident, [])
    assert (one.product, one.objective) == ("shop", "freshness")
    assert one.bad_s == 2 * 3600
    assert one.allowed_s == pytest.approx(0.01 * 30 * 86400)
    assert one.share == pytest.approx(7200 / 25920)
    seen = [Interval(start=NOW, end=NOW + timedelta(hours=2)), Interval(start=NOW, end=NOW + timedelta(hours=1))]
    assert aftermath.burnt(waiting, incident, seen) == (one,), "the same time is not counted twice"


def test_incidents_of_the_same_kind_on_the_same_table_are_similar(site: Site) -> None:
    other = dataclasses.replace(finding("orders"), key="another cause")
    site.state.append(incidents.record(site, [other], Graph(), version=3, run=None, held=False))
    site.state.append(incidents.record(site, [finding("items")], Graph(), version=3, run=None, held=False))
    assert [i.number for i in aftermath.similar(site, incidents.find(site, 1))] == [2]


def test_numbers_that_nobody_demanded_tell_the_two_apart(site: Site) -> None:
    names = {p.check.name for p in aftermath.earlier(site, incidents.find(site, 1), 1)}
    assert "rows of s.orders" in names, "nobody knows which rows are the newest"
    assert any(name.startswith("rows a key") for name in names)


def test_a_proposed_check_is_about_the_newest_day_of_the_time_column_that_was_inferred(tmp_path: Path) -> None:
    days = "create or replace table s.orders as select date '2026-01-01' + (i % 9)::int as day, {amount} as amount from range(90) t(i)"
    site = make_site(tmp_path)
    add_version(site, 1, "create schema s", days.format(amount="i"))
    add_version(site, 2, days.format(amount="if(i % 9 = 8, 100 * i, i)"), parent=1)
    inferred = {"tables": {"s.orders": {"time_column": "day", "grain": "day", "load_column": None}}}
    site.state.save_scan(1, measurements=(), results=(), findings=(), schemas={}, marks=inferred)
    with site.warehouse.reader(1) as reader:
        (dataset,) = reader.catalog()
    found = proposals(site, dataset, dataset.column("amount"), bad=2, good=1, source="test")
    (mean,) = [p.check for p in found if p.check.name == "mean amount in the newest rows of s.orders"]
    assert 'WHERE CAST("day" AS DATE) = (SELECT max(CAST("day" AS DATE)) FROM' in str(mean.arguments["sql"])
    assert (mean.arguments["min"], mean.arguments["max"]) == (48.5 - 2400.75, 48.5 + 2400.75)


def root(kind: str, **more: object) -> Finding:
    return dataclasses.replace(finding("orders"), kind=kind, **more)


DE = Segment(column="country", value="DE")
WEB, NO_CHANNEL = Segment(column="channel", value="web"), Segment(column="channel", value=None)
LOAD = Segment(column="_dlt_load_id", value="1790000000.5")
OF_DE = MetricSpec(dataset=ref("orders"), metric="row_count", segment=DE)


@pytest.mark.parametrize(
    ("cause", "like"),
    [
        (root("duplicates"), ("rows-twice", None, None, None, None)),
        (root("volume", observed=25.0, expected=BAND), ("rows-lost", None, None, None, 0.75)),
        (root("volume", observed=0.0, expected=BAND), ("batch-missing", None, None, None, None)),
        (root("volume", observed=200.0, expected=BAND), ("rows-twice", None, None, None, None)),
        (root("freshness"), ("batch-missing", None, None, None, None)),
        (root("segment", spec=OF_DE), ("category-lost", "country", None, "DE", None)),
        (
            root("segment", slice=Slice(segment=DE, share=1.0, observed=0, expected=9)),
            ("category-lost", "country", None, "DE", None),
        ),
        (root("nulls", column="email", affected_share=0.4), ("nulls", "email", None, None, 0.4)),
        (root("location", column="total", observed=10_000.0, expected=BAND), ("values-times", "total", None, None, 100.0)),
        (root("location", column="total", observed=-100.0, expected=BAND), ("sign-flipped", "total", None, None, None)),
        (
            root("scale", column="total", observed=300.0, expected=BAND, slice=Slice(segment=DE, share=1.0, observed=700, expected=100)),
            ("values-times", "total", "\"country\" = 'DE'", None, 7.0),
        ),
        (
            root("segment", slice=Slice(segment=DE, within=WEB, share=1.0, observed=5, expected=20)),
            ("rows-lost", None, "\"country\" = 'DE' AND \"channel\" = 'web'", None, 0.75),
        ),
        (
            root("scale", column="total", observed=300.0, expected=BAND, slice=Slice(segment=DE, within=NO_CHANNEL, share=1.0, observed=700, expected=100)),
            ("values-times", "total", "\"country\" = 'DE' AND \"channel\" IS NULL", None, 7.0),
        ),
        (
            root("volume", observed=25.0, expected=BAND, slice=Slice(segment=LOAD, share=1.0, observed=1, expected=100)),
            ("rows-lost", None, None, None, 0.75),
        ),
        (root("schema", column="total", sentence="total changed its type from A to B"), ("type-changed", "total", None, None, None)),
        (root("schema", column="total", sentence="total is gone"), ("column-dropped", "total", None, None, None)),
        (root("check", key="s.orders/check/unique_orders_id", column="id"), ("keys-repeated", "id", None, None, None)),
        (root("check", key="s.orders/check/not_null_email", column="email", affected_share=0.1), ("nulls", "email", None, None, 0.1)),
        (root("check", key="s.orders/check/amount > 0"), None),
        (root("step", dataset=None), None),
        (root("unlike"), None),
    ],
)  # fmt: skip
def test_the_drill_that_is_like_it(site: Site, cause: Finding, like: tuple[object, ...] | None) -> None:
    incident = dataclasses.replace(incidents.find(site, 1), findings=(cause,))
    found = aftermath.drill_of(incident)
    if like is None or found is None:
        assert found is like is None
        return
    assert (found.fault, found.column, found.where, found.value, found.magnitude) == like
    assert (found.name, found.table) == ("incident-1", ref("orders"))
    assert found.because is not None
    assert found.because.startswith("incident 1: ")
