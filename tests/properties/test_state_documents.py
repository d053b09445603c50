"""Nouns survive the way to JSON and back, whatever is in them."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.state.nouns import checks, findings, incidents, loose_values, results, same
from tidegate.model import Check, CheckResult, Finding, Incident
from tidegate.state import documents


@given(findings)
def test_findings(value: Finding) -> None:
    assert same(documents.read(Finding, documents.write(value)), value)


@given(results)
def test_results(value: CheckResult) -> None:
    assert same(documents.read(CheckResult, documents.write(value)), value)


@given(checks)
def test_checks(value: Check) -> None:
    assert same(documents.read(Check, documents.write(value)), value)


@given(incidents)
def test_incidents(value: Incident) -> None:
    assert same(documents.read(Incident, documents.write(value)), value)


@given(incidents)
def test_incidents_by_way_of_the_data_of_an_event(value: Incident) -> None:
    document = json.loads(documents.dumps(documents.plain({"incident": value})))
    assert same(documents.read_part(Incident, document["incident"]), value)


@given(loose_values)
def test_values_whose_form_the_model_leaves_open(value: object) -> None:
    text = documents.write_loose(value)
    assert same(documents.read_loose(text), value)
    json.loads(text, parse_constant=lambda name: math.nan / 0)  # strict JSON: no bare NaN


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_sort_as_text(moment: datetime) -> None:
    epoch = datetime(2026, 1, 1, tzinfo=UTC)
    assert documents.read_time(documents.write_time(moment)) == moment
    assert (documents.write_time(moment) < documents.write_time(epoch)) == (moment < epoch)


def test_the_comparison_tells_apart_what_python_calls_equal() -> None:
    assert same(math.nan, math.nan)
    for one, other in (
        (1, 1.0),
        (1, True),
        ((1,), [1]),
        (Decimal("1.0"), Decimal("1.00")),
        (date.min, None),
        (0.0, -0.0),
    ):
        assert not same(one, other)
