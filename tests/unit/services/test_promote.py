"""What a promotion needs to be complete, reason by reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.services.site import add_version, make_site, ref, settings_of
from tidegate.model import Check, CheckResult, Outcome
from tidegate.services import promote
from tidegate.services.promote import Approval, Evidence, _not_approved, _not_committed, _not_judged
from tidegate.services.site import Site

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def evidence(**said: object) -> Evidence:
    whole = {
        "source": "staging",
        "target": "prod",
        "subject": "promotion:x",
        "version": 3,
        "fingerprint": "x",
        "code_revision": "0123456789ab",
        "run": "r",
        "judged": "publish",
        "because": (),
        "outcomes": {"pass": 2},
        "failing": (),
        "against": None,
        "differences": (),
        "approvals": (),
        "missing": (),
    }
    return Evidence(**{**whole, **said})


def given(*said: tuple[str, str]) -> list[Approval]:
    return [Approval(role=role, actor=actor, at=NOW, reason="") for role, actor in said]


def test_a_judged_version_lacks_nothing() -> None:
    assert _not_judged(evidence()) == []
    assert _not_judged(evidence(outcomes={"fail": 1})) == []  # a failure that may not hold is a verdict


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"judged": None}, "no run judged version 3 in staging"),
        ({"judged": "hold", "because": ("rows are gone",)}, "the gate of staging held version 3: rows are gone"),
        ({"failing": ("a on t",)}, "1 check did not pass: a on t"),
        ({"outcomes": {}}, "no check came to a verdict on version 3"),
        ({"outcomes": {"skipped": 3, "error": 1}}, "no check came to a verdict on version 3"),
    ],
)
def test_what_was_not_judged_is_said(said: dict[str, object], reason: str) -> None:
    assert _not_judged(evidence(**said)) == [reason]


def test_many_failures_are_counted() -> None:
    (said,) = _not_judged(evidence(failing=tuple(f"c{n} on t" for n in range(7))))
    assert said.startswith("7 checks did not pass: c0 on t")
    assert said.endswith("and 2 more")


def test_only_a_commit_can_be_allowed() -> None:
    assert _not_committed(evidence()) == []
    assert "nobody knows by which code" in _not_committed(evidence(code_revision=None))[0]
    assert "`0123+changes`" in _not_committed(evidence(code_revision="0123+changes"))[0]


def test_each_role_needs_a_person_who_may() -> None:
    demanded = {"owner": ("ana", "ben"), "steward": ()}
    assert _not_approved(demanded, given(("owner", "ana"), ("steward", "cem"))) == []
    assert _not_approved(demanded, given(("owner", "cem"), ("steward", "cem"))) == [
        "nobody approved as `owner` (ana or ben may)"
    ]
    alone = _not_approved(demanded, given(("owner", "ana"), ("steward", "ana")))
    assert alone == ["nobody approved as `steward`; `ana` did, and is counted for another role"]
    assert _not_approved({}, []) == []


# --- what is collected


def environment(folder: Path, name: str) -> Site:
    folder.mkdir()
    return make_site(folder, replace(settings_of(folder), environment=name))


def scanned(site: Site, number: int, *results: tuple[Outcome, bool]) -> None:
    """Keep a scan of a version: one check for each outcome, which may hold or may not."""
    judged = [
        CheckResult(
            check=Check(id=f"c{n}", name=f"c{n}", dataset=ref("t"), kind="rule", blocking=blocking),
            outcome=outcome,
            reason="so",
        )
        for n, (outcome, blocking) in enumerate(results)
    ]
    site.state.save_scan(number, measurements=(), results=judged, findings=(), schemas={}, marks={})


def judged(site: Site, number: int, action: str, *because: str) -> None:
    site.state.append([site.event("version.judged", f"version:{number}", {"action": action, "because": list(because)})])


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Site, Site]:
    source, target = environment(tmp_path / "s", "staging"), environment(tmp_path / "p", "prod")
    add_version(source, 1, "create schema s", "create table s.t as select 1 as id")
    return source, target


def test_a_version_that_nobody_judged_lacks_that(pair: tuple[Site, Site]) -> None:
    found = promote.evidence(*pair, None)
    assert (found.judged, found.against, found.failing) == (None, None, ())
    assert "no run judged version 1 in staging" in found.missing


def test_the_last_judgement_counts(pair: tuple[Site, Site]) -> None:
    source, target = pair
    scanned(source, 1, (Outcome.PASS, True))
    judged(source, 1, "hold", "rows are gone")
    found = promote.evidence(source, target, 1)
    assert (found.judged, found.missing) == ("hold", ("the gate of staging held version 1: rows are gone",))
    judged(source, 1, "publish")
    found = promote.evidence(source, target, 1)
    assert (found.judged, found.missing) == ("publish", ())


def test_what_failed_and_may_hold_is_missing_evidence(pair: tuple[Site, Site]) -> None:
    source, target = pair
    judged(source, 1, "publish")
    outcomes = [(o, blocking) for o in Outcome for blocking in (True, False)]
    scanned(source, 1, *outcomes)
    expected = [n for n, (o, blocking) in enumerate(outcomes) if blocking and o in {Outcome.FAIL, Outcome.ERROR}]
    found = promote.evidence(source, target, 1)
    assert found.failing == tuple(f"c{n} on s.t" for n in expected)
    assert any("2 checks did not pass" in reason for reason in found.missing)


def test_what_readers_of_the_target_have_is_told(pair: tuple[Site, Site]) -> None:
    source, target = pair
    add_version(target, 1, "create schema s", "create table s.t as select 1 as id")
    add_version(target, 2, "insert into s.t values (2)", parent=1)
    found = promote.evidence(source, target, 1)
    assert (found.against, [d.ref for d in found.differences]) == (2, [ref("t")])


def test_a_revision_has_to_be_known_and_data_has_not(pair: tuple[Site, Site]) -> None:
    source, target = pair
    unknown = "nobody knows by which code version 1 was built"
    assert unknown not in promote.evidence(source, target, 1).missing
    assert unknown in promote.evidence(source, target, 1, revision="").missing
