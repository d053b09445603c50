"""Service levels in a terminal: the plot, the gauge and the words, with Unicode and without."""

from __future__ import annotations

import io
import sys

import pytest

from tests.unit.slo.test_budget import DAY, NOW, good_but, objective, track
from tidegate.cli import render_slo
from tidegate.cli.output import Output
from tidegate.model import Probed
from tidegate.services.slo import Levels
from tidegate.slo import Account, Tally, Track, account


def shown(found: Account, capsys: pytest.CaptureFixture[str], *, probed: tuple[Probed, ...] = ()) -> str:
    levels = Levels(now=NOW, accounts=(found,), probed=probed, incidents=(), unpromised=("orders",))
    render_slo.levels(Output(), levels)
    return capsys.readouterr().out


def settled(parts: Track, target: float = 0.99) -> Account:
    return account(parts, objective(target), NOW)


def test_one_sign_a_day_the_higher_the_faster_it_burnt() -> None:
    hours = [0, 0.05, 0.2, 0.4, 0.6, 1, 2, 24]  # of 14.4 minutes a day that are allowed
    cells = [Tally(good_s=86_400 - h * 3600, bad_s=h * 3600) for h in hours]
    assert render_slo.plot(cells, 0.99, unicode=True) == "▁▂▃▄▅▆▇█"
    assert render_slo.plot(cells, 0.99, unicode=False) == "_.:-=+*#"


def test_unknown_is_neither_good_nor_bad() -> None:
    cells = [Tally(unknown_s=10), Tally(good_s=1, unknown_s=9), Tally(bad_s=1, unknown_s=9)]
    assert render_slo.plot(cells, 0.5, unicode=True) == "·▁▂"
    assert render_slo.plot(cells, 1.0, unicode=False) == "?_#"


@pytest.mark.parametrize(("left", "drawn"), [(0, 0), (0.001, 1), (0.5, 10), (0.951, 20), (1, 20)])
def test_the_gauge_is_empty_only_when_nothing_is_left(left: float, drawn: int) -> None:
    assert render_slo.gauge(left, unicode=False) == "#" * drawn + "-" * (20 - drawn)


def test_a_share_is_never_rounded_up_to_what_it_is_not() -> None:
    assert [render_slo.share(s) for s in (1.0, 0.99999, 0.995, 0.0)] == ["100 %", "99.99 %", "99.5 %", "0 %"]


def test_a_missed_objective(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(settled(good_but((10, 0))), capsys)
    assert "freshness      MISSED   98.61 % of the known time was good; promised:" in text
    assert "0 %: 10 hours bad of 7 hours that are allowed" in text
    assert "1 hour 100x  6 hours 100x  3 days 13.9x" in text
    assert "page: the budget burns faster than 14.4x over 1 hour and 5 minutes" in text
    assert "bad since    2026-02-28 20:00 UTC" in text


def test_how_long_a_budget_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    assert "lasts until  2026-03-09 01:12 UTC, at the pace of the last 3 days" in shown(
        settled(good_but((40, 38))), capsys
    )


def test_an_unknown_one_has_no_gauge_and_says_what_helps(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(settled(()), capsys)
    assert "UNKNOWN  nothing is known" in text
    assert "budget left" not in text
    assert "next      `tidegate slo --probe`" in text


def test_a_young_one_says_since_when_and_what_is_dark(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(settled(track((10 * DAY, 4 * DAY, 1, 0), (DAY, 0, 1, 0))), capsys)
    assert "known since 2026-02-19 06:00 UTC, unknown for 3 days" in text
    assert "at most 100 %" in text


def test_probes_and_products_without_a_promise_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    answers = (
        Probed(product="p", probe="web", at=NOW, answered=True, latency_s=0.25),
        Probed(product="p", probe="sql", at=NOW, answered=False, latency_s=None, error="refused"),
    )
    text = shown(settled(good_but()), capsys, probed=answers)
    assert text.startswith("probe     p/web: answered in 0.250 s\nprobe     p/sql: FAILED: refused\n\np\n")
    assert "orders\n  promises nothing" in text


@pytest.mark.parametrize(
    ("encoding", "unicode"), [("utf-8", True), ("ascii", False), ("latin-1", False), ("cp437", False)]
)
def test_blocks_are_drawn_where_stdout_has_them(monkeypatch: pytest.MonkeyPatch, encoding: str, unicode: bool) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert Output().unicode is unicode


def test_without_utf_8_everything_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(drawn, encoding="ascii"))
    levels = Levels(now=NOW, accounts=(settled(good_but((10, 0))),), probed=(), incidents=(), unpromised=())
    render_slo.levels(Output(color=False), levels)
    assert drawn.getvalue().isascii()
