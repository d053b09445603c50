"""The line of a dbt test in its YAML file, however it is written there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tidegate.integrations import dbt_lines
from tidegate.model import Check, DatasetRef

YAML = """\
version: 2
sources:
  - name: crm
    tables:
      - name: orders
        columns: [{name: id, tests: [not_null]}]
  - name: raw
    tables:
      - name: orders
        columns:
          - name: id
            data_tests:
              - not_null
models:
  - name: other
    columns: [{name: id, data_tests: [not_null]}]
  - name: orders
    data_tests:
      - dbt_utils.expression_is_true:
          arguments: {expression: "a > 0"}
      - dbt_utils.expression_is_true:
          arguments: {expression: "b > 0"}
      - unique:
          column_name: ID2
    columns:
      - name: id
        data_tests: [unique, not_null]
      - name: ID2
        data_tests:
          - not_null
          - accepted_values: {values: [a]}
          - accepted_values:
              values: [b]
          - name: my_own
            test_name: accepted_values
            values: [c]
  - name: revenue
    columns: [{name: x, data_tests: [not_null]}]
    versions:
      - v: 1
      - v: 2
        columns:
          - name: x
            data_tests: [not_null]
"""

MODEL = "model.shop.orders"
NODES: dict[str, Mapping[str, Any]] = {
    MODEL: {"name": "orders"},
    "model.shop.revenue.v2": {"name": "revenue", "version": 2},
}
SOURCES = {"source.shop.raw.orders": {"name": "orders", "source_name": "raw"}}


def declared(kind: str, column: str | None, node: str = MODEL, name: str = "made", **kwargs: Any) -> dict[str, Any]:
    attached = node if node.startswith("model") else None
    metadata = {"name": kind, "kwargs": {"model": "{{ x }}", "column_name": column, **kwargs}}
    return {
        "name": name,
        "column_name": column,
        "attached_node": attached,
        "depends_on": {"nodes": [node]},
        "test_metadata": metadata,
    }


def line(tmp_path: Path, raw: Mapping[str, Any], text: str = YAML, file: str = "models/schema.yml") -> str | None:
    (tmp_path / "models").mkdir(exist_ok=True)
    (tmp_path / "models" / "schema.yml").write_text(text, encoding="utf-8")
    manifest = {"nodes": {**NODES, "test.a": raw}, "sources": SOURCES}
    ref = DatasetRef(namespace="s", name="orders")
    check = Check(id="test.a", name="a", dataset=ref, kind="dbt", source="dbt", declared_in=file)
    return dbt_lines.located(check, manifest=manifest, project=tmp_path).declared_in


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (declared("unique", "id"), 27),
        (declared("unique", "ID2"), 23),
        (declared("not_null", "id"), 27),
        (declared("not_null", "id2"), 30),
        (declared("not_null", '"ID2"'), 30),
        (declared("accepted_values", "ID2", values=["a"]), 31),
        (declared("accepted_values", "ID2", values=["b"]), 32),
        (declared("accepted_values", "ID2", values=["c"], name="my_own"), 34),
        (declared("expression_is_true", None, expression="a > 0"), 19),
        (declared("expression_is_true", None, expression="b > 0"), 21),
        (declared("not_null", "id", "source.shop.raw.orders"), 13),
        (declared("not_null", "x", "model.shop.revenue.v2"), 44),
        (declared("nobody_wrote_this", "id"), 17),
        (declared("accepted_values", "renamed_since", values=["d"], name="x"), 31),
    ],
)
def test_a_test_is_found(tmp_path: Path, raw: Mapping[str, Any], place: int) -> None:
    assert line(tmp_path, raw) == f"models/schema.yml:{place}"


def test_a_singular_test_begins_at_its_first_line(tmp_path: Path) -> None:
    assert line(tmp_path, {"name": "a"}, file="tests/a.sql") == "tests/a.sql:1"


@pytest.mark.parametrize(
    "text", ["", "a: [", "- 1\n- 2\n", "models: x\n", "models: [1, {name: 2}]\n", "models:\n  - name: more\n"]
)
def test_a_file_that_does_not_say_it(tmp_path: Path, text: str) -> None:
    assert line(tmp_path, declared("unique", "id"), text) == "models/schema.yml"


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    assert line(tmp_path, declared("unique", "id"), file="models/gone.yml") == "models/gone.yml"


def test_what_is_no_test_of_the_manifest_stays(tmp_path: Path) -> None:
    check = Check(
        id="x", name="x", dataset=DatasetRef(namespace="s", name="t"), kind="rule", declared_in="tidegate.yml:3"
    )
    assert dbt_lines.located(check, manifest={"nodes": {}}, project=tmp_path) == check


def test_a_file_that_was_written_is_read_again(tmp_path: Path) -> None:
    raw = declared("unique", "id")
    assert line(tmp_path, raw) == "models/schema.yml:27"
    assert line(tmp_path, raw, "# one more line\n" + YAML) == "models/schema.yml:28"
