"""Data contracts: what a team promises about its tables, in the words of the Open Data Contract Standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidegate.model.judgement import NO_ARGUMENTS, Check


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractReference:
    """A foreign key: each of `columns` holds values that occur in the one of `fields` at the same place.

    `to` is the target as it is written. `table` is the name of the contract's table that it means, None when it is
    elsewhere.
    """

    columns: tuple[str, ...]
    to: tuple[str, ...]
    table: str | None
    fields: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractQuality:
    """One entry of `quality`: `type` is library, sql, text or custom; `operator` is such as `mustBeLessThan`.

    `checks` are what `engine: tidegate` asks for, about no table yet.
    """

    type: str
    name: str
    place: str
    metric: str | None = None
    arguments: Mapping[str, object] = field(default_factory=lambda: NO_ARGUMENTS)
    unit: str = "rows"
    operator: str | None = None
    bound: object = None
    query: str | None = None
    engine: str | None = None
    checks: tuple[Check, ...] = ()
    severity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractColumn:
    """A column as it is promised; `physical_name` is the warehouse's own name.

    `nested` is a part of another column: its names are those of the whole, a dot, and its own. `primary_key` is the place
    in the key, from 1, or 0 where none is given; `options` are the standard's `logicalTypeOptions`; `items` is what is
    promised of each element of a list.
    """

    name: str
    physical_name: str
    place: str
    id: str | None = None
    logical_type: str | None = None
    physical_type: str | None = None
    required: bool = False
    unique: bool = False
    primary_key: int | None = None
    enum: tuple[object, ...] = ()
    options: Mapping[str, object] = field(default_factory=lambda: NO_ARGUMENTS)
    description: str | None = None
    references: tuple[ContractReference, ...] = ()
    quality: tuple[ContractQuality, ...] = ()
    nested: bool = False
    items: ContractColumn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTable:
    """A table as it is promised; `physical_name` is its name in the warehouse, with or without schema."""

    name: str
    physical_name: str
    place: str
    columns: tuple[ContractColumn, ...] = ()
    id: str | None = None
    physical_type: str | None = None
    description: str | None = None
    references: tuple[ContractReference, ...] = ()
    quality: tuple[ContractQuality, ...] = ()

    def column(self, name: str) -> ContractColumn | None:
        """Find a column by its name in the contract or in the warehouse; None when there is none."""
        return next((c for c in self.columns if name in (c.name, c.physical_name)), None)

    @property
    def key(self) -> tuple[ContractColumn, ...]:
        """The columns of the primary key in their order."""
        return tuple(sorted((c for c in self.columns if c.primary_key is not None), key=lambda c: c.primary_key or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaProperty:
    """One property of the service level: `property` by its long name; `elements` are `table.column` or `column`."""

    property: str
    value: object
    place: str
    unit: str | None = None
    elements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What is promised about some tables. `schema` is the schema that its DuckDB server names; `file` where it stands."""

    id: str
    version: str
    api_version: str
    status: str
    file: str
    name: str | None = None
    schema: str | None = None
    description: str | None = None
    tables: tuple[ContractTable, ...] = ()
    sla: tuple[SlaProperty, ...] = ()

    def table(self, name: str) -> ContractTable | None:
        """Find a table by its name in the contract or in the warehouse; None when there is none."""
        return next((t for t in self.tables if name in (t.name, t.physical_name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractChange:
    """One difference between two contracts. It is breaking when a reader could rely on less than before."""

    where: str
    what: str
    breaking: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What is to be said of a place in a file, line and column from 1; an `error` must be repaired, a `warning` read."""

    file: str
    line: int
    column: int
    level: str
    message: str
    hint: str | None = None
