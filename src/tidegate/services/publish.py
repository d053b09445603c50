"""Publish: the ledger first, then the swap; adopt, put back, repair after a crash, and prune what is no longer kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tidegate.errors import (
    DatabaseNotFoundError,
    NothingPublishedError,
    StaleVersionError,
    StateError,
    StorageError,
    TidegateError,
    VersionNotFoundError,
    WarehouseError,
)
from tidegate.model import RunStatus, Version, VersionState
from tidegate.model.event import OPERATOR, SYSTEM
from tidegate.ports import NewEvent
from tidegate.services import incidents, ledger
from tidegate.services.site import Site

ASIDE = (VersionState.HELD, VersionState.RETIRED)
"""What is kept beside the published version, as long as retention says."""

ADOPTIONS = 3
"""How often a database is adopted anew that is written while it is adopted. Chosen, not derived."""


def publish(
    site: Site,
    version: Version,
    *,
    fingerprint: str,
    kind: str,
    reason: str,
    along: Sequence[NewEvent] = (),
    role: str = SYSTEM,
) -> None:
    """Let readers see a version, if its bytes are still those with the given fingerprint.

    The ledger records the decision first, `along` included, in one transaction; then the link is swapped. A crash in
    between is repaired by `repair`.

    Raises:
        StaleVersionError: something wrote to the version since it was audited; nothing changes.
    """
    if parts := site.warehouse.altered(version.number, fingerprint):
        raise StaleVersionError(
            f"version `{version.number}` is not what was audited: somebody wrote to {' and '.join(parts)}"
        )
    before = site.state.published()
    previous = before.number if before else None
    data = {"previous": previous, "kind": kind, "reason": reason}
    site.progress.stage("record", f"version {version.number}")
    site.state.append([*along, site.event("version.published", f"version:{version.number}", data, role=role)])
    site.progress.stage("swap", f"version {version.number}")
    site.warehouse.publish(version.number)
    site.progress.stage("published", f"version {version.number}")


def adopt(site: Site) -> int | None:
    """Make an existing database the first published version; None when there is none or something is published.

    A version that was begun and not published, as a crash leaves it, does not count: the database is adopted again.
    """
    source = site.settings.warehouse.adopt
    if source is None or site.state.published() is not None:
        return None
    return _adopt(site, source, reason=f"adopted from {source.name}")


def _adopt(site: Site, source: Path, *, reason: str) -> int:
    """Publish a copy of a database and, if that is asked for, put a link to the live file in its place; what was written
    to it meanwhile is adopted too.

    Raises:
        WarehouseError: it is written again and again.
    """
    for _ in range(ADOPTIONS):
        number = publish_copy(site, source, reason=reason)
        if not site.settings.warehouse.link_back:
            return number
        site.progress.stage("link", str(source))
        if site.warehouse.link_back(number):
            return number
    raise WarehouseError(
        f"`{source}` is written while it is adopted",
        hint="stop the program that writes to it, then run the command again",
    )


def publish_copy(site: Site, source: Path, *, reason: str) -> int:
    """Make a copy of a database the next version, and publish it as it is; the lock is held already."""
    number = site.state.next_version()
    site.progress.stage("adopt", str(source))
    site.state.append([site.event("version.begun", f"version:{number}", {"parent": None, "run": None})])
    try:
        site.warehouse.adopt(source, number=number, link_back=site.settings.warehouse.link_back)
        fingerprint = site.warehouse.seal(number)
    except TidegateError as error:
        site.state.append([site.event("version.pruned", f"version:{number}", {"reason": str(error)})])
        raise
    site.state.append([site.event("version.sealed", f"version:{number}", {"fingerprint": fingerprint})])
    begun = kept_version(site, number)
    version = dataclasses.replace(begun, state=VersionState.PUBLISHED, reason=reason)
    site.warehouse.describe(version, {"decision": "adopt"})
    publish(site, version, fingerprint=fingerprint, kind="adopt", reason=reason)
    return number


def publish_by_hand(site: Site, number: int, *, reason: str, wait_s: float) -> Version:
    """Publish a held or retired version because somebody says so; its incidents are resolved as expected.

    Raises:
        VersionNotFoundError, StaleVersionError, WarehouseLockedError
    """
    with site.warehouse.lock(owner=f"publish {number}", wait_s=wait_s):
        repair(site)
        version = kept_version(site, number)
        if version.state is VersionState.PUBLISHED:
            raise _published_already(number)
        if version.fingerprint is None:
            raise StaleVersionError(
                f"version `{number}` was never sealed", hint="run `tidegate run` to build a new one"
            )
        along = incidents.accepted(site, version=number, reason=reason)
        publish(
            site,
            version,
            fingerprint=version.fingerprint,
            kind="publish",
            reason=reason,
            along=along,
            role=OPERATOR,
        )
        described = dataclasses.replace(version, state=VersionState.PUBLISHED, reason=reason)
        said = {"decision": f"published by {site.actor}", ledger.ANCHOR: ledger.head(site)}
        with _what_is_decided_stands(site):
            site.warehouse.describe(described, said)
        tidy(site)
        return kept_version(site, number)


def rollback(site: Site, number: int | None, *, reason: str, wait_s: float) -> Version:
    """Put back a kept version that was published before, with its state; None means the one that readers saw before the
    present one came.

    Raises:
        NothingPublishedError: nothing was ever published.
        VersionNotFoundError: no such version, or no earlier one is kept.
    """
    with site.warehouse.lock(owner="rollback", wait_s=wait_s):
        repair(site, published_may_be_gone=True)
        present = site.state.published()
        if present is None:
            raise nothing_published(site)
        version = _before(site, present) if number is None else kept_version(site, number)
        if version.state is VersionState.PUBLISHED:
            raise _published_already(version.number)
        if version.state is not VersionState.RETIRED:
            raise VersionNotFoundError(
                f"version `{version.number}` is `{version.state}`; only a version that was published can be put back",
                hint=f'if its data is right after all, `tidegate publish {version.number} --reason "..."`',
            )
        if version.fingerprint is None:
            raise StaleVersionError(f"version `{version.number}` was never sealed")
        publish(site, version, fingerprint=version.fingerprint, kind="rollback", reason=reason, role=OPERATOR)
        return kept_version(site, version.number)


def kept_version(site: Site, number: int) -> Version:
    """A version whose data is on disk.

    Raises:
        VersionNotFoundError: unknown, or pruned.
    """
    version = site.state.version(number)
    kept = site.warehouse.kept()
    if version is not None and version.state is not VersionState.PRUNED and number in kept:
        return version
    if version is None:
        message = f"version `{number}` does not exist"
    elif version.state is VersionState.PRUNED:
        message = f"version `{number}` was pruned, so its data is gone: {version.reason}"
    else:
        message = f"the data of version `{number}` is missing from the warehouse folder"
    known = ", ".join(str(n) for n in kept) or "none"
    raise VersionNotFoundError(message, hint=f"kept are: {known}; `tidegate versions --all` lists every one")


def nothing_published(site: Site) -> NothingPublishedError:
    """The error for what needs a published version."""
    return NothingPublishedError(f"nothing is published in `{site.settings.warehouse.path}` yet")


def _published_already(number: int) -> WarehouseError:
    return WarehouseError(
        f"version `{number}` is published already", hint="nothing is left to do; `tidegate versions` lists the others"
    )


def _before(site: Site, present: Version) -> Version:
    """The version that readers saw before the present one came, or before that one if it is gone, and so on.

    A rollback is no arrival: two in a row go back two versions, not there and back.
    """
    kept = set(site.warehouse.kept())
    back = {v.number: v for v in site.state.versions(states=[VersionState.RETIRED]) if v.number in kept}
    sought: int | None = present.number
    for publication in site.state.publications():
        if publication.version == sought and publication.kind != "rollback":
            sought = publication.previous
            if sought in back:
                return back[sought]
    older = [number for number in back if number < present.number]  # a lost ledger knows no publications of them
    if older:
        return back[max(older)]
    raise VersionNotFoundError(
        f"no version that was published before version `{present.number}` is kept",
        hint="`tidegate versions --all` lists every one, and why it is gone",
    )


def repair(site: Site, *, published_may_be_gone: bool = False) -> tuple[str, ...]:
    """Make warehouse and ledger agree after a crash; the caller holds the lock. Idempotent; says what it did.

    Raises:
        WarehouseError: the published version's data is gone, and the caller does not put another one in its place.
    """
    said = [*_record_unknown(site), *_finish_interrupted(site)]
    published = site.state.published()
    kept = set(site.warehouse.kept())
    gone = published is not None and published.number not in kept
    if gone and published is not None and not published_may_be_gone:
        raise WarehouseError(
            f"the published version `{published.number}` is missing from the warehouse folder: readers see nothing",
            hint="restore its folder from a backup, or put the version before back with `tidegate rollback`",
        )
    if not gone and published is not None and site.warehouse.published() != published.number:
        site.warehouse.publish(published.number)
        said.append(f"version {published.number} was recorded as published; readers see it now")
    said += _agree_on_what_is_kept(site, kept)
    if not gone and published is not None:
        said += _finish_adoption(site, published.number)
    return tuple(said)


def _agree_on_what_is_kept(site: Site, kept: set[int]) -> list[str]:
    """Remove what is recorded as pruned, and record as pruned what is gone, but for what is published."""
    said = []
    for number in sorted(kept):
        version = site.state.version(number)
        if version is not None and version.state is VersionState.PRUNED:
            site.warehouse.discard(number)
            said.append(f"what was left of version {number} is removed")
    for version in site.state.versions(states=[*ASIDE, VersionState.CANDIDATE]):
        if version.number not in kept:
            data = {"reason": "its data is missing from the warehouse folder"}
            site.state.append([site.event("version.pruned", f"version:{version.number}", data)])
            said.append(f"version {version.number} is missing from the warehouse folder")
    return said


def _finish_adoption(site: Site, number: int) -> list[str]:
    """Put the link in the place of the adopted database, before which an adoption was interrupted.

    Whoever uses the database's own path may have written to it meanwhile. Then its present content is adopted and is what
    readers see: the link would hide what was written, and without it the path would never show a new version.
    """
    original = site.warehouse.unlinked(number)
    if original is None:
        return []
    if not site.settings.warehouse.link_back:
        site.warehouse.let_original_be(number)
        return [f"`{original}` stays as it is, because `link_back` is off now"]
    if site.warehouse.link_back(number):
        return [f"`{original}` is a link to the live version now"]
    try:
        again = _adopt(
            site, original, reason=f"adopted from {original.name} again: it was written before it became a link"
        )
    except DatabaseNotFoundError as error:
        site.warehouse.let_original_be(number)
        return [f"{error}, where version {number} was adopted from, so no link was put there; readers see the version"]
    written = f"`{original}` was written after version {number} was copied from it"
    return [f"{written}: what it holds is version {again}, which readers see now, and it is a link to the live version"]


def _record_unknown(site: Site) -> list[str]:
    """Take versions that are on disk but not in the ledger (a lost state file) into the ledger."""
    said = []
    live = site.warehouse.published()
    for number in site.warehouse.kept():
        if site.state.version(number) is not None:
            continue
        told = site.warehouse.metadata(number)
        if not told and number != live:
            site.warehouse.discard(number)
            said.append(f"version {number} was never finished; its folder is removed")
            continue
        state = "published" if number == live else "held" if told.get("state") == "held" else "retired"
        data = {
            "parent": told.get("parent"),
            "run": told.get("run"),
            "state": state,
            "created_at": told.get("created_at") or site.clock.now().isoformat(),
            "fingerprint": told.get("fingerprint") or site.warehouse.fingerprint(number),
            "code_revision": told.get("code_revision"),
            "reason": "found in the warehouse folder, unknown to the state store",
        }
        site.state.append([site.event("version.recorded", f"version:{number}", data)])
        said.append(f"version {number} was on disk and unknown; it is recorded as {state}")
    return said


def _finish_interrupted(site: Site) -> list[str]:
    """Whoever holds the lock finds no run and no candidate at work: what stands so was interrupted."""
    said = []
    reason = "its process ended without finishing it"
    finished = {"status": RunStatus.INTERRUPTED.value, "reason": reason}
    events = []
    for run in site.state.unfinished_runs():
        events.append(site.event("run.finished", f"run:{run.id}", finished))
        said.append(f"run {run.id} was interrupted; its candidate is removed")
    for version in site.state.versions(states=[VersionState.CANDIDATE]):
        what = f"run {version.run}" if version.run else "the adoption"
        events.append(site.event("version.pruned", f"version:{version.number}", {"reason": f"{what}: {reason}"}))
    if events:
        site.state.append(events)
    return said


def tidy(site: Site) -> None:
    """Remove what is no longer kept: versions, messages and answers of probes. What cannot be removed now, such as on a full
    disk, is left to the next run: what was decided does not depend on it.
    """
    with _what_is_decided_stands(site):
        prune(site)
        _forget(site)


@contextmanager
def _what_is_decided_stands(site: Site) -> Iterator[None]:
    """Say what the disk refused, instead of ending as if nothing had been decided."""
    try:
        yield
    except (StorageError, StateError) as error:
        site.progress.say(f"the decision stands; what follows it is left undone: {error}")


def prune(site: Site, *, spare: int | None = None) -> tuple[int, ...]:
    """Remove versions that the retention rule no longer keeps: never the published one, nor one that an unsolved
    incident names, nor `spare`. The ledger first, then the data.
    """
    rule = site.settings.retention
    named = {spare, *(i.version for i in site.state.incidents(states=incidents.UNSOLVED))}
    oldest = site.clock.now() - timedelta(days=rule.days)
    removed = []
    for place, version in enumerate(site.state.versions(states=ASIDE)):
        if place < rule.versions or version.created_at >= oldest or version.number in named:
            continue
        site.progress.stage("prune", f"version {version.number}")
        data = {"reason": f"retention: more than {rule.versions} newer, older than {rule.days} days"}
        site.state.append([site.event("version.pruned", f"version:{version.number}", data)])
        site.progress.stage("remove", f"version {version.number}")
        site.warehouse.discard(version.number)
        removed.append(version.number)
    return tuple(removed)


def _forget(site: Site) -> None:
    """Remove old messages and answers of probes from the state store; what a service level still looks at stays."""
    longest = max((p.slo.window for p in site.settings.products), default=timedelta())
    before = site.clock.now() - max(timedelta(days=site.settings.retention.history_days), longest)
    site.state.outbox.forget(before)
    site.state.forget_probed(before)
