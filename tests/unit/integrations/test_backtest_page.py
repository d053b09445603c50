"""The page of a backtest: it loads nothing, escapes what comes from the data, and draws one plot for each alarm."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from tidegate.integrations.backtest_page import plot, render
from tidegate.model import Band, DatasetRef, Finding, Interval, Layer
from tidegate.services.backtest import Alarm, Backtest, Caught, Labels, Notch, TableReplay
from tidegate.services.baseline import Feedback
from tidegate.services.replay import Point

REF = DatasetRef(namespace="raw", name="<orders>")
START = datetime(2026, 5, 1, tzinfo=UTC)
BAND = Band(low=90.0, high=110.0, centre=100.0, method="median", points=20)
LINE = tuple(Point(at=START + timedelta(days=n), value=v) for n, v in enumerate([100.0, None, 98.0, 101.0, 40.0]))
FINDING = Finding(
    key="k", kind="volume", layer=Layer.DATA, dataset=REF, sentence="<script>alert(1)</script> & rows", holds=True,
    observed=40.0, expected=BAND,
)  # fmt: skip
ALARM = Alarm(
    dataset=REF, at=START, interval=Interval(start=START, end=START + timedelta(days=1)), version=None,
    finding=FINDING, line=LINE, accepted=None,
)  # fmt: skip
NOTCH = Notch(
    budget=2.0, per_batch=0.01, expected=0.5, alarms=1, days=1, caught=(Caught(fault="rows −50 %", caught=3, tried=5),)
)
FOUND = Backtest(
    version=3,
    budget=2.0,
    since=START,
    until=START + timedelta(days=30),
    tables=(
        TableReplay(dataset=REF, unit="day", known=60, judged=52, held=1, told=0, seconds=0.5),
        TableReplay(dataset=REF, unit="version", known=1, judged=0, held=0, told=0, seconds=0.0, why_not="not enough"),
    ),
    alarms=(ALARM,),
    notches=(NOTCH,),
    labels=Labels(real=0, real_found=0, false=0, false_found=0, delays=()),
    notes=("a <note>",),
    seconds=0.5,
)


def svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def test_nothing_is_loaded_from_anywhere():
    page = render(FOUND, project="shop")
    assert not re.search(r"https?:|//|\b(?:src|href)=|@import|url\(|<script", page)
    assert "prefers-color-scheme: dark" in page


def test_what_comes_from_the_data_is_escaped():
    page = render(FOUND, project="<shop>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; rows" in page
    for raw in ("<orders>", "<note>", "<shop>"):
        assert raw not in page


def test_every_alarm_has_one_plot():
    page = render(replace(FOUND, alarms=(ALARM, replace(ALARM, accepted="expected"))), project="shop")
    assert page.count("<svg ") == page.count("</svg>") == 2
    assert "(accepted as expected)" in page
    assert "1, and 1 that a person accepted" in page


def test_a_slow_drift_is_counted_apart():
    drift = replace(ALARM, finding=replace(FINDING, kind="drift", holds=False))
    page = render(replace(FOUND, alarms=(ALARM, drift)), project="shop")
    assert "<p>1, 1 slow drift that would hold none.</p>" in page
    assert "<p>None, 1 slow drift that would hold none.</p>" in render(replace(FOUND, alarms=(drift,)), project="shop")


def test_what_people_answered_is_on_it():
    assert "none labelled: `tidegate incidents resolve N" in render(FOUND, project="shop")
    heard = Feedback(kind="volume", real=0, false=3)
    table = replace(FOUND.tables[0], feedback=(heard,), held_unheard=4)
    told = Labels(real=1, real_found=1, false=2, false_found=1, delays=(0,))
    page = render(replace(FOUND, tables=(table,), labels=told), project="shop")
    assert (
        "<p>raw.&lt;orders&gt;: volume 3 false alarms, 0 fixed: 0.12 of its budget; would hold 1, without the answers 4.</p>"
        in page
    )
    assert (
        "<p>Labels: 1 of 1 incident resolved as fixed would be found (recall 100%), at their first batch; 1 of 2"
        in page
    )


def test_a_plot_has_the_line_the_band_and_the_point():
    drawn = svg(plot(LINE, BAND, "volume"))
    kinds = [(e.tag, e.get("class")) for e in drawn]
    assert kinds.count(("circle", "bad")) == 1
    assert kinds.count(("circle", "seen")) == 1, "a value alone between gaps is a dot"
    assert kinds.count(("polyline", "line")) == 1
    (band,) = [e for e in drawn if e.get("class") == "band"]
    (point,) = [e for e in drawn if e.get("class") == "bad"]
    assert float(point.get("cy", "")) > float(band.get("y", "")) + float(band.get("height", "")), "below the band"
    assert [e.text for e in drawn if e.tag == "text"] == ["40", "110", "2026-05-01", "2026-05-05"]


@pytest.mark.parametrize(
    "line", [LINE[:1], (*LINE[:2], LINE[1]), tuple(Point(at=START, value=5.0) for _ in range(3)), LINE[3:]]
)
def test_odd_lines_are_drawn_too(line):
    assert len(svg(plot(line, None, "volume"))) > 0
    assert "nan" not in plot(line, BAND, "volume")


def test_an_alarm_without_a_past_has_words_alone():
    page = render(replace(FOUND, alarms=(replace(ALARM, line=()),)), project="shop")
    assert "<figcaption>" in page
    assert "<svg" not in page


def test_a_quiet_backtest_says_so():
    quiet = replace(FOUND, alarms=(), since=None, until=None, tables=FOUND.tables[1:])
    page = render(quiet, project="shop")
    assert "none of them would have been held" in page
    assert "<p>None.</p>" in page
