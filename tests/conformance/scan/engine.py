"""Plays the service: a catalogue from a DuckDB connection, and a driver that answers a plan's statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb

from tidegate.errors import QueryError
from tidegate.metrics import family_of
from tidegate.model import Column, Dataset, DatasetRef, Interval, Measurement, MetricSpec, Segment
from tidegate.scan import ScanOptions, TableScan, scan_table

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Engine:
    """A database in memory, or in a file; `asked` keeps every statement of the plans that were driven."""

    connection: duckdb.DuckDBPyConnection
    asked: list[Any] = field(default_factory=list)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def repeats(self, sql: str) -> list[tuple[int]]:
        counted = self.run(f"select count(*) from (select 1 from ({sql}) v(h) group by h having count(*) > 1)")
        return [(int(counted[0][0]),)]

    def catalog(self) -> dict[DatasetRef, Dataset]:
        tables = self.run("select table_schema, table_name, table_type from information_schema.tables order by all")
        found = {}
        for schema, name, kind in tables:
            columns = self.connection.execute(
                "select column_name, data_type from information_schema.columns"
                " where table_schema = ? and table_name = ? order by ordinal_position",
                [schema, name],
            ).fetchall()
            ref = DatasetRef(namespace=schema, name=name)
            parts = tuple(Column(name=c, type=t, family=family_of(t)) for c, t in columns)
            found[ref] = Dataset(ref=ref, columns=parts, is_view=kind == "VIEW")
        return found

    def dataset(self, name: str, schema: str = "main") -> Dataset:
        return self.catalog()[DatasetRef(namespace=schema, name=name)]

    def drive(self, plan: Any) -> Any:
        """Answer a plan to its end; what the engine refuses is thrown in, as the service does."""
        try:
            statement = next(plan)
            while True:
                self.asked.append(statement)
                try:
                    rows = self.repeats(statement.sql) if statement.repeats else self.run(statement.sql)
                except duckdb.Error as error:
                    statement = plan.throw(QueryError(str(error), sql=statement.sql))
                else:
                    statement = plan.send(rows)
        except StopIteration as stop:
            return stop.value

    def scan(self, name: str, *wanted: MetricSpec, schema: str = "main", **options: Any) -> Scan:
        chosen = ScanOptions(version=7, taken_at=NOW, **options)
        self.asked.clear()
        return Scan(self.drive(scan_table(self.dataset(name, schema), wanted, chosen)))

    @property
    def purposes(self) -> list[str]:
        return [statement.purpose for statement in self.asked]


@dataclass
class Scan:
    """A scan with short ways to its numbers."""

    scan: TableScan

    def find(
        self, metric: str, column: str | None = None, *, segment: tuple[str, str | None] | None = None, **more: Any
    ) -> Measurement | None:
        """A whole-table measurement, None when there is none."""
        chosen = Segment(column=segment[0], value=segment[1]) if segment else None
        spec = MetricSpec(dataset=self.scan.dataset.ref, metric=metric, column=column, segment=chosen, **more)
        return next((m for m in self.scan.measurements if m.spec == spec and m.interval is None), None)

    def __call__(self, metric: str, column: str | None = None, **more: Any) -> Any:
        found = self.find(metric, column, **more)
        assert found is not None, f"{metric} of {column} was not measured"
        return found.value

    def buckets(
        self, metric: str, column: str | None = None, *, segment: tuple[str, str | None] | None = None
    ) -> dict[Any, Any]:
        """Values by bucket, the start in ISO 8601 without its zone (always UTC), ascending."""
        chosen = Segment(column=segment[0], value=segment[1]) if segment else None
        spec = MetricSpec(dataset=self.scan.dataset.ref, metric=metric, column=column, segment=chosen)
        found = [m for m in self.scan.measurements if m.interval is not None and m.spec == spec]
        assert len({m.interval for m in found}) == len(found), "two numbers for one bucket"
        return {name(m.interval): m.value for m in sorted(found, key=lambda m: m.interval.start)}

    def segments(self, column: str, metric: str = "row_count") -> dict[str | None, Any]:
        """Whole-table numbers per value of a category."""
        return {
            m.spec.segment.value: m.value
            for m in self.scan.measurements
            if m.interval is None and m.spec.segment and m.spec.segment.column == column and m.spec.metric == metric
        }


def name(interval: Interval) -> str:
    text = interval.start.replace(tzinfo=None).isoformat(timespec="hours")
    return text.removesuffix("T00")


def engines() -> Iterator[Engine]:
    with duckdb.connect() as connection:
        connection.execute("set threads = 2")
        yield Engine(connection)


Values = Mapping[MetricSpec, object]
