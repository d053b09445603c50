"""`tidegate sample`: make, verify and load sample data."""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate.app import samples
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.config import find_project
from tidegate.errors import UsageError
from tidegate.model.words import counted
from tidegate.services.sample_set import SampleSet, Verified, Wanted


def _folder(arguments: argparse.Namespace) -> Path | None:
    return Path(arguments.folder) if arguments.folder else None


def make(arguments: argparse.Namespace, output: Output) -> int:
    """Write the sample set and its manifest."""
    if arguments.rows < 1:
        raise UsageError(f"`--rows {arguments.rows}` is no number of rows", hint="pass 1 or more")
    wanted = Wanted(
        rows=arguments.rows,
        seed=arguments.seed,
        tables=tuple(arguments.table),
        without=tuple(arguments.without),
        clear=tuple(arguments.clear),
    )
    progress = StderrProgress(quiet=output.quiet)
    folder, told = samples.make(Path(arguments.project), _folder(arguments), wanted, progress)
    if output.json:
        output.document("sample", {"folder": folder, "size_bytes": told.size_bytes, "sample": told})
    else:
        _made(output, folder, told)
    return 0


def _made(output: Output, folder: Path, told: SampleSet) -> None:
    rows = [
        [
            t.table,
            f"{t.rows:,}",
            f"{t.source_rows:,}",
            f"{t.size_bytes:,}",
            ", ".join(c.name for c in t.columns if c.mask) or "-",
        ]
        for t in told.tables
    ]
    output.table(["table", "rows", "of", "bytes", "masked"], rows, right=(1, 2, 3))
    for note in told.notes:
        output.line(f"note     {note}")
    lost = {t.table: t.without_partner for t in told.tables if t.without_partner}
    for table, number in lost.items():
        output.line(f"note     {counted(number, 'row')} of {table} left out: what they refer to is missing")
    output.line(
        f"wrote    {folder}: {counted(len(told.tables), 'table')}, {told.size_bytes:,} bytes, of version {told.version}; "
        f"{told.searched:,} values searched, none is a personal one of the source"
    )
    output.line(f"next     read {folder / 'README.md'}, then git add {folder}")


def verify(arguments: argparse.Namespace, output: Output) -> int:
    """Exit 1 when the sample is not what its manifest says, or shows what it must not."""
    progress = StderrProgress(quiet=output.quiet)
    folder, told = samples.verify(Path(arguments.project), _folder(arguments), progress)
    if output.json:
        output.document("sample-verify", {"folder": folder, "verified": told})
    else:
        _verified(output, folder, told)
    return 1 if told.problems else 0


def _verified(output: Output, folder: Path, told: Verified) -> None:
    for problem in told.problems:
        output.line(f"{output.strong('wrong', 'red')}    {problem}")
    for what in told.unchecked:
        output.line(f"note     {what}")
    word = output.strong("BROKEN", "red") if told.problems else output.strong("WHOLE", "green")
    output.line(
        f"{word}  {folder}: {counted(told.tables, 'table')}, {told.rows:,} rows, {counted(told.references, 'reference')}"
    )


def load(arguments: argparse.Namespace, output: Output) -> int:
    """Write the tables of a sample into a database."""
    folder = _folder(arguments) or find_project(Path(arguments.project)) / samples.FOLDER
    told = samples.load_sample(folder, Path(arguments.database))
    if output.json:
        output.document("sample-load", told)
    else:
        rows = sum(told.rows.values())
        output.line(f"loaded   {told.database}: {counted(len(told.rows), 'table')}, {rows:,} rows")
    return 0
