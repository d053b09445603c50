"""Pin the actions of workflows: ask GitHub which commit a version is, and write that."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import NothingCheckedError, PathNotFoundError, UsageError
from tidegate.integrations.project_tree import git

USES = re.compile(
    r"^(?P<lead>\s*(?:-\s+)?uses:\s*)(?P<name>[\w.-]+/[\w.-]+(?:/[\w./-]+)?)@(?P<ref>[^\s#]+)[ \t]*(?:#.*)?$",
    re.MULTILINE,
)
COMMIT = re.compile(r"[0-9a-f]{40}")
TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """An action, the version that was written, and the commit that it is."""

    file: Path
    action: str
    version: str
    commit: str


def pin(start: Path, files: Sequence[str], *, server: str) -> tuple[Pin, ...]:
    """Write the commit in place of the version of every action; the version stays as a comment. All files or none.

    Args:
        files: workflows; empty for every one of the repository.
        server: where the actions are, such as `https://github.com`.

    Raises:
        PathNotFoundError: no such file.
        NothingCheckedError: no file uses an action by a version.
        UsageError: a version that the server does not know as a tag, or no answer: nothing is written then.
    """
    found = {path: path.read_text(encoding="utf-8") for path in _files(start, files)}
    wanted = {
        (m["name"], m["ref"]) for text in found.values() for m in USES.finditer(text) if not COMMIT.fullmatch(m["ref"])
    }
    if not wanted:
        raise NothingCheckedError(
            "no action is named by a version", hint="every one is pinned already, or none is used"
        )
    commits = {key: _commit(*key, server=server) for key in sorted(wanted)}
    pins = []
    for path, text in found.items():
        path.write_text(USES.sub(lambda m: _written(m, commits), text), encoding="utf-8")
        here = dict.fromkeys((m["name"], m["ref"]) for m in USES.finditer(text))
        pins += [Pin(file=path, action=n, version=r, commit=commits[n, r]) for n, r in here if (n, r) in commits]
    return tuple(pins)


def _files(start: Path, files: Sequence[str]) -> list[Path]:
    if files:
        paths = [Path(f) for f in files]
    else:
        said = git(start, "rev-parse", "--show-toplevel")
        folder = (Path(said.strip()) if said else start) / ".github" / "workflows"
        paths = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
        if not paths:
            raise PathNotFoundError(
                f"there is no workflow in `{folder}`", hint="`tidegate ci init --provider github` writes one"
            )
    for path in paths:
        if not path.is_file():
            raise PathNotFoundError(f"there is no file `{path}`", hint="name a workflow")
    return paths


def _written(found: re.Match[str], commits: dict[tuple[str, str], str]) -> str:
    commit = commits.get((found["name"], found["ref"]))
    return f"{found['lead']}{found['name']}@{commit} # {found['ref']}" if commit else found[0]


def _commit(action: str, version: str, *, server: str) -> str:
    """The commit of a tag: of one with a message, the commit that it is about."""
    repository = "/".join(action.split("/")[:2])
    tag = f"refs/tags/{version}"
    command = ["git", "ls-remote", f"{server.rstrip('/')}/{repository}", tag, f"{tag}^{{}}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"`{server}` did not answer: {error}", hint="run it again when online") from error
    lines = {name: commit for commit, _, name in (line.partition("\t") for line in done.stdout.splitlines())}
    commit = lines.get(f"{tag}^{{}}", lines.get(tag, ""))
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise UsageError(
            f"`{server}/{repository}` did not answer: {said[-1] if said else done.returncode}",
            hint="run it again when online",
        )
    if not COMMIT.fullmatch(commit):
        raise UsageError(f"`{repository}` has no tag `{version}`", hint="name a released version in the workflow")
    return commit
