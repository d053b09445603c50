"""Rows that are drawn from buckets: the same ones each time, as numbers and as categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tidegate.metrics import TIMES, kind_of, quoted
from tidegate.scan.grain import hours_sql
from tidegate.scan.infer import KEY_NAME, LOADERS_OWN
from tidegate.scan.options import Rows
from tidegate.scan.tally import Tally
from tidegate.scan.window import Window

if TYPE_CHECKING:
    from tidegate.detect.forecast import Floats
    from tidegate.detect.given import Codes

MOST_KEYS: Final = 2
"""So many columns that are called like keys help to draw rows, which else would come all or none where they are alike."""


class Asked(NamedTuple):
    """The numbers and categories of which rows are read; a time is a number too, of hours from the beginning of its row's bucket."""

    numbers: Sequence[str]
    categories: Sequence[str]

    def cells(self, tally: Tally, span: Window) -> list[str]:
        """A row's bucket, its numbers, its categories as texts."""
        dialect = tally.dialect
        times = {column.name for column in tally.dataset.columns if kind_of(column) in TIMES}
        numbers = [
            hours_sql(name, span.key(dialect), dialect) if name in times else f"CAST({quoted(name, dialect)} AS DOUBLE)"
            for name in self.numbers
        ]
        return [span.key(dialect), *numbers, *(f"CAST({quoted(name, dialect)} AS TEXT)" for name in self.categories)]

    def places(self, names: Sequence[str]) -> list[int]:
        """Where some of the numbers stand among all."""
        return [self.numbers.index(name) for name in names]

    def draw(self, tally: Tally, span: Window) -> str:
        """By which rows are drawn, the same ones each time; rows of one key and time are all drawn or none."""
        names = [c.name for c in tally.dataset.columns]
        keys = [n for n in names if KEY_NAME.search(n) and not LOADERS_OWN.search(n)][:MOST_KEYS]
        drawn = dict.fromkeys([span.column.name, *self.numbers, *self.categories, *keys])
        return f"HASH({', '.join(quoted(name, tally.dialect) for name in drawn)})"


class Sample(NamedTuple):
    """Rows of some buckets: the place of each row's bucket, its numbers (row, number), and by category column its code."""

    batch: Codes
    cells: Floats
    codes: Sequence[Codes]

    @classmethod
    def of(cls, rows: Rows, asked: Asked, starts: Sequence[int]) -> Sample:
        """The rows of the buckets with these starts, ascending; others are left out."""
        import numpy as np

        width = 1 + len(asked.numbers)
        columns = list(zip(*rows, strict=True)) if rows else [()] * (width + len(asked.categories))
        began = np.array(columns[0], dtype=np.int64)
        mine = np.isin(began, starts)
        cells = np.array(columns[1:width], dtype=np.float64).reshape(width - 1, len(began)).T
        codes = [_coded(column)[mine] for column in columns[width:]]
        return cls(np.searchsorted(np.array(starts), began[mine]), cells[mine], codes)

    def only(self, numbers: Sequence[int]) -> Sample:
        """The same rows with some of their numbers."""
        return self._replace(cells=self.cells[:, list(numbers)])


def _coded(values: Sequence[object]) -> Codes:
    """A number for each different value, in the order in which they come; -1 for NULL."""
    import numpy as np

    places: dict[object, int] = {None: -1}
    return np.array([places.setdefault(value, len(places) - 1) for value in values], dtype=np.int64)
