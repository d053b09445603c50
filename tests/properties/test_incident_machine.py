"""People and runs act on incidents in any order, and now and then one is killed at any instruction of the database: what the
store says is a replay of its ledger, the ledger is whole, and a command happened wholly or not at all.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.services.site import NOW, StandingClock, add_version, finding, make_site, ref
from tidegate.errors import IncidentError
from tidegate.lineage import build
from tidegate.model import Incident, IncidentState, Node, Role
from tidegate.services import incidents, respond
from tidegate.services.site import Site
from tidegate.state.sqlite import SQLiteStateStore

GRAPH = build(
    [Node(id=n, kind="model", name=n, dataset=ref(n)) for n in ("orders", "items", "facts", "other")],
    [("orders", "facts"), ("items", "facts")],
)
OPEN, ACKNOWLEDGED, MITIGATED, RESOLVED, _ = IncidentState
UNSOLVED = {OPEN, ACKNOWLEDGED, MITIGATED}

faulty = st.sets(st.sampled_from(["orders", "items", "facts", "other"]), max_size=3)
people = st.sampled_from(["ann", "bo"])
answers = st.sampled_from(respond.RESOLUTIONS)
Does = Callable[[Site], object]


class Incidents(RuleBasedStateMachine):
    """Services on a real store, beside what little is expected of them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.site = make_site(self.path)
        self.site.state._database._connection.execute("PRAGMA synchronous = OFF")
        add_version(self.site, 1, "create table t (id int)")
        self.hours = 0

    def teardown(self) -> None:
        self.site.state.close()
        self.folder.cleanup()

    # --- what happens

    @rule(tables=faulty, held=st.booleans(), hours=st.integers(0, 40))
    def run_finds(self, tables: set[str], held: bool, hours: int) -> None:
        self.hours += hours
        open_before = {i.number for i in self.incidents() if i.state in {OPEN, ACKNOWLEDGED}}
        self.record(self.now, tables, held)
        after = {i.number: i for i in self.incidents()}
        assert open_before <= after.keys()
        explained = {f.dataset.name for i in after.values() if i.state in UNSOLVED for f in i.findings}
        assert tables <= explained, "every finding that holds is in an unsolved incident"

    def record(self, site: Site, tables: set[str], held: bool) -> None:
        found = [finding(name) for name in sorted(tables)]
        events = incidents.record(site, found, GRAPH, version=1, run=None, held=held)
        site.state.append([*events, *incidents.mitigated(site, found, version=1)] if not held else events)

    @precondition(lambda self: self.incidents())
    @rule(data=st.data(), who=people)
    def acknowledges(self, data: st.DataObject, who: str) -> None:
        one = self.pick(data)
        after = self.tries(one.state is OPEN, lambda site: respond.acknowledge(site, one.number, reason="mine"), who)
        assert one.state is not OPEN or (after(one).state, after(one).assignee) == (ACKNOWLEDGED, one.assignee or who)

    @precondition(lambda self: self.incidents())
    @rule(data=st.data(), who=people, to=people, role=st.sampled_from(Role))
    def assigns(self, data: st.DataObject, who: str, to: str, role: Role) -> None:
        one = self.pick(data)
        held = {Role.LEAD: one.assignee, Role.COMMUNICATIONS: one.communications, Role.DATA_OWNER: one.data_owner}[role]
        allowed = one.state in UNSOLVED and held != to
        self.tries(allowed, lambda site: respond.assign(site, one.number, to=to, role=role, reason="on call"), who)

    @precondition(lambda self: self.incidents())
    @rule(data=st.data(), who=people, days=st.none() | st.integers(1, 9))
    def suppresses(self, data: st.DataObject, who: str, days: int | None) -> None:
        one = self.pick(data)
        lasts = None if days is None else timedelta(days=days)
        allowed = one.state in UNSOLVED and (days is not None or one.is_suppressed(self.now.clock.now()))
        self.tries(allowed, lambda site: respond.suppress(site, one.number, lasts=lasts, reason="known"), who)

    @precondition(lambda self: self.incidents())
    @rule(data=st.data(), who=people)
    def notes(self, data: st.DataObject, who: str) -> None:
        one = self.pick(data)
        after = self.tries(True, lambda site: respond.note(site, one.number, "seen"), who)
        assert dataclasses.replace(after(one), updated_at=one.updated_at) == one

    @precondition(lambda self: self.incidents())
    @rule(data=st.data(), who=people, answer=answers)
    def resolves(self, data: st.DataObject, who: str, answer: str) -> None:
        one = self.pick(data)
        does = lambda site: respond.resolve(site, one.number, reason="so", resolution=answer, waive="a test")  # noqa: E731  as the others
        after = self.tries(one.state in UNSOLVED, does, who)
        assert one.state not in UNSOLVED or (after(one).state, after(one).resolution) == (RESOLVED, answer)

    @precondition(lambda self: self.incidents())
    @rule(
        data=st.data(),
        after=st.sampled_from(range(0, 240, 4)),
        tables=faulty,
        what=st.sampled_from(["record", "acknowledge", "acknowledge", "resolve"]),
    )
    def is_killed(self, data: st.DataObject, after: int, tables: set[str], what: str) -> None:
        """A process of its own does it, and is killed after so many instructions; or it ends before that."""
        number = self.pick(data).number
        commands: dict[str, Does] = {
            "record": lambda site: self.record(site, tables, held=True),
            "acknowledge": lambda site: respond.acknowledge(site, number, reason="mine"),
            "resolve": lambda site: respond.resolve(site, number, reason="so", resolution="fixed", waive="a test"),
        }
        before = self.everything()
        moment = self.now
        self.site.state.close()
        child = os.fork()
        if child == 0:
            dies(moment, self.path, commands[what], after)
        _, status = os.waitpid(child, 0)
        self.site = make_site(self.path)
        events = self.site.state.events()
        assert tuple(events[: len(before)]) == before
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
        if what == "acknowledge":
            added = [e.kind for e in events[len(before) :]]
            assert added.count("incident.acknowledged") >= added.count("incident.assigned"), "both, or neither"

    @rule()
    def is_replayed(self) -> None:
        before = self.incidents()
        self.site.state.rebuild()
        assert self.incidents() == before

    # --- what always holds

    @invariant()
    def the_state_is_a_replay_of_a_whole_ledger(self) -> None:
        assert self.site.state.problems() == ()
        assert self.site.state.breaks() == ()

    @invariant()
    def no_cause_has_two_unsolved_incidents(self) -> None:
        causes = [i.fingerprint for i in self.incidents() if i.state in UNSOLVED]
        assert len(causes) == len(set(causes))

    # --- means

    @property
    def now(self) -> Site:
        return dataclasses.replace(self.site, clock=StandingClock(NOW + timedelta(hours=self.hours)))

    def everything(self) -> tuple[object, ...]:
        return self.site.state.events()

    def incidents(self) -> tuple[Incident, ...]:
        return self.site.state.incidents()

    def pick(self, data: st.DataObject) -> Incident:
        return data.draw(st.sampled_from(self.incidents()))

    def tries(self, allowed: bool, does: Does, who: str) -> Callable[[Incident], Incident]:
        """Do it as somebody; it is refused, without a trace, exactly when it is not allowed."""
        before, refused = self.everything(), False
        try:
            does(dataclasses.replace(self.now, actor=who))
        except IncidentError:
            refused = True
        assert refused != allowed
        assert (self.everything() == before) == refused
        return lambda one: self.site.state.incident(one.number)


def dies(site: Site, path: Path, does: Does, after: int) -> None:
    """In a child: open the store anew, do it, and be killed on the way."""
    try:
        store = SQLiteStateStore(path / "state.db")
        left = [after]

        def tick() -> int:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return 0

        store._database._connection.set_progress_handler(tick, 2)
        does(dataclasses.replace(site, state=store))
        store.close()
    except IncidentError:
        pass
    finally:
        os._exit(0)


TestIncidents = Incidents.TestCase
TestIncidents.settings = settings(
    max_examples=30, stateful_step_count=18, deadline=None, suppress_health_check=list(HealthCheck)
)
