"""`tidegate doctor`: what green checks hide in a project."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from tidegate.app import doctor as application
from tidegate.cli import render_doctor, reports
from tidegate.cli.output import Output, document
from tidegate.cli.progress import StderrProgress
from tidegate.integrations import doctor_reports
from tidegate.services.doctor import Diagnosis

FORMATS = ("text", "json", "sarif", "github", "markdown")


def doctor(arguments: argparse.Namespace, output: Output) -> int:
    """Look at the project, repair what is asked to be repaired, and say what was found; exit 1 when anything was."""
    places = reports.targets(arguments.format, arguments.output, json=arguments.json, formats=FORMATS)
    root = Path(arguments.project)
    told = application.examine(
        root,
        StderrProgress(quiet=output.quiet),
        deep=arguments.deep,
        fix=arguments.fix,
        history=not arguments.no_history,
        ignore=arguments.ignore,
        only=arguments.only,
    )
    for name, path in places:
        _write(name, path, told, output, root.resolve())
    return 1 if told.breaches else 0


def _write(name: str, path: Path | None, told: Diagnosis, output: Output, root: Path) -> None:
    if name == "text" and path is None:
        render_doctor.diagnosis(output, told)
        return
    below = reports.folder_in_repository(root)
    if name == "json":
        text = document("doctor", told)
    elif name == "sarif":
        text = doctor_reports.as_sarif(told, below=below, ended=datetime.now(UTC))
    elif name == "github":
        text = doctor_reports.as_annotations(told, below=below)
        reports.summarise(doctor_reports.as_markdown(told))
    elif name == "markdown":
        text = doctor_reports.as_markdown(told)
    else:
        text = reports.captured(lambda plain: render_doctor.diagnosis(plain, told))
    reports.put(text, path, output)
