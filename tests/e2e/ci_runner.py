"""Run a workflow's jobs here: the shell of every step in a clean clone, in the order that `needs` asks for.

What is not a shell is played: a checkout is a clone, an artifact a folder, and the Python of `setup-python` is this one
(so a matrix of Pythons is run with this one alone). The step `install` is skipped, with this environment's tools first in
PATH, unless `install` is asked for.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.e2e.ci_project import environment

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a job ended: `status` is None for one that was skipped."""

    status: int | None
    output: str = ""

    @property
    def word(self) -> str:
        return "skipped" if self.status is None else "green" if self.status == 0 else "red"


@dataclass(kw_only=True)
class Runner:
    """One run of the pipeline for a branch of `origin`; `variables` are those of the provider's store."""

    origin: Path
    work: Path
    branch: str = "main"
    event: str = "push"
    variables: Mapping[str, str] = field(default_factory=dict)
    install: bool = False
    only: frozenset[str] = frozenset()
    folder: str = "."

    def github(self) -> dict[str, Ended]:
        """Every job of GitHub's workflow, a matrix's by its value."""
        workflow = self._read(".github/workflows/tidegate.yml")
        ended: dict[str, Ended] = {}
        self.folder = workflow.get("defaults", {}).get("run", {}).get("working-directory", ".")
        for name, job in workflow["jobs"].items():
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            blocked = any(e.status != 0 for n, e in ended.items() if n.split("/")[0] in needed)
            if "if" in job and f"'{self.event}'" not in job["if"]:
                blocked = True
            for matrix in _combinations(job):
                label = "/".join([name, *matrix.values()])
                if self.only and not self.only & {name, *matrix.values()}:
                    continue
                ended[label] = Ended(status=None) if blocked else self._github_job(label, job, matrix)
        return ended

    def gitlab(self) -> dict[str, Ended]:
        """Every job of GitLab's pipeline but the manual ones."""
        pipeline = self._read(".gitlab-ci.yml")
        ended: dict[str, Ended] = {}
        artifacts: dict[str, Path] = {}
        for name, job in pipeline.items():
            if not isinstance(job, dict) or "script" not in job or (self.only and name not in self.only):
                continue
            rules = str(job.get("rules", ""))
            needed = job.get("needs", [])
            if "manual" in rules or ("merge_request" in rules and self.event != "pull_request"):
                ended[name] = Ended(status=None)
                continue
            if any(ended[n].status != 0 for n in needed):
                ended[name] = Ended(status=None)
                continue
            clone = self._clone(name)
            for path in (artifacts[n] for n in needed):
                shutil.copy2(path, clone)
            before = [line for line in pipeline["default"]["before_script"] if self.install or " install " not in line]
            shell = "\n".join([*before, *job["script"]])
            extra = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "origin/main", "CI_PROJECT_DIR": str(clone)}
            ended[name] = self._shell(shell, clone, extra)
            for path in job.get("artifacts", {}).get("paths", []):
                artifacts[name] = clone / path
        return ended

    def _read(self, name: str) -> dict[str, Any]:
        clone = self._clone("workflow")
        read: dict[str, Any] = YAML(typ="safe").load((clone / name).read_text(encoding="utf-8"))
        return read

    def _clone(self, name: str) -> Path:
        folder = self.work / name.replace("/", "-")
        command = ["git", "clone", "--quiet", "--branch", self.branch, str(self.origin), str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        return folder

    def _github_job(self, label: str, job: Mapping[str, Any], matrix: Mapping[str, str]) -> Ended:
        clone = self._clone(label)
        output = ""
        for step in job["steps"]:
            if "run" not in step:
                self._played(step, clone)
                continue
            if step.get("name") == "install" and not self.install:
                continue
            env = {k: self._valued(str(v), matrix) for k, v in step.get("env", {}).items()}
            ended = self._shell(step["run"], clone / self.folder, {**env, "GITHUB_BASE_REF": "main"})
            output += ended.output
            if ended.status != 0:
                return Ended(status=ended.status, output=output)
        return Ended(status=0, output=output)

    def _valued(self, text: str, matrix: Mapping[str, str]) -> str:
        known = {**{f"matrix.{k}": v for k, v in matrix.items()}}
        for store in ("vars", "secrets"):
            known |= {f"{store}.{k}": v for k, v in self.variables.items()}
        return EXPRESSION.sub(lambda found: known.get(found[1], ""), text)

    def _played(self, step: Mapping[str, Any], clone: Path) -> None:
        action = step["uses"].partition("@")[0]
        said = step.get("with", {})
        store = self.work / "artifacts" / str(said.get("name"))
        if action == "actions/upload-artifact":
            store.mkdir(parents=True)
            shutil.copy2(clone / said["path"], store)
        elif action == "actions/download-artifact":
            shutil.copytree(store, clone / said["path"], dirs_exist_ok=True)
        else:
            assert action in {"actions/checkout", "actions/setup-python"}, f"nobody plays {action}"

    def _shell(self, script: str, clone: Path, env: Mapping[str, str]) -> Ended:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        whole = {**environment(), **env, "CI": "true"}
        done = subprocess.run(command, cwd=clone, env=whole, capture_output=True, text=True, check=False)
        return Ended(status=done.returncode, output=done.stdout + done.stderr)


def _combinations(job: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    matrix = {
        k: [v for v in vs if k != "python" or v == HERE] for k, vs in job.get("strategy", {}).get("matrix", {}).items()
    }
    for values in itertools.product(*matrix.values()):
        yield dict(zip(matrix, map(str, values), strict=True))
