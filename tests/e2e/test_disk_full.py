"""A disk that fills up while Tidegate works, for real: a small file system of its own, which is mounted as root. Minutes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.attempts import ballast, fill
from tests.e2e.harness.driver import Driver, driver
from tests.e2e.harness.rig import Rig
from tests.e2e.small_project import SmallProject, make
from tests.e2e.test_kill import SCENARIOS, Stage, plan, stages_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.soak,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0,
        reason="a small disk of its own can be mounted on Linux as root only",
    ),
]

ROOMS = (0, 4096, 16_384, 65_536)
"""Bytes that are left when a stage is reached: nothing, a page, and as much as lets a command come somewhat further."""

LARGE = "create table if not exists orders as select i as id, hash(i) as noise from range(1000000) as t(i)"
"""Some 12 MB, which do not compress."""


@pytest.fixture(scope="module")
def forks() -> Iterator[Driver]:
    with driver() as forking:
        yield forking


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fresh(disk: Path, forks: Driver) -> Rig:
    """A project in the place of the one before."""
    for old in disk.iterdir():
        shutil.rmtree(old)
    return Rig(root=disk / "shop", driver=forks)


def meet(rig: Rig, name: str, stage: Stage, room: int) -> str | None:
    """Have a command meet a full disk at a stage. What it may not do to readers and ledger, `give` asserts.

    Returns the code of its error; None when the room was enough.
    """
    order = SCENARIOS[name].order(rig) if name in SCENARIOS else rig.order("run")
    report = rig.give(order.dying(stage=stage[0], occurrence=stage[1], room=room))
    assert report.error is not None or report.ended, report
    assert report.error != "disk-full" or "space" in report.facts["message"]
    rig.complete(rig.order("run"))
    return report.error


@pytest.mark.parametrize("name", SCENARIOS)
def test_full_at_every_named_stage(disk: Path, forks: Driver, name: str) -> None:
    """Readers and ledger are what they would be without the command or with it; once there is room, the next run is whole."""
    rig = fresh(disk, forks)
    errors = set()
    for stage in plan(rig, name):
        for room in ROOMS:
            SCENARIOS[name].prepare(rig)
            errors.add(meet(rig, name, stage, room))
    assert None in errors, "room enough for one of them"
    assert errors - {None} == {"disk-full"} or name == "check", "a check may find room in the log that it has"
    assert errors <= {None, "disk-full"}


def test_full_at_every_named_stage_of_the_first_run(disk: Path, forks: Driver) -> None:
    rig = fresh(disk, forks)
    for stage in stages_of(rig.complete(rig.order("run"))):
        for room in ROOMS:
            meet(fresh(disk, forks), "first run", stage, room)


def test_what_the_hint_says_makes_room(disk: Path) -> None:
    """The candidate does not fit: exit status 2 and readers keep what they have; a lower retention lets the next run through."""
    project = make(disk / "shop")
    project.configure("retention: {versions: 3, days: 0}")
    project.load(LARGE)
    for _ in range(3):
        assert project.cli("run").status == 0
    fill(project.root, 6_000_000)
    before = project.versions()
    refused = project.process("run", "--json")
    assert refused.status == 2
    assert "disk-full" in refused.out
    assert "lower `versions` and `days` of `retention:`" in refused.out + refused.err
    assert project.versions() == {**before, 4: "pruned"}
    assert project.query("select count(*) from orders") == [(1_000_000,)]
    project.configure("retention: {versions: 1, days: 0}")
    done = project.process("run")
    assert done.status == 0, done.err
    assert project.versions() == {1: "pruned", 2: "pruned", 3: "retired", 4: "pruned", 5: "published"}
    ballast(project.root).unlink()


def test_a_full_disk_does_not_hide_what_is_there(disk: Path) -> None:
    """Without a byte left, the commands that only read still answer, and the one that writes says why it does not."""
    project: SmallProject = make(disk / "shop")
    project.configure()
    assert project.cli("run").status == 0
    fill(project.root, 0)
    for words in (["status"], ["versions"], ["incidents"], ["doctor"]):
        told = project.process(*words)
        assert told.status in {0, 1}, (words, told)
    refused = project.process("run")
    assert refused.status == 2
    assert "space" in refused.err
    assert "Traceback" not in refused.err
    assert project.query("select count(*) from raw.orders") == [(100,)]
