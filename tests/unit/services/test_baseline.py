"""What a lineage's incidents say of its past: what never teaches, what was accepted, and what was accepted no further than so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.detect.days import bucket, spec
from tests.unit.services.site import NOW, add_version, make_site
from tidegate.model import Band, DatasetRef, Finding, Layer
from tidegate.services.baseline import Answers
from tidegate.services.site import Site

ORDERS = DatasetRef(namespace="raw", name="orders")
OTHER = DatasetRef(namespace="raw", name="other")
BAND = Band(low=1100, high=1300, centre=1200, method="m", points=30)
TABLE = "create schema if not exists raw; create or replace table raw.orders as select 1 as id"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Versions 1 and 2 are published; 3 was made from 2 and is held; 4 was made from 1 and is held."""
    found = make_site(tmp_path)
    add_version(found, 1, TABLE)
    add_version(found, 2, TABLE, parent=1)
    add_version(found, 3, TABLE, parent=2, publish=False)
    add_version(found, 4, TABLE, parent=1, publish=False)
    yield found
    found.state.close()


def told(observed: float = 600.0, *, at: int = 5) -> Finding:
    return Finding(
        key="raw.orders/volume", kind="volume", layer=Layer.DATA, dataset=ORDERS, sentence="s", holds=True,
        spec=spec("row_count"), interval=bucket(at), observed=observed, expected=BAND,
    )  # fmt: skip


def incident(site: Site, number: int, finding: Finding, *, version: int, resolution: str | None = None) -> None:
    data = {
        "number": number, "fingerprint": finding.key, "title": "t", "state": "open", "severity": "sev2", "reasons": [],
        "version": version, "run": None, "opened_at": NOW, "updated_at": NOW, "findings": [finding],
    }  # fmt: skip
    site.state.append([site.event("incident.opened", f"incident:{number}", data)])
    if resolution:
        said = {"reason": "so", "resolution": resolution}
        site.state.append([site.event("incident.resolved", f"incident:{number}", said)])


@pytest.mark.parametrize(
    ("resolution", "excluded", "normals"),
    [(None, 1, 0), ("fixed", 1, 0), ("expected", 0, 1), ("false alarm", 0, 0)],
)
def test_what_an_answer_of_a_published_version_means(
    site: Site, resolution: str | None, excluded: int, normals: int
) -> None:
    incident(site, 1, told(), version=2, resolution=resolution)
    answers = Answers(site.state, 2)
    assert len(answers.excluded(ORDERS)) == excluded
    assert len(answers.normals(ORDERS)) == normals
    assert answers.excluded(OTHER) == answers.normals(OTHER) == ()
    assert answers.to(told()) == (resolution if resolution in {"expected", "false alarm"} else None)


def test_a_held_version_excludes_nothing_and_what_was_accepted_of_it_is_accepted_in_the_next(site: Site) -> None:
    incident(site, 1, told(), version=3)
    assert Answers(site.state, 2).excluded(ORDERS) == ()
    assert Answers(site.state, 2).to(told()) is None
    said = {"reason": "so", "resolution": "expected"}
    site.state.append([site.event("incident.resolved", "incident:1", said)])
    answers = Answers(site.state, 2)
    assert answers.to(told()) == "expected"
    (normal,) = answers.normals(ORDERS)
    assert (normal.interval, normal.observed, normal.expected, normal.version) == (bucket(5), 600.0, 1200, 3)


def test_what_was_held_beside_another_line_says_nothing(site: Site) -> None:
    add_version(site, 5, TABLE)
    incident(site, 1, told(), version=3, resolution="expected")
    assert Answers(site.state, 5).normals(ORDERS) == ()
    assert Answers(site.state, 1).to(told()) is None
    assert Answers(site.state, None).to(told()) is None


@pytest.mark.parametrize(
    ("observed", "accepted"), [(600.0, True), (580.0, True), (900.0, True), (100.0, False), (1800.0, False)]
)
def test_a_number_is_accepted_and_not_a_day(site: Site, observed: float, accepted: bool) -> None:
    incident(site, 1, told(), version=2, resolution="expected")
    assert (Answers(site.state, 2).to(told(observed)) is not None) is accepted
    assert Answers(site.state, 2).to(told(at=6)) is None


def test_a_whole_table_is_accepted_by_its_number(site: Site) -> None:
    whole = dataclasses.replace(told(), interval=None)
    incident(site, 1, whole, version=3, resolution="expected")
    assert Answers(site.state, 2).to(whole) == "expected"
    assert Answers(site.state, 2).to(dataclasses.replace(whole, observed=None)) == "expected"
    schema = dataclasses.replace(whole, key="raw.orders/schema", observed=None, expected=None)
    incident(site, 2, schema, version=3, resolution="expected")
    assert Answers(site.state, 2).to(schema) is None


def test_the_incidents_of_a_table(site: Site) -> None:
    incident(site, 1, told(), version=2, resolution="fixed")
    incident(site, 2, told(at=6), version=3)
    assert [i.number for i in Answers(site.state, 2).of(ORDERS)] == [2, 1]
    assert Answers(site.state, 2).of(OTHER) == ()
