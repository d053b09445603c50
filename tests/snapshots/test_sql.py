"""The SQL of a scan, of checks and of samples, statement by statement; `UPDATE_SNAPSHOTS=1` writes it again.

A change here is a change of what users see and pay for: read the difference before committing it.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate.checks import judge, needs, sample_query
from tidegate.model import Check, Column, CountsUp, Dataset, DatasetRef, Family, Interval, MetricSpec, Segment
from tidegate.scan import Agreement, Beside, ByCategory, Relations, ScanOptions, Together, scan_table, slice_table
from tidegate.scan.again import again, telling
from tidegate.scan.agreement import agreed, agreement
from tidegate.scan.beside import beside
from tidegate.scan.regular import regular
from tidegate.scan.related import related
from tidegate.scan.relations import Pair, relations
from tidegate.scan.rest import left
from tidegate.scan.sequences import Sequences, counted_up, sequences
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window

FOLDER = Path(__file__).parent / "sql"
OPTIONS = ScanOptions(version=1, taken_at=datetime(2026, 5, 1, tzinfo=UTC))
ORDERS = DatasetRef(namespace="raw", name="orders")
CUSTOMERS = DatasetRef(namespace="raw", name="customers")
COLUMNS = [
    ("order_id", "BIGINT", Family.NUMBER),
    ("country", "VARCHAR", Family.TEXT),
    ("amount", "DECIMAL(18,2)", Family.NUMBER),
    ("weight", "DOUBLE", Family.NUMBER),
    ("ordered_at", "TIMESTAMP WITH TIME ZONE", Family.TIME),
    ("is_gift", "BOOLEAN", Family.BOOLEAN),
    ("payload", "JSON", Family.OTHER),
    ("_dlt_load_id", "VARCHAR", Family.TEXT),
]
CATALOG = {
    ORDERS: Dataset(ref=ORDERS, columns=tuple(Column(name=n, type=t, family=f) for n, t, f in COLUMNS)),
    CUSTOMERS: Dataset(ref=CUSTOMERS, columns=(Column(name="id", type="BIGINT", family=Family.NUMBER),)),
}
ROWS = 1_000_000
NUMBERS = {  # what a made-up engine answers to the profile, by the end of each expression
    'APPROX_COUNT_DISTINCT("order_id")': 990_000,
    'APPROX_COUNT_DISTINCT("country")': 3,
    'APPROX_COUNT_DISTINCT("_dlt_load_id")': 90,
    'COUNT("weight")': 999_990,
    'MAX(LENGTH("country"))': 2,
    'APPROX_COUNT_DISTINCT(CAST("ordered_at" AS DATE))': 90,
}


def check(kind, column=None, **more):
    return Check(id=kind, name=kind, dataset=ORDERS, kind=kind, column=column, **more)


CHECKS = [
    check("not_null", "order_id"),
    check("unique", "order_id"),
    check("unique", "country", where="amount > 0", fail_calc="sum(n_records)", limit=10),
    check("accepted_values", "country", arguments={"values": ["DE", "it's"]}),
    check("accepted_values", "order_id", arguments={"values": [1, 2], "quote": False}),
    check("relationships", "order_id", arguments={"to": "customers", "field": "id"}, where="country = 'DE'"),
    check("rule", arguments={"expression": "amount >= 0 -- never below"}, where="not is_gift"),
    check("row_count", arguments={"min": 1}, where="is_gift"),
    check("freshness", "ordered_at", arguments={"max_age_s": 86400}),
    check("metric", arguments={"sql": "sum(amount)", "min": 1}, where="is_gift"),
    check("sql", arguments={"sql": "select * from raw.orders where amount < 0;"}),
]


ALWAYS = {
    "regular: nulls": [(0, 800), (3, 100)],
    "sequences: first buckets": [(ROWS, 7, ROWS - 7, 1.0, ROWS - 7, ROWS - 7)],
}


def answer(statement):
    """Rows that lead the plan through all its parts."""
    start, day = int(datetime(2026, 2, 1, tzinfo=UTC).timestamp()), 86_400
    if statement.purpose.startswith("profile"):
        items = split(statement.sql.removeprefix("SELECT ").split(' FROM "raw"')[0])
        default = {"COUNT(*)": ROWS} | NUMBERS
        return [tuple(default.get(item, time_of(item, start, day)) for item in items)]
    if statement.purpose == "quantiles":
        return [tuple([start + at * day for at in range(7)] for _ in split(statement.sql.split(" FROM ")[0]))]
    if statement.purpose == "categories":
        return [
            (3, "DE", None, None, ROWS - 1),
            (3, None, None, None, 1),
            (5, None, "true", None, 9),
            (5, None, "false", None, 7),
            (6, None, None, "17.1", 5),
        ]
    if statement.purpose == "contents":
        return [(start + at * day, 7) for at in range(3)]
    if statement.purpose == "buckets":
        return [(start + at * day,) for at in range(10)]
    if statement.purpose == "history":
        width = len(split(statement.sql.removeprefix("SELECT ").split(' FROM "raw"')[0]))
        return [(start + at * day, *([1] * (width - 1))) for at in range(3)]
    if statement.purpose == "regular: decimals":
        items = split(statement.sql.removeprefix("SELECT ").split(' FROM "raw"')[0])
        return [tuple(900 if "ROUND(" not in item else 0 if "2.0" in item else 450 for item in items)]
    if statement.purpose == "relations: columns":
        new, known = (900, 900, 900, 800, 0, 400, 400), (3, 900, 900, 800, 800, 400, 0)
        asked = statement.sql.count(" UNION ALL ") + 1
        return [(at, *(known if at in (asked - 1, asked - 4) else new)) for at in range(asked)]
    if statement.purpose == "sequences: columns":
        return [(start + at * day, *spread(statement.sql, at)) for at in range(7)]
    if statement.purpose in ALWAYS:
        return ALWAYS[statement.purpose]
    if statement.purpose.partition(":")[0] in ("relations", "rows again", "numbers", "agreement", "sequences"):
        return []
    return [(0,)] if statement.purpose not in ("history by segment", "duplicates", "slices") else []


def spread(sql, at):
    """A day whose first column goes on from the one before; all others have five values."""
    items = split(sql.removeprefix("SELECT ").split(" FROM (")[0])[1:]
    of_first = {"COUNT(DISTINCT v0)": 90, "QUANTILE_CONT(v0, 0.02)": 100 * at, "QUANTILE_CONT(v0, 0.98)": 100 * at + 90}
    return [of_first.get(item, 5 if item.startswith("COUNT(DISTINCT") else 90) for item in items]


def time_of(item, start, day):
    if item.startswith('COUNT("'):
        return ROWS
    if not item.startswith(("EPOCH(", "COALESCE(EPOCH(")):
        return 0
    return float(start if "MIN(" in item else start + 89 * day)


def split(text):
    """The items of a SELECT list."""
    found, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [item.strip() for item in found]


def drive(plan):
    asked = []
    try:
        statement = next(plan)
        while True:
            asked.append(statement)
            statement = plan.send(answer(statement))
    except StopIteration:
        return "\n\n".join(f"-- {s.purpose}\n{lines(s.sql)};" for s in asked) + "\n"


def lines(sql):
    return (
        sql.replace(", COUNT(*) - COUNT(", ",\n  COUNT(*) - COUNT(")
        .replace(" FROM ", "\nFROM ")
        .replace(" WHERE ", "\nWHERE ")
        .replace(" GROUP BY ", "\nGROUP BY ")
    )


def of_checks():
    parts = []
    for one in CHECKS:
        plan = scan_table(
            CATALOG[ORDERS], needs(one, CATALOG), ScanOptions(version=1, taken_at=OPTIONS.taken_at, profile=False)
        )
        sample = sample_query(one, CATALOG, limit=20)
        parts.append(f"-- == {one.kind} {one.column or ''}\n" + drive(plan))
        result = judge(one, {}, now=OPTIONS.taken_at)
        assert result.reason
        if sample is not None:
            parts.append(f"-- sample\n{lines(sample.sql_sample)};\n")
    return "\n".join(parts)


def of_slices():
    spec = MetricSpec(dataset=ORDERS, metric="mean", column="amount", segment=Segment(column="country", value="DE"))
    days = [
        Interval(start=datetime(2026, 4, n, tzinfo=UTC), end=datetime(2026, 4, n + 1, tzinfo=UTC)) for n in (1, 2, 4, 9)
    ]
    options = ScanOptions(version=1, taken_at=OPTIONS.taken_at, time_column="ordered_at")
    return drive(slice_table(CATALOG[ORDERS], spec, days[-1], days[:-1], ["country", "_dlt_load_id"], options))


def ten_days():
    """Ten days, the fourth of them untaught, the window that they fill, and what is known of a million rows."""
    days = [
        Interval(start=datetime(2026, 4, n, tzinfo=UTC), end=datetime(2026, 4, n + 1, tzinfo=UTC)) for n in range(1, 11)
    ]
    options = ScanOptions(version=1, taken_at=OPTIONS.taken_at, untaught=[days[3]])
    tally = Tally(CATALOG[ORDERS], options, "duckdb")
    time = CATALOG[ORDERS].column("ordered_at")
    return days, tally, Window(time, "day", Interval(start=days[0].start, end=days[-1].end))


def of_relations():
    """What chooses, by seven days, and what is asked of the tenth when a day among the others is untaught; of all, and of some keys."""
    days, tally, span = ten_days()
    asked = drive(relations(tally, span))
    chosen = Relations(keys=("country",), pairs=(Pair("country", "is_gift"),))
    some = replace(chosen, one_in={"country": 8}, buckets=6)
    asked += "\n" + drive(related(tally, span, [span.last(1)], days, chosen))
    return asked + "\n" + drive(related(tally, span, [span.last(1)], days, some))


def of_rows():
    """What chooses numbers, by seven days, and what is asked of the tenth: of the days that it is held against, in two samples."""
    days, tally, span = ten_days()
    tally.add(tally.spec("row_count"), ROWS)
    asked = drive(beside(tally, span, days))
    chosen = Beside(
        follow={"amount": 0.1},
        names=("amount", "weight"),
        middle=(5.0, 1.0),
        wide=(2.0, 3.0),
        times=Together(follow={"ordered_at": 0.2}, names=("weight", "ordered_at"), middle=(1.0, 12.0), wide=(3.0, 8.0)),
        given={"discount": ByCategory("country", 0.5)},
    )
    columns = telling(tally, frozenset({"country", "amount", "ordered_at", "_dlt_load_id"}))
    asked += "\n" + drive(left(tally, span, [span.last(1)], days, chosen))
    return asked + "\n" + drive(again(tally, span, [span.last(1)], days, columns))


def of_agreement():
    """What chooses, by seven days, and what is asked of the tenth; of all keys, and of some."""
    _, tally, span = ten_days()
    tally.add(tally.spec("row_count"), ROWS)
    asked = drive(agreement(tally, span, ["country"]))
    chosen = Agreement(pairs=(Pair("order_id", "country"), Pair("order_id", "ordered_at")))
    for one in (chosen, replace(chosen, one_in={"order_id": 8})):
        asked += "\n" + drive(agreed(tally, [span.last(1)], one))
    return asked


def of_sequences():
    """What chooses, by seven days, and what is asked of the tenth: of numbers, and of times for each value of a key."""
    days, tally, span = ten_days()
    tally.add(tally.spec("row_count"), ROWS)
    asked = drive(sequences(tally, span))
    chosen = Sequences((CountsUp("order_id"), CountsUp("ordered_at", 300.0, "country")))
    return asked + "\n" + drive(counted_up(tally, span, [span.last(1)], days, chosen))


def of_regular():
    """What chooses, by seven days; what is counted then is in the history of the scan."""
    _, tally, span = ten_days()
    tally.add(tally.spec("row_count"), ROWS)
    for column in ("country", "weight"):
        tally.add(tally.spec("null_count", column), 100)
    return drive(regular(tally, span))


SNAPSHOTS = {
    "scan": lambda: drive(scan_table(CATALOG[ORDERS], (), OPTIONS)),
    "checks": of_checks,
    "slices": of_slices,
    "relations": of_relations,
    "agreement": of_agreement,
    "regular": of_regular,
    "sequences": of_sequences,
    "rows": of_rows,
}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_sql(name):
    path, made = FOLDER / f"{name}.duckdb.sql", SNAPSHOTS[name]()
    if os.environ.get("UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8"), f"{path.name} differs; UPDATE_SNAPSHOTS=1 writes it again"


def test_the_snapshot_holds_every_part_of_the_plan():
    text = (FOLDER / "scan.duckdb.sql").read_text(encoding="utf-8")
    for purpose in ("profile", "quantiles", "categories", "history", "history by segment", "duplicates"):
        assert f"-- {purpose}\n" in text
