"""What was chosen of a table once: kept with the numbers of its buckets, so that it stays, and travels with the lineage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from tidegate.model import Grid, Interval
from tidegate.scan.tally import Tally


def kept_choice(known: Grid | None, metric: str) -> str | None:
    """The newest choice, as it was written, in the version that this one began as; None when nothing was chosen."""
    if known is None:
        return None
    chosen = {at: spec.argument for at, spec in enumerate(known.specs) if spec.metric == metric and spec.argument}
    cells = ((known.intervals[b], s) for s, b in zip(known.series, known.buckets, strict=True) if s in chosen)
    newest = max(cells, default=None)
    return None if newest is None else chosen[newest[1]]


class Choice(Protocol):
    """What was chosen of a table; its text is read again."""

    @property
    def size(self) -> int:
        """How much it is."""


def keep_choice(tally: Tally, metric: str, choice: Choice, buckets: Iterable[Interval]) -> None:
    """Keep a choice with each bucket that is measured by it."""
    spec = tally.spec(metric, argument=str(choice))
    for interval in buckets:
        tally.add_buckets([spec], [choice.size], interval)
