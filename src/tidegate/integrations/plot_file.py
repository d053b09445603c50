"""Write a number's past, the band of what was expected and the point that left it, as an SVG or a PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import UsageError
from tidegate.integrations.backtest_page import STYLE, plot
from tidegate.integrations.plot_text import short
from tidegate.model import Band
from tidegate.services.replay import Point

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

SUFFIXES = (".png", ".svg")
WIDTH, HEIGHT = 960, 360
LEFT, RIGHT, TOP, BOTTOM = 90, 40, 46, 40
SHARPER = 2
"""A PNG is drawn so many times larger and made smaller, which smooths its lines."""

INK, DIM, RULE, LINE, BAND, BAD = "#1c2430", "#5d6876", "#d9dee5", "#2f6db5", "#d5e2f0", "#c8321f"


def demand(path: Path) -> None:
    """See to it that a plot can be written there.

    Raises:
        UsageError: another kind of file, or what draws PNGs is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"`{path}` is neither a .png nor a .svg", hint="name the file `alarm.png` or `alarm.svg`")
    if path.suffix.lower() == ".png":
        try:
            import PIL.Image  # noqa: F401  whether it is there
        except ImportError:
            hint = 'pip install "tidegate[plot]", or write a .svg'
            raise UsageError("a .png needs the `pillow` package", hint=hint) from None


def render(path: Path, line: Sequence[Point], band: Band | None, title: str, *, ahead: bool = False) -> bytes:
    """The file's content, of the kind that its name says; at least two values must be known.

    With `ahead` the band is that of the next point, and none has left it.
    """
    if path.suffix.lower() == ".svg":
        return svg(line, band, title, ahead=ahead).encode()
    return png(line, band, title, ahead=ahead)


def svg(line: Sequence[Point], band: Band | None, title: str, *, ahead: bool = False) -> str:
    """The plot of the backtest's page, by itself."""
    drawn = plot(line, band, title, ahead=ahead)
    head = f"<style>{STYLE}</style><title>{escape(title)}</title>"
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(">", f">{head}", 1) + "\n"


def png(line: Sequence[Point], band: Band | None, title: str, *, ahead: bool = False) -> bytes:
    """A picture of 960 by 360 points, dark on white."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (WIDTH * SHARPER, HEIGHT * SHARPER), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=13 * SHARPER)
    known = [p.value for p in line if p.value is not None]
    ends = [*known, *((band.low, band.high) if band else ())]
    low, high = min(ends), max(ends)
    high = high if high > low else low + 1

    def x(at: float) -> float:
        return float(SHARPER * (LEFT + (WIDTH - LEFT - RIGHT) * at / max(len(line) - 1, 1)))

    def y(value: float) -> float:
        return float(SHARPER * (HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)))

    draw.text((SHARPER * 12, SHARPER * 12), _cut(draw, font, title), fill=INK, font=font)
    for value in (low, (low + high) / 2, high):
        draw.line([(x(0), y(value)), (x(len(line) - 1), y(value))], fill=RULE, width=SHARPER)
        draw.text((x(0) - SHARPER * 10, y(value)), short(value), fill=DIM, font=font, anchor="rm")
    for at, anchor in ((0, "la"), (len(line) - 1, "ra")):
        draw.text(
            (x(at), SHARPER * (HEIGHT - BOTTOM + 12)), f"{line[at].at:%Y-%m-%d}", fill=DIM, font=font, anchor=anchor
        )
    if band is not None:
        box = [
            (x(len(line) - 1.8), y(band.high)),
            (x(len(line) - 1) + SHARPER * 10, max(y(band.low), y(band.high) + 3)),
        ]
        draw.rectangle(box, fill=BAND, outline=LINE)
    _strokes(draw, [(x(at), y(p.value)) if p.value is not None else None for at, p in enumerate(line)])
    if line[-1].value is not None and not ahead:
        middle, r = (x(len(line) - 1), y(line[-1].value)), 6 * SHARPER
        draw.ellipse([(middle[0] - r, middle[1] - r), (middle[0] + r, middle[1] + r)], fill=BAD)
    out = io.BytesIO()
    picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(out, format="PNG")
    return out.getvalue()


def _strokes(draw: ImageDraw, points: Sequence[tuple[float, float] | None]) -> None:
    """A stroke through each run of known values; one alone is a dot."""
    run: list[tuple[float, float]] = []
    for point in (*points, None):
        if point is not None:
            run.append(point)
            continue
        if len(run) > 1:
            draw.line(run, fill=LINE, width=2 * SHARPER, joint="curve")
        elif run:
            (cx, cy), r = run[0], 2 * SHARPER
            draw.ellipse([(cx - r, cy - r), (cx + r, cy + r)], fill=LINE)
        run = []


def _cut(draw: ImageDraw, font: ImageFont | FreeTypeFont, title: str) -> str:
    """The title as far as it fits."""
    room = SHARPER * (WIDTH - 24)
    if draw.textlength(title, font=font) <= room:
        return title
    while title and draw.textlength(title + "…", font=font) > room:
        title = title[:-1]
    return title + "…"
