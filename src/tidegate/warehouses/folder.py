"""The folder of versions: numbered folders, the link that readers follow, and how one becomes the other."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import DatabaseNotFoundError, VersionNotFoundError, WarehouseError
from tidegate.ports import Candidate
from tidegate.warehouses import adoption, process, storage
from tidegate.warehouses.content import is_database, logs_beside
from tidegate.warehouses.guard import no_writer
from tidegate.warehouses.storage import refusals

if TYPE_CHECKING:
    from tidegate.model import Version

NAME = re.compile(r"[0-9]{6}|[1-9][0-9]{6,}")
LINK = re.compile(rf"versions/({NAME.pattern})/?")
STATE = "state"
DESCRIPTION = "version.json"
NEW = ".new-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """What a candidate is made of: a database file or none, the version that it is of, the state that travels with it, and
    whether the database becomes a link.
    """

    database: Path | None = None
    parent: int | None = None
    state: Path | None = None
    link_back: bool = False


class VersionFolder:
    """Versions as folders `versions/NNNNNN/`, each with one database file, its travelling state and its description.

    What makes a crash harmless: a version is built under another name and renamed when it is whole, is renamed before it
    is removed, and is published by replacing one symbolic link; so a six-digit name never stands for a part, and the
    link never for something that is not on the disk. What a crash leaves behind has a name of its own and is swept by the
    next holder of the writer's lock.
    """

    def __init__(self, root: Path, database: str) -> None:
        self.root = root
        self._name = database
        self._versions = root / "versions"
        self._live = root / "live"
        self._candidate = root / "candidate"

    @property
    def lock_path(self) -> Path:
        return self.root / "lock"

    @property
    def live_database(self) -> Path:
        return self._live / self._name

    def path(self, number: int) -> Path:
        return self._versions / f"{number:06d}"

    def published(self) -> int | None:
        """What the link says; nothing else is looked at.

        Raises:
            WarehouseError: it is no link, or none to a version.
        """
        try:
            target = str(self._live.readlink())
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise storage.refusal(error, f"read `{self._live}`") from error
            raise self._not_ours(f"`{self._live}` is not a symbolic link") from error
        if (found := LINK.fullmatch(target)) is None:
            raise self._not_ours(f"`{self._live}` points to `{target}`, which is not a version of this warehouse")
        return int(found[1])

    def kept(self) -> tuple[int, ...]:
        with refusals(f"list `{self._versions}`"), suppress(FileNotFoundError), os.scandir(self._versions) as entries:
            return tuple(sorted(int(e.name) for e in entries if NAME.fullmatch(e.name) and e.is_dir()))
        return ()

    def kept_path(self, number: int) -> Path:
        """The folder of a version that is there.

        Raises:
            VersionNotFoundError: it is not.
        """
        path = self.path(number)
        if not path.is_dir():
            raise VersionNotFoundError(f"version `{number}` is not kept in `{self.root}`")
        return path

    def database(self, number: int) -> Path:
        """The database file of a kept version.

        Raises:
            VersionNotFoundError: the version is not kept.
            DatabaseNotFoundError: it has no database file, or the file is no DuckDB database.
        """
        path = self.kept_path(number) / self._name
        if not path.is_file():
            raise DatabaseNotFoundError(
                f"version `{number}` has no database `{path}`",
                hint="let the steps write to the database that their configuration names, and look into their logs",
            )
        with refusals(f"read `{path}`"):
            _demand_database(path)
        return path

    def state(self, number: int) -> Path:
        """The folder that travels with a kept version."""
        return self.kept_path(number) / STATE

    def begin(self, number: int, parent: int | None) -> Candidate:
        """Build a candidate from a kept version, or from nothing."""
        if parent is None:
            return self._build(number, Ingredients())
        state = self.path(parent) / STATE
        return self._build(number, Ingredients(database=self.database(parent), parent=parent, state=state))

    def receive(self, folder: Path, number: int) -> Candidate:
        """Build a candidate from a version of another folder of versions."""
        return self._build(number, Ingredients(database=self.foreign(folder), state=folder / STATE))

    def foreign(self, folder: Path) -> Path:
        """The database of a version of another folder of versions.

        Raises:
            DatabaseNotFoundError: it has none of this warehouse's name, or the file is no DuckDB database.
        """
        path = folder / self._name
        if not path.is_file():
            raise DatabaseNotFoundError(
                f"there is no database `{self._name}` in `{folder}`",
                hint="give both warehouses the same `database`: dbt's views have its name in their text",
            )
        with refusals(f"read `{path}`"):
            _demand_database(path)
        return path

    def adopt(self, original: Path, number: int, *, link_back: bool) -> Candidate:
        """Build a candidate from a database that is not of this warehouse."""
        original = Path(os.path.abspath(original))  # noqa: PTH100 links in it must stay, `resolve` would follow them
        if not original.is_file():
            raise DatabaseNotFoundError(f"there is no database `{original}`", hint="correct the path")
        with refusals(f"read `{original}`"):
            _demand_database(original)
        return self._build(number, Ingredients(database=original, link_back=link_back))

    def publish(self, number: int) -> None:
        """Flush a version, make its database read-only, and swap the link. Linear in the files of the travelling state."""
        database = self.database(number)
        if logs := logs_beside(database):
            raise WarehouseError(
                f"`{logs[0]}` holds commits that are not in the database file, so version `{number}` is not sealed",
                hint="find out what wrote to it after it was sealed, then run `tidegate run` again",
            )
        with refusals(f"publish version {number}"):
            if self.published() != number:
                with suppress(PermissionError):  # the file of a colleague; the guard and the fingerprint protect it too
                    database.chmod(stat.S_IMODE(database.stat().st_mode) & ~0o222)
                self._flush(number)
                storage.point(self._live, f"versions/{number:06d}")
            self._drop_candidate_link(number)

    def show(self, folder: Path, versions: Sequence[int], *, published: int) -> None:
        """Make another, empty folder a warehouse of some of these versions: folders of its own, with links to database and
        state, so that removing one there removes links.
        """
        with refusals(f"make a sandbox in `{folder}`"):
            for number in versions:
                kept, there = self.kept_path(number), folder / "versions" / f"{number:06d}"
                there.mkdir(parents=True)
                (there / self._name).symlink_to(self.database(number))
                (there / STATE).symlink_to(kept / STATE)
                if (kept / DESCRIPTION).is_file():
                    shutil.copyfile(kept / DESCRIPTION, there / DESCRIPTION)
            (folder / "live").symlink_to(f"versions/{published:06d}")

    def unlinked(self, number: int) -> Path | None:
        """The database that a kept version was adopted from, as long as `link_back` has not replaced it."""
        with refusals(f"read the adoption of version {number}"):
            return adoption.unlinked(self.kept_path(number))

    def link_back(self, number: int) -> bool:
        """Replace the database that a version was adopted from by a link; what earlier versions noted is settled by it."""
        with refusals(f"link the database of version {number} back"):
            done = adoption.link_back(self.kept_path(number), self.live_database)
            for other in self.kept() if done else ():
                adoption.forget(self.path(other))
            return done

    def let_original_be(self, number: int) -> None:
        """Do not replace the database that a version was adopted from, now or later."""
        with refusals(f"settle the adoption of version {number}"):
            adoption.forget(self.kept_path(number))

    def end_writing(self, number: int) -> None:
        """Take the steps' path to a version away: a tool that still has it must not write what is judged, or held."""
        with refusals(f"remove `{self._candidate}`"):
            self._drop_candidate_link(number)

    def flush(self, number: int) -> None:
        """Wait until a version is on the disk as a whole."""
        with refusals(f"flush version {number} to the disk"):
            self._flush(number)

    def discard(self, number: int) -> None:
        """Remove a version that is not the published one; nothing happens when it is gone already."""
        if number == self.published():
            raise WarehouseError(
                f"version `{number}` is the published one and is not removed",
                hint="publish another version first, such as with `tidegate rollback`",
            )
        with refusals(f"remove version {number}"):
            self._drop_candidate_link(number)
            storage.remove_folder(self.path(number))

    def describe(self, version: Version, extra: Mapping[str, object]) -> None:
        """Write the description; `extra` cannot change what the version itself says."""
        path = self.kept_path(version.number) / DESCRIPTION
        text = {
            **extra,
            "schema_version": 1,
            "number": version.number,
            "parent": version.parent,
            "run": version.run,
            "state": version.state,
            "created_at": version.created_at.isoformat(),
            "fingerprint": version.fingerprint,
            "code_revision": version.code_revision,
            "reason": version.reason,
        }
        with refusals(f"describe version {version.number}"):
            storage.write_whole(path, json.dumps(text, indent=2, ensure_ascii=False, default=str) + "\n")

    def metadata(self, number: int) -> Mapping[str, object]:
        path = self.kept_path(number) / DESCRIPTION
        try:
            with refusals(f"read `{path}`"):
                description = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except ValueError as error:
            raise WarehouseError(f"`{path}` is not JSON: {error}", hint="remove or repair the file") from error
        if not isinstance(description, dict):
            raise WarehouseError(f"`{path}` is not a JSON object", hint="remove or repair the file")
        return description

    def size_bytes(self, number: int) -> int:
        with refusals(f"measure version {number}"):
            return storage.allocated_bytes(self.kept_path(number))

    def spill_path(self, serial: int) -> Path:
        """Where a reader of this process may put what does not fit into memory."""
        return self.root / f"{_spill_prefix()}{os.getpid()}-{serial}"

    def sweep(self) -> None:
        """Remove what crashes left. Only for the holder of the writer's lock; what cannot be removed stays."""
        with suppress(OSError):
            if self._candidate.is_symlink():
                self._candidate.unlink()
        storage.empty_trash(self._versions)
        for half_made in self._versions.glob(f"{NEW}*"):
            shutil.rmtree(half_made, ignore_errors=True)
        for spilled in self.root.glob(f"{_spill_prefix()}*"):
            owner = spilled.name.removeprefix(_spill_prefix()).partition("-")[0]
            if owner.isdecimal() and process.find(int(owner)) is None:
                shutil.rmtree(spilled, ignore_errors=True)

    def _build(self, number: int, source: Ingredients) -> Candidate:
        """Assemble a version under another name, then give it its own and point the candidate's link at it."""
        final, new = self.path(number), self._versions / f"{NEW}{number:06d}"
        self._refuse_to_replace(number)
        began = time.perf_counter()
        with refusals(f"make version {number} in `{self.root}`"), ExitStack() as undo:
            self._versions.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(new, ignore_errors=True)
            undo.callback(shutil.rmtree, new, ignore_errors=True)
            method, copied = self._assemble(new, source)
            storage.remove_folder(final)
            new.rename(final)
            undo.pop_all()
            storage.point(self._candidate, f"versions/{number:06d}")
        return Candidate(
            number=number,
            parent=source.parent,
            folder=final,
            database=final / self._name,
            stable_database=self._candidate / self._name,
            state=final / STATE,
            copied_bytes=copied,
            copy_s=time.perf_counter() - began,
            copy_method=method,
        )

    def _assemble(self, new: Path, source: Ingredients) -> tuple[str, int]:
        """Fill a new folder. Returns how the database was copied, and its bytes."""
        new.mkdir()
        before = None if source.database is None else source.database.stat()
        method, copied = _copy_database(source.database, new / self._name)
        if source.state is not None and source.state.is_dir():
            storage.copy_tree(source.state, new / STATE)
        (new / STATE).mkdir(exist_ok=True)
        if source.database is not None and before is not None and source.link_back:
            adoption.note(new, source.database, before)
        return method, copied

    def _refuse_to_replace(self, number: int) -> None:
        """A folder that an interrupted `begin` or run left may be replaced; a version that was judged may not."""
        if number == self.published():
            raise WarehouseError(f"version `{number}` is the published one and is not built again")
        judged = self.metadata(number).get("state", "candidate") if self.path(number).is_dir() else "candidate"
        if judged != "candidate":
            raise WarehouseError(f"version `{number}` is kept as `{judged}` and is not built again")

    def demand_candidate(self, number: int) -> None:
        """Refuse to change what was judged.

        Raises:
            WarehouseError: the version is published, or was judged.
        """
        judged = self.metadata(number).get("state", "candidate")
        if number == self.published() or judged != "candidate":
            raise WarehouseError(f"version `{number}` was judged, so no row of it is moved")

    def _flush(self, number: int) -> None:
        storage.flush_tree(self.path(number))
        storage.flush(self._versions)

    def _drop_candidate_link(self, number: int) -> None:
        """What the steps were pointed at must not lead to a version that they may no longer write."""
        if self._candidate.is_symlink() and self._candidate.readlink() == Path(f"versions/{number:06d}"):
            self._candidate.unlink()

    def _not_ours(self, message: str) -> WarehouseError:
        hint = f"move `{self._live}` away; the next `tidegate check` or `run` makes the link anew"
        return WarehouseError(message, hint=hint)


def _spill_prefix() -> str:
    """Process ids mean something on one host only, and the folder may be shared."""
    return f".spill-{os.uname().nodename}-"


def _demand_database(path: Path) -> None:
    if not is_database(path):
        raise DatabaseNotFoundError(f"`{path}` is not a DuckDB database", hint="correct the path, or restore the file")


def _copy_database(source: Path | None, target: Path) -> tuple[str, int]:
    """Copy a database file that nobody writes. Returns the method and the bytes."""
    if source is None:
        return "none", 0
    with no_writer(source):
        if logs := logs_beside(source):
            raise WarehouseError(
                f"`{logs[0]}` lies beside the database and holds commits that a copy of the file alone would lose",
                hint="close the program that has the database open, or open and close it once with DuckDB",
            )
        method = storage.copy_file(source, target)
    return method, target.stat().st_size
