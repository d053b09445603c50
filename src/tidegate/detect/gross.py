"""Rules of thumb that need one earlier version only: a table that emptied, halved or doubled, a column that went NULL."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tidegate.detect import words
from tidegate.detect.forecast import Floats
from tidegate.detect.history import LOOKS, DetectSettings, TableHistory
from tidegate.detect.panel import Panel
from tidegate.model import Band, Finding, Layer, MetricSpec

# Chosen, not derived.
LOST = 0.4
LOST_OF_STEADY = 0.2
STEPS = 5.0
"""Rows that moved little from version to version lose a fifth of themselves, and five times as much as they ever moved."""
COPIED = 0.2
NEVER_COPIED = 0.02
DOUBLED = 1.8
STABLE = 0.2
NULL_JUMP = 0.2
NEVER_NULL = 0.02
SHIFT = 3.0
NEW_LOOK = 0.2
NEVER_LOOKED = 0.02
BIG_PART = 0.1
LEAST_QUANTILES = 2
ALIKE = 1.5
"""How far, as a factor, quantiles may have moved otherwise than the mean."""


def judge(history: TableHistory, panel: Panel | None, *, timed: bool, settings: DetectSettings) -> list[Finding]:
    """Compare the candidate's whole-table numbers with the few that are known; only gross changes are told."""
    total = panel.row("row_count") if panel is not None else None
    if panel is None or total is None or panel.values.shape[1] < 2:
        return []
    rows = panel.values[total]
    before = rows[:-1][~np.isnan(rows[:-1])]
    if not before.size or math.isnan(rows[-1]):
        return []
    copied = copies(history, panel, rows)
    found = copied or volume(history, before, float(rows[-1]), timed, settings)
    if found or not rows[-1]:
        return found
    found += nulls(history, panel, rows)
    if not timed:
        found += parts(history, panel, rows, settings)
        found += values(history, panel, settings)
        found += [f for f in looks(history, panel, rows) if f.column not in {one.column for one in found}]
    return found


def volume(history: TableHistory, before: Floats, came: float, timed: bool, settings: DetectSettings) -> list[Finding]:
    """Rows to zero, a good part of them lost, or a stable table doubled."""
    last = float(before[-1])
    if abs(last - came) < min(settings.least_rows, max(last, 1.0)):
        return []
    rule = lost(before, came, timed=timed)
    grown = came >= DOUBLED * last and is_steady(before) and not timed
    if rule is None and not grown:
        return []
    spec = MetricSpec(dataset=history.dataset.ref, metric="row_count")
    came_text = f"{words.count(came)} rows" if came else "no rows"
    versions = words.buckets("version", before.size)
    sentence = f"{history.dataset.ref} has {came_text}, the published version has {words.count(last)}:"
    sentence += f" {words.change(came, last)}"
    hint = "compare with the source's own count; see whether a load broke off or replaced the table"
    if grown:
        sentence += f" after {versions} that hardly moved"
        hint = "see whether rows came twice: a load that appends where it should replace"
    band = around(before, rule or "rule: a stable table doubled")
    return [
        made(history, "volume", spec, sentence, came, band, abs(came - last), abs(came - last) / max(came, last), hint)
    ]


def lost(before: Floats, came: float, *, timed: bool) -> str | None:
    """The rule by which too few rows are left; None where that is not said. What was lost once before is no news."""
    last, steps = float(before[-1]), moves(before)
    fall = math.log1p(last) - math.log1p(came)
    if came == 0 or (came <= (1 - LOST) * last and not (steps.size and float(steps.max()) >= fall)):
        return f"rule: {words.percent(LOST)} of the last version lost"
    if not timed and is_steady(before) and came <= (1 - LOST_OF_STEADY) * last and fall >= STEPS * float(steps.max()):
        return f"rule: {words.percent(LOST_OF_STEADY)} of a stable table lost"
    return None


def moves(before: Floats) -> Floats:
    """How far the rows moved from version to version, in logs."""
    return np.abs(np.diff(np.log1p(before)))


def is_steady(before: Floats) -> bool:
    """Whether three versions or more hardly moved."""
    return before.size >= 3 and float(moves(before).max()) <= STABLE


def copies(history: TableHistory, panel: Panel, rows: Floats) -> list[Finding]:
    """Extra copies of whole rows in a table that had none, which one earlier version is enough to tell."""
    place, came = panel.row("duplicate_rows"), float(rows[-1])
    if place is None or not came:
        return []
    share = panel.values[place] / np.maximum(rows, 1.0)
    before, extra = share[:-1][~np.isnan(share[:-1])], float(panel.values[place, -1])
    if not before.size or not before.max() <= NEVER_COPIED or not share[-1] >= COPIED:
        return []
    last = float(rows[:-1][~np.isnan(rows[:-1])][-1])
    sentence = (
        f"{history.dataset.ref} has {words.count(extra)} extra copies of rows, {words.percent(float(share[-1]))} of"
    )
    sentence += f" its {words.count(came)} rows, and at most {words.percent(float(before.max()))} in"
    sentence += f" {words.buckets('version', before.size)} before; the published version has {words.count(last)} rows"
    band = around(before, "rule: a table without copies of rows")
    hint = "see whether rows came twice: a load that appends where it should replace"
    return [
        made(history, "duplicates", panel.specs[place], sentence, float(share[-1]), band, extra, extra / came, hint)
    ]


def nulls(history: TableHistory, panel: Panel, rows: Floats) -> list[Finding]:
    """Columns that were never NULL and now are, in a fifth of the rows or more."""
    hit: list[tuple[float, int]] = []
    for i, spec in enumerate(panel.specs):
        if spec.metric != "null_count" or spec.segment is not None:
            continue
        share = panel.values[i] / np.maximum(rows, 1.0)
        before = share[:-1][~np.isnan(share[:-1])]
        if before.size and not math.isnan(share[-1]) and before.max() <= NEVER_NULL and share[-1] >= NULL_JUMP:
            hit.append((float(share[-1]), i))
    if not hit:
        return []
    names = [c.name for c in history.dataset.columns]
    share, worst = max(hit, key=lambda h: (h[0], str(panel.specs[h[1]].column)))
    columns = sorted(
        (str(panel.specs[i].column) for _, i in hit), key=lambda c: names.index(c) if c in names else len(names)
    )
    spec, last = panel.specs[worst], float(rows[-1])
    more = [c for c in columns if c != spec.column]
    also = f"; {words.listed(more)} too" if more else ""
    before = (panel.values[worst] / np.maximum(rows, 1.0))[:-1]
    before = before[~np.isnan(before)]
    versions = words.buckets("version", before.size)
    sentence = f"{history.dataset.ref}.{spec.column} is NULL in {words.percent(share)} of the rows"
    sentence += f" ({words.count(share * last)} of {words.count(last)}), at most {words.percent(float(before.max()))}"
    sentence += f" in {versions} before{also}"
    band = around(before, "rule: a column that was never NULL")
    hint = f"see whether the source stopped sending {spec.column}, or a join no longer finds it"
    return [made(history, f"nulls/{columns[0]}", spec, sentence, share, band, share * last, share, hint)]


def looks(history: TableHistory, panel: Panel, rows: Floats) -> list[Finding]:
    """Columns of which a fifth of the values look as hardly any did before; the one of which most do, with the others' names."""
    shares = panel.values / np.maximum(rows, 1.0)
    hit: list[tuple[float, str, int]] = []
    for i, spec in enumerate(panel.specs):
        before = shares[i, :-1][~np.isnan(shares[i, :-1])]
        never = spec.metric in LOOKS and spec.segment is None and before.size and before.max() <= NEVER_LOOKED
        if never and shares[i, -1] >= NEW_LOOK:
            hit.append((float(shares[i, -1]), str(spec.column), i))
    if not hit:
        return []
    share, column, worst = max(hit)
    before, spec = shares[worst, :-1][~np.isnan(shares[worst, :-1])], panel.specs[worst]
    more = sorted({name for _, name, _ in hit} - {column})
    sentence = f"{history.dataset.ref}.{column} {LOOKS[spec.metric]} in {words.percent(share)} of the rows, at most"
    sentence += f" {words.percent(float(before.max()))} in {words.buckets('version', before.size)} before"
    sentence += f"; {words.listed(more)} {'looks' if len(more) == 1 else 'look'} otherwise too" if more else ""
    band = around(before, "rule: values that never looked like this")
    hint = f"look at the values of {column} that came with this run; if they are right, answer `expected`"
    return [made(history, f"unlike/{column}", spec, sentence, share, band, share * float(rows[-1]), share, hint)]


def parts(history: TableHistory, panel: Panel, rows: Floats, settings: DetectSettings) -> list[Finding]:
    """Categories that always had a tenth of the rows and now have none."""
    found = []
    for i, spec in enumerate(panel.specs):
        if spec.metric != "row_count" or spec.segment is None:
            continue
        share = panel.values[i] / np.maximum(rows, 1.0)
        before = share[:-1][~np.isnan(share[:-1])]
        usual = panel.values[i][:-1][~np.isnan(panel.values[i][:-1])]
        gone = float(np.nan_to_num(panel.values[i, -1])) == 0
        if not gone or before.size < 2 or before.min() < BIG_PART or usual[-1] < settings.least_rows:
            continue
        sentence = f"{spec.segment} has 0 of its usual {words.count(usual.min())} to {words.count(usual.max())} rows"
        sentence += f" in {history.dataset.ref}"
        band = around(usual, "rule: a regular category vanished")
        hint = f"look for {spec.segment} in the source and in the load; filters and joins lose whole categories"
        value = spec.segment.value if spec.segment.value is not None else "NULL"
        key = f"segment/{spec.segment.column}={value}"
        found.append(made(history, key, spec, sentence, 0.0, band, float(usual[-1]), float(before[-1]), hint))
    return sorted(found, key=lambda f: -(f.affected_rows or 0))[:1]


def values(history: TableHistory, panel: Panel, settings: DetectSettings) -> list[Finding]:
    """Means that were stable and are now a multiple or a fraction; told by the one that moved most.

    Fewer than three versions do not show that a mean is stable, so all quantiles must have moved like it.
    """
    best: tuple[float, int, Floats] | None = None
    for i, spec in enumerate(panel.specs):
        if spec.metric != "mean" or spec.segment is not None:
            continue
        before, came = panel.values[i][:-1][~np.isnan(panel.values[i][:-1])], float(panel.values[i, -1])
        if not before.size or math.isnan(came) or not shifted(before, came):
            continue
        if before.size < 3 and not whole_column_moved(panel, spec.column, came / float(before[-1])):
            continue
        far = abs(math.asinh(came / before[-1]) - math.asinh(1.0))
        if best is None or far > best[0]:
            best = (far, i, before)
    if best is None or panel.values.shape[1] > settings.min_history:
        return []
    spec, came, last = panel.specs[best[1]], float(panel.values[best[1], -1]), float(best[2][-1])
    sentence = f"the mean of {history.dataset.ref}.{spec.column} is {words.number(came)}, in"
    sentence += f" {words.buckets('version', best[2].size)} before {words.number(best[2].min())} to"
    sentence += f" {words.number(best[2].max())}: {words.factor(came, last)}"
    band = around(best[2], "rule: a stable mean tripled")
    rows = history.dataset.rows or 0
    hint = "look for a changed unit (cents for euros), a changed sign, or a few enormous values"
    return [made(history, f"location/{spec.column}", spec, sentence, came, band, rows, 1.0, hint)]


def whole_column_moved(panel: Panel, column: str | None, factor: float) -> bool:
    """Whether all quantiles that are known moved by about the factor by which the mean did."""
    moved = []
    for i, spec in enumerate(panel.specs):
        if spec.metric == "quantile" and spec.column == column and spec.segment is None:
            last, came = panel.values[i, -2], panel.values[i, -1]
            if math.isnan(last) or math.isnan(came) or not last:
                return False
            moved.append(came / last / factor)
    return len(moved) >= LEAST_QUANTILES and all(1 / ALIKE <= one <= ALIKE for one in moved)


def shifted(before: Sequence[float] | Floats, came: float) -> bool:
    """Whether a mean that stayed within a third of itself is now three times as much, a third, or of another sign."""
    low, high = float(min(before)), float(max(before))
    if low * high <= 0 or max(abs(low), abs(high)) > 1.3 * min(abs(low), abs(high)):
        return False
    ratio = came / float(before[-1])
    return ratio >= SHIFT or ratio <= 1 / SHIFT


def around(before: Floats, method: str) -> Band:
    """What the earlier versions showed."""
    return Band(
        low=float(before.min()),
        high=float(before.max()),
        centre=float(before[-1]),
        method=method,
        points=int(before.size),
    )


def made(
    history: TableHistory,
    key: str,
    spec: MetricSpec,
    sentence: str,
    observed: float,
    band: Band,
    rows: float,
    share: float,
    hint: str,
) -> Finding:
    """Fill in what every finding of a rule has; no chance is involved."""
    loads = f"load {', '.join(history.new_loads)}" if history.new_loads else "this version"
    return Finding(
        key=f"{history.dataset.ref}/{key}",
        kind=key.split("/", 1)[0],
        layer=Layer.DATA,
        dataset=history.dataset.ref,
        sentence=sentence,
        holds=True,
        column=spec.column if spec.segment is None else spec.segment.column,
        spec=spec,
        observed=observed,
        expected=band,
        since=loads,
        hint=hint,
        affected_rows=round(rows),
        affected_share=round(min(1.0, share), 4),
    )
