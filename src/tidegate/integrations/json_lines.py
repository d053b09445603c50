"""A file of JSON lines: one line for every message, for whoever collects logs."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from typing import ClassVar

from tidegate.errors import DeliveryError, TargetError
from tidegate.integrations.webhook import body
from tidegate.ports import NotifierCapabilities, Option, Place, Sending


class FileNotifier:
    """`file:notifications.jsonl`, relative to the folder of tidegate.yml."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=False,
        threads=False,
        dedupes=True,
        per_minute=6000,
        guarantee="exactly one line for a message: a line that was cut off is ended, and one that is whole is not written again",
    )
    options: ClassVar[tuple[Option, ...]] = ()

    def __init__(self, place: Place) -> None:
        if not place.address:
            raise TargetError("`file:` names no file", hint="write `file:notifications.jsonl`")
        self._path = place.root / place.address

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        line = json.dumps(body(notice), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if sending.retry and self._has(notice.key):
                    return {}
                end = file.seek(0, os.SEEK_END)
                cut_off = end > 0 and _byte(file.fileno(), end - 1) != b"\n"
                file.write(b"\n" + line if cut_off else line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeliveryError(f"`{self._path}` cannot be written: {error.strerror}", transient=True) from None
        return {}

    def _has(self, key: str) -> bool:
        """Whether a whole line of that key is there; linear in the file, and only asked after a try was cut off."""
        with self._path.open("rb") as file:
            return any(line.endswith(b"\n") and _key(line) == key for line in file)


def _byte(descriptor: int, place: int) -> bytes:
    return os.pread(descriptor, 1, place)


def _key(line: bytes) -> object:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said.get("id") if isinstance(said, dict) else None
