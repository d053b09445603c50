"""`python -m bench NAME [options]`: runs one measurement and prints a Markdown table."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "scan",
    "checks",
    "newday",
    "peers",
    "plan",
    "overhead",
    "reconcile",
    "startup",
    "incidents",
    "iot",
    "report",
    "sample",
    "judge",
    "clean",
)


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(f"usage: python -m bench {{{','.join(NAMES)}}} [options]", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"bench.{sys.argv[1]}").main(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
