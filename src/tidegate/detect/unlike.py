"""A batch that is unlike its past as a whole: what no single number says loudly enough, and what no other story tells."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from tidegate.detect import words
from tidegate.detect.alarm import Opinion, Reason, column, study
from tidegate.detect.forecast import Floats
from tidegate.detect.history import DetectSettings, TableHistory
from tidegate.detect.panel import Panel, excluded
from tidegate.detect.pooled import POOL
from tidegate.detect.series import Aspect
from tidegate.detect.story import Look
from tidegate.detect.traits import WARM, Layout, Profile, Traits, layout, traits
from tidegate.model import CountsUp, Family, Finding, Layer, MetricSpec
from tidegate.model.words import counted

MOST: Final = 7
"""So many of the newest buckets are looked at. Chosen, not derived."""

RARE: Final = 2.0
"""As rare as one in a hundred batches: rows that are far from what their category leads to expect come first then, and another column is named
beside the first. Chosen, not derived."""

FEWEST: Final = 2
"""A batch of few rows does not hold because fewer of them than this look otherwise: one price of five ends on .00 now and then. Chosen, not derived."""

SPLIT: Final = "split_count"
FINER: Final = "finer_count"
LONE: Final = "lone_null_count"
FARTHEST: Final = "rest_most"
GAP: Final = "gap_count"
BREAK: Final = "break_count"
AGAIN_COUNT: Final = "again_count"
LOST: Final = "ask the source for what is missing (the SQL lists the gaps), and load it again; if it was never there, answer `expected`"
AGAIN: Final = "see whether an earlier file or page was sent again (the SQL lists its rows), and load the right one; if they are right, answer `expected`"
TO_DO: Final = {GAP: LOST, BREAK: LOST, AGAIN_COUNT: AGAIN}
"""What to do, by the metric of the strongest reason; about anything else, compare."""

SHARES: Final = {
    "zero_count": "zeros",
    "negative_count": "negative values",
    "whole_count": "values without a fraction",
    "upper_count": "texts in capitals",
    "lower_count": "texts in small letters",
    "padded_count": "texts with a blank at an end",
    "non_ascii_count": "texts with characters outside ASCII",
    "empty_count": "empty texts",
    "placeholder_count": "texts that stand for no value",
    "epoch_count": "times at 1970-01-01",
    "off_hour_count": "times not on a full hour",
    "unknown_count": "rows whose value never came before",
    "new_pair_count": "rows",
    SPLIT: "values of a key",
    FINER: "values",
    LONE: "rows",
    GAP: "values",
    BREAK: "values",
    "rows again": "rows",
    "rest_far_count": "rows",
}
"""What a share of the rows is of. These alone hold: they say how values look, which late rows do not change."""

OF_ROWS: Final = {
    "new_pair_count": "have a {argument} and {column} that never went together before",
    "again_count": "came before, in one of the three buckets before it and with other times",
    "rest_far_count": "are far from what their other numbers lead to expect",
    LONE: "have no {column} although {argument} is there",
    "rest_most": "the farthest row lies {came} usual spreads from what its other numbers lead to expect",
}
"""What rows do of which the share is told, by metric."""

BY_CATEGORY: Final = {
    "rest_far_count": "are far from what their {argument} leads to expect",
    "rest_median": "how far the value lies from what its {argument} usually has",
    "rest_wide": "how far its values lie apart beside what their {argument} usually has",
    "rest_most": "the farthest row lies {came} usual spreads from what its {argument} leads to expect",
}
"""The same of a number that follows from a category of its row."""

ENDS: Final = ("min", "max")
"""The least and the greatest value, which of a time are the first and the last one."""

OF_TIMES: Final = {"time min": "the first one", "time max": "the last one"}
"""Times that are told by how long after the bucket's begin they lie."""

OTHERS: Final = {
    "true_count": "the share of true values",
    "row_count": "the number of rows",
    "null_count": "the share of NULLs",
    "distinct_count": "the number of different values",
    "distinct_share": "different values per row",
    "min": "the least value",
    "max": "the greatest value",
    "mean": "the mean",
    "stddev": "the spread",
    "mixture": "the mixture of categories",
    "new category": "categories never seen",
    "gone category": "regular categories that are gone",
    "gone_count": "values that each bucket had and this one has not",
    "rest_median": "what is left of the value after the other numbers of its row",
    "rest_wide": "how far its values lie apart after the other numbers of their row",
}
"""What else a reason may be about; what is not listed goes by its kind."""


def judge(
    panel: Panel, looks: Sequence[Look], history: TableHistory, told: Sequence[Finding], settings: DetectSettings
) -> list[Finding]:
    """One finding for each new bucket that is unlike its past, where no other finding of that bucket holds.

    Half the budget is spent here, half on the single numbers. A bucket under test never teaches.
    """
    total = panel.row("row_count")
    under_test = [look.at for look in looks if look.new and not look.quiet][-MOST:]
    if total is None or not under_test:
        return []
    teach = np.where(excluded(panel, history.excluded), np.nan, panel.values)
    teach[:, panel.new] = np.nan
    past = int(np.isfinite(teach[total]).sum())
    if past < max(settings.min_history, WARM):
        return []
    found = []
    for young in (False, True):
        if here := [at for at in under_test if (at in panel.young) == young]:
            first_said = young & np.isfinite(panel.first) & np.isfinite(teach)
            found += _unlike(panel, here, np.where(first_said, panel.first, teach), history, past, settings)
    return [f for f in found if not any(same_matter(f, other, clock=history.time_column) for other in told)]


def _unlike(
    panel: Panel, here: Sequence[int], teach: Floats, history: TableHistory, past: int, settings: DetectSettings
) -> list[Finding]:
    """Judge some buckets by a past that has none of them; young ones are held against what was first said of others."""
    profile = Profile(
        specs=panel.specs,
        values=teach,
        at=np.array([i.start.timestamp() for i in panel.intervals]),
        times=frozenset(c.name for c in history.dataset.columns if c.family is Family.TIME),
    )
    plan, found = layout(profile), []
    past_traits, batches = looked_at(profile, panel, here, plan)
    known = study(profile, panel.seasons, POOL, past_traits)
    for at, batch in zip(here, batches, strict=True):
        opinion = known.judge(batch, at)
        if opinion.score > -math.log10(settings.budget / 2) and opinion.reasons:
            found.append(finding(panel, at, opinion, history, past, settings))
    return found


def looked_at(profile: Profile, panel: Panel, here: Sequence[int], plan: Layout) -> tuple[Traits, list[Traits]]:
    """The traits of a past, and of each bucket under test as if it were the only one; those of the newest are made with the past's."""
    under_test = [profile.values.copy() for _ in here]
    for at, values in zip(here, under_test, strict=True):
        values[:, at] = panel.values[:, at]
    if list(here) == [profile.values.shape[1] - 1]:
        together = traits(replace(profile, values=under_test[0]), slice(None), plan)
        return together.before(here[0]), [together.at(here[0])]
    each = (replace(profile, values=values) for values in under_test)
    return traits(profile, slice(None), plan), [
        traits(one, slice(at, at + 1), plan) for at, one in zip(here, each, strict=True)
    ]


def same_matter(one: Finding, other: Finding, *, clock: str | None = None) -> bool:
    """Whether another finding holds, or is about the same column, in the same bucket or in all.

    Rows that hold because they are far from what their category leads to expect, do not agree, or break what rows kept to exactly, are not silenced by what is only told of their column: its
    mean moves by less. Nor is when the first or last row came, by the column `clock` that cuts the buckets, by how many rows came: it tells
    a clock that was put forward from a load that broke off.
    """
    if one.column == clock and one.spec is not None and one.spec.metric in ENDS and other.kind == Aspect.VOLUME:
        return False
    if not (other.holds or (other.column == one.column and not (one.holds and is_of_rows(one.spec)))):
        return False
    if one.interval is None or other.interval is None:
        return True
    return one.interval.start < other.interval.end and other.interval.start < one.interval.end


def finding(
    panel: Panel, at: int, opinion: Opinion, history: TableHistory, past: int, settings: DetectSettings
) -> Finding:
    """The words: the strongest reason, the next ones about other columns where they say something themselves, and how rare that is."""
    first = clearest(opinion, settings.least_share)
    also = [c for r in opinion.reasons[1:3] if r.rarity >= RARE and (c := column(r.spec)) is not None]
    ref, bucket = history.dataset.ref, words.bucket(panel.intervals[at], panel.grain)
    beside = f", and in {words.listed(also)}" if also else ""
    lead = ", most of all in" if column(first.spec) else ":"
    once = f"{10 ** min(opinion.score, 9.0):,.0f}"
    return Finding(
        key=f"{ref}/unlike/{column(first.spec) or 'rows'}",
        kind="unlike",
        layer=Layer.DATA,
        dataset=ref,
        column=column(first.spec),
        sentence=f"{ref} is unlike its past for {bucket}{lead} {said(first, panel.grain)}{beside}; of {once} such"
        f" {panel.grain}s one is by chance",
        holds=matters(first, panel, at, settings),
        spec=first.spec,
        interval=panel.intervals[at],
        since=bucket,
        rarity=round(opinion.score, 2),
        hint=(None if is_seldom(first) else TO_DO.get(first.spec.metric))
        or f"compare with the {words.buckets(panel.grain, past)} before it; if it is right as it is, answer `expected`",
    )


def matters(first: Reason, panel: Panel, at: int, settings: DetectSettings) -> bool:
    """Whether the share of rows that look otherwise moved far enough to hold, and by rows enough."""
    if first.kind not in SHARES or is_seldom(first):
        return False
    far, total = abs(share(first.observed) - share(first.expected)), panel.row("row_count")
    return far >= settings.least_share and (total is None or round(far * panel.values[total, at]) >= FEWEST)


def is_seldom(reason: Reason) -> bool:
    """Whether fewer rows come twice than usual, which is no fault, though what changed may be one."""
    return reason.spec.metric == AGAIN_COUNT and reason.observed < reason.expected


def clearest(opinion: Opinion, least: float) -> Reason:
    """The strongest reason; or, where that is no share of the rows, the rows of the same column that are far from what their
    category leads to expect, do not agree, or break what rows kept to exactly, if these are many: they say more, and lists can be made of them.
    Where it is what is left of a number, likewise the rows in which much of it is left.
    """
    first = opinion.reasons[0]
    if first.kind in SHARES:
        return first
    left = first.spec.metric in BY_CATEGORY
    able = (
        r
        for r in opinion.also
        if (is_of_rows(r.spec) or (left and r.spec.metric in BY_CATEGORY and r.spec.argument == first.spec.argument))
        and r.kind in SHARES
        and r.rarity >= RARE
        and share(r.observed) - share(r.expected) >= least
    )
    return next(able, first)


def is_of_rows(spec: MetricSpec | None) -> bool:
    """Whether a number tells of rows that do not go with others (with their category, or with those that share their key), or that break what rows
    kept to exactly.
    """
    return (
        spec is not None and spec.argument is not None and spec.metric in {*BY_CATEGORY, SPLIT, FINER, LONE, GAP, BREAK}
    )


def is_by_category(reason: Reason) -> bool:
    """Whether the reason is what is left of a number after its category."""
    return reason.spec.metric in BY_CATEGORY and reason.spec.argument is not None


def said(reason: Reason, grain: str) -> str:
    """A reason in words, with numbers where they are shares or times."""
    where = f"{column(reason.spec)}: " if column(reason.spec) else ""
    if reason.kind == FARTHEST:
        return where + _farthest(reason)
    if is_by_category(reason) and reason.kind not in SHARES:
        return where + BY_CATEGORY[reason.spec.metric].format(argument=reason.spec.argument)
    if reason.kind.startswith("segment "):
        return f"{where}{OTHERS[reason.spec.metric]} where {reason.spec.segment}"
    if reason.kind in OF_TIMES:
        came, usual = (words.after(math.sinh(min(max(y, -30.0), 30.0))) for y in (reason.observed, reason.expected))
        return f"{where}{OF_TIMES[reason.kind]} {came} the {grain} began, expected {usual}"
    if reason.kind not in SHARES:
        return where + OTHERS.get(reason.kind, reason.kind)
    came, usual = (words.percent(share(y)) for y in (reason.observed, reason.expected))
    if reason.spec.metric == AGAIN_COUNT and reason.spec.argument is not None:
        ids = words.listed(json.loads(reason.spec.argument))
        return f"{came} of the rows {OF_ROWS['again_count']} and another {ids}, expected {usual}"
    if reason.spec.metric == SPLIT:
        return f"{where}{came} of the {reason.spec.argument} with several rows have different ones, expected {usual}"
    if reason.spec.metric == FINER:
        return f"{where}{came} of the values have more than {counted(int(reason.spec.argument or 0), 'decimal')}, expected {usual}"
    if reason.spec.metric in (GAP, BREAK):
        return f"{where}{came} of {gaps(reason.spec)}, expected {usual}"
    of_rows = (BY_CATEGORY if is_by_category(reason) else OF_ROWS).get(reason.spec.metric)
    if of_rows is not None:
        told = of_rows.format(column=reason.spec.column, argument=reason.spec.argument)
        return f"{where}{came} of the rows {told}, expected {usual}"
    return f"{where}{came} {SHARES[reason.kind]}, expected {usual}"


def gaps(spec: MetricSpec) -> str:
    """What is missing of a column that counts up, or comes after what is: `its numbers, which go up by one, are missing`, `its times, one every
    5 minutes for each device, come after a gap`.
    """
    one = CountsUp.of(spec)
    due = "numbers, which go up" if one.every is None else "times, one"
    return f"its {due} {one}, {'are missing' if spec.metric == GAP else 'come after a gap'}"


def _farthest(reason: Reason) -> str:
    """How far the farthest row lies, and usually does, in words."""
    came, usual = (f"{math.sinh(min(max(y, 0.0), 30.0)):,.0f}" for y in (reason.observed, reason.expected))
    told = (BY_CATEGORY if is_by_category(reason) else OF_ROWS)[FARTHEST]
    return f"{told.format(came=came, argument=reason.spec.argument)}, expected {usual}"


def share(y: float) -> float:
    """From the arcsine scale to a share."""
    return math.sin(min(max(y, 0.0), math.pi / 2)) ** 2
