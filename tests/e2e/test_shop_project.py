"""The shop's project by hand: real dlt and dbt, a sound day, then three faults that neither of them notices."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tidegate.kit.shop.generate import FAULTS, Delivery, day, deliver, write_project

DBT = Path(sys.executable).with_name("dbt")
MONEY = {"price", "discount_amount", "shipping_amount", "total_amount", "unit_price", "line_amount"}


def run(cwd: Path, version: Path, *command: str | Path) -> str:
    """Run a step that must be green on the database of `version`, with everything that it keeps in there too."""
    env = {
        **os.environ,
        "HOME": str(version.parent),
        "TZ": "America/New_York",  # days are in UTC, wherever the pipeline runs
        "NO_COLOR": "1",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "PIPELINES_DIR": str(version / "dlt"),
        "DESTINATION__DUCKDB__CREDENTIALS": str(version / "shop.duckdb"),
        "DBT_PROFILES_DIR": str(version / "profiles"),
        "DBT_TARGET_PATH": str(version / "target"),
        "DBT_LOG_PATH": str(version / "logs"),
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "deprecat" not in output.lower()
    return output


def pipeline(project: Path, version: Path) -> None:
    """Load and transform; both steps are green, without a warning."""
    (version / "profiles").mkdir(parents=True, exist_ok=True)
    profile = (project / "transform/profiles.yml").read_text().replace("../shop.duckdb", f"{version}/shop.duckdb")
    (version / "profiles/profiles.yml").write_text(profile)
    assert "no failed jobs" in run(project, version, sys.executable, "ingest/shop.py")
    output = run(project / "transform", version, DBT, "build")
    assert "WARN=0 ERROR=0 SKIP=0" in output
    assert "doesn't match" not in output


def candidate(published: Path, name: str) -> Path:
    return Path(shutil.copytree(published, published.with_name(name)))


def query(version: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(version / "shop.duckdb"), read_only=True) as database:
        database.execute("set TimeZone = 'UTC'")
        return database.execute(sql).fetchall()


def number(version: Path, sql: str) -> float:
    ((value,),) = query(version, sql)
    return float(str(value))


def rows_at_source(project: Path, table: str) -> Iterator[tuple[object, ...]]:
    """The rows of a table of the shop's database, as text where DuckDB gives text."""
    with closing(sqlite3.connect(project / "source/shop.db")) as database:
        rows = database.execute(f"select * from {table} order by 1")
        columns = [column[0] for column in rows.description]
        for row in rows:
            yield tuple(f"{v:.2f}" if c in MONEY else str(v) for c, v in zip(columns, row, strict=True))


def rows_loaded(project: Path, version: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(project / "source/shop.db")) as database:
        columns = database.execute("select name, type from pragma_table_info(?)", [table]).fetchall()
    as_text = {"BOOLEAN": "cast({} as int)", "TIMESTAMP": "strftime({}, '%Y-%m-%d %H:%M:%S')"}
    wanted = ", ".join(f"coalesce(cast({as_text.get(t.upper(), '{}').format(c)} as text), 'None')" for c, t in columns)
    return query(version, f"select {wanted} from raw.{table} order by {columns[0][0]}")


def assert_right(project: Path, version: Path, delivery: Delivery) -> None:
    """The warehouse holds what the source does, row by row, and the marts add up to it."""
    for table in ("customers", "products", "orders", "order_items"):
        assert rows_loaded(project, version, table) == list(rows_at_source(project, table))
    for table, rows in delivery.rows.items():
        assert number(version, f"select count(*) from raw.{table} where _dlt_load_id is not null") == rows
    by_file = query(version, "select source_file, count(*) from raw.payments group by 1 order by 1")
    lines = [(p.name, p.read_bytes().count(b"\n")) for p in sorted((project / "source/payments").iterdir())]
    assert by_file == lines
    facts = "select order_id, status, total_amount, updated_at from analytics.fct_orders"
    assert (
        query(
            version, f"({facts}) except (select order_id, status, total_amount, updated_at from analytics.stg_orders)"
        )
        == []
    )
    assert number(version, "select count(*) from analytics.fct_orders") == delivery.rows["orders"]
    assert number(version, "select sum(orders) from analytics.mart_daily_revenue") == delivery.rows["orders"]
    paid = "select sum(paid_amount) - sum(total_amount) filter (status = 'paid') from analytics.fct_orders"
    assert number(version, paid) == 0
    days = "select count(distinct order_date), strftime(max(order_date), '%Y-%m-%d') from analytics.mart_daily_revenue"
    assert query(version, days) == [(delivery.through, str(delivery.date))]


def revenue(version: Path, n: int) -> float:
    return number(version, f"select sum(revenue) from analytics.mart_daily_revenue where order_date = '{day(n)}'")


def play_fault(project: Path, published: Path, name: str) -> tuple[Path, str]:
    """A run on the day of a fault, from the published version; returns its version and its date."""
    delivery = deliver(project, through=FAULTS[name].day, fault=name)
    version = candidate(published, name)
    pipeline(project, version)
    return version, str(delivery.date)


@pytest.mark.slow
def test_faults_go_through_green_pipelines(tmp_path):
    project, first = tmp_path / "shop", tmp_path / "first"
    write_project(project)
    delivery = deliver(project, through=80)
    written = {p.name for p in (*project.iterdir(), *(project / "transform").iterdir())}
    pipeline(project, first)
    assert_right(project, first, delivery)
    assert number(first, "select count(*) from analytics.customers_snapshot") == delivery.rows["customers"]

    delivery = deliver(project, through=81)
    published = candidate(first, "published")
    pipeline(project, published)
    assert_right(project, published, delivery)
    assert number(published, "select count(*) from analytics.customers_snapshot where dbt_valid_to is not null") > 0
    assert number(published, "select count(*) from raw._dlt_loads") == 2

    version, date = play_fault(project, published, "missing_country")
    orders = f"select orders from analytics.mart_daily_revenue where country = '%s' and order_date = '{date}'"
    assert query(version, orders % "DE") == []
    assert number(version, orders % "FR") > 50
    unmatched = "select payments_without_order from analytics.mart_payment_reconciliation where day = '{}'"
    assert number(version, unmatched.format(date)) > 100 > 5 * number(version, unmatched.format(day(81)))

    version, date = play_fault(project, published, "cents")
    mean = f"select avg(total_amount) from analytics.fct_orders where order_date = '{date}' and channel = '%s'"
    assert 50 < number(version, mean % "app") / number(version, mean % "web") < 200
    assert number(version, f"select difference from analytics.mart_payment_reconciliation where day = '{date}'") < 5_000
    assert 10 < revenue(version, FAULTS["cents"].day) / revenue(version, 81) < 100

    version, date = play_fault(project, published, "delivered_twice")
    copies = f"select count(*), count(distinct payment_id), count(distinct source_file) from raw.payments where strftime(paid_at, '%Y-%m-%d') = '{date}'"
    ((loaded, payments, sources),) = query(version, copies)
    assert (loaded, sources) == (2 * payments, 2)
    doubled = revenue(version, FAULTS["delivered_twice"].day)

    delivery = deliver(project, through=FAULTS["delivered_twice"].day)
    recovered = candidate(published, "recovered")
    pipeline(project, recovered)
    assert_right(project, recovered, delivery)
    assert doubled == pytest.approx(2 * revenue(recovered, FAULTS["delivered_twice"].day), rel=0.01)
    assert {p.name for p in (*project.iterdir(), *(project / "transform").iterdir())} == written
