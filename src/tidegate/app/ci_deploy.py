"""The stage of CI that publishes: in production at once, or in the environment before it and then with the evidence."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tidegate.app.compose import open_site
from tidegate.app.environments import open_pair
from tidegate.config import load
from tidegate.errors import NothingPublishedError, UsageError
from tidegate.model import Action, Outcome, Settings
from tidegate.ports import Progress
from tidegate.services import promote as promoter
from tidegate.services.promote import Promoted
from tidegate.services.run import run
from tidegate.services.stages import Case

WAIT_S = 1_800.0
"""How long a promotion waits for a run that is going. Chosen, not derived."""


def deploy(settings: Settings, progress: Progress, *, production: Path | None) -> tuple[Case, ...]:
    """Run the pipeline where production's warehouse is, and publish or hold; where an environment has `promotion.source`, run it
    in that one, and promote from there.

    With `production`, a clone of the repository, that clone is first moved to this commit; when the run does not publish, it is
    moved back, so that the runs that follow use the code whose data readers see.

    Raises:
        NothingPublishedError: there is no published version: this is not where production is.
        UsageError: the clone has changes of its own, or several environments could be production.
    """
    if production is None:
        return _released(settings, progress)
    before = _moved(settings, production)
    cases: tuple[Case, ...] = ()
    try:
        cases = _released(load(production), progress)
    finally:
        if not cases or any(case.outcome is not Outcome.PASS for case in cases):
            _git(production, "checkout", "--quiet", before)
    return cases


def _released(settings: Settings, progress: Progress) -> tuple[Case, ...]:
    """The cases up to the first that did not pass."""
    done: list[Case] = []
    for case in _cases(settings, progress):
        done.append(case)
        if case.outcome is not Outcome.PASS:
            break
    return tuple(done)


def _cases(settings: Settings, progress: Progress) -> Iterator[Case]:
    way = _way(settings)
    if len(way) == 1:
        yield _published(settings, way[0], progress)
        return
    if not _waits(settings, way[0], way[1], progress):
        yield _published(settings, way[0], progress, others=way)
    for source, target in pairwise(way):
        yield _promoted(settings, source, target, progress)
        if load(settings.root, target).promotion.only_promoted_code:
            yield _published(settings, target, progress, others=way)


def _way(settings: Settings) -> tuple[str, ...]:
    """The environments from the one that is run to the one that people read; a single one where nothing is promoted.

    Raises:
        UsageError: several could be the last one.
    """
    sources = {name: load(settings.root, name).promotion.source for name in settings.environments}
    sources = {name: source for name, source in sources.items() if source not in {None, name}}
    last = [settings.environment] if settings.environment else [n for n in sources if n not in sources.values()]
    if len(last) > 1:
        raise UsageError(
            f"{' and '.join(f'`{n}`' for n in last)} are both promoted to: which is production?",
            hint="name it with TIDEGATE_ENVIRONMENT, a variable of the job",
        )
    way = [last[0] if last else ""]
    while (before := sources.get(way[0])) and before not in way:
        way.insert(0, before)
    return tuple(way)


def _waits(settings: Settings, source: str, target: str, progress: Progress) -> bool:
    """Whether the source shows already what this commit built, and people have to approve of these bytes: another run would
    make others.
    """
    if not load(settings.root, target).promotion.approvals:
        return False
    with open_site(settings.root, progress, environment=source) as site:
        published = site.state.published()
        return published is not None and site.revision is not None and published.code_revision == site.revision


def _published(settings: Settings, name: str, progress: Progress, *, others: tuple[str, ...] = ()) -> Case:
    """Run one environment, if it or one of `others` shows anything."""
    with open_site(settings.root, progress, environment=name) as site:
        if (
            site.state.published() is None
            and site.settings.warehouse.adopt is None
            and not any(_shows(settings, other, progress) for other in others if other != name)
        ):
            raise NothingPublishedError(
                f"nothing is published in `{site.settings.warehouse.path}`: production is not on this machine",
                hint="run the job where production's warehouse is, and name its folder with TIDEGATE_PRODUCTION;"
                " the first time run `tidegate run` there",
            )
        outcome = run(site, site.steps)
    held = outcome.decision.action is Action.HOLD
    where = f" in {name}" if others else ""
    return Case(
        name=f"run{where}",
        outcome=Outcome.FAIL if held else Outcome.PASS,
        message=f"version {outcome.version} is {'held' if held else 'published'}{where}"
        + (f": {'; '.join(outcome.decision.because)}" if held else ""),
        hint="`tidegate incidents` says why" if held else "",
        did=outcome.tables,
        unit="table",
    )


def _shows(settings: Settings, name: str, progress: Progress) -> bool:
    with open_site(settings.root, progress, with_steps=False, environment=name) as site:
        return site.state.published() is not None


def _promoted(settings: Settings, source: str, target: str, progress: Progress) -> Case:
    """Take the version there, or allow its code, with its evidence."""
    revision = "" if load(settings.root, target).promotion.only_promoted_code else None
    with open_pair(settings.root, progress, source=source, to=target) as (first, second):
        done = promoter.promote(first, second, None, reason="deployed by CI", wait_s=WAIT_S, revision=revision)
    return _as_case(done)


def _as_case(done: Promoted) -> Case:
    found = done.evidence
    held = done.decision == "held"
    reasons = found.missing or (done.run.decision.because if done.run else ())
    said = {"nothing": "is there already", "allowed": "may run there", "published": "is published there"}
    what = (
        f"the code of version {found.version}" if found.subject.startswith("revision:") else f"version {found.version}"
    )
    return Case(
        name=f"promote to {found.target}",
        outcome=Outcome.FAIL if held else Outcome.PASS,
        message=f"{what} of {found.source} {said.get(done.decision, 'is held')}"
        + (f": {'; '.join(reasons)}" if held else ""),
        hint=f"`tidegate promote --to {found.target} --plan` shows the evidence; approve, and start the job again"
        if held
        else "",
        did=sum(found.outcomes.values()),
        unit="check",
    )


def _moved(settings: Settings, production: Path) -> str:
    """Move production's clone to this commit; the one that it was at."""
    if _git(production, "status", "--porcelain", "--untracked-files=no"):
        raise UsageError(f"`{production}` has changes that are in no commit", hint="commit or discard them there")
    before = _git(production, "rev-parse", "HEAD")
    _git(production, "fetch", "--quiet", str(settings.root), "HEAD")
    _git(production, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    return before


def _git(folder: Path, *words: str) -> str:
    """What a git command prints.

    Raises:
        UsageError: it failed.
    """
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise UsageError(
            f"`git {' '.join(words)}` failed in `{folder}`: {said[-1] if said else done.returncode}",
            hint="production has to be a clone of this repository",
        )
    return done.stdout.strip()
