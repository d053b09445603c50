"""How the stages of CI are shown."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.cli.output import Output
from tidegate.services.stages import Plan


def plan(output: Output, found: Plan) -> None:
    """The stages with what each runs, then those that are left out."""
    for stage in found.stages:
        programs = ", ".join(dict.fromkeys(task.name for task in stage.tasks))
        output.line(f"{stage.name:<8} {stage.about}{f' ({programs})' if programs else ''}")
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
