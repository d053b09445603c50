"""One finding for each cause: what explains what, and in which words it is told."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tidegate.detect import gaps, words
from tidegate.detect.excuse import excuse
from tidegate.detect.history import LOAD_COLUMN, DetectSettings, TableHistory
from tidegate.detect.panel import Panel, middle
from tidegate.detect.score import Scored
from tidegate.detect.series import NO_NUMBERS, Aspect
from tidegate.model import Band, Finding, Interval, Layer, MetricSpec, Segment, Slice

# Chosen, not derived; measured by walk-forward over made-up shops and real tables.
EXPLAINS = 0.6
"""The share of a table's missing rows that a category must have lost to be the cause."""
FURTHER = 0.4
"""How much further than the whole (in logs) a category's mean must have moved to explain it."""
STAND_OUT = 0.35
"""How far (in logs) a category must move against the rest of the table to be the cause."""
RARELY = 3.0
"""How many standard deviations of a count the rest of a table must be from an even change, for one category to explain it."""
NEARLY = 0.4
"""What is within this of the threshold (2.5 times as likely by chance) is told and does not hold."""
OWN_CAUSE_SHARE = 0.2
OWN_CAUSE_FACTOR = math.log(2)
"""Beside a change of volume, nulls and means are told only when they moved more than a changed mixture moves them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All scores at one bucket (or version). `quiet`: a holiday. `new`: never judged before."""

    at: int
    new: bool
    quiet: bool
    scores: Mapping[Aspect, Scored]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a sentence needs to know of the table."""

    history: TableHistory
    settings: DetectSettings
    panel: Panel

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.history.dataset.ref)

    @property
    def timed(self) -> bool:
        """Whether columns are buckets of time, not versions."""
        return self.panel.grain != "version"

    @property
    def unit(self) -> str:
        """What the points of a band are called."""
        return f"{self.panel.grain}s"

    def interval(self, look: Look) -> Interval | None:
        """The bucket."""
        return self.panel.intervals[look.at] if self.timed else None

    def when(self, look: Look) -> str:
        """` for Sunday 2026-08-23`, or nothing for a whole table."""
        return f" for {words.bucket(self.panel.intervals[look.at], self.panel.grain)}" if self.timed else ""

    def since(self, look: Look) -> str:
        """From which load and bucket on."""
        parts = [f"load {', '.join(self.history.new_loads)}"] if self.history.new_loads else []
        if self.timed:
            parts.append(words.bucket(self.panel.intervals[look.at], self.panel.grain))
        return ", ".join(parts) or "this version"


def threshold(settings: DetectSettings, kind: str) -> float:
    """The rarity beyond which a finding of a kind holds."""
    return -math.log10(settings.budget_of(kind))


def tell(looks: Sequence[Look], context: Context) -> list[Finding]:
    """Tell each bucket's causes; the same cause in several buckets is one finding, with the gravest one's words."""
    by_key: dict[str, list[Finding]] = {}
    for look in looks:
        for finding in causes(look, context):
            by_key.setdefault(finding.key, []).append(finding)
    return [together(same, context) for same in by_key.values()]


def causes(look: Look, context: Context) -> list[Finding]:
    """The findings of one bucket, one for each cause."""
    copies = duplicates(look, context)
    volume = None if copies else rows_story(look, context)
    mixture = copies is not None or volume is not None
    found = [f for f in (copies, volume) if f is not None]
    found += nulls(look, context, mixture=mixture)
    found += locations(look, context, mixture=mixture)
    if not found:
        found += others(look, context)
    return found + first_ones(look, context, {f.spec for f in found})


def together(same: Sequence[Finding], context: Context) -> Finding:
    """One finding of several buckets with one cause."""
    worst = max(same, key=lambda f: (f.holds, f.affected_rows or 0, f.rarity or 0.0))
    if len(same) == 1 or worst.interval is None:
        return worst
    intervals = sorted(f.interval for f in same if f.interval is not None)
    first = words.bucket(intervals[0], context.panel.grain)
    return replace(
        worst,
        sentence=f"{worst.sentence}; {words.buckets(context.panel.grain, len(same))} like this since {first}",
        interval=Interval(start=intervals[0].start, end=intervals[-1].end),
        bucket=worst.interval,
        since=same[0].since,
        affected_rows=sum(f.affected_rows or 0 for f in same),
    )


def strange(scored: Scored, i: int, settings: DetectSettings) -> bool:
    """Whether a series is worth telling: beyond, or nearly beyond, what holds, and what its aspect showed twice before."""
    return bool(scored.rarity[i] > threshold(settings, scored.aspect) - NEARLY and scored.rarity[i] > scored.own)


def holding(scored: Scored, i: int, context: Context) -> bool:
    """Whether a series is rare enough to hold."""
    return bool(scored.rarity[i] > threshold(context.settings, scored.aspect))


def duplicates(look: Look, context: Context) -> Finding | None:
    """Extra copies of rows where there were none."""
    scored = look.scores.get(Aspect.DUPLICATES)
    if scored is None or not strange(scored, 0, context.settings) or scored.error[0] < 0:
        return None
    share, rows = scored.observed(0), scored.rows(0)
    copies = round(share * rows)
    if copies < max(context.settings.least_rows / 4, 0.01 * rows):
        return None
    volume = look.scores.get(Aspect.VOLUME)
    instead = ""
    if volume is not None and math.isfinite(volume.expected(0)):
        instead = f": {words.count(rows)} rows, expected {words.span(volume.band(0, context.unit))}"
    usual = words.span_share(scored.band(0, context.unit))
    told = finding(
        look,
        context,
        scored,
        0,
        key="duplicates",
        sentence=f"{context.name} has {words.count(copies)} extra copies of rows{context.when(look)}, usually {usual}{instead}",
        holds=True,
        rows=copies,
        share=share,
        hint="see whether a load was delivered twice; `tidegate recover N --plan` shows how its copies go"
        + (", by their load id" if context.history.new_loads else ""),
    )
    # The rows that are too many are the same cause, and may be the stranger number.
    swollen = volume is not None and volume.error[0] > 0 and volume_matters(volume, context)
    if volume is None or not swollen or volume.rarity[0] <= scored.rarity[0]:
        return told
    return replace(told, holds=told.holds or holding(volume, 0, context), rarity=round(float(volume.rarity[0]), 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A category beside the rest of its table: rows that came and were expected, and how far it stands out."""

    i: int
    segment: Segment
    observed: float
    expected: float
    apart: float

    @property
    def moved(self) -> float:
        """Rows gained, negative when lost."""
        return self.observed - self.expected


def rows_story(look: Look, context: Context) -> Finding | None:
    """Too few or too many rows: of one category when it explains the change, else of the table."""
    volume = look.scores.get(Aspect.VOLUME)
    if volume is None or not math.isfinite(volume.expected(0)):
        return None
    whole = strange(volume, 0, context.settings) and volume_matters(volume, context)
    part = culprit(look, volume, context, whole=whole)
    if part is not None:
        return segment_finding(look, context, volume, part, whole=whole)
    return volume_finding(look, context, volume) if whole else None


def volume_matters(volume: Scored, context: Context) -> bool:
    """Whether enough rows are missing or too many; of a small table a quarter of that is enough, if it is a quarter."""
    gap, expected, least = abs(volume.observed(0) - volume.expected(0)), volume.expected(0), context.settings.least_rows
    enough = gap >= least or (gap >= least / 4 and gap >= expected / 4)
    return enough and abs(volume.error[0]) >= -math.log1p(-context.settings.least_change)


def parts(look: Look, volume: Scored) -> list[Part]:
    """Every category at this bucket, measured against the rest of the table."""
    scored = look.scores.get(Aspect.SEGMENT)
    if scored is None:
        return []
    total, usual = volume.observed(0), volume.expected(0)
    out = []
    for i, spec in enumerate(scored.series.specs):
        observed, expected = scored.observed(i), scored.expected(i)
        if spec.segment is None or not (math.isfinite(observed) and math.isfinite(expected)):
            continue
        rest = (max(total - observed, 0.0) + 1) / (max(usual - expected, 0.0) + 1)
        # The only category of a table moves with it: there is no rest to compare it with.
        alone = usual - expected < 0.02 * usual
        apart = 0.0 if alone else math.log((observed + 1) / (expected + 1)) - math.log(rest)
        out.append(Part(i=i, segment=spec.segment, observed=observed, expected=expected, apart=apart))
    return out


def culprit(look: Look, volume: Scored, context: Context, *, whole: bool) -> Part | None:
    """The category that explains the change of rows best, None when the change is even or nothing is strange."""
    scored = look.scores.get(Aspect.SEGMENT)
    if scored is None:
        return None
    gap = volume.observed(0) - volume.expected(0)
    if not volume.observed(0):
        return None
    able = [p for p in parts(look, volume) if segment_matters(p, look, volume, context)]
    able = [p for p in able if abs(p.apart) >= max(STAND_OUT, 3 * float(scored.scale[p.i]))]
    alone = [p for p in able if strange(scored, p.i, context.settings)]
    if whole:
        explaining = [p for p in able if p.moved / gap >= EXPLAINS and rest_stayed(p, volume)]
        # On a holiday every category is small: one that is gone is another cause than the day.
        alone = explaining or (alone if look.quiet else [])
    return max(alone, key=lambda p: (weight(p), str(p.segment)), default=None)


def rest_stayed(part: Part, volume: Scored) -> bool:
    """Whether the rows of all other categories are too many, or too few, to have moved as the whole did: by more than chance does
    to so many rows. Next to nothing can be said of the few rows beside a category that is nearly the table.
    """
    observed, usual = volume.observed(0), volume.expected(0)
    evenly = max(usual - part.expected, 0.0) * observed / usual if usual > 0 else 0.0
    return abs(max(observed - part.observed, 0.0) - evenly) >= RARELY * math.sqrt(evenly + 1)


def weight(part: Part) -> float:
    """How well a category explains: rows moved by how much of it moved; a loss counts more than the gain beside it."""
    return min(abs(part.apart), 3.0) * abs(part.moved) * (1.5 if part.moved < 0 else 1.0)


def segment_matters(part: Part, look: Look, volume: Scored, context: Context) -> bool:
    """Whether the table would miss the category's rows, or be swamped by them."""
    settings, usual = context.settings, max(volume.expected(0), 1.0)
    if part.moved < 0:
        least = max(settings.least_rows / 2, settings.least_segment * usual)
        return -part.moved >= least and -part.moved >= 0.3 * part.expected and (not look.quiet or part.apart < -1)
    least = max(settings.least_rows, 0.1 * usual)
    return part.moved >= least and part.observed >= 1.5 * part.expected and not look.quiet


def segment_finding(look: Look, context: Context, volume: Scored, part: Part, *, whole: bool) -> Finding:
    """A category lost or gained rows; the table's own numbers stand in the sentence."""
    scored = look.scores[Aspect.SEGMENT]
    band, total = scored.band(part.i, context.unit), volume.band(0, context.unit)
    gap = volume.observed(0) - volume.expected(0)
    explained = min(1.0, part.moved / gap) if whole and gap else 1.0
    if part.moved < 0:
        came = f"{part.segment} has {words.count(part.observed)} of its usual {words.span(band)} rows"
    else:
        usual = f"its usual {words.span(band)}" if part.expected >= 1 else "none before"
        came = f"{part.segment} has {words.count(part.observed)} rows instead of {usual}"
    table = f"the table has {words.count(volume.observed(0))} rows, expected {words.span(total)}"
    if whole:
        table += f", and this explains {words.percent(explained)} of the difference"
    return finding(
        look,
        context,
        scored,
        part.i,
        key=f"segment/{part.segment.column}={part.segment.value if part.segment.value is not None else 'NULL'}",
        sentence=f"{came} in {context.name}{context.when(look)}: {table}{twin(look, volume, part)}{gaps.told(context.panel, look.at) if part.moved < 0 else ''}",
        holds=part.moved < 0 or whole or part.moved >= 0.2 * volume.expected(0),
        rows=round(abs(part.moved)),
        share=abs(part.moved) / max(volume.expected(0), part.observed, 1.0),
        cut=Slice(segment=part.segment, share=explained, observed=part.observed, expected=part.expected),
        hint=f"look for {part.segment} in the source and in the load; filters and joins lose whole categories",
    )


def twin(look: Look, volume: Scored, part: Part) -> str:
    """Name the category of the same column that moved the other way as far: a new label for the same rows."""
    for other in parts(look, volume):
        same = other.segment.column == part.segment.column and other.moved * part.moved < 0
        if same and 0.5 <= abs(other.moved / part.moved) <= 2 and abs(other.apart) >= STAND_OUT:
            return f"; {other.segment} has {words.count(other.observed)} rows instead of {words.count(other.expected)}"
    return ""


def volume_finding(look: Look, context: Context, volume: Scored) -> Finding:
    """The whole table has too few or too many rows."""
    observed, expected = volume.observed(0), volume.expected(0)
    gap = observed - expected
    came = f"{words.count(observed)} rows" if observed else "no rows"
    day = middle(context.panel.intervals[look.at]).date()
    why = excuse(context.panel, day, float(volume.error[0]) if observed else -math.inf, context.settings)
    excused = f"; {why}, so this is told and does not hold" if why else ""
    expectation = f"expected {words.span(volume.band(0, context.unit))}: {words.change(observed, expected)}"
    return finding(
        look,
        context,
        volume,
        0,
        key="volume",
        sentence=f"{context.name} has {came}{context.when(look)}, {expectation}{gaps.told(context.panel, look.at) if gap < 0 else ''}{excused}",
        holds=not excused,
        rows=round(abs(gap)),
        share=min(1.0, abs(gap) / max(expected, observed, 1.0)),
        hint="compare with the source's own count; see whether a load broke off"
        if gap < 0
        else "see whether rows came twice",
    )


def nulls(look: Look, context: Context, *, mixture: bool) -> list[Finding]:
    """Columns that became NULL; several at once are one cause."""
    scored = look.scores.get(Aspect.NULLS)
    if scored is None:
        return []
    hit = [i for i in range(len(scored.series.specs)) if strange(scored, i, context.settings)]
    hit = [i for i in hit if share_matters(scored, i, context.settings)]
    if mixture:
        hit = [i for i in hit if abs(scored.observed(i) - scored.expected(i)) >= OWN_CAUSE_SHARE]
    groups = ([i for i in hit if scored.error[i] > 0], [i for i in hit if scored.error[i] < 0])
    return [null_finding(look, context, scored, in_order(group, scored, context)) for group in groups if group]


def share_matters(scored: Scored, i: int, settings: DetectSettings, times: float = 1.0) -> bool:
    """Whether a share moved far enough, in enough rows."""
    gap = abs(scored.observed(i) - scored.expected(i))
    return gap >= times * settings.least_share and gap * scored.rows(i) >= settings.least_rows / 2


def in_order(hit: Sequence[int], scored: Scored, context: Context) -> list[int]:
    """Series in the order of the table's columns, so that the same cause has the same first column tomorrow."""
    names = [c.name for c in context.history.dataset.columns]
    return sorted(hit, key=lambda i: (names.index(n) if (n := scored.spec(i).column) in names else len(names), str(n)))


def null_finding(look: Look, context: Context, scored: Scored, hit: list[int]) -> Finding:
    """One finding for all columns that became NULL (or stopped being NULL) together."""
    worst = max(hit, key=lambda i: (holding(scored, i, context), abs(scored.observed(i) - scored.expected(i))))
    share, rows = scored.observed(worst), scored.rows(worst)
    column = scored.spec(worst).column
    more = [str(scored.spec(i).column) for i in hit if i != worst]
    also = f"; {words.listed(more)} too" if more else ""
    of = f"({words.count(share * rows)} of {words.count(rows)})"
    expected = words.span_share(scored.band(worst, context.unit))
    rising = bool(scored.error[worst] > 0)
    return finding(
        look,
        context,
        scored,
        worst,
        key=f"nulls/{scored.spec(hit[0]).column}" + ("" if rising else "/fewer"),
        sentence=f"{context.name}.{column} is NULL in {words.percent(share)} of the rows {of}{context.when(look)},"
        f" expected {expected}{also}",
        holds=rising,
        rows=round(abs(share - scored.expected(worst)) * rows),
        share=abs(share - scored.expected(worst)),
        hint=f"see whether the source stopped sending {column}, or a join no longer finds it",
    )


def locations(look: Look, context: Context, *, mixture: bool) -> list[Finding]:
    """Columns whose values moved; several at once are one cause."""
    found: list[Finding] = []
    for aspect in (Aspect.LOCATION, Aspect.SCALE):
        scored = look.scores.get(aspect)
        if scored is None:
            continue
        hit = [i for i in range(len(scored.series.specs)) if strange(scored, i, context.settings)]
        hit = [i for i in hit if shift_matters(scored, i, context.settings)]
        hit = [i for i in hit if not mixture or abs(scored.error[i]) >= OWN_CAUSE_FACTOR]
        if hit and not (found and aspect is Aspect.SCALE):
            found.append(location_finding(look, context, scored, in_order(hit, scored, context)))
    return found


def shift_matters(scored: Scored, i: int, settings: DetectSettings) -> bool:
    """Whether a value moved far enough, relative to what it usually is."""
    size = max(abs(scored.expected(i)), 0.1 * float(scored.series.unit[i]))
    return abs(scored.observed(i) - scored.expected(i)) >= settings.least_shift * size


def location_finding(look: Look, context: Context, scored: Scored, hit: list[int]) -> Finding:
    """One finding for all columns that moved, told by the one that moved most."""
    worst = max(hit, key=lambda i: (holding(scored, i, context), abs(float(scored.error[i]))))
    spec, observed, expected = scored.spec(worst), scored.observed(worst), scored.expected(worst)
    band = scored.band(worst, context.unit)
    cut = shifted_part(look, context, str(spec.column), observed, expected) if spec.metric == "mean" else None
    more = [str(scored.spec(i).column) for i in hit if scored.spec(i).column != spec.column]
    also = f"; {words.listed(list(dict.fromkeys(more)))} moved too" if more else ""
    where = ""
    if cut is not None:
        where = f"; where {cut.segment} it is {words.number(cut.observed)}, {words.factor(cut.observed, cut.expected)}"
    what = {"quantile": "quantile " + str(spec.argument), "stddev": "standard deviation", "mean_length": "mean length"}
    rows = part_rows(look, cut) if cut is not None else scored.rows(worst)
    return finding(
        look,
        context,
        scored,
        worst,
        key=f"{scored.aspect}/{scored.spec(hit[0]).column}",
        sentence=f"the {what.get(spec.metric, spec.metric)} of {context.name}.{spec.column} is {words.number(observed)}"
        f"{context.when(look)}, expected {words.span_value(band)}: {words.factor(observed, expected)}{where}{also}",
        holds=True,
        rows=round(rows),
        share=rows / max(scored.rows(worst), 1.0),
        cut=cut,
        hint="look for a changed unit (cents for euros), a changed sign, or a few enormous values",
    )


def shifted_part(look: Look, context: Context, column: str, observed: float, expected: float) -> Slice | None:
    """The category in which the mean moved most, by its usual median, when it moved more than the whole did."""
    panel, best = context.panel, None
    for i, spec in enumerate(panel.specs):
        if spec.metric != "mean" or spec.column != column or spec.segment is None:
            continue
        past = panel.values[i, max(0, look.at - context.settings.most_points) : look.at]
        past, value = past[~np.isnan(past)], float(panel.values[i, look.at])
        if past.size < context.settings.min_history or math.isnan(value):
            continue
        usual = float(np.median(past))
        far = abs(math.asinh(value / usual) - math.asinh(1.0)) if usual else 0.0
        if best is None or (far, str(spec.segment)) > (best[0], str(best[1].segment)):
            best = (far, Slice(segment=spec.segment, share=0.0, observed=value, expected=usual))
    whole = abs(math.asinh(observed / expected) - math.asinh(1.0)) if expected else 0.0
    if best is None or best[0] < whole + FURTHER:
        return None
    share = contribution(look, best[1], observed - expected)
    return replace(best[1], share=share) if share >= EXPLAINS / 2 else None


def contribution(look: Look, cut: Slice, moved: float) -> float:
    """The share of a mean's shift that lies in one category."""
    volume = look.scores[Aspect.VOLUME]
    rows = part_rows(look, cut)
    if not moved or not volume.observed(0):
        return 0.0
    return min(1.0, max(0.0, (cut.observed - cut.expected) * rows / volume.observed(0) / moved))


def part_rows(look: Look, cut: Slice) -> float:
    """The rows of a category at this bucket, 0 where they were not counted."""
    scored = look.scores.get(Aspect.SEGMENT)
    if scored is None:
        return 0.0
    place = next((i for i, s in enumerate(scored.series.specs) if s.segment == cut.segment), None)
    rows = 0.0 if place is None else float(scored.observed(place))
    return 0.0 if math.isnan(rows) else rows


def others(look: Look, context: Context) -> list[Finding]:
    """Shares and numbers of distinct values; told only where nothing else explains them."""
    found = []
    for aspect, times in ((Aspect.SHARE, 2.0), (Aspect.DISTINCT, 0.0)):
        scored = look.scores.get(aspect)
        if scored is None:
            continue
        hit = [i for i in range(len(scored.series.specs)) if strange(scored, i, context.settings)]
        if aspect is Aspect.SHARE:
            gone = [scored.spec(i).metric in NO_NUMBERS for i in hit]
            hit = [
                i
                for i, no in zip(hit, gone, strict=True)
                if share_matters(scored, i, context.settings, 1.0 if no else times)
            ]
        else:
            hit = [i for i in hit if abs(scored.error[i]) >= OWN_CAUSE_FACTOR]
        if hit:
            found.append(other_finding(look, context, scored, in_order(hit, scored, context)))
    return found


def first_ones(look: Look, context: Context, said: Collection[MetricSpec | None]) -> list[Finding]:
    """NaN and infinities in columns that never had any, however few: one is enough to spoil a sum. They are told and do not hold."""
    scored = look.scores.get(Aspect.SHARE)
    if scored is None:
        return []
    found = []
    for i, spec in enumerate(scored.series.specs):
        if spec.metric not in NO_NUMBERS or spec in said or not scored.observed(i) > 0:
            continue
        published = scored.series.published(slice(look.at, look.at + 1))[i]
        if not np.nan_to_num([*scored.series.raw[i, : look.at], *published]).any():
            found.append(first_finding(look, context, scored, i))
    return found


def first_finding(look: Look, context: Context, scored: Scored, i: int) -> Finding:
    """The first values of a column that are no numbers; no chance is involved."""
    spec, rows, points = scored.spec(i), scored.rows(i), look.at
    number = scored.observed(i) * rows
    what, before = words.SHARES[spec.metric], words.buckets(context.panel.grain, points)
    told = finding(
        look,
        context,
        scored,
        i,
        key=f"{scored.aspect}/{spec.column}",
        sentence=f"{context.name}.{spec.column} is {what} in {words.count(number)} of {words.count(rows)} rows{context.when(look)},"
        f" in none of {before} before: what is summed over it is {what} too",
        holds=False,
        rows=round(number),
        share=scored.observed(i),
        hint=f"look at the rows of {spec.column} that came with this run; a division by zero makes such values",
    )
    never = Band(low=0.0, high=0.0, centre=0.0, method=f"rule: a column that never was {what}", points=points)
    return replace(told, expected=never, rarity=None)


def other_finding(look: Look, context: Context, scored: Scored, hit: list[int]) -> Finding:
    """A share of true or empty values, or a number of distinct values, that is unlike itself."""
    worst = max(hit, key=lambda i: float(scored.rarity[i]))
    spec, observed = scored.spec(worst), scored.observed(worst)
    band = scored.band(worst, context.unit)
    if scored.aspect is Aspect.SHARE:
        told = f"{context.name}.{spec.column} is {words.SHARES[spec.metric]} in {words.percent(observed)} of the rows{context.when(look)},"
        told += f" expected {words.span_share(band)}"
    else:
        told = f"{context.name}.{spec.column} has {words.count(observed)} distinct values{context.when(look)},"
        told += f" expected {words.span(band)}"
    gap = abs(observed - scored.expected(worst)) if scored.aspect is Aspect.SHARE else 1.0
    return finding(
        look,
        context,
        scored,
        worst,
        key=f"{scored.aspect}/{scored.spec(hit[0]).column}",
        sentence=told,
        holds=True,
        rows=round(gap * scored.rows(worst)),
        share=min(1.0, gap),
        hint=f"look at the values of {spec.column} that came with this run",
    )


def finding(
    look: Look,
    context: Context,
    scored: Scored,
    i: int,
    *,
    key: str,
    sentence: str,
    holds: bool,
    rows: int,
    share: float,
    hint: str,
    cut: Slice | None = None,
) -> Finding:
    """Fill in what every finding has."""
    spec = scored.spec(i)
    return Finding(
        key=f"{context.name}/{key}",
        kind=str(scored.aspect),
        layer=Layer.DATA,
        dataset=context.history.dataset.ref,
        sentence=sentence,
        holds=holds and holding(scored, i, context),
        column=spec.column if spec.segment is None else spec.segment.column,
        spec=spec,
        observed=scored.observed(i),
        expected=scored.band(i, context.unit),
        slice=cut,
        interval=context.interval(look),
        since=context.since(look),
        rarity=round(float(scored.rarity[i]), 2),
        hint=hint,
        affected_rows=rows,
        affected_share=round(min(1.0, share), 4),
    )


def gravity(finding: Finding) -> tuple[bool, float, str]:
    """What holds comes first, then what is rarer."""
    return not finding.holds, -(finding.rarity or 0.0), finding.key


def limited(found: Sequence[Finding], most: int) -> tuple[Finding, ...]:
    """The gravest findings; what does not fit is counted in the last one's sentence. One finding for each key."""
    unique: dict[str, Finding] = {}
    for one in sorted(found, key=gravity):
        unique.setdefault(one.key, one)
    ordered = list(unique.values())
    rest = [f for f in ordered[most:] if f.holds]
    ordered = ordered[:most]
    if rest:
        tail = "; also strange: " + words.listed([f.key.split("/", 1)[1] for f in rest])
        ordered[-1] = replace(ordered[-1], sentence=ordered[-1].sentence + tail)
    return tuple(ordered)


def load_slice(load: str, observed: float, expected: float) -> Slice:
    """The rows of one dlt load as the slice that explains a finding."""
    return Slice(segment=Segment(column=LOAD_COLUMN, value=load), share=1.0, observed=observed, expected=expected)
