"""JSON that nobody wrote here is refused, and so is what has no form in JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime
from typing import get_type_hints

import pytest

import tidegate.model
from tests.conformance.state.stories import NOW, ORDERS, check, finding, incident, result
from tidegate.errors import StateError
from tidegate.model import Band, Check, CheckResult, Finding, Incident, Interval, MetricSpec, Outcome, Severity
from tidegate.state import documents


def test_the_form_of_a_noun_is_its_fields() -> None:
    spec = MetricSpec(dataset=ORDERS, metric="row_count", where="a > 'ü'")
    assert documents.write(spec) == (
        '{"dataset":{"namespace":"raw","name":"orders"},"metric":"row_count","where":"a > \'ü\'"}'
    )
    band = Band(low=-math.inf, high=math.inf, centre=math.nan, method="mad", points=8)
    assert json.loads(documents.write(band)) == {
        "low": "-Infinity", "high": "Infinity", "centre": "NaN", "method": "mad", "points": 8,
    }  # fmt: skip


@pytest.mark.parametrize("noun", [finding(), result(), check(), incident()], ids=lambda noun: type(noun).__name__)
def test_what_is_unknown_missing_or_of_another_kind_is_refused(noun: object) -> None:
    document = json.loads(documents.write(noun))
    assert documents.read_part(type(noun), document) == noun
    with pytest.raises(ValueError, match="has no surprise"):
        documents.read_part(type(noun), document | {"surprise": 1})
    for part in dataclasses.fields(noun):  # type: ignore[arg-type]  # every one of the parameters is a dataclass
        if part.default is dataclasses.MISSING and part.default_factory is dataclasses.MISSING:
            with pytest.raises(ValueError, match=f"lacks {part.name}"):
                documents.read_part(type(noun), {n: v for n, v in document.items() if n != part.name})
        hint = get_type_hints(type(noun))[part.name]
        for wrong in ([[]], {"$odd": 1}):
            if "Mapping" not in str(hint):
                with pytest.raises((ValueError, TypeError)):
                    documents.read_part(type(noun), document | {part.name: wrong})


@pytest.mark.parametrize(
    ("noun", "text"),
    [
        (Severity, '"sev9"'),
        (Outcome, "3"),
        (Interval, '{"start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00"}'),
        (Interval, '{"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}'),
        (Interval, '{"start": 1, "end": 2}'),
        (Interval, '"2026-01-01"'),
        (Interval, "{"),
        (Interval, ""),
        (Interval, None),
        (Band, '{"low": "many", "high": 1, "centre": 1, "method": "m", "points": 1}'),
        (Band, '{"low": 0, "high": 1, "centre": 1, "method": "m", "points": 1.5}'),
        (Band, '{"low": 0, "high": null, "centre": 1, "method": "m", "points": 1}'),
        (Band, '{"low": 0, "high": 1, "centre": 1, "method": 7, "points": 1}'),
    ],
)
def test_text_that_is_no_noun_is_refused(noun: type, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        documents.read(noun, text)


@pytest.mark.parametrize(
    "text", ['{"$odd": 1}', '{"$tuple": 1}', '{"$float": "many"}', '{"$tuple": [], "x": 1}', '{"$map": 7}',
             '{"$map": [1]}', '{"$decimal": "x"}', '{"$decimal": []}', '{"$time": 7}', '{"$date": "x"}', "[", "7x"],
)  # fmt: skip
def test_tags_that_nobody_wrote_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        documents.read_loose(text)


@pytest.mark.parametrize(
    "value",
    [
        finding(observed="many"),
        finding(holds="yes"),
        finding(holds=1),
        finding(sentence=None),
        finding(affected_rows=1.5),
        finding(dataset="raw.orders"),
        finding(layer="celestial"),
        incident(opened_at=datetime(2026, 6, 1)),  # noqa: DTZ001  the missing zone is the point
        incident(findings=("one",)),
        check(arguments={"x": {1, 2}}),
    ],
    ids=["text", "text for bool", "int for bool", "none", "float", "text for noun", "enum", "zone", "item", "set"],
)
def test_what_the_model_does_not_allow_is_not_written(value: object) -> None:
    with pytest.raises(StateError):
        documents.write(value)


def test_an_enum_may_be_given_by_its_value() -> None:
    assert documents.read(Finding, documents.write(finding(layer="data"))) == finding()


def test_times_of_other_zones_are_read_as_utc() -> None:
    assert documents.read_time("2026-06-01T06:00:00.123456+02:00") == NOW
    assert documents.read_time("2026-06-01T04:00:00Z").tzinfo is UTC


def test_every_noun_that_is_kept_has_a_form() -> None:
    for noun in (Incident, Finding, CheckResult, Check):
        assert documents.form(noun)


def test_a_union_of_two_kinds_has_no_form() -> None:
    with pytest.raises(TypeError, match="no form"):
        documents.form(int | str)
    with pytest.raises(TypeError, match="no form"):
        documents.form(set[int])
    with pytest.raises(TypeError, match="no form"):
        documents.form(tidegate.model.Measurement)
