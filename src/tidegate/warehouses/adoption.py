"""Replace an adopted database by a link to the live file, so that nothing of the original is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from tidegate.warehouses.content import logs_beside
from tidegate.warehouses.guard import no_writer
from tidegate.warehouses.storage import copy_file, flush, point, write_whole

NOTE = "adopted.json"
KEPT = ".before-tidegate"


def note(folder: Path, original: Path, status: os.stat_result) -> None:
    """Remember in the version's folder that `original` becomes a link, and how it looked before it was copied."""
    text = {"original": str(original), "size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    write_whole(folder / NOTE, json.dumps(text, indent=2) + "\n")


def unlinked(folder: Path) -> Path | None:
    """The original that `link_back` still has to replace, as far as the note says; None without a note."""
    noted = _read(folder)
    return None if noted is None else Path(str(noted["original"]))


def forget(folder: Path) -> None:
    """Let the original be what it is."""
    if (folder / NOTE).exists():
        (folder / NOTE).unlink()
        flush(folder)


def link_back(folder: Path, live: Path) -> bool:
    """Put a symbolic link to `live` in the original's place, and keep the original beside it as NAME.before-tidegate.

    The name exists at every instant, and every step can be repeated. Costs a copy where there are no hard links. False
    when the original is not what was copied: it is left alone then, because the link would hide what was written.

    Raises:
        WarehouseError: somebody has it open for writing.
    """
    noted = _read(folder)
    if noted is None:
        return True
    original = Path(str(noted["original"]))
    if not _is_done(original, live):
        if not original.is_file():
            return False
        with no_writer(original):
            if not _is_as_noted(original, noted):
                return False
            _keep(original)
            point(original, _target(original, live))
    forget(folder)
    return True


def written_at(original: Path) -> datetime | None:
    """When a database was last written, by its file and the logs beside it; None for a link, and when it is gone."""
    if original.is_symlink() or not original.is_file():
        return None
    times = [file.stat().st_mtime for file in (original, *logs_beside(original))]
    return datetime.fromtimestamp(max(times), tz=UTC)


def _read(folder: Path) -> Mapping[str, object] | None:
    try:
        noted: Mapping[str, object] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return noted


def _target(original: Path, live: Path) -> str:
    return os.path.relpath(live, os.path.realpath(original.parent))


def _is_done(original: Path, live: Path) -> bool:
    return original.is_symlink() and str(original.readlink()) == _target(original, live)


def _is_as_noted(original: Path, noted: Mapping[str, object]) -> bool:
    status = original.stat()
    looks = (status.st_size, status.st_mtime_ns) == (noted["size_bytes"], noted["mtime_ns"])
    return looks and not logs_beside(original)


def _keep(original: Path) -> None:
    """Give the original a second name, if it has none already."""
    suffixes = chain([""], (f"-{number}" for number in count(2)))
    names = (original.with_name(f"{original.name}{KEPT}{suffix}") for suffix in suffixes)
    kept = next(name for name in names if not os.path.lexists(name) or _is_same(name, original))
    if os.path.lexists(kept):
        return
    try:
        os.link(original, kept, follow_symlinks=False)
    except OSError:  # a file system without hard links
        fresh = kept.with_name(f".{kept.name}.new")
        fresh.unlink(missing_ok=True)
        copy_file(original, fresh)
        fresh.replace(kept)


def _is_same(one: Path, other: Path) -> bool:
    return os.path.samestat(one.lstat(), other.lstat())
