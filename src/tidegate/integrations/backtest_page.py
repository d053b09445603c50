"""Write a backtest as one HTML page that loads nothing else: what it came to, and a plot of every alarm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tidegate.model import Band
from tidegate.model.words import counted
from tidegate.services.backtest import Alarm, Backtest, TableReplay, a_month, answered, labels
from tidegate.services.replay import Point

WIDTH, HEIGHT = 720, 150
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 10, 22
"""The plot in its own units, and the margins for the labels of its axes."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5d6876; --paper: #fff; --rule: #d9dee5; --line: #2f6db5; --band: #2f6db526; --bad: #c8321f }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --dim: #98a3b3; --paper: #14181f; --rule: #333b47; --line: #7db2ef; --band: #7db2ef33; --bad: #ff7b66 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem } p { margin: .4rem 0 } .dim { color: var(--dim) }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87rem }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap }
th { white-space: normal; font-weight: 600; vertical-align: bottom } th:first-child, td:first-child { text-align: left } tr.own td { font-weight: 600 }
figure { margin: 1.2rem 0 2rem; padding: 0 } figcaption { margin-bottom: .4rem } svg { width: 100%; height: auto; display: block }
svg text { font: 11px system-ui, sans-serif; fill: var(--dim) } .axis { stroke: var(--rule) } .band { fill: var(--band); stroke: var(--line); stroke-width: .6 }
.line { fill: none; stroke: var(--line); stroke-width: 1.4; stroke-linejoin: round } .seen { fill: var(--line) } .bad { fill: var(--bad) }
.centre { stroke: var(--line); stroke-dasharray: 3 3 }
"""


def render(found: Backtest, *, project: str) -> str:
    """The whole page. Names and sentences come from the data and are escaped."""
    judged = sum(t.judged for t in found.tables)
    span = f" · {found.since:%Y-%m-%d} to {found.until:%Y-%m-%d}" if found.since and found.until else ""
    words = (
        "would hold: batches of this past that would have been held. allowed: how many of them the budget grants to chance."
        " caught: of faults put into copies of the newest batches, one at a time."
    )
    body = [
        f"<h1>Backtest of {escape(project)}</h1>",
        f'<p class="dim">version {found.version} · {judged:,} batches of {len(found.tables)} tables{span}</p>',
        f"<p>With a budget of {found.budget:g} false alarms a month, {_batches(found)}.</p>",
        "<h2>What each budget would have cost and caught</h2>",
        _notches(found),
        f'<p class="dim">{words}</p>',
        f"<h2>Alarms</h2><p>{_counts(found.alarms)}.</p>",
        *(figure(a) for a in found.alarms),
        "<h2>Tables</h2>",
        _grid(["table", "batches", "judged", "would hold", "told only", "seconds"], map(_table, found.tables)),
        "<h2>What people answered</h2>",
        f"<p>Labels: {escape('; '.join(labels(found.labels)))}.</p>",
        *(f"<p>{escape(line)}.</p>" for line in answered(found)),
        *(f'<p class="dim">{escape(note)}</p>' for note in found.notes),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Backtest of {escape(project)}</title>'
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _counts(alarms: Sequence[Alarm]) -> str:
    """How many would have held a batch, how many are slow drifts, and how many a person accepted."""
    held, drifts = (sum(a.accepted is None and a.finding.holds is holds for a in alarms) for holds in (True, False))
    accepted = len(alarms) - held - drifts
    beside = f", {counted(drifts, 'slow drift')} that would hold none" if drifts else ""
    return f"{held or 'None'}{beside}" + (f", and {accepted} that a person accepted" if accepted else "")


def _batches(found: Backtest) -> str:
    held = sum(t.held for t in found.tables)
    return f"{held:,} of them would have been held" if held else "none of them would have been held"


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]], own: int | None = None) -> str:
    """A table; row `own` stands out."""
    head = "".join(f"<th>{escape(h)}</th>" for h in heads)
    lines = (
        f"<tr{' class=own' if at == own else ''}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for at, row in enumerate(rows)
    )
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _notches(found: Backtest) -> str:
    faults = [c.fault for c in found.notches[0].caught]
    rows = []
    for notch in found.notches:
        rate = a_month(notch.alarms, found.since, found.until)
        caught = (f"{c.caught}/{c.tried}" if c.tried else "–" for c in notch.caught)
        share = "–" if notch.recall is None else f"{notch.recall:.0%}"
        told = "–" if rate is None else f"{rate:.1f}"
        rows.append([f"{notch.budget:g}", str(notch.alarms), told, f"{notch.expected:.1f}", share, *caught])
    own = [n.budget for n in found.notches].index(found.budget)
    return _grid(["false alarms a month", "would hold", "a month", "allowed", "caught", *faults], rows, own)


def _table(found: TableReplay) -> tuple[str, ...]:
    counts = ("–", "–", "–") if found.why_not else (str(found.judged), str(found.held), str(found.told))
    return (str(found.dataset), found.why_not or counted(found.known, found.unit), *counts, f"{found.seconds:.2f}")


def figure(alarm: Alarm) -> str:
    """One alarm: its sentence, and the number's past with the band that it left."""
    answer = f' <span class="dim">(accepted as {escape(alarm.accepted)})</span>' if alarm.accepted else ""
    caption = f"<figcaption>{escape(alarm.finding.sentence)}{answer}</figcaption>"
    known = [p.value for p in alarm.line if p.value is not None]
    drawn = plot(alarm.line, alarm.finding.expected, str(alarm.finding.kind)) if len(known) > 1 else ""
    return f"<figure>{caption}{drawn}</figure>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a value and a place on the line lie in the plot: `low` to `high` from bottom to top, `points` from left to right."""

    low: float
    high: float
    points: int

    def x(self, at: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * at / max(self.points - 1, 1), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def plot(line: Sequence[Point], band: Band | None, what: str, *, ahead: bool = False) -> str:
    """A line through the past, the band at its end, and the point that left it; with `ahead` the band of the next one."""
    known = [p.value for p in line if p.value is not None]
    ends = [*known, *((band.low, band.high) if band else ())]
    frame = Frame(low=min(ends), high=max(ends), points=len(line))
    parts = [*_axes(line, frame), *(_band(band, frame) if band else ()), *_strokes(line, frame)]
    last = line[-1].value
    if last is not None and not ahead:
        parts.append(f'<circle class="bad" cx="{frame.x(len(line) - 1)}" cy="{frame.y(last)}" r="4.5"/>')
    label = escape(f"{what}: {len(line)} values until {line[-1].at:%Y-%m-%d}", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _axes(line: Sequence[Point], frame: Frame) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for value in dict.fromkeys((frame.low, frame.high)):
        yield f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{frame.y(value)}" y2="{frame.y(value)}"/>'
        yield f'<text x="{LEFT - 6}" y="{frame.y(value) + 4}" text-anchor="end">{_short(value)}</text>'
    style = "%Y-%m-%d %H:%M" if len(line) > 1 and (line[-1].at - line[-2].at).total_seconds() < 80_000 else "%Y-%m-%d"
    for at, anchor in ((0, "start"), (len(line) - 1, "end")):
        text = line[at].at.strftime(style)
        yield f'<text x="{frame.x(at)}" y="{bottom + 16}" text-anchor="{anchor}">{text}</text>'


def _band(band: Band, frame: Frame) -> Iterator[str]:
    """The band stands over the last step, as wide as a step and at least to be seen; its centre line runs on to the left."""
    end = frame.x(frame.points - 1)
    start = min(frame.x(max(frame.points - 2, 0)), end - 10)
    top, bottom, middle = frame.y(band.high), frame.y(band.low), frame.y(band.centre)
    height = max(round(bottom - top, 1), 1.5)
    yield f'<rect class="band" x="{start}" y="{top}" width="{round(end - start + 6, 1)}" height="{height}"/>'
    yield f'<line class="centre" x1="{start}" x2="{end + 6}" y1="{middle}" y2="{middle}"/>'


def _strokes(line: Sequence[Point], frame: Frame) -> Iterator[str]:
    """A stroke through each run of known values; one alone is a dot."""
    run: list[str] = []
    for at, point in enumerate([*line, Point(at=line[-1].at, value=None)]):
        if point.value is not None:
            run.append(f"{frame.x(at)},{frame.y(point.value)}")
            continue
        if len(run) > 1:
            yield f'<polyline class="line" points="{" ".join(run)}"/>'
        elif run:
            x, y = run[0].split(",")
            yield f'<circle class="seen" cx="{x}" cy="{y}" r="1.6"/>'
        run = []


def _short(value: float) -> str:
    """A number for an axis: 1,234 or 0.0125."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.2g}"
    return f"{value:.3g}"
