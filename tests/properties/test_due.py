"""Random incidents, random looks at them: every moment is told once, none is lost, and nobody is called in vain."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.services.site import finding
from tidegate.model import Event, Hush, Incident, IncidentState, Mute, NoticeKind, Route, Severity, Window
from tidegate.services.due import STORM, Due, Past, Plan, Policy, Story, due

T0 = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

MOVES = {
    IncidentState.OPEN: ("seen", "assigned", "acknowledged", "mitigated", "resolved"),
    IncidentState.ACKNOWLEDGED: ("seen", "assigned", "mitigated", "resolved"),
    IncidentState.MITIGATED: ("seen", "resolved", "reopened"),
    IncidentState.RESOLVED: ("reopened",),
}
AFTER = {
    "acknowledged": IncidentState.ACKNOWLEDGED,
    "mitigated": IncidentState.MITIGATED,
    "resolved": IncidentState.RESOLVED,
    "reopened": IncidentState.OPEN,
}

NIGHT = Window(zone=UTC, time_zone="UTC", days=tuple(range(7)), start_minute=22 * 60, end_minute=6 * 60)
durations = st.none() | st.sampled_from([5 * MINUTE, 15 * MINUTE, 60 * MINUTE])
routes = st.builds(
    Route,
    to=st.sampled_from(["chat:a", "mail:b", "pager:c"]),
    min_severity=st.sampled_from(Severity),
    escalate_after=durations,
    repeat_every=durations,
    repeat_times=st.integers(1, 4),
    at_most=st.integers(1, 4),
    hushes=st.sampled_from([(), (Hush(window=NIGHT, unless=Severity.SEV1),), (Hush(window=NIGHT),)]),
)


class Telling(RuleBasedStateMachine):
    """The outbox in memory: what a plan says is written down as one, as the store does it."""

    @initialize(said=st.lists(routes, min_size=1, max_size=4), updating=st.sets(st.sampled_from(["chat:a", "pager:c"])))
    def begin(self, said: list[Route], updating: set[str]) -> None:
        self.policy = Policy(routes=tuple(said), updating=frozenset(updating))
        self.now = T0
        self.stories: dict[int, Story] = {}
        self.waiting: set[int] = set()
        self.told: dict[tuple[str, int], set[str]] = {}
        self.threads: dict[tuple[str, int], str] = {}
        self.sent: list[tuple[datetime, Due]] = []
        self.ids = 0

    @rule(minutes=st.integers(0, 600))
    def wait(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    def _event(self, number: int, what: str, severity: Severity | None) -> Event:
        self.ids += 1
        self.waiting.add(self.ids)
        return Event(
            id=self.ids, at=self.now, actor="ann", role="system", kind=f"incident.{what}",
            subject=f"incident:{number}", data={} if severity is None else {"severity": severity.value}, hash="",
        )  # fmt: skip

    @rule(severity=st.sampled_from(Severity))
    def open(self, severity: Severity) -> None:
        number = len(self.stories) + 1
        opened = self._event(number, "opened", severity)
        incident = Incident(
            number=number, fingerprint=f"f{number}", title="t", state=IncidentState.OPEN, severity=severity, reasons=(),
            version=1, run=None, opened_at=self.now, updated_at=self.now, findings=(finding(f"t{number}"),),
        )  # fmt: skip
        self.stories[number] = Story(incident=incident, events=(opened,))

    @rule(data=st.data(), severity=st.sampled_from(Severity))
    def move(self, data: st.DataObject, severity: Severity) -> None:
        if not self.stories:
            return
        number = data.draw(st.sampled_from(sorted(self.stories)))
        story = self.stories[number]
        what = data.draw(st.sampled_from(MOVES[story.incident.state]))
        event = self._event(number, what, severity if what == "seen" else None)
        incident = replace(
            story.incident,
            state=AFTER.get(what, story.incident.state),
            severity=severity if what == "seen" else story.incident.severity,
        )
        self.stories[number] = replace(story, incident=incident, events=(*story.events, event))

    @rule(minutes=st.integers(1, 300), what=st.sampled_from(["chat:a", "mail:b", "1", "s.t2"]))
    def mute(self, minutes: int, what: str) -> None:
        mute = Mute(what=what, at=self.now, until=self.now + minutes * MINUTE, reason="r", actor="ann")
        self.policy = replace(self.policy, mutes=(*self.policy.mutes, mute))

    def _plan(self) -> Plan:
        recent = Counter(d.target for at, d in self.sent if at > self.now - STORM and d.counts)
        past = Past(told=self.told, threads=self.threads, recent=recent)
        return due(self.policy, list(self.stories.values()), sorted(self.waiting), past, self.now)

    @rule()
    def look(self) -> None:
        found = self._plan()
        for one in found.dues:
            for number, moment in one.moments:
                told = self.told.setdefault((one.target, number), set())
                assert moment.key not in told, "a moment is told twice"
                assert moment.at <= self.now, "it is told before it is due"
                told.add(moment.key)
                self.threads.setdefault((one.target, number), one.thread or one.name)
                self._calls_nobody_in_vain(number, moment.kind)
            self.sent.append((self.now, one))
        for target, number, key in found.waived:
            assert self.stories[number].incident.state is IncidentState.RESOLVED
            self.told.setdefault((target, number), set()).add(key)
        self.waiting -= set(found.settled)
        again = self._plan()
        assert again.dues == (), "a second look finds nothing that the first one told"

    def _calls_nobody_in_vain(self, number: int, kind: NoticeKind) -> None:
        if kind in {NoticeKind.ESCALATED, NoticeKind.REMINDER}:
            assert self.stories[number].incident.state is IncidentState.OPEN, "somebody is on it"

    @invariant()
    def a_target_never_gets_more_than_it_takes(self) -> None:
        for target in self.policy.targets if hasattr(self, "policy") else ():
            most = min(r.at_most for r in self.policy.routes if r.to == target)
            counted = [at for at, d in self.sent if d.target == target and d.counts]
            for at in counted:
                assert sum(at - STORM < other <= at for other in counted) <= most

    def teardown(self) -> None:
        """In the end, when nothing holds back any more, everything that concerns a target was told to it."""
        if not hasattr(self, "policy"):
            return
        self.now = (self.now + timedelta(days=3)).replace(hour=12)
        for _ in range(200):
            self.look()
            if not self.waiting:
                break
            self.now += STORM
            self.now = self.now.replace(hour=12)
        assert self.waiting == set()
        for route in self.policy.routes:
            if route.escalate_after is not None:
                continue
            for number, story in self.stories.items():
                if story.incident.severity <= route.min_severity:
                    told = self.told.get((route.to, number), set())
                    assert told, "never told"
                    assert str(story.events[-1].id) in told or story.events[-1].kind == "incident.seen", "news is lost"


TestTelling = Telling.TestCase
TestTelling.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
