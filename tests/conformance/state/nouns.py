"""Strategies for the nouns that a state store keeps, and a comparison that is stricter than `==`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import UTC

from hypothesis import strategies as st

from tidegate.model import (
    Band,
    Check,
    CheckResult,
    DatasetRef,
    Finding,
    Incident,
    IncidentState,
    Interval,
    Layer,
    MetricSpec,
    Outcome,
    Sample,
    Segment,
    Severity,
    Slice,
)

text = st.text(max_size=8)
maybe_text = st.none() | text
numbers = st.floats(width=64)
maybe_number = st.none() | numbers | st.integers()
moments = st.datetimes(timezones=st.just(UTC))
intervals = st.tuples(moments, moments).map(lambda pair: Interval(start=min(pair), end=max(pair)))
datasets = st.builds(DatasetRef, namespace=text, name=text)
segments = st.builds(Segment, column=text, value=maybe_text)
specs = st.builds(
    MetricSpec,
    dataset=datasets,
    metric=text,
    column=maybe_text,
    argument=maybe_text,
    where=maybe_text,
    segment=st.none() | segments,
)
bands = st.builds(Band, low=numbers, high=numbers, centre=numbers, method=text, points=st.integers())
slices = st.builds(Slice, segment=segments, share=numbers, observed=numbers, expected=numbers)
findings = st.builds(
    Finding,
    key=text,
    kind=text,
    layer=st.sampled_from(Layer),
    dataset=st.none() | datasets,
    sentence=text,
    holds=st.booleans(),
    column=maybe_text,
    spec=st.none() | specs,
    observed=maybe_number,
    expected=st.none() | bands,
    slice=st.none() | slices,
    interval=st.none() | intervals,
    since=maybe_text,
    rarity=maybe_number,
    sql=maybe_text,
    hint=maybe_text,
    affected_rows=st.none() | st.integers(),
    affected_share=maybe_number,
)
names = text | st.sampled_from(["$tuple", "$float", "$x", "$map"])
loose_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | numbers
    | text
    | st.dates()
    | st.decimals(allow_nan=False)
    | st.datetimes()
    | moments,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(names | st.integers() | st.tuples(text, st.booleans()), inner, max_size=3)
    ),
    max_leaves=8,
)
checks = st.builds(
    Check,
    id=text,
    name=text,
    dataset=datasets,
    kind=text,
    column=maybe_text,
    arguments=st.dictionaries(names, loose_values, max_size=3),
    where=maybe_text,
    limit=st.none() | st.integers(),
    blocking=st.booleans(),
    declared_in=maybe_text,
)
samples = st.builds(
    Sample,
    columns=st.lists(text, max_size=2).map(tuple),
    rows=st.lists(st.lists(maybe_text, max_size=2).map(tuple), max_size=2).map(tuple),
    masked=st.lists(text, max_size=2).map(tuple),
    total=st.integers(),
    sql=text,
)
results = st.builds(
    CheckResult,
    check=checks,
    outcome=st.sampled_from(Outcome),
    reason=text,
    failures=st.none() | st.integers(),
    evaluated=st.none() | st.integers(),
    measured=maybe_text,
    expected=maybe_text,
    sample=st.none() | samples,
    sql=maybe_text,
)
incidents = st.builds(
    Incident,
    number=st.integers(),
    fingerprint=text,
    title=text,
    state=st.sampled_from(IncidentState),
    severity=st.sampled_from(Severity),
    reasons=st.lists(text, max_size=2).map(tuple),
    version=st.integers(),
    run=maybe_text,
    opened_at=moments,
    updated_at=moments,
    findings=st.lists(findings, max_size=2).map(tuple),
    seen=st.integers(),
    next_step=text,
    assignee=maybe_text,
    resolution=maybe_text,
)


def same(one: object, other: object) -> bool:
    """Equal in value and in type all the way down; NaN equals NaN, 1 does not equal 1.0, nor a tuple a list."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return len(one) == len(other) and all(
            any(same(name, n) and same(value, v) for n, v in other.items()) for name, value in one.items()
        )
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, part.name), getattr(other, part.name)) for part in dataclasses.fields(one))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other and str(one) == str(other)
