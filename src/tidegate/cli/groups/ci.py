"""`tidegate ci`: the commands that a CI pipeline is made of."""

from __future__ import annotations

from tidegate.cli.command import Command

CI = Command(
    name="ci",
    help="continuous integration: the stages of this project (default)",
    handler="ci:stages",
)
