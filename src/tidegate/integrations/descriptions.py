"""Descriptions that dbt knows: of models, seeds, snapshots and sources, from the manifests that travel with a version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.model import DatasetRef

MANIFESTS = "dbt/*/target/manifest.json"
"""Where a dbt step keeps its artifacts in the folder that travels with a version."""


def descriptions(state: Path) -> dict[DatasetRef, tuple[str | None, Mapping[str, str]]]:
    """By dataset: its description, and those of its columns by their name in lower case. A manifest that cannot be read
    tells nothing.
    """
    found: dict[DatasetRef, tuple[str | None, Mapping[str, str]]] = {}
    for path in sorted(state.glob(MANIFESTS)):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found |= dict(_described(manifest))
    return found


def _described(manifest: object) -> Iterator[tuple[DatasetRef, tuple[str | None, Mapping[str, str]]]]:
    for group in ("nodes", "sources"):
        for node in _mapping(_mapping(manifest).get(group)).values():
            said = _mapping(node)
            name = said.get("identifier") or said.get("alias") or said.get("name")
            columns = {
                str(key).casefold(): " ".join(str(text).split())
                for key, column in _mapping(said.get("columns")).items()
                if (text := _mapping(column).get("description"))
            }
            words = " ".join(str(said.get("description") or "").split()) or None
            if said.get("resource_type") in {"model", "seed", "snapshot", "source"} and (words or columns):
                yield DatasetRef(namespace=str(said.get("schema")), name=str(name)), (words, columns)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
