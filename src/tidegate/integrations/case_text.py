"""Write one case of a report as plain text, for the formats that have room for it."""

from __future__ import annotations

from tidegate.model import Sample
from tidegate.model.words import counted, inert
from tidegate.services.report import Case


def details(case: Case) -> str:
    """What a person needs to look at a case: why, where, the SQL of all failing rows, and some of them, masked."""
    lines = [case.message]
    if case.place:
        lines.append(f"declared in {case.place}")
    if case.failures is not None:
        looked = "" if case.evaluated is None else f" in {counted(case.evaluated, 'row')}"
        lines.append(f"{counted(case.failures, 'failure')}{looked}")
    if case.hint:
        lines.append(f"hint: {case.hint}")
    if case.sql:
        lines += ["", case.sql + ";"]
    if case.sample is not None and case.sample.rows:
        lines += ["", *_rows(case.sample)]
    return inert("\n".join(lines))


def _rows(sample: Sample) -> list[str]:
    """The sample as lines of text, its columns under each other."""
    table = [sample.columns, *(tuple("NULL" if v is None else v for v in row) for row in sample.rows)]
    table = [tuple(" ".join(cell.split()) for cell in row) for row in table]
    wide = [max(len(row[place]) for row in table) for place in range(len(sample.columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in table]
    masked = [f"masked: {', '.join(sample.masked)}"] if sample.masked else []
    return [*lines, f"rows shown: {len(sample.rows)} of {sample.total:,}", *masked]
