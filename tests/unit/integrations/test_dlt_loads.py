"""What dlt left in its pipelines directory is read without dlt."""

from __future__ import annotations

import json
from pathlib import Path

from tidegate.integrations import dlt_loads
from tidegate.model import DatasetRef


def package(folder: Path, pipeline: str, load_id: str, state: str = "loaded", place: str = "loaded") -> Path:
    made = folder / pipeline / "load" / place / load_id
    (made / "failed_jobs").mkdir(parents=True)
    if place == "loaded":
        (made / "package_completed.json").write_text(state)
    return made


def test_loads_are_told_oldest_first_with_their_state(tmp_path: Path) -> None:
    package(tmp_path, "b", "999.5")
    package(tmp_path, "a", "1000.25", state='"aborted"')
    package(tmp_path, "a", "1001.0", place="normalized")
    found = dlt_loads.loads(tmp_path)
    assert [(x.pipeline, x.id, x.state) for x in found] == [
        ("b", "999.5", "loaded"),
        ("a", "1000.25", "aborted"),
        ("a", "1001.0", "pending"),
    ]
    assert dlt_loads.describe(found[1]) == "load 1000.25 of `a` is aborted"
    assert dlt_loads.loads(tmp_path / "none") == ()


def test_failed_jobs_are_told_with_the_reason(tmp_path: Path) -> None:
    jobs = package(tmp_path, "shop", "1.0") / "failed_jobs"
    (jobs / "orders.abc.0.insert_values.gz").touch()
    (jobs / "orders.abc.0.insert_values.gz.exception").write_text("Traceback\n\nTerminal: boom\n")
    (jobs / "items.def.0.jsonl").touch()
    (found,) = dlt_loads.loads(tmp_path)
    assert found.failed == ("items: dlt kept no reason", "orders: Terminal: boom")
    assert dlt_loads.describe(found).startswith("load 1.0 of `shop` has failed jobs: items:")


def test_tables_are_those_with_columns_that_are_not_dlts_own(tmp_path: Path) -> None:
    for name, state in (("shop", {"dataset_name": "raw"}), ("other", {})):
        (tmp_path / name / "schemas").mkdir(parents=True)
        (tmp_path / name / "state.json").write_text(json.dumps(state))
        tables = {"orders": {"columns": {"id": {}, "_dlt_id": {}}}, "_dlt_loads": {"columns": {"a": {}}}, "empty": {}}
        (tmp_path / name / "schemas" / "s.schema.json").write_text(json.dumps({"tables": tables}))
    found = list(dlt_loads.tables(tmp_path, "load.py"))
    assert [(n.id, n.dataset, n.columns) for n in found] == [
        ("table.other_dataset.orders", DatasetRef(namespace="other_dataset", name="orders"), ("id", "_dlt_id")),
        ("table.raw.orders", DatasetRef(namespace="raw", name="orders"), ("id", "_dlt_id")),
    ]
    assert [n.id for n in dlt_loads.tables(tmp_path, "load.py", {"shop"})] == ["table.raw.orders"]


def test_broken_files_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "shop" / "schemas").mkdir(parents=True)
    (tmp_path / "shop" / "state.json").write_text("{")
    (tmp_path / "shop" / "schemas" / "s.schema.json").write_text("[]")
    package(tmp_path, "shop", "not-a-number")
    assert list(dlt_loads.tables(tmp_path, "load.py")) == []
    assert [x.id for x in dlt_loads.loads(tmp_path)] == ["not-a-number"]
