"""What every notifier keeps, whatever it talks to."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

import pytest

from tests.conformance.notifier.adapters import WORLDS, World, notice
from tests.conformance.notifier.servers import Trouble
from tidegate.errors import DeliveryError
from tidegate.model import Notice, NoticeKind
from tidegate.ports import Sending


def send(
    world: World,
    said: Notice,
    receipt: Mapping[str, str] | None = None,
    *,
    retry: bool = False,
    timeout_s: float = 60.0,
) -> dict[str, str]:
    """Send it, with more patience than any server here needs, unless it is one that hangs."""
    found = world.notifier.send(Sending(notice=said, receipt=receipt or {}, retry=retry, timeout_s=timeout_s))
    return {**(receipt or {}), **found}


def test_every_registered_notifier_is_tested():
    assert {e.name for e in entry_points(group="tidegate.notifiers")} == set(WORLDS)


def test_a_message_says_what_where_since_when_and_what_to_do(world: World):
    send(world, notice())
    (text,) = world.texts()
    for part in (
        "raw.orders",
        "is false for 5 of 100 rows",
        "1750000003",
        "version 2 is held",
        "tidegate incidents ack 7",
    ):
        assert part in text


def test_what_follows_is_told_where_the_channel_tells_it(world: World):
    receipt = send(world, notice())
    receipt = send(world, notice(NoticeKind.ACKNOWLEDGED, news="ann is on it"), receipt)
    send(world, notice(NoticeKind.RESOLVED, news="ann resolved it as fixed: reloaded"), receipt)
    assert any("ann resolved it as fixed: reloaded" in text for text in world.texts()) or not any(
        "opened" in text for text in world.texts()
    )
    can = world.notifier.capabilities
    if not can.updates:
        assert len(world.texts()) == 3


def test_a_message_that_may_have_arrived_is_there_once_or_says_so(world: World):
    receipt = send(world, notice())
    send(world, notice(again=True), {}, retry=True)
    texts = world.texts()
    if world.notifier.capabilities.dedupes:
        assert len(texts) == 1
    else:
        assert len(texts) == 1 or "may be there twice" in texts[-1]
    news = notice(NoticeKind.ACKNOWLEDGED, news="ann is on it")
    send(world, news, receipt)
    before = len(world.texts())
    send(world, notice(NoticeKind.ACKNOWLEDGED, news="ann is on it", again=True), receipt, retry=True)
    if world.notifier.capabilities.dedupes:
        assert len(world.texts()) == before


def test_a_quiet_message_adds_nothing_where_messages_are_updated(world: World):
    if not world.notifier.capabilities.updates:
        return
    receipt = send(world, notice())
    before = len(world.texts())
    send(world, notice(NoticeKind.AGAIN, quiet=True, news="seen again, 2 times in all"), receipt)
    added = len(world.texts()) - before
    assert added == 0 or world.notifier.capabilities.per_minute == 300  # a webhook's receiver keeps the state itself


ODD = "a|b \x1b[31m @everyone <!channel> <script>alert(1)</script> *b* `x` ``` --> \u202e ünï \ud83d 😀 \r\nBcc: x@y"


@pytest.mark.parametrize("odd", [ODD, "x" * 5000, ""], ids=["odd", "long", "empty"])
def test_any_text_arrives(world: World, odd: str):
    said = odd.encode("utf-8", "replace").decode()
    send(world, notice(headline=said or "-", news=said, facts=(("where", said),), commands=(said,), links=()))
    assert len(world.texts()) == 1


def troubled(world: World, trouble: Trouble) -> DeliveryError:
    assert world.service is not None
    world.service.troubles.append(trouble)
    with pytest.raises(DeliveryError) as caught:
        send(world, notice(), timeout_s=0.3 if trouble.what == "hang" else 60.0)
    return caught.value


@pytest.mark.parametrize("what", [500, 502, 503, 429, 408, "reset", "hang"])
def test_what_passes_is_transient_and_a_later_try_arrives(world: World, what: int | str):
    if world.service is None:
        return
    error = troubled(world, Trouble(what))  # from one that hangs it comes back, or this never ends
    assert error.transient
    assert error.hint
    send(world, notice(again=True), {}, retry=True)
    assert len(world.texts()) >= 1


@pytest.mark.parametrize("what", [400, 401, 403, 404, 410, 302])
def test_what_does_not_pass_is_terminal(world: World, what: int):
    if world.service is None or "Apprise" in type(world.notifier).__name__:
        return
    error = troubled(world, Trouble(what, headers={"Location": "http://127.0.0.1:9/"}))
    assert not error.transient
    assert str(what) in str(error)


def test_it_waits_as_long_as_the_channel_asks(world: World):
    if world.service is None or "Apprise" in type(world.notifier).__name__:
        return
    error = troubled(world, Trouble(429, headers={"Retry-After": "17"}))
    assert (error.transient, error.retry_after_s) == (True, 17.0)


def test_an_answer_that_was_lost_is_transient(world: World):
    if world.service is None:
        return
    error = troubled(world, Trouble("drop"))
    assert error.transient
    send(world, notice(again=True), {}, retry=True)
    texts = world.texts()
    assert len(texts) == 1 if world.notifier.capabilities.dedupes else len(texts) in {1, 2}


def test_nobody_at_home_is_transient(world: World):
    if world.service is None:
        return
    world.service.troubles += [Trouble("reset", times=20)]
    with pytest.raises(DeliveryError) as caught:
        send(world, notice())
    assert caught.value.transient


def test_no_error_shows_a_secret_that_the_server_did_not_send_back(world: World):
    if world.service is None or world.secret is None:
        return
    for what in (400, 500, "reset"):
        error = troubled(world, Trouble(what))
        said = str(error) + error.hint
        assert world.secret not in said.replace(f"Bearer {world.secret}", "")
