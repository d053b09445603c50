"""What probes answered is kept as it came, once, and found by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidegate.model import Probed
from tidegate.ports import StateStore

AT = datetime(2026, 3, 1, 6, 0, 0, 123456, tzinfo=UTC)


def probed(minutes: int = 0, **more: object) -> Probed:
    fields = {"product": "revenue", "probe": "web", "answered": True, "latency_s": 0.25, **more}
    return Probed(at=AT + timedelta(minutes=minutes), **fields)


def test_an_answer_comes_back_as_it_was_kept(store: StateStore) -> None:
    failed = probed(1, answered=False, latency_s=None, timed_out=True, error="Zeit \u2012 \x00 'vorbei'")
    store.save_probed([probed(), failed])
    assert store.probed(since=AT) == (probed(), failed)


def test_they_are_found_by_time_and_in_order(store: StateStore) -> None:
    told = [probed(n, product=p) for n in (5, 0, 10) for p in ("b", "a")]
    store.save_probed(told)
    found = store.probed(since=AT + timedelta(minutes=5))
    assert [(p.product, (p.at - AT) // timedelta(minutes=1)) for p in found] == [
        ("a", 5),
        ("a", 10),
        ("b", 5),
        ("b", 10),
    ]


def test_the_same_probe_at_the_same_instant_is_kept_once(store: StateStore) -> None:
    store.save_probed([probed(), probed(probe="sql")])
    store.save_probed([probed(latency_s=2.0)])
    assert [p.latency_s for p in store.probed(since=AT)] == [0.25, 2.0]


def test_nothing_is_kept_of_nothing(store: StateStore) -> None:
    store.save_probed([])
    assert store.probed(since=AT) == ()


def test_what_is_old_is_forgotten(store: StateStore) -> None:
    store.save_probed([probed(n) for n in range(3)])
    assert store.forget_probed(AT) == 0
    assert store.forget_probed(AT + timedelta(minutes=2)) == 2
    assert store.probed(since=AT - timedelta(days=1)) == (probed(2),)
