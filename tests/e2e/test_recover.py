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
    plan = project.cli("recover", "1", "--plan")
    assert plan.out.endswith("this is the plan; the next command carries it out\nnext  tidegate recover 1 --yes\n")
    done = project.cli("recover", "1", "--yes")
    assert done.status == 0, done
    assert "passes" in done.out
    assert (
        'close      tidegate incidents resolve 1 --as fixed --reason "..."' in project.cli("incidents", "show", "1").out
    )
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
    unsure = project.cli("recover", "1", "--by", "accept")
    assert unsure.status == 1
    assert unsure.out.endswith("nothing was done\nnext  tidegate recover 1 --by accept --yes\n")
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


DLT = """
create schema if not exists raw;
create table if not exists raw._dlt_loads (load_id varchar, schema_name varchar, status bigint, inserted_at timestamptz, schema_version_hash varchar);
create table if not exists raw.orders (id integer, amount integer, _dlt_load_id varchar, _dlt_id varchar);
create table if not exists raw.orders__lines (line integer, _dlt_id varchar, _dlt_parent_id varchar, _dlt_list_idx bigint);
insert into raw._dlt_loads values ('{load}', 'shop', 0, '2026-01-01', 'x');
insert into raw.orders select {first} + i, i - {bad}, '{load}', 'r' || ({first} + i) from range(100) t(i);
insert into raw.orders__lines select i, 'l' || ({first} + i), 'r' || ({first} + i), 0 from range(100) t(i);
"""


def test_a_whole_load_goes_into_quarantine_with_what_hangs_on_it(tmp_path: Path) -> None:
    project = make(tmp_path, 'learned: "off"', "checks:", RULE, sql=DLT.format(load="1700.1", first=0, bad=0))
    assert project.cli("run").status == 0
    project.load(DLT.format(load="1700.2", first=100, bad=5))
    assert project.cli("run").status == 1
    assert_refused(project.cli("recover", "1", "--by", "load"), says="`1` names no dlt load", hint="--load ID")
    assert_refused(project.cli("recover", "1", "--load", "1700.9"), says="no row of version `2`", hint="another way")
    plan = project.cli("recover", "1", "--load", "1700.2", "--plan", "--json").document
    (step,) = plan["steps"]
    assert (step["way"], step["rows"], step["destructive"]) == ("load", 200, True)
    assert any("raw.orders__lines: 100 rows" in change for change in step["changes"])
    assert project.cli("recover", "1", "--load", "1700.2", "--yes").status == 0
    assert project.query("select count(*), min(amount), max(id) from raw.orders") == [(100, 0, 99)]
    assert project.query("select count(*) from raw.orders__lines") == [(100,)]
    assert project.query("select count(*), min(id) from tidegate_quarantine.raw__orders") == [(100, 100)]
    assert project.query("select count(*) from tidegate_quarantine.raw__orders__lines") == [(100,)]
    assert project.cli("reconcile", "--incident", "1").status == 0
    assert project.cli("incidents", "resolve", "1", "--as", "fixed", "--reason", "the load was wrong").status == 0


def test_a_stretch_of_time_is_built_again_when_somebody_says_which(tmp_path: Path) -> None:
    project = held(tmp_path)
    assert_refused(
        project.cli("recover", "1", "--by", "backfill"), says="about no stretch of time", hint="`--from` and `--to`"
    )
    assert_refused(project.cli("recover", "1", "--from", "2026-01-01"), says="belong together")
    step = tmp_path / "load.py"
    told = "Path(\"told.txt\").write_text(f\"{os.environ['TIDEGATE_FROM']} {os.environ['TIDEGATE_TO']}\")\n"
    step.write_text(step.read_text(encoding="utf-8") + told, encoding="utf-8")
    project.load(BAD.format(bad=0))
    planned = project.cli("recover", "1", "--from", "2026-01-01", "--to", "2026-01-03", "--plan")
    assert planned.out.endswith("next  tidegate recover 1 --from 2026-01-01 --to 2026-01-03\n"), planned
    done = project.cli("recover", "1", "--from", "2026-01-01", "--to", "2026-01-03", "--json", "--reason", "so")
    assert done.status == 0, done
    assert done.document["recovery"]["plan"]["steps"][0]["way"] == "backfill"
    assert (tmp_path / "told.txt").read_text(encoding="utf-8") == "2026-01-01T00:00:00Z 2026-01-03T00:00:00Z"
    assert project.query("select count(*), min(amount) from raw.orders") == [(100, 0)]


def test_what_was_held_is_published_as_it_is(tmp_path: Path) -> None:
    project = held(tmp_path)
    plan = project.cli("recover", "1", "--by", "publish", "--plan", "--json").document
    assert [(s["way"], s["destructive"]) for s in plan["steps"]] == [("publish", True)]
    assert project.cli("recover", "1", "--by", "publish").status == 1, "it needs --yes"
    assert project.versions()[2] == "held"
    assert project.cli("recover", "1", "--by", "publish", "--yes", "--reason", "refunds are meant").status == 0
    assert project.versions()[2] == "published"
    assert_refused(project.cli("recover", "1", "--by", "publish"), says="`resolved` already")


def test_what_only_a_spent_budget_held_is_to_be_published(tmp_path: Path) -> None:
    """A quality of 100 % is spent by the first warning; the next version with one is held for that alone."""
    project = make(
        tmp_path,
        'learned: "off"',
        "products: {shop: {tables: [raw.orders], slo: {quality: 100%, window: 1h}}}",
        "gate: {when_budget_spent: hold-risky}",
        "checks:",
        '  - {table: raw.orders, rule: "amount >= 0", on_fail: warn}',
        sql=BAD.format(bad=5),
    )
    assert project.cli("run").status == 0, "nothing is spent before it is shown"
    told = project.cli("run", "--json")
    assert told.status == 1, told
    (number,) = [
        i["number"] for i in told.document["incidents"] if any(f["kind"] == "budget" for f in i["findings"][:1])
    ]
    plan = project.cli("recover", str(number), "--plan", "--json").document
    assert [s["way"] for s in plan["steps"]] == ["publish"]
    assert project.cli("recover", str(number), "--yes", "--reason", "the warning is known").status == 0
    assert project.versions()[2] == "published"
