"""Targets: what the environment holds for them, what must not be shown, and a notifier that never comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from tests.conformance.notifier.adapters import notice
from tests.unit.services.site import Silence, finding, make_site
from tidegate.app import notify
from tidegate.app.notify import Targets, bounded, channels, demand_targets, tell
from tidegate.errors import AdapterNotFoundError, DeliveryError, TargetError
from tidegate.lineage import Graph
from tidegate.model import Route, Settings
from tidegate.ports import NotifierCapabilities, Option, Sending
from tidegate.services import incidents
from tidegate.services.site import Site

SENDING = Sending(notice=notice(), receipt={}, retry=False, timeout_s=0.05)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path)
    yield made
    made.state.close()


def routed(site: Site, *routes: Route) -> Settings:
    return replace(site.settings, routes=routes)


class Odd:
    """A plug-in's notifier that does what it likes."""

    capabilities: ClassVar = NotifierCapabilities(
        updates=False, threads=False, dedupes=False, per_minute=60, guarantee="none"
    )
    options: ClassVar[tuple[Option, ...]] = ()

    def __init__(self, error: BaseException | None = None, *, hang: threading.Event | None = None) -> None:
        self._error, self._hang = error, hang

    def send(self, sending: Sending) -> Mapping[str, str]:
        if self._hang is not None:
            self._hang.wait(10)
        if self._error is not None:
            raise self._error
        return {"took": sending.notice.key}


def test_what_comes_back_comes_through(monkeypatch: pytest.MonkeyPatch):
    assert bounded(Odd(), SENDING) == {"took": notice().key}
    with pytest.raises(DeliveryError, match="gone"):
        bounded(Odd(DeliveryError("gone", transient=False)), SENDING)


def test_whatever_a_plug_in_raises_is_a_delivery_that_failed():
    with pytest.raises(DeliveryError, match="unforeseen `ZeroDivisionError`") as caught:
        bounded(Odd(ZeroDivisionError("x")), SENDING)
    assert caught.value.transient


def test_who_never_comes_back_is_left_behind(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notify, "GRACE_S", 0.05)
    released = threading.Event()
    with pytest.raises(DeliveryError, match="no answer in time") as caught:
        bounded(Odd(hang=released), SENDING)
    released.set()
    assert caught.value.transient


def test_values_come_from_the_environment_and_are_hidden(site: Site):
    route = Route(to="slack:#data", options={"token": "${MINE}"})
    targets = Targets(routed(site, route), {"MINE": "xoxb-secret"})
    targets.open(route)
    assert targets.hide("Slack says no to xoxb-secret") == "Slack says no to ***"
    assert targets.open(route) is targets.open(route)


@pytest.mark.parametrize("environment", [{}, {"SLACK_BOT_TOKEN": ""}])
def test_a_value_that_is_not_there_is_named(site: Site, environment: dict[str, str]):
    with pytest.raises(TargetError, match="has no `SLACK_BOT_TOKEN`") as caught:
        Targets(site.settings, environment).open(Route(to="slack:#data"))
    assert "SLACK_BOT_TOKEN" in caught.value.hint


def test_a_value_in_the_address(site: Site):
    route = Route(to="webhook:${WHERE}")
    targets = Targets(site.settings, {"WHERE": "https://example.com/s3cret"})
    targets.open(route)
    assert "s3cret" not in targets.hide("`https://example.com/s3cret` is down")


@pytest.mark.parametrize(
    ("route", "error", "says"),
    [
        (Route(to="slak:#x"), AdapterNotFoundError, "no notification adapter for `slak`"),
        (Route(to="slack:#x", options={"color": "red"}), TargetError, "has no option `color`"),
        (Route(to="slack:#x", options={"token": "xoxb-1"}), TargetError, "`token` of `slack:#x` is a secret"),
        (Route(to="slack:#x", options={"token": "xoxb-${A}"}), TargetError, "is a secret"),
        (Route(to="console:", options={"x": "1"}), TargetError, "known here"),
    ],
)
def test_what_cannot_be_is_refused_without_looking_at_the_environment(
    site: Site, route: Route, error: type[Exception], says: str
):
    with pytest.raises(error) as caught:
        demand_targets(routed(site, route))
    assert says in f"{caught.value} {getattr(caught.value, 'hint', '')}"
    assert "xoxb" not in str(caught.value)


def test_which_targets_are_updated_in_place(site: Site):
    found = channels(routed(site, Route(to="slack:#x"), Route(to="email:a@b.c"), Route(to="github:a/b")), {})
    assert found.updating == {"slack:#x", "github:a/b"}


class Hearing(Silence):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def opened(site: Site, *routes: Route) -> tuple[Site, Hearing]:
    heard = Hearing()
    site = replace(site, settings=routed(site, *routes), progress=heard)
    site.state.append(incidents.record(site, [finding("orders")], Graph(), version=1, run=None, held=True))
    return site, heard


def test_telling_says_what_became_of_it(site: Site):
    site, heard = opened(site, Route(to="file:out.jsonl"), Route(to="slack:#x"))
    told = tell(site)
    assert told is not None
    assert [t.error for t in told.tried] == [None, "the environment has no `SLACK_BOT_TOKEN`"]
    assert heard.said[0].startswith("told file:out.jsonl: opened, check of orders")
    assert "it is tried again later" in heard.said[1]
    assert "1 more wait" in heard.said[2]


def test_whatever_goes_wrong_while_telling_is_said_and_no_more(site: Site, monkeypatch: pytest.MonkeyPatch):
    broken, heard = opened(site, Route(to="slak:#x"))
    assert tell(broken) is None
    assert heard.said == ["notifications wait: no notification adapter for `slak`"]
    monkeypatch.setattr(notify, "channels", lambda settings: 1 / 0)
    assert tell(broken) is None
    assert heard.said[1].startswith("notifications wait: unforeseen `ZeroDivisionError`")


def test_who_has_no_targets_hears_nothing_and_keeps_nothing(site: Site):
    site, heard = opened(site)
    told = tell(site)
    assert told is not None
    assert (told.tried, told.left, heard.said) == ((), 0, [])
    assert site.state.outbox.waiting() == ()
