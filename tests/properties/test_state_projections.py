"""Whatever happens, legal or not: the projections are what the ledger says, and what is refused leaves no trace."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.state.haste import hasty_store
from tests.conformance.state.stories import NOW, event, finding, incident, whole
from tidegate.errors import StateError
from tidegate.ports.state import NewEvent
from tidegate.state.sqlite import SQLiteStateStore

numbers = st.integers(1, 4)
parents = st.none() | numbers
runs = st.sampled_from(["a", "b"])


def version_event(kind: str, number: int, other: int | None, run: str) -> NewEvent:
    data: dict[str, dict[str, object]] = {
        "begun": {"parent": other, "run": run, "code_revision": None},
        "recorded": {"parent": other, "state": "retired" if run == "a" else "published", "created_at": NOW},
        "sealed": {"fingerprint": f"f{number}"},
        "published": {"previous": other, "kind": "publish", "reason": run},
    }
    return event(f"version.{kind}", f"version:{number}", **data.get(kind, {"reason": run}))


def incident_event(kind: str, number: int, other: int, run: str) -> NewEvent:
    data: dict[str, dict[str, object]] = {
        "opened": whole(incident(number, run=run)),
        "seen": {"run": run, "version": other, "findings": (finding(key=run),)},
        "assigned": {"assignee": run},
    }
    return event(f"incident.{kind}", f"incident:{number}", **data.get(kind, {"reason": run}))


def run_event(kind: str, run: str) -> NewEvent:
    return event(kind, f"run:{run}", status="held", reason="", step="load", kind="dlt")


VERSION_KINDS = ["begun", "begun", "begun", "sealed", "judged", "held", "published", "published", "pruned", "recorded"]
INCIDENT_KINDS = ["opened", "seen", "assigned", "acknowledged", "mitigated", "resolved", "reviewed", "reopened"]
RUN_KINDS = ["run.started", "run.finished", "step.started", "step.finished"]

events = (
    st.builds(version_event, st.sampled_from(VERSION_KINDS), numbers, parents, runs)
    | st.builds(incident_event, st.sampled_from(INCIDENT_KINDS), st.integers(1, 2), numbers, runs)
    | st.builds(run_event, st.sampled_from(RUN_KINDS), runs)
    | st.just(event("weather.turned", "sky"))
)
batches = st.lists(st.lists(events, min_size=1, max_size=3), max_size=25)


class Expectation:
    """The rules once more, in another shape: what is legal, by sets of version numbers and states of incidents."""

    def __init__(self) -> None:
        self.versions: dict[int, str] = {}
        self.incidents: dict[int, str] = {}
        self.runs: dict[str, bool] = {}

    def copy(self) -> Expectation:
        other = Expectation()
        other.versions, other.incidents, other.runs = dict(self.versions), dict(self.incidents), dict(self.runs)
        return other

    def accepts(self, new: NewEvent) -> bool:
        noun, verb = new.kind.split(".")
        judge = {"version": self._version, "incident": self._incident, "run": self._run, "step": self._step}.get(noun)
        return judge is None or judge(verb, new.subject.split(":")[1], new)

    def _version(self, verb: str, name: str, new: NewEvent) -> bool:
        number, state = int(name), self.versions.get(int(name))
        live = next((n for n, s in self.versions.items() if s == "published"), None)
        parent = new.data.get("parent")
        if verb == "begun":
            kept = parent is None or self.versions.get(int(str(parent)), "pruned") != "pruned"
            legal, after = number > max(self.versions, default=0) and kept, "candidate"
        elif verb == "recorded":
            after = str(new.data["state"])
            legal = state is None and (parent is None or int(str(parent)) < number)
            legal = legal and (after != "published" or live is None)
        elif verb == "published":
            legal, after = state in {"candidate", "held", "retired"} and new.data["previous"] == live, "published"
            if legal and live is not None:
                self.versions[live] = "retired"
        else:
            allowed = {
                "held": "candidate", "pruned": "candidate held retired", "sealed": "candidate held",
                "judged": "candidate held published retired",
            }  # fmt: skip
            legal = state is not None and state in allowed[verb].split()
            after = verb if verb in {"held", "pruned"} else str(state)
        if legal:
            self.versions[number] = after
        return legal

    def _incident(self, verb: str, name: str, new: NewEvent) -> bool:
        number, state = int(name), self.incidents.get(int(name))
        rank = ["open", "acknowledged", "mitigated", "resolved", "reviewed"]
        if verb == "opened":
            legal, after = number > max(self.incidents, default=0), "open"
        elif state is None:
            return False
        elif verb in {"seen", "assigned"}:
            legal, after = rank.index(state) < 3, state
        elif verb == "reopened":
            legal, after = rank.index(state) >= 2, "open"
        elif verb == "reviewed":
            legal, after = state == "resolved", verb
        else:
            legal, after = rank.index(state) < rank.index(verb), verb
        if legal:
            self.incidents[number] = after
        return legal

    def _run(self, verb: str, name: str, new: NewEvent) -> bool:
        legal = name not in self.runs if verb == "started" else self.runs.get(name, False)
        if legal:
            self.runs[name] = verb == "started"
        return legal

    def _step(self, verb: str, name: str, new: NewEvent) -> bool:
        return self.runs.get(name, False)


def everything(store: SQLiteStateStore) -> tuple[object, ...]:
    return (
        store.events(), store.versions(), store.publications(), store.runs(), store.unfinished_runs(),
        store.incidents(), store.published(), store.next_version(), store.next_incident(),
    )  # fmt: skip


@given(batches)
@settings(max_examples=60)
def test_projections_are_a_replay_of_the_ledger(told: list[list[NewEvent]]) -> None:
    expected, accepted = Expectation(), 0
    with hasty_store() as store:
        for batch in told:
            before, trial = everything(store), expected.copy()
            if all(trial.accepts(new) for new in batch):
                assert [e.id for e in store.append(batch)] == list(range(accepted + 1, accepted + 1 + len(batch)))
                accepted, expected = accepted + len(batch), trial
            else:
                refused = False
                try:
                    store.append(batch)
                except StateError:
                    refused = True
                assert refused
                assert everything(store) == before
        assert {v.number: v.state.value for v in store.versions()} == expected.versions
        assert {i.number: i.state.value for i in store.incidents()} == expected.incidents
        assert {r.id: r.finished_at is None for r in store.runs()} == expected.runs
        assert store.problems() == ()
        before = everything(store)
        store.rebuild()
        assert everything(store) == before
        assert store.problems() == ()
