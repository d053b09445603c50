"""A rollback puts dlt's working directory back with the data, so that the next load neither skips nor doubles rows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.e2e.harness.site import Silent
from tidegate.app.compose import open_site
from tidegate.model import Action
from tidegate.services.publish import rollback
from tidegate.services.run import run

pytestmark = pytest.mark.slow

LOAD = """
import dlt, json, pathlib

@dlt.resource(write_disposition="append")
def orders(at=dlt.sources.incremental("at")):
    yield json.loads(pathlib.Path(__file__).with_name("orders.json").read_text())

if __name__ == "__main__":
    dlt.pipeline("shop", destination="duckdb", dataset_name="raw").run(orders())
"""

CONFIGURATION = """\
version: 1
warehouse: {database: shop.duckdb}
learned: "off"
steps: [{name: load, dlt: load.py}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    root = tmp_path / "shop"
    root.mkdir()
    (root / "load.py").write_text(LOAD)
    (root / "tidegate.yml").write_text(CONFIGURATION)
    return root


def sell(project: Path, through: int) -> None:
    """The source has the orders 1 to `through`; it never forgets one."""
    rows = [{"id": number, "at": number} for number in range(1, through + 1)]
    (project / "orders.json").write_text(json.dumps(rows))


def build(project: Path) -> int:
    """One run, which must publish. Returns the version's number."""
    with open_site(project, Silent()) as site:
        outcome = run(site, site.steps)
    assert outcome.decision.action is Action.PUBLISH, outcome.decision
    return outcome.version


def put_back(project: Path, number: int) -> None:
    with open_site(project, Silent(), with_steps=False) as site:
        rollback(site, number, reason="the last load was wrong", wait_s=0.0)


def loaded(database: Path) -> list[int]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM raw.orders ORDER BY id").fetchall()]


def test_the_cursor_comes_back_with_the_data(project: Path, tmp_path: Path) -> None:
    live = project / "warehouse" / "live" / "shop.duckdb"
    sell(project, through=3)
    first = build(project)
    sell(project, through=5)
    second = build(project)
    assert loaded(live) == [1, 2, 3, 4, 5]

    put_back(project, first)
    assert loaded(live) == [1, 2, 3]
    sell(project, through=6)
    third = build(project)
    assert loaded(live) == [1, 2, 3, 4, 5, 6], "skipped or doubled"

    assert (first, second, third) == (1, 2, 3)
    assert naively_put_back(project, tmp_path / "naive") == [1, 2, 3, 6], "what this protects from is gone"

    (project / ".dlt").mkdir()
    (project / ".dlt" / "config.toml").write_text("restore_from_destination = false\n")
    put_back(project, second)
    assert loaded(live) == [1, 2, 3, 4, 5]
    sell(project, through=7)
    build(project)
    assert loaded(live) == [1, 2, 3, 4, 5, 6, 7], "the working directory alone must know it, and it did not travel"


def naively_put_back(project: Path, place: Path) -> list[int]:
    """The data file of the first version restored from a backup, dlt's working directory as the second load left it;
    then dlt loads what the source has now. Returns what the table holds.

    dlt compares the state that it keeps in the destination with the one in its working directory and takes the newer
    one, by version number. So a working directory that is missing is restored rightly, and one that is ahead of the
    data, as here, is believed: its cursor skips the rows that went with the newer data (measured with dlt 1.31).
    """
    versions = project / "warehouse" / "versions"
    shutil.copytree(versions / "000002" / "state" / "dlt", place / "dlt")
    shutil.copyfile(versions / "000001" / "shop.duckdb", place / "shop.duckdb")
    env = {
        **os.environ,
        "PIPELINES_DIR": str(place / "dlt"),
        "DESTINATION__DUCKDB__CREDENTIALS": str(place / "shop.duckdb"),
    }
    subprocess.run([sys.executable, "load.py"], cwd=project, env=env, check=True, capture_output=True, timeout=300)
    return loaded(place / "shop.duckdb")
