"""Templates: whole projects that `tidegate init --template` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import ConfigError, ReadOnlyError
from tidegate.kit.source import copy_project, project_files

TEMPLATES: Mapping[str, str] = {"aws-iot": "tidegate.kit.aws_iot"}
"""The package of each template; its folder `project` is what is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a template wrote: every file, relative to `folder`."""

    template: str
    folder: Path
    files: tuple[str, ...]


def write(name: str, folder: Path, *, force: bool) -> Written:
    """Write a template's project into `folder`, which need not exist; files of other names are left alone.

    Raises:
        ConfigError: a file is there already that is not the template's own; with `force` it is overwritten.
        ReadOnlyError: the folder cannot be written.
    """
    files = tuple(project_files(TEMPLATES[name]))
    there = [f for f, content in files if (folder / f).exists() and not _same(folder / f, content)]
    if there and not force:
        shown = ", ".join(f"`{f}`" for f in there[:3]) + (f" and {len(there) - 3} more" if len(there) > 3 else "")
        raise ConfigError(
            f"`{folder}` has {shown} already", hint="name a new folder with `--project`, or overwrite with `--force`"
        )
    try:
        copy_project(TEMPLATES[name], folder)
    except OSError as error:
        raise ReadOnlyError(f"`{folder}` cannot be written: {error.strerror}") from None
    return Written(template=name, folder=folder.resolve(), files=tuple(f for f, _ in files))


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
