"""What a scan is told, and what it gives back."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import TypeVar

from tidegate.metrics import Unmeasured
from tidegate.model import Dataset, Grid, Interval, Measurement, MetricSpec, Segment, Statement
from tidegate.scan.pieces import Piece

T = TypeVar("T")
Rows = Sequence[tuple[object, ...]]
Plan = Generator[Statement, Rows, T]
"""Yields statements, is sent the rows of each, returns a T. `throw(QueryError)` tells it that a statement failed: it
then asks the user's own conditions one by one, and lets the error through when the failing part is not the user's."""

Counts = dict[str, dict[str | None, int]]
"""For each column, for each of its values (as text, None is NULL), the number of rows."""

Loads = tuple[tuple[str, tuple[Measurement, ...]], ...]
"""The newest loads of a table without times, oldest first, each with its numbers as if it were a table."""

NOTHING_LEARNT: Mapping[str, Mapping[str, bytes]] = MappingProxyType({})
NO_REASONS: Mapping[MetricSpec, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """How a table is scanned. `version` and `taken_at` (aware UTC) go into every measurement.

    `time_column`, `load_column` and `grain` (hour, day, week, month) are inferred when None; an empty string says that
    there is none. Days, weeks and months begin in `zone`, in UTC where it is None. `history_buckets` bounds the bucketed history, `recent_buckets` the search for duplicates;
    `history=False` leaves out history and duplicates. `profile=False` measures only what is wanted. `known` are the
    bucketed numbers of an earlier scan: buckets whose rows have not changed since are not scanned again. `pieces` are
    those of the table, with what is kept of each, where its parts can be told apart; all of its rows are in one. `untaught` is
    the time that an open incident is about: what its rows tell of others is not what later rows are held against.
    """

    version: int
    taken_at: datetime
    time_column: str | None = None
    load_column: str | None = None
    grain: str | None = None
    zone: tzinfo | None = None
    history_buckets: int = 120
    recent_buckets: int = 8
    columns_per_statement: int = 50
    sample_rows: int = 100_000
    top_values: int = 20
    loads: int = 30
    history: bool = True
    profile: bool = True
    known: Grid | None = None
    pieces: Sequence[Piece] = ()
    untaught: Sequence[Interval] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a profile tells besides numbers: how often each category comes, and what was inferred, as `TableScan` has it."""

    counts: Counts = field(default_factory=dict)
    time_column: str | None = None
    grain: str | None = None
    load_column: str | None = None
    segment_columns: tuple[str, ...] = ()
    reopened: frozenset[Interval] | None = None
    vanished: tuple[tuple[MetricSpec, Interval], ...] = ()
    loads: Loads = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableScan:
    """What a scan of one dataset found; `profiled` tells whether it was looked at beyond what was wanted.

    `reopened` are the buckets that were scanned because their rows changed, None when all were; `vanished` are the numbers
    that were known of them and are no more. `segment_columns` are the categories by which the history is cut, `notes` say what was inferred and why, and
    `unmeasured` gives the reason for each wanted number that could not be had. `learnt` is what can be kept of pieces of
    the table for the next scan: by the name of the piece and the digest of the question.
    """

    dataset: Dataset
    measurements: tuple[Measurement, ...]
    profiled: bool
    time_column: str | None
    grain: str | None
    load_column: str | None
    segment_columns: tuple[str, ...]
    reopened: frozenset[Interval] | None = None
    vanished: tuple[tuple[MetricSpec, Interval], ...] = ()
    loads: Loads = ()
    notes: tuple[str, ...] = ()
    unmeasured: Mapping[MetricSpec, str] = field(default_factory=lambda: NO_REASONS)
    learnt: Mapping[str, Mapping[str, bytes]] = field(default_factory=lambda: NOTHING_LEARNT)

    @property
    def values(self) -> dict[MetricSpec, object]:
        """The whole-table numbers by spec, and `Unmeasured` for those that could not be had: what checks are judged by."""
        found: dict[MetricSpec, object] = {m.spec: m.value for m in self.measurements if m.interval is None}
        return found | {spec: Unmeasured(reason) for spec, reason in self.unmeasured.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRow:
    """One category under suspicion: rows and value in the bucket, and per bucket on average over the baseline."""

    segment: Segment
    observed_rows: float
    observed_value: float | None
    expected_rows: float
    expected_value: float | None
