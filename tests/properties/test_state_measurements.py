"""Buckets that are kept only where they changed read like buckets that are all kept."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.state.haste import hasty_store
from tests.conformance.state.stories import CUSTOMERS, ORDERS, begun, day, number, save
from tidegate.model import Interval, Measurement, MetricSpec, Segment

SPECS = [
    MetricSpec(dataset=ORDERS, metric="row_count"),
    MetricSpec(dataset=ORDERS, metric="row_count", segment=Segment(column="country", value="FR")),
    MetricSpec(dataset=ORDERS, metric="row_count", segment=Segment(column="country", value=None)),
    MetricSpec(dataset=ORDERS, metric="row_count", segment=Segment(column="kind", value="FR")),
    MetricSpec(dataset=CUSTOMERS, metric="row_count"),
]
Key = tuple[MetricSpec, Interval]
View = dict[Key, int]

intervals = st.sampled_from([*(day(n) for n in range(4)), Interval(start=day(0).start, end=day(2).start)])
scans = st.dictionaries(st.tuples(st.sampled_from(SPECS), intervals), st.integers(0, 2), max_size=8)
VERSIONS = 6
trees = st.tuples(*(st.integers(0, number - 1) for number in range(1, VERSIONS + 1)))
"""The parent of each version, 0 for none."""
parts = st.sets(st.tuples(st.sampled_from(SPECS), intervals), max_size=4)
"""What a scan in part says has vanished."""
orders = st.lists(st.tuples(st.integers(1, VERSIONS), scans), max_size=10)


def family(spec: MetricSpec) -> tuple[object, ...]:
    return (spec.dataset, spec.metric, spec.segment and spec.segment.column)


class Archive:
    """The rule without any thrift: every scanned version has its own full view."""

    def __init__(self, parents: tuple[int, ...]) -> None:
        self.parents = dict(enumerate(parents, start=1))
        self.views: dict[int, View] = {}

    def view(self, version: int) -> View:
        if version == 0:
            return {}
        return self.views.get(version) or self.views.get(version, self.view(self.parents[version]))

    def scan(self, version: int, found: View) -> None:
        begins = {}
        for spec, interval in found:
            begins[family(spec)] = min(interval.start, begins.get(family(spec), interval.start))
        inherited = self.view(self.parents[version])
        kept = {
            (spec, interval): value
            for (spec, interval), value in inherited.items()
            if family(spec) not in begins or interval.start < begins[family(spec)]
        }
        self.views[version] = kept | found


def as_view(measurements: tuple[Measurement, ...]) -> View:
    view = {(m.spec, m.interval): m.value for m in measurements if m.interval is not None}
    assert len(view) == len(measurements)
    return view  # every value was an integer


@given(trees, orders)
@settings(max_examples=60)
def test_a_thrifty_store_reads_like_one_that_keeps_everything(
    parents: tuple[int, ...], told: list[tuple[int, View]]
) -> None:
    archive = Archive(parents)
    with hasty_store() as store:
        store.append([begun(n, parent or None) for n, parent in archive.parents.items()])
        for version, found in told:
            save(store, version, [number(version, value, spec, bucket) for (spec, bucket), value in found.items()])
            archive.scan(version, found)
            for each in archive.parents:
                view = as_view(store.measurements(each, ORDERS)) | as_view(store.measurements(each, CUSTOMERS))
                assert view == archive.view(each), f"version {each} after a scan of {version}"


@given(trees, st.lists(st.tuples(st.integers(1, VERSIONS), scans, parts), max_size=8))
@settings(max_examples=40)
def test_a_scan_in_part_changes_what_came_and_what_it_says_has_vanished(
    parents: tuple[int, ...], told: list[tuple[int, View, set[Key]]]
) -> None:
    archive = Archive(parents)
    with hasty_store() as store:
        store.append([begun(n, parent or None) for n, parent in archive.parents.items()])
        for version, found, gone in told:
            vanished = {
                ref: [key for key in gone - found.keys() if key[0].dataset == ref] for ref in (ORDERS, CUSTOMERS)
            }
            numbers = [number(version, value, spec, bucket) for (spec, bucket), value in found.items()]
            save(store, version, numbers, vanished=vanished)
            archive.views[version] = {
                k: v for k, v in archive.view(archive.parents[version]).items() if k not in gone
            } | found
            for each in archive.parents:
                view = as_view(store.measurements(each, ORDERS)) | as_view(store.measurements(each, CUSTOMERS))
                assert view == archive.view(each), f"version {each} after a scan of {version}"
                cells = [cell for ref in (ORDERS, CUSTOMERS) for cell in store.grid(each, ref).cells()]
                assert {(spec, interval): value for spec, interval, value in cells} == view


@given(trees, st.lists(scans, min_size=VERSIONS, max_size=VERSIONS))
@settings(max_examples=30)
def test_first_seen_is_the_value_of_the_oldest_ancestor_that_had_the_bucket(
    parents: tuple[int, ...], told: list[View]
) -> None:
    archive = Archive(parents)
    with hasty_store() as store:
        store.append([begun(n, parent or None) for n, parent in archive.parents.items()])
        for version, found in enumerate(told, start=1):
            save(store, version, [number(version, value, spec, bucket) for (spec, bucket), value in found.items()])
            archive.scan(version, found)
        for version in archive.parents:
            expected: View = {}
            for ancestor in store.lineage(version):
                expected |= archive.views[ancestor]
            first = as_view(store.first_seen(version, ORDERS)) | as_view(store.first_seen(version, CUSTOMERS))
            assert first == expected
