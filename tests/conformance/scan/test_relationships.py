"""A relationship is proved by the ends of both columns where the parent's integers have no gap, else by an anti join."""

from __future__ import annotations

import pytest

from tests.conformance.scan.engine import Engine
from tidegate.model import DatasetRef, MetricSpec

REF = DatasetRef(namespace="main", name="children")


def orphans(engine: Engine, parents: str, children: str, where: str | None = None) -> tuple[object, bool]:
    """How many orphans the scan counts, and whether it joined for that."""
    engine.run(f"create table parents as select unnest({parents}) as id")
    engine.run(f"create table children as select unnest({children}) as parent_id")
    spec = MetricSpec(
        dataset=REF, metric="orphan_rows", column="parent_id", where=where,
        argument='{"to": ["main", "parents"], "field": "id"}',
    )  # fmt: skip
    value = engine.scan("children", spec, profile=False).scan.values[spec]
    return value, "relationships" in engine.purposes


@pytest.mark.parametrize(
    ("parents", "children", "expected"),
    [
        ("[1, 2, 3]", "[1, 1, 3, null]", (0, False)),
        ("[3, 1, 2, 2, null]", "[3, 2]", (0, False)),
        ("[1, 2, 3]", "[]::int[]", (0, False)),
        ("[1, 2, 3]", "[null, null]::int[]", (0, False)),
        ("[1, 2, 4]", "[1, 4]", (0, True)),
        ("[1, 2, 4]", "[1, 3]", (1, True)),
        ("[1, 2, 2, 4]", "[1, 3]", (1, True)),
        ("[1, 2, 3]", "[0, 3]", (1, True)),
        ("[1, 2, 3]", "[1, 4, 4]", (2, True)),
        ("[]::int[]", "[1]", (1, True)),
        ("['1', '2']", "['1', '3']", (1, True)),
        ("[1.0, 2.0]::double[]", "[1]", (0, True)),
    ],
)
def test_orphans(engine: Engine, parents: str, children: str, expected: tuple[int, bool]) -> None:
    assert orphans(engine, parents, children) == expected


def test_under_a_condition_all_rows_may_prove_it(engine: Engine) -> None:
    assert orphans(engine, "[1, 2, 3]", "[1, 2]", where="parent_id > 1") == (0, False)


def test_under_a_condition_a_row_outside_it_does_not_count(engine: Engine) -> None:
    assert orphans(engine, "[1, 2, 3]", "[1, 9]", where="parent_id < 5") == (0, True)
