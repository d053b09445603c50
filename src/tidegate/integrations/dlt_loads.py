"""Read a dlt pipelines directory without dlt: the load packages and the tables that they wrote."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate.model import DatasetRef, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load package; `state` is loaded, aborted or pending, `failed` the jobs that did not get in, with why."""

    pipeline: str
    id: str
    state: str
    failed: tuple[str, ...]


def loads(folder: Path) -> tuple[Load, ...]:
    """Every package that a pipelines directory knows, oldest first."""
    found = [_load(p, "loaded") for p in folder.glob("*/load/loaded/*") if p.is_dir()]
    found += [_load(p, "pending") for p in folder.glob("*/load/normalized/*") if p.is_dir()]
    return tuple(sorted(found, key=lambda load: _order(load.id)))


def describe(load: Load) -> str:
    """What is wrong with a load, in words."""
    if load.failed:
        return f"load {load.id} of `{load.pipeline}` has failed jobs: {'; '.join(load.failed)}"
    return f"load {load.id} of `{load.pipeline}` is {load.state}"


def tables(folder: Path, script: str, pipelines: Collection[str] = ()) -> Iterator[Node]:
    """The tables that dlt has seen data for, from the schemas it keeps; its own tables left out.

    Args:
        folder: the pipelines directory.
        script: the file that the tables are said to come from.
        pipelines: the names of the pipelines to read; every one when none is given.
    """
    for state_file in sorted(folder.glob("*/state.json")):
        if pipelines and state_file.parent.name not in pipelines:
            continue
        state = _document(state_file)
        dataset = str(state.get("dataset_name") or f"{state_file.parent.name}_dataset")
        for schema_file in sorted(state_file.parent.glob("schemas/*.schema.json")):
            known = _document(schema_file).get("tables")
            for name, table in known.items() if isinstance(known, Mapping) else ():
                columns = table.get("columns") if isinstance(table, Mapping) else None
                if columns and not name.startswith("_dlt_"):
                    yield Node(
                        id=f"table.{dataset}.{name}",
                        kind="table",
                        name=name,
                        dataset=DatasetRef(namespace=dataset, name=name),
                        path=script,
                        columns=tuple(columns),
                    )


def _load(package: Path, state: str) -> Load:
    done = package / "package_completed.json"
    if state == "loaded" and done.is_file():
        state = done.read_text(encoding="utf-8").strip().strip('"') or state
    failed = sorted(p for p in (package / "failed_jobs").glob("*") if p.suffix != ".exception")
    return Load(
        pipeline=package.parents[2].name,
        id=package.name,
        state=state,
        failed=tuple(f"{p.name.split('.', 1)[0]}: {_why(p)}" for p in failed),
    )


def _why(job: Path) -> str:
    try:
        lines = Path(f"{job}.exception").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except FileNotFoundError:
        return "dlt kept no reason"
    return lines[-1] if lines else "dlt kept no reason"


def _order(load_id: str) -> tuple[float, str]:
    try:
        return float(load_id), load_id
    except ValueError:
        return 0.0, load_id


def _document(path: Path) -> Mapping[str, object]:
    try:
        document = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return document if isinstance(document, Mapping) else {}
