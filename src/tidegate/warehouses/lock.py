"""The one writer's lock of a warehouse: a file that says who writes, and that a dead writer does not keep."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tidegate.errors import WarehouseError, WarehouseLockedError
from tidegate.warehouses import process
from tidegate.warehouses.storage import refusals

POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """What the lock file says. `step_group` is the process group of the step that runs, with its leader's start."""

    pid: int
    started: str | None
    host: str
    owner: str
    since: str
    step_group: int | None = None
    step_started: str | None = None

    @property
    def is_elsewhere(self) -> bool:
        return self.host != os.uname().nodename

    @property
    def is_running(self) -> bool:
        return process.is_running(self.pid, self.started)


class WriterLock:
    """A lock file that holds JSON about its owner and is under flock(2) as long as the owner lives.

    flock tells a living owner from a dead one, whatever became of its process id; where a file system has no flock,
    process id and start time decide. The file is only ever replaced as a whole, by the one process whose flock is on the
    file that the path names at that moment; so whoever reads it, also after a crash, reads all of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder: Holder | None = None
        self._descriptor: int | None = None

    def acquire(self, owner: str, wait_s: float) -> None:
        """Take the lock; a dead owner's is taken over, and the step that it left running is killed first.

        Raises:
            WarehouseLockedError: somebody else holds it after `wait_s` seconds.
            ReadOnlyError: the folder cannot be written.
        """
        until = time.monotonic() + wait_s
        with refusals(f"lock the warehouse `{self._path.parent}`"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            while not self._try(owner):
                left = until - time.monotonic()
                if left <= 0:
                    raise self._refusal()
                time.sleep(min(POLL_S, left))

    def note_step(self, group: int) -> None:
        """Record the step's process group, so that whoever takes over can stop it.

        Raises:
            WarehouseError: this process does not hold the lock.
        """
        if self._holder is None:
            raise WarehouseError("a step was started without holding the warehouse's lock")
        leader = process.find(group)
        noted = replace(self._holder, step_group=group, step_started=leader.started if leader else None)
        with refusals(f"write `{self._path}`"):
            self._replace(noted)

    def release(self) -> None:
        """Let the next one have it."""
        if self._descriptor is None:
            return
        with suppress(OSError):  # the descriptor is closed in any case, and then the file is a dead owner's
            if _is_at(self._descriptor, self._path):
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = self._holder = None

    def _try(self, owner: str) -> bool:
        while True:
            if (descriptor := self._open()) is None:
                continue
            try:
                if not _flock(descriptor):
                    return False
                if not _is_at(descriptor, self._path):
                    continue
                holder = _parse(os.pread(descriptor, 65536, 0))
                if holder is not None and not self._may_take_over(holder):
                    return False
                self._replace(_this_process(owner))
                return True
            finally:
                os.close(descriptor)

    def _open(self) -> int | None:
        """Make the lock file if there is none, else open it; None when it came or went in between."""
        with suppress(FileExistsError):
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        with suppress(FileNotFoundError):
            try:
                return os.open(self._path, os.O_RDWR)  # an exclusive flock over NFS wants it writable
            except PermissionError:
                return os.open(self._path, os.O_RDONLY)
        return None

    def _may_take_over(self, dead: Holder) -> bool:
        """Called with the flock held, so the owner is dead, unless it is on another host or there is no flock here."""
        if dead.is_elsewhere or dead.is_running:
            return False
        return dead.step_group is None or process.stop_group(dead.step_group, dead.step_started)

    def _replace(self, holder: Holder) -> None:
        """Put a new lock file, already under our flock, in the place of the one that we hold."""
        fresh = self._path.with_name(f".{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            _flock(descriptor)
            os.write(descriptor, json.dumps(asdict(holder)).encode())
            fresh.replace(self._path)
        except BaseException:
            os.close(descriptor)
            raise
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self._holder = descriptor, holder

    def _refusal(self) -> WarehouseLockedError:
        try:
            holder = _parse(self._path.read_bytes())
        except OSError:
            holder = None
        where = f"the warehouse `{self._path.parent}` is locked"
        if holder is None:
            return WarehouseLockedError(f"{where} by a process that has just taken it")
        message = f"{where} by `{holder.owner}`, process `{holder.pid}` on `{holder.host}`, since {holder.since}"
        if holder.is_elsewhere:
            hint = f"wait for it to end; if `{holder.host}` no longer runs it, remove `{self._path}`"
            return WarehouseLockedError(message, hint=hint)
        if not holder.is_running and holder.step_group is not None:
            hint = f"stop the process group `{holder.step_group}` that it left behind, which could not be killed"
            return WarehouseLockedError(f"{message}; it is dead, but its step still runs", hint=hint)
        return WarehouseLockedError(message)


def _this_process(owner: str) -> Holder:
    me = process.find(os.getpid())
    return Holder(
        pid=os.getpid(),
        started=me.started if me else None,
        host=os.uname().nodename,
        owner=owner,
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _flock(descriptor: int) -> bool:
    """Take flock without waiting; False when another one has it, True also where the file system knows none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in {errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
            raise
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that the path names now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _parse(text: bytes) -> Holder | None:
    """None for a file that was made and not written yet, or is no lock file of ours."""
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None
