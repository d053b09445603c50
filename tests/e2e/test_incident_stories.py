"""The demo's three failures from the alarm to a reconciled close, with real dlt and dbt; what the postmortem says is counted
again in the warehouse, and each becomes a drill that is caught.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.harness.site import state_of
from tests.e2e.small_project import SmallProject, Told, assert_refused
from tidegate.kit.shop.generate import day, deliver, write_project

pytestmark = pytest.mark.slow

ABOUT = """
tables:
  raw.orders: {source: "source/shop.db::orders"}
  raw.payments: {key: [payment_id]}
notify:
  - {to: "file:told.jsonl", at_most: 50}
  - {to: "file:boss.jsonl", min_severity: sev2, escalate_after: 15m}
  - {to: "file:drills.jsonl", test: true}
"""
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - {name: orders, physicalName: raw.orders}
slaProperties:
  - {property: timeToNotify, value: 1, unit: h}
  - {property: timeToRepair, value: 4, unit: h}
"""


@dataclass(frozen=True, kw_only=True)
class Story:
    """One failure that was played to its end: what was told on the way, and the numbers of its versions."""

    fault: str
    through: int
    incident: int
    bad: int
    sound: int
    plan: Told
    recovered: Told
    refused: Told
    postmortem: dict[str, Any]
    page: str
    follow_ups: Path


@dataclass(frozen=True, kw_only=True)
class Played:
    """The shop after its three bad days."""

    project: SmallProject
    stories: dict[str, Story]

    def query(self, version: int, sql: str) -> list[tuple[Any, ...]]:
        path = self.project.root / f"warehouse/versions/{version:06d}/shop.duckdb"
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(sql).fetchall()

    def number(self, version: int, sql: str) -> float:
        ((value,),) = self.query(version, sql)
        return float(value)


def play(project: SmallProject, fault: str, through: int, *, repairs_source: bool) -> Story:
    """A bad delivery, held; acknowledged, recovered, reconciled, resolved, and written down."""
    root = project.root
    deliver(root, through=through, fault=fault)
    told = project.cli("run", "--json")
    assert told.status == 1, told
    (incident,) = told.document["incidents"]
    number, bad = incident["number"], told.document["version"]
    assert project.cli("incidents", "ack", str(number), "--reason", "looking").status == 0
    close = ("incidents", "resolve", str(number), "--as", "fixed", "--reason", "the source is right again")
    refused = project.cli(*close)
    if repairs_source:
        deliver(root, through=through)
    plan = project.cli("recover", str(number), "--plan")
    assert plan.status == 0
    if not repairs_source:  # rows are taken away
        before = project.versions()
        unsure = project.cli("recover", str(number))
        assert (unsure.status, project.versions()) == (1, before)
        assert "nothing was done" in unsure.out
    recovered = project.cli("recover", str(number), "--yes", "--reason", "as the runbook says")
    assert recovered.status == 0, recovered
    assert project.cli("reconcile", "--incident", str(number)).status == 0
    assert project.cli(*close).status == 0
    follow_ups = root / "follow-ups" / fault
    written = project.cli("incidents", "postmortem", str(number), "--json", "--follow-ups", follow_ups)
    assert written.status == 0, written
    page = project.cli("incidents", "postmortem", str(number))
    return Story(
        fault=fault,
        through=through,
        incident=number,
        bad=bad,
        sound=max(v for v, state in project.versions().items() if state == "published"),
        plan=plan,
        recovered=recovered,
        refused=refused,
        postmortem=written.document,
        page=page.out,
        follow_ups=follow_ups,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    root = tmp_path_factory.mktemp("stories") / "shop"
    write_project(root)
    settings = root / "tidegate.yml"
    settings.write_text(settings.read_text(encoding="utf-8") + ABOUT, encoding="utf-8")
    (root / "contracts").mkdir()
    (root / "contracts" / "orders.odcs.yaml").write_text(CONTRACT, encoding="utf-8")
    project = SmallProject(root=root)
    deliver(root, through=82)
    assert project.cli("run").status == 0
    stories = {
        fault: play(project, fault, through, repairs_source=fault != "delivered_twice")
        for fault, through in (("missing_country", 83), ("cents", 84), ("delivered_twice", 85))
    }
    return Played(project=project, stories=stories)


def impact(story: Story, table: str) -> dict[str, Any]:
    return next(one for one in story.postmortem["impact"] if one["table"] == table)


@pytest.fixture(params=["missing_country", "cents", "delivered_twice"])
def story(request: pytest.FixtureRequest, played: Played) -> Story:
    return played.stories[request.param]


def test_nobody_closes_what_is_not_reconciled(story: Story) -> None:
    assert_refused(story.refused, says="is not reconciled", hint=f"tidegate recover {story.incident} --plan")


def test_the_plan_fits_the_cause(played: Played) -> None:
    missing, cents, twice = (played.stories[name].plan.out for name in ("missing_country", "cents", "delivered_twice"))
    assert "backfill from 2026-05-23" in missing
    assert "backfill from 2026-05-24" in cents
    assert "further copies" in twice
    assert "incremental models from nothing (fct_orders)" in twice
    assert "rows to tidegate_quarantine.raw__payments" in twice


def test_readers_have_what_the_source_has_in_the_end(played: Played, tmp_path: Path) -> None:
    """Counted against the source itself, and beside a shop that never had a fault."""
    last = played.stories["delivered_twice"].sound
    same = played.project.cli("reconcile", "source/shop.db::orders", "live::raw.orders", "--key", "order_id", "--json")
    assert same.status == 0, same
    write_project(tmp_path)
    rows = deliver(tmp_path, through=85).rows
    assert played.number(last, "select count(*) from raw.payments") == rows["payments"]
    assert played.number(last, "select count(distinct payment_id) from raw.payments") == rows["payments"]
    kept = played.query(last, "select count(*), count(distinct payment_id) from tidegate_quarantine.raw__payments")
    assert kept == [(rows_of_day(played, 85), rows_of_day(played, 85))]


def rows_of_day(played: Played, n: int) -> int:
    last = played.stories["delivered_twice"].sound
    return int(played.number(last, f"select count(*) from raw.payments where paid_at::date = '{day(n)}'"))


def test_the_timeline_has_every_step_in_order(story: Story) -> None:
    order = ["detected", "notified", "acknowledged", "mitigated", "reconciled", "resolved"]
    told = [moment["what"] for moment in story.postmortem["timeline"]]
    places = [told.index(what) for what in order]
    assert places == sorted(places), told
    assert story.postmortem["began"].startswith(str(day(story.through)))
    assert story.postmortem["incident"]["resolution"] == "fixed"


def test_the_times_are_those_of_the_ledger(played: Played, story: Story) -> None:
    state = state_of(played.project.root)
    try:
        events = state.events(subject=f"incident:{story.incident}")
    finally:
        state.close()
    at = {e.kind: e.at for e in reversed(events)}
    kinds = [e.kind.removeprefix("incident.") for e in events]
    order = "opened acknowledged recovery.planned recovery.started mitigated recovery.finished resolved".split()
    assert [kinds.index(k) for k in order] == sorted(kinds.index(k) for k in order)
    spans = {span["name"]: span for span in story.postmortem["spans"]}
    opened = at["incident.opened"]
    assert spans["timeToNotify"]["took_s"] == pytest.approx((at["notification.sent"] - opened).total_seconds())
    assert spans["timeToRepair"]["took_s"] == pytest.approx((at["incident.mitigated"] - opened).total_seconds())
    if story.fault != "delivered_twice":  # the contract is about the orders
        assert spans["timeToNotify"]["promised_s"] == 3600
        assert spans["timeToRepair"]["promised_s"] == 4 * 3600


def test_the_tables_and_their_rows_are_those_of_the_warehouse(played: Played, story: Story) -> None:
    assert story.postmortem["sound"] == story.sound
    assert story.postmortem["exposures"] == [], "no reader saw it"
    found = story.postmortem["impact"]
    assert {one["table"] for one in found} >= {"analytics.fct_orders", "analytics.mart_payment_reconciliation"}
    for one in found:
        schema, name = one["table"].split(".")
        for side, version in (("bad_rows", story.bad), ("sound_rows", story.sound)):
            assert one[side] == played.number(version, f'select count(*) from "{schema}"."{name}"'), one["table"]
        for total in one["sums"]:
            for side, version in (("old", story.bad), ("new", story.sound)):
                real = played.number(version, f'select sum("{total["column"]}") from "{schema}"."{name}"')
                assert float(total[side]) == pytest.approx(real, rel=1e-9), (one["table"], total["column"])


def test_the_lost_orders_are_counted(played: Played) -> None:
    story = played.stories["missing_country"]
    lost = impact(story, "raw.orders")
    keys = "select order_id from {} where created_at::date = '{}' and country = 'DE'"
    missing = played.number(story.sound, f"select count(*) from ({keys.format('raw.orders', day(83))})")
    there = played.number(story.bad, f"select count(*) from ({keys.format('raw.orders', day(83))})")
    assert lost["keys"]["added"] >= missing - there > 100
    everything = played.query(story.sound, "select order_id from raw.orders")
    before = set(played.query(story.bad, "select order_id from raw.orders"))
    assert lost["keys"]["added"] == len(set(everything) - before)
    assert lost["bad_rows"] + lost["keys"]["added"] == lost["sound_rows"]


def test_the_amounts_in_cents_are_counted(played: Played) -> None:
    story = played.stories["cents"]
    changed = impact(story, "raw.orders")
    assert changed["bad_rows"] == changed["sound_rows"]
    bad, sound = (
        dict(played.query(v, "select order_id, total_amount from raw.orders")) for v in (story.bad, story.sound)
    )
    differing = {key for key in bad if bad[key] != sound[key]}
    assert changed["keys"]["changed"] == len(differing) > 100
    (total,) = [one for one in changed["sums"] if one["column"] == "total_amount"]
    extra = sum(bad[k] - sound[k] for k in differing)
    assert float(total["old"]) - float(total["new"]) == pytest.approx(float(extra))
    assert extra > 50 * sum(sound[k] for k in differing)


def test_the_copies_are_counted(played: Played) -> None:
    story = played.stories["delivered_twice"]
    found = impact(story, "raw.payments")
    twice = "select count(*) from (select payment_id from raw.payments group by 1 having count(*) > 1)"
    assert found["keys"] == {"copies": played.number(story.bad, twice)}
    assert found["key"] == ["payment_id"]
    assert found["bad_rows"] - found["sound_rows"] == rows_of_day(played, 85)
    assert played.number(story.sound, twice) == 0
    captured = impact(story, "analytics.mart_payment_reconciliation")
    (total,) = [one for one in captured["sums"] if one["column"] == "captured_amount"]
    doubled = f"select captured_amount from analytics.mart_payment_reconciliation where day = '{day(85)}'"
    off = played.number(story.bad, doubled) - played.number(story.sound, doubled)
    assert float(total["old"]) - float(total["new"]) == pytest.approx(off)


def test_the_page_says_it_in_words(story: Story) -> None:
    rows = impact(story, "analytics.fct_orders")
    assert f"| `analytics.fct_orders` | {rows['bad_rows']:,} | {rows['sound_rows']:,} |" in story.page
    for heading in ("Timeline (UTC)", "Impact", "What caught it, and what did not", "Proposed follow-ups"):
        assert f"## {heading}" in story.page
    assert "No reader saw it" in story.page
    assert "nobody had them" in story.page, "checks that would have told"
    assert re.search(r"revenue \| quality \| [^|]+ \| \d+%", story.page), "the error budget"
    assert "It is read by" in story.page


def test_who_was_told_is_told(played: Played, story: Story) -> None:
    sent = (played.project.root / "told.jsonl").read_text(encoding="utf-8").splitlines()
    mine = [json.loads(line) for line in sent if story.incident in json.loads(line)["incidents"]]
    assert [m["kind"] for m in mine][:1] == ["opened"]
    assert [m["kind"] for m in mine][-1] == "resolved"
    assert not (played.project.root / "boss.jsonl").exists(), "it was acknowledged in time"


def test_each_becomes_a_drill_that_is_caught(played: Played) -> None:
    """The files that the postmortems wrote are put into `drills/` and played on the last run."""
    project = played.project
    folder = project.root / "drills"
    folder.mkdir()
    for story in played.stories.values():
        (written,) = (story.follow_ups / "drills").glob("*.yml")
        (folder / written.name).write_text(written.read_text(encoding="utf-8"), encoding="utf-8")
    before = project.content()
    live = project.live.resolve()
    names = [f"incident-{story.incident}" for story in played.stories.values()]
    whole = project.cli("drill", "run", names[0], "--json", "--notify")
    quick = project.cli("drill", "run", *names[1:], "--quick", "--json", "--notify")
    assert (whole.status, quick.status) == (0, 0), (whole, quick)
    found = {d["drill"]["fault"]: d for d in (*whole.document["drills"], *quick.document["drills"])}
    assert set(found) == {"category-lost", "values-times", "rows-twice"}
    assert found["category-lost"]["rebuilt"] == ["transform"]
    for one in found.values():
        assert one["outcome"] == "held", one
        assert one["right_table"], one["by"]
        assert one["severity"] == "sev2"
        assert [(t["target"], t["after_s"]) for t in one["told"]] == [
            ("file:told.jsonl", 0.0),
            ("file:boss.jsonl", 900.0),
        ]
    assert found["category-lost"]["right_column"]
    drills = (project.root / "drills.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(drills) == 3
    assert all("This is a drill, nothing is wrong" in line for line in drills)
    after = project.content()
    del after["drills.jsonl"]
    assert after == before, "neither the warehouse nor anything else of the project was touched"
    assert project.live.resolve() == live
    assert project.cli("incidents", "--json").document["total"] == 0, "no incident of a drill is a real one"
    assert project.cli("audit", "verify").status == 0
    past = project.cli("drill", "show", f"incident-{played.stories['cents'].incident}", "--json").document["played"]
    assert [p["data"]["caught"] for p in past] == [True]
    assert not list((project.root / ".tidegate" / "drills").iterdir()), "nothing is left of the sandbox"


def test_the_next_load_neither_skips_nor_doubles(played: Played) -> None:
    """Last in this module: it adds a day."""
    project = played.project
    rows = deliver(project.root, through=86).rows
    assert project.cli("run").status == 0
    assert project.query("select count(*), count(distinct payment_id) from raw.payments") == [
        (rows["payments"], rows["payments"])
    ]
