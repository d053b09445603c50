"""What a lineage's incidents say of its past: what never teaches, what was accepted, and what was accepted no further than so."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.detect.days import bucket, segment, spec
from tests.unit.services.site import NOW, add_version, make_site, settings_of
from tidegate.detect import LOUDEST
from tidegate.model import Band, DatasetRef, Finding, Layer, Product, Settings, TableSettings
from tidegate.model.settings import NO_HOLIDAYS
from tidegate.services.baseline import Answers, Feedback, budget_of, knobs
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


@pytest.mark.parametrize(("resolution", "taught"), [(None, False), ("fixed", False), ("expected", True)])
def test_a_load_that_nobody_accepted_never_teaches(site: Site, resolution: str | None, taught: bool) -> None:
    part = dataclasses.replace(spec("null_count", "total"), segment=segment("1750000000.5", "_dlt_load_id"))
    incident(site, 1, dataclasses.replace(told(), spec=part, interval=None), version=2, resolution=resolution)
    answers = Answers(site.state, 2)
    assert answers.excluded(ORDERS) == ()
    assert answers.loads(ORDERS) == (() if taught else ((part, None),))


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


@pytest.mark.parametrize(("centre", "accepted"), [(1200, True), (100, False)])
def test_what_was_accepted_and_went_back_was_not_accepted(site: Site, centre: float, accepted: bool) -> None:
    """Rows that halved were expected; when 100 are usual since, 1,190 are no more what was accepted, though they lie on the same side of 1,200."""
    incident(site, 1, told(), version=2, resolution="expected")
    now = dataclasses.replace(told(1190.0), expected=dataclasses.replace(BAND, centre=float(centre)))
    assert (Answers(site.state, 2).to(now) is not None) is accepted


def test_a_whole_table_is_accepted_by_its_number(site: Site) -> None:
    whole = dataclasses.replace(told(), interval=None)
    incident(site, 1, whole, version=3, resolution="expected")
    assert Answers(site.state, 2).to(whole) == "expected"
    assert Answers(site.state, 2).to(dataclasses.replace(whole, observed=None)) == "expected"
    schema = dataclasses.replace(whole, key="raw.orders/schema", observed=None, expected=None)
    incident(site, 2, schema, version=3, resolution="expected")
    assert Answers(site.state, 2).to(schema) is None


def test_a_drift_teaches_bands_and_no_reference_until_it_is_accepted(site: Site) -> None:
    drift = dataclasses.replace(told(), kind="drift", key="raw.orders/drift/volume/rows")
    incident(site, 1, drift, version=2)
    answers = Answers(site.state, 2)
    assert (answers.excluded(ORDERS), answers.drifts(ORDERS)) == ((), ((drift.spec, drift.interval),))
    said = {"reason": "so", "resolution": "expected"}
    site.state.append([site.event("incident.resolved", "incident:1", said)])
    answers = Answers(site.state, 2)
    assert (answers.drifts(ORDERS), len(answers.normals(ORDERS))) == ((), 1)
    assert drift.interval is not None
    longer = dataclasses.replace(drift, interval=dataclasses.replace(drift.interval, end=bucket(9).end))
    assert answers.to(longer) == "expected", "it goes on"
    assert answers.to(dataclasses.replace(longer, observed=100.0)) is None, "it went on too far"


def test_the_incidents_of_a_table(site: Site) -> None:
    incident(site, 1, told(), version=2, resolution="fixed")
    incident(site, 2, told(at=6), version=3)
    assert [i.number for i in Answers(site.state, 2).of(ORDERS)] == [2, 1]
    assert Answers(site.state, 2).of(OTHER) == ()


A, B, C, D = (DatasetRef(namespace="m", name=name) for name in "abcd")


def told_by(tables: dict[DatasetRef, TableSettings] | None = None, *products: tuple[str, float | None]) -> Settings:
    made = tuple(
        Product(
            name=str(n), tables=(DatasetRef(namespace="m", name=p),), owner=None, tier=1, false_alarms_per_month=budget
        )
        for n, (p, budget) in enumerate(products)
    )
    return dataclasses.replace(settings_of(Path("nowhere"), tables), products=made)


def own(ref: DatasetRef, budget: float) -> dict[DatasetRef, TableSettings]:
    return {ref: TableSettings(ref=ref, false_alarms_per_month=budget)}


def test_the_projects_budget_is_shared_and_bounded() -> None:
    settings = told_by()
    assert budget_of(settings, A, [A, B, C, D]).false_alarms_per_month == 0.5
    assert budget_of(settings, A, [A, B, C, D]).per_batch == pytest.approx(0.5 / 30)
    assert budget_of(settings, A, [A, B, C, D], times=1000).per_batch == LOUDEST
    assert budget_of(settings, A, []).false_alarms_per_month == 2.0


def test_a_table_with_a_budget_leaves_the_projects_to_the_others() -> None:
    settings = told_by(own(A, 3.0))
    assert (budget_of(settings, A, [A, B, C]).false_alarms_per_month, budget_of(settings, A, [A]).said_by) == (
        3.0,
        "tables: m.a",
    )
    assert budget_of(settings, B, [A, B, C]).false_alarms_per_month == 1.0


def test_a_products_budget_is_shared_by_its_tables_and_the_smallest_part_counts() -> None:
    settings = told_by(own(A, 3.0), ("[abc]", 1.0), ("c", 0.2), ("d", None))
    tables = [A, B, C, D]
    assert budget_of(settings, A, tables).false_alarms_per_month == 3.0
    assert budget_of(settings, B, tables) == dataclasses.replace(
        budget_of(settings, B, tables), false_alarms_per_month=0.5, said_by="products: 0"
    )
    assert budget_of(settings, C, tables).said_by == "products: 1"
    assert budget_of(settings, D, tables) == dataclasses.replace(
        budget_of(settings, D, tables), false_alarms_per_month=2.0, said_by="the project"
    )


def test_what_detection_is_told_of_a_calendar() -> None:
    day = datetime.date(2026, 10, 3)
    said = {
        A: TableSettings(ref=A, holidays="DE", weekend=frozenset({4, 5}), seasonality=False),
        B: TableSettings(ref=B, holidays=NO_HOLIDAYS),
    }
    settings = dataclasses.replace(told_by(said), named_days={"DE": {day: "German Unity Day"}})
    a, b, c = (knobs(settings, ref, [A, B, C]) for ref in (A, B, C))
    assert (a.holidays, a.named_days, a.weekend, a.seasonality) == (True, {day: "German Unity Day"}, {4, 5}, False)
    assert (b.holidays, b.named_days) == (False, None)
    assert (c.holidays, c.named_days, c.weekend, c.seasonality) == (True, None, {5, 6}, True)


@pytest.mark.parametrize(
    ("real", "false", "factor"), [(0, 0, 1.0), (0, 1, 0.5), (0, 9, 1 / 8), (2, 0, 2.0), (9, 0, 2.0), (2, 2, 0.5)]
)
def test_answers_change_a_budget_within_bounds(real: int, false: int, factor: float) -> None:
    assert Feedback(kind="volume", real=real, false=false).factor == factor


def test_answers_are_counted_by_table_and_kind_and_expected_is_none(site: Site) -> None:
    said = ["fixed", "false alarm", "false alarm", "expected", None]
    for number, resolution in enumerate(said, start=1):
        incident(site, number, told(at=number), version=2, resolution=resolution)
    incident(site, 9, dataclasses.replace(told(), dataset=OTHER), version=2, resolution="fixed")
    (found,) = Answers(site.state, 2).feedback(ORDERS)
    assert (found.kind, found.real, found.false) == ("volume", 1, 2)
    settings = knobs(told_by(), ORDERS, [ORDERS, OTHER], feedback=[found])
    assert settings.budget_of("volume") == pytest.approx(settings.budget * 2**-1.5)
    assert settings.budget_of("nulls") == settings.budget
