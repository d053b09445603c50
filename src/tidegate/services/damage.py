"""Damage: the accidents that a drill can cause, as SQL over the rows that they hit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.metrics import quoted
from tidegate.model import Column, Family
from tidegate.ports import HIT, Damage

NUMBERS, TEXTS, TIMES = (Family.NUMBER,), (Family.TEXT,), (Family.TIME,)
ANY = (Family.NUMBER, Family.TEXT, Family.TIME, Family.BOOLEAN)
KEYS = (Family.NUMBER, Family.TEXT)

OF_DLT = "_dlt_id"
"""The column by which dlt knows a row; a second copy gets one of its own, as from a second load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """A fault that removes or repeats the rows that are hit."""

    name: str
    summary: str
    keeps: bool
    magnitude: float = 1.0
    unit: str = "share"
    suits: tuple[Family, ...] = ()
    loses_category: bool = False

    def select(self, damage: Damage) -> str:
        names = _names(damage.columns)
        if not self.keeps:
            return f"SELECT {', '.join(names)} FROM {damage.rows} WHERE NOT {HIT}"  # noqa: S608 only quoted names
        again = [f"{n} || '-2' AS {n}" if n == quoted(OF_DLT) else n for n in names]
        return (
            f"SELECT {', '.join(names)} FROM {damage.rows}"  # noqa: S608 only quoted names
            f" UNION ALL SELECT {', '.join(again)} FROM {damage.rows} WHERE {HIT}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFault:
    """A fault that gives the rows that are hit another value in one column, of the same type.

    `value` is SQL in which `{c}` stands for the column and `{m}` for the magnitude.
    """

    name: str
    summary: str
    value: str
    suits: tuple[Family, ...]
    magnitude: float = 1.0
    unit: str = "share"
    loses_category: bool = False

    def select(self, damage: Damage) -> str:
        column = _demanded(damage)
        name = quoted(column.name)
        changed = f"TRY_CAST({self.value.format(c=name, m=f'{damage.magnitude:.12g}')} AS {column.type})"
        return _with_column(damage, f"CASE WHEN {HIT} THEN {changed} ELSE {name} END AS {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnFault:
    """A fault of a column as such, in all rows: `item` makes what is selected in its place, None when nothing is."""

    name: str
    summary: str
    item: Callable[[Column], str | None]
    suits: tuple[Family, ...] = ANY
    magnitude: float = 1.0
    unit: str = "columns"
    loses_category: bool = False

    def select(self, damage: Damage) -> str:
        return _with_column(damage, self.item(_demanded(damage)))


def _demanded(damage: Damage) -> Column:
    if damage.column is None:
        raise AssertionError("a fault of a column was given none")
    return damage.column


def _names(columns: tuple[Column, ...]) -> list[str]:
    return [quoted(c.name) for c in columns]


def _with_column(damage: Damage, item: str | None) -> str:
    mine = _demanded(damage).name
    items = [item if c.name == mine else quoted(c.name) for c in damage.columns]
    chosen = ", ".join(i for i in items if i is not None)
    return f"SELECT {chosen} FROM {damage.rows}"  # noqa: S608 only quoted names


ROWS_LOST = RowFault(name="rows-lost", summary="a part of the new rows is missing", keeps=False, magnitude=0.5)
BATCH_MISSING = RowFault(name="batch-missing", summary="no new row came at all", keeps=False)
ROWS_TWICE = RowFault(name="rows-twice", summary="the new rows came a second time", keeps=True)
CATEGORY_LOST = RowFault(
    name="category-lost",
    summary="no row of one category came, such as a country",
    keeps=False,
    suits=TEXTS,
    loses_category=True,
)
NULLS = ValueFault(
    name="nulls", summary="a part of the new rows has no value in a column", value="NULL", suits=ANY, magnitude=0.2
)
ZEROS = ValueFault(name="zeros", summary="a part of the numbers is 0", value="0 * {c}", suits=NUMBERS, magnitude=0.2)
VALUES_TIMES = ValueFault(
    name="values-times",
    summary="numbers are so many times as large, as when cents come for euros",
    value="{c} * {m}",
    suits=NUMBERS,
    magnitude=100.0,
    unit="factor",
)
SIGN_FLIPPED = ValueFault(name="sign-flipped", summary="numbers have the other sign", value="-{c}", suits=NUMBERS)
ROUNDED = ValueFault(
    name="rounded", summary="what is behind the decimal point is gone", value="trunc({c})", suits=NUMBERS
)
CONSTANT = ValueFault(
    name="constant",
    summary="every new row has the same value",
    value=f"min({{c}}) OVER (PARTITION BY {HIT})",
    suits=ANY,
)
SHUFFLED_VALUES = ValueFault(
    name="shuffled",
    summary="the values of a column belong to other rows, as after a wrong join",
    value=(
        f"coalesce(lead({{c}}) OVER (PARTITION BY {HIT} ORDER BY hash({{c}})),"
        f" first_value({{c}}) OVER (PARTITION BY {HIT} ORDER BY hash({{c}})))"
    ),
    suits=ANY,
)
KEYS_REPEATED = ValueFault(
    name="keys-repeated",
    summary="a part of the new rows has a key that another one has",
    value=f"min({{c}}) OVER (PARTITION BY {HIT})",
    suits=KEYS,
    magnitude=0.02,
)
KEYS_UNKNOWN = ValueFault(
    name="keys-unknown",
    summary="a part of the keys leads nowhere",
    value="CASE WHEN {c} IS NOT NULL THEN CASE WHEN TRY_CAST({c} AS DOUBLE) IS NULL THEN 'missing' ELSE '-987654321' END END",
    suits=KEYS,
    magnitude=0.1,
)
PLACEHOLDERS = ValueFault(
    name="placeholders", summary="a part of the texts is N/A", value="'N/A'", suits=TEXTS, magnitude=0.2
)
CUT_OFF = ValueFault(
    name="cut-off",
    summary="texts end after so many characters",
    value="left({c}, {m}::INTEGER)",
    suits=TEXTS,
    magnitude=3.0,
    unit="characters",
)
OTHER_CASE = ValueFault(
    name="other-case",
    summary="texts are in capitals, or no more",
    value="CASE WHEN upper({c}) = {c} THEN lower({c}) ELSE upper({c}) END",
    suits=TEXTS,
)
PADDED = ValueFault(name="padded", summary="texts have a space at each end", value="' ' || {c} || ' '", suits=TEXTS)
MOJIBAKE = ValueFault(
    name="mojibake",
    summary="texts were read in the wrong encoding",
    value="replace(replace(replace({c}, 'e', 'Ã©'), 'a', 'Ã¤'), 'o', 'Ã¶')",
    suits=TEXTS,
)
TIMES_SHIFTED = ValueFault(
    name="times-shifted",
    summary="times are so many hours off, as with the wrong time zone",
    value="{c} + ({m} * INTERVAL 1 HOUR)",
    suits=TIMES,
    magnitude=5.0,
    unit="hours",
)
TIMES_AHEAD = ValueFault(
    name="times-ahead",
    summary="a part of the times is a year ahead",
    value="{c} + INTERVAL 1 YEAR",
    suits=TIMES,
    magnitude=0.02,
)
TYPE_CHANGED = ColumnFault(
    name="type-changed",
    summary="a column comes as text",
    item=lambda column: f"CAST({quoted(column.name)} AS VARCHAR) AS {quoted(column.name)}",
    suits=(Family.NUMBER, Family.TIME, Family.BOOLEAN),
)
COLUMN_DROPPED = ColumnFault(name="column-dropped", summary="a column does not come any more", item=lambda _: None)
COLUMN_RENAMED = ColumnFault(
    name="column-renamed",
    summary="a column comes under another name",
    item=lambda column: f"{quoted(column.name)} AS {quoted(column.name + '_new')}",
)
