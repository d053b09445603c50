"""The manifest of a sample set, as JSON that programs read and as Markdown for people, both written without a time."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.errors import PathNotFoundError, ReadOnlyError, SampleError
from tidegate.integrations.markdown import plain
from tidegate.services.sample_set import MANIFEST, SampledColumn, SampledReference, SampledTable, SampleSet

SCHEMA_VERSION = 1
REPORT = "README.md"

HOW = {
    "form": "replaced by a value of the same form",
    "scaled": "scaled by a factor between 0.5 and 0.95",
    "moved": "moved by up to 182 days",
    "drawn": "drawn anew for each row from the values that occur",
    "emptied": "emptied",
}


def place(told: SampleSet, made: Path, folder: Path) -> None:
    """Copy the files of a sample set from where they were made into its folder, with the manifest and the report, and remove
    the files of rows that are no part of it. The manifest goes first and comes last: whoever is interrupted has no sample.

    Raises:
        ReadOnlyError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for table in told.tables:
            shutil.copyfile(made / table.file, folder / table.file)
        _describe(told, folder)
    except OSError as error:
        hint = "make the folder writable, or name another one"
        raise ReadOnlyError(f"the sample cannot be written into `{folder}`: {error.strerror}", hint=hint) from None


def _describe(told: SampleSet, folder: Path) -> None:
    document = {"schema_version": SCHEMA_VERSION, "kind": "sample", **dataclasses.asdict(told)}
    (folder / REPORT).write_text(report(told), encoding="utf-8")
    for name in present(folder) - {t.file for t in told.tables}:
        (folder / name).unlink()
    (folder / MANIFEST).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def present(folder: Path) -> set[str]:
    """The names of the files of rows in a folder."""
    return {path.name for path in folder.glob("*.parquet")}


def read(folder: Path) -> SampleSet:
    """The sample set that a folder's manifest describes.

    Raises:
        PathNotFoundError: there is no manifest.
        SampleError: it is none, or of another version.
    """
    path = folder / MANIFEST
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PathNotFoundError(f"there is no sample in `{folder}`", hint="make one with `tidegate sample`") from None
    except ValueError as error:
        raise SampleError(f"`{path}` is not JSON: {error}") from None
    if not isinstance(said, Mapping) or said.get("schema_version") != SCHEMA_VERSION or said.get("kind") != "sample":
        raise SampleError(f"`{path}` is no manifest of a sample of version {SCHEMA_VERSION}")
    try:
        return _sample(said)
    except (KeyError, TypeError, ValueError) as error:
        raise SampleError(f"`{path}` is not whole: {type(error).__name__} {error}") from None


def _sample(said: Mapping[str, Any]) -> SampleSet:
    parts = {k: v for k, v in said.items() if k not in {"schema_version", "kind"}}
    parts["tables"] = tuple(_table(t) for t in said["tables"])
    parts["references"] = tuple(_reference(r) for r in said["references"])
    parts["notes"] = tuple(map(str, said["notes"]))
    return SampleSet(**parts)


def _table(said: Mapping[str, Any]) -> SampledTable:
    file = str(said["file"])
    if file != Path(file).name or not file.endswith(".parquet"):
        raise ValueError(f"`{file}` leads out of the folder")
    return SampledTable(**{**said, "columns": tuple(SampledColumn(**c) for c in said["columns"])})


def _reference(said: Mapping[str, Any]) -> SampledReference:
    return SampledReference(**{**said, "columns": tuple(said["columns"]), "fields": tuple(said["fields"])})


def report(told: SampleSet) -> str:
    """What was kept and how each column was masked, as Markdown."""
    rows = sum(t.rows for t in told.tables)
    lines = [
        "# Sample data",
        "",
        (
            f"Written by `tidegate sample` from version {told.version}, with the seed {told.seed}: {rows:,} rows in"
            f" {told.size_bytes:,} bytes. `tidegate sample verify` says whether it is still whole. Do not edit it."
        ),
        "",
        f"{told.searched:,} values and words of it were looked for in the personal columns of the source; none is there.",
        "",
        "| table | rows | of | without partner, left out | added for rare values | bytes | masked |",
        "|---|--:|--:|--:|--:|--:|---|",
        *(_row(table) for table in told.tables),
    ]
    lines += ["", "## Masked columns", "", "| column | type | what stands there | why |", "|---|---|---|---|"]
    for table in told.tables:
        for column in table.columns:
            if column.mask or column.why:
                how = HOW.get(column.mask or "", "the values themselves")
                lines.append(
                    f"| {plain(f'{table.table}.{column.name}')} | {plain(column.type)} | {how} | {plain(column.why or '')} |"
                )
    lines += ["", "Every other column holds its own values.", "", *_references(told.references)]
    lines += [f"- {plain(note)}" for note in told.notes]
    return "\n".join(lines).rstrip() + "\n"


def _row(table: SampledTable) -> str:
    masked = ", ".join(f"`{c.name}`" for c in table.columns if c.mask) or "nothing"
    numbers = [table.rows, table.source_rows, table.without_partner, table.rare, table.size_bytes]
    return f"| {plain(table.table)} | {' | '.join(f'{n:,}' for n in numbers)} | {masked} |"


def _references(said: Sequence[SampledReference]) -> list[str]:
    if not said:
        return ["No reference between the tables is known."]
    lines = ["## References", "", "| rows of | refer to | said by |", "|---|---|---|"]
    for one in said:
        by = one.said_by if one.strict else f"{one.said_by}; rows without a partner are kept"
        ends = [f"{t} ({', '.join(c)})" for t, c in ((one.child, one.columns), (one.parent, one.fields))]
        lines.append(f"| {plain(ends[0])} | {plain(ends[1])} | {by} |")
    return lines
