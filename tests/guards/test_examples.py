"""What is kept under examples/ is what the template writes, and comes whole out of a clone."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

from tests.guards.source import ROOT
from tidegate.app.templates import TEMPLATES
from tidegate.kit.source import project_files

EXAMPLES = ROOT / "examples"


def committed(folder: Path) -> dict[str, int]:
    """What git has, or would take, under a folder: path relative to it, and its mode."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", str(folder)]
    listed = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = [ROOT / name for name in listed.split("\0") if name]
    return {str(p.relative_to(folder)): p.lstat().st_mode for p in names if p.is_symlink() or p.exists()}


def reached(name: str, folder: Path) -> bytes | None:
    path = folder / name
    return path.read_bytes() if path.is_file() else None


def test_every_template_is_there_byte_by_byte() -> None:
    for template, package in TEMPLATES.items():
        written = dict(project_files(package))
        assert len(written) > 50
        assert {n for n, content in written.items() if reached(n, EXAMPLES / template) != content} == set()
        assert set(committed(EXAMPLES / template)) == {name.split("/")[0] for name in written}, "no more, and no less"


def test_links_hold_wherever_the_checkout_is() -> None:
    for template in TEMPLATES:
        entries = committed(EXAMPLES / template)
        links = {name: (EXAMPLES / template / name) for name, mode in entries.items() if stat.S_ISLNK(mode)}
        assert set(entries) - set(links) == {".gitignore"}, "git does not follow a link of that name"
        for path in links.values():
            assert not path.readlink().is_absolute()
            assert path.resolve().is_relative_to(ROOT / "src")


def test_what_runs_leave_is_ignored() -> None:
    """By git here, and so by the build of the wheel: the folders are those of the package."""
    package = "src/tidegate/kit/aws_iot/project"
    left = [
        f"examples/aws-iot/{name}" for name in (".local/moto.log", ".tidegate/state.db", "build/x.zip", "warehouse/x")
    ]
    for name in (".terraform/x", ".terraform.lock.hcl", "dev.tfplan", "terraform.tfstate", "terraform.tfstate.backup"):
        left.append(f"{package}/infra/environments/dev/{name}")
    words = ["git", "check-ignore", "--no-index", *left]
    done = subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.stdout.splitlines() == left
