"""Rules about CI: tests that are switched off, that cannot turn a job red, that never run; actions and permissions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from tidegate.doctor.automation import TESTS, Step, Workflow, runs_tests, shell_lines
from tidegate.doctor.facts import Project
from tidegate.doctor.python_source import dotted
from tidegate.doctor.rule import Edit, Found
from tidegate.doctor.test_rules import files_of_tests
from tidegate.doctor.words import entries, joined, mapping, matches, texts, under

COMMENT = re.compile(r"^\s*#\s*(?:-\s+)?(?:(?:run|script|entry)\s*:\s*)?(?:\|\s*)?(?P<command>.+)$")
COMMAND_START = re.compile(
    r"^(?:-\s+)?(?:(?:\w+=\S+\s+)*)(?:uv run |poetry run |pdm run |hatch run |python3? -m |docker[ -]compose (?:run|exec) \S* ?\S* ?)?"
    r"(?:pytest|py\.test|tox|nox|unittest|dbt\s+(?:test|build)|make\s+(?:test|check)|just test)\b"
)
TEST_NAME = re.compile(r"^\s*#\s*-\s*name:\s*.*\btests?\b", re.IGNORECASE)
TOLERATES = re.compile(
    r"\|\|\s*(?:true|:|echo\b|exit\s+0|printf\b)|;\s*(?:true|exit\s+0|:)\s*$|\|\|\s*\[\s*\$\?\s*-eq\s*5\s*\]"
)
COLLECTS = re.compile(r"\bpytest\b[^\n;&|]*--(?:collect-only|co)\b")
SKIPS = frozenset({"pytest.mark.skip", "mark.skip", "unittest.skip"})

RETIRED: Mapping[str, tuple[int, str]] = {
    "actions/checkout": (4, "v4"),
    "actions/setup-python": (5, "v5"),
    "actions/cache": (4, "v4"),
    "actions/upload-artifact": (4, "v4"),
    "actions/download-artifact": (4, "v4"),
    "actions/setup-node": (4, "v4"),
    "actions/setup-java": (4, "v4"),
    "actions/github-script": (7, "v7"),
}
"""The oldest major release of an action whose runtime GitHub still offers without a warning, and the one to take."""

OLDEST_TOLERATED: Mapping[str, int] = {
    "actions/checkout": 3,
    "actions/setup-python": 4,
    "actions/cache": 3,
    "actions/setup-node": 3,
    "actions/setup-java": 3,
    "actions/github-script": 6,
}
"""Old ones that still run on the present runtime: only what is older is told."""

ARCHIVED = frozenset(
    "actions/create-release actions/upload-release-asset actions/setup-ruby actions-rs/toolchain actions-rs/cargo"
    " actions/setup-elixir actions/setup-haskell".split()
)
RUNNERS = frozenset(
    "ubuntu-16.04 ubuntu-18.04 ubuntu-20.04 macos-10.15 macos-11 macos-12 windows-2016 windows-2019".split()
)
BRANCHES = frozenset("main master head develop dev trunk latest stable release nightly".split())


def commented_out_tests(project: Project) -> Iterator[Found]:
    """Test steps of a CI file that were made comments."""
    for workflow in project.workflows:
        before = -2
        lines = project.text(workflow.path).splitlines()
        for number, line in enumerate(lines, start=1):
            found = COMMENT.match(line)
            if found is None:
                continue
            command = found["command"].strip()
            starts = COMMAND_START.match(command) and not re.search(
                r"[a-z] (?:is|are|was|will|runs?|happens?|in|on|by) ", command
            )
            if starts and runs_tests(command) and number > before + 3:
                message = f"a test step was made a comment: `{command[:80]}`"
                yield Found(path=workflow.path, line=number, message=message)
                before = number


def switched_off_tests(project: Project) -> Iterator[Found]:
    """Test steps that a condition keeps from ever running, and tests that are always skipped."""
    for workflow in project.workflows:
        seen: set[int] = set()
        for step in workflow.steps:
            if step.off and step.runs_tests and step.off not in seen:
                seen.add(step.off)
                yield Found(
                    path=step.path, line=step.off, message=f"the test step `{_short(step)}` never runs by itself"
                )
            for place, line in shell_lines(step.run):
                if COLLECTS.search(line):
                    message = "`--collect-only` lists the tests and runs none"
                    yield Found(path=step.path, line=step.run_line + place, message=message)
    tests = set(files_of_tests(project))
    for file in project.python:
        for node in ast.walk(file.tree) if file.path in tests else ():
            for mark in _marks(node):
                if dotted(mark) in SKIPS:
                    yield Found(path=file.path, line=mark.lineno, message="a test is always skipped")


def _marks(node: ast.AST) -> Sequence[ast.expr]:
    """The decorators of a test, or what `pytestmark` is."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.decorator_list
    if isinstance(node, ast.Assign) and any(dotted(t) == "pytestmark" for t in node.targets):
        return node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
    return ()


def _short(step: Step) -> str:
    return (step.name or step.job).splitlines()[0][:60]


def tolerated_failures(project: Project) -> Iterator[Found]:
    """Test steps whose failure leaves the job green."""
    for workflow in project.workflows:
        for step in workflow.steps:
            if not step.runs_tests or step.off:
                continue
            if step.tolerated:
                yield Found(
                    path=step.path, line=step.tolerated, message=f"a failure of `{_short(step)}` leaves the job green"
                )
            lenient = 0
            for place, line in shell_lines(step.run):
                lenient = (
                    place + 1 if re.match(r"set\s+\+e\b", line) else 0 if re.match(r"set\s+-\w*e", line) else lenient
                )
                if TOLERATES.search(line) and runs_tests(line):
                    message = f"`{line[:80]}` succeeds whatever the tests say"
                    yield Found(path=step.path, line=step.run_line + place, message=message)
                elif lenient and runs_tests(line) and "$?" not in step.run and "PIPESTATUS" not in step.run:
                    message = f"after `set +e` nobody asks how `{line[:60]}` ended"
                    yield Found(path=step.path, line=step.run_line + place, message=message)
                elif _piped(line, workflow, step):
                    message = f"in `{line[:80]}` only the last program of the pipe counts"
                    yield Found(path=step.path, line=step.run_line + place, message=message)


def _piped(line: str, workflow: Workflow, step: Step) -> bool:
    """A pipe hides a failure without `pipefail`; GitHub sets that only where `shell: bash` is written."""
    said = TESTS.search(line)
    if said is None or not re.search(r"(?<!\|)\|(?!\|)\s*(?:tee|cat|head|tail|grep|sed)\b", line[said.end() :]):
        return False
    job = next((j for name, j, _ in workflow.jobs if name == step.job), {})
    here = str(job) + str(mapping(workflow.document.content).get("defaults"))
    return "pipefail" not in step.run and "'shell': 'bash'" not in here and "pipefail" not in here


def _has_tests(project: Project) -> bool:
    return bool(files_of_tests(project)) or any(d.tests or list(d.of("test")) for d in project.dbt)


def tests_never_run(project: Project) -> Iterator[Found]:
    """A repository with tests and CI of which no automatic step runs any."""
    active = [w for w in project.workflows if w.steps]
    automatic = [w for w in active if w.automatic and _is_started(w, project)]
    if not active or not _has_tests(project):
        return
    python = [
        p
        for p in files_of_tests(project)
        if re.search(r"^\s*(?:async\s+)?def test|class Test", project.text(p), re.MULTILINE)
    ]
    ran = [c for w in automatic for s in w.steps if not s.off for _, c in shell_lines(s.run) if runs_tests(c)]
    uses = " ".join(s.uses for w in automatic for s in w.steps)
    elsewhere = re.search(
        r"\.github/workflows|pre-commit|docker|make |just |task |nox|tox|\./[\w./-]+\.sh|bash ",
        " ".join(s.run + " " + s.uses for w in active for s in w.steps),
    )
    first = active[0]
    if not ran and not re.search(r"pytest|dbt-action|test", uses) and not (elsewhere and _indirect(project)):
        manual = next((w for w in active if w not in automatic and any(s.runs_tests for s in w.steps)), None)
        place = manual or first
        because = (
            "only a person starts the workflow that runs the tests"
            if manual
            else "no step runs the tests that are here"
        )
        yield Found(path=place.path, line=place.triggers_line, message=because)
    elif (
        python
        and ran
        and not any(
            re.search(
                r"pytest|py\.test|unittest|tox|nox|make|just|task|check|npm|hatch|tidegate ci run|test\b(?<!dbt test)",
                re.sub(r"dbt\s+(?:\S+\s+)*?(?:test|build)", "", c),
            )
            for c in ran
        )
    ):
        if not _indirect(project):
            message = f"dbt's tests run, and no step runs the Python tests such as `{python[0]}`"
            yield Found(path=first.path, line=first.triggers_line, message=message)


def _is_started(workflow: Workflow, project: Project) -> bool:
    """Whether a change of some file of the repository starts it: `paths` may name none that is there."""
    content = mapping(workflow.document.content)
    on = mapping(content.get("True") or content.get("on"))
    said = [texts(mapping(on[t]).get("paths")) for t in workflow.triggers if t in on]
    if workflow.kind != "github" or not said or not all(said):
        return True
    wanted = [p for paths in said for p in paths if not p.startswith("!")]
    return any(matches(f, p) or fnmatchcase(f, p.replace("**/", "*")) for p in wanted for f in project.tree.files)


def _indirect(project: Project) -> bool:
    """Whether a Makefile, script, image or compose file runs tests that a step may start."""
    return any(runs_tests(c.text) and c.by != "ci" for c in project.commands)


def zero_tests(project: Project) -> Iterator[Found]:
    """Test commands that find no test where they look."""
    files = files_of_tests(project)
    with_tests = [
        p
        for p in files
        if re.search(r"^\s*(?:async\s+)?def test|^\s*class Test|unittest\.TestCase", project.text(p), re.MULTILINE)
    ]
    for workflow in project.workflows:
        for step in workflow.steps:
            for place, line in shell_lines(step.run):
                if (
                    step.off
                    or not re.search(r"(?<![\w/.-])(?:pytest|py\.test)\b|unittest\b", line)
                    or not runs_tests(line)
                ):
                    continue
                if because := "" if _moved(workflow, step) else _finds_nothing(project, line, with_tests):
                    yield Found(
                        path=step.path, line=step.run_line + place, message=f"`{line[:80]}` runs 0 tests: {because}"
                    )
                elif not with_tests and not files and not _own_patterns(project):
                    message = f"`{line[:80]}` runs 0 tests: there is no file with tests"
                    yield Found(path=step.path, line=step.run_line + place, message=message)
                elif files and not with_tests:
                    message = f"`{line[:80]}` runs 0 tests: no function in {files[0]} is a test"
                    yield Found(path=step.path, line=step.run_line + place, message=message)
            if re.search(r"\bdbt\s+(?:\S+\s+)*?test\b", step.run) and not step.off and len(project.dbt) == 1:
                dbt = project.dbt[0]
                if not dbt.tests and not list(dbt.of("test")) and not dbt.unit_tests:
                    yield Found(
                        path=step.path, line=step.run_line, message="`dbt test` runs 0 tests: the project declares none"
                    )


def _own_patterns(project: Project) -> bool:
    return any(
        "python_files" in t or "testpaths" in t
        for p, t in project.tree.texts.items()
        if p.endswith((".toml", ".ini", ".cfg"))
    )


def _finds_nothing(project: Project, line: str, with_tests: list[str]) -> str:
    """Why the paths that a command names hold no test; empty when one does, or when it cannot be told."""
    said = re.search(r"(?:pytest|py\.test)\b(?P<rest>[^;&|]*)", line)
    if said is None:
        started = re.search(r"unittest\s+discover\b.*?(?:-s|--start-directory)[ =](\S+)", line)
        if started and not any(under(p, joined(".", started[1])) for p in with_tests):
            return f"there is none in `{started[1]}`"
        return ""
    takes = {
        "-k",
        "-m",
        "-n",
        "-p",
        "-c",
        "-o",
        "-W",
        "--maxfail",
        "--cov",
        "--junitxml",
        "--durations",
        "--rootdir",
        "--ignore",
        "--dist",
        "--timeout",
        "--tb",
        "--log-level",
        "--cov-report",
        "--color",
        "--reruns",
    }
    words, paths = said["rest"].split(), []
    for n, word in enumerate(words):
        if not word.startswith("-") and (n == 0 or words[n - 1] not in takes) and not re.search(r"[$={}'\"]", word):
            paths.append(word.partition("::")[0])
    if not paths or "--pyargs" in words:
        return ""
    python = [p for p in project.tree.present if p.endswith(".py")]
    if any(
        under(p, joined(".", path)) for path in paths for p in (with_tests if not _own_patterns(project) else python)
    ):
        return ""
    if any(fnmatchcase(p, path) for path in paths for p in python):
        return ""
    if any(path.endswith(".py") and joined(".", path) in python for path in paths):
        return ""
    exists = [path for path in paths if any(under(p, joined(".", path)) for p in project.tree.present)]
    return f"there is none in `{exists[0]}`" if exists else f"there is no `{paths[0]}`"


def _moved(workflow: Workflow, step: Step) -> bool:
    """Whether a step runs in another folder than the repository's: by a setting, or by `cd` in it or before it."""
    before = [s.run for s in workflow.steps if s.job == step.job] if workflow.kind == "gitlab" else [step.run]
    if any(re.search(r"(?:^|[;&|]\s*)\s*cd\s", run, re.MULTILINE) for run in before):
        return True
    jobs = [job for name, job, _ in workflow.jobs if name == step.job]
    settings = [mapping(workflow.document.content), *jobs]
    if any(mapping(mapping(s.get("defaults")).get("run")).get("working-directory") for s in settings):
        return True
    said = (s for job in jobs for s in entries(job.get("steps")))
    return any(s.get("working-directory") and str(s.get("run")) == step.run for s in said)


def unpinned_actions(project: Project) -> Iterator[Found]:
    """Actions that are taken from a branch, or without any version."""
    for workflow in project.workflows:
        for step in workflow.steps:
            name, at, ref = step.uses.partition("@")
            if not step.uses or name.startswith("./"):
                continue
            if name.startswith("docker://"):
                loose = "@sha256:" not in step.uses and (
                    ":" not in name.removeprefix("docker://") or name.endswith(":latest")
                )
            else:
                loose = not at or ref.lower() in BRANCHES or ref.startswith(("refs/heads/", "feature/"))
            if loose:
                said = f"follows the branch `{ref}`" if at else "names no version"
                yield Found(path=step.path, line=step.uses_line, message=f"action `{step.uses}` {said}")
        if workflow.kind == "gitlab":
            yield from _gitlab_images(workflow)


def _gitlab_images(workflow: Workflow) -> Iterator[Found]:
    content = mapping(workflow.document.content)
    places = [(("image",), content.get("image")), (("default", "image"), mapping(content.get("default")).get("image"))]
    places += [((name, "image"), job.get("image")) for name, job, _ in workflow.jobs]
    for loc, said in places:
        image = str(said if isinstance(said, str) else mapping(said).get("name") or "")
        last = image.rpartition("/")[2]
        if image and "$" not in image and "@" not in image and (":" not in last or last.endswith(":latest")):
            yield Found(
                path=workflow.path, line=workflow.document.line(*loc), message=f"the image `{image}` has no version"
            )
    for n, include in enumerate(entries(content.get("include"))):
        if include.get("project") and str(include.get("ref") or "main").lower() in BRANCHES:
            line = workflow.document.line("include", n)
            yield Found(
                path=workflow.path, line=line, message=f"the include of `{include['project']}` follows a branch"
            )


def retired_actions(project: Project) -> Iterator[Found]:
    """Actions, runners and commands that GitHub has switched off or no longer looks after."""
    for workflow in project.workflows:
        if workflow.kind != "github":
            continue
        lines = project.text(workflow.path).splitlines()
        for step in workflow.steps:
            name, _, ref = step.uses.partition("@")
            major = re.match(r"v?(\d+)", ref) if re.match(r"v?\d+(?:\.\d+)*$", ref) else None
            known = RETIRED.get(name)
            oldest = OLDEST_TOLERATED.get(name, known[0] if known else 0)
            if name in ARCHIVED:
                yield Found(path=step.path, line=step.uses_line, message=f"action `{name}` is archived")
            elif known and major and int(major[1]) < oldest:
                old = lines[step.uses_line - 1]
                new = old.replace(f"{name}@{ref}", f"{name}@{known[1]}")
                edit = (
                    Edit(path=step.path, first=step.uses_line, last=step.uses_line, lines=(new,))
                    if new != old
                    else None
                )
                message = f"action `{step.uses}` is retired; the present one is `{known[1]}`"
                yield Found(path=step.path, line=step.uses_line, message=message, edit=edit)
            for place, line in shell_lines(step.run):
                if m := re.search(r"::(set-output|save-state|set-env|add-path)\b", line):
                    message = f"the workflow command `{m[1]}` is switched off"
                    yield Found(path=step.path, line=step.run_line + place, message=message)
        for name, job, _ in workflow.jobs:
            matrix = mapping(mapping(job.get("strategy")).get("matrix"))
            said = [*texts(job.get("runs-on")), *(v for values in matrix.values() for v in texts(values))]
            for runner in dict.fromkeys(said):
                if runner in RUNNERS:
                    at = next((n for n, x in enumerate(lines, 1) if runner in x), workflow.document.line("jobs", name))
                    yield Found(path=workflow.path, line=at, message=f"the runner `{runner}` is retired")


WRITING = re.compile(
    r"GITHUB_TOKEN|github\.token|git push|gh (?:pr|release|issue|api)|deploy-pages|upload-sarif|id-token|create-pull-request|sticky-pull|publish"
)


def missing_permissions(project: Project) -> Iterator[Found]:
    """Workflows whose token may do whatever the repository's default allows."""
    for workflow in project.workflows:
        if workflow.kind != "github":
            continue
        if str(workflow.permissions) == "write-all":
            line = workflow.document.line("permissions")
            yield Found(
                path=workflow.path, line=line, message="`permissions: write-all` lets every step write everything"
            )
            continue
        broad = [(n, line) for n, job, line in workflow.jobs if str(job.get("permissions")) == "write-all"]
        for name, _ in broad:
            line = workflow.document.line("jobs", name, "permissions")
            yield Found(path=workflow.path, line=line, message=f"job `{name}` may write everything")
        lacking = [name for name, job, _ in workflow.jobs if "permissions" not in job]
        content = mapping(workflow.document.content)
        if "permissions" in content or not lacking or workflow.triggers == {"workflow_call"}:
            continue
        at = workflow.document.line("jobs")
        text = project.text(workflow.path)
        edit = None
        if not WRITING.search(text):
            old = text.splitlines()[at - 1]
            edit = Edit(path=workflow.path, first=at, last=at, lines=("permissions:", "  contents: read", "", old))
        yield Found(path=workflow.path, line=at, message="nothing says what the workflow's token may do", edit=edit)


def is_test_path(path: str) -> bool:
    """Whether a file is data or code of tests, by its folder."""
    parts = {p.lower() for p in PurePosixPath(path).parts[:-1]}
    return bool(
        parts
        & {
            "tests",
            "test",
            "fixtures",
            "testdata",
            "test_data",
            "sample",
            "samples",
            "sample_data",
            "examples",
            "example",
        }
    )
