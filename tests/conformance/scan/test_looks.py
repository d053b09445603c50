"""How the values of a whole table look, beside plain SQL: asked where there are no buckets of time, and nowhere else."""

from __future__ import annotations

import pytest

from tests.conformance.scan.engine import NOW, Engine
from tidegate.scan import ScanOptions, looks, scan_table

PEOPLE = """
create table t as select i as person_id, case when i % 4 = 0 then 'ANNA' when i % 4 = 1 then ' bo' when i % 4 = 2 then 'Zoë' end as name,
    case i % 5 when 0 then 0 when 1 then -1.5 else 7 end as credit, 'ABC' as _dlt_load_id from range(40) as a(i)
"""


def looked(engine: Engine, *, time_column: str = "") -> dict[tuple[str, str], object]:
    options = ScanOptions(version=1, taken_at=NOW, time_column=time_column)
    scan = engine.drive(scan_table(engine.dataset("t"), (), options))
    asked = {metric for metrics in looks.LOOKS.values() for metric in metrics}
    return {
        (m.spec.metric, m.spec.column): m.value for m in scan.measurements if m.spec.metric in asked and not m.interval
    }


def test_every_look_is_counted(engine: Engine) -> None:
    engine.run(PEOPLE)
    assert looked(engine) == {
        ("upper_count", "name"): 10,
        ("lower_count", "name"): 10,
        ("padded_count", "name"): 10,
        ("non_ascii_count", "name"): 10,
        ("placeholder_count", "name"): 0,
        ("zero_count", "credit"): 8,
        ("negative_count", "credit"): 8,
    }


def test_a_table_with_buckets_of_time_is_not_asked_twice(engine: Engine) -> None:
    engine.run(PEOPLE.replace("as person_id", "as person_id, timestamp '2026-01-01' + to_days(i::int) as seen_at"))
    assert looked(engine, time_column="seen_at") == {}


def test_a_large_table_is_not_asked_and_that_is_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.run(PEOPLE)
    monkeypatch.setattr(looks, "MOST_VALUES", 79)
    scan = engine.drive(scan_table(engine.dataset("t"), (), ScanOptions(version=1, taken_at=NOW, time_column="")))
    assert "main.t: how values look is not asked, for it has more than 39 rows" in scan.notes


def test_a_table_that_only_has_numbers_of_things(engine: Engine) -> None:
    engine.run("create table t as select i as person_id from range(9) as a(i)")
    assert looked(engine) == {}
