"""dlt loads as units: rows and extra copies that this run's loads brought, beside those of earlier loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tidegate.detect import snapshots, story, words
from tidegate.detect.history import LOAD_COLUMN, DetectSettings, TableHistory
from tidegate.detect.panel import Panel
from tidegate.model import Band, Finding, Layer, Measurement, MetricSpec, Segment

MOST = 5
"""So many of a run's newest loads are judged by their numbers. Chosen, not derived."""


def judge(history: TableHistory, panel: Panel | None, *, settings: DetectSettings) -> list[Finding]:
    """Judge the new loads; rows only where no buckets of time say it better."""
    if not history.new_loads:
        return []
    found = copies(history, settings)
    if panel is None:
        found += rows(history, settings)
        found += [f for load in history.new_loads[-MOST:] for f in numbers(history, load, settings)]
    return found


def numbers(history: TableHistory, load: str, settings: DetectSettings) -> list[Finding]:
    """The numbers of one new load against those of the loads before; its rows are told by `rows`, and the first load teaches nothing.

    A load that an open incident is about teaches nothing either.
    """
    hidden = {
        s.segment.value for s, _ in history.excluded if s is not None and s.segment and s.segment.column == LOAD_COLUMN
    }
    earlier = [one for name, one in history.loads if name not in history.new_loads and name not in hidden][1:]
    came = next((one for name, one in history.loads if name == load), None)
    if came is None or len(earlier) < settings.min_history:
        return []
    alone = TableHistory(dataset=history.dataset, current=came, versions=tuple(enumerate(earlier)), new_loads=(load,))
    known = snapshots.panel_of(alone, None)
    told = snapshots.judge(alone, known, timed=False, settings=settings)
    return [of_load(f, load) for f in told if f.kind != "volume"]


def points(history: TableHistory) -> int:
    """How many loads a new one is held against; 0 where loads are not looked at one by one."""
    return max(0, len(history.loads) - 1 - max(1, len(history.new_loads)))


def of_load(finding: Finding, load: str) -> Finding:
    """What was found in a load, told as such; the category that it is about, if any, is its slice."""
    cut = finding.slice
    own = finding.spec and replace(finding.spec, segment=Segment(column=LOAD_COLUMN, value=load))
    if cut is None and finding.observed is not None and finding.expected is not None:
        cut = story.load_slice(load, finding.observed, finding.expected.centre)
    band = finding.expected and replace(finding.expected, method=finding.expected.method.replace("versions", "loads"))
    sentence = f"in load {load}, {finding.sentence}".replace(": the table has ", ": the load has ")
    return replace(finding, sentence=sentence, spec=own, slice=cut, since=f"load {load}", expected=band)


def by_load(numbers: Sequence[Measurement], metric: str) -> dict[str, float]:
    """A whole-table number for each load, oldest load first."""
    found = {
        m.spec.segment.value: float(m.value)
        for m in numbers
        if m.interval is None
        and m.spec.metric == metric
        and m.spec.segment is not None
        and m.spec.segment.column == LOAD_COLUMN
        and m.spec.segment.value is not None
        and isinstance(m.value, (int, float))
    }
    return dict(sorted(found.items(), key=lambda item: load_order(item[0])))


def load_order(load: str) -> tuple[float, str]:
    """dlt's load ids are instants in seconds; what is not sorts first."""
    try:
        return float(load), load
    except ValueError:
        return 0.0, load


def copies(history: TableHistory, settings: DetectSettings) -> list[Finding]:
    """A new load holds rows that are there already, and no earlier load does."""
    extra, size = by_load(history.current, "duplicate_rows"), by_load(history.current, "row_count")
    new = [load for load in history.new_loads if extra.get(load, 0) > 0]
    earlier = [value for load, value in extra.items() if load not in history.new_loads]
    if not new or not earlier or any(earlier):
        return []
    worst = max(new, key=lambda load: (extra[load], load))
    number, of = extra[worst], size.get(worst, extra[worst])
    if number < max(settings.least_rows / 4, 0.01 * of):
        return []
    ref = history.dataset.ref
    return [
        Finding(
            key=f"{ref}/duplicates",
            kind="duplicates",
            layer=Layer.DATA,
            dataset=ref,
            sentence=f"load {worst} brought {words.count(number)} extra copies of rows into {ref}"
            f" ({words.count(of)} rows in all); {len(earlier)} earlier loads brought none",
            holds=True,
            observed=number,
            expected=Band(low=0.0, high=0.0, centre=0.0, method="earlier loads", points=len(earlier)),
            slice=story.load_slice(worst, number, 0.0),
            since=f"load {worst}",
            affected_rows=round(number),
            affected_share=min(1.0, number / max(of, 1.0)),
            hint=f"see whether a load was delivered twice; remove the rows of load {worst}",
        )
    ]


def rows(history: TableHistory, settings: DetectSettings) -> list[Finding]:
    """Rows of the new loads against earlier loads; the first load filled the table and is no measure."""
    sizes = by_load(history.current, "row_count")
    earlier = [value for load, value in sizes.items() if load not in history.new_loads][1:][-settings.most_points :]
    came = sum(sizes.get(load, 0.0) for load in history.new_loads)
    if len(earlier) < settings.min_history or not any(load in sizes for load in history.new_loads):
        return []
    low, high = min(earlier), max(earlier)
    middle = sorted(earlier)[len(earlier) // 2]
    few = came < 0.5 * low and low - came >= settings.least_rows
    many = came > 3 * high and came - high >= settings.least_rows
    if not few and not many:
        return []
    ref = history.dataset.ref
    return [
        Finding(
            key=f"{ref}/volume",
            kind="volume",
            layer=Layer.DATA,
            dataset=ref,
            sentence=f"this run's load brought {words.count(came)} rows into {ref}, the {len(earlier)} loads before"
            f" {words.count(low)} to {words.count(high)}: {words.change(came, middle)}",
            holds=few,
            spec=MetricSpec(
                dataset=ref, metric="row_count", segment=Segment(column=LOAD_COLUMN, value=history.new_loads[0])
            )
            if len(history.new_loads) == 1
            else None,
            observed=came,
            expected=Band(low=low, high=high, centre=middle, method="range of earlier loads", points=len(earlier)),
            since=f"load {', '.join(history.new_loads)}",
            affected_rows=round(abs(came - middle)),
            affected_share=min(1.0, abs(came - middle) / max(came, middle, 1.0)),
            hint="compare with the source's own count; see whether a load broke off",
        )
    ]
