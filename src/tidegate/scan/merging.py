"""Answers that can be kept for a part of a table and put together later: what is kept of each aggregate, and how two join.

Counts, sums, extremes and the registers of HyperLogLog join to exactly what one pass over all rows gives; moments do so
up to rounding, by the formula of T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating Formulae and a Pairwise Algorithm
for Computing Sample Variances" (1979), which is also what the engine's threads join theirs with.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum
from functools import reduce
from itertools import chain
from types import MappingProxyType
from typing import Final, TypeAlias, cast

POINTS: Final = 257
"""Points by which the distribution of a part is kept, each in the middle of as many of its rows. Chosen, not derived."""

WITHOUT_ROUNDING: Final = Context(prec=100)
"""The engine's decimals have up to 38 digits; Python adds them with 28 unless told."""

Cell: TypeAlias = object
"""What is kept of one aggregate: None, a number, a text, bytes, or a list of these."""

Written: TypeAlias = bytes | memoryview
"""An answer as it is kept."""

ALIGNED: Final = 8
"""What is bytes begins at a multiple of this, so that numbers in it are used where they are."""


class Merge(StrEnum):
    """How the values of one column of an answer join; the letter stands in what is kept."""

    KEY = "k"
    SUM = "s"
    MIN = "n"
    MAX = "x"
    MOMENTS = "m"
    DISTINCT = "d"
    DISTRIBUTION = "q"
    HASHES = "h"


BY_LETTER: Final[Mapping[str, Merge]] = MappingProxyType({merge.value: merge for merge in Merge})


@dataclass(frozen=True, slots=True)
class Item:
    """One column of an answer: its SQL, as one would ask it of the whole table, and how the answers of parts join."""

    sql: str
    merge: Merge

    @property
    def state_sql(self) -> str:
        """The SQL of what is kept: where the number alone does not join, the engine's own state of the aggregate."""
        return f"{self.sql} EXPORT_STATE" if self.merge in (Merge.MOMENTS, Merge.DISTINCT) else self.sql


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer about some rows, in the form that joins: for each column its `Merge`, and the rows, with different keys."""

    merges: tuple[Merge, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @classmethod
    def of(cls, items: Sequence[Item], rows: Iterable[Sequence[object]]) -> Kept:
        """What is kept of rows as the engine gave them for the `state_sql` of the items.

        Raises:
            UnkeepableError: a value is of a type that cannot be kept.
        """
        merges = tuple(item.merge for item in items)
        return cls(merges, tuple(tuple(map(_kept, merges, row)) for row in rows))

    def written(self) -> bytes:
        """As bytes, from which `read` makes the same: the length of a JSON text, the text, and what is bytes in the rows."""
        raw: list[bytes] = []
        rows = [[_wrapped(cell, raw) for cell in row] for row in self.rows]
        text = json.dumps(["".join(self.merges), rows], separators=(",", ":")).encode()
        text += b" " * (-(4 + len(text)) % ALIGNED)
        return b"".join([len(text).to_bytes(4, "little"), text, *raw])

    @classmethod
    def read(cls, written: Written) -> Kept:
        """What was `written`."""
        end = 4 + int.from_bytes(written[:4], "little")
        text = str(written[4:end], "ascii")
        codes, rows = json.loads(text)
        merges = tuple(BY_LETTER[code] for code in codes)
        if "{" not in text:
            return cls(merges, tuple(map(tuple, rows)))
        raw = memoryview(written)[end:]
        unwrapped, at = [], 0
        for row in rows:
            cells = []
            for cell in row:
                size = cell["bytes"] if isinstance(cell, dict) and "bytes" in cell else 0
                cells.append(_unwrapped(cell, raw[at : at + size]))
                at += size
            unwrapped.append(tuple(cells))
        return cls(merges, tuple(unwrapped))

    def joined(self, others: Iterable[Kept]) -> Kept:
        """The answer about the rows of all of them, which have none in common; others join in their order."""
        if Merge.KEY not in self.merges:
            cells = zip(self.rows[0], *(other.rows[0] for other in others), strict=True)
            joined = (reduce(JOIN[merge], few) for merge, few in zip(self.merges, cells, strict=True))
            return Kept(self.merges, (tuple(joined),))
        rows = {_keys(self.merges, row): row for row in self.rows}
        for row in chain.from_iterable(other.rows for other in others):
            key = _keys(self.merges, row)
            rows[key] = _row_joined(self.merges, rows[key], row) if key in rows else row
        return Kept(self.merges, tuple(rows.values()))

    def answer(self) -> list[tuple[object, ...]]:
        """The rows as the engine would have given them for the SQL of the items; a distribution stays as it is."""
        return [
            tuple(FINISH.get(merge, _as_it_is)(cell) for merge, cell in zip(self.merges, row, strict=True))
            for row in self.rows
        ]


def _wrapped(cell: Cell, raw: list[bytes]) -> Cell:
    """A cell as JSON has it; bytes go to `raw`."""
    if isinstance(cell, Decimal):
        return {"decimal": str(cell)}
    if isinstance(cell, bytes | memoryview):
        raw.append(bytes(cell))
        return {"bytes": len(cell)}
    return cell


def _unwrapped(cell: Cell, raw: memoryview) -> Cell:
    if isinstance(cell, dict):
        return Decimal(cell["decimal"]) if "decimal" in cell else raw
    return cell


class UnkeepableError(ValueError):
    """A value of the engine that no state can hold; the answer is asked anew each time."""


def _kept(merge: Merge, raw: object) -> Cell:
    if merge is Merge.MOMENTS:
        state = cast("Mapping[str, float] | None", raw)
        return [0, 0.0, 0.0] if state is None else list(state.values())
    if merge is Merge.DISTINCT:
        sketch = cast("Mapping[str, Sequence[int]] | None", raw)
        return bytes(REGISTERS) if sketch is None else bytes(sketch["registers"])
    if (
        raw is None
        or (merge is Merge.HASHES and isinstance(raw, bytes))
        or isinstance(raw, bool | int | float | str | Decimal)
    ):
        return raw
    if merge is Merge.DISTRIBUTION and isinstance(raw, list | tuple):
        return list(raw)
    raise UnkeepableError(f"`{raw!r}` cannot be kept")


def _keys(merges: Sequence[Merge], row: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for merge, cell in zip(merges, row, strict=True) if merge is Merge.KEY)


def _row_joined(merges: Sequence[Merge], one: Sequence[Cell], other: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(JOIN[merge](a, b) for merge, a, b in zip(merges, one, other, strict=True))


def _least(a: Cell, b: Cell) -> Cell:
    return _chosen(min, a, b)


def _greatest(a: Cell, b: Cell) -> Cell:
    return _chosen(max, a, b)


def _chosen(choose: Callable[..., Cell], a: Cell, b: Cell) -> Cell:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b, key=_rank) if isinstance(a, float) else choose(a, b)


def _rank(cell: float) -> tuple[bool, float]:
    """NaN is the greatest of all, as for the engine."""
    return math.isnan(cell), cell


def _total(a: Cell, b: Cell) -> Cell:
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return WITHOUT_ROUNDING.add(a, b)
    return b if a is None else a if b is None else cast("float", a) + cast("float", b)


def _moments(a: Cell, b: Cell) -> Cell:
    (n, mean, squares), (m, other, more) = cast("Sequence[float]", a), cast("Sequence[float]", b)
    if not n or not m:
        return a if n else b
    apart = other - mean
    return [n + m, mean + apart * m / (n + m), squares + more + apart * apart * n * m / (n + m)]


def _registers(a: Cell, b: Cell) -> Cell:
    import numpy as np

    one, other = (np.frombuffer(cast("bytes", cell), dtype=np.uint8) for cell in (a, b))
    return np.maximum(one, other).tobytes()


def _in_order(a: Cell, b: Cell) -> Cell:
    import numpy as np

    both = np.concatenate([np.frombuffer(cast("bytes", cell), dtype=np.uint64) for cell in (a, b)])
    both.sort(kind="stable")
    return both.tobytes()


def _side_by_side(a: Cell, b: Cell) -> Cell:
    return [*cast("Sequence[object]", a), *cast("Sequence[object]", b)]


def _same(a: Cell, b: Cell) -> Cell:  # noqa: ARG001 - the keys of two rows that join are equal
    return a


JOIN: Final[Mapping[Merge, Callable[[Cell, Cell], Cell]]] = MappingProxyType(
    {
        Merge.KEY: _same,
        Merge.SUM: _total,
        Merge.MIN: _least,
        Merge.MAX: _greatest,
        Merge.MOMENTS: _moments,
        Merge.DISTINCT: _registers,
        Merge.DISTRIBUTION: _side_by_side,
        Merge.HASHES: _in_order,
    }
)


def _as_it_is(cell: Cell) -> object:
    return cell


def _deviation(cell: Cell) -> object:
    count, _, squares = cast("Sequence[float]", cell)
    return math.sqrt(squares / (count - 1)) if count > 1 else None


PRECISION: Final = 10
REGISTERS: Final = 1 << PRECISION
_LONGEST: Final = 64 - PRECISION


def estimate(cell: Cell) -> int:
    """How many different values HyperLogLog registers stand for, exactly as DuckDB reckons.

    Source: O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6.
    """
    import numpy as np

    counts = np.bincount(np.frombuffer(cast("bytes", cell), dtype=np.uint8), minlength=_LONGEST + 2).tolist()
    z = REGISTERS * _tau((REGISTERS - counts[_LONGEST + 1]) / REGISTERS)
    for k in range(_LONGEST, 0, -1):
        z = 0.5 * (z + counts[k])
    z += REGISTERS * _sigma(counts[0] / REGISTERS)
    return math.floor(REGISTERS * REGISTERS / (2 * math.log(2)) / z + 0.5)


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    y, z = 1.0, 1 - x
    while True:
        x, last, y = math.sqrt(x), z, y * 0.5
        z -= (1 - x) ** 2 * y
        if z == last:
            return z / 3


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, z = 1.0, x
    while True:
        x, last = x * x, z
        z += x * y
        y += y
        if z == last:
            return z


FINISH: Final[Mapping[Merge, Callable[[Cell], object]]] = MappingProxyType(
    {Merge.MOMENTS: _deviation, Merge.DISTINCT: estimate}
)


def quantiles(samples: Sequence[Sequence[float]], shares: Sequence[float]) -> list[float]:
    """Quantiles of rows of which samples were taken, each given as how many rows it has, how many rows each of those
    stands for, and the values in the middles of its equal parts. Off by at most a POINTS-th of the rows beside what the samples are.
    """
    import numpy as np

    values = np.concatenate([np.asarray(one[2:], dtype=float) for one in samples])
    weights = np.concatenate([np.full(len(one) - 2, one[0] * one[1] / (len(one) - 2)) for one in samples])
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    middles = (below - weights[order] / 2) / below[-1]
    return [float(value) for value in np.interp(shares, middles, values[order])]


def worth(samples: Sequence[Sequence[float]]) -> float:
    """As many rows drawn alike from all would tell as much: (sum of w)² / sum of w² over the rows, by their weights w.

    Source: L. Kish, "Survey Sampling" (1965).
    """
    total = sum(one[0] * one[1] for one in samples)
    return total * total / sum(one[0] * one[1] ** 2 for one in samples)
