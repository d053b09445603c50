"""What numbers are about: datasets and series, each written once, and found again by what they are."""

from __future__ import annotations

from functools import lru_cache

from tidegate.model import DatasetRef, MetricSpec, Segment
from tidegate.state.connection import Connection

KEPT = 4096
"""So many specs are made once and not for every reading: what is read of one table together has the same objects."""


class Catalogue:
    """The series of some datasets: their ids, the units of their first numbers, and new ids for new ones."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._datasets: dict[DatasetRef, int] = {}
        self._series: dict[MetricSpec, tuple[int, int, str]] = {}
        self.specs: dict[int, MetricSpec] = {}
        self.units: dict[int, str] = {}
        self._unread: dict[int, int] = {}

    def load(self, dataset: DatasetRef) -> int | None:
        """Read what is known of a dataset; its id, None when nothing was ever measured of it."""
        if dataset not in self._datasets:
            row = self._connection.execute(
                "SELECT id FROM dataset WHERE namespace = ? AND name = ?", (dataset.namespace, dataset.name)
            ).fetchone()
            if row is None:
                return None
            self._datasets[dataset] = row[0]
            rows = self._connection.execute(
                "SELECT id, unit, metric, column_name, argument, row_filter, segment_column, segment_value"
                " FROM series WHERE dataset = ?",
                row,
            )
            for series, unit, *parts in rows:
                self.specs[series], self.units[series] = _spec(dataset, *parts), unit
                self._unread[series] = row[0]
        return self._datasets[dataset]

    def dataset(self, dataset: DatasetRef) -> int:
        """The id of a dataset, a new one if need be."""
        known = self.load(dataset)
        if known is not None:
            return known
        added = self._connection.execute(
            "INSERT INTO dataset (namespace, name) VALUES (?, ?) RETURNING id", (dataset.namespace, dataset.name)
        )
        self._datasets[dataset] = int(added.fetchone()[0])
        return self._datasets[dataset]

    def series(self, spec: MetricSpec, unit: str) -> tuple[int, int, str]:
        """Dataset id, series id and unit of a number, a new series if need be."""
        known = self._series.get(spec)
        if known is None and self.dataset(spec.dataset):
            known = self._found(spec)
        return known or self._add(spec, unit)

    def _found(self, spec: MetricSpec) -> tuple[int, int, str] | None:
        """Look it up; specs are hashed when one is looked for, and not where series are only read."""
        for series, dataset in self._unread.items():
            self._series[self.specs[series]] = (dataset, series, self.units[series])
        self._unread.clear()
        return self._series.get(spec)

    def _add(self, spec: MetricSpec, unit: str) -> tuple[int, int, str]:
        segment = spec.segment
        texts = (spec.column, spec.argument, spec.where, segment and segment.column, segment and segment.value)
        dataset = self._datasets[spec.dataset]
        added = self._connection.execute(
            "INSERT INTO series"
            " (dataset, unit, metric, column_name, argument, row_filter, segment_column, segment_value)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (dataset, unit, spec.metric, *texts),
        )
        return self._learn(spec, dataset, int(added.fetchone()[0]), unit)

    def _learn(self, spec: MetricSpec, dataset: int, series: int, unit: str) -> tuple[int, int, str]:
        self.specs[series], self.units[series] = spec, unit
        self._series[spec] = (dataset, series, unit)
        return self._series[spec]


@lru_cache(maxsize=KEPT)
def _spec(
    dataset: DatasetRef,
    metric: str,
    column: str | None,
    argument: str | None,
    where: str | None,
    segment_column: str | None,
    segment_value: str | None,
) -> MetricSpec:
    segment = None if segment_column is None else Segment(column=segment_column, value=segment_value)
    return MetricSpec(dataset=dataset, metric=metric, column=column, argument=argument, where=where, segment=segment)
