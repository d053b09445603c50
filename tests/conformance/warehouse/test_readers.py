"""Every adapter: a version is read with aware times, honest errors and a whole catalogue, whatever happens beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from multiprocessing.connection import Connection

import pytest

from tests.conformance.warehouse.adapters import House
from tests.conformance.warehouse.children import child
from tidegate.errors import QueryError
from tidegate.model import Column, Dataset, DatasetRef, Family
from tidegate.ports import Warehouse

VERSIONS = "SELECT a.version, b.version FROM raw.refunds AS a, raw.refunds_too AS b"


def build(house: House, warehouse: Warehouse, number: int, *statements: str) -> None:
    candidate = warehouse.begin(number=number, parent=number - 1)
    house.write(candidate, *statements)
    warehouse.seal(number)


def test_the_catalogue_lists_tables_and_views_by_name(house: House, published: Warehouse):
    build(
        house,
        published,
        2,
        'CREATE TABLE raw."Bestellung ""Nr."" ü" ("Größe in m²" VARCHAR, empty BOOLEAN)',
        "CREATE TABLE first AS SELECT DATE '2026-01-01' AS day, TIMESTAMP '2026-01-01 12:00:00' AS moment",
    )
    with published.reader(2) as reader:
        catalogue = reader.catalog()
    assert [str(d.ref) for d in catalogue] == [
        "main.first",
        'raw.Bestellung "Nr." ü',
        "raw.big_orders",
        "raw.orders",
        "raw.refunds",
    ]
    by_name = {d.ref.name: d for d in catalogue}
    assert by_name["orders"].rows == 2
    assert by_name["first"] == Dataset(
        ref=DatasetRef(namespace="main", name="first"),
        columns=(
            Column(name="day", type="DATE", family=Family.TIME),
            Column(name="moment", type="TIMESTAMP", family=Family.TIME),
        ),
        is_view=False,
        rows=1,
    )
    view = by_name["big_orders"]
    assert (view.is_view, view.rows, [c.name for c in view.columns]) == (True, None, ["id", "amount"])
    strange = by_name['Bestellung "Nr." ü']
    assert [(c.name, c.family) for c in strange.columns] == [
        ("Größe in m²", Family.TEXT),
        ("empty", Family.BOOLEAN),
    ]


def test_a_view_whose_table_is_gone_is_listed_and_only_reading_it_fails(house: House, published: Warehouse):
    build(house, published, 2, "ALTER TABLE raw.orders RENAME TO renamed")
    with published.reader(2) as reader:
        assert "big_orders" in {d.ref.name for d in reader.catalog()}
        with pytest.raises(QueryError):
            reader.query("SELECT * FROM raw.big_orders")
        assert reader.query("SELECT count(*) FROM raw.renamed").rows == ((2,),)


def test_an_answer_has_names_values_and_cost(published: Warehouse):
    with published.reader(1) as reader:
        answer = reader.query("SELECT count(*) AS n, sum(amount) AS total, min(NULL) AS nothing FROM raw.orders")
    assert answer.columns == ("n", "total", "nothing")
    assert [float(v) if v is not None else None for v in answer.rows[0]] == [2.0, 30.5, None]
    assert answer.cpu_s >= 0
    assert answer.wall_s >= 0


def test_an_empty_table_and_one_of_nulls_are_read(house: House, published: Warehouse):
    build(
        house,
        published,
        2,
        "CREATE TABLE raw.empty (id INTEGER, moment TIMESTAMP)",
        "CREATE TABLE raw.nulls AS SELECT CAST(NULL AS TIMESTAMP) AS moment, CAST(NULL AS INTEGER) AS id",
    )
    with published.reader(2) as reader:
        assert reader.query("SELECT * FROM raw.empty").rows == ()
        assert reader.query("SELECT * FROM raw.empty").columns == ("id", "moment")
        assert reader.query("SELECT * FROM raw.nulls").rows == ((None, None),)
        assert {d.ref.name: d.rows for d in reader.catalog()}["empty"] == 0


def test_times_are_aware_and_in_utc(published: Warehouse):
    with published.reader(1) as reader:
        (row,) = reader.query(
            "SELECT TIMESTAMP '2026-03-29 02:30:00.123456' AS naive,"
            " TIMESTAMP WITH TIME ZONE '2026-03-29 02:30:00+02' AS zoned, DATE '2026-03-29' AS day -- a comment"
        ).rows
    naive = datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=UTC)
    assert row == (naive, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), date(2026, 3, 29))
    assert [v.tzinfo for v in row[:2]] == [UTC, UTC]


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("TIMESTAMP '0001-01-01 00:00:00'", datetime(1, 1, 1, tzinfo=UTC)),
        ("TIMESTAMP '9999-12-31 23:59:59'", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("DATE '0001-01-01'", date(1, 1, 1)),
        ("DATE '9999-12-31'", date(9999, 12, 31)),
    ],
)
def test_the_first_and_the_last_year_are_read(published: Warehouse, literal: str, expected: object):
    with published.reader(1) as reader:
        assert reader.query(f"SELECT {literal} AS t").rows == ((expected,),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nothing FROM raw.orders",
        "SELECT * FROM raw.nowhere",
        "SELEC 1",
        "SELECT CAST('x' AS INTEGER)",
        "",
        "; ;",
    ],
)
def test_a_refused_statement_is_an_error_with_its_sql(published: Warehouse, sql: str):
    with published.reader(1) as reader:
        with pytest.raises(QueryError) as caught:
            reader.query(sql)
        assert caught.value.sql == sql
        assert str(caught.value)
        assert reader.query("SELECT 1 AS one").rows == ((1,),)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE raw.mine (id INTEGER)",
        "INSERT INTO raw.orders VALUES (3, 3)",
        "DROP TABLE raw.orders",
        "SELECT 1; DELETE FROM raw.orders",
    ],
)
def test_a_reader_cannot_write(published: Warehouse, sql: str):
    sealed = published.fingerprint(1)
    with published.reader(1) as reader, pytest.raises(QueryError):
        reader.query(sql)
    assert published.fingerprint(1) == sealed


def test_two_versions_are_compared(house: House, published: Warehouse):
    build(
        house, published, 2, "INSERT INTO raw.orders VALUES (3, 30)", "CREATE TABLE raw.extra AS SELECT 1 AS only_new"
    )
    with published.compare(1, 2) as both:
        added = "SELECT id FROM new.raw.orders EXCEPT SELECT id FROM old.raw.orders"
        assert both.query(added).rows == ((3,),)
        assert "extra" in {d.ref.name for d in both.catalog()}
    with published.compare(2, 1) as both:
        assert both.query(added).rows == ()
        assert "extra" not in {d.ref.name for d in both.catalog()}
    with published.compare(1, 1) as both:
        assert both.query(added).rows == ()


def test_several_readers_of_one_version_do_not_disturb_each_other(published: Warehouse):
    with published.reader(1) as one, published.reader(1) as two:
        assert one.query("SELECT count(*) FROM raw.orders").rows == two.query("SELECT count(*) FROM raw.orders").rows
    with published.reader(1) as three:
        assert three.query("SELECT count(*) FROM raw.orders").rows == ((2,),)


def test_an_open_reader_keeps_its_snapshot(house: House, published: Warehouse):
    with published.reader(1) as reader:
        build(house, published, 2, "DELETE FROM raw.orders")
        published.publish(2)
        assert reader.query("SELECT count(*) FROM raw.orders").rows == ((2,),)
        published.discard(1)
        assert reader.query("SELECT count(*) FROM raw.orders").rows == ((2,),)
    assert house.read_live("SELECT count(*) FROM raw.orders") == [(0,)]


def read_on(connection: Connection, house: House) -> None:
    """Read both tables through a new connection again and again until told to end; send what was seen."""
    seen: set[tuple[object, ...]] = set()
    reads = 0
    while not connection.poll():
        (row,) = house.read_live(VERSIONS)
        seen.add(row)
        reads += 1
        if reads == 1:
            connection.send("reading")
    connection.recv()
    connection.send((reads, seen))


@pytest.mark.slow
def test_readers_that_reopen_never_see_an_error_a_mix_or_a_missing_table(house: House, published: Warehouse):
    build(
        house, published, 2, "UPDATE raw.refunds SET version = 2", "CREATE TABLE raw.refunds_too AS SELECT 2 AS version"
    )
    published.publish(2)
    with child(read_on, house) as (_, one), child(read_on, house) as (_, two):
        for reader in (one, two):
            assert reader.recv() == "reading"
        for number in range(3, 53):
            build(
                house,
                published,
                number,
                f"UPDATE raw.refunds SET version = {number}",
                f"CREATE OR REPLACE TABLE raw.refunds_too AS SELECT {number} AS version",
            )
            published.publish(number)
        for reader in (one, two):
            reader.send("stop")
        told = [reader.recv() for reader in (one, two)]
    for reads, seen in told:
        assert reads > 1
        assert len(seen) > 1, "the reader never saw a publication, so the race was not run"
        assert all(a == b for a, b in seen)
        assert {a for a, _ in seen} <= set(range(2, 53))
