"""Fit: whether what `tidegate.yml` says goes with what is there, as far as that can be read: dbt's targets, and published tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.errors import PathNotFoundError, ProfileNotFoundError, TidegateError
from tidegate.integrations.dbt import DbtStep
from tidegate.model import Dataset, DatasetRef, Settings
from tidegate.ports import Progress
from tidegate.services.overrides import refuse, unknown_tables
from tidegate.services.tables import profiled


def demand_targets_of_dbt(settings: Settings) -> Iterator[str]:
    """Look up the target of every dbt step, and say which are not there to be looked at. Nothing is run.

    Raises:
        ConfigError: a target that no version can be built with, which `run` would refuse.
    """
    for said in settings.steps:
        if said.kind == "dbt":
            try:
                DbtStep(said.name, said.target, said.options).demand_target(settings.root)
            except (PathNotFoundError, ProfileNotFoundError) as error:
                yield f"the target of step {said.name}: {error}"


def demand_tables(settings: Settings, progress: Progress) -> Iterator[str]:
    """Hold `tables:` against what is published, and say what changes nothing, or could not be looked at.

    Raises:
        ConfigError: a time column, or a grain, that a table does not have.
    """
    if not settings.tables:
        return
    try:
        catalog = _published(settings.root, progress, settings.environment)
    except TidegateError as error:
        yield f"`tables:` against the published version: {error}"
        return
    if catalog is None:
        yield "`tables:` against the published version: nothing is published yet"
        return
    for dataset in catalog.values():
        refuse(dataset, settings)
    yield from unknown_tables(catalog, settings)


def _published(root: Path, progress: Progress, environment: str | None) -> dict[DatasetRef, Dataset] | None:
    with open_site(root, progress, with_steps=False, environment=environment) as site:
        shown = site.state.published()
        return None if shown is None else profiled(site, shown.number)
