"""Flushing: the pace, the waits between tries, what is given up, and the words of a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from tests.unit.services.site import NOW, StandingClock, finding, make_site
from tidegate.errors import DeliveryError, IncidentError, UsageError
from tidegate.lineage import Graph
from tidegate.model import DeliveryState, Incident, Notice, Route
from tidegate.ports import NotifierCapabilities, Option, Sending
from tidegate.services import incidents, notify, respond
from tidegate.services.notice import links
from tidegate.services.notify import Channels, Flushed, wait_s
from tidegate.services.site import Site

CHAT = Route(to="chat:a")


class MovingClock(StandingClock):
    """It goes on only while somebody sleeps."""

    sleeps = 0

    def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.moment += timedelta(seconds=seconds)

    def wall_s(self) -> float:
        return (self.moment - NOW).total_seconds()


@dataclass
class Chat:
    """A channel in memory; `troubles` are raised first, one a message."""

    per_minute: int = 6000
    updates: bool = False
    taken: list[Sending] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)
    options: ClassVar[tuple[Option, ...]] = ()

    @property
    def capabilities(self) -> NotifierCapabilities:
        return NotifierCapabilities(
            updates=self.updates, threads=False, dedupes=True, per_minute=self.per_minute, guarantee="once"
        )

    def send(self, sending: Sending) -> Mapping[str, str]:
        if self.troubles:
            raise self.troubles.pop(0)
        self.taken.append(sending)
        return {"place": str(len(self.taken))}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = make_site(tmp_path)
    made = replace(made, clock=MovingClock(), settings=replace(made.settings, routes=(CHAT,)))
    yield made
    made.state.close()


def open_one(site: Site, name: str = "orders") -> Incident:
    events = incidents.record(site, [finding(name)], Graph(), version=1, run=None, held=True)
    site.state.append(events)
    return site.state.incidents()[0]


def flushed(site: Site, chat: Chat, *, budget_s: float = 60, patient: bool = False) -> Flushed:
    clock = site.clock
    assert isinstance(clock, MovingClock)
    reach = Channels(
        open=lambda route: chat,
        carry=lambda notifier, sending: notifier.send(sending),
        sleep=clock.sleep,
        updating=frozenset({CHAT.to}) if chat.updates else frozenset(),
        hide=lambda text: text.replace("secret", "***"),
    )
    return notify.flush(site, reach, budget_s=budget_s, patient=patient)


def later(site: Site, **time: float) -> None:
    clock = site.clock
    assert isinstance(clock, MovingClock)
    clock.moment += timedelta(**time)


def said(chat: Chat) -> list[Notice]:
    return [s.notice for s in chat.taken]


def test_told_once_however_often_it_is_flushed(site: Site):
    chat = Chat()
    open_one(site)
    assert flushed(site, chat).planned == 1
    assert flushed(site, chat) == Flushed(planned=0, tried=(), left=0, held={})
    assert [n.kind for n in said(chat)] == ["opened"]
    assert [e.kind for e in site.state.events(subject="incident:1")] == ["incident.opened", "notification.sent"]


def test_the_receipt_comes_back_with_the_next_message(site: Site):
    chat = Chat()
    open_one(site)
    flushed(site, chat)
    respond.acknowledge(site, 1, reason="mine")
    flushed(site, chat)
    assert [s.receipt for s in chat.taken] == [{}, {"place": "1"}]
    assert said(chat)[1].news == "ann is on it: mine"
    assert said(chat)[0].thread == said(chat)[1].thread


def test_a_try_that_failed_comes_again_under_the_same_key(site: Site):
    chat = Chat(troubles=[DeliveryError("down: secret", transient=True)])
    open_one(site)
    first = flushed(site, chat)
    assert (first.tried[0].error, first.left) == ("down: ***", 1)
    assert flushed(site, chat).tried == ()  # its wait is not over
    later(site, seconds=15)
    flushed(site, chat)
    (sending,) = chat.taken
    assert (sending.retry, sending.notice.again) == (True, True)


def test_patience_waits_for_the_next_try_within_the_budget(site: Site):
    chat = Chat(troubles=[DeliveryError("down", transient=True)])
    open_one(site)
    found = flushed(site, chat, patient=True)
    assert [t.error for t in found.tried] == ["down", None]


def test_patience_sleeps_and_does_not_poll(site: Site):
    chat = Chat(troubles=[DeliveryError("down", transient=True, retry_after_s=30)])
    open_one(site)
    flushed(site, chat)
    respond.acknowledge(site, 1, reason="mine")
    assert len(flushed(site, chat, patient=True).tried) == 2
    assert site.clock.sleeps <= 3  # type: ignore[attr-defined]  # it is a MovingClock
    assert [n.kind for n in said(chat)] == ["opened", "acknowledged"]


def test_every_message_is_carried_by_what_always_comes_back(site: Site):
    def late(notifier: object, sending: Sending) -> Mapping[str, str]:
        raise DeliveryError("no answer in time", transient=True)

    clock = site.clock
    assert isinstance(clock, MovingClock)
    open_one(site)
    reach = Channels(open=lambda route: Chat(), carry=late, sleep=clock.sleep)
    assert notify.flush(site, reach, budget_s=1).tried[0].error == "no answer in time"
    assert notify.test(site, reach, [])[0].error == "no answer in time"


def test_retry_after_is_kept(site: Site):
    chat = Chat(troubles=[DeliveryError("slow down", transient=True, retry_after_s=600)])
    open_one(site)
    flushed(site, chat)
    later(site, seconds=599)
    assert flushed(site, chat).tried == ()
    later(site, seconds=1)
    assert len(flushed(site, chat).tried) == 1


def test_what_is_refused_is_dead_and_in_the_ledger(site: Site):
    chat = Chat(troubles=[DeliveryError("no such channel", transient=False)])
    open_one(site)
    assert flushed(site, chat).tried[0].dead
    assert site.state.outbox.deliveries((DeliveryState.DEAD,))[0].error == "no such channel"
    failed = site.state.events(subject="incident:1")[-1]
    assert (failed.kind, failed.data["error"]) == ("notification.failed", "no such channel")


def test_what_fails_for_more_than_a_day_is_dead(site: Site):
    chat = Chat(troubles=[DeliveryError("down", transient=True) for _ in range(100)])
    open_one(site)
    tries = 0
    while site.state.outbox.deliveries((DeliveryState.WAITING,)) or not tries:
        tries += len(flushed(site, chat).tried)
        later(site, hours=1)
    assert tries == notify.MOST_ATTEMPTS
    assert site.clock.now() - NOW > timedelta(days=1)


def test_a_target_that_is_gone_from_the_file_is_dead(site: Site):
    chat = Chat(troubles=[DeliveryError("down", transient=True)])
    open_one(site)
    flushed(site, chat)
    later(site, hours=1)
    gone = replace(site, settings=replace(site.settings, routes=(Route(to="chat:b"),)))
    assert flushed(gone, chat).tried[0].dead


def test_no_faster_than_the_channel_takes_it(site: Site):
    chat = Chat(per_minute=60)
    for number in range(5):
        open_one(site, f"t{number}")
    found = flushed(site, chat)
    assert len(found.tried) == 5
    assert site.clock.now() - NOW >= timedelta(seconds=4)


def test_what_does_not_fit_into_the_time_stays(site: Site):
    chat = Chat(per_minute=6)
    for number in range(5):
        open_one(site, f"t{number}")
    found = flushed(site, chat, budget_s=15)
    assert (len(found.tried), found.left) == (2, 3)
    assert len(flushed(site, chat, budget_s=100).tried) == 3


@pytest.mark.parametrize("attempts", [1, 2, 5, 20, 40])
def test_the_waits_grow_and_are_spread(attempts: int):
    full = min(3600.0, 15.0 * 2 ** (attempts - 1))
    waits = {wait_s(f"k{n}", attempts, None) for n in range(200)}
    assert len(waits) > 150
    assert all(0.75 * full <= wait <= full for wait in waits)
    assert wait_s("k", attempts, 9000.0) == 9000.0


def test_a_digest_names_the_rest_and_its_thread_goes_on(site: Site):
    site = replace(site, settings=replace(site.settings, routes=(replace(CHAT, at_most=2),)))
    chat = Chat(updates=True)
    for number in range(30):
        open_one(site, f"t{number}")
    flushed(site, chat)
    own, digest = said(chat)
    assert (own.incidents, len(digest.incidents)) == ((1,), 29)
    assert digest.headline.startswith("29 more incidents (29 open); the worst: check of t1")
    assert ("more", "9 further ones") in digest.facts
    respond.resolve(site, 5, reason="r", resolution="fixed", waive="a test")
    respond.acknowledge(site, 7, reason="r")
    flushed(site, chat)
    news = said(chat)[2]
    assert (news.thread, len(news.incidents), news.news) == (
        digest.thread,
        29,
        "news of 2 incidents, each with a cause of its own",
    )
    assert "27 open, 1 acknowledged, 1 resolved" in news.headline
    assert news.state == "open"


def test_an_escalation_needs_nobodys_event(site: Site):
    site = replace(site, settings=replace(site.settings, routes=(replace(CHAT, escalate_after=timedelta(minutes=15)),)))
    chat = Chat()
    open_one(site)
    flushed(site, chat)
    later(site, minutes=15)
    flushed(site, chat)
    assert [n.news for n in said(chat)] == ["nobody acknowledged it in 15 minutes"]


def test_the_words_of_a_message(site: Site):
    chat = Chat()
    open_one(site)
    flushed(site, chat)
    (told,) = said(chat)
    assert told.headline == "check of orders"
    facts = dict(told.facts)
    assert (facts["where"], facts["readers"]) == ("s.orders", "nothing is published yet")
    assert facts["because"].startswith("sev3: readers do not see this version")
    assert "look; then `tidegate run`" in facts["do"]
    assert told.commands == ("tidegate incidents show 1", "tidegate incidents ack 1")


def test_a_message_ends_with_the_links_that_the_settings_name(site: Site):
    """What is about one incident has its address; a digest has only what is about all."""
    addresses = (
        ("incident", "https://data.example.com/incidents/{incident}"),
        ("status page", "https://status.example.com"),
    )
    with_links = replace(site, settings=replace(site.settings, links=addresses))
    chat = Chat()
    open_one(with_links)
    flushed(with_links, chat)
    (told,) = said(chat)
    assert told.links == (
        ("incident", "https://data.example.com/incidents/1"),
        ("status page", "https://status.example.com"),
    )
    one, other = (with_links.state.incident(1),) * 2
    assert one is not None
    several = links(with_links, [one, replace(other, number=2)])
    assert several == (("status page", "https://status.example.com"),)


def test_a_target_for_tests_hears_of_no_incident(site: Site):
    routes = tuple(replace(r, test=True) for r in site.settings.routes)
    only_tests = replace(site, settings=replace(site.settings, routes=routes))
    chat = Chat()
    open_one(only_tests)
    flushed(only_tests, chat)
    assert said(chat) == []


def test_a_suppressed_incident_is_told_to_nobody_until_it_ends(site: Site):
    number = open_one(site).number
    respond.suppress(site, number, lasts=timedelta(hours=1), reason="known")
    chat = Chat()
    assert flushed(site, chat).held == {"chat:a": "`1` is muted until 2026-03-01 07:00 UTC: known"}
    respond.suppress(site, number, lasts=None, reason="over")
    flushed(site, chat)
    assert [n.headline for n in said(chat)] == ["check of orders"]


def test_mutes(site: Site):
    open_one(site)
    muted = notify.mute(site, "1", for_s=3600, reason="known")
    assert (muted.until - muted.at, muted.actor) == (timedelta(hours=1), "ann")
    chat = Chat()
    assert flushed(site, chat).held == {"chat:a": "`1` is muted until 2026-03-01 07:00 UTC: known"}
    notify.unmute(site, "1")
    later(site, seconds=1)
    assert len(flushed(site, chat).tried) == 1
    with pytest.raises(UsageError, match="is not muted"):
        notify.unmute(site, "1")
    with pytest.raises(UsageError, match="cannot be muted"):
        notify.mute(site, "orders", for_s=1, reason="x")
    with pytest.raises(IncidentError):
        notify.mute(site, "99", for_s=1, reason="x")


def test_a_test_leaves_no_trace(site: Site):
    chat = Chat()
    clock = site.clock
    assert isinstance(clock, MovingClock)
    reach = Channels(open=lambda route: chat, carry=lambda n, s: n.send(s), sleep=clock.sleep)
    (tried,) = notify.test(site, reach, [])
    assert (tried.error, tried.answer) == (None, {"place": "1"})
    assert said(chat)[0].kind == "test"
    assert site.state.events() == ()
    with pytest.raises(UsageError, match="there is no target `chat:x`"):
        notify.test(site, reach, ["chat:x"])
    empty = replace(site, settings=replace(site.settings, routes=()))
    with pytest.raises(UsageError, match="`notify:` is empty"):
        notify.test(empty, reach, [])
