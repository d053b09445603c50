"""What Tidegate asks of a channel that carries messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from tidegate.model import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierCapabilities:
    """What a channel can do.

    `updates`: later messages of a thread change what the first one shows, so that they are no new message.
    `threads`: later messages are shown below the first one. `dedupes`: a message that is sent twice under one key is seen
    once. `per_minute` is how many it takes; `guarantee` says in a sentence what becomes of a message that is cut off.
    """

    updates: bool
    threads: bool
    dedupes: bool
    per_minute: int
    guarantee: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of a channel. A `secret` is written as `${NAME}` and never shown. `default` is taken when it is not
    written; of a default that is such a name the environment must have the value.
    """

    name: str
    about: str
    default: str | None = None
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a notifier sends to: the address in `to`, the options with their values, and the project's folder."""

    address: str
    options: Mapping[str, str]
    root: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One try to carry a message, in about `timeout_s` seconds at most.

    `receipt` is what the last message of the thread gave back, empty before the first. `retry` tells that an earlier try
    under this key may have arrived.
    """

    notice: Notice
    receipt: Mapping[str, str]
    retry: bool
    timeout_s: float


class Notifier(Protocol):
    """A channel and an address on it. It is made with a Place.

    Making it raises TargetError when the address or an option cannot be right; it opens nothing.
    """

    capabilities: ClassVar[NotifierCapabilities]
    options: ClassVar[tuple[Option, ...]]

    def send(self, sending: Sending) -> Mapping[str, str]:
        """Carry one message and give back the receipt of its thread.

        A channel with `updates` shows the thread's present state after every message: it makes what is not there, changes
        what is, and closes what is resolved. A channel that dedupes sees to it that a message of which an earlier try may
        have arrived is there once.

        Raises:
            DeliveryError: it did not arrive, or nobody can tell; `transient` when a later try may do better.
        """
