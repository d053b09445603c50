"""Too few rows: whether what counts up has gaps tells rows that were lost from rows that never were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.detect import words
from tidegate.detect.panel import Panel
from tidegate.model import CountsUp

BACK: Final = 28
"""So many buckets before tell what is usual. Chosen, not derived, as what follows."""

EXACT: Final = 0.02
"""Of a column that usually has more gaps than this share, a bucket's gaps tell nothing certain."""

LOST: Final = 0.05
"""By how much the share of what is missing exceeds the usual one, where rows were lost."""


def told(panel: Panel, at: int) -> str:
    """What the column that counts up with the fewest gaps says of a bucket with too few rows, as the end of a sentence; empty where there is none."""
    found = [(usual, str(one.column), one, share) for one, share, usual in _shares(panel, at) if usual <= EXACT]
    if not found:
        return ""
    usual, _, one, share = min(found, key=lambda f: f[:2])
    if share - usual < LOST:
        return (
            f"; {one.column} goes up {one} without more gaps than usual: fewer rows came, or the last ones are missing"
        )
    return f"; {words.percent(share)} of {one.column}, which goes up {one}, is missing in between: rows were lost"


def _shares(panel: Panel, at: int) -> Iterator[tuple[CountsUp, float, float]]:
    """Each column that counts up, with the share that is missing in a bucket and usually is."""
    places = {spec: row for row, spec in enumerate(panel.specs)}
    for spec, row in places.items():
        due = places.get(replace(spec, metric="due_count"))
        if spec.metric == "gap_count" and due is not None:
            shares = panel.values[row, : at + 1] / np.maximum(panel.values[due, : at + 1], 1.0)
            before = shares[:-1][np.isfinite(shares[:-1])][-BACK:]
            if len(before) and np.isfinite(shares[-1]):
                yield CountsUp.of(spec), float(shares[-1]), float(np.median(before))
