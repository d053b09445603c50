"""The lock pins, with hashes and without addresses, what the project declares."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.guards.source import ROOT, pyproject

LOCKS = ("requirements/uv.txt", "requirements/build.txt", "requirements/dev.txt", "requirements/image.txt")


def declared(path: Path) -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line]


def pins(text: str) -> dict[str, list[Requirement]]:
    """Every pinned version by name; a package has two when newer Pythons get a newer one."""
    found = defaultdict(list)
    for block in re.split(r"\n(?=\S)", text):
        entry = re.sub(r"\s*\\\n\s+--hash=sha256:[0-9a-f]{64}", "", block)
        requirement = Requirement(entry.split("\n")[0])
        found[canonicalize_name(requirement.name)].append(requirement)
    return found


def unhashed(text: str) -> list[str]:
    return [b.split("\n")[0] for b in re.split(r"\n(?=\S)", text) if not re.search(r"--hash=sha256:[0-9a-f]{64}", b)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert unhashed(text) == []
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|file:", text)


def test_a_pin_without_a_hash_is_found() -> None:
    assert unhashed(f"a==1 \\\n    --hash=sha256:{'0' * 64}\n    # via x\nb==2\n    # via x") == ["b==2"]


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_its_input_asks_for(lock: str) -> None:
    wanted = declared((ROOT / lock).with_suffix(".in"))
    extras_of = {
        "requirements/dev.txt": set(pyproject()["project"]["optional-dependencies"]),
        "requirements/image.txt": {"doctor"},
    }
    if lock in extras_of:
        project = pyproject()["project"]
        extras = (text for name in extras_of[lock] for text in project["optional-dependencies"][name])
        wanted += [Requirement(text) for text in (*project["dependencies"], *extras)]
    pinned = pins((ROOT / lock).read_text(encoding="utf-8"))
    for requirement in wanted:
        versions = [str(pin.specifier).removeprefix("==") for pin in pinned[canonicalize_name(requirement.name)]]
        assert versions, f"{requirement} is not pinned: run `make lock`"
        assert all(requirement.specifier.contains(v) for v in versions), (
            f"{requirement} but {versions}: run `make lock`"
        )


def test_the_lock_covers_every_python_that_is_declared() -> None:
    names = [c.rsplit(" ", 1)[1] for c in pyproject()["project"]["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert names
    for name, choices in pins((ROOT / "requirements/dev.txt").read_text(encoding="utf-8")).items():
        if any("python_full_version" in str(pin.marker) for pin in choices) and len(choices) > 1:
            for python in names:
                fitting = [pin for pin in choices if pin.marker.evaluate({"python_full_version": f"{python}.0"})]
                assert len(fitting) == 1, f"{name} on {python}: {fitting}"


def test_the_image_holds_the_releases_that_the_tests_ran_with() -> None:
    tested = pins((ROOT / "requirements/dev.txt").read_text(encoding="utf-8"))
    image = pins((ROOT / "requirements/image.txt").read_text(encoding="utf-8"))
    assert len(image) > 10
    assert [name for name, found in image.items() if {str(p) for p in found} - {str(p) for p in tested[name]}] == []


def test_what_installs_into_the_images_is_what_installs_here() -> None:
    written = ROOT / "src/tidegate/kit/docker/project/docker/uv.txt"
    assert written.read_bytes() == (ROOT / "requirements/uv.txt").read_bytes()
