"""A team's pipeline, as it is generated: what it says is valid, its jobs are run in clean clones, and faults turn jobs red."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.e2e import ci_project, small_project
from tests.e2e.ci_project import BIN, commit, environment, git, write
from tests.e2e.ci_runner import HERE, Runner
from tidegate.services.stages import STAGES

pytestmark = pytest.mark.slow

STATIC = {"static/lint", "static/types", "static/secrets", "static/parse"}
ALL = {*STATIC, f"unit/{HERE}", "build", "checks", "diff", "report", "deploy"}
MART = "transform/models/marts/mart_daily_revenue.sql"


def tidegate(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "tidegate"), *words, "--quiet", "--project", str(folder)]
    return subprocess.run(
        command, cwd=folder, env={**environment(), **env}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The team's repository with both providers' workflows."""
    folder = ci_project.make(tmp_path_factory.mktemp("team") / "shop")
    for provider in ("github", "gitlab"):
        told = tidegate(folder, "ci", "init", "--provider", provider)
        assert told.returncode == 0, told.stderr
    commit(folder, "Add CI")
    return folder


def changed(origin: Path, tmp_path: Path, change: Callable[[Path], None], message: str = "Change") -> Path:
    """A copy of the team's repository whose branch `change` has one commit more."""
    folder = tmp_path / "origin"
    shutil.copytree(origin, folder, symlinks=True)
    git(folder, "checkout", "--quiet", "-b", "change")
    change(folder)
    commit(folder, message)
    return folder


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        write(folder, name, text.replace(old, new))

    return change


def removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def added(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: write(folder, name, text)


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a line that the linter refuses": (
        edit("ingest/shop.py", "import json\n", "import json\nimport os\n"),
        "static/lint",
    ),
    "a file that is not formatted": (added("ingest/more.py", "x = {  'a':1 }\n"), "static/lint"),
    "a wrong type": (added("ingest/more.py", 'x: int = "one"\n'), "static/types"),
    "a credential": (added("ingest/settings.toml", 'password = "Xk29vQmz71bLp0"\n'), "static/secrets"),
    "a failing test": (edit("tests/test_shop.py", "3, 4, 5", "3, 4, 6"), f"unit/{HERE}"),
    "no test at all": (removed("tests/test_shop.py"), f"unit/{HERE}"),
    "only skipped tests": (
        added("tests/test_shop.py", "import pytest\n\n\n@pytest.mark.skip\ndef test_nothing() -> None: ...\n"),
        f"unit/{HERE}",
    ),
}
QUICK = ("a line that the linter refuses", "a wrong type", "a credential", "no test at all")
DATA_FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a warning of dbt's parser": (
        added("transform/models/marts/gone.yml", "models:\n  - name: mart_that_is_not_there\n"),
        "static/parse",
    ),
    "SQL that does not run": (edit(MART, "select", "select no_such_column,"), "build"),
    "a check that fails": (
        edit("tidegate.yml", "products:", 'checks:\n  - {table: raw.orders, rule: "total_amount < 0"}\n\nproducts:'),
        "checks",
    ),
    "a broken contract": (edit("contracts/revenue.odcs.yaml", "logicalType: date,", "logicalType: string,"), "checks"),
    "a number that changes": (
        edit(MART, "sum(paid_amount) as revenue", "sum(paid_amount) - 1 as revenue"),
        "diff",
    ),
}


def red(ended: dict[str, Any]) -> set[str]:
    return {name for name, job in ended.items() if job.status not in {0, None}}


def told(ended: dict[str, Any]) -> str:
    return "\n".join(f"== {name} {job.word}\n{job.output}" for name, job in ended.items())


FILE = {"github": ".github/workflows/tidegate.yml", "gitlab": ".gitlab-ci.yml"}
VALIDATORS = {
    "github": [["check-jsonschema", "--builtin-schema", "vendor.github-workflows"], ["actionlint", "-no-color"]],
    "gitlab": [["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci"]],
}


def valid(top: Path, provider: str, *more: list[str]) -> None:
    for words in (*VALIDATORS[provider], *more):
        command = [str(BIN / words[0]), *words[1:], FILE[provider]]
        done = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_a_generated_file_passes_its_validators(origin: Path, provider: str, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(origin, folder, symlinks=True)
    cli = small_project.SmallProject(root=folder).cli
    for oidc in ([], ["--oidc", "aws"], ["--oidc", "azure"], ["--oidc", "gcp"]):
        said = cli("ci", "init", "--provider", provider, "--force", *oidc)
        assert said.status == 0, said.err
        valid(folder, provider)
    commit(folder, "Add CI again")
    audit = cli("doctor", "--no-history")
    assert audit.status == 0, audit.out


def test_a_pinned_workflow_passes_zizmor(origin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(origin, folder, symlinks=True)
    assert (
        small_project.SmallProject(root=folder)
        .cli("ci", "init", "--provider", "github", "--force", "--oidc", "aws")
        .status
        == 0
    )
    pinned(folder, tmp_path)
    valid(folder, "github", ["zizmor", "--offline", "--no-progress"])


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_a_project_in_a_subfolder_has_its_workflow_at_the_top(origin: Path, provider: str, tmp_path: Path) -> None:
    top = tmp_path / "all"
    shutil.copytree(
        origin, top / "data" / "shop", symlinks=True, ignore=shutil.ignore_patterns(".git", ".github", ".gitlab-ci.yml")
    )
    git(top, "init", "--quiet", "--initial-branch", "main")
    cli = small_project.SmallProject(root=top / "data" / "shop").cli
    assert cli("ci", "init", "--provider", provider).status == 0
    valid(top, provider)
    commit(top, "Begin")
    runner = Runner(origin=top, work=tmp_path, only=frozenset({"lint", "secrets"}))
    ended = runner.github() if provider == "github" else runner.gitlab()
    assert {j.word for j in ended.values()} == {"green"}, told(ended)
    assert len(ended) == 2


def pinned(folder: Path, scratch: Path) -> dict[str, str]:
    """Pin with repositories on this machine in GitHub's place: each has the tag that the workflow names, with a message."""
    text = (folder / ".github/workflows/tidegate.yml").read_text(encoding="utf-8")
    commits = {}
    for action in {line.partition("uses: ")[2] for line in text.splitlines() if "uses: " in line}:
        name, _, version = action.partition("@")
        place = scratch / "github" / name
        place.mkdir(parents=True)
        git(place, "init", "--quiet")
        git(place, "commit", "--quiet", "--allow-empty", "--message", "Release")
        git(place, "tag", "--annotate", version, "--message", version)
        commits[action] = git(place, "rev-parse", "HEAD")
    done = tidegate(folder, "ci", "pin", GITHUB_SERVER_URL=str(scratch / "github"))
    assert done.returncode == 0, done.stderr
    return commits


def test_actions_are_pinned_to_the_commits_that_their_tags_are(origin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(origin, folder, symlinks=True)
    file = folder / ".github/workflows/tidegate.yml"
    before = file.read_text(encoding="utf-8")
    assert tidegate(folder, "ci", "pin", GITHUB_SERVER_URL=str(tmp_path / "nobody")).returncode == 2
    assert file.read_text(encoding="utf-8") == before
    commits = pinned(folder, tmp_path)
    expected = before
    for action, hash_ in commits.items():
        name, _, version = action.partition("@")
        expected = expected.replace(f"uses: {action}\n", f"uses: {name}@{hash_} # {version}\n")
    assert file.read_text(encoding="utf-8") == expected
    assert tidegate(folder, "ci", "pin", GITHUB_SERVER_URL=str(tmp_path / "github")).returncode == 2, "nothing is left"


def test_init_overwrites_nothing_without_being_told(origin: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(origin, folder, symlinks=True)
    again = tidegate(folder, "ci", "init", "--provider", "github")
    assert again.returncode == 0
    assert "says the same already" in again.stdout
    assert git(folder, "status", "--porcelain") == ""
    write(folder, ".github/workflows/tidegate.yml", "name: ours\n")
    refused = tidegate(folder, "ci", "init", "--provider", "github")
    assert (refused.returncode, "--force" in refused.stderr) == (2, True)
    assert (folder / ".github/workflows/tidegate.yml").read_text(encoding="utf-8") == "name: ours\n"
    assert tidegate(folder, "ci", "init", "--provider", "github", "--force").returncode == 0
    assert git(folder, "status", "--porcelain") == ""


def test_every_job_is_green_in_clean_clones(origin: Path, tmp_path: Path) -> None:
    folder = changed(origin, tmp_path, edit("README.md", "# The shop", "# Our shop"))
    runner = Runner(origin=folder, work=tmp_path, branch="change", event="pull_request")
    ended = runner.github()
    assert {name: job.word for name, job in ended.items()} == dict.fromkeys(ALL - {"deploy"}, "green") | {
        "deploy": "skipped"
    }, told(ended)
    (comment,) = runner.comments.comments
    assert "It leaves what is promised as it is. 0 of " in comment["body"]
    assert "## What this change does to the data" in (tmp_path / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", QUICK)
def test_a_fault_in_the_code_turns_its_job_red(origin: Path, tmp_path: Path, fault: str) -> None:
    """The jobs that take a second; tests/e2e/test_ci_faults.py runs every job for every fault."""
    change, job = FAULTS[fault]
    folder = changed(origin, tmp_path, change)
    quick = frozenset({"lint", "types", "secrets", "unit"})
    ended = Runner(origin=folder, work=tmp_path, branch="change", event="pull_request", only=quick).github()
    assert len(ended) == 4
    assert red(ended) == {job}, told(ended)


def test_a_fault_in_the_models_turns_its_job_red(origin: Path, tmp_path: Path) -> None:
    change, job = DATA_FAULTS["a warning of dbt's parser"]
    folder = changed(origin, tmp_path, change)
    quick = frozenset({"lint", "types", "secrets", "parse"})
    ended = Runner(origin=folder, work=tmp_path, branch="change", event="pull_request", only=quick).github()
    assert (len(ended), red(ended)) == (4, {job}), told(ended)


def test_every_stage_has_a_fault() -> None:
    """`deploy` has them in tests/e2e/test_ci_data.py: it runs in production's clone alone."""
    broken = {job.removeprefix("static/").partition("/")[0] for _, job in (*FAULTS.values(), *DATA_FAULTS.values())}
    assert broken == set(STAGES) - {"deploy"}


def test_a_check_that_fails_is_no_failure_of_the_build(origin: Path, tmp_path: Path) -> None:
    folder = changed(origin, tmp_path, DATA_FAULTS["a check that fails"][0])
    done = tidegate(folder, "ci", "run", "checks")
    assert (done.returncode, "ci run build" in done.stdout) == (2, True), "nothing is built yet"
    assert tidegate(folder, "ci", "run", "build").returncode == 0
    report = tmp_path / "report.xml"
    done = tidegate(folder, "ci", "run", "checks", "--format", "json", "--format", f"junit={report}")
    assert done.returncode == 1
    (stage,) = json.loads(done.stdout)["stages"]
    failed = [c["name"] for c in stage["cases"] if c["outcome"] == "fail"]
    assert len(failed) == 1
    assert failed[0].startswith("raw.orders: ")
    suite = ElementTree.parse(report).getroot()[0]
    assert (suite.get("name"), suite.get("failures"), suite.get("errors")) == ("checks", "1", "0")
    write(folder, "tidegate.yml", (folder / "tidegate.yml").read_text(encoding="utf-8") + "\n# other\n")
    stale = tidegate(folder, "ci", "run", "checks")
    assert (stale.returncode, "was built from other files" in stale.stdout) == (2, True)


def test_deploy_refuses_where_production_is_not(origin: Path) -> None:
    done = tidegate(origin, "ci", "run", "deploy")
    assert done.returncode == 2
    assert "production is not on this machine" in done.stdout
    missing = tidegate(origin, "ci", "run", "deploy", TIDEGATE_PRODUCTION="/nowhere/at/all")
    assert (missing.returncode, "`/nowhere/at/all`" in missing.stderr) == (2, True)
