"""Plans are driven to their end, hear of what fails, and cost what their statements cost; one bad table spoils no other."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.unit.services.site import NOW, Silence, settings_of
from tidegate.errors import QueryError
from tidegate.model import Check, DatasetRef, Outcome, Settings, Statement, TableSettings
from tidegate.ports import Answer
from tidegate.services.measure import Measured, Meter, is_users_own, measure
from tidegate.warehouses.duckdb import DuckDBReader

Plan = Generator[Statement, list[tuple[object, ...]], str]
REF = DatasetRef(namespace="main", name="orders")


class ScriptedReader:
    """Answers with the statement itself; refuses what contains `bad`."""

    def catalog(self) -> tuple:
        return ()

    def query(self, sql: str) -> Answer:
        if "bad" in sql:
            raise QueryError(f"`{sql}` was refused", sql=sql)
        return Answer(columns=("sql",), rows=((sql,),), cpu_s=0.5, wall_s=0.25)


def ask(sql: str) -> Statement:
    return Statement(dataset=REF, purpose="a test", sql=sql)


def drive(plan: Plan) -> tuple[str, list[str]]:
    meter = Meter(ScriptedReader())
    return meter.drive(plan), [c.sql for c in meter.costs]


def test_a_plan_gets_the_rows_of_each_statement_and_returns() -> None:
    def plan() -> Plan:
        first = yield ask("one")
        second = yield ask("two")
        return f"{first[0][0]} {second[0][0]}"

    assert drive(plan()) == ("one two", ["one", "two"])


def test_a_plan_without_statements_returns_too() -> None:
    def plan() -> Plan:
        yield from ()
        return "nothing"

    assert drive(plan()) == ("nothing", [])


def test_a_plan_hears_of_what_fails_and_asks_otherwise() -> None:
    def plan() -> Plan:
        try:
            yield ask("bad one")
        except QueryError as error:
            heard = yield ask(f"instead of {error.sql.removeprefix('bad ')}")
            try:
                yield ask("bad again")
            except QueryError:
                return str(heard[0][0])
        return "it was not told"

    assert drive(plan()) == ("instead of one", ["instead of one"])


def test_a_plan_that_fails_in_its_last_statement_ends() -> None:
    def plan() -> Plan:
        try:
            yield ask("bad")
        except QueryError:
            return "ended"
        return "went on"

    assert drive(plan()) == ("ended", [])


def test_what_a_plan_cannot_do_without_is_raised() -> None:
    def plan() -> Plan:
        yield ask("one")
        yield ask("bad")
        return "never"

    meter = Meter(ScriptedReader())
    with pytest.raises(QueryError, match="`bad` was refused"):
        meter.drive(plan())
    assert [(c.sql, c.cpu_s, c.wall_s, c.rows) for c in meter.costs] == [("one", 0.5, 0.25, 1)]


# --- whole databases


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect()) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(
            "create table orders as select i as id, case when i < 3 then null else i end as amount,"
            " 'p' || i || '@example.com' as email, 'c' || i as code from range(10) as t(i)"
        )
        connection.execute("create table nobody (id int)")
        yield connection


def check(kind: str = "not_null", table: str = "orders", column: str | None = "amount", **more: object) -> Check:
    name = str(more.pop("name", f"{kind} {table} {column}"))
    arguments = more.pop("arguments", {})
    dataset = DatasetRef(namespace="main", name=table)
    return Check(id=name, name=name, dataset=dataset, kind=kind, column=column, arguments=arguments, **more)


def measured(connection: duckdb.DuckDBPyConnection, *checks: Check, settings: Settings | None = None) -> Measured:
    reader = DuckDBReader(connection, "memory")
    settings = settings or settings_of(Path("nowhere"))
    return measure(reader, checks, version=1, settings=settings, now=NOW, progress=Silence())


def test_every_table_is_scanned_and_checks_ride_along(connection: duckdb.DuckDBPyConnection) -> None:
    found = measured(connection, check(), check(column="id"), check(table="nobody", column="id"))
    assert {r.name for r in found.scans} == {"orders", "nobody"}
    assert found.profiled == set(found.scans)
    ends = [(r.outcome, r.failures, r.evaluated) for r in found.results]
    assert ends == [(Outcome.FAIL, 3, 10), (Outcome.PASS, 0, 10), (Outcome.PASS, 0, 0)]
    assert found.broken == {}
    assert {c.dataset.name for c in found.costs} == {"orders", "nobody"}


def test_a_sample_is_capped_masked_and_only_of_what_fails(connection: duckdb.DuckDBPyConnection) -> None:
    settings = Settings(
        **{n: getattr(settings_of(Path("nowhere")), n) for n in ("root", "warehouse", "steps")},
        sample_rows=2,
        masked_columns=("CODE",),
        tables={REF: TableSettings(ref=REF, key=("code",))},
    )
    failing, passing = measured(connection, check(), check(column="id"), settings=settings).results
    assert passing.sample is None
    assert failing.sample.columns[0] == "code"
    assert len(failing.sample.rows) == 2
    assert failing.sample.total == 3
    assert set(failing.sample.masked) == {"code", "email"}
    assert "example" not in str(failing.sample.rows)
    assert "LIMIT" not in failing.sample.sql


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"kind": "accepted_values", "column": "full_name", "arguments": {"values": ["x"]}}, "Anna"),
        ({"kind": "accepted_values", "column": "lower(full_name)", "arguments": {"values": ["x"]}, "source": "dbt"}, "anna"),
        ({"kind": "accepted_values", "column": "code", "arguments": {"values": ["x"]}}, "secret"),
        ({"kind": "accepted_values", "column": "id", "arguments": {"values": ["7"]}, "where": "code is null"}, None),
        ({"kind": "compiled", "column": None, "arguments": {"sql": "select contact as c from people", "test": "singular"}}, "anna@"),
        ({"kind": "compiled", "column": None, "arguments": {"sql": "select iban_of_them as p from people", "test": "singular"}}, "DE89"),
        ({"kind": "rule", "column": None, "arguments": {"expression": "id > 9"}}, "Anna"),
        ({"kind": "rule", "column": None, "arguments": {"expression": "person is null"}}, "0170"),
    ],
)  # fmt: skip
def test_what_is_personal_is_masked_under_any_name(
    connection: duckdb.DuckDBPyConnection, asked: dict[str, Any], told: str | None
) -> None:
    """Values stand under `value_field`, in a structure, or under whatever name a query gives them."""
    connection.execute(
        "create table people as select 1 as id, 'Anna' as full_name, 'secret' as code, 'anna@example.com' as contact,"
        " {'email': 'x', 'phone': '0170'} as person, 'DE89 3704 0044 0532 0130 00' as iban_of_them"
    )
    kept = {n: getattr(settings_of(Path("nowhere")), n) for n in ("root", "warehouse", "steps")}
    settings = Settings(**kept, masked_columns=("code",))
    said = {"id": "c", "name": "c", "dataset": DatasetRef(namespace="main", name="people"), **asked}
    (result,) = measured(connection, Check(**said), settings=settings).results
    if told is None:
        assert result.sample is None
        return
    assert result.outcome is Outcome.FAIL, result.reason
    assert result.sample.rows
    assert told not in str(result.sample.rows)
    assert result.sample.masked
    open_ = Settings(**kept, mask_personal_data=False)
    (result,) = measured(connection, Check(**said), settings=open_).results
    assert told in str(result.sample.rows)


@pytest.mark.parametrize("kind", ["int", "timestamp", "date", "uuid", "json", "decimal(3,1)", "interval"])
def test_a_message_of_the_engine_does_not_tell_a_value(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """What could not be converted is a row's value."""
    connection.execute("create table letters as select 'anna@example.com' as code")
    rule = {"expression": f"cast(code as {kind}) is not null"}
    at = check(kind="rule", table="letters", column=None, arguments=rule)
    (result,) = measured(connection, at).results
    assert result.outcome is Outcome.ERROR
    assert "a*** (16 characters)" in result.reason
    assert "anna@" not in result.reason
    kept = {n: getattr(settings_of(Path("nowhere")), n) for n in ("root", "warehouse", "steps")}
    (told,) = measured(connection, at, settings=Settings(**kept, mask_personal_data=False)).results
    assert "anna@example.com" in told.reason


def test_a_message_of_the_engine_tells_what_the_check_itself_says(connection: duckdb.DuckDBPyConnection) -> None:
    wrong = check(kind="rule", column=None, arguments={"expression": "id > cast('seven' as int)"})
    assert "'seven'" in measured(connection, wrong).results[0].reason


def test_what_is_not_personal_is_shown(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "create table shown as select 1 as id, 'DE' as country, '2026-01-01 10:00:00' as at, '+3' as step"
    )
    made = Check(id="c", name="c", dataset=DatasetRef(namespace="main", name="shown"), kind="accepted_values",
                 column="country", arguments={"values": ["x"]})  # fmt: skip
    rule = Check(id="r", name="r", dataset=made.dataset, kind="rule", arguments={"expression": "id > 1"})
    for result in measured(connection, made, rule).results:
        assert result.sample.masked == ()


def test_a_broken_view_spoils_only_its_own_checks(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table gone as select 1 as id")
    connection.execute("create view shaky as select id from gone")
    connection.execute("drop table gone")
    found = measured(connection, check(table="shaky", column="id"), check())
    assert [r.outcome for r in found.results] == [Outcome.ERROR, Outcome.FAIL]
    assert [r.name for r in found.broken] == ["shaky"]
    assert REF in found.scans
    assert not {r.name for r in found.profiled} & {"shaky"}


def test_a_condition_that_the_engine_refuses_is_an_error_with_its_reason(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    wrong = check(kind="rule", column=None, arguments={"expression": "no_such_column > 1"}, name="wrong")
    found = measured(connection, wrong, check())
    assert [r.outcome for r in found.results] == [Outcome.ERROR, Outcome.FAIL]
    assert "no_such_column" in found.results[0].reason
    assert found.broken == {}


def test_what_is_not_there_is_an_error_before_any_statement(connection: duckdb.DuckDBPyConnection) -> None:
    found = measured(connection, check(table="ordrs"), check(column="amuont"))
    assert [r.outcome for r in found.results] == [Outcome.ERROR, Outcome.ERROR]
    assert "did you mean `main.orders`?" in found.results[0].reason
    assert "did you mean `amount`?" in found.results[1].reason


def test_two_checks_of_one_name_do_not_answer_for_each_other(connection: duckdb.DuckDBPyConnection) -> None:
    gone, failing = check(column="gone", name="a", blocking=False), check(column="amount", name="a")
    for checks in ((gone, failing), (failing, gone)):
        ends = {(r.check.blocking, r.outcome) for r in measured(connection, *checks).results}
        assert ends == {(False, Outcome.ERROR), (True, Outcome.FAIL)}


def test_a_table_that_is_ignored_is_measured_for_its_checks_only(connection: duckdb.DuckDBPyConnection) -> None:
    settings = settings_of(Path("nowhere"), {REF: TableSettings(ref=REF, ignore=True)})
    assert REF not in measured(connection, settings=settings).scans
    found = measured(connection, check(), settings=settings)
    assert found.results[0].outcome is Outcome.FAIL
    assert REF not in found.profiled


@pytest.mark.parametrize("name", ["_dlt_loads", "tidegate_work"])
def test_what_tools_keep_for_themselves_is_not_profiled(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    connection.execute(f"create table {name} as select 1 as id")
    found = measured(connection)
    assert {r.name for r in found.scans} == {"orders", "nobody"}
    assert name in {r.name for r in found.catalog}


@pytest.mark.parametrize(
    ("tables", "measured_ones"),
    [
        (("orders",), {"orders"}),
        (("orders", "_dlt_version"), set()),
        (("orders", "_dlt_version", "_dlt_loads"), {"orders"}),
    ],
    ids=["dbt's", "dlt's", "a dataset of that name"],
)
def test_only_the_staging_schema_of_dlt_is_not_profiled(
    connection: duckdb.DuckDBPyConnection, tables: tuple[str, ...], measured_ones: set[str]
) -> None:
    connection.execute("create schema shop_staging")
    for table in tables:
        connection.execute(f"create table shop_staging.{table} as select 1 as id")
    assert {r.name for r in measured(connection).scans if r.namespace == "shop_staging"} == measured_ones


@pytest.mark.parametrize(
    ("namespace", "name", "own"),
    [
        ("raw", "orders", True),
        ("raw", "_dlt_loads", False),
        ("marts_dbt_test__audit", "not_null_orders_id", False),
        ("tidegate_quarantine", "raw__orders", False),
    ],
)
def test_what_a_tool_keeps_for_itself_is_not_the_users(namespace: str, name: str, own: bool) -> None:
    assert is_users_own(DatasetRef(namespace=namespace, name=name), {}) is own
