"""Replace an adopted database by a link to the live file, so that nothing of the original is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path

from tidegate.errors import WarehouseError
from tidegate.warehouses.content import logs_beside
from tidegate.warehouses.guard import no_writer
from tidegate.warehouses.storage import copy_file, flush, point, write_whole

NOTE = "adopted.json"
KEPT = ".before-tidegate"


def note(folder: Path, original: Path) -> None:
    """Remember in the version's folder that `original` becomes a link, and how it looks now."""
    status = original.stat()
    text = {"original": str(original), "size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    write_whole(folder / NOTE, json.dumps(text, indent=2) + "\n")


def check(folder: Path, live: Path) -> None:
    """Refuse when linking back would hide something: the original was written after it was copied, or is open.

    Raises:
        WarehouseError: because of that; nothing was touched.
    """
    noted = _read(folder)
    if noted is None or _is_done(noted, live):
        return
    original = Path(str(noted["original"]))
    if not original.is_file() or not _looks_as_noted(original, noted) or logs_beside(original):
        raise WarehouseError(
            f"`{original}` is no longer what it was when it was adopted, so it is not replaced by a link",
            hint="adopt it again, so that its present content becomes a version",
        )
    with no_writer(original):
        return


def link_back(folder: Path, live: Path) -> None:
    """Put a symbolic link to `live` in the original's place, and keep the original beside it as NAME.before-tidegate.

    The name exists at every instant, and every step can be repeated. Costs a copy where there are no hard links.
    """
    noted = _read(folder)
    if noted is None:
        return
    original = Path(str(noted["original"]))
    if not _is_done(noted, live):
        _keep(original)
        point(original, os.path.relpath(live, os.path.realpath(original.parent)))
    (folder / NOTE).unlink()
    flush(folder)


def _read(folder: Path) -> Mapping[str, object] | None:
    try:
        noted: Mapping[str, object] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return noted


def _is_done(noted: Mapping[str, object], live: Path) -> bool:
    original = Path(str(noted["original"]))
    target = os.path.relpath(live, os.path.realpath(original.parent))
    return original.is_symlink() and str(original.readlink()) == target


def _looks_as_noted(path: Path, noted: Mapping[str, object]) -> bool:
    status = path.stat()
    return (status.st_size, status.st_mtime_ns) == (noted["size_bytes"], noted["mtime_ns"])


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
