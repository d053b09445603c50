"""A scan of the buckets that changed, kept beside what was known, reads like a scan of all of them."""

from __future__ import annotations

import math
from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.scan.engine import NOW, Engine
from tests.conformance.state.haste import hasty_store
from tests.conformance.state.stories import begun
from tidegate.model import DatasetRef, Grid, Interval, MetricSpec
from tidegate.scan import OF_THE_PAST, ScanOptions, TableScan, scan_table
from tidegate.state.sqlite import SQLiteStateStore

REF = DatasetRef(namespace="main", name="t")
MADE = """
create table t as select timestamp '2026-04-01' + to_hours(i * 6) as created_at, 'c' || (i % 3) as country,
    (i * 37 % 100)::decimal(18, 2) as amount, case when i % 5 = 0 then null else i end as n, i % 2 = 0 as paid,
    'load' || (i // 40) as _dlt_load_id from range(120) r(i)
"""
changes = st.lists(
    st.one_of(
        st.builds("update t set amount = 100 + amount where created_at::date = date '2026-04-01' + {}".format, st.integers(0, 32)),
        st.builds("delete from t where created_at::date = date '2026-04-01' + {}".format, st.integers(0, 32)),
        st.builds("insert into t by name select timestamp '2026-04-01' + to_hours({}) as created_at, {} as country,"
                  " 5 as amount, 1 as n, true as paid, 'late' as _dlt_load_id".format,
                  st.integers(0, 800), st.sampled_from(["'c0'", "'new'", "null", "'c2'"])),
        st.builds("update t set created_at = created_at + to_days(1) where n % 11 = {}".format, st.integers(0, 10)),
        st.builds("update t set n = null where created_at::date >= date '2026-04-01' + {}".format, st.integers(20, 32)),
        st.just("update t set _dlt_load_id = 'again'"),
        st.just("insert into t select * from t"),
        st.just("alter table t add column if not exists extra int default 3"),
        st.just("delete from t"),
    ),
    max_size=3,
)  # fmt: skip


def scanned(engine: Engine, version: int, known: Grid | None) -> TableScan:
    options = ScanOptions(
        version=version, taken_at=NOW, history_buckets=25, time_column="created_at", grain="day", known=known
    )
    scan: TableScan = engine.drive(scan_table(engine.dataset("t"), (), options))
    return scan


def kept(store: SQLiteStateStore, version: int, scan: TableScan) -> None:
    store.save_scan(
        version, measurements=scan.measurements, results=(), findings=(), schemas={}, marks={},
        vanished={} if scan.reopened is None else {REF: scan.vanished},
    )  # fmt: skip


def told(store: SQLiteStateStore, version: int, filled: set[str]) -> dict[tuple[MetricSpec, Interval], object]:
    """What is known of the buckets that have rows; hashes and copies are looked at otherwise, and what a bucket breaks of
    earlier ones (`test_relations`, `test_again`) is held against those of its time, so that it does not change with them.
    """
    return {
        (spec, interval): value
        for spec, interval, value in store.grid(version, REF).cells()
        if spec.metric
        not in {"content", "duplicate_rows", "relations", "agreement", "regular", "sequences", "beside", *OF_THE_PAST}
        and interval.start.date().isoformat() in filled
    }


def filled(engine: Engine) -> set[str]:
    """The newest 25 days up to a day after the scan, as far as they have rows."""
    days = engine.run(
        "select distinct created_at::date::text from t where created_at <= timestamp '2026-05-02' order by 1"
    )
    newest = engine.run("select max(created_at)::date from t where created_at <= timestamp '2026-05-02'")[0][0]
    return {day for (day,) in days if (newest - date.fromisoformat(day)).days < 25}


def alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return one == other


@given(st.lists(changes, min_size=1, max_size=3))
@settings(max_examples=20, deadline=None)
def test_a_scan_in_part_reads_like_a_whole_one(days: list[list[str]]) -> None:
    with duckdb.connect() as connection, hasty_store() as thrifty, hasty_store() as whole:
        engine = Engine(connection)
        engine.run(MADE)
        for store in (thrifty, whole):
            store.append([begun(n, n - 1 or None) for n in range(1, len(days) + 2)])
            kept(store, 1, scanned(engine, 1, None))
        for version, statements in enumerate(days, start=2):
            for sql in statements:
                engine.run(sql)
            kept(thrifty, version, scanned(engine, version, thrifty.grid(version - 1, REF)))
            full = scanned(engine, version, None)
            kept(whole, version, full)
            there, asked = filled(engine), {m.spec for m in full.measurements if m.interval is not None}
            found, expected = (
                {key: value for key, value in told(store, version, there).items() if key[0] in asked}
                for store in (thrifty, whole)
            )
            assert found.keys() == expected.keys()
            assert all(alike(value, expected[key]) for key, value in found.items())
            known = (
                i
                for spec, i, _ in thrifty.grid(version, REF).cells()
                if (spec.metric, spec.segment) == ("row_count", None)
            )
            empty = {day for i in known if (day := i.start.date().isoformat()) not in there}
            assert not empty or not there or max(empty) < min(there)


@pytest.fixture
def known(engine: Engine) -> Grid:
    engine.run(MADE)
    return Grid.of(scanned(engine, 1, None).measurements)


def statements(engine: Engine, purpose: str) -> list[str]:
    return [s.sql for s in engine.asked if s.purpose == purpose]


def test_nothing_is_read_again_where_nothing_changed(engine: Engine, known: Grid) -> None:
    engine.asked.clear()
    scan = scanned(engine, 2, known)
    assert scan.reopened == frozenset()
    assert scan.vanished == ()
    assert statements(engine, "contents")
    assert not statements(engine, "history")
    assert not statements(engine, "history by segment")
    assert {m.spec.metric for m in scan.measurements if m.interval is not None} == {"duplicate_rows"}


def test_only_what_the_loader_writes_changed_is_no_change(engine: Engine, known: Grid) -> None:
    engine.run("update t set _dlt_load_id = 'again'")
    assert scanned(engine, 2, known).reopened == frozenset()


def test_one_changed_row_opens_its_bucket(engine: Engine, known: Grid) -> None:
    engine.run("update t set amount = 1 where created_at = timestamp '2026-04-17 06:00:00'")
    scan = scanned(engine, 2, known)
    assert [str(i.start.date()) for i in scan.reopened or ()] == ["2026-04-17"]
    asked = {m.interval.start.day for m in scan.measurements if m.interval and m.spec.metric == "mean"}
    assert asked == {17}


def test_a_bucket_that_lost_its_rows_says_so(engine: Engine, known: Grid) -> None:
    engine.run("delete from t where created_at::date = date '2026-04-20'")
    scan = scanned(engine, 2, known)
    assert [str(i.start.date()) for i in scan.reopened or ()] == ["2026-04-20"]
    assert MetricSpec(dataset=REF, metric="row_count") in {spec for spec, _ in scan.vanished}
    assert {i.start.day for _, i in scan.vanished} == {20}


def test_another_question_opens_every_bucket(engine: Engine, known: Grid) -> None:
    engine.run("alter table t add column extra double default 3")
    assert scanned(engine, 2, known).reopened is None


@pytest.mark.parametrize("kind", ["json", "int[]", "struct(a int)"])
def test_a_column_that_loses_all_of_its_values_opens_every_bucket(engine: Engine, kind: str) -> None:
    engine.run(MADE)
    value = {"json": "'{}'", "int[]": "[n]", "struct(a int)": "{'a': n}"}[kind]
    engine.run(f"alter table t add column part {kind}; update t set part = {value}")
    known = Grid.of(scanned(engine, 1, None).measurements)
    engine.run("update t set part = null")
    lost = [
        m.value for m in scanned(engine, 2, known).measurements if m.spec.column == "part" and m.interval is not None
    ]
    assert sum(lost) == 100, "25 days of 4 rows"


def test_what_is_changed_back_together_with_what_is_measured_of_it_is_read_again(engine: Engine) -> None:
    engine.run(MADE)
    with hasty_store() as store:
        store.append([begun(n, n - 1 or None) for n in range(1, 5)])
        first = scanned(engine, 1, None)
        kept(store, 1, first)
        engine.run(
            "create table kept as from t; alter table t add column extra double default 3; update t set amount = 5000"
        )
        kept(store, 2, scanned(engine, 2, store.grid(1, REF)))
        engine.run("drop table t; alter table kept rename to t")
        kept(store, 3, scanned(engine, 3, store.grid(2, REF)))
        told = {
            (s, i): v
            for s, i, v in store.grid(3, REF).cells()
            if s.metric == "mean" and s.column == "amount" and s.segment is None
        }
        assert told == {(m.spec, m.interval): m.value for m in first.measurements if (m.spec, m.interval) in told}
        last = scanned(engine, 4, store.grid(3, REF))
        assert last.reopened == frozenset(), "and then nothing changes"
        engine.run("alter table t add column other int default 1")
        words = [m for m in scanned(engine, 4, store.grid(3, REF)).measurements if m.spec.metric == "content"]
        assert len(words) == 2 * 25, (
            "the new hash of each day, and that the one before is overtaken: not the first one again"
        )


def test_many_changed_stretches_are_asked_in_few(engine: Engine, known: Grid) -> None:
    engine.run("update t set amount = amount + 1 where extract(day from created_at) % 2 = 0")
    scan = scanned(engine, 2, known)
    (sql,) = statements(engine, "history")[-1:]
    assert sql.count(" OR ") <= 7
    assert len(scan.reopened or ()) >= 12


def test_nulls_of_the_loaders_own_columns_are_measured_and_so_reopen(engine: Engine) -> None:
    engine.run(MADE)
    engine.run("update t set _dlt_load_id = null where n = 1")
    known = Grid.of(scanned(engine, 1, None).measurements)
    engine.run("update t set _dlt_load_id = null where created_at = timestamp '2026-04-17 06:00:00'")
    assert [str(i.start.date()) for i in scanned(engine, 2, known).reopened or ()] == ["2026-04-17"]
