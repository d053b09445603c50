"""Plots of one number: within 80 columns on a terminal, as well-formed SVG and PNG in files."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate.errors import UsageError
from tidegate.integrations import plot_file, plot_text
from tidegate.model import Band
from tidegate.services.replay import Point

BAND = Band(low=90, high=110, centre=100, method="m", points=9)
START = datetime(2026, 3, 1, tzinfo=UTC)


def points(*values: float | None, hours: int = 24) -> list[Point]:
    return [Point(at=START + timedelta(hours=hours * n), value=v) for n, v in enumerate(values)]


@pytest.mark.parametrize("n", [2, 3, 30, 60, 500])
@pytest.mark.parametrize("unicode", [True, False])
def test_it_fits_into_eighty_columns(n: int, unicode: bool) -> None:
    drawn = plot_text.render(points(*(100 + (i * 7) % 11 for i in range(n - 1)), 1234567.0), BAND, unicode=unicode)
    assert max(map(len, drawn)) <= 80
    assert all(line.isascii() for line in drawn) is not unicode


def test_the_point_lies_outside_the_band_and_is_marked() -> None:
    drawn = plot_text.render(points(*[100.0, 104.0] * 10, 20.0), BAND, strong=lambda mark: f"<{mark}>")
    body = drawn[: plot_text.HEIGHT]
    assert "<●>" in body[-1]
    assert not any("●" in line for line in body[:-1])
    assert "░" in body[0]
    assert "░" not in body[-1]
    assert body[0].split()[0] == "110"
    assert body[-1].split()[0] == "20"
    assert drawn[-2:] == ["           ░ expected: 90 to 110", "           <●> came: 20"]


def test_what_comes_next_has_no_point() -> None:
    drawn = plot_text.render(points(100.0, 101.0, 102.0), BAND, ahead=True)
    assert not any("●" in line for line in drawn)
    assert drawn[-1] == "           ░ next: 90 to 110"


def test_gaps_stay_gaps_and_a_constant_is_a_line() -> None:
    drawn = plot_text.render(points(5.0, None, 5.0, 5.0), None)
    assert sum(line.count("•") for line in drawn[: plot_text.HEIGHT]) == 2
    assert plot_text.render(points(5.0, None), None) == []
    assert plot_text.render([], None) == []


def test_hours_are_told_with_their_hour() -> None:
    drawn = plot_text.render(points(*range(40), hours=1), None)
    assert any("2026-03-01 00:00" in line for line in drawn)


@pytest.mark.parametrize("ahead", [True, False])
def test_an_svg_is_well_formed_and_escaped(ahead: bool) -> None:
    drawn = plot_file.render(Path("a.SVG"), points(1.0, 2.0, None, 9.0), BAND, 'a "<b>" & c', ahead=ahead)
    root = ET.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (b'class="bad"' in drawn) is not ahead


def test_a_png_has_the_band_and_the_point_where_they_belong() -> None:
    from io import BytesIO

    from PIL import Image

    drawn = plot_file.render(Path("a.png"), points(*[100.0] * 30, 20.0), BAND, "long " * 100)
    picture = Image.open(BytesIO(drawn)).convert("RGB")
    assert picture.size == (plot_file.WIDTH, plot_file.HEIGHT)
    bottom_right = picture.getpixel((plot_file.WIDTH - plot_file.RIGHT, plot_file.HEIGHT - plot_file.BOTTOM))
    assert bottom_right == (0xC8, 0x32, 0x1F)
    shades = {color for _, color in picture.getcolors(1 << 24) or ()}
    assert (0xD5, 0xE2, 0xF0) in shades
    for values in ([7.0, 7.0], [None, 3.0, None, 4.0, None]):
        assert plot_file.render(Path("a.png"), points(*values), None, "x").startswith(b"\x89PNG")


def test_another_file_is_refused_and_so_is_a_png_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"neither a \.png nor a \.svg"):
        plot_file.demand(Path("a.gif"))
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    plot_file.demand(Path("a.svg"))
    with pytest.raises(UsageError) as caught:
        plot_file.demand(Path("a.png"))
    assert "tidegate[plot]" in caught.value.hint
