"""Promote: take a version, or allow a code revision, from one environment to another, only with its evidence."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tidegate.errors import PromotionError, UsageError, VersionNotFoundError
from tidegate.model import Action, CheckResult, Event, Outcome, TestRun, Version
from tidegate.model.event import OPERATOR
from tidegate.model.words import counted
from tidegate.services import audit, incidents
from tidegate.services.diff import TableDiff, diff_with
from tidegate.services.publish import kept_version, nothing_published, repair
from tidegate.services.reconcile import known_keys
from tidegate.services.run import CODE_PROMOTED, Build, Received, RunOutcome, run
from tidegate.services.site import Site

APPROVED = "promotion.approved"
HELD = "promotion.held"
ASKED = "a promotion was asked for"
ONLY_DBT = "dbt"
"""The kind of check that only dbt evaluates; its verdict on these bytes goes with them."""

NAMES_SHOWN = 5
"""How many failing checks a reason names. Chosen, not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """That somebody approved, in which role, when and why."""

    role: str
    actor: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks for a version of `source`, or for its code, to go to `target`, and what is `missing`, a sentence each.

    `subject` is what approvals are about: the bytes (their fingerprint) or the code revision. `judged` is what the source's gate
    decided on the version, `outcomes` counts its checks by outcome, `failing` names those that may hold and did not pass.
    `against` is the version that the target's readers see (None: nothing is published there); `differences` compare with it.
    """

    source: str
    target: str
    subject: str
    version: int
    fingerprint: str | None
    code_revision: str | None
    run: str | None
    judged: str | None
    because: tuple[str, ...]
    outcomes: Mapping[str, int]
    failing: tuple[str, ...]
    against: int | None
    differences: tuple[TableDiff, ...]
    approvals: tuple[Approval, ...]
    missing: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What became of it. `decision` is `held` (evidence is missing, or the target's gate closed), `published`, `allowed` (a code
    revision) or `nothing` (it is there already). `run` is what the target's gate made of a version.
    """

    decision: str
    evidence: Evidence
    run: RunOutcome | None = None


def evidence(source: Site, target: Site, number: int | None, *, revision: str | None = None) -> Evidence:
    """Collect what speaks for a version, and what does not. Reads both published versions once; writes nothing.

    Args:
        number: a version of the source; None means its published one, or with a revision the newest that was built by it.
        revision: a commit, or its first digits, that is to be allowed in place of the version's data; empty for the version's own.

    Raises:
        NothingPublishedError, VersionNotFoundError: there is no such version.
        UsageError: the two are one environment.
    """
    if source.settings.environment == target.settings.environment:
        raise UsageError(
            f"`{_name(source)}` and `{_name(target)}` are the same environment", hint="name another `--to`"
        )
    version = _version(source, number, revision)
    results = source.state.results(version.number)
    published = target.state.published()
    judged = _judgement(source, version)
    subject = _subject(version, revision)
    approvals = _approvals(target, subject)
    bad = tuple(r for r in results if r.check.blocking and r.outcome in {Outcome.FAIL, Outcome.ERROR})
    told = Evidence(
        source=_name(source),
        target=_name(target),
        subject=subject,
        version=version.number,
        fingerprint=version.fingerprint,
        code_revision=version.code_revision,
        run=version.run,
        judged=None if judged is None else str(judged.data.get("action")),
        because=_because(judged),
        outcomes=_counted(results),
        failing=tuple(f"{r.check.name} on {r.check.dataset}" for r in bad),
        against=published.number if published else None,
        differences=_differences(source, target, version, published),
        approvals=approvals,
        missing=(),
    )
    missing = [*_not_audited(source, version), *_not_judged(told), *_not_solved(source, version)]
    missing += [] if revision is None else _not_committed(told)
    missing += _not_approved(target.settings.promotion.approvals, approvals)
    return dataclasses.replace(told, missing=tuple(missing))


def _name(site: Site) -> str:
    return site.settings.environment or "the file's own settings"


def _version(source: Site, number: int | None, revision: str | None) -> Version:
    if number is not None:
        return kept_version(source, number)
    if revision:
        kept = set(source.warehouse.kept())
        found = [
            v for v in source.state.versions() if v.number in kept and (v.code_revision or "").startswith(revision)
        ]
        if not found:
            raise VersionNotFoundError(
                f"no kept version of `{_name(source)}` was built by code revision `{revision}`",
                hint=f"run it there first: `tidegate run --environment {_name(source)}`",
            )
        return found[0]
    published = source.state.published()
    if published is None:
        raise nothing_published(source)
    return kept_version(source, published.number)


def _subject(version: Version, revision: str | None) -> str:
    return f"promotion:{version.fingerprint}" if revision is None else f"revision:{version.code_revision}"


def _judgement(source: Site, version: Version) -> Event | None:
    """What the gate decided last on a version; None when no run judged it."""
    events = source.state.events(subject=f"version:{version.number}")
    return next((e for e in reversed(events) if e.kind == "version.judged"), None)


def _because(judged: Event | None) -> tuple[str, ...]:
    said = judged.data.get("because") if judged is not None else None
    return tuple(map(str, said)) if isinstance(said, Sequence) and not isinstance(said, str) else ()


def _counted(results: Sequence[CheckResult]) -> dict[str, int]:
    return {outcome.value: n for outcome in Outcome if (n := sum(r.outcome is outcome for r in results))}


def _differences(source: Site, target: Site, version: Version, published: Version | None) -> tuple[TableDiff, ...]:
    if published is None:
        return ()
    keys = {**known_keys(source, version.number), **known_keys(target, published.number)}
    return diff_with(target, published.number, _folder(source, version), keys)


def _folder(site: Site, version: Version) -> Path:
    return site.warehouse.state_folder(version.number).parent


def _not_audited(source: Site, version: Version) -> list[str]:
    """Whether the bytes are those that were judged."""
    if version.fingerprint is None:
        return [f"version {version.number} was never sealed, so nobody knows whether it is what was judged"]
    parts = audit.altered(source, version)
    written = f"version {version.number} is not what was audited: somebody wrote to {' and '.join(parts)}"
    return [written] if parts else []


def _not_judged(told: Evidence) -> list[str]:
    """Whether the source's gate was open, and a check came to a verdict."""
    if told.judged is None:
        return [f"no run judged version {told.version} in {told.source}"]
    said = []
    if told.judged != Action.PUBLISH.value:
        reasons = f": {'; '.join(told.because)}" if told.because else ""
        said.append(f"the gate of {told.source} held version {told.version}{reasons}")
    if told.failing:
        more = f" and {len(told.failing) - NAMES_SHOWN} more" if len(told.failing) > NAMES_SHOWN else ""
        said.append(
            f"{counted(len(told.failing), 'check')} did not pass: {', '.join(told.failing[:NAMES_SHOWN])}{more}"
        )
    if not any(told.outcomes.get(o.value) for o in (Outcome.PASS, Outcome.WARN, Outcome.FAIL)):
        said.append(f"no check came to a verdict on version {told.version}")
    return said


def _not_solved(source: Site, version: Version) -> list[str]:
    """Incidents about the version itself; one that it put right does not count."""
    found = source.state.incidents(states=incidents.OPEN_STATES, versions=(version.number,))
    return [f"incident {i.number} ({i.severity}) about version {version.number} is open: {i.title}" for i in found]


def _not_committed(told: Evidence) -> list[str]:
    if told.code_revision is None:
        return [f"nobody knows by which code version {told.version} was built"]
    if told.code_revision.endswith("+changes"):
        return [f"version {told.version} was built by code that differs from its commit: `{told.code_revision}`"]
    return []


def _approvals(target: Site, subject: str) -> tuple[Approval, ...]:
    """The last approval of each person in each role."""
    found = {
        (event.role, event.actor): Approval(
            role=event.role, actor=event.actor, at=event.at, reason=str(event.data.get("reason", ""))
        )
        for event in target.state.events(subject=subject)
        if event.kind == APPROVED
    }
    return tuple(found.values())


def _not_approved(demanded: Mapping[str, Sequence[str]], given: Sequence[Approval]) -> list[str]:
    """The roles that nobody fills who may; one person fills one role."""
    may = {
        role: [a.actor for a in given if a.role == role and (not people or a.actor in people)]
        for role, people in demanded.items()
    }
    filled = _filled(may)
    return [
        f"nobody approved as `{role}`"
        + (f" ({' or '.join(demanded[role])} may)" if demanded[role] else "")
        + (f"; `{may[role][0]}` did, and is counted for another role" if may[role] else "")
        for role in demanded
        if role not in filled
    ]


def _filled(may: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    """As many roles as can be filled at once, each with its person: augmenting paths, Kuhn (1955)."""
    taken: dict[str, str] = {}

    def fill(role: str, seen: set[str]) -> bool:
        for person in may[role]:
            if person not in seen:
                seen.add(person)
                if person not in taken or fill(taken[person], seen):
                    taken[person] = role
                    return True
        return False

    for role in may:
        fill(role, set())
    return {role: person for person, role in taken.items()}


def approve(
    source: Site, target: Site, number: int | None, *, role: str | None, reason: str, revision: str | None = None
) -> Evidence:
    """Record in the target's ledger that the actor approves, in a role, of exactly these bytes or this commit.

    Raises:
        UsageError: no role, or none that is asked for; no reason.
        PromotionError: the actor may not approve in that role, or there is nothing that could be approved.
    """
    demanded = target.settings.promotion.approvals
    if role is None or role not in demanded:
        near = difflib.get_close_matches(role or "", demanded, n=1)
        known = ", ".join(f"`{r}`" for r in demanded) or "none: write `promotion.approvals` in `tidegate.yml`"
        said = f"`{role}` is no role that `{_name(target)}` asks for" if role else "in which role? `--role` is missing"
        raise UsageError(
            said, hint=f"did you mean `{near[0]}`? asked for are: {known}" if near else f"asked for are: {known}"
        )
    if not reason.strip():
        raise UsageError("why? `--reason` is missing", hint="say what you looked at; the evidence has it")
    if demanded[role] and target.actor not in demanded[role]:
        raise PromotionError(
            f"`{target.actor}` may not approve as `{role}`",
            hint=f"{' or '.join(demanded[role])} may; `TIDEGATE_ACTOR` says who acts",
        )
    version = _version(source, number, revision)
    if stale := _not_audited(source, version):
        raise PromotionError(stale[0], hint="approve a version that is as it was judged")
    published = target.state.published()
    data = {
        "source": _name(source),
        "version": version.number,
        "fingerprint": version.fingerprint,
        "code_revision": version.code_revision,
        "against": published.number if published else None,
        "reason": reason,
    }
    target.state.append([target.event(APPROVED, _subject(version, revision), data, role=role)])
    return evidence(source, target, version.number, revision=revision)


def promote(
    source: Site,
    target: Site,
    number: int | None,
    *,
    reason: str,
    wait_s: float,
    revision: str | None = None,
) -> Promoted:
    """Take a version to the target as a candidate and through its gate, or allow a code revision there; missing evidence holds.

    The evidence goes into the target's ledger with the start of the run that brings the version, before anything is copied. A
    crash leaves what any run leaves; promoting again goes on.

    Raises:
        StaleVersionError: the bytes that came are not those of the evidence, or the target's readers see another version meanwhile.
        WarehouseLockedError: a run holds the lock of one of the two after `wait_s` seconds.
    """
    reason = reason.strip() or ASKED
    with source.warehouse.lock(owner=f"promote to {_name(target)}", wait_s=wait_s):
        repair(source)
        found = evidence(source, target, number, revision=revision)
        if found.missing:
            target.state.append([target.event(HELD, found.subject, _written(found, reason), role=OPERATOR)])
            return Promoted(decision="held", evidence=found)
        if revision is not None:
            return _allow(target, found, reason)
        published = target.state.published()
        if published is not None and published.fingerprint == found.fingerprint:
            with target.warehouse.lock(owner=f"promote from {found.source}", wait_s=wait_s):
                repair(target)  # a crash may have come between its ledger and what readers see
            return Promoted(decision="nothing", evidence=found)
        outcome = _bring(source, target, found, reason, wait_s)
    decision = "published" if outcome.decision.action is Action.PUBLISH else "held"
    return Promoted(decision=decision, evidence=found, run=outcome)


def _allow(target: Site, found: Evidence, reason: str) -> Promoted:
    if any(event.kind == CODE_PROMOTED for event in target.state.events(subject=found.subject)):
        return Promoted(decision="nothing", evidence=found)
    target.state.append([target.event(CODE_PROMOTED, found.subject, _written(found, reason), role=OPERATOR)])
    return Promoted(decision="allowed", evidence=found)


def _bring(source: Site, target: Site, found: Evidence, reason: str, wait_s: float) -> RunOutcome:
    version = kept_version(source, found.version)
    received = Received(
        folder=_folder(source, version),
        fingerprint=str(found.fingerprint),
        against=found.against,
        tests=_verdicts(source.state.results(version.number)),
    )
    because = {"promotion": _written(found, reason), "reason": reason}
    arriving = dataclasses.replace(target, revision=version.code_revision)
    return run(arriving, (), wait_s=wait_s, build=Build(received=received, because=because, role=OPERATOR))


def _verdicts(results: Sequence[CheckResult]) -> tuple[TestRun, ...]:
    """What dbt said of these bytes, where nobody else can say it."""
    return tuple(
        TestRun(id=r.check.id, status=r.outcome.value, failures=r.failures, message=r.reason)
        for r in results
        if r.check.kind == ONLY_DBT and r.outcome is not Outcome.SKIPPED
    )


def _written(found: Evidence, reason: str) -> dict[str, object]:
    """The evidence as the ledger keeps it; of the differences the tables that changed, without values of theirs."""
    changed = [dataclasses.asdict(dataclasses.replace(t, sample=())) for t in found.differences if t.state != "same"]
    return {
        "source": found.source,
        "target": found.target,
        "version": found.version,
        "fingerprint": found.fingerprint,
        "code_revision": found.code_revision,
        "run": found.run,
        "judged": found.judged,
        "because": list(found.because),
        "outcomes": dict(found.outcomes),
        "against": found.against,
        "tables": len(found.differences),
        "changed": changed,
        "approvals": [
            {"role": a.role, "actor": a.actor, "at": a.at.isoformat(), "reason": a.reason} for a in found.approvals
        ],
        "missing": list(found.missing),
        "reason": reason,
    }
