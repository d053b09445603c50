"""How the stages of CI, and how they ended, are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate.app.ci_init import Written
from tidegate.cli.output import Output
from tidegate.model import Outcome
from tidegate.model.words import counted
from tidegate.services.stages import Case, Plan, StageOutcome

STATUS = {Outcome.PASS: 0, Outcome.SKIPPED: 0, Outcome.FAIL: 1, Outcome.ERROR: 2}
"""The exit status of a stage; that of several is the greatest. A skipped one needs one that did not pass."""

STYLE = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.ERROR: "red"}
MANY = 12
"""Of so many cases that passed only their number is shown. Chosen, not derived."""


def plan(output: Output, found: Plan) -> None:
    """The stages with what each runs, then those that are left out."""
    for one in found.stages:
        programs = ", ".join(dict.fromkeys(task.name for task in one.tasks))
        output.line(f"{one.name:<8} {one.about}{f' ({programs})' if programs else ''}")
    for name, reason in found.left_out.items():
        output.line(f"{name:<8} left out: {reason}")
    output.line("next     tidegate ci run --all, or tidegate ci run STAGE")


def listed(found: Plan) -> Mapping[str, object]:
    """The same as a document."""
    stages = [
        {
            "name": s.name,
            "about": s.about,
            "tasks": [{"name": t.name, "folder": t.folder, "command": t.command("SCRATCH")} for t in s.tasks],
        }
        for s in found.stages
    ]
    return {"stages": stages, "left_out": found.left_out}


def written(output: Output, done: Written) -> None:
    """What `ci init` did."""
    output.line(f"stages   {', '.join(done.stages)}")
    for name, reason in done.left_out.items():
        output.line(f"left out {name}: {reason}")
    for path in done.wrote:
        output.line(f"wrote    {path}")
    for line in done.kept:
        output.line(f"kept     {line}")
    for line in done.advice:
        output.line(f"advice   {line}")
    output.line("next     tidegate ci run --all, then commit what was written")


def stage(output: Output, ended: StageOutcome) -> None:
    """One stage as soon as it has ended: what passed in short, what did not in full."""
    word = output.strong(ended.outcome.value, STYLE.get(ended.outcome, "bold"))
    output.line(f"{ended.stage:<8} {word}  {ended.seconds:.1f} s")
    passed = [c for c in ended.cases if c.outcome is Outcome.PASS]
    for case in passed if len(passed) <= MANY else ():
        output.entry(case.outcome.value, f"{case.name}: {_looked(case)}")
    if len(passed) > MANY:
        output.entry("pass", f"{len(passed)} of {len(ended.cases)}")
    for case in ended.cases:
        if case.outcome is not Outcome.PASS:
            _case(output, case)


def _case(output: Output, case: Case) -> None:
    output.entry(case.outcome.value, f"{case.name}: {case.message}")
    for line in case.lines:
        output.line(f"             {line}")
    if case.command:
        output.entry("command", " ".join(case.command))
    if case.hint:
        output.entry("hint", case.hint)


def _looked(case: Case) -> str:
    if case.did is None or not case.unit or case.message.startswith(("looked at", "same")):
        return case.message
    return f"{case.message} ({counted(case.did, case.unit)})"


def end(output: Output, ended: Sequence[StageOutcome]) -> None:
    """What to do next."""
    bad = [s.stage for s in ended if s.outcome is not Outcome.PASS]
    if not bad:
        output.line("next     commit and push; the workflow runs the same stages")
    else:
        output.line(f"next     tidegate ci run {bad[0]}, once it is corrected")


def whole(output: Output, ended: Sequence[StageOutcome]) -> None:
    """All of it."""
    for one in ended:
        stage(output, one)
    end(output, ended)


def told(ended: Sequence[StageOutcome]) -> Mapping[str, object]:
    """All of it as a document."""
    stages = [{"stage": s.stage, "outcome": s.outcome, "seconds": s.seconds, "cases": s.cases} for s in ended]
    return {"status": status(ended), "stages": stages}


def status(ended: Sequence[StageOutcome]) -> int:
    """The exit status: 0 all passed, 1 something was found, 2 something could not run or looked at nothing."""
    return max((STATUS[s.outcome] for s in ended), default=2)
