"""Too few rows: whether what counts up has gaps tells rows that were lost from rows that never were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from tidegate.detect import words
from tidegate.detect.panel import Panel
from tidegate.model import CountsUp
from tidegate.model.words import counted

BACK: Final = 28
"""So many buckets before tell what is usual. Chosen, not derived, as what follows."""

EXACT: Final = 0.02
"""Of a column that usually has more gaps than this share, a bucket's gaps tell nothing certain."""

LOST: Final = 0.05
"""By how much the share of what is missing exceeds the usual one, where rows were lost."""


FEW: Final = 2
"""Gaps in so few places may be numbers that jumped as well as rows that were lost."""


class Missing(NamedTuple):
    """A column that counts up: the share that is usually missing, and that is in a bucket, in how many places there."""

    usual: float
    share: float
    places: int
    one: CountsUp


def told(panel: Panel, at: int) -> str:
    """What the column that counts up with the fewest gaps says of a bucket with too few rows, as the end of a sentence; empty where there is none."""
    found = [missing for missing in _missing(panel, at) if missing.usual <= EXACT]
    if not found:
        return ""
    usual, share, places, one = min(found, key=lambda missing: (missing.usual, missing.one.column))
    if share - usual < LOST:
        return (
            f"; {one.column} goes up {one} without more gaps than usual: fewer rows came, or the last ones are missing"
        )
    why = "rows were lost" if places > FEW else "rows were lost there, or the numbers jumped"
    where = f"in {counted(places, 'place')}"
    return f"; {words.percent(share)} of {one.column}, which goes up {one}, is missing in between, {where}: {why}"


def _missing(panel: Panel, at: int) -> Iterator[Missing]:
    rows = {spec: row for row, spec in enumerate(panel.specs)}
    for spec, row in rows.items():
        due, breaks = (rows.get(replace(spec, metric=metric)) for metric in ("due_count", "break_count"))
        if spec.metric == "gap_count" and due is not None and breaks is not None:
            shares = panel.values[row, : at + 1] / np.maximum(panel.values[due, : at + 1], 1.0)
            before = shares[:-1][np.isfinite(shares[:-1])][-BACK:]
            if len(before) and np.isfinite(shares[-1]):
                places = int(np.nan_to_num(panel.values[breaks, at]))
                yield Missing(float(np.median(before)), float(shares[-1]), places, CountsUp.of(spec))
