"""Large tables: one key in n and the newest buckets, exact for the keys that are looked at, held against plain Python over their rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.conformance.scan.engine import Engine
from tests.conformance.scan.test_relations import DAYS, Row, chosen, found, of_key, of_pair, scanned
from tidegate.model import Grid, Interval
from tidegate.scan import Relations, relations, thinning
from tidegate.scan.relations import Pair, thinnest

SHOPS = 400
SALES = f"""
create table t as select d * 1000 + i as sale_id, timestamp '2026-03-01 08:00' + to_days(d::int) + to_minutes(i::int) as sold_at,
    'S' || s as shop, 'city ' || (s % 40) as city, 'region ' || (s % 40 % 5) as region
from (select d, i, (hash(d, i) % {SHOPS})::int as s from range({DAYS}) a(d), range(600) b(i))
"""
CHANGES = {
    "as it is": "select 1",
    "cities are dealt out anew": "update t set city = 'city ' || (hash(sale_id) % 40) where sold_at::date = date '2026-03-15'",
    "shops never heard of": "update t set shop = shop || '!' where sold_at::date = date '2026-03-12' and sale_id % 3 = 0",
    "nothing there": "update t set shop = null where sold_at::date = date '2026-03-16' or sale_id % 11 = 0",
    "days without rows": "delete from t where sold_at::date in (date '2026-03-11', date '2026-03-12')",
}


@pytest.fixture
def sales(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """12,000 rows, of which each relation with a shop counts, and 40,000 may; those of cities and regions are few."""
    monkeypatch.setattr(thinning, "MOST_VALUES", 40_000)
    monkeypatch.setattr(thinning, "FEW", 300)
    engine.run(SALES)
    return engine


def drawn_rows(engine: Engine, key: str, value: str, one_in: int) -> list[Row]:
    """All rows of the keys that are looked at: one in so many by the engine's hash, picked here."""
    hashes = {k for k, h in engine.run(f"select distinct {key}, hash({key}) from t") if h % one_in == 0}
    rows = engine.run(f"select sold_at::date - date '2026-03-01', {key}, {value} from t")
    return [Row(*row) for row in rows if row[1] in hashes or row[1] is None]


def of_rows(rows: Sequence[Row]) -> dict[int, int]:
    """Of how many rows the key is looked at, from the fourth day on."""
    days = sorted({row.day for row in rows})[3:]
    return {day: n for day in days if (n := sum(row.day == day and row.key is not None for row in rows))}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_said_of_the_keys_that_are_looked_at_is_exact(sales: Engine, change: str) -> None:
    sales.run(CHANGES[change])
    scan = scanned(sales)
    told, kept_now = found(scan), chosen(scan)
    assert kept_now is not None
    assert dict(kept_now.one_in) == {"shop": 4}, "a city is one of 40: too few to be drawn from"
    rows = drawn_rows(sales, "shop", "city", 4)
    assert 0.1 < sum(of_rows(rows).values()) / (DAYS * 600) < 0.4
    names = ("unknown_count", "regular_count", "gone_count")
    assert {m: told.get((m, "shop", None), {}) for m in names} == of_key(rows)
    assert told["keyed_count", "shop", None] == of_rows(rows)
    assert {m: told[m, "city", "shop"] for m in ("known_key_count", "new_pair_count")} == of_pair(rows)


def test_a_broken_pair_shows_among_the_keys_that_are_looked_at(sales: Engine) -> None:
    sales.run(CHANGES["cities are dealt out anew"])
    told = found(scanned(sales))
    known, new = (told[m, "city", "shop"] for m in ("known_key_count", "new_pair_count"))
    shares = {day: new[day] / known[day] for day in new if day >= 7}
    assert shares.pop(14) > 0.9
    assert max(shares.values()) < 0.05, "the days about it are clean, and what was broken then is known by now"


def test_the_note_says_which_part_is_looked_at(sales: Engine) -> None:
    (note,) = scanned(sales).notes
    assert note == (
        "main.t: which values go together is looked at for one shop in 4, for it has about 12,000 rows since 2026-03-01"
    )


def test_a_scan_in_part_looks_at_the_same_keys(sales: Engine) -> None:
    known = Grid.of(scanned(sales).measurements)
    sales.run(CHANGES["cities are dealt out anew"])
    part, whole = scanned(sales, known), scanned(sales)
    assert {i.start.day for i in part.reopened or ()} == {15}
    assert found(part) == {name: {14: days[14]} for name, days in found(whole).items() if 14 in days}


def test_what_is_looked_at_stays_until_the_table_has_grown_twice(
    sales: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scanned(sales)
    known = Grid.of(first.measurements)
    sales.run("delete from t where sale_id = 19000")
    for room in (22_000, 1_000_000):
        monkeypatch.setattr(thinning, "MOST_VALUES", room)
        assert chosen(scanned(sales, known)) == chosen(first), (
            "one in 4 still fits, and is not widened: numbers compare"
        )
    monkeypatch.setattr(thinning, "MOST_VALUES", 8_000)
    again = scanned(sales, known)
    fewer = chosen(again)
    assert fewer is not None
    assert fewer.one_in["shop"] == 8, "no fewer than 50 of 400 are left"
    assert again.reopened is None, "every bucket is measured by the new choice"
    monkeypatch.setattr(thinning, "MOST_VALUES", 5_000)
    sales.run("delete from t where sale_id = 19001")
    after = scanned(sales, Grid.of(again.measurements))
    assert (chosen(after), len(after.reopened or ())) == (fewer, 1), "it is not cut again where that helps little"


def test_only_the_newest_buckets_are_looked_at_where_reading_costs_too_much(
    sales: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinning, "LEAST_BUCKETS", 5)
    reading = DAYS * 600 * 8  # the keys shop and city, a pair of them each way, and region with both
    monkeypatch.setattr(thinning, "MOST_READ", reading)
    scan = scanned(sales)
    told, kept_now = found(scan), chosen(scan)
    assert kept_now is not None
    assert kept_now.buckets is not None
    first = DAYS - kept_now.buckets
    assert 0 < first < 15
    rows = [row for row in drawn_rows(sales, "shop", "city", kept_now.one_in["shop"]) if row.day >= first]
    assert {m: told[m, "city", "shop"] for m in ("known_key_count", "new_pair_count")} == of_pair(rows)
    assert any(f"in the newest {kept_now.buckets} buckets" in note for note in scan.notes)
    known = Grid.of(scan.measurements)
    sales.run("update t set city = 'nowhere' where sold_at::date in (date '2026-03-02', date '2026-03-18')")
    late = found(scanned(sales, known))
    assert set(late["new_pair_count", "city", "shop"]) == {17}, "of the older one nothing is said"


def test_a_choice_of_an_earlier_release_is_read_and_cut_where_the_table_is_large(
    sales: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written without a word of parts, and of a large table most was left out."""
    written = json.dumps({"keys": ["shop", "city"], "pairs": [["shop", "city"]]})
    old = Relations.read(written)
    assert (str(old), old) == (
        written,
        Relations(keys=("shop", "city"), pairs=(Pair("shop", "city"),)),
    ), "what is looked at as a whole is written as it was, so that no bucket is measured again for it"
    measurements = scanned(sales).measurements
    known = Grid.of(
        [
            replace(m, spec=replace(m.spec, argument=written)) if m.spec.metric == "relations" else m
            for m in measurements
        ]
    )
    monkeypatch.setattr(thinning, "MOST_VALUES", 30_000)
    assert chosen(scanned(sales, known)) == replace(old, one_in={"shop": 4})
    monkeypatch.setattr(thinning, "MOST_VALUES", 1_000_000)
    assert chosen(scanned(sales, known)) == old


@pytest.mark.parametrize(
    "some",
    [
        Relations(),
        Relations(keys=("a", "b"), pairs=(Pair("a", "b"),), one_in={"a": 16}),
        Relations(keys=("a",), one_in={"a": 2}, buckets=30),
        Relations(keys=("ä'\"",), buckets=30),
    ],
)
def test_what_is_kept_is_read_again(some: Relations) -> None:
    assert Relations.read(str(some)) == some


@pytest.mark.parametrize(
    ("values", "one_in"), [(0, 1), (99, 1), (100, 2), (199, 2), (200, 4), (500_000, 8_192), (1_000_000, 16_384)]
)
def test_fifty_keys_are_left_at_least(values: int, one_in: int) -> None:
    assert thinnest(values) == one_in


def test_of_many_rows_in_the_first_buckets_some_keys_choose(sales: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs of columns could be tried with all rows; with some of the keys the others are too."""
    everything = chosen(scanned(sales))
    monkeypatch.setattr(relations, "LEAST_KEYS", 10)
    monkeypatch.setattr(relations, "LOOKED_THROUGH", 4 * 7 * 600)
    scan = scanned(sales)
    some = chosen(scan)
    assert everything is not None
    assert some is not None
    assert set(some.pairs) >= {Pair("shop", "city"), Pair("shop", "region")}
    asked = next(s.sql for s in sales.asked if s.purpose == "relations: pairs")
    assert "HASH(c" in asked


def untaught_day(day: int) -> Interval:
    from datetime import timedelta

    from tests.conformance.scan.test_relations import START

    return Interval(start=START + timedelta(days=day), end=START + timedelta(days=day + 1))


def test_a_time_that_an_incident_is_about_teaches_nothing_here_either(sales: Engine) -> None:
    sales.run(CHANGES["cities are dealt out anew"])
    told: dict[Any, dict[int, Any]] = found(scanned(sales, untaught=[untaught_day(14)]))
    without = [row for row in drawn_rows(sales, "shop", "city", 4) if row.day != 14]
    for name, expected in of_pair(without).items():
        assert {d: v for d, v in told[name, "city", "shop"].items() if d != 14} == expected
