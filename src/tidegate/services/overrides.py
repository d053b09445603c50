"""What `tidegate.yml` says of a table that the table is not like: told, rather than looked past."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from tidegate.errors import ConfigError
from tidegate.metrics import TIMES, Kind, kind_of
from tidegate.model import Dataset, DatasetRef, Finding, Layer, Settings


def refuse(dataset: Dataset, settings: Settings) -> None:
    """Raise ConfigError where what is said of a table's time cannot be."""
    if wrong := wrong_time(dataset, settings):
        raise ConfigError(wrong[0], hint=wrong[1])


def wrong_time(dataset: Dataset, settings: Settings) -> tuple[str, str] | None:
    """Why the time column or the grain that is said of a table cannot be, and what to do; None where nothing is wrong.

    Without its history by time a table would be judged by next to nothing, and nobody would know.
    """
    said = settings.tables.get(dataset.ref)
    if said is None or not said.time_column:
        return None
    column, times = dataset.column(said.time_column), [c.name for c in dataset.columns if kind_of(c) in TIMES]
    ours = f"`tables.{dataset.ref}.time_column`"
    if column is None or kind_of(column) not in TIMES:
        what = f"a column of the type {column.type}, which is no time" if column else f"no column of {dataset.ref}"
        near = _nearest(said.time_column, times) or f"; times there: {', '.join(times) or 'none'}"
        return f"{ours}: `{said.time_column}` is {what}", f"correct it in `tidegate.yml`, or leave it out{near}"
    if said.grain == "hour" and kind_of(column) is Kind.DATE:
        where = f"`tables.{dataset.ref}.grain`: `hour`, but `{column.name}` is a date and has no hours"
        return where, "say `day`, or name a time column that has hours"
    return None


def wrong_times(
    catalog: Mapping[DatasetRef, Dataset], profiled: Collection[DatasetRef], settings: Settings
) -> Iterator[Finding]:
    """What cannot be judged as it was said to be; it holds like everything that could not be told."""
    for ref in settings.tables:
        wrong = wrong_time(catalog[ref], settings) if ref in profiled else None
        if wrong is not None:
            yield Finding(
                key=f"{ref}/unchecked/time",
                kind="unchecked",
                layer=Layer.TECHNICAL,
                dataset=ref,
                sentence=f"{ref} cannot be judged by its past: {wrong[0]}",
                holds=True,
                hint=wrong[1],
            )


def unknown_tables(catalog: Collection[DatasetRef], settings: Settings) -> list[str]:
    """Settings of tables that are not there, and so change nothing."""
    names = [str(ref) for ref in catalog]
    missing = [str(ref) for ref in settings.tables if ref not in catalog]
    nothing = "in tidegate.yml changes nothing: there is no such table"
    return [f"`tables.{name}` {nothing}{_nearest(name, names)}" for name in missing]


def _nearest(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""
