"""`tidegate demo`: the main job, shown on real dlt, dbt and DuckDB."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tidegate.app.demo import STORIES, Move, Played, Scene, play
from tidegate.cli import render
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.model import Action


def demo(arguments: argparse.Namespace, output: Output) -> int:
    """Exit 1 when a fault was not held or a sound day was; the demo is a test of itself."""
    story = STORIES[arguments.data]
    with ExitStack() as stack:
        if arguments.keep:
            folder = Path(arguments.keep)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tidegate-demo-"))) / story.name

        def tell(what: Scene | Move) -> None:
            if not output.json:
                _tell(output, what)

        played = play(story, folder, StderrProgress(quiet=output.quiet), seed=arguments.seed, tell=tell)
        if output.json:
            output.document("demo", {"held_every_fault": played.told, "scenes": played.scenes, "moves": played.moves})
        else:
            _close(output, played, kept=bool(arguments.keep))
    return 0 if played.told else 1


def _tell(output: Output, what: Scene | Move) -> None:
    output.line()
    if isinstance(what, Move):
        output.line(f"{output.strong(what.kind)}  version {what.previous} -> {what.version}: {what.reason}")
        output.entry("readers", f"version {what.version}: {_readers(what.readers)}")
        return
    told = what.delivered
    title = f": {told['title']}" if told["title"] else ""
    output.line(f"{output.strong('act ' + str(what.number))}  source through {told['day']}{title}")
    for step in what.outcome.steps:
        output.entry("step", f"{step.name} ({step.kind}) {step.status}: {step.summary}")
    for incident in what.incidents:
        render.incident_summary(output, incident)
    word, colour = ("held", "red") if what.outcome.decision.action is Action.HOLD else ("published", "green")
    accepted = f", then published by hand: {what.accepted}" if what.accepted else ""
    output.line(f"  {output.strong(word, colour)}  version {what.version.number}{accepted}")
    number = what.published.number if what.published else "-"
    output.entry("readers", f"version {number}: {_readers(what.readers)}")


def _readers(values: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values) or "nothing yet"


def _close(output: Output, played: Played, *, kept: bool) -> None:
    output.line()
    rows = [
        (
            str(scene.number),
            str(scene.delivered["day"]),
            str(scene.delivered["fault"] or "-"),
            str(scene.version.number),
            f"{scene.outcome.decision.action}" + (", accepted" if scene.accepted else ""),
            "; ".join(f"{i.number} ({i.severity})" for i in scene.incidents) or "-",
            render.short("; ".join(i.title for i in scene.incidents), 72),
        )
        for scene in played.scenes
    ]
    heads = ["act", "source through", "silent failure", "version", "gate", "incident", "what Tidegate said"]
    output.table(heads, rows, right=(0, 3))
    output.line()
    output.line(
        f"time: {played.steps_s:.0f} s in dlt and dbt, {played.own_s:.0f} s in Tidegate,"
        f" {played.source_s:.0f} s to make the source"
    )
    if not played.told:
        output.line("this demo did not go as it should: a fault was published, or a sound day was held")
    where = str(played.folder) if kept else "my-demo"
    if not kept:
        output.line(f"the project is removed; keep it with: tidegate demo --data {played.story.name} --keep {where}")
    output.line("try next:")
    last = played.scenes[-1].version.number
    for command in (
        f"tidegate versions --project {where}",
        f"tidegate diff {played.scenes[-1].version.parent} {last} --project {where}",
        f"tidegate incidents list --all --project {where}",
    ):
        output.line(f"  {command}")
