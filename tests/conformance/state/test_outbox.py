"""The outbox: nothing enters it without its event, nothing leaves it unsent, and no process takes what another one has."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from tests.conformance.notifier.adapters import notice
from tests.conformance.state.stories import NOW, Opener, event, opened
from tidegate.errors import StateError
from tidegate.model import DeliveryState
from tidegate.ports.state import Planned, StateStore

ALL = tuple(DeliveryState)
WAITING, SENDING, SENT, DEAD = ALL
SECOND = timedelta(seconds=1)


def planned(
    number: int = 1, *, thread: str = "t", target: str = "chat:a", moment: str = "1", counts: bool = True
) -> Planned:
    said = notice(key=f"{target}{thread}#{number}", thread=thread, incidents=(7,))
    return Planned(target=target, notice=said, moments=((7, moment),), due_at=NOW, counts=counts)


def keep(store: StateStore, *wanted: Planned, settled: tuple[int, ...] = ()) -> int:
    return store.outbox.plan(wanted, waived=(), settled=settled, now=NOW)


def claimed(store: StateStore, seconds: float = 0, *, without: tuple[str, ...] = ()) -> str | None:
    found = store.outbox.claim(NOW + seconds * SECOND, lease_s=60, without=without)
    return None if found is None else found.key


def test_events_of_incidents_enter_with_their_event(store: StateStore):
    store.append([event("run.started", "run:a"), opened(1), event("incident.assigned", "incident:1", assignee="ann")])
    assert store.outbox.waiting() == ((2, 1), (3, 1))
    assert store.outbox.fresh


def test_what_is_refused_enters_nothing(store: StateStore):
    with pytest.raises(StateError):
        store.append([opened(1), opened(1)])
    assert store.outbox.waiting() == ()


def test_other_events_are_nobodys_business(store: StateStore):
    store.append([opened(1)])
    store.append([event("notification.sent", "incident:1", target="x"), event("notification.muted", "notify:mutes")])
    assert store.outbox.waiting() == ((1, 1),)


def test_another_opener_sees_what_waits(open_store: Opener):
    open_store().append([opened(1)])
    other = open_store()
    assert other.outbox.waiting() == ((1, 1),)
    assert not other.outbox.fresh


def test_planning_settles_and_keeps_in_one_go(store: StateStore):
    store.append([opened(7)])
    assert keep(store, planned(), settled=(1,)) == 1
    assert store.outbox.waiting() == ()
    assert store.outbox.told([7]) == {("chat:a", 7): {"1"}}
    assert store.outbox.threads([7]) == {("chat:a", 7): "t"}
    assert store.outbox.members("chat:a", "t") == (7,)
    (kept,) = store.outbox.deliveries(ALL)
    assert (kept.state, kept.attempts, kept.notice) == (WAITING, 0, planned().notice)


def test_a_moment_is_planned_once(store: StateStore):
    assert keep(store, planned()) == 1
    assert keep(store, planned(2)) == 0
    assert keep(store, planned(3, target="chat:b"), planned(4, moment="2")) == 2
    assert len(store.outbox.deliveries(ALL)) == 3


def test_what_is_waived_is_told(store: StateStore):
    store.outbox.plan((), waived=[("chat:a", 7, "1")], settled=(), now=NOW)
    assert keep(store, planned()) == 0
    assert store.outbox.deliveries(ALL) == ()


def test_a_try_is_written_down_before_it_is_made(open_store: Opener):
    store = open_store()
    keep(store, planned())
    found = store.outbox.claim(NOW, lease_s=60, without=())
    assert found is not None
    assert (found.attempts, found.state, found.receipt) == (1, SENDING, {})
    (seen,) = open_store().outbox.deliveries(ALL)
    assert (seen.attempts, seen.state) == (1, SENDING)


def test_nobody_takes_it_twice_until_the_lease_ends(store: StateStore):
    keep(store, planned())
    assert claimed(store) is not None
    assert claimed(store, 59) is None
    assert claimed(store, 60) is not None
    assert store.outbox.deliveries(ALL)[0].attempts == 2


def test_a_thread_keeps_its_order_and_holds_up_no_other(store: StateStore):
    keep(store, planned(1, moment="1"), planned(2, moment="2"), planned(3, thread="u", moment="3"))
    assert claimed(store) == "chat:at#1"
    assert claimed(store) == "chat:au#3"
    assert claimed(store) is None
    store.outbox.sent("chat:at#1", receipt={"ts": "9"}, now=NOW, events=())
    second = store.outbox.claim(NOW, lease_s=60, without=())
    assert second is not None
    assert (second.key, second.receipt) == ("chat:at#2", {"ts": "9"})


def test_a_target_may_rest(store: StateStore):
    keep(store, planned(1), planned(2, target="chat:b"))
    assert claimed(store, without=("chat:a",)) == "chat:bt#2"
    assert claimed(store, without=("chat:a",)) is None


def test_what_failed_comes_again_and_what_is_dead_does_not(store: StateStore):
    keep(store, planned(1), planned(2, moment="2"))
    assert claimed(store) == "chat:at#1"
    store.outbox.failed("chat:at#1", error="no", next_at=NOW + 10 * SECOND)
    assert claimed(store, 9) is None
    assert claimed(store, 10) == "chat:at#1"
    store.outbox.failed("chat:at#1", error="never", next_at=None, events=[event("notification.failed", "incident:7")])
    (dead,) = store.outbox.deliveries((DEAD,))
    assert (dead.error, dead.attempts) == ("never", 2)
    assert store.events()[-1].kind == "notification.failed"
    assert claimed(store, 11) == "chat:at#2"
    assert store.outbox.revive(NOW) == 1
    store.outbox.sent("chat:at#2", receipt={}, now=NOW, events=())
    assert claimed(store) == "chat:at#1"


def test_it_is_sent_with_its_events_once(store: StateStore):
    keep(store, planned())
    claimed(store)
    for _ in range(2):
        said = [event("notification.sent", "incident:7", target="chat:a")]
        store.outbox.sent("chat:at#1", receipt={}, now=NOW, events=said)
    assert [e.kind for e in store.events()] == ["notification.sent"]
    store.outbox.failed("chat:at#1", error="too late", next_at=NOW)
    assert store.outbox.deliveries(ALL)[0].state is SENT
    assert claimed(store, 3600) is None


def test_a_try_whose_events_are_refused_is_still_to_be_answered_for(store: StateStore):
    keep(store, planned())
    claimed(store)
    with pytest.raises(StateError):
        store.outbox.sent("chat:at#1", receipt={}, now=NOW, events=[event("incident.resolved", "incident:7")])
    assert store.outbox.deliveries(ALL)[0].state is SENDING


def test_how_many_went_out_lately(store: StateStore):
    keep(store, planned(1), planned(2, moment="2"), planned(3, moment="3", counts=False))
    keep(store, planned(4, target="chat:b", moment="4"))
    assert store.outbox.recent(NOW - SECOND) == {"chat:a": 2, "chat:b": 1}
    assert store.outbox.recent(NOW) == {}


def test_many_who_take_get_each_message_once(open_store: Opener):
    store = open_store()
    keep(store, *(planned(n, thread=f"t{n}", moment=str(n)) for n in range(40)))
    taken: list[str] = []

    def work() -> None:
        mine = open_store()
        while (key := claimed(mine)) is not None:
            taken.append(key)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == len(set(taken)) == 40


def test_a_replay_of_the_ledger_tells_nothing_again(open_store: Opener):
    store = open_store()
    store.append([opened(7)])
    keep(store, planned(), settled=(1,))
    assert hasattr(store, "rebuild")
    store.rebuild()
    assert store.outbox.waiting() == ()
    assert len(store.outbox.deliveries(ALL)) == 1


def test_what_is_through_is_forgotten_and_stays_told(store: StateStore):
    """Sent and dead messages go, what waits stays; and no moment is planned again."""
    store.append([opened(7)])
    assert keep(store, planned(1), planned(2, moment="2", thread="u"), planned(3, moment="3", thread="v")) == 3
    for _ in range(2):
        assert claimed(store) is not None
    store.outbox.sent("chat:at#1", receipt={"ts": "1"}, now=NOW, events=())
    store.outbox.failed("chat:au#2", error="gone", next_at=None)
    assert store.outbox.forget(NOW) == 0, "they are not older than that"
    assert store.outbox.forget(NOW + SECOND) == 2
    assert [d.key for d in store.outbox.deliveries(tuple(DeliveryState))] == ["chat:av#3"]
    assert keep(store, planned(4)) == 0, "it was told"
    assert store.outbox.threads((7,)) == {("chat:a", 7): "t"}
