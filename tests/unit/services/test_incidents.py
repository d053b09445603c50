"""One cause is one incident: how findings are grouped, how urgent they are, and what becomes of them run by run."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, finding, later, make_site, ref
from tidegate.lineage import Graph, build
from tidegate.model import Band, DatasetRef, Finding, Interval, MetricSpec, Node, Product, Segment, Severity, Slice
from tidegate.services import incidents, respond, slo
from tidegate.services.site import Site


def node(name: str, kind: str = "model") -> Node:
    return Node(id=name, kind=kind, name=name, dataset=None if kind == "exposure" else ref(name))


GRAPH = build(
    [node("orders"), node("items"), node("facts"), node("mart"), node("other"), node("board", kind="exposure")],
    [("orders", "facts"), ("items", "facts"), ("facts", "mart"), ("mart", "board")],
)
SLICE = Slice(segment=Segment(column="country", value="DE"), share=1.0, observed=0.0, expected=9.0)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Version 1 is published and version 2 held; there is no incident."""
    site = make_site(tmp_path)
    add_version(site, 1, "create table t (id int)")
    add_version(site, 2, parent=1, publish=False)
    return site


# --- groups


def test_what_is_derived_from_each_other_is_one_group_with_its_source_first() -> None:
    found = incidents.group([finding("mart"), finding("other"), finding("orders"), finding("facts")], GRAPH)
    assert [[f.dataset.name for f in members] for members in found] == [["orders", "facts", "mart"], ["other"]]


def test_two_sources_of_one_table_are_one_group_only_with_it() -> None:
    assert len(incidents.group([finding("orders"), finding("items")], GRAPH)) == 2
    assert len(incidents.group([finding("orders"), finding("items"), finding("facts")], GRAPH)) == 1


def test_without_lineage_each_table_is_a_group() -> None:
    assert len(incidents.group([finding("orders"), finding("facts"), finding("facts", kind="nulls")], Graph())) == 2


def test_what_is_about_no_table_stands_alone() -> None:
    found = incidents.group([finding("orders"), finding(None, kind="step"), finding(None, kind="unchecked")], GRAPH)
    assert [[f.kind for f in members] for members in found] == [["step"], ["unchecked"], ["check"]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (finding("facts", holds=True), finding("orders", holds=False)),
        (finding("orders", kind="nulls"), finding("facts", kind="unchecked")),
        (finding("orders", kind="unchecked"), finding("orders", kind="schema")),
        (finding("orders", kind="schema"), finding("orders", kind="volume")),
        (finding("orders", kind="volume", part=SLICE), finding("orders", kind="volume", rarity=9.0)),
        (finding("orders", kind="volume", rarity=9.0), finding("orders", kind="volume", rarity=3.0)),
        (finding("orders", kind="volume"), finding("orders", kind="a kind that nobody knows")),
    ],
    ids=["holds", "upstream", "unchecked", "a cause", "a slice", "rarer", "known"],
)
def test_the_root_names_the_cause(first: Finding, second: Finding) -> None:
    for findings in ([first, second], [second, first]):
        (members,) = incidents.group(findings, GRAPH)
        assert members[0] is first


def test_what_drifted_for_weeks_is_neither_cause_nor_effect_of_a_batch() -> None:
    slow = [finding("orders", kind="drift", holds=False), finding("facts", kind="drift", holds=False)]
    for findings in ([*slow, finding("facts"), finding("mart")], [finding("mart"), finding("facts"), *slow[::-1]]):
        found = incidents.group(findings, GRAPH)
        assert [[f.kind for f in members] for members in found] == [["check", "check"], ["drift", "drift"]]
        assert [members[0].dataset.name for members in found] == ["facts", "orders"]


def test_no_findings_no_groups() -> None:
    assert incidents.group([], GRAPH) == ()


# --- the next step


def test_the_next_step_of_a_failed_step_is_its_own_hint() -> None:
    assert incidents.next_step(finding(None, kind="step"), version=7, held=True) == "look"


@pytest.mark.parametrize("held", [True, False])
def test_what_was_written_behind_our_back_is_seen_by_readers_whether_the_run_is_held_or_not(
    site: Site, held: bool
) -> None:
    told(site, finding(None, kind=incidents.WRITTEN), held=held)
    written = site.state.incident(1)
    assert written.severity is Severity.SEV2
    assert written.reasons == ("readers already see this data",)
    assert written.next_step.startswith("look; `tidegate rollback`")
    assert ("`tidegate publish 2 --reason" in written.next_step) == held


def test_the_next_step_names_the_command_that_ends_it() -> None:
    held = incidents.next_step(finding("orders"), version=7, held=True)
    assert held.startswith("look; ")
    assert "`tidegate publish 7 --reason" in held
    seen = incidents.next_step(finding("orders"), version=7, held=False)
    assert "`tidegate rollback`" in seen
    assert "publish 7" not in seen


# --- what becomes of them


def told(site: Site, *findings: Finding, version: int = 2, held: bool = True) -> None:
    events = incidents.record(site, findings, GRAPH, version=version, run=None, held=held)
    if events:
        site.state.append(events)


def states(site: Site) -> dict[int, tuple[str, str, int]]:
    return {i.number: (i.fingerprint, i.state.value, i.seen) for i in site.state.incidents()}


def test_a_new_cause_opens_and_a_known_one_is_seen_again(site: Site) -> None:
    told(site, finding("orders"), finding("other"))
    assert states(site) == {1: ("orders/check", "open", 1), 2: ("other/check", "open", 1)}
    told(site, finding("orders"))
    assert states(site) == {1: ("orders/check", "open", 2), 2: ("other/check", "open", 1)}


def test_what_only_warns_opens_nothing(site: Site) -> None:
    told(site, finding("orders", holds=False))
    assert states(site) == {}


@pytest.mark.parametrize("resolution", respond.RESOLUTIONS)
def test_what_is_solved_and_returns_is_the_same_incident_again(site: Site, resolution: str) -> None:
    told(site, finding("orders"))
    respond.acknowledge(site, 1, reason="mine")
    respond.resolve(site, 1, reason="so", resolution=resolution, waive="a test")
    told(later(site, days=3), finding("orders"), finding("other"))
    assert states(site) == {1: ("orders/check", "open", 2), 2: ("other/check", "open", 1)}
    again = site.state.incident(1)
    assert (again.resolution, again.opened_at, again.updated_at) == (None, NOW, NOW + timedelta(days=3))
    kinds = [e.kind.removeprefix("incident.") for e in site.state.events(subject="incident:1")]
    assert [k for k in kinds if k != "reconciled"] == [
        "opened",
        "acknowledged",
        "assigned",
        "resolved",
        "reopened",
        "seen",
    ]
    (reopened,) = (e for e in site.state.events(subject="incident:1") if e.kind == "incident.reopened")
    assert reopened.data["reason"] == f"its cause is back in version 2, 3 days after it was resolved as {resolution}"


@pytest.mark.parametrize(
    ("days", "number", "words"),
    [(0.5, 1, "less than a day after"), (1.5, 1, "a day after"), (30, 1, "30 days after"), (30.01, 2, None)],
)
def test_after_a_month_it_is_a_new_incident(site: Site, days: float, number: int, words: str | None) -> None:
    told(site, finding("orders"))
    respond.resolve(site, 1, reason="repaired", resolution="fixed", waive="a test")
    told(later(site, days=days), finding("orders"))
    assert states(site)[number][1] == "open"
    assert len(states(site)) == number
    reasons = [str(e.data.get("reason")) for e in site.state.events(subject="incident:1")]
    assert any(words in r for r in reasons) if words else "back" not in " ".join(reasons)


@pytest.mark.parametrize(("observed", "number"), [(40.0, 1), (260.0, 2)], ids=["too few again", "too many"])
def test_a_number_that_is_off_the_other_way_is_a_new_incident(site: Site, observed: float, number: int) -> None:
    def rows(came: float) -> Finding:
        band = Band(low=90.0, high=110.0, centre=100.0, method="m", points=60)
        return dataclasses.replace(finding("orders", kind="volume"), observed=came, expected=band)

    told(site, rows(50.0))
    told(site, rows(observed))
    assert len(states(site)) == 1, "it is still open"
    told(site, rows(50.0))
    respond.resolve(site, 1, reason="repaired", resolution="fixed", waive="a test")
    told(later(site, days=3), rows(observed))
    assert states(site)[number][1] == "open"
    assert len(states(site)) == number
    assert (site.state.incident(1).resolution == "fixed") is (number == 2), "what was answered stays"


def test_the_month_begins_when_it_is_resolved(site: Site) -> None:
    told(site, finding("orders"))
    respond.resolve(later(site, days=40), 1, reason="repaired at last", resolution="fixed", waive="a test")
    told(later(site, days=60), finding("orders"))
    assert states(site) == {1: ("orders/check", "open", 2)}


def test_of_several_incidents_of_a_cause_the_open_one_or_else_the_newest_is_meant(site: Site) -> None:
    for day in (0, 40):
        told(later(site, days=day), finding("orders"))
        respond.resolve(
            later(site, days=day), 1 if day == 0 else 2, reason="repaired", resolution="fixed", waive="a test"
        )
    told(later(site, days=50), finding("orders"))
    assert {n: s[1:] for n, s in states(site).items()} == {1: ("resolved", 1), 2: ("open", 2)}
    told(later(site, days=51), finding("orders"))
    assert {n: s[1:] for n, s in states(site).items()} == {1: ("resolved", 1), 2: ("open", 3)}


@pytest.mark.parametrize(("resolution", "numbers"), [("fixed", [1]), ("expected", [1, 2]), ("false alarm", [1, 2])])
def test_an_answer_about_a_stretch_of_time_is_kept_as_it_is(site: Site, resolution: str, numbers: list[int]) -> None:
    """The baseline learns from it: what is strange on another day must not overwrite it."""
    day = Interval(start=NOW, end=NOW + timedelta(days=1))
    told(site, finding("orders", kind="volume", interval=day))
    respond.resolve(site, 1, reason="a storm", resolution=resolution, waive="a test")
    another = Interval(start=day.end, end=day.end + timedelta(days=1))
    told(later(site, days=1), finding("orders", kind="volume", interval=another))
    assert sorted(states(site)) == numbers
    if len(numbers) == 2:
        first = site.state.incident(1)
        assert (first.resolution, first.findings[0].interval) == (resolution, day)


def test_a_version_without_the_cause_mitigates(site: Site) -> None:
    told(site, finding("orders"), finding("facts", holds=False), finding("other"))
    site.state.append(incidents.mitigated(site, [finding("other"), finding("facts", holds=False)], version=2))
    assert states(site) == {1: ("orders/check", "mitigated", 1), 2: ("other/check", "open", 1)}
    told(site, finding("orders"))
    assert states(site)[1] == ("orders/check", "open", 2)


def test_publishing_by_hand_accepts_the_incidents_of_that_version_only(site: Site) -> None:
    told(site, finding("orders"), version=2)
    told(site, finding("other"), version=1)
    site.state.append(incidents.accepted(site, version=2, reason="it is right"))
    assert {n: s[1] for n, s in states(site).items()} == {1: "resolved", 2: "open"}
    assert site.state.incident(1).resolution == "expected"


def test_a_note_does_not_make_the_month_begin_anew(site: Site) -> None:
    told(site, finding("orders"))
    respond.resolve(site, 1, reason="repaired", resolution="fixed", waive="a test")
    respond.note(later(site, days=29), 1, "it was the loader")
    told(later(site, days=31), finding("orders"))
    assert sorted(states(site)) == [1, 2]


def test_a_slow_drift_is_not_over_because_a_run_does_not_tell_it(site: Site) -> None:
    told(site, finding("orders", kind="drift", holds=False), finding("items"))
    site.state.append(incidents.mitigated(site, (), version=3))
    assert {i.fingerprint: i.state.value for i in site.state.incidents()} == {
        "orders/drift": "open",
        "items/check": "mitigated",
    }


def test_a_slow_drift_and_an_accident_of_one_day_are_two_incidents_and_neither_joins_the_other(site: Site) -> None:
    """Or what holds the run would stand below the headline of something that holds nothing."""
    drift = finding("orders", kind="drift", holds=False)
    told(site, drift, held=False)
    told(site, drift, finding("orders"), finding("facts"))
    assert states(site) == {1: ("orders/drift", "open", 2), 2: ("orders/check", "open", 1)}
    told(site, drift, finding("orders"), finding("facts", kind="drift", holds=False))
    assert states(site) == {1: ("orders/drift", "open", 3), 2: ("orders/check", "open", 2)}
    assert (joined(site, 1), joined(site, 2)) == (["orders/drift", "facts/drift"], ["orders/check"])


def test_two_causes_that_met_in_one_incident_are_both_in_it_when_they_meet_no_longer(site: Site) -> None:
    for names in (("orders",), ("items", "orders", "facts"), ("items",), ("items", "orders")):
        told(site, *map(finding, names), held=False)
    assert states(site) == {1: ("orders/check", "open", 4)}
    assert joined(site, 1) == ["orders/check", "items/check"]


# --- two causes that meet

SHOP, DESK, SHARED = (
    DatasetRef(namespace=s, name=n) for s, n in (("shop", "orders"), ("desk", "tickets"), ("marts", "day"))
)
TWO_SOURCES = build(
    [Node(id=str(r), kind="model", name=r.name, dataset=r) for r in (SHOP, DESK, SHARED)],
    [(str(SHOP), str(SHARED)), (str(DESK), str(SHARED))],
)


def about(table: DatasetRef, kind: str) -> Finding:
    one = finding(str(table), kind=kind, interval=Interval(start=NOW - timedelta(days=1), end=NOW))
    return dataclasses.replace(one, dataset=table)


def test_two_unrelated_causes_in_one_run_are_two_incidents_and_name_each_other(site: Site) -> None:
    """They meet in a mart, which goes with the one whose accident it shows."""
    found = [about(SHOP, "volume"), about(DESK, "nulls"), about(SHARED, "volume")]
    site.state.append(incidents.record(site, found, TWO_SOURCES, version=2, run=None, held=True))
    assert states(site) == {1: ("shop.orders/volume", "open", 1), 2: ("desk.tickets/nulls", "open", 1)}
    assert joined(site, 1) == ["shop.orders/volume", "marts.day/volume"]
    one, other = (site.state.incident(n) for n in (1, 2))
    assert one is not None
    assert other is not None
    assert "its effect marts.day may come from desk.tickets too, which is an incident of its own" in one.reasons
    assert "it may be part of why marts.day is at fault, which is told with another incident" in other.reasons


def test_the_next_run_sees_both_again_and_opens_neither_anew(site: Site) -> None:
    found = [about(SHOP, "volume"), about(DESK, "nulls"), about(SHARED, "volume")]
    for hours in (0, 24):
        at = later(site, hours=hours)
        site.state.append(incidents.record(at, found, TWO_SOURCES, version=2, run=None, held=True))
    assert states(site) == {1: ("shop.orders/volume", "open", 2), 2: ("desk.tickets/nulls", "open", 2)}


# --- what joins an open incident


def joined(site: Site, number: int) -> list[str]:
    found = site.state.incident(number)
    assert found is not None
    return [f.key for f in found.findings]


DAY = Interval(start=NOW - timedelta(days=1), end=NOW)


def test_a_later_effect_joins_silently(site: Site) -> None:
    told(site, finding("orders", kind="volume", interval=DAY))
    told(later(site, hours=25), finding("mart"))
    assert states(site) == {1: ("orders/volume", "open", 2)}
    assert joined(site, 1) == ["orders/volume", "mart/check"]
    assert site.state.incident(1).title == "volume of orders", "the root is still the root"


def test_a_later_root_joins_its_effect(site: Site) -> None:
    told(site, finding("mart"))
    told(later(site, hours=1), finding("orders", kind="volume"), finding("mart"))
    assert states(site) == {1: ("mart/check", "open", 2)}
    assert joined(site, 1) == ["orders/volume", "mart/check"]
    assert site.state.incident(1).title == "volume of orders", "the most upstream names it now"


def test_an_effect_that_outlives_its_root_stays_in_its_incident(site: Site) -> None:
    told(site, finding("orders"), finding("mart"))
    told(later(site, hours=1), finding("mart"))
    assert (states(site), joined(site, 1)) == ({1: ("orders/check", "open", 2)}, ["mart/check"])


def test_the_same_version_looked_at_again_joins(site: Site) -> None:
    told(site, finding("orders"), version=1, held=False)
    told(later(site, hours=1), finding("facts"), version=1, held=False)
    assert joined(site, 1) == ["orders/check", "facts/check"]


@pytest.mark.parametrize(
    ("first", "hours"),
    [
        (finding("orders"), 1),
        (finding("orders", kind="volume", interval=DAY), 37),
        (finding("other", kind="volume", interval=DAY), 1),
    ],
    ids=["its cause was judged again and is gone", "too late", "not connected"],
)
def test_what_does_not_belong_to_it_is_a_new_incident(site: Site, first: Finding, hours: int) -> None:
    told(site, first, version=1)
    told(later(site, hours=hours), finding("mart"), version=2)
    assert sorted(states(site)) == [1, 2]


def test_a_solved_incident_is_joined_by_nothing(site: Site) -> None:
    told(site, finding("orders", kind="volume", interval=DAY))
    respond.resolve(site, 1, reason="repaired", resolution="fixed", waive="a test")
    told(later(site, hours=1), finding("mart"))
    assert sorted(states(site)) == [1, 2]


def test_what_only_warns_and_belongs_to_nothing_opens_nothing_though_an_incident_is_open(site: Site) -> None:
    told(site, finding("orders", kind="volume", interval=DAY))
    told(later(site, hours=1), finding("mart", holds=False))
    assert states(site) == {1: ("orders/volume", "open", 1)}


def test_an_unusual_cost_of_a_step_opens_an_incident_of_low_severity(site: Site) -> None:
    told(site, finding(None, kind="slow", holds=False), held=False)
    found = site.state.incident(1)
    assert found.severity is Severity.SEV4
    assert found.reasons == ("only a step's cost is unusual, the data is sound",)
    site.state.append(incidents.mitigated(site, [], version=2))
    assert states(site)[1][1] == "mitigated"


def test_an_incident_names_the_products_that_it_reaches(site: Site) -> None:
    products = (
        Product(name="beta", tables=(ref("m*"),), owner=None, tier=2),
        Product(name="alpha", tables=(ref("facts"),), owner=None, tier=2),
        Product(name="first", tables=(ref("orders"),), owner=None, tier=1),
        Product(name="none", tables=(ref("other"),), owner=None, tier=1),
    )
    told(dataclasses.replace(site, settings=dataclasses.replace(site.settings, products=products)), finding("orders"))
    assert site.state.incident(1).products == ("first", "alpha", "beta")


def test_an_accident_does_not_join_the_incident_of_a_drift(site: Site) -> None:
    """Else whoever repairs a day would have to answer for weeks, and could not close it."""
    slow = finding("orders", kind="drift", holds=False)
    told(site, slow, held=False)
    told(site, slow, finding("orders", kind="segment"), finding("facts"))
    assert [[f.kind for f in i.findings] for i in site.state.incidents()] == [["segment", "check"], ["drift"]]


def test_a_slow_drift_opens_an_incident_and_holds_nothing(site: Site) -> None:
    told(site, finding("orders", kind="drift", holds=False), held=False)
    (found,) = site.state.incidents()
    assert found.severity is Severity.SEV4
    assert "a slow drift: no single batch left its band" in found.reasons
    assert "`tidegate rollback`" not in found.next_step


# --- what of a table is at fault

BUILT = build(
    [
        node("raw"),
        dataclasses.replace(node("stg"), code="select id, amount / 100 as amount, email from s.raw"),
        dataclasses.replace(node("mart"), code="select sum(amount) as revenue, max(email) as contact from s.stg"),
    ],
    [("raw", "stg"), ("stg", "mart")],
)
MEASURED = MetricSpec(dataset=ref("raw"), metric="null_count", column="amount")
SUNDAY = Interval(start=NOW, end=NOW + timedelta(days=1))
MONDAY = Interval(start=SUNDAY.end, end=SUNDAY.end + timedelta(days=1))


def of(name: str, column: str | None, kind: str = "nulls", spec: MetricSpec | None = None) -> Finding:
    return dataclasses.replace(finding(name, kind=kind), column=column, spec=spec)


@pytest.mark.parametrize(
    ("above", "groups"),
    [
        (of("raw", "EMAIL"), 1),
        (of("raw", "amount"), 2),
        (of("raw", "amount", "volume"), 1),
        (of("raw", "amount", "check"), 1),
        (of("raw", "amount", "check", MEASURED), 2),
        (of("raw", "email", "check", MEASURED), 1),
        (of("raw", "amount", "nulls", MEASURED), 2),
        (of("raw", None, "schema"), 1),
    ],
    ids=["its column", "another column", "rows", "a check of no number", "a check of another column", "a check of its column",
         "a number of another column", "nobody knows"],
)  # fmt: skip
def test_a_fault_is_the_cause_of_what_is_made_from_it(above: Finding, groups: int) -> None:
    assert len(incidents.group([of("mart", "contact"), above], BUILT)) == groups


@pytest.mark.parametrize(("when", "groups"), [(MONDAY, 2), (SUNDAY, 1), (None, 1)])
def test_what_happened_at_another_time_is_another_cause(when: Interval | None, groups: int) -> None:
    found = [finding(name, kind="segment", interval=SUNDAY) for name in ("orders", "facts")]
    assert len(incidents.group([*found, finding("items", kind="volume", interval=when)], GRAPH)) == groups


# --- which one first


def test_the_most_severe_incident_of_a_run_comes_first_and_what_is_mitigated_last(site: Site) -> None:
    product = Product(name="shop", tables=(ref("orders"),), owner=None, tier=1)
    site = dataclasses.replace(site, settings=dataclasses.replace(site.settings, products=(product,)))
    told(site, finding("orders"), finding("other"))
    found = slo.unsolved(site, version=2, run=None)
    assert [(i.number, i.severity) for i in found] == [(1, Severity.SEV2), (2, Severity.SEV3)]
    site.state.append(incidents.mitigated(site, [finding("other")], version=2))
    assert [i.number for i in slo.unsolved(site, version=2, run=None)] == [2, 1]


def test_of_incidents_that_are_as_severe_the_one_opened_first_comes_first(site: Site) -> None:
    told(site, finding("orders"), finding("other"))
    assert [i.number for i in slo.unsolved(site, version=2, run=None)] == [1, 2]
