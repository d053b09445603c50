"""Writes a plan as a comment for a pull request: what changes, what is destroyed, and what the policy says."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.policy import Plan, check

SIGNS = {"create": "+", "update": "~", "delete": "-", "delete+create": "-/+", "create+delete": "+/-"}
MOST_LINES = 100


def comment(said: Mapping[str, Any], stage: str) -> str:
    """Markdown; what is destroyed comes first."""
    changes = [
        (_sign(c["change"]["actions"]), c["address"]) for c in said["resource_changes"] if c["mode"] == "managed"
    ]
    changes = sorted((c for c in changes if c[0]), key=lambda change: ("-" not in change[0], change[1]))
    counts = Counter(sign for sign, _ in changes)
    total = ", ".join(f"{counts[sign]} {sign}" for sign in SIGNS.values() if counts[sign]) or "no changes"
    lines = [f"<!-- plan:{stage} -->", f"### Plan for {stage}: {total}", ""]
    gone = [address for sign, address in changes if "-" in sign]
    if gone:
        lines += [f"**{len(gone)} destroyed or replaced.**", ""]
    if changes:
        lines += ["```diff", *(f"{sign} {address}" for sign, address in changes[:MOST_LINES])]
        lines += [f"... and {len(changes) - MOST_LINES} more"] if len(changes) > MOST_LINES else []
        lines += ["```", ""]
    found = check(Plan.read(said))
    lines += [f"Policy: {len(found)} findings" if found else "Policy: nothing found"]
    lines += [f"- `{f.rule}` {f.address}: {f.says}" for f in found]
    return "\n".join(lines) + "\n"


def _sign(actions: list[str]) -> str:
    return SIGNS.get("+".join(actions), "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.plan_comment", description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--stage", required=True)
    said = parser.parse_args()
    sys.stdout.write(comment(json.loads(said.plan.read_text(encoding="utf-8")), said.stage))
    return 0


if __name__ == "__main__":
    sys.exit(main())
