"""Recovery: every way out of an incident, and a crash anywhere. With real dlt and dbt it is in `test_incident_stories`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness.site import state_of
from tests.e2e.small_project import SmallProject, assert_refused, make


def timeline(project: SmallProject, number: int = 1) -> list[tuple[str, dict[str, Any]]]:
    store = state_of(project.root)
    try:
        return [(e.kind.removeprefix("incident."), dict(e.data)) for e in store.events(subject=f"incident:{number}")]
    finally:
        store.close()


BAD = "create schema if not exists raw; create or replace table raw.orders as select i as id, i - {bad} as amount from range(100) t(i)"
RULE = '  - {table: raw.orders, rule: "amount >= 0"}'


def held(root: Path) -> SmallProject:
    """A good version 1, and version 2 held because 5 rows fail a rule."""
    project = make(root, 'learned: "off"', "tables: {raw.orders: {key: [id]}}", "checks:", RULE, sql=BAD.format(bad=0))
    assert project.cli("run").status == 0
    project.load(BAD.format(bad=5))
    assert project.cli("run").status == 1
    return project


def test_rows_that_fail_go_into_quarantine_and_the_rest_is_published(tmp_path: Path) -> None:
    project = held(tmp_path)
    done = project.cli("recover", "1", "--yes")
    assert done.status == 0, done
    assert "passes" in done.out
    assert project.query("select count(*), min(amount) from raw.orders") == [(95, 0)]
    assert project.query("select count(*) from tidegate_quarantine.raw__orders") == [(5,)]
    assert project.cli("incidents", "resolve", "1", "--as", "fixed", "--reason", "so").status == 0
    assert_refused(project.cli("recover", "1", "--yes"), says="`resolved` already")


def test_a_rerun_takes_nothing_away_and_needs_no_yes(tmp_path: Path) -> None:
    project = held(tmp_path)
    again = project.cli("recover", "1", "--by", "rerun")
    assert again.status == 1, "the source is not repaired: it is held again"
    assert "is held" in again.out
    project.load(BAD.format(bad=0))
    assert project.cli("recover", "1", "--by", "rerun").status == 0
    assert project.cli("reconcile", "--incident", "1").status == 0


def test_what_was_accepted_is_expected(tmp_path: Path) -> None:
    project = held(tmp_path)
    assert project.cli("recover", "1", "--by", "accept").status == 1
    assert project.cli("recover", "1", "--by", "accept", "--yes", "--reason", "refunds are negative").status == 0
    assert project.versions()[2] == "published"
    shown = project.cli("incidents", "show", "1", "--json").document["incident"]
    assert (shown["state"], shown["resolution"]) == ("resolved", "expected")


def test_bad_data_that_readers_see_is_rolled_back_first(tmp_path: Path) -> None:
    project = held(tmp_path)
    assert project.cli("publish", "2", "--reason", "looked fine").status == 0
    assert project.cli("check").status == 1, "it is not"
    number = project.cli("incidents", "--json").document["incidents"][0]["number"]
    plan = project.cli("recover", str(number), "--plan", "--json").document
    assert [s["way"] for s in plan["steps"]] == ["rollback", "rows"]
    assert project.cli("recover", str(number), "--yes").status == 0
    assert project.query("select count(*), min(amount) from raw.orders") == [(95, 0)]
    publications = [v for v, state in project.versions().items() if state == "published"]
    assert publications == [max(project.versions())]


def test_to_close_it_all_the_same_takes_a_reason(tmp_path: Path) -> None:
    project = held(tmp_path)
    close = ("incidents", "resolve", "1", "--as", "fixed", "--reason", "source is gone")
    untouched = project.cli("reconcile", "--incident", "1")
    assert untouched.status == 1, "that readers never saw it does not mend it"
    assert "no version was published since version 2" in untouched.out
    project.load(BAD.format(bad=0).replace("range(100)", "range(10, 100)"))
    assert project.cli("run").status == 0, "ten rows are gone, and no check minds"
    lost = project.cli("reconcile", "--incident", "1")
    assert lost.status == 1
    assert "lost 10 keys that version 1 had" in lost.out
    assert_refused(project.cli(*close), says="not reconciled", hint="--waive")
    assert project.cli(*close, "--waive", "the shop deleted them").status == 0
    assert timeline(project)[-1][1]["waived"] == "the shop deleted them"
    assert [d["passes"] for k, d in timeline(project) if k == "reconciled"] == [False, False, False, False]


KILLED = """
import os, signal, sys
from tests.e2e.harness.site import Silent
from tidegate.app.compose import open_site
from tidegate.services import recover

class Deadly(Silent):
    left = int(sys.argv[2])
    def stage(self, name, detail=""):
        Deadly.left -= 1
        if Deadly.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

with open_site(__import__("pathlib").Path(sys.argv[1]), Deadly()) as site:
    plan = recover.propose(site, int(sys.argv[3]), recover.Wish())
    print(len(plan.steps) - plan.done)
    recover.execute(site, plan, reason="killed")
print("done")
"""


@pytest.mark.slow
def test_a_recovery_that_is_killed_anywhere_goes_on(tmp_path: Path) -> None:
    """A rollback and a rebuild, killed at every stage in turn, each time in a fresh copy; then the same command again."""
    first = held(tmp_path / "first")
    assert first.cli("publish", "2", "--reason", "looked fine").status == 0
    assert first.cli("check").status == 1
    number = str(first.cli("incidents", "--json").document["incidents"][0]["number"])
    root = Path(__file__).parents[2]
    at, killed = 0, 0
    while True:
        at += 1
        project = SmallProject(root=tmp_path / f"at{at}")
        shutil.copytree(first.root, project.root, symlinks=True)
        words = [sys.executable, "-c", KILLED, str(project.root), str(at), number]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, timeout=120)
        killed += done.returncode == -9
        if done.returncode == 0:
            break
        again = project.cli("recover", number, "--yes")
        assert again.status == 0, (at, done.stdout, done.stderr, again)
        assert project.query("select count(*), min(amount) from raw.orders") == [(95, 0)], at
        assert project.query("select count(*) from tidegate_quarantine.raw__orders") == [(5,)], at
        kinds = [k for k, d in timeline(project, int(number)) if k == "recovery.finished"]
        planned = [k for k, _ in timeline(project, int(number)) if k == "recovery.planned"]
        assert (len(kinds), len(planned)) == (2, 1), (at, kinds)
        built = [v for v, s in project.versions().items() if s == "published"]
        assert len(built) == 1
        shutil.rmtree(project.root)
    assert killed >= 8
