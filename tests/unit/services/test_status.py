"""What one look at a project tells, before its first run, after a crash, and with incidents."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.conformance.notifier.adapters import notice
from tests.unit.services.site import NOW, add_version, finding, later, make_site, ref
from tidegate.lineage import Graph
from tidegate.model import Product, Slo
from tidegate.ports.state import Planned
from tidegate.services import incidents, respond
from tidegate.services.site import Site
from tidegate.services.status import status


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = make_site(tmp_path)
    yield site
    site.state.close()


def test_before_the_first_run(site: Site) -> None:
    found = status(site, runs=5)
    assert (found.published, found.behind, found.runs, found.incidents) == (None, False, (), ())
    assert (found.now, found.project) == (NOW, site.settings.root)


def test_what_is_published(site: Site) -> None:
    add_version(site, 1, "create table t as select 1 as id")
    add_version(site, 2, parent=1)
    found = status(site, runs=5)
    assert found.published is not None
    assert (found.published.number, found.behind) == (2, False)
    assert found.public == site.warehouse.public_path()


def test_readers_behind_the_ledger_are_told(site: Site) -> None:
    add_version(site, 1, "create table t as select 1 as id")
    add_version(site, 2, parent=1)
    site.warehouse.publish(1)
    assert status(site, runs=5).behind
    site.warehouse.public_path().parent.unlink()
    found = status(site, runs=5)
    assert (found.behind, found.missing) == (True, False)


def test_data_that_is_gone_is_told(site: Site) -> None:
    add_version(site, 1, "create table t as select 1 as id")
    shutil.rmtree(site.settings.warehouse.path / "versions" / "000001")
    found = status(site, runs=5)
    assert (found.behind, found.missing) == (False, True)


def test_the_last_runs_and_the_unsolved_incidents(site: Site) -> None:
    add_version(site, 1, "create table t as select 1 as id")
    for number in range(3):
        site.state.append([site.event("run.started", f"run:{number}", {"version": 1})])
    for name in ("a", "b"):
        events = incidents.record(site, [finding(name)], Graph(), version=1, run=None, held=True)
        site.state.append(events)
    respond.resolve(site, 1, reason="so", resolution="fixed", waive="a test")
    found = status(site, runs=2)
    assert [r.id for r in found.runs] == ["2", "1"]
    assert [i.number for i in found.incidents] == [2]


def test_only_messages_that_could_not_be_sent_are_told(site: Site) -> None:
    wanted = [
        Planned(
            target=f"chat:{name}", notice=notice(key=name, thread=name, incidents=(7,)), moments=((7, "1"),), due_at=NOW
        )
        for name in ("a", "b", "c")
    ]
    site.state.outbox.plan(wanted, waived=(), settled=(), now=NOW)
    assert status(site, runs=5).undelivered == ()
    late = NOW + timedelta(minutes=5)
    for error, next_at in (("no route", late), ("no such channel", None)):
        sending = site.state.outbox.claim(NOW, lease_s=60, without=("chat:a",))
        assert sending is not None
        site.state.outbox.failed(sending.key, error=error, next_at=next_at)
    assert {d.error for d in status(site, runs=5).undelivered} == {"no route", "no such channel"}


def test_what_was_written_after_it_was_published_is_told(site: Site) -> None:
    add_version(site, 1, "create table t as select 1 as id")
    assert status(site, runs=5).altered == ()
    live = site.warehouse.public_path().resolve()
    (live.parent / "state" / "cursor").touch()
    assert status(site, runs=5).altered == ("the state that travels with it",)
    live.chmod(0o644)
    with duckdb.connect(str(live)) as database:
        database.execute("insert into t values (2)")
    assert status(site, runs=5).altered == ("its database", "the state that travels with it")
    live.write_bytes(b"")
    assert status(site, runs=5).altered is None, "nobody can tell"
    shutil.rmtree(live.parent)
    assert status(site, runs=5).altered == (), "what is missing is told as that"


def test_products_with_their_age_and_what_reaches_them(site: Site) -> None:
    add_version(site, 1, "create schema s", "create table s.t as select 1 as id")
    late = Product(
        name="revenue", tables=(ref("t"), ref("gone*")), owner="ana", tier=1, slo=Slo(freshness=timedelta(hours=1))
    )
    other = Product(name="other", tables=(ref("x"),), owner=None, tier=1)
    settings = dataclasses.replace(site.settings, products=(other, late))
    project = dataclasses.replace(later(site, hours=3), settings=settings)
    project.state.append(incidents.record(project, [finding("t")], Graph(), version=1, run=None, held=False))
    first, second = status(project, runs=1).products
    assert (first.name, first.is_late, first.incidents, first.unknown) == ("other", False, (), ())
    assert (second.name, second.age, second.is_late, second.incidents) == ("revenue", timedelta(hours=3), True, (1,))
    project.state.save_scan(
        1, measurements=[], results=[], findings=[], schemas={ref("t"): [("id", "INTEGER")]}, marks={}
    )
    assert [p.unknown for p in status(project, runs=1).products] == [("s.x",), ("s.gone*",)]
    assert status(site, runs=1).products == ()
