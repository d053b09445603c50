"""A project whose state store is in PostgreSQL: it runs, holds, is looked at, and refuses what it must."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from ruamel.yaml import YAML

from tests.e2e import small_project
from tests.e2e.ci_project import commit, git
from tests.e2e.small_project import SmallProject
from tests.postgres_server import new_schema

ORDERS = "create schema if not exists raw; create or replace table raw.orders as select range as id from range({rows})"
CHECK = "  - {table: raw.orders, rule: 'id < 100'}"


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, postgres: str, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    monkeypatch.setenv("SHOP_STATE", new_schema(postgres))
    found = small_project.make(tmp_path_factory.mktemp("shared") / "shop")
    found.configure("state: ${SHOP_STATE}", 'learned: "off"', "checks:", CHECK)
    return found


def test_a_run_a_hold_and_what_is_known_of_them(project: SmallProject) -> None:
    assert project.cli("status").status == 0
    for rows, status in ((50, 0), (60, 0), (101, 1)):
        project.load(ORDERS.format(rows=rows))
        assert project.cli("run").status == status
    assert project.versions() == {1: "retired", 2: "published", 3: "held"}
    assert not (project.root / ".tidegate" / "state.db").exists()
    (incident,) = project.cli("incidents", "list", "--json").document["incidents"]
    assert incident["findings"][0]["dataset"] == "raw.orders"
    assert project.cli("audit", "verify").status == 0
    assert project.cli("incidents", "ack", "1").status == 0
    assert project.cli("rollback").status == 0
    assert project.query("select count(*) from raw.orders") == [(50,)]


def test_a_sample_is_held_against_what_is_published(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project.load(ORDERS.format(rows=50))
    assert project.cli("run").status == 0
    assert project.cli("sample", "--rows", "9").status == 0
    verified = project.cli("sample", "verify")
    assert (verified.status, "published" in verified.out) == (0, False), verified
    monkeypatch.delenv("SHOP_STATE")
    assert project.cli("sample", "verify").status == 2


def test_what_it_needs_is_said(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_STATE")
    told = project.cli("status")
    assert (told.status, told.out) == (2, "")
    assert "`state:` needs `SHOP_STATE`" in told.err
    assert "hint: set `SHOP_STATE` where tidegate runs" in told.err


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("mysql://host/shop", "`state` is no address of a PostgreSQL database"),
        ("state.db", "`state` is no address of a PostgreSQL database"),
        ("postgresql://tide:geheim@host/shop", "a password stands in `state`"),
        ("postgresql://tide@host/shop?password=geheim", "a password stands in `state`"),
    ],
)
def test_what_cannot_be_meant_is_refused(project: SmallProject, said: str, says: str) -> None:
    project.configure(f"state: {said}")
    told = project.cli("status")
    assert told.status == 2
    assert says in told.err
    assert "geheim" not in told.err
    assert "tidegate.yml:5:1" in told.err


def test_a_part_of_the_address_may_hold_any_character(project: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "p@ss/w:rd")
    project.configure("state: 'postgresql://tide:${SHOP_PASSWORD}@127.0.0.1:1/shop'")
    told = project.cli("status")
    assert told.status == 2
    assert "`postgresql://tide@127.0.0.1:1/shop` does not answer" in told.err
    assert "w:rd" not in told.err


def test_ci_builds_compares_and_reports_without_the_teams_state(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine of the provider has no way to it, and where there is one a throw-away build is nothing to be known."""
    project.configure(
        "state: ${SHOP_STATE}",
        "environments:",
        "  ci: {learned: warn, steps: {load: {env: {ROWS: '3'}}}}",
        "promotion: {}",
        "checks:",
        CHECK,
    )
    git(project.root, "init", "--quiet", "--initial-branch", "main")
    commit(project.root, "Begin")
    project.load(ORDERS.format(rows=60))
    assert project.cli("run").status == 0
    git(project.root, "checkout", "--quiet", "-b", "change")
    commit(project.root, "Load 60 rows")
    known = project.cli("versions", "--all", "--json").out
    for environment in ({}, {"TIDEGATE_ENVIRONMENT": "ci"}):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for stage, status in (("build", 0), ("checks", 0), ("diff", 1)):
            told = project.cli("ci", "run", stage, "--json", "--quiet")
            assert told.status == status, told
            assert project.cli("versions", "--all", "--json").out == known
    monkeypatch.delenv("SHOP_STATE")
    for stage, status in (("build", 0), ("checks", 0), ("diff", 1)):
        assert project.cli("ci", "run", stage, "--quiet").status == status
    told = project.cli("ci", "report", "--json", "--fail-on", "never")
    assert told.status == 0, told
    assert [t["ref"] for t in told.document["tables"] if t["state"] == "changed"] == ["raw.orders"]


def test_what_the_compose_file_says_of_the_state_is_what_a_run_uses(
    project: SmallProject, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As compose does it: variables are put in, and the name of the service is the address of its server."""
    project.configure("state: ${TIDEGATE_STATE:-}", 'learned: "off"', "checks:", CHECK)
    project.load(ORDERS.format(rows=50))
    assert project.cli("init", "--docker").status == 0
    written = YAML(typ="safe").load((project.root / "compose.yaml").read_text(encoding="utf-8"))
    address = written["services"]["pipeline"]["environment"]["TIDEGATE_STATE"]
    address = address.replace("${STATE_PASSWORD:?write it into .env}", "0123abcd")
    assert project.cli("run").status == 0
    assert (project.root / ".tidegate" / "state.db").exists(), "a file where the variable holds nothing"
    monkeypatch.setenv("TIDEGATE_STATE", address)
    told = project.cli("status")
    assert (told.status, "`postgresql://tidegate@state-db:5432/tidegate`" in told.err) == (2, True), told
    real = new_schema(postgres)
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("create role tidegate login password '0123abcd'")
        server.execute("create database tidegate owner tidegate")
    server_parts, made = urlsplit(real), urlsplit(address)
    host = f"{made.username}:{made.password}@{server_parts.netloc.rpartition('@')[2]}"
    query = "&".join(p for p in server_parts.query.split("&") if p)
    monkeypatch.setenv("TIDEGATE_STATE", urlunsplit(("postgresql", host, made.path, query, "")))
    project.load(ORDERS.format(rows=101))
    assert project.cli("run").status == 1
    assert [i["number"] for i in project.cli("incidents", "list", "--json").document["incidents"]] == [1]
    assert project.cli("audit", "verify").status == 0
