"""Notify: targets as `tidegate.yml` names them, with what the environment holds for them; and telling at a command's end."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import cast

from tidegate.app.adapters import adapter
from tidegate.config import NAMED
from tidegate.errors import DeliveryError, TargetError, TidegateError
from tidegate.model import Route, Settings
from tidegate.ports import Notifier, Option, Place, Sending
from tidegate.services import notify
from tidegate.services.notify import Channels, Flushed, Tried
from tidegate.services.site import Site

END_OF_COMMAND_S = 15.0
"""How long a command may tell at its end; what is left goes out with the next one. Chosen, not derived."""

GRACE_S = 2.0
"""How much longer than its time a notifier may take before it is left to itself."""


def bounded(notifier: Notifier, sending: Sending) -> Mapping[str, str]:
    """Send, and always come back in time: a server that answers one byte a second, or a plug-in without a timeout, is left
    behind in a thread that ends with the process.

    Raises:
        DeliveryError: as the notifier; transient when it did not come back.
    """
    came: list[Mapping[str, str] | Exception] = []

    def work() -> None:
        try:
            came.append(notifier.send(sending))
        except Exception as error:  # noqa: BLE001  a plug-in's notifier may raise anything; it is raised again below
            came.append(error)

    thread = threading.Thread(target=work, daemon=True, name="tidegate-notify")
    thread.start()
    thread.join(sending.timeout_s + GRACE_S)
    if not came:
        raise DeliveryError("no answer in time", transient=True)
    (answer,) = came
    if isinstance(answer, TidegateError):
        raise answer
    if isinstance(answer, Exception):
        raise DeliveryError(f"unforeseen `{type(answer).__name__}`: {answer}", transient=True) from answer
    return answer


class Targets:
    """The targets of a project: makes their notifiers, and knows the secrets that no text may show."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._root = settings.root
        self._environment = environment
        self._secrets: set[str] = set()
        self._made: dict[str, Notifier] = {}

    def open(self, route: Route) -> Notifier:
        """The notifier of a route.

        Raises:
            AdapterNotFoundError: nobody registers that channel.
            TargetError: its address or an option cannot be used, or the environment lacks a value.
        """
        if route.to not in self._made:
            kind = notifier_class(route)
            address = self._filled(route.to.partition(":")[2], secret=True)
            options = {
                name: value for o in kind.options if (value := self._value(o, route, name := o.name)) is not None
            }
            place = Place(address=address, options=options, root=self._root)
            self._made[route.to] = cast("Callable[[Place], Notifier]", kind)(place)
        return self._made[route.to]

    def hide(self, text: str) -> str:
        """The text without the values of secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _value(self, option: Option, route: Route, name: str) -> str | None:
        said = route.options.get(name, option.default)
        return None if said is None else self._filled(said, secret=option.secret)

    def _filled(self, text: str, *, secret: bool) -> str:
        def value(found: re.Match[str]) -> str:
            held = self._environment.get(found[1])
            if not held:
                raise TargetError(f"the environment has no `{found[1]}`", hint=f"set `{found[1]}` where tidegate runs")
            if secret:
                self._secrets.add(held)
            return held

        return NAMED.sub(value, text)


def notifier_class(route: Route) -> type[Notifier]:
    """The class of a route's channel, once its options are known to be ones of it, and its secrets to be no plain text.

    Raises:
        AdapterNotFoundError: nobody registers that channel.
        TargetError: an option that it does not have, or a secret that stands in the file.
    """
    kind = cast("type[Notifier]", adapter("tidegate.notifiers", route.to.partition(":")[0], "notification"))
    known = {option.name: option for option in kind.options}
    for name, said in route.options.items():
        if name not in known:
            hint = f"known here: {', '.join(sorted(known)) or 'none'}"
            raise TargetError(f"`{route.to}` has no option `{name}`", hint=hint)
        if known[name].secret and not NAMED.fullmatch(said):
            hint = f"write `{name}: ${{SOME_NAME}}`, and set SOME_NAME in the environment"
            raise TargetError(f"`{name}` of `{route.to}` is a secret, and stands in tidegate.yml", hint=hint)
    return kind


def demand_targets(settings: Settings) -> None:
    """Look up every channel and its options; what the environment holds is not asked, it may be elsewhere.

    Raises:
        AdapterNotFoundError, TargetError: see `notifier_class`.
    """
    for route in settings.routes:
        notifier_class(route)


def channels(settings: Settings, environment: Mapping[str, str] | None = None) -> Channels:
    """How the targets of a project are reached.

    Raises:
        AdapterNotFoundError, TargetError: see `notifier_class`.
    """
    targets = Targets(settings, os.environ if environment is None else environment)
    updating = frozenset(r.to for r in settings.routes if notifier_class(r).capabilities.updates)
    return Channels(open=targets.open, carry=bounded, sleep=time.sleep, updating=updating, hide=targets.hide)


def tell(site: Site, *, budget_s: float = END_OF_COMMAND_S) -> Flushed | None:
    """Tell what is due, at the end of a command: whatever goes wrong is said, and neither delays nor fails the command."""
    try:
        found = notify.flush(site, channels(site.settings), budget_s=budget_s)
    except TidegateError as error:
        site.progress.say(f"notifications wait: {error}")
        return None
    except Exception as error:  # noqa: BLE001  a fault of ours in a message may not turn a good run into a failed one
        site.progress.say(f"notifications wait: unforeseen `{type(error).__name__}`: {error}")
        return None
    for tried in found.tried:
        site.progress.say(told(tried))
    if found.left:
        site.progress.say(f"{found.left} more wait: `tidegate notify --list` shows them, `--flush` sends them")
    return found


def told(tried: Tried) -> str:
    """What one try came to, in a line."""
    if tried.error is None:
        return f"told {tried.target}: {tried.kind}, {tried.headline}"
    again = "it is not tried again" if tried.dead else "it is tried again later"
    return f"could not tell {tried.target}: {tried.error}; {again}"
