"""Drift: how environments stand, and in what one differs from the one that its versions come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tidegate.model import DatasetRef
from tidegate.services import incidents
from tidegate.services.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What an environment shows its readers: the published version, since when, from which bytes and which code; None where
    nothing is published. `promoted_from` is the environment and the version that it came from, if it did.
    """

    environment: str
    version: int | None
    fingerprint: str | None
    built_at: datetime | None
    code_revision: str | None
    promoted_from: str | None
    unsolved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDrift:
    """One table whose columns differ: (column, type before, type after), None where one of the two has none."""

    ref: DatasetRef
    columns: tuple[tuple[str, str | None, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingDrift:
    """One setting that differs; None where one of the two does not have it."""

    key: str
    before: object
    after: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """In what `after` differs from `before`, the environment that comes first."""

    before: str
    after: str
    same_bytes: bool
    same_code: bool
    settings: tuple[SettingDrift, ...]
    tables: tuple[TableDrift, ...]


def standing(site: Site) -> Standing:
    """How an environment stands, from its ledger."""
    published = site.state.published()
    return Standing(
        environment=site.settings.environment or "",
        version=published.number if published else None,
        fingerprint=published.fingerprint if published else None,
        built_at=published.created_at if published else None,
        code_revision=published.code_revision if published else None,
        promoted_from=_origin(site, published.run if published else None),
        unsolved=site.state.count_incidents(incidents.UNSOLVED),
    )


def _origin(site: Site, run: str | None) -> str | None:
    started = next((e for e in site.state.events(subject=f"run:{run}") if e.kind == "run.started"), None)
    said = started.data.get("promotion") if started is not None else None
    return f"{said['source']} version {said['version']}" if isinstance(said, Mapping) else None


def drift(
    before: tuple[Site, Standing, Mapping[str, object]], after: tuple[Site, Standing, Mapping[str, object]]
) -> Drift:
    """Compare two environments: site, standing, and settings that are in force, by key."""
    (first, first_stands, first_says), (second, second_stands, second_says) = before, after
    keys = [*first_says, *(key for key in second_says if key not in first_says)]
    return Drift(
        before=first_stands.environment,
        after=second_stands.environment,
        same_bytes=first_stands.fingerprint is not None and first_stands.fingerprint == second_stands.fingerprint,
        same_code=first_stands.code_revision is not None and first_stands.code_revision == second_stands.code_revision,
        settings=tuple(
            SettingDrift(key=key, before=first_says.get(key), after=second_says.get(key))
            for key in keys
            if first_says.get(key) != second_says.get(key)
        ),
        tables=_tables(_schemas(first, first_stands), _schemas(second, second_stands)),
    )


def _schemas(site: Site, stands: Standing) -> Mapping[DatasetRef, Mapping[str, str]]:
    if stands.version is None:
        return {}
    return {ref: dict(columns) for ref, columns in site.state.schemas(stands.version).items()}


def _tables(
    before: Mapping[DatasetRef, Mapping[str, str]], after: Mapping[DatasetRef, Mapping[str, str]]
) -> tuple[TableDrift, ...]:
    found = []
    for ref in sorted({*before, *after}):
        old, new = before.get(ref, {}), after.get(ref, {})
        names = [*old, *(name for name in new if name not in old)]
        columns = tuple((name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))
        if columns:
            found.append(TableDrift(ref=ref, columns=columns))
    return tuple(found)
