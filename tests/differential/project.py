"""A dbt project that declares every case on every data set, run once; and Tidegate on the same database and manifest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from tests.differential.cases import Case
from tests.differential.data import Table, on
from tidegate.checks import judge, needs
from tidegate.integrations import dbt_artifacts
from tidegate.integrations.dbt_artifacts import Artifacts
from tidegate.metrics import quoted
from tidegate.model import Check, CheckResult, MetricSpec, PipelineFacts
from tidegate.scan import ScanOptions, scan_table
from tidegate.services.measure import Meter
from tidegate.warehouses.duckdb import DuckDBReader

OWN_PACKAGES = Path(__file__).parent / "packages"
REAL_PACKAGES = "REAL_DBT_PACKAGES"
"""Names a folder with `dbt_utils` and `dbt_expectations` (and `dbt_date`), as `dbt deps` installs them."""

PROJECT = {
    "name": "differential",
    "version": "1.0",
    "profile": "differential",
    "flags": {"send_anonymous_usage_stats": False},
    "vars": {"dbt_date:time_zone": "UTC"},
}
PROFILE = {
    "differential": {"target": "dev", "outputs": {"dev": {"type": "duckdb", "path": "data.duckdb", "threads": 4}}}
}


def packages() -> Path:
    """Where the packages are: ours, or the real ones."""
    return Path(os.environ.get(REAL_PACKAGES) or OWN_PACKAGES)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one test ended: as dbt says, and as Tidegate says."""

    case: Case
    table: str
    dbt: str
    dbt_failures: int
    dbt_says: str
    ours: CheckResult

    @property
    def differs(self) -> bool:
        ours = str(self.ours.outcome)
        if ours != self.dbt:
            return True
        return ours in {"fail", "warn"} and self.ours.failures != self.dbt_failures

    def __str__(self) -> str:
        return (
            f"{self.case.test} {self.case.column or ''} {dict(self.case.arguments)} {dict(self.case.config)} on {self.table}:"
            f" dbt {self.dbt} {self.dbt_failures} ({self.dbt_says}),"
            f" here {self.ours.outcome} {self.ours.failures} by `{self.ours.check.kind}` ({self.ours.reason})"
        )


def write(folder: Path, tables: Sequence[Table], cases: Sequence[Case]) -> dict[str, tuple[Case, str]]:
    """Write project and database; the tests by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    project = PROJECT | {"packages-install-path": str(packages())}
    (folder / "dbt_project.yml").write_text(json.dumps(project), encoding="utf-8")
    (folder / "profiles.yml").write_text(json.dumps(PROFILE), encoding="utf-8")
    with duckdb.connect(str(folder / "data.duckdb")) as database:
        database.execute("create schema raw")
        database.execute("create table raw.pairs as select 1 as one, 2 as two")
        for table in tables:
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in table.types.items())
            marks = ", ".join("?" for _ in table.types)
            for name, rows in ((table.name, table.rows), (table.other, table.others)):
                database.execute(f"create table raw.{name} ({columns})")
                if rows:
                    database.executemany(f"insert into raw.{name} values ({marks})", rows)
    named: dict[str, tuple[Case, str]] = {}
    sources = [{"name": "pairs"}, *({"name": t.other} for t in tables)]
    sources += [
        _source(
            table,
            [(n, c) for n, c in enumerate(cases) if table.name in (c.on or [t.name for t in on(n, tables)])],
            named,
        )
        for table in tables
    ]
    document = {"version": 2, "sources": [{"name": "raw", "tables": sources}]}
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "sources.yml").write_text(json.dumps(document), encoding="utf-8")
    return named


def _source(table: Table, cases: Sequence[tuple[int, Case]], named: dict[str, tuple[Case, str]]) -> dict[str, Any]:
    whole: list[Any] = []
    columns: dict[str, list[Any]] = {}
    for number, case in cases:
        name = f"case_{number}_{table.name}"
        named[name] = case, table.name
        arguments = json.loads(json.dumps(dict(case.arguments)).replace("{other}", table.other))
        said = {case.test: {"name": name, "arguments": arguments, "config": dict(case.config)}}
        (whole if case.column is None else columns.setdefault(case.column, [])).append(said)
    listed = [{"name": column, "data_tests": tests} for column, tests in columns.items()]
    return {"name": table.name, "data_tests": whole, "columns": listed}


def run_dbt(folder: Path, *command: str) -> Artifacts:
    """Run dbt once; what it left."""
    program = Path(sys.executable).with_name("dbt")
    env = {k: v for k, v in os.environ.items() if not k.startswith("DBT_")} | {
        "TZ": "UTC",
        "DBT_PROFILES_DIR": str(folder),
    }
    done = subprocess.run(
        [program, "--no-use-colors", *command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    results = folder / "target" / "run_results.json"
    assert results.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    return Artifacts(
        manifest=json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8")),
        run_results=json.loads(results.read_text(encoding="utf-8")),
    )


def evaluate(
    database: Path, checks: Sequence[Check], *, broken: Callable[[MetricSpec], MetricSpec] = lambda spec: spec
) -> dict[str, CheckResult]:
    """What Tidegate says of the checks, by their names; nothing is profiled.

    With `broken`, the number that each is judged by is measured in another way, to see that the comparison notices.
    """
    now = datetime.now(tz=UTC)
    options = ScanOptions(version=1, taken_at=now, profile=False)
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        reader = DuckDBReader(connection, database.stem)
        catalog = {d.ref: d for d in reader.catalog()}
        wanted = {check.name: needs(check, catalog) for check in checks}
        asked = {spec: broken(spec) for needed in wanted.values() if isinstance(needed, tuple) for spec in needed[:1]}
        asked |= {spec: spec for needed in wanted.values() if isinstance(needed, tuple) for spec in needed[1:]}
        values: dict[MetricSpec, object] = {}
        for ref in {spec.dataset for spec in asked.values()}:
            mine = [spec for spec in asked.values() if spec.dataset == ref]
            values |= Meter(reader).drive(scan_table(catalog[ref], mine, options)).values
    measured = {spec: values[other] for spec, other in asked.items() if other in values}
    return {
        check.name: needed if isinstance(needed, CheckResult) else judge(check, measured, now=now)
        for check in checks
        if (needed := wanted[check.name]) is not None
    }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What dbt said of every case on every table, and the database that it looked at."""

    database: Path
    facts: PipelineFacts
    named: Mapping[str, tuple[Case, str]]

    def verdicts(self, *, broken: Callable[[MetricSpec], MetricSpec] = lambda spec: spec) -> list[Verdict]:
        """Both verdicts of every test."""
        runs = {run.id: run for run in self.facts.tests}
        ours = evaluate(self.database, self.facts.checks, broken=broken)
        found = []
        for check in self.facts.checks:
            (case, table), run = self.named[check.name], runs[check.id]
            says = " ".join((run.message or "").split())[:200]
            failures = run.failures or 0
            found.append(
                Verdict(
                    case=case, table=table, dbt=run.status, dbt_failures=failures, dbt_says=says, ours=ours[check.name]
                )
            )
        return found


def compare(folder: Path, tables: Sequence[Table], cases: Sequence[Case]) -> Comparison:
    """Let dbt run every case on every table."""
    named = write(folder, tables, cases)
    facts = dbt_artifacts.facts(run_dbt(folder, "test"))
    return Comparison(database=folder / "data.duckdb", facts=facts, named=named)
