"""Everything else that messages can go to, by the library `apprise`, which is an extra: `pip install 'tidegate[apprise]'`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import ClassVar

from tidegate.errors import DeliveryError, TargetError
from tidegate.integrations.notice_text import LOUD, label, plain
from tidegate.ports import NotifierCapabilities, Option, Place, Sending


class AppriseNotifier:
    """`apprise:name`, with one of the addresses that apprise knows (https://github.com/caronc/apprise/wiki)."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=False,
        threads=False,
        dedupes=False,
        per_minute=20,
        guarantee="at least once; apprise does not say why a message was refused, so each failure is tried again",
    )
    options: ClassVar = (Option(name="url", about="apprise's address", default="${APPRISE_URL}", secret=True),)

    def __init__(self, place: Place) -> None:
        if find_spec("apprise") is None:
            raise TargetError("`apprise` is not installed", hint="run `pip install 'tidegate[apprise]'`")
        self._url = place.options["url"]

    def send(self, sending: Sending) -> Mapping[str, str]:
        notice = sending.notice
        import apprise

        logging.getLogger("apprise").propagate = False  # it would log the address, which is a secret
        carrier = apprise.Apprise()
        if not carrier.add(self._url):
            raise DeliveryError("apprise does not know such an address", transient=False, hint="see apprise's wiki")
        kind = apprise.NotifyType.FAILURE if notice.kind in LOUD else apprise.NotifyType.INFO
        title = f"{label(notice)}: {notice.headline}"
        if not carrier.notify(body=plain(notice), title=title, notify_type=kind):
            raise DeliveryError("apprise says that it was not delivered", transient=True)
        return {}
