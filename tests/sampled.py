"""Samples for tests: a database made of SQL, the demands on it, and a sample set made of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from tidegate.model import Check, DatasetRef, PipelineFacts, Settings, WarehouseSettings
from tidegate.services import sample_set
from tidegate.services.sample_set import Origin, SampleSet, Verified, Wanted
from tidegate.warehouses.duckdb_workshop import open_workshop

SECRET = "a secret of the tests, long enough"


class Silent:
    """A progress that says nothing."""

    def stage(self, name: str, detail: str = "") -> None: ...

    def advance(self, done: int, total: int, what: str = "") -> None: ...

    def say(self, text: str) -> None: ...


def ref(name: str) -> DatasetRef:
    namespace, _, table = name.rpartition(".")
    return DatasetRef(namespace=namespace or "raw", name=table)


def refers(child: str, columns: str, parent: str, fields: str) -> Check:
    """The demand that columns, as `a,b`, refer to others."""
    ours, theirs = columns.split(","), fields.split(",")
    to = [ref(parent).namespace, ref(parent).name]
    if len(ours) == 1:
        arguments: dict[str, object] = {"to": to, "field": fields}
        return Check(id=f"{child}.{columns}", name="refers", dataset=ref(child), kind="relationships",
                     column=columns, arguments=arguments)  # fmt: skip
    arguments = {"to": to, "columns": ours, "fields": theirs}
    return Check(id=f"{child}.{columns}", name="refers", dataset=ref(child), kind="references", arguments=arguments)


def unique(table: str, column: str) -> Check:
    return Check(id=f"{table}.{column}.u", name="unique", dataset=ref(table), kind="unique", column=column)


@dataclass
class World:
    """A database to sample, in a folder of its own."""

    folder: Path
    checks: Sequence[Check] = ()
    facts: PipelineFacts = field(default_factory=PipelineFacts)
    keys: dict[DatasetRef, tuple[str, ...]] = field(default_factory=dict)
    masked: tuple[str, ...] = ()

    @property
    def database(self) -> Path:
        return self.folder / "shop.duckdb"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"

    def write(self, *statements: str) -> World:
        with duckdb.connect(str(self.database)) as connection:
            connection.execute("create schema if not exists raw")
            for statement in statements:
                connection.execute(statement)
        return self

    def sample(self, folder: Path | None = None, *, secret: str = SECRET, **wanted: Any) -> SampleSet:
        place = self.folder / "tidegate"
        settings = Settings(
            root=place,
            warehouse=WarehouseSettings(type="duckdb", path=place, database="shop.duckdb"),
            steps=(),
            masked_columns=self.masked,
        )
        origin = Origin(version=1, facts=self.facts, checks=self.checks, keys=self.keys)
        with open_workshop(self.database) as workshop:
            return sample_set.make(
                workshop,
                origin,
                settings,
                Wanted(**wanted),
                folder=folder or self.samples,
                secret=secret,
                progress=Silent(),
            )

    def verify(self, told: SampleSet, *, version: int | None = 1) -> Verified:
        present = {path.name for path in self.samples.glob("*.parquet")}
        with open_workshop(self.database if version else None) as workshop:
            return sample_set.verify(workshop, told, folder=self.samples, present=present, version=version)

    def rows(self, table: str, sql: str = "select *", folder: Path | None = None) -> list[tuple[Any, ...]]:
        """What a query says of a table of the sample."""
        file = (folder or self.samples) / f"{ref(table)}.parquet"
        with duckdb.connect() as connection:
            return connection.execute(f"{sql} from '{file}'").fetchall()

    def source(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()
