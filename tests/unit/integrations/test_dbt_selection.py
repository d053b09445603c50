"""Reading a manifest for selection, and the folder of another state; what dbt makes of it is compared in tests/e2e/selection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegate.errors import PathNotFoundError
from tidegate.integrations.dbt_selection import read_state, selectables

MANIFEST = {
    "metadata": {"project_name": "shop", "invocation_id": "1"},
    "nodes": {
        "test.geo.unique_a": {
            "resource_type": "test",
            "name": "unique_a",
            "package_name": "geo",
            "original_file_path": "models\\geo.yml",
            "fqn": ["geo", "unique_a"],
            "tags": ["keys"],
            "config": {"severity": "warn"},
            "test_metadata": {"name": "unique"},
            "depends_on": {"nodes": ["model.geo.a"], "macros": ["macro.dbt.test_unique"]},
        },
        "test.shop.own": {"resource_type": "test", "name": "own", "package_name": "shop"},
    },
    "unit_tests": {"unit_test.shop.a.u": {"name": "u", "config": {"tags": ["fast"]}, "version": 2}},
    "sources": {"source.shop.raw.orders": {"resource_type": "source", "name": "orders", "source_name": "raw"}},
    "macros": {"macro.shop.m": {"name": "m", "macro_sql": "x" * 99, "depends_on": {"macros": ["macro.shop.n"]}}},
}


def test_what_a_selection_can_name() -> None:
    found = {s.id: s for s in selectables(MANIFEST, folder="transform")}
    unique, own = found["test.geo.unique_a"], found["test.shop.own"]
    assert (unique.kind, unique.test_name, unique.test_type, unique.own) == ("test", "unique", "generic", False)
    assert (unique.path, unique.folder, unique.tags) == ("models/geo.yml", "transform", ("keys",))
    assert (unique.parents, unique.macros) == (("model.geo.a",), ("macro.dbt.test_unique",))
    assert (own.test_name, own.test_type, own.own) == (None, "singular", True)
    unit = found["unit_test.shop.a.u"]
    assert (unit.kind, unit.test_name, unit.test_type, unit.tags, unit.version) == (
        "unit_test",
        "u",
        "unit",
        ("fast",),
        None,
    )
    assert found["source.shop.raw.orders"].source == "raw"
    assert (found["macro.shop.m"].kind, found["macro.shop.m"].macros) == ("macro", ("macro.shop.n",))
    assert len(found["macro.shop.m"].aspects["body"]) == 64


def test_a_manifest_with_holes_is_read() -> None:
    assert selectables({}) == ()
    assert selectables({"nodes": None, "sources": {"source.a.b.c": None}, "macros": 3})[0].kind == "source"


def test_a_state(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    results = {"metadata": {"invocation_id": "1"}, "results": [{"unique_id": "a", "status": "Fail"}, 3]}
    (tmp_path / "run_results.json").write_text(json.dumps(results), encoding="utf-8")
    sources = {
        "metadata": {"invocation_id": "2"},
        "results": [{"unique_id": "s", "max_loaded_at": "2026-05-01"}, {"unique_id": "t"}],
    }
    (tmp_path / "sources.json").write_text(json.dumps(sources), encoding="utf-8")
    before = read_state(tmp_path)
    assert before.nodes is not None
    assert "macro.shop.m" in before.nodes
    assert before.results is not None
    assert before.results["a"] == "fail"
    assert before.loaded == {"s": "2026-05-01"}


def test_half_a_state(tmp_path: Path) -> None:
    (tmp_path / "run_results.json").write_text(json.dumps({"metadata": {"invocation_id": "1"}}), encoding="utf-8")
    half = read_state(tmp_path)
    assert (half.nodes, half.results, half.loaded) == (None, {}, None)
    (tmp_path / "run_results.json").unlink()
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    assert read_state(tmp_path).results is None


@pytest.mark.parametrize("text", [None, "", "{", "[]"])
def test_a_folder_without_artifacts_is_no_state(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(PathNotFoundError, match="there is no manifest"):
        read_state(tmp_path)
