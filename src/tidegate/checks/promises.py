"""From a contract to checks: what of a promise can be evaluated on one version, and what is only carried, with the reason."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from tidegate.checks.listed import written, yaml_text
from tidegate.checks.options import conditions
from tidegate.metrics import Kind, Vouched, kind_of, quoted, relation
from tidegate.model import (
    Check,
    Column,
    Contract,
    ContractColumn,
    ContractQuality,
    ContractReference,
    ContractTable,
    Dataset,
    DatasetRef,
    Family,
    SlaProperty,
)

Catalog = Mapping[DatasetRef, Dataset]

SOURCE: Final = "odcs"
AGES: Final = ("latency", "freshness", "frequency")
"""Service levels that say how old the newest row may be."""

LENGTHS: Final[Mapping[str, int]] = {
    "s": 1,
    "min": 60,
    "h": 3_600,
    "d": 86_400,
    "w": 604_800,
    "mo": 2_678_400,
    "y": 31_622_400,
}
"""Units of time in seconds; a month and a year count with their longest length."""

UNITS: Final = re.compile(
    r"(?P<s>s|secs?|seconds?)|(?P<min>m|mins?|minutes?)|(?P<h>h|hr|hrs|hours?)|(?P<d>d|days?)|(?P<w>w|wk|weeks?)"
    r"|(?P<mo>mo|mon|months?)|(?P<y>y|yr|yrs|years?)",
    re.IGNORECASE,
)
DAY_S: Final = 86_400
DRAFTS: Final = frozenset({"draft", "proposed", "in development", "development"})
"""States of a contract that nobody can rely on yet: what fails is told and holds nothing."""

MILD: Final = frozenset({"info", "information", "low", "minor", "warn", "warning"})
"""Severities of a quality entry that hold nothing."""

PLACES: Final = re.compile(r"\$?\{(object|table|model|property|column)\}")

METRICS: Final[Mapping[str, str]] = {
    "nullValues": "null_values",
    "missingValues": "missing_values",
    "invalidValues": "invalid_values",
    "duplicateValues": "duplicate_values",
    "rowCount": "row_total",
}


class PlaceError(ValueError):
    """A query that names the column that it stands at, and stands at a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """What a contract comes to: the checks, and what is carried, each with the reason why nobody evaluates it."""

    checks: tuple[Check, ...]
    carried: tuple[str, ...]


def promised(contract: Contract, catalog: Catalog) -> Promised:
    """Every promise of a contract about the tables of one version.

    A table or a column that is not there is one failed check; nothing else is asked of it. What is carried is one
    check as well, which is never green.
    """
    work = _Work(contract, catalog)
    checks = [] if contract.status.casefold() == "retired" else list(work.checks())
    carried = ["the contract is retired"] if contract.status.casefold() == "retired" else work.carried
    if carried:
        nowhere = DatasetRef(namespace="contract", name=contract.id)
        place = f"{contract.file}:1:1"
        checks.append(work.check(nowhere, "carried", "what is carried", place, arguments={"demands": list(carried)}))
    return Promised(checks=tuple(_told_apart(checks)), carried=tuple(carried))


def _told_apart(checks: Sequence[Check]) -> Iterator[Check]:
    """Two checks of one id would be one to the ledger: the later ones are numbered, in the order of the file."""
    seen: Counter[str] = Counter()
    for check in checks:
        seen[check.id] += 1
        number = seen[check.id]
        yield check if number == 1 else dataclasses.replace(check, id=f"{check.id} ({number})")


def locate(contract: Contract, name: str, catalog: Catalog) -> DatasetRef:
    """The dataset that a table's physical name means; one that is not there has the name under which it is missed.

    With a schema it is that one; else the schema of the contract's DuckDB server, and else the only schema that has a
    table of that name. Names are compared without regard to case.
    """
    *above, table = name.split(".")
    schema = above[-1] if above else contract.schema
    found = [ref for ref in catalog if ref.name.casefold() == table.casefold()]
    exact = [ref for ref in found if schema is not None and ref.namespace.casefold() == schema.casefold()]
    if exact or (found and not above and len(found) == 1):
        return (exact or found)[0]
    return DatasetRef(namespace=schema or "main", name=table)


def element(contract: Contract, text: str) -> tuple[ContractTable | None, ContractColumn | None]:
    """What `table.column`, a table, or with one table in the contract a column, means."""
    above, _, name = text.rpartition(".")
    table = contract.table(above) if above else None
    if table is not None:
        return table, table.column(name)
    if (whole := contract.table(text)) is not None:
        return whole, None
    if not above and len(contract.tables) == 1:
        return contract.tables[0], contract.tables[0].column(name)
    return None, None


def seconds(value: object, unit: str | None) -> float | None:
    """A length of time, such as `4` and `d`; days when no unit is given; None when it is none."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    found = UNITS.fullmatch((unit or "d").strip())
    return number * LENGTHS[str(found.lastgroup)] if found and number >= 0 and not isinstance(value, bool) else None


def filled(query: str, table: str, column: str | None) -> str:
    """A query with `{object}` and `{property}` (also `${table}` and `${column}`) replaced by SQL names.

    Raises:
        PlaceError: it names the column, and there is none.
    """

    def name(found: re.Match[str]) -> str:
        if found[1] in {"object", "table", "model"}:
            return table
        if column is None:
            raise PlaceError(f"`{found[0]}` stands at a table, not at a column")
        return column

    return PLACES.sub(name, query)


class _Work:
    """Walks over one contract; what cannot be evaluated is collected on the way."""

    def __init__(self, contract: Contract, catalog: Catalog) -> None:
        self._contract = contract
        self._catalog = catalog
        self._mild = contract.status.casefold() in DRAFTS
        self.carried: list[str] = []

    def checks(self) -> Iterator[Check]:
        for table in self._contract.tables:
            yield from self._table(table)
        for promise in self._contract.sla:
            yield from self._sla(promise)

    def check(
        self,
        ref: DatasetRef,
        kind: str,
        name: str,
        place: str,
        *,
        column: str | None = None,
        arguments: Mapping[str, object] | None = None,
        mild: bool = False,
    ) -> Check:
        mild = mild or self._mild
        return Check(
            id=f"{self._contract.id}/{ref}/{name}",
            name=name,
            dataset=ref,
            kind=kind,
            column=column,
            arguments=dict(arguments or {}),
            severity="warn" if mild else "error",
            blocking=not mild,
            source=SOURCE,
            declared_in=place.rpartition(":")[0],
        )

    def _carry(self, what: str, why: str) -> None:
        self.carried.append(f"{what} ({why})")

    def _table(self, table: ContractTable) -> Iterator[Check]:
        ref = locate(self._contract, table.physical_name, self._catalog)
        plain = [column for column in table.columns if not column.nested]
        yield self.check(
            ref,
            "columns",
            f"columns of {table.name}",
            table.place,
            arguments={"columns": [c.physical_name for c in plain]},
        )
        dataset = self._catalog.get(ref)
        if dataset is None:
            return
        for column in table.columns:
            actual = None if column.nested else dataset.column(column.physical_name)
            if actual is not None:
                yield from self._column(ref, table, column, actual)
            elif column.nested and _demanding(column):
                self._carry(f"what is promised of `{table.name}.{column.name}`", "a part of a struct or a map")
        yield from self._key(ref, table, dataset)
        for reference in chain(table.references, *(c.references for c in table.columns if not c.nested)):
            yield from self._reference(ref, table, reference, dataset)
        for quality in table.quality:
            yield from self._quality(ref, table, None, quality)

    def _column(self, ref: DatasetRef, table: ContractTable, said: ContractColumn, actual: Column) -> Iterator[Check]:
        name, place = actual.name, said.place
        in_key = said.primary_key is not None
        if said.physical_type or said.logical_type:
            types = {"physical": said.physical_type, "logical": said.logical_type}
            yield self.check(ref, "column_type", f"type of {name}", place, column=name, arguments=types)
        yield from self._types_of_items(ref, said, actual)
        if said.required or in_key:
            yield self.check(ref, "not_null", f"required {name}", place, column=name)
        if said.unique or (in_key and len(table.key) == 1):
            yield self.check(ref, "unique", f"unique {name}", place, column=name)
        if any(value is not None for value in said.enum):
            yield self._enum(ref, said, actual)
        for option, sql in conditions(said, quoted(name), actual):
            if sql is None:
                self._carry(f"`{option}` of `{table.name}.{said.name}`", "about how values are written or kept")
            else:
                arguments = {"expression": Vouched(sql)}
                yield self.check(ref, "rule", f"{option} of {name}", place, column=name, arguments=arguments)
        for quality in said.quality:
            yield from self._quality(ref, table, actual, quality)

    def _types_of_items(self, ref: DatasetRef, said: ContractColumn, actual: Column) -> Iterator[Check]:
        items, depth = said.items, 1
        while items is not None:
            if items.physical_type or items.logical_type:
                arguments = {"physical": items.physical_type, "logical": items.logical_type, "depth": depth}
                name = f"type of {actual.name}{' of the items' * depth}"
                yield self.check(ref, "column_type", name, items.place, column=actual.name, arguments=arguments)
            items, depth = items.items, depth + 1

    def _enum(self, ref: DatasetRef, said: ContractColumn, actual: Column) -> Check:
        """The values that the column's type can hold; where it can hold none of them, no value is right."""
        named = [told for value in said.enum if value is not None and (told := written(value, actual)) is not None]
        kind, arguments = "accepted_values", dict[str, object](values=list(dict.fromkeys(named)), quote=True)
        if not named:
            kind, arguments = "rule", {"expression": Vouched(f"{quoted(actual.name)} IS NULL")}
        return self.check(ref, kind, f"enum of {actual.name}", said.place, column=actual.name, arguments=arguments)

    def _key(self, ref: DatasetRef, table: ContractTable, dataset: Dataset) -> Iterator[Check]:
        """A key of several columns; one of a single column is a unique column."""
        names = [actual.name for column in table.key if (actual := dataset.column(column.physical_name))]
        if len(table.key) < 2 or len(names) < len(table.key):
            return
        arguments = {"columns": names, "operator": "mustBe", "bound": 0}
        yield self.check(ref, "duplicate_values", "primary key", table.key[0].place, arguments=arguments)

    def _reference(
        self, ref: DatasetRef, table: ContractTable, said: ContractReference, dataset: Dataset
    ) -> Iterator[Check]:
        shown = f"the reference of `{table.name}` to `{', '.join(said.to)}`"
        if said.table is None:
            self._carry(shown, "a promise of another contract")
            return
        other = self._contract.table(said.table)
        target = locate(self._contract, other.physical_name if other else said.table, self._catalog)
        there = self._catalog.get(target)
        names = [c.physical_name if (c := table.column(name)) else name for name in said.columns]
        fields = [c.physical_name if other and (c := other.column(name)) else name for name in said.fields]
        if there is None or not all(map(there.column, fields)) or not all(map(dataset.column, names)):
            self._carry(shown, "a column of it is not in the warehouse")
            return
        to = [target.namespace, target.name]
        if len(names) == 1:
            yield self.check(
                ref,
                "relationships",
                f"{names[0]} refers to {said.to[0]}",
                said.place,
                column=names[0],
                arguments={"to": to, "field": fields[0]},
            )
        else:
            name = f"{', '.join(names)} refer to {said.table}"
            own, others = (", ".join(f"`{part}`" for part in parts) for parts in (names, fields))
            shown = f"{own}, which {target} lacks in {others}"
            arguments = {"columns": names, "to": to, "fields": fields, "shown": shown}
            yield self.check(ref, "references", name, said.place, arguments=arguments)

    def _quality(
        self, ref: DatasetRef, table: ContractTable, actual: Column | None, said: ContractQuality
    ) -> Iterator[Check]:
        column = actual.name if actual is not None else None
        at = f"`{table.name}.{column}`" if column else f"`{table.name}`"
        mild = (said.severity or "").casefold() in MILD
        if said.checks:
            for own in said.checks:
                yield self._own(ref, own, said, mild=mild)
        elif said.type == "library" and (kind := METRICS.get(said.metric or "")) is not None:
            arguments = _arguments(table, actual, said)
            name = said.name if said.name != said.metric or column is None else f"{said.metric} {column}"
            yield self.check(ref, kind, name, said.place, column=column, arguments=arguments, mild=mild)
        elif said.type == "sql" and said.query is not None:
            sql = self._sql(filled(said.query, relation(ref), quoted(column) if column else None))
            arguments = {"sql": sql, "operator": said.operator, "bound": said.bound}
            name = said.name if said.name != said.type else f"query of {column or table.name}"
            yield self.check(ref, "query_value", name, said.place, arguments=arguments, mild=mild)
        else:
            why = f"only `{said.engine}` can evaluate it" if said.type == "custom" else "a text for people"
            self._carry(f"`{said.name}` of {at}", why)

    def _own(self, ref: DatasetRef, own: Check, said: ContractQuality, *, mild: bool) -> Check:
        """A check in tidegate.yml's words, about the table that it stands at unless it names another one."""
        mild = mild or self._mild
        dataset = ref if own.dataset == UNPLACED else own.dataset
        name = own.name if said.name in (said.type, said.engine) else said.name
        return dataclasses.replace(
            own,
            id=f"{self._contract.id}/{dataset}/{name}",
            name=name,
            dataset=dataset,
            severity="warn" if mild else own.severity,
            blocking=own.blocking and not mild,
            quarantine=own.quarantine and not mild,
            source=SOURCE,
            declared_in=said.place.rpartition(":")[0],
        )

    def _sql(self, text: str) -> str:
        """A query whose tables without a schema are the contract's own, where the warehouse has no such view of main."""
        from sqlglot import expressions as x
        from sqlglot import parse_one

        names: dict[str, DatasetRef] = {}
        for table in self._contract.tables:
            ref = locate(self._contract, table.physical_name, self._catalog)
            names |= {table.name.casefold(): ref, table.physical_name.casefold(): ref}
        tree = parse_one(text.strip().rstrip(";"), read="duckdb")
        hidden = {cte.alias.casefold() for cte in tree.find_all(x.CTE)}
        moved = False
        for node in tree.find_all(x.Table):
            ref_of = names.get(node.name.casefold())
            if not node.db and ref_of is not None and node.name.casefold() not in hidden:
                node.set("db", x.to_identifier(ref_of.namespace, quoted=True))
                node.set("this", x.to_identifier(ref_of.name, quoted=True))
                moved = True
        return tree.sql("duckdb", comments=False) if moved else text

    def _sla(self, promise: SlaProperty) -> Iterator[Check]:
        shown = f"`{promise.property}` {yaml_text(promise.value)}{f' {promise.unit}' if promise.unit else ''}"
        longest = seconds(promise.value, promise.unit) if promise.property in AGES else None
        if longest is None:
            self._carry(shown, "a service level that one version cannot tell")
            return
        if not promise.elements:
            self._carry(shown, "it names no time column: add `element: table.column`")
        for text in promise.elements:
            table, column = element(self._contract, text)
            ref = locate(self._contract, table.physical_name, self._catalog) if table is not None else None
            dataset = self._catalog.get(ref) if ref is not None else None
            name = column.physical_name if column else text.rpartition(".")[2]
            actual = dataset.column(name) if dataset is not None else None
            if ref is None or actual is None or actual.family is not Family.TIME or kind_of(actual) is Kind.OTHER:
                self._carry(f"{shown} of `{text}`", "it is no time column in the warehouse")
                continue
            day = DAY_S if kind_of(actual) is Kind.DATE else 0  # a date stands for its whole day
            yield self.check(
                ref,
                "freshness",
                f"{promise.property} of {actual.name}",
                promise.place,
                column=actual.name,
                arguments={"max_age_s": longest + day},
            )


UNPLACED: Final = DatasetRef(namespace="contract", name="table")
"""The dataset of a check that `engine: tidegate` writes without naming a table."""


def _demanding(column: ContractColumn) -> bool:
    return bool(
        column.required
        or column.unique
        or column.enum
        or column.quality
        or column.options
        or column.references
        or column.items
    )


def _arguments(table: ContractTable, column: Column | None, said: ContractQuality) -> dict[str, object]:
    """What a library metric is measured with, in the words of the catalogue."""
    found: dict[str, object] = {"operator": said.operator, "bound": said.bound, "unit": said.unit}
    given = said.arguments
    if said.metric == "duplicateValues":
        names = given.get("properties") if column is None else [column.name]
        listed = names if isinstance(names, list) else []
        found["columns"] = [c.physical_name if (c := table.column(str(name))) else str(name) for name in listed]
    if said.metric == "missingValues":
        found["values"] = given.get("missingValues")
    if said.metric == "invalidValues":
        found["values"] = given.get("validValues")
        found["pattern"] = given.get("pattern")
    if column is not None and found.get("values") is not None:
        found["type"] = column.type
    return found
