"""A table without times that dlt appends to: each load is judged by the loads before it, from the first day on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e import small_project

SCRIPT = """
import dlt, json, pathlib

def people(load, broken):
    for i in range(200 + load % 5):
        country = "DE" if i % 2 else "FR"
        score = None if broken and country == "DE" else 50 + (i * 7 + load) % 11
        yield {"person_id": load * 1000 + i, "country": country, "score": score}

if __name__ == "__main__":
    plan = json.loads((pathlib.Path(__file__).parent / "plan.json").read_text())
    pipeline = dlt.pipeline("crm", destination="duckdb", dataset_name="crm")
    for load in range(*plan["loads"]):
        pipeline.run(people(load, plan["broken"]), table_name="people", write_disposition="append")
"""


def test_half_of_a_column_lost_in_one_load_of_many_is_held_on_the_second_day(tmp_path: Path) -> None:
    """One load of ten: 5 % of the table's rows, which no band of the whole table would hold."""
    project = small_project.make(tmp_path / "shop")
    project.configure(step="- {name: load, dlt: load.py}")
    (project.root / "load.py").write_text(SCRIPT)
    for loads, broken, status in (((0, 9), False, 0), ((9, 10), True, 1), ((9, 10), False, 0)):
        (project.root / "plan.json").write_text(json.dumps({"loads": loads, "broken": broken}))
        told = project.process("run")
        assert told.status == status, told.out + told.err
        if broken:
            assert "crm.people.score is NULL in 50 % of the rows (102 of 204)" in told.out
    assert "not enough history" not in told.out
    assert "each new one is judged by the 10 loads before it" in project.cli("explain", "crm.people").out
    sql = project.cli("explain", "1", "--json").document["finding"]["sql"]
    assert project.query(sql) == [(None,)], "the load that was held is not in what readers see"
