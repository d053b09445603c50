"""The command line: parse, call a use case, render; no logic."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 fine, 1 findings or gate closed, 2 could not run."""
    from tidegate.cli.parser import parse

    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        status = arguments.run()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
