"""Environments: open two of a project at once, and compare all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.config import environments, find_project, laid_out, load
from tidegate.errors import ConfigError, UsageError
from tidegate.ports import Progress
from tidegate.services.drift import Drift, Standing, drift, standing
from tidegate.services.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How every environment stands, in the order of the file, and how each differs from the one that its versions come from,
    or else from the one before it.
    """

    environments: tuple[Standing, ...]
    drift: tuple[Drift, ...]


@contextmanager
def open_pair(start: Path, progress: Progress, *, source: str | None, to: str | None) -> Iterator[tuple[Site, Site]]:
    """Open where a version comes from and where it goes to.

    Args:
        source: an environment; None means the one that `promotion.source` of the target names.
        to: an environment; None means the chosen one.

    Raises:
        UsageError: one of the two is not said.
        ConfigError: there is no such environment.
    """
    folder = find_project(start)
    target = to or environments.chosen()[0]
    if not target:
        raise UsageError("promote to which environment?", hint="name it: `tidegate promote --to prod`")
    settings = load(folder, target)
    said = source or settings.promotion.source
    if said is None:
        raise UsageError(
            f"from which environment to `{target}`?",
            hint="name it with `--from`, or write `promotion: {source: ...}` below the environment",
        )
    if said not in settings.environments:
        raise environments.unknown(said, settings.environments)
    with (
        open_site(folder, progress, with_steps=False, environment=said) as first,
        open_site(folder, progress, environment=target) as second,
    ):
        yield first, second


def overview(start: Path, progress: Progress) -> Overview:
    """Look at every environment; nothing is written, and the data itself is not read.

    Raises:
        ConfigError: the file has no environments.
    """
    folder = find_project(start)
    names = load(folder, "").environments
    if not names:
        raise ConfigError("there are no environments", hint="write `environments:` into `tidegate.yml`")
    with ExitStack() as stack:
        seen = {}
        for name in names:
            site = stack.enter_context(open_site(folder, progress, with_steps=False, environment=name))
            seen[name] = (site, standing(site), _settings(folder, name))
        pairs = [(seen[first], seen[second]) for first, second in _pairs(seen)]
        return Overview(
            environments=tuple(stands for _, stands, _ in seen.values()),
            drift=tuple(drift(before, after) for before, after in pairs),
        )


def _settings(folder: Path, name: str) -> Mapping[str, object]:
    return {value.key: value.value for value in environments.values(laid_out(folder, name))}


def _pairs(seen: Mapping[str, tuple[Site, Standing, Mapping[str, object]]]) -> Iterator[tuple[str, str]]:
    before: str | None = None
    for name, (site, _, _) in seen.items():
        first = site.settings.promotion.source or before
        if first is not None:
            yield first, name
        before = name
