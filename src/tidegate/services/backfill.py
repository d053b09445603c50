"""Backfill: build a stretch of time again, through the ordinary run: candidate, measure, judge, gate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tidegate.errors import ConfigError, UsageError
from tidegate.model import DatasetRef, Interval
from tidegate.model.event import OPERATOR
from tidegate.ports import Backfill, Step
from tidegate.services.run import Build, RunOutcome, run
from tidegate.services.site import Site


def interval(start: str, end: str) -> Interval:
    """The stretch [start, end) that two texts in ISO 8601 mean; without a zone they are UTC, a day means its beginning.

    Raises:
        UsageError: one is no time, or the stretch is empty.
    """
    found = []
    for text in (start, end):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(f"`{text}` is not a time", hint="write it as 2026-05-23 or 2026-05-23T06:00") from None
        found.append(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    first, last = found
    if last <= first:
        raise UsageError(f"`--to {end}` is not after `--from {start}`", hint="the day in `--to` is not built again")
    return Interval(start=first, end=last)


def backfill(
    site: Site,
    stretch: Interval,
    *,
    target: str | None = None,
    full_refresh: bool = False,
    reason: str = "",
    wait_s: float = 0.0,
) -> RunOutcome:
    """Build a stretch of time again: with every step, from the step `target` on, or only the table `target` and what is below.

    Raises:
        ConfigError: no step and no table has that name, or there are no steps.
        StepError, WarehouseError: as `run`.
    """
    steps, tables = chosen(site, target)
    again = Backfill(interval=stretch, tables=tables, full_refresh=full_refresh)
    because = {
        "reason": reason or "a backfill was asked for",
        "backfill": {"from": stretch.start, "to": stretch.end, "target": target, "full_refresh": full_refresh},
    }
    return run(site, steps, wait_s=wait_s, build=Build(backfill=again, because=because, role=OPERATOR))


def chosen(site: Site, target: str | None) -> tuple[Sequence[Step], tuple[DatasetRef, ...]]:
    """The steps to run and the tables that are meant: none where all of them are.

    Raises:
        ConfigError: no step and no table has that name.
    """
    if not site.steps:
        raise ConfigError("there is nothing to run: `steps:` is empty", hint="add a step to `tidegate.yml`")
    names = [step.name for step in site.steps]
    if target is None:
        return site.steps, ()
    if target in names:
        return site.steps[names.index(target) :], ()
    published = site.state.published()
    if published is not None:
        state = site.warehouse.state_folder(published.number)
        for place, step in enumerate(site.steps):
            for node in step.facts(site.settings.root, state).nodes:
                if (
                    node.dataset is not None
                    and str(node.dataset).casefold() == target.casefold()
                    and node.kind != "source"
                ):
                    return site.steps[place:], (node.dataset,)
    raise ConfigError(
        f"no step and no table of a step is called `{target}`",
        hint=f"the steps are {', '.join(names)}; a table is written as schema.name",
    )
