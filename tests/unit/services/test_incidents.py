"""One cause is one incident: how findings are grouped, how urgent they are, and what becomes of them run by run."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.services.site import NOW, add_version, finding, later, make_site, ref
from tidegate.errors import IncidentError
from tidegate.lineage import Graph, build
from tidegate.model import Finding, IncidentState, Interval, Node, Product, Segment, Severity, Slice
from tidegate.services import incidents
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


def test_no_findings_no_groups() -> None:
    assert incidents.group([], GRAPH) == ()


# --- severity


def product(name: str, table: str, tier: int) -> Product:
    return Product(name=name, tables=(ref(table),), owner=None, tier=tier)


@pytest.mark.parametrize(
    ("held", "tier", "share", "level"),
    [
        (True, None, None, Severity.SEV3),
        (False, None, None, Severity.SEV2),
        (True, 1, None, Severity.SEV2),
        (False, 1, None, Severity.SEV1),
        (True, 2, None, Severity.SEV3),
        (True, None, 0.5, Severity.SEV3),
        (True, None, 0.01, Severity.SEV3),
        (True, None, 0.009, Severity.SEV4),
        (False, 1, 0.009, Severity.SEV2),
    ],
)
def test_severity_by_readers_products_and_rows(
    held: bool, tier: int | None, share: float | None, level: Severity
) -> None:
    products = [product("revenue", "mart", tier)] if tier else []
    found, reasons = incidents.severity([finding("orders", share=share)], GRAPH, products, held=held)
    assert found is level
    assert reasons[0] == ("readers do not see this version" if held else "readers already see this data")
    assert any("revenue (tier" in r for r in reasons) == bool(tier)
    assert any("rows" in r for r in reasons) == (share is not None)
    assert "it is read by board" in reasons


def test_a_product_that_does_not_read_it_is_no_reason() -> None:
    found, reasons = incidents.severity([finding("other")], GRAPH, [product("revenue", "mart", 1)], held=True)
    assert (found, reasons) == (Severity.SEV3, ("readers do not see this version",))


def test_whom_to_tell_and_what_to_read_stand_among_the_reasons() -> None:
    revenue = dataclasses.replace(
        product("revenue", "mart", 1), owner="ana@example.com", runbook="runbooks/revenue.md", consumers=("the board",)
    )
    _, reasons = incidents.severity([finding("orders")], GRAPH, [revenue], held=True)
    assert "tell ana@example.com" in reasons
    assert "runbook runbooks/revenue.md" in reasons
    assert any("the board" in r for r in reasons)


def test_severity_stays_within_its_range() -> None:
    many = [product("a", "mart", 1), product("b", "facts", 1)]
    assert incidents.severity([finding("orders")], GRAPH, many, held=False)[0] is Severity.SEV1
    assert incidents.severity([finding(None, share=0.0)], GRAPH, [], held=True)[0] is Severity.SEV4


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


@pytest.mark.parametrize("resolution", incidents.RESOLUTIONS)
def test_what_is_solved_and_returns_is_the_same_incident_again(site: Site, resolution: str) -> None:
    told(site, finding("orders"))
    incidents.acknowledge(site, 1, reason="mine")
    incidents.resolve(site, 1, reason="so", resolution=resolution)
    told(later(site, days=3), finding("orders"), finding("other"))
    assert states(site) == {1: ("orders/check", "open", 2), 2: ("other/check", "open", 1)}
    again = site.state.incident(1)
    assert (again.resolution, again.opened_at, again.updated_at) == (None, NOW, NOW + timedelta(days=3))
    kinds = [e.kind.removeprefix("incident.") for e in site.state.events(subject="incident:1")]
    assert kinds == ["opened", "acknowledged", "resolved", "reopened", "seen"]
    reopened = site.state.events(subject="incident:1")[3]
    assert reopened.data["reason"] == f"its cause is back in version 2, 3 days after it was resolved as {resolution}"


@pytest.mark.parametrize(
    ("days", "number", "words"),
    [(0.5, 1, "less than a day after"), (1.5, 1, "a day after"), (30, 1, "30 days after"), (30.01, 2, None)],
)
def test_after_a_month_it_is_a_new_incident(site: Site, days: float, number: int, words: str | None) -> None:
    told(site, finding("orders"))
    incidents.resolve(site, 1, reason="repaired", resolution="fixed")
    told(later(site, days=days), finding("orders"))
    assert states(site)[number][1] == "open"
    assert len(states(site)) == number
    reasons = [str(e.data.get("reason")) for e in site.state.events(subject="incident:1")]
    assert any(words in r for r in reasons) if words else "back" not in " ".join(reasons)


def test_the_month_begins_when_it_is_resolved(site: Site) -> None:
    told(site, finding("orders"))
    incidents.resolve(later(site, days=40), 1, reason="repaired at last", resolution="fixed")
    told(later(site, days=60), finding("orders"))
    assert states(site) == {1: ("orders/check", "open", 2)}


def test_of_several_incidents_of_a_cause_the_open_one_or_else_the_newest_is_meant(site: Site) -> None:
    for day in (0, 40):
        told(later(site, days=day), finding("orders"))
        incidents.resolve(later(site, days=day), 1 if day == 0 else 2, reason="repaired", resolution="fixed")
    told(later(site, days=50), finding("orders"))
    assert {n: s[1:] for n, s in states(site).items()} == {1: ("resolved", 1), 2: ("open", 2)}
    told(later(site, days=51), finding("orders"))
    assert {n: s[1:] for n, s in states(site).items()} == {1: ("resolved", 1), 2: ("open", 3)}


@pytest.mark.parametrize(("resolution", "numbers"), [("fixed", [1]), ("expected", [1, 2]), ("false alarm", [1, 2])])
def test_an_answer_about_a_stretch_of_time_is_kept_as_it_is(site: Site, resolution: str, numbers: list[int]) -> None:
    """The baseline learns from it: what is strange on another day must not overwrite it."""
    day = Interval(start=NOW, end=NOW + timedelta(days=1))
    told(site, finding("orders", kind="volume", interval=day))
    incidents.resolve(site, 1, reason="a storm", resolution=resolution)
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


def test_taking_and_closing_once(site: Site) -> None:
    told(site, finding("orders"))
    assert incidents.acknowledge(site, 1, reason="mine").state is IncidentState.ACKNOWLEDGED
    with pytest.raises(IncidentError, match="incident `1` is `acknowledged` already"):
        incidents.acknowledge(site, 1, reason="mine too")
    with pytest.raises(IncidentError, match="unknown resolution `gone`"):
        incidents.resolve(site, 1, reason="so", resolution="gone")
    assert incidents.resolve(site, 1, reason="so", resolution="false alarm").state is IncidentState.RESOLVED
    with pytest.raises(IncidentError, match="incident `1` is `resolved` already") as caught:
        incidents.resolve(site, 1, reason="so", resolution="fixed")
    assert "tidegate incidents show 1" in caught.value.hint
    with pytest.raises(IncidentError, match="no incident `9`"):
        incidents.find(site, 9)
