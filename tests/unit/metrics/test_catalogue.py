"""Every metric says what it is, and renders."""

import subprocess
import sys

import pytest

from tidegate.metrics import METRICS, Kind, aggregate
from tidegate.metrics.fragments import counted
from tidegate.model import Column, DatasetRef, Family, MetricSpec, Segment

T = DatasetRef(namespace="s", name="t")
COLUMNS = [
    Column(name="c", type="INTEGER", family=Family.NUMBER),
    Column(name="c", type="DECIMAL(38,10)", family=Family.NUMBER),
    Column(name="c", type="DOUBLE", family=Family.NUMBER),
    Column(name="c", type="DATE", family=Family.TIME),
    Column(name="c", type="TIMESTAMP WITH TIME ZONE", family=Family.TIME),
    Column(name="c", type="VARCHAR", family=Family.TEXT),
    Column(name="c", type="BOOLEAN", family=Family.BOOLEAN),
    Column(name="c", type="JSON", family=Family.OTHER),
]


@pytest.mark.parametrize("name", METRICS)
def test_an_entry_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.unit
    assert metric.says[0].islower()
    assert not metric.says.endswith(".")
    assert 0 <= metric.error < 1
    assert metric.error_of in {"value", "rank"}
    assert metric.argument_as in {"sql", "text", "number", "column"}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.type)
def test_every_aggregate_renders_with_and_without_a_condition(column):
    from tidegate.metrics import kind_of

    for name, metric in METRICS.items():
        if metric.aggregate is None or not metric.applies_to(kind_of(column), column.family):
            continue
        argument = (
            {"sql": "1 = 1", "text": "2026-01-01", "number": "0.5", "column": "d"}[metric.argument_as]
            if metric.argument
            else None
        )
        plain = MetricSpec(dataset=T, metric=name, column="c", argument=argument)
        narrowed = MetricSpec(
            dataset=T, metric=name, column="c", argument=argument, where="x > 1", segment=Segment(column="s", value="v")
        )
        assert '"c"' in aggregate(plain, column)
        assert "x > 1" not in aggregate(plain, column)
        assert """(x > 1) AND (CAST("s" AS TEXT) = 'v')""" in aggregate(narrowed, column)


def test_what_is_no_aggregate_says_so():
    with pytest.raises(LookupError, match="duplicate_rows"):
        aggregate(MetricSpec(dataset=T, metric="duplicate_rows"), None)


def test_the_rows_that_a_metric_counts_have_a_condition_where_it_counts_by_one():
    number = Column(name="c", type="DOUBLE", family=Family.NUMBER)
    spec = MetricSpec(dataset=T, metric="lone_null_count", column="c", argument="d", where="x > 1")
    assert counted(spec, number) == '("c" IS NULL AND NOT "d" IS NULL)'
    with pytest.raises(LookupError, match="`null_count` does not count rows by one condition"):
        counted(MetricSpec(dataset=T, metric="null_count", column="c"), number)


def test_a_column_cannot_reach_the_other_places():
    column = Column(name='"{column}{argument}{condition}', type="INTEGER", family=Family.NUMBER)
    spec = MetricSpec(dataset=T, metric="null_count", column=column.name, where="a = '{column}'")
    assert aggregate(spec, column) == (
        """COUNT(CASE WHEN ((a = '{column}')) THEN 1 END)"""
        """ - COUNT(CASE WHEN ((a = '{column}')) THEN \"""{column}{argument}{condition}" END)"""
    )


def test_kinds_narrow_families():
    assert METRICS["nan_count"].applies_to(Kind.FLOAT, Family.NUMBER)
    assert not METRICS["nan_count"].applies_to(Kind.INTEGER, Family.NUMBER)
    assert METRICS["null_count"].applies_to(Kind.OTHER, Family.OTHER)


def test_the_catalogues_are_read_and_an_aggregate_is_written_without_loading_sqlglot():
    code = """
import sys
from tidegate import checks
from tidegate.metrics import aggregate, select
from tidegate.model import Column, DatasetRef, Family, MetricSpec, Segment
ref = DatasetRef(namespace="s", name="t")
spec = MetricSpec(dataset=ref, metric="mean", column="n", segment=Segment(column="s", value="v"))
select([aggregate(spec, Column(name="n", type="INTEGER", family=Family.NUMBER))], "t", limit=1)
sys.exit("sqlglot" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
