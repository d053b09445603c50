"""Effort: steps that ran much longer, or used far more memory, than they do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tidegate.detect.effort import unusual
from tidegate.model import Finding, Layer, RunStatus, StepReport, StepStatus
from tidegate.model.words import counted, lasting
from tidegate.ports import StateStore
from tidegate.services.site import Site

PAST_RUNS = 30
"""Of how many runs before a step's cost is looked up. Chosen, not derived."""

ENDED_WELL = frozenset({StepStatus.SUCCESS, StepStatus.FINDINGS})
DECIDED = frozenset({RunStatus.PUBLISHED, RunStatus.HELD})

MEGABYTE = 1_000_000


def _memory(size_bytes: float) -> str:
    return counted(round(size_bytes / MEGABYTE), "MB", "MB")


def _time(seconds: float) -> str:
    return lasting(timedelta(seconds=seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One kind of cost: the field of a step's report and of its event, and from when on more of it is unusual."""

    kind: str
    field: str
    verb: str
    told: Callable[[float], str]
    times: float
    at_least: float
    hint: str


COSTS = (
    Cost(
        kind="slow", field="wall_s", verb="took", told=_time, times=3.0, at_least=60.0,
        hint="read the step's log; see whether it did more than usual (a full refresh, a backfill) or waited for something",
    ),
    Cost(
        kind="memory", field="peak_bytes", verb="used", told=_memory, times=2.0, at_least=500.0 * MEGABYTE,
        hint="see whether more data came than usual, or a join multiplies rows; the next run may be killed for it",
    ),
)  # fmt: skip
"""Three times as long, or twice the memory, and never a matter of seconds or of a few megabytes. Chosen, not derived."""


def findings(site: Site, reports: Sequence[StepReport]) -> tuple[Finding, ...]:
    """A finding for each step whose cost is far above that of its past runs; it tells, and does not hold.

    Of a run that is not decided yet. What runs that failed or were interrupted cost teaches nothing.
    """
    ended = [r for r in reports if r.status in ENDED_WELL]
    past = _past(site.state) if ended else {}
    return tuple(finding for report in ended for finding in _judged(report, past))


def _judged(report: StepReport, past: Mapping[tuple[str, str], Sequence[float]]) -> Iterator[Finding]:
    for cost in COSTS:
        value = getattr(report, cost.field)
        before = past.get((report.name, cost.field), ())
        band = None if value is None else unusual(before, value, times=cost.times, at_least=cost.at_least)
        if band is not None:
            usual = f"{cost.told(band.centre)} is usual, and at most {cost.told(max(before))} in {counted(band.points, 'run')}"
            yield Finding(
                key=f"pipeline/{cost.kind}/{report.name}",
                kind=cost.kind,
                layer=Layer.TECHNICAL,
                dataset=None,
                sentence=f"step `{report.name}` {cost.verb} {cost.told(value)}, where {usual}",
                holds=False,
                observed=float(value),
                expected=band,
                hint=cost.hint,
            )


def _past(state: StateStore) -> Mapping[tuple[str, str], Sequence[float]]:
    """By step and field, what past runs cost, a value a run: a step that ran twice counts as its costlier time."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for run in [r for r in state.runs(limit=2 * PAST_RUNS) if r.status in DECIDED][:PAST_RUNS]:
        of_run: dict[tuple[str, str], float] = {}
        for event in state.events(subject=f"run:{run.id}"):
            if event.kind != "step.finished" or event.data.get("status") not in ENDED_WELL:
                continue
            for cost in COSTS:
                value = event.data.get(cost.field)
                if isinstance(value, (int, float)):
                    where = (str(event.data["step"]), cost.field)
                    of_run[where] = max(of_run.get(where, 0.0), float(value))
        for where, value in of_run.items():
            found[where].append(value)
    return found
