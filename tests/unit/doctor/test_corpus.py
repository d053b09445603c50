"""The doctor on planted faults and on clean look-alikes: how much it finds, and how often it cries without a reason."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.doctor.corpus import CLEAN, FAULTS, Case, build
from tidegate.doctor import RULES, Found
from tidegate.integrations.project_tree import read_project

MIN_RECALL = 0.95
MAX_FALSE_ALARMS = 0.02


def judged(case: Case, folder: Path) -> list[tuple[str, Found]]:
    build(case, folder)
    if case.git:
        for words in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *words], cwd=folder, check=True)
    project, notes = read_project(folder)
    assert notes == (), notes
    return [(rule.code, f) for rule in RULES.values() if rule.judge is not None for f in rule.judge(project)]


def is_hit(case: Case, folder: Path, found: list[tuple[str, Found]]) -> bool:
    """Whether the rule was broken in that file, at a line that shows the mistake."""
    assert case.at is not None
    path, text = case.at
    lines = [] if not text else (folder / path).read_text(encoding="utf-8").splitlines()
    places = {f.line for code, f in found if code == case.code and f.path == path}
    return bool(places) if not text else any(text in lines[line - 1] for line in places)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Case, Path, list[tuple[str, Found]]]]:
    found = {}
    for number, case in enumerate((*FAULTS, *CLEAN)):
        folder = tmp_path_factory.mktemp(f"case{number}")
        found[case.name] = case, folder, judged(case, folder)
    return found


def test_the_corpus_is_large_and_names_known_rules() -> None:
    assert len(FAULTS) >= 40
    assert len(CLEAN) >= 40
    assert len({c.name for c in (*FAULTS, *CLEAN)}) == len(FAULTS) + len(CLEAN)
    assert {c.code for c in FAULTS} <= set(RULES)
    static = {code for code, rule in RULES.items() if rule.judge is not None}
    artifacts = {"dbt-test-never-executed"}  # needs what dbt leaves; tests/unit/doctor/test_rules.py has it
    assert static - {c.code for c in FAULTS} == artifacts


def test_recall_and_false_alarms(results: dict[str, tuple[Case, Path, list[tuple[str, Found]]]]) -> None:
    missed, wrong = [], []
    lines = [f"{'rule':<26} {'planted':>7} {'found':>6}"]
    by_rule: dict[str, list[bool]] = {}
    for case, folder, found in results.values():
        if case.code is None:
            wrong += [(case.name, code, f.path, f.line, f.message) for code, f in found]
            continue
        hit = is_hit(case, folder, found)
        by_rule.setdefault(case.code, []).append(hit)
        if not hit:
            missed.append((case.name, case.code, [(c, f.path, f.line) for c, f in found]))
    for code, hits in sorted(by_rule.items()):
        lines.append(f"{code:<26} {len(hits):>7} {sum(hits):>6}")
    alarmed = {name for name, *_ in wrong}
    recall, rate = 1 - len(missed) / len(FAULTS), len(alarmed) / len(CLEAN)
    lines.append(f"recall {recall:.1%} of {len(FAULTS)} faults, false alarms in {rate:.1%} of {len(CLEAN)} look-alikes")
    print("\n".join(lines))
    assert recall >= MIN_RECALL, missed
    assert rate <= MAX_FALSE_ALARMS, wrong


def test_a_fault_breaks_no_other_rule(results: dict[str, tuple[Case, Path, list[tuple[str, Found]]]]) -> None:
    """A planted project is sound but for one mistake, so whatever else is said about it is a false alarm."""
    others = [
        (case.name, code, f.path, f.line, f.message)
        for case, _, found in results.values()
        for code, f in found
        if case.code is not None and code not in {case.code, *case.extra}
    ]
    assert len(others) <= MAX_FALSE_ALARMS * len(FAULTS), others
