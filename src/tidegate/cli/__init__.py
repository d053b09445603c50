"""The command line: parse, call a use case, render; no logic."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

BROKEN_PIPE = 141
"""Exit status when the program that reads stdout went away, as shells have it: not 0, because a held run is not fine."""


OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""A command makes many objects that live until it ends: looking for garbage among them every 700 costs a tenth of a run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 fine, 1 findings or gate closed, 2 could not run."""
    if argv is None:
        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    from tidegate.cli.output import Output, ReaderLeftError, prepare
    from tidegate.cli.parser import parse
    from tidegate.errors import StorageError

    prepare()
    try:
        return parse(sys.argv[1:] if argv is None else argv).run()
    except ReaderLeftError:
        return BROKEN_PIPE
    except StorageError as error:
        Output().error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
