"""References: which columns of a table hold the keys of another, as tests, contracts, dlt and names say."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate import lineage
from tidegate.checks.sample import KEY
from tidegate.model import Check, Dataset, DatasetRef

DLT_PARENTS = (("_dlt_parent_id", "_dlt_id"), ("_dlt_root_id", "_dlt_id"))
"""dlt's own keys of a nested table `orders__items`; the first table above it that has the other column is meant."""

NESTED = "__"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reference:
    """Each row of `child` whose `columns` are all filled names a row of `parent` by `fields`.

    `said_by` is a test, a contract, dlt, or `names`: then nobody demands it, and rows without a partner are fine
    (`strict` is False).
    """

    child: DatasetRef
    columns: tuple[str, ...]
    parent: DatasetRef
    fields: tuple[str, ...]
    strict: bool
    said_by: str

    def __str__(self) -> str:
        return f"{self.child} ({', '.join(self.columns)}) → {self.parent} ({', '.join(self.fields)})"


def references(
    checks: Sequence[Check], tables: Mapping[DatasetRef, Dataset], graph: lineage.Graph
) -> tuple[Reference, ...]:
    """Every reference between `tables`, each once; what is demanded of models holds for the tables that they are made from."""
    found: dict[tuple[object, ...], Reference] = {}
    for reference in (*_demanded(checks, tables, graph), *_nested(tables), *_named(checks, tables)):
        key = (reference.child, reference.columns, reference.parent)
        taken = {(r.child, r.columns) for r in found.values() if r.strict}
        if reference.strict or (reference.child, reference.columns) not in taken:
            found.setdefault(key, reference)
    return tuple(sorted(found.values()))


def _demanded(
    checks: Sequence[Check], tables: Mapping[DatasetRef, Dataset], graph: lineage.Graph
) -> Iterator[Reference]:
    for check in checks:
        to, ends = _target(check), tuple(_pairs(check))
        if to is None or not ends or check.where:
            continue
        children = [lineage.origin(graph, tables, (check.dataset, column)) for column, _ in ends]
        parents = [lineage.origin(graph, tables, (to, field)) for _, field in ends]
        child, parent = _one(children, tables), _one(parents, tables)
        if child is not None and parent is not None and child != parent:
            said = check.source if check.source != "tidegate.yml" else "a check"
            yield Reference(
                child=child[0], columns=child[1], parent=parent[0], fields=parent[1], strict=True, said_by=said
            )


def _target(check: Check) -> DatasetRef | None:
    to = check.arguments.get("to")
    if isinstance(to, list | tuple) and len(to) == 2:
        return DatasetRef(namespace=str(to[0]), name=str(to[1]))
    return None


def _pairs(check: Check) -> Iterator[tuple[str, str]]:
    """The columns of a check with the fields that they name."""
    if check.kind == "relationships" and check.column:
        yield check.column.strip('"'), str(check.arguments.get("field")).strip('"')
    elif check.kind == "references":
        columns, fields = check.arguments.get("columns"), check.arguments.get("fields")
        if isinstance(columns, list) and isinstance(fields, list):
            yield from zip(map(str, columns), map(str, fields), strict=True)


def _one(
    places: Sequence[tuple[DatasetRef, str] | None], tables: Mapping[DatasetRef, Dataset]
) -> tuple[DatasetRef, tuple[str, ...]] | None:
    """The one table that all places are in, with their columns as the warehouse has them."""
    found = [p for p in places if p is not None]
    if len(found) < len(places) or len({ref for ref, _ in found}) != 1:
        return None
    dataset = tables[found[0][0]]
    columns = [c.name for _, name in found if (c := dataset.column(name)) is not None]
    return (dataset.ref, tuple(columns)) if len(columns) == len(places) else None


def _nested(tables: Mapping[DatasetRef, Dataset]) -> Iterator[Reference]:
    for ref, dataset in tables.items():
        for place, (own, other) in enumerate(DLT_PARENTS):
            if dataset.column(own) is None:
                continue
            for parent in _above(ref) if place == 0 else reversed(list(_above(ref))):
                if parent in tables and tables[parent].column(other) is not None:
                    yield Reference(
                        child=ref, columns=(own,), parent=parent, fields=(other,), strict=True, said_by="dlt"
                    )
                    break


def _above(ref: DatasetRef) -> Iterator[DatasetRef]:
    """The tables that a nested one may belong to, the nearest first."""
    name = ref.name
    while NESTED in name:
        name = name.rpartition(NESTED)[0]
        yield DatasetRef(namespace=ref.namespace, name=name)


def _named(checks: Sequence[Check], tables: Mapping[DatasetRef, Dataset]) -> Iterator[Reference]:
    """Columns that have the name and the type of another table's one key, which a `unique` test declares."""
    keys = unique_columns(checks, tables)
    for ref, dataset in tables.items():
        for column in dataset.columns:
            if not KEY.search(column.name) or column.name in keys.get(ref, ()) or column.name.casefold() == "id":
                continue
            homes = [
                (other, theirs.name)
                for other, names in keys.items()
                if other != ref
                and (theirs := tables[other].column(column.name)) is not None
                and theirs.name in names
                and theirs.type == column.type
            ]
            homes = homes if len(homes) < 2 else [h for h in homes if _is_about(column.name, h[0])]
            if len(homes) == 1:
                (home,) = homes
                yield Reference(
                    child=ref, columns=(column.name,), parent=home[0], fields=(home[1],), strict=False, said_by="names"
                )


def unique_columns(
    checks: Collection[Check], tables: Mapping[DatasetRef, Dataset]
) -> Mapping[DatasetRef, tuple[str, ...]]:
    """The columns of which a test or a contract says that no value repeats, as the warehouse calls them."""
    found: dict[DatasetRef, tuple[str, ...]] = {}
    for check in checks:
        if check.kind == "unique" and check.column and not check.where and check.dataset in tables:
            column = tables[check.dataset].column(check.column.strip('"'))
            if column is not None:
                found[check.dataset] = tuple(dict.fromkeys((*found.get(check.dataset, ()), column.name)))
    return found


def _is_about(column: str, ref: DatasetRef) -> bool:
    """Whether a table is called like what a key is of: `customer_id` and `customers`."""
    stem = re.sub(r"_?(id|key|uuid|no|number|ref)$", "", column.casefold())
    return bool(stem) and ref.name.casefold().startswith(stem) and len(ref.name) <= len(stem) + 3
