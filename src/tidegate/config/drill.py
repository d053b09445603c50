"""Drill files: `drills/*.yml` beside `tidegate.yml`, one drill in each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tidegate.config.load import plain_file, position, ref
from tidegate.config.schema import Part, TableName, about, convert
from tidegate.model import Drill

FOLDER = "drills"


class DrillPart(Part, frozen=True):
    """A drill: the accident that happens to the new rows of a table."""

    fault: Annotated[str, about("what happens: a name that `tidegate drill list` prints")]
    table: Annotated[TableName, about("the table that it happens to")]
    version: Annotated[Literal[1], about("the version of this file's format")] = 1
    column: Annotated[str | None, about("the column; default: one that it can happen to")] = None
    where: Annotated[str | None, about("a SQL predicate; only rows for which it is true are hit")] = None
    value: Annotated[str | None, about("category-lost: the category")] = None
    magnitude: Annotated[float | None, about("the fault's own number: a share, a factor, ...; default: its own")] = None
    because: Annotated[str | None, about("why there is this drill")] = None


def read_drills(root: Path) -> tuple[Drill, ...]:
    """The drills of a project, by name, which is that of the file.

    Raises:
        ConfigSyntaxError, UnknownKeyError, ConfigError: a file is no YAML, or not what is allowed.
    """
    files = sorted(path for pattern in ("*.yml", "*.yaml") for path in (root / FOLDER).glob(pattern))
    return tuple(_drill(path) for path in files)


def _drill(path: Path) -> Drill:
    tree, plain = plain_file(path)

    def where(*loc: str | int) -> str:
        return f"{FOLDER}/{path.name}:{position(tree, loc)}"

    try:
        said = convert(plain, DrillPart)
    except msgspec.ValidationError:
        from tidegate.config.explain import explain

        raise explain(plain, where, DrillPart) from None
    return Drill(
        name=path.stem,
        fault=said.fault,
        table=ref(said.table),
        column=said.column,
        where=said.where,
        value=said.value,
        magnitude=said.magnitude,
        because=said.because,
    )
