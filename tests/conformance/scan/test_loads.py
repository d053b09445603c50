"""The numbers of each load of a table without times, beside plain SQL; nothing where time or a few loads tell better or nothing."""

from __future__ import annotations

import pytest

from tests.conformance.scan.engine import Engine
from tidegate.scan.loads import LEAST

PEOPLE = """
create table t as select i as person_id, case when i % 10 < {nulls} then null else i % 7 end as credit,
    case when i % 4 = 0 then 'DE' else 'FR' end as country, i % 2 = 0 as active, (1700000000 + l)::text || '.5' as _dlt_load_id
from range({loads}) as a(l), range(20 + l) as b(i)
"""


def by_load(engine: Engine, **options: object) -> dict[str, dict[tuple[str, str | None, str | None], object]]:
    found = engine.scan("t", **options).scan.loads
    assert [name for name, _ in found] == sorted(name for name, _ in found)
    return {
        name: {(m.spec.metric, m.spec.column, m.spec.segment and m.spec.segment.value): m.value for m in numbers}
        for name, numbers in found
    }


def test_every_load_has_its_own_numbers(engine: Engine) -> None:
    engine.run(PEOPLE.format(loads=LEAST, nulls=3))
    found = by_load(engine)
    assert list(found) == [f"{1700000000 + load}.5" for load in range(LEAST)]
    (expected,) = engine.run(
        "select count(*), count(*) - count(credit), avg(credit), count(*) filter (country = 'DE'), count(*) filter (active)"
        " from t where _dlt_load_id = '1700000004.5'"
    )
    one = found["1700000004.5"]
    names = [("row_count", None, None), ("null_count", "credit", None), ("mean", "credit", None)]
    names += [("row_count", None, "DE"), ("true_count", "active", None)]
    assert tuple(one[name] for name in names) == pytest.approx(expected)
    assert not any(column in {"_dlt_load_id", "person_id"} and metric == "mean" for metric, column, _ in one)


def test_they_are_no_numbers_of_the_table(engine: Engine) -> None:
    """They would be kept with every version, and are asked of the loads again whenever they are needed."""
    engine.run(PEOPLE.format(loads=LEAST, nulls=3))
    scan = engine.scan("t").scan
    kept = {m.spec.metric for m in scan.measurements if m.spec.segment and m.spec.segment.column == "_dlt_load_id"}
    assert kept == {"row_count", "duplicate_rows"}


@pytest.mark.parametrize("loads", [1, LEAST - 1])
def test_few_loads_are_not_asked(engine: Engine, loads: int) -> None:
    engine.run(PEOPLE.format(loads=loads, nulls=3))
    assert by_load(engine) == {}
    assert "loads by segment" not in engine.purposes


def test_a_table_with_times_is_told_by_its_buckets(engine: Engine) -> None:
    engine.run(PEOPLE.format(loads=LEAST, nulls=3))
    engine.run(
        "create or replace table t as select *, timestamp '2026-01-01' + to_days(person_id::int) as seen_at from t"
    )
    assert by_load(engine, time_column="seen_at") == {}


def test_the_newest_loads_of_many_are_asked_in_two_statements(engine: Engine) -> None:
    engine.run(PEOPLE.format(loads=60, nulls=3))
    found = by_load(engine)
    assert (len(found), min(found)) == (30, "1700000030.5")
    assert [p for p in engine.purposes if p.startswith("loads")] == ["loads", "loads by segment"]
