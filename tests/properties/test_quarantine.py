"""Whatever rows there are and whatever fails: table and quarantine together hold every row as often as before."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tidegate.checks import failing_rows
from tidegate.model import Check, DatasetRef
from tidegate.ports import Mark, Suspicion
from tidegate.warehouses.duckdb_quarantine import move
from tidegate.warehouses.duckdb_sessions import session

ROWS = st.lists(st.tuples(st.none() | st.integers(-2, 2), st.none() | st.sampled_from(["", "a", "b"])), max_size=12)
RULES = st.lists(
    st.sampled_from(["n > 0", "n <> -1", "s = 'a'", "s IS NOT NULL", "n > 0 OR s = 'b'"]),
    min_size=1,
    max_size=3,
    unique=True,
)
TABLE = DatasetRef(namespace="raw", name="orders")
MARK = Mark(run="r", version=1, load=None, at=datetime(2026, 3, 1, tzinfo=UTC))


@given(batches=st.lists(ROWS, min_size=1, max_size=3), rules=RULES, most=st.sampled_from([0.2, 0.5, 1.0]))
def test_no_row_is_lost_or_made(batches: list[list[tuple[object, ...]]], rules: list[str], most: float) -> None:
    with session(Path("nothing is spilled here")) as database:
        database.execute(
            "ATTACH ':memory:' AS shop; USE shop; CREATE SCHEMA raw; CREATE TABLE raw.orders (id INTEGER, n INTEGER, s VARCHAR)"
        )
        arrived: Counter[tuple[object, ...]] = Counter()
        for place, batch in enumerate(batches):
            for number, row in enumerate(batch):
                arrived[(100 * place + number // 2, *row)] += 1
                database.execute("INSERT INTO raw.orders VALUES (?, ?, ?)", [100 * place + number // 2, *row])
            suspicions = [suspicion(rule) for rule in rules]
            found = move(lambda sql: database.execute(sql).fetchall(), "shop", TABLE, suspicions, mark=MARK, most=most)
            database.execute("DETACH tidegate_rows")
            table = Counter(database.execute("FROM raw.orders").fetchall())
            kept: Counter[tuple[object, ...]] = Counter()
            if database.execute("FROM duckdb_tables() WHERE schema_name = 'tidegate_quarantine'").fetchall():
                kept = Counter(database.execute("SELECT id, n, s FROM tidegate_quarantine.raw__orders").fetchall())
            assert table + kept == arrived
            left = sum(
                database.execute(f"SELECT count(*) FROM raw.orders WHERE NOT ({rule})").fetchall()[0][0]
                for rule in rules
            )
            assert (left == 0) == (found.moved or not found.failing)
            assert found.moved == (0 < found.failing <= most * found.rows)
            assert found.again == 0


def suspicion(rule: str) -> Suspicion:
    check = Check(id=rule, name=rule, dataset=TABLE, kind="rule", arguments={"expression": rule})
    return Suspicion(check=rule, reason="", failing=lambda ref: failing_rows(check, ref))
