"""Drills on a small project: what is caught and what is not, and that nothing of the project is touched."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.small_project import SmallProject, assert_refused, make
from tidegate.model import Event
from tidegate.state.sqlite import SQLiteStateStore

SQL = """
create schema if not exists raw;
create or replace table raw.orders as
select i as order_id, case when i % 2 = 0 then 'DE' else 'FR' end as country, 10 + i % 7 as amount from range({rows}) as t(i)
"""
RULES = """
  - {table: raw.orders, rule: "amount >= 0"}
  - {table: raw.orders, not_null: amount, on_fail: quarantine}
  - {table: raw.orders, unique: order_id}
  - {name: few, table: raw.orders, row_count: {min: 190}, on_fail: warn}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """100 rows, and then 200: a drill damages the 100 that are new."""
    project = make(
        tmp_path_factory.mktemp("drill"),
        'learned: "off"',
        "quarantine_limit: 0.5",
        "tables: {raw.orders: {key: [order_id]}}",
        "products: {shop: {tables: [raw.orders], tier: 1}}",
        "checks:" + RULES,
        "notify:",
        '  - {to: "file:told.jsonl", tables: ["raw.*"]}',
        '  - {to: "file:night.jsonl", tables: ["raw.*"], escalate_after: 15m}',
        '  - {to: "file:other.jsonl", tables: ["marts.*"]}',
        '  - {to: "file:test.jsonl", test: true}',
        sql=SQL.format(rows=100),
    )
    assert project.cli("run").status == 0
    project.load(SQL.format(rows=200))
    assert project.cli("run").status == 0
    return project


def play(project: SmallProject, *words: str) -> dict[str, object]:
    told = project.cli("drill", "run", *words, "--table", "raw.orders", "--json")
    (found,) = told.document["drills"]
    assert told.status == (0 if found["outcome"] in {"held", "quarantined", "failed"} else 1)
    return found


@pytest.mark.parametrize(
    ("words", "outcome", "hit", "by"),
    [
        (("sign-flipped", "--column", "amount"), "held", 100, "amount >= 0"),
        (("rows-twice",), "held", 100, "unique order_id"),
        (("nulls", "--column", "amount", "--magnitude", "0.5"), "quarantined", None, "not_null amount"),
        (("category-lost", "--column", "country", "--value", "DE"), "told", 50, "few"),
        (("other-case", "--column", "country"), "missed", 100, None),
        (("sign-flipped", "--where", "country = 'FR' and order_id > 150"), "held", 25, "amount >= 0"),
    ],
)
def test_what_the_gate_makes_of_it(
    built: SmallProject, words: tuple[str, ...], outcome: str, hit: int | None, by: str | None
) -> None:
    found = play(built, *words)
    assert found["outcome"] == outcome, found
    assert found["new_rows"] == 100
    assert hit is None or found["hit_rows"] == hit
    sentences = found["by"]
    assert isinstance(sentences, list)
    assert (by is None) == (not sentences)
    assert by is None or by in sentences[0]
    assert by is None or found["right_table"] is True


def test_who_would_be_told_and_how_urgently(built: SmallProject) -> None:
    found = play(built, "sign-flipped", "--column", "amount")
    assert found["severity"] == "sev2", "a held version of a product of tier 1"
    assert found["right_column"] is None, "a rule names no column"
    assert found["told"] == [
        {"target": "file:told.jsonl", "kind": "opened", "after_s": 0.0, "waits": None},
        {"target": "file:night.jsonl", "kind": "escalated", "after_s": 900.0, "waits": None},
    ]
    assert not (built.root / "told.jsonl").exists(), "nobody is really told"


def test_of_what_is_missed_it_says_which_check_would_have_held_it(built: SmallProject) -> None:
    """The checks are put into tidegate.yml, and the same drill is caught."""
    told = built.cli("drill", "run", "other-case", "--column", "country", "--table", "raw.orders")
    assert told.status == 1
    assert "nobody would have noticed" in told.out
    found = play(built, "other-case", "--column", "country")
    proposed = found["proposals"]
    assert isinstance(proposed, list)
    assert proposed
    assert all((p["bad"], p["good"]) == ("fail", "pass") for p in proposed)
    settings = built.root / "tidegate.yml"
    before = settings.read_text(encoding="utf-8")
    sql, low, high = (proposed[0]["check"]["arguments"][k] for k in ("sql", "min", "max"))
    check = f"  - {{name: letters, metric: {json.dumps(sql)}, min: {low}, max: {high}}}\nnotify:"
    settings.write_text(before.replace("notify:", check, 1), encoding="utf-8")
    try:
        assert play(built, "other-case", "--column", "country")["outcome"] == "held"
    finally:
        settings.write_text(before, encoding="utf-8")


def test_nothing_of_the_project_is_touched_but_the_ledger(built: SmallProject) -> None:
    before, live = built.content(), built.live.resolve()
    versions = built.versions()
    for fault in ("rows-twice", "other-case", "batch-missing"):
        play(built, fault)
    assert built.content() == before
    assert built.live.resolve() == live
    assert built.versions() == versions
    assert built.cli("incidents", "--all", "--json").document["total"] == 0
    assert built.cli("check").status == 0
    assert built.cli("audit", "verify").status == 0
    assert not list((built.root / ".tidegate" / "drills").iterdir())


def test_a_score_of_all_faults(built: SmallProject) -> None:
    told = built.cli("drill", "run", "--all-faults", "--table", "raw.orders", "--json")
    assert told.status == 1, "some are missed"
    by_name = {d["drill"]["name"]: d["outcome"] for d in told.document["drills"]}
    assert by_name["rows-twice"] == by_name["keys-repeated"] == by_name["column-dropped"] == "held"
    assert by_name["shuffled"] == "missed"
    assert "times-ahead" not in by_name, "there is no column of times"
    assert told.document["caught"] == sum(o in {"held", "quarantined"} for o in by_name.values())


def test_a_drill_of_ones_own_and_what_came_of_it(built: SmallProject) -> None:
    folder = built.root / "drills"
    folder.mkdir()
    try:
        (folder / "refunds.yml").write_text(
            "version: 1\nfault: sign-flipped\ntable: raw.orders\ncolumn: amount\nbecause: they came twice\n",
            encoding="utf-8",
        )
        assert "never played" in built.cli("drill").out
        assert built.cli("drill", "run").status == 0
        assert "held on 20" in built.cli("drill", "list").out
        past = built.cli("drill", "show", "refunds", "--json").document["played"]
        assert [(p["role"], p["data"]["outcome"], p["data"]["reason"]) for p in past] == [
            ("operator", "held", "they came twice")
        ]
        assert "amount >= 0" in built.cli("drill", "show", "refunds").out
        assert_refused(built.cli("drill", "run", "refunds", "--column", "x"), says="`--column` belongs to faults")
        (folder / "refunds.yml").write_text("version: 1\nfault: sign-flipped\ntabel: raw.orders\n", encoding="utf-8")
        assert_refused(built.cli("drill", "list"), says="drills/refunds.yml:3:1: unknown key `tabel`", hint="`table`")
    finally:
        (folder / "refunds.yml").unlink()
        folder.rmdir()


def test_told_are_only_targets_for_tests(built: SmallProject) -> None:
    told = built.cli("drill", "run", "rows-twice", "--table", "raw.orders", "--notify")
    assert told.status == 0, told
    (line,) = (built.root / "test.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["headline"].startswith("This is a drill, nothing is wrong: unique order_id")
    (built.root / "test.jsonl").unlink()
    assert not (built.root / "told.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        ((), "no drill in `drills/`", "tidegate drill run rows-lost --table raw.orders"),
        (("earthquake", "--table", "raw.orders"), "no fault `earthquake`", "rows-lost"),
        (("rows-lost",), "`rows-lost` needs a table", "--table"),
        (("rows-lost", "--table", "raw.order"), "no table `raw.order`", "raw.orders"),
        (("rows-lost", "--table", "orders"), "`orders` is not the name of a table", "schema.table"),
        (("nulls", "--table", "raw.orders", "--column", "total"), "no column `total`", "amount"),
        (("cut-off", "--table", "raw.orders", "--column", "amount"), "`cut-off` happens to a text column", "another"),
        (("times-ahead", "--table", "raw.orders"), "no column to which `times-ahead` can happen", "another table"),
        (("rows-lost", "--table", "raw.orders", "--where", "amount > 99"), "no row for which `amount > 99`", "where"),
        (("rows-lost", "--table", "raw.orders", "--where", "drop table x"), "`drop table x`", "predicate"),
        (("rows-lost", "--table", "raw.orders", "--magnitude", "2"), "found `2`", "magnitude"),
    ],
)
def test_what_cannot_be_played_is_said(built: SmallProject, words: tuple[str, ...], says: str, hint: str) -> None:
    assert_refused(built.cli("drill", "run", *words), says=says, hint=hint)


def test_a_drill_needs_a_run_to_damage(tmp_path: Path) -> None:
    project = make(tmp_path)
    words = ("drill", "run", "rows-lost", "--table", "raw.orders")
    assert_refused(project.cli(*words), says="nothing is published")
    assert project.cli("run").status == 0
    assert_refused(project.cli(*words), says="`1` is the first one", hint="run the pipeline once more")
    assert project.cli("run").status == 0
    assert_refused(project.cli(*words, "--notify"), says="marked `test: true`", hint="mark one")


def test_what_a_killed_drill_left_is_removed(built: SmallProject) -> None:
    place = built.root / ".tidegate" / "drills"
    dead = place / f"{os.uname().nodename}-99999999-left"
    dead.mkdir(parents=True)
    (dead / "link").symlink_to(built.root / "tidegate.yml")
    play(built, "rows-twice")
    assert not dead.exists()
    assert (built.root / "tidegate.yml").is_file()


LEDGER = tuple(f'INSERT INTO "{table}" ' for table in ("event", "ledger_head"))
STAGING = "environments: {dev: {}, staging: {warehouse: {path: warehouses/staging}}}"


def dumped(root: Path) -> dict[str, list[str]]:
    """Every row of every state store of a project, by file, but the ledger's and that of its end."""
    found = {}
    for path in sorted((root / ".tidegate").rglob("state.db")):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            found[str(path.relative_to(root))] = [line for line in database.iterdump() if not line.startswith(LEDGER)]
    return found


def others(root: Path) -> dict[str, bytes | str]:
    """Every other file of a project, with its bytes or where it points; a run's lock says who held it last."""
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(root.rglob("*"))
        if (path.is_symlink() or path.is_file()) and not path.name.startswith("state.db") and path.name != "lock"
    }


def ledgers(root: Path) -> dict[str, list[Event]]:
    found = {}
    for path in sorted((root / ".tidegate").rglob("state.db")):
        with contextlib.closing(SQLiteStateStore(path, create=False)) as store:
            found[str(path.relative_to(root))] = list(store.events())
    return found


def test_in_an_environment_neither_its_state_nor_another_ones_is_touched(tmp_path: Path) -> None:
    """Nothing but one event in the ledger of the environment tells that there was a drill."""
    project = make(tmp_path / "shop", 'learned: "off"', "checks:" + RULES, STAGING, sql=SQL.format(rows=100))
    for rows in (100, 200):
        project.load(SQL.format(rows=rows))
        for name in ("dev", "staging"):
            assert project.cli("run", "--environment", name).status == 0
    state, files, before = dumped(project.root), others(project.root), ledgers(project.root)
    assert len(state) == 2
    assert {name.partition("/")[0] for name in files} >= {"warehouse", "warehouses", ".tidegate"}
    assert play(project, "rows-twice", "--environment", "staging")["outcome"] == "held"
    assert play(project, "other-case", "--column", "country", "--environment", "staging")["outcome"] == "missed"
    assert dumped(project.root) == state
    assert others(project.root) == files
    after = ledgers(project.root)
    added = {name: [e.kind for e in after[name][len(events) :]] for name, events in before.items()}
    assert {name: after[name][: len(events)] for name, events in before.items()} == before
    assert {bool("staging" in name): kinds for name, kinds in added.items()} == {
        True: ["drill.finished"] * 2,
        False: [],
    }
    assert project.cli("audit", "verify", "--environment", "staging").status == 0


def test_code_that_was_not_promoted_is_played_where_only_promoted_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a drill makes reaches nobody: the check that was added is tried before it is promoted."""
    dev = "environments: {dev: {warehouse: {path: warehouses/dev}}, prod: {promotion: {source: dev%s}}}"
    project = make(tmp_path / "shop", 'learned: "off"', dev % "", sql=SQL.format(rows=100))
    words = ("rows-twice", "--environment", "prod")
    for rows in (100, 200):
        project.load(SQL.format(rows=rows))
        assert project.cli("run", "--environment", "prod").status == 0
    project.configure('learned: "off"', dev % ", only_promoted_code: true", "checks:" + RULES)
    monkeypatch.setenv("TIDEGATE_CODE_REVISION", "0123456789ab+changes")
    assert_refused(project.cli("run", "--environment", "prod"), says="was not promoted to `prod`", hint="commit")
    found = play(project, *words)
    assert (found["outcome"], found["rebuilt"]) == ("held", [])
    assert_refused(project.cli("run", "--environment", "prod"), says="was not promoted to `prod`", hint="commit")
