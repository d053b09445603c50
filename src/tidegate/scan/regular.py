"""What rows of a table keep to exactly: a number has so many decimals, a column is NULL only where another one is NULL too.

Both are told from the first buckets, and kept; how many rows break them is counted of every bucket beside its other numbers. A price
that was converted has more decimals, and a join that lost one column leaves the others of its row.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidegate.metrics import Kind, aggregate, kind_of, quoted, relation, select
from tidegate.metrics.catalogue import NOISE, NOISE_OF_FLOATS
from tidegate.model import Column, DatasetRef, Grid, MetricSpec
from tidegate.scan.choice import kept_choice
from tidegate.scan.content import filled, stretches
from tidegate.scan.infer import LOADERS_OWN
from tidegate.scan.options import Plan
from tidegate.scan.relations import FIRST, teaching
from tidegate.scan.tally import Tally, groups
from tidegate.scan.window import Window

FINER: Final = "finer_count"
LONE: Final = "lone_null_count"

MOST_DECIMALS: Final = 6
"""More decimals than that are none that somebody chose. Chosen, not derived, as what follows."""

FINE: Final = 0.01
"""The share of the values that have more decimals at first, at most."""

BLURRED: Final = 0.25
"""Decimals of a double are told while its noise is below this share of the last one."""

LEAST_NULLS: Final = 3
OFTEN: Final = 0.9
"""A column has so many NULLs at first, at least, and so large a share, at most."""

ALONE: Final = 0.02
"""The share of them in which the other column has a value, at most."""

DECADES: Final = 3.0
"""Chance alone would leave the other column NULL in all of these rows once in 10³ tables, at most."""

MOST_COLUMNS: Final = 60
"""Columns whose NULLs are held against each other: one bit each of a whole number, which tells a row's pattern."""

MOST_PATTERNS: Final = 20_000
"""Different patterns of NULLs that are looked at; where there are more, they come and go by chance."""

_SCALE: Final = re.compile(r"\(\s*\d+\s*,\s*(\d+)\s*\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Regular:
    """`decimals` has of each number how many it keeps to, `nulls` of each column the other one that is NULL wherever it is."""

    decimals: Mapping[str, int] = field(default_factory=dict)
    nulls: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """As it is kept."""
        return json.dumps({"decimals": dict(self.decimals), "nulls": dict(self.nulls)}, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> Regular:
        """The same from what was kept."""
        said = json.loads(text)
        return cls(decimals=said["decimals"], nulls=said["nulls"])

    @property
    def size(self) -> int:
        """How much it is."""
        return len(self.decimals) + len(self.nulls)

    def is_of(self, columns: Sequence[Column]) -> bool:
        """Whether all columns are still there, and may still have more decimals."""
        finest = {column.name: finest_of(column) for column in columns}
        return {*self.nulls, *self.nulls.values()} <= finest.keys() and all(
            digits <= finest.get(name, 0) for name, digits in self.decimals.items()
        )

    def asked(self, ref: DatasetRef) -> list[MetricSpec]:
        """What is counted of every bucket."""
        finer = [
            MetricSpec(dataset=ref, metric=FINER, column=name, argument=str(k)) for name, k in self.decimals.items()
        ]
        return finer + [MetricSpec(dataset=ref, metric=LONE, column=a, argument=b) for a, b in self.nulls.items()]


def kept_regular(known: Grid | None) -> Regular | None:
    """What was chosen in the version that this one began as; None when nothing was."""
    written = kept_choice(known, "regular")
    return None if written is None else Regular.read(written)


def regular(tally: Tally, span: Window) -> Plan[Regular | None]:
    """What was chosen, else what the first buckets tell; None while these are too few."""
    before = kept_regular(tally.options.known)
    if before is not None and before.is_of(tally.dataset.columns):
        return before
    first = teaching(tally, (yield from filled(tally, span)))
    if len(first) < FIRST:
        return None
    inside = " OR ".join(f"({span.cut(one).condition(tally.dialect)})" for one in stretches(first))
    decimals = yield from _decimals(tally, inside)
    nulls = yield from _nulls(tally, inside)
    return Regular(decimals=decimals, nulls=nulls)


def finest_of(column: Column) -> int:
    """Up to how many decimals of a column values may be finer: none of what is a whole number, or has no more than one by its type."""
    if LOADERS_OWN.search(column.name):
        return 0
    kind, scale = kind_of(column), _SCALE.search(column.type)
    if kind is Kind.FLOAT:
        return MOST_DECIMALS
    return min(MOST_DECIMALS, int(scale[1]) - 1) if kind in (Kind.DECIMAL, Kind.WIDE) and scale is not None else 0


def _decimals(tally: Tally, inside: str) -> Plan[dict[str, int]]:
    able = [column for column in tally.dataset.columns if finest_of(column) > 0]
    found: dict[str, int] = {}
    for group in groups(able, max(1, tally.options.columns_per_statement // MOST_DECIMALS)) if able else ():
        items = [item for column in group for item in finer_items(tally.dataset.ref, column, tally.dialect)]
        sql = select(items, relation(tally.dataset.ref, tally.dialect), where=[inside], dialect=tally.dialect)
        rows = yield tally.statement("regular: decimals", sql)
        found |= decimals_of(group, rows[0])
    return found


def finer_items(ref: DatasetRef, column: Column, dialect: str = "duckdb") -> list[str]:
    """Aggregates of the values of a column: how many there are, and for 0, 1 and more decimals each how many are finer, or so large that
    it cannot be told.
    """
    spec = MetricSpec(dataset=ref, metric="finite_count", column=column.name)
    items = [aggregate(spec, column, dialect=dialect)]
    for digits in range(finest_of(column) + 1):
        finer = aggregate(
            MetricSpec(dataset=ref, metric=FINER, column=column.name, argument=str(digits)), column, dialect=dialect
        )
        items.append(f"{finer}{_blurred(column, digits, dialect)}")
    return items


def _blurred(column: Column, digits: int, dialect: str) -> str:
    if kind_of(column) is Kind.DECIMAL:
        return ""
    noise = NOISE_OF_FLOATS if column.type.strip().upper() in ("FLOAT", "REAL", "FLOAT4") else NOISE
    value = f"CAST({quoted(column.name, dialect)} AS DOUBLE)"
    least = BLURRED / float(noise) / 10**digits
    return f" + COUNT(CASE WHEN ABS({value}) >= {least:g} AND ISFINITE({value}) THEN 1 END)"


def decimals_of(columns: Sequence[Column], cells: Sequence[object]) -> dict[str, int]:
    """By column the least number of decimals that hardly any value exceeds, from the values of `finer_items`; none of whole numbers."""
    found, at = {}, 0
    for column in columns:
        values, *finer = (int(str(cell)) for cell in cells[at : at + finest_of(column) + 2])
        at += len(finer) + 1
        digits = next((k for k, n in enumerate(finer) if n <= FINE * values), 0)
        if values and digits:
            found[column.name] = digits
    return found


def _nulls(tally: Tally, inside: str) -> Plan[dict[str, str]]:
    able = [
        column.name
        for column in tally.dataset.columns
        if 0 < tally.nulls(column) < tally.rows and not LOADERS_OWN.search(column.name)
    ]
    ref, names = tally.dataset.ref, able[:MOST_COLUMNS]
    if len(able) > len(names):
        tally.notes.append(
            f"{ref}: NULLs of {len(able) - len(names)} of {len(able)} columns are not held against those of other columns, which is"
            f" done for the first {MOST_COLUMNS}"
        )
    if len(names) < 2:
        return {}
    rows = yield tally.statement("regular: nulls", patterns_sql(names, relation(ref, tally.dialect), inside))
    if len(rows) > MOST_PATTERNS:
        tally.notes.append(
            f"{ref}: NULLs are not held against those of other columns: there are more than {MOST_PATTERNS:,} patterns of them"
        )
        return {}
    return together(names, [(int(str(pattern)), int(str(count))) for pattern, count in rows])


def patterns_sql(names: Sequence[str], source: str, inside: str, dialect: str = "duckdb") -> str:
    """The patterns of NULLs in some rows, a bit for each column, with how many rows have it; one more than are looked at, at most."""
    bits = [f"CASE WHEN {quoted(name, dialect)} IS NULL THEN {1 << at} ELSE 0 END" for at, name in enumerate(names)]
    pattern = f"CAST({' + '.join(bits)} AS BIGINT)"
    return select(
        [pattern, "COUNT(*)"],
        source,
        where=[inside],
        group=["1"],
        order=["1"],
        limit=MOST_PATTERNS + 1,
        dialect=dialect,
    )


def together(names: Sequence[str], patterns: Sequence[tuple[int, int]]) -> dict[str, str]:
    """By column the other one that is NULL wherever it is, from patterns of NULLs and their rows: the one with the fewest NULLs."""
    import numpy as np

    count = np.array([n for _, n in patterns], dtype=float)
    is_null = np.array([[pattern >> at & 1 for at in range(len(names))] for pattern, _ in patterns], dtype=float)
    if not len(patterns):
        return {}
    rows, nulls = float(count.sum()), count @ is_null
    alone = (is_null * count[:, None]).T @ (1.0 - is_null)
    able = [at for at in range(len(names)) if LEAST_NULLS <= nulls[at] <= OFTEN * rows]
    found = {}
    for a in able:
        with_it = [
            (nulls[b], names[b])
            for b in able
            if b != a and alone[a, b] <= ALONE * nulls[a] and -nulls[a] * math.log10(nulls[b] / rows) >= DECADES
        ]
        if with_it:
            found[names[a]] = min(with_it)[1]
    return found
