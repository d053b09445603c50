"""Loads and files are held against those before them that are like them; which columns name some is told by their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.detect.days import DATASET, START
from tidegate.model import Column, Family, Measurement, MetricSpec, Segment
from tidegate.scan import SliceRow, TableScan
from tidegate.services.deliveries import compared, deliveries, is_delivery


def delivery(name: str | None, came: float, usual: float, values: tuple[float | None, float | None] = (None, None)):
    part = Segment(column="source_file", value=name)
    return SliceRow(
        segment=part, observed_rows=came, expected_rows=usual, observed_value=values[0], expected_value=values[1]
    )


def expected(rows: list[SliceRow], *, adds_up: bool = True) -> dict[str | None, tuple[float, float | None]]:
    return {r.segment.value: (r.expected_rows, r.expected_value) for r in compared(rows, buckets=8, adds_up=adds_up)}


PAST = [delivery(f"shop_{n}.csv", 0, 12.5, (None, 5.0)) for n in range(1, 9)]
"""One file for each of eight buckets, with 100 rows: 12.5 a bucket."""


def test_a_new_file_is_held_against_the_files_before_it() -> None:
    assert expected([*PAST, delivery("shop_9.csv", 40, 0)]) == {"shop_9.csv": (100.0, 40.0)}
    assert expected([*PAST, delivery("shop_9.csv", 40, 0)], adds_up=False) == {"shop_9.csv": (100.0, 5.0)}


def test_files_of_another_kind_are_no_measure() -> None:
    small = [delivery(f"kiosk-{n}.csv", 0, 1.25, (None, 0.5)) for n in range(1, 9)]
    rows = [*PAST, *small, delivery("shop_9.csv", 100, 0), delivery("kiosk-9.csv", 10, 0)]
    assert expected(rows) == {"kiosk-9.csv": (10.0, 4.0), "shop_9.csv": (100.0, 40.0)}


def test_nothing_is_expected_of_the_newest_of_more_than_usual() -> None:
    rows = [*PAST, delivery("shop_10.csv", 100, 0), delivery("shop_9.csv", 100, 0)]
    assert expected(rows) == {"shop_9.csv": (100.0, 40.0), "shop_10.csv": (0.0, 0.0)}


def test_nor_of_those_that_are_called_like_none_before() -> None:
    rows = [*PAST, delivery("copy of shop_9.csv", 100, 0), delivery("shop_9.csv", 100, 0)]
    assert expected(rows) == {"shop_9.csv": (100.0, 40.0), "copy of shop_9.csv": (0.0, 0.0)}


def test_a_load_of_many_buckets_is_expected_to_bring_one_now() -> None:
    """The first load brought seven of eight buckets, the second one: neither rows nor value are more than a bucket has."""
    rows = [delivery("1.5", 0, 87.5, (None, 175.0)), delivery("2.5", 0, 12.5, (None, 25.0)), delivery("3.5", 50, 0)]
    assert expected(rows) == {"3.5": (100.0, 200.0)}


def test_a_file_that_all_rows_come_from_is_its_own_measure() -> None:
    assert expected([delivery("all.csv", 50, 100, (7.0, 5.0))]) == {"all.csv": (100, 5.0)}


def test_the_last_rows_of_a_first_load_are_no_measure_of_the_second_one() -> None:
    """The first load brought all eight buckets and one row after midnight: what the second one should have brought is what is left."""
    first = delivery("1.5", 1, 100, (364.0, 194.0))
    assert expected([first, delivery("2.5", 480, 0, (18_700.0, None))], adds_up=False) == {"2.5": (99, 194.0)}
    assert expected([first, delivery("2.5", 25, 0), delivery("3.5", 20, 0)]) == {
        "2.5": (49.5, 97.0),
        "3.5": (49.5, 97.0),
    }


def test_what_came_without_a_name_is_a_delivery_too() -> None:
    assert expected([*PAST, delivery(None, 30, 0)]) == {None: (100.0, 40.0)}


def test_without_a_past_nothing_is_expected() -> None:
    assert expected([delivery("a", 3, 0), delivery("b", 4, 0)]) == {"a": (0, None), "b": (0, None)}
    assert compared([], buckets=8, adds_up=True) == []


@pytest.mark.parametrize(
    "name",
    ["source_file", "_file", "file_name", "filename", "FileName", "_sdc_source_file", "input_file_path", "_dlt_load_id",
     "metadata_filename", "load_file_key", "_source", "_batch_id"],
)  # fmt: skip
def test_names_of_deliveries(name: str) -> None:
    assert is_delivery(name)


@pytest.mark.parametrize("name", ["profile", "source", "file_size", "file_type", "country", "filed_at", "load", "path"])
def test_names_that_are_something_else(name: str) -> None:
    assert not is_delivery(name)


def scan(*numbers: tuple[str | None, float], load: str | None = "_dlt_load_id") -> TableScan:
    texts = [Column(name=n, type="VARCHAR", family=Family.TEXT) for n in ("_dlt_load_id", "source_file", "city")]
    dataset = replace(DATASET, columns=(*texts, Column(name="_file", type="INTEGER", family=Family.NUMBER)))
    specs = [
        (MetricSpec(dataset=dataset.ref, metric="distinct_count" if c else "row_count", column=c), v)
        for c, v in numbers
    ]
    return TableScan(
        dataset=dataset,
        measurements=tuple(Measurement(spec=s, value=v, unit="", version=1, taken_at=START) for s, v in specs),
        profiled=True,
        time_column="at",
        grain="day",
        load_column=load,
        segment_columns=(),
    )


def test_the_load_column_and_texts_that_are_called_like_files() -> None:
    assert deliveries(scan((None, 1000), ("_dlt_load_id", 20), ("source_file", 80))) == ["_dlt_load_id", "source_file"]
    assert deliveries(scan(load=None)) == ["source_file"], "what was not counted is asked"


def test_what_is_nearly_a_key_or_has_too_many_values_is_left_out() -> None:
    assert deliveries(scan((None, 100), ("_dlt_load_id", 20), ("source_file", 51))) == ["_dlt_load_id"]
    assert deliveries(scan((None, 10**6), ("_dlt_load_id", 20_000), ("source_file", 20))) == ["source_file"]
