"""What a promotion needs to be complete, reason by reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidegate.services.promote import Approval, Evidence, _not_approved, _not_committed, _not_judged

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
