"""What is written down of the catalogue's aggregates is what sqlglot makes of their trees; `UPDATE_SNAPSHOTS=1` writes it."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import expressions as x

from tidegate.metrics import METRICS, Kind, in_segment, literal, quoted
from tidegate.metrics import rendered as module
from tidegate.metrics.fragments import render
from tidegate.model import Family, Interval, Segment
from tidegate.scan.grain import GRAINS, bucket_sql, within_sql

KINDS = {
    Family.NUMBER: (Kind.INTEGER, Kind.DECIMAL, Kind.WIDE, Kind.FLOAT),
    Family.TIME: (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.OTHER),
    Family.TEXT: (Kind.TEXT, Kind.LABEL),
    Family.BOOLEAN: (Kind.BOOLEAN,),
    Family.OTHER: (Kind.OTHER,),
}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12) | st.lists(
    st.sampled_from(["'", '"', "\\", "\n", "--", ";", "{column}", "{condition}", "$$", "%"]), max_size=5
).map("".join)
TIMES = (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)


def fresh():
    """Every aggregate, for every kind of column that it means something for, without and with a condition."""
    return {
        (name, kind.value): (render(name, kind, False, "duckdb"), render(name, kind, True, "duckdb"))
        for name, metric in METRICS.items()
        if metric.aggregate is not None
        for kind in Kind
        if (
            any(kind in KINDS[family] and metric.applies_to(kind, family) for family in Family)
            if metric.families
            else kind is Kind.OTHER
        )
    }


def test_what_is_written_down_is_what_sqlglot_renders():
    found = fresh()
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file = Path(module.__file__)
        before, opening, rest = file.read_text().partition("_RENDERED: dict[tuple[str, str], tuple[str, str]] = {\n")
        lines = "".join(f"{key!r}: {texts!r},\n" for key, texts in found.items())
        file.write_text(before + opening + lines + rest[rest.index("}\n\nRENDERED") :])
        subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(file)], check=True)
        pytest.fail("written again; look at the difference and run once more")
    assert dict(module.RENDERED) == found


@given(TEXT)
def test_names_and_literals_are_quoted_as_sqlglot_quotes_them(text):
    assert quoted(text) == x.to_identifier(text, quoted=True).sql("duckdb")
    assert literal(text) == x.Literal.string(text).sql("duckdb")
    column = x.column(text, quoted=True)
    assert in_segment(Segment(column=text, value=None)) == column.is_(x.null()).sql("duckdb")
    equal = x.cast(column, "text").eq(x.Literal.string(text))
    assert in_segment(Segment(column=text, value=text)) == equal.sql("duckdb")


@given(TEXT, st.sampled_from(TIMES), st.sampled_from(GRAINS))
def test_buckets_and_windows_are_what_sqlglot_makes_of_them(name, kind, grain):
    time = x.column(name, quoted=True)
    zoned = kind is Kind.TIMESTAMP_TZ
    micros = x.Anonymous(this="epoch_us", expressions=[time])
    utc = x.Anonymous(this="make_timestamp", expressions=[micros]) if zoned else x.cast(time, "timestamp")
    start = x.TimestampTrunc(this=utc, unit=x.Var(this=grain))
    epoch = x.cast(x.Anonymous(this="epoch", expressions=[start]), "bigint")
    assert bucket_sql(name, kind, grain, "duckdb") == epoch.sql("duckdb")
    span = Interval(start=datetime(1, 1, 1, tzinfo=UTC), end=datetime(2026, 4, 1, 12, tzinfo=UTC))
    low, high = (
        x.cast(x.Literal.string(text + "+00:00" * zoned), "timestamptz" if zoned else "timestamp")
        for text in ("0001-01-01 00:00:00", "2026-04-01 12:00:00")
    )
    within = x.And(this=x.GTE(this=time, expression=low), expression=x.LT(this=time.copy(), expression=high))
    assert within_sql(name, kind, span, "duckdb") == within.sql("duckdb")
