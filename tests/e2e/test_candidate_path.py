"""The path that dbt sees is the same in every run, so that it need not parse again, and leads nowhere in between."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from tests.e2e.small_project import SmallProject, make

pytestmark = pytest.mark.slow

FILES = {
    "dbt_project.yml": "name: shop\nprofile: shop\nflags: {send_anonymous_usage_stats: false}\n",
    "profiles.yml": "shop: {target: dev, outputs: {dev: {type: duckdb, path: ../shop.duckdb, threads: 1}}}\n",
    "models/totals.sql": "{{ config(materialized='table') }} select count(*) as orders from read_csv('orders.csv')\n",
}
STEP = "- {name: transform, dbt: transform}"
CHECK = "  - {table: main.totals, rule: 'orders < 3'}"


@pytest.fixture
def project(tmp_path: Path) -> SmallProject:
    small = make(tmp_path / "shop")
    for name, text in FILES.items():
        path = small.root / "transform" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    small.configure('learned: "off"', "checks:", CHECK, step=STEP)
    return small


def sell(project: SmallProject, orders: int) -> None:
    text = "\n".join(["id", *map(str, range(orders))])
    (project.root / "transform" / "orders.csv").write_text(text + "\n", encoding="utf-8")


def test_dbt_parses_once_and_its_path_leads_nowhere_between_runs(project: SmallProject) -> None:
    """After a version that was published, and after one that was held."""
    candidate = project.root / "warehouse" / "candidate"
    said = []
    for orders, status in ((1, 0), (5, 1), (2, 0)):
        sell(project, orders)
        told = project.cli("run", "--json")
        assert told.status == status, told
        assert not candidate.is_symlink()
        log = project.root / ".tidegate" / "logs" / told.document["run"] / "transform" / "dbt.log"
        said.append("no changes found, skipping parsing" in log.read_text(encoding="utf-8"))
    assert said == [False, True, True]
    assert project.versions() == {1: "retired", 2: "held", 3: "published"}
    profile = json.loads((project.root / ".tidegate" / "work" / "transform" / "profiles.yml").read_text("utf-8"))
    path = Path(profile["shop"]["outputs"]["dev"]["path"])
    assert path == candidate / "shop.duckdb"
    with pytest.raises(duckdb.IOException):  # what the user's own tool would do with the generated profile
        duckdb.connect(str(path))
    held = project.root / "warehouse" / "versions" / "000002" / "shop.duckdb"
    assert project.query("select orders from totals", held) == [(5,)]
    assert "rows before" in project.cli("diff", "3", "2").out
