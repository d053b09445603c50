"""Read a dlt script without running it: its pipelines, their destinations, and what is hard-coded."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tidegate.errors import ConfigSyntaxError, PathNotFoundError

UNREAD = "?"
"""Stands for a value that only running the script could tell."""

DESTINATIONS = (
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "dremio",
    "ducklake",
    "fabric",
    "filesystem",
    "lance",
    "lancedb",
    "motherduck",
    "mssql",
    "postgres",
    "qdrant",
    "redshift",
    "snowflake",
    "sqlalchemy",
    "synapse",
    "weaviate",
)
"""dlt's destinations that are not a DuckDB file (dlt 1.31, `dlt/destinations/impl`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One `dlt.pipeline(...)` call; a value that cannot be read is `UNREAD`, one that is not there None.

    `destination` is the destination's name in dlt's configuration; `credentials` what is passed to it in the code.
    """

    line: int
    name: str | None
    destination: str | None
    dataset: str | None
    credentials: str | None
    pipelines_dir: str | None
    dev_mode: bool


def read_script(file: Path) -> tuple[Pipeline, ...]:
    """The pipelines of a script, in order; names are resolved where the script assigns a literal to them.

    Raises:
        PathNotFoundError: no such file.
        ConfigSyntaxError: not Python; the message has the line.
    """
    try:
        return _read(file, file.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        raise PathNotFoundError(f"no script `{file}`") from None


@lru_cache(maxsize=32)
def _read(file: Path, source: bytes) -> tuple[Pipeline, ...]:
    try:
        tree = ast.parse(source, filename=str(file))
    except (SyntaxError, ValueError) as error:
        what = f", line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else f": {error}"
        raise ConfigSyntaxError(f"`{file}`{what}", hint="correct the script there") from error
    return tuple(_pipelines(tree))


def _pipelines(tree: ast.Module) -> Iterator[Pipeline]:
    known = _assigned(tree)
    loaded = {k: v for call in _calls(tree, "run") for k, v in _arguments(call, ()).items()}
    for call in _calls(tree, "pipeline"):
        said = _arguments(call, ("pipeline_name", "pipelines_dir", "pipeline_salt", "destination"))
        if not said and not _is_dlt(call.func):
            continue
        destination, credentials = _destination(said.get("destination", loaded.get("destination")), known)
        credentials = credentials or _value(said.get("credentials", loaded.get("credentials")), known)
        dev = said.get("dev_mode", said.get("full_refresh"))
        yield Pipeline(
            line=call.lineno,
            name=_value(said.get("pipeline_name"), known),
            destination=destination,
            dataset=_value(said.get("dataset_name", loaded.get("dataset_name")), known),
            credentials=credentials,
            pipelines_dir=_value(said.get("pipelines_dir"), known),
            dev_mode=isinstance(dev, ast.Constant) and dev.value is True,
        )


def _calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last(node.func) == name:
            yield node


def _arguments(call: ast.Call, positions: tuple[str, ...]) -> dict[str, ast.expr]:
    found = dict(zip(positions, call.args, strict=False))
    found.update({k.arg: k.value for k in call.keywords if k.arg})
    return found


def _assigned(tree: ast.Module) -> Mapping[str, ast.expr]:
    """What simple names stand for; a name that is assigned twice stands for nothing certain."""
    found: dict[str, ast.expr] = {}
    twice: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    twice |= {target.id} & set(found)
                    found[target.id] = node.value
    return {k: v for k, v in found.items() if k not in twice}


def _destination(node: ast.expr | None, known: Mapping[str, ast.expr]) -> tuple[str | None, str | None]:
    """The destination's name and the credentials passed to it."""
    if isinstance(node, ast.Name) and node.id in known:
        node = known[node.id]
    if isinstance(node, ast.Call):
        factory = _last(node.func) or UNREAD
        said = _arguments(node, ("credentials",))
        if factory in {"destination", "from_reference"}:  # dlt.destination("name", destination_type="duckdb")
            said = _arguments(node, ("destination_name", "credentials"))
        name = _value(said.get("destination_name"), known)
        if name is None:
            name = factory if factory in {"duckdb", *DESTINATIONS} else UNREAD
        return name, _value(said.get("credentials"), known)
    value = _value(node, known)
    return (value.rsplit(".", 1)[-1] if value else value), None


def _value(node: ast.expr | None, known: Mapping[str, ast.expr]) -> str | None:
    if isinstance(node, ast.Name) and node.id in known:
        node = known[node.id]
    if isinstance(node, ast.Call) and _last(node.func) in {"str", "Path"} and len(node.args) == 1:
        node = node.args[0]
    if node is None or (isinstance(node, ast.Constant) and node.value is None):
        return None
    if ast.unparse(node) in {"dlt.config.value", "dlt.secrets.value"}:
        return None  # dlt's way to say: from the configuration
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Attribute) and _last(node.value) == "destinations":
        return node.attr  # destination=dlt.destinations.duckdb, without a call
    return UNREAD


def _last(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _is_dlt(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _last(node.value) == "dlt")
