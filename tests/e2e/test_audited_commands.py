"""Every command is either one that only reads, or one that says in the ledger who did it, in which role, and why."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.site import state_of
from tests.e2e.small_project import SmallProject, Told, assert_refused, make
from tidegate.cli.command import Command
from tidegate.cli.parser import COMMANDS
from tidegate.model import Event

READING = frozenset(
    {"audit", "audit verify", "backtest", "config", "config check", "config schema", "diff", "doctor", "explain"}
    | {"contract", "contract diff", "contract export", "contract lint", "contract test"}
    | {"drill", "drill list", "drill show", "slo", "status", "statuspage", "versions"}
    | {"incidents", "incidents list", "incidents postmortem", "incidents show", "incidents stats"}
    | {"ci", "ci report", "config values", "environments", "sample verify"}
)
"""They write files that somebody names, at most. (`check` and `slo` open incidents about what they see, as Tidegate.)"""

FILES = frozenset({"ci init", "sample", "sample make", "sample load"})
"""They write files for git, or a database that is thrown away: nothing that readers see, and nothing that is decided."""

ELSEWHERE = frozenset({"ci pin", "demo", "init", "iot", "iot up"})
"""They make a project, or play with one of their own; `ci pin` asks the network and edits workflows."""

BAD = "create schema if not exists raw; create or replace table raw.orders as select i as id, i - {bad} as amount from range(100) t(i)"
SETTINGS = (
    'learned: "off"',
    "tables: {raw.orders: {key: [id]}}",
    "checks:",
    '  - {table: raw.orders, rule: "amount >= 0"}',
    "notify:",
    '  - {to: "file:told.jsonl"}',
)


STAGING = """
environments:
  staging: {warehouse: {path: warehouses/staging}}
  prod: {promotion: {source: staging, approvals: %s}}
"""
PRODUCT = "products: {shop: {tables: [raw.orders], owner: ann@example.com, slo: {freshness: 24h}}}"
SWITCHES = frozenset(
    {"ci report --post", "contract export --force", "doctor --deep", "doctor --fix", "doctor --no-history"}
    | {"incidents --all", "incidents list --all", "slo --probe", "versions --all"}
)
"""Of commands that read. `--fix` edits files of git, `--post` writes a comment, `--probe` keeps what was measured: none decides."""


def commands(those: tuple[Command, ...] = COMMANDS, prefix: str = "") -> Iterator[tuple[str, Command]]:
    for command in those:
        name = f"{prefix}{command.name}"
        yield name, command
        yield from commands(command.commands, f"{name} ")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Two sound versions, a held one, and its incident."""
    made = make(tmp_path_factory.mktemp("audited") / "shop", *SETTINGS, sql=BAD.format(bad=0))
    assert made.cli("run").status == 0
    made.load(BAD.format(bad=0) + "; insert into raw.orders values (100, 1)")
    assert made.cli("run").status == 0
    made.load(BAD.format(bad=5))
    assert made.cli("run").status == 1
    return made


@pytest.fixture
def project(built: SmallProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallProject:
    """A copy of it, in which ann acts."""
    monkeypatch.setenv("TIDEGATE_ACTOR", "ann")
    shutil.copytree(built.root, tmp_path / "shop", symlinks=True)
    return SmallProject(root=tmp_path / "shop")


def repaired(project: SmallProject, *words: str) -> Told:
    project.load(BAD.format(bad=0) + "; insert into raw.orders values (100, 1)")
    return project.cli(*words)


def muted(project: SmallProject, *words: str) -> Told:
    assert project.cli("notify", "--mute", "1", "--reason", "noisy").status == 0
    return project.cli(*words)


def staged(project: SmallProject, roles: str, *words: str) -> Told:
    """What the words say where production takes versions of staging, which has a sound one."""
    project.configure(*SETTINGS, STAGING % roles)
    project.load(BAD.format(bad=0))
    assert project.cli("run", "--environment", "staging").status == 0
    return project.cli(*words)


def promoted(project: SmallProject, *words: str) -> Told:
    return staged(project, "{}", *words)


def asked(project: SmallProject, *words: str) -> Told:
    """Somebody has to approve."""
    return staged(project, "{owner: []}", *words)


WHY = ("--reason", "because I say so")
MUTATING: dict[str, tuple[tuple[str, ...], Callable[..., Told] | None]] = {
    "run": (("run",), repaired),
    "check": (("check",), None),
    "publish": (("publish", "3", *WHY), None),
    "rollback": (("rollback", *WHY), None),
    "promote": (("promote", "--to", "prod", *WHY), promoted),
    "promote --held": (("promote", "--to", "prod", *WHY), asked),
    "promote --approve": (("promote", "--to", "prod", "--approve", "--role", "owner", *WHY), asked),
    "ci run": (("ci", "run", "deploy"), repaired),
    "recover": (("recover", "1", "--by", "rerun", *WHY), repaired),
    "backfill": (("backfill", "--from", "2026-01-01", "--to", "2026-01-02", *WHY), repaired),
    "reconcile": (("reconcile", "--incident", "1"), None),
    "incidents ack": (("incidents", "ack", "1", *WHY), None),
    "incidents assign": (("incidents", "assign", "1", "bo", *WHY), None),
    "incidents note": (("incidents", "note", "1", "because I say so"), None),
    "incidents suppress": (("incidents", "suppress", "1", "--for", "1h", *WHY), None),
    "incidents resolve": (("incidents", "resolve", "1", "--as", "expected", *WHY), None),
    "notify": (("notify", "--mute", "raw.*", *WHY), None),
    "drill run": (("drill", "run", "rows-twice", "--table", "raw.orders"), None),
}
ALONE = frozenset({"check"})
"""What it writes is what it saw; nobody decided anything."""


def test_every_command_is_known_here() -> None:
    known = READING | FILES | ELSEWHERE | {name.partition(" --")[0] for name in MUTATING}
    assert {name for name, _ in commands()} == known


def test_every_switch_of_a_command_that_reads_is_known_here() -> None:
    """What a command does to the ledger, a switch of it may do."""
    found = {
        f"{name} {names[0]}"
        for name, command in commands()
        if name in READING
        for names, said in command.options
        if said.get("action") == "store_true"
    }
    assert found == SWITCHES


def events(project: SmallProject) -> list[Event]:
    store = state_of(project.root)
    try:
        return list(store.events())
    finally:
        store.close()


@pytest.mark.parametrize("name", sorted(set(MUTATING) - ALONE))
def test_what_a_command_changes_has_an_actor_a_role_and_a_reason(project: SmallProject, name: str) -> None:
    words, how = MUTATING[name]
    before = len(events(project))
    told = how(project, *words) if how is not None else project.cli(*words)
    assert told.status in {0, 1}, told
    added = events(project)[before:]
    assert added, "it left nothing in the ledger"
    assert {e.actor for e in added} == {"ann"}
    assert all(e.role for e in added)
    said = [e for e in added if e.data.get("reason") or e.data.get("note")]
    assert said, [e.kind for e in added]
    if "because I say so" in words:
        mine = [
            e for e in said if "because I say so" in {e.data.get("reason"), e.data.get("note")} or name == "rollback"
        ]
        assert mine, [(e.kind, e.data) for e in said]
        assert any(e.role != "system" for e in mine), "a person did it"


@pytest.mark.parametrize(
    "words", [("promote", "--to", "prod"), ("backfill", "--from", "2026-01-01", "--to", "2026-01-02")]
)
def test_without_a_reason_the_ledger_says_what_was_asked_for(project: SmallProject, words: tuple[str, ...]) -> None:
    before = len(events(project))
    assert promoted(project, *words).status == 0
    (started,) = (e for e in events(project)[before:] if e.kind == "run.started")
    assert str(started.data["reason"]).endswith("was asked for")
    assert (started.actor, started.role) == ("ann", "operator")


@pytest.mark.parametrize("words", [("ack", "1"), ("assign", "1", "bo")])
def test_at_night_nobody_has_to_say_why_they_take_it(project: SmallProject, words: tuple[str, ...]) -> None:
    before = len(events(project))
    assert project.cli("incidents", *words).status == 0
    added = [e for e in events(project)[before:] if e.kind.startswith("incident.")]
    assert added
    assert all(e.data["reason"] for e in added)


def test_an_approval_needs_a_reason(project: SmallProject) -> None:
    told = asked(project, "promote", "--to", "prod", "--approve", "--role", "owner", "--reason", " ")
    assert_refused(told, says="`--reason` is missing", hint="what you looked at")


def test_what_a_check_opens_is_told_with_its_finding(project: SmallProject) -> None:
    """Nobody decided anything, so the role is Tidegate's and the reason is what was found."""
    stricter = SETTINGS[3].replace("amount >= 0", "amount < 50")
    project.configure(*SETTINGS[:3], stricter, *SETTINGS[4:])
    before = len(events(project))
    assert project.cli("check").status == 1
    opened = [e for e in events(project)[before:] if e.kind == "incident.opened"]
    assert [(e.actor, e.role) for e in opened] == [("ann", "system")]
    assert "amount < 50" in str(opened[0].data["title"])


def test_the_end_of_a_mute_says_why_too(project: SmallProject) -> None:
    assert muted(project, "notify", "--unmute", "1", *WHY).status == 0
    last = [e for e in events(project) if e.kind == "notification.unmuted"][-1]
    assert (last.actor, last.role, last.data["reason"]) == ("ann", "operator", "because I say so")


READ = {
    "incidents show": ("1",),
    "incidents postmortem": ("1",),
    "drill show": ("rows-twice",),
    "contract export": ("raw.orders",),
    "diff": ("1", "2"),
    "sample make": ("--table", "raw.orders", "--clear", "raw.orders.id"),
    "sample": ("--table", "raw.orders", "--clear", "raw.orders.id"),
    "sample load": ("sample.duckdb",),
    "ci init": ("--provider", "github"),
    "ci report": ("--base", "1", "--head", "2"),
}


@pytest.mark.parametrize(
    "name", sorted((READING | FILES) - {"contract", "contract diff", "contract lint", "contract test"})
)
def test_what_only_reads_leaves_the_ledger_and_readers_alone(
    project: SmallProject, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name in {"sample verify", "sample load"}:
        assert project.cli("sample", "make", *READ["sample make"]).status == 0
    if name in {"environments", "slo", "statuspage"}:
        project.configure(*SETTINGS, PRODUCT, STAGING % "{}")
    if name == "drill show":
        assert project.cli("drill", "run", "rows-twice", "--table", "raw.orders").status in {0, 1}
    before, shown = events(project), project.live.read_bytes()
    monkeypatch.chdir(project.root)
    told = project.cli(*name.split(), *READ.get(name, ()))
    assert told.status in {0, 1}, told
    assert events(project) == before
    assert project.live.read_bytes() == shown
