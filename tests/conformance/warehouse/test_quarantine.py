"""Every adapter: rows that fail move into quarantine inside the candidate, all of them or none, and none is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from tests.conformance.warehouse.adapters import House
from tidegate.errors import QueryError, VersionNotFoundError, WarehouseError
from tidegate.metrics import quoted as identifier
from tidegate.metrics import relation, select
from tidegate.model import DatasetRef, Quarantined, Version, VersionState
from tidegate.model.quarantine import quarantine_table
from tidegate.ports import Candidate, Mark, Suspicion, Warehouse

ORDERS = DatasetRef(namespace="raw", name="orders")
KEPT = "tidegate_quarantine.raw__orders"
AT = datetime(2026, 3, 1, 6, tzinfo=UTC)
MARK = Mark(run="r2", version=2, load="load 7", at=AT)
TEN = "CREATE OR REPLACE TABLE raw.orders AS SELECT i AS id, CAST(i - 3 AS DOUBLE) AS amount FROM range(10) AS t(i)"


def because(condition: str, check: str = "positive") -> Suspicion:
    return Suspicion(
        check=check,
        reason=f"not {condition}",
        failing=lambda ref: select(["*"], relation(ref), where=[f"NOT ({condition})"]),
    )


def begun(house: House, warehouse: Warehouse, *statements: str) -> Candidate:
    """Version 2 as a step wrote it; it is not sealed."""
    candidate = warehouse.begin(number=2, parent=1)
    house.write(candidate, *(statements or (TEN,)))
    return candidate


def moved(
    warehouse: Warehouse, *suspicions: Suspicion, ref: DatasetRef = ORDERS, most: float = 0.5, mark: Mark = MARK
) -> Quarantined:
    return warehouse.quarantine(2, ref, suspicions or (because("amount >= 0"),), mark=mark, most=most)


def rows(warehouse: Warehouse, sql: str) -> Sequence[tuple[object, ...]]:
    with warehouse.reader(2) as reader:
        return reader.query(sql).rows


def test_rows_that_fail_are_moved_and_the_rest_stays(house: House, published: Warehouse):
    begun(house, published)
    found = moved(published)
    assert (found.moved, found.rows, found.failing, found.again, found.by_check) == (True, 10, 3, 0, {"positive": 3})
    assert found.into == quarantine_table(ORDERS) == DatasetRef(namespace="tidegate_quarantine", name="raw__orders")
    assert rows(published, "SELECT id FROM raw.orders ORDER BY id") == tuple((i,) for i in range(3, 10))
    marks = ("positive", "not amount >= 0", "r2", "load 7", 2, AT)
    kept = "SELECT id, amount, _tidegate_check, _tidegate_reason, _tidegate_run, _tidegate_load, _tidegate_version, _tidegate_at"
    assert rows(published, f"{kept} FROM {KEPT} ORDER BY id") == tuple((i, i - 3.0, *marks) for i in range(3))


def test_it_is_sealed_and_published_and_put_back_with_the_rest(house: House, published: Warehouse):
    begun(house, published)
    moved(published)
    published.seal(2)
    published.publish(2)
    assert house.read_live(f"SELECT count(*) FROM {KEPT}") == [(3,)]
    published.publish(1)
    assert house.read_live("SELECT count(*) FROM raw.orders") == [(2,)]
    assert "tidegate_quarantine" not in {str(s) for (s,) in house.read_live("SELECT schema_name FROM duckdb_tables()")}
    published.publish(2)
    assert house.read_live(f"SELECT count(*) FROM {KEPT}") == [(3,)]


def test_the_next_version_adds_to_it_and_keeps_no_row_twice(house: House, published: Warehouse):
    begun(house, published)
    moved(published)
    published.seal(2)
    published.publish(2)
    third = published.begin(number=3, parent=2)
    house.write(third, TEN, "INSERT INTO raw.orders VALUES (99, -1), (99, -1)")
    mark = Mark(run="r3", version=3, load=None, at=AT)
    found = published.quarantine(3, ORDERS, [because("amount >= 0")], mark=mark, most=0.5)
    assert (found.failing, found.again) == (5, 3)
    with published.reader(3) as reader:
        kept = reader.query(f"SELECT id, _tidegate_version FROM {KEPT} ORDER BY ALL").rows
    assert kept == ((0, 2), (1, 2), (2, 2), (99, 3), (99, 3))


def test_a_second_look_finds_nothing(house: House, published: Warehouse):
    begun(house, published)
    moved(published)
    found = moved(published)
    assert (found.moved, found.failing, found.rows) == (False, 0, 7)
    assert rows(published, f"SELECT count(*) FROM {KEPT}") == ((3,),)


def test_more_than_may_go_leaves_everything_as_it_is(house: House, published: Warehouse):
    begun(house, published)
    found = moved(published, most=0.29)
    assert (found.moved, found.failing, found.rows) == (False, 3, 10)
    with published.reader(2) as reader:
        assert "tidegate_quarantine" not in {d.ref.namespace for d in reader.catalog()}
    assert rows(published, "SELECT count(*) FROM raw.orders") == ((10,),)
    assert moved(published, most=0.3).moved


def test_a_row_that_fails_twice_is_kept_once_with_both_checks(house: House, published: Warehouse):
    begun(house, published)
    found = moved(published, because("amount >= 0", "a"), because("id <> 2", "b"), because("id <> 9", "c"), most=0.4)
    assert (found.failing, dict(found.by_check)) == (4, {"a": 3, "b": 1, "c": 1})
    kept = rows(published, f"SELECT id, _tidegate_check FROM {KEPT} ORDER BY id")
    assert kept == ((0, "a"), (1, "a"), (2, "a; b"), (9, "c"))


def test_unknown_is_not_failing_and_duplicates_all_go(house: House, published: Warehouse):
    begun(
        house,
        published,
        "CREATE OR REPLACE TABLE raw.orders (id INTEGER, amount DOUBLE)",
        "INSERT INTO raw.orders VALUES (1, NULL), (2, -1), (2, -1), (NULL, -2), (3, 3), (4, 4), (5, 5)",
    )
    assert moved(published).failing == 3
    assert rows(published, "SELECT id, amount FROM raw.orders ORDER BY id") == ((1, None), (3, 3), (4, 4), (5, 5))
    assert rows(published, f"SELECT id, amount FROM {KEPT} ORDER BY ALL") == ((2, -1), (2, -1), (None, -2))


@pytest.mark.parametrize(
    ("namespace", "name", "column"),
    [("raw", "orders", "amount"), ('odd "schema".x', "or der; -- s", 'the "amount" ü'), ("main", "Select", "order")],
)
def test_names_of_every_kind(house: House, published: Warehouse, namespace: str, name: str, column: str):
    ref, quoted = DatasetRef(namespace=namespace, name=name), identifier(column)
    begun(
        house,
        published,
        f"CREATE SCHEMA IF NOT EXISTS {identifier(namespace)}",
        f"CREATE OR REPLACE TABLE {relation(ref)} AS SELECT i AS id, i AS row_id, i - 1 AS {quoted} FROM range(4) AS t(i)",
    )
    assert moved(published, because(f"{quoted} >= 0"), ref=ref).moved
    assert rows(published, f"SELECT id FROM {relation(quarantine_table(ref))}") == ((0,),)
    assert rows(published, f"SELECT count(*) FROM {relation(ref)}") == ((3,),)


def test_values_of_every_type_come_through(house: House, published: Warehouse):
    values = "[1, NULL] AS l, {'a': 1} AS s, MAP {'k': 1} AS m, 'NaN'::DOUBLE AS f, TIMESTAMPTZ '2026-01-01 00:00:00+01' AS z"
    one = f"SELECT i AS id, '\\x00'::BLOB AS b, {values}"
    candidate = begun(house, published, f"CREATE OR REPLACE TABLE raw.orders AS {one} FROM range(3) AS t(i)")
    for again in (0, 1):
        assert moved(published, because("id > 0")).again == again
        assert rows(published, f"SELECT l::VARCHAR, s::VARCHAR, m::VARCHAR, isnan(f) FROM {KEPT}") == (
            ("[1, NULL]", "{'a': 1}", "{k=1}", True),
        )
        house.write(candidate, f"INSERT INTO raw.orders {one} FROM range(1) AS t(i)")


COLUMNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "one more": ("ALTER TABLE raw.orders ADD COLUMN country VARCHAR", ("raw__orders",)),
    "one less": ("ALTER TABLE raw.orders DROP COLUMN id", ("raw__orders",)),
    "another type": ("ALTER TABLE raw.orders ALTER COLUMN id TYPE VARCHAR", ("raw__orders", "raw__orders__until_2")),
}


@pytest.mark.parametrize("change", COLUMNS)
def test_the_table_may_change_its_columns(house: House, published: Warehouse, change: str):
    statement, tables = COLUMNS[change]
    candidate = begun(house, published)
    moved(published)
    house.write(candidate, statement, "UPDATE raw.orders SET amount = -7 WHERE amount = 5")
    assert moved(published).failing == 1
    with published.reader(2) as reader:
        assert tuple(d.ref.name for d in reader.catalog() if d.ref.namespace == "tidegate_quarantine") == tables
    counts = [rows(published, f"SELECT count(*) FROM tidegate_quarantine.{table}")[0][0] for table in tables]
    assert sum(int(str(count)) for count in counts) == 4


REFERRED_TO = (
    "CREATE OR REPLACE TABLE raw.orders (id INTEGER PRIMARY KEY, amount INTEGER); INSERT INTO raw.orders VALUES (1, -1), (2, 2);"
    " CREATE TABLE raw.items (id INTEGER REFERENCES raw.orders (id)); INSERT INTO raw.items VALUES (1)"
)


@pytest.mark.parametrize(
    ("condition", "statement"),
    [
        ("nowhere >= 0", TEN),
        ("CAST('x' || amount AS INTEGER) > 0", TEN),
        ("amount >= 0", f"{TEN}; ALTER TABLE raw.orders RENAME COLUMN id TO rowid"),
        ("amount >= 0", f"{TEN}; ALTER TABLE raw.orders RENAME COLUMN id TO _TIDEGATE_CHECK"),
        ("amount >= 0", f"{TEN}; ALTER TABLE raw.orders RENAME TO o2; CREATE VIEW raw.orders AS SELECT * FROM raw.o2"),
        (
            "amount >= 0",
            REFERRED_TO,
        ),
    ],
    ids=["no such column", "a value that breaks it", "rowid", "a mark's name", "a view", "a foreign key"],
)
def test_what_the_engine_refuses_changes_nothing(house: House, published: Warehouse, condition: str, statement: str):
    begun(house, published, "DROP VIEW raw.big_orders", *statement.split("; "))
    before = rows(published, "SELECT * FROM raw.orders ORDER BY ALL")
    with pytest.raises(QueryError) as caught:
        moved(published, because(condition))
    assert caught.value.sql
    assert rows(published, "SELECT * FROM raw.orders ORDER BY ALL") == before
    with published.reader(2) as reader:
        assert "tidegate_quarantine" not in {d.ref.namespace for d in reader.catalog()}


def test_what_was_judged_or_is_not_kept_is_not_touched(house: House, published: Warehouse):
    with pytest.raises(WarehouseError, match="`1`"):
        published.quarantine(1, ORDERS, [because("amount >= 0")], mark=MARK, most=1)
    with pytest.raises(VersionNotFoundError, match="`7`"):
        published.quarantine(7, ORDERS, [because("amount >= 0")], mark=MARK, most=1)
    begun(house, published)
    published.seal(2)
    held = Version(
        number=2,
        parent=1,
        state=VersionState.HELD,
        run="r2",
        created_at=AT,
        fingerprint="f",
        code_revision=None,
        reason="",
    )
    published.describe(held, {})
    with pytest.raises(WarehouseError, match="`2`"):
        moved(published)


def test_it_changes_the_fingerprint_of_what_was_sealed_before(house: House, published: Warehouse):
    begun(house, published)
    sealed = published.seal(2)
    moved(published)
    assert published.altered(2, sealed)
    assert published.seal(2) != sealed


@pytest.mark.parametrize(
    ("namespace", "name", "kept"),
    [("raw", "orders", "raw__orders"), ("a", "b__c", "a__b__c"), ("a", "_b", "a___b")],
)
def test_the_name_of_the_table(namespace: str, name: str, kept: str):
    assert quarantine_table(DatasetRef(namespace=namespace, name=name)).name == kept


def test_no_two_tables_share_one():
    refs = [("a", "b__c"), ("a__b", "c"), ("a_", "b"), ("a", "_b"), ("a__", "b"), ("a", "__b")]
    assert len({quarantine_table(DatasetRef(namespace=n, name=t)) for n, t in refs}) == len(refs)
