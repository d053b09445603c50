"""How noisy and how quick incidents were: a story of a few weeks whose numbers are worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, finding, later, make_site
from tidegate.lineage import Graph
from tidegate.model import Interval
from tidegate.services import incidents, respond
from tidegate.services.site import Site
from tidegate.services.stats import Duration, stats


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = make_site(tmp_path)
    add_version(made, 1, "create table t (id int)")
    return made


def told(site: Site, name: str, interval: Interval | None = None) -> None:
    findings = [finding(name, kind="volume", interval=interval)]
    site.state.append(incidents.record(site, findings, Graph(), version=1, run=None, held=False))


def test_a_story(site: Site) -> None:
    """Four alarms: one repaired, one false, one that came back and is expected then; their moments are noted below."""
    yesterday = Interval(start=NOW - timedelta(days=1), end=NOW)
    told(later(site, hours=2), "a", yesterday)  # detected after 2 h
    respond.acknowledge(later(site, hours=3), 1, reason="")  # taken after 1 h
    respond.resolve(
        later(site, hours=8), 1, reason="repaired", resolution="fixed", waive="a test"
    )  # repaired after 6 h
    told(later(site, days=8), "b")  # version 1 began at NOW: detected after 8 days
    respond.resolve(later(site, days=8, hours=2), 2, reason="a test", resolution="false alarm")  # after 2 h
    told(later(site, days=15), "b")  # back: one alarm more, of the same incident
    respond.acknowledge(later(site, days=15, hours=5), 2, reason="")  # taken after 5 h
    site.state.append(
        [later(site, days=16).event("incident.mitigated", "incident:2", {"reason": "gone"})]
    )  # repaired after 1 day
    respond.resolve(later(site, days=20), 2, reason="so it is", resolution="expected")
    told(later(site, days=20, hours=1), "c")  # not answered

    found = stats(later(site, days=21), weeks=3)
    assert (found.alarms, found.unanswered, round(found.alarms_per_week, 3)) == (4, 1, 1.333)
    assert [(w.alarms, w.false_alarms) for w in found.weeks] == [(1, 0), (1, 1), (2, 0)]
    assert found.answers == {"fixed": 1, "expected": 1, "false alarm": 1}
    assert found.precision == pytest.approx(1 / 3)
    assert found.false_alarms_per_month == pytest.approx(30 / 21)
    assert (found.budget, found.is_within_budget) == (2.0, True)
    detect, acknowledge, repair = found.durations
    hour, day = 3600.0, 86_400.0
    assert detect == Duration(
        name="timeToDetect", count=4, mean_s=(2 * hour + 8 * day + 15 * day + 20 * day + hour) / 4,
        median_s=(8 + 15) / 2 * day, longest_s=20 * day + hour,
    )  # fmt: skip
    assert (acknowledge.count, acknowledge.mean_s, acknowledge.longest_s) == (2, 3 * hour, 5 * hour)
    assert (repair.count, repair.median_s, repair.longest_s) == (3, 6 * hour, day)


def test_what_was_before_is_left_out(site: Site) -> None:
    told(site, "a")
    respond.resolve(later(site, days=9), 1, reason="late", resolution="fixed", waive="a test")
    found = stats(later(site, days=10), weeks=1)
    assert (found.alarms, found.precision, found.unanswered) == (0, None, 0)
    assert [d.mean_s for d in found.durations] == [None, None, None]


def test_nothing_happened(site: Site) -> None:
    found = stats(site, weeks=2)
    assert (found.alarms, found.false_alarms_per_month, len(found.weeks)) == (0, 0.0, 2)
    assert found.is_within_budget


def test_more_false_alarms_than_the_budget(site: Site) -> None:
    for number, name in enumerate("abcd", start=1):
        told(site, name)
        respond.resolve(later(site, hours=number), number, reason="no", resolution="false alarm")
    found = stats(later(site, days=1), weeks=4)
    assert (round(found.false_alarms_per_month, 2), found.is_within_budget, found.precision) == (4.29, False, 0.0)
