"""Open Data Contract Standard: read a contract, say what is wrong with it and where, and write one.

The shape is judged by the standard's own JSON Schema (`odcs_schema.json`), its meaning by `odcs_lint`. Read are versions
2.2 to 3.2. Source: https://bitol-io.github.io/open-data-contract-standard/v3.2.0/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from tidegate.errors import ConfigError, ConfigSyntaxError
from tidegate.integrations import odcs_lint
from tidegate.integrations.json_schema import Fault, faults
from tidegate.integrations.odcs_shapes import original, upgraded
from tidegate.integrations.yaml_files import Marked, read_marked
from tidegate.model import (
    Check,
    Contract,
    ContractColumn,
    ContractQuality,
    ContractReference,
    ContractTable,
    Remark,
    SlaProperty,
)

Raw = Mapping[str, Any]
Loc = tuple[str | int, ...]
OwnChecks = Callable[[Mapping[str, object], str], tuple[Check, ...]]
"""What `engine: tidegate` says, as checks: a mapping and the place that an error names. Raises ConfigError."""

API_VERSION = "v3.2.0"
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
BUILT_IN = frozenset({"object", "property", "table", "column"})
"""What a query may call the table and the column that it stands at."""

SYNONYMS: Mapping[str, str] = {
    "av": "availability",
    "th": "throughput",
    "er": "errorRate",
    "ga": "generalAvailability",
    "es": "endOfSupport",
    "el": "endOfLife",
    "re": "retention",
    "fy": "frequency",
    "ly": "latency",
    "td": "timeToDetect",
    "tn": "timeToNotify",
    "tr": "timeToRepair",
}
LONG_NAMES = {name.casefold(): name for name in (*SYNONYMS.values(), "freshness", "timeOfAvailability")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file says, and what is to be said of it; `contract` is None when its shape is not the standard's."""

    contract: Contract | None
    remarks: tuple[Remark, ...]

    @property
    def errors(self) -> tuple[Remark, ...]:
        """The remarks that must be repaired."""
        return tuple(remark for remark in self.remarks if remark.level == "error")


def read(text: str, *, file: str, variables: Mapping[str, str], own: OwnChecks) -> Reading:
    """Read one contract.

    Args:
        file: how remarks and checks call the file.
        variables: what `${NAME}` stands for.

    Raises:
        ConfigSyntaxError: it is not YAML, or no mapping.
    """
    marked = read_marked(text, name=file)
    if not isinstance(marked.content, Mapping):
        raise ConfigSyntaxError(f"`{file}`:1:1: a mapping is expected", hint="start with `apiVersion: v3.2.0`")
    document, notes = upgraded(marked.content)
    say = partial(_remark, file, marked)
    remarks = [say("warning", *note) for note in notes]
    document, unset = _resolved(document, variables, ())
    needed = [(loc, name) for loc, name in unset if loc[0] in {"schema", "slaProperties"}]
    hint = "set it in the environment, or write `${NAME:-default}`"
    remarks += [say("error", loc, f"the variable `{name}` is not set", hint) for loc, name in needed]
    wrong = faults(document, shape())
    remarks += [say("error", fault.loc, fault.message, fault.hint) for fault in wrong]
    contract = None
    if not wrong:
        contract, foreign = _Reader(file, marked, own).contract(document)
        remarks += foreign
    if contract is not None and not needed:
        remarks += [_placed(*found) for found in odcs_lint.remarks(contract)]
    return Reading(contract=contract, remarks=tuple(sorted(remarks, key=lambda r: (r.line, r.column))))


@cache
def shape() -> Mapping[str, Any]:
    """The standard's JSON Schema."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("odcs_schema.json").read_text(encoding="utf-8"))
    return found


def problems(document: Mapping[str, object]) -> tuple[Fault, ...]:
    """What the standard's JSON Schema refuses in a document of plain values."""
    return faults(document, shape())


def _remark(file: str, marked: Marked, level: str, loc: Loc, message: str, hint: str | None) -> Remark:
    content = marked.content if isinstance(marked.content, Mapping) else {}
    line, column = marked.place(original(loc, content))
    return Remark(file=file, line=line, column=column, level=level, message=message, hint=hint)


def _placed(level: str, place: str, message: str, hint: str | None) -> Remark:
    file, line, column = place.rsplit(":", 2)
    return Remark(file=file, line=int(line), column=int(column), level=level, message=message, hint=hint)


def _resolved(value: Any, variables: Mapping[str, str], loc: Loc) -> tuple[Any, list[tuple[Loc, str]]]:
    """The same with every variable replaced, and where one has no value and no default; that one stays as it is."""
    unset: list[tuple[Loc, str]] = []

    def replace(found: re.Match[str]) -> str:
        said = variables.get(found[1]) or found[2]
        if said is None and found[1] not in BUILT_IN:
            unset.append((loc, found[1]))
        return found[0] if said is None else said

    if isinstance(value, str):
        return VARIABLE.sub(replace, value), unset
    if not isinstance(value, Mapping | list):
        return value, unset
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    inner = {key: _resolved(said, variables, (*loc, key)) for key, said in pairs}
    unset = [missing for _, found in inner.values() for missing in found]
    plain = {key: said for key, (said, _) in inner.items()}
    return (plain if isinstance(value, Mapping) else list(plain.values())), unset


class _Reader:
    """Turns a document whose shape is right into a contract."""

    def __init__(self, file: str, marked: Marked, own: OwnChecks) -> None:
        self._file = file
        self._marked = marked
        self._own = own
        self._remarks: list[Remark] = []
        self._ids: dict[tuple[str, ...], tuple[str | None, str]] = {}

    def contract(self, said: Raw) -> tuple[Contract, list[Remark]]:
        tables = said.get("schema", ())
        self._ids = dict(_identifiers(tables))
        description = said.get("description")
        contract = Contract(
            id=str(said["id"]),
            version=str(said["version"]),
            api_version=str(said["apiVersion"]),
            status=str(said.get("status", "")),
            file=self._file,
            name=said.get("name"),
            schema=_server_schema(said.get("servers", ())),
            description=description.get("purpose") if isinstance(description, Mapping) else None,
            tables=tuple(self._table(table, ("schema", place)) for place, table in enumerate(tables)),
            sla=tuple(
                self._sla(one, ("slaProperties", place), said.get("slaDefaultElement"))
                for place, one in enumerate(said.get("slaProperties", ()))
            ),
        )
        return contract, self._remarks

    def _place(self, loc: Loc) -> str:
        content = self._marked.content if isinstance(self._marked.content, Mapping) else {}
        line, column = self._marked.place(original(loc, content))
        return f"{self._file}:{line}:{column}"

    def _table(self, said: Raw, loc: Loc) -> ContractTable:
        name = str(said["name"])
        return ContractTable(
            name=name,
            physical_name=str(said.get("physicalName") or name),
            place=self._place(loc),
            columns=tuple(self._columns(said.get("properties", ()), (*loc, "properties"), "", "")),
            id=said.get("id"),
            physical_type=said.get("physicalType"),
            description=said.get("description"),
            references=tuple(
                self._reference(one, (*loc, "relationships", place), None)
                for place, one in enumerate(said.get("relationships", ()))
            ),
            quality=self._qualities(said, loc),
        )

    def _columns(self, said: Sequence[Raw], loc: Loc, above: str, physically: str) -> Iterator[ContractColumn]:
        """The columns, each followed by its parts."""
        for place, column in enumerate(said):
            inner = (*loc, place)
            name = f"{above}{column['name']}"
            physical = f"{physically}{column.get('physicalName') or column['name']}"
            yield self._column(column, inner, name, physical, nested=bool(above))
            yield from self._columns(column.get("properties", ()), (*inner, "properties"), f"{name}.", f"{physical}.")
            yield from self._parts(column, inner, name, physical)

    def _parts(self, said: Raw, loc: Loc, name: str, physical: str) -> Iterator[ContractColumn]:
        """What is said of the keys and values of a map, and of the fields of structs in a list."""
        for part, one in said.get("map", {}).items():
            at, inner = (*loc, "map", part), f"{name}.{part}"
            yield self._column(one, at, inner, f"{physical}.{part}", nested=True)
            yield from self._columns(one.get("properties", ()), (*at, "properties"), f"{inner}.", f"{physical}.{part}.")
            yield from self._parts(one, at, inner, f"{physical}.{part}")
        items, at = said.get("items", {}), (*loc, "items")
        if items:
            above, below = f"{name}[].", f"{physical}[]."
            yield from self._columns(items.get("properties", ()), (*at, "properties"), above, below)
            yield from self._parts(items, at, f"{name}[]", f"{physical}[]")

    def _column(self, said: Raw, loc: Loc, name: str, physical: str, *, nested: bool) -> ContractColumn:
        position = int(said.get("primaryKeyPosition", -1))
        return ContractColumn(
            name=name,
            physical_name=physical,
            place=self._place(loc),
            id=said.get("id"),
            logical_type=said.get("logicalType"),
            physical_type=said.get("physicalType"),
            required=bool(said.get("required", False)),
            unique=bool(said.get("unique", False)),
            primary_key=max(position, 0) if said.get("primaryKey") else None,
            enum=tuple(option["value"] for option in said.get("enum", ())),
            options=dict(said.get("logicalTypeOptions", {})),
            description=said.get("description"),
            references=tuple(
                self._reference(one, (*loc, "relationships", place), name)
                for place, one in enumerate(said.get("relationships", ()))
            ),
            quality=self._qualities(said, loc),
            nested=nested,
            items=self._items(said["items"], (*loc, "items"), name, physical) if "items" in said else None,
        )

    def _items(self, said: Raw, loc: Loc, name: str, physical: str) -> ContractColumn:
        return self._column(said, loc, f"{name}[]", f"{physical}[]", nested=True)

    def _reference(self, said: Raw, loc: Loc, column: str | None) -> ContractReference:
        to = _listed(said["to"])
        targets = [self._target(text) for text in to]
        sources = [self._target(text) for text in _listed(said.get("from", ()))]
        tables = {target[0] for target in targets}
        return ContractReference(
            columns=(column,) if column is not None else tuple(source[1] for source in sources),
            to=to,
            table=tables.pop() if len(tables) == 1 else None,
            fields=tuple(target[1] for target in targets),
            place=self._place(loc),
        )

    def _target(self, text: str) -> tuple[str | None, str]:
        """What a reference means: a table of this contract (None for one elsewhere) and a column."""
        if "#" in text:
            return None, text
        if "/" in text:
            return self._ids.get(tuple(text.strip("/").split("/")), (None, text))
        table, _, column = text.partition(".")
        return table, column

    def _qualities(self, said: Raw, loc: Loc) -> tuple[ContractQuality, ...]:
        return tuple(self._quality(one, (*loc, "quality", place)) for place, one in enumerate(said.get("quality", ())))

    def _quality(self, said: Raw, loc: Loc) -> ContractQuality:
        kind = str(said.get("type", "library" if "metric" in said else "text"))
        engine = said.get("engine")
        operator = next((key for key in said if key.startswith("must")), None)
        called = said.get("name") or said.get("id") or said.get("description") or said.get("metric") or engine or kind
        return ContractQuality(
            type=kind,
            name=" ".join(str(called).split()),
            place=self._place(loc),
            metric=said.get("metric"),
            arguments=dict(said.get("arguments", {})),
            unit=str(said.get("unit", "rows")),
            operator=operator,
            bound=said[operator] if operator else None,
            query=said.get("query"),
            engine=engine,
            checks=self._own_checks(said["implementation"], loc) if str(engine).casefold() == "tidegate" else (),
            severity=said.get("severity"),
        )

    def _own_checks(self, said: object, loc: Loc) -> tuple[Check, ...]:
        place = self._place((*loc, "implementation"))
        try:
            plain = read_marked(said, name=place).content if isinstance(said, str) else said
            if not isinstance(plain, Mapping):
                raise ConfigError(
                    f"{place}: a mapping is expected", hint='write a check of tidegate.yml, such as `rule: "a >= 0"`'
                )
            return self._own(plain, place)
        except ConfigError as error:
            message = str(error).removeprefix(f"{place}: ").removeprefix(f"`{place}`")
            self._remarks.append(_placed("error", place, message, error.hint))
            return ()

    def _sla(self, said: Raw, loc: Loc, default: str | None) -> SlaProperty:
        name = str(said["property"])
        long = SYNONYMS.get(name.casefold()) or LONG_NAMES.get(name.casefold(), name)
        elements = str(said.get("element") or default or "").split(",")
        return SlaProperty(
            property=long,
            value=said["value"],
            place=self._place(loc),
            unit=said.get("unit"),
            elements=tuple(element.strip() for element in elements if element.strip()),
        )


def _listed(said: object) -> tuple[str, ...]:
    return tuple(map(str, said)) if isinstance(said, list | tuple) else (str(said),)


def _server_schema(servers: Sequence[Raw]) -> str | None:
    """The schema that the first DuckDB server names; another engine's says nothing about this warehouse."""
    return next((s["schema"] for s in servers if s.get("type") == "duckdb" and "schema" in s), None)


def _identifiers(tables: Sequence[Raw]) -> Iterator[tuple[tuple[str, ...], tuple[str, str]]]:
    """By the path of ids, which a fully qualified reference is written with: the table and the column."""
    for table in tables:
        path = ("schema", str(table.get("id", table["name"])))
        yield from _inner(table, path, str(table["name"]), "")


def _inner(
    said: Raw, path: tuple[str, ...], table: str, above: str
) -> Iterator[tuple[tuple[str, ...], tuple[str, str]]]:
    for column in said.get("properties", ()):
        inner = (*path, "properties", str(column.get("id", column["name"])))
        name = f"{above}{column['name']}"
        yield inner, (table, name)
        yield from _inner(column, inner, table, f"{name}.")
