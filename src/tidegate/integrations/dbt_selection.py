"""Read from a manifest what a selection can name, and from another state's folder what to compare it with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tidegate.errors import PathNotFoundError
from tidegate.integrations import dbt_artifacts
from tidegate.model import Selectable

Raw = Mapping[str, object]
NOTHING: Mapping[str, str] = MappingProxyType({})

PARTS = ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests", "functions")
"""Where a manifest keeps what a selection can name; macros, which only count as changed, are apart."""

NOT_COMPARED = frozenset({"alias", "schema", "database", "tags", "group"})
"""Settings that dbt does not compare as such: names are the relation's, tags and groups are no change."""

TEST_SETTINGS = (
    "severity",
    "where",
    "limit",
    "fail_calc",
    "warn_if",
    "error_if",
    "store_failures",
    "store_failures_as",
)
"""What dbt compares of a test's settings."""


def selectables(manifest: Raw, *, folder: str = ".", loaded: Mapping[str, str] = NOTHING) -> tuple[Selectable, ...]:
    """Everything in a manifest that a selection can name, and its macros.

    Args:
        folder: the dbt project's folder, relative to `tidegate.yml`.
        loaded: the newest time in each source whose freshness is known, by its id.
    """
    project = str(_map(manifest.get("metadata")).get("project_name", ""))
    found = [
        dataclasses.replace(_selectable(i, _map(raw), project, folder), loaded_at=loaded.get(i))
        for part in PARTS
        for i, raw in _map(manifest.get(part)).items()
    ]
    found += [_macro(i, _map(raw)) for i, raw in _map(manifest.get("macros")).items()]
    return tuple(found)


def selectors(manifest: Raw) -> Raw:
    """The definitions of the project's selectors.yml, by name."""
    return _map(manifest.get("selectors"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Another state of a project: what its manifest holds, how its results ended, and the newest time in each of its
    sources, all by id; None where that file is missing.
    """

    nodes: Mapping[str, Selectable] | None
    results: Mapping[str, str] | None
    loaded: Mapping[str, str] | None


def read_state(folder: Path) -> Before:
    """What the artifacts in a folder tell.

    Raises:
        PathNotFoundError: there are none.
    """
    kept = dbt_artifacts.read_new(dbt_artifacts.Stale(folder=folder, manifest=None, run_results=None))
    if not kept.manifest and not kept.run_results and not kept.sources:
        raise PathNotFoundError(
            f"there is no manifest.json in `{folder}`", hint="name the folder of dbt's artifacts with `--state DIR`"
        )
    before = {s.id: s for s in selectables(kept.manifest)} if kept.manifest else None
    return Before(
        nodes=before,
        results=_ended(kept.run_results) if kept.run_results else None,
        loaded=dbt_artifacts.loaded(kept.sources) if kept.sources else None,
    )


def _ended(run_results: Raw) -> Mapping[str, str]:
    rows = run_results.get("results")
    ended = [_map(row) for row in rows] if isinstance(rows, list) else []
    return {str(row.get("unique_id")): str(row.get("status", "")).lower() for row in ended}


def _selectable(unique_id: str, raw: Raw, project: str, folder: str) -> Selectable:
    kind = str(raw.get("resource_type") or unique_id.split(".", 1)[0]).lower()
    config, depends = _map(raw.get("config")), _map(raw.get("depends_on"))
    package = str(raw.get("package_name", ""))
    patch = _text(raw.get("patch_path"))
    name = str(raw.get("name", unique_id))
    test = _text(_map(raw.get("test_metadata")).get("name"))
    return Selectable(
        id=unique_id,
        kind=kind,
        name=name,
        fqn=_texts(raw.get("fqn")),
        package=package,
        own=package == project,
        folder=folder,
        path=str(raw.get("original_file_path", "")).replace("\\", "/"),
        patch_path=patch.rpartition("://")[2].replace("\\", "/") if patch else None,
        tags=_texts(raw.get("tags") or (config.get("tags") if kind == "unit_test" else None)),
        config=config,
        group=_text(config.get("group")),
        access=_text(raw.get("access")),
        source=_text(raw.get("source_name")),
        test_name=name if kind == "unit_test" else test,
        test_type=_test_type(kind, raw),
        version=_text(raw.get("version")) if kind != "unit_test" else None,
        latest_version=_text(raw.get("latest_version")),
        parents=_texts(depends.get("nodes")),
        macros=_texts(depends.get("macros")),
        aspects=dict(_aspects(kind, raw)),
    )


def _test_type(kind: str, raw: Raw) -> str | None:
    if kind == "unit_test":
        return "unit"
    if kind != "test":
        return None
    return "generic" if raw.get("test_metadata") else "singular"


def _macro(unique_id: str, raw: Raw) -> Selectable:
    return Selectable(
        id=unique_id,
        kind="macro",
        name=str(raw.get("name", unique_id)),
        macros=_texts(_map(raw.get("depends_on")).get("macros")),
        aspects={"body": _digest(raw.get("macro_sql"))},
    )


def _aspects(kind: str, raw: Raw) -> Iterator[tuple[str, str]]:
    """The sides of a node that dbt compares, and under `contents` those that make it `modified` together."""
    if kind == "source":
        yield from _source_aspects(raw)
    elif kind == "unit_test":
        yield "contents", _digest(raw.get("checksum"))
    elif kind == "exposure":
        yield "configs", (configs := _configs(raw))
        compared = ("fqn", "type", "owner", "maturity", "url", "description", "label")
        nodes = sorted(_texts(_map(raw.get("depends_on")).get("nodes")))
        yield "contents", _digest([configs, nodes, *(raw.get(key) for key in compared)])
    elif kind in {"metric", "semantic_model", "saved_query"}:
        volatile = {"created_at", "depends_on", "tags", "meta", "config", "doc_blocks"}
        yield "contents", _digest({k: v for k, v in raw.items() if k not in volatile})
    else:
        yield from _node_aspects(kind, raw)


def _source_aspects(raw: Raw) -> Iterator[tuple[str, str]]:
    configs, relation = _configs(raw), _digest([raw.get(k) for k in ("database", "schema", "identifier")])
    yield "configs", configs
    yield "relation", relation
    compared = ("fqn", "quoting", "freshness", "loaded_at_field", "external")
    yield "contents", _digest([configs, relation, *(raw.get(key) for key in compared)])


def _node_aspects(kind: str, raw: Raw) -> Iterator[tuple[str, str]]:
    sides = {
        "body": _digest(raw.get("checksum") if kind == "seed" else raw.get("raw_code")),
        "configs": _test_configs(raw) if kind == "test" else _configs(raw),
        "persisted_descriptions": _descriptions(raw),
        "relation": _digest([_map(raw.get("unrendered_config")).get(k) for k in ("database", "schema", "alias")]),
        "contract": _contract(kind, raw),
    }
    yield from sides.items()
    if raw.get("test_metadata"):
        yield "contents", _digest([sides["configs"], raw.get("fqn")])
    else:
        promised = [raw.get(k) for k in ("latest_version", "access", "deprecation_date")] if kind == "model" else []
        yield "contents", _digest([*sides.values(), raw.get("fqn"), promised])


def _configs(raw: Raw) -> str:
    said = _map(raw.get("unrendered_config"))
    return _digest({k: v for k, v in said.items() if k not in NOT_COMPARED})


def _test_configs(raw: Raw) -> str:
    said = _map(raw.get("unrendered_config"))
    return _digest({k: said[k] for k in TEST_SETTINGS if k in said})


def _descriptions(raw: Raw) -> str:
    """The descriptions that dbt writes into the database."""
    persisted = _map(_map(raw.get("config")).get("persist_docs"))
    columns = {k: _map(v).get("description") for k, v in _map(raw.get("columns")).items()}
    return _digest(
        [raw.get("description") if persisted.get("relation") else "", columns if persisted.get("columns") else ""]
    )


def _contract(kind: str, raw: Raw) -> str:
    contract = _map(raw.get("contract"))
    return _digest(contract.get("checksum")) if kind == "model" and contract.get("enforced") else ""


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= 64 else hashlib.sha256(text.encode()).hexdigest()


def _map(value: object) -> Raw:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(v) for v in value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
