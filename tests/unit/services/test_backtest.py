"""A replay of a project: which batches would have been held, what each budget costs, what people's answers say."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.detect.days import START, Day, bucket, measured, scaled, shop, whole, without
from tests.unit.detect.test_drift import creeping
from tests.unit.services.site import add_version, make_site
from tests.unit.services.test_replay import past_of
from tidegate.cli.output import document
from tidegate.detect import DetectSettings
from tidegate.errors import NothingPublishedError, UsageError
from tidegate.model import Finding, Layer
from tidegate.model.dataset import DatasetRef
from tidegate.services.backtest import NOTCHES, Backtest, a_month, backtest
from tidegate.services.replay import look
from tidegate.services.site import Site

ORDERS = DatasetRef(namespace="raw", name="orders")
TABLE = "create schema if not exists raw; create table if not exists raw.orders as select 1 as order_id"
SCHEMA = {ORDERS: (("order_id", "INTEGER"),)}
LATE = START + timedelta(days=400)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = make_site(tmp_path)
    yield found
    found.state.close()


def keep(site: Site, number: int, days: Sequence[Day], *, parent: int | None = None, publish: bool = True) -> None:
    """A version whose orders have these days."""
    add_version(site, number, TABLE, parent=parent, publish=publish)
    _, told = whole({("row_count", None, None): len(days)}, version=number, at=LATE)
    numbers = [*measured(days, version=number, taken_at=LATE), *told]
    site.state.save_scan(number, measurements=numbers, results=(), findings=(), schemas=SCHEMA, marks={})


def resolved(site: Site, number: int, finding: Finding, *, version: int, resolution: str) -> None:
    incident = {
        "number": number, "fingerprint": finding.key, "title": "t", "state": "open", "severity": "sev2", "reasons": [],
        "version": version, "run": None, "opened_at": LATE, "updated_at": LATE, "findings": [finding],
    }  # fmt: skip
    subject = f"incident:{number}"
    site.state.append([site.event("incident.opened", subject, incident)])
    said = {"reason": "so", "resolution": resolution}
    site.state.append([site.event("incident.resolved", subject, said)])


def about(at: int, key: str) -> Finding:
    return Finding(
        key=f"{ORDERS}/{key}", kind=key, layer=Layer.DATA, dataset=ORDERS, sentence="s", holds=True, interval=bucket(at)
    )


def without_costs(found: Backtest) -> str:
    tables = tuple(dataclasses.replace(t, seconds=0.0) for t in found.tables)
    return document("backtest", dataclasses.replace(found, tables=tables, seconds=0.0))


def test_no_past_goes_further_back_than_there_is_time(site):
    keep(site, 1, shop(30))
    found = backtest(site, days=10**8)
    assert found.tables[0].judged == 22
    (note,) = found.notes
    assert note.startswith(f"of the 100,000,000 days that were asked for {ORDERS} has 30 days that are kept, of which")
    assert backtest(site, days=22).notes == backtest(site, days=5).notes == ()
    assert backtest(site).notes == (), "nothing was left out, so `--days` goes no further back"
    assert "`--days` goes further back" in backtest_of(site, shop(120)).notes[0]


def backtest_of(site: Site, days: Sequence[Day]) -> Backtest:
    keep(site, 2, days)
    return backtest(site)


def test_a_known_fault_is_found_on_its_day(site):
    days = shop(60)
    without(days[40], "FR")
    keep(site, 1, days)
    found = backtest(site)
    (alarm,) = found.alarms
    assert (alarm.dataset, alarm.interval, alarm.version) == (ORDERS, bucket(40), None)
    assert alarm.finding.key == "raw.orders/segment/country=FR"
    assert alarm.line[-1].value == alarm.finding.observed == 0
    assert alarm.line[-1].at == bucket(40).start
    (table,) = found.tables
    assert (table.known, table.judged, table.held, table.unit, table.why_not) == (60, 52, 1, "day", None)


def test_a_day_without_rows_is_one_alarm(site):
    """The next batch tells the same gap as lost rows: whoever was called for it once is not called again."""
    days = shop(40)
    days[36] = {}
    keep(site, 1, days)
    found = backtest(site)
    assert [a.finding.kind for a in found.alarms] == ["freshness"]
    assert [n.alarms for n in found.notches] == [1] * len(found.notches)


def test_the_same_past_gives_the_same_answer(site):
    days = shop(50)
    scaled(days[30], 0.6)
    keep(site, 1, days)
    assert without_costs(backtest(site)) == without_costs(backtest(site))


def test_a_short_history_is_told(site):
    keep(site, 1, shop(5))
    found = backtest(site)
    assert found.tables[0].why_not == "not enough history: 5 of 9 days"
    assert (found.alarms, found.since, found.until) == ((), None, None)
    assert {n.alarms for n in found.notches} == {0}
    assert {n.recall for n in found.notches} == {None}


def test_a_table_that_was_never_measured_is_told(site):
    add_version(site, 1, TABLE)
    assert backtest(site).tables[0].why_not == "not enough history: 0 of 9 versions"


def test_clean_data_stays_within_the_budget():
    """Sixty made-up weeks: chance brings no more alarms than were asked for, with some room for luck."""
    settings = DetectSettings(budget=0.02)
    held = [
        (seed, at)
        for seed in range(5)
        for past in [past_of(shop(92, seed=seed))]
        for at in range(8, 92)
        if any(f.holds for f in look(past, at, settings))
    ]
    assert len(held) <= 2 * 5 * 84 * 0.02


def test_a_larger_budget_never_holds_or_catches_less(site):
    days = shop(60)
    for at, factor in ((20, 0.9), (30, 0.85), (40, 0.8), (50, 0.7)):
        scaled(days[at], factor)
    keep(site, 1, days)
    found = backtest(site)
    assert [n.budget for n in found.notches] == sorted({*NOTCHES, 2.0})
    assert [n.alarms for n in found.notches] == sorted(n.alarms for n in found.notches)
    caught = [sum(c.caught for c in n.caught) for n in found.notches]
    assert caught == sorted(caught)
    assert all(n.recall is not None and n.recall > 0.5 for n in found.notches)
    assert {c.tried for c in found.notches[0].caught} == {5}


def test_each_budget_counts_what_a_replay_with_it_alone_counts(site):
    days = shop(36)
    for at, factor in ((20, 0.9), (25, 0.85), (30, 0.8), (35, 0.7)):
        scaled(days[at], factor)
    keep(site, 1, days)
    together = {n.budget: n.alarms for n in backtest(site).notches}
    alone = {budget: backtest(site, budget=budget) for budget in NOTCHES}
    assert {budget: sum(t.held for t in found.tables) for budget, found in alone.items()} == together
    assert len(set(together.values())) > 1, "else they could all be the same replay"


def test_days_bound_what_is_judged_and_not_what_teaches(site):
    keep(site, 1, shop(60))
    found = backtest(site, days=10)
    assert found.tables[0].judged == 10
    assert (found.since, found.until) == (bucket(50).start, bucket(59).end)


def test_a_table_is_named_with_or_without_its_schema(site):
    keep(site, 1, shop(20))
    for name in ("orders", "raw.orders", "RAW.Orders"):
        assert [t.dataset for t in backtest(site, tables=[name]).tables] == [ORDERS]
    with pytest.raises(UsageError, match=r"`raw\.order` is no table that is profiled") as caught:
        backtest(site, tables=["raw.order"])
    assert caught.value.hint == "did you mean `raw.orders`?"


def test_nothing_published_is_refused(site):
    with pytest.raises(NothingPublishedError):
        backtest(site)


def test_nobody_has_labelled_anything(site):
    keep(site, 1, shop(20))
    labels = backtest(site).labels
    assert (labels.real, labels.false, labels.precision, labels.recall) == (0, 0, None, None)


def test_answers_give_precision_recall_and_delay(site):
    """A held version had the fault; the published one is repaired."""
    good, bad, odd = shop(40), shop(40), shop(41)
    without(bad[39], "DE")
    scaled(odd[40], 0.5)
    keep(site, 1, good[:39])
    keep(site, 2, bad, parent=1, publish=False)
    keep(site, 3, good, parent=1)
    keep(site, 4, odd, parent=3)
    resolved(site, 1, about(39, "segment/country=DE"), version=2, resolution="fixed")
    resolved(site, 2, about(38, "volume"), version=2, resolution="fixed")
    resolved(site, 3, about(40, "volume"), version=4, resolution="false alarm")
    labels = backtest(site).labels
    assert (labels.real, labels.real_found, labels.delays) == (2, 1, (0,))
    assert (labels.false, labels.false_found) == (1, 1)
    assert (labels.precision, labels.recall) == (0.5, 0.5)


def test_what_a_person_accepted_is_listed_and_not_counted(site):
    days = shop(50)
    scaled(days[30], 0.4)
    keep(site, 1, days)
    before = backtest(site)
    (alarm,) = before.alarms
    assert alarm.accepted is None
    resolved(site, 1, alarm.finding, version=1, resolution="expected")
    after = backtest(site)
    assert [a.accepted for a in after.alarms] == ["expected"]
    assert {n.alarms for n in after.notches} == {0}
    assert (after.tables[0].held, after.tables[0].told) == (0, 1)


def test_a_document_can_be_made_of_it(site):
    days = shop(30)
    days[25] = {}
    keep(site, 1, days)
    found = json.loads(document("backtest", backtest(site)))
    assert found["kind"] == "backtest"
    assert found["alarms"]


def test_a_slow_drift_is_listed_once_and_held_against_no_budget(site):
    days = creeping(-0.01)
    keep(site, 1, days)
    found = backtest(site, days=45)
    drifts = [a for a in found.alarms if a.finding.kind == "drift"]
    keys = [a.finding.key for a in drifts]
    assert "raw.orders/drift/volume/rows" in keys
    assert len(set(keys)) == len(keys), "each when it was first told"
    assert not any(a.finding.holds for a in drifts)
    held = {a.interval for a in found.alarms if a.finding.holds}
    assert found.tables[0].held == len(held)


def test_a_rate_needs_time_to_go_by():
    assert a_month(3, START, START + timedelta(days=90)) == 1.0
    assert a_month(3, START, START) is None
    assert a_month(3, None, None) is None


def test_answers_change_what_would_be_held_and_that_is_told(site):
    days = shop(34)
    scaled(days[30], 0.82)
    keep(site, 1, days)
    (alarm,) = backtest(site, budget=0.2).alarms
    for number in (1, 2, 3):
        elsewhere = dataclasses.replace(alarm.finding, interval=bucket(100 + number))
        resolved(site, number, elsewhere, version=1, resolution="false alarm")
    found = backtest(site, budget=0.2)
    (table,) = found.tables
    assert [(f.kind, f.false, f.factor) for f in table.feedback] == [("volume", 3, 1 / 8)]
    assert (table.held, table.held_unheard, found.alarms) == (0, 1, ())
