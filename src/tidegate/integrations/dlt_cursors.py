"""Set dlt's incremental cursors back, in the pipelines directory of a candidate, so that its next load begins earlier."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from tidegate.model import DatasetRef

Json: TypeAlias = dict[str, object]

DATETIME, DATE = "\uf027", "\uf028"
"""How dlt marks a time and a day among the texts of its state (dlt 1.31, `dlt/common/json`)."""


def set_back(
    folder: Path, start: datetime, *, pipelines: Collection[str] = (), tables: Collection[DatasetRef] = ()
) -> list[str]:
    """Set every cursor that is a time, and that is later, back to `start`; of these pipelines and tables where some are named.

    The load after it brings everything from there up to now. Tables that are appended to are left alone, because their rows
    would come twice. dlt believes the state in its directory as long as its version is not older than the destination's,
    which a copy of the published version's is not.

    Returns:
        What was done and what was not, one sentence each; nothing for what no table was asked for of.
    """
    said: list[str] = []
    for file in sorted(folder.glob("*/state.json")):
        if pipelines and file.parent.name not in pipelines:
            continue
        state = json.loads(file.read_bytes())
        known = _tables(file.parent, str(state.get("dataset_name") or ""))
        told = list(_resources(state, known, start, tables))
        if any(is_set for is_set, _ in told):
            _write(file, state)
        said += [sentence for _, sentence in told]
    return said or ["no dlt cursor is a time that could be set back: the load goes on where it was"]


def _resources(
    state: Json, known: Mapping[str, _Table], start: datetime, tables: Collection[DatasetRef]
) -> Iterator[tuple[bool, str]]:
    """Change the state; for each cursor whether it was set, and a sentence."""
    for source in _objects(state.get("sources")).values():
        for name, resource in _objects(source.get("resources")).items():
            table = known.get(name)
            if tables and (table is None or not {*table.refs} & {*tables}):
                continue
            for path, cursor in _objects(resource.get("incremental")).items():
                what = f"dlt's cursor `{path}` of `{name}`"
                if table is None or table.appended:
                    why = "its rows are appended, and would come twice" if table else "its table is not known"
                    yield False, f"{what} is left as it is: {why}"
                    continue
                value = cursor.get("last_value")
                earlier = moved(value, start)
                if earlier is None:
                    yield (
                        False,
                        f"{what} is left as it is: {_plain(value)} is no time after {start:%Y-%m-%d %H:%M}",
                    )
                    continue
                cursor |= {"last_value": earlier, "unique_hashes": []}
                yield True, f"{what} is set back from {_plain(value)} to {_plain(earlier)}, in the candidate only"


def moved(value: object, start: datetime) -> str | None:
    """The start written as the cursor's value is; None when that is no time, or not later."""
    if not isinstance(value, str) or not value:
        return None
    mark = value[0] if value[0] in {DATETIME, DATE} else ""
    text = value.removeprefix(mark)
    try:
        present = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = present.replace(tzinfo=UTC) if present.tzinfo is None else present
    if aware <= start:
        return None
    if len(text) == len("2026-01-31"):
        return f"{mark}{start:%Y-%m-%d}"
    moment = start if present.tzinfo is None else start.astimezone(present.tzinfo)
    written = moment.replace(tzinfo=None).isoformat(sep=text[10], timespec="microseconds" if "." in text else "seconds")
    zone = "" if present.tzinfo is None else text[-1:] if text[-1:] in "Zz" else text[-6:]
    return f"{mark}{written}{zone}"


class _Table:
    """What the schemas tell of a resource: its tables, and whether they are appended to."""

    __slots__ = ("appended", "refs")

    def __init__(self) -> None:
        self.refs: list[DatasetRef] = []
        self.appended = False


def _tables(folder: Path, dataset: str) -> Mapping[str, _Table]:
    """By resource."""
    found: dict[str, _Table] = {}
    for file in sorted(folder.glob("schemas/*.schema.json")):
        for name, table in _objects(json.loads(file.read_bytes()).get("tables")).items():
            if isinstance(resource := table.get("resource"), str) and not name.startswith("_dlt_"):
                one = found.setdefault(resource, _Table())
                one.refs.append(DatasetRef(namespace=dataset, name=name))
                one.appended |= table.get("write_disposition", "append") == "append"
    return found


def _objects(value: object) -> dict[str, Json]:
    return {k: v for k, v in value.items() if isinstance(v, dict)} if isinstance(value, dict) else {}


def _plain(value: object) -> str:
    return str(value).lstrip(DATETIME + DATE)


def _write(file: Path, state: Json) -> None:
    """Whole or not at all."""
    beside = file.with_name("state.json.new")
    beside.write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
    beside.replace(file)
