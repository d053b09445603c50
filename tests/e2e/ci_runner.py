"""Run a workflow's jobs here: the shell of every step in a clean clone, in the order that `needs` asks for.

What is not a shell is played: a checkout is a clone, an artifact a folder, and the Python of `setup-python` is this one
(so a matrix of Pythons is run with this one alone). The step `install` is skipped, with this environment's tools first in
PATH, unless `install` is asked for. The provider's API is a server on this machine, which takes GitHub's token from a job that may
write comments and from no other.
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

from tests.conformance.notifier.servers import TOKEN, serving
from tests.e2e.ci_project import environment
from tests.unit.integrations.test_review_comment import GitHubComments, GitLabNotes

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
ASKED = re.compile(r"needs\.(\w+)\.result == 'success'")


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
    comments: GitHubComments = field(default_factory=GitHubComments)
    notes: GitLabNotes = field(default_factory=GitLabNotes)
    api: Mapping[str, str] = field(default_factory=dict)

    def github(self) -> dict[str, Ended]:
        """Every job of GitHub's workflow, a matrix's by its value."""
        workflow = self._read(".github/workflows/tidegate.yml")
        self.folder = workflow.get("defaults", {}).get("run", {}).get("working-directory", ".")
        with serving(self.comments) as url:
            self.api = {"GITHUB_API_URL": url, "GITHUB_REPOSITORY": "shop/data", "GITHUB_REF": "refs/pull/12/merge",
                        "GITHUB_STEP_SUMMARY": str(self.work / "summary.md")}  # fmt: skip
            return self._github_jobs(workflow)

    def _github_jobs(self, workflow: Mapping[str, Any]) -> dict[str, Ended]:
        ended: dict[str, Ended] = {}
        for name, job in workflow["jobs"].items():
            blocked = self._is_blocked(job, ended)
            for matrix in _combinations(job):
                label = "/".join([name, *matrix.values()])
                if self.only and not self.only & {name, *matrix.values()}:
                    continue
                ended[label] = Ended(status=None) if blocked else self._github_job(label, job, matrix)
        return ended

    def _is_blocked(self, job: Mapping[str, Any], ended: Mapping[str, Ended]) -> bool:
        """Whether GitHub would skip a job: another event, or what it needs did not pass, of which a job that starts in any case
        says what must have passed. The pull request is one of a branch of the repository itself.
        """
        condition = job.get("if", "")
        if condition and f"'{self.event}'" not in condition:
            return True
        needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        if "!cancelled()" in condition:
            needed = ASKED.findall(condition)
        return any(e.status != 0 for n, e in ended.items() if n.split("/")[0] in needed)

    def gitlab(self) -> dict[str, Ended]:
        """Every job of GitLab's pipeline but the manual ones."""
        with serving(self.notes) as url:
            self.api = {"CI_API_V4_URL": f"{url}/api/v4", "CI_PROJECT_ID": "42", "CI_MERGE_REQUEST_IID": "7", "GITLAB_CI": "true"}  # fmt: skip
            return self._gitlab_jobs(self._read(".gitlab-ci.yml"))

    def _gitlab_jobs(self, pipeline: Mapping[str, Any]) -> dict[str, Ended]:
        ended: dict[str, Ended] = {}
        artifacts: dict[str, Path] = {}
        for name, job in pipeline.items():
            if not isinstance(job, dict) or "script" not in job or (self.only and name not in self.only):
                continue
            rules = str(job.get("rules", ""))
            needed = job.get("needs", [])
            unasked = "$GITLAB_TOKEN" in rules and "GITLAB_TOKEN" not in self.variables
            if "manual" in rules or unasked or ("merge_request" in rules and self.event != "pull_request"):
                ended[name] = Ended(status=None)
                continue
            if any(ended[n].status != 0 for n in needed) and "always" not in rules:
                ended[name] = Ended(status=None)
                continue
            clone = self._clone(name)
            for path in (artifacts[n] for n in needed if n in artifacts):
                shutil.copy2(path, clone)
            before = [line for line in pipeline["default"]["before_script"] if self.install or " install " not in line]
            shell = "\n".join([*before, *job["script"]])
            extra = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "origin/main", "CI_PROJECT_DIR": str(clone), **self.variables}
            ended[name] = self._shell(shell, clone, extra)
            self._shell("\n".join(job.get("after_script", [])), clone, extra)  # its status says nothing
            said = job.get("artifacts", {})
            kept = ended[name].status == 0 or said.get("when") == "always"
            if kept and (made := [clone / path for path in said.get("paths", []) if (clone / path).exists()]):
                (artifacts[name],) = made
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
        may_comment = job.get("permissions", {}).get("pull-requests") == "write"
        output, status = "", 0
        for step in job["steps"]:
            if (status and "failure()" not in step.get("if", "")) or (
                step.get("name") == "install" and not self.install
            ):
                continue
            if "run" not in step:
                played = self._played(step, clone)
                status = status or played
                continue
            env = {k: self._valued(str(v), matrix, may_comment) for k, v in step.get("env", {}).items()}
            ended = self._shell(step["run"], clone / self.folder, {**env, "GITHUB_BASE_REF": "main"})
            output += ended.output
            status = status or ended.status or 0
        return Ended(status=status, output=output)

    def _valued(self, text: str, matrix: Mapping[str, str], may_comment: bool) -> str:
        known = {
            "github.token": TOKEN if may_comment else "reads-only",
            **{f"matrix.{k}": v for k, v in matrix.items()},
        }
        for store in ("vars", "secrets"):
            known |= {f"{store}.{k}": v for k, v in self.variables.items()}
        return EXPRESSION.sub(lambda found: known.get(found[1], ""), text)

    def _played(self, step: Mapping[str, Any], clone: Path) -> int:
        """Do what an action does; 1 where it fails."""
        action = step["uses"].partition("@")[0]
        said = step.get("with", {})
        store = self.work / "artifacts"
        if action == "actions/upload-artifact":
            if not (clone / said["path"]).exists():
                return 1
            (store / said["name"]).mkdir(parents=True)
            shutil.copy2(clone / said["path"], store / said["name"])
        elif action == "actions/download-artifact":
            for folder in [store / said["name"]] if "name" in said else sorted(store.iterdir()):
                into = (
                    clone / said["path"]
                    if "name" in said or said["merge-multiple"]
                    else clone / said["path"] / folder.name
                )
                shutil.copytree(folder, into, dirs_exist_ok=True)
        else:
            assert action in {"actions/checkout", "actions/setup-python"}, f"nobody plays {action}"
        return 0

    def _shell(self, script: str, clone: Path, env: Mapping[str, str]) -> Ended:
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        whole = {**environment(), **self.api, **env, "CI": "true"}
        done = subprocess.run(command, cwd=clone, env=whole, capture_output=True, text=True, check=False)
        return Ended(status=done.returncode, output=done.stdout + done.stderr)


def _combinations(job: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    matrix = {
        k: [v for v in vs if k != "python" or v == HERE] for k, vs in job.get("strategy", {}).get("matrix", {}).items()
    }
    for values in itertools.product(*matrix.values()):
        yield dict(zip(matrix, map(str, values), strict=True))
