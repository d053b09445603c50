"""An alarm with its circumstances: what changed with its version, alarms like it, and the past of its number."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.detect.days import START, Day, bucket, measured, segment, shop, spec, whole
from tests.unit.services.site import NOW, add_version, make_site
from tidegate.errors import IncidentError
from tidegate.model import Band, DatasetRef, Finding, Layer, Slice
from tidegate.services.alarm import alarm
from tidegate.services.site import Site

ORDERS = DatasetRef(namespace="raw", name="orders")
ITEMS = DatasetRef(namespace="raw", name="items")
TABLE = "create schema if not exists raw; create or replace table raw.orders as select 1 as id"
LATE = START + timedelta(days=400)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Version 2 is held: it has a day more, a load more, another column in each of two tables, and was made by other code."""
    found = make_site(tmp_path)
    days = shop(20)
    keep(found, 1, days[:19], loads={"100.1": 50}, schemas={ORDERS: (("id", "INTEGER"),), ITEMS: (("a", "VARCHAR"),)})
    schemas = {ORDERS: (("id", "BIGINT"), ("extra", "VARCHAR")), ITEMS: (("b", "VARCHAR"),)}
    keep(found, 2, days, loads={"100.1": 50, "200.2": 7}, schemas=schemas, parent=1)
    yield found
    found.state.close()


def keep(
    site: Site,
    number: int,
    days: Sequence[Day],
    *,
    loads: dict[str, int],
    schemas: dict[DatasetRef, tuple[tuple[str, str], ...]],
    parent: int | None = None,
) -> None:
    revised = dataclasses.replace(site)
    add_version(revised, number, TABLE, parent=parent, publish=parent is None)
    by_load = {("row_count", None, segment(load, "_dlt_load_id")): rows for load, rows in loads.items()}
    _, told = whole({("row_count", None, None): len(days), **by_load}, version=number, at=LATE)
    numbers = [*measured(days, version=number, taken_at=LATE), *told]
    site.state.save_scan(number, measurements=numbers, results=(), findings=(), schemas=schemas, marks={})


def told(key: str = "volume", *, kind: str = "volume", at: int = 19, **more: object) -> Finding:
    plain = Finding(
        key=f"raw.orders/{key}", kind=kind, layer=Layer.DATA, dataset=ORDERS, sentence="s", holds=True, rarity=3.0,
        spec=spec("row_count"), interval=bucket(at), observed=600.0,
        expected=Band(low=1100, high=1300, centre=1200, method="m", points=19),
    )  # fmt: skip
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]  # any field of it, whatever its type


def incident(site: Site, number: int, *findings: Finding, version: int = 2, resolution: str | None = None) -> None:
    data = {
        "number": number, "fingerprint": findings[0].key, "title": f"title {number}", "state": "open", "severity": "sev2",
        "reasons": [], "version": version, "run": None, "opened_at": NOW, "updated_at": NOW, "findings": list(findings),
    }  # fmt: skip
    site.state.append([site.event("incident.opened", f"incident:{number}", data)])
    if resolution:
        said = {"reason": f"because {number}", "resolution": resolution}
        site.state.append([site.event("incident.resolved", f"incident:{number}", said)])


def test_what_changed_with_the_version(site: Site) -> None:
    incident(site, 1, told())
    assert alarm(site, "1").changed == (
        "schema: raw.orders +extra VARCHAR, id: INTEGER -> BIGINT",
        "schema: raw.items -a, +b VARCHAR",
        "loads: raw.orders has 200.2 (7 rows), which version 1 had not",
    )


def test_another_code_revision(site: Site) -> None:
    for number, revision in ((3, "aaa"), (4, "bbb+changes")):
        data = {"parent": 1 if number == 3 else 3, "run": None, "code_revision": revision}
        site.state.append([site.event("version.begun", f"version:{number}", data)])
    incident(site, 1, told(), version=4)
    assert alarm(site, "1").changed[0] == "code: aaa -> bbb+changes (git diff aaa bbb)"


def test_the_past_of_its_number_ends_with_what_came(site: Site) -> None:
    incident(site, 1, told(observed=float(shop(20)[19]["row_count", None, None] or 0)))
    found = alarm(site, "1")
    assert (len(found.line), found.line[-1].at, found.line[-1].value) == (20, bucket(19).start, found.finding.observed)
    assert found.one_in == 1000


def test_a_finding_without_a_number_has_no_line_and_no_chance(site: Site) -> None:
    incident(site, 1, told("schema", kind="schema", spec=None, interval=None, rarity=None))
    found = alarm(site, "1")
    assert (found.line, found.one_in) == ((), None)


def test_alarms_like_it_come_first_when_they_share_most(site: Site) -> None:
    cut = Slice(segment=segment("DE"), share=1.0, observed=0.0, expected=9.0)
    one = told("segment/country=DE", kind="segment", column="country", slice=cut)
    incident(site, 1, dataclasses.replace(one, key="raw.orders/other", column="x", slice=None), resolution="fixed")
    incident(site, 2, dataclasses.replace(one, key="raw.orders/that", slice=None), resolution="false alarm")
    incident(site, 3, dataclasses.replace(one, key="raw.orders/there"), resolution="expected")
    incident(site, 4, one, resolution="fixed")
    incident(site, 5, told("nulls/x", kind="nulls"), dataclasses.replace(one, dataset=ITEMS))
    incident(site, 6, one)
    found = alarm(site, "6").similar
    assert [(s.incident, s.how, s.resolution, s.reason) for s in found] == [
        (4, "same cause", "fixed", "because 4"),
        (3, "same slice", "expected", "because 3"),
        (2, "same column", "false alarm", "because 2"),
        (1, "same kind", "fixed", "because 1"),
    ]


def test_another_part_of_the_same_country_is_another_slice(site: Site) -> None:
    whole = Slice(segment=segment("DE"), share=1.0, observed=0.0, expected=9.0)
    web = dataclasses.replace(whole, within=segment("web", "channel"))
    one = told("segment/country=DE", kind="segment", slice=web)
    incident(site, 1, dataclasses.replace(one, key="raw.orders/a", slice=whole), resolution="fixed")
    incident(site, 2, dataclasses.replace(one, key="raw.orders/b"), resolution="fixed")
    incident(site, 3, one)
    assert [(s.incident, s.how) for s in alarm(site, "3").similar] == [(2, "same slice"), (1, "same kind")]


def test_a_key_finds_the_newest_incident_else_what_was_told(site: Site) -> None:
    incident(site, 1, told(), resolution="fixed")
    incident(site, 2, told("nulls/total", kind="nulls"), told())
    found = alarm(site, "raw.orders/volume")
    assert (found.incident and found.incident.number, [f.key for f in found.others]) == (2, ["raw.orders/nulls/total"])
    quiet = told("share/x", kind="share", holds=False)
    site.state.save_scan(2, measurements=(), results=(), findings=[quiet], schemas={}, marks={})
    found = alarm(site, "raw.orders/share/x")
    assert (found.incident, found.version, found.finding.key) == (None, 2, "raw.orders/share/x")


@pytest.mark.parametrize(
    ("name", "hint"), [("9", "did you mean `1`?"), ("raw.orders/volum", "did you mean `raw.orders/volume`?")]
)
def test_the_nearest_is_named(site: Site, name: str, hint: str) -> None:
    incident(site, 1, told())
    with pytest.raises(IncidentError) as caught:
        alarm(site, name)
    assert hint in caught.value.hint


def test_a_table_without_buckets_is_told_by_its_versions(tmp_path: Path) -> None:
    site = make_site(tmp_path)
    for number, rows in ((1, 100), (2, 101), (3, 20)):
        add_version(site, number, TABLE, parent=number - 1 or None, publish=number < 3)
        _, numbers = whole({("row_count", None, None): rows}, version=number)
        site.state.save_scan(number, measurements=numbers, results=(), findings=(), schemas={}, marks={})
    incident(site, 1, told(interval=None, observed=20.0), version=3)
    assert [p.value for p in alarm(site, "1").line] == [100, 101, 20]
    site.state.close()
