"""The console: messages on stderr, for a laptop and for a scheduler that keeps what a command says."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import ClassVar

from tidegate.errors import DeliveryError, TargetError
from tidegate.integrations.notice_text import plain
from tidegate.model.words import inert
from tidegate.ports import NotifierCapabilities, Option, Place, Sending


class ConsoleNotifier:
    """`console:`, which needs no address."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=False,
        threads=False,
        dedupes=False,
        per_minute=6000,
        guarantee="at least once; one that was cut off is written again and says that it may be there twice",
    )
    options: ClassVar[tuple[Option, ...]] = ()

    def __init__(self, place: Place) -> None:
        if place.address:
            raise TargetError(f"`console:{place.address}` has an address", hint="write `console:`")

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        text = inert("".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in plain(notice)))
        try:
            sys.stderr.write(text + "\n\n")
            sys.stderr.flush()
        except OSError as error:
            raise DeliveryError(f"stderr cannot be written: {error.strerror}", transient=True) from None
        return {}
