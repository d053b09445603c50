"""Draw a number's past, the band of what was expected and the point that left it, with characters, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tidegate.model import Band
from tidegate.services.replay import Point

HEIGHT = 12
LABELS = 9
"""Lines of a plot, and the columns that its axis takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a plot is drawn with, each one column wide."""

    known: str
    band: str
    point: str
    side: str
    corner: str
    floor: str


BLOCKS = Marks(known="•", band="░", point="●", side="┤", corner="└", floor="─")
ASCII = Marks(known="o", band=":", point="X", side="|", corner="+", floor="-")


def render(
    line: Sequence[Point],
    band: Band | None,
    *,
    width: int = 80,
    unicode: bool = True,
    strong: Callable[[str], str] = str,
    ahead: bool = False,
) -> list[str]:
    """The lines of a plot that is at most `width` columns wide; empty where fewer than two values are known.

    The newest points are drawn that fit, one column each, or two when there are few. `strong` marks the point that left the
    band; with `ahead` no point has: the band is that of the next one.
    """
    marks = BLOCKS if unicode else ASCII
    room = width - LABELS - 2
    shown = list(line[-(room - BAND_WIDE) :])
    known = [p.value for p in shown if p.value is not None]
    if len(known) < 2:
        return []
    step = 2 if 2 * len(shown) + BAND_WIDE <= room else 1
    ends = [*known, *((band.low, band.high) if band else ())]
    low, high = min(ends), max(ends)
    frame = _Frame(low=low, high=high if high > low else low + 1, columns=step * len(shown) + BAND_WIDE)
    cells = [[" "] * frame.columns for _ in range(HEIGHT)]
    if band is not None:
        _shade(cells, band, frame, marks, beside=not ahead)
    for at, point in enumerate(shown):
        if point.value is not None:
            last = at == len(shown) - 1 and not ahead
            cells[frame.row(point.value)][step * at] = strong(marks.point) if last else marks.known
    return [*_framed(cells, frame, marks), *_legend(shown, band, frame, marks, strong, ahead=ahead)]


BAND_WIDE = 3
"""How many columns the band takes at the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    low: float
    high: float
    columns: int

    def row(self, value: float) -> int:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return HEIGHT - 1 - round(share * (HEIGHT - 1))

    def value(self, row: int) -> float:
        return self.low + (self.high - self.low) * (HEIGHT - 1 - row) / (HEIGHT - 1)


def _shade(cells: list[list[str]], band: Band, frame: _Frame, marks: Marks, *, beside: bool) -> None:
    """The band at the right end; with `beside` over the last point's column too."""
    for row in range(frame.row(band.high), frame.row(band.low) + 1):
        for column in range(frame.columns - BAND_WIDE - (1 if beside else 0), frame.columns):
            cells[row][column] = marks.band


def _framed(cells: list[list[str]], frame: _Frame, marks: Marks) -> list[str]:
    out = []
    for row, cell in enumerate(cells):
        label = short(frame.value(row)) if row in (0, HEIGHT // 2, HEIGHT - 1) else ""
        out.append(f"{label:>{LABELS}} {marks.side}{''.join(cell)}".rstrip())
    return [*out, f"{'':>{LABELS}} {marks.corner}{marks.floor * frame.columns}"]


def _legend(
    shown: Sequence[Point], band: Band | None, frame: _Frame, marks: Marks, strong: Callable[[str], str], *, ahead: bool
) -> list[str]:
    hourly = (shown[-1].at - shown[-2].at).total_seconds() < 80_000
    style = "%Y-%m-%d %H:%M" if hourly else "%Y-%m-%d"
    first, last = shown[0].at.strftime(style), shown[-1].at.strftime(style)
    lead = " " * (LABELS + 2)
    gap = frame.columns - BAND_WIDE - len(first) - len(last)
    out = [f"{lead}{first}{' ' * gap}{last}" if gap > 0 else f"{lead}{first} to {last}"]
    if band is not None:
        what = "next" if ahead else "expected"
        out.append(f"{lead}{marks.band} {what}: {short(band.low)} to {short(band.high)}")
    if shown[-1].value is not None and not ahead:
        out.append(f"{lead}{strong(marks.point)} came: {short(shown[-1].value)}")
    return out


def short(value: float) -> str:
    """A number for an axis: 1,234, 0.0125 or 1.2e+09."""
    if value == 0 or 100 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.3g}"
