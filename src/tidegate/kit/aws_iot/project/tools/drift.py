"""Looks whether AWS is what the code says: 0 it is, 1 it is not, 2 nobody could tell. Prints what changed, as Markdown.

`make` turns every failure of Terraform into one status; a search that could not look must not be told as drift, nor as none.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).absolute().parent.parent
PLAN = "drift.tfplan"
TAIL = 3000
"""How much of what Terraform said is told when it could not plan."""


def changed(plan: Mapping[str, Any]) -> list[str]:
    """The resources that a plan would change, and how; what Terraform only reads is none."""
    found = [(c["address"], c["change"]["actions"]) for c in plan.get("resource_changes", [])]
    return [f"{'/'.join(actions)} `{address}`" for address, actions in found if actions not in (["no-op"], ["read"])]


def told(stage: str, changes: Sequence[str]) -> str:
    lines = [f"{len(changes)} resources of {stage} are not what the code says. What an apply would do:", ""]
    return "\n".join([*lines, *(f"- {change}" for change in changes)]) + "\n"


def drift(stage: str, words: Sequence[str]) -> int:
    """Plan the stage without locking its state, and print what differs."""
    folder = ROOT / "infra" / "environments" / stage
    plan = _terraform(
        folder, "plan", "-input=false", "-no-color", "-detailed-exitcode", "-lock=false", f"-out={PLAN}", *words
    )
    if plan.returncode not in {0, 2}:
        sys.stdout.write(
            f"Nobody could tell whether {stage} drifted:\n\n```\n{(plan.stdout + plan.stderr)[-TAIL:]}\n```\n"
        )
        return 2
    shown = _terraform(folder, "show", "-json", PLAN)
    changes = changed(json.loads(shown.stdout))
    if plan.returncode == 0:
        sys.stdout.write(f"{stage} is what the code says.\n")
        return 0
    sys.stdout.write(told(stage, changes))
    return 1


def _terraform(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["terraform", f"-chdir={folder}", *words], capture_output=True, text=True, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.drift", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("words", nargs="*", help="more for `terraform plan`, such as -- -var=monthly_budget_usd=0")
    said = parser.parse_args()
    return drift(said.stage, said.words)


if __name__ == "__main__":
    sys.exit(main())
