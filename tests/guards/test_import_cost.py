"""`tidegate --help` answers at once: what is heavy is imported where it is used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("dbt", "dlt", "duckdb", "msgspec", "numpy", "pandas", "pydantic", "rich", "ruamel", "sqlglot")

PROBE = """
import contextlib, io, sys
from tidegate.cli import main
with contextlib.redirect_stdout(io.StringIO()) as help, contextlib.suppress(SystemExit):
    main(["--help"])
assert "tidegate" in help.getvalue(), help.getvalue()
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def loaded(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_help_loads_nothing_heavy() -> None:
    assert loaded(PROBE) & set(HEAVY) == set()


def test_what_is_heavy_is_seen_when_loaded() -> None:
    assert "sqlglot" in loaded("import sqlglot, sys; print(*sys.modules)")
