"""Cursors of dlt are set back where they are times and their rows are merged, and nowhere else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate.integrations.dlt_cursors import DATE, DATETIME, moved, set_back
from tidegate.model import DatasetRef

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (f"{DATETIME}2026-01-05T12:00:00+00:00", f"{DATETIME}2026-01-02T03:04:05+00:00"),
        (f"{DATETIME}2026-01-05T12:00:00.123456+02:00", f"{DATETIME}2026-01-02T05:04:05.000000+02:00"),
        (f"{DATE}2026-01-05", f"{DATE}2026-01-02"),
        ("2026-01-05", "2026-01-02"),
        ("2026-01-05 12:00:00", "2026-01-02 03:04:05"),
        ("2026-01-05T12:00:00Z", "2026-01-02T03:04:05Z"),
        (f"{DATETIME}2026-01-01T12:00:00+00:00", None),
        (f"{DATETIME}2026-01-02T03:04:05+00:00", None),
        ("order-17", None),
        ("", None),
        (17, None),
        (None, None),
    ],
    ids=str,
)
def test_a_cursor_keeps_its_shape_and_only_goes_back(value: object, becomes: str | None) -> None:
    assert moved(value, START) == becomes


def pipeline(folder: Path) -> Path:
    cursors = {
        "at": {"last_value": f"{DATETIME}2026-01-05T00:00:00+00:00", "unique_hashes": ["x"], "initial_value": None}
    }
    number = {"id": {"last_value": 12, "unique_hashes": []}}
    resources = {
        "orders": {"incremental": cursors},
        "events": {"incremental": json.loads(json.dumps(cursors))},
        "items": {"incremental": number},
        "files": {"files": ["a"]},
        "gone": {"incremental": json.loads(json.dumps(cursors))},
    }
    tables = {
        "orders": {"resource": "orders", "write_disposition": "merge"},
        "orders__lines": {"parent": "orders"},
        "events": {"resource": "events", "write_disposition": "append"},
        "items": {"resource": "items", "write_disposition": "merge"},
        "_dlt_loads": {"resource": "_dlt_loads"},
    }
    place = folder / "shop"
    (place / "schemas").mkdir(parents=True)
    (place / "schemas" / "shop.schema.json").write_text(json.dumps({"tables": tables}), encoding="utf-8")
    state = {"dataset_name": "raw", "_state_version": 3, "sources": {"shop": {"resources": resources}}}
    (place / "state.json").write_text(json.dumps(state), encoding="utf-8")
    return place / "state.json"


def last_values(file: Path) -> dict[str, object]:
    resources = json.loads(file.read_bytes())["sources"]["shop"]["resources"]
    return {n: c["last_value"] for n, r in resources.items() for c in r.get("incremental", {}).values()}


def test_merged_resources_go_back_and_what_does_not_is_told(tmp_path: Path) -> None:
    file = pipeline(tmp_path)
    before = last_values(file)
    told = set_back(tmp_path, START)
    after = last_values(file)
    assert after == before | {"orders": f"{DATETIME}2026-01-02T03:04:05+00:00"}
    said = {line.split("`")[3]: line for line in told}
    assert "set back from 2026-01-05T00:00:00+00:00 to 2026-01-02T03:04:05+00:00" in said["orders"]
    assert "appended" in said["events"]
    assert "12 is no time" in said["items"]
    assert "its table is not known" in said["gone"]
    assert json.loads(file.read_bytes())["_state_version"] == 3, "no older than the destination's, so dlt believes it"


def test_only_the_tables_and_pipelines_that_are_meant(tmp_path: Path) -> None:
    file = pipeline(tmp_path)
    before = file.read_bytes()
    told = set_back(tmp_path, START, tables=[DatasetRef(namespace="raw", name="items")])
    assert [line.split("`")[3] for line in told] == ["items"]
    assert set_back(tmp_path, START, pipelines=["other"]) == [
        "no dlt cursor is a time that could be set back: the load goes on where it was"
    ]
    assert file.read_bytes() == before
