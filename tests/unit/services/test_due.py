"""Who is due what, and when: worked out by hand on short stories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.unit.services.site import finding
from tidegate.model import (
    Event,
    Hush,
    Incident,
    IncidentState,
    Layer,
    Mute,
    NoticeKind,
    Route,
    Severity,
    Window,
)
from tidegate.services.due import Due, Past, Plan, Policy, Story, due, within

T0 = datetime(2026, 6, 1, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STATES = {
    "opened": IncidentState.OPEN,
    "reopened": IncidentState.OPEN,
    "acknowledged": IncidentState.ACKNOWLEDGED,
    "mitigated": IncidentState.MITIGATED,
    "resolved": IncidentState.RESOLVED,
}


def story(*told: tuple[int, str] | tuple[int, str, str], number: int = 1, table: str = "orders") -> Story:
    """A story of (minute, what happened, severity from then on)."""
    severity, state, events = "sev3", IncidentState.OPEN, []
    for place, (minute, what, *rest) in enumerate(told):
        severity = rest[0] if rest else severity
        state = STATES.get(what, state)
        data = {"severity": severity} if rest or what == "opened" else {}
        events.append(
            Event(
                id=100 * number + place,
                at=T0 + minute * MINUTE,
                actor="ann",
                role="system",
                kind=f"incident.{what}",
                subject=f"incident:{number}",
                data=data,
                hash="",
            )
        )
    incident = Incident(
        number=number,
        fingerprint=f"f{number}",
        title=f"{table} lost rows",
        state=state,
        severity=Severity(severity),
        reasons=(),
        version=2,
        run=None,
        opened_at=events[0].at,
        updated_at=events[-1].at,
        findings=(finding(table),),
    )
    return Story(incident=incident, events=tuple(events))


def plan(
    stories: Story | list[Story],
    *routes: Route,
    at: float = 0,
    told: Mapping[tuple[str, int], set[str]] | None = None,
    threads: Mapping[tuple[str, int], str] | None = None,
    updating: bool = False,
    recent: int = 0,
    maintenance: tuple[Hush, ...] = (),
    mutes: tuple[Mute, ...] = (),
) -> Plan:
    stories = stories if isinstance(stories, list) else [stories]
    targets = frozenset(r.to for r in routes)
    policy = Policy(routes=routes, maintenance=maintenance, mutes=mutes, updating=targets if updating else frozenset())
    past = Past(told=told or {}, threads=threads or {}, recent=dict.fromkeys(targets, recent))
    waiting = [e.id for s in stories for e in s.events]
    return due(policy, stories, waiting, past, T0 + at * MINUTE)


def kinds(found: Plan) -> list[tuple[str, str]]:
    return [(d.target, str(d.kind)) for d in found.dues]


CHAT = Route(to="chat:a")
PAGER = Route(to="pager:b", escalate_after=15 * MINUTE)


def test_an_opening_is_told_at_once_and_settled():
    found = plan(story((0, "opened")), CHAT)
    assert kinds(found) == [("chat:a", "opened")]
    assert found.settled == (100,)


def test_what_is_told_is_not_told_again():
    found = plan(story((0, "opened")), CHAT, told={("chat:a", 1): {"100"}}, threads={("chat:a", 1): "t"})
    assert (found.dues, found.settled) == ((), (100,))


def test_without_routes_everything_is_settled():
    found = plan(story((0, "opened")))
    assert (found.dues, found.settled) == ((), (100,))


@pytest.mark.parametrize(("severity", "told"), [("sev1", 1), ("sev2", 1), ("sev3", 0), ("sev4", 0)])
def test_severity_decides_who_is_told(severity: str, told: int):
    found = plan(story((0, "opened", severity)), replace(CHAT, min_severity=Severity.SEV2))
    assert len(found.dues) == told
    assert found.settled == (100,)


def test_what_gets_worse_is_told_to_those_who_had_not_heard():
    route = replace(CHAT, min_severity=Severity.SEV2)
    found = plan(story((0, "opened", "sev3"), (5, "seen", "sev2")), route, at=5)
    assert kinds(found) == [("chat:a", "worse")]
    told = {("chat:a", 1): {"101"}}
    later = story((0, "opened", "sev3"), (5, "seen", "sev2"), (6, "seen", "sev4"), (7, "acknowledged"))
    found = plan(later, route, at=7, told=told, threads={("chat:a", 1): "t"})
    assert kinds(found) == [("chat:a", "acknowledged")]


def test_seen_again_is_no_message_but_renews_what_is_shown():
    seen = story((0, "opened"), (60, "seen"))
    told, threads = {("chat:a", 1): {"100"}}, {("chat:a", 1): "t"}
    assert plan(seen, CHAT, at=60, told=told, threads=threads).dues == ()
    (one,) = plan(seen, CHAT, at=60, told=told, threads=threads, updating=True).dues
    assert (one.quiet, one.counts, one.thread) == (True, False, "t")


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route(to="x:", layers=(Layer.DATA,)), 1),
        (Route(to="x:", layers=(Layer.TECHNICAL,)), 0),
        (Route(to="x:", tables=("s.*",)), 1),
        (Route(to="x:", tables=("raw.*", "s.orders")), 1),
        (Route(to="x:", tables=("raw.*",)), 0),
        (Route(to="x:", products=("revenue",)), 1),
        (Route(to="x:", products=("other",)), 0),
    ],
)
def test_filters(route: Route, told: int):
    one = replace(story((0, "opened")), products=("revenue",))
    assert len(plan(one, route).dues) == told


def test_nobody_acknowledged_in_time():
    opened = story((0, "opened"))
    assert kinds(plan(opened, CHAT, PAGER, at=14)) == [("chat:a", "opened")]
    assert kinds(plan(opened, CHAT, PAGER, at=15)) == [("chat:a", "opened"), ("pager:b", "escalated")]


@pytest.mark.parametrize("stop", ["acknowledged", "mitigated", "resolved"])
@pytest.mark.parametrize("flushed_at", [10, 15, 600])
def test_somebody_on_it_stops_the_escalation_even_when_it_is_looked_at_late(stop: str, flushed_at: int):
    found = plan(story((0, "opened"), (10, stop)), PAGER, at=flushed_at)
    assert (found.dues, found.settled) == ((), (100, 101))


def test_assigning_it_is_no_answer():
    assert kinds(plan(story((0, "opened"), (3, "assigned")), PAGER, at=15)) == [("pager:b", "escalated")]


def test_who_was_called_hears_the_rest_of_it():
    told, threads = {("pager:b", 1): {"100+900s"}}, {("pager:b", 1): "t"}
    done = story((0, "opened"), (20, "acknowledged"), (50, "resolved"))
    found = plan(done, PAGER, at=50, told=told, threads=threads)
    assert kinds(found) == [("pager:b", "resolved")]
    assert [m.key for _, m in found.dues[0].moments] == ["101", "102"]


def test_each_reopening_escalates_anew():
    again = story((0, "opened"), (5, "acknowledged"), (6, "resolved"), (100, "reopened"))
    assert plan(again, PAGER, at=114).dues == ()
    assert [m.key for _, m in plan(again, PAGER, at=115).dues[0].moments] == ["103+900s"]


def test_reminders_come_while_nobody_is_on_it_and_the_missed_ones_are_one():
    route = replace(CHAT, repeat_every=30 * MINUTE, repeat_times=3)
    opened = story((0, "opened"))
    told, threads = {("chat:a", 1): {"100"}}, {("chat:a", 1): "t"}
    assert plan(opened, route, at=29, told=told, threads=threads).dues == ()
    (one,) = plan(opened, route, at=65, told=told, threads=threads).dues
    assert (one.kind, len(one.moments)) == (NoticeKind.REMINDER, 2)
    told = {("chat:a", 1): {"100", *(m.key for _, m in one.moments)}}
    assert plan(opened, route, at=89, told=told, threads=threads).dues == ()
    assert len(plan(opened, route, at=10_000, told=told, threads=threads).dues[0].moments) == 1
    acked = story((0, "opened"), (40, "acknowledged"))
    (news,) = plan(acked, route, at=65, told=told, threads=threads).dues
    assert news.kind is NoticeKind.ACKNOWLEDGED


def test_what_opened_and_ended_between_two_looks_is_one_message():
    (one,) = plan(story((0, "opened"), (5, "acknowledged"), (9, "resolved")), CHAT, at=60).dues
    assert (one.kind, len(one.moments)) == (NoticeKind.OPENED, 3)


def test_two_routes_to_one_target_tell_once():
    assert len(plan(story((0, "opened")), CHAT, replace(CHAT, layers=(Layer.DATA,))).dues) == 1


# --- hours -----------------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = (0, 1, 2, 3, 4)


def weekly(start: int, end: int, days: tuple[int, ...] = tuple(range(7)), zone: ZoneInfo = BERLIN) -> Window:
    return Window(zone=zone, time_zone=zone.key, days=days, start_minute=start * 60, end_minute=end * 60)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-06-01T19:59", False),  # Monday, 21:59 in Berlin
        ("2026-06-01T20:00", True),
        ("2026-06-02T04:59", True),
        ("2026-06-02T05:00", False),
        ("2026-12-01T20:30", False),  # an hour later in winter
        ("2026-12-01T21:00", True),
        ("2026-12-02T05:59", True),
        ("2026-12-02T06:00", False),
        ("2026-03-29T00:30", True),  # the night in which 02:00 is 03:00
        ("2026-03-29T05:00", False),
        ("2026-10-25T05:59", True),  # the night that has an hour more
        ("2026-10-25T06:00", False),
    ],
)
def test_hours_over_midnight_follow_the_clock_of_the_zone(moment: str, inside: bool):
    assert within(weekly(22, 7), datetime.fromisoformat(f"{moment}:00+00:00")) is inside


def test_hours_that_begin_on_friday_end_on_saturday():
    window = weekly(22, 7, days=(4,), zone=ZoneInfo("UTC"))
    assert within(window, datetime(2026, 6, 6, 6, 59, tzinfo=UTC))
    assert not within(window, datetime(2026, 6, 5, 6, 59, tzinfo=UTC))
    assert not within(window, datetime(2026, 6, 6, 22, tzinfo=UTC))


def test_a_whole_day_and_a_window_that_comes_once():
    assert all(within(weekly(0, 0, zone=ZoneInfo("UTC")), T0 + h * 60 * MINUTE) for h in range(48))
    once = Window(zone=BERLIN, time_zone="", start=T0, end=T0 + MINUTE)
    assert [within(once, T0 + m * MINUTE) for m in (-1, 0, 0.9, 1)] == [False, True, True, False]


def test_quiet_hours_hold_back_and_the_morning_brings_one_message():
    quiet = replace(CHAT, hushes=(Hush(window=weekly(22, 7), unless=Severity.SEV1),))
    night = story((0, "opened"), (30, "seen", "sev2"))  # 05:00 in Berlin
    found = plan(night, quiet, at=30)
    assert (found.dues, found.settled) == ((), ())
    assert found.held["chat:a"] == "it is outside the hours in which it is told"
    (one,) = plan(night, quiet, at=120).dues
    assert (one.kind, len(one.moments)) == (NoticeKind.OPENED, 2)
    assert len(plan(story((0, "opened", "sev1")), quiet).dues) == 1


def test_business_hours_let_wait_what_comes_outside():
    office = replace(CHAT, hushes=(Hush(window=weekly(9, 17, days=WEEK), outside=True, unless=Severity.SEV1),))
    assert plan(story((0, "opened")), office, at=0).dues == ()
    assert len(plan(story((0, "opened")), office, at=4 * 60).dues) == 1
    assert plan(story((0, "opened")), office, at=5 * 24 * 60 + 4 * 60).dues == ()  # Saturday


def test_maintenance_of_some_tables():
    window = Window(zone=BERLIN, time_zone="", start=T0, end=T0 + 60 * MINUTE)
    hush = Hush(window=window, tables=("s.orders",), reason="upgrade")
    both = [story((0, "opened")), story((0, "opened"), number=2, table="other")]
    found = plan(both, CHAT, at=10, maintenance=(hush,))
    assert [d.incidents for d in found.dues] == [(2,)]
    assert found.held["chat:a"] == "maintenance: upgrade"
    assert found.settled == (200,)
    assert len(plan(both, CHAT, at=60, maintenance=(hush,)).dues) == 2


@pytest.mark.parametrize("what", ["1", "s.orders", "s.*", "chat:a"])
def test_a_mute_ends(what: str):
    mute = Mute(what=what, at=T0 - MINUTE, until=T0 + 60 * MINUTE, reason="known", actor="ann")
    assert plan(story((0, "opened")), CHAT, at=59, mutes=(mute,)).dues == ()
    assert len(plan(story((0, "opened")), CHAT, at=60, mutes=(mute,)).dues) == 1
    other = replace(mute, what="2")
    assert len(plan(story((0, "opened")), CHAT, at=10, mutes=(other,)).dues) == 1


def test_what_came_and_went_while_it_was_muted_is_waived():
    mute = Mute(what="1", at=T0 - MINUTE, until=T0 + 60 * MINUTE, reason="known", actor="ann")
    found = plan(story((0, "opened"), (30, "resolved")), CHAT, at=61, mutes=(mute,))
    assert found.dues == ()
    assert found.waived == (("chat:a", 1, "100"), ("chat:a", 1, "101"))
    assert found.settled == (100, 101)


# --- storms ----------------------------------------------------------------------------------------------------------


def storm(count: int) -> list[Story]:
    severities = ("sev4", "sev3", "sev2", "sev1")
    return [story((0, "opened", severities[n % 4]), number=n + 1, table=f"t{n}") for n in range(count)]


def numbers(dues: tuple[Due, ...]) -> list[int]:
    return sorted(n for d in dues for n in d.incidents)


@pytest.mark.parametrize("count", [1, 9, 10, 11, 500])
@pytest.mark.parametrize("recent", [0, 3, 9])
def test_a_storm_is_a_few_messages_and_a_digest_that_has_the_rest(count: int, recent: int):
    found = plan(storm(count), CHAT, recent=recent)
    assert len(found.dues) == min(count, 10 - recent)
    assert numbers(found.dues) == list(range(1, count + 1))
    assert len(found.settled) == count
    if count > 10 - recent:
        assert found.dues[-1].kind is NoticeKind.DIGEST
        own = [d.severity for d in found.dues[:-1]]
        assert own == sorted(own)
        assert all(s <= found.dues[-1].severity for s in own)


def test_when_as_many_went_out_as_it_takes_the_rest_waits():
    found = plan(storm(3), CHAT, recent=10)
    assert (found.dues, found.settled) == ((), ())
    assert found.held["chat:a"].startswith("3 wait")


def test_changes_of_what_is_shown_are_no_storm():
    all_told = {("chat:a", n): {f"{100 * n}"} for n in range(1, 41)}
    threads = {key: f"t{key[1]}" for key in all_told}
    stories = [story((0, "opened"), (9, "mitigated"), number=n) for n in range(1, 41)]
    assert len(plan(stories, CHAT, at=9, told=all_told, threads=threads, updating=True, recent=10).dues) == 40
    assert len(plan(stories, CHAT, at=9, told=all_told, threads=threads, recent=5).dues) == 5


def test_the_news_of_a_digest_stay_together():
    told, threads = {("chat:a", n): {f"{100 * n}"} for n in (1, 2)}, {("chat:a", 1): "d", ("chat:a", 2): "d"}
    stories = [story((0, "opened"), (9, "mitigated"), number=n) for n in (1, 2)]
    (one,) = plan(stories, CHAT, at=9, told=told, threads=threads, updating=True).dues
    assert (one.thread, one.incidents, one.kind) == ("d", (1, 2), NoticeKind.DIGEST)


def test_names_differ_by_target_and_moment_and_by_nothing_else():
    first, second = plan(story((0, "opened")), CHAT, Route(to="chat:b")).dues
    again = plan(story((0, "opened")), CHAT, at=7).dues[0]
    assert first.name == again.name != second.name
    assert first.name != plan(story((0, "opened"), (1, "acknowledged")), CHAT, at=7).dues[0].name
