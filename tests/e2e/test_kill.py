"""`kill -9` at every named point of every command, and at random instants: readers, ledger and the next run are whole."""

from __future__ import annotations

import ast
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import tidegate.services
from tests.e2e.harness.attempts import Order
from tests.e2e.harness.driver import Driver, Report, driver
from tests.e2e.harness.rig import Rig
from tidegate.model import VersionState

pytestmark = pytest.mark.slow

QUICK_SEEDS, QUICK_KILLS = 4, 12
SOAK_SEEDS, SOAK_KILLS = 40, 25


@pytest.fixture(scope="module")
def forks() -> Iterator[Driver]:
    with driver() as forking:
        yield forking


Make = Callable[..., Rig]


@pytest.fixture
def make(forks: Driver, tmp_path: Path) -> Iterator[Make]:
    """Make projects; every step that is left of them is stopped in the end."""
    made: list[Rig] = []

    def one(*, adopts: bool = False, links_back: bool = False) -> Rig:
        made.append(Rig(root=tmp_path / str(len(made)), driver=forks, adopts=adopts, links_back=links_back))
        return made[-1]

    yield one
    for rig in made:
        rig.close()


def with_versions(rig: Rig) -> None:
    """As many as retention keeps, so that the next one makes it remove the oldest."""
    while len(rig.ledger.publications) < 3:
        rig.complete(rig.order("run"))


def with_a_held_one(rig: Rig) -> None:
    with_versions(rig)
    if not rig.ledger.in_state(VersionState.HELD):
        rig.complete(rig.order("run", bad=True))


def publish_held(rig: Rig) -> Order:
    return rig.order("publish", version=rig.ledger.in_state(VersionState.HELD)[-1])


def roll_back(rig: Rig) -> Order:
    return rig.order("rollback", version=rig.ledger.in_state(VersionState.RETIRED)[-1])


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A command, and what must be there before it; `since` leaves out the stages that another scenario has as well."""

    prepare: Callable[[Rig], None]
    order: Callable[[Rig], Order]
    since: str | None = None


SCENARIOS: Mapping[str, Scenario] = {
    "run": Scenario(prepare=with_versions, order=lambda rig: rig.order("run")),
    "held run": Scenario(prepare=with_versions, order=lambda rig: rig.order("run", bad=True), since="judge"),
    "publish": Scenario(prepare=with_a_held_one, order=publish_held),
    "rollback": Scenario(prepare=with_versions, order=roll_back),
    "check": Scenario(prepare=with_versions, order=lambda rig: rig.order("check")),
}

Stage = tuple[str, int]


def stages_of(report: Report) -> list[Stage]:
    """Every stage that was reached, with how often it had been reached by then."""
    passed: Counter[str] = Counter()
    found = []
    for name in report.stages:
        passed[name] += 1
        found.append((name, passed[name]))
    return found


def killed_at(rig: Rig, order: Order, stage: Stage, *, outlive: bool) -> Report:
    report = rig.give(order.dying(stage=stage[0], occurrence=stage[1], outlive=outlive))
    assert report.was_killed, f"`{stage}` was not reached a second time"
    assert stages_of(report)[-1] == stage
    return report


def plan(rig: Rig, name: str) -> list[Stage]:
    """The stages of an undisturbed command that it is killed at."""
    scenario = SCENARIOS[name]
    scenario.prepare(rig)
    stages = stages_of(rig.complete(scenario.order(rig)))
    return stages[stages.index((scenario.since, 1)) :] if scenario.since else stages


def plan_first(make: Make, *, adopts: bool, links_back: bool = False) -> list[Stage]:
    """The same of the first run; of one that adopts a database only what other first runs do not have."""
    plain, rig = make(), make(adopts=adopts, links_back=links_back)
    usual = stages_of(plain.complete(plain.order("run")))
    if not adopts:
        return usual
    stages = stages_of(rig.complete(rig.order("run")))
    return [s for place, s in enumerate(stages) if place < stages.index(("copy", 1)) or s not in usual]


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_every_named_stage(make: Make, name: str) -> None:
    """Each stage of an undisturbed command in turn; the command after that is always a run."""
    scenario, rig = SCENARIOS[name], make()
    for number, stage in enumerate(plan(rig, name)):
        scenario.prepare(rig)
        lagged = rig.lagged
        killed_at(rig, scenario.order(rig), stage, outlive=number % 2 == 0)
        assert (rig.lagged > lagged) == (stage[0] == "swap"), "the ledger leads, by one swap"
        if stage[0] == "swap":
            killed_at(rig, rig.order("run"), ("copy", 1), outlive=False)
            assert rig.live == rig.ledger.published, "what was decided is shown before anything else is done"
        rig.complete(rig.order("run"))


@pytest.mark.parametrize(("name", "since", "until"), [("rollback", "swap", "published"), ("run", "remove", None)])
def test_killed_before_every_file_operation(make: Make, name: str, since: str, until: str | None) -> None:
    """Of the swap, and of the removal of what retention does not keep: nothing is ever half done."""
    scenario, rig = SCENARIOS[name], make()
    scenario.prepare(rig)
    clean = rig.complete(scenario.order(rig))
    deeds = (clean.deeds_at[until] if until else clean.facts["deeds"]) - clean.deeds_at[since]
    assert 4 <= deeds <= 60
    for deed in range(1, deeds + 1):
        report = rig.give(scenario.order(rig).dying(stage=since, deed=deed))
        assert report.was_killed
        assert report.stages[-1] == since
        if deed % 2:
            rig.complete(scenario.order(rig))
    rig.complete(rig.order("run"))


@pytest.mark.parametrize("adopts", [False, True], ids=["nothing", "another database"])
def test_killed_at_every_named_stage_of_the_first_run(make: Make, adopts: bool) -> None:
    """Again and again as long as nothing is published, whether it begins with nothing or adopts a database."""
    planned, rig = plan_first(make, adopts=adopts), make(adopts=adopts)
    for number, stage in enumerate(planned):
        if rig.ledger.published is not None:
            rig = make(adopts=adopts)
        killed_at(rig, rig.order("run"), stage, outlive=number % 2 == 0)
        if rig.ledger.published is not None:
            rig.complete(rig.order("run"))


@pytest.mark.parametrize("writes", [False, True], ids=["left alone", "written meanwhile"])
def test_killed_while_a_database_is_replaced_by_a_link(make: Make, writes: bool) -> None:
    """At every stage and, between the decision and the end, before every ninth file operation: whoever still writes to the
    database's own path loses nothing, and the next run goes on.
    """
    planned = plan_first(make, adopts=True, links_back=True)
    assert {("adopt", 1), ("swap", 1), ("link", 1)} <= set(planned)
    for stage in planned:
        rig = make(adopts=True, links_back=True)
        killed_at(rig, rig.order("run"), stage, outlive=False)
        recover(rig, writes=writes)
    kill_before_deeds_while_it_is_replaced(make, writes=writes, first=1 if writes else 5, every=9)


@pytest.mark.soak
@pytest.mark.parametrize("writes", [False, True], ids=["left alone", "written meanwhile"])
def test_killed_before_every_file_operation_while_a_database_is_replaced_by_a_link(make: Make, writes: bool) -> None:
    kill_before_deeds_while_it_is_replaced(make, writes=writes, first=1, every=1)


def kill_before_deeds_while_it_is_replaced(make: Make, *, writes: bool, first: int, every: int) -> None:
    rig = make(adopts=True, links_back=True)
    clean = rig.complete(rig.order("run"))
    deeds = clean.deeds_at["copy"] - clean.deeds_at["record"]
    assert 10 <= deeds <= 120
    for deed in range(first, deeds + 1, every):
        rig = make(adopts=True, links_back=True)
        report = rig.give(rig.order("run").dying(stage="record", deed=deed))
        assert report.was_killed
        recover(rig, writes=writes)


def recover(rig: Rig, *, writes: bool) -> None:
    """Somebody writes to the database, if its path is not the link yet; then two runs."""
    if writes and not rig.original.is_symlink():
        rig.write_original()
    for _ in range(2):
        rig.complete(rig.order("run"))
    assert rig.content()[0][: len(rig.original_rows)] == sorted(rig.original_rows), "what was written is in the version"


KILLED_ELSEWHERE = {"recover", "choose", "write", "search"}
"""`test_recover.py` kills a recovery at every stage in turn, `test_samples_and_report.py` the making of a sample."""


def test_no_stage_that_the_services_name_is_left_out(make: Make) -> None:
    """What the tests above kill at, against the source: a stage that none of them reaches is found here."""
    planned = [*plan_first(make, adopts=False), *plan_first(make, adopts=True, links_back=True)]
    rig = make()
    for name in SCENARIOS:
        planned += plan(rig, name)
    named = set(named_stages())
    assert named - KILLED_ELSEWHERE <= {stage.partition(":")[0] for stage, _ in planned}
    assert {"copy", "copied", "step", "scan", "swap", "prune"} <= named


def named_stages() -> Iterator[str]:
    """The first argument of every `progress.stage(...)` in the services, up to the colon."""
    for path in Path(tidegate.services.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "stage":
                constants = [n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant)]
                yield str(constants[0]).partition(":")[0]


# --- at random -------------------------------------------------------------------------------------------------------


@dataclass
class Habits:
    """How long a command takes when nobody kills it, in seconds, in watched events and in stages."""

    wall_s: dict[str, float] = field(default_factory=dict)
    deeds: dict[str, int] = field(default_factory=dict)
    stages: dict[str, list[Stage]] = field(default_factory=dict)

    def learn(self, report: Report) -> None:
        if not report.was_killed:
            do = report.order.do
            self.wall_s[do], self.deeds[do] = report.wall_s, report.facts["deeds"]
            self.stages[do] = stages_of(report)

    def mortal(self, order: Order, chance: random.Random) -> Order:
        """Kill it at a stage, before one of its file operations, or from outside at any instant."""
        order = order.dying(outlive=chance.random() < 0.3)
        way = chance.choice(["stage", "deed", "deed", "instant"])
        if way == "stage":
            stage, occurrence = chance.choice(self.stages.get(order.do, [("record", 1)]))
            return order.dying(stage=stage, occurrence=occurrence)
        if way == "deed":
            return order.dying(deed=chance.randint(1, self.deeds.get(order.do, 60)))
        return order.dying(after_s=chance.uniform(0.0, 1.1 * self.wall_s.get(order.do, 0.3)))


def any_order(rig: Rig, chance: random.Random) -> Order:
    """Mostly runs; else whatever is possible now."""
    shown_before = rig.ledger.in_state(VersionState.RETIRED)
    choices = [rig.order("run"), rig.order("run"), rig.order("run", bad=True)]
    choices += [rig.order("check")] if rig.ledger.published is not None else []
    choices += [rig.order("rollback", version=n) for n in shown_before]
    choices += [rig.order("publish", version=n) for n in rig.ledger.in_state(VersionState.HELD, VersionState.RETIRED)]
    return chance.choice(choices)


def kill_at_random(rig: Rig, seed: int, kills: int) -> None:
    """Kill `kills` commands from the first one on, three in ten again before anything could recover."""
    chance, habits = random.Random(seed), Habits()
    for _ in range(5 * kills):
        if rig.kills == kills:
            break
        order = habits.mortal(any_order(rig, chance), chance)
        report = rig.give(order)
        assert report.error is None, report
        habits.learn(report)
        if not report.was_killed or chance.random() < 0.7:
            habits.learn(rig.complete(rig.order("run", bad=chance.random() < 0.2)))
    assert rig.kills == kills
    rig.complete(rig.order("run"))


@pytest.mark.parametrize("seed", range(QUICK_SEEDS))
def test_killed_at_random(make: Make, seed: int) -> None:
    kill_at_random(make(adopts=seed % 2 == 1, links_back=seed % 4 == 1), seed, QUICK_KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1000 + SOAK_SEEDS))
def test_killed_at_random_a_thousand_times(make: Make, seed: int) -> None:
    kill_at_random(make(adopts=seed % 2 == 1, links_back=seed % 4 == 1), seed, SOAK_KILLS)
