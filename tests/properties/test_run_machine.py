"""Runs, publications, rollbacks, checks and kills in any order: readers, versions and incidents are what a small model says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.e2e.harness.driver import Driver, driver
from tests.e2e.harness.rig import Rig
from tests.e2e.harness.site import Silent, make_site, state_of
from tidegate.model import IncidentState, VersionState
from tidegate.services import respond

CANDIDATE, HELD, PUBLISHED, RETIRED, PRUNED = VersionState
OPEN, ACKNOWLEDGED, MITIGATED, RESOLVED, _ = IncidentState

KEPT_BY_RETENTION = 2

UNDECIDED = ("copy", "copied", "step:load", "load:inserted", "load:cursor", "step:transform", "seal", "scan", "judge")
"""Stages of a run in which nothing is decided yet."""

PRUNING = {"prune": 0, "remove": 1}
"""How many versions were pruned by the ledger when such a stage is first reached."""


@dataclass
class Made:
    """A version: the versions that its batches came with, whether its last batch is bad, and where it stands."""

    batches: tuple[int, ...]
    bad: bool
    state: VersionState


@dataclass
class Told:
    """An incident. There is one cause only: the rule that bad batches break."""

    state: IncidentState
    version: int
    seen: int = 1


class Model:
    """What versions, readers and incidents should be. It knows nothing of ledgers, links, locks and files."""

    def __init__(self) -> None:
        self.versions: dict[int, Made] = {}
        self.incidents: dict[int, Told] = {}
        self.published: int | None = None
        self.live: int | None = None

    def repair(self) -> None:
        """What every command does first."""
        self.live = self.published
        for made in self.versions.values():
            if made.state is CANDIDATE:
                made.state = PRUNED

    def begin(self, *, bad: bool) -> int:
        """What retention does not keep any more makes room first."""
        self.prune()
        number = len(self.versions) + 1
        before = self.versions[self.published].batches if self.published else ()
        self.versions[number] = Made(batches=(*before, number), bad=bad, state=CANDIDATE)
        return number

    def show(self, number: int) -> None:
        if self.published is not None:
            self.versions[self.published].state = RETIRED
        self.versions[number].state = PUBLISHED
        self.published = number

    def hold(self, number: int) -> None:
        self.versions[number].state = HELD
        self.tell(number)

    def tell(self, number: int) -> None:
        """The cause shows in a version: its incident is seen again, and open if it was mitigated or resolved."""
        told = self.incidents.setdefault(1, Told(state=OPEN, version=number, seen=0))
        told.version, told.seen = number, told.seen + 1
        told.state = OPEN if told.state in {MITIGATED, RESOLVED} else told.state

    def calm(self) -> None:
        """A version without the cause is published."""
        for told in self.incidents.values():
            if told.state in {OPEN, ACKNOWLEDGED}:
                told.state = MITIGATED

    def accept(self, number: int) -> None:
        """Somebody published a version as it is."""
        for told in self.incidents.values():
            if told.state is not RESOLVED and told.version == number:
                told.state = RESOLVED

    def prunable(self) -> list[int]:
        """Retention: the newest few, and what an unsolved incident names, stay."""
        named = {t.version for t in self.incidents.values() if t.state is not RESOLVED}
        old = [n for n in sorted(self.versions, reverse=True) if self.versions[n].state in {HELD, RETIRED}]
        return [n for n in old[KEPT_BY_RETENTION:] if n not in named]

    def prune(self, *, at_most: int | None = None) -> None:
        for number in self.prunable()[:at_most]:
            self.versions[number].state = PRUNED

    def in_state(self, *states: VersionState) -> list[int]:
        return [n for n, made in self.versions.items() if made.state in states]


class Runs(RuleBasedStateMachine):
    """Real commands in processes of their own, beside the model; now and then one is killed."""

    def __init__(self, forks: Driver) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.rig = Rig(root=Path(self.folder.name), driver=forks)
        self.model = Model()

    def teardown(self) -> None:
        self.rig.close()
        self.folder.cleanup()

    # --- what somebody does

    @initialize(runs=st.integers(0, 3))
    def a_past(self, runs: int) -> None:
        for _ in range(runs):
            self.run(bad=False)

    @rule(bad=st.booleans())
    def run(self, bad: bool) -> None:
        report = self.rig.complete(self.rig.order("run", bad=bad))
        self.model.repair()
        number = self.model.begin(bad=bad)
        assert report.facts["version"] == number
        self.decide(number, until=None)

    @precondition(lambda self: self.model.in_state(HELD, RETIRED))
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.model.in_state(HELD, RETIRED)))
        self.rig.complete(self.rig.order("publish", version=number))
        self.model.repair()
        self.publish_by_hand(number)
        self.model.live = number
        self.model.prune()

    @precondition(lambda self: self.model.in_state(RETIRED))
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.model.in_state(RETIRED)))
        self.rig.complete(self.rig.order("rollback", version=number))
        self.model.repair()
        self.model.show(number)
        self.model.live = number

    @precondition(lambda self: self.model.published is not None)
    @rule()
    def check(self) -> None:
        self.rig.complete(self.rig.order("check"))
        self.model.repair()
        assert self.model.published is not None
        if self.model.versions[self.model.published].bad:
            self.model.tell(self.model.published)

    @precondition(lambda self: any(t.state is OPEN for t in self.model.incidents.values()))
    @rule()
    def acknowledge(self) -> None:
        number = next(n for n, t in self.model.incidents.items() if t.state is OPEN)
        with closing(state_of(self.rig.root)) as state:
            respond.acknowledge(make_site(self.rig.root, state, Silent()), number, reason="mine")
        self.model.incidents[number].state = ACKNOWLEDGED
        self.rig.look()

    @precondition(lambda self: any(t.state is not RESOLVED for t in self.model.incidents.values()))
    @rule(resolution=st.sampled_from(respond.RESOLUTIONS))
    def resolve(self, resolution: str) -> None:
        number = next(n for n, t in self.model.incidents.items() if t.state is not RESOLVED)
        with closing(state_of(self.rig.root)) as state:
            place = make_site(self.rig.root, state, Silent())
            respond.resolve(place, number, reason="it is", resolution=resolution, waive="a test")
        self.model.incidents[number].state = RESOLVED
        self.rig.look()

    # --- what kills it

    @rule(bad=st.booleans(), stage=st.sampled_from(UNDECIDED), outlive=st.booleans())
    def kill_before_the_decision(self, bad: bool, stage: str, outlive: bool) -> None:
        report = self.rig.give(self.rig.order("run", bad=bad, stage=stage, outlive=outlive))
        assert report.was_killed
        self.model.repair()
        self.model.begin(bad=bad)

    @rule(bad=st.booleans(), stage=st.sampled_from(["record", "hold", "swap", "published", "prune", "remove"]))
    def kill_around_the_decision(self, bad: bool, stage: str) -> None:
        report = self.rig.give(self.rig.order("run", bad=bad, stage=stage))
        self.model.repair()
        if stage in PRUNING and self.model.prunable():  # before it begins
            self.model.prune(at_most=PRUNING[stage])
            return
        self.decide(self.model.begin(bad=bad), until=stage if report.was_killed else None)

    @precondition(lambda self: self.model.in_state(RETIRED))
    @rule(data=st.data(), do=st.sampled_from(["publish", "rollback"]), stage=st.sampled_from(["record", "swap"]))
    def kill_what_puts_back(self, data: st.DataObject, do: str, stage: str) -> None:
        number = data.draw(st.sampled_from(self.model.in_state(RETIRED)))
        report = self.rig.give(self.rig.order(do, version=number, stage=stage))
        assert report.was_killed
        self.model.repair()
        if stage == "swap" and do == "publish":
            self.publish_by_hand(number)
        elif stage == "swap":
            self.model.show(number)

    def decide(self, number: int, *, until: str | None) -> None:
        """What a run does once it has judged, up to the stage in which it is killed."""
        bad = self.model.versions[number].bad
        if until in {"record", "hold"}:
            return
        if bad:
            self.model.hold(number)
        else:
            self.model.calm()
            self.model.show(number)
        if until == "swap":
            return
        self.model.live = self.model.published
        if until != "published":
            self.model.prune(at_most=PRUNING.get(until or ""))

    def publish_by_hand(self, number: int) -> None:
        self.model.accept(number)
        self.model.show(number)

    # --- what must hold

    @invariant()
    def readers_see_what_the_model_says(self) -> None:
        assert self.rig.live == self.model.live
        if self.model.live is not None:
            made = self.model.versions[self.model.live]
            rows, marked, _ = self.rig.content()
            assert rows == list(enumerate(made.batches, start=1))
            assert [bad for *_, bad in marked] == [made.bad and n == len(rows) for n in range(1, len(rows) + 1)]

    @invariant()
    def versions_are_where_the_model_says(self) -> None:
        ledger = self.rig.ledger
        assert {n: v.state for n, v in ledger.versions.items()} == {n: m.state for n, m in self.model.versions.items()}
        assert ledger.published == self.model.published
        kept = {n for n, made in self.model.versions.items() if made.state in {HELD, PUBLISHED, RETIRED}}
        assert kept <= set(self.rig.kept)

    @invariant()
    def incidents_are_what_the_model_says(self) -> None:
        found = {n: (i.state, i.version, i.seen) for n, i in self.rig.ledger.incidents.items()}
        assert found == {n: (t.state, t.version, t.seen) for n, t in self.model.incidents.items()}
        assert len({i.fingerprint for i in self.rig.ledger.incidents.values()}) <= 1


@pytest.fixture(scope="module")
def forks() -> Iterator[Driver]:
    with driver() as forking:
        yield forking


def play(forks: Driver, *, examples: int, steps: int, phases: Sequence[Phase]) -> None:
    run_state_machine_as_test(
        lambda: Runs(forks),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=phases,
            suppress_health_check=list(HealthCheck),  # a step takes as long as a run does
        ),
    )


@pytest.mark.slow
def test_any_order_of_commands(forks: Driver) -> None:
    """A failure is told as it was found: to look for a shorter one takes minutes."""
    play(forks, examples=6, steps=16, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@pytest.mark.soak
def test_any_order_of_commands_for_long(forks: Driver) -> None:
    play(forks, examples=30, steps=30, phases=list(Phase))
