"""CI: the stages of a project, on a laptop as in the workflow."""

from __future__ import annotations

from pathlib import Path

from tidegate.config import find_project, load
from tidegate.integrations.project_tree import read_project
from tidegate.services.stages import Plan, plan


def stages(start: Path) -> Plan:
    """The stages of the project at or above `start`; nothing is run.

    Raises:
        ConfigError: see `tidegate.config.load`.
    """
    settings = load(find_project(start))
    project, _ = read_project(settings.root)
    return plan(project, has_steps=bool(settings.steps))
