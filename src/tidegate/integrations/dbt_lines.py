"""Find the line at which a dbt test is declared: its manifest names only the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tidegate.errors import ConfigSyntaxError
from tidegate.integrations.yaml_files import Marked, read_marked
from tidegate.model import Check

Raw = Mapping[str, object]
Loc = tuple[str | int, ...]

SECTIONS = ("models", "seeds", "snapshots", "analyses")
"""Where a YAML file describes nodes; sources, which are in groups, are apart."""

LISTS = ("data_tests", "tests")
"""Where a YAML file keeps tests, by today's name and by the old one."""


def located(check: Check, *, manifest: Raw, project: Path) -> Check:
    """The check with `declared_in` as `path:line`; the path alone where the file does not say the line.

    A file is read once as long as it is not written; 10,000 lines take about a second.
    """
    raw = _map(_map(manifest.get("nodes")).get(check.id))
    if not raw or check.declared_in is None or ":" in check.declared_in:
        return check
    line = 1
    if check.declared_in.endswith((".yml", ".yaml")):
        marked = read(project / check.declared_in)
        found = _find(marked, raw, manifest) if marked is not None else None
        if marked is None or found is None:
            return check
        line = marked.place(found)[0]
    return dataclasses.replace(check, declared_in=f"{check.declared_in}:{line}")


def read(path: Path) -> Marked | None:
    """A YAML file with its lines; None when it is gone, or when only dbt can read it."""
    try:
        stamp = path.stat()
        return _read(path, stamp.st_mtime_ns, stamp.st_size)
    except OSError:
        return None


@lru_cache(maxsize=1_000)
def _read(path: Path, written_ns: int, size_bytes: int) -> Marked | None:  # noqa: ARG001  they are the cache's key
    try:
        return read_marked(path.read_text(encoding="utf-8"), name=str(path))
    except (ConfigSyntaxError, UnicodeDecodeError):
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """A test as the file has it, with the column and the version that it stands under."""

    loc: Loc
    content: object
    column: str | None
    version: str | None


def _find(marked: Marked, raw: Raw, manifest: Raw) -> Loc | None:
    """Where a test stands: of those with its name the one that fits best; else what it is about."""
    owner = _owner(raw, manifest)
    places = list(_owners(marked.content, owner))
    entries = [e for loc, content in places for e in _tests(loc, content, None, None)]
    fitting = [(score, e.loc) for e in entries if (score := _fit(e, raw, owner)) > 0]
    if fitting:
        return max(fitting, key=lambda pair: pair[0])[1]
    return places[0][0] if places else None


def _owner(raw: Raw, manifest: Raw) -> Raw:
    """What the test is about: the node that it is attached to, or the first that it depends on."""
    nodes = _map(raw.get("depends_on")).get("nodes")
    parents = [str(p) for p in nodes] if isinstance(nodes, list) else []
    for part in ("nodes", "sources"):
        known = _map(manifest.get(part))
        for unique_id in (str(raw.get("attached_node")), *reversed(parents)):
            if unique_id in known:
                return _map(known[unique_id])
    return {}


def _owners(content: object, owner: Raw) -> Iterator[tuple[Loc, Raw]]:
    """The entries of the file that are about a node."""
    source = owner.get("source_name")
    for section in SECTIONS if source is None else ():
        for number, entry in enumerate(_list(_map(content).get(section))):
            if entry.get("name") == owner.get("name"):
                yield (section, number), entry
    for number, entry in enumerate(_list(_map(content).get("sources"))):
        if source is not None and entry.get("name") == source:
            for inner, table in enumerate(_list(entry.get("tables"))):
                if table.get("name") == owner.get("name"):
                    yield ("sources", number, "tables", inner), table


def _tests(loc: Loc, part: Raw, column: str | None, version: str | None) -> Iterator[Entry]:
    """The tests in an entry: its own, those of its columns, and those of its versions."""
    for name in LISTS:
        tests = part.get(name)
        for number, test in enumerate(tests if isinstance(tests, list) else []):
            yield Entry((*loc, name, number), test, column, version)
    for number, inner in enumerate(_list(part.get("columns"))):
        yield from _tests((*loc, "columns", number), inner, str(inner.get("name")), version)
    for number, inner in enumerate(_list(part.get("versions"))):
        yield from _tests((*loc, "versions", number), inner, column, str(inner.get("v")))


def _fit(entry: Entry, raw: Raw, owner: Raw) -> int:
    """How well a test of the file fits the manifest's: 0 when it is another test."""
    metadata = _map(raw.get("test_metadata"))
    said = _arguments(entry.content, str(metadata.get("name")))
    if said is None:
        return 0
    wanted = {k: v for k, v in _map(metadata.get("kwargs")).items() if k != "model"}
    column = wanted.pop("column_name", None) or raw.get("column_name")
    nested = {**said, **_map(said.get("arguments"))}
    same = sum(str(nested.get(k)) == str(v) for k, v in wanted.items())
    fits_name = said.get("name") == raw.get("name")
    fits_column = (
        str(entry.column or nested.get("column_name")).strip('"').casefold() == str(column).strip('"').casefold()
    )
    fits_version = entry.version == str(owner.get("version"))
    return 1 + 2 * same + 50 * fits_version + 100 * fits_column + 1_000 * fits_name


def _arguments(test: object, name: str) -> Raw | None:
    """The arguments of a test that is written as `name`, `name: {...}` or `test_name: name`; None when it is another."""
    if isinstance(test, str):
        return {} if test.rpartition(".")[2] == name else None
    written = _map(test)
    if str(written.get("test_name", "")).rpartition(".")[2] == name:
        return written
    key = next((k for k in written if k.rpartition(".")[2] == name), None)
    return None if key is None else {**written, **_map(written[key])}


def _list(value: object) -> list[Raw]:
    """The mappings of a list, and empty ones for what is none, so that places stay right."""
    return [_map(item) for item in value] if isinstance(value, list) else []


def _map(value: object) -> Raw:
    return value if isinstance(value, Mapping) else {}
