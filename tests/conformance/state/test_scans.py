"""What was judged of a version is kept exactly, and replaced as a whole."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.conformance.state.stories import CUSTOMERS, NOW, ORDERS, begun, check, finding, number, result, save
from tidegate.errors import StateError
from tidegate.model import DatasetRef, Outcome, Sample
from tidegate.ports.state import StateStore


@pytest.fixture
def candidate(store: StateStore) -> StateStore:
    store.append([begun(1), begun(2, 1)])
    return store


RESULTS = [
    result(),
    result(outcome=Outcome.PASS, reason="", sample=None, sql=None, failures=0, evaluated=0, measured="", expected=None),
    result(check=check(arguments={}, where=None, limit=None), outcome=Outcome.ERROR, failures=None, evaluated=None),
    result(check=check(arguments={"$odd": 1, "limits": {"low": -math.inf}, "on": date(2026, 6, 1)})),
    result(check=check(arguments={"at": NOW, "price": Decimal("1.10"), 3: "a number as a name", "pair": ((1,), [2])})),
    result(check=check(id="ünï", name="名前", dataset=DatasetRef(namespace="", name='a"b.c'))),
    result(sample=Sample(columns=(), rows=(), masked=(), total=0, sql="")),
    result(),
]


def test_results_round_trip_in_their_order(candidate: StateStore):
    save(candidate, 1, results=iter(RESULTS))
    kept = candidate.results(1)
    assert kept == tuple(RESULTS)
    assert isinstance(kept[0].check.arguments["between"], tuple)
    assert isinstance(kept[0].check.arguments["values"], list)
    assert type(kept[0].outcome) is Outcome


def test_the_results_of_several_versions_are_those_of_each_without_the_samples(candidate: StateStore):
    candidate.append([begun(3, 2)])
    save(candidate, 1, results=RESULTS)
    save(candidate, 2, results=[*RESULTS[::-1], result(reason="ünï \x1f")])
    found = candidate.results_of({1, 2, 3, 99})
    assert found.keys() == {1, 2, 3, 99}
    assert (found[3], found[99]) == ((), ())
    for version in (1, 2):
        assert found[version] == tuple(replace(r, sample=None) for r in candidate.results(version))
    assert candidate.results_of(()) == {}


def test_the_tables_of_several_versions_are_those_of_each(candidate: StateStore):
    save(candidate, 1, schemas={ORDERS: [("id", "BIGINT")], CUSTOMERS: []})
    save(candidate, 2, schemas={CUSTOMERS: []})
    assert candidate.tables_of([1, 2, 99]) == {1: {ORDERS, CUSTOMERS}, 2: {CUSTOMERS}, 99: frozenset()}


def test_findings_round_trip_in_their_order(candidate: StateStore):
    findings = [
        finding(),
        finding(key="z", observed=-math.inf, expected=None, slice=None, spec=None, interval=None),
        finding(key="a", dataset=None, column=None, since=None, rarity=None, sql=None, hint=None, observed=0),
    ]
    save(candidate, 1, findings=iter(findings))
    assert candidate.findings(1) == tuple(findings)
    assert candidate.findings(1)[0].interval.start.tzinfo is UTC


def test_schemas_round_trip_with_their_columns_in_order(candidate: StateStore):
    schemas = {
        ORDERS: (("id", "BIGINT"), ("Total", "DECIMAL(18,2)"), ("ünï", 'STRUCT("a" INT)')),
        CUSTOMERS: (),
    }
    save(candidate, 1, schemas=schemas)
    assert candidate.schemas(1) == schemas
    save(candidate, 2, schemas={ORDERS: [("id", "BIGINT")]})
    assert candidate.schemas(2) == {ORDERS: (("id", "BIGINT"),)}
    assert candidate.schemas(1) == schemas


def test_marks_round_trip(candidate: StateStore):
    marks = {"statements": [{"sql": "SELECT 1", "cpu_s": 0.5}], "none": None, "share": math.inf, "on": True, "": {}}
    save(candidate, 1, marks=marks)
    assert candidate.marks(1) == marks


def test_a_version_without_a_scan_has_nothing(candidate: StateStore):
    for version in (1, 99):
        assert candidate.results(version) == ()
        assert candidate.findings(version) == ()
        assert candidate.schemas(version) == {}
        assert candidate.marks(version) == {}
        assert candidate.measurements(version, ORDERS) == ()
        assert candidate.first_seen(version, ORDERS) == ()
        assert candidate.history(version, ORDERS) == ()


def test_a_second_try_replaces_the_first(candidate: StateStore):
    save(candidate, 1, [number(1, 5)], results=RESULTS, findings=[finding()], schemas={ORDERS: []}, marks={"try": 1})
    save(candidate, 2, [number(2, 7)], results=[result()], findings=[finding()], schemas={ORDERS: []}, marks={"b": 2})
    save(candidate, 1, [number(1, 6)], results=[result(reason="again")], marks={"try": 2})
    assert [r.reason for r in candidate.results(1)] == ["again"]
    assert candidate.findings(1) == ()
    assert candidate.schemas(1) == {}
    assert candidate.marks(1) == {"try": 2}
    assert [m.value for m in candidate.measurements(1, ORDERS)] == [6]
    assert [m.value for m in candidate.measurements(2, ORDERS)] == [7]
    assert len(candidate.results(2)) == len(candidate.findings(2)) == len(candidate.schemas(2)) == 1


def test_a_scan_of_an_unknown_version_is_refused(candidate: StateStore):
    with pytest.raises(StateError, match="no version 9"):
        save(candidate, 9, [number(9, 5)])
    assert candidate.measurements(9, ORDERS) == ()


BAD = {
    "a number of another version": {"measurements": [number(1, 1), number(2, 1)]},
    "a value that is no number": {"measurements": [number(1, Decimal(1))]},
    "a time without a zone": {"measurements": [number(1, 1, taken_at=datetime(2026, 6, 1))]},  # noqa: DTZ001  the missing zone is the point
    "a finding with a value that is no number": {"findings": [finding(observed="many")]},
    "an argument without a form": {"results": [result(check=check(arguments={"x": object()}))]},
    "a sample that is none": {"results": [result(sample=check())]},
    "a count beyond 64 bits": {"results": [result(failures=2**70)]},
    "marks without a form": {"marks": {"x": {1, 2}}},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_cannot_be_kept_is_refused_and_leaves_the_try_before(candidate: StateStore, bad):
    save(candidate, 1, [number(1, 5)], results=[result()], marks={"try": 1})
    measurements = bad.get("measurements", [number(1, 6)])
    with pytest.raises(StateError):
        save(candidate, 1, measurements, **{name: part for name, part in bad.items() if name != "measurements"})
    assert [m.value for m in candidate.measurements(1, ORDERS)] == [5]
    assert candidate.results(1) == (result(),)
    assert candidate.marks(1) == {"try": 1}
