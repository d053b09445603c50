"""Every command is either one that only reads, or one that says in the ledger who did it, in which role, and why."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.site import state_of
from tests.e2e.small_project import SmallProject, Told, make
from tidegate.cli.parser import COMMANDS, Command
from tidegate.model import Event

READING = frozenset(
    {"audit", "audit verify", "backtest", "config", "config check", "config schema", "diff", "doctor", "explain"}
    | {"contract", "contract diff", "contract export", "contract lint", "contract test"}
    | {"drill", "drill list", "drill show", "slo", "status", "statuspage", "versions"}
    | {"incidents", "incidents list", "incidents postmortem", "incidents show", "incidents stats"}
)
"""They write files that somebody names, at most. (`check` and `slo` open incidents about what they see, as Tidegate.)"""

ELSEWHERE = frozenset({"demo", "init", "iot", "iot up"})
"""They make a project, or play with one of their own."""

BAD = "create schema if not exists raw; create or replace table raw.orders as select i as id, i - {bad} as amount from range(100) t(i)"
SETTINGS = (
    'learned: "off"',
    "tables: {raw.orders: {key: [id]}}",
    "checks:",
    '  - {table: raw.orders, rule: "amount >= 0"}',
    "notify:",
    '  - {to: "file:told.jsonl"}',
)


def commands(those: tuple[Command, ...] = COMMANDS, prefix: str = "") -> Iterator[str]:
    for command in those:
        name = f"{prefix}{command.name}"
        yield name
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


WHY = ("--reason", "because I say so")
MUTATING: dict[str, tuple[tuple[str, ...], Callable[..., Told] | None]] = {
    "run": (("run",), repaired),
    "check": (("check",), None),
    "publish": (("publish", "3", *WHY), None),
    "rollback": (("rollback", *WHY), None),
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
    assert set(commands()) == READING | ELSEWHERE | set(MUTATING)


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
        assert name == "backfill" or any(e.role != "system" for e in added), "a person did it"


def test_the_end_of_a_mute_says_why_too(project: SmallProject) -> None:
    assert muted(project, "notify", "--unmute", "1", *WHY).status == 0
    last = [e for e in events(project) if e.kind == "notification.unmuted"][-1]
    assert (last.actor, last.role, last.data["reason"]) == ("ann", "operator", "because I say so")


@pytest.mark.parametrize("name", sorted(READING - {"contract", "contract diff", "contract lint", "contract test"}))
def test_what_only_reads_leaves_the_ledger_alone(project: SmallProject, name: str) -> None:
    more = {
        "incidents show": ("1",),
        "incidents postmortem": ("1",),
        "drill show": ("none",),
        "contract export": ("raw.orders",),
        "diff": ("1", "2"),
    }
    before = events(project)
    project.cli(*name.split(), *more.get(name, ()))
    assert events(project) == before
