"""A scan that reads only the parts of a table that changed reads like one of all rows: on real files, as versions are."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.conformance.scan.engine import NOW
from tests.unit.services.site import Silence, settings_of
from tidegate.metrics import Vouched
from tidegate.model import Check, Dataset, DatasetRef, Measurement, MetricSpec, Part
from tidegate.scan import ScanOptions, TableScan, cut, own, runs, scan_table
from tidegate.services.measure import Meter, for_checks_alone, measure
from tidegate.state.answers import SQLiteAnswerStore
from tidegate.warehouses import duckdb_parts
from tidegate.warehouses.duckdb import DuckDBReader

REF = DatasetRef(namespace="main", name="t")
MADE = """
create table t as select i as id, i * 2 + 1 as odd, timestamp '2026-04-01' + to_minutes(i * 3) as created_at,
    'c' || (i % 3) as country, (i * 37 % 100)::decimal(18, 2) as amount, case when i % 5 = 0 then null else i % 9 end as n,
    (i * 7919 % 10007) / 7.0 + 1e9 as x, i % 2 = 0 as paid, 'ref ' || hash(i) as ref, (i % 50)::integer as parent_id
from range(12000) r(i);
create table parents as select range::integer as id from range(50);
"""
NEXT = "(select coalesce(max(id), 0) + 1 from t)"
changes = st.lists(
    st.one_of(
        st.builds("insert into t by name select {next} + i as id, 2 * ({next} + i) + 1 as odd, timestamp '2026-04-26' +"
                  " to_minutes(i) as created_at, 'c1' as country, i % 7 as amount, 3 as n, i / 3.0 as x, true as paid,"
                  " 'new ' || i as ref, {parent} as parent_id from range({rows}) r(i)".format,
                  next=st.just(NEXT), rows=st.integers(1, 3000), parent=st.sampled_from([1, 49, 50])),
        st.builds("update t set amount = amount + 1 where id between {0} and {0} + 100".format, st.integers(0, 12000)),
        st.builds("update t set n = null where id = {}".format, st.integers(0, 12000)),
        st.builds("update t set country = 'elsewhere' where id = {}".format, st.integers(0, 12000)),
        st.builds("delete from t where id = {}".format, st.integers(0, 12000)),
        st.builds("delete from t where id < {}".format, st.sampled_from([2048, 3000, 12000])),
        st.builds("delete from t where id > {}".format, st.integers(9000, 12000)),
        st.builds("insert into t from t where id between {0} and {0} + 3".format, st.integers(0, 12000)),
        st.just("create or replace table t as from t order by ref"),
        st.just("alter table t add column if not exists extra int default 3"),
        st.just("delete from t"),
    ),
    max_size=3,
)  # fmt: skip


def spec(metric: str, column: str | None = None, **more: str | None) -> MetricSpec:
    return MetricSpec(dataset=REF, metric=metric, column=column, **more)  # type: ignore[arg-type]  # the metric is given by name, its other fields by theirs


WANTED = (
    spec("failing_rows", argument="amount between 0 and 90"),
    spec("failing_rows", argument="regexp_matches(ref, '^ref [0-9]+$')", where="paid"),
    spec("failing_rows", argument="created_at <= now()"),
    spec("row_count", where="country = 'c1'"),
    spec("null_count", "n", where="paid"),
    spec("mean", "amount", where="n > 3"),
    spec("aggregate", argument="avg(amount)"),
    spec("aggregate", argument="avg(created_at)"),
    spec("aggregate", argument="stddev_samp(x)"),
    spec("aggregate", argument="sum(amount) / count(*)"),
    spec("aggregate", argument="count(distinct country)"),
    spec("aggregate", argument="approx_count_distinct(ref)"),
    spec("repeated_values", "id"),
    spec("repeated_values", "odd", where="paid"),
    spec("repeated_values", "ref"),
    spec("repeated_rows", argument='["id", "country"]'),
    spec("unaccepted_values", "country", argument='{"values": ["c0", "c1", "c2"], "quote": true}'),
    spec("unaccepted_values", "n", argument='{"values": ["1", "2"], "quote": true}'),
    spec("orphan_rows", "parent_id", argument='{"to": ["main", "parents"], "field": "id"}'),
)


@dataclass
class Shop:
    """A database file whose row groups have 2,048 rows, and what is kept of it."""

    folder: Path
    answers: dict[str, dict[str, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "shop.duckdb"

    def run(self, *statements: str) -> None:
        with duckdb.connect() as connection:
            connection.execute(f"attach '{self.path}' as shop (row_group_size 2048)")
            connection.execute("use shop")
            for sql in statements:
                connection.execute(sql)

    @contextmanager
    def reader(self) -> Iterator[tuple[DuckDBReader, Dataset]]:
        with duckdb.connect(self.path, read_only=True) as connection:
            reader = DuckDBReader(connection, "shop", self.path, least_rows=0)
            yield reader, {d.ref: d for d in reader.catalog()}[REF]

    def parts(self) -> tuple[Part, ...]:
        """Told with the help of notes; told without, they are the same but for their marks."""
        with self.reader() as (reader, dataset):
            found = reader.parts(dataset, self.notes)
        with self.reader() as (reader, dataset):
            assert list(map(unmarked, found)) == list(map(unmarked, reader.parts(dataset, {})))
        return found

    def scan(self, *, whole: bool = False, wanted: tuple[MetricSpec, ...] = WANTED, profile: bool = True) -> TableScan:
        with self.reader() as (reader, dataset):
            parts = () if whole else reader.parts(dataset, self.notes)
            known = {name: self.answers[name] for name in runs(parts) if name in self.answers}
            pieces = cut(parts, known)
            options = ScanOptions(
                version=1, taken_at=NOW, time_column="created_at", grain="day", pieces=pieces, profile=profile
            )
            meter = Meter(reader)
            scan: TableScan = meter.drive(scan_table(dataset, wanted, options))
            self.asked = [cost.sql for cost in meter.costs]
        for name, answers in scan.learnt.items():
            self.answers.setdefault(name, {}).update(answers)
        return scan


@contextmanager
def shops() -> Iterator[Shop]:
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        shop.run(*MADE.split(";"))
        yield shop


@pytest.fixture(autouse=True, scope="module")
def everything_is_used() -> Iterator[None]:
    """Notes and filters, also where doing without costs as little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb_parts, "DEARER", 0)
        patch.setattr("tidegate.scan.prints.LEAST_SIEVED", 0)
        yield


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shops() as made:
        yield made


def unmarked(part: Part) -> Part:
    return replace(part, name=part.name.split()[0])


def numbers(scan: TableScan) -> Mapping[object, Measurement]:
    return {(m.spec, m.interval): m for m in scan.measurements}


def alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


def rank(shop: Shop, column: str, value: object) -> tuple[float, float]:
    """The share of a column's values that are below a value, and at most that; a row more or less, for exact quantiles lie
    between two rows.
    """
    with duckdb.connect(shop.path, read_only=True) as connection:
        as_number = f"epoch({column})" if column == "created_at" else column
        low, high = f"avg(({as_number} < $1)::int) - 1 / count(*)", f"avg(({as_number} <= $1)::int) + 1 / count(*)"
        sql = f"select {low}, {high} from t where {column} is not null"
        shares = connection.execute(sql, [value]).fetchall()[0]
        return float(shares[0]), float(shares[1])


def demand_equal(shop: Shop) -> None:
    """The scan in pieces and the whole one are alike; of quantiles, the ranks within the stated error."""
    shop.parts()
    thrifty, whole = shop.scan(), shop.scan(whole=True)
    found, expected = numbers(thrifty), numbers(whole)
    assert found.keys() == expected.keys()
    assert thrifty.unmeasured == whole.unmeasured
    for key, measured in found.items():
        if measured.spec.metric == "quantile":
            low, high = rank(shop, measured.spec.column or "", measured.value)
            share = float(measured.spec.argument or "")
            assert low - measured.error <= share <= high + measured.error, measured
        else:
            assert alike(measured.value, expected[key].value), (measured, expected[key])


@given(st.lists(changes, min_size=1, max_size=2))
@settings(max_examples=6, deadline=None, phases=[p for p in Phase if p is not Phase.explain])
def test_a_scan_of_what_is_new_reads_like_a_whole_one(days: list[list[str]]) -> None:
    with shops() as shop:
        shop.scan()
        for statements in days:
            shop.run(*statements)
            demand_equal(shop)


def test_nothing_is_read_again_where_nothing_changed(shop: Shop) -> None:
    shop.scan()
    before = len(shop.asked)
    shop.scan()
    reread = [sql for sql in shop.asked if "rowid" in sql]
    assert before > len(shop.asked)
    assert reread == []


def test_rows_that_are_added_are_all_that_is_read(shop: Shop) -> None:
    shop.scan()
    shop.run("insert into t select * replace (id + 12000 as id, odd + 24000 as odd) from t limit 5000")
    first = shop.parts()[-3].first
    shop.scan()
    cuts = {sql.split("rowid >= ")[1].split(" ")[0] for sql in shop.asked if "rowid >= " in sql}
    assert cuts
    assert all(int(start) >= first - 2048 for start in cuts)


def test_a_changed_row_opens_its_part_only(shop: Shop) -> None:
    before = [part.name for part in shop.parts()]
    shop.run("update t set amount = 7 where id = 3000")
    after = [part.name for part in shop.parts()]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True, True, True, True]


def test_which_row_was_deleted_tells_parts_apart(shop: Shop) -> None:
    shutil.copy(shop.path, shop.folder / "other.duckdb")
    shop.run("delete from t where id = 3000")
    one = [part.name for part in shop.parts()]
    shutil.move(shop.folder / "other.duckdb", shop.path)
    shop.run("delete from t where id = 3001")
    other = [part.name for part in shop.parts()]
    assert [a == b for a, b in zip(one, other, strict=True)] == [True, False, True, True, True, True]


def test_two_versions_that_wrote_other_values_to_the_same_blocks_are_told_apart(shop: Shop) -> None:
    shutil.copy(shop.path, shop.folder / "other.duckdb")
    shop.run("update t set x = 1.5 where id = 3000")
    one = {part.name for part in shop.parts()}
    shutil.move(shop.folder / "other.duckdb", shop.path)
    shop.run("update t set x = 2.5 where id = 3000")
    assert len(one & {part.name for part in shop.parts()}) == 5


REGULAR = """create table t as select i as id, timestamp '2026-04-01' + to_minutes(i) as created_at, i % 2 = {even} as even, 0 as four,
    to_days(0) as lasted from range(20480) r(i)"""
"""Words that come an even number of times cancel in the engine's checksums."""

IN_ORDER = "set threads = 1"
"""Several threads write row groups to blocks in the order in which they come to them, which is another in each run."""


@pytest.mark.parametrize(
    ("one", "other"),
    [("even = id % 2 = 1", "even = id % 2 = 0 and true"), ("four = id % 4", "four = 3 - id % 4"), ("lasted = to_days(1)", "lasted = to_days(2)")],
)  # fmt: skip
def test_two_versions_whose_blocks_have_the_same_checksums_are_told_apart(shop: Shop, one: str, other: str) -> None:
    shop.run("drop table t", REGULAR.format(even="2"))
    shop.parts()
    shutil.copy(shop.path, shop.folder / "other.duckdb")
    notes = dict(shop.notes)
    shop.run(IN_ORDER, f"update t set {one}")
    first = shop.parts()
    shutil.move(shop.folder / "other.duckdb", shop.path)
    shop.notes = notes
    shop.run(IN_ORDER, f"update t set {other}")
    second = shop.parts()
    assert list(map(unmarked, first)) == list(map(unmarked, second))
    assert not {part.name for part in first} & {part.name for part in second}


def test_a_table_that_is_built_again_where_it_was_before_is_not_taken_for_that(shop: Shop) -> None:
    wanted = (spec("failing_rows", argument="even = (id % 2 = 0)"),)
    shop.run(
        IN_ORDER, "drop table t", REGULAR.format(even=0).replace("table t", "table s"), "alter table s rename to t"
    )
    found = []
    for even in (0, 1):
        found += [(list(map(unmarked, shop.parts())), shop.scan(wanted=wanted, profile=False).values[wanted[0]])]
        shop.run(
            IN_ORDER,
            REGULAR.format(even=even).replace("table t", "table s"),
            "drop table t",
            "alter table s rename to t",
        )
    found += [(list(map(unmarked, shop.parts())), shop.scan(wanted=wanted, profile=False).values[wanted[0]])]
    assert found[0][0] == found[2][0]
    assert [failing for _, failing in found] == [0, 0, 20480]


def test_a_version_is_not_judged_by_what_was_kept_of_a_sister(shop: Shop) -> None:
    shop.run("drop table t", REGULAR.format(even="2"))
    regular = Check(id="even", name="even", dataset=REF, kind="rule", arguments={"expression": "even = (id % 2 = 0)"})
    settings = for_checks_alone(settings_of(shop.folder), [REF])
    answers = SQLiteAnswerStore(shop.folder / "answers.db")

    def failing(version: int, began_as: int | None) -> int | None:
        with shop.reader() as (reader, _):
            found = measure(
                reader, [regular], version=version, settings=settings, now=NOW,
                progress=Silence(), answers=answers, began_as=began_as,
            )  # fmt: skip
        return found.results[0].failures

    assert failing(1, None) == 10240
    shutil.copy(shop.path, shop.folder / "other.duckdb")
    shop.run("update t set even = id % 2 = 0")
    assert failing(2, 1) == 0
    shutil.move(shop.folder / "other.duckdb", shop.path)
    shop.run("update t set even = id % 2 = 1")
    assert failing(3, 1) == 20480
    answers.close()


def test_a_table_that_takes_the_name_of_another_is_not_taken_for_it(shop: Shop) -> None:
    shop.run("create table u as select * replace (amount + (id = 5)::int as amount) from t")
    before = {part.name for part in shop.parts()}
    shop.run("alter table t rename to v", "alter table u rename to t")
    assert not before & {part.name for part in shop.parts()}


def test_two_columns_that_swap_their_names_change_every_part(shop: Shop) -> None:
    before = {part.name for part in shop.parts()}
    shop.run("alter table t rename id to was", "alter table t rename odd to id", "alter table t rename was to odd")
    assert not before & {part.name for part in shop.parts()}


def test_the_oldest_rows_may_go(shop: Shop) -> None:
    shop.scan()
    before = [part.name for part in shop.parts()]
    shop.run("delete from t where id < 4096")
    assert [part.name for part in shop.parts()] == before[2:]
    demand_equal(shop)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """Of which row groups the engine was asked, each time."""
    calls: list[set[int]] = []
    honest = duckdb_parts._asked

    def asked(*args: object, loaded: bool) -> object:
        found = honest(*args, loaded=loaded)  # type: ignore[arg-type]  # what it is called with
        calls.append(set(found))
        return found

    monkeypatch.setattr(duckdb_parts, "_asked", asked)
    return calls


def test_what_is_noted_is_not_asked_again(shop: Shop, looked_at: list[set[int]]) -> None:
    with shop.reader() as (reader, dataset):
        reader.parts(dataset, shop.notes)
    shop.run("insert into t select * replace (id + 12000 as id, odd + 24000 as odd) from t limit 2048")
    with shop.reader() as (reader, dataset):
        reader.parts(dataset, shop.notes)
    assert looked_at == [{0, 1, 2, 3, 4, 5}, {5, 6}]
    assert len(shop.notes) == 14


def test_notes_that_the_engine_contradicts_are_dropped(shop: Shop, looked_at: list[set[int]]) -> None:
    before = shop.parts()
    said = [key for key, note in shop.notes.items() if " " in note]
    shop.notes |= dict(zip(said, [shop.notes[key] for key in reversed(said)], strict=True))
    looked_at.clear()
    assert shop.parts() == before
    assert looked_at[:2] == [{5}, {0, 1, 2, 3, 4, 5}]


def test_notes_of_another_engine_are_not_used(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.parts()
    monkeypatch.setattr("tidegate.warehouses.duckdb.engine_of", lambda *_: "v9.9.9")
    assert not {part.name for part in before} & {part.name for part in shop.parts()}


def test_a_column_that_is_added_renamed_or_retyped_changes_every_part(shop: Shop) -> None:
    found = [{part.name for part in shop.parts()}]
    for sql in ("add column more int", "rename column more to extra", "alter column amount type decimal(18, 3)"):
        shop.run(f"alter table t {sql}")
        found.append({part.name for part in shop.parts()})
        demand_equal(shop)
    shop.run("alter table t drop column extra")
    found.append({part.name for part in shop.parts()})
    assert all(not one & other for at, one in enumerate(found) for other in found[at + 1 :])


def test_a_crash_between_two_scans_and_what_is_kept_costs_time_only(shop: Shop) -> None:
    shop.scan()
    answers, notes = dict(shop.answers), dict(shop.notes)
    shop.run("insert into t from t where id between 100 and 5000", "update t set n = 1 where id = 17")
    shop.scan()
    shop.answers, shop.notes = answers, notes
    demand_equal(shop)


@pytest.mark.parametrize(
    "sql",
    [
        "create macro twice(a) as 2 * a",
        "alter table t rename column id to rowid",
        "create or replace table t (id bigint, twice bigint generated always as (2 * id)); insert into t select range from range(9000)",
    ],
)
def test_where_parts_say_nothing_there_are_none(shop: Shop, sql: str) -> None:
    shop.run(*sql.split("; "))
    assert shop.parts() == ()


def test_a_log_that_is_not_in_the_file_yet_leaves_no_parts(shop: Shop) -> None:
    shop.path.with_name("shop.duckdb.wal").touch()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{shop.path}' as shop (read_only)")
        connection.execute("use shop")
        reader = DuckDBReader(connection, "shop", shop.path, least_rows=0)
        shop.path.with_name("shop.duckdb.wal").touch()
        assert reader.parts({d.ref: d for d in reader.catalog()}[REF], shop.notes) == ()


def test_pieces_of_many_days_are_kept_together(shop: Shop) -> None:
    for day in range(6):
        shop.run(
            f"insert into t select * replace (id + {12000 * (day + 1)} as id, odd + {24000 * (day + 1)} as odd) from t limit 2048"
        )
        shop.scan()
    parts = shop.parts()
    known = {name: shop.answers[name] for name in runs(parts) if name in shop.answers}
    assert len(cut(parts, known)) <= 3
    demand_equal(shop)


def test_a_condition_that_asks_the_clock_is_asked_of_every_row(shop: Shop) -> None:
    wanted = (
        spec("failing_rows", argument="created_at <= now()"),
        spec("failing_rows", argument=Vouched("created_at <= current_date")),
        spec("failing_rows", argument="amount >= 0"),
    )
    shop.scan(wanted=wanted, profile=False)
    shop.scan(wanted=wanted, profile=False)
    assert any("now()" in sql and "current_date" in sql and "rowid" not in sql for sql in shop.asked)
    assert not any("amount" in sql for sql in shop.asked)


def hashed(shop: Shop) -> list[str]:
    return [sql for sql in shop.asked if sql.startswith('SELECT HASH("ref")')]


UNIQUE = (spec("repeated_values", "ref"),)


def verdict(shop: Shop) -> object:
    return shop.scan(wanted=UNIQUE, profile=False).values[UNIQUE[0]]


TIMES = ("timestamp", "timestamptz", "date", "timestamp_s", "timestamp_ms", "timestamp_ns")
AROUND = "(timestamp '2026-05-01 23:59:59.999999' + to_microseconds({micros}))"
"""NOW is on 1 May 2026: what is newer than a day later lies in the future."""


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.lists(
        st.tuples(st.integers(1, 3000), st.sampled_from([1, 10**6, 86_400 * 10**6, 10**12]), st.integers(-40, 40)),
        min_size=2,
        max_size=4,
    )
)
def test_the_newest_time_is_that_of_all_rows_where_some_lie_in_the_future(days: list[tuple[int, int, int]]) -> None:
    columns = [name.replace("_", "") for name in TIMES]
    wanted = tuple(spec(metric, name) for metric in ("newest", "min", "max", "infinite_count") for name in columns)
    with shops() as shop:
        named = ", ".join(f"{name.replace('_', '')} {name}" for name in TIMES)
        shop.run(f"create or replace table t (id bigint, created_at timestamp, {named})")
        for rows, step, at in days:
            moment = AROUND.format(micros=f"(({at} + hash(i) % 60)::bigint - 30) * {step}")
            odd = "case i % 97 when 0 then null when 1 then 'infinity' when 2 then '-infinity' else m::text end"
            casts = ", ".join(f"{odd}::{name}" if name != "timestamptz" else f"({odd})::timestamp" for name in TIMES)
            shop.run(
                f"insert into t select i, timestamp '2026-04-01' + to_seconds(i), {casts}"
                f" from (select i, {moment} as m from range({rows}) r(i))"
            )
            thrifty, whole = (
                shop.scan(wanted=wanted, profile=False),
                shop.scan(wanted=wanted, profile=False, whole=True),
            )
            assert {s: thrifty.values[s] for s in wanted} == {s: whole.values[s] for s in wanted}


@pytest.mark.parametrize("odd", ["'nan'", "'infinity'", "'-infinity'"])
@pytest.mark.parametrize("place", [0, 3000])
def test_a_number_that_is_none_is_seen_wherever_it_stands(shop: Shop, odd: str, place: int) -> None:
    shop.run(
        f"create or replace table t as select i as id, timestamp '2026-04-01' + to_minutes(i) as created_at,"
        f" case i when {place} then {odd}::double else i end as x, case i when {place} then null else i end::float as y,"
        f" case when i = {place} and {odd} <> 'nan' then {odd}::timestamp else created_at end as at from range(4100) r(i)"
    )
    wanted = tuple(
        spec(metric, name)
        for name in ("x", "y", "at")
        for metric in (
            "min",
            "max",
            "infinite_count",
            *(("nan_count", "finite_count", "sum", "mean") if name != "at" else ()),
        )
    )
    thrifty, whole = shop.scan(wanted=wanted, profile=False), shop.scan(wanted=wanted, profile=False, whole=True)
    assert {s: thrifty.values[s] for s in wanted} == {s: whole.values[s] for s in wanted}


def test_times_in_nanoseconds_are_put_into_buckets(shop: Shop) -> None:
    shop.run("alter table t alter created_at type timestamp_ns")
    demand_equal(shop)
    shop.run("insert into t by name select 20000 as id, timestamp_ns '2026-04-03 00:00:00.000000001' as created_at")
    demand_equal(shop)


def test_only_new_keys_are_hashed_and_looked_up_among_the_old_ones(shop: Shop) -> None:
    assert verdict(shop) == 0
    assert len(hashed(shop)) == 2
    shop.run("insert into t select * replace ('more ' || id as ref) from t limit 3000")
    assert verdict(shop) == 0
    assert all("rowid >= 0 " not in sql for sql in hashed(shop))
    assert verdict(shop) == 0
    assert hashed(shop) == []


def test_a_new_key_that_an_old_row_has_is_found(shop: Shop) -> None:
    assert verdict(shop) == 0
    shop.run("insert into t from t where id in (5, 11000)")
    assert verdict(shop) == 2
    assert verdict(shop) == 2
    shop.run("delete from t where rowid >= 12000")
    assert verdict(shop) == 0


def test_a_key_that_comes_twice_among_the_new_rows_is_found(shop: Shop) -> None:
    assert verdict(shop) == 0
    shop.run("insert into t select * replace ('same' as ref) from t limit 2")
    assert verdict(shop) == 1


def test_keys_of_two_branches_that_were_each_unique_are_compared(shop: Shop) -> None:
    assert verdict(shop) == 0
    shutil.copy(shop.path, shop.folder / "other.duckdb")
    shop.run("insert into t select * replace ('more ' || id as ref) from t limit 3000")
    assert verdict(shop) == 0
    shutil.move(shop.folder / "other.duckdb", shop.path)
    shop.run("update t set ref = 'more 17' where id = 3000")
    assert verdict(shop) == 0
    shop.run("insert into t select * replace ('more ' || id as ref) from t limit 3000")
    assert verdict(shop) == 1


def test_a_hash_that_two_keys_share_is_looked_at_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.scan.own.no_repeats", partial(collided, own.no_repeats))
    assert verdict(shop) == 0
    assert any("GROUP BY" in sql for sql in shop.asked)


def test_hashes_that_were_lost_are_asked_again(shop: Shop) -> None:
    assert verdict(shop) == 0
    for answers in shop.answers.values():
        for ask in [ask for ask, body in answers.items() if len(body) > 1000]:
            del answers[ask]
    shop.run("insert into t from t where id in (5, 11000)")
    assert verdict(shop) == 2


def collided(honest: Callable[..., object], tally: object, purpose: str, row: str, *rest: object) -> object:
    return honest(tally, purpose, f"{row} % 1000", *rest)
