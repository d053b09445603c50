"""Tables without a time column: the past is the earlier versions, few at first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.detect.days import DATASET, SETTINGS, START, history, judged, segment, shop, spec, whole
from tidegate.detect import DetectSettings, TableHistory, judge_table
from tidegate.detect.loads import numbers as load_numbers
from tidegate.model import Finding, Measurement
from tidegate.services.judge import beside_load

ROWS = ("row_count", None, None)
COPIES = ("duplicate_rows", None, None)
NULLS = ("null_count", "total", None)
MEAN = ("mean", "total", None)
BOOKS = ("row_count", None, segment("books", "kind"))
PLAIN = {ROWS: 240, NULLS: 0, MEAN: 70.0, BOOKS: 80}


def candidate(numbers: dict, past: list[dict], **more: object) -> tuple[Finding, ...]:
    current = whole(numbers, version=len(past) + 1)[1]
    versions = [whole(p, version=n + 1) for n, p in enumerate(past)]
    given = TableHistory(
        dataset=DATASET, current=current, versions=versions, base=versions[-1][1] if versions else (), **more
    )
    return judge_table(given, now=START + timedelta(days=len(past) + 1), settings=SETTINGS)


def kinds(found: tuple[Finding, ...]) -> list[str]:
    return [f.kind for f in found if f.kind != "unchecked"]


@pytest.mark.parametrize("points", [1, 2, 5, 12, 40])
def test_unchanged_table_says_nothing(points):
    assert kinds(candidate(PLAIN, [PLAIN] * points)) == []


@pytest.mark.parametrize("points", [1, 3, 12, 40])
def test_table_that_emptied_holds(points):
    found = candidate({ROWS: 0}, [PLAIN] * points)
    assert found[0].kind == "volume"
    assert found[0].holds
    assert "has no rows" in found[0].sentence


@pytest.mark.parametrize("points", [1, 3, 12])
def test_more_than_half_of_the_rows_lost_holds(points):
    (found,) = [f for f in candidate({**PLAIN, ROWS: 100, BOOKS: 33}, [PLAIN] * points) if f.kind != "unchecked"]
    assert (found.kind, found.holds) == ("volume", True)
    assert "58 % fewer than usual" in found.sentence


@pytest.mark.parametrize("points", [3, 12])
def test_stable_table_that_doubled_holds(points):
    found = candidate({**PLAIN, ROWS: 480, BOOKS: 160}, [PLAIN] * points)
    assert kinds(found) == ["volume"]


@pytest.mark.parametrize("points", [1, 2, 5, 12])
def test_half_of_the_rows_gone_holds_from_the_second_version_on(points):
    (found,) = [f for f in candidate({**PLAIN, ROWS: 120, BOOKS: 40}, [PLAIN] * points) if f.kind != "unchecked"]
    assert (found.key, found.holds) == ("raw.orders/volume", True)


@pytest.mark.parametrize("points", [3, 5, 7, 12])
def test_steady_table_that_lost_a_quarter_holds(points):
    past = [{**PLAIN, ROWS: 240 + n} for n in range(points)]
    (found,) = [f for f in candidate({**PLAIN, ROWS: 180}, past) if f.kind != "unchecked"]
    assert (found.key, found.holds) == ("raw.orders/volume", True)


@pytest.mark.parametrize("rows", [(240, 240), (240, 210, 240), (100, 140, 190, 250)])
def test_a_quarter_lost_is_not_gross_before_it_is_known_to_be_unusual(rows):
    past = [{**PLAIN, ROWS: n} for n in rows]
    assert kinds(candidate({**PLAIN, ROWS: rows[-1] * 3 // 4}, past)) == []


@pytest.mark.parametrize("points", [1, 3, 12])
def test_rows_twice_are_told_by_their_copies_from_the_second_version_on(points):
    past = [{**PLAIN, COPIES: 0}] * points
    found = candidate({**PLAIN, ROWS: 480, BOOKS: 160, COPIES: 240}, past)
    assert [(f.key, f.holds) for f in found if f.kind != "unchecked"] == [("raw.orders/duplicates", True)]
    assert "240 extra copies of rows" in found[0].sentence


def test_copies_that_were_there_before_say_nothing():
    assert kinds(candidate({**PLAIN, COPIES: 80}, [{**PLAIN, COPIES: 60}])) == []


QUANTILES = {**PLAIN, ("quantile", "total", "0.25"): 40.0, ("quantile", "total", "0.75"): 90.0}


def times(factor: float, *, tail: float = 1.0) -> dict:
    return {
        k: v * (factor if k == MEAN else tail) if k == MEAN or k[0] == "quantile" else v for k, v in QUANTILES.items()
    }


@pytest.mark.parametrize("points", [1, 2])
def test_whole_column_a_hundredfold_holds_from_the_second_version_on(points):
    found = candidate(times(100.0, tail=100.0), [QUANTILES] * points)
    assert [(f.key, f.holds) for f in found if f.kind != "unchecked"] == [("raw.orders/location/total", True)]


@pytest.mark.parametrize("points", [1, 2])
def test_mean_that_a_few_values_moved_needs_more_versions(points):
    assert kinds(candidate(times(100.0), [QUANTILES] * points)) == []


PADDED, LOWER = ("padded_count", "coupon", None), ("lower_count", "country", None)
LOOKING = {**PLAIN, PADDED: 0, LOWER: 2}


@pytest.mark.parametrize("points", [1, 4, 12])
def test_values_that_look_as_none_did_before_hold_from_the_second_version_on(points):
    (found,) = [f for f in candidate({**LOOKING, PADDED: 120}, [LOOKING] * points) if f.kind != "unchecked"]
    assert (found.key, found.holds, found.column) == ("raw.orders/unlike/coupon", True, "coupon")
    assert "raw.orders.coupon has a blank at an end in 50 % of the rows, at most 0 % in" in found.sentence
    (found,) = [f for f in candidate({**LOOKING, PADDED: 120, LOWER: 240}, [LOOKING] * points) if f.kind != "unchecked"]
    assert found.sentence.endswith("; coupon looks otherwise too")


@pytest.mark.parametrize("before", [0.03, 0.5])
def test_values_that_looked_like_this_before_say_nothing(before):
    past = [LOOKING, {**LOOKING, PADDED: 240 * before}, LOOKING]
    assert kinds(candidate({**LOOKING, PADDED: 240}, past)) == []


def test_a_column_that_something_else_is_told_of_is_told_once():
    past = [{**QUANTILES, ("negative_count", "total", None): 0}] * 2
    found = candidate({**times(-1.0, tail=-1.0), ("negative_count", "total", None): 240}, past)
    assert [f.key for f in found if f.kind != "unchecked"] == ["raw.orders/location/total"]


def test_table_that_grows_is_not_called_doubled():
    past = [{ROWS: 1000 * n} for n in range(1, 4)]
    assert kinds(candidate({ROWS: 8000}, past)) == []
    assert kinds(candidate({ROWS: 2000}, [{ROWS: 1000}])) == []


def test_steady_growth_is_learned():
    assert kinds(candidate({ROWS: 2030}, [{ROWS: 1000 + 25 * n} for n in range(41)])) == []


def test_loss_that_happened_before_is_not_gross():
    past = [{ROWS: n} for n in (1000, 400, 1000, 400, 1000)]
    assert kinds(candidate({ROWS: 420}, past)) == []


@pytest.mark.parametrize("points", [1, 4, 12])
def test_column_that_was_never_null(points):
    (found,) = [f for f in candidate({**PLAIN, NULLS: 120}, [PLAIN] * points) if f.kind != "unchecked"]
    assert (found.kind, found.holds, found.column) == ("nulls", True, "total")
    assert found.key == "raw.orders/nulls/total"
    assert "NULL in 50 % of the rows (120 of 240)" in found.sentence


@pytest.mark.parametrize("points", [2, 5])
def test_category_that_vanished(points):
    (found,) = [f for f in candidate({**PLAIN, BOOKS: None}, [PLAIN] * points) if f.kind != "unchecked"]
    assert found.key == "raw.orders/segment/kind=books"
    assert "kind = books has 0 of its usual 80" in found.sentence


@pytest.mark.parametrize("points", [3, 12])
def test_stable_mean_that_became_a_hundredfold(points):
    (found,) = [f for f in candidate({**PLAIN, MEAN: 7000.0}, [PLAIN] * points) if f.kind != "unchecked"]
    assert found.kind == "location"
    assert "about 100 times its usual value" in found.sentence


def test_rules_say_that_they_are_rules():
    found = candidate({ROWS: 0}, [PLAIN] * 2)
    assert found[0].expected.method.startswith("rule:")
    assert found[0].rarity is None
    assert found[0].expected.points == 2


def test_learned_bands_count_versions():
    found = candidate({**PLAIN, MEAN: 7000.0}, [PLAIN] * 30)
    assert found[0].expected.method.endswith("versions")


def test_whole_table_loss_beside_buckets_is_found():
    days = shop()
    lost = [*history(days).current, *whole({ROWS: 20_000}, version=9)[1]]
    versions = [whole({ROWS: 60_000 + 1200 * n}, version=n) for n in range(1, 9)]
    found = judged(days, current=lost, versions=versions)
    assert [f.key for f in found] == ["raw.orders/volume"]


def loads(sizes: list[int], copies: list[int] | None = None) -> list[Measurement]:
    out = []
    for n, size in enumerate(sizes):
        part = segment(str(1_750_000_000 + n), "_dlt_load_id")
        numbers = {("row_count", None, part): size}
        if copies:
            numbers[("duplicate_rows", None, part)] = copies[n]
        out += whole(numbers, version=1)[1]
    return out


def judged_loads(sizes: list[int], copies: list[int] | None = None) -> list[Finding]:
    given = TableHistory(
        dataset=DATASET, current=loads(sizes, copies), new_loads=(str(1_750_000_000 + len(sizes) - 1),)
    )
    return [f for f in judge_table(given, now=START, settings=DetectSettings()) if f.kind != "unchecked"]


def test_load_like_the_others_says_nothing():
    assert judged_loads([90_000, *[500, 520, 480] * 5, 510]) == []


def test_small_load_holds_and_the_first_load_is_no_measure():
    (found,) = judged_loads([90_000, *[500, 520, 480] * 5, 100])
    assert (found.kind, found.holds) == ("volume", True)
    assert "480 to 520" in found.sentence


def test_large_load_is_told():
    (found,) = judged_loads([90_000, *[500, 520, 480] * 5, 5000])
    assert (found.kind, found.holds) == ("volume", False)


def test_load_of_copies_names_the_load():
    (found,) = judged_loads([90_000, 500, 500, 500], [0, 0, 0, 500])
    assert (found.kind, found.holds, found.key) == ("duplicates", True, "raw.orders/duplicates")
    assert found.since == "load 1750000003"
    assert found.slice.segment == segment("1750000003", "_dlt_load_id")


def test_copies_that_were_always_there_say_nothing():
    assert judged_loads([90_000, 500, 500, 500], [0, 40, 40, 40]) == []


def a_load(
    n: int, *, nulls: int = 0, mean: float | None = None, german: int = 200
) -> tuple[str, tuple[Measurement, ...]]:
    """The numbers of one load of 400 rows, a little different each time."""
    numbers = {
        ROWS: 400 + n % 7,
        ("null_count", "coupon", None): 40 + n % 5 + nulls,
        ("mean", "total", None): mean or 50 + n % 3,
        ("row_count", None, segment("DE")): german + n % 4,
        ("row_count", None, segment("FR")): 200,
    }
    return str(1_750_000_000 + n), whole(numbers, version=1)[1]


def of_loads(earlier: int, **newest: int) -> list[Finding]:
    """What is found in the newest load of a table that grows by loads, and has no version before this one but one."""
    known = [a_load(n) for n in range(earlier)]
    came = a_load(earlier, **newest)
    given = TableHistory(
        dataset=DATASET,
        current=whole({ROWS: 400 * (earlier + 1)}, version=2)[1],
        versions=[whole({ROWS: 400 * earlier}, version=1)],
        new_loads=(came[0],),
        loads=(*known, came),
    )
    return list(judge_table(given, now=START, settings=SETTINGS))


@pytest.mark.parametrize("earlier", [9, 29])
def test_a_load_like_those_before_it_is_fine_and_the_table_is_not_too_young(earlier):
    assert of_loads(earlier) == []


@pytest.mark.parametrize(
    ("newest", "key"),
    [
        ({"nulls": 120}, "raw.orders/nulls/coupon"),
        ({"mean": 5000}, "raw.orders/location/total"),
        ({"german": 20}, "raw.orders/segment/country=DE"),
    ],
)
def test_what_is_wrong_in_a_load_alone_is_found_in_a_table_of_many(newest, key):
    (found,) = of_loads(29, **newest)
    assert (found.key, found.holds, found.since) == (key, True, "load 1750000029")
    assert found.sentence.startswith("in load 1750000029, ")
    assert "the table has" not in found.sentence
    assert found.expected.method.endswith("27 loads")
    assert found.spec.segment == segment("1750000029", "_dlt_load_id"), "the SQL that shows it asks the load"
    where = beside_load(found).spec.where
    assert (where == "CAST(\"country\" AS TEXT) = 'DE'") == ("german" in newest)


def test_a_category_with_quotes_beside_its_load():
    (found,) = of_loads(29, german=20)
    cut = replace(found.slice, segment=segment("O'Neil", 'a "b"'))
    assert beside_load(replace(found, slice=cut)).spec.where == 'CAST("a ""b""" AS TEXT) = \'O\'\'Neil\''


def test_too_few_loads_are_told_as_too_short_a_history():
    (found,) = of_loads(8, nulls=120)
    assert (found.kind, found.holds) == ("unchecked", False)


def test_a_load_that_an_open_incident_is_about_teaches_nothing():
    loads = [a_load(n, nulls=120 if n in (20, 21) else 0) for n in range(30)]
    bad = replace(spec("null_count", "coupon"), segment=segment("1750000020", "_dlt_load_id"))
    worse = replace(bad, segment=segment("1750000021", "_dlt_load_id"))
    came = a_load(30, nulls=120)
    given = TableHistory(dataset=DATASET, current=(), new_loads=(came[0],), loads=(*loads, came))
    assert [f.holds for f in load_numbers(given, came[0], SETTINGS)] == []
    told = load_numbers(replace(given, excluded=((bad, None), (worse, None))), came[0], SETTINGS)
    assert [f.key for f in told if f.holds] == ["raw.orders/nulls/coupon"]


def test_copies_by_load_and_by_day_are_one_finding():
    days = shop()
    rows = days[-1][("row_count", None, None)]
    days[-1][("duplicate_rows", None, None)] = rows // 2
    current = [*history(days).current, *loads([60_000, 1200, 1200, 2400], [0, 0, 0, rows // 2])]
    found = judged(days, current=current, new_loads=("1750000003",))
    assert [f.key for f in found] == ["raw.orders/duplicates"]


def test_specs_with_predicates_are_left_to_checks():
    from dataclasses import replace

    odd = replace(spec("row_count"), where="total < 0")
    past = [whole(PLAIN, version=1)]
    now = [*whole(PLAIN, version=2)[1], Measurement(spec=odd, value=900, unit="", version=2, taken_at=START)]
    given = TableHistory(dataset=DATASET, current=now, versions=past)
    assert kinds(judge_table(given, now=START, settings=SETTINGS)) == []


@pytest.mark.parametrize(
    ("low", "told"), [(1.0, []), (3.0, []), (400.0, ["location"])], ids=["a step", "a few", "its spread"]
)
def test_a_quantile_about_zero_is_told_by_the_spread_of_its_column(low, told):
    lowest = ("quantile", "total", "0.01")
    past = [{**PLAIN, lowest: 0.0, ("stddev", "total", None): 400.0 + n % 3} for n in range(12)]
    assert kinds(candidate({**past[-1], lowest: low}, past)) == told


def test_a_quantile_of_a_column_that_never_varies_is_told_by_itself():
    lowest = ("quantile", "total", "0.01")
    past = [{**PLAIN, lowest: 5.0, ("stddev", "total", None): 0.0} for n in range(12)]
    assert kinds(candidate({**past[-1], lowest: 50.0}, past)) == ["location"]
    blank = [{**PLAIN, lowest: None, ("stddev", "total", None): None} for n in range(12)]
    assert kinds(candidate({**blank[-1], lowest: 50.0}, blank)) == []
