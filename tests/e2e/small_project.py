"""A small project to be run for real: one command step that writes with DuckDB, and the command line in this process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tidegate.cli import main

TIDEGATE = Path(sys.executable).with_name("tidegate")

ORDERS = """
create schema if not exists raw;
create or replace table raw.orders as
select i as order_id, 'person' || i || '@example.com' as email, i * 1.5 as amount from range(100) as t(i)
"""

LOAD = '''\
"""Write what load.sql says into the database that Tidegate names."""

import os
from pathlib import Path

import duckdb

with duckdb.connect(os.environ["TIDEGATE_DATABASE"]) as database:
    database.execute(Path("load.sql").read_text(encoding="utf-8"))
'''


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one command said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON on stdout, parsed as strictly as other programs do: `NaN` and `Infinity` are no JSON."""
        found: dict[str, Any] = json.loads(self.out, parse_constant=_refuse)
        assert found["schema_version"] == 1
        return found


def _refuse(constant: str) -> object:
    raise AssertionError(f"`{constant}` is not JSON")


@dataclass(frozen=True, kw_only=True)
class SmallProject:
    """A folder with `tidegate.yml`, `load.py` and `load.sql`."""

    root: Path

    @property
    def live(self) -> Path:
        return self.root / "warehouse" / "live" / "shop.duckdb"

    def configure(self, *lines: str, step: str | None = None) -> None:
        """Write tidegate.yml with one step (`load.py`, or another text) and further lines."""
        step = step or f"- {{name: load, run: {json.dumps(f'{sys.executable} load.py')}}}"
        text = ["version: 1", "warehouse: {database: shop.duckdb}", "steps:", f"  {step}", *lines]
        (self.root / "tidegate.yml").write_text("\n".join(text) + "\n", encoding="utf-8")

    def load(self, sql: str) -> None:
        """Let the step write this from now on."""
        (self.root / "load.sql").write_text(sql, encoding="utf-8")

    def cli(self, *arguments: str | Path, project: Path | None = None) -> Told:
        """Run a command in this process."""
        words = [*map(str, arguments)]
        place = ["--project", str(project or self.root)]
        split = words.index("--") if "--" in words else len(words)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = main([*words[:split], *place, *words[split:]])
            except SystemExit as stop:
                status = int(str(stop.code or 0))
        return Told(status=status, out=out.getvalue(), err=err.getvalue())

    def started(self, *arguments: str | Path, **more: Any) -> subprocess.Popen[str]:
        """Start the installed command in a process of its own; its output is in pipes."""
        words = [str(TIDEGATE), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            words, cwd=self.root, text=True, stdout=pipe, stderr=pipe, env=self.environment(), **more
        )

    def process(self, *arguments: str | Path, **more: Any) -> Told:
        """Run the installed command to its end in a process of its own."""
        with self.started(*arguments, **more) as running:
            out, err = running.communicate(timeout=120)
        return Told(status=running.returncode, out=out, err=err)

    def environment(self) -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if not k.startswith(("TIDEGATE_", "DBT_"))}

    def query(self, sql: str, database: Path | None = None) -> list[tuple[Any, ...]]:
        """What a reader of the published version sees."""
        with duckdb.connect(str(database or self.live), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def versions(self) -> dict[int, str]:
        """The state of every version that was ever built."""
        return {v["number"]: v["state"] for v in self.cli("versions", "--all", "--json").document["versions"]}

    def content(self) -> dict[str, bytes | str]:
        """Every file that is the user's or readers', with its bytes or where it points.

        Left out is what a run that fails may change: logs, scratch space, the lock, the link that steps are pointed at,
        and the ledger, which only grows.
        """
        found: dict[str, bytes | str] = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.startswith(".tidegate") or name in {"warehouse/lock", "warehouse/candidate"}:
                continue
            if path.is_symlink():
                found[name] = str(path.readlink())
            elif path.is_file():
                found[name] = path.read_bytes()
        return found


def make(root: Path, *lines: str, sql: str = ORDERS) -> SmallProject:
    """A project that has not been run."""
    root.mkdir(parents=True, exist_ok=True)
    project = SmallProject(root=root)
    project.configure(*lines)
    project.load(sql)
    (root / "load.py").write_text(LOAD, encoding="utf-8")
    return project


def assert_refused(told: Told, *, says: str, hint: str = "", status: int = 2) -> None:
    """A clear message with its value in backticks, one hint, the right status, and no traceback.

    `says` and `hint` are parts of the two.
    """
    assert told.status == status, told
    assert "Traceback" not in {line.split(" (")[0] for line in told.err.splitlines()}  # a step's own is told indented
    error, hinted = told.err.rstrip("\n").rpartition("hint: ")[0::2]
    message = error.rpartition("error: ")[2]
    assert says in message, told.err
    assert hint in hinted, told.err
    assert re.search(r"`[^`]+`", message), f"no value in backticks: {message}"
    assert hinted.strip(), told.err
    assert "\n" not in hinted, told.err
