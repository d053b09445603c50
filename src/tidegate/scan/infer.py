"""What the columns of a table are for, told from their names and first numbers: time, keys, measures, categories."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tidegate.metrics import NUMBERS, TIMES, Kind, is_personal, kind_of
from tidegate.model import Column, Family, Grid
from tidegate.scan.grain import SECONDS
from tidegate.scan.tally import Tally

LOAD_COLUMNS: Final = ("_dlt_load_id", "_load_id", "_batch_id")

LOADERS_OWN: Final = re.compile(
    r"^_dlt_|^_airbyte_|^_fivetran_|^_sdc_|^__?(loaded|load|ingested|inserted|extracted|synced|etl|elt|batch|source_file)"
    r"|^(loaded|ingested|extracted|synced)_(at|on|ts|time)$|^(load|ingestion|etl|elt)_(id|at|ts|time|date)$"
    r"|^_?((source|input|src)_?)?file_?(name|path)?$",
    re.IGNORECASE,
)
"""Columns that a loader writes beside the source's: two copies of a row differ in them."""

KEY_NAME: Final = re.compile(
    r"^(id|key|uuid|guid|sku|ean|isbn)$|(^|_)(id|key|sk|pk|fk|uuid|guid|hash|nk|ref|reference|no|nr|number|code)$"
    r"|[a-z](Id|ID|Key|Uuid|UUID)$"
)
"""Columns that identify things; numbers among them have no meaningful mean."""

CODE_NAME: Final = re.compile(
    r"(^|_)(id|code|type|kind|class|category|group|segment|tier|level|grade|zone|region|country|store|shop|site|flag|"
    r"channel|status|state|year|quarter|month|weekday|dow|version|rating|stars|priority|rank|cohort)$|^(is|has)_",
    re.IGNORECASE,
)
"""Integers that stand for kinds of things; other integers with few values (`quantity`) are measured, not listed."""

LIFECYCLE_NAME: Final = re.compile(
    r"(^|_)(status|state|stage|phase)$|^(is|has)_(active|current|deleted|open)", re.IGNORECASE
)
"""What changes while a row ages, so that the newest buckets always look different; the last choice for segments."""

MAX_SEGMENTS: Final = 5
MAX_SEGMENT_VALUES: Final = 12
MAX_CELLS: Final = 2_000_000
"""Combinations of bucket and segment values that a statement may have to hold: about 200 MB. Chosen, not derived."""

WRITTEN_AGAIN: Final = re.compile(
    r"updated|modified|changed|refreshed|touched|^(last|latest|most_recent|newest|max)_|_last_|^next_|^dbt_valid_to$",
    re.IGNORECASE,
)
"""Times that are written again while a row ages: those of old rows lie elsewhere than those of new ones."""

_NEVER: Final = -100
_NAMES: Final[tuple[tuple[str, int], ...]] = (
    (
        r"birth|(^|_)dob($|_)|born|expir|(^|_)due|deadline|valid_(to|until|thru)|(^|_)(end|ends|ended|until)(_|$)|deleted",
        _NEVER,
    ),
    (r"^(first|last|latest|most_recent|newest|oldest|min|max)_|_last_|^next_|^dbt_(valid_to|updated)", _NEVER),
    (r"^_|^dbt_|loaded|ingest|extracted|synced|imported|(^|_)etl", -40),
    (r"updated|modified|changed|refreshed|touched", -30),
    (r"cancel|refund|return|deliver|shipp|complet|closed|resolved|approved|(^|_)eta($|_)|estimat|scheduled", -10),
    (r"^(ts|time|timestamp|datetime|date|day|week|month|hour|period|event_time|event_date|event_ts)$", 30),
    (
        r"event|occurred|happened|order|purchas|booked|booking|sold|sale|transact|visit|view|click|(^|_)sent|measured",
        20,
    ),
    (r"(^|_)(day|week|month|hour|period)$|^(day|week|month|hour|period)_", 15),
    (
        r"created|recorded|inserted|received|registered|signup|signed_up|posted|placed|start|opened|logged|paid|payment",
        12,
    ),
    (r"(_at|_on|_ts|_time|_date|_day|_timestamp|_datetime)$|(At|On|Date|Time)$", 8),
)
"""How well a column's name sounds like the time at which the row's event happened; the sum of what matches.

Chosen, not derived. What moves on an old row (`last_seen_at`, `valid_to`) or says nothing of when the row came about
(birthdays, due dates) never makes buckets, nor does what a summary keeps of many rows (`first_order_at`); what a loader
or an update writes does so for want of anything better.
"""
_SCORES: Final = tuple((re.compile(pattern, re.IGNORECASE), score) for pattern, score in _NAMES)

MOVING: Final = -15
"""Below this score a time is written by a loader or an update."""

MAX_TIMELESS: Final = 0.2
"""The share of rows without a time up to which a column can be the time column. Chosen, not derived."""


def time_column(tally: Tally) -> Column | None:
    """The column by whose time the rows are put into buckets; a poor choice is noted."""
    told = tally.options.time_column
    if told is not None:
        found = tally.dataset.column(told) if told else None
        if told and (found is None or kind_of(found) not in TIMES):
            tally.notes.append(f"{tally.dataset.ref}: `{told}` is not a time column, so there is no history by time")
            return None
        return found
    ranked = sorted(
        (
            (score(column, tally.dataset.ref.name), -at)
            for at, column in enumerate(tally.dataset.columns)
            if _has_times(tally, column)
        ),
        reverse=True,
    )
    if not ranked or ranked[0][0] <= _NEVER / 2:
        return None
    best = tally.dataset.columns[-ranked[0][1]]
    if ranked[0][0] < MOVING:
        note = (
            f"{tally.dataset.ref}: history by `{best.name}` for want of a better time; it may move when a row changes"
        )
        tally.notes.append(note)
    return best


def score(column: Column, table: str) -> int:
    """How well a time column's name fits; 15 more where it repeats the table's name (`ordered_at` in `orders`)."""
    stem = re.sub(r"^(raw|stg|src|int|fct|fact|dim|mart|base)_+", "", table.casefold()).rstrip("s")[:4]
    named = 15 if len(stem) == 4 and column.name.casefold().startswith(stem) else 0
    precise = 1 if kind_of(column) is not Kind.DATE else 0
    return named + precise + sum(points for pattern, points in _SCORES if pattern.search(column.name))


def _has_times(tally: Tally, column: Column) -> bool:
    low, high = tally.number("min", column.name), tally.number("max", column.name)
    return (
        kind_of(column) in TIMES
        and low is not None
        and high is not None
        and tally.nulls(column) <= MAX_TIMELESS * tally.rows
    )


EARLY: Final = "0.05"
"""The covered time begins about here: a few rows of 1900 or 1970 stand for "unknown" and say nothing of the grain."""


def grain(tally: Tally, column: Column) -> str:
    """Hours, days, weeks or months: the finest that most buckets of the covered time have rows in.

    Hours only for a history of one to eight days with at least 20 rows an hour, where days would be too few to learn
    from. Weeks when fewer than two in five days have rows, months when fewer than one in ten. Chosen, not derived.
    """
    if tally.options.grain is not None:
        return tally.options.grain
    first, last = tally.number("quantile", column.name, argument=EARLY), newest_time(tally, column)
    days = ((last or 0.0) - (first or 0.0)) / (1 - float(EARLY)) / SECONDS["day"] + 1
    covered = tally.number("distinct_days", column.name) or 0.0
    if kind_of(column) is not Kind.DATE and 2 <= days <= 9 and tally.rows >= 20 * 24 * (days - 1):
        return "hour"
    if days < 14 or covered >= 0.4 * days:
        return "day"
    return "week" if covered >= 0.1 * days else "month"


def newest_time(tally: Tally, column: Column) -> float | None:
    """The newest time that is not in the future, else the newest of all, in seconds since 1970."""
    past = tally.number("newest", column.name)
    return past if past is not None else tally.number("max", column.name)


def load_column(tally: Tally) -> Column | None:
    """The column that tells with which load a row came."""
    told = tally.options.load_column
    names: Sequence[str] = LOAD_COLUMNS if told is None else (told,)
    return next((column for name in names if (column := tally.dataset.column(name)) is not None), None)


def is_key(tally: Tally, column: Column) -> bool:
    """Whether a column identifies things: by its name, or because its integers are nearly unique and nearly dense."""
    if KEY_NAME.search(column.name):
        return True
    if kind_of(column) is not Kind.INTEGER or tally.rows < 100:
        return False
    low, high = tally.number("min", column.name), tally.number("max", column.name)
    distinct = tally.number("distinct_count", column.name) or 0.0
    if low is None or high is None:
        return False
    return distinct >= 0.85 * tally.rows and high - low + 1 <= 2 * tally.rows


def measures(tally: Tally) -> list[Column]:
    """The numeric columns whose mean means something."""
    return [
        column
        for column in tally.dataset.columns
        if kind_of(column) in NUMBERS
        and not is_key(tally, column)
        and not LOADERS_OWN.search(column.name)
        and tally.nulls(column) < tally.rows
    ]


def times(tally: Tally) -> list[Column]:
    """The columns whose times stay what they were."""
    return [column for column in tally.dataset.columns if is_lasting(column) and tally.nulls(column) < tally.rows]


def is_lasting(column: Column) -> bool:
    """Whether a column has times of the source's own that are not written again."""
    return kind_of(column) in TIMES and not (LOADERS_OWN.search(column.name) or WRITTEN_AGAIN.search(column.name))


def categories(tally: Tally, *, most: int = 50, longest: int = 200) -> list[Column]:
    """The columns with at most `most` different values, none of them long: text, booleans, and integers that are codes."""
    return [column for column in tally.dataset.columns if _is_category(tally, column, most, longest)]


def _is_category(tally: Tally, column: Column, most: int, longest: int) -> bool:
    if tally.nulls(column) >= tally.rows:
        return False
    if column.family is Family.BOOLEAN:
        return True
    distinct = tally.number("distinct_count", column.name)
    if distinct is None or distinct > most or distinct * 2 > tally.rows or _private(column.name):
        return False
    if column.family is Family.TEXT:
        return (tally.number("max_length", column.name) or 0) <= longest
    return kind_of(column) is Kind.INTEGER and CODE_NAME.search(column.name) is not None and distinct * 10 <= tally.rows


def _private(name: str) -> bool:
    """Values that are not kept: personal data, and the loader's own."""
    return is_personal(name) or LOADERS_OWN.search(name) is not None


def segment_columns(tally: Tally, counts: Mapping[str, int], buckets: int) -> list[Column]:
    """Up to five categories with 2 to 12 values by which the history is cut, as long as the cells stay few.

    `counts` gives the exact number of values (NULL included) of each category. One that had several when it was last scanned and has
    one now is cut by as well: the others are gone.
    """
    known = tally.options.known or Grid()
    before = {spec.segment.column for spec in known.specs if spec.segment is not None}
    able = [
        column
        for column in tally.dataset.columns
        if (1 if column.name in before else 2) <= counts.get(column.name, 0) <= MAX_SEGMENT_VALUES
        and (column.family is not Family.NUMBER or CODE_NAME.search(column.name))
    ]
    able.sort(
        key=lambda c: (
            bool(LIFECYCLE_NAME.search(c.name)),
            (Family.TEXT, Family.BOOLEAN, Family.NUMBER).index(c.family),
        )
    )
    chosen: list[Column] = []
    cells = max(buckets, 1)
    for column in able:
        if len(chosen) < MAX_SEGMENTS and cells * counts[column.name] <= MAX_CELLS:
            chosen.append(column)
            cells *= counts[column.name]
    return chosen
